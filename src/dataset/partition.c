/* SPDX-License-Identifier: BSD-3-Clause */
/* Cutting a data set's entries into chunks: vcol/partition.h. Pure arithmetic on metadata, but for groups (groups.c). */
#include "dataset/partition.h"

#include <stdlib.h>
#include <string.h>

void vcol_partition_options_init(vcol_partition_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

vcol_status vcol_partition_open(vcol_dataset *d, const vcol_partition_options *options, vcol_partition **out,
                                vcol_error *err)
{
    vcol_partition_options o = {0};
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    bool groups = o.chunking == VCOL_CHUNK_BY_GROUPS, parts = o.chunking == VCOL_CHUNK_INTO_PARTS;
    if (!d || !out || o.entries < 0 || o.count < 0 || o.parts < 0 || o.chunking < 0 || o.chunking > VCOL_CHUNK_BY_GROUPS)
        return vcol_error_format(err, VCOL_MISUSE, "chunks: a data set and a known chunking are needed, and no number is below 0");
    if ((parts && !o.parts) || (!parts && !groups && o.parts) || (groups && !(o.keys && *o.keys)) || (!groups && o.keys) ||
        (o.flags & ~(VCOL_CHUNK_ALIGN_CLUSTERS | VCOL_CHUNK_SORTED)) || ((o.flags & VCOL_CHUNK_ALIGN_CLUSTERS) && !parts) ||
        ((o.flags & VCOL_CHUNK_SORTED) && !groups))
        return vcol_error_format(err, VCOL_MISUSE, "chunks: parts, keys and flags belong to chunking into parts and by groups");
    if (o.first < 0 || o.first > d->entries || o.count > d->entries - o.first)
        return vcol_error_format(err, VCOL_RANGE, "%s: entries [%lld, %lld) of %lld", d->files[0].where, (long long)o.first,
                                 (long long)o.first + (long long)o.count, (long long)d->entries);
    vcol_partition *p = calloc(1, sizeof *p);
    if (!p)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to cut chunks");
    p->dataset = d;
    p->flags = o.flags;
    p->chunking = o.chunking;
    p->entries = o.entries ? o.entries : VCOL__DEFAULT_ENTRIES;
    p->parts = o.parts;
    p->first = p->position = o.first;
    p->end = o.count ? o.first + o.count : d->entries;
    p->part = 1;
    vcol_status status = groups ? vcol__groups_open(p, o.keys, &p->groups, err) : VCOL_OK;
    if (status != VCOL_OK)
        free(p);
    else
        *out = p;
    return status;
}

void vcol_partition_close(vcol_partition *p)
{
    if (!p)
        return;
    vcol__groups_close(p->groups);
    free(p);
}

int64_t vcol__partition_cut(const vcol_partition *p, int64_t i)
{
    return p->first + (int64_t)((__int128)(p->end - p->first) * i / p->parts);
}

int64_t vcol__partition_size(const vcol_partition *p)
{
    if (p->parts)
        return (p->end - p->first) / p->parts + 1;
    return p->chunking == VCOL_CHUNK_BY_ENTRIES || p->chunking == VCOL_CHUNK_BY_GROUPS ? p->entries : 0;
}

/* The first boundary of the file's clusters behind a row; the table's end if there is none. */
static int64_t cluster_behind(const vcol__infile *t, int64_t row)
{
    const int64_t *c = t->schema->clusters;
    int64_t low = 0, high = t->schema->n_clusters;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (c[mid] <= row)
            low = mid + 1;
        else
            high = mid;
    }
    /* else behind the table's own end */
    return t->schema->n_clusters > 0 && c[low] > row && c[low] < t->entries ? c[low] : t->entries;
}

/* The boundary nearest to a row of the file, the lower of two; 0 and the table's end are boundaries. */
static int64_t cluster_near(const vcol__infile *t, int64_t row)
{
    const int64_t *c = t->schema->clusters;
    int64_t above = cluster_behind(t, row), below = 0;
    int64_t low = 0, high = t->schema->n_clusters; /* the last boundary not behind the row is low - 1 */
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (c[mid] <= row)
            low = mid + 1;
        else
            high = mid;
    }
    if (low > 0)
        below = c[low - 1];
    return row - below <= above - row ? below : above;
}

/* Where the part that the position is in ends. */
static int64_t part_end(vcol_partition *p, const vcol__infile *t)
{
    while (p->part < p->parts) {
        int64_t cut = vcol__partition_cut(p, p->part);
        if (cut >= t->first + t->entries) /* in a later file, where the clusters are others; the chunk ends with this one */
            return cut;
        if (cut > p->position && (p->flags & VCOL_CHUNK_ALIGN_CLUSTERS))
            cut = t->first + cluster_near(t, cut - t->first);
        if (cut > p->position)
            return cut;
        p->part++;
    }
    return p->end;
}

vcol_status vcol_partition_next(vcol_partition *p, int64_t *first, int64_t *count, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !first || !count)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_partition_next: a partition and places are needed");
    if (p->position >= p->end)
        return VCOL_END;
    const vcol__infile *t = &p->dataset->files[vcol__dataset_file_of(p->dataset, p->position)];
    int64_t end = t->first + t->entries;
    if (p->chunking == VCOL_CHUNK_BY_ENTRIES) {
        if (end - p->position > p->entries)
            end = p->position + p->entries;
    } else if (p->chunking == VCOL_CHUNK_BY_CLUSTERS) {
        end = t->first + cluster_behind(t, p->position - t->first);
    } else if (p->chunking == VCOL_CHUNK_INTO_PARTS) {
        int64_t part = part_end(p, t);
        end = part < end ? part : end;
    } else if (p->chunking == VCOL_CHUNK_BY_GROUPS) {
        vcol_status status = vcol__groups_end(p, &end, err);
        if (status != VCOL_OK)
            return status;
    }
    if (end > p->end)
        end = p->end;
    *first = p->position;
    *count = end - p->position;
    p->position = end;
    return VCOL_OK;
}
