/* SPDX-License-Identifier: BSD-3-Clause */
/* query4.c: the missing transverse momentum of events with at least two jets with pt > 40. */
#include "adl.h"

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *met = vcol_chunk_f32(chunk, "MET_pt", err);
    for (int64_t i = 0; !err->status && i < entries; i++) {
        int hard = 0;
        for (int64_t k = jets[i]; k < jets[i + 1]; k++)
            hard += pt[k] > 40;
        if (hard >= 2)
            adl_fill(h, (double)met[i]);
    }
}

const adl_query adl_query4 = {4, "two jets of pt > 40", "Jet_pt MET_pt", 1, {{0, 200, "MET pt [GeV]"}}, run};
