/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of the program's: vcol/buffer.h. A buffer with a generator, and windows on other buffers (slice, view_as),
 * which have no memory and no life of their own.
 */
#include "core/load.h"

#include <stdio.h>
#include <string.h>

typedef struct generated {
    vcol_buffer base;
    vcol_type type;
    vcol_generator generator;
    vcol_buffer **inputs;
    int64_t n_inputs;
    char *name;
    size_t name_size;
    bool size_late; /* count -1 at creation, and no size callback */
    /* stripe lock */
    int64_t known; /* values; -1 = not known yet */
    bool sizing;   /* a thread is in `size` */
} generated;

typedef struct window {
    vcol_buffer base;
    vcol_buffer *parent; /* a generated buffer, never a window */
    int64_t first, count; /* values of `type`; count -1 = to the end */
    vcol_type type;
} window;

struct vcol_fill {
    generated *buffer;
    vcol__load *load;
    vcol_span *inputs;
    int64_t count;    /* -1 = not known yet */
    int64_t done;     /* values written; -1 = all */
    vcol_type type;
    bool reserved;
};

static const vcol__buffer_ops generated_ops, window_ops;

static vcol_span span_of(const generated *g)
{
    return (vcol_span){g->base.leaf[0].data, g->base.count[0], g->type};
}

/* ---- count ------------------------------------------------------------------------------------ */

/* The size callbacks that this thread is in. */
typedef struct sizing {
    const generated *buffer;
    struct sizing *above;
} sizing;
static _Thread_local sizing *current_sizing;

/* Asks `size`, once; *count -1 if only generating can tell. */
static vcol_status learn_count(generated *g, int64_t *count, vcol_error *err)
{
    vcol_buffer *b = &g->base;
    vcol_status status = VCOL_OK;
    vcol__wait wait = {.what = "a count that another thread asks for"};
    for (const sizing *s = current_sizing; s; s = s->above)
        if (s->buffer == g)
            return vcol_error_format(err, VCOL_CYCLE, "buffers need each other: the size of %s needs itself", b->name);
    vcol__lock_take(&b->stripe->lock);
    bool blocked = g->sizing;
    if (blocked)
        vcol__wait_begin(b->manager, &wait);
    while (g->sizing)
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
    if (blocked)
        vcol__wait_end(b->manager, &wait);
    *count = g->known;
    bool ask = g->known < 0 && g->generator.size;
    g->sizing = ask;
    vcol__lock_drop(&b->stripe->lock);
    if (!ask)
        return VCOL_OK;
    vcol__lock_none_held();
    vcol_error why = {0};
    sizing here = {g, current_sizing};
    current_sizing = &here;
    status = g->generator.size(count, g->generator.opaque, &why);
    current_sizing = here.above;
    if (status == VCOL_OK && *count < 0)
        status = vcol_error_format(&why, VCOL_RANGE, "%s: size gave %lld values", b->name, (long long)*count);
    if (status != VCOL_OK && !why.status)
        vcol_error_format(&why, status, "%s: its size callback failed (%s)", b->name, vcol_status_name(status));
    vcol__lock_take(&b->stripe->lock);
    g->sizing = false;
    if (status == VCOL_OK)
        g->known = *count;
    pthread_cond_broadcast(&b->stripe->changed);
    vcol__lock_drop(&b->stripe->lock);
    if (status != VCOL_OK && err && !err->status)
        *err = why;
    return status;
}

/* ---- fill ------------------------------------------------------------------------------------- */

int64_t vcol_fill_count(const vcol_fill *fill)
{
    return fill->count;
}

void *vcol_fill_data(vcol_fill *fill)
{
    return fill->reserved ? fill->buffer->base.leaf[0].data : NULL;
}

vcol_span vcol_fill_input(const vcol_fill *fill, int64_t i)
{
    return i >= 0 && i < fill->buffer->n_inputs ? fill->inputs[i] : (vcol_span){0};
}

int vcol_fill_cancelled(const vcol_fill *fill)
{
    return vcol__load_stopped(fill->load);
}

void vcol_fill_done(vcol_fill *fill, int64_t count, vcol_type type)
{
    fill->done = count;
    fill->type = type;
}

static vcol_status reserve(vcol_fill *fill, int64_t count, bool started, vcol_error *err)
{
    generated *g = fill->buffer;
    vcol_manager *m = g->base.manager;
    vcol__region fresh = {0}, *leaf = &g->base.leaf[0];
    size_t width = vcol_type_width(g->type), size;
    if (count < 0 || __builtin_mul_overflow((size_t)count, width, &size))
        return vcol_error_format(err, VCOL_RANGE, "%s: %lld values are no number of values", g->base.name,
                                 (long long)count);
    if (fill->reserved && size <= leaf->capacity) {
        fill->count = count;
        return VCOL_OK;
    }
    vcol_status status = vcol__load_reserve(fill->load, vcol__memory_capacity(size), started, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(m, &fill->load->grant, size, &fresh, err);
    if (status == VCOL_OK && fill->load->by_prefetch)
        vcol__queue_charge(fill->load, (int64_t)fresh.capacity);
    if (status == VCOL_OK) {
        if (fill->reserved)
            memcpy(fresh.data, leaf->data, (size_t)fill->count * width);
        vcol__memory_give(m, leaf);
        *leaf = fresh;
        fill->count = count;
        fill->reserved = true;
    }
    return status;
}

vcol_status vcol_fill_reserve(vcol_fill *fill, int64_t count, void **data, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (data)
        *data = NULL;
    if (!fill->buffer->size_late && fill->reserved && count != fill->count)
        return vcol_error_format(err, VCOL_RANGE, "%s: %lld values given, %lld declared", fill->buffer->base.name,
                                 (long long)count, (long long)fill->count);
    if (fill->reserved && count < fill->count)
        count = fill->count;
    vcol_status status = reserve(fill, count, true, err);
    if (status == VCOL_OK && data)
        *data = fill->buffer->base.leaf[0].data;
    return status;
}

/* What the generator gave against what was declared. */
static vcol_status check(const vcol_fill *fill, vcol_error *err)
{
    const generated *g = fill->buffer;
    if (fill->type != g->type)
        return vcol_error_format(err, VCOL_TYPE, "%s: its generator gave %s, %s was declared", g->base.name,
                                 vcol_type_name(fill->type), vcol_type_name(g->type));
    if (!fill->reserved)
        return vcol_error_format(err, VCOL_RANGE, "%s: its generator reserved nothing", g->base.name);
    if (fill->done < 0 || fill->done > fill->count || (!g->size_late && fill->done != fill->count))
        return vcol_error_format(err, VCOL_RANGE, "%s: its generator gave %lld values, %lld were declared",
                                 g->base.name, (long long)fill->done, (long long)fill->count);
    return VCOL_OK;
}

/* From the file, if it is spilled. False: it has to be generated. */
static bool read_back(vcol_buffer *b, vcol__load *load, vcol_status *status, vcol_error *err)
{
    vcol_error why = {0};
    if (!b->extent)
        return false;
    *status = vcol__spill_read(b, load, &why);
    if (*status == VCOL_IO || *status == VCOL_CORRUPT) { /* the file has not kept it */
        vcol__buffer_forget_extent(b);
        VCOL__COUNT(b->manager, spill_failures, 1);
        *status = VCOL_OK;
        return false;
    }
    if (*status != VCOL_OK && err && !err->status)
        *err = why;
    return true;
}

static vcol__parting parting(vcol_buffer *b, vcol_type *type)
{
    const generated *g = (const generated *)b;
    *type = g->type;
    return vcol__spill_worth(b->manager, g->generator.cost, atomic_load_explicit(&b->bytes, memory_order_relaxed))
               ? VCOL__PART_SPILL
               : VCOL__PART_DROP;
}

static vcol_status load(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    generated *g = (generated *)b;
    vcol_fill fill = {.buffer = g, .load = load, .count = -1, .done = -2, .type = g->type};
    int64_t pinned = 0;
    vcol_status status = VCOL_OK;
    if (read_back(b, load, &status, err))
        return status;
    if (g->n_inputs) {
        fill.inputs = vcol__memory_new(b->manager, (size_t)g->n_inputs * sizeof *fill.inputs);
        if (!fill.inputs)
            return vcol_error_format(err, VCOL_NOMEM, "no memory to load %s", b->name);
    }
    for (; pinned < g->n_inputs && status == VCOL_OK; pinned++)
        status = vcol_buffer_pin(g->inputs[pinned], &fill.inputs[pinned], err);
    if (status != VCOL_OK && pinned > 0)
        pinned--;
    int64_t count = -1;
    if (status == VCOL_OK)
        status = learn_count(g, &count, err);
    if (status == VCOL_OK && count >= 0 && !g->size_late)
        status = reserve(&fill, count, false, err);
    if (status == VCOL_OK) {
        vcol__lock_none_held();
        int64_t start = VCOL__TRACE_BEGIN(b->manager);
        status = g->generator.generate(&fill, g->generator.opaque, err);
        VCOL__TRACE_END(b->manager, VCOL__TRACE_GENERATE, start, b->name, 0);
        if (status != VCOL_OK && err && !err->status)
            vcol_error_format(err, status, "%s: its generator failed (%s)", b->name, vcol_status_name(status));
    }
    if (status == VCOL_OK) {
        if (fill.done == -2)
            fill.done = fill.count;
        status = check(&fill, err);
    }
    if (status == VCOL_OK) {
        b->count[0] = fill.done;
        vcol__lock_take(&b->stripe->lock);
        g->known = fill.done;
        vcol__lock_drop(&b->stripe->lock);
    }
    while (pinned > 0)
        vcol_buffer_unpin(g->inputs[--pinned]);
    vcol__memory_delete(b->manager, fill.inputs, (size_t)g->n_inputs * sizeof *fill.inputs);
    return status;
}

static void destroy(vcol_buffer *b)
{
    generated *g = (generated *)b;
    vcol_manager *m = b->manager;
    if (g->generator.destroy)
        g->generator.destroy(g->generator.opaque);
    for (int64_t i = 0; i < g->n_inputs; i++)
        vcol_buffer_release(g->inputs[i]);
    vcol__memory_delete(m, g->inputs, (size_t)g->n_inputs * sizeof *g->inputs);
    vcol__memory_delete(m, g->name, g->name_size);
    vcol__memory_delete(m, g, sizeof *g);
}

static const vcol__buffer_ops generated_ops = {.load = load, .parting = parting, .destroy = destroy};

/* ---- the public functions --------------------------------------------------------------------- */

void vcol_buffer_options_init(vcol_buffer_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
    if (size >= offsetof(vcol_buffer_options, count) + sizeof options->count)
        options->count = -1;
}

vcol_status vcol_buffer_create(vcol_manager *m, const vcol_buffer_options *o, vcol_buffer **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !o || !out || !o->generator.generate || !vcol_type_width(o->type) || o->count < -1 || o->n_inputs < 0 ||
        (o->n_inputs && !o->inputs))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_buffer_create: a type, a generator and a count >= -1 are needed");
    generated *g = vcol__memory_new(m, sizeof *g);
    const char *name = o->name ? o->name : "buffer";
    if (!g)
        goto nomem;
    g->name_size = strlen(name) + 1;
    g->name = vcol__memory_new(m, g->name_size);
    if (o->n_inputs)
        g->inputs = vcol__memory_new(m, (size_t)o->n_inputs * sizeof *g->inputs);
    if (!g->name || (o->n_inputs && !g->inputs))
        goto nomem;
    memcpy(g->name, name, g->name_size);
    g->type = o->type;
    g->generator = o->generator;
    g->n_inputs = o->n_inputs;
    for (int64_t i = 0; i < o->n_inputs; i++) {
        g->inputs[i] = o->inputs[i];
        vcol_buffer_acquire(g->inputs[i]);
    }
    g->known = o->count;
    g->size_late = o->count < 0 && !o->generator.size;
    vcol__buffer_init(&g->base, m, &generated_ops, g->name);
    g->base.cost = o->generator.cost > 0 && o->generator.cost < 1e9 ? o->generator.cost : 0;
    *out = &g->base;
    return VCOL_OK;
nomem:
    if (g) {
        vcol__memory_delete(m, g->name, g->name_size);
        vcol__memory_delete(m, g->inputs, (size_t)o->n_inputs * sizeof *g->inputs);
        vcol__memory_delete(m, g, sizeof *g);
    }
    return vcol_error_format(err, VCOL_NOMEM, "no memory for buffer %s", name);
}

static void destroy_window(vcol_buffer *b)
{
    window *w = (window *)b;
    vcol_manager *m = b->manager;
    vcol_buffer_release(w->parent);
    vcol__memory_delete(m, w, sizeof *w);
}

static const vcol__buffer_ops window_ops = {.destroy = destroy_window};

static bool is_window(const vcol_buffer *b)
{
    return b->ops == &window_ops;
}

vcol_buffer *vcol__buffer_target(vcol_buffer *b)
{
    return is_window(b) ? ((window *)b)->parent : b;
}

/* Only what the program made can be asked by these functions. */
static bool is_public(const vcol_buffer *b)
{
    return b && (b->ops == &generated_ops || is_window(b));
}

static vcol_status window_span(const window *w, vcol_span whole, vcol_span *out, vcol_error *err)
{
    int64_t count = w->count < 0 ? whole.count - w->first : w->count;
    if (count < 0 || w->first > whole.count - count)
        return vcol_error_format(err, VCOL_RANGE, "%s: %lld values from %lld on, of %lld", w->base.name,
                                 (long long)count, (long long)w->first, (long long)whole.count);
    out->data = (const char *)whole.data + (size_t)w->first * vcol_type_width(w->type);
    out->count = count;
    out->type = w->type;
    return VCOL_OK;
}

vcol_status vcol_buffer_pin(vcol_buffer *b, vcol_span *out, vcol_error *err)
{
    if (out)
        memset(out, 0, sizeof *out);
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out || !is_public(b))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_buffer_pin: no buffer or no span");
    vcol_buffer *target = vcol__buffer_target(b);
    uint64_t word = atomic_load_explicit(&target->word, memory_order_relaxed);
    vcol_status status = vcol__buffer_pin(target, err);
    if (status != VCOL_OK)
        return status;
    if ((word & VCOL__STATE_MASK) == VCOL__RESIDENT && (word & VCOL__PIN_MASK) == 0)
        VCOL__COUNT(target->manager, hits, 1);
    vcol_span whole = span_of((generated *)target);
    if (is_window(b))
        status = window_span((window *)b, whole, out, err);
    else
        *out = whole;
    if (status != VCOL_OK)
        vcol__buffer_unpin(target);
    return status;
}

void vcol_buffer_unpin(vcol_buffer *b)
{
    if (b)
        vcol__buffer_unpin(vcol__buffer_target(b));
}

int vcol_buffer_clear(vcol_buffer *b)
{
    return b && !is_window(b) ? vcol__buffer_clear(b) : 0;
}

uint64_t vcol_buffer_bytes(const vcol_buffer *b)
{
    return is_window(b) ? 0 : atomic_load_explicit(&b->bytes, memory_order_relaxed);
}

vcol_status vcol_buffer_count(vcol_buffer *b, int64_t *count, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!count || !is_public(b))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_buffer_count: no buffer or no count");
    if (is_window(b) && ((window *)b)->count >= 0) {
        *count = ((window *)b)->count;
        return VCOL_OK;
    }
    vcol_buffer *target = vcol__buffer_target(b);
    vcol_status status = learn_count((generated *)target, count, err);
    if (status == VCOL_OK && *count < 0) {
        vcol_span span;
        status = vcol_buffer_pin(target, &span, err);
        if (status == VCOL_OK) {
            *count = span.count;
            vcol_buffer_unpin(target);
        }
    }
    if (status == VCOL_OK && is_window(b))
        *count -= ((window *)b)->first;
    return status;
}

static vcol_status open_window(vcol_buffer *parent, int64_t first, int64_t count, vcol_type type, vcol_buffer **out,
                               vcol_error *err)
{
    vcol_manager *m = parent->manager;
    window *w = vcol__memory_new(m, sizeof *w);
    if (!w)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a window on %s", parent->name);
    w->parent = vcol__buffer_target(parent);
    w->first = first;
    w->count = count;
    w->type = type;
    vcol_buffer_acquire(w->parent);
    vcol__buffer_init(&w->base, m, &window_ops, w->parent->name);
    *out = &w->base;
    return VCOL_OK;
}

vcol_status vcol_buffer_slice(vcol_buffer *parent, int64_t first, int64_t count, vcol_buffer **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out || !is_public(parent))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_buffer_slice: no parent or no place for the result");
    int64_t base = 0, known, end;
    vcol_type type;
    if (is_window(parent)) {
        const window *w = (window *)parent;
        base = w->first;
        known = w->count;
        type = w->type;
    } else {
        generated *g = (generated *)parent;
        vcol__lock_take(&parent->stripe->lock);
        known = g->size_late ? -1 : g->known;
        vcol__lock_drop(&parent->stripe->lock);
        type = g->type;
    }
    if (first < 0 || count < 0 || __builtin_add_overflow(first, count, &end) || (known >= 0 && end > known))
        return vcol_error_format(err, VCOL_RANGE, "%s: %lld values from %lld on, of %lld", parent->name,
                                 (long long)count, (long long)first, (long long)known);
    if (first == 0 && count == known) {
        vcol_buffer_acquire(parent);
        *out = parent;
        return VCOL_OK;
    }
    return open_window(parent, base + first, count, type, out, err);
}

vcol_status vcol_buffer_view_as(vcol_buffer *parent, vcol_type type, vcol_buffer **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out || !is_public(parent))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_buffer_view_as: no parent or no place for the result");
    const window *w = is_window(parent) ? (window *)parent : NULL;
    vcol_type have = w ? w->type : ((generated *)parent)->type;
    if (!vcol_type_width(type) || vcol_type_width(type) != vcol_type_width(have))
        return vcol_error_format(err, VCOL_TYPE, "%s: %s has not the width of %s", parent->name, vcol_type_name(type),
                                 vcol_type_name(have));
    if (type == have) {
        vcol_buffer_acquire(parent);
        *out = parent;
        return VCOL_OK;
    }
    return open_window(parent, w ? w->first : 0, w ? w->count : -1, type, out, err);
}
