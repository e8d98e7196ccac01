/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/mpi.h: a job over all chunks of a data set, on the ranks of an MPI communicator. In a library of its own, libvcol-mpi
 * (pkg-config vcol-mpi, CMake component mpi); not included by vcol.h. The program calls MPI_Init_thread, with
 * MPI_THREAD_FUNNELED at least, and MPI_Finalize.
 *
 * Each rank opens the data set by the same paths. Rank 0 cuts the chunks and hands them out, a few in a row, to whoever has
 * room, itself included; each rank computes by vcol_run with options->jobs threads; states go to rank 0 as bytes (the
 * job's save and load) and are merged there in the order of the chunks: the total is the same, to the bit, as in one process.
 *
 * Failures. A chunk that fails is tried again, on another rank where there is one, `tries` times in all; then it fails the run
 * as in vcol_run. A rank that fails altogether (its data set cannot be opened, is another one, its columns are missing)
 * or that is not heard of for `timeout_ms` is given up, what it had is tried elsewhere, and stats say so; the run fails
 * with it only when no rank is left. Whether a process may die without the others being ended is the launcher's
 * to say (Open MPI's mpirun ends them and reports which one it was); after a rank was lost silently, MPI_Finalize
 * may wait for it: end with MPI_Abort. Ranks do not watch rank 0: they end when MPI says that it is gone.
 *
 * The job's callbacks: begin, open, chunk, save, end or failed, close on the rank that computes; load, merge, close, finish on
 * rank 0, on the calling thread. In hooks `index` is the chunk's number in the whole run; the other numbers are the
 * rank's own. A chunk that is tried again has its hooks again.
 */
#ifndef VCOL_MPI_H
#define VCOL_MPI_H

#include <mpi.h>

#include <vcol/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_mpi_options {
    size_t struct_size;
    int32_t tries;      /* of a chunk; 0 = 3 */
    int32_t timeout_ms; /* without a sign of life of a rank; 0 = 60,000 */
    int32_t depth;      /* chunks handed out and waiting for their turn at most; 0 = chosen: 2 a compute thread and 18 a rank */
    int32_t reserved;
} vcol_mpi_options;

VCOL_API void vcol_mpi_options_init(vcol_mpi_options *options, size_t size);

/* New members at the end only. On rank 0; elsewhere only `chunks`: that this rank computed. */
typedef struct vcol_mpi_stats {
    int64_t chunks, entries;   /* merged */
    int64_t retries;           /* chunks that were handed out again */
    int32_t ranks, ranks_lost; /* of the communicator; given up */
    char lost[256];            /* why the first of those was given up */
} vcol_mpi_stats;

/*
 * Runs a job; called by all ranks of `comm`, one thread each, with the same options (depth, progress, next and GIVEN are not used) and
 * job. Between ranks only tags 30250 to 31274 are used.
 * @param dataset  NULL: this rank could not open it; it takes part without computing, and cannot be rank 0
 * @param err      `err` may hold why dataset is NULL: it is told to rank 0
 * @param total    used on rank 0 only
 * Returns the same on all ranks that were not given up: OK, END (merge wanted no more), or what failed. Errors: MISUSE (no save
 * or load, too little support of threads), IO (MPI failed), and as vcol_run.
 */
VCOL_API vcol_status vcol_mpi_run(MPI_Comm comm, vcol_dataset *dataset, const vcol_run_options *options,
                                  const vcol_mpi_options *mpi, const vcol_job *job, void *total,
                                  vcol_mpi_stats *stats, vcol_error *err);

#ifdef __cplusplus
}
#endif
#endif
