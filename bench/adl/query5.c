/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query5.c: the missing transverse momentum of events that have a pair of muons of opposite charge whose
 * invariant mass is between 60 and 120.
 */
#include "adl.h"

#define MAX_KEPT 16 /* muons of an event whose momenta are kept; more are computed again */

typedef struct muons {
    const float *pt, *eta, *phi, *mass;
    const int32_t *charge;
} muons;

static adl_p4 momentum(const muons *m, int64_t k)
{
    return adl_p4_make(m->pt[k], m->eta[k], m->phi[k], m->mass[k]);
}

/* Whether muons [from, to) hold such a pair. */
static int has_pair(const muons *m, int64_t from, int64_t to)
{
    adl_p4 kept[MAX_KEPT];
    int64_t known = from; /* kept[k - from] is there for k < known */
    for (int64_t b = from + 1; b < to; b++) {
        for (int64_t a = from; a < b; a++) {
            double mass2;
            adl_p4 first, second;
            if (m->charge[a] == m->charge[b])
                continue;
            for (; known <= b && known - from < MAX_KEPT; known++)
                kept[known - from] = momentum(m, known);
            first = a < known ? kept[a - from] : momentum(m, a);
            second = b < known ? kept[b - from] : momentum(m, b);
            mass2 = adl_p4_mass2(adl_p4_add(first, second));
            if (mass2 > 60.0 * 60.0 && mass2 < 120.0 * 120.0)
                return 1;
        }
    }
    return 0;
}

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const int64_t *offsets = vcol_chunk_offsets(chunk, "Muon_pt", err);
    const float *met = vcol_chunk_f32(chunk, "MET_pt", err);
    muons m;
    m.pt = vcol_chunk_f32(chunk, "Muon_pt", err);
    m.eta = vcol_chunk_f32(chunk, "Muon_eta", err);
    m.phi = vcol_chunk_f32(chunk, "Muon_phi", err);
    m.mass = vcol_chunk_f32(chunk, "Muon_mass", err);
    m.charge = vcol_chunk_i32(chunk, "Muon_charge", err);
    for (int64_t i = 0; !err->status && i < entries; i++)
        if (offsets[i + 1] - offsets[i] >= 2 && has_pair(&m, offsets[i], offsets[i + 1]))
            adl_fill(h, (double)met[i]);
}

const adl_query adl_query5 = {
    5, "muon pair of 60 to 120 GeV", "Muon_pt Muon_charge Muon_eta Muon_phi Muon_mass MET_pt",
    1, {{0, 200, "MET pt [GeV]"}},   run};
