/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stress: threads pin, clear, prefetch, slice, evict and change the limit at random, with random yields in the
 * generators, for a given time or number of operations. Prints its seed; what it finds gets a small test of its own.
 *
 *     thrash [seconds [seed]]       seconds 0: a short fixed number of operations
 */
#include "helpers.h"

#include <time.h>

#define BUFFERS 24
#define THREADS 4
#define LOOK 256

typedef struct world {
    t_allocator allocator;
    vcol_manager *m;
    t_gen g[BUFFERS];
    vcol_buffer *b[BUFFERS], *slice[BUFFERS];
    time_t begun, seconds;      /* 0 = until all operations are done */
    _Atomic int64_t operations; /* in all; 0 once the seconds are over */
    _Atomic int64_t done;
} world;

typedef struct thread {
    world *w;
    uint64_t seed;
    pthread_t thread;
} thread;

static void one(world *w, t_random *r)
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
        if (t_below(r, 20) == 0)
            vcol_manager_set_limit(w->m, (uint64_t)t_below(r, 3) * 100000);
        break;
    case 3:
    case 4:
    case 5: {
        int64_t n = t_below(r, BUFFERS - i + 1);
        vcol_prefetch_options_init(&o, sizeof o);
        o.priority = (int32_t)t_below(r, 3);
        o.concurrency = (int32_t)t_below(r, 3);
        o.lookahead = t_below(r, 2) ? 0 : 30000;
        t_require(vcol_prefetch_begin_buffers(w->m, w->b + i, n, &o, &scope, NULL) == VCOL_OK);
        if (t_below(r, 2))
            t_read(w->b[k], &w->g[k]);
        if (t_below(r, 4) == 0)
            t_require(vcol_prefetch_wait(scope, NULL) == VCOL_OK);
        vcol_prefetch_end(scope);
        break;
    }
    case 6:
        t_require(vcol_buffer_pin(w->slice[i], &a, NULL) == VCOL_OK);
        t_require(*(const int64_t *)a.data == t_value(&w->g[i], 1));
        vcol_buffer_clear(w->b[i]);
        t_require(*(const int64_t *)a.data == t_value(&w->g[i], 1));
        vcol_buffer_unpin(w->slice[i]);
        break;
    default:
        t_require(vcol_buffer_pin(w->b[i], &a, NULL) == VCOL_OK);
        t_require(vcol_buffer_pin(w->b[k], &b, NULL) == VCOL_OK);
        if (t_below(r, 2))
            vcol_buffer_clear(w->b[k]);
        t_check(&a, &w->g[i]);
        t_check(&b, &w->g[k]);
        vcol_buffer_unpin(w->b[i]);
        vcol_buffer_unpin(w->b[k]);
    }
}

/* Whether there is more to do. Looks at the clock, which a tool of the developer's may, at every LOOK-th operation. */
static bool more(world *w)
{
    int64_t done = atomic_fetch_add(&w->done, 1);
    if (w->seconds && done % LOOK == 0) {
        t_watch("thrash");
        if (time(NULL) - w->begun >= w->seconds)
            atomic_store(&w->operations, 0);
    }
    return done < atomic_load(&w->operations);
}

static void *run(void *t_void)
{
    thread *t = t_void;
    t_random r = {t->seed};
    while (more(t->w))
        one(t->w, &r);
    return NULL;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seconds ? (uint64_t)time(NULL) : 1;
    t_random r = {seed};
    static world w;
    thread t[THREADS];
    vcol_manager_options o = t_options();
    printf("thrash: seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    o.allocator = t_allocator_of(&w.allocator);
    o.limit = 200000;
    o.threads = 1 + (int32_t)t_below(&r, 4);
    w.m = t_manager(&o);
    w.seconds = seconds;
    w.operations = seconds ? INT64_MAX : T_REPEAT(20000);
    for (int i = 0; i < BUFFERS; i++) {
        w.g[i] = (t_gen){.seed = i, .count = 2 + t_below(&r, 2000), .late = t_below(&r, 3) == 0};
        w.g[i].grow = w.g[i].count / 2 + 1;
        w.g[i].heed = t_below(&r, 2);
        for (int k = 0; k < 2 && i > 4; k++)
            w.g[i].reads[k] = w.b[t_below(&r, i)];
        w.b[i] = t_buffer(w.m, &w.g[i], "b");
        t_require(vcol_buffer_slice(w.b[i], 1, 1, &w.slice[i], NULL) == VCOL_OK);
    }
    t_watch("thrash");
    w.begun = time(NULL);
    for (int i = 0; i < THREADS; i++) {
        t[i] = (thread){.w = &w, .seed = t_next(&r)};
        t_require(pthread_create(&t[i].thread, NULL, run, &t[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    int64_t done = atomic_load(&w.done);
    for (int i = 0; i < BUFFERS; i++) {
        t_require(atomic_load(&w.g[i].most_inside) <= 1);
        vcol_buffer_release(w.slice[i]);
        vcol_buffer_release(w.b[i]);
    }
    vcol_stats s = t_stats(w.m);
    vcol_manager_close(w.m);
    t_require(atomic_load(&w.allocator.live) == 0);
    printf("thrash: %lld operations, %llu generations, %llu waits, %llu evictions, %llu clears, %llu overcommits\n",
           (long long)done, (unsigned long long)s.generations, (unsigned long long)s.waits, (unsigned long long)s.evictions,
           (unsigned long long)s.clears, (unsigned long long)s.overcommits);
    return 0;
}
