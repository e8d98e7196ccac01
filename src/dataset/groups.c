/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks of whole groups of equal keys. The keys are read a piece at a time, ahead of the chunks that are handed out: through
 * chunks of our own, so that their blocks are shared with whoever reads the same columns; the pass is held back at the
 * chunk handed out last, which its owner is about to open.
 *
 * A row's keys side by side, as they lie in memory, are its tuple. A group begins where the tuple differs from that of the row
 * before. That it was not there before is found with a set of 128-bit hashes of the tuples, by open addressing.
 */
#include "dataset/partition.h"

#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_PIECE 4096
#define MOST_KEYS   16

typedef struct hash {
    uint64_t low, high; /* both 0: a free place */
} hash;

struct vcol__groups {
    int64_t ids[MOST_KEYS];
    vcol_type types[MOST_KEYS];
    int n;
    size_t width;           /* bytes of a tuple */
    unsigned char last[MOST_KEYS * 8], now[MOST_KEYS * 8];
    bool any;               /* `last` is that of row scanned - 1 */
    int64_t scanned;        /* entries before it are known */
    int64_t *starts;        /* where groups begin, behind the position and before `scanned`, from `used` on */
    int64_t n_starts, used, capacity;
    hash *seen;
    uint64_t n_seen, places; /* places: a power of two, or 0 */
    vcol__infile *held;      /* the pass is, at that row; or NULL */
    int64_t held_row;
    vcol_dataset *dataset;
    vcol_error failed;       /* the input has no such groups: said again to whoever asks again */
};

vcol_status vcol__groups_open(vcol_partition *p, const char *keys, struct vcol__groups **out, vcol_error *err)
{
    vcol_dataset *d = p->dataset;
    int64_t n, ids[MOST_KEYS];
    vcol_status status = vcol_dataset_match(d, keys, ids, MOST_KEYS, &n, err);
    if (status != VCOL_OK)
        return status;
    if (n > MOST_KEYS)
        return vcol_error_format(err, VCOL_MISUSE, "groups have at most %d key columns", MOST_KEYS);
    struct vcol__groups *g = calloc(1, sizeof *g);
    if (!g)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for groups");
    for (int64_t i = 0; i < n && status == VCOL_OK; i++) {
        const vcol__column_def *c = &d->columns[ids[i]];
        if (c->schema->status != VCOL_OK)
            status = vcol_error_format(err, c->schema->status, "%s: key column '%s': %s", d->files[0].where, c->schema->path,
                                       c->schema->note ? c->schema->note : "cannot be read");
        else if (c->schema->levels > 0 || c->nullable || vcol_type_width(c->schema->type) == 0)
            status = vcol_error_format(err, VCOL_TYPE, "%s: key column '%s' is %s, not one number an entry", d->files[0].where,
                                       c->schema->path, c->shape ? c->shape : c->schema->shape);
        g->ids[i] = ids[i];
        g->types[i] = c->schema->type;
        g->width += vcol_type_width(c->schema->type);
    }
    g->n = (int)n;
    g->scanned = p->first;
    g->dataset = d;
    if (status != VCOL_OK)
        free(g);
    else
        *out = g;
    return status;
}

static void hold(struct vcol__groups *g, vcol__infile *t, int64_t row)
{
    vcol__infile *before = g->held;
    int64_t row_before = g->held_row;
    if (t)
        vcol__pass_enter(&t->pass, row);
    g->held = t;
    g->held_row = row;
    if (before)
        vcol__pass_leave(&before->pass, row_before, row_before);
}

void vcol__groups_close(struct vcol__groups *g)
{
    if (!g)
        return;
    hold(g, NULL, 0);
    vcol__dataset_end_pass(g->dataset); /* what our chunks left for those to come */
    vcol__account_fix(g->dataset->manager, -(int64_t)(g->places * sizeof *g->seen));
    free(g->seen);
    free(g->starts);
    free(g);
}

/* ---- keys ------------------------------------------------------------------------------------------- */

static void write_value(char *out, size_t size, vcol_type type, const unsigned char *at)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v;
    memcpy(&v, at, vcol_type_width(type));
    switch (type) {
    case VCOL_I8: snprintf(out, size, "%d", v.i8); break;
    case VCOL_I16: snprintf(out, size, "%d", v.i16); break;
    case VCOL_U16: snprintf(out, size, "%u", v.u16); break;
    case VCOL_I32: snprintf(out, size, "%ld", (long)v.i32); break;
    case VCOL_U32: snprintf(out, size, "%lu", (unsigned long)v.u32); break;
    case VCOL_I64: snprintf(out, size, "%lld", (long long)v.i64); break;
    case VCOL_U64: snprintf(out, size, "%llu", (unsigned long long)v.u64); break;
    case VCOL_F32: snprintf(out, size, "%.9g", (double)v.f32); break;
    case VCOL_F64: snprintf(out, size, "%.17g", v.f64); break;
    default: snprintf(out, size, "%u", v.u8); break;
    }
}

/* "run 5, event 3" */
static void write_tuple(const vcol_partition *p, const unsigned char *tuple, char *out, size_t size)
{
    const struct vcol__groups *g = p->groups;
    size_t at = 0, used = 0;
    out[0] = 0;
    for (int i = 0; i < g->n && used < size; i++) {
        char value[40];
        write_value(value, sizeof value, g->types[i], tuple + at);
        at += vcol_type_width(g->types[i]);
        int n = snprintf(out + used, size - used, "%s%s %s", i ? ", " : "", p->dataset->columns[g->ids[i]].schema->path, value);
        used += n > 0 ? (size_t)n : 0;
    }
}

#define COMPARE(member)                                                                                                \
    do {                                                                                                               \
        member x, y;                                                                                                   \
        memcpy(&x, a, sizeof x);                                                                                       \
        memcpy(&y, b, sizeof y);                                                                                       \
        return (x > y) - (x < y);                                                                                      \
    } while (0)

static int compare_value(vcol_type type, const unsigned char *a, const unsigned char *b)
{
    switch (type) {
    case VCOL_I8: COMPARE(int8_t);
    case VCOL_I16: COMPARE(int16_t);
    case VCOL_U16: COMPARE(uint16_t);
    case VCOL_I32: COMPARE(int32_t);
    case VCOL_U32: COMPARE(uint32_t);
    case VCOL_I64: COMPARE(int64_t);
    case VCOL_U64: COMPARE(uint64_t);
    case VCOL_F32: COMPARE(float);
    case VCOL_F64: COMPARE(double);
    default: COMPARE(uint8_t);
    }
}

static int compare(const struct vcol__groups *g, const unsigned char *a, const unsigned char *b)
{
    size_t at = 0;
    int order = 0;
    for (int i = 0; i < g->n && !order; i++) {
        order = compare_value(g->types[i], a + at, b + at);
        at += vcol_type_width(g->types[i]);
    }
    return order;
}

/* ---- what was there before ---------------------------------------------------------------------------- */

static vcol_status grow_seen(struct vcol__groups *g, vcol_error *err)
{
    uint64_t places = g->places ? 2 * g->places : 1024;
    hash *more = calloc(places, sizeof *more);
    if (!more)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to tell %llu groups apart", (unsigned long long)places);
    vcol__account_fix(g->dataset->manager, (int64_t)((places - g->places) * sizeof *more));
    for (uint64_t i = 0; i < g->places; i++) {
        uint64_t at = g->seen[i].low & (places - 1);
        if (!g->seen[i].low && !g->seen[i].high)
            continue;
        while (more[at].low || more[at].high)
            at = (at + 1) & (places - 1);
        more[at] = g->seen[i];
    }
    free(g->seen);
    g->seen = more;
    g->places = places;
    return VCOL_OK;
}

/* Adds the tuple `now`; *again if it was there. */
static vcol_status remember(struct vcol__groups *g, bool *again, vcol_error *err)
{
    hash h;
    if (2 * g->n_seen >= g->places && grow_seen(g, err) != VCOL_OK)
        return VCOL_NOMEM;
    vcol__hash_128(g->now, g->width, &h.low, &h.high);
    h.high |= !h.low && !h.high; /* not that of a free place */
    uint64_t at = h.low & (g->places - 1);
    while ((g->seen[at].low || g->seen[at].high) && (g->seen[at].low != h.low || g->seen[at].high != h.high))
        at = (at + 1) & (g->places - 1);
    *again = g->seen[at].low || g->seen[at].high;
    g->n_seen += !*again;
    g->seen[at] = h;
    return VCOL_OK;
}

/* ---- scanning ----------------------------------------------------------------------------------------- */

/* A group begins at an entry: it is held against those before. */
static vcol_status begins(vcol_partition *p, const vcol__infile *t, int64_t entry, vcol_error *err)
{
    struct vcol__groups *g = p->groups;
    char tuple[200];
    bool bad = false;
    if (p->flags & VCOL_CHUNK_SORTED) {
        bad = g->any && compare(g, g->last, g->now) > 0;
    } else {
        vcol_status status = remember(g, &bad, err);
        if (status != VCOL_OK)
            return status;
    }
    if (bad) {
        write_tuple(p, g->now, tuple, sizeof tuple);
        return vcol_error_format(err, VCOL_CORRUPT, p->flags & VCOL_CHUNK_SORTED
                                                        ? "%s: entry %lld (%s) is less than the one before: the input is not sorted"
                                                        : "%s: entry %lld (%s) belongs to a group that had ended: the input is not clustered",
                                 t->where, (long long)entry, tuple);
    }
    if (g->n_starts == g->capacity) {
        int64_t kept = g->n_starts - g->used, capacity = 2 * kept + 1024;
        int64_t *more = malloc((size_t)capacity * sizeof *more);
        if (!more)
            return vcol_error_format(err, VCOL_NOMEM, "no memory for groups");
        if (kept)
            memcpy(more, g->starts + g->used, (size_t)kept * sizeof *more);
        free(g->starts);
        g->starts = more;
        g->capacity = capacity;
        g->n_starts = kept;
        g->used = 0;
    }
    g->starts[g->n_starts++] = entry;
    return VCOL_OK;
}

/* Reads the keys of the next entries of a file: a piece. */
static vcol_status scan(vcol_partition *p, vcol_error *err)
{
    struct vcol__groups *g = p->groups;
    const vcol__infile *t = &p->dataset->files[vcol__dataset_file_of(p->dataset, g->scanned)];
    int64_t end = t->first + t->entries, first = g->scanned, n;
    vcol_view views[MOST_KEYS];
    vcol_chunk *c;
    end = end < p->end ? end : p->end;
    n = p->entries > LEAST_PIECE ? p->entries : LEAST_PIECE;
    n = n < end - first ? n : end - first;
    vcol_status status = vcol__chunk_open(p->dataset, first, n, &c, err);
    if (status != VCOL_OK)
        return status;
    for (int k = 0; k < g->n && status == VCOL_OK; k++)
        status = vcol_chunk_get(c, g->ids[k], &views[k], err);
    bool here = status == VCOL_OK;
    for (int64_t i = 0; i < n && status == VCOL_OK; i++) {
        size_t at = 0;
        for (int k = 0; k < g->n; k++) {
            size_t width = vcol_type_width(g->types[k]);
            memcpy(g->now + at, (const char *)views[k].values + (size_t)i * width, width);
            at += width;
        }
        bool same = g->any && memcmp(g->now, g->last, g->width) == 0;
        if (same && i == 0 && first == t->first) {
            char tuple[200];
            write_tuple(p, g->now, tuple, sizeof tuple);
            status = vcol_error_format(&g->failed, VCOL_UNSUPPORTED,
                                       "%s: the group of %s goes on from the file before, and a chunk never crosses a file",
                                       t->where, tuple);
        } else if (!same) {
            status = begins(p, t, first + i, &g->failed);
            memcpy(g->last, g->now, g->width);
            g->any = true;
        }
    }
    vcol_chunk_close(c);
    if (status == VCOL_OK)
        g->scanned = first + n;
    else if (here && err)
        *err = g->failed;
    return status;
}

/* Where the chunk should end: at the last group's end not behind it, or (parts) the first one not before it. */
static int64_t target_of(vcol_partition *p)
{
    if (!p->parts)
        return p->position + (p->entries < p->end - p->position ? p->entries : p->end - p->position);
    while (p->part < p->parts && vcol__partition_cut(p, p->part) <= p->position)
        p->part++;
    return p->part < p->parts ? vcol__partition_cut(p, p->part) : p->end;
}

vcol_status vcol__groups_end(vcol_partition *p, int64_t *end, vcol_error *err)
{
    struct vcol__groups *g = p->groups;
    vcol__infile *t = &p->dataset->files[vcol__dataset_file_of(p->dataset, p->position)];
    int64_t file_end = t->first + t->entries, last = file_end < p->end ? file_end : p->end, target = target_of(p), found = -1;
    vcol_status status = (vcol_status)g->failed.status;
    if (status != VCOL_OK && err)
        *err = g->failed;
    hold(g, t, p->position - t->first);
    while (status == VCOL_OK && found < 0) {
        while (g->used < g->n_starts && g->starts[g->used] <= p->position)
            g->used++;
        for (int64_t i = g->used; i < g->n_starts && g->starts[i] <= last; i++) {
            if (p->parts ? g->starts[i] >= target : found < 0 || g->starts[i] <= target) {
                found = g->starts[i];
                if (p->parts)
                    break;
            }
        }
        bool all = g->scanned >= last; /* is known of this file */
        if (!p->parts && found >= 0 && g->scanned <= target && !all)
            found = -1; /* a later one may fit too */
        if (all && (found < 0 || (!p->parts && last <= target)))
            found = last;
        if (found < 0)
            status = scan(p, err);
    }
    if (status == VCOL_OK && found == file_end && found < p->end && g->scanned == found)
        status = scan(p, err); /* that its last group ends with the file */
    *end = found;
    return status;
}
