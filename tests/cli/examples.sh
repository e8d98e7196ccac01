bin=$(dirname "$VCOL")
$bin/example_histogram events.root
$bin/example_derived events.root
