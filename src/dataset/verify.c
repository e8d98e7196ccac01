/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol_dataset_verify and vcol_file_verify: each block of each group is read, unpacked whole, checked and, where its
 * group has leaves, decoded, one by one.
 */
#include "dataset/dataset.h"

#include <stdlib.h>
#include <string.h>

typedef struct verifier {
    vcol_manager *manager;
    void (*report)(const vcol_error *fault, void *opaque);
    void *opaque;
    int64_t faults, blocks;
    char last[sizeof ((vcol_error *)0)->message];
} verifier;

static void fault(verifier *v, const vcol_error *err)
{
    if (strcmp(v->last, err->message) == 0)
        return; /* the same block again, needed by another column */
    memcpy(v->last, err->message, sizeof v->last);
    v->faults++;
    if (v->report)
        v->report(err, v->opaque);
}

/* Rows [first, first + rows) of a group, with what it depends on. */
static vcol_status read_rows(vcol__infile *t, int32_t group, int64_t first, int64_t rows, vcol_error *err)
{
    const vcol_group *g = &t->schema->groups[group];
    vcol_buffer *counts = NULL, *offsets = NULL, *lengths = NULL, *b = NULL;
    vcol_status status = VCOL_OK;
    int64_t own;
    if (g->depends >= 0) {
        const vcol_group *o = &t->schema->groups[g->depends];
        if (o->kind == VCOL_GROUP_COUNTS)
            status = vcol__unit_create(&t->binding, NULL, o->depends, first, rows, NULL, NULL, &counts, err);
        if (status == VCOL_OK)
            status = vcol__unit_create(&t->binding, NULL, g->depends, first, rows, counts, NULL, &offsets, err);
        if (status == VCOL_OK && (g->flags & VCOL_GROUP_COUNTED))
            status = vcol__unit_create(&t->binding, NULL, g->source, first, rows, offsets, NULL, &lengths, err);
    }
    if (status == VCOL_OK)
        status = vcol__unit_has_rows(g, &own) ? vcol__unit_create_rows(&t->binding, group, first, rows, &b, err)
                                              : vcol__unit_create(&t->binding, NULL, group, first, rows, offsets, lengths, &b, err);
    if (status == VCOL_OK) {
        vcol__unit_verify(b);
        status = vcol__buffer_pin(b, err);
        if (status == VCOL_OK)
            vcol__buffer_unpin(b);
    }
    vcol_buffer_release(b);
    vcol_buffer_release(lengths);
    vcol_buffer_release(offsets);
    vcol_buffer_release(counts);
    return status;
}

/* Reads the blocks of rows [first, first + count), if they can be planned. */
static vcol_status read_planned(verifier *v, vcol__infile *t, int32_t group, int64_t first, int64_t count, vcol_error *err)
{
    int64_t(*ranges)[2], n;
    vcol_status status = vcol__unit_ranges(&t->binding, group, first, count, &ranges, &n, err);
    if (status != VCOL_OK)
        return status;
    bool whole = false; /* rows of blocks are not known: all at once */
    for (int64_t i = 0; i < n; i++)
        whole = whole || ranges[i][1] < 0;
    v->blocks += n;
    for (int64_t i = 0; i < n && !whole; i++) {
        vcol_error why = {0};
        if (ranges[i][1] > 0 && read_rows(t, group, ranges[i][0], ranges[i][1], &why) != VCOL_OK)
            fault(v, &why);
    }
    if (whole) {
        vcol_error why = {0};
        if (read_rows(t, group, first, count, &why) != VCOL_OK)
            fault(v, &why);
    }
    vcol__memory_delete(v->manager, ranges, (size_t)n * sizeof *ranges);
    return VCOL_OK;
}

/* Whether these rows can be planned; if not, why not. */
static bool can_plan(verifier *v, vcol__infile *t, int32_t group, int64_t first, int64_t count, vcol_error *err)
{
    int64_t(*ranges)[2], n;
    vcol_error_reset(err);
    if (vcol__unit_ranges(&t->binding, group, first, count, &ranges, &n, err) != VCOL_OK)
        return false;
    vcol__memory_delete(v->manager, ranges, (size_t)n * sizeof *ranges);
    return true;
}

/* How many of [first, end) can be planned together, where the first can and not all can. */
static int64_t plannable(verifier *v, vcol__infile *t, int32_t group, int64_t first, int64_t end)
{
    int64_t good = 1, bad = end - first;
    vcol_error err = {0};
    while (bad - good > 1) {
        int64_t middle = good + (bad - good) / 2;
        if (can_plan(v, t, group, first, middle, &err))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

/* The first row behind `first` of which not the same is said: rows of one block that cannot be planned are passed. */
static int64_t behind_fault(verifier *v, vcol__infile *t, int32_t group, int64_t first, int64_t end, const vcol_error *what)
{
    int64_t same = first, step = 1, other = end;
    vcol_error err = {0};
    while (step < end - first) {
        if (can_plan(v, t, group, first + step, 1, &err) || strcmp(err.message, what->message) != 0) {
            other = first + step;
            break;
        }
        same = first + step;
        step = step > (end - first) / 2 ? end - first : step * 2;
    }
    while (other - same > 1) {
        int64_t middle = same + (other - same) / 2;
        if (can_plan(v, t, group, middle, 1, &err) || strcmp(err.message, what->message) != 0)
            other = middle;
        else
            same = middle;
    }
    return other;
}

static void verify_group(verifier *v, vcol__infile *t, int32_t group)
{
    int64_t row = 0, end = t->schema->groups[group].entries;
    vcol__unit_has_rows(&t->schema->groups[group], &end);
    vcol_error all = {0}, one = {0}, two = {0};
    while (row < end && read_planned(v, t, group, row, end - row, &all) != VCOL_OK) {
        if (can_plan(v, t, group, row, 1, &one)) {
            int64_t n = plannable(v, t, group, row, end);
            read_planned(v, t, group, row, n, &one);
            row += n;
        } else if (end - row > 1 && (can_plan(v, t, group, row, 2, &two) || strcmp(one.message, two.message) != 0)) {
            fault(v, &all); /* it is not about a block, but about these rows: there are none */
            break;
        } else {
            fault(v, &one);
            row = behind_fault(v, t, group, row, end, &one);
        }
        vcol_error_reset(&all);
    }
}

/* The groups that a column reads from. */
static void mark_groups(const vcol_schema *s, int64_t id, unsigned char *wanted)
{
    const vcol_schema_column *c = &s->columns[id];
    if (c->status != VCOL_OK)
        return;
    wanted[c->values.group] = 1;
    for (int32_t l = 0; l < c->levels; l++)
        if (c->level[l].kind != VCOL_LEVEL_FIXED)
            wanted[c->level[l].ref.group] = 1;
}

/* The groups of a file that are to be verified: 1 in the result, which is freed by free(). */
static unsigned char *wanted_groups(const vcol__infile *t, const char *columns, const int64_t *ids, int64_t n)
{
    int64_t n_groups = t->schema->n_groups;
    unsigned char *wanted = calloc((size_t)n_groups + 1, 1);
    if (!wanted)
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = t->map ? t->map[ids[i]] : ids[i];
        if (at >= 0)
            mark_groups(t->schema, at, wanted);
    }
    for (bool more = true; more;) { /* and what they are made of */
        more = false;
        for (int64_t g = 0; g < n_groups; g++) {
            int32_t inputs[2] = {vcol__group_dep(&t->schema->groups[g]), vcol__group_source(&t->schema->groups[g])};
            for (int i = 0; i < 2 && wanted[g]; i++) {
                if (inputs[i] >= 0 && !wanted[inputs[i]])
                    wanted[inputs[i]] = 1, more = true;
            }
        }
    }
    for (int64_t g = 0; g < n_groups; g++) {
        if (!columns)
            wanted[g] = 1;
        else if (!*columns)
            wanted[g] = !wanted[g];
        if (t->schema->groups[g].kind != VCOL_GROUP_BLOCKS)
            wanted[g] = 0;
    }
    return wanted;
}

vcol_status vcol_dataset_verify(vcol_dataset *d, const char *columns, void (*report)(const vcol_error *fault, void *opaque),
                                void *opaque, int64_t *blocks, int64_t *faults, vcol_error *err)
{
    verifier v = {.manager = d ? d->manager : NULL, .report = report, .opaque = opaque};
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_verify: no data set");
    int64_t n = 0, *ids = malloc(((size_t)d->n_columns + 1) * sizeof *ids);
    vcol_status status = ids ? vcol_dataset_match(d, columns && *columns ? columns : "*", ids, d->n_columns, &n, err)
                             : vcol_error_format(err, VCOL_NOMEM, "no memory to verify");
    if (status == VCOL_NOT_FOUND && !(columns && *columns)) { /* nothing that can be read */
        vcol_error_reset(err);
        status = VCOL_OK;
    }
    for (int64_t f = 0; f < d->n_files && status == VCOL_OK; f++) {
        vcol__infile *t = &d->files[f];
        unsigned char *wanted = wanted_groups(t, columns, ids, n);
        if (!wanted) {
            status = vcol_error_format(err, VCOL_NOMEM, "no memory to verify");
            break;
        }
        for (int64_t g = 0; g < t->schema->n_groups; g++)
            if (wanted[g])
                verify_group(&v, t, (int32_t)g);
        free(wanted);
    }
    free(ids);
    if (blocks)
        *blocks = v.blocks;
    if (faults)
        *faults = v.faults;
    return status;
}

vcol_status vcol_file_verify(vcol_file *f, void (*report)(const vcol_error *fault, void *opaque), void *opaque,
                             int64_t *records, int64_t *faults, vcol_error *err)
{
    verifier v = {.manager = f ? f->manager : NULL, .report = report, .opaque = opaque};
    if (records)
        *records = 0;
    if (faults)
        *faults = 0;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!f)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_file_verify: no file");
    if (!f->table.reader->open_rest)
        return VCOL_OK;
    vcol_status status = f->table.object ? VCOL_OK : vcol__infile_open_rest(f->manager, &f->table, err);
    if (status != VCOL_OK)
        return status;
    for (int64_t g = 0; g < f->table.schema->n_groups; g++)
        verify_group(&v, &f->table, (int32_t)g);
    if (records)
        *records = f->table.schema->n_groups;
    if (faults)
        *faults = v.faults;
    return VCOL_OK;
}
