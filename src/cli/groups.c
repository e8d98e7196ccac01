/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * groups.c: in which order columns are read and cleared so that nothing is unpacked twice, with one
 * column in memory at a time. A collection's columns share offsets, which come from the column that
 * counts its items; so they follow each other, the counter first, and the offsets are leased, in the
 * name of the last of them, before the counter is cleared. Leaves of one branch are cleared together.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { PUT = 2 };

typedef struct sorter {
    vcol_column_info *infos; /* of the ids to be ordered */
    int64_t *collection;     /* of each: an index into names, or -1 */
    unsigned char *counter;  /* of each: whether it counts that collection's items; or PUT */
    const char **names;
    int64_t n, n_names;
} sorter;

static int64_t find_name(const sorter *s, const char *name)
{
    for (int64_t i = 0; i < s->n_names; i++)
        if (strcmp(s->names[i], name) == 0)
            return i;
    return -1;
}

static void collect_names(sorter *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        const char *name = s->infos[i].collection;
        s->collection[i] = name ? find_name(s, name) : -1;
        if (name && s->collection[i] < 0) {
            s->collection[i] = s->n_names;
            s->names[s->n_names++] = name;
        }
    }
}

/* A collection is named after its counter, without a leading n if it has one. */
static void find_counters(sorter *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        const vcol_column_info *info = &s->infos[i];
        if (info->collection || info->levels || info->type < VCOL_I8 || info->type > VCOL_U64)
            continue;
        s->collection[i] = find_name(s, info->name);
        if (s->collection[i] < 0 && info->name[0] == 'n')
            s->collection[i] = find_name(s, info->name + 1);
        s->counter[i] = s->collection[i] >= 0;
    }
}

static void put(const sorter *s, int64_t i, cli_groups *out, int64_t *n)
{
    out->blocks[*n] = s->infos[i].group;
    out->ids[(*n)++] = s->infos[i].id;
}

/* Appends the columns of one collection: its counters, or its others, of which those that share their blocks come together. */
static void append(const sorter *s, int64_t collection, int counters, cli_groups *out, int64_t *n)
{
    for (int64_t i = 0; i < s->n; i++) {
        if (s->collection[i] != collection || s->counter[i] != counters)
            continue;
        put(s, i, out, n);
        for (int64_t k = i + 1; k < s->n && s->infos[i].group >= 0; k++) {
            if (s->collection[k] == collection && s->counter[k] == counters && s->infos[k].group == s->infos[i].group) {
                s->counter[k] = PUT;
                put(s, k, out, n);
            }
        }
    }
}

static void emit(const sorter *s, cli_groups *out)
{
    int64_t n = 0;
    unsigned char *done = (unsigned char *)s->counter + s->n; /* of each name; behind the flags */
    for (int64_t i = 0; i < s->n; i++) {
        int64_t collection = s->collection[i];
        cli_group *g;
        if (collection >= 0 && done[collection])
            continue;
        g = &out->items[out->n++];
        *g = (cli_group){.first = n};
        if (collection < 0) {
            put(s, i, out, &n);
            while (i + 1 < s->n && s->collection[i + 1] < 0 && s->infos[i].group >= 0 &&
                   s->infos[i + 1].group == s->infos[i].group)
                put(s, ++i, out, &n);
        } else {
            done[collection] = 1;
            append(s, collection, 1, out, &n);
            g->counters = n - g->first;
            append(s, collection, 0, out, &n);
        }
        g->n = n - g->first;
    }
}

vcol_status cli_groups_open(const vcol_dataset *dataset, const int64_t *ids, int64_t n, cli_groups *out,
                            vcol_error *err)
{
    size_t room = (size_t)n + 1;
    sorter s = {.n = n};
    *out = (cli_groups){0};
    s.infos = calloc(room, sizeof *s.infos);
    s.collection = calloc(room, sizeof *s.collection);
    s.counter = calloc(room, 2);
    s.names = calloc(room, sizeof *s.names);
    out->ids = calloc(room, sizeof *out->ids);
    out->blocks = calloc(room, sizeof *out->blocks);
    out->items = calloc(room, sizeof *out->items);
    if (!s.infos || !s.collection || !s.counter || !s.names || !out->ids || !out->blocks || !out->items) {
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    for (int64_t i = 0; i < n; i++)
        if (vcol_dataset_column(dataset, ids[i], &s.infos[i], sizeof *s.infos, err) != VCOL_OK)
            goto done;
    collect_names(&s);
    find_counters(&s);
    emit(&s, out);
    for (int64_t i = 0; i < out->n; i++) {
        cli_group *g = &out->items[i];
        vcol_column_info info;
        int64_t id, last = out->ids[g->first + g->n - 1];
        if (g->n < 2 || vcol_dataset_column(dataset, last, &info, sizeof info, NULL) != VCOL_OK)
            continue;
        if (info.collection && vcol_dataset_find(dataset, info.path, &id, NULL) == VCOL_OK && id == last)
            g->holder = info.path;
    }
done:
    free(s.infos);
    free(s.collection);
    free(s.counter);
    free(s.names);
    if (err->status)
        cli_groups_close(out);
    return (vcol_status)err->status;
}

void cli_groups_close(cli_groups *groups)
{
    free(groups->ids);
    free(groups->blocks);
    free(groups->items);
    *groups = (cli_groups){0};
}

void cli_group_read(vcol_chunk *chunk, const cli_groups *groups, const cli_group *group,
                    void (*take)(vcol_chunk *chunk, int64_t id, void *opaque), void *opaque)
{
    const int64_t *ids = groups->ids + group->first, *blocks = groups->blocks + group->first;
    int64_t taken = group->counters; /* ids[taken, i] are taken and not yet cleared */
    for (int64_t i = 0; i < group->counters; i++)
        take(chunk, ids[i], opaque);
    if (group->holder)
        vcol_chunk_offsets(chunk, group->holder, NULL); /* if it fails, so will its column, and say why */
    for (int64_t i = 0; i < group->counters; i++)
        vcol_chunk_clear_id(chunk, ids[i]);
    for (int64_t i = group->counters; i < group->n && !cli_interrupted(); i++) {
        take(chunk, ids[i], opaque);
        if (i + 1 < group->n && blocks[i] >= 0 && blocks[i + 1] == blocks[i])
            continue;
        while (taken <= i)
            vcol_chunk_clear_id(chunk, ids[taken++]);
    }
}
