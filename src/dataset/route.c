/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan's names resolved for one data set: which columns each step uses, and for each column the steps that use it. A
 * route is const, and made anew when the plan has changed; chunks keep the one they took until their next step.
 */
#include "dataset/plan.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void vcol__route_release(vcol__route *r)
{
    /* acq_rel: what others read of it comes before it is freed */
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int64_t i = 0; i < r->n_steps; i++) {
        free(r->steps[i].name);
        free(r->steps[i].keys);
        vcol__plan_free_items(&r->steps[i].uses);
        vcol__plan_free_items(&r->steps[i].makes);
    }
    free(r->steps);
    free(r->order);
    free(r->events);
    free(r);
}

/* ---- copying the plan ---------------------------------------------------------------------------- */

static bool copy_items(const vcol__plan_items *from, vcol__plan_items *to)
{
    bool ok = true;
    for (int64_t i = 0; i < from->n && ok; i++)
        ok = vcol__plan_add_item(to, from->list[i].text, strlen(from->list[i].text), from->list[i].exact,
                                 from->list[i].learned);
    return ok;
}

vcol__route *vcol__route_copy(const vcol_plan *p)
{
    vcol__route *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    atomic_init(&r->refs, 1);
    vcol__lock_take(vcol__plan_lock(p));
    r->version = atomic_load_explicit(&p->version, memory_order_relaxed); /* it changes under the lock only */
    r->steps = calloc((size_t)p->n_steps + 1, sizeof *r->steps);
    bool ok = r->steps != NULL;
    for (int64_t i = 0; i < p->n_steps && ok; i++) {
        vcol__route_step *s = &r->steps[r->n_steps++];
        s->known = p->steps[i].known;
        s->learned = p->steps[i].learned;
        s->fold = (vcol__plan_fold){i, i, 1};
        s->name = vcol__copy_string(p->steps[i].name);
        ok = s->name && copy_items(&p->steps[i].uses, &s->uses) && copy_items(&p->steps[i].makes, &s->makes);
    }
    for (int64_t f = 0; f < p->n_folds && ok; f++)
        for (int64_t i = p->folds[f].first; i <= p->folds[f].last; i++)
            r->steps[i].fold = p->folds[f];
    vcol__lock_drop(vcol__plan_lock(p));
    if (!ok) {
        vcol__route_release(r);
        return NULL;
    }
    return r;
}

/* ---- resolving ------------------------------------------------------------------------------------- */

typedef struct resolving {
    vcol__route_step *step;
    unsigned char *in_step, *in_order; /* by id; offsets behind the columns */
    vcol__route *route;
    int64_t keys_capacity, events_capacity, order_capacity, number;
    bool ok;
} resolving;

static void add_key(int64_t key, void *opaque)
{
    resolving *w = opaque;
    vcol__route *r = w->route;
    int64_t at = key < 0 ? r->n_columns + ~key : key;
    if (!w->ok || w->in_step[at])
        return;
    w->ok = vcol__list_grow(&w->step->keys, w->step->n_keys, &w->keys_capacity, sizeof *w->step->keys) &&
            vcol__list_grow(&r->events, r->n_events, &w->events_capacity, sizeof *r->events) &&
            vcol__list_grow(&r->order, r->n_order, &w->order_capacity, sizeof *r->order);
    if (!w->ok)
        return;
    w->in_step[at] = 1;
    w->step->keys[w->step->n_keys++] = key;
    r->events[r->n_events++] = (vcol__event){key, w->number, true, false};
    if (!w->in_order[at])
        r->order[r->n_order++] = key;
    w->in_order[at] = 1;
}

int64_t vcol__route_keys(const vcol_dataset *d, const vcol__plan_item *item, void (*add)(int64_t key, void *opaque),
                         void *opaque)
{
    const char *name = vcol__plan_name(item->text);
    int64_t id = item->exact ? vcol__names_find(d, item->text, strlen(item->text)) : -1;
    if (id >= 0) { /* even if it begins with an @ */
        add(id, opaque);
        return 1;
    }
    if (name == item->text)
        return item->exact ? 0 : vcol__names_match_one(d, name, strlen(name), add, opaque);
    id = vcol__names_find(d, name, strlen(name));
    if (id < 0 || d->columns[id].schema->levels == 0)
        id = vcol__names_collection(d, name);
    if (id >= 0)
        add(~id, opaque);
    return id >= 0;
}

vcol_status vcol__route_of(vcol_plan *p, const vcol_dataset *d, vcol__route *old, vcol__route **out, vcol_error *err)
{
    /* acquire: pairs with the plan's changes; one that comes later is found at the next step */
    if (old && old->version == atomic_load_explicit(&p->version, memory_order_acquire)) {
        atomic_fetch_add_explicit(&old->refs, 1, memory_order_relaxed); /* the caller has one */
        *out = old;
        return VCOL_OK;
    }
    vcol__route *r = vcol__route_copy(p);
    size_t keys = 2 * (size_t)d->n_columns + 1;
    resolving w = {.route = r, .in_step = calloc(keys, 1), .in_order = calloc(keys, 1)};
    w.ok = r && w.in_step && w.in_order;
    if (r)
        r->n_columns = d->n_columns;
    for (int64_t i = 0; w.ok && i < r->n_steps; i++) {
        w.step = &r->steps[i];
        w.number = i;
        w.keys_capacity = 0;
        for (int64_t k = 0; k < w.step->uses.n && w.ok; k++)
            vcol__route_keys(d, &w.step->uses.list[k], add_key, &w);
        memset(w.in_step, 0, keys);
    }
    if (w.ok)
        vcol__events_sort(r->events, r->n_events);
    free(w.in_step);
    free(w.in_order);
    *out = w.ok ? r : NULL;
    if (!w.ok) {
        vcol__route_release(r);
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a plan");
    }
    return VCOL_OK;
}

const vcol__event *vcol__route_events(const vcol__route *r, int64_t key, int64_t *n)
{
    int64_t low = 0, high = r->n_events, end;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (r->events[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < r->n_events && r->events[end].key == key; end++)
        ;
    *n = end - low;
    return r->events + low;
}

static bool names(const vcol__plan_items *items, const char *name, bool *declared)
{
    bool found = false;
    for (int64_t i = 0; i < items->n; i++) {
        const char *text = vcol__plan_name(items->list[i].text); /* the offsets of it keep it: they are its own */
        if (strcmp(text, name) == 0 || (!items->list[i].exact && fnmatch(text, name, 0) == 0)) {
            found = true;
            *declared = *declared || !items->list[i].learned;
        }
    }
    return found;
}

vcol__event *vcol__route_events_of(const vcol__route *r, const char *name, int64_t *n, bool *declared)
{
    vcol__event *events = malloc(((size_t)r->n_steps + 1) * sizeof *events);
    *n = 0;
    *declared = false;
    for (int64_t i = 0; events && i < r->n_steps; i++) {
        vcol__event e = {-1, i, names(&r->steps[i].uses, name, declared), names(&r->steps[i].makes, name, declared)};
        if (e.uses || e.makes)
            events[(*n)++] = e;
    }
    return events;
}
