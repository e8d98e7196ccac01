/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * measure.h: what the benchmarks share: clocks, pinning to one core, interleaved series, and the line of JSON that
 * each case ends with.
 *
 * Method: the things that are compared (series) are run in turn, round after round, in the same process; a case's
 * ratio is the median over the rounds of the ratios within a round, so that what else the machine does falls on both.
 * A round before the first one is run and not counted.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdio.h>

#define MEASURE_ROUNDS 31 /* at most */

/* User + system CPU seconds of the process. */
double measure_cpu(void);
/* Wall seconds since some point. */
double measure_wall(void);
/* Keeps the process on the last of the cores that it may use; -1 if the system will not. */
int measure_pin(void);
/* Lets it run on all cores that it might use before measure_pin. */
void measure_unpin(void);

/* One thing that is measured. run returns seconds, or below 0 after a failure that it has told on stderr. */
typedef struct measure_series {
    const char *name;
    double (*run)(void *opaque);
    void *opaque;
    double seconds[MEASURE_ROUNDS]; /* filled */
    double median;                  /* likewise */
} measure_series;

/* Runs all series in turn, `rounds` times. Returns 0, or -1 after a failure. */
int measure_run(measure_series *series, int n, int rounds);

/* Seconds of running it twice at once, on two threads; below 0 after a failure. */
double measure_twice(double (*run)(void *opaque), void *opaque);

double measure_median(const double *values, int n);

/* A case: a number of each round, and what it should stay below (or above). */
typedef struct measure_case {
    const char *bench, *name, *compared;
    const char *unit;        /* NULL: a plain ratio */
    const char *note;        /* or NULL */
    double bound, aim;       /* 0 = none */
    int above;               /* the bound is a lower one */
    double ratios[MEASURE_ROUNDS]; /* of each round; the median is given */
} measure_case;

/* Prints a case with the seconds of the n series that it was made of. Returns whether it keeps its bound. */
int measure_print(const measure_case *c, const measure_series *const *series, int n, int rounds);

/* The usual case: a / (b + c) of each round; c may be NULL. */
int measure_ratio(const char *bench, const char *name, const char *compared, const measure_series *a,
                  const measure_series *b, const measure_series *c, double bound, double aim, int rounds);

#endif
