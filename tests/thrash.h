/* SPDX-License-Identifier: BSD-3-Clause */
/* The stress in two files: thrash.c has the rounds and the program's buffers, thrash_data.c what is done to data sets. */
#ifndef VCOL_TESTS_THRASH_H
#define VCOL_TESTS_THRASH_H

#include "helpers.h"

#define BUFFERS 24

/* A round: one manager, and what all threads do to it. */
typedef struct world {
    vcol_manager *m;
    bool faulty;     /* allocations and reads fail now and then */
    bool hard;       /* VCOL_MANAGER_LIMIT_HARD */
    bool moving;     /* the limit is changed */
    uint64_t limit;
    _Atomic uint64_t allocations; /* of a faulty round: every so many-th fails */
    _Atomic int64_t live;         /* bytes that the allocator gave */
    t_gen g[BUFFERS];
    vcol_buffer *b[BUFFERS], *slice[BUFFERS];
    int64_t left; /* operations of each thread */
    _Atomic int64_t done, failures; /* operations; calls that were answered with an error */
    _Atomic int64_t chunks, runs;
} world;

/* Whether a call was successful. What fails must be allowed to. */
bool fine(world *w, vcol_status status);

/* Reads the file of VCOL_SAMPLE, for its values to be known. */
void data_open(void);
void data_close(void);
/* Opens a data set on it, does something with that, and closes it. */
void data_one(world *w, t_random *r);

#endif
