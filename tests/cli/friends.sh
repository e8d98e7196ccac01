# The sample beside itself: the same values twice; with two files, each has a friend. What is no friend.
try() { status=0; $VCOL "$@" || status=$?; [ $status -eq 0 ] || echo "status $status"; }
cp events.root again.root
try ls --friend twin=again.root:Events events.root:Events | grep MET
try cat --friend twin=again.root:Events -c "event twin.event Jet_pt twin.Jet_pt" --entries 10:12 events.root:Events
try cat --friend "t=*.root:Events" -c "event t.event" events.root again.root > two
cut -d , -f 1 two > own
cut -d , -f 2 two | sed 's/t\.//' > friend
cmp own friend && wc -l < own
try cat --friends --entries 0:1 -c event events.root
try ls --friend twin=nowhere.root:Events events.root:Events
try ls --friend "t=*.root:Events" events.root:Events
try ls --friend twin events.root:Events
# By the numbers of the entries, not by their places: of the sample as its own friend, the same entries again.
try cat --friend twin=again.root:Events --by "run event" -c "event twin.event" --entries 10:12 events.root
try cat --friend twin=again.root:Events --by "run MET_pt" -c event events.root
try cat --friend twin=again.root:Events --by "a b c" -c event events.root
