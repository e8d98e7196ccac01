/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * derived.c: a column of one's own. Jet_pz is defined on each chunk as a virtual buffer that reads
 * Jet_pt and Jet_eta when somebody asks for it, and not before; it is then asked for, cleared and
 * counted like any other column.
 *
 *     example_derived FILE[:TREE]
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <vcol/vcol.h>

/* Fills Jet_pz. Runs on whichever thread asks first; may read other columns. */
static vcol_status make_pz(vcol_fill *fill, void *opaque, vcol_error *err)
{
    vcol_chunk *chunk = opaque;
    int64_t n = vcol_chunk_entries(chunk);
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Jet_eta", err);
    void *memory;
    float *pz;
    if (err->status || vcol_fill_reserve(fill, jets[n], &memory, err) != VCOL_OK)
        return (vcol_status)err->status;
    pz = memory;
    for (int64_t k = 0; k < jets[n]; k++)
        pz[k] = pt[k] * sinhf(eta[k]);
    return VCOL_OK;
}

static void define_pz(vcol_chunk *chunk, vcol_error *err)
{
    vcol_buffer_options options;
    vcol_buffer_options_init(&options, sizeof options);
    options.type = VCOL_F32;
    options.count = -1; /* as many as there are jets: known when it is generated */
    options.generator.generate = make_pz;
    options.generator.opaque = chunk;
    vcol_chunk_define(chunk, "Jet_pz", "Jet_pt", &options, err); /* shaped like Jet_pt */
}

int main(int argc, char **argv)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    vcol_loop_options lo;
    int64_t forward = 0, all = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE[:TREE]\n", argv[0]);
        return 2;
    }
    vcol_manager_open(NULL, &manager, &err); /* no options: as many threads as processors, no limit */
    vcol_dataset_open(manager, &(const char *){argv[1]}, 1, NULL, &dataset, &err);
    vcol_loop_options_init(&lo, sizeof lo);
    lo.columns = "Jet_pt Jet_eta";
    vcol_loop_open(dataset, &lo, &loop, &err);
    while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
        const int64_t *jets;
        const float *pz;
        define_pz(chunk, &err); /* costs nothing yet */
        jets = vcol_chunk_offsets(chunk, "Jet_pz", &err);
        pz = vcol_chunk_f32(chunk, "Jet_pz", &err);
        for (int64_t k = 0; !err.status && k < jets[vcol_chunk_entries(chunk)]; k++, all++)
            forward += fabsf(pz[k]) > 200;
    }
    vcol_loop_close(loop);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    if (err.status) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%" PRId64 " of %" PRId64 " jets have |pz| > 200 GeV\n", forward, all);
    return 0;
}
