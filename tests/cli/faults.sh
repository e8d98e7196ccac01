try() { status=0; $VCOL "$@" || status=$?; echo "status $status"; }
mkdir folder
echo "nothing of the kind" > text.root
try ls missing.root
try ls folder
try ls text.root
try ls events.root:Nothing
try head events.root:Nothing
try head -c Jet_pz events.root
try cat -c "MET_pt Nothing_*" events.root
try cat -c MET_pt missing.root
try bench read -c nothing events.root
try verify text.root
