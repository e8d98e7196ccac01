/* SPDX-License-Identifier: BSD-3-Clause */
/* find.c: `vcol find`: the entry that has two numbers. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno || *end || !*text || strchr(" \t\n\v\f\r", *text) ? -1 : 0;
}

int cli_find_run(const cli_options *options)
{
    vcol_error err = {0};
    vcol_manager *manager = NULL;
    vcol_dataset *dataset = NULL;
    vcol_index *index = NULL;
    const char *major = NULL, *minor = NULL;
    char *copy = NULL;
    int64_t values[2] = {0, 0}, entry;
    int status = CLI_DONE, closed;
    for (int i = 1; i < options->n_operands; i++)
        if (number(options->operands[i], &values[i - 1])) {
            fprintf(stderr, "vcol: find: '%s' is no number; see 'vcol help find'\n", options->operands[i]);
            return CLI_USAGE;
        }
    if (options->columns)
        cli_index_columns(options->columns, &copy, &major, &minor, &err);
    if (!err.status && cli_manager_open(options, 0, &manager, &err) == VCOL_OK &&
        cli_dataset_open(manager, options, options->operands, 1, 0, &dataset, &err) == VCOL_OK &&
        vcol_index_open(dataset, major, minor, &index, &err) == VCOL_OK &&
        vcol_index_find(index, values[0], values[1], &entry, &err) == VCOL_OK)
        printf("%" PRId64 "\n", entry);
    if (err.status)
        status = cli_fail(&err);
    vcol_index_close(index);
    vcol_dataset_close(dataset);
    vcol_manager_close(manager);
    free(copy);
    closed = cli_output_close();
    return status ? status : closed;
}
