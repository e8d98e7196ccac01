$VCOL cat -c "event,nJet MET_pt Muon_charge Jet_pt" --entries 1998:2004 events.root
