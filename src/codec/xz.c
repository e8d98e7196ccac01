/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The .xz container, by liblzma's stream decoder, kept by the worker and initialised anew for each stream.
 *
 * A decoder's memory is the dictionary that the stream names, whatever the declared size: so it is bounded
 * here, and a decoder that has grown large is not kept.
 */
#include "codec/codec.h"

#include <lzma.h>
#include <string.h>

/* The largest preset (-9) needs 65 MiB; dictionaries beyond are of use only to streams beyond 64 MiB. */
#define MEMORY_LIMIT (UINT64_C(96) << 20)
#define KEEP         ((size_t)16 << 20)

struct xz {
    lzma_stream stream;
    lzma_allocator allocator;
    vcol_worker *worker;
    size_t bytes; /* held by the stream's coder */
};

static void *alloc(void *opaque, size_t n, size_t size)
{
    struct xz *x = opaque;
    if (size && n > SIZE_MAX / size)
        return NULL;
    size_t before = x->worker->bytes;
    void *memory = vcol__worker_alloc(x->worker, n * size);
    x->bytes += x->worker->bytes - before;
    return memory;
}

static void release(void *opaque, void *memory)
{
    struct xz *x = opaque;
    size_t before = x->worker->bytes;
    vcol__worker_free(x->worker, memory);
    x->bytes -= before - x->worker->bytes;
}

static struct xz *context(vcol_worker *worker)
{
    struct xz *x = worker->context[VCOL_CODEC_XZ];
    if (!x && (x = vcol__worker_alloc(worker, sizeof *x))) {
        memset(x, 0, sizeof *x);
        x->worker = worker;
        x->allocator = (lzma_allocator){.alloc = alloc, .free = release, .opaque = x};
        x->stream = (lzma_stream)LZMA_STREAM_INIT;
        x->stream.allocator = &x->allocator;
        worker->context[VCOL_CODEC_XZ] = x;
    }
    return x;
}

static vcol_status refuse(lzma_ret ret, struct xz *x, const vcol__unpack *job, vcol_error *err)
{
    const lzma_stream *s = &x->stream;
    unsigned long long made = s->total_out;
    switch (ret) {
    case LZMA_STREAM_END: /* too early */
        return vcol_error_format(err, VCOL_CORRUPT, "xz stream ends after %llu of %zu bytes", made,
                                 job->size);
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        if (s->avail_out)
            return vcol_error_format(err, VCOL_CORRUPT,
                                     "xz stream of %zu packed bytes is cut short after %llu of %zu bytes",
                                     job->n, made, job->size);
        if (!s->avail_in)
            return vcol_error_format(err, VCOL_CORRUPT,
                                     "xz stream of %zu packed bytes is cut short in its end", job->n);
        return vcol_error_format(err, VCOL_CORRUPT, "xz stream holds more than %zu bytes", job->size);
    case LZMA_MEM_ERROR:
        return vcol_error_set(err, VCOL_NOMEM, "no memory for an xz decoder");
    case LZMA_MEMLIMIT_ERROR:
        return vcol_error_format(err, VCOL_UNSUPPORTED,
                                 "xz stream asks for %llu bytes of memory, more than %llu",
                                 (unsigned long long)lzma_memusage(s), (unsigned long long)MEMORY_LIMIT);
    case LZMA_FORMAT_ERROR:
        return vcol_error_set(err, VCOL_CORRUPT, "bytes do not begin an xz stream");
    case LZMA_OPTIONS_ERROR:
        return vcol_error_set(err, VCOL_UNSUPPORTED, "xz stream uses options that liblzma does not know");
    default:
        return vcol_error_format(err, VCOL_CORRUPT, "xz stream is damaged after %llu of %zu bytes", made,
                                 job->size);
    }
}

static vcol_status xz(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    struct xz *x = context(worker);
    if (!x)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for an xz decoder");
    lzma_stream *s = &x->stream;
    lzma_ret ret = lzma_stream_decoder(s, MEMORY_LIMIT, 0);
    s->next_in = job->src;
    s->avail_in = job->n;
    s->next_out = job->dst;
    s->avail_out = job->want;
    /* Each call makes progress or ends it: the second without any is LZMA_BUF_ERROR. */
    while (ret == LZMA_OK && (s->avail_out || job->want == job->size))
        ret = lzma_code(s, LZMA_FINISH);
    int whole = job->want == job->size, full = s->avail_out == 0;
    if (ret == LZMA_STREAM_END && full && whole && s->avail_in)
        status = vcol_error_format(err, VCOL_CORRUPT, "xz stream ends after %llu of its %zu packed bytes",
                                   (unsigned long long)s->total_in, job->n);
    else if (!full || ret != (whole ? LZMA_STREAM_END : LZMA_OK))
        status = refuse(ret, x, job, err);
    if (x->bytes > KEEP)
        lzma_end(s);
    return status;
}

static void close_decoder(vcol_worker *worker, void *memory)
{
    struct xz *x = memory;
    lzma_end(&x->stream);
    vcol__worker_free(worker, x);
}

const vcol__codec vcol__codec_xz = {
    .name = "xz", .slot = VCOL_CODEC_XZ, .stops_early = 1, .unpack = xz, .close = close_decoder};
