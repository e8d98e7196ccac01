#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs fuzz targets one after the other, SECONDS each, from their corpora (and pieces of the development data, where
# VCOL_TEST_DATA names it), and prints the command and the last line of statistics of each. Ends with 1 if there was a
# finding, whose input is then in BUILD_DIR/fuzz/found.
#
#     run.sh BUILD_DIR SECONDS [TARGET...]         a build with VCOL_BUILD_FUZZ; targets: file streamer tree basket …
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
seconds=$2
shift 2
[ $# -gt 0 ] || set -- file streamer tree basket object codec options plan trace ntuple_header ntuple_footer ntuple_list \
    ntuple_page
work=${VCOL_FUZZ_WORK:-$build/fuzz}
mkdir -p "$work"
if [ -n "${VCOL_TEST_DATA:-}" ] && [ ! -d "$work/extra" ]; then
    python3 "$here/extract.py" "$work/extra" "$VCOL_TEST_DATA"/root/*.root
fi
# Small quarantines: most of the time of an opening goes into fresh memory.
ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=1:thread_local_quarantine_size_kb=64:max_malloc_fill_size=0}
export ASAN_OPTIONS
failed=0
for target in "$@"; do
    mkdir -p "$work/corpus/$target" "$work/extra/$target" "$work/found"
    set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=300 -max_len=32768 \
        -print_final_stats=1 -artifact_prefix="$work/found/$target-"
    echo "fuzz_$target $* CORPUS"
    status=0
    "$build/bin/fuzz_$target" "$@" "$work/corpus/$target" "$here/corpus/$target" "$work/extra/$target" \
        > "$work/$target.log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        grep -vE '^#|NEW_FUNC' "$work/$target.log" | tail -n 60
        failed=1
    fi
    grep -E '^#[0-9]+.*DONE|stat::(number_of_executed|average_exec|peak_rss|slowest)' "$work/$target.log" || :
done
exit $failed
