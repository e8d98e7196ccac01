/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eviction of many small buffers: how many steps it takes, counted, and that the order is that of their use. All in one
 * thread, so that the order is exact.
 */
#include "helpers.h"

#include "core/manager.h"

#include <math.h>

typedef struct many {
    vcol_manager *m;
    int64_t n;
    t_gen *g;
    vcol_buffer **b;
} many;

static many *fresh(int64_t n, uint64_t limit, int64_t log)
{
    many *x = calloc(1, sizeof *x);
    vcol_manager_options o = t_options();
    ck_assert_ptr_nonnull(x);
    o.flags |= VCOL_MANAGER_NO_BACKGROUND;
    o.limit = limit;
    o.access_log = log;
    x->m = t_manager(&o);
    x->n = n;
    x->g = calloc((size_t)n, sizeof *x->g);
    x->b = calloc((size_t)n, sizeof *x->b);
    ck_assert(x->g && x->b);
    for (int64_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%lld", (long long)i);
        x->g[i] = (t_gen){.seed = i, .count = 1};
        x->b[i] = t_buffer(x->m, &x->g[i], name);
    }
    return x;
}

static void done(many *x)
{
    for (int64_t i = 0; i < x->n; i++)
        vcol_buffer_release(x->b[i]);
    vcol_manager_close(x->m);
    free(x->g);
    free(x->b);
    free(x);
}

START_TEST(evicting_all_takes_n_log_n_steps)
{
    many *x = fresh(T_REPEAT(100000), 0, 0);
    for (int64_t i = 0; i < x->n; i++)
        t_read(x->b[i], &x->g[i]);
    for (int64_t i = 0; i < x->n; i += 3) /* some again, so that the order of listing is not that of use */
        t_read(x->b[i], &x->g[i]);
    ck_assert_uint_gt(vcol_manager_evict(x->m), 0);
    ck_assert_uint_eq(t_stats(x->m).evictions, (uint64_t)x->n);
    ck_assert_uint_eq(t_stats(x->m).live, 0);
    ck_assert_uint_le(x->m->evict.steps, (uint64_t)((double)x->n * (log2((double)x->n) + 4)));
    done(x);
}
END_TEST

/* A limit that holds a tenth: each read evicts one, and searches no more than that. */
START_TEST(each_eviction_takes_few_steps)
{
    many *x = fresh(T_REPEAT(100000), 0, 0);
    t_read(x->b[0], &x->g[0]);
    uint64_t bytes = t_stats(x->m).live, fixed = t_stats(x->m).fixed;
    vcol_manager_set_limit(x->m, fixed + bytes * (uint64_t)(x->n / 10));
    for (int64_t i = 1; i < x->n; i++) {
        t_read(x->b[i], &x->g[i]);
        t_read(x->b[i - i % 7], &x->g[i - i % 7]); /* one that is there and is to stay */
    }
    uint64_t evictions = t_stats(x->m).evictions;
    ck_assert_uint_ge(evictions, (uint64_t)(x->n - x->n / 10 - 1));
    ck_assert_uint_le(x->m->evict.steps, (uint64_t)((double)evictions * (log2((double)x->n) + 8)));
    done(x);
}
END_TEST

/* Those that are pinned are passed once in a search, and stay. */
START_TEST(pinned_ones_are_passed_once)
{
    many *x = fresh(T_REPEAT(10000), 0, 0);
    vcol_span span;
    for (int64_t i = 0; i < x->n; i++) {
        if (i % 2)
            t_read(x->b[i], &x->g[i]);
        else
            ck_assert_int_eq(vcol_buffer_pin(x->b[i], &span, NULL), VCOL_OK);
    }
    vcol_manager_evict(x->m);
    ck_assert_uint_eq(t_stats(x->m).evictions, (uint64_t)(x->n / 2));
    ck_assert_uint_le(x->m->evict.steps, (uint64_t)((double)x->n * (log2((double)x->n) + 4)));
    uint64_t before = x->m->evict.steps;
    vcol_manager_evict(x->m); /* nothing can go */
    ck_assert_uint_le(x->m->evict.steps - before, (uint64_t)x->n);
    for (int64_t i = 0; i < x->n; i += 2) {
        ck_assert_uint_gt(vcol_buffer_bytes(x->b[i]), 0);
        vcol_buffer_unpin(x->b[i]);
    }
    vcol_manager_evict(x->m);
    ck_assert_uint_eq(t_stats(x->m).evictions, (uint64_t)x->n);
    done(x);
}
END_TEST

/* Random uses and limits: what goes is always what was used longest ago. */
START_TEST(the_order_is_that_of_use)
{
    enum { N = 300 };
    many *x = fresh(N, 0, 1 << 16);
    t_random r = {(uint64_t)_i + 1};
    uint64_t used[N] = {0}, clock = 1, seen = 0; /* used: 0 = not there */
    int64_t pinned = -1;
    static vcol_log_entry log[1 << 16];
    vcol_span span;
    t_read(x->b[0], &x->g[0]);
    uint64_t bytes = t_stats(x->m).live;
    used[0] = clock++;
    for (int step = 0; step < 2000; step++) {
        int64_t i = t_below(&r, N), kept = t_below(&r, N);
        t_read(x->b[i], &x->g[i]);
        used[i] = clock++;
        if (step % 50 == 0 && pinned < 0) {
            pinned = i;
            ck_assert_int_eq(vcol_buffer_pin(x->b[i], &span, NULL), VCOL_OK);
            used[i] = clock++;
        } else if (step % 50 == 49 && pinned >= 0) {
            vcol_buffer_unpin(x->b[pinned]);
            pinned = -1;
        }
        if (step % 5 == 0) {
            vcol_manager_set_limit(x->m, t_stats(x->m).fixed + bytes * (uint64_t)(kept + 1));
            vcol_manager_set_limit(x->m, 0);
        }
        int64_t n = vcol_manager_log(x->m, seen, log, 1 << 16);
        for (int64_t k = 0; k < n; k++) {
            if (log[k].event != VCOL_LOG_DROP)
                continue;
            int64_t gone = strtoll(log[k].name, NULL, 10), oldest = -1;
            for (int64_t j = 0; j < N; j++)
                if (used[j] && j != pinned && (oldest < 0 || used[j] < used[oldest]))
                    oldest = j;
            ck_assert_int_eq(gone, oldest);
            used[gone] = 0;
        }
        seen = n ? log[n - 1].sequence + 1 : seen;
    }
    ck_assert_uint_gt(t_stats(x->m).evictions, 300);
    done(x);
}
END_TEST

/* ---- what is known of the uses to come ------------------------------------------------------------ */

#define SAME 4096 /* values: all alike, and so large that nothing else counts */

static many *alike(int64_t n, int64_t room)
{
    many *x = fresh(n, 0, 1 << 12);
    for (int64_t i = 0; i < n; i++) {
        x->g[i].count = SAME;
        vcol_buffer_release(x->b[i]);
        x->b[i] = t_buffer(x->m, &x->g[i], "alike");
    }
    t_read(x->b[0], &x->g[0]);
    uint64_t bytes = t_stats(x->m).live;
    vcol_buffer_clear(x->b[0]);
    vcol_manager_trim(x->m);
    x->g[0].calls = 0;
    vcol_manager_set_limit(x->m, t_stats(x->m).fixed + bytes * (uint64_t)room + bytes / 2);
    return x;
}

static bool there(const many *x, int64_t i)
{
    return vcol_buffer_bytes(x->b[i]) > 0;
}

/* Hits of the best that can be done with room for so many of the same size: what is used last goes. */
static int64_t optimum(const int64_t *order, int64_t n, int64_t n_buffers, int64_t room)
{
    bool *in = calloc((size_t)n_buffers, sizeof *in);
    int64_t held = 0, hits = 0;
    for (int64_t i = 0; i < n; i++) {
        if (in[order[i]]) {
            hits++;
            continue;
        }
        if (held == room) {
            int64_t worst = -1, far = -1;
            for (int64_t b = 0; b < n_buffers; b++) {
                int64_t next = i + 1;
                if (!in[b])
                    continue;
                while (next < n && order[next] != b)
                    next++;
                if (next > far) {
                    far = next;
                    worst = b;
                }
            }
            in[worst] = false;
            held--;
        }
        in[order[i]] = true;
        held++;
    }
    free(in);
    return hits;
}

static int64_t calls(const many *x)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < x->n; i++)
        sum += atomic_load(&x->g[i].calls);
    return sum;
}

static int64_t least_recently(const int64_t *order, int64_t n, int64_t n_buffers, int64_t room)
{
    int64_t *used = calloc((size_t)n_buffers, sizeof *used), held = 0, hits = 0;
    for (int64_t i = 0; i < n; i++) {
        if (used[order[i]]) {
            hits++;
        } else if (held < room) {
            held++;
        } else {
            int64_t oldest = -1;
            for (int64_t b = 0; b < n_buffers; b++)
                if (used[b] && (oldest < 0 || used[b] < used[oldest]))
                    oldest = b;
            used[oldest] = 0;
        }
        used[order[i]] = i + 1;
    }
    free(used);
    return hits;
}

/* One pass, two passes, a loop larger than the limit, random with skew. */
static int64_t pattern(int which, int64_t n_buffers, int64_t *order, int64_t n)
{
    t_random r = {7};
    int64_t uses = which == 0 ? n_buffers : which == 1 ? 2 * n_buffers : n;
    for (int64_t i = 0; i < uses; i++) {
        int64_t a = t_below(&r, n_buffers), b = t_below(&r, n_buffers);
        order[i] = which < 3 ? i % n_buffers : a * b / n_buffers;
    }
    return uses;
}

/* With what will be used known ahead the hits are the optimum's; where nothing is known, the least recently used one's. */
START_TEST(hits_are_the_optimums_where_the_order_is_known)
{
    enum { BUFFERS = 40, ROOM = 12, USES = 800 };
    int64_t order[USES], n = pattern(_i / 2, BUFFERS, order, USES);
    bool known = _i % 2;
    many *x = alike(BUFFERS, ROOM);
    vcol_expect *e = NULL;
    if (known)
        ck_assert_int_eq(vcol_expect_begin(x->m, x->b, BUFFERS, order, n, &e, NULL), VCOL_OK);
    for (int64_t i = 0; i < n; i++)
        t_read(x->b[order[i]], &x->g[order[i]]);
    int64_t hits = n - calls(x);
    ck_assert_int_eq(hits, known ? optimum(order, n, BUFFERS, ROOM) : least_recently(order, n, BUFFERS, ROOM));
    ck_assert_uint_eq(t_stats(x->m).overcommits, 0);
    vcol_expect_end(e);
    done(x);
}
END_TEST

/* Never again, then nothing known, then known: the latest first. */
START_TEST(what_is_used_last_goes_first)
{
    many *x = alike(6, 6);
    int64_t order[] = {0, 1, 2, 3, 2, 1, 0}; /* 3 is not used again */
    vcol_expect *e, *other;
    ck_assert_int_eq(vcol_expect_begin(x->m, x->b, 4, order, 7, &e, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_expect_begin(x->m, x->b, 1, NULL, 0, &other, NULL), VCOL_MISUSE); /* expected already */
    for (int64_t i = 0; i < 6; i++)
        t_read(x->b[i], &x->g[i]);
    static const int64_t first[] = {3, 4, 5, 0, 1, 2};
    for (int k = 0; k < 6; k++) {
        uint64_t live = t_stats(x->m).live;
        vcol_manager_set_limit(x->m, t_stats(x->m).fixed + live - 1);
        for (int j = 0; j < 6; j++)
            ck_assert_msg(there(x, first[j]) == (j > k), "%d gone, buffer %d", k + 1, (int)first[j]);
    }
    vcol_expect_end(e);
    ck_assert_int_eq(vcol_expect_begin(x->m, x->b, 1, NULL, 0, &other, NULL), VCOL_OK);
    vcol_expect_end(other);
    order[0] = 4;
    ck_assert_int_eq(vcol_expect_begin(x->m, x->b, 4, order, 7, &e, NULL), VCOL_MISUSE);
    ck_assert_ptr_null(e);
    done(x);
}
END_TEST

/* What is costlier to make stays about a turnover longer for each factor of four. */
START_TEST(what_is_costly_to_make_stays_longer)
{
    many *x = alike(8, 8);
    vcol_buffer_release(x->b[0]);
    x->g[0].cost = 1e-9 * 4 * (SAME * 8); /* 4 ns a byte */
    x->b[0] = t_buffer(x->m, &x->g[0], "costly");
    for (int64_t i = 0; i < 8; i++)
        t_read(x->b[i], &x->g[i]);
    for (int64_t i = 1; i < 8; i++) { /* all the others go first, though it was used first */
        vcol_manager_set_limit(x->m, t_stats(x->m).fixed + t_stats(x->m).live - 1);
        ck_assert(there(x, 0));
        ck_assert(!there(x, i));
    }
    done(x);
}
END_TEST

/* Of what is known to be used again: what is costlier to make counts as used sooner, four times for each factor of two. */
START_TEST(what_is_costly_to_make_goes_later_than_what_is_used_as_soon)
{
    enum { COSTLY = 16, CLASS = 3 }; /* ns a byte: three factors of two above 2, below 4 of which nothing counts */
    int64_t order[6 + 2 * 64 + 1], n = 6, far = _i ? 2 * 64 : 16; /* its use comes late, or very late */
    many *x = alike(6, 6);
    vcol_expect *e;
    vcol_buffer_release(x->b[0]);
    x->g[0].cost = 1e-9 * COSTLY * (SAME * 8);
    x->b[0] = t_buffer(x->m, &x->g[0], "costly");
    for (int64_t i = 0; i < 6; i++)
        order[i] = i;
    while (n < 6 + far) { /* uses of the others, in turn */
        order[n] = 1 + n % 5;
        n++;
    }
    order[n++] = 0;
    ck_assert_int_eq(vcol_expect_begin(x->m, x->b, 6, order, n, &e, NULL), VCOL_OK);
    for (int64_t i = 0; i < 6; i++)
        t_read(x->b[i], &x->g[i]);
    /* The latest of the others is used 5 from now on: the costly one goes before it only if 4^CLASS times that is sooner. */
    ck_assert_int_eq(far + 1 > 5 << 2 * CLASS, 0);
    ck_assert_int_eq(far + 1 > 1 << 2 * CLASS, _i);
    vcol_manager_set_limit(x->m, t_stats(x->m).fixed + t_stats(x->m).live - 1);
    ck_assert(there(x, 0));
    for (int k = 0; k < 4; k++) /* down to the one that is used next */
        vcol_manager_set_limit(x->m, t_stats(x->m).fixed + t_stats(x->m).live - 1);
    ck_assert(there(x, 0) == !_i);
    ck_assert(there(x, order[6]) == _i);
    vcol_expect_end(e);
    done(x);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {evicting_all_takes_n_log_n_steps, 0},
        {each_eviction_takes_few_steps, 0},
        {pinned_ones_are_passed_once, 0},
        {the_order_is_that_of_use, 5},
        {hits_are_the_optimums_where_the_order_is_known, 8},
        {what_is_used_last_goes_first, 0},
        {what_is_costly_to_make_stays_longer, 0},
        {what_is_costly_to_make_goes_later_than_what_is_used_as_soon, 2},
    };
    return t_main("evict", tests, sizeof tests / sizeof *tests);
}
