/* SPDX-License-Identifier: BSD-3-Clause */
/* One materialization of a buffer: who does it, who waits for it, what it has reserved. See load.c. */
#ifndef VCOL_CORE_LOAD_H
#define VCOL_CORE_LOAD_H

#include "core/buffer.h"

typedef struct vcol__load {
    vcol_buffer *buffer; /* const; referenced */
    vcol__grant grant;   /* account.lock */
    /* stripe lock of the buffer */
    int64_t scopes;   /* open scopes that want it */
    bool busy;        /* a thread plans it while the buffer is QUEUED */
    bool prepared;    /* planned: blocks known, memory reserved, input under way */
    bool reads;       /* some of its input was not there when it was planned */
    bool done;        /* result is final */
    bool moving;      /* it came from the queue with something reserved, and does not run yet: counted in account.moving */
    bool by_prefetch; /* a worker runs it, for a scope */
    vcol_error result;
    /* graph lock */
    struct vcol__load *waits_on; /* the load this one needs and does not have yet */
    /* queue lock */
    struct vcol__load *next, *previous; /* in a queue */
    int32_t where;                      /* vcol__queue_place */
    int32_t priority;
    uint64_t sequence;
    vcol__share *share; /* of the scope that issued it, referenced; NULL: a demand's own. Const once it is linked */
    /* whoever has it: the thread that plans, revokes or runs it */
    int64_t ahead; /* bytes charged to the lookahead */
    int64_t begun; /* ns of the manager's clock, when it was run */
    int64_t metered; /* bytes that it has reserved for its buffer's meter */
    /* atomic */
    _Atomic int64_t refs;   /* the buffer while QUEUED or LOADING, whoever runs it, each waiter, each scope */
    _Atomic bool cancelled; /* stop at the next block; reset when another scope wants it */
    _Atomic bool stopped;   /* it has seen that, or gave up: who wants the values tries again; never reset */
    _Atomic bool demanded;  /* somebody waits for it: it may borrow, and is not stopped; never reset */
    _Atomic int64_t prefetch_result; /* 1 = done, 2 = failed, 3 = taken back, 4 = done by a demand: for scopes' statistics */
    _Atomic int64_t thread; /* the one that makes it; 0: none yet */
    /* the loading thread's own */
    struct vcol__load *parent; /* the load on whose behalf this thread makes this one */
    struct vcol__work *work;   /* a group's blocks; owned by the unit, see work.h */
    bool runnable;
} vcol__load;

/* The load that this thread is making for this manager, or NULL. */
vcol__load *vcol__load_current(vcol_manager *m);

/*
 * A thread that computes on columns for the manager: as long as it does, and is not blocked in here, its leases are going to
 * end, so that those who wait for memory wait for it instead of being granted over the limit. On the thread's stack; nests.
 */
typedef struct vcol__consumer {
    vcol_manager *manager;
    struct vcol__consumer *above;
} vcol__consumer;
void vcol__consumer_begin(vcol__consumer *consumer, vcol_manager *m);
void vcol__consumer_end(vcol__consumer *consumer);
/* Whether this thread is counted as runnable by the account: it makes a load, or is a consumer. */
bool vcol__load_counted(vcol_manager *m);

/* Creates a load, referenced once. Buffer is acquired. NULL: no memory. */
vcol__load *vcol__load_new(vcol_buffer *buffer);
void vcol__load_ref(vcol__load *load);
/* Drops a reference; outside all locks. */
void vcol__load_unref(vcol__load *load);

/*
 * Runs a load whose buffer this thread has just set to LOADING, publishes or fails it, and tells all waiters. Returns
 * its result; the caller keeps its reference.
 */
vcol_status vcol__load_run(vcol__load *load, bool by_prefetch, vcol_error *err);
/*
 * Waits until a load has ended, without wanting its values, or, with `only_unwanted`, until somebody wants them. False, at
 * once, if it would close a circle.
 */
bool vcol__load_join(vcol__load *load, bool only_unwanted);
/* Waits for a load that another thread runs, helping it. The caller holds a reference. */
vcol_status vcol__load_wait(vcol__load *load, vcol_error *err);

/* Reserves for a load: as a demand, a borrower or a prefetch, by what it is now. */
vcol_status vcol__load_reserve(vcol__load *load, uint64_t bytes, bool started, vcol_error *err);
/* Gives back what its grant holds above `keep` bytes: it turned out to need less. */
void vcol__load_give_back(vcol__load *load, uint64_t keep);
/* Waits while a thread plans it; whether its buffer is then QUEUED, for this load. Under the buffer's stripe
 * lock. */
bool vcol__load_queued_locked(vcol__load *load);
/* The same, without waiting: false while another thread plans it, too. */
bool vcol__load_idle_locked(const vcol__load *load);
/* QUEUED -> LOADING is about to come: what it has reserved is not taken back any more. Under the buffer's stripe lock. */
void vcol__load_taken_locked(vcol__load *load);
/* Whether it should stop: nobody wants it any more, or the manager closes. */
bool vcol__load_stopped(vcol__load *load);

#endif
