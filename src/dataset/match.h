/* SPDX-License-Identifier: BSD-3-Clause */
/* Friends whose entries are found by their index: which belongs to which, and their columns in the table's order. See match.c. */
#ifndef VCOL_DATASET_MATCH_H
#define VCOL_DATASET_MATCH_H

#include "dataset/chunk.h"

#include <vcol/index.h>

/* One of the two numbers by which entries belong together: a flat column of the table's own. */
typedef struct vcol__number {
    vcol_leaf_ref values; /* group -1: there is no such column, and the number is 0 */
    vcol_type type;
} vcol__number;

/* A friend with an index. Const while the file is open, but for the pass. */
typedef struct vcol__match {
    const char *name, *where;      /* the friend's, and its file's; borrowed from the object */
    int32_t first_group, n_groups; /* of the file's groups: the friend's */
    int64_t entries;               /* of the friend */
    int64_t have;                  /* entries of the table that have both numbers */
    vcol__number number[2];
    vcol_index *index;
    vcol__pass pass; /* over the friend's entries */
} vcol__match;

/*
 * What a chunk knows of such a friend: which of its entries the chunk's own belong to, and the friend's buffers over the range
 * from the first to the last of these. Referenced by the chunk and by the buffers made of it.
 */
typedef struct vcol__matched vcol__matched;

/* The friend that a column of a file's schema is of, if it has an index; else NULL. */
vcol__match *vcol__match_of(const vcol__infile *t, const vcol_schema_column *s);
/* Closes the indices of a file's friends. */
void vcol__matches_close(vcol__infile *t);

/* What a chunk has of a friend, made if need be; borrowed. */
vcol_status vcol__matched_of(vcol_chunk *c, vcol__match *m, vcol__matched **out, vcol_error *err);
/* What loads of the friend's columns begin with: the buffers of the numbers (NULL: there is none), and that of the places. */
void vcol__matched_inputs(const vcol__matched *x, vcol_buffer *numbers[2], vcol_buffer **places);
/* Adds the levels of a friend's column to *column, behind those it has, and gives it its values; acquired, as far as it came. */
vcol_status vcol__matched_column(vcol__matched *x, const vcol_schema_column *s, vcol__chunk_column *column, vcol_error *err);
/* Validity of all columns of a friend whose entries need not be found: one bit an entry. */
vcol_status vcol__matched_validity(vcol__matched *x, vcol_buffer **out, vcol_error *err);
/* Lets go of the friend's own values of a column. */
void vcol__matched_clear(vcol__matched *x, const vcol_schema_column *s);
/* The chunk is closed. */
void vcol__matched_close(vcol__matched *x);

/* ---- for gather.c: inside of loads ------------------------------------------------------------------------- */

/* Pins the places: for each of the chunk's entries the friend's, or -1; *first is the first of those. */
vcol_status vcol__matched_pin(vcol__matched *x, const int64_t **places, int64_t *n, int64_t *first, vcol_error *err);
void vcol__matched_unpin(vcol__matched *x);
/* Pins a group's buffer over the friend's range: of entry `first` and those behind it. */
vcol_status vcol__matched_pin_unit(vcol__matched *x, int32_t group, vcol_buffer **out, vcol_error *err);
/* Ends that pin; drops the buffer too where nothing else of the friend's reads from the group. */
void vcol__matched_unpin_unit(vcol__matched *x, vcol_buffer *unit);
/* For messages: the file; a group's name, -1: the friend's. */
const char *vcol__matched_where(const vcol__matched *x);
const char *vcol__matched_group_name(const vcol__matched *x, int32_t group);
vcol_manager *vcol__matched_manager(const vcol__matched *x);
vcol__matched *vcol__matched_ref(vcol__matched *x);
void vcol__matched_unref(vcol__matched *x);

/* One array of a column in the table's order (gather.c). */
typedef enum vcol__gather_kind {
    VCOL__GATHER_VALUES,   /* width bytes an item */
    VCOL__GATHER_OFFSETS,
    VCOL__GATHER_PICKS,    /* of a union: offsets, and the tags in leaf 1 */
    VCOL__GATHER_VALIDITY, /* bits */
    VCOL__GATHER_FOUND     /* bits: which entries have one of the friend's; of no array */
} vcol__gather_kind;

/* The array `array`, below the first n of the levels of `s`. Acquires x. */
vcol_status vcol__gather_create(vcol__matched *x, vcol__gather_kind kind, const vcol_schema_column *s, int32_t n, vcol_leaf_ref array,
                                vcol_buffer **out, vcol_error *err);
/* A buffer's beginnings, of the chunk's entries. */
void vcol__matched_init(const vcol__matched *x, vcol_buffer *b, const vcol__buffer_ops *ops, const char *name);

#endif
