#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The README's C example compiles without a warning and runs on the event file in data/.
#
#     test_readme.sh SOURCE_DIR BUILD_DIR CC [FLAGS]
set -eu
source=$1 build=$2 cc=$3 flags=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/^```c$/,/^```$/{/^```/!p}' "$source/README.md" > "$work/example.c"
# shellcheck disable=SC2086
$cc -std=c11 -Wall -Wextra -Werror $flags -I"$source/include" "$work/example.c" -o "$work/example" \
    -L"$build" -lvcol -Wl,-rpath,"$build"
"$work/example" "$source/data/events.root" > "$work/out"
cat "$work/out"
grep -Eq '^[1-9][0-9]* jets in [1-9][0-9]* events$' "$work/out"
