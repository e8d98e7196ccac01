#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure vcol-ttbar's modes, and coffea beside them; called by bench/ttbar.sh, which explains."""
import argparse
import csv
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"k": 1000, "M": 1000000}
MODES = {
    "none": ["--mode", "access"],
    "all read first": ["--mode", "preload"],
    "prefetch, 1 thread": ["--mode", "prefetch", "--threads", "1"],
    "prefetch, 4 threads": ["--mode", "prefetch", "--threads", "4"],
    "plan": ["--mode", "plan", "--threads", "4"],
}
LIMIT = "116M"  # about what the plan's largest step needs, without what is read ahead
RIVALS = {"coffea, virtual": "coffea-virtual", "coffea, preload": "coffea-preload"}
# As published for the prototype: the original analysis with machine learning, one core by cpulimit.
PUBLISHED = {"100k": (4.758, 4.741, 4.471, 4.349, 1.09), "500k": (8.193, 8.084, 6.863, 6.180, 1.33),
             "1M": (12.076, 12.400, 9.961, 8.549, 1.41)}


class Failed(Exception):
    pass


def machine():
    model = os.uname().machine
    try:
        with open("/proc/cpuinfo") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}"


def entries(chunk):
    return int(chunk[:-1]) * SIZES[chunk[-1]] if chunk[-1] in SIZES else int(chunk)


class Programs:
    def __init__(self, args):
        self.vcol = pathlib.Path(args.build) / "bin/vcol-ttbar"
        if not os.access(self.vcol, os.X_OK):
            raise Failed(f"{self.vcol}: not there; build it first or name its directory with --build")
        self.python = pathlib.Path(args.env) / "bin/python" if args.env else None

    def command(self, mode, chunk, file, *more):
        if mode in RIVALS:
            return [str(self.python), str(HERE / "ttbar_coffea.py"), "--reader", RIVALS[mode], "--chunk",
                    str(entries(chunk)), file]
        return [str(self.vcol), *MODES[mode], "--chunk", chunk, *more, file]


# ---- running ---------------------------------------------------------------------------------------


class Run:
    """One process, started; `end` waits for it."""

    prefix = []

    def __init__(self, command):
        command = Run.prefix + command
        self.command = command
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.begun = time.monotonic()
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)

    def end(self):
        _, status, usage = os.wait4(self.child.pid, 0)
        self.wall = time.monotonic() - self.begun
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        self.resident = usage.ru_maxrss * 1024
        self.out.seek(0)
        self.err.seek(0)
        self.printed, self.messages = self.out.read().decode(), self.err.read().decode()
        self.out.close()
        self.err.close()
        if self.child.returncode != 0:
            raise Failed(f"exit {self.child.returncode} of {' '.join(self.command)}:\n{self.messages}")
        return self

    def peak(self):
        return float(re.search(r"peak ([0-9.]+) MB", self.messages).group(1)) * 1e6

    def steps(self):
        """Seconds until each step's columns were there, and computing."""
        found = re.findall(r"^step \S+: ([0-9.]+) s until its columns were there, ([0-9.]+) s computing", self.messages,
                           re.MULTILINE)
        return [(float(read), float(compute)) for read, compute in found]


def histograms(printed):
    return {tuple(row[:3]): float(row[3]) for row in list(csv.reader(printed.splitlines()))[1:]}


def must_agree(runs):
    """The same bytes from vcol, the same weights to 1e-6 from others."""
    first = None
    for mode, run in runs.items():
        if mode in RIVALS:
            continue
        if first and run.printed != first.printed:
            raise Failed(f"{mode}: other histograms than the first")
        first = first or run
    want = histograms(first.printed)
    if not want:
        raise Failed("no histograms")
    for mode in runs.keys() & RIVALS.keys():
        got = histograms(runs[mode].printed)
        bad = [k for k in want.keys() | got.keys()
               if k not in want or k not in got or abs(want[k] - got[k]) > 1e-6 * abs(want[k])]
        if bad:
            raise Failed(f"{mode}: other histograms, first at {','.join(sorted(bad)[0])}")


# ---- the cases --------------------------------------------------------------------------------------


def ideal_seconds(before, steps, cores, factor):
    """
    The end of a schedule in which nobody is ever idle that has something to do: reading is divided at will among `cores`
    cores, in the order of use, a step computes on one of them when its columns are there. All of them together do
    `factor` times what one does alone. `before`: what is in no step.
    """
    t, ahead, left = before, 0.0, sum(read for read, _ in steps)
    each = factor / cores
    for read, compute in steps:
        if ahead < read:
            t += (read - ahead) / factor
            left -= read - ahead
            ahead = read
        ahead -= read
        if cores > 1 and left > 0:
            beside = min(compute / each, left / (each * (cores - 1)))
            left -= beside * each * (cores - 1)
            ahead += beside * each * (cores - 1)
            compute -= beside * each
            t += beside
        t += max(compute, 0)
    return t


def median(values):
    return statistics.median(values)


class Cases:
    def __init__(self, programs, args, out):
        self.programs, self.args, self.out, self.missed = programs, args, out, []

    def emit(self, name, compared, ratios, file, bound=None, aim=None, above=False, **more):
        ratio = median(ratios)
        if bound is not None and (ratio < bound if above else ratio > bound):
            self.missed.append(f"{name}: {ratio:.3f}, bound {bound}")
        line = {"bench": "ttbar", "case": name, "compared": compared, "ratio": round(ratio, 4), "bound": bound, "aim": aim,
                "above": above, "ratios": [round(r, 4) for r in ratios], **more, "file": pathlib.Path(file).name,
                "bytes": os.path.getsize(file), "chunk": "1M", "machine": machine()}
        print(json.dumps(line), file=self.out, flush=True)
        print(json.dumps(line), flush=True)

    def gains(self, file, kind):
        """Rounds of plain access, as many processes of it as cores, prefetch, plan, all read first."""
        cores = len(os.sched_getaffinity(0))
        command = self.programs.command
        series = {mode: [] for mode in MODES}
        peaks, resident, cpu = ({mode: [] for mode in MODES} for _ in range(3))
        factors, gains, ideals, within = [], [], [], []
        for number in range(self.args.rounds + 1):
            runs = {mode: Run(command(mode, "1M", file)).end() for mode in MODES}
            timed = Run(command("none", "1M", file, "--times")).end()
            limited = Run(command("plan", "1M", file, "--memory-limit", LIMIT)).end()
            together = [Run(command("none", "1M", file)) for _ in range(cores)]
            ends = [run.end() for run in together]
            must_agree({**runs, "timed": timed, "limited": limited, **{f"together {i}": run for i, run in enumerate(ends)}})
            if number == 0:
                continue  # warm-up
            # as many at once, each as long as the mean one; not as the last, which is alone at its end
            factor = min(cores * runs["none"].wall / statistics.mean(run.wall for run in ends), cores)
            steps = timed.steps()
            before = max(timed.wall - sum(read + compute for read, compute in steps), 0)
            factors.append(factor)
            gains.append(runs["none"].wall / min(runs["prefetch, 1 thread"].wall, runs["prefetch, 4 threads"].wall))
            ideals.append(timed.wall / ideal_seconds(before, steps, cores, factor))
            within.append(limited.peak())
            for mode, run in runs.items():
                series[mode].append(round(run.wall, 4))
                peaks[mode].append(run.peak())
                resident[mode].append(run.resident)
                cpu[mode].append(round(run.cpu, 4))
        more = {"gain": round(median(gains), 4), "factor": round(median(factors), 4), "ideal_gain": round(median(ideals), 4),
                "seconds": series, "cpu_seconds": cpu, "cores": cores}
        bounded = {"bound": 0.9, "above": True}
        self.emit(f"gain-{kind}, of the parallel factor", "(none / prefetch) / parallel factor, wall time",
                  [g / f for g, f in zip(gains, factors)], file, **(bounded if kind == "lzma" else {}), **more)
        self.emit(f"gain-{kind}, of an ideal schedule's", "(none / prefetch) / ideal gain, wall time",
                  [g / i for g, i in zip(gains, ideals)], file, **(bounded if kind == "zlib" else {}),
                  **{k: more[k] for k in ("gain", "factor", "ideal_gain")})
        if kind == "zlib":
            for name, of, bound in (("memory", peaks, {"bound": 0.7, "aim": 0.4}), ("memory, resident", resident, {})):
                self.emit(name, "plan / all read first, peak bytes",
                          [a / b for a, b in zip(of["plan"], of["all read first"])], file, **bound,
                          peak={mode: round(median(values)) for mode, values in of.items()})
            self.emit("memory, limit", f"plan with a limit of {LIMIT} / all read first, peak bytes",
                      [a / b for a, b in zip(within, peaks["all read first"])], file, bound=0.7, aim=0.4,
                      peak={"plan": round(median(within))})

    def cpu(self, file):
        ratios, seconds = [], {mode: [] for mode in ("prefetch, 4 threads", *RIVALS)}
        for _ in range(self.args.rival_rounds):
            runs = {mode: Run(self.programs.command(mode, "1M", file)).end() for mode in seconds}
            must_agree(runs)
            for mode, run in runs.items():
                seconds[mode].append(round(run.cpu, 3))
            ratios.append(runs["prefetch, 4 threads"].cpu / min(runs[mode].cpu for mode in RIVALS))
        self.emit("cpu", "prefetch with 4 threads / the lesser of coffea's, user + system seconds", ratios, file, bound=0.2,
                  cpu_seconds=seconds)


# ---- the table --------------------------------------------------------------------------------------


def measure(command, runs, warmup):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        subprocess.run(["hyperfine", "--warmup", str(warmup), "--runs", str(runs), "--style", "none", "--export-json",
                        result.name, " ".join(f"'{word}'" for word in command)], check=True, stdout=subprocess.DEVNULL)
        return json.load(result)["results"][0]


def table(programs, args, files, results):
    cores = {"all": [], "one, cpulimit": ["cpulimit", "-l", "100", "-f", "-q", "--"],
             "one, taskset": ["taskset", "-c", str(args.core)]}
    modes = [*MODES, *(RIVALS if args.env else ())]
    with open(results / "ttbar.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["file", "cores", "chunk", "mode", "mean", "stddev", "median", "min", "max", "user", "system"])
        rows = {}
        for file in files:
            for on, prefix in cores.items():
                for chunk in args.chunks.split(","):
                    for mode in modes:
                        rival = mode in RIVALS
                        got = measure(prefix + programs.command(mode, chunk, file), args.rival_runs if rival else args.runs,
                                      min(args.warmup, 1) if rival else args.warmup)
                        key = (pathlib.Path(file).stem, on, chunk)
                        rows.setdefault(key, {})[mode] = got["median"]
                        numbers = [got[k] or 0 for k in ("mean", "stddev", "median", "min", "max", "user", "system")]
                        writer.writerow([*key, mode, *(f"{n:.4f}" for n in numbers)])
                        out.flush()
                        print(f"ttbar: {' '.join(key)}: {mode}: {got['median']:.3f} s", file=sys.stderr)
    head = ["file", "cores", "chunk", *modes, "best gain"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for chunk, published in PUBLISHED.items():
        cells = [f"{x:.3f}" for x in published[:4]] + ["-"] * (len(modes) - 4) + [f"{published[4]:.2f}"]
        lines.append("| " + " | ".join(["published", "one, cpulimit", chunk, *cells]) + " |")
    for key, row in rows.items():
        best = row["none"] / min(row["prefetch, 1 thread"], row["prefetch, 4 threads"])
        lines.append("| " + " | ".join([*key, *(f"{row[mode]:.3f}" for mode in modes), f"{best:.2f}"]) + " |")
    lines += ["", "Median wall seconds, whole process, by hyperfine. Best gain: none / the better of both prefetches. The published "
              "figures are those", "of another program (with machine learning), file and machine: what compares is the gain.", "",
              f"{machine()}; {args.runs} runs after {args.warmup} for warm-up, coffea {args.rival_runs} after 1."]
    text = "\n".join(lines) + "\n"
    (results / "ttbar.md").write_text(text)
    print(text, file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lzma")
    parser.add_argument("zlib")
    parser.add_argument("--build", required=True)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--env")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rival-rounds", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rival-runs", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--chunks", default="100k,500k,1M")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    for flag in ("--no-table", "--no-cases", "--check"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--prefix", default="", help="what the cases' commands are run by, as `chrt -r 1`")
    args = parser.parse_args()
    Run.prefix = args.prefix.split()
    programs = Programs(args)
    for file in (args.lzma, args.zlib):
        with open(file, "rb") as cached:  # into the page cache
            while cached.read(1 << 24):
                pass
    missed = []
    if not args.no_cases:
        with open(args.results / "ttbar.jsonl", "w") as out:
            cases = Cases(programs, args, out)
            cases.gains(args.lzma, "lzma")
            cases.gains(args.zlib, "zlib")
            if args.env:
                cases.cpu(args.zlib)
            missed = cases.missed
    if not args.no_table:
        table(programs, args, [args.lzma, args.zlib], args.results)
    for text in missed:
        print(f"ttbar: {text}", file=sys.stderr)
    return 1 if missed and args.check else 0


try:
    sys.exit(main())
except Failed as failure:
    sys.exit(f"ttbar: {failure}")
