/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the payload of the second cluster's page list, in a file with the other parts of the sample.
 */
#include "fuzz.h"
#include "made_ntuple.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_file f;
    made_ntuple(&f, NTUPLE_MADE_LIST, data ? data : (const uint8_t *)"", size, 0, NULL);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    made_file f;
    if (i > 1)
        return 0;
    made_ntuple(&f, NTUPLE_MADE_LIST, NULL, 0, 0, out);
    made_file_free(&f);
    if (i == 1) /* the cluster has more entries than there can be: summary's frame is 8 + 8 + 12 + 8 bytes in */
        out->data[8 + 12 + 8 + 8 + 5] = 0xff;
    return 1;
}
