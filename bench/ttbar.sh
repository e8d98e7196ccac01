#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Question:   what do prefetch and plans give an analysis that computes (examples/ttbar), and what does it cost beside
#             coffea's?
# Workload:   the analysis of top quark pairs over a file of a million events, hot in the page cache; chunks of 100k, 500k, 1M
#             entries; plain access, all read first, prefetch with 1 and with 4 threads, plan; coffea (virtual, preload).
# Metric:     the table: wall seconds of the whole process, by hyperfine after three warm-up runs, on all cores, on one by
#             `cpulimit -l 100` and on one by taskset, beside the figures published for the prototype.
#             The cases (one JSON line each): ratios within rounds in which all programs run in turn, medians over the rounds:
#               gain-lzma    chunks of 1M, all cores: (plain access / the better of prefetch with 1 and 4 threads) / parallel
#                            factor, which is how much more plain access gets done by as many processes as there are cores
#               gain-zlib    the same gain / that of an ideal schedule, computed from each step's time of reading and of
#                            computing in plain access, and the factor
#               cpu          user + system seconds of prefetch, 4 threads / the lesser of coffea's
#               memory       peak of the account in chunks of 1M: plan / all read first; the same of resident memory, and of
#                            a plan under a limit
# Regression: gain-lzma or gain-zlib below 0.9, cpu above 0.2, memory above 0.7 (aim 0.4).
#
# All programs must give the same histograms in each round. The files are those of make_events.py: --source nano_tt_v15.root
# --events 1000000 --columns nJet nElectron nMuon 'Jet_*' 'Electron_*' 'Muon_*' event run luminosityBlock, --codec lzma, zlib.
# The lines go to stdout and into the results folder (ttbar.jsonl), the table there too (ttbar.csv, ttbar.md).

set -euo pipefail
export LC_ALL=C

usage() {
  cat <<'END'
usage: bench/ttbar.sh [options] LZMA.root ZLIB.root
  --results DIR    where the results go (bench/results)
  --build DIR      where vcol-ttbar is built (build/release)
  --env DIR        scratch environment for coffea, made from PyPI when it is not there
                   (${TMPDIR:-/tmp}/vcol-coffea)
  --rounds N       rounds of the cases (5)
  --rival-rounds N rounds with coffea in them (2)
  --runs N         runs of each command of the table (5)
  --rival-runs N   runs of coffea's commands, after one warm-up run (2)
  --warmup N       warm-up runs (3)
  --chunks LIST    of the table (100k,500k,1M)
  --core N         the core of taskset (the last)
  --prefix COMMAND what the programs of the cases are run by: "chrt -r 1" where the machine has other work
  --no-table       the cases only
  --no-cases       the table only
  --no-rivals      without coffea
  --check          exit 1 when a case misses its bound
END
}

name=ttbar
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/bench/rivals/common.sh"
build=$root/build/release
results=$root/bench/results
env=${TMPDIR:-/tmp}/vcol-coffea
rivals=yes
pass=()
files=()
while [ $# -gt 0 ]; do
  case $1 in
    --build) need "$@"; build=$2; shift 2 ;;
    --env) need "$@"; env=$2; shift 2 ;;
    --results) need "$@"; results=$2; shift 2 ;;
    --rounds | --rival-rounds | --runs | --rival-runs | --warmup | --chunks | --core | --prefix)
      need "$@"; pass+=("$1" "$2"); shift 2 ;;
    --no-table | --no-cases | --check) pass+=("$1"); shift ;;
    --no-rivals) rivals=no; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) files+=("$1"); shift ;;
  esac
done
[ ${#files[@]} -eq 2 ] || { usage >&2; exit 2; }
mkdir -p "$results"

if [ $rivals = yes ]; then
  environment "$env" 'import coffea, uproot, awkward' "$root/bench/rivals/requirements-coffea.txt"
  pass+=(--env "$env")
fi
exec python3 "$root/bench/rivals/measure_ttbar.py" --build "$build" --results "$results" ${pass[@]+"${pass[@]}"} "${files[@]}"
