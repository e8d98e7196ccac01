/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a chunk: step.c. */
#ifndef VCOL_DATASET_STEP_H
#define VCOL_DATASET_STEP_H

#include "dataset/plan.h"

struct vcol__chunk_column;
struct vcol__defined;

/* Where a chunk is in its plan. */
typedef struct vcol__steps {
    vcol_plan *plan; /* referenced, or NULL; set before the first step */
    bool prefetch;   /* steps fetch what was lost and is used next */
    _Atomic int32_t open; /* the number of the step that is open, from 1; 0: none. Read by getters: a step is begun while nobody
                             uses their pointers */
    _Atomic(vcol__route *) route; /* set before the first step; those it had before live as long as the chunk */
    /* chunk lock */
    vcol__route **routes;
    int64_t n_routes, routes_capacity;
    int32_t begun;  /* steps */
    int64_t at;     /* the plan's number of the last one begun; -1: none yet, or no plan */
    int64_t *passes, n_passes; /* by the plan's numbers */
    int64_t *sequence, n_sequence, sequence_capacity; /* of all begun, while the plan's are learned */
    vcol_prefetch **scopes;
    int64_t n_scopes, scopes_capacity;
    /* of whoever begins and ends steps; with a trace: the open step's name, its begin (ns; 0: none), its thread */
    char name[VCOL__TRACE_NAME];
    int64_t since, thread;
} vcol__steps;

void vcol__steps_init(vcol__steps *steps);
/* The chunk follows a plan (NULL: none), whose route for its data set is given; both are acquired. */
vcol_status vcol__steps_follow(vcol_chunk *chunk, vcol_plan *plan, vcol__route *route, bool prefetch, vcol_error *err);
/* The chunk closes: the step that is open ends, the plan is told. Before anything else is closed. */
void vcol__steps_end(vcol_chunk *chunk);
/* After everything else. */
void vcol__steps_destroy(vcol__steps *steps);

/* A column is pinned or leased, the first time in step `open` (0: in none; in_step) or since it was dropped. */
void vcol__steps_touched(vcol_chunk *chunk, struct vcol__chunk_column *column, int32_t open, bool in_step);
/* The same of the offsets of column `id` alone, which were asked for by that name. */
void vcol__steps_touched_offsets(vcol_chunk *chunk, int64_t id, const char *name);
/* A value of so many bytes was put. */
void vcol__steps_made(vcol_chunk *chunk, const char *name, uint64_t bytes);
/*
 * How many steps end before a column, or its offsets alone, is used, counted from the end of the step that was begun last; -1: the
 * plan knows of no use, or there is none.
 */
int64_t vcol__steps_next_use(vcol_chunk *chunk, int64_t id, bool offsets);
/* Whether the plan says that a column, or its offsets, will be used: in this step and not touched yet, or in one to come. */
bool vcol__steps_need(vcol_chunk *chunk, int64_t id, bool offsets);

#endif
