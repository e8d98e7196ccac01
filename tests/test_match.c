/* SPDX-License-Identifier: BSD-3-Clause */
/* Friends with an index: entry i of a data set with the columns of the entry that has the same numbers. Our number E8.7. */
#include "fuzz/made.h"
#include "fuzz/made_ntuple.h"
#include "helpers.h"

#include <pthread.h>

#define ROWS 8000

static uint8_t *sample;
static size_t sample_size;

/* A data set and a friend "f", each from memory; and the friend's table as a data set of its own, to compare with. */
typedef struct world {
    t_allocator allocator;
    t_source source[2];
    vcol_source *opened[2];
    vcol_manager *m;
    vcol_dataset *d, *own;
    int64_t n; /* columns of the friend: the last ones */
} world;

typedef struct bytes {
    const uint8_t *data;
    size_t n;
    const char *path; /* "main:Events" */
} bytes;

typedef struct setting {
    bytes main, friend;
    const char *major, *minor;
    uint32_t flags;
    int threads;
    uint64_t limit;
    vcol_status status;
} setting;

static bytes the_sample(void)
{
    if (!sample)
        sample = t_file(VCOL_SAMPLE, &sample_size);
    return (bytes){sample, sample_size, "sample:Events"};
}

static bytes made_bytes_of(const made_file *f, const char *path)
{
    return (bytes){f->bytes.data, f->bytes.n, path};
}

static world *fresh(const setting *s, vcol_error *err)
{
    world *w = calloc(1, sizeof *w);
    vcol_manager_options o = t_options();
    vcol_dataset_options d;
    vcol_friend f = {.name = "f", .paths = &s->friend.path, .n_paths = 1, .major = s->major, .minor = s->minor};
    vcol_error own = {0};
    vcol_status status;
    o.allocator = t_allocator_of(&w->allocator);
    o.threads = s->threads;
    o.flags = s->threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    o.limit = s->limit;
    w->m = t_manager(&o);
    w->opened[0] = t_source_open(&w->source[0], s->main.data, s->main.n, "main");
    w->opened[1] = t_source_open(&w->source[1], s->friend.data, s->friend.n, "friend");
    f.sources = &w->opened[1];
    vcol_dataset_options_init(&d, sizeof d);
    d.flags = s->flags;
    d.sources = &w->opened[0];
    d.friends = &f;
    d.n_friends = 1;
    status = vcol_dataset_open(w->m, &s->main.path, 1, &d, &w->d, &own);
    ck_assert_msg(status == s->status, "%s", own.message);
    if (err)
        *err = own;
    vcol_dataset_options_init(&d, sizeof d);
    d.sources = &w->opened[1];
    ck_assert_int_eq(vcol_dataset_open(w->m, &s->friend.path, 1, &d, &w->own, NULL), VCOL_OK);
    w->n = vcol_dataset_columns(w->own);
    return w;
}

static void done(world *w)
{
    vcol_dataset_close(w->own);
    vcol_dataset_close(w->d);
    vcol_manager_close(w->m);
    for (int i = 0; i < 2; i++)
        vcol_source_release(w->opened[i]);
    ck_assert_int_eq(w->allocator.live, 0);
    free(w);
}

/* The friend's column k, of the data set. */
static int64_t friends_column(const world *w, int64_t k)
{
    return vcol_dataset_columns(w->d) - w->n + k;
}

/* Run and event of the sample's entries. */
static void sample_numbers(int64_t *majors, int64_t *minors)
{
    vcol_manager *m = t_manager(NULL);
    vcol_dataset *d;
    vcol_chunk *c;
    ck_assert_int_eq(vcol_dataset_open(m, &(const char *){VCOL_SAMPLE}, 1, NULL, &d, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(d, 0, ROWS, &c, NULL), VCOL_OK);
    const int32_t *run = vcol_chunk_i32(c, "run", NULL);
    const uint64_t *event = vcol_chunk_u64(c, "event", NULL);
    ck_assert(run && event);
    for (int i = 0; i < ROWS; i++) {
        majors[i] = run[i];
        minors[i] = (int64_t)event[i];
    }
    vcol_chunk_close(c);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}

/* Where entry i of the sample is, in the friend made of it. */
static int64_t place_of(int64_t i, bool holes)
{
    return holes && i % 3 == 1 ? -1 : (i * 7 + i / 13) % MADE_ENTRIES;
}

/* A friend of the sample with an index of run and event, in which every third entry is left out. */
static made_file made_friend(unsigned version, bool holes)
{
    static int64_t majors[ROWS], minors[ROWS], entries[ROWS];
    made rest = {0};
    made_file f;
    int n = 0;
    sample_numbers(majors, minors);
    for (int i = 0; i < ROWS; i++)
        if (place_of(i, holes) >= 0) {
            majors[n] = majors[i];
            minors[n] = minors[i];
            entries[n++] = place_of(i, holes);
        }
    made_tree_index(&rest, version, "run", "event", majors, minors, entries, n);
    f = made_with(&rest);
    made_free(&rest);
    return f;
}

static bool bit(const uint8_t *bits, int64_t i)
{
    return !bits || (bits[i / 8] >> i % 8 & 1);
}

/* Items [i, i + n) of level l of a view, and [j, j + n) of level k of another. */
static void same_piece(const vcol_view *v, int32_t l, int64_t i, const vcol_view *w, int32_t k, int64_t j, int64_t n)
{
    size_t width = vcol_type_width(v->type);
    if (l == v->levels) {
        ck_assert_int_eq(k, w->levels);
        ck_assert_int_le(i + n, v->count);
        ck_assert_int_eq(memcmp((const char *)v->values + (size_t)i * width, (const char *)w->values + (size_t)j * width,
                                (size_t)n * width), 0);
        return;
    }
    ck_assert_int_eq(v->level[l].kind, w->level[k].kind);
    if (v->level[l].kind == VCOL_LEVEL_FIXED) {
        int64_t size = v->level[l].size;
        same_piece(v, l + 1, i * size, w, k + 1, j * size, n * size);
    } else if (v->level[l].kind == VCOL_LEVEL_OPTIONAL) {
        for (int64_t x = 0; x < n; x++)
            ck_assert_int_eq(bit(v->level[l].validity, i + x), bit(w->level[k].validity, j + x));
        same_piece(v, l + 1, i, w, k + 1, j, n);
    } else {
        const int64_t *a = v->level[l].offsets, *b = w->level[k].offsets;
        for (int64_t x = 0; x < n; x++) {
            ck_assert_int_eq(a[i + x + 1] - a[i + x], b[j + x + 1] - b[j + x]);
            if (v->level[l].kind == VCOL_LEVEL_UNION)
                ck_assert_int_eq(v->level[l].tags[i + x], w->level[k].tags[j + x]);
        }
        same_piece(v, l + 1, a[i], w, k + 1, b[j], b[j + n] - b[j]);
    }
}

/* What an entry has that was not found: no list has items, everything else is 0. */
static void nothing_there(const vcol_view *v, int64_t i)
{
    int64_t n = 1;
    for (int32_t l = 0; l < v->levels; l++) {
        if (v->level[l].kind == VCOL_LEVEL_FIXED) {
            i *= v->level[l].size;
            n *= v->level[l].size;
        } else if (v->level[l].kind == VCOL_LEVEL_LIST || v->level[l].kind == VCOL_LEVEL_UNION) {
            ck_assert_int_eq(v->level[l].offsets[i], v->level[l].offsets[i + n]);
            return;
        }
    }
    for (size_t b = 0; b < (size_t)n * vcol_type_width(v->type); b++)
        ck_assert_int_eq(((const char *)v->values)[(size_t)i * vcol_type_width(v->type) + b], 0);
}

/* All of the friend's columns in a chunk are those of its own table's entries at `place`. */
static void compare(world *w, vcol_chunk *c, vcol_chunk *own, bool nullable, int64_t (*place)(int64_t i, bool holes), bool holes)
{
    int64_t first = vcol_chunk_first(c);
    for (int64_t k = 0; k < w->n; k++) {
        vcol_column_info info;
        vcol_view v, x;
        vcol_error err = {0};
        ck_assert_int_eq(vcol_dataset_column(w->own, k, &info, sizeof info, NULL), VCOL_OK);
        if (info.status != VCOL_OK)
            continue;
        vcol_chunk_get(c, friends_column(w, k), &v, &err);
        vcol_chunk_get(own, k, &x, &err);
        ck_assert_msg(!err.status, "%s: %s", info.path, err.message);
        ck_assert_int_eq(v.levels, x.levels + nullable);
        ck_assert_int_eq(v.entries, vcol_chunk_entries(c));
        for (int64_t i = 0; i < v.entries; i++) {
            int64_t at = place(first + i, holes);
            if (nullable)
                ck_assert_int_eq(bit(v.level[0].validity, i), at >= 0);
            if (at >= 0)
                same_piece(&v, nullable, i, &x, 0, at, 1);
            else
                nothing_there(&v, i);
        }
        vcol_chunk_clear_id(c, friends_column(w, k));
    }
}

/* ---- values ---------------------------------------------------------------------------------------------- */

/* Any order, with and without entries that are not found; chunks, threads and limits change nothing. */
START_TEST(e8_7_a_friend_in_another_order_is_read_by_its_index)
{
    static const struct {
        unsigned version;
        bool holes;
        int threads;
        uint64_t limit;
        int64_t chunk;
    } cases[] = {{2, false, 0, 0, ROWS},      {2, true, 0, 0, 700},        {1, false, 2, 0, 1000},
                 {2, true, 4, 8 << 20, 333}, {1, true, 1, 1 << 20, ROWS}, {2, true, 2, 0, 11}};
    made_file f = made_friend(cases[_i].version, cases[_i].holes);
    setting s = {.main = the_sample(), .friend = made_bytes_of(&f, "friend:Events"), .threads = cases[_i].threads,
                 .limit = cases[_i].limit, .flags = cases[_i].holes ? VCOL_DATASET_UNMATCHED_NULL : 0};
    world *w = fresh(&s, NULL);
    vcol_loop_options o;
    vcol_loop *loop;
    vcol_chunk *c, *own;
    vcol_status status;
    vcol_error err = {0};
    int64_t seen = 0;
    ck_assert_int_eq(vcol_dataset_entries(w->d), ROWS);
    ck_assert_int_eq(vcol_chunk_open(w->own, 0, MADE_ENTRIES, &own, NULL), VCOL_OK);
    vcol_loop_options_init(&o, sizeof o);
    o.entries = cases[_i].chunk;
    o.columns = "f.* Jet_pt";
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &loop, &err), VCOL_OK);
    while ((status = vcol_loop_next(loop, &c, &err)) == VCOL_OK) {
        compare(w, c, own, cases[_i].holes, place_of, cases[_i].holes);
        seen += vcol_chunk_entries(c);
    }
    ck_assert_msg(status == VCOL_END, "%s", err.message);
    ck_assert_int_eq(seen, ROWS);
    vcol_loop_close(loop);
    vcol_chunk_close(own);
    done(w);
    made_file_free(&f);
}
END_TEST

/* An index of columns is made at open. In the table's order each block is unpacked once, in any chunks. */
START_TEST(e8_7_columns_make_an_index_and_blocks_are_unpacked_once)
{
    static const struct {
        const char *major, *minor;
        int threads;
        int64_t chunk;
    } cases[] = {{"event", NULL, 0, 100}, {"run", "event", 0, 900}, {"run", "event", 3, 450}, {"event", NULL, 0, ROWS}};
    setting s = {.main = the_sample(), .friend = the_sample(), .major = cases[_i].major, .minor = cases[_i].minor,
                 .threads = cases[_i].threads};
    world *w = fresh(&s, NULL);
    vcol_loop_options o;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_status status;
    vcol_error err = {0};
    uint64_t before = t_stats(w->m).blocks_unpacked;
    vcol_loop_options_init(&o, sizeof o);
    o.entries = cases[_i].chunk;
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &loop, &err), VCOL_OK);
    while ((status = vcol_loop_next(loop, &c, &err)) == VCOL_OK)
        for (int64_t k = 0; k < w->n; k++) {
            vcol_view v, x;
            vcol_chunk_get(c, k, &v, &err);
            vcol_chunk_get(c, friends_column(w, k), &x, &err);
            ck_assert_msg(!err.status, "%s", err.message);
            ck_assert_int_eq(v.count, x.count);
            same_piece(&x, 0, 0, &v, 0, 0, v.entries);
        }
    ck_assert_msg(status == VCOL_END, "%s", err.message);
    vcol_loop_close(loop);
    if (!cases[_i].threads) {
        vcol_stats stats = t_stats(w->m);
        uint64_t blocks = 0;
        for (int64_t k = 0; k < 2 * w->n; k++) {
            vcol_column_info info;
            vcol_dataset_column(w->d, k, &info, sizeof info, NULL);
            blocks += (uint64_t)info.blocks;
        }
        ck_assert_int_eq(stats.blocks_redecoded, 0);
        ck_assert_int_le(stats.blocks_unpacked - before, blocks);
    }
    done(w);
}
END_TEST

/* By the numbers of an ntuple, too, with values that are optional, alternatives, lists of lists: of several entries, the first. */
static int64_t first_with[2][NTUPLE_ENTRIES];
static int64_t first_i(int64_t i, bool holes)
{
    return first_with[holes][i];
}

START_TEST(e8_7_every_kind_of_column_is_found)
{
    static const char *const by[] = {"i", "late"};
    made_file f;
    made_ntuple(&f, NTUPLE_NONE, NULL, 0, 0, NULL);
    for (int k = 0; k < 2; k++)
        for (int chunk = 1; chunk <= NTUPLE_ENTRIES; chunk += 2) {
            setting s = {.main = made_bytes_of(&f, "main:nt"), .friend = made_bytes_of(&f, "friend:nt"), .major = by[k]};
            world *w = fresh(&s, NULL);
            vcol_chunk *own, *c;
            vcol_view v;
            int64_t id;
            ck_assert_int_eq(vcol_chunk_open(w->own, 0, NTUPLE_ENTRIES, &own, NULL), VCOL_OK);
            ck_assert_int_eq(vcol_dataset_find(w->own, by[k], &id, NULL), VCOL_OK);
            ck_assert_int_eq(vcol_chunk_get(own, id, &v, NULL), VCOL_OK);
            size_t width = vcol_type_width(v.type);
            for (int64_t i = 0; i < NTUPLE_ENTRIES; i++)
                for (int64_t j = NTUPLE_ENTRIES - 1; j >= 0; j--)
                    if (memcmp((const char *)v.values + (size_t)i * width, (const char *)v.values + (size_t)j * width, width) == 0)
                        first_with[k][i] = j;
            for (int64_t i = 0; i < NTUPLE_ENTRIES; i += chunk) {
                int64_t n = i + chunk < NTUPLE_ENTRIES ? chunk : NTUPLE_ENTRIES - i;
                ck_assert_int_eq(vcol_chunk_open(w->d, i, n, &c, NULL), VCOL_OK);
                compare(w, c, own, false, first_i, k == 1);
                vcol_chunk_close(c);
            }
            vcol_chunk_close(own);
            done(w);
        }
    ck_assert_int_eq(first_with[1][1], 0); /* some are found elsewhere */
    made_file_free(&f);
}
END_TEST

/* ---- what is not found ----------------------------------------------------------------------------------------- */

START_TEST(e8_7_an_entry_that_is_not_found_is_an_error_unless_null_is_asked_for)
{
    made_file f = made_friend(2, true);
    setting s = {.main = the_sample(), .friend = made_bytes_of(&f, "friend:Events")};
    world *w = fresh(&s, NULL);
    vcol_chunk *c;
    vcol_error err = {0};
    vcol_column_info info;
    ck_assert_int_eq(vcol_chunk_open(w->d, 300, 10, &c, NULL), VCOL_OK);
    ck_assert_ptr_null(vcol_chunk_i32(c, "f.n", &err));
    ck_assert_int_eq(err.status, VCOL_NOT_FOUND);
    ck_assert_msg(strstr(err.message, "friend 'f' (friend) has no entry with run ") && strstr(err.message, " and event ") &&
                      strstr(err.message, ", as entry 301 has"), "%s", err.message);
    vcol_chunk_close(c);
    ck_assert_int_eq(vcol_chunk_open(w->d, 302, 2, &c, NULL), VCOL_OK); /* these two are there */
    ck_assert_ptr_nonnull(vcol_chunk_i32(c, "f.n", NULL));
    vcol_chunk_close(c);
    vcol_dataset_column(w->d, friends_column(w, 0), &info, sizeof info, NULL);
    ck_assert_str_eq(info.shape, "int32");
    ck_assert_int_eq(info.entries, ROWS);
    done(w);
    s.flags = VCOL_DATASET_UNMATCHED_NULL;
    w = fresh(&s, NULL);
    vcol_dataset_column(w->d, friends_column(w, 0), &info, sizeof info, NULL);
    ck_assert_str_eq(info.shape, "?int32");
    vcol_dataset_column(w->d, 0, &info, sizeof info, NULL); /* the table's own are not */
    ck_assert_int_eq(info.shape[0] == '?', 0);
    done(w);
    made_file_free(&f);
}
END_TEST

START_TEST(e8_7_what_makes_no_index_is_an_error)
{
    static const struct {
        const char *major, *minor, *says;
        vcol_status status;
    } cases[] = {{"run", "evnt", "the table has no columns 'run' and 'evnt' of one integer", VCOL_TYPE},
                 {"MET_pt", NULL, "the table has no columns 'MET_pt' of one integer", VCOL_TYPE},
                 {"run", "Jet_pt", "of one integer", VCOL_TYPE},
                 {NULL, "event", "a major with a minor", VCOL_MISUSE},
                 {"run", "event", "friend 'f' (friend): ", VCOL_NOT_FOUND}};
    made none = {0};
    made_file f = made_with(&none);
    setting s = {.main = the_sample(), .friend = made_bytes_of(&f, "friend:Events"), .major = cases[_i].major,
                 .minor = cases[_i].minor, .status = cases[_i].status};
    vcol_error err;
    world *w = fresh(&s, &err);
    ck_assert_msg(strstr(err.message, cases[_i].says), "%s", err.message);
    ck_assert_ptr_null(w->d);
    done(w);
    made_file_free(&f);
}
END_TEST

/* ---- memory and faults ------------------------------------------------------------------------------------------- */

/* A column's clear gives back what it took, of the friend's own order too; a collection's offsets are made once. */
START_TEST(e8_7_offsets_are_shared_and_clear_gives_all_back)
{
    setting s = {.main = the_sample(), .friend = the_sample(), .major = "event"};
    world *w = fresh(&s, NULL);
    vcol_chunk *c;
    vcol_view v, x;
    int64_t pt, eta;
    uint64_t before;
    ck_assert_int_eq(vcol_dataset_find(w->d, "f.Jet_pt", &pt, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_find(w->d, "f.Jet_eta", &eta, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(w->d, 1000, 2000, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, pt, &v, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, eta, &x, NULL), VCOL_OK);
    ck_assert_ptr_eq(v.level[0].offsets, x.level[0].offsets);
    before = t_stats(w->m).live;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(vcol_chunk_clear(c, "f.Jet_eta"), 1);
        ck_assert_int_lt((int64_t)t_stats(w->m).live, (int64_t)before);
        ck_assert_int_eq(v.level[0].offsets[0], 0); /* still leased */
        ck_assert_int_eq(vcol_chunk_get(c, eta, &x, NULL), VCOL_OK);
        ck_assert_int_eq(t_stats(w->m).live, before);
    }
    vcol_chunk_close(c);
    vcol_dataset_close(w->d);
    w->d = NULL;
    ck_assert_int_eq(t_stats(w->m).live, 0);
    done(w);
}
END_TEST

/* A view's pin keeps the values when the chunk is closed. */
START_TEST(e8_7_a_pin_outlives_its_chunk)
{
    setting s = {.main = the_sample(), .friend = the_sample(), .major = "event"};
    world *w = fresh(&s, NULL);
    vcol_chunk *c;
    vcol_view v, x;
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(w->d, "f.Jet_pt", &id, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(w->d, 50, 500, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_pin(c, id, &v, NULL), VCOL_OK);
    vcol_chunk_close(c);
    ck_assert_int_eq(vcol_chunk_open(w->d, 50, 500, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, id, &x, NULL), VCOL_OK);
    same_piece(&v, 0, 0, &x, 0, 0, 500);
    vcol_chunk_close(c);
    vcol_dataset_close(w->d); /* and its data set */
    w->d = NULL;
    vcol_view_unpin(&v);
    done(w);
}
END_TEST

/* An index that says entries which the friend does not have is refused, whole. */
START_TEST(e8_7_an_index_of_entries_that_are_not_there_is_an_error)
{
    static const int64_t majors[] = {1, 2}, minors[] = {7, 7}, entries[] = {0, MADE_ENTRIES};
    made rest = {0};
    made_file f;
    vcol_error err;
    world *w;
    made_tree_index(&rest, 2, "run", "event", majors, minors, entries, 2);
    f = made_with(&rest);
    setting s = {.main = the_sample(), .friend = made_bytes_of(&f, "friend:Events"), .status = VCOL_CORRUPT};
    w = fresh(&s, &err);
    ck_assert_msg(strstr(err.message, "friend 'f' (friend)"), "%s", err.message);
    done(w);
    made_file_free(&f);
    made_free(&rest);
}
END_TEST

/* Each of its bytes changed: values, null, or an error. */
START_TEST(e8_7_a_broken_index_ends_in_values_or_an_error)
{
    static const int64_t majors[] = {0, 0, 1, 1, 2}, minors[] = {0, 3, 1, 4, 2}, entries[] = {4, 1, 0, 2, 3};
    made rest = {0}, none = {0};
    made_file plain = made_with(&none);
    int64_t read = 0, refused = 0;
    made_tree_index(&rest, 2, "n", "ab.a", majors, minors, entries, MADE_ENTRIES);
    for (size_t at = 0; at < rest.n; at++)
        for (int change = 0; change < 2; change++) {
            made_file f;
            vcol_manager *m = t_manager(NULL);
            vcol_source *sources[2];
            vcol_dataset_options o;
            vcol_dataset *d = NULL;
            vcol_chunk *c = NULL;
            vcol_error err = {0};
            vcol_friend friend = {.name = "f", .paths = &(const char *){"friend:Events"}, .n_paths = 1, .sources = &sources[1]};
            uint8_t was = rest.data[at];
            rest.data[at] ^= change ? 0x81 : 1;
            f = made_with(&rest);
            vcol_source_open_memory(plain.bytes.data, plain.bytes.n, "main", &sources[0], NULL);
            vcol_source_open_memory(f.bytes.data, f.bytes.n, "friend", &sources[1], NULL);
            vcol_dataset_options_init(&o, sizeof o);
            o.flags = VCOL_DATASET_UNMATCHED_NULL;
            o.sources = sources;
            o.friends = &friend;
            o.n_friends = 1;
            vcol_dataset_open(m, &(const char *){"main:Events"}, 1, &o, &d, &err);
            vcol_chunk_open(d, 0, MADE_ENTRIES, &c, &err);
            for (int64_t k = 0; c && !err.status && k < MADE_BRANCHES; k++) {
                vcol_view v;
                vcol_chunk_get(c, vcol_dataset_columns(d) - 1 - k, &v, &err);
            }
            read += !err.status;
            refused += err.status != VCOL_OK;
            ck_assert(!err.status || err.message[0]);
            vcol_chunk_close(c);
            vcol_dataset_close(d);
            vcol_manager_close(m);
            vcol_source_release(sources[0]);
            vcol_source_release(sources[1]);
            made_file_free(&f);
            rest.data[at] = was;
        }
    ck_assert_int_gt(read, 0);
    ck_assert_int_gt(refused, 0);
    made_file_free(&plain);
    made_free(&rest);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 8 };

typedef struct reader {
    pthread_t thread;
    pthread_barrier_t *start;
    vcol_chunk *chunk;
    int64_t first, n, begin; /* columns; each begins with another */
    const void *values[64];
} reader;

static void *read_all(void *opaque)
{
    reader *r = opaque;
    pthread_barrier_wait(r->start);
    for (int64_t k = 0; k < r->n; k++) {
        vcol_view v;
        vcol_error err = {0};
        int64_t id = (k + r->begin) % r->n;
        t_require(vcol_chunk_get(r->chunk, r->first + id, &v, &err) == VCOL_OK);
        r->values[id] = v.values;
    }
    return NULL;
}

/* Threads that ask for a friend's columns at the same time have one instance of each, and of what they are found by. */
START_TEST(e8_7_threads_share_what_is_found)
{
    made_file f = made_friend(2, false);
    setting s = {.main = the_sample(), .friend = made_bytes_of(&f, "friend:Events"), .threads = 2};
    for (int round = 0; round < 20; round++) {
        world *w = fresh(&s, NULL);
        pthread_barrier_t start;
        reader readers[THREADS] = {{0}};
        vcol_chunk *c;
        ck_assert_int_le(w->n, 64);
        ck_assert_int_eq(vcol_chunk_open(w->d, 100, 4000, &c, NULL), VCOL_OK);
        pthread_barrier_init(&start, NULL, THREADS);
        for (int i = 0; i < THREADS; i++) {
            readers[i] = (reader){.start = &start, .chunk = c, .first = friends_column(w, 0), .n = w->n, .begin = i};
            ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(readers[i].thread, NULL);
        for (int i = 1; i < THREADS; i++)
            ck_assert_mem_eq(readers[i].values, readers[0].values, sizeof readers[0].values);
        pthread_barrier_destroy(&start);
        vcol_chunk_close(c);
        done(w);
    }
    made_file_free(&f);
}
END_TEST

START_TEST(e8_7_every_read_and_allocation_fails_once)
{
    static const char *const main_path = "main:Events", *friend_path = "friend:Events";
    made rest = {0};
    made_file f;
    int64_t failed = 0;
    static const int64_t majors[] = {0, 0, 1, 1, 2}, minors[] = {0, 3, 1, 4, 2}, entries[] = {4, 1, 0, 2, 3};
    made_tree_index(&rest, 2, "n", "ab.a", majors, minors, entries, MADE_ENTRIES);
    f = made_with(&rest);
    for (int64_t call = 1;; call++) {
        static t_source source[2];
        t_allocator memory = {.fail_call = _i ? call : 0};
        vcol_manager_options o = t_options();
        vcol_dataset_options d;
        vcol_friend friend = {.name = "f", .paths = &friend_path, .n_paths = 1, .major = _i == 2 ? "n" : NULL};
        vcol_source *opened[2];
        vcol_manager *m = NULL;
        vcol_dataset *set = NULL;
        vcol_chunk *c = NULL;
        vcol_error err = {0};
        memset(source, 0, sizeof source);
        source[1].fail_call = _i ? 0 : call;
        o.allocator = t_allocator_of(&memory);
        o.flags = VCOL_MANAGER_NO_BACKGROUND;
        for (int i = 0; i < 2; i++)
            opened[i] = t_source_open(&source[i], f.bytes.data, f.bytes.n, i ? "friend" : "main");
        vcol_dataset_options_init(&d, sizeof d);
        d.flags = VCOL_DATASET_UNMATCHED_NULL;
        friend.sources = &opened[1];
        d.sources = opened;
        d.friends = &friend;
        d.n_friends = 1;
        vcol_manager_open(&o, &m, &err);
        vcol_dataset_open(m, &main_path, 1, &d, &set, &err);
        vcol_chunk_open(set, 0, MADE_ENTRIES, &c, &err);
        for (int64_t k = 0; c && !err.status && k < MADE_BRANCHES; k++) {
            vcol_view v;
            vcol_chunk_get(c, vcol_dataset_columns(set) - 1 - k, &v, &err);
        }
        ck_assert_msg(err.status == VCOL_OK || err.status == (_i ? VCOL_NOMEM : VCOL_IO), "%s", err.message);
        vcol_chunk_close(c);
        vcol_dataset_close(set);
        if (m)
            vcol_manager_close(m);
        for (int i = 0; i < 2; i++)
            vcol_source_release(opened[i]);
        ck_assert_int_eq(memory.live, 0);
        ck_assert_int_eq(source[0].closed + source[1].closed, 2);
        if (!err.status)
            break;
        failed++;
    }
    ck_assert_int_gt(failed, 3);
    made_file_free(&f);
    made_free(&rest);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e8_7_a_friend_in_another_order_is_read_by_its_index, 6},
        {e8_7_columns_make_an_index_and_blocks_are_unpacked_once, 4},
        {e8_7_every_kind_of_column_is_found, 0},
        {e8_7_an_entry_that_is_not_found_is_an_error_unless_null_is_asked_for, 0},
        {e8_7_what_makes_no_index_is_an_error, 5},
        {e8_7_offsets_are_shared_and_clear_gives_all_back, 0},
        {e8_7_a_pin_outlives_its_chunk, 0},
        {e8_7_an_index_of_entries_that_are_not_there_is_an_error, 0},
        {e8_7_a_broken_index_ends_in_values_or_an_error, 0},
        {e8_7_threads_share_what_is_found, 0},
        {e8_7_every_read_and_allocation_fails_once, 3},
    };
    int failed = t_main("match", tests, sizeof tests / sizeof *tests);
    free(sample);
    return failed;
}
