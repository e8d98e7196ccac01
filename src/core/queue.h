/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of prefetched loads, and the tasks that work it off. See queue.c. */
#ifndef VCOL_CORE_QUEUE_H
#define VCOL_CORE_QUEUE_H

#include "core/sync.h"

#include <vcol/buffer.h>

#include <stdatomic.h>
#include <stdbool.h>

struct vcol__load;

typedef enum vcol__queue_place {
    VCOL__QUEUE_NOWHERE, /* not linked (yet) */
    VCOL__QUEUE_PLAN,    /* to be planned, its input to be started */
    VCOL__QUEUE_READING, /* planned; an I/O task reads its input */
    VCOL__QUEUE_READY,   /* to be run */
    VCOL__QUEUE_TAKEN    /* a demand or a scope's end took it: never to be linked again */
} vcol__queue_place;

/*
 * What one scope's loads have in common: how many may run at a time, and how much may lie ahead of use. It outlives the scope
 * where another one wants a load of its; a scope that ends lifts its bounds.
 */
typedef struct vcol__share {
    _Atomic int64_t refs;  /* the scope, its loads, buffers that it brought and nobody has used */
    _Atomic int64_t ahead; /* bytes brought or under way, and not used yet */
    _Atomic int64_t used;  /* buffers that it brought and somebody has used */
    /* queue lock */
    int64_t most, running; /* loads */
    int64_t lookahead;     /* bytes */
} vcol__share;

typedef struct vcol__queue_list {
    struct vcol__load *head, *tail;
} vcol__queue_list;

typedef struct vcol__queue {
    vcol__lock lock;
    /* queue lock */
    vcol__queue_list list[3]; /* PLAN, READING and READY, by priority, then in order of wish */
    uint64_t sequence;
    int64_t io_tasks;  /* submitted and not ended */
    int64_t stalled;   /* CPU tasks that found only what may not run now; each is submitted again when that changes */
    /* atomic */
    _Atomic int64_t ahead;   /* bytes materialized or under way and not used yet */
    _Atomic int64_t lookahead; /* bytes; moves with the limit: a stale value is as good as the change coming later */
} vcol__queue;

void vcol__queue_init(vcol__queue *queue, uint64_t lookahead);
void vcol__queue_destroy(vcol__queue *queue);
void vcol__queue_set_lookahead(vcol__queue *queue, uint64_t bytes);

/* 0 = no bound. NULL: no memory. */
vcol__share *vcol__share_new(vcol_manager *m, int64_t concurrency, uint64_t lookahead);
void vcol__share_unref(vcol_manager *m, vcol__share *share);
/* The scope ends: what others want of it is no longer held back. */
void vcol__share_lift(vcol_manager *m, vcol__share *share);

/*
 * Makes a virtual buffer QUEUED. Returns its load, referenced for the caller's scope: a new one, or the one under way; NULL
 * if it is resident or there is no memory. *issued tells which. What must be planned first waits for vcol__queue_resume,
 * which is called once for a scope: a thread is woken once, not once a buffer. again: a load of the buffer that has been done, or
 * NULL; the new one takes its place in the order.
 */
struct vcol__load *vcol__queue_add(vcol_buffer *buffer, int32_t priority, vcol__share *share, const struct vcol__load *again,
                                   bool *issued);
/*
 * QUEUED -> VIRTUAL. False if it was not queued (any more). unwanted: only this load, and only while no scope and no demand
 * wants it; NULL: whatever is queued.
 */
bool vcol__queue_remove(vcol_buffer *buffer, const struct vcol__load *unwanted);
/* A demand took the load over: it is no longer in the queue. */
void vcol__queue_forget(vcol_manager *m, struct vcol__load *load);
/* Runs a queued load on this thread, as a prefetch, if it is still queued and `force`, or its share lets it. */
typedef enum vcol__queue_try { VCOL__TRY_RAN, VCOL__TRY_ELSEWHERE, VCOL__TRY_FULL } vcol__queue_try;
vcol__queue_try vcol__queue_run(struct vcol__load *load, bool force);
/* Frees what was reserved and read for queued loads, last wish first, up to about `bytes`. */
uint64_t vcol__queue_revoke(vcol_manager *m, uint64_t bytes);
/* Changes the bytes ahead of use (share may be NULL); when they fall, goes on. */
void vcol__queue_ahead(vcol_manager *m, vcol__share *share, int64_t by);
/* A load brings so many bytes in all, more or fewer than it was charged with so far. */
void vcol__queue_charge(struct vcol__load *load, int64_t bytes);
/* There is more to plan, or memory came back: goes on planning. */
void vcol__queue_resume(vcol_manager *m);

/* ---- for reading.c --------------------------------------------------------------------------------- */

/* Hands a task to the executor; it keeps the manager alive. */
bool vcol__queue_submit(vcol_manager *m, vcol_task_kind kind);
/* Something lies ahead of use at least once, however small the bound. */
bool vcol__queue_room_ahead(_Atomic int64_t *ahead, int64_t bound);
/* By priority, then by sequence: usually at the tail. False if it was taken. */
bool vcol__queue_link_locked(vcol__queue *queue, struct vcol__load *load, int32_t place);
void vcol__queue_unlink_locked(vcol__queue *queue, struct vcol__load *load);
/*
 * The first load of a list that may go on now, referenced, with a place in its share if it is to be run. What it has reserved
 * cannot be revoked any more: it is `moving`, for the caller to settle.
 */
struct vcol__load *vcol__queue_pop(vcol_manager *m, int32_t place);

#endif
