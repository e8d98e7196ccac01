#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The eight ADL queries give the reference histograms, whatever the chunk, the threads and the limit: on the 1,000 events
# of the development data, or on event files of 200,000 events (made as the data's adl/README.md says), if they are given.
#
#     VCOL_TEST_DATA=DATA adl.sh BUILD_DIR [FILE...]
set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
shift
data=${VCOL_TEST_DATA:-}
[ -n "$data" ] && [ -d "$data/adl" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
if [ $# -eq 0 ]; then
    set -- "$data/root/Run2012B_SingleMu_1000.root"
    reference=$data/adl/histograms-1000.tsv
    small=7
else
    reference=$data/adl/histograms-200k.tsv
    small=777
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The reference as the command prints it; the order of lines is free.
tail -n +2 "$reference" | tr -d '\r' | tr '\t' ',' | sort > "$work/want"
[ -s "$work/want" ] || { echo "no histograms in $reference"; exit 1; }

failed=0 n=0
run() { # file, options
    file=$1
    shift
    n=$((n + 1))
    if ! "$build/bin/vcol-adl" "$@" "$file" > "$work/csv" 2> "$work/messages"; then
        failed=1
        tail -n 5 "$work/messages"
        echo "vcol-adl $* $file: failed"
        return
    fi
    [ "$(head -n 1 "$work/csv")" = "query,histogram,bin,count" ] || { failed=1; echo "vcol-adl $*: the header is wrong"; }
    tail -n +2 "$work/csv" | sort > "$work/got"
    cmp -s "$work/want" "$work/got" || {
        failed=1
        echo "vcol-adl $* $file: differs from the reference:"
        diff "$work/want" "$work/got" | head -n 10
    }
}

for file in "$@"; do
    run "$file" --query all
    run "$file" --query all --chunk $small --threads 1 --memory-limit 16M
    run "$file" --query all --chunk 1k --threads 7 --memory-limit 16M
    run "$file" --query all --chunk 100k --threads 2 --memory-limit 64M
    run "$file" --query all --chunk clusters --threads 2
    run "$file" --query all --chunk all --threads 4 --no-prefetch
done
# Each query alone.
cp "$work/want" "$work/all"
for query in 1 2 3 4 5 6 7 8; do
    grep "^$query," "$work/all" > "$work/want"
    run "$1" --query $query
done

[ $failed -eq 0 ] && echo "$n runs, the reference's histograms in all of them"
exit $failed
