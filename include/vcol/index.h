/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/index.h: which entry has a pair of numbers, usually those of a run and an event.
 *
 * An index is in memory, 24 bytes an entry, charged to the manager until it is closed. It is const after it was opened: any
 * number of threads may ask it. It may outlive its data set, not the manager.
 */
#ifndef VCOL_INDEX_H
#define VCOL_INDEX_H

#include <vcol/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_index vcol_index;

/*
 * Opens an index of a data set. major NULL: the one that is stored in its files (ROOT's TTreeIndex), which all of them must
 * have, of the same columns. Else one made of the flat columns of integers `major` and `minor` (NULL: 0 everywhere), which are
 * read whole, in the order of entries, through a loop over the data set. Values are taken as int64.
 * Errors: NOT_FOUND (a column; the stored index), TYPE (not one integer an entry; stored indices of different columns), CORRUPT,
 * LIMIT (it takes more than the memory limit and 48 MB), NOMEM, what reading gives.
 */
VCOL_API vcol_status vcol_index_open(vcol_dataset *dataset, const char *major, const char *minor, vcol_index **out,
                                     vcol_error *err);
VCOL_API void vcol_index_close(vcol_index *index);

/* The entry of the data set that has these numbers; of several the first. Errors: NOT_FOUND. */
VCOL_API vcol_status vcol_index_find(const vcol_index *index, int64_t major, int64_t minor, int64_t *entry, vcol_error *err);

/* Entries that it knows. */
VCOL_API int64_t vcol_index_entries(const vcol_index *index);
/* What it is of: the columns' names, or expressions where the file says so. Borrowed. */
VCOL_API const char *vcol_index_major(const vcol_index *index);
VCOL_API const char *vcol_index_minor(const vcol_index *index);

#ifdef __cplusplus
}
#endif
#endif
