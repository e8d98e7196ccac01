$VCOL head -n 4 -c "run event HLT_IsoMu24 MET_pt Muon Jet_pt" events.root
$VCOL head -n 0 -c nJet events.root:Events
$VCOL head -n 2 events.root
