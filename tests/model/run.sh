#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Checks buffer.pml, then spill.pml, and beside them limit.pml exhaustively with spin, then each of their seeded faults, which must be
# found.
#
#     run.sh [--quick|--full] [BUILD]
#
# buffer.pml: operations of the two consumers are 2 and 2 with --quick (seconds), 3 and 3 with --full (minutes, 6 GB), else 3 and
# 2 (two minutes, 2 GB). limit.pml: 1 and 1 with --quick, with a hard limit and, but for --full, with memory that is lent, else 1 and 2 (1 GB). BUILD is what .ci/run gives to
# its steps; it is not needed.
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
mode=${1:-}

# check MODEL MEGABYTES OPTIMIZE OPTION...: spin's verdict on one variant in ./out
check() {
    model=$1 megabytes=$2 optimize=$3
    shift 3
    rm -f pan pan.* ./*.trail
    spin -a "$@" "$here/$model.pml" >spin.out 2>&1 || { cat spin.out; return 1; }
    # endless: is there a run that never ends? None of the models has a place that such a run may pass.
    "$cc" "$optimize" -w "-D${endless:-SAFETY}" -DCOLLAPSE "-DMEMLIM=$megabytes" -o pan pan.c || return 1
    ./pan ${endless:+-l} -m1000000 -w24 >out 2>&1 || true
    grep -q 'errors: ' out || { cat out; return 1; }
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
}

# holds NAME MODEL MEGABYTES OPTION...: no error in any state; a line with their number.
holds() {
    name=$1 model=$2 megabytes=$3
    shift 3
    check "$model" "$megabytes" -O1 "$@" || return 1
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
    echo "$name: $states states, $errors errors"
    if [ "$errors" != 0 ] || grep -q -e 'Search not completed' -e 'out of memory' -e 'max search depth' out; then
        cat out
        trail=$(ls ./*.trail 2>/dev/null || true)
        [ -z "$trail" ] || spin -t -k "$trail" -p -g "$@" "$here/$model.pml" | tail -60
        return 1
    fi
}

# finds MODEL FAULT OPTION...
finds() {
    model=$1 fault=$2
    shift 2
    check "$model" 4000 -O0 "-DFAULT_$fault" "$@" || return 1
    if [ "$errors" = 0 ]; then
        echo "model: fault $fault: not found"
        return 1
    fi
    echo "model: fault $fault: found: $(sed -n 's/^pan:[0-9]*: //p' out | head -1 | cut -c1-90)"
}

buffer() {
    bad=0
    case $mode in
    --quick) holds "model" buffer 4000 -DOPS0=2 || bad=1 ;;
    --full) holds "model" buffer 12000 -DOPS1=3 || bad=1 ;;
    *) holds "model" buffer 4000 || bad=1 ;;
    esac
    for fault in EVICT CLEAR LOADER WAITER UNPIN AGAIN LEASE; do
        finds buffer "$fault" -DOPS0=2 || bad=1
    done
    return $bad
}

spill() {
    bad=0
    holds "model of spilling" spill 3000 -DOPS0=1 || bad=1
    endless=NP
    holds "model of spilling, endless runs" spill 3000 -DOPS0=1 || bad=1
    finds spill EVENT -DOPS0=1 || bad=1
    endless=
    case $mode in
    --quick) ;;
    --full) holds "model of spilling, prefetched" spill 6000 || bad=1 ;;
    *) holds "model of spilling, prefetched" spill 3000 -DOPS1=1 || bad=1 ;;
    esac
    for fault in KEEP LATE READ FLAG WAKE MOVING; do
        finds spill "$fault" -DOPS0=1 || bad=1
    done
    return $bad
}

limit() {
    bad=0
    if [ "$mode" = --quick ]; then
        holds "model of the limit" limit 3000 || bad=1
    else
        holds "model of the limit" limit 3000 -DOPS1=2 || bad=1
        holds "model of the hard limit" limit 3000 -DHARD || bad=1
    fi
    case $mode in
    --full) holds "model of lent memory" limit 6000 -DLENDS -DOPS1=2 || bad=1 ;;
    *) holds "model of lent memory" limit 3000 -DLENDS || bad=1 ;;
    esac
    finds limit DRAIN -DLENDS || bad=1
    for fault in CREDIT KICK RUNNABLE FAILED PREFETCH BLOCKED MOVING SETTLED PLAN TAKEN ENDED; do
        finds limit "$fault" || bad=1
    done
    return $bad
}

endless=
mkdir "$dir/buffer" "$dir/limit"
(cd "$dir/buffer" && { buffer || no=1; spill || no=1; [ -z "${no:-}" ]; } >../buffer.log 2>&1) &
first=$!
bad=0
(cd "$dir/limit" && limit >../limit.log 2>&1) || bad=1
wait $first || bad=1
cat "$dir/buffer.log" "$dir/limit.log"
exit $bad
