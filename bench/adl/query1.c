/* SPDX-License-Identifier: BSD-3-Clause */
/* query1.c: the missing transverse momentum of all events. */
#include "adl.h"

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    const float *met = vcol_chunk_f32(chunk, "MET_pt", err);
    for (int64_t i = 0; !err->status && i < entries; i++)
        adl_fill(h, (double)met[i]);
}

const adl_query adl_query1 = {1, "all events", "MET_pt", 1, {{0, 200, "MET pt [GeV]"}}, run};
