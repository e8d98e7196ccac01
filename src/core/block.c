/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks: the unit that is read and unpacked, shared by all that need it.
 *
 * The table holds every block that somebody references: a load that uses it, a read that brings it, the pass of a
 * data set that carries it on to the next chunk. Its two halves have states of their own:
 *
 *   stored   NONE ─▶ QUEUED ─▶ FLYING ─▶ HERE ─▶ NONE      (fetch.c)
 *   plain    NONE ─▶ BUSY ─▶ HERE ─▶ NONE
 *                      └──────────▶ NONE  (unpacked into a worker's scratch and used up: the usual, fast way)
 *
 * BUSY belongs to one thread; others that want the bytes wait. So a block is read once and unpacked once however many
 * loads want it at a time. Unpacked bytes are kept when another load waits, when the block reaches beyond the chunk, or when
 * several columns read it; they are charged, listed for eviction, and pinned while a load reads them. Stored bytes go once they
 * are unpacked, or stay for the next time (tier.c).
 */
#include "core/block.h"

#include "core/manager.h"
#include "core/tier.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS ((size_t)4096)
#define MOST_SPARE 4096

static vcol__block *block_of(vcol__evictable *item)
{
    return (vcol__block *)((char *)item - offsetof(vcol__block, evictable));
}

static bool evict_hold(vcol__evictable *item)
{
    return vcol__evict_ref(&block_of(item)->refs);
}

static void evict_unhold(vcol__evictable *item)
{
    vcol__block_unref(block_of(item));
}

static bool evict_pinned(vcol__evictable *item)
{
    return atomic_load_explicit(&block_of(item)->pins, memory_order_relaxed) != 0;
}

static const char *evict_name(vcol__evictable *item)
{
    return block_of(item)->file->where;
}

static uint64_t evict_drop(vcol__evictable *item)
{
    vcol__block *b = block_of(item);
    vcol_manager *m = b->file->manager;
    vcol__region plain = {0};
    vcol__lock_take(&m->blocks.lock);
    if (b->plain_state == VCOL__PLAIN_HERE && atomic_load(&b->pins) == 0 && b->plain.data && !b->state) {
        vcol__account_moving(&m->account);
        plain = b->plain;
        memset(&b->plain, 0, sizeof b->plain);
        b->plain_bytes = NULL;
        b->plain_state = VCOL__PLAIN_NONE;
        vcol__evict_unlist(m, item); /* before another unpacks it and lists it anew */
    }
    vcol__lock_drop(&m->blocks.lock);
    uint64_t bytes = plain.capacity;
    vcol__memory_give(m, &plain);
    if (bytes)
        vcol__account_settled(&m->account);
    return bytes;
}

const char *vcol__block_name(const vcol__block *b)
{
    return b->group >= 0 ? b->file->schema->groups[b->group].name : b->file->where;
}

static const vcol__evict_ops evict_ops = {evict_hold, evict_pinned, evict_drop, evict_unhold, evict_name};

vcol_status vcol__blocks_init(vcol__blocks *blocks, vcol_error *err)
{
    memset(blocks, 0, sizeof *blocks);
    vcol__lock_init(&blocks->lock, LEVEL_REGISTRY);
    pthread_cond_init(&blocks->changed, NULL);
    blocks->buckets = BUCKETS;
    blocks->table = calloc(BUCKETS, sizeof *blocks->table);
    return blocks->table ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for the block table");
}

void vcol__blocks_destroy(vcol_manager *m)
{
    vcol__blocks *r = &m->blocks;
    while (r->spare) {
        vcol__block *b = r->spare;
        r->spare = b->chain;
        vcol__memory_delete(m, b, sizeof *b);
    }
    free(r->table);
    pthread_cond_destroy(&r->changed);
    vcol__lock_destroy(&r->lock);
}

static size_t bucket_of(const vcol__blocks *r, const vcol__binding *file, const vcol_block *d)
{
    uint64_t x = d->offset ^ (uint64_t)(uintptr_t)d->memory ^ ((uint64_t)(uintptr_t)file << 7) ^ d->stored << 40;
    x *= 0x9e3779b97f4a7c15ull;
    return (size_t)(x >> 32) & (r->buckets - 1);
}

static bool same(const vcol__block *b, const vcol__binding *file, const vcol_block *d)
{
    return b->file == file && b->asked.offset == d->offset && b->asked.stored == d->stored && b->asked.memory == d->memory &&
           b->asked.first_entry == d->first_entry && b->asked.tag == d->tag && /* pages may share their bytes */
           ((b->asked.flags ^ d->flags) & VCOL_BLOCK_EXPANDS) == 0; /* what holds one block only is not that block */
}

/* Doubles the table; a table that cannot grow only gets slower. */
static void grow_locked(vcol__blocks *r)
{
    size_t buckets = r->buckets * 2;
    vcol__block **table = calloc(buckets, sizeof *table);
    if (!table)
        return;
    size_t old = r->buckets;
    vcol__block **from = r->table;
    r->table = table;
    r->buckets = buckets;
    for (size_t i = 0; i < old; i++) {
        while (from[i]) {
            vcol__block *b = from[i];
            from[i] = b->chain;
            size_t to = bucket_of(r, b->file, &b->asked);
            b->chain = table[to];
            table[to] = b;
        }
    }
    free(from);
}

vcol_status vcol__block_open(vcol__binding *file, int32_t group, const vcol_block *d, vcol__block *parent, vcol__block **out,
                             vcol_error *err)
{
    vcol_manager *m = file->manager;
    vcol__blocks *r = &m->blocks;
    vcol__lock_take(&r->lock);
    vcol__block *b = r->table[bucket_of(r, file, d)];
    while (b && !same(b, file, d))
        b = b->chain;
    if (b) {
        atomic_fetch_add(&b->refs, 1);
        if (b->in_tier)
            vcol__tier_touch_locked(b);
        vcol__lock_drop(&r->lock);
        *out = b;
        return VCOL_OK;
    }
    b = r->spare;
    if (b) {
        r->spare = b->chain;
        r->n_spare--;
        memset(b, 0, sizeof *b);
    } else {
        b = vcol__memory_new(m, sizeof *b);
    }
    if (b) {
        b->asked = b->d = *d;
        b->file = file;
        b->group = group;
        b->evictable.ops = &evict_ops;
        b->kept.ops = &vcol__tier_evict_ops;
        b->evictable.users = &file->in_flight;
        b->kept.users = &file->in_flight;
        atomic_init(&b->refs, 1);
        atomic_init(&b->until, d->until ? d->until : d->first_entry + d->entries);
        b->inspected = (d->flags & VCOL_BLOCK_INSPECTED) != 0 || !file->reader->inspect;
        if (parent) {
            vcol__block_ref(parent);
            b->parent = parent;
            b->stored_bytes = (const char *)parent->stored_bytes + (d->offset - parent->asked.offset);
            b->stored_state = VCOL__STORED_HERE;
        } else if (d->memory || d->stored == 0) {
            b->stored_bytes = d->memory ? d->memory : ""; /* no bytes have an address, too */
            b->stored_state = VCOL__STORED_HERE;
        }
        if (r->used >= r->buckets)
            grow_locked(r);
        size_t at = bucket_of(r, file, d);
        b->chain = r->table[at];
        r->table[at] = b;
        r->used++;
    }
    vcol__lock_drop(&r->lock);
    *out = b;
    return b ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for a block");
}

void vcol__block_ref(vcol__block *b)
{
    atomic_fetch_add(&b->refs, 1);
}

static void free_state(vcol__binding *file, void *state, size_t bytes)
{
    vcol_manager *m = file->manager;
    if (state) {
        file->reader->unprepare(file->object, state, &m->memory.allocator);
        vcol__account_fix(m, -(int64_t)bytes);
    }
}

/*
 * Under the registry lock, which is dropped meanwhile: of a block that only the tier and the caller have, all goes but its stored
 * bytes. Who finds it then finds it as if it were read just now. Whether that gave memory back.
 */
static bool strip_locked(vcol__blocks *r, vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    vcol__region plain = b->plain;
    void *state = b->state;
    size_t state_bytes = b->state_bytes;
    memset(&b->plain, 0, sizeof b->plain);
    b->plain_bytes = b->state = NULL;
    b->plain_state = VCOL__PLAIN_NONE;
    b->unpacked_before = false;
    atomic_store(&b->mark, 0);
    vcol__evict_unlist(m, &b->evictable);
    if (!plain.data && !state)
        return false;
    vcol__lock_drop(&r->lock);
    free_state(b->file, state, state_bytes);
    vcol__memory_give(m, &plain);
    vcol__lock_take(&r->lock);
    return true;
}

void vcol__block_unref(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    vcol__binding *file = b->file;
    /* not the last, nor the last beside the tier's: no lock. Who adds the tier's has a reference, and the lock. */
    int64_t refs = atomic_load(&b->refs), least = vcol__tier_wants(file) ? 2 : 1;
    while (refs > least)
        if (atomic_compare_exchange_weak(&b->refs, &refs, refs - 1))
            return;
    vcol__account_moving(&m->account);
    vcol__lock_take(&r->lock);
    bool back = b->in_tier && atomic_load(&b->refs) == 2 && strip_locked(r, b);
    if (atomic_fetch_sub(&b->refs, 1) != 1) {
        back = back || (b->asked.flags & VCOL_BLOCK_EXPANDS); /* that may be dropped now */
        vcol__lock_drop(&r->lock);
        if (back)
            vcol__account_settled(&m->account);
        else
            vcol__account_unmoved(&m->account);
        return;
    }
    vcol__block **at = &r->table[bucket_of(r, b->file, &b->asked)];
    while (*at != b)
        at = &(*at)->chain;
    *at = b->chain;
    r->used--;
    vcol__fetch_dequeue_locked(b); /* before the lock is dropped: else a read could take it, and it would be freed in flight */
    vcol__lock_drop(&r->lock);
    vcol__evict_unlist(m, &b->evictable);
    free_state(file, b->state, b->state_bytes);
    vcol__memory_give(m, &b->plain);
    vcol__memory_give(m, &b->stored);
    vcol__account_settled(&m->account);
    vcol__block *parent = b->parent;
    vcol__lock_take(&r->lock);
    bool spare = r->n_spare < MOST_SPARE;
    if (spare) {
        b->chain = r->spare;
        r->spare = b;
        r->n_spare++;
    }
    vcol__lock_drop(&r->lock);
    if (!spare)
        vcol__memory_delete(m, b, sizeof *b);
    if (parent)
        vcol__block_unref(parent);
}

bool vcol__block_present(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    if (atomic_load_explicit(&b->refs, memory_order_relaxed) < 2)
        return false; /* nobody else has it, so nobody has kept it */
    vcol__lock_take(&m->blocks.lock);
    bool present = b->plain_state == VCOL__PLAIN_HERE;
    vcol__lock_drop(&m->blocks.lock);
    return present;
}

bool vcol__block_at_hand(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    if (atomic_load_explicit(&b->refs, memory_order_relaxed) < 2)
        return false; /* as above */
    vcol__lock_take(&m->blocks.lock);
    bool at_hand = b->plain_state == VCOL__PLAIN_HERE || b->in_tier;
    vcol__lock_drop(&m->blocks.lock);
    return at_hand;
}

vcol__stored_state vcol__block_stored_state(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    vcol__lock_take(&m->blocks.lock);
    vcol__stored_state state = b->stored_state;
    vcol__lock_drop(&m->blocks.lock);
    return state;
}

void vcol__block_drop_stored(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    vcol__region stored = {0};
    vcol__lock_take(&m->blocks.lock);
    bool was = false;
    if (b->stored_state == VCOL__STORED_HERE && b->stored.data && b->plain_state != VCOL__PLAIN_BUSY &&
        !(b->plain_state == VCOL__PLAIN_HERE && !b->plain.data)) {
        was = b->in_tier;
        if (was)
            vcol__tier_unlink_locked(b);
        stored = b->stored;
        memset(&b->stored, 0, sizeof b->stored);
        b->stored_bytes = NULL;
        b->stored_state = VCOL__STORED_NONE;
    }
    vcol__lock_drop(&m->blocks.lock);
    vcol__memory_give(m, &stored);
    if (was)
        vcol__block_unref(b);
}

vcol__plain_state vcol__block_claim(vcol__block *b, bool runnable)
{
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    vcol__wait wait = {.block = b};
    bool blocked = false, listed = false;
    vcol__lock_take(&r->lock);
    while (b->plain_state == VCOL__PLAIN_BUSY) {
        if (!listed)
            vcol__wait_begin(m, &wait);
        listed = true;
        b->waiting++;
        if (!blocked && runnable) {
            /* not runnable while it waits; the account's lock is above this one */
            vcol__account_runnable(m, -1);
            blocked = true;
        }
        vcol__lock_wait(&r->changed, &r->lock);
        b->waiting--;
    }
    if (listed)
        vcol__wait_end(m, &wait);
    vcol__plain_state state = b->plain_state;
    if (state == VCOL__PLAIN_HERE) {
        atomic_fetch_add(&b->pins, 1);
    } else {
        b->plain_state = VCOL__PLAIN_BUSY;
        atomic_store_explicit(&b->busy, true, memory_order_relaxed);
        atomic_store_explicit(&b->unpacker, vcol__wait_thread(), memory_order_relaxed);
    }
    vcol__lock_drop(&r->lock);
    if (blocked)
        vcol__account_runnable(m, 1);
    if (state == VCOL__PLAIN_HERE) {
        atomic_store_explicit(&b->evictable.stamp, vcol__tick(m), memory_order_relaxed);
        return VCOL__PLAIN_HERE;
    }
    return VCOL__PLAIN_BUSY;
}

bool vcol__block_shared(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    vcol__lock_take(&m->blocks.lock);
    bool shared = b->waiting > 0;
    vcol__lock_drop(&m->blocks.lock);
    return shared;
}

void vcol__block_settle(vcol__block *b, bool keep)
{
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    vcol__lock_take(&r->lock);
    b->plain_state = keep ? VCOL__PLAIN_HERE : VCOL__PLAIN_NONE;
    atomic_store_explicit(&b->busy, false, memory_order_relaxed);
    b->unpacked_before = true;
    if (keep)
        atomic_store(&b->pins, 1);
    if (b->waiting)
        pthread_cond_broadcast(&r->changed);
    vcol__lock_drop(&r->lock);
    if (keep && b->plain.data) {
        atomic_store_explicit(&b->evictable.stamp, vcol__tick(m), memory_order_relaxed);
        vcol__evict_list(m, &b->evictable);
    }
}

void vcol__block_unpin(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    if (atomic_fetch_sub(&b->pins, 1) == 1 && atomic_load(&m->account.waiting) != 0)
        vcol__account_kick(m);
}
