#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# docs/tests.md names every numbered test, and only tests and files that there are.
#
#     test_table.sh SOURCE_DIR
set -eu
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
sed -n 's/^START_TEST(\([a-z0-9_]*\))$/\1/p' tests/*.c tests/*.h tests/*.cc | sort -u > "$work/tests"
grep -o '`[a-z0-9_]*`' docs/tests.md | tr -d '`' | grep _ | grep -v '^t_\|^root_lies\|^fuzz_' | sort -u > "$work/named"
comm -13 "$work/tests" "$work/named" | sed 's/$/: in docs\/tests.md, but no test/' > "$work/faults"
grep '^e[0-9]' "$work/tests" | comm -23 - "$work/named" | sed 's/$/: not in docs\/tests.md/' >> "$work/faults"
for file in $(grep -o 'tests/[a-z0-9_./]*' docs/tests.md | sort -u); do
    [ -e "$file" ] || echo "$file: in docs/tests.md, but not there" >> "$work/faults"
done
[ ! -s "$work/faults" ] || { cat "$work/faults"; failed=1; }
[ $failed -ne 0 ] || echo "$(wc -l < "$work/named") tests as docs/tests.md says"
exit $failed
