/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a column is wanted again: the one rule that releases, folds, peaks and hints follow from.
 *
 * After the end of step `at` come the steps behind it; in a round that is passed again first the rest of the round, then
 * the whole of it once more. What a whole round does not touch, no number of rounds does: then come the steps behind
 * the round. The first event of the column on that way decides: a use, and it is wanted; made anew without being read, or
 * nothing, and it is not.
 */
#include "dataset/plan.h"

#include <stdlib.h>

static int by_key(const void *a_void, const void *b_void)
{
    const vcol__event *a = a_void, *b = b_void;
    return a->key != b->key ? (a->key < b->key ? -1 : 1) : a->step != b->step ? (a->step < b->step ? -1 : 1) : 0;
}

void vcol__events_sort(vcol__event *events, int64_t n)
{
    if (n > 0)
        qsort(events, (size_t)n, sizeof *events, by_key);
}

/* The first event at one of the steps [first, last]; NULL if there is none. */
static const vcol__event *first_event(const vcol__event *events, int64_t n, int64_t first, int64_t last)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (events[mid].step < first)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && events[low].step <= last ? &events[low] : NULL;
}

int64_t vcol__event_next(const vcol__event *events, int64_t n, int64_t at, const vcol__plan_fold *round)
{
    const vcol__event *e;
    int64_t passed = 0;
    if (round) {
        e = first_event(events, n, at + 1, round->last);
        if (e)
            return e->uses ? e->step - at - 1 : -1;
        passed = round->last - at;
        e = first_event(events, n, round->first, round->last);
        if (e)
            return e->uses ? passed + e->step - round->first : -1;
        passed += round->last - round->first + 1;
        at = round->last;
    }
    e = first_event(events, n, at + 1, INT64_MAX);
    return e && e->uses ? passed + e->step - at - 1 : -1;
}
