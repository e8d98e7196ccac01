/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cat.c: `vcol cat`: columns as CSV or JSON lines, a row an entry, chunk by chunk.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_AT ((size_t)1 << 16)

typedef struct column {
    vcol_column_info info;
    vcol_view view;
} column;

static void header(const column *columns, int64_t n, cli_text *out)
{
    for (int64_t k = 0; k < n; k++) {
        if (k)
            cli_text_add(out, ",", 1);
        cli_text_csv(out, columns[k].info.path, strlen(columns[k].info.path));
    }
    cli_text_add(out, "\n", 1);
}

static void row(const column *columns, int64_t n, int64_t i, int jsonl, cli_text *out)
{
    if (jsonl)
        cli_text_add(out, "{", 1);
    for (int64_t k = 0; k < n; k++) {
        if (k)
            cli_text_add(out, ",", 1);
        if (jsonl) {
            cli_text_json_string(out, columns[k].info.path);
            cli_text_add(out, ":", 1);
        }
        cli_text_entry(out, &columns[k].view, i, jsonl ? CLI_STYLE_JSON : CLI_STYLE_CSV);
    }
    cli_text_puts(out, jsonl ? "}\n" : "\n");
}

/* Writes a chunk's rows. Returns 0, or -1 if they could not be written. */
static int write_chunk(vcol_chunk *chunk, column *columns, int64_t n, int jsonl, cli_text *out,
                       vcol_error *err)
{
    int64_t entries = vcol_chunk_entries(chunk);
    for (int64_t k = 0; k < n; k++)
        if (vcol_chunk_get(chunk, columns[k].info.id, &columns[k].view, err) != VCOL_OK)
            return 0;
    for (int64_t i = 0; i < entries && !cli_interrupted(); i++) {
        row(columns, n, i, jsonl, out);
        if (out->size >= FLUSH_AT && cli_text_flush(out, stdout))
            return -1;
    }
    return cli_text_flush(out, stdout);
}

int cli_cat_run(const cli_options *options)
{
    vcol_error err = {0};
    cli_input in;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    cli_progress progress = {0};
    column *columns = NULL;
    char *names = NULL;
    cli_text out = {0};
    int64_t n, entries, last, first;
    int status = CLI_DONE, closed;
    if (cli_input_open(options, 0, &in, &err) != VCOL_OK)
        goto done;
    n = in.n;
    columns = calloc((size_t)n + 1, sizeof *columns);
    names = cli_columns_names(in.dataset, in.ids, n, NULL);
    if (!columns || !names) {
        vcol_error_set(&err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    for (int64_t k = 0; k < n; k++)
        if (vcol_dataset_column(in.dataset, in.ids[k], &columns[k].info, sizeof columns[k].info, &err) !=
            VCOL_OK)
            goto done;
    if (!options->jsonl)
        header(columns, n, &out);
    entries = vcol_dataset_entries(in.dataset);
    last = options->last < 0 || options->last > entries ? entries : options->last;
    first = options->first < last ? options->first : last;
    cli_progress_begin(&progress, options, "vcol cat");
    if (first < last &&
        cli_loop_open(in.dataset, options, first, last - first, names, &progress, &loop, &err) != VCOL_OK)
        goto done;
    while (loop && !cli_interrupted() && vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
        if (write_chunk(chunk, columns, n, options->jsonl, &out, &err))
            break;
    }
done:
    cli_progress_end(&progress);
    cli_text_flush(&out, stdout);
    closed = cli_output_close();
    if (err.status)
        status = cli_fail(&err);
    vcol_loop_close(loop);
    if (!status && cli_trace_write(options, in.manager, &err) != VCOL_OK)
        status = cli_fail(&err);
    cli_input_close(&in);
    cli_text_free(&out);
    free(names);
    free(columns);
    return cli_interrupted() ? CLI_INTERRUPTED : status ? status : closed;
}
