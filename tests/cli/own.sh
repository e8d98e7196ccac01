# What trees hold of ROOT's classes that stream themselves is what they were filled with (data/make_own.py), for any threads, chunk and limit.
ln -s "$DATA/own.root" "$DATA/own.jsonl" .
events=$(($(wc -l < own.jsonl) / 2))
for tree in whole split; do
    [ $tree = whole ] && head -n $events own.jsonl > wanted || tail -n $events own.jsonl > wanted
    columns=$(head -n 1 wanted | grep -o '[{,]"[^"]*":' | tr -d '{,":')
    for setting in "" "--chunk 1 --threads 4" "--chunk 7 --threads 1 --no-prefetch" "--chunk all --memory-limit 8M"; do
        $VCOL cat --quiet $setting --columns "$columns" --format jsonl own.root:$tree | cmp - wanted &&
            echo "$tree: $(echo "$columns" | wc -l) columns"
    done
done
# A tree without entries tells the same columns, but for what ROOT would have told of objects that were written.
$VCOL ls own.root:none | grep -c fElements
# What cannot be read: items of a class that is derived from a matrix, stored member by member.
$VCOL digest own.root 2> /dev/null | awk -F'\t' '$8 != "ok" || $4 ~ /[.]raw$/ { sub(/.*: /, "", $18); print $2 "\t" $4 "\t" $7 "\t" $8 "\t" $10 "\t" $18 }'
