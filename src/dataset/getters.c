/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getters and pins of columns: vcol/chunk.h. A getter takes one lease a column and chunk; a pin is a view's own.
 *
 * A getter pins, looks where the values are, and then makes its pins the column's lease, or drops them if it has one.
 * A lease alone does not allow the look: another thread's clear may end it in between.
 */
#include "dataset/chunk.h"

#include <vcol/run.h>

#include <stdlib.h>
#include <string.h>

/* What a view's pin keeps: each buffer pinned once and referenced, so that it outlives the chunk. */
typedef struct view_pin {
    int n;
    vcol_buffer *buffers[VCOL_MAX_LEVELS + 1];
} view_pin;

static void drop_pins(vcol__chunk_column *x, int32_t levels, bool values)
{
    if (values)
        vcol__buffer_unpin(x->values);
    for (int32_t l = 0; l < levels; l++)
        if (x->level[l].buffer)
            vcol__buffer_unpin(x->level[l].buffer);
}

/*
 * Pins all buffers of a column: values first, so that their input is read with that of the offsets which they need. `first`: it
 * counts as a hit, if it is one.
 */
static vcol_status pin_all(vcol__chunk_column *x, bool first, vcol_error *err)
{
    uint64_t before = atomic_load_explicit(&x->values->word, memory_order_relaxed);
    vcol_status status = vcol__buffer_pin(x->values, err);
    if (status != VCOL_OK)
        return status;
    int32_t l = 0;
    for (; l < x->levels && status == VCOL_OK; l++)
        if (x->level[l].buffer)
            status = vcol__buffer_pin(x->level[l].buffer, err);
    if (status != VCOL_OK)
        drop_pins(x, l - 1, true);
    else if (first && (before & VCOL__STATE_MASK) == VCOL__RESIDENT) {
        VCOL__COUNT(x->values->manager, hits, 1);
        if (x->hits)
            atomic_fetch_add_explicit(x->hits, 1, memory_order_relaxed);
    }
    return status;
}

/* Fills a view from pinned buffers. */
static void look(const vcol_chunk *c, const vcol__chunk_column *x, vcol_view *v)
{
    v->values = x->values->leaf[x->values_leaf].data;
    v->count = x->values->count[x->values_leaf];
    v->entries = c->count;
    v->type = x->type;
    v->levels = x->levels;
    int64_t items = c->count;
    for (int32_t l = 0; l < x->levels; l++) {
        v->level[l].kind = x->level[l].kind;
        v->level[l].count = items;
        v->level[l].size = x->level[l].size;
        v->level[l].offsets = NULL;
        v->level[l].validity = NULL;
        v->level[l].tags = NULL;
        const vcol_buffer *b = x->level[l].buffer;
        if (x->level[l].kind == VCOL_LEVEL_LIST || x->level[l].kind == VCOL_LEVEL_UNION) {
            if (x->level[l].kind == VCOL_LEVEL_UNION)
                v->level[l].tags = b->leaf[x->level[l].leaf + 1].data;
            v->level[l].offsets = b->leaf[x->level[l].leaf].data;
            items = v->level[l].offsets[items];
        } else if (x->level[l].kind == VCOL_LEVEL_FIXED) {
            items *= x->level[l].size;
        } else if (b) {
            v->level[l].validity = b->leaf[x->level[l].leaf].data;
        }
    }
}

/* A defined column has as many values as its shape says. */
static vcol_status check(const vcol_chunk *c, const vcol__chunk_column *x, vcol_error *err)
{
    int64_t have = x->values->count[x->values_leaf], want = x->expected;
    if (x->id < c->dataset->n_columns)
        return VCOL_OK;
    if (want < 0)
        want = ((const int64_t *)x->level[0].buffer->leaf[x->level[0].leaf].data)[c->count];
    return have == want ? VCOL_OK
                        : vcol_error_format(err, VCOL_RANGE, "%s: %lld values were generated, %lld belong to its entries",
                                            x->values->name, (long long)have, (long long)want);
}

/* The first touch in a step, or since a clear. */
static void touch_first(vcol_chunk *c, vcol__chunk_column *x, int32_t open)
{
    bool before = atomic_exchange_explicit(&x->touched, true, memory_order_relaxed);
    int32_t in = atomic_exchange_explicit(&x->touched_in, open, memory_order_relaxed);
    if (!before && x->id < c->dataset->n_columns)
        vcol__dataset_touch(c->dataset, x->id);
    if (!before && c->touched && x->id < c->dataset->n_columns)
        c->touched(x->id, c->opaque);
    if (in != open || !before)
        vcol__steps_touched(c, x, open, in != open);
}

/* relaxed: what two threads tell in a step is told once or twice, and both are the same */
static void touch(vcol_chunk *c, vcol__chunk_column *x)
{
    int32_t open = atomic_load_explicit(&c->steps.open, memory_order_relaxed);
    if (!atomic_load_explicit(&x->touched, memory_order_relaxed) ||
        atomic_load_explicit(&x->touched_in, memory_order_relaxed) != open)
        touch_first(c, x, open);
}

int vcol_chunk_stopped(const vcol_chunk *c)
{
    return atomic_load_explicit(&c->stopped, memory_order_relaxed);
}

static vcol_status go_on(const vcol_chunk *c, vcol_error *err)
{
    return vcol_chunk_stopped(c) ? vcol_error_format(err, VCOL_CANCELLED, "%s: the run has stopped", c->table->where) : VCOL_OK;
}

/* Pins a column and checks it. `first`: see pin_all. */
static vcol_status pin_checked(vcol_chunk *c, vcol__chunk_column *x, bool first, vcol_error *err)
{
    touch(c, x);
    vcol_status status = go_on(c, err);
    if (status == VCOL_OK)
        status = pin_all(x, first, err);
    if (status != VCOL_OK)
        return status;
    status = check(c, x, err);
    if (status != VCOL_OK)
        drop_pins(x, x->levels, true);
    return status;
}

/* Pins a column for a look at it, which lease ends. */
static vcol_status hold(vcol_chunk *c, vcol__chunk_column *x, vcol_error *err)
{
    return pin_checked(c, x, !atomic_load_explicit(&x->leased, memory_order_relaxed), err);
}

/* How long what is leased now stays. */
static int lease_of(const vcol_chunk *c)
{
    return atomic_load_explicit(&c->steps.open, memory_order_relaxed) ? VCOL__LEASE_STEP : VCOL__LEASE_STAYS;
}

/* The pins of hold become the column's lease, if it has none: one is enough. */
static void lease(const vcol_chunk *c, vcol__chunk_column *x)
{
    int none = VCOL__LEASE_NONE;
    if (!atomic_compare_exchange_strong(&x->leased, &none, lease_of(c)))
        drop_pins(x, x->levels, true);
}

/* What both begin with: an empty view, and the column. */
static vcol_status asked(const char *call, vcol_chunk *c, int64_t id, vcol_view *out,
                         vcol__chunk_column **column, vcol_error *err)
{
    if (out)
        memset(out, 0, sizeof *out);
    if (err && err->status)
        return (vcol_status)err->status;
    if (!c || !out)
        return vcol_error_format(err, VCOL_MISUSE, "%s: a chunk and a view are needed", call);
    return vcol__chunk_column_of(c, id, column, err);
}

vcol_status vcol_chunk_get(vcol_chunk *c, int64_t id, vcol_view *out, vcol_error *err)
{
    vcol__chunk_column *x;
    vcol_status status = asked("vcol_chunk_get", c, id, out, &x, err);
    if (status == VCOL_OK)
        status = hold(c, x, err);
    if (status == VCOL_OK) {
        look(c, x, out);
        lease(c, x);
    }
    return status;
}

vcol_status vcol_chunk_pin(vcol_chunk *c, int64_t id, vcol_view *out, vcol_error *err)
{
    vcol__chunk_column *x;
    vcol_status status = asked("vcol_chunk_pin", c, id, out, &x, err);
    if (status != VCOL_OK)
        return status;
    view_pin *pin = calloc(1, sizeof *pin);
    if (!pin)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a pin");
    status = pin_checked(c, x, true, err);
    if (status != VCOL_OK) {
        free(pin);
        return status;
    }
    pin->buffers[pin->n++] = x->values;
    for (int32_t l = 0; l < x->levels; l++)
        if (x->level[l].buffer)
            pin->buffers[pin->n++] = x->level[l].buffer;
    for (int i = 0; i < pin->n; i++)
        vcol_buffer_acquire(pin->buffers[i]);
    look(c, x, out);
    out->pin = pin;
    return VCOL_OK;
}

void vcol_view_unpin(vcol_view *view)
{
    if (!view || !view->pin)
        return;
    view_pin *pin = view->pin;
    for (int i = 0; i < pin->n; i++) {
        vcol__buffer_unpin(pin->buffers[i]);
        vcol_buffer_release(pin->buffers[i]);
    }
    free(pin);
    memset(view, 0, sizeof *view);
}

/* ---- by name -------------------------------------------------------------------------------------- */

vcol_status vcol__chunk_find(vcol_chunk *c, const char *name, int64_t *id, vcol_error *err)
{
    *id = vcol__names_find(c->dataset, name, strlen(name));
    /* the last one of a name is what was put last */
    for (vcol__defined *x = atomic_load_explicit(&c->defined, memory_order_acquire); x && *id < 0; x = x->next)
        if (strcmp(x->name, name) == 0)
            *id = x->id;
    return *id >= 0 ? VCOL_OK : vcol_dataset_find(c->dataset, name, id, err);
}

static const void *typed(vcol_chunk *c, const char *name, vcol_type type, vcol_error *err)
{
    int64_t id;
    vcol__chunk_column *x;
    if (err && err->status)
        return NULL;
    /* the type before the values: a wrong getter reads nothing */
    if (c && name && vcol__chunk_find(c, name, &id, err) == VCOL_OK && vcol__chunk_column_of(c, id, &x, err) == VCOL_OK) {
        if (x->type != type) {
            vcol_error_format(err, VCOL_TYPE, "%s: column '%s' is %s, %s was asked for", c->table->where, name,
                              vcol_type_name(x->type), vcol_type_name(type));
            return NULL;
        }
        if (hold(c, x, err) != VCOL_OK)
            return NULL;
        const void *data = x->values->leaf[x->values_leaf].data;
        lease(c, x);
        return data;
    }
    if (!c || !name)
        vcol_error_format(err, VCOL_MISUSE, "a getter needs a chunk and a name");
    return NULL;
}

#define GETTER(suffix, ctype, type)                                                                                    \
    const ctype *vcol_chunk_##suffix(vcol_chunk *chunk, const char *name, vcol_error *err)                            \
    {                                                                                                                  \
        return typed(chunk, name, type, err);                                                                          \
    }
GETTER(bool, uint8_t, VCOL_BOOL)
GETTER(i8, int8_t, VCOL_I8)
GETTER(u8, uint8_t, VCOL_U8)
GETTER(i16, int16_t, VCOL_I16)
GETTER(u16, uint16_t, VCOL_U16)
GETTER(i32, int32_t, VCOL_I32)
GETTER(u32, uint32_t, VCOL_U32)
GETTER(i64, int64_t, VCOL_I64)
GETTER(u64, uint64_t, VCOL_U64)
GETTER(f32, float, VCOL_F32)
GETTER(f64, double, VCOL_F64)
GETTER(chars, char, VCOL_CHAR)

/* A lease of a shared buffer of offsets by itself, for `holder` (a column, or -1): its values need not be read for it. */
static const int64_t *lease_unit(vcol_chunk *c, vcol_buffer *b, int32_t leaf, int64_t holder, vcol_error *err)
{
    int64_t none = 0;
    if (vcol__buffer_pin(b, err) != VCOL_OK)
        return NULL;
    const int64_t *offsets = b->leaf[leaf].data;
    if (!atomic_compare_exchange_strong(&c->leased_units[b->group], &none, vcol__unit_lease(holder, lease_of(c))))
        vcol__buffer_unpin(b);
    return offsets;
}

const int64_t *vcol_chunk_offsets(vcol_chunk *c, const char *name, vcol_error *err)
{
    int64_t id = -1;
    vcol__chunk_column *x = NULL;
    if (err && err->status)
        return NULL;
    if (!c || !name) {
        vcol_error_format(err, VCOL_MISUSE, "a getter needs a chunk and a name");
        return NULL;
    }
    id = vcol__names_find(c->dataset, name, strlen(name));
    if (id >= 0 && c->dataset->columns[id].schema->levels == 0)
        id = -1; /* a flat column may have a collection's name */
    int64_t holder = id >= 0 ? id : -1;
    if (id < 0)
        id = vcol__names_collection(c->dataset, name);
    bool alone = id >= 0;
    if (id < 0 && vcol__chunk_find(c, name, &id, err) != VCOL_OK)
        return NULL;
    if (vcol__chunk_column_of(c, id, &x, err) != VCOL_OK)
        return NULL;
    for (int32_t l = 0; l < x->levels; l++) {
        if (x->level[l].kind != VCOL_LEVEL_LIST)
            continue;
        vcol_buffer *b = x->level[l].buffer;
        if (alone && b != x->values && b->group >= 0) {
            if (go_on(c, err) != VCOL_OK)
                return NULL;
            vcol__steps_touched_offsets(c, id, name);
            vcol__dataset_touch_offsets(c->dataset, id);
            return lease_unit(c, b, x->level[l].leaf, holder, err);
        }
        if (hold(c, x, err) != VCOL_OK)
            return NULL;
        const int64_t *offsets = b->leaf[x->level[l].leaf].data;
        lease(c, x);
        return offsets;
    }
    vcol_error_format(err, VCOL_TYPE, "%s: column '%s' is not a list", c->table->where, name);
    return NULL;
}

const int64_t *vcol_chunk_offsets_of(vcol_chunk *c, const char *name, int32_t list, vcol_error *err)
{
    int64_t id;
    vcol__chunk_column *x;
    if (err && err->status)
        return NULL;
    if (!c || !name || list < 0) {
        vcol_error_format(err, VCOL_MISUSE, "a getter needs a chunk, a name and which list it is");
        return NULL;
    }
    if (vcol__chunk_find(c, name, &id, err) != VCOL_OK || vcol__chunk_column_of(c, id, &x, err) != VCOL_OK)
        return NULL;
    for (int32_t l = 0, nth = 0; l < x->levels; l++) {
        if (x->level[l].kind != VCOL_LEVEL_LIST || nth++ != list)
            continue;
        if (hold(c, x, err) != VCOL_OK)
            return NULL;
        const int64_t *offsets = x->level[l].buffer->leaf[x->level[l].leaf].data;
        lease(c, x);
        return offsets;
    }
    vcol_error_format(err, VCOL_TYPE, "%s: column '%s' has no list number %d", c->table->where, name, (int)list);
    return NULL;
}
