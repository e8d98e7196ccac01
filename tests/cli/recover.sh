# A file that was cut: behind its tree's record, and before it. Without --recover it is an error.
python3 - <<'END'
data = open("events.root", "rb").read()
at = int.from_bytes(data[8:12], "big")
while data[at + 26:at + 32] != b"\5TTree" and data[at + 34:at + 40] != b"\5TTree":
    at += int.from_bytes(data[at:at + 4], "big")
tree = at + int.from_bytes(data[at:at + 4], "big")
open("cut.root", "wb").write(data[:tree + 100])
open("short.root", "wb").write(data[:at - 1])
END
try() { status=0; $VCOL "$@" || status=$?; [ $status -eq 0 ] || echo "status $status"; }
try ls cut.root
try ls --recover cut.root
try ls --recover --json cut.root | head -c 200
echo
try head --recover -n 3 -c "event MET_pt" cut.root
$VCOL digest events.root | cut -f 2- > whole
$VCOL digest --recover cut.root | cut -f 2- > cut
cmp whole cut && echo equal
try verify --recover cut.root
try ls --recover short.root
try head --recover short.root:Events
try cat --recover events.root --entries 0:1 -c event
