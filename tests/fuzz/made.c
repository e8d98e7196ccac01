/* SPDX-License-Identifier: BSD-3-Clause */
/* Small ROOT files made in memory: see made.h. Layouts as in readers/root (FORMAT comments there). */
#include "made.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_BIT 0x40000000u
#define NEW_CLASS 0xffffffffu

enum { HEADER = 100, KEY = 26, OBJECT_BITS = 0x03000000 };

static const char TREE[] = "Events";

/* ---- bytes ------------------------------------------------------------------------------------- */

void made_free(made *m)
{
    free(m->data);
    *m = (made){0};
}

void made_fill(made *m, int byte, size_t n)
{
    if (m->n + n > m->capacity) {
        m->capacity = (m->n + n) * 2 + 256;
        m->data = realloc(m->data, m->capacity);
        if (!m->data)
            abort();
    }
    if (n)
        memset(m->data + m->n, byte, n);
    m->n += n;
}

void made_bytes(made *m, const void *data, size_t n)
{
    made_fill(m, 0, n);
    if (n)
        memcpy(m->data + m->n - n, data, n);
}

static void put(made *m, uint64_t v, int width)
{
    uint8_t bytes[8];
    for (int i = 0; i < width; i++)
        bytes[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
    made_bytes(m, bytes, (size_t)width);
}

void made_u8(made *m, unsigned v)
{
    put(m, v, 1);
}

void made_u16(made *m, unsigned v)
{
    put(m, v, 2);
}

void made_u32(made *m, uint32_t v)
{
    put(m, v, 4);
}

void made_u64(made *m, uint64_t v)
{
    put(m, v, 8);
}

void made_f32(made *m, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    made_u32(m, bits);
}

void made_text(made *m, const char *s)
{
    made_u8(m, (unsigned)strlen(s));
    made_bytes(m, s, strlen(s));
}

void made_set32(made *m, size_t at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        m->data[at + (size_t)i] = (uint8_t)(v >> (8 * (3 - i)));
}

size_t made_frame(made *m, unsigned version)
{
    size_t at = m->n;
    made_u32(m, 0);
    made_u16(m, version);
    return at;
}

void made_end(made *m, size_t frame)
{
    made_set32(m, frame, FRAME_BIT | (uint32_t)(m->n - frame - 4));
}

size_t made_object(made *m, const char *class_name)
{
    size_t at = m->n;
    made_u32(m, 0);
    made_u32(m, NEW_CLASS);
    made_bytes(m, class_name, strlen(class_name) + 1);
    return at;
}

static void object_head(made *m)
{
    made_u16(m, 1);
    made_u32(m, 0);
    made_u32(m, OBJECT_BITS);
}

void made_named(made *m, const char *name, const char *title)
{
    size_t frame = made_frame(m, 1);
    object_head(m);
    made_text(m, name);
    made_text(m, title);
    made_end(m, frame);
}

/* ---- files ------------------------------------------------------------------------------------- */

size_t made_key_size(const char *class_name, const char *name)
{
    return KEY + 3 + strlen(class_name) + strlen(name);
}

const char *made_basket_title = "";
const char *made_vector_class = "vector<float>";

static void titled_key(made *m, size_t nbytes, size_t objlen, size_t keylen, uint64_t seek, const char *class_name,
                       const char *name, const char *title)
{
    made_u32(m, (uint32_t)nbytes);
    made_u16(m, 4);
    made_u32(m, (uint32_t)objlen);
    made_u32(m, 0);
    made_u16(m, (unsigned)keylen);
    made_u16(m, 1);
    made_u32(m, (uint32_t)seek);
    made_u32(m, HEADER);
    made_text(m, class_name);
    made_text(m, name);
    made_text(m, title);
}

static void key(made *m, size_t nbytes, size_t objlen, size_t keylen, uint64_t seek, const char *class_name,
                const char *name)
{
    titled_key(m, nbytes, objlen, keylen, seek, class_name, name, "");
}

void made_file_begin(made_file *f, int large)
{
    made *m = &f->bytes;
    size_t keylen = made_key_size("TFile", "made.root"), fields = large ? 60 : 48;
    *f = (made_file){.large = large};
    made_fill(m, 0, HEADER);
    key(m, keylen + 11 + fields, 11 + fields, keylen, HEADER, "TFile", "made.root");
    made_text(m, "made.root");
    made_text(m, "");
    f->directory = m->n;
    made_fill(m, 0, fields);
}

size_t made_file_record(made_file *f, const char *class_name, const char *name, const void *payload, size_t n,
                        int listed)
{
    size_t at = f->bytes.n, keylen = made_key_size(class_name, name);
    key(&f->bytes, keylen + n, n, keylen, at, class_name, name);
    made_bytes(&f->bytes, payload, n);
    if (listed && f->n_keys < MADE_KEYS)
        f->keys[f->n_keys++] = at;
    return at;
}

void made_file_info(made_file *f, const void *payload, size_t n)
{
    f->info = made_file_record(f, "TList", "StreamerInfo", payload, n, 0);
    f->info_size = f->bytes.n - f->info;
}

/* Overwrites what lies at `at`. */
static void replace(made_file *f, size_t at, made *with)
{
    memcpy(f->bytes.data + at, with->data, with->n);
    made_free(with);
}

static void place(made *m, int large, uint64_t v)
{
    put(m, v, large ? 8 : 4);
}

void made_file_finish(made_file *f)
{
    size_t at = f->bytes.n, keylen = made_key_size("TFile", "made.root"), size;
    made m = {0};
    made_fill(&m, 0, keylen);
    made_u32(&m, (uint32_t)f->n_keys);
    for (int i = 0; i < f->n_keys; i++) {
        const uint8_t *image = f->bytes.data + f->keys[i];
        made_bytes(&m, image, (size_t)image[14] << 8 | image[15]);
    }
    size = m.n;
    made_bytes(&f->bytes, m.data, size);
    made_free(&m);
    key(&m, size, size - keylen, keylen, at, "TFile", "made.root");
    replace(f, at, &m);

    made_u16(&m, f->large ? 1005 : 5);
    made_u64(&m, 0);
    made_u32(&m, (uint32_t)size);
    made_u32(&m, (uint32_t)(f->directory - HEADER));
    place(&m, f->large, HEADER);
    place(&m, f->large, 0);
    place(&m, f->large, at);
    replace(f, f->directory, &m);

    made_bytes(&m, "root", 4);
    made_u32(&m, f->large ? 1062400 : 62400);
    made_u32(&m, HEADER);
    place(&m, f->large, f->bytes.n);
    place(&m, f->large, f->bytes.n);
    made_u32(&m, 0);
    made_u32(&m, 0);
    made_u32(&m, (uint32_t)(f->directory - HEADER));
    made_u8(&m, f->large ? 8 : 4);
    made_u32(&m, 0);
    place(&m, f->large, f->info);
    made_u32(&m, (uint32_t)f->info_size);
    replace(f, 0, &m);
}

void made_file_free(made_file *f)
{
    made_free(&f->bytes);
}

/* ---- baskets ------------------------------------------------------------------------------------- */

/* One entry of a branch. */
static void entry(made *m, int branch, int i)
{
    static const char *const words[] = {"", "a", "bcd", "", "efghij"};
    switch (branch) {
    case MADE_COUNT:
        made_u32(m, (uint32_t)(i % 3));
        break;
    case MADE_ITEMS:
        for (int k = 0; k < i % 3; k++)
            made_f32(m, (float)i + (float)k / 4);
        break;
    case MADE_FIXED:
        for (int k = 0; k < 3; k++)
            made_u16(m, (unsigned)(i * 3 + k));
        break;
    case MADE_LEAVES:
        made_u32(m, (uint32_t)i);
        made_u64(m, 0x3ff0000000000000u + (uint64_t)i);
        break;
    case MADE_RANGE:
        made_u32(m, (uint32_t)i * 1000);
        break;
    case MADE_BITS:
        made_u8(m, 127);
        made_u16(m, (unsigned)i * 100);
        break;
    case MADE_CHARS:
        if (words[i % 5][0])
            made_text(m, words[i % 5]);
        break;
    case MADE_STRING:
        made_text(m, words[i % 5]);
        break;
    case MADE_VECTOR: {
        size_t frame = made_frame(m, 10);
        made_u32(m, (uint32_t)(i % 4));
        for (int k = 0; k < i % 4; k++)
            made_f32(m, (float)(i + k));
        made_end(m, frame);
        break;
    }
    case MADE_ROWS:
        made_u32(m, (uint32_t)(i % 3));
        for (int k = 0; k < i % 3; k++)
            made_f32(m, (float)(10 * i + k));
        for (int k = 0; k < 2; k++)
            made_u16(m, (unsigned)(2 * i + k));
        for (int k = 0; k < 2 * (i % 3); k++)
            made_u64(m, 0x3ff0000000000000u + (uint64_t)(10 * i + k));
        break;
    default:
        made_u8(m, i % 2 ? 1 : 0);
        break;
    }
}

static int has_tail(int branch)
{
    return branch == MADE_ITEMS || branch == MADE_CHARS || branch == MADE_STRING || branch == MADE_VECTOR ||
           branch == MADE_ROWS;
}

enum { BASKET_HEAD = 19 };

static const char *const names[MADE_BRANCHES] = {"n", "x", "f", "ab", "d", "h", "s", "t", "v", "o", "r"};

static size_t basket_key(int branch)
{
    return made_key_size("TBasket", names[branch]) + strlen(made_basket_title) + BASKET_HEAD;
}

/* Content, and where each entry begins, behind a key of that length. */
static made content(int branch, size_t keylen, uint32_t *offsets)
{
    made m = {0};
    for (int i = 0; i < MADE_ENTRIES; i++) {
        offsets[i] = (uint32_t)(keylen + m.n);
        entry(&m, branch, i);
    }
    return m;
}

static void basket_head(made *m, int branch, size_t last, unsigned flag, int io_bits)
{
    uint32_t size = has_tail(branch) ? 1000 : 4;
    made_u16(m, 3);
    made_u32(m, 32000);
    made_u32(m, io_bits ? 0 - size : size);
    if (io_bits)
        made_u8(m, (unsigned)io_bits);
    made_u32(m, MADE_ENTRIES);
    made_u32(m, (uint32_t)last);
    made_u8(m, flag);
}

enum { PAD = 64 };

/*
 * With PAD zeros behind it, in a zstd frame of two blocks: the bytes as they are, and one byte repeated. For
 * less than 256 bytes in all.
 */
void made_pack(made *payload)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20};
    unsigned n = (unsigned)payload->n, raw = n << 3, repeated = 1 | 1 << 1 | PAD << 3;
    made out = {0};
    if (n + PAD > 255)
        abort();
    made_bytes(&out, "ZS\x01", 3);
    made_u8(&out, (unsigned)sizeof magic + 1 + 3 + n + 3 + 1);
    made_u16(&out, 0);
    made_u8(&out, n + PAD);
    made_u16(&out, 0);
    made_bytes(&out, magic, sizeof magic);
    made_u8(&out, n + PAD);
    for (int i = 0; i < 3; i++)
        made_u8(&out, raw >> (8 * i) & 0xff);
    made_bytes(&out, payload->data, n);
    for (int i = 0; i < 3; i++)
        made_u8(&out, repeated >> (8 * i) & 0xff);
    made_u8(&out, 0);
    made_free(payload);
    *payload = out;
}

size_t made_file_packed(made_file *f, const char *class_name, const char *name, const void *payload, size_t n)
{
    made packed = {0};
    size_t at;
    made_bytes(&packed, payload, n);
    made_pack(&packed);
    at = made_file_record(f, class_name, name, packed.data, packed.n, 1);
    made_set32(&f->bytes, at + 6, (uint32_t)(n + PAD)); /* fObjlen */
    made_free(&packed);
    return at;
}

void made_basket_record(made *m, int branch, uint64_t seek, made_how how)
{
    uint32_t offsets[MADE_ENTRIES];
    int io_bits = how == MADE_SIZES || how == MADE_GENERATED;
    size_t keylen = basket_key(branch) + (size_t)io_bits, last, objlen;
    made payload = content(branch, keylen, offsets);
    last = keylen + payload.n;
    if (has_tail(branch) && how != MADE_GENERATED) {
        made_u32(&payload, MADE_ENTRIES + 1);
        for (int i = 0; i < MADE_ENTRIES; i++)
            made_u32(&payload, how != MADE_SIZES ? offsets[i] : i ? offsets[i] - offsets[i - 1] : 0);
        made_u32(&payload, 0);
    }
    objlen = payload.n + (how == MADE_PACKED ? PAD : 0);
    if (how == MADE_PACKED)
        made_pack(&payload);
    titled_key(m, keylen + payload.n, objlen, keylen, seek, "TBasket", names[branch], made_basket_title);
    basket_head(m, branch, last, how == MADE_GENERATED ? 80 : 0, io_bits);
    made_bytes(m, payload.data, payload.n);
    made_free(&payload);
}

static void put_offsets(made *m, const uint32_t *offsets)
{
    made_u32(m, MADE_ENTRIES + 1);
    for (int i = 0; i < MADE_ENTRIES; i++)
        made_u32(m, offsets[i]);
    made_u32(m, 0);
}

void made_basket_moved(made *m, int branch, uint64_t seek, const made *entries, const uint32_t *moved)
{
    uint32_t offsets[MADE_ENTRIES];
    size_t keylen = basket_key(branch), last;
    made payload = {0};
    for (int i = 0; i < MADE_ENTRIES; i++) {
        offsets[i] = (uint32_t)(keylen + payload.n);
        made_bytes(&payload, entries[i].data, entries[i].n);
    }
    last = keylen + payload.n;
    put_offsets(&payload, offsets);
    if (moved)
        put_offsets(&payload, moved);
    titled_key(m, keylen + payload.n, payload.n, keylen, seek, "TBasket", names[branch], made_basket_title);
    basket_head(m, branch, last, 0, 0);
    made_bytes(m, payload.data, payload.n);
    made_free(&payload);
}

void made_basket_inside(made *m, int branch)
{
    uint32_t offsets[MADE_ENTRIES];
    size_t keylen = basket_key(branch), last;
    made payload = content(branch, keylen, offsets);
    last = keylen + payload.n;
    titled_key(m, last, payload.n, keylen, 0, "TBasket", names[branch], made_basket_title);
    basket_head(m, branch, last, has_tail(branch) ? 11 : 12, 0);
    if (has_tail(branch)) {
        made_u32(m, MADE_ENTRIES);
        for (int i = 0; i < MADE_ENTRIES; i++)
            made_u32(m, offsets[i]);
    }
    made_fill(m, 0, keylen);
    made_bytes(m, payload.data, payload.n);
    made_free(&payload);
}

/* ---- trees --------------------------------------------------------------------------------------- */

static void io_features(made *m)
{
    size_t frame = made_frame(m, 0);
    made_u32(m, 0x1aa12f10);
    made_u8(m, 0);
    made_end(m, frame);
}

size_t made_list_begin(made *m, int n)
{
    size_t frame = made_frame(m, 3);
    object_head(m);
    made_text(m, "");
    made_u32(m, (uint32_t)n);
    made_u32(m, 0);
    return frame;
}

static void empty_array(made *m)
{
    made_end(m, made_list_begin(m, 0));
}

typedef struct leaf_kind {
    const char *class_name, *name, *title;
    uint32_t len, width, extremes; /* bytes of fMinimum and fMaximum */
} leaf_kind;

static void leaf(made *m, const leaf_kind *kind, uint32_t counter)
{
    size_t object = made_object(m, kind->class_name), outer = made_frame(m, 1), inner = made_frame(m, 2);
    made_named(m, kind->name, kind->title);
    made_u32(m, kind->len);
    made_u32(m, kind->width);
    made_u32(m, 0);
    made_u8(m, 0);
    made_u8(m, 0);
    made_u32(m, counter);
    made_end(m, inner);
    made_fill(m, 0, kind->extremes);
    made_end(m, outer);
    made_end(m, object);
}

/* What references to the leaf that counts others of its branch, or of another, say. */
typedef struct tree_state {
    size_t base; /* the payload's first byte in the record, less where it is in the bytes */
    uint32_t counter;
} tree_state;

enum { MOST_LEAVES = 4 };

static void branch(made *m, int which, const made_basket *basket, int64_t entries, tree_state *state)
{
    static const leaf_kind kinds[MADE_BRANCHES][MOST_LEAVES] = {
        [MADE_COUNT] = {{"TLeafI", "n", "n", 1, 4, 8}},
        [MADE_ITEMS] = {{"TLeafF", "x", "x[n]", 1, 4, 8}},
        [MADE_FIXED] = {{"TLeafS", "f", "f[3]", 3, 2, 4}},
        [MADE_LEAVES] = {{"TLeafI", "a", "a", 1, 4, 8}, {"TLeafD", "b", "b", 1, 8, 16}},
        [MADE_RANGE] = {{"TLeafD32", "d", "d[0,10,16]", 1, 8, 16}},
        [MADE_BITS] = {{"TLeafF16", "h", "h", 1, 4, 8}},
        [MADE_CHARS] = {{"TLeafC", "s", "s", 7, 1, 8}},
        [MADE_STRING] = {{"TLeafElement", "t", "t", 1, 0, 8}},
        [MADE_VECTOR] = {{"TLeafElement", "v", "v", 1, 0, 8}},
        [MADE_BOOLS] = {{"TLeafO", "o", "o", 1, 1, 2}},
        [MADE_ROWS] = {{"TLeafI", "k", "k", 1, 4, 8},
                       {"TLeafF", "y", "y[k]", 1, 4, 8},
                       {"TLeafS", "z", "z[2]", 2, 2, 4},
                       {"TLeafD", "w", "w[k][2]", 2, 8, 16}},
    };
    enum { SLOTS = 10 };
    int element = which == MADE_STRING || which == MADE_VECTOR, inside = basket->size == 0;
    size_t object = made_object(m, element ? "TBranchElement" : "TBranch"),
           outer = element ? made_frame(m, 10) : 0;
    size_t frame = made_frame(m, 13), list;
    int n_leaves = 1;
    while (n_leaves < MOST_LEAVES && kinds[which][n_leaves].class_name)
        n_leaves++;
    made_named(m, names[which],
               which == MADE_LEAVES ? "a/I:b/D" : which == MADE_ROWS ? "k/I:y[k]/F:z[2]/S:w[k][2]/D" : kinds[which][0].title);
    list = made_frame(m, 2);
    made_u32(m, 0);
    made_end(m, list);
    made_u32(m, 0);
    made_u32(m, 32000);
    made_u32(m, has_tail(which) ? 1000 : 0);
    made_u32(m, inside ? 0 : 1); /* fWriteBasket */
    made_u64(m, (uint64_t)entries);
    io_features(m);
    made_u32(m, 0);
    made_u32(m, SLOTS);
    made_u32(m, 0);
    made_u64(m, (uint64_t)entries);
    made_u64(m, 0);
    made_u64(m, 200);
    made_u64(m, 150);
    empty_array(m);
    list = made_list_begin(m, n_leaves);
    for (int i = 0; i < n_leaves; i++) {
        int counts = which == MADE_COUNT || (which == MADE_ROWS && i == 0), counted = strchr(kinds[which][i].title, '[') &&
                                                                        strchr("kn", strchr(kinds[which][i].title, '[')[1]);
        if (counts)
            state->counter = (uint32_t)(state->base + m->n + 2);
        leaf(m, &kinds[which][i], counted ? state->counter : 0);
    }
    made_end(m, list);
    list = made_list_begin(m, inside);
    if (inside) {
        size_t slot = made_object(m, "TBasket");
        made_basket_inside(m, which);
        made_end(m, slot);
    }
    made_end(m, list);
    made_u8(m, 1);
    made_u32(m, basket->size);
    made_fill(m, 0, 4 * (SLOTS - 1));
    made_u8(m, 1);
    made_u64(m, 0);
    made_u64(m, inside ? 0 : (uint64_t)entries);
    made_fill(m, 0, 8 * (SLOTS - 2));
    made_u8(m, 1);
    made_u64(m, basket->seek);
    made_fill(m, 0, 8 * (SLOTS - 1));
    made_text(m, "");
    made_end(m, frame);
    if (element) {
        made_text(m, which == MADE_VECTOR ? made_vector_class : "string");
        made_text(m, "");
        made_text(m, "");
        made_u32(m, 0);
        made_u16(m, which == MADE_VECTOR ? 10 : 2);
        made_u32(m, NEW_CLASS); /* fID −1 */
        made_u32(m, 0);
        made_u32(m, NEW_CLASS);
        made_u32(m, 0);
        made_u32(m, 0);
        made_u32(m, 0);
        made_end(m, outer);
    }
    made_end(m, object);
}

size_t made_tree_begin(made *m, int64_t entries)
{
    size_t frame = made_frame(m, 20), list;
    made_named(m, TREE, "");
    for (int i = 0; i < 3; i++) { /* TAttLine, TAttFill, TAttMarker */
        list = made_frame(m, 2);
        made_fill(m, 0, i == 0 ? 6 : i == 1 ? 4 : 8);
        made_end(m, list);
    }
    made_u64(m, (uint64_t)entries);
    made_fill(m, 0, 4 * 8 + 8 + 4 * 4);
    made_u32(m, 1); /* fNClusterRange */
    made_fill(m, 0, 4 * 8);
    made_u64(m, 2); /* fAutoFlush */
    made_u64(m, 0);
    made_u8(m, 1);
    made_u64(m, 2); /* the first range: 3 entries, clusters of 3 */
    made_u8(m, 1);
    made_u64(m, 3);
    io_features(m);
    return frame;
}

void made_tree_index(made *m, unsigned version, const char *major, const char *minor, const int64_t *majors,
                     const int64_t *minors, const int64_t *entries, int n)
{
    size_t object, frame, base;
    made_fill(m, 0, 4 + 2 * 4); /* fAliases, fIndexValues, fIndex */
    object = made_object(m, "TTreeIndex");
    frame = made_frame(m, version);
    base = made_frame(m, 1);
    made_named(m, "", "");
    made_end(m, base);
    made_text(m, major);
    made_text(m, minor);
    made_u64(m, (uint64_t)n);
    for (int i = 0; i < n; i++)
        made_u64(m, version > 1 ? (uint64_t)majors[i] : (uint64_t)majors[i] << 31 | (uint64_t)minors[i]);
    for (int i = 0; i < n && version > 1; i++)
        made_u64(m, (uint64_t)minors[i]);
    for (int i = 0; i < n; i++)
        made_u64(m, (uint64_t)entries[i]);
    made_end(m, frame);
    made_end(m, object);
    made_fill(m, 0, 3 * 4); /* fFriends, fUserInfo, fBranchRef */
}

void made_tree_sums(made *m, const double *sums, const int64_t *entries, int n)
{
    made_fill(m, 0, 4); /* fAliases */
    made_u32(m, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &sums[i], sizeof bits);
        made_u64(m, bits);
    }
    made_u32(m, (uint32_t)n);
    for (int i = 0; i < n; i++)
        made_u32(m, (uint32_t)entries[i]);
    made_fill(m, 0, 4 * 4); /* fTreeIndex, fFriends, fUserInfo, fBranchRef */
}

void made_tree_friend(made *m, const char *name, const char *path, const char *tree)
{
    size_t list, frame, element, inner;
    made_fill(m, 0, 4 + 2 * 4 + 4); /* fAliases, fIndexValues, fIndex, fTreeIndex */
    list = made_object(m, "TList");
    frame = made_frame(m, 5);
    object_head(m);
    made_text(m, "");
    made_u32(m, 1);
    element = made_object(m, "TFriendElement");
    inner = made_frame(m, 2);
    made_named(m, name, path);
    made_text(m, tree);
    made_u8(m, 0);
    made_end(m, inner);
    made_end(m, element);
    made_text(m, ""); /* the list's option */
    made_end(m, frame);
    made_end(m, list);
    made_fill(m, 0, 2 * 4); /* fUserInfo, fBranchRef */
}

void made_tree(made *m, const made_basket *baskets, int64_t entries)
{
    made none = {0};
    made_tree_with(m, baskets, entries, &none);
}

void made_tree_with(made *m, const made_basket *baskets, int64_t entries, const made *rest)
{
    tree_state state = {made_key_size("TTree", TREE) - m->n, 0};
    size_t frame = made_tree_begin(m, entries), list = made_list_begin(m, MADE_BRANCHES);
    for (int i = 0; i < MADE_BRANCHES; i++)
        branch(m, i, &baskets[i], entries, &state);
    made_end(m, list);
    empty_array(m);
    if (rest->n)
        made_bytes(m, rest->data, rest->n);
    else
        made_fill(m, 0, 8 + 4 * 8);
    made_end(m, frame);
}

made_file made_with(const made *rest)
{
    made_basket baskets[MADE_BRANCHES] = {0};
    made_file f;
    made tree = {0};
    made_file_begin(&f, 0);
    made_tree_with(&tree, baskets, MADE_ENTRIES, rest);
    made_file_record(&f, "TTree", TREE, tree.data, tree.n, 1);
    made_free(&tree);
    made_file_finish(&f);
    return f;
}

void made_sample(made_file *f, int large, int inside)
{
    made_basket baskets[MADE_BRANCHES] = {0};
    made tree = {0};
    made_file_begin(f, large);
    for (int i = 0; i < MADE_BRANCHES && !inside; i++) {
        baskets[i].seek = f->bytes.n;
        made_basket_record(&f->bytes, i, f->bytes.n, MADE_PLAIN);
        baskets[i].size = (uint32_t)(f->bytes.n - baskets[i].seek);
    }
    made_tree(&tree, baskets, MADE_ENTRIES);
    made_file_record(f, "TTree", TREE, tree.data, tree.n, 1);
    made_free(&tree);
    made_file_finish(f);
}

/* ---- streamer information -------------------------------------------------------------------------- */

static void streamer_element(made *m, const char *class_name, const char *name, const char *title,
                             uint32_t type, uint32_t length, const char *type_name)
{
    size_t object = made_object(m, class_name), outer = made_frame(m, 2), inner = made_frame(m, 4);
    made_named(m, name, title);
    made_u32(m, type);
    made_u32(m, 4);
    made_u32(m, length);
    made_u32(m, length ? 1 : 0);
    made_u32(m, length);
    made_fill(m, 0, 16);
    made_text(m, type_name);
    made_end(m, inner);
    if (type == 0)
        made_u32(m, 2); /* fBaseVersion */
    if (!strcmp(class_name, "TStreamerSTL")) {
        made_u32(m, 1); /* fSTLtype: vector */
        made_u32(m, strcmp(type_name, "vector<float>") ? 61 : 5);
    }
    if ((type > 40 && type < 60) || type == 501) { /* the title is "[what counts]" */
        char counter[16] = "";
        for (size_t i = 0; i + 1 < sizeof counter && title[i] && title[i + 1] != ']'; i++)
            counter[i] = title[i + 1];
        made_u32(m, 1);
        made_text(m, counter);
        made_text(m, type == 501 ? "Held" : "Made");
    }
    made_end(m, outer);
    made_end(m, object);
}

/* One class's information, with so many elements; info_end ends it. */
typedef struct info {
    size_t object, inner, slot, list;
} info;

static info info_begin(made *m, const char *name, uint32_t checksum, uint32_t version, uint32_t elements)
{
    info f;
    f.object = made_object(m, "TStreamerInfo");
    f.inner = made_frame(m, 9);
    made_named(m, name, "");
    made_u32(m, checksum);
    made_u32(m, version);
    f.slot = made_object(m, "TObjArray");
    f.list = made_list_begin(m, elements);
    return f;
}

static void info_end(made *m, info f)
{
    made_end(m, f.list);
    made_end(m, f.slot);
    made_end(m, f.inner);
    made_end(m, f.object);
    made_u8(m, 0);
}

void made_info(made *m)
{
    size_t frame = made_frame(m, 5);
    info f;
    object_head(m);
    made_text(m, "");
    made_u32(m, 5);

    f = info_begin(m, "TLeafI", 0x7e6aae19, 1, 3);
    streamer_element(m, "TStreamerBase", "TLeaf", "", 0, 0, "BASE");
    streamer_element(m, "TStreamerBasicType", "fMinimum", "", 3, 0, "int");
    streamer_element(m, "TStreamerBasicType", "fMaximum", "", 3, 0, "int");
    info_end(m, f);

    f = info_begin(m, "Made", 0x12345678, 3, 7);
    streamer_element(m, "TStreamerBase", "TObject", "", 66, 0, "BASE");
    streamer_element(m, "TStreamerBasicType", "fN", "", 6, 0, "int");
    streamer_element(m, "TStreamerBasicPointer", "fValues", "[fN]", 45, 0, "float*");
    streamer_element(m, "TStreamerBasicType", "fD", "[0,1,12]", 29, 3, "Double32_t");
    streamer_element(m, "TStreamerString", "fName", "", 65, 0, "TString");
    streamer_element(m, "TStreamerSTL", "fVector", "", 500, 0, "vector<float>");
    streamer_element(m, "TStreamerObjectPointer", "fNext", "", 64, 0, "Made*");
    info_end(m, f);

    /* what holds others in all ways; a class derived from it; a collection of its own kind */
    f = info_begin(m, "Held", 0x23456789, 2, 12);
    streamer_element(m, "TStreamerBase", "Made", "", 0, 0, "BASE");
    streamer_element(m, "TStreamerBasicType", "fCount", "", 6, 0, "int");
    streamer_element(m, "TStreamerObjectPointer", "fOne", "", 64, 0, "Made*");
    streamer_element(m, "TStreamerObjectPointer", "fTwo", "", 64, 2, "TClonesArray*");
    streamer_element(m, "TStreamerObject", "fArray", "", 61, 0, "TObjArray");
    streamer_element(m, "TStreamerObject", "fList", "", 61, 0, "TList");
    streamer_element(m, "TStreamerObjectAny", "fRef", "", 62, 0, "TRef");
    streamer_element(m, "TStreamerObjectAny", "fRefs", "", 62, 0, "TRefArray");
    streamer_element(m, "TStreamerLoop", "fLoop", "[fCount]", 501, 0, "Made*");
    streamer_element(m, "TStreamerLoop", "fLoops", "[fCount]", 501, 0, "Made**");
    streamer_element(m, "TStreamerSTL", "fMade", "", 500, 0, "vector<Made>");
    streamer_element(m, "TStreamerSTL", "fTexts", "", 500, 2, "string");
    info_end(m, f);
    f = info_begin(m, "Derived", 0x3456789a, 1, 2);
    streamer_element(m, "TStreamerBase", "Made", "", 0, 0, "BASE");
    streamer_element(m, "TStreamerBasicType", "fMore", "", 3, 0, "int");
    info_end(m, f);
    f = info_begin(m, "Own", 0x456789ab, 1, 1);
    streamer_element(m, "TStreamerSTL", "This", "<Derived> Used to call the proper TStreamerInfo case", 500, 0, "Own");
    info_end(m, f);
    made_end(m, frame);
}

void made_info_counted(made *m)
{
    size_t frame = made_frame(m, 5);
    info f;
    object_head(m);
    made_text(m, "");
    made_u32(m, 5);
    f = info_begin(m, "Counted", 0x56789abc, 1, 4); /* by a member of its base */
    streamer_element(m, "TStreamerBase", "Made", "", 0, 0, "BASE");
    streamer_element(m, "TStreamerBasicType", "fFirst", "", 3, 0, "int");
    streamer_element(m, "TStreamerBasicPointer", "fExtra", "[fN]", 43, 0, "int*");
    streamer_element(m, "TStreamerBasicType", "fLast", "", 3, 0, "int");
    info_end(m, f);
    f = info_begin(m, "TMatrixT<double>", 0x6789abcd, 4, 2);
    streamer_element(m, "TStreamerBase", "TMatrixTBase<double>", "", 0, 0, "BASE");
    streamer_element(m, "TStreamerBasicPointer", "fElements", "[fNelems]", 48, 0, "double*");
    info_end(m, f);
    f = info_begin(m, "Matrices", 0x789abcde, 1, 5);
    streamer_element(m, "TStreamerBasicType", "fN", "", 6, 0, "int");
    streamer_element(m, "TStreamerObject", "fSymmetric", "", 61, 0, "TMatrixTSym<double>");
    streamer_element(m, "TStreamerObject", "fMatrix", "", 61, 0, "TMatrixT<double>");
    streamer_element(m, "TStreamerBasicPointer", "fValues", "[fN]", 45, 0, "float*");
    streamer_element(m, "TStreamerObjectPointer", "fPointer", "", 64, 0, "TMatrixTSym<float>*");
    info_end(m, f);
    f = info_begin(m, "Bare", 0x89abcdef, 1, 0);
    info_end(m, f);
    f = info_begin(m, "Bares", 0x9abcdef0, 1, 4);
    streamer_element(m, "TStreamerBasicType", "fCount", "", 6, 0, "int");
    streamer_element(m, "TStreamerLoop", "fBare", "[fCount]", 501, 0, "Bare*");
    streamer_element(m, "TStreamerLoop", "fUnknown", "[fCount]", 501, 0, "Unknown*");
    streamer_element(m, "TStreamerBasicType", "fLast", "", 3, 0, "int");
    info_end(m, f);
    made_end(m, frame);
}

void made_info_lies(made *m)
{
    size_t frame = made_frame(m, 5);
    object_head(m);
    made_text(m, "");
    made_u32(m, 1);
    info f = info_begin(m, "TTree", 0x7264e07f, 20, 7);
    streamer_element(m, "TStreamerBasicType", "fEntries", "", 16, 0, "Long64_t");
    streamer_element(m, "TStreamerObjectAny", "fIndexValues", "", 62, 0, "TArrayD");
    streamer_element(m, "TStreamerBasicType", "fIndexValues", "", 16, 0, "Long64_t");
    streamer_element(m, "TStreamerObjectAny", "fAutoFlush", "", 62, 0, "TArrayD");
    streamer_element(m, "TStreamerObjectAny", "fIndex", "", 62, 0, "TArrayC");
    streamer_element(m, "TStreamerString", "fTotBytes", "", 65, 0, "TString");
    streamer_element(m, "TStreamerBasicType", "fBranches", "", 16, 0, "Long64_t");
    info_end(m, f);
    made_end(m, frame);
}

void made_info_arrays(made *m)
{
    size_t frame = made_frame(m, 5);
    object_head(m);
    made_text(m, "");
    made_u32(m, 4);
    info f = info_begin(m, "Arrays", 0x01020304, 1, 4);
    streamer_element(m, "TStreamerString", "fT", "", 85, 2, "TString");
    streamer_element(m, "TStreamerSTL", "fV", "", 500, 2, "vector<int>");
    streamer_element(m, "TStreamerSTL", "fM", "", 500, 2, "map<int,int>");
    streamer_element(m, "TStreamerObjectAny", "fA", "", 82, 2, "vector<int>");
    info_end(m, f);
    f = info_begin(m, "pair<int,int>", 0x05060708, 0, 2);
    streamer_element(m, "TStreamerBasicType", "first", "", 3, 0, "int");
    streamer_element(m, "TStreamerBasicType", "second", "", 3, 0, "int");
    info_end(m, f);
    f = info_begin(m, "Versions", 0x11121314, 1, 1);
    streamer_element(m, "TStreamerBasicType", "fA", "", 3, 0, "int");
    info_end(m, f);
    f = info_begin(m, "Versions", 0x21222324, 2, 2);
    streamer_element(m, "TStreamerBasicType", "fB", "", 8, 0, "double");
    streamer_element(m, "TStreamerBasicType", "fA", "", 3, 0, "int");
    info_end(m, f);
    made_end(m, frame);
}
