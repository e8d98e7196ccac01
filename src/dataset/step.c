/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of a chunk: vcol/plan.h, "in a chunk". A step that ends ends the leases that were taken in it, then asks the
 * chunk's route (its plan, for its data set) of each column of the step whether anybody uses it later, and drops those that
 * nobody does. What is touched and not listed is told to the plan, which grows; the chunk takes the new route at its
 * next step.
 *
 *   - While the steps themselves are learned (plan.open), or one to come has never been passed, nothing is
 *     released: it might be used there.
 *   - What was put cannot be made again. It goes for good only if the program's own lists name it, and none of the steps to
 *     come is learned or was seen to use such a column beside its list; else it becomes the first to be evicted, which means
 *     spilled.
 */
#include "dataset/chunk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SCOPES   256  /* a chunk's, of its steps; beyond, columns come on demand */
#define MOST_SEQUENCE 4096 /* steps in one chunk from which folds are learned */

void vcol__steps_init(vcol__steps *s)
{
    s->at = -1;
}

/* The chunk's route; NULL: it has no plan. acquire: pairs with take_route, so that what it points to is seen */
static vcol__route *route_of(vcol_chunk *c)
{
    return atomic_load_explicit(&c->steps.route, memory_order_acquire);
}

/* Makes a route the chunk's; it is the chunk's reference from then on. */
static vcol_status take_route(vcol_chunk *c, vcol__route *route, vcol_error *err)
{
    vcol__steps *s = &c->steps;
    vcol_status status = VCOL_OK;
    vcol__lock_take(&c->lock);
    if (!vcol__list_grow(&s->routes, s->n_routes, &s->routes_capacity, sizeof *s->routes))
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a plan");
    if (status == VCOL_OK) {
        s->routes[s->n_routes++] = route;
        atomic_store_explicit(&s->route, route, memory_order_release);
    }
    vcol__lock_drop(&c->lock);
    if (status != VCOL_OK)
        vcol__route_release(route);
    return status;
}

/* Takes the plan as it is now. */
static vcol_status refresh(vcol_chunk *c, vcol_error *err)
{
    vcol__route *old = route_of(c), *route;
    vcol_status status = vcol__route_of(c->steps.plan, c->dataset, old, &route, err);
    if (status == VCOL_OK && route != old)
        status = take_route(c, route, err);
    else if (status == VCOL_OK)
        vcol__route_release(route);
    return status;
}

vcol_status vcol__steps_follow(vcol_chunk *c, vcol_plan *plan, vcol__route *route, bool prefetch, vcol_error *err)
{
    if (!plan)
        return VCOL_OK;
    atomic_fetch_add_explicit(&route->refs, 1, memory_order_relaxed); /* the caller has one */
    vcol_status status = take_route(c, route, err);
    if (status != VCOL_OK)
        return status;
    vcol_plan_acquire(plan);
    c->steps.plan = plan;
    c->steps.prefetch = prefetch;
    return VCOL_OK;
}

vcol_status vcol_chunk_set_plan(vcol_chunk *c, vcol_plan *plan, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!c || !plan || c->steps.plan || c->steps.begun)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_set_plan: a plan, and a chunk that has none and no step yet, are needed");
    vcol__route *route;
    vcol_status status = vcol__route_of(plan, c->dataset, NULL, &route, err);
    if (status != VCOL_OK)
        return status;
    status = vcol__steps_follow(c, plan, route, true, err);
    vcol__route_release(route);
    return status;
}

/* ---- where the chunk is -------------------------------------------------------------------------- */

/* The steps that are passed again after the one that was begun last; NULL if none are. */
static const vcol__plan_fold *round_locked(const vcol__steps *s, const vcol__route *r)
{
    if (s->at < 0 || s->at >= r->n_steps)
        return NULL;
    const vcol__plan_fold *f = &r->steps[s->at].fold;
    return s->passes[s->at] < f->folds ? f : NULL;
}

/* Events of a defined column, found once a route. Under the chunk's lock. */
static const vcol__event *defined_events_locked(vcol__defined *d, const vcol__route *r, int64_t *n)
{
    if (d->route != r) {
        free(d->events);
        d->events = vcol__route_events_of(r, d->name, &d->n_events, &d->declared);
        d->route = d->events ? r : NULL;
    }
    *n = d->events ? d->n_events : 0;
    return d->events;
}

static const vcol__event *event_at(const vcol__event *events, int64_t n, int64_t step)
{
    for (int64_t i = 0; i < n && events[i].step <= step; i++)
        if (events[i].step == step)
            return &events[i];
    return NULL;
}

/* What vcol__steps_next_use gives, and whether the step that was begun last uses it itself. */
static int64_t next_use(vcol_chunk *c, int64_t id, bool offsets, bool *here)
{
    vcol__route *r = route_of(c);
    int64_t n;
    *here = false;
    if (!r)
        return -1;
    const vcol__event *events = vcol__route_events(r, offsets ? ~id : id, &n);
    if (n == 0)
        return -1;
    vcol__lock_take(&c->lock);
    int64_t next = vcol__event_next(events, n, c->steps.at, round_locked(&c->steps, r));
    *here = event_at(events, n, c->steps.at) != NULL;
    vcol__lock_drop(&c->lock);
    return next;
}

int64_t vcol__steps_next_use(vcol_chunk *c, int64_t id, bool offsets)
{
    bool here;
    return next_use(c, id, offsets, &here);
}

bool vcol__steps_need(vcol_chunk *c, int64_t id, bool offsets)
{
    bool here, need = next_use(c, id, offsets, &here) >= 0;
    int32_t open = atomic_load_explicit(&c->steps.open, memory_order_relaxed);
    if (!need && here && open && !offsets) {
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        need = !x || atomic_load_explicit(&x->touched_in, memory_order_relaxed) != open;
    }
    return need;
}

/* ---- what is seen of them ------------------------------------------------------------------------ */

void vcol__steps_touched(vcol_chunk *c, vcol__chunk_column *x, int32_t open, bool in_step)
{
    vcol__steps *s = &c->steps;
    vcol__route *r = route_of(c);
    vcol__defined *d = x->id >= c->dataset->n_columns ? vcol__chunk_defined(c, x->id) : NULL;
    if (d && open && in_step)
        atomic_fetch_add_explicit(&d->consumed, 1, memory_order_relaxed); /* looked at by the thread that ends the step */
    if (!r)
        return;
    if (atomic_exchange(&x->released, false))
        atomic_fetch_add_explicit(&s->plan->early, 1, memory_order_relaxed); /* a count */
    if (!open)
        return;
    int64_t n;
    const vcol__event *events, *here;
    vcol__lock_take(&c->lock);
    int64_t at = s->at;
    events = d ? defined_events_locked(d, r, &n) : vcol__route_events(r, x->id, &n);
    here = event_at(events, n, at);
    bool listed = here && here->uses;
    vcol__lock_drop(&c->lock);
    if (listed)
        return;
    const char *name = d ? d->name : c->dataset->columns[x->id].schema->path;
    if (d || vcol__names_find(c->dataset, name, strlen(name)) == x->id) /* else the name means another */
        vcol__plan_learn(s->plan, at, name, false, d != NULL);
}

void vcol__steps_touched_offsets(vcol_chunk *c, int64_t id, const char *name)
{
    vcol__steps *s = &c->steps;
    vcol__route *r = route_of(c);
    char text[512];
    int64_t n;
    if (!r || !atomic_load_explicit(&s->open, memory_order_relaxed) || strlen(name) + 2 > sizeof text)
        return;
    vcol__lock_take(&c->lock);
    int64_t at = s->at;
    vcol__lock_drop(&c->lock);
    const vcol__event *events = vcol__route_events(r, ~id, &n);
    if (event_at(events, n, at))
        return;
    text[0] = '@';
    strcpy(text + 1, name);
    vcol__plan_learn(s->plan, at, text, false, false);
}

void vcol__steps_made(vcol_chunk *c, const char *name, uint64_t bytes)
{
    vcol__steps *s = &c->steps;
    vcol__route *r = route_of(c);
    if (!r)
        return;
    vcol__plan_saw(s->plan, name, bytes);
    if (!atomic_load_explicit(&s->open, memory_order_relaxed))
        return;
    vcol__lock_take(&c->lock);
    int64_t at = s->at;
    vcol__lock_drop(&c->lock);
    for (int64_t i = 0; at < r->n_steps && i < r->steps[at].makes.n; i++)
        if (strcmp(r->steps[at].makes.list[i].text, name) == 0)
            return;
    vcol__plan_learn(s->plan, at, name, true, true);
}

/* ---- the end of a step ----------------------------------------------------------------------------- */

/* What is to come after the step that was begun last. */
typedef struct ahead {
    int64_t at;
    const vcol__plan_fold *round;
    bool unknown, learned; /* a step to come was never passed; not all are declared */
} ahead;

static ahead look_ahead(vcol_chunk *c, const vcol__route *r)
{
    vcol__lock_take(&c->lock);
    ahead a = {.at = c->steps.at, .round = round_locked(&c->steps, r)};
    vcol__lock_drop(&c->lock);
    for (int64_t i = a.round ? a.round->first : a.at + 1; i < r->n_steps; i++) {
        a.unknown = a.unknown || !r->steps[i].known;
        a.learned = a.learned || r->steps[i].learned;
    }
    return a;
}

static int64_t next_of_defined(vcol_chunk *c, vcol__defined *d, const vcol__route *r, const ahead *a, bool *here)
{
    int64_t n, next;
    vcol__lock_take(&c->lock);
    const vcol__event *events = defined_events_locked(d, r, &n);
    *here = event_at(events, n, a->at) != NULL;
    next = vcol__event_next(events, n, a->at, a->round);
    vcol__lock_drop(&c->lock);
    return next;
}

/* Lets go of what was put or defined and is used last in this step. How many went. */
static int64_t release_defined(vcol_chunk *c, const vcol__route *r, const ahead *a)
{
    int64_t released = 0;
    for (vcol__defined *d = atomic_load_explicit(&c->defined, memory_order_acquire); d; d = d->next) {
        vcol__chunk_column *x = atomic_load_explicit(&d->column, memory_order_acquire);
        bool here;
        if (d->consumers || atomic_load(&d->gone) || next_of_defined(c, d, r, a, &here) >= 0 || !here ||
            (x && atomic_load(&x->leased) == VCOL__LEASE_STAYS))
            continue;
        if (!d->put)
            released += x ? vcol__chunk_release(c, x) : 0;
        else if (d->declared && !a->learned && !r->steps[a->at].learned)
            released += vcol__chunk_forget(c, d);
        else
            vcol__evict_first(c->dataset->manager, &d->buffer->evictable);
    }
    return released;
}

/* Releases the columns of the step that has just ended which nobody uses later. */
static void release(vcol_chunk *c)
{
    vcol_plan *plan = c->steps.plan;
    if (refresh(c, NULL) != VCOL_OK) /* what was learned in the step is in its list now */
        return;
    const vcol__route *r = route_of(c);
    ahead a = look_ahead(c, r);
    int64_t n, released = 0;
    if (atomic_load(&plan->open) || a.unknown || a.at >= r->n_steps)
        return;
    const vcol__route_step *step = &r->steps[a.at];
    for (int64_t i = 0; i < step->n_keys; i++) {
        bool offsets = step->keys[i] < 0;
        int64_t id = offsets ? ~step->keys[i] : step->keys[i];
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        const vcol__event *events = vcol__route_events(r, step->keys[i], &n);
        if (!x || vcol__event_next(events, n, a.at, a.round) >= 0)
            continue;
        if (offsets)
            vcol__chunk_release_offsets(c, x);
        else
            released += vcol__chunk_release(c, x);
    }
    released += release_defined(c, r, &a);
    atomic_fetch_add_explicit(&plan->released, released, memory_order_relaxed); /* a count */
}

/* What was put for so many consumers, and has had them. */
static void release_consumed(vcol_chunk *c)
{
    for (vcol__defined *d = atomic_load_explicit(&c->defined, memory_order_acquire); d; d = d->next)
        if (d->put && d->consumers && !atomic_load(&d->gone) &&
            atomic_load_explicit(&d->consumed, memory_order_relaxed) >= d->consumers)
            vcol__chunk_forget(c, d);
}

void vcol_chunk_step_end(vcol_chunk *c)
{
    if (!c || !atomic_exchange(&c->steps.open, 0))
        return;
    if (c->steps.since && c->steps.thread == vcol__wait_thread())
        VCOL__TRACE_END(c->dataset->manager, VCOL__TRACE_PROGRAM, c->steps.since, c->steps.name, 0);
    c->steps.since = 0;
    vcol__chunk_end_leases(c);
    release_consumed(c);
    if (c->steps.plan) {
        vcol__plan_passed(c->steps.plan, c->steps.at);
        release(c);
    }
}

/* ---- the beginning of one ---------------------------------------------------------------------------- */

/* Adds the keys of a step whose buffers are not there and not on their way. */
static bool add_lost(vcol_chunk *c, const vcol__route_step *step, int64_t **keys, int64_t *n, int64_t *capacity)
{
    for (int64_t i = 0; i < step->n_keys; i++) {
        int64_t key = step->keys[i], id = key < 0 ? ~key : key;
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        int32_t list = x && key < 0 ? vcol__column_list(x) : -1;
        const vcol_buffer *b = !x ? NULL : list >= 0 ? x->level[list].buffer : x->values;
        if (b && vcol__buffer_in_use(b))
            continue;
        if (!vcol__list_grow(keys, *n, capacity, sizeof **keys))
            return false;
        (*keys)[(*n)++] = key;
    }
    return true;
}

/*
 * Begins to fetch what this step and the next one use and is neither there nor queued: in a chunk that was opened by hand,
 * and what was evicted since the loop fetched it. A prefetch that cannot begin is none.
 */
static void fetch_ahead(vcol_chunk *c)
{
    vcol__steps *s = &c->steps;
    const vcol__route *r = route_of(c);
    if (!s->prefetch || !vcol__background(c->dataset->manager) || s->n_scopes == MOST_SCOPES)
        return;
    ahead a = look_ahead(c, r);
    int64_t *keys = NULL, n = 0, capacity = 0;
    int64_t next = a.round && a.at == a.round->last ? a.round->first : a.at + 1;
    bool ok = a.at < r->n_steps && add_lost(c, &r->steps[a.at], &keys, &n, &capacity);
    ok = ok && (next >= r->n_steps || add_lost(c, &r->steps[next], &keys, &n, &capacity));
    ok = ok && n > 0 && vcol__list_grow(&s->scopes, s->n_scopes, &s->scopes_capacity, sizeof *s->scopes);
    if (ok && vcol__chunk_prefetch(c, keys, n, NULL, &s->scopes[s->n_scopes], NULL) == VCOL_OK)
        s->n_scopes++;
    free(keys);
}

/* Tells the evictor in which step each column of the plan is used next. */
static void hint(vcol_chunk *c)
{
    const vcol__route *r = route_of(c);
    vcol__chunk_begins(c);
    for (int64_t i = 0; i < r->n_order; i++) {
        bool offsets = r->order[i] < 0;
        int64_t id = offsets ? ~r->order[i] : r->order[i];
        vcol__chunk_column *x = atomic_load_explicit(&c->columns[id], memory_order_acquire);
        int32_t list = x && offsets ? vcol__column_list(x) : -1;
        vcol_buffer *b = !x ? NULL : list >= 0 ? x->level[list].buffer : x->values;
        int64_t next = b ? vcol__steps_next_use(c, id, offsets) : -1;
        if (next >= 0)
            vcol__evict_hint(c->dataset->manager, &b->evictable, vcol__chunk_step_time(c, next));
    }
}

/* Room for one more pass of a step. */
static vcol_status make_room(vcol_chunk *c, int64_t step, vcol_error *err)
{
    vcol__steps *s = &c->steps;
    vcol__lock_take(&c->lock);
    bool ok = true;
    if (step >= s->n_passes) {
        int64_t n = step + 8, *passes = realloc(s->passes, (size_t)n * sizeof *passes);
        ok = passes != NULL;
        if (ok) {
            memset(passes + s->n_passes, 0, (size_t)(n - s->n_passes) * sizeof *passes);
            s->passes = passes;
            s->n_passes = n;
        }
    }
    if (ok && atomic_load(&s->plan->open) && s->n_sequence < MOST_SEQUENCE)
        ok = vcol__list_grow(&s->sequence, s->n_sequence, &s->sequence_capacity, sizeof *s->sequence);
    vcol__lock_drop(&c->lock);
    return ok ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for a step");
}

vcol_status vcol_chunk_step(vcol_chunk *c, const char *name, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!c || !name || !*name)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_chunk_step: a chunk and a name are needed");
    vcol__steps *s = &c->steps;
    int64_t step = -1;
    vcol_status status = VCOL_OK;
    if (s->plan)
        status = vcol__plan_step_of(s->plan, name, &step, err);
    if (s->plan && status == VCOL_OK)
        status = make_room(c, step, err);
    if (s->plan && status == VCOL_OK)
        status = refresh(c, err); /* it has that step then */
    if (status != VCOL_OK)
        return status;
    vcol_chunk_step_end(c);
    vcol__lock_take(&c->lock);
    s->at = step;
    if (s->plan) {
        s->passes[step]++;
        if (s->n_sequence < s->sequence_capacity)
            s->sequence[s->n_sequence++] = step;
    }
    int32_t number = ++s->begun;
    vcol__lock_drop(&c->lock);
    atomic_store(&s->open, number);
    if (s->plan) {
        atomic_fetch_add_explicit(&s->plan->passes, 1, memory_order_relaxed); /* a count */
        fetch_ahead(c);
        hint(c);
    }
    if (VCOL__TRACING(c->dataset->manager)) {
        snprintf(s->name, sizeof s->name, "%s", name);
        s->since = vcol__clock(c->dataset->manager);
        s->thread = vcol__wait_thread();
    }
    return VCOL_OK;
}

/* ---- the chunk's end ----------------------------------------------------------------------------------- */

void vcol__steps_end(vcol_chunk *c)
{
    vcol__steps *s = &c->steps;
    vcol_chunk_step_end(c);
    if (s->plan && s->begun)
        vcol__plan_closed(s->plan, s->sequence, s->n_sequence);
    for (int64_t i = 0; i < s->n_scopes; i++)
        vcol_prefetch_end(s->scopes[i]);
    s->n_scopes = 0;
}

void vcol__steps_destroy(vcol__steps *s)
{
    for (int64_t i = 0; i < s->n_routes; i++)
        vcol__route_release(s->routes[i]);
    free(s->routes);
    free(s->passes);
    free(s->sequence);
    free(s->scopes);
    vcol_plan_release(s->plan);
}
