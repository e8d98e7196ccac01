/* SPDX-License-Identifier: BSD-3-Clause */
/* Indices inside the library: vcol/index.h, of one file. See index.c. */
#ifndef VCOL_DATASET_INDEX_H
#define VCOL_DATASET_INDEX_H

#include "dataset/dataset.h"

#include <vcol/index.h>

/* The index that is stored with a file's table; entries are the file's. Errors: as vcol_index_open; they do not name the file. */
vcol_status vcol__index_of_file(vcol_manager *m, const vcol__infile *file, vcol_index **out, vcol_error *err);
/* The entry with that pair, the first of several; -1: there is none. */
int64_t vcol__index_place(const vcol_index *index, int64_t major, int64_t minor);
/* Whether values of a type can be such numbers. */
bool vcol__index_takes(vcol_type type);
/* The i-th of some values as one: U64 as the same bits. */
int64_t vcol__index_number(vcol_type type, const void *values, int64_t i);

#endif
