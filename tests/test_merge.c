/* SPDX-License-Identifier: BSD-3-Clause */
/* Merging of byte ranges (TESTS E8.2): exact reads for given gap and size, and a property test by brute
 * force. */
#include "io/merge.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MOST 8

/* Reads are written offset, size, wanted; a case ends with a size of 0 where it has fewer. */
static const struct {
    const char *name;
    uint64_t gap, max_read;
    int n;
    struct {
        uint64_t offset, size;
    } wanted[MOST];
    int n_reads;
    struct {
        uint64_t offset, size, wanted;
    } reads[MOST];
} cases[] = {
    {"nothing", 10, 100, 0, {{0, 0}}, 0, {{0, 0, 0}}},
    {"one range", 10, 100, 1, {{5, 7}}, 1, {{5, 7, 7}}},
    {"only no bytes", 10, 100, 3, {{5, 0}, {0, 0}, {1000, 0}}, 0, {{0, 0, 0}}},
    {"no bytes do not bridge a gap", 4, 100, 3, {{0, 10}, {15, 0}, {20, 10}}, 2, {{0, 10, 10}, {20, 10, 10}}},
    {"adjacent without any gap", 0, 100, 3, {{0, 10}, {10, 10}, {20, 10}}, 1, {{0, 30, 30}}},
    {"a gap of exactly the limit", 4, 100, 2, {{0, 10}, {14, 6}}, 1, {{0, 20, 16}}},
    {"a gap one above the limit", 3, 100, 2, {{0, 10}, {14, 6}}, 2, {{0, 10, 10}, {14, 6, 6}}},
    {"a read of exactly the maximum", 4, 20, 2, {{0, 10}, {14, 6}}, 1, {{0, 20, 16}}},
    {"a read one above the maximum", 4, 19, 2, {{0, 10}, {14, 6}}, 2, {{0, 10, 10}, {14, 6, 6}}},
    {"a range above the maximum is alone",
     10,
     20,
     3,
     {{0, 10}, {10, 30}, {40, 5}},
     3,
     {{0, 10, 10}, {10, 30, 30}, {40, 5, 5}}},
    {"what lies inside it joins it", 10, 20, 3, {{10, 30}, {10, 1}, {39, 1}}, 1, {{10, 30, 30}}},
    {"no maximum", UINT64_MAX, 0, 2, {{0, 1}, {UINT64_MAX - 1, 1}}, 1, {{0, UINT64_MAX, 2}}},
    {"duplicates", 0, 100, 4, {{5, 5}, {5, 5}, {0, 5}, {5, 5}}, 1, {{0, 10, 10}}},
    {"overlap that fits", 0, 15, 2, {{0, 10}, {5, 10}}, 1, {{0, 15, 15}}},
    {"overlap that does not fit", 0, 14, 2, {{0, 10}, {5, 10}}, 2, {{0, 10, 10}, {5, 10, 10}}},
    {"any order",
     2,
     100,
     6,
     {{50, 5}, {0, 5}, {7, 3}, {20, 0}, {56, 4}, {3, 1}},
     2,
     {{0, 10, 8}, {50, 10, 9}}},
    {"the end of the address space",
     8,
     64,
     2,
     {{UINT64_MAX - 20, 10}, {UINT64_MAX - 8, 8}},
     1,
     {{UINT64_MAX - 20, 20, 18}}},
};

START_TEST(gives_exactly_these_reads)
{
    vcol__span spans[MOST];
    vcol__read reads[MOST];
    int64_t n_reads = -1;
    const char *name = cases[_i].name;
    for (int i = 0; i < cases[_i].n; i++)
        spans[i] =
            (vcol__span){.offset = cases[_i].wanted[i].offset, .size = cases[_i].wanted[i].size, .tag = i};
    ck_assert_int_eq(vcol__merge(spans, cases[_i].n, cases[_i].gap, cases[_i].max_read, reads, &n_reads),
                     VCOL_OK);
    ck_assert_msg(n_reads == cases[_i].n_reads, "%s: %lld reads", name, (long long)n_reads);
    for (int i = 0; i < n_reads; i++)
        ck_assert_msg(reads[i].offset == cases[_i].reads[i].offset &&
                          reads[i].size == cases[_i].reads[i].size &&
                          reads[i].wanted == cases[_i].reads[i].wanted,
                      "%s: read %d is %llu + %llu, %llu wanted", name, i, (unsigned long long)reads[i].offset,
                      (unsigned long long)reads[i].size, (unsigned long long)reads[i].wanted);
    for (int i = 0; i < cases[_i].n; i++) {
        const vcol__span *s = &spans[i];
        ck_assert_uint_eq(s->offset, cases[_i].wanted[s->tag].offset);
        ck_assert_uint_eq(s->size, cases[_i].wanted[s->tag].size);
        if (!s->size)
            ck_assert_msg(s->read == -1, "%s: a range of no bytes is in a read", name);
        else
            ck_assert_msg(s->offset == reads[s->read].offset + s->at, "%s: position", name);
    }
}
END_TEST

START_TEST(refuses_ranges_that_overflow)
{
    vcol__span spans[2] = {{.offset = 0, .size = 1}, {.offset = UINT64_MAX, .size = 1}};
    vcol__read reads[2];
    int64_t n = -1;
    ck_assert_int_eq(vcol__merge(spans, 2, 0, 0, reads, &n), VCOL_RANGE);
    ck_assert_int_eq(n, 0);
}
END_TEST

/* ---- against brute force ---- */

#define SPACE 96 /* bytes of the toy source */
#define SPANS 12

static uint64_t state;

static uint64_t next_random(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int below(int n)
{
    return (int)(next_random() % (uint64_t)n);
}

/* Whether spans[a … b) may share one read, by looking at every byte. */
static int may_share(const vcol__span *spans, int64_t a, int64_t b, uint64_t gap, uint64_t max_read)
{
    char wanted[SPACE] = {0};
    uint64_t lo = SPACE, hi = 0, run = 0, longest = 0, largest = 0;
    for (int64_t i = a; i < b; i++) {
        uint64_t end = spans[i].offset + spans[i].size;
        memset(wanted + spans[i].offset, 1, spans[i].size);
        lo = spans[i].offset < lo ? spans[i].offset : lo;
        hi = end > hi ? end : hi;
        largest = spans[i].size > largest ? spans[i].size : largest;
    }
    for (uint64_t i = lo; i < hi; i++) {
        run = wanted[i] ? 0 : run + 1;
        longest = run > longest ? run : longest;
    }
    return longest <= gap && (hi - lo <= max_read || hi - lo == largest);
}

/* The fewest reads, over all ways to cut the sorted spans into stretches. */
static int64_t fewest(const vcol__span *spans, int64_t first, int64_t n, uint64_t gap, uint64_t max_read)
{
    int64_t best[SPANS + 1];
    best[first] = 0;
    for (int64_t b = first + 1; b <= n; b++) {
        best[b] = INT64_MAX;
        for (int64_t a = first; a < b; a++)
            if (best[a] < INT64_MAX && best[a] + 1 < best[b] && may_share(spans, a, b, gap, max_read))
                best[b] = best[a] + 1;
    }
    return best[n];
}

static void check_rules(const vcol__span *spans, int64_t n, uint64_t gap, uint64_t max_read,
                        const vcol__read *reads, int64_t n_reads, uint64_t seed)
{
    int64_t empty = 0, served = 0;
    for (int64_t i = 0; i < n; i++) {
        const vcol__span *s = &spans[i];
        if (!s->size) {
            ck_assert_int_eq(s->read, -1);
            ck_assert_int_eq(i, empty++);
            continue;
        }
        ck_assert_msg(s->read >= 0 && s->read < n_reads, "seed %llu", (unsigned long long)seed);
        const vcol__read *r = &reads[s->read];
        ck_assert_uint_eq(r->offset + s->at, s->offset);
        ck_assert_msg(s->at + s->size <= r->size, "seed %llu: split", (unsigned long long)seed);
        ck_assert_msg(i >= r->first && i < r->first + r->n, "seed %llu: first and n",
                      (unsigned long long)seed);
    }
    for (int64_t k = 0; k < n_reads; k++) {
        char wanted[SPACE] = {0};
        uint64_t count = 0;
        served += reads[k].n;
        ck_assert_msg(k == 0 || reads[k].offset >= reads[k - 1].offset, "order");
        ck_assert_msg(may_share(spans, reads[k].first, reads[k].first + reads[k].n, gap, max_read),
                      "seed %llu: read %d breaks gap or maximum", (unsigned long long)seed, (int)k);
        for (int64_t i = reads[k].first; i < reads[k].first + reads[k].n; i++)
            memset(wanted + spans[i].offset, 1, spans[i].size);
        for (uint64_t i = 0; i < reads[k].size; i++)
            count += (uint64_t)wanted[reads[k].offset + i];
        ck_assert_msg(wanted[reads[k].offset] && wanted[reads[k].offset + reads[k].size - 1],
                      "seed %llu: read %d begins or ends in vain", (unsigned long long)seed, (int)k);
        ck_assert_uint_eq(reads[k].wanted, count);
        ck_assert_msg(reads[k].size - count <= gap * (uint64_t)(reads[k].n - 1), "over-read");
    }
    ck_assert_int_eq(served, n - empty);
    ck_assert_msg(n_reads == fewest(spans, empty, n, gap, max_read), "seed %llu: %lld reads, %lld do",
                  (unsigned long long)seed, (long long)n_reads,
                  (long long)fewest(spans, empty, n, gap, max_read));
}

START_TEST(keeps_its_rules_and_is_minimal_on_random_ranges)
{
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        vcol__span spans[SPANS] = {{0}}, again[SPANS];
        vcol__read reads[SPANS], reads_again[SPANS];
        int64_t n_reads, n_again;
        state = seed;
        int n = below(SPANS + 1), size = 1 + below(30);
        uint64_t gap = (uint64_t)below(12), max_read = (uint64_t)below(50);
        uint64_t bound = max_read ? max_read : UINT64_MAX;
        for (int i = 0; i < n; i++) {
            uint64_t at = (uint64_t)below(SPACE);
            uint64_t bytes = (uint64_t)below(size);
            spans[i] = (vcol__span){.offset = at, .size = bytes < SPACE - at ? bytes : SPACE - at, .tag = i};
        }
        memcpy(again, spans, sizeof spans);
        ck_assert_int_eq(vcol__merge(spans, n, gap, max_read, reads, &n_reads), VCOL_OK);
        check_rules(spans, n, gap, bound, reads, n_reads, seed);
        /* The same from another order. */
        for (int i = n; i > 1; i--) {
            int j = below(i);
            vcol__span t = again[i - 1];
            again[i - 1] = again[j];
            again[j] = t;
        }
        ck_assert_int_eq(vcol__merge(again, n, gap, max_read, reads_again, &n_again), VCOL_OK);
        ck_assert_int_eq(n_again, n_reads);
        for (int i = 0; i < n; i++)
            ck_assert_msg(spans[i].tag == again[i].tag && spans[i].read == again[i].read &&
                              spans[i].at == again[i].at,
                          "seed %llu: depends on the order", (unsigned long long)seed);
    }
}
END_TEST

START_TEST(sorts_many)
{
    enum { N = 100000 };
    vcol__span *spans = malloc(N * sizeof *spans);
    vcol__read *reads = malloc(N * sizeof *reads);
    int64_t n_reads;
    state = 7;
    for (int64_t i = 0; i < N; i++)
        spans[i] = (vcol__span){.offset = next_random() >> 20, .size = 1 + next_random() % 64, .tag = i};
    ck_assert_int_eq(vcol__merge(spans, N, 0, 1 << 20, reads, &n_reads), VCOL_OK);
    for (int64_t i = 1; i < N; i++)
        ck_assert(spans[i - 1].offset <= spans[i].offset);
    ck_assert_int_le(n_reads, N);
    free(spans);
    free(reads);
}
END_TEST

Suite *merge_suite(void);
Suite *merge_suite(void)
{
    Suite *s = suite_create("merge");
    TCase *tc = tcase_create("merge");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, gives_exactly_these_reads, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tc, refuses_ranges_that_overflow);
    tcase_add_test(tc, keeps_its_rules_and_is_minimal_on_random_ranges);
    tcase_add_test(tc, sorts_many);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(merge_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
