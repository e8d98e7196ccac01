/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prefetch scopes: vcol/prefetch.h. A scope is a list of buffers with the loads that it queued or found under way. It has
 * no threads: its loads are in the manager's queue. Its end takes back what is queued and nobody else wants, tells
 * what runs to stop at its next block, then joins that.
 */
#include "core/scope.h"

#include "core/load.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

typedef struct vcol__scope_item {
    vcol_buffer *buffer; /* referenced */
    vcol__load *load;    /* referenced; NULL: it was resident, or there was no memory to queue it */
    bool issued;
} item;

struct vcol_prefetch {
    vcol_manager *manager;
    int64_t n;
    item *items;
    vcol__share *share;
    int64_t asked, issued;
    int32_t priority;
    bool stopped;
    void (*ended)(vcol_prefetch *scope, void *opaque);
    void *opaque;
};

void vcol_prefetch_options_init(vcol_prefetch_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

static bool seen_before(const item *items, int64_t n, const vcol_buffer *b)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i].buffer == b)
            return true;
    return false;
}

vcol_status vcol__scope_begin(vcol_manager *m, vcol_buffer *const *buffers, int64_t n,
                              const vcol_prefetch_options *options, vcol_prefetch **out, vcol_error *err)
{
    vcol_prefetch_options o = {0};
    *out = NULL;
    if (options) {
        if (options->struct_size < offsetof(vcol_prefetch_options, lookahead) || options->concurrency < 0)
            return vcol_error_format(err, VCOL_MISUSE, "a prefetch's options: initialized, concurrency not below 0");
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    }
    vcol_prefetch *s = vcol__memory_new(m, sizeof *s);
    if (!s)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a prefetch");
    s->manager = m;
    s->priority = o.priority;
    s->share = vcol__share_new(m, o.concurrency, o.lookahead);
    if (n > 0)
        s->items = vcol__memory_new(m, (size_t)n * sizeof *s->items);
    if (!s->share || (n > 0 && !s->items)) {
        vcol__share_unref(m, s->share);
        vcol__memory_delete(m, s->items, (size_t)n * sizeof *s->items);
        vcol__memory_delete(m, s, sizeof *s);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a prefetch of %lld buffers", (long long)n);
    }
    vcol__manager_acquire(m);
    s->n = n;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        vcol_buffer *b = vcol__buffer_target(buffers[i]);
        item *it = &s->items[kept];
        if (n <= 4096 && seen_before(s->items, kept, b)) /* beyond that duplicates join their load, harmlessly */
            continue;
        it->buffer = b;
        vcol_buffer_acquire(b);
        it->load = NULL;
        if (vcol__background(m))
            it->load = vcol__queue_add(b, o.priority, s->share, NULL, &it->issued);
        s->issued += it->issued;
        kept++;
    }
    if (s->issued)
        vcol__queue_resume(m);
    s->asked = kept;
    *out = s;
    return VCOL_OK;
}

/* Whether it was made for this scope, and had to go: what was cleared is not wanted any more. */
static bool is_gone(const item *it)
{
    return it->issued && it->load && atomic_load(&it->load->prefetch_result) == 1 &&
           (atomic_load_explicit(&it->buffer->word, memory_order_acquire) & VCOL__STATE_MASK) == VCOL__VIRTUAL &&
           atomic_load_explicit(&it->buffer->evicted, memory_order_relaxed);
}

void vcol__scope_refresh(vcol_prefetch *s)
{
    bool any = false;
    for (int64_t i = 0; i < s->asked && !s->stopped; i++) {
        item *it = &s->items[i];
        bool issued;
        if (!is_gone(it))
            continue;
        vcol__load *load = vcol__queue_add(it->buffer, s->priority, s->share, it->load, &issued);
        if (!load)
            continue; /* there again, or no memory */
        vcol__load_unref(it->load); /* done: nobody counts who wants it */
        it->load = load;
        it->issued = issued;
        any = any || issued;
    }
    if (any)
        vcol__queue_resume(s->manager);
}

/*
 * Gives up this scope's wish for a load: takes it back from the queue if nobody else wants it by then. True if it runs for
 * nobody else now and must be joined.
 */
static bool give_up(vcol__load *load)
{
    vcol_buffer *b = load->buffer;
    vcol__lock_take(&b->stripe->lock);
    bool last = --load->scopes == 0;
    vcol__lock_drop(&b->stripe->lock);
    if (!last || vcol__queue_remove(b, load))
        return false;
    vcol__lock_take(&b->stripe->lock); /* it runs or has run, or somebody wants it again */
    bool join = b->load == load && (atomic_load(&b->word) & VCOL__STATE_MASK) == VCOL__LOADING && load->scopes == 0 &&
                !atomic_load(&load->demanded);
    if (join)
        atomic_store(&load->cancelled, true);
    vcol__lock_drop(&b->stripe->lock);
    return join;
}

void vcol__scope_stop(vcol_prefetch *s)
{
    if (s->stopped)
        return;
    s->stopped = true;
    bool *running = s->n ? calloc((size_t)s->n, sizeof *running) : NULL;
    for (int64_t i = s->asked; i-- > 0;) { /* last wish first, so that what comes first is not started instead */
        item *it = &s->items[i];
        if (it->load) {
            bool runs = give_up(it->load);
            if (running)
                running[i] = runs;
            else if (runs)
                vcol__load_join(it->load, true);
        }
    }
    for (int64_t i = 0; i < s->asked && running; i++) /* all of them first: one that runs may use another */
        if (s->items[i].load && running[i])
            vcol__load_join(s->items[i].load, true); /* one that waits for this thread is not joined: it has been told to stop */
    for (int64_t i = 0; i < s->asked; i++) {
        item *it = &s->items[i];
        int64_t ahead = atomic_load(&it->buffer->ahead);
        if (it->issued && !ahead) /* others were made of it, ahead of their use */
            atomic_store_explicit(&it->buffer->evictable.ahead, false, memory_order_relaxed);
        if (!it->issued || !ahead || atomic_load(&it->buffer->share) != s->share)
            continue;
        /* What nobody has used is the first to go. */
        atomic_store_explicit(&it->buffer->evictable.ahead, false, memory_order_relaxed);
        vcol__evict_first(s->manager, &it->buffer->evictable);
        if (ahead > 1 && atomic_compare_exchange_strong(&it->buffer->ahead, &ahead, 1)) /* unused, no longer ahead */
            vcol__queue_ahead(s->manager, s->share, 1 - ahead);
    }
    free(running);
    vcol__share_lift(s->manager, s->share);
}

void vcol__scope_on_end(vcol_prefetch *s, void (*ended)(vcol_prefetch *scope, void *opaque), void *opaque)
{
    s->ended = ended;
    s->opaque = opaque;
}

vcol_status vcol_prefetch_begin_buffers(vcol_manager *m, vcol_buffer *const *buffers, int64_t n,
                                        const vcol_prefetch_options *options, vcol_prefetch **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !out || n < 0 || (n > 0 && !buffers))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_prefetch_begin_buffers: a manager and buffers are needed");
    for (int64_t i = 0; i < n; i++)
        if (!buffers[i] || buffers[i]->manager != m)
            return vcol_error_format(err, VCOL_MISUSE, "vcol_prefetch_begin_buffers: buffer %lld is not of this manager",
                                     (long long)i);
    return vcol__scope_begin(m, buffers, n, options, out, err);
}

/* Joins a load of the scope that runs, if there is one; so there may be room for another. */
static bool join_one(vcol_prefetch *s)
{
    for (int64_t i = 0; i < s->asked; i++) {
        vcol__load *load = s->items[i].load;
        if (!load)
            continue;
        vcol__lock_take(&load->buffer->stripe->lock);
        bool runs = !load->done && (atomic_load(&load->buffer->word) & VCOL__STATE_MASK) == VCOL__LOADING;
        vcol__lock_drop(&load->buffer->stripe->lock);
        if (runs && vcol__load_join(load, false))
            return true;
    }
    return false;
}

/* Whether a load that was with a thread of the queue's has come back to it: it was planned only. */
static bool queued_again(vcol__load *load)
{
    vcol_buffer *b = load->buffer;
    vcol__lock_take(&b->stripe->lock);
    bool queued = vcol__load_queued_locked(load);
    vcol__lock_drop(&b->stripe->lock);
    if (queued)
        sched_yield(); /* that thread is about to link or to take it */
    return queued;
}

vcol_status vcol_prefetch_wait(vcol_prefetch *s, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!s)
        return VCOL_OK;
    for (int64_t i = 0; i < s->asked; i++) {
        vcol__load *load = s->items[i].load;
        if (!load || s->stopped)
            continue;
        bool force = false;
        do {
            while (vcol__queue_run(load, force) == VCOL__TRY_FULL) /* else it has run, or is with another thread */
                force = !join_one(s);
        } while (queued_again(load));
        vcol__load_join(load, false);
    }
    return VCOL_OK;
}

void vcol_prefetch_get_stats(const vcol_prefetch *s, vcol_prefetch_stats *out, size_t size)
{
    vcol_prefetch_stats t = {0};
    if (s) {
        t.asked = s->asked;
        t.issued = s->issued;
        for (int64_t i = 0; i < s->asked; i++) {
            const item *it = &s->items[i];
            if (!it->load || !it->issued)
                continue;
            int64_t result = atomic_load(&it->load->prefetch_result);
            t.done += result == 1;
            t.failed += result == 2;
            t.taken_back += result == 3;
            t.used += result == 4;
        }
        t.used += atomic_load(&s->share->used);
    }
    memset(out, 0, size);
    memcpy(out, &t, size < sizeof t ? size : sizeof t);
}

void vcol_prefetch_end(vcol_prefetch *s)
{
    if (!s)
        return;
    vcol_manager *m = s->manager;
    vcol__scope_stop(s);
    if (s->ended)
        s->ended(s, s->opaque);
    for (int64_t i = 0; i < s->asked; i++) {
        if (s->items[i].load)
            vcol__load_unref(s->items[i].load);
        vcol_buffer_release(s->items[i].buffer);
    }
    vcol__share_unref(m, s->share);
    vcol__memory_delete(m, s->items, (size_t)s->n * sizeof *s->items);
    vcol__memory_delete(m, s, sizeof *s);
    vcol__manager_release(m);
}
