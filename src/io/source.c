/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sources: the counted handle around a table of functions, and the reading that waits.
 *
 * Every range is checked against the source's size here, so that no implementation is asked for bytes
 * beyond it. Messages about reads do not name the source: who reads knows what it is and prefixes once.
 */
#include "io/source.h"

#include <vcol/reader.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vcol_source {
    /* set at create, const after */
    vcol_source_ops ops;
    void *self;
    vcol_source_limits limits;
    /* atomic */
    _Atomic int64_t references; /* owners; the one who takes it to 0 closes */
    /* const after create */
    char name[];
};

/* One vcol_source_read of an asynchronous source; lives on its caller's stack until nothing is in flight. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* flight went down */
    /* under lock */
    int32_t flight;
    vcol_status status; /* the first failure */
    int os_errno;
    char message[sizeof((vcol_error *)0)->message];
};

vcol_status vcol__io_error(vcol_error *err, int os_errno, const char *format, ...)
{
    if (err && err->status == VCOL_OK) {
        char text[128] = "unknown error";
        va_list args;
        va_start(args, format);
        int n = vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        if (os_errno && n >= 0 && (size_t)n < sizeof err->message) {
            (void)!strerror_r(os_errno, text, sizeof text);
            snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", text);
        }
        err->status = VCOL_IO;
        err->os_errno = os_errno;
    }
    return VCOL_IO;
}

/* Passes a failure on, and says something where the implementation did not. */
static vcol_status failed(vcol_status status, vcol_error *err)
{
    return vcol_error_set(err, status, "the source failed without saying why");
}

static vcol_status check(const vcol_source *source, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    uint64_t end = source->limits.size;
    if (n < 0)
        return vcol_error_format(err, VCOL_MISUSE, "read of %d ranges", (int)n);
    for (int32_t i = 0; i < n; i++)
        if (ranges[i].offset > end || ranges[i].size > end - ranges[i].offset)
            return vcol_error_format(err, VCOL_RANGE,
                                     "%zu bytes at byte %llu lie beyond the end at byte %llu", ranges[i].size,
                                     (unsigned long long)ranges[i].offset, (unsigned long long)end);
    return VCOL_OK;
}

vcol_status vcol_source_create(const vcol_source_ops *ops, void *self, const char *name, vcol_source **out,
                               vcol_error *err)
{
    vcol_source *source = NULL;
    vcol_status status = err ? (vcol_status)err->status : VCOL_OK;
    *out = NULL;
    if (status)
        return status;
    if (!ops || !ops->struct_size)
        return vcol_error_set(err, VCOL_MISUSE, "a source needs a table of functions with its struct_size");

    vcol_source_ops known = {0};
    size_t size = ops->struct_size < sizeof known ? ops->struct_size : sizeof known;
    memcpy(&known, ops, size);
    for (size_t i = sizeof known; i < ops->struct_size; i++)
        if (((const char *)ops)[i])
            return vcol_error_set(err, VCOL_UNSUPPORTED, "the source is written for a newer version of vcol");
    if (!known.limits || !known.read == !known.submit)
        return vcol_error_set(err, VCOL_MISUSE, "a source needs `limits` and one of `read` and `submit`");

    if (!name)
        name = "";
    source = calloc(1, sizeof *source + strlen(name) + 1);
    if (!source)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a source");
    strcpy(source->name, name);
    source->ops = known;
    source->self = self;
    atomic_init(&source->references, 1);
    status = known.limits(self, &source->limits, err);
    if (status) {
        free(source);
        return failed(status, err);
    }
    if (source->limits.requests < 0)
        source->limits.requests = 0;
    if ((source->limits.flags & VCOL_SOURCE_FAST) && (source->limits.flags & VCOL_SOURCE_SLOW)) /* no opinion */
        source->limits.flags &= ~(VCOL_SOURCE_FAST | VCOL_SOURCE_SLOW);
    if (source->limits.ranges < 0)
        source->limits.ranges = 0;
    *out = source;
    return VCOL_OK;
}

const char *vcol_source_name(const vcol_source *source)
{
    return source->name;
}

const vcol_source_limits *vcol_source_get_limits(const vcol_source *source)
{
    return &source->limits;
}

int vcol__source_submits(const vcol_source *source)
{
    return source->ops.submit != NULL;
}

vcol_status vcol__source_submit(vcol_source *source, const vcol_range *ranges, int32_t n,
                                vcol_source_done done, void *arg, vcol_error *err)
{
    if (err && err->status)
        return err->status;
    if (!source->ops.submit)
        return vcol_error_set(err, VCOL_MISUSE, "the source only reads with waiting");
    vcol_status status = check(source, ranges, n, err);
    if (!status)
        status = source->ops.submit(source->self, ranges, n, done, arg, err);
    return status ? failed(status, err) : VCOL_OK;
}

static void arrived(vcol_status status, int os_errno, const char *message, void *arg)
{
    struct waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    if (status && !w->status) {
        w->status = status;
        w->os_errno = os_errno;
        snprintf(w->message, sizeof w->message, "%s", message ? message : "");
    }
    w->flight--;
    /* Signalled under the lock: the waiter, and with it this condition, may be gone right after. */
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Waits until at most `most` are in flight; returns the first failure so far. */
static vcol_status await(struct waiter *w, int32_t most)
{
    vcol_status status;
    pthread_mutex_lock(&w->lock);
    while (w->flight > most)
        pthread_cond_wait(&w->changed, &w->lock);
    status = w->status;
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* Submits `step` ranges at a time, with no more in flight than the source bears, and waits for all. */
static vcol_status read_submitting(vcol_source *source, const vcol_range *ranges, int32_t n, int32_t step,
                                   vcol_error *err)
{
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    int32_t most = source->limits.requests ? source->limits.requests : INT32_MAX;
    vcol_status refused = VCOL_OK;
    for (int32_t i = 0; i < n && !refused; i += step) {
        if (await(&w, most - 1))
            break;
        pthread_mutex_lock(&w.lock);
        w.flight++;
        pthread_mutex_unlock(&w.lock);
        step = step < n - i ? step : n - i;
        refused = source->ops.submit(source->self, ranges + i, step, arrived, &w, err);
        if (refused)
            arrived(VCOL_OK, 0, NULL, &w); /* no callback will come */
    }
    vcol_status status = await(&w, 0);
    if (refused) {
        status = failed(refused, err);
    } else if (status) {
        if (err && !err->status)
            err->os_errno = w.os_errno;
        status = w.message[0] ? vcol_error_set(err, status, w.message) : failed(status, err);
    }
    pthread_cond_destroy(&w.changed);
    pthread_mutex_destroy(&w.lock);
    return status;
}

vcol_status vcol_source_read(vcol_source *source, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    if (err && err->status)
        return err->status;
    vcol_status status = check(source, ranges, n, err);
    if (status || n == 0)
        return status;
    int32_t step = source->limits.ranges && source->limits.ranges < n ? source->limits.ranges : n;
    if (source->ops.submit)
        return read_submitting(source, ranges, n, step, err);
    for (int32_t i = 0; i < n && !status; i += step) {
        step = step < n - i ? step : n - i;
        status = source->ops.read(source->self, ranges + i, step, err);
    }
    return status ? failed(status, err) : VCOL_OK;
}

void vcol_source_identity(vcol_source *source, char *out, size_t size)
{
    if (!size)
        return;
    out[0] = 0;
    if (source->ops.identity)
        source->ops.identity(source->self, out, size);
    out[size - 1] = 0;
}

void vcol_source_acquire(vcol_source *source)
{
    /* Relaxed: who acquires has a reference already, and nothing is published by one more. */
    if (source)
        atomic_fetch_add_explicit(&source->references, 1, memory_order_relaxed);
}

void vcol_source_release(vcol_source *source)
{
    /* Release by each owner, acquire by the last: what others did with the source is before its close. */
    if (source && atomic_fetch_sub_explicit(&source->references, 1, memory_order_acq_rel) == 1) {
        if (source->ops.close)
            source->ops.close(source->self);
        free(source);
    }
}
