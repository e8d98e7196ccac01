/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest_column.h: what the digest says of a column's values, gathered from views that come one after
 * the other: the result is that of one view of all entries, however they are cut.
 */
#ifndef VCOL_CLI_DIGEST_COLUMN_H
#define VCOL_CLI_DIGEST_COLUMN_H

#include <xxhash.h>

#include "cli.h"
#include "sum.h"

typedef struct digest_level {
    XXH64_state_t *hash; /* LIST: of offsets over all views; OPTIONAL: of one byte an item */
    int64_t base;        /* LIST: items before this view */
    int64_t nulls;       /* OPTIONAL */
} digest_level;

typedef struct digest_column {
    XXH64_state_t *content;
    digest_level level[VCOL_MAX_LEVELS];
    int64_t n_values;
    cli_sum sum;      /* of floats */
    __int128 int_sum; /* of all others */
    double min, max;  /* of floats */
    __int128 int_min, int_max;
    int64_t n_ordered; /* values that are not NaN */
} digest_column;

vcol_status cli_digest_column_open(digest_column *column, const vcol_column_info *info, vcol_error *err);
void cli_digest_column_close(digest_column *column);
/* Takes the next entries' view, of the column that was opened. */
vcol_status cli_digest_column_add(digest_column *column, const vcol_view *view, vcol_error *err);
/* Appends "n_values dtype content levels sum min max nan", tab separated. */
void cli_digest_column_print(const digest_column *column, const vcol_column_info *info, cli_text *text);

#endif
