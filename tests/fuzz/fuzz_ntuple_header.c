/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the header's payload, in a file with the pages, page lists and footer of the sample.
 */
#include "fuzz.h"
#include "made_ntuple.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_file f;
    made_ntuple(&f, NTUPLE_MADE_HEADER, data ? data : (const uint8_t *)"", size, 0, NULL);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
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
    made_file f;
    if (i > 1)
        return 0;
    made_ntuple(&f, NTUPLE_MADE_HEADER, NULL, 0, 0, out);
    made_file_free(&f);
    if (i == 1) /* an array of the sample has more items than there are */
        out->data[lie_at(out)] = 0xff;
    return 1;
}
