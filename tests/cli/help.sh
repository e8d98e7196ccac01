$VCOL help
