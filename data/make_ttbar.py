#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make data/ttbar.root: a small event file with the columns of the analysis of top quark pairs (examples/ttbar).

The events are invented, by the means of make_sample.py and with a seed of their own: pairs of top quarks, some of them
boosted, between jets from elsewhere. The columns are named and typed as in NanoAOD 15; values lie on both sides of each
cut, and at it. Small clusters, and LZMA, as the files have that the analysis is measured on.

    pip install numpy root        # ROOT from PyPI writes the file
    make_ttbar.py ttbar.root

The values are the same each time; the file's bytes are not. What the analysis makes of them is in data/ttbar.tsv:

    bench/rivals/ttbar_coffea.py --reader uproot data/ttbar.root | tr , '\\t' > data/ttbar.tsv
"""
import sys

import numpy as np

import make_sample
from make_sample import Event, kinematics, rounded

EVENTS, CLUSTER, SEED = 4000, 900, 172500
rng = make_sample.rng = np.random.Generator(np.random.PCG64(SEED))

COLLECTIONS = {
    "Electron": (("pt", "f4"), ("eta", "f4"), ("phi", "f4"), ("mass", "f4"), ("cutBased", "u1"), ("sip3d", "f4")),
    "Muon": (("pt", "f4"), ("eta", "f4"), ("phi", "f4"), ("mass", "f4"), ("tightId", "?"), ("sip3d", "f4"),
             ("pfRelIso04_all", "f4")),
    "Jet": (("pt", "f4"), ("eta", "f4"), ("phi", "f4"), ("mass", "f4"), ("nConstituents", "u1"),
            ("btagDeepFlavB", "f4"), ("btagDeepFlavQG", "f4")),
}
LETTERS = {"f4": "F", "u1": "b", "?": "O", "i4": "I", "u8": "l"}


def make_event():
    event = Event()
    if rng.random() < 0.85:
        event.top_pair()
        event.radiation(2.6)
    else:
        event.radiation(5.0)
    if rng.random() < 0.1:
        event.z(rng.random() < 0.5)
    if rng.random() < 0.05:  # many jets: many triples
        event.radiation(12)
    for objects in (event.muons, event.electrons, event.jets):
        objects.sort(key=lambda o: -np.hypot(o[0][0], o[0][1]))
    return event


def at_times(value, edge):
    """Now and then exactly at a cut, and then not rounded."""
    return np.float32(edge) if rng.random() < 0.02 else value


def extra(kind, tag):
    """The values of an object behind its kinematics, in the order of its columns."""
    if kind == "Electron":
        return rng.integers(0, 5) if rng.random() < 0.3 else 4, at_times(abs(rng.exponential(1.4)), 4)
    if kind == "Muon":
        return rng.random() < 0.9, at_times(abs(rng.exponential(1.4)), 4), at_times(rng.exponential(0.06), 0.15)
    return min(int(rng.gamma(4, 5)), 255) if rng.random() < 0.97 else rng.integers(0, 3), at_times(tag, 0.5), rng.random()


def momentum(kind, v):
    pt, eta, phi, mass = kinematics(v)
    edge = 2.4 if kind == "Jet" else 2.1
    return at_times(pt, 30), at_times(eta, edge if rng.random() < 0.5 else -edge), phi, mass


def write(path, events):
    import ROOT
    file = ROOT.TFile(path, "RECREATE", "invented events in NanoAOD's layout", 209)  # LZMA
    tree = ROOT.TTree("Events", "Events")
    tree.SetAutoFlush(CLUSTER)
    tree.SetAutoSave(0)  # one cycle
    buffers = {"event": np.zeros(1, "u8")}
    tree.Branch("event", buffers["event"], "event/l")
    for kind, parts in COLLECTIONS.items():
        buffers[f"n{kind}"] = np.zeros(1, "i4")
        tree.Branch(f"n{kind}", buffers[f"n{kind}"], f"n{kind}/I")
        for part, dtype in parts:
            name = f"{kind}_{part}"
            buffers[name] = np.zeros(64, dtype)
            tree.Branch(name, buffers[name], f"{name}[n{kind}]/{LETTERS[dtype]}")
    for number, event in enumerate(events):
        buffers["event"][0] = 1000003 * (number + 1) % 999999937
        for kind, objects in (("Electron", event.electrons), ("Muon", event.muons), ("Jet", event.jets)):
            buffers[f"n{kind}"][0] = len(objects)
            for i, (v, last) in enumerate(objects):
                values = momentum(kind, v) + tuple(extra(kind, last))
                for (part, dtype), value in zip(COLLECTIONS[kind], values):
                    round_it = dtype == "f4" and not isinstance(value, np.float32)
                    buffers[f"{kind}_{part}"][i] = rounded([value], 12)[0] if round_it else value
        tree.Fill()
    tree.Write()
    file.Close()


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else "ttbar.root", [make_event() for _ in range(EVENTS)])
