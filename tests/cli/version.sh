$VCOL --version
