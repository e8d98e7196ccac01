/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps that pass what lies before a value, as few as its types allow.
 *
 * FORMAT root/collection member by member: for each member of the items' class, those of bases first and without a frame
 * of their own, all items' values; a container has one frame for all items. source: root-project/root
 * io/io/src/TStreamerInfoReadBuffer.cxx (kBase with arrayMode, kSTL); data/root/uproot-issue-123a.root
 */
#include "program.h"

void vcol__ops_add(builder *b, ops *list, op o)
{
    op *last = list->n ? &list->at[list->n - 1] : NULL;
    if (o.code <= OP_SKIP_SLOTS && last && last->code == o.code && last->once == o.once) {
        last->n += o.n; /* one step for a run of the same */
        return;
    }
    if (o.code == OP_SKIP_COUNTED && o.bare && last && last->code == o.code && last->bare && last->local == o.local &&
        last->n + o.n <= INT32_MAX) {
        last->n += o.n;
        return;
    }
    if (b->n_ops++ >= MAX_OPS) {
        vcol__ops_cannot(b, "classes of so many members are not supported");
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

void vcol__ops_add_body(builder *b, ops *list, op o, const ops *body)
{
    o.body = body->at;
    o.n_body = body->n;
    vcol__ops_add(b, list, o);
}

void vcol__ops_cannot(builder *b, const char *why)
{
    if (!b->note)
        b->note = why;
}

int64_t vcol__node_width(const node *n)
{
    int64_t sum = 0, w;
    if (n->framed || n->skip || n->named)
        return -1;
    switch (n->kind) {
    case NODE_NUMBER:
        return n->form.width;
    case NODE_FIXED:
        w = vcol__node_width(n->members[0]);
        return w < 0 || __builtin_mul_overflow(w, n->n, &w) ? -1 : w;
    case NODE_RECORD:
        for (int32_t i = 0; i < n->n_members; i++) {
            w = vcol__node_width(n->members[i]);
            if (w < 0 || __builtin_add_overflow(sum, w, &sum))
                return -1;
        }
        return sum;
    default:
        return -1;
    }
}

int vcol__node_is_container(const node *n)
{
    if (n->kind == NODE_FIXED) /* as one has a frame, all have one; in a std::array none has */
        return n->framed;
    return n->kind == NODE_LOOP || (n->kind == NODE_LIST && n->n == 0) || (n->kind == NODE_STRING && n->n);
}

int vcol__node_is_valueless(const node *n)
{
    switch (n->kind) {
    case NODE_TOBJECT:
        return 1;
    case NODE_OPAQUE:
        return n->undescribed;
    case NODE_REST:
    case NODE_COUNTED:
    case NODE_FIXED:
        return vcol__node_is_valueless(n->members[0]);
    case NODE_RECORD:
        for (int32_t i = 0; i < n->n_members; i++)
            if (!vcol__node_is_valueless(n->members[i]))
                return 0;
        return 1;
    default:
        return 0;
    }
}

void vcol__ops_heads(builder *b, ops *list, const node *n)
{
    if (n->named) {
        vcol__ops_add(b, list, (op){.code = OP_SKIP_STRINGS, .n = 1});
        vcol__ops_add(b, list, (op){.code = OP_SKIP, .n = 1});
    }
    if (n->skip)
        vcol__ops_add(b, list, (op){.code = OP_SKIP, .n = n->skip});
}

/* ---- counters --------------------------------------------------------------------------------------- */

static int is_signed(vcol_type type)
{
    return type == VCOL_I8 || type == VCOL_I16 || type == VCOL_I32 || type == VCOL_I64;
}

static int is_counted(const node *n)
{
    return n->kind == NODE_COUNTED || n->kind == NODE_LOOP;
}

/* Whether a member is, or has as a base's member, what an array is counted by. */
static int counts(const node *member, const node *array)
{
    if (member == array->counter || member == array->equal || member == array->square)
        return 1;
    for (int32_t i = 0; member->kind == NODE_RECORD && member->base && i < member->n_members; i++)
        if (counts(member->members[i], array))
            return 1;
    return 0;
}

int vcol__node_wants(const node *record, int32_t from, int32_t until, const node *member)
{
    for (int32_t i = from; i < until; i++)
        if (is_counted(record->members[i]) && counts(member, record->members[i]))
            return 1;
    return 0;
}

int vcol__node_counts(const node *record)
{
    for (int32_t i = 0; i < record->n_members; i++)
        if (is_counted(record->members[i]))
            return 1;
    return 0;
}

/* Whether member i is wanted by what follows it up to `until`, or by what its record is a base of. */
static int wanted(const node *record, int32_t i, int32_t until, const kept *k)
{
    int is = record->members[i]->counts;
    if (!is || record->whole)
        return is;
    is = vcol__node_wants(record, i + 1, until, record->members[i]);
    for (const wanting *o = k->outer; o && !is; o = o->outer)
        is = vcol__node_wants(o->record, o->from, o->until, record->members[i]);
    return is;
}

int vcol__kept_add(builder *b, ops *list, op_code code, const node *record, int32_t i, int32_t until, kept *k)
{
    const node *member = record->members[i];
    if (member->kind != NODE_NUMBER || member->skip || k->n == (record->whole ? MAX_LEAVES_KEPT : MAX_KEPT) ||
        !wanted(record, i, until, k))
        return 0;
    vcol__ops_add(b, list,
                  (op){.code = (uint8_t)code, .local = (uint8_t)k->n, .width = (uint8_t)member->form.width, .once = 1,
                       .is_signed = is_signed(member->form.type)});
    k->member[k->n++] = member;
    return 1;
}

int vcol__kept_find(const kept *k, const node *counter)
{
    for (int32_t i = 0; i < k->n && counter; i++)
        if (k->member[i] == counter)
            return i;
    return -1;
}

int vcol__kept_counter(builder *b, ops *list, const kept *k, const node *array)
{
    int local = vcol__kept_find(k, array->counter), equal, square;
    if (local < 0 || !array->square)
        return local;
    equal = vcol__kept_find(k, array->equal);
    square = vcol__kept_find(k, array->square);
    if (equal < 0 || square < 0)
        return -1;
    vcol__ops_add(b, list, (op){.code = OP_TRIANGLE, .local = (uint8_t)local, .n = square << 8 | equal});
    return local;
}

op vcol__ops_load(const kept *k, int local)
{
    const value_form *form = &k->member[local]->form;
    return (op){.code = OP_LOAD, .local = (uint8_t)local, .width = (uint8_t)form->width, .is_signed = is_signed(form->type)};
}

/* The array of a record that another member counts. */
static void pass_counted(builder *b, ops *list, const node *n, const kept *k)
{
    int local;
    int64_t width = vcol__node_width(n->members[0]);
    if (n->kind == NODE_LOOP) {
        vcol__ops_add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1});
        return;
    }
    local = vcol__kept_counter(b, list, k, n);
    vcol__ops_heads(b, list, n);
    if (local < 0 || width < 0)
        vcol__ops_cannot(b, "a counted array that is not supported lies before it");
    else
        vcol__ops_add(b, list, (op){.code = OP_SKIP_COUNTED, .local = (uint8_t)local, .n = width, .bare = (uint8_t)n->bare});
}

/* ---- passing ---------------------------------------------------------------------------------------- */

void vcol__pass_members(builder *b, ops *list, const node *record, int32_t from, int32_t to, int32_t until, kept *k)
{
    for (int32_t i = from; i < to; i++) {
        const node *member = record->members[i];
        if (vcol__kept_add(b, list, OP_KEEP, record, i, until, k))
            continue;
        if (is_counted(member)) {
            pass_counted(b, list, member, k);
        } else if (member->kind == NODE_RECORD && member->base && member->framed && wanted(record, i, until, k)) {
            const wanting here = {record, i + 1, until, k->outer};
            ops body = {0};
            k->outer = &here;
            vcol__pass_members(b, &body, member, 0, member->n_members, member->n_members, k);
            k->outer = here.outer;
            vcol__ops_add_body(b, list, (op){.code = OP_FRAME, .cls = member->cls, .lends = 1}, &body);
        } else
            vcol__pass(b, list, member);
    }
}

void vcol__pass_columns(builder *b, ops *list, const node *record, int32_t from, int32_t to, int32_t until, kept *k)
{
    for (int32_t i = from; i < to; i++) {
        const node *member = record->members[i];
        ops one = {0};
        int local = vcol__kept_find(k, member->counter);
        if (vcol__kept_add(b, list, OP_COLUMN, record, i, until, k))
            continue;
        if (member->kind == NODE_RECORD && member->base) {
            const wanting here = {record, i + 1, until, k->outer};
            if (member->sealed)
                vcol__ops_cannot(b, "a base that streams itself lies before it");
            k->outer = &here;
            vcol__pass_columns(b, list, member, 0, member->n_members, member->n_members, k);
            k->outer = here.outer;
            continue;
        }
        if (vcol__node_is_container(member)) {
            vcol__ops_add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1, .once = 1});
            continue;
        }
        if (member->kind == NODE_COUNTED && local >= 0)
            vcol__ops_add(b, &one, vcol__ops_load(k, local));
        if (member->kind == NODE_COUNTED)
            pass_counted(b, &one, member, k);
        else
            vcol__pass(b, &one, member);
        vcol__ops_add_body(b, list, (op){.code = OP_TIMES, .n = 1}, &one);
    }
}

void vcol__pass(builder *b, ops *list, const node *n)
{
    int64_t width = vcol__node_width(n);
    const node *item = n->n_members ? n->members[0] : NULL;
    ops body = {0};
    if (width >= 0) {
        if (width)
            vcol__ops_add(b, list, (op){.code = OP_SKIP, .n = width});
        return;
    }
    vcol__ops_heads(b, list, n);
    if (n->framed) {
        vcol__ops_add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1});
        return;
    }
    switch (n->kind) {
    case NODE_NUMBER:
        vcol__ops_add(b, list, (op){.code = OP_SKIP, .n = n->form.width});
        break;
    case NODE_BITS:
        if (n->n)
            vcol__ops_add(b, list, (op){.code = OP_BY_UUID});
        vcol__ops_add(b, list, (op){.code = OP_SKIP_BITS, .n = 1});
        break;
    case NODE_PROCESS:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_PROCESS});
        break;
    case NODE_UUID:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_UUID});
        break;
    case NODE_STRING:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_STRINGS, .n = 1});
        break;
    case NODE_CHARS:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_CHARS, .n = 1});
        break;
    case NODE_TOBJECT:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_TOBJECT, .n = 1});
        break;
    case NODE_SLOT:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_SLOTS, .n = 1});
        break;
    case NODE_OPAQUE:
    case NODE_CLONES:
    case NODE_ARRAY:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_FRAMES, .n = 1});
        break;
    case NODE_REST:
        vcol__ops_add(b, list, (op){.code = OP_SKIP_TO_END});
        break;
    case NODE_LIST:
        width = vcol__node_width(item);
        if (width >= 0) {
            vcol__ops_add(b, list, width ? (op){.code = OP_SKIP_LIST, .n = width} : (op){.code = OP_SKIP, .n = 4});
        } else {
            vcol__pass(b, &body, item);
            vcol__ops_add_body(b, list, (op){.code = OP_SKIP_EACH}, &body);
        }
        break;
    case NODE_FIXED:
        vcol__pass(b, &body, item);
        vcol__ops_add_body(b, list, (op){.code = OP_SKIP_TIMES, .n = n->n}, &body);
        break;
    case NODE_COUNTED: /* outside its record: nobody counts it */
    case NODE_LOOP:
        vcol__ops_cannot(b, "a counted array that is not supported lies before it");
        break;
    case NODE_RECORD: {
        kept own = {.n = 0};
        int scope = vcol__node_counts(n);
        vcol__pass_members(b, scope ? &body : list, n, 0, n->n_members, n->n_members, &own);
        if (scope)
            vcol__ops_add_body(b, list, (op){.code = OP_SCOPE}, &body);
        break;
    }
    case NODE_UNKNOWN:
        vcol__ops_cannot(b, n->note);
        break;
    }
}
