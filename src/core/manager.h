/* SPDX-License-Identifier: BSD-3-Clause */
/* The manager: everything that the parts of the core share. */
#ifndef VCOL_CORE_MANAGER_H
#define VCOL_CORE_MANAGER_H

#include "core/account.h"
#include "core/block.h"
#include "core/evict.h"
#include "core/memory.h"
#include "core/pool.h"
#include "core/queue.h"
#include "core/spill.h"
#include "core/sync.h"
#include "core/tier.h"
#include "core/trace.h"
#include "core/wait.h"

#include <vcol/manager.h>
#include <vcol/reader.h>

#define VCOL__STRIPES 64
#define VCOL__MAX_WORKERS 256

/* A lock and condition shared by the buffers that hash to it. */
typedef struct vcol__stripe {
    vcol__lock lock;
    pthread_cond_t changed; /* a buffer of this stripe left LOADING, EVICTING or its planning */
} vcol__stripe;

typedef struct vcol__counters {
    _Atomic uint64_t generations, failures, cancelled, hits, waits, helps, clears, evictions, prefetched,
        prefetch_unused, reads, bytes_asked, bytes_read, blocks_unpacked, bytes_unpacked, blocks_redecoded,
        stored_hits, stored_saved, stored_drops, spilled, bytes_spilled, spill_reads, spill_failures;
} vcol__counters;

typedef struct vcol__log {
    vcol__lock lock;
    vcol_log_entry *entries; /* NULL = no log */
    int64_t capacity;
    uint64_t next; /* log.lock */
} vcol__log;

struct vcol_manager {
    /* set at open, const after */
    uint32_t flags;
    int32_t threads, io_threads;
    uint64_t read_gap, read_size;
    uint64_t cached_option, lookahead_option; /* as given; 0 = chosen from the limit */
    vcol_executor executor;
    vcol__trace *trace;                /* NULL: none is kept */
    int64_t (*clock)(void *opaque);    /* ns; NULL: the system's monotonic clock */
    void *clock_opaque;
    vcol__memory memory;
    vcol__account account;
    vcol__stripe stripe[VCOL__STRIPES];
    vcol__queue queue;
    vcol__blocks blocks;
    vcol__tier tier;
    vcol__evict evict;
    vcol__spill spill;
    vcol__pool pool;
    vcol__lock graph;
    vcol__lock expect;
    vcol__waits waits;
    vcol__log log;
    vcol__counters count;
    /* idle workers' contexts: a stack under workers_lock, which is level POOL */
    vcol__lock workers_lock;
    vcol_worker *workers[VCOL__MAX_WORKERS];
    int n_workers;
    /* atomic */
    _Atomic uint64_t tick;   /* recency; grows with every access, roughly */
    _Atomic uint32_t files;  /* numbers given to files */
    _Atomic int64_t refs;    /* the handle, and every buffer */
    _Atomic bool closing;
};

static inline uint64_t vcol__tick(vcol_manager *m)
{
    /* Two threads may get the same number: recency need not be exact between threads. */
    uint64_t t = atomic_load_explicit(&m->tick, memory_order_relaxed) + 1;
    atomic_store_explicit(&m->tick, t, memory_order_relaxed);
    return t;
}

#define VCOL__COUNT(m, what, by) atomic_fetch_add_explicit(&(m)->count.what, (by), memory_order_relaxed)

void vcol__manager_acquire(vcol_manager *m);
void vcol__manager_release(vcol_manager *m);

/* Borrows a thread's codec contexts, and gives them back (their growth is charged to `fixed`). NULL: no memory. */
vcol_worker *vcol__worker_take(vcol_manager *m, vcol_error *err);
void vcol__worker_give(vcol_manager *m, vcol_worker *worker);

/* Adds to the access log, if there is one. */
void vcol__log_add(vcol_manager *m, vcol_log_event event, const char *name, int32_t group, int64_t first,
                   int64_t count, uint64_t offset, uint64_t bytes);

static inline bool vcol__background(const vcol_manager *m)
{
    return !(m->flags & VCOL_MANAGER_NO_BACKGROUND);
}

#endif
