/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running a column's steps over the bytes of an entry.
 *
 * Invariants: nothing outside [p, end) is read; what is written was counted against the room there is; loops end,
 * because each turn of one takes bytes or the number of turns was held against the bytes that are left, or adds nothing
 * that is counted.
 *
 * FORMAT root/frame: u32 0x40000000 | bytes that follow, i16 version (0: u32 checksum follows, where the file describes
 *     the class by one); bit 14 of the version: the items of a collection are stored member by member: a version of the items'
 *     class, i32 n, then n times the first member, n times the second …
 * source: root-project/root io/io/src/TBufferFile.cxx (ReadVersion, CheckByteCount), TStreamerInfoReadBuffer.cxx (kSTL);
 *     data/root/uproot-stl_containers.root, uproot-issue-1221.root
 */
#include "node.h"

enum { BYTE_COUNT = 0x40000000, MEMBERWISE = 0x4000, REFERENCED = 0x10 };

static int fail(run *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return -1;
}

static int short_of(run *r)
{
    return fail(r, "it ends early");
}

static int64_t left(const run *r)
{
    return r->end - r->p;
}

static int skip(run *r, int64_t n)
{
    if (n < 0 || n > left(r))
        return short_of(r);
    r->p += n;
    return 0;
}

/* A list's i32 length, which is no more than there are bytes, unless its items take none. */
static int count(run *r, int64_t *n)
{
    if (left(r) < 4)
        return short_of(r);
    *n = (int32_t)be32(r->p);
    r->p += 4;
    if (*n < 0 || *n > left(r))
        return fail(r, "a length does not fit");
    return 0;
}

static int bits(run *r, uint32_t *value)
{
    if (left(r) < 4)
        return short_of(r);
    *value = be32(r->p);
    r->p += 4;
    return *value & REFERENCED ? skip(r, 2) : 0;
}

static int string(run *r, const uint8_t **s, int64_t *n)
{
    cursor c = cursor_make(r->p, (size_t)left(r));
    text t = cursor_text(&c);
    if (c.bad)
        return short_of(r);
    *s = (const uint8_t *)t.s;
    *n = t.n;
    r->p = c.p;
    return 0;
}

static int chars(run *r, const uint8_t **s, int64_t *n)
{
    if (count(r, n))
        return -1;
    *s = r->p;
    return skip(r, *n);
}

/* FORMAT root/pointer: u32 0: none; with a byte count: an object of so many bytes; else a reference. source: TBufferFile.cxx
 * (ReadObjectAny) */
static int slot(run *r)
{
    uint32_t word;
    if (left(r) < 4)
        return short_of(r);
    word = be32(r->p);
    r->p += 4;
    return word & BYTE_COUNT && word != UINT32_MAX ? skip(r, word & ~(uint32_t)BYTE_COUNT) : 0;
}

static int skip_frame(run *r)
{
    if (left(r) < 4 || !(be32(r->p) & BYTE_COUNT))
        return fail(r, "something without a byte count has to be passed");
    return skip(r, 4 + (int64_t)(be32(r->p) & ~(uint32_t)BYTE_COUNT));
}

/* So many items more at a depth; where they end is noted. */
static int add_items(run *r, int depth, int64_t n)
{
    if (__builtin_add_overflow(r->sum[depth], n, &r->sum[depth]))
        return fail(r, "too many items");
    if (r->ends[depth]) {
        if (r->room[depth]-- <= 0)
            return fail(r, "more lists than were measured");
        *r->ends[depth]++ = r->sum[depth];
    }
    return 0;
}

/* n values, of which the items were counted by the list around them, or are entries. */
static int values(run *r, const uint8_t *src, int64_t n)
{
    const value_form *form = &r->program->form;
    if (!r->values)
        return 0;
    if (n > r->values_room)
        return fail(r, "more values than were measured");
    vcol__value_convert(form, src, r->values, n);
    r->values += (size_t)n * vcol_type_width(form->type);
    r->values_room -= n;
    return 0;
}

static int take_values(run *r, int64_t n)
{
    const uint8_t *src = r->p;
    int64_t bytes;
    if (__builtin_mul_overflow(n, (int64_t)r->program->form.width, &bytes) || skip(r, bytes))
        return short_of(r);
    return values(r, src, n);
}

static int times(run *r, int64_t n, const op *body, int32_t n_body)
{
    for (int64_t i = 0; i < n; i++)
        if (vcol__run_ops(r, body, n_body))
            return -1;
    return 0;
}

/* A frame without a byte count has no end of its own: only what comes last can be one. */
static int frame(run *r, const op *o)
{
    const uint8_t *outer = r->end, *end = outer;
    uint32_t word;
    int counted, version, status;
    if (left(r) < 6)
        return short_of(r);
    word = be32(r->p);
    counted = (word & BYTE_COUNT) != 0;
    if (counted) {
        r->p += 4;
        if ((int64_t)(word & ~(uint32_t)BYTE_COUNT) > left(r) || (word & ~(uint32_t)BYTE_COUNT) < 2)
            return fail(r, "a byte count does not fit");
        end = r->p + (word & ~(uint32_t)BYTE_COUNT);
    }
    version = (int16_t)be16(r->p);
    r->p += 2;
    r->end = end;
    if ((version & ~MEMBERWISE) <= 0 && o->cls && left(r) >= 4 && vcol__class_info(o->cls, 0, be32(r->p)))
        r->p += 4;
    if (version > 0 && version & MEMBERWISE) {
        int64_t inner;
        if (!o->members)
            return fail(r, "its items are stored member by member, which is not supported here");
        if (left(r) < 2)
            return short_of(r);
        inner = (int16_t)be16(r->p);
        r->p += 2;
        if (inner <= 0 && skip(r, 4))
            return -1;
        status = vcol__run_ops(r, o->members, o->n_members);
    } else {
        status = vcol__run_ops(r, o->body, o->n_body);
    }
    if (!status && counted)
        r->p = end;
    r->end = outer;
    return status;
}

static int rest(run *r, const op *o)
{
    int64_t n = 0;
    while (r->p < r->end) {
        const uint8_t *before = r->p;
        if (vcol__run_ops(r, o->body, o->n_body))
            return -1;
        if (r->p == before)
            return fail(r, "items without bytes");
        n++;
    }
    return add_items(r, o->depth, n);
}

static int rest_values(run *r, const op *o)
{
    int64_t size = (int64_t)r->program->form.width * o->n, n = left(r) / size;
    if (n * size != left(r))
        return fail(r, "it has no whole number of values");
    return add_items(r, o->depth, n) || take_values(r, n * o->n) ? -1 : 0;
}

static int list(run *r, const op *o)
{
    int64_t n;
    if (count(r, &n) || add_items(r, o->depth, n))
        return -1;
    return o->code == OP_LIST_VALUES ? take_values(r, n * o->n) : times(r, n, o->body, o->n_body);
}

static int members(run *r, const op *o)
{
    int64_t n;
    if (count(r, &n) || add_items(r, o->depth, n))
        return -1;
    for (int32_t i = 0; i < o->n_body && n > 0; i++)
        if (times(r, o->body[i].once ? 1 : n, &o->body[i], 1))
            return -1;
    return 0;
}

/* FORMAT root/counted array member: u8 flag, 0: nothing follows. source: TBufferFile.cxx (ReadFastArray of pointers) */
static int counted(run *r, const op *o)
{
    int64_t n = r->keep[o->local];
    uint8_t flag;
    if (left(r) < 1)
        return short_of(r);
    flag = *r->p++;
    n = flag && n > 0 ? n : 0;
    if (n > left(r))
        return fail(r, "a length does not fit");
    if (o->code == OP_SKIP_COUNTED)
        return skip(r, n * o->n);
    if (add_items(r, o->depth, n))
        return -1;
    return o->code == OP_COUNTED_VALUES ? take_values(r, n * o->n) : times(r, n, o->body, o->n_body);
}

static int keep(run *r, const op *o)
{
    uint64_t value = 0;
    if (left(r) < o->width)
        return short_of(r);
    for (int i = 0; i < o->width; i++)
        value = value << 8 | r->p[i];
    if (o->is_signed && o->width < 8 && value >> (8 * o->width - 1))
        value |= UINT64_MAX << (8 * o->width);
    r->keep[o->local] = (int64_t)value;
    r->p += o->width;
    return 0;
}

static int one(run *r, const op *o)
{
    const uint8_t *s;
    uint32_t word;
    int64_t n;
    switch (o->code) {
    case OP_SKIP:
        return skip(r, o->n);
    case OP_SKIP_BITS:
        for (n = 0; n < o->n; n++)
            if (bits(r, &word))
                return -1;
        return 0;
    case OP_SKIP_TOBJECT:
        for (n = 0; n < o->n; n++)
            if (skip(r, 6) || bits(r, &word))
                return -1;
        return 0;
    case OP_SKIP_STRINGS:
        for (int64_t i = 0; i < o->n; i++)
            if (string(r, &s, &n))
                return -1;
        return 0;
    case OP_SKIP_CHARS:
        for (int64_t i = 0; i < o->n; i++)
            if (chars(r, &s, &n))
                return -1;
        return 0;
    case OP_SKIP_FRAMES:
        for (n = 0; n < o->n; n++)
            if (skip_frame(r))
                return -1;
        return 0;
    case OP_SKIP_SLOTS:
        for (n = 0; n < o->n; n++)
            if (slot(r))
                return -1;
        return 0;
    case OP_SKIP_LIST:
        return count(r, &n) || skip(r, n * o->n) ? -1 : 0;
    case OP_SKIP_EACH:
        return count(r, &n) || times(r, n, o->body, o->n_body) ? -1 : 0;
    case OP_SKIP_TIMES:
    case OP_TIMES:
        return times(r, o->n, o->body, o->n_body);
    case OP_SKIP_TO_END:
        r->p = r->end;
        return 0;
    case OP_KEEP:
        return keep(r, o);
    case OP_FRAME:
        return frame(r, o);
    case OP_LIST:
    case OP_LIST_VALUES:
        return list(r, o);
    case OP_MEMBERS:
        return members(r, o);
    case OP_REST:
        return rest(r, o);
    case OP_REST_VALUES:
        return rest_values(r, o);
    case OP_SKIP_COUNTED:
    case OP_COUNTED:
    case OP_COUNTED_VALUES:
        return counted(r, o);
    case OP_FIXED:
        return add_items(r, o->depth, o->n) || times(r, o->n, o->body, o->n_body) ? -1 : 0;
    case OP_VALUES:
        return take_values(r, o->n);
    case OP_BITS: {
        const uint8_t *at = r->p;
        return bits(r, &word) || values(r, at, 1) ? -1 : 0;
    }
    case OP_STRING:
        return string(r, &s, &n) || add_items(r, o->depth, n) || values(r, s, n) ? -1 : 0;
    case OP_CHARS:
        return chars(r, &s, &n) || add_items(r, o->depth, n) || values(r, s, n) ? -1 : 0;
    }
    return fail(r, "an unknown step");
}

int vcol__run_ops(run *r, const op *ops, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (one(r, &ops[i]))
            return -1;
    return 0;
}

int vcol__run_entry(run *r)
{
    const program *p = r->program;
    /* FORMAT root/empty containers take no bytes where files before 6.08 wrote a std::bitset */
    if (r->p == r->end && p->levels && p->level[0].kind == VCOL_LEVEL_LIST)
        return add_items(r, 0, 0);
    return vcol__run_ops(r, p->ops, p->n_ops);
}
