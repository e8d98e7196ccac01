/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * histogram.c: the pt of jets in events with missing momentum, as a histogram in text: one pass over a
 * file, chunk by chunk, the next chunk's columns read in the background meanwhile.
 *
 *     example_histogram FILE[:TREE]
 */
#include <inttypes.h>
#include <stdio.h>

#include <vcol/vcol.h>

#define BINS 20
#define FROM 15.0f
#define TO   115.0f

int main(int argc, char **argv)
{
    vcol_error err = {0}; /* inherited: a call that is given a failed err does nothing and fails */
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    vcol_manager_options mo;
    vcol_loop_options lo;
    int64_t counts[BINS] = {0}, most = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE[:TREE]\n", argv[0]);
        return 2;
    }
    vcol_manager_options_init(&mo, sizeof mo);
    mo.limit = (uint64_t)1 << 30; /* bytes for everything that is in memory */
    vcol_manager_open(&mo, &manager, &err);
    vcol_dataset_open(manager, &(const char *){argv[1]}, 1, NULL, &dataset, &err);

    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 100000;
    lo.columns = "Jet_pt MET_pt"; /* what to read ahead */
    vcol_loop_open(dataset, &lo, &loop, &err);
    while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
        const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", &err);
        const float *pt = vcol_chunk_f32(chunk, "Jet_pt", &err);
        const float *met = vcol_chunk_f32(chunk, "MET_pt", &err);
        for (int64_t i = 0; !err.status && i < vcol_chunk_entries(chunk); i++) {
            if (met[i] < 30)
                continue;
            for (int64_t k = jets[i]; k < jets[i + 1]; k++) /* the jets of event i */
                if (pt[k] >= FROM && pt[k] < TO)
                    counts[(int)(BINS * (pt[k] - FROM) / (TO - FROM))]++;
        }
        vcol_chunk_clear(chunk, "Jet MET_pt"); /* or when the loop goes on to the next chunk */
    }

    vcol_loop_close(loop);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    if (err.status) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int bin = 0; bin < BINS; bin++)
        most = counts[bin] > most ? counts[bin] : most;
    for (int bin = 0; bin < BINS; bin++) {
        printf("%5.0f GeV %8" PRId64 " ", (double)(FROM + (float)bin * (TO - FROM) / BINS), counts[bin]);
        for (int64_t n = 0; n < 50 * counts[bin] / most; n++)
            putchar('#');
        putchar('\n');
    }
    return 0;
}
