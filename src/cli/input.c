/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * input.c: opens what the command line names: managers, the tables of a file, columns, loops.
 */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TRACED 200000 /* events kept */

int cli_fail(const vcol_error *err)
{
    if (cli_interrupted())
        return CLI_INTERRUPTED;
    cli_line_print(stderr,
                   "vcol: ", err->message[0] ? err->message : vcol_status_name((vcol_status)err->status));
    return CLI_FAILED;
}

vcol_status cli_manager_open(const cli_options *options, uint32_t flags, vcol_manager **out, vcol_error *err)
{
    vcol_manager_options mo;
    vcol_manager_options_init(&mo, sizeof mo);
    mo.flags = flags | (options->no_prefetch ? VCOL_MANAGER_NO_BACKGROUND : 0);
    mo.threads = options->threads;
    mo.limit = options->limit;
    if (options->trace) {
        uint64_t most = options->limit / 8 / 112; /* of a limit, an eighth at most */
        mo.trace = options->limit && most < TRACED ? (int64_t)most + 1 : TRACED;
    }
    return vcol_manager_open(&mo, out, err);
}

vcol_status cli_index_columns(const char *columns, char **copy, const char **major, const char **minor, vcol_error *err)
{
    static const char between[] = " ,\t\n";
    char *rest;
    *copy = strdup(columns);
    if (!*copy)
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    *major = strtok_r(*copy, between, &rest);
    *minor = *major ? strtok_r(NULL, between, &rest) : NULL;
    if (!*major || (*minor && strtok_r(NULL, between, &rest)))
        return vcol_error_set(err, VCOL_MISUSE, "one column or two make an index");
    return VCOL_OK;
}

vcol_status cli_dataset_open(vcol_manager *manager, const cli_options *options, const char *const *paths, int n,
                             uint32_t flags, vcol_dataset **out, vcol_error *err)
{
    vcol_dataset_options o;
    vcol_friend friends[CLI_MAX_FRIENDS];
    const char *files[CLI_MAX_FRIENDS];
    char *names[CLI_MAX_FRIENDS], *copy = NULL;
    const char *major = NULL, *minor = NULL;
    vcol_dataset_options_init(&o, sizeof o);
    o.flags = flags | (options->recover ? VCOL_DATASET_RECOVER : 0) | (options->stored_friends ? VCOL_DATASET_FRIENDS : 0) |
              (options->unmatched_null ? VCOL_DATASET_UNMATCHED_NULL : 0);
    if (options->friends_by)
        cli_index_columns(options->friends_by, &copy, &major, &minor, err);
    for (int i = 0; i < options->n_friends; i++) {
        const char *equals = strchr(options->friends[i], '=');
        names[i] = strndup(options->friends[i], (size_t)(equals - options->friends[i]));
        files[i] = equals + 1;
        friends[i] = (vcol_friend){.name = names[i], .paths = &files[i], .n_paths = 1, .major = major, .minor = minor};
        if (!names[i])
            vcol_error_set(err, VCOL_NOMEM, "out of memory");
    }
    o.friends = friends;
    o.n_friends = options->n_friends;
    vcol_dataset_open(manager, paths, n, &o, out, err);
    for (int i = 0; i < options->n_friends; i++)
        free(names[i]);
    free(copy);
    return (vcol_status)err->status;
}

vcol_status cli_file_open(vcol_manager *manager, const cli_options *options, const char *path, vcol_file **out,
                          vcol_error *err)
{
    return options->recover ? vcol_file_recover(manager, path, NULL, NULL, out, err)
                            : vcol_file_open(manager, path, NULL, NULL, out, err);
}

static int exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

int cli_operand_has_object(const char *operand)
{
    return strchr(operand, ':') && !exists(operand);
}

/* The colon before the object, as vcol_dataset_open finds it; NULL if there is none. */
static const char *object_colon(const char *operand)
{
    const char *last = NULL;
    for (const char *at = operand + strlen(operand); at > operand; at--) {
        char *file;
        struct stat info;
        int found;
        if (*at != ':')
            continue;
        file = strndup(operand, (size_t)(at - operand));
        found = file && stat(file, &info) == 0 && !S_ISDIR(info.st_mode);
        free(file);
        if (found)
            return at;
        if (!last && at[1] != ':' && at[-1] != ':')
            last = at;
    }
    return last;
}

/* ---- tables -------------------------------------------------------------------------------------- */

static char *joined(const char *path, const char *object)
{
    size_t n = strlen(path), m = strlen(object);
    char *text = malloc(n + m + 2);
    if (text) {
        memcpy(text, path, n);
        text[n] = ':';
        memcpy(text + n + 1, object, m + 1);
        if (m == 0)
            text[n] = 0;
    }
    return text;
}

static void free_table(cli_table *t)
{
    free(t->path);
    free(t->file);
    free(t->object);
}

static vcol_status complete(const cli_table *t, vcol_error *err)
{
    return t->path && t->file && t->object
               ? VCOL_OK
               : vcol_error_set(err, VCOL_NOMEM, "out of memory");
}

/* Adds an object; one of a lower cycle gives way, and is given way to. */
static vcol_status add_table(cli_tables *out, int64_t *cycles, const char *path,
                             const vcol_object_info *info, vcol_error *err)
{
    cli_table *t;
    int64_t at = out->n;
    for (int64_t i = 0; i < out->n; i++)
        if (strcmp(out->items[i].object, info->name) == 0)
            at = i;
    if (at < out->n && cycles[at] >= info->cycle)
        return VCOL_OK;
    t = &out->items[at];
    if (at == out->n)
        out->n++;
    else
        free_table(t);
    cycles[at] = info->cycle;
    t->path = joined(path, info->name);
    t->object = strdup(info->name);
    t->file = strdup(path);
    t->readable = info->is_table;
    return complete(t, err);
}

static vcol_status one_table(const char *operand, cli_tables *out, vcol_error *err)
{
    const char *colon = object_colon(operand);
    cli_table *t = out->items = calloc(1, sizeof *out->items);
    if (!t)
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    out->n = 1;
    t->path = strdup(operand);
    t->object = strdup(colon ? colon + 1 : "");
    t->file = colon ? strndup(operand, (size_t)(colon - operand)) : strdup(operand);
    t->readable = 1;
    return complete(t, err);
}

vcol_status cli_tables_list(vcol_manager *manager, const cli_options *options, const char *operand, cli_tables *out,
                            vcol_error *err)
{
    vcol_file *file = NULL;
    int64_t *cycles = NULL, n;
    *out = (cli_tables){0};
    if (cli_operand_has_object(operand)) {
        one_table(operand, out, err);
        goto done;
    }
    if (cli_file_open(manager, options, operand, &file, err) != VCOL_OK)
        goto done;
    n = vcol_file_objects(file);
    out->items = calloc((size_t)n + 1, sizeof *out->items);
    cycles = calloc((size_t)n + 1, sizeof *cycles);
    if (!out->items || !cycles) {
        vcol_error_set(err, VCOL_NOMEM, "out of memory");
        goto done;
    }
    for (int64_t i = 0; i < n; i++) {
        vcol_object_info info;
        if (vcol_file_object(file, i, &info, err) != VCOL_OK)
            goto done;
        if (info.is_table || info.note)
            if (add_table(out, cycles, operand, &info, err) != VCOL_OK)
                goto done;
    }
done:
    vcol_file_close(file);
    free(cycles);
    if (err->status)
        cli_tables_free(out);
    return (vcol_status)err->status;
}

void cli_tables_free(cli_tables *tables)
{
    for (int64_t i = 0; i < tables->n; i++)
        free_table(&tables->items[i]);
    free(tables->items);
    *tables = (cli_tables){0};
}

/* ---- columns ------------------------------------------------------------------------------------- */

vcol_status cli_columns_match(const vcol_dataset *dataset, const char *columns, int64_t **out, int64_t *n,
                              vcol_error *err)
{
    int64_t capacity = vcol_dataset_columns(dataset);
    int64_t *ids = malloc(((size_t)capacity + 1) * sizeof *ids);
    *out = NULL;
    *n = 0;
    if (!ids)
        return vcol_error_set(err, VCOL_NOMEM, "out of memory");
    if (columns)
        vcol_dataset_match(dataset, columns, ids, capacity, n, err);
    for (int64_t id = 0; !columns && id < capacity; id++) {
        vcol_column_info info;
        if (vcol_dataset_column(dataset, id, &info, sizeof info, err) != VCOL_OK)
            break;
        if (info.status == VCOL_OK)
            ids[(*n)++] = id;
    }
    if (err->status) {
        free(ids);
        *n = 0;
        return (vcol_status)err->status;
    }
    *out = ids;
    return VCOL_OK;
}

vcol_status cli_input_open(const cli_options *options, uint32_t flags, cli_input *out, vcol_error *err)
{
    *out = (cli_input){0};
    if (cli_manager_open(options, flags, &out->manager, err) == VCOL_OK &&
        cli_dataset_open(out->manager, options, options->operands, options->n_operands, 0, &out->dataset, err) == VCOL_OK)
        cli_columns_match(out->dataset, options->columns, &out->ids, &out->n, err);
    return (vcol_status)err->status;
}

void cli_input_close(cli_input *input)
{
    vcol_dataset_close(input->dataset);
    vcol_manager_close(input->manager);
    free(input->ids);
    *input = (cli_input){0};
}

/* Whether a list of columns can name this one: no separator, no pattern, and the name is its own. */
static int nameable(const vcol_dataset *dataset, const vcol_column_info *info)
{
    int64_t id;
    return info->path[0] && !strpbrk(info->path, " ,\t\n*?[]\\") &&
           vcol_dataset_find(dataset, info->path, &id, NULL) == VCOL_OK && id == info->id;
}

char *cli_columns_names(const vcol_dataset *dataset, const int64_t *ids, int64_t n, int64_t *named)
{
    cli_text text = {0};
    int64_t count = 0;
    cli_text_puts(&text, "");
    for (int64_t i = 0; i < n; i++) {
        vcol_column_info info;
        if (vcol_dataset_column(dataset, ids[i], &info, sizeof info, NULL) != VCOL_OK ||
            !nameable(dataset, &info))
            continue;
        if (text.size)
            cli_text_add(&text, " ", 1);
        cli_text_puts(&text, info.path);
        count++;
    }
    if (named)
        *named = count;
    if (text.failed)
        cli_text_free(&text);
    return text.data;
}

vcol_status cli_loop_open(vcol_dataset *dataset, const cli_options *options, int64_t first, int64_t count,
                          const char *columns, cli_progress *progress, vcol_loop **out, vcol_error *err)
{
    vcol_loop_options lo;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.flags = options->no_prefetch ? VCOL_LOOP_NO_PREFETCH : 0;
    lo.chunking = options->chunking;
    lo.entries = options->chunk;
    lo.first = first;
    lo.count = count;
    lo.columns = columns && *columns ? columns : NULL;
    if (progress) {
        lo.progress = cli_progress_report;
        lo.progress_opaque = progress;
    }
    return vcol_loop_open(dataset, &lo, out, err);
}
