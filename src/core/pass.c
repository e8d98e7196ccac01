/* SPDX-License-Identifier: BSD-3-Clause */
/* A pass over a data set: what it carries, and until when. See pass.h. */
#include "core/pass.h"

#include "core/buffer.h"

#include <string.h>

void vcol__pass_init(vcol__pass *p, vcol_manager *m)
{
    memset(p, 0, sizeof *p);
    vcol__lock_init(&p->lock, LEVEL_CHUNK);
    p->manager = m;
}

/* Takes blocks that end at or before `position` out, at most n; the rest stays. */
static int64_t take_done(vcol__pass *p, int64_t position, vcol__block **out, int64_t n)
{
    int64_t taken = 0, kept = 0;
    vcol__lock_take(&p->lock);
    for (int64_t i = 0; i < p->n; i++) {
        vcol__block *b = p->blocks[i];
        if (taken < n && atomic_load_explicit(&b->until, memory_order_relaxed) <= position) {
            b->carrier = NULL;
            out[taken++] = b;
        } else {
            p->blocks[kept++] = b;
        }
    }
    p->n = kept;
    vcol__lock_drop(&p->lock);
    return taken;
}

static void drop_done(vcol__pass *p, int64_t position)
{
    vcol__block *done[64];
    int64_t n;
    do {
        n = take_done(p, position, done, 64);
        for (int64_t i = 0; i < n; i++)
            vcol__block_unref(done[i]);
    } while (n == 64);
}

void vcol__pass_begin(vcol__pass *p, uint64_t number)
{
    uint64_t last = atomic_load_explicit(&p->last, memory_order_relaxed);
    atomic_store_explicit(&p->before, last ? last : number, memory_order_relaxed);
    atomic_store_explicit(&p->last, number, memory_order_relaxed);
    atomic_store_explicit(&p->number, number, memory_order_relaxed);
}

void vcol__pass_reset(vcol__pass *p)
{
    atomic_store_explicit(&p->number, 0, memory_order_relaxed);
    drop_done(p, INT64_MAX);
}

void vcol__pass_destroy(vcol__pass *p)
{
    vcol__pass_reset(p);
    vcol__memory_delete(p->manager, p->open, (size_t)p->open_capacity * sizeof *p->open);
    vcol__memory_delete(p->manager, p->blocks, (size_t)p->capacity * sizeof *p->blocks);
    vcol__memory_delete(p->manager, p->counted, (size_t)p->counted_capacity * sizeof *p->counted);
    vcol__lock_destroy(&p->lock);
}

static int64_t position_locked(const vcol__pass *p, int64_t otherwise)
{
    int64_t position = p->n_open ? INT64_MAX : otherwise;
    for (int64_t i = 0; i < p->n_open; i++)
        if (p->open[i] < position)
            position = p->open[i];
    return p->n_unknown ? 0 : position;
}

void vcol__pass_enter(vcol__pass *p, int64_t first)
{
    vcol__lock_take(&p->lock);
    if (p->n_open == p->open_capacity) {
        int64_t capacity = p->open_capacity ? p->open_capacity * 2 : 64;
        int64_t *more = vcol__memory_new(p->manager, (size_t)capacity * sizeof *more);
        if (more) {
            if (p->n_open)
                memcpy(more, p->open, (size_t)p->n_open * sizeof *more);
            vcol__memory_delete(p->manager, p->open, (size_t)p->open_capacity * sizeof *p->open);
            p->open = more;
            p->open_capacity = capacity;
        }
    }
    if (p->n_open < p->open_capacity)
        p->open[p->n_open++] = first;
    else
        p->n_unknown++;
    atomic_store(&p->position, position_locked(p, first));
    vcol__lock_drop(&p->lock);
}

void vcol__pass_leave(vcol__pass *p, int64_t first, int64_t end)
{
    vcol__lock_take(&p->lock);
    int64_t i = 0;
    while (i < p->n_open && p->open[i] != first)
        i++;
    if (i < p->n_open)
        p->open[i] = p->open[--p->n_open];
    else
        p->n_unknown--;
    int64_t position = position_locked(p, end);
    atomic_store(&p->position, position);
    vcol__lock_drop(&p->lock);
    drop_done(p, position);
}

void vcol__pass_carry(vcol__pass *p, vcol__block *b)
{
    vcol_manager *m = p->manager;
    vcol__lock_take(&p->lock);
    bool carry = !b->carrier && atomic_load_explicit(&b->until, memory_order_relaxed) > atomic_load(&p->position);
    if (carry && p->n == p->capacity) {
        int64_t capacity = p->capacity ? p->capacity * 2 : 64;
        vcol__block **more = vcol__memory_new(m, (size_t)capacity * sizeof *more);
        if (more) {
            if (p->n)
                memcpy(more, p->blocks, (size_t)p->n * sizeof *more);
            vcol__memory_delete(m, p->blocks, (size_t)p->capacity * sizeof *p->blocks);
            p->blocks = more;
            p->capacity = capacity;
        } else {
            carry = false; /* it will be unpacked again */
        }
    }
    if (carry) {
        vcol__block_ref(b);
        b->carrier = p;
        atomic_store_explicit(&b->evictable.ahead, true, memory_order_relaxed); /* no prefetch evicts it */
        p->blocks[p->n++] = b;
    }
    int64_t row = atomic_load(&p->position);
    vcol__lock_drop(&p->lock);
    row = b->asked.first_entry > row ? b->asked.first_entry : row;
    if (carry && row >= 0 && row < (int64_t)1 << 40)
        vcol__evict_hint(m, &b->evictable, (uint64_t)(p->origin + row + 1) << VCOL__PLACE_BITS);
}

void vcol__pass_lend(vcol__pass *p, vcol_buffer *offsets)
{
    vcol_manager *m = p->manager;
    vcol__lock_take(&p->lock);
    bool room = p->n_counted < p->counted_capacity;
    if (!room) {
        int64_t capacity = p->counted_capacity ? p->counted_capacity * 2 : 16;
        vcol_buffer **more = vcol__memory_new(m, (size_t)capacity * sizeof *more);
        if (more) {
            if (p->n_counted)
                memcpy(more, p->counted, (size_t)p->n_counted * sizeof *more);
            vcol__memory_delete(m, p->counted, (size_t)p->counted_capacity * sizeof *p->counted);
            p->counted = more;
            p->counted_capacity = capacity;
            room = true;
        } /* else counters are unpacked again where these would have helped */
    }
    if (room)
        p->counted[p->n_counted++] = offsets;
    vcol__lock_drop(&p->lock);
}

void vcol__pass_take_back(vcol__pass *p, vcol_buffer *offsets)
{
    vcol__lock_take(&p->lock);
    for (int64_t i = 0; i < p->n_counted; i++) {
        if (p->counted[i] == offsets) {
            p->counted[i] = p->counted[--p->n_counted];
            break;
        }
    }
    vcol__lock_drop(&p->lock);
}

/* Offsets of the group that cover `row`, pinned and referenced; NULL if there are none, or they cannot be loaded. */
static vcol_buffer *counted_at(vcol__pass *p, int32_t group, int64_t row)
{
    vcol_buffer *found = NULL;
    vcol__lock_take(&p->lock);
    for (int64_t i = 0; i < p->n_counted && !found; i++) {
        vcol_buffer *b = p->counted[i];
        if (b->group == group && b->first <= row && row < b->first + b->entries)
            found = b;
    }
    if (found)
        vcol_buffer_acquire(found); /* lent: its chunk has a reference still */
    vcol__lock_drop(&p->lock);
    if (found && vcol__buffer_pin(found, NULL) != VCOL_OK) {
        vcol_buffer_release(found);
        found = NULL;
    }
    return found;
}

bool vcol__pass_items(vcol__pass *p, int32_t group, int64_t first, int64_t end, int64_t *items)
{
    int64_t row = first;
    *items = 0;
    while (row < end) {
        vcol_buffer *b = p ? counted_at(p, group, row) : NULL;
        if (!b)
            return false;
        const int64_t *offsets = b->leaf[0].data;
        int64_t stop = b->first + b->entries < end ? b->first + b->entries : end;
        *items += offsets[stop - b->first] - offsets[row - b->first]; /* each bounded by sum_counts (counts.c) */
        row = stop;
        vcol__buffer_unpin(b);
        vcol_buffer_release(b);
    }
    return true;
}
