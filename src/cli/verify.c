/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify.c: `vcol verify`: reads all blocks of all tables and tells every fault.
 */
#include "cli.h"

#include <inttypes.h>

typedef struct verify {
    cli_progress progress;
    int64_t faults;
} verify;

/* A fault's message names file, object and offset itself. */
static void on_fault(const vcol_error *fault, void *opaque)
{
    verify *v = opaque;
    cli_progress_end(&v->progress);
    printf("%s\n", fault->message);
    v->faults++;
}

static void verify_table(verify *v, vcol_manager *manager, const cli_table *table, int64_t *blocks)
{
    vcol_error err = {0};
    vcol_dataset *dataset = NULL;
    int64_t read = 0, faults = 0;
    if (vcol_dataset_open(manager, &(const char *){table->path}, 1, NULL, &dataset, &err) == VCOL_OK)
        vcol_dataset_verify(dataset, NULL, on_fault, v, &read, &faults, &err);
    *blocks += read;
    if (err.status == VCOL_UNSUPPORTED && !table->readable)
        fprintf(stderr, "vcol: not checked: %s\n", err.message);
    else if (err.status)
        on_fault(&err, v);
    vcol_dataset_close(dataset);
}

static int verify_file(verify *v, const cli_options *options, const char *operand)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    cli_tables tables = {0};
    int64_t blocks = 0;
    int status = CLI_DONE;
    v->faults = 0;
    cli_progress_begin(&v->progress, options, operand);
    if (cli_manager_open(options, VCOL_MANAGER_VERIFY, &manager, &err) != VCOL_OK ||
        cli_tables_list(manager, operand, &tables, &err) != VCOL_OK) {
        cli_progress_end(&v->progress);
        status = cli_fail(&err);
        goto done;
    }
    for (int64_t i = 0; i < tables.n && !cli_interrupted(); i++) {
        cli_progress_update(&v->progress, i, tables.n);
        verify_table(v, manager, &tables.items[i], &blocks);
    }
    cli_progress_end(&v->progress);
    printf("%s: %" PRId64 " block%s in %" PRId64 " table%s, %" PRId64 " fault%s\n", operand, blocks,
           blocks == 1 ? "" : "s", tables.n, tables.n == 1 ? "" : "s", v->faults, v->faults == 1 ? "" : "s");
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
