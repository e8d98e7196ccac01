/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sum.h: an exact sum of doubles, rounded once at the end, so that it does not depend on the order or
 * the grouping in which values come.
 */
#ifndef VCOL_CLI_SUM_H
#define VCOL_CLI_SUM_H

#include <stdint.h>

#define CLI_SUM_LIMBS 68

/*
 * The sum is limbs[0] + limbs[1] * 2^32 + limbs[2] * 2^64 … in units of 2^-1074, the smallest double.
 * Limbs are signed and may run over 32 bits; carries are moved on every 2^30 additions at the latest.
 */
typedef struct cli_sum {
    int64_t limbs[CLI_SUM_LIMBS];
    int64_t pending; /* additions since the carries were moved */
    int64_t plus_inf, minus_inf, nan;
} cli_sum;

void cli_sum_add_floats(cli_sum *sum, const float *values, int64_t n);
void cli_sum_add_doubles(cli_sum *sum, const double *values, int64_t n);
/* The sum of all that was added but NaNs, rounded to nearest, ties to even. */
double cli_sum_value(const cli_sum *sum);

#endif
