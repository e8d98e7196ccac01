#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A seeded fault must be found: its test, CASE, passes in the program without faults and fails in the one with it.
#
#     expect.sh CASE GOOD_PROGRAM FAULTY_PROGRAM
set -eu
case=$1 good=$2 faulty=$3
export CK_FORK=no CK_RUN_CASE="$case"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if ! "$good" > "$log" 2>&1; then
    cat "$log"
    echo "$case: fails without the fault"
    exit 1
fi
status=0
VCOL_WATCHDOG=${VCOL_WATCHDOG:-10} "$faulty" > "$log" 2>&1 || status=$?
if [ $status -eq 0 ] || [ $status -eq 126 ] || [ $status -eq 127 ]; then
    cat "$log"
    echo "$case: the fault was not found (status $status)"
    exit 1
fi
found=$(grep -E -m 1 '(life|limit).c:[0-9]+:[FE]|life.c: hung|watchdog: nothing|not so: |ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error' "$log" || true)
echo "$case: found: ${found:-status $status}"
