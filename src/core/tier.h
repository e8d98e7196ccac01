/* SPDX-License-Identifier: BSD-3-Clause */
/* The tier between "there" and "gone": stored bytes of blocks that are kept after they were unpacked. See tier.c. */
#ifndef VCOL_CORE_TIER_H
#define VCOL_CORE_TIER_H

#include "core/pass.h"

/* Registry lock. */
typedef struct vcol__tier {
    uint64_t bound;         /* const after open: memory that it may have */
    _Atomic uint64_t bytes; /* that it has: capacities, which the account counts as live; read without the lock for statistics */
    vcol__block *oldest, *newest; /* in the order of use, by kept_next */
    /* What a loop may keep: no more than was left when memory was short. */
    uint64_t room; /* bytes */
    bool pressed;  /* it became less in this loop */
    uint64_t pass; /* the loop that kept something last */
    _Atomic uint64_t passes; /* loops so far: their numbers */
} vcol__tier;

void vcol__tier_init(vcol__tier *tier, uint64_t bound);

/* Whether the file's stored bytes are to be kept; once true, it stays. */
static inline bool vcol__tier_wants(const vcol__binding *file)
{
    return file->keep == VCOL__KEEP_ALWAYS || (file->keep == VCOL__KEEP_IF_SLOW && vcol__speed_slow(&file->speed));
}

/*
 * The stored bytes have been used, and the block belongs to nobody any more: they stay if the file's are to be kept and there
 * is room for them, else they are freed. pass: of the file, where they were used for a chunk of it; or NULL.
 */
void vcol__tier_keep(vcol__block *block, const vcol__pass *pass);
/* The stored bytes are about to be used: if they are the tier's, that is counted as a hit. */
void vcol__tier_used(vcol__block *block);
/* What was found to be broken is read again the next time: the block, and what holds it, leave the tier. */
void vcol__tier_forget(vcol__block *block);
/* What was evicted was not evicted for want of memory. */
void vcol__tier_relax(vcol_manager *m);
/* All blocks of a file that is being closed, of which no load is left. */
void vcol__tier_drop_file(vcol__binding *file);

/* ---- for block.c: under the registry lock ---- */

extern const vcol__evict_ops vcol__tier_evict_ops;
/* It will be used soon. */
void vcol__tier_touch_locked(vcol__block *block);
/* Takes it out of the order; its reference is the caller's then. Its stored bytes stay what they are. */
void vcol__tier_unlink_locked(vcol__block *block);

#endif
