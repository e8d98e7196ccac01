$VCOL ls events.root
$VCOL ls events.root:Events
