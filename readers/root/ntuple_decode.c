/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a page's plain bytes to values, ends of lists, and choices of alternatives.
 *
 * A page has exactly the bytes that its elements take (ntuple_plan.c), so that any element can be found by its number; only
 * differences have to be summed up from the page's first element on, or from where another part stopped.
 *
 * FORMAT root/RNTuple column types: ntuple.h, ntuple_kernels.h. Real32Trunc: the high bits of a float, packed. Real32Quant: packed
 * integers q, min + q * ((max - min) / (2^bits - 1)). Switch: u64 item of the alternative in the cluster, u32 alternative, 0: none.
 * source: root-project/root tree/ntuple/src/RColumnElement.hxx (Real32Trunc, UnquantizeReals, RColumnSwitch);
 *     data/root/test_stl_containers_rntuple_v1-0-0-0.root
 */
#include "ntuple_kernels.h"
#include "ntuple.h"

enum { TILE = 512, SWITCH = 12 };

void vcol__type_bits(unsigned type, unsigned *least, unsigned *most)
{
    static const uint8_t bits[NT_TYPES] = {1,  8,  8,  8,  8,  16, 16, 32, 32, 64, 64, 16, 32, 64, 32,
                                           64, 96, 16, 16, 32, 32, 64, 64, 16, 32, 64, 32, 64, 0,  0};
    *least = *most = type < NT_TYPES ? bits[type] : 0;
    if (type == NT_REAL32_TRUNC) {
        *least = 10;
        *most = 31;
    } else if (type == NT_REAL32_QUANT) {
        *least = 1;
        *most = 32;
    } else if (type >= NT_TYPES) {
        *least = 1; /* none */
    }
}

vcol_type vcol__type_natural(unsigned type)
{
    static const uint8_t types[NT_TYPES] = {
        VCOL_BOOL, VCOL_U8,  VCOL_U8,  VCOL_I8,  VCOL_U8,  VCOL_I16,       VCOL_U16, VCOL_I32, VCOL_U32, VCOL_I64,
        VCOL_U64,  VCOL_F32, VCOL_F32, VCOL_F64, VCOL_I64, VCOL_I64,       VCOL_TYPE_NONE, VCOL_I16, VCOL_U16, VCOL_I32,
        VCOL_U32,  VCOL_I64, VCOL_U64, VCOL_F32, VCOL_F32, VCOL_F64,       VCOL_I64, VCOL_I64, VCOL_F32, VCOL_F32,
    };
    return type < NT_TYPES ? (vcol_type)types[type] : VCOL_TYPE_NONE;
}

/* A page being read. */
typedef struct reading {
    const nt_column *column;
    const uint8_t *plain;
    size_t size;
    int64_t n;
} reading;

static void quantized(const reading *r, int64_t skip, int64_t count, double *out)
{
    const nt_column *x = r->column;
    double scale = (x->max - x->min) / (double)(((uint64_t)1 << x->bits) - 1);
    uint32_t packed[TILE];
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE;
        vcol__unpack32(r->plain, r->size, x->bits, skip + at, m, packed);
        for (int64_t i = 0; i < m; i++)
            out[at + i] = (double)packed[i] * scale + x->min;
    }
}

static void narrow(const reading *r, int64_t skip, int64_t count, float *out)
{
    double wide[TILE];
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE;
        quantized(r, skip + at, m, wide);
        for (int64_t i = 0; i < m; i++)
            out[at + i] = (float)wide[i];
    }
}

static void halves(const reading *r, int64_t skip, int64_t count, float *out)
{
    uint16_t half[TILE];
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE;
        if (r->column->type == NT_SPLIT_REAL16)
            vcol__unsplit16(r->plain, r->n, skip + at, m, half);
        else
            memcpy(half, r->plain + 2 * (skip + at), (size_t)m * 2);
        vcol__widen_half(half, m, out + at);
    }
}

/* Zigzag goes tile by tile, while the values are in the cache. */
#define UNSPLIT(bits, zigzag)                                                                                          \
    do {                                                                                                               \
        uint##bits##_t *v = out;                                                                                       \
        for (int64_t at = 0; at < count; at += 4 * TILE) {                                                             \
            int64_t m = count - at < 4 * TILE ? count - at : 4 * TILE;                                                 \
            vcol__unsplit##bits(r->plain, r->n, skip + at, m, v + at);                                                 \
            if (zigzag)                                                                                                \
                vcol__unzigzag##bits(v + at, m);                                                                       \
        }                                                                                                              \
    } while (0)

/* Elements as they are by nature. */
static void natural(const reading *r, int64_t skip, int64_t count, void *out)
{
    uint32_t *u32 = out;
    unsigned type = r->column->type;
    size_t width = r->column->bits / 8;
    switch (type) {
    case NT_BIT:
        vcol__expand_bits(r->plain, skip, count, out);
        break;
    case NT_REAL16:
    case NT_SPLIT_REAL16:
        halves(r, skip, count, out);
        break;
    case NT_SPLIT_INT16:
    case NT_SPLIT_UINT16:
        UNSPLIT(16, type == NT_SPLIT_INT16);
        break;
    case NT_SPLIT_INT32:
    case NT_SPLIT_UINT32:
    case NT_SPLIT_REAL32:
        UNSPLIT(32, type == NT_SPLIT_INT32);
        break;
    case NT_SPLIT_INT64:
    case NT_SPLIT_UINT64:
    case NT_SPLIT_REAL64:
        UNSPLIT(64, type == NT_SPLIT_INT64);
        break;
    case NT_REAL32_TRUNC:
        vcol__unpack32(r->plain, r->size, r->column->bits, skip, count, u32);
        for (int64_t i = 0; i < count; i++)
            u32[i] <<= 32 - r->column->bits;
        break;
    case NT_REAL32_QUANT:
        narrow(r, skip, count, out);
        break;
    default: /* little-endian, one after the other */
        memcpy(out, r->plain + (size_t)skip * width, (size_t)count * width);
        break;
    }
}

#define CONVERT_FROM(from_type, to_type)                                                                               \
    do {                                                                                                               \
        const from_type *x = in;                                                                                       \
        to_type *y = out;                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = (to_type)x[i];                                                                                      \
    } while (0)
#define CONVERT_TO(to_type)                                                                                            \
    switch (from) {                                                                                                    \
    case VCOL_BOOL:                                                                                                    \
    case VCOL_U8:                                                                                                      \
        CONVERT_FROM(uint8_t, to_type);                                                                                \
        break;                                                                                                         \
    case VCOL_I8:                                                                                                      \
        CONVERT_FROM(int8_t, to_type);                                                                                 \
        break;                                                                                                         \
    case VCOL_I16:                                                                                                     \
        CONVERT_FROM(int16_t, to_type);                                                                                \
        break;                                                                                                         \
    case VCOL_U16:                                                                                                     \
        CONVERT_FROM(uint16_t, to_type);                                                                               \
        break;                                                                                                         \
    case VCOL_I32:                                                                                                     \
        CONVERT_FROM(int32_t, to_type);                                                                                \
        break;                                                                                                         \
    case VCOL_U32:                                                                                                     \
        CONVERT_FROM(uint32_t, to_type);                                                                               \
        break;                                                                                                         \
    case VCOL_I64:                                                                                                     \
        CONVERT_FROM(int64_t, to_type);                                                                                \
        break;                                                                                                         \
    case VCOL_U64:                                                                                                     \
        CONVERT_FROM(uint64_t, to_type);                                                                               \
        break;                                                                                                         \
    default:                                                                                                           \
        memset(out, 0, (size_t)n * sizeof(to_type)); /* not asked for: convertible() */                                \
        break;                                                                                                         \
    }

static int is_real(vcol_type type)
{
    return type == VCOL_F32 || type == VCOL_F64;
}

static void convert(vcol_type from, const void *in, vcol_type to, void *out, int64_t n)
{
    if (from == VCOL_F32 && to == VCOL_F64) {
        CONVERT_FROM(float, double);
        return;
    }
    if (from == VCOL_F64 && to == VCOL_F32) {
        CONVERT_FROM(double, float);
        return;
    }
    if (to == VCOL_BOOL) {
        uint8_t *y = out;
        size_t width = vcol_type_width(from);
        memset(y, 0, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            for (size_t b = 0; b < width; b++)
                y[i] |= ((const uint8_t *)in)[(size_t)i * width + b] != 0;
        return;
    }
    switch (vcol_type_width(to)) {
    case 1:
        CONVERT_TO(uint8_t)
        break;
    case 2:
        CONVERT_TO(uint16_t)
        break;
    case 4:
        CONVERT_TO(uint32_t)
        break;
    default:
        CONVERT_TO(uint64_t)
        break;
    }
}

static vcol_status values(const reading *r, vcol_type type, int64_t skip, int64_t count, void *out)
{
    vcol_type from = vcol__type_natural(r->column->type);
    size_t width = vcol_type_width(type);
    uint64_t tile[TILE];
    if (type == VCOL_F64 && r->column->type == NT_REAL32_QUANT) {
        quantized(r, skip, count, out);
        return VCOL_OK;
    }
    if (is_real(from) != is_real(type))
        return VCOL_UNSUPPORTED;
    if (from == type || (vcol_type_width(from) == width && !is_real(type) && type != VCOL_BOOL)) {
        natural(r, skip, count, out);
        return VCOL_OK;
    }
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE;
        natural(r, skip + at, m, tile);
        convert(from, tile, type, (char *)out + (size_t)at * width, m);
    }
    return VCOL_OK;
}

/* Ends of lists. `base`: the sum before row `skip`, or -1. Differences are summed up tile by tile, while they are in the cache. */
static void ends(const reading *r, int64_t skip, int64_t count, int64_t base, uint64_t origin, uint64_t *out)
{
    unsigned type = r->column->type;
    int small = type == NT_INDEX32 || type == NT_SPLIT_INDEX32, split = type == NT_SPLIT_INDEX32 || type == NT_SPLIT_INDEX64;
    uint32_t tile[TILE];
    uint64_t sum = origin;
    if (split)
        sum += base >= 0 ? (uint64_t)base
               : small   ? vcol__split_sum32(r->plain, r->n, 0, skip)
                         : vcol__split_sum64(r->plain, r->n, 0, skip);
    for (int64_t at = 0; at < count; at += TILE) {
        int64_t m = count - at < TILE ? count - at : TILE, row = skip + at;
        if (type == NT_INDEX32)
            memcpy(tile, r->plain + 4 * row, (size_t)m * 4);
        else if (type == NT_SPLIT_INDEX32)
            vcol__unsplit32(r->plain, r->n, row, m, tile);
        else if (type == NT_INDEX64)
            memcpy(out + at, r->plain + 8 * row, (size_t)m * 8);
        else
            vcol__unsplit64(r->plain, r->n, row, m, out + at);
        for (int64_t i = 0; small && i < m; i++)
            out[at + i] = tile[i];
        if (split)
            sum = vcol__undelta64(out + at, m, sum);
        for (int64_t i = 0; !split && i < m; i++)
            out[at + i] += origin;
    }
}

/* Which item each row has of an alternative, or -1; or the alternatives. */
static void picks(const reading *r, int32_t alternative, const vcol_part *part, int64_t origin)
{
    int64_t *items = part->dst;
    int8_t *tags = part->dst;
    for (int64_t i = 0; i < part->count; i++) {
        cursor c = cursor_make(r->plain + SWITCH * (part->skip + i), SWITCH);
        uint64_t item = le_u64(&c);
        uint32_t tag = le_u32(&c);
        if (part->leaf == 1)
            tags[i] = (int8_t)(tag > INT8_MAX ? -1 : (int)tag);
        else if (alternative == 0 || tag != (uint32_t)alternative)
            items[i] = -1;
        else /* what cannot be a number is none that could follow */
            items[i] = item > (uint64_t)NT_MOST ? INT64_MAX : origin + (int64_t)item;
    }
}

static void zeros(nt_kind kind, const vcol_part *part, int64_t origin)
{
    int64_t *items = part->dst;
    if (kind == NT_VALUES || part->leaf > 0) {
        memset(part->dst, 0, part->size);
        return;
    }
    for (int64_t i = 0; i < part->count; i++)
        items[i] = kind == NT_ENDS ? origin : -1;
}

vcol_status vcol__page_decode(const root_ntuple *nt, int32_t group, const vcol_block *block, const void *plain,
                              const vcol_part *parts, int32_t n_parts, vcol_error *err)
{
    const nt_group *g = &nt->groups[group];
    const nt_page *page = &nt->pages[block->tag];
    const nt_column *x = &nt->columns[page->column];
    reading r = {x, plain, block->unpacked, page->elements};
    int64_t origin = block->origin;
    if (g->kind == NT_PICKS) /* alternatives share their blocks, but not where their items begin */
        origin = vcol__page_origin(nt, g, block->tag);
    origin = origin < 0 ? 0 : origin;
    for (int32_t i = 0; i < n_parts; i++) {
        const vcol_part *part = &parts[i];
        size_t width = g->kind == NT_VALUES ? vcol_type_width(g->type) : part->leaf == 0 ? sizeof(int64_t) : 1;
        vcol_status status = VCOL_OK;
        if (part->skip < 0 || part->count < 0 || part->skip > r.n || part->count > r.n - part->skip ||
            part->items != part->count || (uint64_t)part->items > part->size / width)
            return vcol__page_error(nt, page, err, VCOL_MISUSE, "elements %lld to %lld do not fit %zu bytes",
                                    (long long)part->skip, (long long)(part->skip + part->count), part->size);
        if (page->zero)
            zeros(g->kind, part, origin);
        else if (g->kind == NT_VALUES)
            status = values(&r, g->type, part->skip, part->count, part->dst);
        else if (g->kind == NT_ENDS)
            ends(&r, part->skip, part->count, part->base, (uint64_t)origin, part->dst);
        else
            picks(&r, g->alternative, part, origin);
        if (status)
            return vcol__page_error(nt, page, err, status, "a column of type %#x for values of %s", x->type,
                                    vcol_type_name(g->type));
    }
    return VCOL_OK;
}
