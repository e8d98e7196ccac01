/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first door: file header, keys, directories. Input: a byte of choices, then
 *     0      a whole file
 *     1, 2   what follows a good header (small, large): the root directory's fields at once, its key list
 * wherever they say 3, 4   a key list and what follows it, behind a good header and root directory
 */
#include "fuzz.h"

enum { WHOLE, DIRECTORY, DIRECTORY_LARGE, KEYS, KEYS_LARGE, KINDS };

static void behind_header(made_file *f, int large, const uint8_t *data, size_t n)
{
    made_file_begin(f, large);
    made_file_finish(f);
    f->bytes.n = f->directory;
    made_bytes(&f->bytes, data, n);
}

/* The key list's payload; counts are the input's. */
static void behind_directory(made_file *f, int large, const uint8_t *data, size_t n)
{
    size_t payload;
    made_file_begin(f, large);
    made_file_finish(f);
    payload = f->bytes.n - 4; /* the list was empty: only its count */
    f->bytes.n = payload;
    made_bytes(&f->bytes, data, n);
    /* fNbytesKeys stands in the directory's fields behind the version and two dates */
    made_set32(&f->bytes, f->directory + 10, (uint32_t)(made_key_size("TFile", "made.root") + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_file f = {0};
    int kind;
    if (size < 1)
        return 0;
    kind = data[0] % KINDS;
    if (kind == WHOLE) {
        fuzz_file(data + 1, size - 1);
        return 0;
    }
    if (kind == DIRECTORY || kind == DIRECTORY_LARGE)
        behind_header(&f, kind == DIRECTORY_LARGE, data + 1, size - 1);
    else
        behind_directory(&f, kind == KEYS_LARGE, data + 1, size - 1);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    made_file f;
    if (i >= 4)
        return 0;
    made_sample(&f, i % 2, i / 2);
    if (i < 2) {
        made_u8(out, WHOLE);
        made_bytes(out, f.bytes.data, f.bytes.n);
    } else {
        made_u8(out, i == 2 ? DIRECTORY : DIRECTORY_LARGE);
        made_bytes(out, f.bytes.data + f.directory, f.bytes.n - f.directory);
    }
    made_file_free(&f);
    return 1;
}
