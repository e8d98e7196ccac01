/* SPDX-License-Identifier: BSD-3-Clause */
/* The lock-order checker of builds without NDEBUG. The held levels of a thread are a bit set of its own. */
#include "core/sync.h"

#include <sched.h>

void vcol__lock_init(vcol__lock *lock, int level)
{
    pthread_mutex_init(&lock->mutex, NULL);
    lock->level = level;
}

void vcol__lock_destroy(vcol__lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

bool vcol__lock_try(vcol__lock *lock)
{
    for (int i = 0; i < 10000; i++) {
        if (pthread_mutex_trylock(&lock->mutex) == 0)
            return true;
        sched_yield();
    }
    return false;
}

void vcol__lock_try_drop(vcol__lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

#ifndef NDEBUG
static _Thread_local unsigned held; /* bit l: a lock of level l is held by this thread */

void vcol__lock_take(vcol__lock *lock)
{
    assert(held >> lock->level == 0 && "locks are taken upward only: core/sync.h");
    pthread_mutex_lock(&lock->mutex);
    held |= 1u << lock->level;
}

void vcol__lock_drop(vcol__lock *lock)
{
    held &= ~(1u << lock->level);
    pthread_mutex_unlock(&lock->mutex);
}

void vcol__lock_wait(pthread_cond_t *condition, vcol__lock *lock)
{
    assert(held == 1u << lock->level && "a wait holds its own lock only");
    held = 0;
    pthread_cond_wait(condition, &lock->mutex);
    held = 1u << lock->level;
}

void vcol__lock_none_held(void)
{
    assert(held == 0 && "no lock is held across I/O, decode or a callback");
}
#endif
