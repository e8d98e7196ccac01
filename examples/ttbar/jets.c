/* SPDX-License-Identifier: BSD-3-Clause */
/* jets.c: the jets that any variation may select. What the largest scale does not select no smaller one does. */
#include "ttbar.h"

#include <math.h>

#define LARGEST_SCALE 1.03
#define TAGGED        0.5f

void tag_jets(results *r, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(r->chunk);
    const int64_t *first = vcol_chunk_offsets(r->chunk, "Jet_btagDeepFlavB", err);
    const float *btag = vcol_chunk_f32(r->chunk, "Jet_btagDeepFlavB", err);
    uint8_t *tags = results_new(r, TAGS, err->status ? 0 : first[entries], err);
    for (int64_t k = 0; !err->status && k < first[entries]; k++)
        tags[k] = btag[k] > TAGGED;
    results_done(r, TAGS, err);
}

/* kept[jet], of those of one entry; 0 for all of them if the entry has not enough. Returns how many. */
static int64_t select_entry(uint8_t *kept, const uint8_t *tags, int64_t n, int leptons)
{
    int64_t jets = 0, tagged = 0;
    for (int64_t k = 0; k < n; k++) {
        jets += kept[k];
        tagged += kept[k] & tags[k];
    }
    if (leptons <= 1 && jets >= 4 && tagged >= 1)
        return jets;
    for (int64_t k = 0; k < n; k++)
        kept[k] = 0;
    return 0;
}

void select_jets(results *r, vcol_error *err)
{
    vcol_chunk *chunk = r->chunk;
    int64_t entries = vcol_chunk_entries(chunk), all, n = 0;
    const uint8_t *leptons = results_get(r, LEPTONS, err), *tags = results_get(r, TAGS, err);
    const int64_t *first = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Jet_eta", err);
    const uint8_t *constituents = vcol_chunk_u8(chunk, "Jet_nConstituents", err);
    uint8_t *kept, *selected;
    all = err->status ? 0 : first[entries];
    kept = results_new(r, KEPT, all, err);
    selected = results_new(r, SELECTED_TAG, all, err);
    if (err->status)
        return;
    for (int64_t k = 0; k < all; k++)
        kept[k] = ((double)pt[k] * LARGEST_SCALE > 30) & (fabsf(eta[k]) < 2.4f) & (constituents[k] > 1);
    r->offsets[0] = 0;
    for (int64_t i = 0; i < entries; i++) {
        n += select_entry(kept + first[i], tags + first[i], first[i + 1] - first[i], leptons[i]);
        r->offsets[i + 1] = n;
    }
    n = 0;
    for (int64_t k = 0; k < all; k++) {
        selected[n] = tags[k];
        n += kept[k];
    }
    r->count[SELECTED_TAG] = n;
    results_done(r, KEPT, err);
    results_done(r, SELECTED_TAG, err);
}

void keep_jets(results *r, const char *column, result which, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(r->chunk), n = 0;
    const int64_t *first = vcol_chunk_offsets(r->chunk, column, err), *offsets = results_offsets(r, err);
    const float *values = vcol_chunk_f32(r->chunk, column, err);
    const uint8_t *kept = results_get(r, KEPT, err);
    /* one more, for what is written behind the last and not kept */
    float *out = results_new(r, which, err->status ? 0 : offsets[entries] + 1, err);
    if (err->status)
        return;
    for (int64_t k = 0; k < first[entries]; k++) {
        out[n] = values[k];
        n += kept[k];
    }
    r->count[which] = n;
    results_done(r, which, err);
}
