/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Baskets: inspect, unpack, measure, decode. The tree is the sample's. Input: a byte that chooses the branch,
 * a byte of choices (bit 0: the key's length and place are put right), a byte of entries, and the basket's
 * record.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { FIX = 1, MAX_UNPACKED = 1 << 20, MAX_ITEMS = 1 << 20, MAX_LEAVES = 4 };

typedef struct target {
    made_file made;
    const vcol_reader *reader;
    vcol_source *source;
    vcol_worker *worker;
    void *file, *object;
    const vcol_schema *schema;
} target;

/* The open tree, once a process. */
static target *open_target(void)
{
    static target t;
    if (t.object)
        return &t;
    made_sample(&t.made, 0, 0);
    t.reader = vcol_reader_root();
    FUZZ_RULE(!vcol_source_open_memory(t.made.bytes.data, t.made.bytes.n, "fuzz", &t.source, NULL));
    FUZZ_RULE(!vcol_worker_open(NULL, &t.worker, NULL));
    FUZZ_RULE(!t.reader->open(t.source, NULL, t.worker, &t.file, NULL));
    FUZZ_RULE(!t.reader->open_object(t.file, "Events", t.worker, &t.object, NULL));
    t.schema = t.reader->schema(t.object);
    return &t;
}

/* What a group's leaves hold of some rows. */
typedef struct rows {
    vcol_status status;
    int64_t count, items;
    uint8_t *leaf[MAX_LEAVES];
    size_t size[MAX_LEAVES];
} rows;

static void rows_free(rows *r)
{
    for (int i = 0; i < MAX_LEAVES; i++)
        free(r->leaf[i]);
}

static int64_t depended(const vcol_deps *deps, int64_t first, int64_t skip, int64_t count)
{
    const int64_t *at = deps->offsets + (first + skip - deps->first);
    return at[count] - at[0];
}

/* Rows [skip, skip + count) of the block, into memory of exactly their size. */
static rows decode(target *t, int32_t group, const vcol_block *block, const void *plain,
                   const vcol_deps *deps, int64_t skip, int64_t count)
{
    const vcol_group *g = &t->schema->groups[group];
    int64_t got = count, depth[VCOL_MAX_LEVELS] = {0};
    vcol_part parts[MAX_LEAVES];
    vcol_error err = {0};
    rows out = {.count = count};
    FUZZ_RULE(g->n_leaves <= MAX_LEAVES);
    if (g->flags & VCOL_GROUP_MEASURED) {
        out.status = t->reader->measure(t->object, group, block, plain, NULL, deps, skip, count, &got, depth, &err);
        fuzz_status(out.status, &err);
        if (out.status)
            return out;
        FUZZ_RULE(got == count && depth[0] >= 0);
        out.items = depth[0];
        FUZZ_RULE((uint64_t)out.items <= block->unpacked);
    } else if (deps) {
        out.items = depended(deps, block->first_entry, skip, count);
    }
    if (out.items > MAX_ITEMS) {
        out.status = VCOL_CORRUPT;
        return out;
    }
    for (int32_t i = 0; i < g->n_leaves; i++) {
        const vcol_leaf *leaf = &g->leaves[i];
        int64_t n = leaf->domain ? out.items : count;
        size_t width =
            leaf->role == VCOL_LEAF_OFFSETS ? 8 : vcol_type_width(leaf->type) * (size_t)leaf->multiple;
        out.size[i] = (size_t)n * width;
        out.leaf[i] = malloc(out.size[i] ? out.size[i] : 1);
        FUZZ_RULE(out.leaf[i]);
        parts[i] = (vcol_part){
            .leaf = i, .skip = skip, .count = count, .items = n, .dst = out.leaf[i], .size = out.size[i]};
        if (leaf->role == VCOL_LEAF_VALUES && skip > 0)
            parts[i].base = -1; /* not known */
    }
    out.status = t->reader->decode(t->object, group, block, plain, skip == 0 && count == block->entries, NULL,
                                   deps, parts, g->n_leaves, t->worker, &err);
    fuzz_status(out.status, &err);
    return out;
}

/* Two parts are the whole, apart from where offsets count from. */
static void compare(const vcol_group *g, const rows *whole, const rows *a, const rows *b)
{
    if (whole->status || a->status || b->status)
        return;
    FUZZ_RULE(whole->items == a->items + b->items);
    for (int32_t i = 0; i < g->n_leaves; i++) {
        const int64_t *all = (const int64_t *)(const void *)whole->leaf[i];
        const int64_t *second = (const int64_t *)(const void *)b->leaf[i];
        FUZZ_RULE(whole->size[i] == a->size[i] + b->size[i]);
        FUZZ_RULE(!memcmp(whole->leaf[i], a->leaf[i], a->size[i]));
        if (g->leaves[i].role != VCOL_LEAF_OFFSETS)
            FUZZ_RULE(!memcmp(whole->leaf[i] + a->size[i], b->leaf[i], b->size[i]));
        else
            for (int64_t k = 0; k < b->count; k++)
                FUZZ_RULE(all[a->count + k] == a->items + second[k]);
    }
}

static void set_place(uint8_t *record, size_t n, uint64_t seek)
{
    size_t at = record[4] << 8 | record[5];
    for (size_t i = 0; i < 4; i++)
        record[i] = (uint8_t)(n >> (8 * (3 - i)));
    for (size_t i = 0, width = at > 1000 && at < 32768 ? 8 : 4; i < width; i++)
        record[18 + i] = (uint8_t)(seek >> (8 * (width - 1 - i)));
}

static void run_basket(target *t, int32_t group, vcol_block block, const uint8_t *stored,
                       const vcol_deps *deps)
{
    const vcol_group *g = &t->schema->groups[group];
    vcol_error err = {0};
    vcol_block again = block;
    vcol_status status = t->reader->inspect(t->object, group, &block, stored, NULL, &err);
    int64_t half = block.entries / 2;
    uint8_t *plain;
    size_t want;
    rows whole, a, b;
    fuzz_status(status, &err);
    FUZZ_RULE(t->reader->inspect(t->object, group, &again, stored, NULL, NULL) == status);
    if (status)
        return;
    FUZZ_RULE(!memcmp(&again, &block, sizeof block));
    FUZZ_RULE(block.content <= block.unpacked && !(block.flags & VCOL_BLOCK_EXPANDS));
    if (block.unpacked > MAX_UNPACKED)
        return;
    plain = malloc(block.unpacked ? block.unpacked : 1);
    FUZZ_RULE(plain);
    want = block.content && block.content < block.unpacked ? block.content : block.unpacked;
    if (block.flags & VCOL_BLOCK_AS_IS) {
        FUZZ_RULE(block.skip_stored <= block.stored && block.unpacked <= block.stored - block.skip_stored);
        memcpy(plain, stored + block.skip_stored, block.unpacked);
    } else {
        /* first only what is needed, then all: the former is a part of the latter */
        uint8_t *part = malloc(block.unpacked ? block.unpacked : 1);
        vcol_status some;
        FUZZ_RULE(part);
        some = t->reader->unpack(t->object, &block, stored, part, want, t->worker, NULL);
        status = t->reader->unpack(t->object, &block, stored, plain, block.unpacked, t->worker, &err);
        fuzz_status(status, &err);
        FUZZ_RULE(status || !some);
        FUZZ_RULE(status || !memcmp(part, plain, want));
        free(part);
    }
    if (!status) {
        whole = decode(t, group, &block, plain, deps, 0, block.entries);
        a = decode(t, group, &block, plain, deps, 0, half);
        b = decode(t, group, &block, plain, deps, half, block.entries - half);
        compare(g, &whole, &a, &b);
        rows_free(&whole);
        rows_free(&a);
        rows_free(&b);
    }
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD = 3, KEY_MIN = 26 };
    int64_t offsets[257] = {0};
    target *t = open_target();
    const vcol_schema_column *column;
    uint8_t *stored;
    vcol_block block = {.needs = -1};
    vcol_deps deps = {.offsets = offsets};
    int32_t group;
    if (size < HEAD + KEY_MIN)
        return 0;
    column = &t->schema->columns[data[0] % t->schema->n_columns];
    FUZZ_RULE(column->status == VCOL_OK);
    group = column->values.group;
    if (t->schema->groups[group].kind != VCOL_GROUP_BLOCKS)
        return 0;
    block.entries = deps.count = data[2];
    for (int i = 0; i < 256; i++) /* counts as the sample has them */
        offsets[i + 1] = offsets[i] + i % MADE_ENTRIES % 3;
    block.stored = block.unpacked = size - HEAD;
    stored = malloc(block.stored);
    FUZZ_RULE(stored);
    memcpy(stored, data + HEAD, block.stored);
    block.offset = 200;
    if (data[1] & FIX)
        set_place(stored, block.stored, block.offset);
    run_basket(t, group, block, stored, t->schema->groups[group].depends >= 0 ? &deps : NULL);
    free(stored);
    return 0;
}

/* The class in a record's key has a line feed, which a message about it must not. */
static void break_class(uint8_t *record, size_t n)
{
    for (size_t at = 0; at + 7 <= n; at++)
        if (!memcmp(record + at, "TBasket", 7)) {
            record[at + 4] = '\n';
            return;
        }
}

/* Every branch, and the other forms of those that have a tail; last a name with a line feed. */
int fuzz_seed(int i, made *out)
{
    static const struct {
        uint8_t branch, how;
    } more[] = {
        {MADE_ITEMS, MADE_SIZES},      {MADE_VECTOR, MADE_SIZES},    {MADE_CHARS, MADE_SIZES},
        {MADE_STRING, MADE_SIZES},     {MADE_ITEMS, MADE_GENERATED}, {MADE_VECTOR, MADE_GENERATED},
        {MADE_STRING, MADE_GENERATED}, {MADE_COUNT, MADE_PACKED},    {MADE_ITEMS, MADE_PACKED},
        {MADE_VECTOR, MADE_PACKED},
    };
    enum { MORE = sizeof more / sizeof *more };
    int branch = i, how = MADE_PLAIN;
    if (i > MADE_BRANCHES + MORE)
        return 0;
    if (i == MADE_BRANCHES + MORE) {
        branch = MADE_ITEMS;
    } else if (i >= MADE_BRANCHES) {
        branch = more[i - MADE_BRANCHES].branch;
        how = more[i - MADE_BRANCHES].how;
    }
    made_u8(out, (unsigned)(branch > MADE_LEAVES ? branch + 1 : branch)); /* MADE_LEAVES has two columns */
    made_u8(out, FIX);
    made_u8(out, MADE_ENTRIES);
    made_basket_record(out, branch, 200, (made_how)how);
    if (i == MADE_BRANCHES + MORE)
        break_class(out->data, out->n);
    return 1;
}
