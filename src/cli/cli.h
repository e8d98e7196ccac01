/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h: what the files of the `vcol` command share. One file a subcommand; options.c knows all
 * options, input.c opens what they name, print.c writes values, progress.c talks to the terminal.
 *
 * Data goes to standard output, everything else to standard error. A message is the library's,
 * prefixed once with "vcol: ".
 */
#ifndef VCOL_CLI_H
#define VCOL_CLI_H

#include <stdio.h>

#include <vcol/vcol.h>

/* Exit codes. */
enum {
    CLI_DONE = 0,
    CLI_FAILED = 1, /* the data or the system failed */
    CLI_USAGE = 2,
    CLI_INTERRUPTED = 130
};

/* ---- options.c: the command line --------------------------------------------------------------- */

/* Bits of the options that a command takes. */
enum {
    CLI_COLUMNS = 1 << 0,
    CLI_COUNT = 1 << 1,
    CLI_ENTRIES = 1 << 2,
    CLI_FORMAT = 1 << 3,
    CLI_JSON = 1 << 4,
    CLI_STATS = 1 << 5,
    CLI_THREADS = 1 << 6,
    CLI_CHUNK = 1 << 7,
    CLI_LIMIT = 1 << 8,
    CLI_NO_PREFETCH = 1 << 9,
    CLI_QUIET = 1 << 10,
    CLI_HELP = 1 << 11,
    CLI_TRACE = 1 << 12,
    CLI_COLUMN_STATS = 1 << 13,
    CLI_RECOVER = 1 << 14,
    CLI_FRIENDS = 1 << 15,
    /* of all commands that open tables */
    CLI_OPENING = CLI_RECOVER | CLI_FRIENDS,
    /* of all commands that read columns */
    CLI_READING = CLI_OPENING | CLI_THREADS | CLI_CHUNK | CLI_LIMIT | CLI_NO_PREFETCH | CLI_QUIET | CLI_TRACE | CLI_HELP
};

#define CLI_MAX_FRIENDS 16

typedef struct cli_options {
    const char **operands; /* borrowed from argv */
    int n_operands;
    const char *columns; /* NULL: not given */
    int64_t rows;        /* -n */
    int64_t first, last; /* --entries first:last; last -1: to the end */
    int64_t chunk;       /* entries of a chunk; 0: the library's choice */
    vcol_chunking chunking;
    uint64_t limit; /* bytes; 0: none */
    int32_t threads;
    const char *trace; /* a file, or NULL */
    const char *friends[CLI_MAX_FRIENDS]; /* "NAME=FILE:TREE"; borrowed from argv */
    int n_friends, stored_friends, unmatched_null;
    const char *friends_by; /* columns, or NULL; borrowed from argv */
    int no_prefetch, quiet, json, jsonl, stats, column_stats, recover, help;
} cli_options;

typedef struct cli_command {
    const char *name;     /* "ls", "bench read" */
    const char *operands; /* "FILE[:TREE]…" */
    const char *summary;  /* one line */
    const char *text;     /* more about it, or NULL */
    unsigned options;     /* CLI_… bits */
    int min_operands, max_operands;
    int (*run)(const cli_options *options);
} cli_command;

/* Parses the arguments after the command's name; says on stderr what is wrong. Returns 0 or CLI_USAGE. */
int cli_options_parse(const cli_command *command, int argc, char **argv, cli_options *out);
void cli_options_print_help(const cli_command *command, FILE *out);

/* ---- progress.c --------------------------------------------------------------------------------- */

typedef struct cli_progress {
    const char *label; /* borrowed */
    vcol_progress done;
    double shown;
    int enabled, visible;
} cli_progress;

/* Shows nothing unless stderr is a terminal, not quiet, and a second has gone by. */
void cli_progress_begin(cli_progress *progress, const cli_options *options, const char *label);
void cli_progress_update(cli_progress *progress, int64_t done, int64_t total);
/* The same with what a loop tells: a vcol_progress_fn whose opaque is a cli_progress. */
void cli_progress_report(const vcol_progress *done, void *progress);
/* Wipes the line. */
void cli_progress_end(cli_progress *progress);
/* Seconds of a monotonic clock; of CPU, user and system, of this process. */
double cli_clock_wall(void);
double cli_clock_cpu(void);

/* ---- input.c: managers, tables, loops, as the options say --------------------------------------- */

/* Prints "vcol: message" and returns CLI_FAILED (CLI_INTERRUPTED after an interrupt). */
int cli_fail(const vcol_error *err);
/* Nonzero after SIGINT. */
int cli_interrupted(void);

vcol_status cli_manager_open(const cli_options *options, uint32_t flags, vcol_manager **out, vcol_error *err);

/* "run event" in two; the second is NULL where there is but one. *copy is for free(). */
vcol_status cli_index_columns(const char *columns, char **copy, const char **major, const char **minor, vcol_error *err);
/* vcol_dataset_open and vcol_file_open (or recover), as the options say; flags: VCOL_DATASET_…. */
vcol_status cli_dataset_open(vcol_manager *manager, const cli_options *options, const char *const *paths, int n,
                             uint32_t flags, vcol_dataset **out, vcol_error *err);
vcol_status cli_file_open(vcol_manager *manager, const cli_options *options, const char *path, vcol_file **out,
                          vcol_error *err);

/* The tables of a file, each of its highest cycle, in the file's order. */
typedef struct cli_table {
    char *path; /* "file:object", to be opened as a data set */
    char *file;
    char *object; /* its name; "" where the format has none */
    int readable;     /* 0: not a table to this version of the library, which says why when it is opened */
} cli_table;

typedef struct cli_tables {
    cli_table *items;
    int64_t n;
} cli_tables;

/* operand: a file, or "file:object" for that one table. */
vcol_status cli_tables_list(vcol_manager *manager, const cli_options *options, const char *operand, cli_tables *out,
                            vcol_error *err);
void cli_tables_free(cli_tables *tables);
/* Whether the operand names an object inside a file. */
int cli_operand_has_object(const char *operand);

/*
 * The ids of the readable columns that the user named, of all that can be read for NULL. *out is for
 * free(). Errors: NOT_FOUND, and what makes a named column unreadable.
 */
vcol_status cli_columns_match(const vcol_dataset *dataset, const char *columns, int64_t **out, int64_t *n,
                              vcol_error *err);

/* What a command reads: the data set of all operands, and the columns that cli_columns_match gives. */
typedef struct cli_input {
    vcol_manager *manager;
    vcol_dataset *dataset;
    int64_t *ids;
    int64_t n;
} cli_input;

/* flags: of the manager. *out is to be closed after a failure, too. */
vcol_status cli_input_open(const cli_options *options, uint32_t flags, cli_input *out, vcol_error *err);
void cli_input_close(cli_input *input);

/*
 * A list of names of those columns that a list can name; *named (may be NULL) is how many. For free();
 * NULL: no memory.
 */
char *cli_columns_names(const vcol_dataset *dataset, const int64_t *ids, int64_t n, int64_t *named);

/* A loop over entries [first, first + count); `columns` are declared. It reports to progress, if that is not NULL. */
vcol_status cli_loop_open(vcol_dataset *dataset, const cli_options *options, int64_t first, int64_t count,
                          const char *columns, cli_progress *progress, vcol_loop **out, vcol_error *err);

/* ---- groups.c: the order in which columns are read ------------------------------------------------ */

/* Columns that share something: ids[first, first + n), of which the first `counters` count the others. */
typedef struct cli_group {
    int64_t first, n, counters;
    const char *holder; /* the column in whose name the shared offsets are leased, or NULL; of the data set */
} cli_group;

typedef struct cli_groups {
    int64_t *ids;
    int64_t *blocks; /* of each id: columns of one number, 0 or above, share their blocks */
    cli_group *items;
    int64_t n;
} cli_groups;

vcol_status cli_groups_open(const vcol_dataset *dataset, const int64_t *ids, int64_t n, cli_groups *out,
                            vcol_error *err);
void cli_groups_close(cli_groups *groups);
/* Calls take for each column of a group, which may get it; each is cleared when nothing needs it any more. */
void cli_group_read(vcol_chunk *chunk, const cli_groups *groups, const cli_group *group,
                    void (*take)(vcol_chunk *chunk, int64_t id, void *opaque), void *opaque);

/* ---- print.c: text ------------------------------------------------------------------------------ */

/* A growing text. After a failed allocation nothing is added and `failed` is set. */
typedef struct cli_text {
    char *data;
    size_t size, capacity;
    int failed;
} cli_text;

void cli_text_free(cli_text *text);
void cli_text_add(cli_text *text, const char *data, size_t size);
void cli_text_puts(cli_text *text, const char *string);
void cli_text_format(cli_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends a name or message from a file as people may see it: control characters become '?'. */
void cli_text_plain(cli_text *text, const char *string);
/* Prints such a text and a line end. */
void cli_line_print(FILE *out, const char *before, const char *string);
/* Appends a JSON string, quotes included; NULL as null. Bytes that are not UTF-8 become U+FFFD. */
void cli_text_json(cli_text *text, const char *string, size_t size);
void cli_text_json_string(cli_text *text, const char *string);
/* Appends a cell of CSV, quoted where it must be. */
void cli_text_csv(cli_text *text, const char *data, size_t size);
/* Appends the shortest decimal that reads back as the same value. */
void cli_text_float(cli_text *text, float value);
void cli_text_double(cli_text *text, double value);
/* Writes the text to out and empties it. Returns 0, or -1 if memory or the writing failed. */
int cli_text_flush(cli_text *text, FILE *out);
/* Flushes stdout; says what failed. Returns CLI_DONE or CLI_FAILED. */
int cli_output_close(void);

typedef enum cli_style {
    CLI_STYLE_JSON, /* strings quoted; NaN and infinities are null */
    CLI_STYLE_CSV,  /* a list is a JSON array in a quoted cell */
    CLI_STYLE_TABLE /* for people: like JSON, with nan and inf */
} cli_style;

/* Appends entry i of a view. */
void cli_text_entry(cli_text *text, const vcol_view *view, int64_t i, cli_style style);
/* Characters that a terminal shows for UTF-8 text (one a code point). */
size_t cli_text_width(const char *data, size_t size);
/* "1.5 GB"; powers of 1,000. */
void cli_text_bytes(cli_text *text, uint64_t bytes);

/* ---- the subcommands ---------------------------------------------------------------------------- */

int cli_ls_run(const cli_options *options);
int cli_head_run(const cli_options *options);
int cli_find_run(const cli_options *options);
int cli_cat_run(const cli_options *options);
int cli_digest_run(const cli_options *options);
int cli_verify_run(const cli_options *options);
int cli_plan_show_run(const cli_options *options);
int cli_bench_read_run(const cli_options *options);
int cli_trace_summary_run(const cli_options *options);

/* trace.c: writes the trace that --trace asked for, before the manager is closed. */
vcol_status cli_trace_write(const cli_options *options, const vcol_manager *manager, vcol_error *err);

#endif
