/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chunk loop: vcol/loop.h. A window of opened chunks: the one that the program has, and those ahead,
 * whose columns are in a prefetch scope (window.c).
 */
#include "dataset/report.h"
#include "dataset/window.h"

#include <vcol/loop.h>

#include <stdlib.h>
#include <string.h>

struct vcol_loop {
    vcol__window window;
    vcol_partition *partition;
    vcol__slot slots[VCOL__MOST_AHEAD + 1]; /* [0] is the program's */
    int32_t n;
    int64_t given;
    int64_t computing, thread; /* the program has a chunk since then (ns; a trace's), that thread */
    vcol__report report;
};

void vcol_loop_options_init(vcol_loop_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

/* The program's turn ends, if it is the same thread that began it: a row of a trace is one thread's. */
static void end_compute(vcol_loop *l)
{
    if (l->computing && l->thread == vcol__wait_thread())
        VCOL__TRACE_END(l->window.dataset->manager, VCOL__TRACE_COMPUTE, l->computing, "compute",
                        .first = l->slots[0].chunk->first);
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
    if (!d || !out || o.ahead < 0 || o.ahead > VCOL__MOST_AHEAD)
        return vcol_error_format(err, VCOL_MISUSE,
                                 "vcol_loop_open: a data set and a place are needed, and 0 to %d chunks are ahead",
                                 VCOL__MOST_AHEAD);
    vcol_partition_options po = {.struct_size = sizeof po, .flags = o.chunk_flags, .chunking = o.chunking, .entries = o.entries,
                                 .parts = o.parts, .first = o.first, .count = o.count, .keys = o.keys};
    vcol_partition *p;
    vcol_status status = vcol_partition_open(d, &po, &p, err);
    if (status != VCOL_OK)
        return status;
    vcol_loop *l = calloc(1, sizeof *l);
    if (!l)
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a loop");
    else
        status = vcol__window_open(&l->window, d, o.columns, o.plan, !(o.flags & VCOL_LOOP_NO_PREFETCH), o.ahead,
                                   vcol__partition_size(p), err);
    if (status != VCOL_OK) {
        vcol_partition_close(p);
        free(l);
        return status;
    }
    l->partition = p;
    vcol__report_begin(&l->report, d, p->end - p->first, o.progress, o.progress_opaque);
    *out = l;
    return VCOL_OK;
}

/* Opens the next chunk into the window. END if there is none. */
static vcol_status open_next(vcol_loop *l, vcol_error *err)
{
    int64_t first, count, before = l->partition->position;
    vcol_status status = vcol_partition_next(l->partition, &first, &count, err);
    if (status == VCOL_OK)
        status = vcol__window_chunk(&l->window, first, count, &l->slots[l->n], err);
    if (status == VCOL_OK)
        l->n++;
    else
        l->partition->position = before; /* it is tried again, when it is asked for */
    return status;
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
        int64_t done = l->slots[0].chunk->first + l->slots[0].chunk->count - l->partition->first;
        /* The pass moves on only after the next chunk is open: blocks that reach into it are kept. */
        vcol_status status = l->n > 1 ? VCOL_OK : open_next(l, err);
        vcol__slot_close(&l->slots[0]);
        vcol__window_report(&l->window, &l->report, done);
        memmove(&l->slots[0], &l->slots[1], (size_t)(--l->n) * sizeof l->slots[0]);
        if (status != VCOL_OK)
            return status;
    } else if (l->n == 0) {
        vcol_status status = l->given ? VCOL_END : open_next(l, err);
        if (status != VCOL_OK)
            return status;
    }
    l->given++;
    *out = l->slots[0].chunk;
    vcol__chunk_begins(*out);
    vcol__window_choose(&l->window);
    for (int32_t i = 0; i < l->n; i++)
        vcol__window_prefetch(&l->window, &l->slots[i]); /* what was learned since */
    while (l->n <= l->window.ahead && open_next(l, NULL) == VCOL_OK)
        vcol__window_prefetch(&l->window, &l->slots[l->n - 1]);
    if (VCOL__TRACING(l->window.dataset->manager)) {
        l->computing = vcol__clock(l->window.dataset->manager);
        l->thread = vcol__wait_thread();
    }
    return VCOL_OK;
}

void vcol__loop_declare(vcol_loop *l, int64_t id)
{
    vcol__window_declare(&l->window, id);
}

int64_t vcol_loop_chunks(const vcol_loop *l)
{
    return l->given;
}

int32_t vcol_loop_ahead(const vcol_loop *l)
{
    return l->window.ahead;
}

void vcol_loop_close(vcol_loop *l)
{
    if (!l)
        return;
    end_compute(l);
    while (l->n > 0)
        vcol__slot_close(&l->slots[--l->n]);
    vcol_partition_close(l->partition);
    vcol__window_close(&l->window);
    free(l);
}
