/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk inside the library. */
#ifndef VCOL_DATASET_CHUNK_H
#define VCOL_DATASET_CHUNK_H

#include "core/scope.h"
#include "dataset/dataset.h"

#include <vcol/chunk.h>

/* A column of a chunk, made when it is first touched: which buffers its arrays are in. */
typedef struct vcol__chunk_column {
    int64_t id;
    vcol_type type;
    int32_t levels;
    struct {
        vcol_level_kind kind;
        int64_t size;
        vcol_buffer *buffer; /* referenced; NULL for FIXED */
        int32_t leaf;
    } level[VCOL_MAX_LEVELS];
    vcol_buffer *values; /* referenced */
    int32_t values_leaf;
    _Atomic uint64_t *hits; /* the data set's; NULL for a defined one */
    int64_t expected;    /* defined flat columns: values there must be; else -1 */
    _Atomic bool leased; /* one pin on each of its buffers */
    _Atomic bool touched; /* asked for by the program, not only needed by another */
} vcol__chunk_column;

/* A column that the program defined. */
typedef struct vcol__defined {
    struct vcol__defined *next;
    char *name;
    int64_t id;
    _Atomic(vcol__chunk_column *) column;
    vcol_buffer *buffer;
    vcol_type type;
    int64_t like; /* a column whose outermost offsets it has, or -1 */
} vcol__defined;

struct vcol_chunk {
    vcol_dataset *dataset;
    vcol__infile *table;
    int64_t first, count;  /* entries of the data set */
    int64_t row;           /* first entry in the file */
    _Atomic(vcol_buffer *) *units;            /* by the file's group */
    _Atomic int64_t *leased_units; /* likewise: leases of offsets alone: 0, the column in whose name + 1, or -1: a collection's */
    _Atomic(vcol__chunk_column *) *columns;   /* by the data set's column */
    /* who is told what is touched first: the loop, which learns */
    void (*touched)(int64_t id, void *opaque);
    void *opaque;
    _Atomic bool *wanted; /* the loop's columns, declared and learned; NULL without a loop */
    vcol__lock lock;
    /* chunk lock */
    vcol_prefetch **scopes;
    int64_t n_scopes, scopes_capacity;
    _Atomic(vcol__defined *) defined; /* only grows; read without the lock */
    int64_t n_defined;
};

vcol_status vcol__chunk_open(vcol_dataset *d, int64_t first, int64_t count, vcol_chunk **out, vcol_error *err);
/* Begins a scope over columns by id, that belongs to the chunk. */
vcol_status vcol__chunk_prefetch(vcol_chunk *chunk, const int64_t *ids, int64_t n, const vcol_prefetch_options *options,
                                 vcol_prefetch **out, vcol_error *err);
/* The column of that id, made if need be. Errors: RANGE, UNSUPPORTED, NOMEM. */
vcol_status vcol__chunk_column_of(vcol_chunk *chunk, int64_t id, vcol__chunk_column **out, vcol_error *err);

#endif
