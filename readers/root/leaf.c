/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a leaf's entries look like.
 *
 * FORMAT root/TLeaf  class → disk bytes: O 1, B 1, S 2, I 4, L 8, G 8, F 4, D 8, F16 3 or 4, D32 4 or 3,
 *     C counted string (an empty one takes no bytes at all). fLen = product of the constant dimensions, whose
 *     sizes stand in the title only; fLeafCount counts what remains.
 * FORMAT root/TBranchElement  fType 0: an entry is a member of type fStreamerType, or (fID < 0) a whole
 * object; 31, 41: one value for each item that the fBranchCount's entry counts; a counted array: for each item u8 flag,
 * and if it is not 0 as many values as the entry of fBranchCount2 says of the item. vector<T> of numbers: u32
 * byte count, i16 version, i32 n, n values. A top-level std::string is a bare counted string, a member has a
 * frame. source: root-project/root tree/tree/src/TLeaf*.cxx (ReadBasket), TBranchElement.cxx (InitInfo,
 * ReadLeaves…); data/root/uproot-sample-*.root, gohep-ndim-slice.root, unroot-tree_basictypes.root
 */
#include "leaf.h"

#include <stdlib.h>

typedef struct number_type {
    const char *name;
    vcol_type type;
    value_kind kind;
    uint8_t width;
} number_type;

static const number_type N_BOOL = {"bool", VCOL_BOOL, VALUE_BOOL, 1},
                         N_I8 = {"int8_t", VCOL_I8, VALUE_COPY1, 1},
                         N_U8 = {"uint8_t", VCOL_U8, VALUE_COPY1, 1},
                         N_I16 = {"int16_t", VCOL_I16, VALUE_SWAP2, 2},
                         N_U16 = {"uint16_t", VCOL_U16, VALUE_SWAP2, 2},
                         N_I32 = {"int32_t", VCOL_I32, VALUE_SWAP4, 4},
                         N_U32 = {"uint32_t", VCOL_U32, VALUE_SWAP4, 4},
                         N_I64 = {"int64_t", VCOL_I64, VALUE_SWAP8, 8},
                         N_U64 = {"uint64_t", VCOL_U64, VALUE_SWAP8, 8},
                         N_F32 = {"float", VCOL_F32, VALUE_SWAP4, 4},
                         N_F64 = {"double", VCOL_F64, VALUE_SWAP8, 8},
                         N_D32 = {"Double32_t", VCOL_F64, VALUE_F32_F64, 4};

static void set(leaf_form *f, const number_type *n)
{
    f->type_name = n->name;
    f->form = (value_form){.kind = n->kind, .width = n->width, .type = n->type};
}

static void set_real(leaf_form *f, vcol_type type, text title)
{
    f->type_name = type == VCOL_F32 ? "Float16_t" : "Double32_t";
    f->form = vcol__value_real(type, title);
}

/* The dimensions in a title, "x[n][2][3]"; brackets with other things than numbers are left out. */
static void dimensions(leaf_form *f, text title, int64_t len)
{
    const char *p = title.s, *end = p + title.n;
    int64_t product = 1;
    f->n_dims = 0;
    f->count = len > 0 ? len : 1;
    while (p < end && (p = memchr(p, '[', (size_t)(end - p)))) {
        const char *q = ++p;
        int64_t d = 0;
        while (q < end && *q >= '0' && *q <= '9' && d < INT32_MAX)
            d = d * 10 + (*q++ - '0');
        if (q > p && q < end && *q == ']' && d > 0) {
            if (f->n_dims == MAX_DIMS || __builtin_mul_overflow(product, d, &product))
                break;
            f->dims[f->n_dims++] = d;
        }
        p = q;
    }
    if (product != f->count) { /* the title says something else: one dimension, if any */
        f->n_dims = f->count > 1;
        f->dims[0] = f->count;
    }
}

/* ---- plain leaves ---------------------------------------------------------------------------- */

static int plain_type(leaf_form *f, const model_leaf *leaf)
{
    text name = leaf->named.cls ? leaf->named.cls->name : (text){"", 0};
    int u = leaf->is_unsigned != 0;
    if (text_is(name, "TLeafO"))
        set(f, &N_BOOL);
    else if (text_is(name, "TLeafB"))
        set(f, u ? &N_U8 : &N_I8);
    else if (text_is(name, "TLeafS"))
        set(f, u ? &N_U16 : &N_I16);
    else if (text_is(name, "TLeafI"))
        set(f, u ? &N_U32 : &N_I32);
    else if (text_is(name, "TLeafL") || text_is(name, "TLeafG"))
        set(f, u ? &N_U64 : &N_I64);
    else if (text_is(name, "TLeafF"))
        set(f, &N_F32);
    else if (text_is(name, "TLeafD"))
        set(f, &N_F64);
    else if (text_is(name, "TLeafF16"))
        set_real(f, VCOL_F32, leaf->named.title);
    else if (text_is(name, "TLeafD32"))
        set_real(f, VCOL_F64, leaf->named.title);
    else
        return 0;
    return 1;
}

/* Whether a leaf can count others: one integral value an entry. */
static int counts(const model_leaf *leaf)
{
    leaf_form f = {0};
    return leaf && leaf->counter == 0 && leaf->len <= 1 && plain_type(&f, leaf) && f.form.type >= VCOL_I8 &&
           f.form.type <= VCOL_U64;
}

static void find_counter(const walk *w, model_leaf *leaf, leaf_form *f)
{
    f->counter = vcol__walk_target(w, leaf->counter, KIND_LEAF);
    f->kind = BIND_ITEMS;
    if (!f->counter)
        f->note = "the leaf that counts its items is not in the file";
    else if (!counts(f->counter))
        f->note = "the leaf that counts its items is not an integer per entry";
    else if (!f->counter->branch)
        f->note = "the leaf that counts its items belongs to no branch";
    else if (f->counter->branch == leaf->branch) {
        f->note = "arrays counted by a leaf of the same branch are read only beside numbers and arrays of them";
        f->together = 1;
    }
}

static void plain(const walk *w, const model_branch *branch, model_leaf *leaf, leaf_form *f)
{
    text name = leaf->named.cls ? leaf->named.cls->name : (text){"", 0};
    if (text_is(name, "TLeafC")) {
        f->kind = BIND_CHARS;
        f->type_name = "char*";
        f->form = (value_form){.kind = VALUE_COPY1, .width = 1, .type = VCOL_CHAR};
        f->count = 1;
        if (leaf->counter)
            f->note = "counted arrays of strings are not supported yet";
        return;
    }
    if (!plain_type(f, leaf)) {
        f->full_name = branch->class_name.n ? branch->class_name : name;
        f->note = "objects that are not split are not supported yet";
        return;
    }
    f->kind = BIND_FIXED;
    if (leaf->len < 0)
        f->note = "its length is not known";
    dimensions(f, leaf->named.title, leaf->len);
    if (leaf->counter)
        find_counter(w, leaf, f);
}

/* ---- members of classes ----------------------------------------------------------------------- */

const root_info *vcol__leaf_class(const walk *w, const model_branch *b)
{
    const root_class *cls = vcol__class_find(w->file->classes, b->class_name);
    const root_info *info;
    if (!cls)
        return NULL;
    for (info = cls->infos; info; info = info->next)
        if (info->checksum == (uint32_t)b->class_checksum && info->version == b->class_version)
            return info;
    for (info = cls->infos; info; info = info->next)
        if (info->checksum == (uint32_t)b->class_checksum)
            return info;
    return vcol__class_info(cls, (int32_t)b->class_version, (uint32_t)b->class_checksum);
}

/* The element of a class that a branch holds, or NULL. */
static const root_element *member_of(const walk *w, const model_branch *b)
{
    const root_info *info = b->id < 0 ? NULL : vcol__leaf_class(w, b);
    return info && b->id < info->n_elements ? &info->elements[b->id] : NULL;
}

int vcol__leaf_number(leaf_form *f, int64_t type, text title)
{
    static const number_type *const types[20] = {
        NULL,  &N_I8, &N_I16, &N_I32, &N_I64, &N_F32, &N_I32, NULL,   &N_F64,  NULL,
        &N_I8, &N_U8, &N_U16, &N_U32, &N_U64, NULL,   &N_I64, &N_U64, &N_BOOL, NULL,
    };
    if (type == TYPE_DOUBLE32)
        set_real(f, VCOL_F64, title);
    else if (type == TYPE_FLOAT16)
        set_real(f, VCOL_F32, title);
    else if (type == TYPE_COUNTER)
        set(f, &N_U32); /* never negative; as uproot has it, whatever the class says */
    else if (type > 0 && type < 20 && types[type])
        set(f, types[type]);
    else
        return 0;
    return 1;
}

/* A type's name without blanks, "std::" and an allocator, NUL-terminated; 0 if it is too long. */
static int tidy(text t, char *out, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        int word = t.s[i] == ' ' && n && i + 1 < t.n && t.s[i + 1] != '>' && t.s[i + 1] != ' ' &&
                   out[n - 1] != '<' && out[n - 1] != ',';
        if (t.n - i >= 5 && !memcmp(t.s + i, "std::", 5)) {
            i += 4;
            continue;
        }
        if (n + 1 >= size)
            return 0;
        if (t.s[i] != ' ' || word)
            out[n++] = t.s[i];
    }
    out[n] = 0;
    return 1;
}

static const number_type *named_number(const char *s, size_t n)
{
    static const struct {
        const char *name;
        const number_type *type;
    } names[] = {
        {"bool", &N_BOOL},
        {"Bool_t", &N_BOOL},
        {"char", &N_I8},
        {"Char_t", &N_I8},
        {"signed char", &N_I8},
        {"int8_t", &N_I8},
        {"unsigned char", &N_U8},
        {"UChar_t", &N_U8},
        {"uint8_t", &N_U8},
        {"short", &N_I16},
        {"Short_t", &N_I16},
        {"int16_t", &N_I16},
        {"unsigned short", &N_U16},
        {"UShort_t", &N_U16},
        {"uint16_t", &N_U16},
        {"int", &N_I32},
        {"Int_t", &N_I32},
        {"int32_t", &N_I32},
        {"unsigned int", &N_U32},
        {"unsigned", &N_U32},
        {"UInt_t", &N_U32},
        {"uint32_t", &N_U32},
        {"long", &N_I64},
        {"Long_t", &N_I64},
        {"long long", &N_I64},
        {"Long64_t", &N_I64},
        {"int64_t", &N_I64},
        {"unsigned long", &N_U64},
        {"ULong_t", &N_U64},
        {"unsigned long long", &N_U64},
        {"ULong64_t", &N_U64},
        {"uint64_t", &N_U64},
        {"float", &N_F32},
        {"Float_t", &N_F32},
        {"double", &N_F64},
        {"Double_t", &N_F64},
        {"Double32_t", &N_D32},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == n && !memcmp(names[i].name, s, n))
            return names[i].type;
    return NULL;
}

int vcol__leaf_named(leaf_form *f, text type)
{
    const number_type *n = named_number(type.s, type.n);
    if (n)
        set(f, n);
    else if (text_is(type, "Float16_t")) /* of an item there is nothing that tells a range */
        set_real(f, VCOL_F32, (text){"", 0});
    else
        return 0;
    return 1;
}

/* vector<T> (and other sequences, which are streamed alike) of numbers. */
static int sequence(leaf_form *f, text type)
{
    static const char *const heads[] = {"vector<", "list<",     "deque<",
                                        "set<",    "multiset<", "ROOT::VecOps::RVec<"};
    const number_type *number = NULL;
    char name[128];
    if (!tidy(type, name, sizeof name))
        return 0;
    for (size_t i = 0; i < sizeof heads / sizeof *heads && !number; i++) {
        size_t n = strlen(heads[i]);
        if (!strncmp(name, heads[i], n))
            number = named_number(name + n, strcspn(name + n, ",>"));
    }
    if (!number)
        return 0;
    set(f, number);
    f->kind = BIND_VECTOR;
    f->count = 1;
    return 1;
}

static void string(leaf_form *f, const char *type_name)
{
    f->kind = BIND_STRING;
    f->type_name = type_name;
    f->form = (value_form){.kind = VALUE_COPY1, .width = 1, .type = VCOL_CHAR};
    f->count = 1;
}

/* A counted array in the items of a split collection; how many values an item has is what another of its members says. */
static void array_of_items(const walk *w, const model_branch *b, leaf_form *f)
{
    model_branch *lengths = vcol__walk_target(w, b->branch_lengths, KIND_BRANCH);
    model_leaf *leaf = lengths && lengths->leaves.n == 1 ? vcol__walk_target(w, lengths->leaves.refs[0], KIND_LEAF) : NULL;
    leaf_form said = {.note = ""};
    if (leaf && leaf->branch == lengths && lengths != b && lengths->streamer_type == TYPE_COUNTER && lengths->branch_count == b->branch_count)
        said = vcol__leaf_form(w, lengths, leaf);
    f->kind = BIND_LISTS;
    f->lengths = lengths;
    if (said.note || said.kind != BIND_ITEMS || said.count != 1 || said.form.type != VCOL_U32)
        f->note = "the branch that says how long its arrays are is not in the file";
    else if (f->element && f->element->length > 1)
        f->note = "arrays of counted arrays in split collections are not supported";
}

/* A member of the items of a split collection: one value an item, without heads. */
static void collection_member(const walk *w, const model_branch *b, const model_leaf *leaf,
                              text title, leaf_form *f)
{
    const model_branch *master = vcol__walk_target(w, b->branch_count, KIND_BRANCH);
    int64_t number = b->streamer_type;
    if (vcol__leaf_number(f, number, title))
        f->count = 1;
    else if (number > TYPE_ARRAY && vcol__leaf_number(f, number - TYPE_ARRAY, title))
        dimensions(f, leaf->named.title, leaf->len);
    else if (number > TYPE_COUNTED && number < TYPE_OBJECT && vcol__leaf_number(f, number - TYPE_COUNTED, title))
        f->count = 1;
    else {
        f->note = "containers and classes in split collections are not supported yet";
        return;
    }
    f->kind = BIND_ITEMS;
    if (number > TYPE_COUNTED)
        array_of_items(w, b, f);
    f->counter = master && vcol__branch_counts(master) && master->leaves.n
                     ? vcol__walk_target(w, master->leaves.refs[0], KIND_LEAF)
                     : NULL;
    if (!f->counter || f->counter->branch != master)
        f->note = "the branch that counts its items is not in the file";
}

int vcol__branch_counts(const model_branch *b)
{
    return (b->type == 3 || b->type == 4) && b->named.cls && text_is(b->named.cls->name, "TBranchElement");
}

leaf_form vcol__leaf_counts(void)
{
    leaf_form f = {.full_name = {"", 0}, .count = 1, .kind = BIND_FIXED};
    set(&f, &N_I32);
    return f;
}

static void member(const walk *w, const model_branch *b, model_leaf *leaf, leaf_form *f)
{
    const root_element *e = b->id >= 0 ? member_of(w, b) : NULL;
    text type = e ? e->type_name : b->class_name, title = e ? e->title : leaf->named.title;
    int64_t number = b->streamer_type;
    f->full_name = b->id >= 0 && e ? e->type_name : b->class_name;
    f->element = e;
    if (b->id < 0 && b->type <= 0 &&
        (text_is(type, "string") || text_is(type, "std::string") || text_is(type, "TString"))) {
        string(f, text_is(type, "TString") ? "TString" : "std::string");
        return;
    }
    if (b->type == 31 || b->type == 41) {
        collection_member(w, b, leaf, title, f);
        return;
    }
    if (b->type != 0) {
        f->note = b->type == -1 ? "classes with a streamer of their own are not supported"
                                : "split collections are not supported yet";
        return;
    }
    if (b->id >= 0 && vcol__leaf_number(f, number, title)) {
        f->kind = BIND_FIXED;
        f->count = 1;
    } else if (b->id >= 0 && number > TYPE_ARRAY && vcol__leaf_number(f, number - TYPE_ARRAY, title)) {
        f->kind = BIND_FIXED;
        dimensions(f, leaf->named.title, leaf->len);
    } else if (b->id >= 0 && number > TYPE_COUNTED && vcol__leaf_number(f, number - TYPE_COUNTED, title)) {
        f->note = "counted arrays in classes are not supported yet";
    } else if (b->id >= 0 && number == TYPE_TSTRING) {
        string(f, "TString");
    } else if ((b->id < 0 || !e || (e->type >= TYPE_STL && e->dims == 0)) && sequence(f, type)) {
        ;
    } else {
        f->note = text_is(type, "string") ? "strings in classes are not supported yet"
                                          : "classes and nested containers are not supported yet";
    }
}

leaf_form vcol__leaf_form(const walk *w, const model_branch *branch, model_leaf *leaf)
{
    leaf_form f = {.full_name = {"", 0}, .count = 1};
    text cls = branch->named.cls ? branch->named.cls->name : (text){"", 0};
    if (text_is(cls, "TBranchElement")) {
        member(w, branch, leaf, &f);
        f.object = f.note && (branch->type <= 0 || branch->type == 31 || branch->type == 41 ||
                              (vcol__branch_counts(branch) && !branch->branches.n));
    } else if (text_is(cls, "TBranchObject") || text_is(cls, "TBranchClones") || text_is(cls, "TBranchSTL") ||
             text_is(cls, "TBranchRef")) {
        f.full_name = branch->class_name.n ? branch->class_name : cls;
        f.note = "branches of this class are not supported yet";
        f.object = text_is(cls, "TBranchObject") && branch->class_name.n;
    } else
        plain(w, branch, leaf, &f);
    f.object &= !branch->file_name.n && branch->first_entry <= 0;
    if (branch->file_name.n)
        f.note = "its baskets are in another file, which is not supported";
    else if (branch->first_entry > 0)
        f.note = "branches that begin after the tree's first entry are not supported";
    if (!f.note && (f.kind == BIND_FIXED || f.kind == BIND_ITEMS) && f.count > INT32_MAX / 8)
        f.note = "its entries are larger than a basket can be";
    return f;
}
