try() { status=0; $ADL "$@" || status=$?; echo "status $status"; }
try --query 9 events.root
try --chunk 0 events.root
try --nonsense events.root
try --query 1 missing.root
try --query 1 --plot folder/missing.svg events.root 2>&1 > /dev/null | grep cannot
