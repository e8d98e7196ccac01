/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c: the table of commands, help, and what an interrupt does: the first one asks the running
 * command to stop at its next chunk or column, a second one ends the process at once.
 */
#include "cli.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

static const cli_command commands[] = {
    {"ls", "FILE[:TREE]...", "List the objects of files, or the columns of a table.",
     "Reads metadata only. Sizes are of the data in the file and after decompression.", CLI_JSON | CLI_OPENING | CLI_HELP, 1, INT_MAX, cli_ls_run},
    {"head", "FILE[:TREE]", "Show the first entries of a table.", "Lists are shown in brackets.",
     CLI_COLUMNS | CLI_COUNT | CLI_LIMIT | CLI_OPENING | CLI_NO_PREFETCH | CLI_HELP, 1, 1, cli_head_run},
    {"find", "FILE[:TREE] MAJOR [MINOR]", "Print the entry that has a run and an event number, or any two.",
     "By the index that is stored with the table (ROOT's TTreeIndex); with -c \"run event\" by one made of these\n"
     "columns. Of several entries the first. 1 is returned if there is none. \"--\" goes before negative numbers.",
     CLI_COLUMNS | CLI_THREADS | CLI_LIMIT | CLI_NO_PREFETCH | CLI_OPENING | CLI_HELP, 2, 3, cli_find_run},
    {"cat", "FILE[:TREE]...", "Write columns as text, a row an entry.",
     "Several files are read as one table. In CSV a list is a JSON array in a quoted cell, and a missing\n"
     "value is empty; in JSON what is missing, not a number or infinite is null.",
     CLI_COLUMNS | CLI_ENTRIES | CLI_FORMAT | CLI_READING, 1, INT_MAX, cli_cat_run},
    {"digest", "FILE[:TREE]...", "Print hashes, sums and bounds of every column of every table.",
     "Tab separated. content is the XXH64 of the values, levels those of the offsets as int64; the result\n"
     "does not depend on chunks, threads or limits. Objects that are no tables are passed over.",
     CLI_STATS | CLI_READING, 1, INT_MAX, cli_digest_run},
    {"verify", "FILE[:TREE]...", "Read everything, check every checksum, report each fault.",
     "A line a fault, with file, object and offset, on standard output.",
     CLI_THREADS | CLI_LIMIT | CLI_NO_PREFETCH | CLI_OPENING | CLI_QUIET | CLI_HELP, 1, INT_MAX, cli_verify_run},
    {"plan show", "FILE.plan [FILE[:TREE]]", "Show what a saved plan reads, keeps and releases, step by step.",
     "With a table: its columns, in bytes stored and in memory, from metadata only; --chunk N: of a chunk of\n"
     "N entries. '@Jet' are the offsets of a collection; '?' marks what nothing tells the size of.",
     CLI_JSON | CLI_CHUNK | CLI_OPENING | CLI_HELP, 1, 2, cli_plan_show_run},
    {"bench read", "FILE[:TREE]", "Measure how fast columns are read.",
     "Materializes and clears every column of every chunk, and computes nothing.",
     CLI_COLUMNS | CLI_JSON | CLI_COLUMN_STATS | CLI_READING, 1, 1, cli_bench_read_run},
    {"trace summary", "FILE", "Tell where the time of a traced run went.",
     "FILE was written by --trace. A thread's seconds are divided by what it did last, in the order of their\n"
     "nesting: a wait inside a load is a wait. Overlap is the share of reading, unpacking, decoding and\n"
     "generating that ran while some thread computed.",
     CLI_JSON | CLI_HELP, 1, 1, cli_trace_summary_run},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL);
}

int cli_interrupted(void)
{
    return interrupted;
}

static void print_help(FILE *out)
{
    fprintf(out, "usage: vcol COMMAND [options] FILE...\n\ncommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "  %-13s %s\n", "help", "Print this, or the help of a command.");
    fprintf(out, "\n'vcol help COMMAND' prints the options of a command, 'vcol --version' the version.\n");
}

/* The command that the first words name; *words is how many of them. */
static const cli_command *find(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i].name, *space = strchr(name, ' ');
        size_t n = space ? (size_t)(space - name) : strlen(name);
        if (argc < 1 || strlen(argv[0]) != n || strncmp(argv[0], name, n) != 0)
            continue;
        *words = space ? 2 : 1;
        if (!space || (argc > 1 && strcmp(argv[1], space + 1) == 0))
            return &commands[i];
    }
    return NULL;
}

/* Whether commands of two words begin with it. */
static int begins(const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strncmp(commands[i].name, word, n) == 0 && commands[i].name[n] == ' ')
            return 1;
    return 0;
}

static int unknown(int argc, char **argv)
{
    if (argc > 0)
        fprintf(stderr, "vcol: '%s%s%s' is not a command; see 'vcol help'\n", argv[0],
                begins(argv[0]) && argc > 1 ? " " : "", begins(argv[0]) && argc > 1 ? argv[1] : "");
    else
        print_help(stderr);
    return CLI_USAGE;
}

static int help(int argc, char **argv)
{
    int words;
    const cli_command *command = find(argc, argv, &words);
    if (argc == 0)
        print_help(stdout);
    else if (!command)
        return unknown(argc, argv);
    else
        cli_options_print_help(command, stdout);
    return cli_output_close();
}

int main(int argc, char **argv)
{
    cli_options options;
    const cli_command *command;
    int words = 0, status;
    argc--;
    argv++;
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return help(0, NULL);
    if (argc > 0 && strcmp(argv[0], "help") == 0)
        return help(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("vcol %s\n", vcol_version());
        return cli_output_close();
    }
    command = find(argc, argv, &words);
    if (!command)
        return unknown(argc, argv);
    status = cli_options_parse(command, argc - words, argv + words, &options);
    if (status)
        return status;
    if (options.help) {
        cli_options_print_help(command, stdout);
        return cli_output_close();
    }
    if (signal(SIGINT, on_interrupt) == SIG_IGN) /* started in the background */
        signal(SIGINT, SIG_IGN);
    return command->run(&options);
}
