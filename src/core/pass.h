/* SPDX-License-Identifier: BSD-3-Clause */
/* The pass that carries blocks from chunk to chunk. */
#ifndef VCOL_CORE_PASS_H
#define VCOL_CORE_PASS_H

#include "core/block.h"

/*
 * A pass over a data set: blocks that reach beyond a chunk, or are read by several columns, are kept for the
 * next user until the pass has moved beyond them.
 */
typedef struct vcol__pass {
    vcol__lock lock; /* LEVEL_CHUNK */
    vcol_manager *manager;
    vcol__block **blocks; /* pass lock */
    int64_t n, capacity;
    int64_t open[64]; /* first entries of open chunks; more than 64 count as 0 */
    int64_t n_open;
    _Atomic int64_t position; /* entries before it are done with */
} vcol__pass;

void vcol__pass_init(vcol__pass *pass, vcol_manager *m);
void vcol__pass_destroy(vcol__pass *pass);
/* A chunk of the file's entries [first, end) is opened or closed. */
void vcol__pass_enter(vcol__pass *pass, int64_t first);
void vcol__pass_leave(vcol__pass *pass, int64_t first, int64_t end);
/* Drops all that is carried. */
void vcol__pass_reset(vcol__pass *pass);
/* Keeps a block that ends before `end` (a row) for as long as the pass needs it. */
void vcol__pass_carry(vcol__pass *pass, vcol__block *block);

#endif
