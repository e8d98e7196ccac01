/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Column memory.
 *
 * A region's capacity is its size rounded up to a size class (four classes a power of two, so at most a quarter is
 * lost); the account is charged with capacities, which are exactly what the allocator gave. A region that is given
 * back goes to the free list of its class while the lists stay below their bound, because first-touch page faults
 * cost as much as decoding: then its bytes move from `live` to `cached`. `cached` is freed before anything is
 * evicted.
 *
 * Unless the program gave its own allocator, regions of 2 MiB and more are anonymous maps aligned to 2 MiB for which huge
 * pages are asked, and those from MAPPED on are maps of their own, too, the pages of which are there at once: so what is freed
 * leaves the process, whatever malloc keeps for itself, and a region costs one call instead of a fault a page.
 * Regions below SMALL are not recycled: malloc is as good.
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
#include <sys/mman.h>

#define SMALL ((size_t)2048)
#define HUGE ((size_t)2 << 20)
#define MAPPED ((size_t)64 << 10) /* from here on classes are whole pages */
#define ALIGN ((size_t)64)
/* Metadata in pieces of at least so much is recycled too. */
#define LASTING ((size_t)16 << 10)

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

static void *map_huge(size_t size)
{
    char *p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    char *aligned = (char *)(((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    if (aligned != p)
        munmap(p, (size_t)(aligned - p));
    size_t tail = (size_t)(p + HUGE - aligned);
    if (tail)
        munmap(aligned + size, tail);
    madvise(aligned, size, MADV_HUGEPAGE);
    return aligned;
}

static void *map_pages(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
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
    if (size > (size_t)1 << 48)
        return size;
    size_t capacity;
    class_of(size, &capacity);
    return capacity;
}

void vcol__memory_init(vcol__memory *memory, const vcol_allocator *allocator, uint64_t cached_limit)
{
    memset(memory, 0, sizeof *memory);
    vcol__lock_init(&memory->lock, LEVEL_MEMORY);
    memory->system = !allocator->alloc;
    memory->allocator = memory->system ? (vcol_allocator){system_alloc, system_free, NULL} : *allocator;
    memory->cached_limit = cached_limit;
}

void vcol__memory_destroy(vcol__memory *memory)
{
    vcol__lock_destroy(&memory->lock);
}

void vcol__memory_bound(vcol_manager *m, uint64_t cached_limit)
{
    vcol__memory *memory = &m->memory;
    vcol__lock_take(&memory->lock);
    memory->cached_limit = cached_limit;
    uint64_t over = memory->cached > cached_limit ? memory->cached - cached_limit : 0;
    vcol__lock_drop(&memory->lock);
    vcol__memory_trim(m, over);
}

static void *obtain(vcol__memory *memory, size_t capacity)
{
    if (memory->system && capacity >= MAPPED)
        return capacity >= HUGE ? map_huge(capacity) : map_pages(capacity);
    return memory->allocator.alloc(capacity, ALIGN, memory->allocator.opaque);
}

static void surrender(vcol__memory *memory, void *data, size_t capacity)
{
    if (memory->system && capacity >= MAPPED)
        munmap(data, capacity);
    else
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
    if (size > (size_t)1 << 48)
        return vcol_error_format(err, VCOL_NOMEM, "%zu bytes are more than there can be", size);
    if (capacity >= SMALL)
        data = recycled_of(memory, capacity);
    bool recycled = data != NULL;
    if (!data)
        data = obtain(memory, capacity);
    if (!data)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %zu bytes", size);
    vcol__unpoison(data, capacity);
    vcol__account_back(m, grant, capacity, recycled);
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
    bool keep = false;
    if (capacity >= SMALL && atomic_load(&m->account.waiting) == 0) {
        size_t same;
        int class = class_of(capacity, &same);
        vcol__lock_take(&memory->lock);
        keep = memory->cached + capacity <= memory->cached_limit;
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
    if (size < LASTING || size > (size_t)1 << 48)
        return memory->allocator.alloc(size, align, memory->allocator.opaque);
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
    if (size < LASTING) {
        memory->allocator.free(data, size, align, memory->allocator.opaque);
        return;
    }
    bool keep = vcol__account_cache(m, capacity);
    if (keep) {
        int class = class_of(capacity, &same);
        vcol__lock_take(&memory->lock);
        keep = memory->cached + capacity <= memory->cached_limit;
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
