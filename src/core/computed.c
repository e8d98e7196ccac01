/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers that are computed from the offsets of lists: how long they are (LENGTHS), which have an item (VALIDITY),
 * items with a place for each list that has none (SPREAD), and values that take no bytes (NOTHING).
 *
 * Optional values are stored as lists of at most one item; in memory they are values with validity bits, of which
 * those that are missing have a place too. What SPREAD is made of is of no use afterwards and is dropped, but for
 * offsets, from which rows of deeper levels follow.
 */
#include "core/work.h"

#include <string.h>

static vcol_status not_optional(const vcol__unit *u, int64_t row, int64_t n, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%s: %s: optional value %lld has %lld values", u->file->where,
                             u->group->name, (long long)row, (long long)n);
}

static vcol_status too_many(const vcol__unit *u, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%s: %s: too many items", u->file->where, u->group->name);
}

/* The first list of more than one item, or n. */
static int64_t all_optional(const int64_t *offsets, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (offsets[i + 1] - offsets[i] > 1)
            return i;
    return n;
}

static vcol_status take(vcol_buffer *b, vcol__load *load, int32_t leaf, int64_t count, size_t size, vcol_error *err)
{
    vcol_status status = vcol__load_reserve(load, vcol__memory_capacity(size), leaf > 0, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(b->manager, &load->grant, size, &b->leaf[leaf], err);
    b->count[leaf] = count;
    return status;
}

static vcol_status lengths(vcol__unit *u, vcol__load *load, vcol_error *err)
{
    const int64_t *offsets = u->dep->leaf[0].data;
    int64_t n = u->dep->count[0] - 1;
    vcol_status status = take(&u->base, load, 0, n, (size_t)n * sizeof(int64_t), err);
    int64_t *out = u->base.leaf[0].data;
    for (int64_t i = 0; status == VCOL_OK && i < n; i++)
        out[i] = offsets[i + 1] - offsets[i];
    return status;
}

static vcol_status validity(vcol__unit *u, vcol__load *load, vcol_error *err)
{
    const int64_t *offsets = u->dep->leaf[0].data;
    int64_t n = u->dep->count[0] - 1, bad = all_optional(offsets, n);
    size_t size = ((size_t)n + 7) / 8;
    if (bad < n)
        return not_optional(u, bad, offsets[bad + 1] - offsets[bad], err);
    vcol_status status = take(&u->base, load, 0, n, size, err);
    if (status != VCOL_OK)
        return status;
    uint8_t *out = memset(u->base.leaf[0].data, 0, size);
    for (int64_t i = 0; i < n; i++)
        out[i / 8] |= (uint8_t)((offsets[i + 1] > offsets[i]) << i % 8);
    return VCOL_OK;
}

/* The leaves, for so many items in all. */
static vcol_status layout_of(const vcol__unit *u, int64_t items, vcol__layout *out, vcol_error *err)
{
    int64_t total[VCOL_MAX_LEVELS + 1];
    for (int k = 0; k <= VCOL_MAX_LEVELS; k++)
        total[k] = items;
    return vcol__place_layout(u, total, out, err);
}

/* Items of `step` bytes. */
static void spread_values(const int64_t *offsets, int64_t n, const char *in, char *out, size_t step)
{
    for (int64_t i = 0; i < n; i++) {
        if (offsets[i + 1] > offsets[i])
            memcpy(out + (size_t)i * step, in + (size_t)offsets[i] * step, step);
        else
            memset(out + (size_t)i * step, 0, step);
    }
}

static void spread_offsets(const int64_t *offsets, int64_t n, int64_t each, const int64_t *in, int64_t *out)
{
    int64_t at = 0;
    out[at] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 1; k <= each; k++, at++)
            out[at + 1] = offsets[i + 1] > offsets[i] ? in[offsets[i] * each + k] : out[at];
}

static void spread_bits(const int64_t *offsets, int64_t n, int64_t each, const uint8_t *in, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < each && offsets[i + 1] > offsets[i]; k++) {
            int64_t from = offsets[i] * each + k, to = i * each + k;
            out[to / 8] |= (uint8_t)((in[from / 8] >> from % 8 & 1) << to % 8);
        }
}

static vcol_status spread(vcol__unit *u, vcol__load *load, vcol_error *err)
{
    const int64_t *offsets = u->dep->leaf[0].data;
    int64_t n = u->dep->count[0] - 1, bad = all_optional(offsets, n), each = vcol__group_multiple(u->group), items, places;
    vcol__layout stored, spread;
    if (bad < n)
        return not_optional(u, bad, offsets[bad + 1] - offsets[bad], err);
    /* What is missing takes no bytes in the file: any number of places may come of it. */
    if (__builtin_mul_overflow(offsets[n], each, &items) || __builtin_mul_overflow(n, each, &places))
        return too_many(u, err);
    vcol_status status = layout_of(u, items, &stored, err);
    if (status == VCOL_OK)
        status = layout_of(u, places, &spread, err);
    for (int32_t l = 0; l < u->group->n_leaves && status == VCOL_OK; l++) {
        const vcol_leaf *leaf = &u->group->leaves[l];
        if (u->source->count[l] != stored.count[l])
            return vcol_error_format(err, VCOL_CORRUPT, "%s: %s: %lld values where %lld are counted", u->file->where,
                                     u->group->name, (long long)u->source->count[l], (long long)stored.count[l]);
        status = take(&u->base, load, l, spread.count[l], spread.size[l], err);
        if (status != VCOL_OK)
            break;
        const void *in = u->source->leaf[l].data;
        void *out = u->base.leaf[l].data;
        if (leaf->role == VCOL_LEAF_VALUES)
            spread_values(offsets, n, in, out, vcol_type_width(leaf->type) * (size_t)leaf->multiple * (size_t)each);
        else if (leaf->role == VCOL_LEAF_OFFSETS)
            spread_offsets(offsets, n, each, in, out);
        else
            spread_bits(offsets, n, each, in, memset(out, 0, spread.size[l]));
    }
    return status;
}

static vcol_status nothing(vcol__unit *u, vcol__load *load, vcol_error *err)
{
    int64_t n = u->rows;
    if (u->dep && __builtin_mul_overflow(((const int64_t *)u->dep->leaf[0].data)[u->dep->count[0] - 1],
                                         vcol__group_multiple(u->group), &n))
        return too_many(u, err);
    return take(&u->base, load, 0, n, 0, err);
}

vcol_status vcol__computed_load(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    vcol__unit *u = (vcol__unit *)b;
    vcol_status status = u->dep ? vcol__buffer_pin(u->dep, err) : VCOL_OK;
    if (status != VCOL_OK)
        return status;
    status = u->source ? vcol__buffer_pin(u->source, err) : VCOL_OK;
    if (status == VCOL_OK) {
        switch (u->group->kind) {
        case VCOL_GROUP_LENGTHS:
            status = lengths(u, load, err);
            break;
        case VCOL_GROUP_VALIDITY:
            status = validity(u, load, err);
            break;
        case VCOL_GROUP_SPREAD:
            status = spread(u, load, err);
            break;
        default:
            status = nothing(u, load, err);
            break;
        }
        if (u->source) {
            vcol__buffer_unpin(u->source);
            if (u->file->schema->groups[u->group->source].leaves[0].role == VCOL_LEAF_VALUES)
                vcol__buffer_clear(u->source);
        }
    }
    if (u->dep)
        vcol__buffer_unpin(u->dep);
    return status;
}
