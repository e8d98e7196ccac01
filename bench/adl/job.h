/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.h: queries of the ADL benchmark as one job of vcol_run. Each chunk fills histograms of its own, which are added in the
 * order of the chunks; so each column is materialized once a chunk, however many queries use it.
 */
#ifndef VCOL_ADL_JOB_H
#define VCOL_ADL_JOB_H

#include "adl.h"

#define ADL_QUERIES 8

/* All, in order. */
extern const adl_query *const adl_queries[ADL_QUERIES];

/* Of a chunk, or of all; of the i-th query of the job, seconds[i] and the histograms from ADL_MAX_HISTOGRAMS * i on. */
typedef struct adl_result {
    double seconds[ADL_QUERIES]; /* of its own code; 0 unless the job has them measured */
    adl_histogram histograms[ADL_QUERIES * ADL_MAX_HISTOGRAMS];
} adl_result;

typedef struct adl_job {
    const adl_query *queries[ADL_QUERIES];
    int n, times; /* times: measures seconds */
    adl_result empty;
    char columns[1024]; /* of all of them, as a list; a name may come twice */
} adl_job;

/* Adds a query to a job, which begins as zeros. */
void adl_job_add(adl_job *job, const adl_query *query);

/* The functions of the job, which they borrow. States, and the total, are of adl_result; the total begins as `empty`. */
vcol_job adl_job_calls(adl_job *job);

/* Wall seconds since some point. */
double adl_wall(void);

#endif
