/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From nodes to columns: one for each value that is not a head, a length or a pointer; and to the steps that find its values
 * in an entry. What lies before a value is passed in as few steps as its types allow; what lies behind it, inside a frame,
 * is not looked at.
 */
#include "node.h"

#include <stdio.h>

enum { MAX_CHAIN = 48, MAX_KEPT = 4, MAX_SUFFIX = 400 };

typedef struct ops {
    op *at;
    int32_t n, capacity;
} ops;

typedef struct builder {
    arena *memory;
    program *programs;
    int64_t n, capacity;
    struct {
        const node *node;
        int32_t child;
    } chain[MAX_CHAIN]; /* from the top to a value */
    int32_t length;
    char suffix[MAX_SUFFIX];
    ops whole; /* passes an entry */
    const char *note; /* why the column at hand cannot be read */
    int nomem;
} builder;

/* What is known while the steps of one record's members are made. */
typedef struct kept {
    int32_t member[MAX_KEPT];
    int32_t n;
} kept;

static void add(builder *b, ops *list, op o)
{
    op *last = list->n ? &list->at[list->n - 1] : NULL;
    if (o.code <= OP_SKIP_SLOTS && last && last->code == o.code && last->once == o.once) {
        last->n += o.n; /* one step for a run of the same */
        return;
    }
    if (list->n == list->capacity) {
        int32_t capacity = list->capacity ? 2 * list->capacity : 2;
        op *more = vcol__arena_new(b->memory, (uint64_t)capacity, sizeof *more);
        if (!more) {
            b->nomem = 1;
            return;
        }
        if (list->n)
            memcpy(more, list->at, (size_t)list->n * sizeof *more);
        list->at = more;
        list->capacity = capacity;
    }
    list->at[list->n++] = o;
}

static void add_body(builder *b, ops *list, op o, const ops *body)
{
    o.body = body->at;
    o.n_body = body->n;
    add(b, list, o);
}

static void cannot(builder *b, const char *why)
{
    if (!b->note)
        b->note = why;
}

/* Bytes that it always takes; -1: they vary. */
static int64_t width_of(const node *n)
{
    int64_t sum = 0, w;
    if (n->framed || n->skip || n->named)
        return -1;
    switch (n->kind) {
    case NODE_NUMBER:
        return n->form.width;
    case NODE_FIXED:
        w = width_of(n->members[0]);
        return w < 0 || __builtin_mul_overflow(w, n->n, &w) ? -1 : w;
    case NODE_RECORD:
        for (int32_t i = 0; i < n->n_members; i++) {
            w = width_of(n->members[i]);
            if (w < 0)
                return -1;
            sum += w;
        }
        return sum;
    default:
        return -1;
    }
}

/* What comes before a node's frame. */
static void heads(builder *b, ops *list, const node *n)
{
    if (n->named) {
        add(b, list, (op){.code = OP_SKIP_STRINGS, .n = 1});
        add(b, list, (op){.code = OP_SKIP, .n = 1});
    }
    if (n->skip)
        add(b, list, (op){.code = OP_SKIP, .n = n->skip});
}

/* ---- passing ---------------------------------------------------------------------------------------- */

static void pass(builder *b, ops *list, const node *n, const kept *k);

/* The members [from, to) of a record; counters of what lies up to `until` are kept. */
static void pass_members(builder *b, ops *list, const node *record, int32_t from, int32_t to, int32_t until, kept *k)
{
    for (int32_t i = from; i < to; i++) {
        const node *member = record->members[i];
        int counts = 0;
        for (int32_t j = i + 1; j < until && !counts; j++)
            counts = record->members[j]->kind == NODE_COUNTED && record->members[j]->n == i;
        if (counts && member->kind == NODE_NUMBER && k->n < MAX_KEPT) {
            add(b, list,
                (op){.code = OP_KEEP, .local = (uint8_t)k->n, .width = (uint8_t)member->form.width,
                     .is_signed = member->form.type == VCOL_I8 || member->form.type == VCOL_I16 ||
                                  member->form.type == VCOL_I32 || member->form.type == VCOL_I64});
            k->member[k->n++] = i;
        } else {
            pass(b, list, member, k);
        }
    }
}

static int local_of(const kept *k, int64_t member)
{
    for (int32_t i = 0; k && i < k->n; i++)
        if (k->member[i] == member)
            return i;
    return -1;
}

static void pass(builder *b, ops *list, const node *n, const kept *k)
{
    int64_t width = width_of(n);
    const node *item = n->n_members ? n->members[0] : NULL;
    ops body = {0};
    int local;
    if (width >= 0) {
        add(b, list, (op){.code = OP_SKIP, .n = width});
        return;
    }
    heads(b, list, n);
    if (n->framed) {
        add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1});
        return;
    }
    switch (n->kind) {
    case NODE_NUMBER:
        break;
    case NODE_BITS:
        add(b, list, (op){.code = OP_SKIP_BITS, .n = 1});
        break;
    case NODE_STRING:
        add(b, list, (op){.code = OP_SKIP_STRINGS, .n = 1});
        break;
    case NODE_CHARS:
        add(b, list, (op){.code = OP_SKIP_CHARS, .n = 1});
        break;
    case NODE_TOBJECT:
        add(b, list, (op){.code = OP_SKIP_TOBJECT, .n = 1});
        break;
    case NODE_SLOT:
        add(b, list, (op){.code = OP_SKIP_SLOTS, .n = 1});
        break;
    case NODE_OPAQUE:
        add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1});
        break;
    case NODE_REST:
        add(b, list, (op){.code = OP_SKIP_TO_END});
        break;
    case NODE_LIST:
        width = width_of(item);
        if (width > 0) {
            add(b, list, (op){.code = OP_SKIP_LIST, .n = width});
        } else {
            pass(b, &body, item, NULL);
            add_body(b, list, (op){.code = OP_SKIP_EACH}, &body);
        }
        break;
    case NODE_FIXED:
        pass(b, &body, item, NULL);
        add_body(b, list, (op){.code = OP_SKIP_TIMES, .n = n->n}, &body);
        break;
    case NODE_COUNTED:
        local = local_of(k, n->n);
        width = width_of(item);
        if (local < 0 || width < 0)
            cannot(b, "a counted array that is not supported lies before it");
        else
            add(b, list, (op){.code = OP_SKIP_COUNTED, .local = (uint8_t)local, .n = width});
        break;
    case NODE_RECORD: {
        kept own = {{0}, 0};
        pass_members(b, list, n, 0, n->n_members, n->n_members, &own);
        break;
    }
    case NODE_UNKNOWN:
        cannot(b, n->note);
        break;
    }
}

/* ---- taking ------------------------------------------------------------------------------------------- */

/* Whether lists come below link `at` of the chain: then a fixed array's items are a depth of their own. */
static int list_below(const builder *b, int32_t at)
{
    for (int32_t i = at; i < b->length; i++) {
        node_kind kind = b->chain[i].node->kind;
        if (kind == NODE_LIST || kind == NODE_REST || kind == NODE_COUNTED || kind == NODE_STRING || kind == NODE_CHARS)
            return 1;
    }
    return 0;
}

static void level(builder *b, program *p, vcol_level_kind kind, int64_t size)
{
    if (p->levels == VCOL_MAX_LEVELS || p->depth == VCOL_MAX_LEVELS - 1) {
        cannot(b, "so many levels of lists are not supported");
        return;
    }
    p->level[p->levels].kind = kind;
    p->level[p->levels].size = size;
    p->level[p->levels].depth = p->depth;
    p->level[p->levels++].leaf = kind == VCOL_LEVEL_LIST ? p->n_leaves : -1;
}

/* One depth down; offsets: it has a leaf of them. */
static int descend(program *p, int offsets)
{
    int depth = p->depth;
    if (depth < VCOL_MAX_LEVELS - 1) {
        p->leaf_of[depth] = offsets ? p->n_leaves++ : -1;
        p->depth++;
    }
    return depth;
}

static void take(builder *b, program *p, ops *list, int32_t at);

/* What follows link `at` for one item of it. */
static void take_items(builder *b, program *p, ops *list, int32_t at, op each, op bulk)
{
    const node *item = b->chain[at].node->members[0];
    ops body = {0};
    int64_t multiple = 1;
    const node *n = item;
    int32_t link = at + 1;
    /* numbers, or fixed arrays of them: all items at once */
    while (n->kind == NODE_FIXED && !n->framed && !n->skip && link + 1 < b->length) {
        multiple *= n->n;
        n = n->members[0];
        link++;
    }
    if (n->kind == NODE_NUMBER && !n->framed && multiple <= INT32_MAX) {
        for (int32_t i = at + 1; i < link; i++) {
            level(b, p, VCOL_LEVEL_FIXED, b->chain[i].node->n);
            p->multiple *= b->chain[i].node->n;
        }
        bulk.n = multiple;
        p->form = n->form;
        p->type = n->form.type;
        add(b, list, bulk);
        return;
    }
    take(b, p, &body, at + 1);
    add_body(b, list, each, &body);
}

static void take_record(builder *b, program *p, ops *list, int32_t at, int inner)
{
    const node *n = b->chain[at].node;
    kept k = {{0}, 0};
    int32_t child = b->chain[at].child;
    const node *member = n->members[child];
    pass_members(b, list, n, 0, child, child + 1, &k);
    if (member->kind == NODE_COUNTED) {
        int local = local_of(&k, member->n);
        if (local < 0)
            cannot(b, "the member that counts its items cannot be kept");
        else {
            level(b, p, VCOL_LEVEL_LIST, 0);
            int depth = descend(p, 1);
            take_items(b, p, list, at + 1, (op){.code = OP_COUNTED, .local = (uint8_t)local, .depth = (uint8_t)depth},
                       (op){.code = OP_COUNTED_VALUES, .local = (uint8_t)local, .depth = (uint8_t)depth});
        }
    } else {
        take(b, p, list, at + 1);
    }
    if (inner) { /* nobody else knows where it ends */
        for (int32_t i = child + 1; i < n->n_members; i++)
            if (n->members[i]->kind == NODE_COUNTED && n->members[i]->n <= child && local_of(&k, n->members[i]->n) < 0)
                cannot(b, "a counted array that is not supported lies behind it");
        pass_members(b, list, n, child + 1, n->n_members, n->n_members, &k);
    }
}

/* A list of records stored member by member: its items' members before ours are passed, then ours are taken. */
static void take_members(builder *b, program *p, ops *list, int32_t at)
{
    const node *item = b->chain[at + 1].node;
    int32_t child = b->chain[at + 1].child;
    program copy = *p; /* the same places, by another way */
    ops body = {0};
    for (int32_t i = 0; i <= child; i++) {
        const node *member = item->members[i];
        int container = member->kind == NODE_LIST || (member->kind == NODE_STRING && member->n);
        ops one = {0};
        if (container)
            add(b, &body, (op){.code = OP_SKIP, .n = 6, .once = 1});
        if (i < child)
            pass(b, &one, member, NULL);
        else
            take(b, &copy, &one, at + 2);
        add_body(b, &body, (op){.code = OP_TIMES, .n = 1}, &one);
    }
    add_body(b, list, (op){.code = OP_MEMBERS, .depth = (uint8_t)p->level[p->levels - 1].depth}, &body);
}

/* Whether the items of a list can be taken member by member. */
static int by_members(const builder *b, int32_t at)
{
    const node *n = b->chain[at].node, *item;
    if (n->kind != NODE_LIST || at + 1 >= b->length)
        return 0;
    item = b->chain[at + 1].node;
    if (item->kind != NODE_RECORD)
        return 0;
    for (int32_t i = 0; i < item->n_members; i++)
        if ((!item->members[i]->name.n && item->members[i]->kind != NODE_TOBJECT) ||
            item->members[i]->kind == NODE_COUNTED)
            return 0; /* how bases and counted arrays are stored then is not known */
    return 1;
}

static void take_inside(builder *b, program *p, ops *list, int32_t at, ops *members, int inner)
{
    const node *n = b->chain[at].node;
    int depth;
    switch (n->kind) {
    case NODE_NUMBER:
        p->form = n->form;
        p->type = n->form.type;
        add(b, list, (op){.code = OP_VALUES, .n = 1});
        break;
    case NODE_BITS:
        p->form = (value_form){.kind = VALUE_SWAP4, .width = 4, .type = VCOL_U32};
        p->type = VCOL_U32;
        add(b, list, (op){.code = OP_BITS});
        break;
    case NODE_STRING:
    case NODE_CHARS:
        level(b, p, VCOL_LEVEL_LIST, 0);
        p->form = (value_form){.kind = VALUE_COPY1, .width = 1, .type = VCOL_CHAR};
        p->type = VCOL_CHAR;
        depth = descend(p, 1);
        add(b, list, (op){.code = n->kind == NODE_STRING ? OP_STRING : OP_CHARS, .depth = (uint8_t)depth});
        break;
    case NODE_LIST:
        level(b, p, VCOL_LEVEL_LIST, 0);
        depth = descend(p, 1);
        if (members && by_members(b, at))
            take_members(b, p, members, at);
        take_items(b, p, list, at, (op){.code = OP_LIST, .depth = (uint8_t)depth},
                   (op){.code = OP_LIST_VALUES, .depth = (uint8_t)depth});
        break;
    case NODE_REST:
        level(b, p, VCOL_LEVEL_LIST, 0);
        depth = descend(p, 1);
        take_items(b, p, list, at, (op){.code = OP_REST, .depth = (uint8_t)depth},
                   (op){.code = OP_REST_VALUES, .depth = (uint8_t)depth});
        break;
    case NODE_FIXED: {
        ops body = {0};
        level(b, p, VCOL_LEVEL_FIXED, n->n);
        if (list_below(b, at + 1)) {
            depth = descend(p, 0);
            take(b, p, &body, at + 1);
            add_body(b, list, (op){.code = OP_FIXED, .depth = (uint8_t)depth, .n = n->n}, &body);
        } else {
            if (__builtin_mul_overflow(p->multiple, n->n, &p->multiple) || p->multiple > INT32_MAX / 8)
                cannot(b, "arrays of so many items are not supported");
            take(b, p, &body, at + 1);
            add_body(b, list, (op){.code = OP_TIMES, .n = n->n}, &body);
        }
        break;
    }
    case NODE_RECORD:
        take_record(b, p, list, at, inner);
        break;
    default:
        cannot(b, n->note ? n->note : "it is not supported");
    }
}

static void take(builder *b, program *p, ops *list, int32_t at)
{
    const node *n = b->chain[at].node;
    heads(b, list, n);
    if (n->framed) {
        ops body = {0}, members = {0};
        op o = {.code = OP_FRAME, .cls = n->cls};
        take_inside(b, p, &body, at, &members, 0);
        o.members = members.at;
        o.n_members = members.n;
        add_body(b, list, o, &body);
    } else {
        take_inside(b, p, list, at, NULL, at > 0);
    }
}

/* ---- columns -------------------------------------------------------------------------------------------- */

static program *new_program(builder *b)
{
    if (b->n == b->capacity) {
        int64_t capacity = b->capacity ? 2 * b->capacity : 8;
        program *more = vcol__arena_new(b->memory, (uint64_t)capacity, sizeof *more);
        if (!more) {
            b->nomem = 1;
            return NULL;
        }
        if (b->n)
            memcpy(more, b->programs, (size_t)b->n * sizeof *more);
        b->programs = more;
        b->capacity = capacity;
    }
    return &b->programs[b->n++];
}

/* The chain ends with a value. */
static void column(builder *b)
{
    program *p = new_program(b);
    ops list = {0};
    text suffix = {b->suffix, (uint32_t)strlen(b->suffix)};
    if (!p)
        return;
    p->suffix = vcol__arena_text(b->memory, suffix);
    b->nomem |= !p->suffix;
    p->multiple = 1;
    for (int i = 0; i < VCOL_MAX_LEVELS; i++)
        p->leaf_of[i] = -1;
    b->note = NULL;
    take(b, p, &list, 0);
    p->note = b->note;
    b->note = NULL;
    p->ops = list.at;
    p->n_ops = list.n;
    p->n_leaves++; /* the values */
    p->whole = b->whole.at;
    p->n_whole = b->whole.n;
}

static void visit(builder *b, const node *n)
{
    size_t before = strlen(b->suffix);
    if (b->nomem || b->length == MAX_CHAIN)
        return;
    b->chain[b->length].node = n;
    b->chain[b->length++].child = 0;
    switch (n->kind) {
    case NODE_RECORD:
        for (int32_t i = 0; i < n->n_members; i++) {
            text name = n->members[i]->name;
            b->chain[b->length - 1].child = i;
            if (name.n)
                snprintf(b->suffix + before, sizeof b->suffix - before, ".%.*s", (int)name.n, name.s);
            visit(b, n->members[i]);
            b->suffix[before] = 0;
        }
        break;
    case NODE_LIST:
    case NODE_REST:
    case NODE_FIXED:
    case NODE_COUNTED:
        visit(b, n->members[0]);
        break;
    case NODE_TOBJECT:
        if (b->length == 1)
            column(b);
        break;
    default:
        column(b);
    }
    b->length--;
}

program *vcol__program_make(arena *memory, const node *top, int64_t *n)
{
    builder b = {.memory = memory};
    pass(&b, &b.whole, top, NULL);
    if (b.note)
        b.whole = (ops){0};
    visit(&b, top);
    *n = b.nomem ? -1 : b.n;
    return b.programs;
}
