/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers made of one other buffer: safe widenings where a file's type is narrower than the data set's, and padding
 * with nulls where a file lacks a column or a column ends before its tree.
 */
#ifndef VCOL_ARRAY_DERIVE_H
#define VCOL_ARRAY_DERIVE_H

#include "core/buffer.h"

#include <vcol/reader.h>

/* Whether every value of `from` is a value of `to`. The same type is no widening. */
bool vcol__widens(vcol_type from, vcol_type to);

/* A buffer (leaf 0) of `to`, from leaf `leaf` of `source`, which is acquired. */
vcol_status vcol__widen_create(vcol_buffer *source, int32_t leaf, vcol_type from, vcol_type to, vcol_buffer **out,
                               vcol_error *err);

/* What a padded buffer holds in its leaf 0. */
typedef enum vcol__pad_kind {
    VCOL__PAD_VALUES,  /* values, then zeros: `each` bytes an item */
    VCOL__PAD_OFFSETS, /* offsets, then the last one again */
    VCOL__PAD_VALIDITY /* ones, then zeros */
} vcol__pad_kind;

/*
 * A buffer of `rows` rows (VALUES: items of `each` bytes; OFFSETS: lists) of which the first `have` come from leaf
 * `leaf` of `source` (acquired; NULL when have is 0), the others are null.
 */
vcol_status vcol__pad_create(vcol_manager *m, const char *name, vcol__pad_kind kind, vcol_buffer *source, int32_t leaf,
                             int64_t have, int64_t rows, size_t each, vcol_buffer **out, vcol_error *err);

#endif
