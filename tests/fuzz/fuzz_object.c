/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects: names of types to nodes, nodes to programs, programs over the bytes of an entry. Input: a byte of length and
 * the name of a type, a byte of choices (bit 0: the branch is a member of a split collection; bit 1: the items of ROOT's own
 * collections are of no class that is known; bit 2: where references count from is not known), and an entry's bytes. The
 * classes are ROOT's own and those that made_info and made_info_counted describe.
 */
#include "fuzz.h"

#include "../../readers/root/node.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20, PLACE = 100 };

static void *system_alloc(size_t size, size_t align, void *opaque)
{
    void *p = NULL;
    (void)opaque;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1) ? NULL : p;
}

static void system_free(void *p, size_t size, size_t align, void *opaque)
{
    (void)size, (void)align, (void)opaque;
    free(p);
}

static const vcol_allocator allocator = {system_alloc, system_free, NULL};

/* The classes, once a process. */
static root_file *classes(void)
{
    static root_file file;
    static made info, counted;
    if (file.classes)
        return &file;
    vcol__arena_init(&file.memory, &allocator);
    made_info(&info);
    made_info_counted(&counted);
    FUZZ_RULE(!vcol__classes_open(&file, NULL));
    FUZZ_RULE(!vcol__classes_read(&file, &(root_record){.data = info.data, .size = info.n}, NULL));
    FUZZ_RULE(!vcol__classes_read(&file, &(root_record){.data = counted.data, .size = counted.n}, NULL));
    FUZZ_RULE(!vcol__classes_compile(&file, NULL));
    return &file;
}

/* What is counted fits exactly what is taken. */
static void run_program(const program *p, const uint8_t *entry, size_t n, int64_t position)
{
    run counted = {.program = p, .p = entry, .end = entry + n, .position = position};
    if (p->note || vcol__run_entry(&counted)) {
        FUZZ_RULE(p->note || counted.why);
        return;
    }
    int64_t items = 1;
    run taken = {.program = p, .p = entry, .end = entry + n, .position = position};
    int64_t *ends[VCOL_MAX_LEVELS] = {NULL};
    for (int d = 0; d < p->depth; d++) {
        if (items > MOST)
            return;
        if (p->leaf_of[d] >= 0) {
            taken.ends[d] = ends[d] = malloc((size_t)items * sizeof(int64_t) + 1);
            taken.room[d] = items;
        }
        items = counted.sum[d];
        FUZZ_RULE(items >= 0);
    }
    uint8_t *values = NULL;
    if (items <= MOST / p->multiple) {
        taken.values_room = vcol_type_width(p->form.type) ? items * p->multiple : 0;
        taken.values = values = malloc((size_t)taken.values_room * vcol_type_width(p->form.type) + 1);
        FUZZ_RULE(!vcol__run_entry(&taken));
        FUZZ_RULE(taken.p == counted.p && taken.values_room == 0);
        for (int d = 0; d < p->depth; d++)
            FUZZ_RULE(taken.room[d] == 0 && taken.sum[d] == counted.sum[d]);
    }
    for (int d = 0; d < p->depth; d++)
        free(ends[d]);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cursor c = cursor_make(data, size);
    text type = cursor_text(&c);
    uint8_t choices = cursor_u8(&c);
    root_class element = {.name = {"TBranchElement", 14}};
    model_branch branch = {.named.cls = &element, .class_name = type, .id = -1, .type = choices & 1 ? 41 : 0};
    walk w = {.file = classes()};
    arena memory;
    int64_t n = 0;
    if (c.bad)
        return 0;
    vcol__arena_init(&memory, &allocator);
    node *top = vcol__node_of_branch(&w, &memory, &branch, NULL);
    FUZZ_RULE(top);
    program *programs = vcol__program_make(&memory, top, &n);
    FUZZ_RULE(n >= 0);
    for (int round = 0; round < 3; round++) {
        int settled = 0;
        for (int64_t i = 0; i < n; i++) {
            program *p = &programs[i];
            run peek = {.program = p, .p = c.p, .end = c.end, .position = PLACE};
            if (!p->unsettled || p->unsettled->settled)
                continue;
            FUZZ_RULE(p->note);
            vcol__run_entry(&peek);
            settled = 1;
            text seen = choices & 2 ? (text){"", 0} : peek.seen.n ? peek.seen : (text){"Made", 4};
            FUZZ_RULE(!vcol__node_settle(&w, &memory, p->unsettled, seen));
        }
        if (settled)
            programs = vcol__program_make(&memory, top, &n);
    }
    for (int64_t i = 0; i < n; i++) {
        FUZZ_RULE(programs[i].n_leaves >= 1 && programs[i].n_leaves <= VCOL_MAX_LEVELS && programs[i].multiple >= 1);
        FUZZ_RULE(programs[i].note || (programs[i].levels <= VCOL_MAX_LEVELS && programs[i].type != VCOL_TYPE_NONE));
        run_program(&programs[i], c.p, cursor_left(&c), choices & 4 ? 0 : PLACE);
        if (programs[i].n_whole) {
            run pass = {.program = &programs[i], .p = c.p, .end = c.end};
            FUZZ_RULE(vcol__run_ops(&pass, programs[i].whole, programs[i].n_whole) == 0 || pass.why);
        }
    }
    vcol__arena_free(&memory);
    return 0;
}

/* A container's head, filled by made_end, with a length. */
static size_t list(made *m, int framed, unsigned version, uint32_t n)
{
    size_t frame = framed ? made_frame(m, version) : 0;
    made_u32(m, n);
    return frame;
}

static void tobject(made *m, uint32_t bits)
{
    made_u16(m, 1);
    made_u32(m, 0);
    made_u32(m, bits);
}

/* One of ROOT's own collections, up to its name. */
static size_t collection(made *m, uint32_t bits)
{
    size_t frame = made_frame(m, 3);
    tobject(m, bits);
    made_text(m, "");
    return frame;
}

/* An object of class Made. */
static void one_made(made *m)
{
    size_t frame = made_frame(m, 3), inner;
    tobject(m, 0);
    made_u32(m, 1);
    made_u8(m, 1);
    made_f32(m, 0.5f);
    made_fill(m, 0, 12);
    made_text(m, "name");
    inner = list(m, 1, 9, 0);
    made_end(m, inner);
    made_u32(m, 0);
    made_end(m, frame);
}

/* What a pointer leads to: a Made, or a Derived; its class by name, or by where it was named. */
static void object(made *m, const char *name, uint32_t tag)
{
    size_t at = m->n, frame;
    made_u32(m, 0);
    made_u32(m, name ? UINT32_MAX : tag | 0x80000000u);
    if (name)
        made_bytes(m, name, strlen(name) + 1);
    if (name && !strcmp(name, "Made")) {
        one_made(m);
    } else {
        frame = made_frame(m, 1);
        one_made(m);
        made_u32(m, 42);
        made_end(m, frame);
    }
    made_set32(m, at, 0x40000000u | (uint32_t)(m->n - at - 4));
}

/* The base of a matrix, up to its elements. */
static void matrix(made *m, uint32_t rows, uint32_t columns, uint32_t elements)
{
    size_t frame = made_frame(m, 5);
    tobject(m, 0);
    made_u32(m, rows);
    made_u32(m, columns);
    made_fill(m, 0, 8);
    made_u32(m, elements);
    made_fill(m, 0, 12);
    made_end(m, frame);
}

int fuzz_seed(int i, made *out)
{
    static const char *const types[] = {"vector<vector<float> >", "map<string,int>", "vector<string>", "Made",
                                        "pair<int,vector<Made> >", "vector<array<short,3> >", "bitset<8>", "vector<Made>",
                                        "vector<Made*>", "TClonesArray", "TObjArray", "TRefArray", "Held", "Own", "vector<Held>",
                                        "TList", "vector<Derived>", "TRef", "vector<TMatrixTSym<double> >", "Matrices",
                                        "vector<Counted>", "vector<Bares>", "vector<TRef>"};
    size_t frame, inner;
    if (i >= (int)(sizeof types / sizeof *types))
        return 0;
    made_text(out, types[i]);
    made_u8(out, i == 2);
    switch (i) {
    case 0:
        frame = list(out, 1, 9, 2);
        made_u32(out, 1);
        made_f32(out, 1.5f);
        made_u32(out, 0);
        made_end(out, frame);
        break;
    case 1: /* member by member */
        frame = made_frame(out, 0x4009);
        made_u16(out, 0);
        made_u32(out, 7);
        made_u32(out, 1);
        made_u32(out, 0x40000004);
        made_u16(out, 9);
        made_text(out, "one");
        made_u32(out, 1);
        made_end(out, frame);
        break;
    case 2: /* as a member of a split collection: one head, then items to the end */
        made_fill(out, 0, 6);
        made_u32(out, 1);
        made_text(out, "a");
        made_u32(out, 0);
        break;
    case 6:
        frame = list(out, 1, 9, 8);
        made_fill(out, 1, 8);
        made_end(out, frame);
        break;
    case 8: /* an object, nothing, the same object, another one of that class */
        frame = list(out, 1, 9, 4);
        object(out, "Derived", 0);
        made_u32(out, 0);
        made_u32(out, PLACE + 10 + 2);
        object(out, NULL, PLACE + 14 + 2);
        made_end(out, frame);
        break;
    case 9: /* object by object; 12: its fBits say member by member */
        frame = collection(out, 0x03000000);
        made_text(out, "Made;3");
        made_u32(out, 2);
        made_u32(out, 0);
        made_u8(out, 0);
        made_u8(out, 1);
        one_made(out);
        made_end(out, frame);
        break;
    case 10:
    case 15:
        frame = collection(out, 0x03000000);
        made_u32(out, 2);
        if (i == 10)
            made_u32(out, 0);
        object(out, "Made", 0);
        if (i == 15)
            made_text(out, "option");
        made_u32(out, 0);
        if (i == 15)
            made_text(out, "");
        made_end(out, frame);
        break;
    case 11:
        frame = collection(out, 0x03000000);
        made_u32(out, 2);
        made_u32(out, 0);
        made_u16(out, 1);
        made_u32(out, 7);
        made_u32(out, 8);
        made_end(out, frame);
        break;
    case 13: /* member by member: a version 0 with a checksum, two items of Derived: TObjects, counters, arrays … */
    case 16:
        frame = made_frame(out, 0x4009);
        made_u16(out, i == 13 ? 0 : 1);
        if (i == 13)
            made_u32(out, 0x3456789a);
        made_u32(out, 2);
        for (int k = 0; k < 2; k++)
            tobject(out, 0);
        made_u32(out, 1);
        made_u32(out, 0);
        made_u8(out, 1);
        made_f32(out, 2.5f);
        made_u8(out, 0);
        made_fill(out, 0, 24);
        made_text(out, "a");
        made_text(out, "");
        inner = made_frame(out, 9);
        made_u32(out, 0);
        made_u32(out, 1);
        made_f32(out, 1);
        made_end(out, inner);
        made_fill(out, 0, 8);
        made_fill(out, 1, 8);
        made_end(out, frame);
        break;
    case 17:
        tobject(out, 0);
        made_u16(out, 1);
        break;
    case 18: /* the second one's number of elements is 2^32, cut */
        frame = list(out, 1, 9, 2);
        matrix(out, 2, 2, 4);
        made_fill(out, 1, 24);
        matrix(out, 65536, 65536, 0);
        made_fill(out, 1, 24);
        made_end(out, frame);
        break;
    case 19:
        made_u32(out, 1);
        matrix(out, 1, 1, 1);
        made_fill(out, 1, 8);
        inner = made_frame(out, 4);
        matrix(out, 1, 2, 2);
        made_u8(out, 1);
        made_fill(out, 1, 16);
        made_end(out, inner);
        made_u8(out, 1);
        made_f32(out, 1);
        made_u32(out, 0);
        break;
    case 20:
        frame = list(out, 1, 9, 1);
        inner = made_frame(out, 1);
        one_made(out);
        made_u32(out, 1);
        made_u8(out, 1);
        made_u32(out, 2);
        made_u32(out, 3);
        made_end(out, inner);
        made_end(out, frame);
        break;
    case 21:
        frame = list(out, 1, 9, 1);
        inner = made_frame(out, 1);
        made_u32(out, 2);
        for (int k = 0; k < 2; k++) {
            size_t items = made_frame(out, 1);
            made_fill(out, 1, 12);
            made_end(out, items);
        }
        made_u32(out, 3);
        made_end(out, inner);
        made_end(out, frame);
        break;
    case 22: /* the second by UUID */
        frame = list(out, 1, 10, 2);
        tobject(out, 0);
        made_u16(out, 1);
        tobject(out, 0x20);
        made_text(out, "12345678-1234-1234-1234-123456789abc");
        made_end(out, frame);
        break;
    default:
        frame = list(out, 1, 9, 1);
        made_fill(out, 0, 40);
        made_end(out, frame);
    }
    return 1;
}
