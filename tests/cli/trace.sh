# A trace of each command that reads, and its sum: what does not depend on the machine.
$VCOL cat -c MET_pt --chunk 1k --trace cat.json events.root > /dev/null && echo cat
$VCOL digest --no-prefetch --trace digest.json events.root > /dev/null && echo digest
$ADL --query 1 --chunk 1k --no-prefetch --trace adl.json events.root > /dev/null 2>&1 && echo adl
for file in cat digest adl; do
    python3 -m json.tool $file.json > /dev/null && echo "$file.json is JSON"
    $VCOL trace summary --json $file.json | sed 's/.*"bytes_twice"/"bytes_twice"/; s/,"peak".*"dropped"/ "dropped"/'
done
$VCOL bench read -c MET_pt --no-prefetch --trace bench.json events.root | grep -c MB/s
$VCOL trace summary bench.json | sed 's/[0-9.][0-9.]* s/N s/g; s/[0-9.][0-9.]* %/N %/g' | grep -E '^(read|blocks|waited)'
$VCOL bench read -c "MET_pt Jet_pt" --column-stats --no-prefetch --chunk 1k events.root | sed '1,/^$/d' | awk '{ print $1, $2, $4 }'
# The columns that a query needs, learned from a few entries, are a list for every command.
$ADL --query 5 --learn 100 events.root 2> /dev/null
$VCOL bench read --json -c "$($ADL --query 6 --learn 500 events.root 2> /dev/null)" events.root | sed 's/,"chunks.*//'
# What cannot be.
try() { status=0; $VCOL "$@" || status=$?; echo "status $status"; }
try trace summary missing.json
try trace summary events.root
echo '{"traceEvents": 1}' > bad.json
try trace summary bad.json
echo '{"traceEvents": [{"ph": "X", "ts": 1}]}' > bad.json
try trace summary bad.json
echo '[]' > empty.json
try trace summary --json empty.json
try trace
try cat -c MET_pt --trace missing/trace.json --entries 0:1 events.root
try digest --trace two.json events.root events.root
