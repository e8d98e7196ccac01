/* SPDX-License-Identifier: BSD-3-Clause */
/* histogram.c: sums of weights by region, variation and bin. */
#include "ttbar.h"

#include <math.h>

const char *const ttbar_regions[TTBAR_REGIONS] = {"4j1b", "4j2b"};
const char *const ttbar_variations[TTBAR_VARIATIONS] = {
    "nominal",         "pt_scale_up",   "pt_scale_down",   "btag_var_0_up", "btag_var_0_down", "btag_var_1_up",
    "btag_var_1_down", "btag_var_2_up", "btag_var_2_down", "btag_var_3_up", "btag_var_3_down",
};

int ttbar_bin(double x)
{
    double position = floor(TTBAR_BINS * (x - TTBAR_FROM) / (TTBAR_TO - TTBAR_FROM));
    return position < 0 ? 0 : position < TTBAR_BINS ? 1 + (int)position : TTBAR_BINS + 1;
}

int64_t ttbar_weight(double weight)
{
    return llrint(weight * TTBAR_UNITS);
}

void ttbar_add(ttbar_histograms *to, const ttbar_histograms *h)
{
    for (int r = 0; r < TTBAR_REGIONS; r++)
        for (int v = 0; v < TTBAR_VARIATIONS; v++)
            for (int bin = 0; bin < TTBAR_BINS + 2; bin++)
                to->sum[r][v][bin] += h->sum[r][v][bin];
}

void ttbar_print(const ttbar_histograms *h, FILE *out)
{
    fprintf(out, "region,variation,bin,weight\n");
    for (int r = 0; r < TTBAR_REGIONS; r++)
        for (int v = 0; v < TTBAR_VARIATIONS; v++)
            for (int bin = 0; bin < TTBAR_BINS + 2; bin++)
                if (h->sum[r][v][bin] != 0)
                    fprintf(out, "%s,%s,%d,%.9g\n", ttbar_regions[r], ttbar_variations[v], bin,
                            (double)h->sum[r][v][bin] / TTBAR_UNITS);
}
