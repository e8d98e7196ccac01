/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * offline.h: what could be done with so much memory by who knows all uses beforehand, and what the least recently used one's
 * order does. An item is of `size` bytes, and is in memory while it is used; a use is a hit if it was there before.
 */
#ifndef BENCH_OFFLINE_H
#define BENCH_OFFLINE_H

#include <stdint.h>

typedef struct offline_trace {
    int64_t n_items, n; /* n uses, of items order[0], order[1], … */
    const int64_t *order;
    const uint64_t *size; /* of each item, bytes: 1024 at least */
    const double *worth;  /* of a hit of each item, 0 < worth <= 1 */
    uint64_t room;        /* bytes, as large as each item at least */
    int passes_by;        /* an item may be used without taking room: it is kept behind its use, or it is not */
} offline_trace;

typedef struct offline_score {
    int64_t hits;
    double worth; /* of all hits */
} offline_score;

/* The least recently used goes, until there is room. */
offline_score offline_lru(const offline_trace *t);
/* What is used latest goes (Belady): the optimum where all sizes and worths are the same and none passes by. */
offline_score offline_latest(const offline_trace *t);
/*
 * An upper bound of the worth of all hits by any strategy: the optimum where parts of items may be kept. It is the optimum itself
 * where all sizes are the same. Of the number of hits: where each is worth 1. Below 0: no memory.
 */
double offline_bound(const offline_trace *t);

#endif
