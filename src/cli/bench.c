/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.c: `vcol bench read`: how fast columns are materialized. Question: entries and bytes a second,
 * and how much of the processors that took. Workload: every column of every chunk is asked for once and
 * cleared; nothing is computed on the values. Times are of the loop alone, without opening.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct result {
    int64_t entries, columns, chunks;
    uint64_t stored; /* bytes of the columns in the files */
    double wall, cpu;
    int32_t threads;
    vcol_stats stats;
} result;

static void take(vcol_chunk *chunk, int64_t id, void *opaque)
{
    vcol_view view;
    vcol_chunk_get(chunk, id, &view, opaque);
}

/* Leaves of one branch, which are neighbours, tell the same bytes. */
static uint64_t stored_bytes(const vcol_dataset *dataset, const cli_groups *groups, int64_t n)
{
    uint64_t stored = 0;
    for (int64_t i = 0; i < n; i++) {
        vcol_column_info info;
        if (i > 0 && groups->blocks[i] >= 0 && groups->blocks[i] == groups->blocks[i - 1])
            continue;
        if (vcol_dataset_column(dataset, groups->ids[i], &info, sizeof info, NULL) == VCOL_OK)
            stored += info.stored;
    }
    return stored;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void print_result(const result *r, int json, int with_columns, const char *columns)
{
    const vcol_stats *s = &r->stats;
    double stored = ratio((double)r->stored, r->wall) / 1e6;
    double unpacked = ratio((double)s->bytes_unpacked, r->wall) / 1e6;
    double efficiency = ratio(r->cpu, r->wall * (r->threads > 0 ? r->threads : 1));
    if (json) {
        printf("{\"entries\":%" PRId64 ",\"columns\":%" PRId64 ",\"chunks\":%" PRId64 ",\"threads\":%" PRId32
               ",\"wall_seconds\":%.6f,\"cpu_seconds\":%.6f,\"stored_bytes\":%" PRIu64
               ",\"unpacked_bytes\":%" PRIu64 ",\"read_bytes\":%" PRIu64 ",\"reads\":%" PRIu64
               ",\"blocks_unpacked\":%" PRIu64 ",\"blocks_redecoded\":%" PRIu64
               ",\"stored_mb_per_second\":%.3f,\"unpacked_mb_per_second\":%.3f,\"cpu_efficiency\":%.4f"
               ",\"peak_bytes\":%" PRIu64 ",\"overcommits\":%" PRIu64,
               r->entries, r->columns, r->chunks, r->threads, r->wall, r->cpu, r->stored, s->bytes_unpacked,
               s->bytes_read, s->reads, s->blocks_unpacked, s->blocks_redecoded, stored, unpacked, efficiency,
               s->peak, s->overcommits);
        if (with_columns)
            printf(",\"column_stats\":[%s]", columns);
        printf("}\n");
        return;
    }
    printf("entries          %" PRId64 "\n", r->entries);
    printf("columns          %" PRId64 "\n", r->columns);
    printf("chunks           %" PRId64 "\n", r->chunks);
    printf("threads          %" PRId32 "\n", r->threads);
    printf("wall             %.3f s\n", r->wall);
    printf("cpu              %.3f s\n", r->cpu);
    printf("cpu efficiency   %.1f %%\n", 100 * efficiency);
    printf("compressed       %.1f MB, %.1f MB/s\n", (double)r->stored / 1e6, stored);
    printf("uncompressed     %.1f MB, %.1f MB/s\n", (double)s->bytes_unpacked / 1e6, unpacked);
    printf("read             %.1f MB in %" PRIu64 " reads\n", (double)s->bytes_read / 1e6, s->reads);
    printf("blocks unpacked  %" PRIu64 " (%" PRIu64 " again)\n", s->blocks_unpacked, s->blocks_redecoded);
    printf("peak             %.1f MB\n", (double)s->peak / 1e6);
    fputs(columns, stdout);
}

/* What was done with each column that was read; shared arrays count for each. */
static void print_columns(const cli_input *in, int json, cli_text *text)
{
    if (!json)
        cli_text_format(text, "\n%-40s %8s %8s %8s %8s %12s %8s %8s %10s %10s %12s %8s\n", "column", "touched", "hits", "loads",
                        "blocks", "bytes read", "unpacked", "again", "load ms", "wait ms", "peak bytes", "evicted");
    for (int64_t i = 0; i < in->n; i++) {
        vcol_column_info info;
        vcol_column_stats s;
        if (vcol_dataset_column(in->dataset, in->ids[i], &info, sizeof info, NULL) != VCOL_OK ||
            vcol_dataset_column_stats(in->dataset, in->ids[i], &s, sizeof s, NULL) != VCOL_OK)
            continue;
        if (json) {
            cli_text_puts(text, i ? ",{\"column\":" : "{\"column\":");
            cli_text_json_string(text, info.path);
            cli_text_format(text,
                            ",\"touched\":%" PRIu64 ",\"hits\":%" PRIu64 ",\"loads\":%" PRIu64 ",\"failures\":%" PRIu64
                            ",\"load_ns\":%" PRIu64 ",\"wait_ns\":%" PRIu64 ",\"blocks_read\":%" PRIu64
                            ",\"bytes_read\":%" PRIu64 ",\"blocks_unpacked\":%" PRIu64 ",\"bytes_unpacked\":%" PRIu64
                            ",\"blocks_redecoded\":%" PRIu64 ",\"evictions\":%" PRIu64 ",\"prefetched\":%" PRIu64
                            ",\"prefetch_unused\":%" PRIu64 ",\"peak_bytes\":%" PRIu64 "}",
                            s.touched, s.hits, s.loads, s.failures, s.load_ns, s.wait_ns, s.blocks_read, s.bytes_read,
                            s.blocks_unpacked, s.bytes_unpacked, s.blocks_redecoded, s.evictions, s.prefetched, s.prefetch_unused,
                            s.peak_bytes);
            continue;
        }
        size_t start = text->size;
        cli_text_plain(text, info.path);
        size_t width = text->failed ? 0 : cli_text_width(text->data + start, text->size - start);
        cli_text_format(text, "%*s", width < 40 ? (int)(40 - width) : 0, "");
        cli_text_format(text,
                        " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %12" PRIu64 " %8" PRIu64 " %8" PRIu64
                        " %10.3f %10.3f %12" PRIu64 " %8" PRIu64 "\n",
                        s.touched, s.hits, s.loads, s.blocks_read, s.bytes_read, s.blocks_unpacked, s.blocks_redecoded,
                        1e-6 * (double)s.load_ns, 1e-6 * (double)s.wait_ns, s.peak_bytes, s.evictions);
    }
}

/* 0, or -1 without memory. */
static int print(const result *r, const cli_options *options, const cli_input *in)
{
    cli_text columns = {0};
    int failed;
    cli_text_puts(&columns, "");
    if (options->column_stats)
        print_columns(in, options->json, &columns);
    failed = columns.failed;
    if (!failed)
        print_result(r, options->json, options->column_stats, columns.data);
    cli_text_free(&columns);
    return failed ? -1 : 0;
}

int cli_bench_read_run(const cli_options *options)
{
    vcol_error err = {0};
    cli_input in;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    cli_progress progress = {0};
    cli_groups groups = {0};
    result r = {0};
    char *names = NULL;
    int64_t n;
    int status = CLI_DONE, closed;
    if (cli_input_open(options, 0, &in, &err) != VCOL_OK ||
        cli_groups_open(in.dataset, in.ids, in.n, &groups, &err) != VCOL_OK)
        goto done;
    n = in.n;
    names = cli_columns_names(in.dataset, groups.ids, n, NULL);
    if (!names) {
        vcol_error_set(&err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    r.columns = n;
    r.stored = stored_bytes(in.dataset, &groups, n);
    r.threads = options->no_prefetch ? 1 : vcol_manager_threads(in.manager);
    cli_progress_begin(&progress, options, "vcol bench read");
    r.wall = -cli_clock_wall();
    r.cpu = -cli_clock_cpu();
    if (vcol_dataset_entries(in.dataset) > 0 &&
        cli_loop_open(in.dataset, options, 0, 0, names, &progress, &loop, &err) != VCOL_OK)
        goto done;
    while (loop && !cli_interrupted() && vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
        for (int64_t k = 0; k < groups.n && !err.status; k++)
            cli_group_read(chunk, &groups, &groups.items[k], take, &err);
        r.entries += vcol_chunk_entries(chunk);
    }
    r.wall += cli_clock_wall();
    r.cpu += cli_clock_cpu();
    r.chunks = loop ? vcol_loop_chunks(loop) : 0;
    vcol_manager_stats(in.manager, &r.stats, sizeof r.stats);
    cli_progress_end(&progress);
    vcol_loop_close(loop); /* what was prefetched and not used is known then */
    loop = NULL;
    if (!err.status && !cli_interrupted() && print(&r, options, &in))
        vcol_error_set(&err, VCOL_NOMEM, "out of memory");
done:
    cli_progress_end(&progress);
    if (err.status)
        status = cli_fail(&err);
    vcol_loop_close(loop);
    if (!status && cli_trace_write(options, in.manager, &err) != VCOL_OK)
        status = cli_fail(&err);
    cli_groups_close(&groups);
    cli_input_close(&in);
    free(names);
    closed = cli_output_close();
    return cli_interrupted() ? CLI_INTERRUPTED : status ? status : closed;
}
