/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace.c: `vcol trace summary`: where the time of a traced run went; and the --trace of commands that read.
 */
#include "trace.h"
#include "cli.h"

#include <inttypes.h>

static double seconds(int64_t ns)
{
    return 1e-9 * (double)ns;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_rows(const trace_data *d, const trace_sum *s)
{
    static const int columns[] = {TRACE_COMPUTE, TRACE_GENERATE, TRACE_READ, TRACE_UNPACK, TRACE_DECODE,
                                  TRACE_LOAD,    TRACE_PLAN,     TRACE_WAIT, TRACE_OTHER};
    int n = TRACE_WHATS - (s->spent[TRACE_OTHER] == 0);
    cli_text text = {0};
    printf("\n%-16s", "seconds");
    for (int c = 0; c < n; c++)
        printf(" %9s", trace_what_names[columns[c]]);
    printf(" %9s\n", "idle");
    for (int64_t t = 0; t < d->n_threads; t++) {
        const trace_thread *thread = &d->threads[t];
        int64_t busy = 0;
        for (int c = 0; c < TRACE_WHATS; c++)
            busy += thread->spent[c];
        if (busy == 0)
            continue;
        cli_text_plain(&text, thread->name[0] ? thread->name : "?");
        cli_text_add(&text, "", 1);
        printf("%-16s", text.failed ? "?" : text.data);
        text.size = 0;
        for (int c = 0; c < n; c++)
            printf(" %9.3f", seconds(thread->spent[columns[c]]));
        printf(" %9.3f\n", seconds(s->time - busy));
    }
    printf("%-16s", "total");
    for (int c = 0; c < n; c++)
        printf(" %9.3f", seconds(s->spent[columns[c]]));
    printf(" %9.3f\n\n", seconds(s->idle));
    cli_text_free(&text);
}

static void print_bytes(const char *before, uint64_t bytes, const char *after)
{
    cli_text text = {0};
    cli_text_bytes(&text, bytes);
    printf("%s%.*s%s", before, (int)text.size, text.data ? text.data : "", after);
    cli_text_free(&text);
}

static void print_text(const trace_data *d, const trace_sum *s)
{
    uint64_t over = d->bytes_read > d->bytes_wanted ? d->bytes_read - d->bytes_wanted : 0;
    int any = 0;
    printf("time             %.3f s, of which something computed %.3f s (%.1f %%)\n", seconds(s->time),
           seconds(s->computing), percent((double)s->computing, (double)s->time));
    print_rows(d, s);
    printf("waited for      ");
    for (int i = 0; i < TRACE_FORS; i++)
        if (s->waited[i]) {
            printf("%s %s %.3f s", any ? "," : "", trace_for_names[i], seconds(s->waited[i]));
            any = 1;
        }
    printf("%s\n", any ? "" : " nothing");
    printf("overlap          %.1f %% of %.3f s of reading, unpacking, decoding and generating\n",
           percent((double)s->work_overlapped, (double)s->work), seconds(s->work));
    print_bytes("read             ", d->bytes_read, "");
    printf(" by %" PRId64 " reads in %" PRId64 " calls", d->n_reads, d->calls);
    print_bytes("; ", over, " more than was wanted");
    printf(" (%.1f %%)", percent((double)over, (double)d->bytes_wanted));
    print_bytes("; ", s->bytes_twice, " twice\n");
    printf("blocks unpacked  %" PRId64 "; %" PRId64 " of them more than once, %" PRId64 " times too many; in one pass %" PRId64 "\n",
           s->blocks, s->blocks_repeated, s->repeats, s->again);
    print_bytes("memory           peak ", d->peak, "");
    if (d->limit)
        print_bytes(" of a limit of ", d->limit, "");
    printf("; over it %" PRIu64 " times\n", d->overcommits);
    if (d->dropped)
        printf("not complete     %" PRIu64 " later events were not kept\n", d->dropped);
}

static void print_json(const trace_data *d, const trace_sum *s)
{
    cli_text text = {0};
    cli_text_format(&text, "{\"seconds\":%.9f,\"computing_seconds\":%.9f,\"work_seconds\":%.9f,\"overlap\":%.6f", seconds(s->time),
                    seconds(s->computing), seconds(s->work), percent((double)s->work_overlapped, (double)s->work) / 100);
    cli_text_puts(&text, ",\"threads\":[");
    for (int64_t t = 0; t < d->n_threads; t++) {
        cli_text_format(&text, "%s{\"name\":", t ? "," : "");
        cli_text_json_string(&text, d->threads[t].name);
        for (int c = 0; c < TRACE_WHATS; c++)
            cli_text_format(&text, ",\"%s\":%.9f", trace_what_names[c], seconds(d->threads[t].spent[c]));
        cli_text_puts(&text, "}");
    }
    cli_text_puts(&text, "],\"total\":{\"idle\":");
    cli_text_format(&text, "%.9f", seconds(s->idle));
    for (int c = 0; c < TRACE_WHATS; c++)
        cli_text_format(&text, ",\"%s\":%.9f", trace_what_names[c], seconds(s->spent[c]));
    cli_text_puts(&text, "},\"waited\":{");
    for (int i = 0; i < TRACE_FORS; i++)
        cli_text_format(&text, "%s\"%s\":%.9f", i ? "," : "", trace_for_names[i], seconds(s->waited[i]));
    cli_text_format(&text,
                    "},\"calls\":%" PRId64 ",\"reads\":%" PRId64 ",\"bytes_read\":%" PRIu64 ",\"bytes_wanted\":%" PRIu64 ",\"bytes_twice\":%" PRIu64
                    ",\"blocks\":%" PRId64 ",\"blocks_repeated\":%" PRId64 ",\"repeats\":%" PRId64 ",\"repeats_in_one_pass\":%" PRId64
                    ",\"peak\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"overcommits\":%" PRIu64 ",\"dropped\":%" PRIu64 "}\n",
                    d->calls, d->n_reads, d->bytes_read, d->bytes_wanted, s->bytes_twice, s->blocks, s->blocks_repeated, s->repeats, s->again,
                    d->peak, d->limit, d->overcommits, d->dropped);
    cli_text_flush(&text, stdout);
    cli_text_free(&text);
}

int cli_trace_summary_run(const cli_options *options)
{
    vcol_error err = {0};
    trace_data data;
    trace_sum sum;
    int status = CLI_DONE, closed;
    if (trace_read(options->operands[0], &data, &err) != VCOL_OK || trace_sum_up(&data, &sum, &err) != VCOL_OK)
        status = cli_fail(&err);
    else if (options->json)
        print_json(&data, &sum);
    else
        print_text(&data, &sum);
    trace_free(&data);
    closed = cli_output_close();
    return status ? status : closed;
}

vcol_status cli_trace_write(const cli_options *options, const vcol_manager *manager, vcol_error *err)
{
    return options->trace && manager ? vcol_manager_trace_write(manager, options->trace, err) : VCOL_OK;
}
