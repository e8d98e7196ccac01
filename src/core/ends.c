/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offsets of lists whose blocks tell where each ends (ENDS) or which item each holds (PICKS).
 *
 * Decode has written into leaf 0 the end of each row's list, counted through the object, rows of all blocks one
 * behind the other; place 0 holds the end of the row before the first, unless a run begins with the first row. The
 * sums are rebased here, in one pass over them: the first offset becomes 0, item0 is where the first list begins.
 * All numbers come from files: an end before the one before it, or a run that does not begin where the one before
 * it has ended, is CORRUPT. So are picks that do not count up by one.
 */
#include "core/work.h"

/* More items than could be numbered without overflow later on. */
#define MOST ((int64_t)1 << 50)

static vcol_status bad_end(const vcol__unit *u, int64_t row, int64_t end, int64_t before, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%s: the list of row %lld ends at item %lld, the one before it at %lld",
                             u->group->name, (long long)row, (long long)end, (long long)before);
}

/* Ends may be any numbers until they have been looked at. */
static int64_t added(int64_t end, int64_t by)
{
    return (int64_t)((uint64_t)end + (uint64_t)by);
}

/* Ends of a tile are in the first-level cache when they are changed, just after they have been looked at. */
#define TILE 1024

/* Whether n ends that follow `last` never fall and none is negative or beyond 2 * MOST; plain sums that compilers vectorise. */
static bool rise(const int64_t *ends, int64_t n, int64_t last)
{
    uint64_t bits = (uint64_t)ends[0] | (uint64_t)last, falls = (uint64_t)ends[0] - (uint64_t)last;
    for (int64_t i = 1; i < n; i++) {
        bits |= (uint64_t)ends[i];
        falls |= (uint64_t)ends[i] - (uint64_t)ends[i - 1];
    }
    return bits < 2 * (uint64_t)MOST && !(falls >> 63); /* of small numbers: the difference has a sign */
}

/* Rebases n ends that follow `last` by `by`; returns n, or the index of the first that lies before its predecessor. */
static int64_t rebase(int64_t *ends, int64_t n, int64_t last, int64_t by)
{
    bool plain = true;
    int64_t before = last;
    for (int64_t at = 0; at < n; at += TILE) {
        int64_t m = n - at < TILE ? n - at : TILE;
        plain = plain && rise(ends + at, m, before);
        before = ends[at + m - 1];
        for (int64_t i = 0; by && i < m; i++)
            ends[at + i] = added(ends[at + i], -by);
    }
    if (plain && before <= MOST)
        return n;
    before = last;
    for (int64_t i = 0; i < n; i++) {
        int64_t end = added(ends[i], by);
        if (end < before || end > MOST)
            return i;
        before = end;
    }
    return n;
}

/*
 * of run: `start` is the number that its first list begins with, in the numbers of the object; `had` items came before
 * it in this buffer, so its offsets are ends - (start - had).
 */
static vcol_status finish_ends(vcol__unit *u, const vcol__work *w, vcol_error *err)
{
    int64_t *o = u->base.leaf[0].data, start = 0, had = 0, last = 0;
    bool any = false;
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->asked;
        const vcol__place *p = &w->places[i];
        int64_t at = p->lo - u->row0 + 1, n = p->hi - p->lo;
        if (n <= 0 || (d->flags & VCOL_BLOCK_PREPARE))
            continue;
        if ((d->flags & VCOL_BLOCK_BEGINS) && p->lo == p->row) {
            int64_t origin = d->origin < 0 ? 0 : d->origin;
            had += last - start;
            if (had > MOST)
                return bad_end(u, p->lo, had, 0, err);
            if (any && d->origin >= 0 && origin != u->base.item0 + had)
                return vcol_error_format(
                    err, VCOL_CORRUPT, "%s: the lists before row %lld end at item %lld, those behind begin at %lld",
                    u->group->name, (long long)p->lo, (long long)(u->base.item0 + had), (long long)origin);
            start = last = origin;
            if (!any) {
                u->base.item0 = origin;
                if (p->lo < u->row0) /* the row before is the first of its run: its end is where ours begin */
                    start = last = u->base.item0 = o[0];
            }
        } else if (!any) {
            start = last = u->base.item0 = o[0];
        }
        if (!any && p->lo < u->row0) {
            if (start < 0 || start > MOST)
                return bad_end(u, p->lo, start, 0, err);
            at++;
            n--;
        }
        any = true;
        int64_t done = rebase(o + at, n, last, start - had);
        if (done != n)
            return bad_end(u, u->row0 + at + done - 1, added(o[at + done], start - had),
                           done ? added(o[at + done - 1], start - had) : last, err);
        if (n > 0)
            last = o[at + n - 1] + (start - had);
    }
    o[0] = 0;
    return VCOL_OK;
}

static vcol_status finish_picks(vcol__unit *u, vcol_error *err)
{
    int64_t *o = u->base.leaf[0].data, n = u->rows, items = 0;
    o[0] = 0;
    for (int64_t i = 1; i <= n; i++) {
        int64_t item = o[i];
        if (item >= 0) {
            if (items == 0)
                u->base.item0 = item;
            if (item > MOST || item != u->base.item0 + items)
                return vcol_error_format(err, VCOL_CORRUPT, "%s: row %lld has item %lld, not %lld", u->group->name,
                                         (long long)(u->row0 + i - 1), (long long)item,
                                         (long long)(u->base.item0 + items));
            items++;
        }
        o[i] = items;
    }
    return VCOL_OK;
}

vcol_status vcol__ends_finish(vcol__unit *u, const vcol__work *w, vcol_error *err)
{
    u->base.item0 = 0;
    return u->group->flags & VCOL_GROUP_PICKS ? finish_picks(u, err) : finish_ends(u, w, err);
}
