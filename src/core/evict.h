/* SPDX-License-Identifier: BSD-3-Clause */
/* What leaves when memory is short, and in which order: buffers and unpacked blocks. See evict.c for the rules. */
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

/* When an item will be used next: a time of the program's own, which only has to grow from use to use. */
#define VCOL__NEXT_UNKNOWN ((uint64_t)0)
#define VCOL__NEXT_NEVER   UINT64_MAX
#define VCOL__NEXT_LAST    (UINT64_MAX >> 1) /* the largest time */

/* Classes of cost to bring back a byte: below 4 ns, then one for each factor of two. */
#define VCOL__COSTS 31

/* Times of a pass over entries: the entry + 1, then so many bits for the order within a chunk. */
#define VCOL__PLACE_BITS 20

typedef enum vcol__evict_place {
    VCOL__EVICT_NOWHERE, /* not listed */
    VCOL__EVICT_HEAP,
    VCOL__EVICT_ASIDE, /* could not go when it was looked at: pinned, or ahead */
    VCOL__EVICT_TAKEN  /* a thread tries to drop it */
} vcol__evict_place;

/* The less goes first. */
typedef struct vcol__evict_key {
    uint64_t rank, stamp;
    uint64_t order; /* in which they were put into the heap, where all else is equal */
} vcol__evict_key;

/* Embedded in buffers and blocks. */
typedef struct vcol__evictable {
    const vcol__evict_ops *ops;
    _Atomic int64_t *users; /* const: raised while a thread that evicts holds the item, since that may come to destroy it with
                               what belongs to its file; NULL: it needs nothing but the manager */
    /* evict.lock */
    struct vcol__evictable *next, *previous; /* the ring of all that are listed */
    struct vcol__evictable *child, *sibling, *before; /* HEAP: first child, next sibling, the sibling before or the
                                                         parent; ASIDE: sibling and before are the ring's */
    vcol__evict_place place;
    uint32_t heap; /* HEAP: which */
    vcol__evict_key key; /* what it was put into the heap by */
    /* atomic */
    _Atomic uint64_t next_use; /* VCOL__NEXT_… or a time; stale is harmless: it is looked at again when it is changed */
    _Atomic uint64_t stamp;    /* when it was last used; 0 = the first to go */
    _Atomic uint32_t cost;     /* class of cost to bring back a byte, below VCOL__COSTS */
    _Atomic bool ahead;        /* prefetched in a scope that is still open, and not used yet; or carried by a pass to the
                                  next chunk: it has a use, and no prefetch evicts it */
} vcol__evictable;

typedef struct vcol__evict {
    vcol__lock lock;
    /* evict.lock */
    vcol__evictable all, aside; /* rings */
    vcol__evictable *heap[1 + VCOL__COSTS]; /* the first to go, or NULL: [0] of what has no known time, then by cost of what has */
    uint64_t now;               /* the time of what is used now */
    int64_t n;                  /* listed */
    uint64_t puts;              /* into the heap */
    uint64_t steps;             /* of all searches */
} vcol__evict;

void vcol__evict_init(vcol__evict *evict);
void vcol__evict_destroy(vcol__evict *evict);
void vcol__evict_list(vcol_manager *m, vcol__evictable *item);
void vcol__evict_unlist(vcol_manager *m, vcol__evictable *item);
/* Makes an item the first to go: what was prefetched in vain. */
void vcol__evict_first(vcol_manager *m, vcol__evictable *item);
/* Says when an item will be used next, listed or not: by the direction of a loop, a plan, or what a program expects. */
void vcol__evict_hint(vcol_manager *m, vcol__evictable *item, uint64_t next_use);
/* Says which time it is: that of what is being used. Known times are taken from there. */
void vcol__evict_now(vcol_manager *m, uint64_t now);
/* Says what it cost to make so many bytes; 0 = not known. */
void vcol__evict_cost(vcol__evictable *item, uint64_t ns, uint64_t bytes);

/*
 * Frees at least `bytes`: recycled memory first, then unpinned items in their order, then (DEMAND, BORROW)
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
