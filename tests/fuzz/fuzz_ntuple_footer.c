/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the footer's payload, in a file with the header, pages and page lists of the sample.
 */
#include "ntuple_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return ntuple_part_run(NTUPLE_MADE_FOOTER, data, size);
}

int fuzz_seed(int i, made *out)
{
    return ntuple_part_seed(NTUPLE_MADE_FOOTER, i, 1, out);
}
