# Each query alone, any chunk, jobs, threads and limit: the same histograms.
$ADL events.root > expected 2> /dev/null
sed 1d expected > rows
for query in 1 2 3 4 5 6 7 8; do
    $ADL --query $query --chunk 777 --threads 2 events.root 2> /dev/null | sed 1d
done | cmp - rows && echo same
for setting in "--chunk 1 --threads 7" "--chunk all --no-prefetch" "--chunk clusters --memory-limit 16M" \
    "--chunk 100 --jobs 4 --threads 2" "--chunk 333 --jobs 3 --memory-limit 2M" "--chunk 50 --jobs 0" "--chunk 70 --jobs 8 --no-prefetch"; do
    $ADL $setting events.root 2> /dev/null | cmp - expected && echo same
done
