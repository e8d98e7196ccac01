/* SPDX-License-Identifier: BSD-3-Clause */
/* What a pass tells about itself: entries from whoever walks, bytes from the files, time from the manager's clock. */
#include "dataset/report.h"

#define NEIGHBOURS 16 /* leaves of one branch stand together */

static double seconds(const vcol_dataset *d)
{
    return 1e-9 * (double)vcol__clock(d->manager);
}

static uint64_t bytes_read(const vcol_dataset *d)
{
    uint64_t bytes = 0;
    for (int64_t f = 0; f < d->n_files; f++) /* relaxed: a number for people */
        bytes += atomic_load_explicit(&d->files[f].binding.bytes_read, memory_order_relaxed);
    return bytes;
}

void vcol__report_begin(vcol__report *r, const vcol_dataset *d, int64_t entries, vcol_progress_fn call, void *opaque)
{
    *r = (vcol__report){.dataset = d, .call = call, .opaque = opaque};
    if (!call)
        return;
    r->read_before = bytes_read(d);
    vcol_progress_begin(&r->progress, entries, 0, seconds(d));
}

void vcol__report_done(vcol__report *r, int64_t entries, uint64_t bytes_total)
{
    if (!r->call)
        return;
    vcol__lock_none_held();
    r->progress.bytes_total = bytes_total;
    vcol_progress_update(&r->progress, entries, bytes_read(r->dataset) - r->read_before, seconds(r->dataset));
    r->call(&r->progress, r->opaque);
}

uint64_t vcol__report_total(const vcol_dataset *d, const int64_t *columns, int64_t n, int64_t entries)
{
    const vcol_schema *s = d->files[0].schema;
    double bytes = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t group = s->columns[columns[i]].values.group;
        bool told = s->columns[columns[i]].status != VCOL_OK; /* columns that share blocks tell the same bytes */
        for (int64_t k = i - 1; k >= 0 && k >= i - NEIGHBOURS && !told; k--)
            told = group >= 0 && s->columns[columns[k]].values.group == group;
        bytes += told ? 0 : (double)d->columns[columns[i]].stored;
    }
    return d->entries > 0 ? (uint64_t)(bytes * ((double)entries / (double)d->entries)) : 0;
}
