#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The analysis of top quark pairs (examples/ttbar) in coffea, or in uproot and Awkward Array alone.

    ttbar_coffea.py [--reader coffea-virtual|coffea-preload|uproot] [--chunk N] FILE

Prints CSV `region,variation,bin,weight`. Columnar as users of coffea write it: NanoEvents, no compiled loops of its own.
coffea-virtual reads a column when it is touched; coffea-preload asks for all columns of the analysis at once.
Of equal candidates the first in loop order wins.
"""
import argparse
import sys
import time
import warnings

import awkward as ak
import numpy as np
import uproot

COLUMNS = (
    ["nJet", "nElectron", "nMuon", "event"]
    + [f"Electron_{x}" for x in ("pt", "eta", "phi", "mass", "cutBased", "sip3d")]
    + [f"Muon_{x}" for x in ("pt", "eta", "phi", "mass", "tightId", "sip3d", "pfRelIso04_all")]
    + [f"Jet_{x}" for x in ("pt", "eta", "phi", "mass", "nConstituents", "btagDeepFlavB", "btagDeepFlavQG")]
)
REGIONS = ("4j1b", "4j2b")
SCALES = {"nominal": 1.0, "pt_scale_up": 1.03, "pt_scale_down": 0.97}
BTAG = 0.5


class Histograms:
    def __init__(self):
        self.sums = {}

    def fill(self, region, variation, x, weight):
        bins = np.clip(np.floor(25 * (np.asarray(x) - 50) / 500), -1, 25).astype(np.int64) + 1
        total = self.sums.setdefault((region, variation), np.zeros(27))
        total += np.bincount(bins, weights=np.asarray(weight), minlength=27)

    def print(self):
        print("region,variation,bin,weight")
        for (region, variation), total in sorted(self.sums.items()):
            for b in np.flatnonzero(total):
                print(f"{region},{variation},{b},{total[b]:.9g}")


def trijet_mass(jets):
    """jets: pt (scaled), eta, phi, mass, btag of events with at least two tags"""
    eta, phi, mass = (ak.values_astype(jets[x], np.float64) for x in ("eta", "phi", "mass"))
    px, py, pz = jets.pt * np.cos(phi), jets.pt * np.sin(phi), jets.pt * np.sinh(eta)
    p4 = ak.zip({"px": px, "py": py, "pz": pz, "e": np.sqrt(px**2 + py**2 + pz**2 + mass**2), "btag": jets.btag})
    a, b, c = ak.unzip(ak.combinations(p4, 3))
    triple = ak.zip({x: a[x] + b[x] + c[x] for x in ("px", "py", "pz", "e")})
    tag = np.maximum(np.maximum(a.btag, b.btag), c.btag)
    triple = triple[tag > BTAG]
    best = triple[ak.argmax(np.sqrt(triple.px**2 + triple.py**2), axis=1, keepdims=True)]
    best = ak.flatten(best)
    return np.sqrt(np.maximum(best.e**2 - best.px**2 - best.py**2 - best.pz**2, 0))


def analyse(electrons, muons, jets, histograms):
    """Each a record of lists, by the names of NanoAOD without their prefix."""
    electrons = electrons[(electrons.pt > 30) & (abs(electrons.eta) < 2.1) & (electrons.cutBased == 4) &
                          (electrons.sip3d < 4)]
    muons = muons[(muons.pt > 30) & (abs(muons.eta) < 2.1) & muons.tightId & (muons.sip3d < 4) &
                  (muons.pfRelIso04_all < 0.15)]
    few = ak.num(electrons.pt) + ak.num(muons.pt) <= 1
    for variation, scale in SCALES.items():
        pt = ak.values_astype(jets.pt, np.float64) * scale
        good = (pt > 30) & (abs(jets.eta) < 2.4) & (jets.nConstituents > 1)
        tags = ak.sum(good & (jets.btagDeepFlavB > BTAG), axis=1)
        enough = few & (ak.sum(good, axis=1) >= 4)
        for region, events in (("4j1b", enough & (tags == 1)), ("4j2b", enough & (tags >= 2))):
            kept = good[events]
            here = jets[events][kept]
            selected = ak.zip({"pt": pt[events][kept], "eta": here.eta, "phi": here.phi, "mass": here.mass,
                               "btag": here.btagDeepFlavB})
            x = ak.sum(selected.pt, axis=1) if region == "4j1b" else trijet_mass(selected)
            histograms.fill(region, variation, x, np.ones(len(x)))
            for i in range(4 if variation == "nominal" else 0):
                by = 0.075 * np.asarray(selected.pt[:, i]) / 50
                histograms.fill(region, f"btag_var_{i}_up", x, 1 + by)
                histograms.fill(region, f"btag_var_{i}_down", x, 1 - by)


def plain(arrays, kind):
    n = len(kind) + 1
    return ak.zip({name[n:]: arrays[name] for name in COLUMNS if name.startswith(kind + "_")})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", choices=["coffea-virtual", "coffea-preload", "uproot"], default="coffea-virtual")
    parser.add_argument("--chunk", type=int, default=100_000)
    parser.add_argument("file")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    histograms = Histograms()
    with uproot.open(args.file) as file:
        entries = file["Events"].num_entries
    begun = time.monotonic()
    if args.reader == "uproot":
        for arrays in uproot.iterate(f"{args.file}:Events", COLUMNS, step_size=args.chunk, library="ak"):
            analyse(*(plain(arrays, kind) for kind in ("Electron", "Muon", "Jet")), histograms)
    else:
        from coffea.nanoevents import NanoAODSchema, NanoEventsFactory
        NanoAODSchema.warn_missing_crossrefs = NanoAODSchema.error_missing_event_ids = False
        more = {} if args.reader == "coffea-virtual" else {"preload": lambda branch: branch.name in COLUMNS}
        for start in range(0, entries, args.chunk):
            events = NanoEventsFactory.from_root({args.file: "Events"}, mode="virtual", schemaclass=NanoAODSchema,
                                                 entry_start=start, entry_stop=min(start + args.chunk, entries),
                                                 **more).events()
            # of the original's list, and not used: read all the same
            for array in (events.event, events.Jet.btagDeepFlavQG, events.Electron.phi, events.Electron.mass,
                          events.Muon.phi, events.Muon.mass):
                ak.materialize(array)
            analyse(events.Electron, events.Muon, events.Jet, histograms)
    histograms.print()
    print(f"{entries} events in {time.monotonic() - begun:.3f} s", file=sys.stderr)


sys.exit(main())
