/* SPDX-License-Identifier: BSD-3-Clause */
/* query3.c: the transverse momentum of central jets, |eta| < 1. */
#include "adl.h"

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Jet_eta", err);
    for (int64_t k = 0; !err->status && k < jets[entries]; k++)
        if (fabsf(eta[k]) < 1)
            adl_fill(h, (double)pt[k]);
}

const adl_query adl_query3 = {3, "jets with |eta| < 1", "Jet_pt Jet_eta", 1, {{15, 60, "jet pt [GeV]"}}, run};
