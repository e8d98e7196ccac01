/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ROOT reader by itself, through the table of functions that readers have, without the runtime: a small
 * serial one of our own loads each column, in one piece and in pieces of a few entries, and the hashes are
 * compared with the reference values.
 *
 *     test_reader_root                        the tests; data from VCOL_TEST_DATA, skipped without
 *     test_reader_root --digest FILE…         the table of expected/root.tsv, to be given to compare_digest.py
 *     test_reader_root --quiet FILE…          opens and reads everything, prints only what is wrong or not supported
 *     test_reader_root --step N --digest …    the same, N entries at a time
 *     test_reader_root --open N FILE          opens all trees N times, prints the time a branch
 */
#include "reader_run.h"

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
            fprintf(out, "%016llx", (unsigned long long)vcol_hash_xxh64(v->offsets, (size_t)(v->lists + 1) * 8));
    }
}

static void print_row(FILE *out, const char *file, const char *object, const vcol_schema *s, const vcol_schema_column *c,
                      const run_column *v, const vcol_error *err)
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
                fprintf(stderr, "%s: column '%s': %s\n", file_name(path), s->columns[k].path, s->columns[k].note);
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

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc > 2 && !strcmp(argv[1], "--step")) {
        step = atoll(argv[2]);
        argc -= 2;
        argv += 2;
    }
    if (argc > 2 && !strcmp(argv[1], "--digest")) {
        printf("file\tobject\tkind\tpath\tname\ttypename\ttype\tstatus\tentries\tn_values\tdtype\tcontent\tlevels\tsum\t"
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
    if (argc > 3 && !strcmp(argv[1], "--open"))
        return time_open(atoi(argv[2]), argv[3]);
    return 77;
}
