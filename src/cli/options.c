/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c: the one table of options, from which they are parsed and --help is printed. A command
 * takes those whose bits it has. Options may stand before and after operands; "--" ends them;
 * "--name=value" and "--name value" mean the same.
 */
#include "cli.h"
#include "number.h"

#include <stdlib.h>
#include <string.h>

typedef struct option {
    unsigned bit;
    char letter;          /* 0: none */
    const char *name;     /* without the dashes; NULL: only the letter */
    const char *argument; /* NULL: takes none */
    const char *help;
    const char *wants;                                    /* what the argument must be, for the message */
    int (*parse)(const char *argument, cli_options *out); /* 0, or -1 */
} option;

static int parse_columns(const char *argument, cli_options *out)
{
    out->columns = argument;
    return *argument ? 0 : -1;
}

static int parse_rows(const char *argument, cli_options *out)
{
    return number_entries(argument, &out->rows);
}

/* "a:b", "a:", ":b" */
static int parse_entries(const char *argument, cli_options *out)
{
    char first[32];
    const char *colon = strchr(argument, ':');
    if (!colon || (size_t)(colon - argument) >= sizeof first)
        return -1;
    memcpy(first, argument, (size_t)(colon - argument));
    first[colon - argument] = 0;
    out->first = 0;
    out->last = -1;
    if (first[0] && number_entries(first, &out->first))
        return -1;
    if (colon[1] && number_entries(colon + 1, &out->last))
        return -1;
    return out->last >= 0 && out->last < out->first ? -1 : 0;
}

static int parse_format(const char *argument, cli_options *out)
{
    out->jsonl = strcmp(argument, "jsonl") == 0;
    return out->jsonl || strcmp(argument, "csv") == 0 ? 0 : -1;
}

static int parse_threads(const char *argument, cli_options *out)
{
    return number_int32(argument, &out->threads);
}

static int parse_chunk(const char *argument, cli_options *out)
{
    out->chunk = 0;
    if (strcmp(argument, "clusters") == 0) {
        out->chunking = VCOL_CHUNK_BY_CLUSTERS;
        return 0;
    }
    if (strcmp(argument, "all") == 0) {
        out->chunking = VCOL_CHUNK_BY_FILE;
        return 0;
    }
    out->chunking = VCOL_CHUNK_BY_ENTRIES;
    return number_entries(argument, &out->chunk) || out->chunk == 0 ? -1 : 0;
}

static int parse_limit(const char *argument, cli_options *out)
{
    return number_limit(argument, &out->limit);
}

static int parse_json(const char *argument, cli_options *out)
{
    (void)argument;
    out->json = 1;
    return 0;
}

static int parse_stats(const char *argument, cli_options *out)
{
    (void)argument;
    out->stats = 1;
    return 0;
}

static int parse_trace(const char *argument, cli_options *out)
{
    out->trace = argument;
    return *argument ? 0 : -1;
}

static int parse_column_stats(const char *argument, cli_options *out)
{
    (void)argument;
    out->column_stats = 1;
    return 0;
}

static int parse_no_prefetch(const char *argument, cli_options *out)
{
    (void)argument;
    out->no_prefetch = 1;
    return 0;
}

static int parse_recover(const char *argument, cli_options *out)
{
    (void)argument;
    out->recover = 1;
    return 0;
}

static int parse_friend(const char *argument, cli_options *out)
{
    const char *equals = strchr(argument, '=');
    if (!equals || equals == argument || !equals[1] || out->n_friends == CLI_MAX_FRIENDS)
        return -1;
    out->friends[out->n_friends++] = argument;
    return 0;
}

static int parse_friends(const char *argument, cli_options *out)
{
    (void)argument;
    out->stored_friends = 1;
    return 0;
}

static int parse_by(const char *argument, cli_options *out)
{
    out->friends_by = argument;
    return *argument ? 0 : -1;
}

static int parse_unmatched_null(const char *argument, cli_options *out)
{
    (void)argument;
    out->unmatched_null = 1;
    return 0;
}

static int parse_quiet(const char *argument, cli_options *out)
{
    (void)argument;
    out->quiet = 1;
    return 0;
}

static int parse_help(const char *argument, cli_options *out)
{
    (void)argument;
    out->help = 1;
    return 0;
}

static const option table[] = {
    {CLI_COLUMNS, 'c', "columns", "COLS",
     "columns: names, patterns (Jet_*) and collections (Jet),\nseparated by spaces or commas",
     "a list of columns", parse_columns},
    {CLI_COUNT, 'n', NULL, "N", "entries to show (10)", "a number of entries", parse_rows},
    {CLI_ENTRIES, 0, "entries", "A:B", "entries from A up to, not including, B; either may be left out",
     "a range A:B", parse_entries},
    {CLI_FORMAT, 0, "format", "csv|jsonl", "csv (lists are quoted JSON arrays), or one JSON object a line",
     "csv or jsonl", parse_format},
    {CLI_JSON, 0, "json", NULL, "print one JSON document", NULL, parse_json},
    {CLI_STATS, 0, "stats", NULL, "print on stderr what was read and the memory it took", NULL, parse_stats},
    {CLI_THREADS, 0, "threads", "T", "worker threads; 0 = as many as processors (0)", "a number of threads",
     parse_threads},
    {CLI_CHUNK, 0, "chunk", "N|clusters|all",
     "entries read at a time: a number (k, M: thousands, millions),\nthe file's clusters, or the whole file "
     "(100k)",
     "a number of entries above 0, 'clusters' or 'all'", parse_chunk},
    {CLI_LIMIT, 0, "memory-limit", "BYTES",
     "limit of memory for columns (K, M, G: powers of 1,024), none, or auto: of the control group\nor the machine, whichever is smaller (none)", "a number of bytes",
     parse_limit},
    {CLI_NO_PREFETCH, 0, "no-prefetch", NULL, "no background work at all", NULL, parse_no_prefetch},
    {CLI_COLUMN_STATS, 0, "column-stats", NULL, "add what was done with each column", NULL, parse_column_stats},
    {CLI_TRACE, 0, "trace", "FILE", "write a trace of the run, for 'vcol trace summary' and Perfetto", "a file",
     parse_trace},
    {CLI_FRIENDS, 0, "friend", "NAME=FILE:TREE",
     "columns NAME.x of another table: its entry i belongs to entry i; of several\nfiles a pattern. May be given again",
     "NAME=FILE:TREE, at most 16 times", parse_friend},
    {CLI_FRIENDS, 0, "friends", NULL, "also the friends that the table names itself", NULL, parse_friends},
    {CLI_FRIENDS, 0, "by", "COLS",
     "entries of the friends given by --friend belong to those with the same\nintegers in one or two columns: \"run event\"",
     "one or two columns", parse_by},
    {CLI_FRIENDS, 0, "unmatched-null", NULL, "entries that a friend's index does not find are null, not an error", NULL,
     parse_unmatched_null},
    {CLI_RECOVER, 0, "recover", NULL, "the files were not closed, or were cut short: find what is in them\nby going over their records", NULL, parse_recover},
    {CLI_QUIET, 'q', "quiet", NULL, "no progress on the terminal", NULL, parse_quiet},
    {CLI_HELP, 'h', "help", NULL, "print this", NULL, parse_help},
};
#define N_OPTIONS (sizeof table / sizeof *table)

/* The option that an argument "-c…", "--name" or "--name=…" means, and its value where it is attached. */
static const option *lookup(const cli_command *command, const char *argument, const char **value)
{
    *value = NULL;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const option *o = &table[i];
        if (!(command->options & o->bit))
            continue;
        if (argument[1] != '-') {
            if (o->letter && argument[1] == o->letter && (o->argument || !argument[2])) {
                *value = argument[2] ? argument + 2 : NULL;
                return o;
            }
        } else if (o->name) {
            size_t n = strlen(o->name);
            if (strncmp(argument + 2, o->name, n) == 0 && (!argument[2 + n] || argument[2 + n] == '=')) {
                *value = argument[2 + n] ? argument + 3 + n : NULL;
                return o;
            }
        }
    }
    return NULL;
}

static int usage(const cli_command *command, const char *what, const char *about)
{
    fprintf(stderr, "vcol: %s: %s '%s'; see 'vcol help %s'\n", command->name, what, about, command->name);
    return CLI_USAGE;
}

/* value NULL: none was given. */
static int bad_value(const cli_command *command, const option *o, const char *value)
{
    char letter[2] = {o->letter, 0};
    fprintf(stderr, "vcol: %s: %s%s wants %s", command->name, o->name ? "--" : "-",
            o->name ? o->name : letter, o->wants);
    if (value)
        fprintf(stderr, ", not '%s'", value);
    fprintf(stderr, "; see 'vcol help %s'\n", command->name);
    return CLI_USAGE;
}

int cli_options_parse(const cli_command *command, int argc, char **argv, cli_options *out)
{
    int only_operands = 0;
    *out = (cli_options){.rows = 10, .last = -1, .chunking = VCOL_CHUNK_BY_ENTRIES};
    out->operands = (const char **)argv; /* operands move to the front */
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i], *value;
        if (only_operands || argument[0] != '-' || !argument[1]) {
            out->operands[out->n_operands++] = argument;
            continue;
        }
        if (strcmp(argument, "--") == 0) {
            only_operands = 1;
            continue;
        }
        const option *o = lookup(command, argument, &value);
        if (!o)
            return usage(command, "unknown option", argument);
        if (o->argument && !value)
            value = i + 1 < argc ? argv[++i] : NULL;
        else if (!o->argument && value)
            return usage(command, "no value belongs to", argument);
        if (o->argument && (!value || o->parse(value, out)))
            return bad_value(command, o, value);
        if (!o->argument)
            o->parse(NULL, out);
    }
    if (out->help)
        return 0;
    if (out->n_operands < command->min_operands)
        return usage(command, "missing", command->operands);
    if (out->n_operands > command->max_operands)
        return usage(command, "one operand too many:", out->operands[command->max_operands]);
    return 0;
}

/* One option of --help: its forms in a column, its text beside. */
static void print_option(const option *o, FILE *out)
{
    char forms[64];
    int n = 0;
    if (o->letter)
        n += snprintf(forms, sizeof forms, "-%c", o->letter);
    if (o->name)
        n += snprintf(forms + n, sizeof forms - (size_t)n, "%s--%s", n ? ", " : "    ", o->name);
    if (o->argument)
        snprintf(forms + n, sizeof forms - (size_t)n, " %s", o->argument);
    fprintf(out, "  %-28s ", forms);
    for (const char *c = o->help; *c; c++) {
        putc(*c, out);
        if (*c == '\n')
            fprintf(out, "  %-28s ", "");
    }
    putc('\n', out);
}

void cli_options_print_help(const cli_command *command, FILE *out)
{
    fprintf(out, "usage: vcol %s [options] %s\n\n%s\n", command->name, command->operands, command->summary);
    if (command->text)
        fprintf(out, "\n%s\n", command->text);
    fprintf(out, "\noptions:\n");
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (command->options & table[i].bit)
            print_option(&table[i], out);
}
