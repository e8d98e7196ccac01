/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the footer's payload, in a file with the header, pages and page lists of the sample.
 */
#include "fuzz.h"
#include "made_ntuple.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_file f;
    made_ntuple(&f, NTUPLE_MADE_FOOTER, data ? data : (const uint8_t *)"", size, 0, NULL);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    made_file f;
    if (i > 0)
        return 0;
    made_ntuple(&f, NTUPLE_MADE_FOOTER, NULL, 0, 0, out);
    made_file_free(&f);
    return 1;
}
