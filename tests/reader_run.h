/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small serial runtime for tests of readers: it calls plan, inspect, unpack, measure and decode as
 * vcol/reader.h says, one block after the other, with plain memory. It is as strict as the runtime may be: of
 * a block that is wanted whole only the content is unpacked, the rest of its bytes are poison.
 */
#ifndef READER_RUN_H
#define READER_RUN_H

#include <vcol/reader.h>

typedef struct run_file {
    const vcol_reader *reader;
    vcol_source *source;
    vcol_worker *worker;
    void *file;
} run_file;

/* A column in memory. */
typedef struct run_column {
    int64_t *offsets; /* lists + 1, where the column has a list level */
    int64_t lists;
    void *data;
    int64_t values;
} run_column;

vcol_status run_open(run_file *f, const char *path, vcol_error *err);
vcol_status run_open_memory(run_file *f, const void *data, size_t n, vcol_error *err);
void run_close(run_file *f);
/* Reads a column of an open object, `step` entries at a time (0 = all at once). */
vcol_status run_read(run_file *f, void *object, const vcol_schema_column *column, int64_t step,
                     run_column *out, vcol_error *err);
void run_column_free(run_column *c);

#endif
