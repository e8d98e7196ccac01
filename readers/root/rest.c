/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rest of a file: records that belong to no table that can be listed: histograms and all other objects, older
 * cycles of trees, directories, the streamer information. They are not decoded; that their keys agree with the
 * directory's and that their payloads unpack whole is what can be verified. A group for each, so that a record that
 * cannot be planned keeps none of the others from being read.
 *
 * FORMAT root/TKey in a directory: an image of the record's own key. Its fKeylen can be 4 short. Directories are
 * listed under TDirectory or TDirectoryFile, whatever their record says. source: root-project/root
 * io/io/src/TDirectoryFile.cxx (WriteKeys, ReadKeys); data/root/uproot-nesteddirs.root
 */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_RATIO = 1 << 16 };

typedef struct rest_record {
    const object_entry *entry; /* NULL: the streamer information */
    const char *name;
    uint64_t seek;
    uint32_t nbytes;
} rest_record;

static vcol_status record_error(const rest_record *r, vcol_error *err, vcol_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static vcol_status record_error(const rest_record *r, vcol_error *err, vcol_status status, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (!r->entry)
        return vcol_error_format(err, status, "%s at byte %llu: %s", r->name, (unsigned long long)r->seek, what);
    return vcol_error_format(err, status, "object '%.120s;%d' (%.60s) at byte %llu: %s", r->name, r->entry->cycle,
                             r->entry->class_name, (unsigned long long)r->seek, what);
}

static int is_directory(const object_entry *e)
{
    return !strcmp(e->class_name, "TDirectory") || !strcmp(e->class_name, "TDirectoryFile");
}

/* Tables that are listed are read when they are opened. */
static int belongs(const object_entry *e)
{
    return !e->is_table || !e->listed;
}

vcol_status vcol__rest_open(root_file *file, root_table **out, vcol_error *err)
{
    int info = file->seek_info > file->begin;
    int64_t n = info, at = 0;
    root_table *table;
    rest_record *records;
    vcol_group *groups;
    binding *bindings;
    arena memory;
    *out = NULL;
    vcol__arena_init(&memory, &file->memory.allocator);
    for (int64_t i = 0; i < file->n_entries; i++)
        n += belongs(&file->entries[i]);
    table = vcol__arena_new(&memory, 1, sizeof *table);
    records = vcol__arena_new(&memory, (uint64_t)n + 1, sizeof *records);
    groups = vcol__arena_new(&memory, (uint64_t)n + 1, sizeof *groups);
    bindings = vcol__arena_new(&memory, (uint64_t)n + 1, sizeof *bindings);
    if (!table || !records || !groups || !bindings) {
        vcol__arena_free(&memory);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for the file's other records");
    }
    if (info)
        records[at++] = (rest_record){NULL, "streamer information", file->seek_info, file->nbytes_info};
    for (int64_t i = 0; i < file->n_entries; i++) {
        const object_entry *e = &file->entries[i];
        if (belongs(e))
            records[at++] = (rest_record){e, e->name, e->seek, e->nbytes};
    }
    for (int64_t i = 0; i < n; i++) {
        groups[i] = (vcol_group){.kind = VCOL_GROUP_BLOCKS,
                                 .depends = -1,
                                 .entries = 1,
                                 .stored = records[i].nbytes,
                                 .unpacked = records[i].entry ? records[i].entry->objlen : records[i].nbytes,
                                 .name = records[i].name};
        bindings[i].kind = BIND_RECORD;
    }
    table->file = file;
    table->name = "";
    table->records = records;
    table->bindings = bindings;
    table->schema = (vcol_schema){.entries = 1, .n_groups = n, .groups = groups, .metadata = memory.bytes};
    table->memory = memory;
    *out = table;
    return VCOL_OK;
}

vcol_status vcol__rest_plan(const root_table *table, int32_t group, vcol_block_sink *sink, vcol_error *err)
{
    const rest_record *r = &table->records[group];
    uint64_t size = table->file->size;
    vcol_block block = {.offset = r->seek,
                        .stored = r->nbytes,
                        .unpacked = r->entry ? r->entry->objlen : r->nbytes,
                        .entries = 1,
                        .needs = -1,
                        .tag = (uint64_t)group};
    if (r->entry && r->entry->note && is_directory(r->entry))
        return record_error(r, err, VCOL_CORRUPT, "%s", r->entry->note);
    if (r->entry && r->entry->note && !r->nbytes) /* found by its baskets only (recover.c) */
        return record_error(r, err, VCOL_CORRUPT, "%s", r->entry->note);
    if (r->nbytes < KEY_MIN)
        return record_error(r, err, VCOL_CORRUPT, "its %u bytes are too few for a record", r->nbytes);
    if (r->seek > size || r->nbytes > size - r->seek)
        return record_error(r, err, VCOL_CORRUPT, "its %u bytes end behind the file's %llu", r->nbytes,
                            (unsigned long long)size);
    return vcol_block_push(sink, &block, err);
}

/* Whether a path ends with a name. */
static int ends_with(const char *path, text name)
{
    size_t n = strlen(path);
    return n >= name.n && !memcmp(path + n - name.n, name.s, name.n) && (n == name.n || path[n - name.n - 1] == '/');
}

vcol_status vcol__rest_inspect(const root_table *table, vcol_block *block, const void *stored, vcol_error *err)
{
    const rest_record *r = &table->records[block->tag];
    const object_entry *e = r->entry;
    cursor c = cursor_make(stored, block->stored);
    const char *why = NULL;
    root_key key;
    uint64_t left;
    if (vcol__key_parse(&c, &key, &why))
        return record_error(r, err, VCOL_CORRUPT, "%s", why);
    if (key.nbytes != block->stored)
        return record_error(r, err, VCOL_CORRUPT, "its key says %u bytes, %s %llu", key.nbytes,
                            e ? "the directory's" : "the file's header", (unsigned long long)block->stored);
    if (key.parsed > key.keylen)
        return record_error(r, err, VCOL_CORRUPT, "its key takes %zu bytes, not %u", key.parsed, key.keylen);
    if (key.seek != block->offset)
        return record_error(r, err, VCOL_CORRUPT, "its key says that it is at byte %llu",
                            (unsigned long long)key.seek);
    if (e && (key.objlen != e->objlen || key.cycle != e->cycle))
        return record_error(r, err, VCOL_CORRUPT,
                            "its key says %u bytes unpacked and cycle %d, the directory's %u and %d", key.objlen,
                            key.cycle, e->objlen, e->cycle);
    if (e && (!ends_with(e->name, key.name) || (!is_directory(e) && !text_is(key.class_name, e->class_name))))
        return record_error(r, err, VCOL_CORRUPT, "its key says '%.*s' of class '%.*s'",
                            (int)(key.name.n < 60 ? key.name.n : 60), key.name.s,
                            (int)(key.class_name.n < 60 ? key.class_name.n : 60), key.class_name.s);
    left = block->stored - key.keylen;
    block->unpacked = key.objlen;
    block->tag2 = key.keylen;
    if (key.objlen <= left) {
        block->flags |= VCOL_BLOCK_AS_IS;
        block->skip_stored = key.keylen;
    } else if (key.objlen / MAX_RATIO > left ||
               !vcol__unzip_adds_up((const uint8_t *)stored + key.keylen, left, key.objlen)) {
        return record_error(r, err, VCOL_CORRUPT, "its compression blocks do not add up to %u bytes", key.objlen);
    }
    return VCOL_OK;
}

vcol_status vcol__rest_unpack(const root_table *table, const vcol_block *block, const void *stored, void *dst,
                              size_t want, vcol_worker *worker, vcol_error *err)
{
    vcol_error inner = {0};
    vcol_status status = vcol__unzip(worker, (const uint8_t *)stored + block->tag2, block->stored - block->tag2, dst,
                                     block->unpacked, want, &inner);
    return status ? record_error(&table->records[block->tag], err, status, "%s", inner.message) : VCOL_OK;
}
