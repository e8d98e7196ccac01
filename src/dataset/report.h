/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress of a pass over a data set, for whoever walks over its chunks: loops, runs. */
#ifndef VCOL_DATASET_REPORT_H
#define VCOL_DATASET_REPORT_H

#include "dataset/dataset.h"

#include <vcol/progress.h>

typedef struct vcol__report {
    const vcol_dataset *dataset;
    vcol_progress_fn call; /* NULL: nobody wants to know */
    void *opaque;
    uint64_t read_before; /* bytes read from the data set before the pass */
    vcol_progress progress;
} vcol__report;

/* Begins a pass over so many entries. */
void vcol__report_begin(vcol__report *report, const vcol_dataset *d, int64_t entries, vcol_progress_fn call, void *opaque);
/* So many entries of it are done; bytes_total: what is known now. One thread at a time, no lock held. */
void vcol__report_done(vcol__report *report, int64_t entries, uint64_t bytes_total);
/* Stored bytes of n columns over so many entries, as a share of all. Under any lock. */
uint64_t vcol__report_total(const vcol_dataset *d, const int64_t *columns, int64_t n, int64_t entries);

#endif
