#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Jobs over ranks give what one process gives, whatever fails on the way.
#
#     run.sh RANKS EXAMPLE MPIRUN FILE
set -eu
ranks=$1 example=$2 mpirun=$3 file=$4
[ -x "$mpirun" ] || { echo "no mpirun"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# As root, and more ranks than cores: this is a test. A parent that is in an MPI job itself is not to be seen.
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
failed=0 n=0

over() { # ranks, program and arguments; output in $work/out, sorted: ranks print when they like
    count=$1
    shift
    rm -rf "$work/marks"
    mkdir "$work/marks"
    # The limit is for mpirun itself, which now and then waits for ever while it ends ranks (a lock in its PMIx server).
    timeout -k 5 100 "$mpirun" -n "$count" --oversubscribe --allow-run-as-root "$@" > "$work/raw" 2> "$work/err" < /dev/null && code=0 || code=$?
    sort "$work/raw" > "$work/out"
}

expect() { # what, a pattern that some line of the output must match, ...
    what=$1
    shift
    n=$((n + 1))
    for pattern in "$@"; do
        grep -Eq "$pattern" "$work/out" || {
            failed=1
            echo "$what: no line is like: $pattern"
            sed 's/^/  /' "$work/out" "$work/err"
        }
    done
    if grep -q 'begins,' "$work/out"; then
        failed=1
        echo "$what: hooks do not agree"
    fi
}

over 1 "$ranks" one "$file"
one=$(grep "^result" "$work/out" | sed "s,+,[+],")
case $one in "result VCOL_OK "*" merged 115 finished 1") ;; *) echo "one process: $one"; cat "$work/err"; exit 1 ;; esac

for count in 1 2 4; do
    for mode in plain jobs; do
        over $count "$ranks" $mode "$file"
        expect "$mode, $count ranks" "^$one\$" "^lost 0 of $count retries none\$"
    done
done
over 3 "$ranks" large "$file"
expect "large states" "^result VCOL_OK .* merged 115 finished 1\$" "^lost 0 of 3 retries none"
over 4 "$ranks" again "$file"
expect "runs one after the other" "^$one\$" "merged 97 finished 1" "merged 84 finished 1" "merged 74 finished 1"
over 3 "$ranks" fail "$file" "$work/marks"
expect "chunks that fail on one rank" "^$one\$" "^lost 0 of 3 retries some\$"
over 4 "$ranks" always "$file"
expect "a chunk that fails everywhere" "^result VCOL_CALLBACK .* merged 3 finished 0\$" "^lost 0 of 4 retries some" \
    "^error chunk 3 says no\$" "^told VCOL_CALLBACK"
[ "$(grep -c '^told VCOL_CALLBACK' "$work/out")" -eq 3 ] || { failed=1; echo "not all ranks were told"; }
over 3 "$ranks" stop "$file"
expect "a stop" "^result VCOL_END .* merged 5 finished 0\$" "^told VCOL_END"
over 3 "$ranks" missing "$file"
expect "a rank without the file" "^$one\$" "^lost 1 of 3 .*rank 1 was given up: no_such.root"
over 3 "$ranks" other "$file"
expect "a rank with another data set" "^$one\$" "^lost 1 of 3 .*rank 1 was given up: its data set is not the same"
over 3 "$ranks" columns "$file"
expect "no rank can" "^result VCOL_NOT_FOUND .* merged 0 finished 0\$" "^lost 3 of 3" "^error .*no_such"
over 3 "$ranks" lost "$file" "$work/marks"
expect "a rank that is silent, and comes back when all is over" "^$one\$" "^lost 1 of 3 retries some: rank 1 was given up: it has not been heard of"
over 3 "$ranks" dead "$file" "$work/marks"
n=$((n + 1))
[ "$code" -ne 0 ] && grep -q "signal 9" "$work/err" || { failed=1; echo "a dead rank was not reported ($code)"; cat "$work/err"; }

over 1 "$example" "$file"
cp "$work/raw" "$work/example"
n=$((n + 1))
[ -s "$work/example" ] && grep -q GeV "$work/example" || { failed=1; echo "the example says nothing"; cat "$work/err"; }
over 4 "$example" "$file"
n=$((n + 1))
cmp "$work/raw" "$work/example" || { failed=1; echo "the example gives another result on four ranks"; }

[ $failed -eq 0 ] && echo "$n runs over ranks as they should be"
exit $failed
