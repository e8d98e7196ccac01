#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# All ROOT files of the development data, every column (digest.sh), with 16 settings of threads, chunk and memory limit. tests/full
# runs it. In chunks of one entry those of a hundred million entries are left out.
#
#     VCOL_TEST_DATA=DATA matrix.sh BUILD_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
failed=0 n=0
for threads in 1 4; do
    for chunk in all 1000 7 1; do
        for limit in 8M none; do
            setting="--threads $threads --chunk $chunk --memory-limit $limit"
            status=0
            but=
            [ $chunk != 1 ] || but="--but int_multicluster"
            # shellcheck disable=SC2086
            "$here/digest.sh" "$build" $but $setting || status=$?
            [ $status -ne 77 ] || exit 77
            [ $status -eq 0 ] || { failed=1; echo "$setting: failed"; }
            n=$((n + 1))
        done
    done
done
[ $failed -eq 0 ] && echo "$n settings, the same columns in all of them"
exit $failed
