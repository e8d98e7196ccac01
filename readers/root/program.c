/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From nodes to columns: one for each value that is not a head, a length or a pointer; and to the steps that find its values
 * in an entry. What lies before a value is passed (pass.c); what lies behind it, inside a frame, is not looked at. Items of a
 * collection that have no values make a column `size`, how many they are; those that a member counts a column of values without bytes.
 */
#include "program.h"

#include <stdio.h>

/* ---- taking ------------------------------------------------------------------------------------------- */

/* Whether lists come below link `at` of the chain: then a fixed array's items are a depth of their own. */
static int list_below(const builder *b, int32_t at)
{
    for (int32_t i = at; i < b->length; i++)
        switch (b->chain[i].node->kind) {
        case NODE_REST:
        case NODE_COUNTED:
        case NODE_LOOP:
        case NODE_STRING:
        case NODE_CHARS:
        case NODE_UUID:
            return 1;
        case NODE_LIST:
        case NODE_SLOT:
        case NODE_CLONES:
        case NODE_ARRAY: /* at the chain's end: only their size */
            if (i + 1 < b->length)
                return 1;
            break;
        default:
            break;
        }
    return 0;
}

static void level(builder *b, program *p, vcol_level_kind kind, int64_t size)
{
    if (p->levels == VCOL_MAX_LEVELS || p->depth == VCOL_MAX_LEVELS - 1) {
        vcol__ops_cannot(b, "so many levels of lists are not supported");
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
    while (n->kind == NODE_FIXED && !n->framed && !n->skip && link + 1 < b->length && multiple <= INT32_MAX) {
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
        vcol__ops_add(b, list, bulk);
        return;
    }
    take(b, p, &body, at + 1);
    vcol__ops_add_body(b, list, each, &body);
}

static void take_inside(builder *b, program *p, ops *list, int32_t at, ops *members, int inner);

/* The items of the array at link `at`, which another member counts. */
static void take_counted(builder *b, program *p, ops *list, int32_t at, const kept *k)
{
    int loop = b->chain[at].node->kind == NODE_LOOP, bare = b->chain[at].node->bare, depth;
    int local = vcol__kept_counter(b, list, k, b->chain[at].node);
    if (local < 0) {
        vcol__ops_cannot(b, "the member that counts its items cannot be kept");
        return;
    }
    level(b, p, VCOL_LEVEL_LIST, 0);
    depth = descend(p, 1);
    if (loop) {
        ops body = {0};
        if (at + 1 == b->length) { /* nothing is known of the items, which a frame ends, but their number */
            p->form = (value_form){.type = VCOL_EMPTY};
            p->type = VCOL_EMPTY;
        } else {
            take(b, p, &body, at + 1);
        }
        vcol__ops_add_body(b, list, (op){.code = OP_LOOP, .local = (uint8_t)local, .depth = (uint8_t)depth}, &body);
    } else {
        op each = {.code = OP_COUNTED, .local = (uint8_t)local, .depth = (uint8_t)depth, .bare = (uint8_t)bare}, bulk = each;
        bulk.code = OP_COUNTED_VALUES;
        take_items(b, p, list, at, each, bulk);
    }
}

static op frame_of(const node *n)
{
    return (op){.code = OP_FRAME, .cls = n->cls, .foreign = (uint8_t)n->foreign, .n = n->least, .info = n->info};
}

/* inner: it has no frame, so that all of it has to be passed. */
static void take_record(builder *b, program *p, ops *list, int32_t at, int inner)
{
    const node *n = b->chain[at].node;
    kept k = {.n = 0};
    int32_t child = b->chain[at].child, until = inner ? n->n_members : child + 1;
    const node *member = n->members[child];
    vcol__pass_members(b, list, n, 0, child, until, &k);
    if (inner && member->kind == NODE_RECORD && vcol__node_wants(n, child + 1, until, member)) { /* what it counts is passed, too */
        ops body = {0};
        vcol__pass_members(b, &body, n, child, child + 1, until, &k);
        vcol__ops_add_body(b, list, (op){.code = OP_AHEAD}, &body);
    }
    if (member->kind == NODE_COUNTED) {
        take_counted(b, p, list, at + 1, &k);
    } else if (member->kind == NODE_LOOP) {
        ops body = {0};
        take_counted(b, p, &body, at + 1, &k);
        vcol__ops_add_body(b, list, (op){.code = OP_FRAME, .cls = member->members[0]->cls}, &body);
    } else {
        if (inner)
            vcol__kept_add(b, list, OP_LOOK, n, child, until, &k);
        take(b, p, list, at + 1);
    }
    if (inner)
        vcol__pass_members(b, list, n, child + 1, n->n_members, n->n_members, &k);
}

/* The objects that a container, or an array of containers, holds; NULL: others. */
static const node *items_of(const node *n)
{
    while (n->kind == NODE_FIXED || n->kind == NODE_REST)
        n = n->members[0];
    n = n->kind == NODE_LIST && n->n_members ? n->members[0] : NULL;
    return n && n->kind == NODE_RECORD && n->info ? n : NULL;
}

/* A member of all items of a collection that is stored member by member: link `at`. */
static void take_column(builder *b, program *p, ops *list, int32_t at, kept *k)
{
    const node *member = b->chain[at].node;
    int local = vcol__kept_find(k, member->counter);
    ops one = {0};
    if (vcol__node_is_container(member)) { /* one frame around those of all items */
        ops body = {0}, members = {0}, by_member = {0};
        op frame = {.code = OP_FRAME, .once = 1, .items = items_of(member)};
        if (member->kind == NODE_LOOP) {
            if (local >= 0)
                vcol__ops_add(b, &one, vcol__ops_load(k, local));
            take_counted(b, p, &one, at, k);
        } else {
            take_inside(b, p, &one, at, &members, 1);
        }
        vcol__ops_add_body(b, &body, (op){.code = OP_EACH_ITEM}, &one);
        if (members.n) {
            vcol__ops_add_body(b, &by_member, (op){.code = OP_EACH_ITEM}, &members);
            frame.members = by_member.at;
            frame.n_members = by_member.n;
        }
        vcol__ops_add_body(b, list, frame, &body);
        return;
    }
    if (member->kind == NODE_COUNTED) {
        if (local >= 0)
            vcol__ops_add(b, &one, vcol__ops_load(k, local));
        take_counted(b, p, &one, at, k);
    } else {
        take(b, p, &one, at);
    }
    vcol__ops_add_body(b, list, (op){.code = OP_TIMES, .n = 1}, &one);
}

/* Likewise of all items of a collection that is stored member by member. */
static void take_columns(builder *b, program *p, ops *list, int32_t at, kept *k, int inner)
{
    const node *n = b->chain[at].node;
    int32_t child = b->chain[at].child;
    const node *member = n->members[child];
    int32_t until = inner ? n->n_members : child + 1;
    vcol__pass_columns(b, list, n, 0, child, until, k);
    if (member->kind == NODE_RECORD && member->base) {
        const wanting here = {n, child + 1, until, k->outer};
        if (member->sealed)
            vcol__ops_cannot(b, "a base that streams itself is not stored member by member");
        k->outer = &here;
        take_columns(b, p, list, at + 1, k, inner);
        k->outer = here.outer;
    } else {
        take_column(b, p, list, at + 1, k);
    }
    if (inner)
        vcol__pass_columns(b, list, n, child + 1, n->n_members, n->n_members, k);
}

/* The items of link `at`, stored member by member, where they are records: the same places, by another way; or arrays, whose
 * class has one member. */
static void take_members(builder *b, const program *p, ops *list, int32_t at, int inner)
{
    program copy = *p;
    kept k = {.n = 0};
    const char *note = b->note;
    if (at + 1 >= b->length || b->chain[at + 1].node->sealed ||
        (b->chain[at + 1].node->kind != NODE_RECORD && b->chain[at + 1].node->kind != NODE_FIXED))
        return;
    b->note = NULL;
    if (b->chain[at + 1].node->kind == NODE_FIXED)
        take_column(b, &copy, list, at + 1, &k);
    else
        take_columns(b, &copy, list, at + 1, &k, inner);
    if (b->note)
        *list = (ops){0}; /* then where it occurs is an error */
    b->note = note;
}

/* How many items link `at` has, which is the chain's end. */
static void take_size(builder *b, program *p, ops *list, int32_t at, ops *members, int inner)
{
    const node *n = b->chain[at].node, *item = n->members[0];
    ops body = {0}, columns = {0};
    kept k = {.n = 0};
    p->form = (value_form){.kind = VALUE_SWAP4, .width = 4, .type = VCOL_U32};
    p->type = VCOL_U32;
    if (n->kind == NODE_SLOT) {
        vcol__ops_add(b, list, (op){.code = OP_SLOT_SIZE});
        return;
    }
    if (n->kind != NODE_LIST) {
        vcol__ops_add(b, list, (op){.code = OP_ARRAY_SIZE, .n = n->n});
        return;
    }
    if (inner)
        vcol__pass(b, &body, item);
    vcol__ops_add_body(b, list, (op){.code = OP_SIZE}, &body);
    if (!members)
        return;
    if (inner && item->kind == NODE_RECORD)
        vcol__pass_columns(b, &columns, item, 0, item->n_members, item->n_members, &k);
    vcol__ops_add_body(b, members, (op){.code = OP_SIZE_MEMBERS}, &columns);
}

/* Which member of a record is, or has among its bases, the class; -1: none. */
static int32_t base_of(const node *n, text name)
{
    for (int32_t i = 0; i < n->n_members; i++) {
        const node *m = n->members[i];
        if (!m->name.n && (m->framed || m->sealed) && (text_same(m->type_name, name) || (m->kind == NODE_RECORD && base_of(m, name) >= 0)))
            return i;
    }
    return -1;
}

/* What link `at` holds, as that or as a base of the record `of`. */
static void take_as(builder *b, program *p, ops *list, int32_t at, const node *of)
{
    const node *wanted = b->chain[at].node;
    ops body = {0};
    kept k = {.n = 0};
    int32_t i;
    if (of == wanted || text_same(of->type_name, wanted->type_name)) {
        take(b, p, list, at);
        return;
    }
    i = base_of(of, wanted->type_name);
    if (i < 0) {
        vcol__ops_cannot(b, "an object of another class cannot be read");
        return;
    }
    vcol__pass_members(b, &body, of, 0, i, i + 1, &k);
    take_as(b, p, &body, at, of->members[i]);
    vcol__ops_add_body(b, list, frame_of(of), &body);
}

/* The objects that link `at` points to, by their class. */
static void take_cases(builder *b, program *p, op *o, int32_t at)
{
    const node *n = b->chain[at].node;
    op_case *cases = vcol__arena_new(b->memory, (uint64_t)n->n_cases + 1, sizeof *cases);
    if (!cases) {
        b->nomem = 1;
        return;
    }
    for (int32_t i = n->n_cases; i >= 0; i--) { /* the item's own last: its places stay */
        const node *of = i ? n->cases[i - 1] : n->members[0];
        program copy = *p;
        ops body = {0};
        take_as(b, i ? &copy : p, &body, at + 1, of);
        cases[i] = (op_case){of->type_name, body.at, body.n};
    }
    o->cases = cases;
    o->n_cases = n->n_cases + 1;
}

/* The objects that link `at` points to or has collected. */
static void take_objects(builder *b, program *p, ops *list, int32_t at)
{
    const node *n = b->chain[at].node;
    op o = {.code = n->kind == NODE_SLOT ? OP_SLOT : n->kind == NODE_CLONES ? OP_CLONES : OP_ARRAY, .n = n->n};
    ops columns = {0};
    if (!n->n_members) {
        vcol__ops_cannot(b, n->note);
        if (n->kind != NODE_SLOT)
            vcol__ops_add(b, list, (op){.code = OP_PEEK, .n = n->n});
        return;
    }
    level(b, p, VCOL_LEVEL_LIST, 0);
    o.depth = (uint8_t)descend(p, 1);
    if (n->kind == NODE_CLONES)
        take_members(b, p, &columns, at, 0);
    take_cases(b, p, &o, at);
    o.members = columns.at;
    o.n_members = columns.n;
    vcol__ops_add(b, list, o);
}

/* A list, or an array of lists, inside a frame that says how their items are stored. */
static int unframed_container(const node *n)
{
    while (n->kind == NODE_FIXED && !n->framed && !n->skip)
        n = n->members[0];
    return n->kind == NODE_LIST && !n->framed && !n->skip;
}

static void take_inside(builder *b, program *p, ops *list, int32_t at, ops *members, int inner)
{
    const node *n = b->chain[at].node;
    int depth;
    if (at + 1 == b->length &&
        (n->kind == NODE_LIST || n->kind == NODE_SLOT || n->kind == NODE_CLONES || n->kind == NODE_ARRAY) && n->n_members) {
        take_size(b, p, list, at, members, inner);
        return;
    }
    switch (n->kind) {
    case NODE_NUMBER:
        p->form = n->form;
        p->type = n->form.type;
        vcol__ops_add(b, list, (op){.code = OP_VALUES, .n = 1});
        break;
    case NODE_BITS:
        p->form = (value_form){.kind = VALUE_SWAP4, .width = 4, .type = VCOL_U32};
        p->type = VCOL_U32;
        if (n->n)
            vcol__ops_add(b, list, (op){.code = OP_BY_UUID});
        vcol__ops_add(b, list, (op){.code = OP_BITS});
        break;
    case NODE_PROCESS:
        p->form = (value_form){.kind = VALUE_SWAP2, .width = 2, .type = VCOL_U16};
        p->type = VCOL_U16;
        vcol__ops_add(b, list, (op){.code = OP_PROCESS});
        break;
    case NODE_STRING:
    case NODE_CHARS:
    case NODE_UUID:
        level(b, p, VCOL_LEVEL_LIST, 0);
        p->form = (value_form){.kind = VALUE_COPY1, .width = 1, .type = VCOL_CHAR};
        p->type = VCOL_CHAR;
        depth = descend(p, 1);
        vcol__ops_add(b, list, (op){.code = n->kind == NODE_STRING ? OP_STRING : n->kind == NODE_CHARS ? OP_CHARS : OP_UUID, .depth = (uint8_t)depth});
        break;
    case NODE_LIST:
        level(b, p, VCOL_LEVEL_LIST, 0);
        depth = descend(p, 1);
        if (members) {
            ops body = {0};
            take_members(b, p, &body, at, inner);
            if (body.n)
                vcol__ops_add_body(b, members, (op){.code = OP_MEMBERS, .depth = (uint8_t)depth}, &body);
        }
        take_items(b, p, list, at, (op){.code = OP_LIST, .depth = (uint8_t)depth},
                   (op){.code = OP_LIST_VALUES, .depth = (uint8_t)depth});
        break;
    case NODE_REST:
        level(b, p, VCOL_LEVEL_LIST, 0);
        depth = descend(p, 1);
        if (members && unframed_container(n->members[0])) { /* one frame around those of all items */
            ops body = {0}, columns = {0};
            take_inside(b, p, &body, at + 1, &columns, 1);
            vcol__ops_add_body(b, list, (op){.code = OP_REST, .depth = (uint8_t)depth}, &body);
            if (columns.n)
                vcol__ops_add_body(b, members, (op){.code = OP_REST, .depth = (uint8_t)depth}, &columns);
            break;
        }
        take_items(b, p, list, at, (op){.code = OP_REST, .depth = (uint8_t)depth},
                   (op){.code = OP_REST_VALUES, .depth = (uint8_t)depth});
        break;
    case NODE_FIXED: {
        ops body = {0}, columns = {0};
        op each = {.code = OP_TIMES, .n = n->n};
        level(b, p, VCOL_LEVEL_FIXED, n->n);
        if (list_below(b, at + 1)) {
            each.code = OP_FIXED;
            each.depth = (uint8_t)descend(p, 0);
        } else if (__builtin_mul_overflow(p->multiple, n->n, &p->multiple) || p->multiple > INT32_MAX / 8) {
            vcol__ops_cannot(b, "arrays of so many items are not supported");
        }
        if (members && unframed_container(n->members[0])) /* one frame around all of them */
            take_inside(b, p, &body, at + 1, &columns, 1);
        else
            take(b, p, &body, at + 1);
        vcol__ops_add_body(b, list, each, &body);
        if (columns.n)
            vcol__ops_add_body(b, members, each, &columns);
        break;
    }
    case NODE_SLOT:
    case NODE_CLONES:
    case NODE_ARRAY:
        take_objects(b, p, list, at);
        break;
    case NODE_RECORD:
        take_record(b, p, list, at, inner);
        break;
    default:
        vcol__ops_cannot(b, n->note ? n->note : "it is not supported");
    }
}

static void take(builder *b, program *p, ops *list, int32_t at)
{
    const node *n = b->chain[at].node;
    vcol__ops_heads(b, list, n);
    if (n->framed) {
        ops body = {0}, members = {0};
        op o = frame_of(n);
        o.items = items_of(n);
        o.exact = n->kind == NODE_FIXED || (n->kind == NODE_LIST && at + 1 < b->length); /* all items are gone over */
        take_inside(b, p, &body, at, &members, 0);
        o.members = members.at;
        o.n_members = members.n;
        vcol__ops_add_body(b, list, o, &body);
    } else if (n->kind == NODE_RECORD && at > 0 && vcol__node_counts(n)) {
        ops body = {0};
        take_inside(b, p, &body, at, NULL, 1);
        vcol__ops_add_body(b, list, (op){.code = OP_SCOPE}, &body);
    } else {
        take_inside(b, p, list, at, NULL, at > 0 || n->whole);
        if (n->whole)
            vcol__ops_add(b, list, (op){.code = OP_END});
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
    const node *last = b->chain[b->length - 1].node;
    ops list = {0};
    text suffix = {b->suffix, (uint32_t)strlen(b->suffix)};
    if (!p)
        return;
    p->suffix = vcol__arena_text(b->memory, suffix);
    b->nomem |= !p->suffix;
    p->multiple = 1;
    if (b->length > 1 && b->chain[0].node->kind == NODE_RECORD)
        p->type_name = b->chain[0].node->members[b->chain[0].child]->type_name;
    for (int i = 0; i < VCOL_MAX_LEVELS; i++)
        p->leaf_of[i] = -1;
    b->note = NULL;
    take(b, p, &list, 0);
    if ((last->kind == NODE_CLONES || last->kind == NODE_ARRAY) && !last->n_members && !last->settled)
        p->unsettled = (node *)(uintptr_t)last;
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
    case NODE_SLOT:
    case NODE_CLONES:
    case NODE_ARRAY:
        if (!n->n_members) {
            column(b);
        } else if (vcol__node_is_valueless(n->members[0])) {
            snprintf(b->suffix + before, sizeof b->suffix - before, ".size");
            column(b);
            b->suffix[before] = 0;
        } else {
            visit(b, n->members[0]);
        }
        break;
    case NODE_LOOP:
        if (vcol__node_is_valueless(n->members[0])) {
            column(b);
            break;
        }
        visit(b, n->members[0]);
        break;
    case NODE_REST:
    case NODE_FIXED:
    case NODE_COUNTED:
        visit(b, n->members[0]);
        break;
    case NODE_TOBJECT:
        break;
    default:
        column(b);
    }
    b->length--;
}

program *vcol__program_make(arena *memory, const node *top, int64_t *n)
{
    builder b = {.memory = memory};
    vcol__pass(&b, &b.whole, top);
    if (b.note)
        b.whole = (ops){0};
    visit(&b, top);
    *n = b.nomem ? -1 : b.n;
    return b.programs;
}

const program *vcol__program_with_bytes(arena *memory, const program *programs, int64_t *n)
{
    program *all, *raw;
    const node *top;
    int64_t had = *n, one = 0;
    int whole = 1;
    for (int64_t i = 0; i < had; i++)
        whole &= !programs[i].note;
    if (had < 0 || (had && whole))
        return programs;
    top = vcol__node_of_bytes(memory);
    raw = top ? vcol__program_make(memory, top, &one) : NULL;
    all = vcol__arena_new(memory, (uint64_t)had + 2, sizeof *all);
    *n = -1;
    if (!all || !raw || one != 1)
        return NULL;
    if (had)
        memcpy(all, programs, (size_t)had * sizeof *all);
    else
        all[had++] = (program){.suffix = "", .note = "it has no members that are stored"};
    all[had] = *raw;
    all[had].bytes = 1;
    *n = had + 1;
    return all;
}
