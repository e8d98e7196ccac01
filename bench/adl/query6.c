/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query6.c: in events with at least three jets, the three whose summed four-momentum has the mass
 * closest to 172.5: its transverse momentum, and the largest b tag of the three.
 *
 * The search compares squared masses with the window in which a closer mass must lie, widened by far
 * more than rounding; only what falls inside is compared exactly.
 */
#include "adl.h"

#include <stdlib.h>

#define TOP_MASS 172.5

/* The momenta of an event's jets, an array a component. */
typedef struct momenta {
    double *x, *y, *z, *e;
} momenta;

typedef struct triple {
    int64_t i, j, k;
    double distance;  /* of its mass from TOP_MASS */
    double low, high; /* squared masses outside are further away */
} triple;

static void consider(triple *best, double mass2, int64_t i, int64_t j, int64_t k)
{
    double mass = mass2 >= 0 ? sqrt(mass2) : -sqrt(-mass2), distance = fabs(mass - TOP_MASS);
    if (!(distance < best->distance))
        return;
    *best = (triple){.i = i, .j = j, .k = k, .distance = distance};
    best->low = distance < TOP_MASS ? (TOP_MASS - distance) * (TOP_MASS - distance) * (1 - 1e-12) : -INFINITY;
    best->high = (TOP_MASS + distance) * (TOP_MASS + distance) * (1 + 1e-12);
}

static triple find_triple(const momenta *p, int64_t n)
{
    triple best = {.distance = INFINITY, .low = -INFINITY, .high = INFINITY};
    for (int64_t i = 0; i < n - 2; i++) {
        for (int64_t j = i + 1; j < n - 1; j++) {
            double x = p->x[i] + p->x[j], y = p->y[i] + p->y[j];
            double z = p->z[i] + p->z[j], e = p->e[i] + p->e[j];
            for (int64_t k = j + 1; k < n; k++) {
                double sx = x + p->x[k], sy = y + p->y[k], sz = z + p->z[k], se = e + p->e[k];
                double mass2 = se * se - sx * sx - sy * sy - sz * sz;
                if (mass2 > best.low && mass2 < best.high)
                    consider(&best, mass2, i, j, k);
            }
        }
    }
    return best;
}

static int64_t most_jets(const int64_t *jets, int64_t entries)
{
    int64_t most = 0;
    for (int64_t i = 0; i < entries; i++)
        if (jets[i + 1] - jets[i] > most)
            most = jets[i + 1] - jets[i];
    return most;
}

static void run(vcol_chunk *chunk, adl_histogram *h, vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk), most;
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *eta = vcol_chunk_f32(chunk, "Jet_eta", err);
    const float *phi = vcol_chunk_f32(chunk, "Jet_phi", err);
    const float *mass = vcol_chunk_f32(chunk, "Jet_mass", err);
    const float *btag = vcol_chunk_f32(chunk, "Jet_btag", err);
    double *memory;
    momenta p;
    if (err->status)
        return;
    most = most_jets(jets, entries);
    memory = malloc(((size_t)most + 1) * 4 * sizeof *memory);
    if (!memory) {
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
        return;
    }
    p = (momenta){memory, memory + most, memory + 2 * most, memory + 3 * most};
    for (int64_t i = 0; i < entries; i++) {
        int64_t first = jets[i], n = jets[i + 1] - first;
        triple best;
        double x, y;
        float tag;
        if (n < 3)
            continue;
        for (int64_t k = 0; k < n; k++) {
            adl_p4 v = adl_p4_make(pt[first + k], eta[first + k], phi[first + k], mass[first + k]);
            p.x[k] = v.x;
            p.y[k] = v.y;
            p.z[k] = v.z;
            p.e[k] = v.e;
        }
        best = find_triple(&p, n);
        x = p.x[best.i] + p.x[best.j] + p.x[best.k];
        y = p.y[best.i] + p.y[best.j] + p.y[best.k];
        tag = fmaxf(btag[first + best.i], fmaxf(btag[first + best.j], btag[first + best.k]));
        adl_fill(&h[0], sqrt(x * x + y * y));
        adl_fill(&h[1], (double)tag);
    }
    free(memory);
}

const adl_query adl_query6 = {6,
                              "trijet closest to the top",
                              "Jet_pt Jet_eta Jet_phi Jet_mass Jet_btag",
                              2,
                              {{15, 40, "trijet pt [GeV]"}, {0, 1, "largest b tag"}},
                              run};
