/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * steps.c: the analysis over one chunk: the same functions in the same order in each mode; what differs is when columns
 * come and go.
 */
#include "ttbar.h"

#include <string.h>
#include <time.h>

#define ELECTRON_COLUMNS \
    "nElectron Electron_pt Electron_eta Electron_cutBased Electron_sip3d Electron_phi Electron_mass"
#define MUON_COLUMNS "nMuon Muon_pt Muon_eta Muon_tightId Muon_sip3d Muon_pfRelIso04_all Muon_phi Muon_mass"
#define JETS_FOUND   "jet_kept selected_tag"
#define ALL_SELECTED "selected_tag selected_pt selected_eta selected_phi selected_mass"

/* Columns of the original's list that nothing is computed from. nJet is the collection's, and goes with the last of it. */
static void read_others(results *r, vcol_error *err)
{
    vcol_chunk_i32(r->chunk, "nJet", err);
    vcol_chunk_u64(r->chunk, "event", err);
    vcol_chunk_f32(r->chunk, "Jet_btagDeepFlavQG", err);
}

/*
 * `reads`: columns of the file, in the order of use; `last`: those that nothing after it reads; `finds`: what the steps
 * before left that it reads. A plan is told the first and the third, and finds the second by itself.
 */
static const struct step {
    const char *name, *reads, *last, *finds;
    void (*run)(results *r, vcol_error *err); /* NULL: keep_jets(reads, which), or a variation */
    result which;
} steps[TTBAR_STEPS] = {
    {"electrons", ELECTRON_COLUMNS, ELECTRON_COLUMNS, "", count_electrons, 0},
    {"muons", MUON_COLUMNS, MUON_COLUMNS, "electrons", count_muons, 0},
    {"others", "nJet event Jet_btagDeepFlavQG", "event Jet_btagDeepFlavQG", "", read_others, 0},
    {"tags", "Jet_btagDeepFlavB", "Jet_btagDeepFlavB", "", tag_jets, 0},
    {"select", "Jet_pt Jet_eta Jet_nConstituents", "Jet_nConstituents", "leptons jet_tags", select_jets, 0},
    {"pt", "Jet_pt", "Jet_pt", JETS_FOUND, NULL, SELECTED_PT},
    {"eta", "Jet_eta", "Jet_eta", JETS_FOUND, NULL, SELECTED_ETA},
    {"phi", "Jet_phi", "Jet_phi", JETS_FOUND, NULL, SELECTED_PHI},
    {"mass", "Jet_mass", "Jet_mass nJet", JETS_FOUND, NULL, SELECTED_MASS},
    {"nominal", "", "", ALL_SELECTED, NULL, 0},
    {"pt_scale_up", "", "", ALL_SELECTED, NULL, 0},
    {"pt_scale_down", "", "", ALL_SELECTED, NULL, 0},
};
enum { FIRST_VARIATION = TTBAR_STEPS - 3, COLUMNS_SIZE = 1024, MOST_COLUMNS = 64 };

const char *ttbar_step_name(int step)
{
    return steps[step].name;
}

void ttbar_columns(int from, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = from; i < TTBAR_STEPS && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s ", steps[i].reads);
}

vcol_status ttbar_plan(vcol_plan **out, vcol_error *err)
{
    char columns[COLUMNS_SIZE];
    vcol_plan_create(out, err);
    for (int i = 0; i < TTBAR_STEPS; i++) {
        snprintf(columns, sizeof columns, "%s %s", steps[i].reads, steps[i].finds);
        vcol_plan_add_step(*out, steps[i].name, columns, NULL, err);
    }
    if (err->status) {
        vcol_plan_release(*out);
        *out = NULL;
    }
    return (vcol_status)err->status;
}

/* Waits until all columns of a list are there; they stay until they are cleared. */
static void read_columns(vcol_chunk *chunk, const char *columns, vcol_error *err)
{
    int64_t ids[MOST_COLUMNS], n = 0;
    vcol_view view;
    vcol_dataset_match(vcol_chunk_dataset(chunk), columns, ids, MOST_COLUMNS, &n, err);
    for (int64_t i = 0; i < n && !err->status; i++)
        vcol_chunk_get(chunk, ids[i], &view, err);
}

static void run_step(int step, results *r, ttbar_histograms *h, vcol_error *err)
{
    const struct step *s = &steps[step];
    if (s->run)
        s->run(r, err);
    else if (step < FIRST_VARIATION)
        keep_jets(r, s->reads, s->which, err);
    else
        run_variation(r, step - FIRST_VARIATION, h, err);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_timed(int step, results *r, ttbar_histograms *h, ttbar_times *times, vcol_error *err)
{
    double begun = now(), there;
    read_columns(r->chunk, steps[step].reads, err);
    there = now();
    run_step(step, r, h, err);
    times->read[step] += there - begun;
    times->compute[step] += now() - there;
}

/*
 * A prefetch scope around each function: its columns, then those of the functions after it, which are read while it
 * computes. It ends when the next one has begun, so that what is being read for that one goes on.
 */
static vcol_prefetch *next_scope(vcol_chunk *chunk, int step, vcol_prefetch *before, vcol_error *err)
{
    char columns[COLUMNS_SIZE];
    vcol_prefetch *scope = NULL;
    ttbar_columns(step, columns, sizeof columns);
    vcol_prefetch_begin(chunk, columns, NULL, &scope, err);
    vcol_prefetch_end(before);
    return scope;
}

vcol_status ttbar_chunk(vcol_chunk *chunk, ttbar_mode mode, ttbar_histograms *h, ttbar_times *times, vcol_error *err)
{
    results r = {.chunk = chunk, .put = mode == MODE_PLAN};
    vcol_prefetch *scope = NULL;
    char columns[COLUMNS_SIZE];
    ttbar_columns(0, columns, sizeof columns);
    if (mode == MODE_PRELOAD)
        read_columns(chunk, columns, err);
    for (int i = 0; i < TTBAR_STEPS && !err->status; i++) {
        if (mode == MODE_PLAN)
            vcol_chunk_step(chunk, steps[i].name, err);
        if (mode == MODE_PREFETCH)
            scope = next_scope(chunk, i, scope, err);
        if (times)
            run_timed(i, &r, h, times, err);
        else
            run_step(i, &r, h, err);
        if (mode == MODE_ACCESS || mode == MODE_PREFETCH)
            vcol_chunk_clear(chunk, steps[i].last);
    }
    vcol_prefetch_end(scope);
    vcol_chunk_step_end(chunk);
    results_close(&r);
    return (vcol_status)err->status;
}
