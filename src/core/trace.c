/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recording of a trace: vcol/trace.h. trace_file.c writes the file.
 *
 * Records are claimed by number, each by one thread, which publishes it when it is complete: no lock, so that a span may
 * end under any. The first `capacity` are kept: what a thread has begun is never overwritten, and what was dropped is one
 * number. A thread finds its row by its number in a small table, so that nothing here is global or of a thread's own. Where the
 * system gives the number of a thread that has ended to a new one, that one goes on in the row, under the old name.
 *
 *   record    NONE ──(claim: next + 1)──▶ its thread's ──(kind, release)──▶ const
 *   thread    0 ──(compare and swap)──▶ id ──(named, release)──▶ const, but for its open spans
 */
#define _GNU_SOURCE
#include "core/trace.h"

#include "core/manager.h"

#include <vcol/trace.h>

#include <string.h>
#include <time.h>

static int64_t monotonic(void *opaque)
{
    struct timespec now;
    (void)opaque;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t vcol__clock(const vcol_manager *m)
{
    return m->clock ? m->clock(m->clock_opaque) : monotonic(NULL);
}

void vcol__clock_set(vcol_manager *m, int64_t (*clock)(void *opaque), void *opaque)
{
    m->clock = clock;
    m->clock_opaque = opaque;
    if (m->trace)
        m->trace->origin = vcol__clock(m);
}

vcol_status vcol__trace_open(vcol_manager *m, int64_t events, vcol_error *err)
{
    vcol__trace *t = vcol__memory_new(m, sizeof *t);
    if (t) {
        t->records = vcol__memory_new(m, (size_t)events * sizeof *t->records);
        t->threads = vcol__memory_new(m, VCOL__TRACE_THREADS * sizeof *t->threads);
    }
    if (!t || !t->records || !t->threads) {
        if (t) {
            vcol__memory_delete(m, t->records, (size_t)events * sizeof *t->records);
            vcol__memory_delete(m, t->threads, VCOL__TRACE_THREADS * sizeof *t->threads);
            vcol__memory_delete(m, t, sizeof *t);
        }
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a trace of %lld events", (long long)events);
    }
    t->capacity = events;
    t->bytes = sizeof *t + (size_t)events * sizeof *t->records + VCOL__TRACE_THREADS * sizeof *t->threads;
    t->manager = m;
    t->origin = vcol__clock(m);
    vcol__account_fix(m, (int64_t)t->bytes);
    m->account.trace = m->trace = t;
    return VCOL_OK;
}

void vcol__trace_close(vcol_manager *m)
{
    vcol__trace *t = m->trace;
    if (!t)
        return;
    m->account.trace = m->trace = NULL;
    vcol__account_fix(m, -(int64_t)t->bytes);
    vcol__memory_delete(m, t->records, (size_t)t->capacity * sizeof *t->records);
    vcol__memory_delete(m, t->threads, VCOL__TRACE_THREADS * sizeof *t->threads);
    vcol__memory_delete(m, t, sizeof *t);
}

int32_t vcol__trace_thread_of(vcol__trace *t)
{
    int64_t id = vcol__wait_thread();
    for (int32_t i = 0; i < VCOL__TRACE_THREADS; i++) {
        int32_t row = (int32_t)((id + i) % VCOL__TRACE_THREADS);
        vcol__trace_thread *thread = &t->threads[row];
        /* Relaxed: only this thread stores this number, so it sees its own; of others' rows nothing is read. */
        int64_t there = atomic_load_explicit(&thread->id, memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong_explicit(&thread->id, &there, id, memory_order_relaxed,
                                                                  memory_order_relaxed)) {
            if (pthread_getname_np(pthread_self(), thread->name, sizeof thread->name) != 0)
                thread->name[0] = 0;
            atomic_store_explicit(&thread->named, true, memory_order_release);
            return row;
        }
        if (there == id)
            return row;
    }
    return -1;
}

/* A record for this thread; NULL, and counted, if there is none left. */
static vcol__trace_record *claim(vcol__trace *t)
{
    int64_t i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    if (i < t->capacity)
        return &t->records[i];
    atomic_fetch_sub_explicit(&t->next, 1, memory_order_relaxed); /* so that it never wraps */
    atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
    return NULL;
}

static void copy_name(char *out, const char *name)
{
    size_t n = name ? strnlen(name, VCOL__TRACE_NAME - 1) : 0;
    if (n)
        memcpy(out, name, n);
    out[n] = 0;
}

void vcol__trace_span(vcol__trace *t, vcol__trace_kind kind, int64_t start, const char *name,
                      const vcol__trace_about *about)
{
    int64_t end = vcol__clock(t->manager);
    int32_t row = vcol__trace_thread_of(t);
    vcol__trace_record *r = row >= 0 ? claim(t) : NULL;
    if (row < 0)
        atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
    if (!r)
        return;
    r->start = start;
    r->end = end;
    if (about)
        r->about = *about;
    r->thread = (uint16_t)row;
    copy_name(r->name, name);
    atomic_store_explicit(&r->kind, (uint16_t)kind, memory_order_release);
}

void vcol__trace_account(vcol__trace *t, const vcol__account *a)
{
    uint64_t now[5] = {a->live, a->promised, vcol__account_cached(a), a->fixed, a->limit};
    uint64_t step = (a->limit != UINT64_MAX ? a->limit : a->peak) / 256;
    bool changed = false;
    for (int i = 0; i < 5; i++) {
        uint64_t by = now[i] > t->last[i] ? now[i] - t->last[i] : t->last[i] - now[i];
        changed = changed || by > step || (by && !now[i]);
    }
    vcol__trace_record *r = changed ? claim(t) : NULL;
    if (!r)
        return;
    memcpy(t->last, now, sizeof now);
    memcpy(r->account, now, sizeof now);
    r->start = r->end = vcol__clock(t->manager);
    atomic_store_explicit(&r->kind, VCOL__TRACE_ACCOUNT, memory_order_release);
}

/* ---- the program's own spans ------------------------------------------------------------------ */

void vcol_trace_begin(vcol_manager *m, const char *name)
{
    if (!m || !VCOL__TRACING(m))
        return;
    vcol__trace *t = m->trace;
    int32_t row = vcol__trace_thread_of(t);
    if (row < 0) {
        atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
        return;
    }
    vcol__trace_thread *thread = &t->threads[row];
    int32_t depth = thread->depth++;
    if (depth >= VCOL__TRACE_DEPTH) {
        atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
        return;
    }
    vcol__trace_record *r = claim(t);
    thread->open[depth] = r ? r - t->records : -1;
    if (r) {
        r->thread = (uint16_t)row;
        copy_name(r->name, name);
        r->start = vcol__clock(m);
    }
}

void vcol_trace_end(vcol_manager *m)
{
    if (!m || !VCOL__TRACING(m))
        return;
    vcol__trace *t = m->trace;
    int32_t row = vcol__trace_thread_of(t);
    vcol__trace_thread *thread = row >= 0 ? &t->threads[row] : NULL;
    if (!thread || thread->depth == 0)
        return;
    int32_t depth = --thread->depth;
    if (depth < VCOL__TRACE_DEPTH && thread->open[depth] >= 0) {
        vcol__trace_record *r = &t->records[thread->open[depth]];
        r->end = vcol__clock(m);
        atomic_store_explicit(&r->kind, VCOL__TRACE_PROGRAM, memory_order_release);
    }
}
