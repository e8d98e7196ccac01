/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eviction: plain least-recently-used over what is resident and unpinned. The list is scanned for the smallest
 * stamp; a pin of a resident buffer then costs no more than storing its stamp. A prefetch does not evict what another
 * prefetch has brought and nobody has used yet.
 */
#include "core/evict.h"

#include "core/manager.h"

#include <stdio.h>
#include <string.h>

void vcol__evict_init(vcol__evict *evict)
{
    vcol__lock_init(&evict->lock, LEVEL_EVICT);
    memset(&evict->head, 0, sizeof evict->head);
    evict->head.next = evict->head.previous = &evict->head;
}

void vcol__evict_destroy(vcol__evict *evict)
{
    vcol__lock_destroy(&evict->lock);
}

void vcol__evict_list(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    if (!item->previous) {
        item->previous = e->head.previous;
        item->next = &e->head;
        item->previous->next = item;
        e->head.previous = item;
    }
    vcol__lock_drop(&e->lock);
}

void vcol__evict_unlist(vcol_manager *m, vcol__evictable *item)
{
    vcol__evict *e = &m->evict;
    vcol__lock_take(&e->lock);
    if (item->previous) {
        item->previous->next = item->next;
        item->next->previous = item->previous;
        item->next = item->previous = NULL;
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

/* The least recently used item that may go, held; NULL if there is none. */
static vcol__evictable *oldest(vcol_manager *m, vcol__urgency urgency)
{
    vcol__evict *e = &m->evict;
    vcol__evictable *best = NULL;
    uint64_t best_stamp = UINT64_MAX;
    vcol__lock_take(&e->lock);
    for (vcol__evictable *i = e->head.next; i != &e->head; i = i->next) {
        uint64_t stamp = atomic_load_explicit(&i->stamp, memory_order_relaxed);
        if (stamp >= best_stamp || i->ops->pinned(i))
            continue;
        if (urgency == VCOL__PREFETCH && atomic_load_explicit(&i->ahead, memory_order_relaxed))
            continue;
        best = i;
        best_stamp = stamp;
    }
    if (best && !best->ops->hold(best)) {
        /* On its way out by itself: any other that may go, without regard to its age. */
        vcol__evictable *gone = best;
        best = NULL;
        for (vcol__evictable *i = e->head.next; i != &e->head && !best; i = i->next)
            if (i != gone && !i->ops->pinned(i) &&
                !(urgency == VCOL__PREFETCH && atomic_load_explicit(&i->ahead, memory_order_relaxed)) && i->ops->hold(i))
                best = i;
    }
    vcol__lock_drop(&e->lock);
    return best;
}

uint64_t vcol__evict_make_room(vcol_manager *m, uint64_t bytes, vcol__urgency urgency)
{
    /* While `waiting` is not 0, what is given back is freed and not recycled. */
    atomic_fetch_add(&m->account.waiting, 1);
    uint64_t freed = vcol__memory_trim(m, bytes);
    int misses = 0;
    while (freed < bytes && misses < 8) {
        vcol__evictable *item = oldest(m, urgency);
        if (!item)
            break;
        uint64_t got = item->ops->drop(item);
        if (got)
            VCOL__COUNT(m, evictions, 1);
        else
            misses++; /* pinned in the meantime */
        item->ops->unhold(item);
        freed += got;
    }
    if (freed < bytes && urgency != VCOL__PREFETCH)
        freed += vcol__queue_revoke(m, bytes - freed);
    atomic_fetch_sub(&m->account.waiting, 1);
    return freed;
}

void vcol__evict_pinned_names(vcol_manager *m, char *out, size_t size)
{
    vcol__evict *e = &m->evict;
    size_t used = 0;
    int shown = 0;
    out[0] = 0;
    vcol__lock_take(&e->lock);
    for (vcol__evictable *i = e->head.next; i != &e->head && used + 1 < size; i = i->next) {
        if (!i->ops->pinned(i))
            continue;
        int n = snprintf(out + used, size - used, "%s%s", shown ? ", " : "", i->ops->name(i));
        used += n > 0 ? (size_t)n : 0;
        shown++;
    }
    vcol__lock_drop(&e->lock);
    if (!shown)
        snprintf(out, size, "none");
}
