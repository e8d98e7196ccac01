/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs over small tables: TESTS.md E5 (the pipeline), E7.1 (what does not depend on how chunks are cut) and E7.2 (the results
 * cache).
 */
#define _GNU_SOURCE
#include "table.h"

#include "dataset/run.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 512 /* chunks */

/* A chunk's result: the sum of x, in the order of rows, and which chunk it was. */
typedef struct part {
    int64_t first, count;
    double sum;
} part;

/* A job that watches over its run. All but the total are of any thread. */
typedef struct watch {
    table_world *w;
    int32_t depth;       /* the bound; 0: not looked at */
    uint64_t seed;       /* of the steps at which threads give way; 0: they do not */
    bool unordered;
    t_gate *gates[MOST]; /* passed in the middle of that chunk's function */
    t_gate gate;         /* for some of them */
    _Atomic int64_t fail_chunk; /* that index fails; -1 = none; a test may change it while chunks run */
    int64_t fail_open, fail_begin, fail_merge, fail_next, fail_load; /* likewise, const while it runs */
    bool fail_finish;
    int64_t stop_after;  /* merge says END with that index; -1 = never */
    int64_t linger;      /* chunks from that index on stay until they are stopped; -1 = none */
    int64_t size;        /* of a given range */
    const char *column;  /* asked for besides x, from chunk 1 on; or NULL */
    /* seen */
    _Atomic int64_t begins, ends, fails, opens, closes, calls, merges, nexts, finishes, saves, loads, stopped_seen;
    _Atomic int merging, in_next, computing;
    _Atomic int64_t by_index[MOST];
    /* the total: merge's own */
    double sum;
    int64_t rows, n_merged, order[MOST];
} watch;

static watch *watch_new(table_world *w)
{
    watch *o = calloc(1, sizeof *o);
    o->w = w;
    o->fail_chunk = o->fail_open = o->fail_begin = o->fail_merge = o->fail_next = o->fail_load = o->stop_after = o->linger = -1;
    o->size = 100;
    t_gate_init(&o->gate);
    return o;
}

/* The world is closed; its files stay. */
static void watch_close(watch *o)
{
    table_close(o->w);
    t_gate_destroy(&o->gate);
    free(o);
}

static watch *watch_again(watch *o)
{
    table_world *w = o->w;
    watch_close(o);
    return watch_new(w);
}

/* With its world. */
static void watch_end(watch *o)
{
    table_world *w = o->w;
    watch_close(o);
    table_free(w);
}

/* Gives way, now and then, by the seed. */
static void step(watch *o, int64_t index, int64_t where)
{
    if (o->seed) {
        t_random r = {o->seed + (uint64_t)(index * 16 + where)};
        for (int64_t n = t_below(&r, 4); n > 0; n--)
            t_yield();
    }
}

/* Chunks in flight at this step. */
static void sample(watch *o, const vcol_run_chunk *info)
{
    int64_t in_flight = info->queued + info->running + info->waiting;
    t_require(info->queued >= 0 && info->running >= 0 && info->waiting >= 0);
    t_require(!o->depth || in_flight <= o->depth);
    t_require(!o->depth || atomic_load(&o->opens) - atomic_load(&o->closes) <= o->depth);
}

static _Thread_local int64_t current; /* the chunk that this thread has begun */

static vcol_status on_begin(const vcol_run_chunk *info, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    current = info->index;
    sample(o, info);
    step(o, info->index, 1);
    if (info->index == o->fail_begin)
        return vcol_error_set(err, VCOL_UNSUPPORTED, "begin failed");
    atomic_fetch_add(&o->begins, 1);
    return VCOL_OK;
}

static void on_end(const vcol_run_chunk *info, void *opaque)
{
    t_require(info->index == current);
    sample(opaque, info);
    atomic_fetch_add(&((watch *)opaque)->ends, 1);
}

static void on_failed(const vcol_run_chunk *info, const vcol_error *why, void *opaque)
{
    t_require(info->index == current && why->status && why->message[0]);
    sample(opaque, info);
    atomic_fetch_add(&((watch *)opaque)->fails, 1);
}

static vcol_status on_open(void **state, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    step(o, current, 2);
    if (current == o->fail_open)
        return vcol_error_set(err, VCOL_UNSUPPORTED, "open failed");
    *state = calloc(1, sizeof(part));
    atomic_fetch_add(&o->opens, 1);
    return VCOL_OK;
}

static vcol_status on_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    part *p = state;
    int64_t row, index = current;
    t_require(index < MOST);
    atomic_fetch_add(&o->computing, 1);
    atomic_fetch_add(&o->calls, 1);
    atomic_fetch_add(&o->by_index[index], 1);
    p->first = vcol_chunk_first(c);
    p->count = vcol_chunk_entries(c);
    const table_file *f = table_row(o->w, p->first, &row);
    step(o, index, 3);
    const double *x = vcol_chunk_f64(c, "x", err);
    if (x)
        t_require(memcmp(x, f->x + row, (size_t)p->count * sizeof *x) == 0);
    for (int64_t i = 0; x && i < p->count; i++)
        p->sum += x[i];
    if (o->column && index)
        vcol_chunk_i64(c, o->column, err);
    if (o->gates[index])
        t_gate_pass(o->gates[index]);
    if (o->linger >= 0 && index >= o->linger) {
        t_until(vcol_chunk_stopped(c));
        t_require(!vcol_chunk_i64(c, "event", err) && err->status == VCOL_CANCELLED);
    }
    if (err->status == VCOL_CANCELLED)
        atomic_fetch_add(&o->stopped_seen, 1);
    vcol_status status = (vcol_status)err->status;
    if (index == o->fail_chunk)
        status = vcol_error_format(err, VCOL_CALLBACK, "chunk %lld says no", (long long)index);
    atomic_fetch_sub(&o->computing, 1);
    return status;
}

static vcol_status on_merge(void *total, void *state, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    const part *p = state;
    t_require(total == o);
    t_require(atomic_exchange(&o->merging, 1) == 0);
    step(o, o->n_merged, 4);
    vcol_status status = VCOL_OK;
    if (o->n_merged == o->fail_merge)
        status = vcol_error_set(err, VCOL_UNSUPPORTED, "merge failed");
    else if (o->n_merged == o->stop_after)
        status = VCOL_END;
    if (status == VCOL_END && o->linger == o->n_merged + 1)
        t_until(atomic_load(&o->begins) > o->linger); /* the chunk behind is being computed on */
    if (status != VCOL_UNSUPPORTED) {
        t_require(o->n_merged < MOST && (o->unordered || p->first == o->rows || o->n_merged == 0));
        o->order[o->n_merged++] = p->first;
        o->rows = o->unordered ? o->rows + p->count : p->first + p->count;
        o->sum += p->sum; /* another order gives other bits */
        atomic_fetch_add(&o->merges, 1);
    }
    t_require(atomic_exchange(&o->merging, 0) == 1);
    return status;
}

static void on_close(void *state, void *opaque)
{
    t_require(state);
    free(state);
    atomic_fetch_add(&((watch *)opaque)->closes, 1);
}

static vcol_status on_save(const void *state, vcol_sink *sink, void *opaque, vcol_error *err)
{
    atomic_fetch_add(&((watch *)opaque)->saves, 1);
    vcol_sink_write(sink, "part", 4, err);
    return vcol_sink_write(sink, state, sizeof(part), err);
}

static vcol_status on_load(void **state, const void *data, size_t size, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    if (size != 4 + sizeof(part) || memcmp(data, "part", 4) != 0)
        return vcol_error_set(err, VCOL_CORRUPT, "no part");
    if (atomic_fetch_add(&o->loads, 1) == o->fail_load)
        return vcol_error_set(err, VCOL_UNSUPPORTED, "of another version");
    *state = malloc(sizeof(part));
    memcpy(*state, (const char *)data + 4, sizeof(part));
    atomic_fetch_add(&o->opens, 1);
    return VCOL_OK;
}

static vcol_status on_finish(void *total, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    t_require(total == o && !atomic_load(&o->computing));
    t_require(atomic_load(&o->opens) == atomic_load(&o->closes));
    atomic_fetch_add(&o->finishes, 1);
    return o->fail_finish ? vcol_error_set(err, VCOL_UNSUPPORTED, "finish failed") : VCOL_OK;
}

/* The base iterator: ranges of o->size, in order; no thread is in it twice. */
static vcol_status on_next(int64_t *first, int64_t *count, int wait, void *opaque, vcol_error *err)
{
    watch *o = opaque;
    int64_t rows = table_rows(o->w), at = atomic_load(&o->nexts) * o->size;
    t_require(atomic_exchange(&o->in_next, 1) == 0);
    vcol_status status = VCOL_OK;
    if (!wait && o->seed && t_below(&(t_random){o->seed + (uint64_t)at}, 3) == 0) {
        status = VCOL_NOT_FOUND; /* none yet */
    } else if (at >= rows) {
        status = VCOL_END;
    } else if (atomic_load(&o->nexts) == o->fail_next) {
        status = vcol_error_set(err, VCOL_UNSUPPORTED, "next failed");
    } else {
        *first = at;
        *count = rows - at < o->size ? rows - at : o->size;
        atomic_fetch_add(&o->nexts, 1);
    }
    t_require(atomic_exchange(&o->in_next, 0) == 1);
    return status;
}

static vcol_job job_of(watch *o)
{
    vcol_job j;
    vcol_job_init(&j, sizeof j);
    j.open = on_open;
    j.chunk = on_chunk;
    j.merge = on_merge;
    j.close = on_close;
    j.save = on_save;
    j.load = on_load;
    j.begin = on_begin;
    j.end = on_end;
    j.failed = on_failed;
    j.finish = on_finish;
    j.opaque = o;
    return j;
}

static vcol_run_options run_options(int jobs, int depth)
{
    vcol_run_options o;
    vcol_run_options_init(&o, sizeof o);
    o.jobs = jobs;
    o.depth = depth;
    o.entries = 100;
    return o;
}

static void given(vcol_run_options *ro, watch *o)
{
    ro->chunking = VCOL_CHUNK_GIVEN;
    ro->next = on_next;
    ro->next_opaque = o;
    ro->entries = 0;
}

/* Runs; afterwards nothing is left, and each begin has its end. */
static vcol_status go(watch *o, const vcol_run_options *ro, vcol_run_stats *stats, vcol_error *err)
{
    vcol_run_stats s;
    vcol_job j = job_of(o);
    int threads = t_threads();
    o->unordered = ro->flags & VCOL_RUN_UNORDERED;
    vcol_status status = vcol_run(o->w->d, ro, &j, o, &s, err);
    ck_assert_int_eq(atomic_load(&o->opens), atomic_load(&o->closes));
    ck_assert_int_eq(atomic_load(&o->begins), atomic_load(&o->ends) + atomic_load(&o->fails));
    ck_assert_int_eq(s.chunks, o->n_merged);
    ck_assert_int_eq(atomic_load(&o->finishes), status == VCOL_OK || o->fail_finish ? 1 : 0);
    if (ro->depth)
        ck_assert_int_le(s.most_in_flight, ro->depth);
    if (!(vcol_manager_threads(o->w->m)))
        t_until(t_threads() <= threads); /* joined; the kernel lists them a little longer */
    t_until(t_stats(o->w->m).live + t_stats(o->w->m).promised == 0);
    if (stats)
        *stats = s;
    return status;
}

/* The sum as one thread makes it, over chunks of so many rows. */
static double expected(const table_world *w, int64_t size)
{
    double total = 0;
    for (int f = 0; f < w->n_files; f++)
        for (int64_t first = 0; first < w->files[f].rows; first += size) {
            double sum = 0;
            for (int64_t i = first; i < first + size && i < w->files[f].rows; i++)
                sum += w->files[f].x[i];
            total += sum;
        }
    return total;
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* ---- E5 ------------------------------------------------------------------------------------------------- */

static const int some_workers[] = {1, 2, 4, 8}, some_depths[] = {1, 2, 4};

/* _i: workers x depth; 100 seeds. By entries, given, unordered, with background threads and without. */
START_TEST(e5_1_no_more_than_depth_are_in_flight_at_every_step)
{
    int workers = some_workers[_i / 3], depth = some_depths[_i % 3], seeds = T_REPEAT(100);
    for (int seed = 1; seed <= seeds; seed++) {
        table_world *w = table_new(1, 50 + seed * 7, 3, (uint64_t)seed);
        watch *o = watch_new(w);
        vcol_run_options ro = run_options(workers, depth);
        vcol_run_stats stats;
        o->size = ro.entries = 10 + seed % 31;
        double sum = expected(w, ro.entries);
        int64_t chunks = (w->files[0].rows + ro.entries - 1) / ro.entries;
        o->depth = depth;
        o->seed = (uint64_t)seed * 7919;
        ro.flags = (seed % 4 == 3 ? VCOL_RUN_UNORDERED : 0) | (seed % 5 == 4 ? VCOL_RUN_NO_PREFETCH : 0);
        if (seed % 3 == 2)
            given(&ro, o);
        table_open(w, seed % 2 * 2, 0, 0);
        vcol_error err = {0};
        ck_assert_msg(go(o, &ro, &stats, &err) == VCOL_OK, "%s", err.message);
        ck_assert_int_eq(o->n_merged, chunks);
        for (int64_t i = 0; i < chunks; i++) /* each once */
            ck_assert_int_eq(atomic_load(&o->by_index[i]), 1);
        ck_assert_int_eq(o->rows, w->files[0].rows);
        if (!o->unordered)
            ck_assert(same_bits(o->sum, sum));
        ck_assert_int_le(stats.most_running, workers);
        ck_assert_int_eq(stats.jobs, workers);
        ck_assert_int_eq(stats.depth, depth);
        ck_assert_int_eq(stats.computed, chunks);
        ck_assert_int_eq(stats.entries, w->files[0].rows);
        watch_end(o);
    }
}
END_TEST

/* A run on a thread of its own, so that the test can look at it. */
typedef struct running {
    pthread_t thread;
    watch *o;
    const vcol_run_options *ro;
    vcol_status status;
} running;

static void *run_thread(void *opaque)
{
    running *r = opaque;
    r->status = go(r->o, r->ro, NULL, NULL);
    return NULL;
}

static void start(running *r, watch *o, const vcol_run_options *ro)
{
    *r = (running){.o = o, .ro = ro};
    t_require(pthread_create(&r->thread, NULL, run_thread, r) == 0);
}

/* How it ends once the gate is open. */
static vcol_status let_go(running *r, t_gate *gate)
{
    t_gate_open(gate);
    t_require(pthread_join(r->thread, NULL) == 0);
    return r->status;
}

/* Chunk 0 is held until all that may run meanwhile has ended: as many as the depth allows, which wait for their turn. */
START_TEST(e5_2_order_is_kept_when_item_0_is_last)
{
    int workers = 2 + _i % 3, depth = workers + _i / 3;
    table_world *w = table_new(1, 1000, 3, 1);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(workers, depth);
    running run;
    o->gates[0] = &o->gate;
    o->depth = depth;
    table_open(w, 0, 0, 0);
    start(&run, o, &ro);
    t_gate_await(&o->gate, 1);
    t_until(atomic_load(&o->ends) == depth - 1);
    ck_assert_int_eq(atomic_load(&o->begins), depth);
    ck_assert_int_eq(atomic_load(&o->merges), 0);
    ck_assert_int_eq(let_go(&run, &o->gate), VCOL_OK);
    ck_assert_int_eq(o->n_merged, 10);
    for (int64_t i = 0; i < 10; i++)
        ck_assert_int_eq(o->order[i], i * 100);
    ck_assert(same_bits(o->sum, expected(w, 100)));
    watch_end(o);
}
END_TEST

/* Unordered: with two threads and a depth of two, all others are merged while chunk 0 is held. */
START_TEST(e5_2_unordered_delivers_item_1_while_item_0_is_gated)
{
    table_world *w = table_new(1, 1000, 3, 1);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(2 + _i, 2 + _i);
    running run;
    o->gates[0] = &o->gate;
    o->depth = ro.depth;
    ro.flags = VCOL_RUN_UNORDERED;
    table_open(w, 0, 0, 0);
    start(&run, o, &ro);
    t_gate_await(&o->gate, 1);
    t_until(atomic_load(&o->merges) == 9);
    ck_assert_int_eq(let_go(&run, &o->gate), VCOL_OK);
    ck_assert_int_eq(o->n_merged, 10);
    ck_assert_int_eq(o->order[9], 0);
    if (_i == 0)
        ck_assert_int_eq(o->order[0], 100);
    watch_end(o);
}
END_TEST

/* _i: workers x depth. The consumer stops at item k; chunks behind it that are computed on stay until they see it. */
START_TEST(e5_3_a_stop_at_item_k_leaves_nothing)
{
    int workers = some_workers[_i / 3], depth = some_depths[_i % 3];
    for (int64_t k = 0; k < 12; k++) {
        table_world *w = table_new(1, 3000, 3, 2);
        watch *o = watch_new(w);
        vcol_run_options ro = run_options(workers, depth);
        vcol_error err = {0};
        o->stop_after = k;
        o->linger = k + 1 + (k % 2 ? 0 : 40);
        if (workers == 1 || depth == 1) /* what is computed on then would be waited for by its own thread */
            o->linger = -1;
        o->depth = depth;
        given(&ro, o);
        table_open(w, k % 3, 0, 0);
        ck_assert_int_eq(go(o, &ro, NULL, &err), VCOL_END);
        ck_assert_int_eq(err.status, 0);
        ck_assert_int_eq(o->n_merged, k + 1);
        ck_assert(same_bits(o->sum, expected(w, 100)) == false);
        ck_assert_int_le(atomic_load(&o->nexts), k + 1 + depth);
        ck_assert_int_eq(atomic_load(&o->fails), atomic_load(&o->stopped_seen));
        ck_assert(o->linger != k + 1 || atomic_load(&o->stopped_seen) > 0);
        watch_end(o);
    }
}
END_TEST

/* Every place in which a run can fail, with every number of workers: one error, that of the first chunk; nothing is left. */
START_TEST(e5_4_an_error_ends_the_run_once_and_leaves_nothing)
{
    int workers = some_workers[_i];
    static const char *const places[] = {"chunk", "open", "begin", "merge", "next", "finish", "read"};
    for (int place = 0; place < 7; place++) {
        for (int64_t k = 0; k < 10; k += 3) {
            table_world *w = table_new(1, 1000, 3, 2);
            watch *o = watch_new(w);
            vcol_run_options ro = run_options(workers, 4);
            vcol_error err = {0};
            vcol_run_stats stats;
            int64_t chunk = -1, *const at[] = {&chunk, &o->fail_open, &o->fail_begin, &o->fail_merge, &o->fail_next};
            if (place < 5)
                *at[place] = k;
            o->fail_chunk = chunk;
            o->fail_finish = place == 5;
            o->seed = (uint64_t)(k + 1);
            o->depth = 4;
            if (place == 4)
                given(&ro, o);
            table_open(w, k % 2, 0, 0);
            if (place == 6)
                w->files[0].bad_offset = 64 + 8 * (3 + TABLE_CLUSTERS + 1) + 16 * 1000 + 8 * (100 * (uint64_t)k + 50);
            vcol_status want = place == 0 ? VCOL_CALLBACK : place == 6 ? VCOL_IO : VCOL_UNSUPPORTED;
            ck_assert_int_eq(go(o, &ro, &stats, &err), want);
            ck_assert_int_eq(err.status, want);
            const char *says = place == 6 ? "broken" : place == 0 ? "says no" : places[place];
            ck_assert_msg(strstr(err.message, says), "%s: %s", places[place], err.message);
            ck_assert_int_eq(o->n_merged, place == 5 ? 10 : k);
            if (place == 4)
                ck_assert_int_eq(atomic_load(&o->nexts), k);
            ck_assert_int_eq(vcol_run(w->d, &ro, NULL, NULL, NULL, &err), want); /* inherited */
            watch_end(o);
        }
    }
}
END_TEST

/* Chunk 5 fails first, while chunk 3 is held, which then fails too: 3 is what is said, and all before it are merged. */
START_TEST(e5_4_the_first_error_in_the_order_of_chunks_is_said)
{
    table_world *w = table_new(1, 1000, 3, 2);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(4, 8);
    running run;
    o->fail_chunk = 5;
    o->gates[3] = &o->gate;
    table_open(w, 0, 0, 0);
    start(&run, o, &ro);
    t_gate_await(&o->gate, 1);
    t_until(atomic_load(&o->fails) >= 1); /* those behind it that were running fail too: they are stopped */
    if (_i)
        o->fail_chunk = 3; /* read by the held chunk, after the gate */
    ck_assert_int_eq(let_go(&run, &o->gate), VCOL_CALLBACK);
    ck_assert_int_eq(o->n_merged, _i ? 3 : 5);
    ck_assert_int_le(atomic_load(&o->calls), 3 + 8); /* three are merged, and no more than the depth in flight */
    watch_end(o);
}
END_TEST

/* The n-th allocation of the manager fails, for every n: the run fails with it or does not need it; nothing is left. */
START_TEST(e5_4_every_allocation_fails_once)
{
    int64_t n = 1, failed = 0, step = T_REPEAT(3) > 2 ? 1 : 3;
    for (bool more = true; more; n += step) {
        table_world *w = table_new(1, 400, 3, 2);
        watch *o = watch_new(w);
        vcol_run_options ro = run_options(2, 3);
        vcol_error err = {0};
        table_open(w, _i, 0, 0);
        int64_t before = atomic_load(&w->allocator.calls);
        w->allocator.fail_call = before + n;
        vcol_status status = go(o, &ro, NULL, &err);
        more = atomic_load(&w->allocator.calls) >= before + n;
        ck_assert_msg(status == VCOL_OK || (more && status == VCOL_NOMEM && err.message[0]), "%d: %s", status, err.message);
        failed += status != VCOL_OK;
        if (status == VCOL_OK)
            ck_assert(same_bits(o->sum, expected(w, 100)));
        w->allocator.fail_call = 0;
        watch_end(o);
    }
    ck_assert_int_gt(failed, 0);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------------------- */

/* Four threads, room for two chunks and a half: one alone until it is known what it needs, then two; never over the limit. */
START_TEST(e5_5_a_further_chunk_starts_only_when_its_working_set_fits)
{
    table_world *w = table_new(1, 4000, 3, 2);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(4, 8);
    vcol_run_stats stats;
    ro.entries = 400;
    w->files[0].block = 400;
    ro.flags = VCOL_RUN_NO_PREFETCH;
    table_open(w, 0, 0, 0);
    ck_assert_int_eq(go(o, &ro, &stats, NULL), VCOL_OK);
    ck_assert_uint_ge(stats.working_set, 3200);
    ck_assert_int_eq(stats.held_back, 0);
    uint64_t set = stats.working_set;
    o = watch_again(o);
    t_gate first;
    t_gate_init(&first);
    o->gates[0] = &first;
    o->gates[1] = o->gates[2] = &o->gate;
    table_open(w, 0, 1 << 20, VCOL_MANAGER_LIMIT_HARD);
    vcol_manager_set_limit(w->m, t_stats(w->m).fixed + set * 17 / 8);
    running run;
    start(&run, o, &ro);
    t_gate_await(&first, 1);
    ck_assert_int_eq(atomic_load(&o->begins), 1); /* and so it stays: it is not known what a chunk needs */
    t_gate_open(&first);
    t_gate_await(&o->gate, 2);
    ck_assert_int_eq(atomic_load(&o->begins), 3);
    ck_assert_int_eq(let_go(&run, &o->gate), VCOL_OK);
    ck_assert(same_bits(o->sum, expected(w, 400)));
    ck_assert_uint_eq(t_stats(w->m).overcommits, 0);
    o = watch_again(o);
    table_open(w, 0, 1 << 20, 0);
    vcol_manager_set_limit(w->m, t_stats(w->m).fixed + set * 17 / 8);
    ck_assert_int_eq(go(o, &ro, &stats, NULL), VCOL_OK);
    ck_assert_int_le(stats.most_running, 2);
    watch_end(o);
    t_gate_destroy(&first);
}
END_TEST

/*
 * Chunks that turn out to need twice what those before did. Two compute; the memory is for one and a half of them: the one that
 * is short waits for the other to end, which knows it and goes on only then. With a hard limit: it is no error.
 */
static struct {
    table_world *w;
    _Atomic int holders;
    _Atomic bool holds; /* the first of two has all it needs */
    bool both; /* both hold a column and then want one more: nobody's memory comes back by itself */
    t_gate met;
} short_of;

static vcol_status short_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    (void)state, (void)opaque;
    int64_t index = vcol_chunk_first(c) / 400;
    if (index == 0)
        return VCOL_OK; /* needs nothing */
    if (short_of.both) {
        if (!vcol_chunk_f64(c, "x", err))
            return (vcol_status)err->status;
        if (index < 3)
            t_gate_pass(&short_of.met);
        vcol_chunk_i64(c, "event", err);
        return (vcol_status)err->status;
    }
    bool first = index < 3 && atomic_fetch_add(&short_of.holders, 1) == 0;
    if (index < 3 && !first)
        t_until(atomic_load(&short_of.holds));
    if (!vcol_chunk_f64(c, "x", err) || !vcol_chunk_i64(c, "event", err) || !vcol_chunk_i64(c, "run", err))
        return (vcol_status)err->status;
    atomic_store(&short_of.holds, true);
    if (first)
        t_until(t_stats(short_of.w->m).memory_waits > 0);
    return VCOL_OK;
}

/* Runs them with so many bytes besides what is fixed. A column of 3,200 bytes has a class of 3,584. */
static table_world *run_short(bool both, uint64_t room, uint32_t flags, vcol_run_stats *stats)
{
    table_world *w = table_new(1, 4000, 3, 2);
    vcol_run_options ro = run_options(2, 4);
    vcol_job j;
    vcol_error err = {0};
    vcol_job_init(&j, sizeof j);
    j.chunk = short_chunk;
    ro.entries = 400;
    ro.flags = VCOL_RUN_NO_PREFETCH;
    w->files[0].block = 400;
    memset(&short_of, 0, sizeof short_of);
    short_of.w = w;
    short_of.both = both;
    t_gate_init(&short_of.met);
    t_gate_open_at(&short_of.met, 2);
    table_open(w, 0, 1 << 20, flags);
    vcol_manager_set_limit(w->m, t_stats(w->m).fixed + room);
    ck_assert_msg(vcol_run(w->d, &ro, &j, NULL, stats, &err) == VCOL_OK, "%s", err.message);
    t_gate_destroy(&short_of.met);
    return w;
}

START_TEST(e5_5_who_is_short_of_memory_waits_for_a_chunk_that_computes)
{
    vcol_run_stats stats;
    /* three columns, and while the last is made its stored and unpacked bytes */
    table_world *w = run_short(false, 6 * 3584 + 2048, VCOL_MANAGER_LIMIT_HARD, &stats);
    ck_assert_int_eq(stats.most_running, 2);
    ck_assert_uint_gt(t_stats(w->m).memory_waits, 0);
    ck_assert_uint_eq(t_stats(w->m).overcommits, 0);
    table_end(w);
}
END_TEST

START_TEST(e5_5_chunks_that_wait_for_each_others_memory_are_granted_over_the_limit)
{
    table_world *w = run_short(true, 4 * 3584 + 1024, 0, NULL);
    ck_assert_uint_gt(t_stats(w->m).overcommits, 0);
    table_end(w);
}
END_TEST

/* ---- what is chosen, threads, options --------------------------------------------------------------------- */

START_TEST(e5_6_threads_are_chosen_by_their_share_and_by_memory)
{
    static const struct {
        int32_t processors;
        double own, all;
        uint64_t room, set;
        int32_t jobs;
    } cases[] = {
        {2, 1, 1, UINT64_MAX, 0, 2},   {2, 1, 2, UINT64_MAX, 0, 1},  {2, 1.1, 2, UINT64_MAX, 0, 2}, {8, 1, 4, UINT64_MAX, 7, 2},
        {8, 3, 4, UINT64_MAX, 1, 6},   {8, 0, 4, UINT64_MAX, 1, 1},  {1, 5, 5, UINT64_MAX, 1, 1},   {8, 4, 4, 100, 30, 3},
        {8, 4, 4, 100, 101, 1},        {8, 5, 4, UINT64_MAX, 0, 8},  {8, 0, 0, UINT64_MAX, 0, 8},   {8, 1, 8, 100, 1, 1},
        {256, 9, 9, UINT64_MAX, 0, 256},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(vcol__run_jobs(cases[i].processors, cases[i].own, cases[i].all, cases[i].room, cases[i].set) == cases[i].jobs,
                      "case %zu", i);
}
END_TEST

START_TEST(e5_6_what_was_chosen_can_be_read_and_changes_no_result)
{
    for (int k = 0; k < 8; k++) {
        table_world *w = table_new(1, 4000, 3, 2);
        watch *o = watch_new(w);
        vcol_run_options ro = run_options(k % 2 ? 0 : 3, k % 4 / 2 ? 0 : 5);
        vcol_run_stats s;
        table_open(w, 2, k / 4 ? 100000 : 0, 0);
        ck_assert_int_eq(go(o, &ro, &s, NULL), VCOL_OK);
        ck_assert(same_bits(o->sum, expected(w, 100)));
        ck_assert_int_ge(s.jobs, 1);
        ck_assert_int_le(s.most_running, ro.jobs ? ro.jobs : 256);
        ck_assert(ro.jobs == 0 || s.jobs == ro.jobs);
        ck_assert_int_ge(s.depth, 1);
        ck_assert(ro.depth ? s.depth == ro.depth : s.depth >= s.jobs);
        ck_assert_int_ge(s.ahead, 2);
        ck_assert_uint_gt(s.working_set, 0);
        watch_end(o);
    }
}
END_TEST

static struct {
    pthread_t caller;
    t_gate gate;
    _Atomic int named, callers;
} naming;

static vcol_status name_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    char name[16];
    (void)c, (void)state, (void)opaque, (void)err;
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (pthread_equal(pthread_self(), naming.caller))
        atomic_fetch_add(&naming.callers, 1);
    else if (strcmp(name, "vcol-job-1") == 0 || strcmp(name, "vcol-job-2") == 0)
        atomic_fetch_add(&naming.named, 1);
    t_gate_pass(&naming.gate);
    return VCOL_OK;
}

/* Three chunks at a time: on the caller's thread and on two that have names. Without any callback but chunk. */
START_TEST(e5_6_threads_have_names_and_the_caller_is_one_of_them)
{
    table_world *w = table_new(1, 300, 3, 2);
    vcol_run_options ro = run_options(3, 3);
    vcol_job j;
    vcol_job_init(&j, sizeof j);
    j.chunk = name_chunk;
    naming.caller = pthread_self();
    t_gate_init(&naming.gate);
    t_gate_open_at(&naming.gate, 3);
    table_open(w, 0, 0, 0);
    ck_assert_int_eq(vcol_run(w->d, &ro, &j, NULL, NULL, NULL), VCOL_OK);
    ck_assert_int_eq(atomic_load(&naming.callers), 1);
    ck_assert_int_eq(atomic_load(&naming.named), 2);
    table_end(w);
    t_gate_destroy(&naming.gate);
}
END_TEST

START_TEST(e5_6_misuse_is_answered)
{
    table_world *w = table_new(1, 300, 3, 2);
    watch *o = watch_new(w);
    vcol_job j = job_of(o), none = j, unsaved = j;
    vcol_run_options ro;
    vcol_run_stats s;
    none.chunk = NULL;
    unsaved.save = NULL;
    table_open(w, 0, 0, 0);
#define ANSWER(wanted, job)                                                                                            \
    do {                                                                                                               \
        vcol_error e = {0};                                                                                            \
        ck_assert_int_eq(vcol_run(w->d, &ro, job, o, &s, &e), wanted);                                                 \
        ck_assert(e.status == wanted && e.message[0]);                                                                 \
    } while (0)
    ro = run_options(1, 1);
    ANSWER(VCOL_MISUSE, NULL);
    ANSWER(VCOL_MISUSE, &none);
    ro = run_options(-1, 0);
    ANSWER(VCOL_MISUSE, &j);
    ro = run_options(257, 0);
    ANSWER(VCOL_MISUSE, &j);
    ro = run_options(1, 1025);
    ANSWER(VCOL_MISUSE, &j);
    ro = run_options(1, 1);
    ro.flags = 1u << 30;
    ANSWER(VCOL_UNSUPPORTED, &j);
    ro = run_options(1, 1);
    ro.cache_dir = "somewhere";
    ANSWER(VCOL_MISUSE, &unsaved);
    ro = run_options(1, 1);
    ro.next = on_next;
    ANSWER(VCOL_MISUSE, &j);
    ro = run_options(1, 1);
    ro.chunking = VCOL_CHUNK_GIVEN;
    ANSWER(VCOL_MISUSE, &j);
    ro = run_options(1, 1);
    ro.columns = "nothing";
    ANSWER(VCOL_NOT_FOUND, &j);
    ro = run_options(1, 1);
    ro.first = 301;
    ANSWER(VCOL_RANGE, &j);
    ck_assert_int_eq(vcol_run(NULL, &ro, &j, o, NULL, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_run(w->d, NULL, &j, o, NULL, NULL), VCOL_OK); /* all defaults */
    watch_end(o);
}
END_TEST

/* A hundred chunks and more are open at once: a pass knows them all, and unpacks each block once. */
START_TEST(e5_7_any_number_of_chunks_may_be_open)
{
    table_world *w = table_new(1, 4000, 3, 2);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(100 + _i * 50, 200);
    running run;
    for (int i = 0; i < 100; i++)
        o->gates[i] = &o->gate;
    ro.entries = 30; /* blocks of 100 lie across */
    ro.flags = VCOL_RUN_UNORDERED;
    table_open(w, 0, 0, 0);
    start(&run, o, &ro);
    t_gate_await(&o->gate, 100);
    ck_assert_int_eq(let_go(&run, &o->gate), VCOL_OK);
    ck_assert_int_eq(o->rows, 4000);
    ck_assert_uint_eq(t_stats(w->m).blocks_redecoded, 0);
    ck_assert_uint_eq(t_stats(w->m).blocks_unpacked, 40);
    watch_end(o);
}
END_TEST

/* A run's chunks follow a plan, learned from the first of them, as a loop's do. */
static vcol_status steps_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    const double *x;
    part *p = state;
    (void)opaque;
    p->first = vcol_chunk_first(c);
    p->count = vcol_chunk_entries(c);
    vcol_chunk_step(c, "sum", err);
    x = vcol_chunk_f64(c, "x", err);
    for (int64_t i = 0; x && i < p->count; i++)
        p->sum += x[i];
    vcol_chunk_step(c, "look", err);
    vcol_chunk_i64(c, "event", err);
    return (vcol_status)err->status;
}

START_TEST(e5_7_chunks_of_a_run_follow_a_plan)
{
    for (int jobs = 1; jobs <= 4; jobs *= 2) {
        table_world *w = table_new(1, 4000, 3, 2);
        watch *o = watch_new(w);
        vcol_run_options ro = run_options(jobs, 0);
        vcol_job j;
        vcol_plan *plan;
        vcol_plan_stats s;
        vcol_job_init(&j, sizeof j);
        j.open = on_open;
        j.chunk = steps_chunk;
        j.merge = on_merge;
        j.close = on_close;
        j.opaque = o;
        ck_assert_int_eq(vcol_plan_create(&plan, NULL), VCOL_OK);
        ro.plan = plan;
        table_open(w, _i * 2, 0, 0);
        ck_assert_int_eq(vcol_run(w->d, &ro, &j, o, NULL, NULL), VCOL_OK);
        ck_assert(same_bits(o->sum, expected(w, 100)));
        vcol_plan_get_stats(plan, &s, sizeof s);
        ck_assert_int_eq(s.chunks, 40);
        ck_assert_int_eq(s.passes, 80);
        ck_assert_int_eq(vcol_plan_steps(plan), 2);
        ck_assert_int_gt(s.released, 0);
        ck_assert_int_eq(s.early, 0);
        watch_end(o);
        vcol_plan_release(plan);
    }
}
END_TEST

/* ---- E7.1 -------------------------------------------------------------------------------------------------- */

/* Sums of whole groups, in the order of the groups: the same however they are cut and by how many they are made. */
typedef struct groups {
    const table_world *w;
    int64_t n, run[TABLE_ROWS], rows[TABLE_ROWS];
    double sum[TABLE_ROWS];
    int finished;
} groups;

static vcol_status groups_open(void **state, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    *state = calloc(1, sizeof(groups));
    return VCOL_OK;
}

static vcol_status groups_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    groups *g = state;
    (void)opaque;
    const double *x = vcol_chunk_f64(c, "x", err);
    const int64_t *run = vcol_chunk_i64(c, "run", err);
    for (int64_t i = 0; x && run && i < vcol_chunk_entries(c); i++) {
        if (i == 0 || run[i] != run[i - 1])
            g->run[g->n++] = run[i];
        g->sum[g->n - 1] += x[i];
        g->rows[g->n - 1]++;
    }
    return (vcol_status)err->status;
}

static vcol_status groups_merge(void *total, void *state, void *opaque, vcol_error *err)
{
    groups *t = total;
    const groups *g = state;
    (void)opaque, (void)err;
    memcpy(t->run + t->n, g->run, (size_t)g->n * sizeof *t->run);
    memcpy(t->rows + t->n, g->rows, (size_t)g->n * sizeof *t->rows);
    memcpy(t->sum + t->n, g->sum, (size_t)g->n * sizeof *t->sum);
    t->n += g->n;
    return VCOL_OK;
}

static void groups_close(void *state, void *opaque)
{
    (void)opaque;
    free(state);
}

static vcol_status groups_finish(void *total, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    ((groups *)total)->finished++;
    return VCOL_OK;
}

/* 1, 2, 7, 50 chunks, more chunks than groups; 1, 2, 4 threads. */
START_TEST(e7_1_the_result_is_independent_of_chunks_and_workers)
{
    static const int64_t parts[] = {1, 2, 7, 50, 3000};
    table_world *w = table_new(2, 1000, 30, (uint64_t)_i + 1);
    groups *first = NULL;
    for (int k = 0; k < 15; k++) {
        groups *g = calloc(1, sizeof *g);
        vcol_run_options ro = run_options(1 << k % 3, 0);
        vcol_job j;
        vcol_error err = {0};
        vcol_job_init(&j, sizeof j);
        j.open = groups_open;
        j.chunk = groups_chunk;
        j.merge = groups_merge;
        j.close = groups_close;
        j.finish = groups_finish;
        ro.chunking = VCOL_CHUNK_BY_GROUPS;
        ro.keys = "run";
        ro.entries = 0;
        ro.parts = parts[k / 3];
        table_open(w, k % 2 * 2, k % 4 == 3 ? 150000 : 0, 0);
        ck_assert_msg(vcol_run(w->d, &ro, &j, g, NULL, &err) == VCOL_OK, "%s", err.message);
        ck_assert_int_eq(g->finished, 1);
        for (int64_t i = 1; i < g->n; i++)
            ck_assert_int_lt(g->run[i - 1], g->run[i]); /* each group once */
        if (!first)
            first = g;
        ck_assert_int_eq(g->n, first->n);
        ck_assert_int_eq(memcmp(g, first, sizeof *g), 0);
        if (first != g)
            free(g);
        table_close(w);
    }
    free(first);
    table_free(w);
}
END_TEST

/* Input that is not clustered is found in the middle of the run: one error, finish is not called. */
START_TEST(e7_1_finish_is_never_called_after_a_failure)
{
    table_world *w = table_new(1, 1000, 30, 1);
    w->files[0].run[900] = w->files[0].run[10];
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(_i + 1, 3);
    vcol_error err = {0};
    ro.chunking = VCOL_CHUNK_BY_GROUPS;
    ro.keys = "run";
    ro.entries = 40;
    table_open(w, _i % 2, 0, 0);
    ck_assert_int_eq(go(o, &ro, NULL, &err), VCOL_CORRUPT);
    ck_assert_msg(strstr(err.message, "not clustered"), "%s", err.message);
    ck_assert_int_eq(atomic_load(&o->finishes), 0);
    watch_end(o);
}
END_TEST

/* No entries, and an empty chunk of its own: finish is called all the same, once. */
START_TEST(e7_1_nothing_to_do_is_finished_too)
{
    table_world *w = table_new(1, 0, 1, 1);
    watch *o = watch_new(w);
    vcol_run_options ro = run_options(2, 2);
    vcol_run_stats s;
    table_open(w, 1, 0, 0);
    ck_assert_int_eq(go(o, &ro, &s, NULL), VCOL_OK);
    ck_assert_int_eq(s.chunks, 0);
    watch_end(o);
}
END_TEST

/* ---- E7.2 -------------------------------------------------------------------------------------------------- */

static char cache_dir[64];

/* Calls f with the path of each entry that is there now. */
static void each_entry(void (*f)(const char *path))
{
    char path[512];
    struct dirent **entries;
    int n = scandir(cache_dir, &entries, NULL, alphasort);
    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%.255s", cache_dir, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            f(path);
        free(entries[i]);
    }
    free(entries);
}

static void drop_entry(const char *path)
{
    ck_assert_int_eq(remove(path), 0);
}

static int entries_of_cache(bool temporary)
{
    int n = 0;
    DIR *d = opendir(cache_dir);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.' ? !temporary : temporary && strlen(e->d_name) > 2;
    if (d)
        closedir(d);
    return n;
}

static void cache_begin(void)
{
    snprintf(cache_dir, sizeof cache_dir, "/tmp/vcol-results-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cache_dir));
}

static void cache_end(void)
{
    ck_assert_int_eq(entries_of_cache(true), 0);
    each_entry(drop_entry);
    ck_assert_int_eq(rmdir(cache_dir), 0);
}

typedef struct kept {
    vcol_run_stats s;
    int64_t calls, reads;
    double sum;
    vcol_status status;
} kept;

/* A run of its own over the world, in a manager of its own, with the cache. */
static kept run_kept(table_world *w, const vcol_run_options *options)
{
    watch *o = watch_new(w);
    vcol_run_options ro = *options;
    kept k = {.calls = 0};
    vcol_error err = {0};
    ro.cache_dir = cache_dir;
    if (!ro.columns)
        ro.columns = "x";
    table_open(w, 2, 0, 0);
    uint64_t reads = t_stats(w->m).reads;
    k.status = go(o, &ro, &k.s, &err);
    t_require(k.status == VCOL_OK || err.message[0]);
    k.calls = atomic_load(&o->calls);
    k.reads = (int64_t)(t_stats(w->m).reads - reads);
    k.sum = o->sum;
    watch_close(o);
    return k;
}

START_TEST(e7_2_the_same_again_computes_and_reads_nothing)
{
    table_world *w = table_new(3, 1000, 3, 2);
    vcol_run_options ro = run_options(1 + _i, 0);
    cache_begin();
    kept first = run_kept(w, &ro), again = run_kept(w, &ro);
    ck_assert_int_eq(first.calls, 30);
    ck_assert_int_eq(first.s.to_cache, 30);
    ck_assert_int_eq(entries_of_cache(false), 30);
    ck_assert_int_eq(again.calls, 0);
    ck_assert_int_eq(again.reads, 0);
    ck_assert_int_eq(again.s.from_cache, 30);
    ck_assert_int_eq(again.s.computed, 0);
    ck_assert_int_eq(again.s.to_cache, 0);
    ck_assert(same_bits(first.sum, expected(w, 100)) && same_bits(again.sum, first.sum));
    cache_end();
    table_free(w);
}
END_TEST

/* Only what changed: the version, other columns: all; other chunks: those that are new; one of the files: its own. */
START_TEST(e7_2_what_changed_is_computed_anew_and_nothing_else)
{
    table_world *w = table_new(3, 1000, 3, 2);
    vcol_run_options ro = run_options(2, 0);
    kept k;
    cache_begin();
    ro.version = "1";
    ck_assert_int_eq(run_kept(w, &ro).calls, 30);
    ro.version = "2";
    ck_assert_int_eq(run_kept(w, &ro).calls, 30);
    ro.version = "1";
    ro.columns = "x event";
    ck_assert_int_eq(run_kept(w, &ro).calls, 30);
    ro.columns = NULL;
    ro.first = 500;
    ck_assert_int_eq(run_kept(w, &ro).calls, 0); /* the same chunks, fewer */
    ro.first = 550; /* 5 of the first file are others, those of the later files the same */
    k = run_kept(w, &ro);
    ck_assert_int_eq(k.calls, 5);
    ck_assert_int_eq(k.s.from_cache, 20);
    ro.first = 0;
    ro.entries = 50;
    ck_assert_int_eq(run_kept(w, &ro).calls, 59); /* one of them is the last of the run before */
    ro.entries = 100;
    w->files[1].x[7] += 1;
    strcat(w->files[1].identity, "'");
    int64_t before[3];
    for (int f = 0; f < 3; f++)
        before[f] = atomic_load(&w->files[f].reads);
    k = run_kept(w, &ro);
    ck_assert_int_eq(k.calls, 10);
    ck_assert_int_eq(k.s.from_cache, 20);
    ck_assert(same_bits(k.sum, expected(w, 100)));
    for (int f = 0; f < 3; f++) /* the metadata is read anyway */
        ck_assert((atomic_load(&w->files[f].reads) - before[f] > 3) == (f == 1));
    w->files[0].identity[0] = 0; /* it cannot be told: never kept */
    for (int again = 0; again < 2; again++)
        ck_assert_int_eq(run_kept(w, &ro).calls, 10);
    cache_end();
    table_free(w);
}
END_TEST

static char entry_path[512];

static void note_entry(const char *path)
{
    snprintf(entry_path, sizeof entry_path, "%s", path);
}

/* One entry cut at every length, with every byte changed, and one that load refuses: computed anew, kept anew, no error. */
START_TEST(e7_2_a_damaged_entry_is_computed_anew)
{
    table_world *w = table_new(1, 100, 3, 2);
    vcol_run_options ro = run_options(1, 0);
    const char *path = entry_path;
    static unsigned char whole[4096], again[4096];
    cache_begin();
    ck_assert_int_eq(run_kept(w, &ro).calls, 1);
    each_entry(note_entry);
    FILE *f = fopen(path, "rb");
    size_t size = fread(whole, 1, sizeof whole, f);
    fclose(f);
    ck_assert(size > 40 && size < sizeof whole);
    for (size_t i = 0; i < 2 * size; i += i % size < 40 ? 1 : 7) {
        unsigned char byte = whole[i % size];
        whole[i % size] ^= i < size ? 0 : 1;
        f = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(whole, 1, i < size ? i : size, f), i < size ? i : size);
        fclose(f);
        whole[i % size] = byte;
        kept k = run_kept(w, &ro);
        ck_assert_int_eq(k.status, VCOL_OK);
        ck_assert_int_eq(k.calls, 1);
        ck_assert_int_eq(k.s.cache_damaged, 1);
        ck_assert_int_eq(k.s.to_cache, 1);
        ck_assert(same_bits(k.sum, expected(w, 100)));
        f = fopen(path, "rb");
        ck_assert_uint_eq(fread(again, 1, sizeof again, f), size);
        fclose(f);
        ck_assert_int_eq(memcmp(again, whole, size), 0);
    }
    ck_assert_int_eq(run_kept(w, &ro).calls, 0);
    cache_end();
    table_free(w);
}
END_TEST

START_TEST(e7_2_an_entry_that_load_refuses_is_computed_anew)
{
    table_world *w = table_new(1, 1000, 3, 2);
    vcol_run_options ro = run_options(2, 0);
    vcol_run_stats s;
    cache_begin();
    ck_assert_int_eq(run_kept(w, &ro).calls, 10);
    watch *o = watch_new(w);
    ro.cache_dir = cache_dir;
    ro.columns = "x";
    o->fail_load = 4;
    table_open(w, 1, 0, 0);
    ck_assert_int_eq(go(o, &ro, &s, NULL), VCOL_OK);
    ck_assert_int_eq(s.cache_damaged, 1);
    ck_assert_int_eq(atomic_load(&o->calls), 1);
    ck_assert_int_eq(s.from_cache, 9);
    ck_assert(same_bits(o->sum, expected(w, 100)));
    watch_close(o);
    cache_end();
    table_free(w);
}
END_TEST

/* A failed chunk is not kept; those before it are, and the next run begins where it failed. */
START_TEST(e7_2_a_run_that_failed_goes_on_where_it_was)
{
    table_world *w = table_new(1, 1000, 3, 2);
    vcol_run_options ro = run_options(1, 1);
    cache_begin();
    watch *o = watch_new(w);
    ro.cache_dir = cache_dir;
    ro.columns = "x";
    o->fail_chunk = 6;
    table_open(w, 0, 0, 0);
    ck_assert_int_eq(go(o, &ro, NULL, NULL), VCOL_CALLBACK);
    watch_close(o);
    kept k = run_kept(w, &ro);
    ck_assert_int_eq(k.calls, 4);
    ck_assert_int_eq(k.s.from_cache, 6);
    ck_assert(same_bits(k.sum, expected(w, 100)));
    cache_end();
    table_free(w);
}
END_TEST

static void put_folder(const char *path)
{
    drop_entry(path);
    ck_assert_int_eq(mkdir(path, 0777), 0);
}

/* Where nothing can be kept the run goes on; a directory that cannot be is an error. */
START_TEST(e7_2_what_cannot_be_kept_is_no_error)
{
    table_world *w = table_new(1, 1000, 3, 2);
    vcol_run_options ro = run_options(2, 0);
    char path[512], name[64];
    cache_begin();
    memcpy(name, cache_dir, sizeof name);
    ck_assert_int_eq(run_kept(w, &ro).calls, 10);
    each_entry(put_folder); /* in the entries' places */
    kept k = run_kept(w, &ro);
    ck_assert_int_eq(k.status, VCOL_OK);
    ck_assert_int_eq(k.calls, 10);
    ck_assert_int_eq(k.s.to_cache, 0);
    each_entry(drop_entry);
    snprintf(path, sizeof path, "%s/file", name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    snprintf(cache_dir, sizeof cache_dir, "%.40s/file", name);
    ck_assert_int_eq(run_kept(w, &ro).status, VCOL_IO);
    snprintf(cache_dir, sizeof cache_dir, "%.40s/no/such", name);
    ck_assert_int_eq(run_kept(w, &ro).status, VCOL_IO);
    memcpy(cache_dir, name, sizeof name);
    cache_end();
    table_free(w);
}
END_TEST

/* Four processes over the same input and directory at once: each has the whole result, and what they leave is whole. */
START_TEST(e7_2_processes_share_a_directory)
{
    enum { PROCESSES = 4 };
    pid_t children[PROCESSES];
    table_world *w = table_new(2, 1000, 3, 2);
    vcol_run_options ro = run_options(2, 0);
    cache_begin();
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            kept k = run_kept(w, &ro);
            _exit(k.status == VCOL_OK && same_bits(k.sum, expected(w, 100)) && k.s.cache_damaged == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(entries_of_cache(false), 20);
    kept k = run_kept(w, &ro);
    ck_assert_int_eq(k.calls, 0);
    ck_assert(same_bits(k.sum, expected(w, 100)));
    cache_end();
    table_free(w);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e5_1_no_more_than_depth_are_in_flight_at_every_step, 12},
        {e5_2_order_is_kept_when_item_0_is_last, 9},
        {e5_2_unordered_delivers_item_1_while_item_0_is_gated, 3},
        {e5_3_a_stop_at_item_k_leaves_nothing, 12},
        {e5_4_an_error_ends_the_run_once_and_leaves_nothing, 4},
        {e5_4_the_first_error_in_the_order_of_chunks_is_said, 2},
        {e5_4_every_allocation_fails_once, 2},
        {e5_5_a_further_chunk_starts_only_when_its_working_set_fits, 0},
        {e5_5_who_is_short_of_memory_waits_for_a_chunk_that_computes, 0},
        {e5_5_chunks_that_wait_for_each_others_memory_are_granted_over_the_limit, 0},
        {e5_6_threads_are_chosen_by_their_share_and_by_memory, 0},
        {e5_6_what_was_chosen_can_be_read_and_changes_no_result, 0},
        {e5_6_threads_have_names_and_the_caller_is_one_of_them, 0},
        {e5_6_misuse_is_answered, 0},
        {e5_7_any_number_of_chunks_may_be_open, 2},
        {e5_7_chunks_of_a_run_follow_a_plan, 2},
        {e7_1_the_result_is_independent_of_chunks_and_workers, 3},
        {e7_1_finish_is_never_called_after_a_failure, 4},
        {e7_1_nothing_to_do_is_finished_too, 0},
        {e7_2_the_same_again_computes_and_reads_nothing, 3},
        {e7_2_what_changed_is_computed_anew_and_nothing_else, 0},
        {e7_2_a_damaged_entry_is_computed_anew, 0},
        {e7_2_an_entry_that_load_refuses_is_computed_anew, 0},
        {e7_2_a_run_that_failed_goes_on_where_it_was, 0},
        {e7_2_what_cannot_be_kept_is_no_error, 0},
        {e7_2_processes_share_a_directory, 0},
    };
    return t_main("run", tests, sizeof tests / sizeof *tests);
}
