/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of columns, and which were touched: vcol/dataset.h. What is done is counted by group of a file (core/use.h), what
 * the program asks for by column; a column's numbers are those of its groups, in all files.
 */
#include "dataset/dataset.h"

#include <string.h>

#define ADD(what) out->what += atomic_load_explicit(&use->what, memory_order_relaxed)

static void add(vcol_column_stats *out, const vcol__use *use)
{
    ADD(loads);
    ADD(failures);
    ADD(load_ns);
    ADD(wait_ns);
    ADD(blocks_read);
    ADD(bytes_read);
    ADD(blocks_unpacked);
    ADD(bytes_unpacked);
    ADD(blocks_redecoded);
    ADD(evictions);
    ADD(prefetched);
    ADD(prefetch_unused);
}

vcol_status vcol_dataset_column_stats(const vcol_dataset *d, int64_t id, vcol_column_stats *out, size_t size, vcol_error *err)
{
    vcol_column_stats s = {0};
    int32_t groups[VCOL__COLUMN_GROUPS];
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_column_stats: a data set and a place are needed");
    if (id < 0 || id >= d->n_columns)
        return vcol_error_format(err, VCOL_RANGE, "%s: no column %lld", d->files[0].where, (long long)id);
    s.touched = atomic_load_explicit(&d->columns[id].touches, memory_order_relaxed);
    s.hits = atomic_load_explicit(&d->columns[id].hits, memory_order_relaxed);
    for (int64_t f = 0; f < d->n_files; f++) {
        uint64_t peak = 0;
        int n = vcol__dataset_groups(d, &d->files[f], id, true, groups); /* with the counts of its offsets */
        for (int i = 0; i < n; i++) {
            const vcol__use *use = vcol__uses_look(d->files[f].binding.uses, groups[i]);
            if (!use)
                continue;
            add(&s, use);
            peak += atomic_load_explicit(&use->peak, memory_order_relaxed);
        }
        s.peak_bytes = peak > s.peak_bytes ? peak : s.peak_bytes;
    }
    memset(out, 0, size);
    memcpy(out, &s, size < sizeof s ? size : sizeof s);
    return VCOL_OK;
}

/* ---- what was touched ------------------------------------------------------------------------- */

void vcol__dataset_touch(vcol_dataset *d, int64_t id)
{
    vcol__column_def *c = &d->columns[id];
    if (atomic_fetch_add_explicit(&c->touches, 1, memory_order_relaxed) == 0)
        atomic_store_explicit(&c->first_touch, atomic_fetch_add_explicit(&d->n_touched, 1, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

/* The column that counts the items of lists whose offsets were asked for: what such a pass needs. */
void vcol__dataset_touch_offsets(vcol_dataset *d, int64_t id)
{
    const vcol_schema *s = d->files[0].schema;
    const vcol__users *u = d->files[0].users;
    const vcol_schema_column *c = &s->columns[id];
    for (int32_t l = 0; l < c->levels; l++) {
        const vcol_group *g = &s->groups[c->level[l].ref.group];
        int32_t counts = c->level[l].kind != VCOL_LEVEL_LIST ? -1 : g->flags & VCOL_GROUP_ENDS ? c->level[l].ref.group : g->depends;
        if (c->level[l].kind != VCOL_LEVEL_LIST)
            continue;
        for (int64_t i = counts >= 0 ? u->first[counts] : 0; counts >= 0 && i < u->first[counts + 1]; i++)
            if (s->columns[u->columns[i]].levels == 0) {
                id = u->columns[i];
                break;
            }
        break;
    }
    vcol__dataset_touch(d, id);
}

vcol_status vcol_dataset_touched(const vcol_dataset *d, int64_t *ids, int64_t capacity, int64_t *n, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !n || (capacity > 0 && !ids))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_touched: a data set and a place are needed");
    int64_t most = atomic_load_explicit(&d->n_touched, memory_order_relaxed);
    int64_t found = 0;
    for (int64_t i = 0; i < capacity && i < most; i++)
        ids[i] = -1;
    for (int64_t id = 0; id < d->n_columns; id++) {
        int64_t at = atomic_load_explicit(&d->columns[id].first_touch, memory_order_relaxed);
        if (at == 0 || at > most) /* touched since */
            continue;
        found++;
        if (at <= capacity)
            ids[at - 1] = id;
    }
    /* A thread that touches now may have its number and not have stored it: it is left out. */
    int64_t kept = 0;
    for (int64_t i = 0; i < capacity && i < most; i++)
        if (ids[i] >= 0)
            ids[kept++] = ids[i];
    *n = found < capacity ? kept : found;
    return VCOL_OK;
}

/* ---- what was read for nothing ---------------------------------------------------------------- */

vcol_status vcol_dataset_fetched(const vcol_dataset *d, vcol_fetched *out, size_t size, vcol_error *err)
{
    vcol_fetched s = {0};
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_fetched: a data set and a place are needed");
    for (int64_t f = 0; f < d->n_files; f++) {
        const vcol__infile *t = &d->files[f];
        const vcol__uses *uses = t->binding.uses;
        for (int64_t g = 0; g < t->schema->n_groups; g++) {
            const vcol__use *use = vcol__uses_look(uses, g);
            uint64_t loads = use ? atomic_load_explicit(&use->loads, memory_order_relaxed) : 0;
            uint64_t unused = use ? atomic_load_explicit(&use->prefetch_unused, memory_order_relaxed) : 0;
            if (!use)
                continue;
            uint64_t bytes = atomic_load_explicit(&use->bytes_read, memory_order_relaxed);
            s.bytes += bytes;
            if (loads > 0 && unused >= loads)
                s.bytes_unused += bytes;
            else if (loads > 0)
                s.bytes_unused += (uint64_t)((double)bytes * ((double)unused / (double)loads));
        }
    }
    for (int64_t id = 0; id < d->n_columns; id++) {
        uint64_t loads = 0, unused = 0;
        for (int64_t f = 0; f < d->n_files; f++) {
            const vcol__infile *t = &d->files[f];
            int64_t at = t->map ? t->map[id] : id;
            const vcol__use *use = at >= 0 && t->schema->columns[at].status == VCOL_OK
                                       ? vcol__uses_look(t->binding.uses, t->schema->columns[at].values.group)
                                       : NULL;
            if (use) {
                loads += atomic_load_explicit(&use->loads, memory_order_relaxed);
                unused += atomic_load_explicit(&use->prefetch_unused, memory_order_relaxed);
            }
        }
        s.columns += loads > 0;
        s.columns_unused += loads > 0 && unused >= loads;
    }
    memset(out, 0, size);
    memcpy(out, &s, size < sizeof s ? size : sizeof s);
    return VCOL_OK;
}
