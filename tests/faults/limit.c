/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of the limit that a seeded fault breaks (src/core/fault.h), one test for each fault, and those that the model in
 * tests/model found broken. Threads are led by gates and by counters of the library; nothing sleeps.
 */
#include "core/manager.h"
#include "helpers.h"

#define KB(n) ((int64_t)(n) * 1024)

/* A generator of so many values, which are charged with so many bytes exactly. */
static t_gen gen_of(int64_t seed, int64_t bytes, t_gate *gate)
{
    ck_assert_uint_eq(vcol__memory_capacity((size_t)bytes), (size_t)bytes);
    return (t_gen){.seed = seed, .count = bytes / 8, .gate = gate};
}

static vcol_manager *limited(int64_t limit, uint32_t flags, const vcol_allocator *a)
{
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)limit;
    o.flags = flags;
    o.threads = 1;
    o.cached_limit = 1; /* nothing is recycled: what is given back is freed */
    if (a)
        o.allocator = *a;
    return t_manager(&o);
}

/* An allocator whose next free of column memory of `bytes` bytes stops at a gate, and whose next such allocation may fail. */
typedef struct gated {
    size_t bytes;
    _Atomic bool armed, fails;
    t_gate freeing; /* passed before it is freed */
} gated;

static void *gated_alloc(size_t size, size_t align, void *opaque)
{
    gated *g = opaque;
    void *p = NULL;
    if (size == g->bytes && atomic_exchange(&g->fails, false))
        return NULL;
    return posix_memalign(&p, align < sizeof p ? sizeof p : align, size ? size : 1) ? NULL : p;
}

static void gated_free(void *p, size_t size, size_t align, void *opaque)
{
    gated *g = opaque;
    (void)align;
    if (size == g->bytes && atomic_exchange(&g->armed, false))
        t_gate_pass(&g->freeing);
    free(p);
}

static vcol_allocator gated_of(gated *g, int64_t bytes)
{
    memset(g, 0, sizeof *g);
    g->bytes = (size_t)bytes;
    t_gate_init(&g->freeing);
    return (vcol_allocator){gated_alloc, gated_free, g};
}

static void *clear_in_thread(void *buffer)
{
    vcol_buffer_clear(buffer);
    return NULL;
}

static int64_t runnable(vcol_manager *m)
{
    vcol__lock_take(&m->account.lock);
    int64_t n = m->account.runnable;
    vcol__lock_drop(&m->account.lock);
    return n;
}

/* ---- one test for each fault ------------------------------------------------------------------------- */

START_TEST(what_is_freed_is_in_the_account_until_it_is)
{
    gated g;
    vcol_allocator a = gated_of(&g, KB(40));
    vcol_manager *m = limited(KB(64), 0, &a);
    t_gen held = gen_of(1, KB(40), NULL);
    vcol_buffer *b = t_buffer(m, &held, "held");
    pthread_t thread;
    t_read(b, &held);
    atomic_store(&g.armed, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, clear_in_thread, b), 0);
    t_gate_await(&g.freeing, 1);
    ck_assert_uint_eq(t_stats(m).live, (uint64_t)KB(40));
    t_gate_open(&g.freeing);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(t_stats(m).live, 0);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* What is pinned is not waited for by itself, but something else runs: the unpin is what lets the waiter in. */
START_TEST(last_unpin_lets_a_waiter_in)
{
    vcol_manager *m = limited(KB(64), 0, NULL);
    t_gate inside;
    t_gate_init(&inside);
    t_gen held = gen_of(1, KB(40), NULL), running = gen_of(2, KB(8), &inside), want = gen_of(3, KB(40), NULL);
    vcol_buffer *bh = t_buffer(m, &held, "held"), *br = t_buffer(m, &running, "running"), *bw = t_buffer(m, &want, "want");
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(bh, &span, NULL), VCOL_OK);
    t_reader rr = {.buffer = br, .gen = &running}, rw = {.buffer = bw, .gen = &want};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rw);
    free(t_waits(m, 1)); /* it sleeps */
    vcol_buffer_unpin(bh);
    t_reader_join(&rw); /* while the other one still runs */
    ck_assert_int_eq(rw.status, VCOL_OK);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&inside);
    t_reader_join(&rr);
    t_release((vcol_buffer *[]){bh, br, bw}, 3);
    vcol_manager_close(m);
}
END_TEST

START_TEST(limit_is_not_exceeded_while_something_runs)
{
    vcol_manager *m = limited(KB(64), 0, NULL);
    t_gate inside;
    t_gate_init(&inside);
    t_gen running = gen_of(1, KB(40), &inside), want = gen_of(2, KB(40), NULL);
    vcol_buffer *br = t_buffer(m, &running, "running"), *bw = t_buffer(m, &want, "want");
    t_reader rr = {.buffer = br, .gen = &running}, rw = {.buffer = bw, .gen = &want};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rw);
    t_until(t_stats(m).memory_waits == 1);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&inside);
    t_reader_join(&rr);
    t_reader_join(&rw);
    ck_assert_int_eq(rw.status, VCOL_OK); /* over the limit, perhaps: what ran is pinned for a moment by who asked for it */
    t_release((vcol_buffer *[]){br, bw}, 2);
    vcol_manager_close(m);
}
END_TEST

START_TEST(load_that_fails_gives_back_what_it_had_reserved)
{
    gated g;
    vcol_allocator a = gated_of(&g, KB(40));
    vcol_manager *m = limited(KB(64), 0, &a);
    t_gen want = gen_of(1, KB(40), NULL);
    vcol_buffer *b = t_buffer(m, &want, "want");
    vcol_span span;
    atomic_store(&g.fails, true); /* reserved by then */
    ck_assert_int_eq(vcol_buffer_pin(b, &span, NULL), VCOL_NOMEM);
    ck_assert_uint_eq(t_stats(m).promised, 0);
    ck_assert_uint_eq(t_stats(m).live, 0);
    t_read(b, &want);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(prefetch_without_room_gives_up)
{
    vcol_manager *m = limited(KB(64), 0, NULL);
    t_gen held = gen_of(1, KB(40), NULL), want = gen_of(2, KB(40), NULL);
    vcol_buffer *bh = t_buffer(m, &held, "held"), *bw = t_buffer(m, &want, "want");
    vcol_prefetch *scope = NULL;
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(bh, &span, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &bw, 1, NULL, &scope, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_eq(vcol_buffer_bytes(bw), 0);
    vcol_buffer_unpin(bh);
    vcol_prefetch_end(scope);
    t_release((vcol_buffer *[]){bh, bw}, 2);
    vcol_manager_close(m);
}
END_TEST

/* ---- what the model found ---------------------------------------------------------------------------- */

/* A buffer is being dropped in another thread: no look finds it, and it is not back yet. */
static void drop_under_way(uint32_t flags)
{
    gated g;
    vcol_allocator a = gated_of(&g, KB(40));
    vcol_manager *m = limited(KB(64), flags, &a);
    t_gen held = gen_of(1, KB(40), NULL), want = gen_of(2, KB(48), NULL);
    vcol_buffer *bh = t_buffer(m, &held, "held"), *bw = t_buffer(m, &want, "want");
    t_reader rw = {.buffer = bw, .gen = &want};
    pthread_t thread;
    t_read(bh, &held);
    atomic_store(&g.armed, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, clear_in_thread, bh), 0);
    t_gate_await(&g.freeing, 1);
    t_reader_start(&rw);
    t_until(t_stats(m).memory_waits == 1);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&g.freeing);
    pthread_join(thread, NULL);
    t_reader_join(&rw);
    ck_assert_msg(rw.status == VCOL_OK, "%s", rw.err.message);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_le(t_stats(m).peak, (uint64_t)KB(64));
    t_release((vcol_buffer *[]){bh, bw}, 2);
    vcol_manager_close(m);
}

START_TEST(limit_is_not_exceeded_while_a_buffer_is_dropped)
{
    drop_under_way(0);
}
END_TEST

START_TEST(hard_limit_is_no_error_while_a_buffer_is_dropped)
{
    drop_under_way(VCOL_MANAGER_LIMIT_HARD);
}
END_TEST

/* Items that look as if they could go, and cannot; so many of them end one look. */
enum { MISSES = 8 };

typedef struct miss {
    vcol__evictable item;
    t_gate *gate;         /* passed by the last of their drops */
    _Atomic int *drops;
    _Atomic bool *pinned; /* it looks pinned from then on */
} miss;

static bool miss_hold(vcol__evictable *item)
{
    (void)item;
    return true;
}
static bool miss_pinned(vcol__evictable *item)
{
    return atomic_load(((miss *)item)->pinned);
}
static uint64_t miss_drop(vcol__evictable *item)
{
    miss *x = (miss *)item;
    if (atomic_fetch_add(x->drops, 1) + 1 == MISSES)
        t_gate_pass(x->gate);
    return 0;
}
static void miss_unhold(vcol__evictable *item)
{
    (void)item;
}
static const char *miss_name(vcol__evictable *item)
{
    (void)item;
    return "miss";
}
static const vcol__evict_ops miss_ops = {miss_hold, miss_pinned, miss_drop, miss_unhold, miss_name};

/* A prefetched buffer comes, and the load ends, between a waiter's look at what may go and its decision. */
START_TEST(limit_is_not_exceeded_when_a_load_ends_after_the_look)
{
    vcol_manager *m = limited(KB(64), 0, NULL);
    t_gate inside, look;
    _Atomic bool pinned = false;
    _Atomic int drops = 0;
    miss misses[MISSES];
    t_gate_init(&inside);
    t_gate_init(&look);
    t_gen ahead = gen_of(1, KB(40), &inside), want = gen_of(2, KB(48), NULL);
    vcol_buffer *ba = t_buffer(m, &ahead, "ahead"), *bw = t_buffer(m, &want, "want");
    t_reader rw = {.buffer = bw, .gen = &want};
    vcol_prefetch *scope = NULL;
    memset(misses, 0, sizeof misses);
    for (int i = 0; i < MISSES; i++) {
        misses[i].item.ops = &miss_ops;
        misses[i].pinned = &pinned;
        misses[i].gate = &look;
        misses[i].drops = &drops;
        vcol__evict_list(m, &misses[i].item); /* never used: the first to go */
    }
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &ba, 1, NULL, &scope, NULL), VCOL_OK);
    t_gate_await(&inside, 1);
    t_reader_start(&rw);
    t_gate_await(&look, 1); /* has seen all, and found nothing */
    t_gate_open(&inside);
    t_until(vcol_buffer_bytes(ba) > 0 && runnable(m) == 1); /* the waiter's own load */
    atomic_store(&pinned, true);
    t_gate_open(&look);
    t_reader_join(&rw);
    ck_assert_int_eq(rw.status, VCOL_OK);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_eq(vcol_buffer_bytes(ba), 0);
    for (int i = 0; i < MISSES; i++)
        vcol__evict_unlist(m, &misses[i].item);
    vcol_prefetch_end(scope);
    t_release((vcol_buffer *[]){ba, bw}, 2);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {what_is_freed_is_in_the_account_until_it_is, 0},
        {last_unpin_lets_a_waiter_in, 0},
        {limit_is_not_exceeded_while_something_runs, 0},
        {load_that_fails_gives_back_what_it_had_reserved, 0},
        {prefetch_without_room_gives_up, 0},
        {limit_is_not_exceeded_while_a_buffer_is_dropped, 0},
        {hard_limit_is_no_error_while_a_buffer_is_dropped, 0},
        {limit_is_not_exceeded_when_a_load_ends_after_the_look, 0},
    };
    return t_main("limit", tests, sizeof tests / sizeof *tests);
}
