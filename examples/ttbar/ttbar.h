/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ttbar.h: the parts of `vcol-ttbar`, the analysis of top quark pairs of the analysis grand challenge: events with at most
 * one lepton and four jets, two regions, an observable in each, and systematic variations.
 *
 *   leptons.c     how many selected electrons and muons an event has
 *   jets.c        the jets that any variation may select, of the events that any may select
 *   variation.c   one variation over these: regions, observables, weights
 *   results.c     what these functions leave for each other: memory of the program's, or values put into the chunk
 *   steps.c       the functions in order, what each reads, and all of it over one chunk in each of the modes
 *   histogram.c   what is filled, added, printed
 *   plot.c        a picture of it
 *   options.c     the command line
 *   main.c        the run, the report
 *
 * All of it is against the public headers.
 */
#ifndef TTBAR_H
#define TTBAR_H

#include <stdio.h>

#include <vcol/vcol.h>

/* ---- histograms ------------------------------------------------------------------------------ */

enum { TTBAR_BINS = 25, TTBAR_REGIONS = 2, TTBAR_VARIATIONS = 11 };
#define TTBAR_FROM 50.0
#define TTBAR_TO   550.0

enum { REGION_4J1B, REGION_4J2B };
/* The variations: three of the jets' scale, eight of the weight of a jet's b tag, up and down for four jets. */
enum { NOMINAL, PT_SCALE_UP, PT_SCALE_DOWN, BTAG_VAR };

/*
 * Sums of weights; bin 0 is below the range, TTBAR_BINS + 1 at or above its end. A weight is a whole number of
 * 1/TTBAR_UNITS, so that sums are exact, and the same for any size of chunk and in any order.
 */
#define TTBAR_UNITS 4294967296.0
typedef struct ttbar_histograms {
    int64_t sum[TTBAR_REGIONS][TTBAR_VARIATIONS][TTBAR_BINS + 2];
} ttbar_histograms;

extern const char *const ttbar_regions[TTBAR_REGIONS];
extern const char *const ttbar_variations[TTBAR_VARIATIONS];

int ttbar_bin(double x);
int64_t ttbar_weight(double weight);
void ttbar_add(ttbar_histograms *to, const ttbar_histograms *h);
void ttbar_print(const ttbar_histograms *h, FILE *out);
/* Draws the nominal histograms and the variations of the scale; 0, or -1. */
int ttbar_plot(const char *path, const ttbar_histograms *h);

/* ---- what the functions leave for each other --------------------------------------------------- */

/* One byte an entry, one byte a jet of the file, and one value a selected jet. */
typedef enum result {
    ELECTRONS, /* uint8: selected electrons, 2 stands for more too */
    LEPTONS,   /* uint8: with the muons */
    TAGS,      /* uint8 a jet: 1 = b tagged */
    KEPT,      /* uint8 a jet: 1 = selected */
    SELECTED_TAG, SELECTED_PT, SELECTED_ETA, SELECTED_PHI, SELECTED_MASS, /* uint8, then float */
    RESULTS
} result;

extern const char *const result_names[RESULTS]; /* as they are put into the chunk */

typedef struct results {
    vcol_chunk *chunk;
    int put;                /* 1: into the chunk; 0: kept here until results_close */
    int64_t *offsets;       /* of the selected jets */
    void *data[RESULTS];
    int64_t count[RESULTS]; /* values */
} results;

/* Memory for `count` values, and for offsets if it is SELECTED_TAG; NULL after a failure. */
void *results_new(results *r, result which, int64_t count, vcol_error *err);
/* It is filled, and its count is what it says now. */
void results_done(results *r, result which, vcol_error *err);
const void *results_get(results *r, result which, vcol_error *err);
const int64_t *results_offsets(results *r, vcol_error *err);
void results_close(results *r);

/* ---- the functions, over one chunk ------------------------------------------------------------- */

void count_electrons(results *r, vcol_error *err); /* → ELECTRONS */
void count_muons(results *r, vcol_error *err);     /* ELECTRONS → LEPTONS */
void tag_jets(results *r, vcol_error *err);        /* → TAGS */
/*
 * Jets of the entries that any variation may select: |eta| < 2.4, more than one constituent, and pt > 30 where it is scaled
 * up the most; in entries with at most one lepton, four such jets, and one of them tagged. LEPTONS, TAGS → KEPT,
 * SELECTED_TAG and offsets.
 */
void select_jets(results *r, vcol_error *err);
/* The selected jets' part of a column of the file: KEPT → which. */
void keep_jets(results *r, const char *column, result which, vcol_error *err);
/* Fills the histograms of a variation of the scale; those of the b tag with the nominal one. */
void run_variation(results *r, int variation, ttbar_histograms *h, vcol_error *err);

/* ---- modes ------------------------------------------------------------------------------------- */

typedef enum ttbar_mode {
    MODE_ACCESS,   /* columns come when they are asked for, and are cleared when they were used */
    MODE_PRELOAD,  /* all are read first */
    MODE_PREFETCH, /* a prefetch scope around each function, with the columns of what comes after */
    MODE_PLAN      /* steps of a plan; what functions leave for each other is put into the chunk */
} ttbar_mode;

enum { TTBAR_STEPS = 12 };
/* Seconds in each step: until its columns were there, and computing. */
typedef struct ttbar_times {
    double read[TTBAR_STEPS], compute[TTBAR_STEPS];
} ttbar_times;

const char *ttbar_step_name(int step);
/* A list of the columns of a step and of those after it, in the order of use; a name may come twice. */
void ttbar_columns(int from, char *out, size_t size);
/* A plan with the steps of MODE_PLAN. */
vcol_status ttbar_plan(vcol_plan **out, vcol_error *err);
/* All of it over a chunk. times: adds to them (each step then begins by waiting for its columns); or NULL. */
vcol_status ttbar_chunk(vcol_chunk *chunk, ttbar_mode mode, ttbar_histograms *h, ttbar_times *times,
                        vcol_error *err);

#endif
