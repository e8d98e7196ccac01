/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The work of a load: the blocks that it needs, in the order in which the reader has named them.
 *
 * plan asks the reader; where blocks hold others, expand reads them and puts those in their place. A load's
 * work is made by the thread that plans or runs it, and seen by helpers through load->work, under the stripe
 * lock.
 */
#include "core/work.h"

#include "core/tier.h"

#include <string.h>

struct vcol_block_sink {
    vcol__unit *u;
    vcol__work *work;
    vcol__block *parent; /* EXPANDS: pushes come from this block's inspect */
    int64_t first;       /* the first of these pushes: `needs` counts from there */
    uint64_t shift;      /* bytes that are added to where a block is said to be */
};

void vcol__sink_shift(vcol_block_sink *sink, uint64_t bytes)
{
    if (sink) /* inspect without replacement has none */
        sink->shift = bytes;
}

void vcol__work_free(vcol__unit *u, vcol__work *w)
{
    vcol_manager *m = u->base.manager;
    vcol__lock_take(&m->blocks.lock);
    for (int64_t i = 0; i < w->n; i++)
        if (w->blocks[i]->keeper == w)
            w->blocks[i]->keeper = NULL;
    vcol__lock_drop(&m->blocks.lock);
    for (int64_t i = 0; i < w->n; i++) {
        vcol__block *b = w->blocks[i];
        if (w->held && w->held[i])
            vcol__block_unpin(b);
        vcol__block_unref(b);
    }
    vcol__memory_delete(m, w->blocks, (size_t)w->capacity * sizeof *w->blocks);
    vcol__memory_delete(m, w->needs, (size_t)w->capacity * sizeof *w->needs);
    vcol__memory_delete(m, w->held, (size_t)w->n * sizeof *w->held);
    vcol__memory_delete(m, w->places, (size_t)w->n * sizeof *w->places);
    vcol__memory_delete(m, w, sizeof *w);
}

vcol_status vcol_block_push(vcol_block_sink *sink, const vcol_block *pushed, vcol_error *err)
{
    vcol_block shifted = *pushed, *d = &shifted;
    vcol__work *w = sink->work;
    vcol__unit *u = sink->u;
    vcol_manager *m = u->base.manager;
    uint64_t end;
    if (!d->memory && __builtin_add_overflow(d->offset, sink->shift, &d->offset))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: block at byte %llu", u->group->name, (unsigned long long)pushed->offset);
    if (__builtin_add_overflow(d->offset, d->stored, &end) || (!d->memory && end > u->file->size))
        return vcol_error_format(
            err, VCOL_CORRUPT, "%s: block at byte %llu has %llu bytes, the file ends at %llu", u->group->name,
            (unsigned long long)d->offset, (unsigned long long)d->stored, (unsigned long long)u->file->size);
    if (sink->parent && !d->memory &&
        (d->offset < sink->parent->asked.offset ||
         end > sink->parent->asked.offset + sink->parent->asked.stored))
        return vcol_error_format(err, VCOL_CORRUPT,
                                 "%s: block at byte %llu lies outside the one that holds it", u->group->name,
                                 (unsigned long long)d->offset);
    if (d->unpacked > (uint64_t)1 << 40)
        return vcol_error_format(err, VCOL_CORRUPT, "%s: block at byte %llu claims %llu unpacked bytes",
                                 u->group->name, (unsigned long long)d->offset,
                                 (unsigned long long)d->unpacked);
    if (w->n == w->capacity) {
        int64_t capacity = w->capacity ? w->capacity * 2 : 16;
        vcol__block **more = vcol__memory_new(m, (size_t)capacity * sizeof *more);
        if (!more)
            return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)capacity);
        if (w->n)
            memcpy(more, w->blocks, (size_t)w->n * sizeof *more);
        int32_t *needs = vcol__memory_new(m, (size_t)capacity * sizeof *needs);
        if (!needs) {
            vcol__memory_delete(m, more, (size_t)capacity * sizeof *more);
            return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)capacity);
        }
        if (w->n)
            memcpy(needs, w->needs, (size_t)w->n * sizeof *needs);
        vcol__memory_delete(m, w->blocks, (size_t)w->capacity * sizeof *more);
        vcol__memory_delete(m, w->needs, (size_t)w->capacity * sizeof *needs);
        w->blocks = more;
        w->needs = needs;
        w->capacity = capacity;
    }
    vcol_status status = vcol__block_open(u->file, u->base.group, d, sink->parent, &w->blocks[w->n], err);
    if (status == VCOL_OK)
        w->needs[w->n++] = d->needs < 0 ? -1 : (int32_t)(sink->first + d->needs);
    return status;
}

static vcol_status make(vcol__unit *u, const vcol_deps *deps, bool guess, vcol__work **out, vcol_error *err)
{
    const vcol_reader *reader = u->file->reader;
    vcol_manager *m = u->base.manager;
    vcol__work *w = vcol__memory_new(m, sizeof *w);
    vcol_block_sink sink = {u, w, NULL, 0, 0};
    uint64_t stored = 0;
    *out = NULL;
    if (!w)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to plan");
    w->guess = guess;
    vcol_status status = VCOL_OK;
    int64_t start = VCOL__TRACE_BEGIN(m);
    if (guess && u->base.entries > 0 && reader->expect)
        status = reader->expect(u->file->object, u->base.group, u->base.first, u->base.entries, &sink, err);
    else if (!guess && u->rows > 0)
        status = reader->plan(u->file->object, u->base.group, u->row0, u->rows, deps, &sink, err);
    for (int64_t i = 0; i < w->n; i++)
        stored += w->blocks[i]->asked.stored;
    VCOL__TRACE_END(m, VCOL__TRACE_PLAN, start, u->base.name, 0);
    if (!guess)
        VCOL__COUNT(m, bytes_asked, stored);
    vcol__log_add(m, VCOL_LOG_PLAN, u->base.name, u->base.group, u->base.first, u->base.entries, 0, stored);
    if (status != VCOL_OK) {
        vcol__work_free(u, w);
        return status;
    }
    *out = w;
    return VCOL_OK;
}

vcol_status vcol__work_plan(vcol__unit *u, const vcol_deps *deps, vcol__work **out, vcol_error *err)
{
    return make(u, deps, false, out, err);
}

vcol_status vcol__work_expect(vcol__unit *u, vcol__work **out, vcol_error *err)
{
    return make(u, NULL, true, out, err);
}

vcol_status vcol__work_expand(vcol__hand *h, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__work *w = h->work, *fresh;
    vcol_manager *m = u->base.manager;
    bool any = false;
    for (int64_t i = 0; i < w->n && !any; i++)
        any = (w->blocks[i]->asked.flags & VCOL_BLOCK_EXPANDS) != 0;
    if (!any)
        return VCOL_OK;
    fresh = vcol__memory_new(m, sizeof *fresh);
    if (!fresh)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to plan");
    vcol_status status = VCOL_OK;
    vcol_block_sink sink = {u, fresh, NULL, 0, 0};
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++) {
        vcol__block *b = w->blocks[i];
        if (!(b->asked.flags & VCOL_BLOCK_EXPANDS)) {
            status = vcol_block_push(&sink, &b->asked, err);
            continue;
        }
        status = vcol__hand_ensure(h, vcol__work_window(u, w, i), err);
        if (status == VCOL_OK)
            status = vcol__fetch_now(w->blocks, i, w->n, h->grant, true, err);
        if (status == VCOL_OK) {
            vcol_block d = b->asked;
            vcol__tier_used(b);
            sink.parent = b;
            sink.first = fresh->n;
            vcol__lock_none_held();
            status =
                u->file->reader->inspect(u->file->object, u->base.group, &d, b->stored_bytes, &sink, err);
            sink.parent = NULL;
            sink.first = 0;
        }
        if (status == VCOL_OK && vcol__tier_wants(u->file))
            vcol__tier_keep(b, u->pass); /* nobody drops it while the blocks in it are in use */
    }
    if (status != VCOL_OK) {
        vcol__work_free(u, fresh);
        return status;
    }
    vcol__lock_take(&u->base.stripe->lock);
    h->load->work = h->work = fresh;
    vcol__lock_drop(&u->base.stripe->lock);
    fresh->deps = w->deps;
    vcol__work_free(u, w);
    return VCOL_OK;
}

vcol_status vcol__work_tables(vcol__hand *h, vcol_error *err)
{
    vcol__work *w = h->work;
    vcol_manager *m = h->u->base.manager;
    if (w->n == 0)
        return VCOL_OK;
    w->places = vcol__memory_new(m, (size_t)w->n * sizeof *w->places);
    w->held = vcol__memory_new(m, (size_t)w->n * sizeof *w->held);
    return w->places && w->held
               ? VCOL_OK
               : vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)w->n);
}

/* Its bytes have to be read, and have no memory yet. blocks.lock is held. */
static bool unread_locked(const vcol__block *b)
{
    return b->plain_state != VCOL__PLAIN_HERE && b->stored_state == VCOL__STORED_NONE && !b->asked.memory && b->asked.stored > 0;
}

bool vcol__work_reserves(vcol__work *w, int64_t i)
{
    vcol__block *b = w->blocks[i];
    vcol__blocks *r = &b->file->manager->blocks;
    vcol__lock_take(&r->lock);
    bool mine = b->plain_state != VCOL__PLAIN_HERE && (!b->keeper || b->keeper == w);
    if (mine)
        b->keeper = w;
    vcol__lock_drop(&r->lock);
    return mine;
}

int64_t vcol__work_unread(const vcol__work *w)
{
    int64_t i = 0;
    if (w->n == 0)
        return -1;
    vcol__blocks *r = &w->blocks[0]->file->manager->blocks;
    vcol__lock_take(&r->lock);
    while (i < w->n && !unread_locked(w->blocks[i]))
        i++;
    vcol__lock_drop(&r->lock);
    return i < w->n ? i : -1;
}

bool vcol__work_arrived(const vcol__work *w)
{
    int64_t i = 0;
    if (w->n == 0)
        return true;
    vcol__blocks *r = &w->blocks[0]->file->manager->blocks;
    vcol__lock_take(&r->lock);
    while (i < w->n && !unread_locked(w->blocks[i]) && w->blocks[i]->stored_state != VCOL__STORED_QUEUED &&
           w->blocks[i]->stored_state != VCOL__STORED_FLYING)
        i++;
    vcol__lock_drop(&r->lock);
    return i == w->n;
}

uint64_t vcol__work_input(const vcol__work *w)
{
    uint64_t bytes = 0;
    if (w->n == 0)
        return 0;
    vcol__blocks *r = &w->blocks[0]->file->manager->blocks;
    vcol__lock_take(&r->lock);
    for (int64_t i = 0; i < w->n; i++)
        if (unread_locked(w->blocks[i]))
            bytes += vcol__memory_capacity(w->blocks[i]->asked.stored);
    vcol__lock_drop(&r->lock);
    return bytes;
}

uint64_t vcol__work_window(const vcol__unit *u, const vcol__work *w, int64_t i)
{
    vcol__blocks *r = &u->file->manager->blocks;
    uint64_t bytes = 0, charged = 0;
    vcol__lock_take(&r->lock);
    for (int64_t k = i; k < w->n && (k == i || bytes + w->blocks[k]->asked.stored <= u->file->read_size);
         k++) {
        if (!unread_locked(w->blocks[k]))
            continue;
        bytes += w->blocks[k]->asked.stored;
        charged += vcol__memory_capacity(w->blocks[k]->asked.stored);
    }
    vcol__lock_drop(&r->lock);
    return charged + (charged && w->n > 1 ? vcol__memory_capacity(u->file->gap) : 0);
}

const void *vcol__work_needed(const vcol__work *w, int64_t i)
{
    int32_t needs = w->needs[i];
    return needs >= 0 && needs < w->n ? w->blocks[needs]->state : NULL;
}

vcol_deps vcol__work_deps(const vcol__unit *u, const vcol__work *w, int64_t lo, int64_t hi)
{
    vcol_deps deps = w->deps;
    deps.offsets += lo - u->base.first;
    deps.first = lo;
    deps.count = hi - lo;
    return deps;
}
