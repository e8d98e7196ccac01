/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ls.c: `vcol ls`: the objects of files, the columns of tables. Reads metadata only.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS 10

/* ---- a table for people -------------------------------------------------------------------------- */

/* Cells of rows, all in one text, separated by '\037', rows ended by '\036'; aligned when printed. */
typedef struct listing {
    cli_text cells;
    int numeric[MAX_CELLS]; /* columns that are aligned to the right */
} listing;

#define CELL "\037"
#define ROW  "\036"

static void print_listing(const listing *list, cli_text *out)
{
    size_t width[MAX_CELLS] = {0};
    const char *end = list->cells.data + list->cells.size;
    int column = 0;
    for (const char *at = list->cells.data, *next; at && at < end; at = next + 1) {
        size_t w;
        next = strpbrk(at, CELL ROW);
        w = cli_text_width(at, (size_t)(next - at));
        if (w > width[column])
            width[column] = w;
        column = *next == *ROW ? 0 : column + 1;
    }
    column = 0;
    for (const char *at = list->cells.data, *next; at && at < end; at = next + 1) {
        size_t n, w;
        next = strpbrk(at, CELL ROW);
        n = (size_t)(next - at);
        w = cli_text_width(at, n);
        if (list->numeric[column])
            cli_text_format(out, "%*s", (int)(width[column] - w), "");
        cli_text_add(out, at, n);
        if (*next == *ROW) {
            while (out->size && out->data[out->size - 1] == ' ')
                out->size--;
            cli_text_puts(out, "\n");
            column = 0;
        } else {
            if (!list->numeric[column])
                cli_text_format(out, "%*s", (int)(width[column] - w), "");
            cli_text_puts(out, "  ");
            column++;
        }
    }
}

static void name_cell(cli_text *cells, const char *name)
{
    cli_text_plain(cells, name ? name : "-");
    cli_text_puts(cells, CELL);
}

static void count_cell(cli_text *cells, int64_t count)
{
    if (count < 0)
        cli_text_puts(cells, "-" CELL);
    else
        cli_text_format(cells, "%" PRId64 CELL, count);
}

static void bytes_cell(cli_text *cells, uint64_t bytes)
{
    cli_text_bytes(cells, bytes);
    cli_text_puts(cells, CELL);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static void key_string(cli_text *text, const char *key, const char *value)
{
    cli_text_format(text, "\"%s\":", key);
    cli_text_json_string(text, value);
}

static void key_count(cli_text *text, const char *key, int64_t value)
{
    if (value < 0)
        cli_text_format(text, ",\"%s\":null", key);
    else
        cli_text_format(text, ",\"%s\":%" PRId64, key, value);
}

/* ---- objects or columns, one after the other ------------------------------------------------------ */

/* Adds item i of a file or a data set, as JSON or (json NULL) as a row of cells. */
typedef vcol_status (*add_item)(void *of, int64_t i, cli_text *json, cli_text *cells, vcol_error *err);

/* The n items and the end of a document that is begun: of JSON, or of a listing, whose cells are freed. After
 * an error the caller takes back what stands in `out`. */
static void list_items(listing *list, void *of, int64_t n, add_item add, int json, cli_text *out,
                       vcol_error *err)
{
    for (int64_t i = 0; i < n && !err->status; i++) {
        if (json)
            cli_text_puts(out, i ? ",\n  " : "\n  ");
        add(of, i, json ? out : NULL, &list->cells, err);
    }
    if (json)
        cli_text_puts(out, "]}");
    else
        print_listing(list, out);
    out->failed |= list->cells.failed;
    cli_text_free(&list->cells);
}

/* ---- objects of a file --------------------------------------------------------------------------- */

static void object_json(cli_text *text, const vcol_object_info *info)
{
    cli_text_puts(text, "{");
    key_string(text, "name", info->name);
    cli_text_puts(text, ",");
    key_string(text, "class", info->class_name);
    cli_text_puts(text, ",");
    key_string(text, "title", info->title);
    key_count(text, "cycle", info->cycle);
    cli_text_format(text, ",\"table\":%s", info->is_table ? "true" : "false");
    key_count(text, "entries", info->entries);
    key_count(text, "columns", info->columns);
    cli_text_format(text, ",\"stored\":%" PRIu64 ",\"unpacked\":%" PRIu64 ",", info->stored, info->unpacked);
    key_string(text, "note", info->note);
    cli_text_puts(text, "}");
}

static void object_row(cli_text *cells, const vcol_object_info *info)
{
    cli_text_plain(cells, *info->name ? info->name : "-");
    if (info->cycle > 1)
        cli_text_format(cells, ";%d", (int)info->cycle);
    cli_text_puts(cells, CELL);
    name_cell(cells, info->class_name);
    count_cell(cells, info->entries);
    count_cell(cells, info->columns);
    bytes_cell(cells, info->stored);
    bytes_cell(cells, info->unpacked);
    cli_text_plain(cells, info->note ? info->note : "");
    cli_text_puts(cells, ROW);
}

static vcol_status add_object(void *file, int64_t i, cli_text *json, cli_text *cells, vcol_error *err)
{
    vcol_object_info info;
    if (vcol_file_object(file, i, &info, err) == VCOL_OK) {
        if (json)
            object_json(json, &info);
        else
            object_row(cells, &info);
    }
    return (vcol_status)err->status;
}

static vcol_status list_file(vcol_manager *manager, const cli_options *options, const char *path, cli_text *out,
                             vcol_error *err)
{
    const int json = options->json;
    vcol_file *file = NULL;
    listing list = {.numeric = {0, 0, 1, 1, 1, 1, 0}};
    size_t from = out->size;
    int64_t n;
    if (cli_file_open(manager, options, path, &file, err) != VCOL_OK)
        goto done;
    n = vcol_file_objects(file);
    if (json) {
        cli_text_puts(out, "{");
        key_string(out, "path", path);
        cli_text_puts(out, ",");
        key_string(out, "format", vcol_file_format(file));
        if (vcol_file_note(file)) {
            cli_text_puts(out, ",");
            key_string(out, "note", vcol_file_note(file));
        }
        cli_text_puts(out, ",\"objects\":[");
    } else {
        cli_text_format(out, "%s: %s, %" PRId64 " object%s\n", path, vcol_file_format(file), n,
                        n == 1 ? "" : "s");
        if (vcol_file_note(file))
            cli_text_format(out, "%s: %s\n", path, vcol_file_note(file));
        cli_text_puts(&list.cells, "object" CELL "class" CELL "entries" CELL "columns" CELL "stored" CELL
                                   "unpacked" CELL ROW);
    }
    list_items(&list, file, n, add_object, json, out, err);
done:
    if (err->status)
        out->size = from;
    vcol_file_close(file);
    return (vcol_status)err->status;
}

/* ---- columns of a table -------------------------------------------------------------------------- */

static void column_json(cli_text *text, const vcol_column_info *info)
{
    cli_text_format(text, "{\"id\":%" PRId64 ",", info->id);
    key_string(text, "name", info->name);
    cli_text_puts(text, ",");
    key_string(text, "path", info->path);
    cli_text_puts(text, ",");
    key_string(text, "type", info->type_name);
    cli_text_puts(text, ",");
    key_string(text, "shape", info->shape);
    cli_text_puts(text, ",");
    key_string(text, "collection", info->collection);
    cli_text_format(text, ",\"status\":\"%s\"", info->status == VCOL_OK ? "ok" : "unsupported");
    key_count(text, "entries", info->entries);
    cli_text_format(text, ",\"stored\":%" PRIu64 ",\"unpacked\":%" PRIu64, info->stored, info->unpacked);
    key_count(text, "blocks", info->blocks);
    cli_text_puts(text, ",");
    key_string(text, "note", info->note);
    cli_text_puts(text, "}");
}

static void column_row(cli_text *cells, const vcol_column_info *info)
{
    name_cell(cells, info->path);
    name_cell(cells, info->shape);
    name_cell(cells, info->type_name);
    name_cell(cells, info->collection);
    count_cell(cells, info->entries);
    bytes_cell(cells, info->stored);
    bytes_cell(cells, info->unpacked);
    count_cell(cells, info->blocks);
    if (info->status != VCOL_OK)
        cli_text_puts(cells, "not readable: ");
    cli_text_plain(cells, info->note ? info->note : "");
    cli_text_puts(cells, ROW);
}

static vcol_status add_column(void *dataset, int64_t i, cli_text *json, cli_text *cells, vcol_error *err)
{
    vcol_column_info info;
    if (vcol_dataset_column(dataset, i, &info, sizeof info, err) == VCOL_OK) {
        if (json)
            column_json(json, &info);
        else
            column_row(cells, &info);
    }
    return (vcol_status)err->status;
}

/* The index and the friends that are stored with a table. */
static void add_stored(const vcol_dataset *dataset, const char *path, int json, cli_text *out)
{
    const char *major, *minor;
    if (vcol_dataset_index(dataset, &major, &minor, NULL) == VCOL_OK) {
        if (json) {
            cli_text_puts(out, ",\"index\":[");
            cli_text_json_string(out, major);
            cli_text_puts(out, ",");
            cli_text_json_string(out, minor);
            cli_text_puts(out, "]");
        } else if (!*major) {
            cli_text_format(out, "%s: index of two numbers, of what is not told\n", path);
        } else {
            cli_text_format(out, "%s: index of ", path);
            cli_text_plain(out, major);
            cli_text_puts(out, " and ");
            cli_text_plain(out, minor);
            cli_text_puts(out, "\n");
        }
    }
    for (int64_t i = 0; i < vcol_dataset_friends(dataset); i++) {
        vcol_friend_info info;
        if (vcol_dataset_friend(dataset, i, &info, sizeof info, NULL) != VCOL_OK)
            continue;
        if (json) {
            cli_text_puts(out, i ? ",{" : ",\"friends\":[{");
            key_string(out, "name", info.name);
            cli_text_puts(out, ",");
            key_string(out, "path", info.path);
            cli_text_puts(out, ",");
            key_string(out, "object", info.object);
            cli_text_puts(out, i + 1 < vcol_dataset_friends(dataset) ? "}" : "}]");
        } else {
            cli_text_format(out, "%s: friend ", path);
            cli_text_plain(out, info.name);
            cli_text_puts(out, ": ");
            cli_text_plain(out, *info.path ? info.path : "the same file");
            cli_text_puts(out, ":");
            cli_text_plain(out, info.object);
            cli_text_puts(out, "\n");
        }
    }
}

static vcol_status list_table(vcol_manager *manager, const cli_options *options, const char *path, cli_text *out,
                              vcol_error *err)
{
    const int json = options->json;
    vcol_dataset *dataset = NULL;
    listing list = {.numeric = {0, 0, 0, 0, 1, 1, 1, 1, 0}};
    size_t from = out->size;
    int64_t n;
    if (cli_dataset_open(manager, options, &path, 1, 0, &dataset, err) != VCOL_OK)
        goto done;
    n = vcol_dataset_columns(dataset);
    if (json) {
        cli_text_puts(out, "{");
        key_string(out, "path", path);
        key_count(out, "entries", vcol_dataset_entries(dataset));
        key_count(out, "files", vcol_dataset_files(dataset));
        add_stored(dataset, path, json, out);
        cli_text_puts(out, ",\"columns\":[");
    } else {
        cli_text_format(out, "%s: %" PRId64 " entries, %" PRId64 " column%s\n", path,
                        vcol_dataset_entries(dataset), n, n == 1 ? "" : "s");
        add_stored(dataset, path, json, out);
        cli_text_puts(&list.cells, "column" CELL "shape" CELL "type" CELL "collection" CELL "entries" CELL
                                   "stored" CELL "unpacked" CELL "baskets" CELL ROW);
    }
    list_items(&list, dataset, n, add_column, json, out, err);
done:
    if (err->status)
        out->size = from;
    vcol_dataset_close(dataset);
    return (vcol_status)err->status;
}

/* ---- the command --------------------------------------------------------------------------------- */

int cli_ls_run(const cli_options *options)
{
    cli_text parts[2] = {{0}, {0}}, out = {0}; /* of JSON: files, tables */
    vcol_manager *manager = NULL;
    vcol_error err = {0};
    int status = CLI_DONE, closed;
    if (cli_manager_open(options, VCOL_MANAGER_NO_BACKGROUND, &manager, &err) != VCOL_OK) {
        status = cli_fail(&err);
        goto done;
    }
    for (int i = 0; i < options->n_operands && !cli_interrupted(); i++) {
        int table = cli_operand_has_object(options->operands[i]);
        cli_text *text = options->json ? &parts[table] : &out;
        size_t from = text->size;
        vcol_error_reset(&err);
        if (from)
            cli_text_puts(text, options->json ? ",\n" : "\n");
        if (table)
            list_table(manager, options, options->operands[i], text, &err);
        else
            list_file(manager, options, options->operands[i], text, &err);
        if (err.status) {
            text->size = from;
            if (!options->json)
                cli_text_flush(&out, stdout);
            fflush(stdout);
            status = cli_fail(&err);
        }
    }
    if (options->json) {
        cli_text_format(&out, "{\"version\":\"%s\",\"files\":[", vcol_version());
        cli_text_add(&out, parts[0].data, parts[0].size);
        cli_text_puts(&out, "],\"tables\":[");
        cli_text_add(&out, parts[1].data, parts[1].size);
        cli_text_puts(&out, "]}\n");
        out.failed |= parts[0].failed | parts[1].failed;
    }
done:
    cli_text_flush(&out, stdout);
    cli_text_free(&out);
    cli_text_free(&parts[0]);
    cli_text_free(&parts[1]);
    vcol_manager_close(manager);
    closed = cli_output_close();
    return cli_interrupted() ? CLI_INTERRUPTED : status ? status : closed;
}
