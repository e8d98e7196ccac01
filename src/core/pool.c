/* SPDX-License-Identifier: BSD-3-Clause */
/* The manager's own threads. A thread is started when more tasks wait than threads are idle, up to the number wanted. */
#define _GNU_SOURCE
#include "core/pool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct vcol__pool_task {
    struct vcol__pool_task *next;
    void (*run)(void *arg);
    void *arg;
};

struct thread_start {
    vcol__pool *pool;
    vcol__pool_side *side;
    int32_t number;
};

void vcol__pool_init(vcol__pool *pool, int32_t cpu_threads, int32_t io_threads)
{
    static const char *const names[2] = {"vcol-dec", "vcol-io"};
    vcol__lock_init(&pool->lock, LEVEL_POOL);
    pool->stopping = false;
    for (int i = 0; i < 2; i++) {
        vcol__pool_side *side = &pool->side[i];
        pthread_cond_init(&side->some, NULL);
        side->head = NULL;
        side->tail = &side->head;
        side->threads = NULL;
        side->wanted = i == VCOL_TASK_IO ? io_threads : cpu_threads;
        side->started = side->idle = 0;
        side->queued = 0;
        side->name = names[i];
    }
}

static void *work(void *start_void)
{
    struct thread_start start = *(struct thread_start *)start_void;
    vcol__pool *pool = start.pool;
    vcol__pool_side *side = start.side;
    char name[16];
    free(start_void);
    snprintf(name, sizeof name, "%s-%d", side->name, (int)start.number);
    pthread_setname_np(pthread_self(), name);
    vcol__lock_take(&pool->lock);
    for (;;) {
        while (!side->head && !pool->stopping) {
            side->idle++;
            vcol__lock_wait(&side->some, &pool->lock);
            side->idle--;
        }
        struct vcol__pool_task *task = side->head;
        if (!task)
            break;
        side->head = task->next;
        if (!side->head)
            side->tail = &side->head;
        side->queued--;
        vcol__lock_drop(&pool->lock);
        task->run(task->arg);
        free(task);
        vcol__lock_take(&pool->lock);
    }
    vcol__lock_drop(&pool->lock);
    return NULL;
}

/* Starts one more thread, with all signals blocked: signals are the program's. False if the system will not. */
static bool start_locked(vcol__pool *pool, vcol__pool_side *side)
{
    struct thread_start *start = malloc(sizeof *start);
    sigset_t all, old;
    bool ok = false;
    if (!side->threads)
        side->threads = calloc((size_t)side->wanted, sizeof *side->threads);
    if (start && side->threads) {
        *start = (struct thread_start){pool, side, side->started};
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        ok = pthread_create(&side->threads[side->started], NULL, work, start) == 0;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (ok)
        side->started++;
    else
        free(start);
    return ok;
}

vcol_status vcol__pool_submit(vcol_task_kind kind, void (*run)(void *arg), void *arg, void *opaque)
{
    vcol__pool *pool = opaque;
    vcol__pool_side *side = &pool->side[kind];
    struct vcol__pool_task *task = malloc(sizeof *task);
    vcol_status status = VCOL_OK;
    if (!task)
        return VCOL_NOMEM;
    *task = (struct vcol__pool_task){NULL, run, arg};
    vcol__lock_take(&pool->lock);
    bool can = !pool->stopping;
    /* An idle thread stays counted until it has woken: those that were told of earlier tasks are not there for this one. */
    if (can && side->idle <= side->queued && side->started < side->wanted)
        can = start_locked(pool, side) || side->started > 0;
    if (can && side->started > 0) {
        *side->tail = task;
        side->tail = &task->next;
        side->queued++;
        pthread_cond_signal(&side->some);
    } else {
        status = VCOL_CANCELLED;
    }
    vcol__lock_drop(&pool->lock);
    if (status != VCOL_OK)
        free(task);
    return status;
}

void vcol__pool_destroy(vcol__pool *pool)
{
    vcol__lock_take(&pool->lock);
    pool->stopping = true;
    for (int i = 0; i < 2; i++)
        pthread_cond_broadcast(&pool->side[i].some);
    vcol__lock_drop(&pool->lock);
    for (int i = 0; i < 2; i++) {
        for (int32_t t = 0; t < pool->side[i].started; t++)
            pthread_join(pool->side[i].threads[t], NULL);
        free(pool->side[i].threads);
        pthread_cond_destroy(&pool->side[i].some);
    }
    vcol__lock_destroy(&pool->lock);
}
