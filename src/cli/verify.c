/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify.c: `vcol verify`: reads all blocks of all tables, also those that no column can be read from yet, and all
 * other records of the file, and tells every fault.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct verify {
    cli_progress progress;
    int64_t faults, blocks, tables, records, unread; /* of the present file */
} verify;

/* A fault's message names file, object and offset itself. */
static void on_fault(const vcol_error *fault, void *opaque)
{
    verify *v = opaque;
    cli_progress_end(&v->progress);
    cli_line_print(stdout, "", fault->message);
    v->faults++;
}

/* Columns whose description in the file is broken cannot be read at all, which is a fault, too. */
static void report_broken(verify *v, const vcol_dataset *dataset, const char *path)
{
    for (int64_t id = 0; id < vcol_dataset_columns(dataset); id++) {
        vcol_column_info info;
        cli_text text = {0};
        if (vcol_dataset_column(dataset, id, &info, sizeof info, NULL) != VCOL_OK ||
            info.status != VCOL_CORRUPT)
            continue;
        cli_progress_end(&v->progress);
        cli_text_format(&text, "%s: column '%s': %s", path, info.path,
                        info.note ? info.note : "cannot be read");
        cli_line_print(stdout, "", text.failed ? "a column cannot be read" : text.data);
        cli_text_free(&text);
        v->faults++;
    }
}

/* Verifies the columns that share blocks together, group by group, or all at once if some cannot be named. */
static void verify_columns(verify *v, vcol_dataset *dataset, vcol_error *err)
{
    cli_groups groups = {0};
    int64_t *ids = NULL, n = 0, named = 0, read = 0;
    char *names = NULL;
    if (cli_columns_match(dataset, NULL, &ids, &n, err) != VCOL_OK ||
        cli_groups_open(dataset, ids, n, &groups, err) != VCOL_OK)
        goto done;
    names = cli_columns_names(dataset, ids, n, &named);
    if (named < n) {
        if (vcol_dataset_verify(dataset, NULL, on_fault, v, &read, NULL, err) == VCOL_OK)
            v->blocks += read;
        goto done;
    }
    for (int64_t i = 0; i < groups.n && !err->status && !cli_interrupted(); i++) {
        const cli_group *g = &groups.items[i];
        cli_progress_update(&v->progress, i, groups.n);
        free(names);
        names = cli_columns_names(dataset, groups.ids + g->first, g->n, NULL);
        if (!names)
            vcol_error_set(err, VCOL_NOMEM, "out of memory");
        else if (vcol_dataset_verify(dataset, names, on_fault, v, &read, NULL, err) == VCOL_OK)
            v->blocks += read;
    }
    if (!err->status && !cli_interrupted() && vcol_dataset_verify(dataset, "", on_fault, v, &read, NULL, err) == VCOL_OK)
        v->blocks += read;
done:
    free(names);
    free(ids);
    cli_groups_close(&groups);
}

static void verify_table(verify *v, vcol_manager *manager, const cli_options *options, const cli_table *table)
{
    vcol_error err = {0};
    vcol_dataset *dataset = NULL;
    if (cli_dataset_open(manager, options, &(const char *){table->path}, 1, 0, &dataset, &err) == VCOL_OK) {
        report_broken(v, dataset, table->path);
        verify_columns(v, dataset, &err);
    }
    if (err.status == VCOL_UNSUPPORTED && !table->readable) {
        cli_line_print(stderr, "vcol: not checked: ", err.message);
        v->unread++;
    } else {
        v->tables++;
        if (err.status)
            on_fault(&err, v);
    }
    vcol_dataset_close(dataset);
}

/* What lies in the file outside its tables. */
static void verify_rest(verify *v, vcol_manager *manager, const cli_options *options, const char *path)
{
    vcol_error err = {0};
    vcol_file *file = NULL;
    if (cli_file_open(manager, options, path, &file, &err) == VCOL_OK)
        vcol_file_verify(file, on_fault, v, &v->records, NULL, &err);
    if (err.status)
        on_fault(&err, v);
    vcol_file_close(file);
}

static void print_count(int64_t n, const char *what)
{
    printf("%" PRId64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void print_summary(const verify *v, const char *operand, int whole_file)
{
    printf("%s: ", operand);
    print_count(v->blocks, "block");
    printf(" in ");
    print_count(v->tables, "table");
    if (whole_file) {
        printf(", ");
        print_count(v->records, "other record");
    }
    if (v->unread)
        printf(", %" PRId64 " not checked", v->unread);
    printf(", ");
    print_count(v->faults, "fault");
    printf("\n");
}

static int verify_file(verify *v, const cli_options *options, const char *operand)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    cli_tables tables = {0};
    int whole_file = !cli_operand_has_object(operand);
    int status = CLI_DONE;
    v->faults = v->blocks = v->tables = v->records = v->unread = 0;
    cli_progress_begin(&v->progress, options, operand);
    if (cli_manager_open(options, VCOL_MANAGER_VERIFY, &manager, &err) != VCOL_OK ||
        cli_tables_list(manager, options, operand, &tables, &err) != VCOL_OK) {
        cli_progress_end(&v->progress);
        status = cli_fail(&err);
        goto done;
    }
    for (int64_t i = 0; i < tables.n && !cli_interrupted(); i++)
        verify_table(v, manager, options, &tables.items[i]);
    if (whole_file && !cli_interrupted())
        verify_rest(v, manager, options, operand);
    cli_progress_end(&v->progress);
    if (!cli_interrupted())
        print_summary(v, operand, whole_file);
    status = v->faults ? CLI_FAILED : CLI_DONE;
done:
    cli_tables_free(&tables);
    vcol_manager_close(manager);
    return status;
}

int cli_verify_run(const cli_options *options)
{
    verify v = {0};
    int status = CLI_DONE, closed;
    for (int i = 0; i < options->n_operands && !cli_interrupted(); i++) {
        int of_file = verify_file(&v, options, options->operands[i]);
        if (of_file > status)
            status = of_file;
    }
    closed = cli_output_close();
    return cli_interrupted() ? CLI_INTERRUPTED : status ? status : closed;
}
