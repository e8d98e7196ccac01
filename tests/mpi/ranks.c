/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks MODE FILE [DIR]: a job over ranks, in one of the ways below; rank 0 prints the result, every other rank what it was told.
 * run.sh compares. DIR: where ranks leave marks for each other: nothing here depends on which is faster.
 */
#define _GNU_SOURCE
#include <vcol/mpi.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUES 400000 /* of a large state */

typedef struct state {
    double sum;
    int64_t first, n;
    float values[];
} state;

typedef struct total {
    double sum;
    uint64_t hash; /* of all values, in order */
    int64_t merged, next, finished;
} total;

static struct {
    const char *mode, *dir;
    int rank;
} me;
static _Thread_local int64_t current;
static _Atomic int64_t begins, ends, fails;
static atomic_bool stopped;

static int is(const char *mode)
{
    return strcmp(me.mode, mode) == 0;
}

static void mark(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", me.dir, name);
    close(open(path, O_CREAT | O_WRONLY, 0666));
}

/* The process of rank 1, for rank 0 to wake it. */
static void mark_pid(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/pid", me.dir);
    FILE *f = fopen(path, "w");
    if (f)
        fprintf(f, "%ld\n", (long)getpid());
    if (f)
        fclose(f);
}

static void wake(void)
{
    char path[1024];
    long pid = 0;
    snprintf(path, sizeof path, "%s/pid", me.dir);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%ld", &pid) == 1 && pid > 0)
        kill((pid_t)pid, SIGCONT);
    if (f)
        fclose(f);
}

static void await(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", me.dir, name);
    while (access(path, F_OK) != 0)
        sched_yield();
}

static vcol_status on_begin(const vcol_run_chunk *info, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    current = info->index;
    begins++;
    return VCOL_OK;
}

static void on_end(const vcol_run_chunk *info, void *opaque)
{
    (void)info, (void)opaque;
    ends++;
}

static void on_failed(const vcol_run_chunk *info, const vcol_error *why, void *opaque)
{
    (void)info, (void)opaque;
    fails += why->message[0] != 0;
}

static vcol_status on_open(void **out, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    *out = calloc(1, sizeof(state) + VALUES * sizeof(float));
    return VCOL_OK;
}

static vcol_status on_chunk(vcol_chunk *c, void *opaque_state, void *opaque, vcol_error *err)
{
    state *s = opaque_state;
    (void)opaque;
    const float *met = vcol_chunk_f32(c, "MET_pt", err);
    s->first = vcol_chunk_first(c);
    for (int64_t i = 0; met && i < vcol_chunk_entries(c); i++) {
        s->sum += (double)met[i] / 3;
        s->values[s->n++] = met[i];
    }
    if (is("large")) /* more than is sent at once */
        s->n = VALUES;
    if ((is("fail") || is("lost") || is("dead")) && me.rank != 1)
        await("one has begun"); /* so that rank 1 has chunks */
    if (me.rank == 1 && is("lost"))
        mark_pid();
    if (me.rank == 1)
        mark("one has begun");
    if (is("fail") && me.rank == 1)
        return vcol_error_set(err, VCOL_CALLBACK, "not on this rank");
    if (is("always") && current == 3)
        return vcol_error_set(err, VCOL_CALLBACK, "chunk 3 says no");
    if (is("lost") && me.rank == 1 && !atomic_exchange(&stopped, true)) /* once: what it has of other chunks it computes later */
        raise(SIGSTOP);
    if (is("dead") && me.rank == 1)
        raise(SIGKILL);
    return (vcol_status)err->status;
}

static void on_close(void *s, void *opaque)
{
    (void)opaque;
    free(s);
}

static vcol_status on_save(const void *opaque_state, vcol_sink *sink, void *opaque, vcol_error *err)
{
    const state *s = opaque_state;
    (void)opaque;
    return vcol_sink_write(sink, s, sizeof *s + (size_t)s->n * sizeof(float), err);
}

static vcol_status on_load(void **out, const void *data, size_t size, void *opaque, vcol_error *err)
{
    state *s;
    (void)opaque;
    if (size < sizeof *s)
        return vcol_error_set(err, VCOL_CORRUPT, "no state");
    s = calloc(1, sizeof *s + VALUES * sizeof(float));
    memcpy(s, data, size);
    *out = s;
    return VCOL_OK;
}

static vcol_status on_merge(void *opaque_total, void *opaque_state, void *opaque, vcol_error *err)
{
    total *t = opaque_total;
    const state *s = opaque_state;
    (void)opaque;
    if (s->first < t->next)
        return vcol_error_set(err, VCOL_MISUSE, "out of order");
    t->next = s->first + 1;
    t->sum += s->sum;
    for (int64_t i = 0; i < s->n; i++) {
        uint32_t bits;
        memcpy(&bits, &s->values[i], sizeof bits);
        t->hash = (t->hash ^ bits) * 1099511628211u;
    }
    t->merged++;
    return is("stop") && t->merged == 5 ? VCOL_END : VCOL_OK;
}

static vcol_status on_finish(void *t, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    ((total *)t)->finished++;
    return VCOL_OK;
}

static void run(vcol_dataset *d, const vcol_error *why, int again)
{
    vcol_job job;
    vcol_run_options ro;
    vcol_mpi_options mo;
    vcol_mpi_stats stats = {0};
    vcol_error err = *why;
    total t = {0};
    vcol_job_init(&job, sizeof job);
    job.begin = on_begin;
    job.end = on_end;
    job.failed = on_failed;
    job.open = on_open;
    job.chunk = on_chunk;
    job.close = on_close;
    job.save = on_save;
    job.load = on_load;
    job.merge = on_merge;
    job.finish = on_finish;
    vcol_run_options_init(&ro, sizeof ro);
    ro.entries = 70 + 13 * again;
    ro.columns = is("columns") ? "no_such" : "MET_pt";
    ro.jobs = is("jobs") ? 3 : 1;
    vcol_mpi_options_init(&mo, sizeof mo);
    mo.timeout_ms = is("lost") ? 1500 : 0;
    vcol_status status = is("one") ? vcol_run(d, &ro, &job, &t, NULL, &err) : vcol_mpi_run(MPI_COMM_WORLD, d, &ro, &mo, &job, &t, &stats, &err);
    if (me.rank == 0) {
        printf("result %s %a %016llx merged %lld finished %lld\n", vcol_status_name(status), t.sum, (unsigned long long)t.hash,
               (long long)t.merged, (long long)t.finished);
        if (!is("one"))
            printf("lost %d of %d retries %s%s%s\n", stats.ranks_lost, stats.ranks, stats.retries ? "some" : "none",
                   stats.ranks_lost ? ": " : "", stats.lost);
        if (status != VCOL_OK && status != VCOL_END)
            printf("error %s\n", err.message);
    } else if (status != VCOL_OK) {
        printf("told %s\n", vcol_status_name(status));
    }
    if (begins != ends + fails)
        printf("rank %d: %lld begins, %lld ends, %lld failed\n", me.rank, (long long)begins, (long long)ends, (long long)fails);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_error err = {0};
    int level;
    if (argc < 3)
        return 2;
    me.mode = argv[1];
    me.dir = argc > 3 ? argv[3] : ".";
    MPI_Init_thread(&argc, &argv, is("single") ? MPI_THREAD_SINGLE : MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &me.rank);
    const char *paths[] = {argv[2], argv[2]};
    if (is("missing") && me.rank == 1)
        paths[0] = "no_such.root:Events";
    vcol_manager_open(NULL, &m, &err);
    vcol_dataset_open(m, paths, is("other") && me.rank == 1 ? 2 : 1, NULL, &d, &err);
    run(d, &err, 0);
    if (is("again"))
        for (int again = 1; again < 4; again++)
            run(d, &err, again);
    if (is("lost") && me.rank == 0)
        wake(); /* it is late, but it comes to its end: MPI_Finalize waits for it */
    vcol_dataset_close(d);
    vcol_manager_close(m);
    MPI_Finalize();
    return 0;
}
