/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of values that the program put in. One is resident from the start. When it is evicted it is spilled; where that is
 * not possible (no directory, a full disk) it stays. After a clear there is nothing to load it from.
 */
#include "core/put.h"

#include "core/load.h"

#include <string.h>

typedef struct put {
    vcol_buffer base;
    char *name;
    size_t name_size;
    vcol_type type;
} put;

static vcol_status load(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    if (b->extent)
        return vcol__spill_read(b, load, err);
    return vcol_error_format(err, VCOL_NOT_FOUND, "%s was put in by the program and is gone: there is nothing to load it from",
                             b->name);
}

static void destroy(vcol_buffer *b)
{
    put *p = (put *)b;
    vcol_manager *m = b->manager;
    vcol__memory_delete(m, p->name, p->name_size);
    vcol__memory_delete(m, p, sizeof *p);
}

static vcol__parting parting(vcol_buffer *b, vcol_type *type)
{
    *type = ((const put *)b)->type;
    return VCOL__PART_KEEP;
}

static const vcol__buffer_ops put_ops = {.load = load, .parting = parting, .destroy = destroy, .keeps = true};

vcol_status vcol__put_create(vcol_manager *m, const char *name, vcol_type type, int64_t count, const void *data,
                             vcol_buffer **out, vcol_error *err)
{
    size_t size;
    *out = NULL;
    if (count < 0 || __builtin_mul_overflow((size_t)count, vcol_type_width(type), &size))
        return vcol_error_format(err, VCOL_RANGE, "%s: %lld values are no number of values", name, (long long)count);
    put *p = vcol__memory_new(m, sizeof *p);
    if (p) {
        p->name_size = strlen(name) + 1;
        p->name = vcol__memory_new(m, p->name_size);
    }
    if (!p || !p->name) {
        vcol__memory_delete(m, p, sizeof *p);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %s", name);
    }
    memcpy(p->name, name, p->name_size);
    p->type = type;
    vcol__buffer_init(&p->base, m, &put_ops, p->name);
    vcol_buffer *b = &p->base;
    vcol__grant grant = {0};
    bool counted = vcol__load_counted(m); /* inside a generator, or a run, this thread is runnable already */
    if (!counted)
        vcol__account_runnable(m, 1);
    vcol_status status = vcol__account_reserve(m, &grant, vcol__memory_capacity(size), VCOL__DEMAND, true, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(m, &grant, size, &b->leaf[0], err);
    vcol__account_give_back(m, &grant, 0);
    if (!counted)
        vcol__account_runnable(m, -1);
    if (status != VCOL_OK) {
        vcol_buffer_release(b);
        return status;
    }
    if (size)
        memcpy(b->leaf[0].data, data, size);
    b->count[0] = count;
    atomic_store_explicit(&b->bytes, b->leaf[0].capacity, memory_order_relaxed);
    vcol__log_add(m, VCOL_LOG_LOAD, b->name, -1, 0, 0, 0, b->leaf[0].capacity);
    /* release: leaf[] and count[] come before whoever pins it */
    atomic_store_explicit(&b->evictable.stamp, vcol__tick(m), memory_order_relaxed);
    atomic_store_explicit(&b->word, VCOL__RESIDENT, memory_order_release);
    vcol__evict_list(m, &b->evictable);
    *out = b;
    return VCOL_OK;
}
