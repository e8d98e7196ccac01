/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arrays in the items of a split collection that another member counts (readers/root, BIND_LISTS; VCOL_GROUP_COUNTED): made
 * files, read in chunks of all sizes, with and without threads and limits, and what contradicts itself. TESTS.md E8.1, E8.3.
 */
#include "fuzz/made_split.h"
#include "helpers.h"

enum { ENTRIES = 23, MOST = 5, ITEMS = ENTRIES * MOST };

/* ---- what is in the files ------------------------------------------------------------------------------ */

typedef struct hits {
    made_split split;
    int32_t items[ENTRIES];
    made_hit hit[ITEMS];
    int64_t first[ENTRIES + 1]; /* the first item of each entry */
} hits;

/* Counts of all kinds, flags that are not set, baskets of the branches that end at different entries. */
static void make(hits *h, uint64_t seed)
{
    t_random r = {seed};
    *h = (hits){.split = {.entries = ENTRIES, .baskets = {7, 4, 5, 3}, .clones = (int)(seed % 2)}};
    for (int64_t e = 0; e < ENTRIES; e++) {
        h->items[e] = (int32_t)t_below(&r, MOST + 1);
        h->first[e + 1] = h->first[e] + h->items[e];
        for (int64_t i = h->first[e]; i < h->first[e + 1]; i++) {
            made_hit *x = &h->hit[i];
            x->said = (int32_t)t_below(&r, 6) - 1;
            x->flag = t_below(&r, 4) == 0 ? 0 : t_below(&r, 4) == 0 ? 200 : 1;
            x->values = x->flag && x->said > 0 ? (uint8_t)x->said : 0;
        }
    }
    h->split.items = h->items;
    h->split.hits = h->hit;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

enum { N, ADC, T, COLUMNS };
static const char *const names[COLUMNS] = {"hits/hits.fN", "hits/hits.fADC", "hits/hits.fT"};

typedef struct opened {
    made_file file;
    t_allocator allocator;
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset *d;
    int64_t ids[COLUMNS];
} opened;

static void open_hits(opened *o, const hits *h, int threads, uint64_t limit)
{
    vcol_manager_options mo = t_options();
    vcol_dataset_options options;
    vcol_error err = {0};
    memset(o, 0, sizeof *o);
    o->file = made_split_file(&h->split);
    mo.flags = threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    mo.threads = threads;
    mo.limit = limit;
    mo.allocator = t_allocator_of(&o->allocator);
    o->m = t_manager(&mo);
    ck_assert_int_eq(vcol_source_open_memory(o->file.bytes.data, o->file.bytes.n, "memory", &o->source, NULL), VCOL_OK);
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &o->source;
    ck_assert_msg(vcol_dataset_open(o->m, &(const char *){"memory:Events"}, 1, &options, &o->d, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(vcol_dataset_entries(o->d), ENTRIES);
    for (int c = 0; c < COLUMNS; c++)
        ck_assert_msg(vcol_dataset_find(o->d, names[c], &o->ids[c], &err) == VCOL_OK, "%s", err.message);
}

static void close_hits(opened *o)
{
    vcol_dataset_close(o->d);
    vcol_source_release(o->source);
    vcol_manager_close(o->m);
    made_file_free(&o->file);
    ck_assert_int_eq(atomic_load(&o->allocator.live), 0);
}

static int values_of(const hits *h, int column, int64_t i)
{
    int32_t said = h->hit[i].said;
    return column == ADC ? h->hit[i].values : said < 0 ? 0 : said;
}

static void check(const hits *h, int column, const vcol_view *v, int64_t first)
{
    int64_t n = v->entries, from = h->first[first], items = h->first[first + n] - from, at = 0;
    t_require(v->levels == (column == N ? 1 : 2) && v->level[0].count == n);
    for (int64_t e = 0; e <= n; e++)
        t_require(v->level[0].offsets[e] == h->first[first + e] - from);
    if (column == N) {
        t_require(v->count == items && v->type == VCOL_U32);
        for (int64_t i = 0; i < items; i++)
            t_require(((const uint32_t *)v->values)[i] == (uint32_t)h->hit[from + i].said);
        return;
    }
    t_require(v->type == (column == ADC ? VCOL_F32 : VCOL_I16) && v->level[1].count == items && v->level[1].offsets[0] == 0);
    for (int64_t i = 0; i < items; i++) {
        int values = values_of(h, column, from + i);
        t_require(v->level[1].offsets[i + 1] == at + values);
        for (int k = 0; k < values; k++, at++)
            t_require((column == ADC ? (int)((const float *)v->values)[at] : ((const int16_t *)v->values)[at]) ==
                      made_split_value(from + i, k));
    }
    t_require(v->count == at);
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

static const int64_t chunks[] = {1, 2, 7, ENTRIES};
static const int threads[] = {0, 1, 4};

START_TEST(e8_1_counted_arrays_of_items_are_the_same_under_all_settings)
{
    hits h;
    opened o;
    int64_t chunk = chunks[_i % 4];
    make(&h, (uint64_t)_i / 4 % 4);
    open_hits(&o, &h, threads[_i / 16 % 3], _i / 48 ? 4000 : 0);
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_error err = {0};
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = chunk;
    lo.columns = _i % 2 ? "hits/hits.fADC hits/hits.fT" : NULL;
    ck_assert_int_eq(vcol_loop_open(o.d, &lo, &loop, &err), VCOL_OK);
    int64_t at = 0;
    while (vcol_loop_next(loop, &c, &err) == VCOL_OK) {
        for (int column = COLUMNS - 1; column >= (_i % 2); column--) {
            vcol_view v;
            ck_assert_msg(vcol_chunk_get(c, o.ids[column], &v, &err) == VCOL_OK, "%s", err.message);
            check(&h, column, &v, at);
        }
        at += vcol_chunk_entries(c);
    }
    ck_assert_int_eq(at, ENTRIES);
    vcol_loop_close(loop);
    vcol_stats st = t_stats(o.m);
    if (_i / 48 == 0) /* what says the lengths of two arrays is unpacked once for both */
        ck_assert_uint_eq(st.blocks_redecoded, 0);
    close_hits(&o);
}
END_TEST

START_TEST(e8_1_counted_arrays_of_items_in_any_order_of_gets_clears_and_prefetches)
{
    hits h;
    opened o;
    t_random r = {(uint64_t)_i + 1};
    make(&h, (uint64_t)_i);
    open_hits(&o, &h, threads[_i % 3], _i / 3 % 2 ? 3000 : 0);
    for (int round = 0; round < T_REPEAT(60); round++) {
        int64_t first = t_below(&r, ENTRIES), count = t_below(&r, ENTRIES - first + 1);
        vcol_chunk *c;
        vcol_prefetch *scope = NULL;
        vcol_error err = {0};
        ck_assert_int_eq(vcol_chunk_open(o.d, first, count, &c, &err), VCOL_OK);
        if (t_below(&r, 2))
            ck_assert_int_eq(vcol_prefetch_begin(c, names[t_below(&r, COLUMNS)], NULL, &scope, &err), VCOL_OK);
        for (int64_t n = t_below(&r, 8); n >= 0; n--) {
            int column = (int)t_below(&r, COLUMNS);
            vcol_view v;
            ck_assert_msg(vcol_chunk_get(c, o.ids[column], &v, &err) == VCOL_OK, "%s", err.message);
            check(&h, column, &v, first);
            if (t_below(&r, 3) == 0)
                vcol_chunk_clear(c, t_below(&r, 3) ? names[t_below(&r, COLUMNS)] : NULL);
            if (t_below(&r, 5) == 0)
                vcol_manager_evict(o.m);
        }
        vcol_prefetch_end(scope);
        vcol_chunk_close(c);
    }
    close_hits(&o);
}
END_TEST

/* The lengths belong to the arrays too: they go with the last of them, and not before. */
START_TEST(e2_4_lengths_stay_while_arrays_of_such_lengths_are_there)
{
    hits h;
    opened o;
    vcol_chunk *c;
    vcol_view v;
    vcol_error err = {0};
    make(&h, 1);
    open_hits(&o, &h, 0, 0);
    ck_assert_int_eq(vcol_chunk_open(o.d, 0, ENTRIES, &c, &err), VCOL_OK);
    uint64_t empty = t_stats(o.m).live;
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[ADC], &v, &err), VCOL_OK);
    uint64_t reads = t_stats(o.m).reads, unpacked = t_stats(o.m).blocks_unpacked;
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[N], &v, &err), VCOL_OK);
    check(&h, N, &v, 0);
    ck_assert_uint_eq(t_stats(o.m).reads, reads);
    vcol_chunk_clear(c, names[N]);
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[N], &v, &err), VCOL_OK);
    ck_assert_uint_eq(t_stats(o.m).blocks_unpacked, unpacked);
    vcol_chunk_clear(c, names[N]);
    vcol_chunk_clear(c, names[ADC]);
    ck_assert_uint_eq(t_stats(o.m).live, empty);
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[T], &v, &err), VCOL_OK);
    check(&h, T, &v, 0);
    vcol_chunk_clear(c, NULL);
    ck_assert_uint_eq(t_stats(o.m).live, empty);
    vcol_chunk_close(c);
    close_hits(&o);
}
END_TEST

static void count_fault(const vcol_error *fault, void *opaque)
{
    ck_assert_ptr_nonnull(strstr(fault->message, "hits.fADC"));
    ++*(int *)opaque;
}

/* An entry's last item has other bytes than its length says: an error of that array in the chunks that hold the entry, and of no more. */
START_TEST(e8_3_lengths_and_bytes_that_contradict_each_other_are_an_error)
{
    static const made_hit wrong[] = {
        {3, 1, 2}, {3, 1, 4}, {3, 0, 3}, {0, 1, 1}, {-1, 1, 1}, {INT32_MAX, 1, 2}, {INT32_MIN, 1, 3}, {1 << 30, 1, 0},
    };
    enum { CASES = sizeof wrong / sizeof *wrong };
    hits h;
    opened o;
    vcol_error err = {0};
    int64_t bad = 0, chunk = chunks[_i % 4], blocks, faults;
    int reported = 0;
    make(&h, (uint64_t)_i);
    while (h.items[bad] < 1 + _i % 3 || bad < 1 + _i % 11)
        bad++;
    h.hit[h.first[bad + 1] - 1] = wrong[_i / 4 % CASES];
    h.split.ends[MADE_SPLIT_T] = 1; /* its own arrays would be as long as is said */
    open_hits(&o, &h, threads[_i % 3], 0);
    for (int64_t at = 0; at < ENTRIES; at += chunk) {
        int64_t n = chunk < ENTRIES - at ? chunk : ENTRIES - at;
        vcol_chunk *c;
        vcol_view v;
        bool holds = at <= bad && bad < at + n;
        ck_assert_int_eq(vcol_chunk_open(o.d, at, n, &c, NULL), VCOL_OK);
        for (int again = 0; again < 2; again++) {
            vcol_status status = vcol_chunk_get(c, o.ids[ADC], &v, &err);
            ck_assert_msg(status == (holds ? VCOL_CORRUPT : VCOL_OK), "%s", err.message);
            if (holds)
                ck_assert_msg(strstr(err.message, "memory") && strstr(err.message, "hits.fADC"), "%s", err.message);
            else
                check(&h, ADC, &v, at);
            vcol_error_reset(&err);
        }
        ck_assert_int_eq(vcol_chunk_get(c, o.ids[N], &v, &err), VCOL_OK);
        check(&h, N, &v, at);
        vcol_chunk_close(c);
    }
    ck_assert_int_eq(vcol_dataset_verify(o.d, names[ADC], count_fault, &reported, &blocks, &faults, &err), VCOL_OK);
    ck_assert(faults == 1 && reported == 1 && blocks > 5);
    close_hits(&o);
}
END_TEST

/* An item says more than it has, the next one so much less: entry by entry, so that no chunk takes one's bytes for another's. */
START_TEST(e8_3_values_of_one_entry_are_not_taken_for_those_of_the_next)
{
    hits h;
    opened o;
    vcol_error err = {0};
    int64_t chunk = chunks[_i % 4];
    make(&h, 3);
    memset(h.items, 0, sizeof h.items);
    for (int64_t e = 0; e < ENTRIES; e++) {
        h.items[e] = 1;
        h.first[e + 1] = e + 1;
        h.hit[e] = (made_hit){2, 1, 2};
    }
    h.hit[10] = (made_hit){3, 1, 2};
    h.hit[11] = (made_hit){1, 1, 2};
    open_hits(&o, &h, 0, 0);
    for (int64_t at = 0; at < ENTRIES; at += chunk) {
        int64_t n = chunk < ENTRIES - at ? chunk : ENTRIES - at;
        vcol_chunk *c;
        vcol_view v;
        bool holds = at <= 11 && 10 < at + n;
        ck_assert_int_eq(vcol_chunk_open(o.d, at, n, &c, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_get(c, o.ids[ADC], &v, &err), holds ? VCOL_CORRUPT : VCOL_OK);
        vcol_error_reset(&err);
        vcol_chunk_close(c);
    }
    close_hits(&o);
}
END_TEST

START_TEST(e8_3_lengths_that_end_before_the_arrays_are_an_error)
{
    hits h;
    opened o;
    int64_t chunk = chunks[_i % 4], end = 17;
    make(&h, (uint64_t)_i);
    h.split.ends[_i / 4 ? MADE_SPLIT_HITS : MADE_SPLIT_N] = end;
    open_hits(&o, &h, threads[_i % 3], 0);
    for (int64_t at = 0; at < ENTRIES; at += chunk) {
        int64_t n = chunk < ENTRIES - at ? chunk : ENTRIES - at;
        vcol_chunk *c;
        vcol_view v;
        vcol_prefetch *scope = NULL;
        vcol_error err = {0};
        ck_assert_int_eq(vcol_chunk_open(o.d, at, n, &c, NULL), VCOL_OK);
        vcol_prefetch_begin(c, names[ADC], NULL, &scope, NULL); /* may fail: then it is inert */
        vcol_status status = vcol_chunk_get(c, o.ids[ADC], &v, &err);
        ck_assert_msg(status == (at + n > end ? VCOL_CORRUPT : VCOL_OK), "%s", err.message);
        if (status == VCOL_OK)
            check(&h, ADC, &v, at);
        else
            ck_assert_msg(strstr(err.message, "ends at entry 17"), "%s", err.message);
        vcol_prefetch_end(scope);
        vcol_chunk_close(c);
    }
    close_hits(&o);
}
END_TEST

/* Nothing says how long the arrays are: the bytes of the entries as they are, and the other array. */
START_TEST(arrays_of_which_no_length_is_known_are_unsupported)
{
    hits h;
    opened o;
    vcol_chunk *c;
    vcol_view v;
    vcol_error err = {0};
    vcol_column_info info;
    int64_t raw;
    make(&h, 2);
    h.split.unsaid = 1;
    open_hits(&o, &h, 0, 0);
    ck_assert_int_eq(vcol_dataset_column(o.d, o.ids[ADC], &info, sizeof info, &err), VCOL_OK);
    ck_assert_int_eq(info.status, VCOL_UNSUPPORTED);
    ck_assert_int_eq(vcol_chunk_open(o.d, 0, ENTRIES, &c, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[ADC], &v, &err), VCOL_UNSUPPORTED);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_dataset_find(o.d, "hits/hits.fADC.raw", &raw, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, raw, &v, &err), VCOL_OK);
    for (int64_t e = 0; e < ENTRIES; e++) {
        int64_t bytes = 0;
        for (int64_t i = h.first[e]; i < h.first[e + 1]; i++)
            bytes += 1 + 4 * h.hit[i].values;
        ck_assert_int_eq(v.level[0].offsets[e + 1] - v.level[0].offsets[e], bytes);
    }
    ck_assert_int_eq(vcol_chunk_get(c, o.ids[T], &v, &err), VCOL_OK);
    check(&h, T, &v, 0);
    vcol_chunk_close(c);
    close_hits(&o);
}
END_TEST

/* Without offsets where entries begin is not known, whichever part is asked for. */
START_TEST(e8_3_baskets_without_offsets_are_refused_but_those_of_one_entry)
{
    hits h;
    opened o;
    bool ones = _i / 3;
    vcol_error err = {0};
    make(&h, 5);
    h.split.no_offsets = 1;
    h.split.baskets[MADE_SPLIT_ADC] = ones ? 1 : 4;
    h.split.ends[MADE_SPLIT_ADC] = ones ? MADE_SPLIT_BASKETS : 0;
    open_hits(&o, &h, 0, 0);
    for (int64_t at = 0, n = chunks[_i % 3]; at + n <= MADE_SPLIT_BASKETS; at += n) {
        vcol_chunk *c;
        vcol_view v;
        ck_assert_int_eq(vcol_chunk_open(o.d, at, n, &c, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_get(c, o.ids[ADC], &v, &err), ones ? VCOL_OK : VCOL_CORRUPT);
        if (ones)
            check(&h, ADC, &v, at);
        vcol_error_reset(&err);
        vcol_chunk_close(c);
    }
    close_hits(&o);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e8_1_counted_arrays_of_items_are_the_same_under_all_settings, 96},
        {e8_1_counted_arrays_of_items_in_any_order_of_gets_clears_and_prefetches, 12},
        {e2_4_lengths_stay_while_arrays_of_such_lengths_are_there, 0},
        {e8_3_lengths_and_bytes_that_contradict_each_other_are_an_error, 32},
        {e8_3_values_of_one_entry_are_not_taken_for_those_of_the_next, 4},
        {e8_3_lengths_that_end_before_the_arrays_are_an_error, 8},
        {arrays_of_which_no_length_is_known_are_unsupported, 0},
        {e8_3_baskets_without_offsets_are_refused_but_those_of_one_entry, 6},
    };
    return t_main("counted", tests, sizeof tests / sizeof *tests);
}
