/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Column memory.
 *
 * A region's capacity is its size rounded up to a size class (four classes a power of two, so at most a quarter is
 * lost); the account is charged with capacities, which are exactly what the allocator gave. Because
 * first-touch page faults cost as much as decoding, a region that is given back is kept for the next one while what is kept stays
 * below its bound: then its bytes move from `live` to `cached`. `cached` is freed before anything is evicted.
 *
 * Unless the program gave its own allocator, regions from PAGED on are runs of pages (pages.c), which are cut and joined, so
 * that a region of any size may come of what is kept: it is lent to what is promised (account.c). What is freed leaves the
 * process, whatever malloc keeps for itself; smaller regions are malloc's.
 *
 * With an allocator of the program's regions are kept on a list for each class. Those below SMALL are not recycled: malloc is as good.
 */
#include "core/memory.h"

#include "core/fault.h"
#include "core/manager.h"
#include "core/poison.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <stdlib.h>
#include <string.h>

#define SMALL ((size_t)2048)
#define ALIGN ((size_t)64)
#define MOST ((size_t)1 << 42) /* bytes of a region */
#define PAGED ((size_t)16 << 10) /* from here on classes are whole pages, and metadata is recycled, too */
/* Below, memory comes page by page: the rest of a huge page would be more than the limit has room for. */
#define HUGE_FROM ((uint64_t)32 << 20)

static void *system_alloc(size_t size, size_t align, void *opaque)
{
    void *p = NULL;
    (void)opaque;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1) ? NULL : p;
}

static void system_free(void *p, size_t size, size_t align, void *opaque)
{
    (void)size;
    (void)align;
    (void)opaque;
    free(p);
}

/* The class of a capacity >= SMALL, a power of two times 4/4 … 7/4, and the capacity of the class. */
static int class_of(size_t size, size_t *capacity)
{
    int shift = 63 - __builtin_clzll((unsigned long long)size); /* 2^shift <= size */
    size_t step = (size_t)1 << (shift - 2);
    size_t quarters = (size - ((size_t)1 << shift) + step - 1) / step; /* 0 … 4 */
    *capacity = ((size_t)1 << shift) + quarters * step;
    return 4 * (shift - 11) + (int)quarters;
}

size_t vcol__memory_capacity(size_t size)
{
    if (size < SMALL)
        return (size + ALIGN) & ~(ALIGN - 1); /* never 0: an empty buffer has an address too */
    if (size > MOST)
        return size;
    size_t capacity;
    class_of(size, &capacity);
    return capacity;
}

void vcol__memory_init(vcol__memory *memory, const vcol_allocator *allocator, uint64_t limit, uint64_t cached_limit)
{
    memset(memory, 0, sizeof *memory);
    vcol__lock_init(&memory->lock, LEVEL_MEMORY);
    memory->system = !allocator->alloc;
    memory->allocator = memory->system ? (vcol_allocator){system_alloc, system_free, NULL} : *allocator;
    atomic_init(&memory->cached_limit, cached_limit);
    vcol__pages_init(&memory->pages, !limit || limit >= HUGE_FROM);
}

void vcol__memory_destroy(vcol__memory *memory)
{
    vcol__pages_destroy(&memory->pages);
    vcol__lock_destroy(&memory->lock);
}

void vcol__memory_bound(vcol_manager *m, uint64_t limit, uint64_t cached_limit)
{
    vcol__account *a = &m->account;
    atomic_store(&m->memory.cached_limit, cached_limit);
    vcol__lock_take(&a->lock);
    if (limit && limit < HUGE_FROM && m->memory.pages.huge)
        vcol__pages_no_huge(&m->memory.pages);
    uint64_t cached = vcol__account_cached(a);
    vcol__lock_drop(&a->lock);
    vcol__memory_trim(m, cached > cached_limit ? cached - cached_limit : 0);
}

/* ---- pages -------------------------------------------------------------------------------------------- */

/* Runs that the account has no more in `cached`; `leaving` bytes of them are still in the sum. */
static void purge(vcol_manager *m, vcol__run *runs, uint64_t leaving)
{
    vcol__account *a = &m->account;
    if (!runs)
        return;
    vcol__pages_purge(runs);
    vcol__lock_take(&a->lock);
    vcol__area *unused = vcol__pages_purged(&m->memory.pages, runs);
    a->leaving -= leaving;
    if (leaving)
        vcol__account_told(a);
    vcol__lock_drop(&a->lock);
    vcol__pages_unmap(unused);
}

/* Where a region is to be; leaves account.lock held, unless there is no memory. */
static bool place(vcol_manager *m, size_t capacity, vcol__placed *out)
{
    vcol__pages *pages = &m->memory.pages;
    vcol__lock_take(&m->account.lock);
    while (!vcol__pages_place(pages, capacity, out)) {
        uint64_t mapped = pages->mapped;
        bool huge = pages->huge;
        vcol__lock_drop(&m->account.lock);
        vcol__area *area = vcol__pages_map(capacity, mapped, huge);
        if (!area)
            return false;
        vcol__lock_take(&m->account.lock);
        vcol__pages_add(pages, area);
    }
    return true;
}

/* With account.lock, which it drops: what is cached makes way for memory that is fresh, before that is touched. */
static void back(vcol_manager *m, vcol__grant *grant, size_t capacity, int64_t cached)
{
    vcol__account *a = &m->account;
    vcol__run *runs = NULL;
    uint64_t drained = 0, over = vcol__account_excess(a, grant, capacity, cached), there = a->live + a->cached;
    if (over)
        runs = vcol__pages_drain(&m->memory.pages, over, &drained);
    vcol__account_backed(a, grant, capacity, cached - (int64_t)drained);
    uint64_t left = a->live + a->promised + vcol__account_cached(a) - a->leaving;
    left = there > left ? there - left : 0; /* more goes than comes: it is in the sum until it has gone */
    a->leaving += left;
    vcol__lock_drop(&a->lock);
    purge(m, runs, left);
}

static void *take_pages(vcol_manager *m, vcol__grant *grant, size_t capacity)
{
    vcol__placed placed;
    if (!place(m, capacity, &placed))
        return NULL;
    back(m, grant, capacity, (int64_t)placed.extra - (int64_t)placed.dirty);
    vcol__pages_commit(&placed, capacity);
    return placed.data;
}

/* What it was promised may be lent, too. */
static void *take_small(vcol_manager *m, vcol__grant *grant, size_t capacity)
{
    vcol__lock_take(&m->account.lock);
    back(m, grant, capacity, 0);
    void *data = system_alloc(capacity, ALIGN, NULL);
    if (!data)
        vcol__account_free(m, capacity, false);
    return data;
}

static void give_pages(vcol_manager *m, void *data, size_t capacity)
{
    vcol__account *a = &m->account;
    vcol__run *runs = NULL;
    uint64_t drained = 0, bound = atomic_load(&m->memory.cached_limit);
    vcol__poison(data, capacity);
    vcol__lock_take(&a->lock);
    assert(a->live >= capacity);
    vcol__pages_put(&m->memory.pages, data, capacity);
    a->live -= capacity;
    a->cached += capacity;
    uint64_t cached = vcol__account_cached(a);
    if (cached > bound)
        runs = vcol__pages_drain(&m->memory.pages, cached - bound, &drained);
    a->cached -= drained;
    a->leaving += drained;
    vcol__account_told(a);
    vcol__lock_drop(&a->lock);
    purge(m, runs, drained);
    vcol__account_resume(m);
}

static uint64_t trim_pages(vcol_manager *m, uint64_t bytes)
{
    vcol__account *a = &m->account;
    uint64_t drained;
    vcol__lock_take(&a->lock);
    vcol__run *runs = vcol__pages_drain(&m->memory.pages, bytes, &drained);
    a->cached -= drained;
    a->leaving += drained;
    vcol__lock_drop(&a->lock);
    purge(m, runs, drained);
    return drained;
}

/* Of metadata: not charged. */
static void *lend_pages(vcol_manager *m, size_t capacity)
{
    vcol__placed placed;
    if (!place(m, capacity, &placed))
        return NULL;
    m->account.cached += placed.extra - placed.dirty;
    if (placed.dirty)
        vcol__account_told(&m->account);
    vcol__lock_drop(&m->account.lock);
    vcol__pages_commit(&placed, capacity);
    vcol__unpoison(placed.data, capacity);
    return placed.data;
}

static void return_pages(vcol_manager *m, void *data, size_t capacity)
{
    vcol__account *a = &m->account;
    vcol__run *runs = NULL;
    vcol__poison(data, capacity);
    vcol__lock_take(&a->lock);
    bool keep = vcol__account_cached(a) + capacity <= atomic_load(&m->memory.cached_limit) && vcol__account_keep(a, capacity);
    if (keep)
        vcol__pages_put(&m->memory.pages, data, capacity);
    else
        runs = vcol__pages_run(&m->memory.pages, data, capacity);
    vcol__lock_drop(&a->lock);
    purge(m, runs, 0);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static void *obtain(vcol__memory *memory, size_t capacity)
{
    return memory->allocator.alloc(capacity, ALIGN, memory->allocator.opaque);
}

static void surrender(vcol__memory *memory, void *data, size_t capacity)
{
    memory->allocator.free(data, capacity, ALIGN, memory->allocator.opaque);
}

/* Recycled memory of that capacity, from SMALL on; NULL if there is none. */
static void *recycled_of(vcol__memory *memory, size_t capacity)
{
    size_t same;
    int class = class_of(capacity, &same);
    vcol__lock_take(&memory->lock);
    void *data = memory->lists[class];
    if (data) {
        vcol__unpoison(data, sizeof(void *));
        memory->lists[class] = *(void **)data;
        memory->cached -= capacity;
    }
    vcol__lock_drop(&memory->lock);
    return data;
}

vcol_status vcol__memory_take(vcol_manager *m, vcol__grant *grant, size_t size, vcol__region *out,
                              vcol_error *err)
{
    vcol__memory *memory = &m->memory;
    size_t capacity = vcol__memory_capacity(size);
    void *data = NULL;
    if (size > MOST)
        return vcol_error_format(err, VCOL_NOMEM, "%zu bytes are more than there can be", size);
    if (memory->system) {
        data = capacity < PAGED ? take_small(m, grant, capacity) : take_pages(m, grant, capacity);
    } else {
        data = capacity >= SMALL ? recycled_of(memory, capacity) : NULL;
        bool recycled = data != NULL;
        if (!data)
            data = obtain(memory, capacity);
        if (data)
            vcol__account_back(m, grant, capacity, recycled);
    }
    if (!data)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %zu bytes", size);
    vcol__unpoison(data, capacity);
    out->data = data;
    out->capacity = capacity;
    return VCOL_OK;
}

void vcol__memory_give(vcol_manager *m, vcol__region *region)
{
    vcol__memory *memory = &m->memory;
    void *data = region->data;
    size_t capacity = region->capacity;
    if (!data)
        return;
    region->data = NULL;
    region->capacity = 0;
    if (memory->system && capacity >= PAGED) {
        give_pages(m, data, capacity);
        return;
    }
    bool keep = false;
    if (!memory->system && capacity >= SMALL && atomic_load(&m->account.waiting) == 0) {
        size_t same;
        int class = class_of(capacity, &same);
        vcol__lock_take(&memory->lock);
        keep = memory->cached + capacity <= atomic_load(&memory->cached_limit);
        if (keep)
            memory->cached += capacity;
        vcol__lock_drop(&memory->lock);
        if (keep) {
            vcol__account_moving(&m->account);
            /* It is `cached` in the account before anybody can take it from the list and say that it is not. */
            vcol__account_free(m, capacity, true);
            vcol__lock_take(&memory->lock);
            *(void **)data = memory->lists[class];
            memory->lists[class] = data;
            vcol__poison(data, capacity);
            vcol__lock_drop(&memory->lock);
            vcol__account_settled(&m->account);
        }
    }
    if (!keep) {
        if (VCOL__FAULT(CREDIT))
            vcol__account_free(m, capacity, false);
        surrender(memory, data, capacity);
        if (!VCOL__FAULT(CREDIT))
            vcol__account_free(m, capacity, false);
    }
}

static void *recycle_alloc(size_t size, size_t align, void *opaque)
{
    vcol_manager *m = opaque;
    vcol__memory *memory = &m->memory;
    size_t capacity = vcol__memory_capacity(size);
    void *data;
    if (size < PAGED || size > MOST)
        return memory->allocator.alloc(size, align, memory->allocator.opaque);
    if (memory->system)
        return lend_pages(m, capacity);
    data = recycled_of(memory, capacity);
    if (data) {
        vcol__unpoison(data, capacity);
        vcol__account_uncache(m, capacity);
    }
    return data ? data : obtain(memory, capacity);
}

static void recycle_free(void *data, size_t size, size_t align, void *opaque)
{
    vcol_manager *m = opaque;
    vcol__memory *memory = &m->memory;
    size_t capacity = vcol__memory_capacity(size), same;
    if (size < PAGED) {
        memory->allocator.free(data, size, align, memory->allocator.opaque);
        return;
    }
    if (memory->system) {
        return_pages(m, data, capacity);
        return;
    }
    bool keep = vcol__account_cache(m, capacity);
    if (keep) {
        int class = class_of(capacity, &same);
        vcol__lock_take(&memory->lock);
        keep = memory->cached + capacity <= atomic_load(&memory->cached_limit);
        if (keep) {
            memory->cached += capacity;
            *(void **)data = memory->lists[class];
            memory->lists[class] = data;
            vcol__poison(data, capacity);
        }
        vcol__lock_drop(&memory->lock);
        if (!keep)
            vcol__account_uncache(m, capacity);
    }
    if (!keep)
        surrender(memory, data, capacity);
}

vcol_allocator vcol__memory_recycler(vcol_manager *m)
{
    return (vcol_allocator){recycle_alloc, recycle_free, m};
}

uint64_t vcol__memory_trim(vcol_manager *m, uint64_t bytes)
{
    vcol__memory *memory = &m->memory;
    uint64_t freed = 0;
    if (memory->system)
        return bytes ? trim_pages(m, bytes) : 0;
    for (int class = VCOL__CLASSES - 1; class >= 0 && freed < bytes; class--) {
        size_t capacity = ((size_t)1 << (class / 4 + 11)) + (size_t)(class % 4) * ((size_t)1 << (class / 4 + 9));
        for (;;) {
            vcol__lock_take(&memory->lock);
            void *data = freed < bytes ? memory->lists[class] : NULL;
            if (data) {
                vcol__unpoison(data, sizeof(void *));
                memory->lists[class] = *(void **)data;
                memory->cached -= capacity;
                vcol__account_moving(&m->account);
            }
            vcol__lock_drop(&memory->lock);
            if (!data)
                break;
            vcol__unpoison(data, capacity);
            surrender(memory, data, capacity);
            vcol__account_uncache(m, capacity);
            vcol__account_settled(&m->account);
            freed += capacity;
        }
    }
    return freed;
}

void vcol__memory_settle(vcol_manager *m)
{
#ifdef __GLIBC__
    if (m->memory.system)
        malloc_trim(0);
#else
    (void)m;
#endif
}

void *vcol__memory_new(vcol_manager *m, size_t size)
{
    void *p = m->memory.allocator.alloc(size, 16, m->memory.allocator.opaque);
    if (p)
        memset(p, 0, size);
    return p;
}

void vcol__memory_delete(vcol_manager *m, void *p, size_t size)
{
    if (p)
        m->memory.allocator.free(p, size, 16, m->memory.allocator.opaque);
}
