/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zstandard, one frame, by libzstd. A whole frame goes through ZSTD_decompressDCtx.
 *
 * To stop early, the frame's blocks are walked by their 3-byte headers and fed to ZSTD_decompressStream
 * only as far as the block that reaches `want`; with a stable output buffer libzstd decodes them straight
 * into dst and needs no window of its own. What is decoded is whole blocks (up to 128 KiB each), so frames
 * of one block are decoded whole. Whatever goes wrong on that path is left to the whole decode to judge:
 * should a libzstd not know stable output buffers, all that is lost is time.
 *
 * FORMAT zstd frame: magic 28 B5 2F FD, descriptor (bits 7-6 size of the content size, 5 single segment, 2
 * checksum, 1-0 size of the dictionary id), [window], [dictionary id], [content size], blocks, [checksum].
 * Block header, 3 bytes little-endian: bit 0 last, bits 2-1 type (0 raw, 1 RLE, 2 compressed), 23-3 size;
 * an RLE block holds one byte whatever its size says. source: RFC 8878, 3.1.1 and 3.1.1.2.
 */
#include "codec/codec.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BLOCK_MAX ((size_t)128 << 10)

/* The enumerator behind ZSTD_d_stableOutBuffer, which only static users get by that name. */
#define STABLE_OUT_BUFFER ZSTD_d_experimentalParam2

static ZSTD_DCtx *context(vcol_worker *worker)
{
    ZSTD_DCtx *d = worker->context[VCOL_CODEC_ZSTD];
    if (!d)
        d = worker->context[VCOL_CODEC_ZSTD] = ZSTD_createDCtx();
    return d;
}

/* Bytes before the first block, or 0 where this is no frame that can be walked. */
static size_t head_size(const uint8_t *src, size_t n)
{
    static const uint8_t id_size[4] = {0, 1, 2, 4}, content_size[4] = {0, 2, 4, 8};
    if (n < 5 || src[0] != 0x28 || src[1] != 0xb5 || src[2] != 0x2f || src[3] != 0xfd)
        return 0;
    int single = src[4] >> 5 & 1;
    size_t content = content_size[src[4] >> 6];
    return 5u + !single + id_size[src[4] & 3] + (content ? content : (size_t)single);
}

/* Moves *at behind `count` more blocks, or behind the last; whether there was that many or a last one. */
static int skip_blocks(const uint8_t *src, size_t n, size_t *at, size_t count, int *last)
{
    for (*last = 0; count && !*last; count--) {
        if (*at > n || n - *at < 3)
            return 0;
        const uint8_t *p = src + *at;
        uint32_t head = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
        size_t stored = (head >> 1 & 3) == 1 ? 1 : head >> 3;
        if (n - *at - 3 < stored)
            return 0;
        *at += 3 + stored;
        *last = (int)(head & 1);
    }
    return 1;
}

/*
 * Whether the first `want` bytes are at dst now. Tries only where at least the last block can be left out:
 * where the blocks before it could hold `want` bytes.
 */
static int decode_start(ZSTD_DCtx *d, const vcol__unpack *job)
{
    size_t need = (job->want + BLOCK_MAX - 1) / BLOCK_MAX, at = head_size(job->src, job->n);
    int last = 0;
    ZSTD_outBuffer out = {.dst = job->dst, .size = job->size, .pos = 0};
    ZSTD_inBuffer in = {.src = job->src, .size = 0, .pos = 0};
    if (!at || !skip_blocks(job->src, job->n, &at, need, &last) || last)
        return 0;
    if (ZSTD_isError(ZSTD_DCtx_reset(d, ZSTD_reset_session_only)) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(d, STABLE_OUT_BUFFER, 1)))
        return 0;
    for (;;) {
        in.size = at;
        size_t before = in.pos;
        if (ZSTD_isError(ZSTD_decompressStream(d, &out, &in)))
            return 0;
        if (out.pos >= job->want)
            return 1;
        if (in.pos == in.size) {
            /* These blocks held less than they could. */
            need = (job->want - out.pos + BLOCK_MAX - 1) / BLOCK_MAX;
            if (last || !skip_blocks(job->src, job->n, &at, need, &last) || last)
                return 0;
        } else if (in.pos == before) {
            return 0;
        }
    }
}

static vcol_status refuse(size_t result, const vcol__unpack *job, vcol_error *err)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a zstd decoder");
    case ZSTD_error_prefix_unknown:
        return vcol_error_set(err, VCOL_CORRUPT, "bytes do not begin a zstd frame");
    case ZSTD_error_srcSize_wrong:
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame of %zu packed bytes is cut short", job->n);
    case ZSTD_error_dstSize_tooSmall:
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame holds more than %zu bytes", job->size);
    case ZSTD_error_checksum_wrong:
        return vcol_error_set(err, VCOL_CORRUPT, "zstd frame contradicts its checksum");
    case ZSTD_error_version_unsupported:
    case ZSTD_error_frameParameter_unsupported:
        return vcol_error_set(err, VCOL_UNSUPPORTED, "zstd frame uses options that libzstd does not know");
    case ZSTD_error_dictionary_wrong:
        return vcol_error_set(err, VCOL_UNSUPPORTED, "zstd frame needs a dictionary");
    default:
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame of %zu packed bytes is damaged", job->n);
    }
}

static vcol_status zstd(vcol_worker *worker, const vcol__unpack *job, vcol_error *err)
{
    ZSTD_DCtx *d = context(worker);
    if (!d)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a zstd decoder");
    unsigned long long content = ZSTD_getFrameContentSize(job->src, job->n);
    if (content != ZSTD_CONTENTSIZE_UNKNOWN && content != ZSTD_CONTENTSIZE_ERROR && content != job->size)
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame holds %llu bytes, not %zu", content,
                                 job->size);
    if (job->want < job->size && decode_start(d, job))
        return VCOL_OK;

    /* libzstd would go on with a second frame: only the first counts. */
    size_t used = ZSTD_findFrameCompressedSize(job->src, job->n);
    if (!ZSTD_isError(used) && used < job->n)
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame ends after %zu of its %zu packed bytes", used,
                                 job->n);
    size_t made = ZSTD_decompressDCtx(d, job->dst, job->size, job->src, job->n);
    if (ZSTD_isError(made))
        return refuse(made, job, err);
    if (made != job->size)
        return vcol_error_format(err, VCOL_CORRUPT, "zstd frame ends after %zu of %zu bytes", made,
                                 job->size);
    return VCOL_OK;
}

static size_t bytes(const void *context)
{
    return ZSTD_sizeof_DCtx(context);
}

static void close_decoder(vcol_worker *worker, void *context)
{
    (void)worker;
    ZSTD_freeDCtx(context);
}

const vcol__codec vcol__codec_zstd = {.name = "zstd",
                                      .slot = VCOL_CODEC_ZSTD,
                                      .stops_early = 1,
                                      .unpack = zstd,
                                      .bytes = bytes,
                                      .close = close_decoder};
