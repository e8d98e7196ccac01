/* SPDX-License-Identifier: BSD-3-Clause */
/* The sample file (VCOL_SAMPLE, without the table's name), in memory, through sources that count, in a manager of its own. */
#ifndef VCOL_TESTS_SAMPLE_H
#define VCOL_TESTS_SAMPLE_H

#include "helpers.h"

enum { SAMPLE_FILES = 2, SAMPLE_STEPPED = -1 };

typedef struct sample {
    t_allocator allocator;
    t_executor e;
    t_source source[SAMPLE_FILES];
    vcol_source *opened[SAMPLE_FILES];
    vcol_manager *m;
    vcol_dataset *d; /* NULL where it does not open */
} sample;

/*
 * A data set of the file `files` times, named "one", "two". threads 0 = no background work; SAMPLE_STEPPED = an executor that is
 * stepped. The rest of the manager is as o says, of the data set as d does (NULL: nothing); it answers `want`.
 */
sample *sample_open(int threads, vcol_manager_options o, int files, const vcol_dataset_options *d, vcol_status want,
                    vcol_error *err);
/* Ends what is still queued, and closes; nothing must be left. */
void sample_close(sample *s);

#endif
