# The entry with a run and an event number; none; no index; what is no number.
try() { status=0; $VCOL "$@" || status=$?; [ $status -eq 0 ] || echo "status $status"; }
$VCOL cat -c "run event" --entries 4321:4322 events.root
try find -c "run event" events.root 2 322013218
for number in 7 1000003; do try find -c event events.root $number; done
try find events.root 1 1000003
try find -c "run event x" events.root 1
try find -c "run event" events.root 1 1e6
try find -c "run event" events.root -- -1 5
