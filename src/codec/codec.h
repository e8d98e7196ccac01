/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * codec/codec.h: what the codecs share: the worker, which keeps their contexts, and the table's row.
 *
 * A worker belongs to one thread at a time. Each codec makes its context on first use and keeps it in its
 * slot; another codec never touches it. Bytes of a stream are checked by the codec's library; that the
 * stream gives exactly the declared size and uses up its input is checked here.
 */
#ifndef VCOL_CODEC_CODEC_H
#define VCOL_CODEC_CODEC_H

#include <vcol/reader.h>

struct vcol_worker {
    vcol_allocator allocator; /* both functions set */
    size_t bytes;             /* what vcol__worker_alloc gave and was not freed */
    size_t charged;           /* what its manager's account says of it (core/manager.c) */
    void *context[VCOL_CODEC_COUNT];
};

/* One call of vcol_codec_unpack, checked: want <= size, dst and src not NULL. */
typedef struct vcol__unpack {
    const void *src;
    size_t n;
    void *dst;
    size_t size;
    size_t want;
} vcol__unpack;

typedef struct vcol__codec {
    const char *name;
    vcol_codec slot; /* whose context it uses */
    int stops_early; /* whether want = 0 needs no look at the stream */
    vcol_status (*unpack)(vcol_worker *worker, const vcol__unpack *job, vcol_error *err);
    /* Of the slot's owner, and only for a context that was made; may be NULL. */
    size_t (*bytes)(const void *context);
    void (*close)(vcol_worker *worker, void *context);
} vcol__codec;

extern const vcol__codec vcol__codec_zlib, vcol__codec_deflate, vcol__codec_xz, vcol__codec_lz4,
    vcol__codec_zstd;

/* The row of a codec, or NULL for what is not built in. */
const vcol__codec *vcol__codec_get(vcol_codec codec);

/* Memory through the worker's allocator, aligned for any type and counted; NULL where there is none. */
void *vcol__worker_alloc(vcol_worker *worker, size_t size);
void vcol__worker_free(vcol_worker *worker, void *memory);

/* XXH3, 128 bits. (hash.c) */
void vcol__hash_128(const void *data, size_t n, uint64_t *low, uint64_t *high);

#endif
