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
    model_leaf *counter;   /* BIND_ITEMS: the leaf that counts */
    int32_t n_dims;
    int64_t dims[MAX_DIMS];
    int64_t count; /* their product */
} leaf_form;

/* Whether a branch holds the number of items of a split collection, an i32 an entry, and only that. */
int vcol__branch_counts(const model_branch *branch);
/* Its form. */
leaf_form vcol__leaf_counts(void);

leaf_form vcol__leaf_form(const walk *w, const model_branch *branch, model_leaf *leaf);

#endif
