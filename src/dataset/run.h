/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run chooses by itself. See run.c. */
#ifndef VCOL_DATASET_RUN_H
#define VCOL_DATASET_RUN_H

#include <stdint.h>

#define VCOL__MOST_JOBS  256
#define VCOL__MOST_DEPTH 1024

/*
 * How many compute threads: as many of the processors as the job's own share of all processor time is, so that reading and
 * unpacking have the others; and no more than chunks of `set` bytes fit into `room`. own and all: seconds, all >= own; set 0:
 * not known, all chunks fit.
 */
int32_t vcol__run_jobs(int32_t processors, double own, double all, uint64_t room, uint64_t set);

#endif
