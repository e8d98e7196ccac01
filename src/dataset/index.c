/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Indices: vcol/index.h. Triples (major, minor, entry) in that order, so that of several entries with one pair the first is
 * found; most files have them so, and nothing has to be sorted.
 */
#include "dataset/index.h"
#include "dataset/window.h"

#include "core/account.h"
#include "core/memory.h"

#include <vcol/loop.h>

#include <stdlib.h>
#include <string.h>

/* What an index may take beyond the limit, as metadata may. */
#define SLACK ((uint64_t)48 << 20)

typedef struct key {
    int64_t major, minor, entry;
} key;

struct vcol_index {
    vcol_manager *manager;
    char *major, *minor;
    key *keys;
    int64_t n, capacity;
    bool stored;
    /* while it is opened */
    const char *first_where;  /* the first file */
    const vcol__infile *file; /* the one that is at hand */
};

static int compare(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->major != y->major)
        return x->major < y->major ? -1 : 1;
    if (x->minor != y->minor)
        return x->minor < y->minor ? -1 : 1;
    return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static vcol_status nomem(const vcol_index *x, vcol_error *err)
{
    return vcol_error_format(err, VCOL_NOMEM, "no memory for an index of %lld entries", (long long)x->n);
}

static void free_keys(vcol_index *x)
{
    if (!x->keys)
        return;
    vcol__memory_delete(x->manager, x->keys, (size_t)x->capacity * sizeof *x->keys);
    vcol__account_fix(x->manager, -x->capacity * (int64_t)sizeof *x->keys);
}

/* Room for n more. */
static vcol_status reserve(vcol_index *x, int64_t n, vcol_error *err)
{
    uint64_t limit = vcol__account_limit(x->manager), most = limit > UINT64_MAX - SLACK ? UINT64_MAX : limit + SLACK;
    key *keys;
    if (n <= x->capacity - x->n)
        return VCOL_OK;
    if (n > INT64_MAX / (int64_t)(2 * sizeof *keys) - x->n)
        return nomem(x, err);
    n += x->n;
    if ((uint64_t)n * sizeof *keys > most)
        return vcol_error_format(err, VCOL_LIMIT,
                                 "an index of %lld entries takes more than the memory limit and %d MB",
                                 (long long)n, (int)(SLACK >> 20));
    if (x->n > 0 && (uint64_t)n * 2 * sizeof *keys < most) /* of many files: not moved for each */
        n *= 2;
    keys = vcol__memory_new(x->manager, (size_t)n * sizeof *keys);
    if (!keys)
        return nomem(x, err);
    vcol__account_fix(x->manager, n * (int64_t)sizeof *keys);
    if (x->n > 0)
        memcpy(keys, x->keys, (size_t)x->n * sizeof *keys);
    free_keys(x);
    x->keys = keys;
    x->capacity = n;
    return VCOL_OK;
}

static void sort(vcol_index *x)
{
    int64_t bytes = x->n * (int64_t)sizeof *x->keys;
    for (int64_t i = 1; i < x->n; i++)
        if (compare(&x->keys[i - 1], &x->keys[i]) > 0) {
            vcol__account_fix(x->manager, bytes); /* what sorting takes */
            qsort(x->keys, (size_t)x->n, sizeof *x->keys, compare);
            vcol__account_fix(x->manager, -bytes);
            return;
        }
}

/* ---- stored ------------------------------------------------------------------------------------------- */

static vcol_status take(const vcol_stored_index *index, void *opaque, vcol_error *err)
{
    vcol_index *x = opaque;
    const vcol__infile *t = x->file;
    vcol_status status = reserve(x, index->n, err);
    if (status != VCOL_OK)
        return status;
    if (!x->major) {
        x->major = vcol__copy_string(index->major);
        x->minor = vcol__copy_string(index->minor);
        if (!x->major || !x->minor)
            return nomem(x, err);
    }
    if (strcmp(x->major, index->major) != 0 || strcmp(x->minor, index->minor) != 0)
        return vcol_error_format(err, VCOL_TYPE, "its index is of '%.60s' and '%.60s', that of %.120s of '%.60s' and '%.60s'",
                                 index->major, index->minor, x->first_where, x->major, x->minor);
    for (int64_t i = 0; i < index->n; i++)
        x->keys[x->n++] = (key){index->majors[i], index->minors[i], t->first + index->entries[i]};
    x->stored = true;
    return VCOL_OK;
}

static vcol_status read_file(vcol_index *x, const vcol__infile *t, vcol_error *err)
{
    vcol_worker *worker = vcol__worker_take(x->manager, err);
    vcol_status status = worker ? VCOL_OK : VCOL_NOMEM;
    x->file = t;
    x->stored = false;
    if (worker && t->reader->index)
        status = t->reader->index(t->object, worker, take, x, err);
    if (status == VCOL_OK && !x->stored)
        status = vcol_error_format(err, VCOL_NOT_FOUND, "no index is stored with the table");
    if (worker)
        vcol__worker_give(x->manager, worker);
    x->file = NULL;
    return status;
}

static vcol_status read_stored(vcol_index *x, const vcol_dataset *d, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    x->first_where = d->files[0].where;
    for (int64_t f = 0; f < d->n_files && status == VCOL_OK; f++) {
        vcol_error why = {0};
        status = read_file(x, &d->files[f], &why);
        if (status != VCOL_OK)
            vcol_error_format(err, status, "%.120s: %.380s", d->files[f].where, why.message);
    }
    return status;
}

/* ---- made --------------------------------------------------------------------------------------------- */

/* One of its columns: an id, or -1. */
static vcol_status column_of(const vcol_dataset *d, const char *name, int64_t *id, vcol_error *err)
{
    const vcol__column_def *c;
    *id = -1;
    if (!name)
        return VCOL_OK;
    vcol_status status = vcol_dataset_find(d, name, id, err);
    if (status != VCOL_OK)
        return status;
    c = &d->columns[*id];
    if (c->schema->status != VCOL_OK)
        return vcol_error_format(err, c->schema->status, "%.200s: column '%.80s': %s", d->files[0].where, c->schema->path,
                                 c->schema->note ? c->schema->note : "cannot be read");
    if (c->schema->levels > 0 || c->nullable || !vcol__index_takes(c->schema->type))
        return vcol_error_format(err, VCOL_TYPE, "%.200s: column '%.80s' is %s, not one integer an entry", d->files[0].where,
                                 c->schema->path, c->shape ? c->shape : c->schema->shape);
    return VCOL_OK;
}

bool vcol__index_takes(vcol_type type)
{
    return type >= VCOL_BOOL && type <= VCOL_U64;
}

int64_t vcol__index_number(vcol_type type, const void *values, int64_t i)
{
    switch (type) {
    case VCOL_BOOL:
    case VCOL_U8: return ((const uint8_t *)values)[i];
    case VCOL_I8: return ((const int8_t *)values)[i];
    case VCOL_I16: return ((const int16_t *)values)[i];
    case VCOL_U16: return ((const uint16_t *)values)[i];
    case VCOL_I32: return ((const int32_t *)values)[i];
    case VCOL_U32: return ((const uint32_t *)values)[i];
    default: return ((const int64_t *)values)[i]; /* U64: the same bits */
    }
}

/* Adds a chunk's entries. */
static vcol_status add_chunk(vcol_index *x, vcol_chunk *chunk, const int64_t ids[2], vcol_error *err)
{
    vcol_view v[2] = {{0}};
    vcol_status status = VCOL_OK;
    int64_t first = vcol_chunk_first(chunk), n = vcol_chunk_entries(chunk);
    for (int k = 0; k < 2 && status == VCOL_OK; k++)
        if (ids[k] >= 0)
            status = vcol_chunk_get(chunk, ids[k], &v[k], err);
    if (status != VCOL_OK)
        return status;
    for (int64_t i = 0; i < n; i++)
        x->keys[x->n++] = (key){vcol__index_number(v[0].type, v[0].values, i),
                                ids[1] >= 0 ? vcol__index_number(v[1].type, v[1].values, i) : 0, first + i};
    return VCOL_OK;
}

static vcol_status read_columns(vcol_index *x, vcol_dataset *d, const char *major, const char *minor, vcol_error *err)
{
    vcol_loop_options o;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    int64_t ids[2];
    vcol_status status = column_of(d, major, &ids[0], err);
    if (status == VCOL_OK)
        status = column_of(d, minor, &ids[1], err);
    if (status == VCOL_OK)
        status = reserve(x, d->entries, err);
    if (status != VCOL_OK)
        return status;
    x->major = vcol__copy_string(major);
    x->minor = vcol__copy_string(minor ? minor : "0");
    if (!x->major || !x->minor)
        return nomem(x, err);
    vcol_loop_options_init(&o, sizeof o);
    status = vcol_loop_open(d, &o, &loop, err);
    for (int k = 0; k < 2 && status == VCOL_OK; k++)
        if (ids[k] >= 0)
            vcol__loop_declare(loop, ids[k]);
    while (status == VCOL_OK && (status = vcol_loop_next(loop, &chunk, err)) == VCOL_OK)
        status = add_chunk(x, chunk, ids, err);
    vcol_loop_close(loop);
    return status == VCOL_END ? VCOL_OK : status;
}

/* ---- the interface ------------------------------------------------------------------------------------ */

static vcol_index *create(vcol_manager *m, vcol_error *err)
{
    vcol_index *x = calloc(1, sizeof *x);
    if (x)
        x->manager = m;
    else
        vcol_error_format(err, VCOL_NOMEM, "no memory for an index");
    return x;
}

/* It has been read, or not. */
static vcol_status finish(vcol_index *x, vcol_status status, vcol_index **out)
{
    if (status != VCOL_OK) {
        vcol_index_close(x);
        return status;
    }
    x->first_where = NULL;
    sort(x);
    *out = x;
    return VCOL_OK;
}

vcol_status vcol__index_of_file(vcol_manager *m, const vcol__infile *file, vcol_index **out, vcol_error *err)
{
    vcol_index *x = create(m, err);
    *out = NULL;
    return x ? finish(x, read_file(x, file, err), out) : VCOL_NOMEM;
}

vcol_status vcol_index_open(vcol_dataset *d, const char *major, const char *minor, vcol_index **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !out || (minor && !major))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_index_open: a data set and a place are needed, and a major with a minor");
    vcol_index *x = create(d->manager, err);
    if (!x)
        return VCOL_NOMEM;
    return finish(x, major ? read_columns(x, d, major, minor, err) : read_stored(x, d, err), out);
}

void vcol_index_close(vcol_index *x)
{
    if (!x)
        return;
    free_keys(x);
    free(x->major);
    free(x->minor);
    free(x);
}

int64_t vcol__index_place(const vcol_index *x, int64_t major, int64_t minor)
{
    int64_t low = 0, high = x->n;
    while (low < high) {
        int64_t mid = low + (high - low) / 2;
        const key *k = &x->keys[mid];
        if (k->major < major || (k->major == major && k->minor < minor))
            low = mid + 1;
        else
            high = mid;
    }
    return low < x->n && x->keys[low].major == major && x->keys[low].minor == minor ? x->keys[low].entry : -1;
}

vcol_status vcol_index_find(const vcol_index *x, int64_t major, int64_t minor, int64_t *entry, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!x || !entry)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_index_find: an index and a place are needed");
    *entry = vcol__index_place(x, major, minor);
    if (*entry >= 0)
        return VCOL_OK;
    if (minor == 0 && strcmp(x->minor, "0") == 0)
        return vcol_error_format(err, VCOL_NOT_FOUND, "no entry with %.80s %lld", x->major, (long long)major);
    return vcol_error_format(err, VCOL_NOT_FOUND, "no entry with %.80s %lld and %.80s %lld", x->major, (long long)major, x->minor,
                             (long long)minor);
}

int64_t vcol_index_entries(const vcol_index *x)
{
    return x->n;
}

const char *vcol_index_major(const vcol_index *x)
{
    return x->major;
}

const char *vcol_index_minor(const vcol_index *x)
{
    return x->minor;
}
