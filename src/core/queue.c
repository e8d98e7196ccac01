/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue of prefetched loads.
 *
 *   scope ──▶ PLAN ──(I/O task: plan, reserve)──▶ READING ──(the same: read)──▶ READY ──(CPU task: run)──▶ resident
 *               │                                   │                            │
 *               └─────────────────── taken by a demand, or back at the scope's end ┘
 *
 * A task carries no load: it takes what is first when it runs, and finds nothing when that was taken by others. So
 * taking work back never waits for the executor. One CPU task is submitted a load, and it runs one load at most. A load whose
 * input is there, or that needs none, passes READING by, and one whose input is there while others of its task are still read
 * leaves READING for itself; so workers do not wait for what an I/O task reads. What is made of another buffer (offsets of a
 * counter) goes with that one's input, in its turn: else it would be made at once, with a read of its own, for chunks that are far
 * ahead. PLAN stops while the bytes ahead of use are above the lookahead, or there is no memory; it goes on when buffers are used
 * or dropped, or memory comes back.
 *
 * A scope may bound its own loads (vcol__share): so many at a time, so many bytes ahead of use. A task that finds only loads that
 * may not run now ends and is counted as stalled; every load that ends, and every use, submits stalled tasks again. So there is
 * never a load that may run and no task to come.
 *
 * A load may be in the hands of a demand while a task still has its pointer; who has it is decided under the buffer's stripe lock
 * by the state QUEUED, and TAKEN (under the queue's lock) keeps it from being linked again.
 */
#include "core/queue.h"

#include "core/load.h"
#include "core/manager.h"
#include "core/reading.h"

#include <string.h>

typedef struct vcol__load load_t;

void vcol__queue_init(vcol__queue *q, uint64_t lookahead)
{
    memset(q, 0, sizeof *q);
    vcol__lock_init(&q->lock, LEVEL_QUEUE);
    vcol__queue_set_lookahead(q, lookahead);
}

void vcol__queue_set_lookahead(vcol__queue *q, uint64_t bytes)
{
    atomic_store_explicit(&q->lookahead, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX, memory_order_relaxed);
}

void vcol__queue_destroy(vcol__queue *q)
{
    vcol__lock_destroy(&q->lock);
}

static vcol__queue_list *list_of(vcol__queue *q, int32_t place)
{
    return &q->list[place - VCOL__QUEUE_PLAN];
}

static bool linked(const load_t *load)
{
    return load->where != VCOL__QUEUE_NOWHERE && load->where != VCOL__QUEUE_TAKEN;
}

void vcol__queue_unlink_locked(vcol__queue *q, load_t *load)
{
    if (!linked(load))
        return;
    vcol__queue_list *list = list_of(q, load->where);
    *(load->previous ? &load->previous->next : &list->head) = load->next;
    *(load->next ? &load->next->previous : &list->tail) = load->previous;
    load->next = load->previous = NULL;
    load->where = VCOL__QUEUE_NOWHERE;
}

bool vcol__queue_link_locked(vcol__queue *q, load_t *load, int32_t place)
{
    if (load->where == VCOL__QUEUE_TAKEN)
        return false;
    vcol__queue_list *list = list_of(q, place);
    load_t *after = list->tail;
    while (after && (after->priority < load->priority ||
                     (after->priority == load->priority && after->sequence > load->sequence)))
        after = after->previous;
    load->previous = after;
    load->next = after ? after->next : list->head;
    *(after ? &after->next : &list->head) = load;
    *(load->next ? &load->next->previous : &list->tail) = load;
    load->where = place;
    return true;
}

/* ---- shares -------------------------------------------------------------------------------- */

vcol__share *vcol__share_new(vcol_manager *m, int64_t concurrency, uint64_t lookahead)
{
    vcol__share *share = vcol__memory_new(m, sizeof *share);
    if (share) {
        atomic_init(&share->refs, 1);
        share->most = concurrency ? concurrency : INT64_MAX;
        share->lookahead = lookahead && lookahead < INT64_MAX ? (int64_t)lookahead : INT64_MAX;
    }
    return share;
}

void vcol__share_unref(vcol_manager *m, vcol__share *share)
{
    if (share && atomic_fetch_sub(&share->refs, 1) == 1)
        vcol__memory_delete(m, share, sizeof *share);
}

bool vcol__queue_room_ahead(_Atomic int64_t *ahead, int64_t bound)
{
    int64_t now = atomic_load(ahead);
    return now <= 0 || now < bound;
}

static bool may_run_locked(const vcol_manager *m, load_t *load)
{
    const vcol__queue *q = &m->queue;
    vcol__share *share = load->share;
    if (share && share->running >= share->most)
        return false;
    if (load->prepared || (load->buffer->ops->needs && !load->buffer->ops->prepare))
        return true;
    return vcol__queue_room_ahead(&((vcol_manager *)(uintptr_t)m)->queue.ahead, q->lookahead) &&
           (!share || vcol__queue_room_ahead(&share->ahead, share->lookahead));
}

static void task(void *m_void);

bool vcol__queue_submit(vcol_manager *m, vcol_task_kind kind)
{
    vcol__manager_acquire(m);
    bool ok = !atomic_load(&m->closing) && m->executor.submit(kind, kind == VCOL_TASK_IO ? vcol__reading_task : task, m,
                                                               m->executor.opaque) == VCOL_OK;
    if (!ok)
        vcol__manager_release(m);
    return ok;
}

void vcol__queue_resume(vcol_manager *m)
{
    if (vcol__background(m))
        vcol__reading_want(m);
}

/* Submits stalled tasks again, `most` of them. Those that run a load submit the next. */
static void unstall(vcol_manager *m, int64_t most)
{
    vcol__queue *q = &m->queue;
    vcol__lock_take(&q->lock);
    int64_t n = q->stalled < most ? q->stalled : most;
    q->stalled -= n;
    vcol__lock_drop(&q->lock);
    for (; n > 0; n--)
        vcol__queue_submit(m, VCOL_TASK_CPU);
}

void vcol__queue_ahead(vcol_manager *m, vcol__share *share, int64_t by)
{
    vcol__queue *q = &m->queue;
    atomic_fetch_add(&q->ahead, by);
    if (share)
        atomic_fetch_add(&share->ahead, by);
    if (by >= 0 || !vcol__background(m))
        return;
    unstall(m, m->threads);
    vcol__lock_take(&q->lock);
    bool plan = q->list[0].head != NULL;
    vcol__lock_drop(&q->lock);
    if (plan)
        vcol__reading_want(m);
}

void vcol__queue_charge(load_t *load, int64_t bytes)
{
    int64_t by = bytes - load->ahead;
    load->ahead = bytes;
    if (by)
        vcol__queue_ahead(load->buffer->manager, load->share, by);
}

void vcol__share_lift(vcol_manager *m, vcol__share *share)
{
    vcol__lock_take(&m->queue.lock);
    share->most = share->lookahead = INT64_MAX;
    vcol__lock_drop(&m->queue.lock);
    if (vcol__background(m))
        unstall(m, m->threads);
}

/* Whether its turn comes with its input, which is read ahead: its own, or that of what it is made of. */
static bool waits_for_input(const vcol_buffer *b)
{
    const vcol_buffer *from;
    while (!b->ops->prepare && b->ops->needs && (from = b->ops->needs(b)))
        b = from;
    return b->ops->prepare && !(b->ops->near && b->ops->near(b));
}

load_t *vcol__queue_add(vcol_buffer *b, int32_t priority, vcol__share *share, const load_t *again, bool *issued)
{
    vcol_manager *m = b->manager;
    vcol__queue *q = &m->queue;
    load_t *load = NULL, *fresh = vcol__load_new(b);
    *issued = false;
    if (!fresh)
        return NULL;
    vcol__lock_take(&b->stripe->lock);
    uint64_t state;
    for (;;) {
        state = atomic_load_explicit(&b->word, memory_order_acquire) & VCOL__STATE_MASK;
        if (state != VCOL__EVICTING)
            break;
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock); /* short */
    }
    if (state == VCOL__VIRTUAL) {
        load = b->load = fresh;
        atomic_fetch_add(&b->word, VCOL__QUEUED - VCOL__VIRTUAL);
        *issued = true;
    } else if (state == VCOL__QUEUED || state == VCOL__LOADING) {
        load = b->load;
    }
    if (load) {
        vcol__load_ref(load);
        load->scopes++;
        if (!*issued && state == VCOL__LOADING)
            atomic_store(&load->cancelled, false); /* wanted again */
    }
    vcol__lock_drop(&b->stripe->lock);
    if (!*issued) {
        if (load && state == VCOL__QUEUED) {
            vcol__lock_take(&q->lock);
            if (load->priority < priority && linked(load)) {
                int32_t place = load->where;
                vcol__queue_unlink_locked(q, load);
                load->priority = priority;
                vcol__queue_link_locked(q, load, place);
            }
            vcol__lock_drop(&q->lock);
        }
        vcol__load_unref(fresh);
        return load;
    }
    vcol__log_add(m, VCOL_LOG_PREFETCH, b->name, b->group, b->first, b->entries, 0, 0);
    bool plan = waits_for_input(b);
    vcol__lock_take(&q->lock);
    load->priority = priority;
    load->share = share;
    atomic_fetch_add(&share->refs, 1);
    load->sequence = again ? again->sequence : q->sequence++;
    bool ready = vcol__queue_link_locked(q, load, plan ? VCOL__QUEUE_PLAN : VCOL__QUEUE_READY) && !plan;
    vcol__lock_drop(&q->lock);
    if (ready)
        vcol__queue_submit(m, VCOL_TASK_CPU);
    return load;
}

bool vcol__queue_remove(vcol_buffer *b, const load_t *unwanted)
{
    vcol_manager *m = b->manager;
    load_t *load = NULL;
    vcol__lock_take(&b->stripe->lock);
    for (;;) {
        if ((atomic_load(&b->word) & VCOL__STATE_MASK) != VCOL__QUEUED)
            break;
        if (unwanted && (b->load != unwanted || unwanted->scopes > 0 || atomic_load(&unwanted->demanded)))
            break;
        if (!b->load->busy) {
            vcol__account_moving(&m->account);
            load = b->load;
            b->load = NULL;
            load->done = true;
            load->result.status = VCOL_CANCELLED;
            uint64_t word = atomic_load(&b->word);
            while (!atomic_compare_exchange_weak(&b->word, &word, word & ~(VCOL__STATE_MASK | VCOL__DOOMED)))
                ;
            pthread_cond_broadcast(&b->stripe->changed);
            break;
        }
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
    }
    vcol__lock_drop(&b->stripe->lock);
    if (!load)
        return false;
    atomic_store(&load->prefetch_result, 3);
    vcol__queue_forget(m, load);
    VCOL__COUNT(m, cancelled, 1);
    if (load->work)
        b->ops->unprepare(b, load);
    vcol__account_give_back(m, &load->grant, 0); /* now: a task may keep a reference for a moment longer */
    vcol__account_settled(&m->account);
    vcol__queue_charge(load, 0);
    vcol__load_unref(load);
    return true;
}

void vcol__queue_forget(vcol_manager *m, load_t *load)
{
    vcol__queue *q = &m->queue;
    vcol__lock_take(&q->lock);
    vcol__queue_unlink_locked(q, load);
    load->where = VCOL__QUEUE_TAKEN;
    vcol__lock_drop(&q->lock);
}

/* QUEUED -> LOADING for this load, if that is still what the buffer waits for. */
static bool take_over(load_t *load)
{
    vcol_buffer *b = load->buffer;
    vcol__lock_take(&b->stripe->lock);
    bool mine = vcol__load_queued_locked(load);
    if (mine) {
        vcol__load_taken_locked(load);
        atomic_fetch_add(&b->word, VCOL__LOADING - VCOL__QUEUED);
    }
    vcol__lock_drop(&b->stripe->lock);
    return mine;
}

/* Runs a load that has a place in its share, and gives that place to the next. `moving`: it was popped. */
static bool run_and_leave(load_t *load, bool moving)
{
    vcol_manager *m = load->buffer->manager;
    vcol__queue *q = &m->queue;
    bool mine = take_over(load);
    if (moving)
        vcol__account_settled(&m->account);
    if (mine) {
        vcol__queue_forget(m, load);
        vcol__load_run(load, true, NULL);
    }
    vcol__lock_take(&q->lock);
    if (load->share)
        load->share->running--;
    vcol__lock_drop(&q->lock);
    unstall(m, 1);
    return mine;
}

vcol__queue_try vcol__queue_run(load_t *load, bool force)
{
    vcol__queue *q = &load->buffer->manager->queue;
    vcol__lock_take(&q->lock);
    bool there = linked(load);
    bool full = !force && load->share && load->share->running >= load->share->most;
    if (there && !full && load->share)
        load->share->running++;
    vcol__lock_drop(&q->lock);
    if (!there)
        return VCOL__TRY_ELSEWHERE;
    if (full)
        return VCOL__TRY_FULL;
    return run_and_leave(load, false) ? VCOL__TRY_RAN : VCOL__TRY_ELSEWHERE;
}

load_t *vcol__queue_pop(vcol_manager *m, int32_t place)
{
    vcol__queue *q = &m->queue;
    vcol__lock_take(&q->lock);
    load_t *first = list_of(q, place)->head, *load = first;
    if (place == VCOL__QUEUE_READY) {
        while (load && !may_run_locked(m, load))
            load = load->next;
        if (!load && first)
            q->stalled++;
    } else {
        while (load && load->share && !vcol__queue_room_ahead(&load->share->ahead, load->share->lookahead))
            load = load->next;
    }
    if (load) {
        vcol__account_moving(&m->account);
        vcol__queue_unlink_locked(q, load);
        vcol__load_ref(load);
        if (place == VCOL__QUEUE_READY && load->share)
            load->share->running++;
    }
    vcol__lock_drop(&q->lock);
    return load;
}

static void task(void *m_void)
{
    vcol_manager *m = m_void;
    bool done = false;
    while (!done && !atomic_load(&m->closing)) {
        load_t *load = vcol__queue_pop(m, VCOL__QUEUE_READY);
        if (!load)
            break;
        done = run_and_leave(load, true);
        vcol__load_unref(load);
    }
    vcol__manager_release(m);
}

/* The last wish that has something to give back; what is ready has cost most. */
static load_t *last_prepared_locked(vcol__queue *q)
{
    static const int32_t places[] = {VCOL__QUEUE_READING, VCOL__QUEUE_READY};
    for (int i = 0; i < 2; i++)
        for (load_t *load = list_of(q, places[i])->tail; load; load = load->previous)
            if (load->prepared)
                return load;
    return NULL;
}

uint64_t vcol__queue_revoke(vcol_manager *m, uint64_t bytes)
{
    vcol__queue *q = &m->queue;
    uint64_t freed = 0;
    while (freed < bytes) {
        vcol__lock_take(&q->lock);
        load_t *load = last_prepared_locked(q);
        if (load) {
            vcol__account_moving(&m->account);
            vcol__queue_unlink_locked(q, load);
            vcol__load_ref(load);
        }
        vcol__lock_drop(&q->lock);
        if (!load)
            break;
        vcol_buffer *b = load->buffer;
        vcol__lock_take(&b->stripe->lock);
        bool mine = vcol__load_idle_locked(load);
        load->busy = mine;
        vcol__lock_drop(&b->stripe->lock);
        if (mine) {
            vcol__account *a = &m->account;
            vcol__lock_take(&a->lock);
            uint64_t before = a->live + a->promised;
            vcol__lock_drop(&a->lock);
            b->ops->unprepare(b, load);
            vcol__account_give_back(m, &load->grant, 0);
            vcol__lock_take(&a->lock);
            uint64_t after = a->live + a->promised;
            vcol__lock_drop(&a->lock);
            freed += before > after ? before - after : 1;
            if (load->ahead) {
                atomic_fetch_sub(&q->ahead, load->ahead);
                if (load->share)
                    atomic_fetch_sub(&load->share->ahead, load->ahead);
                load->ahead = 0;
            }
            vcol__lock_take(&b->stripe->lock);
            load->busy = false;
            load->prepared = false;
            pthread_cond_broadcast(&b->stripe->changed);
            vcol__lock_drop(&b->stripe->lock);
            atomic_store(&m->account.prefetch_short, true);
            vcol__lock_take(&q->lock);
            vcol__queue_link_locked(q, load, VCOL__QUEUE_PLAN);
            vcol__lock_drop(&q->lock);
        }
        vcol__account_settled(&m->account);
        vcol__load_unref(load);
    }
    return freed;
}
