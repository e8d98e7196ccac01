/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Envelopes: header, footer and page lists as they lie in the file.
 *
 * FORMAT root/RNTuple envelope, little-endian: u64 type | length << 16, with all its bytes | payload | u64 XXH3 of what
 *     is before. Stored as it is, or as compression blocks if that is shorter (unzip.c).
 * FORMAT root/RNTuple locator: i32 size >= 0, u64 offset; or -(own length | reserved << 16 | type << 24), payload:
 *     type 1: u64 size, u64 offset. Others belong to object stores.
 * FORMAT root/RNTuple long blobs: more bytes than the anchor's longest key are in several chunks: the first is as long as a
 *     key may be and ends with the u64 offsets of the others, all of which but the last are as long.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Envelopes, Locators), src/RNTupleSerialize.cxx
 *     (DeserializeEnvelope, DeserializeLocator), src/RMiniFile.cxx (RMiniFileReader::ReadBuffer)
 */
#include "ntuple.h"

enum { HEAD = 8, CHECKSUM = 8, LARGE = 1 };

nt_locator vcol__locator_read(cursor *c)
{
    int32_t head = (int32_t)le_u32(c);
    nt_locator at = {0};
    if (head >= 0) {
        at.size = (uint32_t)head;
        at.offset = le_u64(c);
        return at;
    }
    uint32_t bits = 0 - (uint32_t)head, length = bits & 0xffff;
    const uint8_t *p = cursor_take(c, length >= 4 ? length - 4 : 0);
    if (length < 4 || !p) {
        c->bad = 1;
        return at;
    }
    cursor inside = cursor_make(p, length - 4);
    if (bits >> 24 == LARGE) {
        at.size = le_u64(&inside);
        at.offset = le_u64(&inside);
    }
    at.unknown = bits >> 24 != LARGE || inside.bad;
    return at;
}

uint64_t vcol__features_read(cursor *c)
{
    uint64_t unknown = 0, word;
    do {
        word = le_u64(c);
        unknown |= word & INT64_MAX;
    } while (!c->bad && word >> 63);
    return unknown;
}

vcol_status vcol__envelope_open(const uint8_t *data, size_t n, nt_envelope kind, cursor *inside, uint64_t *checksum,
                                vcol_error *err)
{
    cursor c = cursor_make(data, n), end = c;
    uint64_t head = le_u64(&c);
    *inside = cursor_make(data, 0);
    if (c.bad || n < HEAD + CHECKSUM || head >> 16 != n)
        return vcol_error_format(err, VCOL_CORRUPT, "says that it has %llu bytes, not %zu",
                                 (unsigned long long)(head >> 16), n);
    if ((head & 0xffff) != (uint64_t)kind)
        return vcol_error_format(err, VCOL_CORRUPT, "is an envelope of type %u, not %u", (unsigned)(head & 0xffff),
                                 (unsigned)kind);
    end.p += n - CHECKSUM;
    *checksum = le_u64(&end);
    if (vcol_hash_xxh3(data, n - CHECKSUM) != *checksum)
        return vcol_error_format(err, VCOL_CORRUPT, "has a wrong checksum");
    *inside = cursor_make(c.p, n - HEAD - CHECKSUM);
    return VCOL_OK;
}

static vcol_status outside(const root_ntuple *nt, uint64_t offset, uint64_t size, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "has %llu bytes at byte %llu, which are not inside the file's %llu",
                             (unsigned long long)size, (unsigned long long)offset, (unsigned long long)nt->file->size);
}

static int lies_in(const root_ntuple *nt, uint64_t offset, uint64_t size)
{
    return offset <= nt->file->size && size <= nt->file->size - offset;
}

/* Reads `size` bytes that are longer than a key may be. */
static vcol_status read_chunks(root_ntuple *nt, uint64_t offset, uint8_t *out, uint64_t size, arena *memory,
                               vcol_error *err)
{
    uint64_t key = nt->max_key, chunks = (size + key - 1) / key, rest = chunks * key - size, table, done;
    uint8_t *first;
    vcol_status status;
    if ((chunks - 1) * 8 > rest)
        chunks++; /* the table itself takes room in the first */
    table = (chunks - 1) * 8;
    if (table >= key || !lies_in(nt, offset, key))
        return outside(nt, offset, key, err);
    first = vcol__arena_take(memory, key);
    if (!first)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for %llu bytes", (unsigned long long)key);
    status = vcol__file_read(nt->file, offset, first, (size_t)key, err);
    if (status)
        return status;
    cursor c = cursor_make(first + (key - table), table);
    done = key - table < size ? key - table : size;
    memcpy(out, first, done);
    while (done < size && !status) {
        uint64_t at = le_u64(&c), n = size - done < key ? size - done : key;
        if (c.bad || !lies_in(nt, at, n))
            return outside(nt, at, n, err);
        status = vcol__file_read(nt->file, at, out + done, (size_t)n, err);
        done += n;
    }
    return status;
}

vcol_status vcol__envelope_read(root_ntuple *nt, nt_locator at, uint64_t size, nt_envelope kind, arena *memory,
                                vcol_worker *worker, cursor *inside, uint64_t *checksum, vcol_error *err)
{
    uint8_t *stored, *data;
    vcol_status status;
    *inside = cursor_make("", 0);
    if (at.unknown)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "is kept in an object store");
    if (!lies_in(nt, at.offset, nt->max_key && at.size > nt->max_key ? nt->max_key : at.size) || at.size > nt->file->size)
        return outside(nt, at.offset, at.size, err);
    if (at.size > size || size > NT_MAX_METADATA || size / NT_MAX_RATIO > at.size)
        return vcol_error_format(err, VCOL_CORRUPT, "has %llu bytes, which cannot be the %llu at byte %llu",
                                 (unsigned long long)size, (unsigned long long)at.size, (unsigned long long)at.offset);
    data = stored = vcol__arena_take(memory, at.size);
    if (!stored)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for its %llu bytes", (unsigned long long)at.size);
    status = nt->max_key && at.size > nt->max_key
                 ? read_chunks(nt, at.offset, stored, at.size, memory, err)
                 : vcol__file_read(nt->file, at.offset, stored, (size_t)at.size, err);
    if (status)
        return status;
    if (at.size < size) {
        vcol_error why = {0};
        if (!vcol__unzip_adds_up(stored, (size_t)at.size, (size_t)size))
            return vcol_error_format(err, VCOL_CORRUPT, "has compression blocks that do not add up to %llu bytes",
                                     (unsigned long long)size);
        data = vcol__arena_take(memory, size);
        if (!data)
            return vcol_error_format(err, VCOL_NOMEM, "has no memory for its %llu bytes", (unsigned long long)size);
        status = vcol__unzip(worker, stored, (size_t)at.size, data, (size_t)size, (size_t)size, &why);
        if (status)
            return vcol_error_format(err, status, "cannot be unpacked: %.300s", why.message);
    }
    return vcol__envelope_open(data, (size_t)size, kind, inside, checksum, err);
}
