/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that a program puts into a chunk: vcol_chunk_put. Their memory is core/put.c's. */
#include "core/put.h"

#include "dataset/chunk.h"

#include <stdlib.h>
#include <string.h>

void vcol_put_init(vcol_put *put, size_t size)
{
    memset(put, 0, size);
    put->struct_size = size;
}

/* The offsets must be those of a list an entry, of `count` values in all. */
static vcol_status check_offsets(const vcol_chunk *c, const char *name, const int64_t *offsets, int64_t count, vcol_error *err)
{
    for (int64_t i = 0; i < c->count; i++)
        if (offsets[i + 1] < offsets[i])
            return vcol_error_format(err, VCOL_RANGE, "vcol_chunk_put: '%.200s': the offsets fall at entry %lld", name,
                                     (long long)i);
    if (offsets[0] != 0 || offsets[c->count] != count)
        return vcol_error_format(err, VCOL_RANGE, "vcol_chunk_put: '%.200s': the offsets go from %lld to %lld, for %lld values",
                                 name, (long long)offsets[0], (long long)offsets[c->count], (long long)count);
    return VCOL_OK;
}

/* The offsets of another column become this one's. */
static vcol_status share_offsets(vcol_chunk *c, const vcol_put *p, vcol__defined *x, vcol_error *err)
{
    int64_t id;
    vcol__chunk_column *like;
    vcol_status status = vcol__chunk_find(c, p->like, &id, err);
    if (status == VCOL_OK)
        status = vcol__chunk_column_of(c, id, &like, err);
    if (status != VCOL_OK)
        return status;
    int32_t list = vcol__column_list(like);
    if (list < 0)
        return vcol_error_format(err, VCOL_TYPE, "vcol_chunk_put: '%.200s' is to be like '%.200s', which is not a list",
                                 p->name, p->like);
    vcol_buffer *b = like->level[list].buffer;
    int32_t leaf = like->level[list].leaf;
    status = vcol__buffer_pin(b, err);
    if (status != VCOL_OK)
        return status;
    status = check_offsets(c, p->name, b->leaf[leaf].data, p->count, err);
    vcol__buffer_unpin(b);
    if (status == VCOL_OK) {
        vcol_buffer_acquire(b);
        x->offsets = b;
        x->offsets_leaf = leaf;
    }
    return status;
}

vcol_status vcol_chunk_put(vcol_chunk *c, const vcol_put *put, vcol_error *err)
{
    vcol_put p = {0};
    if (err && err->status)
        return (vcol_status)err->status;
    if (put)
        memcpy(&p, put, put->struct_size < sizeof p ? put->struct_size : sizeof p);
    if (!c || !p.name || !*p.name || !vcol_type_width(p.type) || p.count < 0 || (p.count && !p.data) || p.consumers < 0 ||
        (p.offsets && p.like))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_put: a chunk, a name, a type, values, and either offsets or "
                                                   "another column's are needed");
    vcol_manager *m = c->dataset->manager;
    vcol__defined *x = calloc(1, sizeof *x), *replaced = NULL;
    if (x)
        x->name = vcol__copy_string(p.name);
    if (!x || !x->name) {
        free(x);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for column '%.200s'", p.name);
    }
    x->put = true;
    x->type = p.type;
    x->consumers = p.consumers;
    vcol_status status = VCOL_OK;
    if (p.offsets)
        status = check_offsets(c, p.name, p.offsets, p.count, err);
    else if (!p.like && p.count != c->count)
        status = vcol_error_format(err, VCOL_RANGE, "vcol_chunk_put: '%.200s' has %lld values for %lld entries", p.name,
                                   (long long)p.count, (long long)c->count);
    if (status == VCOL_OK && p.offsets)
        status = vcol__put_create(m, p.name, VCOL_I64, c->count + 1, p.offsets, &x->offsets, err);
    else if (status == VCOL_OK && p.like)
        status = share_offsets(c, &p, x, err);
    if (status == VCOL_OK)
        status = vcol__put_create(m, p.name, p.type, p.count, p.data, &x->buffer, err);
    if (status == VCOL_OK)
        status = vcol__chunk_add(c, x, &replaced, err);
    if (status != VCOL_OK) {
        vcol__defined_free(x);
        return status;
    }
    if (replaced)
        vcol__chunk_forget(c, replaced);
    uint64_t lists = p.offsets ? ((uint64_t)c->count + 1) * sizeof *p.offsets : 0;
    vcol__steps_made(c, p.name, (uint64_t)p.count * vcol_type_width(p.type) + lists);
    return VCOL_OK;
}
