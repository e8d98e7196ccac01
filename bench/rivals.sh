#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Question:   what does vcol cost beside what people use today, on the same file and one core?
# Workload:   the eight ADL queries against ROOT's RDataFrame (compiled, typed, nothing jitted);
#             reading all columns against ROOT's rootreadspeed and against uproot + Awkward, in steps
#             of 100,000 entries and by one call of arrays().
# Metric:     median ratio of user + system CPU seconds of the whole process, start included,
#             pinned to one core, one thread, warm page cache, vcol and rivals in turn.
#             One JSON line a case on stdout.
# Regression: a ratio above its bound on the two-million-event zlib file (queries 0.4, aim 0.25;
#             reading 0.35, aim 0.27), or 5 % above that of the last release on the same machine.
#
# A second file (LZMA) gives the same lines without a bound. The files are those of make_events.py:
# FILE.root --events 2000000 --codec zlib.

set -euo pipefail

usage() {
  cat <<'END'
usage: bench/rivals.sh [options] FILE.root [LZMA.root]
  --build DIR      where vcol and vcol-adl are built (build/release)
  --env DIR        scratch environment for the rivals, made from PyPI when it is not there
                   (${TMPDIR:-/tmp}/vcol-rivals)
  --runs N         runs of each program, medians are printed (7)
  --core N         the core to pin to (0)
  --cases LIST     of 1,2,3,4,5,6,7,8,read (all)
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

while [ $# -gt 0 ]; do
  case $1 in
    --build) need "$@"; build=$2; shift 2 ;;
    --env) need "$@"; env=$2; shift 2 ;;
    --runs|--core|--cases|--subject) need "$@"; pass+=("$1" "$2"); shift 2 ;;
    --uproot-adl|--check) pass+=("$1"); shift ;;
    --rivals-only) pass+=(--subject none); shift ;;
    --prepare) prepare=yes; shift ;;
    -h|--help) usage; exit 0 ;;
    -*) echo "rivals: no option $1" >&2; usage >&2; exit 2 ;;
    *) files+=("$1"); shift ;;
  esac
done
if [ "$prepare" = no ] && { [ ${#files[@]} -lt 1 ] || [ ${#files[@]} -gt 2 ]; }; then
  usage >&2
  exit 2
fi

# Everything below goes to stderr: stdout is for the results.
environment "$env" 'import importlib.metadata as m; m.version("root"), m.version("uproot"), m.version("awkward")' \
  "$here/requirements.txt"
wheel=$("$env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib") + "/ROOT")')
readspeed=$wheel/bin/rootreadspeed
[ -x "$readspeed" ] || { echo "rivals: no rootreadspeed in $wheel/bin" >&2; exit 1; }

# RDataFrame's program. The wheel's root-config names folders of the machine it was built on, and its
# libraries refer to others that it does not bring: hence our own flags.
rdf=$env/adl_rdf
if [ ! -x "$rdf" ] || [ "$here/adl_rdf.cpp" -nt "$rdf" ]; then
  echo "rivals: compiling adl_rdf" >&2
  "${CXX:-g++}" -std=c++17 -O3 -march=native -pthread -isystem "$wheel/include" "$here/adl_rdf.cpp" -o "$rdf.new" \
    -L"$wheel/lib" -Wl,-rpath,"$wheel/lib" -lROOTDataFrame -lROOTVecOps -lTreePlayer -lTree -lRIO -lHist -lMathCore -lCore \
    -Wl,--allow-shlib-undefined -Wl,--unresolved-symbols=ignore-in-shared-libs >&2
  mv "$rdf.new" "$rdf"
fi
[ "$prepare" = no ] || exit 0

exec "$env/bin/python" "$here/measure.py" --env "$env" --rdf "$rdf" --readspeed "$readspeed" --build "$build" \
  ${pass[@]+"${pass[@]}"} "${files[@]}"
