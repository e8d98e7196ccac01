/* SPDX-License-Identifier: BSD-3-Clause */
/* What a leaf's entries look like: from its class, its branch's streamer type, its title. */
#ifndef VCOL_ROOT_LEAF_H
#define VCOL_ROOT_LEAF_H

#include "table.h"

enum { MAX_DIMS = 6 };

typedef struct leaf_form {
    binding_kind kind; /* BIND_COUNTS = not supported */
    value_form form;
    const char *type_name; /* of one value, "float" */
    const char *note;      /* why it is not supported */
    text full_name;        /* type as the file tells it, where there is no type_name */
    model_leaf *counter;   /* BIND_ITEMS, BIND_LISTS: the leaf that counts */
    model_branch *lengths; /* BIND_LISTS: the branch that says how many values an item has */
    int32_t n_dims;
    int64_t dims[MAX_DIMS];
    int64_t count; /* their product */
    int together;                /* its counter is a leaf of the same branch: not supported as a leaf, but see node.c */
    int object;                  /* not supported as a leaf: perhaps as an object (node.c) */
    const root_element *element; /* the member that the branch is, or NULL */
} leaf_form;

/* Whether a branch holds the number of items of a split collection, an i32 an entry, and only that. */
int vcol__branch_counts(const model_branch *branch);
/* Its form. */
leaf_form vcol__leaf_counts(void);

/* Sets the form of a number: of a streamer element's type (with the title that may hold a range), of a C++ type. 0: it is none. */
int vcol__leaf_number(leaf_form *f, int64_t type, text title);
int vcol__leaf_named(leaf_form *f, text type);

/* The description by which a branch's class was written, by version and checksum; NULL: it is not in the file. */
const root_info *vcol__leaf_class(const walk *w, const model_branch *branch);
leaf_form vcol__leaf_form(const walk *w, const model_branch *branch, model_leaf *leaf);

#endif
