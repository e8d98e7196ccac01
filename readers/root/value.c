/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values: from big-endian bytes, at any alignment, to native ones.
 *
 * FORMAT root/Double32_t and Float16_t  by the range in the leaf's title `[min,max(,bits)]`:
 *     min < max: u32, value = u / factor + min with factor = 2^bits / (max - min) (bits 32: 2^32 - 1)
 *     [0,0,bits], bits < 15: u8 exponent, u16 mantissa of bits + 1 bits with the sign above them
 *     otherwise Double32_t is a float, Float16_t has 12 bits.
 * source: root-project/root core/meta/src/TStreamerElement.cxx (GetRange),
 *     io/io/src/TBufferFile.cxx (ReadWithFactor, ReadWithNbits); data/root/uproot-demo-double32.root
 */
#include "clones.h"
#include "table.h"

#include <stdlib.h>

MULTIVERSION static void swap2(const uint8_t *restrict src, uint16_t *restrict dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t v;
        memcpy(&v, src + 2 * i, sizeof v);
        dst[i] = __builtin_bswap16(v);
    }
}

MULTIVERSION static void swap4(const uint8_t *restrict src, uint32_t *restrict dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t v;
        memcpy(&v, src + 4 * i, sizeof v);
        dst[i] = __builtin_bswap32(v);
    }
}

MULTIVERSION static void swap8(const uint8_t *restrict src, uint64_t *restrict dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, src + 8 * i, sizeof v);
        dst[i] = __builtin_bswap64(v);
    }
}

MULTIVERSION static void bools(const uint8_t *restrict src, uint8_t *restrict dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = src[i] != 0;
}

static float f32_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float short_real(const uint8_t *p, uint32_t bits)
{
    uint32_t exponent = p[0], mantissa = be16(p + 1);
    uint32_t u = exponent << 23 | (mantissa & ((1u << (bits + 1)) - 1)) << (23 - bits);
    float f = f32_of(u);
    return mantissa & 1u << (bits + 1) ? -f : f;
}

void vcol__value_convert(const value_form *form, const uint8_t *src, void *dst, int64_t n)
{
    float *f32 = dst;
    double *f64 = dst;
    if (n <= 0)
        return;
    switch (form->kind) {
    case VALUE_COPY1:
        memcpy(dst, src, (size_t)n);
        break;
    case VALUE_BOOL:
        bools(src, dst, n);
        break;
    case VALUE_SWAP2:
        swap2(src, dst, n);
        break;
    case VALUE_SWAP4:
        swap4(src, dst, n);
        break;
    case VALUE_SWAP8:
        swap8(src, dst, n);
        break;
    case VALUE_F32_F64:
        for (int64_t i = 0; i < n; i++)
            f64[i] = (double)f32_of(be32(src + 4 * i));
        break;
    case VALUE_RANGE_F32:
        for (int64_t i = 0; i < n; i++)
            f32[i] = (float)((double)be32(src + 4 * i) / form->factor + form->min);
        break;
    case VALUE_RANGE_F64:
        for (int64_t i = 0; i < n; i++)
            f64[i] = (double)be32(src + 4 * i) / form->factor + form->min;
        break;
    case VALUE_BITS_F32:
        for (int64_t i = 0; i < n; i++)
            f32[i] = short_real(src + 3 * i, form->bits);
        break;
    case VALUE_BITS_F64:
        for (int64_t i = 0; i < n; i++)
            f64[i] = (double)short_real(src + 3 * i, form->bits);
        break;
    }
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static int has(text t, const char *word)
{
    size_t n = strlen(word);
    for (uint32_t i = 0; i + n <= t.n; i++)
        if (!memcmp(t.s + i, word, n))
            return 1;
    return 0;
}

static const char *find(const char *s, const char *end, char c)
{
    return s < end ? memchr(s, c, (size_t)(end - s)) : NULL;
}

/* "-2*pi", "10.5" … */
static double bound(const char *s, const char *end)
{
    const double pi = 3.14159265358979323846;
    char word[64];
    uint32_t n = 0;
    double v = 0;
    text t;
    for (; s < end && n < sizeof word - 1; s++)
        if (*s != ' ')
            word[n++] = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
    word[n] = 0;
    t = (text){word, n};
    if (!has(t, "pi"))
        return strtod(word, NULL);
    v = has(t, "2pi") || has(t, "2*pi") || has(t, "twopi") ? 2 * pi
        : has(t, "pi/2")                                   ? pi / 2
        : has(t, "pi/4")                                   ? pi / 4
                                                           : pi;
    return has(t, "-") ? -v : v;
}

value_form vcol__value_real(vcol_type type, text title)
{
    const char *end = title.s + title.n, *left = find(title.s, end, '['), *right = NULL, *comma = NULL,
               *second = NULL;
    value_form form = {.type = type};
    double min = 0, max = 0;
    long bits = 32;
    while (left) { /* the first brackets may be dimensions */
        right = find(left, end, ']');
        comma = right ? find(left, right, ',') : NULL;
        if (comma || !right)
            break;
        left = find(right, end, '[');
    }
    if (left && comma) {
        const char *stop = right;
        second = find(comma + 1, right, ',');
        if (second) {
            bits = strtol(second + 1, NULL, 10);
            if (bits < 2 || bits > 32)
                bits = 32;
            stop = second;
        }
        min = bound(left + 1, comma);
        max = bound(comma + 1, stop);
        if (min < max) {
            form.kind = type == VCOL_F32 ? VALUE_RANGE_F32 : VALUE_RANGE_F64;
            form.width = 4;
            form.min = min;
            form.factor = (bits < 32 ? (double)(1u << bits) : 4294967295.0) / (max - min);
            return form;
        }
    }
    if (!(left && comma && bits < 15))
        bits = type == VCOL_F32 ? 12 : 0;
    form.kind = bits ? type == VCOL_F32 ? VALUE_BITS_F32 : VALUE_BITS_F64 : VALUE_F32_F64;
    form.bits = (uint32_t)bits;
    form.width = bits ? 3 : 4;
    return form;
}
