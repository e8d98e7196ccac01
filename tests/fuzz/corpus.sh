#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The corpora are what the targets write themselves.
#
#     corpus.sh CORPUS FOLDER_OF_PROGRAMS TARGET…
set -eu
corpus=$1
programs=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for target in "$@"; do
    mkdir "$work/$target"
    "$programs/fuzz_$target" --seeds "$work/$target"
done
cp "$corpus/README.md" "$work"
diff -r "$corpus" "$work"
