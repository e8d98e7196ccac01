/* SPDX-License-Identifier: BSD-3-Clause */
/* What may leave when memory is short: least recently used first, over buffers and unpacked blocks. */
#ifndef VCOL_CORE_EVICT_H
#define VCOL_CORE_EVICT_H

#include "core/account.h"
#include "core/sync.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vcol__evictable;

/*
 * Tries to drop the item's memory: 0 if it is pinned or being dropped by another, else bytes freed. Called with
 * no lock held; the item is kept alive by `hold` until `unhold`.
 */
typedef struct vcol__evict_ops {
    bool (*hold)(struct vcol__evictable *item); /* under evict.lock; false: it is being destroyed */
    bool (*pinned)(struct vcol__evictable *item); /* under evict.lock: a look only, may be stale at once */
    uint64_t (*drop)(struct vcol__evictable *item);
    void (*unhold)(struct vcol__evictable *item);
    const char *(*name)(struct vcol__evictable *item);
} vcol__evict_ops;

/* Embedded in buffers and blocks. */
typedef struct vcol__evictable {
    struct vcol__evictable *next, *previous; /* evict.lock; previous NULL = not listed */
    const vcol__evict_ops *ops;
    _Atomic int64_t *users; /* const: raised while a thread that evicts holds the item, since that may come to destroy it with
                               what belongs to its file; NULL: it needs nothing but the manager */
    uint64_t key; /* evict.lock: its stamp when it was sorted */
    _Atomic uint64_t stamp; /* when it was last used; 0 = the first to go */
    _Atomic bool ahead;     /* prefetched in a scope that is still open, and not used yet; or carried by a pass to the
                               next chunk: it has a use, and no prefetch evicts it */
} vcol__evictable;

typedef struct vcol__evict {
    vcol__lock lock;
    vcol__evictable sorted, fresh; /* rings; evict.lock */
    uint64_t steps;                /* of all searches; evict.lock */
} vcol__evict;

void vcol__evict_init(vcol__evict *evict);
void vcol__evict_destroy(vcol__evict *evict);
void vcol__evict_list(vcol_manager *m, vcol__evictable *item);
void vcol__evict_unlist(vcol_manager *m, vcol__evictable *item);
/* Makes an item the first to go: what was prefetched in vain. */
void vcol__evict_first(vcol_manager *m, vcol__evictable *item);

/*
 * Frees at least `bytes`: recycled memory first, then the least recently used unpinned items, then (DEMAND, BORROW)
 * what was prefetched into the queue. Returns what was freed; 0 = nothing can go. Holds no lock meanwhile.
 */
uint64_t vcol__evict_make_room(vcol_manager *m, uint64_t bytes, vcol__urgency urgency);
/* Adds a reference, unless the last one is gone: what `hold` does with an item's count. */
bool vcol__evict_ref(_Atomic int64_t *refs);
/* Names of pinned items, for messages. */
void vcol__evict_pinned_names(vcol_manager *m, char *out, size_t size);
/* The same in a hang; false: not known. */
bool vcol__evict_try_pinned_names(vcol_manager *m, char *out, size_t size);

#endif
