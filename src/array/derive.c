/* SPDX-License-Identifier: BSD-3-Clause */
/* Widened and padded buffers: array/derive.h. */
#include "array/derive.h"

#include "core/load.h"

#include <string.h>

typedef struct derived {
    vcol_buffer base;
    vcol_buffer *source;
    int32_t leaf;
    vcol_type from, to;     /* widened */
    vcol__pad_kind kind;    /* padded */
    int64_t have, rows;
    size_t each;
} derived;

bool vcol__widens(vcol_type from, vcol_type to)
{
    static const struct {
        int bits; /* of an integer's value */
        bool sign, real;
    } t[VCOL_TYPE_COUNT] = {
        [VCOL_BOOL] = {1, false, false}, [VCOL_I8] = {7, true, false},   [VCOL_U8] = {8, false, false},
        [VCOL_I16] = {15, true, false},  [VCOL_U16] = {16, false, false}, [VCOL_I32] = {31, true, false},
        [VCOL_U32] = {32, false, false}, [VCOL_I64] = {63, true, false}, [VCOL_U64] = {64, false, false},
        [VCOL_F32] = {24, true, true},   [VCOL_F64] = {53, true, true},
    };
    if (from == to || !vcol_type_width(from) || !vcol_type_width(to) || from == VCOL_CHAR || to == VCOL_CHAR ||
        to == VCOL_BOOL || (t[from].real && !t[to].real))
        return false;
    return t[from].bits <= t[to].bits && (!t[from].sign || t[to].sign);
}

#define CASE(from_type, from_name, to_type)                                                                            \
    case from_name: {                                                                                                  \
        const from_type *x = in;                                                                                       \
        to_type *y = out;                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = (to_type)x[i];                                                                                      \
        break;                                                                                                         \
    }
#define WIDEN_TO(to_type)                                                                                              \
    switch (from) {                                                                                                    \
        CASE(uint8_t, VCOL_BOOL, to_type)                                                                              \
        CASE(int8_t, VCOL_I8, to_type)                                                                                 \
        CASE(uint8_t, VCOL_U8, to_type)                                                                                \
        CASE(int16_t, VCOL_I16, to_type)                                                                               \
        CASE(uint16_t, VCOL_U16, to_type)                                                                              \
        CASE(int32_t, VCOL_I32, to_type)                                                                               \
        CASE(uint32_t, VCOL_U32, to_type)                                                                              \
        CASE(int64_t, VCOL_I64, to_type)                                                                               \
        CASE(uint64_t, VCOL_U64, to_type)                                                                              \
        CASE(float, VCOL_F32, to_type)                                                                                 \
    default:                                                                                                           \
        break;                                                                                                         \
    }

static void widen(vcol_type from, const void *in, vcol_type to, void *out, int64_t n)
{
    switch (to) {
    case VCOL_I8:
        WIDEN_TO(int8_t)
        break;
    case VCOL_U8:
        WIDEN_TO(uint8_t)
        break;
    case VCOL_I16:
        WIDEN_TO(int16_t)
        break;
    case VCOL_U16:
        WIDEN_TO(uint16_t)
        break;
    case VCOL_I32:
        WIDEN_TO(int32_t)
        break;
    case VCOL_U32:
        WIDEN_TO(uint32_t)
        break;
    case VCOL_I64:
        WIDEN_TO(int64_t)
        break;
    case VCOL_U64:
        WIDEN_TO(uint64_t)
        break;
    case VCOL_F32:
        WIDEN_TO(float)
        break;
    case VCOL_F64:
        WIDEN_TO(double)
        break;
    default:
        break;
    }
}

static vcol_status reserve(vcol_buffer *b, vcol__load *load, size_t size, vcol_error *err)
{
    vcol_status status = vcol__load_reserve(load, vcol__memory_capacity(size), false, err);
    return status == VCOL_OK ? vcol__memory_take(b->manager, &load->grant, size, &b->leaf[0], err) : status;
}

static vcol_status load_widened(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    derived *d = (derived *)b;
    vcol_status status = vcol__buffer_pin(d->source, err);
    if (status != VCOL_OK)
        return status;
    int64_t n = d->source->count[d->leaf];
    status = reserve(b, load, (size_t)n * vcol_type_width(d->to), err);
    if (status == VCOL_OK) {
        b->count[0] = n;
        widen(d->from, d->source->leaf[d->leaf].data, d->to, b->leaf[0].data, n);
    }
    vcol__buffer_unpin(d->source);
    return status;
}

static vcol_status load_padded(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    derived *d = (derived *)b;
    vcol_status status = d->source ? vcol__buffer_pin(d->source, err) : VCOL_OK;
    if (status != VCOL_OK)
        return status;
    const void *from = d->source ? d->source->leaf[d->leaf].data : NULL;
    size_t size = d->kind == VCOL__PAD_VALUES    ? (size_t)d->rows * d->each
                  : d->kind == VCOL__PAD_OFFSETS ? ((size_t)d->rows + 1) * sizeof(int64_t)
                                                 : ((size_t)d->rows + 7) / 8;
    status = reserve(b, load, size, err);
    if (status == VCOL_OK) {
        char *to = b->leaf[0].data;
        memset(to, 0, size);
        if (d->kind == VCOL__PAD_VALUES) {
            if (from)
                memcpy(to, from, (size_t)d->have * d->each);
            b->count[0] = d->source ? d->source->count[d->leaf] / (d->have ? d->have : 1) * d->rows : d->rows;
        } else if (d->kind == VCOL__PAD_OFFSETS) {
            int64_t *offsets = b->leaf[0].data;
            if (from)
                memcpy(to, from, ((size_t)d->have + 1) * sizeof(int64_t));
            for (int64_t i = d->have + 1; i <= d->rows; i++)
                offsets[i] = offsets[d->have];
            b->count[0] = d->rows + 1;
        } else {
            for (int64_t i = 0; i < d->have; i++)
                to[i / 8] = (char)(to[i / 8] | 1 << i % 8);
            b->count[0] = d->rows;
        }
    }
    if (d->source)
        vcol__buffer_unpin(d->source);
    return status;
}

static void destroy(vcol_buffer *b)
{
    derived *d = (derived *)b;
    vcol_manager *m = b->manager;
    vcol_buffer_release(d->source);
    vcol__memory_delete(m, d, sizeof *d);
}

static const vcol__buffer_ops widened_ops = {.load = load_widened, .destroy = destroy};
static const vcol__buffer_ops padded_ops = {.load = load_padded, .destroy = destroy};

static derived *create(vcol_manager *m, const vcol__buffer_ops *ops, vcol_buffer *source, int32_t leaf, const char *name,
                       vcol_error *err)
{
    derived *d = vcol__memory_new(m, sizeof *d);
    if (!d) {
        vcol_error_format(err, VCOL_NOMEM, "no memory for %s", name);
        return NULL;
    }
    d->source = source;
    d->leaf = leaf;
    if (source)
        vcol_buffer_acquire(source);
    vcol__buffer_init(&d->base, m, ops, name);
    return d;
}

vcol_status vcol__widen_create(vcol_buffer *source, int32_t leaf, vcol_type from, vcol_type to, vcol_buffer **out,
                               vcol_error *err)
{
    derived *d = create(source->manager, &widened_ops, source, leaf, source->name, err);
    *out = d ? &d->base : NULL;
    if (!d)
        return VCOL_NOMEM;
    d->from = from;
    d->to = to;
    return VCOL_OK;
}

vcol_status vcol__pad_create(vcol_manager *m, const char *name, vcol__pad_kind kind, vcol_buffer *source, int32_t leaf,
                             int64_t have, int64_t rows, size_t each, vcol_buffer **out, vcol_error *err)
{
    derived *d = create(m, &padded_ops, source, leaf, name, err);
    *out = d ? &d->base : NULL;
    if (!d)
        return VCOL_NOMEM;
    d->kind = kind;
    d->have = have;
    d->rows = rows;
    d->each = each;
    return VCOL_OK;
}
