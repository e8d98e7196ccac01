/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From class descriptions and names of types to nodes.
 *
 * FORMAT root/objects in branches
 *   a container that is a branch or a member of a class has a frame, inside another container it has none
 *   a std::string that is a member has a frame, a branch or an item of a container has none; a TString never has one
 *   an object that is a member, a base or an item of a container has a frame;
 *   object that is a branch has none
 *   TObject, TString, TDatime, TArray… stream themselves without a frame
 *   a member of a split collection that is a container has one head an entry, its items follow without
 * source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx, TGenCollectionStreamer.cxx, tree/tree/src/
 * TBranchElement.cxx; data/root/uproot-issue-1221.root, unroot-km3net_dst_v5.1_10events.root
 */
#include "node.h"
#include "leaf.h"

#include <stdlib.h>

enum { MAX_NESTING = 24, MAX_FIXED = 1 << 20 };

typedef struct maker {
    const walk *w;
    arena *memory;
    const root_class *open[MAX_NESTING]; /* classes whose members are being made */
    int depth;
    int nomem;
} maker;

static node *make(maker *m, node_kind kind)
{
    static _Thread_local node none; /* where there is no memory: written to, never looked at */
    node *n = vcol__arena_new(m->memory, 1, sizeof *n);
    if (!n) {
        m->nomem = 1;
        n = &none;
    }
    n->kind = kind;
    n->name = n->type_name = (text){"", 0};
    return n;
}

static node *unread(maker *m, node_kind kind, const char *note)
{
    node *n = make(m, kind);
    n->note = note;
    return n;
}

static node *with_item(maker *m, node_kind kind, node *item)
{
    node *n = make(m, kind);
    n->members = vcol__arena_new(m->memory, 1, sizeof *n->members);
    if (!n->members) {
        m->nomem = 1;
        return n;
    }
    n->members[0] = item;
    n->n_members = 1;
    return n;
}

static node *number(maker *m, const leaf_form *f)
{
    node *n = make(m, NODE_NUMBER);
    n->form = f->form;
    return n;
}

static node *fixed(maker *m, int64_t times, node *item)
{
    node *n = with_item(m, NODE_FIXED, item);
    n->n = times;
    return times > 0 && times <= MAX_FIXED ? n : unread(m, NODE_UNKNOWN, "an array of so many items is not supported");
}

static text lasting(maker *m, text t)
{
    char *s = vcol__arena_text(m->memory, t);
    if (!s)
        m->nomem = 1;
    return (text){s ? s : "", s ? t.n : 0};
}

/* ---- names of types -------------------------------------------------------------------------------- */

static text trim(text t)
{
    for (;;) {
        if (t.n && t.s[0] == ' ')
            t = (text){t.s + 1, t.n - 1};
        else if (t.n && t.s[t.n - 1] == ' ')
            t.n--;
        else if (t.n > 5 && !memcmp(t.s, "std::", 5))
            t = (text){t.s + 5, t.n - 5};
        else if (t.n > 6 && !memcmp(t.s, "const ", 6))
            t = (text){t.s + 6, t.n - 6};
        else
            return t;
    }
}

/* "head<a, b>" into its head and at most two arguments; how many there are, 0 if it is no template. */
static int template_of(text t, text *head, text arguments[2])
{
    const char *open = memchr(t.s, '<', t.n);
    int n = 0, depth = 0;
    const char *from, *end = t.s + t.n;
    if (!open || end[-1] != '>')
        return 0;
    *head = trim((text){t.s, (uint32_t)(open - t.s)});
    from = open + 1;
    for (const char *p = from; p < end; p++) {
        if (*p == '<' || *p == '(')
            depth++;
        else if (*p == ')')
            depth--;
        if ((*p == ',' && depth == 0) || (*p == '>' && depth-- == 0)) {
            if (n < 2)
                arguments[n] = trim((text){from, (uint32_t)(p - from)});
            n++;
            from = p + 1;
        }
    }
    return n;
}

static int is_any(text t, const char *const *names)
{
    for (; *names; names++)
        if (text_is(t, *names))
            return 1;
    return 0;
}

static node *of_type(maker *m, text type);
static node *of_class(maker *m, text name);

/* A record of two: of a map's items, or a pair. */
static node *two(maker *m, node *first, node *second, const char *a, const char *b)
{
    node *n = make(m, NODE_RECORD);
    n->members = vcol__arena_new(m->memory, 2, sizeof *n->members);
    if (!n->members) {
        m->nomem = 1;
        return n;
    }
    first->name = text_from(a);
    second->name = text_from(b);
    n->members[0] = first;
    n->members[1] = second;
    n->n_members = 2;
    return n;
}

static node *of_template(maker *m, text head, const text *arguments, int n)
{
    static const char *const lists[] = {"vector", "list", "deque", "set", "multiset", "unordered_set", "unordered_multiset",
                                        "forward_list", "ROOT::VecOps::RVec", "RVec", "ROOT::RVec", NULL};
    static const char *const maps[] = {"map", "multimap", "unordered_map", "unordered_multimap", NULL};
    if (is_any(head, lists))
        return with_item(m, NODE_LIST, of_type(m, arguments[0]));
    if (is_any(head, maps) && n >= 2)
        return with_item(m, NODE_LIST, two(m, of_type(m, arguments[0]), of_type(m, arguments[1]), "0", "1"));
    if (text_is(head, "pair") && n == 2)
        return two(m, of_type(m, arguments[0]), of_type(m, arguments[1]), "first", "second");
    if (text_is(head, "array") && n == 2)
        return fixed(m, strtoll(arguments[1].s, NULL, 10), of_type(m, arguments[0]));
    if (text_is(head, "bitset")) {
        node *bits = make(m, NODE_NUMBER);
        bits->form = (value_form){.kind = VALUE_BOOL, .width = 1, .type = VCOL_BOOL};
        return with_item(m, NODE_LIST, bits);
    }
    return NULL;
}

/* A type by its name, as an item of a container: without a frame, unless it is a class. */
static node *of_type(maker *m, text type)
{
    leaf_form f = {.count = 1};
    text head, arguments[2];
    int n;
    node *made = NULL;
    type = trim(type);
    if (m->depth >= MAX_NESTING)
        return unread(m, NODE_UNKNOWN, "types nested so deeply are not supported");
    if (type.n && type.s[type.n - 1] == '*')
        return unread(m, NODE_SLOT, "pointers to objects are not supported");
    if (vcol__leaf_named(&f, type))
        return number(m, &f);
    if (text_is(type, "string") || text_is(type, "TString")) {
        made = make(m, NODE_STRING);
        made->n = text_is(type, "string");
        return made;
    }
    m->depth++;
    m->open[m->depth - 1] = NULL;
    n = template_of(type, &head, arguments);
    if (n)
        made = of_template(m, head, arguments, n);
    m->depth--;
    return made ? made : of_class(m, type);
}

/* ---- members ------------------------------------------------------------------------------------------- */

static text without_stars(text t)
{
    while (t.n && (t.s[t.n - 1] == '*' || t.s[t.n - 1] == ' '))
        t.n--;
    return t;
}

/* As many dimensions as a fixed array member has, around its item. */
static node *dimensions(maker *m, const root_element *e, node *item)
{
    int64_t product = 1;
    int dims = e->dims < 0 ? 0 : e->dims > 5 ? 5 : e->dims;
    for (int i = 0; i < dims; i++)
        if (e->dim[i] <= 0 || __builtin_mul_overflow(product, e->dim[i], &product))
            product = -1;
    if (!dims || product != e->length)
        return e->length > 1 ? fixed(m, e->length, item) : item;
    for (int i = dims - 1; i >= 0; i--)
        item = fixed(m, e->dim[i], item);
    return item;
}

static int is_container(text type)
{
    text head, arguments[2];
    static const char *const names[] = {"vector", "list", "deque", "set", "multiset", "unordered_set", "unordered_multiset",
                                        "forward_list", "ROOT::VecOps::RVec", "RVec", "ROOT::RVec", "map", "multimap",
                                        "unordered_map", "unordered_multimap", "bitset", NULL};
    type = trim(type);
    return text_is(type, "string") || (template_of(type, &head, arguments) && is_any(head, names));
}

static int counter_of(const root_info *info, int32_t i)
{
    for (int32_t k = 0; k < i; k++)
        if (text_same(info->elements[k].name, info->elements[i].counter))
            return k;
    return -1;
}

static node *of_number(maker *m, const root_element *e, int64_t type)
{
    leaf_form f = {.count = 1};
    return vcol__leaf_number(&f, type, e->title) ? number(m, &f) : NULL;
}

/* What element i holds as a member of its class. `split`: as a branch of its own. */
static node *of_element(maker *m, const root_info *info, int32_t i)
{
    const root_element *e = &info->elements[i];
    text type = without_stars(e->type_name);
    node *n = NULL, *item;
    switch (e->type) {
    case TYPE_BASE:
        return text_is(e->name, "TObject") ? make(m, NODE_TOBJECT) : of_class(m, e->name);
    case TYPE_BITS:
        return make(m, NODE_BITS);
    case TYPE_CHARS:
        return make(m, NODE_CHARS);
    case TYPE_OBJECT:
    case TYPE_ANY:
    case TYPE_OBJECT_INLINE:
    case TYPE_ANY_INLINE:
        return of_class(m, type);
    case TYPE_OBJECT + TYPE_ARRAY:
    case TYPE_ANY + TYPE_ARRAY:
        return dimensions(m, e, of_class(m, type));
    case TYPE_TSTRING:
        return make(m, NODE_STRING);
    case TYPE_TSTRING + TYPE_ARRAY:
        return dimensions(m, e, make(m, NODE_STRING));
    case TYPE_TOBJECT:
        return make(m, NODE_TOBJECT);
    case TYPE_TNAMED:
        return of_class(m, (text){"TNamed", 6});
    case TYPE_OBJECT_POINTER:
    case TYPE_ANY_POINTER:
        return unread(m, NODE_SLOT, "pointers to objects are not supported");
    case TYPE_OBJECT_POINTER + TYPE_ARRAY:
    case TYPE_ANY_POINTER + TYPE_ARRAY:
        return fixed(m, e->length, unread(m, NODE_SLOT, "pointers to objects are not supported"));
    default:
        break;
    }
    n = of_number(m, e, e->type);
    if (n)
        return n;
    if (e->type > TYPE_ARRAY && e->type < TYPE_COUNTED && (item = of_number(m, e, e->type - TYPE_ARRAY)))
        return dimensions(m, e, item);
    if (e->type > TYPE_COUNTED && e->type < TYPE_OBJECT && (item = of_number(m, e, e->type - TYPE_COUNTED))) {
        n = with_item(m, NODE_COUNTED, item);
        n->n = counter_of(info, i);
        return n->n < 0 ? unread(m, NODE_UNKNOWN, "the member that counts its items is not in its class") : n;
    }
    if (is_container(type)) {
        n = of_type(m, type);
        n->framed = 1;
        return e->length > 1 ? dimensions(m, e, n) : n;
    }
    return unread(m, NODE_OPAQUE, "members with a streamer of their own are not supported");
}

/* ---- classes --------------------------------------------------------------------------------------------- */

/* The description to read by: the file's newest, else the newest built in. */
static const root_info *newest(const root_class *cls)
{
    const root_info *best = NULL;
    for (const root_info *info = cls ? cls->infos : NULL; info; info = info->next)
        if (!best || (!info->builtin && best->builtin) || (!info->builtin == !best->builtin && info->version > best->version))
            best = info;
    return best;
}

static node *record(maker *m, const root_class *cls, const root_info *info)
{
    node *n = make(m, NODE_RECORD);
    n->cls = cls;
    n->type_name = cls->name;
    n->members = vcol__arena_new(m->memory, (uint64_t)info->n_elements, sizeof *n->members);
    if (!n->members) {
        m->nomem = 1;
        return n;
    }
    m->open[m->depth++] = cls;
    for (int32_t i = 0; i < info->n_elements && !m->nomem; i++) {
        const root_element *e = &info->elements[i];
        node *member = of_element(m, info, i);
        if (m->nomem)
            break;
        if (e->type != TYPE_BASE && e->type != TYPE_TOBJECT && e->type != TYPE_TNAMED)
            member->name = lasting(m, e->name);
        n->members[n->n_members++] = member;
    }
    m->depth--;
    return n;
}

static node *array_of(maker *m, text name)
{
    static const struct {
        const char *name, *type;
    } arrays[] = {{"TArrayC", "Char_t"},     {"TArrayS", "Short_t"}, {"TArrayI", "Int_t"},   {"TArrayL", "Long_t"},
                  {"TArrayL64", "Long64_t"}, {"TArrayF", "Float_t"}, {"TArrayD", "Double_t"}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (text_is(name, arrays[i].name))
            return with_item(m, NODE_LIST, of_type(m, text_from(arrays[i].type)));
    return NULL;
}

/* Another instance of the same class template that is described: they differ in what they point to. */
static const root_class *like(const root_classes *classes, text name)
{
    const char *open = memchr(name.s, '<', name.n);
    size_t n = open ? (size_t)(open - name.s) + 1 : 0;
    for (int i = 0; n && i < CLASS_TABLE; i++)
        for (const root_class *cls = classes->table[i]; cls; cls = cls->chain)
            if (cls->infos && cls->name.n > n && !memcmp(cls->name.s, name.s, n))
                return cls;
    return NULL;
}

/* A class with its frame, or what it streams itself as. */
static node *of_class(maker *m, text name)
{
    static const char *const own[] = {"TClonesArray", "TObjArray", "TList", "THashList", "TRefArray", "TMap", "TObjString",
                                      "TProcessID", "TRef", "TCollection", "TSeqCollection", NULL};
    const root_class *cls;
    const root_info *info;
    node *n;
    name = trim(name);
    if (text_is(name, "TString"))
        return make(m, NODE_STRING);
    if (text_is(name, "TObject"))
        return make(m, NODE_TOBJECT);
    if ((n = array_of(m, name)))
        return n;
    if (text_is(name, "TDatime")) {
        node *value = of_type(m, (text){"UInt_t", 6});
        value->name = text_from("fDatime");
        n = with_item(m, NODE_RECORD, value);
        return n;
    }
    if (text_is(name, "TRef"))
        return unread(m, NODE_TOBJECT, NULL);
    if (is_any(name, own))
        return unread(m, NODE_OPAQUE, "collections of ROOT's own that are not split are not supported");
    cls = vcol__class_find(m->w->file->classes, name);
    if (!cls || !cls->infos)
        cls = like(m->w->file->classes, name);
    info = newest(cls);
    if (!info)
        return unread(m, NODE_OPAQUE, "its class is not described in the file");
    if (m->depth >= MAX_NESTING)
        return unread(m, NODE_OPAQUE, "types nested so deeply are not supported");
    for (int i = 0; i < m->depth; i++)
        if (m->open[i] == cls)
            return unread(m, NODE_OPAQUE, "a class that holds itself is not supported");
    n = record(m, cls, info);
    n->framed = 1;
    return n;
}

/* ---- branches ---------------------------------------------------------------------------------------------- */

node *vcol__node_of_branch(const walk *w, arena *memory, const model_branch *b, const root_element *e)
{
    maker m = {.w = w, .memory = memory};
    node *n;
    if (b->id < 0 || !e) {
        n = of_type(&m, b->class_name);
        if (b->named.cls && text_is(b->named.cls->name, "TBranchObject"))
            n->named = 1;
        else if (b->type == 0)
            n->framed = n->kind == NODE_LIST;
    } else {
        root_info one = {.n_elements = 1, .elements = (root_element *)(uintptr_t)e};
        if (e->type > TYPE_COUNTED && e->type < TYPE_OBJECT) {
            node *item = of_number(&m, e, e->type - TYPE_COUNTED); /* counted: the entry's bytes tell how many */
            n = item ? with_item(&m, NODE_REST, item) : unread(&m, NODE_UNKNOWN, "counted arrays of this type are not supported");
            n->skip = 1;
        } else {
            n = of_element(&m, &one, 0);
        }
    }
    if (b->type == 31 || b->type == 41) { /* so many items as the entry has bytes for; heads come once */
        int once = n->framed && n->kind != NODE_RECORD;
        n->framed = once ? 0 : n->framed;
        if (n->kind == NODE_REST)
            n = unread(&m, NODE_UNKNOWN, "counted arrays in split collections are not supported");
        n = with_item(&m, NODE_REST, n);
        n->skip = once ? 6 : 0;
    }
    return m.nomem ? NULL : n;
}
