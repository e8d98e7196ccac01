/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that were not closed: what is found by going from record to record, without the directories.
 * Const after open.
 */
#ifndef VCOL_ROOT_RECOVER_H
#define VCOL_ROOT_RECOVER_H

#include "object.h"
#include "table.h"

/* A basket's record. */
typedef struct stray {
    uint64_t seek;
    uint32_t nbytes;
    int32_t entries;
    uint32_t number; /* fCycle: the basket's number in its branch, of which 16 bits are kept */
} stray;

/* The baskets that bear one tree's and branch's names, in the file's order; or all of one tree's (of == NULL). */
typedef struct strand {
    const struct strand *of; /* a branch's: the tree's */
    text name;
    int64_t index; /* among all strands */
    stray *baskets;
    int64_t n, capacity;
    /* of a tree */
    int64_t branches, all;
    uint64_t bytes;
    int64_t records, trees; /* trees that have this name, in all directories; those of them that are listed */
    struct strand *chain, *next; /* of the hash table; in order of appearance */
} strand;

typedef struct recovery {
    strand **table;
    int64_t size, n_strands;
    strand *first, *last;
    struct found *found;
    int64_t n_found, capacity;
    const char *note; /* what was found, and where the walk ended */
} recovery;

/* Goes over the file's records from the first one on; finds the streamer information. */
vcol_status vcol__recover_walk(root_file *file, vcol_error *err);
/* Fills the file's entries from what was found. */
vcol_status vcol__recover_list(root_file *file, vcol_worker *worker, vcol_error *err);
/* The baskets with those names, or NULL. branch NULL: of the tree. */
const strand *vcol__recover_strand(const recovery *r, text tree, const text *branch);

#endif
