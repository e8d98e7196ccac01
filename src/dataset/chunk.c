/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks: vcol/chunk.h, but for the getters (getters.c) and clear (clear.c).
 *
 * A chunk has two arrays of pointers, one a group of the file (its buffer over the chunk's rows), one a column of the
 * data set (which buffers it is made of); both are filled when something is touched, by compare and swap, so that threads need
 * no lock to find what is there. A lease of a column is one pin on each of its buffers.
 */
#include "dataset/match.h"

#include "array/derive.h"
#include "core/meter.h"

#include <stdlib.h>
#include <string.h>

/* ---- open and close ----------------------------------------------------------------------------- */

vcol_status vcol__chunk_open(vcol_dataset *d, int64_t first, int64_t count, vcol_chunk **out, vcol_error *err)
{
    int64_t end, f = vcol__dataset_file_of(d, first);
    vcol__infile *t = f >= 0 ? &d->files[f] : NULL;
    if (!t || count < 0 || __builtin_add_overflow(first, count, &end) || end > t->first + t->entries)
        return vcol_error_format(err, VCOL_RANGE, "%.200s: entries [%lld, %lld) are not in one file",
                                 t ? t->where : d->files[0].where, (long long)first, (long long)first + (long long)count);
    vcol_chunk *c = calloc(1, sizeof *c);
    if (c) {
        c->units = calloc((size_t)t->schema->n_groups + 1, sizeof *c->units);
        c->columns = calloc((size_t)d->n_columns + 1, sizeof *c->columns);
        c->leased_units = calloc((size_t)t->schema->n_groups + 1, sizeof *c->leased_units);
        if (t->n_matches)
            c->matched = calloc((size_t)t->n_matches, sizeof *c->matched);
    }
    if (!c || !c->units || !c->columns || !c->leased_units || (t->n_matches && !c->matched)) {
        if (c) {
            free(c->matched);
            free(c->units);
            free(c->leased_units);
            free(c->columns);
        }
        free(c);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a chunk");
    }
    c->dataset = d;
    c->table = t;
    c->first = first;
    c->count = count;
    c->row = first - t->first;
    vcol__lock_init(&c->lock, LEVEL_CHUNK);
    vcol__steps_init(&c->steps);
    vcol__pass_enter(&t->pass, c->row);
    *out = c;
    return VCOL_OK;
}

uint64_t vcol__chunk_step_time(const vcol_chunk *c, int64_t place)
{
    const int64_t most = ((int64_t)1 << VCOL__PLACE_BITS) - 1;
    return ((uint64_t)(c->first + 1) << VCOL__PLACE_BITS) + (uint64_t)(place < most ? place : most);
}

uint64_t vcol__chunk_time(const vcol_chunk *c, int64_t place)
{
    return c->in_order ? vcol__chunk_step_time(c, place) : VCOL__NEXT_UNKNOWN;
}

void vcol__chunk_begins(const vcol_chunk *c)
{
    vcol__evict_now(c->dataset->manager, vcol__chunk_step_time(c, 0) - 1);
}

vcol_status vcol_chunk_open(vcol_dataset *d, int64_t first, int64_t count, vcol_chunk **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_open: a data set and a place are needed");
    return vcol__chunk_open(d, first, count, out, err);
}

static void free_column(vcol__chunk_column *c)
{
    vcol__buffer_clear(c->values);
    vcol_buffer_release(c->values);
    for (int32_t l = 0; l < c->levels; l++) {
        if (c->level[l].buffer) {
            vcol__buffer_clear(c->level[l].buffer);
            vcol_buffer_release(c->level[l].buffer);
        }
    }
    free(c);
}

void vcol_chunk_close(vcol_chunk *c)
{
    if (!c)
        return;
    vcol_dataset *d = c->dataset;
    vcol__steps_end(c);
    for (int64_t i = 0; i < c->n_scopes; i++) {
        vcol__scope_stop(c->scopes[i]);
        vcol__scope_on_end(c->scopes[i], NULL, NULL);
    }
    free(c->scopes);
    for (int64_t id = 0; id < d->n_columns; id++) {
        vcol__chunk_column *column = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        if (column) {
            vcol__column_end_lease(column);
            free_column(column);
        }
    }
    vcol__defined *next;
    for (vcol__defined *x = atomic_load(&c->defined); x; x = next) {
        next = x->next;
        vcol__chunk_column *column = atomic_load(&x->column);
        if (column) {
            vcol__column_end_lease(column);
            free_column(column);
        }
        vcol__defined_free(x);
    }
    for (int32_t k = 0; k < c->table->n_matches; k++) {
        vcol__matched *x = atomic_load_explicit(&c->matched[k], memory_order_acquire);
        if (x)
            vcol__matched_close(x);
    }
    for (int64_t g = 0; g < c->table->schema->n_groups; g++) {
        vcol_buffer *unit = atomic_load_explicit(&c->units[g], memory_order_acquire);
        if (unit) {
            vcol__unit_end_lease(c, unit);
            if (c->table->schema->groups[g].kind == VCOL_GROUP_COUNTS)
                vcol__pass_take_back(&c->table->pass, unit);
            vcol__buffer_clear(unit);
            vcol_buffer_release(unit);
        }
    }
    vcol__pass_leave(&c->table->pass, c->row, c->row + c->count);
    vcol__steps_destroy(&c->steps);
    vcol__lock_destroy(&c->lock);
    vcol__meter_release(c->meter);
    free(c->units);
    free(c->leased_units);
    free(c->columns);
    free(c->matched);
    free(c);
}

int64_t vcol_chunk_first(const vcol_chunk *c)
{
    return c->first;
}

int64_t vcol_chunk_entries(const vcol_chunk *c)
{
    return c->count;
}

vcol_dataset *vcol_chunk_dataset(const vcol_chunk *c)
{
    return c->dataset;
}

/* ---- which buffers a column is made of -------------------------------------------------------------- */

/* Rows that a group has among the chunk's. */
static int64_t rows_of(const vcol_chunk *c, int32_t group)
{
    int64_t have = c->table->schema->groups[group].entries - c->row;
    return have < 0 ? 0 : have < c->count ? have : c->count;
}

/* A group has fewer rows of the chunk than what needs it. */
static vcol_status ends_early(const vcol_chunk *c, int32_t group, vcol_error *err)
{
    const vcol_group *g = &c->table->schema->groups[group];
    return vcol_error_format(err, VCOL_CORRUPT, "%s: %s ends at entry %lld, before the columns that need it", c->table->where,
                             g->name, (long long)(c->table->first + g->entries));
}

vcol_status vcol__chunk_unit(vcol_chunk *c, int32_t group, vcol_buffer **out, vcol_error *err)
{
    vcol_buffer *unit = atomic_load_explicit(&c->units[group], memory_order_acquire), *dep = NULL, *source = NULL, *none = NULL;
    *out = unit;
    if (unit)
        return VCOL_OK;
    const vcol_group *g = &c->table->schema->groups[group];
    int32_t depends = vcol__group_dep(g), from = vcol__group_source(g);
    if (depends >= 0 && rows_of(c, depends) < rows_of(c, group))
        return ends_early(c, depends, err);
    if (from >= 0 && rows_of(c, from) < rows_of(c, group))
        return ends_early(c, from, err);
    vcol_status status = depends >= 0 ? vcol__chunk_unit(c, depends, &dep, err) : VCOL_OK;
    if (status == VCOL_OK && from >= 0)
        status = vcol__chunk_unit(c, from, &source, err);
    if (status == VCOL_OK)
        status = vcol__unit_create(&c->table->binding, &c->table->pass, group, c->row, rows_of(c, group), dep, source, &unit, err);
    if (status != VCOL_OK)
        return status;
    vcol__meter_attach(c->meter, unit);
    atomic_store_explicit(&unit->evictable.next_use, vcol__chunk_time(c, 0), memory_order_relaxed); /* nobody has it yet */
    if (!atomic_compare_exchange_strong(&c->units[group], &none, unit)) {
        vcol_buffer_release(unit); /* another thread was faster */
        unit = none;
    } else if (g->kind == VCOL_GROUP_COUNTS) {
        vcol__pass_lend(&c->table->pass, unit);
    }
    *out = unit;
    return VCOL_OK;
}

/* The buffer for one array of a column: the unit's, or one padded with nulls. Referenced. */
static vcol_status array_of(vcol_chunk *c, vcol_leaf_ref ref, bool pad, bool inner, vcol__pad_kind kind, size_t each,
                            vcol_buffer **out, int32_t *leaf, vcol_error *err)
{
    vcol_buffer *unit;
    vcol_status status = vcol__chunk_unit(c, ref.group, &unit, err);
    if (status != VCOL_OK)
        return status;
    *leaf = ref.leaf;
    if (!pad && rows_of(c, ref.group) < c->count) /* a column's arrays may end at different entries */
        return ends_early(c, ref.group, err);
    if (!pad || inner || rows_of(c, ref.group) == c->count) {
        vcol_buffer_acquire(unit);
        *out = unit;
        return VCOL_OK;
    }
    *leaf = 0;
    return vcol__pad_create(c->dataset->manager, c->table->schema->groups[ref.group].name, kind, unit, ref.leaf,
                            rows_of(c, ref.group), c->count, each, out, err);
}

/* The arrays of a column that this file lacks: nulls, empty lists. */
static vcol_status missing(vcol_chunk *c, const vcol__column_def *def, vcol__chunk_column *column, vcol_error *err)
{
    vcol_manager *m = c->dataset->manager;
    const char *name = def->schema->path;
    int64_t items = c->count;
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < def->schema->levels && status == VCOL_OK; l++) {
        int32_t at = column->levels++;
        column->level[at].kind = def->schema->level[l].kind;
        column->level[at].size = def->schema->level[l].size;
        if (column->level[at].kind == VCOL_LEVEL_UNION) {
            status = vcol_error_format(err, VCOL_UNSUPPORTED, "%s: %s: a file lacks this union", c->table->where, name);
        } else if (column->level[at].kind == VCOL_LEVEL_FIXED) {
            if (__builtin_mul_overflow(items, column->level[at].size, &items))
                status = vcol_error_format(err, VCOL_RANGE, "%s: too many items", name);
        } else {
            status = vcol__pad_create(m, name, column->level[at].kind == VCOL_LEVEL_LIST ? VCOL__PAD_OFFSETS : VCOL__PAD_VALIDITY,
                                      NULL, 0, 0, items, 0, &column->level[at].buffer, err);
            if (column->level[at].kind == VCOL_LEVEL_LIST)
                items = 0;
        }
    }
    if (status == VCOL_OK)
        status = vcol__pad_create(m, name, VCOL__PAD_VALUES, NULL, 0, 0, items, vcol_type_width(column->type),
                                  &column->values, err);
    return status;
}

static vcol_status present(vcol_chunk *c, const vcol__column_def *def, const vcol_schema_column *s,
                           vcol__chunk_column *column, vcol_error *err)
{
    bool below_list = false;
    size_t each = vcol_type_width(s->type);
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < s->levels; l++)
        if (s->level[l].kind == VCOL_LEVEL_FIXED)
            each *= (size_t)s->level[l].size;
    for (int32_t l = 0; l < s->levels && status == VCOL_OK; l++) {
        int32_t at = column->levels++;
        column->level[at].kind = s->level[l].kind;
        column->level[at].size = s->level[l].size;
        if (s->level[l].kind == VCOL_LEVEL_FIXED)
            continue;
        bool list = s->level[l].kind == VCOL_LEVEL_LIST || s->level[l].kind == VCOL_LEVEL_UNION;
        status = array_of(c, s->level[l].ref, def->nullable, below_list, list ? VCOL__PAD_OFFSETS : VCOL__PAD_VALIDITY, 0,
                          &column->level[at].buffer, &column->level[at].leaf, err);
        below_list = below_list || list;
    }
    if (status == VCOL_OK)
        status = array_of(c, s->values, def->nullable, below_list, VCOL__PAD_VALUES, each, &column->values,
                          &column->values_leaf, err);
    return status;
}

/* Values of the data set's type, where this file's is a narrower one. */
static vcol_status widened(const vcol_schema_column *s, vcol__chunk_column *column, vcol_error *err)
{
    vcol_buffer *wide = NULL;
    if (s->type == column->type)
        return VCOL_OK;
    vcol_status status = vcol__widen_create(column->values, column->values_leaf, s->type, column->type, &wide, err);
    if (status == VCOL_OK) {
        vcol_buffer_release(column->values);
        column->values = wide;
        column->values_leaf = 0;
    }
    return status;
}

/* The arrays of a friend's column whose entries are found by its index. */
static vcol_status found(vcol_chunk *c, vcol__match *m, const vcol_schema_column *s, vcol__chunk_column *column,
                         vcol_error *err)
{
    vcol__matched *x;
    vcol_status status = vcol__matched_of(c, m, &x, err);
    if (status == VCOL_OK && column->levels) /* the data set's: it may be null */
        status = vcol__matched_validity(x, &column->level[0].buffer, err);
    if (status == VCOL_OK)
        status = vcol__matched_column(x, s, column, err);
    return status;
}

static vcol_status out_of_range(const vcol_chunk *c, const char *path, int64_t entries, vcol_error *err)
{
    return vcol_error_format(err, VCOL_RANGE, "%s: column '%s' ends at entry %lld, before the end of entries [%lld, %lld)",
                             c->table->where, path, (long long)(c->table->first + entries), (long long)c->first,
                             (long long)(c->first + c->count));
}

static vcol_status make_column(vcol_chunk *c, int64_t id, vcol__chunk_column **out, vcol_error *err)
{
    vcol_dataset *d = c->dataset;
    const vcol__column_def *def = &d->columns[id];
    int64_t at = c->table->map ? c->table->map[id] : id;
    const vcol_schema_column *s = at >= 0 ? &c->table->schema->columns[at] : NULL;
    *out = NULL;
    if (def->schema->status != VCOL_OK)
        return vcol_error_format(err, def->schema->status, "%s: column '%s' (%s): %s", d->files[0].where, def->schema->path,
                                 def->schema->type_name, def->schema->note ? def->schema->note : "cannot be read");
    if (s && c->row + c->count > s->entries && !def->nullable)
        return out_of_range(c, s->path, s->entries, err);
    vcol__chunk_column *column = calloc(1, sizeof *column);
    if (!column)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for column '%s'", def->schema->path);
    column->id = id;
    column->type = def->schema->type;
    column->hits = &d->columns[id].hits;
    column->expected = -1;
    vcol_status status = VCOL_OK;
    vcol__match *match = s ? vcol__match_of(c->table, s) : NULL;
    if (def->nullable) {
        int64_t have = s ? s->entries - c->row : 0;
        have = have < 0 ? 0 : have < c->count ? have : c->count;
        column->level[0].kind = VCOL_LEVEL_OPTIONAL;
        column->levels = 1;
        if (have < c->count && !match) /* else no validity: all are there */
            status = vcol__pad_create(d->manager, def->schema->path, VCOL__PAD_VALIDITY, NULL, 0, have, c->count, 0,
                                      &column->level[0].buffer, err);
    }
    if (status == VCOL_OK)
        status = match ? found(c, match, s, column, err) : s ? present(c, def, s, column, err) : missing(c, def, column, err);
    if (status == VCOL_OK && s)
        status = widened(s, column, err);
    if (status != VCOL_OK) {
        vcol_buffer_release(column->values);
        for (int32_t l = 0; l < column->levels; l++)
            vcol_buffer_release(column->level[l].buffer);
        free(column);
        return status;
    }
    *out = column;
    return VCOL_OK;
}

static vcol_status make_defined(const vcol_chunk *c, const vcol__defined *x, vcol__chunk_column **out, vcol_error *err)
{
    vcol__chunk_column *column = calloc(1, sizeof *column);
    *out = column;
    if (!column)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for column '%s'", x->name);
    column->id = x->id;
    column->type = x->type;
    column->values = x->buffer;
    vcol_buffer_acquire(x->buffer);
    column->expected = x->offsets ? -1 : c->count;
    if (x->offsets) {
        column->levels = 1;
        column->level[0].kind = VCOL_LEVEL_LIST;
        column->level[0].buffer = x->offsets;
        column->level[0].leaf = x->offsets_leaf;
        vcol_buffer_acquire(x->offsets);
    }
    return VCOL_OK;
}

vcol__defined *vcol__chunk_defined(vcol_chunk *c, int64_t id)
{
    vcol__defined *x = atomic_load_explicit(&c->defined, memory_order_acquire);
    while (x && x->id != id)
        x = x->next;
    return x;
}

/* Buffers that were made for this column alone: padded, widened. Those of the file's groups are metered by vcol__chunk_unit. */
static void meter_column(vcol_chunk *c, vcol__chunk_column *x)
{
    if (x->values->group < 0)
        vcol__meter_attach(c->meter, x->values);
    for (int32_t l = 0; l < x->levels; l++)
        if (x->level[l].buffer && x->level[l].buffer->group < 0)
            vcol__meter_attach(c->meter, x->level[l].buffer);
}

vcol_status vcol__chunk_column_of(vcol_chunk *c, int64_t id, vcol__chunk_column **out, vcol_error *err)
{
    vcol__defined *x = NULL;
    *out = NULL;
    if (id < 0 || (id >= c->dataset->n_columns && !(x = vcol__chunk_defined(c, id))))
        return vcol_error_format(err, VCOL_RANGE, "%s: no column %lld", c->table->where, (long long)id);
    if (x && atomic_load_explicit(&x->gone, memory_order_relaxed)) /* set by who let it go: a stale look finds nothing to load */
        return vcol_error_format(err, VCOL_NOT_FOUND, "%s: '%s' was put into the chunk and is gone: cleared, or released after "
                                 "its last use", c->table->where, x->name);
    _Atomic(vcol__chunk_column *) *slot = x ? &x->column : &c->columns[id];
    vcol__chunk_column *column = atomic_load_explicit(slot, memory_order_acquire), *none = NULL;
    if (!column) {
        vcol_status status = x ? make_defined(c, x, &column, err) : make_column(c, id, &column, err);
        if (status != VCOL_OK)
            return status;
        if (!x && c->meter)
            meter_column(c, column);
        if (!atomic_compare_exchange_strong(slot, &none, column)) {
            vcol_buffer_release(column->values);
            for (int32_t l = 0; l < column->levels; l++)
                vcol_buffer_release(column->level[l].buffer);
            free(column);
            column = none;
        }
    }
    *out = column;
    return VCOL_OK;
}

/* ---- define ----------------------------------------------------------------------------------------- */

void vcol__defined_free(vcol__defined *x)
{
    if (!x)
        return;
    vcol_buffer_release(x->buffer);
    vcol_buffer_release(x->offsets);
    free(x->events);
    free(x->name);
    free(x);
}

vcol_status vcol__chunk_add(vcol_chunk *c, vcol__defined *x, vcol__defined **replaced, vcol_error *err)
{
    vcol__lock_take(&c->lock);
    bool known = vcol__names_find(c->dataset, x->name, strlen(x->name)) >= 0;
    vcol__defined *old = NULL;
    for (vcol__defined *y = atomic_load(&c->defined); y && !old; y = y->next)
        if (!y->replaced && strcmp(y->name, x->name) == 0)
            old = y;
    known = known || (old && !(old->put && x->put));
    if (!known) {
        if (old)
            old->replaced = true;
        vcol__meter_attach(c->meter, x->buffer);
        x->id = c->dataset->n_columns + c->n_defined++;
        x->next = atomic_load(&c->defined);
        atomic_store_explicit(&c->defined, x, memory_order_release);
    }
    vcol__lock_drop(&c->lock);
    *replaced = known ? NULL : old;
    return known ? vcol_error_format(err, VCOL_MISUSE, "%s: there is a column '%s' already", c->table->where, x->name) : VCOL_OK;
}

vcol_status vcol_chunk_define(vcol_chunk *c, const char *name, const char *like, const vcol_buffer_options *options,
                              vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!c || !name || !*name || !options)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_define: a chunk, a name and options are needed");
    int64_t like_id = -1;
    vcol__chunk_column *lists = NULL;
    vcol__defined *replaced;
    vcol_status status = VCOL_OK;
    if (like) {
        status = vcol__chunk_find(c, like, &like_id, err);
        if (status == VCOL_OK)
            status = vcol__chunk_column_of(c, like_id, &lists, err);
        if (status == VCOL_OK && vcol__column_list(lists) < 0)
            status = vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_define: '%s' is not a list", like);
    }
    vcol__defined *x = status == VCOL_OK ? calloc(1, sizeof *x) : NULL;
    if (status != VCOL_OK)
        return status;
    vcol_buffer_options o = {0};
    memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!o.name)
        o.name = name;
    if (x)
        x->name = vcol__copy_string(name);
    if (!x || !x->name) {
        free(x);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for column '%s'", name);
    }
    if (!like && o.count >= 0 && o.count != c->count)
        status = vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_define: '%s' has %lld values for %lld entries", name,
                                   (long long)o.count, (long long)c->count);
    if (status == VCOL_OK)
        status = vcol_buffer_create(c->dataset->manager, &o, &x->buffer, err);
    if (status == VCOL_OK && lists) {
        int32_t l = vcol__column_list(lists);
        x->offsets = lists->level[l].buffer;
        x->offsets_leaf = lists->level[l].leaf;
        vcol_buffer_acquire(x->offsets);
    }
    if (status == VCOL_OK) {
        x->type = o.type;
        status = vcol__chunk_add(c, x, &replaced, err);
    }
    if (status != VCOL_OK)
        vcol__defined_free(x);
    return status;
}

/* ---- prefetch -------------------------------------------------------------------------------------- */

static void scope_ended(vcol_prefetch *scope, void *opaque)
{
    vcol_chunk *c = opaque;
    vcol__lock_take(&c->lock);
    for (int64_t i = 0; i < c->n_scopes; i++)
        if (c->scopes[i] == scope) {
            c->scopes[i] = c->scopes[--c->n_scopes];
            break;
        }
    vcol__lock_drop(&c->lock);
}

/* A list of buffers, each once, those that others depend on first. */
typedef struct buffer_list {
    vcol_buffer **list;
    int64_t n, capacity;
} buffer_list;

static bool add_buffer(buffer_list *l, vcol_buffer *b)
{
    for (int64_t i = l->n - 1; i >= 0 && i >= l->n - 8; i--)
        if (l->list[i] == b)
            return true; /* near duplicates; the scope finds the others */
    if (!vcol__list_grow(&l->list, l->n, &l->capacity, sizeof *l->list))
        return false;
    l->list[l->n++] = b;
    return true;
}

static bool add_array(vcol_chunk *c, buffer_list *l, vcol_buffer *b)
{
    if (b->group >= 0) {
        const vcol_group *g = &c->table->schema->groups[b->group];
        int32_t on = vcol__group_dep(g), from = vcol__group_source(g);
        vcol_buffer *dep = on >= 0 ? atomic_load(&c->units[on]) : NULL;
        vcol_buffer *source = from >= 0 ? atomic_load(&c->units[from]) : NULL;
        if ((dep && !add_array(c, l, dep)) || (source && !add_array(c, l, source)))
            return false;
    }
    return add_buffer(l, b);
}

/* What a column of a friend with an index is found by comes before it. */
static bool add_found(vcol_chunk *c, buffer_list *l, int64_t id)
{
    int64_t at = id >= c->dataset->n_columns ? -1 : c->table->map ? c->table->map[id] : id;
    const vcol__match *m = at >= 0 && c->matched ? vcol__match_of(c->table, &c->table->schema->columns[at]) : NULL;
    vcol__matched *x = m ? atomic_load_explicit(&c->matched[m - c->table->matches], memory_order_acquire) : NULL;
    vcol_buffer *numbers[2], *places;
    if (!x)
        return true;
    vcol__matched_inputs(x, numbers, &places);
    for (int k = 0; k < 2; k++)
        if (numbers[k] && !add_array(c, l, numbers[k]))
            return false;
    return add_buffer(l, places);
}

vcol_status vcol__chunk_prefetch(vcol_chunk *c, const int64_t *ids, int64_t n, const vcol_prefetch_options *options,
                                 vcol_prefetch **out, vcol_error *err)
{
    buffer_list l = {0};
    vcol_status status = VCOL_OK;
    vcol__chunk_column *x;
    *out = NULL;
    for (int64_t i = 0; i < n && status == VCOL_OK; i++) {
        bool offsets = ids[i] < 0;
        int64_t id = offsets ? ~ids[i] : ids[i];
        if (id < c->dataset->n_columns && c->dataset->columns[id].schema->status != VCOL_OK)
            continue; /* who asks for it is told */
        if (vcol__chunk_column_of(c, id, &x, NULL) != VCOL_OK)
            continue;
        bool ok = add_found(c, &l, id);
        int32_t list = vcol__column_list(x);
        for (int32_t k = 0; k < x->levels && ok; k++)
            if (x->level[k].buffer && (!offsets || k == list))
                ok = add_array(c, &l, x->level[k].buffer);
        if (!ok || (!offsets && !add_array(c, &l, x->values)))
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for a prefetch");
    }
    for (int64_t i = 0; i < l.n && status == VCOL_OK && c->in_order; i++)
        vcol__evict_hint(c->dataset->manager, &l.list[i]->evictable, vcol__chunk_time(c, i));
    if (status == VCOL_OK)
        status = vcol__scope_begin(c->dataset->manager, l.list, l.n, options, out, err);
    if (status == VCOL_OK) {
        vcol__scope_on_end(*out, scope_ended, c);
        vcol__lock_take(&c->lock);
        bool listed = vcol__list_grow(&c->scopes, c->n_scopes, &c->scopes_capacity, sizeof *c->scopes);
        if (listed)
            c->scopes[c->n_scopes++] = *out;
        vcol__lock_drop(&c->lock);
        if (!listed) { /* the chunk's close could not end it */
            vcol_prefetch_end(*out);
            *out = NULL;
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for a prefetch");
        }
    }
    free(l.list);
    return status;
}

typedef struct id_list {
    int64_t *ids, n, capacity;
    bool failed;
} id_list;

static void add_id(int64_t id, void *opaque)
{
    id_list *l = opaque;
    if (!vcol__list_grow(&l->ids, l->n, &l->capacity, sizeof *l->ids))
        l->failed = true;
    else
        l->ids[l->n++] = id;
}

/* Resolves a list of columns of the file, of defined ones and those that were put. */
static vcol_status match(vcol_chunk *c, const char *columns, id_list *l, vcol_error *err)
{
    size_t length;
    for (const char *rest = columns ? columns : "", *token; (token = vcol__names_next(&rest, &length));) {
        int64_t n = vcol__names_match_one(c->dataset, token, length, add_id, l);
        for (vcol__defined *x = atomic_load_explicit(&c->defined, memory_order_acquire); x; x = x->next)
            if (!atomic_load(&x->gone) && vcol__names_fit(token, length, x->name)) {
                add_id(x->id, l);
                n++;
            }
        if (n == 0)
            return vcol__names_unknown(c->dataset, token, length, err);
    }
    return l->failed ? vcol_error_format(err, VCOL_NOMEM, "no memory for a prefetch") : VCOL_OK;
}

vcol_status vcol_prefetch_begin(vcol_chunk *c, const char *columns, const vcol_prefetch_options *options,
                                vcol_prefetch **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!c || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_prefetch_begin: a chunk and a place are needed");
    id_list l = {0};
    vcol_status status = match(c, columns, &l, err);
    if (status == VCOL_OK)
        status = vcol__chunk_prefetch(c, l.ids, l.n, options, out, err);
    free(l.ids);
    return status;
}
