/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mock reader like TTree: sizes are known only from the bytes (inspect), two columns lie in one block, blocks cross
 * the borders of chunks, offsets come from another column, a block without entry offsets must be walked from its start; the
 * lists in the items of another (flag byte, values) are as long as a third column's values say.
 * TESTS.md E8.1 to E8.3, E2.4, and the reader interface's promises under all settings.
 *
 *   basket   "MKBK", u32 branch, u32 unpacked, u32 content, then the unpacked bytes, each xor 0x5a; big-endian throughout
 */
#include "mock.h"

#include <sched.h>

#define ROWS 200
#define HEAD 16

enum { B_RUN, B_NJET, B_PT, B_ID, B_POS, B_STR, B_NHIT, B_HIT, BRANCHES };
enum { G_RUN, G_NJET, G_OFFSETS, G_PT, G_ID, G_X, G_Y, G_STR, G_NHIT, G_HIT, GROUPS };
enum { C_RUN, C_NJET, C_PT, C_ID, C_X, C_Y, C_STR, C_NHIT, C_HIT, COLUMNS };
static const char *const names[COLUMNS] = {"run", "nJet", "Jet_pt", "Jet_id", "pos_x", "pos_y", "str",
                                           "Jet_nHit", "Jet_hit"};

/* ---- what the file was made of --------------------------------------------------------------------- */

static struct {
    int32_t run[ROWS], njet[ROWS];
    int64_t offsets[ROWS + 1], str_offsets[ROWS + 1];
    float pt[4 * ROWS];
    int16_t id[4 * ROWS];
    double x[ROWS], y[ROWS];
    char str[10 * ROWS];
    uint32_t nhit[4 * ROWS]; /* of a jet, as is said: those without a flag have none */
    bool flag[4 * ROWS];
    int64_t hit_offsets[4 * ROWS + 1];
    float hit[12 * ROWS];
} made;

typedef struct basket {
    uint64_t offset, stored;
    int64_t first, entries;
} basket;

static struct {
    mock_bytes bytes;
    basket baskets[BRANCHES][ROWS];
    int n[BRANCHES];
    int64_t blocks;
} file;

static _Atomic int64_t inspects, unpacks[BRANCHES];
static bool resumes; /* Jet_id goes on where the part before ended, where that is known */

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static void put64(mock_bytes *b, double d)
{
    uint64_t u;
    memcpy(&u, &d, 8);
    mock_put32(b, (uint32_t)(u >> 32));
    mock_put32(b, (uint32_t)u);
}

static double get64(const unsigned char *p)
{
    uint64_t u = (uint64_t)mock_get32(p) << 32 | mock_get32(p + 4);
    double d;
    memcpy(&d, &u, 8);
    return d;
}

/* A jet's bytes in the branch of its hits. */
static void put_hits(mock_bytes *b, int64_t jet)
{
    mock_put(b, made.flag[jet] ? "\1" : "\0", 1);
    for (int64_t h = made.hit_offsets[jet]; h < made.hit_offsets[jet + 1]; h++)
        mock_put32(b, bits_of(made.hit[h]));
}

static void plain_of(int branch, int64_t first, int64_t n, mock_bytes *b, size_t *content)
{
    int64_t o0 = made.offsets[first];
    for (int64_t i = first; i < first + n; i++) {
        if (branch == B_RUN)
            mock_put32(b, (uint32_t)made.run[i]);
        else if (branch == B_NJET)
            mock_put32(b, (uint32_t)made.njet[i]);
        else if (branch == B_POS)
            put64(b, made.x[i]), put64(b, made.y[i]);
        for (int64_t k = made.offsets[i]; k < made.offsets[i + 1]; k++) {
            unsigned char two[2] = {(unsigned char)((uint16_t)made.id[k] >> 8), (unsigned char)made.id[k]};
            if (branch == B_PT)
                mock_put32(b, bits_of(made.pt[k]));
            else if (branch == B_ID)
                mock_put(b, two, 2);
            else if (branch == B_NHIT)
                mock_put32(b, made.nhit[k]);
            else if (branch == B_HIT)
                put_hits(b, k);
        }
        if (branch == B_STR) {
            unsigned char length = (unsigned char)(made.str_offsets[i + 1] - made.str_offsets[i]);
            mock_put(b, &length, 1);
            mock_put(b, made.str + made.str_offsets[i], length);
        }
    }
    *content = b->size;
    if (branch == B_PT || branch == B_NHIT) /* entry offsets behind the content */
        for (int64_t i = first; i < first + n; i++)
            mock_put32(b, (uint32_t)(made.offsets[i] - o0) * 4);
    if (branch == B_HIT)
        for (int64_t i = first; i <= first + n; i++) {
            int64_t o = made.offsets[i], hits = made.hit_offsets[o] - made.hit_offsets[o0];
            mock_put32(b, (uint32_t)(o - o0 + 4 * hits));
        }
}

static void make_file(void)
{
    t_random r = {7};
    static const int most[BRANCHES] = {40, 23, 11, 17, 9, 13, 19, 15};
    if (file.bytes.size)
        return;
    for (int64_t i = 0; i < ROWS; i++) {
        made.run[i] = (int32_t)t_next(&r);
        made.njet[i] = (int32_t)t_below(&r, 5);
        made.x[i] = (double)t_below(&r, 1000000) / 7;
        made.y[i] = -made.x[i];
        made.offsets[i + 1] = made.offsets[i] + made.njet[i];
        for (int64_t k = made.offsets[i]; k < made.offsets[i + 1]; k++) {
            made.pt[k] = (float)t_below(&r, 100000) / 3;
            made.id[k] = (int16_t)t_next(&r);
            made.nhit[k] = (uint32_t)t_below(&r, 4);
            made.flag[k] = t_below(&r, 4) > 0;
            made.hit_offsets[k + 1] = made.hit_offsets[k] + (made.flag[k] ? made.nhit[k] : 0);
            for (int64_t h = made.hit_offsets[k]; h < made.hit_offsets[k + 1]; h++)
                made.hit[h] = (float)t_below(&r, 100000) / 9;
        }
        made.str_offsets[i + 1] = made.str_offsets[i] + t_below(&r, 9);
        for (int64_t k = made.str_offsets[i]; k < made.str_offsets[i + 1]; k++)
            made.str[k] = (char)('a' + t_below(&r, 26));
    }
    mock_put(&file.bytes, "MKTT", 4);
    int64_t next[BRANCHES] = {0};
    for (bool any = true; any;) { /* branches' baskets in turn, as they are in a file */
        any = false;
        for (int b = 0; b < BRANCHES; b++) {
            int64_t left = ROWS - next[b], n = 1 + t_below(&r, most[b]);
            mock_bytes plain = {0};
            size_t content;
            if (left <= 0)
                continue;
            any = true;
            n = n < left ? n : left;
            plain_of(b, next[b], n, &plain, &content);
            basket *k = &file.baskets[b][file.n[b]++];
            k->offset = mock_put(&file.bytes, "MKBK", 4);
            mock_put32(&file.bytes, (uint32_t)b);
            mock_put32(&file.bytes, (uint32_t)plain.size);
            mock_put32(&file.bytes, (uint32_t)content);
            for (size_t i = 0; i < plain.size; i++)
                plain.data[i] ^= 0x5a;
            mock_put(&file.bytes, plain.data, plain.size);
            free(plain.data);
            k->stored = file.bytes.size - k->offset;
            k->first = next[b];
            k->entries = n;
            next[b] += n;
            mock_put(&file.bytes, NULL, (size_t)t_below(&r, 50));
        }
    }
    for (int b = 0; b < BRANCHES; b++)
        file.blocks += file.n[b];
}

/* ---- the reader ------------------------------------------------------------------------------------- */

static const vcol_leaf leaves[] = {
    {VCOL_LEAF_VALUES, VCOL_I32, 0, 0, 1},             /* 0: run, nJet */
    {VCOL_LEAF_OFFSETS, VCOL_TYPE_NONE, 0, 0, 1},      /* 1: offsets of the jets */
    {VCOL_LEAF_VALUES, VCOL_F32, 1, 0, 1},             /* 2: Jet_pt */
    {VCOL_LEAF_VALUES, VCOL_I16, 1, 0, 1},             /* 3: Jet_id */
    {VCOL_LEAF_VALUES, VCOL_F64, 0, 0, 1},             /* 4: pos */
    {VCOL_LEAF_OFFSETS, VCOL_TYPE_NONE, 0, 0, 1},      /* 5, 6: str */
    {VCOL_LEAF_VALUES, VCOL_CHAR, 1, 0, 1},
    {VCOL_LEAF_VALUES, VCOL_U32, 1, 0, 1},             /* 7: Jet_nHit */
    {VCOL_LEAF_OFFSETS, VCOL_TYPE_NONE, 1, 0, 1},      /* 8, 9: Jet_hit */
    {VCOL_LEAF_VALUES, VCOL_F32, 2, 0, 1},
};
static const vcol_group groups[GROUPS] = {
    {VCOL_GROUP_BLOCKS, 0, -1, 1, &leaves[0], ROWS, 900, 900, "branch 'run'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, -1, 1, &leaves[0], ROWS, 900, 900, "branch 'nJet'", 0, 0, 0, 0},
    {VCOL_GROUP_COUNTS, 0, G_NJET, 1, &leaves[1], ROWS, 0, 0, "offsets of 'Jet'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, G_OFFSETS, 1, &leaves[2], ROWS, 2000, 2000, "branch 'Jet_pt'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, G_OFFSETS, 1, &leaves[3], ROWS, 1000, 1000, "branch 'Jet_id'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, -1, 1, &leaves[4], ROWS, 1700, 1700, "branch 'pos', leaf 'x'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, -1, 1, &leaves[4], ROWS, 1700, 1700, "branch 'pos', leaf 'y'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, VCOL_GROUP_MEASURED, -1, 2, &leaves[5], ROWS, 1000, 1000, "branch 'str'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, 0, G_OFFSETS, 1, &leaves[7], ROWS, 2000, 2000, "branch 'Jet_nHit'", 0, 0, 0, 0},
    {VCOL_GROUP_BLOCKS, VCOL_GROUP_MEASURED | VCOL_GROUP_COUNTED, G_OFFSETS, 2, &leaves[8], ROWS, 3000, 3000,
     "branch 'Jet_hit'", 0, G_NHIT, 0, 0},
};
static const int branch_of[GROUPS] = {B_RUN, B_NJET, -1, B_PT, B_ID, B_POS, B_POS, B_STR, B_NHIT, B_HIT};

#define FLAT(name, type, shape, group)                                                                                 \
    {name, name, shape, shape, NULL, NULL, VCOL_OK, type, 0, {{0}}, {group, 0}, ROWS, 0, 0, 0}
#define LIST(name, type, shape, collection, offsets, group, leaf)                                                      \
    {name, name, shape, shape, collection, NULL, VCOL_OK, type, 1, {{VCOL_LEVEL_LIST, {offsets, 0}, 0}}, {group, leaf},  \
     ROWS, 0, 0, 0}
static const vcol_schema_column columns[COLUMNS] = {
    FLAT("run", VCOL_I32, "int32", G_RUN),
    FLAT("nJet", VCOL_I32, "int32", G_NJET),
    LIST("Jet_pt", VCOL_F32, "var * float32", "Jet", G_OFFSETS, G_PT, 0),
    LIST("Jet_id", VCOL_I16, "var * int16", "Jet", G_OFFSETS, G_ID, 0),
    FLAT("pos_x", VCOL_F64, "float64", G_X),
    FLAT("pos_y", VCOL_F64, "float64", G_Y),
    LIST("str", VCOL_CHAR, "string", NULL, G_STR, G_STR, 1),
    LIST("Jet_nHit", VCOL_U32, "var * uint32", NULL, G_OFFSETS, G_NHIT, 0),
    {"Jet_hit", "Jet_hit", "var * var * float32", "var * var * float32", NULL, NULL, VCOL_OK, VCOL_F32, 2,
     {{VCOL_LEVEL_LIST, {G_OFFSETS, 0}, 0}, {VCOL_LEVEL_LIST, {G_HIT, 0}, 0}}, {G_HIT, 1}, ROWS, 0, 0, 0},
};
static const vcol_schema schema = {.entries = ROWS, .n_columns = COLUMNS, .columns = columns, .n_groups = GROUPS, .groups = groups};

static vcol_status plan(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps,
                        vcol_block_sink *sink, vcol_error *err)
{
    (void)object, (void)deps;
    int b = branch_of[group];
    uint32_t flags = b == B_POS ? VCOL_BLOCK_SHARED : b == B_ID ? VCOL_BLOCK_FROM_START : 0;
    if (b == B_ID && resumes)
        flags |= VCOL_BLOCK_RESUMES;
    for (int i = 0; i < file.n[b]; i++) {
        const basket *k = &file.baskets[b][i];
        if (k->first + k->entries <= first || k->first >= first + count)
            continue;
        /* the unpacked size is a bad guess */
        vcol_block d = {.offset = k->offset, .stored = k->stored, .unpacked = k->stored / 2, .first_entry = k->first,
                        .entries = k->entries, .flags = flags, .needs = -1, .tag = (uint64_t)b};
        vcol_status status = vcol_block_push(sink, &d, err);
        if (status != VCOL_OK)
            return status;
    }
    return VCOL_OK;
}

static vcol_status inspect(void *object, int32_t group, vcol_block *block, const void *stored, vcol_block_sink *sink,
                           vcol_error *err)
{
    (void)object, (void)sink;
    atomic_fetch_add(&inspects, 1);
    const unsigned char *p = stored;
    if (block->stored < HEAD || memcmp(p, "MKBK", 4) != 0 || mock_get32(p + 4) != (uint32_t)branch_of[group])
        return vcol_error_format(err, VCOL_CORRUPT, "basket at byte %llu has no head", (unsigned long long)block->offset);
    block->unpacked = mock_get32(p + 8);
    block->content = mock_get32(p + 12);
    if (block->unpacked > block->stored - HEAD || block->content > block->unpacked)
        return vcol_error_format(err, VCOL_CORRUPT, "basket at byte %llu lies about its size",
                                 (unsigned long long)block->offset);
    return VCOL_OK;
}

static vcol_status unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want,
                          vcol_worker *worker, vcol_error *err)
{
    (void)object, (void)worker, (void)err;
    const unsigned char *p = (const unsigned char *)stored + HEAD;
    unsigned char *d = dst;
    atomic_fetch_add(&unpacks[block->tag], 1);
    t_require(want <= block->unpacked);
    for (size_t i = 0; i < want; i++)
        d[i] = p[i] ^ 0x5a;
    memset(d + want, 0xee, block->unpacked - want); /* what was not asked for is not there */
    return VCOL_OK;
}

/* Of rows [skip, skip + count) of a block is told which jets they have, and how many hits these are said to have. */
static void check_counts(const vcol_block *block, const vcol_deps *deps, int64_t skip, int64_t count)
{
    int64_t first = block->first_entry + skip;
    t_require(count > 0 && deps && deps->counts && deps->first == first && deps->count == count);
    for (int64_t i = 0; i <= count; i++)
        t_require(deps->offsets[i] - deps->offsets[0] == made.offsets[first + i] - made.offsets[first]);
    t_require(memcmp((const uint32_t *)deps->counts + deps->offsets[0], made.nhit + made.offsets[first],
                     4 * (size_t)(deps->offsets[count] - deps->offsets[0])) == 0);
}

static void decode_hits(const vcol_block *block, const unsigned char *plain, const vcol_deps *deps, const vcol_part *parts)
{
    const unsigned char *p = plain + mock_get32(plain + block->content + 4 * parts[0].skip);
    const uint32_t *said = (const uint32_t *)deps->counts + deps->offsets[0];
    int64_t *ends = parts[0].dst, sum = parts[0].base;
    float *to = parts[1].dst;
    check_counts(block, deps, parts[0].skip, parts[0].count);
    t_require(parts[0].items == deps->offsets[deps->count] - deps->offsets[0] && parts[0].size == (size_t)parts[0].items * 8);
    for (int64_t k = 0; k < parts[0].items; k++) {
        uint32_t n = *p++ ? said[k] : 0;
        for (uint32_t h = 0; h < n; h++, p += 4) {
            uint32_t u = mock_get32(p);
            memcpy(to++, &u, 4);
        }
        sum += n;
        ends[k] = sum;
    }
    t_require(to == (float *)parts[1].dst + parts[1].items);
}

static vcol_status measure(void *object, int32_t group, const vcol_block *block, const void *plain, const void *state,
                           const vcol_deps *deps, int64_t skip, int64_t count, int64_t *rows, int64_t *items, vcol_error *err)
{
    (void)object, (void)state;
    const unsigned char *p = plain;
    size_t at = 0;
    t_require(group == G_STR || group == G_HIT);
    if (group == G_HIT) {
        const unsigned char *tail = p + block->content + 4 * skip;
        check_counts(block, deps, skip, count);
        memset(items, 0, VCOL_MAX_LEVELS * sizeof *items);
        items[0] = deps->offsets[count] - deps->offsets[0];
        items[1] = ((int64_t)mock_get32(tail + 4 * count) - (int64_t)mock_get32(tail) - items[0]) / 4;
        *rows = count;
        return VCOL_OK;
    }
    t_require(!deps);
    int64_t end = count < 0 ? block->entries : skip + count;
    memset(items, 0, VCOL_MAX_LEVELS * sizeof *items);
    for (int64_t i = 0; i < end; i++) {
        if (at >= block->unpacked || at + 1 + p[at] > block->unpacked)
            return vcol_error_format(err, VCOL_CORRUPT, "strings beyond the basket");
        if (i >= skip)
            items[0] += p[at];
        at += 1 + (size_t)p[at];
    }
    *rows = end - skip;
    return VCOL_OK;
}

static vcol_status decode(void *object, int32_t group, const vcol_block *block, const void *plain, int whole, const void *state,
                          const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker,
                          vcol_error *err)
{
    (void)object, (void)state, (void)worker;
    const vcol_part *part = &parts[0];
    const unsigned char *p = plain;
    t_require(n_parts == groups[group].n_leaves);
    t_require(!whole || (part->skip == 0 && part->count == block->entries));
    t_require(part->skip >= 0 && part->count > 0 && part->skip + part->count <= block->entries);
    if (group == G_RUN || group == G_NJET) {
        for (int64_t i = 0; i < part->count; i++)
            ((int32_t *)part->dst)[i] = (int32_t)mock_get32(p + 4 * (part->skip + i));
    } else if (group == G_X || group == G_Y) {
        for (int64_t i = 0; i < part->count; i++)
            ((double *)part->dst)[i] = get64(p + 16 * (part->skip + i) + (group == G_Y ? 8 : 0));
    } else if (group == G_HIT) {
        decode_hits(block, p, deps, parts);
    } else if (group == G_PT || group == G_NHIT) {
        /* whole: the entry offsets are not there, and not needed */
        int64_t from = whole ? 0 : mock_get32(p + block->content + 4 * part->skip) / 4;
        t_require(deps && deps->first == block->first_entry + part->skip && deps->count == part->count);
        t_require(deps->offsets[deps->count] - deps->offsets[0] == part->items);
        if ((uint64_t)(from + part->items) * 4 > block->content || (whole && (uint64_t)part->items * 4 != block->content))
            return vcol_error_format(err, VCOL_CORRUPT, "basket has other items than are counted");
        for (int64_t i = 0; i < part->items; i++) {
            uint32_t u = mock_get32(p + 4 * (from + i));
            memcpy((uint32_t *)part->dst + i, &u, 4);
        }
    } else if (group == G_ID) {
        /* counted from the block's first row, or known */
        bool known = resumes && part->base >= 0;
        int64_t skip = known ? 0 : part->skip;
        t_require(deps && deps->first == block->first_entry + part->skip - skip && deps->count == skip + part->count);
        int64_t from = known ? part->base : deps->offsets[skip] - deps->offsets[0];
        t_require(deps->offsets[deps->count] - deps->offsets[skip] == part->items);
        t_require(from == made.offsets[block->first_entry + part->skip] - made.offsets[block->first_entry]);
        if ((uint64_t)(from + part->items) * 2 > block->content)
            return vcol_error_format(err, VCOL_CORRUPT, "basket has fewer items than are counted");
        for (int64_t i = 0; i < part->items; i++)
            ((int16_t *)part->dst)[i] = (int16_t)(p[2 * (from + i)] << 8 | p[2 * (from + i) + 1]);
    } else {
        int64_t *ends = parts[0].dst, sum = parts[0].base;
        char *to = parts[1].dst;
        t_require(parts[0].items == part->count && parts[0].size == (size_t)part->count * 8);
        for (int64_t i = 0; i < part->skip; i++)
            p += 1 + p[0];
        for (int64_t i = 0; i < part->count; i++) {
            memcpy(to, p + 1, p[0]);
            to += p[0];
            sum += p[0];
            ends[i] = sum;
            p += 1 + p[0];
        }
        t_require(to == (char *)parts[1].dst + parts[1].items);
    }
    return VCOL_OK;
}

static const vcol_reader reader = {
    MOCK_READER, .plan = plan, .inspect = inspect, .unpack = unpack, .measure = measure, .decode = decode,
};

/* ---- comparing ------------------------------------------------------------------------------------- */

static void check_list(const vcol_view *v, const int64_t *offsets, const void *values, size_t width, int64_t first)
{
    int64_t n = v->entries, o = offsets[first];
    t_require(v->levels == 1 && v->level[0].count == n && v->level[0].offsets[0] == 0);
    for (int64_t i = 0; i <= n; i++)
        t_require(v->level[0].offsets[i] == offsets[first + i] - o);
    t_require(v->count == offsets[first + n] - o && v->values);
    t_require(memcmp(v->values, (const char *)values + (size_t)o * width, (size_t)v->count * width) == 0);
}

/* Lists of the jets' lists. */
static void check_hits(const vcol_view *v, int64_t first)
{
    int64_t n = v->entries, o = made.offsets[first], jets = made.offsets[first + n] - o, h = made.hit_offsets[o];
    t_require(v->levels == 2 && v->level[0].count == n && v->level[1].count == jets);
    for (int64_t i = 0; i <= n; i++)
        t_require(v->level[0].offsets[i] == made.offsets[first + i] - o);
    for (int64_t k = 0; k <= jets; k++)
        t_require(v->level[1].offsets[k] == made.hit_offsets[o + k] - h);
    t_require(v->count == made.hit_offsets[o + jets] - h && v->values);
    t_require(memcmp(v->values, made.hit + h, 4 * (size_t)v->count) == 0);
}

static void check_view(const vcol_view *v, int column, int64_t first)
{
    size_t n = (size_t)v->entries;
    if (column == C_RUN)
        t_require(v->count == v->entries && memcmp(v->values, made.run + first, 4 * n) == 0);
    else if (column == C_NJET)
        t_require(v->count == v->entries && memcmp(v->values, made.njet + first, 4 * n) == 0);
    else if (column == C_X)
        t_require(v->count == v->entries && memcmp(v->values, made.x + first, 8 * n) == 0);
    else if (column == C_Y)
        t_require(v->count == v->entries && memcmp(v->values, made.y + first, 8 * n) == 0);
    else if (column == C_PT)
        check_list(v, made.offsets, made.pt, 4, first);
    else if (column == C_ID)
        check_list(v, made.offsets, made.id, 2, first);
    else if (column == C_NHIT)
        check_list(v, made.offsets, made.nhit, 4, first);
    else if (column == C_HIT)
        check_hits(v, first);
    else
        check_list(v, made.str_offsets, made.str, 1, first);
}

static const mock_world *world(void)
{
    static mock_world w;
    make_file();
    w = (mock_world){&reader, &schema, file.bytes.data, file.bytes.size, ROWS, file.blocks, names, COLUMNS, check_view};
    return &w;
}

/* ---- the settings ------------------------------------------------------------------------------------ */

#define TINY 8000

/*
 * Each block is unpacked once where memory suffices, but for the counts of baskets that have to be walked from their start:
 * those before the chunk are read again. So the second third of the settings is without that column, and in the last one its
 * baskets are gone on with: what lies before a part is known from other parts and from the chunks between.
 */
START_TEST(e8_1_the_same_values_under_all_settings_and_each_block_once)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    for (int b = 0; b < BRANCHES; b++)
        atomic_store(&unpacks[b], 0);
    atomic_store(&inspects, 0);
    s.skip = _i / MOCK_SETTINGS == 1 ? 1u << C_ID : 0;
    resumes = _i / MOCK_SETTINGS == 2;
    bool once_each = s.skip || resumes;
    t_allocator a = {0};
    t_source source = {0};
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(r.chunks, s.chunk ? (ROWS + s.chunk - 1) / s.chunk : 1);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    ck_assert_int_eq(atomic_load(&source.closed), 1);
    ck_assert_uint_eq(r.stats.live, 0);
    ck_assert_uint_eq(r.stats.promised, 0);
    int64_t sum = 0;
    for (int b = 0; b < BRANCHES; b++) {
        int64_t n = atomic_load(&unpacks[b]), once = s.skip && b == B_ID ? 0 : file.n[b];
        sum += n;
        ck_assert_int_ge(n, once);
        if (!s.limit && (once_each || b != B_NJET || !s.chunk))
            ck_assert_int_eq(n, once);
    }
    ck_assert_int_eq((int64_t)r.stats.blocks_unpacked, sum);
    if (!s.limit && once_each) {
        ck_assert_int_eq(sum, w->blocks - (s.skip ? file.n[B_ID] : 0));
        ck_assert_uint_eq(r.stats.blocks_redecoded, 0);
    }
    if (s.limit) {
        ck_assert_msg(r.stats.peak <= s.limit + r.stats.overcommit_bytes, "peak %llu, limit %llu, over %llu, %llu times",
                      (unsigned long long)r.stats.peak, (unsigned long long)s.limit,
                      (unsigned long long)r.stats.overcommit_bytes, (unsigned long long)r.stats.overcommits);
        ck_assert_int_le(atomic_load(&a.most_columns), (int64_t)(s.limit + r.stats.overcommit_bytes));
    }
}
END_TEST

START_TEST(e8_1_any_order_of_columns_and_clears_gives_the_same)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    t_allocator a = {0};
    t_source source = {0};
    s.seed = (uint64_t)_i + 1;
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/*
 * A slow source, and two passes: in the second each block is unpacked once more and nothing is read, where memory suffices;
 * and neither the values nor the limit are another's. The settings as above.
 */
START_TEST(e9_1_a_second_pass_over_a_slow_source_reads_nothing)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    atomic_store(&inspects, 0);
    s.keep = true;
    s.passes = 2;
    s.skip = _i / MOCK_SETTINGS == 1 ? 1u << C_ID : 0;
    resumes = _i / MOCK_SETTINGS == 2;
    bool once_each = s.skip || resumes;
    int64_t blocks = w->blocks - (s.skip ? file.n[B_ID] : 0);
    t_allocator a = {0};
    t_source source = {0};
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_msg(r.status == VCOL_OK, "%s", r.err.message);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    if (!s.limit) {
        ck_assert_uint_eq(r.reads, 0);
        ck_assert_uint_gt(r.stats.stored_kept, 0);
        ck_assert_int_eq(atomic_load(&inspects), blocks);
        ck_assert_uint_eq(r.stats.stored_drops, 0);
    }
    if (!s.limit && once_each) {
        ck_assert_int_eq((int64_t)r.hits, blocks); /* one decode a hit */
        ck_assert_int_eq((int64_t)r.stats.blocks_unpacked, 2 * blocks);
        ck_assert_uint_eq(r.stats.stored_hits, r.hits); /* none in the first pass */
        ck_assert_uint_eq(r.stats.blocks_redecoded, 0);
    }
    if (s.limit) {
        ck_assert_uint_le(r.stats.stored_kept, s.limit / 2);
        ck_assert_uint_le(r.stats.peak, s.limit + r.stats.overcommit_bytes);
        ck_assert_int_le(atomic_load(&a.most_columns), (int64_t)(s.limit + r.stats.overcommit_bytes));
    }
}
END_TEST

/* Chunks in any order, several at a time, pinned or leased, from several threads. */
static void ride(void *o_void, t_random *r)
{
    const mock_open *o = o_void;
    for (int i = 0; i < T_REPEAT(40); i++) {
        vcol_chunk *c[2];
        vcol_view pinned = {0};
        int64_t first[2], count, id;
        for (int k = 0; k < 2; k++) {
            first[k] = t_below(r, ROWS);
            count = t_below(r, ROWS - first[k] + 1);
            t_require(vcol_chunk_open(o->d, first[k], count, &c[k], NULL) == VCOL_OK);
        }
        vcol_prefetch *scope = NULL;
        if (t_below(r, 2))
            t_require(vcol_prefetch_begin(c[1], t_below(r, 2) ? "*" : "Jet pos_x", NULL, &scope, NULL) == VCOL_OK);
        int kept = -1;
        for (int64_t n = t_below(r, 8); n >= 0; n--) {
            vcol_view v;
            int k = (int)t_below(r, 2), column = (int)t_below(r, COLUMNS);
            t_require(vcol_dataset_find(o->d, names[column], &id, NULL) == VCOL_OK);
            vcol_status status = t_below(r, 2) ? vcol_chunk_get(c[k], id, &v, NULL) : vcol_chunk_pin(c[k], id, &v, NULL);
            t_require(status == VCOL_OK);
            check_view(&v, column, first[k]);
            if (v.pin && kept < 0 && k == 0) {
                pinned = v;
                kept = column;
            } else if (v.pin) {
                vcol_view_unpin(&v);
            }
            if (t_below(r, 4) == 0)
                vcol_chunk_clear(c[k], t_below(r, 2) ? NULL : names[t_below(r, COLUMNS)]);
        }
        vcol_chunk_close(c[0]);
        if (kept >= 0)
            check_view(&pinned, kept, first[0]); /* a pin outlives the chunk */
        vcol_view_unpin(&pinned);
        if (t_below(r, 2)) {
            vcol_prefetch_end(scope);
            scope = NULL;
        }
        vcol_chunk_close(c[1]); /* ends the scope's work */
        vcol_prefetch_end(scope);
    }
}

START_TEST(e8_1_threads_with_chunks_of_their_own_get_the_same)
{
    const mock_world *w = world();
    static const int threads[] = {0, 1, 4};
    mock_setting s = {.threads = threads[_i % 3], .limit = _i / 3 % 2 ? TINY : 0};
    bool keep = _i >= 6;
    t_allocator a = {0};
    t_source source = {.limits.flags = keep ? VCOL_SOURCE_SLOW : 0};
    mock_open o;
    t_crowd riders;
    ck_assert_int_eq(mock_begin(w, &s, &source, &a, &o, NULL), VCOL_OK);
    t_crowd_start(&riders, 3, _i, ride, &o);
    t_crowd_join(&riders);
    vcol_stats st = t_stats(o.m);
    if (keep)
        ck_assert_uint_gt(st.stored_hits, 0);
    ck_assert_uint_le(st.stored_kept, keep ? st.live : 0);
    ck_assert_uint_le(st.stored_hits, st.blocks_unpacked);
    vcol_manager_evict(o.m);
    ck_assert_uint_eq(t_stats(o.m).stored_kept, 0);
    mock_end(&o);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/* ---- reads -------------------------------------------------------------------------------------------- */

static uint64_t branch_bytes(int b, int64_t first, int64_t count, int *n)
{
    uint64_t bytes = 0;
    *n = 0;
    for (int i = 0; i < file.n[b]; i++) {
        const basket *k = &file.baskets[b][i];
        if (k->first + k->entries > first && k->first < first + count) {
            bytes += k->stored;
            ++*n;
        }
    }
    return bytes;
}

START_TEST(e8_1_only_what_is_touched_is_read_and_no_byte_twice)
{
    const mock_world *w = world();
    mock_setting s = {.threads = 2, .log = 1000, .gap = 1};
    t_source source = {0};
    mock_open o;
    vcol_chunk *c;
    vcol_error err = {0};
    int n[2];
    static const int64_t firsts[] = {0, 50, 137}, counts[] = {ROWS, 60, 1};
    int64_t first = firsts[_i / 2], count = counts[_i / 2];
    ck_assert_int_eq(mock_begin(w, &s, &source, NULL, &o, &err), VCOL_OK);
    int64_t before = atomic_load(&source.bytes);
    ck_assert_int_eq(vcol_chunk_open(o.d, first, count, &c, &err), VCOL_OK);
    ck_assert_int_eq(atomic_load(&source.bytes), before); /* opening reads nothing */
    bool counts_first = _i % 2;
    int64_t calls = atomic_load(&source.calls);
    if (counts_first)
        vcol_chunk_offsets(c, "Jet", &err);
    const float *pt = vcol_chunk_f32(c, "Jet_pt", &err);
    const int64_t *offsets = vcol_chunk_offsets(c, "Jet", &err);
    ck_assert_msg(offsets && pt, "%s", err.message);
    for (int64_t i = 0; i <= count; i++)
        ck_assert_int_eq(offsets[i], made.offsets[first + i] - made.offsets[first]);
    ck_assert_int_eq(memcmp(pt, made.pt + made.offsets[first], 4 * (size_t)offsets[count]), 0);
    uint64_t want = branch_bytes(B_NJET, first, count, &n[0]) + branch_bytes(B_PT, first, count, &n[1]);
    vcol_stats st = t_stats(o.m);
    ck_assert_uint_eq(st.bytes_asked, want);
    if (!counts_first)
        ck_assert_int_eq(atomic_load(&source.calls) - calls, 1); /* offsets and content in one batch */
    ck_assert_uint_ge(st.bytes_read, want);
    ck_assert_uint_eq((uint64_t)(atomic_load(&source.bytes) - before), st.bytes_read);
    ck_assert_uint_le(st.bytes_read - want, st.reads ? (uint64_t)(n[0] + n[1]) : 0); /* gaps of one byte at most */
    ck_assert_uint_eq(st.blocks_unpacked, (uint64_t)(n[0] + n[1]));
    /* again: nothing more is read; the access log says the same */
    vcol_chunk_f32(c, "Jet_pt", &err);
    vcol_chunk_i32(c, "nJet", &err);
    ck_assert_uint_eq(t_stats(o.m).reads, st.reads);
    vcol_log_entry log[1000];
    int64_t logged = vcol_manager_log(o.m, 0, log, 1000);
    uint64_t read = 0, planned = 0;
    for (int64_t i = 0; i < logged; i++) {
        ck_assert_uint_eq(log[i].sequence, (uint64_t)i);
        if (log[i].event == VCOL_LOG_READ)
            read += log[i].bytes;
        if (log[i].event == VCOL_LOG_PLAN) {
            planned += log[i].bytes;
            ck_assert_int_eq(log[i].first, first);
            ck_assert_int_eq(log[i].count, count);
            ck_assert(log[i].group == G_NJET || log[i].group == G_PT);
        }
    }
    ck_assert_uint_eq(planned, want);
    ck_assert_uint_eq(read, st.bytes_read);
    for (int64_t i = 0; i < source.n_logged; i++) /* no byte twice, the file's head aside */
        for (int64_t k = 0; k < i; k++)
            ck_assert(source.logged[i].offset >= source.logged[k].offset + source.logged[k].bytes ||
                      source.logged[k].offset >= source.logged[i].offset + source.logged[i].bytes ||
                      source.logged[k].offset == 0);
    vcol_chunk_close(c);
    mock_end(&o);
}
END_TEST

START_TEST(e8_2_reads_are_merged_by_gap_and_size)
{
    const mock_world *w = world();
    static const struct {
        uint64_t gap, size;
    } cases[] = {{0, 0}, {1, 4096}, {100, 4096}, {1000, 1 << 20}, {1 << 20, 1 << 20}};
    mock_setting s = {.gap = cases[_i].gap, .read_size = cases[_i].size};
    t_source source = {0};
    mock_open o;
    vcol_chunk *c;
    vcol_error err = {0};
    int n;
    ck_assert_int_eq(mock_begin(w, &s, &source, NULL, &o, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(o.d, 0, ROWS, &c, &err), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_i32(c, "run", &err));
    uint64_t want = branch_bytes(B_RUN, 0, ROWS, &n), expected = 0, over = 0, at = 0, begin = 0;
    uint64_t gap = s.gap ? s.gap : 32 << 10, size = s.read_size ? s.read_size : 4 << 20;
    gap = gap > size / 2 ? size / 2 : gap;
    for (int i = 0; i < file.n[B_RUN]; i++) {
        const basket *k = &file.baskets[B_RUN][i];
        if (i > 0 && k->offset - at <= gap && k->offset + k->stored - begin <= size) {
            over += k->offset - at;
        } else {
            expected++;
            begin = k->offset;
        }
        at = k->offset + k->stored;
    }
    vcol_stats st = t_stats(o.m);
    ck_assert_uint_eq(st.bytes_asked, want);
    ck_assert_uint_eq(st.reads, expected);
    ck_assert_uint_eq(st.bytes_read, want + over);
    vcol_chunk_close(c);
    mock_end(&o);
}
END_TEST

/*
 * A prefetch of two columns is one batch. Of a source that reads in turn the first read's bytes are there while the second is
 * under way, for who asks (0) and for a worker (1); of another both come with one call (2).
 */
START_TEST(e8_2_what_a_serial_source_has_read_is_there_before_its_next_read)
{
    const mock_world *w = world();
    mock_setting s = {.threads = 1, .gap = 1};
    t_source source = {.limits.flags = VCOL_SOURCE_FAST | (_i < 2 ? VCOL_SOURCE_SERIAL : 0)};
    mock_open o;
    vcol_chunk *c;
    vcol_prefetch *scope;
    vcol_error err = {0};
    t_gate gate;
    t_gate_init(&gate);
    atomic_store(&unpacks[B_RUN], 0);
    ck_assert_int_eq(mock_begin(w, &s, &source, NULL, &o, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(o.d, 0, 1, &c, &err), VCOL_OK);
    ck_assert_uint_lt(file.baskets[B_RUN][0].offset + file.baskets[B_RUN][0].stored + 1, file.baskets[B_POS][0].offset);
    int64_t calls = atomic_load(&source.calls);
    if (_i < 2)
        t_gate_let(&gate, 1);
    source.gate = &gate;
    ck_assert_int_eq(vcol_prefetch_begin(c, "run pos_x", NULL, &scope, &err), VCOL_OK);
    t_gate_await(&gate, _i < 2 ? 2 : 1); /* the second read is under way, and does not end */
    if (_i == 2)
        t_gate_open(&gate);
    if (_i == 1)
        while (atomic_load(&unpacks[B_RUN]) == 0)
            sched_yield();
    const int32_t *run = vcol_chunk_i32(c, "run", &err);
    ck_assert_msg(run != NULL, "%s", err.message);
    ck_assert_int_eq(run[0], made.run[0]);
    t_gate_open(&gate);
    ck_assert_int_eq(vcol_prefetch_wait(scope, &err), VCOL_OK);
    ck_assert_int_eq(atomic_load(&source.calls) - calls, _i < 2 ? 2 : 1);
    ck_assert_uint_eq(t_stats(o.m).reads, 2);
    vcol_prefetch_end(scope);
    vcol_chunk_close(c);
    mock_end(&o);
    t_gate_destroy(&gate);
}
END_TEST

/* ---- faults -------------------------------------------------------------------------------------------- */

START_TEST(e8_3_a_bad_basket_is_an_error_of_its_column_only)
{
    const mock_world *w = world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    t_allocator a = {0};
    t_source source = {0};
    const basket *bad = &file.baskets[B_RUN][file.n[B_RUN] / 2];
    source.bad_offset = bad->offset + 5;
    source.bad_bytes = 1;
    mock_result r = mock_pass(w, &s, &source, &a);
    ck_assert_int_eq(r.status, VCOL_IO);
    ck_assert_msg(strstr(r.err.message, "branch 'run'") && strstr(r.err.message, "bad bytes") && strstr(r.err.message, "mock"),
                  "%s", r.err.message);
    int64_t chunks = 0; /* those that need the basket fail, by that column only */
    int64_t size = s.chunk ? s.chunk : ROWS;
    for (int64_t at = 0; at < ROWS; at += size)
        chunks += at < bad->first + bad->entries && at + size > bad->first;
    ck_assert_int_eq(r.failures, chunks);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

START_TEST(e8_3_broken_bytes_are_an_error_that_says_where)
{
    mock_world w = *world();
    mock_setting s = mock_setting_of(_i % MOCK_SETTINGS, TINY);
    t_allocator a = {0};
    t_source source = {0};
    unsigned char *bytes = malloc(w.size);
    const basket *bad = &file.baskets[B_PT][file.n[B_PT] / 2];
    char where[32];
    memcpy(bytes, w.bytes, w.size);
    bytes[bad->offset + 8] = 0x7f; /* unpacked */
    w.bytes = bytes;
    mock_result r = mock_pass(&w, &s, &source, &a);
    ck_assert_int_eq(r.status, VCOL_CORRUPT);
    snprintf(where, sizeof where, "byte %d", (int)bad->offset);
    ck_assert_msg(strstr(r.err.message, where), "%s", r.err.message);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    free(bytes);
}
END_TEST

START_TEST(e8_3_a_file_that_ends_early_is_an_error)
{
    mock_world w = *world();
    t_source source = {0};
    w.size = (size_t)(file.baskets[B_STR][file.n[B_STR] - 1].offset + 3);
    mock_result r = mock_pass(&w, &(mock_setting){.threads = 1, .prefetch = true, .chunk = 7}, &source, NULL);
    ck_assert_int_eq(r.status, VCOL_CORRUPT);
    ck_assert_int_gt(r.failures, 0);
    ck_assert_int_lt(r.failures, r.chunks * COLUMNS);
}
END_TEST

/*
 * The branch that counts ends before the branches that it counts do; the group of the offsets says so, or not. Chunks
 * before its end are as they should be, those beyond it are errors that name it and the entry.
 */
START_TEST(e8_3_a_counter_that_ends_early_is_an_error_that_says_where)
{
    enum { END = ROWS - 37 };
    static const int64_t chunks[] = {1, 7, 50, ROWS};
    static const char *const wishes[] = {"Jet_pt", "Jet_id"};
    vcol_group short_groups[GROUPS];
    vcol_schema short_schema = schema;
    mock_world w = *world();
    mock_setting s = {.threads = _i / 8 % 2 ? 2 : 0};
    t_allocator a = {0};
    t_source source = {0};
    mock_open o;
    memcpy(short_groups, groups, sizeof groups);
    short_groups[G_NJET].entries = END;
    if (_i / 4 % 2)
        short_groups[G_OFFSETS].entries = END;
    short_schema.groups = short_groups;
    w.schema = &short_schema;
    ck_assert_int_eq(mock_begin(&w, &s, &source, &a, &o, NULL), VCOL_OK);
    for (int64_t at = 0, n = chunks[_i % 4]; at < ROWS; at += n) {
        int64_t count = n < ROWS - at ? n : ROWS - at;
        bool beyond = at + count > END;
        vcol_chunk *c;
        vcol_prefetch *scope = NULL;
        ck_assert_int_eq(vcol_chunk_open(o.d, at, count, &c, NULL), VCOL_OK);
        vcol_prefetch_begin(c, "Jet", NULL, &scope, NULL); /* may fail: then it is inert */
        for (int i = 0; i < 3; i++) {
            vcol_error err = {0};
            vcol_view v;
            int64_t id;
            const int64_t *offsets = NULL;
            vcol_status status;
            if (i == 2) { /* the offsets alone */
                offsets = vcol_chunk_offsets(c, "Jet", &err);
                status = (vcol_status)err.status;
            } else {
                ck_assert_int_eq(vcol_dataset_find(o.d, wishes[i], &id, NULL), VCOL_OK);
                status = vcol_chunk_get(c, id, &v, &err);
            }
            ck_assert_int_eq(status, beyond ? VCOL_CORRUPT : VCOL_OK);
            if (beyond) {
                ck_assert_msg(strstr(err.message, "mock: ") && strstr(err.message, "ends at entry 163"), "%s", err.message);
                ck_assert_msg(strstr(err.message, "'nJet'") || strstr(err.message, "'Jet'"), "%s", err.message);
            } else if (i == 2) {
                for (int64_t k = 0; k <= count; k++)
                    ck_assert_int_eq(offsets[k], made.offsets[at + k] - made.offsets[at]);
            } else {
                check_view(&v, i == 0 ? C_PT : C_ID, at);
            }
        }
        vcol_prefetch_end(scope);
        vcol_chunk_close(c);
    }
    mock_end(&o);
    ck_assert_int_eq(atomic_load(&a.live), 0);
}
END_TEST

/* Each read of the source fails once; then what was asked for fails, and a second try gets it. */
START_TEST(e8_3_every_read_fails_once)
{
    const mock_world *w = world();
    static const int threads[] = {0, 1, 4};
    for (int64_t n = 2;; n++) { /* the first read is that of the file's head */
        mock_setting s = {.threads = threads[_i % 3], .prefetch = _i % 3 > 0, .chunk = 70, .gap = 1, .read_size = 4096,
                          .keep = _i / 3 == 1, .passes = 1 + (_i / 3 == 1)};
        t_allocator a = {0};
        /* of one that reads in turn, while others use what came before */
        t_source source = {.fail_call = n, .limits.flags = _i < 6 ? 0 : VCOL_SOURCE_FAST | VCOL_SOURCE_SERIAL};
        mock_result r = mock_pass(w, &s, &source, &a);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        ck_assert_msg(r.status == VCOL_OK || r.status == VCOL_IO, "%s", r.err.message);
        if (atomic_load(&source.calls) < n)
            break;
    }
}
END_TEST

/* Each allocation fails once. */
START_TEST(e8_3_every_allocation_fails_once)
{
    const mock_world *w = world();
    static const int threads[] = {0, 1, 2};
    int64_t step = threads[_i % 3] ? 3 : 1;
    for (int64_t n = 1;; n += step) {
        mock_setting s = {.threads = threads[_i % 3], .prefetch = _i % 3 > 0, .chunk = 70, .limit = _i % 3 == 2 ? TINY : 0,
                          .keep = _i >= 3, .passes = 1 + _i / 3};
        t_allocator a = {.fail_call = n};
        t_source source = {0};
        mock_result r = mock_pass(w, &s, &source, &a);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        ck_assert_msg(r.status == VCOL_OK || r.status == VCOL_NOMEM, "allocation %d: %s", (int)n, r.err.message);
        if (atomic_load(&a.calls) < n)
            break;
    }
}
END_TEST

/* All allocations fail from some point on: errors, but no crash, hang or leak. */
START_TEST(e8_3_no_memory_from_some_point_on)
{
    const mock_world *w = world();
    for (int64_t n = 1; n < 400; n += 13) {
        mock_setting s = {.threads = _i, .prefetch = _i > 0, .chunk = 50};
        t_allocator a = {.fail_from = n};
        t_source source = {0};
        mock_result r = mock_pass(w, &s, &source, &a);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        ck_assert_msg(r.status == VCOL_OK || r.status == VCOL_NOMEM, "%s", r.err.message);
    }
}
END_TEST

START_TEST(e8_3_a_basket_that_had_to_go_is_unpacked_again_and_counted)
{
    const mock_world *w = world();
    t_source source = {0};
    mock_open o;
    mock_setting s = {.chunk = 3};
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_error err = {0};
    int64_t extra = 0, at = 0;
    ck_assert_int_eq(mock_begin(w, &s, &source, NULL, &o, &err), VCOL_OK);
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 3;
    ck_assert_int_eq(vcol_loop_open(o.d, &lo, &loop, &err), VCOL_OK);
    while (vcol_loop_next(loop, &c, &err) == VCOL_OK) {
        const int32_t *run = vcol_chunk_i32(c, "run", &err);
        ck_assert_msg(run && memcmp(run, made.run + at, 4 * (size_t)vcol_chunk_entries(c)) == 0, "%s", err.message);
        at += vcol_chunk_entries(c);
        vcol_manager_evict(o.m); /* whatever is kept for the next chunk goes */
        for (int i = 0; i < file.n[B_RUN]; i++)
            extra += file.baskets[B_RUN][i].first < at && at < file.baskets[B_RUN][i].first + file.baskets[B_RUN][i].entries;
    }
    vcol_stats st = t_stats(o.m);
    ck_assert_int_eq((int64_t)st.blocks_unpacked, file.n[B_RUN] + extra);
    ck_assert_int_eq((int64_t)st.blocks_redecoded, extra);
    ck_assert_int_gt(extra, 10);
    vcol_loop_close(loop);
    mock_end(&o);
}
END_TEST

/* ---- E2.4 -------------------------------------------------------------------------------------------- */

START_TEST(e2_4_shared_offsets_stay_while_another_column_has_them)
{
    const mock_world *w = world();
    mock_setting s = {.threads = 1};
    t_source source = {0};
    mock_open o;
    vcol_chunk *c;
    vcol_error err = {0};
    ck_assert_int_eq(mock_begin(w, &s, &source, NULL, &o, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(o.d, 0, ROWS, &c, &err), VCOL_OK);
    uint64_t empty = t_stats(o.m).live;
    const float *pt = vcol_chunk_f32(c, "Jet_pt", &err);
    const int16_t *id = vcol_chunk_i16(c, "Jet_id", &err);
    const int64_t *offsets = vcol_chunk_offsets(c, "Jet", &err);
    ck_assert(pt && id && offsets);
    uint64_t both = t_stats(o.m).live, reads = t_stats(o.m).reads;
    ck_assert_int_eq(vcol_chunk_clear(c, "Jet_pt"), 1);
    uint64_t one = t_stats(o.m).live;
    ck_assert_uint_lt(one, both);
    /* offsets and the other column work on, with no read */
    for (int64_t i = 0; i <= ROWS; i++)
        ck_assert_int_eq(offsets[i], made.offsets[i]);
    ck_assert_int_eq(memcmp(id, made.id, 2 * (size_t)made.offsets[ROWS]), 0);
    ck_assert_ptr_eq(vcol_chunk_i16(c, "Jet_id", &err), id);
    ck_assert_ptr_eq(vcol_chunk_offsets(c, "Jet", &err), offsets);
    ck_assert_uint_eq(t_stats(o.m).reads, reads);
    ck_assert_int_eq(vcol_chunk_clear(c, "Jet_pt"), 0); /* double */
    ck_assert_int_eq(vcol_chunk_clear(c, "no_such_column"), 0);
    pt = vcol_chunk_f32(c, "Jet_pt", &err);
    ck_assert(pt && memcmp(pt, made.pt, 4 * (size_t)made.offsets[ROWS]) == 0);
    ck_assert_int_gt(vcol_chunk_clear(c, NULL), 0);
    ck_assert_uint_eq(t_stats(o.m).live, empty);
    /* clear-except keeps what it names, with its offsets */
    pt = vcol_chunk_f32(c, "Jet_pt", &err);
    id = vcol_chunk_i16(c, "Jet_id", &err);
    ck_assert_ptr_nonnull(vcol_chunk_i32(c, "run", &err));
    vcol_chunk_clear_except(c, "Jet_id");
    reads = t_stats(o.m).reads;
    ck_assert_ptr_eq(vcol_chunk_i16(c, "Jet_id", &err), id);
    ck_assert_int_eq(memcmp(id, made.id, 2 * (size_t)made.offsets[ROWS]), 0);
    ck_assert_uint_eq(t_stats(o.m).reads, reads);
    vcol_chunk_close(c);
    ck_assert_uint_eq(t_stats(o.m).live, empty);
    mock_end(&o);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e2_4_shared_offsets_stay_while_another_column_has_them, 0},
        {e8_1_the_same_values_under_all_settings_and_each_block_once, 3 * MOCK_SETTINGS},
        {e8_1_any_order_of_columns_and_clears_gives_the_same, 2 * MOCK_SETTINGS},
        {e9_1_a_second_pass_over_a_slow_source_reads_nothing, 3 * MOCK_SETTINGS},
        {e8_1_threads_with_chunks_of_their_own_get_the_same, 12},
        {e8_1_only_what_is_touched_is_read_and_no_byte_twice, 6},
        {e8_2_reads_are_merged_by_gap_and_size, 5},
        {e8_2_what_a_serial_source_has_read_is_there_before_its_next_read, 3},
        {e8_3_a_bad_basket_is_an_error_of_its_column_only, MOCK_SETTINGS},
        {e8_3_broken_bytes_are_an_error_that_says_where, MOCK_SETTINGS},
        {e8_3_a_file_that_ends_early_is_an_error, 0},
        {e8_3_a_counter_that_ends_early_is_an_error_that_says_where, 16},
        {e8_3_every_read_fails_once, 9},
        {e8_3_every_allocation_fails_once, 6},
        {e8_3_no_memory_from_some_point_on, 3},
        {e8_3_a_basket_that_had_to_go_is_unpacked_again_and_counted, 0},
    };
    return t_main("reader_ttree_mock", tests, sizeof tests / sizeof *tests);
}
