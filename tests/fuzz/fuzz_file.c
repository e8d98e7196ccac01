/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first door: file header, keys, directories, and the records that only verification reads. Input: a byte of
 * choices, then
 *     0      a whole file
 *     1, 2   what follows a good header (small, large): the root directory's fields at once, its key list
 *            wherever they say
 *     3, 4   a key list and what follows it, behind a good header and root directory
 *     5      what the directory says of a record's unpacked size (4 bytes) and the record's payload, as an object's and
 *            as the streamer information's
 * and 128 more: what then is a whole file was not closed, and is recovered.
 */
#include "fuzz.h"
#include "made_split.h"

enum { RECOVER = 128 };
enum { WHOLE, DIRECTORY, DIRECTORY_LARGE, KEYS, KEYS_LARGE, RECORD, KINDS };

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

static void one_record(made_file *f, const uint8_t *data, size_t n)
{
    uint32_t objlen = 0;
    size_t at;
    for (int i = 0; i < 4; i++)
        objlen = objlen << 8 | (i < (int)n ? data[i] : 0);
    data += n < 4 ? n : 4;
    n -= n < 4 ? n : 4;
    made_file_begin(f, 0);
    at = made_file_record(f, "TNamed", "made", data, n, 1);
    made_set32(&f->bytes, at + 6, objlen);
    made_file_info(f, data, n);
    made_set32(&f->bytes, f->info + 6, objlen);
    made_file_finish(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_file f = {0};
    void (*read)(const uint8_t *, size_t);
    int kind;
    if (size < 1)
        return 0;
    kind = data[0] % RECOVER % KINDS;
    read = data[0] & RECOVER ? fuzz_recovered : fuzz_file;
    if (kind == WHOLE) {
        read(data + 1, size - 1);
        return 0;
    }
    if (kind == DIRECTORY || kind == DIRECTORY_LARGE)
        behind_header(&f, kind == DIRECTORY_LARGE, data + 1, size - 1);
    else if (kind == RECORD)
        one_record(&f, data + 1, size - 1);
    else
        behind_directory(&f, kind == KEYS_LARGE, data + 1, size - 1);
    read(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

/* A file of other records than trees: two cycles of one tree, an empty directory, objects as they are and packed. */
static void records_sample(made_file *f, int large)
{
    static const uint8_t zeros[64] = {0};
    made info = {0};
    made_info(&info);
    made_file_begin(f, large);
    for (int cycle = 2; cycle > 0; cycle--) {
        size_t at = made_file_record(f, "TTree", "Old", zeros, 9, 1);
        f->bytes.data[at + 17] = (uint8_t)cycle; /* fCycle */
    }
    made_file_record(f, "TDirectory", "made", zeros, large ? 60 : 48, 1);
    made_file_record(f, "TNamed", "plain", "payload", 7, 1);
    made_file_packed(f, "TH1F", "packed", "payload", 7);
    made_file_info(f, info.data, info.n);
    made_file_finish(f);
    made_free(&info);
}

/* A file with arrays in the items of a split collection, whose lengths another branch says; one item has no values. */
static void split_sample(made_file *f, int clones)
{
    static const int32_t items[] = {2, 0, 1, 3, 1};
    static const made_hit hits[] = {{2, 1, 2}, {3, 0, 0}, {0, 0, 0}, {1, 1, 1}, {-1, 1, 0}, {4, 1, 4}, {1, 1, 1}};
    const made_split split = {.entries = 5, .items = items, .hits = hits, .baskets = {5, 5, 3, 5}, .clones = clones};
    *f = made_split_file(&split);
}

/*
 * 0–3 the sample, small and large, whole and behind its header; 4, 5 other records, small and large; 6 the same, but the
 * records' keys say other sizes, cycles, places, names and classes than the directory's; 7, 8 a packed record, good and of
 * another size than is said; 9, 10 the sample and other records, as files that were not closed; 11, 12
 * arrays in split collections
 */
int fuzz_seed(int i, made *out)
{
    made_file f;
    if (i >= 13)
        return 0;
    if (i >= 11)
        split_sample(&f, i == 12);
    else if (i < 4 || i == 9)
        made_sample(&f, i % 2, i < 4 ? i / 2 : 0);
    else
        records_sample(&f, i == 5);
    if (i == 6) {
        static const int where[] = {9, 17, 21, 30};
        for (int k = 0; k < f.n_keys; k++)
            f.bytes.data[f.keys[k] + (size_t)where[k % 4]] ^= 1;
        f.bytes.data[f.info + 9] ^= 1;
    }
    if (i < 2 || (i >= 4 && i < 7) || i >= 9) {
        made_u8(out, i == 9 || i == 10 ? RECOVER + WHOLE : WHOLE);
        made_bytes(out, f.bytes.data, f.bytes.n);
    } else if (i < 4) {
        made_u8(out, i == 2 ? DIRECTORY : DIRECTORY_LARGE);
        made_bytes(out, f.bytes.data + f.directory, f.bytes.n - f.directory);
    } else {
        size_t at = f.keys[4] + made_key_size("TH1F", "packed");
        made_u8(out, RECORD);
        made_bytes(out, f.bytes.data + f.keys[4] + 6, 4);
        out->data[4] ^= i == 8;
        made_bytes(out, f.bytes.data + at, f.info - at);
    }
    made_file_free(&f);
    return 1;
}
