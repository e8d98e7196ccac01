#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rival in Python: uproot and Awkward Array, 100,000 entries at a time, one thread.

    read_uproot.py FILE              read all columns; prints the bytes of the arrays
    read_uproot.py --whole FILE      the same by one call, TTree.arrays(), which has all of them at a time
    read_uproot.py --query N FILE    one of the eight ADL queries (or `all`) as CSV
                                     `query,histogram,bin,count`, bins that are not empty
    read_uproot.py --query start FILE  open the tree, no more: what the imports cost
    read_uproot.py --sums FILE       read all columns and add up their values: `column<TAB>count<TAB>nan<TAB>sum`

--tree names another tree than Events. Branches that are made of others have no values of their own.

Columnar as users write it: no compiled loops. Of equal candidates the first in loop order wins.
"""
import argparse
import sys

import awkward as ak
import numpy as np
import uproot

STEP = 100_000


def f64(array):
    return ak.values_astype(array, np.float64)


def momenta(events, kind):
    pt, eta, phi, mass = (f64(events[f"{kind}_{part}"]) for part in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return ak.zip({"px": px, "py": py, "pz": pz, "e": np.sqrt(px**2 + py**2 + pz**2 + mass**2)})


def mass(*parts):
    px, py, pz, e = (sum(p[x] for p in parts) for x in ("px", "py", "pz", "e"))
    return np.sqrt(np.maximum(e**2 - px**2 - py**2 - pz**2, 0))


def delta_phi(a, b):
    d = a - b
    return ak.where(d > np.pi, d - 2 * np.pi, ak.where(d < -np.pi, d + 2 * np.pi, d))


def q1(events):
    return [events.MET_pt]


def q2(events):
    return [ak.ravel(events.Jet_pt)]


def q3(events):
    return [ak.ravel(events.Jet_pt[abs(events.Jet_eta) < 1])]


def q4(events):
    return [events.MET_pt[ak.sum(events.Jet_pt > 40, axis=1) >= 2]]


def q5(events):
    events = events[ak.num(events.Muon_pt) >= 2]
    muons = ak.with_field(momenta(events, "Muon"), events.Muon_charge, "charge")
    a, b = ak.unzip(ak.combinations(muons, 2))
    m = mass(a, b)
    return [events.MET_pt[ak.any((a.charge != b.charge) & (m > 60) & (m < 120), axis=1)]]


def q6(events):
    events = events[ak.num(events.Jet_pt) >= 3]
    jets = ak.with_field(momenta(events, "Jet"), events.Jet_btag, "btag")
    a, b, c = ak.unzip(ak.combinations(jets, 3))
    best = ak.argmin(abs(mass(a, b, c) - 172.5), axis=1, keepdims=True)
    a, b, c = (ak.flatten(x[best]) for x in (a, b, c))
    pt = np.sqrt((a.px + b.px + c.px) ** 2 + (a.py + b.py + c.py) ** 2)
    return [pt, np.maximum(np.maximum(a.btag, b.btag), c.btag)]


def q7(events):
    jets = ak.zip({part: f64(events[f"Jet_{part}"]) for part in ("pt", "eta", "phi")})
    jets = jets[jets.pt > 30]
    for kind in ("Muon", "Electron"):
        leptons = ak.zip({part: f64(events[f"{kind}_{part}"]) for part in ("pt", "eta", "phi")})
        jet, lepton = ak.unzip(ak.cartesian([jets, leptons[leptons.pt > 10]], nested=True))
        distance2 = (jet.eta - lepton.eta) ** 2 + delta_phi(jet.phi, lepton.phi) ** 2
        jets = jets[~ak.any(distance2 < 0.4 * 0.4, axis=2)]
    return [ak.sum(jets.pt, axis=1)[ak.num(jets) > 0]]


def q8(events):
    events = events[ak.num(events.Muon_pt) + ak.num(events.Electron_pt) >= 3]
    kinds = []
    for number, kind in enumerate(("Muon", "Electron")):
        leptons = momenta(events, kind)
        for part in ("pt", "phi", "charge"):
            leptons = ak.with_field(leptons, f64(events[f"{kind}_{part}"]), part)
        kinds.append(ak.with_field(leptons, ak.full_like(leptons.pt, number), "kind"))
    leptons = ak.concatenate(kinds, axis=1)
    index = ak.local_index(leptons, axis=1)
    a, b = ak.unzip(ak.combinations(leptons, 2))
    i, j = ak.unzip(ak.combinations(index, 2))
    fits = (a.kind == b.kind) & (a.charge != b.charge)
    a, b, i, j = a[fits], b[fits], i[fits], j[fits]
    some = ak.num(i) > 0
    a, b, i, j, leptons, index, events = (x[some] for x in (a, b, i, j, leptons, index, events))
    best = ak.argmin(abs(mass(a, b) - 91.2), axis=1, keepdims=True)
    left = leptons[(index != ak.flatten(i[best])) & (index != ak.flatten(j[best]))]
    lead = ak.flatten(left[ak.argmax(left.pt, axis=1, keepdims=True)])
    dphi = delta_phi(f64(events.MET_phi), lead.phi)
    return [np.sqrt(2.0 * f64(events.MET_pt) * lead.pt * (1.0 - np.cos(dphi)))]


FOUR = ("pt", "eta", "phi", "mass")
LEPTONS = [f"{kind}_{part}" for kind in ("Muon", "Electron") for part in FOUR + ("charge",)]
MET = (100, 0, 200)
JET = (100, 15, 60)
# query: function, columns, histograms as (bins, from, to)
QUERIES = {
    1: (q1, ["MET_pt"], [MET]),
    2: (q2, ["Jet_pt"], [JET]),
    3: (q3, ["Jet_pt", "Jet_eta"], [JET]),
    4: (q4, ["Jet_pt", "MET_pt"], [MET]),
    5: (q5, [f"Muon_{part}" for part in FOUR + ("charge",)] + ["MET_pt"], [MET]),
    6: (q6, [f"Jet_{part}" for part in FOUR + ("btag",)], [(100, 15, 40), (100, 0, 1)]),
    7: (q7, [f"{kind}_{part}" for kind in ("Jet", "Muon", "Electron") for part in FOUR[:3]], [(100, 15, 200)]),
    8: (q8, LEPTONS + ["MET_pt", "MET_phi"], [(100, 15, 250)]),
}


def run_query(path, query):
    function, columns, axes = QUERIES[query]
    counts = [np.zeros(bins + 2, np.int64) for bins, _, _ in axes]
    for events in uproot.iterate(f"{path}:Events", columns, step_size=STEP, library="ak"):
        for values, (bins, low, high), total in zip(function(events), axes, counts):
            x = np.asarray(values).astype(np.float64)
            total += np.bincount(np.clip(1 + np.floor(bins * (x - low) / (high - low)), 0, bins + 1).astype(np.int64),
                                 minlength=bins + 2)
    for histogram, total in enumerate(counts, 1):
        for bin in np.flatnonzero(total):
            print(f"{query},{histogram},{bin},{total[bin]}")


def leaves(tree):
    """The branches with values; a branch that is split has at most a count of its own, which theirs tell."""
    return [branch.name for branch in tree.itervalues(recursive=True) if not branch.branches]


def run_sums(path, name):
    tree = uproot.open(f"{path}:{name}")
    totals = {branch: [0, 0, 0] for branch in leaves(tree)}
    for events in tree.iterate(list(totals), step_size=STEP, library="ak"):
        for branch, total in totals.items():
            values = ak.to_numpy(ak.ravel(events[branch]))
            total[0] += len(values)
            if values.dtype.kind == "f":
                total[1] += int(np.isnan(values).sum())
                values = values[~np.isnan(values)]
            total[2] += values.sum(dtype=np.longdouble if values.dtype.kind == "f" else None)
    for branch, (count, nan, total) in totals.items():
        print(f"{branch}\t{count}\t{nan}\t{total}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tree", default="Events")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--sums", action="store_true")
    parser.add_argument("--query", choices=[str(q) for q in QUERIES] + ["all", "start"])
    args = parser.parse_args()
    if args.query == "start":
        uproot.open(f"{args.file}:{args.tree}").num_entries
        return
    if args.query:
        print("query,histogram,bin,count")
        for query in QUERIES if args.query == "all" else [int(args.query)]:
            run_query(args.file, query)
        return
    if args.sums:
        run_sums(args.file, args.tree)
        return
    tree = uproot.open(f"{args.file}:{args.tree}")
    columns = leaves(tree)
    if args.whole:
        print(tree.arrays(columns, library="ak").nbytes)
        return
    print(sum(events.nbytes for events in tree.iterate(columns, step_size=STEP, library="ak")))


sys.exit(main())
