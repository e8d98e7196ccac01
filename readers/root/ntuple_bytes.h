/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian reads, and frames, of RNTuple's envelopes: on the bounded cursor of cursor.h, with its rules (a read that
 * does not fit sets `bad` and gives 0).
 *
 * FORMAT root/RNTuple frames  i64 size with the size field itself; negative: a list, a u32 number of items follows. What
 * follows a frame begins at its size: bytes that are not understood at its end are skipped. Strings: u32 length, UTF-8.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Frames; Basic Types)
 */
#ifndef VCOL_ROOT_NTUPLE_BYTES_H
#define VCOL_ROOT_NTUPLE_BYTES_H

#include "cursor.h"

static inline uint64_t le_take(cursor *c, unsigned n)
{
    const uint8_t *p = cursor_take(c, n);
    uint64_t v = 0;
    for (unsigned i = 0; p && i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static inline uint16_t le_u16(cursor *c)
{
    return (uint16_t)le_take(c, 2);
}

static inline uint32_t le_u32(cursor *c)
{
    return (uint32_t)le_take(c, 4);
}

static inline uint64_t le_u64(cursor *c)
{
    return le_take(c, 8);
}

static inline double le_f64(cursor *c)
{
    uint64_t u = le_u64(c);
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

static inline text le_text(cursor *c)
{
    uint32_t n = le_u32(c);
    const uint8_t *p = cursor_take(c, n);
    return p ? (text){(const char *)p, n} : (text){"", 0};
}

/* The inside of the frame at c, which moves behind it. list: *n is its number of items, else it must be a record. */
static inline cursor le_frame(cursor *c, int list, uint32_t *n)
{
    cursor inside = {c->p, c->p, 1};
    int64_t size = (int64_t)le_u64(c);
    uint64_t head = list ? 12 : 8, bytes = size < 0 ? 0 - (uint64_t)size : (uint64_t)size;
    uint32_t items = list ? le_u32(c) : 0;
    if (c->bad || (size < 0) != list || bytes < head || bytes - head > cursor_left(c)) {
        c->bad = 1;
        return inside;
    }
    inside = cursor_make(c->p, bytes - head);
    c->p += bytes - head;
    if (n)
        *n = items;
    return inside;
}

#endif
