# Numbers that do not depend on the machine.
$VCOL bench read --json --threads 2 --chunk 1k events.root |
    sed 's/,"wall_seconds.*"blocks_unpacked"/ "blocks_unpacked"/; s/,"stored_mb.*//'
$VCOL bench read -c "Jet MET_pt" --no-prefetch events.root | sed -n 1,4p
