#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The RNTuples of the development data digested with 16 settings of threads, chunk and memory limit: always the reference's
# values; without a limit each page is unpacked once, whatever the chunk.
#
#     VCOL_TEST_DATA=DATA ntuples.sh BUILD_DIR
set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
data=${VCOL_TEST_DATA:-}
[ -n "$data" ] && [ -d "$data/root" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Those of a hundred million entries would be as many chunks; they are in digest.sh.
awk -F'\t' '(NR == 1 || $3 == "rntuple") && $1 !~ /int_multicluster/' "$data/expected/root.tsv" > "$work/ntuples"
files=$(tail -n +2 "$work/ntuples" | cut -f 1 | sort -u)
cd "$data/root"
failed=0 n=0 pages=
for threads in 1 4; do
    for chunk in 1 7 1000 all; do
        for limit in 8M none; do
            n=$((n + 1)) status=0
            setting="--threads $threads --chunk $chunk --memory-limit $limit"
            # Trees in the same files may have columns that cannot be read: status 1.
            # shellcheck disable=SC2086
            "$build/bin/vcol" digest --stats $setting $files > "$work/table" 2> "$work/stats" < /dev/null || status=$?
            [ $status -le 1 ] || { failed=1; tail -n 5 "$work/stats"; echo "$setting: status $status"; continue; }
            python3 "$data/../tools/compare_digest.py" "$work/ntuples" "$work/table" > "$work/compared" ||
                { failed=1; tail -n 5 "$work/compared"; echo "$setting: differs"; }
            [ $limit = none ] || continue
            unpacked=$(sed -n 's/^total: .* unpacked=\([0-9]*\) redecoded=0 .*/\1/p' "$work/stats")
            pages=${pages:-$unpacked}
            [ -n "$unpacked" ] && [ "$unpacked" = "$pages" ] ||
                { failed=1; grep '^total: ' "$work/stats"; echo "$setting: blocks are unpacked more than once"; }
        done
    done
done
[ $failed -eq 0 ] && echo "$n settings, the reference's values in all of them"
exit $failed
