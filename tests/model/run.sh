#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Checks buffer.pml exhaustively with spin, then each of its seeded faults, which must be found.
# Usage: run.sh [--full]; --full gives both consumers three operations (minutes, about 5 GB).
# Exit: 0 as expected, 1 not, 77 no spin or no C compiler.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-gcc}
for tool in spin "$cc"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "model: skipped: no $tool"
        exit 77
    fi
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/vcol-model.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir"
cp "$here/buffer.pml" .

operations= limit=4000
if [ "${1:-}" = --full ]; then
    operations=-DOPS1=3 limit=12000
fi

# check MEGABYTES OPTION...: spin's verdict on one variant in ./out
check() {
    megabytes=$1
    shift
    rm -f pan pan.* *.trail
    spin -a "$@" buffer.pml >spin.out 2>&1 || { cat spin.out; return 1; }
    "$cc" -O2 -w -DSAFETY -DCOLLAPSE "-DMEMLIM=$megabytes" -o pan pan.c || return 1
    ./pan -m1000000 -w24 >out 2>&1 || true
    grep -q 'errors: ' out || { cat out; return 1; }
}

bad=0
check "$limit" $operations
errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
echo "model: $states states, $errors errors"
if [ "$errors" != 0 ] || grep -q -e 'Search not completed' -e 'out of memory' -e 'max search depth' out; then
    cat out
    [ ! -f buffer.pml.trail ] || spin -t -p -g $operations buffer.pml | tail -60
    bad=1
fi

for fault in EVICT CLEAR LOADER WAITER UNPIN; do
    check 4000 "-DFAULT_$fault"
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
    if [ "$errors" = 0 ]; then
        echo "model: fault $fault: not found"
        bad=1
    else
        echo "model: fault $fault: found: $(sed -n 's/^pan:[0-9]*: //p' out | head -1)"
    fi
done
exit $bad
