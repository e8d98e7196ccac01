/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks of the core, and the one place that says in which order they are taken.
 *
 * A thread takes locks upward only; builds without NDEBUG assert it. No lock is held across I/O, decode,
 * a callback, or a wait other than the one on its own condition. Allocation is done outside all locks but
 * LEVEL_REGISTRY (an entry of the block table), LEVEL_CHUNK and LEVEL_PLAN.
 *
 *   level           lock              guards
 *   LEVEL_CHUNK     chunk.lock        a chunk's scopes, steps and defined columns; a loop's columns; what a pass carries
 *   LEVEL_PLAN      plan.lock         a plan's steps, which chunks of any manager add to
 *   LEVEL_STRIPE    manager.stripe[]  every transition of a buffer's word but the ones out of and back to
 *                                     RESIDENT by compare and swap; buffer.load; load.done, load.scopes
 *   LEVEL_QUEUE     manager.queue     the queues of prefetched loads; scopes' counters
 *   LEVEL_GRAPH     manager.graph     load.waits_on: who waits for whom
 *   LEVEL_REGISTRY  manager.blocks    the block table, the states of its blocks, their references
 *   LEVEL_EXPECT    manager.expect    what programs expect to use: buffer.expected and where it stands
 *   LEVEL_EVICT     manager.evict     the heap of what may be evicted
 *   LEVEL_ACCOUNT   manager.account   the four parts, the grants, the line of those that wait for memory
 *   LEVEL_MEMORY    manager.memory    the free lists
 *   LEVEL_SPILL     manager.spill     the extents of the file for spilled buffers, memory to pack in
 *   LEVEL_LOG       manager.log       the access log
 *   LEVEL_WAITS     manager.waits     the records of those who wait
 *   LEVEL_POOL      pool.lock         the own threads' task lists
 */
#ifndef VCOL_CORE_SYNC_H
#define VCOL_CORE_SYNC_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

enum {
    LEVEL_NONE,
    LEVEL_CHUNK,
    LEVEL_PLAN,
    LEVEL_STRIPE,
    LEVEL_QUEUE,
    LEVEL_GRAPH,
    LEVEL_REGISTRY,
    LEVEL_EXPECT,
    LEVEL_EVICT,
    LEVEL_ACCOUNT,
    LEVEL_MEMORY,
    LEVEL_SPILL,
    LEVEL_LOG,
    LEVEL_WAITS,
    LEVEL_POOL
};

typedef struct vcol__lock {
    pthread_mutex_t mutex;
    int level;
} vcol__lock;

void vcol__lock_init(vcol__lock *lock, int level);
void vcol__lock_destroy(vcol__lock *lock);

/* For the watchdog: takes it, if it comes soon, whatever else this thread holds. */
bool vcol__lock_try(vcol__lock *lock);
void vcol__lock_try_drop(vcol__lock *lock);

#ifdef NDEBUG
static inline void vcol__lock_take(vcol__lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}
static inline void vcol__lock_drop(vcol__lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
static inline void vcol__lock_wait(pthread_cond_t *condition, vcol__lock *lock)
{
    pthread_cond_wait(condition, &lock->mutex);
}
static inline void vcol__lock_none_held(void)
{
}
#else
void vcol__lock_take(vcol__lock *lock);
void vcol__lock_drop(vcol__lock *lock);
void vcol__lock_wait(pthread_cond_t *condition, vcol__lock *lock);
/* Asserts that this thread holds no lock: before I/O, decoding and callbacks. */
void vcol__lock_none_held(void);
#endif

#endif
