#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run vcol and its rivals in turn on one core; called by bench/rivals.sh, which explains.

One round runs every program of a case once, A B C A B C ...; seconds are user + system CPU of the
whole process (wait4), start included. Queries must give the same histograms as the rival in the
same round, else nothing is printed for the case and the exit status is 1.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ADL = {"bound": 0.4, "aim": 0.25}
READ = {"bound": 0.35, "aim": 0.27}


class Failed(Exception):
    pass


def machine():
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = os.uname().machine
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}"


def run(command, core):
    """User + system seconds of the process, and what it printed."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as problems:
        child = subprocess.Popen(["taskset", "-c", str(core), *map(str, command)], stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=problems, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        problems.seek(0)
        if child.returncode != 0:
            sys.stderr.buffer.write(problems.read())
            raise Failed(f"exit {child.returncode} of: {' '.join(map(str, command))}")
        return usage.ru_utime + usage.ru_stime, out.read()


def find_program(build, name):
    for path in sorted(pathlib.Path(build).rglob(name), key=lambda p: len(p.parts)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise Failed(f"{build}: no program {name}; build vcol first or name its directory with --build")


class Programs:
    """The command lines; `case` is a query's number or "read"."""

    def __init__(self, args):
        self.python = pathlib.Path(args.env) / "bin/python"
        self.rdf, self.readspeed = args.rdf, args.readspeed
        if args.subject == "vcol":
            self.adl, self.cli = find_program(args.build, "vcol-adl"), find_program(args.build, "vcol")

    def command(self, program, case, file):
        if program == "vcol" and case == "read":
            return [self.cli, "bench", "read", "--threads", 1, "--no-prefetch", "--chunk", "clusters", file]
        if program == "vcol":
            return [self.adl, "--query", case, "--threads", 1, "--no-prefetch", file]
        if program == "rdataframe":
            return [self.rdf, "--query", case, file]
        if program == "rootreadspeed":
            return [self.readspeed, "--files", file, "--trees", "Events", "--all-branches", "--threads", 0]
        if program == "uproot arrays()":
            return [self.python, HERE / "read_uproot.py", "--whole", file]
        if case == "read":
            return [self.python, HERE / "read_uproot.py", file]
        return [self.python, HERE / "read_uproot.py", "--query", case, file]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--env", required=True)
    parser.add_argument("--rdf", required=True)
    parser.add_argument("--readspeed", required=True)
    parser.add_argument("--build")
    parser.add_argument("--subject", choices=["vcol", "uproot", "none"], default="vcol")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--cases", default="1,2,3,4,5,6,7,8,read")
    parser.add_argument("--uproot-adl", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    programs, host, missed = Programs(args), machine(), []
    subject = None if args.subject == "none" else args.subject

    for number, file in enumerate(args.files):
        with open(file, "rb") as cached:  # into the page cache
            while cached.read(1 << 24):
                pass
        start = {}
        for rival in ("rdataframe", "uproot"):
            command = programs.command(rival, "start", file)
            run(command, args.core)  # warm-up of the program itself
            start[rival] = statistics.median(run(command, args.core)[0] for _ in range(args.runs))
        for case in args.cases.split(","):
            if case == "read":
                rivals, limits = ["rootreadspeed", "uproot", "uproot arrays()"], READ
            else:
                rivals, limits = ["rdataframe"] + ["uproot"] * args.uproot_adl, ADL
            rivals = [r for r in rivals if r != subject]
            seconds = {p: [] for p in ([subject] if subject else []) + rivals}
            for _ in range(args.runs):
                printed = {}
                for program in seconds:
                    spent, printed[program] = run(programs.command(program, case, file), args.core)
                    seconds[program].append(round(spent, 4))
                if case != "read" and len(set(printed.values())) != 1:
                    raise Failed(f"{file}: query {case}: {' and '.join(printed)} give different histograms")
            for rival in rivals:
                # the second file (LZMA) and the queries in uproot are stated without a bound
                bounded = subject == "vcol" and number == 0 and (case == "read" or rival == "rdataframe")
                median = statistics.median(seconds[rival])
                own = statistics.median(seconds[subject]) if subject else None
                line = {
                    "bench": "rivals",
                    "case": f"adl-{case}" if case != "read" else "read-all",
                    "compared": rival,
                    "ratio": round(own / median, 4) if subject else None,
                    "bound": limits["bound"] if bounded else None,
                    "aim": limits["aim"] if bounded else None,
                    "seconds": seconds[subject] if subject else [],
                    "seconds_compared": seconds[rival],
                    "median": own,
                    "median_compared": median,
                    "best": min(seconds[subject]) if subject else None,
                    "best_compared": min(seconds[rival]),
                    "start_compared": round(start[rival], 4) if rival in start else None,
                    "subject": subject,
                    "file": os.path.basename(file),
                    "bytes": os.path.getsize(file),
                    "threads": 1,
                    "machine": host,
                }
                print(json.dumps(line), flush=True)
                if bounded and line["ratio"] > line["bound"]:
                    missed.append(f"{line['case']} against {rival}: {line['ratio']} above {line['bound']}")
    for miss in missed:
        print(f"rivals: {miss}", file=sys.stderr)
    return 1 if args.check and missed else 0


if shutil.which("taskset") is None:
    sys.exit("rivals: taskset (util-linux) is needed")
try:
    sys.exit(main())
except OSError as problem:
    sys.exit(f"rivals: {problem.filename}: {problem.strerror}")
except Failed as problem:
    sys.exit(f"rivals: {problem}")
