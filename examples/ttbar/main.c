/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c: `vcol-ttbar`: the analysis over event files in NanoAOD's layout (version 15), in one of four modes. Histograms go to
 * stdout as CSV, what it took to stderr.
 */
#include "number.h"
#include "ttbar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char usage_text[] =
    "usage: vcol-ttbar [options] FILE[:TREE]...\n"
    "\n"
    "Top quark pairs: two regions, their observables, and eleven variations, as CSV.\n"
    "\n"
    "options:\n"
    "  --mode MODE               access: columns come when asked for, and go when used\n"
    "                            preload: all are read first\n"
    "                            prefetch: a scope around each function, and the next chunk ahead (default)\n"
    "                            plan: steps; what was used last goes, what they make is put into the chunk\n"
    "  --chunk N|clusters|all    entries a chunk (k, M: thousands, millions), the file's clusters,\n"
    "                            or the whole file (100k)\n"
    "  --threads T               worker threads of prefetch and plan, which read ahead; 0 = as many as\n"
    "                            processors (0)\n"
    "  --jobs N                  chunks computed on at a time; 0 = chosen (1)\n"
    "  --memory-limit BYTES      limit of memory for columns (K, M, G: powers of 1,024), or none (none)\n"
    "  --lookahead BYTES         read ahead at most, of what is not used yet (512M, or a quarter of the limit;\n"
    "                            plan without limit: 32M a job)\n"
    "  --plot FILE.svg           draw the histograms\n"
    "  --times                   print what each step's reading and computing took, on stderr\n"
    "  --help                    print this\n";

#define PLAN_LOOKAHEAD ((uint64_t)32 << 20)
#define PLAN_CACHED    ((uint64_t)8 << 20)

typedef struct options {
    const char **paths;
    int n_paths, times, help;
    ttbar_mode mode;
    vcol_chunking chunking;
    int64_t chunk;
    int32_t threads, jobs;
    uint64_t limit, lookahead;
    const char *plot;
} options;

/* ---- options ------------------------------------------------------------------------------------- */

static int parse_mode(options *o, const char *value)
{
    static const char *const modes[] = {"access", "preload", "prefetch", "plan"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(value, modes[i]) == 0) {
            o->mode = (ttbar_mode)i;
            return 0;
        }
    return -1;
}

static int parse_value(options *o, const char *name, const char *value)
{
    if (strcmp(name, "--mode") == 0)
        return parse_mode(o, value);
    if (strcmp(name, "--threads") == 0)
        return number_int32(value, &o->threads);
    if (strcmp(name, "--jobs") == 0)
        return number_int32(value, &o->jobs);
    if (strcmp(name, "--plot") == 0) {
        o->plot = value;
        return *value ? 0 : -1;
    }
    if (strcmp(name, "--lookahead") == 0)
        return number_bytes(value, &o->lookahead);
    if (strcmp(name, "--memory-limit") == 0) {
        o->limit = 0;
        return strcmp(value, "none") == 0 ? 0 : number_bytes(value, &o->limit);
    }
    o->chunk = 0;
    o->chunking = strcmp(value, "clusters") == 0 ? VCOL_CHUNK_BY_CLUSTERS
                  : strcmp(value, "all") == 0    ? VCOL_CHUNK_BY_FILE
                                                 : VCOL_CHUNK_BY_ENTRIES;
    return o->chunking == VCOL_CHUNK_BY_ENTRIES && (number_entries(value, &o->chunk) || o->chunk == 0) ? -1 : 0;
}

/* 0, or -1 after saying what is wrong. */
static int parse(options *o, int argc, char **argv)
{
    static const char *const names[] = {"--mode", "--chunk", "--threads", "--jobs", "--memory-limit", "--lookahead",
                                        "--plot"};
    *o = (options){.paths = (const char **)argv, .mode = MODE_PREFETCH, .jobs = 1};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *name = NULL, *value = NULL;
        if (argument[0] != '-') {
            o->paths[o->n_paths++] = argument;
            continue;
        }
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            o->help = 1;
            return 0;
        }
        if (strcmp(argument, "--times") == 0) {
            o->times = 1;
            continue;
        }
        for (size_t k = 0; k < sizeof names / sizeof *names && !name; k++) {
            size_t n = strlen(names[k]);
            if (strncmp(argument, names[k], n) != 0 || (argument[n] && argument[n] != '='))
                continue;
            name = names[k];
            value = argument[n] ? argument + n + 1 : i + 1 < argc ? argv[++i] : NULL;
        }
        if (!name) {
            fprintf(stderr, "vcol-ttbar: unknown option '%s'; see --help\n", argument);
            return -1;
        }
        if (!value || parse_value(o, name, value)) {
            fprintf(stderr, "vcol-ttbar: bad value '%s' for %s; see --help\n", value ? value : "", name);
            return -1;
        }
    }
    if (o->n_paths == 0)
        fputs(usage_text, stderr);
    return o->n_paths ? 0 : -1;
}

/* ---- the run --------------------------------------------------------------------------------------- */

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
    if (parse(&o, argc, argv))
        return 2;
    if (o.help) {
        fputs(usage_text, stdout);
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
