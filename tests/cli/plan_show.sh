# What a plan means for a table, for all of it and for a chunk; as JSON; without a table; what is wrong with a file.
cat > a.plan <<'END'
vcol plan 1
step select
uses Jet_pt Jet_eta nMuon
makes sel_pt
step vary
uses sel_* Jet_phi
makes varied
step fill
uses varied MET_pt
folds 1 2 5
step last unknown
uses run
size sel_pt 60000
END
$VCOL plan show a.plan events.root
echo; $VCOL plan show --chunk 2000 a.plan events.root:Events | head -n 1
$VCOL plan show a.plan | head -n 4
$VCOL plan show --json a.plan events.root | head -n 3
try() { status=0; "$@" || status=$?; echo "status $status"; }
try $VCOL plan show none.plan
echo "vcol plan 1" > b.plan; echo "steps a" >> b.plan
try $VCOL plan show b.plan
echo "vcol plan 2" > b.plan
try $VCOL plan show b.plan events.root
try $VCOL plan show a.plan none.root
try $VCOL plan nothing
