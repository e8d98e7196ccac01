/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codecs: kinds of content x sizes x codecs x how much is wanted; streams that are cut, flipped, too long or
 * lie about their size; memory of the workers. Streams are made with the codecs' own libraries.
 */
#include "codec/codec.h"

#include <check.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

/* ---- content ---- */

enum content { CONSTANT, OFFSETS, FLOATS, NOISE, CONTENTS };

static uint64_t noise(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint8_t *make_content(enum content kind, size_t size)
{
    uint8_t *p = malloc(size + 8);
    uint64_t state = 42;
    uint32_t sum = 77;
    float value = 30;
    for (size_t i = 0; i < size; i += 4) {
        uint64_t r = noise(&state);
        uint32_t bits = 0xffffffff;
        switch (kind) {
        case CONSTANT:
            break;
        case OFFSETS: /* big-endian, ascending, as in an entry-offset tail */
            sum += 4 * (uint32_t)(r % 5);
            bits = __builtin_bswap32(sum);
            break;
        case FLOATS: /* with few bits */
            value += (float)((int)(r % 64) - 32) / 8;
            memcpy(&bits, &value, 4);
            break;
        default:
            bits = (uint32_t)r;
        }
        memcpy(p + i, &bits, 4);
    }
    return p;
}

/* ---- packing ---- */

typedef struct packed {
    uint8_t *data;
    size_t n;
} packed;

static packed pack(vcol_codec codec, const void *src, size_t size)
{
    size_t room = size + size / 2 + 1024, n = 0;
    packed p = {.data = malloc(room)};
    switch (codec) {
    case VCOL_CODEC_NONE:
        memcpy(p.data, src, n = size);
        break;
    case VCOL_CODEC_ZLIB:
    case VCOL_CODEC_DEFLATE: {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
        n = codec == VCOL_CODEC_ZLIB ? libdeflate_zlib_compress(c, src, size, p.data, room)
                                     : libdeflate_deflate_compress(c, src, size, p.data, room);
        libdeflate_free_compressor(c);
        break;
    }
    case VCOL_CODEC_XZ: {
        lzma_options_lzma options;
        lzma_lzma_preset(&options, 0);
        options.dict_size = 1 << 16; /* small, to make many */
        lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
        ck_assert_int_eq(
            lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, src, size, p.data, &n, room), LZMA_OK);
        break;
    }
    case VCOL_CODEC_LZ4: {
        int made = LZ4_compress_default(src, (char *)p.data, (int)size, (int)room);
        n = made > 0 ? (size_t)made : 0;
        break;
    }
    default: {
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        n = ZSTD_compress2(c, p.data, room, src, size);
        ZSTD_freeCCtx(c);
    }
    }
    ck_assert_msg(n && n <= room ? 1 : codec == VCOL_CODEC_NONE && !size, "packing with codec %d", codec);
    /* Of exactly this length, so that the address sanitizer sees a byte too far. */
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, p.data, n);
    free(p.data);
    p.data = exact;
    p.n = n;
    return p;
}

/* A frame that does not say its size, flushed into a block every `block` bytes. */
static packed pack_zstd_blocks(const void *src, size_t size, size_t block)
{
    packed p = {.data = malloc(2 * size + 4096)};
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_outBuffer out = {.dst = p.data, .size = 2 * size + 4096};
    for (size_t at = 0; at < size || at == 0; at += block) {
        size_t n = size - at < block ? size - at : block;
        ZSTD_inBuffer in = {.src = (const uint8_t *)src + at, .size = n};
        ck_assert_uint_eq(ZSTD_compressStream2(c, &out, &in, at + block >= size ? ZSTD_e_end : ZSTD_e_flush),
                          0);
    }
    ZSTD_freeCCtx(c);
    p.n = out.pos;
    return p;
}

static vcol_worker *worker;

static void open_worker(void)
{
    ck_assert_int_eq(vcol_worker_open(NULL, &worker, NULL), VCOL_OK);
}

static void close_worker(void)
{
    vcol_worker_close(worker);
}

/* Unpacks into memory of exactly `size` bytes, and compares what is wanted if it worked. */
static vcol_status unpack(vcol_codec codec, packed p, size_t size, size_t want, const uint8_t *expected,
                          vcol_error *err)
{
    uint8_t *dst = malloc(size ? size : 1);
    memset(dst, 0xa5, size);
    vcol_status status = vcol_codec_unpack(worker, codec, p.data, p.n, dst, size, want, err);
    if (!status && expected)
        ck_assert_msg(!memcmp(dst, expected, want), "codec %d: other bytes (size %zu, want %zu)", codec, size,
                      want);
    free(dst);
    return status;
}

/* ---- what must work ---- */

#define UNIT ((size_t)128 << 10) /* zstd's block, above lz4's window */

static const size_t sizes[] = {0,     1,     3,     4,        5,    63,       64,       65,     1000,
                               65535, 65536, 65537, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT, 1000003};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

START_TEST(gives_what_was_packed)
{
    vcol_codec codec = (vcol_codec)(_i % VCOL_CODEC_COUNT);
    enum content kind = (enum content)(_i / VCOL_CODEC_COUNT);
    for (int k = 0; k < N_SIZES; k++) {
        size_t size = sizes[k];
        size_t wants[] = {size,      0,         1,        size / 3, size * 3 / 5, size - 65,
                          size - 64, size - 63, size - 1, UNIT,     UNIT + 1};
        uint8_t *content = make_content(kind, size);
        packed p = pack(codec, content, size);
        for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
            vcol_error err = {0};
            if (wants[i] <= size)
                ck_assert_msg(unpack(codec, p, size, wants[i], content, &err) == VCOL_OK,
                              "%s, size %zu want %zu", err.message, size, wants[i]);
        }
        free(p.data);
        free(content);
    }
}
END_TEST

/* zstd blocks of any size, raw and RLE ones too, with and without a declared size. */
START_TEST(zstd_stops_in_frames_of_any_blocks)
{
    static const size_t blocks[] = {100, 1000, 5000, 65536, UNIT, 2 * UNIT};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
        for (int kind = 0; kind < CONTENTS; kind++) {
            size_t size = blocks[b] < 1000 ? 20000 : 700001;
            uint8_t *content = make_content((enum content)kind, size);
            packed p = pack_zstd_blocks(content, size, blocks[b]);
            for (size_t want = 0; want <= size; want += size / 29) {
                vcol_error err = {0};
                ck_assert_msg(unpack(VCOL_CODEC_ZSTD, p, size, want, content, &err) == VCOL_OK,
                              "%s: blocks of %zu, want %zu", err.message, blocks[b], want);
            }
            free(p.data);
            free(content);
        }
}
END_TEST

/* Damage behind what is wanted does not matter to a codec that stops, and does to one that decodes whole. */
START_TEST(stops_before_damage_behind_what_is_wanted)
{
    static const vcol_codec stop[] = {VCOL_CODEC_XZ, VCOL_CODEC_LZ4, VCOL_CODEC_ZSTD};
    size_t size = 1000000, want = 600000;
    uint8_t *content = make_content(NOISE, size);
    vcol_error err = {0};
    for (int i = 0; i < 3; i++) {
        packed p = pack(stop[i], content, size);
        memset(p.data + p.n - 100, 0xff, 100);
        ck_assert_msg(unpack(stop[i], p, size, want, content, &err) == VCOL_OK, "%s", err.message);
        /* an lz4 block has no checksum: noise stays noise */
        if (stop[i] != VCOL_CODEC_LZ4)
            ck_assert_int_eq(unpack(stop[i], p, size, size, NULL, NULL), VCOL_CORRUPT);
        free(p.data);
    }
    packed p = pack(VCOL_CODEC_ZLIB, content, size);
    p.data[p.n - 1] ^= 1;
    ck_assert_int_eq(unpack(VCOL_CODEC_ZLIB, p, size, want, NULL, NULL), VCOL_CORRUPT);
    free(p.data);
    free(content);
}
END_TEST

/* ---- what must fail ---- */

START_TEST(refuses_another_size_than_declared)
{
    vcol_codec codec = (vcol_codec)_i;
    for (int kind = 0; kind < CONTENTS; kind++)
        for (int k = 0; k < N_SIZES; k++) {
            size_t size = sizes[k], wrong[] = {size - 1, size / 2, 0, size + 1, 2 * size + 1, size + UNIT};
            uint8_t *content = make_content((enum content)kind, size);
            packed p = pack(codec, content, size);
            for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                vcol_error err = {0};
                if (wrong[i] == size || wrong[i] > size + UNIT || (wrong[i] < size) != (i < 3))
                    continue;
                vcol_status status = unpack(codec, p, wrong[i], wrong[i], NULL, &err);
                ck_assert_msg(status == VCOL_CORRUPT, "codec %d: %zu bytes declared as %zu: %d", codec, size,
                              wrong[i], status);
                ck_assert_msg(err.message[0] && !strchr(err.message, '\n'), "message");
            }
            free(p.data);
            free(content);
        }
}
END_TEST

START_TEST(says_how_far_a_stream_went)
{
    static const struct {
        vcol_codec codec;
        const char *longer, *shorter, *more;
    } messages[] = {
        {VCOL_CODEC_NONE, "stored bytes are 812, not 4096", "stored bytes are 812, not 811",
         "stored bytes are 813, not 812"},
        {VCOL_CODEC_ZLIB, "zlib stream ends after 812 of 4096 bytes", "zlib stream holds more than 811 bytes",
         "zlib stream ends after "},
        {VCOL_CODEC_DEFLATE, "deflate stream ends after 812 of 4096 bytes",
         "deflate stream holds more than 811 bytes", "deflate stream ends after "},
        {VCOL_CODEC_XZ, "xz stream ends after 812 of 4096 bytes", "xz stream holds more than 811 bytes",
         "xz stream ends after "},
        {VCOL_CODEC_LZ4, "lz4 block ends after 812 of 4096 bytes", "lz4 block of ", "lz4 block of "},
        {VCOL_CODEC_ZSTD, "zstd frame holds 812 bytes, not 4096", "zstd frame holds 812 bytes, not 811",
         "zstd frame ends after "},
    };
    uint8_t *content = make_content(FLOATS, 812);
    vcol_codec codec = messages[_i].codec;
    packed p = pack(codec, content, 812);
    vcol_error err = {0};
    ck_assert_int_eq(unpack(codec, p, 4096, 4096, NULL, &err), VCOL_CORRUPT);
    ck_assert_str_eq(err.message, messages[_i].longer);
    vcol_error_reset(&err);
    ck_assert_int_eq(unpack(codec, p, 811, 811, NULL, &err), VCOL_CORRUPT);
    ck_assert_msg(strstr(err.message, messages[_i].shorter) == err.message, "%s", err.message);
    vcol_error_reset(&err);
    p.data = realloc(p.data, p.n + 1);
    p.data[p.n++] = 0;
    ck_assert_int_eq(unpack(codec, p, 812, 812, NULL, &err), VCOL_CORRUPT);
    ck_assert_msg(strstr(err.message, messages[_i].more) == err.message, "%s", err.message);
    free(p.data);
    if (codec == VCOL_CODEC_ZSTD) {
        p = pack_zstd_blocks(content, 812, 100);
        for (int early = 0; early < 2; early++) {
            vcol_error_reset(&err);
            ck_assert_int_eq(unpack(codec, p, 4096, early ? 3000 : 4096, NULL, &err), VCOL_CORRUPT);
            ck_assert_str_eq(err.message, "zstd frame ends after 812 of 4096 bytes");
        }
        vcol_error_reset(&err);
        ck_assert_int_eq(unpack(codec, p, 811, 811, NULL, &err), VCOL_CORRUPT);
        ck_assert_str_eq(err.message, "zstd frame holds more than 811 bytes");
        free(p.data);
    }
    free(content);
}
END_TEST

START_TEST(refuses_input_left_over)
{
    vcol_codec codec = (vcol_codec)_i;
    static const size_t some[] = {1, 1000, 3 * UNIT};
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        uint8_t *content = make_content(FLOATS, some[k]);
        packed p = pack(codec, content, some[k]);
        size_t extra[] = {1, 4, p.n};
        p.data = realloc(p.data, 2 * p.n + 4);
        memcpy(p.data + p.n, p.data, p.n); /* a second stream */
        for (size_t i = 0; i < sizeof extra / sizeof *extra; i++) {
            packed more = {.data = p.data, .n = p.n + extra[i]};
            ck_assert_msg(unpack(codec, more, some[k], some[k], NULL, NULL) == VCOL_CORRUPT,
                          "codec %d: %zu bytes left over", codec, extra[i]);
            /* nor is the second stream taken for more of the first */
            ck_assert_int_ne(unpack(codec, more, 2 * some[k], 2 * some[k], NULL, NULL),
                             codec == VCOL_CODEC_NONE ? VCOL_UNSUPPORTED : VCOL_OK);
            if (codec == VCOL_CODEC_NONE)
                break;
        }
        free(p.data);
        free(content);
    }
}
END_TEST

START_TEST(refuses_every_truncation)
{
    vcol_codec codec = (vcol_codec)_i;
    for (int kind = 0; kind < CONTENTS; kind++) {
        size_t size = 900;
        uint8_t *content = make_content((enum content)kind, size);
        packed p = pack(codec, content, size);
        for (size_t n = 0; n < p.n; n++) {
            packed cut = {.data = malloc(n ? n : 1), .n = n};
            vcol_error err = {0};
            memcpy(cut.data, p.data, n);
            vcol_status status = unpack(codec, cut, size, size, NULL, &err);
            ck_assert_msg(status == VCOL_CORRUPT, "codec %d cut to %zu of %zu: %d %s", codec, n, p.n, status,
                          err.message);
            /* Where not all is wanted: right or refused. */
            status = unpack(codec, cut, size, size / 2, content, NULL);
            ck_assert(status == VCOL_OK || status == VCOL_CORRUPT);
            free(cut.data);
        }
        free(p.data);
        free(content);
    }
    /* Larger streams, at some places. */
    uint8_t *content = make_content(FLOATS, 400000);
    packed p = pack(codec, content, 400000);
    for (size_t n = p.n; n-- > 0; n -= n / 37) {
        packed cut = {.data = p.data, .n = n};
        ck_assert_int_eq(unpack(codec, cut, 400000, 400000, NULL, NULL), VCOL_CORRUPT);
        vcol_status status = unpack(codec, cut, 400000, 240000, content, NULL);
        ck_assert(status == VCOL_OK || status == VCOL_CORRUPT);
    }
    free(p.data);
    free(content);
}
END_TEST

START_TEST(bears_flipped_bytes)
{
    vcol_codec codec = (vcol_codec)_i;
    int summed = codec == VCOL_CODEC_ZLIB || codec == VCOL_CODEC_XZ || codec == VCOL_CODEC_ZSTD;
    for (int kind = 0; kind < CONTENTS; kind++) {
        size_t size = 600;
        uint8_t *content = make_content((enum content)kind, size);
        packed p = pack(codec, content, size);
        for (size_t at = 0; at < p.n; at++)
            for (int bit = 0; bit < 8; bit++) {
                vcol_error err = {0};
                p.data[at] ^= (uint8_t)(1 << bit);
                vcol_status status = unpack(codec, p, size, size, summed ? content : NULL, &err);
                ck_assert_msg(status == VCOL_OK || status == VCOL_CORRUPT || status == VCOL_UNSUPPORTED,
                              "codec %d, byte %zu bit %d: %d %s", codec, at, bit, status, err.message);
                ck_assert_int_eq(status, err.status);
                status = unpack(codec, p, size, size / 2, NULL, NULL);
                ck_assert(status == VCOL_OK || status == VCOL_CORRUPT || status == VCOL_UNSUPPORTED);
                p.data[at] ^= (uint8_t)(1 << bit);
            }
        /* And the worker is none the worse for it. */
        ck_assert_int_eq(unpack(codec, p, size, size, content, NULL), VCOL_OK);
        free(p.data);
        free(content);
    }
}
END_TEST

/* Random bytes over multi-block streams: the walk of zstd's blocks among others. */
START_TEST(bears_random_damage)
{
    vcol_codec codec = (vcol_codec)_i;
    uint64_t state = 99;
    size_t size = 300000;
    uint8_t *content = make_content(FLOATS, size);
    packed p = pack(codec, content, size), copy = {.data = malloc(p.n), .n = p.n};
    for (int k = 0; k < 200; k++) {
        memcpy(copy.data, p.data, p.n);
        for (int i = 0; i <= k % 5; i++) {
            uint64_t r = noise(&state);
            copy.data[k % 2 ? r % 20 : r % p.n] = (uint8_t)(r >> 40);
        }
        size_t want = noise(&state) % (size + 1);
        vcol_status status = unpack(codec, copy, size, want, NULL, NULL);
        ck_assert(status == VCOL_OK || status == VCOL_CORRUPT || status == VCOL_UNSUPPORTED);
    }
    free(copy.data);
    free(p.data);
    free(content);
}
END_TEST

START_TEST(refuses_what_is_not_asked_rightly)
{
    char src[4] = {0}, dst[4];
    vcol_error err = {0};
    ck_assert_int_eq(vcol_codec_unpack(worker, (vcol_codec)99, src, 4, dst, 4, 4, &err), VCOL_UNSUPPORTED);
    ck_assert_str_eq(err.message, "codec 99 is not built in");
    ck_assert_int_eq(vcol_codec_unpack(worker, VCOL_CODEC_NONE, src, 4, dst, 4, 4, &err), VCOL_UNSUPPORTED);
    ck_assert_int_eq(vcol_codec_unpack(worker, (vcol_codec)-1, src, 4, dst, 4, 4, NULL), VCOL_UNSUPPORTED);
    ck_assert_int_eq(vcol_codec_unpack(worker, VCOL_CODEC_NONE, src, 4, dst, 4, 5, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_codec_unpack(worker, VCOL_CODEC_ZSTD, NULL, 4, dst, 4, 4, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_codec_unpack(worker, VCOL_CODEC_ZSTD, src, 4, NULL, 4, 4, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_codec_unpack(NULL, VCOL_CODEC_ZSTD, src, 4, dst, 4, 4, NULL), VCOL_MISUSE);
    for (int c = 0; c < VCOL_CODEC_COUNT; c++)
        ck_assert_int_eq(vcol_codec_unpack(worker, (vcol_codec)c, NULL, 0, dst, 4, 4, NULL), VCOL_CORRUPT);
}
END_TEST

/* ---- memory ---- */

struct counter {
    size_t now, most;
    int calls, fail_call; /* the n-th call fails, from 1 */
};

static void *count_alloc(size_t size, size_t align, void *opaque)
{
    struct counter *c = opaque;
    (void)align;
    if (++c->calls == c->fail_call)
        return NULL;
    c->now += size;
    c->most = c->now > c->most ? c->now : c->most;
    return malloc(size);
}

static void count_free(void *memory, size_t size, size_t align, void *opaque)
{
    (void)align;
    ((struct counter *)opaque)->now -= size;
    free(memory);
}

/* An xz stream with the dictionary that preset `preset` has. */
static packed pack_xz(const void *src, size_t size, uint32_t preset)
{
    packed p = {.data = malloc(size + 4096)};
    ck_assert_int_eq(
        lzma_easy_buffer_encode(preset, LZMA_CHECK_CRC64, NULL, src, size, p.data, &p.n, size + 4096),
        LZMA_OK);
    return p;
}

START_TEST(worker_counts_its_bytes)
{
    struct counter c = {0};
    vcol_allocator allocator = {.alloc = count_alloc, .free = count_free, .opaque = &c};
    vcol_worker *w;
    uint8_t *content = make_content(FLOATS, 300000), *dst = malloc(300000);
    ck_assert_int_eq(vcol_worker_open(&allocator, &w, NULL), VCOL_OK);
    size_t empty = vcol_worker_bytes(w), before = empty;
    ck_assert_uint_eq(empty, c.now);
    for (int i = 0; i < VCOL_CODEC_COUNT; i++) {
        packed p = pack((vcol_codec)i, content, 300000);
        for (int twice = 0; twice < 2; twice++)
            ck_assert_int_eq(vcol_codec_unpack(w, (vcol_codec)i, p.data, p.n, dst, 300000, 200000, NULL),
                             VCOL_OK);
        size_t bytes = vcol_worker_bytes(w), less = i == VCOL_CODEC_DEFLATE ? bytes + 1 : bytes;
        if (i != VCOL_CODEC_NONE && i != VCOL_CODEC_LZ4)
            ck_assert_msg(less > before, "codec %d has no bytes", i);
        ck_assert_uint_lt(bytes, (size_t)1 << 20);
        before = bytes;
        free(p.data);
    }
    ck_assert_uint_ge(before, c.now);
    vcol_worker_close(w);
    ck_assert_uint_eq(c.now, 0);
    vcol_worker_close(NULL);
    ck_assert_uint_eq(vcol_worker_bytes(NULL), 0);

    allocator.free = NULL;
    ck_assert_int_eq(vcol_worker_open(&allocator, &w, NULL), VCOL_MISUSE);
    ck_assert_ptr_null(w);
    ck_assert_int_eq(vcol_worker_open(&(vcol_allocator){0}, &w, NULL), VCOL_OK);
    vcol_worker_close(w);
    free(content);
    free(dst);
}
END_TEST

START_TEST(deflate_decoder_is_not_larger_than_said)
{
    struct mallinfo2 a = mallinfo2();
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    struct mallinfo2 b = mallinfo2();
    libdeflate_free_decompressor(d);
    ck_assert_uint_le(b.uordblks - a.uordblks, vcol__codec_zlib.bytes(d));
}
END_TEST

START_TEST(xz_keeps_no_large_dictionary)
{
    struct counter c = {0};
    vcol_allocator allocator = {.alloc = count_alloc, .free = count_free, .opaque = &c};
    vcol_worker *w;
    uint8_t *content = make_content(FLOATS, 5000), *dst = malloc(5000);
    packed small = pack_xz(content, 5000, 0), large = pack_xz(content, 5000, 9);
    ck_assert_int_eq(vcol_worker_open(&allocator, &w, NULL), VCOL_OK);
    for (int k = 0; k < 3; k++) {
        packed p = k == 1 ? large : small;
        ck_assert_int_eq(vcol_codec_unpack(w, VCOL_CODEC_XZ, p.data, p.n, dst, 5000, 5000, NULL), VCOL_OK);
        ck_assert_mem_eq(dst, content, 5000);
        ck_assert_uint_lt(vcol_worker_bytes(w), (size_t)16 << 20);
        ck_assert_uint_eq(vcol_worker_bytes(w), c.now);
    }
    ck_assert_uint_gt(c.most, (size_t)64 << 20);
    vcol_worker_close(w);
    ck_assert_uint_eq(c.now, 0);
    free(small.data);
    free(large.data);
    free(content);
    free(dst);
}
END_TEST

START_TEST(xz_refuses_a_dictionary_beyond_its_limit)
{
    struct counter c = {0};
    vcol_allocator allocator = {.alloc = count_alloc, .free = count_free, .opaque = &c};
    vcol_worker *w;
    vcol_error err = {0};
    uint8_t *content = make_content(FLOATS, 5000), *dst = malloc(5000);
    packed p = pack_xz(content, 5000, 0);
    /* The block header behind the 12 bytes of the stream's: ... filter 0x21, 1 byte of it: the dictionary. */
    uint8_t *head = p.data + 12;
    size_t n = ((size_t)head[0] + 1) * 4 - 4;
    for (size_t i = 2; i + 2 < n; i++)
        if (head[i] == 0x21 && head[i + 1] == 1) {
            head[i + 2] = 36; /* 1 GiB */
            break;
        }
    uint32_t crc = lzma_crc32(head, n, 0);
    memcpy(head + n, &crc, 4); /* little-endian machines */
    ck_assert_int_eq(vcol_worker_open(&allocator, &w, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_codec_unpack(w, VCOL_CODEC_XZ, p.data, p.n, dst, 5000, 5000, &err),
                     VCOL_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "bytes of memory") != NULL, "%s", err.message);
    ck_assert_uint_lt(c.most, (size_t)1 << 20);
    vcol_worker_close(w);
    free(p.data);
    free(content);
    free(dst);
}
END_TEST

START_TEST(every_failing_allocation_is_an_error)
{
    uint8_t *content = make_content(FLOATS, 5000), *dst = malloc(5000);
    packed p = pack(VCOL_CODEC_XZ, content, 5000);
    int done = 0;
    for (int fail = 1; !done; fail++) {
        struct counter c = {.fail_call = fail};
        vcol_allocator allocator = {.alloc = count_alloc, .free = count_free, .opaque = &c};
        vcol_worker *w;
        vcol_error err = {0};
        vcol_status status = vcol_worker_open(&allocator, &w, &err);
        if (fail == 1) {
            ck_assert_int_eq(status, VCOL_NOMEM);
            ck_assert_ptr_null(w);
            continue;
        }
        status = vcol_codec_unpack(w, VCOL_CODEC_XZ, p.data, p.n, dst, 5000, 5000, &err);
        done = c.calls < fail;
        ck_assert_msg(status == (done ? VCOL_OK : VCOL_NOMEM), "call %d: %s", fail, err.message);
        c.fail_call = 0; /* and the next try works */
        ck_assert_int_eq(vcol_codec_unpack(w, VCOL_CODEC_XZ, p.data, p.n, dst, 5000, 5000, NULL), VCOL_OK);
        ck_assert_mem_eq(dst, content, 5000);
        vcol_worker_close(w);
        ck_assert_uint_eq(c.now, 0);
    }
    free(p.data);
    free(content);
    free(dst);
}
END_TEST

/* ---- threads, hash ---- */

struct job {
    const packed *packed;
    const uint8_t *content;
    int bad;
};

static void *work(void *arg)
{
    struct job *job = arg;
    enum { SIZE = 200000 };
    vcol_worker *w;
    uint8_t *dst = malloc(SIZE);
    job->bad = vcol_worker_open(NULL, &w, NULL) != VCOL_OK;
    for (int k = 0; k < 60 && !job->bad; k++) {
        int codec = k % VCOL_CODEC_COUNT;
        size_t want = k % 3 ? SIZE : SIZE / 3;
        job->bad += vcol_codec_unpack(w, (vcol_codec)codec, job->packed[codec].data, job->packed[codec].n,
                                      dst, SIZE, want, NULL) != VCOL_OK ||
                    memcmp(dst, job->content, want);
    }
    vcol_worker_close(w);
    free(dst);
    return NULL;
}

START_TEST(workers_do_not_know_of_each_other)
{
    enum { THREADS = 4 };
    uint8_t *content = make_content(OFFSETS, 200000);
    packed p[VCOL_CODEC_COUNT];
    struct job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < VCOL_CODEC_COUNT; i++)
        p[i] = pack((vcol_codec)i, content, 200000);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){.packed = p, .content = content};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(jobs[i].bad, 0);
    }
    for (int i = 0; i < VCOL_CODEC_COUNT; i++)
        free(p[i].data);
    free(content);
}
END_TEST

START_TEST(hash_is_xxh64)
{
    /* source: xxHash's specification has the first, its command prints both */
    ck_assert_uint_eq(vcol_hash_xxh64("", 0), UINT64_C(0xef46db3751d8e999));
    ck_assert_uint_eq(vcol_hash_xxh64(NULL, 0), UINT64_C(0xef46db3751d8e999));
    ck_assert_uint_eq(vcol_hash_xxh64("abc", 3), UINT64_C(0x44bc2cf5ad770999));
}
END_TEST

/* Against libxxhash's functions for the least processor; lengths around those at which it changes its way. */
START_TEST(hash_is_xxh3_whatever_the_processor_has)
{
    enum { MOST = 5000 };
    uint8_t *bytes = malloc(MOST + 1);
    uint32_t state = 1;
    for (int i = 0; i <= MOST; i++)
        bytes[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    for (size_t n = 0; n <= MOST; n += n < 300 ? 1 : 37) {
        const uint8_t *from = bytes + n % 2; /* blocks lie anywhere */
        uint64_t low, high;
        XXH128_hash_t wide = XXH3_128bits(from, n);
        ck_assert_uint_eq(vcol_hash_xxh3(from, n), XXH3_64bits(from, n));
        vcol__hash_128(from, n, &low, &high);
        ck_assert(low == wide.low64 && high == wide.high64);
    }
    ck_assert_uint_eq(vcol_hash_xxh3("", 0), UINT64_C(0x2d06800538d394c2)); /* source: xxHash's command */
    free(bytes);
}
END_TEST

Suite *codec_suite(void);
Suite *codec_suite(void)
{
    Suite *s = suite_create("codec");
    TCase *tc = tcase_create("unpack");
    tcase_add_checked_fixture(tc, open_worker, close_worker);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, gives_what_was_packed, 0, CONTENTS * VCOL_CODEC_COUNT);
    tcase_add_test(tc, zstd_stops_in_frames_of_any_blocks);
    tcase_add_test(tc, stops_before_damage_behind_what_is_wanted);
    tcase_add_loop_test(tc, refuses_another_size_than_declared, 0, VCOL_CODEC_COUNT);
    tcase_add_loop_test(tc, says_how_far_a_stream_went, 0, VCOL_CODEC_COUNT);
    tcase_add_loop_test(tc, refuses_input_left_over, 0, VCOL_CODEC_COUNT);
    tcase_add_loop_test(tc, refuses_every_truncation, 0, VCOL_CODEC_COUNT);
    tcase_add_loop_test(tc, bears_flipped_bytes, 0, VCOL_CODEC_COUNT);
    tcase_add_loop_test(tc, bears_random_damage, 0, VCOL_CODEC_COUNT);
    tcase_add_test(tc, refuses_what_is_not_asked_rightly);
    suite_add_tcase(s, tc);

    tc = tcase_create("worker");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, worker_counts_its_bytes);
    tcase_add_test(tc, deflate_decoder_is_not_larger_than_said);
    tcase_add_test(tc, xz_keeps_no_large_dictionary);
    tcase_add_test(tc, xz_refuses_a_dictionary_beyond_its_limit);
    tcase_add_test(tc, every_failing_allocation_is_an_error);
    tcase_add_test(tc, workers_do_not_know_of_each_other);
    tcase_add_test(tc, hash_is_xxh64);
    tcase_add_test(tc, hash_is_xxh3_whatever_the_processor_has);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(codec_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
