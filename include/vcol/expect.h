/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/expect.h: in which order a program will use its buffers. Where it is known, what is evicted for want of memory is what is
 * needed last, and what is never needed again goes first: close to what can be reached at all with that memory. For
 * columns of chunks loops and plans say it; this is for buffers of the program's own (vcol/buffer.h).
 *
 * A wrong order costs time, never a value.
 */
#ifndef VCOL_EXPECT_H
#define VCOL_EXPECT_H

#include <vcol/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_expect vcol_expect;

/*
 * Says that the next `n` pins will be of buffers[order[0]], buffers[order[1]], … Slices and views stand for what they are
 * of. Each pin of one of the buffers, from any thread, counts as its next one in the order; what is pinned more often is
 * taken for never used again. Buffers that are not named keep their own order, and go before those that are used again.
 *
 * Memory: 24 bytes a buffer, 8 a pin, of the manager's. The buffers are acquired until the end.
 * Errors: MISUSE (a number in `order` is no buffer's, a buffer of another manager, or one that is expected already), NOMEM.
 */
VCOL_API vcol_status vcol_expect_begin(vcol_manager *manager, vcol_buffer *const *buffers, int64_t n_buffers,
                                       const int64_t *order, int64_t n, vcol_expect **out, vcol_error *err);
/* Forgets it. NULL is fine. Before the manager is closed; no pin that it is about may be under way. */
VCOL_API void vcol_expect_end(vcol_expect *expect);

#ifdef __cplusplus
}
#endif
#endif
