/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One array of a friend's column in the order of the table's entries: of each entry the piece that belongs to its friend's.
 *
 * What an entry has is one piece of each array of its column, whatever the levels above: `span` finds it by going down from the
 * entry through the offsets. An entry that was not found has what the levels above the first list make of it: an empty list, or
 * as many zeros as a fixed array has.
 */
#include "dataset/match.h"

#include "core/load.h"

#include <string.h>

/* A level above the array. */
typedef struct step {
    vcol_level_kind kind;
    int64_t size; /* FIXED */
    vcol_leaf_ref ref;
    vcol_buffer *unit; /* while it is loaded: the offsets', pinned */
    const int64_t *offsets;
    int64_t n; /* of offsets */
} step;

typedef struct gather {
    vcol_buffer base;
    vcol__matched *of; /* referenced */
    vcol__gather_kind kind;
    size_t width; /* VALUES */
    vcol_leaf_ref array;
    int32_t levels;
    step level[VCOL_MAX_LEVELS];
} gather;

/* While it is loaded. */
typedef struct gathering {
    const gather *g;
    const int64_t *places; /* n of them */
    int64_t n, first;
    step level[VCOL_MAX_LEVELS];
    vcol_buffer *unit;
    int64_t have;   /* items of the array */
    int64_t absent; /* items that an entry has which was not found */
    int64_t total;  /* items that all have */
} gathering;

static vcol_status inconsistent(const gathering *x, int64_t i, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%.120s: %.120s: entry %lld of the friend has items that are not there",
                             vcol__matched_where(x->g->of), x->g->base.name, (long long)x->places[i]);
}

/* Which items of the array entry i has: [*start, *start + *n). False: their offsets contradict each other. */
static bool span(const gathering *x, int64_t i, int64_t *start, int64_t *n)
{
    int64_t at = x->places[i] - x->first, count = 1;
    *start = 0;
    *n = x->absent;
    if (x->places[i] < 0)
        return true;
    if (at < 0)
        return false;
    for (int32_t l = 0; l < x->g->levels; l++) {
        const step *s = &x->level[l];
        if (s->kind == VCOL_LEVEL_FIXED) {
            if (__builtin_mul_overflow(at, s->size, &at) || __builtin_mul_overflow(count, s->size, &count))
                return false;
        } else if (s->offsets) {
            if (count >= s->n || at >= s->n - count || s->offsets[at] < 0)
                return false;
            count = s->offsets[at + count] - s->offsets[at];
            at = s->offsets[at];
        }
        if (count < 0)
            return false;
    }
    *start = at;
    *n = count;
    return at <= x->have && count <= x->have - at;
}

/* Items of all entries. */
static vcol_status count_all(gathering *x, vcol_error *err)
{
    for (int64_t i = 0; i < x->n; i++) {
        int64_t start, n;
        if (!span(x, i, &start, &n))
            return inconsistent(x, i, err);
        if (__builtin_add_overflow(x->total, n, &x->total))
            return vcol_error_format(err, VCOL_RANGE, "%.120s: too many items", x->g->base.name);
    }
    return VCOL_OK;
}

static void copy_values(const gathering *x, char *out)
{
    const char *in = x->unit->leaf[x->g->array.leaf].data;
    size_t width = x->g->width;
    for (int64_t i = 0, start, n; i < x->n; i++) {
        span(x, i, &start, &n);
        size_t bytes = (size_t)n * width;
        if (bytes && x->places[i] >= 0)
            memcpy(out, in + (size_t)start * width, bytes);
        else if (bytes)
            memset(out, 0, bytes);
        out += bytes;
    }
}

static void copy_offsets(const gathering *x, int64_t *out)
{
    const int64_t *in = x->unit->leaf[x->g->array.leaf].data;
    int64_t end = 0;
    *out++ = 0;
    for (int64_t i = 0, start, n; i < x->n; i++) {
        span(x, i, &start, &n);
        for (int64_t k = start; k < start + n; k++) {
            end += x->places[i] >= 0 ? in[k + 1] - in[k] : 0;
            *out++ = end;
        }
    }
}

static void copy_tags(const gathering *x, int8_t *out)
{
    const int8_t *in = x->unit->leaf[x->g->array.leaf + 1].data;
    for (int64_t i = 0, start, n; i < x->n; i++) {
        span(x, i, &start, &n);
        for (int64_t k = start; k < start + n; k++)
            *out++ = x->places[i] >= 0 ? in[k] : 0;
    }
}

static void copy_bits(const gathering *x, uint8_t *out)
{
    const uint8_t *in = x->unit->leaf[x->g->array.leaf].data;
    int64_t to = 0;
    for (int64_t i = 0, start, n; i < x->n; i++) {
        span(x, i, &start, &n);
        for (int64_t k = start; k < start + n; k++, to++)
            if (x->places[i] >= 0)
                out[to / 8] |= (uint8_t)((in[k / 8] >> k % 8 & 1) << to % 8);
    }
}

static vcol_status take(vcol_buffer *b, vcol__load *load, int32_t leaf, int64_t count, size_t each, vcol_error *err)
{
    size_t size;
    if (__builtin_mul_overflow((size_t)count, each, &size) || size > SIZE_MAX / 2)
        return vcol_error_format(err, VCOL_RANGE, "%.120s: too many items", b->name);
    vcol_status status = vcol__load_reserve(load, vcol__memory_capacity(size), leaf > 0, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(b->manager, &load->grant, size, &b->leaf[leaf], err);
    b->count[leaf] = count;
    return status;
}

/* The friend's arrays, pinned: those of offsets above, then the array itself. */
static vcol_status pin_arrays(gathering *x, vcol_error *err)
{
    const gather *g = x->g;
    vcol_status status = VCOL_OK;
    x->absent = 1;
    for (int32_t l = 0; l < g->levels && status == VCOL_OK; l++) {
        step *s = &x->level[l];
        *s = g->level[l];
        if (s->kind == VCOL_LEVEL_FIXED && __builtin_mul_overflow(x->absent, s->size, &x->absent))
            return vcol_error_format(err, VCOL_RANGE, "%.120s: too many items", g->base.name);
        if (s->kind != VCOL_LEVEL_LIST && s->kind != VCOL_LEVEL_UNION)
            continue;
        x->absent = 0;
        status = vcol__matched_pin_unit(g->of, s->ref.group, &s->unit, err);
        if (status != VCOL_OK) {
            s->unit = NULL;
            break;
        }
        s->offsets = s->unit->leaf[s->ref.leaf].data;
        s->n = s->unit->count[s->ref.leaf];
    }
    if (status == VCOL_OK) {
        status = vcol__matched_pin_unit(g->of, g->array.group, &x->unit, err);
        if (status != VCOL_OK)
            x->unit = NULL;
    }
    if (status == VCOL_OK)
        x->have = x->unit->count[g->array.leaf] - (g->kind == VCOL__GATHER_OFFSETS || g->kind == VCOL__GATHER_PICKS);
    return status;
}

static void unpin_arrays(gathering *x)
{
    for (int32_t l = 0; l < x->g->levels; l++)
        if (x->level[l].unit)
            vcol__matched_unpin_unit(x->g->of, x->level[l].unit);
    if (x->unit)
        vcol__matched_unpin_unit(x->g->of, x->unit);
}

static vcol_status fill(gathering *x, vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    bool offsets = x->g->kind == VCOL__GATHER_OFFSETS || x->g->kind == VCOL__GATHER_PICKS;
    bool values = x->g->kind == VCOL__GATHER_VALUES;
    vcol_status status = count_all(x, err);
    int64_t each = values ? x->total : (x->total + 7) / 8;
    if (status == VCOL_OK)
        status = offsets ? take(b, load, 0, x->total + 1, sizeof(int64_t), err) : take(b, load, 0, each, values ? x->g->width : 1, err);
    if (status == VCOL_OK && x->g->kind == VCOL__GATHER_PICKS)
        status = take(b, load, 1, x->total, 1, err);
    if (status != VCOL_OK)
        return status;
    if (values)
        copy_values(x, b->leaf[0].data);
    else if (offsets)
        copy_offsets(x, b->leaf[0].data);
    else
        copy_bits(x, memset(b->leaf[0].data, 0, (size_t)each));
    if (x->g->kind == VCOL__GATHER_PICKS)
        copy_tags(x, b->leaf[1].data);
    b->count[0] = x->total + offsets;
    return VCOL_OK;
}

static vcol_status fill_found(const gathering *x, vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    size_t size = ((size_t)x->n + 7) / 8;
    vcol_status status = take(b, load, 0, (int64_t)size, 1, err);
    if (status != VCOL_OK)
        return status;
    uint8_t *out = memset(b->leaf[0].data, 0, size);
    for (int64_t i = 0; i < x->n; i++)
        out[i / 8] |= (uint8_t)((x->places[i] >= 0) << i % 8);
    b->count[0] = x->n;
    return VCOL_OK;
}

static vcol_status load_gathered(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    const gather *g = (const gather *)b;
    gathering x = {.g = g};
    vcol_status status = vcol__matched_pin(g->of, &x.places, &x.n, &x.first, err);
    if (status != VCOL_OK)
        return status;
    if (g->kind == VCOL__GATHER_FOUND) {
        status = fill_found(&x, b, load, err);
    } else {
        status = pin_arrays(&x, err);
        if (status == VCOL_OK)
            status = fill(&x, b, load, err);
        unpin_arrays(&x);
    }
    vcol__matched_unpin(g->of);
    return status;
}

static void destroy(vcol_buffer *b)
{
    gather *g = (gather *)b;
    vcol_manager *m = b->manager;
    vcol__matched_unref(g->of);
    vcol__memory_delete(m, g, sizeof *g);
}

static const vcol__buffer_ops gather_ops = {.load = load_gathered, .destroy = destroy};

vcol_status vcol__gather_create(vcol__matched *of, vcol__gather_kind kind, const vcol_schema_column *s, int32_t n, vcol_leaf_ref array,
                                vcol_buffer **out, vcol_error *err)
{
    vcol_manager *m = vcol__matched_manager(of);
    gather *g = vcol__memory_new(m, sizeof *g);
    *out = NULL;
    if (!g)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a friend's column");
    g->of = vcol__matched_ref(of);
    g->kind = kind;
    g->array = array;
    g->levels = n;
    for (int32_t l = 0; l < n; l++)
        g->level[l] = (step){.kind = s->level[l].kind, .size = s->level[l].size, .ref = s->level[l].ref};
    if (kind == VCOL__GATHER_VALUES)
        g->width = vcol_type_width(s->type);
    vcol__matched_init(of, &g->base, &gather_ops, vcol__matched_group_name(of, array.group));
    *out = &g->base;
    return VCOL_OK;
}
