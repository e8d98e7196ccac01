#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Ten files digested with 6 settings of threads, chunk and memory limit, or with all 36: the tables are equal to the
# reference and among each other, and by --stats the chunks are ceil(entries / N) of every tree, each basket of the
# columns was unpacked once (but for what had to be dropped and was counted), and the peak is within the limit where
# nothing was granted over it.
#
#     VCOL_TEST_DATA=DATA settings.sh BUILD_DIR [all]
set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
which=${2:-some}
data=${VCOL_TEST_DATA:-}
[ -n "$data" ] && [ -d "$data/root" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# zlib, lzma, lz4, zstd, none; ROOT 5 and 6; strings, vectors, fixed arrays, counted arrays; many small baskets.
files="Run2012B_SingleMu_1000.root gohep-leaves.root unroot-TLeafC_pr342.root
    unroot-tree_with_vector_multiple_baskets.root uproot-HZZ-lz4.root uproot-HZZ-lzma.root uproot-HZZ-zstd.root
    uproot-issue-750.root uproot-sample-5.23.02-zlib.root uproot-sample-6.18.00-uncompressed.root"

# threads, chunk, limit in bytes (0 = none)
some() {
    echo "1 1 8388608"
    echo "2 7 67108864"
    echo "7 1 0"
    echo "7 1000 8388608"
    echo "1 1000 0"
    echo "2 all 67108864"
}
every() {
    for threads in 1 2 7; do
        for chunk in 1 7 1000 all; do
            for limit in 8388608 67108864 0; do
                echo "$threads $chunk $limit"
            done
        done
    done
}

cd "$data/root"
case $which in
all) every > "$work/settings" ;;
*) some > "$work/settings" ;;
esac
failed=0 n=0
while read -r threads chunk limit; do
    n=$((n + 1))
    name="--threads $threads --chunk $chunk"
    [ "$limit" -eq 0 ] || name="$name --memory-limit $limit"
    status=0
    # shellcheck disable=SC2086
    "$build/bin/vcol" digest --stats $name $files > "$work/table" 2> "$work/stats" < /dev/null || status=$?
    if [ $status -ne 0 ]; then
        failed=1
        grep -v ': chunks=' "$work/stats" | tail -n 5
        echo "$name: status $status"
        continue
    fi
    if [ $n -eq 1 ]; then
        cp "$work/table" "$work/first"
        # shellcheck disable=SC2086
        python3 "$data/../tools/compare_digest.py" --rows "$data/expected/root-flat.tsv" "$data/expected/root.tsv" \
            "$work/table" --files $files || failed=1
    elif ! cmp -s "$work/first" "$work/table"; then
        failed=1
        echo "$name: the table differs from that of the first setting"
        diff "$work/first" "$work/table" | head -n 4
    fi
    # The reference's entries of each tree give the chunks; the files' lines "FILE: name=value ..." give the rest.
    awk -v chunk="$chunk" -v limit="$limit" -v setting="$name" -v files="$files" '
        function fault(text) { if (bad++ < 5) print setting ": " file ": " text }
        BEGIN { FS = "\t" }
        NR == FNR { if ($3 == "ttree") want[$1] += chunk == "all" ? ($6 > 0) : int(($6 + chunk - 1) / chunk); next }
        match($0, /: chunks=/) {
            file = substr($0, 1, RSTART - 1)
            if (file == "total") next
            seen++
            pairs = split(substr($0, RSTART + 2), pair, " ")
            for (i = 1; i <= pairs; i++) { split(pair[i], kv, "="); v[kv[1]] = kv[2] + 0 }
            if (v["chunks"] != want[file]) fault(v["chunks"] " chunks, not " want[file])
            if (v["limit"] != limit) fault("the limit is " v["limit"])
            if (v["unpacked"] - v["redecoded"] != v["baskets"])
                fault(v["unpacked"] " baskets unpacked, " v["redecoded"] " of them again, of " v["baskets"])
            if (limit > 0 && v["overcommits"] == 0 && v["peak"] > limit) fault("the peak is " v["peak"])
        }
        END {
            if (seen != split(files, unused, " ")) { print setting ": statistics of " seen + 0 " files"; bad = 1 }
            exit bad > 0
        }' "$data/expected/root_objects.tsv" "$work/stats" || failed=1
done < "$work/settings"

[ $failed -eq 0 ] && echo "$n settings, one table"
exit $failed
