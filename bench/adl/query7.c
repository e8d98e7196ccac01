/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query7.c: the sum of pt over jets with pt > 30 that have no electron or muon of pt > 10 within a
 * distance of 0.4 in eta and phi, for events with at least one such jet.
 */
#include "adl.h"

#define RADIUS2 (0.4 * 0.4)

typedef struct leptons {
    const int64_t *offsets;
    const float *pt, *eta, *phi;
} leptons;

static int is_near(const leptons *l, int64_t i, double eta, double phi)
{
    for (int64_t k = l->offsets[i]; k < l->offsets[i + 1]; k++) {
        double deta, dphi;
        if (!(l->pt[k] > 10))
            continue;
        deta = eta - (double)l->eta[k];
        if (deta * deta >= RADIUS2)
            continue;
        dphi = adl_delta_phi(phi, (double)l->phi[k]);
        if (deta * deta + dphi * dphi < RADIUS2)
            return 1;
    }
    return 0;
}

static leptons get(vcol_chunk *chunk, const char *pt, const char *eta, const char *phi, vcol_error *err)
{
    leptons l;
    l.offsets = vcol_chunk_offsets(chunk, pt, err);
    l.pt = vcol_chunk_f32(chunk, pt, err);
    l.eta = vcol_chunk_f32(chunk, eta, err);
    l.phi = vcol_chunk_f32(chunk, phi, err);
    return l;
}

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    leptons jets = get(chunk, "Jet_pt", "Jet_eta", "Jet_phi", err);
    leptons muons = get(chunk, "Muon_pt", "Muon_eta", "Muon_phi", err);
    leptons electrons = get(chunk, "Electron_pt", "Electron_eta", "Electron_phi", err);
    for (int64_t i = 0; !err->status && i < entries; i++) {
        double sum = 0;
        int good = 0;
        for (int64_t k = jets.offsets[i]; k < jets.offsets[i + 1]; k++) {
            double eta, phi;
            if (!(jets.pt[k] > 30))
                continue;
            eta = (double)jets.eta[k];
            phi = (double)jets.phi[k];
            if (is_near(&muons, i, eta, phi) || is_near(&electrons, i, eta, phi))
                continue;
            sum += (double)jets.pt[k];
            good = 1;
        }
        if (good)
            adl_fill(h, sum);
    }
}

const adl_query adl_query7 = {7,
                              "jets of pt > 30 away from leptons",
                              "Jet_pt Jet_eta Jet_phi Muon_pt Muon_eta Muon_phi "
                              "Electron_pt Electron_eta Electron_phi",
                              1,
                              {{15, 200, "sum of jet pt [GeV]"}},
                              run};
