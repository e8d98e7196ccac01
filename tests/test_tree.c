/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trees of the ROOT reader as older ROOT and its tools wrote them, on files that are made in memory.
 */
#include "fuzz/made.h"
#include "helpers.h"

/* ---- files ------------------------------------------------------------------------------------------- */

typedef struct opened {
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset *d;
} opened;

static opened open_table(const made *bytes)
{
    opened x = {.m = t_manager(NULL)};
    vcol_dataset_options o;
    vcol_error err = {0};
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &x.source;
    ck_assert_int_eq(vcol_source_open_memory(bytes->data, bytes->n, "memory", &x.source, NULL), VCOL_OK);
    vcol_dataset_open(x.m, &(const char *){"memory:Events"}, 1, &o, &x.d, &err);
    ck_assert_msg(!err.status, "%s", err.message);
    return x;
}

static void shut(opened *x)
{
    vcol_dataset_close(x->d);
    vcol_source_release(x->source);
    vcol_manager_close(x->m);
}

static int64_t find(const opened *x, const char *name)
{
    int64_t id = -1;
    vcol_error err = {0};
    ck_assert_msg(vcol_dataset_find(x->d, name, &id, &err) == VCOL_OK, "%s", err.message);
    return id;
}

/* ---- leaves in a row --------------------------------------------------------------------------------- */

/* k/I:y[k]/F:z[2]/S:w[k][2]/D of all entries, in one chunk and one by one. */
START_TEST(arrays_that_a_leaf_of_their_branch_counts_are_lists)
{
    made_file f;
    int64_t step = _i % 2 ? 1 : MADE_ENTRIES, items = 0;
    made_sample(&f, 0, _i / 2);
    opened x = open_table(&f.bytes);
    int64_t k = find(&x, "r.k"), y = find(&x, "r.y"), z = find(&x, "r.z"), w = find(&x, "r.w");
    vcol_column_info info;
    ck_assert_int_eq(vcol_dataset_column(x.d, y, &info, sizeof info, NULL), VCOL_OK);
    ck_assert_str_eq(info.type_name, "float[]");
    ck_assert_str_eq(info.shape, "var * float32");
    ck_assert_int_eq(vcol_dataset_column(x.d, w, &info, sizeof info, NULL), VCOL_OK);
    ck_assert_str_eq(info.shape, "var * 2 * float64");
    for (int64_t first = 0; first < MADE_ENTRIES; first += step) {
        vcol_chunk *c;
        vcol_error err = {0};
        ck_assert_int_eq(vcol_chunk_open(x.d, first, step, &c, &err), VCOL_OK);
        vcol_view kv, yv, zv, wv;
        vcol_chunk_get(c, w, &wv, &err); /* what lies behind the others first */
        vcol_chunk_get(c, k, &kv, &err);
        vcol_chunk_get(c, y, &yv, &err);
        vcol_chunk_get(c, z, &zv, &err);
        ck_assert_msg(!err.status, "%s", err.message);
        ck_assert_int_eq(yv.level[0].offsets[0], 0);
        for (int64_t i = 0; i < step; i++) {
            int64_t e = first + i, n = e % 3, at = yv.level[0].offsets[i];
            ck_assert_int_eq(((const int32_t *)kv.values)[i], n);
            ck_assert_int_eq(yv.level[0].offsets[i + 1] - at, n);
            ck_assert_int_eq(wv.level[0].offsets[i + 1] - wv.level[0].offsets[i], n);
            for (int64_t j = 0; j < n; j++)
                ck_assert(((const float *)yv.values)[at + j] == (float)(10 * e + j));
            for (int64_t j = 0; j < 2; j++)
                ck_assert_int_eq(((const int16_t *)zv.values)[2 * i + j], 2 * e + j);
            for (int64_t j = 0; j < 2 * n; j++) {
                uint64_t bits;
                memcpy(&bits, (const double *)wv.values + 2 * wv.level[0].offsets[i] + j, sizeof bits);
                ck_assert_uint_eq(bits, 0x3ff0000000000000u + (uint64_t)(10 * e + j));
            }
            items += n;
        }
        vcol_chunk_close(c);
    }
    ck_assert_int_eq(items, 4);
    shut(&x);
    made_file_free(&f);
}
END_TEST

/* The counter of an entry says that there are more, or fewer than none: an error of that branch's columns, not of others. */
START_TEST(a_leaf_that_counts_what_is_not_there_is_an_error_of_its_branch)
{
    static const uint32_t counts[] = {3, UINT32_MAX, 0x7fffffff};
    made_file f;
    made_sample(&f, 0, 0);
    /* the second entry, behind one without items: 0, z; 1, y */
    static const uint8_t entries[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x41, 0x20};
    size_t at = 0;
    while (at + sizeof entries < f.bytes.n && memcmp(f.bytes.data + at, entries, sizeof entries))
        at++;
    ck_assert_int_lt(at + sizeof entries, f.bytes.n);
    made_set32(&f.bytes, at + 8, counts[_i]);
    opened x = open_table(&f.bytes);
    vcol_chunk *c;
    vcol_view v;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(x.d, 0, MADE_ENTRIES, &c, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, find(&x, "r.y"), &v, &err), VCOL_CORRUPT);
    ck_assert_msg(strstr(err.message, "branch 'r', basket 0") && strstr(err.message, "entry 1"), "%s", err.message);
    err = (vcol_error){0};
    ck_assert_int_eq(vcol_chunk_get(c, find(&x, "x"), &v, &err), VCOL_OK);
    vcol_chunk_close(c);
    shut(&x);
    made_file_free(&f);
}
END_TEST

/* ---- baskets inside the record ------------------------------------------------------------------------- */

/* As ROOT 3 left them: a place from some time before, and no bytes there. */
START_TEST(a_basket_inside_the_record_is_read_whatever_place_is_said_of_it)
{
    made_basket baskets[MADE_BRANCHES] = {0};
    made_file f;
    made tree = {0};
    for (int i = 0; i < MADE_BRANCHES; i++)
        baskets[i].seek = 3670392;
    made_file_begin(&f, 0);
    made_tree(&tree, baskets, MADE_ENTRIES);
    made_file_record(&f, "TTree", "Events", tree.data, tree.n, 1);
    made_file_finish(&f);
    opened x = open_table(&f.bytes);
    vcol_chunk *c;
    vcol_view v;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(x.d, 0, MADE_ENTRIES, &c, &err), VCOL_OK);
    for (int64_t id = 0; id < vcol_dataset_columns(x.d); id++)
        ck_assert_msg(vcol_chunk_get(c, id, &v, &err) == VCOL_OK, "%s", err.message);
    vcol_chunk_get(c, find(&x, "n"), &v, &err);
    for (int i = 0; i < MADE_ENTRIES; i++)
        ck_assert_int_eq(((const int32_t *)v.values)[i], i % 3);
    vcol_chunk_close(c);
    shut(&x);
    made_free(&tree);
    made_file_free(&f);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {arrays_that_a_leaf_of_their_branch_counts_are_lists, 4},
        {a_leaf_that_counts_what_is_not_there_is_an_error_of_its_branch, 3},
        {a_basket_inside_the_record_is_read_whatever_place_is_said_of_it, 0},
    };
    return t_main("tree", tests, sizeof tests / sizeof *tests);
}
