/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running steps over the objects that pointers lead to and that ROOT's own collections hold.
 *
 * Invariants: a name or an object that is referred to lies inside the entry and before the reference, so that none leads to itself;
 * the bytes that references lead to are counted against a credit, because pointers to pointers would multiply them.
 */
#include "run.h"

enum { BYPASSED = 0x1000, MAP_OFFSET = 2, CREDIT_BASE = 1 << 16, CREDIT_TIMES = 64 };
#define NEW_CLASS UINT32_MAX
#define CLASS_BIT 0x80000000u

typedef struct pointee {
    text name;             /* of its class; n = 0: it points to nothing */
    const uint8_t *p, *end; /* its bytes */
} pointee;

/* What is where references say `position`, with at least n bytes behind it; NULL: nothing of this entry that was passed. */
static const uint8_t *referred(const run *r, uint32_t position, int64_t n)
{
    int64_t at = (int64_t)position - MAP_OFFSET - r->position;
    return r->position && at >= 0 && at < r->p - r->entry - n ? r->entry + at : NULL;
}

/* The class that a tag names, by itself or by where it was named; *p is behind it. */
static int class_named(run *r, const uint8_t **p, const uint8_t *end, text *name)
{
    uint32_t tag = be32(*p);
    const uint8_t *s = *p + 4, *nul;
    *p += 4;
    if (tag != NEW_CLASS) {
        s = referred(r, tag & ~CLASS_BIT, 4);
        if (!s || be32(s) != NEW_CLASS)
            return vcol__run_fail(r, "it refers to a class that was not named before");
        s += 4;
        end = r->p;
    }
    nul = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;
    if (!nul)
        return vcol__run_fail(r, "the name of a class does not end");
    *name = (text){(const char *)s, (uint32_t)(nul - s)};
    if (tag == NEW_CLASS)
        *p = nul + 1;
    return 0;
}

/* The object whose byte count is at p. */
static int object_at(run *r, const uint8_t *p, const uint8_t *end, pointee *to)
{
    uint32_t n;
    if (end - p < 8)
        return vcol__run_short(r);
    n = be32(p) & ~(uint32_t)BYTE_COUNT;
    p += 4;
    if (n < 4 || n > end - p)
        return vcol__run_fail(r, "the byte count of an object does not fit");
    to->end = p + n;
    if (!(be32(p) & CLASS_BIT))
        return vcol__run_fail(r, "an object has no class");
    if (class_named(r, &p, to->end, &to->name))
        return -1;
    to->p = p;
    return 0;
}

/*
 * FORMAT root/pointer: u32 0: none; with bit 30: an object of so many bytes: u32 tag: all bits set: a class's name and a NUL follow,
 * bit 31 set: where such a tag was, + 2; then the object. Otherwise where an object's byte count was, + 2. Places count from
 * the record's beginning, its key included; entries that were moved to another basket keep their old ones, which
 * stand behind the basket's offsets. source: root-project/root io/io/src/TBufferFile.cxx (ReadObjectAny, ReadClass),
 * tree/tree/src/TBranch.cxx (GetBasketAndFirst… SetBufferDisplacement)
 */
static int slot(run *r, pointee *to)
{
    uint32_t word;
    const uint8_t *at;
    to->name = (text){"", 0};
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    word = be32(r->p);
    if (word & CLASS_BIT)
        return vcol__run_fail(r, "an object has no byte count");
    if (word & BYTE_COUNT) {
        if (object_at(r, r->p, r->end, to))
            return -1;
        r->p = to->end;
        return 0;
    }
    r->p += 4;
    if (!word)
        return 0;
    at = referred(r, word, 8);
    if (!at || !(be32(at) & BYTE_COUNT) || be32(at) & CLASS_BIT)
        return vcol__run_fail(r, "it refers to an object that was not there before");
    if (object_at(r, at, r->p, to))
        return -1;
    r->credit -= to->end - to->p;
    return r->credit < 0 ? vcol__run_fail(r, "its references lead to too many bytes") : 0;
}

int vcol__run_skip_pointer(run *r)
{
    uint32_t word;
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    word = be32(r->p);
    if (word & CLASS_BIT)
        return vcol__run_fail(r, "an object has no byte count");
    return vcol__run_skip(r, 4 + (int64_t)(word & BYTE_COUNT ? word & ~(uint32_t)BYTE_COUNT : 0));
}

/* ---- ROOT's own collections -------------------------------------------------------------------------- */

static const op_case *case_of(const op *o, text name)
{
    for (int32_t i = 0; i < o->n_cases; i++)
        if (text_same(o->cases[i].name, name))
            return &o->cases[i];
    return NULL;
}

/* The steps of an object's class over its bytes, which may lie before r->p. */
static int object(run *r, const op *o, const pointee *to)
{
    const op_case *c = case_of(o, to->name);
    const uint8_t *p = r->p, *end = r->end;
    int status;
    if (!c) {
        r->unsupported = 1;
        return vcol__run_fail(r, "an object is of another class than the first one, which is not supported");
    }
    r->p = to->p;
    r->end = to->end;
    status = vcol__run_ops(r, c->body, c->n_body);
    if (!status) {
        r->p = p;
        r->end = end;
    }
    return status;
}

int vcol__run_pointer(run *r, const op *o)
{
    pointee to;
    if (slot(r, &to))
        return -1;
    if (o->code == OP_SLOT_SIZE)
        return vcol__run_number(r, to.name.n > 0);
    if (vcol__run_add(r, o->depth, to.name.n > 0))
        return -1;
    return to.name.n ? object(r, o, &to) : 0;
}

/*
 * FORMAT root/TClonesArray: a frame, TObject, the name, "class;version", i32 n, i32 lower bound; fBits' bit 12: the items member by
 * member, else for each u8 1 and the object, 0: none. TObjArray: TObject, the name, i32 n, i32 lower bound, n pointers. TList:
 * TObject, the name, i32 n, for each a pointer and a counted string. source: root-project/root core/cont/src/TClonesArray.cxx,
 * TObjArray.cxx, TList.cxx (Streamer)
 */
static int collection(run *r, const op *o, uint32_t *flags, text *name, int64_t *n)
{
    const uint8_t *s;
    int64_t length;
    *name = (text){"", 0};
    if (vcol__run_skip(r, 6) || vcol__run_bits(r, flags) || vcol__run_string(r, &s, &length))
        return -1;
    if (o->n == ARRAY_CLONES) {
        const char *semicolon;
        if (vcol__run_string(r, &s, &length))
            return -1;
        semicolon = length ? memchr(s, ';', (size_t)length) : NULL;
        *name = (text){(const char *)s, (uint32_t)(semicolon ? semicolon - (const char *)s : length)};
    }
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    *n = (int32_t)be32(r->p);
    r->p += 4;
    if (o->n != ARRAY_LIST && vcol__run_skip(r, 4))
        return -1;
    if (*n < 0 && *n >= -INT32_MAX && o->n == ARRAY_CLONES)
        *n = -*n;
    return *n < 0 || *n > vcol__run_left(r) ? vcol__run_fail(r, "a length does not fit") : 0;
}

int vcol__run_clones(run *r, const op *o)
{
    uint32_t flags;
    int64_t n, there = 0;
    text name;
    const op_case *c;
    if (collection(r, o, &flags, &name, &n))
        return -1;
    c = case_of(o, name);
    if (n && !c) {
        r->unsupported = 1;
        return vcol__run_fail(r, "its items are of another class than the first ones, which is not supported");
    }
    if (flags & BYPASSED && n && !o->n_members) {
        r->unsupported = 1;
        return vcol__run_fail(r, "its items are stored member by member, which is not supported here");
    }
    if (flags & BYPASSED)
        return vcol__run_add(r, o->depth, n) || vcol__run_members(r, n, o->members, o->n_members) ? -1 : 0;
    for (int64_t i = 0; i < n; i++) {
        if (vcol__run_left(r) < 1)
            return vcol__run_short(r);
        if (!*r->p++)
            continue;
        there++;
        if (vcol__run_ops(r, c->body, c->n_body))
            return -1;
    }
    return vcol__run_add(r, o->depth, there);
}

/* An end by success: there is nothing more to be looked for. */
int vcol__run_peek(run *r, const op *o)
{
    uint32_t flags;
    int64_t n, length;
    const uint8_t *s;
    pointee to;
    if (collection(r, o, &flags, &to.name, &n))
        return -1;
    for (int64_t i = 0; i < n && o->n != ARRAY_CLONES; i++) {
        if (slot(r, &to) || (o->n == ARRAY_LIST && vcol__run_string(r, &s, &length)))
            return -1;
        if (to.name.n)
            break;
    }
    if (!n || !to.name.n)
        return 0;
    r->seen = to.name;
    return vcol__run_fail(r, "its items' class is known");
}

int vcol__run_array(run *r, const op *o)
{
    uint32_t flags;
    int64_t n, there = 0, length;
    const uint8_t *s;
    text name;
    pointee to;
    if (collection(r, o, &flags, &name, &n))
        return -1;
    if (o->code == OP_ARRAY_SIZE)
        return vcol__run_number(r, n);
    for (int64_t i = 0; i < n; i++) {
        if (slot(r, &to) || (o->n == ARRAY_LIST && vcol__run_string(r, &s, &length)))
            return -1;
        if (!to.name.n)
            continue;
        there++;
        if (object(r, o, &to))
            return -1;
    }
    return vcol__run_add(r, o->depth, there);
}

int64_t vcol__run_credit(int64_t bytes)
{
    return CREDIT_BASE + CREDIT_TIMES * bytes;
}
