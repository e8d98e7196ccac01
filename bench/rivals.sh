#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Question:   what does vcol cost beside what people use today, on the same file and one core?
# Workload:   the eight ADL queries against ROOT's RDataFrame (compiled, typed, nothing jitted);
#             reading all columns against ROOT's rootreadspeed and against uproot + Awkward, in steps
#             of 100,000 entries and by one call of arrays().
#             Of an RNTuple (--ntuple): the queries against RDataFrame on it; all columns against RNTupleReader's
#             LoadEntry, over all fields that the file shows (as it does by itself, the projected ones with those
#             they show again) and, without a bound, over each value once.
#             Of trees of a split class and of nested vectors (--objects, a million entries written by ROOT with
#             compiled dictionaries): all columns against TTreeReader, leaf by leaf and whole objects, and against
#             uproot.
# Metric:     median ratio of user + system CPU seconds of the whole process, start included,
#             pinned to one core, one thread, warm page cache, vcol and rivals in turn.
#             One JSON line a case on stdout.
# Regression: a ratio above its bound on the two-million-event zlib file (queries 0.4, aim 0.25;
#             reading 0.35, aim 0.27), of the million-event RNTuple with zstd (queries 0.7, LoadEntry over all
#             fields 0.3) or of the trees of objects (TTreeReader 0.4, uproot 0.5); or 5 % above that of the last
#             release on the same machine. What is read is compared first: of the RNTuple and the objects every
#             column has as many values, of the same sum, in vcol and in each rival; the queries' histograms are equal.
#
# A second file (LZMA) gives the same lines without a bound. The files are those of make_events.py:
# FILE.root --events 2000000 --codec zlib; NTUPLE.root --events 1000000 --codec zstd --format rntuple.

set -euo pipefail

usage() {
  cat <<'END'
usage: bench/rivals.sh [options] [FILE.root [LZMA.root]]
  --ntuple FILE    an RNTuple Events of the same columns: cases 1 to 8 and read on it
  --objects FILE   trees of objects: cases split and nested; written by ROOT when FILE is not there
  --build DIR      where vcol and vcol-adl are built (build/release)
  --env DIR        scratch environment for the rivals, made from PyPI when it is not there
                   (${TMPDIR:-/tmp}/vcol-rivals)
  --runs N         runs of each program, medians are printed (7)
  --core N         the core to pin to (0)
  --cases LIST     of 1,2,3,4,5,6,7,8,read,split,nested (all)
  --uproot-adl     run the queries in uproot + Awkward too (stated without a bound)
  --rivals-only    no vcol: the rivals' own seconds
  --subject NAME   vcol, or uproot in its place to try the script
  --check          exit 1 when a ratio is above its bound
  --prepare        make the environment and build the rivals, no more
END
}

name=rivals
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$root/bench/rivals
. "$here/common.sh"
build=$root/build/release
env=${TMPDIR:-/tmp}/vcol-rivals
prepare=no
pass=()
files=()
ntuple=
objects=

while [ $# -gt 0 ]; do
  case $1 in
    --build) need "$@"; build=$2; shift 2 ;;
    --env) need "$@"; env=$2; shift 2 ;;
    --objects) need "$@"; objects=$2; pass+=("$1" "$2"); shift 2 ;;
    --ntuple) need "$@"; ntuple=$2; pass+=("$1" "$2"); shift 2 ;;
    --runs|--core|--cases|--subject) need "$@"; pass+=("$1" "$2"); shift 2 ;;
    --uproot-adl|--check) pass+=("$1"); shift ;;
    --rivals-only) pass+=(--subject none); shift ;;
    --prepare) prepare=yes; shift ;;
    -h|--help) usage; exit 0 ;;
    -*) echo "rivals: no option $1" >&2; usage >&2; exit 2 ;;
    *) files+=("$1"); shift ;;
  esac
done
if [ ${#files[@]} -gt 2 ] || { [ "$prepare" = no ] && [ ${#files[@]} -eq 0 ] && [ "$ntuple$objects" = "" ]; }; then
  usage >&2
  exit 2
fi

# Everything below goes to stderr: stdout is for the results.
environment "$env" 'import importlib.metadata as m; m.version("root"), m.version("uproot"), m.version("awkward")' \
  "$here/requirements.txt"
wheel=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib") + "/ROOT")')
readspeed=$wheel/bin/rootreadspeed
[ -x "$readspeed" ] || { echo "rivals: no rootreadspeed in $wheel/bin" >&2; exit 1; }

# The programs in ROOT. The wheel's root-config names folders of the machine it was built on, and its
# libraries refer to others that it does not bring: hence our own flags.
# compile PROGRAM LIBRARIES SOURCE...: into the environment, unless it is newer than what it is made of.
compile() {
  local program=$env/$1 libraries=$2 source stale=no
  shift 2
  for source in "$@" "$here"/event*.h*; do
    [ "$program" -nt "$source" ] || stale=yes
  done
  [ "$stale" = yes ] || return 0
  echo "rivals: compiling ${program##*/}" >&2
  # shellcheck disable=SC2086 # libraries are several words
  "${CXX:-g++}" -std=c++17 -O3 -march=native -pthread -isystem "$wheel/include" -I "$here" "$@" -o "$program.new" \
    -L"$wheel/lib" -Wl,-rpath,"$wheel/lib" $libraries \
    -Wl,--allow-shlib-undefined -Wl,--unresolved-symbols=ignore-in-shared-libs >&2
  mv "$program.new" "$program"
}

compile adl_rdf "-lROOTDataFrame -lROOTVecOps -lTreePlayer -lTree -lRIO -lHist -lMathCore -lCore" "$here/adl_rdf.cpp"
compile ntuple_read "-lROOTNTuple -lRIO -lCore" "$here/ntuple_read.cpp"
# the dictionary's _rdict.pcm stays beside the program, which looks for it there
dictionary=$env/event_dict.cxx
if [ ! -e "$dictionary" ] || [ "$here/event.hpp" -nt "$dictionary" ] || [ "$here/event_linkdef.h" -nt "$dictionary" ]; then
  "$wheel/bin/rootcling" -f "$dictionary" -I"$wheel/include" -I"$here" event.hpp event_linkdef.h >&2
fi
compile objects "-lTreePlayer -lTree -lRIO -lCore" "$here/objects.cpp" "$dictionary"
[ "$prepare" = no ] || exit 0

if [ -n "$objects" ] && [ ! -e "$objects" ]; then
  echo "rivals: writing $objects" >&2
  "$env/objects" --make "$objects.new" 1000000 >&2
  mv "$objects.new" "$objects"
fi

exec "$env/bin/python" "$here/measure.py" --env "$env" --rdf "$env/adl_rdf" --ntuple-read "$env/ntuple_read" \
  --objects-read "$env/objects" --readspeed "$readspeed" --build "$build" \
  ${pass[@]+"${pass[@]}"} ${files[@]+"${files[@]}"}
