/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O task: PLAN -> READING -> READY (queue.c). It plans loads, whose input queues, until that is as much as one large read
 * holds; reads what is first in the queue of blocks (fetch.c), which may be others' input; and hands its loads to the workers: each
 * when its input is there, if the source reads in turn, else all at the end.
 *
 * Submitted tasks are counted (io_tasks, at most io_threads). A task that leaves something to plan, and room for it, submits itself
 * again; what makes room (a use, memory that comes back) or adds to the queue wants one.
 */
#include "core/reading.h"

#include "core/load.h"
#include "core/manager.h"

#define MOST_READING 64 /* loads planned before their input is read */

typedef struct vcol__load load_t;

/* For an I/O task that io_tasks counts already. */
static void submit_io(vcol_manager *m)
{
    vcol__queue *q = &m->queue;
    if (!vcol__queue_submit(m, VCOL_TASK_IO)) {
        vcol__lock_take(&q->lock);
        q->io_tasks--;
        vcol__lock_drop(&q->lock);
    }
}

void vcol__reading_want(vcol_manager *m)
{
    vcol__queue *q = &m->queue;
    vcol__lock_take(&q->lock);
    bool want = q->io_tasks < m->io_threads && q->list[0].head;
    if (want)
        q->io_tasks++;
    vcol__lock_drop(&q->lock);
    if (want)
        submit_io(m);
}

/* The loads that one I/O task has planned and whose input it reads. */
typedef struct reading {
    vcol_manager *manager;
    int32_t n, ready; /* ready: loads that wait for no input, and whose CPU tasks are not submitted yet */
    load_t *loads[MOST_READING]; /* referenced */
} reading;

/* Plans the first load of the queue and moves it on. False if there is none, or no room for it now. */
static bool plan_next(vcol_manager *m, reading *r)
{
    vcol__queue *q = &m->queue;
    if (r->n == MOST_READING || !vcol__queue_room_ahead(&q->ahead, q->lookahead))
        return false;
    load_t *load = vcol__queue_pop(m, VCOL__QUEUE_PLAN);
    if (!load)
        return false;
    vcol_buffer *b = load->buffer;
    vcol_error why = {0};
    vcol__lock_take(&b->stripe->lock);
    bool mine = vcol__load_idle_locked(load);
    load->busy = mine;
    vcol__lock_drop(&b->stripe->lock);
    bool room = true;
    if (mine) {
        vcol_status status = b->ops->prepare ? b->ops->prepare(b, load, &why) : VCOL_OK;
        room = status != VCOL_CANCELLED; /* what fails otherwise fails again, and says so, when it is run */
        bool reads = status == VCOL_OK && (load->reads || !b->ops->prepare);
        vcol__lock_take(&b->stripe->lock);
        load->busy = false;
        load->prepared = b->ops->prepare && status == VCOL_OK;
        pthread_cond_broadcast(&b->stripe->changed);
        vcol__lock_drop(&b->stripe->lock);
        vcol__lock_take(&q->lock);
        bool ok = vcol__queue_link_locked(q, load, !room ? VCOL__QUEUE_PLAN : reads ? VCOL__QUEUE_READING : VCOL__QUEUE_READY);
        vcol__lock_drop(&q->lock);
        if (ok && room && reads) {
            vcol__load_ref(load);
            r->loads[r->n++] = load;
        } else if (ok && room) {
            r->ready++;
        }
    }
    vcol__account_settled(&m->account);
    vcol__load_unref(load);
    return room;
}

/* Submits the CPU tasks of loads that have become READY. */
static void submit_ready(vcol_manager *m, reading *r)
{
    for (; r->ready > 0; r->ready--)
        vcol__queue_submit(m, VCOL_TASK_CPU);
}

/* Whether a buffer that another is made of is there, or as good as: its own turn to be run comes first. */
static bool comes_first(vcol_manager *m, const vcol_buffer *b)
{
    vcol__lock_take(&b->stripe->lock);
    bool first = (atomic_load(&b->word) & VCOL__STATE_MASK) != VCOL__QUEUED;
    if (!first) {
        vcol__lock_take(&m->queue.lock);
        first = b->load->where == VCOL__QUEUE_READY;
        vcol__lock_drop(&m->queue.lock);
    }
    vcol__lock_drop(&b->stripe->lock);
    return first;
}

/* Whether a load's input is there, while others of its task are still being read. */
static bool arrived(vcol_manager *m, load_t *load)
{
    vcol_buffer *b = load->buffer;
    const vcol_buffer *first = b->ops->needs ? b->ops->needs(b) : NULL;
    if (first && !comes_first(m, first))
        return false;
    if (!b->ops->prepare)
        return true;
    vcol__lock_take(&b->stripe->lock);
    /* Not waited for while another thread plans it: the rest of the batch waits for us. */
    bool all = vcol__load_idle_locked(load) && b->ops->arrived(load);
    vcol__lock_drop(&b->stripe->lock);
    return all;
}

/* READING -> READY. queue.lock is held. */
static void read_locked(vcol__queue *q, reading *r, load_t *load)
{
    if (load->where != VCOL__QUEUE_READING)
        return;
    vcol__queue_unlink_locked(q, load);
    r->ready += vcol__queue_link_locked(q, load, VCOL__QUEUE_READY);
}

/* Some of what the task reads is there: what waits for nothing else goes on. */
static void some_arrived(void *opaque)
{
    reading *r = opaque;
    vcol__queue *q = &r->manager->queue;
    int32_t kept = 0;
    for (int32_t i = 0; i < r->n; i++) {
        load_t *load = r->loads[i];
        if (!arrived(r->manager, load)) {
            r->loads[kept++] = load;
            continue;
        }
        vcol__lock_take(&q->lock);
        read_locked(q, r, load);
        vcol__lock_drop(&q->lock);
        vcol__load_unref(load);
    }
    r->n = kept;
    submit_ready(r->manager, r);
}

/* Their input is there, or has failed, or is more than one read brings: who runs them sees. */
static void end_reading(vcol_manager *m, reading *r)
{
    vcol__queue *q = &m->queue;
    vcol__lock_take(&q->lock);
    for (int32_t i = 0; i < r->n; i++)
        read_locked(q, r, r->loads[i]);
    vcol__lock_drop(&q->lock);
    submit_ready(m, r);
    while (r->n > 0)
        vcol__load_unref(r->loads[--r->n]);
}

void vcol__reading_task(void *m_void)
{
    vcol_manager *m = m_void;
    vcol__queue *q = &m->queue;
    reading r = {.manager = m};
    bool any = false, went_on = false;
    if (!atomic_load(&m->closing)) {
        uint64_t most = m->read_size ? m->read_size : (uint64_t)4 << 20;
        bool more = true;
        while (more) {
            vcol__lock_take(&m->blocks.lock);
            more = m->blocks.queue_bytes < most;
            vcol__lock_drop(&m->blocks.lock);
            more = more && plan_next(m, &r);
            went_on = went_on || more;
        }
        submit_ready(m, &r);
        any = vcol__fetch_some(m, some_arrived, &r);
    }
    end_reading(m, &r);
    vcol__lock_take(&q->lock);
    q->io_tasks--;
    bool again = any || (went_on && q->list[0].head && !atomic_load(&m->account.prefetch_short) &&
                         vcol__queue_room_ahead(&q->ahead, q->lookahead));
    again = again && q->io_tasks < m->io_threads;
    if (again)
        q->io_tasks++;
    vcol__lock_drop(&q->lock);
    if (again)
        submit_io(m);
    vcol__manager_release(m);
}
