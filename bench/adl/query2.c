/* SPDX-License-Identifier: BSD-3-Clause */
/* query2.c: the transverse momentum of all jets. */
#include "adl.h"

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    for (int64_t k = 0; !err->status && k < jets[entries]; k++)
        adl_fill(h, (double)pt[k]);
}

const adl_query adl_query2 = {2, "all jets", "Jet_pt", 1, {{15, 60, "jet pt [GeV]"}}, run};
