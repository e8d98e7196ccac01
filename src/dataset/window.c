/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What loops and runs share: chunks that are opened before they are used, so that the columns which were declared for the pass,
 * those of its plan and those touched in the chunks before (learned, in that order) are fetched ahead.
 */
#include "dataset/window.h"

#include <stdlib.h>
#include <string.h>

static void learn(int64_t id, void *opaque)
{
    vcol__window *w = opaque;
    vcol__lock_take(&w->lock);
    if (!w->known[id]) {
        w->known[id] = 1;
        w->columns[w->n_columns++] = id;
    }
    vcol__lock_drop(&w->lock);
}

/* Bytes as they are stored: two large reads, one of which is under way while the other is unpacked. */
#define AHEAD_BYTES (INT64_C(8) << 20)
/* Chunks that are ahead for it at most. */
#define AHEAD_SMALL 16

/*
 * Blocks come whole: while the program computes on one, the next is unpacked and the one behind it is read.
 * So the window reaches past two blocks of the column that has the largest (in entries); and where chunks are small, past what
 * keeps the source reading while one takes longer than others. What lies ahead in bytes is bounded by the lookahead.
 */
static void choose_ahead(vcol__window *w)
{
    const vcol_dataset *d = w->dataset;
    int64_t span = 0, stored;
    vcol__lock_take(&w->lock);
    w->chosen_for = w->n_columns;
    for (int64_t i = 0; i < w->n_columns; i++) {
        int64_t blocks = d->columns[w->columns[i]].blocks;
        if (blocks > 0 && d->files[0].entries / blocks > span)
            span = d->files[0].entries / blocks;
    }
    stored = (int64_t)vcol__report_total(d, w->columns, w->n_columns, w->entries);
    vcol__lock_drop(&w->lock);
    int64_t ahead = w->entries ? 2 * (span / w->entries) + 2 : 2;
    int64_t lookahead = atomic_load_explicit(&d->manager->queue.lookahead, memory_order_relaxed); /* of a limit that may move */
    int64_t small = stored > 0 ? (AHEAD_BYTES < lookahead ? AHEAD_BYTES : lookahead) / stored : 0;
    small = small < AHEAD_SMALL ? small : AHEAD_SMALL;
    ahead = ahead > small ? ahead : small;
    w->ahead = ahead < VCOL__MOST_AHEAD ? (int32_t)ahead : VCOL__MOST_AHEAD;
}

void vcol__window_choose(vcol__window *w)
{
    vcol__lock_take(&w->lock);
    bool choose = w->chosen && w->chosen_for != w->n_columns;
    vcol__lock_drop(&w->lock);
    if (choose)
        choose_ahead(w);
}

vcol_status vcol__window_open(vcol__window *w, vcol_dataset *d, const char *columns, vcol_plan *plan, bool prefetch,
                              int32_t ahead, int64_t entries, vcol_error *err)
{
    memset(w, 0, sizeof *w);
    w->dataset = d;
    w->entries = entries;
    vcol__lock_init(&w->lock, LEVEL_CHUNK);
    w->known = calloc((size_t)d->n_columns + 1, sizeof *w->known);
    w->columns = calloc((size_t)d->n_columns + 1, sizeof *w->columns);
    vcol_status status = VCOL_OK;
    if (!w->known || !w->columns)
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a loop");
    if (status == VCOL_OK)
        status = vcol_dataset_match(d, columns, w->columns, d->n_columns, &w->n_columns, err);
    for (int64_t i = 0; i < w->n_columns && status == VCOL_OK; i++)
        w->known[w->columns[i]] = 1;
    if (plan && status == VCOL_OK) {
        w->plan = plan;
        vcol_plan_acquire(plan);
        status = vcol__route_of(plan, d, NULL, &w->route, err);
        for (int64_t i = 0; status == VCOL_OK && i < w->route->n_order; i++)
            if (w->route->order[i] >= 0)
                learn(w->route->order[i], w);
    }
    if (status != VCOL_OK) {
        vcol__window_close(w);
        return status;
    }
    w->prefetch = prefetch && vcol__background(d->manager);
    if (w->prefetch) {
        w->ahead = ahead;
        w->chosen = !ahead;
        if (w->chosen)
            choose_ahead(w);
    }
    vcol__dataset_begin_pass(d);
    vcol__evict_now(d->manager, 0); /* what is known from now on is of this pass */
    return VCOL_OK;
}

void vcol__window_declare(vcol__window *w, int64_t id)
{
    learn(id, w);
}

void vcol__window_close(vcol__window *w)
{
    vcol__dataset_end_pass(w->dataset);
    vcol__lock_destroy(&w->lock);
    vcol__route_release(w->route);
    vcol_plan_release(w->plan);
    free((void *)w->known);
    free(w->columns);
}

/* A chunk follows the plan, as it is now. */
static vcol_status follow(vcol__window *w, vcol_chunk *c, vcol_error *err)
{
    vcol__route *route;
    if (!w->plan)
        return VCOL_OK;
    vcol_status status = vcol__route_of(w->plan, w->dataset, w->route, &route, err);
    if (status != VCOL_OK)
        return status;
    vcol__route_release(w->route);
    w->route = route;
    return vcol__steps_follow(c, w->plan, route, w->prefetch, err);
}

vcol_status vcol__window_chunk(vcol__window *w, int64_t first, int64_t count, vcol__slot *slot, vcol_error *err)
{
    vcol_chunk *c;
    vcol_status status = vcol__chunk_open(w->dataset, first, count, &c, err);
    if (status != VCOL_OK)
        return status;
    c->touched = learn;
    c->opaque = w;
    c->wanted = w->known;
    c->in_order = true;
    status = follow(w, c, err);
    if (status != VCOL_OK) {
        vcol_chunk_close(c);
        return status;
    }
    *slot = (vcol__slot){.chunk = c};
    return VCOL_OK;
}

/*
 * First the columns of the plan, in the order of their first use, then what was declared and learned beside it. A prefetch that
 * cannot begin is none: the values come when they are asked for.
 */
void vcol__window_prefetch(vcol__window *w, vcol__slot *s)
{
    if (w->ahead == 0)
        return;
    for (int32_t i = 0; i < s->n; i++)
        vcol__scope_refresh(s->scopes[i]);
    if (s->n == VCOL__MOST_SCOPES)
        return;
    int64_t planned = s->n == 0 && w->route ? w->route->n_order : 0;
    vcol__lock_take(&w->lock);
    int64_t n = w->n_columns - s->known;
    int64_t *keys = planned + n ? malloc((size_t)(planned + n) * sizeof *keys) : NULL;
    if (keys && planned)
        memcpy(keys, w->route->order, (size_t)planned * sizeof *keys);
    if (keys)
        memcpy(keys + planned, w->columns + s->known, (size_t)n * sizeof *keys);
    vcol__lock_drop(&w->lock);
    if (keys && vcol__chunk_prefetch(s->chunk, keys, planned + n, NULL, &s->scopes[s->n], NULL) == VCOL_OK) {
        s->n++;
        s->known += n;
    }
    free(keys);
}

void vcol__window_report(vcol__window *w, vcol__report *report, int64_t entries)
{
    if (!report->call)
        return;
    vcol__lock_take(&w->lock);
    uint64_t total = vcol__report_total(w->dataset, w->columns, w->n_columns, report->progress.entries_total);
    vcol__lock_drop(&w->lock);
    vcol__report_done(report, entries, total);
}

void vcol__slot_close(vcol__slot *s)
{
    while (s->n > 0)
        vcol_prefetch_end(s->scopes[--s->n]);
    vcol_chunk_close(s->chunk);
    s->chunk = NULL;
}
