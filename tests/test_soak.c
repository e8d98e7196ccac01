/* SPDX-License-Identifier: BSD-3-Clause */
/* TESTS.md E10.1 (flat over many cycles) and E10.3 (overlap, proven by gates). E10.2's stress is thrash.c. */
#define _GNU_SOURCE
#include "helpers.h"

#include <dirent.h>
#include <unistd.h>

#define N 8

static int64_t resident_bytes(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%ld %ld", &all, &pages), 2);
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

START_TEST(e10_1_ten_thousand_cycles_are_flat)
{
    int cycles = T_REPEAT(10000);
    vcol_manager_options o = t_options();
    t_allocator a = {0};
    o.threads = 2;
    o.limit = (uint64_t)4 << 20;
    o.allocator = t_allocator_of(&a);
    vcol_manager *m = t_manager(&o);
    t_gen g[N];
    vcol_buffer *b[N];
    int64_t live = 0, resident = 0; /* resident: not looked at under sanitizers */
    int threads = 0, files = 0;
    for (int i = 0; i < N; i++) {
        g[i] = (t_gen){.seed = i, .count = 1000 * (i + 1), .late = i % 3 == 0};
        b[i] = t_buffer(m, &g[i], "b");
    }
    for (int cycle = 0; cycle < cycles; cycle++) {
        vcol_prefetch *scope;
        ck_assert_int_eq(vcol_prefetch_begin_buffers(m, b, N, NULL, &scope, NULL), VCOL_OK);
        for (int i = 0; i < N; i += 1 + cycle % 3) {
            vcol_span span;
            ck_assert_int_eq(vcol_buffer_pin(b[i], &span, NULL), VCOL_OK);
            ck_assert_int_eq(((const int64_t *)span.data)[span.count - 1], t_value(&g[i], span.count - 1));
            vcol_buffer_unpin(b[i]);
        }
        vcol_prefetch_end(scope);
        for (int i = 0; i < N; i++)
            vcol_buffer_clear(b[i]);
        if (cycle == cycles / 10 || cycle == cycles - 1) { /* the first: when everything has been used once */
            t_until(t_stats(m).live == 0);
            vcol_manager_trim(m);
            vcol_stats s = t_stats(m);
            ck_assert_uint_eq(s.live + s.promised + s.cached + s.fixed, 0);
            if (cycle == cycles - 1) {
                /* tasks that found their work done may still hold nothing but their turn */
                t_until(atomic_load(&a.live) <= live);
                ck_assert_int_eq(t_threads(), threads);
                ck_assert_int_eq(open_files(), files);
#if defined(T_ASAN) || defined(T_TSAN)
                (void)resident; /* the sanitizers keep memory of their own */
#else
                /* 10 %, or what the C library's arenas of three threads may keep of so small a process */
                ck_assert_int_le(resident_bytes(), resident + (resident > (10 << 20) ? resident / 10 : 1 << 20));
#endif
            } else {
                live = atomic_load(&a.live);
                threads = t_threads();
                files = open_files();
                resident = resident_bytes();
            }
            t_watch("e10_1_ten_thousand_cycles_are_flat");
        }
    }
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.overcommits, 0);
    for (int i = 0; i < N; i++)
        vcol_buffer_release(b[i]);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/*
 * Item i is computed only as long as item i + 1 is not there: computing ends when it is. So if the prefetch did not work
 * beside the computation, this would not end. Reading is let go only while something is computed.
 */
typedef struct item {
    t_gate *gate; /* "reading" */
    _Atomic int made;
} item;

static vcol_status read_item(vcol_fill *fill, void *opaque, vcol_error *err)
{
    item *it = opaque;
    (void)err;
    t_gate_pass(it->gate);
    *(int64_t *)vcol_fill_data(fill) = 1;
    atomic_fetch_add(&it->made, 1);
    return VCOL_OK;
}

START_TEST(e10_3_the_next_item_is_made_while_this_one_is_computed)
{
    enum { ITEMS = 50 };
    static const int threads[] = {1, 2, 4};
    vcol_manager_options o = t_options();
    o.threads = threads[_i];
    vcol_manager *m = t_manager(&o);
    t_gate gate;
    item it[ITEMS];
    vcol_buffer *b[ITEMS];
    t_gate_init(&gate);
    for (int i = 0; i < ITEMS; i++) {
        it[i] = (item){.gate = &gate};
        b[i] = t_buffer_of(m, 1, (vcol_generator){.generate = read_item, .opaque = &it[i]}, "item");
    }
    t_gate_let(&gate, 1); /* the first item is read before anything is computed */
    for (int i = 0; i < ITEMS; i++) {
        vcol_prefetch *scope = NULL;
        vcol_span span;
        ck_assert_int_eq(vcol_buffer_pin(b[i], &span, NULL), VCOL_OK);
        if (i + 1 < ITEMS)
            ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b[i + 1], 1, NULL, &scope, NULL), VCOL_OK);
        if (i + 1 < ITEMS) { /* computing item i */
            t_gate_let(&gate, 1);
            t_until(atomic_load(&it[i + 1].made) == 1);
        }
        vcol_buffer_unpin(b[i]);
        vcol_prefetch_end(scope);
    }
    for (int i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(atomic_load(&it[i].made), 1);
        vcol_buffer_release(b[i]);
    }
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e10_1_ten_thousand_cycles_are_flat, 0},
        {e10_3_the_next_item_is_made_while_this_one_is_computed, 3},
    };
    return t_main("soak", tests, sizeof tests / sizeof *tests);
}
