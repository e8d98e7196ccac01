/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mock reader like Parquet: a row group's column chunk is one block that expands into pages, whose rows and items
 * only their bytes tell (measure); a dictionary page is needed before the data pages; validity bits go across the
 * borders of pages. Under all settings the values are those the file was made of.
 *
 *   page     u8 kind (0 dictionary, 1 data), u32 stored, u32 unpacked, then the unpacked bytes, each xor 0x33
 *   'flat'   data: per row u8 1 and the value, or u8 0
 *   'list'   dictionary: u32 values; data: per row u8 items, per item u8 0, or u8 1 and u8 index
 */
#include "mock.h"

#define ROWS 300
#define HEAD 9
#define ROW_GROUPS 3
#define DICTIONARY 40

enum { FLAT, LIST, COLUMNS };
static const char *const names[COLUMNS] = {"flat", "list"};
static const int64_t row_group[ROW_GROUPS + 1] = {0, 97, 98, ROWS};

static struct {
    double flat[ROWS];
    bool flat_there[ROWS];
    int64_t offsets[ROWS + 1];
    int32_t list[6 * ROWS];
    bool list_there[6 * ROWS];
    int32_t dictionary[ROW_GROUPS][DICTIONARY];
} made;

static struct {
    mock_bytes bytes;
    struct {
        uint64_t offset, stored;
    } chunk[COLUMNS][ROW_GROUPS];
    int64_t pages; /* with dictionaries */
} file;

static _Atomic int64_t prepared, unprepared;

/* ---- the file --------------------------------------------------------------------------------------- */

static void put8(mock_bytes *b, unsigned v)
{
    unsigned char c = (unsigned char)v;
    mock_put(b, &c, 1);
}

static void put_page(mock_bytes *to, unsigned kind, mock_bytes *plain)
{
    put8(to, kind);
    mock_put32(to, (uint32_t)plain->size);
    mock_put32(to, (uint32_t)plain->size);
    for (size_t i = 0; i < plain->size; i++)
        plain->data[i] ^= 0x33;
    mock_put(to, plain->data, plain->size);
    free(plain->data);
    memset(plain, 0, sizeof *plain);
    file.pages++;
}

static void make_file(void)
{
    t_random r = {11};
    if (file.bytes.size)
        return;
    for (int g = 0; g < ROW_GROUPS; g++)
        for (int i = 0; i < DICTIONARY; i++)
            made.dictionary[g][i] = (int32_t)t_next(&r);
    mock_put(&file.bytes, "MKPQ", 4);
    for (int g = 0; g < ROW_GROUPS; g++) {
        for (int c = 0; c < COLUMNS; c++) {
            mock_bytes plain = {0};
            file.chunk[c][g].offset = file.bytes.size;
            if (c == LIST) {
                for (int i = 0; i < DICTIONARY; i++)
                    mock_put32(&plain, (uint32_t)made.dictionary[g][i]);
                put_page(&file.bytes, 0, &plain);
            }
            int64_t page_rows = 0;
            for (int64_t i = row_group[g]; i < row_group[g + 1]; i++) {
                if (c == FLAT) {
                    made.flat_there[i] = t_below(&r, 3) != 0;
                    made.flat[i] = made.flat_there[i] ? (double)t_below(&r, 1000000) / 11 : 0;
                    put8(&plain, made.flat_there[i]);
                    if (made.flat_there[i])
                        mock_put(&plain, &made.flat[i], 8);
                } else {
                    int64_t n = t_below(&r, 6), o = made.offsets[i];
                    made.offsets[i + 1] = o + n;
                    put8(&plain, (unsigned)n);
                    for (int64_t k = o; k < o + n; k++) {
                        unsigned index = (unsigned)t_below(&r, DICTIONARY);
                        made.list_there[k] = t_below(&r, 4) != 0;
                        made.list[k] = made.list_there[k] ? made.dictionary[g][index] : 0;
                        put8(&plain, made.list_there[k]);
                        if (made.list_there[k])
                            put8(&plain, index);
                    }
                }
                if (++page_rows > t_below(&r, 30) || i + 1 == row_group[g + 1]) {
                    put_page(&file.bytes, 1, &plain);
                    page_rows = 0;
                }
            }
            file.chunk[c][g].stored = file.bytes.size - file.chunk[c][g].offset;
        }
    }
}

/* ---- the reader --------------------------------------------------------------------------------------- */

static const vcol_leaf leaves[] = {
    {VCOL_LEAF_VALIDITY, VCOL_TYPE_NONE, 0, 0, 1}, {VCOL_LEAF_VALUES, VCOL_F64, 0, 0, 1},
    {VCOL_LEAF_OFFSETS, VCOL_TYPE_NONE, 0, 0, 1},  {VCOL_LEAF_VALIDITY, VCOL_TYPE_NONE, 1, 0, 1},
    {VCOL_LEAF_VALUES, VCOL_I32, 1, 0, 1},
};
static const vcol_group groups[COLUMNS] = {
    {VCOL_GROUP_BLOCKS, VCOL_GROUP_MEASURED, -1, 2, &leaves[0], ROWS, 2500, 2500, "column 'flat'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, VCOL_GROUP_MEASURED, -1, 3, &leaves[2], ROWS, 2500, 2500, "column 'list'", 0, 0, 0, 0},
};
static const vcol_schema_column columns[COLUMNS] = {
    {"flat", "flat", "double", "?float64", NULL, NULL, VCOL_OK, VCOL_F64, 1, {{VCOL_LEVEL_OPTIONAL, {0, 0}, 0}}, {0, 1}, ROWS,
     0, 0, 0},
    {"list", "list", "list", "var * ?int32", NULL, NULL, VCOL_OK, VCOL_I32, 2,
     {{VCOL_LEVEL_LIST, {1, 0}, 0}, {VCOL_LEVEL_OPTIONAL, {1, 1}, 0}}, {1, 2}, ROWS, 0, 0, 0},
};
static const vcol_schema schema = {.entries = ROWS, .n_columns = COLUMNS, .columns = columns, .n_groups = COLUMNS, .groups = groups,
                                   .n_clusters = ROW_GROUPS, .clusters = row_group};

static vcol_status plan(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps,
                        vcol_block_sink *sink, vcol_error *err)
{
    (void)object, (void)deps;
    for (int g = 0; g < ROW_GROUPS; g++) {
        if (row_group[g + 1] <= first || row_group[g] >= first + count)
            continue;
        vcol_block d = {.offset = file.chunk[group][g].offset, .stored = file.chunk[group][g].stored,
                        .unpacked = file.chunk[group][g].stored, .first_entry = row_group[g],
                        .entries = row_group[g + 1] - row_group[g], .flags = VCOL_BLOCK_EXPANDS, .needs = -1,
                        .tag = (uint64_t)g};
        vcol_status status = vcol_block_push(sink, &d, err);
        if (status != VCOL_OK)
            return status;
    }
    return VCOL_OK;
}

static vcol_status inspect(void *object, int32_t group, vcol_block *block, const void *stored, vcol_block_sink *sink,
                           vcol_error *err)
{
    (void)object;
    const unsigned char *p = stored;
    uint64_t at = 0;
    vcol_status status = VCOL_OK;
    t_require(sink && block->flags & VCOL_BLOCK_EXPANDS);
    while (at < block->stored && status == VCOL_OK) {
        uint32_t size = block->stored - at < HEAD ? UINT32_MAX : mock_get32(p + at + 1);
        if (size > block->stored || at + HEAD + size > block->stored || p[at] > 1 || size != mock_get32(p + at + 5))
            return vcol_error_format(err, VCOL_CORRUPT, "%s: page at byte %llu is none", groups[group].name,
                                     (unsigned long long)(block->offset + at));
        bool data = p[at] == 1;
        vcol_block d = {.offset = block->offset + at, .stored = HEAD + (uint64_t)size, .unpacked = size,
                        .first_entry = block->first_entry, .entries = data ? -1 : 0,
                        .flags = VCOL_BLOCK_INSPECTED | (data ? 0 : VCOL_BLOCK_PREPARE),
                        .needs = data && group == LIST ? 0 : -1, .tag = block->tag};
        status = vcol_block_push(sink, &d, err);
        at += HEAD + size;
    }
    return status;
}

static vcol_status unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want,
                          vcol_worker *worker, vcol_error *err)
{
    (void)object, (void)worker, (void)err;
    const unsigned char *p = (const unsigned char *)stored + HEAD;
    t_require(want == block->unpacked);
    for (size_t i = 0; i < want; i++)
        ((unsigned char *)dst)[i] = p[i] ^ 0x33;
    return VCOL_OK;
}

typedef struct state {
    int64_t row_group;
    int32_t values[DICTIONARY];
} state;

static vcol_status prepare(void *object, int32_t group, const vcol_block *block, const void *plain,
                           const vcol_allocator *allocator, void **out, size_t *bytes, vcol_error *err)
{
    (void)object;
    state *s = allocator->alloc(sizeof *s, 8, allocator->opaque);
    t_require(group == LIST);
    if (!s)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a dictionary");
    s->row_group = (int64_t)block->tag;
    for (int i = 0; i < DICTIONARY; i++)
        s->values[i] = (int32_t)mock_get32((const unsigned char *)plain + 4 * i);
    *out = s;
    *bytes = sizeof *s;
    atomic_fetch_add(&prepared, 1);
    return VCOL_OK;
}

static void unprepare(void *object, void *s, const vcol_allocator *allocator)
{
    (void)object;
    allocator->free(s, sizeof(state), 8, allocator->opaque);
    atomic_fetch_add(&unprepared, 1);
}

/* The bytes of a row, and its items; 0 if it does not end in the page. */
static size_t row_size(int32_t group, const unsigned char *p, const unsigned char *end, int64_t *items)
{
    size_t n = 1;
    *items = 0;
    if (p >= end)
        return 0;
    if (group == FLAT)
        return (size_t)(end - p) < (p[0] ? 9u : 1u) ? 0 : p[0] ? 9 : 1;
    for (*items = 0; *items < p[0]; ++*items) {
        if (n >= (size_t)(end - p))
            return 0;
        n += p[n] ? 2 : 1;
    }
    return n > (size_t)(end - p) ? 0 : n;
}

static vcol_status measure(void *object, int32_t group, const vcol_block *block, const void *plain, const void *s,
                           const vcol_deps *deps, int64_t skip, int64_t count, int64_t *rows, int64_t *items, vcol_error *err)
{
    (void)deps;
    (void)object, (void)s;
    const unsigned char *p = plain, *end = p + block->unpacked;
    int64_t row = 0, n;
    memset(items, 0, VCOL_MAX_LEVELS * sizeof *items);
    for (; count < 0 ? p < end : row < skip + count; row++) {
        size_t size = row_size(group, p, end, &n);
        if (!size)
            return vcol_error_set(err, VCOL_CORRUPT, "a row does not end in its page");
        p += size;
        items[0] += row >= skip ? n : 0;
    }
    *rows = row - skip;
    return VCOL_OK;
}

static vcol_status decode(void *object, int32_t group, const vcol_block *block, const void *plain, int whole, const void *s_void,
                          const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker,
                          vcol_error *err)
{
    (void)object, (void)whole, (void)worker, (void)err;
    const unsigned char *p = plain, *end = p + block->unpacked;
    const state *s = s_void;
    int64_t n;
    t_require(!deps && n_parts == groups[group].n_leaves);
    t_require(group == FLAT ? !s : s && s->row_group == (int64_t)block->tag);
    for (int64_t i = 0; i < parts[0].skip; i++)
        p += row_size(group, p, end, &n);
    if (group == FLAT) {
        for (int64_t i = 0; i < parts[0].count; i++) {
            int64_t bit = parts[0].bit + i;
            if (p[0])
                ((uint8_t *)parts[0].dst)[bit / 8] |= (uint8_t)(1 << bit % 8);
            double v = 0;
            if (p[0])
                memcpy(&v, p + 1, 8);
            ((double *)parts[1].dst)[i] = v;
            p += p[0] ? 9 : 1;
        }
        return VCOL_OK;
    }
    int64_t k = 0;
    for (int64_t i = 0; i < parts[0].count; i++) {
        int64_t items = *p++;
        for (int64_t j = 0; j < items; j++, k++) {
            int64_t bit = parts[1].bit + k;
            int32_t v = 0;
            if (*p++) {
                ((uint8_t *)parts[1].dst)[bit / 8] |= (uint8_t)(1 << bit % 8);
                t_require(*p < DICTIONARY);
                v = s->values[*p++];
            }
            ((int32_t *)parts[2].dst)[k] = v;
        }
        ((int64_t *)parts[0].dst)[i] = parts[0].base + k;
    }
    t_require(k == parts[1].items && k == parts[2].items);
    return VCOL_OK;
}

static const vcol_reader reader = {
    MOCK_READER, .plan = plan, .inspect = inspect, .unpack = unpack, .prepare = prepare,
    .unprepare = unprepare, .measure = measure, .decode = decode,
};

/* ---- comparing --------------------------------------------------------------------------------------- */

static bool bit_of(const uint8_t *bits, int64_t i)
{
    return !bits || (bits[i / 8] >> i % 8 & 1);
}

static void check_view(const vcol_view *v, int column, int64_t first)
{
    if (column == FLAT) {
        t_require(v->levels == 1 && v->level[0].kind == VCOL_LEVEL_OPTIONAL && v->count == v->entries);
        for (int64_t i = 0; i < v->entries; i++) {
            t_require(bit_of(v->level[0].validity, i) == made.flat_there[first + i]);
            t_require(((const double *)v->values)[i] == made.flat[first + i]);
        }
        return;
    }
    int64_t o = made.offsets[first], n = made.offsets[first + v->entries] - o;
    t_require(v->levels == 2 && v->level[0].kind == VCOL_LEVEL_LIST && v->level[1].kind == VCOL_LEVEL_OPTIONAL);
    t_require(v->level[1].count == n && v->count == n && v->values);
    for (int64_t i = 0; i <= v->entries; i++)
        t_require(v->level[0].offsets[i] == made.offsets[first + i] - o);
    for (int64_t k = 0; k < n; k++) {
        t_require(bit_of(v->level[1].validity, k) == made.list_there[o + k]);
        t_require(((const int32_t *)v->values)[k] == made.list[o + k]);
    }
}

static const mock_world *world(void)
{
    static mock_world w;
    make_file();
    atomic_store(&prepared, 0);
    atomic_store(&unprepared, 0);
    w = (mock_world){&reader, &schema, file.bytes.data, file.bytes.size, ROWS, file.pages, names, COLUMNS, check_view};
    return &w;
}

#define TINY 9000

/* Pages' rows are known to their bytes only: a smaller chunk unpacks those of its row group anew. */
START_TEST(e8_1_the_same_values_under_all_settings)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    t_allocator a = {0};
    t_source source = {0};
    s.seed = _i >= MOCK_SETTINGS ? (uint64_t)_i : 0;
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(r.chunks, s.chunk ? (ROWS + s.chunk - 1) / s.chunk : 1);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    ck_assert_int_eq(atomic_load(&prepared), atomic_load(&unprepared));
    ck_assert_uint_eq(r.stats.promised, 0);
    if (!s.limit && !s.chunk && !s.seed) {
        ck_assert_int_eq((int64_t)r.stats.blocks_unpacked, w->blocks);
        ck_assert_uint_eq(r.stats.blocks_redecoded, 0);
        ck_assert_int_eq(atomic_load(&prepared), ROW_GROUPS);
    }
    if (s.limit)
        ck_assert_uint_le(r.stats.peak, s.limit + r.stats.overcommit_bytes);
}
END_TEST

/* A column chunk is kept as a whole, with the pages in it: the second pass reads nothing, and unpacks as much as the first. */
START_TEST(e9_1_a_second_pass_over_a_slow_source_expands_what_is_kept)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i, TINY);
    t_allocator a = {0};
    t_source source = {0};
    s.keep = true;
    s.passes = 2;
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    ck_assert_int_eq(atomic_load(&prepared), atomic_load(&unprepared));
    if (!s.limit) {
        ck_assert_uint_eq(r.reads, 0);
        ck_assert_uint_gt(r.stats.stored_kept, 0);
    }
    if (!s.limit && !s.chunk) {
        ck_assert_uint_eq(r.hits, COLUMNS * ROW_GROUPS);
        ck_assert_int_eq((int64_t)r.stats.blocks_unpacked, 2 * w->blocks);
        ck_assert_int_eq(atomic_load(&prepared), 2 * ROW_GROUPS);
    }
    if (s.limit) {
        ck_assert_uint_le(r.stats.stored_kept, s.limit / 2);
        ck_assert_uint_le(r.stats.peak, s.limit + r.stats.overcommit_bytes);
    }
}
END_TEST

START_TEST(e8_3_every_read_and_every_allocation_fails_once)
{
    const mock_world *w = world();
    static const int threads[] = {0, 1, 2};
    bool reads = _i / 3 % 2;
    for (int64_t n = reads ? 2 : 1;; n += reads || !threads[_i % 3] ? 1 : 3) {
        mock_setting s = {.threads = threads[_i % 3], .prefetch = threads[_i % 3] > 0, .chunk = 110, .gap = 1,
                          .keep = _i >= 6, .passes = 1 + _i / 6};
        t_allocator a = {.fail_call = reads ? 0 : n};
        t_source source = {.fail_call = reads ? n : 0};
        mock_result r = mock_pass(w, &s, &source, &a);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        ck_assert_int_eq(atomic_load(&prepared), atomic_load(&unprepared));
        ck_assert_msg(r.status == VCOL_OK || r.status == (reads ? VCOL_IO : VCOL_NOMEM), "%d: %s", (int)n, r.err.message);
        if ((reads ? atomic_load(&source.calls) : atomic_load(&a.calls)) < n)
            break;
    }
}
END_TEST

START_TEST(e8_3_a_page_that_lies_is_an_error_that_says_where)
{
    mock_world w = *world();
    mock_setting s = mock_setting_of(_i, TINY);
    t_allocator a = {0};
    t_source source = {0};
    unsigned char *bytes = malloc(w.size);
    char where[32];
    memcpy(bytes, w.bytes, w.size);
    bytes[file.chunk[LIST][2].offset + 1] = 0x7f; /* the dictionary's size */
    w.bytes = bytes;
    mock_result r = mock_pass(&w, &s, &source, &a);
    ck_assert_int_eq(r.status, VCOL_CORRUPT);
    snprintf(where, sizeof where, "byte %d", (int)file.chunk[LIST][2].offset);
    ck_assert_msg(strstr(r.err.message, where), "%s", r.err.message);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    free(bytes);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e8_1_the_same_values_under_all_settings, 2 * MOCK_SETTINGS},
        {e9_1_a_second_pass_over_a_slow_source_expands_what_is_kept, MOCK_SETTINGS},
        {e8_3_every_read_and_every_allocation_fails_once, 12},
        {e8_3_a_page_that_lies_is_an_error_that_says_where, MOCK_SETTINGS},
    };
    return t_main("reader_parquet_mock", tests, sizeof tests / sizeof *tests);
}
