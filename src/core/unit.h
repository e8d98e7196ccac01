/* SPDX-License-Identifier: BSD-3-Clause */
/* Units: buffers of a reader's groups over a range of entries. See unit.c. */
#ifndef VCOL_CORE_UNIT_H
#define VCOL_CORE_UNIT_H

#include "core/buffer.h"
#include "core/pass.h"

/*
 * A virtual buffer of a group's rows [first, first + count) (of the file). `dep` is the buffer of the group
 * it depends on over the same rows, or NULL; acquired. pass may be NULL: nothing is carried.
 */
vcol_status vcol__unit_create(vcol__binding *file, vcol__pass *pass, int32_t group, int64_t first,
                              int64_t count, vcol_buffer *dep, vcol_buffer **out, vcol_error *err);

/* From now on blocks are unpacked whole, so that every checksum is checked. Before the first pin. */
void vcol__unit_verify(vcol_buffer *unit);
/* First row and rows of each block of a group's rows [first, first + count), from the metadata (rows -1: unknown). *out
 * is freed by vcol__memory_delete(m, *out, *n * sizeof **out). */
vcol_status vcol__unit_ranges(vcol__binding *file, int32_t group, int64_t first, int64_t count,
                              int64_t (**out)[2], int64_t *n, vcol_error *err);

#endif
