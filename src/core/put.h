/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers whose values the program put in: they have no generator; to make room they are spilled, never dropped. See put.c. */
#ifndef VCOL_CORE_PUT_H
#define VCOL_CORE_PUT_H

#include "core/buffer.h"

/*
 * A buffer (leaf 0) of `count` values of `type`, copied from `data`; it is there at once. After a clear it cannot come back: a
 * pin is answered NOT_FOUND. Blocks on memory. Errors: RANGE, LIMIT, NOMEM.
 */
vcol_status vcol__put_create(vcol_manager *m, const char *name, vcol_type type, int64_t count, const void *data,
                             vcol_buffer **out, vcol_error *err);

#endif
