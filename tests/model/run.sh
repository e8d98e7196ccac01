#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Checks buffer.pml exhaustively with spin, then each of its seeded faults, which must be found.
#
#     run.sh [--quick|--full] [BUILD]
#
# Operations of the two consumers: 2 and 2 with --quick (seconds), 3 and 3 with --full (minutes, 6 GB), else 3 and 2
# (two minutes, 2 GB). BUILD is what .ci/run gives to its steps; it is not needed.
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

limit=4000
operations=""
case ${1:-} in
--quick) operations=-DOPS0=2 ;;
--full) operations=-DOPS1=3 limit=12000 ;;
esac

# check MEGABYTES OPTIMIZE OPTION...: spin's verdict on one variant in ./out
check() {
    megabytes=$1 optimize=$2
    shift 2
    rm -f pan pan.* buffer.pml.trail
    spin -a "$@" buffer.pml >spin.out 2>&1 || { cat spin.out; return 1; }
    "$cc" "$optimize" -w -DSAFETY -DCOLLAPSE "-DMEMLIM=$megabytes" -o pan pan.c || return 1
    ./pan -m1000000 -w24 >out 2>&1 || true
    grep -q 'errors: ' out || { cat out; return 1; }
}

bad=0
# shellcheck disable=SC2086
check "$limit" -O2 $operations
errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
echo "model: $states states, $errors errors"
if [ "$errors" != 0 ] || grep -q -e 'Search not completed' -e 'out of memory' -e 'max search depth' out; then
    cat out
    [ ! -f buffer.pml.trail ] || spin -t -p -g $operations buffer.pml | tail -60
    bad=1
fi

for fault in EVICT CLEAR LOADER WAITER UNPIN AGAIN LEASE; do
    check 4000 -O0 "-DFAULT_$fault" -DOPS0=2
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
    if [ "$errors" = 0 ]; then
        echo "model: fault $fault: not found"
        bad=1
    else
        echo "model: fault $fault: found: $(sed -n 's/^pan:[0-9]*: //p' out | head -1)"
    fi
done
exit $bad
