/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * made.h: files that are made up in memory, with columns and blocks of given sizes, and a reader of their own. Blocks are stored
 * as they are; all bytes but the first four are 0.
 */
#ifndef BENCH_MADE_H
#define BENCH_MADE_H

#include <vcol/reader.h>
#include <vcol/vcol.h>

#define MADE_ITEMS 100 /* at most */

/* `wide`: one row, and a column "c0", "c1", ... of so many bytes for each item. Else: one column of bytes, and a block, which is a
 * cluster, for each item. */
typedef struct made_file {
    int wide, n;
    vcol_schema schema;
    vcol_schema_column columns[MADE_ITEMS];
    vcol_group groups[MADE_ITEMS];
    vcol_leaf leaves[MADE_ITEMS];
    char names[MADE_ITEMS][16];
    int64_t clusters[MADE_ITEMS + 1]; /* where each item's block begins, if it is not wide */
    unsigned char *bytes; /* all blocks; as many as the largest item has, if wide */
    size_t size;
} made_file;

/* A manager, and a data set over the file. */
typedef struct made_opening {
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset *d;
} made_opening;

/* Lays a file out. */
void made_table(made_file *t, const int64_t *bytes, int items, int wide);
/* Opens a manager without threads or limit. stored_limit as of vcol_manager_options. */
vcol_status made_manager(vcol_manager **m, uint64_t stored_limit, vcol_error *err);
/* Opens manager and data set, which keeps stored blocks; one file at a time. made_close is called in any case. */
vcol_status made_open(made_opening *o, made_file *t, uint64_t stored_limit, vcol_error *err);
void made_close(made_opening *o, made_file *t);

#endif
