/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that were not closed (readers/root/recover.c, adopt.c): TESTS.md E8.3. The sample without its directory, cut, and
 * small files made in memory, with baskets that were written after their tree's record.
 */
#include "fuzz/made.h"
#include "helpers.h"

#define ROWS 8000
#define N_ENTRIES ((int64_t)MADE_ENTRIES)

/* ---- files in memory --------------------------------------------------------------------------------- */

static made sample(void)
{
    size_t n;
    uint8_t *data = t_file(VCOL_SAMPLE, &n);
    return (made){data, n, n};
}

static uint32_t word(const made *m, size_t at)
{
    return (uint32_t)m->data[at] << 24 | (uint32_t)m->data[at + 1] << 16 | (uint32_t)m->data[at + 2] << 8 | m->data[at + 3];
}

/* Where the first record of a class begins. */
static size_t record_of(const made *m, const char *class_name)
{
    size_t n = strlen(class_name);
    for (size_t at = word(m, 8); at + 26 < m->n; at += word(m, at)) {
        size_t strings = at + (m->data[at + 4] ? 34 : 26);
        if (m->data[strings] == n && !memcmp(m->data + strings + 1, class_name, n))
            return at;
    }
    ck_abort_msg("no %s", class_name);
    return 0;
}

/* What the root directory says of its list of keys: nothing, as before it is written. */
static void forget_keys(made *m)
{
    size_t fields = word(m, 8) + word(m, 28);
    ck_assert_uint_eq(m->data[fields], 0);
    made_set32(m, fields + 10, 0);
    made_set32(m, fields + 26, 0);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

typedef struct opened {
    vcol_source *source;
    vcol_file *file;
    vcol_dataset *d;
} opened;

static opened open_table(vcol_manager *m, const made *bytes, uint32_t flags, vcol_status want, vcol_error *err)
{
    vcol_dataset_options o;
    opened x = {0};
    vcol_error own = {0};
    vcol_status status;
    vcol_dataset_options_init(&o, sizeof o);
    o.flags = flags;
    o.sources = &x.source;
    ck_assert_int_eq(vcol_source_open_memory(bytes->data, bytes->n, "memory", &x.source, NULL), VCOL_OK);
    status = vcol_dataset_open(m, &(const char *){"memory:Events"}, 1, &o, &x.d, &own);
    ck_assert_msg(status == want, "%s", own.message);
    if (err)
        *err = own;
    return x;
}

static opened recover_file(vcol_manager *m, const made *bytes)
{
    opened x = {0};
    ck_assert_int_eq(vcol_source_open_memory(bytes->data, bytes->n, "memory", &x.source, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_file_recover(m, "memory", x.source, NULL, &x.file, NULL), VCOL_OK);
    return x;
}

static void shut(opened *x)
{
    vcol_dataset_close(x->d);
    vcol_file_close(x->file);
    vcol_source_release(x->source);
    *x = (opened){0};
}

/* What a file's i-th object is. */
static vcol_object_info object(vcol_file *f, int64_t i)
{
    vcol_object_info info;
    ck_assert_int_eq(vcol_file_object(f, i, &info, NULL), VCOL_OK);
    return info;
}

/* Entries [first, first + n) of a column are those of another's from `from` on. */
static void same_column(vcol_dataset *a, vcol_dataset *b, int64_t id, int64_t first, int64_t from, int64_t n)
{
    vcol_chunk *x, *y;
    vcol_view v, w;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(a, first, n, &x, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(b, from, n, &y, &err), VCOL_OK);
    vcol_chunk_get(x, id, &v, &err);
    vcol_chunk_get(y, id, &w, &err);
    ck_assert_msg(!err.status, "%s", err.message);
    ck_assert_int_eq(v.levels, w.levels);
    ck_assert_int_eq(v.count, w.count);
    ck_assert_int_eq(memcmp(v.values, w.values, (size_t)v.count * vcol_type_width(v.type)), 0);
    if (v.levels && v.level[0].kind == VCOL_LEVEL_LIST)
        ck_assert_int_eq(memcmp(v.level[0].offsets, w.level[0].offsets, ((size_t)n + 1) * sizeof(int64_t)), 0);
    vcol_chunk_close(x);
    vcol_chunk_close(y);
}

/* ---- the sample ------------------------------------------------------------------------------------------ */

/* Closed; without a list of keys; cut behind the tree's record with and without the classes' descriptions. */
START_TEST(e8_3_a_file_that_was_not_closed_is_read_by_its_records)
{
    vcol_manager *m = t_manager(NULL);
    made whole = sample(), bytes = sample();
    opened a = open_table(m, &whole, 0, VCOL_OK, NULL), b;
    size_t info = record_of(&whole, "TList");
    if (_i == 1)
        forget_keys(&bytes);
    if (_i > 1)
        bytes.n = _i == 2 ? info + word(&whole, info) : info;
    if (_i) {
        opened c = open_table(m, &bytes, 0, _i == 1 ? VCOL_NOT_FOUND : VCOL_CORRUPT, NULL);
        shut(&c);
    }
    b = open_table(m, &bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL);
    ck_assert_int_eq(vcol_dataset_entries(b.d), ROWS);
    ck_assert_int_eq(vcol_dataset_columns(b.d), vcol_dataset_columns(a.d));
    for (int64_t id = 0; id < vcol_dataset_columns(a.d); id++)
        same_column(a.d, b.d, id, 0, 0, ROWS);
    shut(&a);
    shut(&b);
    vcol_manager_close(m);
    made_free(&whole);
    made_free(&bytes);
}
END_TEST

START_TEST(e8_3_a_tree_that_was_never_written_is_listed_and_cannot_be_read)
{
    vcol_manager *m = t_manager(NULL);
    made bytes = sample();
    opened a, b;
    vcol_object_info info;
    vcol_error err = {0};
    int64_t records, faults;
    bytes.n = record_of(&bytes, "TTree") - 10; /* inside of a basket */
    a = recover_file(m, &bytes);
    ck_assert_int_eq(vcol_file_objects(a.file), 1);
    info = object(a.file, 0);
    ck_assert_str_eq(info.name, "Events");
    ck_assert_str_eq(info.class_name, "TTree");
    ck_assert_int_eq(info.is_table, 0);
    ck_assert_msg(strstr(info.note, "no record of it, only 104 baskets"), "%s", info.note);
    ck_assert_msg(strstr(vcol_file_note(a.file), "104 baskets found"), "%s", vcol_file_note(a.file));
    ck_assert_msg(strstr(vcol_file_note(a.file), "ends behind the file's end"), "%s", vcol_file_note(a.file));
    ck_assert_int_eq(vcol_file_verify(a.file, NULL, NULL, &records, &faults, NULL), VCOL_OK);
    ck_assert_int_eq(faults, 2); /* this, and that the classes' descriptions are behind the end */
    b = open_table(m, &bytes, VCOL_DATASET_RECOVER, VCOL_UNSUPPORTED, &err);
    ck_assert_msg(strstr(err.message, "no record of it"), "%s", err.message);
    shut(&a);
    shut(&b);
    vcol_manager_close(m);
    made_free(&bytes);
}
END_TEST

/* ---- made files --------------------------------------------------------------------------------------------- */

enum {
    LATER = 1,      /* each basket again behind the first ones, with the number 1 */
    TWICE = 2,      /* one of these twice */
    AGAIN = 4,      /* and one with the number of a basket that the tree's record knows */
    STRANGER = 8,   /* and one of a branch that the tree does not have */
    INSIDE = 16,    /* the tree's record has all its baskets inside */
    NAMESAKE = 32,  /* another tree of the same name, under another key */
    FILLED = 64     /* all but one inside, with 3 of their entries; later they were written as number 0 */
};

static void basket(made_file *f, int branch, unsigned number)
{
    size_t at = f->bytes.n;
    made_basket_record(&f->bytes, branch, at, MADE_PLAIN);
    f->bytes.data[at + 16] = (uint8_t)(number >> 8);
    f->bytes.data[at + 17] = (uint8_t)number;
}

static made_file made_crash(unsigned how)
{
    made_basket baskets[MADE_BRANCHES] = {0};
    made_file f;
    made tree = {0};
    made_file_begin(&f, 0);
    made_basket_title = "Events";
    for (int i = 0; i < MADE_BRANCHES && !(how & INSIDE); i++) {
        if ((how & FILLED) && i != MADE_BOOLS)
            continue;
        baskets[i].seek = f.bytes.n;
        basket(&f, i, 0);
        baskets[i].size = (uint32_t)(f.bytes.n - baskets[i].seek);
    }
    made_tree(&tree, baskets, how & FILLED ? 3 : N_ENTRIES);
    if (how & NAMESAKE)
        made_file_record(&f, "TTree", "Others", tree.data, tree.n, 0);
    made_file_record(&f, "TTree", "Events", tree.data, tree.n, 0);
    for (int i = 0; i < MADE_BRANCHES && (how & LATER); i++)
        basket(&f, i, (how & FILLED) && i != MADE_BOOLS ? 0 : how & INSIDE ? 0 : 1);
    if (how & TWICE)
        basket(&f, MADE_ITEMS, 1);
    if (how & AGAIN)
        basket(&f, MADE_FIXED, 0);
    if (how & STRANGER) {
        size_t at = f.bytes.n;
        basket(&f, MADE_BOOLS, 0);
        f.bytes.data[at + 26 + 8 + 1] = 'z';
    }
    made_basket_title = "";
    made_free(&tree);
    made_file_finish(&f);
    forget_keys(&f.bytes);
    return f;
}

START_TEST(e8_3_baskets_written_after_their_trees_record_are_read)
{
    vcol_manager *m = t_manager(NULL);
    made_file before = made_crash(0), after = made_crash(LATER);
    opened a = open_table(m, &before.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL),
           b = open_table(m, &after.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL), f = recover_file(m, &after.bytes);
    ck_assert_int_eq(vcol_dataset_entries(a.d), N_ENTRIES);
    ck_assert_int_eq(vcol_dataset_entries(b.d), 2 * N_ENTRIES);
    ck_assert_int_eq(object(f.file, 0).entries, 2 * N_ENTRIES);
    ck_assert_str_eq(object(f.file, 0).note, "with baskets that its record does not know");
    for (int64_t id = 0; id < vcol_dataset_columns(a.d); id++)
        for (int64_t k = 0; k < 2; k++)
            same_column(a.d, b.d, id, 0, k * N_ENTRIES, N_ENTRIES);
    shut(&a);
    shut(&b);
    shut(&f);
    made_file_free(&before);
    made_file_free(&after);
    vcol_manager_close(m);
}
END_TEST

/* A basket that was inside the record, filled further and written: it stands for both. */
START_TEST(e8_3_a_basket_filled_further_takes_the_place_of_the_one_in_the_record)
{
    vcol_manager *m = t_manager(NULL);
    made_file before = made_crash(0), after = made_crash(LATER | FILLED);
    opened a = open_table(m, &before.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL),
           b = open_table(m, &after.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL);
    ck_assert_int_eq(vcol_dataset_entries(b.d), N_ENTRIES);
    for (int64_t id = 0; id < vcol_dataset_columns(a.d); id++) {
        vcol_column_info info;
        ck_assert_int_eq(vcol_dataset_column(b.d, id, &info, sizeof info, NULL), VCOL_OK);
        if (strcmp(info.path, "o")) /* the one that ties names to the tree, of which the record says what is not so */
            same_column(a.d, b.d, id, 0, 0, N_ENTRIES);
        ck_assert_int_eq(info.entries, strcmp(info.path, "o") ? N_ENTRIES : N_ENTRIES + 3);
    }
    shut(&a);
    shut(&b);
    made_file_free(&before);
    made_file_free(&after);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e8_3_baskets_that_may_be_another_trees_are_left_out)
{
    static const struct {
        unsigned how;
        const char *note;
    } cases[] = {
        {0, NULL},
        {LATER | TWICE, "several have one number"},
        {LATER | AGAIN, "some have numbers of baskets that it knows elsewhere"},
        {LATER | STRANGER, "some are of branches that it does not have"},
        {INSIDE, NULL},
        {LATER | NAMESAKE, "several trees have its name"},
    };
    vcol_manager *m = t_manager(NULL);
    made_file alone = made_crash(0), f = made_crash(cases[_i].how);
    opened a = open_table(m, &alone.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL),
           b = open_table(m, &f.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL), file = recover_file(m, &f.bytes);
    vcol_object_info info = object(file.file, vcol_file_objects(file.file) - 1);
    ck_assert_str_eq(info.name, "Events");
    ck_assert_int_eq(info.entries, N_ENTRIES);
    ck_assert_msg(!info.note == !cases[_i].note && (!info.note || strstr(info.note, cases[_i].note)), "%s", info.note);
    for (int64_t id = 0; id < vcol_dataset_columns(a.d); id++)
        same_column(a.d, b.d, id, 0, 0, N_ENTRIES);
    shut(&a);
    shut(&b);
    shut(&file);
    made_file_free(&alone);
    made_file_free(&f);
    vcol_manager_close(m);
}
END_TEST

/* With nothing that ties the names to it: the baskets could be of a tree that was deleted. */
START_TEST(e8_3_baskets_without_a_known_one_are_left_out)
{
    vcol_manager *m = t_manager(NULL);
    made_file f = made_crash(LATER | INSIDE | FILLED);
    opened a = recover_file(m, &f.bytes);
    ck_assert_int_eq(object(a.file, 0).entries, 3);
    ck_assert_str_eq(object(a.file, 0).note, "without the baskets that its record does not know: no basket ties them to it");
    shut(&a);
    made_file_free(&f);
    vcol_manager_close(m);
}
END_TEST

/* ---- directories ------------------------------------------------------------------------------------------ */

/* A directory's record in the directory at `parent`; its own place. */
static uint32_t directory(made_file *f, const char *name, uint32_t parent, int list)
{
    made fields = {0};
    uint32_t at = (uint32_t)f->bytes.n;
    made_u16(&fields, 5);
    made_fill(&fields, 0, 16);
    made_u32(&fields, list ? 7 : at); /* fSeekDir */
    made_fill(&fields, 0, 26);
    made_file_record(f, "TDirectoryFile", name, fields.data, fields.n, 0);
    made_set32(&f->bytes, at + 22, parent);
    made_free(&fields);
    return at;
}

static size_t named(made_file *f, const char *name, uint32_t parent, unsigned cycle)
{
    size_t at = made_file_record(f, "TNamed", name, "payload", 7, 0);
    made_set32(&f->bytes, at + 22, parent);
    f->bytes.data[at + 17] = (uint8_t)cycle;
    return at;
}

START_TEST(e8_3_directories_are_made_again_with_the_last_of_each_name)
{
    static const struct {
        const char *name;
        int32_t cycle;
    } want[] = {{"a", 3}, {"sub", 1}, {"sub/b", 1}, {"sub/sub", 1}, {"sub/sub/c", 1}, {"d", 1}};
    vcol_manager *m = t_manager(NULL);
    made_file f;
    opened x;
    const uint32_t root = 100;
    uint32_t sub, below;
    size_t at;
    made_file_begin(&f, 0);
    named(&f, "a", root, 1);
    named(&f, "a", root, 3);
    at = named(&f, "gone", root, 1);
    made_set32(&f.bytes, at, 0 - word(&f.bytes, at)); /* deleted: a gap */
    named(&f, "a", root, 2);
    sub = directory(&f, "sub", root, 0);
    named(&f, "b", sub, 1);
    below = directory(&f, "sub", sub, 0);
    directory(&f, "sub", sub, 1); /* its list of keys, under its own name */
    named(&f, "c", below, 1);
    named(&f, "nowhere", 12345, 1);
    named(&f, "d", root, 1);
    at = named(&f, "d", root, 1); /* of the same cycle: the later one is meant */
    made_set32(&f.bytes, at + 6, 77);
    made_file_finish(&f);
    forget_keys(&f.bytes);
    x = recover_file(m, &f.bytes);
    ck_assert_int_eq(vcol_file_objects(x.file), (int64_t)(sizeof want / sizeof *want));
    for (int64_t i = 0; i < vcol_file_objects(x.file); i++) {
        vcol_object_info info = object(x.file, i);
        ck_assert_str_eq(info.name, want[i].name);
        ck_assert_int_eq(info.cycle, want[i].cycle);
        ck_assert(strcmp(info.name, "d") || info.unpacked == 77);
    }
    shut(&x);
    made_file_free(&f);
    vcol_manager_close(m);
}
END_TEST

/* ---- faults ------------------------------------------------------------------------------------------------ */

/* Cut anywhere: what is recovered is what the whole file has, or there is a note or an error; twice the same. */
START_TEST(e8_3_a_file_cut_anywhere_gives_whole_columns_or_says_why_not)
{
    vcol_manager *m = t_manager(NULL);
    made_file whole = made_crash(LATER);
    opened a = open_table(m, &whole.bytes, VCOL_DATASET_RECOVER, VCOL_OK, NULL);
    for (size_t n = 200; n <= whole.bytes.n; n += 1 + (size_t)_i * 7) {
        t_watch("e8_3_a_file_cut_anywhere_gives_whole_columns_or_says_why_not"); /* anew for each cut */
        made part = {whole.bytes.data, n, n};
        opened x = recover_file(m, &part), y = recover_file(m, &part);
        ck_assert_str_eq(vcol_file_note(x.file), vcol_file_note(y.file));
        ck_assert_int_eq(vcol_file_objects(x.file), vcol_file_objects(y.file));
        for (int64_t i = 0; i < vcol_file_objects(x.file); i++) {
            vcol_object_info info = object(x.file, i);
            opened b;
            ck_assert_str_eq(info.name, "Events");
            ck_assert(info.is_table || info.note);
            if (!info.is_table)
                continue;
            b = open_table(m, &part, VCOL_DATASET_RECOVER, VCOL_OK, NULL);
            ck_assert_int_eq(vcol_dataset_entries(b.d), info.entries);
            for (int64_t id = 0; id < vcol_dataset_columns(b.d); id++)
                same_column(a.d, b.d, id, 0, 0, info.entries);
            shut(&b);
        }
        shut(&x);
        shut(&y);
    }
    shut(&a);
    made_file_free(&whole);
    vcol_manager_close(m);
}
END_TEST

/* Every read and every allocation of a recovery fails once: an error, and nothing is left. */
START_TEST(e8_3_every_read_and_allocation_of_a_recovery_fails_once)
{
    made_file f = made_crash(LATER);
    int64_t failed = 0;
    for (int64_t call = 1;; call++) {
        static t_source source;
        t_allocator memory = {.fail_call = _i ? call : 0};
        vcol_manager_options o = t_options();
        vcol_manager *m = NULL;
        vcol_source *opened_source;
        vcol_file *file = NULL;
        vcol_error err = {0};
        vcol_status status;
        memset(&source, 0, sizeof source);
        source.fail_call = _i ? 0 : call;
        o.allocator = t_allocator_of(&memory);
        opened_source = t_source_open(&source, f.bytes.data, f.bytes.n, "memory");
        status = vcol_manager_open(&o, &m, &err);
        if (!status)
            status = vcol_file_recover(m, "memory", opened_source, NULL, &file, &err);
        if (!status) {
            vcol_object_info info;
            status = vcol_file_object(file, 0, &info, &err);
        }
        ck_assert_int_eq((vcol_status)err.status, status);
        ck_assert(status == VCOL_OK || status == (_i ? VCOL_NOMEM : VCOL_IO));
        vcol_file_close(file);
        if (m)
            vcol_manager_close(m);
        vcol_source_release(opened_source);
        ck_assert_int_eq(memory.live, 0);
        if (status == VCOL_OK)
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
        {e8_3_a_file_that_was_not_closed_is_read_by_its_records, 4},
        {e8_3_a_tree_that_was_never_written_is_listed_and_cannot_be_read, 0},
        {e8_3_baskets_written_after_their_trees_record_are_read, 0},
        {e8_3_a_basket_filled_further_takes_the_place_of_the_one_in_the_record, 0},
        {e8_3_baskets_that_may_be_another_trees_are_left_out, 6},
        {e8_3_baskets_without_a_known_one_are_left_out, 0},
        {e8_3_directories_are_made_again_with_the_last_of_each_name, 0},
        {e8_3_a_file_cut_anywhere_gives_whole_columns_or_says_why_not, 2},
        {e8_3_every_read_and_allocation_of_a_recovery_fails_once, 2},
    };
    return t_main("recover", tests, sizeof tests / sizeof *tests);
}
