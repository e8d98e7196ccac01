/* SPDX-License-Identifier: BSD-3-Clause */
/* job.h */
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

const adl_query *const adl_queries[ADL_QUERIES] = {&adl_query1, &adl_query2, &adl_query3, &adl_query4,
                                                   &adl_query5, &adl_query6, &adl_query7, &adl_query8};

double adl_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void adl_job_add(adl_job *job, const adl_query *query)
{
    size_t n = strlen(job->columns);
    snprintf(job->columns + n, sizeof job->columns - n, "%s%s", n ? " " : "", query->columns);
    for (int h = 0; h < query->n_histograms; h++) {
        adl_histogram *histogram = &job->empty.histograms[job->n * ADL_MAX_HISTOGRAMS + h];
        histogram->from = query->histogram[h].from;
        histogram->to = query->histogram[h].to;
    }
    job->queries[job->n++] = query;
}

static vcol_status open_result(void **state, void *opaque, vcol_error *err)
{
    adl_result *r = malloc(sizeof *r);
    if (!r)
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    *r = ((const adl_job *)opaque)->empty;
    *state = r;
    return VCOL_OK;
}

static vcol_status run_chunk(vcol_chunk *chunk, void *state, void *opaque, vcol_error *err)
{
    const adl_job *j = opaque;
    adl_result *r = state;
    for (int q = 0; q < j->n && !err->status; q++) {
        double start = j->times ? adl_wall() : 0;
        j->queries[q]->run(chunk, &r->histograms[q * ADL_MAX_HISTOGRAMS], err);
        if (j->times)
            r->seconds[q] += adl_wall() - start;
    }
    return (vcol_status)err->status;
}

static vcol_status add_result(void *total, void *state, void *opaque, vcol_error *err)
{
    adl_result *t = total;
    const adl_result *r = state;
    (void)opaque;
    (void)err;
    for (int q = 0; q < ADL_QUERIES; q++)
        t->seconds[q] += r->seconds[q];
    for (int h = 0; h < ADL_QUERIES * ADL_MAX_HISTOGRAMS; h++)
        for (int bin = 0; bin < ADL_BINS + 2; bin++)
            t->histograms[h].counts[bin] += r->histograms[h].counts[bin];
    return VCOL_OK;
}

static void close_result(void *state, void *opaque)
{
    (void)opaque;
    free(state);
}

static vcol_status save_result(const void *state, vcol_sink *sink, void *opaque, vcol_error *err)
{
    (void)opaque;
    return vcol_sink_write(sink, state, sizeof(adl_result), err);
}

static vcol_status load_result(void **state, const void *data, size_t size, void *opaque, vcol_error *err)
{
    vcol_status status = size == sizeof(adl_result) ? open_result(state, opaque, err) : VCOL_CORRUPT;
    if (status == VCOL_OK)
        memcpy(*state, data, size);
    return status;
}

vcol_job adl_job_calls(adl_job *job)
{
    vcol_job calls;
    vcol_job_init(&calls, sizeof calls);
    calls.open = open_result;
    calls.chunk = run_chunk;
    calls.merge = add_result;
    calls.close = close_result;
    calls.save = save_result;
    calls.load = load_result;
    calls.opaque = job;
    return calls;
}
