/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From fields to columns and groups.
 *
 * The tree of fields is walked from the top; a *place* is what lies above a field: whose items its rows are, how many rows
 * an item has (fixed arrays), the levels so far, and which optional values are still to be spread. Each leaf of the tree
 * becomes a column. FORMAT root/RNTuple mapping of types:
 *     collection          index column; rows of what it holds are its items. std::optional and std::unique_ptr are
 *                         collections of at most one item
 *     std::string         index and character columns
 *     std::array, bitset  no column, or bits: N elements each
 *     record              nothing; members, base classes as ":_0"
 *     variant             switch column; rows of an alternative are the items that chose it
 *     enum, atomic        nothing; one subfield "_0"
 *     RNTupleCardinality  projected onto an index column: how long its lists are
 *     streamer            index and byte columns of objects in their class's own format: UNSUPPORTED
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Mapping of C++ Types to Fields and Columns)
 */
#include "ntuple.h"

#include <stdio.h>

/* An optional value above: what is directly below needs a place for each that is missing. */
typedef struct spread {
    int32_t ends;
    int64_t multiple;
} spread;

typedef struct place {
    int32_t rows_of; /* ENDS or PICKS, or -1: rows are entries */
    int64_t multiple;
    int32_t levels;
    struct {
        vcol_level_kind kind;
        vcol_leaf_ref ref;
        int64_t size;
    } level[VCOL_MAX_LEVELS + 1];
    spread spreads[VCOL_MAX_LEVELS + 1];
    int32_t n_spreads;
    const char *path;
    const char *collection;
    const char *note; /* why nothing below can be read */
    vcol_status status;
    int depth;
} place;

typedef struct builder {
    root_ntuple *nt;
    vcol_group *groups;
    nt_group *bindings;
    vcol_schema_column *columns;
    int64_t n_groups, groups_capacity, n_columns, columns_capacity;
    const char **collections; /* per field: what its items are called together, or NULL */
    int nomem;
} builder;

static void visit(builder *b, uint32_t field, const place *at);

/* ---- memory -------------------------------------------------------------------------------------- */

static const char *kept(builder *b, const char *text)
{
    b->nomem |= !text;
    return text ? text : "";
}

#define PRINTF(b, ...) kept(b, vcol__arena_printf(&(b)->nt->memory, __VA_ARGS__))

static void *grown(builder *b, void *items, size_t size, int64_t n, int64_t *capacity)
{
    int64_t want = *capacity ? 2 * *capacity : 256;
    void *more = b->nomem || n < *capacity ? NULL : vcol__arena_new(&b->nt->memory, (uint64_t)want, size);
    if (n < *capacity)
        return items;
    if (!more) {
        b->nomem = 1;
        return items;
    }
    if (n)
        memcpy(more, items, (size_t)n * size);
    *capacity = want;
    return more;
}

/* ---- groups -------------------------------------------------------------------------------------- */

static int32_t add_group(builder *b, vcol_group group, nt_group binding, const vcol_leaf *leaves, int32_t n_leaves)
{
    int64_t capacity = b->groups_capacity;
    vcol_leaf *mine = vcol__arena_new(&b->nt->memory, (uint64_t)n_leaves, sizeof *mine);
    b->groups = grown(b, b->groups, sizeof *b->groups, b->n_groups, &capacity);
    b->bindings = grown(b, b->bindings, sizeof *b->bindings, b->n_groups, &b->groups_capacity);
    b->nomem |= !mine || b->n_groups >= INT32_MAX;
    if (b->nomem)
        return -1;
    memcpy(mine, leaves, (size_t)n_leaves * sizeof *mine);
    group.leaves = mine;
    group.n_leaves = n_leaves;
    group.entries = b->nt->clusters[b->nt->n_clusters];
    b->groups[b->n_groups] = group;
    b->bindings[b->n_groups] = binding;
    return (int32_t)b->n_groups++;
}

/* A group of the pages of a series. */
static vcol_group of_pages(builder *b, uint32_t series, const place *at, const char *path, uint32_t flags)
{
    const nt_series *s = &b->nt->series[series];
    return (vcol_group){
        .kind = VCOL_GROUP_BLOCKS,
        .flags = flags | (at->rows_of >= 0 ? VCOL_GROUP_ITEMS : 0),
        .depends = -1,
        .rows_of = at->rows_of,
        .multiple = at->multiple,
        .rows = s->rows,
        .stored = s->stored,
        .unpacked = s->unpacked,
        .name = PRINTF(b, "field '%s'", path),
    };
}

/* What a place and a series disagree in, or NULL. */
static const char *disagree(builder *b, uint32_t series, const place *at)
{
    const root_ntuple *nt = b->nt;
    const nt_series *s = &nt->series[series];
    int64_t rows;
    if (at->rows_of < 0) {
        if (__builtin_mul_overflow(nt->clusters[nt->n_clusters], at->multiple, &rows) || s->rows != rows)
            return PRINTF(b, "its pages hold %lld elements for %lld entries", (long long)s->rows,
                          (long long)nt->clusters[nt->n_clusters]);
        return NULL;
    }
    /* all that is counted by one group must have its items cluster by cluster */
    nt_group *above = &b->bindings[at->rows_of];
    if (above->counted == NT_NONE) {
        above->counted = series;
        above->per_item = at->multiple;
    }
    const nt_series *first = &nt->series[above->counted];
    for (int64_t k = 0; k <= nt->n_clusters; k++) {
        int64_t mine = vcol__pages_row(nt, s, k), its = vcol__pages_row(nt, first, k);
        if (mine % at->multiple || its % above->per_item || mine / at->multiple != its / above->per_item)
            return PRINTF(b, "its pages hold %lld elements before cluster %lld, those of others of its items %lld",
                          (long long)mine, (long long)k, (long long)its);
    }
    return NULL;
}

/* Whether a group that was made of the series stands for this place too. */
static int same_place(const builder *b, int32_t group, const place *at)
{
    const vcol_group *g = &b->groups[group];
    return g->rows_of == at->rows_of && g->multiple == at->multiple;
}

static void set_note(place *at, vcol_status status, const char *note)
{
    if (!at->note) {
        at->status = status;
        at->note = note;
    }
}

/* Whether the columns of a field are what it needs: `want` series, the first of the kind that `fits` says. */
static int has_series(builder *b, uint32_t field, uint32_t want, int (*fits)(unsigned type), place *at)
{
    const root_ntuple *nt = b->nt;
    const nt_field *f = &nt->fields[field];
    if (f->n_series != want || !want) {
        set_note(at, VCOL_UNSUPPORTED, PRINTF(b, "it has %u columns, not %u", f->n_series, want));
        return 0;
    }
    for (uint32_t i = nt->series[f->series[0]].any_column; i != NT_NONE; i = nt->columns[i].next) {
        const nt_column *x = &nt->columns[i];
        unsigned least, most;
        vcol__type_bits(x->type, &least, &most);
        if (!fits(x->type) || x->bits < least || x->bits > most) {
            set_note(at, VCOL_UNSUPPORTED, PRINTF(b, "a column of type %#x with %u bits is not known here", x->type, x->bits));
            return 0;
        }
    }
    return 1;
}

static int fits_index(unsigned type)
{
    return type == NT_INDEX32 || type == NT_INDEX64 || type == NT_SPLIT_INDEX32 || type == NT_SPLIT_INDEX64;
}

static int fits_switch(unsigned type)
{
    return type == NT_SWITCH;
}

static int fits_value(unsigned type)
{
    return type < NT_TYPES && !fits_index(type) && !fits_switch(type);
}

/* The group of a collection's or string's offsets, its rows at that place; -1 with a note. */
static int32_t ends_group(builder *b, uint32_t field, place *at)
{
    nt_series *s = &b->nt->series[b->nt->fields[field].series[0]];
    uint32_t series = b->nt->fields[field].series[0];
    vcol_leaf leaf = {VCOL_LEAF_OFFSETS, VCOL_I64, 0, 0, 1};
    const char *wrong;
    if (s->ends_group >= 0) {
        if (!same_place(b, s->ends_group, at))
            set_note(at, VCOL_CORRUPT, "it is projected onto a column of another place");
        return at->note ? -1 : s->ends_group;
    }
    wrong = disagree(b, series, at);
    if (wrong) {
        set_note(at, VCOL_CORRUPT, wrong);
        return -1;
    }
    s->used = 1;
    return s->ends_group = add_group(b, of_pages(b, series, at, at->path, VCOL_GROUP_ENDS),
                                     (nt_group){.kind = NT_ENDS, .series = series, .counted = NT_NONE, .per_item = 1}, &leaf, 1);
}

static int32_t values_group(builder *b, uint32_t series, vcol_type type, place *at)
{
    nt_series *s = &b->nt->series[series];
    vcol_leaf leaf = {VCOL_LEAF_VALUES, type, 0, 0, 1};
    const char *wrong;
    if (s->values_group >= 0 && b->bindings[s->values_group].type == type) {
        if (!same_place(b, s->values_group, at))
            set_note(at, VCOL_CORRUPT, "it is projected onto a column of another place");
        return at->note ? -1 : s->values_group;
    }
    wrong = disagree(b, series, at);
    if (wrong) {
        set_note(at, VCOL_CORRUPT, wrong);
        return -1;
    }
    s->used = 1;
    return s->values_group = add_group(b, of_pages(b, series, at, at->path, 0),
                                       (nt_group){.kind = NT_VALUES, .series = series, .type = type, .counted = NT_NONE},
                                       &leaf, 1);
}

/* A group of a kind that the runtime computes. */
static int32_t computed(builder *b, vcol_group_kind kind, int32_t depends, int32_t source, int64_t multiple, vcol_leaf leaf)
{
    vcol_group g = {.kind = kind, .depends = depends, .source = source, .multiple = multiple, .rows_of = -1};
    int32_t from = source >= 0 ? source : depends;
    if (b->nomem)
        return -1;
    g.name = b->groups[from].name;
    g.stored = b->groups[from].stored;
    g.unpacked = b->groups[from].unpacked;
    return add_group(b, g, (nt_group){.kind = NT_COMPUTED, .counted = NT_NONE}, source >= 0 ? b->groups[source].leaves : &leaf,
                     source >= 0 ? b->groups[source].n_leaves : 1);
}

/* What stands for a group where values above it may be missing. */
static int32_t spread_over(builder *b, int32_t group, const place *at)
{
    vcol_leaf none = {0};
    for (int32_t i = at->n_spreads; i-- > 0 && group >= 0;)
        group = computed(b, VCOL_GROUP_SPREAD, at->spreads[i].ends, group, at->spreads[i].multiple, none);
    return group;
}

/* ---- places -------------------------------------------------------------------------------------- */

static void add_level(place *at, vcol_level_kind kind, int32_t group, int64_t size)
{
    if (at->levels >= VCOL_MAX_LEVELS) {
        set_note(at, VCOL_UNSUPPORTED, "its lists are nested too deep");
        return;
    }
    at->level[at->levels].kind = kind;
    at->level[at->levels].ref = (vcol_leaf_ref){group, 0};
    at->level[at->levels++].size = size;
}

/* Below a list, or what picks items: rows are its items. */
static void enter_items(place *at, int32_t group)
{
    at->rows_of = group;
    at->multiple = 1;
    at->n_spreads = 0;
}

static void enter_list(builder *b, uint32_t field, place *at)
{
    int32_t ends = has_series(b, field, b->nt->fields[field].n_series, fits_index, at) ? ends_group(b, field, at) : -1;
    if (ends < 0)
        return;
    add_level(at, VCOL_LEVEL_LIST, spread_over(b, ends, at), 0);
    enter_items(at, ends);
}

static void enter_optional(builder *b, uint32_t field, place *at)
{
    vcol_leaf bits = {VCOL_LEAF_VALIDITY, VCOL_TYPE_NONE, 0, 0, 1};
    int32_t ends = has_series(b, field, 1, fits_index, at) ? ends_group(b, field, at) : -1;
    if (ends < 0)
        return;
    add_level(at, VCOL_LEVEL_OPTIONAL, spread_over(b, computed(b, VCOL_GROUP_VALIDITY, ends, -1, 1, bits), at), 0);
    if (at->note)
        return;
    at->rows_of = ends;
    at->multiple = 1;
    at->spreads[at->n_spreads++] = (spread){ends, 1}; /* one a level at most: there is room */
}

static void enter_array(const nt_field *f, place *at)
{
    int64_t n = (int64_t)f->array;
    add_level(at, VCOL_LEVEL_FIXED, 0, n);
    if (__builtin_mul_overflow(at->multiple, n, &at->multiple) || at->multiple > NT_MOST) {
        at->multiple = 1;
        set_note(at, VCOL_UNSUPPORTED, "its arrays are too long");
    }
    for (int32_t i = 0; i < at->n_spreads; i++)
        at->spreads[i].multiple *= n;
}

static void enter_alternative(builder *b, uint32_t field, int32_t alternative, place *at)
{
    vcol_leaf leaves[2] = {{VCOL_LEAF_OFFSETS, VCOL_I64, 0, 0, 1}, {VCOL_LEAF_VALUES, VCOL_I8, 0, 0, 1}};
    uint32_t series = b->nt->fields[field].series[0];
    int32_t group;
    const char *wrong;
    if (!has_series(b, field, 1, fits_switch, at))
        return;
    wrong = disagree(b, series, at);
    if (wrong) {
        set_note(at, VCOL_CORRUPT, wrong);
        return;
    }
    b->nt->series[series].used = 1;
    group = add_group(b, of_pages(b, series, at, at->path, VCOL_GROUP_PICKS),
                      (nt_group){.kind = NT_PICKS, .series = series, .alternative = alternative, .counted = NT_NONE, .per_item = 1},
                      leaves, 2);
    if (group < 0)
        return;
    add_level(at, VCOL_LEVEL_UNION, spread_over(b, group, at), alternative);
    enter_items(at, group);
}

/* ---- columns ------------------------------------------------------------------------------------- */

static const char *shape_of(builder *b, const place *at, vcol_type type)
{
    char shape[256];
    size_t n = 0;
    int text = type == VCOL_CHAR;
    shape[0] = 0;
    for (int32_t l = 0; l < at->levels - text && n + 40 < sizeof shape; l++) {
        switch (at->level[l].kind) {
        case VCOL_LEVEL_LIST:
            n += (size_t)snprintf(shape + n, sizeof shape - n, "var * ");
            break;
        case VCOL_LEVEL_FIXED:
            n += (size_t)snprintf(shape + n, sizeof shape - n, "%lld * ", (long long)at->level[l].size);
            break;
        case VCOL_LEVEL_OPTIONAL:
            n += (size_t)snprintf(shape + n, sizeof shape - n, "?");
            break;
        case VCOL_LEVEL_UNION:
            n += (size_t)snprintf(shape + n, sizeof shape - n, "union ");
            break;
        }
    }
    return PRINTF(b, "%s%s", shape, vcol_type_name(type));
}

static vcol_schema_column *add_column(builder *b, uint32_t field, const place *at)
{
    const nt_field *f = &b->nt->fields[field];
    vcol_schema_column *c;
    const char *dot;
    b->columns = grown(b, b->columns, sizeof *b->columns, b->n_columns, &b->columns_capacity);
    if (b->nomem)
        return NULL;
    c = &b->columns[b->n_columns++];
    c->path = at->path;
    dot = strrchr(c->path, '.');
    c->name = dot && dot[1] ? dot + 1 : c->path;
    c->type_name = f->type.n ? f->type.s : "-";
    c->collection = at->collection;
    c->entries = b->nt->clusters[b->nt->n_clusters];
    c->note = at->note;
    c->status = at->note ? at->status : VCOL_OK;
    c->shape = "none";
    c->type = VCOL_TYPE_NONE;
    return c;
}

/* A column of that group, at that place. */
static void put_column(builder *b, uint32_t field, const place *at, vcol_type type, int32_t group, const nt_series *values,
                       const nt_series *index)
{
    vcol_schema_column *c = add_column(b, field, at);
    if (!c || c->status)
        return;
    c->type = type;
    c->shape = shape_of(b, at, type);
    c->levels = at->levels;
    for (int32_t l = 0; l < at->levels; l++) {
        c->level[l].kind = at->level[l].kind;
        c->level[l].ref = at->level[l].ref;
        c->level[l].size = at->level[l].size;
    }
    c->values = (vcol_leaf_ref){group, 0};
    if (values) {
        c->stored = values->stored;
        c->unpacked = values->unpacked;
        c->blocks = (int64_t)values->n_pages;
    }
    if (index) {
        c->stored += index->stored;
        c->unpacked += index->unpacked;
        c->blocks += (int64_t)index->n_pages;
    }
}

/* Items of no bytes. */
static void put_nothing(builder *b, uint32_t field, place *at, vcol_type type)
{
    vcol_leaf leaf = {VCOL_LEAF_VALUES, type, 0, 0, 1};
    vcol_group g = {.kind = VCOL_GROUP_NOTHING,
                    .flags = at->rows_of >= 0 ? VCOL_GROUP_ITEMS : 0,
                    .depends = -1,
                    .rows_of = at->rows_of,
                    .multiple = at->multiple,
                    .name = PRINTF(b, "field '%s'", at->path)};
    int32_t group = at->note ? -1 : add_group(b, g, (nt_group){.kind = NT_COMPUTED, .counted = NT_NONE}, &leaf, 1);
    if (!at->note && group >= 0)
        group = spread_over(b, group, at);
    put_column(b, field, at, type, group, NULL, NULL);
}

/* The type in memory of a field of that C++ type; VCOL_TYPE_NONE: as the column has it. */
static vcol_type type_of(text name)
{
    static const struct {
        const char *name;
        vcol_type type;
    } types[] = {
        {"bool", VCOL_BOOL},          {"char", VCOL_U8},            {"std::byte", VCOL_U8},
        {"std::int8_t", VCOL_I8},     {"std::uint8_t", VCOL_U8},    {"std::int16_t", VCOL_I16},
        {"std::uint16_t", VCOL_U16},  {"std::int32_t", VCOL_I32},   {"std::uint32_t", VCOL_U32},
        {"std::int64_t", VCOL_I64},   {"std::uint64_t", VCOL_U64},  {"float", VCOL_F32},
        {"double", VCOL_F64},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (text_is(name, types[i].name))
            return types[i].type;
    return VCOL_TYPE_NONE;
}

static int begins(text t, const char *prefix)
{
    size_t n = strlen(prefix);
    return t.n >= n && !memcmp(t.s, prefix, n);
}

/* A value a row, from the one series of `from`. */
static void put_values(builder *b, uint32_t field, uint32_t from, place *at, vcol_type type)
{
    const nt_series *s;
    int32_t group = -1;
    if (!has_series(b, from, 1, fits_value, at)) {
        add_column(b, field, at);
        return;
    }
    s = &b->nt->series[b->nt->fields[from].series[0]];
    if (!type)
        type = vcol__type_natural(b->nt->columns[s->any_column].type);
    if (!at->note)
        group = values_group(b, b->nt->fields[from].series[0], type, at);
    if (group >= 0)
        group = spread_over(b, group, at);
    put_column(b, field, at, type, group, s, NULL);
}

static void put_string(builder *b, uint32_t field, uint32_t from, place *at)
{
    const nt_field *f = &b->nt->fields[from];
    const nt_series *chars = &b->nt->series[f->series[1]];
    unsigned type = b->nt->columns[chars->any_column].type;
    int32_t group = -1;
    if (type != NT_CHAR && type != NT_BYTE && type != NT_UINT8 && type != NT_INT8)
        set_note(at, VCOL_UNSUPPORTED, "its two columns are no index and characters");
    if (!at->note)
        enter_list(b, from, at);
    if (!at->note)
        group = values_group(b, f->series[1], VCOL_CHAR, at);
    put_column(b, field, at, VCOL_CHAR, group, chars, &b->nt->series[f->series[0]]);
}

static void put_cardinality(builder *b, uint32_t field, uint32_t from, place *at)
{
    vcol_leaf leaf = {VCOL_LEAF_VALUES, VCOL_I64, 0, 0, 1};
    int32_t ends = has_series(b, from, b->nt->fields[from].n_series, fits_index, at) ? ends_group(b, from, at) : -1;
    int32_t group = ends < 0 ? -1 : computed(b, VCOL_GROUP_LENGTHS, ends, -1, 1, leaf);
    if (group >= 0)
        group = spread_over(b, group, at);
    put_column(b, field, at, VCOL_I64, group, ends < 0 ? NULL : &b->nt->series[b->nt->fields[from].series[0]], NULL);
}

/* ---- fields -------------------------------------------------------------------------------------- */

/* Where the columns of a field are: its own, or those of what it is projected onto. */
static uint32_t source_of(builder *b, uint32_t field, place *at)
{
    const nt_field *f = &b->nt->fields[field];
    if (f->source == NT_NONE || f->n_series)
        return field;
    if (f->source >= b->nt->n_fields || b->nt->fields[f->source].source != NT_NONE) {
        set_note(at, VCOL_CORRUPT, "it is projected onto a field that there is not");
        return field;
    }
    return f->source;
}

static void visit_children(builder *b, uint32_t field, const place *at)
{
    for (uint32_t c = b->nt->fields[field].first_child; c != NT_NONE && !b->nomem; c = b->nt->fields[c].next)
        visit(b, c, at);
}

static void visit_record(builder *b, uint32_t field, place *at)
{
    int64_t before = b->n_columns;
    int base = vcol__field_hidden(b->nt, field) && b->nt->fields[b->nt->fields[field].parent].role == NT_RECORD;
    visit_children(b, field, at);
    if (b->n_columns == before && !base)
        put_nothing(b, field, at, VCOL_EMPTY);
}

static void visit_variant(builder *b, uint32_t field, uint32_t from, const place *above)
{
    int32_t alternative = 0;
    const char *path = above->path;
    place at = *above;
    at.path = PRINTF(b, "%s.0", path);
    enter_alternative(b, from, 0, &at);
    put_nothing(b, field, &at, VCOL_UNKNOWN);
    for (uint32_t c = b->nt->fields[field].first_child; c != NT_NONE && !b->nomem; c = b->nt->fields[c].next) {
        at = *above;
        at.path = PRINTF(b, "%s.%d", path, ++alternative);
        if (alternative > INT8_MAX)
            set_note(&at, VCOL_UNSUPPORTED, "it has too many alternatives");
        else
            enter_alternative(b, from, alternative, &at);
        visit(b, c, &at);
    }
}

static void visit_plain(builder *b, uint32_t field, uint32_t from, place *at)
{
    const nt_field *f = &b->nt->fields[field];
    if (f->flags & NT_FIELD_REPETITIVE)
        enter_array(f, at);
    if (begins(f->type, "ROOT::RNTupleCardinality<") && b->nt->fields[from].n_series)
        put_cardinality(b, field, from, at);
    else if (b->nt->fields[from].n_series == 2)
        put_string(b, field, from, at);
    else if (b->nt->fields[from].n_series == 1)
        put_values(b, field, from, at, type_of(f->type));
    else if (f->first_child != NT_NONE)
        visit_children(b, field, at);
    else if (at->note)
        add_column(b, field, at);
    else {
        set_note(at, VCOL_UNSUPPORTED, "it has no column");
        add_column(b, field, at);
    }
}

static const char *path_of(builder *b, uint32_t field, const place *above)
{
    const nt_field *f = &b->nt->fields[field];
    const char *name = f->own_name ? f->own_name : f->name.s;
    if (vcol__field_hidden(b->nt, field))
        return above->path;
    return above->path ? PRINTF(b, "%s.%s", above->path, name) : name;
}

static void visit(builder *b, uint32_t field, const place *above)
{
    const nt_field *f = &b->nt->fields[field];
    place at = *above;
    uint32_t from = source_of(b, field, &at);
    at.path = path_of(b, field, above);
    if (++at.depth > NT_MAX_FIELD_DEPTH) {
        set_note(&at, VCOL_UNSUPPORTED, "its fields are nested too deep");
        add_column(b, field, &at);
        return;
    }
    switch (f->role) {
    case NT_PLAIN:
        visit_plain(b, field, from, &at);
        return;
    case NT_COLLECTION:
        if (!at.levels)
            at.collection = b->collections[from];
        if (begins(f->type, "std::optional<") || begins(f->type, "std::unique_ptr<"))
            enter_optional(b, from, &at);
        else
            enter_list(b, from, &at);
        if (f->first_child == NT_NONE)
            put_nothing(b, field, &at, VCOL_EMPTY);
        visit_children(b, field, &at);
        return;
    case NT_RECORD:
        visit_record(b, field, &at);
        return;
    case NT_VARIANT:
        visit_variant(b, field, from, &at);
        return;
    case NT_STREAMER:
        set_note(&at, VCOL_UNSUPPORTED, PRINTF(b, "objects of class '%.120s', stored by its streamer", f->type.s));
        break;
    default:
        set_note(&at, VCOL_UNSUPPORTED, PRINTF(b, "a field of role %u is not known here", f->role));
        break;
    }
    add_column(b, field, &at);
}

/* Names for what is counted together: after the field that tells how many, nJet; else after the collection's own. */
static void name_collections(builder *b)
{
    const root_ntuple *nt = b->nt;
    for (uint32_t i = 0; i < nt->n_fields; i++) {
        const nt_field *f = &nt->fields[i];
        uint32_t child = f->first_child;
        if (f->role == NT_COLLECTION && f->parent == NT_NONE && f->source == NT_NONE && !b->collections[i] &&
            child != NT_NONE && (child != f->last_child || nt->fields[child].role == NT_RECORD))
            b->collections[i] = f->name.s;
        if (f->role == NT_PLAIN && f->parent == NT_NONE && f->source < nt->n_fields &&
            begins(f->type, "ROOT::RNTupleCardinality<"))
            b->collections[f->source] = f->name.n > 1 && f->name.s[0] == 'n' ? f->name.s + 1 : f->name.s;
    }
}

/* Series that no column reads: only verified. */
static void add_raw(builder *b)
{
    root_ntuple *nt = b->nt;
    for (uint32_t s = 0; s < nt->n_series && !b->nomem; s++) {
        vcol_group g = {.kind = VCOL_GROUP_BLOCKS, .flags = VCOL_GROUP_ITEMS, .depends = -1, .rows_of = -1, .multiple = 1};
        vcol_leaf none = {0};
        if (nt->series[s].used)
            continue;
        g.rows = nt->series[s].rows;
        g.stored = nt->series[s].stored;
        g.unpacked = nt->series[s].unpacked;
        g.name = PRINTF(b, "field '%s'", nt->fields[nt->series[s].field].name.s);
        add_group(b, g, (nt_group){.kind = NT_RAW, .series = s, .counted = NT_NONE}, &none, 0);
    }
}

/* Whether the pages that columns are read from can be of so many entries: a bit each, packed as well as can be. */
static int plausible(const root_ntuple *nt)
{
    enum { FEW = 1 << 30 };
    uint64_t entries = (uint64_t)nt->clusters[nt->n_clusters];
    for (uint32_t s = 0; s < nt->n_series && entries > FEW; s++)
        if (nt->series[s].used && nt->series[s].stored >= entries / NT_MAX_RATIO / 8)
            return 1;
    return entries <= FEW;
}

vcol_status vcol__fields_schema(root_ntuple *nt, vcol_error *err)
{
    builder b = {.nt = nt};
    place top = {.rows_of = -1, .multiple = 1};
    vcol_schema *schema = &nt->schema;
    b.collections = vcol__arena_new(&nt->memory, nt->n_fields, sizeof *b.collections);
    b.nomem = !b.collections;
    if (!b.nomem)
        name_collections(&b);
    for (uint32_t f = nt->first_field; f != NT_NONE && !b.nomem; f = nt->fields[f].next)
        visit(&b, f, &top);
    add_raw(&b);
    if (b.nomem)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for its columns");
    if (!plausible(nt))
        return vcol_error_format(err, VCOL_CORRUPT, "has %lld entries, which cannot be in its pages",
                                 (long long)nt->clusters[nt->n_clusters]);
    schema->entries = nt->clusters[nt->n_clusters];
    schema->columns = b.columns;
    schema->n_columns = b.n_columns;
    schema->groups = b.groups;
    schema->n_groups = b.n_groups;
    schema->clusters = nt->clusters;
    schema->n_clusters = nt->n_clusters;
    nt->groups = b.bindings;
    return VCOL_OK;
}
