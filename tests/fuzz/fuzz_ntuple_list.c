/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the payload of the second cluster's page list, in a file with the other parts of the sample.
 */
#include "ntuple_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return ntuple_part_run(NTUPLE_MADE_LIST, data, size);
}

int fuzz_seed(int i, made *out)
{
    if (!ntuple_part_seed(NTUPLE_MADE_LIST, i, 2, out))
        return 0;
    if (i == 1) /* the cluster has more entries than there can be: summary's frame is 8 + 8 + 12 + 8 bytes in */
        out->data[8 + 12 + 8 + 8 + 5] = 0xff;
    return 1;
}
