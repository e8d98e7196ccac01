/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks of a loop or a run: opened one after the other, prefetched ahead. See window.c. */
#ifndef VCOL_DATASET_WINDOW_H
#define VCOL_DATASET_WINDOW_H

#include "dataset/partition.h"
#include "dataset/plan.h"
#include "dataset/report.h"

#include <vcol/loop.h>

#define VCOL__MOST_AHEAD 32
/* A chunk's: one a time that columns were learned while it was ahead; beyond, they come on demand. */
#define VCOL__MOST_SCOPES 8

/* A chunk of the window. */
typedef struct vcol__slot {
    vcol_chunk *chunk; /* or NULL */
    vcol_prefetch *scopes[VCOL__MOST_SCOPES];
    int32_t n;     /* scopes */
    int64_t known; /* columns in them: the first so many of the window's */
} vcol__slot;

typedef struct vcol__window {
    /* set at open, const after */
    vcol_dataset *dataset;
    vcol_plan *plan;  /* referenced, or NULL */
    bool prefetch;    /* in the background, before it is asked for */
    bool chosen;      /* `ahead` is ours: chosen again when columns are learned */
    int64_t entries;  /* a chunk, where that is known; else 0 */
    /* whoever opens chunks: one thread at a time */
    int32_t ahead;      /* chunks prefetched; 0 without prefetch */
    int64_t chosen_for; /* n_columns then */
    vcol__route *route; /* of the plan as it was when the last chunk was opened, referenced */
    vcol__lock lock;
    /* chunk lock: touched by getters of any thread */
    _Atomic bool *known;         /* by column: in `columns`; also read by the chunks, without the lock */
    int64_t *columns, n_columns; /* declared, then learned */
} vcol__window;

/* `columns` and `plan` may be NULL; ahead 0 = chosen. On failure nothing is to be closed. Errors: NOT_FOUND, NOMEM. */
vcol_status vcol__window_open(vcol__window *window, vcol_dataset *d, const char *columns, vcol_plan *plan, bool prefetch,
                              int32_t ahead, int64_t entries, vcol_error *err);
/* As if this column, too, had been declared. */
void vcol__window_declare(vcol__window *window, int64_t id);
/* After all slots. What passes carry is dropped. */
void vcol__window_close(vcol__window *window);
/* Opens a chunk into a slot. */
vcol_status vcol__window_chunk(vcol__window *window, int64_t first, int64_t count, vcol__slot *slot, vcol_error *err);
/* Begins a scope of a slot over the columns that are not in one yet; fetches again what is. Before the program has its chunk. */
void vcol__window_prefetch(vcol__window *window, vcol__slot *slot);
/* Chooses `ahead` again, if it is ours and columns were learned. */
void vcol__window_choose(vcol__window *window);
/* So many entries of the pass are done. One thread at a time, without a lock. */
void vcol__window_report(vcol__window *window, vcol__report *report, int64_t entries);
/* Ends a slot's scopes and closes its chunk, if it has one. Any thread. */
void vcol__slot_close(vcol__slot *slot);

/* For loops of the library's own, before their first chunk: columns by id, of which a list could not name each. */
void vcol__loop_declare(vcol_loop *loop, int64_t id);

#endif
