/* SPDX-License-Identifier: BSD-3-Clause */
/* What the making of steps shares: from nodes to what passes them (pass.c), to what takes a column's values (program.c). */
#ifndef VCOL_ROOT_PROGRAM_H
#define VCOL_ROOT_PROGRAM_H

#include "node.h"

enum { MAX_CHAIN = 48, MAX_SUFFIX = 400, MAX_OPS = 1 << 19 };

typedef struct ops {
    op *at;
    int32_t n, capacity;
} ops;

typedef struct builder {
    arena *memory;
    program *programs;
    int64_t n, capacity;
    struct {
        const node *node;
        int32_t child;
    } chain[MAX_CHAIN]; /* from the top to a value */
    int32_t length;
    char suffix[MAX_SUFFIX];
    ops whole; /* passes an entry */
    int64_t n_ops;    /* made: of classes of many members each column passes many */
    const char *note; /* why the column at hand cannot be read */
    int nomem;
} builder;

/* Members [from, until) of a record, which bases of it may count. */
typedef struct wanting {
    const node *record;
    int32_t from, until;
    const struct wanting *outer; /* of the record that this one is a base of */
} wanting;

/* The counters that are at hand while the steps of one record's members are made: where in the run they are. */
typedef struct kept {
    const node *member[MAX_LEAVES_KEPT];
    int32_t n;
    const wanting *outer;
} kept;

void vcol__ops_add(builder *b, ops *list, op o);
void vcol__ops_add_body(builder *b, ops *list, op o, const ops *body);
/* The column at hand cannot be read; the first reason counts. */
void vcol__ops_cannot(builder *b, const char *why);
/* What comes before a node's frame. */
void vcol__ops_heads(builder *b, ops *list, const node *n);
/* The step that takes the counter of the item at hand from those of all items. */
op vcol__ops_load(const kept *k, int local);
/* Keeps member i if it counts one of those before `until`, by OP_KEEP, OP_LOOK or OP_COLUMN. 0: it does not, or cannot be kept. */
int vcol__kept_add(builder *b, ops *list, op_code code, const node *record, int32_t i, int32_t until, kept *k);
/* Where what counts is kept, or -1. */
int vcol__kept_find(const kept *k, const node *counter);
/* Where that of a counted array is, once the array's other numbers are verified; -1: it, or one of them, is not kept. */
int vcol__kept_counter(builder *b, ops *list, const kept *k, const node *array);
/* Whether [from, until) of a record has arrays that a member, or one of its bases, counts. */
int vcol__node_wants(const node *record, int32_t from, int32_t until, const node *member);
/* Whether something in it is counted. */
int vcol__node_counts(const node *record);

/* Steps that pass a node. */
void vcol__pass(builder *b, ops *list, const node *n);
/* The members [from, to) of a record; counters of what lies up to `until` are kept. */
void vcol__pass_members(builder *b, ops *list, const node *record, int32_t from, int32_t to, int32_t until, kept *k);
/* The same of all items of a collection that is stored member by member. */
void vcol__pass_columns(builder *b, ops *list, const node *record, int32_t from, int32_t to, int32_t until, kept *k);
/* Whether all items of such a member share one head. */
int vcol__node_is_container(const node *n);
/* Whether a node has no column: nothing but heads. */
int vcol__node_is_valueless(const node *n);
/* Bytes that it always takes; -1: they vary. */
int64_t vcol__node_width(const node *n);

#endif
