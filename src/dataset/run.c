/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A job over all chunks, on several threads: vcol/run.h.
 *
 * A chunk's item goes through these states; `in flight` are all but FREE, at most `depth`:
 *
 *   transition         by                  when
 *   FREE -> OPENING    advance             a further chunk is wanted; who opens has the run's token: one thread at a time
 *   OPENING -> QUEUED  advance             the chunk is open, its columns are being prefetched; or its state is in the cache
 *   OPENING -> FREE    advance             there are no more, or none yet
 *   QUEUED -> RUNNING  work                a compute thread is free, it is the first of those queued, and its working set fits
 *   RUNNING -> DONE    compute             its state waits to be merged
 *   DONE -> MERGING    work                it is its turn, and nobody merges
 *   MERGING -> FREE    merge
 *   any -> FREE        discard             it is behind what ended the run
 *
 * All threads do the same: merge what can be merged, discard what is not wanted, open what is to be looked ahead for, compute;
 * else wait. So no thread waits for its own chunk's turn, and the one that computed chunk 0 merges those that waited for it.
 *
 * `until` is what ends the run early: items from that number on are not wanted. It only falls. An error in chunk i sets it to i;
 * all chunks before i have been started by then (they are taken in order), go on, and may fail and lower it again: what is
 * left at the end is the first failure in the order of chunks, whatever the threads did.
 *
 * The lock is the run's own: LEVEL_CHUNK, and no other of that level is taken under it. Opening a chunk, prefetching, calling back
 * and closing are done without it.
 */
#define _GNU_SOURCE
#include "dataset/run.h"

#include "core/meter.h"
#include "dataset/cache.h"
#include "dataset/sink.h"
#include "dataset/window.h"

#include <vcol/run.h>

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum state { FREE, OPENING, QUEUED, RUNNING, DONE, MERGING };

typedef struct item {
    enum state state;      /* run lock; the rest belongs to whoever took it into its state */
    int64_t index, first, count;
    vcol__slot slot;       /* no chunk: the state is to be found in the cache */
    bool busy;             /* run lock: its slot is being prefetched for: not closed meanwhile */
    void *result;
    bool cached;
} item;

typedef struct run {
    /* const after start */
    vcol_dataset *dataset;
    vcol_manager *manager;
    vcol_job job;
    void *total;
    vcol_run_options options;
    vcol_partition *partition; /* NULL: GIVEN. Whoever has the token */
    vcol__cache cache;
    bool unordered, choose_jobs, choose_depth;
    int32_t processors;
    vcol__report report;       /* whoever merges */
    vcol__window window;       /* likewise the token's, but for what its own lock guards */
    vcol__lock lock;
    pthread_cond_t changed;    /* an item changed its state, or the token is free */
    /* run lock */
    item *items;
    int32_t n_items;           /* room for them: the most that depth can become */
    int32_t jobs, depth, started; /* jobs: threads numbered so or above do not compute. started: threads there are */
    int32_t queued, running, waiting, in_flight;
    int32_t ahead;             /* the window's, as it was when the token was last given back */
    bool token;                /* a thread opens a chunk */
    bool merging;
    bool ended;                /* there are no more chunks: next_index is their number */
    bool early;                /* merge said END */
    int64_t next_index, next_merge, until;
    vcol_error error;          /* of chunk error_index */
    int64_t error_index;
    uint64_t set;              /* the most that a chunk needed, bytes; 0: not known */
    int64_t set_entries;       /* of that chunk */
    double own, all, base;     /* seconds of processors: in the job's chunk function, of the process since `base` */
    int64_t measured;          /* chunks in `own` */
    vcol_run_stats stats;
} run;

typedef struct worker {
    run *run;
    int32_t number;
    pthread_t thread;
} worker;

void vcol_job_init(vcol_job *job, size_t size)
{
    memset(job, 0, size);
    job->struct_size = size;
}

void vcol_run_options_init(vcol_run_options *options, size_t size)
{
    vcol_run_options o = {.struct_size = size, .jobs = 1};
    memset(options, 0, size);
    memcpy(options, &o, size < sizeof o ? size : sizeof o);
}

/* ---- what is chosen ----------------------------------------------------------------------------------- */

int32_t vcol__run_jobs(int32_t processors, double own, double all, uint64_t room, uint64_t set)
{
    double share = all > 0 && own < all ? own / all : 1;
    int32_t jobs = (int32_t)ceil(share * (double)processors - 1e-9);
    jobs = jobs < 1 ? 1 : jobs > VCOL__MOST_JOBS ? VCOL__MOST_JOBS : jobs;
    if (set && (uint64_t)jobs > room / set)
        jobs = room / set > 0 ? (int32_t)(room / set) : 1;
    return jobs;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What chunks may need together under the limit; UINT64_MAX: there is none. */
static uint64_t room(vcol_manager *m)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    uint64_t room = a->limit == UINT64_MAX ? UINT64_MAX : a->limit > a->fixed ? a->limit - a->fixed : 1;
    vcol__lock_drop(&a->lock);
    return room;
}

/* What a chunk of so many entries is expected to need. */
static uint64_t need_locked(const run *r, int64_t count)
{
    if (!r->set || count <= r->set_entries || r->set_entries == 0)
        return r->set;
    double need = (double)r->set * ((double)count / (double)r->set_entries);
    return need < 1e18 ? (uint64_t)need : (uint64_t)1e18;
}

/* What the chunks that run are expected to need, by what is known now. */
static uint64_t running_need_locked(const run *r)
{
    uint64_t sum = 0;
    for (int32_t i = 0; i < r->n_items; i++)
        if (r->items[i].state == RUNNING && __builtin_add_overflow(sum, need_locked(r, r->items[i].count), &sum))
            return UINT64_MAX;
    return sum;
}

/* Chunks that are queued besides the ones that are computed on, and room for as many that wait for their turn. */
static int32_t depth_of(const run *r, int32_t jobs)
{
    int32_t depth = 2 * jobs + r->ahead;
    return depth < r->n_items ? depth : r->n_items;
}

static void choose_locked(run *r)
{
    if (r->choose_jobs && r->measured > 0 && (r->jobs == 1 || r->measured >= 4 * r->jobs)) /* what runs is not in `own` yet */
        r->jobs = vcol__run_jobs(r->processors, r->own, r->all, room(r->manager), r->set);
    if (r->choose_depth)
        r->depth = depth_of(r, r->jobs);
}

/* ---- ends --------------------------------------------------------------------------------------------- */

/* Items from `index` on are not wanted. */
static void end_locked(run *r, int64_t index)
{
    if (index < r->until)
        r->until = index;
    for (int32_t i = 0; i < r->n_items; i++) {
        item *it = &r->items[i];
        /* relaxed: see chunk.h. A chunk is closed only after its item has left RUNNING, under this lock. */
        if ((it->state == RUNNING || it->state == QUEUED) && it->index >= r->until && it->slot.chunk)
            atomic_store_explicit(&it->slot.chunk->stopped, true, memory_order_relaxed);
    }
    pthread_cond_broadcast(&r->changed);
}

static void fail_locked(run *r, int64_t index, vcol_status status, const vcol_error *why)
{
    if (index >= r->until)
        return; /* a consequence, or later in the order */
    r->error = *why;
    if (!r->error.status) {
        r->error.status = 0;
        vcol_error_format(&r->error, status, "chunk %lld: the job failed (%s)", (long long)index, vcol_status_name(status));
    }
    r->error_index = index;
    end_locked(r, r->unordered ? 0 : index);
}

static void free_locked(run *r, item *it)
{
    it->state = FREE;
    it->cached = false;
    it->result = NULL;
    r->in_flight--;
    pthread_cond_broadcast(&r->changed);
}

static void info_locked(const run *r, const item *it, int32_t thread, vcol_run_chunk *info)
{
    *info = (vcol_run_chunk){.index = it->index, .first = it->first, .count = it->count, .thread = thread, .cached = it->cached,
                             .queued = r->queued, .running = r->running, .waiting = r->waiting, .merged = r->stats.chunks};
}

/* Closes an item's chunk: nobody prefetches for it by then. */
static void close_chunk(run *r, item *it)
{
    vcol__lock_take(&r->lock);
    while (it->busy)
        vcol__lock_wait(&r->changed, &r->lock);
    vcol__slot slot = it->slot;
    it->slot = (vcol__slot){0};
    vcol__lock_drop(&r->lock);
    vcol__slot_close(&slot);
}

static void close_result(run *r, item *it)
{
    if (it->result && r->job.close)
        r->job.close(it->result, r->job.opaque);
    it->result = NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static void take_token_locked(run *r)
{
    while (r->token)
        vcol__lock_wait(&r->changed, &r->lock);
    r->token = true;
}

static void drop_token_locked(run *r)
{
    r->token = false;
    pthread_cond_broadcast(&r->changed);
}

/* The next range. NOT_FOUND: none yet. */
static vcol_status next_range(run *r, int64_t *first, int64_t *count, bool wait, vcol_error *err)
{
    vcol__lock_none_held();
    if (r->partition)
        return vcol_partition_next(r->partition, first, count, err);
    vcol_status status = r->options.next(first, count, wait, r->options.next_opaque, err);
    if (status == VCOL_NOT_FOUND || status == VCOL_END)
        vcol_error_reset(err);
    return status == VCOL_NOT_FOUND && wait ? VCOL_END : status;
}

/* What was learned since is prefetched for chunks that are queued. */
static void prefetch_queued(run *r)
{
    for (int32_t i = 0; i < r->n_items; i++) {
        item *it = &r->items[i];
        vcol__lock_take(&r->lock);
        bool take = it->state == QUEUED && it->slot.chunk && it->index < r->until;
        it->busy = it->busy || take;
        vcol__lock_drop(&r->lock);
        if (!take)
            continue;
        vcol__window_prefetch(&r->window, &it->slot);
        vcol__lock_take(&r->lock);
        it->busy = false;
        pthread_cond_broadcast(&r->changed);
        vcol__lock_drop(&r->lock);
    }
}

static vcol_status open_chunk(run *r, item *it, vcol_error *err)
{
    vcol_status status = vcol__window_chunk(&r->window, it->first, it->count, &it->slot, err);
    if (status == VCOL_OK) {
        vcol__meter *meter = calloc(1, sizeof *meter); /* without, its need is not known */
        if (meter)
            atomic_init(&meter->refs, 1);
        it->slot.chunk->meter = meter;
    }
    return status;
}

/* Opens the next chunk into a free item. The lock is held, and dropped meanwhile; the token is taken, and given back. */
static void advance_locked(run *r, bool wait)
{
    item *it = r->items;
    while (it->state != FREE)
        it++;
    it->state = OPENING;
    it->index = r->next_index;
    r->in_flight++;
    if (r->in_flight > r->stats.most_in_flight)
        r->stats.most_in_flight = r->in_flight;
    r->token = true;
    vcol__lock_drop(&r->lock);
    vcol_error why = {0};
    vcol__window_choose(&r->window);
    prefetch_queued(r);
    vcol_status status = next_range(r, &it->first, &it->count, wait, &why);
    if (status == VCOL_OK) {
        vcol__cache_key key;
        vcol__cache_key_of(&r->cache, it->first, it->count, &key);
        if (!vcol__cache_has(&r->cache, &key))
            status = open_chunk(r, it, &why);
        vcol__cache_key_free(&key);
        if (status == VCOL_OK && it->slot.chunk)
            vcol__window_prefetch(&r->window, &it->slot);
    }
    vcol__lock_take(&r->lock);
    if (status == VCOL_OK) {
        it->state = QUEUED;
        r->queued++;
        r->next_index++;
    } else {
        if (status == VCOL_END)
            r->ended = true;
        else if (status != VCOL_NOT_FOUND)
            fail_locked(r, it->index, status, &why);
        free_locked(r, it);
    }
    r->ahead = r->window.ahead;
    if (r->choose_depth)
        r->depth = depth_of(r, r->jobs);
    drop_token_locked(r);
}

/* Whether a further chunk is to be opened now: so many queued as are looked ahead for, and one for the thread that asks. */
static bool wants_more_locked(const run *r, bool computes)
{
    if (r->token || r->ended || r->next_index >= r->until || r->in_flight >= r->depth)
        return false;
    return r->queued < r->ahead + (computes ? 1 : 0);
}

/* ---- computing ---------------------------------------------------------------------------------------- */

/* The state from the results cache, if it can be used. */
static bool load_cached(run *r, item *it, const vcol__cache_key *key)
{
    void *memory = NULL;
    const void *data;
    size_t size;
    bool damaged, found = vcol__cache_read(&r->cache, key, &memory, &data, &size, &damaged);
    vcol_error why = {0};
    if (found && r->job.load(&it->result, data, size, r->job.opaque, &why) != VCOL_OK) {
        it->result = NULL;
        found = false;
        damaged = true;
    }
    free(memory);
    if (damaged) {
        vcol__lock_take(&r->lock);
        r->stats.cache_damaged++;
        vcol__lock_drop(&r->lock);
    }
    return found;
}

static void keep_in_cache(run *r, item *it, const vcol__cache_key *key)
{
    vcol_sink s = {0};
    if (key->bytes && r->job.save(it->result, &s, r->job.opaque, NULL) == VCOL_OK && vcol__cache_write(&r->cache, key, s.data, s.size)) {
        vcol__lock_take(&r->lock);
        r->stats.to_cache++;
        vcol__lock_drop(&r->lock);
    }
    free(s.data);
}

/* What the chunk needed is learned, and how much of it was the job's own work. */
static void learn_locked(run *r, const item *it, uint64_t peak, double own)
{
    r->stats.computed++;
    if (peak > r->set || (peak == r->set && it->count < r->set_entries)) {
        r->set = peak;
        r->set_entries = it->count;
    }
    if (!r->set) /* nothing was read: known to be small */
        r->set = 1;
    if (r->choose_jobs && r->stats.computed > 1) { /* the first was not prefetched */
        r->own += own;
        r->all = seconds(CLOCK_PROCESS_CPUTIME_ID) - r->base;
        r->measured++;
    } else if (r->choose_jobs) {
        r->base = seconds(CLOCK_PROCESS_CPUTIME_ID);
    }
    choose_locked(r);
}

/* The job's function over the item's chunk. */
static vcol_status call_job(run *r, item *it, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    if (!it->slot.chunk) { /* the cache could not be used */
        vcol__lock_take(&r->lock);
        take_token_locked(r);
        vcol__lock_drop(&r->lock);
        status = open_chunk(r, it, err);
        vcol__lock_take(&r->lock);
        drop_token_locked(r);
        vcol__lock_drop(&r->lock);
    }
    if (status == VCOL_OK && r->job.open)
        status = r->job.open(&it->result, r->job.opaque, err);
    if (status != VCOL_OK) {
        it->result = NULL;
        return status;
    }
    vcol__consumer consumer;
    double own = r->choose_jobs ? seconds(CLOCK_THREAD_CPUTIME_ID) : 0;
    vcol__consumer_begin(&consumer, r->manager);
    int64_t began = VCOL__TRACE_BEGIN(r->manager);
    vcol__chunk_begins(it->slot.chunk);
    status = r->job.chunk(it->slot.chunk, it->result, r->job.opaque, err);
    VCOL__TRACE_END(r->manager, VCOL__TRACE_COMPUTE, began, "compute", .first = it->first);
    if (status == VCOL_OK && err->status) /* a getter's error that the function did not pass on */
        status = (vcol_status)err->status;
    own = r->choose_jobs ? seconds(CLOCK_THREAD_CPUTIME_ID) - own : 0;
    vcol__meter *meter = it->slot.chunk->meter;
    uint64_t peak = meter ? (uint64_t)atomic_load_explicit(&meter->peak, memory_order_relaxed) : 0;
    close_chunk(r, it);
    vcol__consumer_end(&consumer);
    vcol__lock_take(&r->lock);
    learn_locked(r, it, peak, own);
    vcol__lock_drop(&r->lock);
    return status;
}

/* RUNNING -> DONE, or FREE after a failure. Without the lock. */
static void compute(run *r, item *it, int32_t thread, vcol_run_chunk *info)
{
    vcol_error why = {0};
    vcol__cache_key key = {0};
    bool begun = false;
    vcol__lock_none_held();
    if (r->cache.dir)
        vcol__cache_key_of(&r->cache, it->first, it->count, &key);
    vcol_status status = r->job.begin ? r->job.begin(info, r->job.opaque, &why) : VCOL_OK;
    begun = status == VCOL_OK;
    if (status == VCOL_OK) {
        if (!it->slot.chunk)
            it->cached = load_cached(r, it, &key);
        if (!it->cached)
            status = call_job(r, it, &why);
        if (status == VCOL_OK && !it->cached)
            keep_in_cache(r, it, &key);
    }
    vcol__cache_key_free(&key);
    close_chunk(r, it);
    if (status != VCOL_OK)
        close_result(r, it);
    if (status == VCOL_END) /* an early end is merge's to say */
        status = VCOL_CALLBACK;
    vcol__lock_take(&r->lock);
    info_locked(r, it, thread, info);
    vcol__lock_drop(&r->lock);
    if (status == VCOL_OK) {
        if (r->job.end)
            r->job.end(info, r->job.opaque);
    } else if (begun && r->job.failed) {
        if (!why.status)
            vcol_error_format(&why, status, "chunk %lld: the job failed (%s)", (long long)it->index, vcol_status_name(status));
        r->job.failed(info, &why, r->job.opaque);
    }
    vcol__lock_take(&r->lock);
    r->running--;
    if (status == VCOL_OK) {
        it->state = DONE;
        r->waiting++;
        r->stats.from_cache += it->cached;
        pthread_cond_broadcast(&r->changed);
    } else {
        fail_locked(r, it->index, status, &why);
        free_locked(r, it);
    }
    vcol__lock_drop(&r->lock);
}

/* ---- merging ------------------------------------------------------------------------------------------ */

/* The item whose turn it is, or NULL. */
static item *turn_locked(run *r)
{
    item *best = NULL;
    if (r->merging)
        return NULL;
    for (int32_t i = 0; i < r->n_items; i++) {
        item *it = &r->items[i];
        if (it->state == DONE && it->index < r->until && (r->unordered || it->index == r->next_merge) &&
            (!best || it->index < best->index))
            best = it;
    }
    return best;
}

static void merge_locked(run *r, item *it)
{
    vcol_error why = {0};
    vcol_status status = VCOL_OK;
    it->state = MERGING;
    r->waiting--;
    r->merging = true;
    vcol__lock_drop(&r->lock);
    vcol__lock_none_held();
    if (r->job.merge)
        status = r->job.merge(r->total, it->result, r->job.opaque, &why);
    close_result(r, it);
    if (status == VCOL_OK || status == VCOL_END) /* who merges is the only one that changes the sum */
        vcol__window_report(&r->window, &r->report, r->stats.entries + it->count);
    vcol__lock_take(&r->lock);
    r->merging = false;
    if (status == VCOL_OK || status == VCOL_END) {
        r->stats.chunks++;
        r->stats.entries += it->count;
        r->next_merge = it->index + 1;
        if (status == VCOL_END && it->index < r->until) {
            r->early = true;
            r->error.status = 0; /* of a chunk behind */
            end_locked(r, r->unordered ? 0 : it->index + 1);
        }
    } else {
        fail_locked(r, it->index, status, &why);
    }
    free_locked(r, it);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

/* An item that nobody wants any more, or NULL. */
static item *unwanted_locked(run *r)
{
    for (int32_t i = 0; i < r->n_items; i++)
        if ((r->items[i].state == QUEUED || r->items[i].state == DONE) && r->items[i].index >= r->until && !r->items[i].busy)
            return &r->items[i];
    return NULL;
}

static void discard_locked(run *r, item *it)
{
    *(it->state == QUEUED ? &r->queued : &r->waiting) -= 1;
    it->state = MERGING; /* nobody else's */
    vcol__lock_drop(&r->lock);
    close_chunk(r, it);
    close_result(r, it);
    vcol__lock_take(&r->lock);
    free_locked(r, it);
}

/* The first of the queued items, if it may be computed on now; *short: memory is why not. */
static item *next_locked(run *r, bool *no_room)
{
    item *first = NULL;
    *no_room = false;
    for (int32_t i = 0; i < r->n_items; i++)
        if (r->items[i].state == QUEUED && r->items[i].index < r->until && (!first || r->items[i].index < first->index))
            first = &r->items[i];
    if (!first || r->running == 0)
        return first;
    uint64_t most = room(r->manager), need = need_locked(r, first->count);
    if (most != UINT64_MAX && first->slot.chunk && (!r->set || need > most || running_need_locked(r) > most - need)) {
        *no_room = true;
        return NULL;
    }
    return first;
}

static void start_locked(run *r, item *it, int32_t thread)
{
    vcol_run_chunk info;
    it->state = RUNNING;
    r->queued--;
    r->running++;
    if (r->running > r->stats.most_running)
        r->stats.most_running = r->running;
    info_locked(r, it, thread, &info);
    pthread_cond_broadcast(&r->changed); /* another may be queued */
    vcol__lock_drop(&r->lock);
    compute(r, it, thread, &info);
    vcol__lock_take(&r->lock);
}

/* Whether all is done. */
static bool over_locked(const run *r)
{
    return r->in_flight == 0 && (r->ended || r->until <= r->next_index);
}

static void work(run *r, int32_t thread)
{
    bool held_back = false;
    vcol__lock_take(&r->lock);
    while (!over_locked(r)) {
        bool computes = thread < r->jobs, no_room = false;
        item *it = turn_locked(r);
        if (it) {
            merge_locked(r, it);
            continue;
        }
        it = unwanted_locked(r);
        if (it) {
            discard_locked(r, it);
            continue;
        }
        it = computes ? next_locked(r, &no_room) : NULL;
        /* A given range is waited for only by a thread that has nothing else to do, and looked for only before computing. */
        bool idle = computes && r->queued == 0;
        if (wants_more_locked(r, computes) && (r->partition || it || idle)) {
            int64_t before = r->next_index;
            advance_locked(r, idle);
            if (idle || r->next_index != before || r->until <= before)
                continue;
            it = next_locked(r, &no_room);
        }
        if (it) {
            held_back = false;
            start_locked(r, it, thread);
            continue;
        }
        r->stats.held_back += no_room && !held_back;
        held_back = no_room;
        if (over_locked(r))
            break;
        vcol__wait wait = {.what = "a chunk of its run to compute on", .kind = VCOL__TRACE_WAIT_COMPUTE};
        vcol__wait_begin(r->manager, &wait);
        vcol__lock_wait(&r->changed, &r->lock);
        vcol__wait_end(r->manager, &wait);
    }
    pthread_cond_broadcast(&r->changed);
    vcol__lock_drop(&r->lock);
}

static void *run_thread(void *opaque)
{
    worker *w = opaque;
    char name[16];
    snprintf(name, sizeof name, "vcol-job-%d", w->number);
    pthread_setname_np(pthread_self(), name);
    work(w->run, w->number);
    return NULL;
}

static int32_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > VCOL__MOST_JOBS ? VCOL__MOST_JOBS : n;
}

/* The caller's structs into whole ones of ours. */
static vcol_status read_options(run *r, vcol_dataset *d, const vcol_run_options *options, const vcol_job *job, vcol_error *err)
{
    vcol_run_options *o = &r->options;
    o->jobs = 1;
    if (!d || !job || job->struct_size < offsetof(vcol_job, merge))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_run: a data set and an initialized job are needed");
    memcpy(&r->job, job, job->struct_size < sizeof r->job ? job->struct_size : sizeof r->job);
    if (options) {
        if (options->struct_size < offsetof(vcol_run_options, depth))
            return vcol_error_format(err, VCOL_MISUSE, "vcol_run: options were not initialized");
        memcpy(o, options, options->struct_size < sizeof *o ? options->struct_size : sizeof *o);
        for (size_t i = sizeof *o; i < options->struct_size; i++)
            if (((const char *)options)[i])
                return vcol_error_format(err, VCOL_UNSUPPORTED, "vcol_run: options of a newer version");
    }
    if (o->flags & ~(VCOL_RUN_NO_PREFETCH | VCOL_RUN_UNORDERED))
        return vcol_error_format(err, VCOL_UNSUPPORTED, "vcol_run: unknown flags");
    if (!r->job.chunk || o->jobs < 0 || o->jobs > VCOL__MOST_JOBS || o->depth < 0 || o->depth > VCOL__MOST_DEPTH)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_run: a job has a chunk function, 0 to %d threads, and a depth of 0 to %d",
                                 VCOL__MOST_JOBS, VCOL__MOST_DEPTH);
    if (o->cache_dir && (!r->job.save || !r->job.load))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_run: a results cache needs the job's save and load");
    if ((o->chunking == VCOL_CHUNK_GIVEN) != (o->next != NULL))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_run: chunks are given by `next`, or cut by the other ways");
    return VCOL_OK;
}

/* Everything that a run has besides threads. On failure what was made is closed by finish_run. */
static vcol_status prepare(run *r, vcol_error *err)
{
    const vcol_run_options *o = &r->options;
    vcol_partition_options po = {.struct_size = sizeof po, .flags = o->chunk_flags, .chunking = o->chunking, .entries = o->entries,
                                 .parts = o->parts, .first = o->first, .count = o->count, .keys = o->keys};
    vcol_status status = VCOL_OK;
    if (o->chunking != VCOL_CHUNK_GIVEN)
        status = vcol_partition_open(r->dataset, &po, &r->partition, err);
    if (status == VCOL_OK)
        status = vcol__window_open(&r->window, r->dataset, o->columns, o->plan, !(o->flags & VCOL_RUN_NO_PREFETCH), 0,
                                   r->partition ? vcol__partition_size(r->partition) : o->entries, err);
    if (status != VCOL_OK) {
        r->window.dataset = NULL;
        return status;
    }
    if (o->cache_dir)
        status = vcol__cache_open(&r->cache, r->dataset, o->cache_dir, o->version, r->window.columns,
                                  o->columns ? r->window.n_columns : -1, err);
    if (status != VCOL_OK)
        return status;
    vcol__report_begin(&r->report, r->dataset, r->partition ? r->partition->end - r->partition->first : r->dataset->entries,
                       o->progress, o->progress_opaque);
    r->processors = processors();
    r->choose_jobs = o->jobs == 0;
    r->choose_depth = o->depth == 0;
    r->jobs = o->jobs ? o->jobs : 1;
    r->n_items = o->depth ? o->depth : 2 * (o->jobs ? o->jobs : r->processors) + VCOL__MOST_AHEAD;
    r->items = calloc((size_t)r->n_items, sizeof *r->items);
    if (!r->items)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %d chunks", r->n_items);
    r->ahead = r->window.ahead;
    r->depth = o->depth ? o->depth : depth_of(r, r->jobs);
    return VCOL_OK;
}

/* Runs all threads to their end. */
static void run_threads(run *r)
{
    int32_t most = r->options.jobs ? r->options.jobs : r->processors, n = 1;
    worker *workers = calloc((size_t)most, sizeof *workers);
    for (; workers && n < most; n++) { /* fewer threads give the same */
        workers[n] = (worker){.run = r, .number = n};
        if (pthread_create(&workers[n].thread, NULL, run_thread, &workers[n]) != 0)
            break;
    }
    work(r, 0);
    for (int32_t i = 1; workers && i < n; i++)
        pthread_join(workers[i].thread, NULL);
    if (r->jobs > n)
        r->jobs = n;
    free(workers);
}

vcol_status vcol_run(vcol_dataset *d, const vcol_run_options *options, const vcol_job *job, void *total, vcol_run_stats *stats,
                     vcol_error *err)
{
    run r = {.dataset = d, .total = total, .until = INT64_MAX};
    vcol_error why = {0};
    if (stats)
        memset(stats, 0, sizeof *stats);
    if (err && err->status)
        return (vcol_status)err->status;
    vcol_status status = read_options(&r, d, options, job, err);
    if (status != VCOL_OK)
        return status;
    r.manager = d->manager;
    r.unordered = r.options.flags & VCOL_RUN_UNORDERED;
    vcol__lock_init(&r.lock, LEVEL_CHUNK);
    pthread_cond_init(&r.changed, NULL);
    status = prepare(&r, &why);
    if (status == VCOL_OK) {
        run_threads(&r);
        status = (vcol_status)r.error.status;
        why = r.error;
        if (status == VCOL_OK && r.early)
            status = VCOL_END;
        else if (status == VCOL_OK && r.job.finish)
            status = r.job.finish(total, r.job.opaque, &why);
    }
    if (stats) {
        *stats = r.stats;
        stats->jobs = r.jobs;
        stats->depth = r.depth;
        stats->ahead = r.ahead;
        stats->working_set = r.set;
    }
    vcol__cache_close(&r.cache);
    if (r.window.dataset)
        vcol__window_close(&r.window);
    vcol_partition_close(r.partition);
    free(r.items);
    pthread_cond_destroy(&r.changed);
    vcol__lock_destroy(&r.lock);
    if (status != VCOL_OK && status != VCOL_END) {
        if (!why.status)
            vcol_error_format(&why, status, "the job's finish failed (%s)", vcol_status_name(status));
        if (err)
            *err = why;
    }
    return status;
}
