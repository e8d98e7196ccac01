/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c: `vcol-ttbar`: the analysis over event files in NanoAOD's layout (version 15), in one of four modes. Histograms go to
 * stdout as CSV, what it took to stderr.
 */
#include "options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define PLAN_LOOKAHEAD ((uint64_t)32 << 20)
#define PLAN_CACHED    ((uint64_t)8 << 20)

/* What is kept of a chunk, and of all. */
typedef struct state {
    ttbar_histograms histograms;
    ttbar_times times;
} state;

static vcol_status open_state(void **out, void *opaque, vcol_error *err)
{
    (void)opaque;
    *out = calloc(1, sizeof(state));
    return *out ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "out of memory");
}

static vcol_status fill(vcol_chunk *chunk, void *opened, void *opaque, vcol_error *err)
{
    const options *o = opaque;
    state *s = opened;
    return ttbar_chunk(chunk, o->mode, &s->histograms, o->times ? &s->times : NULL, err);
}

static vcol_status add(void *to, void *opened, void *opaque, vcol_error *err)
{
    state *total = to, *s = opened;
    (void)opaque, (void)err;
    ttbar_add(&total->histograms, &s->histograms);
    for (int i = 0; i < TTBAR_STEPS; i++) {
        total->times.read[i] += s->times.read[i];
        total->times.compute[i] += s->times.compute[i];
    }
    return VCOL_OK;
}

static void close_state(void *opened, void *opaque)
{
    (void)opaque;
    free(opened);
}

static vcol_status run(options *o, vcol_dataset *dataset, state *total, vcol_error *err)
{
    char columns[1024];
    vcol_job job;
    vcol_run_options ro;
    vcol_plan *plan = NULL;
    ttbar_columns(0, columns, sizeof columns);
    vcol_job_init(&job, sizeof job);
    job.open = open_state;
    job.chunk = fill;
    job.merge = add;
    job.close = close_state;
    job.opaque = o;
    vcol_run_options_init(&ro, sizeof ro);
    ro.jobs = o->jobs;
    ro.chunking = (int32_t)o->chunking;
    ro.entries = o->chunk;
    if (o->mode == MODE_ACCESS || o->mode == MODE_PRELOAD)
        ro.flags = VCOL_RUN_NO_PREFETCH;
    if (o->mode == MODE_PREFETCH)
        ro.columns = columns;
    if (o->mode == MODE_PLAN)
        ttbar_plan(&plan, err);
    ro.plan = plan;
    vcol_run(dataset, &ro, &job, total, NULL, err);
    vcol_plan_release(plan);
    return (vcol_status)err->status;
}

static double seconds(struct timespec t)
{
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(const vcol_manager *manager, int64_t entries, double wall)
{
    vcol_stats stats;
    struct rusage use;
    vcol_manager_stats(manager, &stats, sizeof stats);
    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    fprintf(stderr,
            "%" PRId64 " events in %.3f s (%.3f s CPU), %.0f events/s; read %.1f MB; peak %.1f MB, of columns %.1f MB\n",
            entries, wall, cpu, wall > 0 ? (double)entries / wall : 0, (double)stats.bytes_read / 1e6,
            (double)stats.peak / 1e6, (double)stats.peak_live / 1e6);
}

int main(int argc, char **argv)
{
    static state total; /* starts at 0 */
    options o;
    vcol_error err = {0};
    vcol_manager_options mo;
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    struct timespec begun, now;
    int status = 0;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    if (ttbar_parse(&o, argc, argv))
        return 2;
    if (o.help) {
        fputs(ttbar_usage, stdout);
        return 0;
    }
    vcol_manager_options_init(&mo, sizeof mo);
    mo.threads = o.threads;
    mo.limit = o.limit;
    mo.lookahead = o.lookahead;
    if (o.mode == MODE_PLAN) {
        /* a plan is for those who have little memory: about one column of a million jets ahead of its use */
        if (!mo.lookahead && !mo.limit)
            mo.lookahead = PLAN_LOOKAHEAD * (uint64_t)(o.jobs > 1 ? o.jobs : 1);
        mo.cached_limit = PLAN_CACHED;
    }
    if (o.mode == MODE_ACCESS || o.mode == MODE_PRELOAD)
        mo.flags = VCOL_MANAGER_NO_BACKGROUND;
    vcol_manager_open(&mo, &manager, &err);
    vcol_dataset_open(manager, o.paths, o.n_paths, NULL, &dataset, &err);
    if (!err.status)
        run(&o, dataset, &total, &err);
    if (err.status) {
        fprintf(stderr, "vcol-ttbar: %s\n", err.message);
        status = 1;
        goto done;
    }
    ttbar_print(&total.histograms, stdout);
    clock_gettime(CLOCK_MONOTONIC, &now);
    report(manager, vcol_dataset_entries(dataset), seconds(now) - seconds(begun));
    for (int i = 0; o.times && i < TTBAR_STEPS; i++)
        fprintf(stderr, "step %s: %.4f s until its columns were there, %.4f s computing\n", ttbar_step_name(i),
                total.times.read[i], total.times.compute[i]);
    if (o.plot && ttbar_plot(o.plot, &total.histograms)) {
        fprintf(stderr, "vcol-ttbar: %s: cannot be written\n", o.plot);
        status = 1;
    }
done:
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "vcol-ttbar: standard output: cannot be written\n");
        status = 1;
    }
    return status;
}
