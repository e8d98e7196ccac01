#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The table of `vcol digest` over all ROOT files of the development data, against the reference values: all plain columns
# of all trees must be equal (compare_digest.py says "15278 of 15278"), and all others but those of root_known.txt.
#
#     VCOL_TEST_DATA=DATA digest.sh BUILD_DIR [--but PATTERN] [OPTION of vcol digest...]
#
# --but: files whose names match are left out.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
but=/ # no name has that
[ "${1:-}" != --but ] || { but=$2; shift 2; }
data=${VCOL_TEST_DATA:-}
[ -n "$data" ] && [ -d "$data/root" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in root root-flat; do
    awk -F'\t' -v but="$but" 'NR == 1 || $1 !~ but' "$data/expected/$name.tsv" > "$work/$name.tsv"
done
for file in "$data"/root/*.root; do
    echo "${file##*/}" | grep -qE "$but" || echo "$file"
done > "$work/files"

# Some of the files hold no table or cannot be opened: status 1 is right, anything above is not.
status=0
# shellcheck disable=SC2046
"$build/bin/vcol" digest "$@" $(cat "$work/files") > "$work/table" 2> "$work/messages" || status=$?
if [ $status -gt 1 ]; then
    tail -n 20 "$work/messages"
    echo "vcol digest ended with status $status"
    exit 1
fi
compare="$data/../tools/compare_digest.py"
python3 "$compare" --rows "$work/root-flat.tsv" "$work/root.tsv" "$work/table"

# All other columns of trees: equal, but for those that are known to be otherwise.
awk -F'\t' 'NR == 1 || $3 == "ttree"' "$work/root.tsv" > "$work/trees"
python3 "$compare" --show 100000 "$work/trees" "$work/table" > "$work/compared" || :
tail -n 1 "$work/compared"
grep -v '^#' "$here/root_known.txt" > "$work/known"
if grep -E '^(different|missing|unsupported): ' "$work/compared" | sed 's/ (.*//; s/$/ /' | grep -vE -f "$work/known"; then
    echo "these columns are not as they should be"
    exit 1
fi

# All columns of RNTuples (compare_digest.py says "9238 of 9238").
awk -F'\t' 'NR == 1 || $3 == "rntuple"' "$work/root.tsv" > "$work/ntuples"
python3 "$compare" "$work/ntuples" "$work/table"

# The same events as a tree and as an ntuple: all shared columns have the same values and levels, but for the numbers of items,
# whose type differs, and for NaNs, whose bits may.
awk -F'\t' '
    $1 ~ /nano_(dimuon|dy)(_rntuple)?\.root$/ && $2 == "Events" && $8 == "ok" {
        pair = $1; sub(/.*\//, "", pair); is = sub(/_rntuple/, "", pair)
        value = $11 == "int64" || $17 + 0 > 0 ? "" : $10 " " $11 " " $12 " " $13
        if (is) ntuple[pair, $4] = value; else { tree[pair, $4] = value; n_tree++ }
    }
    END {
        for (k in tree)
            if (k in ntuple && tree[k] != "" && ntuple[k] != "") {
                n++
                if (tree[k] != ntuple[k]) { split(k, part, SUBSEP); print part[1] ": " part[2] " differs from its ntuple"; bad = 1 }
            }
        print n + 0 " columns shared by trees and ntuples of the same events"
        exit bad || n < 2500
    }' "$work/table"
