/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a basket's plain bytes to values and offsets.
 *
 * Invariants: nothing outside [plain, plain + unpacked) is read, and of a block that is wanted whole nothing
 * behind the content, but for measured groups (of which inspect wants all bytes); nothing outside a part's
 * `size` is written. Offsets from a tail are checked where they are used: in order, and inside the content.
 */
#include "node.h"

#include <stddef.h>

/* A basket being read. */
typedef struct reading {
    const root_table *table;
    const binding *bind;
    const vcol_block *block;
    const uint8_t *plain;
    basket_tag tag;
    int64_t rows;
    vcol_error *err;
} reading;

#define ERROR(r, ...)                                                                                        \
    vcol__basket_error((r)->table, (r)->bind->branch, (r)->block, (r)->err, VCOL_CORRUPT, __VA_ARGS__)

static reading reading_of(const void *object, int32_t group, const vcol_block *block, const void *plain,
                          vcol_error *err)
{
    const root_table *table = object;
    return (reading){
        table, &table->bindings[group], block, plain, basket_tag_unpack(block->tag2), block->entries, err};
}

/* Whether the tail has a number for each entry. */
static vcol_status check_tail(const reading *r)
{
    uint64_t room = r->block->unpacked - r->tag.content;
    uint32_t n;
    if (r->tag.tail == TAIL_NONE)
        return VCOL_OK;
    n = room < 4 ? 0 : be32(r->plain + r->tag.content);
    if (room < 4 + 4 * (uint64_t)r->rows || n < (uint64_t)r->rows)
        return ERROR(r, "it has %u offsets for %lld entries", n, (long long)r->rows);
    return VCOL_OK;
}

/* Where entry `row` begins; the tail was checked. May lie outside the content. */
static int64_t tail_offset(const reading *r, int64_t row)
{
    const uint8_t *tail = r->plain + r->tag.content + 4;
    int64_t offset = 0;
    if (row >= r->rows)
        return r->tag.content;
    if (r->tag.tail == TAIL_OFFSETS)
        return (int64_t)be32(tail + 4 * row) - r->tag.keylen;
    for (int64_t i = 1; i <= row; i++)
        offset += be32(tail + 4 * i);
    return offset;
}

static vcol_status bad_offset(const reading *r, int64_t row, int64_t from, int64_t to)
{
    return ERROR(r, "entry %lld lies at %lld to %lld, outside %u bytes of content", (long long)row,
                 (long long)from, (long long)to, r->tag.content);
}

/* ---- entries that have to be looked at ---------------------------------------------------------- */

typedef struct entries {
    int64_t at;            /* where the next one begins */
    int64_t row;           /* its number */
    const uint8_t *values; /* of the present one */
    int64_t n;
} entries;

/*
 * FORMAT root/vector entry: u32 0x40000000 | bytes that follow, i16 version, i32 n, n values.
 * source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx (kSTL);
 * data/root/unroot-tree_basictypes.root
 */
static int64_t vector_entry(const reading *r, entries *e, const uint8_t *p, int64_t size)
{
    uint32_t head = size < 10 ? 0 : be32(p), bytes = head & 0x3fffffff;
    int64_t n = size < 10 ? -1 : (int32_t)be32(p + 6);
    if (!(head & 0x40000000) || n < 0 || (int64_t)bytes != 6 + n * r->bind->stride ||
        (int64_t)bytes > size - 4) {
        ERROR(r, "entry %lld is no vector of %lld values: it says %#x, %lld bytes are left",
              (long long)e->row, (long long)n, head, (long long)size);
        return -1;
    }
    e->values = p + 10;
    e->n = n;
    return 4 + (int64_t)bytes;
}

static int64_t string_entry(const reading *r, entries *e, const uint8_t *p, int64_t size)
{
    cursor c = cursor_make(p, (size_t)size);
    text t = cursor_text(&c);
    if (c.bad) {
        ERROR(r, "entry %lld is a string that does not fit its %lld bytes", (long long)e->row,
              (long long)size);
        return -1;
    }
    e->values = (const uint8_t *)t.s;
    e->n = t.n;
    return c.p - p;
}

/* To the next entry. */
static vcol_status next(const reading *r, entries *e)
{
    int64_t end = r->tag.content, taken;
    const uint8_t *p = r->plain + e->at;
    if (e->row + 1 < r->rows && r->tag.tail != TAIL_NONE) {
        const uint8_t *number = r->plain + r->tag.content + 4 + 4 * (e->row + 1);
        end = (int64_t)be32(number) + (r->tag.tail == TAIL_SIZES ? e->at : -(int64_t)r->tag.keylen);
    }
    if (end < e->at || end > (int64_t)r->tag.content)
        return bad_offset(r, e->row, e->at, end);
    if (r->bind->kind == BIND_CHARS && end == e->at && r->tag.tail != TAIL_NONE) {
        e->n = 0;
        taken = 0;
    } else {
        taken = r->bind->kind == BIND_VECTOR ? vector_entry(r, e, p, end - e->at)
                                             : string_entry(r, e, p, end - e->at);
        if (taken < 0)
            return VCOL_CORRUPT;
    }
    if (e->at + taken != end && (r->tag.tail != TAIL_NONE || e->row + 1 == r->rows))
        return ERROR(r, "entry %lld has %lld bytes but takes %lld", (long long)e->row,
                     (long long)(end - e->at), (long long)taken);
    e->at += taken;
    e->row++;
    return VCOL_OK;
}

static vcol_status start(const reading *r, int64_t skip, entries *e)
{
    vcol_status status = check_tail(r);
    *e = (entries){0};
    if (status || !skip)
        return status;
    if (r->tag.tail != TAIL_NONE) {
        e->at = tail_offset(r, skip);
        e->row = skip;
        return e->at < 0 || e->at > (int64_t)r->tag.content ? bad_offset(r, skip, e->at, r->tag.content)
                                                            : VCOL_OK;
    }
    while (e->row < skip && !status)
        status = next(r, e);
    return status;
}

static vcol_status no_room(const reading *r, const vcol_part *part)
{
    return vcol__basket_error(r->table, r->bind->branch, r->block, r->err, VCOL_MISUSE,
                              "rows %lld to %lld with %lld items do not fit %zu bytes", (long long)part->skip,
                              (long long)(part->skip + part->count), (long long)part->items, part->size);
}

static int fits(const vcol_part *part, int64_t per_item, size_t width)
{
    return part->items >= 0 && (!width || (uint64_t)part->items <= part->size / width / (uint64_t)per_item);
}

/* ---- objects -------------------------------------------------------------------------------------- */

static vcol_status bad_object(const reading *r, int64_t row, const run *x, int64_t at)
{
    return vcol__basket_error(r->table, r->bind->branch, r->block, r->err, x->unsupported ? VCOL_UNSUPPORTED : VCOL_CORRUPT,
                              "entry %lld, byte %lld of its content: %s", (long long)row, (long long)at, x->why);
}

/* Where references say that the entry at `at` is: where it was written, which a second array behind the offsets tells of entries
 * that were moved. */
static int64_t position_of(const reading *r, int64_t row, int64_t at)
{
    uint64_t numbers = 4 + 4 * ((uint64_t)r->rows + 1);
    const uint8_t *moved = r->plain + r->tag.content + numbers;
    if (r->tag.tail == TAIL_OFFSETS && r->block->unpacked - r->tag.content >= 2 * numbers && be32(moved) > (uint64_t)r->rows)
        return be32(moved + 4 + 4 * row);
    return at + r->tag.keylen;
}

/* Where the entry that begins at `at` ends; may lie outside the content. */
static int64_t end_of(const reading *r, int64_t row, int64_t at)
{
    if (row + 1 == r->rows)
        return r->tag.content;
    return (int64_t)be32(r->plain + r->tag.content + 4 + 4 * (row + 1)) + (r->tag.tail == TAIL_SIZES ? at : -(int64_t)r->tag.keylen);
}

/* The entry behind `at`, to be run over; TAIL_NONE: passed first, to find its end. */
static vcol_status one_object(const reading *r, int64_t row, int64_t at, run *x)
{
    int64_t end;
    x->p = r->plain + at;
    x->end = r->plain + r->tag.content;
    x->position = position_of(r, row, at);
    if (row + 1 < r->rows && r->tag.tail == TAIL_NONE) {
        const program *p = x->program;
        run pass;
        memset(&pass, 0, offsetof(run, keep)); /* for each entry: counters are many */
        pass.program = p;
        pass.p = x->p;
        pass.end = x->end;
        if (p->bytes) { /* there are no offsets where all entries are of one size */
            x->end = x->p + r->tag.content / (uint64_t)r->rows;
            return r->tag.content % (uint64_t)r->rows ? ERROR(r, "without offsets of its entries it cannot be read") : VCOL_OK;
        }
        if (!p->n_whole)
            return ERROR(r, "without offsets of its entries it cannot be read");
        if (vcol__run_ops(&pass, p->whole, p->n_whole))
            return bad_object(r, row, &pass, pass.p - r->plain);
        end = pass.p - r->plain;
    } else {
        end = end_of(r, row, at);
    }
    if (end < at || end > (int64_t)r->tag.content)
        return bad_offset(r, row, at, end);
    x->end = r->plain + end;
    return VCOL_OK;
}

/* Runs the program over rows [skip, skip + count). */
static vcol_status objects(const reading *r, int64_t skip, int64_t count, run *x)
{
    int64_t row = 0, at = 0;
    vcol_status status = check_tail(r);
    if (!status && skip && r->tag.tail == TAIL_OFFSETS) {
        at = tail_offset(r, skip);
        row = skip;
        if (at < 0 || at > (int64_t)r->tag.content)
            return bad_offset(r, skip, at, r->tag.content);
    }
    for (; row < skip + count && !status; row++) {
        status = one_object(r, row, at, x);
        at = x->end - r->plain;
        if (!status && row >= skip && vcol__run_entry(x))
            status = bad_object(r, row, x, x->p - r->plain);
    }
    return status;
}

static vcol_status decode_objects(const reading *r, const vcol_part *parts, int32_t n_parts)
{
    const program *p = r->bind->program;
    size_t width = vcol_type_width(p->form.type);
    run x = {.program = p};
    for (int32_t i = 0; i < n_parts; i++) {
        const vcol_part *part = &parts[i];
        if (part->leaf == p->n_leaves - 1) {
            if (!fits(part, p->multiple, width))
                return no_room(r, part);
            x.values = width ? part->dst : NULL;
            x.values_room = width ? part->items * p->multiple : 0;
            continue;
        }
        for (int d = 0; d < p->depth; d++) {
            if (p->leaf_of[d] != part->leaf)
                continue;
            if (!fits(part, 1, sizeof(int64_t)))
                return no_room(r, part);
            x.ends[d] = part->dst;
            x.room[d] = part->items;
            x.sum[d] = part->base;
        }
    }
    vcol_status status = objects(r, parts[0].skip, parts[0].count, &x);
    for (int d = 0; d < p->depth && !status; d++)
        if (x.room[d])
            return ERROR(r, "it has fewer lists than were measured");
    return !status && x.values_room ? ERROR(r, "it has fewer values than were measured") : status;
}

/* ---- lists in counted items ------------------------------------------------------------------------ */

/* The items of an entry, and what is said of how many values each has. */
typedef struct lengths {
    const uint32_t *of;
    int64_t n;
} lengths;

/* Of row `row`, or of `count` rows from there on; n < 0: they are not there. */
static lengths lengths_of(const reading *r, const vcol_deps *deps, int64_t row, int64_t count)
{
    lengths none = {NULL, -1};
    int64_t at = deps ? r->block->first_entry + row - deps->first : -1;
    if (!deps || !deps->counts || at < 0 || at > deps->count || count > deps->count - at)
        return none;
    return (lengths){(const uint32_t *)deps->counts + deps->offsets[at], deps->offsets[at + count] - deps->offsets[at]};
}

/* Where rows [skip, skip + count) lie. */
static vcol_status bounds(const reading *r, int64_t skip, int64_t count, int64_t *at, int64_t *end)
{
    vcol_status status = check_tail(r);
    if (status)
        return status;
    if (r->tag.tail == TAIL_NONE && r->rows > 1)
        return ERROR(r, "without offsets of its entries it cannot be read");
    *at = skip ? tail_offset(r, skip) : 0;
    *end = tail_offset(r, skip + count);
    return *at < 0 || *end < *at || *end > (int64_t)r->tag.content ? bad_offset(r, skip, *at, *end) : VCOL_OK;
}

/* A flag an item, and all else is values; decode looks at each. */
static vcol_status count_lists(const reading *r, const vcol_deps *deps, int64_t skip, int64_t count, int64_t *items)
{
    lengths said = lengths_of(r, deps, skip, count);
    int64_t at, end;
    vcol_status status = bounds(r, skip, count, &at, &end);
    if (status)
        return status;
    if (said.n < 0)
        return vcol__basket_error(r->table, r->bind->branch, r->block, r->err, VCOL_MISUSE, "the lengths of its arrays are missing");
    if (said.n > end - at || (end - at - said.n) % r->bind->stride)
        return ERROR(r, "entries %lld to %lld have %lld bytes, which are no arrays of %lld items", (long long)skip,
                     (long long)(skip + count), (long long)(end - at), (long long)said.n);
    items[0] = said.n;
    items[1] = (end - at - said.n) / r->bind->stride;
    return VCOL_OK;
}

/* What is to be written of the lists; what is not wanted is NULL. */
typedef struct lists {
    int64_t *ends, sum;
    uint8_t *values;
    int64_t ends_room, values_room;
} lists;

/*
 * FORMAT root/counted arrays in a split collection  for each item u8 flag, and if it is not 0 as many values as its counter
 *     says, none where that is below 0. source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx (ReadBasicPointerLoop),
 *     TStreamerInfoWriteBuffer.cxx
 * Where an entry's bytes are fewer or more than that, the two branches contradict each other.
 */
static vcol_status entry_lists(const reading *r, int64_t row, lengths said, const uint8_t *p, const uint8_t *end, lists *x)
{
    const value_form *form = &r->bind->pieces[0].form;
    size_t width = vcol_type_width(form->type);
    for (int64_t i = 0; i < said.n; i++) {
        int64_t n = p < end && *p && (int32_t)said.of[i] > 0 ? said.of[i] : 0;
        if (p == end || n > (end - p - 1) / r->bind->stride)
            return ERROR(r, "entry %lld, item %lld of %lld: %lld bytes are left for its %lld values", (long long)row, (long long)i,
                         (long long)said.n, (long long)(end - p), (long long)said.of[i]);
        x->sum += n;
        if (x->ends && x->ends_room-- > 0)
            *x->ends++ = x->sum;
        if (x->values && n > 0) {
            if (n > x->values_room)
                return ERROR(r, "entry %lld has more values than were measured", (long long)row);
            vcol__value_convert(form, p + 1, x->values, n);
            x->values += (size_t)n * width;
            x->values_room -= n;
        }
        p += 1 + n * r->bind->stride;
    }
    return p == end ? VCOL_OK : ERROR(r, "entry %lld: %lld bytes behind the arrays of its %lld items", (long long)row,
                                      (long long)(end - p), (long long)said.n);
}

static vcol_status decode_lists(const reading *r, const vcol_deps *deps, const vcol_part *parts, int32_t n_parts)
{
    int64_t skip = parts[0].skip, count = parts[0].count, at, end;
    lists x = {0};
    vcol_status status = bounds(r, skip, count, &at, &end);
    if (status)
        return status;
    for (int32_t i = 0; i < n_parts; i++) {
        const vcol_part *part = &parts[i];
        int offsets = part->leaf == 0;
        if (part->skip != skip || part->count != count ||
            !fits(part, 1, offsets ? sizeof(int64_t) : vcol_type_width(r->bind->pieces[0].form.type)) ||
            (offsets && part->items != lengths_of(r, deps, skip, count).n))
            return no_room(r, part);
        if (offsets) {
            x.ends = part->dst;
            x.ends_room = part->items;
            x.sum = part->base;
        } else {
            x.values = part->dst;
            x.values_room = part->items;
        }
    }
    for (int64_t row = skip; row < skip + count && !status; row++, at = end) {
        lengths said = lengths_of(r, deps, row, 1);
        if (said.n < 0)
            return no_room(r, &parts[0]);
        end = end_of(r, row, at);
        status = end < at || end > (int64_t)r->tag.content ? bad_offset(r, row, at, end)
                                                           : entry_lists(r, row, said, r->plain + at, r->plain + end, &x);
    }
    return !status && x.values_room ? ERROR(r, "it has fewer values than were measured") : status;
}

/* ---- measure --------------------------------------------------------------------------------- */

static vcol_status count_items(const reading *r, int64_t skip, int64_t count, int64_t *items)
{
    entries e;
    vcol_status status = start(r, skip, &e);
    *items = 0;
    if (!status && r->bind->kind == BIND_VECTOR && r->tag.tail == TAIL_OFFSETS) {
        /* all that is not a head is values; decode looks at each */
        int64_t end = tail_offset(r, skip + count), bytes = end - e.at - 10 * count;
        if (bytes < 0 || bytes % r->bind->stride || end > (int64_t)r->tag.content)
            return ERROR(r, "entries %lld to %lld are no vectors in %lld bytes", (long long)skip,
                         (long long)(skip + count), (long long)(end - e.at));
        *items = bytes / r->bind->stride;
        return VCOL_OK;
    }
    for (int64_t i = 0; i < count && !status; i++) {
        status = next(r, &e);
        *items += e.n;
    }
    return status;
}

vcol_status vcol__basket_measure(void *object, int32_t group, const vcol_block *block, const void *plain,
                                 const void *state, const vcol_deps *deps, int64_t skip, int64_t count,
                                 int64_t *rows, int64_t *items, vcol_error *err)
{
    reading r = reading_of(object, group, block, plain, err);
    (void)state;
    if (count < 0)
        count = r.rows - skip;
    if (skip < 0 || count < 0 || skip > r.rows || count > r.rows - skip)
        return vcol__basket_error(r.table, r.bind->branch, block, err, VCOL_MISUSE, "rows outside its %lld",
                                  (long long)r.rows);
    *rows = count;
    for (int i = 0; i < VCOL_MAX_LEVELS; i++)
        items[i] = 0;
    if (r.bind->kind == BIND_FIXED || r.bind->kind == BIND_ITEMS || !count)
        return VCOL_OK;
    if (r.bind->kind == BIND_OBJECT) {
        run x = {.program = r.bind->program};
        vcol_status status = objects(&r, skip, count, &x);
        for (int d = 0; d < x.program->depth; d++)
            items[d] = x.sum[d];
        return status;
    }
    if (r.bind->kind == BIND_LISTS)
        return count_lists(&r, deps, skip, count, items);
    return count_items(&r, skip, count, &items[0]);
}

/* ---- decode ---------------------------------------------------------------------------------- */

static vcol_status fixed(const reading *r, const vcol_part *part)
{
    const piece *piece = &r->bind->pieces[part->leaf];
    uint64_t stride = r->bind->stride;
    const uint8_t *src = r->plain + (uint64_t)part->skip * stride + piece->offset;
    size_t width = vcol_type_width(piece->form.type);
    uint8_t *dst = part->dst;
    if (part->items != part->count || !fits(part, piece->count, width))
        return no_room(r, part);
    if ((uint64_t)r->rows * stride > r->block->unpacked)
        return ERROR(r, "%llu bytes for %lld entries of %llu bytes", (unsigned long long)r->block->unpacked,
                     (long long)r->rows, (unsigned long long)stride);
    if (stride == piece->form.width * (uint64_t)piece->count) {
        vcol__value_convert(&piece->form, src, dst, part->count * piece->count);
        return VCOL_OK;
    }
    for (int64_t i = 0; i < part->count; i++)
        vcol__value_convert(&piece->form, src + (uint64_t)i * stride,
                            dst + (uint64_t)(i * piece->count) * width, piece->count);
    return VCOL_OK;
}

/*
 * Items that another branch counts. A basket whose content is not as long as the counts say is CORRUPT, also where its
 * tail could tell how long its entries are: the offsets are those of the collection, which other columns share and which
 * were made before this basket was looked at, so that entries of other lengths have no place; and of a block that is
 * wanted whole the tail was not unpacked. The other columns of the collection are read all the same. Where a part begins is
 * known to the runtime, or follows from the counts from the block's first row on, never from the tail: which part is decoded
 * first must not decide whether a contradiction is found.
 */
static vcol_status items(const reading *r, const vcol_part *part, const vcol_deps *deps)
{
    const piece *piece = &r->bind->pieces[0];
    uint64_t content = r->tag.content, stride = r->bind->stride;
    int64_t first = r->block->first_entry, from = 0, all;
    if (!deps || !fits(part, piece->count, vcol_type_width(piece->form.type)))
        return no_room(r, part);
    if (part->skip > 0 && part->base >= 0) {
        if ((uint64_t)part->base > content / stride)
            return ERROR(r, "%lld items are counted before entry %lld, more than %llu bytes can hold",
                         (long long)part->base, (long long)part->skip, (unsigned long long)content);
        from = part->base * (int64_t)stride;
    } else if (part->skip > 0 && deps->first <= first && first + part->skip <= deps->first + deps->count) {
        int64_t before = deps->offsets[first + part->skip - deps->first] - deps->offsets[first - deps->first];
        if (before < 0 || (uint64_t)before > content / stride)
            return ERROR(r, "%lld items are counted before entry %lld, more than %llu bytes can hold",
                         (long long)before, (long long)part->skip, (unsigned long long)content);
        from = before * (int64_t)stride;
    } else if (part->skip > 0) {
        return no_room(r, part);
    }
    all = from + part->items * (int64_t)stride;
    if (from < 0 || (uint64_t)from > content || (uint64_t)part->items > (content - (uint64_t)from) / stride ||
        (part->skip + part->count == r->rows && (uint64_t)all != content))
        return ERROR(
            r, "its content has %llu bytes, the counts say %lld items of %llu bytes from byte %lld on",
            (unsigned long long)content, (long long)part->items, (unsigned long long)stride, (long long)from);
    vcol__value_convert(&piece->form, r->plain + from, part->dst, part->items * piece->count);
    return VCOL_OK;
}

static vcol_status offsets(const reading *r, const vcol_part *part)
{
    int64_t sum = part->base, *dst = part->dst;
    entries e;
    vcol_status status = start(r, part->skip, &e);
    if (part->items != part->count || !fits(part, 1, sizeof *dst))
        return no_room(r, part);
    for (int64_t i = 0; i < part->count && !status; i++) {
        status = next(r, &e);
        sum += e.n;
        dst[i] = sum;
    }
    return status;
}

static vcol_status values(const reading *r, const vcol_part *part)
{
    const value_form *form = &r->bind->pieces[0].form;
    size_t width = vcol_type_width(form->type);
    int64_t left = part->items;
    uint8_t *dst = part->dst;
    entries e;
    vcol_status status = start(r, part->skip, &e);
    if (!fits(part, 1, width))
        return no_room(r, part);
    for (int64_t i = 0; i < part->count && !status; i++) {
        status = next(r, &e);
        if (status)
            break;
        if (e.n > left)
            return ERROR(r, "entries %lld to %lld have more than the %lld values measured",
                         (long long)part->skip, (long long)(part->skip + part->count),
                         (long long)part->items);
        vcol__value_convert(form, e.values, dst, e.n);
        dst += (size_t)e.n * width;
        left -= e.n;
    }
    if (!status && left)
        return ERROR(r, "entries %lld to %lld have %lld values fewer than measured", (long long)part->skip,
                     (long long)(part->skip + part->count), (long long)left);
    return status;
}

vcol_status vcol__basket_decode(void *object, int32_t group, const vcol_block *block, const void *plain,
                                int whole, const void *state, const vcol_deps *deps, const vcol_part *parts,
                                int32_t n_parts, vcol_worker *worker, vcol_error *err)
{
    reading r = reading_of(object, group, block, plain, err);
    vcol_status status = VCOL_OK;
    (void)whole;
    (void)state;
    (void)worker;
    for (int32_t i = 0; i < n_parts && !status; i++) {
        const vcol_part *part = &parts[i];
        if (part->skip < 0 || part->count < 0 || part->skip > r.rows || part->count > r.rows - part->skip ||
            part->leaf < 0 || part->leaf >= r.table->schema.groups[group].n_leaves)
            return no_room(&r, part);
        if (!part->count)
            continue;
        if (r.bind->kind == BIND_OBJECT)
            return decode_objects(&r, parts, n_parts); /* all leaves in one go */
        if (r.bind->kind == BIND_LISTS)
            return decode_lists(&r, deps, parts, n_parts);
        if (r.bind->kind == BIND_FIXED)
            status = fixed(&r, part);
        else if (r.bind->kind == BIND_ITEMS)
            status = items(&r, part, deps);
        else
            status = part->leaf == 0 ? offsets(&r, part) : values(&r, part);
    }
    return status;
}
