/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of a reader's groups: the stages from blocks to values.
 *
 *   plan ──▶ (expand) ──▶ fetch ──▶ inspect ──▶ unpack ──▶ decode            sizes known from metadata
 *   plan ──▶ (expand) ──▶ fetch ──▶ inspect ──▶ unpack ──▶ measure ──▶ decode  MEASURED
 *
 * The thread that owns the load plans, reserves, allocates and measures; the stages of single blocks (everything from
 * fetch to decode) are claimed one by one, by the owner and by threads that wait for the load and help. The usual block is
 * wanted whole by one load: it is unpacked into the thread's scratch, which stays in the cache, and decoded from there
 * into its final place; its tail (what lies behind the content) is not unpacked where the codec allows that.
 */
#include "core/unit.h"

#include "core/load.h"

#include <stdio.h>
#include <string.h>

typedef struct unit {
    vcol_buffer base;
    vcol__binding *file;
    vcol__pass *pass;
    const vcol_group *group;
    vcol_buffer *dep;
    bool verify; /* unpack whole blocks, whatever is needed of them */
} unit;

/* What one thread has at hand for the blocks of a load. */
typedef struct hand {
    unit *u;
    vcol__load *load;
    struct vcol__unit_work *work;
    vcol__grant *grant;
    bool helper;
    vcol_worker *worker;
    vcol__region scratch;
} hand;

typedef vcol_status (*stage)(hand *h, int64_t i, vcol_error *err);

/* Where a block's rows lie: file rows [lo, hi) are wanted; items before it, by depth (depth 0: rows). */
typedef struct place {
    bool left; /* a helper had no memory for it: the owner does it */
    int64_t row, rows, lo, hi;
    int64_t items[VCOL_MAX_LEVELS + 1];
    int64_t before[VCOL_MAX_LEVELS + 1];
} place;

struct vcol__unit_work {
    vcol__block **blocks;
    int32_t *needs; /* of each block: the one that must be prepared first, or -1; an index into this plan */
    int64_t n, capacity;
    bool *held; /* unpacked bytes pinned by this load */
    place *places;
    vcol_deps deps;
    /* the current stage; stripe lock */
    stage run;
    bool open;
    int64_t inside;       /* helpers at work */
    int64_t error_block;
    vcol_error error;
    /* atomic */
    _Atomic int64_t next;
    _Atomic bool failed;
};

struct vcol_block_sink {
    unit *u;
    struct vcol__unit_work *work;
    vcol__block *parent; /* EXPANDS: pushes come from this block's inspect */
    int64_t first;       /* the first of these pushes: `needs` counts from there */
};

static const vcol__buffer_ops unit_ops, counts_ops;

/* Puts the file before a message that comes from below. */
static vcol_status located(const unit *u, vcol_status status, vcol_error *err)
{
    if (err && err->status) {
        char text[sizeof err->message];
        memcpy(text, err->message, sizeof text);
        snprintf(err->message, sizeof err->message, "%.120s: %.380s", u->file->where, text);
    }
    return status;
}

/* ---- work: the blocks of a load ------------------------------------------------------------- */

static void work_free(unit *u, struct vcol__unit_work *w)
{
    vcol_manager *m = u->base.manager;
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

static void unprepare(vcol_buffer *b, vcol__load *load)
{
    vcol__lock_take(&b->stripe->lock); /* whoever would help looks at it under this lock */
    struct vcol__unit_work *w = load->work;
    load->work = NULL;
    vcol__lock_drop(&b->stripe->lock);
    if (w)
        work_free((unit *)b, w);
}

vcol_status vcol_block_push(vcol_block_sink *sink, const vcol_block *d, vcol_error *err)
{
    struct vcol__unit_work *w = sink->work;
    unit *u = sink->u;
    vcol_manager *m = u->base.manager;
    uint64_t end;
    if (__builtin_add_overflow(d->offset, d->stored, &end) || (!d->memory && end > u->file->size))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: block at byte %llu has %llu bytes, the file ends at %llu",
                                 u->group->name, (unsigned long long)d->offset, (unsigned long long)d->stored,
                                 (unsigned long long)u->file->size);
    if (sink->parent && !d->memory &&
        (d->offset < sink->parent->asked.offset || end > sink->parent->asked.offset + sink->parent->asked.stored))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: block at byte %llu lies outside the one that holds it",
                                 u->group->name, (unsigned long long)d->offset);
    if (d->unpacked > (uint64_t)1 << 40)
        return vcol_error_format(err, VCOL_CORRUPT, "%s: block at byte %llu claims %llu unpacked bytes", u->group->name,
                                 (unsigned long long)d->offset, (unsigned long long)d->unpacked);
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

/* plan, and what follows from the metadata; deps may be NULL. */
static vcol_status plan(unit *u, const vcol_deps *deps, struct vcol__unit_work **out, vcol_error *err)
{
    vcol_manager *m = u->base.manager;
    struct vcol__unit_work *w = vcol__memory_new(m, sizeof *w);
    vcol_block_sink sink = {u, w, NULL, 0};
    uint64_t stored = 0;
    *out = NULL;
    if (!w)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to plan");
    vcol_status status = VCOL_OK;
    if (u->base.entries > 0)
        status = u->file->reader->plan(u->file->object, u->base.group, u->base.first, u->base.entries, deps, &sink, err);
    for (int64_t i = 0; i < w->n; i++)
        stored += w->blocks[i]->asked.stored;
    VCOL__COUNT(m, bytes_asked, stored);
    vcol__log_add(m, VCOL_LOG_PLAN, u->base.name, u->base.group, u->base.first, u->base.entries, 0, stored);
    if (status != VCOL_OK) {
        work_free(u, w);
        return status;
    }
    *out = w;
    return VCOL_OK;
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Sees to it that the grant holds `bytes`. A helper does not wait. */
static vcol_status ensure(hand *h, uint64_t bytes, vcol_error *err)
{
    uint64_t held = h->grant->held; /* ours alone: only this thread takes from it */
    if (held >= bytes)
        return VCOL_OK;
    if (h->helper)
        return vcol__account_reserve(h->u->base.manager, h->grant, bytes - held, VCOL__PREFETCH, true, err);
    return vcol__load_reserve(h->load, bytes - held, true, err);
}

static vcol_status take(hand *h, size_t size, vcol__region *out, vcol_error *err)
{
    vcol_status status = ensure(h, vcol__memory_capacity(size), err);
    return status == VCOL_OK ? vcol__memory_take(h->u->base.manager, h->grant, size, out, err) : status;
}

/* The thread's scratch, at least that large. */
static vcol_status scratch(hand *h, size_t size, vcol_error *err)
{
    if (h->scratch.data && h->scratch.capacity >= size)
        return VCOL_OK;
    vcol__memory_give(h->u->base.manager, &h->scratch);
    return take(h, size, &h->scratch, err);
}

/* Stored bytes that one read for block i would bring: reserved before they are read. */
static uint64_t window_bytes(const unit *u, const struct vcol__unit_work *w, int64_t i)
{
    uint64_t bytes = 0, charged = 0;
    for (int64_t k = i; k < w->n && (k == i || bytes + w->blocks[k]->asked.stored <= u->file->read_size); k++) {
        if (vcol__block_present(w->blocks[k]))
            continue;
        bytes += w->blocks[k]->asked.stored;
        charged += vcol__memory_capacity(w->blocks[k]->asked.stored);
    }
    return charged + (charged && w->n > 1 ? vcol__memory_capacity(u->file->gap) : 0);
}

/* ---- stages of one block --------------------------------------------------------------------- */

/* The block belongs to this thread (BUSY): its stored bytes are made present and it is inspected. */
static vcol_status fetch_and_inspect(hand *h, int64_t i, vcol_error *err)
{
    unit *u = h->u;
    vcol__block *b = h->work->blocks[i];
    vcol_status status = VCOL_OK;
    vcol__stored_state stored = vcol__block_stored_state(b);
    if (stored != VCOL__STORED_HERE) {
        vcol_error why = {0};
        if (stored == VCOL__STORED_NONE)
            status = ensure(h, window_bytes(u, h->work, i), err);
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
            status = vcol_error_format(err, VCOL_CORRUPT, "%s, block at byte %llu: %llu unpacked bytes", u->group->name,
                                       (unsigned long long)d.offset, (unsigned long long)d.unpacked);
        if (status == VCOL_OK && (d.flags & VCOL_BLOCK_AS_IS) &&
            (d.skip_stored > d.stored || d.unpacked > d.stored - d.skip_stored))
            status = vcol_error_format(err, VCOL_CORRUPT, "%s, block at byte %llu: plain bytes reach beyond it",
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
 * The block belongs to this thread (BUSY): unpacks it. keep: into memory of the block's own; else into scratch.
 * want: bytes needed. *plain is where they are.
 */
static vcol_status unpack(hand *h, vcol__block *b, bool keep, uint64_t want, const void **plain, vcol_error *err)
{
    unit *u = h->u;
    vcol_manager *m = u->base.manager;
    vcol_status status = VCOL_OK;
    if (b->d.flags & VCOL_BLOCK_AS_IS) {
        *plain = b->plain_bytes = (const char *)b->stored_bytes + b->d.skip_stored;
    } else {
        void *dst = NULL;
        if (keep) {
            status = take(h, b->d.unpacked, &b->plain, err);
            dst = b->plain.data;
            b->plain_bytes = dst;
        } else {
            status = scratch(h, b->d.unpacked, err);
            dst = h->scratch.data;
        }
        *plain = dst;
        if (status == VCOL_OK) {
            vcol__lock_none_held();
            if (u->verify || (m->flags & VCOL_MANAGER_VERIFY))
                want = b->d.unpacked;
            b->partial = want < b->d.unpacked;
            status = u->file->reader->unpack(u->file->object, &b->d, b->stored_bytes, dst, want, h->worker, err);
        }
    }
    if (status == VCOL_OK) {
        VCOL__COUNT(m, blocks_unpacked, 1);
        VCOL__COUNT(m, bytes_unpacked, b->d.unpacked);
        if (b->unpacked_before)
            VCOL__COUNT(m, blocks_redecoded, 1);
    } else {
        vcol__memory_give(m, &b->plain);
        b->plain_bytes = NULL;
    }
    return status;
}

/* Ends BUSY for a block that was unpacked into scratch: if another load came to wait, it gets a copy. */
static void settle_scratch(hand *h, vcol__block *b, const void *plain, bool complete)
{
    bool keep = false;
    if (complete && vcol__block_shared(b) && !(b->d.flags & VCOL_BLOCK_AS_IS)) {
        if (take(h, b->d.unpacked, &b->plain, NULL) == VCOL_OK) {
            memcpy(b->plain.data, plain, b->d.unpacked);
            b->plain_bytes = b->plain.data;
            keep = true;
        }
    }
    vcol__block_settle(b, keep);
    if (keep)
        vcol__block_unpin(b);
}

/* Whether a block's unpacked bytes have a use beyond this load. */
static bool worth_keeping(const unit *u, const vcol__block *b)
{
    const vcol_block *d = &b->asked;
    int64_t end = u->base.first + u->base.entries;
    if (!u->pass)
        return false;
    if (d->flags & VCOL_BLOCK_SHARED)
        return true;
    if (d->entries < 0)
        return false;
    return d->first_entry + d->entries > end ||
           (d->first_entry < u->base.first && atomic_load(&u->pass->position) < u->base.first);
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

/* What prepare made of the block that block i needs. */
static const void *needed_state(const struct vcol__unit_work *w, int64_t i)
{
    int32_t needs = w->needs[i];
    return needs >= 0 && needs < w->n ? w->blocks[needs]->state : NULL;
}

/*
 * Items of the block before row `skip` of it, from the mark that the part before has left; -1 if that is not known. So
 * a block that is decoded in several parts needs no offsets of its own.
 */
static int64_t items_before(vcol__block *b, int64_t skip)
{
    uint64_t mark = atomic_load_explicit(&b->mark, memory_order_relaxed);
    if (skip == 0)
        return 0;
    return (int64_t)(mark >> 32) == skip ? (int64_t)(mark & UINT32_MAX) : -1;
}

static void leave_mark(vcol__block *b, int64_t rows, int64_t items)
{
    if (rows <= UINT32_MAX && items <= UINT32_MAX)
        atomic_store_explicit(&b->mark, (uint64_t)rows << 32 | (uint64_t)items, memory_order_relaxed);
}

static vcol_status decode(hand *h, int64_t i, const void *plain, vcol_error *err)
{
    unit *u = h->u;
    struct vcol__unit_work *w = h->work;
    vcol__block *b = w->blocks[i];
    const place *p = &w->places[i];
    const vcol_group *g = u->group;
    vcol_part parts[VCOL__MAX_LEAVES];
    vcol__region bits[VCOL__MAX_LEAVES] = {{0}};
    vcol_deps deps = w->deps;
    vcol_buffer *aux = NULL;
    vcol_status status = VCOL_OK;
    const void *state = needed_state(w, i);
    int64_t resume = u->dep ? items_before(b, p->lo - p->row) : -1;
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
            part->base = p->before[leaf->domain + 1];
            part->dst = data + ((size_t)before + 1) * sizeof(int64_t);
            part->size = (size_t)items * sizeof(int64_t);
        } else {
            part->bit = (int32_t)(before % 8);
            part->size = (size_t)(part->bit + items + 7) / 8;
            status = take(h, part->size, &bits[l], err);
            if (status == VCOL_OK)
                memset(bits[l].data, 0, part->size);
            part->dst = bits[l].data;
        }
    }
    if (status == VCOL_OK && u->dep) {
        bool from_start = (b->d.flags & VCOL_BLOCK_FROM_START) || (b->partial && p->lo > p->row);
        if (from_start && !((b->d.flags & VCOL_BLOCK_RESUMES) && resume >= 0) && p->row < u->base.first) {
            /* Counts from the block's first row on: a buffer of their own, for the moment. */
            const vcol_group *offsets = &u->file->schema->groups[g->depends];
            vcol_buffer *counts = NULL;
            status = vcol__unit_create(u->file, u->pass, offsets->depends, p->row, p->hi - p->row, NULL, &counts, err);
            if (status == VCOL_OK)
                status = vcol__unit_create(u->file, u->pass, g->depends, p->row, p->hi - p->row, counts, &aux, err);
            vcol_buffer_release(counts);
            if (status == VCOL_OK) {
                status = vcol__buffer_pin(aux, err);
                if (status != VCOL_OK) {
                    vcol_buffer_release(aux);
                    aux = NULL;
                }
            }
            if (aux)
                deps = (vcol_deps){aux->leaf[0].data, p->row, p->hi - p->row};
        } else {
            deps.offsets += p->lo - u->base.first;
            deps.first = p->lo;
            deps.count = p->hi - p->lo;
        }
    }
    if (status == VCOL_OK) {
        vcol__lock_none_held();
        status = u->file->reader->decode(u->file->object, u->base.group, &b->d, plain,
                                         p->lo == p->row && p->hi == p->row + p->rows, state, u->dep ? &deps : NULL, parts,
                                         g->n_leaves, h->worker, err);
    }
    if (status == VCOL_OK && resume >= 0 && p->hi < p->row + p->rows)
        leave_mark(b, p->hi - p->row, resume + p->items[1]);
    for (int32_t l = 0; l < g->n_leaves; l++) {
        if (bits[l].data && status == VCOL_OK)
            merge_bits((uint8_t *)u->base.leaf[l].data + p->before[g->leaves[l].domain] / 8, bits[l].data, parts[l].bit,
                       p->items[g->leaves[l].domain]);
        vcol__memory_give(u->base.manager, &bits[l]);
    }
    if (aux) {
        vcol__buffer_unpin(aux);
        vcol_buffer_release(aux);
    }
    return status;
}

/* fetch … decode in one go, for a block whose place is known. */
static vcol_status stage_direct(hand *h, int64_t i, vcol_error *err)
{
    unit *u = h->u;
    struct vcol__unit_work *w = h->work;
    vcol__block *b = w->blocks[i];
    const place *p = &w->places[i];
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
    bool keep = status == VCOL_OK && worth_keeping(u, b);
    /* What lies behind the content is not needed, now or by who goes on from here. */
    bool resumes = status == VCOL_OK && (b->d.flags & VCOL_BLOCK_RESUMES) && !(b->asked.flags & VCOL_BLOCK_SHARED) && u->dep &&
                   items_before(b, p->lo - p->row) >= 0;
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
    vcol__block_drop_stored(b);
    return status;
}

/* fetch, inspect, unpack, prepare: the unpacked bytes stay pinned for the stages after. */
static vcol_status stage_hold(hand *h, int64_t i, vcol_error *err)
{
    unit *u = h->u;
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
            status = u->file->reader->prepare(u->file->object, u->base.group, &b->d, plain, &u->base.manager->memory.allocator,
                                              &b->state, &b->state_bytes, err);
            if (status == VCOL_OK) {
                vcol__account_fix(u->base.manager, (int64_t)b->state_bytes);
            } else {
                vcol__memory_give(u->base.manager, &b->plain);
                b->plain_bytes = NULL;
            }
        }
        vcol__block_settle(b, status == VCOL_OK);
        if (status == VCOL_OK && worth_keeping(u, b))
            vcol__pass_carry(u->pass, b);
        vcol__block_drop_stored(b);
    }
    h->work->held[i] = status == VCOL_OK;
    return status;
}

static vcol_status stage_decode(hand *h, int64_t i, vcol_error *err)
{
    vcol__block *b = h->work->blocks[i];
    const place *p = &h->work->places[i];
    vcol_status status = VCOL_OK;
    if (p->hi > p->lo && !(b->asked.flags & VCOL_BLOCK_PREPARE))
        status = decode(h, i, b->plain_bytes, err);
    if (!(b->asked.flags & VCOL_BLOCK_PREPARE)) {
        vcol__block_unpin(b);
        h->work->held[i] = false;
    }
    return status;
}

/* ---- stages over all blocks: the owner, and those who help -------------------------------------- */

static void remember_error(hand *h, int64_t i, const vcol_error *why)
{
    struct vcol__unit_work *w = h->work;
    vcol__lock_take(&h->u->base.stripe->lock);
    if (!atomic_load(&w->failed) || i < w->error_block) {
        w->error = *why;
        w->error_block = i;
        atomic_store(&w->failed, true);
    }
    vcol__lock_drop(&h->u->base.stripe->lock);
}

static void run_block(hand *h, int64_t i, stage run)
{
    vcol_error why = {0};
    vcol_status status;
    bool stopped = vcol__load_stopped(h->load);
    if (stopped)
        status = vcol_error_format(&why, VCOL_CANCELLED, "%s was stopped", h->u->group->name);
    else
        status = run(h, i, &why);
    if (status == VCOL_CANCELLED && h->helper && !stopped) {
        h->work->places[i].left = true; /* larger than it was said to be: a helper does not wait for memory */
    } else if (status != VCOL_OK) {
        if (!why.status)
            vcol_error_format(&why, status, "%s: %s", h->u->group->name, vcol_status_name(status));
        remember_error(h, i, &why);
    }
}

static void claim_blocks(hand *h, stage run)
{
    struct vcol__unit_work *w = h->work;
    for (;;) {
        int64_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->n || atomic_load(&w->failed))
            break;
        run_block(h, i, run);
    }
}

static vcol_status hand_open(hand *h, vcol_error *err)
{
    h->worker = vcol__worker_take(h->u->base.manager, err);
    return h->worker ? VCOL_OK : VCOL_NOMEM;
}

static void hand_close(hand *h)
{
    vcol_manager *m = h->u->base.manager;
    vcol__memory_give(m, &h->scratch);
    if (h->worker)
        vcol__worker_give(m, h->worker);
}

static vcol_status run_stage(hand *h, stage run, vcol_error *err)
{
    struct vcol__unit_work *w = h->work;
    vcol_buffer *b = &h->u->base;
    vcol__stripe *s = b->stripe;
    bool share = w->n > 1;
    atomic_store(&w->next, 0);
    if (share) {
        vcol__lock_take(&s->lock);
        w->run = run;
        w->open = true;
        if (atomic_load_explicit(&b->word, memory_order_relaxed) & VCOL__PIN_MASK)
            pthread_cond_broadcast(&s->changed); /* those who wait may help */
        vcol__lock_drop(&s->lock);
    }
    claim_blocks(h, run);
    if (share) {
        bool blocked = false;
        vcol__lock_take(&s->lock);
        w->open = false;
        if (w->inside > 0) {
            vcol__account_runnable(b->manager, -1);
            blocked = true;
        }
        while (w->inside > 0)
            vcol__lock_wait(&s->changed, &s->lock);
        vcol__lock_drop(&s->lock);
        if (blocked)
            vcol__account_runnable(b->manager, 1);
        for (int64_t i = 0; i < w->n && !atomic_load(&w->failed); i++) {
            if (w->places[i].left) {
                w->places[i].left = false;
                run_block(h, i, run);
            }
        }
    }
    if (atomic_load(&w->failed)) {
        if (err && !err->status)
            *err = w->error;
        return (vcol_status)w->error.status;
    }
    return VCOL_OK;
}

static bool help(vcol_buffer *b, vcol__load *load)
{
    vcol__stripe *s = b->stripe;
    unit *u = (unit *)b;
    struct vcol__unit_work *w = NULL;
    stage run = NULL;
    vcol__lock_take(&s->lock);
    if (!load->done && load->work && load->work->open && atomic_load(&load->work->next) < load->work->n) {
        w = load->work;
        run = w->run;
        w->inside++;
    }
    vcol__lock_drop(&s->lock);
    if (!w)
        return false;
    vcol__grant grant = {0};
    hand h = {.u = u, .load = load, .work = w, .grant = &grant, .helper = true};
    vcol_manager *m = b->manager;
    /* A helper has room for what it will need before it claims a block, or leaves the block to the owner. */
    uint64_t most = 0;
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t need = vcol__memory_capacity(w->blocks[i]->asked.stored) + 2 * vcol__memory_capacity(w->blocks[i]->asked.unpacked);
        most = need > most ? need : most;
    }
    bool helped = !(run == stage_direct || run == stage_hold) ||
                  vcol__account_reserve(m, &grant, most, VCOL__PREFETCH, true, NULL) == VCOL_OK;
    if (helped && hand_open(&h, NULL) == VCOL_OK) {
        bool counted = vcol__load_current(m) != NULL; /* then it is runnable already, and stays so until it waits */
        if (!counted)
            vcol__account_runnable(m, 1);
        claim_blocks(&h, run);
        if (!counted)
            vcol__account_runnable(m, -1);
    }
    hand_close(&h);
    vcol__account_give_back(m, &grant, 0);
    vcol__lock_take(&s->lock);
    if (--w->inside == 0)
        pthread_cond_broadcast(&s->changed);
    vcol__lock_drop(&s->lock);
    return helped;
}

/* ---- a load --------------------------------------------------------------------------------------- */

/* Replaces blocks that hold others by those. Serial: the head of a chain is needed to find the next. */
static vcol_status expand(hand *h, vcol_error *err)
{
    unit *u = h->u;
    struct vcol__unit_work *w = h->work, *fresh;
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
    vcol_block_sink sink = {u, fresh, NULL, 0};
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++) {
        vcol__block *b = w->blocks[i];
        if (!(b->asked.flags & VCOL_BLOCK_EXPANDS)) {
            status = vcol_block_push(&sink, &b->asked, err);
            continue;
        }
        status = ensure(h, window_bytes(u, w, i), err);
        if (status == VCOL_OK)
            status = vcol__fetch_now(w->blocks, i, w->n, h->grant, true, err);
        if (status == VCOL_OK) {
            vcol_block d = b->asked;
            sink.parent = b;
            sink.first = fresh->n;
            vcol__lock_none_held();
            status = u->file->reader->inspect(u->file->object, u->base.group, &d, b->stored_bytes, &sink, err);
            sink.parent = NULL;
            sink.first = 0;
        }
    }
    if (status != VCOL_OK) {
        work_free(u, fresh);
        return status;
    }
    vcol__lock_take(&u->base.stripe->lock);
    h->load->work = h->work = fresh;
    vcol__lock_drop(&u->base.stripe->lock);
    fresh->deps = w->deps;
    work_free(u, w);
    return VCOL_OK;
}

static vcol_status tables(hand *h, vcol_error *err)
{
    struct vcol__unit_work *w = h->work;
    vcol_manager *m = h->u->base.manager;
    if (w->n == 0)
        return VCOL_OK;
    w->places = vcol__memory_new(m, (size_t)w->n * sizeof *w->places);
    w->held = vcol__memory_new(m, (size_t)w->n * sizeof *w->held);
    return w->places && w->held ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)w->n);
}

/* Which of a block's rows are wanted, for a block at `row`. */
static void place_rows(const unit *u, place *p, int64_t row, int64_t rows)
{
    int64_t first = u->base.first, end = first + u->base.entries;
    p->row = row;
    p->rows = rows;
    p->lo = row > first ? row : first;
    p->hi = row + rows < end ? row + rows : end;
    if (p->hi < p->lo)
        p->hi = p->lo;
    p->items[0] = p->hi - p->lo;
    p->before[0] = p->lo - first;
}

static vcol_status hole(const unit *u, int64_t at, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%s: no block holds entry %lld of [%lld, %lld)", u->group->name,
                             (long long)at, (long long)u->base.first, (long long)u->base.first + (long long)u->base.entries);
}

/* Places from metadata: blocks tile the rows. */
static vcol_status place_known(hand *h, vcol_error *err)
{
    unit *u = h->u;
    struct vcol__unit_work *w = h->work;
    int64_t at = u->base.first;
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->asked;
        place *p = &w->places[i];
        if (d->flags & VCOL_BLOCK_PREPARE)
            continue;
        if (d->entries < 0)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: rows of a block are unknown", u->group->name);
        place_rows(u, p, d->first_entry, d->entries);
        if (p->hi == p->lo)
            continue;
        if (p->lo != at)
            return hole(u, at, err);
        at = p->hi;
        if (u->dep) {
            const int64_t *o = w->deps.offsets;
            p->before[1] = o[p->lo - u->base.first] - o[0];
            p->items[1] = o[p->hi - u->base.first] - o[p->lo - u->base.first];
        }
    }
    return at == u->base.first + u->base.entries ? VCOL_OK : hole(u, at, err);
}

/* Places from the bytes. */
static vcol_status place_measured(hand *h, int64_t *total, vcol_error *err)
{
    unit *u = h->u;
    struct vcol__unit_work *w = h->work;
    int64_t next_row = -1, at = u->base.first, end = u->base.first + u->base.entries;
    const vcol_reader *reader = u->file->reader;
    memset(total, 0, (VCOL_MAX_LEVELS + 1) * sizeof *total);
    for (int64_t i = 0; i < w->n; i++) {
        vcol__block *b = w->blocks[i];
        place *p = &w->places[i];
        if (b->asked.flags & VCOL_BLOCK_PREPARE)
            continue;
        const void *state = needed_state(w, i);
        int64_t rows = b->asked.entries, items[VCOL_MAX_LEVELS] = {0};
        int64_t row = rows >= 0 || next_row < 0 ? b->asked.first_entry : next_row;
        vcol_status status = VCOL_OK;
        bool all = false;
        if (rows < 0) {
            status = reader->measure(u->file->object, u->base.group, &b->d, b->plain_bytes, state, 0, -1, &rows, items, err);
            all = true;
        }
        if (status != VCOL_OK)
            return status;
        if (rows < 0 || row < 0 || rows > INT64_MAX - row)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: a block of %lld rows", u->group->name, (long long)rows);
        next_row = row + rows;
        place_rows(u, p, row, rows);
        if (p->hi == p->lo)
            continue;
        if (p->lo != at)
            return hole(u, at, err);
        at = p->hi;
        if (!all || p->lo != row || p->hi != next_row) {
            int64_t counted = p->hi - p->lo;
            status = reader->measure(u->file->object, u->base.group, &b->d, b->plain_bytes, state, p->lo - row, p->hi - p->lo,
                                     &counted, items, err);
            if (status != VCOL_OK)
                return status;
        }
        for (int k = 1; k <= VCOL_MAX_LEVELS; k++) {
            p->items[k] = items[k - 1];
            p->before[k] = total[k];
            if (items[k - 1] < 0 || __builtin_add_overflow(total[k], items[k - 1], &total[k]))
                return vcol_error_format(err, VCOL_CORRUPT, "%s: a block of %lld items", u->group->name,
                                         (long long)items[k - 1]);
        }
    }
    total[0] = u->base.entries;
    return at == end ? VCOL_OK : hole(u, at, err);
}

/* Bytes and elements of the leaves, from the number of items by depth. */
static vcol_status leaf_sizes(const unit *u, const int64_t *total, size_t *sizes, int64_t *counts, uint64_t *sum,
                              vcol_error *err)
{
    *sum = 0;
    for (int32_t l = 0; l < u->group->n_leaves; l++) {
        const vcol_leaf *leaf = &u->group->leaves[l];
        int64_t n = total[leaf->domain];
        size_t size = 0;
        bool over = n < 0;
        if (leaf->role == VCOL_LEAF_VALUES) {
            over = over || __builtin_mul_overflow(n, leaf->multiple, &n) ||
                   __builtin_mul_overflow((size_t)n, vcol_type_width(leaf->type), &size);
            counts[l] = n;
        } else if (leaf->role == VCOL_LEAF_OFFSETS) {
            over = over || __builtin_mul_overflow((size_t)n + 1, sizeof(int64_t), &size);
            counts[l] = n + 1;
        } else {
            size = ((size_t)n + 7) / 8;
            counts[l] = n;
        }
        if (over || size > (size_t)1 << 46)
            return vcol_error_format(err, VCOL_CORRUPT, "%s: %lld items are more than there can be", u->group->name,
                                     (long long)n);
        sizes[l] = size;
        *sum += vcol__memory_capacity(size);
    }
    return VCOL_OK;
}

static vcol_status take_leaves(hand *h, const size_t *sizes, const int64_t *counts, vcol_error *err)
{
    unit *u = h->u;
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < u->group->n_leaves && status == VCOL_OK; l++) {
        status = take(h, sizes[l], &u->base.leaf[l], err);
        if (status != VCOL_OK)
            break;
        u->base.count[l] = counts[l];
        if (u->group->leaves[l].role == VCOL_LEAF_OFFSETS)
            *(int64_t *)u->base.leaf[l].data = 0;
        else if (u->group->leaves[l].role == VCOL_LEAF_VALIDITY)
            memset(u->base.leaf[l].data, 0, sizes[l]);
    }
    return status;
}

/* What is needed beside the leaves: a window of stored bytes, scratch or kept blocks. */
static uint64_t working_bytes(const unit *u, const struct vcol__unit_work *w, bool hold)
{
    uint64_t largest = 0, kept = 0;
    for (int64_t i = 0; i < w->n; i++) {
        const vcol__block *b = w->blocks[i];
        uint64_t bytes = b->asked.flags & VCOL_BLOCK_AS_IS ? 0 : vcol__memory_capacity(b->asked.unpacked);
        if (vcol__block_present(w->blocks[i]))
            continue;
        if (hold || worth_keeping(u, b))
            kept += bytes;
        else if (bytes > largest)
            largest = bytes;
    }
    return largest + kept + (w->n ? window_bytes(u, w, 0) : 0);
}

/* Dictionaries first. */
static vcol_status hold_prepared(hand *h, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < h->work->n && status == VCOL_OK; i++)
        if (h->work->blocks[i]->asked.flags & VCOL_BLOCK_PREPARE)
            status = stage_hold(h, i, err);
    return status;
}

/*
 * Offsets can count any number of items, and memory for them is taken before a block is looked at. Where they count far
 * more than the blocks seem to hold, all blocks are unpacked first: an item takes at least a bit, and becomes at most 64.
 */
#define DOUBTFUL ((uint64_t)64 << 20)

static bool seems_to_fit(const struct vcol__unit_work *w, uint64_t sum)
{
    uint64_t bytes = 0;
    for (int64_t i = 0; i < w->n; i++)
        bytes += w->blocks[i]->asked.unpacked;
    return sum <= DOUBTFUL || bytes == 0 || sum / 64 <= bytes;
}

static vcol_status check_items(const unit *u, const struct vcol__unit_work *w, vcol_error *err)
{
    for (int64_t i = 0; i < w->n; i++) {
        const vcol_block *d = &w->blocks[i]->d;
        int64_t items = w->places[i].items[1];
        if (!(d->flags & VCOL_BLOCK_PREPARE) && d->unpacked > 0 && (uint64_t)items / 8 > d->unpacked)
            return vcol_error_format(err, VCOL_CORRUPT, "%s, block at byte %llu: the counts say %lld items, its content has %llu bytes",
                                     u->group->name, (unsigned long long)d->offset, (long long)items,
                                     (unsigned long long)d->unpacked);
    }
    return VCOL_OK;
}

static vcol_status load_doubtful(hand *h, const size_t *sizes, const int64_t *counts, vcol_error *err)
{
    unit *u = h->u;
    uint64_t want = working_bytes(u, h->work, true), held = h->grant->held;
    vcol_status status = VCOL_OK;
    if (want > held)
        status = vcol__load_reserve(h->load, want - held, h->load->prepared, err);
    if (status == VCOL_OK)
        status = hand_open(h, err);
    if (status == VCOL_OK)
        status = hold_prepared(h, err);
    if (status == VCOL_OK)
        status = run_stage(h, stage_hold, err);
    if (status == VCOL_OK)
        status = check_items(u, h->work, err);
    if (status == VCOL_OK)
        status = take_leaves(h, sizes, counts, err);
    if (status == VCOL_OK)
        status = run_stage(h, stage_decode, err);
    return status;
}

static vcol_status load_direct(hand *h, vcol_error *err)
{
    unit *u = h->u;
    int64_t total[VCOL_MAX_LEVELS + 1] = {u->base.entries}, counts[VCOL__MAX_LEAVES];
    size_t sizes[VCOL__MAX_LEAVES];
    uint64_t sum;
    if (u->dep)
        total[1] = h->work->deps.offsets[u->base.entries] - h->work->deps.offsets[0];
    vcol_status status = place_known(h, err);
    if (status == VCOL_OK)
        status = leaf_sizes(u, total, sizes, counts, &sum, err);
    if (status == VCOL_OK && u->dep && !seems_to_fit(h->work, sum))
        return load_doubtful(h, sizes, counts, err);
    if (status == VCOL_OK) {
        uint64_t want = sum + working_bytes(u, h->work, false), held = h->grant->held;
        if (want > held)
            status = vcol__load_reserve(h->load, want - held, h->load->prepared, err);
    }
    if (status == VCOL_OK)
        status = hand_open(h, err);
    if (status == VCOL_OK)
        status = take_leaves(h, sizes, counts, err);
    if (status == VCOL_OK)
        status = hold_prepared(h, err);
    if (status == VCOL_OK)
        status = run_stage(h, stage_direct, err);
    return status;
}

static vcol_status load_measured(hand *h, vcol_error *err)
{
    unit *u = h->u;
    int64_t total[VCOL_MAX_LEVELS + 1], counts[VCOL__MAX_LEAVES];
    size_t sizes[VCOL__MAX_LEAVES];
    uint64_t sum, want = working_bytes(u, h->work, true) * 2, held = h->grant->held;
    vcol_status status = VCOL_OK;
    if (want > held)
        status = vcol__load_reserve(h->load, want - held, h->load->prepared, err);
    if (status == VCOL_OK)
        status = hand_open(h, err);
    if (status == VCOL_OK)
        status = hold_prepared(h, err);
    if (status == VCOL_OK)
        status = run_stage(h, stage_hold, err);
    if (status == VCOL_OK)
        status = place_measured(h, total, err);
    if (status == VCOL_OK)
        status = leaf_sizes(u, total, sizes, counts, &sum, err);
    if (status == VCOL_OK)
        status = take_leaves(h, sizes, counts, err);
    if (status == VCOL_OK)
        status = run_stage(h, stage_decode, err);
    return status;
}

static vcol_status load_blocks(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    unit *u = (unit *)b;
    hand h = {.u = u, .load = load, .grant = &load->grant};
    vcol_status status = VCOL_OK;
    vcol_deps deps = {0};
    bool pinned = false;
    vcol_error why = {0};
    if (u->dep) {
        status = vcol__buffer_pin(u->dep, err); /* its message has the file already */
        if (status != VCOL_OK)
            return status;
        pinned = true;
        deps = (vcol_deps){u->dep->leaf[0].data, b->first, b->entries};
    }
    if (!load->work) {
        struct vcol__unit_work *w;
        status = plan(u, u->dep ? &deps : NULL, &w, &why);
        vcol__lock_take(&b->stripe->lock);
        load->work = w;
        vcol__lock_drop(&b->stripe->lock);
    }
    if (status == VCOL_OK) {
        h.work = load->work;
        h.work->deps = deps;
        status = expand(&h, &why);
    }
    if (status == VCOL_OK)
        status = tables(&h, &why);
    if (status == VCOL_OK)
        status = u->group->flags & VCOL_GROUP_MEASURED ? load_measured(&h, &why) : load_direct(&h, &why);
    hand_close(&h);
    if (pinned)
        vcol__buffer_unpin(u->dep);
    if (status != VCOL_OK) {
        if (status != VCOL_LIMIT && status != VCOL_CYCLE)
            located(u, status, &why);
        if (err && !err->status)
            *err = why;
    }
    return status;
}

/* Plans, reserves and queues the input of a load that is QUEUED. */
static vcol_status prepare(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    unit *u = (unit *)b;
    vcol_manager *m = b->manager;
    struct vcol__unit_work *w = load->work;
    vcol_status status = VCOL_OK;
    if (!w) {
        status = plan(u, NULL, &w, err);
        vcol__lock_take(&b->stripe->lock);
        load->work = w;
        vcol__lock_drop(&b->stripe->lock);
    }
    if (status != VCOL_OK)
        return status;
    uint64_t stored = 0, result = 0;
    for (int64_t i = 0; i < w->n; i++)
        if (!vcol__block_present(w->blocks[i]))
            stored += vcol__memory_capacity(w->blocks[i]->asked.stored);
    if (u->group->entries > 0)
        result = (uint64_t)((double)u->group->unpacked * ((double)b->entries / (double)u->group->entries));
    uint64_t scratch_bytes = working_bytes(u, w, u->group->flags & VCOL_GROUP_MEASURED);
    bool input = stored <= (uint64_t)m->queue.lookahead; /* else its windows are read as it is decoded */
    uint64_t want = result + scratch_bytes + (input ? stored : 0);
    status = vcol__account_reserve(m, &load->grant, want, VCOL__PREFETCH, false, err);
    for (int64_t i = 0; i < w->n && status == VCOL_OK && input; i++)
        if (!w->blocks[i]->asked.memory && w->blocks[i]->asked.stored)
            status = vcol__fetch_enqueue(w->blocks[i], &load->grant, err);
    if (status != VCOL_OK) {
        unprepare(b, load);
        vcol__account_give_back(m, &load->grant, 0);
        atomic_store(&m->account.prefetch_short, true); /* not again before something comes back */
        return VCOL_CANCELLED;
    }
    load->reads = input && stored > 0;
    vcol__queue_charge(load, (int64_t)(result + (input ? stored : 0)));
    return VCOL_OK;
}

/* ---- counts to offsets --------------------------------------------------------------------------- */

#define SUM(type)                                                                                                      \
    do {                                                                                                               \
        const type *c = counts;                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            if (c[i] < 0)                                                                                              \
                return i;                                                                                              \
            sum += (int64_t)c[i];                                                                                      \
            out[i + 1] = sum;                                                                                          \
        }                                                                                                              \
    } while (0)
#define SUM_UNSIGNED(type)                                                                                             \
    do {                                                                                                               \
        const type *c = counts;                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            sum += (int64_t)c[i];                                                                                      \
            out[i + 1] = sum;                                                                                          \
        }                                                                                                              \
    } while (0)

/* Running sums; returns n, or the index of the first count that cannot be one. */
static int64_t sum_counts(vcol_type type, const void *counts, int64_t n, int64_t *out)
{
    int64_t sum = 0;
    out[0] = 0;
    switch (type) {
    case VCOL_I8:
        SUM(int8_t);
        break;
    case VCOL_I16:
        SUM(int16_t);
        break;
    case VCOL_I32:
        SUM(int32_t);
        break;
    case VCOL_BOOL:
    case VCOL_U8:
        SUM_UNSIGNED(uint8_t);
        break;
    case VCOL_U16:
        SUM_UNSIGNED(uint16_t);
        break;
    case VCOL_U32:
        SUM_UNSIGNED(uint32_t);
        break;
    case VCOL_I64:
    case VCOL_U64: {
        const uint64_t *c = counts;
        for (int64_t i = 0; i < n; i++) {
            if (c[i] > (uint64_t)1 << 40 || sum > (int64_t)1 << 50)
                return i;
            sum += (int64_t)c[i];
            out[i + 1] = sum;
        }
        break;
    }
    default:
        return 0;
    }
    return n;
}

static vcol_status load_counts(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    unit *u = (unit *)b;
    size_t size = ((size_t)b->entries + 1) * sizeof(int64_t);
    vcol_status status = vcol__buffer_pin(u->dep, err);
    if (status != VCOL_OK)
        return status;
    status = vcol__load_reserve(load, vcol__memory_capacity(size), false, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(b->manager, &load->grant, size, &b->leaf[0], err);
    if (status == VCOL_OK) {
        vcol_type type = u->file->schema->groups[u->group->depends].leaves[0].type;
        b->count[0] = b->entries + 1;
        int64_t done = sum_counts(type, u->dep->leaf[0].data, b->entries, b->leaf[0].data);
        if (done != b->entries)
            status = vcol_error_format(err, VCOL_CORRUPT, "%s: %s: the count of entry %lld is none", u->file->where,
                                       u->dep->name, (long long)(b->first + done));
    }
    vcol__buffer_unpin(u->dep);
    return status;
}

static void destroy(vcol_buffer *b)
{
    unit *u = (unit *)b;
    vcol_manager *m = b->manager;
    vcol_buffer_release(u->dep);
    vcol__memory_delete(m, u, sizeof *u);
}

static const vcol__buffer_ops unit_ops = {load_blocks, prepare, unprepare, help, destroy};
static const vcol__buffer_ops counts_ops = {.load = load_counts, .destroy = destroy};

vcol_status vcol__unit_create(vcol__binding *file, vcol__pass *pass, int32_t group, int64_t first, int64_t count,
                              vcol_buffer *dep, vcol_buffer **out, vcol_error *err)
{
    vcol_manager *m = file->manager;
    const vcol_group *g = &file->schema->groups[group];
    unit *u;
    *out = NULL;
    if (dep && (dep->first != first || dep->entries < count))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %s ends at entry %lld, before what it counts: %s", file->where, dep->name,
                                 (long long)(dep->first + dep->entries), g->name);
    u = vcol__memory_new(m, sizeof *u);
    if (!u)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %s", g->name);
    u->file = file;
    u->pass = pass;
    u->group = g;
    u->dep = dep;
    if (dep)
        vcol_buffer_acquire(dep);
    vcol__buffer_init(&u->base, m, g->kind == VCOL_GROUP_COUNTS ? &counts_ops : &unit_ops, g->name);
    u->base.group = group;
    u->base.first = first;
    u->base.entries = count;
    *out = &u->base;
    return VCOL_OK;
}

void vcol__unit_verify(vcol_buffer *b)
{
    ((unit *)b)->verify = true;
}

vcol_status vcol__unit_ranges(vcol__binding *file, int32_t group, int64_t entries, int64_t (**out)[2], int64_t *n,
                              vcol_error *err)
{
    vcol_manager *m = file->manager;
    vcol_buffer *b;
    struct vcol__unit_work *w = NULL;
    *out = NULL;
    *n = 0;
    vcol_status status = vcol__unit_create(file, NULL, group, 0, entries, NULL, &b, err);
    if (status != VCOL_OK)
        return status;
    status = plan((unit *)b, NULL, &w, err);
    if (status != VCOL_OK)
        located((unit *)b, status, err);
    if (status == VCOL_OK && w->n > 0) {
        *out = vcol__memory_new(m, (size_t)w->n * sizeof **out);
        if (!*out)
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)w->n);
    }
    for (int64_t i = 0; status == VCOL_OK && i < w->n; i++) {
        (*out)[i][0] = w->blocks[i]->asked.first_entry;
        (*out)[i][1] = w->blocks[i]->asked.entries;
        *n = w->n;
    }
    if (w)
        work_free((unit *)b, w);
    vcol_buffer_release(b);
    return status;
}
