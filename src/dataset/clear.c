/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Letting go of columns: the ends of leases, clear, and what a step's end releases. What several columns share, the offsets
 * of a collection and the counts that they are made of, stays while another column has a use for it, or the loop or the
 * plan says that one will.
 */
#include "dataset/match.h"

#include <stdlib.h>

/* ---- leases --------------------------------------------------------------------------------------- */

void vcol__column_end_lease(vcol__chunk_column *c)
{
    if (!atomic_exchange(&c->leased, VCOL__LEASE_NONE))
        return;
    vcol__buffer_unpin(c->values);
    for (int32_t l = 0; l < c->levels; l++)
        if (c->level[l].buffer)
            vcol__buffer_unpin(c->level[l].buffer);
}

void vcol__unit_end_lease(vcol_chunk *c, vcol_buffer *unit)
{
    if (unit->group >= 0 && atomic_exchange(&c->leased_units[unit->group], 0))
        vcol__buffer_unpin(unit);
}

/* ---- clear ---------------------------------------------------------------------------------------- */

int32_t vcol__column_list(const vcol__chunk_column *x)
{
    for (int32_t l = 0; l < x->levels; l++)
        if (x->level[l].kind == VCOL_LEVEL_LIST)
            return l;
    return -1;
}

/* Whether a column that was defined or put, other than `but`, has these offsets and its values. */
static bool defined_has(vcol_chunk *c, const vcol_buffer *offsets, int64_t but)
{
    for (vcol__defined *x = atomic_load_explicit(&c->defined, memory_order_acquire); x; x = x->next)
        if (x->offsets == offsets && x->id != but && !atomic_load(&x->gone) && vcol__buffer_in_use(x->buffer))
            return true;
    return false;
}

/* Whether the plan, or the loop, will use a column that this chunk has not used yet. */
static bool wanted(vcol_chunk *c, int64_t id, const vcol__chunk_column *x)
{
    if (c->steps.plan)
        return vcol__steps_need(c, id, false);
    return c->wanted && atomic_load_explicit(&c->wanted[id], memory_order_relaxed) && !x;
}

/* Whether the plan will use a column's offsets alone, which the group has. */
static bool offsets_wanted(vcol_chunk *c, int32_t group, int64_t id, const vcol__chunk_column *x)
{
    int32_t list = x ? vcol__column_list(x) : -1;
    bool has = !x || (list >= 0 && x->level[list].buffer->group == group);
    return has && vcol__steps_need(c, id, true);
}

/* Whether a column other than `but` has a use for a group's buffer: is leased, pinned, loading or resident. */
static bool group_has_users(vcol_chunk *c, int32_t group, int64_t but)
{
    const vcol__users *users = c->table->users;
    vcol_buffer *unit = atomic_load_explicit(&c->units[group], memory_order_acquire);
    if (unit && defined_has(c, unit, but))
        return true;
    for (int64_t i = users->first[group]; i < users->first[group + 1]; i++) {
        int64_t id = users->columns[i];
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        if (offsets_wanted(c, group, id, x) || (id != but && wanted(c, id, x)))
            return true;
        if (x && id != but && (atomic_load(&x->leased) || (x->values->group != group && vcol__buffer_in_use(x->values)) ||
                  (x->values->group == group && atomic_load(&x->touched) && vcol__buffer_in_use(x->values))))
            return true;
    }
    return false;
}

/* Drops offsets of a group, and the counts that they were made of. */
static int drop_offsets(vcol_chunk *c, vcol_buffer *b)
{
    const vcol_group *g = &c->table->schema->groups[b->group];
    vcol__unit_end_lease(c, b);
    int dropped = vcol__buffer_clear(b);
    int32_t counts = g->kind == VCOL_GROUP_COUNTS ? g->depends : -1;
    vcol_buffer *source = counts >= 0 ? atomic_load(&c->units[counts]) : NULL;
    if (source && !group_has_users(c, counts, -1))
        vcol__buffer_clear(source);
    return dropped;
}

/* Drops a shared buffer of offsets, and the counts that it was made of, when nobody else uses them. */
static int clear_shared(vcol_chunk *c, vcol_buffer *b, int64_t but, bool by_plan)
{
    if (b->group < 0) /* padded, or put */
        return defined_has(c, b, but) ? 0 : vcol__buffer_clear(b);
    int64_t lease = atomic_load(&c->leased_units[b->group]);
    if (by_plan && vcol__unit_stays(lease))
        return 0;
    /* offsets that the program asked for in the name of one column stay until that one is cleared */
    if (lease && vcol__unit_holder(lease) == but)
        vcol__unit_end_lease(c, b);
    lease = atomic_load(&c->leased_units[b->group]);
    if (group_has_users(c, b->group, but) || (lease && vcol__unit_holder(lease) >= 0))
        return 0;
    return drop_offsets(c, b);
}

/* Drops what the buffers of a group are made of besides what columns name, where no column uses it. */
static void clear_inputs(vcol_chunk *c, int32_t group)
{
    const vcol_group *g = &c->table->schema->groups[group];
    bool hidden = (g->flags & VCOL_GROUP_ITEMS) || g->kind > VCOL_GROUP_COUNTS;
    int32_t inputs[2] = {vcol__group_source(g), hidden ? vcol__group_dep(g) : -1};
    for (int i = 0; i < 2; i++) {
        vcol_buffer *b = inputs[i] >= 0 ? atomic_load_explicit(&c->units[inputs[i]], memory_order_acquire) : NULL;
        if (!b || group_has_users(c, inputs[i], -1) || atomic_load(&c->leased_units[inputs[i]]))
            continue;
        vcol__buffer_clear(b);
        clear_inputs(c, inputs[i]);
    }
}

/* The values of a friend's column that is found by its index. */
static void clear_found(vcol_chunk *c, int64_t at)
{
    const vcol_schema_column *s = at >= 0 ? &c->table->schema->columns[at] : NULL;
    const vcol__match *m = s && c->matched ? vcol__match_of(c->table, s) : NULL;
    vcol__matched *found = m ? atomic_load_explicit(&c->matched[m - c->table->matches], memory_order_acquire) : NULL;
    if (found)
        vcol__matched_clear(found, s);
}

/* Whether the values of a group say how long the lists of other columns are. */
static bool says_lengths(const vcol_chunk *c, int32_t group)
{
    const vcol__users *users = c->table->users;
    const vcol_schema *s = c->table->schema;
    for (int64_t i = users->first[group]; i < users->first[group + 1]; i++) {
        int64_t id = users->columns[i], at = c->table->map ? c->table->map[id] : id;
        const vcol_group *g = &s->groups[s->columns[at].values.group];
        if ((g->flags & VCOL_GROUP_COUNTED) && g->source == group)
            return true;
    }
    return false;
}

static int64_t clear_column(vcol_chunk *c, vcol__chunk_column *x, bool by_plan)
{
    int leased = atomic_load(&x->leased);
    bool own = vcol__buffer_in_use(x->values);
    if (by_plan && leased == VCOL__LEASE_STAYS)
        return 0;
    atomic_store(&x->touched, false);
    vcol__column_end_lease(x);
    int dropped = 0;
    bool counts_others = x->values->group >= 0 && (x->levels == 0 || says_lengths(c, x->values->group)) &&
                         group_has_users(c, x->values->group, x->id);
    /* Counts stay while offsets may still be wanted from them, or lists of such lengths: they are no longer this column's. */
    if (!counts_others)
        dropped = vcol__buffer_clear(x->values);
    if (own && x->values->group < 0) { /* widened or padded: the file's own values go too */
        int64_t at = x->id < c->dataset->n_columns ? (c->table->map ? c->table->map[x->id] : x->id) : -1;
        vcol_buffer *unit = at >= 0 ? atomic_load(&c->units[c->table->schema->columns[at].values.group]) : NULL;
        if (unit)
            vcol__buffer_clear(unit);
        clear_found(c, at);
    }
    if (x->values->group >= 0 && (c->table->schema->groups[x->values->group].flags & VCOL_GROUP_COUNTED))
        clear_inputs(c, x->values->group); /* what says the lengths has offsets of this column: it goes before them */
    for (int32_t l = 0; l < x->levels; l++)
        if (x->level[l].buffer && x->level[l].buffer != x->values)
            dropped |= clear_shared(c, x->level[l].buffer, x->id, by_plan);
    for (int32_t l = 0; l <= x->levels; l++) {
        const vcol_buffer *b = l < x->levels ? x->level[l].buffer : x->values;
        if (b && b->group >= 0)
            clear_inputs(c, b->group);
    }
    return leased || (own && dropped) ? 1 : 0;
}

int64_t vcol__chunk_forget(vcol_chunk *c, vcol__defined *d)
{
    vcol__chunk_column *x = atomic_load_explicit(&d->column, memory_order_acquire);
    bool gone = atomic_exchange(&d->gone, true);
    if (x)
        return clear_column(c, x, false);
    int dropped = vcol__buffer_clear(d->buffer); /* nobody has asked for it */
    if (d->offsets)
        dropped |= clear_shared(c, d->offsets, d->id, false);
    return !gone && dropped ? 1 : 0;
}

int64_t vcol__chunk_release(vcol_chunk *c, vcol__chunk_column *x)
{
    int64_t n = clear_column(c, x, true);
    if (n)
        atomic_store(&x->released, true);
    return n;
}

int64_t vcol__chunk_release_offsets(vcol_chunk *c, vcol__chunk_column *x)
{
    int32_t list = vcol__column_list(x);
    vcol_buffer *b = list >= 0 ? x->level[list].buffer : NULL;
    if (!b || b == x->values || b->group < 0 || vcol__unit_stays(atomic_load(&c->leased_units[b->group])) ||
        group_has_users(c, b->group, -1))
        return 0;
    return drop_offsets(c, b);
}

void vcol__chunk_end_leases(vcol_chunk *c)
{
    for (int64_t id = 0; id < c->dataset->n_columns; id++) {
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        if (x && atomic_load(&x->leased) == VCOL__LEASE_STEP)
            vcol__column_end_lease(x);
    }
    for (vcol__defined *d = atomic_load_explicit(&c->defined, memory_order_acquire); d; d = d->next) {
        vcol__chunk_column *x = atomic_load_explicit(&d->column, memory_order_acquire);
        if (x && atomic_load(&x->leased) == VCOL__LEASE_STEP)
            vcol__column_end_lease(x);
    }
    for (int64_t g = 0; g < c->table->schema->n_groups; g++) {
        vcol_buffer *unit = atomic_load_explicit(&c->units[g], memory_order_acquire);
        if (unit && !vcol__unit_stays(atomic_load(&c->leased_units[g])))
            vcol__unit_end_lease(c, unit);
    }
}

int64_t vcol_chunk_clear_id(vcol_chunk *c, int64_t id)
{
    if (!c || id < 0)
        return 0;
    vcol__defined *d = id >= c->dataset->n_columns ? vcol__chunk_defined(c, id) : NULL;
    if (id >= c->dataset->n_columns && !d)
        return 0;
    if (d && d->put)
        return vcol__chunk_forget(c, d);
    vcol__chunk_column *x = atomic_load_explicit(d ? &d->column : &c->columns[id], memory_order_acquire);
    return x ? clear_column(c, x, false) : 0;
}

static void choose(int64_t id, void *ids)
{
    ((unsigned char *)ids)[id] = 1;
}

/* Whether a token of the list is this name, or a pattern that it fits. */
static bool lists(const char *columns, const char *name)
{
    size_t length;
    for (const char *rest = columns, *token; (token = vcol__names_next(&rest, &length));)
        if (vcol__names_fit(token, length, name))
            return true;
    return false;
}

static int64_t clear_chosen(vcol_chunk *c, const char *columns, bool chosen)
{
    int64_t n = 0, columns_n = c->dataset->n_columns;
    unsigned char *ids = calloc((size_t)columns_n + 1, 1);
    if (!ids)
        return 0;
    vcol__names_match(c->dataset, columns, choose, ids, false, NULL);
    for (int64_t id = 0; id < columns_n; id++)
        if ((ids[id] != 0) == chosen)
            n += vcol_chunk_clear_id(c, id);
    for (vcol__defined *x = atomic_load(&c->defined); x; x = x->next)
        if (!atomic_load(&x->gone) && lists(columns, x->name) == chosen)
            n += vcol_chunk_clear_id(c, x->id);
    free(ids);
    return n;
}

int64_t vcol_chunk_clear(vcol_chunk *c, const char *columns)
{
    if (!c)
        return 0;
    return columns ? clear_chosen(c, columns, true) : clear_chosen(c, "", false);
}

int64_t vcol_chunk_clear_except(vcol_chunk *c, const char *columns)
{
    return c ? clear_chosen(c, columns ? columns : "", false) : 0;
}
