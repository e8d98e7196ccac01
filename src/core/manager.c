/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, closing and asking a manager: vcol/manager.h; the access log; the workers' contexts. */
#define _GNU_SOURCE
#include "core/manager.h"

#include "codec/codec.h"
#include "core/buffer.h"
#include "core/limit.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CACHED ((uint64_t)256 << 20)
#define DEFAULT_STORED ((uint64_t)256 << 20)
#define DEFAULT_LOOKAHEAD ((uint64_t)512 << 20)
#define DEFAULT_IO_THREADS 2
#define MOST_TRACED ((int64_t)1 << 28)

void vcol_manager_options_init(vcol_manager_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

static int32_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 256 ? 256 : n;
}

/* VCOL_LIMIT_AUTO and 0 (no limit) to what the account takes. */
static uint64_t resolve(uint64_t limit)
{
    return limit == VCOL_LIMIT_AUTO ? vcol__limit_auto("") : limit;
}

/* What is chosen from the limit, where it is not given: a part of it, `most` where that is more. */
static uint64_t share_of(uint64_t limit, uint64_t parts, uint64_t option, uint64_t most)
{
    return option ? option : limit && limit / parts < most ? limit / parts : most;
}

/* A third: under a limit of three chunks the next, beside the one that is computed on and what is unpacked for them. */
static uint64_t lookahead_of(uint64_t limit, uint64_t option)
{
    return share_of(limit, 3, option, DEFAULT_LOOKAHEAD);
}

/* All of it: what is cached makes way for whatever else wants memory, and what is given back in between has to be touched anew. */
static uint64_t cached_of(uint64_t limit, uint64_t option)
{
    return share_of(limit, 1, option, DEFAULT_CACHED);
}

/* The caller's options into a whole struct of ours: what an older caller does not know is zero. */
static vcol_status read_options(const vcol_manager_options *from, vcol_manager_options *o, vcol_error *err)
{
    memset(o, 0, sizeof *o);
    if (!from)
        return VCOL_OK;
    size_t size = from->struct_size;
    if (size < offsetof(vcol_manager_options, limit))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_open: options were not initialized");
    memcpy(o, from, size < sizeof *o ? size : sizeof *o);
    for (size_t i = sizeof *o; i < size; i++)
        if (((const char *)from)[i])
            return vcol_error_format(err, VCOL_UNSUPPORTED, "vcol_manager_open: options of a newer version");
    if (o->threads < 0 || o->io_threads < 0 || o->threads > 4096 || o->io_threads > 4096 || o->access_log < 0)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_open: a number of threads is not below 0 nor above 4096");
    if (o->flags & ~(VCOL_MANAGER_LIMIT_HARD | VCOL_MANAGER_NO_BACKGROUND | VCOL_MANAGER_VERIFY))
        return vcol_error_format(err, VCOL_UNSUPPORTED, "vcol_manager_open: unknown flags");
    if (o->trace < 0 || o->trace > MOST_TRACED)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_open: a trace has from 0 to %lld events", (long long)MOST_TRACED);
    if (!o->allocator.alloc != !o->allocator.free)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_open: an allocator has alloc and free");
    return VCOL_OK;
}

vcol_status vcol_manager_open(const vcol_manager_options *options, vcol_manager **out, vcol_error *err)
{
    vcol_manager_options o;
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_open: no place for the manager");
    vcol_status status = read_options(options, &o, err);
    if (status != VCOL_OK)
        return status;
    vcol_manager *m = calloc(1, sizeof *m);
    if (!m)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a manager");
    uint64_t limit = resolve(o.limit);
    m->cached_option = o.cached_limit;
    m->lookahead_option = o.lookahead;
    vcol__tier_init(&m->tier, o.stored_limit ? o.stored_limit : limit ? limit / 2 : DEFAULT_STORED);
    m->flags = o.flags;
    m->threads = o.flags & VCOL_MANAGER_NO_BACKGROUND ? 0 : o.threads ? o.threads : processors();
    m->io_threads = o.io_threads ? o.io_threads : DEFAULT_IO_THREADS;
    m->read_gap = o.read_gap;
    m->read_size = o.read_size;
    status = vcol__blocks_init(&m->blocks, err);
    if (status == VCOL_OK && o.access_log) {
        m->log.entries = calloc((size_t)o.access_log, sizeof *m->log.entries);
        m->log.capacity = o.access_log;
        if (!m->log.entries)
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for an access log");
    }
    if (status != VCOL_OK) {
        free(m->blocks.table);
        free(m);
        return status;
    }
    vcol__memory_init(&m->memory, &o.allocator, limit, cached_of(limit, o.cached_limit));
    vcol__account_init(&m->account, limit, m->memory.system);
    vcol__evict_init(&m->evict);
    vcol__spill_init(&m->spill);
    vcol__queue_init(&m->queue, lookahead_of(limit, o.lookahead));
    vcol__pool_init(&m->pool, m->threads, m->io_threads);
    m->executor = o.executor.submit ? o.executor : (vcol_executor){vcol__pool_submit, &m->pool};
    vcol__lock_init(&m->graph, LEVEL_GRAPH);
    vcol__lock_init(&m->expect, LEVEL_EXPECT);
    vcol__waits_init(&m->waits);
    vcol__lock_init(&m->log.lock, LEVEL_LOG);
    vcol__lock_init(&m->workers_lock, LEVEL_POOL);
    for (int i = 0; i < VCOL__STRIPES; i++) {
        vcol__lock_init(&m->stripe[i].lock, LEVEL_STRIPE);
        pthread_cond_init(&m->stripe[i].changed, NULL);
    }
    atomic_init(&m->refs, 1);
    atomic_init(&m->tick, 1);
    status = o.trace ? vcol__trace_open(m, o.trace, err) : VCOL_OK;
    if (status == VCOL_OK && o.spill_dir)
        status = vcol__spill_open(m, o.spill_dir, o.spill_limit, err);
    if (status != VCOL_OK) {
        vcol_manager_close(m);
        return status;
    }
    *out = m;
    return VCOL_OK;
}

void vcol__manager_acquire(vcol_manager *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

static void release_workers(vcol_manager *m)
{
    for (int i = 0; i < m->n_workers; i++) {
        size_t charged = m->workers[i]->charged;
        vcol_worker_close(m->workers[i]);
        vcol__account_fix(m, -(int64_t)charged);
    }
    m->n_workers = 0;
}

void vcol__manager_release(vcol_manager *m)
{
    if (atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    release_workers(m);
    vcol__memory_trim(m, UINT64_MAX);
    vcol__blocks_destroy(m);
    vcol__spill_destroy(m);
    vcol__trace_close(m);
    vcol__evict_destroy(&m->evict);
    vcol__queue_destroy(&m->queue);
    vcol__account_destroy(&m->account);
    vcol__memory_destroy(&m->memory);
    vcol__lock_destroy(&m->graph);
    vcol__lock_destroy(&m->expect);
    vcol__waits_destroy(&m->waits);
    vcol__lock_destroy(&m->log.lock);
    vcol__lock_destroy(&m->workers_lock);
    for (int i = 0; i < VCOL__STRIPES; i++) {
        vcol__lock_destroy(&m->stripe[i].lock);
        pthread_cond_destroy(&m->stripe[i].changed);
    }
    free(m->log.entries);
    free(m);
}

void vcol_manager_close(vcol_manager *m)
{
    if (!m)
        return;
    atomic_store(&m->closing, true);
    vcol__pool_destroy(&m->pool);
    vcol__memory_trim(m, UINT64_MAX);
    vcol__manager_release(m);
}

uint64_t vcol_manager_trim(vcol_manager *m)
{
    uint64_t freed = vcol__memory_trim(m, UINT64_MAX);
    vcol__memory_settle(m);
    return freed;
}

uint64_t vcol_manager_evict(vcol_manager *m)
{
    uint64_t freed = vcol__account_shrink(m, UINT64_MAX);
    vcol__tier_relax(m);
    return freed;
}

void vcol_manager_set_limit(vcol_manager *m, uint64_t limit)
{
    vcol__account *a = &m->account;
    limit = resolve(limit);
    vcol__lock_take(&a->lock);
    a->limit = limit ? limit : UINT64_MAX;
    vcol__lock_drop(&a->lock);
    vcol__queue_set_lookahead(&m->queue, lookahead_of(limit, m->lookahead_option));
    vcol__memory_bound(m, limit, cached_of(limit, m->cached_option));
    vcol__lock_take(&a->lock);
    uint64_t over = vcol__account_over(a, NULL, 0, 0);
    vcol__lock_drop(&a->lock);
    if (over)
        vcol__account_shrink(m, over);
    vcol__account_kick(m);
    vcol__queue_resume(m);
}

int32_t vcol_manager_threads(const vcol_manager *m)
{
    return m->threads;
}

/* Functions that only look take const handles; their locks are not part of what they look at. */
static vcol_manager *unconst(const vcol_manager *m)
{
    return (vcol_manager *)(uintptr_t)m;
}

void vcol_manager_stats(const vcol_manager *manager, vcol_stats *out, size_t size)
{
    vcol_manager *m = unconst(manager);
    vcol_stats s = {0};
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    s.limit = a->limit == UINT64_MAX ? 0 : a->limit;
    s.live = a->live;
    s.promised = a->promised;
    s.cached = vcol__account_cached(a);
    s.fixed = a->fixed;
    s.peak = a->peak;
    s.peak_live = a->peak_live;
    s.overcommits = a->overcommits;
    s.overcommit_bytes = a->overcommit_bytes;
    s.memory_waits = a->memory_waits;
    vcol__lock_drop(&a->lock);
    s.stored_kept = atomic_load_explicit(&m->tier.bytes, memory_order_relaxed); /* changed under a lock that we do not take */
#define COPY(what) s.what = atomic_load_explicit(&m->count.what, memory_order_relaxed)
    COPY(generations);
    COPY(failures);
    COPY(cancelled);
    COPY(hits);
    COPY(waits);
    COPY(helps);
    COPY(clears);
    COPY(evictions);
    COPY(prefetched);
    COPY(prefetch_unused);
    COPY(reads);
    COPY(bytes_asked);
    COPY(bytes_read);
    COPY(blocks_unpacked);
    COPY(bytes_unpacked);
    COPY(blocks_redecoded);
    COPY(spilled);
    COPY(bytes_spilled);
    COPY(spill_reads);
    COPY(spill_failures);
    COPY(stored_hits);
    COPY(stored_saved);
    COPY(stored_drops);
#undef COPY
    vcol__lock_take(&m->spill.lock);
    s.spill_bytes = m->spill.used;
    vcol__lock_drop(&m->spill.lock);
    memset(out, 0, size);
    memcpy(out, &s, size < sizeof s ? size : sizeof s);
}

/* ---- the access log --------------------------------------------------------------------------- */

void vcol__log_add(vcol_manager *m, vcol_log_event event, const char *name, int32_t group, int64_t first,
                   int64_t count, uint64_t offset, uint64_t bytes)
{
    vcol__log *log = &m->log;
    if (!log->entries)
        return;
    vcol_log_entry e = {0, event, group, first, count, offset, bytes, {0}};
    strncpy(e.name, name ? name : "", sizeof e.name - 1);
    vcol__lock_take(&log->lock);
    e.sequence = log->next++;
    log->entries[e.sequence % (uint64_t)log->capacity] = e;
    vcol__lock_drop(&log->lock);
}

int64_t vcol_manager_log(const vcol_manager *manager, uint64_t from, vcol_log_entry *out, int64_t n)
{
    vcol_manager *m = unconst(manager);
    vcol__log *log = &m->log;
    int64_t copied = 0;
    if (!log->entries)
        return 0;
    vcol__lock_take(&log->lock);
    uint64_t oldest = log->next > (uint64_t)log->capacity ? log->next - (uint64_t)log->capacity : 0;
    for (uint64_t s = from > oldest ? from : oldest; s < log->next && copied < n; s++)
        out[copied++] = log->entries[s % (uint64_t)log->capacity];
    vcol__lock_drop(&log->lock);
    return copied;
}

/* ---- workers -------------------------------------------------------------------------------------- */

/* Its memory stays charged while it is lent out. */
static void recharge(vcol_manager *m, vcol_worker *w)
{
    size_t bytes = vcol_worker_bytes(w);
    if (bytes != w->charged)
        vcol__account_fix(m, (int64_t)bytes - (int64_t)w->charged);
    w->charged = bytes;
}

vcol_worker *vcol__worker_take(vcol_manager *m, vcol_error *err)
{
    vcol_worker *w = NULL;
    vcol__lock_take(&m->workers_lock);
    if (m->n_workers > 0)
        w = m->workers[--m->n_workers];
    vcol__lock_drop(&m->workers_lock);
    if (!w && vcol_worker_open(&m->memory.allocator, &w, err) == VCOL_OK)
        recharge(m, w);
    return w;
}

void vcol__worker_give(vcol_manager *m, vcol_worker *w)
{
    bool kept = false;
    recharge(m, w); /* it may have grown */
    vcol__lock_take(&m->workers_lock);
    if (m->n_workers < VCOL__MAX_WORKERS) {
        m->workers[m->n_workers++] = w;
        kept = true;
    }
    vcol__lock_drop(&m->workers_lock);
    if (!kept) {
        vcol__account_fix(m, -(int64_t)w->charged);
        vcol_worker_close(w);
    }
}
