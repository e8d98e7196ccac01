/* SPDX-License-Identifier: BSD-3-Clause */
/* ntuple_part.h */
#include "ntuple_part.h"

int ntuple_part_run(ntuple_part part, const uint8_t *data, size_t size)
{
    made_file f;
    made_ntuple(&f, part, data ? data : (const uint8_t *)"", size, 0, NULL);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

int ntuple_part_seed(ntuple_part part, int i, int n, made *out)
{
    made_file f;
    if (i >= n)
        return 0;
    made_ntuple(&f, part, NULL, 0, 0, out);
    made_file_free(&f);
    return 1;
}
