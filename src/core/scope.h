/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefetch scopes inside the library: the chunk's and loop's are made of buffers of units. See scope.c. */
#ifndef VCOL_CORE_SCOPE_H
#define VCOL_CORE_SCOPE_H

#include "core/buffer.h"

#include <vcol/prefetch.h>

/* Begins a scope over buffers, in order; each is acquired until the end. */
vcol_status vcol__scope_begin(vcol_manager *m, vcol_buffer *const *buffers, int64_t n,
                              const vcol_prefetch_options *options, vcol_prefetch **out, vcol_error *err);
/*
 * What was made and had to go, to make room for what was wanted first, is queued again, where it stood in the order: else it is
 * missing when its turn comes, while what is wanted later takes the room. For a scope of which nothing has been used or cleared
 * yet; whoever owns it, while nobody stops it.
 */
void vcol__scope_refresh(vcol_prefetch *scope);
/* Takes everything back and joins, but keeps the handle, whose end is then cheap: a chunk that closes. */
void vcol__scope_stop(vcol_prefetch *scope);
/* Called, with `opaque`, when the program ends the scope, before it is freed: its chunk forgets it. */
void vcol__scope_on_end(vcol_prefetch *scope, void (*ended)(vcol_prefetch *scope, void *opaque), void *opaque);

#endif
