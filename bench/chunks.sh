#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Question:   how does the time to read all columns depend on chunk size, prefetch and threads?
# Workload:   `vcol bench read FILE`, hot in the page cache: chunks of 100k, 500k, 1M entries; no prefetch, 1 thread,
#             4 threads; on all cores, and on one (taskset).
# Metric:     wall seconds of the whole process, by hyperfine after three warm-up runs: mean, deviation, min, max.
# Regression: none gates here (wall time of a whole machine); prefetch with threads should not lose to none on all
#             cores, and by not more than 3 % on one.
#
# Writes into the results folder: chunks.csv, chunks.md (the same as a table), chunks.svg (by gnuplot), machine.txt.

set -euo pipefail
export LC_ALL=C

usage() {
  cat <<'END'
usage: bench/chunks.sh [options] FILE.root...
  --results DIR    where the results go (bench/results)
  --build DIR      where vcol is built (build/release)
  --runs N         runs of each command (7)
  --core N         the core of the one-core runs (the last)
  --columns LIST   columns to read (all)
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
results=$root/bench/results
runs=7
core=$(($(nproc --all) - 1))
columns='*'
files=()
while [ $# -gt 0 ]; do
  case $1 in
    --results) results=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --core) core=$2; shift 2 ;;
    --columns) columns=$2; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) files+=("$1"); shift ;;
  esac
done
[ ${#files[@]} -gt 0 ] || { usage >&2; exit 2; }
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

vcol=$build/bin/vcol
csv=$results/chunks.csv
echo "file,cores,chunk,mode,mean,stddev,median,min,max,user,system" > "$csv"
for file in "${files[@]}"; do
  name=$(basename "$file" .root)
  for cores in all one; do
    for chunk in 100k 500k 1M; do
      for mode in none 1 4; do
        command="$vcol bench read --quiet -c '$columns' --chunk $chunk"
        [ $mode = none ] && command="$command --no-prefetch" || command="$command --threads $mode"
        command="$command '$file'"
        [ $cores = one ] && command="taskset -c $core $command"
        hyperfine --warmup 3 --runs "$runs" --style none --export-csv "$work/one.csv" "$command" > /dev/null
        # command,mean,stddev,median,user,system,min,max: the command may hold commas, so from the end
        tail -n 1 "$work/one.csv" | awk -F, -v OFS=, -v head="$name,$cores,$chunk,$mode" \
          '{n = NF; print head, $(n-6), $(n-5), $(n-4), $(n-1), $n, $(n-3), $(n-2)}' >> "$csv"
      done
    done
  done
done

{
  echo "command: bench/chunks.sh --runs $runs --columns '$columns' $(basename -a "${files[@]}" | tr '\n' ' ')"
  date -u +'date: %Y-%m-%d'
  uname -srm
  grep -m1 'model name' /proc/cpuinfo || true
  echo "cores: $(nproc --all)"
  "$vcol" --version
  hyperfine --version
} > "$results/machine.txt"

{
  echo "| file | cores | chunk | no prefetch | 1 thread | 4 threads |"
  echo "| --- | --- | --- | --- | --- | --- |"
  awk -F, 'NR > 1 {
    key = $1 " | " $2 " | " $3
    if (!(key in seen)) { seen[key] = 1; order[++n] = key }
    value[key, $4] = sprintf("%.2f ± %.2f s", $7, $6)
  }
  END { for (i = 1; i <= n; i++) printf "| %s | %s | %s | %s |\n", order[i], value[order[i], "none"], value[order[i], "1"], value[order[i], "4"] }' "$csv"
  echo
  echo "Median ± standard deviation of wall seconds, whole process."
} > "$results/chunks.md"

# one picture: a row of bars a file and number of cores
awk -F, -v work="$work" 'NR > 1 {
  key = $1 " (" $2 (($2 == "one") ? " core" : " cores") ") " $3
  if (!(key in seen)) { seen[key] = 1; order[++n] = key }
  value[key, $4] = $7
}
END { for (i = 1; i <= n; i++) printf "\"%s\" %s %s %s\n", order[i], value[order[i], "none"], value[order[i], "1"], value[order[i], "4"] }' "$csv" > "$work/plot.dat"
gnuplot <<END
set terminal svg size 1100,600 font "sans-serif,12" background "white"
set output "$results/chunks.svg"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set ylabel "wall time, s (median)"
set yrange [0:*]
set grid ytics
set xtics rotate by -45 noenhanced
set key top right
plot "$work/plot.dat" using 2:xtic(1) title "no prefetch", "" using 3 title "1 thread", "" using 4 title "4 threads"
END
cat "$results/chunks.md"
