/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects: names of types to nodes, nodes to programs, programs over the bytes of an entry. Input: a byte of length and
 * the name of a type, a byte of choices (bit 0: the branch is a member of a split collection), and an entry's bytes. The
 * classes are ROOT's own and the one that made_info describes.
 */
#include "fuzz.h"

#include "../../readers/root/node.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20 };

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
    static made info;
    root_record record = {0};
    if (file.classes)
        return &file;
    vcol__arena_init(&file.memory, &allocator);
    made_info(&info);
    record.data = info.data;
    record.size = info.n;
    FUZZ_RULE(!vcol__classes_open(&file, NULL));
    FUZZ_RULE(!vcol__classes_read(&file, &record, NULL));
    FUZZ_RULE(!vcol__classes_compile(&file, NULL));
    return &file;
}

/* What is counted fits exactly what is taken. */
static void run_program(const program *p, const uint8_t *entry, size_t n)
{
    run counted = {.program = p, .p = entry, .end = entry + n};
    if (p->note || vcol__run_entry(&counted)) {
        FUZZ_RULE(p->note || counted.why);
        return;
    }
    int64_t items = 1;
    run taken = {.program = p, .p = entry, .end = entry + n};
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
        taken.values_room = items * p->multiple;
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
    const program *programs = vcol__program_make(&memory, top, &n);
    FUZZ_RULE(n >= 0);
    for (int64_t i = 0; i < n; i++) {
        FUZZ_RULE(programs[i].n_leaves >= 1 && programs[i].n_leaves <= VCOL_MAX_LEVELS && programs[i].multiple >= 1);
        FUZZ_RULE(programs[i].note || (programs[i].levels <= VCOL_MAX_LEVELS && programs[i].type != VCOL_TYPE_NONE));
        run_program(&programs[i], c.p, cursor_left(&c));
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

int fuzz_seed(int i, made *out)
{
    static const char *const types[] = {"vector<vector<float> >", "map<string,int>", "vector<string>", "Made",
                                        "pair<int,vector<Made> >", "vector<array<short,3> >", "bitset<8>", "vector<Made>"};
    size_t frame;
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
    default:
        frame = list(out, 1, 9, 1);
        made_fill(out, 0, 40);
        made_end(out, frame);
    }
    return 1;
}
