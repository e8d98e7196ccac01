/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the bytes of the sample's pages, one behind the other, of the sizes that its page lists say.
 */
#include "ntuple_part.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return ntuple_part_run(NTUPLE_MADE_PAGES, data, size);
}

/* Where the item of the second entry's alternative is: tags 0, 1 behind items 0, 0. */
static size_t switch_at(const made *m)
{
    static const uint8_t rows[24] = {[20] = 1};
    size_t at = 0;
    while (memcmp(m->data + at, rows, sizeof rows) || m->data[at + 24] || m->data[at + 32] != 2)
        at++;
    return at + 12;
}

/* Where the ends 3, 3, 4, 6 of the second cluster's inner lists are. */
static size_t ends_at(const made *m)
{
    static const uint8_t ends[32] = {[0] = 3, [8] = 3, [16] = 4, [24] = 6};
    size_t at = 0;
    while (memcmp(m->data + at, ends, sizeof ends))
        at++;
    return at;
}

int fuzz_seed(int i, made *out)
{
    if (!ntuple_part_seed(NTUPLE_MADE_PAGES, i, 5, out))
        return 0;
    if (i == 1) /* all ones: ends of lists beyond what there is, alternatives that there are not */
        for (size_t k = 0; k < out->n; k++)
            out->data[k] = 0xff;
    if (i == 3) /* the item of entry 1 of its alternative is no number that there could be: the first page of the switch column */
        out->data[switch_at(out) + 7] = 0xff;
    if (i == 4) { /* a list that ends at the smallest number there is */
        uint8_t *end = out->data + ends_at(out) + 8;
        memset(end, 0, 8);
        end[7] = 0x80;
    }
    if (i == 2) /* all zeros: empty lists where items are */
        for (size_t k = 0; k < out->n; k++)
            out->data[k] = 0;
    return 1;
}
