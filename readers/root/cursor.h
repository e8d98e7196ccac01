/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded big-endian cursor over bytes of a file.
 *
 * Invariants: p <= end at all times; a read that does not fit moves nothing, sets `bad` and gives 0 (or an
 * empty text); `bad` stays set. So a run of reads needs one check at its end, and a loop must check `bad`.
 */
#ifndef VCOL_ROOT_CURSOR_H
#define VCOL_ROOT_CURSOR_H

#include <stdint.h>
#include <string.h>

typedef struct cursor {
    const uint8_t *p, *end;
    int bad;
} cursor;

/* Bytes that are not NUL-terminated and belong to somebody else. */
typedef struct text {
    const char *s;
    uint32_t n;
} text;

static inline uint16_t be16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t be32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static inline cursor cursor_make(const void *data, size_t n)
{
    const uint8_t *p = data;
    return (cursor){p, p + n, 0};
}

static inline size_t cursor_left(const cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* n bytes, or NULL. */
static inline const uint8_t *cursor_take(cursor *c, uint64_t n)
{
    const uint8_t *p = c->p;
    if (n > cursor_left(c)) {
        c->bad = 1;
        return NULL;
    }
    c->p += n;
    return p;
}

static inline uint8_t cursor_u8(cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p ? *p : 0;
}

static inline uint16_t cursor_u16(cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p ? be16(p) : 0;
}

static inline uint32_t cursor_u32(cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? be32(p) : 0;
}

static inline uint64_t cursor_u64(cursor *c)
{
    const uint8_t *p = cursor_take(c, 8);
    return p ? be64(p) : 0;
}

static inline int16_t cursor_i16(cursor *c)
{
    return (int16_t)cursor_u16(c);
}

static inline int32_t cursor_i32(cursor *c)
{
    return (int32_t)cursor_u32(c);
}

static inline int64_t cursor_i64(cursor *c)
{
    return (int64_t)cursor_u64(c);
}

/* FORMAT root/string: one byte of length, 255 = a 32-bit length follows; then the bytes, no NUL.
 * source: root-project/root io/io/src/TBufferFile.cxx (ReadTString) */
static inline text cursor_text(cursor *c)
{
    text t = {"", 0};
    const uint8_t *p;
    uint32_t n = cursor_u8(c);
    if (n == 255)
        n = cursor_u32(c);
    p = cursor_take(c, n);
    if (p)
        t = (text){(const char *)p, n};
    return t;
}

static inline int text_is(text t, const char *s)
{
    size_t n = strlen(s);
    return t.n == n && (n == 0 || !memcmp(t.s, s, n));
}

/* Of a NUL-terminated text. */
static inline text text_from(const char *s)
{
    return (text){s, (uint32_t)strlen(s)};
}

static inline int text_same(text a, text b)
{
    return a.n == b.n && (a.n == 0 || !memcmp(a.s, b.s, a.n));
}

#endif
