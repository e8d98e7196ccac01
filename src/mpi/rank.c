/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rank's own run. It is UNORDERED and GIVEN: ranges come from a queue, results go to a list as they come. The job's functions
 * are wrapped, so that a chunk that fails is a result too, and does not end the run. The run's own numbers of chunks are not
 * those of the whole: a chunk is known by its first entry.
 */
#define _GNU_SOURCE
#include "rank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A wrapped state. */
typedef struct wrapped {
    vcol__mpi_range range;
    vcol_error why; /* what failed of it */
    void *state;
    bool open;      /* state is to be closed */
} wrapped;

/* Of the chunk that this thread has begun, until it has a state. */
static _Thread_local struct {
    vcol__mpi_range range;
    vcol_error why;
    bool begun;
} now;

static void copy_error(vcol_error *to, vcol_status status, const vcol_error *from, const char *what)
{
    *to = *from;
    if (!to->status)
        vcol_error_set(to, status, what);
    to->status = status;
}

/* ---- the job, wrapped ------------------------------------------------------------------------------------ */

static vcol_run_chunk with_index(const vcol_run_chunk *info)
{
    vcol_run_chunk whole = *info;
    whole.index = now.range.index;
    return whole;
}

static vcol_status wrapped_begin(const vcol_run_chunk *info, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    memset(&now, 0, sizeof now);
    now.range = (vcol__mpi_range){-1, info->first, info->count};
    pthread_mutex_lock(&r->lock);
    for (int64_t i = 0; i < r->taken; i++)
        if (r->ranges[i].first == info->first && r->ranges[i].count == info->count)
            now.range = r->ranges[i];
    pthread_mutex_unlock(&r->lock);
    vcol_run_chunk whole = with_index(info);
    vcol_error why = {0};
    vcol_status status = r->job.begin ? r->job.begin(&whole, r->job.opaque, &why) : VCOL_OK;
    now.begun = status == VCOL_OK;
    if (status != VCOL_OK)
        copy_error(&now.why, status, &why, "the job's begin failed");
    (void)err;
    return VCOL_OK;
}

static vcol_status wrapped_open(void **state, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    wrapped *w = calloc(1, sizeof *w);
    if (!w)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a state");
    w->range = now.range;
    w->why = now.why;
    vcol_error why = {0};
    vcol_status status = w->why.status ? VCOL_OK : r->job.open ? r->job.open(&w->state, r->job.opaque, &why) : VCOL_OK;
    if (status != VCOL_OK)
        copy_error(&w->why, status, &why, "the job's open failed");
    w->open = !w->why.status && r->job.open;
    *state = w;
    return VCOL_OK;
}

static vcol_status wrapped_chunk(vcol_chunk *chunk, void *state, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    wrapped *w = state;
    vcol_error why = {0};
    (void)err;
    if (w->why.status)
        return VCOL_OK;
    vcol_status status = r->job.chunk(chunk, w->state, r->job.opaque, &why);
    if (status == VCOL_OK)
        status = (vcol_status)why.status;
    if (status == VCOL_END)
        status = VCOL_CALLBACK;
    if (status != VCOL_OK)
        copy_error(&w->why, status, &why, "the job's chunk failed");
    now.why = w->why;
    return VCOL_OK;
}

/* For the results cache: failures are not kept. */
static vcol_status wrapped_save(const void *state, vcol_sink *sink, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    const wrapped *w = state;
    return w->why.status ? vcol_error_set(err, VCOL_CANCELLED, "no state") : r->job.save(w->state, sink, r->job.opaque, err);
}

static vcol_status wrapped_load(void **state, const void *data, size_t size, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    wrapped *w = calloc(1, sizeof *w);
    if (!w)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a state");
    w->range = now.range;
    w->why = now.why;
    vcol_status status = r->job.load(&w->state, data, size, r->job.opaque, err);
    if (status != VCOL_OK) {
        free(w);
        return status;
    }
    w->open = true;
    *state = w;
    return VCOL_OK;
}

static void wrapped_end(const vcol_run_chunk *info, void *opaque)
{
    vcol__mpi_rank *r = opaque;
    vcol_run_chunk whole = with_index(info);
    if (!now.why.status && r->job.end)
        r->job.end(&whole, r->job.opaque);
    else if (now.why.status && now.begun && r->job.failed)
        r->job.failed(&whole, &now.why, r->job.opaque);
}

static void wrapped_failed(const vcol_run_chunk *info, const vcol_error *why, void *opaque)
{
    vcol__mpi_rank *r = opaque;
    vcol_run_chunk whole = with_index(info);
    if (now.begun && r->job.failed)
        r->job.failed(&whole, why, r->job.opaque);
}

static void wrapped_close(void *state, void *opaque)
{
    vcol__mpi_rank *r = opaque;
    wrapped *w = state;
    if (w->open && r->job.close)
        r->job.close(w->state, r->job.opaque);
    free(w);
}

/* A state becomes a result. */
static vcol_status wrapped_merge(void *total, void *state, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    const wrapped *w = state;
    vcol_error why = {0};
    (void)total;
    vcol__mpi_result *result = calloc(1, sizeof *result);
    if (!result)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a result");
    result->range = w->range;
    result->why = w->why;
    vcol_status status = VCOL_OK;
    if (!w->why.status) {
        status = vcol_sink_open(&result->sink, &why);
        if (status == VCOL_OK)
            status = r->job.save(w->state, result->sink, r->job.opaque, &why);
    }
    if (status != VCOL_OK)
        copy_error(&result->why, status, &why, "the job's save failed");
    pthread_mutex_lock(&r->lock);
    for (int64_t i = 0; i < r->taken; i++) {
        if (r->ranges[i].index == w->range.index) {
            memmove(&r->ranges[i], &r->ranges[i + 1], (size_t)(r->n - i - 1) * sizeof *r->ranges);
            r->n--;
            r->taken--;
            break;
        }
    }
    r->computed += !result->why.status;
    *r->last = result;
    r->last = &result->next;
    pthread_cond_signal(&r->made);
    bool enough = r->no_more;
    pthread_mutex_unlock(&r->lock);
    return enough ? VCOL_END : VCOL_OK; /* nobody wants the others: they are stopped */
}

static vcol_status next_range(int64_t *first, int64_t *count, int wait, void *opaque, vcol_error *err)
{
    vcol__mpi_rank *r = opaque;
    vcol_status status = VCOL_OK;
    (void)err;
    pthread_mutex_lock(&r->lock);
    while (wait && r->taken == r->n && !r->no_more)
        pthread_cond_wait(&r->given, &r->lock);
    if (r->no_more) {
        status = VCOL_END;
    } else if (r->taken == r->n) {
        status = VCOL_NOT_FOUND;
    } else {
        *first = r->ranges[r->taken].first;
        *count = r->ranges[r->taken++].count;
    }
    pthread_mutex_unlock(&r->lock);
    return status;
}

/* ---- the rank ---------------------------------------------------------------------------------------------- */

static void *run(void *opaque)
{
    vcol__mpi_rank *r = opaque;
    vcol_job job;
    vcol_error why = {0};
    vcol_job_init(&job, sizeof job);
    job.begin = wrapped_begin;
    job.open = wrapped_open;
    job.chunk = wrapped_chunk;
    job.save = wrapped_save;
    job.load = wrapped_load;
    job.end = wrapped_end;
    job.failed = wrapped_failed;
    job.merge = wrapped_merge;
    job.close = wrapped_close;
    job.opaque = r;
    vcol_run(r->dataset, &r->options, &job, NULL, NULL, &why);
    pthread_mutex_lock(&r->lock);
    r->over = true;
    r->failed = why;
    pthread_cond_signal(&r->made);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

vcol_status vcol__mpi_rank_start(vcol__mpi_rank *r, vcol_dataset *d, const vcol_run_options *options, const vcol_job *job,
                                 vcol_error *err)
{
    memset(r, 0, sizeof *r);
    r->dataset = d;
    r->options = *options;
    r->options.flags |= VCOL_RUN_UNORDERED;
    r->options.depth = 0;
    r->options.progress = NULL; /* that of one rank tells nothing */
    r->options.chunking = VCOL_CHUNK_GIVEN;
    r->options.next = next_range;
    r->options.next_opaque = r;
    r->job = *job;
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->given, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->made, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r->started = pthread_create(&r->thread, NULL, run, r) == 0;
    if (r->started)
        return VCOL_OK;
    vcol__mpi_rank_end(r);
    return vcol_error_set(err, VCOL_NOMEM, "no thread for this rank's run");
}

vcol_status vcol__mpi_rank_give(vcol__mpi_rank *r, const vcol__mpi_range *range, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    pthread_mutex_lock(&r->lock);
    if (r->n == r->capacity) {
        int64_t capacity = r->capacity ? 2 * r->capacity : 16;
        vcol__mpi_range *more = realloc(r->ranges, (size_t)capacity * sizeof *more);
        if (more) {
            r->ranges = more;
            r->capacity = capacity;
        } else {
            status = vcol_error_set(err, VCOL_NOMEM, "no memory for a range");
        }
    }
    if (status == VCOL_OK)
        r->ranges[r->n++] = *range;
    pthread_cond_broadcast(&r->given);
    pthread_mutex_unlock(&r->lock);
    return status;
}

vcol__mpi_result *vcol__mpi_rank_take(vcol__mpi_rank *r, int64_t wait_us, bool *over, vcol_error *failed)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (wait_us % 1000000) * 1000;
    until.tv_sec += wait_us / 1000000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&r->lock);
    while (wait_us > 0 && !r->first && pthread_cond_timedwait(&r->made, &r->lock, &until) != ETIMEDOUT)
        if (r->over) /* nothing will come */
            break;
    vcol__mpi_result *result = r->first;
    if (result) {
        r->first = result->next;
        if (!r->first)
            r->last = &r->first;
    }
    *over = r->over && !result;
    *failed = r->failed;
    pthread_mutex_unlock(&r->lock);
    return result;
}

void vcol__mpi_result_free(vcol__mpi_result *result)
{
    if (result)
        vcol_sink_close(result->sink);
    free(result);
}

void vcol__mpi_rank_end(vcol__mpi_rank *r)
{
    if (r->started) {
        pthread_mutex_lock(&r->lock);
        r->no_more = true;
        pthread_cond_broadcast(&r->given);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    while (r->first) {
        vcol__mpi_result *next = r->first->next;
        vcol__mpi_result_free(r->first);
        r->first = next;
    }
    free(r->ranges);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->given);
    pthread_cond_destroy(&r->made);
}
