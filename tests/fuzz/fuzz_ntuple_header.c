/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the header's payload, in a file with the pages, page lists and footer of the sample.
 */
#include "ntuple_part.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return ntuple_part_run(NTUPLE_MADE_HEADER, data, size);
}

/* Where the items of the field "a" are counted: behind its name and type. */
static size_t lie_at(const made *m)
{
    static const char type[] = "std::array<float,3>";
    size_t at = 0;
    while (memcmp(m->data + at, type, sizeof type - 1))
        at++;
    return at + sizeof type - 1 + 4 + 4;
}

int fuzz_seed(int i, made *out)
{
    if (!ntuple_part_seed(NTUPLE_MADE_HEADER, i, 2, out))
        return 0;
    if (i == 1) /* an array of the sample has more items than there are */
        out->data[lie_at(out)] = 0xff;
    return 1;
}
