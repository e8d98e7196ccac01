/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prefetch scopes over buffers: TESTS.md E3, with an executor that the test steps and with real threads. The link wraps
 * pthread_cond_wait, so that a test knows when a thread is asleep.
 */
#include "helpers.h"

#define N 6
#define COUNT 1000

/* A manager, its executor or threads, and N buffers. */
typedef struct bench {
    t_allocator allocator;
    t_executor e;
    vcol_manager *m;
    t_gate gate;
    t_gen meter, g[N];
    vcol_buffer *b[N];
    int threads_before;
} bench;

/* threads 0 = stepped. */
static bench *fresh_with(int threads, uint64_t limit)
{
    bench *x = calloc(1, sizeof *x);
    vcol_manager_options o = t_options();
    ck_assert_ptr_nonnull(x);
    x->threads_before = t_threads();
    t_executor_init(&x->e);
    t_gate_init(&x->gate);
    o.allocator = t_allocator_of(&x->allocator);
    o.limit = limit;
    o.lookahead = (uint64_t)1 << 30;
    o.threads = threads ? threads : 2;
    if (!threads)
        o.executor = t_executor_of(&x->e);
    x->m = t_manager(&o);
    for (int i = 0; i < N; i++) {
        x->g[i] = (t_gen){.seed = i + 1, .count = COUNT, .meter = &x->meter};
        x->b[i] = t_buffer(x->m, &x->g[i], "b");
    }
    return x;
}

static bench *fresh(int threads)
{
    return fresh_with(threads, 0);
}

static int calls(const bench *x)
{
    int n = 0;
    for (int i = 0; i < N; i++)
        n += atomic_load(&x->g[i].calls);
    return n;
}

/* Nothing is left of it: no memory, no thread, no work. */
static void done(bench *x)
{
    t_run(&x->e);
    for (int i = 0; i < N; i++)
        vcol_buffer_release(x->b[i]);
    for (int i = 0; i < N; i++)
        t_until(atomic_load(&x->g[i].destroyed) == 1); /* a worker may be about to let go of the last one */
    vcol_stats s = t_stats(x->m);
    ck_assert_uint_eq(s.live, 0);
    ck_assert_uint_eq(s.promised, 0);
    vcol_manager_close(x->m);
    ck_assert_int_eq(t_waiting(&x->e), 0);
    ck_assert_int_eq(atomic_load(&x->allocator.live), 0);
    t_until(t_threads() <= x->threads_before); /* one that was joined may be listed a moment longer */
    t_gate_destroy(&x->gate);
    free(x);
}

static vcol_prefetch *begin(bench *x, int from, int n, const vcol_prefetch_options *o)
{
    vcol_prefetch *scope;
    vcol_error err = {0};
    ck_assert_msg(vcol_prefetch_begin_buffers(x->m, x->b + from, n, o, &scope, &err) == VCOL_OK, "%s", err.message);
    return scope;
}

static vcol_prefetch_options options(void)
{
    vcol_prefetch_options o;
    vcol_prefetch_options_init(&o, sizeof o);
    return o;
}

static vcol_prefetch_stats stats(const vcol_prefetch *scope)
{
    vcol_prefetch_stats s;
    vcol_prefetch_get_stats(scope, &s, sizeof s);
    return s;
}

/* Something done in a thread of its own. */
typedef struct worker {
    pthread_t thread;
    t_executor *e;
    vcol_prefetch *scope;
    bool ran;
} worker;

static void *end_in_thread(void *w)
{
    vcol_prefetch_end(((worker *)w)->scope);
    return NULL;
}

static void *step_in_thread(void *w)
{
    ((worker *)w)->ran = t_step(((worker *)w)->e);
    return NULL;
}

static void start(worker *w, void *(*what)(void *))
{
    ck_assert_int_eq(pthread_create(&w->thread, NULL, what, w), 0);
}

static void join(worker *w)
{
    ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
}

/* ---- E3.1 ----------------------------------------------------------------------------------------- */

START_TEST(e3_1_an_exit_after_k_steps_leaves_k_calls)
{
    bench *x = fresh(0);
    int k = _i;
    vcol_prefetch *scope = begin(x, 0, N, NULL);
    for (int i = 0; i < k; i++)
        ck_assert(t_step(&x->e));
    ck_assert_int_eq(calls(x), k);
    vcol_prefetch_stats s = stats(scope);
    ck_assert_int_eq(s.asked, N);
    ck_assert_int_eq(s.issued, N);
    ck_assert_int_eq(s.done, k);
    ck_assert_int_eq(s.used, 0);
    ck_assert_int_eq(s.failed, 0);
    vcol_prefetch_end(scope);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), k);
    for (int i = 0; i < N; i++)
        t_read(x->b[i], &x->g[i]);
    ck_assert_int_eq(calls(x), N);
    ck_assert_uint_eq(t_stats(x->m).prefetched, (uint64_t)k);
    done(x);
}
END_TEST

/* What runs is joined, what is queued is not waited for. */
START_TEST(e3_1_an_exit_joins_what_runs_and_takes_back_what_is_queued)
{
    static const int threads[] = {1, 2, 4};
    int running = threads[_i % 3];
    bool heed = _i >= 3;
    bench *x = fresh(running);
    for (int i = 0; i < N; i++) {
        x->g[i].gate = &x->gate;
        x->g[i].heed = heed;
    }
    worker w = {.scope = begin(x, 0, N, NULL)};
    t_gate_await(&x->gate, running);
    start(&w, end_in_thread);
    t_until(t_stats(x->m).cancelled == (uint64_t)(N - running));
    ck_assert_int_eq(calls(x), running);
    free(t_waits(x->m, 1)); /* it joins: all that runs has been told to stop, the last wish first */
    t_gate_open(&x->gate);
    join(&w);
    ck_assert_int_eq(atomic_load(&x->meter.inside), 0);
    ck_assert_int_eq(calls(x), running);
    ck_assert_uint_eq(t_stats(x->m).prefetched, heed ? 0 : (uint64_t)running);
    for (int i = 0; i < N; i++)
        t_read(x->b[i], &x->g[i]);
    ck_assert_int_eq(calls(x), heed ? N + running : N);
    done(x);
}
END_TEST

START_TEST(e3_1_running_work_goes_on_where_somebody_waits_or_another_scope_wants_it)
{
    bench *x = fresh(2);
    for (int i = 0; i < 2; i++) {
        x->g[i].gate = &x->gate;
        x->g[i].heed = true;
    }
    vcol_prefetch *one = begin(x, 0, 2, NULL), *two = begin(x, 1, 1, NULL);
    t_gate_await(&x->gate, 2);
    t_reader r = {.buffer = x->b[0], .gen = &x->g[0]};
    t_reader_start(&r);
    t_until(t_stats(x->m).waits == 1);
    vcol_prefetch_end(one); /* joins nothing */
    t_gate_open(&x->gate);
    t_reader_join(&r);
    ck_assert_int_eq(r.status, VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_wait(two, NULL), VCOL_OK);
    t_read(x->b[1], &x->g[1]);
    vcol_prefetch_end(two);
    ck_assert_int_eq(calls(x), 2);
    done(x);
}
END_TEST

/* ---- E3.2 ----------------------------------------------------------------------------------------- */

START_TEST(e3_2_what_fails_is_said_to_who_asks_for_it_and_to_nobody_else)
{
    static const int threads[] = {0, 1, 4};
    bench *x = fresh(threads[_i]);
    x->g[2].fail_call = -1;
    x->g[2].fail_message = "the third is broken";
    vcol_prefetch *scope = begin(x, 0, N, NULL);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    vcol_prefetch_stats s = stats(scope);
    ck_assert_int_eq(s.done, N - 1);
    ck_assert_int_eq(s.failed, 1);
    ck_assert_int_eq(s.taken_back, 0);
    for (int i = 0; i < N; i++)
        if (i != 2)
            t_read(x->b[i], &x->g[i]);
    ck_assert_int_eq(calls(x), N);
    ck_assert_int_eq(stats(scope).used, N - 1);
    vcol_span span;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_buffer_pin(x->b[2], &span, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "the third is broken");
    ck_assert_int_eq(atomic_load(&x->g[2].calls), 2);
    vcol_prefetch_end(scope);
    x->g[2].fail_call = 0;
    scope = begin(x, 0, N, NULL);
    vcol_prefetch_wait(scope, NULL);
    s = stats(scope);
    ck_assert_int_eq(s.asked, N);
    ck_assert_int_eq(s.issued, 1);
    ck_assert_int_eq(s.done, 1);
    ck_assert_int_eq(s.failed, 0);
    vcol_prefetch_end(scope);
    t_read(x->b[2], &x->g[2]);
    done(x);
}
END_TEST

/* b[0] reads b[1], for which a prefetch gets no memory; somebody comes to wait for b[0] before it says so. */
typedef struct chain {
    bench *x;
    t_gate gave_up;
    int calls;
} chain;

static vcol_status read_and_wait(vcol_fill *fill, void *opaque, vcol_error *err)
{
    chain *c = opaque;
    vcol_span span;
    vcol_status status = vcol_buffer_pin(c->x->b[1], &span, err);
    memset(vcol_fill_data(fill), 1, 8);
    c->calls++;
    if (status != VCOL_OK)
        t_gate_pass(&c->gave_up);
    else
        vcol_buffer_unpin(c->x->b[1]);
    return status;
}

START_TEST(e3_2_a_prefetch_without_memory_is_done_again_by_who_wants_it)
{
    bench *x = fresh_with(0, 20000);
    chain c = {.x = x};
    vcol_buffer *b = t_buffer_of(x->m, 1, (vcol_generator){.generate = read_and_wait, .opaque = &c}, "reader");
    vcol_span span;
    vcol_prefetch *scope;
    t_gate_init(&c.gave_up);
    x->g[0].count = x->g[1].count = 1500; /* 12000 bytes each */
    vcol_buffer_release(x->b[0]);
    vcol_buffer_release(x->b[1]);
    x->b[0] = t_buffer(x->m, &x->g[0], "b");
    x->b[1] = t_buffer(x->m, &x->g[1], "b");
    ck_assert_int_eq(vcol_buffer_pin(x->b[0], &span, NULL), VCOL_OK); /* holds most of the memory */
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, &b, 1, NULL, &scope, NULL), VCOL_OK);
    worker w = {.e = &x->e};
    start(&w, step_in_thread);
    t_gate_await(&c.gave_up, 1);
    t_reader r = {.buffer = b};
    t_reader_start(&r);
    t_until(t_stats(x->m).waits == 1);
    ck_assert_uint_eq(t_stats(x->m).overcommits, 0);
    t_gate_open(&c.gave_up);
    t_reader_join(&r);
    join(&w);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(c.calls, 2);
    ck_assert_uint_eq(t_stats(x->m).overcommits, 1);
    vcol_prefetch_end(scope);
    vcol_buffer_unpin(x->b[0]);
    vcol_buffer_release(b);
    x->g[0].destroyed = x->g[1].destroyed = 0;
    done(x);
}
END_TEST

/* ---- E3.3 ----------------------------------------------------------------------------------------- */

START_TEST(e3_3_a_demand_takes_what_is_queued_and_waits_for_what_runs)
{
    bench *x = fresh(0);
    x->g[0].gate = &x->gate;
    vcol_prefetch *scope = begin(x, 0, N, NULL);
    worker w = {.e = &x->e};
    start(&w, step_in_thread);
    t_gate_await(&x->gate, 1);
    t_read(x->b[3], &x->g[3]); /* queued: here and now */
    ck_assert_int_eq(atomic_load(&x->g[3].calls), 1);
    ck_assert_int_eq(calls(x), 2);
    t_reader r = {.buffer = x->b[0], .gen = &x->g[0]};
    t_reader_start(&r);
    t_until(t_stats(x->m).waits == 1);
    t_gate_open(&x->gate);
    t_reader_join(&r);
    join(&w);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), N);
    for (int i = 0; i < N; i++)
        t_read(x->b[i], &x->g[i]);
    ck_assert_int_eq(calls(x), N);
    vcol_prefetch_stats s = stats(scope);
    ck_assert_int_eq(s.done, N - 1); /* one was the demand's */
    ck_assert_int_eq(s.used, N);
    vcol_prefetch_end(scope);
    done(x);
}
END_TEST

/* ---- E3.4 ----------------------------------------------------------------------------------------- */

START_TEST(e3_4_the_order_is_that_of_the_wishes_and_priority_overtakes)
{
    bench *x = fresh(0);
    static const int wish[N] = {3, 1, 4, 0, 5, 2};
    vcol_buffer *list[2 * N];
    vcol_prefetch *scope, *urgent;
    for (int i = 0; i < N; i++)
        list[2 * i] = list[2 * i + 1] = x->b[wish[i]]; /* each twice */
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, list, 2 * N, NULL, &scope, NULL), VCOL_OK);
    ck_assert_int_eq(stats(scope).asked, N);
    ck_assert_int_eq(stats(scope).issued, N);
    ck_assert(t_step(&x->e));
    ck_assert_int_eq(atomic_load(&x->g[3].calls), 1);
    vcol_prefetch_options o = options();
    o.priority = 5;
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, &x->b[2], 1, &o, &urgent, NULL), VCOL_OK);
    ck_assert_int_eq(stats(urgent).issued, 0); /* it was under way, last */
    ck_assert(t_step(&x->e));
    ck_assert_int_eq(atomic_load(&x->g[2].calls), 1);
    t_run(&x->e);
    static const int order[N] = {3, 2, 1, 4, 0, 5};
    for (int i = 1; i < N; i++)
        ck_assert_int_lt(atomic_load(&x->g[order[i - 1]].order), atomic_load(&x->g[order[i]].order));
    ck_assert_int_eq(calls(x), N);
    vcol_prefetch_end(urgent);
    vcol_prefetch_end(scope);
    done(x);
}
END_TEST

START_TEST(e3_4_no_keys_no_threads_and_what_cannot_be)
{
    bench *x = fresh(0);
    vcol_prefetch *scope = NULL;
    vcol_prefetch_options o = options();
    vcol_error err = {0};
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, NULL, 0, NULL, &scope, NULL), VCOL_OK);
    ck_assert_ptr_nonnull(scope);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    vcol_prefetch_end(scope);
    o.concurrency = -1;
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, x->b, N, &o, &scope, &err), VCOL_MISUSE);
    ck_assert_ptr_null(scope); /* inert */
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    vcol_prefetch_end(scope);
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, x->b, -1, NULL, &scope, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_prefetch_begin_buffers(NULL, x->b, N, NULL, &scope, NULL), VCOL_MISUSE);
    vcol_buffer *nothing = NULL;
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, &nothing, 1, NULL, &scope, NULL), VCOL_MISUSE);
    bench *other = fresh(0);
    ck_assert_int_eq(vcol_prefetch_begin_buffers(other->m, x->b, 1, NULL, &scope, NULL), VCOL_MISUSE);
    done(other);
    ck_assert_int_eq(calls(x), 0);
    /* 0 threads are chosen; without background nothing is done ahead, and a scope is harmless */
    vcol_manager_options mo = t_options();
    vcol_manager *m = t_manager(&mo);
    ck_assert_int_ge(vcol_manager_threads(m), 1);
    vcol_manager_close(m);
    mo.flags = VCOL_MANAGER_NO_BACKGROUND;
    m = t_manager(&mo);
    ck_assert_int_eq(vcol_manager_threads(m), 0);
    t_gen gen = {.seed = 1, .count = COUNT};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_until(t_threads() <= x->threads_before); /* those of the one above are gone */
    int before = t_threads();
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b, 1, NULL, &scope, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    ck_assert_int_eq(atomic_load(&gen.calls), 0);
    t_read(b, &gen);
    vcol_prefetch_end(scope);
    ck_assert_int_eq(t_threads(), before);
    vcol_buffer_release(b);
    vcol_manager_close(m);
    done(x);
}
END_TEST

/* An executor that takes nothing leaves the work to who asks for it. */
START_TEST(e3_4_work_that_the_executor_refuses_is_done_on_demand)
{
    bench *x = fresh(0);
    x->e.refuse = true;
    vcol_prefetch *scope = begin(x, 0, N, NULL);
    t_read(x->b[0], &x->g[0]);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    ck_assert_int_eq(calls(x), N);
    vcol_prefetch_end(scope);
    done(x);
}
END_TEST

START_TEST(e3_4_windows_are_prefetched_through_their_parents)
{
    bench *x = fresh(0);
    vcol_buffer *list[3] = {NULL, NULL, x->b[0]};
    vcol_prefetch *scope;
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_slice(x->b[0], 1, 2, &list[0], NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_view_as(x->b[1], VCOL_F64, &list[1], NULL), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, list, 3, NULL, &scope, NULL), VCOL_OK);
    ck_assert_int_eq(stats(scope).asked, 2);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), 2);
    ck_assert_int_eq(vcol_buffer_pin(list[0], &span, NULL), VCOL_OK);
    ck_assert_int_eq(*(const int64_t *)span.data, t_value(&x->g[0], 1));
    vcol_buffer_unpin(list[0]);
    ck_assert_int_eq(stats(scope).used, 1);
    vcol_prefetch_end(scope);
    vcol_buffer_release(list[0]);
    vcol_buffer_release(list[1]);
    done(x);
}
END_TEST

/* ---- E3.5 ----------------------------------------------------------------------------------------- */

START_TEST(e3_5_scopes_nest_overlap_and_repeat)
{
    bench *x = fresh(0);
    vcol_prefetch *outer = begin(x, 0, 4, NULL), *inner = begin(x, 2, 4, NULL);
    ck_assert_int_eq(stats(inner).issued, 2);
    ck_assert(t_step(&x->e));
    ck_assert(t_step(&x->e));
    ck_assert(t_step(&x->e)); /* 0, 1, 2 */
    vcol_prefetch_end(inner); /* 4 and 5 go; 3 is wanted by the outer one */
    t_run(&x->e);
    ck_assert_int_eq(calls(x), 4);
    ck_assert_int_eq(atomic_load(&x->g[3].calls), 1);
    ck_assert_int_eq(atomic_load(&x->g[4].calls), 0);
    vcol_prefetch_end(outer);
    for (int i = 0; i < 3; i++) { /* the same again */
        vcol_prefetch *again = begin(x, 0, N, NULL);
        ck_assert_int_eq(stats(again).issued, i == 0 ? 2 : 0);
        t_run(&x->e);
        vcol_prefetch_end(again);
    }
    ck_assert_int_eq(calls(x), N);
    /* ended in the order they were begun in, and with the outer one gone first */
    for (int i = 0; i < N; i++)
        vcol_buffer_clear(x->b[i]);
    outer = begin(x, 0, N, NULL);
    inner = begin(x, 0, N, NULL);
    vcol_prefetch_end(outer);
    ck_assert(t_step(&x->e));
    vcol_prefetch_end(inner);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), N + 1);
    done(x);
}
END_TEST

/* Several threads open and end scopes over the same buffers, read and clear them, at random. */
static void use_scopes(void *x_void, t_random *r)
{
    bench *x = x_void;
    for (int i = 0; i < T_REPEAT(60); i++) {
        vcol_prefetch *scope = NULL;
        vcol_prefetch_options o = options();
        int from = (int)t_below(r, N), n = (int)t_below(r, N - from + 1);
        o.priority = (int)t_below(r, 3) - 1;
        o.concurrency = (int)t_below(r, 4);
        o.lookahead = t_below(r, 3) ? 0 : 10000;
        t_require(vcol_prefetch_begin_buffers(x->m, x->b + from, n, &o, &scope, NULL) == VCOL_OK);
        for (int64_t k = t_below(r, 6); k > 0; k--) {
            int64_t j = t_below(r, N);
            switch (t_below(r, 4)) {
            case 0:
                vcol_buffer_clear(x->b[j]);
                break;
            case 1:
                t_require(vcol_prefetch_wait(scope, NULL) == VCOL_OK);
                break;
            default:
                t_read(x->b[j], &x->g[j]);
            }
        }
        vcol_prefetch_end(scope);
    }
}

START_TEST(e3_5_many_threads_with_overlapping_scopes_leave_nothing)
{
    static const int threads[] = {1, 2, 4};
    static const uint64_t limits[] = {0, 30000};
    bench *x = fresh_with(threads[_i % 3], limits[_i / 3 % 2]);
    t_crowd crowd;
    for (int i = 0; i < 2; i++)
        x->g[i].reads[0] = x->b[i + 2]; /* some need others */
    t_crowd_start(&crowd, 4, _i, use_scopes, x);
    t_crowd_join(&crowd);
    for (int i = 0; i < N; i++)
        ck_assert_int_le(atomic_load(&x->g[i].most_inside), 1);
    done(x);
}
END_TEST

/* A generator's own scope over what needs that generator's buffer. */
typedef struct loop {
    vcol_manager *m;
    vcol_buffer *self, *other;
    bool wait;
    int called;
} loop;

static vcol_status prefetch_who_needs_me(vcol_fill *fill, void *opaque, vcol_error *err)
{
    loop *l = opaque;
    vcol_prefetch *scope;
    memset(vcol_fill_data(fill), 1, 8);
    l->called++;
    vcol_status status = vcol_prefetch_begin_buffers(l->m, &l->other, 1, NULL, &scope, err);
    if (status != VCOL_OK)
        return status;
    t_until(t_stats(l->m).waits == 1); /* the other one waits for this one by now */
    if (l->wait)
        vcol_prefetch_wait(scope, NULL);
    vcol_prefetch_end(scope);
    return VCOL_OK;
}

START_TEST(e3_5_a_scope_that_waits_for_its_own_generator_does_not_hang)
{
    bench *x = fresh(1);
    loop l = {.m = x->m, .wait = _i == 1};
    vcol_span span;
    l.self = t_buffer_of(x->m, 1, (vcol_generator){.generate = prefetch_who_needs_me, .opaque = &l}, "self");
    x->g[0].reads[0] = l.self;
    l.other = x->b[0];
    ck_assert_int_eq(vcol_buffer_pin(l.self, &span, NULL), VCOL_OK);
    vcol_buffer_unpin(l.self);
    t_read(x->b[0], &x->g[0]);
    ck_assert_int_eq(l.called, 1);
    vcol_buffer_release(l.self);
    done(x);
}
END_TEST

/* Calls of pthread_cond_wait; counted with the mutex held, which is given up by the wait. */
static _Atomic int sleeps;

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    atomic_fetch_add(&sleeps, 1);
    return __real_pthread_cond_wait(condition, mutex);
}

/* The ROOT reader, whose plans pass a gate. */
static t_gate plan_gate;

static vcol_status gated_plan(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps,
                              vcol_block_sink *sink, vcol_error *err)
{
    t_gate_pass(&plan_gate);
    return vcol_reader_root()->plan(object, group, first, count, deps, sink, err);
}

/* The end of one scope waits for a plan; another scope wants the same meanwhile: it stays queued. */
START_TEST(e3_5_what_another_scope_asks_for_while_one_ends_is_not_taken_back)
{
    bench *x = fresh(0);
    vcol_reader reader = *vcol_reader_root();
    const vcol_reader *readers = &reader;
    const char *path = VCOL_SAMPLE;
    vcol_dataset_options o;
    vcol_dataset *d;
    vcol_chunk *c;
    vcol_prefetch *first, *second;
    vcol_error err = {0};
    t_gate_init(&plan_gate);
    reader.plan = gated_plan;
    vcol_dataset_options_init(&o, sizeof o);
    o.readers = &readers;
    o.n_readers = 1;
    vcol_dataset_open(x->m, &path, 1, &o, &d, &err);
    vcol_chunk_open(d, 0, 100, &c, &err);
    vcol_prefetch_begin(c, "MET_pt", NULL, &first, &err);
    ck_assert_msg(err.status == VCOL_OK, "%s", err.message);
    worker planner = {.e = &x->e}, ender = {.scope = first};
    start(&planner, step_in_thread);
    t_gate_await(&plan_gate, 1); /* asleep in the plan */
    int asleep = atomic_load(&sleeps);
    start(&ender, end_in_thread);
    t_until(atomic_load(&sleeps) == asleep + 1); /* asleep until it is planned */
    vcol_prefetch_begin(c, "MET_pt", NULL, &second, &err);
    ck_assert_int_eq(stats(second).issued, 0); /* it is under way */
    t_gate_open(&plan_gate);
    join(&ender);
    join(&planner);
    ck_assert(planner.ran);
    ck_assert_uint_eq(t_stats(x->m).cancelled, 0);
    t_run(&x->e);
    ck_assert_uint_eq(t_stats(x->m).prefetched, 1);
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "MET_pt", &err));
    ck_assert_uint_eq(t_stats(x->m).generations, 1);
    vcol_prefetch_end(second);
    vcol_chunk_close(c);
    vcol_dataset_close(d);
    t_gate_destroy(&plan_gate);
    done(x);
}
END_TEST

/* ---- E3.6 ----------------------------------------------------------------------------------------- */

/* Each needs the next, declared or not; the first is wished first, or last, or alone. */
START_TEST(e3_6_one_thread_makes_what_needs_other_buffers)
{
    static const int threads[] = {0, 1, 2};
    bench *x = fresh(threads[_i % 3]);
    bool last_first = _i / 3 % 2, alone = _i / 6 % 2, with_demand = _i / 12 % 2;
    for (int i = 0; i + 1 < N; i++)
        x->g[i].reads[0] = x->b[i + 1];
    vcol_buffer *list[N];
    vcol_prefetch *scope;
    for (int i = 0; i < N; i++)
        list[i] = x->b[last_first ? N - 1 - i : i];
    ck_assert_int_eq(vcol_prefetch_begin_buffers(x->m, list, alone ? 1 : N, NULL, &scope, NULL), VCOL_OK);
    if (with_demand)
        t_read(x->b[N / 2], &x->g[N / 2]);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    vcol_prefetch_end(scope);
    for (int i = 0; i < N; i++)
        t_read(x->b[i], &x->g[i]);
    ck_assert_int_eq(calls(x), N);
    done(x);
}
END_TEST

/* ---- E3.7 ----------------------------------------------------------------------------------------- */

START_TEST(e3_7_what_is_there_is_not_worked_for)
{
    bench *x = fresh(0);
    for (int i = 0; i < N; i++)
        t_read(x->b[i], &x->g[i]);
    vcol_prefetch *scope = begin(x, 0, N, NULL);
    ck_assert_int_eq(x->e.submitted, 0);
    ck_assert_int_eq(stats(scope).issued, 0);
    ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
    vcol_prefetch_end(scope);
    ck_assert_int_eq(calls(x), N);
    done(x);
}
END_TEST

START_TEST(e3_7_settings_are_those_of_the_beginning)
{
    bench *x = fresh(0);
    vcol_prefetch_options o = options();
    o.concurrency = 1;
    vcol_prefetch *scope = begin(x, 0, N, &o);
    o.concurrency = 0;
    o.priority = 100;
    for (int i = 0; i < N; i++)
        x->g[i].gate = &x->gate;
    worker w = {.e = &x->e};
    start(&w, step_in_thread);
    t_gate_await(&x->gate, 1);
    while (t_step(&x->e)) /* none of these finds one that may run */
        ;
    ck_assert_int_eq(calls(x), 1);
    t_gate_open(&x->gate);
    join(&w);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), N);
    ck_assert_int_eq(atomic_load(&x->meter.most_inside), 1);
    vcol_prefetch_end(scope);
    done(x);
}
END_TEST

/* ---- a scope's bounds -------------------------------------------------------------------------------- */

START_TEST(e3_8_a_scope_runs_no_more_loads_than_its_concurrency)
{
    bench *x = fresh(0);
    vcol_prefetch_options o = options();
    o.concurrency = 2;
    for (int i = 0; i < N; i++)
        x->g[i].gate = &x->gate;
    vcol_prefetch *bound = begin(x, 0, 4, &o), *free_one = begin(x, 4, 2, NULL);
    worker w[4] = {{.e = &x->e}, {.e = &x->e}, {.e = &x->e}, {.e = &x->e}};
    for (int i = 0; i < 2; i++) {
        start(&w[i], step_in_thread);
        t_gate_await(&x->gate, i + 1);
    }
    ck_assert_int_eq(atomic_load(&x->g[0].calls) + atomic_load(&x->g[1].calls), 2);
    for (int i = 2; i < 4; i++) { /* those of the other scope go on */
        start(&w[i], step_in_thread);
        t_gate_await(&x->gate, i + 1);
    }
    ck_assert_int_eq(atomic_load(&x->g[4].calls) + atomic_load(&x->g[5].calls), 2);
    while (t_step(&x->e))
        ;
    ck_assert_int_eq(calls(x), 4);
    t_gate_open(&x->gate);
    for (int i = 0; i < 4; i++)
        join(&w[i]);
    ck_assert_int_gt(t_waiting(&x->e), 0); /* the loads that ended have called for the next */
    t_run(&x->e);
    ck_assert_int_eq(calls(x), N);
    ck_assert_int_eq(stats(bound).done, 4);
    vcol_prefetch_end(bound);
    vcol_prefetch_end(free_one);
    done(x);
}
END_TEST

START_TEST(e3_8_the_bound_holds_for_threads_and_for_wait)
{
    static const int threads[] = {1, 2, 4};
    bench *x = fresh(threads[_i % 3]);
    vcol_prefetch_options o = options();
    o.concurrency = 1 + _i / 3;
    for (int k = 0; k < 20; k++) {
        vcol_prefetch *scope = begin(x, 0, N, &o);
        ck_assert_int_eq(vcol_prefetch_wait(scope, NULL), VCOL_OK);
        ck_assert_int_eq(stats(scope).done, N);
        vcol_prefetch_end(scope);
        for (int i = 0; i < N; i++)
            vcol_buffer_clear(x->b[i]);
    }
    ck_assert_int_le(atomic_load(&x->meter.most_inside), o.concurrency);
    ck_assert_int_eq(calls(x), 20 * N);
    done(x);
}
END_TEST

START_TEST(e3_8_a_bound_ends_with_its_scope)
{
    bench *x = fresh(0);
    vcol_prefetch_options o = options();
    o.concurrency = 1;
    x->g[0].gate = &x->gate;
    vcol_prefetch *bound = begin(x, 0, 3, &o), *other = begin(x, 0, 2, NULL);
    worker w = {.e = &x->e};
    start(&w, step_in_thread);
    t_gate_await(&x->gate, 1);
    while (t_step(&x->e))
        ;
    ck_assert_int_eq(calls(x), 1);
    vcol_prefetch_end(bound); /* 0 is wanted by the other one: nothing to join; 2 goes */
    ck_assert_int_gt(t_run(&x->e), 0);
    ck_assert_int_eq(atomic_load(&x->g[1].calls), 1); /* although 0 still runs */
    ck_assert_int_eq(atomic_load(&x->g[2].calls), 0);
    t_gate_open(&x->gate);
    join(&w);
    vcol_prefetch_end(other);
    done(x);
}
END_TEST

START_TEST(e3_8_no_more_lies_ahead_of_use_than_the_lookahead)
{
    bench *x = fresh(0);
    vcol_prefetch_options o = options();
    t_read(x->b[0], &x->g[0]);
    uint64_t one = vcol_buffer_bytes(x->b[0]);
    vcol_buffer_clear(x->b[0]);
    o.lookahead = 2 * one;
    vcol_prefetch *scope = begin(x, 0, N, &o);
    t_run(&x->e);
    ck_assert_int_eq(calls(x), 1 + 2);
    ck_assert_uint_eq(t_stats(x->m).live, 2 * one);
    for (int i = 0; i < N; i++) { /* each use lets one more in */
        t_read(x->b[i], &x->g[i]);
        t_read(x->b[i], &x->g[i]);
        ck_assert_int_eq(stats(scope).used, i + 1);
        t_run(&x->e);
        ck_assert_int_eq(calls(x), 1 + (i + 3 < N ? i + 3 : N));
    }
    vcol_prefetch_end(scope);
    /* Dropped unused ones make room, too, and are counted. */
    for (int i = 0; i < N; i++)
        vcol_buffer_clear(x->b[i]);
    scope = begin(x, 0, N, &o);
    t_run(&x->e);
    ck_assert_int_eq(vcol_buffer_clear(x->b[0]), 1);
    ck_assert_int_eq(t_run(&x->e) > 0, 1);
    ck_assert_int_eq(atomic_load(&x->g[2].calls), 2);
    ck_assert_uint_eq(t_stats(x->m).prefetch_unused, 1);
    vcol_prefetch_end(scope);
    done(x);
}
END_TEST

/* What a scope brought and nobody used is the first to go; while it is open no prefetch throws it out. */
START_TEST(e3_8_what_was_not_used_goes_first_after_the_end)
{
    bench *x = fresh(0);
    vcol_buffer *old = x->b[0], *unused = x->b[1];
    t_read(old, &x->g[0]);
    vcol_prefetch *scope = begin(x, 1, 1, NULL);
    t_run(&x->e);
    uint64_t one = vcol_buffer_bytes(old);
    vcol_manager_set_limit(x->m, 2 * one);
    ck_assert_uint_gt(vcol_buffer_bytes(unused), 0);
    vcol_prefetch *second = begin(x, 2, 1, NULL); /* old goes, although unused was never asked for */
    t_run(&x->e);
    ck_assert_uint_eq(vcol_buffer_bytes(old), 0);
    ck_assert_uint_gt(vcol_buffer_bytes(unused), 0);
    t_read(x->b[2], &x->g[2]);
    vcol_prefetch_end(scope);
    t_read(old, &x->g[0]);
    ck_assert_uint_eq(vcol_buffer_bytes(unused), 0);
    ck_assert_uint_gt(vcol_buffer_bytes(x->b[2]), 0);
    ck_assert_uint_eq(t_stats(x->m).prefetch_unused, 1);
    vcol_prefetch_end(second);
    done(x);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e3_1_an_exit_after_k_steps_leaves_k_calls, N + 1},
        {e3_1_an_exit_joins_what_runs_and_takes_back_what_is_queued, 6},
        {e3_1_running_work_goes_on_where_somebody_waits_or_another_scope_wants_it, 0},
        {e3_2_what_fails_is_said_to_who_asks_for_it_and_to_nobody_else, 3},
        {e3_2_a_prefetch_without_memory_is_done_again_by_who_wants_it, 0},
        {e3_3_a_demand_takes_what_is_queued_and_waits_for_what_runs, 0},
        {e3_4_the_order_is_that_of_the_wishes_and_priority_overtakes, 0},
        {e3_4_no_keys_no_threads_and_what_cannot_be, 0},
        {e3_4_work_that_the_executor_refuses_is_done_on_demand, 0},
        {e3_4_windows_are_prefetched_through_their_parents, 0},
        {e3_5_scopes_nest_overlap_and_repeat, 0},
        {e3_5_many_threads_with_overlapping_scopes_leave_nothing, 24},
        {e3_5_a_scope_that_waits_for_its_own_generator_does_not_hang, 2},
        {e3_5_what_another_scope_asks_for_while_one_ends_is_not_taken_back, 0},
        {e3_6_one_thread_makes_what_needs_other_buffers, 24},
        {e3_7_what_is_there_is_not_worked_for, 0},
        {e3_7_settings_are_those_of_the_beginning, 0},
        {e3_8_a_scope_runs_no_more_loads_than_its_concurrency, 0},
        {e3_8_the_bound_holds_for_threads_and_for_wait, 6},
        {e3_8_a_bound_ends_with_its_scope, 0},
        {e3_8_no_more_lies_ahead_of_use_than_the_lookahead, 0},
        {e3_8_what_was_not_used_goes_first_after_the_end, 0},
    };
    return t_main("prefetch", tests, sizeof tests / sizeof *tests);
}
