/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split elements: the bytes of a page lie plane by plane, here they come together again.
 *
 * Planes are woven together: bytes of two planes to pairs, pairs to fours, fours to eights; each instruction makes 32 bytes.
 * Compilers widen and shift each plane instead, which is twice the work. Chosen when it runs, by what the processor has;
 * the plain loops do what is left over, and everything elsewhere.
 */
#include "ntuple_kernels.h"

#include "clones.h"

MULTIVERSION static void plain16(const uint8_t *restrict src, int64_t n, int64_t skip, int64_t count, uint16_t *restrict dst)
{
    const uint8_t *p0 = src + skip, *p1 = p0 + n;
    for (int64_t i = 0; i < count; i++)
        dst[i] = (uint16_t)(p0[i] | p1[i] << 8);
}

MULTIVERSION static void plain32(const uint8_t *restrict src, int64_t n, int64_t skip, int64_t count, uint32_t *restrict dst)
{
    const uint8_t *p0 = src + skip, *p1 = p0 + n, *p2 = p1 + n, *p3 = p2 + n;
    for (int64_t i = 0; i < count; i++)
        dst[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 | (uint32_t)p3[i] << 24;
}

/* In two halves: widening four bytes each is what processors have. */
MULTIVERSION static void plain64(const uint8_t *restrict src, int64_t n, int64_t skip, int64_t count, uint64_t *restrict dst)
{
    enum { TILE = 256 };
    uint32_t low[TILE], high[TILE];
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE;
        const uint8_t *p0 = src + skip + at, *p1 = p0 + n, *p2 = p1 + n, *p3 = p2 + n;
        const uint8_t *p4 = p3 + n, *p5 = p4 + n, *p6 = p5 + n, *p7 = p6 + n;
        for (int64_t i = 0; i < m; i++)
            low[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 | (uint32_t)p3[i] << 24;
        for (int64_t i = 0; i < m; i++)
            high[i] = (uint32_t)p4[i] | (uint32_t)p5[i] << 8 | (uint32_t)p6[i] << 16 | (uint32_t)p7[i] << 24;
        for (int64_t i = 0; i < m; i++)
            dst[at + i] = (uint64_t)low[i] | (uint64_t)high[i] << 32;
    }
}

const unsplit_loops vcol__unsplit_plain = {plain16, plain32, plain64};

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
/* The instructions weave the halves of a register each by itself: elements 0 to 15 are in the low ones. */
#define LOW(x, y) _mm256_permute2x128_si256(x, y, 0x20)
#define HIGH(x, y) _mm256_permute2x128_si256(x, y, 0x31)

AVX2 static void avx16(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint16_t *dst)
{
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const uint8_t *p = src + skip + i;
        __m256i a = LOAD(p), b = LOAD(p + n);
        __m256i x = _mm256_unpacklo_epi8(a, b), y = _mm256_unpackhi_epi8(a, b);
        STORE(dst + i, LOW(x, y));
        STORE(dst + i + 16, HIGH(x, y));
    }
    plain16(src, n, skip + i, count - i, dst + i);
}

AVX2 static void avx32(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint32_t *dst)
{
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const uint8_t *p = src + skip + i;
        __m256i a = LOAD(p), b = LOAD(p + n), c = LOAD(p + 2 * n), d = LOAD(p + 3 * n);
        __m256i ab0 = _mm256_unpacklo_epi8(a, b), ab1 = _mm256_unpackhi_epi8(a, b);
        __m256i cd0 = _mm256_unpacklo_epi8(c, d), cd1 = _mm256_unpackhi_epi8(c, d);
        __m256i x0 = _mm256_unpacklo_epi16(ab0, cd0), x1 = _mm256_unpackhi_epi16(ab0, cd0);
        __m256i x2 = _mm256_unpacklo_epi16(ab1, cd1), x3 = _mm256_unpackhi_epi16(ab1, cd1);
        STORE(dst + i, LOW(x0, x1));
        STORE(dst + i + 8, LOW(x2, x3));
        STORE(dst + i + 16, HIGH(x0, x1));
        STORE(dst + i + 24, HIGH(x2, x3));
    }
    plain32(src, n, skip + i, count - i, dst + i);
}

/* Eights of planes' fours: four elements of each half at `to` and 16 behind it. */
AVX2 static inline void weave64(__m256i low, __m256i high, uint64_t *to)
{
    __m256i x = _mm256_unpacklo_epi32(low, high), y = _mm256_unpackhi_epi32(low, high);
    STORE(to, LOW(x, y));
    STORE(to + 16, HIGH(x, y));
}

AVX2 static void avx64(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint64_t *dst)
{
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        const uint8_t *p = src + skip + i;
        __m256i a = LOAD(p), b = LOAD(p + n), c = LOAD(p + 2 * n), d = LOAD(p + 3 * n);
        __m256i e = LOAD(p + 4 * n), f = LOAD(p + 5 * n), g = LOAD(p + 6 * n), h = LOAD(p + 7 * n);
        __m256i ab0 = _mm256_unpacklo_epi8(a, b), ab1 = _mm256_unpackhi_epi8(a, b);
        __m256i cd0 = _mm256_unpacklo_epi8(c, d), cd1 = _mm256_unpackhi_epi8(c, d);
        __m256i ef0 = _mm256_unpacklo_epi8(e, f), ef1 = _mm256_unpackhi_epi8(e, f);
        __m256i gh0 = _mm256_unpacklo_epi8(g, h), gh1 = _mm256_unpackhi_epi8(g, h);
        weave64(_mm256_unpacklo_epi16(ab0, cd0), _mm256_unpacklo_epi16(ef0, gh0), dst + i);
        weave64(_mm256_unpackhi_epi16(ab0, cd0), _mm256_unpackhi_epi16(ef0, gh0), dst + i + 4);
        weave64(_mm256_unpacklo_epi16(ab1, cd1), _mm256_unpacklo_epi16(ef1, gh1), dst + i + 8);
        weave64(_mm256_unpackhi_epi16(ab1, cd1), _mm256_unpackhi_epi16(ef1, gh1), dst + i + 12);
    }
    plain64(src, n, skip + i, count - i, dst + i);
}

static const unsplit_loops avx2 = {avx16, avx32, avx64};

const unsplit_loops *vcol__unsplit_chosen(void)
{
    return __builtin_cpu_supports("avx2") ? &avx2 : &vcol__unsplit_plain;
}
#else
const unsplit_loops *vcol__unsplit_chosen(void)
{
    return &vcol__unsplit_plain;
}
#endif

void vcol__unsplit16(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint16_t *dst)
{
    vcol__unsplit_chosen()->u16(src, n, skip, count, dst);
}

void vcol__unsplit32(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint32_t *dst)
{
    vcol__unsplit_chosen()->u32(src, n, skip, count, dst);
}

void vcol__unsplit64(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint64_t *dst)
{
    vcol__unsplit_chosen()->u64(src, n, skip, count, dst);
}
