/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sum.c: a superaccumulator: every double is an integer of 53 bits times a power of two, and goes into
 * the one, two or three limbs where its bits belong (R. M. Neal, "Fast exact summation using small and
 * large superaccumulators", arXiv:1505.05571, the small one).
 */
#include "sum.h"

#include <math.h>
#include <string.h>

#define CARRY_EVERY ((int64_t)1 << 30) /* a limb grows by less than 2^32 an addition */

/* Moves what is above 32 bits of each limb to the next; all but the last are in [0, 2^32) after. */
static void carry(int64_t *limbs)
{
    for (int i = 0; i + 1 < CLI_SUM_LIMBS; i++) {
        int64_t low = limbs[i] & 0xffffffff;
        limbs[i + 1] += (limbs[i] - low) / ((int64_t)1 << 32);
        limbs[i] = low;
    }
}

static inline void add(cli_sum *sum, double value)
{
    uint64_t bits, mantissa, low, high;
    int64_t *limb, sign;
    unsigned exponent, shift;
    memcpy(&bits, &value, sizeof bits);
    exponent = (unsigned)(bits >> 52) & 0x7ff;
    mantissa = bits & 0xfffffffffffff;
    if (exponent == 0x7ff) {
        if (mantissa)
            sum->nan++;
        else if (bits >> 63)
            sum->minus_inf++;
        else
            sum->plus_inf++;
        return;
    }
    if (exponent)
        mantissa |= (uint64_t)1 << 52;
    else
        exponent = 1;
    shift = (exponent - 1) & 31;
    limb = &sum->limbs[(exponent - 1) >> 5];
    low = mantissa << shift;
    high = shift ? mantissa >> (64 - shift) : 0;
    sign = bits >> 63 ? -1 : 1;
    limb[0] += sign * (int64_t)(low & 0xffffffff);
    limb[1] += sign * (int64_t)(low >> 32);
    limb[2] += sign * (int64_t)high;
}

/* Makes room for at least one more addition; returns for how many, at most n. */
static int64_t room(cli_sum *sum, int64_t n)
{
    if (sum->pending == CARRY_EVERY) {
        carry(sum->limbs);
        sum->pending = 0;
    }
    if (n > CARRY_EVERY - sum->pending)
        n = CARRY_EVERY - sum->pending;
    sum->pending += n;
    return n;
}

void cli_sum_add_floats(cli_sum *sum, const float *values, int64_t n)
{
    while (n > 0) {
        int64_t part = room(sum, n);
        for (int64_t i = 0; i < part; i++)
            add(sum, (double)values[i]);
        values += part;
        n -= part;
    }
}

void cli_sum_add_doubles(cli_sum *sum, const double *values, int64_t n)
{
    while (n > 0) {
        int64_t part = room(sum, n);
        for (int64_t i = 0; i < part; i++)
            add(sum, values[i]);
        values += part;
        n -= part;
    }
}

/* Bit `at` of a carried number; bits below 0 are 0. */
static unsigned bit(const int64_t *limbs, int at)
{
    return at < 0 ? 0 : (unsigned)(limbs[at >> 5] >> (at & 31)) & 1;
}

double cli_sum_value(const cli_sum *sum)
{
    int64_t limbs[CLI_SUM_LIMBS];
    uint64_t mantissa = 0;
    int negative, top, low, sticky = 0;
    if (sum->plus_inf || sum->minus_inf)
        return !sum->minus_inf ? INFINITY : !sum->plus_inf ? -INFINITY : NAN;
    memcpy(limbs, sum->limbs, sizeof limbs);
    carry(limbs);
    negative = limbs[CLI_SUM_LIMBS - 1] < 0;
    if (negative) {
        for (int i = 0; i < CLI_SUM_LIMBS; i++)
            limbs[i] = -limbs[i];
        carry(limbs);
    }
    for (top = CLI_SUM_LIMBS * 32 - 1; top >= 0 && !bit(limbs, top); top--)
        ;
    if (top < 0)
        return 0.0;
    /* 53 bits from the top one, or fewer, which is then exact */
    low = top > 52 ? top - 52 : 0;
    for (int i = top; i >= low; i--)
        mantissa = mantissa << 1 | bit(limbs, i);
    if (bit(limbs, low - 1)) {
        for (int i = low - 2; i >= 0 && !sticky; i--)
            sticky = (int)bit(limbs, i);
        mantissa += sticky || (mantissa & 1);
    }
    return (negative ? -1.0 : 1.0) * ldexp((double)mantissa, low - 1074);
}
