/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small ROOT file made in memory: a tree "Events" with a split collection "hits", whose items have a counter `fN` and two
 * arrays that it counts, `fADC` (float) and `fT` (int16). Branches hits/hits.fN and so on. No streamer information.
 */
#ifndef FUZZ_MADE_SPLIT_H
#define FUZZ_MADE_SPLIT_H

#include "made.h"

typedef struct made_hit {
    int32_t said;   /* fN */
    uint8_t flag;   /* of fADC; that of fT is 1 where fN is not 0 */
    uint8_t values; /* that fADC has; of fT there are fN, none if it is negative */
} made_hit;

/* The branches, each with baskets of its own. */
enum { MADE_SPLIT_HITS, MADE_SPLIT_N, MADE_SPLIT_ADC, MADE_SPLIT_T, MADE_SPLIT_BRANCHES };

typedef struct made_split {
    int64_t entries;
    const int32_t *items;  /* of each entry */
    const made_hit *hits;
    int64_t baskets[MADE_SPLIT_BRANCHES]; /* entries a basket; 0: 3. At most MADE_SPLIT_BASKETS baskets */
    int64_t ends[MADE_SPLIT_BRANCHES];    /* entries of a branch that ends before the tree does; 0: it does not */
    int clones;            /* a TClonesArray, not a vector */
    int unsaid;            /* fADC does not name the branch of its lengths */
    int no_offsets;        /* the baskets of fADC have no offsets of their entries */
} made_split;

enum { MADE_SPLIT_BASKETS = 10 };

made_file made_split_file(const made_split *s);
/* Value k of item i, counted through the tree: an integer below 10,000. */
int made_split_value(int64_t i, int k);

#endif
