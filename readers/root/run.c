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
#include "run.h"

enum { CLASS_VERSIONS = 8 }; /* of a collection, from which on that of its items is stored */

/* A list's i32 length, which is no more than there are bytes, unless its items take none. */
static int count(run *r, int64_t *n)
{
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    *n = (int32_t)be32(r->p);
    r->p += 4;
    if (*n < 0 || *n > vcol__run_left(r))
        return vcol__run_fail(r, "a length does not fit");
    return 0;
}

static int chars(run *r, const uint8_t **s, int64_t *n)
{
    if (count(r, n))
        return -1;
    *s = r->p;
    return vcol__run_skip(r, *n);
}

static int skip_items(run *r, int64_t n, int64_t width)
{
    int64_t bytes;
    return __builtin_mul_overflow(n, width, &bytes) ? vcol__run_short(r) : vcol__run_skip(r, bytes);
}

static int skip_frame(run *r)
{
    if (vcol__run_left(r) < 4 || !(be32(r->p) & BYTE_COUNT))
        return vcol__run_fail(r, "something without a byte count has to be passed");
    return vcol__run_skip(r, 4 + (int64_t)(be32(r->p) & ~(uint32_t)BYTE_COUNT));
}

int vcol__run_add(run *r, int depth, int64_t n)
{
    if (__builtin_add_overflow(r->sum[depth], n, &r->sum[depth]))
        return vcol__run_fail(r, "too many items");
    if (r->ends[depth]) {
        if (r->room[depth]-- <= 0)
            return vcol__run_fail(r, "more lists than were measured");
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
        return vcol__run_fail(r, "more values than were measured");
    vcol__value_convert(form, src, r->values, n);
    r->values += (size_t)n * vcol_type_width(form->type);
    r->values_room -= n;
    return 0;
}

static int take_values(run *r, int64_t n)
{
    const uint8_t *src = r->p;
    int64_t bytes;
    if (__builtin_mul_overflow(n, (int64_t)r->program->form.width, &bytes) || vcol__run_skip(r, bytes))
        return vcol__run_short(r);
    return values(r, src, n);
}

static int times(run *r, int64_t n, const op *body, int32_t n_body)
{
    for (int64_t i = 0; i < n && n_body; i++)
        if (vcol__run_ops(r, body, n_body))
            return -1;
    return 0;
}

/* Body for each item of the collection at hand, which knows which one it is. */
static int each_item(run *r, const op *body, int32_t n_body)
{
    for (r->item = 0; r->item < r->items; r->item++)
        if (vcol__run_ops(r, body, n_body))
            return -1;
    return 0;
}

int vcol__run_members(run *r, int64_t n, const op *body, int32_t n_body)
{
    int64_t items = r->items, item = r->item, kept[MAX_KEPT];
    const uint8_t *column[MAX_KEPT];
    int status = 0;
    memcpy(kept, r->keep, sizeof kept);
    memcpy(column, r->column, sizeof column);
    r->items = n;
    for (int32_t i = 0; i < n_body && n > 0 && !status; i++)
        status = body[i].once ? vcol__run_ops(r, &body[i], 1) : each_item(r, &body[i], 1);
    r->items = items;
    r->item = item;
    memcpy(r->column, column, sizeof column);
    memcpy(r->keep, kept, sizeof kept);
    return status;
}

static int same_members(const root_info *a, const root_info *b)
{
    int same = a->n_elements == b->n_elements;
    for (int32_t i = 0; same && i < a->n_elements; i++) {
        const root_element *x = &a->elements[i], *y = &b->elements[i];
        same = x->type == y->type && x->length == y->length && text_same(x->name, y->name) &&
               text_same(x->type_name, y->type_name) && text_same(x->counter, y->counter) && text_same(x->title, y->title);
    }
    return same;
}

/* An object that the file describes by another version of its class than the columns are made of; without a description nothing is
 * known, and it is taken for the same. */
static int other_version(run *r, const root_class *cls, const root_info *info, int version, uint32_t checksum)
{
    const root_info *its;
    if (version > 0 && version == info->version)
        return 0; /* of those of one version, if there are more, the columns are made of the first */
    its = vcol__class_info(cls, version, checksum);
    if (!its || its == info || its->builtin || (r->same[0] == its && r->same[1] == info))
        return 0;
    if (same_members(its, info)) {
        r->same[0] = its;
        r->same[1] = info;
        return 0;
    }
    r->unsupported = 1;
    return vcol__run_fail(r, "an object of another version of its class, which is not supported");
}

/* A frame without a byte count has no end of its own: only what comes last can be one. */
static int frame(run *r, const op *o)
{
    const uint8_t *outer = r->end, *end = outer;
    uint32_t word, checksum = 0;
    int counted, version, status;
    int64_t kept[MAX_KEPT];
    if (vcol__run_left(r) < 2)
        return vcol__run_short(r);
    memcpy(kept, r->keep, sizeof kept); /* of the class around it; a loop inside looks at them */
    word = vcol__run_left(r) < 4 ? 0 : be32(r->p);
    counted = (word & BYTE_COUNT) != 0;
    if (counted) {
        r->p += 4;
        if ((int64_t)(word & ~(uint32_t)BYTE_COUNT) > vcol__run_left(r) || (word & ~(uint32_t)BYTE_COUNT) < 2)
            return vcol__run_fail(r, "a byte count does not fit");
        end = r->p + (word & ~(uint32_t)BYTE_COUNT);
    }
    version = (int16_t)be16(r->p);
    r->p += 2;
    r->end = end;
    if ((version & ~MEMBERWISE) <= 0 && vcol__run_left(r) >= 4 &&
        (o->foreign || (o->cls && vcol__class_info(o->cls, 0, be32(r->p))))) {
        checksum = be32(r->p);
        r->p += 4;
    }
    if (o->info && (version > 0 || checksum) && other_version(r, o->cls, o->info, version & ~MEMBERWISE, checksum))
        return -1;
    if (version > 0 && version & MEMBERWISE) {
        int64_t inner;
        if (!o->members) {
            r->unsupported = 1;
            return vcol__run_fail(r, "its items are stored member by member, which is not supported here");
        }
        if (vcol__run_left(r) < 2)
            return vcol__run_short(r);
        if ((version & ~MEMBERWISE) >= CLASS_VERSIONS) {
            inner = (int16_t)be16(r->p);
            r->p += 2;
            if (inner <= 0) {
                if (vcol__run_left(r) < 4)
                    return vcol__run_short(r);
                checksum = be32(r->p);
                r->p += 4;
            }
            if (o->items && other_version(r, o->items->cls, o->items->info, inner > 0 ? (int)inner : 0, checksum))
                return -1;
        }
        status = vcol__run_ops(r, o->members, o->n_members);
    } else {
        if (!counted && o->n && o->info && version != o->info->version && !checksum &&
            !(version > 0 && vcol__class_info(o->cls, version, 0)))
            return vcol__run_fail(r, "an object is of no version of its class that is known");
        if (counted && vcol__run_left(r) < o->n)
            return vcol__run_fail(r, "an object has fewer bytes than its class's members");
        status = vcol__run_ops(r, o->body, o->n_body);
        if (!status && counted && o->exact && r->p != end) /* they are of another type */
            status = vcol__run_fail(r, "its items do not take as many bytes as it has");
    }
    if (!status && counted)
        r->p = end;
    r->end = outer;
    if (!o->lends)
        memcpy(r->keep, kept, sizeof kept);
    return status;
}

static int scope(run *r, const op *o)
{
    int64_t kept[MAX_KEPT];
    int status;
    memcpy(kept, r->keep, sizeof kept);
    status = vcol__run_ops(r, o->body, o->n_body);
    memcpy(r->keep, kept, sizeof kept);
    return status;
}

static int ahead(run *r, const op *o)
{
    const uint8_t *p = r->p;
    if (vcol__run_ops(r, o->body, o->n_body))
        return -1;
    r->p = p;
    return 0;
}

static int triangle(run *r, const op *o)
{
    int64_t n = r->keep[o->local];
    if (n < 0 || n > INT32_MAX || r->keep[o->n & 255] != n || r->keep[o->n >> 8] != n * n)
        return vcol__run_fail(r, "a symmetric matrix has other numbers of rows, columns and elements");
    r->keep[o->local] = n * (n + 1) / 2;
    return 0;
}

static int rest(run *r, const op *o)
{
    int64_t n = 0;
    while (r->p < r->end) {
        const uint8_t *before = r->p;
        if (vcol__run_ops(r, o->body, o->n_body))
            return -1;
        if (r->p == before)
            return vcol__run_fail(r, "items without bytes");
        n++;
    }
    return vcol__run_add(r, o->depth, n);
}

static int rest_values(run *r, const op *o)
{
    int64_t size = (int64_t)r->program->form.width * o->n, n = vcol__run_left(r) / size;
    if (n * size != vcol__run_left(r))
        return vcol__run_fail(r, "it has no whole number of values");
    return vcol__run_add(r, o->depth, n) || take_values(r, n * o->n) ? -1 : 0;
}

static int list(run *r, const op *o)
{
    int64_t n;
    if (count(r, &n) || vcol__run_add(r, o->depth, n))
        return -1;
    return o->code == OP_LIST_VALUES ? take_values(r, n * o->n) : times(r, n, o->body, o->n_body);
}

static int members(run *r, const op *o)
{
    int64_t n;
    if (count(r, &n) || (o->code == OP_MEMBERS && vcol__run_add(r, o->depth, n)))
        return -1;
    return vcol__run_members(r, n, o->body, o->n_body);
}

int vcol__run_number(run *r, int64_t n)
{
    uint32_t word = __builtin_bswap32((uint32_t)n);
    uint8_t bytes[4];
    memcpy(bytes, &word, 4);
    return values(r, bytes, 1);
}

/* How many items a list has that have no values: they need have no bytes either. */
static int size(run *r, const op *o)
{
    int64_t n;
    if (vcol__run_left(r) < 4)
        return vcol__run_short(r);
    n = (int32_t)be32(r->p);
    r->p += 4;
    if (n < 0 || (o->n_body && n > vcol__run_left(r)))
        return vcol__run_fail(r, "a length does not fit");
    if (vcol__run_number(r, n))
        return -1;
    return o->code == OP_SIZE_MEMBERS ? vcol__run_members(r, n, o->body, o->n_body) : times(r, n, o->body, o->n_body);
}

/* FORMAT root/counted array member: u8 flag, 0: nothing follows. source: TBufferFile.cxx (ReadFastArray of pointers) */
static int counted(run *r, const op *o)
{
    int64_t n = r->keep[o->local];
    uint8_t flag;
    if (!o->bare && vcol__run_left(r) < 1)
        return vcol__run_short(r);
    flag = o->bare ? 1 : *r->p++;
    n = flag && n > 0 ? n : 0;
    if (n > vcol__run_left(r))
        return vcol__run_fail(r, "a length does not fit");
    if (o->code == OP_SKIP_COUNTED)
        return skip_items(r, n, o->n);
    if (vcol__run_add(r, o->depth, n))
        return -1;
    return o->code == OP_COUNTED_VALUES ? take_values(r, n * o->n) : times(r, n, o->body, o->n_body);
}

static int64_t integer(const op *o, const uint8_t *p)
{
    uint64_t value = 0;
    for (int i = 0; i < o->width; i++)
        value = value << 8 | p[i];
    if (o->is_signed && o->width < 8 && value >> (8 * o->width - 1))
        value |= UINT64_MAX << (8 * o->width);
    return (int64_t)value;
}

static int keep(run *r, const op *o)
{
    if (vcol__run_left(r) < o->width)
        return vcol__run_short(r);
    r->keep[o->local] = integer(o, r->p);
    r->p += o->code == OP_LOOK ? 0 : o->width;
    return 0;
}

/* FORMAT root/array of objects with a counter: a frame around them all, no flag. source: TStreamerInfoReadBuffer.cxx
 * (kStreamLoop) */
static int loop(run *r, const op *o)
{
    int64_t n = r->keep[o->local] > 0 ? r->keep[o->local] : 0;
    if (n > vcol__run_left(r))
        return vcol__run_fail(r, "a length does not fit");
    if (o->code == OP_LOOP && vcol__run_add(r, o->depth, n))
        return -1;
    return times(r, n, o->body, o->n_body);
}

static int one(run *r, const op *o)
{
    const uint8_t *s;
    uint32_t word;
    int64_t n;
    switch (o->code) {
    case OP_SKIP:
        return vcol__run_skip(r, o->n);
    case OP_SKIP_BITS:
        for (n = 0; n < o->n; n++)
            if (vcol__run_bits(r, &word))
                return -1;
        return 0;
    case OP_SKIP_TOBJECT:
        for (n = 0; n < o->n; n++)
            if (vcol__run_skip(r, 6) || vcol__run_bits(r, &word))
                return -1;
        return 0;
    case OP_SKIP_STRINGS:
        for (int64_t i = 0; i < o->n; i++)
            if (vcol__run_string(r, &s, &n))
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
            if (vcol__run_skip_pointer(r))
                return -1;
        return 0;
    case OP_SKIP_LIST:
        return count(r, &n) || skip_items(r, n, o->n) ? -1 : 0;
    case OP_SKIP_EACH:
        return count(r, &n) || times(r, n, o->body, o->n_body) ? -1 : 0;
    case OP_SKIP_TIMES:
    case OP_TIMES:
        return times(r, o->n, o->body, o->n_body);
    case OP_SKIP_TO_END:
        r->p = r->end;
        return 0;
    case OP_END:
        return vcol__run_left(r) ? vcol__run_fail(r, "its leaves end before it does") : 0;
    case OP_BY_UUID:
        r->by_uuid = vcol__run_left(r) >= 4 && be32(r->p) & HAS_UUID; /* it ends early: the next step says so */
        return 0;
    case OP_SKIP_PROCESS:
        return r->by_uuid ? 0 : vcol__run_skip(r, 2);
    case OP_SKIP_UUID:
        return r->by_uuid ? vcol__run_string(r, &s, &n) : 0;
    case OP_PROCESS:
        return r->by_uuid ? vcol__run_number(r, 0) : take_values(r, 1);
    case OP_UUID:
        if (!r->by_uuid)
            return vcol__run_add(r, o->depth, 0);
        return vcol__run_string(r, &s, &n) || vcol__run_add(r, o->depth, n) || values(r, s, n) ? -1 : 0;
    case OP_KEEP:
    case OP_LOOK:
        return keep(r, o);
    case OP_FRAME:
        return frame(r, o);
    case OP_SCOPE:
        return scope(r, o);
    case OP_AHEAD:
        return ahead(r, o);
    case OP_TRIANGLE:
        return triangle(r, o);
    case OP_LIST:
    case OP_LIST_VALUES:
        return list(r, o);
    case OP_MEMBERS:
    case OP_SKIP_MEMBERS:
        return members(r, o);
    case OP_SIZE:
    case OP_SIZE_MEMBERS:
        return size(r, o);
    case OP_EACH_ITEM:
        return each_item(r, o->body, o->n_body);
    case OP_COLUMN:
        r->column[o->local] = r->p;
        return vcol__run_skip(r, r->items * o->width);
    case OP_LOAD:
        r->keep[o->local] = integer(o, r->column[o->local] + r->item * o->width);
        return 0;
    case OP_LOOP:
    case OP_SKIP_LOOP:
        return loop(r, o);
    case OP_SLOT:
    case OP_SLOT_SIZE:
        return vcol__run_pointer(r, o);
    case OP_CLONES:
        return vcol__run_clones(r, o);
    case OP_PEEK:
        return vcol__run_peek(r, o);
    case OP_ARRAY:
    case OP_ARRAY_SIZE:
        return vcol__run_array(r, o);
    case OP_REST:
        return rest(r, o);
    case OP_REST_VALUES:
        return rest_values(r, o);
    case OP_SKIP_COUNTED:
    case OP_COUNTED:
    case OP_COUNTED_VALUES:
        return counted(r, o);
    case OP_FIXED:
        return vcol__run_add(r, o->depth, o->n) || times(r, o->n, o->body, o->n_body) ? -1 : 0;
    case OP_VALUES:
        return take_values(r, o->n);
    case OP_BITS: {
        const uint8_t *at = r->p;
        return vcol__run_bits(r, &word) || values(r, at, 1) ? -1 : 0;
    }
    case OP_STRING:
        return vcol__run_string(r, &s, &n) || vcol__run_add(r, o->depth, n) || values(r, s, n) ? -1 : 0;
    case OP_CHARS:
        return chars(r, &s, &n) || vcol__run_add(r, o->depth, n) || values(r, s, n) ? -1 : 0;
    }
    return vcol__run_fail(r, "an unknown step");
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
        return vcol__run_add(r, 0, 0);
    r->entry = r->p;
    r->credit = vcol__run_credit(r->end - r->p);
    return vcol__run_ops(r, p->ops, p->n_ops);
}
