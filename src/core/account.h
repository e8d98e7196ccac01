/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory account: live + promised + cached + fixed <= limit, who waits for memory, and the counted
 * grant over the limit. See account.c for the rules.
 */
#ifndef VCOL_CORE_ACCOUNT_H
#define VCOL_CORE_ACCOUNT_H

#include "core/sync.h"

#include <vcol/manager.h>

#include <stdatomic.h>
#include <stdbool.h>

struct vcol__waiter;

typedef struct vcol__account {
    vcol__lock lock;
    pthread_cond_t changed; /* something was given back, became evictable, or came to wait */
    /* account.lock */
    uint64_t limit; /* UINT64_MAX = none */
    uint64_t live, promised, cached, fixed;
    uint64_t leaving; /* was cached, and is on its way back to the system */
    uint64_t peak, peak_live, overcommits, overcommit_bytes, memory_waits;
    uint64_t given_back;   /* grows with every event a waiter may profit from */
    int64_t runnable;      /* threads that materialize and are not blocked, and reads in flight */
    uint64_t next_ticket;
    struct vcol__waiter *line; /* those who wait, in the order in which they will be served */
    /* atomic; read by unpin after its decrement, written by waiters before they look for what to evict */
    _Atomic int64_t waiting;
    _Atomic int64_t moving;      /* threads that have taken memory, or a promise of some, from where a waiter would look for it,
                                    and have not given it back or put it anywhere yet */
    _Atomic bool prefetch_short; /* a prefetch was refused memory: tell the queue when some comes back */
    /* const after open */
    bool lends;                /* what is promised may be backed by what is cached */
    struct vcol__trace *trace; /* told of changes; NULL: none */
} vcol__account;

/* What one materialization has reserved. Touched under account.lock only. */
typedef struct vcol__grant {
    uint64_t held;   /* bytes promised and not yet backed */
    uint64_t ticket; /* its age: of its first reservation; 0 = none yet */
} vcol__grant;

typedef enum vcol__urgency {
    VCOL__PREFETCH, /* never waits: CANCELLED if there is no room */
    VCOL__DEMAND,   /* a new materialization that somebody waits for */
    VCOL__BORROW    /* a started one that needs more than it had reserved; goes before the new ones */
} vcol__urgency;

void vcol__account_init(vcol__account *account, uint64_t limit, bool lends);
void vcol__account_destroy(vcol__account *account);

/*
 * Adds `bytes` to the grant. Trims, evicts, waits, and goes over the limit, by the rules. `runnable` says
 * whether the caller is counted as runnable (it is then not while it waits).
 * Errors: CANCELLED (PREFETCH without room), LIMIT (hard limit).
 */
vcol_status vcol__account_reserve(vcol_manager *m, vcol__grant *grant, uint64_t bytes, vcol__urgency urgency,
                                  bool runnable, vcol_error *err);
/* The limit now; UINT64_MAX = none. */
uint64_t vcol__account_limit(vcol_manager *m);
/* Gives back all that the grant holds above `keep` bytes. */
void vcol__account_give_back(vcol_manager *m, vcol__grant *grant, uint64_t keep);
/* Memory was allocated (from == cached: taken from the free lists) against the grant; the rest of the grant's
 * promise stays. What the grant does not hold is added to live all the same: reserve before. */
void vcol__account_back(vcol_manager *m, vcol__grant *grant, uint64_t bytes, bool from_cached);

/* ---- with account.lock: for pages (memory.c), whose lists it guards too ------------------------------------ */

/* live + promised + cached + fixed. */
uint64_t vcol__account_sum(const vcol__account *account);
/* The cached part: what is not lent to a promise. */
uint64_t vcol__account_cached(const vcol__account *account);
/* By how much the sum would be above the limit if `bytes` were backed and `cached` changed by so much. */
uint64_t vcol__account_over(const vcol__account *account, const vcol__grant *grant, uint64_t bytes, int64_t cached);
/* How much of that can go from `cached`: what is lent to other promises is in the sum whether it is there or not. */
uint64_t vcol__account_excess(const vcol__account *account, const vcol__grant *grant, uint64_t bytes, int64_t cached);
/* Backs them. */
void vcol__account_backed(vcol__account *account, vcol__grant *grant, uint64_t bytes, int64_t cached);
/* Memory came back to `cached` or left the account: those who wait look again. */
void vcol__account_told(vcol__account *account);
/* The same without the lock: prefetches that were refused memory are tried again. */
void vcol__account_resume(vcol_manager *m);
/* More is cached, which was not charged before: false if there is no room for it. */
bool vcol__account_keep(vcol__account *account, uint64_t bytes);

/* Live memory was freed (or moved to the free lists). */
void vcol__account_free(vcol_manager *m, uint64_t bytes, bool to_cached);
/* Memory that was not charged goes to the free lists: true and charged, if there is room. */
bool vcol__account_cache(vcol_manager *m, uint64_t bytes);
void vcol__account_uncache(vcol_manager *m, uint64_t bytes);
void vcol__account_fix(vcol_manager *m, int64_t bytes);
/* Brings the sum down by `bytes`, as far as that can be: trims, evicts. Returns by how much. */
uint64_t vcol__account_shrink(vcol_manager *m, uint64_t bytes);
/* A thread starts or ends to materialize, or a read starts or ends. */
void vcol__account_runnable(vcol_manager *m, int by);
/*
 * This thread takes memory from where a waiter would find it (a resident buffer to be dropped, a load of the queue, recycled
 * memory), and is not counted as runnable: nobody is granted more than there is until it has settled, when that has come back
 * or is in a place where it is found. Short, or as long as a disk takes to spill it; nothing else is waited for in between. Not for a look that takes nothing: settling
 * lets those who wait look again.
 */
static inline void vcol__account_moving(vcol__account *account)
{
    atomic_fetch_add(&account->moving, 1);
}
void vcol__account_settled(vcol__account *account);
/* The same where nothing has come back by it: who waits need not look again. */
void vcol__account_unmoved(vcol__account *account);
/* Something became evictable: called by the last unpin, when `waiting` is not 0. */
void vcol__account_kick(vcol_manager *m);

#endif
