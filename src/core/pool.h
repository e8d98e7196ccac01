/* SPDX-License-Identifier: BSD-3-Clause */
/* The manager's own threads: an executor with one list of tasks a kind. Threads start with the first task. */
#ifndef VCOL_CORE_POOL_H
#define VCOL_CORE_POOL_H

#include "core/sync.h"

#include <vcol/manager.h>

#include <stdbool.h>
#include <stdint.h>

struct vcol__pool_task;

typedef struct vcol__pool_side {
    pthread_cond_t some;
    struct vcol__pool_task *head, **tail; /* pool.lock */
    pthread_t *threads;
    int32_t wanted, started, idle;
    int64_t queued; /* tasks in the list */
    const char *name;
} vcol__pool_side;

typedef struct vcol__pool {
    vcol__lock lock;
    vcol__pool_side side[2]; /* by vcol_task_kind */
    bool stopping;
} vcol__pool;

void vcol__pool_init(vcol__pool *pool, int32_t cpu_threads, int32_t io_threads);
/* Runs what is queued, joins the threads. */
void vcol__pool_destroy(vcol__pool *pool);
/* An executor's submit; opaque is the pool. */
vcol_status vcol__pool_submit(vcol_task_kind kind, void (*run)(void *arg), void *arg, void *pool);

#endif
