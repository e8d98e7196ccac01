/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clusters: entries that were written together.
 *
 * FORMAT root/TTree clusters  range i is [fClusterRangeEnd[i - 1] + 1, fClusterRangeEnd[i]] in steps of
 *     fClusterSize[i]; what follows the last range in steps of fAutoFlush. A negative fAutoFlush counts
 * bytes: the boundaries are not recorded, and are the entries where every branch begins a basket. source:
 * root-project/root tree/tree/src/TTree.cxx (TTree::TClusterIterator); data/root/nano_dy.root
 */
#include "table.h"

typedef struct list {
    int64_t *at;
    int64_t n, max;
} list;

/* Steps from `from` up to below `to`; 0 if there are more than can be. */
static int steps(list *l, int64_t from, int64_t to, int64_t step)
{
    if (step <= 0 || step > to - from)
        step = to - from;
    for (int64_t e = from; e < to; e += step) {
        if (l->n >= l->max)
            return 0;
        l->at[l->n++] = e;
        if (step > to - e)
            break;
    }
    return 1;
}

static int64_t number(const model_array *a, int64_t i)
{
    return i >= a->n       ? 0
           : a->width == 8 ? (int64_t)be64(a->data + 8 * i)
                           : (int64_t)(int32_t)be32(a->data + 4 * i);
}

/* What the tree records; 0 if it records nothing that can be. */
static int recorded(const model_tree *tree, int64_t entries, list *l)
{
    int64_t from = 0, n = tree->range_end.n < tree->range_size.n ? tree->range_end.n : tree->range_size.n;
    for (int64_t i = 0; i < n && from < entries; i++) {
        int64_t end = number(&tree->range_end, i), size = number(&tree->range_size, i);
        if (end < from - 1 || end >= INT64_MAX - 1)
            return 0;
        end = end + 1 < entries ? end + 1 : entries;
        if (size <= 0 || !steps(l, from, end, size))
            return 0;
        from = end;
    }
    if (from < entries && tree->auto_flush <= 0)
        return 0;
    return from >= entries || steps(l, from, entries, tree->auto_flush);
}

static int begins(const root_branch *b, int64_t entry)
{
    int64_t lo = 0, hi = b->n_baskets;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (b->first[mid] < entry)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < b->n_baskets && b->first[lo] == entry;
}

/* Where all branches begin a basket; 0 if they have several baskets and nothing in common. */
static int derived(root_branch *const *branches, int64_t n, int64_t entries, list *l)
{
    const root_branch *fewest = NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (branches[i]->entries != entries)
            continue;
        if (!fewest || branches[i]->n_baskets < fewest->n_baskets)
            fewest = branches[i];
        if (branches[i]->n_baskets > most)
            most = branches[i]->n_baskets;
    }
    if (!fewest)
        return 0;
    for (int64_t k = 0; k < fewest->n_baskets && l->n < l->max; k++) {
        int64_t e = fewest->first[k];
        int all = e < fewest->first[k + 1] && e < entries;
        for (int64_t i = 0; i < n && all; i++)
            all = branches[i]->entries != entries || begins(branches[i], e);
        if (all)
            l->at[l->n++] = e;
    }
    return l->n > 1 || most == 1;
}

vcol_status vcol__cluster_find(root_table *table, const model_tree *tree, root_branch *const *branches,
                               int64_t n_branches, vcol_error *err)
{
    vcol_schema *schema = &table->schema;
    list l = {NULL, 0, 0};
    int64_t entries = schema->entries;
    for (int64_t i = 0; i < n_branches; i++)
        if (branches[i]->n_baskets > l.max)
            l.max = branches[i]->n_baskets;
    if (entries <= 0 || l.max == 0)
        return VCOL_OK;
    /* each cluster is at least one basket of each branch; the last may hang over */
    l.max++;
    l.at = vcol__arena_new(&table->memory, (uint64_t)l.max + 1, sizeof *l.at);
    if (!l.at)
        return vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory for its clusters", table->name);
    if (!recorded(tree, entries, &l)) {
        l.n = 0;
        if (!derived(branches, n_branches, entries, &l))
            return VCOL_OK;
    }
    if (!l.n || l.at[0] != 0)
        return VCOL_OK;
    l.at[l.n] = entries;
    schema->clusters = l.at;
    schema->n_clusters = l.n;
    return VCOL_OK;
}
