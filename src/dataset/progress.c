/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arithmetic of vcol/progress.h. A rate is a mean with exponentially falling weights over time: an interval that ended
 * t seconds ago weighs exp(-t / MEMORY). In the first seconds the weights do not yet add up to 1, and the mean is
 * divided by what they add up to; so the first report's rate is that of the first interval, and a pause wears off.
 */
#include <vcol/progress.h>

#include <math.h>
#include <string.h>

#define MEMORY 5.0 /* seconds */

void vcol_progress_begin(vcol_progress *p, int64_t entries_total, uint64_t bytes_total, double now)
{
    memset(p, 0, sizeof *p);
    p->entries_total = entries_total;
    p->bytes_total = bytes_total;
    p->start = p->last = now;
    p->remaining = -1;
}

/* A mean of weight `weight`, with an interval of weight 1 - keep added. */
static double mix(double mean, double weight, double keep, double fresh)
{
    return (mean * weight * keep + fresh * (1 - keep)) / (weight * keep + 1 - keep);
}

void vcol_progress_update(vcol_progress *p, int64_t entries, uint64_t bytes, double now)
{
    double passed = now - p->last;
    p->entries = entries;
    p->bytes = bytes;
    p->seconds = now > p->start ? now - p->start : 0;
    if (passed > 0 && entries >= p->last_entries && bytes >= p->last_bytes) {
        double keep = exp(-passed / MEMORY);
        p->rate = mix(p->rate, p->weight, keep, (double)(entries - p->last_entries) / passed);
        p->bytes_rate = mix(p->bytes_rate, p->weight, keep, (double)(bytes - p->last_bytes) / passed);
        p->weight = p->weight * keep + 1 - keep;
        p->last = now;
        p->last_entries = entries;
        p->last_bytes = bytes;
    }
    double left = (double)(p->entries_total - entries);
    p->remaining = left <= 0 ? 0 : p->rate > 0 ? left / p->rate : -1;
}
