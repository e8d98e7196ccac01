/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual buffers: TESTS.md E1 (generation) and E2 (clear). E2.4 needs chunks: test_reader_ttree_mock.c. */
#include "helpers.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 1000

static vcol_manager *manager;

static vcol_manager *fresh(void)
{
    vcol_manager_options o = t_options();
    o.threads = 2;
    return manager = t_manager(&o);
}

static uint64_t live(void)
{
    return t_stats(manager).live;
}

static bool size_pins;
static vcol_status reserve_nothing(vcol_fill *fill, void *opaque, vcol_error *err);

/* ---- E1 -------------------------------------------------------------------------------------------- */

START_TEST(e1_1_nothing_is_generated_before_the_first_read)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 1, .count = COUNT, .with_size = true};
    vcol_buffer *b = t_buffer(m, &gen, "b"), *slice, *view;
    int64_t count = 0;
    ck_assert_int_eq(vcol_buffer_slice(b, 10, 20, &slice, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_view_as(b, VCOL_F64, &view, NULL), VCOL_OK);
    ck_assert_int_eq(atomic_load(&gen.sizes), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(vcol_buffer_count(b, &count, NULL), VCOL_OK);
        ck_assert_int_eq(count, COUNT);
        ck_assert_int_eq(vcol_buffer_count(slice, &count, NULL), VCOL_OK);
        ck_assert_int_eq(count, 20);
        ck_assert_int_eq(vcol_buffer_count(view, &count, NULL), VCOL_OK);
        ck_assert_int_eq(count, COUNT);
    }
    ck_assert_int_eq(atomic_load(&gen.sizes), 1);
    ck_assert_int_eq(atomic_load(&gen.calls), 0);
    ck_assert_uint_eq(live(), 0);
    t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    for (int i = 0; i < 100; i++)
        t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    ck_assert_int_eq(atomic_load(&gen.sizes), 1);
    ck_assert_uint_eq(t_stats(m).generations, 1);
    ck_assert_uint_eq(t_stats(m).hits, 100);
    ck_assert_int_eq(t_threads(), 1); /* no thread before there is background work */
    vcol_buffer_release(view);
    vcol_buffer_release(slice);
    ck_assert_int_eq(atomic_load(&gen.destroyed), 0);
    vcol_buffer_release(b);
    ck_assert_int_eq(atomic_load(&gen.destroyed), 1);
    ck_assert_uint_eq(live(), 0);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_1_a_count_known_late_is_generated_for)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 1, .count = COUNT, .late = true};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    int64_t count = 0;
    ck_assert_int_eq(vcol_buffer_count(b, &count, NULL), VCOL_OK);
    ck_assert_int_eq(count, COUNT);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    vcol_buffer_clear(b);
    ck_assert_int_eq(vcol_buffer_count(b, &count, NULL), VCOL_OK); /* it is known by now */
    ck_assert_int_eq(count, COUNT);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* All read at once; while the generator is held at its gate, and again without a gate. */
START_TEST(e1_2_thirty_two_threads_generate_once)
{
    enum { N = 32 };
    vcol_manager *m = fresh();
    t_gate together, inside, pinned;
    t_gate_init(&together);
    t_gate_init(&inside);
    t_gate_init(&pinned);
    t_gen gen = {.seed = 2, .count = COUNT, .gate = _i == 0 ? &inside : NULL};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_reader r[N];
    for (int i = 0; i < N; i++) {
        r[i] = (t_reader){.buffer = b, .gen = &gen, .before = &together, .pinned = &pinned};
        t_reader_start(&r[i]);
    }
    t_gate_await(&together, N);
    t_gate_open(&together);
    if (_i == 0) {
        t_gate_await(&inside, 1);
        t_until(t_stats(m).waits == N - 1);
        ck_assert_int_eq(atomic_load(&gen.calls), 1);
        t_gate_open(&inside);
    }
    t_gate_await(&pinned, N);
    t_gate_open(&pinned);
    for (int i = 0; i < N; i++)
        t_reader_join(&r[i]);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(r[i].status, VCOL_OK);
        ck_assert_ptr_eq(r[i].data, r[0].data);
    }
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    ck_assert_uint_eq(t_stats(m).generations, 1);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_3_a_wrong_type_or_count_is_named_and_can_be_tried_again)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 3, .count = COUNT, .tell_type = VCOL_F32};
    vcol_buffer *b = t_buffer(m, &gen, "jets");
    vcol_span span;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_buffer_pin(b, &span, &err), VCOL_TYPE);
    ck_assert_ptr_null(span.data);
    ck_assert_ptr_nonnull(strstr(err.message, "jets"));
    ck_assert_ptr_nonnull(strstr(err.message, "float32"));
    ck_assert_ptr_nonnull(strstr(err.message, "int64"));
    ck_assert_uint_eq(live(), 0);
    gen.tell_type = VCOL_TYPE_NONE;
    const int64_t wrong[] = {COUNT - 1, COUNT + 1};
    for (int i = 0; i < 2; i++) {
        char number[16];
        gen.tell_count = wrong[i];
        snprintf(number, sizeof number, "%d", (int)wrong[i]);
        vcol_error_reset(&err);
        ck_assert_int_eq(vcol_buffer_pin(b, &span, &err), VCOL_RANGE);
        ck_assert_ptr_nonnull(strstr(err.message, "jets"));
        ck_assert_ptr_nonnull(strstr(err.message, number));
        ck_assert_ptr_nonnull(strstr(err.message, "1000"));
        ck_assert_uint_eq(vcol_buffer_bytes(b), 0);
        ck_assert_uint_eq(live(), 0);
    }
    gen.tell_count = 0;
    t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 4);
    ck_assert_uint_eq(t_stats(m).failures, 3);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_4_all_that_wait_get_the_same_error_and_the_next_read_tries_again)
{
    enum { N = 8 };
    static const char *const texts[] = {"the moon is in the way", NULL};
    vcol_manager *m = fresh();
    t_gate inside;
    t_gate_init(&inside);
    t_gen gen = {.seed = 4, .count = COUNT, .gate = &inside, .fail_call = 1, .fail_status = VCOL_CORRUPT,
                 .fail_message = texts[_i]};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_reader r[N];
    for (int i = 0; i < N; i++) {
        r[i] = (t_reader){.buffer = b};
        t_reader_start(&r[i]);
    }
    t_gate_await(&inside, 1);
    t_until(t_stats(m).waits == N - 1);
    t_gate_open(&inside);
    for (int i = 0; i < N; i++)
        t_reader_join(&r[i]);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(r[i].status, VCOL_CORRUPT);
        ck_assert_int_eq(r[i].err.status, VCOL_CORRUPT);
        ck_assert_str_eq(r[i].err.message, r[0].err.message);
        ck_assert_ptr_null(r[i].data);
    }
    ck_assert_ptr_nonnull(strstr(r[0].err.message, texts[_i] ? texts[_i] : "VCOL_CORRUPT"));
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    ck_assert_uint_eq(live(), 0);
    t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 2);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* A set error is inherited: nothing is called. */
START_TEST(e1_4_an_error_that_is_set_is_inherited)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 4, .count = COUNT};
    vcol_buffer *b = t_buffer(m, &gen, "b"), *slice;
    vcol_span span;
    int64_t count;
    vcol_error err = {0};
    vcol_error_set(&err, VCOL_IO, "before");
    ck_assert_int_eq(vcol_buffer_pin(b, &span, &err), VCOL_IO);
    ck_assert_int_eq(vcol_buffer_count(b, &count, &err), VCOL_IO);
    ck_assert_int_eq(vcol_buffer_slice(b, 0, 1, &slice, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "before");
    ck_assert_int_eq(atomic_load(&gen.calls), 0);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* Every allocation fails once: a clean error, nothing lost. */
START_TEST(e1_4_every_allocation_fails_once)
{
    for (int64_t n = 1;; n++) {
        t_allocator a = {.fail_call = n};
        vcol_manager_options o = t_options();
        o.allocator = t_allocator_of(&a);
        vcol_manager *m;
        vcol_error err = {0};
        t_gen gen = {.seed = 4, .count = COUNT}, late = {.seed = 5, .count = COUNT, .late = true, .grow = 300};
        vcol_buffer *b = NULL, *c = NULL, *slice = NULL;
        vcol_span span;
        vcol_manager_open(&o, &m, &err);
        vcol_status status = (vcol_status)err.status;
        if (status == VCOL_OK) {
            a.fail_call = 0;
            b = t_buffer(m, &gen, "b");
            a.fail_call = n;
            a.fail_call = 0;
            c = t_buffer_with(m, &late, "c", &b, 1);
            a.fail_call = atomic_load(&a.calls) + n;
            vcol_buffer_slice(b, 1, 2, &slice, &err);
            if (vcol_buffer_pin(c, &span, &err) == VCOL_OK) {
                t_check(&span, &late);
                vcol_buffer_unpin(c);
            }
            if (vcol_buffer_pin(slice ? slice : b, &span, &err) == VCOL_OK)
                vcol_buffer_unpin(slice ? slice : b);
            status = (vcol_status)err.status;
            bool fired = atomic_load(&a.calls) >= a.fail_call;
            a.fail_call = 0;
            t_read(c, &late);
            t_read(b, &gen);
            vcol_buffer_release(slice);
            vcol_buffer_release(c);
            vcol_buffer_release(b);
            ck_assert_int_eq(atomic_load(&late.destroyed), 1);
            vcol_manager_close(m);
            ck_assert_int_eq(atomic_load(&a.live), 0);
            if (!fired) {
                ck_assert_int_eq(status, VCOL_OK);
                ck_assert_int_gt(n, 4);
                break;
            }
        }
        ck_assert_int_eq(status, VCOL_NOMEM);
        ck_assert_int_eq(atomic_load(&a.live), 0);
    }
}
END_TEST

START_TEST(e1_5_slices_and_views_share_their_parents_bytes)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 5, .count = COUNT};
    vcol_buffer *b = t_buffer(m, &gen, "b"), *all, *slice, *inner, *empty, *view, *back, *none;
    vcol_span whole, s, i, e, v;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_buffer_slice(b, 0, COUNT, &all, &err), VCOL_OK);
    ck_assert_ptr_eq(all, b);
    ck_assert_int_eq(vcol_buffer_slice(b, 100, 500, &slice, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_slice(slice, 50, 100, &inner, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_slice(slice, 500, 0, &empty, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_view_as(inner, VCOL_F64, &view, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_view_as(b, VCOL_I64, &back, &err), VCOL_OK);
    ck_assert_ptr_eq(back, b);
    ck_assert_int_eq(atomic_load(&gen.calls), 0);
    ck_assert_int_eq(vcol_buffer_pin(inner, &i, &err), VCOL_OK);
    uint64_t once = live();
    ck_assert_uint_eq(once, vcol_buffer_bytes(b));
    ck_assert_int_eq(vcol_buffer_pin(b, &whole, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(slice, &s, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(empty, &e, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(view, &v, &err), VCOL_OK);
    ck_assert_uint_eq(live(), once);
    const int64_t *values = whole.data;
    ck_assert_ptr_eq(s.data, values + 100);
    ck_assert_int_eq(s.count, 500);
    ck_assert_ptr_eq(i.data, values + 150);
    ck_assert_int_eq(i.count, 100);
    ck_assert_ptr_nonnull(e.data);
    ck_assert_int_eq(e.count, 0);
    ck_assert_ptr_eq(v.data, values + 150);
    ck_assert_int_eq(v.type, VCOL_F64);
    ck_assert_int_eq(v.count, 100);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    /* The parent stays where it is while a slice of a slice is pinned. */
    vcol_buffer_unpin(b);
    vcol_buffer_unpin(slice);
    vcol_buffer_unpin(empty);
    vcol_buffer_unpin(view);
    ck_assert_int_eq(vcol_buffer_clear(inner), 0);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    ck_assert_uint_eq(live(), once);
    ck_assert_int_eq(*(const int64_t *)i.data, t_value(&gen, 150));
    vcol_buffer_unpin(inner);
    ck_assert_uint_eq(live(), 0);
    /* What cannot be. */
    static const int64_t outside[][2] = {{-1, 1}, {0, -1}, {COUNT, 1}, {COUNT + 1, 0}, {1, COUNT}, {INT64_MAX, 1},
                                         {1, INT64_MAX}};
    for (size_t k = 0; k < sizeof outside / sizeof *outside; k++) {
        vcol_error_reset(&err);
        ck_assert_int_eq(vcol_buffer_slice(b, outside[k][0], outside[k][1], &none, &err), VCOL_RANGE);
        ck_assert_ptr_null(none);
    }
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_buffer_slice(slice, 500, 1, &none, &err), VCOL_RANGE);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_buffer_view_as(slice, VCOL_F32, &none, &err), VCOL_TYPE);
    ck_assert_ptr_nonnull(strstr(err.message, "float32"));
    ck_assert_ptr_nonnull(strstr(err.message, "int64"));
    /* A slice outlives the program's handle of its parent. */
    t_release((vcol_buffer *[]){all, back, b}, 3);
    ck_assert_int_eq(atomic_load(&gen.destroyed), 0);
    ck_assert_int_eq(vcol_buffer_pin(slice, &s, NULL), VCOL_OK);
    ck_assert_int_eq(*(const int64_t *)s.data, t_value(&gen, 100));
    vcol_buffer_unpin(slice);
    t_release((vcol_buffer *[]){slice, inner, empty, view}, 4);
    ck_assert_int_eq(atomic_load(&gen.destroyed), 1);
    ck_assert_uint_eq(live(), 0);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_5_a_slice_of_an_unknown_count_is_checked_when_it_is_pinned)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 5, .count = COUNT, .late = true};
    vcol_buffer *b = t_buffer(m, &gen, "b"), *inside, *outside, *view, *of_view;
    vcol_span span;
    vcol_error err = {0};
    int64_t count;
    ck_assert_int_eq(vcol_buffer_slice(b, 0, COUNT, &inside, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_slice(b, 1, COUNT, &outside, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_view_as(b, VCOL_U64, &view, &err), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_slice(view, 10, 5, &of_view, &err), VCOL_OK);
    ck_assert_int_eq(atomic_load(&gen.calls), 0);
    ck_assert_int_eq(vcol_buffer_pin(inside, &span, &err), VCOL_OK);
    t_check(&span, &gen);
    vcol_buffer_unpin(inside);
    ck_assert_int_eq(vcol_buffer_pin(outside, &span, &err), VCOL_RANGE);
    ck_assert_ptr_null(span.data);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_buffer_count(view, &count, &err), VCOL_OK);
    ck_assert_int_eq(count, COUNT);
    ck_assert_int_eq(vcol_buffer_pin(of_view, &span, &err), VCOL_OK);
    ck_assert_int_eq(span.count, 5);
    ck_assert_int_eq(span.type, VCOL_U64);
    ck_assert_int_eq(*(const int64_t *)span.data, t_value(&gen, 10));
    vcol_buffer_unpin(of_view);
    ck_assert_int_eq(vcol_buffer_clear(b), 1); /* the failed pin is gone */
    ck_assert_uint_eq(live(), 0);
    t_release((vcol_buffer *[]){of_view, view, outside, inside, b}, 5);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_6_a_generator_reads_others_declared_or_not)
{
    vcol_manager *m = fresh();
    t_gen a = {.seed = 6, .count = COUNT}, b = {.seed = 7, .count = COUNT}, c = {.seed = 8, .count = COUNT},
          d = {.seed = 9, .count = COUNT};
    vcol_buffer *ba = t_buffer(m, &a, "a"), *bb, *bc, *bd;
    b.reads[0] = ba;
    bb = t_buffer(m, &b, "b");
    c.reads[0] = ba;
    bc = t_buffer(m, &c, "c");
    vcol_buffer *inputs[] = {bb, bc};
    d.reads[0] = bb; /* declared, and read again */
    bd = t_buffer_with(m, &d, "d", inputs, 2);
    t_read(bd, &d);
    ck_assert_int_eq(atomic_load(&a.calls), 1);
    ck_assert_int_eq(atomic_load(&b.calls), 1);
    ck_assert_int_eq(atomic_load(&c.calls), 1);
    ck_assert_int_eq(atomic_load(&d.calls), 1);
    ck_assert_int_lt(atomic_load(&b.order), atomic_load(&d.order));
    /* Inputs are not pinned after the load. */
    ck_assert_int_eq(vcol_buffer_clear(ba), 1);
    ck_assert_int_eq(vcol_buffer_clear(bb), 1);
    ck_assert_int_eq(vcol_buffer_clear(bc), 1);
    ck_assert_uint_eq(live(), vcol_buffer_bytes(bd));
    /* An input that fails, fails its reader, with its own words. */
    vcol_buffer_clear(bd);
    c.fail_call = -1;
    c.fail_message = "c says no";
    vcol_span span;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_buffer_pin(bd, &span, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "c says no");
    ck_assert_int_eq(atomic_load(&d.calls), 1);
    vcol_manager_evict(m);
    ck_assert_uint_eq(live(), 0);
    c.fail_call = 0;
    t_read(bd, &d);
    t_release((vcol_buffer *[]){ba, bb, bc, bd}, 4);
    ck_assert_int_eq(atomic_load(&a.destroyed) + atomic_load(&b.destroyed) + atomic_load(&c.destroyed) +
                         atomic_load(&d.destroyed), 4);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_6_a_circle_in_one_thread_is_named)
{
    vcol_manager *m = fresh();
    t_gen g[3] = {{.seed = 1, .count = 10}, {.seed = 2, .count = 10}, {.seed = 3, .count = 10}};
    static const char *const names[] = {"alpha", "beta", "gamma"};
    vcol_buffer *b[3];
    vcol_span span;
    for (int i = 0; i < 3; i++)
        b[i] = t_buffer(m, &g[i], names[i]);
    for (int length = 1; length <= 3; length++) {
        for (int i = 0; i < length; i++)
            g[i].reads[0] = b[(i + 1) % length];
        for (int from = 0; from < length; from++) {
            vcol_error err = {0};
            ck_assert_int_eq(vcol_buffer_pin(b[from], &span, &err), VCOL_CYCLE);
            for (int i = 0; i < length; i++)
                ck_assert_msg(strstr(err.message, names[i]), "%s not in: %s", names[i], err.message);
        }
        ck_assert_uint_eq(live(), 0);
    }
    for (int i = 0; i < 3; i++) {
        g[i].reads[0] = NULL;
        t_read(b[i], &g[i]);
    }
    t_release(b, 3);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_6_a_circle_across_threads_is_named)
{
    vcol_manager *m = fresh();
    t_gate inside;
    t_gate_init(&inside);
    t_gen ga = {.seed = 1, .count = 10, .gate = &inside}, gb = {.seed = 2, .count = 10, .gate = &inside};
    vcol_buffer *a = t_buffer(m, &ga, "alpha"), *b = t_buffer(m, &gb, "beta");
    ga.reads[0] = b;
    gb.reads[0] = a;
    t_reader ra = {.buffer = a}, rb = {.buffer = b};
    t_reader_start(&ra);
    t_reader_start(&rb);
    t_gate_await(&inside, 2); /* each makes one */
    t_gate_open(&inside);
    t_reader_join(&ra);
    t_reader_join(&rb);
    ck_assert_int_eq(ra.status, VCOL_CYCLE);
    ck_assert_int_eq(rb.status, VCOL_CYCLE);
    ck_assert_ptr_nonnull(strstr(ra.err.message, "alpha"));
    ck_assert_ptr_nonnull(strstr(ra.err.message, "beta"));
    ck_assert_str_eq(ra.err.message, rb.err.message);
    ck_assert_uint_eq(live(), 0);
    gb.reads[0] = NULL;
    t_read(a, &ga);
    vcol_buffer_release(a);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

static vcol_status size_of_itself(int64_t *count, void *opaque, vcol_error *err)
{
    vcol_span span;
    vcol_buffer *b = *(vcol_buffer **)opaque;
    return size_pins ? vcol_buffer_pin(b, &span, err) : vcol_buffer_count(b, count, err);
}

START_TEST(e1_6_a_size_that_needs_itself_is_a_circle)
{
    vcol_manager *m = fresh();
    vcol_buffer *b;
    vcol_span span;
    int64_t count;
    vcol_error err = {0};
    size_pins = _i == 1;
    b = t_buffer_of(m, -1, (vcol_generator){.size = size_of_itself, .generate = reserve_nothing, .opaque = &b}, "alpha");
    ck_assert_int_eq(vcol_buffer_count(b, &count, &err), VCOL_CYCLE);
    ck_assert_ptr_nonnull(strstr(err.message, "alpha"));
    ck_assert_int_eq(vcol_buffer_pin(b, &span, NULL), VCOL_CYCLE);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_7_an_empty_buffer_has_an_address)
{
    vcol_manager *m = fresh();
    t_gen known = {.seed = 1, .count = 0}, late = {.seed = 2, .count = 0, .late = true},
          sized = {.seed = 3, .count = 0, .with_size = true};
    t_gen *gens[] = {&known, &late, &sized};
    for (int i = 0; i < 3; i++) {
        vcol_buffer *b = t_buffer(m, gens[i], "b");
        vcol_span span;
        ck_assert_int_eq(vcol_buffer_pin(b, &span, NULL), VCOL_OK);
        ck_assert_ptr_nonnull(span.data);
        ck_assert_int_eq(span.count, 0);
        vcol_buffer_unpin(b);
        ck_assert_int_eq(vcol_buffer_clear(b), 1);
        vcol_buffer_release(b);
    }
    ck_assert_uint_eq(live(), 0);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e1_7_a_count_known_late_may_grow)
{
    vcol_manager *m = fresh();
    static const int64_t counts[] = {1, 7, 300, 100000};
    for (int i = 0; i < 4; i++) {
        t_gen gen = {.seed = i, .count = counts[i], .late = true, .grow = counts[i] / 5 + 1};
        vcol_buffer *b = t_buffer(m, &gen, "b");
        t_read(b, &gen);
        ck_assert_uint_eq(live(), vcol_buffer_bytes(b));
        ck_assert_uint_eq(t_stats(m).promised, 0);
        vcol_buffer_clear(b);
        t_read(b, &gen);
        vcol_buffer_release(b);
    }
    ck_assert_uint_eq(live(), 0);
    vcol_manager_close(m);
}
END_TEST

static vcol_status reserve_nothing(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)fill, (void)opaque, (void)err;
    return VCOL_OK;
}

static vcol_status reserve_another_count(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)opaque;
    return vcol_fill_reserve(fill, 11, NULL, err);
}

static vcol_status reserve_too_much(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)opaque;
    return vcol_fill_reserve(fill, INT64_MAX / 2, NULL, err);
}

static vcol_status fewer_than_reserved(vcol_fill *fill, void *opaque, vcol_error *err)
{
    void *data;
    (void)opaque;
    if (vcol_fill_reserve(fill, 10, &data, err) == VCOL_OK) {
        memset(data, 0, 80);
        vcol_fill_done(fill, 3, VCOL_I64); /* the count came late: what is told counts */
    }
    return VCOL_OK;
}

START_TEST(e1_7_what_a_generator_gives_is_held_against_what_it_said)
{
    static const struct {
        const char *name;
        vcol_status (*generate)(vcol_fill *, void *, vcol_error *);
        int64_t count;
        vcol_status status, also;
    } cases[] = {
        {"nothing reserved", reserve_nothing, -1, VCOL_RANGE, VCOL_RANGE},
        {"another count than declared", reserve_another_count, 10, VCOL_RANGE, VCOL_RANGE},
        {"more than can be", reserve_too_much, -1, VCOL_RANGE, VCOL_NOMEM},
        {"fewer than reserved, declared late", fewer_than_reserved, -1, VCOL_OK, VCOL_OK},
    };
    vcol_manager *m = fresh();
    vcol_buffer *b = t_buffer_of(m, cases[_i].count, (vcol_generator){.generate = cases[_i].generate}, cases[_i].name);
    vcol_span span;
    vcol_status status = vcol_buffer_pin(b, &span, NULL);
    ck_assert_msg(status == cases[_i].status || status == cases[_i].also, "%s: %s", cases[_i].name,
                  vcol_status_name(status));
    if (status == VCOL_OK) {
        ck_assert_int_eq(span.count, 3);
        vcol_buffer_unpin(b);
    }
    vcol_buffer_release(b);
    ck_assert_uint_eq(live(), 0);
    vcol_manager_close(m);
}
END_TEST

static vcol_status add_bytes(vcol_fill *fill, void *opaque, vcol_error *err)
{
    vcol_span in = vcol_fill_input(fill, 0);
    int64_t sum = 0;
    (void)opaque, (void)err;
    for (int64_t i = 0; i < in.count; i++)
        sum += ((const uint8_t *)in.data)[i];
    *(int64_t *)vcol_fill_data(fill) = sum;
    ck_assert_ptr_null(vcol_fill_input(fill, 1).data);
    return VCOL_OK;
}

START_TEST(e1_7_an_input_may_begin_at_an_odd_address)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 1, .count = 100, .type = VCOL_U8};
    vcol_buffer *bytes = t_buffer(m, &gen, "bytes"), *odd, *sum;
    vcol_buffer_options o;
    vcol_span span;
    int64_t want = 0;
    ck_assert_int_eq(vcol_buffer_slice(bytes, 3, 50, &odd, NULL), VCOL_OK);
    vcol_buffer_options_init(&o, sizeof o);
    o.type = VCOL_I64;
    o.count = 1;
    o.inputs = &odd;
    o.n_inputs = 1;
    o.generator.generate = add_bytes;
    ck_assert_int_eq(vcol_buffer_create(m, &o, &sum, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(sum, &span, NULL), VCOL_OK);
    for (int64_t i = 3; i < 53; i++)
        want += (uint8_t)t_value(&gen, i);
    ck_assert_int_eq(*(const int64_t *)span.data, want);
    vcol_buffer_unpin(sum);
    t_release((vcol_buffer *[]){sum, odd, bytes}, 3);
    vcol_manager_close(m);
}
END_TEST

/* Options that cannot be meant. */
START_TEST(e1_7_misuse_is_answered)
{
    vcol_manager *m = fresh();
    vcol_buffer_options o;
    vcol_buffer *b = NULL;
    vcol_span span;
    vcol_error err = {0};
    vcol_buffer_options_init(&o, sizeof o);
    ck_assert_int_eq(vcol_buffer_create(m, &o, &b, &err), VCOL_MISUSE);
    ck_assert_ptr_null(b);
    o.generator.generate = reserve_nothing;
    ck_assert_int_eq(vcol_buffer_create(m, &o, &b, NULL), VCOL_MISUSE); /* no type */
    o.type = VCOL_I64;
    o.count = -2;
    ck_assert_int_eq(vcol_buffer_create(m, &o, &b, NULL), VCOL_MISUSE);
    o.count = 1;
    o.n_inputs = 1;
    ck_assert_int_eq(vcol_buffer_create(m, &o, &b, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_buffer_create(NULL, &o, &b, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_buffer_pin(NULL, &span, NULL), VCOL_MISUSE);
    vcol_buffer_release(NULL);
    vcol_buffer_unpin(NULL);
    ck_assert_int_eq(vcol_buffer_clear(NULL), 0);
    vcol_manager_close(m);
    vcol_manager_close(NULL);
    vcol_manager_options mo = t_options();
    mo.threads = -1;
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_manager_open(&mo, &m, &err), VCOL_MISUSE);
    ck_assert_ptr_null(m);
}
END_TEST

START_TEST(e1_7_buffers_may_outlive_their_manager)
{
    vcol_manager *m = fresh();
    t_gen a = {.seed = 1, .count = COUNT}, b = {.seed = 2, .count = COUNT};
    vcol_buffer *resident = t_buffer(m, &a, "a"), *virtual = t_buffer(m, &b, "b");
    vcol_span span;
    vcol_error err = {0};
    t_read(resident, &a);
    vcol_manager_close(m);
    ck_assert_int_eq(vcol_buffer_pin(virtual, &span, &err), VCOL_CANCELLED);
    ck_assert_int_eq(atomic_load(&b.calls), 0);
    t_read(resident, &a);
    vcol_buffer_release(resident);
    vcol_buffer_release(virtual);
    ck_assert_int_eq(atomic_load(&a.destroyed), 1);
}
END_TEST

/* ---- E2 -------------------------------------------------------------------------------------------- */

START_TEST(e2_1_clear_gives_back_exactly_what_the_read_took)
{
    enum { LARGE = 4096 }; /* what is recycled, and not left to malloc */
    vcol_manager *m = fresh();
    t_gen other = {.seed = 1, .count = 77}, gen = {.seed = 2, .count = LARGE};
    vcol_buffer *o = t_buffer(m, &other, "other"), *b = t_buffer(m, &gen, "b");
    t_read(o, &other);
    uint64_t before = live();
    for (int i = 1; i <= 5; i++) {
        t_read(b, &gen);
        ck_assert_uint_eq(live(), before + vcol_buffer_bytes(b));
        ck_assert_uint_ge(vcol_buffer_bytes(b), LARGE * 8);
        ck_assert_int_eq(vcol_buffer_clear(b), 1);
        ck_assert_uint_eq(live(), before);
        ck_assert_uint_eq(vcol_buffer_bytes(b), 0);
        ck_assert_int_eq(atomic_load(&gen.calls), i);
        ck_assert_uint_eq(t_stats(m).clears, (uint64_t)i);
    }
    vcol_stats s = t_stats(m);
    ck_assert_uint_gt(s.cached, 0); /* recycled */
    ck_assert_uint_eq(vcol_manager_trim(m), s.cached);
    ck_assert_uint_eq(t_stats(m).cached, 0);
    vcol_buffer_release(o);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e2_2_clear_of_a_pinned_buffer_waits_for_the_last_unpin)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 2, .count = COUNT};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    vcol_span one, two, three;
    ck_assert_int_eq(vcol_buffer_pin(b, &one, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_pin(b, &two, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    vcol_buffer_unpin(b);
    t_check(&two, &gen);
    ck_assert_int_eq(vcol_buffer_pin(b, &three, NULL), VCOL_OK); /* joins the instance */
    ck_assert_ptr_eq(three.data, one.data);
    vcol_buffer_unpin(b);
    t_check(&two, &gen);
    ck_assert_uint_gt(live(), 0);
    vcol_buffer_unpin(b);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(t_stats(m).clears, 1);
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 2);
    ck_assert_uint_gt(live(), 0); /* the mark went with the instance */
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/* A stale pointer is reported: small memory, recycled memory, and maps of its own. */
START_TEST(e2_2_a_pointer_is_poisoned_after_clear)
{
#ifdef T_ASAN
    static const int64_t counts[] = {10, 1000, 1000000};
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 2, .count = counts[_i]};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        vcol_span span;
        freopen("/dev/null", "w", stderr);
        if (vcol_buffer_pin(b, &span, NULL) != VCOL_OK)
            _exit(43);
        volatile const int64_t *values = span.data;
        if (values[1] != t_value(&gen, 1))
            _exit(43);
        vcol_buffer_unpin(b);
        vcol_buffer_clear(b);
        _exit(values[1] ? 42 : 42); /* not reached */
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 42 && WEXITSTATUS(status) != 43),
                  "the child lived on with %d", status);
    vcol_buffer_release(b);
    vcol_manager_close(m);
#else
    (void)_i; /* only the address sanitizer can tell */
#endif
}
END_TEST

START_TEST(e2_3_clear_while_it_is_loading_reaches_all_who_share_it_and_keeps_nothing)
{
    vcol_manager *m = fresh();
    t_gate inside, pinned[3];
    t_gate_init(&inside);
    t_gen gen = {.seed = 3, .count = COUNT, .gate = &inside};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_reader r[3];
    for (int i = 0; i < 3; i++) {
        t_gate_init(&pinned[i]);
        r[i] = (t_reader){.buffer = b, .gen = &gen, .pinned = &pinned[i]};
    }
    t_reader_start(&r[0]); /* makes it */
    t_gate_await(&inside, 1);
    t_reader_start(&r[1]); /* waits for it */
    t_until(t_stats(m).waits == 1);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    t_reader_start(&r[2]); /* comes after the clear */
    t_until(t_stats(m).waits == 2);
    t_gate_let(&inside, 1);
    for (int i = 0; i < 3; i++)
        t_gate_await(&pinned[i], 1);
    ck_assert_int_eq(atomic_load(&gen.calls), 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_eq(r[i].data, r[0].data);
        ck_assert_uint_gt(live(), 0);
        t_gate_open(&pinned[i]);
        t_reader_join(&r[i]);
    }
    ck_assert_uint_eq(live(), 0);
    t_gate_open(&inside);
    t_read(b, &gen);
    ck_assert_int_eq(atomic_load(&gen.calls), 2);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

/*
 * One schedule of readers, clears and unpins, step by step, against a model of the contract: the state, the
 * pins, whether it is doomed, and how often the generator was called.
 */
#define READERS 4
static void interleave(uint64_t seed)
{
    vcol_manager_options o = t_options();
    vcol_manager *m = t_manager(&o);
    t_random random = {seed};
    t_gate inside, pinned[READERS];
    t_gate_init(&inside);
    t_gen gen = {.seed = (int64_t)seed, .count = 50, .gate = &inside};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_reader r[READERS];
    enum { IDLE, WAITS, PINNED } who[READERS] = {IDLE};
    enum { EMPTY, LOADING, HERE } state = EMPTY;
    bool doomed = false;
    int pins = 0, calls = 0, let = 0, busy = 0;
    uint64_t waits = 0;
    const void *data = NULL;
    for (int step = 0; step < 16 || busy > 0; step++) {
        int i = (int)t_below(&random, READERS), what = (int)t_below(&random, step < 16 ? 4 : 2);
        if (what == 0 && state == LOADING) { /* the generator ends */
            t_gate_let(&inside, 1);
            let++;
            state = HERE;
            for (int k = 0; k < READERS; k++) {
                if (who[k] != WAITS)
                    continue;
                t_gate_await(&pinned[k], 1);
                who[k] = PINNED;
                pins++;
                data = data ? data : r[k].data;
                ck_assert_ptr_eq(r[k].data, data);
            }
        } else if (what == 1 && who[i] == PINNED) { /* a reader has done */
            t_gate_open(&pinned[i]);
            t_reader_join(&r[i]);
            t_gate_destroy(&pinned[i]);
            who[i] = IDLE;
            busy--;
            if (--pins == 0 && doomed) {
                state = EMPTY;
                doomed = false;
                data = NULL;
            }
        } else if (what == 2 && who[i] == IDLE && step < 16) { /* a reader comes */
            t_gate_init(&pinned[i]);
            r[i] = (t_reader){.buffer = b, .gen = &gen, .pinned = &pinned[i]};
            t_reader_start(&r[i]);
            busy++;
            if (state == EMPTY) {
                t_gate_await(&inside, ++calls);
                state = LOADING;
                who[i] = WAITS;
            } else if (state == LOADING) {
                waits++;
                t_until(t_stats(m).waits == waits);
                who[i] = WAITS;
            } else {
                t_gate_await(&pinned[i], 1);
                who[i] = PINNED;
                pins++;
                data = data ? data : r[i].data;
                ck_assert_ptr_eq(r[i].data, data);
            }
        } else if (what == 3) {
            ck_assert_int_eq(vcol_buffer_clear(b), state != EMPTY);
            if (state == LOADING || pins > 0) {
                doomed = true;
            } else {
                state = EMPTY;
                data = NULL;
            }
        }
        ck_assert_msg((vcol_buffer_bytes(b) > 0) == (state == HERE), "seed %llu step %d", (unsigned long long)seed,
                      step);
        ck_assert_int_eq(atomic_load(&gen.calls), calls);
        ck_assert_int_eq(t_gate_arrived(&inside), calls);
        ck_assert_int_le(atomic_load(&gen.most_inside), 1);
    }
    ck_assert_uint_eq(t_stats(m).live, vcol_buffer_bytes(b));
    vcol_buffer_clear(b);
    ck_assert_uint_eq(t_stats(m).live, 0);
    vcol_buffer_release(b);
    vcol_manager_close(m);
    t_gate_destroy(&inside);
    ck_assert_int_ge(calls, let);
}

START_TEST(e2_3_a_thousand_interleavings_of_clear_and_load)
{
    for (int i = 0; i < 100; i++)
        interleave((uint64_t)_i * 100 + (uint64_t)i + 1);
}
END_TEST

START_TEST(e2_3_a_load_that_fails_after_a_clear_leaves_no_mark)
{
    vcol_manager *m = fresh();
    t_gate inside;
    t_gate_init(&inside);
    t_gen gen = {.seed = 3, .count = COUNT, .gate = &inside, .fail_call = 1};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    t_reader r = {.buffer = b};
    t_reader_start(&r);
    t_gate_await(&inside, 1);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    t_gate_open(&inside);
    t_reader_join(&r);
    ck_assert_int_eq(r.status, VCOL_IO);
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    t_read(b, &gen);
    ck_assert_uint_gt(vcol_buffer_bytes(b), 0);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e2_5_clear_of_what_is_not_there_does_nothing)
{
    vcol_manager *m = fresh();
    t_gen gen = {.seed = 1, .count = COUNT};
    vcol_buffer *b = t_buffer(m, &gen, "b");
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    t_read(b, &gen);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    ck_assert_int_eq(vcol_buffer_clear(b), 0);
    ck_assert_uint_eq(t_stats(m).clears, 1);
    t_read(b, &gen);
    ck_assert_uint_gt(vcol_manager_evict(m), 0); /* all that is not pinned */
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(t_stats(m).evictions, 1);
    vcol_buffer_release(b);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e2_5_clear_in_a_prefetch_takes_back_what_is_queued)
{
    t_executor e;
    t_executor_init(&e);
    vcol_manager_options o = t_options();
    o.executor = t_executor_of(&e);
    vcol_manager *m = t_manager(&o);
    t_gen g[3] = {{.seed = 1, .count = COUNT}, {.seed = 2, .count = COUNT}, {.seed = 3, .count = COUNT}};
    vcol_buffer *b[3];
    vcol_prefetch *scope;
    vcol_prefetch_stats s;
    for (int i = 0; i < 3; i++)
        b[i] = t_buffer(m, &g[i], "b");
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, b, 3, NULL, &scope, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_buffer_clear(b[1]), 1);
    ck_assert_int_eq(vcol_buffer_clear(b[1]), 0);
    t_run(&e);
    ck_assert_int_eq(atomic_load(&g[0].calls), 1);
    ck_assert_int_eq(atomic_load(&g[1].calls), 0);
    ck_assert_int_eq(atomic_load(&g[2].calls), 1);
    vcol_prefetch_get_stats(scope, &s, sizeof s);
    ck_assert_int_eq(s.done, 2);
    ck_assert_int_eq(s.taken_back, 1);
    t_read(b[1], &g[1]);
    vcol_prefetch_end(scope);
    t_release(b, 3);
    vcol_manager_close(m);
    t_run(&e);
}
END_TEST

/* ---- E10.2 ---------------------------------------------------------------------------------------- */

#ifndef T_TSAN /* it wants no processes of threads */
/* What the watchdog of another process says, which has nothing but these threads' records; freed by free(). */
static char *bark_of_a_child(void)
{
    int ends[2], status;
    size_t n = 0, size = 8192;
    char *text = calloc(size, 1);
    t_require(text && pipe(ends) == 0);
    pid_t child = fork();
    t_require(child >= 0);
    if (child == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], STDERR_FILENO);
        t_watch("nothing");
        raise(SIGALRM);
        _exit(1);
    }
    close(ends[1]);
    for (ssize_t got = 1; got > 0 && n + 1 < size; n += got > 0 ? (size_t)got : 0)
        got = read(ends[0], text + n, size - 1 - n);
    close(ends[0]);
    t_require(waitpid(child, &status, 0) == child);
    ck_assert(WIFSIGNALED(status));
    return text;
}
#endif

START_TEST(e10_2_who_waits_for_whom_is_printed)
{
    vcol_manager *m = fresh();
    t_gate inside;
    t_gate_init(&inside);
    t_gen g = {.seed = 1, .count = 10}, gi = {.seed = 2, .count = 10, .gate = &inside}, gs = {.seed = 3, .count = 10};
    vcol_buffer *held = t_buffer(m, &g, "held"), *input = t_buffer(m, &gi, "input"), *sum = t_buffer(m, &gs, "sum");
    gs.reads[0] = input;
    t_reader ri = {.buffer = input, .gen = &gi}, rs = {.buffer = sum, .gen = &gs}, rw = {.buffer = sum, .gen = &gs};
    vcol_span span;
    char expected[1024];
    ck_assert_int_eq(vcol_buffer_pin(held, &span, NULL), VCOL_OK);
    char *text = t_waits(m, 0);
    ck_assert_ptr_eq(strstr(text, "no thread waits\nmemory: "), text);
    free(text);
    t_reader_start(&ri);
    t_gate_await(&inside, 1);
    t_reader_start(&rs);
    free(t_waits(m, 1));
    t_reader_start(&rw);
    text = t_waits(m, 2);
    vcol_stats s = t_stats(m);
    snprintf(expected, sizeof expected,
             "thread %lld, making sum, waits for input, which thread %lld makes\n"
             "thread %lld waits for sum, which thread %lld makes\n"
             "memory: %llu live, %llu promised, %llu cached, %llu fixed; 1 runnable; pinned: held\n",
             (long long)atomic_load(&rs.id), (long long)atomic_load(&ri.id), (long long)atomic_load(&rw.id),
             (long long)atomic_load(&rs.id), (unsigned long long)s.live, (unsigned long long)s.promised,
             (unsigned long long)s.cached, (unsigned long long)s.fixed);
    ck_assert_str_eq(text, expected);
    free(text);
#ifndef T_TSAN
    text = bark_of_a_child();
    ck_assert_msg(strstr(text, "nothing came for too long of: nothing\n") && strstr(text, expected), "%s", text);
    free(text);
#endif
    t_gate_open(&inside);
    t_reader_join(&ri);
    t_reader_join(&rs);
    t_reader_join(&rw);
    free(t_waits(m, 0));
    vcol_buffer_unpin(held);
    t_release((vcol_buffer *[]){held, input, sum}, 3);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e1_1_nothing_is_generated_before_the_first_read, 0},
        {e1_1_a_count_known_late_is_generated_for, 0},
        {e1_2_thirty_two_threads_generate_once, 20},
        {e1_3_a_wrong_type_or_count_is_named_and_can_be_tried_again, 0},
        {e1_4_all_that_wait_get_the_same_error_and_the_next_read_tries_again, 2},
        {e1_4_an_error_that_is_set_is_inherited, 0},
        {e1_4_every_allocation_fails_once, 0},
        {e1_5_slices_and_views_share_their_parents_bytes, 0},
        {e1_5_a_slice_of_an_unknown_count_is_checked_when_it_is_pinned, 0},
        {e1_6_a_generator_reads_others_declared_or_not, 0},
        {e1_6_a_circle_in_one_thread_is_named, 0},
        {e1_6_a_circle_across_threads_is_named, 0},
        {e1_6_a_size_that_needs_itself_is_a_circle, 2},
        {e10_2_who_waits_for_whom_is_printed, 0},
        {e1_7_an_empty_buffer_has_an_address, 0},
        {e1_7_a_count_known_late_may_grow, 0},
        {e1_7_what_a_generator_gives_is_held_against_what_it_said, 4},
        {e1_7_an_input_may_begin_at_an_odd_address, 0},
        {e1_7_misuse_is_answered, 0},
        {e1_7_buffers_may_outlive_their_manager, 0},
        {e2_1_clear_gives_back_exactly_what_the_read_took, 0},
        {e2_2_clear_of_a_pinned_buffer_waits_for_the_last_unpin, 0},
        {e2_2_a_pointer_is_poisoned_after_clear, 3},
        {e2_3_clear_while_it_is_loading_reaches_all_who_share_it_and_keeps_nothing, 0},
        {e2_3_a_thousand_interleavings_of_clear_and_load, 10},
        {e2_3_a_load_that_fails_after_a_clear_leaves_no_mark, 0},
        {e2_5_clear_of_what_is_not_there_does_nothing, 0},
        {e2_5_clear_in_a_prefetch_takes_back_what_is_queued, 0},
    };
    return t_main("buffer", tests, sizeof tests / sizeof *tests);
}
