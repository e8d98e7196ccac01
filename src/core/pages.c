/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of pages.
 *
 * First touch of a page costs as much as decoding into it, so memory that was used is used again. Regions of a chunk's columns
 * are of all sizes, and never quite those of the chunk before: were they kept each for its own size, a program that lives at
 * its limit would free one and touch another all the time. So runs are cut and joined: a free run of pages is either
 * dirty (it has memory) or clean (addresses alone); neighbours of one kind are one run. A region is placed
 *
 *   1. in the smallest dirty run that holds it;
 *   2. else on a dirty run and the clean ones beside it, so that only the rest costs memory;
 *   3. else in the smallest clean run that holds it.
 *
 * What a free run is stands beside the area, in an entry for its first and one for its last page, never in the pages.
 *
 * Huge pages: where an area is advised to have them, the first touch of a unit of 2 MiB brings all of it. So a unit of which
 * nothing had memory is made dirty whole, and what is left of it is there for the next region. Of a unit in which pages were
 * purged the kernel brings single pages.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/pages.h"

#include "core/poison.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT ((size_t)2 << 20)
#define UNIT_PAGES ((uint32_t)(UNIT / VCOL__PAGE))
#define LEAST_AREA ((size_t)64 << 20)
#define MOST_AREA ((size_t)4 << 30)
enum { TRIES = 8 }; /* runs looked at in a list before the next is */

enum { USED, CLEAN, DIRTY };

/* A page. Of the others than the first and the last of a free run only `kind`, which is USED, is meant. */
struct vcol__run {
    vcol__run *next, *previous;
    vcol__area *area;
    uint32_t pages; /* of the run, at its first and last page */
    uint8_t kind;
};

struct vcol__area {
    vcol__area *next;
    char *data;
    uint32_t pages, free, clean; /* pages in all; those on the lists; of those, clean */
    vcol__run *run;        /* one a page; memory that the system brings when it is touched */
    uint32_t *resident;    /* by unit: pages with memory */
};

/* ---- lists ----------------------------------------------------------------------------------------- */

/* Powers of two in quarters. */
static int class_of(uint32_t pages)
{
    int shift = 31 - __builtin_clz(pages);
    return 4 * shift + (shift >= 2 ? (int)(pages >> (shift - 2) & 3) : (int)(pages << (2 - shift) & 3));
}

static void list_run(vcol__pages *p, vcol__run *r)
{
    int dirty = r->kind == DIRTY, class = class_of(r->pages);
    r->previous = NULL;
    r->next = p->list[dirty][class];
    *(r->next ? &r->next->previous : &p->last[dirty][class]) = r;
    p->list[dirty][class] = r;
    p->any[dirty][class / 64] |= (uint64_t)1 << class % 64;
    r->area->free += r->pages;
    r->area->clean += dirty ? 0 : r->pages;
}

static void unlist(vcol__pages *p, vcol__run *r)
{
    int dirty = r->kind == DIRTY, class = class_of(r->pages);
    *(r->previous ? &r->previous->next : &p->list[dirty][class]) = r->next;
    *(r->next ? &r->next->previous : &p->last[dirty][class]) = r->previous;
    if (!p->list[dirty][class])
        p->any[dirty][class / 64] &= ~((uint64_t)1 << class % 64);
    r->area->free -= r->pages;
    r->area->clean -= dirty ? 0 : r->pages;
}

/* The first list from `class` on that has any; -1. */
static int class_from(const vcol__pages *p, int dirty, int class)
{
    for (int word = class / 64; class < VCOL__PAGE_CLASSES; class = 64 * ++word) {
        uint64_t any = p->any[dirty][word] >> class % 64;
        if (any)
            return class + __builtin_ctzll(any);
    }
    return -1;
}

/* The last list below `class` that has any; -1. */
static int class_below(const vcol__pages *p, int dirty, int class)
{
    while (--class >= 0)
        if (p->list[dirty][class])
            return class;
    return -1;
}

/* ---- runs -------------------------------------------------------------------------------------------- */

static uint32_t at(const vcol__run *r)
{
    return (uint32_t)(r - r->area->run);
}

/* Makes a free run of pages that are on no list, joins it with its neighbours of the same kind, and lists it. */
static void make_run(vcol__pages *p, vcol__area *a, uint32_t first, uint32_t pages, uint8_t kind)
{
    if (pages == 0)
        return;
    uint32_t end = first + pages;
    if (first > 0 && a->run[first - 1].kind == kind) {
        vcol__run *before = &a->run[first - a->run[first - 1].pages];
        unlist(p, before);
        a->run[first - 1].kind = USED;
        first = at(before);
    }
    if (end < a->pages && a->run[end].kind == kind) {
        vcol__run *after = &a->run[end];
        unlist(p, after);
        end += after->pages;
        after->kind = USED;
    }
    vcol__run *r = &a->run[first], *last = &a->run[end - 1];
    r->area = last->area = a;
    r->kind = last->kind = kind;
    r->pages = last->pages = end - first;
    list_run(p, r);
}

/* Takes [first, first + pages) out of a free run, which stays free at both sides. */
static void cut(vcol__pages *p, vcol__run *r, uint32_t first, uint32_t pages)
{
    vcol__area *a = r->area;
    uint32_t begin = at(r), end = begin + r->pages;
    uint8_t kind = r->kind;
    assert(first >= begin && first + pages <= end);
    unlist(p, r);
    a->run[begin].kind = a->run[end - 1].kind = USED;
    make_run(p, a, begin, first - begin, kind);
    make_run(p, a, first + pages, end - first - pages, kind);
}

/* The smallest run of that kind with so many pages, or nearly; NULL. */
static vcol__run *fit(const vcol__pages *p, int dirty, uint32_t pages)
{
    int class = class_of(pages), tries = 0;
    for (vcol__run *r = p->list[dirty][class]; r && tries < TRIES; r = r->next, tries++)
        if (r->pages >= pages)
            return r;
    class = class_from(p, dirty, class + 1);
    return class < 0 ? NULL : p->list[dirty][class];
}

/* The clean run that begins behind a run, or ends before it; NULL. */
static vcol__run *clean_behind(const vcol__run *r)
{
    uint32_t end = at(r) + r->pages;
    vcol__run *next = r->area->run + end;
    return end < r->area->pages && next->kind == CLEAN ? next : NULL;
}

static vcol__run *clean_before(const vcol__run *r)
{
    uint32_t first = at(r);
    const vcol__run *last = r - 1;
    return first > 0 && last->kind == CLEAN ? r->area->run + (first - last->pages) : NULL;
}

/* ---- memory of units ----------------------------------------------------------------------------------- */

/* Counts pages that get memory, or lose it. */
static void count_resident(vcol__area *a, uint32_t first, uint32_t pages, bool gets)
{
    for (uint32_t end = first + pages; first < end;) {
        uint32_t unit = first / UNIT_PAGES, most = (unit + 1) * UNIT_PAGES - first, n = end - first < most ? end - first : most;
        a->resident[unit] = gets ? a->resident[unit] + n : a->resident[unit] - n;
        first += n;
    }
}

/*
 * Clean pages that were cut out get memory. With huge pages those of a unit that had none get it, too, and are dirty
 * from now on; returns how many.
 */
static uint32_t bring(vcol__pages *p, vcol__area *a, uint32_t first, uint32_t pages)
{
    uint32_t begin = first, end = first + pages, extra = 0;
    if (pages == 0)
        return 0;
    if (p->huge && a->resident[first / UNIT_PAGES] == 0)
        begin = first / UNIT_PAGES * UNIT_PAGES;
    if (p->huge && a->resident[(end - 1) / UNIT_PAGES] == 0)
        end = ((end - 1) / UNIT_PAGES + 1) * UNIT_PAGES;
    count_resident(a, begin, end - begin, true);
    p->brought += (end - begin) * VCOL__PAGE;
    /* Nothing of those units had memory, and what is used has: so the rest of them is in the clean runs at both sides. */
    if (begin < first) {
        cut(p, &a->run[first - a->run[first - 1].pages], begin, first - begin);
        make_run(p, a, begin, first - begin, DIRTY);
        extra += first - begin;
    }
    if (end > first + pages) {
        uint32_t rest = end - first - pages;
        cut(p, &a->run[first + pages], first + pages, rest);
        make_run(p, a, first + pages, rest, DIRTY);
        extra += rest;
    }
    return extra;
}

/* ---- the interface ------------------------------------------------------------------------------------ */

void vcol__pages_init(vcol__pages *p, bool huge)
{
    memset(p, 0, sizeof *p);
    p->huge = huge;
}

void vcol__pages_destroy(vcol__pages *p)
{
    vcol__pages_unmap(p->areas);
    p->areas = NULL;
}

/* [first, first + pages) of an area, which was cut out; `before` and `behind` pages at its ends are clean. */
static void place_at(vcol__pages *p, vcol__area *a, uint32_t first, uint32_t pages, uint32_t before, uint32_t behind,
                     vcol__placed *out)
{
    out->data = a->data + first * VCOL__PAGE;
    out->head = before * VCOL__PAGE;
    out->tail = behind * VCOL__PAGE;
    out->dirty = (pages - before - behind) * VCOL__PAGE;
    out->extra = bring(p, a, first, before) * VCOL__PAGE;
    out->extra += bring(p, a, first + pages - behind, behind) * VCOL__PAGE;
}

/* On a dirty run and what is clean beside it. */
static bool place_beside(vcol__pages *p, uint32_t pages, vcol__placed *out)
{
    int tries = 0;
    for (int class = class_below(p, 1, VCOL__PAGE_CLASSES); class >= 0; class = class_below(p, 1, class))
        for (vcol__run *r = p->list[1][class]; r; r = r->next) {
            vcol__run *before = clean_before(r), *behind = clean_behind(r);
            uint32_t have = r->pages, left = before ? before->pages : 0, right = behind ? behind->pages : 0;
            if (have + left + right >= pages) {
                vcol__area *a = r->area;
                right = right < pages - have ? right : pages - have;
                left = pages - have - right;
                uint32_t first = at(r) - left;
                cut(p, r, at(r), have);
                if (left)
                    cut(p, before, first, left);
                if (right)
                    cut(p, behind, first + left + have, right);
                place_at(p, a, first, pages, left, right, out);
                return true;
            }
            if (++tries == TRIES)
                return false;
        }
    return false;
}

bool vcol__pages_place(vcol__pages *p, size_t size, vcol__placed *out)
{
    uint32_t pages = (uint32_t)(size / VCOL__PAGE);
    assert(size && size % VCOL__PAGE == 0 && size / VCOL__PAGE < UINT32_MAX / 2);
    vcol__run *r = fit(p, 1, pages);
    if (!r && place_beside(p, pages, out))
        return true;
    bool dirty = r != NULL;
    if (!r)
        r = fit(p, 0, pages);
    if (!r)
        return false;
    vcol__area *a = r->area;
    uint32_t first = at(r);
    cut(p, r, first, pages);
    place_at(p, a, first, pages, dirty ? 0 : pages, 0, out);
    return true;
}

static vcol__area *area_of(const vcol__pages *p, const void *data)
{
    uintptr_t address = (uintptr_t)data;
    vcol__area *a = p->areas;
    while (address - (uintptr_t)a->data >= a->pages * VCOL__PAGE)
        a = a->next;
    return a;
}

void vcol__pages_put(vcol__pages *p, void *data, size_t size)
{
    vcol__area *a = area_of(p, data);
    make_run(p, a, (uint32_t)((size_t)((char *)data - a->data) / VCOL__PAGE), (uint32_t)(size / VCOL__PAGE), DIRTY);
}

/* A run of pages that are on no list, and USED: its neighbours leave it alone. */
static vcol__run *loose(vcol__area *a, uint32_t first, uint32_t pages, vcol__run *next)
{
    vcol__run *r = &a->run[first];
    r->area = a;
    r->pages = pages;
    r->next = next;
    return r;
}

vcol__run *vcol__pages_run(vcol__pages *p, void *data, size_t size)
{
    vcol__area *a = area_of(p, data);
    return loose(a, (uint32_t)((size_t)((char *)data - a->data) / VCOL__PAGE), (uint32_t)(size / VCOL__PAGE), NULL);
}

/* Small runs first, which are of the least use; of each size the oldest. */
vcol__run *vcol__pages_drain(vcol__pages *p, uint64_t bytes, uint64_t *drained)
{
    vcol__run *runs = NULL;
    *drained = 0;
    for (int class = class_from(p, 1, 0); class >= 0 && *drained < bytes; class = class_from(p, 1, class)) {
        vcol__run *r = p->last[1][class];
        vcol__area *a = r->area;
        uint64_t want = (bytes - *drained - 1) / VCOL__PAGE + 1;
        uint32_t pages = want < r->pages ? (uint32_t)want : r->pages, first = at(r) + r->pages - pages;
        cut(p, r, first, pages);
        runs = loose(a, first, pages, runs);
        *drained += pages * VCOL__PAGE;
    }
    return runs;
}

vcol__area *vcol__pages_purged(vcol__pages *p, vcol__run *runs)
{
    vcol__area *unused = NULL;
    for (vcol__run *r = runs, *next; r; r = next) {
        next = r->next;
        count_resident(r->area, at(r), r->pages, false);
        make_run(p, r->area, at(r), r->pages, CLEAN);
    }
    /* One area is kept, for what comes next. */
    for (vcol__area **link = &p->areas; *link && p->areas->next;) {
        vcol__area *a = *link;
        if (a->clean < a->pages) {
            link = &a->next;
            continue;
        }
        unlist(p, &a->run[0]);
        *link = a->next;
        p->mapped -= a->pages * VCOL__PAGE;
        a->next = unused;
        unused = a;
    }
    return unused;
}

void vcol__pages_add(vcol__pages *p, vcol__area *a)
{
    a->next = p->areas;
    p->areas = a;
    p->mapped += a->pages * VCOL__PAGE;
    make_run(p, a, 0, a->pages, CLEAN);
    if (!p->huge) /* it may have been mapped while that was so */
        madvise(a->data, a->pages * VCOL__PAGE, MADV_NOHUGEPAGE);
}

void vcol__pages_no_huge(vcol__pages *p)
{
    p->huge = false;
    for (vcol__area *a = p->areas; a; a = a->next)
        madvise(a->data, a->pages * VCOL__PAGE, MADV_NOHUGEPAGE);
}

vcol__area *vcol__pages_map(size_t size, uint64_t mapped, bool huge)
{
    size_t least = (size + UNIT - 1) & ~(UNIT - 1), whole = mapped / 2 < MOST_AREA ? (size_t)(mapped / 2) & ~(UNIT - 1) : MOST_AREA;
    whole = whole > LEAST_AREA ? whole : LEAST_AREA;
    whole = whole > least ? whole : least;
    size_t pages = whole / VCOL__PAGE, runs = pages * sizeof(vcol__run), units = whole / UNIT * sizeof(uint32_t);
    vcol__area *a = malloc(sizeof *a);
    char *data = mmap(NULL, whole + UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *side = mmap(NULL, runs + units, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!a || data == MAP_FAILED || side == MAP_FAILED) {
        if (data != MAP_FAILED)
            munmap(data, whole + UNIT);
        if (side != MAP_FAILED)
            munmap(side, runs + units);
        free(a);
        return NULL;
    }
    size_t before = (UNIT - ((uintptr_t)data & (UNIT - 1))) & (UNIT - 1);
    if (before)
        munmap(data, before);
    if (before < UNIT)
        munmap(data + before + whole, UNIT - before);
    *a = (vcol__area){.data = data + before, .pages = (uint32_t)pages, .run = (vcol__run *)(void *)side,
                      .resident = (uint32_t *)(void *)(side + runs)};
    if (huge)
        madvise(a->data, whole, MADV_HUGEPAGE);
    return a;
}

void vcol__pages_unmap(vcol__area *areas)
{
    for (vcol__area *a = areas, *next; a; a = next) {
        next = a->next;
        size_t whole = a->pages * VCOL__PAGE;
        vcol__unpoison(a->data, whole);
        munmap(a->data, whole);
        munmap(a->run, a->pages * sizeof *a->run + whole / UNIT * sizeof *a->resident);
        free(a);
    }
}

/* One call instead of a fault a page. Where the kernel has it not (before 5.14) the faults come. */
static void populate(char *data, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    if (size)
        madvise(data, size, MADV_POPULATE_WRITE);
#else
    (void)data;
    (void)size;
#endif
}

void vcol__pages_commit(const vcol__placed *placed, size_t size)
{
    populate(placed->data, placed->head);
    populate(placed->data + size - placed->tail, placed->tail);
}

void vcol__pages_purge(const vcol__run *runs)
{
    for (const vcol__run *r = runs; r; r = r->next)
        madvise(r->area->data + at(r) * VCOL__PAGE, r->pages * VCOL__PAGE, MADV_DONTNEED);
}
