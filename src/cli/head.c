/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * head.c: `vcol head`: the first entries as an aligned table, cut to what a person can look at.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 8  /* shown when none are named */
#define MAX_WIDTH   60 /* of a cell */

typedef struct column {
    vcol_column_info info;
    vcol_view view;
    int right; /* numbers are aligned to the right */
    size_t width;
} column;

/* Cuts a cell that is too wide, between characters. */
static void cut(cli_text *cell)
{
    size_t at = 0, width = 0;
    if (cell->failed || cli_text_width(cell->data, cell->size) <= MAX_WIDTH)
        return;
    for (; at < cell->size; at++) {
        width += ((unsigned char)cell->data[at] & 0xc0) != 0x80;
        if (width == MAX_WIDTH)
            break;
    }
    cell->size = at;
    cli_text_puts(cell, "\xe2\x80\xa6");
}

static void pad(cli_text *out, const cli_text *cell, const column *c, int last)
{
    size_t width = cli_text_width(cell->data, cell->size), n = c->width > width ? c->width - width : 0;
    if (c->right)
        cli_text_format(out, "%*s", (int)n, "");
    cli_text_add(out, cell->data, cell->size);
    if (!last)
        cli_text_format(out, "%*s  ", c->right ? 0 : (int)n, "");
}

/* Row -1 is the names. Without `out` only measures. */
static int row(column *columns, int64_t n, int64_t i, cli_text *out)
{
    int failed = 0;
    for (int64_t k = 0; k < n; k++) {
        cli_text cell = {0};
        size_t width;
        if (i < 0)
            cli_text_plain(&cell, columns[k].info.path);
        else
            cli_text_entry(&cell, &columns[k].view, i, CLI_STYLE_TABLE);
        cut(&cell);
        width = cli_text_width(cell.data, cell.size);
        if (out)
            pad(out, &cell, &columns[k], k + 1 == n);
        else if (width > columns[k].width)
            columns[k].width = width;
        failed |= cell.failed;
        cli_text_free(&cell);
    }
    if (out)
        cli_text_puts(out, "\n");
    return failed;
}

static void print(column *columns, int64_t n, int64_t rows, cli_text *out)
{
    for (int64_t i = -1; i < rows; i++)
        out->failed |= row(columns, n, i, NULL);
    for (int64_t i = -1; i < rows; i++)
        out->failed |= row(columns, n, i, out);
}

int cli_head_run(const cli_options *options)
{
    vcol_error err = {0};
    cli_input in;
    vcol_chunk *chunk = NULL;
    vcol_file_info file;
    column *columns = NULL;
    cli_text out = {0};
    int64_t n, all, rows;
    int status = CLI_DONE, closed;
    if (cli_input_open(options, VCOL_MANAGER_NO_BACKGROUND, &in, &err) != VCOL_OK ||
        vcol_dataset_file(in.dataset, 0, &file, &err) != VCOL_OK)
        goto done;
    all = n = in.n;
    if (!options->columns && n > MAX_COLUMNS)
        n = MAX_COLUMNS;
    columns = calloc((size_t)n + 1, sizeof *columns);
    if (!columns) {
        vcol_error_set(&err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    rows = options->rows < file.entries ? options->rows : file.entries; /* a chunk is of one file */
    if (rows > 0 && vcol_chunk_open(in.dataset, 0, rows, &chunk, &err) != VCOL_OK)
        goto done;
    for (int64_t k = 0; k < n; k++) {
        if (vcol_dataset_column(in.dataset, in.ids[k], &columns[k].info, sizeof columns[k].info, &err) !=
                VCOL_OK ||
            (chunk && vcol_chunk_get(chunk, in.ids[k], &columns[k].view, &err) != VCOL_OK))
            goto done;
        columns[k].right = columns[k].info.levels == 0;
    }
    print(columns, n, rows, &out);
    if (cli_text_flush(&out, stdout))
        status = CLI_FAILED;
    if (n < all)
        fprintf(stderr, "vcol: %" PRId64 " more columns; choose with -c, list with 'vcol ls'\n", all - n);
done:
    if (err.status)
        status = cli_fail(&err);
    vcol_chunk_close(chunk);
    free(columns);
    cli_text_free(&out);
    cli_input_close(&in);
    closed = cli_output_close();
    return status ? status : closed;
}
