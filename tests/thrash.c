/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stress, in rounds. Each has a manager with random settings; threads open and close data sets, go through chunks, loops and runs
 * and leave them early (thrash_data.c), pin, slice, clear and prefetch buffers of the program's, evict, trim and change the limit,
 * with random yields in the generators. In every third round allocations and reads fail now and then. Every value is compared,
 * and at the end of a round all memory is back. Prints its seed; what it finds gets a small test of its own.
 *
 *     thrash [seconds [seed]]       seconds 0: a short fixed number of operations
 */
#include "thrash.h"

#include <time.h>

#define THREADS 4
#define LIMIT 200000

typedef struct thread {
    world *w;
    uint64_t seed;
    pthread_t thread;
} thread;

bool fine(world *w, vcol_status status)
{
    if (status == VCOL_OK)
        return true;
    if (!(w->faulty && (status == VCOL_NOMEM || status == VCOL_IO)) && !(w->hard && status == VCOL_LIMIT)) {
        fprintf(stderr, "thrash: %s\n", vcol_status_name(status));
        t_fail(__FILE__, __LINE__, "a failure that may be");
    }
    atomic_fetch_add(&w->failures, 1);
    return false;
}

/* ---- an allocator that fails now and then ------------------------------------------------------------ */

#define EVERY 300

static void *fail_alloc(size_t size, size_t align, void *opaque)
{
    world *w = opaque;
    void *p = NULL;
    t_random r = {atomic_fetch_add(&w->allocations, 1)};
    if (w->faulty && t_below(&r, EVERY) == 0)
        return NULL;
    if (posix_memalign(&p, align < sizeof p ? sizeof p : align, size ? size : 1))
        return NULL;
    atomic_fetch_add(&w->live, (int64_t)size);
    return p;
}

static void fail_free(void *p, size_t size, size_t align, void *opaque)
{
    (void)align;
    atomic_fetch_sub(&((world *)opaque)->live, (int64_t)size);
    free(p);
}

/* ---- buffers of the program's -------------------------------------------------------------------------- */

static void read_one(world *w, int64_t i)
{
    vcol_span span;
    if (!fine(w, vcol_buffer_pin(w->b[i], &span, NULL)))
        return;
    t_check(&span, &w->g[i]);
    vcol_buffer_unpin(w->b[i]);
}

static void buffer_one(world *w, t_random *r)
{
    vcol_span a, b;
    int64_t i = t_below(r, BUFFERS), k = t_below(r, BUFFERS);
    vcol_prefetch_options o;
    vcol_prefetch *scope = NULL;
    if (t_below(r, 4) == 0)
        t_yield();
    switch (t_below(r, 12)) {
    case 0:
        vcol_buffer_clear(w->b[i]);
        break;
    case 1:
        if (t_below(r, 20) == 0)
            vcol_manager_evict(w->m);
        else
            vcol_manager_trim(w->m);
        break;
    case 2:
        if (w->moving && t_below(r, 20) == 0)
            vcol_manager_set_limit(w->m, (uint64_t)t_below(r, 3) * (LIMIT / 2));
        break;
    case 3:
    case 4:
    case 5: {
        int64_t n = t_below(r, BUFFERS - i + 1);
        vcol_prefetch_options_init(&o, sizeof o);
        o.priority = (int32_t)t_below(r, 3);
        o.concurrency = (int32_t)t_below(r, 3);
        o.lookahead = t_below(r, 2) ? 0 : 30000;
        if (!fine(w, vcol_prefetch_begin_buffers(w->m, w->b + i, n, &o, &scope, NULL)))
            break;
        if (t_below(r, 2))
            read_one(w, k);
        if (t_below(r, 4) == 0)
            fine(w, vcol_prefetch_wait(scope, NULL));
        vcol_prefetch_end(scope);
        break;
    }
    case 6:
        if (!fine(w, vcol_buffer_pin(w->slice[i], &a, NULL)))
            break;
        t_require(*(const int64_t *)a.data == t_value(&w->g[i], 1));
        vcol_buffer_clear(w->b[i]);
        t_require(*(const int64_t *)a.data == t_value(&w->g[i], 1));
        vcol_buffer_unpin(w->slice[i]);
        break;
    default:
        if (!fine(w, vcol_buffer_pin(w->b[i], &a, NULL)))
            break;
        if (fine(w, vcol_buffer_pin(w->b[k], &b, NULL))) {
            if (t_below(r, 2))
                vcol_buffer_clear(w->b[k]);
            t_check(&b, &w->g[k]);
            vcol_buffer_unpin(w->b[k]);
        }
        t_check(&a, &w->g[i]);
        vcol_buffer_unpin(w->b[i]);
    }
}

static void buffers_open(world *w, t_random *r)
{
    for (int i = 0; i < BUFFERS; i++) {
        w->g[i] = (t_gen){.seed = i, .count = 2 + t_below(r, 2000), .late = t_below(r, 3) == 0};
        w->g[i].grow = w->g[i].count / 2 + 1;
        w->g[i].heed = t_below(r, 2);
        for (int k = 0; k < 2 && i > 4; k++)
            w->g[i].reads[k] = w->b[t_below(r, i)];
        w->b[i] = t_buffer(w->m, &w->g[i], "b");
        t_require(vcol_buffer_slice(w->b[i], 1, 1, &w->slice[i], NULL) == VCOL_OK);
    }
}

static void buffers_close(world *w)
{
    for (int i = 0; i < BUFFERS; i++) {
        t_require(atomic_load(&w->g[i].most_inside) <= 1);
        vcol_buffer_release(w->slice[i]);
        vcol_buffer_release(w->b[i]);
    }
}

/* ---- rounds ------------------------------------------------------------------------------------------- */

static void *work(void *t_void)
{
    thread *t = t_void;
    t_random r = {t->seed};
    for (int64_t left = t->w->left; left > 0; left--) {
        if (t_below(&r, 40))
            buffer_one(t->w, &r);
        else
            data_one(t->w, &r);
        atomic_fetch_add(&t->w->done, 1);
    }
    return NULL;
}

/* Sums over the rounds. */
static struct {
    int64_t rounds, operations, failures, chunks, runs;
    uint64_t generations, waits, evictions, memory_waits, overcommits, prefetched;
} sum;

static void one_round(t_random *r, int64_t operations)
{
    static world w;
    thread t[THREADS];
    vcol_manager_options o = t_options();
    memset(&w, 0, sizeof w);
    int64_t kind = sum.rounds % 6;
    bool faulty = kind % 3 == 2;
    w.hard = kind == 4;
    w.moving = t_below(r, 2);
    w.limit = kind == 0 ? LIMIT : kind == 1 ? 0 : (uint64_t)t_below(r, 6) * LIMIT;
    w.allocations = t_next(r);
    w.left = operations;
    o.allocator = (vcol_allocator){fail_alloc, fail_free, &w};
    o.limit = w.limit;
    o.threads = 1 + (int32_t)t_below(r, 4);
    o.io_threads = (int32_t)t_below(r, 3);
    o.cached_limit = t_below(r, 3) ? 0 : 50000;
    o.flags = (w.hard ? VCOL_MANAGER_LIMIT_HARD : 0) | (t_below(r, 8) ? 0 : VCOL_MANAGER_NO_BACKGROUND) |
              (t_below(r, 4) ? 0 : VCOL_MANAGER_VERIFY);
    w.m = t_manager(&o);
    buffers_open(&w, r);
    w.faulty = faulty; /* from here on */
    t_watch("thrash");
    for (int i = 0; i < THREADS; i++) {
        t[i] = (thread){.w = &w, .seed = t_next(r)};
        t_require(pthread_create(&t[i].thread, NULL, work, &t[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    buffers_close(&w);
    t_until(t_stats(w.m).live == 0 && t_stats(w.m).promised == 0); /* tasks that end hold a reference for a moment */
    vcol_manager_trim(w.m);
    vcol_stats s = t_stats(w.m);
    t_require(s.cached == 0);
    if (w.limit && !w.moving)
        t_require(s.peak <= w.limit + s.overcommit_bytes && (!w.hard || s.overcommits == 0 || s.fixed > 0));
    vcol_manager_close(w.m);
    if (atomic_load(&w.live) != 0) {
        fprintf(stderr, "thrash: round %lld: %lld bytes are not back\n", (long long)sum.rounds, (long long)w.live);
        t_fail(__FILE__, __LINE__, "all memory back");
    }
    sum.rounds++;
    sum.operations += w.done;
    sum.failures += w.failures;
    sum.chunks += w.chunks;
    sum.runs += w.runs;
    sum.generations += s.generations;
    sum.waits += s.waits;
    sum.evictions += s.evictions;
    sum.memory_waits += s.memory_waits;
    sum.overcommits += s.overcommits;
    sum.prefetched += s.prefetched;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seconds ? (uint64_t)time(NULL) : 1;
    t_random r = {seed};
    time_t begun = time(NULL); /* a tool of the developer's may look at the clock */
    printf("thrash: seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    data_open();
    do
        one_round(&r, T_REPEAT(600));
    while (seconds ? time(NULL) - begun < seconds : sum.rounds < 6);
    data_close();
    printf("thrash: %lld rounds, %lld operations, %lld chunks, %lld runs, %lld calls failed as they may, %llu generations, "
           "%llu prefetched, %llu waits, %llu for memory, %llu evictions, %llu overcommits\n",
           (long long)sum.rounds, (long long)sum.operations, (long long)sum.chunks, (long long)sum.runs, (long long)sum.failures,
           (unsigned long long)sum.generations, (unsigned long long)sum.prefetched, (unsigned long long)sum.waits,
           (unsigned long long)sum.memory_waits, (unsigned long long)sum.evictions, (unsigned long long)sum.overcommits);
    return 0;
}
