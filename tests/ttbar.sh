#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# vcol-ttbar prints the reference's histograms, weights to 1e-6 relative, and the same bytes in each mode, whatever the
# chunk, the threads, the jobs and the limit, above which its memory never is: on data/ttbar.root, or on the 20,000 events
# of the development data (made as its agc/README.md says), if that file is given.
#
#     [VCOL_TEST_DATA=DATA] ttbar.sh BUILD_DIR [FILE]
set -eu
export LC_ALL=C
build=$(cd "$1" && pwd)
data=$(cd "$(dirname "$0")/../data" && pwd)
file=${2:-$data/ttbar.root}
if [ $# -eq 1 ]; then
    reference=$data/ttbar.tsv
    threads="1 7" jobs="1 3" limits="none 64M 1M"
else
    [ -n "${VCOL_TEST_DATA:-}" ] || { echo "skipped: VCOL_TEST_DATA names no folder with the data"; exit 77; }
    reference=$VCOL_TEST_DATA/agc/histograms-20k.tsv
    threads="1 2 7" jobs="1 4 0" limits="none 64M"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tail -n +2 "$reference" | tr -d '\r' | tr '\t' ',' | sort > "$work/want"
[ -s "$work/want" ] || { echo "no histograms in $reference"; exit 1; }

failed=0 n=0 turn=0
fault() {
    failed=$((failed + 1))
    echo "vcol-ttbar $*"
}

# Lines region,variation,bin,weight of both, in the same order; no line in one of them only.
compare() {
    awk -F, '
        function off(a, b) { return a - b > 1e-6 * size(a) || b - a > 1e-6 * size(a) }
        function size(a) { return a < 0 ? -a : a }
        NR == FNR { want[$1 "," $2 "," $3] = $4; next }
        { key = $1 "," $2 "," $3
          if (!(key in want)) { print "not in the reference: " $0; bad = 1 }
          else if (off(want[key], $4)) { print $0 ", not " want[key]; bad = 1 }
          delete want[key] }
        END { for (key in want) { print "missing: " key "," want[key]; bad = 1 } exit bad }' "$1" "$2" > "$work/faults" ||
        { head -n 5 "$work/faults"; return 1; }
}

run() { # options
    [ $failed -lt 5 ] || exit 1
    n=$((n + 1))
    "$build/bin/vcol-ttbar" "$@" "$file" > "$work/csv" 2> "$work/messages" || { fault "$*: failed"; tail -n 3 "$work/messages"; return; }
    if [ $n -eq 1 ]; then
        [ "$(head -n 1 "$work/csv")" = "region,variation,bin,weight" ] || fault "$*: the header is wrong"
        tail -n +2 "$work/csv" | sort > "$work/got"
        compare "$work/want" "$work/got" || fault "$*: differs from the reference"
        cp "$work/csv" "$work/first"
    elif ! cmp -s "$work/first" "$work/csv"; then
        fault "$*: other bytes than the first run's"
        diff "$work/first" "$work/csv" | head -n 4
    fi
    case "$*" in
    *64M*) awk '{ for (i = 1; i < NF; i++) if ($i == "peak" && $(i + 1) > 67.2) exit 1 }' "$work/messages" ||
        { fault "$*: above its limit"; cat "$work/messages"; } ;;
    esac
}

for mode in access preload prefetch plan; do
    for chunk in 7 1000 100k 1M; do
        for t in $threads; do
            for j in $jobs; do
                for limit in $limits; do
                    # chunks of 7 with all else by turns only
                    turn=$((turn + 1))
                    [ $chunk != 7 ] || [ $((turn % 3)) -eq 0 ] || continue
                    run --mode $mode --chunk $chunk --threads "$t" --jobs "$j" --memory-limit "$limit"
                done
            done
        done
    done
    run --mode $mode --chunk clusters --times
    run --mode $mode --chunk all --lookahead 1M
done

[ $failed -eq 0 ] && echo "$n runs, the reference's histograms in all of them"
exit $((failed > 0))
