# Every misuse is status 2, one line on stderr, nothing on stdout.
try() { status=0; $VCOL "$@" || status=$?; echo "status $status"; }
$VCOL 2> /dev/null; echo "status $?"
try nonsense
try bench
try plan
try bench write events.root
try ls
try ls --nonsense events.root
try head events.root events.root
try head -n many events.root
try head -n
try cat --entries 5 events.root
try cat --entries 5:2 events.root
try cat --format xml events.root
try digest --chunk 0 events.root
try digest --chunk 1g events.root
try digest --chunk 99999999999999999999 events.root
try digest --threads=-1 events.root
try digest --memory-limit 8X events.root
try digest --memory-limit 99999999999999999G events.root
try digest --no-prefetch=1 events.root
try help nonsense
