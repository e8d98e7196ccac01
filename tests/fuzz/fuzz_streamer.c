/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streamer information. Input: the payload of the StreamerInfo record of a file with a good tree, which is
 * then walked by the descriptions that come out of it.
 */
#include "fuzz.h"

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

int fuzz_seed(int i, made *out)
{
    if (i == 0)
        made_info(out);
    return i == 0;
}
