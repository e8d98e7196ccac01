/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/prefetch.h: a scope in which named columns or buffers are materialized ahead of use, in the
 * order given, by the manager's threads. A prefetch never changes a result, only when it is there: what
 * fails in it fails again, with its message, for whoever asks for that column.
 *
 * At the end of a scope queued work is taken back; running work stops at its next block unless somebody
 * waits for it or another scope wants it, and is joined; what was prefetched and never used is the first
 * to go when memory is short. Scopes nest and overlap. Closing a chunk ends its scopes.
 */
#ifndef VCOL_PREFETCH_H
#define VCOL_PREFETCH_H

#include <vcol/chunk.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_prefetch vcol_prefetch;

typedef struct vcol_prefetch_options {
    size_t struct_size;
    int32_t priority;    /* higher goes first; 0 is usual */
    int32_t concurrency; /* loads of this scope at most at a time; 0 = as many as threads; < 0 MISUSE */
    uint64_t lookahead;  /* bytes at most materialized and not yet used; 0 = the manager's */
} vcol_prefetch_options;

VCOL_API void vcol_prefetch_options_init(vcol_prefetch_options *options, size_t size);

typedef struct vcol_prefetch_stats {
    int64_t asked;    /* buffers wanted, each once */
    int64_t issued;   /* of those, not resident and not loading when asked for */
    int64_t done;     /* materialized by this scope */
    int64_t failed;
    int64_t taken_back; /* queued or running when the scope ended or memory ran short */
    int64_t used;     /* pinned or leased by somebody since */
} vcol_prefetch_stats;

/*
 * Begins a scope over columns of a chunk (a list of names as for vcol_dataset_match, also of defined ones
 * and of what was put; "" = none).
 * A begin that fails gives an inert scope: *out is NULL, on which wait and end do nothing.
 * Errors: NOT_FOUND, MISUSE, NOMEM.
 */
VCOL_API vcol_status vcol_prefetch_begin(vcol_chunk *chunk, const char *columns,
                                         const vcol_prefetch_options *options, vcol_prefetch **out,
                                         vcol_error *err);
/* The same over buffers, which are acquired until the end. */
VCOL_API vcol_status vcol_prefetch_begin_buffers(vcol_manager *manager, vcol_buffer *const *buffers,
                                                 int64_t n, const vcol_prefetch_options *options,
                                                 vcol_prefetch **out, vcol_error *err);
/* Waits until nothing of the scope is queued or running. Works along. Errors: none but MISUSE. */
VCOL_API vcol_status vcol_prefetch_wait(vcol_prefetch *scope, vcol_error *err);
VCOL_API void vcol_prefetch_get_stats(const vcol_prefetch *scope, vcol_prefetch_stats *out, size_t size);
/* Ends the scope (see above). NULL is fine. */
VCOL_API void vcol_prefetch_end(vcol_prefetch *scope);

#ifdef __cplusplus
}
#endif
#endif
