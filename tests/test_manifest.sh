#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every file in data/ has its line in data/MANIFEST, with the right sum, and every line its file.
#
#     test_manifest.sh SOURCE_DIR
set -eu
cd "$1/data"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# file, sha256, origin, writer: separated by tabs; lines with # are comments.
grep -v '^#' MANIFEST | cut -f1 | sort > "$work/listed" || :
find . -type f ! -name MANIFEST ! -name README.md | sed 's,^\./,,' | sort > "$work/there"
comm -23 "$work/there" "$work/listed" | sed 's/$/: not in data\/MANIFEST/' > "$work/faults"
comm -13 "$work/there" "$work/listed" | sed 's/$/: in data\/MANIFEST, but not there/' >> "$work/faults"
[ ! -s "$work/faults" ] || { failed=1; cat "$work/faults"; }
grep -v '^#' MANIFEST | awk -F'\t' 'NF != 4 { print "not four fields: " $0; bad = 1 } END { exit bad }' || failed=1
grep -v '^#' MANIFEST | awk -F'\t' '{ print $2 "  " $1 }' > "$work/sums"
[ ! -s "$work/sums" ] || sha256sum --quiet --check "$work/sums" || failed=1

[ $failed -eq 0 ] && echo "$(wc -l < "$work/there") files as data/MANIFEST says"
exit $failed
