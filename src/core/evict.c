/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eviction: plain least-recently-used over what is resident and unpinned. A pin of a resident buffer costs no more than
 * storing its stamp; the order is found when something has to go.
 *
 * Two rings. `sorted` is in the order of `key`, the stamp that each item had when it was sorted; `fresh` has what was
 * listed or found used since then, in no order. Stamps only grow (but for the 0 of what is to go first, which moves the
 * item to the front), so the first item of `sorted` whose stamp is still its key is the oldest of all; one whose stamp
 * is another goes to `fresh`. At the end of `sorted`, `fresh` is sorted and put behind it. So an item is sorted once for
 * each time it was used, and evicting n of n takes n log n steps. Each thread that makes room keeps its place in
 * `sorted` by a marker: items that may not go (pinned; ahead, for a prefetch) stay and are passed once.
 *
 * A prefetch does not evict what another prefetch has brought and nobody has used yet.
 */
#include "core/evict.h"

#include "core/manager.h"

#include <stdio.h>
#include <string.h>

enum { SORTS = 3 }; /* in one go at making room; then what is found is taken, however lately it was used */

/* A thread's way through `sorted`. */
typedef struct way {
    vcol__evictable marker; /* ops NULL: no item */
    int sorts;
} way;

/* ---- rings: evict.lock is held --------------------------------------------------------------- */

static void ring_init(vcol__evictable *ring)
{
    memset(ring, 0, sizeof *ring);
    ring->next = ring->previous = ring;
}

static void put_behind(vcol__evictable *item, vcol__evictable *where)
{
    item->previous = where;
    item->next = where->next;
    where->next->previous = item;
    where->next = item;
}

static void take_out(vcol__evictable *item)
{
    item->previous->next = item->next;
    item->next->previous = item->previous;
    item->next = item->previous = NULL;
}

/* Two chains by `next`, each in order, to one; equal keys: a's first. */
static vcol__evictable *merge(vcol__evict *e, vcol__evictable *a, vcol__evictable *b)
{
    vcol__evictable *first = NULL, **end = &first;
    while (a && b) {
        vcol__evictable **least = b->key < a->key ? &b : &a;
        *end = *least;
        end = &(*least)->next;
        *least = *end;
        e->steps++;
    }
    *end = a ? a : b;
    return first;
}

/* Puts what is in `fresh` behind `sorted`, in order. */
static void sort_fresh(vcol__evict *e)
{
    vcol__evictable *piles[48] = {NULL}, *chain = NULL; /* pile i: 2^i items */
    vcol__evictable *i = e->fresh.next;
    int n = 0;
    while (i != &e->fresh) {
        vcol__evictable *carry = i;
        int k = 0;
        i = i->next;
        carry->next = NULL;
        carry->key = atomic_load_explicit(&carry->stamp, memory_order_relaxed);
        for (; piles[k]; k++) {
            carry = merge(e, piles[k], carry);
            piles[k] = NULL;
        }
        piles[k] = carry;
        n = k + 1 > n ? k + 1 : n;
        e->steps++;
    }
    for (int k = 0; k < n; k++)
        chain = merge(e, piles[k], chain);
    ring_init(&e->fresh);
    while (chain) {
        vcol__evictable *next = chain->next;
        put_behind(chain, e->sorted.previous);
        chain = next;
    }
}

/* ---- the list ----------------------------------------------------------------------------------- */

void vcol__evict_init(vcol__evict *evict)
{
    vcol__lock_init(&evict->lock, LEVEL_EVICT);
    ring_init(&evict->sorted);
    ring_init(&evict->fresh);
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
    if (!item->previous)
        put_behind(item, e->fresh.previous);
    vcol__lock_drop(&e->lock);
}

void vcol__evict_unlist(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    if (item->previous)
        take_out(item);
    vcol__lock_drop(&e->lock);
}

void vcol__evict_first(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    atomic_store_explicit(&item->stamp, 0, memory_order_relaxed);
    if (item->previous) {
        take_out(item);
        item->key = 0;
        put_behind(item, &e->sorted);
    }
    vcol__lock_drop(&e->lock);
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

/* The least recently used item that may go, held; NULL if there is none (any more) on this way. */
static vcol__evictable *oldest(vcol_manager *m, vcol__urgency urgency, way *w)
{
    vcol__evict *e = &m->evict;
    vcol__evictable *found = NULL;
    bool gone = false;
    vcol__lock_take(&e->lock);
    if (!w->marker.previous)
        put_behind(&w->marker, &e->sorted);
    while (!found) {
        vcol__evictable *i = w->marker.next;
        e->steps++;
        if (i == &e->sorted) {
            if (w->sorts == SORTS || e->fresh.next == &e->fresh)
                break;
            w->sorts++;
            sort_fresh(e);
            continue;
        }
        take_out(&w->marker);
        put_behind(&w->marker, i);
        if (!i->ops) /* another thread's marker */
            continue;
        if (atomic_load_explicit(&i->stamp, memory_order_relaxed) != i->key && w->sorts < SORTS) {
            take_out(i);
            put_behind(i, e->fresh.previous);
            continue;
        }
        if (i->ops->pinned(i) || (urgency == VCOL__PREFETCH && atomic_load_explicit(&i->ahead, memory_order_relaxed)))
            continue;
        /* While it is listed, and we have the lock, its file is there: who destroys it must unlist it first. */
        if (i->users)
            atomic_fetch_add(i->users, 1);
        if (i->ops->hold(i)) /* else on its way out by itself */
            found = i;
        else if (i->users)
            gone = atomic_fetch_sub(i->users, 1) == 1 || gone;
    }
    vcol__lock_drop(&e->lock);
    if (gone)
        tell_closer(m);
    return found;
}

uint64_t vcol__evict_make_room(vcol_manager *m, uint64_t bytes, vcol__urgency urgency)
{
    /* While `waiting` is not 0, what is given back is freed and not recycled. */
    atomic_fetch_add(&m->account.waiting, 1);
    uint64_t freed = vcol__memory_trim(m, bytes);
    int misses = 0;
    way w = {0};
    while (freed < bytes && misses < 8) {
        vcol__evictable *item = oldest(m, urgency, &w);
        if (!item)
            break;
        uint64_t got = item->ops->drop(item);
        if (got)
            VCOL__COUNT(m, evictions, 1);
        else
            misses++; /* pinned in the meantime */
        _Atomic int64_t *users = item->users;
        item->ops->unhold(item);
        if (users && atomic_fetch_sub(users, 1) == 1)
            tell_closer(m);
        freed += got;
    }
    vcol__evict_unlist(m, &w.marker);
    if (freed < bytes && urgency != VCOL__PREFETCH)
        freed += vcol__queue_revoke(m, bytes - freed);
    atomic_fetch_sub(&m->account.waiting, 1);
    return freed;
}

/* Adds the names of a ring's pinned items; how many are shown then. */
static int add_names(vcol__evictable *ring, int shown, char *out, size_t size)
{
    size_t used = strlen(out);
    for (vcol__evictable *i = ring->next; i != ring && used + 1 < size; i = i->next) {
        if (!i->ops || !i->ops->pinned(i))
            continue;
        int n = snprintf(out + used, size - used, "%s%s", shown ? ", " : "", i->ops->name(i));
        used += n > 0 ? (size_t)n : 0;
        shown++;
    }
    return shown;
}

static void names_locked(vcol__evict *e, char *out, size_t size)
{
    out[0] = 0;
    int shown = add_names(&e->sorted, 0, out, size);
    shown = add_names(&e->fresh, shown, out, size);
    if (!shown)
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
