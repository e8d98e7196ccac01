/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan inside the library: what it holds (plan.c, plan_text.c), when a column is wanted again (graph.c), and what it
 * means for one data set (route.c).
 */
#ifndef VCOL_DATASET_PLAN_H
#define VCOL_DATASET_PLAN_H

#include "core/sync.h"
#include "dataset/dataset.h"

#include <vcol/plan.h>

#include <stdatomic.h>

/* One name of a list. */
typedef struct vcol__plan_item {
    char *text;
    bool exact;   /* exactly that column; else a name, a collection or a pattern */
    bool learned; /* seen in a chunk; else the program's word */
} vcol__plan_item;

typedef struct vcol__plan_items {
    vcol__plan_item *list;
    int64_t n, capacity;
} vcol__plan_items;

typedef struct vcol__plan_stage {
    char *name;
    bool known;   /* its columns are declared, or a chunk has passed it */
    bool learned; /* which of the columns that are put it uses is not the program's word */
    vcol__plan_items uses, makes; /* in order of first use */
} vcol__plan_stage;

/* Steps [first, last] are passed so many times. Ranges do not overlap. */
typedef struct vcol__plan_fold {
    int64_t first, last, folds;
} vcol__plan_fold;

typedef struct vcol__plan_size {
    char *name;
    uint64_t bytes;
    bool learned; /* the most that was put; else the program's word */
} vcol__plan_size;

struct vcol_plan {
    _Atomic int64_t refs;
    _Atomic uint64_t version; /* grows with every change; read without the lock: who is late asks again at the next step */
    _Atomic bool open;        /* the list of steps is still to be learned; likewise */
    _Atomic int64_t chunks, passes, n_learned, released, early;
    vcol__lock lock;
    /* plan lock. Steps are added behind the others only: their numbers stay. */
    vcol__plan_stage *steps;
    int64_t n_steps, steps_capacity;
    vcol__plan_fold *folds;
    int64_t n_folds, folds_capacity;
    vcol__plan_size *sizes;
    int64_t n_sizes, sizes_capacity;
};

/* The name in an item's text: behind the @ of one that means offsets alone. */
static inline const char *vcol__plan_name(const char *text)
{
    return text[0] == '@' && text[1] ? text + 1 : text;
}

/* The lock of a plan that is only looked at. */
static inline vcol__lock *vcol__plan_lock(const vcol_plan *plan)
{
    return &((vcol_plan *)(uintptr_t)plan)->lock;
}

/* ---- plan.c: what chunks tell ------------------------------------------------------------------- */

/* The number of the step of that name, which is added if there is none. */
vcol_status vcol__plan_step_of(vcol_plan *plan, const char *name, int64_t *step, vcol_error *err);
/*
 * A column was touched (or made) in a step that does not list it. Without memory it is not learned. `own`: it is the
 * program's, defined or put, so that the step's own list is not to be relied on for such.
 */
void vcol__plan_learn(vcol_plan *plan, int64_t step, const char *name, bool makes, bool own);
/* So many bytes were put under a name. */
void vcol__plan_saw(vcol_plan *plan, const char *name, uint64_t bytes);
/* A chunk has passed a step to its end. */
void vcol__plan_passed(vcol_plan *plan, int64_t step);
/* A chunk is closed that began these steps, in this order: the first one tells the folds. */
void vcol__plan_closed(vcol_plan *plan, const int64_t *sequence, int64_t n);
/* Adds a name to a list. False: no memory. */
bool vcol__plan_add_item(vcol__plan_items *items, const char *text, size_t length, bool exact, bool learned);
void vcol__plan_free_items(vcol__plan_items *items);
/* The pieces of vcol_plan_load, for a plan that nobody else has yet. */
vcol_status vcol__plan_add_stage(vcol_plan *plan, const char *name, vcol__plan_stage **out, vcol_error *err);

/* ---- plan_text.c ---------------------------------------------------------------------------------- */

/* The text of a file, `size` bytes; `where` is for messages. */
vcol_status vcol__plan_parse(const char *text, size_t size, const char *where, vcol_plan **out, vcol_error *err);
/* The text of a plan, *size bytes; for free(). NULL: no memory. */
char *vcol__plan_print(const vcol_plan *plan, size_t *size);

/* ---- graph.c: liveness ------------------------------------------------------------------------------ */

/* That a step has to do with a column. */
typedef struct vcol__event {
    int64_t key, step;
    bool uses, makes; /* in one step it is read before it is made anew */
} vcol__event;

/* By key, then step. */
void vcol__events_sort(vcol__event *events, int64_t n);
/*
 * How many steps end before the one that uses the column begins, counted from the end of step `at` (-1: from the beginning);
 * -1: nobody uses it before it is made anew, or at all. `events` are the column's, by step. `round`: the
 * steps that are passed again after `at`, which is one of them; NULL: there is no further round.
 */
int64_t vcol__event_next(const vcol__event *events, int64_t n, int64_t at, const vcol__plan_fold *round);

/* ---- route.c: a plan for one data set --------------------------------------------------------------- */

/*
 * A plan as it was at one moment, with its names resolved. Const after it was made. A key is a column's id, or ~id: the
 * offsets of it alone.
 */
typedef struct vcol__route_step {
    char *name;
    bool known, learned;
    vcol__plan_fold fold; /* that it is part of; itself, once, if none */
    int64_t *keys, n_keys; /* in order of use */
    vcol__plan_items uses, makes; /* as the plan has them: they may name what is not the data set's */
} vcol__route_step;

typedef struct vcol__route {
    _Atomic int64_t refs;
    uint64_t version;
    int64_t n_columns;
    vcol__route_step *steps;
    int64_t n_steps;
    int64_t *order, n_order; /* all keys, by first use */
    vcol__event *events;     /* by key, then step */
    int64_t n_events;
} vcol__route;

/* The route of a plan for a data set: `old` (may be NULL) if the plan has not changed since; referenced. */
vcol_status vcol__route_of(vcol_plan *plan, const vcol_dataset *dataset, vcol__route *old, vcol__route **out,
                           vcol_error *err);
void vcol__route_release(vcol__route *route);
/* A plan as it is, without a data set: no keys. NULL: no memory. */
vcol__route *vcol__route_copy(const vcol_plan *plan);
/* Calls `add` with each key of the data set that an item of a plan means; how many. None: it may be put, or defined. */
int64_t vcol__route_keys(const vcol_dataset *dataset, const vcol__plan_item *item, void (*add)(int64_t key, void *opaque),
                         void *opaque);
/* The events of a key; *n of them. */
const vcol__event *vcol__route_events(const vcol__route *route, int64_t key, int64_t *n);
/* Those of a column that is not the data set's, by its name; for free(). *declared: the program itself names it. NULL: no memory. */
vcol__event *vcol__route_events_of(const vcol__route *route, const char *name, int64_t *n, bool *declared);

#endif
