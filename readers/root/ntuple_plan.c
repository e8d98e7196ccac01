/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which pages hold which rows, and their bytes.
 *
 * A page is a block; its size is known from the page list, so that inspect only has the checksum to look at. A block's tag
 * is the page's number in the object, as pages may share their bytes.
 *
 * FORMAT root/RNTuple page: stored as it is if that is not longer, else as compression blocks; perhaps 8 bytes of XXH3 of the
 * stored bytes behind it, which the locator's size leaves out.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Page Locations), src/RPageStorage.cxx (UnsealPage)
 */
#include "ntuple.h"

#include <stdarg.h>
#include <stdio.h>

enum { CHECKSUM = 8 };

vcol_status vcol__page_error(const root_ntuple *nt, const nt_page *page, vcol_error *err, vcol_status status,
                             const char *format, ...)
{
    char what[256];
    const nt_series *s = &nt->series[nt->columns[page->column].series];
    uint64_t number = (uint64_t)(page - nt->pages) - s->first_page;
    text name = nt->fields[s->field].name;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return vcol_error_format(err, status, "ntuple '%.120s', field '%.*s', page %llu at byte %llu: %s", nt->name,
                             (int)(name.n < 120 ? name.n : 120), name.s, (unsigned long long)number,
                             (unsigned long long)page->offset, what);
}

/* The first page that ends behind a row. */
static uint64_t search(const root_ntuple *nt, const nt_series *s, int64_t row)
{
    const nt_page *pages = nt->pages + s->first_page;
    uint64_t low = 0, high = s->n_pages;
    while (low < high) {
        uint64_t mid = (low + high) / 2;
        if (pages[mid].first + pages[mid].elements <= row)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The cluster that holds an entry. */
static int64_t cluster_of(const root_ntuple *nt, int64_t entry)
{
    int64_t low = 0, high = nt->n_clusters;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (nt->clusters[mid + 1] <= entry)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The cluster that has a page of the series. */
static int64_t cluster_of_page(const root_ntuple *nt, const nt_series *s, uint64_t page)
{
    int64_t low = 0, high = nt->n_clusters;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (s->cluster[mid + 1] <= page)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Where the items of a cluster begin; -1: nobody has them for rows. */
static int64_t origin_of(const root_ntuple *nt, const nt_group *g, int64_t cluster)
{
    return g->counted == NT_NONE ? -1 : vcol__pages_row(nt, &nt->series[g->counted], cluster) / g->per_item;
}

int64_t vcol__page_origin(const root_ntuple *nt, const nt_group *g, uint64_t page)
{
    const nt_series *s = &nt->series[g->series];
    return origin_of(nt, g, cluster_of_page(nt, s, page - s->first_page));
}

static vcol_status push(const root_ntuple *nt, int32_t group, uint64_t i, vcol_block_sink *sink, vcol_error *err)
{
    const vcol_group *schema = &nt->schema.groups[group];
    const nt_group *g = &nt->groups[group];
    const nt_series *s = &nt->series[g->series];
    const nt_page *page = &nt->pages[s->first_page + i];
    int64_t cluster = cluster_of_page(nt, s, i), end = page->first + page->elements;
    int ends = g->kind == NT_ENDS;
    vcol_block block = {.first_entry = page->first,
                        .entries = page->elements,
                        .needs = -1,
                        .tag = s->first_page + i,
                        .offset = page->offset,
                        .origin = ends ? origin_of(nt, g, cluster) : -1,
                        .until = nt->clusters[cluster + 1]};
    if (!(schema->flags & VCOL_GROUP_ITEMS)) {
        block.until = (end + schema->multiple - 1) / schema->multiple;
        block.until += ends && !page->closes && block.until < nt->clusters[cluster + 1];
    }
    if (ends)
        block.flags |= (page->begins ? VCOL_BLOCK_BEGINS : 0) | (page->closes ? VCOL_BLOCK_CLOSES : 0);
    if (g->kind == NT_PICKS)
        block.flags |= VCOL_BLOCK_SHARED;
    if (page->zero) {
        block.offset = block.tag;
        block.flags |= VCOL_BLOCK_AS_IS | VCOL_BLOCK_INSPECTED;
        return vcol_block_push(sink, &block, err);
    }
    if (page->offset == UINT64_MAX)
        return vcol__page_error(nt, page, err, VCOL_UNSUPPORTED, "it is kept in an object store");
    block.unpacked = vcol__page_unpacked(nt, page);
    block.stored = (uint64_t)page->stored + (page->checksum ? CHECKSUM : 0);
    if (block.offset > nt->file->size || block.stored > nt->file->size - block.offset)
        return vcol__page_error(nt, page, err, VCOL_CORRUPT, "its %llu bytes end behind the file's %llu",
                                (unsigned long long)block.stored, (unsigned long long)nt->file->size);
    if (page->stored > block.unpacked || block.unpacked / NT_MAX_RATIO > page->stored || (block.unpacked && !page->stored))
        return vcol__page_error(nt, page, err, VCOL_CORRUPT, "%lld elements of %u bits cannot be in its %u bytes",
                                (long long)page->elements, nt->columns[page->column].bits, page->stored);
    if (nt->max_key && page->stored > nt->max_key)
        return vcol__page_error(nt, page, err, VCOL_UNSUPPORTED, "it is longer than a key may be: in several pieces");
    if (page->stored == block.unpacked)
        block.flags |= VCOL_BLOCK_AS_IS;
    if (!page->checksum)
        block.flags |= VCOL_BLOCK_INSPECTED;
    return vcol_block_push(sink, &block, err);
}

vcol_status vcol__page_plan(const root_ntuple *nt, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink,
                            vcol_error *err)
{
    const nt_group *g;
    const nt_series *s;
    const nt_page *pages;
    vcol_status status = VCOL_OK;
    int64_t end;
    if (group < 0 || group >= nt->schema.n_groups || nt->groups[group].kind == NT_COMPUTED || first < 0 || count < 0 ||
        __builtin_add_overflow(first, count, &end))
        return vcol_error_format(err, VCOL_MISUSE, "ntuple '%s': no such group or rows", nt->name);
    g = &nt->groups[group];
    s = &nt->series[g->series];
    pages = nt->pages + s->first_page;
    if (end > s->rows)
        return vcol_error_format(err, VCOL_CORRUPT, "ntuple '%.120s', %.120s: its pages hold %lld elements, %lld are counted",
                                 nt->name, nt->schema.groups[group].name, (long long)s->rows, (long long)end);
    if (!count)
        return VCOL_OK;
    uint64_t i = search(nt, s, first);
    if (g->kind == NT_ENDS && i > 0 && pages[i].first == first && !pages[i].begins)
        i--; /* the list of the first row begins where that of the row before ends */
    for (; i < s->n_pages && pages[i].first < end && !status; i++)
        status = push(nt, group, i, sink, err);
    return status;
}

vcol_status vcol__page_expect(const root_ntuple *nt, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink,
                              vcol_error *err)
{
    const nt_series *s = &nt->series[nt->groups[group].series];
    const nt_page *pages = nt->pages + s->first_page;
    int64_t end = first + count;
    vcol_status status = VCOL_OK;
    for (int64_t k = cluster_of(nt, first); k < nt->n_clusters && nt->clusters[k] < end && !status; k++) {
        int64_t entries = nt->clusters[k + 1] - nt->clusters[k], from = first - nt->clusters[k], to = end - nt->clusters[k];
        int64_t row = vcol__pages_row(nt, s, k), rows = vcol__pages_row(nt, s, k + 1) - row;
        if (!rows)
            continue;
        /* as if all entries had equally many */
        int64_t low = from <= 0 ? 0 : (int64_t)((double)rows * ((double)from / (double)entries));
        int64_t high = to >= entries ? rows : (int64_t)((double)rows * ((double)to / (double)entries)) + 1;
        for (uint64_t i = search(nt, s, row + low); i < s->n_pages && pages[i].first < row + high && !status; i++)
            status = push(nt, group, i, sink, err);
    }
    return status;
}

vcol_status vcol__page_inspect(const root_ntuple *nt, vcol_block *block, const void *stored, vcol_error *err)
{
    const nt_page *page = &nt->pages[block->tag];
    cursor c = cursor_make((const uint8_t *)stored + page->stored, CHECKSUM);
    if (page->checksum && vcol_hash_xxh3(stored, page->stored) != le_u64(&c))
        return vcol__page_error(nt, page, err, VCOL_CORRUPT, "its checksum is wrong");
    return VCOL_OK;
}

vcol_status vcol__page_unpack(const root_ntuple *nt, const vcol_block *block, const void *stored, void *dst, size_t want,
                              vcol_worker *worker, vcol_error *err)
{
    const nt_page *page = &nt->pages[block->tag];
    vcol_error why = {0};
    vcol_status status = vcol__unzip(worker, stored, page->stored, dst, block->unpacked, want, &why);
    return status ? vcol__page_error(nt, page, err, status, "%s", why.message) : VCOL_OK;
}
