/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places: where the rows of each block, and the items in them, lie in the unit's leaves.
 *
 * They are known from the metadata and the offsets that the group depends on, or measured in the unpacked
 * bytes. Wanted rows are tiled by the blocks in order, without a hole. All numbers come from files: sums are
 * checked.
 */
#include "core/work.h"

#include <string.h>

/* Which of a block's rows are wanted, for a block at `row`. */
static void place_rows(const vcol__unit *u, vcol__place *p, int64_t first, int64_t row, int64_t rows)
{
    int64_t end = u->row0 + u->rows;
    p->row = row;
    p->rows = rows;
    p->lo = row > first ? row : first;
    p->hi = row + rows < end ? row + rows : end;
    if (p->hi < p->lo)
        p->hi = p->lo;
    p->items[0] = p->hi - p->lo;
    p->before[0] = p->lo - u->row0;
}

static vcol_status hole(const vcol__unit *u, int64_t at, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%s: no block holds %s %lld of [%lld, %lld)", u->group->name,
                             u->group->flags & VCOL_GROUP_ITEMS ? "item" : "entry", (long long)at,
                             (long long)u->row0, (long long)u->row0 + (long long)u->rows);
}

/* The first row that is wanted: with ends of lists that of the row before too, which is where the first list begins. */
static int64_t first_row(const vcol__unit *u, const vcol__work *w)
{
    if (!(u->group->flags & VCOL_GROUP_ENDS) || u->rows == 0)
        return u->row0;
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->asked;
        if ((d->flags & VCOL_BLOCK_BEGINS) && d->first_entry == u->row0 && d->entries > 0)
            return u->row0;
    }
    return u->row0 - 1;
}

vcol_status vcol__place_known(vcol__hand *h, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__work *w = h->work;
    int64_t first = first_row(u, w), at = first;
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->asked;
        vcol__place *p = &w->places[i];
        if (d->flags & VCOL_BLOCK_PREPARE)
            continue;
        if (d->entries < 0 || d->first_entry < 0 || d->entries > INT64_MAX - d->first_entry)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: rows of a block are unknown", u->group->name);
        place_rows(u, p, first, d->first_entry, d->entries);
        if (p->hi == p->lo)
            continue;
        if (p->lo != at)
            return hole(u, at, err);
        at = p->hi;
        if (vcol__unit_has_deps(u)) {
            const int64_t *o = w->deps.offsets;
            p->before[1] = o[p->lo - u->base.first] - o[0];
            p->items[1] = o[p->hi - u->base.first] - o[p->lo - u->base.first];
        }
    }
    return at == u->row0 + u->rows ? VCOL_OK : hole(u, at, err);
}

vcol_status vcol__place_measured(vcol__hand *h, int64_t *total, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__work *w = h->work;
    int64_t next_row = -1, at = u->row0, end = u->row0 + u->rows;
    const vcol_reader *reader = u->file->reader;
    bool counted = (u->group->flags & VCOL_GROUP_COUNTED) != 0;
    memset(total, 0, (VCOL_MAX_LEVELS + 1) * sizeof *total);
    for (int64_t i = 0; i < w->n; i++) {
        vcol__block *b = w->blocks[i];
        vcol__place *p = &w->places[i];
        if (b->asked.flags & VCOL_BLOCK_PREPARE)
            continue;
        const void *state = vcol__work_needed(w, i);
        int64_t rows = b->asked.entries, items[VCOL_MAX_LEVELS] = {0};
        int64_t row = rows >= 0 || next_row < 0 ? b->asked.first_entry : next_row;
        vcol_status status = VCOL_OK;
        bool all = false;
        if (rows < 0 && !counted) {
            status = reader->measure(u->file->object, u->base.group, &b->d, b->plain_bytes, state, NULL, 0, -1,
                                     &rows, items, err);
            all = true;
        }
        if (status != VCOL_OK)
            return status;
        if (rows < 0 || row < 0 || rows > INT64_MAX - row)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: a block of %lld rows", u->group->name,
                                     (long long)rows);
        next_row = row + rows;
        place_rows(u, p, u->row0, row, rows);
        if (p->hi == p->lo)
            continue;
        if (p->lo != at)
            return hole(u, at, err);
        at = p->hi;
        if (!all || p->lo != row || p->hi != next_row) {
            int64_t measured = p->hi - p->lo;
            vcol_deps deps = counted ? vcol__work_deps(u, w, p->lo, p->hi) : (vcol_deps){0};
            status = reader->measure(u->file->object, u->base.group, &b->d, b->plain_bytes, state, counted ? &deps : NULL,
                                     p->lo - row, p->hi - p->lo, &measured, items, err);
            if (status != VCOL_OK)
                return status;
            if (counted && items[0] != deps.offsets[deps.count] - deps.offsets[0])
                return vcol_error_format(err, VCOL_CORRUPT, "%s: %lld lists where %lld items are counted", u->group->name,
                                         (long long)items[0], (long long)(deps.offsets[deps.count] - deps.offsets[0]));
        }
        for (int k = 1; k <= VCOL_MAX_LEVELS; k++) {
            p->items[k] = items[k - 1];
            p->before[k] = total[k];
            if (items[k - 1] < 0 || __builtin_add_overflow(total[k], items[k - 1], &total[k]))
                return vcol_error_format(err, VCOL_CORRUPT, "%s: a block of %lld items", u->group->name,
                                         (long long)items[k - 1]);
        }
    }
    total[0] = u->rows;
    return at == end ? VCOL_OK : hole(u, at, err);
}

vcol_status vcol__place_layout(const vcol__unit *u, const int64_t *total, vcol__layout *out, vcol_error *err)
{
    out->bytes = 0;
    for (int32_t l = 0; l < u->group->n_leaves; l++) {
        const vcol_leaf *leaf = &u->group->leaves[l];
        int64_t n = total[leaf->domain];
        size_t size = 0;
        bool over = n < 0;
        if (leaf->role == VCOL_LEAF_VALUES) {
            over = over || __builtin_mul_overflow(n, leaf->multiple, &n) ||
                   __builtin_mul_overflow((size_t)n, vcol_type_width(leaf->type), &size);
            out->count[l] = n;
        } else if (leaf->role == VCOL_LEAF_OFFSETS) {
            over = over || __builtin_mul_overflow((size_t)n + 1, sizeof(int64_t), &size);
            out->count[l] = n + 1;
        } else {
            size = ((size_t)n + 7) / 8;
            out->count[l] = n;
        }
        if (over || size > (size_t)1 << 46)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: %lld items are more than there can be",
                                     u->group->name, (long long)n);
        out->size[l] = size;
        out->bytes += vcol__memory_capacity(size);
    }
    return VCOL_OK;
}

/*
 * Offsets can count any number of items, and memory for them is taken before a block is looked at. Where they
 * count far more than the blocks seem to hold, all blocks are unpacked first: an item takes at least a bit,
 * and becomes at most 64.
 */
#define DOUBTFUL ((uint64_t)64 << 20)

bool vcol__place_plausible(const vcol__work *w, const vcol__layout *layout)
{
    uint64_t bytes = 0;
    for (int64_t i = 0; i < w->n; i++)
        bytes += w->blocks[i]->asked.unpacked;
    return layout->bytes <= DOUBTFUL || bytes == 0 || layout->bytes / 64 <= bytes;
}

vcol_status vcol__place_check(const vcol__unit *u, const vcol__work *w, vcol_error *err)
{
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->d;
        int64_t items = w->places[i].items[1];
        if (!(d->flags & VCOL_BLOCK_PREPARE) && d->unpacked > 0 && (uint64_t)items / 8 > d->unpacked)
            return vcol_error_format(
                err, VCOL_CORRUPT,
                "%s, block at byte %llu: the counts say %lld items, its content has %llu bytes",
                u->group->name, (unsigned long long)d->offset, (long long)items,
                (unsigned long long)d->unpacked);
    }
    return VCOL_OK;
}
