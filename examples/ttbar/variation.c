/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * variation.c: one variation of the jets' scale. Four-momenta in double precision; of triples with equal transverse momentum
 * the first in loop order counts. Angles are looked at only in events of the region that needs them.
 */
#define _GNU_SOURCE /* sincos */
#include "ttbar.h"

#include <math.h>
#include <stdlib.h>

typedef struct jets {
    int64_t entries;
    const int64_t *offsets;
    const uint8_t *tag;
    const float *pt, *eta, *phi, *mass;
} jets;

/* The selected jets of an event; arrays with room for the most that one has. */
typedef struct event {
    int64_t n;
    double *pt, *x, *y;
    int64_t *index; /* in the jets' arrays */
    uint8_t *tag;
} event;

static int open_event(event *v, const jets *j)
{
    int64_t most = 0;
    for (int64_t i = 0; i < j->entries; i++)
        if (j->offsets[i + 1] - j->offsets[i] > most)
            most = j->offsets[i + 1] - j->offsets[i];
    size_t room = (size_t)most + 1;
    v->pt = malloc(room * (3 * sizeof *v->pt + sizeof *v->index + 1));
    if (!v->pt)
        return -1;
    v->x = v->pt + room;
    v->y = v->x + room;
    v->index = (int64_t *)(v->y + room);
    v->tag = (uint8_t *)(v->index + room);
    return 0;
}

/* Beam axis and energy come in only with the three jets that are chosen. */
static void make_transverse(event *v, const jets *j)
{
    for (int64_t k = 0; k < v->n; k++) {
        double sine, cosine;
        sincos((double)j->phi[v->index[k]], &sine, &cosine);
        v->x[k] = v->pt[k] * cosine;
        v->y[k] = v->pt[k] * sine;
    }
}

/* The triple with a b tag that has the largest transverse momentum; there is one where a jet is tagged. */
static void choose(const event *v, int64_t chosen[3])
{
    double most = -1;
    for (int64_t i = 0; i < v->n; i++)
        for (int64_t k = i + 1; k < v->n; k++) {
            double x = v->x[i] + v->x[k], y = v->y[i] + v->y[k];
            int tagged = v->tag[i] | v->tag[k];
            for (int64_t l = k + 1; l < v->n; l++) {
                double sx = x + v->x[l], sy = y + v->y[l], pt2 = sx * sx + sy * sy;
                if (pt2 > most && (tagged | v->tag[l])) {
                    most = pt2;
                    chosen[0] = i;
                    chosen[1] = k;
                    chosen[2] = l;
                }
            }
        }
}

static double trijet_mass(event *v, const jets *j)
{
    int64_t chosen[3] = {0};
    double x = 0, y = 0, z = 0, e = 0, mass2;
    make_transverse(v, j);
    choose(v, chosen);
    for (int i = 0; i < 3; i++) {
        int64_t k = chosen[i], at = v->index[k];
        double t = exp((double)j->eta[at]), u = 1 / t, mass = (double)j->mass[at];
        double p = v->pt[k] * 0.5 * (t + u);
        x += v->x[k];
        y += v->y[k];
        z += v->pt[k] * 0.5 * (t - u);
        e += sqrt(p * p + mass * mass);
    }
    mass2 = e * e - x * x - y * y - z * z;
    return mass2 > 0 ? sqrt(mass2) : 0;
}

/* The jets of entry i that this scale selects; returns how many are tagged. */
static int load_event(event *v, const jets *j, int64_t i, double scale)
{
    int tags = 0;
    v->n = 0;
    for (int64_t k = j->offsets[i]; k < j->offsets[i + 1]; k++) {
        double pt = (double)j->pt[k] * scale;
        if (!(pt > 30))
            continue;
        v->pt[v->n] = pt;
        v->index[v->n] = k;
        v->tag[v->n] = j->tag[k];
        tags += v->tag[v->n++];
    }
    return tags;
}

static double observable(event *v, const jets *j, int region)
{
    double sum = 0;
    if (region == REGION_4J2B)
        return trijet_mass(v, j);
    for (int64_t k = 0; k < v->n; k++)
        sum += v->pt[k];
    return sum;
}

static void run(const jets *j, event *v, int variation, ttbar_histograms *h)
{
    static const double scales[] = {1, 1.03, 0.97};
    const int64_t one = ttbar_weight(1);
    for (int64_t i = 0; i < j->entries; i++) {
        int tags, region, bin;
        if (j->offsets[i + 1] - j->offsets[i] < 4)
            continue;
        tags = load_event(v, j, i, scales[variation]);
        if (v->n < 4 || tags == 0)
            continue;
        region = tags == 1 ? REGION_4J1B : REGION_4J2B;
        bin = ttbar_bin(observable(v, j, region));
        h->sum[region][variation][bin] += one;
        for (int k = 0; k < 4 && variation == NOMINAL; k++) {
            double by = 0.075 * v->pt[k] / 50;
            h->sum[region][BTAG_VAR + 2 * k][bin] += ttbar_weight(1 + by);
            h->sum[region][BTAG_VAR + 2 * k + 1][bin] += ttbar_weight(1 - by);
        }
    }
}

void run_variation(results *r, int variation, ttbar_histograms *h, vcol_error *err)
{
    event v = {0};
    jets j = {.entries = vcol_chunk_entries(r->chunk),
              .offsets = results_offsets(r, err),
              .tag = results_get(r, SELECTED_TAG, err),
              .pt = results_get(r, SELECTED_PT, err),
              .eta = results_get(r, SELECTED_ETA, err),
              .phi = results_get(r, SELECTED_PHI, err),
              .mass = results_get(r, SELECTED_MASS, err)};
    if (err->status)
        return;
    if (open_event(&v, &j) == 0)
        run(&j, &v, variation, h);
    else
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
    free(v.pt);
}
