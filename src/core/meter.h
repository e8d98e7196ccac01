/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A meter: the memory of some buffers together, and its peak: what their loads have reserved, then what is resident. A run
 * learns from it what a chunk needs. Loads that several chunks share blocks with count for each.
 */
#ifndef VCOL_CORE_METER_H
#define VCOL_CORE_METER_H

#include "core/load.h"

#include <stdlib.h>

typedef struct vcol__meter {
    _Atomic int64_t refs; /* the chunk's, and each buffer's: a pin may outlive the chunk */
    _Atomic int64_t now, peak; /* bytes */
} vcol__meter;

static inline void vcol__meter_add(vcol__meter *meter, int64_t bytes)
{
    /* Relaxed: numbers only; who decides by them reads them after the chunk is closed. */
    int64_t now = atomic_fetch_add_explicit(&meter->now, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&meter->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&meter->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed))
        ;
}

static inline void vcol__meter_release(vcol__meter *meter)
{
    if (meter && atomic_fetch_sub(&meter->refs, 1) == 1)
        free(meter);
}

/* A buffer that nobody else has yet is metered from now on. `meter` NULL: it is not. */
static inline void vcol__meter_attach(vcol__meter *meter, vcol_buffer *b)
{
    if (!meter || b->meter)
        return;
    atomic_fetch_add(&meter->refs, 1);
    b->meter = meter;
    vcol__meter_add(meter, (int64_t)atomic_load_explicit(&b->bytes, memory_order_relaxed));
}

#endif
