/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h
 *
 * FORMAT root/file  records follow each other from fBEGIN to fEND; each begins with its size (negative: a gap) and a
 * key; a payload shorter than the key's fObjlen is compression blocks with 9 bytes of head each.
 */
#include "records.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { HEAD = 9, LZ4_HASH = 8 };

static uint64_t be(const uint8_t *p, int n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

static size_t le24(const uint8_t *p)
{
    return p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
}

static const uint8_t *copy_text(const uint8_t *p, char *out, size_t size)
{
    size_t n = *p++;
    if (n == 255) {
        n = be(p, 4);
        p += 4;
    }
    size_t copied = n < size ? n : size - 1;
    memcpy(out, p, copied);
    out[copied] = 0;
    return p + n;
}

static void parse_key(const uint8_t *p, record *r)
{
    size_t keylen = be(p + 14, 2);
    r->payload = p + keylen;
    r->stored = be(p, 4) - keylen;
    r->unpacked = be(p + 6, 4);
    r->cycle = (int)be(p + 16, 2);
    p = copy_text(p + (be(p + 4, 2) > 1000 ? 34 : 26), r->class_name, sizeof r->class_name);
    copy_text(p, r->name, sizeof r->name);
    r->basket = strcmp(r->class_name, "TBasket") == 0;
}

static const char *codec_name(const uint8_t *head)
{
    return memcmp(head, "ZL", 2) == 0   ? "zlib"
           : memcmp(head, "ZS", 2) == 0 ? "zstd"
           : memcmp(head, "L4", 2) == 0 ? "lz4"
           : memcmp(head, "XZ", 2) == 0 ? "lzma"
                                        : "?";
}

static int load(const char *path, records *r)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f && fseek(f, 0, SEEK_END) == 0)
        size = ftell(f);
    if (size > 0 && fseek(f, 0, SEEK_SET) == 0) {
        r->size = (size_t)size;
        r->bytes = malloc(r->size);
        if (r->bytes && fread(r->bytes, 1, r->size, f) != r->size)
            size = -1;
    }
    if (f)
        fclose(f);
    return size > 0 && r->bytes ? 0 : -1;
}

static record *add(records *r, int64_t *capacity)
{
    if (r->n == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 1024;
        record *more = realloc(r->list, (size_t)*capacity * sizeof *more);
        if (!more)
            return NULL;
        r->list = more;
    }
    return &r->list[r->n++];
}

static void note_codec(records *r, const record *one)
{
    if (one->basket && one->unpacked > r->largest)
        r->largest = one->unpacked;
    if (one->basket && one->stored < one->unpacked && strcmp(r->codec, "none") == 0)
        strcpy(r->codec, codec_name(one->payload));
}

/* Whether a compression block begins here, by its head and by that of the stream inside. */
static int is_block(const uint8_t *p, size_t left)
{
    static const struct {
        char head[4], inside[5];
        size_t n;
    } kinds[] = {{"ZS\1", "\x28\xb5\x2f\xfd", 4}, {"ZL\10", "\x78", 1}, {"XZ", "\xfd\x37zX", 4}, {"L4\1", "", 0}};
    size_t packed = HEAD + le24(p + 3), unpacked = le24(p + 6);
    if (packed > left || packed < HEAD + 4 || packed >= unpacked)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!memcmp(p, kinds[i].head, kinds[i].head[2] ? 3 : 2) && !memcmp(p + HEAD, kinds[i].inside, kinds[i].n))
            return 1;
    return 0;
}

/*
 * A blob of an RNTuple is pages, one behind the other, with 8 bytes of checksum each, as a rule. Their borders are in the page lists;
 * here the compression blocks are found by their heads, and what is stored as it is is passed.
 */
static int add_blocks(records *r, const record *blob, int64_t *capacity)
{
    const uint8_t *p = blob->payload, *end = p + blob->stored;
    const record like = *blob;
    while (p + HEAD < end) {
        size_t packed = HEAD + le24(p + 3), unpacked = le24(p + 6);
        /* of one codec, as files are: heads of others stand by chance in what is not compressed */
        if (!is_block(p, (size_t)(end - p)) || (strcmp(r->codec, "none") && strcmp(r->codec, codec_name(p)))) {
            p++;
            continue;
        }
        record *one = add(r, capacity);
        if (!one)
            return -1;
        *one = like;
        one->payload = p;
        one->stored = packed;
        one->unpacked = unpacked;
        one->basket = 1;
        note_codec(r, one);
        p += packed;
    }
    return 0;
}

int records_open(const char *path, records *r)
{
    int64_t capacity = 0;
    memset(r, 0, sizeof *r);
    strcpy(r->codec, "none");
    if (load(path, r) != 0 || r->size < 100 || memcmp(r->bytes, "root", 4) != 0) {
        fprintf(stderr, "%s: cannot be read as a ROOT file\n", path);
        records_close(r);
        return -1;
    }
    int large = be(r->bytes + 4, 4) >= 1000000;
    uint64_t at = be(r->bytes + 8, 4), end = be(r->bytes + 12, large ? 8 : 4);
    r->info = large ? be(r->bytes + 45, 8) : be(r->bytes + 37, 4);
    while (at + 26 < end && end <= r->size) {
        int64_t n = (int32_t)be(r->bytes + at, 4);
        if (n == 0)
            break;
        if (n > 0) {
            record *one = add(r, &capacity), blob = {0};
            if (one) {
                one->offset = at;
                parse_key(r->bytes + at, one);
                note_codec(r, one);
                blob = *one;
            }
            if (!one || (strcmp(blob.class_name, "RBlob") == 0 && add_blocks(r, &blob, &capacity) != 0)) {
                records_close(r);
                return -1;
            }
        }
        at += (uint64_t)(n < 0 ? -n : n);
    }
    return 0;
}

int records_at(const records *r, uint64_t offset, record *out)
{
    if (offset < 100 || offset > r->size - 64)
        return -1;
    out->offset = offset;
    parse_key(r->bytes + offset, out);
    return 0;
}

/* FORMAT root/directory  behind its name: i16 version (above 1000: 64-bit places), two times, i32 bytes of keys, i32 bytes
 * of name, places of the directory, its parent and its list of keys; that is a record of i32 n and n keys. */
int records_find(const records *r, const char *class_name, const char *name, record *out)
{
    int large = be(r->bytes + 4, 4) >= 1000000, found = -1;
    uint64_t begin = be(r->bytes + 8, 4), name_bytes = large ? be(r->bytes + 36, 4) : be(r->bytes + 28, 4);
    const uint8_t *directory = r->bytes + begin + name_bytes;
    int wide = be(directory, 2) > 1000;
    uint64_t seek = be(directory + 18 + (wide ? 16 : 8), wide ? 8 : 4);
    record list, key, best = {.cycle = -1};
    if (records_at(r, seek, &list) != 0)
        return -1;
    const uint8_t *p = list.payload + 4;
    for (uint64_t n = be(list.payload, 4); n > 0 && p < r->bytes + r->size - 64; n--) {
        parse_key(p, &key);
        uint64_t at = be(p + 18, be(p + 4, 2) > 1000 ? 8 : 4);
        if (strcmp(key.class_name, class_name) == 0 && strcmp(key.name, name) == 0 && key.cycle > best.cycle &&
            records_at(r, at, &best) == 0)
            found = 0;
        p = key.payload;
    }
    *out = best;
    return found;
}

void records_close(records *r)
{
    free(r->bytes);
    free(r->list);
    memset(r, 0, sizeof *r);
}

int unpacker_open(unpacker *u, size_t largest)
{
    lzma_stream *stream = calloc(1, sizeof *stream);
    u->deflate = libdeflate_alloc_decompressor();
    u->zstd = ZSTD_createDCtx();
    u->lzma = stream;
    u->buffer = malloc(largest + 1);
    return u->deflate && u->zstd && u->lzma && u->buffer ? 0 : -1;
}

void unpacker_close(unpacker *u)
{
    libdeflate_free_decompressor(u->deflate);
    ZSTD_freeDCtx(u->zstd);
    if (u->lzma)
        lzma_end(u->lzma);
    free(u->lzma);
    free(u->buffer);
    memset(u, 0, sizeof *u);
}

static int unpack_xz(unpacker *u, const uint8_t *src, size_t n, uint8_t *dst, size_t size)
{
    lzma_stream *s = u->lzma;
    if (lzma_stream_decoder(s, UINT64_MAX, 0) != LZMA_OK)
        return -1;
    s->next_in = src;
    s->avail_in = n;
    s->next_out = dst;
    s->avail_out = size;
    return lzma_code(s, LZMA_FINISH) == LZMA_STREAM_END ? 0 : -1;
}

int unpacker_run(unpacker *u, const uint8_t *src, size_t stored, size_t unpacked)
{
    uint8_t *dst = u->buffer;
    size_t left = unpacked;
    int bad = 0;
    if (stored >= unpacked)
        return 0; /* stored plain: nothing to unpack */
    while (left > 0 && !bad) {
        size_t packed = le24(src + 3), size = le24(src + 6), made = 0;
        const uint8_t *data = src + HEAD;
        if (memcmp(src, "ZL", 2) == 0)
            bad = libdeflate_zlib_decompress(u->deflate, data, packed, dst, size, NULL) != LIBDEFLATE_SUCCESS;
        else if (memcmp(src, "ZS", 2) == 0)
            bad = (made = ZSTD_decompressDCtx(u->zstd, dst, size, data, packed)) != size;
        else if (memcmp(src, "L4", 2) == 0)
            bad = LZ4_decompress_safe((const char *)data + LZ4_HASH, (char *)dst, (int)(packed - LZ4_HASH), (int)size) != (int)size;
        else
            bad = memcmp(src, "XZ", 2) != 0 || unpack_xz(u, data, packed, dst, size) != 0;
        dst += size;
        left = size <= left ? left - size : 0;
        src += HEAD + packed;
    }
    return bad ? -1 : 0;
}
