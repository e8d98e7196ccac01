#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Columns that vcol reads of branches of objects, against what ROOT itself reads of them: ROOT writes the object of each entry as JSON
(TBufferJSON, which needs no dictionary), in which the column's members are looked up.

    root_objects.py VCOL FILE... [--rows root.tsv] [--macro FILE.C] [--project] [--entries N] [--verbose]

--rows: only branches of the rows of that table with the status error, unsupported or doubtful. --macro: a file to be loaded first,
with classes' dictionaries. --project: dictionaries are made of the file's own descriptions (TFile::MakeProject), for objects that ROOT
cannot do without. ROOT is run in a process of its own for each branch, because what it does without the classes' code may end it.
Prints a line for each file, and what differs; ends with 1 if anything does, with 77 where there is no ROOT.
"""
import argparse
import collections
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile

try:
    import ROOT
except ImportError:
    print("skipped: there is no ROOT")
    sys.exit(77)

ROOT.gErrorIgnoreLevel = ROOT.kFatal
ROOT.gInterpreter.Declare("""
#include "TBasket.h"
#include "TBranchElement.h"
#include "TBranchObject.h"
#include "TBufferFile.h"
#include "TBufferJSON.h"
#include "TLeafObject.h"
#include "TTree.h"
std::string branch_json(TBranch *b, Long64_t entry)
{
    b->GetTree()->ResetBranchAddresses(); // a new object for each entry: ROOT deletes what two pointers lead to twice
    b->GetTree()->LoadTree(entry);
    if (b->GetEntry(entry) < 0)
        return "";
    if (auto e = dynamic_cast<TBranchElement *>(b)) {
        TClass *cls = nullptr;
        EDataType type;
        if (e->GetType() > 0)
            return ""; // of a split collection
        e->GetExpectedType(cls, type);
        if (!cls)
            return "";
        char *at = e->GetID() < 0 ? (char *)e->GetObject() : (char *)e->GetObject() + e->GetOffset();
        if (e->GetID() >= 0) {
            auto element = (TStreamerElement *)e->GetInfo()->GetElements()->At(e->GetID());
            if (element->GetArrayLength() > 1 || element->GetType() == TVirtualStreamerInfo::kStreamLoop)
                return "";
            at = (char *)e->GetObject() + e->GetInfo()->GetElementOffset(e->GetID());
            if (element->IsaPointer())
                at = *(char **)at;
        }
        return at ? TBufferJSON::ConvertToJSON(at, cls, 3).Data() : "null";
    }
    if (dynamic_cast<TBranchObject *>(b)) {
        auto object = ((TLeafObject *)b->GetListOfLeaves()->At(0))->GetObject();
        return object ? TBufferJSON::ConvertToJSON(object, object->IsA(), 3).Data() : "null";
    }
    return "";
}

/* How many items a collection of a class's own has whose items have no members, by the steps of TStreamerInfo::ReadBuffer (kSTL) with
   ROOT's buffer; without the class's code that itself ends ROOT. -1: it is none, or there is more. */
int own_size(TBranch *b, Long64_t entry)
{
    auto e = dynamic_cast<TBranchElement *>(b);
    auto elements = e && e->GetID() < 0 && e->GetInfo() ? e->GetInfo()->GetElements() : nullptr;
    if (!elements || elements->GetEntries() != 1 || strcmp(elements->At(0)->GetName(), "This"))
        return -1;
    Long64_t *first = b->GetBasketEntry();
    int number = 0;
    while (number < b->GetWriteBasket() && first[number + 1] <= entry)
        number++;
    TBasket *basket = b->GetBasket(number);
    TBuffer *buffer = basket ? basket->GetBufferRef() : nullptr;
    if (!buffer)
        return -1;
    buffer->SetBufferOffset(basket->GetEntryPointer(entry - first[number]));
    UInt_t start, count, checksum;
    Version_t version = buffer->ReadVersion(&start, &count);
    if (version & TBufferFile::kStreamedMemberWise && buffer->ReadVersion() <= 0)
        *buffer >> checksum;
    Int_t n;
    *buffer >> n;
    return buffer->CheckByteCount(start, count, "") == 0 ? n : -1;
}
""")


def table(text):
    lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def branches(tree):
    """Each branch by its path."""
    found = {}

    def walk(owner, prefix):
        for b in owner.GetListOfBranches():
            path = prefix + b.GetName()
            found.setdefault(path, b)
            walk(b, path + "/")
    walk(tree, "")
    return found


MISSING = object()


def resolved(value, seen):
    """With what "$ref" refers to in its place: the objects are numbered as they come."""
    if isinstance(value, list):
        return [resolved(item, seen) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return seen[value["$ref"]]
    made = {}
    seen.append(made)
    for name, item in value.items():
        made[name] = resolved(item, seen)
    return made


def member(value, names, depth):
    """What is at a path of members, by vcol's rules: lists stay lists, pointers are lists of at most one, strings strings; `depth`
    lists are around it."""
    if isinstance(value, dict) and value.get("_typename") in ("TClonesArray", "TObjArray", "TList", "THashList") and "arr" in value:
        value = [item for item in value["arr"] if item is not None]
        if names == ["size"]:
            return len(value)
    if names == ["size"] and depth == 0 and not isinstance(value, str):
        return len(value) if isinstance(value, list) else int(value is not None)
    if isinstance(value, list):
        return [member(item, names, depth - 1) for item in value]
    if not names:
        return value
    if value is None:
        return None
    if not isinstance(value, dict):
        return MISSING
    for n in range(len(names), 0, -1): # members' names may have dots in them
        name = ".".join(names[:n])
        if name in value:
            return member(value[name], names[n:], depth)
    if names[0] in ("0", "1") and "first" in value:
        return member(value["first" if names[0] == "0" else "second"], names[1:], depth)
    return MISSING


def leaves(value, out):
    """The values in order, numbers as numbers, texts as texts; False if something is not there."""
    if value is MISSING:
        return False
    if isinstance(value, list):
        return all([leaves(item, out) for item in value])
    if isinstance(value, dict):
        return False
    if value is not None:
        out.append(value)
    return True


def same(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return str(a) == str(b)
    a, b = float(a), float(b)
    return a == b or abs(a - b) <= 2e-6 * max(abs(a), abs(b))


def compare_branch(vcol, path, tree_name, branch, columns, limit, verbose):
    """The counts of a branch's columns; run in a child."""
    count = collections.Counter()
    file = ROOT.TFile.Open(path)
    b = branches(file.Get(tree_name))[branch]
    entries = range(min(int(columns[0]["entries"]), limit))
    sizes = [ROOT.own_size(b, i) for i in entries] if [c["path"] for c in columns] == [branch + ".size"] else [-1]
    cache = [str(n) for n in sizes] if min(sizes, default=-1) >= 0 else [str(ROOT.branch_json(b, i)) for i in entries]
    got = collections.defaultdict(list)
    text = subprocess.run([vcol, "cat", "--quiet", "--format", "jsonl", "--entries", f"0:{limit}", "--columns",
                           ",".join(c["path"] for c in columns), f"{path}:{tree_name}"], capture_output=True, text=True, check=False)
    for line in text.stdout.splitlines():
        for name, value in json.loads(line).items():
            leaves(value, got[name])
    for c in columns:
        suffix = c["path"][len(branch):].lstrip(".")
        names = suffix.split(".") if suffix else []
        out, mine = [], got[c["path"]]
        try:
            values = sizes if min(sizes, default=-1) >= 0 else [member(resolved(json.loads(v), []), names, c["type"].count("var")) if v else MISSING for v in cache]
        except json.JSONDecodeError:
            values = [MISSING]
        if not all([leaves(v, out) for v in values]):
            count["cannot be compared"] += 1
            if verbose:
                print(f"    cannot be compared: {c['path']}: {cache[:1]}"[:300])
            continue
        if any(isinstance(x, str) for x in out) and not any(isinstance(x, str) for x in mine): # it writes arrays of char as texts
            count["cannot be compared"] += 1
            continue
        if names and names[-1] == "fBits": # ROOT leaves out those that only say how the object is in memory
            mine = [v & ~0x3000000 for v in mine]
        if len(mine) == len(out) and all(same(x, y) for x, y in zip(mine, out)):
            count["equal"] += 1
        else:
            count["different"] += 1
            print(f"different: {os.path.basename(path)} {tree_name} {c['path']}: {mine[:8]} ({len(mine)}), ROOT {out[:8]} "
                  f"({len(out)}) {text.stderr[:200]}")
    return count


def in_child(work):
    """What a function returns that is run in a process of its own; None if that did not end well."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        signal.alarm(60)
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE):
            ROOT.gSystem.ResetSignals()
            signal.signal(number, signal.SIG_DFL)
        os.write(writing, json.dumps(work()).encode())
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as f:
        text = f.read()
    return json.loads(text) if os.waitpid(child, 0)[1] == 0 and text else None


def compare(vcol, path, limit, rows, verbose):
    name = os.path.basename(path)
    columns = collections.defaultdict(list)
    count = collections.Counter()
    for r in table(subprocess.run([vcol, "digest", path], capture_output=True, text=True, check=False).stdout):
        if r["kind"] == "ttree" and r["status"] == "ok" and not r["path"].endswith(".raw"):
            columns[r["object"]].append(r)
    file = ROOT.TFile.Open(path)
    for tree_name, of_tree in columns.items():
        known = branches(file.Get(tree_name))
        wanted = rows and {r["path"] for r in rows if r["file"] == name and r["object"] == tree_name}
        of_branch = collections.defaultdict(list)
        for c in of_tree:
            branch = c["path"]
            while branch not in known and "." in branch:
                branch = branch.rpartition(".")[0]
            if branch in known and (branch in wanted if rows else branch != c["path"]):
                of_branch[branch].append(c)
        for branch, its in of_branch.items():
            result = in_child(lambda b=branch, c=its: compare_branch(vcol, path, tree_name, b, c, limit, verbose))
            if verbose:
                print(f"{name} {tree_name} {branch}: {result}", flush=True)
            if result is None:
                count["of branches that end ROOT"] += len(its)
            else:
                count.update(result)
    print(f"{name}: " + ", ".join(f"{n} {k}" for k, n in sorted(count.items())), flush=True)
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vcol")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rows")
    parser.add_argument("--macro")
    parser.add_argument("--project", action="store_true")
    parser.add_argument("--entries", type=int, default=20)
    parser.add_argument("--verbose", action="store_true")
    a = parser.parse_args()
    if a.macro:
        ROOT.gROOT.ProcessLine(f".L {a.macro}+")
    rows = None
    if a.rows:
        with open(a.rows) as f:
            rows = [r for r in table(f.read()) if r["status"] in ("error", "unsupported", "doubtful")]
    total = collections.Counter()
    for path in a.files:
        if a.project:
            with tempfile.TemporaryDirectory() as work:
                ROOT.TFile.Open(path).MakeProject(f"{work}/project", "*", "recreate++")
        total += compare(a.vcol, path, a.entries, rows, a.verbose)
    print(", ".join(f"{n} {k}" for k, n in sorted(total.items())))
    return 1 if total["different"] else 0


sys.exit(main())
