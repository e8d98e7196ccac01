/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loops over the elements of a page: ntuple_kernels.h. What is built for several processors is static: compilers do not agree on the
 * names of others.
 */
#include "ntuple_kernels.h"

#include "clones.h"

#include <string.h>

MULTIVERSION static void unzigzag16(uint16_t *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (uint16_t)(v[i] >> 1 ^ -(v[i] & 1));
}

MULTIVERSION static void unzigzag32(uint32_t *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = v[i] >> 1 ^ (0 - (v[i] & 1));
}

MULTIVERSION static void unzigzag64(uint64_t *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = v[i] >> 1 ^ (0 - (v[i] & 1));
}

uint64_t vcol__undelta64(uint64_t *v, int64_t n, uint64_t start)
{
    uint64_t sum = start;
    for (int64_t i = 0; i < n; i++)
        v[i] = sum += v[i];
    return sum;
}

/* Sum of the bytes, each plane by itself: the sums of elements follow. */
MULTIVERSION static uint64_t sum_bytes(const uint8_t *p, int64_t n)
{
    uint64_t sum = 0;
    for (int64_t at = 0; at < n;) { /* 32-bit sums of at most 2^16 bytes do not overflow */
        int64_t m = n - at < 1 << 16 ? n - at : 1 << 16;
        uint32_t part = 0;
        for (int64_t i = 0; i < m; i++)
            part += p[at + i];
        sum += part;
        at += m;
    }
    return sum;
}

uint64_t vcol__split_sum32(const uint8_t *src, int64_t n, int64_t from, int64_t to)
{
    uint64_t sum = 0;
    for (int b = 0; b < 4; b++)
        sum += sum_bytes(src + b * n + from, to - from) << 8 * b;
    return sum;
}

uint64_t vcol__split_sum64(const uint8_t *src, int64_t n, int64_t from, int64_t to)
{
    uint64_t sum = 0;
    for (int b = 0; b < 8; b++)
        sum += sum_bytes(src + b * n + from, to - from) << 8 * b;
    return sum;
}

/* Byte k of a word that has the byte eight times: its bit k by itself; adding 0x7f carries into bit 7 what is not 0. */
MULTIVERSION static void expand_bytes(const uint8_t *restrict src, int64_t n, uint8_t *restrict dst)
{
    const uint64_t ones = 0x0101010101010101;
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits = src[i] * ones & 0x8040201008040201;
        bits = (bits + 0x7f * ones) >> 7 & ones;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        bits = __builtin_bswap64(bits);
#endif
        memcpy(dst + 8 * i, &bits, sizeof bits);
    }
}

void vcol__expand_bits(const uint8_t *src, int64_t skip, int64_t count, uint8_t *dst)
{
    int64_t i = 0, whole;
    for (; i < count && (skip + i) % 8; i++)
        dst[i] = src[(skip + i) / 8] >> (skip + i) % 8 & 1;
    whole = (count - i) / 8;
    expand_bytes(src + (skip + i) / 8, whole, dst + i);
    for (i += 8 * whole; i < count; i++)
        dst[i] = src[(skip + i) / 8] >> (skip + i) % 8 & 1;
}

static uint64_t le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* Elements whose eight bytes all lie inside. */
MULTIVERSION static void unpack_inside(const uint8_t *restrict src, unsigned bits, int64_t skip, int64_t count,
                                       uint32_t *restrict dst)
{
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bit = (uint64_t)(skip + i) * bits;
        dst[i] = (uint32_t)(le64(src + bit / 8) >> bit % 8 & mask);
    }
}

void vcol__unpack32(const uint8_t *src, size_t size, unsigned bits, int64_t skip, int64_t count, uint32_t *dst)
{
    int64_t inside = size < 8 ? 0 : (int64_t)((size - 8) * 8 / bits) + 1 - skip; /* of element i: i * bits / 8 + 8 <= size */
    inside = inside < 0 ? 0 : inside > count ? count : inside;
    unpack_inside(src, bits, skip, inside, dst);
    for (int64_t i = inside; i < count; i++) {
        uint64_t bit = (uint64_t)(skip + i) * bits, v = 0;
        for (size_t b = 0, at = (size_t)(bit / 8); b < 8 && at + b < size; b++)
            v |= (uint64_t)src[at + b] << 8 * b;
        dst[i] = (uint32_t)(v >> bit % 8 & (((uint64_t)1 << bits) - 1));
    }
}

static uint32_t half_bits(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;
    if (exponent == 0x1f)
        return sign | 0x7f800000 | mantissa << 13;
    if (exponent)
        return sign | (exponent + 112) << 23 | mantissa << 13;
    if (!mantissa)
        return sign;
    for (exponent = 113; !(mantissa & 0x400); exponent--) /* subnormal: normal as a single */
        mantissa <<= 1;
    return sign | exponent << 23 | (mantissa & 0x3ff) << 13;
}

void vcol__widen_half(const uint16_t *src, int64_t n, float *dst)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = half_bits(src[i]);
        memcpy(&dst[i], &bits, sizeof bits);
    }
}

/* ---- under their names ------------------------------------------------------------------------- */

void vcol__unzigzag16(uint16_t *v, int64_t n)
{
    unzigzag16(v, n);
}

void vcol__unzigzag32(uint32_t *v, int64_t n)
{
    unzigzag32(v, n);
}

void vcol__unzigzag64(uint64_t *v, int64_t n)
{
    unzigzag64(v, n);
}
