/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest.c: `vcol digest`: a row of hashes and sums for every column of every table.
 *
 * A table is read in one pass, chunk by chunk; in a chunk one column after the other is taken, digested
 * and cleared, so that memory holds one column and what its neighbours share with it (groups.c). Columns
 * that end before their table does are read in passes of their own, one for each such end.
 */
#include "digest_column.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_PASS (-1)

typedef struct entry {
    vcol_column_info info; /* strings borrowed from the data set */
    digest_column digest;
    int64_t end; /* entries that can be read; NO_PASS: none, it is not readable */
    vcol_error fault;
} entry;

/* What --stats tells of a file, or of all. */
typedef struct tally {
    uint64_t chunks, baskets, unpacked, redecoded, peak, limit, overcommits;
} tally;

typedef struct digest {
    const cli_options *options;
    cli_progress progress;
    cli_text text;
    entry *entries; /* of the table, by the column's id */
    int64_t n;
    int status;
    tally file, all;
} digest;

/* ---- output -------------------------------------------------------------------------------------- */

/* A field of the table, without tabs and line ends. */
static void field(cli_text *text, const char *value)
{
    cli_text_plain(text, value && *value ? value : "-");
}

static void print_row(digest *d, const cli_table *table, const vcol_file_info *file, const entry *e)
{
    cli_text *text = &d->text;
    int readable = e->info.status == VCOL_OK;
    field(text, table->file);
    cli_text_puts(text, "\t");
    field(text, table->object);
    cli_text_format(text, "\t%s\t", file->kind);
    field(text, e->info.path);
    cli_text_puts(text, "\t");
    field(text, e->info.name);
    cli_text_puts(text, "\t");
    field(text, e->info.type_name);
    cli_text_puts(text, "\t");
    field(text, e->info.shape);
    cli_text_format(text, "\t%s\t%" PRId64 "\t",
                    e->fault.status ? "error"
                    : readable      ? "ok"
                                    : "unsupported",
                    file->entries);
    if (!readable || e->fault.status) {
        cli_text_puts(text, "-\t-\t-\t-\t-\t-\t-\t-\t");
        field(text, e->fault.status ? e->fault.message : e->info.note);
    } else {
        cli_digest_column_print(&e->digest, &e->info, text);
        cli_text_puts(text, "\t");
        cli_text_puts(text, e->info.note ? e->info.note : "");
    }
    cli_text_puts(text, "\n");
}

static void print_tally(const char *name, const tally *t)
{
    fprintf(stderr,
            "%s: chunks=%" PRIu64 " baskets=%" PRIu64 " unpacked=%" PRIu64 " redecoded=%" PRIu64
            " peak=%" PRIu64 " limit=%" PRIu64 " overcommits=%" PRIu64 "\n",
            name, t->chunks, t->baskets, t->unpacked, t->redecoded, t->peak, t->limit, t->overcommits);
}

/* The blocks of the columns that have entries; leaves of one branch, which are neighbours, share theirs. */
static uint64_t count_baskets(const digest *d)
{
    uint64_t n = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const entry *e = &d->entries[i], *before = i > 0 ? e - 1 : NULL;
        if (e->end > 0 &&
            !(before && before->end > 0 && e->info.group >= 0 && before->info.group == e->info.group))
            n += (uint64_t)e->info.blocks;
    }
    return n;
}

static void report(digest *d, const vcol_error *err)
{
    cli_progress_end(&d->progress);
    d->status = cli_fail(err);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void take_column(vcol_chunk *chunk, int64_t id, void *opaque)
{
    digest *d = opaque;
    entry *e = &d->entries[id];
    vcol_view view;
    if (e->fault.status)
        return;
    if (vcol_chunk_get(chunk, id, &view, &e->fault) == VCOL_OK)
        cli_digest_column_add(&e->digest, &view, &e->fault);
}

static void take_chunk(digest *d, vcol_chunk *chunk, const cli_groups *groups, int64_t done, int64_t end)
{
    double entries = (double)vcol_chunk_entries(chunk);
    for (int64_t i = 0; i < groups->n && !cli_interrupted(); i++) {
        cli_group_read(chunk, groups, &groups->items[i], take_column, d);
        cli_progress_update(&d->progress, done + (int64_t)(entries * (double)(i + 1) / (double)groups->n),
                            end);
    }
}

/* Whether a column that ends there is still without a fault: one that lies about its end has many chunks. */
static int any_left(const digest *d, int64_t end)
{
    for (int64_t i = 0; i < d->n; i++)
        if (d->entries[i].end == end && !d->entries[i].fault.status)
            return 1;
    return 0;
}

/* One pass over entries [0, end) for the columns that end there. Returns its chunks. */
static uint64_t run_pass(digest *d, vcol_dataset *dataset, int64_t end, vcol_error *err)
{
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    cli_groups groups = {0};
    char *names = NULL;
    int64_t *ids = malloc(((size_t)d->n + 1) * sizeof *ids), n = 0, done = 0;
    uint64_t chunks = 0;
    for (int64_t i = 0; ids && i < d->n; i++)
        if (d->entries[i].end == end)
            ids[n++] = i;
    if (ids && end == 0)
        goto done;
    if (!ids || cli_groups_open(dataset, ids, n, &groups, err) != VCOL_OK ||
        !(names = cli_columns_names(dataset, groups.ids, n, NULL))) {
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    if (cli_loop_open(dataset, d->options, 0, end, names, NULL, &loop, err) != VCOL_OK)
        goto done;
    while (!cli_interrupted() && any_left(d, end) && vcol_loop_next(loop, &chunk, err) == VCOL_OK) {
        take_chunk(d, chunk, &groups, done, end);
        done += vcol_chunk_entries(chunk);
    }
    chunks = (uint64_t)vcol_loop_chunks(loop);
done:
    vcol_loop_close(loop);
    cli_groups_close(&groups);
    free(names);
    free(ids);
    return chunks;
}

/* Passes for every end there is, the longest first; its chunks are the table's. */
static void run_passes(digest *d, vcol_dataset *dataset, vcol_error *err)
{
    int64_t end = INT64_MAX;
    uint64_t chunks = 0;
    while (!err->status && !cli_interrupted()) {
        int64_t next = NO_PASS;
        uint64_t of_pass;
        for (int64_t i = 0; i < d->n; i++)
            if (d->entries[i].end < end && d->entries[i].end > next)
                next = d->entries[i].end;
        if (next == NO_PASS)
            break;
        of_pass = run_pass(d, dataset, next, err);
        if (end == INT64_MAX)
            chunks = of_pass;
        end = next;
    }
    d->file.chunks += chunks;
}

/* A column whose description in the file is broken is a fault of the file. */
static void set_broken(entry *e, const cli_table *table)
{
    cli_text text = {0};
    cli_text_format(&text, "%s: column '%s': %s", table->path, e->info.path,
                    e->info.note ? e->info.note : "cannot be read");
    vcol_error_set(&e->fault, VCOL_CORRUPT, text.failed ? "a column cannot be read" : text.data);
    cli_text_free(&text);
}

static void digest_table(digest *d, vcol_manager *manager, const cli_table *table)
{
    vcol_error err = {0};
    vcol_dataset *dataset = NULL;
    vcol_file_info file;
    if (cli_dataset_open(manager, d->options, &(const char *){table->path}, 1, VCOL_DATASET_LONGEST, &dataset, &err) !=
            VCOL_OK ||
        vcol_dataset_file(dataset, 0, &file, &err) != VCOL_OK)
        goto done;
    d->n = vcol_dataset_columns(dataset);
    d->entries = calloc((size_t)d->n + 1, sizeof *d->entries);
    if (!d->entries) {
        d->n = 0;
        vcol_error_set(&err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    for (int64_t i = 0; i < d->n && !err.status; i++) {
        entry *e = &d->entries[i];
        e->end = NO_PASS;
        if (vcol_dataset_column(dataset, i, &e->info, sizeof e->info, &err) != VCOL_OK)
            continue;
        if (e->info.status == VCOL_CORRUPT)
            set_broken(e, table);
        if (e->info.status != VCOL_OK)
            continue;
        cli_digest_column_open(&e->digest, &e->info, &err);
        e->end = e->info.entries; /* its own, whatever the table says that it has */
    }
    d->file.baskets += count_baskets(d);
    run_passes(d, dataset, &err);
    for (int64_t i = 0; i < d->n && !err.status && !cli_interrupted(); i++) {
        print_row(d, table, &file, &d->entries[i]);
        if (d->entries[i].fault.status)
            report(d, &d->entries[i].fault);
    }
done:
    /* what no version of the library calls a table, and this one cannot open, is passed over */
    if (err.status && (table->readable || err.status != VCOL_UNSUPPORTED))
        report(d, &err);
    for (int64_t i = 0; i < d->n; i++)
        cli_digest_column_close(&d->entries[i].digest);
    free(d->entries);
    d->entries = NULL;
    d->n = 0;
    vcol_dataset_close(dataset);
}

static void digest_file(digest *d, const char *operand)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    cli_tables tables = {0};
    vcol_stats stats;
    d->file = (tally){0};
    cli_progress_begin(&d->progress, d->options, operand);
    if (cli_manager_open(d->options, 0, &manager, &err) != VCOL_OK ||
        cli_tables_list(manager, d->options, operand, &tables, &err) != VCOL_OK) {
        report(d, &err);
        goto done;
    }
    for (int64_t i = 0; i < tables.n && !cli_interrupted(); i++)
        digest_table(d, manager, &tables.items[i]);
    vcol_manager_stats(manager, &stats, sizeof stats);
    d->file.unpacked = stats.blocks_unpacked;
    d->file.redecoded = stats.blocks_redecoded;
    d->file.peak = stats.peak;
    d->file.limit = stats.limit;
    d->file.overcommits = stats.overcommits;
    if (cli_trace_write(d->options, manager, &err) != VCOL_OK)
        report(d, &err);
done:
    cli_progress_end(&d->progress);
    cli_tables_free(&tables);
    vcol_manager_close(manager);
}

int cli_digest_run(const cli_options *options)
{
    digest d = {.options = options};
    int closed;
    if (options->trace && options->n_operands > 1) { /* each file has a manager of its own */
        fprintf(stderr, "vcol: digest: --trace takes one file\n");
        return CLI_USAGE;
    }
    cli_text_puts(&d.text,
                  "file\tobject\tkind\tpath\tname\ttypename\ttype\tstatus\tentries\tn_values\tdtype\t"
                  "content\tlevels\tsum\tmin\tmax\tnan\tnote\n");
    for (int i = 0; i < options->n_operands && !cli_interrupted(); i++) {
        digest_file(&d, options->operands[i]);
        if (cli_text_flush(&d.text, stdout))
            break;
        if (options->stats)
            print_tally(options->operands[i], &d.file);
        d.all.chunks += d.file.chunks;
        d.all.baskets += d.file.baskets;
        d.all.unpacked += d.file.unpacked;
        d.all.redecoded += d.file.redecoded;
        d.all.overcommits += d.file.overcommits;
        d.all.limit = d.file.limit;
        if (d.file.peak > d.all.peak)
            d.all.peak = d.file.peak;
    }
    if (options->stats)
        print_tally("total", &d.all);
    cli_text_free(&d.text);
    closed = cli_output_close();
    return cli_interrupted() ? CLI_INTERRUPTED : d.status ? d.status : closed;
}
