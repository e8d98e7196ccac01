/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that goes all at once: see arena.h. */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CHUNK = 16 << 10, MAX_CHUNK = 1 << 20, MAX_RESERVE = 1 << 26, ALIGN = 16 };

typedef struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* bytes, this head included */
} arena_chunk;

void *vcol__root_alloc(const vcol_allocator *allocator, size_t size)
{
    return allocator->alloc ? allocator->alloc(size, ALIGN, allocator->opaque) : malloc(size);
}

void vcol__root_free(const vcol_allocator *allocator, void *memory, size_t size)
{
    if (!memory)
        return;
    if (allocator->alloc)
        allocator->free(memory, size, ALIGN, allocator->opaque);
    else
        free(memory);
}

void vcol__arena_init(arena *a, const vcol_allocator *allocator)
{
    *a = (arena){0};
    if (allocator)
        a->allocator = *allocator;
}

static int add_chunk(arena *a, size_t size)
{
    arena_chunk *chunk = vcol__root_alloc(&a->allocator, size);
    if (!chunk)
        return -1;
    chunk->next = a->chunks;
    chunk->size = size;
    a->chunks = chunk;
    a->p = (uint8_t *)chunk + ALIGN;
    a->end = (uint8_t *)chunk + size;
    a->bytes += size;
    return 0;
}

static int grow(arena *a, size_t need)
{
    size_t size = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
    if (size > MAX_CHUNK)
        size = MAX_CHUNK;
    return add_chunk(a, size < need + ALIGN ? need + ALIGN : size);
}

void vcol__arena_reserve(arena *a, uint64_t bytes)
{
    if (!a->chunks && bytes > FIRST_CHUNK && bytes <= MAX_RESERVE)
        add_chunk(a, (size_t)bytes);
}

void *vcol__arena_take(arena *a, uint64_t bytes)
{
    void *p;
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + (bytes == 0) + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes > (size_t)(a->end - a->p) && grow(a, bytes))
        return NULL;
    p = a->p;
    a->p += bytes;
    return p;
}

void *vcol__arena_new(arena *a, uint64_t count, size_t size)
{
    uint64_t n;
    void *p = __builtin_mul_overflow(count, (uint64_t)size, &n) ? NULL : vcol__arena_take(a, n);
    return p ? memset(p, 0, n) : NULL;
}

char *vcol__arena_text(arena *a, text t)
{
    char *s = vcol__arena_new(a, (uint64_t)t.n + 1, 1);
    if (s && t.n)
        memcpy(s, t.s, t.n);
    return s;
}

char *vcol__arena_printf(arena *a, const char *format, ...)
{
    char *s = NULL;
    va_list args, again;
    int n;
    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    if (n >= 0)
        s = vcol__arena_new(a, (uint64_t)n + 1, 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return s;
}

void vcol__arena_free(arena *a)
{
    while (a->chunks) {
        arena_chunk *next = a->chunks->next;
        vcol__root_free(&a->allocator, a->chunks, a->chunks->size);
        a->chunks = next;
    }
    a->p = a->end = NULL;
    a->bytes = 0;
}
