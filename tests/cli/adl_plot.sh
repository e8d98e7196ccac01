$ADL --plot all.svg events.root > /dev/null 2>&1
grep -c '<path class="bins"' all.svg
$ADL --query 6 --plot six.svg events.root > /dev/null 2>&1
grep -c '<path class="bins"' six.svg
python3 -c 'import sys, xml.dom.minidom as x; [x.parse(p) for p in sys.argv[1:]]' all.svg six.svg && echo well-formed
