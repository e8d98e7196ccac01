/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory in whole pages, from the system: large areas of addresses, of which runs of pages are handed out, taken back and
 * joined with their neighbours. See pages.c.
 */
#ifndef VCOL_CORE_PAGES_H
#define VCOL_CORE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VCOL__PAGE ((size_t)4096)
#define VCOL__PAGE_CLASSES 160

typedef struct vcol__area vcol__area;
typedef struct vcol__run vcol__run;

/* Guarded by the account's lock, so that what is on the lists and what the account says of it never differ. */
typedef struct vcol__pages {
    vcol__area *areas;
    uint64_t mapped;  /* bytes of addresses in areas */
    uint64_t brought; /* bytes that have got memory, ever */
    bool huge;        /* pages come 2 MiB at a time, where whole ones of that size are free */
    /* [0] without memory behind them, [1] with: free runs by size class, newest first; which lists have any */
    vcol__run *list[2][VCOL__PAGE_CLASSES], *last[2][VCOL__PAGE_CLASSES];
    uint64_t any[2][(VCOL__PAGE_CLASSES + 63) / 64];
} vcol__pages;

/* Where a region is to be. */
typedef struct vcol__placed {
    char *data;
    size_t dirty; /* bytes of it that have memory already: they were on the lists */
    size_t extra; /* bytes beside it that get memory along with it: they are on the lists now */
    size_t head, tail; /* bytes at its two ends that have none yet */
} vcol__placed;

void vcol__pages_init(vcol__pages *pages, bool huge);
/* All runs must be back. */
void vcol__pages_destroy(vcol__pages *pages);

/* ---- with the lock ------------------------------------------------------------------------------- */

/* Takes `size` bytes (whole pages) off the lists; false: no area has so much room in one place. */
bool vcol__pages_place(vcol__pages *pages, size_t size, vcol__placed *out);
/* A region is free again, its memory still behind it. */
void vcol__pages_put(vcol__pages *pages, void *data, size_t size);
/* A region is free, and its memory is to go: for vcol__pages_purge. */
vcol__run *vcol__pages_run(vcol__pages *pages, void *data, size_t size);
/* Takes runs that have memory off the lists, `bytes` in all or as many as there are, for vcol__pages_purge. */
vcol__run *vcol__pages_drain(vcol__pages *pages, uint64_t bytes, uint64_t *drained);
/* Runs that were purged are free, without memory. Areas of which nothing is used are returned, for vcol__pages_unmap. */
vcol__area *vcol__pages_purged(vcol__pages *pages, vcol__run *runs);
void vcol__pages_add(vcol__pages *pages, vcol__area *area);
/* From now on memory comes page by page. */
void vcol__pages_no_huge(vcol__pages *pages);

/* ---- without it: calls of the system --------------------------------------------------------------- */

/* A new area with room for `size` bytes at least; `mapped` bytes are in others. NULL: no memory. */
vcol__area *vcol__pages_map(size_t size, uint64_t mapped, bool huge);
void vcol__pages_unmap(vcol__area *areas);
/* Gives a region the memory that it lacks. */
void vcol__pages_commit(const vcol__placed *placed, size_t size);
/* The memory of drained runs goes back to the system. */
void vcol__pages_purge(const vcol__run *runs);

#endif
