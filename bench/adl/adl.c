/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * adl.c: `vcol-adl`: runs queries of the ADL benchmark over event files in NanoAOD's layout. One run
 * over chunks serves all queries that were asked for (job.h).
 *
 * Histograms go to stdout as CSV, what it took to stderr.
 */
#include "job.h"
#include "number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TRACED 200000 /* events kept */

static const char usage_text[] =
    "usage: vcol-adl [options] FILE[:TREE]...\n"
    "\n"
    "Runs the queries of the ADL benchmark and prints their histograms as CSV.\n"
    "\n"
    "options:\n"
    "  --query N|all             the query (all)\n"
    "  --chunk N|clusters|all    entries a chunk (k, M: thousands, millions), the file's clusters,\n"
    "                            or the whole file (100k)\n"
    "  --jobs N                  chunks computed on at a time; 0 = chosen (1)\n"
    "  --threads T               worker threads; 0 = as many as processors (0)\n"
    "  --no-prefetch             no background work at all\n"
    "  --memory-limit BYTES      limit of memory for columns (K, M, G: powers of 1,024), none, or auto (none)\n"
    "  --plot FILE.svg           draw the histograms\n"
    "  --trace FILE              write a trace of the run, for 'vcol trace summary' and Perfetto\n"
    "  --learn K                 run over the first K entries only, and print the columns that were used,\n"
    "                            as one list in order of first use, in place of the histograms\n"
    "  --times                   print the time of each query's own code on stderr\n"
    "  --help                    print this\n";

typedef struct options {
    const char **paths;
    int n_paths;
    int32_t query; /* 0: all */
    int no_prefetch, times, help;
    vcol_chunking chunking;
    int64_t chunk;
    int32_t threads, jobs;
    uint64_t limit;
    const char *plot, *trace;
    int64_t learn; /* entries; 0: the whole run */
} options;

static double cpu_clock(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec);
}

/* ---- options ------------------------------------------------------------------------------------- */

static int parse_query(options *o, const char *value)
{
    o->query = 0;
    if (strcmp(value, "all") == 0)
        return 0;
    return number_int32(value, &o->query) || o->query < 1 || o->query > ADL_QUERIES ? -1 : 0;
}

static int parse_chunk(options *o, const char *value)
{
    o->chunk = 0;
    o->chunking = strcmp(value, "clusters") == 0 ? VCOL_CHUNK_BY_CLUSTERS
                  : strcmp(value, "all") == 0    ? VCOL_CHUNK_BY_FILE
                                                 : VCOL_CHUNK_BY_ENTRIES;
    if (o->chunking != VCOL_CHUNK_BY_ENTRIES)
        return 0;
    return number_entries(value, &o->chunk) || o->chunk == 0 ? -1 : 0;
}

static int parse_value(options *o, const char *name, const char *value)
{
    if (strcmp(name, "--query") == 0)
        return parse_query(o, value);
    if (strcmp(name, "--chunk") == 0)
        return parse_chunk(o, value);
    if (strcmp(name, "--plot") == 0) {
        o->plot = value;
        return *value ? 0 : -1;
    }
    if (strcmp(name, "--trace") == 0) {
        o->trace = value;
        return *value ? 0 : -1;
    }
    if (strcmp(name, "--learn") == 0)
        return number_entries(value, &o->learn) || o->learn == 0 ? -1 : 0;
    if (strcmp(name, "--threads") == 0)
        return number_int32(value, &o->threads);
    if (strcmp(name, "--jobs") == 0)
        return number_int32(value, &o->jobs);
    return number_limit(value, &o->limit); /* --memory-limit */
}

/* Returns 0, or -1 after saying what is wrong. */
static int parse(options *o, int argc, char **argv)
{
    static const char *const with_value[] = {"--query", "--chunk", "--jobs", "--threads", "--memory-limit", "--plot",
                                             "--trace", "--learn"};
    *o = (options){.paths = (const char **)argv, .jobs = 1};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *name = NULL, *value = NULL;
        if (argument[0] != '-') {
            o->paths[o->n_paths++] = argument;
            continue;
        }
        if (strcmp(argument, "--no-prefetch") == 0) {
            o->no_prefetch = 1;
            continue;
        }
        if (strcmp(argument, "--times") == 0) {
            o->times = 1;
            continue;
        }
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            o->help = 1;
            return 0;
        }
        for (size_t k = 0; k < sizeof with_value / sizeof *with_value && !name; k++) {
            size_t n = strlen(with_value[k]);
            if (strncmp(argument, with_value[k], n) != 0 || (argument[n] && argument[n] != '='))
                continue;
            name = with_value[k];
            value = argument[n] ? argument + n + 1 : i + 1 < argc ? argv[++i] : NULL;
        }
        if (!name) {
            fprintf(stderr, "vcol-adl: unknown option '%s'; see --help\n", argument);
            return -1;
        }
        if (!value || parse_value(o, name, value)) {
            fprintf(stderr, "vcol-adl: bad value '%s' for %s; see --help\n", value ? value : "", name);
            return -1;
        }
    }
    if (o->n_paths == 0)
        fputs(usage_text, stderr);
    return o->n_paths ? 0 : -1;
}

/* ---- the job ------------------------------------------------------------------------------------- */

static void prepare(adl_job *j, const options *o)
{
    for (int q = 0; q < ADL_QUERIES; q++)
        if (!o->query || o->query == adl_queries[q]->number)
            adl_job_add(j, adl_queries[q]);
    j->times = o->times;
}

static vcol_status run(adl_job *j, const options *o, vcol_dataset *dataset, adl_result *total, vcol_error *err)
{
    vcol_run_options ro;
    vcol_job job = adl_job_calls(j);
    vcol_run_options_init(&ro, sizeof ro);
    ro.flags = o->no_prefetch ? VCOL_RUN_NO_PREFETCH : 0;
    ro.jobs = o->jobs;
    ro.chunking = o->chunking;
    ro.entries = o->chunk;
    ro.columns = j->columns;
    if (o->learn) { /* what is asked for, not what is declared */
        ro.flags = VCOL_RUN_NO_PREFETCH;
        ro.columns = NULL;
        ro.count = o->learn < vcol_dataset_entries(dataset) ? o->learn : vcol_dataset_entries(dataset);
    }
    return vcol_run(dataset, &ro, &job, total, NULL, err);
}

/* The columns that were used, as a list that every option for columns takes. */
static vcol_status print_learned(const vcol_dataset *dataset, vcol_error *err)
{
    int64_t n = 0, columns = vcol_dataset_columns(dataset);
    int64_t *ids = malloc(((size_t)columns + 1) * sizeof *ids);
    if (!ids)
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    vcol_dataset_touched(dataset, ids, columns, &n, err);
    for (int64_t i = 0; i < n && !err->status; i++) {
        vcol_column_info info;
        if (vcol_dataset_column(dataset, ids[i], &info, sizeof info, err) == VCOL_OK)
            printf("%s%s", i ? " " : "", info.path);
    }
    printf("\n");
    free(ids);
    return (vcol_status)err->status;
}

static void print_csv(const adl_job *j, const adl_result *r)
{
    printf("query,histogram,bin,count\n");
    for (int q = 0; q < j->n; q++)
        for (int h = 0; h < j->queries[q]->n_histograms; h++)
            for (int bin = 0; bin < ADL_BINS + 2; bin++) {
                int64_t count = r->histograms[q * ADL_MAX_HISTOGRAMS + h].counts[bin];
                if (count)
                    printf("%d,%d,%d,%" PRId64 "\n", j->queries[q]->number, h + 1, bin, count);
            }
}

static void print_report(const adl_job *j, const adl_result *r, const options *o, const vcol_manager *manager,
                         const vcol_dataset *dataset, double wall)
{
    int64_t entries = o->learn && o->learn < vcol_dataset_entries(dataset) ? o->learn : vcol_dataset_entries(dataset);
    vcol_fetched fetched;
    vcol_stats stats;
    vcol_manager_stats(manager, &stats, sizeof stats);
    fprintf(stderr,
            "%" PRId64 " events in %.3f s (%.3f s CPU), %.0f events/s; read %.1f MB in %" PRIu64
            " reads; peak %.1f MB\n",
            entries, wall, cpu_clock(), wall > 0 ? (double)entries / wall : 0, (double)stats.bytes_read / 1e6,
            stats.reads, (double)stats.peak / 1e6);
    if (vcol_dataset_fetched(dataset, &fetched, sizeof fetched, NULL) == VCOL_OK && fetched.bytes_unused)
        fprintf(stderr, "read and never used: %" PRId64 " of %" PRId64 " columns, %.1f of %.1f MB\n", fetched.columns_unused,
                fetched.columns, (double)fetched.bytes_unused / 1e6, (double)fetched.bytes / 1e6);
    for (int q = 0; o->times && q < j->n; q++)
        fprintf(stderr, "query %d: %.3f s (reading of its columns included)\n", j->queries[q]->number,
                r->seconds[q]);
}

int main(int argc, char **argv)
{
    static adl_job j;
    static adl_result total;
    options o;
    vcol_error err = {0};
    vcol_manager_options mo;
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    double start = adl_wall();
    int status = 0;
    if (parse(&o, argc, argv))
        return 2;
    if (o.help) {
        fputs(usage_text, stdout);
        return 0;
    }
    prepare(&j, &o);
    total = j.empty;
    vcol_manager_options_init(&mo, sizeof mo);
    mo.flags = o.no_prefetch ? VCOL_MANAGER_NO_BACKGROUND : 0;
    mo.threads = o.threads;
    mo.limit = o.limit;
    mo.trace = o.trace ? TRACED : 0;
    if (vcol_manager_open(&mo, &manager, &err) != VCOL_OK ||
        vcol_dataset_open(manager, o.paths, o.n_paths, NULL, &dataset, &err) != VCOL_OK ||
        run(&j, &o, dataset, &total, &err) != VCOL_OK ||
        (o.learn && print_learned(dataset, &err) != VCOL_OK) ||
        (o.trace && vcol_manager_trace_write(manager, o.trace, &err) != VCOL_OK)) {
        fprintf(stderr, "vcol-adl: %s\n", err.message);
        status = 1;
        goto done;
    }
    if (!o.learn)
        print_csv(&j, &total);
    print_report(&j, &total, &o, manager, dataset, adl_wall() - start);
    if (o.plot && adl_plot(o.plot, j.queries, total.histograms, j.n)) {
        fprintf(stderr, "vcol-adl: %s: cannot be written\n", o.plot);
        status = 1;
    }
done:
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "vcol-adl: standard output: cannot be written\n");
        status = 1;
    }
    return status;
}
