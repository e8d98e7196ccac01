/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files: the header, and records by their place.
 *
 * FORMAT root/TFile  small (fVersion < 1,000,000) / large
 *     0 "root" | 4 i32 fVersion | 8 i32 fBEGIN | 12 i32/i64 fEND | i32/i64 fSeekFree | i32 fNbytesFree |
 *     i32 nfree | i32 fNbytesName | u8 fUnits | i32 fCompress | i32/i64 fSeekInfo | i32 fNbytesInfo
 * fEND below the file's size is legal; above it the file was cut short, and what lies inside is still read.
 * source: root-project/root io/io/src/TFile.cxx (TFile::Init), io/doc/TFile/header.md
 */
#include "recover.h"
#include "streamer.h"

enum { HEADER = 64, RECORD_SLACK = 1024 };
/* Metadata above BIG that packs better than MAX_RATIO : 1 was made to fill memory. */
enum { BIG = 32 << 20, MAX_RATIO = 128 };

vcol_status vcol__file_read(root_file *file, uint64_t offset, void *data, size_t n, vcol_error *err)
{
    vcol_range range = {offset, n, data};
    return n ? vcol_source_read(file->source, &range, 1, err) : VCOL_OK;
}

uint64_t vcol__record_need(const root_file *file, uint32_t nbytes, uint32_t objlen)
{
    if (nbytes > file->size || objlen > MAX_RECORD)
        return 0;
    return (uint64_t)nbytes + (objlen > nbytes ? objlen : 0) + RECORD_SLACK;
}

vcol_status vcol__record_read(root_file *file, uint64_t seek, uint32_t nbytes, const char *what,
                              vcol_worker *worker, arena *memory, root_record *out, vcol_error *err)
{
    unsigned long long at = seek;
    vcol_error inner = {0};
    uint8_t *stored = NULL;
    const char *why = NULL;
    vcol_status status;
    root_key key;
    cursor c;
    size_t payload, left;
    *out = (root_record){0};
    if (nbytes < KEY_MIN || seek > file->size || nbytes > file->size - seek)
        return vcol_error_format(err, VCOL_CORRUPT,
                                 "%s at byte %llu: its %u bytes are not inside the file's %llu", what, at,
                                 nbytes, (unsigned long long)file->size);
    stored = vcol__arena_take(memory, nbytes);
    if (!stored)
        return vcol_error_format(err, VCOL_NOMEM, "%s: no memory for its %u bytes", what, nbytes);
    status = vcol__file_read(file, seek, stored, nbytes, err);
    if (status)
        return status;
    c = cursor_make(stored, nbytes);
    if (vcol__key_parse(&c, &key, &why))
        return vcol_error_format(err, VCOL_CORRUPT, "%s at byte %llu: %s", what, at, why);
    if (key.keylen > nbytes || key.nbytes > nbytes || key.objlen > MAX_RECORD)
        return vcol_error_format(
            err, VCOL_CORRUPT, "%s at byte %llu: its key does not agree with its %u bytes", what, at, nbytes);
    left = nbytes - key.keylen;
    payload = key.objlen;
    if (payload > BIG && payload / MAX_RATIO > left)
        return vcol_error_format(err, VCOL_CORRUPT, "%s at byte %llu: %zu bytes of metadata cannot be in %zu bytes",
                                 what, at, payload, left);
    out->data = stored;
    out->size = key.keylen + payload;
    out->key = key;
    if (payload <= left)
        return VCOL_OK; /* not compressed: the bytes stay where they are */
    if (!vcol__unzip_adds_up(stored + key.keylen, left, payload))
        return vcol_error_format(err, VCOL_CORRUPT,
                                 "%s at byte %llu: its compression blocks do not add up to %zu bytes", what,
                                 at, payload);
    out->data = vcol__arena_take(memory, out->size);
    if (!out->data)
        return vcol_error_format(err, VCOL_NOMEM, "%s: no memory for its %zu bytes", what, payload);
    memcpy(out->data, stored, key.keylen);
    status = vcol__unzip(worker, stored + key.keylen, left, out->data + key.keylen, payload, payload, &inner);
    if (status)
        return vcol_error_format(err, status, "%s at byte %llu: %s", what, at, inner.message);
    c = cursor_make(out->data, out->size);
    vcol__key_parse(&c, &out->key, &why);
    return VCOL_OK;
}

static vcol_status header(root_file *file, vcol_error *err)
{
    uint8_t data[HEADER] = {0};
    size_t n = file->size < HEADER ? (size_t)file->size : HEADER;
    vcol_status status = vcol__file_read(file, 0, data, n, err);
    cursor c = cursor_make(data, HEADER);
    if (status)
        return status;
    if (n < 45 || memcmp(data, "root", 4))
        return vcol_error_format(err, VCOL_CORRUPT, "no ROOT file begins with these bytes");
    cursor_u32(&c);
    file->version = cursor_i32(&c);
    file->begin = cursor_u32(&c);
    file->large = file->version >= LARGE_FILE;
    file->end = file->large ? cursor_u64(&c) : cursor_u32(&c);
    cursor_take(&c, file->large ? 8 : 4);
    cursor_take(&c, 8);
    file->nbytes_name = cursor_u32(&c);
    cursor_take(&c, 5);
    file->seek_info = file->large ? cursor_u64(&c) : cursor_u32(&c);
    file->nbytes_info = cursor_u32(&c);
    if (file->version < 0 || file->begin < 8 || file->begin >= file->size)
        return vcol_error_format(err, VCOL_CORRUPT, "file header: the first record at byte %llu of %llu",
                                 (unsigned long long)file->begin, (unsigned long long)file->size);
    return VCOL_OK;
}

/* Streamer information that cannot be read is no reason to refuse the file: built-in descriptions may do. */
static vcol_status infos(root_file *file, vcol_worker *worker, vcol_error *err)
{
    root_record record = {0};
    arena temporary;
    vcol_error inner = {0};
    vcol_status status = vcol__classes_open(file, err);
    if (status)
        return status;
    if (file->seek_info <= file->begin)
        return vcol__classes_compile(file, err);
    vcol__arena_init(&temporary, &file->memory.allocator);
    status = vcol__record_read(file, file->seek_info, file->nbytes_info, "streamer information", worker,
                               &temporary, &record, &inner);
    if (!status)
        status = vcol__classes_read(file, &record, &inner);
    vcol__arena_free(&temporary);
    if (status == VCOL_NOMEM || status == VCOL_IO)
        return vcol_error_set(err, status, inner.message);
    if (status) {
        file->info_note =
            vcol__arena_text(&file->memory, (text){inner.message, (uint32_t)strlen(inner.message)});
        if (!file->info_note)
            return vcol_error_format(err, VCOL_NOMEM, "no memory for the streamer information");
    }
    return vcol__classes_compile(file, err);
}

vcol_status vcol__file_open(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, int recover,
                            root_file **out, vcol_error *err)
{
    arena memory;
    root_file *file;
    vcol_status status;
    *out = NULL;
    vcol__arena_init(&memory, allocator);
    file = vcol__arena_new(&memory, 1, sizeof *file);
    if (!file) {
        vcol__arena_free(&memory);
        return vcol_error_format(err, VCOL_NOMEM, "no memory to open the file");
    }
    file->source = source;
    file->size = vcol_source_get_limits(source)->size;
    file->memory = memory;
    status = header(file, err);
    if (!status && recover)
        status = vcol__recover_walk(file, err);
    if (!status)
        status = infos(file, worker, err);
    if (!status)
        status = recover ? vcol__recover_list(file, worker, err) : vcol__directory_walk(file, err);
    if (status)
        vcol__file_close(file);
    else
        *out = file;
    return status;
}

void vcol__file_close(root_file *file)
{
    arena memory;
    if (!file)
        return;
    memory = file->memory;
    vcol__arena_free(&memory);
}
