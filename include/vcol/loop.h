/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/loop.h: one chunk after the other over a data set. While a chunk is computed on, the columns
 * declared for the loop and those touched in the chunks before are materialized for the next one(s).
 * In one pass each block (basket, page) is unpacked once at any chunk size, memory permitting.
 */
#ifndef VCOL_LOOP_H
#define VCOL_LOOP_H

#include <vcol/partition.h>
#include <vcol/plan.h>
#include <vcol/prefetch.h>
#include <vcol/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_loop vcol_loop;

#define VCOL_LOOP_NO_PREFETCH 1u /* nothing is read before it is asked for */

typedef struct vcol_loop_options {
    size_t struct_size;
    uint32_t flags;      /* VCOL_LOOP_… */
    int32_t chunking;    /* vcol_chunking */
    int64_t entries;     /* entries a chunk; 0 = 100,000 */
    int64_t first;       /* first entry of the data set to visit */
    int64_t count;       /* entries to visit; 0 = to the end */
    const char *columns; /* declared columns; NULL = learned from the first chunk only */
    int32_t ahead;       /* chunks prefetched ahead, at most 32; 0 = chosen: 2, or as many as reach past two of the columns'
                            largest blocks, so that one is read while another is unpacked (vcol_loop_ahead) */
    int32_t reserved;
    vcol_plan *plan; /* that its chunks follow, acquired; or NULL: their steps end leases, and nothing else */
    vcol_progress_fn progress; /* called by vcol_loop_next when a chunk is done, and at the end; NULL: not */
    void *progress_opaque;
    uint32_t chunk_flags; /* VCOL_CHUNK_… of vcol/partition.h */
    int32_t reserved2;
    int64_t parts;        /* likewise */
    const char *keys;     /* likewise */
} vcol_loop_options;

VCOL_API void vcol_loop_options_init(vcol_loop_options *options, size_t size);

/* Errors: NOT_FOUND (a declared column, a key), TYPE (a key), RANGE, MISUSE, NOMEM. */
VCOL_API vcol_status vcol_loop_open(vcol_dataset *dataset, const vcol_loop_options *options, vcol_loop **out,
                                    vcol_error *err);
/*
 * Closes the chunk before and gives the next one, which belongs to the loop. Returns END, and *out NULL,
 * after the last; END does not set err. BY_GROUPS, what vcol_partition_next gives.
 */
VCOL_API vcol_status vcol_loop_next(vcol_loop *loop, vcol_chunk **out, vcol_error *err);
/* Chunks given so far. */
VCOL_API int64_t vcol_loop_chunks(const vcol_loop *loop);
/* Chunks prefetched ahead: as asked, or as chosen for the columns known so far. 0: there is no prefetch. */
VCOL_API int32_t vcol_loop_ahead(const vcol_loop *loop);
/* Ends the pass, early or not. */
VCOL_API void vcol_loop_close(vcol_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
