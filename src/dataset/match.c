/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Friends with an index: entry i of the table belongs to the entry of the friend that has the same numbers, wherever it is.
 *
 *     the table's numbers ──▶ places: the friend's entry for each of the chunk's, or -1     (a buffer)
 *                               │
 *                               ▼
 *     the friend's buffers over [first place, last place]  ──▶  its arrays in the chunk's order  (gather.c, a buffer each)
 *
 * Which of the friend's entries a chunk needs is known when its numbers have been read: so the buffers over that range are made
 * inside of the first load that needs one. They are the friend's own groups, and have its blocks, stages and statistics; only the
 * rows are others, and the pass that carries blocks goes over these. Where the friend is in the table's order, each of its blocks
 * is unpacked once; where it is not, a chunk may need them all.
 *
 * FORMAT root/TTreeIndex GetEntryNumberFriend: numbers are evaluated for the table's entry and looked up in the friend's index;
 * where the table has no such columns, entry i belongs to entry i. source: root-project/root tree/treeplayer/src/TTreeIndex.cxx
 */
#include "dataset/match.h"

#include "core/load.h"
#include "core/meter.h"
#include "dataset/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vcol__matched {
    _Atomic int64_t refs;
    vcol__match *match;
    int32_t n_groups; /* the match's: a pin, or a load that was taken back, may let go of this when the file is closed */
    vcol__infile *table;
    vcol__meter *meter; /* the chunk's, referenced, or NULL */
    uint64_t time;      /* of the evictor, for the friend's buffers */
    int64_t first, count; /* the chunk's rows of the file */
    vcol_buffer *places; /* referenced */
    vcol__lock lock;     /* LEVEL_CHUNK */
    /* lock */
    bool found; /* low and high are known: not changed any more */
    bool entered, closed;
    int64_t low, high; /* of the friend's entries */
    _Atomic(vcol_buffer *) *units;   /* by the friend's group: over [low, high) */
    _Atomic(vcol_buffer *) *offsets; /* likewise: leaf 0, offsets, in the chunk's order: columns share them */
};

/* ---- places ------------------------------------------------------------------------------------------------ */

typedef struct places {
    vcol_buffer base;
    const vcol__match *match;
    vcol_buffer *number[2]; /* referenced, or NULL */
    bool strict;            /* an entry that is not found is an error */
} places;

static int64_t number_at(const vcol__number *x, const vcol_buffer *b, int64_t i)
{
    return b ? vcol__index_number(x->type, b->leaf[x->values.leaf].data, i) : 0;
}

static vcol_status not_found(const places *p, int64_t i, const int64_t number[2], vcol_error *err)
{
    const vcol__match *m = p->match;
    const char *minor = vcol_index_minor(m->index);
    char more[160] = "";
    if (p->number[1])
        snprintf(more, sizeof more, " and %.80s %lld", minor, (long long)number[1]);
    return vcol_error_format(err, VCOL_NOT_FOUND, "friend '%.60s' (%.120s) has no entry with %.80s %lld%s, as entry %lld has", m->name,
                             m->where, vcol_index_major(m->index), (long long)number[0], more, (long long)(m->pass.origin + p->base.first + i));
}

static vcol_status find_all(const places *p, int64_t *out, vcol_error *err)
{
    const vcol__match *m = p->match;
    int64_t n = m->have - p->base.first, before[2] = {0}, place = -1;
    n = n < 0 ? 0 : n < p->base.entries ? n : p->base.entries;
    for (int64_t i = 0; i < n; i++) {
        int64_t number[2] = {number_at(&m->number[0], p->number[0], i), number_at(&m->number[1], p->number[1], i)};
        if (i == 0 || number[0] != before[0] || number[1] != before[1])
            place = vcol__index_place(m->index, number[0], number[1]);
        if (place < 0 && p->strict)
            return not_found(p, i, number, err);
        if (place >= m->entries)
            return vcol_error_format(err, VCOL_CORRUPT, "friend '%.60s' (%.120s): its index says entry %lld, it has %lld", m->name,
                                     m->where, (long long)place, (long long)m->entries);
        out[i] = place;
        memcpy(before, number, sizeof before);
    }
    for (int64_t i = n; i < p->base.entries; i++)
        out[i] = -1;
    return VCOL_OK;
}

static vcol_status load_places(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    places *p = (places *)b;
    size_t size = (size_t)b->entries * sizeof(int64_t);
    int pinned = 0;
    vcol_status status = VCOL_OK;
    for (; pinned < 2 && status == VCOL_OK; pinned++)
        if (p->number[pinned])
            status = vcol__buffer_pin(p->number[pinned], err);
    if (status != VCOL_OK)
        pinned--;
    if (status == VCOL_OK)
        status = vcol__load_reserve(load, vcol__memory_capacity(size), false, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(b->manager, &load->grant, size, &b->leaf[0], err);
    if (status == VCOL_OK) {
        b->count[0] = b->entries;
        status = find_all(p, b->leaf[0].data, err);
    }
    while (pinned-- > 0)
        if (p->number[pinned])
            vcol__buffer_unpin(p->number[pinned]);
    return status;
}

static void destroy_places(vcol_buffer *b)
{
    places *p = (places *)b;
    vcol_manager *m = b->manager;
    vcol_buffer_release(p->number[0]);
    vcol_buffer_release(p->number[1]);
    vcol__memory_delete(m, p, sizeof *p);
}

static const vcol__buffer_ops places_ops = {.load = load_places, .destroy = destroy_places};

static vcol_status create_places(vcol_chunk *c, const vcol__matched *x, vcol_buffer **out, vcol_error *err)
{
    const vcol__match *m = x->match;
    vcol_buffer *number[2] = {NULL, NULL};
    vcol_status status = VCOL_OK;
    for (int k = 0; k < 2 && status == VCOL_OK; k++)
        if (m->number[k].values.group >= 0)
            status = vcol__chunk_unit(c, m->number[k].values.group, &number[k], err);
    if (status != VCOL_OK)
        return status;
    places *p = vcol__memory_new(c->dataset->manager, sizeof *p);
    if (!p)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for the entries of friend '%.80s'", m->name);
    vcol__matched_init(x, &p->base, &places_ops, m->name);
    p->match = m;
    p->strict = !(c->dataset->flags & VCOL_DATASET_UNMATCHED_NULL);
    for (int k = 0; k < 2; k++) {
        p->number[k] = number[k];
        if (number[k])
            vcol_buffer_acquire(number[k]);
    }
    *out = &p->base;
    return VCOL_OK;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

void vcol__matched_init(const vcol__matched *x, vcol_buffer *b, const vcol__buffer_ops *ops, const char *name)
{
    vcol__buffer_init(b, x->table->binding.manager, ops, name);
    b->evictable.users = &x->table->binding.in_flight; /* its name is the schema's */
    b->first = x->first;
    b->entries = x->count;
}

vcol__match *vcol__match_of(const vcol__infile *t, const vcol_schema_column *s)
{
    for (int32_t k = 0; k < t->n_matches && s->status == VCOL_OK; k++) {
        vcol__match *m = &t->matches[k];
        if (s->values.group >= m->first_group && s->values.group - m->first_group < m->n_groups)
            return m;
    }
    return NULL;
}

void vcol__matches_close(vcol__infile *t)
{
    for (int32_t k = 0; k < t->n_matches; k++) {
        vcol__pass_destroy(&t->matches[k].pass);
        vcol_index_close(t->matches[k].index);
    }
    free(t->matches);
    t->matches = NULL;
    t->n_matches = 0;
}

/* Drops what its buffers hold, and lets go of the offsets, which have it as long as it has them. */
static void drop_buffers(vcol__matched *x)
{
    for (int32_t g = 0; g < x->match->n_groups; g++) {
        vcol_buffer *unit = atomic_load(&x->units[g]), *offsets = atomic_exchange(&x->offsets[g], NULL);
        if (unit)
            vcol__buffer_clear(unit);
        if (offsets) {
            vcol__buffer_clear(offsets);
            vcol_buffer_release(offsets);
        }
    }
}

/* The friend's buffers: those who load from them have none of their own to keep them. */
static void release_units(vcol__matched *x)
{
    for (int32_t g = 0; g < x->n_groups; g++) {
        vcol_buffer *unit = atomic_load(&x->units[g]);
        if (!unit)
            continue;
        vcol__buffer_clear(unit);
        vcol_buffer_release(unit);
    }
}

vcol__matched *vcol__matched_ref(vcol__matched *x)
{
    atomic_fetch_add(&x->refs, 1);
    return x;
}

void vcol__matched_unref(vcol__matched *x)
{
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    if (x->units)
        release_units(x);
    if (x->places) {
        vcol__buffer_clear(x->places);
        vcol_buffer_release(x->places);
    }
    vcol__meter_release(x->meter);
    vcol__lock_destroy(&x->lock);
    free(x->units);
    free(x->offsets);
    free(x);
}

vcol_status vcol__matched_of(vcol_chunk *c, vcol__match *m, vcol__matched **out, vcol_error *err)
{
    _Atomic(vcol__matched *) *slot = &c->matched[m - c->table->matches];
    vcol__matched *x = atomic_load_explicit(slot, memory_order_acquire), *none = NULL;
    *out = x;
    if (x)
        return VCOL_OK;
    x = calloc(1, sizeof *x);
    if (!x)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for friend '%.80s'", m->name);
    atomic_init(&x->refs, 1);
    vcol__lock_init(&x->lock, LEVEL_CHUNK);
    x->match = m;
    x->n_groups = m->n_groups;
    x->table = c->table;
    x->first = c->row;
    x->count = c->count;
    x->time = vcol__chunk_time(c, 0);
    x->units = calloc((size_t)m->n_groups + 1, sizeof *x->units);
    x->offsets = calloc((size_t)m->n_groups + 1, sizeof *x->offsets);
    vcol_status status = x->units && x->offsets ? create_places(c, x, &x->places, err)
                                                : vcol_error_format(err, VCOL_NOMEM, "no memory for friend '%.80s'", m->name);
    if (status == VCOL_OK && c->meter) {
        atomic_fetch_add(&c->meter->refs, 1);
        x->meter = c->meter;
        vcol__meter_attach(x->meter, x->places);
    }
    if (status != VCOL_OK) {
        vcol__matched_unref(x);
        return status;
    }
    if (!atomic_compare_exchange_strong(slot, &none, x)) {
        vcol__matched_unref(x); /* another thread was faster */
        x = none;
    }
    *out = x;
    return VCOL_OK;
}

void vcol__matched_inputs(const vcol__matched *x, vcol_buffer *numbers[2], vcol_buffer **places_out)
{
    const places *p = (const places *)x->places;
    numbers[0] = p->number[0];
    numbers[1] = p->number[1];
    *places_out = x->places;
}

void vcol__matched_close(vcol__matched *x)
{
    vcol__lock_take(&x->lock);
    bool leave = x->entered;
    x->closed = true;
    x->entered = false;
    vcol__lock_drop(&x->lock);
    for (int32_t g = 0; g < x->match->n_groups; g++) {
        vcol_buffer *unit = atomic_load(&x->units[g]);
        if (unit && x->table->schema->groups[unit->group].kind == VCOL_GROUP_COUNTS)
            vcol__pass_take_back(&x->match->pass, unit);
    }
    drop_buffers(x);
    if (leave)
        vcol__pass_leave(&x->match->pass, x->low, x->high);
    vcol__buffer_clear(x->places);
    vcol__matched_unref(x);
}

/* ---- the friend's buffers ------------------------------------------------------------------------------------ */

const char *vcol__matched_where(const vcol__matched *x)
{
    return x->table->where;
}

const char *vcol__matched_group_name(const vcol__matched *x, int32_t group)
{
    return group >= 0 ? x->table->schema->groups[group].name : x->match->name;
}

vcol_manager *vcol__matched_manager(const vcol__matched *x)
{
    return x->table->binding.manager;
}

/* The range of the friend's entries that belong to the chunk's, from the places; the same every time. */
static void find_range(vcol__matched *x, const int64_t *at, int64_t n)
{
    int64_t low = INT64_MAX, high = 0;
    vcol__lock_take(&x->lock);
    bool found = x->found;
    vcol__lock_drop(&x->lock);
    if (found)
        return;
    for (int64_t i = 0; i < n; i++) {
        if (at[i] < 0)
            continue;
        low = at[i] < low ? at[i] : low;
        high = at[i] >= high ? at[i] + 1 : high;
    }
    low = low < high ? low : high;
    bool any = low < high;
    if (any)
        vcol__pass_enter(&x->match->pass, low);
    vcol__lock_take(&x->lock);
    bool first = !x->found;
    bool stays = first && any && !x->closed;
    if (stays)
        x->entered = true;
    if (first) {
        x->low = low;
        x->high = high;
        x->found = true;
    }
    vcol__lock_drop(&x->lock);
    if (any && !stays) /* another thread was faster, or the chunk is closed */
        vcol__pass_leave(&x->match->pass, low, low);
}

vcol_status vcol__matched_pin(vcol__matched *x, const int64_t **at, int64_t *n, int64_t *first, vcol_error *err)
{
    vcol_status status = vcol__buffer_pin(x->places, err);
    if (status != VCOL_OK)
        return status;
    *at = x->places->leaf[0].data;
    *n = x->count;
    find_range(x, *at, *n);
    *first = x->low; /* const since it is found */
    return VCOL_OK;
}

void vcol__matched_unpin(vcol__matched *x)
{
    vcol__buffer_unpin(x->places);
}

/* The buffer of a group over the range, made if need be; borrowed. */
static vcol_status unit_of(vcol__matched *x, int32_t group, vcol_buffer **out, vcol_error *err)
{
    const vcol_group *g = &x->table->schema->groups[group];
    _Atomic(vcol_buffer *) *slot = &x->units[group - x->match->first_group];
    vcol_buffer *unit = atomic_load_explicit(slot, memory_order_acquire), *dep = NULL, *source = NULL, *none = NULL;
    vcol__pass *pass = &x->match->pass;
    int32_t depends = vcol__group_dep(g), from = vcol__group_source(g);
    vcol_status status = VCOL_OK;
    *out = unit;
    if (unit)
        return VCOL_OK;
    if (g->entries < x->high)
        return vcol_error_format(err, VCOL_RANGE, "%.120s: %.120s ends at entry %lld, its index says entry %lld", x->table->where,
                                 g->name, (long long)g->entries, (long long)x->high - 1);
    if (depends >= 0)
        status = unit_of(x, depends, &dep, err);
    if (status == VCOL_OK && from >= 0)
        status = unit_of(x, from, &source, err);
    if (status == VCOL_OK)
        status = vcol__unit_create(&x->table->binding, pass, group, x->low, x->high - x->low, dep, source, &unit, err);
    if (status != VCOL_OK)
        return status;
    vcol__meter_attach(x->meter, unit);
    atomic_store_explicit(&unit->evictable.next_use, x->time, memory_order_relaxed); /* nobody has it yet */
    if (!atomic_compare_exchange_strong(slot, &none, unit)) {
        vcol_buffer_release(unit); /* another thread was faster */
        unit = none;
    } else if (g->kind == VCOL_GROUP_COUNTS) {
        vcol__pass_lend(pass, unit);
    }
    *out = unit;
    return VCOL_OK;
}

vcol_status vcol__matched_pin_unit(vcol__matched *x, int32_t group, vcol_buffer **out, vcol_error *err)
{
    vcol_status status = unit_of(x, group, out, err);
    if (status == VCOL_OK)
        status = vcol__buffer_pin(*out, err);
    return status;
}

/* Whether others than one column may need it again: offsets, what they are counted from, what several columns read. */
static bool has_other_uses(const vcol__matched *x, int32_t group)
{
    const vcol_schema *s = x->table->schema;
    const vcol__users *users = x->table->users;
    const vcol_group *g = &s->groups[group];
    if (users->first[group + 1] - users->first[group] > 1 || (g->n_leaves > 0 && g->leaves[0].role == VCOL_LEAF_OFFSETS))
        return true;
    for (int32_t k = x->match->first_group; k < x->match->first_group + x->match->n_groups; k++)
        if (vcol__group_dep(&s->groups[k]) == group || vcol__group_source(&s->groups[k]) == group)
            return true;
    return false;
}

void vcol__matched_unpin_unit(vcol__matched *x, vcol_buffer *unit)
{
    vcol__buffer_unpin(unit);
    if (!has_other_uses(x, unit->group))
        vcol__buffer_clear(unit);
}

void vcol__matched_clear(vcol__matched *x, const vcol_schema_column *s)
{
    vcol_buffer *unit = atomic_load_explicit(&x->units[s->values.group - x->match->first_group], memory_order_acquire);
    if (unit && !has_other_uses(x, unit->group))
        vcol__buffer_clear(unit);
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* The offsets below the first n levels of a column: leaf 0 of a group's is made once for all columns. Acquired. */
static vcol_status offsets_of(vcol__matched *x, const vcol_schema_column *s, int32_t n, vcol_buffer **out, vcol_error *err)
{
    vcol_leaf_ref ref = s->level[n].ref;
    _Atomic(vcol_buffer *) *slot = &x->offsets[ref.group - x->match->first_group];
    vcol_buffer *b = ref.leaf == 0 ? atomic_load_explicit(slot, memory_order_acquire) : NULL, *none = NULL;
    if (!b) {
        vcol_status status = vcol__gather_create(x, VCOL__GATHER_OFFSETS, s, n, ref, &b, err);
        if (status != VCOL_OK)
            return status;
        vcol__meter_attach(x->meter, b);
        if (ref.leaf != 0) {
            *out = b;
            return VCOL_OK;
        }
        if (!atomic_compare_exchange_strong(slot, &none, b)) {
            vcol_buffer_release(b);
            b = none;
        }
    }
    vcol_buffer_acquire(b);
    *out = b;
    return VCOL_OK;
}

vcol_status vcol__matched_validity(vcol__matched *x, vcol_buffer **out, vcol_error *err)
{
    return vcol__gather_create(x, VCOL__GATHER_FOUND, NULL, 0, (vcol_leaf_ref){-1, 0}, out, err);
}

vcol_status vcol__matched_column(vcol__matched *x, const vcol_schema_column *s, vcol__chunk_column *column, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < s->levels && status == VCOL_OK; l++) {
        int32_t at = column->levels++;
        vcol_level_kind kind = column->level[at].kind = s->level[l].kind;
        column->level[at].size = s->level[l].size;
        if (kind == VCOL_LEVEL_LIST)
            status = offsets_of(x, s, l, &column->level[at].buffer, err);
        else if (kind != VCOL_LEVEL_FIXED)
            status = vcol__gather_create(x, kind == VCOL_LEVEL_UNION ? VCOL__GATHER_PICKS : VCOL__GATHER_VALIDITY, s, l,
                                         s->level[l].ref, &column->level[at].buffer, err);
    }
    if (status == VCOL_OK)
        status = vcol__gather_create(x, VCOL__GATHER_VALUES, s, s->levels, s->values, &column->values, err);
    return status;
}
