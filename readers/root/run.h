/* SPDX-License-Identifier: BSD-3-Clause */
/* What running steps shares: over plain values and frames (run.c), over objects that pointers lead to (run_objects.c). */
#ifndef VCOL_ROOT_RUN_H
#define VCOL_ROOT_RUN_H

#include "node.h"

enum { BYTE_COUNT = 0x40000000, MEMBERWISE = 0x4000, REFERENCED = 0x10, HAS_UUID = 0x20 };

/* All return 0, or -1 with `why`. */
static inline int vcol__run_fail(run *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return -1;
}

static inline int vcol__run_short(run *r)
{
    return vcol__run_fail(r, "it ends early");
}

static inline int64_t vcol__run_left(const run *r)
{
    return r->end - r->p;
}

static inline int vcol__run_skip(run *r, int64_t n)
{
    if (n < 0 || n > vcol__run_left(r))
        return vcol__run_short(r);
    r->p += n;
    return 0;
}

static inline int vcol__run_bits(run *r, uint32_t *value)
{
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    *value = be32(r->p);
    r->p += 4;
    return *value & REFERENCED ? vcol__run_skip(r, 2) : 0;
}

static inline int vcol__run_string(run *r, const uint8_t **s, int64_t *n)
{
    cursor c = cursor_make(r->p, (size_t)vcol__run_left(r));
    text t = cursor_text(&c);
    if (c.bad)
        return vcol__run_short(r);
    *s = (const uint8_t *)t.s;
    *n = t.n;
    r->p = c.p;
    return 0;
}

/* So many items more at a depth; where they end is noted. */
int vcol__run_add(run *r, int depth, int64_t n);
/* A value that is not in the bytes. */
int vcol__run_number(run *r, int64_t n);
/* The members of n items, one after the other: what is to be done once, and what for each item. */
int vcol__run_members(run *r, int64_t n, const op *body, int32_t n_body);

/* Steps over pointers, and ROOT's own collections. */
int vcol__run_skip_pointer(run *r);
int vcol__run_pointer(run *r, const op *o);
int vcol__run_clones(run *r, const op *o);
int vcol__run_array(run *r, const op *o);
int vcol__run_peek(run *r, const op *o);
/* What references may lead to in the entry at hand: what it is itself, so many times. */
int64_t vcol__run_credit(int64_t bytes);

#endif
