#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run vcol and its rivals in turn on one core; called by bench/rivals.sh, which explains.

One round runs every program of a case once, A B C A B C ...; seconds are user + system CPU of the
whole process (wait4), start included. Queries must give the same histograms as the rival in the
same round, else nothing is printed for the case and the exit status is 1; so it is when the sum of a
column of the RNTuple or of the trees of objects is not `vcol digest`'s (once, before the rounds).
"""
import argparse
import json
import math
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
# of an RNTuple, and of trees of classes and nested vectors
NTUPLE_ADL = {"bound": 0.7, "aim": None}
LOAD_ENTRY = {"bound": 0.3, "aim": None}
TREE_READER = {"bound": 0.4, "aim": None}
OBJECTS_UPROOT = {"bound": 0.5, "aim": None}
STATED = {"bound": None, "aim": None}


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


class Case:
    """What is measured: `key` is a query's number or "read"; `rivals` says what bounds the ratio to each."""

    def __init__(self, name, key, file, tree, rivals):
        self.name, self.key, self.file, self.tree, self.rivals = name, key, str(file), tree, rivals


def cases(args):
    """Those asked for, in the files' order."""
    asked = args.cases.split(",")
    plain = [key for key in asked if key not in ("split", "nested")]
    for number, file in enumerate(args.files):
        for key in plain:
            # the second file (LZMA) and the queries in uproot are stated without a bound
            if key == "read":
                limits = STATED if number else READ
                rivals = {"rootreadspeed": limits, "uproot": limits, "uproot arrays()": limits}
            else:
                rivals = {"rdataframe": STATED if number else ADL}
                if args.uproot_adl:
                    rivals["uproot"] = STATED
            yield Case("read-all" if key == "read" else f"adl-{key}", key, file, "Events", rivals)
    for key in plain if args.ntuple else []:
        if key == "read":
            rivals = {"LoadEntry": LOAD_ENTRY, "LoadEntry once": STATED}
        else:
            rivals = {"rdataframe": NTUPLE_ADL}
        yield Case("ntuple-read-all" if key == "read" else f"ntuple-adl-{key}", key, args.ntuple, "Events", rivals)
    for tree in ("Split", "Nested"):
        if args.objects and tree.lower() in asked:
            yield Case(f"{tree.lower()}-read-all", "read", args.objects, tree,
                       {"TTreeReader leaves": TREE_READER, "TTreeReader whole": TREE_READER,
                        "uproot": OBJECTS_UPROOT, "uproot arrays()": OBJECTS_UPROOT})


class Programs:
    """The command lines."""

    def __init__(self, args):
        self.env = pathlib.Path(args.env)
        self.python, self.rdf, self.readspeed = self.env / "bin/python", args.rdf, args.readspeed
        self.ntuple, self.objects = args.ntuple_read, args.objects_read
        self.cli = None
        if args.subject == "vcol":
            self.adl, self.cli = find_program(args.build, "vcol-adl"), find_program(args.build, "vcol")

    def command(self, program, case):
        file, table, key = case.file, f"{case.file}:{case.tree}", case.key
        if program == "vcol" and key == "read":
            return [self.cli, "bench", "read", "--threads", 1, "--no-prefetch", "--chunk", "clusters", table]
        if program == "vcol":
            return [self.adl, "--query", key, "--threads", 1, "--no-prefetch", file]
        if program == "rdataframe":
            return [self.rdf, "--query", key, file]
        if program == "rootreadspeed":
            return [self.readspeed, "--files", file, "--trees", case.tree, "--all-branches", "--threads", 0]
        if program.startswith("LoadEntry"):
            return [self.ntuple, "--read", "once" if program.endswith("once") else "all", file]
        if program.startswith("TTreeReader"):
            return [self.objects, "--read", program.split()[1], case.tree, file]
        if program == "uproot arrays()":
            return [self.python, HERE / "read_uproot.py", "--tree", case.tree, "--whole", file]
        if key == "read":
            return [self.python, HERE / "read_uproot.py", "--tree", case.tree, file]
        return [self.python, HERE / "read_uproot.py", "--query", key, file]

    def start(self, program, case):
        """The program up to its first event, or None where it cannot stop there."""
        if program == "rdataframe":
            return [self.rdf, "--query", "start", case.file]
        if program.startswith("LoadEntry"):
            return [self.ntuple, "--read", "start", case.file]
        if program.startswith("TTreeReader"):
            return [self.objects, "--read", "start", case.tree, case.file]
        if program.startswith("uproot"):
            return [self.python, HERE / "read_uproot.py", "--tree", case.tree, "--query", "start", case.file]
        return None

    def sums(self, program, case):
        """The program when it adds up all it reads, or None."""
        if program.startswith("LoadEntry"):
            return [self.ntuple, "--sums", "once" if program.endswith("once") else "all", case.file]
        if program.startswith("TTreeReader"):
            return [self.objects, "--sums", program.split()[1], case.tree, case.file]
        if program.startswith("uproot") and case.name != "read-all":
            return [self.python, HERE / "read_uproot.py", "--tree", case.tree, "--sums", case.file]
        return None


def check_sums(programs, case, rivals, core):
    """Every rival reads as many values of each column as vcol, and they add up to the same."""
    if programs.cli is None:
        return
    rows = run([programs.cli, "digest", "--quiet", f"{case.file}:{case.tree}"], core)[1].decode().splitlines()
    titles, *rows = [row.split("\t") for row in rows]
    rows = [dict(zip(titles, row)) for row in rows]
    if any(row["status"] != "ok" for row in rows):
        raise Failed(f"{case.file}:{case.tree}: not every column reads")
    # a member and the projected field that shows it have the same name
    own = {row["path" if case.name.startswith("ntuple") else "name"]: row for row in rows}
    seen = {}
    for rival in rivals:
        command = programs.sums(rival, case)
        if command is None:
            continue
        if str(command) not in seen:
            lines = run(command, core)[1].decode().splitlines()
            seen[str(command)] = {name: (int(n), int(nan), float(total))
                                  for name, n, nan, total in (line.split("\t") for line in lines)}
        theirs = seen[str(command)]
        # what LoadEntry once leaves out is projected: the same values under another name
        missing = [] if rival == "LoadEntry once" else [name for name in own if name not in theirs]
        extra = [name for name in theirs if name not in own]
        if missing or extra:
            raise Failed(f"{case.file}:{case.tree}: not the same columns as {rival}: {' '.join(missing + extra)}")
        for name, (n, nan, total) in theirs.items():
            row = own[name]
            # sums of floating point numbers differ by the order of adding
            most = max(abs(float(row["min"] or 0)), abs(float(row["max"] or 0)))
            same = math.isclose(total, float(row["sum"]), rel_tol=1e-12, abs_tol=1e-12 * most * n)
            if n != int(row["n_values"]) or nan != int(row["nan"] or 0) or not same:
                raise Failed(f"{case.file}:{case.tree}: {name}: {row['n_values']} values with the sum {row['sum']}, "
                             f"of {rival} {n} with {total!r}")
        print(f"rivals: {case.name}: {len(theirs)} columns of {rival}: as many values, and the same sums", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--ntuple")
    parser.add_argument("--objects")
    parser.add_argument("--env", required=True)
    parser.add_argument("--rdf", required=True)
    parser.add_argument("--readspeed", required=True)
    parser.add_argument("--ntuple-read", required=True)
    parser.add_argument("--objects-read", required=True)
    parser.add_argument("--build")
    parser.add_argument("--subject", choices=["vcol", "uproot", "none"], default="vcol")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--cases", default="1,2,3,4,5,6,7,8,read,split,nested")
    parser.add_argument("--uproot-adl", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if not args.files and not args.ntuple and not args.objects:
        parser.error("no file")
    if args.ntuple and args.subject == "uproot":
        parser.error("uproot takes vcol's place on trees only")
    programs, host, missed = Programs(args), machine(), []
    subject = None if args.subject == "none" else args.subject
    cached, starts = set(), {}

    for case in cases(args):
        if case.file not in cached:
            cached.add(case.file)
            with open(case.file, "rb") as file:  # into the page cache
                while file.read(1 << 24):
                    pass
        rivals = [r for r in case.rivals if r != subject]
        if case.name != "read-all" and case.key == "read":
            check_sums(programs, case, rivals, args.core)
        for rival in rivals:
            command = programs.start(rival, case)
            if command and str(command) not in starts:
                run(command, args.core)  # warm-up of the program itself
                starts[str(command)] = statistics.median(run(command, args.core)[0] for _ in range(args.runs))
        seconds = {p: [] for p in ([subject] if subject else []) + rivals}
        for _ in range(args.runs):
            printed = {}
            for program in seconds:
                spent, printed[program] = run(programs.command(program, case), args.core)
                seconds[program].append(round(spent, 4))
            if case.key != "read" and len(set(printed.values())) != 1:
                raise Failed(f"{case.file}: query {case.key}: {' and '.join(printed)} give different histograms")
        for rival in rivals:
            limits = case.rivals[rival] if subject == "vcol" else STATED
            median = statistics.median(seconds[rival])
            own = statistics.median(seconds[subject]) if subject else None
            start = starts.get(str(programs.start(rival, case)))
            started = median - start if start is not None and median > start else None
            line = {
                "bench": "rivals",
                "case": case.name,
                "compared": rival,
                "ratio": round(own / median, 4) if subject else None,
                "bound": limits["bound"],
                "aim": limits["aim"],
                "seconds": seconds[subject] if subject else [],
                "seconds_compared": seconds[rival],
                "median": own,
                "median_compared": median,
                "best": min(seconds[subject]) if subject else None,
                "best_compared": min(seconds[rival]),
                "start_compared": round(start, 4) if start is not None else None,
                # ours with its start, the rival's without
                "ratio_less_start": round(own / started, 4) if subject and started else None,
                "subject": subject,
                "file": os.path.basename(case.file),
                "bytes": os.path.getsize(case.file),
                "threads": 1,
                "machine": host,
            }
            print(json.dumps(line), flush=True)
            if limits["bound"] is not None and line["ratio"] > limits["bound"]:
                missed.append(f"{line['case']} against {rival}: {line['ratio']} above {limits['bound']}")
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
