/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages of single blocks: fetch, inspect, unpack, prepare, decode.
 *
 * A block whose place is known goes through all of them at once (direct): it is unpacked into the thread's
 * scratch, which stays in the cache, and decoded from there into its final place; its tail (what lies behind
 * the content) is not unpacked where the codec allows that. Else it is held, unpacked and pinned, until its
 * place is known and it is decoded. A block that others wait for, or that the pass carries on, is unpacked
 * into memory of its own.
 */
#include "core/work.h"

#include "core/tier.h"

#include <string.h>

/* The block belongs to this thread (BUSY): its stored bytes are made present and it is inspected. */
static vcol_status fetch_and_inspect(vcol__hand *h, int64_t i, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__block *b = h->work->blocks[i];
    vcol_status status = VCOL_OK;
    vcol__stored_state stored = vcol__block_stored_state(b);
    if (stored == VCOL__STORED_HERE) {
        vcol__tier_used(b);
    } else {
        vcol_error why = {0};
        if (stored == VCOL__STORED_NONE)
            status = vcol__hand_ensure(h, vcol__work_window(u, h->work, i), err);
        if (status == VCOL_OK) {
            status = vcol__fetch_now(h->work->blocks, i, h->work->n, h->grant, true, &why);
            if (status != VCOL_OK && err && !err->status) {
                vcol_error_format(err, status, "%s, block at byte %llu: %.300s", u->group->name,
                                  (unsigned long long)b->d.offset, why.message);
                err->os_errno = why.os_errno;
            }
        }
    }
    if (status == VCOL_OK && !b->inspected) {
        vcol_block d = b->d;
        vcol__lock_none_held();
        status = u->file->reader->inspect(u->file->object, u->base.group, &d, b->stored_bytes, NULL, err);
        if (status == VCOL_OK && d.unpacked > (uint64_t)1 << 40)
            status = vcol_error_format(err, VCOL_CORRUPT, "%s, block at byte %llu: %llu unpacked bytes",
                                       u->group->name, (unsigned long long)d.offset,
                                       (unsigned long long)d.unpacked);
        if (status == VCOL_OK && (d.flags & VCOL_BLOCK_AS_IS) &&
            (d.skip_stored > d.stored || d.unpacked > d.stored - d.skip_stored))
            status =
                vcol_error_format(err, VCOL_CORRUPT, "%s, block at byte %llu: plain bytes reach beyond it",
                                  u->group->name, (unsigned long long)d.offset);
        if (status == VCOL_OK) {
            /* identity and rows stay what plan said */
            d.offset = b->d.offset;
            d.stored = b->d.stored;
            d.memory = b->d.memory;
            d.first_entry = b->d.first_entry;
            d.entries = b->d.entries;
            b->d = d;
            b->inspected = true;
        }
    }
    return status;
}

/*
 * The block belongs to this thread (BUSY): unpacks it. keep: into memory of the block's own; else into
 * scratch. want: bytes needed. *plain is where they are.
 */
static vcol_status unpack(vcol__hand *h, vcol__block *b, bool keep, uint64_t want, const void **plain,
                          vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol_manager *m = u->base.manager;
    vcol_status status = VCOL_OK;
    if (b->d.flags & VCOL_BLOCK_AS_IS) {
        *plain = b->plain_bytes = (const char *)b->stored_bytes + b->d.skip_stored;
    } else {
        void *dst = NULL;
        if (keep) {
            status = vcol__hand_take(h, b->d.unpacked, &b->plain, err);
            dst = b->plain.data;
            b->plain_bytes = dst;
        } else {
            status = vcol__hand_scratch(h, b->d.unpacked, err);
            dst = h->scratch.data;
        }
        *plain = dst;
        if (status == VCOL_OK) {
            vcol__lock_none_held();
            if (u->verify || (m->flags & VCOL_MANAGER_VERIFY))
                want = b->d.unpacked;
            b->partial = want < b->d.unpacked;
            int64_t start = VCOL__TRACE_BEGIN(m);
            status =
                u->file->reader->unpack(u->file->object, &b->d, b->stored_bytes, dst, want, h->worker, err);
            VCOL__TRACE_END(m, VCOL__TRACE_UNPACK, start, u->group->name, .bytes = b->d.unpacked, .offset = b->d.offset,
                            .file = b->d.memory ? 0 : u->file->number, .again = b->unpacked_before || u->again);
        }
    }
    if (status == VCOL_OK) {
        VCOL__COUNT(m, blocks_unpacked, 1);
        VCOL__COUNT(m, bytes_unpacked, b->d.unpacked);
        VCOL__USED(u->base.use, blocks_unpacked, 1);
        VCOL__USED(u->base.use, bytes_unpacked, b->d.unpacked);
        if (b->unpacked_before || u->again) {
            VCOL__COUNT(m, blocks_redecoded, 1);
            VCOL__USED(u->base.use, blocks_redecoded, 1);
        }
    } else {
        vcol__memory_give(m, &b->plain);
        b->plain_bytes = NULL;
    }
    return status;
}

/* Ends BUSY for a block that was unpacked into scratch: if another load came to wait, it gets a copy. */
static void settle_scratch(vcol__hand *h, vcol__block *b, const void *plain, bool complete)
{
    bool keep = false;
    if (complete && vcol__block_shared(b) && !(b->d.flags & VCOL_BLOCK_AS_IS)) {
        if (vcol__hand_take(h, b->d.unpacked, &b->plain, NULL) == VCOL_OK) {
            memcpy(b->plain.data, plain, b->d.unpacked);
            b->plain_bytes = b->plain.data;
            keep = true;
        }
    }
    vcol__block_settle(b, keep);
    if (keep)
        vcol__block_unpin(b);
}

/* Bits go through private bytes: two blocks may share a byte at their border. */
static void merge_bits(uint8_t *to, const uint8_t *from, int64_t bit, int64_t bits)
{
    int64_t bytes = (bit + bits + 7) / 8;
    for (int64_t i = 0; i < bytes; i++) {
        uint8_t mask = 0xff;
        if (i == 0)
            mask &= (uint8_t)(0xff << bit);
        if (i == bytes - 1 && (bit + bits) % 8)
            mask &= (uint8_t)(0xff >> (8 - (bit + bits) % 8));
        if (mask == 0xff)
            to[i] = from[i];
        else
            __atomic_fetch_or(&to[i], (uint8_t)(from[i] & mask), __ATOMIC_RELAXED);
    }
}

/*
 * Items of the block before row `skip` of it: from the mark that another part has left (none: the block's start, where
 * they are 0), and the offsets of the chunks between there and here. -1 if these are not there. So a block that is decoded
 * in several parts, in whatever order, needs no offsets of its own.
 *
 * The mark is that of the part farthest on. A chunk of a loop that is closed has left one, or a later chunk has: between
 * the mark and any chunk that is open are only chunks that are open. Those that are closed while we look have moved it.
 */
static int64_t items_before(const vcol__unit *u, vcol__block *b, const vcol__place *p)
{
    uint64_t mark = atomic_load(&b->mark), seen;
    int64_t skip = p->lo - p->row, between;
    if (skip == 0)
        return 0;
    do {
        int64_t rows = (int64_t)(mark >> 32), items = (int64_t)(mark & UINT32_MAX);
        int64_t from = rows < skip ? rows : skip, to = rows < skip ? skip : rows;
        if (vcol__pass_items(u->pass, u->group->depends, p->row + from, p->row + to, &between)) {
            items += rows < skip ? between : -between;
            return items >= 0 ? items : -1; /* below 0: the file was changed in between */
        }
        seen = mark;
        mark = atomic_load(&b->mark);
    } while (mark != seen);
    return -1;
}

static void leave_mark(vcol__block *b, int64_t rows, int64_t items)
{
    uint64_t mark = atomic_load(&b->mark), mine = (uint64_t)rows << 32 | (uint64_t)items;
    if (rows > UINT32_MAX || items > UINT32_MAX)
        return;
    while (rows > (int64_t)(mark >> 32) && !atomic_compare_exchange_weak(&b->mark, &mark, mine))
        ;
}

/* Items of the run before row `skip` of the block, if the part that came before in the pass has said so; else -1. */
static int64_t run_before(vcol__block *b, const vcol__place *p)
{
    uint64_t mark = atomic_load(&b->mark);
    int64_t skip = p->lo - p->row;
    return skip == 0 ? 0 : (int64_t)(mark >> 32) == skip ? (int64_t)(mark & UINT32_MAX) : -1;
}

/* For the part that comes next, which begins with the last row of this one: *ends is the end of the row before that. */
static void leave_run(vcol__block *b, const vcol__place *p, const int64_t *ends)
{
    int64_t origin = b->d.origin > 0 ? b->d.origin : 0;
    if (*ends >= origin) /* else they contradict each other, as will be found */
        leave_mark(b, p->hi - p->row - 1, *ends - origin);
}

/* The block's last row has been seen: no entry behind this load's needs it. */
static void bound(vcol__block *b, const vcol__unit *u)
{
    int64_t until = atomic_load_explicit(&b->until, memory_order_relaxed), end = u->base.first + u->base.entries;
    /* relaxed: a bound that comes late only keeps the block longer */
    if (b->asked.entries >= 0 && vcol__unit_reach(u, &b->asked) <= u->row0 + u->rows)
        while (end < until && !atomic_compare_exchange_weak_explicit(&b->until, &until, end, memory_order_relaxed,
                                                                     memory_order_relaxed))
            ;
}

static vcol_status decode(vcol__hand *h, int64_t i, const void *plain, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__work *w = h->work;
    vcol__block *b = w->blocks[i];
    const vcol__place *p = &w->places[i];
    const vcol_group *g = u->group;
    vcol_part parts[VCOL__MAX_LEAVES];
    vcol__region bits[VCOL__MAX_LEAVES] = {{0}};
    vcol_deps deps = w->deps;
    vcol_buffer *aux = NULL;
    vcol_status status = VCOL_OK;
    const void *state = vcol__work_needed(w, i);
    bool has_deps = vcol__unit_has_deps(u), ends = (g->flags & VCOL_GROUP_ENDS) != 0;
    bool resumes_items = has_deps && !(g->flags & VCOL_GROUP_MEASURED);
    int64_t resume = resumes_items ? items_before(u, b, p) : ends ? run_before(b, p) : -1;
    for (int32_t l = 0; l < g->n_leaves && status == VCOL_OK; l++) {
        const vcol_leaf *leaf = &g->leaves[l];
        vcol_part *part = &parts[l];
        char *data = u->base.leaf[l].data;
        int64_t before = p->before[leaf->domain], items = p->items[leaf->domain];
        *part = (vcol_part){.leaf = l, .skip = p->lo - p->row, .count = p->hi - p->lo, .items = items};
        if (leaf->role == VCOL_LEAF_VALUES) {
            size_t step = vcol_type_width(leaf->type) * (size_t)leaf->multiple;
            part->dst = data + (size_t)before * step;
            part->size = (size_t)items * step;
            part->base = resume;
        } else if (leaf->role == VCOL_LEAF_OFFSETS) {
            part->base = g->flags & VCOL_GROUP_PICKS ? 0 : ends ? resume : p->before[leaf->domain + 1];
            part->dst = data + (size_t)(before + 1) * sizeof(int64_t);
            part->size = (size_t)items * sizeof(int64_t);
        } else {
            part->bit = (int32_t)(before % 8);
            part->size = (size_t)(part->bit + items + 7) / 8;
            status = vcol__hand_take(h, part->size, &bits[l], err);
            if (status == VCOL_OK)
                memset(bits[l].data, 0, part->size);
            part->dst = bits[l].data;
        }
    }
    if (status == VCOL_OK && has_deps) {
        bool resumes = (b->d.flags & VCOL_BLOCK_RESUMES) && resume >= 0;
        if ((b->d.flags & VCOL_BLOCK_FROM_START) && !resumes && p->row < u->base.first) {
            /* Counts from the block's first row on: a buffer of their own, for the moment. */
            const vcol_group *offsets = &u->file->schema->groups[g->depends];
            vcol_buffer *counts = NULL;
            status = vcol__unit_create(u->file, u->pass, offsets->depends, p->row, p->hi - p->row, NULL, NULL,
                                       &counts, err);
            if (status == VCOL_OK) {
                ((vcol__unit *)counts)->again = u->pass != NULL;
                status = vcol__unit_create(u->file, u->pass, g->depends, p->row, p->hi - p->row, counts, NULL, &aux,
                                           err);
            }
            vcol_buffer_release(counts);
            if (status == VCOL_OK) {
                status = vcol__buffer_pin(aux, err);
                if (status != VCOL_OK) {
                    vcol_buffer_release(aux);
                    aux = NULL;
                }
            }
            if (aux)
                deps = (vcol_deps){.offsets = aux->leaf[0].data, .first = p->row, .count = p->hi - p->row};
        } else {
            deps = vcol__work_deps(u, w, p->lo, p->hi);
        }
    }
    if (status == VCOL_OK) {
        vcol__lock_none_held();
        int64_t start = VCOL__TRACE_BEGIN(u->base.manager);
        status = u->file->reader->decode(u->file->object, u->base.group, &b->d, plain,
                                         p->lo == p->row && p->hi == p->row + p->rows, state,
                                         has_deps ? &deps : NULL, parts, g->n_leaves, h->worker, err);
        VCOL__TRACE_END(u->base.manager, VCOL__TRACE_DECODE, start, g->name, 0);
    }
    if (status == VCOL_OK && resumes_items && resume >= 0 && p->hi < p->row + p->rows && p->hi > p->lo)
        leave_mark(b, p->hi - p->row, resume + p->items[1]);
    if (status == VCOL_OK && ends && p->hi < p->row + p->rows && p->hi - p->lo > 1)
        leave_run(b, p, (const int64_t *)u->base.leaf[0].data + (p->before[0] + p->hi - p->lo - 1));
    if (status == VCOL_OK && u->pass && !u->by_rows)
        bound(b, u);
    for (int32_t l = 0; l < g->n_leaves; l++) {
        if (bits[l].data && status == VCOL_OK)
            merge_bits((uint8_t *)u->base.leaf[l].data + p->before[g->leaves[l].domain] / 8, bits[l].data,
                       parts[l].bit, p->items[g->leaves[l].domain]);
        vcol__memory_give(u->base.manager, &bits[l]);
    }
    if (aux) {
        vcol__buffer_unpin(aux);
        vcol_buffer_release(aux);
    }
    return status;
}

vcol_status vcol__stage_direct(vcol__hand *h, int64_t i, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__work *w = h->work;
    vcol__block *b = w->blocks[i];
    const vcol__place *p = &w->places[i];
    const void *plain = NULL;
    if (p->hi <= p->lo || (b->asked.flags & VCOL_BLOCK_PREPARE))
        return VCOL_OK;
    if (vcol__block_claim(b, true) == VCOL__PLAIN_HERE) {
        vcol_status status = decode(h, i, b->plain_bytes, err);
        vcol__block_unpin(b);
        return status;
    }
    vcol_status status = fetch_and_inspect(h, i, err);
    bool whole = p->lo == p->row && p->hi == p->row + p->rows;
    bool keep = status == VCOL_OK && vcol__unit_keeps(u, b);
    /* What lies behind the content is not needed, now or by who goes on from here. */
    bool resumes = status == VCOL_OK && (b->d.flags & VCOL_BLOCK_RESUMES) && !(b->asked.flags & VCOL_BLOCK_SHARED);
    bool content = (whole && !keep) || resumes;
    uint64_t want = content && b->d.content && b->d.content < b->d.unpacked ? b->d.content : b->d.unpacked;
    if (status == VCOL_OK)
        status = unpack(h, b, keep, want, &plain, err);
    bool unpacked = status == VCOL_OK;
    if (unpacked)
        status = decode(h, i, plain, err);
    if (unpacked && keep) {
        vcol__block_settle(b, true);
        vcol__pass_carry(u->pass, b);
        vcol__block_unpin(b);
    } else if (unpacked) {
        settle_scratch(h, b, plain, want == b->d.unpacked);
    } else {
        vcol__block_settle(b, false);
    }
    if (status == VCOL_OK)
        vcol__tier_keep(b, u->pass);
    else
        vcol__block_drop_stored(b);
    return status;
}

vcol_status vcol__stage_hold(vcol__hand *h, int64_t i, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol__block *b = h->work->blocks[i];
    const void *plain;
    if (h->work->held[i])
        return VCOL_OK;
    vcol_status status = VCOL_OK;
    if (vcol__block_claim(b, true) != VCOL__PLAIN_HERE) {
        status = fetch_and_inspect(h, i, err);
        if (status == VCOL_OK)
            status = unpack(h, b, true, b->d.unpacked, &plain, err);
        if (status == VCOL_OK && (b->asked.flags & VCOL_BLOCK_PREPARE) && !b->state) {
            vcol__lock_none_held();
            status =
                u->file->reader->prepare(u->file->object, u->base.group, &b->d, plain,
                                         &u->base.manager->memory.allocator, &b->state, &b->state_bytes, err);
            if (status == VCOL_OK) {
                vcol__account_fix(u->base.manager, (int64_t)b->state_bytes);
            } else {
                vcol__memory_give(u->base.manager, &b->plain);
                b->plain_bytes = NULL;
            }
        }
        vcol__block_settle(b, status == VCOL_OK);
        if (status == VCOL_OK && vcol__unit_keeps(u, b))
            vcol__pass_carry(u->pass, b);
        if (status == VCOL_OK)
            vcol__tier_keep(b, u->pass);
        else
            vcol__block_drop_stored(b);
    }
    h->work->held[i] = status == VCOL_OK;
    return status;
}

vcol_status vcol__stage_decode(vcol__hand *h, int64_t i, vcol_error *err)
{
    vcol__block *b = h->work->blocks[i];
    const vcol__place *p = &h->work->places[i];
    vcol_status status = VCOL_OK;
    if (p->hi > p->lo && !(b->asked.flags & VCOL_BLOCK_PREPARE))
        status = decode(h, i, b->plain_bytes, err);
    if (!(b->asked.flags & VCOL_BLOCK_PREPARE)) {
        vcol__block_unpin(b);
        h->work->held[i] = false;
    }
    return status;
}
