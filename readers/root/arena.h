/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that goes all at once: chunks from the caller's allocator, handed out in steps of 16 bytes.
 *
 * Invariants: everything handed out is zeroed and stays in place until vcol__arena_free; `bytes` is the sum
 * of the chunks. An arena belongs to one thread while it grows.
 */
#ifndef VCOL_ROOT_ARENA_H
#define VCOL_ROOT_ARENA_H

#include "cursor.h"

#include <vcol/reader.h>

typedef struct arena {
    vcol_allocator allocator;
    struct arena_chunk *chunks; /* the newest first */
    uint8_t *p, *end;           /* what is free of the newest */
    uint64_t bytes;
} arena;

void *vcol__root_alloc(const vcol_allocator *allocator, size_t size);
void vcol__root_free(const vcol_allocator *allocator, void *memory, size_t size);

void vcol__arena_init(arena *a, const vcol_allocator *allocator);
/* Makes the first chunk hold that much: one chunk where the need is known beforehand. Failure is no matter.
 */
void vcol__arena_reserve(arena *a, uint64_t bytes);
/* Bytes that are not zeroed. */
void *vcol__arena_take(arena *a, uint64_t bytes);
/* count items of `size` bytes, zeroed; NULL where there is no memory. Never NULL for count 0. */
void *vcol__arena_new(arena *a, uint64_t count, size_t size);
/* A NUL-terminated copy (cut at a NUL in it); NULL where there is no memory. */
char *vcol__arena_text(arena *a, text t);
char *vcol__arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vcol__arena_free(arena *a);

#endif
