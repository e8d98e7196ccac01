$VCOL ls --json events.root events.root:Events
