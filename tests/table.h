/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small tables in memory, of flat columns, each file with an identity of its own: what runs and partitions are tested over.
 * Columns: `run`, `event` (int64), `x` (double, never the same sum in another order), `small` (int8).
 */
#ifndef VCOL_TESTS_TABLE_H
#define VCOL_TESTS_TABLE_H

#include "helpers.h"

#define TABLE_FILES    4
#define TABLE_ROWS     4000 /* of a file at most */
#define TABLE_CLUSTERS 64

typedef struct table_file {
    int64_t rows;
    int64_t run[TABLE_ROWS], event[TABLE_ROWS];
    double x[TABLE_ROWS];
    int64_t block; /* rows a block; 0 = 100 */
    int64_t n_clusters, clusters[TABLE_CLUSTERS + 1];
    char identity[64]; /* "": it has none */
    _Atomic int64_t reads;
    /* the file, made by table_open */
    unsigned char *bytes;
    size_t size;
    uint64_t bad_offset; /* a read of this byte fails; 0 = none */
} table_file;

typedef struct table_world {
    table_file files[TABLE_FILES];
    int n_files;
    t_allocator allocator;
    vcol_source *sources[TABLE_FILES];
    vcol_manager *m;
    vcol_dataset *d;
} table_world;

/* One file: `run` in groups of random length up to `group` (1: each row its own), x random. */
table_world *table_new(int n_files, int64_t rows, int64_t group, uint64_t seed);
/* Opens manager and data set. threads 0: no background work. limit 0: none. */
void table_open(table_world *w, int threads, uint64_t limit, uint32_t flags);
/* Closes them; nothing must be left. The files stay. */
void table_close(table_world *w);
void table_free(table_world *w);
/* Both. */
void table_end(table_world *w);
/* Row of the data set. */
const table_file *table_row(const table_world *w, int64_t row, int64_t *in_file);
int64_t table_rows(const table_world *w);

#endif
