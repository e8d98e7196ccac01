/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compression blocks: what a compressed payload is made of.
 *
 * FORMAT root/compression  a payload is blocks back to back until their outputs sum to fObjlen:
 *     'Z''L' 8 | 'C''S' 8 | 'X''Z' 0 | 'L''4' v | 'Z''S' 1, u24 LE packed size, u24 LE unpacked size, data
 * CS is raw deflate; L4 data begins with the xxHash64 (big-endian) of the lz4 bytes, counted in the packed
 * size. source: root-project/root core/zip/src/RZip.cxx (R__unzip), core/lz4/src/ZipLZ4.cxx;
 * data/root/uproot-HZZ-lz4.root
 */
#include "file.h"

enum { HEAD = 9, LZ4_HASH = 8 };

static uint32_t le24(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static int codec_of(const uint8_t *head)
{
    static const struct {
        char magic[3];
        uint8_t codec;
    } codecs[] = {
        {"ZL", VCOL_CODEC_ZLIB}, {"CS", VCOL_CODEC_DEFLATE}, {"XZ", VCOL_CODEC_XZ},
        {"L4", VCOL_CODEC_LZ4},  {"ZS", VCOL_CODEC_ZSTD},
    };
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (!memcmp(head, codecs[i].magic, 2))
            return codecs[i].codec;
    return -1;
}

/* One block at src; adds what it takes and gives to *in and *out. */
static vcol_status one(vcol_worker *worker, const uint8_t *src, size_t n, uint8_t *dst, size_t size,
                       size_t want, size_t *in, size_t *out, vcol_error *err)
{
    uint32_t packed, unpacked;
    const uint8_t *data = src + HEAD;
    int codec;
    if (n < HEAD)
        return vcol_error_format(err, VCOL_CORRUPT, "its compression blocks end after %zu of %zu bytes", *out,
                                 *out + size);
    packed = le24(src + 3);
    unpacked = le24(src + 6);
    codec = codec_of(src);
    if (codec < 0)
        return vcol_error_format(err, VCOL_CORRUPT, "no compression block begins with %02x %02x %02x", src[0],
                                 src[1], src[2]);
    if (packed > n - HEAD)
        return vcol_error_format(err, VCOL_CORRUPT, "a compression block of %u bytes where %zu are left",
                                 packed, n - HEAD);
    if (unpacked == 0 || unpacked > size)
        return vcol_error_format(
            err, VCOL_CORRUPT, "a compression block unpacks to %u bytes where %zu are left", unpacked, size);
    *in += HEAD + packed;
    *out += unpacked;
    if (codec == VCOL_CODEC_LZ4) {
        if (packed < LZ4_HASH)
            return vcol_error_format(err, VCOL_CORRUPT, "an lz4 block without its checksum");
        data += LZ4_HASH;
        packed -= LZ4_HASH;
        if (vcol_hash_xxh64(data, packed) != be64(src + HEAD))
            return vcol_error_format(err, VCOL_CORRUPT, "the checksum of an lz4 block is wrong");
    }
    return vcol_codec_unpack(worker, (vcol_codec)codec, data, packed, dst, unpacked,
                             want < unpacked ? want : unpacked, err);
}

int vcol__unzip_adds_up(const uint8_t *src, size_t n, size_t size)
{
    size_t out = 0;
    while (out < size && n >= HEAD) {
        size_t packed = le24(src + 3);
        out += le24(src + 6);
        if (packed > n - HEAD)
            return 0;
        src += HEAD + packed;
        n -= HEAD + packed;
    }
    return out == size;
}

vcol_status vcol__unzip(vcol_worker *worker, const uint8_t *src, size_t n, uint8_t *dst, size_t size,
                        size_t want, vcol_error *err)
{
    size_t in = 0, out = 0;
    if (want > size)
        want = size;
    while (out < want) {
        vcol_status status = one(worker, src + in, n - in, dst + out, size - out, want - out, &in, &out, err);
        if (status)
            return status;
    }
    return VCOL_OK;
}
