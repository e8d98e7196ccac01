/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anchors: the object in a directory that an RNTuple is found by.
 *
 * FORMAT root/RNTuple anchor, big-endian: u32 0x40000000 | bytes that follow | u16 class version | u16 epoch, major,
 *     minor, patch | u64 seek, stored bytes, unpacked bytes of the header | the same of the footer | u64 longest key |
 *     what later versions add | u64 XXH3 of all from the epoch on, which the byte count leaves out
 * source: root-project/root tree/ntuple/src/RMiniFile.cxx (RTFNTuple), doc/BinaryFormatSpecification.md (Anchor schema);
 *     data/root/test_int_float_rntuple_v1-0-0-0.root
 */
#include "ntuple.h"

enum { HEAD = 6, FIELDS = 64, CHECKSUM = 8 };

vcol_status vcol__anchor_parse(const uint8_t *data, size_t n, nt_anchor *out, vcol_error *err)
{
    cursor c = cursor_make(data, n);
    uint32_t count = cursor_u32(&c), fields;
    *out = (nt_anchor){0};
    cursor_u16(&c);
    if (c.bad || !(count & 0x40000000) || (count & 0x3fffffff) < 2)
        return vcol_error_format(err, VCOL_CORRUPT, "has no byte count in its %zu bytes", n);
    fields = (count & 0x3fffffff) - 2;
    out->epoch = cursor_u16(&c);
    out->major = cursor_u16(&c);
    out->minor = cursor_u16(&c);
    out->patch = cursor_u16(&c);
    if (!c.bad && out->epoch != 1)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "is of format %u.%u.%u.%u, from before the first release%s",
                                 out->epoch, out->major, out->minor, out->patch,
                                 out->epoch ? ", or of one to come" : ": only ROOT versions of its time read it");
    if (c.bad || fields < FIELDS || fields > n - HEAD || n - HEAD - fields < CHECKSUM)
        return vcol_error_format(err, VCOL_CORRUPT, "does not fit its %zu bytes", n);
    if (vcol_hash_xxh3(data + HEAD, fields) != be64(data + HEAD + fields))
        return vcol_error_format(err, VCOL_CORRUPT, "has a wrong checksum");
    out->seek_header = cursor_u64(&c);
    out->stored_header = cursor_u64(&c);
    out->size_header = cursor_u64(&c);
    out->seek_footer = cursor_u64(&c);
    out->stored_footer = cursor_u64(&c);
    out->size_footer = cursor_u64(&c);
    out->max_key = cursor_u64(&c);
    return VCOL_OK;
}
