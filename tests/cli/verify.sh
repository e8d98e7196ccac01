$VCOL verify events.root
