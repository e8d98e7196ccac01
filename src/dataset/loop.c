/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chunk loop: vcol/loop.h. A window of opened chunks: the one that the program has, and those ahead,
 * whose declared and learned columns are in a prefetch scope. Learned is what the program touched in the
 * chunks before, in that order.
 */
#include "dataset/chunk.h"
#include "dataset/report.h"

#include <vcol/loop.h>

#include <stdlib.h>
#include <string.h>

#define DEFAULT_ENTRIES 100000
#define MOST_AHEAD      32
#define MOST_SCOPES                                                                                          \
    8 /* a chunk's: one a time that columns were learned while it was ahead; beyond, they come on demand */

typedef struct slot {
    vcol_chunk *chunk;
    vcol_prefetch *scopes[MOST_SCOPES];
    int32_t n;     /* scopes */
    int64_t known; /* columns in them: the first so many of the loop's */
} slot;

struct vcol_loop {
    vcol_dataset *dataset;
    uint32_t flags;
    int32_t chunking;
    int32_t ahead;                  /* chunks prefetched */
    bool chosen;                    /* by us: again when columns are learned */
    int64_t chosen_for;             /* n_columns then */
    int64_t entries, position, end; /* position: first entry of the next chunk to open */
    int64_t given;
    int64_t computing, thread; /* the program has a chunk since then (ns; a trace's), that thread */
    int64_t first;             /* entry of the pass's first chunk */
    vcol__report report;
    vcol_plan *plan;    /* referenced, or NULL */
    vcol__route *route; /* of the plan as it was when the last chunk was opened, referenced */
    slot window[MOST_AHEAD + 1]; /* [0] is the program's */
    int32_t n;
    vcol__lock lock;
    /* chunk lock: touched by getters of any thread */
    _Atomic bool *known;         /* by column: in `columns`; also read by the chunks, without the lock */
    int64_t *columns, n_columns; /* declared, then learned */
};

void vcol_loop_options_init(vcol_loop_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

static void learn(int64_t id, void *opaque)
{
    vcol_loop *l = opaque;
    vcol__lock_take(&l->lock);
    if (!l->known[id]) {
        l->known[id] = 1;
        l->columns[l->n_columns++] = id;
    }
    vcol__lock_drop(&l->lock);
}

/*
 * Blocks come whole: while the program computes on one, the next is unpacked and the one behind it is read.
 * So the window reaches past two blocks of the column that has the largest (in entries). What lies ahead in
 * bytes is bounded by the lookahead.
 */
static void choose_ahead(vcol_loop *l)
{
    const vcol_dataset *d = l->dataset;
    int64_t span = 0;
    vcol__lock_take(&l->lock);
    l->chosen_for = l->n_columns;
    for (int64_t i = 0; i < l->n_columns; i++) {
        int64_t blocks = d->columns[l->columns[i]].blocks;
        if (blocks > 0 && d->files[0].entries / blocks > span)
            span = d->files[0].entries / blocks;
    }
    vcol__lock_drop(&l->lock);
    int64_t ahead = l->chunking == VCOL_CHUNK_BY_ENTRIES ? 2 * (span / l->entries) + 2 : 2;
    l->ahead = ahead < MOST_AHEAD ? (int32_t)ahead : MOST_AHEAD;
}

/* So many entries of the pass are done. */
static void report(vcol_loop *l, int64_t entries)
{
    uint64_t total = 0;
    if (!l->report.call)
        return;
    vcol__lock_take(&l->lock);
    total = vcol__report_total(l->dataset, l->columns, l->n_columns, l->end - l->first);
    vcol__lock_drop(&l->lock);
    vcol__report_done(&l->report, entries, total);
}

/* The program's turn ends, if it is the same thread that began it: a row of a trace is one thread's. */
static void end_compute(vcol_loop *l)
{
    if (l->computing && l->thread == vcol__wait_thread())
        VCOL__TRACE_END(l->dataset->manager, VCOL__TRACE_COMPUTE, l->computing, "compute",
                        .first = l->window[0].chunk->first);
    l->computing = 0;
}

vcol_status vcol_loop_open(vcol_dataset *d, const vcol_loop_options *options, vcol_loop **out,
                           vcol_error *err)
{
    vcol_loop_options o = {0};
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!d || !out || o.entries < 0 || o.count < 0 || o.ahead < 0 || o.ahead > MOST_AHEAD || o.chunking < 0 ||
        o.chunking > VCOL_CHUNK_BY_FILE)
        return vcol_error_format(err, VCOL_MISUSE,
                                 "vcol_loop_open: no number is below 0, and at most %d chunks are ahead",
                                 MOST_AHEAD);
    if (o.first < 0 || o.first > d->entries || o.count > d->entries - o.first)
        return vcol_error_format(err, VCOL_RANGE, "%s: entries [%lld, %lld) of %lld", d->files[0].where,
                                 (long long)o.first, (long long)o.first + (long long)o.count,
                                 (long long)d->entries);
    vcol_loop *l = calloc(1, sizeof *l);
    if (l) {
        l->known = calloc((size_t)d->n_columns + 1, sizeof *l->known);
        l->columns = calloc((size_t)d->n_columns + 1, sizeof *l->columns);
    }
    if (!l || !l->known || !l->columns) {
        if (l) {
            free((void *)l->known);
            free(l->columns);
        }
        free(l);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a loop");
    }
    l->dataset = d;
    l->flags = o.flags;
    l->chunking = o.chunking;
    l->ahead = o.ahead;
    l->entries = o.entries ? o.entries : DEFAULT_ENTRIES;
    l->position = o.first;
    l->end = o.count ? o.first + o.count : d->entries;
    l->first = o.first;
    vcol__report_begin(&l->report, d, l->end - l->first, o.progress, o.progress_opaque);
    vcol__lock_init(&l->lock, LEVEL_CHUNK);
    vcol_status status = vcol_dataset_match(d, o.columns, l->columns, d->n_columns, &l->n_columns, err);
    if (status != VCOL_OK) {
        vcol_loop_close(l);
        return status;
    }
    for (int64_t i = 0; i < l->n_columns; i++)
        l->known[l->columns[i]] = 1;
    if (o.plan) {
        l->plan = o.plan;
        vcol_plan_acquire(o.plan);
        status = vcol__route_of(o.plan, d, NULL, &l->route, err);
        if (status != VCOL_OK) {
            vcol_loop_close(l);
            return status;
        }
        for (int64_t i = 0; i < l->route->n_order; i++)
            if (l->route->order[i] >= 0)
                learn(l->route->order[i], l);
    }
    if ((o.flags & VCOL_LOOP_NO_PREFETCH) || !vcol__background(d->manager))
        l->ahead = 0;
    else if (!o.ahead) {
        l->chosen = true;
        choose_ahead(l);
    }
    vcol__dataset_begin_pass(d);
    *out = l;
    return VCOL_OK;
}

/* Entries of the chunk that begins at `first`, at most to the end of its file and of the loop. */
static int64_t size_of(const vcol_loop *l, const vcol__infile *t, int64_t first)
{
    int64_t row = first - t->first, count = t->entries - row;
    if (l->chunking == VCOL_CHUNK_BY_ENTRIES && count > l->entries) {
        count = l->entries;
    } else if (l->chunking == VCOL_CHUNK_BY_CLUSTERS && t->schema->n_clusters > 0) {
        const int64_t *c = t->schema->clusters;
        int64_t low = 0, high = t->schema->n_clusters; /* the first boundary behind the row */
        while (low < high) {
            int64_t mid = (low + high) / 2;
            if (c[mid] <= row)
                low = mid + 1;
            else
                high = mid;
        }
        if (c[low] > row && c[low] - row < count) /* else behind the table's own end */
            count = c[low] - row;
    }
    return count < l->end - first ? count : l->end - first;
}

/* A chunk follows the loop's plan, as it is now. */
static vcol_status follow(vcol_loop *l, vcol_chunk *c, vcol_error *err)
{
    vcol__route *route;
    if (!l->plan)
        return VCOL_OK;
    vcol_status status = vcol__route_of(l->plan, l->dataset, l->route, &route, err);
    if (status != VCOL_OK)
        return status;
    vcol__route_release(l->route);
    l->route = route;
    return vcol__steps_follow(c, l->plan, route, l->ahead > 0, err);
}

/* Opens the next chunk into the window. END if there is none. */
static vcol_status open_next(vcol_loop *l, vcol_error *err)
{
    if (l->position >= l->end)
        return VCOL_END;
    int64_t f = vcol__dataset_file_of(l->dataset, l->position);
    int64_t count = size_of(l, &l->dataset->files[f], l->position);
    vcol_chunk *c;
    vcol_status status = vcol__chunk_open(l->dataset, l->position, count, &c, err);
    if (status != VCOL_OK)
        return status;
    c->touched = learn;
    c->opaque = l;
    c->wanted = l->known;
    status = follow(l, c, err);
    if (status != VCOL_OK) {
        vcol_chunk_close(c);
        return status;
    }
    l->position += count;
    l->window[l->n++] = (slot){.chunk = c};
    return VCOL_OK;
}

/*
 * Begins a scope of a chunk ahead, of the columns that are not in one yet: first those of the plan, in the order of their
 * first use, then what was declared and learned beside it. A prefetch that cannot begin is none: the values come when they
 * are asked for.
 */
static void prefetch(vcol_loop *l, slot *s)
{
    if (l->ahead == 0 || s->n == MOST_SCOPES)
        return;
    int64_t planned = s->n == 0 && l->route ? l->route->n_order : 0;
    vcol__lock_take(&l->lock);
    int64_t n = l->n_columns - s->known;
    int64_t *keys = planned + n ? malloc((size_t)(planned + n) * sizeof *keys) : NULL;
    if (keys && planned)
        memcpy(keys, l->route->order, (size_t)planned * sizeof *keys);
    if (keys)
        memcpy(keys + planned, l->columns + s->known, (size_t)n * sizeof *keys);
    vcol__lock_drop(&l->lock);
    if (keys && vcol__chunk_prefetch(s->chunk, keys, planned + n, NULL, &s->scopes[s->n], NULL) == VCOL_OK) {
        s->n++;
        s->known += n;
    }
    free(keys);
}

static void close_slot(slot *s)
{
    while (s->n > 0)
        vcol_prefetch_end(s->scopes[--s->n]);
    vcol_chunk_close(s->chunk);
    s->chunk = NULL;
}

vcol_status vcol_loop_next(vcol_loop *l, vcol_chunk **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!l || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_loop_next: a loop and a place are needed");
    end_compute(l);
    if (l->given > 0 && l->n > 0) {
        int64_t done = l->window[0].chunk->first + l->window[0].chunk->count - l->first;
        /* The pass moves on only after the next chunk is open: blocks that reach into it are kept. */
        vcol_status status = l->n > 1 ? VCOL_OK : open_next(l, err);
        close_slot(&l->window[0]);
        report(l, done);
        memmove(&l->window[0], &l->window[1], (size_t)(--l->n) * sizeof l->window[0]);
        if (status != VCOL_OK)
            return status;
    } else if (l->n == 0) {
        vcol_status status = l->given ? VCOL_END : open_next(l, err);
        if (status != VCOL_OK)
            return status;
    }
    l->given++;
    *out = l->window[0].chunk;
    vcol__lock_take(&l->lock);
    bool choose = l->chosen && l->chosen_for != l->n_columns;
    vcol__lock_drop(&l->lock);
    if (choose)
        choose_ahead(l);
    for (int32_t i = 0; i < l->n; i++)
        prefetch(l, &l->window[i]); /* what was learned since */
    while (l->n <= l->ahead && open_next(l, NULL) == VCOL_OK)
        prefetch(l, &l->window[l->n - 1]);
    if (VCOL__TRACING(l->dataset->manager)) {
        l->computing = vcol__clock(l->dataset->manager);
        l->thread = vcol__wait_thread();
    }
    return VCOL_OK;
}

int64_t vcol_loop_chunks(const vcol_loop *l)
{
    return l->given;
}

int32_t vcol_loop_ahead(const vcol_loop *l)
{
    return l->ahead;
}

void vcol_loop_close(vcol_loop *l)
{
    if (!l)
        return;
    end_compute(l);
    while (l->n > 0)
        close_slot(&l->window[--l->n]);
    for (int64_t f = 0; f < l->dataset->n_files; f++)
        vcol__pass_reset(&l->dataset->files[f].pass);
    vcol__lock_destroy(&l->lock);
    vcol__route_release(l->route);
    vcol_plan_release(l->plan);
    free((void *)l->known);
    free(l->columns);
    free(l);
}
