bin=$(dirname "$VCOL")
$bin/example_histogram events.root
$bin/example_derived events.root
$bin/example_steps events.root a.plan
$VCOL plan show a.plan events.root
