/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query8.c: in events with at least three electrons and muons together that have a pair of the same kind
 * and opposite charge: the pair with the mass closest to 91.2 is set aside; the transverse mass of the
 * missing momentum and of the lepton with the largest pt among the others.
 */
#include "adl.h"

#define Z_MASS 91.2

typedef struct leptons {
    const int64_t *offsets;
    const float *pt, *eta, *phi, *mass;
    const int32_t *charge;
} leptons;

typedef struct pair {
    const leptons *kind; /* NULL: none yet */
    int64_t a, b;
    double distance;
} pair;

/* Takes the pairs of entry i into account, in order. */
static void find_pair(pair *best, const leptons *l, int64_t i)
{
    for (int64_t a = l->offsets[i]; a < l->offsets[i + 1]; a++) {
        adl_p4 first = {0};
        int made = 0;
        for (int64_t b = a + 1; b < l->offsets[i + 1]; b++) {
            double mass2, distance;
            if (l->charge[a] == l->charge[b])
                continue;
            if (!made)
                first = adl_p4_make(l->pt[a], l->eta[a], l->phi[a], l->mass[a]);
            made = 1;
            mass2 = adl_p4_mass2(adl_p4_add(first, adl_p4_make(l->pt[b], l->eta[b], l->phi[b], l->mass[b])));
            distance = fabs((mass2 >= 0 ? sqrt(mass2) : -sqrt(-mass2)) - Z_MASS);
            if (!best->kind || distance < best->distance)
                *best = (pair){l, a, b, distance};
        }
    }
}

/* The hardest lepton of entry i outside the pair. */
static void find_hardest(const leptons *l, int64_t i, const pair *aside, float *pt, float *phi)
{
    for (int64_t k = l->offsets[i]; k < l->offsets[i + 1]; k++) {
        if (aside->kind == l && (k == aside->a || k == aside->b))
            continue;
        if (l->pt[k] > *pt) {
            *pt = l->pt[k];
            *phi = l->phi[k];
        }
    }
}

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const float *met_pt = vcol_chunk_f32(chunk, "MET_pt", err);
    const float *met_phi = vcol_chunk_f32(chunk, "MET_phi", err);
    leptons m, e;
    m.offsets = vcol_chunk_offsets(chunk, "Muon_pt", err);
    m.pt = vcol_chunk_f32(chunk, "Muon_pt", err);
    m.eta = vcol_chunk_f32(chunk, "Muon_eta", err);
    m.phi = vcol_chunk_f32(chunk, "Muon_phi", err);
    m.mass = vcol_chunk_f32(chunk, "Muon_mass", err);
    m.charge = vcol_chunk_i32(chunk, "Muon_charge", err);
    e.offsets = vcol_chunk_offsets(chunk, "Electron_pt", err);
    e.pt = vcol_chunk_f32(chunk, "Electron_pt", err);
    e.eta = vcol_chunk_f32(chunk, "Electron_eta", err);
    e.phi = vcol_chunk_f32(chunk, "Electron_phi", err);
    e.mass = vcol_chunk_f32(chunk, "Electron_mass", err);
    e.charge = vcol_chunk_i32(chunk, "Electron_charge", err);
    for (int64_t i = 0; !err->status && i < entries; i++) {
        pair best = {0};
        float pt = -1, phi = 0;
        double dphi;
        if (m.offsets[i + 1] - m.offsets[i] + e.offsets[i + 1] - e.offsets[i] < 3)
            continue;
        find_pair(&best, &m, i);
        find_pair(&best, &e, i);
        if (!best.kind)
            continue;
        find_hardest(&m, i, &best, &pt, &phi);
        find_hardest(&e, i, &best, &pt, &phi);
        dphi = adl_delta_phi((double)met_phi[i], (double)phi);
        adl_fill(h, sqrt(2 * (double)met_pt[i] * (double)pt * (1 - cos(dphi))));
    }
}

const adl_query adl_query8 = {
    8,
    "three leptons, one beside a Z",
    "Muon_pt Muon_eta Muon_phi Muon_mass Muon_charge "
    "Electron_pt Electron_eta Electron_phi Electron_mass Electron_charge MET_pt MET_phi",
    1,
    {{15, 250, "transverse mass [GeV]"}},
    run};
