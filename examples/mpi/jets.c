/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jets.c: the histogram of ../histogram.c, over the ranks of an MPI job: the same program on one rank, on the cores of a
 * machine, and on many machines that see the same files.
 *
 *     mpirun -n 4 example_mpi_jets FILE[:TREE]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vcol/mpi.h>
#include <vcol/vcol.h>

#define BINS 20
#define FROM 15.0f
#define TO   115.0f

/* Of a chunk, or of all. */
typedef struct histogram {
    int64_t counts[BINS];
} histogram;

static vcol_status open_histogram(void **state, void *opaque, vcol_error *err)
{
    (void)opaque;
    *state = calloc(1, sizeof(histogram));
    return *state ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "out of memory");
}

static vcol_status fill(vcol_chunk *chunk, void *state, void *opaque, vcol_error *err)
{
    histogram *h = state;
    (void)opaque;
    const int64_t *jets = vcol_chunk_offsets(chunk, "Jet_pt", err);
    const float *pt = vcol_chunk_f32(chunk, "Jet_pt", err);
    const float *met = vcol_chunk_f32(chunk, "MET_pt", err);
    for (int64_t i = 0; !err->status && i < vcol_chunk_entries(chunk); i++) {
        if (met[i] < 30)
            continue;
        for (int64_t k = jets[i]; k < jets[i + 1]; k++) /* the jets of event i */
            if (pt[k] >= FROM && pt[k] < TO)
                h->counts[(int)(BINS * (pt[k] - FROM) / (TO - FROM))]++;
    }
    return (vcol_status)err->status;
}

static vcol_status add(void *total, void *state, void *opaque, vcol_error *err)
{
    (void)opaque;
    (void)err;
    for (int bin = 0; bin < BINS; bin++)
        ((histogram *)total)->counts[bin] += ((histogram *)state)->counts[bin];
    return VCOL_OK;
}

static void drop(void *state, void *opaque)
{
    (void)opaque;
    free(state);
}

/* How a histogram goes from rank to rank. All ranks are of one kind of machine here; else mind the order of bytes. */
static vcol_status save(const void *state, vcol_sink *sink, void *opaque, vcol_error *err)
{
    (void)opaque;
    return vcol_sink_write(sink, state, sizeof(histogram), err);
}

static vcol_status load(void **state, const void *data, size_t size, void *opaque, vcol_error *err)
{
    if (size != sizeof(histogram))
        return vcol_error_set(err, VCOL_CORRUPT, "no histogram");
    if (open_histogram(state, opaque, err) == VCOL_OK)
        memcpy(*state, data, size);
    return (vcol_status)err->status;
}

static void print(const histogram *h)
{
    int64_t most = 1;
    for (int bin = 0; bin < BINS; bin++)
        most = h->counts[bin] > most ? h->counts[bin] : most;
    for (int bin = 0; bin < BINS; bin++) {
        printf("%5.0f GeV %8" PRId64 " ", (double)(FROM + (float)bin * (TO - FROM) / BINS), h->counts[bin]);
        for (int64_t n = 0; n < 50 * h->counts[bin] / most; n++)
            putchar('#');
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_manager_options mo;
    vcol_run_options ro;
    vcol_mpi_stats stats = {0};
    vcol_job job;
    histogram total = {{0}};
    int rank, level;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc != 2) {
        if (rank == 0)
            fprintf(stderr, "usage: %s FILE[:TREE]\n", argv[0]);
        MPI_Finalize();
        return 2;
    }
    vcol_manager_options_init(&mo, sizeof mo);
    mo.limit = (uint64_t)1 << 30; /* bytes a rank */
    mo.threads = 1;               /* worker threads a rank, which read and unpack ahead */
    vcol_manager_open(&mo, &manager, &err);
    vcol_dataset_open(manager, &(const char *){argv[1]}, 1, NULL, &dataset, &err);

    vcol_job_init(&job, sizeof job);
    job.open = open_histogram;
    job.chunk = fill;
    job.merge = add;
    job.close = drop;
    job.save = save;
    job.load = load;
    vcol_run_options_init(&ro, sizeof ro);
    ro.entries = 100000;
    ro.columns = "Jet_pt MET_pt";
    vcol_mpi_run(MPI_COMM_WORLD, dataset, &ro, NULL, &job, &total, &stats, &err);

    if (rank == 0 && stats.ranks_lost)
        fprintf(stderr, "%d of %d ranks were given up: %s\n", stats.ranks_lost, stats.ranks, stats.lost);
    if (rank == 0 && !err.status)
        print(&total);
    else if (rank == 0)
        fprintf(stderr, "%s\n", err.message);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    MPI_Finalize();
    return err.status ? 1 : 0;
}
