/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk inside the library. */
#ifndef VCOL_DATASET_CHUNK_H
#define VCOL_DATASET_CHUNK_H

#include "core/scope.h"
#include "dataset/dataset.h"
#include "dataset/step.h"

#include <vcol/chunk.h>

/* Leases: what getters keep in place. */
enum {
    VCOL__LEASE_NONE,
    VCOL__LEASE_STEP, /* taken in a step: ends with it */
    VCOL__LEASE_STAYS /* until clear or the chunk's end */
};

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
    _Atomic int leased; /* VCOL__LEASE_…: one pin on each of its buffers */
    _Atomic bool touched; /* asked for by the program, not only needed by another */
    _Atomic int32_t touched_in; /* the number of the step in which that was last */
    _Atomic bool released; /* by the plan, after its last step */
} vcol__chunk_column;

/* A column that the program defined, or put. */
typedef struct vcol__defined {
    struct vcol__defined *next;
    char *name;
    int64_t id;
    _Atomic(vcol__chunk_column *) column;
    vcol_buffer *buffer;
    vcol_type type;
    vcol_buffer *offsets; /* of its lists, referenced: another column's, or put with it; NULL: flat */
    int32_t offsets_leaf;
    bool put;
    int32_t consumers;        /* steps that read what was put, or 0 */
    _Atomic int32_t consumed; /* steps in which it was touched */
    _Atomic bool gone;        /* what was put was cleared or released, or another was put in its place */
    /* chunk lock */
    bool replaced;            /* the name is another's now */
    const vcol__route *route; /* for which `events` were found: one of the chunk's */
    vcol__event *events;
    int64_t n_events;
    bool declared; /* the plan's program names it */
} vcol__defined;

struct vcol_chunk {
    vcol_dataset *dataset;
    vcol__infile *table;
    int64_t first, count;  /* entries of the data set */
    int64_t row;           /* first entry in the file */
    bool in_order;         /* of a loop or run, which goes from lower to higher entries */
    _Atomic(vcol_buffer *) *units;            /* by the file's group */
    _Atomic int64_t *leased_units; /* likewise: leases of offsets alone: 0, or vcol__unit_lease */
    _Atomic(vcol__chunk_column *) *columns;   /* by the data set's column */
    _Atomic(struct vcol__matched *) *matched; /* by the file's friend with an index; NULL: it has none */
    /* who is told what is touched first: the loop, which learns */
    void (*touched)(int64_t id, void *opaque);
    void *opaque;
    struct vcol__meter *meter; /* of its buffers, referenced; NULL without a run */
    _Atomic bool stopped;      /* the run has no use for it any more: getters fail. Stale is harmless: one more is read */
    _Atomic bool *wanted; /* the loop's columns, declared and learned; NULL without a loop */
    vcol__steps steps;
    vcol__lock lock;
    /* chunk lock */
    vcol_prefetch **scopes;
    int64_t n_scopes, scopes_capacity;
    _Atomic(vcol__defined *) defined; /* only grows; read without the lock */
    int64_t n_defined;
};

/* A lease of offsets alone: in the name of column `id` (-1: of their collection), in a step or not. */
static inline int64_t vcol__unit_lease(int64_t id, int lease)
{
    return (id + 2) * 2 + (lease == VCOL__LEASE_STAYS);
}
/* In whose name. */
static inline int64_t vcol__unit_holder(int64_t lease)
{
    return lease / 2 - 2;
}
static inline bool vcol__unit_stays(int64_t lease)
{
    return lease != 0 && (lease & 1);
}

/* When what is in place `place` of the chunk's order is used: the evictor's time. UNKNOWN outside of loops and runs. */
uint64_t vcol__chunk_time(const vcol_chunk *chunk, int64_t place);
/* The same where a plan says what is used so many steps from now, of any chunk. */
uint64_t vcol__chunk_step_time(const vcol_chunk *chunk, int64_t steps);
/* The program works on it from now on, or a step of it begins: the evictor's time, from which those are taken. */
void vcol__chunk_begins(const vcol_chunk *chunk);

vcol_status vcol__chunk_open(vcol_dataset *d, int64_t first, int64_t count, vcol_chunk **out, vcol_error *err);
/* Begins a scope over columns by id (~id: only a column's outermost offsets), that belongs to the chunk. */
vcol_status vcol__chunk_prefetch(vcol_chunk *chunk, const int64_t *ids, int64_t n, const vcol_prefetch_options *options,
                                 vcol_prefetch **out, vcol_error *err);
/* The buffer of a group over the chunk's rows, as far as it has them; made if need be, borrowed. */
vcol_status vcol__chunk_unit(vcol_chunk *chunk, int32_t group, vcol_buffer **out, vcol_error *err);
/* The column of that id, made if need be. Errors: RANGE, UNSUPPORTED, NOMEM. */
vcol_status vcol__chunk_column_of(vcol_chunk *chunk, int64_t id, vcol__chunk_column **out, vcol_error *err);
/* The id of the column of that name, of the file, defined or put. Errors: NOT_FOUND. (getters.c) */
vcol_status vcol__chunk_find(vcol_chunk *chunk, const char *name, int64_t *id, vcol_error *err);
/* What was defined or put under an id; NULL if nothing. */
vcol__defined *vcol__chunk_defined(vcol_chunk *chunk, int64_t id);
/* The outermost list of a column: its level; -1: it is none. */
int32_t vcol__column_list(const vcol__chunk_column *column);
/*
 * Adds a defined column, whose name is free but for one that was put, if this one is too: then that one is *replaced, for the
 * caller to clear. Takes it on success only. Errors: MISUSE.
 */
vcol_status vcol__chunk_add(vcol_chunk *chunk, vcol__defined *column, vcol__defined **replaced, vcol_error *err);
void vcol__defined_free(vcol__defined *column);

/* Ends a column's lease, and one of offsets alone. (clear.c, as all that follows) */
void vcol__column_end_lease(vcol__chunk_column *column);
void vcol__unit_end_lease(vcol_chunk *chunk, vcol_buffer *unit);
/* Ends leases that were taken in a step. */
void vcol__chunk_end_leases(vcol_chunk *chunk);
/* Drops a column as clear does, unless a lease from outside of the steps keeps it. How many went: 0 or 1. */
int64_t vcol__chunk_release(vcol_chunk *chunk, vcol__chunk_column *column);
/* The same of its outermost offsets alone, when no column needs them. */
int64_t vcol__chunk_release_offsets(vcol_chunk *chunk, vcol__chunk_column *column);
/* Drops what was put; who asks for it is answered NOT_FOUND from then on. */
int64_t vcol__chunk_forget(vcol_chunk *chunk, vcol__defined *column);

#endif
