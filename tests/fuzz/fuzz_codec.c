/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codecs. Input: the codec's number, the size that the container declares (2 bytes) and how much of it is
 * wanted (2 bytes), the packed bytes. What is wanted is a part of the whole; a second time gives the same;
 * contexts do not grow without bound.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 5, MAX_CONTEXTS = 128 << 20 };

static uint8_t *memory(size_t n)
{
    uint8_t *m = malloc(n ? n : 1);
    FUZZ_RULE(m);
    memset(m, 0xa5, n);
    return m;
}

static void run(vcol_worker *worker, vcol_codec codec, const uint8_t *src, size_t n, size_t size, size_t want)
{
    uint8_t *whole = memory(size), *again = memory(size), *part = memory(size);
    vcol_error err = {0}, other = {0};
    vcol_status status = vcol_codec_unpack(worker, codec, src, n, whole, size, size, &err), some;
    fuzz_status(status, &err);
    some = vcol_codec_unpack(worker, codec, src, n, part, size, want, &other);
    fuzz_status(some, &other);
    FUZZ_RULE(vcol_codec_unpack(worker, codec, src, n, again, size, size, NULL) == status);
    if (!status) {
        FUZZ_RULE(!memcmp(whole, again, size));
        FUZZ_RULE(!some && !memcmp(whole, part, want));
    }
    FUZZ_RULE(vcol_worker_bytes(worker) <= MAX_CONTEXTS);
    free(whole);
    free(again);
    free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vcol_worker *worker;
    size_t declared, want, n;
    uint8_t *src;
    if (size < HEAD)
        return 0;
    if (!worker)
        FUZZ_RULE(vcol_worker_open(NULL, &worker, NULL) == VCOL_OK);
    n = size - HEAD;
    declared = (size_t)data[1] << 8 | data[2];
    want = (size_t)data[3] << 8 | data[4];
    src = memory(n);
    memcpy(src, data + HEAD, n);
    run(worker, (vcol_codec)(data[0] % VCOL_CODEC_COUNT), src, n, declared,
        want < declared ? want : declared);
    free(src);
    return 0;
}

static void head(made *out, vcol_codec codec, size_t size, size_t want)
{
    made_u8(out, (unsigned)codec);
    made_u16(out, (unsigned)size);
    made_u16(out, (unsigned)want);
}

/* Twelve letters, packed by hand: stored in deflate and zlib, literals in lz4, a raw block in zstd. */
int fuzz_seed(int i, made *out)
{
    static const char text[] = "vcol columns";
    enum { SIZE = sizeof text - 1 };
    static const uint8_t stored[] = {1, SIZE, 0, (uint8_t)~SIZE, 0xff}, zlib_head[] = {0x78, 0x01},
                         zstd_head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, SIZE, 1 | SIZE << 3, 0, 0};
    uint32_t a = 1, b = 0;
    switch (i) {
    case 0:
        head(out, VCOL_CODEC_NONE, SIZE, 5);
        made_bytes(out, text, SIZE);
        return 1;
    case 1:
        head(out, VCOL_CODEC_ZLIB, SIZE, 5);
        made_bytes(out, zlib_head, sizeof zlib_head);
        made_bytes(out, stored, sizeof stored);
        made_bytes(out, text, SIZE);
        for (int k = 0; k < SIZE; k++) {
            a = (a + (uint8_t)text[k]) % 65521;
            b = (b + a) % 65521;
        }
        made_u32(out, b << 16 | a);
        return 1;
    case 2:
        head(out, VCOL_CODEC_DEFLATE, SIZE, 5);
        made_bytes(out, stored, sizeof stored);
        made_bytes(out, text, SIZE);
        return 1;
    case 3:
        head(out, VCOL_CODEC_LZ4, SIZE, 5);
        made_u8(out, SIZE << 4);
        made_bytes(out, text, SIZE);
        return 1;
    case 4:
        head(out, VCOL_CODEC_ZSTD, SIZE, 5);
        made_bytes(out, zstd_head, sizeof zstd_head);
        made_bytes(out, text, SIZE);
        return 1;
    default:
        return 0;
    }
}
