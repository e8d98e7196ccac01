# What a tree of objects holds is what it was filled with (data/make_objects.py), for any threads, chunk and limit.
ln -s "$DATA/objects.root" "$DATA/objects.jsonl" .
columns=$(head -n 1 objects.jsonl | grep -o '[{,]"[^"]*":' | tr -d '{,":')
for setting in "" "--chunk 1 --threads 4" "--chunk 7 --threads 1 --no-prefetch" "--chunk all --memory-limit 8M"; do
    $VCOL cat --quiet $setting --columns "$columns" --format jsonl objects.root | cmp - objects.jsonl &&
        echo "$(echo "$columns" | wc -l) columns"
done
# What cannot be read is listed with its class, and its bytes as they are.
$VCOL digest objects.root | awk -F'\t' '$8 != "ok" || $4 ~ /[.]raw$/ { print $4 "\t" $7 "\t" $8 "\t" $10 "\t" $18 }'
