/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers of COUNTS groups: the offsets that a counter's values make, which are a buffer of their own. */
#include "core/work.h"

#define SUM(type)                                                                                            \
    do {                                                                                                     \
        const type *c = counts;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            if (c[i] < 0)                                                                                    \
                return i;                                                                                    \
            sum += (int64_t)c[i];                                                                            \
            out[i + 1] = sum;                                                                                \
        }                                                                                                    \
    } while (0)
#define SUM_UNSIGNED(type)                                                                                   \
    do {                                                                                                     \
        const type *c = counts;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            sum += (int64_t)c[i];                                                                            \
            out[i + 1] = sum;                                                                                \
        }                                                                                                    \
    } while (0)

/* Running sums; returns n, or the index of the first count that cannot be one. */
static int64_t sum_counts(vcol_type type, const void *counts, int64_t n, int64_t *out)
{
    int64_t sum = 0;
    out[0] = 0;
    switch (type) {
    case VCOL_I8:
        SUM(int8_t);
        break;
    case VCOL_I16:
        SUM(int16_t);
        break;
    case VCOL_I32:
        SUM(int32_t);
        break;
    case VCOL_BOOL:
    case VCOL_U8:
        SUM_UNSIGNED(uint8_t);
        break;
    case VCOL_U16:
        SUM_UNSIGNED(uint16_t);
        break;
    case VCOL_U32:
        SUM_UNSIGNED(uint32_t);
        break;
    case VCOL_I64:
    case VCOL_U64: {
        const uint64_t *c = counts;
        for (int64_t i = 0; i < n; i++) {
            if (c[i] > (uint64_t)1 << 40 || sum > (int64_t)1 << 50)
                return i;
            sum += (int64_t)c[i];
            out[i + 1] = sum;
        }
        break;
    }
    default:
        return 0;
    }
    return n;
}

vcol_status vcol__counts_load(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    vcol__unit *u = (vcol__unit *)b;
    size_t size = ((size_t)b->entries + 1) * sizeof(int64_t);
    vcol_status status = vcol__buffer_pin(u->dep, err);
    if (status != VCOL_OK)
        return status;
    status = vcol__load_reserve(load, vcol__memory_capacity(size), false, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(b->manager, &load->grant, size, &b->leaf[0], err);
    if (status == VCOL_OK) {
        vcol_type type = u->file->schema->groups[u->group->depends].leaves[0].type;
        b->count[0] = b->entries + 1;
        int64_t done = sum_counts(type, u->dep->leaf[0].data, b->entries, b->leaf[0].data);
        if (done != b->entries)
            status = vcol_error_format(err, VCOL_CORRUPT, "%s: %s: the count of entry %lld is none",
                                       u->file->where, u->dep->name, (long long)(b->first + done));
    }
    vcol__buffer_unpin(u->dep);
    return status;
}
