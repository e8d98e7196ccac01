/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: the keys of a file, as paths.
 *
 * FORMAT root/TDirectory  i16 version (> 1000: 64-bit places), u32 created, u32 modified, i32 fNbytesKeys,
 * i32 fNbytesName, then fSeekDir, fSeekParent, fSeekKeys. The root directory's lie at fBEGIN + fNbytesName,
 * others right behind their key. Key list at fSeekKeys: a key, i32 count, count key images, to be stepped
 * over by their parsed length (fKeylen can be 4 short). source: root-project/root
 * io/io/src/TDirectoryFile.cxx (ReadKeys, Streamer); data/root/uproot-nesteddirs.root
 */
#include "file.h"
#include "streamer.h"

#include <stdlib.h>

enum { FIELDS = 64, SLACK = 4096, MAX_KEY_LIST = 1 << 28 };

static vcol_status read_directory(root_file *file, uint64_t at, const char *path, int depth, vcol_error *err);

static object_entry *new_entry(root_file *file)
{
    if (file->n_entries == file->capacity) {
        int64_t capacity = file->capacity ? file->capacity * 2 : 16;
        object_entry *entries = vcol__arena_new(&file->memory, (uint64_t)capacity, sizeof *entries);
        if (!entries)
            return NULL;
        if (file->n_entries)
            memcpy(entries, file->entries, (size_t)file->n_entries * sizeof *entries);
        file->entries = entries;
        file->capacity = capacity;
    }
    return &file->entries[file->n_entries++];
}

static vcol_status nomem(vcol_error *err)
{
    return vcol_error_format(err, VCOL_NOMEM, "no memory for the file's directories");
}

static int compare(const void *a, const void *b)
{
    const root_image *x = *(root_image *const *)a, *y = *(root_image *const *)b;
    uint32_t n = x->key.name.n < y->key.name.n ? x->key.name.n : y->key.name.n;
    int order = memcmp(x->key.name.s, y->key.name.s, n);
    if (order || x->key.name.n != y->key.name.n)
        return order ? order : x->key.name.n < y->key.name.n ? -1 : 1;
    if (x->key.cycle != y->key.cycle)
        return x->key.cycle > y->key.cycle ? -1 : 1;
    return x < y ? -1 : x > y;
}

int vcol__images_hide(root_file *file, root_image *images, int64_t n)
{
    root_image **order = vcol__root_alloc(&file->memory.allocator, (size_t)(n + 1) * sizeof *order);
    if (!order)
        return -1;
    for (int64_t i = 0; i < n; i++)
        order[i] = &images[i];
    qsort(order, (size_t)n, sizeof *order, compare);
    for (int64_t i = 1; i < n; i++)
        if (text_same(order[i]->key.name, order[i - 1]->key.name))
            order[i]->hidden = order[i]->key.cycle == order[i - 1]->key.cycle ? 2 : 1;
    vcol__root_free(&file->memory.allocator, order, (size_t)(n + 1) * sizeof *order);
    return 0;
}

int vcol__class_is_directory(text cls)
{
    return text_is(cls, "TDirectory") || text_is(cls, "TDirectoryFile");
}

int64_t vcol__entry_add(root_file *file, const root_image *image, const char *path)
{
    const root_key *key = &image->key;
    object_entry *e = new_entry(file);
    const root_class *cls = vcol__class_find(file->classes, key->class_name);
    if (!e)
        return -1;
    e->class_name = vcol__arena_text(&file->memory, key->class_name);
    e->title = vcol__arena_text(&file->memory, key->title);
    e->name = vcol__arena_printf(&file->memory, "%s%.*s", path, (int)(key->name.n < 4096 ? key->name.n : 4096),
                                 key->name.s);
    if (!e->class_name || !e->title || !e->name)
        return -1;
    e->seek = key->seek;
    e->nbytes = key->nbytes;
    e->objlen = key->objlen;
    e->cycle = key->cycle;
    e->listed = !image->hidden;
    e->is_table = cls && cls->kind == KIND_TREE;
    if (text_is(key->class_name, "ROOT::RNTuple"))
        e->is_table = e->is_ntuple = 1;
    if (text_is(key->class_name, "ROOT::Experimental::RNTuple"))
        e->note = "an RNTuple of a format from before the first release, which only ROOT versions of its time read";
    return file->n_entries - 1;
}

static vcol_status add(root_file *file, const root_image *im, const char *path, int depth, vcol_error *err)
{
    const root_key *key = &im->key;
    int64_t index = vcol__entry_add(file, im, path);
    const char *name;
    vcol_error inner = {0};
    vcol_status status;
    if (index < 0)
        return nomem(err);
    if (!vcol__class_is_directory(key->class_name) || im->hidden)
        return VCOL_OK;
    if (depth >= MAX_DIRECTORY_DEPTH) {
        file->entries[index].note = "directories are nested too deep";
        return VCOL_OK;
    }
    name = vcol__arena_printf(&file->memory, "%s/", file->entries[index].name);
    if (!name)
        return nomem(err);
    status = read_directory(file, key->seek + key->keylen, name, depth + 1, &inner);
    if (status == VCOL_NOMEM || status == VCOL_IO)
        return vcol_error_set(err, status, inner.message);
    if (status) {
        file->entries[index].note =
            vcol__arena_text(&file->memory, (text){inner.message, (uint32_t)strlen(inner.message)});
        if (!file->entries[index].note)
            return nomem(err);
    }
    return VCOL_OK;
}

static vcol_status key_list(root_file *file, const uint8_t *data, size_t n, uint64_t at, const char *path,
                            int depth, vcol_error *err)
{
    cursor c = cursor_make(data, n);
    vcol_status status = VCOL_OK;
    const char *why = NULL;
    root_image *images = NULL;
    root_key key;
    int32_t count;
    if (vcol__key_parse(&c, &key, &why) || key.keylen > n)
        return vcol_error_format(err, VCOL_CORRUPT, "key list at byte %llu: %s", (unsigned long long)at,
                                 why ? why : "its key does not fit");
    c = cursor_make(data + key.keylen, n - key.keylen);
    count = cursor_i32(&c);
    if (c.bad || count < 0 || (uint64_t)count > cursor_left(&c) / KEY_MIN)
        return vcol_error_format(err, VCOL_CORRUPT, "key list at byte %llu: %d keys cannot be in %zu bytes",
                                 (unsigned long long)at, count, n);
    /* each key stands in one list: what is more comes from directories that hold themselves */
    if ((uint64_t)file->n_entries + (uint64_t)count > file->size / KEY_MIN)
        return vcol_error_format(err, VCOL_CORRUPT, "key list at byte %llu: more keys than the file can hold",
                                 (unsigned long long)at);
    images = vcol__root_alloc(&file->memory.allocator, ((size_t)count + 1) * sizeof *images);
    if (!images)
        return nomem(err);
    for (int32_t i = 0; i < count; i++) {
        images[i].hidden = 0;
        if (vcol__key_parse(&c, &images[i].key, &why)) {
            status = vcol_error_format(err, VCOL_CORRUPT, "key list at byte %llu, key %d of %d: %s",
                                       (unsigned long long)at, i, count, why);
            goto done;
        }
    }
    if (vcol__images_hide(file, images, count)) {
        status = nomem(err);
        goto done;
    }
    for (int32_t i = 0; i < count && !status; i++)
        status = add(file, &images[i], path, depth, err);
done:
    vcol__root_free(&file->memory.allocator, images, ((size_t)count + 1) * sizeof *images);
    return status;
}

static vcol_status read_directory(root_file *file, uint64_t at, const char *path, int depth, vcol_error *err)
{
    uint8_t fields[FIELDS] = {0};
    uint64_t seek_keys, here = at, left = at < file->size ? file->size - at : 0;
    size_t n = left < FIELDS ? (size_t)left : FIELDS;
    cursor c = cursor_make(fields, n);
    vcol_status status;
    int32_t nbytes;
    uint8_t *data;
    int large;
    status = vcol__file_read(file, here, fields, n, err);
    if (status)
        return status;
    large = cursor_i16(&c) > 1000;
    cursor_take(&c, 8);
    nbytes = cursor_i32(&c);
    cursor_take(&c, large ? 20 : 12);
    seek_keys = large ? cursor_u64(&c) : cursor_u32(&c);
    if (c.bad)
        return vcol_error_format(err, VCOL_CORRUPT,
                                 "directory '%s' at byte %llu: outside the file's %llu bytes", path,
                                 (unsigned long long)at, (unsigned long long)file->size);
    if (seek_keys == 0)
        return VCOL_OK; /* never saved: empty */
    if (nbytes < KEY_MIN || seek_keys > file->size || (uint64_t)nbytes > file->size - seek_keys ||
        nbytes > MAX_KEY_LIST)
        return vcol_error_format(
            err, VCOL_CORRUPT,
            "directory '%s' at byte %llu: its %d bytes of keys at byte %llu are not in the file's %llu"
            "%s",
            path, (unsigned long long)at, nbytes, (unsigned long long)seek_keys,
            (unsigned long long)file->size, file->end > file->size ? ", which was cut short" : "");
    left = file->size - seek_keys;
    n = (size_t)nbytes + (left - (uint64_t)nbytes < SLACK ? (size_t)(left - (uint64_t)nbytes) : SLACK);
    data = vcol__root_alloc(&file->memory.allocator, n);
    if (!data)
        return nomem(err);
    status = vcol__file_read(file, seek_keys, data, n, err);
    if (!status)
        status = key_list(file, data, n, seek_keys, path, depth, err);
    vcol__root_free(&file->memory.allocator, data, n);
    return status;
}

int vcol__entries_list(root_file *file)
{
    file->listed = vcol__arena_new(&file->memory, (uint64_t)file->n_entries, sizeof *file->listed);
    for (int64_t i = 0; file->listed && i < file->n_entries; i++)
        if (file->entries[i].listed)
            file->listed[file->n_listed++] = i;
    return file->listed ? 0 : -1;
}

vcol_status vcol__directory_walk(root_file *file, vcol_error *err)
{
    vcol_status status = read_directory(file, file->begin + file->nbytes_name, "", 0, err);
    if (status)
        return status;
    return vcol__entries_list(file) ? nomem(err) : VCOL_OK;
}
