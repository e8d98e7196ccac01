$VCOL cat -c "event nMuon Muon_* HLT_IsoMu24" --format jsonl --entries 7996: events.root:Events
