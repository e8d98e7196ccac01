/* SPDX-License-Identifier: BSD-3-Clause */
/* A small RNTuple made in memory: see made_ntuple.h. */
#include "made_ntuple.h"

#include <vcol/reader.h>

#include <stdlib.h>
#include <string.h>

/* ---- bytes ------------------------------------------------------------------------------------- */

static void le(made *m, uint64_t v, int width)
{
    for (int i = 0; i < width; i++)
        made_u8(m, (unsigned)(v >> 8 * i & 0xff));
}

static void set_le(made *m, size_t at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        m->data[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

static void string(made *m, const char *s)
{
    le(m, strlen(s), 4);
    made_bytes(m, s, strlen(s));
}

/* A record frame, or a list frame of n items; to be ended by end_frame. */
static size_t begin_frame(made *m)
{
    size_t at = m->n;
    le(m, 0, 8);
    return at;
}

static size_t begin_list(made *m, uint64_t n)
{
    size_t at = begin_frame(m);
    le(m, n, 4);
    return at;
}

static void end_frame(made *m, size_t at)
{
    set_le(m, at, m->n - at);
}

static void end_list(made *m, size_t at)
{
    set_le(m, at, 0 - (uint64_t)(m->n - at));
}

/* ---- pages ------------------------------------------------------------------------------------- */

enum { BIT = 0, SPLIT_FIRST = 0x11, SPLIT_LAST = 0x1b, SWITCH = 0x10, TRUNC = 0x1c, QUANT = 0x1d };

static int is_zigzag(unsigned type)
{
    return type == 0x11 || type == 0x13 || type == 0x15;
}

static int is_delta(unsigned type)
{
    return type == 0x1a || type == 0x1b;
}

static void put_bits(made *m, size_t at, uint64_t bit, unsigned bits, uint64_t v)
{
    for (unsigned b = 0; b < bits; b++)
        if (v >> b & 1)
            m->data[at + (bit + b) / 8] |= (uint8_t)(1u << (bit + b) % 8);
}

void made_page(made *m, unsigned type, unsigned bits, const uint64_t *raw, size_t n)
{
    size_t at = m->n, width = bits / 8;
    made_fill(m, 0, (n * bits + 7) / 8);
    for (size_t i = 0; i < n; i++) {
        uint64_t v = raw[i];
        if (type == BIT || type == QUANT || type == TRUNC) {
            put_bits(m, at, (uint64_t)i * bits, bits, type == TRUNC ? v >> (32 - bits) : v);
            continue;
        }
        if (type == SWITCH) {
            for (size_t b = 0; b < 8; b++)
                m->data[at + 12 * i + b] = (uint8_t)(v >> 8 >> 8 * b);
            m->data[at + 12 * i + 8] = (uint8_t)v;
            continue;
        }
        if (is_zigzag(type))
            v = v << 1 ^ (v >> 63 ? UINT64_MAX : 0);
        if (is_delta(type) && i > 0)
            v -= raw[i - 1];
        for (size_t b = 0; b < width; b++)
            m->data[at + (type >= SPLIT_FIRST && type <= SPLIT_LAST ? b * n + i : i * width + b)] = (uint8_t)(v >> 8 * b);
    }
}

/* ---- the sample -------------------------------------------------------------------------------- */

enum { TOP = -1 };
enum { ROLE_PLAIN, ROLE_COLLECTION, ROLE_RECORD, ROLE_VARIANT, ROLE_STREAMER };
enum { REPETITIVE = 1, PROJECTED = 2 };

static const struct {
    int parent;
    unsigned role, flags, number; /* items of an array, or source of a projection */
    const char *name, *type;
} fields[] = {
    {TOP, ROLE_PLAIN, 0, 0, "i", "std::int32_t"},
    {TOP, ROLE_PLAIN, 0, 0, "f", "float"},
    {TOP, ROLE_PLAIN, 0, 0, "b", "bool"},
    {TOP, ROLE_COLLECTION, 0, 0, "v", "std::vector<float>"},
    {3, ROLE_PLAIN, 0, 0, "_0", "float"},
    {TOP, ROLE_COLLECTION, 0, 0, "vv", "std::vector<std::vector<std::int16_t>>"},
    {5, ROLE_COLLECTION, 0, 0, "_0", "std::vector<std::int16_t>"},
    {6, ROLE_PLAIN, 0, 0, "_0", "std::int16_t"},
    {TOP, ROLE_PLAIN, 0, 0, "s", "std::string"},
    {TOP, ROLE_COLLECTION, 0, 0, "o", "std::optional<std::int32_t>"},
    {9, ROLE_PLAIN, 0, 0, "_0", "std::int32_t"},
    {TOP, ROLE_VARIANT, 0, 0, "u", "std::variant<std::int32_t,double>"},
    {11, ROLE_PLAIN, 0, 0, "_0", "std::int32_t"},
    {11, ROLE_PLAIN, 0, 0, "_1", "double"},
    {TOP, ROLE_PLAIN, REPETITIVE, 3, "a", "std::array<float,3>"},
    {14, ROLE_PLAIN, 0, 0, "_0", "float"},
    {TOP, ROLE_COLLECTION, PROJECTED, 3, "w", "std::vector<float>"},
    {16, ROLE_PLAIN, PROJECTED, 4, "_0", "float"},
    {TOP, ROLE_PLAIN, PROJECTED, 3, "nv", "ROOT::RNTupleCardinality<std::uint32_t>"},
    {TOP, ROLE_RECORD, 0, 0, "r", "R"},
    {19, ROLE_PLAIN, 0, 0, "x", "std::uint64_t"},
    {19, ROLE_RECORD, 0, 0, ":_0", "Base"},
    {21, ROLE_PLAIN, 0, 0, "y", "float"},
    {TOP, ROLE_PLAIN, REPETITIVE, 80, "z", "std::array<std::uint8_t,80>"},
    {23, ROLE_PLAIN, 0, 0, "_0", "std::uint8_t"},
    /* from here on in the footer */
    {TOP, ROLE_PLAIN, 0, 0, "late", "std::uint8_t"},
    {TOP, ROLE_COLLECTION, 0, 0, "latev", "std::vector<std::int8_t>"},
    {26, ROLE_PLAIN, 0, 0, "_0", "std::int8_t"},
    {TOP, ROLE_STREAMER, 0, 0, "t", "TObj"},
};
enum { N_FIELDS = sizeof fields / sizeof *fields, FOOTER_FIELD = 25 };

enum {
    C_I, C_F, C_F2, C_B, C_V, C_V0, C_VV, C_VV0, C_VV00, C_S, C_S1, C_O, C_O0, C_U, C_U0, C_U1, C_A, C_X, C_Y, C_Z,
    C_LATE, C_LATEV, C_LATEV0, C_T, C_T1, N_COLUMNS,
    FOOTER_COLUMN = C_LATE,
};
enum { DEFERRED = 1, RANGE = 2 };

static const struct {
    unsigned field, type, bits, flags, representation;
    int64_t first;
    unsigned page; /* elements */
} columns[N_COLUMNS] = {
    [C_I] = {0, 0x13, 32, 0, 0, 0, 2},
    [C_F] = {1, TRUNC, 12, 0, 0, 0, 5},
    [C_F2] = {1, 0x0c, 32, 0, 1, 0, 5},
    [C_B] = {2, BIT, 1, 0, 0, 0, 9},
    [C_V] = {3, 0x1b, 64, 0, 0, 0, 2},
    [C_V0] = {4, 0x18, 32, 0, 0, 0, 2},
    [C_VV] = {5, 0x1a, 32, 0, 0, 0, 2},
    [C_VV0] = {6, 0x0f, 64, 0, 0, 0, 2},
    [C_VV00] = {7, 0x11, 16, 0, 0, 0, 3},
    [C_S] = {8, 0x0e, 32, 0, 0, 0, 3},
    [C_S1] = {8, 0x02, 8, 0, 0, 0, 4},
    [C_O] = {9, 0x1b, 64, 0, 0, 0, 3},
    [C_O0] = {10, 0x07, 32, 0, 0, 0, 1},
    [C_U] = {11, SWITCH, 96, 0, 0, 0, 2},
    [C_U0] = {12, 0x14, 32, 0, 0, 0, 1},
    [C_U1] = {13, 0x19, 64, 0, 0, 0, 2},
    [C_A] = {15, QUANT, 10, RANGE, 0, 0, 5},
    [C_X] = {20, 0x16, 64, 0, 0, 0, 3},
    [C_Y] = {22, 0x0b, 16, 0, 0, 0, 3},
    [C_Z] = {24, 0x04, 8, 0, 0, 0, 80},
    [C_LATE] = {25, 0x04, 8, DEFERRED, 0, 4, 2},
    [C_LATEV] = {26, 0x1b, 64, DEFERRED, 0, 3, 2},
    [C_LATEV0] = {27, 0x03, 8, 0, 0, 0, 2},
    [C_T] = {28, 0x1b, 64, DEFERRED, 0, 3, 9},
    [C_T1] = {28, 0x01, 8, DEFERRED, 0, 3, 9},
};

/* Elements of each column in one cluster. */
typedef struct elements {
    uint64_t raw[N_COLUMNS][512];
    size_t n[N_COLUMNS];
} elements;

static void push(elements *e, int column, uint64_t raw)
{
    e->raw[column][e->n[column]++] = raw;
}

static uint64_t f32_bits(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static uint64_t f64_bits(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

/* The values are those that test_ntuple.c expects. */
static void fill(elements *e, int first, int end)
{
    uint64_t lists = 0, items = 0, ints = 0, reals = 0, bytes = 0;
    for (int k = first; k < end; k++) {
        uint64_t entry = (uint64_t)k;
        push(e, C_I, entry * 1000 - 2500);
        push(e, first ? C_F2 : C_F, f32_bits((float)k + 0.5f));
        push(e, C_B, entry & 1);
        for (int j = 0; j < k % 3; j++)
            push(e, C_V0, f32_bits((float)k + (float)j / 4));
        push(e, C_V, e->n[C_V0]);
        for (int j = 0; j < (k + 1) % 3; j++, lists++) {
            for (int i = 0; i < (k + j) % 4; i++, items++)
                push(e, C_VV00, (uint64_t)(k * 100 + j * 10 + i - 300));
            push(e, C_VV0, items);
        }
        push(e, C_VV, lists);
        for (int j = 0; j < k % 5; j++)
            push(e, C_S1, (uint64_t)('a' + k + j));
        push(e, C_S, e->n[C_S1]);
        if (k % 2 == 0)
            push(e, C_O0, entry + 100);
        push(e, C_O, e->n[C_O0]);
        push(e, C_U, k % 3 == 1 ? ints++ << 8 | 1 : k % 3 == 2 ? reals++ << 8 | 2 : 0);
        if (k % 3 == 1)
            push(e, C_U0, entry + 1000);
        if (k % 3 == 2)
            push(e, C_U1, f64_bits(k * 1.25));
        for (int j = 0; j < 3; j++)
            push(e, C_A, (entry * 37 + (uint64_t)j * 11) % 1024);
        push(e, C_X, entry << 40 | 7);
        push(e, C_Y, 0x3c00 + entry);
        for (int j = 0; j < 80; j++)
            push(e, C_Z, j < 16 ? (uint64_t)(k * 16 + j) : 0);
        if (k >= columns[C_LATE].first)
            push(e, C_LATE, entry + 10);
        if (k >= columns[C_LATEV].first) {
            for (int j = 0; j < k % 2 + 1; j++, bytes++)
                push(e, C_LATEV0, (uint64_t)(j - k));
            push(e, C_LATEV, bytes);
            push(e, C_T1, entry);
            push(e, C_T, e->n[C_T1]);
        }
    }
}

/* ---- envelopes --------------------------------------------------------------------------------- */

static void put_field(made *m, int i)
{
    size_t frame = begin_frame(m);
    le(m, 0, 8);
    le(m, (uint64_t)(fields[i].parent == TOP ? i : fields[i].parent), 4);
    le(m, fields[i].role, 2);
    le(m, fields[i].flags, 2);
    string(m, fields[i].name);
    string(m, fields[i].type);
    string(m, "");
    string(m, "");
    if (fields[i].flags)
        le(m, fields[i].number, fields[i].flags & REPETITIVE ? 8 : 4);
    end_frame(m, frame);
}

static void put_column(made *m, int i)
{
    size_t frame = begin_frame(m);
    le(m, columns[i].type, 2);
    le(m, columns[i].bits, 2);
    le(m, columns[i].field, 4);
    le(m, columns[i].flags, 2);
    le(m, columns[i].representation, 2);
    if (columns[i].flags & DEFERRED)
        le(m, (uint64_t)columns[i].first, 8);
    if (columns[i].flags & RANGE) {
        le(m, f64_bits(-1), 8);
        le(m, f64_bits(1), 8);
    }
    end_frame(m, frame);
}

static void put_schema(made *m, int first_field, int n_fields, int first_column, int n_columns, int n_aliases)
{
    static const unsigned aliases[][2] = {{C_V, 16}, {C_V0, 17}, {C_V, 18}};
    size_t list = begin_list(m, (uint64_t)n_fields);
    for (int i = 0; i < n_fields; i++)
        put_field(m, first_field + i);
    end_list(m, list);
    list = begin_list(m, (uint64_t)n_columns);
    for (int i = 0; i < n_columns; i++)
        put_column(m, first_column + i);
    end_list(m, list);
    list = begin_list(m, (uint64_t)n_aliases);
    for (int i = 0; i < n_aliases; i++) {
        size_t frame = begin_frame(m);
        le(m, aliases[i][0], 4);
        le(m, aliases[i][1], 4);
        end_frame(m, frame);
    }
    end_list(m, list);
    end_list(m, begin_list(m, 0));
}

/* Wraps a payload; returns the checksum. */
static uint64_t envelope(made *out, unsigned type, const made *payload)
{
    uint64_t sum;
    le(out, type | (uint64_t)(payload->n + 16) << 16, 8);
    made_bytes(out, payload->data, payload->n);
    sum = vcol_hash_xxh3(out->data, out->n);
    le(out, sum, 8);
    return sum;
}

/* A blob; in chunks if it is longer than a key may be. Returns where its payload begins. */
static uint64_t blob(made_file *f, const made *m, uint64_t key)
{
    size_t head = made_key_size("RBlob", "");
    if (!key || m->n <= key)
        return made_file_record(f, "RBlob", "", m->data, m->n, 0) + head;
    uint64_t chunks = (m->n + key - 1) / key, at;
    if ((chunks - 1) * 8 > chunks * key - m->n)
        chunks++;
    size_t done = (size_t)(key - (chunks - 1) * 8);
    made table = {0};
    for (size_t from = done; from < m->n; from += (size_t)key) {
        size_t n = m->n - from < key ? m->n - from : (size_t)key;
        le(&table, made_file_record(f, "RBlob", "", m->data + from, n, 0) + head, 8);
    }
    made_fill(&table, 0, (size_t)(chunks - 1) * 8 - table.n); /* the last may have nothing left to hold */
    made first = {0};
    made_bytes(&first, m->data, done);
    made_bytes(&first, table.data, (size_t)(chunks - 1) * 8);
    at = made_file_record(f, "RBlob", "", first.data, first.n, 0) + head;
    made_free(&first);
    made_free(&table);
    return at;
}

/* Where a page lies, in the order of clusters and columns. */
typedef struct placed {
    uint64_t at;
    uint32_t stored, elements;
} placed;

typedef struct pages {
    placed list[512];
    int n, first[2][N_COLUMNS + 1];
} pages;

static void put_pages(made_file *f, const elements e[2], int given, const uint8_t *data, size_t size, pages *p, made *out)
{
    for (int k = 0; k < 2; k++) {
        for (int c = 0; c < N_COLUMNS; c++) {
            p->first[k][c] = p->n;
            for (size_t at = 0; at < e[k].n[c]; at += columns[c].page) {
                size_t n = e[k].n[c] - at < columns[c].page ? e[k].n[c] - at : columns[c].page;
                made page = {0};
                made_page(&page, columns[c].type, columns[c].bits, e[k].raw[c] + at, n);
                if (out)
                    made_bytes(out, page.data, page.n);
                for (size_t i = 0; given && i < page.n; i++, data += size > 0, size -= size > 0)
                    page.data[i] = size ? *data : 0;
                if (c == C_Z && !given) { /* in a compression block, and the bytes that it repeats are left to it */
                    page.n = 16;
                    made_pack(&page);
                }
                placed *x = &p->list[p->n++];
                *x = (placed){0, (uint32_t)page.n, (uint32_t)n};
                uint64_t sum = vcol_hash_xxh3(page.data, page.n);
                le(&page, sum, 8);
                x->at = made_file_record(f, "RBlob", "", page.data, page.n, 0) + made_key_size("RBlob", "");
                made_free(&page);
            }
        }
        p->first[k][N_COLUMNS] = p->n;
    }
}

static void put_list(made *m, const pages *p, int cluster, uint64_t header)
{
    int n_columns = cluster ? N_COLUMNS : FOOTER_COLUMN; /* the first knows nothing of what came later */
    uint64_t first = cluster ? NTUPLE_CLUSTER : 0, entries = cluster ? NTUPLE_ENTRIES - NTUPLE_CLUSTER : NTUPLE_CLUSTER;
    size_t list, outer, inner, frame;
    le(m, header, 8);
    list = begin_list(m, 1);
    frame = begin_frame(m);
    le(m, first, 8);
    le(m, entries, 8);
    end_frame(m, frame);
    end_list(m, list);
    list = begin_list(m, 1);
    outer = begin_list(m, (uint64_t)n_columns);
    for (int c = 0; c < n_columns; c++) {
        int from = p->first[cluster][c], n = p->first[cluster][c + 1] - from;
        int suppressed = c == (cluster ? C_F : C_F2);
        inner = begin_list(m, (uint64_t)n);
        for (int i = 0; i < n; i++) {
            const placed *x = &p->list[from + i];
            le(m, 0 - (uint64_t)x->elements, 4);
            if (i % 2) { /* a large locator: 4 + 16 bytes, type 1 */
                le(m, 0 - (uint64_t)(20 | 1 << 24), 4);
                le(m, x->stored, 8);
            } else {
                le(m, x->stored, 4);
            }
            le(m, x->at, 8);
        }
        le(m, suppressed ? UINT64_MAX : 0, 8);
        if (!suppressed)
            le(m, 505, 4);
        end_list(m, inner);
    }
    end_list(m, outer);
    end_list(m, list);
}

static void put_footer(made *m, uint64_t header, const uint64_t *at, const uint64_t *size)
{
    size_t frame, list;
    le(m, 0, 8);
    le(m, header, 8);
    frame = begin_frame(m);
    put_schema(m, FOOTER_FIELD, N_FIELDS - FOOTER_FIELD, FOOTER_COLUMN, N_COLUMNS - FOOTER_COLUMN, 0);
    end_frame(m, frame);
    list = begin_list(m, 2);
    for (int k = 2; k-- > 0;) {
        frame = begin_frame(m);
        le(m, k ? NTUPLE_CLUSTER : 0, 8);
        le(m, k ? NTUPLE_ENTRIES - NTUPLE_CLUSTER : NTUPLE_CLUSTER, 8);
        le(m, 1, 4);
        le(m, size[k], 8);
        le(m, size[k], 4);
        le(m, at[k], 8);
        end_frame(m, frame);
    }
    end_list(m, list);
    end_list(m, begin_list(m, 0));
}

static void put_anchor(made *m, const uint64_t *places, uint64_t key)
{
    made_u32(m, 0x40000042);
    made_u16(m, 2);
    made_u16(m, 1);
    for (int i = 0; i < 3; i++)
        made_u16(m, 0);
    for (int i = 0; i < 6; i++)
        made_u64(m, places[i]);
    made_u64(m, key ? key : 1 << 30);
    made_u64(m, vcol_hash_xxh3(m->data + 6, m->n - 6));
}

/* The payload as made, or what is given instead. */
static void choose(made *payload, ntuple_part this, ntuple_part part, const uint8_t *data, size_t size, made *part_out)
{
    if (this != part)
        return;
    if (part_out)
        made_bytes(part_out, payload->data, payload->n);
    if (data) {
        made_free(payload);
        made_bytes(payload, data, size);
    }
}

void made_ntuple(made_file *f, ntuple_part part, const uint8_t *data, size_t size, uint64_t key, made *part_out)
{
    elements *e = calloc(2, sizeof *e);
    pages *p = calloc(1, sizeof *p);
    uint64_t at[2], sizes[2], places[6], header;
    made payload = {0}, bytes = {0};
    if (!e || !p)
        abort();
    fill(&e[0], 0, NTUPLE_CLUSTER);
    fill(&e[1], NTUPLE_CLUSTER, NTUPLE_ENTRIES);
    made_file_begin(f, 0);
    put_pages(f, e, part == NTUPLE_MADE_PAGES && data, data, size, p, part == NTUPLE_MADE_PAGES ? part_out : NULL);
    le(&payload, 0, 8);
    string(&payload, "nt");
    string(&payload, "");
    string(&payload, "made");
    put_schema(&payload, 0, FOOTER_FIELD, 0, FOOTER_COLUMN, 3);
    choose(&payload, NTUPLE_MADE_HEADER, part, data, size, part_out);
    header = envelope(&bytes, 1, &payload);
    places[0] = blob(f, &bytes, key);
    places[1] = places[2] = bytes.n;
    for (int k = 0; k < 2; k++) {
        made_free(&payload);
        made_free(&bytes);
        put_list(&payload, p, k, header);
        if (k == 1)
            choose(&payload, NTUPLE_MADE_LIST, part, data, size, part_out);
        envelope(&bytes, 3, &payload);
        sizes[k] = bytes.n;
        at[k] = blob(f, &bytes, key);
    }
    made_free(&payload);
    made_free(&bytes);
    put_footer(&payload, header, at, sizes);
    choose(&payload, NTUPLE_MADE_FOOTER, part, data, size, part_out);
    envelope(&bytes, 2, &payload);
    places[3] = blob(f, &bytes, key);
    places[4] = places[5] = bytes.n;
    made_free(&payload);
    put_anchor(&payload, places, key);
    made_file_record(f, "ROOT::RNTuple", "nt", payload.data, payload.n, 1);
    made_file_finish(f);
    made_free(&payload);
    made_free(&bytes);
    free(e);
    free(p);
}
