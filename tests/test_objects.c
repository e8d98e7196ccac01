/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects in a tree's entries, by themselves: the steps that are made of a type's name and the classes of made_info, over entries that
 * are written here byte by byte. Whole files that ROOT wrote are in cli/objects.sh.
 */
#include "fuzz/made.h"

#include "../readers/root/node.h"

#include <vcol/vcol.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACE = 100, MOST = 64 }; /* what references call an entry's beginning; values of a column */

static void *take(size_t size, size_t align, void *opaque)
{
    void *p = NULL;
    (void)opaque;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1) ? NULL : p;
}

static void give(void *p, size_t size, size_t align, void *opaque)
{
    (void)size, (void)align, (void)opaque;
    free(p);
}

static const vcol_allocator allocator = {take, give, NULL};
static root_file file;
static made info, counted; /* descriptions */
static arena memory;
static int64_t n_programs;
static program *programs;
static const char *item_class = "Made"; /* of the items of ROOT's own collections */

static void read_classes(made *from)
{
    root_record record = {.data = from->data, .size = from->n};
    ck_assert(!vcol__classes_read(&file, &record, NULL));
}

static void open_classes(void (*make)(made *m))
{
    vcol__arena_init(&file.memory, &allocator);
    file.classes = NULL;
    make(&info);
    made_info_counted(&counted);
    ck_assert(!vcol__classes_open(&file, NULL));
    read_classes(&info);
    read_classes(&counted);
    ck_assert(!vcol__classes_compile(&file, NULL));
}

static void free_classes(void)
{
    made_free(&info);
    made_free(&counted);
    memset(&info, 0, sizeof info);
    memset(&counted, 0, sizeof counted);
}

static void (*describe)(made *m) = made_info; /* what the file describes */
static int32_t written; /* the version of the branch's class */

/* The columns of a branch that has a type, or (id 0) a member of a class; the items of ROOT's own collections are of class Made. */
static void open_branch(const char *type, int id, int branch_type, const root_element *member)
{
    root_class element = {.name = {"TBranchElement", 14}};
    model_branch branch = {.named.cls = &element, .class_name = text_from(type), .class_version = written, .id = id, .type = branch_type};
    walk w = {.file = &file};
    vcol__arena_init(&memory, &allocator);
    open_classes(describe);
    node *top = vcol__node_of_branch(&w, &memory, &branch, member);
    ck_assert_ptr_nonnull(top);
    programs = vcol__program_make(&memory, top, &n_programs);
    for (int again = 1; again;) {
        again = 0;
        for (int64_t i = 0; i < n_programs; i++)
            if (programs[i].unsettled && !programs[i].unsettled->settled) {
                ck_assert(!vcol__node_settle(&w, &memory, programs[i].unsettled, text_from(item_class)));
                again = 1;
            }
        if (again)
            programs = vcol__program_make(&memory, top, &n_programs);
    }
}

static void open_type(const char *type)
{
    open_branch(type, -1, 0, NULL);
}

/* A member that a file describes as something else is read over: its field is of another type. */
START_TEST(e8_3_a_member_that_is_described_as_another_type_fills_nothing)
{
    open_classes(made_info_lies);
    const root_class *tree = vcol__class_find(file.classes, text_from("TTree"));
    const root_info *lies = tree->infos;
    while (lies && (lies->builtin || lies->version != 20))
        lies = lies->next;
    ck_assert(lies && lies->n_steps == 7);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(lies->steps[i].kind, i < 2 ? KIND_TREE : KIND_UNKNOWN);
    free_classes();
    vcol__arena_free(&file.memory);
}
END_TEST

static void close_type(made *entry)
{
    describe = made_info;
    written = 0;
    made_free(entry);
    free_classes();
    vcol__arena_free(&memory);
    vcol__arena_free(&file.memory);
}

static const program *column(const char *suffix)
{
    for (int64_t i = 0; i < n_programs; i++)
        if (!strcmp(programs[i].suffix, suffix))
            return &programs[i];
    ck_abort_msg("no column %s", suffix);
    return NULL;
}

/* A column's values of one entry, up to MOST, as far as they are f64, i32, u32 or f32, and the ends of its lists. */
typedef struct taken {
    union {
        double f64[MOST];
        float f32[MOST];
        int32_t i32[MOST];
        char text[MOST];
    } values;
    int64_t ends[VCOL_MAX_LEVELS][MOST], n;
    const char *why;
    int unsupported;
} taken;

static taken entry_of(const char *suffix, const made *entry)
{
    taken t = {0};
    const program *p = column(suffix);
    run r = {.program = p, .p = entry->data, .end = entry->data + entry->n, .position = PLACE, .values = (uint8_t *)&t.values,
             .values_room = MOST};
    ck_assert_msg(!p->note, "%s: %s", suffix, p->note);
    for (int d = 0; d < p->depth; d++) {
        r.ends[d] = t.ends[d];
        r.room[d] = MOST;
    }
    if (vcol__run_entry(&r)) {
        ck_assert_ptr_nonnull(r.why);
        t.why = r.why;
        t.unsupported = r.unsupported;
    }
    t.n = MOST - r.values_room;
    return t;
}

static void tobject(made *m, uint32_t bits)
{
    made_u16(m, 1);
    made_u32(m, 0);
    made_u32(m, bits);
}

/* An object of class Made: n floats from `first` on. */
static void put_made(made *m, int n, float first)
{
    size_t frame = made_frame(m, 3), inner;
    tobject(m, 0);
    made_u32(m, (uint32_t)n);
    made_u8(m, n > 0);
    for (int i = 0; i < n; i++)
        made_f32(m, first + (float)i);
    made_fill(m, 0, 12);
    made_text(m, "name");
    inner = made_frame(m, 9);
    made_u32(m, 0);
    made_end(m, inner);
    made_u32(m, 0);
    made_end(m, frame);
}

/* What a pointer leads to: an object of class `name`; if that is NULL, of the class that was named at `place` of the entry, which
 * references call `begin`. */
static size_t put_pointer_from(made *m, uint32_t begin, const char *name, size_t place, int derived, int n, float first)
{
    size_t at = m->n, frame;
    made_u32(m, 0);
    made_u32(m, name ? UINT32_MAX : (uint32_t)(begin + place + 2) | 0x80000000u);
    if (name)
        made_bytes(m, name, strlen(name) + 1);
    frame = derived ? made_frame(m, 1) : 0;
    put_made(m, n, first);
    if (derived) {
        made_u32(m, 42);
        made_end(m, frame);
    }
    made_set32(m, at, 0x40000000u | (uint32_t)(m->n - at - 4));
    return at;
}

static size_t put_pointer(made *m, const char *name, size_t place, int derived, int n, float first)
{
    return put_pointer_from(m, PLACE, name, place, derived, n, first);
}

static size_t begin_vector(made *m, uint32_t n)
{
    size_t frame = made_frame(m, 9);
    made_u32(m, n);
    return frame;
}

START_TEST(pointers_lead_to_nothing_to_an_object_or_to_one_of_a_derived_class)
{
    made e = {0};
    open_type("vector<Made*>");
    size_t frame = begin_vector(&e, 5), first, second;
    first = put_pointer(&e, "Derived", 0, 1, 2, 1);
    made_u32(&e, 0);
    made_u32(&e, (uint32_t)(PLACE + first + 2)); /* the same once more */
    second = put_pointer(&e, NULL, first + 4, 1, 1, 7);
    (void)second;
    put_pointer(&e, "Made", 0, 0, 1, 9);
    made_end(&e, frame);
    taken t = entry_of(".fValues", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    const float values[] = {1, 2, 1, 2, 7, 9};
    const int64_t there[] = {1, 1, 2, 3, 4}, ends[] = {2, 4, 5, 6};
    ck_assert_int_eq(t.n, 6);
    ck_assert_mem_eq(t.values.f32, values, sizeof values);
    ck_assert_int_eq(t.ends[0][0], 5);
    ck_assert_mem_eq(t.ends[1], there, sizeof there);
    ck_assert_mem_eq(t.ends[2], ends, sizeof ends);
    close_type(&e);
}
END_TEST

/*
 * A tree whose entries were moved from baskets where they lay elsewhere, as fast copies move them: references in them
 * are by the old places, which the basket tells behind its offsets. Each entry has an object, it once more, and another of its class.
 */
START_TEST(references_of_moved_entries_are_by_their_old_places)
{
    static const uint32_t moved[MADE_ENTRIES] = {9000, 123, 124, 70000, 5}; /* in no order */
    made entries[MADE_ENTRIES] = {{0}}, basket = {0}, tree = {0}, infos = {0};
    made_basket baskets[MADE_BRANCHES] = {{0}};
    made_file f;
    vcol_manager_options o;
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset *d;
    vcol_chunk *c;
    vcol_dataset_options options;
    vcol_error err = {0};
    for (int i = 0; i < MADE_ENTRIES; i++) {
        made *e = &entries[i];
        size_t frame = begin_vector(e, 3), first = put_pointer_from(e, moved[i], "Made", 0, 0, 2, (float)i);
        made_u32(e, (uint32_t)(moved[i] + first + 2));
        put_pointer_from(e, moved[i], NULL, first + 4, 0, 1, (float)(100 + i));
        made_end(e, frame);
    }
    made_file_begin(&f, 0);
    made_info(&infos);
    made_file_info(&f, infos.data, infos.n);
    baskets[MADE_VECTOR].seek = f.bytes.n;
    made_basket_moved(&basket, MADE_VECTOR, f.bytes.n, entries, _i ? NULL : moved);
    baskets[MADE_VECTOR].size = (uint32_t)basket.n;
    made_bytes(&f.bytes, basket.data, basket.n);
    made_vector_class = "vector<Made*>";
    made_tree(&tree, baskets, MADE_ENTRIES);
    made_vector_class = "vector<float>";
    made_file_record(&f, "TTree", "Events", tree.data, tree.n, 1);
    made_file_finish(&f);
    vcol_manager_options_init(&o, sizeof o);
    o.flags = VCOL_MANAGER_NO_BACKGROUND;
    ck_assert_int_eq(vcol_manager_open(&o, &m, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_source_open_memory(f.bytes.data, f.bytes.n, "made", &source, NULL), VCOL_OK);
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &source;
    ck_assert_msg(vcol_dataset_open(m, &(const char *){"made:Events"}, 1, &options, &d, &err) == VCOL_OK, "%s", err.message);
    for (int64_t first = 0; first < MADE_ENTRIES; first++) {
        ck_assert_int_eq(vcol_chunk_open(d, first, MADE_ENTRIES - first, &c, NULL), VCOL_OK);
        const float *x = vcol_chunk_f32(c, "v.fValues", &err);
        if (_i) { /* without them they lead nowhere */
            ck_assert_int_eq(err.status, VCOL_CORRUPT);
            ck_assert_ptr_null(x);
            vcol_error_reset(&err);
        } else {
            ck_assert_msg(x, "%s", err.message);
            for (int64_t i = first; i < MADE_ENTRIES; i++) {
                const float want[] = {(float)i, (float)(i + 1), (float)i, (float)(i + 1), (float)(100 + i)};
                ck_assert_mem_eq(x + 5 * (i - first), want, sizeof want);
            }
        }
        vcol_chunk_close(c);
    }
    vcol_dataset_close(d);
    vcol_source_release(source);
    vcol_manager_close(m);
    for (int i = 0; i < MADE_ENTRIES; i++)
        made_free(&entries[i]);
    made_free(&basket);
    made_free(&tree);
    made_free(&infos);
    made_file_free(&f);
}
END_TEST

START_TEST(references_to_what_is_not_there_are_refused)
{
    static const uint32_t to[] = {PLACE + 2, PLACE + 11, PLACE + 14 + 2, PLACE + 4000, 1, 0x3fffffff};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        made e = {0};
        open_type("vector<Made*>");
        size_t frame = begin_vector(&e, 2);
        made_u32(&e, to[i]); /* before the entry, into a head, at itself, behind it */
        made_u32(&e, 0);
        made_end(&e, frame);
        taken t = entry_of(".fN", &e);
        ck_assert_ptr_nonnull(t.why);
        close_type(&e);
    }
    made e = {0}; /* a class by where none was named */
    open_type("vector<Made*>");
    size_t frame = begin_vector(&e, 1);
    put_pointer(&e, NULL, 2, 0, 1, 1);
    made_end(&e, frame);
    ck_assert_str_eq(entry_of(".fN", &e).why, "it refers to a class that was not named before");
    close_type(&e);
}
END_TEST

START_TEST(many_references_to_a_large_object_end)
{
    enum { TIMES = 20000 };
    made e = {0};
    open_type("vector<Made*>");
    size_t frame = begin_vector(&e, TIMES + 1), first = put_pointer(&e, "Made", 0, 0, TIMES, 1);
    for (int i = 0; i < TIMES; i++)
        made_u32(&e, (uint32_t)(PLACE + first + 2));
    made_end(&e, frame);
    run r = {.program = column(".fValues"), .p = e.data, .end = e.data + e.n, .position = PLACE};
    ck_assert_int_eq(vcol__run_entry(&r), -1);
    ck_assert_str_eq(r.why, "its references lead to too many bytes");
    ck_assert_int_le(r.sum[2], 64 * (int64_t)e.n);
    close_type(&e);
}
END_TEST

START_TEST(an_object_of_another_class_is_unsupported_and_not_taken_for_it)
{
    made e = {0};
    open_type("TObjArray");
    size_t frame = made_frame(&e, 3);
    tobject(&e, 0x3000000);
    made_text(&e, "");
    made_u32(&e, 1);
    made_u32(&e, 0);
    put_pointer(&e, "TNamed", 0, 0, 1, 1);
    made_end(&e, frame);
    taken t = entry_of(".fN", &e);
    ck_assert_ptr_nonnull(t.why);
    ck_assert_int_eq(t.unsupported, 1);
    close_type(&e);
}
END_TEST

/* Two items of Derived, member by member: of 1 and 2 floats. */
static void put_columns(made *m)
{
    size_t inner;
    tobject(m, 0);
    tobject(m, 0);
    made_u32(m, 1);
    made_u32(m, 2);
    made_u8(m, 1);
    made_f32(m, 1.5f);
    made_u8(m, 1);
    made_f32(m, 2.5f);
    made_f32(m, 3.5f);
    made_fill(m, 0, 24);
    made_text(m, "a");
    made_text(m, "bc");
    inner = made_frame(m, 9); /* one frame around both vectors */
    made_u32(m, 2);
    made_f32(m, 8);
    made_f32(m, 9);
    made_u32(m, 0);
    made_end(m, inner);
    made_u32(m, 0);
    made_u32(m, 0);
    made_u32(m, 17);
    made_u32(m, 18);
}

static void check_columns(const made *e)
{
    taken t = entry_of(".fValues", e);
    const float values[] = {1.5f, 2.5f, 3.5f}, vector[] = {8, 9};
    const int64_t ends[] = {1, 3}, lists[] = {2, 2};
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 3);
    ck_assert_mem_eq(t.values.f32, values, sizeof values);
    ck_assert_int_eq(t.ends[0][0], 2);
    ck_assert_mem_eq(t.ends[1], ends, sizeof ends);
    t = entry_of(".fVector", e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 2);
    ck_assert_mem_eq(t.values.f32, vector, sizeof vector);
    ck_assert_mem_eq(t.ends[1], lists, sizeof lists);
    t = entry_of(".fName", e);
    ck_assert_int_eq(t.n, 3);
    ck_assert_mem_eq(t.values.text, "abc", 3);
    t = entry_of(".fMore", e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 2);
    ck_assert_int_eq(t.values.i32[0], 17);
    ck_assert_int_eq(t.values.i32[1], 18);
}

START_TEST(members_of_bases_come_before_those_of_the_class_where_items_are_stored_member_by_member)
{
    made e = {0};
    open_type("vector<Derived>");
    size_t frame = made_frame(&e, 0x4009);
    made_u16(&e, 1);
    made_u32(&e, 2);
    put_columns(&e);
    made_end(&e, frame);
    check_columns(&e);
    close_type(&e);
}
END_TEST

START_TEST(a_collection_of_a_class_of_its_own_is_read_as_a_list)
{
    made e = {0};
    open_type("Own");
    size_t frame = made_frame(&e, 0x4009);
    made_u16(&e, 0);
    made_u32(&e, 0x3456789a);
    made_u32(&e, 2);
    put_columns(&e);
    made_end(&e, frame);
    check_columns(&e);
    close_type(&e);
}
END_TEST

START_TEST(a_collection_of_the_time_before_versions_of_items_has_none)
{
    made e = {0};
    open_type("vector<Derived>");
    size_t frame = made_frame(&e, 0x4007);
    made_u32(&e, 2);
    put_columns(&e);
    made_end(&e, frame);
    check_columns(&e);
    close_type(&e);
}
END_TEST

/* Of a class without a version: 0, and the description's checksum. */
START_TEST(pairs_in_a_list_have_a_frame_each)
{
    made e = {0};
    open_type("vector<pair<int,float>>");
    size_t frame = made_frame(&e, 9);
    made_u32(&e, 3);
    for (int i = 0; i < 3; i++) {
        size_t inner = made_frame(&e, i == 2 ? 1 : 0);
        if (i < 2)
            made_u32(&e, 0x69032978);
        made_u32(&e, (uint32_t)i + 5);
        made_f32(&e, (float)i / 4);
        made_end(&e, inner);
    }
    made_end(&e, frame);
    taken first = entry_of(".first", &e), second = entry_of(".second", &e);
    ck_assert_msg(!first.why && !second.why, "%s", first.why ? first.why : second.why);
    ck_assert_int_eq(first.ends[0][0], 3);
    ck_assert_int_eq(second.n, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(first.values.i32[i], i + 5);
        ck_assert(second.values.f32[i] == (float)i / 4);
    }
    close_type(&e);
}
END_TEST

START_TEST(pointers_to_arrays_of_numbers_are_followed)
{
    made e = {0};
    open_type("vector<TArrayF*>");
    size_t frame = begin_vector(&e, 2), object = e.n;
    made_u32(&e, 0);
    made_u32(&e, UINT32_MAX);
    made_bytes(&e, "TArrayF", 8);
    made_u32(&e, 2);
    made_f32(&e, 1.5f);
    made_f32(&e, -2);
    made_set32(&e, object, 0x40000000u | (uint32_t)(e.n - object - 4));
    made_u32(&e, 0);
    made_end(&e, frame);
    taken t = entry_of("", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.ends[0][0], 2);
    ck_assert_int_eq(t.ends[1][0], 1);
    ck_assert_int_eq(t.ends[1][1], 1);
    ck_assert_int_eq(t.ends[2][0], 2);
    ck_assert(t.n == 2 && t.values.f32[0] == 1.5f && t.values.f32[1] == -2);
    close_type(&e);
}
END_TEST

/* Each item of a split collection has its own, with a frame of its own. */
START_TEST(arrays_of_clones_in_a_split_collection_have_a_frame_each)
{
    const root_element member = {.name = text_from("fClones"), .type_name = text_from("TClonesArray"), .type = 61};
    made e = {0};
    open_branch("Item", 0, 31, &member);
    for (int i = 0; i < 3; i++) {
        size_t frame = made_frame(&e, 4);
        tobject(&e, 0x3000000);
        made_text(&e, "Mades");
        made_text(&e, "Made;3");
        made_u32(&e, (uint32_t)i);
        made_u32(&e, 0);
        for (int k = 0; k < i; k++) {
            made_u8(&e, 1);
            put_made(&e, k + 1, (float)(10 * i + k));
        }
        made_end(&e, frame);
    }
    taken t = entry_of(".fValues", &e);
    const float values[] = {10, 20, 21, 22};
    const int64_t arrays[] = {0, 1, 3}, lists[] = {1, 2, 4};
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.ends[0][0], 3);
    ck_assert_mem_eq(t.ends[1], arrays, sizeof arrays);
    ck_assert_mem_eq(t.ends[2], lists, sizeof lists);
    ck_assert_int_eq(t.n, 4);
    ck_assert(t.values.f32[0] == values[0] && t.values.f32[1] == values[1] && t.values.f32[2] == 21 && t.values.f32[3] == values[3]);
    close_type(&e);
}
END_TEST

START_TEST(arrays_of_more_items_than_can_be_counted_are_unsupported)
{
    static const char *const types[] = {
        "vector<array<array<array<array<float,65536>,65536>,65536>,65536> >",
        "array<array<array<array<float,65536>,65536>,65536>,65536>",
        "map<vector<array<array<array<char,1048576>,1048576>,1048576> >,int>",
    };
    made e = {0};
    open_type(types[_i]);
    size_t frame = begin_vector(&e, 16);
    made_fill(&e, 0, 64);
    made_end(&e, frame);
    ck_assert_int_gt(n_programs, 0);
    for (int64_t i = 0; i < n_programs; i++)
        if (!programs[i].note) {
            taken t = entry_of(programs[i].suffix, &e);
            ck_assert_ptr_nonnull(t.why);
        }
    ck_assert_ptr_nonnull(programs[0].note);
    close_type(&e);
}
END_TEST

/* References stream themselves: there is nothing of them apart. */
START_TEST(clones_of_references_are_not_stored_member_by_member)
{
    made e = {0};
    item_class = "TRef";
    open_type("TClonesArray");
    size_t frame = made_frame(&e, 4);
    tobject(&e, 0x3001000);
    made_text(&e, "TRefs");
    made_text(&e, "TRef;1");
    made_u32(&e, 3);
    made_u32(&e, 0);
    made_fill(&e, 0, 64);
    made_end(&e, frame);
    for (int64_t i = 0; i < n_programs; i++) {
        taken t = entry_of(programs[i].suffix, &e);
        ck_assert_ptr_nonnull(t.why);
        ck_assert_int_eq(t.unsupported, 1);
    }
    ck_assert_int_eq(n_programs, 4);
    item_class = "Made";
    close_type(&e);
}
END_TEST

/* Before file version 51509 without their class. */
START_TEST(counted_arrays_of_pointers_hold_objects_in_old_files)
{
    const root_element member = {.name = text_from("fTable"), .type_name = text_from("Made**"), .type = 501, .counter = text_from("fN")};
    made e = {0};
    file.version = _i ? 62400 : 51508;
    open_branch("Holder", 0, 0, &member);
    size_t frame = made_frame(&e, 1);
    for (int i = 0; i < 2; i++) {
        if (_i)
            put_pointer(&e, "Made", 0, 0, 1, (float)i);
        else
            put_made(&e, 1, (float)i);
    }
    made_end(&e, frame);
    taken t = entry_of(".fValues", &e);
    file.version = 0;
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.ends[0][0], 2);
    ck_assert(t.n == 2 && t.values.f32[0] == 0 && t.values.f32[1] == 1);
    close_type(&e);
}
END_TEST

/* Items of a class that nobody describes, which the container's own description calls numbers. */
START_TEST(enumerations_in_a_container_are_numbers_of_four_bytes)
{
    root_element member = {.name = text_from("fColours"), .type_name = text_from("vector<Colour>"), .type = 300, .content = 2};
    made e = {0};
    open_branch("Holder", 0, 0, &member);
    size_t frame = begin_vector(&e, 2);
    made_u32(&e, 70000);
    made_u32(&e, (uint32_t)-4);
    made_end(&e, frame);
    taken t = entry_of("", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert(t.n == 2 && t.values.i32[0] == 70000 && t.values.i32[1] == -4);
    free_classes();
    vcol__arena_free(&memory);
    vcol__arena_free(&file.memory);
    member.content = 61; /* objects */
    open_branch("Holder", 0, 0, &member);
    t = entry_of(".size", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert(t.n == 1 && t.values.i32[0] == 2);
    close_type(&e);
}
END_TEST

/* Whatever their byte holds: it was not always made one of two. */
START_TEST(bools_of_before_they_had_a_type_of_their_own_are_bools)
{
    static const char *const suffixes[] = {".fIs", ".fByte", ".fWas"};
    static const int wanted[] = {1, 144, 0};
    made e = {0};
    describe = made_info_old;
    open_type("Old");
    made_u8(&e, 255);
    made_u8(&e, 144);
    made_u8(&e, 0);
    for (int i = 0; i < 3; i++) {
        taken t = entry_of(suffixes[i], &e);
        ck_assert_msg(!t.why, "%s", t.why);
        ck_assert_int_eq(column(suffixes[i])->type, i == 1 ? VCOL_U8 : VCOL_BOOL);
        ck_assert_int_eq(t.n, 1);
        ck_assert_int_eq((uint8_t)t.values.text[0], wanted[i]);
    }
    close_type(&e);
}
END_TEST

/* What its description cannot be right for is refused, also by the columns that there would be bytes for. */
START_TEST(an_object_that_its_description_does_not_fit_is_refused)
{
    static const struct {
        const char *type;
        int counted, unsupported, bytes;
        unsigned version;
        const char *why;
    } cases[] = {
        {"vector<Old>", 1, 0, 3, 1, NULL},
        {"vector<Old>", 1, 0, 2, 1, "an object has fewer bytes than its class's members"},
        {"vector<Old>", 0, 0, 3, 77, "an object is of no version of its class that is known"},
        {"vector<Old>", 0, 0, 3, 0, "an object is of no version of its class that is known"},
        {"vector<Changed>", 1, 0, 8, 2, NULL},
        {"vector<Changed>", 1, 1, 8, 1, "an object of another version of its class, which is not supported"},
        {"vector<Same>", 1, 0, 4, 2, NULL},
        {"vector<Same>", 1, 0, 4, 1, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made e = {0};
        describe = made_info_old;
        open_type(cases[i].type);
        size_t frame = made_frame(&e, 9), inner = 0;
        made_u32(&e, 1);
        if (cases[i].counted)
            inner = made_frame(&e, cases[i].version);
        else
            made_u16(&e, cases[i].version);
        made_fill(&e, 1, (size_t)cases[i].bytes);
        if (cases[i].counted)
            made_end(&e, inner);
        made_end(&e, frame);
        ck_assert_int_gt(n_programs, 0);
        for (int64_t k = 0; k < n_programs; k++) {
            taken t = entry_of(programs[k].suffix, &e);
            if (cases[i].why)
                ck_assert_pstr_eq(t.why, cases[i].why);
            else
                ck_assert_msg(!t.why && t.n == 1, "%s%s: %s", cases[i].type, programs[k].suffix, t.why);
            ck_assert_int_eq(t.unsupported, cases[i].unsupported);
        }
        close_type(&e);
    }
}
END_TEST

/* In memory and on disk; a friend and a glob would be divided alike. */
START_TEST(the_name_of_an_object_may_have_colons)
{
    static const char *const names[] = {"Events", "Trk::Events", "Trk:Events"};
    char folder[] = "/tmp/vcol-test-XXXXXX", file_path[64], path[96];
    made_file f;
    made_basket baskets[MADE_BRANCHES] = {{0}};
    made trees[3] = {{0}};
    vcol_manager_options o;
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset_options options;
    made_file_begin(&f, 0);
    for (int i = 0; i < 3; i++) {
        made_tree(&trees[i], baskets, i + 1);
        made_file_record(&f, "TTree", names[i], trees[i].data, trees[i].n, 1);
        made_free(&trees[i]);
    }
    made_file_finish(&f);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file_path, sizeof file_path, "%s/a::b.root", folder);
    FILE *out = fopen(file_path, "wb");
    ck_assert(out && fwrite(f.bytes.data, 1, f.bytes.n, out) == f.bytes.n && !fclose(out));
    vcol_manager_options_init(&o, sizeof o);
    ck_assert_int_eq(vcol_manager_open(&o, &m, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_source_open_memory(f.bytes.data, f.bytes.n, "made", &source, NULL), VCOL_OK);
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &source;
    for (int i = 0; i < 5; i++) { /* one colon alone can be before the object only where a file is */
        int on_disk = i < 3;
        vcol_dataset *d = NULL;
        vcol_error err = {0};
        snprintf(path, sizeof path, "%s:%s", on_disk ? file_path : "made", names[i % 3]);
        vcol_dataset_open(m, &(const char *){path}, 1, on_disk ? NULL : &options, &d, &err);
        ck_assert_msg(d, "%s: %s", path, err.message);
        ck_assert_int_eq(vcol_dataset_entries(d), i % 3 + 1);
        vcol_dataset_close(d);
    }
    vcol_source_release(source);
    vcol_manager_close(m);
    ck_assert(!unlink(file_path) && !rmdir(folder));
    made_file_free(&f);
}
END_TEST

START_TEST(every_cut_of_an_entry_ends_with_what_is_wrong)
{
    static const char *const suffixes[] = {".fValues", ".fVector", ".fName", ".fMore"};
    made e = {0};
    open_type("vector<Derived>");
    size_t frame = made_frame(&e, 0x4009);
    made_u16(&e, 1);
    made_u32(&e, 2);
    put_columns(&e);
    made_end(&e, frame);
    for (size_t n = 1; n < e.n; n++) {
        uint8_t *cut = malloc(n); /* so that a sanitizer sees what is read behind it */
        memcpy(cut, e.data, n);
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
            run r = {.program = column(suffixes[i]), .p = cut, .end = cut + n, .position = PLACE};
            ck_assert_int_eq(vcol__run_entry(&r), -1);
            ck_assert_ptr_nonnull(r.why);
        }
        free(cut);
    }
    close_type(&e);
}
END_TEST

START_TEST(columns_of_an_entry_without_a_known_place_refuse_references)
{
    made e = {0};
    open_type("vector<Made*>");
    size_t frame = begin_vector(&e, 2), first = put_pointer(&e, "Made", 0, 0, 1, 1);
    made_u32(&e, (uint32_t)(PLACE + first + 2));
    made_end(&e, frame);
    run r = {.program = column(".fN"), .p = e.data, .end = e.data + e.n};
    ck_assert_int_eq(vcol__run_entry(&r), -1);
    ck_assert_ptr_null(entry_of(".fN", &e).why);
    close_type(&e);
}
END_TEST

/* ---- arrays that a base's member counts, matrices ------------------------------------------------------- */

typedef struct sides {
    uint32_t rows, columns, elements;
} sides;

/* The base of all matrices. */
static void put_base(made *m, sides s, int wide)
{
    size_t frame = made_frame(m, 5);
    tobject(m, 0);
    made_u32(m, s.rows);
    made_u32(m, s.columns);
    made_fill(m, 0, 8);
    made_u32(m, s.elements);
    made_u32(m, 0);
    made_fill(m, 0, wide ? 8 : 4);
    made_end(m, frame);
}

static void put_f64(made *m, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    made_u64(m, u);
}

/* A symmetric matrix of n rows: its triangle from `first` on. */
static void put_symmetric(made *m, uint32_t n, double first)
{
    put_base(m, (sides){n, n, n * n}, 1);
    for (uint32_t i = 0; i < n * (n + 1) / 2; i++)
        put_f64(m, first + i);
}

START_TEST(a_symmetric_matrix_is_the_triangle_that_is_stored)
{
    made e = {0};
    const double elements[] = {10, 11, 12, 20, 30, 31, 32, 33, 34, 35};
    const int64_t ends[] = {3, 4, 4, 10};
    const int32_t rows[] = {2, 1, 0, 3};
    open_type("vector<TMatrixTSym<double> >");
    size_t frame = begin_vector(&e, 4);
    put_symmetric(&e, 2, 10);
    put_symmetric(&e, 1, 20);
    put_symmetric(&e, 0, 0);
    put_symmetric(&e, 3, 30);
    made_end(&e, frame);
    taken t = entry_of(".fElements", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 10);
    ck_assert_mem_eq(t.values.f64, elements, sizeof elements);
    ck_assert_mem_eq(t.ends[1], ends, sizeof ends);
    t = entry_of(".fNcols", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, rows, sizeof rows);
    ck_assert_int_eq(column(".fNelems")->type, VCOL_U32);
    ck_assert_int_eq(column(".fNrowIndex")->type, VCOL_I32);
    close_type(&e);
}
END_TEST

/* All but the last two have as many bytes as their rows alone would make. */
START_TEST(a_symmetric_matrix_whose_numbers_disagree_is_refused)
{
    static const struct {
        sides is;
        uint32_t stored;
        const char *why;
    } cases[] = {
        {{2, 3, 6}, 3, "other numbers"},
        {{2, 2, 3}, 3, "other numbers"},
        {{0, 0, 1}, 0, "other numbers"},
        {{UINT32_MAX, UINT32_MAX, 1}, 0, "other numbers"},      /* -1 */
        {{UINT32_MAX - 1, UINT32_MAX - 1, 4}, 1, "other numbers"},
        {{65536, 65536, 0}, 3, "other numbers"},                /* 2^32 elements, cut to 32 bits */
        {{INT32_MAX, INT32_MAX, 1}, 3, "other numbers"},        /* likewise */
        {{46340, 46340, 2147395600u}, 3, "a length does not fit"},
        {{3, 3, 9}, 5, "a length does not fit|it ends early"},
    };
    static const char *const suffixes[] = {".fElements", ".fNrows", ".fTol"};
    made e = {0};
    open_type("vector<TMatrixTSym<double> >");
    size_t frame = begin_vector(&e, 1);
    put_base(&e, cases[_i].is, 1);
    for (uint32_t i = 0; i < cases[_i].stored; i++)
        put_f64(&e, i);
    made_end(&e, frame);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        taken t = entry_of(suffixes[i], &e);
        ck_assert_ptr_nonnull(t.why);
        ck_assert(!t.unsupported);
        ck_assert_msg(strstr(t.why, cases[_i].why) || strstr(cases[_i].why, t.why), "%s", t.why);
    }
    close_type(&e);
}
END_TEST

START_TEST(every_cut_of_a_matrix_ends_with_what_is_wrong)
{
    static const char *const suffixes[] = {".fElements", ".fNrows", ".fTol"};
    made e = {0};
    open_type("vector<TMatrixTSym<double> >");
    size_t frame = begin_vector(&e, 2);
    put_symmetric(&e, 2, 1);
    put_symmetric(&e, 1, 9);
    made_end(&e, frame);
    for (size_t n = 1; n < e.n; n++) {
        uint8_t *cut = malloc(n); /* so that a sanitizer sees what is read behind it */
        memcpy(cut, e.data, n);
        if (n >= 4) { /* the frame fits, its items do not */
            uint32_t count = __builtin_bswap32(0x40000000u | (uint32_t)(n - 4));
            memcpy(cut, &count, 4);
        }
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
            run r = {.program = column(suffixes[i]), .p = cut, .end = cut + n, .position = PLACE};
            ck_assert_int_eq(vcol__run_entry(&r), -1);
            ck_assert_ptr_nonnull(r.why);
        }
        free(cut);
    }
    close_type(&e);
}
END_TEST

/* What a matrix counts by is not taken for what the class around it counts by, before it and behind it. */
START_TEST(members_around_matrices_keep_their_own_counters)
{
    made e = {0};
    const double triangle[] = {5, 6, 7, 8, 9, 10}, matrix[] = {1, 2};
    const float values[] = {0.5f, 1.5f}, pointed[] = {7};
    open_type("vector<Matrices>");
    size_t frame = begin_vector(&e, 2);
    for (int i = 0; i < 2; i++) {
        size_t outer = made_frame(&e, 1), inner;
        made_u32(&e, (uint32_t)(i ? 2 : 0));
        put_symmetric(&e, i ? 3 : 0, 5);
        inner = made_frame(&e, 4);
        put_base(&e, i ? (sides){1, 2, 2} : (sides){0, 0, 0}, 1);
        made_u8(&e, i);
        if (i) {
            put_f64(&e, 1);
            put_f64(&e, 2);
        }
        made_end(&e, inner);
        made_u8(&e, i);
        if (i) {
            size_t at;
            made_f32(&e, 0.5f);
            made_f32(&e, 1.5f);
            at = e.n;
            made_u32(&e, 0);
            made_u32(&e, UINT32_MAX);
            made_bytes(&e, "TMatrixTSym<float>", 19);
            put_base(&e, (sides){1, 1, 1}, 0);
            made_f32(&e, 7);
            made_set32(&e, at, 0x40000000u | (uint32_t)(e.n - at - 4));
        } else {
            made_u32(&e, 0);
        }
        made_end(&e, outer);
    }
    made_end(&e, frame);
    taken t = entry_of(".fSymmetric.fElements", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 6);
    ck_assert_mem_eq(t.values.f64, triangle, sizeof triangle);
    ck_assert_int_eq(t.ends[1][0], 0);
    ck_assert_int_eq(t.ends[1][1], 6);
    t = entry_of(".fMatrix.fElements", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 2);
    ck_assert_mem_eq(t.values.f64, matrix, sizeof matrix);
    t = entry_of(".fValues", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 2);
    ck_assert_mem_eq(t.values.f32, values, sizeof values);
    t = entry_of(".fPointer.fElements", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 1);
    ck_assert_mem_eq(t.values.f32, pointed, sizeof pointed);
    close_type(&e);
}
END_TEST

/* _i: two objects, or their members one after the other. */
START_TEST(arrays_are_counted_by_members_of_bases)
{
    made e = {0};
    const int32_t extra[] = {7, 8, 9}, first[] = {20, 21}, last[] = {40, 41};
    const int64_t ends[] = {1, 3};
    open_type("vector<Counted>");
    size_t frame = made_frame(&e, _i ? 0x4009 : 9), inner;
    if (_i)
        made_u16(&e, 1);
    made_u32(&e, 2);
    for (uint32_t i = 0; i < 2 && !_i; i++) {
        inner = made_frame(&e, 1);
        put_made(&e, (int)i + 1, 1.5f);
        made_u32(&e, 20 + i);
        made_u8(&e, 1);
        for (uint32_t k = 0; k <= i; k++)
            made_u32(&e, 7 + i + k);
        made_u32(&e, 40 + i);
        made_end(&e, inner);
    }
    if (_i) {
        put_columns(&e);
        e.n -= 8; /* those of Derived's own */
        for (uint32_t i = 0; i < 2; i++)
            made_u32(&e, 20 + i);
        for (uint32_t i = 0; i < 2; i++) {
            made_u8(&e, 1);
            for (uint32_t k = 0; k <= i; k++)
                made_u32(&e, 7 + i + k);
        }
        for (uint32_t i = 0; i < 2; i++)
            made_u32(&e, 40 + i);
    }
    made_end(&e, frame);
    taken t = entry_of(".fExtra", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 3);
    ck_assert_mem_eq(t.values.i32, extra, sizeof extra);
    ck_assert_mem_eq(t.ends[1], ends, sizeof ends);
    t = entry_of(".fFirst", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, first, sizeof first);
    t = entry_of(".fLast", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, last, sizeof last);
    t = entry_of(".fValues", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 3);
    close_type(&e);
}
END_TEST

/* ---- items of which only the number is known -------------------------------------------------------------- */

/* What a frame holds of items whose bytes nobody knows. */
static void put_items(made *m, uint32_t bytes)
{
    size_t frame = made_frame(m, 1);
    made_fill(m, 0xa5, bytes);
    made_end(m, frame);
}

/* _i: two objects, or their members one after the other. */
START_TEST(items_without_members_have_the_number_that_a_member_says)
{
    made e = {0};
    static const char *const suffixes[] = {".fBare", ".fUnknown"};
    const int64_t ends[] = {3, 5};
    const int32_t last[] = {70, 71};
    open_type("vector<Bares>");
    size_t frame = made_frame(&e, _i ? 0x4009 : 9), inner;
    if (_i)
        made_u16(&e, 1);
    made_u32(&e, 2);
    for (uint32_t i = 0; i < 2 && !_i; i++) {
        inner = made_frame(&e, 1);
        made_u32(&e, 3 - i);
        put_items(&e, 6 * (3 - i));
        put_items(&e, 4);
        made_u32(&e, 70 + i);
        made_end(&e, inner);
    }
    if (_i) {
        made_u32(&e, 3);
        made_u32(&e, 2);
        put_items(&e, 30);
        put_items(&e, 5);
        made_u32(&e, 70);
        made_u32(&e, 71);
    }
    made_end(&e, frame);
    for (size_t i = 0; i < 2; i++) {
        const program *p = column(suffixes[i]);
        taken t = entry_of(suffixes[i], &e);
        ck_assert_msg(!t.why, "%s", t.why);
        ck_assert_int_eq(p->type, VCOL_EMPTY);
        ck_assert_int_eq(p->depth, 2);
        ck_assert_int_eq(p->n_leaves, 3);
        ck_assert_int_eq(t.n, 0);
        ck_assert_int_eq(t.ends[0][0], 2);
        ck_assert_mem_eq(t.ends[1], ends, sizeof ends);
    }
    taken t = entry_of(".fLast", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, last, sizeof last);
    close_type(&e);
}
END_TEST

START_TEST(more_items_than_bytes_are_refused)
{
    made e = {0};
    open_type("vector<Bares>");
    size_t frame = begin_vector(&e, 1), inner = made_frame(&e, 1);
    made_u32(&e, 5);
    put_items(&e, 4);
    put_items(&e, 5);
    made_u32(&e, 1);
    made_end(&e, inner);
    made_end(&e, frame);
    ck_assert_ptr_nonnull(entry_of(".fBare", &e).why);
    ck_assert_ptr_null(entry_of(".fUnknown", &e).why);
    close_type(&e);
}
END_TEST

/* ---- references by UUID --------------------------------------------------------------------------------- */

static const char uuid[] = "9cf27c12-98e4-4d4b-b034-22427f80813b";

/* To nothing; to an object of process 3, and referred to itself; by UUID; by UUID, which is empty. */
static void put_references(made *m)
{
    static const uint32_t bits[] = {0, 0x10, 0x20, 0x03000020};
    for (uint32_t i = 0; i < 4; i++) {
        made_u16(m, 1);
        made_u32(m, i);
        made_u32(m, bits[i]);
        if (i == 1)
            made_u16(m, 9);
        if (i < 2)
            made_u16(m, 3 * i);
        else
            made_text(m, i == 2 ? uuid : "");
    }
}

START_TEST(references_by_uuid_have_a_text_in_place_of_a_process)
{
    made e = {0};
    const int32_t numbers[] = {0, 1, 2, 3}, bits[] = {0, 0x10, 0x20, 0x03000020};
    const uint16_t processes[] = {0, 3, 0, 0};
    const int64_t ends[] = {0, 0, 36, 36};
    open_type("vector<TRef>");
    size_t frame = begin_vector(&e, 4);
    put_references(&e);
    made_end(&e, frame);
    taken t = entry_of(".fUniqueID", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, numbers, sizeof numbers);
    t = entry_of(".fBits", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.i32, bits, sizeof bits);
    t = entry_of(".pidf", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 4);
    ck_assert_mem_eq(t.values.text, processes, sizeof processes);
    t = entry_of(".uuid", &e);
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_int_eq(t.n, 36);
    ck_assert_mem_eq(t.values.text, uuid, 36);
    ck_assert_mem_eq(t.ends[1], ends, sizeof ends);
    ck_assert_int_eq(column(".uuid")->type, VCOL_CHAR);
    close_type(&e);
}
END_TEST

START_TEST(every_cut_of_a_reference_ends_with_what_is_wrong)
{
    made e = {0};
    open_type("vector<TRef>");
    size_t frame = begin_vector(&e, 4);
    put_references(&e);
    made_end(&e, frame);
    for (size_t n = 1; n < e.n; n++) {
        uint8_t *cut = malloc(n); /* so that a sanitizer sees what is read behind it */
        memcpy(cut, e.data, n);
        if (n >= 4) { /* the frame fits, its items do not */
            uint32_t count = __builtin_bswap32(0x40000000u | (uint32_t)(n - 4));
            memcpy(cut, &count, 4);
        }
        for (int64_t i = 0; i < n_programs; i++) {
            run r = {.program = &programs[i], .p = cut, .end = cut + n, .position = PLACE};
            ck_assert_int_eq(vcol__run_entry(&r), -1);
            ck_assert_ptr_nonnull(r.why);
        }
        free(cut);
    }
    close_type(&e);
}
END_TEST

/* The head of what is stored member by member: of items of a class that has no version, but a checksum. */
static size_t begin_members(made *m, uint32_t checksum)
{
    size_t frame = made_frame(m, 0x400a);
    made_u16(m, 0);
    made_u32(m, checksum);
    return frame;
}

static void check_i32(const made *e, const char *suffix, int64_t n, const int32_t *values)
{
    taken t = entry_of(suffix, e);
    ck_assert_msg(!t.why, "%s: %s", suffix, t.why);
    ck_assert_int_eq(t.n, n);
    ck_assert_mem_eq(t.values.i32, values, (size_t)n * sizeof *values);
}

static void put_numbers(made *m, uint32_t n, uint32_t first)
{
    made_u32(m, n);
    for (uint32_t i = 0; i < n; i++)
        made_u32(m, first + i);
}

START_TEST(arrays_of_texts_and_containers_have_one_frame_those_of_std_have_none)
{
    made e = {0};
    describe = made_info_arrays;
    open_type("Arrays");
    size_t frame = made_frame(&e, 10);
    made_text(&e, "ab");
    made_text(&e, "c");
    made_end(&e, frame);
    frame = made_frame(&e, 10);
    put_numbers(&e, 2, 1);
    put_numbers(&e, 1, 3);
    made_end(&e, frame);
    frame = begin_members(&e, 0x05060708); /* the keys of the first map, its values, the keys of the second … */
    put_numbers(&e, 1, 5);
    made_u32(&e, 6);
    put_numbers(&e, 2, 7);
    made_u32(&e, 9);
    made_u32(&e, 10);
    made_end(&e, frame);
    put_numbers(&e, 1, 4);
    put_numbers(&e, 0, 0);
    taken t = entry_of(".fT", &e);
    const int64_t texts[] = {2, 3}, lists[] = {2, 3}, maps[] = {1, 3};
    ck_assert_msg(!t.why, "%s", t.why);
    ck_assert_mem_eq(t.values.text, "abc", 3);
    ck_assert_mem_eq(t.ends[1], texts, sizeof texts);
    ck_assert_mem_eq(entry_of(".fV", &e).ends[1], lists, sizeof lists);
    ck_assert_mem_eq(entry_of(".fM.1", &e).ends[1], maps, sizeof maps);
    check_i32(&e, ".fV", 3, (const int32_t[]){1, 2, 3});
    check_i32(&e, ".fM.0", 3, (const int32_t[]){5, 7, 8});
    check_i32(&e, ".fM.1", 3, (const int32_t[]){6, 9, 10});
    check_i32(&e, ".fA", 1, (const int32_t[]){4});
    close_type(&e);
}
END_TEST

/* As keys of a map that is stored member by member they have a frame each: its head is not taken for values. */
START_TEST(pairs_that_are_keys_have_a_frame_each)
{
    made e = {0};
    describe = made_info_arrays;
    open_type("map<pair<int,int>,int>");
    size_t frame = begin_members(&e, 0x31323334);
    made_u32(&e, 2);
    for (uint32_t i = 0; i < 2; i++) {
        size_t key = made_frame(&e, 0);
        made_u32(&e, 0x05060708);
        made_u32(&e, 10 + i);
        made_u32(&e, 20 + i);
        made_end(&e, key);
    }
    made_u32(&e, 30);
    made_u32(&e, 31);
    made_end(&e, frame);
    check_i32(&e, ".0.first", 2, (const int32_t[]){10, 11});
    check_i32(&e, ".0.second", 2, (const int32_t[]){20, 21});
    check_i32(&e, ".1", 2, (const int32_t[]){30, 31});
    close_type(&e);
}
END_TEST

START_TEST(items_of_arrays_of_std_in_a_list_are_its_only_member)
{
    made e = {0};
    describe = made_info_arrays;
    open_type("vector<array<int,2> >");
    size_t frame = begin_members(&e, 0x41424344);
    put_numbers(&e, 2, 1);
    made_u32(&e, 3);
    made_u32(&e, 4);
    made_end(&e, frame);
    check_i32(&e, "", 4, (const int32_t[]){1, 2, 3, 4});
    close_type(&e);
}
END_TEST

START_TEST(items_that_leave_bytes_of_their_container_are_an_error)
{
    made e = {0};
    describe = made_info_arrays;
    open_type("vector<vector<int> >");
    size_t frame = begin_vector(&e, 1);
    put_numbers(&e, 1, 1);
    made_u8(&e, 0);
    made_end(&e, frame);
    ck_assert_str_eq(entry_of("", &e).why, "its items do not take as many bytes as it has");
    close_type(&e);
}
END_TEST

static void put_version(made *m, unsigned version)
{
    size_t frame = made_frame(m, version);
    if (version == 2)
        made_fill(m, 0, 8);
    made_u32(m, 40 + version);
    made_end(m, frame);
}

/* Of merged files: an object is not taken for one of the newest version. */
START_TEST(objects_of_another_version_of_their_class_are_unsupported)
{
    made e = {0};
    size_t frame;
    describe = made_info_arrays;
    open_type("vector<Versions>");
    frame = begin_vector(&e, 2);
    put_version(&e, 2);
    put_version(&e, _i ? 1 : 2);
    made_end(&e, frame);
    taken t = entry_of(".fA", &e);
    ck_assert_int_eq(t.unsupported, _i);
    if (!_i)
        check_i32(&e, ".fA", 2, (const int32_t[]){42, 42});
    made_free(&e);
    e = (made){0};
    frame = made_frame(&e, 0x400a); /* member by member they have one version */
    made_u16(&e, _i ? 1 : 2);
    made_u32(&e, 1);
    if (!_i)
        made_fill(&e, 0, 8);
    made_u32(&e, 7);
    made_end(&e, frame);
    t = entry_of(".fA", &e);
    ck_assert_int_eq(t.unsupported, _i);
    if (!_i)
        check_i32(&e, ".fA", 1, (const int32_t[]){7});
    close_type(&e);
}
END_TEST

START_TEST(a_branchs_object_is_read_by_the_version_of_the_branch)
{
    made e = {0};
    describe = made_info_arrays;
    written = _i;
    open_type("Versions");
    ck_assert_int_eq(n_programs, _i);
    if (_i == 2)
        made_fill(&e, 0, 8);
    made_u32(&e, 11);
    check_i32(&e, ".fA", 1, (const int32_t[]){11});
    close_type(&e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("objects");
    TCase *cases = tcase_create("objects");
    tcase_add_test(cases, pointers_lead_to_nothing_to_an_object_or_to_one_of_a_derived_class);
    tcase_add_loop_test(cases, references_of_moved_entries_are_by_their_old_places, 0, 2);
    tcase_add_test(cases, references_to_what_is_not_there_are_refused);
    tcase_add_test(cases, many_references_to_a_large_object_end);
    tcase_add_test(cases, e8_3_a_member_that_is_described_as_another_type_fills_nothing);
    tcase_add_test(cases, an_object_of_another_class_is_unsupported_and_not_taken_for_it);
    tcase_add_test(cases, members_of_bases_come_before_those_of_the_class_where_items_are_stored_member_by_member);
    tcase_add_test(cases, a_collection_of_a_class_of_its_own_is_read_as_a_list);
    tcase_add_test(cases, a_collection_of_the_time_before_versions_of_items_has_none);
    tcase_add_test(cases, pairs_in_a_list_have_a_frame_each);
    tcase_add_test(cases, pointers_to_arrays_of_numbers_are_followed);
    tcase_add_test(cases, arrays_of_clones_in_a_split_collection_have_a_frame_each);
    tcase_add_loop_test(cases, arrays_of_more_items_than_can_be_counted_are_unsupported, 0, 3);
    tcase_add_test(cases, clones_of_references_are_not_stored_member_by_member);
    tcase_add_loop_test(cases, counted_arrays_of_pointers_hold_objects_in_old_files, 0, 2);
    tcase_add_test(cases, enumerations_in_a_container_are_numbers_of_four_bytes);
    tcase_add_test(cases, bools_of_before_they_had_a_type_of_their_own_are_bools);
    tcase_add_test(cases, an_object_that_its_description_does_not_fit_is_refused);
    tcase_add_test(cases, the_name_of_an_object_may_have_colons);
    tcase_add_test(cases, every_cut_of_an_entry_ends_with_what_is_wrong);
    tcase_add_test(cases, columns_of_an_entry_without_a_known_place_refuse_references);
    tcase_add_test(cases, a_symmetric_matrix_is_the_triangle_that_is_stored);
    tcase_add_loop_test(cases, a_symmetric_matrix_whose_numbers_disagree_is_refused, 0, 9);
    tcase_add_test(cases, every_cut_of_a_matrix_ends_with_what_is_wrong);
    tcase_add_test(cases, members_around_matrices_keep_their_own_counters);
    tcase_add_loop_test(cases, arrays_are_counted_by_members_of_bases, 0, 2);
    tcase_add_loop_test(cases, items_without_members_have_the_number_that_a_member_says, 0, 2);
    tcase_add_test(cases, more_items_than_bytes_are_refused);
    tcase_add_test(cases, references_by_uuid_have_a_text_in_place_of_a_process);
    tcase_add_test(cases, every_cut_of_a_reference_ends_with_what_is_wrong);
    tcase_add_test(cases, arrays_of_texts_and_containers_have_one_frame_those_of_std_have_none);
    tcase_add_test(cases, pairs_that_are_keys_have_a_frame_each);
    tcase_add_test(cases, items_of_arrays_of_std_in_a_list_are_its_only_member);
    tcase_add_test(cases, items_that_leave_bytes_of_their_container_are_an_error);
    tcase_add_loop_test(cases, objects_of_another_version_of_their_class_are_unsupported, 0, 2);
    tcase_add_loop_test(cases, a_branchs_object_is_read_by_the_version_of_the_branch, 1, 3);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
