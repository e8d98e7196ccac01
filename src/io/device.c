/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulated device: another source, whose reads take the time that a device of given latency and
 * bandwidth would take.
 *
 *   asked      latency              transfer
 *   A  |------------------|=======|
 *   B     |------------------|.....======|       waits for the link, which A has
 *   C     ...................|------------------|===|       requests = 2: waits for A or B to be done
 *
 * Ranges that follow one another are one read, however many places they go to: a merged read costs one latency.
 * A read books its time, then reads from the inner source, then blocks its thread until the booked time.
 */
#include "io/device.h"

#include "io/source.h"
#include "io/speed.h"

#include <vcol/reader.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
/* What is cheaper to read than to skip is what passes in one latency; this bounds it. */
#define GAP_MAX (UINT64_C(1) << 20)
/* A read by which it is told whether it is slow. */
#define TRIED (UINT64_C(256) << 10)

struct device {
    /* set at open, const after */
    vcol_source *inner;
    vcol_device_options options;
    pthread_mutex_t lock; /* held for arithmetic only */
    pthread_cond_t fewer; /* in_flight went down */
    /* under lock */
    vcol__link link;
    int32_t in_flight;
};

static uint64_t transfer(uint64_t bytes, uint64_t bytes_per_second)
{
    return bytes_per_second ? (uint64_t)((double)bytes * (double)SECOND / (double)bytes_per_second) : 0;
}

uint64_t vcol__link_book(vcol__link *link, uint64_t now, uint64_t bytes)
{
    uint64_t start = now + link->latency;
    if (!link->bytes_per_second)
        return start;
    if (start < link->free_at)
        start = link->free_at;
    link->free_at = start + transfer(bytes, link->bytes_per_second);
    return link->free_at;
}

static void block_until(uint64_t when)
{
    struct timespec t = {.tv_sec = (time_t)(when / SECOND), .tv_nsec = (long)(when % SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static vcol_status limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    struct device *d = self;
    (void)err;
    *out = *vcol_source_get_limits(d->inner);
    out->requests = d->options.requests;
    if (vcol__speed_is_slow(d->options.latency_ns + transfer(TRIED, d->options.bytes_per_second), TRIED))
        out->flags = VCOL_SOURCE_SLOW;
    out->flags |= VCOL_SOURCE_SERIAL;
    if (d->options.bytes_per_second) {
        double skipped = (double)d->options.latency_ns / (double)SECOND * (double)d->options.bytes_per_second;
        out->gap = skipped < (double)GAP_MAX ? (uint64_t)skipped : GAP_MAX;
    } else if (d->options.latency_ns) {
        out->gap = GAP_MAX;
    }
    return VCOL_OK;
}

/* One request of the device: n ranges, each where the one before ends. */
static vcol_status request(struct device *d, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    uint64_t bytes = ranges[n - 1].offset + ranges[n - 1].size - ranges[0].offset;
    pthread_mutex_lock(&d->lock);
    while (d->options.requests && d->in_flight >= d->options.requests)
        pthread_cond_wait(&d->fewer, &d->lock);
    d->in_flight++;
    uint64_t when = vcol__link_book(&d->link, vcol__clock_ns(), bytes);
    pthread_mutex_unlock(&d->lock);

    vcol_status status = vcol_source_read(d->inner, ranges, n, err);
    block_until(when);

    pthread_mutex_lock(&d->lock);
    d->in_flight--;
    pthread_cond_signal(&d->fewer);
    pthread_mutex_unlock(&d->lock);
    return status;
}

static vcol_status read_ranges(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    int32_t first = 0;
    while (first < n && !status) {
        int32_t end = first + 1;
        while (end < n && ranges[end].offset == ranges[end - 1].offset + ranges[end - 1].size)
            end++;
        status = request(self, ranges + first, end - first, err);
        first = end;
    }
    return status;
}

static void identity(void *self, char *out, size_t size)
{
    vcol_source_identity(((struct device *)self)->inner, out, size);
}

static void close_device(void *self)
{
    struct device *d = self;
    pthread_cond_destroy(&d->fewer);
    pthread_mutex_destroy(&d->lock);
    vcol_source_release(d->inner);
    free(d);
}

static const vcol_source_ops ops = {
    .struct_size = sizeof ops,
    .limits = limits,
    .read = read_ranges,
    .identity = identity,
    .close = close_device,
};

vcol_status vcol_source_open_device(vcol_source *inner, const vcol_device_options *options, vcol_source **out,
                                    vcol_error *err)
{
    vcol_status status = err ? (vcol_status)err->status : VCOL_OK;
    vcol_device_options known = {0};
    *out = NULL;
    if (status)
        return status;
    if (!inner || !options || !options->struct_size)
        return vcol_error_set(err, VCOL_MISUSE, "a device needs a source and options with their struct_size");
    memcpy(&known, options, options->struct_size < sizeof known ? options->struct_size : sizeof known);
    for (size_t i = sizeof known; i < options->struct_size; i++)
        if (((const char *)options)[i])
            return vcol_error_set(err, VCOL_UNSUPPORTED,
                                  "the device's options are for a newer version of vcol");
    if (known.requests < 0 || known.reserved)
        return vcol_error_set(err, VCOL_MISUSE, "the device's options are out of range");
    struct device *d = malloc(sizeof *d);
    if (!d)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a device");
    *d = (struct device){
        .inner = inner,
        .options = known,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .fewer = PTHREAD_COND_INITIALIZER,
        .link = {.latency = known.latency_ns, .bytes_per_second = known.bytes_per_second},
    };
    status = vcol_source_create(&ops, d, vcol_source_name(inner), out, err);
    if (status) {
        pthread_cond_destroy(&d->fewer);
        pthread_mutex_destroy(&d->lock);
        free(d);
    }
    return status;
}
