/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streamer information. Input: the payload of the StreamerInfo record of a file with a good tree, which is
 * then walked by the descriptions that come out of it.
 */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_basket none[MADE_BRANCHES] = {0};
    made_file f;
    made tree = {0};
    made_file_begin(&f, 0);
    made_file_info(&f, data, size);
    made_tree(&tree, none, MADE_ENTRIES);
    made_file_record(&f, "TTree", "Events", tree.data, tree.n, 1);
    made_file_finish(&f);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_free(&tree);
    made_file_free(&f);
    return 0;
}

/* Where a text with its length stands. */
static size_t find(const made *m, const char *text)
{
    size_t n = strlen(text), at = 0;
    while (at + 1 + n < m->n && !(m->data[at] == n && !memcmp(m->data + at + 1, text, n)))
        at++;
    FUZZ_RULE(at + 1 + n < m->n);
    return at;
}

/*
 * 0 what made_info makes; 1 the list of TLeafI's elements has another kind of frame, so that it has none and a leaf no name;
 * 2, 3 the element fMinimum has the lowest type that there is, or the last from which 40 cannot be subtracted in 32 bits
 */
int fuzz_seed(int i, made *out)
{
    if (i >= 4)
        return 0;
    made_info(out);
    if (i == 1)
        made_set32(out, find(out, "TLeafI") + 7 + 1 + 8, 0x0100015f);
    if (i >= 2) /* behind its name: an empty title */
        made_set32(out, find(out, "fMinimum") + 9 + 1, i == 2 ? 0x80000000 : 0x80000000 + 39);
    return 1;
}
