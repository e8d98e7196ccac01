/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace_sum.c: adds a trace up. A row's spans nest; the time of a span without those inside it is its own, so that each instant of
 * a row belongs to one category. These stretches are made once, by a walk over the row with a stack, and everything about
 * time is a sum over them.
 */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

#define MOST_NESTED 256

/* A stretch of a row that belongs to one span. */
typedef struct stretch {
    int64_t start, end;
    int what;
} stretch;

typedef struct stretches {
    stretch *list;
    int64_t n;
} stretches;

static int by_row(const void *a_void, const void *b_void)
{
    const trace_span *a = a_void, *b = b_void;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->end > b->end ? -1 : a->end < b->end;
}

static void spend(trace_data *d, trace_sum *out, stretches *s, const trace_span *span, int64_t start, int64_t end)
{
    if (end <= start)
        return;
    d->threads[span->thread].spent[span->what] += end - start;
    out->spent[span->what] += end - start;
    if (span->what == TRACE_WAIT)
        out->waited[span->wait] += end - start;
    s->list[s->n++] = (stretch){start, end, span->what};
}

/* The rows, one after the other. A span that reaches beyond the one around it ends with that. */
static void walk(trace_data *d, trace_sum *out, stretches *s)
{
    struct {
        const trace_span *span;
        int64_t end;
    } open[MOST_NESTED];
    int depth = 0;
    int64_t at = 0;
    for (int64_t i = 0; i <= d->n_spans; i++) {
        const trace_span *span = i < d->n_spans ? &d->spans[i] : NULL;
        int other = !span || (depth > 0 && open[0].span->thread != span->thread);
        while (depth > 0 && (other || open[depth - 1].end <= span->start)) {
            spend(d, out, s, open[depth - 1].span, at, open[depth - 1].end);
            at = open[--depth].end > at ? open[depth].end : at;
        }
        if (!span || depth == MOST_NESTED)
            continue;
        if (depth > 0)
            spend(d, out, s, open[depth - 1].span, at, span->start);
        at = span->start;
        open[depth].span = span;
        open[depth].end = depth > 0 && span->end > open[depth - 1].end ? open[depth - 1].end : span->end;
        depth++;
    }
}

static int by_start(const void *a_void, const void *b_void)
{
    const stretch *a = a_void, *b = b_void;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Sorts the stretches; those of computing are merged to the front: how many there are then. */
static int64_t merge_compute(stretches *s, stretch *merged, int64_t *total)
{
    int64_t n = 0;
    qsort(s->list, (size_t)s->n, sizeof *s->list, by_start);
    for (int64_t i = 0; i < s->n; i++) {
        const stretch *x = &s->list[i];
        if (x->what != TRACE_COMPUTE)
            continue;
        if (n > 0 && x->start <= merged[n - 1].end) {
            if (x->end > merged[n - 1].end)
                merged[n - 1].end = x->end;
        } else {
            merged[n++] = *x;
        }
    }
    *total = 0;
    for (int64_t i = 0; i < n; i++)
        *total += merged[i].end - merged[i].start;
    return n;
}

/* How much of [start, end) lies in the merged stretches. */
static int64_t covered(const stretch *merged, int64_t n, int64_t start, int64_t end)
{
    int64_t low = 0, high = n, sum = 0; /* the first that ends behind start */
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (merged[mid].end <= start)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < n && merged[low].start < end; low++)
        sum += (merged[low].end < end ? merged[low].end : end) - (merged[low].start > start ? merged[low].start : start);
    return sum;
}

static int is_work(int what)
{
    return what == TRACE_READ || what == TRACE_UNPACK || what == TRACE_DECODE || what == TRACE_GENERATE;
}

static int by_place(const void *a_void, const void *b_void)
{
    const trace_range *a = a_void, *b = b_void;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Bytes of the ranges beyond the first time that they were read. */
static uint64_t twice(trace_range *ranges, int64_t n)
{
    uint64_t surplus = 0, end = 0;
    qsort(ranges, (size_t)n, sizeof *ranges, by_place);
    for (int64_t i = 0; i < n; i++) {
        const trace_range *r = &ranges[i];
        uint64_t last;
        if (__builtin_add_overflow(r->offset, r->bytes, &last))
            continue;
        if (i == 0 || ranges[i - 1].file != r->file)
            end = 0;
        if (r->offset < end)
            surplus += (last < end ? last : end) - r->offset;
        end = last > end ? last : end;
    }
    return surplus;
}

static void count_blocks(trace_range *blocks, int64_t n, trace_sum *out)
{
    qsort(blocks, (size_t)n, sizeof *blocks, by_place);
    for (int64_t i = 0; i < n;) {
        int64_t first = i;
        while (i < n && by_place(&blocks[first], &blocks[i]) == 0)
            i++;
        out->blocks++;
        out->repeats += i - first - 1;
        out->blocks_repeated += i - first > 1;
    }
}

vcol_status trace_sum_up(trace_data *d, trace_sum *out, vcol_error *err)
{
    int64_t first = INT64_MAX, last = INT64_MIN, n, busy = 0, rows = 0;
    /* each span begins one stretch and ends one */
    stretches s = {malloc(((size_t)d->n_spans * 2 + 1) * sizeof *s.list), 0};
    stretch *merged = malloc(((size_t)d->n_spans * 2 + 1) * sizeof *merged);
    *out = (trace_sum){0};
    if (!s.list || !merged) {
        free(s.list);
        free(merged);
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    }
    for (int64_t t = 0; t < d->n_threads; t++)
        memset(d->threads[t].spent, 0, sizeof d->threads[t].spent);
    if (d->n_spans)
        qsort(d->spans, (size_t)d->n_spans, sizeof *d->spans, by_row);
    for (int64_t i = 0; i < d->n_spans; i++) {
        first = d->spans[i].start < first ? d->spans[i].start : first;
        last = d->spans[i].end > last ? d->spans[i].end : last;
        rows += i == 0 || d->spans[i].thread != d->spans[i - 1].thread;
        out->again += d->spans[i].again;
    }
    out->time = d->n_spans ? last - first : 0;
    if (__builtin_mul_overflow(out->time, rows, &out->idle)) {
        free(s.list);
        free(merged);
        return vcol_error_set(err, VCOL_CORRUPT, "the times of this trace are too far apart");
    }
    walk(d, out, &s);
    for (int what = 0; what < TRACE_WHATS; what++)
        busy += out->spent[what];
    out->idle -= busy;
    n = merge_compute(&s, merged, &out->computing);
    for (int64_t i = 0; i < s.n; i++) {
        if (!is_work(s.list[i].what))
            continue;
        out->work += s.list[i].end - s.list[i].start;
        out->work_overlapped += covered(merged, n, s.list[i].start, s.list[i].end);
    }
    if (d->n_reads)
        out->bytes_twice = twice(d->reads, d->n_reads);
    if (d->n_blocks)
        count_blocks(d->blocks, d->n_blocks, out);
    free(s.list);
    free(merged);
    return VCOL_OK;
}
