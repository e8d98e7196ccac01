/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * adl.h: what the eight queries of the ADL benchmark share. A query says which columns it wants and is
 * called once a chunk; it fills its histograms. The run over chunks is job.c's, the options and the
 * output are adl.c's, the picture plot.c's.
 *
 * Four-momenta are in double precision. Angles are computed once an object, and only in events that
 * pass the cuts that need none.
 */
#ifndef VCOL_ADL_H
#define VCOL_ADL_H

#include <math.h>
#include <stdio.h>

#include <vcol/vcol.h>

#define ADL_BINS           100 /* of every histogram */
#define ADL_MAX_HISTOGRAMS 2
#define ADL_PI             3.14159265358979323846

/* counts[0] is below the range, counts[ADL_BINS + 1] at or above its end. */
typedef struct adl_histogram {
    double from, to;
    int64_t counts[ADL_BINS + 2];
} adl_histogram;

typedef struct adl_query {
    int number;
    const char *title;   /* what is selected */
    const char *columns; /* a list for prefetch */
    int n_histograms;
    struct {
        double from, to;
        const char *label; /* of the x axis */
    } histogram[ADL_MAX_HISTOGRAMS];
    /* Fills the histograms from one chunk. */
    void (*run)(vcol_chunk *chunk, adl_histogram *histograms, vcol_error *err);
} adl_query;

extern const adl_query adl_query1, adl_query2, adl_query3, adl_query4, adl_query5, adl_query6, adl_query7,
    adl_query8;

/* Draws the histograms of n queries, histograms[ADL_MAX_HISTOGRAMS * i] being the first of query i. */
int adl_plot(const char *path, const adl_query *const *queries, const adl_histogram *histograms, int n);

static inline void adl_fill(adl_histogram *h, double x)
{
    int bin;
    if (x < h->from)
        bin = 0;
    else if (x < h->to)
        bin = 1 + (int)(ADL_BINS * (x - h->from) / (h->to - h->from));
    else
        bin = ADL_BINS + 1;
    h->counts[bin]++;
}

typedef struct adl_p4 {
    double x, y, z, e;
} adl_p4;

static inline adl_p4 adl_p4_make(float pt, float eta, float phi, float mass)
{
    double t = exp((double)eta), u = 1 / t, p = (double)pt;
    double sinh_eta = 0.5 * (t - u), cosh_eta = 0.5 * (t + u), m = (double)mass;
    adl_p4 v = {p * cos((double)phi), p * sin((double)phi), p * sinh_eta, 0};
    v.e = sqrt(p * p * cosh_eta * cosh_eta + m * m);
    return v;
}

static inline adl_p4 adl_p4_add(adl_p4 a, adl_p4 b)
{
    return (adl_p4){a.x + b.x, a.y + b.y, a.z + b.z, a.e + b.e};
}

static inline double adl_p4_mass2(adl_p4 v)
{
    return v.e * v.e - v.x * v.x - v.y * v.y - v.z * v.z;
}

/* The difference of two angles, in [-pi, pi]. */
static inline double adl_delta_phi(double a, double b)
{
    double d = a - b;
    if (d > ADL_PI)
        d -= 2 * ADL_PI;
    else if (d < -ADL_PI)
        d += 2 * ADL_PI;
    return d >= -ADL_PI && d <= ADL_PI ? d : remainder(a - b, 2 * ADL_PI);
}

#endif
