/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: the loops over a page's elements against naive ones, and a small ntuple made in memory (fuzz/made_ntuple.c) with a field
 * of each kind and a column of each encoding, read through chunks of every size. Values of real files: digest.sh.
 */
#include "helpers.h"

#include "fuzz/made_ntuple.h"

#include "../readers/root/ntuple_kernels.h"
#include "core/work.h"

#include <math.h>

enum { LENGTHS = 68, ROUNDS = 20 };

/* ---- loops over elements ------------------------------------------------------------------------- */

static uint64_t cut(uint64_t v, unsigned bits)
{
    return bits == 64 ? v : v & (((uint64_t)1 << bits) - 1);
}

/* n random elements of that many bits, sign-extended where `sign`. */
static void fill_random(t_random *r, uint64_t *raw, size_t n, unsigned bits, int sign)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = cut(t_next(r), bits) >> (t_below(r, 4) ? 0 : t_below(r, bits));
        raw[i] = sign && bits < 64 && v >> (bits - 1) ? v | ~(((uint64_t)1 << bits) - 1) : v;
    }
}

/* Encodes, takes [skip, skip + count) back by one of the loops, and compares. */
static void split_round(t_random *r, const unsplit_loops *loops, size_t n, unsigned type, unsigned bits, int zigzag)
{
    uint64_t raw[LENGTHS];
    made page = {0};
    size_t skip = (size_t)t_below(r, (int64_t)n + 1), count = (size_t)t_below(r, (int64_t)(n - skip) + 1);
    union {
        uint16_t u16[LENGTHS];
        uint32_t u32[LENGTHS];
        uint64_t u64[LENGTHS];
    } out;
    fill_random(r, raw, n, bits, zigzag);
    made_page(&page, type, bits, raw, n);
    made_u8(&page, 0);                            /* so that an empty page has an address */
    uint8_t *exact = malloc(page.n);              /* at an odd address: pages lie anywhere */
    memcpy(exact, page.data, page.n);
    if (bits == 16) {
        loops->u16(exact, (int64_t)n, (int64_t)skip, (int64_t)count, out.u16);
        if (zigzag)
            vcol__unzigzag16(out.u16, (int64_t)count);
    } else if (bits == 32) {
        loops->u32(exact, (int64_t)n, (int64_t)skip, (int64_t)count, out.u32);
        if (zigzag)
            vcol__unzigzag32(out.u32, (int64_t)count);
    } else {
        loops->u64(exact, (int64_t)n, (int64_t)skip, (int64_t)count, out.u64);
        if (zigzag)
            vcol__unzigzag64(out.u64, (int64_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t got = bits == 16 ? out.u16[i] : bits == 32 ? out.u32[i] : out.u64[i];
        ck_assert_msg(got == cut(raw[skip + i], bits), "type %#x, element %zu of %zu: %#llx, not %#llx", type, skip + i, n,
                      (unsigned long long)got, (unsigned long long)cut(raw[skip + i], bits));
    }
    free(exact);
    made_free(&page);
}

START_TEST(split_and_zigzag_are_undone_at_every_length)
{
    static const struct {
        unsigned type, bits;
        int zigzag;
    } types[] = {{0x11, 16, 1}, {0x12, 16, 0}, {0x13, 32, 1}, {0x14, 32, 0}, {0x15, 64, 1}, {0x16, 64, 0}};
    const unsplit_loops *loops[] = {&vcol__unsplit_plain, vcol__unsplit_chosen()}; /* where the plain ones are chosen: twice */
    for (size_t l = 0; l < sizeof loops / sizeof *loops; l++) {
        t_random r = {1};
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (size_t n = 0; n < LENGTHS; n++)
                for (int i = 0; i < ROUNDS; i++)
                    split_round(&r, loops[l], n, types[t].type, types[t].bits, types[t].zigzag);
    }
}
END_TEST

/* Of a page of many elements each part is what the plain loops make of it, and nothing beside it is written. */
START_TEST(planes_are_woven_together_as_by_the_plain_loops)
{
    enum { MANY = 3000, GUARD = 64 };
    t_random r = {4};
    uint8_t *planes = malloc(8 * MANY);
    uint64_t *a = malloc(8 * (MANY + GUARD)), *b = malloc(8 * (MANY + GUARD));
    const unsplit_loops *chosen = vcol__unsplit_chosen();
    for (size_t i = 0; i < 8 * MANY; i++)
        planes[i] = (uint8_t)t_next(&r);
    for (int round = 0; round < 300; round++) {
        int64_t n = 1 + t_below(&r, MANY), skip = t_below(&r, n + 1), count = t_below(&r, n - skip + 1);
        for (int bits = 16; bits <= 64; bits *= 2) {
            memset(a, round, 8 * (MANY + GUARD));
            memset(b, round, 8 * (MANY + GUARD));
            if (bits == 16) {
                vcol__unsplit_plain.u16(planes, n, skip, count, (uint16_t *)a);
                chosen->u16(planes, n, skip, count, (uint16_t *)b);
            } else if (bits == 32) {
                vcol__unsplit_plain.u32(planes, n, skip, count, (uint32_t *)a);
                chosen->u32(planes, n, skip, count, (uint32_t *)b);
            } else {
                vcol__unsplit_plain.u64(planes, n, skip, count, a);
                chosen->u64(planes, n, skip, count, b);
            }
            ck_assert_msg(memcmp(a, b, 8 * (MANY + GUARD)) == 0, "%lld of %lld elements of %d bits from %lld on", (long long)count,
                          (long long)n, bits, (long long)skip);
        }
    }
    free(planes);
    free(a);
    free(b);
}
END_TEST

START_TEST(every_byte_of_bits_becomes_eight_bytes)
{
    uint8_t all[256], out[8 * 256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    vcol__expand_bits(all, 0, 8 * 256, out);
    for (int i = 0; i < 8 * 256; i++)
        ck_assert_uint_eq(out[i], (unsigned)(i / 8) >> i % 8 & 1);
}
END_TEST

START_TEST(differences_are_summed_from_any_element_on)
{
    t_random r = {2};
    for (int wide = 0; wide < 2; wide++)
        for (size_t n = 0; n < LENGTHS; n++) {
            uint64_t raw[LENGTHS], out[LENGTHS], sum = 0;
            uint32_t narrow[LENGTHS];
            made page = {0};
            size_t skip = (size_t)t_below(&r, (int64_t)n + 1);
            for (size_t i = 0; i < n; i++)
                raw[i] = sum += (uint64_t)t_below(&r, 1000);
            made_page(&page, wide ? 0x1b : 0x1a, wide ? 64 : 32, raw, n);
            made_u8(&page, 0);
            uint64_t start = wide ? vcol__split_sum64(page.data, (int64_t)n, 0, (int64_t)skip)
                                  : vcol__split_sum32(page.data, (int64_t)n, 0, (int64_t)skip);
            ck_assert_uint_eq(start, skip ? raw[skip - 1] : 0);
            if (wide)
                vcol__unsplit64(page.data, (int64_t)n, (int64_t)skip, (int64_t)(n - skip), out);
            else
                vcol__unsplit32(page.data, (int64_t)n, (int64_t)skip, (int64_t)(n - skip), narrow);
            for (size_t i = 0; i < n - skip && !wide; i++)
                out[i] = narrow[i];
            ck_assert_uint_eq(vcol__undelta64(out, (int64_t)(n - skip), start), n ? raw[n - 1] : 0);
            for (size_t i = 0; i < n - skip; i++)
                ck_assert_uint_eq(out[i], raw[skip + i]);
            made_free(&page);
        }
}
END_TEST

START_TEST(sums_of_many_bytes_do_not_overflow)
{
    enum { MANY = 300000 };
    uint8_t *planes = malloc(8 * MANY);
    memset(planes, 0xff, 8 * MANY);
    ck_assert_uint_eq(vcol__split_sum32(planes, MANY, 1, MANY), (uint64_t)(MANY - 1) * UINT32_MAX);
    ck_assert_uint_eq(vcol__split_sum64(planes, MANY, 0, MANY), (uint64_t)MANY * UINT64_MAX);
    free(planes);
}
END_TEST

START_TEST(packed_bits_are_unpacked_at_every_width_and_length)
{
    t_random r = {3};
    for (unsigned bits = 1; bits <= 32; bits++)
        for (size_t n = 0; n < LENGTHS; n++) {
            uint64_t raw[LENGTHS];
            uint32_t out[LENGTHS];
            made page = {0};
            size_t skip = (size_t)t_below(&r, (int64_t)n + 1), count = (size_t)t_below(&r, (int64_t)(n - skip) + 1);
            fill_random(&r, raw, n, bits, 0);
            made_page(&page, 0x1d, bits, raw, n);
            size_t size = page.n;
            uint8_t *exact = malloc(size ? size : 1);
            if (size)
                memcpy(exact, page.data, size);
            vcol__unpack32(exact, size, bits, (int64_t)skip, (int64_t)count, out);
            for (size_t i = 0; i < count; i++)
                ck_assert_msg(out[i] == raw[skip + i], "%u bits, element %zu of %zu", bits, skip + i, n);
            if (bits == 1) {
                uint8_t bytes[LENGTHS];
                vcol__expand_bits(exact, (int64_t)skip, (int64_t)count, bytes);
                for (size_t i = 0; i < count; i++)
                    ck_assert_uint_eq(bytes[i], raw[skip + i]);
            }
            free(exact);
            made_free(&page);
        }
}
END_TEST

/* By the definition of the format, in doubles. */
static double half_value(unsigned h)
{
    double v = h & 0x3ff;
    int exponent = h >> 10 & 0x1f;
    if (exponent == 31)
        return (h & 0x3ff) ? (double)NAN : h & 0x8000 ? -(double)INFINITY : (double)INFINITY;
    v = exponent ? (v + 1024) / 1024 : v / 512; /* subnormal: no leading one, the smallest exponent */
    for (int i = 15; i < exponent; i++)
        v *= 2;
    for (int i = exponent; i < 15; i++)
        v /= 2;
    return h & 0x8000 ? -v : v;
}

START_TEST(all_half_precision_numbers_are_widened)
{
    for (unsigned h = 0; h < 65536; h++) {
        uint16_t half = (uint16_t)h;
        float f;
        double want = half_value(h);
        vcol__widen_half(&half, 1, &f);
        ck_assert_msg(want != want ? f != f : (double)f == want && !__builtin_signbit(f) == !(h & 0x8000), "%#x: %g, not %g", h,
                      (double)f, want);
    }
}
END_TEST

/* ---- offsets of ends --------------------------------------------------------------------------- */

enum { ENDS = 3 * 1024 + 70 };
#define MOST_ITEMS ((int64_t)1 << 50)

/* Ends of n lists of one run that begins with item `origin`, through the runtime. */
static vcol_status finish(int64_t *offsets, int64_t n, int64_t origin, int64_t *item0, vcol_error *err)
{
    vcol_schema schema = {0};
    vcol_group group = {.name = "lists", .flags = VCOL_GROUP_ENDS};
    vcol__block block = {.asked = {.entries = n, .origin = origin, .flags = VCOL_BLOCK_BEGINS | VCOL_BLOCK_CLOSES}}, *blocks = &block;
    vcol__place place = {.rows = n, .hi = n};
    vcol__work work = {.blocks = &blocks, .n = 1, .places = &place};
    vcol__binding file = {.schema = &schema};
    vcol__unit *u = calloc(1, sizeof *u);
    u->file = &file;
    u->group = &group;
    u->rows = n;
    u->base.leaf[0].data = offsets;
    vcol_status status = vcol__ends_finish(u, &work, err);
    *item0 = u->base.item0;
    free(u);
    return status;
}

/* The first row whose end lies before that of the row before, or where no item could be; n: none. */
static int64_t first_fall(const int64_t *ends, int64_t n, int64_t origin)
{
    int64_t before = origin;
    for (int64_t i = 0; i < n; i++) {
        if (ends[i] < before || ends[i] > MOST_ITEMS)
            return i;
        before = ends[i];
    }
    return n;
}

START_TEST(ends_are_rebased_and_a_fall_is_found_wherever_it_is)
{
    static const int64_t odd[] = {-1, INT64_MIN, INT64_MAX, MOST_ITEMS, MOST_ITEMS + 1, 2 * MOST_ITEMS, INT64_MIN + 5, 0};
    t_random r = {5};
    int64_t *ends = malloc(ENDS * sizeof *ends), *offsets = malloc((ENDS + 1) * sizeof *offsets), item0;
    for (int round = 0; round < 4000; round++) {
        int64_t n = round < 68 ? round : t_below(&r, 2) ? 1022 + t_below(&r, 5) : 1 + t_below(&r, ENDS);
        int64_t origin = t_below(&r, 3) ? t_below(&r, 1000) : 0, at = origin, bad = n;
        for (int64_t i = 0; i < n; i++)
            ends[i] = at += t_below(&r, 4);
        if (n && t_below(&r, 4)) /* one number is another, perhaps a good one */
            ends[t_below(&r, n)] = t_below(&r, 3) ? at - t_below(&r, 4) : odd[t_below(&r, sizeof odd / sizeof *odd)];
        bad = first_fall(ends, n, origin);
        offsets[0] = -7; /* of the row before: there is none */
        if (n)
            memcpy(offsets + 1, ends, (size_t)n * sizeof *ends);
        vcol_error err = {0};
        char want[256];
        vcol_status status = finish(offsets, n, origin, &item0, &err);
        if (bad < n) {
            snprintf(want, sizeof want, "lists: the list of row %lld ends at item %lld, the one before it at %lld", (long long)bad,
                     (long long)ends[bad], (long long)(bad ? ends[bad - 1] : origin));
            ck_assert_int_eq(status, VCOL_CORRUPT);
            ck_assert_str_eq(err.message, want);
            continue;
        }
        ck_assert_msg(status == VCOL_OK, "%s", err.message);
        ck_assert_int_eq(offsets[0], 0);
        ck_assert_int_eq(item0, n ? origin : 0);
        for (int64_t i = 0; i < n; i++)
            ck_assert_int_eq(offsets[i + 1], ends[i] - origin);
    }
    free(ends);
    free(offsets);
}
END_TEST

/* ---- the ntuple ------------------------------------------------------------------------------------ */

typedef struct world {
    made_file file;
    vcol_source *source;
    vcol_manager *m;
    vcol_dataset *d;
} world;

static t_executor stepped;

/* threads below 0: `stepped` has their work. */
static vcol_status open_made(world *w, int threads, vcol_error *err)
{
    vcol_manager_options mo = t_options();
    vcol_dataset_options o;
    mo.threads = threads < 0 ? 1 : threads;
    mo.flags = threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    if (threads < 0)
        mo.executor = t_executor_of(&stepped);
    w->m = t_manager(&mo);
    vcol_dataset_options_init(&o, sizeof o);
    ck_assert_int_eq(vcol_source_open_memory(w->file.bytes.data, w->file.bytes.n, "made", &w->source, err), VCOL_OK);
    o.sources = &w->source;
    return vcol_dataset_open(w->m, &(const char *){"made.root"}, 1, &o, &w->d, err);
}

static world open_world(int threads, uint64_t key)
{
    world w = {0};
    vcol_error err = {0};
    made_ntuple(&w.file, NTUPLE_NONE, NULL, 0, key, NULL);
    ck_assert_msg(open_made(&w, threads, &err) == VCOL_OK, "%s", err.message);
    return w;
}

static void close_world(world *w)
{
    vcol_dataset_close(w->d);
    vcol_source_release(w->source);
    vcol_manager_close(w->m);
    made_file_free(&w->file);
}

static const float *view_floats(vcol_chunk *c, const char *name, vcol_view *v, vcol_error *err)
{
    int64_t id = -1;
    vcol_dataset_find(vcol_chunk_dataset(c), name, &id, err);
    ck_assert_msg(vcol_chunk_get(c, id, v, err) == VCOL_OK, "%s: %s", name, err->message);
    return v->values;
}

static vcol_view view_of(vcol_chunk *c, const char *name)
{
    vcol_view v;
    vcol_error err = {0};
    view_floats(c, name, &v, &err);
    return v;
}

static void check_flat(vcol_chunk *c, int64_t first, int64_t n)
{
    vcol_error err = {0};
    const int32_t *i = vcol_chunk_i32(c, "i", &err);
    const float *f = vcol_chunk_f32(c, "f", &err), *y = vcol_chunk_f32(c, "r.y", &err);
    const float *a = vcol_chunk_f32(c, "a", &err);
    const uint8_t *b = vcol_chunk_bool(c, "b", &err), *late = vcol_chunk_u8(c, "late", &err), *z = vcol_chunk_u8(c, "z", &err);
    const uint64_t *x = vcol_chunk_u64(c, "r_x", &err); /* for r.x */
    ck_assert_msg(!err.status, "%s", err.message);
    for (int64_t k = 0; k < n; k++) {
        int64_t e = first + k;
        ck_assert_int_eq(i[k], e * 1000 - 2500);
        ck_assert_float_eq(f[k], (float)e + 0.5f);
        ck_assert_int_eq(b[k], e & 1);
        ck_assert_float_eq(y[k], 1 + (float)e / 1024);
        ck_assert_uint_eq(x[k], (uint64_t)e << 40 | 7);
        ck_assert_int_eq(late[k], e >= 4 ? e + 10 : 0);
        for (int j = 0; j < 3; j++)
            ck_assert_float_eq(a[3 * k + j], (float)((double)((e * 37 + j * 11) % 1024) * (2.0 / 1023) - 1.0));
        for (int j = 0; j < 80; j++)
            ck_assert_int_eq(z[80 * k + j], j < 16 ? e * 16 + j : 0);
    }
}

static void check_lists(vcol_chunk *c, int64_t first, int64_t n)
{
    vcol_error err = {0};
    const int64_t *v = vcol_chunk_offsets(c, "v", &err), *s = vcol_chunk_offsets(c, "s", &err), *nv = vcol_chunk_i64(c, "nv", &err);
    const int64_t *same = vcol_chunk_offsets(c, "w", &err), *latev = vcol_chunk_offsets(c, "latev", &err);
    const float *v0 = vcol_chunk_f32(c, "v", &err), *w0 = vcol_chunk_f32(c, "w", &err);
    const char *s0 = vcol_chunk_chars(c, "s", &err);
    const int8_t *l0 = vcol_chunk_i8(c, "latev", &err);
    vcol_view vv = view_of(c, "vv");
    const int16_t *vv0 = vv.values;
    int64_t item = 0, text = 0, list = 0, late = 0, deep = 0;
    ck_assert_msg(!err.status, "%s", err.message);
    ck_assert_ptr_eq(v, same); /* a projection has no memory of its own */
    ck_assert_ptr_eq(v0, w0);
    for (int64_t k = 0; k < n; k++) {
        int64_t e = first + k;
        ck_assert_int_eq(v[k], item);
        ck_assert_int_eq(nv[k], e % 3);
        for (int64_t j = 0; j < e % 3; j++, item++)
            ck_assert_float_eq(v0[item], (float)e + (float)j / 4);
        ck_assert_int_eq(s[k], text);
        for (int64_t j = 0; j < e % 5; j++, text++)
            ck_assert_int_eq(s0[text], 'a' + e + j);
        ck_assert_int_eq(latev[k], late);
        for (int64_t j = 0; e >= 3 && j < e % 2 + 1; j++, late++)
            ck_assert_int_eq(l0[late], j - e);
        ck_assert_int_eq(vv.level[0].offsets[k], list);
        for (int64_t j = 0; j < (e + 1) % 3; j++, list++) {
            ck_assert_int_eq(vv.level[1].offsets[list], deep);
            for (int64_t q = 0; q < (e + j) % 4; q++, deep++)
                ck_assert_int_eq(vv0[deep], e * 100 + j * 10 + q - 300);
        }
    }
    ck_assert_int_eq(v[n], item);
    ck_assert_int_eq(s[n], text);
    ck_assert_int_eq(latev[n], late);
    ck_assert_int_eq(vv.level[0].offsets[n], list);
    ck_assert_int_eq(vv.level[1].offsets[list], deep);
    ck_assert_int_eq(vv.count, deep);
}

static void check_choices(vcol_chunk *c, int64_t first, int64_t n)
{
    vcol_view o = view_of(c, "o"), none = view_of(c, "u.0"), one = view_of(c, "u.1"), two = view_of(c, "u.2");
    const int32_t *o0 = o.values, *ints = one.values;
    const double *reals = two.values;
    ck_assert_int_eq(o.level[0].kind, VCOL_LEVEL_OPTIONAL);
    ck_assert_int_eq(o.count, n); /* what is missing has a place */
    ck_assert_int_eq(none.type, VCOL_UNKNOWN);
    ck_assert_int_eq(none.count, 0);
    ck_assert_int_eq(two.level[0].kind, VCOL_LEVEL_UNION);
    ck_assert_int_eq(two.level[0].size, 2);
    for (int64_t k = 0; k < n; k++) {
        int64_t e = first + k, at = one.level[0].offsets[k], to = two.level[0].offsets[k];
        ck_assert_int_eq(o.level[0].validity[k / 8] >> k % 8 & 1, e % 2 == 0);
        ck_assert_int_eq(o0[k], e % 2 == 0 ? e + 100 : 0);
        ck_assert_int_eq(two.level[0].tags[k], e % 3);
        ck_assert_int_eq(one.level[0].offsets[k + 1] - at, e % 3 == 1);
        if (e % 3 == 1)
            ck_assert_int_eq(ints[at], e + 1000);
        if (e % 3 == 2)
            ck_assert_double_eq(reals[to], (double)e * 1.25);
    }
}

/* Every chunk size, with and without threads ahead of it: the values, and each page unpacked once. */
START_TEST(all_kinds_of_fields_are_read_in_chunks_of_every_size)
{
    int64_t size = _i / 2 + 1;
    world w = open_world(_i % 2 ? 3 : 0, 0);
    vcol_error err = {0};
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = size;
    lo.columns = "*";
    ck_assert_int_eq(vcol_dataset_entries(w.d), NTUPLE_ENTRIES);
    ck_assert_msg(vcol_loop_open(w.d, &lo, &loop, &err) == VCOL_OK, "%s", err.message);
    vcol_status status;
    while ((status = vcol_loop_next(loop, &c, &err)) == VCOL_OK) {
        check_flat(c, vcol_chunk_first(c), vcol_chunk_entries(c));
        check_lists(c, vcol_chunk_first(c), vcol_chunk_entries(c));
        check_choices(c, vcol_chunk_first(c), vcol_chunk_entries(c));
    }
    ck_assert_msg(status == VCOL_END, "%s", err.message);
    vcol_loop_close(loop);
    ck_assert_uint_eq(t_stats(w.m).blocks_redecoded, 0);
    close_world(&w);
}
END_TEST

/* The stored values of an optional column are let go when each has its place: a loop does not fetch them again. */
START_TEST(what_an_optional_column_was_made_of_is_not_fetched_again)
{
    t_executor_init(&stepped);
    world w = open_world(-1, 0);
    vcol_error err = {0};
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *c;
    uint64_t made = 0;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 1;
    lo.ahead = 2;
    lo.columns = "o";
    ck_assert_msg(vcol_loop_open(w.d, &lo, &loop, &err) == VCOL_OK, "%s", err.message);
    for (int64_t i = 0; i + 3 <= NTUPLE_ENTRIES; i++) {
        ck_assert_int_eq(vcol_loop_next(loop, &c, &err), VCOL_OK);
        t_run(&stepped); /* this one, at first, and the two behind it */
        uint64_t now = t_stats(w.m).generations;
        if (i == 0)
            made = now / 3; /* buffers a chunk */
        ck_assert_uint_eq(now, made * (uint64_t)(i + 3));
        view_of(c, "o");
        ck_assert_uint_eq(t_stats(w.m).generations, now);
    }
    vcol_loop_close(loop);
    close_world(&w);
    t_run(&stepped);
}
END_TEST

START_TEST(any_range_of_entries_is_read_by_itself)
{
    for (int64_t first = 0; first < NTUPLE_ENTRIES; first++)
        for (int64_t n = 0; first + n <= NTUPLE_ENTRIES; n++) {
            world w = open_world(0, 0);
            vcol_chunk *c;
            vcol_error err = {0};
            ck_assert_int_eq(vcol_chunk_open(w.d, first, n, &c, &err), VCOL_OK);
            check_choices(c, first, n);
            check_lists(c, first, n);
            check_flat(c, first, n);
            vcol_chunk_close(c);
            close_world(&w);
        }
}
END_TEST

/* What is cleared is read again; what stays is pages that other columns or the next chunk may want. */
START_TEST(clear_drops_columns_and_what_they_are_made_of)
{
    static const char names[] = "v w nv vv s latev o u.0 u.1 u.2";
    world w = open_world(0, 0);
    vcol_chunk *c;
    vcol_error err = {0};
    uint64_t kept = 0;
    ck_assert_int_eq(vcol_chunk_open(w.d, 1, 5, &c, &err), VCOL_OK);
    for (int round = 0; round < 3; round++) {
        check_lists(c, 1, 5);
        check_choices(c, 1, 5);
        uint64_t full = t_stats(w.m).live;
        vcol_chunk_clear(c, names);
        uint64_t now = t_stats(w.m).live;
        ck_assert_uint_lt(now, full);
        ck_assert(round == 0 || now == kept);
        kept = now;
    }
    vcol_chunk_close(c);
    ck_assert_int_eq(vcol_chunk_open(w.d, NTUPLE_ENTRIES, 0, &c, &err), VCOL_OK);
    vcol_chunk_close(c);
    ck_assert_uint_eq(t_stats(w.m).live, 0);
    close_world(&w);
}
END_TEST

START_TEST(envelopes_longer_than_a_key_are_read_in_chunks)
{
    for (uint64_t key = 64; key < 4000; key += key / 5) {
        world w = {0};
        vcol_error err = {0};
        vcol_chunk *c;
        if (key * key / 8 < 5000) /* the table of chunks has to fit the first */
            continue;
        made_ntuple(&w.file, NTUPLE_NONE, NULL, 0, key, NULL);
        ck_assert_msg(open_made(&w, 0, &err) == VCOL_OK, "key %llu: %s", (unsigned long long)key, err.message);
        ck_assert_int_eq(vcol_chunk_open(w.d, 0, NTUPLE_ENTRIES, &c, &err), VCOL_OK);
        check_lists(c, 0, NTUPLE_ENTRIES);
        vcol_chunk_close(c);
        close_world(&w);
    }
}
END_TEST

START_TEST(columns_say_what_they_are)
{
    static const struct {
        const char *path, *shape, *collection;
        vcol_status status;
    } want[] = {
        {"i", "int32", NULL, VCOL_OK},
        {"f", "float32", NULL, VCOL_OK},
        {"b", "bool", NULL, VCOL_OK},
        {"v", "var * float32", "v", VCOL_OK},
        {"vv", "var * var * int16", NULL, VCOL_OK},
        {"s", "string", NULL, VCOL_OK},
        {"o", "?int32", NULL, VCOL_OK},
        {"u.0", "union unknown", NULL, VCOL_OK},
        {"u.1", "union int32", NULL, VCOL_OK},
        {"u.2", "union float64", NULL, VCOL_OK},
        {"a", "3 * float32", NULL, VCOL_OK},
        {"w", "var * float32", "v", VCOL_OK},
        {"nv", "int64", NULL, VCOL_OK},
        {"r.x", "uint64", NULL, VCOL_OK},
        {"r.y", "float32", NULL, VCOL_OK},
        {"z", "80 * uint8", NULL, VCOL_OK},
        {"late", "uint8", NULL, VCOL_OK},
        {"latev", "var * int8", NULL, VCOL_OK},
        {"t", "none", NULL, VCOL_UNSUPPORTED},
    };
    enum { WANT = sizeof want / sizeof *want };
    world w = open_world(0, 0);
    vcol_error err = {0};
    vcol_column_info info;
    ck_assert_int_eq(vcol_dataset_columns(w.d), WANT);
    for (int64_t i = 0; i < WANT; i++) {
        ck_assert_int_eq(vcol_dataset_column(w.d, i, &info, sizeof info, &err), VCOL_OK);
        ck_assert_str_eq(info.path, want[i].path);
        ck_assert_str_eq(info.shape, want[i].shape);
        ck_assert_int_eq(info.status, want[i].status);
        ck_assert_str_eq(info.collection ? info.collection : "-", want[i].collection ? want[i].collection : "-");
    }
    ck_assert_msg(strstr(info.note, "'TObj'") != NULL, "%s", info.note);
    close_world(&w);
}
END_TEST

START_TEST(names_are_found_with_dots_or_underscores)
{
    world w = open_world(0, 0);
    vcol_error err = {0};
    int64_t id, exact, ids[8], n = 0;
    ck_assert_int_eq(vcol_dataset_find(w.d, "r.x", &exact, &err), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_find(w.d, "r_x", &id, &err), VCOL_OK);
    ck_assert_int_eq(id, exact);
    ck_assert_int_eq(vcol_dataset_match(w.d, "r_* u_2", ids, 8, &n, &err), VCOL_OK);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(ids[0], exact);
    ck_assert_int_eq(vcol_dataset_find(w.d, "r x", &id, &err), VCOL_NOT_FOUND);
    close_world(&w);
}
END_TEST

/* ---- lies -------------------------------------------------------------------------------------------- */

static int64_t told;
static vcol_error first_fault;

static void report(const vcol_error *fault, void *opaque)
{
    (void)opaque;
    if (told++ == 0)
        first_fault = *fault;
}

START_TEST(verify_finds_each_broken_page)
{
    made pages = {0};
    world w = open_world(0, 0);
    vcol_error err = {0};
    int64_t blocks = 0, faults = 0;
    told = 0;
    ck_assert_int_eq(vcol_dataset_verify(w.d, NULL, report, NULL, &blocks, &faults, &err), VCOL_OK);
    ck_assert_int_eq(faults, 0);
    ck_assert_int_gt(blocks, 50);
    /* A page is its bytes and eight of checksum, as the only payload of its record. */
    for (size_t at = 100; at + 60 < w.file.bytes.n; at++) {
        uint8_t *record = w.file.bytes.data + at;
        if (memcmp(record, "\5RBlob\0\0", 8))
            continue;
        record[8] ^= 1;
        vcol_error_reset(&first_fault);
        told = 0;
        vcol_dataset_verify(w.d, NULL, report, NULL, &blocks, &faults, &err);
        record[8] ^= 1;
        if (told == 0)
            break; /* behind the pages come the envelopes */
        ck_assert_msg(strstr(first_fault.message, "checksum") != NULL, "%s", first_fault.message);
        made_u8(&pages, 1);
    }
    ck_assert_int_gt((int)pages.n, 50);
    made_free(&pages);
    close_world(&w);
}
END_TEST

/* Opening says why it does not. */
static void refused(world *w, vcol_status status, const char *words)
{
    vcol_error err = {0};
    vcol_status got = open_made(w, 0, &err);
    ck_assert_msg(got == status && strstr(err.message, words), "%s: %s", vcol_status_name(got), err.message);
    close_world(w);
}

static size_t find_anchor(const made *m)
{
    for (size_t at = m->n - 78; at > 0; at--)
        if (!memcmp(m->data + at, "\x40\0\0\x42\0\2", 6))
            return at;
    ck_abort_msg("no anchor");
}

START_TEST(anchors_that_lie_are_refused)
{
    world w = {0};
    made_ntuple(&w.file, NTUPLE_NONE, NULL, 0, 0, NULL);
    w.file.bytes.data[find_anchor(&w.file.bytes) + 7] = 0;
    refused(&w, VCOL_UNSUPPORTED, "from before the first release");
    made_ntuple(&w.file, NTUPLE_NONE, NULL, 0, 0, NULL);
    w.file.bytes.data[find_anchor(&w.file.bytes) + 7] = 2;
    refused(&w, VCOL_UNSUPPORTED, "one to come");
    made_ntuple(&w.file, NTUPLE_NONE, NULL, 0, 0, NULL);
    w.file.bytes.data[find_anchor(&w.file.bytes) + 20] ^= 1;
    refused(&w, VCOL_CORRUPT, "anchor has a wrong checksum");
}
END_TEST

START_TEST(features_that_are_not_known_are_refused)
{
    for (int part = NTUPLE_MADE_HEADER; part <= NTUPLE_MADE_FOOTER; part++) {
        world w = {0};
        made payload = {0};
        made_ntuple(&w.file, (ntuple_part)part, NULL, 0, 0, &payload);
        made_file_free(&w.file);
        payload.data[0] |= 2;
        made_ntuple(&w.file, (ntuple_part)part, payload.data, payload.n, 0, NULL);
        made_free(&payload);
        refused(&w, VCOL_UNSUPPORTED, "features that are not known");
    }
}
END_TEST

START_TEST(a_page_list_of_another_header_is_refused)
{
    world w = {0};
    made payload = {0};
    made_ntuple(&w.file, NTUPLE_MADE_LIST, NULL, 0, 0, &payload);
    made_file_free(&w.file);
    payload.data[3] ^= 1;
    made_ntuple(&w.file, NTUPLE_MADE_LIST, payload.data, payload.n, 0, NULL);
    made_free(&payload);
    refused(&w, VCOL_CORRUPT, "belongs to another header");
}
END_TEST

/* All pages zeros: lists are empty, and values that are there have no list; or 0xff: ends that fall or lie beyond all items. */
START_TEST(ends_of_lists_that_contradict_the_pages_are_an_error_of_their_column)
{
    for (int byte = 1; byte < 256; byte += 127) {
        world w = {0};
        made pages = {0};
        vcol_error err = {0};
        vcol_chunk *c;
        made_fill(&pages, byte, 4096);
        made_ntuple(&w.file, NTUPLE_MADE_PAGES, pages.data, pages.n, 0, NULL);
        made_free(&pages);
        ck_assert_msg(open_made(&w, 0, &err) == VCOL_OK, "%s", err.message);
        ck_assert_int_eq(vcol_chunk_open(w.d, 0, NTUPLE_ENTRIES, &c, &err), VCOL_OK);
        ck_assert_ptr_null(vcol_chunk_f32(c, "v", &err));
        ck_assert_int_eq(err.status, VCOL_CORRUPT);
        ck_assert_msg(strstr(err.message, "made.root") && strstr(err.message, "'v'"), "%s", err.message);
        vcol_error_reset(&err);
        ck_assert_ptr_nonnull(vcol_chunk_i32(c, "i", &err)); /* others are read all the same */
        vcol_chunk_close(c);
        close_world(&w);
    }
}
END_TEST

/* ---- failures ------------------------------------------------------------------------------------------ */

/* A loop over all, with threads ahead of it or without: what it came to. */
static vcol_status pass(const made_file *f, int threads, t_allocator *a, t_source *source, vcol_error *err)
{
    vcol_manager_options mo = t_options();
    vcol_dataset_options o;
    vcol_loop_options lo;
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_loop *loop = NULL;
    vcol_chunk *c;
    vcol_source *opened = t_source_open(source, f->bytes.data, f->bytes.n, "made");
    vcol_status status;
    mo.threads = threads;
    mo.flags = threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    if (a)
        mo.allocator = t_allocator_of(a);
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &opened;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 2;
    lo.columns = "*";
    status = vcol_manager_open(&mo, &m, err);
    if (!status)
        status = vcol_dataset_open(m, &(const char *){"made.root"}, 1, &o, &d, err);
    if (!status)
        status = vcol_loop_open(d, &lo, &loop, err);
    while (!status && (status = vcol_loop_next(loop, &c, err)) == VCOL_OK) {
        for (int64_t id = 0; id < vcol_dataset_columns(d) && !status; id++) {
            vcol_view v;
            vcol_column_info info;
            vcol_dataset_column(d, id, &info, sizeof info, NULL);
            if (!info.status)
                status = vcol_chunk_get(c, id, &v, err);
        }
    }
    vcol_loop_close(loop);
    vcol_dataset_close(d);
    vcol_source_release(opened);
    vcol_manager_close(m);
    return status;
}

START_TEST(every_allocation_fails_once)
{
    int64_t step = _i ? 7 : 1;
    made_file f;
    made_ntuple(&f, NTUPLE_NONE, NULL, 0, 0, NULL);
    for (int64_t n = 1;; n += step) {
        t_allocator a = {.fail_call = n};
        t_source source = {0};
        vcol_error err = {0};
        vcol_status status = pass(&f, 2 * _i, &a, &source, &err);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        ck_assert_msg(status == VCOL_END || status == VCOL_NOMEM, "allocation %d: %s", (int)n, err.message);
        if (atomic_load(&a.calls) < n)
            break;
    }
    made_file_free(&f);
}
END_TEST

START_TEST(every_read_fails_once)
{
    made_file f;
    made_ntuple(&f, NTUPLE_NONE, NULL, 0, 0, NULL);
    for (int64_t n = 1;; n++) {
        t_source source = {.fail_call = n};
        vcol_error err = {0};
        vcol_status status = pass(&f, 2 * _i, NULL, &source, &err);
        ck_assert_msg(status == VCOL_END || status == VCOL_IO, "read %d: %s", (int)n, err.message);
        if (atomic_load(&source.calls) < n)
            break;
    }
    made_file_free(&f);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {split_and_zigzag_are_undone_at_every_length, 0},
        {planes_are_woven_together_as_by_the_plain_loops, 0},
        {every_byte_of_bits_becomes_eight_bytes, 0},
        {ends_are_rebased_and_a_fall_is_found_wherever_it_is, 0},
        {differences_are_summed_from_any_element_on, 0},
        {sums_of_many_bytes_do_not_overflow, 0},
        {packed_bits_are_unpacked_at_every_width_and_length, 0},
        {all_half_precision_numbers_are_widened, 0},
        {all_kinds_of_fields_are_read_in_chunks_of_every_size, 2 * (NTUPLE_ENTRIES + 1)},
        {what_an_optional_column_was_made_of_is_not_fetched_again, 1},
        {any_range_of_entries_is_read_by_itself, 0},
        {clear_drops_columns_and_what_they_are_made_of, 0},
        {envelopes_longer_than_a_key_are_read_in_chunks, 0},
        {columns_say_what_they_are, 0},
        {names_are_found_with_dots_or_underscores, 0},
        {verify_finds_each_broken_page, 0},
        {anchors_that_lie_are_refused, 0},
        {features_that_are_not_known_are_refused, 0},
        {a_page_list_of_another_header_is_refused, 0},
        {ends_of_lists_that_contradict_the_pages_are_an_error_of_their_column, 0},
        {every_allocation_fails_once, 2},
        {every_read_fails_once, 2},
    };
    return t_main("ntuple", tests, sizeof tests / sizeof *tests);
}
