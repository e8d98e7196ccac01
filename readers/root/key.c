/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys: the head of every record.
 *
 * FORMAT root/TKey  small (fVersion <= 1000) / large
 *     0 i32 fNbytes | 4 i16 fVersion | 6 i32 fObjlen | 10 u32 fDatime | 14 i16 fKeylen | 16 i16 fCycle |
 *     18 i32/i64 fSeekKey | i32/i64 fSeekPdir | strings fClassName, fName, fTitle
 * The width belongs to the key, not to the file. The payload begins at fKeylen, whatever the strings sum to.
 * source: root-project/root io/io/src/TKey.cxx (TKey::ReadKeyBuffer), io/doc/TFile/datarecord.md
 */
#include "file.h"

int vcol__key_parse(cursor *c, root_key *key, const char **why)
{
    const uint8_t *start = c->p;
    int32_t nbytes, objlen;
    int16_t keylen;
    int large;
    *key = (root_key){0};
    nbytes = cursor_i32(c);
    key->version = cursor_i16(c);
    objlen = cursor_i32(c);
    cursor_u32(c);
    keylen = cursor_i16(c);
    key->cycle = cursor_i16(c);
    if (key->cycle < 0)
        key->cycle = -key->cycle;
    large = key->version > 1000;
    if (large) {
        key->seek = cursor_u64(c);
        cursor_u64(c);
    } else {
        key->seek = cursor_u32(c);
        cursor_u32(c);
    }
    key->class_name = cursor_text(c);
    key->name = cursor_text(c);
    key->title = cursor_text(c);
    key->parsed = (size_t)(c->p - start);
    if (c->bad) {
        *why = "its key does not fit its record";
        return -1;
    }
    key->keylen = keylen > 0 ? (uint32_t)keylen : 0;
    if (nbytes <= 0 || objlen < 0 || keylen < KEY_MIN || keylen > nbytes) {
        *why = nbytes <= 0        ? "its key says that it has no bytes"
               : objlen < 0       ? "its key has a negative unpacked size"
               : keylen < KEY_MIN ? "its key is shorter than a key can be"
                                  : "its key is longer than its record";
        return -1;
    }
    key->nbytes = (uint32_t)nbytes;
    key->objlen = (uint32_t)objlen;
    return 0;
}
