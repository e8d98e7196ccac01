#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make data/events.root: a small event file in NanoAOD's layout, free to ship.

The events are invented: a fixed seed, simple kinematics, no detector simulation and no data of any
experiment. Z bosons decay to pairs of muons or electrons, pairs of top quarks to jets and leptons, W and
Z together to three leptons, and the rest is jets, so that the histograms of the ADL benchmark show what a
physicist expects: resonances, a b tag that separates, missing momentum where neutrinos are.

    pip install numpy root        # ROOT from PyPI writes the file
    make_sample.py events.root

The values are the same each time; the file's bytes are not, for ROOT writes time and identity into it.
"""
import sys

import numpy as np

EVENTS, CLUSTER, SEED = 8000, 2000, 20260
Z_MASS, Z_WIDTH, W_MASS, W_WIDTH, TOP_MASS, TOP_WIDTH = 91.19, 2.5, 80.4, 2.1, 172.5, 1.4
MUON, ELECTRON, B = 0.10566, 0.000511, 4.7
rng = np.random.Generator(np.random.PCG64(SEED))


# Four-vectors are arrays (px, py, pz, e).
def from_pt(pt, eta, phi, mass):
    p = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    return np.append(p, np.sqrt(p @ p + mass * mass))


def kinematics(v):
    """pt, eta, phi, mass"""
    pt = np.hypot(v[0], v[1])
    return pt, np.arcsinh(v[2] / pt), np.arctan2(v[1], v[0]), np.sqrt(max(v[3] ** 2 - v[:3] @ v[:3], 0.0))


def boosted(v, parent):
    """v, given in the rest frame of parent, as seen where parent moves."""
    mass = np.sqrt(max(parent[3] ** 2 - parent[:3] @ parent[:3], 1e-9))
    along = parent[:3] @ v[:3]
    energy = (parent[3] * v[3] + along) / mass
    return np.append(v[:3] + parent[:3] * (along / (parent[3] + mass) + v[3]) / mass, energy)


def decay(parent, m1, m2):
    mass = np.sqrt(max(parent[3] ** 2 - parent[:3] @ parent[:3], 1e-9))
    mass = max(mass, m1 + m2 + 1e-3)
    e1 = (mass * mass + m1 * m1 - m2 * m2) / (2 * mass)
    p = np.sqrt(max(e1 * e1 - m1 * m1, 0.0))
    cos, phi = rng.uniform(-1, 1), rng.uniform(-np.pi, np.pi)
    sin = np.sqrt(1 - cos * cos)
    n = np.array([sin * np.cos(phi), sin * np.sin(phi), cos])
    return boosted(np.append(p * n, e1), parent), boosted(np.append(-p * n, mass - e1), parent)


def resonance(mass, width):
    while True:
        value = mass + 0.5 * width * np.tan(np.pi * (rng.random() - 0.5))
        if abs(value - mass) < 12 * width:
            return value


def boson(mass, mean_pt, spread=1.4):
    return from_pt(rng.exponential(mean_pt) + 0.5, rng.normal(0, spread), rng.uniform(-np.pi, np.pi), mass)


class Event:
    def __init__(self):
        self.muons, self.electrons, self.jets = [], [], []  # (vector, charge) and (vector, b tag)
        self.missing = rng.normal(0, 9, 2)  # what the resolution leaves

    def lepton(self, v, charge, muon):
        pt, eta, phi, _ = kinematics(v)
        pt *= rng.normal(1, 0.012 if muon else 0.018)
        mass = MUON if muon else ELECTRON
        if pt < (3 if muon else 5) or abs(eta) > (2.4 if muon else 2.5) or rng.random() > 0.95:
            return
        (self.muons if muon else self.electrons).append((from_pt(pt, eta, phi, mass), charge))
        if not muon:  # electrons are found as jets, too
            self.jets.append((from_pt(pt * rng.normal(1.03, 0.03), eta + rng.normal(0, 0.01), phi, 0.03 * pt),
                              rng.beta(0.7, 9)))

    def jet(self, v, is_b=False):
        pt, eta, phi, _ = kinematics(v)
        measured = pt * rng.normal(1, min(0.25, 0.9 / np.sqrt(pt) + 0.05))
        if measured < 15 or abs(eta) > 4.7:
            return
        self.missing += (pt - measured) * 0.35 * np.array([np.cos(phi), np.sin(phi)])
        tag = min(rng.beta(6, 0.7) if is_b else rng.beta(0.8, 5), 0.999)
        mass = measured * abs(rng.normal(0.14, 0.035)) + 1
        self.jets.append((from_pt(measured, eta, phi, mass), tag if abs(eta) < 2.5 else -1.0))

    def radiation(self, mean):
        for _ in range(rng.poisson(mean)):
            self.jet(from_pt(14 + rng.exponential(16), rng.normal(0, 2.0), rng.uniform(-np.pi, np.pi), 3.0),
                     rng.random() < 0.04)

    def z(self, muon):
        plus, minus = decay(boson(resonance(Z_MASS, Z_WIDTH), 18), *[MUON if muon else ELECTRON] * 2)
        self.lepton(plus, 1, muon)
        self.lepton(minus, -1, muon)

    def w(self, v, leptons):
        """A W's decay; its charge does not follow the top's."""
        if leptons:
            muon = rng.random() < 0.5
            lepton, neutrino = decay(v, MUON if muon else ELECTRON, 0.0)
            self.lepton(lepton, int(rng.choice([-1, 1])), muon)
            self.missing += neutrino[:2]
        else:
            for quark in decay(v, 0.3, 0.3):
                self.jet(quark)

    def top_pair(self):
        first = boson(resonance(TOP_MASS, TOP_WIDTH), 75, 1.0)
        pt, eta, phi, _ = kinematics(first)
        second = from_pt(pt, rng.normal(0, 1.0), phi + np.pi, resonance(TOP_MASS, TOP_WIDTH))
        leptonic = rng.random() < 0.55
        for top, leptons in ((first, leptonic), (second, leptonic and rng.random() < 0.2)):
            w, b = decay(top, resonance(W_MASS, W_WIDTH), B)
            self.w(w, leptons)
            self.jet(b, True)


def make_event():
    event, kind = Event(), rng.random()
    if kind < 0.28:
        event.z(True)
        event.radiation(1.1)
    elif kind < 0.48:
        event.z(False)
        event.radiation(1.1)
    elif kind < 0.70:
        event.top_pair()
        event.radiation(0.8)
    elif kind < 0.78:
        event.z(rng.random() < 0.5)
        event.w(boson(resonance(W_MASS, W_WIDTH), 25), True)
        event.radiation(0.6)
    elif kind < 0.88:
        event.w(boson(resonance(W_MASS, W_WIDTH), 15), True)
        event.radiation(1.4)
    else:
        event.radiation(3.2)
    for objects in (event.muons, event.electrons, event.jets):
        objects.sort(key=lambda o: -np.hypot(o[0][0], o[0][1]))
    return event


def rounded(values, bits):
    """As float32 with only so many bits of mantissa, as experiments store them."""
    drop = 23 - bits
    words = np.asarray(values, dtype=np.float32).view(np.uint32)
    words = (words + np.uint32(1 << (drop - 1))) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return words.view(np.float32)


def write(path, events):
    import ROOT
    file = ROOT.TFile(path, "RECREATE", "invented events in NanoAOD's layout", 106)  # zlib, level 6
    tree = ROOT.TTree("Events", "Events")
    tree.SetAutoFlush(CLUSTER)
    tree.SetAutoSave(0)  # one cycle
    buffers = {}

    def branch(name, dtype, letter, counter=None):
        buffers[name] = np.zeros(64 if counter else 1, dtype)
        tree.Branch(name, buffers[name], f"{name}{f'[{counter}]' if counter else ''}/{letter}")

    for name, dtype, letter in (("run", "i4", "I"), ("luminosityBlock", "u4", "i"), ("event", "u8", "l"),
                                ("HLT_IsoMu24", "?", "O"), ("PV_npvs", "i4", "I"), ("MET_pt", "f4", "F"),
                                ("MET_phi", "f4", "F")):
        branch(name, dtype, letter)
    for kind in ("Muon", "Electron", "Jet"):
        branch(f"n{kind}", "u4", "i")
        for part in ("pt", "eta", "phi", "mass"):
            branch(f"{kind}_{part}", "f4", "F", f"n{kind}")
        if kind == "Jet":
            branch("Jet_btag", "f4", "F", "nJet")
        else:
            branch(f"{kind}_charge", "i4", "I", f"n{kind}")
    for number, event in enumerate(events):
        buffers["run"][0] = 1 + number // 4000
        buffers["luminosityBlock"][0] = 1 + number // 250
        buffers["event"][0] = 1000003 * (number + 1) % 999999937
        buffers["HLT_IsoMu24"][0] = any(np.hypot(v[0], v[1]) > 24 for v, _ in event.muons) and rng.random() < 0.9
        buffers["PV_npvs"][0] = 1 + rng.poisson(14)
        buffers["MET_pt"][0] = rounded([np.hypot(*event.missing)], 12)[0]
        buffers["MET_phi"][0] = rounded([np.arctan2(event.missing[1], event.missing[0])], 12)[0]
        for kind, objects in (("Muon", event.muons), ("Electron", event.electrons), ("Jet", event.jets)):
            n = len(objects)
            buffers[f"n{kind}"][0] = n
            for i, (v, last) in enumerate(objects):
                for part, value in zip(("pt", "eta", "phi", "mass"), kinematics(v)):
                    if part == "mass" and kind != "Jet":
                        value = MUON if kind == "Muon" else ELECTRON
                    buffers[f"{kind}_{part}"][i] = rounded([value], 12 if part != "mass" else 10)[0]
                if kind == "Jet":
                    buffers["Jet_btag"][i] = rounded([last], 10)[0]
                else:
                    buffers[f"{kind}_charge"][i] = last
        tree.Fill()
    tree.Write()
    file.Close()


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else "events.root", [make_event() for _ in range(EVENTS)])
