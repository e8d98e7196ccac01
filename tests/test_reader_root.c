/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ROOT reader by itself, through the table of functions that readers have, without the runtime: a small
 * serial one of our own loads each column, in one piece and in pieces of a few entries, and the hashes are
 * compared with the reference values.
 *
 *     test_reader_root                        the tests; data from VCOL_TEST_DATA, skipped without
 *     test_reader_root --digest FILE…         the table of expected/root.tsv, to be given to
 * compare_digest.py test_reader_root --quiet FILE…          opens and reads everything, prints only what is
 * wrong or not supported test_reader_root --step N --digest …    the same, N entries at a time
 *     test_reader_root --mutants SEED N FILE… reads N mutants of each file, in memory; prints nothing of them
 *     test_reader_root --open N FILE          opens all trees N times, prints the time a branch
 */
#include "reader_run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t step; /* entries read at a time; 0 = all */

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void print_levels(FILE *out, const vcol_schema_column *c, const run_column *v)
{
    if (!c->levels)
        fprintf(out, "-");
    for (int32_t i = 0; i < c->levels; i++) {
        if (i)
            fputc(',', out);
        if (c->level[i].kind == VCOL_LEVEL_FIXED)
            fprintf(out, "[%lld]", (long long)c->level[i].size);
        else
            fprintf(out, "%016llx",
                    (unsigned long long)vcol_hash_xxh64(v->offsets, (size_t)(v->lists + 1) * 8));
    }
}

static void print_row(FILE *out, const char *file, const char *object, const vcol_schema *s,
                      const vcol_schema_column *c, const run_column *v, const vcol_error *err)
{
    const char *type = c->type == VCOL_CHAR ? "string" : vcol_type_name(c->type);
    fprintf(out, "%s\t%s\tttree\t%s\t%s\t%s\t%s\t", file, object, c->path, c->name, c->type_name, c->shape);
    if (c->status || err->status) {
        fprintf(out, "%s\t%lld\t-\t-\t-\t-\t-\t-\t-\t-\t%s\n",
                c->status == VCOL_UNSUPPORTED || err->status == VCOL_UNSUPPORTED ? "unsupported" : "error",
                (long long)s->entries, c->status ? c->note : err->message);
        return;
    }
    fprintf(out, "ok\t%lld\t%lld\t%s\t%016llx\t", (long long)s->entries, (long long)v->values, type,
            (unsigned long long)vcol_hash_xxh64(v->data, (size_t)v->values * vcol_type_width(c->type)));
    print_levels(out, c, v);
    fprintf(out, "\t\t\t\t\t\n");
}

/* Reads a file's trees; returns the number of columns that could not be read. */
static int digest(const char *path, FILE *out)
{
    vcol_error err = {0};
    run_file f = {0};
    int bad = 0;
    if (run_open(&f, path, &err)) {
        fprintf(stderr, "%s: %s\n", file_name(path), err.message);
        return 1;
    }
    for (int64_t i = 0; i < f.reader->n_objects(f.file); i++) {
        vcol_object_info info;
        const vcol_schema *s;
        void *object;
        vcol_error_reset(&err);
        if (f.reader->object_info(f.file, i, f.worker, &info, &err) ||
            (info.is_table && f.reader->open_object(f.file, info.name, f.worker, &object, &err))) {
            fprintf(stderr, "%s: %s\n", file_name(path), err.message);
            bad++;
            continue;
        }
        if (!info.is_table)
            continue;
        s = f.reader->schema(object);
        for (int64_t k = 0; k < s->n_columns; k++) {
            run_column v = {0};
            vcol_error_reset(&err);
            if (!out && s->columns[k].status)
                fprintf(stderr, "%s: column '%s': %s\n", file_name(path), s->columns[k].path,
                        s->columns[k].note);
            if (!s->columns[k].status && run_read(&f, object, &s->columns[k], step, &v, &err))
                bad++;
            if (err.status)
                fprintf(stderr, "%s: %s\n", file_name(path), err.message);
            if (out)
                print_row(out, file_name(path), info.name, s, &s->columns[k], &v, &err);
            run_column_free(&v);
        }
        f.reader->close_object(object);
    }
    run_close(&f);
    return bad;
}

/* ---- mutants --------------------------------------------------------------------------------- */

static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (state >> 11) % below : 0;
}

/* Changes a few bytes of data, as a broken disk or a liar would; returns the size that is left. */
static size_t mutate(uint8_t *data, size_t n)
{
    static const uint8_t words[][4] = {
        {0, 0, 0, 0},  {0, 0, 0, 1},   {255, 255, 255, 255}, {127, 255, 255, 255}, {128, 0, 0, 0},
        {64, 0, 0, 4}, {0, 0, 0, 255}, {0, 1, 0, 0},         {255, 255, 255, 0},   {128, 0, 0, 100}};
    uint64_t kind = draw(10), times = 1 + draw(4);
    if (kind == 0)
        return (size_t)draw(n);
    for (uint64_t i = 0; i < times; i++) {
        size_t at = (size_t)draw(n - 4);
        if (kind < 5)
            data[at] ^= (uint8_t)(1u << draw(8));
        else if (kind < 6)
            data[at] = (uint8_t)draw(256);
        else
            memcpy(data + at, words[draw(sizeof words / 4)], kind < 8 ? 4 : 2);
    }
    return n;
}

/* Reads everything that a file in memory still tells. */
static void read_mutant(const uint8_t *data, size_t n)
{
    vcol_error err = {0};
    run_file f = {0};
    if (run_open_memory(&f, data, n, &err))
        return;
    for (int64_t i = 0; i < f.reader->n_objects(f.file); i++) {
        vcol_object_info info;
        void *object;
        vcol_error_reset(&err);
        if (f.reader->object_info(f.file, i, f.worker, &info, &err) || !info.is_table ||
            f.reader->open_object(f.file, info.name, f.worker, &object, &err))
            continue;
        for (int64_t k = 0; k < f.reader->schema(object)->n_columns; k++) {
            const vcol_schema_column *c = &f.reader->schema(object)->columns[k];
            run_column v = {0};
            vcol_error_reset(&err);
            if (!c->status && (k < 100 || draw(20) == 0))
                run_read(&f, object, c, draw(3) ? 0 : c->entries / 3 + 1, &v, &err);
            run_column_free(&v);
        }
        f.reader->close_object(object);
    }
    run_close(&f);
}

static int mutants(int times, char **paths, int n_paths)
{
    for (int p = 0; p < n_paths; p++) {
        FILE *in = fopen(paths[p], "rb");
        uint8_t *data, *copy;
        size_t n;
        if (!in)
            return 1;
        fseek(in, 0, SEEK_END);
        n = (size_t)ftell(in);
        rewind(in);
        data = malloc(n);
        if (n < 64 || fread(data, 1, n, in) != n)
            return 1;
        fclose(in);
        for (int i = 0; i < times; i++) {
            size_t left;
            copy = malloc(n);
            memcpy(copy, data, n);
            left = mutate(copy, n);
            copy = realloc(copy, left ? left : 1);
            read_mutant(copy, left);
            free(copy);
        }
        free(data);
    }
    return 0;
}

static int time_open(int n, const char *path)
{
    vcol_error err = {0};
    run_file f = {0};
    int64_t columns = 0;
    struct timespec a, b;
    if (run_open(&f, path, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < f.reader->n_objects(f.file); i++) {
            vcol_object_info info;
            if (!f.reader->object_info(f.file, i, f.worker, &info, &err) && info.is_table)
                columns += info.columns;
        }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    printf("%lld columns, %.3f us each, unpacking included\n", (long long)columns / n,
           ((double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3) / (double)columns);
    run_close(&f);
    return 0;
}

/* ---- reference values ------------------------------------------------------------------------- */

/* A table's rows by file, object and path; those of one key in the table's order. */
typedef struct row {
    char *line;
    const char *field[20];
    int nth;
    long order;
} row;

typedef struct rows {
    row *at;
    long n;
} rows;

enum {
    COL_FILE,
    COL_OBJECT,
    COL_PATH = 3,
    COL_STATUS = 7,
    COL_ENTRIES,
    COL_VALUES,
    COL_DTYPE,
    COL_CONTENT,
    COL_LEVELS
};

static int row_order(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int order = strcmp(x->field[COL_FILE], y->field[COL_FILE]);
    if (!order)
        order = strcmp(x->field[COL_OBJECT], y->field[COL_OBJECT]);
    if (!order)
        order = strcmp(x->field[COL_PATH], y->field[COL_PATH]);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static void add_row(rows *t, char *line)
{
    row r = {.line = line, .order = t->n};
    int n = 0;
    for (char *s = line; s && n < 20; n++) {
        char *tab = strpbrk(s, "\t\n");
        r.field[n] = s;
        if (tab && *tab == '\n')
            *tab = 0;
        else if (tab)
            *tab++ = 0;
        s = tab && *tab ? tab : NULL;
    }
    for (; n < 20; n++)
        r.field[n] = "";
    if (t->n % 1024 == 0)
        t->at = realloc(t->at, ((size_t)t->n + 1024) * sizeof *t->at);
    t->at[t->n++] = r;
}

static rows read_rows(FILE *in)
{
    rows t = {0};
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, in) > 0) {
        add_row(&t, line);
        line = NULL;
        size = 0;
    }
    free(line);
    qsort(t.at, (size_t)t.n, sizeof *t.at, row_order);
    for (long i = 1; i < t.n; i++) {
        row last = t.at[i - 1];
        last.order = t.at[i].order;
        t.at[i].nth = row_order(&last, &t.at[i]) == 0 ? t.at[i - 1].nth + 1 : 0;
    }
    return t;
}

static void free_rows(rows *t)
{
    for (long i = 0; i < t->n; i++)
        free(t->at[i].line);
    free(t->at);
}

static const row *find_row(const rows *t, const char *file, const char *object, const char *path, int nth)
{
    row key = {.field = {[COL_FILE] = file, [COL_OBJECT] = object, [COL_PATH] = path}, .order = -1};
    long lo = 0, hi = t->n;
    while (lo < hi) {
        long mid = (lo + hi) / 2;
        if (row_order(&t->at[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    lo += nth;
    return lo < t->n && t->at[lo].nth == nth && !strcmp(t->at[lo].field[COL_FILE], file) &&
                   !strcmp(t->at[lo].field[COL_OBJECT], object) && !strcmp(t->at[lo].field[COL_PATH], path)
               ? &t->at[lo]
               : NULL;
}

static const char *data_path(const char *name)
{
    static char path[2][1024];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", getenv("VCOL_TEST_DATA"), name);
    return path[turn];
}

static rows table_of(const char *name)
{
    FILE *in = fopen(data_path(name), "r");
    rows t;
    ck_assert_msg(in != NULL, "no %s", data_path(name));
    t = read_rows(in);
    fclose(in);
    return t;
}

/* What this reader makes of a file, as a table. */
static rows digest_of(const char *file)
{
    FILE *table = tmpfile();
    char name[256];
    rows t;
    snprintf(name, sizeof name, "root/%s", file);
    digest(data_path(name), table);
    rewind(table);
    t = read_rows(table);
    fclose(table);
    return t;
}

/* Compares a file's rows with the reference values; counts those compared. */
static long compare(const rows *flat, const rows *want, const char *file)
{
    rows got = digest_of(file);
    long n = 0;
    for (long i = 0; i < flat->n; i++) {
        const char *const *f = flat->at[i].field;
        int nth = atoi(f[3]);
        const row *w, *g;
        if (strcmp(f[0], file))
            continue;
        w = find_row(want, file, f[1], f[2], nth);
        g = find_row(&got, file, f[1], f[2], nth);
        ck_assert_msg(w && g, "%s %s %s (%d): no such column", file, f[1], f[2], nth);
        ck_assert_msg(!strcmp(g->field[COL_STATUS], "ok"), "%s %s %s: %s", file, f[1], f[2], g->field[17]);
        for (int k = COL_ENTRIES; k <= COL_LEVELS; k++)
            ck_assert_msg(!strcmp(w->field[k], g->field[k]), "%s %s %s: %s for %s", file, f[1], f[2],
                          g->field[k], w->field[k]);
        n++;
    }
    free_rows(&got);
    return n;
}

START_TEST(reference_values)
{
    rows flat = table_of("expected/root-flat.tsv"), want = table_of("expected/root.tsv");
    const char *last = "";
    long n = 0;
    for (long i = 0; i < flat.n; i++) {
        const char *file = flat.at[i].field[0];
        if (!strcmp(file, last) || !strcmp(file, "file"))
            continue;
        n += compare(&flat, &want, file);
        last = file;
    }
    ck_assert_int_eq(n, flat.n - 1);
    free_rows(&flat);
    free_rows(&want);
}
END_TEST

/* Parts of baskets: every border inside a basket, with counts, tails and baskets in the tree's record. */
START_TEST(reference_values_in_steps)
{
    static const char *const files[] = {
        "uproot-sample-6.18.00-lz4.root",
        "uproot-sample-5.23.02-zlib.root",
        "gohep-chain.flat.1.root",
        "gohep-ndim-slice.root",
        "unroot-tree_with_vector_multiple_baskets.root",
        "unroot-TLeafC_pr342.root",
        "gohep-g4-like.root",
        "uproot-issue-398.root",
        "uproot-small-dy-nooffsets.root",
        "string-example.root",
        "uproot-stl_containers.root",
        "unroot-tree_basictypes.root",
    };
    rows flat = table_of("expected/root-flat.tsv"), want = table_of("expected/root.tsv");
    static const int64_t steps[] = {1, 3, 7, 64};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            step = steps[k];
            compare(&flat, &want, files[i]);
        }
    step = 0;
    free_rows(&flat);
    free_rows(&want);
}
END_TEST

/* Values as ROOT 6 itself gives them (TTree::Draw), to the last bit: a Double32_t is u / factor + min. */
START_TEST(double32_as_root)
{
    static const char *const want[][2] = {
        {"d/fD64", "a531ec4df98e14ec"}, {"d/fF32", "1df521b4614db91a"}, {"d/fI32", "9a8f8c93b0f54e60"},
        {"d/fI30", "d38b31a09ed303a4"}, {"d/fI16", "a75b4d795344158c"}, {"d/fI4", "b922256dbd5af837"},
    };
    rows got = digest_of("uproot-demo-double32.root");
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const row *r = find_row(&got, "uproot-demo-double32.root", "T", want[i][0], 0);
        ck_assert_ptr_nonnull(r);
        ck_assert_str_eq(r->field[COL_CONTENT], want[i][1]);
    }
    free_rows(&got);
}
END_TEST

/* ---- objects and schemas ------------------------------------------------------------------------- */

static run_file open_data(const char *name)
{
    run_file f;
    vcol_error err = {0};
    ck_assert_msg(run_open(&f, data_path(name), &err) == VCOL_OK, "%s", err.message);
    return f;
}

START_TEST(objects_and_cycles)
{
    run_file f = open_data("root/uproot-nesteddirs.root");
    vcol_error err = {0};
    vcol_object_info info;
    void *object = NULL;
    static const char *const names[] = {"one", "one/two", "one/two/tree", "one/tree", "three", "three/tree"};
    ck_assert_int_eq(f.reader->n_objects(f.file), 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(f.reader->object_info(f.file, i, f.worker, &info, &err), VCOL_OK);
        ck_assert_str_eq(info.name, names[i]);
        ck_assert_int_eq(info.is_table, strstr(names[i], "tree") != NULL);
    }
    ck_assert_int_eq(f.reader->object_info(f.file, 6, f.worker, &info, &err), VCOL_RANGE);
    vcol_error_reset(&err);
    ck_assert_int_eq(f.reader->open_object(f.file, "/one/two/tree", f.worker, &object, &err), VCOL_OK);
    ck_assert_int_eq(f.reader->schema(object)->entries, 100);
    f.reader->close_object(object);
    ck_assert_int_eq(f.reader->open_object(f.file, "one/two/tree;1", f.worker, &object, &err), VCOL_OK);
    f.reader->close_object(object);
    ck_assert_int_eq(f.reader->open_object(f.file, "one/two/tree;9", f.worker, &object, &err),
                     VCOL_NOT_FOUND);
    vcol_error_reset(&err);
    ck_assert_int_eq(f.reader->open_object(f.file, "one/two", f.worker, &object, &err), VCOL_UNSUPPORTED);
    ck_assert_str_eq(err.message, "'one/two' is a TDirectory, not a table");
    vcol_error_reset(&err);
    ck_assert_int_eq(f.reader->open_object(f.file, NULL, f.worker, &object, &err), VCOL_NOT_FOUND);
    ck_assert_msg(strstr(err.message, "3 trees") != NULL, "%s", err.message);
    run_close(&f);
}
END_TEST

START_TEST(rntuple_is_listed)
{
    run_file f = open_data("root/nano_dy_rntuple.root");
    vcol_error err = {0};
    vcol_object_info info;
    void *object;
    ck_assert_int_eq(f.reader->object_info(f.file, 0, f.worker, &info, &err), VCOL_OK);
    ck_assert_int_eq(info.is_table, 1);
    ck_assert_int_eq(info.entries, 40);
    ck_assert_ptr_null(info.note);
    ck_assert_int_eq(f.reader->open_object(f.file, info.name, f.worker, &object, &err), VCOL_OK);
    f.reader->close_object(object);
    run_close(&f);
}
END_TEST

START_TEST(rntuple_of_before_the_release_is_refused)
{
    run_file f = open_data("root/unroot-test_ntuple_soa.root");
    vcol_error err = {0};
    vcol_object_info info;
    void *object;
    ck_assert_int_eq(f.reader->object_info(f.file, 0, f.worker, &info, &err), VCOL_OK);
    ck_assert_int_eq(info.is_table, 0);
    ck_assert_ptr_nonnull(strstr(info.note, "before the first release"));
    ck_assert_int_eq(f.reader->open_object(f.file, info.name, f.worker, &object, &err), VCOL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "before the first release"));
    ck_assert_ptr_null(object);
    run_close(&f);
}
END_TEST

static const vcol_schema_column *find_column(const vcol_schema *s, const char *path)
{
    for (int64_t i = 0; i < s->n_columns; i++)
        if (!strcmp(s->columns[i].path, path))
            return &s->columns[i];
    ck_abort_msg("no column %s", path);
    return NULL;
}

START_TEST(collections_share_offsets)
{
    run_file f = open_data("root/nano_dy.root");
    vcol_error err = {0};
    void *object;
    const vcol_schema *s;
    const vcol_schema_column *n, *pt, *eta;
    const vcol_group *offsets;
    ck_assert_int_eq(f.reader->open_object(f.file, NULL, f.worker, &object, &err), VCOL_OK);
    s = f.reader->schema(object);
    n = find_column(s, "nJet");
    pt = find_column(s, "Jet_pt");
    eta = find_column(s, "Jet_eta");
    ck_assert_ptr_null(n->collection);
    ck_assert_str_eq(pt->collection, "Jet");
    ck_assert_str_eq(pt->shape, "var * float32");
    ck_assert_int_eq(pt->level[0].ref.group, eta->level[0].ref.group);
    offsets = &s->groups[pt->level[0].ref.group];
    ck_assert_int_eq(offsets->kind, VCOL_GROUP_COUNTS);
    ck_assert_int_eq(offsets->depends, n->values.group);
    ck_assert_int_eq(s->groups[pt->values.group].depends, pt->level[0].ref.group);
    ck_assert_int_ge(s->n_clusters, 1);
    ck_assert_int_eq(s->clusters[0], 0);
    ck_assert_int_eq(s->clusters[s->n_clusters], s->entries);
    ck_assert_uint_gt(s->metadata, 0);
    f.reader->close_object(object);
    run_close(&f);
}
END_TEST

/* Leaves of a list are groups of at most eight, which share the branch's baskets. */
START_TEST(leaf_lists_are_split)
{
    run_file f = open_data("root/uproot-issue-398.root");
    vcol_error err = {0};
    void *object;
    const vcol_schema *s;
    ck_assert_int_eq(f.reader->open_object(f.file, NULL, f.worker, &object, &err), VCOL_OK);
    s = f.reader->schema(object);
    ck_assert_int_eq(s->n_columns, 30);
    ck_assert_int_eq(s->n_groups, 4);
    for (int64_t i = 0; i < s->n_columns; i++)
        ck_assert_int_eq(s->columns[i].values.group, i / 8);
    f.reader->close_object(object);
    run_close(&f);
}
END_TEST

START_TEST(mutants_end_cleanly)
{
    static const char *const files[] = {
        "uproot-sample-6.18.00-uncompressed.root",
        "gohep-g4-like.root",
        "gohep-ndim-slice.root",
        "unroot-TLeafC_pr342.root",
        "uproot-nesteddirs.root",
        "gohep-dirs-6.14.00.root",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[256], *path;
        snprintf(name, sizeof name, "root/%s", files[i]);
        path = strdup(data_path(name));
        ck_assert_int_eq(mutants(30, &path, 1), 0);
        free(path);
    }
}
END_TEST

static int run_tests(void)
{
    Suite *suite = suite_create("reader_root");
    TCase *c = tcase_create("reader_root");
    SRunner *runner;
    int failed;
    if (!getenv("VCOL_TEST_DATA"))
        return 77;
    tcase_set_timeout(c, 0);
    tcase_add_test(c, reference_values);
    tcase_add_test(c, reference_values_in_steps);
    tcase_add_test(c, double32_as_root);
    tcase_add_test(c, objects_and_cycles);
    tcase_add_test(c, rntuple_is_listed);
    tcase_add_test(c, rntuple_of_before_the_release_is_refused);
    tcase_add_test(c, collections_share_offsets);
    tcase_add_test(c, leaf_lists_are_split);
    tcase_add_test(c, mutants_end_cleanly);
    suite_add_tcase(suite, c);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc > 2 && !strcmp(argv[1], "--step")) {
        step = atoll(argv[2]);
        argc -= 2;
        argv += 2;
    }
    if (argc > 2 && !strcmp(argv[1], "--digest")) {
        printf("file\tobject\tkind\tpath\tname\ttypename\ttype\tstatus\tentries\tn_"
               "values\tdtype\tcontent\tlevels\tsum\t"
               "min\tmax\tnan\tnote\n");
        for (int i = 2; i < argc; i++)
            digest(argv[i], stdout);
        return 0;
    }
    if (argc > 2 && !strcmp(argv[1], "--quiet")) {
        for (int i = 2; i < argc; i++)
            bad += digest(argv[i], NULL);
        printf("%d columns or trees could not be read\n", bad);
        return 0;
    }
    if (argc > 4 && !strcmp(argv[1], "--mutants")) {
        state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
        if (mutants(atoi(argv[3]), argv + 4, argc - 4))
            return 1;
        printf("%d mutants of each of %d files\n", atoi(argv[3]), argc - 4);
        return 0;
    }
    if (argc > 3 && !strcmp(argv[1], "--open"))
        return time_open(atoi(argv[2]), argv[3]);
    return run_tests();
}
