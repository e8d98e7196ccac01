/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page lists: clusters, and the pages of each column in them.
 *
 * FORMAT root/RNTuple page list: u64 checksum of the header | list of cluster summaries: record frames of u64 first entry,
 *     u64 entries | flags << 56 (1: sharded) | list of clusters of lists of columns of lists of pages: i32 elements
 *     (negative: 8 bytes of XXH3 follow the page), locator; behind a column's pages, in its frame: i64 first element
 *     (negative: no pages in this cluster, another representation has them), u32 compression settings
 *     Columns come in the order of their numbers, those that were added after the cluster are left out. Elements of
 *     deferred columns that are missing lie in front and are zeros.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Page List Envelope),
 *     src/RNTupleDescriptor.cxx (RClusterDescriptorBuilder::AddExtendedColumnRanges, ExtendToFitColumnRange);
 *     data/root/test_extension_columns_rntuple_v1-0-0-0.root
 */
#include "ntuple.h"

#include <stdlib.h>

enum { SHARDED = 1 };

vcol_status vcol__pages_clusters(cursor c, uint64_t header_checksum, nt_cluster *clusters, int64_t *n, int64_t most,
                                 vcol_error *err)
{
    uint32_t count = 0, listed = 0;
    uint64_t of_header = le_u64(&c);
    cursor summaries = le_frame(&c, 1, &count), list = le_frame(&c, 1, &listed);
    if (c.bad || count != listed || count > most - *n)
        return vcol_error_format(err, VCOL_CORRUPT, "says %u clusters and describes %u, the footer said %lld", count, listed,
                                 (long long)(most - *n));
    if (of_header != header_checksum)
        return vcol_error_format(err, VCOL_CORRUPT, "belongs to another header");
    for (uint32_t i = 0; i < count; i++) {
        nt_cluster *k = &clusters[*n];
        cursor summary = le_frame(&summaries, 0, NULL);
        uint64_t first = le_u64(&summary), entries = le_u64(&summary), flags = entries >> 56;
        entries &= ((uint64_t)1 << 56) - 1;
        k->columns = le_frame(&list, 1, &k->n_columns);
        if (summaries.bad || summary.bad || list.bad)
            return vcol_error_format(err, VCOL_CORRUPT, "has a cluster, number %u, that does not fit its frame", i);
        if (flags & SHARDED)
            return vcol_error_format(err, VCOL_UNSUPPORTED, "has sharded clusters");
        if (first > (uint64_t)NT_MOST || entries > (uint64_t)NT_MOST)
            return vcol_error_format(err, VCOL_CORRUPT, "has a cluster of %llu entries from entry %llu on",
                                     (unsigned long long)entries, (unsigned long long)first);
        k->first = (int64_t)first;
        k->entries = (int64_t)entries;
        ++*n;
    }
    return VCOL_OK;
}

static int by_entry(const void *a, const void *b)
{
    const nt_cluster *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->entries > 0) - (y->entries > 0); /* empty ones before what begins there */
}

/* Where what is found goes: nowhere, to be counted, or into pages. */
typedef struct filler {
    root_ntuple *nt;
    nt_page *pages; /* NULL: only counted */
    uint64_t *at;   /* per series: pages so far */
    int64_t cluster;
    vcol_error *err;
} filler;

static nt_page *next_page(filler *f, uint32_t series)
{
    uint64_t i = f->at[series]++;
    return f->pages ? &f->pages[f->nt->series[series].first_page + i] : NULL;
}

static vcol_status bad_pages(const filler *f, uint32_t column)
{
    return vcol_error_format(f->err, VCOL_CORRUPT, "describes pages of column %u, cluster %lld, that do not fit their frame", column,
                             (long long)f->cluster);
}

/* Elements of one column in one cluster, and what follows its pages. Fills pages where there are any to fill. */
static vcol_status one_column(filler *f, uint32_t number, cursor list, uint32_t n, int64_t *elements, int *suppressed)
{
    const nt_column *x = &f->nt->columns[number];
    int64_t sum = 0;
    *suppressed = 0;
    if (x->series == NT_NONE)
        return VCOL_OK;
    for (uint32_t i = 0; i < n; i++) {
        int32_t count = (int32_t)le_u32(&list);
        nt_locator at = vcol__locator_read(&list);
        uint32_t had = count < 0 ? 0 - (uint32_t)count : (uint32_t)count;
        if (list.bad)
            return bad_pages(f, number);
        if (!had)
            continue;
        nt_page *page = next_page(f, x->series);
        if (page)
            *page = (nt_page){.offset = at.unknown ? UINT64_MAX : at.offset,
                              .stored = at.size > INT32_MAX ? UINT32_MAX : (uint32_t)at.size,
                              .elements = had,
                              .column = number,
                              .checksum = count < 0};
        sum += had;
    }
    *suppressed = (int64_t)le_u64(&list) < 0;
    if (list.bad || (*suppressed && n))
        return bad_pages(f, number);
    *elements = sum;
    return VCOL_OK;
}

/* Puts the zeros that come before what a deferred column has of the cluster, as one page. `from`: its first page there. */
static void put_zeros(filler *f, uint32_t number, uint64_t from, int64_t missing)
{
    uint32_t series = f->nt->columns[number].series;
    uint64_t had = f->at[series]++ - from;
    if (!f->pages)
        return;
    nt_page *pages = &f->pages[f->nt->series[series].first_page + from];
    memmove(pages + 1, pages, had * sizeof *pages);
    pages[0] = (nt_page){.elements = missing, .column = number, .zero = 1};
}

static vcol_status one_cluster(filler *f, const nt_cluster *k)
{
    root_ntuple *nt = f->nt;
    cursor columns = k->columns;
    for (uint32_t i = 0; i < nt->n_columns; i++) {
        const nt_column *x = &nt->columns[i];
        uint64_t from = x->series == NT_NONE ? 0 : f->at[x->series];
        int suppressed = x->first < 0; /* of a column that came later */
        int64_t elements = 0, want;
        if (i < k->n_columns) {
            uint32_t n = 0;
            cursor list = le_frame(&columns, 1, &n);
            vcol_status status = columns.bad ? bad_pages(f, i) : one_column(f, i, list, n, &elements, &suppressed);
            if (status)
                return status;
        }
        if (!(x->flags & NT_COLUMN_DEFERRED) || suppressed || x->series == NT_NONE)
            continue;
        if (__builtin_mul_overflow(k->entries, nt->fields[x->field].repetitions, &want) || want > NT_MOST)
            return vcol_error_format(f->err, VCOL_CORRUPT, "describes a cluster of %lld entries of '%.60s'",
                                     (long long)k->entries, nt->fields[x->field].name.s);
        if (want > elements)
            put_zeros(f, i, from, want - elements);
    }
    return VCOL_OK;
}

uint64_t vcol__page_unpacked(const root_ntuple *nt, const nt_page *page)
{
    return ((uint64_t)page->elements * nt->columns[page->column].bits + 7) / 8;
}

/* Numbers the elements of a series, and sums up. */
static vcol_status number_rows(root_ntuple *nt, nt_series *s, vcol_error *err)
{
    for (uint64_t i = 0; i < s->n_pages; i++) {
        nt_page *p = &nt->pages[s->first_page + i];
        p->first = s->rows;
        s->rows += p->elements;
        if (s->rows > NT_MOST)
            return vcol_error_format(err, VCOL_CORRUPT, "describes more elements of '%.60s' than there can be",
                                     nt->fields[s->field].name.s);
        if (!p->zero) {
            s->stored += p->stored + 8u * p->checksum;
            s->unpacked += vcol__page_unpacked(nt, p);
        }
    }
    for (int64_t k = 0; k < nt->n_clusters; k++) {
        if (s->cluster[k] == s->cluster[k + 1])
            continue;
        nt->pages[s->first_page + s->cluster[k]].begins = 1;
        nt->pages[s->first_page + s->cluster[k + 1] - 1].closes = 1;
    }
    nt->stored += s->stored;
    nt->unpacked += s->unpacked;
    return VCOL_OK;
}

int64_t vcol__pages_row(const root_ntuple *nt, const nt_series *s, int64_t cluster)
{
    uint32_t page = s->cluster[cluster];
    return page < s->n_pages ? nt->pages[s->first_page + page].first : s->rows;
}

vcol_status vcol__pages_make(root_ntuple *nt, nt_cluster *clusters, int64_t n, vcol_error *err)
{
    int64_t *borders = vcol__arena_new(&nt->memory, (uint64_t)n + 1, sizeof *borders), entries = 0;
    uint64_t *at = vcol__arena_new(&nt->memory, nt->n_series, sizeof *at);
    uint32_t *cluster = vcol__arena_new(&nt->memory, ((uint64_t)n + 1) * nt->n_series, sizeof *cluster);
    filler f = {.nt = nt, .at = at, .err = err};
    if (!borders || !at || !cluster)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for %lld clusters", (long long)n);
    qsort(clusters, (size_t)n, sizeof *clusters, by_entry);
    for (int64_t k = 0; k < n; k++) {
        if (clusters[k].first != entries)
            return vcol_error_format(err, VCOL_CORRUPT, "describes a cluster that begins with entry %lld, not %lld",
                                     (long long)clusters[k].first, (long long)entries);
        borders[k] = entries;
        entries += clusters[k].entries;
        if (entries > NT_MOST)
            return vcol_error_format(err, VCOL_CORRUPT, "describes more entries than there can be");
    }
    borders[n] = entries;
    nt->clusters = borders;
    nt->n_clusters = n;
    for (int64_t k = 0; k < n; k++) {
        f.cluster = k;
        vcol_status status = one_cluster(&f, &clusters[k]);
        if (status)
            return status;
    }
    for (uint32_t s = 0; s < nt->n_series; s++) {
        nt->series[s].first_page = nt->n_pages;
        nt->series[s].n_pages = at[s];
        nt->series[s].cluster = cluster + (uint64_t)s * ((uint64_t)n + 1);
        nt->n_pages += at[s];
        if (at[s] >= UINT32_MAX)
            return vcol_error_format(err, VCOL_CORRUPT, "describes more pages than there can be");
        at[s] = 0;
    }
    f.pages = nt->pages = vcol__arena_new(&nt->memory, nt->n_pages, sizeof *nt->pages);
    if (!nt->pages)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for %llu pages", (unsigned long long)nt->n_pages);
    for (int64_t k = 0; k <= n; k++) {
        for (uint32_t s = 0; s < nt->n_series; s++)
            cluster[(uint64_t)s * ((uint64_t)n + 1) + (uint64_t)k] = (uint32_t)at[s];
        f.cluster = k;
        vcol_status status = k < n ? one_cluster(&f, &clusters[k]) : VCOL_OK;
        if (status)
            return status;
    }
    for (uint32_t s = 0; s < nt->n_series; s++) {
        vcol_status status = number_rows(nt, &nt->series[s], err);
        if (status)
            return status;
    }
    return VCOL_OK;
}
