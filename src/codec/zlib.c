/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zlib and raw deflate, by libdeflate. It decodes whole buffers only, so `want` is not looked at; its
 * memory is one fixed-size decompressor.
 */
#include "codec/codec.h"

#include <libdeflate.h>

/* libdeflate does not tell; its struct is tables of fixed size, 11.6 KB in 1.14. A test compares. */
#define DECOMPRESSOR_BYTES ((size_t)12 << 10)

typedef enum libdeflate_result (*decompress)(struct libdeflate_decompressor *, const void *, size_t, void *,
                                             size_t, size_t *, size_t *);

static vcol_status unpack(vcol_worker *worker, const vcol__unpack *job, const char *name, decompress run,
                          vcol_error *err)
{
    struct libdeflate_decompressor *d = worker->context[VCOL_CODEC_ZLIB];
    size_t used = 0, made = 0;
    if (!d && !(d = worker->context[VCOL_CODEC_ZLIB] = libdeflate_alloc_decompressor()))
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a deflate decoder");
    switch (run(d, job->src, job->n, job->dst, job->size, &used, &made)) {
    case LIBDEFLATE_SUCCESS:
        if (made != job->size)
            return vcol_error_format(err, VCOL_CORRUPT, "%s stream ends after %zu of %zu bytes", name, made,
                                     job->size);
        if (used != job->n)
            return vcol_error_format(err, VCOL_CORRUPT, "%s stream ends after %zu of its %zu packed bytes",
                                     name, used, job->n);
        return VCOL_OK;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
        return vcol_error_format(err, VCOL_CORRUPT, "%s stream holds more than %zu bytes", name, job->size);
    default:
        return vcol_error_format(err, VCOL_CORRUPT, "%s stream of %zu packed bytes is damaged", name, job->n);
    }
}

static vcol_status zlib(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    return unpack(worker, job, "zlib", libdeflate_zlib_decompress_ex, err);
}

static vcol_status deflate(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    return unpack(worker, job, "deflate", libdeflate_deflate_decompress_ex, err);
}

static size_t bytes(const void *context)
{
    (void)context;
    return DECOMPRESSOR_BYTES;
}

static void close_decoder(vcol_worker *worker, void *context)
{
    (void)worker;
    libdeflate_free_decompressor(context);
}

const vcol__codec vcol__codec_zlib = {
    .name = "zlib", .slot = VCOL_CODEC_ZLIB, .unpack = zlib, .bytes = bytes, .close = close_decoder};
const vcol__codec vcol__codec_deflate = {.name = "deflate", .slot = VCOL_CODEC_ZLIB, .unpack = deflate};
