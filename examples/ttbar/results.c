/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * results.c: what the functions leave for each other. With a plan it is put into the chunk, where the memory limit
 * sees it and the plan lets it go after its last use; else it is the program's own memory until the chunk's end.
 */
#include "ttbar.h"

#include <stdlib.h>
#include <string.h>

const char *const result_names[RESULTS] = {"electrons",    "leptons",      "jet_tags",     "jet_kept",     "selected_tag",
                                           "selected_pt",  "selected_eta", "selected_phi", "selected_mass"};

/* Whose offsets a result has: a collection's, or those of the selected jets. */
static const char *const like[RESULTS] = {NULL, NULL, "Jet_pt", "Jet_pt", NULL, "selected_tag", "selected_tag", "selected_tag",
                                          "selected_tag"};

static int is_float(result which)
{
    return which >= SELECTED_PT;
}

void *results_new(results *r, result which, int64_t count, vcol_error *err)
{
    int offsets = which == SELECTED_TAG;
    if (err->status)
        return NULL;
    r->count[which] = count;
    r->data[which] = malloc((size_t)(count > 0 ? count : 1) * (is_float(which) ? sizeof(float) : 1));
    if (offsets)
        r->offsets = malloc(((size_t)vcol_chunk_entries(r->chunk) + 1) * sizeof *r->offsets);
    if (!r->data[which] || (offsets && !r->offsets)) {
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
        return NULL;
    }
    return r->data[which];
}

void results_done(results *r, result which, vcol_error *err)
{
    vcol_put put;
    if (err->status || !r->put)
        return;
    vcol_put_init(&put, sizeof put);
    put.name = result_names[which];
    put.data = r->data[which];
    put.count = r->count[which];
    put.type = is_float(which) ? VCOL_F32 : VCOL_U8;
    put.like = like[which];
    if (which == SELECTED_TAG)
        put.offsets = r->offsets;
    vcol_chunk_put(r->chunk, &put, err); /* copied */
    free(r->data[which]);
    r->data[which] = NULL;
    if (which == SELECTED_TAG) {
        free(r->offsets);
        r->offsets = NULL;
    }
}

const void *results_get(results *r, result which, vcol_error *err)
{
    if (err->status || !r->put)
        return r->data[which];
    return is_float(which) ? (const void *)vcol_chunk_f32(r->chunk, result_names[which], err)
                           : (const void *)vcol_chunk_u8(r->chunk, result_names[which], err);
}

const int64_t *results_offsets(results *r, vcol_error *err)
{
    if (err->status || !r->put)
        return r->offsets;
    return vcol_chunk_offsets(r->chunk, result_names[SELECTED_TAG], err);
}

void results_close(results *r)
{
    for (int i = 0; i < RESULTS; i++)
        free(r->data[i]);
    free(r->offsets);
    memset(r, 0, sizeof *r);
}
