/* SPDX-License-Identifier: BSD-3-Clause */
/* How entries are cut into chunks, inside the library: partition.c, and groups.c for groups of equal keys. */
#ifndef VCOL_DATASET_PARTITION_H
#define VCOL_DATASET_PARTITION_H

#include "dataset/chunk.h"

#include <vcol/partition.h>

struct vcol__groups;

struct vcol_partition {
    vcol_dataset *dataset;
    uint32_t flags;
    int32_t chunking;
    int64_t entries, parts;
    int64_t first, end;  /* of the whole */
    int64_t position;    /* first entry of the next chunk */
    int64_t part;        /* INTO_PARTS: the cut that the next chunk ends at, from 1 */
    struct vcol__groups *groups;
};

#define VCOL__DEFAULT_ENTRIES 100000

/* The i-th of the cuts into parts: 0 … parts. */
int64_t vcol__partition_cut(const vcol_partition *p, int64_t i);

/* Entries a chunk, as far as the options say; 0: they do not. */
int64_t vcol__partition_size(const vcol_partition *p);

/* groups.c */
vcol_status vcol__groups_open(vcol_partition *p, const char *keys, struct vcol__groups **out, vcol_error *err);
/* The entry behind the last group of the chunk that begins at p->position; at most the end of its file. */
vcol_status vcol__groups_end(vcol_partition *p, int64_t *end, vcol_error *err);
void vcol__groups_close(struct vcol__groups *groups);

#endif
