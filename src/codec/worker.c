/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers: the codec contexts of one thread. Memory that goes through the allocator carries its size in
 * front, as liblzma does not say it when it frees.
 */
#include "codec/codec.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN alignof(max_align_t)

/* In front of what vcol__worker_alloc gives. */
struct head {
    alignas(max_align_t) size_t size; /* with this head */
};

static void *system_alloc(size_t size, size_t align, void *opaque)
{
    (void)opaque;
    (void)align; /* of nothing stricter than malloc's is asked here */
    return malloc(size);
}

static void system_free(void *memory, size_t size, size_t align, void *opaque)
{
    (void)size;
    (void)align;
    (void)opaque;
    free(memory);
}

void *vcol__worker_alloc(vcol_worker *worker, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct head))
        return NULL;
    size += sizeof(struct head);
    struct head *h = worker->allocator.alloc(size, ALIGN, worker->allocator.opaque);
    if (!h)
        return NULL;
    h->size = size;
    worker->bytes += size;
    return h + 1;
}

void vcol__worker_free(vcol_worker *worker, void *memory)
{
    if (!memory)
        return;
    struct head *h = (struct head *)memory - 1;
    worker->bytes -= h->size;
    worker->allocator.free(h, h->size, ALIGN, worker->allocator.opaque);
}

vcol_status vcol_worker_open(const vcol_allocator *allocator, vcol_worker **out, vcol_error *err)
{
    vcol_allocator use = {.alloc = system_alloc, .free = system_free};
    *out = NULL;
    if (err && err->status)
        return err->status;
    if (allocator && (allocator->alloc || allocator->free)) {
        if (!allocator->alloc || !allocator->free)
            return vcol_error_set(err, VCOL_MISUSE, "an allocator needs both alloc and free");
        use = *allocator;
    }
    vcol_worker *worker = use.alloc(sizeof *worker, ALIGN, use.opaque);
    if (!worker)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a worker");
    memset(worker, 0, sizeof *worker);
    worker->allocator = use;
    *out = worker;
    return VCOL_OK;
}

void vcol_worker_close(vcol_worker *worker)
{
    if (!worker)
        return;
    for (int i = 0; i < VCOL_CODEC_COUNT; i++) {
        const vcol__codec *c = vcol__codec_get((vcol_codec)i);
        if (worker->context[i] && c && c->close)
            c->close(worker, worker->context[i]);
    }
    vcol_allocator allocator = worker->allocator;
    allocator.free(worker, sizeof *worker, ALIGN, allocator.opaque);
}

size_t vcol_worker_bytes(const vcol_worker *worker)
{
    size_t bytes = worker ? sizeof *worker + worker->bytes : 0;
    for (int i = 0; worker && i < VCOL_CODEC_COUNT; i++) {
        const vcol__codec *c = vcol__codec_get((vcol_codec)i);
        if (worker->context[i] && c && c->bytes)
            bytes += c->bytes(worker->context[i]);
    }
    return bytes;
}
