/* SPDX-License-Identifier: BSD-3-Clause */
/* sum.c: the digest's sums are exact and rounded once: cases whose sums are known, in every order and cut. */
#include "sum.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX 8

static const struct {
    const char *name;
    int n;
    double values[MAX], sum;
} cases[] = {
    {"nothing", 0, {0}, 0},
    {"one", 1, {0.1}, 0.1},
    {"what cancels leaves what is small", 4, {1e308, 1, -1e308, 1e-300}, 1},
    {"the sum may be larger than the largest double in between",
     4,
     {DBL_MAX, DBL_MAX, -DBL_MAX, -1},
     DBL_MAX},
    {"a sum above the largest double is infinite", 2, {DBL_MAX, DBL_MAX}, INFINITY},
    {"the smallest doubles", 3, {0x1p-1074, 0x1p-1074, -0x1p-1073}, 0},
    {"a subnormal sum", 3, {0x1p-1022, -0x1.8p-1023, 0x1p-1074}, 0x1p-1024 + 0x1p-1074},
    {"a tie goes to the even one below", 2, {1, 0x1p-53}, 1},
    {"a tie goes to the even one above", 2, {1 + 0x1p-52, 0x1p-53}, 1 + 0x1p-51},
    {"a bit far below breaks a tie", 3, {1, 0x1p-53, 0x1p-1074}, 1 + 0x1p-52},
    {"a bit far below breaks a tie downwards", 3, {1 + 0x1p-52, 0x1p-53, -0x1p-1074}, 1 + 0x1p-52},
    {"a negative sum", 3, {-1, -0x1p-53, -0x1p-1074}, -1 - 0x1p-52},
    {"rounding up to the next power of two", 3, {2 - 0x1p-52, 0x1p-53, 0x1p-60}, 2},
    {"infinity stays", 3, {1, INFINITY, 1}, INFINITY},
    {"NaN is left out", 3, {1, NAN, 2}, 3},
};

static int same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Adds the values from `first` on, around the end, the first `cut` of them in a call of their own. */
static double sum_of(const double *values, int n, int first, int cut)
{
    cli_sum sum = {0};
    double turned[MAX];
    for (int i = 0; i < n; i++)
        turned[i] = values[(first + i) % n];
    cli_sum_add_doubles(&sum, turned, cut);
    cli_sum_add_doubles(&sum, turned + cut, n - cut);
    return cli_sum_value(&sum);
}

int main(void)
{
    static float floats[1 << 12];
    cli_sum sum = {0};
    int faults = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int first = 0; first == 0 || first < cases[c].n; first++)
            for (int cut = 0; cut <= cases[c].n; cut++) {
                double got = sum_of(cases[c].values, cases[c].n, first, cut);
                if (!same(got, cases[c].sum)) {
                    printf("%s: %a, not %a\n", cases[c].name, got, cases[c].sum);
                    faults++;
                }
            }
    /* carries: limbs are moved before they run over */
    for (int i = 0; i < 1 << 12; i++)
        floats[i] = FLT_MAX;
    sum.pending = ((int64_t)1 << 30) - 100;
    for (int i = 0; i < 1 << 8; i++)
        cli_sum_add_floats(&sum, floats, 1 << 12);
    if (!same(cli_sum_value(&sum), (double)FLT_MAX * (1 << 20))) {
        printf("many: %a\n", cli_sum_value(&sum));
        faults++;
    }
    return faults != 0;
}
