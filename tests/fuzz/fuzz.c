/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzz targets share: see fuzz.h. */
#include "fuzz.h"

#include "dataset/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TABLES = 4, MAX_COLUMNS = 64, MAX_ENTRIES = 64 };
enum { MAX_RECORDS = 64, MAX_BLOCKS = 64, MAX_VERIFIED = 4 << 20 }; /* more is not verified: it takes too long */

_Noreturn void fuzz_broken(const char *rule, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, rule);
    abort();
}

vcol_manager *fuzz_manager(void)
{
    vcol_manager_options options;
    vcol_manager *manager;
    vcol_manager_options_init(&options, sizeof options);
    options.flags = VCOL_MANAGER_NO_BACKGROUND | VCOL_MANAGER_LIMIT_HARD;
    options.limit = FUZZ_LIMIT;
    FUZZ_RULE(vcol_manager_open(&options, &manager, NULL) == VCOL_OK);
    return manager;
}

void fuzz_status(vcol_status status, const vcol_error *err)
{
    FUZZ_RULE(status <= VCOL_OK && status >= VCOL_CALLBACK);
    FUZZ_RULE(status != VCOL_MISUSE);
    FUZZ_RULE(err->status == (int32_t)status);
    FUZZ_RULE((status == VCOL_OK) == !err->message[0]);
    FUZZ_RULE(memchr(err->message, 0, sizeof err->message));
    FUZZ_RULE(!strchr(err->message, '\n'));
}

/* ---- objects ------------------------------------------------------------------------------------- */

static int same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void check_object(const vcol_object_info *o)
{
    FUZZ_RULE(o->name && o->class_name && o->title);
    FUZZ_RULE(o->entries >= -1 && o->columns >= -1);
    FUZZ_RULE(o->cycle >= 0);
    FUZZ_RULE((o->entries >= 0) == (o->columns >= 0));
}

static void compare_files(vcol_file *a, vcol_file *b)
{
    int64_t n = vcol_file_objects(a);
    FUZZ_RULE(n >= 0 && n == vcol_file_objects(b));
    for (int64_t i = 0; i < n; i++) {
        vcol_object_info x = {0}, y = {0};
        vcol_error e = {0}, f = {0};
        vcol_status s = vcol_file_object(a, i, &x, &e), t = vcol_file_object(b, i, &y, &f);
        fuzz_status(s, &e);
        FUZZ_RULE(s == t);
        if (s)
            continue;
        check_object(&x);
        FUZZ_RULE(same_text(x.name, y.name) && same_text(x.class_name, y.class_name) &&
                  same_text(x.note, y.note));
        FUZZ_RULE(x.entries == y.entries && x.columns == y.columns && x.stored == y.stored);
        FUZZ_RULE(x.unpacked == y.unpacked && x.is_table == y.is_table && x.cycle == y.cycle);
    }
}

/* ---- columns ------------------------------------------------------------------------------------- */

static void check_column(const vcol_column_info *c)
{
    FUZZ_RULE(c->name && c->path && c->type_name && c->shape);
    FUZZ_RULE(c->entries >= 0 && c->blocks >= 0);
    FUZZ_RULE(c->levels >= 0 && c->levels <= VCOL_MAX_LEVELS);
    FUZZ_RULE(c->status != VCOL_OK || vcol_type_width(c->type) > 0 || c->type == VCOL_EMPTY || c->type == VCOL_UNKNOWN);
    FUZZ_RULE(c->status == VCOL_OK || c->note);
    for (int32_t i = 0; i < c->levels; i++)
        FUZZ_RULE(c->level[i].kind != VCOL_LEVEL_FIXED || c->level[i].size > 0);
}

/* A copy of some entries of a column. */
typedef struct copy {
    vcol_status status;
    int64_t lists, values;
    int64_t *offsets;
    uint8_t *data;
} copy;

static void check_view(const vcol_view *v, int64_t entries)
{
    int64_t n = entries;
    FUZZ_RULE(v->values && v->entries == entries && v->levels >= 0 && v->levels <= VCOL_MAX_LEVELS);
    for (int32_t i = 0; i < v->levels; i++) {
        const int64_t *offsets = v->level[i].offsets;
        FUZZ_RULE(v->level[i].count == n);
        if (v->level[i].kind == VCOL_LEVEL_LIST || v->level[i].kind == VCOL_LEVEL_UNION) {
            FUZZ_RULE(offsets && offsets[0] == 0);
            for (int64_t k = 0; k < n; k++)
                FUZZ_RULE(offsets[k + 1] >= offsets[k]);
            for (int64_t k = 0; k < n && v->level[i].kind == VCOL_LEVEL_UNION; k++)
                FUZZ_RULE(offsets[k + 1] - offsets[k] == (v->level[i].tags[k] == v->level[i].size && v->level[i].size > 0));
            n = offsets[n];
        } else if (v->level[i].kind == VCOL_LEVEL_FIXED) {
            n *= v->level[i].size;
        }
    }
    FUZZ_RULE(v->count == n);
}

static copy get(vcol_dataset *d, int64_t id, int64_t first, int64_t count)
{
    copy out = {0};
    vcol_error err = {0};
    vcol_chunk *chunk = NULL;
    vcol_view view = {0};
    size_t bytes;
    out.status = vcol_chunk_open(d, first, count, &chunk, &err);
    if (!out.status)
        out.status = vcol_chunk_get(chunk, id, &view, &err);
    fuzz_status(out.status, &err);
    if (!out.status) {
        check_view(&view, count);
        bytes = (size_t)view.count * vcol_type_width(view.type);
        out.values = view.count;
        out.data = malloc(bytes + 1);
        FUZZ_RULE(out.data);
        memcpy(out.data, view.values, bytes);
        if (view.levels && view.level[0].kind == VCOL_LEVEL_LIST) {
            out.lists = count;
            out.offsets = malloc(((size_t)count + 1) * sizeof *out.offsets);
            FUZZ_RULE(out.offsets);
            memcpy(out.offsets, view.level[0].offsets, ((size_t)count + 1) * sizeof *out.offsets);
        }
    }
    vcol_chunk_close(chunk);
    return out;
}

static void copy_free(copy *c)
{
    free(c->data);
    free(c->offsets);
}

/* The first entries at once, and in two parts. */
static void read_column(vcol_dataset *d, int64_t id, const vcol_column_info *info, int64_t entries)
{
    int64_t half = entries / 2;
    copy whole = get(d, id, 0, entries), a = get(d, id, 0, half), b = get(d, id, half, entries - half);
    FUZZ_RULE(info->status == VCOL_OK || entries == 0 || whole.status != VCOL_OK);
    if (!whole.status && !a.status && !b.status) {
        size_t width = vcol_type_width(info->type);
        FUZZ_RULE(whole.values == a.values + b.values && whole.lists == a.lists + b.lists);
        FUZZ_RULE(!memcmp(whole.data, a.data, (size_t)a.values * width));
        FUZZ_RULE(!memcmp(whole.data + (size_t)a.values * width, b.data, (size_t)b.values * width));
        for (int64_t i = 0; i <= a.lists && a.offsets; i++)
            FUZZ_RULE(whole.offsets[i] == a.offsets[i]);
        for (int64_t i = 0; i <= b.lists && b.offsets; i++)
            FUZZ_RULE(whole.offsets[a.lists + i] == a.offsets[a.lists] + b.offsets[i]);
    }
    copy_free(&whole);
    copy_free(&a);
    copy_free(&b);
}

/* ---- what no column is read from ------------------------------------------------------------------- */

static void count_fault(const vcol_error *fault, void *opaque)
{
    FUZZ_RULE(fault->status != VCOL_OK);
    fuzz_status((vcol_status)fault->status, fault);
    ++*(int64_t *)opaque;
}

/* Blocks of the branches that are not decoded; -1: they cannot be planned together. */
static int64_t raw_blocks(const vcol_dataset *d)
{
    const vcol_schema *s = d->files[0].schema;
    int64_t blocks = 0;
    for (int64_t g = 0; g < s->n_groups; g++) {
        int64_t(*ranges)[2], n, rows = s->groups[g].entries;
        if (s->groups[g].kind != VCOL_GROUP_BLOCKS || s->groups[g].n_leaves)
            continue;
        vcol__unit_has_rows(&s->groups[g], &rows);
        if (vcol__unit_ranges(&d->files[0].binding, (int32_t)g, 0, rows, &ranges, &n, NULL))
            return -1;
        vcol__memory_delete(d->manager, ranges, (size_t)n * sizeof *ranges);
        blocks += n;
    }
    return blocks;
}

/* "*" names all columns that can be read, if there are any, and "" the rest. */
static void verify_raw(vcol_dataset *d, size_t size)
{
    enum { SMALL = 8192 }; /* of a file: it can have few blocks */
    int64_t n = raw_blocks(d), blocks = 0, faults = 0, told = 0;
    vcol_error err = {0};
    if (n > MAX_BLOCKS || (n < 0 && size > SMALL))
        return;
    fuzz_status(vcol_dataset_verify(d, "", count_fault, &told, &blocks, &faults, &err), &err);
    FUZZ_RULE(faults == told && blocks >= 0);
    FUZZ_RULE(n < 0 || blocks >= n);
}

/* All records outside the tables, as many as are said. */
static void verify_rest(vcol_file *f)
{
    int64_t records = -1, faults = -1, told = 0, again = -1;
    uint64_t unpacked = 0;
    vcol_error err = {0};
    vcol_status status = vcol__infile_open_rest(f->manager, &f->table, &err);
    const vcol_schema *s = f->table.schema;
    fuzz_status(status, &err);
    if (status || s->n_groups > MAX_RECORDS)
        return;
    FUZZ_RULE(s->n_columns == 0);
    for (int64_t g = 0; g < s->n_groups; g++) {
        FUZZ_RULE(s->groups[g].n_leaves == 0 && s->groups[g].name);
        unpacked += s->groups[g].unpacked;
    }
    if (unpacked > MAX_VERIFIED)
        return;
    status = vcol_file_verify(f, count_fault, &told, &records, &faults, &err);
    fuzz_status(status, &err);
    FUZZ_RULE(status == VCOL_OK && records == s->n_groups && faults == told && faults <= records);
    FUZZ_RULE(vcol_file_verify(f, NULL, NULL, NULL, &again, NULL) == VCOL_OK && again == faults);
}

/* The stored index, if there is one: each entry it names is one of the table's. */
static void read_index(vcol_dataset *d)
{
    vcol_index *x = NULL;
    vcol_error err = {0};
    int64_t entry = 0;
    vcol_status status = vcol_index_open(d, NULL, NULL, &x, &err);
    fuzz_status(status, &err);
    if (!status) {
        FUZZ_RULE(vcol_index_entries(x) >= 0 && vcol_index_major(x) && vcol_index_minor(x));
        status = vcol_index_find(x, 0, 0, &entry, &err);
        fuzz_status(status, &err);
        FUZZ_RULE(status == VCOL_OK || status == VCOL_NOT_FOUND);
        FUZZ_RULE(entry >= -1 && entry < vcol_dataset_entries(d) && (entry >= 0) == (status == VCOL_OK));
    }
    vcol_index_close(x);
}

static void read_table(vcol_manager *manager, vcol_source *source, size_t size, const char *object, int recover, int friends)
{
    vcol_dataset_options options;
    vcol_dataset *d = NULL;
    vcol_error err = {0};
    vcol_stats stats;
    vcol_status status;
    int64_t entries, columns;
    char path[256];
    if (snprintf(path, sizeof path, "fuzz:%s", object) >= (int)sizeof path)
        return;
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &source;
    options.flags = (recover ? VCOL_DATASET_RECOVER : 0) | (friends ? VCOL_DATASET_FRIENDS : 0);
    status = vcol_dataset_open(manager, (const char *[]){path}, 1, &options, &d, &err);
    fuzz_status(status, &err);
    FUZZ_RULE((status == VCOL_OK) == (d != NULL));
    if (status)
        return;
    entries = vcol_dataset_entries(d);
    FUZZ_RULE(entries >= 0);
    columns = vcol_dataset_columns(d);
    FUZZ_RULE(columns >= 0);
    for (int64_t i = 0; i < columns && i < MAX_COLUMNS; i++) {
        vcol_column_info info = {0};
        FUZZ_RULE(vcol_dataset_column(d, i, &info, sizeof info, NULL) == VCOL_OK);
        check_column(&info);
        read_column(d, i, &info, entries < MAX_ENTRIES ? entries : MAX_ENTRIES);
    }
    verify_raw(d, size);
    read_index(d);
    vcol_manager_stats(manager, &stats, sizeof stats);
    FUZZ_RULE(stats.peak <= FUZZ_LIMIT || stats.overcommits > 0);
    vcol_dataset_close(d);
    vcol_manager_stats(manager, &stats, sizeof stats);
    FUZZ_RULE(stats.live == 0 && stats.promised == 0);
}

static void whole_file(const uint8_t *data, size_t size, int recover)
{
    vcol_status (*open)(vcol_manager *, const char *, vcol_source *, const vcol_reader *, vcol_file **, vcol_error *) =
        recover ? vcol_file_recover : vcol_file_open;
    vcol_manager *manager = fuzz_manager();
    vcol_source *source = NULL;
    vcol_file *a = NULL, *b = NULL;
    vcol_error err = {0}, again = {0};
    vcol_status status;
    int twice = vcol_hash_xxh64(data, size) % 8 == 0; /* a second opening costs as much as all the rest */
    FUZZ_RULE(vcol_source_open_memory(data, size, "fuzz", &source, NULL) == VCOL_OK);
    status = open(manager, "fuzz", source, NULL, &a, &err);
    fuzz_status(status, &err);
    if (twice) {
        FUZZ_RULE(open(manager, "fuzz", source, NULL, &b, &again) == status);
        FUZZ_RULE(!strcmp(err.message, again.message));
    }
    if (!status) {
        int64_t tables = 0;
        FUZZ_RULE(!recover == !vcol_file_note(a));
        if (twice)
            compare_files(a, b);
        for (int64_t i = 0; i < vcol_file_objects(a) && tables < MAX_TABLES; i++) {
            vcol_object_info info = {0};
            vcol_error why = {0};
            vcol_status got = vcol_file_object(a, i, &info, &why);
            fuzz_status(got, &why);
            if (got)
                continue;
            check_object(&info);
            if (!info.is_table)
                continue;
            tables++;
            read_table(manager, source, size, info.name, recover, 0);
            if (twice) /* in this file: there are no others that it could know */
                read_table(manager, source, size, info.name, recover, 1);
        }
        verify_rest(a);
    }
    vcol_file_close(a);
    vcol_file_close(b);
    vcol_source_release(source);
    vcol_manager_close(manager);
}

void fuzz_file(const uint8_t *data, size_t size)
{
    whole_file(data, size, 0);
}

void fuzz_recovered(const uint8_t *data, size_t size)
{
    whole_file(data, size, 1);
}
