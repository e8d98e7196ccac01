# The same table for any chunk, threads, limit and prefetch; each basket is unpacked once, and counted.
$VCOL digest events.root > expected
for setting in "--chunk 1 --threads 2" "--chunk 7 --threads 7" "--chunk 1000 --no-prefetch" "--chunk clusters" \
    "--chunk all --memory-limit 8M"; do
    $VCOL digest --stats $setting events.root 2> stats | cmp - expected && echo same
    sed -n '/^events.root: /s/ peak=.*//p' stats
done
