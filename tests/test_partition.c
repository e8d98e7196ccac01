/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting entries into chunks, alone, in loops and in runs: TESTS.md E7.1. */
#include "table.h"

#define MOST_CHUNKS 20000

typedef struct cuts {
    int64_t n, first[MOST_CHUNKS], count[MOST_CHUNKS];
    vcol_status status; /* END, or what failed */
    vcol_error err;
} cuts;

static cuts got, looped;

static vcol_partition_options options_of(int chunking)
{
    vcol_partition_options o;
    vcol_partition_options_init(&o, sizeof o);
    o.chunking = chunking;
    return o;
}

static void cut(const table_world *w, const vcol_partition_options *o, cuts *out)
{
    vcol_partition *p = NULL;
    memset(out, 0, sizeof *out);
    out->status = vcol_partition_open(w->d, o, &p, &out->err);
    while (out->status == VCOL_OK) {
        t_require(out->n < MOST_CHUNKS);
        out->status = vcol_partition_next(p, &out->first[out->n], &out->count[out->n], &out->err);
        out->n += out->status == VCOL_OK;
    }
    vcol_partition_close(p);
}

/* All entries, each once, in order, no chunk empty or across files. */
static void check_cover(const table_world *w, const cuts *c, int64_t first, int64_t end)
{
    ck_assert_msg(c->status == VCOL_END, "%s", c->err.message);
    for (int64_t i = 0; i < c->n; i++) {
        int64_t a, b;
        ck_assert_int_eq(c->first[i], first);
        ck_assert_int_gt(c->count[i], 0);
        first += c->count[i];
        ck_assert_ptr_eq(table_row(w, c->first[i], &a), table_row(w, first - 1, &b));
    }
    ck_assert_int_eq(first, end);
}

static int64_t run_of(const table_world *w, int64_t row)
{
    int64_t k;
    const table_file *f = table_row(w, row, &k);
    return f->run[k];
}

START_TEST(e7_1_parts_are_balanced_and_cover_each_entry_once)
{
    static const int64_t parts[] = {1, 2, 7, 50, 999, 1000, 1001, 5000};
    table_world *w = table_new(1, 1000, 1, 3);
    table_open(w, 0, 0, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        vcol_partition_options o = options_of(VCOL_CHUNK_INTO_PARTS);
        o.parts = parts[i];
        o.first = _i * 13;
        o.count = _i ? 1000 - o.first - 17 : 0;
        int64_t n = _i ? o.count : 1000, most = 0, least = INT64_MAX;
        cut(w, &o, &got);
        check_cover(w, &got, o.first, o.first + n);
        ck_assert_int_eq(got.n, parts[i] < n ? parts[i] : n);
        for (int64_t k = 0; k < got.n; k++) {
            most = got.count[k] > most ? got.count[k] : most;
            least = got.count[k] < least ? got.count[k] : least;
        }
        ck_assert_int_le(most - least, 1);
    }
    table_end(w);
}
END_TEST

/* Each part's end is the boundary nearest to where it would be: counted by hand. */
START_TEST(e7_1_parts_end_where_clusters_do_when_they_should)
{
    table_world *w = table_new(2, 1000, 1, 3);
    for (int f = 0; f < 2; f++) {
        t_random r = {(uint64_t)(_i + 1)};
        int64_t *c = w->files[f].clusters, n = 0;
        for (int64_t at = 0; at < 1000 && n < TABLE_CLUSTERS - 1; at += 1 + t_below(&r, 90))
            c[n++] = at;
        c[n] = 1000;
        w->files[f].n_clusters = n;
    }
    table_open(w, 0, 0, 0);
    for (int64_t parts = 1; parts < 60; parts++) {
        vcol_partition_options o = options_of(VCOL_CHUNK_INTO_PARTS);
        o.parts = parts;
        o.flags = VCOL_CHUNK_ALIGN_CLUSTERS;
        cut(w, &o, &got);
        check_cover(w, &got, 0, 2000);
        char wanted[2001] = {0};
        wanted[1000] = wanted[2000] = 1;
        for (int64_t i = 1; i < parts; i++) {
            int64_t at = 2000 * i / parts, f = at >= 1000, best = 0;
            for (int64_t k = 0; k <= w->files[f].n_clusters; k++) {
                int64_t b = 1000 * f + w->files[f].clusters[k];
                if (llabs(b - at) < llabs(best - at))
                    best = b;
            }
            wanted[best] = 1;
        }
        int64_t n = 0;
        for (int64_t i = 1; i <= 2000; i++)
            n += wanted[i];
        ck_assert_int_eq(got.n, n);
        for (int64_t i = 0; i < got.n; i++)
            ck_assert(wanted[got.first[i] + got.count[i]]);
    }
    table_end(w);
}
END_TEST

/* By entries and into parts, of groups of up to 40, 1 and 1000 rows: as an oracle cuts them. */
START_TEST(e7_1_a_group_is_never_split)
{
    static const int64_t most_group[] = {40, 1, 1000}, sizes[] = {1, 2, 7, 50, 333, 5000};
    table_world *w = table_new(3, 1300, most_group[_i % 3], (uint64_t)_i + 1);
    int64_t rows = table_rows(w);
    table_open(w, _i % 2 ? 2 : 0, 0, 0);
    for (size_t s = 0; s < 2 * sizeof sizes / sizeof *sizes; s++) {
        vcol_partition_options o = options_of(VCOL_CHUNK_BY_GROUPS);
        o.keys = s % 3 ? "run small" : "run";
        o.flags = s % 4 > 1 && s % 3 == 0 ? VCOL_CHUNK_SORTED : 0;
        bool parts = s % 2;
        *(parts ? &o.parts : &o.entries) = sizes[s / 2];
        cut(w, &o, &got);
        check_cover(w, &got, 0, rows);
        for (int64_t i = 0; i < got.n; i++) {
            int64_t first = got.first[i], end = first + got.count[i], file_end = (first / 1300 + 1) * 1300;
            ck_assert(first == 0 || run_of(w, first) != run_of(w, first - 1));
            /* where it should have ended */
            int64_t wanted = -1;
            for (int64_t k = first + 1; k <= file_end; k++) {
                bool border = k == file_end || run_of(w, k) != run_of(w, k - 1);
                if (!border)
                    continue;
                if (!parts) {
                    if (wanted < 0 || k - first <= o.entries)
                        wanted = k;
                } else if (wanted < 0) {
                    int64_t part = 1;
                    while (part < o.parts && rows * part / o.parts <= first)
                        part++;
                    if (k >= rows * part / o.parts || k == file_end)
                        wanted = k;
                }
            }
            ck_assert_int_eq(end, wanted);
        }
        if (parts)
            ck_assert_int_le(got.n, o.parts + w->n_files - 1);
    }
    table_end(w);
}
END_TEST

START_TEST(e7_1_one_giant_group_and_nothing_at_all)
{
    table_world *w = table_new(1, 3000, 1, 5);
    for (int64_t k = 0; k < 3000; k++)
        w->files[0].run[k] = 7;
    table_open(w, 0, 0, 0);
    vcol_partition_options o = options_of(VCOL_CHUNK_BY_GROUPS);
    o.keys = "run";
    o.entries = 10;
    cut(w, &o, &got);
    check_cover(w, &got, 0, 3000);
    ck_assert_int_eq(got.n, 1);
    o.first = 3000;
    cut(w, &o, &got);
    ck_assert_int_eq(got.status, VCOL_END);
    ck_assert_int_eq(got.n, 0);
    o.first = 10;
    o.count = 20; /* the first and the last entry are taken as they are */
    cut(w, &o, &got);
    check_cover(w, &got, 10, 30);
    table_close(w);
    w->files[0].rows = 0;
    table_open(w, 0, 0, 0);
    for (int chunking = 0; chunking <= VCOL_CHUNK_BY_GROUPS; chunking++) {
        o = options_of(chunking);
        o.keys = chunking == VCOL_CHUNK_BY_GROUPS ? "run" : NULL;
        o.parts = chunking == VCOL_CHUNK_INTO_PARTS ? 3 : 0;
        cut(w, &o, &got);
        ck_assert_msg(got.status == VCOL_END, "%s", got.err.message);
        ck_assert_int_eq(got.n, 0);
    }
    table_end(w);
}
END_TEST

/* _i: the group that comes again begins there. The chunks before it are handed out. */
START_TEST(e7_1_input_that_is_not_clustered_or_sorted_is_an_error)
{
    static const int64_t where[] = {1, 500, 2999, 1499, 1500};
    int64_t at = where[_i];
    for (int sorted = 0; sorted < 2; sorted++) {
        table_world *w = table_new(2, 1500, 1, 5);
        char text[64];
        table_file *f = &w->files[at / 1500];
        f->run[at % 1500] = sorted ? run_of(w, at - 1) - 1 : run_of(w, at > 1 ? at - 2 : 0);
        if (!sorted && at == 1) { /* two rows of one group, then another, then the first again */
            f->run[1] = f->run[2];
            f->run[2] = f->run[0];
            at = 2;
        }
        table_open(w, 0, 0, 0);
        vcol_partition_options o = options_of(VCOL_CHUNK_BY_GROUPS);
        o.keys = "run";
        o.entries = 100;
        o.flags = sorted ? VCOL_CHUNK_SORTED : 0;
        cut(w, &o, &got);
        ck_assert_int_eq(got.status, VCOL_CORRUPT);
        snprintf(text, sizeof text, "entry %lld (run %lld)", (long long)at, (long long)run_of(w, at));
        ck_assert_msg(strstr(got.err.message, text) && strstr(got.err.message, at / 1500 ? "two" : "one"), "%s", got.err.message);
        ck_assert(strstr(got.err.message, sorted ? "not sorted" : "not clustered"));
        for (int64_t i = 0; i < got.n; i++)
            ck_assert_int_le(got.first[i] + got.count[i], at);
        at = where[_i];
        table_end(w);
    }
}
END_TEST

START_TEST(e7_1_a_group_that_goes_on_in_the_next_file_is_an_error)
{
    table_world *w = table_new(2, 1000, 9, 5);
    w->files[1].run[0] = w->files[0].run[999];
    table_open(w, 0, 0, 0);
    vcol_partition_options o = options_of(VCOL_CHUNK_BY_GROUPS);
    vcol_partition *p;
    int64_t first, count;
    vcol_error err = {0};
    o.keys = "run";
    o.entries = 400;
    cut(w, &o, &got);
    ck_assert_int_eq(got.status, VCOL_UNSUPPORTED);
    ck_assert_int_lt(got.first[got.n - 1] + got.count[got.n - 1], 1000); /* it is found before the chunk is handed out */
    ck_assert_msg(strstr(got.err.message, "two") && strstr(got.err.message, "run "), "%s", got.err.message);
    ck_assert_int_eq(vcol_partition_open(w->d, &o, &p, NULL), VCOL_OK);
    while (vcol_partition_next(p, &first, &count, NULL) == VCOL_OK)
        ;
    ck_assert_int_eq(vcol_partition_next(p, &first, &count, &err), VCOL_UNSUPPORTED); /* it stays so */
    ck_assert_str_eq(err.message, got.err.message);
    vcol_partition_close(p);
    table_end(w);
}
END_TEST

/* A read that fails gives its error; the next try goes on. */
START_TEST(e7_1_keys_that_cannot_be_read_are_tried_again)
{
    table_world *w = table_new(1, 1000, 9, 5);
    table_open(w, 0, 0, 0);
    vcol_partition_options o = options_of(VCOL_CHUNK_BY_GROUPS);
    vcol_partition *p;
    int64_t first, count, end = 0;
    vcol_error err = {0};
    o.keys = "run";
    o.entries = 100;
    w->files[0].bad_offset = 64 + 8 * (3 + TABLE_CLUSTERS + 1) + 8 * 700;
    ck_assert_int_eq(vcol_partition_open(w->d, &o, &p, &err), VCOL_OK);
    ck_assert_int_eq(vcol_partition_next(p, &first, &count, &err), VCOL_IO);
    ck_assert_msg(strstr(err.message, "broken"), "%s", err.message);
    w->files[0].bad_offset = 0;
    while (vcol_partition_next(p, &first, &count, NULL) == VCOL_OK) {
        ck_assert_int_eq(first, end);
        end = first + count;
    }
    ck_assert_int_eq(end, 1000);
    vcol_partition_close(p);
    table_end(w);
}
END_TEST

START_TEST(e7_1_loops_cut_as_partitions_do)
{
    table_world *w = table_new(3, 1000, 30, 11);
    for (int f = 0; f < 3; f++) {
        w->files[f].n_clusters = 4;
        memcpy(w->files[f].clusters, (int64_t[]){0, 300, 310, 900, 1000}, 5 * sizeof(int64_t));
    }
    table_open(w, 2, 0, 0);
    for (int k = 0; k < 10; k++) {
        vcol_partition_options o = options_of(k / 2);
        vcol_loop_options lo;
        vcol_loop *l;
        vcol_chunk *c;
        o.entries = k / 2 == VCOL_CHUNK_BY_ENTRIES || k / 2 == VCOL_CHUNK_BY_GROUPS ? 70 : 0;
        o.parts = k / 2 == VCOL_CHUNK_INTO_PARTS ? 17 : 0;
        o.keys = k / 2 == VCOL_CHUNK_BY_GROUPS ? "run" : NULL;
        o.flags = k % 2 == 0 ? 0 : o.parts ? VCOL_CHUNK_ALIGN_CLUSTERS : o.keys ? VCOL_CHUNK_SORTED : 0;
        o.first = k * 10;
        vcol_loop_options_init(&lo, sizeof lo);
        lo.chunking = o.chunking;
        lo.entries = o.entries;
        lo.parts = o.parts;
        lo.keys = o.keys;
        lo.chunk_flags = o.flags;
        lo.first = o.first;
        lo.columns = "x";
        cut(w, &o, &got);
        check_cover(w, &got, o.first, 3000);
        ck_assert_int_eq(vcol_loop_open(w->d, &lo, &l, NULL), VCOL_OK);
        for (looped.n = 0; vcol_loop_next(l, &c, NULL) == VCOL_OK; looped.n++) {
            int64_t row, first = vcol_chunk_first(c);
            const table_file *f = table_row(w, first, &row);
            const double *x = vcol_chunk_f64(c, "x", NULL);
            ck_assert(x && memcmp(x, f->x + row, (size_t)vcol_chunk_entries(c) * sizeof *x) == 0);
            ck_assert_int_eq(first, got.first[looped.n]);
            ck_assert_int_eq(vcol_chunk_entries(c), got.count[looped.n]);
        }
        ck_assert_int_eq(looped.n, got.n);
        ck_assert(o.keys || t_stats(w->m).blocks_redecoded == 0);
        vcol_loop_close(l);
    }
    table_end(w);
}
END_TEST

START_TEST(e7_1_misuse_of_chunking_is_answered)
{
    table_world *w = table_new(1, 100, 3, 1);
    vcol_partition *p;
    vcol_error err = {0};
    table_open(w, 0, 0, 0);
    static const struct {
        const char *name;
        vcol_partition_options o;
        vcol_status status;
    } cases[] = {
        {"no parts", {.chunking = VCOL_CHUNK_INTO_PARTS}, VCOL_MISUSE},
        {"parts of entries", {.parts = 3}, VCOL_MISUSE},
        {"no keys", {.chunking = VCOL_CHUNK_BY_GROUPS}, VCOL_MISUSE},
        {"keys of entries", {.keys = "run"}, VCOL_MISUSE},
        {"sorted entries", {.flags = VCOL_CHUNK_SORTED}, VCOL_MISUSE},
        {"aligned groups", {.chunking = VCOL_CHUNK_BY_GROUPS, .keys = "run", .flags = VCOL_CHUNK_ALIGN_CLUSTERS}, VCOL_MISUSE},
        {"unknown flag", {.flags = 64}, VCOL_MISUSE},
        {"given", {.chunking = VCOL_CHUNK_GIVEN}, VCOL_MISUSE},
        {"below 0", {.entries = -1}, VCOL_MISUSE},
        {"beyond the end", {.first = 90, .count = 11}, VCOL_RANGE},
        {"no such key", {.chunking = VCOL_CHUNK_BY_GROUPS, .keys = "lumi"}, VCOL_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vcol_partition_options o = cases[i].o;
        o.struct_size = sizeof o;
        vcol_error_reset(&err);
        p = (vcol_partition *)w;
        ck_assert_msg(vcol_partition_open(w->d, &o, &p, &err) == cases[i].status, "%s", cases[i].name);
        ck_assert_ptr_null(p);
        ck_assert(err.message[0]);
        ck_assert_int_eq(vcol_partition_open(w->d, NULL, &p, &err), cases[i].status); /* inherited */
    }
    vcol_partition_close(NULL);
    table_end(w);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e7_1_parts_are_balanced_and_cover_each_entry_once, 3},
        {e7_1_parts_end_where_clusters_do_when_they_should, 5},
        {e7_1_a_group_is_never_split, 6},
        {e7_1_one_giant_group_and_nothing_at_all, 0},
        {e7_1_input_that_is_not_clustered_or_sorted_is_an_error, 5},
        {e7_1_a_group_that_goes_on_in_the_next_file_is_an_error, 0},
        {e7_1_keys_that_cannot_be_read_are_tried_again, 0},
        {e7_1_loops_cut_as_partitions_do, 0},
        {e7_1_misuse_of_chunking_is_answered, 0},
    };
    return t_main("partition", tests, sizeof tests / sizeof *tests);
}
