/* SPDX-License-Identifier: BSD-3-Clause */
/* Indices (vcol/index.h): entries by two numbers, of columns and as stored. Our number E8.5. */
#include "fuzz/made.h"
#include "helpers.h"

#include <limits.h>

#define ROWS 8000

static vcol_dataset *open_sample(vcol_manager *m, int64_t files)
{
    static const char *const paths[] = {VCOL_SAMPLE, VCOL_SAMPLE};
    vcol_dataset *d = NULL;
    ck_assert_int_eq(vcol_dataset_open(m, paths, files, NULL, &d, NULL), VCOL_OK);
    return d;
}

/* ---- made of columns ------------------------------------------------------------------------------------- */

/* Every entry is found by its own numbers; the first of two files' is meant. Threads, chunks and limits change nothing. */
START_TEST(e8_5_every_entry_is_found_by_its_numbers)
{
    static const int threads[] = {0, 1, 4};
    vcol_manager_options o = t_options();
    vcol_manager *m;
    vcol_dataset *d;
    vcol_index *x;
    vcol_chunk *c;
    const int64_t *event;
    const int32_t *run;
    vcol_error err = {0};
    int64_t entry, before;
    o.threads = threads[_i];
    o.limit = _i == 2 ? 8 << 20 : 0;
    m = t_manager(&o);
    d = open_sample(m, 2);
    before = (int64_t)t_stats(m).fixed;
    ck_assert_int_eq(vcol_index_open(d, "run", "event", &x, &err), VCOL_OK);
    ck_assert_int_eq(vcol_index_entries(x), 2 * ROWS);
    ck_assert_str_eq(vcol_index_major(x), "run");
    ck_assert_str_eq(vcol_index_minor(x), "event");
    ck_assert_int_ge((int64_t)t_stats(m).fixed - before, 24 * 2 * ROWS);
    ck_assert_int_eq(vcol_chunk_open(d, 0, ROWS, &c, NULL), VCOL_OK);
    run = vcol_chunk_i32(c, "run", &err);
    event = (const int64_t *)vcol_chunk_u64(c, "event", &err);
    ck_assert_msg(run && event, "%s", err.message);
    for (int64_t i = 0; i < ROWS; i++) {
        ck_assert_int_eq(vcol_index_find(x, run[i], event[i], &entry, NULL), VCOL_OK);
        ck_assert_int_eq(entry, i);
        ck_assert_int_eq(vcol_index_find(x, run[i], event[i] + 1, &entry, NULL), VCOL_NOT_FOUND);
        ck_assert_int_eq(entry, -1);
    }
    ck_assert_int_eq(vcol_index_find(x, -1, 7, &entry, &err), VCOL_NOT_FOUND);
    ck_assert_str_eq(err.message, "no entry with run -1 and event 7");
    vcol_chunk_close(c);
    vcol_dataset_close(d);
    ck_assert_int_eq(vcol_index_find(x, 1, INT64_MAX, &entry, NULL), VCOL_NOT_FOUND); /* it outlives the data set */
    vcol_index_close(x);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e8_5_one_column_makes_an_index_and_the_first_entry_is_found)
{
    vcol_manager *m = t_manager(NULL);
    vcol_dataset *d = open_sample(m, 1);
    vcol_index *x;
    vcol_chunk *c;
    const int32_t *pv;
    int64_t entry, seen[1000];
    memset(seen, -1, sizeof seen);
    ck_assert_int_eq(vcol_index_open(d, "PV_npvs", NULL, &x, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(d, 0, ROWS, &c, NULL), VCOL_OK);
    pv = vcol_chunk_i32(c, "PV_npvs", NULL);
    ck_assert_ptr_nonnull(pv);
    for (int64_t i = 0; i < ROWS; i++)
        if (seen[pv[i]] < 0)
            seen[pv[i]] = i;
    for (int64_t v = 0; v < 1000; v++) {
        ck_assert_int_eq(vcol_index_find(x, v, 0, &entry, NULL), seen[v] < 0 ? VCOL_NOT_FOUND : VCOL_OK);
        ck_assert_int_eq(entry, seen[v]);
    }
    vcol_chunk_close(c);
    vcol_index_close(x);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}
END_TEST

/* The columns are known before the first chunk: they are fetched ahead from there on. */
START_TEST(e8_5_columns_of_an_index_are_prefetched_in_the_first_chunk)
{
    vcol_manager_options o = t_options();
    vcol_log_entry log[64];
    int fetched = 0;
    o.threads = 1;
    o.access_log = 64;
    vcol_manager *m = t_manager(&o);
    vcol_dataset *d = open_sample(m, 1);
    vcol_index *x;
    ck_assert_int_eq(vcol_index_open(d, "run", "event", &x, NULL), VCOL_OK);
    int64_t n = vcol_manager_log(m, 0, log, 64);
    for (int64_t i = 0; i < n; i++)
        fetched += log[i].event == VCOL_LOG_PREFETCH;
    ck_assert_int_eq(fetched, 2);
    vcol_index_close(x);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e8_5_what_is_no_index_is_an_error)
{
    vcol_manager_options o = t_options();
    vcol_manager *m = t_manager(NULL);
    vcol_dataset *d = open_sample(m, 1);
    vcol_index *x = (vcol_index *)&o;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_index_open(d, "MET_pt", "event", &x, &err), VCOL_TYPE);
    ck_assert_msg(strstr(err.message, "'MET_pt' is float32, not one integer an entry"), "%s", err.message);
    ck_assert_ptr_null(x);
    ck_assert_int_eq(vcol_index_open(d, "run", "event", &x, &err), VCOL_TYPE); /* inherited */
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_index_open(d, "run", "Jet_pt", &x, NULL), VCOL_TYPE);
    ck_assert_int_eq(vcol_index_open(d, "rum", NULL, &x, &err), VCOL_NOT_FOUND);
    ck_assert_msg(strstr(err.message, "did you mean run"), "%s", err.message);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_index_open(d, NULL, NULL, &x, &err), VCOL_NOT_FOUND);
    ck_assert_msg(strstr(err.message, "no index is stored"), "%s", err.message);
    ck_assert_int_eq(vcol_dataset_index(d, NULL, NULL, NULL), VCOL_NOT_FOUND);
    ck_assert_int_eq(vcol_index_open(d, NULL, "event", &x, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_index_open(NULL, "run", NULL, &x, NULL), VCOL_MISUSE);
    vcol_index_close(NULL);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}
END_TEST

/* ---- stored ------------------------------------------------------------------------------------------------- */

static const int64_t majors[] = {0, 0, 1, 1, 2}, minors[] = {0, 3, 1, 4, 2}, entries[] = {0, 3, 1, 4, 2};

typedef struct opened {
    vcol_source *sources[2];
    vcol_dataset *d;
} opened;

static opened open_made(vcol_manager *m, const made_file *a, const made_file *b)
{
    const char *const paths[] = {"a:Events", "b:Events"};
    vcol_dataset_options o;
    opened x = {0};
    vcol_error err = {0};
    ck_assert_int_eq(vcol_source_open_memory(a->bytes.data, a->bytes.n, "a", &x.sources[0], NULL), VCOL_OK);
    if (b)
        ck_assert_int_eq(vcol_source_open_memory(b->bytes.data, b->bytes.n, "b", &x.sources[1], NULL), VCOL_OK);
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = x.sources;
    ck_assert_msg(vcol_dataset_open(m, paths, b ? 2 : 1, &o, &x.d, &err) == VCOL_OK, "%s", err.message);
    return x;
}

static void shut(opened *x)
{
    vcol_dataset_close(x->d);
    vcol_source_release(x->sources[0]);
    if (x->sources[1])
        vcol_source_release(x->sources[1]);
}

/* Of both versions: as ROOT stores it; two files' entries follow on each other. */
START_TEST(e8_5_a_stored_index_is_read_as_it_is)
{
    vcol_manager *m = t_manager(NULL);
    made rest = {0}, other = {0};
    made_file f, g;
    opened d;
    vcol_index *x, *y;
    vcol_error err = {0};
    int64_t entry, again;
    const char *major_name, *minor_name;
    made_tree_index(&rest, _i ? 2 : 1, "n", "ab.a", majors, minors, entries, MADE_ENTRIES);
    made_tree_index(&other, 2, "ab.a", "n", minors, majors, entries, 1);
    f = made_with(&rest);
    g = made_with(&other);
    d = open_made(m, &f, &f);
    ck_assert_msg(vcol_index_open(d.d, NULL, NULL, &x, &err) == VCOL_OK, "%s", err.message);
    ck_assert_msg(vcol_index_open(d.d, "n", "ab.a", &y, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(vcol_dataset_index(d.d, &major_name, &minor_name, NULL), VCOL_OK);
    ck_assert_str_eq(major_name, "n");
    ck_assert_str_eq(minor_name, "ab.a");
    ck_assert_int_eq(vcol_index_entries(x), 2 * MADE_ENTRIES);
    ck_assert_str_eq(vcol_index_major(x), "n");
    ck_assert_str_eq(vcol_index_minor(x), "ab.a");
    for (int64_t major = -1; major < 4; major++)
        for (int64_t minor = -1; minor < 6; minor++) {
            vcol_status status = vcol_index_find(x, major, minor, &entry, NULL);
            ck_assert_int_eq(status, vcol_index_find(y, major, minor, &again, NULL));
            ck_assert_int_eq(entry, again);
            ck_assert_int_eq(status == VCOL_OK, minor >= 0 && minor < MADE_ENTRIES && major == minor % 3);
        }
    vcol_index_close(x);
    vcol_index_close(y);
    shut(&d);
    d = open_made(m, &f, &g); /* of other columns */
    ck_assert_int_eq(vcol_index_open(d.d, NULL, NULL, &x, &err), VCOL_TYPE);
    ck_assert_msg(!strncmp(err.message, "b: its index is of 'ab.a' and 'n'", 33), "%s", err.message);
    shut(&d);
    made_file_free(&f);
    made_file_free(&g);
    made_free(&rest);
    made_free(&other);
    vcol_manager_close(m);
}
END_TEST

/* Of ROOT 3: both numbers in one sum, and no names. */
START_TEST(e8_5_an_index_of_sums_is_taken_apart)
{
    static const int64_t pairs[][2] = {{0, 0}, {0, 999999999}, {1, 1}, {4194303, 999999998}, {4194303, 999999999}};
    static const struct {
        double sum;
        vcol_status status;
    } bad[] = {{4194304.0, VCOL_UNSUPPORTED}, {-1e-9, VCOL_UNSUPPORTED}, {0.0 / 0.0, VCOL_UNSUPPORTED}};
    vcol_manager *m = t_manager(NULL);
    const char *major, *minor;
    vcol_error err = {0};
    vcol_index *x;
    double sums[MADE_ENTRIES];
    for (int broken = -1; broken < 3; broken++) {
        made rest = {0};
        made_file f;
        opened d;
        int64_t entry;
        for (int i = 0; i < MADE_ENTRIES; i++)
            sums[i] = (double)pairs[i][0] + (double)pairs[i][1] * 1e-9;
        if (broken >= 0)
            sums[3] = bad[broken].sum;
        made_tree_sums(&rest, sums, entries, MADE_ENTRIES);
        f = made_with(&rest);
        d = open_made(m, &f, NULL);
        ck_assert_int_eq(vcol_dataset_index(d.d, &major, &minor, NULL), VCOL_OK);
        ck_assert_str_eq(major, "");
        ck_assert_str_eq(minor, "");
        ck_assert_int_eq(vcol_index_open(d.d, NULL, NULL, &x, &err), broken >= 0 ? bad[broken].status : VCOL_OK);
        if (broken >= 0)
            ck_assert_msg(strstr(err.message, "cannot be told apart"), "%s", err.message);
        for (int i = 0; i < MADE_ENTRIES && broken < 0; i++) {
            ck_assert_int_eq(vcol_index_find(x, pairs[i][0], pairs[i][1], &entry, NULL), VCOL_OK);
            ck_assert_int_eq(entry, entries[i]);
            ck_assert_int_eq(vcol_index_find(x, pairs[i][0], pairs[i][1] + 2, &entry, NULL), VCOL_NOT_FOUND);
        }
        vcol_error_reset(&err);
        vcol_index_close(x);
        shut(&d);
        made_file_free(&f);
        made_free(&rest);
    }
    vcol_manager_close(m);
}
END_TEST

/* Each of its bytes changed: a value, or an error; the columns are read whatever it is. */
START_TEST(e8_5_a_broken_index_harms_no_column)
{
    static const double sums[] = {0, 3e-9, 1 + 1e-9, 1 + 4e-9, 2 + 2e-9};
    vcol_manager *m = t_manager(NULL);
    made rest = {0};
    if (_i)
        made_tree_sums(&rest, sums, entries, MADE_ENTRIES);
    else
        made_tree_index(&rest, 2, "n", "ab.a", majors, minors, entries, MADE_ENTRIES);
    for (size_t at = 0; at < rest.n; at++)
        for (int bit = 0; bit < 8; bit += 7) {
            made_file f;
            opened d;
            vcol_index *x;
            vcol_chunk *c;
            vcol_error err = {0};
            int64_t entry;
            rest.data[at] ^= (uint8_t)(1 << bit);
            f = made_with(&rest);
            d = open_made(m, &f, NULL);
            ck_assert_int_eq(vcol_chunk_open(d.d, 0, MADE_ENTRIES, &c, NULL), VCOL_OK);
            ck_assert_ptr_nonnull(vcol_chunk_f32(c, "x", NULL));
            vcol_chunk_close(c);
            if (vcol_index_open(d.d, NULL, NULL, &x, &err) == VCOL_OK) {
                vcol_index_find(x, 1, 4, &entry, NULL);
                ck_assert(entry >= -1 && entry < MADE_ENTRIES);
            } else {
                ck_assert(err.status == VCOL_NOT_FOUND || err.status == VCOL_CORRUPT || (_i && err.status == VCOL_UNSUPPORTED));
                ck_assert_str_ne(err.message, "");
            }
            vcol_index_close(x);
            shut(&d);
            made_file_free(&f);
            rest.data[at] ^= (uint8_t)(1 << bit);
        }
    made_free(&rest);
    vcol_manager_close(m);
}
END_TEST

/* Every allocation fails once, and every read: an error, and nothing is left. */
START_TEST(e8_5_every_allocation_and_read_of_an_index_fails_once)
{
    made rest = {0};
    made_file f;
    int64_t failed = 0, begin = 0;
    made_tree_index(&rest, 2, "n", "ab.a", majors, minors, entries, MADE_ENTRIES);
    f = made_with(&rest);
    for (int64_t call = 1;; call++) {
        static t_source source;
        t_allocator memory = {0};
        vcol_manager_options o = t_options();
        vcol_dataset_options options;
        vcol_manager *m;
        vcol_dataset *d;
        vcol_source *opened_source;
        vcol_index *x;
        vcol_error err = {0};
        vcol_status status;
        memset(&source, 0, sizeof source);
        o.allocator = t_allocator_of(&memory);
        o.flags |= VCOL_MANAGER_NO_BACKGROUND;
        m = t_manager(&o);
        opened_source = t_source_open(&source, f.bytes.data, f.bytes.n, "memory");
        vcol_dataset_options_init(&options, sizeof options);
        options.sources = &opened_source;
        ck_assert_int_eq(vcol_dataset_open(m, &(const char *){"memory:Events"}, 1, &options, &d, NULL), VCOL_OK);
        begin = _i ? memory.calls : source.calls;
        if (_i)
            memory.fail_call = begin + call;
        else
            source.fail_call = begin + call;
        status = vcol_index_open(d, _i ? "n" : NULL, NULL, &x, &err);
        ck_assert_int_eq(err.status, status);
        ck_assert(status == VCOL_OK || status == (_i ? VCOL_NOMEM : VCOL_IO));
        ck_assert_int_eq(status == VCOL_OK, x != NULL);
        vcol_index_close(x);
        vcol_dataset_close(d);
        vcol_manager_close(m);
        vcol_source_release(opened_source);
        ck_assert_int_eq(memory.live, 0);
        if (status == VCOL_OK)
            break;
        failed++;
    }
    ck_assert_int_gt(failed, 0);
    made_file_free(&f);
    made_free(&rest);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e8_5_every_entry_is_found_by_its_numbers, 3},
        {e8_5_one_column_makes_an_index_and_the_first_entry_is_found, 0},
        {e8_5_columns_of_an_index_are_prefetched_in_the_first_chunk, 0},
        {e8_5_what_is_no_index_is_an_error, 0},
        {e8_5_a_stored_index_is_read_as_it_is, 2},
        {e8_5_an_index_of_sums_is_taken_apart, 0},
        {e8_5_a_broken_index_harms_no_column, 2},
        {e8_5_every_allocation_and_read_of_an_index_fails_once, 2},
    };
    return t_main("index", tests, sizeof tests / sizeof *tests);
}
