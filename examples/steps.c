/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * steps.c: an analysis in steps. The first selects jets and keeps them as a column of its own (sel_pt, with its own offsets);
 * the second reads what was selected, and nothing else, three times over with another energy scale. The plan says
 * what each step uses, so that Jet_pt and Jet_eta have gone before the second begins, and sel_pt after its last pass.
 *
 *     example_steps FILE[:TREE] [FILE.plan]      writes the plan, for `vcol plan show`
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vcol/vcol.h>

enum { SCALES = 3 };
static const float scale[SCALES] = {0.97f, 1, 1.03f};

/* Puts the central jets above 30 GeV into the chunk. */
static void select_jets(vcol_chunk *chunk, vcol_error *err)
{
    int64_t n = vcol_chunk_entries(chunk), kept = 0;
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Jet_eta", err);
    if (err->status)
        return;
    float *sel = malloc(((size_t)jets[n] + 1) * sizeof *sel);
    int64_t *starts = malloc(((size_t)n + 1) * sizeof *starts);
    if (sel && starts) {
        vcol_put put;
        for (int64_t i = 0; i < n; i++) {
            starts[i] = kept;
            for (int64_t j = jets[i]; j < jets[i + 1]; j++)
                if (pt[j] > 30 && fabsf(eta[j]) < 2.4f)
                    sel[kept++] = pt[j];
        }
        starts[n] = kept;
        vcol_put_init(&put, sizeof put);
        put.name = "sel_pt";
        put.type = VCOL_F32;
        put.data = sel;
        put.count = kept;
        put.offsets = starts;
        vcol_chunk_put(chunk, &put, err); /* copied */
    } else {
        vcol_error_set(err, VCOL_NOMEM, "no memory for selected jets");
    }
    free(sel);
    free(starts);
}

/* Events with at least four selected jets above 40 GeV. */
static int64_t count_events(vcol_chunk *chunk, float factor, vcol_error *err)
{
    const int64_t *jets = vcol_chunk_offsets(chunk, "sel_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "sel_pt", err);
    int64_t events = 0;
    for (int64_t i = 0; !err->status && i < vcol_chunk_entries(chunk); i++) {
        int hard = 0;
        for (int64_t j = jets[i]; j < jets[i + 1]; j++)
            hard += pt[j] * factor > 40;
        events += hard >= 4;
    }
    return events;
}

int main(int argc, char **argv)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_plan *plan = NULL;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    vcol_loop_options lo;
    int64_t events[SCALES] = {0}, vary = 0;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s FILE[:TREE] [FILE.plan]\n", argv[0]);
        return 2;
    }
    vcol_manager_open(NULL, &manager, &err);
    vcol_dataset_open(manager, &(const char *){argv[1]}, 1, NULL, &dataset, &err);
    vcol_plan_create(&plan, &err);
    vcol_plan_add_step(plan, "select", "@Jet Jet_pt Jet_eta", NULL, &err);
    vcol_plan_add_step(plan, "vary", "sel_pt", &vary, &err);
    vcol_plan_set_folds(plan, vary, vary, SCALES, &err); /* passed three times a chunk */
    vcol_loop_options_init(&lo, sizeof lo);
    lo.plan = plan;
    vcol_loop_open(dataset, &lo, &loop, &err);
    while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
        vcol_chunk_step(chunk, "select", &err);
        select_jets(chunk, &err);
        for (int s = 0; s < SCALES; s++) {
            vcol_chunk_step(chunk, "vary", &err);
            events[s] += count_events(chunk, scale[s], &err);
        }
    }
    if (argc == 3)
        vcol_plan_save(plan, argv[2], &err);
    vcol_loop_close(loop);
    vcol_plan_release(plan);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    if (err.status) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int s = 0; s < SCALES; s++)
        printf("scale %.2f: %" PRId64 " events with four jets\n", (double)scale[s], events[s]);
    return 0;
}
