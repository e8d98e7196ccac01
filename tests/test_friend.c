/* SPDX-License-Identifier: BSD-3-Clause */
/* Friends (vcol_friend): entry i of a data set with the columns of entry i of other tables. Our number E8.6. */
#include "fuzz/made.h"
#include "helpers.h"

#define ROWS 8000

static uint8_t *bytes;
static size_t size;

/* A data set over the sample and a friend, each through a source of its own. */
typedef struct world {
    t_allocator allocator;
    t_source source[2];
    vcol_source *opened[2];
    vcol_manager *m;
    vcol_dataset *d;
} world;

typedef struct setting {
    int threads;
    uint64_t limit;
    uint32_t flags; /* of the data set */
    const made_file *friend; /* NULL: the sample again */
    uint32_t friend_flags;
} setting;

static world *fresh(const setting *s, vcol_status want, vcol_error *err)
{
    static const char *const main_path = "main:Events", *friend_path = "friend:Events";
    world *w = calloc(1, sizeof *w);
    vcol_manager_options o = t_options();
    vcol_dataset_options d;
    vcol_friend f = {.name = "twin", .paths = &friend_path, .n_paths = 1, .flags = s->friend_flags};
    vcol_error own = {0};
    vcol_status status;
    if (!bytes)
        bytes = t_file(VCOL_SAMPLE, &size);
    o.allocator = t_allocator_of(&w->allocator);
    o.threads = s->threads;
    o.flags = s->threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    o.limit = s->limit;
    w->m = t_manager(&o);
    w->opened[0] = t_source_open(&w->source[0], bytes, size, "main");
    w->opened[1] = s->friend ? t_source_open(&w->source[1], s->friend->bytes.data, s->friend->bytes.n, "friend")
                             : t_source_open(&w->source[1], bytes, size, "friend");
    f.sources = &w->opened[1];
    vcol_dataset_options_init(&d, sizeof d);
    d.flags = s->flags;
    d.sources = &w->opened[0];
    d.friends = &f;
    d.n_friends = 1;
    status = vcol_dataset_open(w->m, &main_path, 1, &d, &w->d, &own);
    ck_assert_msg(status == want, "%s", own.message);
    if (err)
        *err = own;
    return w;
}

static void done(world *w)
{
    vcol_dataset_close(w->d);
    vcol_manager_close(w->m);
    for (int i = 0; i < 2; i++)
        vcol_source_release(w->opened[i]);
    ck_assert_int_eq(w->allocator.live, 0);
    ck_assert_int_eq(w->source[0].closed + w->source[1].closed, 2);
    free(w);
}

static int64_t id_of(const vcol_dataset *d, const char *path)
{
    int64_t id = -1;
    vcol_dataset_find(d, path, &id, NULL);
    return id;
}

static void same_view(const vcol_view *v, const vcol_view *w)
{
    ck_assert_int_eq(v->type, w->type);
    ck_assert_int_eq(v->levels, w->levels);
    ck_assert_int_eq(v->count, w->count);
    ck_assert_int_eq(memcmp(v->values, w->values, (size_t)v->count * vcol_type_width(v->type)), 0);
    if (v->levels)
        ck_assert_int_eq(memcmp(v->level[0].offsets, w->level[0].offsets, (size_t)(v->level[0].count + 1) * 8), 0);
}

/* ---- values ---------------------------------------------------------------------------------------------- */

/* The sample as its own friend: each column is there twice. */
START_TEST(e8_6_columns_of_a_friend_are_those_of_its_table)
{
    static const struct {
        setting s;
        int64_t chunk;
    } cases[] = {{{0, 0, 0, NULL, 0}, ROWS},        {{0, 0, 0, NULL, 0}, 700},  {{2, 0, 0, NULL, 0}, 1000},
                 {{4, 8 << 20, 0, NULL, 0}, 333},   {{1, 1 << 20, 0, NULL, 0}, ROWS}};
    world *w = fresh(&cases[_i].s, VCOL_OK, NULL);
    int64_t n = vcol_dataset_columns(w->d) / 2;
    vcol_loop_options o;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_status status;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_dataset_entries(w->d), ROWS);
    vcol_loop_options_init(&o, sizeof o);
    o.entries = cases[_i].chunk;
    o.columns = "* twin.Jet twin.*";
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &loop, &err), VCOL_OK);
    while ((status = vcol_loop_next(loop, &c, &err)) == VCOL_OK)
        for (int64_t id = 0; id < n; id++) {
            vcol_column_info own, twin;
            vcol_view v, x;
            char path[256];
            ck_assert_int_eq(vcol_dataset_column(w->d, id, &own, sizeof own, NULL), VCOL_OK);
            ck_assert_int_eq(vcol_dataset_column(w->d, n + id, &twin, sizeof twin, NULL), VCOL_OK);
            snprintf(path, sizeof path, "twin.%s", own.path);
            ck_assert_str_eq(twin.path, path);
            ck_assert_int_eq(id_of(w->d, path), n + id);
            ck_assert_int_eq(!own.collection, !twin.collection);
            vcol_chunk_get(c, id, &v, &err);
            vcol_chunk_get(c, n + id, &x, &err);
            ck_assert_msg(!err.status, "%s", err.message);
            same_view(&v, &x);
            vcol_chunk_clear_id(c, id);
            vcol_chunk_clear_id(c, n + id);
        }
    ck_assert_msg(status == VCOL_END, "%s", err.message);
    vcol_loop_close(loop);
    done(w);
}
END_TEST

/* Of the table nothing but its own columns is read, of the friend nothing but its. */
START_TEST(e8_6_only_what_is_asked_for_is_read_of_a_friend)
{
    const setting s = {0};
    world *w = fresh(&s, VCOL_OK, NULL);
    vcol_chunk *c;
    int64_t own = w->source[0].bytes, twin = w->source[1].bytes, before;
    ck_assert_int_eq(vcol_chunk_open(w->d, 0, ROWS, &c, NULL), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "Jet_pt", NULL));
    ck_assert_int_eq(w->source[1].bytes, twin);
    ck_assert_int_gt(w->source[0].bytes, own);
    before = w->source[0].bytes - own;
    own = w->source[0].bytes;
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "twin.Jet_pt", NULL));
    ck_assert_ptr_nonnull(vcol_chunk_offsets(c, "twin.Jet", NULL));
    ck_assert_int_eq(w->source[0].bytes, own);
    ck_assert_int_eq(w->source[1].bytes - twin, before);
    vcol_chunk_close(c);
    done(w);
}
END_TEST

/* ---- lengths --------------------------------------------------------------------------------------------- */

START_TEST(e8_6_behind_a_friends_end_is_an_error_or_null)
{
    made none = {0};
    made_file f = made_with(&none);
    setting s = {.friend = &f};
    world *w = fresh(&s, VCOL_OK, NULL);
    vcol_chunk *c;
    vcol_view v;
    vcol_error err = {0};
    const int32_t *n;
    ck_assert_int_eq(vcol_chunk_open(w->d, 0, MADE_ENTRIES, &c, NULL), VCOL_OK);
    n = vcol_chunk_i32(c, "twin.n", &err);
    ck_assert_msg(n, "%s", err.message);
    for (int i = 0; i < MADE_ENTRIES; i++)
        ck_assert_int_eq(n[i], i % 3);
    vcol_chunk_close(c);
    ck_assert_int_eq(vcol_chunk_open(w->d, 0, MADE_ENTRIES + 1, &c, NULL), VCOL_OK);
    ck_assert_ptr_null(vcol_chunk_i32(c, "twin.n", &err));
    ck_assert_msg(strstr(err.message, "column 'twin.n' ends at entry 5"), "%s", err.message);
    vcol_chunk_close(c);
    done(w);
    s.flags = VCOL_DATASET_SHORT_NULL;
    w = fresh(&s, VCOL_OK, NULL);
    ck_assert_int_eq(vcol_chunk_open(w->d, 2, 8, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, id_of(w->d, "twin.n"), &v, NULL), VCOL_OK);
    ck_assert_int_eq(v.level[0].kind, VCOL_LEVEL_OPTIONAL);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(v.level[0].validity[0] >> i & 1, i + 2 < MADE_ENTRIES);
    ck_assert_int_eq(((const int32_t *)v.values)[2], 4 % 3);
    vcol_chunk_close(c);
    done(w);
    made_file_free(&f);
}
END_TEST

/* Each of the data set's files has its own; as many, and all but the last as long. */
START_TEST(e8_6_several_files_have_a_friend_each)
{
    static const char *const two[] = {VCOL_SAMPLE, VCOL_SAMPLE}, *const short_first[] = {"made", VCOL_SAMPLE};
    vcol_manager *m = t_manager(NULL);
    vcol_dataset_options o;
    vcol_friend f = {.name = "f", .paths = two, .n_paths = 2};
    vcol_source *sources[2] = {0};
    vcol_dataset *d;
    vcol_error err = {0};
    made none = {0};
    made_file made = made_with(&none);
    vcol_dataset_options_init(&o, sizeof o);
    o.friends = &f;
    o.n_friends = 1;
    ck_assert_msg(vcol_dataset_open(m, two, 2, &o, &d, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(vcol_dataset_entries(d), 2 * ROWS);
    for (int k = 0; k < 2; k++) {
        vcol_chunk *c;
        vcol_view v, x;
        ck_assert_int_eq(vcol_chunk_open(d, k * ROWS + 100, 1000, &c, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_get(c, id_of(d, "Jet_pt"), &v, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_get(c, id_of(d, "f.Jet_pt"), &x, NULL), VCOL_OK);
        same_view(&v, &x);
        vcol_chunk_close(c);
    }
    vcol_dataset_close(d);
    f.n_paths = 1;
    ck_assert_int_eq(vcol_dataset_open(m, two, 2, &o, &d, &err), VCOL_TYPE);
    ck_assert_str_eq(err.message, "friend 'f' has 1 files, the data set 2");
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_source_open_memory(made.bytes.data, made.bytes.n, "made", &sources[0], NULL), VCOL_OK);
    ck_assert_int_eq(vcol_source_open_file(VCOL_SAMPLE, &sources[1], NULL), VCOL_OK);
    f = (vcol_friend){.name = "f", .paths = short_first, .n_paths = 2, .sources = sources};
    ck_assert_int_eq(vcol_dataset_open(m, two, 2, &o, &d, &err), VCOL_TYPE);
    ck_assert_msg(strstr(err.message, "has 5 entries, the table 8000, and more files follow"), "%s", err.message);
    vcol_error_reset(&err);
    f.name = "";
    ck_assert_int_eq(vcol_dataset_open(m, two, 2, &o, &d, &err), VCOL_MISUSE);
    vcol_error_reset(&err);
    o.friends = NULL;
    ck_assert_int_eq(vcol_dataset_open(m, two, 2, &o, &d, &err), VCOL_MISUSE);
    vcol_source_release(sources[0]);
    vcol_source_release(sources[1]);
    made_file_free(&made);
    vcol_manager_close(m);
}
END_TEST

/* ---- stored ------------------------------------------------------------------------------------------------- */

/* The table's own list: the same tree under another name; a file that is not there; nothing unless it is asked for. */
START_TEST(e8_6_stored_friends_are_opened_when_that_is_asked_for)
{
    vcol_manager *m = t_manager(NULL);
    made rest = {0};
    made_file f;
    vcol_dataset_options o;
    vcol_dataset *d;
    vcol_friend_info info;
    vcol_source *source;
    vcol_error err = {0};
    made_tree_friend(&rest, "again", _i ? "nowhere.root" : "", "Events");
    f = made_with(&rest);
    ck_assert_int_eq(vcol_source_open_memory(f.bytes.data, f.bytes.n, "made", &source, NULL), VCOL_OK);
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &source;
    ck_assert_int_eq(vcol_dataset_open(m, &(const char *){"made:Events"}, 1, &o, &d, NULL), VCOL_OK);
    ck_assert_int_eq(id_of(d, "again.x"), -1);
    ck_assert_int_eq(vcol_dataset_friends(d), 1); /* but they are listed */
    ck_assert_int_eq(vcol_dataset_friend(d, 0, &info, sizeof info, NULL), VCOL_OK);
    ck_assert_str_eq(info.name, "again");
    ck_assert_str_eq(info.path, _i ? "nowhere.root" : "");
    ck_assert_str_eq(info.object, "Events");
    ck_assert_int_eq(vcol_dataset_friend(d, 1, &info, sizeof info, NULL), VCOL_RANGE);
    vcol_dataset_close(d);
    o.flags = VCOL_DATASET_FRIENDS;
    if (_i) {
        ck_assert_int_eq(vcol_dataset_open(m, &(const char *){"made:Events"}, 1, &o, &d, &err), VCOL_NOT_FOUND);
        ck_assert_msg(strstr(err.message, "friend 'again'") && strstr(err.message, "nowhere.root"), "%s", err.message);
    } else {
        vcol_chunk *c;
        vcol_view v, x;
        ck_assert_int_eq(vcol_dataset_open(m, &(const char *){"made:Events"}, 1, &o, &d, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_open(d, 0, MADE_ENTRIES, &c, NULL), VCOL_OK);
        for (int64_t id = 0; id < vcol_dataset_columns(d) / 2; id++) {
            vcol_chunk_get(c, id, &v, &err);
            vcol_chunk_get(c, vcol_dataset_columns(d) / 2 + id, &x, &err);
            ck_assert_msg(!err.status, "%s", err.message);
            ck_assert_int_eq(v.count, x.count);
            ck_assert_int_eq(memcmp(v.values, x.values, (size_t)v.count * vcol_type_width(v.type)), 0);
        }
        vcol_chunk_close(c);
        vcol_dataset_close(d);
    }
    vcol_source_release(source);
    made_file_free(&f);
    made_free(&rest);
    vcol_manager_close(m);
}
END_TEST

/* With an index of columns that the table has, entries belong together by it (test_match.c); of others, it means nothing. */
START_TEST(e8_6_a_friend_with_an_index_is_read_by_entry_only_where_that_is_right)
{
    static const int64_t majors[] = {0}, minors[] = {0}, entries[] = {0};
    static const struct {
        const char *major, *minor;
        uint32_t flags;
        vcol_status listed, read;
    } cases[] = {{"run", "event", 0, VCOL_OK, VCOL_NOT_FOUND},
                 {"run", "0", 0, VCOL_OK, VCOL_NOT_FOUND},
                 {"run", "event", VCOL_FRIEND_BY_ENTRY, VCOL_OK, VCOL_OK},
                 {"n", "ab.a", 0, VCOL_OK, VCOL_OK},
                 {"run+1", "event", 0, VCOL_UNSUPPORTED, VCOL_UNSUPPORTED},
                 {"run", "MET_pt", 0, VCOL_UNSUPPORTED, VCOL_UNSUPPORTED}};
    made rest = {0};
    made_file f;
    setting s = {.friend = &f, .friend_flags = cases[_i].flags};
    world *w;
    vcol_column_info info;
    vcol_chunk *c;
    vcol_view v;
    made_tree_index(&rest, 2, cases[_i].major, cases[_i].minor, majors, minors, entries, 1);
    f = made_with(&rest);
    w = fresh(&s, VCOL_OK, NULL);
    ck_assert_int_eq(vcol_dataset_column(w->d, id_of(w->d, "twin.n"), &info, sizeof info, NULL), VCOL_OK);
    ck_assert_int_eq(info.status, cases[_i].listed);
    ck_assert_int_eq(!info.note, cases[_i].listed == VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(w->d, 0, MADE_ENTRIES, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, info.id, &v, NULL), cases[_i].read);
    vcol_chunk_close(c);
    done(w);
    made_file_free(&f);
    made_free(&rest);
}
END_TEST

/* ---- faults ---------------------------------------------------------------------------------------------- */

/* A fault in a friend is told with its name and file, and harms no other column. */
START_TEST(e8_6_a_fault_in_a_friend_says_whose_it_is)
{
    const setting s = {0};
    world *w = fresh(&s, VCOL_OK, NULL);
    vcol_chunk *c;
    vcol_error err = {0};
    int64_t blocks, faults;
    uint8_t *broken = malloc(size);
    memcpy(broken, bytes, size);
    for (size_t i = 300; i < size / 2; i += 1000) /* baskets lie there */
        broken[i] ^= 0x55;
    w->source[1].data = broken; /* it was opened whole */
    ck_assert_int_eq(vcol_chunk_open(w->d, 0, ROWS, &c, NULL), VCOL_OK);
    ck_assert_ptr_null(vcol_chunk_f32(c, "twin.MET_pt", &err));
    ck_assert_msg(strstr(err.message, "main") && strstr(err.message, "friend 'twin' (friend): tree 'Events', branch 'MET_pt'"), "%s",
                  err.message);
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "MET_pt", NULL));
    vcol_chunk_close(c);
    ck_assert_int_eq(vcol_dataset_verify(w->d, NULL, NULL, NULL, &blocks, &faults, NULL), VCOL_OK);
    ck_assert_int_gt(faults, 20);
    ck_assert_int_eq(vcol_dataset_verify(w->d, "Jet_*", NULL, NULL, &blocks, &faults, NULL), VCOL_OK);
    ck_assert_int_eq(faults, 0);
    done(w);
    free(broken);
}
END_TEST

/* Every read of the friend and every allocation fails once, from opening to the values: an error, and nothing is left. */
START_TEST(e8_6_every_read_and_allocation_with_a_friend_fails_once)
{
    static const char *const main_path = "main:Events", *friend_path = "friend:Events";
    made none = {0};
    made_file f = made_with(&none);
    int64_t failed = 0;
    for (int64_t call = 1;; call++) {
        static t_source source[2];
        t_allocator memory = {.fail_call = _i ? call : 0};
        vcol_manager_options o = t_options();
        vcol_dataset_options d;
        vcol_friend friend = {.name = "f", .paths = &friend_path, .n_paths = 1};
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
        friend.sources = &opened[1];
        d.sources = opened;
        d.friends = &friend;
        d.n_friends = 1;
        vcol_manager_open(&o, &m, &err);
        vcol_dataset_open(m, &main_path, 1, &d, &set, &err);
        vcol_chunk_open(set, 0, MADE_ENTRIES, &c, &err);
        if (c) {
            vcol_chunk_f32(c, "f.x", &err);
            vcol_chunk_f32(c, "x", &err);
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
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e8_6_columns_of_a_friend_are_those_of_its_table, 5},
        {e8_6_only_what_is_asked_for_is_read_of_a_friend, 0},
        {e8_6_behind_a_friends_end_is_an_error_or_null, 0},
        {e8_6_several_files_have_a_friend_each, 0},
        {e8_6_stored_friends_are_opened_when_that_is_asked_for, 2},
        {e8_6_a_friend_with_an_index_is_read_by_entry_only_where_that_is_right, 6},
        {e8_6_a_fault_in_a_friend_says_whose_it_is, 0},
        {e8_6_every_read_and_allocation_with_a_friend_fails_once, 2},
    };
    int failed = t_main("friend", tests, sizeof tests / sizeof *tests);
    free(bytes);
    return failed;
}
