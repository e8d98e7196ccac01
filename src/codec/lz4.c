/* SPDX-License-Identifier: BSD-3-Clause */
/* LZ4 blocks, without a frame, by liblz4. No context. The partial decoder stops once `want` bytes are there.
 */
#include "codec/codec.h"

#include <limits.h>
#include <lz4.h>

/*
 * liblz4 copies a match that ends near the end of what it was asked for byte by byte. Constant content is
 * one such match, ten times slower then: so a little more is asked for than is wanted.
 */
#define SLACK 64

static vcol_status lz4(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    (void)worker;
    if (job->n > INT_MAX || job->size > LZ4_MAX_INPUT_SIZE)
        return vcol_error_format(err, VCOL_CORRUPT, "lz4 block of %zu bytes is larger than the format allows",
                                 job->n > INT_MAX ? job->n : job->size);
    size_t ask = job->size - job->want > SLACK ? job->want + SLACK : job->size;
    int made = ask < job->size
                   ? LZ4_decompress_safe_partial(job->src, job->dst, (int)job->n, (int)ask, (int)job->size)
                   : LZ4_decompress_safe(job->src, job->dst, (int)job->n, (int)job->size);
    if (made < 0)
        return vcol_error_format(err, VCOL_CORRUPT,
                                 "lz4 block of %zu packed bytes is damaged or holds more than %zu bytes",
                                 job->n, job->size);
    if ((size_t)made < (ask < job->size ? job->want : job->size))
        return vcol_error_format(err, VCOL_CORRUPT, "lz4 block ends after %d of %zu bytes", made, job->size);
    return VCOL_OK;
}

const vcol__codec vcol__codec_lz4 = {.name = "lz4", .slot = VCOL_CODEC_LZ4, .stops_early = 1, .unpack = lz4};
