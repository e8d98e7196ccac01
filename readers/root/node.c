/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From class descriptions and names of types to nodes.
 *
 * FORMAT root/objects in branches
 *   a container that is a branch or a member of a class has a frame, inside another container it has none
 *   a std::string that is a member has a frame, a branch or an item of a container has none; a TString never has one
 *   an object that is a member, a base or an item of a container has a frame, a pair too, but not a map's two;
 *   object that is a branch has none
 *   a fixed array of containers or of TStrings has one frame around all, items of a std::array have none, whatever they are
 *   TObject, TString, TDatime, TArray… stream themselves without a frame
 *   a member of a split collection that is a container has one head an entry, its items follow without
 *   leaves of one branch lie in a row, an array that one of them counts without a head (as h2root makes of an n-tuple's blocks)
 * source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx, TGenCollectionStreamer.cxx, tree/tree/src/
 * TBranchElement.cxx; data/root/uproot-issue-1221.root, unroot-km3net_dst_v5.1_10events.root
 */
#include "leaf.h"
#include "maker.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_FIXED = 1 << 20 };

node *vcol__maker_node(maker *m, node_kind kind)
{
    static _Thread_local node none; /* where there is no memory: written to, never looked at */
    node *n = vcol__arena_new(m->memory, 1, sizeof *n);
    if (!n) {
        m->nomem = 1;
        n = &none;
    }
    n->kind = kind;
    n->name = n->type_name = (text){"", 0};
    m->n++;
    return n;
}

node *vcol__maker_unread(maker *m, node_kind kind, const char *note)
{
    node *n = vcol__maker_node(m, kind);
    n->note = note;
    return n;
}

node *vcol__maker_with(maker *m, node_kind kind, node *item)
{
    node *n = vcol__maker_node(m, kind);
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
    node *n = vcol__maker_node(m, NODE_NUMBER);
    n->form = f->form;
    return n;
}

static node *fixed(maker *m, int64_t times, node *item)
{
    node *n = vcol__maker_with(m, NODE_FIXED, item);
    n->n = times;
    return times > 0 && times <= MAX_FIXED ? n : vcol__maker_unread(m, NODE_UNKNOWN, "an array of so many items is not supported");
}

text vcol__maker_text(maker *m, text t)
{
    char *s = vcol__arena_text(m->memory, t);
    if (!s)
        m->nomem = 1;
    return (text){s ? s : "", s ? t.n : 0};
}

/* ---- names of types -------------------------------------------------------------------------------- */

text vcol__type_trim(text t)
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
    *head = vcol__type_trim((text){t.s, (uint32_t)(open - t.s)});
    from = open + 1;
    for (const char *p = from; p < end; p++) {
        if (*p == '<' || *p == '(')
            depth++;
        else if (*p == ')')
            depth--;
        if ((*p == ',' && depth == 0) || (*p == '>' && depth-- == 0)) {
            if (n < 2)
                arguments[n] = vcol__type_trim((text){from, (uint32_t)(p - from)});
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


/* A record of two: of a map's items, or a pair. */
static node *two(maker *m, node *first, node *second, const char *a, const char *b)
{
    node *n = vcol__maker_node(m, NODE_RECORD);
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

static int described(const maker *m, text name)
{
    const root_class *cls = vcol__class_find(m->w->file->classes, name);
    return cls && cls->infos;
}

/* FORMAT root/enumeration: an i32, whatever its type is in memory. source: root-project/root core/meta/src/TStreamerElement.cxx
 * (TStreamerSTL::TStreamerSTL), io/io/src/TGenCollectionStreamer.cxx */
static node *enumeration(maker *m)
{
    return vcol__maker_type(m, (text){"Int_t", 5});
}

static int is_integer(int32_t type)
{
    leaf_form f = {.count = 1};
    return vcol__leaf_number(&f, type, (text){"", 0}) && f.form.type >= VCOL_I8 && f.form.type <= VCOL_U64;
}

/* A map's key or value that no class describes: the description of the two as a pair may say that it is an enumeration. */
static node *of_pair(maker *m, text pair, int i, node *n)
{
    const root_class *cls = n->undescribed ? vcol__class_find(m->w->file->classes, pair) : NULL;
    const root_info *info = cls ? cls->newest : NULL;
    return info && info->n_elements == 2 && info->elements[i].type == 3 ? enumeration(m) : n;
}

static node *of_map(maker *m, const text *arguments)
{
    node *key = vcol__maker_type(m, arguments[0]), *value = vcol__maker_type(m, arguments[1]);
    char name[256];
    int n = snprintf(name, sizeof name, "pair<%.*s,%.*s%s>", (int)arguments[0].n, arguments[0].s, (int)arguments[1].n, arguments[1].s,
                     arguments[1].n && arguments[1].s[arguments[1].n - 1] == '>' ? " " : "");
    if (n > 0 && n < (int)sizeof name) {
        key = of_pair(m, text_from(name), 0, key);
        value = of_pair(m, text_from(name), 1, value);
    }
    return vcol__maker_with(m, NODE_LIST, two(m, key, value, "0", "1"));
}

static node *of_template(maker *m, text type, text head, const text *arguments, int n)
{
    static const char *const lists[] = {"vector", "list", "deque", "set", "multiset", "unordered_set", "unordered_multiset",
                                        "forward_list", "ROOT::VecOps::RVec", "RVec", "ROOT::RVec", NULL};
    static const char *const maps[] = {"map", "multimap", "unordered_map", "unordered_multimap", NULL};
    if (is_any(head, lists))
        return vcol__maker_with(m, NODE_LIST, vcol__maker_type(m, arguments[0]));
    if (is_any(head, maps) && n >= 2)
        return of_map(m, arguments);
    if (text_is(head, "pair") && n == 2 && !described(m, type)) { /* else it is a class as any */
        node *pair = two(m, vcol__maker_type(m, arguments[0]), vcol__maker_type(m, arguments[1]), "first", "second");
        pair->framed = pair->foreign = 1;
        return pair;
    }
    if (text_is(head, "unique_ptr") && n)
        return vcol__maker_pointer(m, arguments[0]);
    if (text_is(head, "array") && n == 2)
        return fixed(m, strtoll(arguments[1].s, NULL, 10), vcol__maker_type(m, arguments[0]));
    if (text_is(head, "bitset")) {
        node *bits = vcol__maker_node(m, NODE_NUMBER);
        bits->form = (value_form){.kind = VALUE_BOOL, .width = 1, .type = VCOL_BOOL};
        return vcol__maker_with(m, NODE_LIST, bits);
    }
    return NULL;
}

node *vcol__maker_type(maker *m, text type)
{
    leaf_form f = {.count = 1};
    text head, arguments[2];
    int n;
    node *made = NULL;
    type = vcol__type_trim(type);
    if (m->depth >= MAX_NESTING)
        return vcol__maker_unread(m, NODE_UNKNOWN, "types nested so deeply are not supported");
    if (type.n && type.s[type.n - 1] == '*')
        return vcol__maker_pointer(m, (text){type.s, type.n - 1});
    if (vcol__leaf_named(&f, type))
        return number(m, &f);
    if (text_is(type, "string") || text_is(type, "TString")) {
        made = vcol__maker_node(m, NODE_STRING);
        made->n = text_is(type, "string");
        return made;
    }
    m->depth++;
    m->open[m->depth - 1] = NULL;
    n = template_of(type, &head, arguments);
    if (n)
        made = of_template(m, type, head, arguments, n);
    m->depth--;
    return made ? made : vcol__maker_class(m, type);
}

/* ---- members ------------------------------------------------------------------------------------------- */

text vcol__type_pointee(text t)
{
    while (t.n && (t.s[t.n - 1] == '*' || t.s[t.n - 1] == ' '))
        t.n--;
    return t;
}

static int two_stars(text t)
{
    return t.n > 2 && t.s[t.n - 1] == '*' && t.s[t.n - 2] == '*';
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
    type = vcol__type_trim(type);
    return text_is(type, "string") || (template_of(type, &head, arguments) && is_any(head, names));
}

node *vcol__maker_member(const node *record, text name)
{
    for (int32_t i = 0; i < record->n_members; i++)
        if (record->members[i]->name.n && text_same(record->members[i]->name, name))
            return record->members[i];
    for (int32_t i = 0; i < record->n_members; i++) {
        node *base = record->members[i];
        node *found = base->base && base->kind == NODE_RECORD ? vcol__maker_member(base, name) : NULL;
        if (found) {
            base->counts = 1;
            return found;
        }
    }
    return NULL;
}

/* FORMAT root/collection of a class's own: it is described by one member "This", whose title names the items' class:
 * "<Item> …"; streamed as a container. source: root-project/root io/io/src/TStreamerInfo.cxx (Build, GetCollectionProxy);
 * data/root/uproot-issue-123a.root */
static node *own_collection(maker *m, const root_element *e)
{
    const char *s = e->title.s, *end = s + e->title.n, *p = s;
    int depth = 0;
    node *n;
    for (; p < end; p++) {
        depth += *p == '<';
        if (*p == '>' && --depth == 0)
            break;
    }
    if (e->title.n < 3 || *s != '<' || p == end)
        return NULL;
    n = vcol__maker_with(m, NODE_LIST, vcol__maker_type(m, (text){s + 1, (uint32_t)(p - s - 1)}));
    n->framed = 1;
    return n;
}

static node *of_number(maker *m, const root_element *e, int64_t type)
{
    leaf_form f = {.count = 1};
    return vcol__leaf_number(&f, type, e->title) ? number(m, &f) : NULL;
}

/*
 * An item of an array of objects, or of pointers to objects, that another member counts. Up to file version 51508 what such
 * pointers are to was written without its class. source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx (kStreamLoop)
 */
static node *loop_item(maker *m, const root_element *e)
{
    text type = vcol__type_pointee(e->type_name);
    int pointers = two_stars(e->type_name) && m->w->file->version % LARGE_FILE > 51508;
    return pointers ? vcol__maker_pointer(m, type) : vcol__maker_class(m, type);
}

static const node *counter_of(const node *record, const root_element *e)
{
    node *counter = vcol__maker_member(record, e->counter);
    if (counter)
        counter->counts = 1;
    return counter;
}

/* What an element holds as a member of a class, whose members before it are those of `record`. */
static node *of_element(maker *m, const node *record, const root_element *e)
{
    text type = vcol__type_pointee(e->type_name);
    node *n = NULL, *item;
    switch (e->type) {
    case TYPE_BASE:
        return text_is(e->name, "TObject") ? vcol__maker_node(m, NODE_TOBJECT) : vcol__maker_class(m, e->name);
    case TYPE_BITS:
        return vcol__maker_node(m, NODE_BITS);
    case TYPE_CHARS:
        return vcol__maker_node(m, NODE_CHARS);
    case TYPE_OBJECT:
    case TYPE_ANY:
        return vcol__maker_class(m, type);
    case TYPE_OBJECT_INLINE:
    case TYPE_ANY_INLINE:
    case TYPE_OBJECT_INLINE + TYPE_ARRAY:
    case TYPE_ANY_INLINE + TYPE_ARRAY:
    case TYPE_OBJECT + TYPE_ARRAY:
    case TYPE_ANY + TYPE_ARRAY: /* of a std::array: its items, bare */
        return dimensions(m, e, is_container(type) ? vcol__maker_type(m, type) : vcol__maker_class(m, type));
    case TYPE_TSTRING:
        return vcol__maker_node(m, NODE_STRING);
    case TYPE_TSTRING + TYPE_ARRAY:
        n = dimensions(m, e, vcol__maker_node(m, NODE_STRING));
        n->framed = 1;
        return n;
    case TYPE_TOBJECT:
        return vcol__maker_node(m, NODE_TOBJECT);
    case TYPE_TNAMED:
        return vcol__maker_class(m, (text){"TNamed", 6});
    case TYPE_OBJECT_POINTER:
    case TYPE_ANY_POINTER:
    case TYPE_OBJECT_POINTER + TYPE_ARRAY:
    case TYPE_ANY_POINTER + TYPE_ARRAY:
        return dimensions(m, e, vcol__maker_pointer(m, type));
    case TYPE_STREAM_LOOP:
        n = vcol__maker_with(m, NODE_LOOP, loop_item(m, e));
        n->counter = counter_of(record, e);
        return !n->counter ? vcol__maker_unread(m, NODE_OPAQUE, "the member that counts its items is not in its class") : n;
    default:
        break;
    }
    n = of_number(m, e, e->type);
    if (n)
        return n;
    if (e->type > TYPE_ARRAY && e->type < TYPE_COUNTED && (item = of_number(m, e, e->type - TYPE_ARRAY)))
        return dimensions(m, e, item);
    if (e->type > TYPE_COUNTED && e->type < TYPE_OBJECT && (item = of_number(m, e, e->type - TYPE_COUNTED))) {
        n = vcol__maker_with(m, NODE_COUNTED, item);
        n->counter = counter_of(record, e);
        return !n->counter ? vcol__maker_unread(m, NODE_UNKNOWN, "the member that counts its items is not in its class") : n;
    }
    if (is_container(type)) { /* one frame around all of an array */
        n = vcol__maker_type(m, type);
        if (n->kind == NODE_LIST && n->n_members == 1 && n->members[0]->undescribed && is_integer(e->content))
            n->members[0] = enumeration(m);
        n = e->length > 1 ? dimensions(m, e, n) : n;
        n->framed = 1;
        return n;
    }
    if (text_is(e->name, "This") && (n = own_collection(m, e)))
        return n;
    return vcol__maker_unread(m, NODE_OPAQUE, "members with a streamer of their own are not supported");
}

enum { MOST_LEAST = 1 << 24 }; /* no further is counted */

/* Bytes that a node takes at least, its heads with it. */
static int64_t least(const node *n)
{
    int64_t sum = n->skip + (n->framed ? 2 : 0);
    switch (n->kind) {
    case NODE_NUMBER:
        sum += n->form.width;
        break;
    case NODE_TOBJECT:
        sum += 10;
        break;
    case NODE_BITS:
    case NODE_CHARS:
    case NODE_LIST:
    case NODE_SLOT:
        sum += 4;
        break;
    case NODE_STRING:
        sum += 1;
        break;
    case NODE_FIXED:
        sum += n->n_members ? n->n * least(n->members[0]) : 0;
        break;
    case NODE_RECORD:
        for (int32_t i = 0; i < n->n_members && !n->cls; i++)
            sum += least(n->members[i]);
        sum += n->least;
        break;
    default:
        break;
    }
    return sum < MOST_LEAST ? sum : MOST_LEAST;
}

/* ---- classes --------------------------------------------------------------------------------------------- */

static node *record(maker *m, const root_class *cls, const root_info *info)
{
    node *n = vcol__maker_node(m, NODE_RECORD);
    n->cls = cls;
    n->info = info;
    n->type_name = cls->name;
    n->members = vcol__arena_new(m->memory, (uint64_t)info->n_elements, sizeof *n->members);
    if (!n->members) {
        m->nomem = 1;
        return n;
    }
    m->open[m->depth++] = cls;
    for (int32_t i = 0; i < info->n_elements && !m->nomem; i++) {
        const root_element *e = &info->elements[i];
        node *member = of_element(m, n, e);
        if (m->nomem)
            break;
        member->base = e->type == TYPE_BASE;
        if (e->type != TYPE_BASE && e->type != TYPE_TOBJECT && e->type != TYPE_TNAMED && !text_is(e->name, "This"))
            member->name = vcol__maker_text(m, e->name);
        n->members[n->n_members++] = member;
        n->least += least(member);
    }
    m->depth--;
    return n;
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

node *vcol__maker_class(maker *m, text name)
{
    static const char *const own[] = {"TMap", "TObjString", "TProcessID",
                                      "TCollection", "TSeqCollection", NULL};
    const root_class *cls;
    const root_info *info;
    node *n;
    name = vcol__type_trim(name);
    if (text_is(name, "TString"))
        return vcol__maker_node(m, NODE_STRING);
    if (text_is(name, "TObject"))
        return vcol__maker_node(m, NODE_TOBJECT);
    if ((n = vcol__maker_array(m, name)))
        return n;
    if (text_is(name, "TDatime")) {
        node *value = vcol__maker_type(m, (text){"UInt_t", 6});
        value->name = text_from("fDatime");
        n = vcol__maker_with(m, NODE_RECORD, value);
        return n;
    }
    if (text_is(name, "TRef"))
        return vcol__maker_reference(m);
    if (text_is(name, "TRefArray"))
        return vcol__maker_references(m);
    if ((n = vcol__maker_symmetric(m, name)))
        return n;
    if (text_is(name, "TClonesArray"))
        return vcol__maker_collected(m, NODE_CLONES, ARRAY_CLONES, name);
    if (text_is(name, "TObjArray"))
        return vcol__maker_collected(m, NODE_ARRAY, ARRAY_OBJECTS, name);
    if (text_is(name, "TList") || text_is(name, "THashList"))
        return vcol__maker_collected(m, NODE_ARRAY, ARRAY_LIST, name);
    if (is_any(name, own))
        return vcol__maker_unread(m, NODE_OPAQUE, "collections of ROOT's own that are not split are not supported");
    cls = vcol__class_find(m->w->file->classes, name);
    if (!cls || !cls->infos)
        cls = like(m->w->file->classes, name);
    info = cls ? cls->newest : NULL;
    if (m->top && !m->depth && cls && text_same(name, m->top_name)) /* a branch's object has no frame that would tell */
        info = m->top;
    if (!info) {
        n = vcol__maker_unread(m, NODE_OPAQUE, "its class is not described in the file");
        n->undescribed = 1;
        return n;
    }
    if (m->n >= MAX_NODES)
        return vcol__maker_unread(m, NODE_OPAQUE, "classes of so many members are not supported");
    if (m->depth >= MAX_NESTING)
        return vcol__maker_unread(m, NODE_OPAQUE, "types nested so deeply are not supported");
    for (int i = 0; i < m->depth; i++)
        if (m->open[i] == cls)
            return vcol__maker_unread(m, NODE_OPAQUE, "a class that holds itself is not supported");
    n = record(m, cls, info);
    n->framed = 1;
    return n;
}

/* ---- branches ---------------------------------------------------------------------------------------------- */

node *vcol__node_of_bytes(arena *memory)
{
    maker m = {.memory = memory};
    node *n = vcol__maker_with(&m, NODE_REST, vcol__maker_plain(&m, "UChar_t", "")), *top = vcol__maker_with(&m, NODE_RECORD, vcol__maker_named(n, "raw"));
    return m.nomem ? NULL : top;
}

/* Where among a branch's leaves the one is that counts leaf i, which must come before it; -1. */
static int64_t counter_before(const model_branch *b, int64_t i, const model_leaf *counter)
{
    return counter && counter->branch == b && counter->position < i ? counter->position : -1;
}

int vcol__leaves_vary(const walk *w, const model_branch *b)
{
    int any = 0;
    if (b->leaves.n < 2 || b->leaves.n > MAX_NODES)
        return 0;
    for (int64_t i = 0; i < b->leaves.n; i++) {
        model_leaf *leaf = vcol__walk_target(w, b->leaves.refs[i], KIND_LEAF);
        leaf_form f;
        if (!leaf || leaf->branch != b)
            return 0;
        f = vcol__leaf_form(w, b, leaf);
        if (f.together ? counter_before(b, i, f.counter) < 0 : f.note || f.kind != BIND_FIXED)
            return 0;
        any |= f.together;
    }
    return any;
}

node *vcol__node_of_leaves(const walk *w, arena *memory, const model_branch *b)
{
    maker m = {.w = w, .memory = memory};
    node *top = vcol__maker_node(&m, NODE_RECORD);
    top->members = vcol__arena_new(memory, (uint64_t)b->leaves.n, sizeof *top->members);
    if (!top->members)
        return NULL;
    top->whole = 1;
    for (int64_t i = 0; i < b->leaves.n && !m.nomem; i++) {
        model_leaf *leaf = vcol__walk_target(w, b->leaves.refs[i], KIND_LEAF);
        leaf_form f = vcol__leaf_form(w, b, leaf);
        node *n = number(&m, &f);
        for (int32_t d = f.n_dims; d > 0; d--)
            n = fixed(&m, f.dims[d - 1], n);
        if (f.together) {
            n = vcol__maker_with(&m, NODE_COUNTED, n);
            node *counter = top->members[f.counter->position];
            counter->counts = 1;
            n->counter = counter;
            n->bare = 1;
        }
        n->name = vcol__maker_text(&m, leaf->named.name);
        n->type_name = text_from(f.type_name);
        top->members[top->n_members++] = n;
    }
    return m.nomem ? NULL : top;
}

node *vcol__node_of_branch(const walk *w, arena *memory, const model_branch *b, const root_element *e)
{
    maker m = {.w = w, .memory = memory};
    node *n;
    if (vcol__branch_counts(b)) { /* a split collection whose items have no members */
        n = vcol__maker_with(&m, NODE_RECORD, vcol__maker_plain(&m, "UInt_t", "size"));
        return m.nomem ? NULL : n;
    }
    if (b->id < 0 || !e) {
        m.top = b->id < 0 ? vcol__leaf_class(w, b) : NULL;
        if (m.top && m.top->builtin)
            m.top = NULL;
        m.top_name = b->class_name;
        n = vcol__maker_type(&m, b->class_name);
        if (n->kind == NODE_TOBJECT)
            n = vcol__maker_tobject(&m);
        if (b->named.cls && text_is(b->named.cls->name, "TBranchObject"))
            n->named = 1;
        else if (b->type == 0)
            n->framed = n->kind == NODE_LIST || n->kind == NODE_CLONES || n->kind == NODE_ARRAY;
    } else {
        const node alone = {.kind = NODE_RECORD};
        if (e->type > TYPE_COUNTED && e->type < TYPE_OBJECT) {
            node *item = of_number(&m, e, e->type - TYPE_COUNTED); /* counted: the entry's bytes tell how many */
            n = item ? vcol__maker_with(&m, NODE_REST, item) : vcol__maker_unread(&m, NODE_UNKNOWN, "counted arrays of this type are not supported");
            n->skip = 1;
        } else if (e->type == TYPE_STREAM_LOOP) { /* likewise inside its frame */
            n = vcol__maker_with(&m, NODE_REST, loop_item(&m, e));
            n->framed = 1;
        } else {
            n = of_element(&m, &alone, e);
            if (n->kind == NODE_TOBJECT)
                n = vcol__maker_tobject(&m);
        }
    }
    if (b->type == 31 || b->type == 41) { /* so many items as the entry has bytes for; heads come once */
        int once = n->framed && n->kind != NODE_RECORD && n->kind != NODE_CLONES && n->kind != NODE_ARRAY;
        n->framed = once ? 0 : n->framed;
        if (n->kind == NODE_REST)
            once = 0, n = vcol__maker_unread(&m, NODE_UNKNOWN, "counted arrays in split collections are not supported");
        if (n->sealed && e && e->type == TYPE_BASE) /* all items' first members, all items' second ones */
            n = vcol__maker_unread(&m, NODE_UNKNOWN, "bases that stream themselves, in split collections, are not supported");
        n = vcol__maker_with(&m, NODE_REST, n);
        n->framed = once;
    }
    return m.nomem ? NULL : n;
}
