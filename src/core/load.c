/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A materialization.
 *
 * One thread runs it (vcol__load_run): the one that asked first, or a worker. Others that want the buffer wait
 * (vcol__load_wait): they help with its blocks, then sleep until the result is there. The result, code and message,
 * is the same for all of them.
 *
 * Circles. `waits_on` says which load a load needs and does not have: because another thread makes it, or
 * because this thread makes it in between (then `parent` points back). Before a thread waits it follows
 * `waits_on` from the load it is about to wait for; if that leads to a load that this thread is making itself,
 * nobody could ever go on, and the call fails with the circle's names.
 *
 * Rights. A load that somebody waits for is `demanded`, and so is all that it waits on. It may borrow and wait for
 * memory. One that is not gives up when there is no memory; whoever joins it then starts over as a demand.
 */
#include "core/load.h"

#include "core/fault.h"
#include "core/meter.h"

#include <stdio.h>
#include <string.h>

static _Thread_local vcol__load *current_load; /* the innermost load this thread makes; parents through ->parent */

vcol__load *vcol__load_current(vcol_manager *m)
{
    vcol__load *load = current_load;
    while (load && load->buffer->manager != m)
        load = load->parent;
    return load;
}

static _Thread_local vcol__consumer *consumers; /* of this thread, the innermost first */

void vcol__consumer_begin(vcol__consumer *c, vcol_manager *m)
{
    if (!vcol__load_counted(m)) /* once a thread */
        vcol__account_runnable(m, 1);
    *c = (vcol__consumer){m, consumers};
    consumers = c;
}

void vcol__consumer_end(vcol__consumer *c)
{
    consumers = c->above;
    if (!vcol__load_counted(c->manager))
        vcol__account_runnable(c->manager, -1);
}

bool vcol__load_counted(vcol_manager *m)
{
    const vcol__consumer *c = consumers;
    while (c && c->manager != m)
        c = c->above;
    return c || vcol__load_current(m);
}

vcol__load *vcol__load_new(vcol_buffer *buffer)
{
    vcol__load *load = vcol__memory_new(buffer->manager, sizeof *load);
    if (load) {
        load->buffer = buffer;
        atomic_init(&load->refs, 1);
        vcol_buffer_acquire(buffer);
    }
    return load;
}

void vcol__load_ref(vcol__load *load)
{
    atomic_fetch_add(&load->refs, 1);
}

/* What it has reserved is no longer its: it became the buffer's, or went back. */
static void meter_end(vcol__load *load)
{
    if (load->metered)
        vcol__meter_add(load->buffer->meter, -load->metered);
    load->metered = 0;
}

void vcol__load_unref(vcol__load *load)
{
    vcol_buffer *b = load->buffer;
    if (atomic_fetch_sub(&load->refs, 1) == 1) {
        vcol_manager *m = b->manager;
        if (load->work)
            b->ops->unprepare(b, load);
        vcol__account_give_back(m, &load->grant, 0);
        meter_end(load);
        vcol__queue_charge(load, 0);
        vcol__share_unref(m, load->share);
        vcol__memory_delete(m, load, sizeof *load);
        vcol_buffer_release(b);
    }
}

bool vcol__load_queued_locked(vcol__load *load)
{
    vcol_buffer *b = load->buffer;
    while (b->load == load && load->busy)
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
    return b->load == load && (atomic_load(&b->word) & VCOL__STATE_MASK) == VCOL__QUEUED;
}

bool vcol__load_idle_locked(const vcol__load *load)
{
    const vcol_buffer *b = load->buffer;
    return b->load == load && (atomic_load(&b->word) & VCOL__STATE_MASK) == VCOL__QUEUED && !load->busy;
}

void vcol__load_taken_locked(vcol__load *load)
{
    if (!load->prepared)
        return;
    load->moving = true;
    vcol__account_moving(&load->buffer->manager->account);
}

bool vcol__load_stopped(vcol__load *load)
{
    if (atomic_load(&load->buffer->manager->closing))
        return true;
    bool stop = atomic_load(&load->cancelled) && !atomic_load(&load->demanded);
    if (stop)
        atomic_store(&load->stopped, true);
    return stop;
}

vcol_status vcol__load_reserve(vcol__load *load, uint64_t bytes, bool started, vcol_error *err)
{
    vcol_manager *m = load->buffer->manager;
    for (;;) {
        bool demanded = atomic_load(&load->demanded);
        vcol__urgency urgency = !demanded && !VCOL__FAULT(PREFETCH) ? VCOL__PREFETCH : started ? VCOL__BORROW : VCOL__DEMAND;
        vcol_error why = {0};
        vcol_status status = vcol__account_reserve(m, &load->grant, bytes, urgency, load->runnable, &why);
        if (status == VCOL_OK) {
            if (load->buffer->meter) {
                vcol__meter_add(load->buffer->meter, (int64_t)bytes);
                load->metered += (int64_t)bytes;
            }
            return status;
        }
        if (status == VCOL_CANCELLED && atomic_load(&load->demanded))
            continue; /* a demand joined meanwhile: now it may wait */
        if (status == VCOL_CANCELLED)
            atomic_store(&load->stopped, true);
        if (err && !err->status)
            *err = why;
        return status;
    }
}

/* The memory of the instance. */
static uint64_t held_bytes(const vcol_buffer *b)
{
    uint64_t bytes = 0;
    for (int i = 0; i < VCOL__MAX_LEAVES; i++)
        bytes += b->leaf[i].capacity;
    return bytes;
}

void vcol__load_give_back(vcol__load *load, uint64_t keep)
{
    uint64_t held = load->grant.held; /* only this thread takes from it */
    if (held <= keep)
        return;
    vcol__account_give_back(load->buffer->manager, &load->grant, keep);
    int64_t metered = load->metered < (int64_t)(held - keep) ? load->metered : (int64_t)(held - keep);
    if (metered)
        vcol__meter_add(load->buffer->meter, -metered);
    load->metered -= metered;
}

/* LOADING -> RESIDENT or VIRTUAL, and the result to all who wait. */
static void publish(vcol__load *load, vcol_status status, const vcol_error *why)
{
    vcol_buffer *b = load->buffer;
    vcol_manager *m = b->manager;
    bool ok = status == VCOL_OK;
    uint64_t bytes = 0;
    if (ok) {
        bytes = held_bytes(b);
        atomic_store_explicit(&b->bytes, bytes, memory_order_relaxed);
        if (b->meter)
            vcol__meter_add(b->meter, (int64_t)bytes - load->metered);
        load->metered = 0;
        atomic_store_explicit(&b->evictable.stamp, vcol__tick(m), memory_order_relaxed);
        if (load->by_prefetch && bytes) {
            vcol__queue_charge(load, (int64_t)bytes);
            load->ahead = 0; /* now the buffer's, until its first use */
            if (load->share)
                atomic_fetch_add(&load->share->refs, 1);
            atomic_store(&b->share, load->share);
            atomic_store(&b->evictable.ahead, true);
            atomic_store(&b->ahead, (int64_t)bytes);
        }
        vcol__evict_cost(&b->evictable, b->cost > 0 ? (uint64_t)(b->cost * 1e9) : (uint64_t)(vcol__clock(m) - load->begun), bytes);
        vcol__evict_list(m, &b->evictable);
        vcol__log_add(m, VCOL_LOG_LOAD, b->name, b->group, b->first, b->entries, 0, bytes);
        VCOL__COUNT(m, generations, 1);
        vcol__use_loaded(b->use, bytes, load->by_prefetch);
        if (load->by_prefetch)
            VCOL__COUNT(m, prefetched, 1);
    } else {
        for (int i = 0; i < VCOL__MAX_LEAVES; i++)
            vcol__memory_give(m, &b->leaf[i]);
        memset(b->count, 0, sizeof b->count);
        meter_end(load);
        vcol__log_add(m, VCOL_LOG_FAIL, b->name, b->group, b->first, b->entries, 0, 0);
        if (status == VCOL_CANCELLED)
            VCOL__COUNT(m, cancelled, 1);
        else
            VCOL__COUNT(m, failures, 1);
        if (status != VCOL_CANCELLED)
            VCOL__USED(b->use, failures, 1);
    }
    vcol__queue_charge(load, 0); /* what it was charged with and did not bring ahead of use */
    atomic_store(&load->prefetch_result, ok ? load->by_prefetch ? 1 : 4 : status == VCOL_CANCELLED ? 3 : 2);
    vcol__lock_take(&b->stripe->lock);
    load->done = true;
    load->result = *why;
    load->result.status = status;
    b->load = NULL;
    /* release: pairs with the acquire of vcol__buffer_pin; pins and DOOMED that came meanwhile stay */
    uint64_t word;
    if (ok) {
        word = atomic_fetch_add_explicit(&b->word, VCOL__RESIDENT - VCOL__LOADING, memory_order_acq_rel);
    } else {
        word = atomic_load(&b->word);
        while (!atomic_compare_exchange_weak(&b->word, &word, word & ~(VCOL__STATE_MASK | VCOL__DOOMED)))
            ; /* SPILLED stays */
    }
    if (VCOL__FAULT(WAITER))
        pthread_cond_signal(&b->stripe->changed);
    else
        pthread_cond_broadcast(&b->stripe->changed);
    vcol__lock_drop(&b->stripe->lock);
    if (ok && (word & VCOL__DOOMED) && (word & VCOL__PIN_MASK) == 0)
        vcol__buffer_unpin_slow(b); /* cleared while it was loading, and nobody waits for it */
    if (!ok && (word & VCOL__DOOMED) && (word & VCOL__SPILLED))
        vcol__buffer_clear(b); /* cleared while it was read back, which failed */
}

vcol_status vcol__load_run(vcol__load *load, bool by_prefetch, vcol_error *err)
{
    vcol_buffer *b = load->buffer;
    vcol_manager *m = b->manager;
    vcol__load *above = vcol__load_current(m);
    bool counted = vcol__load_counted(m);
    vcol_error why = {0};
    vcol_status status;
    atomic_store_explicit(&load->thread, vcol__wait_thread(), memory_order_relaxed);
    load->by_prefetch = by_prefetch;
    int64_t start = b->use || VCOL__TRACING(m) ? vcol__clock(m) : 0;
    load->parent = current_load;
    current_load = load;
    if (above) {
        vcol__lock_take(&m->graph);
        above->waits_on = load;
        vcol__lock_drop(&m->graph);
    }
    if (!counted)
        vcol__account_runnable(m, 1);
    load->runnable = true;
    if (load->moving) {
        load->moving = false;
        vcol__account_settled(&m->account);
    }
    load->begun = vcol__clock(m);
    if (atomic_load(&m->closing))
        status = vcol_error_format(&why, VCOL_CANCELLED, "%s: the manager is closing", b->name);
    else
        status = b->ops->load(b, load, &why);
    if (status != VCOL_OK && !why.status)
        vcol_error_format(&why, status, "%s could not be materialized (%s)", b->name, vcol_status_name(status));
    if (load->work)
        b->ops->unprepare(b, load);
    if (VCOL__FAULT(FAILED) && status != VCOL_OK)
        load->grant.held = 0;
    vcol__account_give_back(m, &load->grant, 0);
    if (b->use)
        VCOL__USED(b->use, load_ns, vcol__clock(m) - start);
    VCOL__TRACE_END(m, VCOL__TRACE_LOAD, start, b->name, .first = b->first, .bytes = held_bytes(b));
    publish(load, status, &why);
    current_load = load->parent;
    if (above) {
        vcol__lock_take(&m->graph);
        above->waits_on = NULL;
        vcol__lock_drop(&m->graph);
    }
    if (!counted)
        vcol__account_runnable(m, -1);
    if (status != VCOL_OK && err && !err->status)
        *err = why;
    vcol__load_unref(load); /* the reference of b->load */
    return status;
}

/* Writes the names of the circle that closes when `current` waits for `load`; false if there is none. */
static bool circle_locked(vcol__load *current, vcol__load *load, char *names, size_t size)
{
    bool found = false;
    for (vcol__load *l = load; l && !found; l = l->waits_on)
        for (vcol__load *c = current; c && !found; c = c->parent)
            found = l == c;
    if (found) {
        size_t used = 0;
        vcol__load *l = load;
        do {
            int n = snprintf(names + used, size - used, "%s needs ", l->buffer->name);
            used += n > 0 && used + (size_t)n < size ? (size_t)n : 0;
            l = l->waits_on;
        } while (l && l != load && used + 64 < size);
        snprintf(names + used, size - used, "%s", load->buffer->name);
    }
    return found;
}

/* Says that this thread's load waits for that one. False if that would close a circle. */
static bool wait_on(vcol_manager *m, vcol__load *current, vcol__load *load, char *names, size_t size)
{
    vcol__lock_take(&m->graph);
    current->waits_on = load;
    bool circle = circle_locked(current, load, names, size);
    if (circle)
        current->waits_on = NULL;
    vcol__lock_drop(&m->graph);
    return !circle;
}

static void waits_no_more(vcol_manager *m, vcol__load *current)
{
    vcol__lock_take(&m->graph);
    current->waits_on = NULL;
    vcol__lock_drop(&m->graph);
}

bool vcol__load_join(vcol__load *load, bool only_unwanted)
{
    vcol_buffer *b = load->buffer;
    vcol_manager *m = b->manager;
    vcol__load *current = vcol__load_current(m);
    char names[256];
    if (current && !wait_on(m, current, load, names, sizeof names))
        return false;
    bool counted = vcol__load_counted(m);
    if (counted)
        vcol__account_runnable(m, -1);
    vcol__wait wait = {.load = load};
    bool listed = false;
    vcol__lock_take(&b->stripe->lock);
    while (!load->done && !(only_unwanted && atomic_load(&load->demanded))) {
        if (!listed)
            vcol__wait_begin(m, &wait);
        listed = true;
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
    }
    vcol__lock_drop(&b->stripe->lock);
    if (listed)
        vcol__wait_end(m, &wait);
    if (counted)
        vcol__account_runnable(m, 1);
    if (current)
        waits_no_more(m, current);
    return true;
}

vcol_status vcol__load_wait(vcol__load *load, vcol_error *err)
{
    vcol_buffer *b = load->buffer;
    vcol_manager *m = b->manager;
    vcol__load *current = vcol__load_current(m);
    char names[256];
    if (current && !wait_on(m, current, load, names, sizeof names))
        return vcol_error_format(err, VCOL_CYCLE, "buffers need each other: %s", names);
    if (atomic_load(&load->demanded)) { /* what it waits for is demanded with it */
        vcol__lock_take(&m->graph);
        for (vcol__load *l = load->waits_on; l; l = l->waits_on)
            atomic_store(&l->demanded, true);
        vcol__lock_drop(&m->graph);
    }
    VCOL__COUNT(m, waits, 1);
    bool counted = vcol__load_counted(m);
    bool helping = b->ops->help != NULL;
    vcol__lock_take(&b->stripe->lock);
    while (!load->done) {
        if (helping) {
            vcol__lock_drop(&b->stripe->lock);
            helping = b->ops->help(b, load);
            if (helping)
                VCOL__COUNT(m, helps, 1);
            vcol__lock_take(&b->stripe->lock);
            continue;
        }
        vcol__lock_drop(&b->stripe->lock);
        if (counted)
            vcol__account_runnable(m, -1);
        vcol__wait wait = {.load = load};
        vcol__wait_begin(m, &wait);
        vcol__lock_take(&b->stripe->lock);
        while (!load->done)
            vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
        vcol__lock_drop(&b->stripe->lock);
        vcol__wait_end(m, &wait);
        if (counted)
            vcol__account_runnable(m, 1);
        vcol__lock_take(&b->stripe->lock);
    }
    vcol_status status = (vcol_status)load->result.status;
    if (status != VCOL_OK && err && !err->status)
        *err = load->result;
    vcol__lock_drop(&b->stripe->lock);
    if (current)
        waits_no_more(m, current);
    return status;
}
