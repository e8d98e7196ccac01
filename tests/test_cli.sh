#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The cases in tests/cli: each is a script, CASE.sh, with what it must print beside it: CASE.out, CASE.err (none: nothing)
# and CASE.code (none: 0). A case runs in a folder of its own that holds events.root and finds the commands as $VCOL and
# $ADL, the other files as $DATA/….
#
#     test_cli.sh SOURCE_DIR VCOL ADL [--update] [CASE...]
#
# --update writes what was printed as what is expected; look at the difference before you keep it.
set -eu
export LC_ALL=C
cases=$1/tests/cli data=$1/data
VCOL=$2 ADL=$3
DATA=$(cd "$data" && pwd)
export VCOL ADL DATA
shift 3
update=0
[ "${1:-}" != --update ] || { update=1; shift; }
[ $# -gt 0 ] || set -- $(cd "$cases" && ls -- *.sh | sed 's/\.sh$//')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/empty"
failed=0

keep() { # PRINTED FILE: what is expected from now on; nothing leaves no file
    if [ -s "$1" ]; then cp "$1" "$2"; else rm -f "$2"; fi
}

for case; do
    mkdir "$work/run"
    ln -s "$(cd "$data" && pwd)/events.root" "$work/run/events.root"
    code=0
    (cd "$work/run" && sh "$cases/$case.sh" > "$work/out" 2> "$work/err" < /dev/null) || code=$?
    rm -rf "$work/run"
    if [ $code -eq 0 ]; then : > "$work/code"; else echo $code > "$work/code"; fi
    for what in out err code; do
        if [ $update -eq 1 ]; then
            keep "$work/$what" "$cases/$case.$what"
        else
            expected=$cases/$case.$what
            [ -e "$expected" ] || expected=$work/empty
            cmp -s "$expected" "$work/$what" || {
                failed=1
                echo "$case: another $what"
                diff "$expected" "$work/$what" | head -n 20
            }
        fi
    done
done

[ $failed -eq 0 ] && echo "$# cases"
exit $failed
