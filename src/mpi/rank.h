/* SPDX-License-Identifier: BSD-3-Clause */
/* What one rank computes: a vcol_run over ranges that are handed in, whose states come out as bytes. See rank.c. */
#ifndef VCOL_MPI_RANK_H
#define VCOL_MPI_RANK_H

#include <vcol/run.h>

#include <pthread.h>
#include <stdbool.h>

/* A range handed in; its chunk's number in the whole run. */
typedef struct vcol__mpi_range {
    int64_t index, first, count;
} vcol__mpi_range;

/* What comes out: a state, or why there is none. */
typedef struct vcol__mpi_result {
    struct vcol__mpi_result *next;
    vcol__mpi_range range;
    vcol_error why;  /* status 0: the state is there */
    vcol_sink *sink; /* the state; or NULL */
} vcol__mpi_result;

typedef struct vcol__mpi_rank {
    /* const after start */
    vcol_dataset *dataset;
    vcol_run_options options;
    vcol_job job;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t given, made; /* a range was handed in, or there will be no more; a result is there, or the run has ended */
    /* lock */
    vcol__mpi_range *ranges; /* handed in and not out yet, oldest first: the first `taken` are with the run */
    int64_t n, taken, capacity;
    bool no_more, over;      /* over: the run has ended */
    vcol_error failed;       /* over: why it failed altogether; status 0: it did not */
    vcol__mpi_result *first, **last;
    int64_t computed;
} vcol__mpi_rank;

/* Starts the run's thread. Errors: NOMEM; nothing is to be ended then. */
vcol_status vcol__mpi_rank_start(vcol__mpi_rank *rank, vcol_dataset *d, const vcol_run_options *options, const vcol_job *job,
                                 vcol_error *err);
vcol_status vcol__mpi_rank_give(vcol__mpi_rank *rank, const vcol__mpi_range *range, vcol_error *err);
/*
 * The oldest result, or NULL if there is none within `wait_us` microseconds. *over: the run has ended, and there will be none
 * any more; *failed (status 0: it did not fail).
 */
vcol__mpi_result *vcol__mpi_rank_take(vcol__mpi_rank *rank, int64_t wait_us, bool *over, vcol_error *failed);
void vcol__mpi_result_free(vcol__mpi_result *result);
/* No more ranges: what was handed in and not begun is dropped; joins the thread, frees everything. */
void vcol__mpi_rank_end(vcol__mpi_rank *rank);

#endif
