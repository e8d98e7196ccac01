#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Seeded mutants of the development data's ROOT files through `vcol digest` and `vcol verify`, as they are and recovered: see mutants.py.
#
#     VCOL_TEST_DATA=DATA mutants.sh BUILD_DIR N [SEED]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
data=${VCOL_TEST_DATA:-}
[ -n "$data" ] && [ -d "$data/root" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
exec python3 "$here/mutants.py" "$build/bin/vcol" "$data/root" "$2" --seed "${3:-1}"
