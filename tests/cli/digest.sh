$VCOL digest events.root
