/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of codecs, and the door to it: arguments are checked here, streams in each codec's file. */
#include "codec/codec.h"

#include <string.h>

static vcol_status copy(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    (void)worker;
    if (job->n != job->size)
        return vcol_error_format(err, VCOL_CORRUPT, "stored bytes are %zu, not %zu", job->n, job->size);
    memcpy(job->dst, job->src, job->want);
    return VCOL_OK;
}

static const vcol__codec none = {.name = "none", .slot = VCOL_CODEC_NONE, .unpack = copy};

static const vcol__codec *const table[VCOL_CODEC_COUNT] = {
    [VCOL_CODEC_NONE] = &none,
    [VCOL_CODEC_ZLIB] = &vcol__codec_zlib,
    [VCOL_CODEC_DEFLATE] = &vcol__codec_deflate,
    [VCOL_CODEC_XZ] = &vcol__codec_xz,
    [VCOL_CODEC_LZ4] = &vcol__codec_lz4,
    [VCOL_CODEC_ZSTD] = &vcol__codec_zstd,
};

const vcol__codec *vcol__codec_get(vcol_codec codec)
{
    return (unsigned)codec < VCOL_CODEC_COUNT ? table[codec] : NULL;
}

vcol_status vcol_codec_unpack(vcol_worker *worker, vcol_codec codec, const void *src, size_t n, void *dst,
                              size_t size, size_t want, vcol_error *err)
{
    char nowhere = 0; /* the libraries want addresses even for no bytes */
    const vcol__codec *c = vcol__codec_get(codec);
    if (err && err->status)
        return err->status;
    if (!c)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "codec %d is not built in", (int)codec);
    if (!worker || want > size || (!src && n) || (!dst && size))
        return vcol_error_format(err, VCOL_MISUSE, "unpacking %zu of %zu bytes from %zu without a place",
                                 want, size, n);
    if (!want && size && c->stops_early)
        return VCOL_OK;
    vcol__unpack job = {
        .src = src ? src : &nowhere, .n = n, .dst = dst ? dst : &nowhere, .size = size, .want = want};
    return c->unpack(worker, &job, err);
}
