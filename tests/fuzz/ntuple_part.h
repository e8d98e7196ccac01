/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzz targets of an RNTuple's parts share: the part is the input, all else is the sample's. */
#ifndef FUZZ_NTUPLE_PART_H
#define FUZZ_NTUPLE_PART_H

#include "fuzz.h"
#include "made_ntuple.h"

/* fuzz_file of the sample with the part as given; 0. */
int ntuple_part_run(ntuple_part part, const uint8_t *data, size_t size);
/* Seed i of n: appends the part as the sample has it, which the target may then change. 0 = there is none, else 1. */
int ntuple_part_seed(ntuple_part part, int i, int n, made *out);

#endif
