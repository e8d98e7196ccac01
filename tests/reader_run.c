/* SPDX-License-Identifier: BSD-3-Clause */
/* A small serial runtime for tests of readers: see reader_run.h. */
#include "reader_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POISON = 0xa5, MAX_LEAVES = 8 };
#define MAX_BYTES ((uint64_t)1 << 28) /* of an array: what a lying file may make us allocate */

struct vcol_block_sink {
    vcol_block *blocks;
    int64_t n, capacity;
};

/* Ours, in place of the runtime's: the library's object with the other one is then not linked. */
vcol_status vcol_block_push(vcol_block_sink *sink, const vcol_block *block, vcol_error *err)
{
    (void)err;
    if (sink->n == sink->capacity) {
        sink->capacity = sink->capacity * 2 + 16;
        sink->blocks = realloc(sink->blocks, (size_t)sink->capacity * sizeof *sink->blocks);
    }
    sink->blocks[sink->n++] = *block;
    return VCOL_OK;
}

static vcol_status open_source(run_file *f, vcol_status status, vcol_error *err)
{
    f->reader = vcol_reader_root();
    if (!status)
        status = vcol_worker_open(NULL, &f->worker, err);
    if (!status)
        status = f->reader->open(f->source, NULL, f->worker, &f->file, err);
    if (status)
        run_close(f);
    return status;
}

vcol_status run_open(run_file *f, const char *path, vcol_error *err)
{
    *f = (run_file){0};
    return open_source(f, vcol_source_open_file(path, &f->source, err), err);
}

vcol_status run_open_memory(run_file *f, const void *data, size_t n, vcol_error *err)
{
    *f = (run_file){0};
    return open_source(f, vcol_source_open_memory(data, n, "memory", &f->source, err), err);
}

void run_close(run_file *f)
{
    if (f->file)
        f->reader->close(f->file);
    vcol_worker_close(f->worker);
    vcol_source_release(f->source);
    *f = (run_file){0};
}

/* The leaves of a group over some rows. */
typedef struct loaded {
    void *leaf[MAX_LEAVES]; /* of offsets with the leading 0 */
    int64_t n[MAX_LEAVES];  /* values, or lists */
} loaded;

typedef struct held {
    vcol_block block;
    uint8_t *stored, *plain;
    int64_t lo, hi, items;
    int whole;
} held;

static void free_loaded(loaded *l)
{
    for (int i = 0; i < MAX_LEAVES; i++)
        free(l->leaf[i]);
    *l = (loaded){0};
}

static vcol_status load(run_file *f, void *object, int32_t group, int64_t first, int64_t count, loaded *out,
                        vcol_error *err);

static int64_t count_at(const void *data, vcol_type type, int64_t i)
{
    switch (type) {
    case VCOL_I8:
        return ((const int8_t *)data)[i];
    case VCOL_BOOL:
    case VCOL_U8:
        return ((const uint8_t *)data)[i];
    case VCOL_I16:
        return ((const int16_t *)data)[i];
    case VCOL_U16:
        return ((const uint16_t *)data)[i];
    case VCOL_I32:
        return ((const int32_t *)data)[i];
    case VCOL_U32:
        return ((const uint32_t *)data)[i];
    case VCOL_I64:
    case VCOL_U64:
        return ((const int64_t *)data)[i];
    default:
        return -1;
    }
}

static vcol_status load_counts(run_file *f, void *object, int32_t group, int64_t first, int64_t count,
                               loaded *out, vcol_error *err)
{
    const vcol_group *g = &f->reader->schema(object)->groups[group], *counts = g;
    loaded values = {0};
    vcol_status status = load(f, object, g->depends, first, count, &values, err);
    int64_t *offsets, sum = 0;
    counts = &f->reader->schema(object)->groups[g->depends];
    if (status) {
        free_loaded(&values);
        return status;
    }
    offsets = calloc((size_t)count + 1, sizeof *offsets);
    for (int64_t i = 0; i < count && !status; i++) {
        int64_t n = count_at(values.leaf[0], counts->leaves[0].type, i);
        if (n < 0 || __builtin_add_overflow(sum, n, &sum) || sum > (int64_t)1 << 40)
            status = vcol_error_format(err, VCOL_CORRUPT, "%s: %lld items in entry %lld", g->name,
                                       (long long)n, (long long)(first + i));
        offsets[i + 1] = sum;
    }
    free_loaded(&values);
    out->leaf[0] = offsets;
    out->n[0] = count;
    return status;
}

static vcol_status get_plain(run_file *f, void *object, int32_t group, held *h, vcol_error *err)
{
    vcol_block *b = &h->block;
    const void *stored = b->memory;
    vcol_status status = VCOL_OK;
    size_t want;
    if (!stored) {
        vcol_range range = {b->offset, b->stored, NULL};
        range.data = h->stored = malloc(b->stored ? b->stored : 1);
        stored = h->stored;
        status = vcol_source_read(f->source, &range, 1, err);
    }
    if (!status && !(b->flags & VCOL_BLOCK_INSPECTED))
        status = f->reader->inspect(object, group, b, stored, NULL, err);
    if (status)
        return status;
    if (b->unpacked > MAX_BYTES)
        return vcol_error_format(err, VCOL_CORRUPT, "a block of %llu bytes", (unsigned long long)b->unpacked);
    h->plain = malloc(b->unpacked ? b->unpacked : 1);
    want = h->whole && b->content && b->content < b->unpacked ? b->content : b->unpacked;
    if (b->flags & VCOL_BLOCK_AS_IS) {
        if (b->skip_stored + b->unpacked > b->stored)
            return vcol_error_format(err, VCOL_CORRUPT, "plain bytes outside the stored ones");
        memcpy(h->plain, (const uint8_t *)stored + b->skip_stored, b->unpacked);
    } else {
        status = f->reader->unpack(object, b, stored, h->plain, want, f->worker, err);
    }
    memset(h->plain + want, POISON, b->unpacked - want);
    return status;
}

static vcol_status decode_one(run_file *f, void *object, int32_t group, held *h, const vcol_deps *deps,
                              int64_t *before, int64_t first, loaded *out, vcol_error *err)
{
    const vcol_group *g = &f->reader->schema(object)->groups[group];
    vcol_part parts[MAX_LEAVES];
    vcol_deps own = deps ? *deps : (vcol_deps){0};
    loaded counts = {0};
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < g->n_leaves; l++) {
        const vcol_leaf *leaf = &g->leaves[l];
        int64_t domain_items = leaf->domain ? h->items : h->hi - h->lo;
        int64_t at = leaf->domain ? *before : h->lo - first;
        size_t width =
            leaf->role == VCOL_LEAF_OFFSETS ? 8 : vcol_type_width(leaf->type) * (size_t)leaf->multiple;
        parts[l] = (vcol_part){.leaf = l, .skip = h->lo - h->block.first_entry, .count = h->hi - h->lo};
        parts[l].items = domain_items;
        parts[l].size = (size_t)domain_items * width;
        if (leaf->role == VCOL_LEAF_OFFSETS) {
            parts[l].base = *before;
            at++;
        } else {
            parts[l].base = h->lo == h->block.first_entry ? 0 : -1; /* not known: from the tail, or deps */
        }
        parts[l].dst = (char *)out->leaf[l] + (size_t)at * width;
    }
    if (deps) {
        int64_t from = h->lo;
        if (h->block.flags & VCOL_BLOCK_FROM_START && h->lo > h->block.first_entry) {
            from = h->block.first_entry;
            status = load_counts(f, object, g->depends, from, h->hi - from, &counts, err);
            own.offsets = counts.leaf[0];
        } else {
            own.offsets += h->lo - first;
        }
        own.first = from;
        own.count = h->hi - from;
    }
    if (!status)
        status = f->reader->decode(object, group, &h->block, h->plain, h->whole, NULL, deps ? &own : NULL,
                                   parts, g->n_leaves, f->worker, err);
    free_loaded(&counts);
    *before += h->items;
    return status;
}

static vcol_status load(run_file *f, void *object, int32_t group, int64_t first, int64_t count, loaded *out,
                        vcol_error *err)
{
    const vcol_group *g = &f->reader->schema(object)->groups[group];
    vcol_block_sink sink = {0};
    loaded counts = {0};
    vcol_deps deps = {0};
    held *blocks = NULL;
    vcol_status status = VCOL_OK;
    int64_t items = 0, before = 0, rows = 0;
    if (g->n_leaves > MAX_LEAVES)
        return vcol_error_format(err, VCOL_MISUSE, "%s: %d leaves", g->name, g->n_leaves);
    if (g->kind == VCOL_GROUP_COUNTS)
        return load_counts(f, object, group, first, count, out, err);
    if (g->depends >= 0) {
        status = load(f, object, g->depends, first, count, &counts, err);
        deps = (vcol_deps){.offsets = counts.leaf[0], .first = first, .count = count};
    }
    if (!status)
        status = f->reader->plan(object, group, first, count, NULL, &sink, err);
    blocks = calloc((size_t)sink.n + 1, sizeof *blocks);
    for (int64_t i = 0; i < sink.n && !status; i++) {
        held *h = &blocks[i];
        int64_t end = sink.blocks[i].first_entry + sink.blocks[i].entries;
        h->block = sink.blocks[i];
        h->lo = h->block.first_entry > first ? h->block.first_entry : first;
        h->hi = end < first + count ? end : first + count;
        h->whole = h->lo == h->block.first_entry && h->hi == end;
        rows += h->hi - h->lo;
        status = get_plain(f, object, group, h, err);
        if (status)
            break;
        h->items = h->hi - h->lo;
        if (deps.offsets) {
            h->items = deps.offsets[h->hi - first] - deps.offsets[h->lo - first];
        } else if (g->flags & VCOL_GROUP_MEASURED) {
            int64_t got = 0, depth[VCOL_MAX_LEVELS];
            status = f->reader->measure(object, group, &h->block, h->plain, NULL, NULL,
                                        h->whole ? 0 : h->lo - h->block.first_entry,
                                        h->whole ? -1 : h->hi - h->lo, &got, depth, err);
            h->items = depth[0];
            if (!status && got != h->hi - h->lo)
                status = vcol_error_format(err, VCOL_CORRUPT, "measured %lld rows", (long long)got);
        }
        items += h->items;
        if (items < 0 || items > (int64_t)MAX_BYTES)
            status = vcol_error_format(err, VCOL_CORRUPT, "%lld items", (long long)items);
    }
    if (!status && rows != count)
        status = vcol_error_format(err, VCOL_CORRUPT, "the plan has %lld of %lld rows", (long long)rows,
                                   (long long)count);
    for (int32_t l = 0; l < g->n_leaves && !status; l++) {
        const vcol_leaf *leaf = &g->leaves[l];
        int64_t n = leaf->domain ? items : count;
        uint64_t bytes =
            (uint64_t)n * (uint64_t)leaf->multiple * (leaf->role ? 8 : vcol_type_width(leaf->type)) + 8;
        if (bytes > MAX_BYTES)
            status =
                vcol_error_format(err, VCOL_CORRUPT, "%s: %llu bytes", g->name, (unsigned long long)bytes);
        else
            out->leaf[l] = calloc(1, bytes);
        out->n[l] = n * leaf->multiple;
    }
    for (int64_t i = 0; i < sink.n && !status; i++)
        status =
            decode_one(f, object, group, &blocks[i], deps.offsets ? &deps : NULL, &before, first, out, err);
    for (int64_t i = 0; i < sink.n; i++) {
        free(blocks[i].stored);
        free(blocks[i].plain);
    }
    free(blocks);
    free(sink.blocks);
    free_loaded(&counts);
    return status;
}

static void append(void **to, size_t have, const void *from, size_t n)
{
    *to = realloc(*to, have + n + 1);
    if (n)
        memcpy((char *)*to + have, from, n);
}

vcol_status run_read(run_file *f, void *object, const vcol_schema_column *c, int64_t step, run_column *out,
                     vcol_error *err)
{
    size_t width = vcol_type_width(c->type);
    vcol_status status = VCOL_OK;
    *out = (run_column){0};
    out->offsets = calloc(1, sizeof *out->offsets);
    if (c->entries > (int64_t)MAX_BYTES)
        return vcol_error_format(err, VCOL_CORRUPT, "%lld entries", (long long)c->entries);
    if (!step)
        step = c->entries;
    for (int64_t at = 0; at < c->entries && !status; at += step) {
        int64_t n = step < c->entries - at ? step : c->entries - at;
        loaded values = {0}, lists = {0};
        const int64_t *offsets = NULL;
        int list = c->levels && c->level[0].kind == VCOL_LEVEL_LIST;
        status = load(f, object, c->values.group, at, n, &values, err);
        if (!status && list && c->level[0].ref.group != c->values.group) {
            status = load(f, object, c->level[0].ref.group, at, n, &lists, err);
            offsets = lists.leaf[c->level[0].ref.leaf];
        } else if (list) {
            offsets = values.leaf[c->level[0].ref.leaf];
        }
        if (!status && offsets) {
            int64_t base = out->offsets[out->lists];
            out->offsets = realloc(out->offsets, (size_t)(out->lists + n + 1) * 8);
            for (int64_t i = 1; i <= n; i++)
                out->offsets[out->lists + i] = base + offsets[i];
            out->lists += n;
        }
        if (!status) {
            int64_t more = values.n[c->values.leaf];
            append(&out->data, (size_t)out->values * width, values.leaf[c->values.leaf],
                   (size_t)more * width);
            out->values += more;
        }
        free_loaded(&values);
        free_loaded(&lists);
    }
    return status;
}

void run_column_free(run_column *c)
{
    free(c->offsets);
    free(c->data);
    *c = (run_column){0};
}
