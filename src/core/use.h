/* SPDX-License-Identifier: BSD-3-Clause */
/* What was done with the buffers and blocks of a file's groups: the statistics of columns. See use.c. */
#ifndef VCOL_CORE_USE_H
#define VCOL_CORE_USE_H

#include <vcol/manager.h>

#include <stdatomic.h>
#include <stdbool.h>

/* Counts of one group. Atomic, relaxed: numbers that nothing follows from; exact when nothing is in flight. */
typedef struct vcol__use {
    _Atomic uint64_t loads, failures, load_ns, wait_ns, blocks_read, bytes_read, blocks_unpacked, bytes_unpacked,
        blocks_redecoded, evictions, prefetched, prefetch_unused;
    _Atomic uint64_t bytes, peak; /* of memory: now, and the most */
} vcol__use;

/* A file's, by group; a group's is made with the first buffer of it. Referenced by the file and its buffers. */
typedef struct vcol__uses {
    vcol_manager *manager;
    _Atomic int64_t refs;
    int64_t n;
    _Atomic(vcol__use *) group[];
} vcol__uses;

/* NULL without memory: then nothing is counted. All functions take NULL. */
vcol__uses *vcol__uses_new(vcol_manager *m, int64_t groups);
vcol__uses *vcol__uses_ref(vcol__uses *uses);
void vcol__uses_unref(vcol__uses *uses);
/* The group's, made if need be. */
vcol__use *vcol__uses_of(vcol__uses *uses, int64_t group);
/* The group's, if there is one; under any lock. */
vcol__use *vcol__uses_look(const vcol__uses *uses, int64_t group);

#define VCOL__USED(use, what, by)                                                                              \
    do {                                                                                                       \
        vcol__use *used_ = (use);                                                                              \
        if (used_)                                                                                             \
            atomic_fetch_add_explicit(&used_->what, (uint64_t)(by), memory_order_relaxed);                     \
    } while (0)

/* An instance of so many bytes has come, has gone. */
void vcol__use_loaded(vcol__use *use, uint64_t bytes, bool by_prefetch);
void vcol__use_dropped(vcol__use *use, uint64_t bytes);

#endif
