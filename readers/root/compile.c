/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From descriptions of classes to steps: each element becomes one step, with the field of our own structures
 * that it fills, if any.
 *
 * Invariant: a step that fills a field names the kind of target that has it; object.c checks it, so that a
 * file that mixes bases cannot write a branch's field into a leaf. And it writes what the field holds: a file that describes a
 * member as something else, or twice, cannot write a number over an array's address.
 */
#include "builtin.h"
#include "object.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD(cls, member, kind, type, field)                                                                \
    {                                                                                                        \
        cls, member, kind, offsetof(type, field),                                                            \
            _Generic(((type *)0)->field,                                                                     \
                int64_t: STEP_NUMBER,                                                                        \
                text: STEP_STRING,                                                                           \
                uint32_t: STEP_SLOT,                                                                         \
                model_list: STEP_ARRAY,                                                                      \
                model_array: STEP_COUNTED)                                                                   \
    }

static const struct {
    const char *cls, *member;
    root_kind kind;
    size_t field;
    root_code fills;
} fields[] = {
    FIELD("TTree", "fEntries", KIND_TREE, model_tree, entries),
    FIELD("TTree", "fTotBytes", KIND_TREE, model_tree, tot_bytes),
    FIELD("TTree", "fZipBytes", KIND_TREE, model_tree, zip_bytes),
    FIELD("TTree", "fAutoFlush", KIND_TREE, model_tree, auto_flush),
    FIELD("TTree", "fNClusterRange", KIND_TREE, model_tree, n_ranges),
    FIELD("TTree", "fClusterRangeEnd", KIND_TREE, model_tree, range_end),
    FIELD("TTree", "fClusterSize", KIND_TREE, model_tree, range_size),
    FIELD("TTree", "fBranches", KIND_TREE, model_tree, branches),
    FIELD("TTree", "fIndexValues", KIND_TREE, model_tree, index_values),
    FIELD("TTree", "fIndex", KIND_TREE, model_tree, index_entries),
    FIELD("TBranch", "fWriteBasket", KIND_BRANCH, model_branch, write_basket),
    FIELD("TBranch", "fEntryNumber", KIND_BRANCH, model_branch, entry_number),
    FIELD("TBranch", "fFirstEntry", KIND_BRANCH, model_branch, first_entry),
    FIELD("TBranch", "fTotBytes", KIND_BRANCH, model_branch, tot_bytes),
    FIELD("TBranch", "fZipBytes", KIND_BRANCH, model_branch, zip_bytes),
    FIELD("TBranch", "fBranches", KIND_BRANCH, model_branch, branches),
    FIELD("TBranch", "fLeaves", KIND_BRANCH, model_branch, leaves),
    FIELD("TBranch", "fBaskets", KIND_BRANCH, model_branch, baskets),
    FIELD("TBranch", "fBasketBytes", KIND_BRANCH, model_branch, basket_bytes),
    FIELD("TBranch", "fBasketEntry", KIND_BRANCH, model_branch, basket_entry),
    FIELD("TBranch", "fBasketSeek", KIND_BRANCH, model_branch, basket_seek),
    FIELD("TBranch", "fFileName", KIND_BRANCH, model_branch, file_name),
    FIELD("TBranchElement", "fClassName", KIND_BRANCH, model_branch, class_name),
    FIELD("TBranchElement", "fCheckSum", KIND_BRANCH, model_branch, class_checksum),
    FIELD("TBranchElement", "fClassVersion", KIND_BRANCH, model_branch, class_version),
    FIELD("TBranchElement", "fID", KIND_BRANCH, model_branch, id),
    FIELD("TBranchElement", "fType", KIND_BRANCH, model_branch, type),
    FIELD("TBranchElement", "fStreamerType", KIND_BRANCH, model_branch, streamer_type),
    FIELD("TBranchElement", "fBranchCount", KIND_BRANCH, model_branch, branch_count),
    FIELD("TBranchElement", "fBranchCount2", KIND_BRANCH, model_branch, branch_lengths),
    FIELD("TBranchObject", "fClassName", KIND_BRANCH, model_branch, class_name),
    FIELD("TFriendElement", "fTreeName", KIND_FRIEND, model_friend, tree_name),
    FIELD("TLeaf", "fLen", KIND_LEAF, model_leaf, len),
    FIELD("TLeaf", "fLenType", KIND_LEAF, model_leaf, len_type),
    FIELD("TLeaf", "fIsUnsigned", KIND_LEAF, model_leaf, is_unsigned),
    FIELD("TLeaf", "fLeafCount", KIND_LEAF, model_leaf, counter),
};

/* Bytes of a number in the file; 0: not of fixed width. Float16 and Double32 stand in no class of trees. */
/* 64 bits: the callers subtract from what the file says. */
static unsigned number_width(int64_t type)
{
    static const uint8_t widths[20] = {0, 1, 2, 4, 8, 4, 4, 0, 8, 0, 1, 1, 2, 4, 8, 4, 8, 8, 1, 0};
    return type > 0 && type < 20 ? widths[type] : 0;
}

static text type_class(const root_element *e)
{
    text t = e->type_name;
    while (t.n && (t.s[t.n - 1] == '*' || t.s[t.n - 1] == ' '))
        t.n--;
    return t;
}

/* Arrays of numbers that stream themselves: no frame. */
static unsigned tarray_width(text name)
{
    static const struct {
        char name[9];
        uint8_t width;
    } arrays[] = {{"TArrayC", 1},   {"TArrayS", 2}, {"TArrayI", 4}, {"TArrayL", 8},
                  {"TArrayL64", 8}, {"TArrayF", 4}, {"TArrayD", 8}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (name.n == strnlen(arrays[i].name, 9) && !memcmp(name.s, arrays[i].name, name.n))
            return arrays[i].width;
    return 0;
}

static void find_field(text cls, text member, root_step *step)
{
    if (cls.n < 5 || cls.s[0] != 'T')
        return;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (text_is(member, fields[i].member) && text_is(cls, fields[i].cls)) {
            step->kind = (uint8_t)fields[i].kind;
            step->field = (uint16_t)fields[i].field;
            step->fills = (uint8_t)fields[i].fills;
            return;
        }
}

static int object_step(root_file *file, text name, int base, uint32_t n, root_step *step)
{
    step->n = n;
    if (text_is(name, "TObject")) {
        step->code = STEP_TOBJECT;
    } else if (text_is(name, "TObjArray") && n == 1) {
        step->code = STEP_ARRAY;
    } else if (text_is(name, "TString")) {
        step->code = STEP_STRING;
    } else if (tarray_width(name)) {
        step->code = STEP_TARRAY;
        step->width = (uint8_t)tarray_width(name);
    } else if (text_is(name, "TDatime")) {
        step->code = STEP_SKIP;
        step->n = 4 * n;
    } else if (name.n > 4 && !memcmp(name.s, "TAtt", 4)) {
        step->code = STEP_FRAME;
    } else {
        step->code = base ? STEP_BASE : STEP_CLASS;
        step->cls = vcol__class_intern(file, name);
        if (!step->cls)
            return -1;
    }
    return 0;
}

/* The local that holds a counter, which must come before `until`. */
static int find_local(const root_info *info, text counter, int32_t until)
{
    for (int32_t i = 0; i < until; i++)
        if (text_same(info->elements[i].name, counter))
            return info->steps[i].code == STEP_NUMBER ? info->steps[i].local : -1;
    return -1;
}

/* A length from the file, made harmless: no record has more bytes. */
static uint32_t length_of(const root_element *e)
{
    return e->length < 1 ? 1 : e->length > MAX_RECORD / 8 ? MAX_RECORD / 8 : (uint32_t)e->length;
}

static int compile_one(root_file *file, const root_class *cls, root_info *info, int32_t i, int *locals)
{
    const root_element *e = &info->elements[i];
    root_step *step = &info->steps[i];
    int64_t type = e->type;
    *step = (root_step){.code = STEP_STOP, .local = -1, .n = 1};
    find_field(cls->name, e->name, step);
    /* A tree's branches come before everything else that its columns need; behind them are its index and its friends. */
    if (text_is(cls->name, "TTree") && (text_is(e->name, "fLeaves") || text_is(e->name, "fUserInfo"))) {
        step->code = text_is(e->name, "fLeaves") ? STEP_REST : STEP_STOP;
        return 0;
    }
    if (type == TYPE_BASE)
        return object_step(file, e->name, 1, 1, step);
    if (number_width(type)) {
        step->code = STEP_NUMBER;
        step->type = (uint8_t)type;
        step->width = (uint8_t)number_width(type);
        if (*locals < MAX_LOCALS)
            for (int32_t k = i + 1; k < info->n_elements && step->local < 0; k++)
                if (text_same(info->elements[k].counter, e->name))
                    step->local = (int16_t)(*locals)++;
    } else if (number_width(type - TYPE_ARRAY)) {
        step->code = STEP_SKIP;
        step->n = number_width(type - TYPE_ARRAY) * length_of(e);
    } else if (number_width(type - TYPE_COUNTED)) {
        step->local = (int16_t)find_local(info, e->counter, i);
        step->code = step->local < 0 ? STEP_STOP : STEP_COUNTED;
        step->width = (uint8_t)number_width(type - TYPE_COUNTED);
    } else if (type == TYPE_CHARS) {
        step->code = STEP_CHARS;
    } else if (type == TYPE_TSTRING || type == TYPE_TSTRING + TYPE_ARRAY) {
        step->code = STEP_STRING;
        step->n = length_of(e);
    } else if (type == TYPE_OBJECT || type == TYPE_ANY || type == TYPE_OBJECT_INLINE ||
               type == TYPE_ANY_INLINE) {
        return object_step(file, type_class(e), 0, 1, step);
    } else if (type == TYPE_OBJECT + TYPE_ARRAY || type == TYPE_ANY + TYPE_ARRAY) {
        return object_step(file, type_class(e), 0, length_of(e), step);
    } else if (type == TYPE_OBJECT_POINTER || type == TYPE_ANY_POINTER) {
        step->code = STEP_SLOT;
    } else if (type == TYPE_OBJECT_POINTER + TYPE_ARRAY || type == TYPE_ANY_POINTER + TYPE_ARRAY) {
        step->code = STEP_SLOT;
        step->n = length_of(e);
    } else if (type == TYPE_TOBJECT) {
        step->code = STEP_TOBJECT;
    } else if (type == TYPE_TNAMED) {
        return object_step(file, (text){"TNamed", 6}, 1, 1, step);
    } else if (type == TYPE_STL || type == TYPE_STL_STRING || type == TYPE_STREAMER ||
               type == TYPE_STREAM_LOOP) {
        step->code = STEP_FRAME;
    }
    return 0;
}

/* Arrays of numbers come counted by a member, or with their number before them. */
static int fits(const root_step *step)
{
    int array = step->code == STEP_COUNTED || step->code == STEP_TARRAY;
    if (step->fills == STEP_COUNTED)
        return array && (step->width == 4 || step->width == 8);
    return step->code == step->fills;
}

static int compile_info(root_file *file, const root_class *cls, root_info *info)
{
    int locals = 0;
    if (info->steps)
        return 0;
    info->steps = vcol__arena_new(&file->memory, (uint64_t)info->n_elements, sizeof *info->steps);
    if (!info->steps)
        return -1;
    info->n_steps = info->n_elements;
    for (int32_t i = 0; i < info->n_elements; i++) {
        if (compile_one(file, cls, info, i, &locals))
            return -1;
        if (!fits(&info->steps[i]))
            info->steps[i].kind = KIND_UNKNOWN;
    }
    return 0;
}

/* What a class is to us: by its name, else by its bases. */
static root_kind kind_of(const root_classes *classes, root_class *cls, int depth)
{
    static const struct {
        const char *name;
        root_kind kind;
    } known[] = {
        {"TTree", KIND_TREE},     {"TBranch", KIND_BRANCH},  {"TLeaf", KIND_LEAF},
        {"TBasket", KIND_BASKET}, {"TObjArray", KIND_ARRAY}, {"TList", KIND_LIST},
        {"THashList", KIND_LIST}, {"TNamed", KIND_NAMED},    {"TTreeIndex", KIND_INDEX},
        {"TFriendElement", KIND_FRIEND},
    };
    if (cls->kind != KIND_UNKNOWN)
        return cls->kind;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text_is(cls->name, known[i].name))
            return cls->kind = known[i].kind;
    if (depth >= MAX_DEPTH)
        return KIND_OTHER;
    cls->kind = KIND_OTHER;
    for (const root_info *info = cls->infos; info; info = info->next)
        for (int32_t i = 0; i < info->n_elements && cls->kind == KIND_OTHER; i++)
            if (info->elements[i].type == TYPE_BASE) {
                root_class *base = vcol__class_find(classes, info->elements[i].name);
                root_kind kind = base ? kind_of(classes, base, depth + 1) : KIND_OTHER;
                if (kind == KIND_TREE || kind == KIND_BRANCH || kind == KIND_LEAF)
                    cls->kind = kind;
            }
    return cls->kind;
}

static void find_newest(root_class *cls)
{
    const root_info *best = NULL;
    for (const root_info *info = cls->infos; info; info = info->next)
        if (!best || (!info->builtin && best->builtin) || (!info->builtin == !best->builtin && info->version > best->version))
            best = info;
    cls->newest = best;
}

vcol_status vcol__classes_compile(root_file *file, vcol_error *err)
{
    root_classes *classes = file->classes;
    int64_t before;
    do { /* steps make classes known that are only mentioned */
        before = classes->n;
        for (int i = 0; i < CLASS_TABLE; i++)
            for (root_class *cls = classes->table[i]; cls; cls = cls->chain)
                for (root_info *info = cls->infos; info; info = info->next)
                    if (compile_info(file, cls, info))
                        return vcol_error_format(err, VCOL_NOMEM, "no memory for the streamer information");
    } while (classes->n != before);
    for (int i = 0; i < CLASS_TABLE; i++)
        for (root_class *cls = classes->table[i]; cls; cls = cls->chain) {
            kind_of(classes, cls, 0);
            find_newest(cls);
        }
    return VCOL_OK;
}

/* ---- the built-in table ---------------------------------------------------------------------- */

static const char *member(const char *s, root_element *e)
{
    size_t n = strcspn(s, " "), sign = strcspn(s, "="), mark = strcspn(s, ".@=");
    text detail = {s + mark + 1, (uint32_t)(sign > mark ? sign - mark - 1 : 0)};
    memset(e, 0, sizeof *e);
    e->type = (int32_t)strtol(s, NULL, 10);
    e->title = e->type_name = e->counter = (text){"", 0};
    if (s[mark] == '.')
        e->type_name = detail;
    else if (s[mark] == '@')
        e->counter = detail;
    e->name = (text){s + sign + 1, (uint32_t)(n - sign - 1)};
    return s[n] ? s + n + 1 : s + n;
}

vcol_status vcol__classes_open(root_file *file, vcol_error *err)
{
    file->classes = vcol__arena_new(&file->memory, 1, sizeof *file->classes);
    if (!file->classes)
        goto nomem;
    for (size_t i = 0; i < sizeof builtin_classes / sizeof *builtin_classes; i++) {
        const char *s = builtin_classes[i].members;
        text name = {builtin_classes[i].name, (uint32_t)strlen(builtin_classes[i].name)};
        root_class *cls = vcol__class_intern(file, name);
        root_info *info = vcol__arena_new(&file->memory, 1, sizeof *info), **last;
        int32_t n = 1;
        if (!cls || !info)
            goto nomem;
        for (const char *p = s; *p; p++)
            n += *p == ' ';
        info->version = builtin_classes[i].version;
        info->builtin = 1 + builtin_classes[i].always;
        info->elements = vcol__arena_new(&file->memory, (uint64_t)n, sizeof *info->elements);
        if (!info->elements)
            goto nomem;
        while (*s)
            s = member(s, &info->elements[info->n_elements++]);
        for (last = &cls->infos; *last; last = &(*last)->next)
            ;
        *last = info;
    }
    return VCOL_OK;
nomem:
    return vcol_error_format(err, VCOL_NOMEM, "no memory for the class descriptions");
}
