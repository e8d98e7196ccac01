/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/speed.h: whether reads are slow, or come from the system's memory, by what they took. No clock in here but the one function, so that a test can say what
 * a read took.
 */
#ifndef VCOL_IO_SPEED_H
#define VCOL_IO_SPEED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A read that took less was no seek, no round trip: it came from memory or from near it. */
#define VCOL__SLOW_NS UINT64_C(1000000)
/* 125 MB/s: a disk, a gigabit link. What is faster costs no more than inflating the bytes does. */
#define VCOL__SLOW_NS_PER_BYTE UINT64_C(8)
/* So many of the last sixteen reads: one disk that was asleep, or a machine that was busy, is not a slow source. */
#define VCOL__SLOW_READS 12

/* A call, and copying at 2 GB/s: it came from the system's memory. */
#define VCOL__NEAR_NS UINT64_C(20000)
#define VCOL__NEAR_BYTES_PER_NS 2
/* So many of the last sixteen: a thread may have lost its processor in between. */
#define VCOL__NEAR_READS 13

/* What is known of a source's reads. Atomics, relaxed: a sample that is lost between two threads does no harm. */
typedef struct vcol__speed {
    _Atomic uint32_t last; /* the last sixteen reads, one bit each: slow */
    _Atomic bool slow;     /* most of them were; never reset */
    _Atomic uint32_t near; /* the last sixteen reads, one bit each: from the system's memory */
    _Atomic uint64_t ns, bytes; /* of all reads */
} vcol__speed;

static inline uint64_t vcol__clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static inline bool vcol__speed_is_slow(uint64_t ns, uint64_t bytes)
{
    return ns >= VCOL__SLOW_NS && ns / VCOL__SLOW_NS_PER_BYTE >= bytes;
}

static inline void vcol__speed_add(vcol__speed *speed, uint64_t ns, uint64_t bytes)
{
    uint32_t last = atomic_load_explicit(&speed->last, memory_order_relaxed);
    last = (last << 1 | vcol__speed_is_slow(ns, bytes)) & 0xffff;
    atomic_store_explicit(&speed->last, last, memory_order_relaxed);
    if (__builtin_popcount(last) >= VCOL__SLOW_READS)
        atomic_store_explicit(&speed->slow, true, memory_order_relaxed);
    uint32_t near = atomic_load_explicit(&speed->near, memory_order_relaxed);
    near = (near << 1 | (ns <= VCOL__NEAR_NS + bytes / VCOL__NEAR_BYTES_PER_NS)) & 0xffff;
    atomic_store_explicit(&speed->near, near, memory_order_relaxed);
    atomic_fetch_add_explicit(&speed->ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&speed->bytes, bytes, memory_order_relaxed);
}

static inline bool vcol__speed_slow(const vcol__speed *speed)
{
    return atomic_load_explicit(&speed->slow, memory_order_relaxed);
}

/* Whether the last reads came from the system's memory. It changes as they do. */
static inline bool vcol__speed_near(const vcol__speed *speed)
{
    return __builtin_popcount(atomic_load_explicit(&speed->near, memory_order_relaxed)) >= VCOL__NEAR_READS;
}

/* What reading so many bytes took on average, ns: a block's own read was shared with others. */
static inline uint64_t vcol__speed_of(const vcol__speed *speed, uint64_t bytes)
{
    uint64_t ns = atomic_load_explicit(&speed->ns, memory_order_relaxed);
    uint64_t all = atomic_load_explicit(&speed->bytes, memory_order_relaxed);
    double took = all ? (double)ns / (double)all * (double)bytes : 0;
    return took < 1e18 ? (uint64_t)took : (uint64_t)1e18;
}

#endif
