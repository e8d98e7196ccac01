# The analysis of top quark pairs: its picture, its steps' times, what it answers to what it cannot do.
bin=$(dirname "$VCOL")
data=$(dirname "$(readlink events.root)")
$bin/vcol-ttbar --mode plan --plot a.svg --times $data/ttbar.root > csv 2> report
head -n 4 csv
sed 's/: .*/: .../; s/^[0-9]* events .*/N events .../' report
grep -c polyline a.svg
head -c 4 a.svg && echo
$bin/vcol-ttbar --mode all events.root; echo $?
$bin/vcol-ttbar --chunk 0 events.root; echo $?
$bin/vcol-ttbar --jobs events.root; echo $?
$bin/vcol-ttbar --fast events.root; echo $?
$bin/vcol-ttbar nothing.root; echo $?
$bin/vcol-ttbar events.root; echo $?
$bin/vcol-ttbar --mode plan events.root; echo $?
$bin/vcol-ttbar --plot nowhere/a.svg --chunk 1M $data/ttbar.root 2>&1 > csv | grep -v ' events in '
echo $(wc -l < csv)
$bin/vcol-ttbar 2>&1 | head -n 1
$bin/vcol-ttbar --help
for bytes in 17E 99999999999999999999 12MM 1k -1 ''; do
    $bin/vcol-ttbar --memory-limit "$bytes" events.root 2> /dev/null; echo $?
done
$bin/vcol-ttbar --chunk 2k --memory-limit 64M --lookahead 1M --threads=3 $data/ttbar.root 2> /dev/null | cmp - csv && echo same
