/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eviction: what is resident and unpinned, in this order:
 *
 *   1. what was prefetched and never used, when its scope has ended;
 *   2. what will never be used again (a plan says so, or what the program expects);
 *   3. what nothing is known of: the least recently used first. What is costlier to bring back per byte counts as used later:
 *      for each factor of four by as many uses as there are items, so that it stays about one turnover longer;
 *   4. what will be used again at a known time: the latest first. Times are a chunk's place in its loop, then the order in which
 *      its columns were asked for; or the place in what a program expects (expect.c). What is costlier to bring back per byte
 *      counts as used sooner: for each factor of two its time from now on is divided by four. (A byte that is kept for twice
 *      the time should save twice as much: that would be a factor of two; but what is dear is worth keeping for the uses after that,
 *      too. bench/evict.c has what comes of it, against what bounds the optimum.)
 *
 * A pin of a resident buffer costs no more than storing its stamp: the order is found when something has to go. The
 * items are in pairing heaps by the key that each had when it was put there: one for 1 to 3, and one for each class of cost for 4,
 * since as time goes on what changes is only which of these has the first to go. Keys only grow by use, so an item that
 * comes up with an old key goes back with its new one, and the first that comes up with its own is the first of all;
 * what makes a key smaller (a hint, the end of a scope) moves the item at once. So an item moves once for
 * each time it was used, and evicting n of n takes n log n steps. Items that may not go (pinned; ahead, for a prefetch) are
 * set aside, and looked at once in each search.
 *
 * A prefetch does not evict what another prefetch has brought and nobody has used yet.
 */
#include "core/evict.h"

#include "core/manager.h"

#include <stdio.h>
#include <string.h>

#define KNOWN ((uint64_t)1 << 63)
enum { LEAST_COSTED = 4096, TICKS = 4 /* of the clock of uses, for a use that loads */ };

/* ---- rings: evict.lock is held --------------------------------------------------------------- */

static void ring_init(vcol__evictable *ring)
{
    memset(ring, 0, sizeof *ring);
    ring->next = ring->previous = ring->sibling = ring->before = ring;
}

static void put_aside(vcol__evict *e, vcol__evictable *item)
{
    item->place = VCOL__EVICT_ASIDE;
    item->before = e->aside.before;
    item->sibling = &e->aside;
    e->aside.before->sibling = item;
    e->aside.before = item;
}

static void take_from_aside(vcol__evictable *item)
{
    item->before->sibling = item->sibling;
    item->sibling->before = item->before;
    item->sibling = item->before = NULL;
}

/* ---- the heap: evict.lock is held --------------------------------------------------------------- */

static vcol__evict_key key_of(const vcol__evict *e, const vcol__evictable *item)
{
    uint64_t stamp = atomic_load_explicit(&item->stamp, memory_order_relaxed);
    uint64_t next_use = atomic_load_explicit(&item->next_use, memory_order_relaxed);
    vcol__evict_key key = {0, stamp, item->key.order};
    if (stamp == 0)
        key.rank = 0;
    else if (next_use == VCOL__NEXT_NEVER)
        key.rank = 1;
    else if (next_use == VCOL__NEXT_UNKNOWN)
        key.rank = 2 + stamp + TICKS * (uint64_t)e->n * ((atomic_load_explicit(&item->cost, memory_order_relaxed) + 1) / 2);
    else
        key.rank = KNOWN + (VCOL__NEXT_LAST - next_use);
    return key;
}

static bool less(vcol__evict_key a, vcol__evict_key b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.stamp != b.stamp ? a.stamp < b.stamp : a.order < b.order;
}

/* Two heaps to one. */
static vcol__evictable *meld(vcol__evict *e, vcol__evictable *a, vcol__evictable *b)
{
    if (!a || !b)
        return a ? a : b;
    e->steps++;
    if (less(b->key, a->key)) {
        vcol__evictable *other = a;
        a = b;
        b = other;
    }
    b->before = a;
    b->sibling = a->child;
    if (a->child)
        a->child->before = b;
    a->child = b;
    a->sibling = a->before = NULL;
    return a;
}

static void heap_put(vcol__evict *e, vcol__evictable *item)
{
    item->place = VCOL__EVICT_HEAP;
    item->child = item->sibling = item->before = NULL;
    item->key.order = e->puts++;
    item->key = key_of(e, item);
    item->heap = item->key.rank < KNOWN ? 0 : 1 + atomic_load_explicit(&item->cost, memory_order_relaxed);
    e->heap[item->heap] = meld(e, e->heap[item->heap], item);
}

/* The children of what was taken out, to one heap: in pairs from the left, then all from the right. */
static vcol__evictable *meld_children(vcol__evict *e, vcol__evictable *first)
{
    vcol__evictable *pairs = NULL, *heap = NULL;
    while (first) {
        vcol__evictable *a = first, *b = a->sibling;
        first = b ? b->sibling : NULL;
        a->sibling = a->before = NULL;
        if (b)
            b->sibling = b->before = NULL;
        a = meld(e, a, b);
        a->sibling = pairs; /* a stack */
        pairs = a;
    }
    while (pairs) {
        vcol__evictable *next = pairs->sibling;
        pairs->sibling = NULL;
        heap = meld(e, heap, pairs);
        pairs = next;
    }
    return heap;
}

static void heap_take(vcol__evict *e, vcol__evictable *item)
{
    vcol__evictable *below = meld_children(e, item->child), **heap = &e->heap[item->heap];
    if (*heap == item) {
        *heap = below;
    } else {
        if (item->before->child == item)
            item->before->child = item->sibling;
        else
            item->before->sibling = item->sibling;
        if (item->sibling)
            item->sibling->before = item->before;
        *heap = meld(e, *heap, below);
    }
    item->child = item->sibling = item->before = NULL;
}

/* How long an item is to be kept for its known next use, what it costs considered. */
static double keeping(const vcol__evict *e, const vcol__evictable *item)
{
    uint64_t next_use = VCOL__NEXT_LAST - (item->key.rank - KNOWN);
    double time = next_use > e->now ? (double)(next_use - e->now) : 1;
    for (uint32_t cost = item->heap - 1; cost > 0; cost--)
        time /= 4;
    return time;
}

/* The first of all in the heaps, or NULL. */
static vcol__evictable *heap_first(const vcol__evict *e)
{
    vcol__evictable *first = e->heap[0];
    if (first)
        return first;
    for (int i = 1; i <= VCOL__COSTS; i++)
        if (e->heap[i] && (!first || keeping(e, e->heap[i]) > keeping(e, first)))
            first = e->heap[i];
    return first;
}

/* ---- the list ----------------------------------------------------------------------------------- */

void vcol__evict_init(vcol__evict *evict)
{
    vcol__lock_init(&evict->lock, LEVEL_EVICT);
    ring_init(&evict->all);
    ring_init(&evict->aside);
    memset(evict->heap, 0, sizeof evict->heap);
    evict->now = 0;
    evict->n = 0;
    evict->puts = 0;
    evict->steps = 0;
}

void vcol__evict_destroy(vcol__evict *evict)
{
    vcol__lock_destroy(&evict->lock);
}

void vcol__evict_list(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    if (item->place == VCOL__EVICT_NOWHERE) {
        item->next = &e->all;
        item->previous = e->all.previous;
        e->all.previous->next = item;
        e->all.previous = item;
        e->n++;
        heap_put(e, item);
    }
    vcol__lock_drop(&e->lock);
}

void vcol__evict_unlist(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    if (item->place == VCOL__EVICT_HEAP)
        heap_take(e, item);
    else if (item->place == VCOL__EVICT_ASIDE)
        take_from_aside(item);
    if (item->place != VCOL__EVICT_NOWHERE) {
        item->previous->next = item->next;
        item->next->previous = item->previous;
        item->next = item->previous = NULL;
        item->place = VCOL__EVICT_NOWHERE;
        e->n--;
    }
    vcol__lock_drop(&e->lock);
}

/* What its key is made of has changed: it moves, where it is in the heap. */
static void moved_locked(vcol__evict *e, vcol__evictable *item)
{
    if (item->place == VCOL__EVICT_HEAP) {
        heap_take(e, item);
        heap_put(e, item);
    }
}

void vcol__evict_first(vcol_manager *m, vcol__evictable *item)
{
    vcol__lock_take(&m->evict.lock);
    atomic_store_explicit(&item->stamp, 0, memory_order_relaxed);
    moved_locked(&m->evict, item);
    vcol__lock_drop(&m->evict.lock);
}

void vcol__evict_hint(vcol_manager *m, vcol__evictable *item, uint64_t next_use)
{
    vcol__lock_take(&m->evict.lock);
    if (next_use > VCOL__NEXT_LAST && next_use != VCOL__NEXT_NEVER)
        next_use = VCOL__NEXT_LAST;
    atomic_store_explicit(&item->next_use, next_use, memory_order_relaxed);
    moved_locked(&m->evict, item);
    vcol__lock_drop(&m->evict.lock);
}

void vcol__evict_now(vcol_manager *m, uint64_t now)
{
    vcol__lock_take(&m->evict.lock);
    m->evict.now = now;
    vcol__lock_drop(&m->evict.lock);
}

void vcol__evict_cost(vcol__evictable *item, uint64_t ns, uint64_t bytes)
{
    uint32_t cost = 0;
    /* Of small items it is the work of any load, and the clock's noise. */
    for (uint64_t each = ns / (bytes > LEAST_COSTED ? bytes : LEAST_COSTED); each >= 4 && cost < VCOL__COSTS - 1; each /= 2)
        cost++;
    /* relaxed: looked at when it is put into the heap the next time */
    atomic_store_explicit(&item->cost, cost, memory_order_relaxed);
}

bool vcol__evict_ref(_Atomic int64_t *refs)
{
    int64_t n = atomic_load(refs);
    while (n > 0)
        if (atomic_compare_exchange_weak(refs, &n, n + 1))
            return true;
    return false;
}

/* Nobody who evicts holds anything of a file any more: whoever closes it may go on. */
static void tell_closer(vcol_manager *m)
{
    vcol__lock_take(&m->blocks.lock);
    pthread_cond_broadcast(&m->blocks.changed);
    vcol__lock_drop(&m->blocks.lock);
}

static bool may_go(vcol__evictable *item, vcol__urgency urgency)
{
    return !item->ops->pinned(item) &&
           !(urgency == VCOL__PREFETCH && atomic_load_explicit(&item->ahead, memory_order_relaxed));
}

/* What was set aside may go by now. */
static void look_aside(vcol__evict *e, vcol__urgency urgency)
{
    vcol__evictable *next;
    for (vcol__evictable *i = e->aside.sibling; i != &e->aside; i = next) {
        next = i->sibling;
        e->steps++;
        if (may_go(i, urgency)) {
            take_from_aside(i);
            heap_put(e, i);
        }
    }
}

/* The first item that may go, held and TAKEN; NULL if there is none. `moves`: how many more may go back for having been used. */
static vcol__evictable *first_to_go(vcol_manager *m, vcol__urgency urgency, bool begin, int64_t *moves)
{
    vcol__evict *e = &m->evict;
    vcol__evictable *found = NULL;
    bool gone = false;
    vcol__lock_take(&e->lock);
    if (begin) {
        *moves = 2 * e->n + 16; /* others may use them faster than they are looked at */
        look_aside(e, urgency);
    }
    for (vcol__evictable *i; !found && (i = heap_first(e)) != NULL;) {
        e->steps++;
        heap_take(e, i);
        if (*moves > 0 && less(i->key, key_of(e, i))) { /* used since, or more came: it is not its turn */
            (*moves)--;
            heap_put(e, i);
            continue;
        }
        if (!may_go(i, urgency)) {
            put_aside(e, i);
            continue;
        }
        /* While it is listed, and we have the lock, its file is there: who destroys it must unlist it first. */
        if (i->users)
            atomic_fetch_add(i->users, 1);
        if (i->ops->hold(i)) {
            i->place = VCOL__EVICT_TAKEN;
            vcol__account_moving(&m->account); /* another look does not find it now */
            found = i;
        } else { /* on its way out by itself */
            put_aside(e, i);
            if (i->users)
                gone = atomic_fetch_sub(i->users, 1) == 1 || gone;
        }
    }
    vcol__lock_drop(&e->lock);
    if (gone)
        tell_closer(m);
    return found;
}

/* It could not be dropped: it was pinned meanwhile. It is looked at again in the next search. */
static void put_back(vcol__evict *e, vcol__evictable *item)
{
    vcol__lock_take(&e->lock);
    if (item->place == VCOL__EVICT_TAKEN)
        put_aside(e, item);
    vcol__lock_drop(&e->lock);
}

uint64_t vcol__evict_make_room(vcol_manager *m, uint64_t bytes, vcol__urgency urgency)
{
    /* While `waiting` is not 0, what is given back is freed and not recycled, unless it is lent to who asks for it. */
    atomic_fetch_add(&m->account.waiting, 1);
    uint64_t freed = m->account.lends ? 0 : vcol__memory_trim(m, bytes);
    int misses = 0;
    int64_t moves = 0;
    for (bool begin = true; freed < bytes && misses < 8; begin = false) {
        vcol__evictable *item = first_to_go(m, urgency, begin, &moves);
        if (!item)
            break;
        uint64_t got = item->ops->drop(item);
        if (got) {
            VCOL__COUNT(m, evictions, 1);
        } else {
            misses++; /* pinned in the meantime */
            put_back(&m->evict, item);
        }
        vcol__account_unmoved(&m->account); /* what was freed has been told */
        _Atomic int64_t *users = item->users;
        item->ops->unhold(item);
        if (users && atomic_fetch_sub(users, 1) == 1)
            tell_closer(m);
        freed += got;
    }
    if (freed < bytes && urgency != VCOL__PREFETCH)
        freed += vcol__queue_revoke(m, bytes - freed);
    atomic_fetch_sub(&m->account.waiting, 1);
    return freed;
}

static void names_locked(const vcol__evict *e, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (vcol__evictable *i = e->all.next; i != &e->all && used + 1 < size; i = i->next) {
        if (!i->ops->pinned(i))
            continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? ", " : "", i->ops->name(i));
        used += n > 0 ? (size_t)n : 0;
    }
    if (!used)
        snprintf(out, size, "none");
}

void vcol__evict_pinned_names(vcol_manager *m, char *out, size_t size)
{
    vcol__lock_take(&m->evict.lock);
    names_locked(&m->evict, out, size);
    vcol__lock_drop(&m->evict.lock);
}

bool vcol__evict_try_pinned_names(vcol_manager *m, char *out, size_t size)
{
    if (!vcol__lock_try(&m->evict.lock))
        return false;
    names_locked(&m->evict, out, size);
    vcol__lock_try_drop(&m->evict.lock);
    return true;
}
