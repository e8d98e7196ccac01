/* SPDX-License-Identifier: BSD-3-Clause */
/* The pass that carries blocks from chunk to chunk. */
#ifndef VCOL_CORE_PASS_H
#define VCOL_CORE_PASS_H

#include "core/block.h"

#include <vcol/buffer.h>

/*
 * A pass over a data set: blocks that reach beyond a chunk, or are read by several columns, are kept for the
 * next user until the pass has moved beyond them.
 */
typedef struct vcol__pass {
    vcol__lock lock; /* LEVEL_CHUNK */
    vcol_manager *manager;
    vcol__block **blocks; /* pass lock */
    int64_t n, capacity;
    int64_t *open; /* first entries of open chunks */
    int64_t n_open, open_capacity;
    int64_t n_unknown; /* open chunks for which there was no memory there: while there are any, the position is 0 */
    vcol_buffer **counted; /* offsets of open chunks, borrowed; pass lock */
    int64_t n_counted, counted_capacity;
    _Atomic int64_t position; /* entries before it are done with */
    int64_t origin;           /* the data set's entry that is the file's first; set at open */
    /* for the tier; relaxed: hints */
    _Atomic uint64_t number; /* of the loop that goes over the file; 0 = none */
    _Atomic uint64_t before; /* of the loop before that one, or its own if there was none */
    _Atomic uint64_t last;   /* of the last loop that began; 0 = none */
} vcol__pass;

void vcol__pass_init(vcol__pass *pass, vcol_manager *m);
void vcol__pass_destroy(vcol__pass *pass);
/* A chunk of the file's entries [first, end) is opened or closed. */
void vcol__pass_enter(vcol__pass *pass, int64_t first);
void vcol__pass_leave(vcol__pass *pass, int64_t first, int64_t end);
/* A loop begins, whose number the manager gives (vcol__tier.passes). The reset ends it. */
void vcol__pass_begin(vcol__pass *pass, uint64_t number);
/* Drops all that is carried. */
void vcol__pass_reset(vcol__pass *pass);
/* Keeps a block that ends before `end` (a row) for as long as the pass needs it. */
void vcol__pass_carry(vcol__pass *pass, vcol__block *block);
/*
 * The offsets of an open chunk, lent to the pass until they are taken back (before the chunk's reference ends): those who
 * decode a block that reaches over several chunks find out from them how many items lie in between.
 */
void vcol__pass_lend(vcol__pass *pass, vcol_buffer *offsets);
void vcol__pass_take_back(vcol__pass *pass, vcol_buffer *offsets);
/*
 * Items of the offsets' group in rows [first, end), from what is lent, loaded where need be; false: not all rows are, or
 * that failed. Called inside a load. Without a pass there is nothing but the empty range.
 */
bool vcol__pass_items(vcol__pass *pass, int32_t group, int64_t first, int64_t end, int64_t *items);

#endif
