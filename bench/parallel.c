/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parallel: does a run with two compute threads, or two ranks, use two cores?
 *
 * Question:   how much faster is vcol_run with two jobs than with one thread for everything, of what the machine has to give?
 * Workload:   the eight queries of the ADL benchmark over FILE, in chunks of --chunk entries; between ranks, unless that is given,
 *             the file's clusters. One thread: one job, nothing in the background.
 *             Two jobs: without background threads, and as a user has it, with prefetch by as many threads as processors.
 *             Built with MPI (parallel-mpi, by mpirun -n 2 --bind-to none): two ranks of one job, without background threads.
 * Metric:     wall seconds. (one thread / two) / factor, where factor is how much faster two threads compute (arithmetic)
 *             than one after the other, and all are measured in the same round.
 * Regression: below 0.90 for two jobs, 0.85 for two ranks.
 */
#include "adl/job.h"
#include "measure.h"

#ifdef BENCH_MPI
#include <vcol/mpi.h>
#endif

#include <stdlib.h>
#include <string.h>

#define MOST_PATHS 64

typedef struct parallel_bench {
    const char *paths[MOST_PATHS];
    int n_paths;
    int64_t chunk; /* entries; 0: clusters, so that chunks share no blocks, which two ranks would unpack twice */
    adl_job job;
    adl_result first; /* of the first run: all others must be the same */
    int have_first;
} parallel_bench;

typedef struct pass {
    parallel_bench *bench;
    int jobs, background, ranks;
} pass;

static volatile double nowhere;

static double run_pass(void *opaque)
{
    const pass *p = opaque;
    parallel_bench *b = p->bench;
    vcol_error err = {0};
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_manager_options mo;
    vcol_run_options ro;
    vcol_job job = adl_job_calls(&b->job);
    adl_result total = b->job.empty;
    vcol_manager_options_init(&mo, sizeof mo);
    mo.flags = p->background ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    vcol_run_options_init(&ro, sizeof ro);
    ro.jobs = p->jobs;
    ro.entries = b->chunk;
    ro.chunking = b->chunk ? VCOL_CHUNK_BY_ENTRIES : VCOL_CHUNK_BY_CLUSTERS;
    ro.columns = b->job.columns;
    vcol_manager_open(&mo, &m, &err);
    vcol_dataset_open(m, b->paths, b->n_paths, NULL, &d, &err);
    double start = measure_wall();
    int leader = 1;
#ifdef BENCH_MPI
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    leader = rank == 0;
    if (p->ranks)
        vcol_mpi_run(MPI_COMM_WORLD, d, &ro, NULL, &job, &total, NULL, &err);
    else
#endif
        vcol_run(d, &ro, &job, &total, NULL, &err);
    double seconds = measure_wall() - start;
    vcol_dataset_close(d);
    vcol_manager_close(m);
    if (err.status) {
        fprintf(stderr, "parallel: %s\n", err.message);
        return -1;
    }
    if (!leader)
        return seconds;
    if (!b->have_first)
        b->first = total;
    b->have_first = 1;
    if (memcmp(&b->first, &total, sizeof total) != 0) {
        fprintf(stderr, "parallel: another result\n");
        return -1;
    }
    return seconds;
}

/* ---- the machine ----------------------------------------------------------------------------------- */

static double run_compute(void *opaque)
{
    (void)opaque;
    double start = measure_wall(), x = 1, sum = 0;
    for (int64_t i = 0; i < 100000000; i++) {
        x = x * 0.999999 + 1e-30;
        sum += x;
    }
    nowhere = sum;
    return measure_wall() - start;
}

static double run_two(void *opaque)
{
    return measure_twice(run_compute, opaque);
}

/* ---- cases ------------------------------------------------------------------------------------------- */

/* s: one thread, two of the kind, computing, computing on two threads. */
static int print_case(const char *name, const measure_series *two, const measure_series *s, int rounds, double bound)
{
    measure_case c = {.bench = "parallel", .name = name, .bound = bound, .above = 1,
                      .compared = "(one thread / two) / factor of the machine, wall time"};
    const measure_series *list[] = {&s[0], two, &s[1], &s[2]};
    double gains[MEASURE_ROUNDS], factors[MEASURE_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        gains[i] = s[0].seconds[i] / two->seconds[i];
        factors[i] = 2 * s[1].seconds[i] / s[2].seconds[i];
        c.ratios[i] = gains[i] / factors[i];
    }
    fprintf(stderr, "parallel: %s: gain %.2f, the machine's factor %.2f\n", name, measure_median(gains, rounds),
            measure_median(factors, rounds));
    return measure_print(&c, list, 4, rounds) ? 0 : 1;
}

static int bench(parallel_bench *b, int rounds)
{
    pass one = {.bench = b, .jobs = 1};
#ifdef BENCH_MPI
    pass ranks = {.bench = b, .jobs = 1, .ranks = 1};
    measure_series s[] = {{.name = "one thread", .run = run_pass, .opaque = &one},
                          {.name = "computing", .run = run_compute},
                          {.name = "computing twice on two threads", .run = run_two},
                          {.name = "two ranks", .run = run_pass, .opaque = &ranks}};
    int rank, n;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    if (n != 2) {
        fprintf(stderr, "parallel: run it by mpirun -n 2 --bind-to none\n");
        return -1;
    }
    if (rank > 0) { /* one round is not counted */
        for (int i = 0; i <= rounds; i++)
            if (run_pass(&ranks) < 0)
                return -1;
        return 0;
    }
    if (measure_run(s, 4, rounds) != 0)
        return -1;
    return print_case("two ranks", &s[3], s, rounds, 0.85);
#else
    pass two = {.bench = b, .jobs = 2}, ahead = {.bench = b, .jobs = 2, .background = 1};
    measure_series s[] = {{.name = "one thread", .run = run_pass, .opaque = &one},
                          {.name = "computing", .run = run_compute},
                          {.name = "computing twice on two threads", .run = run_two},
                          {.name = "two jobs", .run = run_pass, .opaque = &two},
                          {.name = "two jobs and prefetch", .run = run_pass, .opaque = &ahead}};
    if (measure_run(s, 5, rounds) != 0)
        return -1;
    return print_case("two jobs", &s[3], s, rounds, 0.9) + print_case("two jobs and prefetch", &s[4], s, rounds, 0.9);
#endif
}

int main(int argc, char **argv)
{
    static parallel_bench b;
    int rounds = 7, check = 0, bad = 0;
#ifdef BENCH_MPI
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
#endif
#ifndef BENCH_MPI
    b.chunk = 100000; /* small ones share blocks: then two threads wait for each other */
#endif
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--chunk") == 0 && i + 1 < argc)
            b.chunk = atoll(argv[++i]);
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else if (argv[i][0] != '-' && b.n_paths < MOST_PATHS)
            b.paths[b.n_paths++] = argv[i];
        else
            bad = 1;
    }
    for (int q = 0; q < ADL_QUERIES; q++)
        adl_job_add(&b.job, adl_queries[q]);
    if (bad || !b.n_paths || rounds < 1 || rounds > MEASURE_ROUNDS || b.chunk < 0) {
        fprintf(stderr, "usage: parallel [--rounds N] [--chunk N] [--check] FILE.root...\n");
        return 2;
    }
    int status = bench(&b, rounds);
#ifdef BENCH_MPI
    MPI_Finalize();
#endif
    return status < 0 || (check && status > 0);
}
