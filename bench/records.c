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

enum { HEAD = 9, LZ4_HASH = 8, CHECKSUM = 8, COPY_BYTES = 1 << 20 };

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

static uint64_t le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* A frame: its bytes, negative where it is a list, which has its number of items behind them. Moves *p behind it. */
static const uint8_t *frame(const uint8_t **p, uint32_t *n)
{
    const uint8_t *at = *p;
    int64_t size = (int64_t)le64(at);
    *n = size < 0 ? (uint32_t)le64(at + 8) : 0;
    *p = at + (size < 0 ? -size : size);
    return at + (size < 0 ? 12 : 8);
}

/* A page: compression blocks, or as it is. */
static int add_page(records *r, const record *like, const uint8_t *p, size_t size, int64_t *capacity)
{
    const uint8_t *end = p + size;
    int packed = is_block(p, size);
    while (p < end) {
        record *one = add(r, capacity);
        if (!one)
            return -1;
        *one = *like;
        one->payload = p;
        one->stored = packed ? HEAD + le24(p + 3) : size;
        one->unpacked = packed ? le24(p + 6) : size;
        one->basket = one->page = 1;
        note_codec(r, one);
        p += one->stored;
    }
    return 0;
}

/*
 * The pages of an RNTuple, as its page lists name them: what several columns share is named, and unpacked, for each.
 *
 * FORMAT root/RNTuple page list: u64 3 | bytes << 16, u64 checksum of the header, list of cluster summaries, list of clusters of
 * lists of columns of lists of pages: i32 elements, i32 bytes, u64 place.
 */
static int add_pages(records *r, const uint8_t *p, const record *like, int64_t *capacity)
{
    uint32_t clusters, columns, pages;
    p += 16;
    frame(&p, &clusters);
    p = frame(&p, &clusters);
    for (; clusters > 0; clusters--) {
        const uint8_t *column = frame(&p, &columns);
        for (; columns > 0; columns--) {
            const uint8_t *page = frame(&column, &pages);
            for (; pages > 0; pages--, page += 16) {
                uint64_t size = le64(page) >> 32, at = le64(page + 8);
                if (at + size + CHECKSUM > r->size || add_page(r, like, r->bytes + at, (size_t)size, capacity) != 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* If a blob is a page list (by its first bytes, unpacked), its pages. */
static int add_blob(records *r, const record *blob, int64_t *capacity)
{
    const record like = *blob;
    size_t size = blob->stored, room = 0;
    const uint8_t *p = blob->payload;
    uint8_t *list = NULL;
    int status = 0;
    if (is_block(p, size) && HEAD + le24(p + 3) <= size) {
        unpacker u;
        size = room = le24(p + 6);
        if (unpacker_open(&u, room) == 0 && unpacker_run(&u, p, like.stored, room) == 0 && (list = malloc(room)))
            memcpy(list, u.buffer, room);
        unpacker_close(&u);
        p = list;
    }
    if (p && size > 32 && (uint16_t)le64(p) == 3 && le64(p) >> 16 == size)
        status = add_pages(r, p, &like, capacity);
    free(list);
    return status;
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
            if (!one || (strcmp(blob.class_name, "RBlob") == 0 && add_blob(r, &blob, &capacity) != 0)) {
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

/* Bytes of a blob's envelope, unpacked: of one block or of several. */
static size_t envelope_size(const uint8_t *p, size_t stored)
{
    size_t sum = 0;
    if (!is_block(p, stored))
        return stored;
    for (size_t at = 0; at + HEAD < stored; at += HEAD + le24(p + at + 3))
        sum += le24(p + at + 6);
    return sum;
}

/* FORMAT root/RNTuple anchor: 4 u16 of its version, then, big-endian as well, u64 place, stored and unpacked bytes of the header, the
 * same of the footer. Page lists begin with u64 3 | bytes << 16 and the checksum that ends the header. */
int records_ntuple(const records *r, const char *name, record *parts, int most)
{
    record anchor;
    unpacker u;
    uint64_t header;
    int n = 0;
    if (most < 2 || records_find(r, "ROOT::RNTuple", name, &anchor) != 0 || anchor.stored < 62)
        return -1;
    for (const uint8_t *p = anchor.payload + 6 + 8; n < 2; p += 24) /* behind byte count and version */
        parts[n++] = (record){.payload = r->bytes + be(p, 8), .stored = be(p + 8, 8), .unpacked = be(p + 16, 8)};
    if (unpacker_open(&u, parts[0].unpacked) != 0 || unpacker_run(&u, parts[0].payload, parts[0].stored, parts[0].unpacked) != 0) {
        unpacker_close(&u);
        return -1;
    }
    const uint8_t *from = parts[0].stored < parts[0].unpacked ? u.buffer : parts[0].payload;
    header = le64(from + parts[0].unpacked - CHECKSUM);
    unpacker_close(&u);
    for (int64_t i = 0; i < r->n && n < most; i++) {
        record one = r->list[i];
        if (one.page || strcmp(one.class_name, "RBlob") != 0 || one.stored < 24)
            continue;
        one.unpacked = envelope_size(one.payload, one.stored);
        if (unpacker_open(&u, one.unpacked) == 0 && unpacker_run(&u, one.payload, one.stored, one.unpacked) == 0) {
            from = one.stored < one.unpacked ? u.buffer : one.payload;
            if ((uint16_t)le64(from) == 3 && le64(from) >> 16 == one.unpacked && le64(from + 8) == header)
                parts[n++] = one;
        }
        unpacker_close(&u);
    }
    return n;
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
    u->size = largest > COPY_BYTES ? largest : COPY_BYTES;
    u->buffer = malloc(u->size);
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
    if (stored >= unpacked) { /* stored as it is: ROOT copies it */
        for (; left > 0; src += u->size, left -= left < u->size ? left : u->size)
            memcpy(dst, src, left < u->size ? left : u->size);
        return 0;
    }
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
