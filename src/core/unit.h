/* SPDX-License-Identifier: BSD-3-Clause */
/* Units: buffers of a reader's groups over a range of entries. See unit.c. */
#ifndef VCOL_CORE_UNIT_H
#define VCOL_CORE_UNIT_H

#include "core/buffer.h"
#include "core/pass.h"

/* The group whose buffer a group's own needs, or -1; and the other one. */
static inline int32_t vcol__group_dep(const vcol_group *g)
{
    return g->flags & VCOL_GROUP_ITEMS ? g->rows_of : g->depends;
}

static inline int32_t vcol__group_source(const vcol_group *g)
{
    return g->kind == VCOL_GROUP_SPREAD || (g->flags & VCOL_GROUP_COUNTED) ? g->source : -1;
}

/* Rows that it has for an entry, or for an item of rows_of. */
static inline int64_t vcol__group_multiple(const vcol_group *g)
{
    return g->multiple ? g->multiple : 1;
}

/*
 * A virtual buffer of a group over the file's entries [first, first + count). `dep` and `source` are the buffers of
 * the groups it needs (vcol__group_dep, vcol__group_source) over the same entries, or NULL; acquired. pass may be NULL:
 * nothing is carried.
 */
vcol_status vcol__unit_create(vcol__binding *file, vcol__pass *pass, int32_t group, int64_t first, int64_t count,
                              vcol_buffer *dep, vcol_buffer *source, vcol_buffer **out, vcol_error *err);
/* A buffer of a group's rows [first, first + count) by themselves, whatever entries they belong to: no group that
 * depends on counts. Nothing is carried. */
vcol_status vcol__unit_create_rows(vcol__binding *file, int32_t group, int64_t first, int64_t count, vcol_buffer **out,
                                   vcol_error *err);

/* From now on blocks are unpacked whole, so that every checksum is checked. Before the first pin. */
void vcol__unit_verify(vcol_buffer *unit);
/* Whether a group's rows can be read by themselves (vcol__unit_create_rows), and how many it has. */
bool vcol__unit_has_rows(const vcol_group *group, int64_t *rows);
/* First row and rows of each block of a group's rows [first, first + count), from the metadata (rows -1: unknown). *out
 * is freed by vcol__memory_delete(m, *out, *n * sizeof **out). */
vcol_status vcol__unit_ranges(vcol__binding *file, int32_t group, int64_t first, int64_t count,
                              int64_t (**out)[2], int64_t *n, vcol_error *err);

#endif
