$VCOL help bench read
$VCOL cat --help
