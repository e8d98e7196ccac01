/* SPDX-License-Identifier: BSD-3-Clause */
/* Column memory: regions of counted size, recycled by size class. See memory.c. */
#ifndef VCOL_CORE_MEMORY_H
#define VCOL_CORE_MEMORY_H

#include "core/account.h"
#include "core/pages.h"

#define VCOL__CLASSES 160

typedef struct vcol__region {
    void *data;
    size_t capacity; /* bytes that the account is charged with; 0 = no memory */
} vcol__region;

typedef struct vcol__memory {
    vcol__lock lock;
    vcol_allocator allocator;
    bool system;           /* the system's allocator, and pages */
    _Atomic uint64_t cached_limit; /* moves with the limit: a stale value is as good as the change coming later */
    /* memory.lock; of the program's allocator */
    uint64_t cached;
    void *lists[VCOL__CLASSES]; /* free regions, linked through their first word */
    /* account.lock */
    vcol__pages pages;
} vcol__memory;

void vcol__memory_init(vcol__memory *memory, const vcol_allocator *allocator, uint64_t limit, uint64_t cached_limit);
void vcol__memory_destroy(vcol__memory *memory);
/* The limit has changed, and the bound of the free lists with it: frees what is above that. */
void vcol__memory_bound(vcol_manager *m, uint64_t limit, uint64_t cached_limit);

/* Bytes that a region of `size` bytes will be charged with. */
size_t vcol__memory_capacity(size_t size);

/*
 * Allocates at least `size` bytes, aligned to 64, against a grant (reserve capacity before; NULL grant: charged
 * without). Errors: NOMEM. Never holds a lock while the allocator works.
 */
vcol_status vcol__memory_take(vcol_manager *m, vcol__grant *grant, size_t size, vcol__region *out,
                              vcol_error *err);
/* Frees a region, or keeps it for the next one of its size; leaves it empty. An empty one is fine. */
void vcol__memory_give(vcol_manager *m, vcol__region *region);
/* Frees recycled memory until at least `bytes` are freed or none is left; returns how many. */
uint64_t vcol__memory_trim(vcol_manager *m, uint64_t bytes);

/* Asks the system's malloc to give back what it keeps for itself: of small regions, metadata, contexts. */
void vcol__memory_settle(vcol_manager *m);

/*
 * An allocator for metadata, large pieces of which come from the free lists and go back there: opening many files touches the
 * same memory again. Not charged; who holds it says so by vcol__account_fix. As long as the manager lives.
 */
vcol_allocator vcol__memory_recycler(vcol_manager *m);

/* Bookkeeping memory (structs), not charged to columns. NULL where there is none. */
void *vcol__memory_new(vcol_manager *m, size_t size);
void vcol__memory_delete(vcol_manager *m, void *p, size_t size);

#endif
