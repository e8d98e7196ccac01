/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of pages: TESTS.md E4.1 (what the account is told is what there is), and that memory which was used is used again.
 */
#include "helpers.h"

#include "core/manager.h"
#include "core/memory.h"
#include "core/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KB(n) ((int64_t)(n) << 10)
#define MB(n) ((int64_t)(n) << 20)
#define UNIT ((size_t)2 << 20)
enum { USED_PAGE = 1, HAS_MEMORY = 2 };

/* ---- against a map of every page --------------------------------------------------------------------------- */

/* One area, as it should be. */
typedef struct shadow {
    char *data;
    size_t pages;
    unsigned char *state;
} shadow;

typedef struct held {
    char *data;
    size_t size;
} held;

static size_t page_of(const shadow *s, const char *data)
{
    ck_assert(data >= s->data && data < s->data + s->pages * VCOL__PAGE);
    return (size_t)(data - s->data) / VCOL__PAGE;
}

static size_t dirty_free(const shadow *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->pages; i++)
        n += s->state[i] == HAS_MEMORY;
    return n * VCOL__PAGE;
}

/* Marks what was placed, and checks what it says of its memory. */
static void mark(shadow *s, const vcol__pages *p, const vcol__placed *placed, size_t size)
{
    size_t first = page_of(s, placed->data), n = size / VCOL__PAGE, dirty = 0, extra = 0;
    ck_assert_uint_eq(placed->dirty + placed->head + placed->tail, size);
    for (size_t i = 0; i < n; i++) {
        ck_assert(!(s->state[first + i] & USED_PAGE));
        bool clean = i * VCOL__PAGE < placed->head || i * VCOL__PAGE >= size - placed->tail;
        ck_assert_int_eq(clean, !(s->state[first + i] & HAS_MEMORY));
        dirty += !clean;
    }
    /* a unit of which nothing had memory gets all of it */
    for (size_t unit = first / (UNIT / VCOL__PAGE); p->huge && unit <= (first + n - 1) / (UNIT / VCOL__PAGE); unit++) {
        size_t begin = unit * (UNIT / VCOL__PAGE), end = begin + UNIT / VCOL__PAGE, any = 0;
        for (size_t i = begin; i < end; i++)
            any += s->state[i] != 0;
        for (size_t i = begin; i < end && !any; i++)
            if (i < first || i >= first + n) {
                s->state[i] = HAS_MEMORY;
                extra++;
            }
    }
    for (size_t i = 0; i < n; i++)
        s->state[first + i] = USED_PAGE | HAS_MEMORY;
    ck_assert_uint_eq(placed->dirty, dirty * VCOL__PAGE);
    ck_assert_uint_eq(placed->extra, extra * VCOL__PAGE);
}

static void put(vcol__pages *p, shadow *s, held *h)
{
    size_t first = page_of(s, h->data);
    for (size_t i = 0; i < h->size / VCOL__PAGE; i++)
        s->state[first + i] = HAS_MEMORY;
    vcol__pages_put(p, h->data, h->size);
    h->data = NULL;
}

/* Purges; every byte that was drained must have been dirty and is zero after. */
static void purge(vcol__pages *p, shadow *s, uint64_t bytes)
{
    uint64_t drained;
    size_t there = dirty_free(s), want = bytes < there ? (size_t)bytes : there;
    vcol__run *runs = vcol__pages_drain(p, bytes, &drained);
    ck_assert_uint_ge(drained, want);
    ck_assert_uint_lt(drained, want + VCOL__PAGE);
    vcol__pages_purge(runs);
    ck_assert_ptr_null(vcol__pages_purged(p, runs)); /* the only area is kept */
    unsigned char *in = malloc(s->pages);
    ck_assert_int_eq(mincore(s->data, s->pages * VCOL__PAGE, in), 0);
    uint64_t gone = 0;
    for (size_t i = 0; i < s->pages; i++)
        if (s->state[i] == HAS_MEMORY && !(in[i] & 1)) {
            s->state[i] = 0;
            gone += VCOL__PAGE;
        } else if (s->state[i] & USED_PAGE) {
            ck_assert(in[i] & 1);
        }
    ck_assert_uint_eq(gone, drained);
    free(in);
}

/* Regions of random sizes come and go; each keeps its bytes, nothing overlaps, and after all are back they are one run. */
START_TEST(e4_1_runs_of_pages_are_cut_and_joined_and_every_page_is_accounted_for)
{
    enum { HELD = 64, STEPS = 3000 };
    t_random r = {(uint64_t)_i + 1};
    vcol__pages p;
    held h[HELD] = {{NULL, 0}};
    vcol__pages_init(&p, _i % 2);
    vcol__area *area = vcol__pages_map(UNIT, 0, false); /* single pages, so that the system shows each */
    ck_assert_ptr_nonnull(area);
    vcol__pages_add(&p, area);
    vcol__placed whole;
    size_t size = p.mapped;
    ck_assert(!vcol__pages_place(&p, size + VCOL__PAGE, &whole));
    ck_assert(vcol__pages_place(&p, size, &whole));
    shadow s = {whole.data, size / VCOL__PAGE, calloc(size / VCOL__PAGE, 1)};
    vcol__pages_purged(&p, vcol__pages_run(&p, whole.data, size)); /* nothing has touched it */
    for (int step = 0; step < STEPS; step++) {
        int64_t i = t_below(&r, HELD);
        if (h[i].data) {
            for (size_t k = 0; k < h[i].size; k += VCOL__PAGE)
                ck_assert_int_eq(h[i].data[k], (char)(i + 1));
            put(&p, &s, &h[i]);
        } else {
            vcol__placed placed;
            h[i].size = (size_t)(1 + t_below(&r, (int64_t)1 << t_below(&r, 10))) * VCOL__PAGE;
            if (vcol__pages_place(&p, h[i].size, &placed)) {
                mark(&s, &p, &placed, h[i].size);
                vcol__pages_commit(&placed, h[i].size);
                h[i].data = placed.data;
                for (size_t k = 0; k < h[i].size; k += VCOL__PAGE)
                    h[i].data[k] = (char)(i + 1);
                for (size_t k = 0; k < s.pages && placed.extra; k++)
                    if (s.state[k] == HAS_MEMORY)
                        s.data[k * VCOL__PAGE] = 0; /* as if it were a huge page: all of it is there */
            }
        }
        if (t_below(&r, 100) == 0)
            purge(&p, &s, (uint64_t)t_below(&r, (int64_t)dirty_free(&s) + 1));
    }
    for (int i = 0; i < HELD; i++)
        if (h[i].data)
            put(&p, &s, &h[i]);
    purge(&p, &s, UINT64_MAX);
    ck_assert_uint_eq(dirty_free(&s), 0);
    ck_assert(vcol__pages_place(&p, size, &whole)); /* one run */
    vcol__pages_put(&p, whole.data, size);
    vcol__pages_destroy(&p);
    free(s.state);
}
END_TEST

START_TEST(e4_1_areas_of_which_nothing_is_used_go_but_one)
{
    vcol__pages p;
    vcol__placed one, two;
    uint64_t drained;
    vcol__pages_init(&p, false);
    vcol__pages_add(&p, vcol__pages_map(VCOL__PAGE, 0, false));
    size_t size = p.mapped;
    ck_assert(vcol__pages_place(&p, size, &one));
    ck_assert(!vcol__pages_place(&p, VCOL__PAGE, &two));
    vcol__pages_add(&p, vcol__pages_map(VCOL__PAGE, p.mapped, false));
    ck_assert(vcol__pages_place(&p, VCOL__PAGE, &two));
    ck_assert_uint_eq(p.mapped, 2 * size);
    vcol__pages_put(&p, one.data, size);
    vcol__run *runs = vcol__pages_drain(&p, UINT64_MAX, &drained);
    ck_assert_uint_eq(drained, size);
    vcol__pages_purge(runs);
    vcol__area *unused = vcol__pages_purged(&p, runs);
    ck_assert_ptr_nonnull(unused);
    vcol__pages_unmap(unused);
    ck_assert_uint_eq(p.mapped, size);
    vcol__pages_put(&p, two.data, VCOL__PAGE);
    runs = vcol__pages_drain(&p, UINT64_MAX, &drained);
    vcol__pages_purge(runs);
    ck_assert_ptr_null(vcol__pages_purged(&p, runs));
    ck_assert_uint_eq(p.mapped, size);
    vcol__pages_destroy(&p);
}
END_TEST

/* ---- in the account --------------------------------------------------------------------------------------- */

/* Chunks of columns of ever other sizes under a limit of two of them: after the first few nothing is fetched from the system. */
START_TEST(e4_1_at_the_limit_memory_that_was_used_is_used_again)
{
    enum { COLUMNS = 12, CHUNKS = 200 };
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)MB(4);
    vcol_manager *m = t_manager(&o);
    t_random r = {7};
    vcol_buffer *b[2][COLUMNS];
    static t_gen g[2][COLUMNS];
    uint64_t warm = 0, loaded = 0;
    for (int k = 0; k < CHUNKS; k++) {
        int now = k % 2;
        if (k >= 2)
            t_release(b[now], COLUMNS);
        for (int i = 0; i < COLUMNS; i++) {
            int64_t bytes = KB(64) + t_below(&r, KB(96));
            g[now][i] = (t_gen){.seed = i, .count = bytes / (int64_t)sizeof(int64_t)};
            b[now][i] = t_buffer(m, &g[now][i], "b");
            t_read(b[now][i], &g[now][i]);
            loaded += k >= 20 ? (uint64_t)bytes : 0;
        }
        if (k == 19)
            warm = m->memory.pages.brought;
        vcol_stats s = t_stats(m);
        ck_assert_uint_le(s.live + s.promised + s.cached + s.fixed, o.limit);
    }
    vcol_stats s = t_stats(m);
    ck_assert_uint_le(s.peak, o.limit);
    ck_assert_uint_eq(s.overcommits, 0);
    ck_assert_uint_lt((m->memory.pages.brought - warm) * 10, loaded);
    t_release(b[0], COLUMNS);
    t_release(b[1], COLUMNS);
    vcol_manager_close(m);
}
END_TEST

/* What is lent to a promise is counted once, comes back when the promise is, and never lets the sum grow. */
START_TEST(e4_1_recycled_memory_is_lent_to_what_is_promised)
{
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)MB(1);
    o.cached_limit = (uint64_t)MB(1);
    vcol_manager *m = t_manager(&o);
    vcol__grant grant = {0}, other = {0};
    vcol__region a = {0}, b = {0};
    ck_assert_int_eq(vcol__account_reserve(m, &grant, (uint64_t)KB(768), VCOL__DEMAND, false, NULL), VCOL_OK);
    ck_assert_int_eq(vcol__memory_take(m, &grant, (size_t)KB(768), &a, NULL), VCOL_OK);
    vcol__memory_give(m, &a);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(768));
    uint64_t brought = m->memory.pages.brought;
    /* promised: lent, not trimmed */
    ck_assert_int_eq(vcol__account_reserve(m, &grant, (uint64_t)KB(512), VCOL__PREFETCH, false, NULL), VCOL_OK);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(256));
    ck_assert_int_eq(vcol__account_reserve(m, &other, (uint64_t)KB(512), VCOL__PREFETCH, false, NULL), VCOL_OK);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.cached, 0);
    ck_assert_uint_eq(s.promised, (uint64_t)KB(1024));
    ck_assert_int_eq(vcol__account_reserve(m, &other, (uint64_t)KB(16), VCOL__PREFETCH, false, NULL), VCOL_CANCELLED);
    /* given back: cached again */
    vcol__account_give_back(m, &other, 0);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(256));
    ck_assert_int_eq(vcol__memory_take(m, &grant, (size_t)KB(512), &a, NULL), VCOL_OK);
    ck_assert_uint_eq(m->memory.pages.brought, brought); /* none of it is new */
    /* 256 of 512 are: as much as there is room for */
    ck_assert_int_eq(vcol__account_reserve(m, &other, (uint64_t)KB(512), VCOL__PREFETCH, false, NULL), VCOL_OK);
    ck_assert_int_eq(vcol__memory_take(m, &other, (size_t)KB(512), &b, NULL), VCOL_OK);
    ck_assert_uint_eq(m->memory.pages.brought, brought + (uint64_t)KB(256));
    s = t_stats(m);
    ck_assert_uint_eq(s.live, (uint64_t)KB(1024));
    ck_assert_uint_eq(s.cached, 0);
    ck_assert_uint_eq(s.peak, (uint64_t)KB(1024));
    ck_assert_uint_eq(s.overcommits, 0);
    memset(a.data, 1, (size_t)KB(512));
    memset(b.data, 2, (size_t)KB(512));
    vcol__memory_give(m, &a);
    vcol__memory_give(m, &b);
    ck_assert_uint_eq(vcol_manager_trim(m), (uint64_t)KB(1024));
    s = t_stats(m);
    ck_assert_uint_eq(s.live + s.promised + s.cached + s.fixed, 0);
    vcol_manager_close(m);
}
END_TEST

/* So are promises that malloc's small regions back: then recycled memory goes. */
START_TEST(e4_1_recycled_memory_makes_way_for_small_regions)
{
    enum { SMALL = 16 };
    vcol_manager_options o = t_options();
    o.limit = o.cached_limit = (uint64_t)KB(64);
    vcol_manager *m = t_manager(&o);
    vcol__grant grant = {0};
    vcol__region a = {0}, small[SMALL] = {{0}};
    ck_assert_int_eq(vcol__account_reserve(m, &grant, o.limit, VCOL__DEMAND, false, NULL), VCOL_OK);
    ck_assert_int_eq(vcol__memory_take(m, &grant, (size_t)o.limit, &a, NULL), VCOL_OK);
    vcol__memory_give(m, &a);
    ck_assert_uint_eq(t_stats(m).cached, o.limit);
    ck_assert_int_eq(vcol__account_reserve(m, &grant, o.limit, VCOL__PREFETCH, false, NULL), VCOL_OK);
    for (int i = 0; i < SMALL; i++) {
        ck_assert_int_eq(vcol__memory_take(m, &grant, (size_t)o.limit / SMALL, &small[i], NULL), VCOL_OK);
        vcol_stats s = t_stats(m);
        ck_assert_uint_eq(s.live + s.promised + s.cached, o.limit);
    }
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.peak, o.limit);
    ck_assert_uint_eq(s.overcommits, 0);
    for (int i = 0; i < SMALL; i++)
        vcol__memory_give(m, &small[i]);
    ck_assert_uint_eq(vcol_manager_trim(m), 0);
    vcol_manager_close(m);
}
END_TEST

/* Threads reserve, take, give and give back at the limit while another trims: the sum stays below it, and all comes back. */
typedef struct party {
    vcol_manager *m;
    uint64_t seed;
    pthread_t thread;
} party;

static void *take_and_give(void *p_void)
{
    party *p = p_void;
    t_random r = {p->seed};
    for (int i = 0; i < T_REPEAT(2000); i++) {
        vcol__grant grant = {0};
        vcol__region a = {0};
        int64_t size = KB(4) + t_below(&r, KB(300)) / (1 + t_below(&r, 40));
        if (t_below(&r, 50) == 0)
            vcol_manager_trim(p->m);
        if (vcol__account_reserve(p->m, &grant, vcol__memory_capacity((size_t)size), VCOL__PREFETCH, false, NULL) != VCOL_OK)
            continue;
        if (t_below(&r, 4)) {
            t_require(vcol__memory_take(p->m, &grant, (size_t)size, &a, NULL) == VCOL_OK);
            memset(a.data, (int)p->seed, (size_t)size);
            vcol_stats s = t_stats(p->m);
            t_require(!s.limit || s.live + s.promised + s.cached + s.fixed <= s.limit);
            for (int64_t k = 0; k < size; k += 997)
                t_require(((unsigned char *)a.data)[k] == (unsigned char)p->seed);
        }
        vcol__account_give_back(p->m, &grant, 0);
        vcol__memory_give(p->m, &a);
    }
    return NULL;
}

START_TEST(e4_4_threads_that_take_and_give_pages_at_the_limit_balance)
{
    enum { THREADS = 4 };
    vcol_manager_options o = t_options();
    o.limit = _i ? 0 : (uint64_t)KB(700);
    o.cached_limit = _i ? (uint64_t)MB(1) : 0;
    vcol_manager *m = t_manager(&o);
    party p[THREADS];
    for (int i = 0; i < THREADS; i++) {
        p[i] = (party){.m = m, .seed = (uint64_t)i + 1};
        ck_assert_int_eq(pthread_create(&p[i].thread, NULL, take_and_give, &p[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(p[i].thread, NULL);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.live + s.promised, 0);
    if (o.limit)
        ck_assert_uint_le(s.peak, o.limit);
    ck_assert_uint_eq(s.overcommits, 0);
    vcol_manager_trim(m);
    ck_assert_uint_eq(t_stats(m).cached, 0);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e4_1_runs_of_pages_are_cut_and_joined_and_every_page_is_accounted_for, 8},
        {e4_1_areas_of_which_nothing_is_used_go_but_one, 0},
        {e4_1_at_the_limit_memory_that_was_used_is_used_again, 0},
        {e4_1_recycled_memory_is_lent_to_what_is_promised, 0},
        {e4_1_recycled_memory_makes_way_for_small_regions, 0},
        {e4_4_threads_that_take_and_give_pages_at_the_limit_balance, 2},
    };
    return t_main("pages", tests, sizeof tests / sizeof *tests);
}
