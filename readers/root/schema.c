/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the streamed tree to a schema: a column for each leaf, in the tree's order.
 *
 * A branch with one leaf has the branch's path; with several it is `branch.leaf`. Branches that only hold
 * others are no columns. Groups: one for each branch that can be read (its leaves share baskets); for each
 * counter one with the counts (its branch's own where it is the first leaf) and one with the offsets that
 * follow from them, which all columns that it counts share; for each branch that no column can be read from one
 * without leaves, for verification.
 *
 * Two passes: collect the branches (now every leaf knows its branch), then give each its form, its group and
 * its columns; a branch that counts others is given its group when the first of them comes, if it comes later
 * itself.
 */
#include "leaf.h"
#include "node.h"

#include <stdio.h>

typedef struct visit {
    model_branch *model;
    root_branch *branch;
    const char *path;
    uint32_t stride; /* bytes of an entry; 0: they vary */
    int empty;       /* only holds others */
    int hidden;      /* counts the items of a split collection: no column */
    text type_name;          /* of a branch of objects */
    const program *programs; /* of a branch of objects: its columns, or NULL */
    int64_t n_programs;
    int32_t group;   /* or -1; of several leaves the first MAX_TOGETHER's, the others' follow */
} visit;

enum { MAX_TOGETHER = 8 }; /* leaves in a group: the runtime materializes them together */

/* The forms of a branch's leaves, and where each lies in an entry; made again where they are wanted again. */
typedef struct leaf_forms {
    leaf_form *at;
    uint32_t *offsets;
    int64_t capacity;
} leaf_forms;

typedef struct build {
    root_table *table;
    arena *memory;
    walk *w;
    visit *visits;
    vcol_schema_column *columns;
    vcol_group *groups;
    binding *bindings;
    root_branch **branches;
    leaf_forms own, counters; /* of the branch at hand, of the one that counts its items */
    const char *brackets[VCOL_TYPE_COUNT], *vectors[VCOL_TYPE_COUNT]; /* "float[]", "std::vector<float>" */
    int64_t n_visits, n_columns, n_groups;
    int64_t max_visits, max_columns, max_groups;
    int nomem;
} build;

static const char *const type_shapes[VCOL_TYPE_COUNT] = {
    "unknown", "bool",  "int8",   "uint8",   "int16",   "uint16", "int32",
    "uint32",  "int64", "uint64", "float32", "float64", "string", "empty record",
};
static const char *const var_shapes[VCOL_TYPE_COUNT] = {
    "unknown",       "var * bool",    "var * int8",   "var * uint8", "var * int16",
    "var * uint16",  "var * int32",   "var * uint32", "var * int64", "var * uint64",
    "var * float32", "var * float64", "string",
};

static const char *keep(build *b, const char *before, text t, const char *after)
{
    size_t n = strlen(before), m = strlen(after);
    char *s = vcol__arena_new(b->memory, n + t.n + m + 1, 1);
    if (!s) {
        b->nomem = 1;
        return "";
    }
    memcpy(s, before, n);
    if (t.n)
        memcpy(s + n, t.s, t.n);
    memcpy(s + n + t.n, after, m);
    return s;
}

static void *temporary(build *b, int64_t n, size_t size)
{
    void *p = vcol__arena_new(b->w->memory, (uint64_t)n, size);
    if (!p)
        b->nomem = 1;
    return p;
}

static void *lasting(build *b, int64_t n, size_t size)
{
    void *p = vcol__arena_new(b->memory, (uint64_t)n, size);
    if (!p)
        b->nomem = 1;
    return p;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int32_t add_group(build *b, vcol_group group, binding bind, const vcol_leaf *leaves, int32_t n_leaves)
{
    if (b->nomem || b->n_groups == b->max_groups)
        return -1;
    group.leaves = leaves;
    group.n_leaves = n_leaves;
    b->groups[b->n_groups] = group;
    b->bindings[b->n_groups] = bind;
    return (int32_t)b->n_groups++;
}

static vcol_group blocks_group(build *b, const visit *v, int32_t depends, uint32_t flags)
{
    return (vcol_group){
        .kind = VCOL_GROUP_BLOCKS,
        .flags = flags,
        .depends = depends,
        .entries = v->branch->entries,
        .stored = v->branch->stored,
        .unpacked = v->branch->unpacked,
        .name = keep(b, "branch '", text_from(v->path), "'"),
    };
}

/* The leaves [from, to) of a branch with entries of fixed size. */
static int32_t fixed_group(build *b, const visit *v, const leaf_forms *forms, int64_t from, int64_t to)
{
    piece *pieces = lasting(b, to - from, sizeof *pieces);
    vcol_leaf *leaves = lasting(b, to - from, sizeof *leaves);
    if (!pieces || !leaves)
        return -1;
    for (int64_t i = from; i < to; i++) {
        pieces[i - from] = (piece){forms->at[i].form, forms->at[i].count, forms->offsets[i]};
        leaves[i - from] = (vcol_leaf){VCOL_LEAF_VALUES, forms->at[i].form.type, 0, 0, forms->at[i].count};
    }
    return add_group(b, blocks_group(b, v, -1, 0), (binding){.kind = BIND_FIXED, .stride = v->stride, .branch = v->branch, .pieces = pieces},
                     leaves, (int32_t)(to - from));
}

/* Lists in the items that `depends` counts, whose lengths `source` says. */
static int32_t lists_group(build *b, const visit *v, const leaf_form *f, int32_t depends, int32_t source)
{
    piece *pieces = lasting(b, 1, sizeof *pieces);
    vcol_leaf *leaves = lasting(b, 2, sizeof *leaves);
    vcol_group group;
    if (!pieces || !leaves)
        return -1;
    pieces[0] = (piece){f->form, 1, 0};
    leaves[0] = (vcol_leaf){VCOL_LEAF_OFFSETS, VCOL_I64, 1, 0, 1};
    leaves[1] = (vcol_leaf){VCOL_LEAF_VALUES, f->form.type, 2, 0, 1};
    group = blocks_group(b, v, depends, VCOL_GROUP_MEASURED | VCOL_GROUP_COUNTED);
    group.source = source;
    return add_group(b, group, (binding){.kind = BIND_LISTS, .stride = f->form.width, .branch = v->branch, .pieces = pieces},
                     leaves, 2);
}

/* The only leaf of a branch whose entries vary: counted by `depends`, or measured. */
static int32_t varying_group(build *b, const visit *v, const leaf_form *f, int32_t depends)
{
    int measured = f->kind != BIND_ITEMS, n = measured ? 2 : 1;
    piece *pieces = lasting(b, 1, sizeof *pieces);
    vcol_leaf *leaves = lasting(b, n, sizeof *leaves);
    if (!pieces || !leaves)
        return -1;
    pieces[0] = (piece){f->form, f->count, 0};
    if (measured)
        leaves[0] = (vcol_leaf){VCOL_LEAF_OFFSETS, VCOL_I64, 0, 0, 1};
    leaves[n - 1] = (vcol_leaf){VCOL_LEAF_VALUES, f->form.type, 1, 0, f->count};
    return add_group(b, blocks_group(b, v, depends, measured ? VCOL_GROUP_MEASURED : 0),
                     (binding){.kind = f->kind, .stride = (uint32_t)(f->form.width * f->count), .branch = v->branch, .pieces = pieces}, leaves, n);
}

/*
 * The baskets of a branch that no column can be read from: no leaves, so that they are only verified. A branch whose
 * table of baskets lies has nothing to read, but plan says so.
 */
static void raw_group(build *b, const visit *v)
{
    vcol_group group;
    if (v->model->file_name.n || (!v->branch->n_baskets && !v->branch->fault))
        return;
    group = blocks_group(b, v, -1, 0);
    if (v->branch->fault && !group.entries)
        group.entries = 1;
    add_group(b, group, (binding){.kind = BIND_RAW, .branch = v->branch}, NULL, 0);
}

/* ---- the branches --------------------------------------------------------------------------------- */

static model_leaf *leaf_of(const build *b, model_branch *model, int64_t i)
{
    model_leaf *leaf = vcol__walk_target(b->w, model->leaves.refs[i], KIND_LEAF);
    return leaf && (!leaf->branch || leaf->branch == model) ? leaf : NULL;
}

static void collect(build *b, const model_list *list, const char *parent, int depth)
{
    for (int64_t i = 0; i < list->n && !b->nomem; i++) {
        model_branch *model = vcol__walk_target(b->w, list->refs[i], KIND_BRANCH);
        visit *v;
        int element;
        if (!model || model->visit || b->n_visits == b->max_visits || depth >= MAX_DEPTH)
            continue;
        v = model->visit = &b->visits[b->n_visits++];
        v->model = model;
        v->group = -1;
        v->path = keep(b, parent, model->named.name, "");
        for (int64_t k = 0; k < model->leaves.n; k++) {
            model_leaf *leaf = leaf_of(b, model, k);
            if (leaf && !leaf->branch) {
                leaf->branch = model;
                leaf->position = k;
                leaf->flat_group = leaf->counts_group = -1;
            }
        }
        element = model->named.cls && !text_is(model->named.cls->name, "TBranch");
        if (element && model->branches.n) { /* only holds others, or counts them */
            v->hidden = vcol__branch_counts(model) && model->leaves.n && leaf_of(b, model, 0);
            v->empty = !v->hidden;
        } else if (__builtin_add_overflow(b->max_columns, model->leaves.n, &b->max_columns)) {
            b->nomem = 1;
        }
        if (model->branches.n) {
            size_t n = strlen(v->path);
            char *prefix = temporary(b, (int64_t)n + 2, 1);
            if (!prefix)
                return;
            memcpy(prefix, v->path, n);
            prefix[n] = '/';
            collect(b, &model->branches, prefix, depth + 1);
        }
    }
}

/* ---- forms and their groups ----------------------------------------------------------------------- */

/* The forms of a branch's leaves into `forms`; its stride. */
static void make_forms(build *b, visit *v, leaf_forms *forms)
{
    model_branch *model = v->model;
    int64_t n = model->leaves.n;
    uint64_t stride = 0;
    const char *note = NULL;
    int varies = 0;
    if (n > forms->capacity) {
        forms->capacity = n < 8 ? 8 : n;
        forms->at = temporary(b, forms->capacity, sizeof *forms->at);
        forms->offsets = temporary(b, forms->capacity, sizeof *forms->offsets);
        if (b->nomem)
            return;
    }
    v->stride = 0;
    if (v->hidden) {
        forms->at[0] = vcol__leaf_counts();
        forms->offsets[0] = 0;
        v->stride = forms->at[0].form.width;
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        model_leaf *leaf = leaf_of(b, model, i);
        leaf_form *f = &forms->at[i];
        if (leaf)
            *f = vcol__leaf_form(b->w, model, leaf);
        else
            *f = (leaf_form){.note = "its leaf is not in the file", .full_name = {"", 0}, .count = 1};
        forms->offsets[i] = (uint32_t)stride;
        stride += (uint64_t)f->form.width * (uint64_t)f->count;
        varies |= f->kind != BIND_FIXED;
        if (f->note)
            note = f->note;
        if (stride > INT32_MAX)
            note = "its entries are larger than a basket can be";
    }
    if (n > 1 && varies && !note)
        note = "several leaves in one branch, one of them of varying size, are not supported yet";
    for (int64_t i = 0; i < n && note; i++)
        if (!forms->at[i].note)
            forms->at[i].note = note;
    if (!note && !varies)
        v->stride = (uint32_t)stride;
}

/* A branch's baskets and its group, unless another branch counts its items; once. */
static void make_group(build *b, visit *v, const leaf_forms *forms)
{
    int64_t n = v->hidden ? 1 : v->model->leaves.n;
    if (v->branch || b->nomem)
        return;
    v->branch = vcol__branch_make(b->table, b->w, v->model, v->path);
    if (!v->branch) {
        b->nomem = 1;
        return;
    }
    if (!n || v->branch->fault || forms->at[0].note)
        return;
    if (!v->stride) {
        if (forms->at[0].kind != BIND_ITEMS && forms->at[0].kind != BIND_LISTS)
            v->group = varying_group(b, v, &forms->at[0], -1);
        return;
    }
    v->branch->shared = n > MAX_TOGETHER;
    for (int64_t i = 0; i < n && !b->nomem; i += MAX_TOGETHER) {
        int32_t group = fixed_group(b, v, forms, i, n - i < MAX_TOGETHER ? n : i + MAX_TOGETHER);
        if (group < 0) {
            v->group = -1;
            return;
        }
        if (!i)
            v->group = group;
    }
    leaf_of(b, v->model, 0)->flat_group = v->group;
}

/* The offsets that follow from a counter's values; -1 if it cannot be read. */
static int32_t counts_group(build *b, model_leaf *leaf)
{
    visit *v = leaf->branch->visit;
    vcol_group group = {.kind = VCOL_GROUP_COUNTS};
    vcol_leaf *leaves;
    text name = leaf->branch->leaves.n == 1 ? leaf->branch->named.name : leaf->named.name;
    if (leaf->counts_group >= 0 || v->empty)
        return leaf->counts_group;
    make_forms(b, v, &b->counters);
    make_group(b, v, &b->counters);
    if (b->nomem || v->group < 0 || v->branch->fault || !v->stride)
        return -1;
    if (leaf->flat_group < 0) { /* not the first of its branch: a group of its own */
        leaf->flat_group = fixed_group(b, v, &b->counters, leaf->position, leaf->position + 1);
        v->branch->shared = 1;
    }
    leaves = lasting(b, 1, sizeof *leaves);
    if (!leaves || leaf->flat_group < 0)
        return -1;
    leaves[0] = (vcol_leaf){VCOL_LEAF_OFFSETS, VCOL_I64, 0, 0, 1};
    group.depends = leaf->flat_group;
    group.entries = v->branch->entries;
    group.name = keep(b, "counter '", name, "'");
    leaf->counts_group = add_group(b, group, (binding){.kind = BIND_COUNTS}, leaves, 1);
    if (!v->hidden && name.n > 1 && name.s[0] == 'n') /* nJet counts Jet */
        name = (text){name.s + 1, name.n - 1};
    leaf->collection = keep(b, "", name, "");
    return leaf->counts_group;
}

/* The values of a member of the items of a split collection, where it is not there yet; -1 if they cannot be read. */
static int32_t member_group(build *b, visit *v)
{
    leaf_form f;
    int32_t counts;
    if (v->group >= 0)
        return v->group;
    make_forms(b, v, &b->counters);
    make_group(b, v, &b->counters);
    if (b->nomem || v->branch->fault)
        return -1;
    f = b->counters.at[0];
    counts = counts_group(b, f.counter);
    if (counts >= 0)
        v->group = varying_group(b, v, &f, counts);
    return v->group;
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static program *settled(build *b, visit *v, const node *top, program *programs)
{
    int unsettled = 0;
    for (int64_t i = 0; i < v->n_programs; i++)
        unsettled |= programs[i].unsettled != NULL;
    if (!unsettled)
        return programs;
    v->branch = vcol__branch_make(b->table, b->w, v->model, v->path);
    if (v->branch)
        return vcol__program_settled(b->w, b->memory, v->branch, top, programs, &v->n_programs);
    v->n_programs = -1;
    return NULL;
}

/* What is found in a branch that is no plain leaf. */
static void find_programs(build *b, visit *v)
{
    node *top;
    model_leaf *leaf = v->model->leaves.n == 1 ? leaf_of(b, v->model, 0) : NULL;
    if (v->empty || v->hidden)
        return;
    if (leaf) {
        leaf_form f = vcol__leaf_form(b->w, v->model, leaf);
        if (!f.object)
            return;
        top = vcol__node_of_branch(b->w, b->memory, v->model, f.element);
        v->type_name = f.full_name;
    } else if (vcol__leaves_vary(b->w, v->model)) {
        top = vcol__node_of_leaves(b->w, b->memory, v->model);
    } else {
        return;
    }
    if (!top) {
        b->nomem = 1;
        return;
    }
    v->programs = settled(b, v, top, vcol__program_make(b->memory, top, &v->n_programs));
    v->programs = vcol__program_with_bytes(b->memory, v->programs, &v->n_programs);
    b->nomem |= v->n_programs < 0;
    if (b->nomem || !v->n_programs || __builtin_add_overflow(b->max_columns, v->n_programs, &b->max_columns)) {
        v->programs = NULL;
        v->n_programs = 0;
    }
    b->max_groups += v->n_programs;
}

static int32_t object_group(build *b, const visit *v, const program *p)
{
    vcol_leaf *leaves = lasting(b, p->n_leaves, sizeof *leaves);
    if (!leaves)
        return -1;
    for (int d = 0; d < p->depth; d++)
        if (p->leaf_of[d] >= 0)
            leaves[p->leaf_of[d]] = (vcol_leaf){VCOL_LEAF_OFFSETS, VCOL_I64, d, 0, 1};
    leaves[p->n_leaves - 1] = (vcol_leaf){VCOL_LEAF_VALUES, p->form.type, p->depth, 0, p->multiple};
    return add_group(b, blocks_group(b, v, -1, p->depth ? VCOL_GROUP_MEASURED : 0),
                     (binding){.kind = BIND_OBJECT, .branch = v->branch, .program = p}, leaves, p->n_leaves);
}

static const char *object_shape(build *b, const program *p)
{
    char shape[256];
    size_t n = 0;
    int is_text = p->type == VCOL_CHAR; /* its innermost level is its bytes */
    for (int32_t l = 0; l < p->levels - is_text && n + 32 < sizeof shape; l++)
        n += (size_t)(p->level[l].kind == VCOL_LEVEL_FIXED
                          ? snprintf(shape + n, sizeof shape - n, "%lld * ", (long long)p->level[l].size)
                          : snprintf(shape + n, sizeof shape - n, "var * "));
    return keep(b, "", (text){shape, (uint32_t)n}, type_shapes[p->type]);
}

/* ---- columns ------------------------------------------------------------------------------------------ */

static void describe(build *b, vcol_schema_column *c, const leaf_form *f)
{
    char dims[160] = "", brackets[160] = "";
    int lists = f->kind == BIND_LISTS, var = f->kind == BIND_ITEMS || f->kind == BIND_VECTOR;
    if (c->status) {
        c->type_name = f->type_name ? f->type_name : keep(b, "", f->full_name, "");
        c->shape = type_shapes[0];
        return;
    }
    c->type = f->form.type;
    for (int32_t i = 0; i < f->n_dims; i++) {
        size_t n = strlen(dims), m = strlen(brackets);
        snprintf(dims + n, sizeof dims - n, "%lld * ", (long long)f->dims[i]);
        snprintf(brackets + m, sizeof brackets - m, "[%lld]", (long long)f->dims[i]);
    }
    if (f->n_dims) {
        const char *shape = keep(b, var ? "var * " : "", text_from(dims), type_shapes[c->type]);
        c->shape = shape;
    } else if (lists) {
        c->shape = keep(b, "var * ", text_from(var_shapes[c->type]), "");
    } else {
        c->shape = var ? var_shapes[c->type] : type_shapes[c->type];
    }
    if (f->kind == BIND_VECTOR || (f->kind == BIND_ITEMS && !f->n_dims)) {
        int vector = f->kind == BIND_VECTOR;
        const char **known = vector ? &b->vectors[c->type] : &b->brackets[c->type];
        size_t at = vector ? 12 : 0, n = strlen(f->type_name);
        if (!*known || strncmp(*known + at, f->type_name, n) || strlen(*known + at) != n + (vector ? 1 : 2))
            *known = keep(b, vector ? "std::vector<" : "", text_from(f->type_name), vector ? ">" : "[]");
        c->type_name = *known;
    } else if (lists)
        c->type_name = keep(b, f->type_name, text_from("[][]"), "");
    else if (f->kind == BIND_ITEMS || f->n_dims)
        c->type_name = keep(b, f->type_name, text_from(f->kind == BIND_ITEMS ? "[]" : ""), brackets);
    else
        c->type_name = f->type_name;
}

static void add_level(vcol_schema_column *c, vcol_level_kind kind, int32_t group, int64_t size)
{
    if (c->levels < VCOL_MAX_LEVELS) {
        c->level[c->levels].kind = kind;
        c->level[c->levels].ref = (vcol_leaf_ref){group, 0};
        c->level[c->levels++].size = size;
    }
}

/* Those without entries are never read. */
static int64_t filled_baskets(const root_branch *branch)
{
    int64_t n = 0;
    for (int64_t i = 0; i < branch->n_baskets; i++)
        n += branch->first[i + 1] > branch->first[i];
    return n;
}

static void add_column(build *b, visit *v, int64_t i)
{
    const leaf_form *f = &b->own.at[i];
    const model_leaf *leaf = leaf_of(b, v->model, i);
    vcol_schema_column *c;
    const char *slash;
    int32_t counts = -1, lengths = -1, index = (int32_t)i;
    if (b->n_columns == b->max_columns)
        return;
    c = &b->columns[b->n_columns++];
    c->path = v->path;
    if (v->model->leaves.n > 1) {
        const char *dot = keep(b, v->path, (text){".", 1}, "");
        c->path = keep(b, dot, leaf ? leaf->named.name : (text){"", 0}, "");
    }
    slash = strrchr(c->path, '/');
    c->name = slash && slash[1] ? slash + 1 : c->path;
    c->entries = v->branch->entries;
    c->stored = v->branch->stored;
    c->unpacked = v->branch->unpacked;
    c->blocks = filled_baskets(v->branch);
    c->note = f->note;
    c->status = f->note ? VCOL_UNSUPPORTED : VCOL_OK;
    if (v->branch->fault && !f->note) {
        c->status = VCOL_CORRUPT;
        c->note = v->branch->fault;
    }
    if (!c->status && (f->kind == BIND_ITEMS || f->kind == BIND_LISTS)) {
        counts = counts_group(b, f->counter);
        lengths = f->kind == BIND_LISTS && counts >= 0 ? member_group(b, f->lengths->visit) : -1;
        if (counts < 0) {
            c->status = VCOL_CORRUPT;
            c->note = "the branch that counts its items cannot be read";
        } else if (f->kind == BIND_ITEMS) {
            v->group = v->group < 0 ? varying_group(b, v, f, counts) : v->group;
        } else if (lengths < 0) {
            c->status = VCOL_CORRUPT;
            c->note = "the branch that says how long its arrays are cannot be read";
        } else {
            v->group = lists_group(b, v, f, counts, lengths);
        }
    }
    if (!c->status && v->group < 0) {
        c->status = VCOL_CORRUPT;
        c->note = "the tree names more leaves than it has";
    }
    describe(b, c, f);
    if (c->status)
        return;
    if (f->kind == BIND_ITEMS) {
        add_level(c, VCOL_LEVEL_LIST, counts, 0);
        c->collection = f->counter->collection;
    } else if (f->kind == BIND_LISTS) {
        add_level(c, VCOL_LEVEL_LIST, counts, 0);
        add_level(c, VCOL_LEVEL_LIST, v->group, 0);
        c->collection = f->counter->collection;
        index = 1;
    } else if (f->kind != BIND_FIXED) {
        add_level(c, VCOL_LEVEL_LIST, v->group, 0);
        index = 1;
    }
    for (int32_t k = 0; k < f->n_dims; k++)
        add_level(c, VCOL_LEVEL_FIXED, 0, f->dims[k]);
    c->values = (vcol_leaf_ref){v->group + index / MAX_TOGETHER, index % MAX_TOGETHER};
}

/* Why something of a branch of objects is not read: with its class, for whose code one would have to look. */
static const char *unread(build *b, const visit *v, const char *note)
{
    char version[64];
    snprintf(version, sizeof version, "', version %lld)", (long long)v->model->class_version);
    return keep(b, keep(b, note, text_from(" (class '"), ""), v->model->class_name,
                v->model->class_version > 0 ? version : "')");
}

/* The columns of a branch of objects, each in a group of its own: only what is asked for is decoded. */
static void add_objects(build *b, visit *v)
{
    const model_leaf *leaf = leaf_of(b, v->model, 0);
    int readable = 0;
    if (!v->branch)
        v->branch = vcol__branch_make(b->table, b->w, v->model, v->path);
    if (!v->branch || !leaf) {
        b->nomem = 1;
        return;
    }
    for (int64_t i = 0; i < v->n_programs; i++)
        readable += !v->programs[i].note;
    v->branch->shared = readable > 1;
    for (int64_t i = 0; i < v->n_programs && !b->nomem && b->n_columns < b->max_columns; i++) {
        const program *p = &v->programs[i];
        vcol_schema_column *c = &b->columns[b->n_columns++];
        int32_t group;
        const char *slash;
        c->path = keep(b, v->path, text_from(p->suffix), "");
        slash = strrchr(c->path, '/');
        c->name = slash && slash[1] ? slash + 1 : c->path;
        c->entries = v->branch->entries;
        c->stored = v->branch->stored;
        c->unpacked = v->branch->unpacked;
        c->blocks = filled_baskets(v->branch);
        c->type_name = v->type_name.n ? keep(b, "", v->type_name, "") : keep(b, "", p->type_name, p->depth ? "[]" : "");
        c->note = p->note ? unread(b, v, p->note) : v->branch->fault;
        c->status = p->note ? VCOL_UNSUPPORTED : v->branch->fault ? VCOL_CORRUPT : VCOL_OK;
        c->shape = c->status ? type_shapes[0] : object_shape(b, p);
        group = c->status ? -1 : object_group(b, v, p);
        if (group < 0)
            continue;
        v->group = group;
        c->type = p->type;
        for (int32_t l = 0; l < p->levels; l++) {
            add_level(c, p->level[l].kind, group, p->level[l].size);
            if (p->level[l].kind == VCOL_LEVEL_LIST)
                c->level[l].ref.leaf = p->level[l].leaf;
        }
        c->values = (vcol_leaf_ref){group, p->n_leaves - 1};
    }
}

/* Upper bounds from what the record held, so that nothing has to move. */
static void bounds(build *b)
{
    int64_t leaves = 0, counted = 0;
    for (int64_t i = 0; i < b->w->n_objects; i++) {
        const walk_object *o = &b->w->objects[i];
        if (o->kind == KIND_BRANCH) {
            b->max_visits++;
            counted += vcol__branch_counts(o->target);
        }
        if (o->kind == KIND_LEAF) {
            model_leaf *counter =
                vcol__walk_target(b->w, ((const model_leaf *)o->target)->counter, KIND_LEAF);
            leaves++;
            if (counter && !counter->counts) {
                counter->counts = 1;
                counted += 2;
            }
        }
    }
    b->max_groups = b->max_visits + leaves / MAX_TOGETHER + counted;
}

vcol_status vcol__schema_make(root_table *table, walk *w, const model_tree *tree, vcol_error *err)
{
    build b = {.table = table, .memory = &table->memory, .w = w};
    vcol_schema *schema = &table->schema;
    int64_t n_branches = 0, first;
    bounds(&b);
    b.visits = temporary(&b, b.max_visits, sizeof *b.visits);
    b.branches = temporary(&b, b.max_visits, sizeof *b.branches);
    if (b.nomem)
        goto nomem;
    collect(&b, &tree->branches, "", 0);
    for (int64_t i = 0; i < b.n_visits && !b.nomem; i++)
        find_programs(&b, &b.visits[i]);
    b.groups = lasting(&b, b.max_groups, sizeof *b.groups);
    b.bindings = lasting(&b, b.max_groups, sizeof *b.bindings);
    b.columns = lasting(&b, b.max_columns, sizeof *b.columns);
    for (int64_t i = 0; i < b.n_visits && !b.nomem; i++) {
        visit *v = &b.visits[i];
        int told = 0; /* a column of it says what is wrong with its baskets */
        if (v->empty)
            continue;
        first = b.n_columns;
        if (v->programs) {
            add_objects(&b, v);
        } else {
            make_forms(&b, v, &b.own);
            make_group(&b, v, &b.own);
        }
        for (int64_t k = 0; k < v->model->leaves.n && !b.nomem && !v->hidden && !v->programs; k++)
            add_column(&b, v, k);
        for (int64_t k = first; k < b.n_columns; k++)
            told |= v->branch->fault && b.columns[k].status == VCOL_CORRUPT;
        if (v->group >= 0)
            b.branches[n_branches++] = v->branch;
        else if (v->branch && (v->hidden || !told))
            raw_group(&b, v);
    }
    if (b.nomem)
        goto nomem;
    schema->kind = "ttree";
    schema->entries = tree->entries < 0 ? 0 : tree->entries;
    schema->columns = b.columns;
    schema->n_columns = b.n_columns;
    schema->groups = b.groups;
    schema->n_groups = b.n_groups;
    table->bindings = b.bindings;
    return vcol__cluster_find(table, tree, b.branches, n_branches, err);
nomem:
    return vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory for its columns", table->name);
}
