/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of ROOT's own classes, which stream themselves, and of pointers. A pointer can lead to an object of its class or of any that
 * is derived from it; those that the file describes are found by their bases. So that classes which point to each other do not
 * grow beyond all bounds, descriptions are looked at only so often, and derived classes only behind the first pointers.
 */
#include "maker.h"

enum { MAX_CASES = 16, MAX_LOOKS = 1 << 20, MAX_POINTERS = 2 };

node *vcol__maker_array(maker *m, text name)
{
    static const struct {
        const char *name, *type;
    } arrays[] = {{"TArrayC", "Char_t"},     {"TArrayS", "Short_t"}, {"TArrayI", "Int_t"},   {"TArrayL", "Long_t"},
                  {"TArrayL64", "Long64_t"}, {"TArrayF", "Float_t"}, {"TArrayD", "Double_t"}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (text_is(name, arrays[i].name)) {
            node *n = vcol__maker_with(m, NODE_LIST, vcol__maker_type(m, text_from(arrays[i].type)));
            n->n = 1;
            return n;
        }
    return NULL;
}

node *vcol__maker_named(node *n, const char *name)
{
    n->name = text_from(name);
    return n;
}

node *vcol__maker_plain(maker *m, const char *type, const char *name)
{
    return vcol__maker_named(vcol__maker_type(m, text_from(type)), name);
}

static node *of_members(maker *m, node *const *members, int32_t n)
{
    node *record = vcol__maker_node(m, NODE_RECORD);
    record->members = vcol__arena_new(m->memory, (uint64_t)n, sizeof *record->members);
    if (!record->members) {
        m->nomem = 1;
        return record;
    }
    memcpy(record->members, members, (size_t)n * sizeof *members);
    record->n_members = n;
    return record;
}

node *vcol__maker_tobject(maker *m)
{
    node *members[] = {vcol__maker_plain(m, "UInt_t", "fUniqueID"), vcol__maker_named(vcol__maker_node(m, NODE_BITS), "fBits")};
    members[0]->skip = 2;
    return of_members(m, members, 2);
}

/* FORMAT root/TRef: TObject, u16 number of the process; with fBits' bit 5 a counted string instead, the UUID of what it refers to.
 * source: root-project/root core/base/src/TRef.cxx (Streamer); data/own.root */
node *vcol__maker_reference(maker *m)
{
    node *members[] = {vcol__maker_plain(m, "UInt_t", "fUniqueID"), vcol__maker_named(vcol__maker_node(m, NODE_BITS), "fBits"),
                       vcol__maker_named(vcol__maker_node(m, NODE_PROCESS), "pidf"), vcol__maker_named(vcol__maker_node(m, NODE_UUID), "uuid")};
    node *n;
    members[0]->skip = 2;
    members[1]->n = 1;
    n = of_members(m, members, 4);
    n->sealed = 1;
    return n;
}

/* FORMAT root/TRefArray: a frame, TObject, the name, i32 n, i32 lower bound, u16 number of the process, n × u32. source:
 * root-project/root core/cont/src/TRefArray.cxx (Streamer) */
node *vcol__maker_references(maker *m)
{
    node *members[] = {vcol__maker_node(m, NODE_TOBJECT),
                       vcol__maker_named(vcol__maker_node(m, NODE_STRING), "fName"),
                       vcol__maker_plain(m, "UInt_t", "fSize"),
                       vcol__maker_plain(m, "Int_t", "fLowerBound"),
                       vcol__maker_plain(m, "UShort_t", "pidf"),
                       vcol__maker_named(vcol__maker_with(m, NODE_COUNTED, vcol__maker_type(m, text_from("UInt_t"))), "fUIDs")};
    node *n;
    members[5]->counter = members[2];
    members[2]->counts = 1;
    members[5]->bare = 1;
    n = of_members(m, members, 6);
    n->framed = n->sealed = 1;
    return n;
}

/*
 * FORMAT root/TMatrixTSym<T>: a TMatrixTBase<T> with its frame, then of each row of fNrows the elements from the diagonal on, which are
 * fNrows * (fNrows + 1) / 2 numbers; no frame of its own, and what the file says of its members is not how they are stored. source:
 * root-project/root math/matrix/src/TMatrixTSym.cxx (Streamer); data/root/uproot-issue-1610.root
 */
node *vcol__maker_symmetric(maker *m, text name)
{
    static const struct {
        const char *name, *base, *type;
    } known[] = {{"TMatrixTSym<double>", "TMatrixTBase<double>", "Double_t"},
                 {"TMatrixTSym<float>", "TMatrixTBase<float>", "Float_t"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        node *base, *elements, *members[2], *n, *rows, *columns, *all, *index;
        if (!text_is(name, known[i].name))
            continue;
        base = vcol__maker_class(m, text_from(known[i].base));
        if (base->kind != NODE_RECORD)
            return base;
        base->base = 1;
        rows = vcol__maker_member(base, text_from("fNrows"));
        columns = vcol__maker_member(base, text_from("fNcols"));
        all = vcol__maker_member(base, text_from("fNelems"));
        index = vcol__maker_member(base, text_from("fNrowIndex"));
        if (!rows || !columns || !all)
            return vcol__maker_unread(m, NODE_UNKNOWN, "a matrix without numbers of rows, columns and elements is not supported");
        /* what counts in other classes of matrices does not make another type of it here */
        if (all->kind == NODE_NUMBER && all->form.width == 4)
            all->form = vcol__maker_type(m, text_from("UInt_t"))->form;
        if (index && index->kind == NODE_NUMBER && index->form.width == 4)
            index->form = vcol__maker_type(m, text_from("Int_t"))->form;
        elements = vcol__maker_named(vcol__maker_with(m, NODE_COUNTED, vcol__maker_type(m, text_from(known[i].type))), "fElements");
        elements->bare = 1;
        elements->counter = rows;
        elements->equal = columns;
        elements->square = all;
        base->counts = rows->counts = columns->counts = all->counts = 1;
        members[0] = base;
        members[1] = elements;
        n = of_members(m, members, 2);
        n->sealed = 1;
        n->type_name = text_from(known[i].name);
        return n;
    }
    return NULL;
}

node *vcol__maker_collected(maker *m, node_kind kind, int64_t which, text name)
{
    node *n = vcol__maker_unread(m, kind, "the class of its items is not known");
    n->n = which;
    n->framed = 1;
    n->type_name = vcol__maker_text(m, name);
    return n;
}

/* ---- pointers -------------------------------------------------------------------------------------------- */

/* Whether a class has another among its bases. */
static int derives(maker *m, const root_class *cls, text base, int depth)
{
    const root_info *info = cls ? cls->newest : NULL;
    for (int32_t i = 0; info && i < info->n_elements && depth < MAX_NESTING && m->looks++ < MAX_LOOKS; i++)
        if (info->elements[i].type == TYPE_BASE &&
            (text_same(info->elements[i].name, base) ||
             derives(m, vcol__class_find(m->w->file->classes, info->elements[i].name), base, depth + 1)))
            return 1;
    return 0;
}

/* The classes that a pointer to `item` can lead to besides its own: those of the file that have it among their bases. */
static void find_cases(maker *m, node *n, const node *item)
{
    const root_classes *classes = m->w->file->classes;
    if (m->pointers > MAX_POINTERS)
        return;
    n->cases = vcol__arena_new(m->memory, MAX_CASES, sizeof *n->cases);
    if (!n->cases) {
        m->nomem = 1;
        return;
    }
    for (int i = 0; i < CLASS_TABLE; i++)
        for (const root_class *cls = classes->table[i]; cls; cls = cls->chain) {
            node *other;
            if (n->n_cases == MAX_CASES || m->nomem || text_same(cls->name, item->type_name) ||
                !derives(m, cls, item->type_name, 0))
                continue;
            other = vcol__maker_class(m, cls->name);
            if (other->kind == NODE_RECORD)
                n->cases[n->n_cases++] = other;
        }
}

/* A pointer, or what points to objects. */
static node *to_items(maker *m, node_kind kind, node *item)
{
    node *n;
    int array = item->kind == NODE_LIST && item->n == 1; /* of numbers */
    if (item->kind != NODE_RECORD && item->kind != NODE_TOBJECT && item->kind != NODE_CLONES && item->kind != NODE_ARRAY && !array &&
        !item->undescribed)
        return vcol__maker_unread(m, kind, item->note ? item->note : "pointers to this are not supported");
    n = vcol__maker_with(m, kind, item);
    if (item->type_name.n && item->kind != NODE_TOBJECT && !array && !item->undescribed)
        find_cases(m, n, item);
    return n;
}

int vcol__node_settle(const walk *w, arena *memory, node *n, text name)
{
    maker m = {.w = w, .memory = memory};
    node *item = name.n ? vcol__maker_class(&m, name) : vcol__maker_unread(&m, NODE_OPAQUE, "no item was found"), *pointing;
    n->settled = 1;
    if (!name.n)
        item->undescribed = 1;
    item->type_name = vcol__maker_text(&m, name);
    pointing = to_items(&m, n->kind, item);
    n->note = pointing->note;
    n->members = pointing->members;
    n->n_members = pointing->n_members;
    n->cases = pointing->cases;
    n->n_cases = pointing->n_cases;
    return m.nomem ? -1 : 0;
}

node *vcol__maker_pointer(maker *m, text to)
{
    node *item;
    to = vcol__type_trim(vcol__type_pointee(to));
    m->pointers++;
    item = vcol__maker_class(m, to);
    item->type_name = vcol__maker_text(m, to);
    item = to_items(m, NODE_SLOT, item);
    m->pointers--;
    return item;
}
