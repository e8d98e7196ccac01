/* SPDX-License-Identifier: BSD-3-Clause */
/* Friends: tables beside a file's own, whose columns it gets. See friend.c. */
#ifndef VCOL_DATASET_FRIEND_H
#define VCOL_DATASET_FRIEND_H

#include "dataset/dataset.h"

/* A friend for one file. */
struct vcol__friend_file {
    const char *name, *path, *object; /* object NULL: the only one */
    vcol_source *source;              /* or NULL: a local file */
    bool by_entry;                    /* whatever index it has */
    const char *major, *minor;        /* columns that are to be its index, or NULL */
};

/*
 * Opens the friends that `what` names, and those that the table names itself, if it says so, and puts them and the table into
 * t->object: one reader's object with all columns. The file is open and its object, not yet bound. After a failure they are
 * as they were.
 */
vcol_status vcol__friends_join(vcol_manager *m, const vcol__opening *what, vcol__infile *t, vcol_error *err);

/* All friends of a data set's files, as the program gave them. */
typedef struct vcol__friend_list {
    struct vcol__friend_file *files; /* of the i-th file: [i * n, (i + 1) * n) */
    int64_t n;
} vcol__friend_list;

#endif
