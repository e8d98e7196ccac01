/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory account: TESTS.md E4.1 to E4.4, the hard limit, and a limit that is lowered. Orders are forced by gates. */
#include "core/account.h"
#include "core/manager.h"
#include "helpers.h"

#define KB(n) ((int64_t)(n) * 1024)

/* int64 values whose buffer is charged with exactly so many bytes. */
static int64_t values_of(int64_t bytes)
{
    ck_assert_uint_eq(vcol__memory_capacity((size_t)bytes), (size_t)bytes);
    return bytes / 8;
}

static vcol_manager *limited(uint64_t limit, uint32_t flags, t_allocator *a, t_executor *e)
{
    vcol_manager_options o = t_options();
    o.limit = limit;
    o.flags = flags;
    o.threads = 2;
    if (a)
        o.allocator = t_allocator_of(a);
    if (e)
        o.executor = t_executor_of(e);
    return t_manager(&o);
}

/* A buffer that comes in steps: each passes a gate, reserves more, and notes when. */
typedef struct borrower {
    int64_t first, then; /* bytes */
    t_gate started, granted;
    _Atomic int64_t order; /* t_order when the second reservation was granted */
    _Atomic int calls;
} borrower;

static vcol_status borrow(vcol_fill *fill, void *opaque, vcol_error *err)
{
    borrower *b = opaque;
    void *data;
    atomic_fetch_add(&b->calls, 1);
    vcol_status status = vcol_fill_reserve(fill, values_of(b->first), &data, err);
    if (status != VCOL_OK)
        return status;
    t_gate_pass(&b->started);
    status = vcol_fill_reserve(fill, values_of(b->then), &data, err);
    if (status != VCOL_OK)
        return status;
    atomic_store(&b->order, atomic_fetch_add(&t_order, 1) + 1);
    t_gate_pass(&b->granted);
    memset(data, 0, (size_t)b->then);
    return VCOL_OK;
}

static vcol_buffer *borrower_open(vcol_manager *m, borrower *b, int64_t first, int64_t then, const char *name)
{
    memset(b, 0, sizeof *b);
    b->first = first;
    b->then = then;
    t_gate_init(&b->started);
    t_gate_init(&b->granted);
    return t_buffer_of(m, -1, (vcol_generator){.generate = borrow, .opaque = b}, name);
}

/* ---- E4.1 ----------------------------------------------------------------------------------------- */

START_TEST(e4_1_the_account_is_what_the_allocator_sees_at_every_step)
{
    enum { N = 12 };
    t_allocator a = {0};
    uint64_t limit = _i % 2 ? 300000 : 0;
    vcol_manager *m = limited(limit, VCOL_MANAGER_NO_BACKGROUND, &a, NULL);
    t_random r = {(uint64_t)_i + 1};
    t_gen g[N];
    vcol_buffer *b[N];
    int pins[N] = {0};
    vcol_span span;
    a.exact = m;
    for (int i = 0; i < N; i++) {
        g[i] = (t_gen){.seed = i, .count = t_below(&r, 8) ? t_below(&r, 8000) : 0, .late = t_below(&r, 3) == 0};
        g[i].grow = g[i].count / 3 + 1;
        if (i > 0 && t_below(&r, 2))
            g[i].reads[0] = b[t_below(&r, i)];
        b[i] = t_buffer(m, &g[i], "b");
    }
    for (int step = 0; step < 400; step++) {
        int64_t i = t_below(&r, N);
        switch (t_below(&r, 8)) {
        case 0:
            vcol_buffer_clear(b[i]);
            break;
        case 1:
            if (!t_below(&r, 4))
                vcol_manager_trim(m);
            break;
        case 2:
            if (!t_below(&r, 8))
                vcol_manager_evict(m);
            break;
        case 3:
        case 4:
            if (pins[i] > 0) {
                vcol_buffer_unpin(b[i]);
                pins[i]--;
            }
            break;
        case 5:
            g[i].fail_call = t_below(&r, 3) == 0 ? -1 : 0;
            break;
        default:
            if (vcol_buffer_pin(b[i], &span, NULL) == VCOL_OK) {
                t_check(&span, &g[i]);
                if (t_below(&r, 3) == 0)
                    pins[i]++;
                else
                    vcol_buffer_unpin(b[i]);
            }
        }
        vcol_stats s = t_stats(m);
        ck_assert_int_eq((int64_t)(s.live + s.cached), atomic_load(&a.columns));
        ck_assert_uint_eq(s.promised, 0);
        ck_assert_uint_eq(s.fixed, 0);
        uint64_t sum = 0;
        for (int k = 0; k < N; k++)
            sum += vcol_buffer_bytes(b[k]);
        ck_assert_uint_eq(s.live, sum);
        if (limit)
            ck_assert(s.peak <= limit || s.overcommits > 0);
        if (limit && s.overcommits > 0)
            ck_assert_uint_le(s.peak, limit + s.overcommit_bytes);
    }
    for (int i = 0; i < N; i++) {
        while (pins[i]-- > 0)
            vcol_buffer_unpin(b[i]);
        vcol_buffer_release(b[i]);
    }
    ck_assert_uint_eq(t_stats(m).live, 0);
    vcol_manager_trim(m);
    a.exact = NULL;
    ck_assert_int_eq(atomic_load(&a.columns), 0);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

START_TEST(e4_1_recycled_memory_has_a_bound_and_goes_before_anything_else)
{
    t_allocator a = {0};
    vcol_manager_options o = t_options();
    o.allocator = t_allocator_of(&a);
    o.limit = (uint64_t)KB(64);
    o.cached_limit = (uint64_t)KB(24);
    vcol_manager *m = t_manager(&o);
    t_gen g[5];
    vcol_buffer *b[5];
    for (int i = 0; i < 5; i++) {
        g[i] = (t_gen){.seed = i, .count = values_of(KB(i == 4 ? 32 : 16))};
        b[i] = t_buffer(m, &g[i], "b");
    }
    for (int i = 0; i < 3; i++)
        t_read(b[i], &g[i]);
    vcol_buffer_clear(b[0]); /* kept */
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(16));
    vcol_buffer_clear(b[1]); /* beyond the bound */
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(16));
    t_read(b[3], &g[3]); /* takes the recycled one */
    ck_assert_uint_eq(t_stats(m).cached, 0);
    vcol_buffer_clear(b[3]);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(16));
    t_read(b[4], &g[4]); /* 16 live + 16 cached + 32 fits */
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(16));
    t_read(b[1], &g[1]); /* fits by taking the recycled one, nothing is evicted */
    ck_assert_uint_eq(t_stats(m).evictions, 0);
    ck_assert_uint_eq(t_stats(m).live, (uint64_t)KB(64));
    ck_assert_uint_eq(t_stats(m).peak, (uint64_t)KB(64));
    for (int i = 0; i < 5; i++)
        vcol_buffer_release(b[i]);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

START_TEST(e4_1_a_slice_or_view_is_charged_once)
{
    vcol_manager *m = limited(0, 0, NULL, NULL);
    t_gen g = {.seed = 1, .count = 1000};
    vcol_buffer *b = t_buffer(m, &g, "b"), *s[10];
    vcol_span span;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(vcol_buffer_slice(b, i, 900, &s[i], NULL), VCOL_OK);
        ck_assert_int_eq(vcol_buffer_pin(s[i], &span, NULL), VCOL_OK);
    }
    ck_assert_uint_eq(t_stats(m).live, vcol_buffer_bytes(b));
    ck_assert_uint_eq(t_stats(m).generations, 1);
    for (int i = 0; i < 10; i++) {
        vcol_buffer_unpin(s[i]);
        vcol_buffer_release(s[i]);
    }
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* ---- E4.2 ----------------------------------------------------------------------------------------- */

START_TEST(e4_2_more_than_the_limit_is_granted_when_nothing_runs)
{
    t_allocator a = {0};
    vcol_manager *m = limited((uint64_t)KB(16), 0, &a, NULL);
    t_gen g = {.seed = 1, .count = values_of(KB(64))}, small = {.seed = 2, .count = values_of(KB(8))};
    vcol_buffer *b = t_buffer(m, &g, "b"), *s = t_buffer(m, &small, "small");
    t_read(s, &small);
    t_read(b, &g);
    vcol_stats st = t_stats(m);
    ck_assert_uint_eq(st.overcommits, 1);
    ck_assert_uint_eq(st.overcommit_bytes, (uint64_t)KB(48));
    ck_assert_uint_eq(st.evictions, 1); /* what could go has gone first */
    ck_assert_uint_eq(vcol_buffer_bytes(s), 0);
    t_read(s, &small); /* and the large one goes for the small one */
    ck_assert_uint_eq(t_stats(m).overcommits, 1);
    ck_assert_uint_eq(vcol_buffer_bytes(b), 0);
    vcol_buffer_release(b);
    vcol_buffer_release(s);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

START_TEST(e4_2_with_something_runnable_it_waits_until_that_ends)
{
    t_allocator a = {0};
    vcol_manager *m = limited((uint64_t)KB(64), 0, &a, NULL);
    t_gate inside;
    t_gate_init(&inside);
    t_gen running = {.seed = 1, .count = values_of(KB(48)), .gate = &inside},
          large = {.seed = 2, .count = values_of(KB(_i ? 80 : 32))};
    vcol_buffer *br = t_buffer(m, &running, "running"), *bl = t_buffer(m, &large, "large");
    t_reader rr = {.buffer = br, .gen = &running}, rl = {.buffer = bl, .gen = &large};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rl);
    t_until(t_stats(m).memory_waits == 1);
    ck_assert_int_eq(atomic_load(&large.calls), 0);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&inside);
    t_reader_join(&rr);
    t_reader_join(&rl);
    ck_assert_int_eq(rl.status, VCOL_OK);
    ck_assert_int_le(t_stats(m).overcommits, 1);
    if (_i) /* larger than the limit itself */
        ck_assert_uint_eq(t_stats(m).overcommits, 1);
    vcol_buffer_release(br);
    vcol_buffer_release(bl);
    vcol_manager_close(m);
}
END_TEST

/* What runs comes to wait itself, for memory: now the older is granted, and nobody hangs. */
START_TEST(e4_2_of_two_borrowers_that_wait_for_each_other_the_older_is_granted_once)
{
    vcol_manager *m = limited((uint64_t)KB(100), 0, NULL, NULL);
    borrower x, y;
    vcol_buffer *bx = borrower_open(m, &x, KB(40), KB(64), "x"), *by = borrower_open(m, &y, KB(40), KB(64), "y");
    t_reader rx = {.buffer = bx}, ry = {.buffer = by};
    t_reader_start(&rx);
    t_gate_await(&x.started, 1);
    t_reader_start(&ry);
    t_gate_await(&y.started, 1);
    t_gate_open(&x.started);
    t_until(t_stats(m).memory_waits == 1);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&y.started);
    t_gate_await(&x.granted, 1); /* the older */
    t_until(t_stats(m).memory_waits == 2);
    ck_assert_uint_eq(t_stats(m).overcommits, 1);
    ck_assert_int_eq(t_gate_arrived(&y.granted), 0);
    t_gate_open(&y.granted);
    t_gate_open(&x.granted);
    t_reader_join(&rx);
    t_reader_join(&ry);
    ck_assert_int_eq(rx.status, VCOL_OK);
    ck_assert_int_eq(ry.status, VCOL_OK);
    ck_assert_int_lt(atomic_load(&x.order), atomic_load(&y.order));
    ck_assert_int_eq(atomic_load(&x.calls) + atomic_load(&y.calls), 2);
    vcol_buffer_release(bx);
    vcol_buffer_release(by);
    ck_assert_uint_eq(t_stats(m).live, 0);
    ck_assert_uint_eq(t_stats(m).promised, 0);
    vcol_manager_close(m);
}
END_TEST

/* The same, one of them waiting, and one who comes new: what the watchdog prints of them (E10.2). */
START_TEST(e10_2_who_waits_for_memory_is_printed)
{
    vcol_manager *m = limited((uint64_t)KB(100), 0, NULL, NULL);
    borrower x, y;
    t_gen want = {.seed = 3, .count = values_of(KB(32))};
    vcol_buffer *bx = borrower_open(m, &x, KB(40), KB(64), "x"), *by = borrower_open(m, &y, KB(40), KB(64), "y"),
                *bw = t_buffer(m, &want, "want");
    t_reader rx = {.buffer = bx}, ry = {.buffer = by}, rw = {.buffer = bw, .gen = &want};
    char expected[1024];
    t_gate_open(&x.granted);
    t_gate_open(&y.granted);
    t_reader_start(&rx);
    t_gate_await(&x.started, 1);
    t_reader_start(&ry);
    t_gate_await(&y.started, 1);
    t_reader_start(&rw);
    free(t_waits(m, 1));
    t_gate_open(&y.started);
    char *text = t_waits(m, 2);
    vcol_stats s = t_stats(m);
    snprintf(expected, sizeof expected,
             "thread %lld, making want, waits for %lld bytes of memory, as a newcomer, and holds 0\n"
             "thread %lld, making y, waits for %lld bytes of memory, as a borrower, and holds 0\n"
             "memory: %lld live, 0 promised, 0 cached, %llu fixed of %lld; 1 runnable; pinned: none\n",
             (long long)atomic_load(&rw.id), (long long)KB(32), (long long)atomic_load(&ry.id), (long long)KB(64),
             (long long)KB(80), (unsigned long long)s.fixed, (long long)KB(100));
    ck_assert_str_eq(text, expected);
    free(text);
    t_gate_open(&x.started);
    t_reader_join(&rx);
    t_reader_join(&ry);
    t_reader_join(&rw);
    t_release((vcol_buffer *[]){bx, by, bw}, 3);
    vcol_manager_close(m);
}
END_TEST

/* What is pinned by the program is waited for only as long as something runs; its unpin lets the waiter in. */
START_TEST(e4_2_an_unpin_lets_a_waiter_in)
{
    vcol_manager *m = limited((uint64_t)KB(64), 0, NULL, NULL);
    t_gate inside;
    t_gate_init(&inside);
    t_gen held = {.seed = 1, .count = values_of(KB(40))}, running = {.seed = 2, .count = values_of(KB(8)), .gate = &inside},
          want = {.seed = 3, .count = values_of(KB(40))};
    vcol_buffer *bh = t_buffer(m, &held, "held"), *br = t_buffer(m, &running, "running"), *bw = t_buffer(m, &want, "want");
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(bh, &span, NULL), VCOL_OK);
    t_reader rr = {.buffer = br, .gen = &running}, rw = {.buffer = bw, .gen = &want};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rw);
    t_until(t_stats(m).memory_waits == 1);
    ck_assert_int_eq(atomic_load(&want.calls), 0);
    vcol_buffer_unpin(bh);
    t_reader_join(&rw); /* while the other one still runs */
    ck_assert_int_eq(rw.status, VCOL_OK);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_eq(vcol_buffer_bytes(bh), 0);
    t_gate_open(&inside);
    t_reader_join(&rr);
    vcol_buffer_release(bh);
    vcol_buffer_release(br);
    vcol_buffer_release(bw);
    vcol_manager_close(m);
}
END_TEST

/* ---- E4.3 ----------------------------------------------------------------------------------------- */

START_TEST(e4_3_a_borrower_goes_before_a_newer_task)
{
    vcol_manager *m = limited((uint64_t)KB(136), 0, NULL, NULL);
    borrower b;
    t_gate inside, long_inside;
    t_gate_init(&inside);
    t_gate_init(&long_inside);
    t_gen other = {.seed = 3, .count = values_of(KB(8)), .gate = &long_inside}; /* so that something runs all the time */
    vcol_buffer *bo = t_buffer(m, &other, "other");
    t_reader ro = {.buffer = bo, .gen = &other};
    t_reader_start(&ro);
    t_gate_await(&long_inside, 1);
    t_gen running = {.seed = 1, .count = values_of(KB(80)), .gate = &inside}, newer = {.seed = 2, .count = values_of(KB(80))};
    vcol_buffer *br = t_buffer(m, &running, "running"), *bn = t_buffer(m, &newer, "newer"),
                *bb = borrower_open(m, &b, KB(32), KB(64), "borrower");
    t_reader rr = {.buffer = br, .gen = &running}, rn = {.buffer = bn, .gen = &newer}, rb = {.buffer = bb};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rb);
    t_gate_await(&b.started, 1);
    t_reader_start(&rn); /* comes to wait first */
    t_until(t_stats(m).memory_waits == 1);
    t_gate_open(&b.started); /* comes to wait second, started before */
    t_until(t_stats(m).memory_waits == 2);
    t_gate_open(&inside);
    t_reader_join(&rr);
    t_gate_await(&b.granted, 1);
    ck_assert_int_eq(atomic_load(&newer.calls), 0); /* 80 beside the borrower's 64 do not fit */
    t_gate_open(&b.granted);
    t_reader_join(&rb);
    t_reader_join(&rn);
    ck_assert_int_lt(atomic_load(&b.order), atomic_load(&newer.order));
    ck_assert_int_eq(rb.status, VCOL_OK);
    ck_assert_int_eq(rn.status, VCOL_OK);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_le(t_stats(m).peak, (uint64_t)KB(136));
    t_gate_open(&long_inside);
    t_reader_join(&ro);
    vcol_buffer_release(bo);
    vcol_buffer_release(br);
    vcol_buffer_release(bn);
    vcol_buffer_release(bb);
    vcol_manager_close(m);
}
END_TEST

typedef struct asker {
    vcol_manager *m;
    vcol__grant grant;
    uint64_t bytes;
    vcol__urgency urgency;
    vcol_status status;
    _Atomic bool granted;
    pthread_t thread;
} asker;

static void *ask(void *a_void)
{
    asker *a = a_void;
    a->status = vcol__account_reserve(a->m, &a->grant, a->bytes, a->urgency, false, NULL);
    atomic_store(&a->granted, true);
    return NULL;
}

/* Where nothing can go, the one that started first is granted, although the newer one came to wait first. */
START_TEST(e4_3_over_the_limit_the_one_that_started_first_goes_first)
{
    vcol_manager *m = limited((uint64_t)KB(128), 0, NULL, NULL);
    borrower b;
    t_gate inside;
    t_gate_init(&inside);
    t_gen held = {.seed = 1, .count = values_of(KB(64))}, running = {.seed = 2, .count = values_of(KB(8)), .gate = &inside},
          newer = {.seed = 3, .count = values_of(KB(80))};
    vcol_buffer *bh = t_buffer(m, &held, "held"), *br = t_buffer(m, &running, "running"), *bn = t_buffer(m, &newer, "newer"),
                *bb = borrower_open(m, &b, KB(32), KB(64), "borrower");
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(bh, &span, NULL), VCOL_OK);
    t_reader rr = {.buffer = br, .gen = &running}, rn = {.buffer = bn, .gen = &newer}, rb = {.buffer = bb};
    t_reader_start(&rr);
    t_gate_await(&inside, 1);
    t_reader_start(&rb);
    t_gate_await(&b.started, 1);
    t_reader_start(&rn);
    t_until(t_stats(m).memory_waits == 1);
    t_gate_open(&b.started);
    t_until(t_stats(m).memory_waits == 2);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_gate_open(&inside);
    t_gate_await(&b.granted, 1);
    ck_assert_uint_eq(t_stats(m).overcommits, 1);
    ck_assert_int_eq(atomic_load(&newer.calls), 0);
    t_gate_open(&b.granted);
    t_reader_join(&rr);
    t_reader_join(&rb);
    t_reader_join(&rn);
    vcol_buffer_unpin(bh);
    vcol_buffer_release(bh);
    vcol_buffer_release(br);
    vcol_buffer_release(bn);
    vcol_buffer_release(bb);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e4_3_what_is_given_back_lets_a_waiter_in_at_that_step)
{
    vcol_manager *m = limited(1000, 0, NULL, NULL);
    vcol__grant grant = {0};
    vcol_error err = {0};
    ck_assert_int_eq(vcol__account_reserve(m, &grant, 1000, VCOL__DEMAND, false, &err), VCOL_OK);
    vcol__account_runnable(m, 1); /* so that nobody is granted more than there is */
    asker a = {.m = m, .bytes = 600, .urgency = VCOL__DEMAND};
    ck_assert_int_eq(pthread_create(&a.thread, NULL, ask, &a), 0);
    t_until(t_stats(m).memory_waits == 1);
    vcol__account_give_back(m, &grant, 401);
    for (int i = 0; i < 100; i++)
        t_yield();
    ck_assert(!atomic_load(&a.granted)); /* one byte short */
    vcol__account_give_back(m, &grant, 400);
    pthread_join(a.thread, NULL);
    ck_assert_int_eq(a.status, VCOL_OK);
    ck_assert_uint_eq(t_stats(m).promised, 1000);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    vcol__account_give_back(m, &grant, 0);
    vcol__account_give_back(m, &a.grant, 0);
    vcol__account_runnable(m, -1);
    ck_assert_uint_eq(t_stats(m).promised, 0);
    vcol_manager_close(m);
}
END_TEST

/* ---- E4.4 ----------------------------------------------------------------------------------------- */

static void *read_joins(void *r_void)
{
    t_reader *r = r_void;
    for (int i = 0; i < T_REPEAT(50); i++) {
        t_read(r->buffer, r->gen);
        vcol_buffer_clear(r->buffer);
    }
    return NULL;
}

START_TEST(e4_4_two_consumers_of_both_halves_of_a_join_complete_under_half_the_memory)
{
    t_allocator a = {0};
    vcol_manager *m = limited((uint64_t)KB(_i == 0 ? 64 : 40), 0, &a, NULL);
    t_gen left = {.seed = 1, .count = values_of(KB(32))}, right = {.seed = 2, .count = values_of(KB(32))};
    t_gen j[2] = {{.seed = 3, .count = values_of(KB(16))}, {.seed = 4, .count = values_of(KB(16))}};
    vcol_buffer *bl = t_buffer(m, &left, "left"), *br = t_buffer(m, &right, "right");
    vcol_buffer *one[] = {bl, br}, *other[] = {br, bl};
    t_reader r[2];
    for (int i = 0; i < 2; i++) {
        r[i] = (t_reader){.buffer = t_buffer_with(m, &j[i], "join", i ? other : one, 2), .gen = &j[i]};
        ck_assert_int_eq(pthread_create(&r[i].thread, NULL, read_joins, &r[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        t_reader_join(&r[i]);
        vcol_buffer_release(r[i].buffer);
    }
    vcol_buffer_release(bl);
    vcol_buffer_release(br);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.live, 0);
    ck_assert_uint_eq(s.promised, 0);
    ck_assert_uint_le(s.peak, s.limit + s.overcommit_bytes);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/* Reservations, backing, freeing, giving back, in any order, against a model. */
START_TEST(e4_4_any_order_of_reserve_borrow_free_and_cancel_balances)
{
    enum { N = 8, LIMIT = 200000 };
    t_allocator a = {0};
    vcol_manager *m = limited(LIMIT, VCOL_MANAGER_NO_BACKGROUND, &a, NULL);
    t_random r = {(uint64_t)_i + 1};
    vcol__grant grant[N] = {{0}};
    vcol__region region[N] = {{0}};
    uint64_t overcommits = 0;
    for (int step = 0; step < 2000; step++) {
        int64_t i = t_below(&r, N);
        uint64_t bytes = (uint64_t)t_below(&r, 60000), promised = 0, live = 0;
        vcol_stats s = t_stats(m);
        uint64_t sum = s.live + s.promised + s.cached + s.fixed;
        switch (t_below(&r, 6)) {
        case 0: { /* a prefetch: refused where it does not fit beside what is not merely recycled */
            vcol_status status = vcol__account_reserve(m, &grant[i], bytes, VCOL__PREFETCH, false, NULL);
            ck_assert_int_eq(status, sum - s.cached + bytes <= LIMIT ? VCOL_OK : VCOL_CANCELLED);
            break;
        }
        case 1: { /* a demand or borrower: granted, over the limit if need be, as nothing runs */
            vcol__urgency urgency = t_below(&r, 2) ? VCOL__DEMAND : VCOL__BORROW;
            ck_assert_int_eq(vcol__account_reserve(m, &grant[i], bytes, urgency, false, NULL), VCOL_OK);
            overcommits += bytes > 0 && sum - s.cached + bytes > LIMIT;
            break;
        }
        case 2: { /* back it, up to what is promised */
            size_t size = (size_t)t_below(&r, (int64_t)grant[i].held + 1);
            if (!region[i].data && vcol__memory_capacity(size) <= grant[i].held)
                ck_assert_int_eq(vcol__memory_take(m, &grant[i], size, &region[i], NULL), VCOL_OK);
            break;
        }
        case 3:
            vcol__memory_give(m, &region[i]);
            break;
        default: {
            uint64_t keep = t_below(&r, 2) ? 0 : grant[i].held / 2;
            vcol__account_give_back(m, &grant[i], keep);
            ck_assert_uint_eq(grant[i].held, keep);
        }
        }
        s = t_stats(m);
        for (int k = 0; k < N; k++) {
            promised += grant[k].held;
            live += region[k].capacity;
        }
        ck_assert_uint_eq(s.promised, promised);
        ck_assert_uint_eq(s.live, live);
        ck_assert_uint_eq(s.overcommits, overcommits);
        ck_assert_int_eq((int64_t)(s.live + s.cached), atomic_load(&a.columns));
    }
    for (int i = 0; i < N; i++) {
        vcol__memory_give(m, &region[i]);
        vcol__account_give_back(m, &grant[i], 0);
    }
    vcol_manager_trim(m);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.live + s.promised + s.cached + s.fixed, 0);
    ck_assert_uint_le(s.peak, LIMIT + s.overcommit_bytes);
    vcol_manager_close(m);
}
END_TEST

/* The same by threads, through buffers: whatever they do, all is given back, and no more is used than was allowed. */
typedef struct party {
    vcol_manager *m;
    vcol_buffer **b;
    t_gen *g;
    int n;
} party;

static void take_part(void *p_void, t_random *r)
{
    const party *p = p_void;
    vcol_span span;
    for (int i = 0; i < T_REPEAT(300); i++) {
        int64_t one = t_below(r, p->n), two = t_below(r, p->n);
        vcol_prefetch *scope = NULL;
        if (t_below(r, 4) == 0)
            t_require(vcol_prefetch_begin_buffers(p->m, p->b, t_below(r, p->n), NULL, &scope, NULL) == VCOL_OK);
        t_require(vcol_buffer_pin(p->b[one], &span, NULL) == VCOL_OK);
        t_check(&span, &p->g[one]);
        if (t_below(r, 2))
            t_read(p->b[two], &p->g[two]); /* with one pinned */
        if (t_below(r, 4) == 0)
            vcol_buffer_clear(p->b[two]);
        t_check(&span, &p->g[one]);
        vcol_buffer_unpin(p->b[one]);
        vcol_prefetch_end(scope);
    }
}

START_TEST(e4_4_threads_at_the_limit_balance)
{
    enum { N = 10, THREADS = 4 };
    static const int64_t limits[] = {10, 60, 200};
    t_allocator a = {0};
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)KB(limits[_i % 3]);
    o.allocator = t_allocator_of(&a);
    o.threads = 1 + _i % 4;
    vcol_manager *m = t_manager(&o);
    t_gen g[N];
    vcol_buffer *b[N];
    t_crowd crowd;
    for (int i = 0; i < N; i++) {
        g[i] = (t_gen){.seed = i, .count = values_of(KB(2 + 2 * (i % 4))), .late = i % 3 == 0};
        g[i].grow = g[i].count / 2 + 1;
        if (i > 3)
            g[i].reads[0] = b[i - 3];
        b[i] = t_buffer(m, &g[i], "b");
    }
    t_crowd_start(&crowd, THREADS, _i, take_part, &(party){.m = m, .b = b, .g = g, .n = N});
    t_crowd_join(&crowd);
    vcol_stats s = t_stats(m);
    ck_assert_uint_le(s.peak, s.limit + s.overcommit_bytes);
    ck_assert_int_le(atomic_load(&a.most_columns), (int64_t)(s.limit + s.overcommit_bytes));
    for (int i = 0; i < N; i++)
        vcol_buffer_release(b[i]);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/* ---- the hard limit, the limit that is lowered ------------------------------------------------------ */

START_TEST(e4_6_a_hard_limit_is_an_error_that_names_what_is_pinned)
{
    vcol_manager *m = limited((uint64_t)KB(64), VCOL_MANAGER_LIMIT_HARD, NULL, NULL);
    t_gen held = {.seed = 1, .count = values_of(KB(40))}, want = {.seed = 2, .count = values_of(KB(32))},
          never = {.seed = 3, .count = values_of(KB(80))};
    vcol_buffer *bh = t_buffer(m, &held, "the_held_one"), *bw = t_buffer(m, &want, "want"), *bn = t_buffer(m, &never, "never");
    vcol_span span, none;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_buffer_pin(bh, &span, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(bw, &none, &err), VCOL_LIMIT);
    ck_assert_msg(strstr(err.message, "the_held_one") && strstr(err.message, "32768") && strstr(err.message, "65536"), "%s",
                  err.message);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_buffer_pin(bn, &none, &err), VCOL_LIMIT);
    vcol_buffer_unpin(bh);
    t_read(bw, &want); /* the held one goes */
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_buffer_pin(bn, &none, &err), VCOL_LIMIT);
    ck_assert_int_eq(atomic_load(&never.calls), 0);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.overcommits, 0);
    ck_assert_uint_le(s.peak, s.limit);
    ck_assert_uint_eq(s.promised, 0);
    vcol_buffer_release(bh);
    vcol_buffer_release(bw);
    vcol_buffer_release(bn);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e4_6_a_limit_that_is_lowered_evicts_and_admits_no_prefetch)
{
    enum { N = 4 };
    t_executor e;
    t_executor_init(&e);
    vcol_manager *m = limited(0, 0, NULL, &e);
    t_gen g[N + 1];
    vcol_buffer *b[N + 1];
    vcol_span span;
    vcol_prefetch *scope;
    vcol_prefetch_stats ps;
    for (int i = 0; i <= N; i++) {
        g[i] = (t_gen){.seed = i, .count = values_of(KB(16))};
        b[i] = t_buffer(m, &g[i], "b");
    }
    for (int i = 0; i < N; i++)
        t_read(b[i], &g[i]);
    ck_assert_int_eq(vcol_buffer_pin(b[0], &span, NULL), VCOL_OK);
    vcol_manager_set_limit(m, (uint64_t)KB(40));
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.limit, (uint64_t)KB(40));
    ck_assert_uint_eq(s.live, (uint64_t)KB(32));
    ck_assert_uint_le(s.live + s.cached, s.limit);
    ck_assert_uint_gt(vcol_buffer_bytes(b[N - 1]), 0); /* the most recent one stayed */
    vcol_manager_set_limit(m, (uint64_t)KB(8));
    s = t_stats(m);
    ck_assert_uint_eq(s.live + s.cached, (uint64_t)KB(16)); /* pinned */
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b[1], 2, NULL, &scope, NULL), VCOL_OK);
    t_run(&e);
    vcol_prefetch_get_stats(scope, &ps, sizeof ps);
    ck_assert_int_eq(ps.done, 0);
    ck_assert_int_eq(ps.taken_back, 2);
    ck_assert_int_eq(atomic_load(&g[1].calls), 1);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    t_read(b[1], &g[1]); /* a demand goes on */
    ck_assert_uint_eq(t_stats(m).overcommits, 1);
    t_check(&span, &g[0]);
    vcol_buffer_unpin(b[0]);
    vcol_prefetch_end(scope);
    vcol_manager_set_limit(m, 0);
    for (int i = 0; i <= N; i++) {
        t_read(b[i], &g[i]);
        vcol_buffer_release(b[i]);
    }
    t_run(&e);
    vcol_manager_close(m);
}
END_TEST

/* Every allocation fails once, with background work: an error of who asked, or nobody's; nothing is lost. */
START_TEST(e4_6_every_allocation_fails_once_with_prefetch)
{
    for (int64_t n = 1;; n++) {
        enum { N = 3 };
        t_allocator a = {0};
        t_executor e;
        t_executor_init(&e);
        vcol_manager *m = limited((uint64_t)KB(40), 0, &a, &e);
        t_gen g[N];
        vcol_buffer *b[N];
        vcol_prefetch *scope = NULL;
        vcol_span span;
        for (int i = 0; i < N; i++) {
            g[i] = (t_gen){.seed = i, .count = values_of(KB(16)), .late = i == 1};
            b[i] = t_buffer(m, &g[i], "b");
        }
        g[0].reads[0] = b[1];
        a.fail_call = atomic_load(&a.calls) + n;
        vcol_status status = vcol_prefetch_begin_buffers(m, b, N, NULL, &scope, NULL);
        ck_assert(status == VCOL_OK || (status == VCOL_NOMEM && !scope));
        t_run(&e);
        for (int i = 0; i < N; i++) {
            status = vcol_buffer_pin(b[i], &span, NULL);
            ck_assert_msg(status == VCOL_OK || status == VCOL_NOMEM, "%s", vcol_status_name(status));
            if (status == VCOL_OK) {
                t_check(&span, &g[i]);
                vcol_buffer_unpin(b[i]);
            }
        }
        bool fired = atomic_load(&a.calls) >= a.fail_call;
        a.fail_call = 0;
        for (int i = 0; i < N; i++) {
            t_read(b[i], &g[i]);
            vcol_buffer_release(b[i]);
        }
        vcol_prefetch_end(scope);
        t_run(&e);
        vcol_manager_close(m);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        if (!fired)
            break;
    }
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e4_1_the_account_is_what_the_allocator_sees_at_every_step, 20},
        {e4_1_recycled_memory_has_a_bound_and_goes_before_anything_else, 0},
        {e4_1_a_slice_or_view_is_charged_once, 0},
        {e4_2_more_than_the_limit_is_granted_when_nothing_runs, 0},
        {e4_2_with_something_runnable_it_waits_until_that_ends, 2},
        {e4_2_of_two_borrowers_that_wait_for_each_other_the_older_is_granted_once, 0},
        {e10_2_who_waits_for_memory_is_printed, 0},
        {e4_2_an_unpin_lets_a_waiter_in, 0},
        {e4_3_a_borrower_goes_before_a_newer_task, 0},
        {e4_3_over_the_limit_the_one_that_started_first_goes_first, 0},
        {e4_3_what_is_given_back_lets_a_waiter_in_at_that_step, 0},
        {e4_4_two_consumers_of_both_halves_of_a_join_complete_under_half_the_memory, 2},
        {e4_4_any_order_of_reserve_borrow_free_and_cancel_balances, 50},
        {e4_4_threads_at_the_limit_balance, 12},
        {e4_6_a_hard_limit_is_an_error_that_names_what_is_pinned, 0},
        {e4_6_a_limit_that_is_lowered_evicts_and_admits_no_prefetch, 0},
        {e4_6_every_allocation_fails_once_with_prefetch, 0},
    };
    return t_main("account", tests, sizeof tests / sizeof *tests);
}
