# The same bytes for any chunk, threads, limit and prefetch.
$VCOL cat -c "event Jet Electron_pt" events.root > expected
for setting in "--chunk 1999 --threads 1" "--chunk clusters --threads 7" "--chunk all --no-prefetch" \
    "--chunk 10 --memory-limit 256K" "--chunk 1k --memory-limit 8M --threads 2"; do
    $VCOL cat $setting -c "event Jet Electron_pt" events.root | cmp - expected && echo same
done
wc -l < expected
