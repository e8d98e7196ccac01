/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line. Input: two bytes that choose which options the command takes, then the arguments, each
 * ended by a NUL. What is accepted is within the options' bounds; the same again gives the same; help is
 * printed.
 */
#include "cli/cli.h"

#include "fuzz.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 2, MAX_ARGUMENTS = 64 };

static int nothing(const cli_options *options)
{
    (void)options;
    return 0;
}

static void check(const cli_command *command, const cli_options *o, int argc)
{
    FUZZ_RULE(o->n_operands >= 0 && o->n_operands <= argc);
    for (int i = 0; i < o->n_operands; i++)
        FUZZ_RULE(o->operands[i]);
    FUZZ_RULE(o->rows >= 0 && o->first >= 0 && o->threads >= 0 && o->chunk >= 0);
    FUZZ_RULE(o->last == -1 || o->last >= o->first);
    FUZZ_RULE(!o->columns || o->columns[0]);
    FUZZ_RULE(!o->trace || o->trace[0]);
    FUZZ_RULE(!(command->options & CLI_CHUNK) || o->chunking != VCOL_CHUNK_BY_ENTRIES || o->chunk >= 0);
    FUZZ_RULE(command->options & CLI_HELP || !o->help);
    if (!o->help)
        FUZZ_RULE(o->n_operands >= command->min_operands && o->n_operands <= command->max_operands);
}

static int parse(const cli_command *command, char *const *arguments, int argc, cli_options *out, char **argv)
{
    memcpy(argv, arguments, ((size_t)argc + 1) * sizeof *argv);
    return cli_options_parse(command, argc, argv, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *null;
    FILE *terminal = stderr;
    cli_command command = {
        .name = "fuzz", .operands = "FILE", .summary = "", .run = nothing, .min_operands = 1};
    char *arguments[MAX_ARGUMENTS + 1] = {0}, *first[MAX_ARGUMENTS + 1], *second[MAX_ARGUMENTS + 1], *text;
    cli_options a, b;
    int argc = 0, status;
    if (size < HEAD)
        return 0;
    if (!null)
        null = fopen("/dev/null", "w");
    FUZZ_RULE(null);
    command.options = (unsigned)(data[0] | data[1] << 8) & (CLI_COLUMN_STATS * 2 - 1);
    command.max_operands = data[1] & 0x80 ? INT_MAX : 1;
    text = malloc(size - HEAD + 1);
    FUZZ_RULE(text);
    memcpy(text, data + HEAD, size - HEAD);
    text[size - HEAD] = 0;
    for (size_t at = 0; at < size - HEAD && argc < MAX_ARGUMENTS; at += strlen(text + at) + 1)
        arguments[argc++] = text + at;
    stderr = null;
    status = parse(&command, arguments, argc, &a, first);
    FUZZ_RULE(parse(&command, arguments, argc, &b, second) == status);
    cli_options_print_help(&command, null);
    stderr = terminal;
    FUZZ_RULE(status == 0 || status == CLI_USAGE);
    if (!status) {
        check(&command, &a, argc);
        FUZZ_RULE(a.n_operands == b.n_operands && a.first == b.first && a.last == b.last &&
                  a.limit == b.limit);
        FUZZ_RULE(a.chunk == b.chunk && a.chunking == b.chunking && a.rows == b.rows &&
                  a.columns == b.columns);
    }
    free(text);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    static const char *const lines[][6] = {
        {"--threads", "2", "--chunk=100k", "a.root:Events", "-q"},
        {"-c", "Jet_pt MET_*", "--entries", "1k:2M", "--format=jsonl"},
        {"--memory-limit", "64M", "-n10", "--", "-a.root"},
        {"--chunk", "clusters", "--json", "--stats", "--no-prefetch", "f"},
        {"--help"},
    };
    if (i >= (int)(sizeof lines / sizeof *lines))
        return 0;
    made_u16(out, 0xffff);
    for (int k = 0; k < 6 && lines[i][k]; k++)
        made_bytes(out, lines[i][k], strlen(lines[i][k]) + 1);
    return 1;
}
