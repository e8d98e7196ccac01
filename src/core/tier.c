/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tier: blocks' stored bytes between "there" and "gone".
 *
 *   stored   NONE ─▶ QUEUED ─▶ FLYING ─▶ HERE ─(unpacked)─▶ HERE, kept ─▶ NONE
 *                                          ▲                  │  keep     drop: evicted, the bound, a fault, close
 *                                          └── used: a hit ───┘
 *
 * Where a source is slow, unpacking a block again costs far less than reading it again, and its stored bytes take less memory
 * than what was made of them. So they stay in the block table, by a reference of the tier's, when the last load that used them
 * has ended; who needs the block next finds it there and reads nothing. It is then unpacked as if it had just been
 * read: once, however many loads want it. What else a block had (unpacked bytes, what prepare made, marks) goes with its last
 * load, as it does without the tier.
 *
 * The bytes are charged as live, as they were since they were read, and are listed for eviction by an item of
 * their own, whose stamp is that of the unpacking, so that it is older than the buffers that were made of it: of what
 * was used at one time, the stored bytes go first, unless they are costlier to bring back per byte (by what the file's reads took).
 * The tier has a bound of its own besides, kept by least recent use; a
 * block for which there is no room in it is not kept.
 *
 * But a loop goes in one direction. What it has just used comes again in the next loop at the earliest, after all that it
 * had used before and all that it will find yet: so for what a loop uses, nothing goes that was used since the loop before it
 * began. Loops over more than the bound so keep as much as fits, and find it each time, where by last use they would find nothing.
 * And what had to be evicted for want of memory is not filled up again by the same loop (`room`), and only a little by the
 * next, if this one went without.
 *
 * Not dropped are bytes that are being unpacked (BUSY), those that are unpacked bytes at the same time (AS_IS) while they are
 * pinned, and those in which other blocks lie (EXPANDS) while one of these is referenced: so for such a block nobody but the
 * tier, and who drops it, may have a reference.
 */
#include "core/tier.h"

#include "core/manager.h"

#include <string.h>

enum { AT_ONCE = 16 }; /* blocks dropped before the lock is given to others */

static vcol__block *block_of(vcol__evictable *item)
{
    return (vcol__block *)((char *)item - offsetof(vcol__block, kept));
}

void vcol__tier_init(vcol__tier *tier, uint64_t bound)
{
    memset(tier, 0, sizeof *tier);
    tier->bound = tier->room = bound;
}

static void link_locked(vcol__tier *tier, vcol__block *b)
{
    b->kept_next = NULL;
    b->kept_previous = tier->newest;
    *(tier->newest ? &tier->newest->kept_next : &tier->oldest) = b;
    tier->newest = b;
}

static void unlink_locked(vcol__tier *tier, vcol__block *b)
{
    *(b->kept_previous ? &b->kept_previous->kept_next : &tier->oldest) = b->kept_next;
    *(b->kept_next ? &b->kept_next->kept_previous : &tier->newest) = b->kept_previous;
    b->kept_next = b->kept_previous = NULL;
}

void vcol__tier_touch_locked(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    unlink_locked(&m->tier, b);
    link_locked(&m->tier, b);
    atomic_store_explicit(&b->kept.stamp, vcol__tick(m), memory_order_relaxed);
}

void vcol__tier_unlink_locked(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    unlink_locked(&m->tier, b);
    b->in_tier = false;
    atomic_fetch_sub_explicit(&m->tier.bytes, b->stored.capacity, memory_order_relaxed);
    vcol__evict_unlist(m, &b->kept); /* under the registry lock: before another keeps it and lists it anew */
}

/*
 * Takes a block out, and its stored bytes, if nobody uses them. `held`: references beside the tier's that do not. The tier's
 * reference is the caller's then.
 */
static bool take_locked(vcol__block *b, int64_t held, vcol__region *stored)
{
    bool as_is = b->plain_state == VCOL__PLAIN_HERE && !b->plain.data;
    if (!b->in_tier || b->plain_state == VCOL__PLAIN_BUSY || (as_is && (atomic_load(&b->pins) != 0 || b->state)) ||
        ((b->asked.flags & VCOL_BLOCK_EXPANDS) && atomic_load(&b->refs) > 1 + held))
        return false;
    vcol__tier_unlink_locked(b);
    if (as_is) {
        b->plain_state = VCOL__PLAIN_NONE;
        b->plain_bytes = NULL;
    }
    *stored = b->stored;
    memset(&b->stored, 0, sizeof b->stored);
    b->stored_bytes = NULL;
    b->stored_state = VCOL__STORED_NONE;
    return true;
}

/* ---- eviction -------------------------------------------------------------------------------------- */

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
    vcol__block *b = block_of(item);
    /* Relaxed: a look; drop looks again under the lock that they are changed under. */
    return atomic_load_explicit(&b->busy, memory_order_relaxed) ||
           ((b->asked.flags & VCOL_BLOCK_EXPANDS) && atomic_load_explicit(&b->refs, memory_order_relaxed) > 1);
}

static uint64_t evict_drop(vcol__evictable *item)
{
    vcol__block *b = block_of(item);
    vcol_manager *m = b->file->manager;
    vcol__region stored = {0};
    vcol__lock_take(&m->blocks.lock);
    bool taken = take_locked(b, 1, &stored);
    if (taken) {
        vcol__account_moving(&m->account);
        m->tier.room = atomic_load_explicit(&m->tier.bytes, memory_order_relaxed);
        m->tier.pressed = true;
    }
    vcol__lock_drop(&m->blocks.lock);
    uint64_t bytes = stored.capacity;
    if (taken) {
        VCOL__COUNT(m, stored_drops, 1);
        vcol__memory_give(m, &stored);
        vcol__block_unref(b);
        vcol__account_settled(&m->account);
    }
    return bytes;
}

static const char *evict_name(vcol__evictable *item)
{
    return block_of(item)->file->where;
}

const vcol__evict_ops vcol__tier_evict_ops = {evict_hold, evict_pinned, evict_drop, evict_unhold, evict_name};

/* ---- keeping --------------------------------------------------------------------------------------- */

/* What was taken out at once, to be freed without the lock. */
typedef struct taken {
    int n;
    vcol__block *blocks[AT_ONCE];
    vcol__region stored[AT_ONCE];
} taken;

static void free_taken(vcol_manager *m, taken *t)
{
    VCOL__COUNT(m, stored_drops, (uint64_t)t->n);
    for (int i = 0; i < t->n; i++) {
        _Atomic int64_t *users = t->blocks[i]->kept.users;
        vcol__memory_give(m, &t->stored[i]);
        vcol__block_unref(t->blocks[i]);
        if (atomic_fetch_sub(users, 1) == 1) { /* its file may be waiting to be closed */
            vcol__lock_take(&m->blocks.lock);
            pthread_cond_broadcast(&m->blocks.changed);
            vcol__lock_drop(&m->blocks.lock);
        }
    }
    t->n = 0;
}

static bool fits_locked(const vcol__tier *tier, uint64_t bytes, uint64_t most)
{
    uint64_t has = atomic_load_explicit(&tier->bytes, memory_order_relaxed);
    return has <= most && bytes <= most - has;
}

/* Numbers of the loop for which something is used, and of the one before; 0: no loop. */
typedef struct turn {
    uint64_t number, before;
} turn;

/* What a loop may keep grows again when one went without want of memory. */
static void begin_pass_locked(vcol__tier *tier, uint64_t number, uint64_t bytes)
{
    if (tier->pass == number)
        return;
    uint64_t more = tier->room / 8 + bytes;
    if (!tier->pressed)
        tier->room = more < tier->bound - tier->room ? tier->room + more : tier->bound;
    tier->pressed = false;
    tier->pass = number;
}

/* Takes out what was used longest ago until there is room for that many bytes; false: not yet, or never. */
static bool make_room_locked(vcol__tier *tier, uint64_t bytes, turn now, taken *t)
{
    vcol__block *next = tier->oldest;
    uint64_t most = tier->bound;
    if (now.number) {
        begin_pass_locked(tier, now.number, bytes);
        most = tier->room;
    }
    while (next && t->n < AT_ONCE && !fits_locked(tier, bytes, most)) {
        vcol__block *b = next;
        next = b->kept_next;
        if (now.number && b->kept_pass >= now.before)
            break; /* it will be needed sooner */
        if (take_locked(b, 0, &t->stored[t->n])) {
            atomic_fetch_add(b->kept.users, 1); /* it may be another file's, which must be there until free_taken has done */
            t->blocks[t->n++] = b;
        }
    }
    return fits_locked(tier, bytes, most);
}

void vcol__tier_keep(vcol__block *b, const vcol__pass *pass)
{
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    taken t = {0};
    turn now = {0};
    if (pass) {
        now.number = atomic_load_explicit(&pass->number, memory_order_relaxed);
        now.before = atomic_load_explicit(&pass->before, memory_order_relaxed);
    }
    bool kept = false, again = vcol__tier_wants(b->file);
    while (again) {
        vcol__lock_take(&r->lock);
        kept = b->in_tier;
        if (kept) {
            vcol__tier_touch_locked(b);
            b->kept_pass = now.number;
        } else if (b->stored_state == VCOL__STORED_HERE && b->stored.data && b->stored.capacity <= m->tier.bound &&
                   make_room_locked(&m->tier, b->stored.capacity, now, &t)) {
            b->kept_pass = now.number;
            b->in_tier = kept = true; /* before the reference: vcol__block_unref */
            vcol__block_ref(b);
            atomic_fetch_add_explicit(&m->tier.bytes, b->stored.capacity, memory_order_relaxed);
            link_locked(&m->tier, b);
            atomic_store_explicit(&b->kept.stamp, vcol__tick(m), memory_order_relaxed);
            vcol__evict_cost(&b->kept, vcol__speed_of(&b->file->speed, b->asked.stored), b->stored.capacity);
            vcol__evict_list(m, &b->kept);
        }
        vcol__lock_drop(&r->lock);
        again = !kept && t.n == AT_ONCE;
        free_taken(m, &t);
    }
    if (!kept && !(b->asked.flags & VCOL_BLOCK_EXPANDS)) /* what holds others goes with the last of them */
        vcol__block_drop_stored(b);
    else if (kept && atomic_load(&m->account.waiting) != 0) /* what is listed may be evicted now: as by an unpin */
        vcol__account_kick(m);
}

void vcol__tier_used(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    if (!vcol__tier_wants(b->file))
        return;
    vcol__lock_take(&m->blocks.lock);
    bool hit = b->in_tier;
    if (hit)
        vcol__tier_touch_locked(b);
    vcol__lock_drop(&m->blocks.lock);
    if (hit) {
        VCOL__COUNT(m, stored_hits, 1);
        VCOL__COUNT(m, stored_saved, b->asked.stored);
    }
}

void vcol__tier_forget(vcol__block *b)
{
    vcol_manager *m = b->file->manager;
    for (vcol__block *holder = b->parent; holder; holder = holder->parent) { /* b's references */
        vcol__lock_take(&m->blocks.lock);
        bool was = holder->in_tier;
        if (was)
            vcol__tier_unlink_locked(holder); /* the bytes go with the last of the blocks in them */
        vcol__lock_drop(&m->blocks.lock);
        if (was)
            vcol__block_unref(holder);
    }
    if (!(b->asked.flags & VCOL_BLOCK_EXPANDS)) {
        vcol__block_drop_stored(b);
        return;
    }
    vcol__lock_take(&m->blocks.lock);
    bool was = b->in_tier;
    if (was)
        vcol__tier_unlink_locked(b);
    vcol__lock_drop(&m->blocks.lock);
    if (was)
        vcol__block_unref(b);
}

void vcol__tier_relax(vcol_manager *m)
{
    vcol__lock_take(&m->blocks.lock);
    m->tier.room = m->tier.bound;
    m->tier.pressed = false;
    vcol__lock_drop(&m->blocks.lock);
}

void vcol__tier_drop_file(vcol__binding *file)
{
    vcol_manager *m = file->manager;
    taken t = {0};
    bool more;
    vcol__account_moving(&m->account);
    do {
        vcol__lock_take(&m->blocks.lock);
        vcol__block *next = m->tier.oldest;
        while (next && t.n < AT_ONCE) {
            vcol__block *b = next;
            next = b->kept_next;
            if (b->file == file && take_locked(b, INT64_MAX - 1, &t.stored[t.n]))
                t.blocks[t.n++] = b;
        }
        more = t.n == AT_ONCE;
        vcol__lock_drop(&m->blocks.lock);
        for (int i = 0; i < t.n; i++) { /* not counted as dropped: nobody could have used them any more */
            vcol__memory_give(m, &t.stored[i]);
            vcol__block_unref(t.blocks[i]);
        }
        t.n = 0;
    } while (more);
    vcol__account_settled(&m->account);
}
