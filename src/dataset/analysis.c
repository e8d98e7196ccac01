/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What follows from a plan: vcol_plan_analyze. A plan is followed through one chunk without data, step by step: what is used
 * and not there comes from outside, what is made is a new version of its column, and what vcol__event_next says is
 * not wanted after the step goes.
 *
 * Rounds of folds are alike from the second on: which columns go after a step depends only on whether another round
 * comes. So three rounds (the first, one in between, the last) stand for any number.
 */
#include "dataset/plan.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, OUTSIDE = -1 };

/* A column with the step that made it. */
typedef struct version {
    int64_t key, maker; /* OUTSIDE, or a step */
    uint64_t bytes, stored;
    bool unknown;
    int64_t next; /* another version of the column, or -1 */
} version;

typedef struct key {
    char *name;
    int64_t id; /* the data set's, or -1 */
    bool offsets;
    int64_t first_event, n_events;
    int64_t there; /* the version that is there now, or -1 */
    int64_t first_version; /* of its versions, linked by `next`; or -1 */
} key;

typedef struct set {
    int64_t *list, n, capacity; /* versions */
} set;

typedef struct stage {
    char *name;
    bool known;
    vcol__plan_fold fold;
    set uses, makes; /* keys */
    set sets[VCOL_PLAN_SETS];
    uint64_t during, after;
    int64_t passes; /* in this walk */
} stage;

struct vcol_plan_analysis {
    int64_t n_steps, n_keys, keys_capacity, n_versions, versions_capacity, n_events, events_capacity, unknown;
    stage *steps;
    key *keys;
    version *versions;
    vcol__event *events; /* by key, then step */
    uint64_t live, peak;
    int32_t *table; /* hash of names -> key + 1 */
    size_t table_size;
};

typedef struct walk {
    vcol_plan_analysis *a;
    vcol_plan_options options;
    const vcol_plan *plan;
    vcol__route *route;
    int64_t step;
    bool ok;
} walk;

void vcol_plan_options_init(vcol_plan_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

void vcol_plan_analysis_close(vcol_plan_analysis *a)
{
    if (!a)
        return;
    for (int64_t i = 0; i < a->n_steps; i++) {
        stage *s = &a->steps[i];
        free(s->name);
        free(s->uses.list);
        free(s->makes.list);
        for (int k = 0; k < VCOL_PLAN_SETS; k++)
            free(s->sets[k].list);
    }
    for (int64_t i = 0; i < a->n_keys; i++)
        free(a->keys[i].name);
    free(a->steps);
    free(a->keys);
    free(a->versions);
    free(a->events);
    free(a->table);
    free(a);
}

static bool add(set *s, int64_t value)
{
    if (!vcol__list_grow(&s->list, s->n, &s->capacity, sizeof *s->list))
        return false;
    s->list[s->n++] = value;
    return true;
}

static bool holds(const set *s, int64_t value)
{
    for (int64_t i = 0; i < s->n; i++)
        if (s->list[i] == value)
            return true;
    return false;
}

/* ---- columns by name -------------------------------------------------------------------------------- */

static size_t slot_of(const vcol_plan_analysis *a, const char *name)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211ull;
    size_t at = (size_t)(h ^ h >> 32) & (a->table_size - 1);
    while (a->table[at] && strcmp(a->keys[a->table[at] - 1].name, name) != 0)
        at = (at + 1) & (a->table_size - 1);
    return at;
}

static bool grow_table(vcol_plan_analysis *a)
{
    if (2 * (size_t)a->n_keys < a->table_size)
        return true;
    size_t n = a->table_size ? 2 * a->table_size : 64;
    int32_t *table = calloc(n, sizeof *table);
    if (!table)
        return false;
    free(a->table);
    a->table = table;
    a->table_size = n;
    for (int64_t k = 0; k < a->n_keys; k++)
        table[slot_of(a, a->keys[k].name)] = (int32_t)k + 1;
    return true;
}

/* The key of a name ("@…": offsets), made if need be; -1: no memory. */
static int64_t key_of(walk *w, const char *name, int64_t id, bool offsets)
{
    vcol_plan_analysis *a = w->a;
    if (!grow_table(a) || !vcol__list_grow(&a->keys, a->n_keys, &a->keys_capacity, sizeof *a->keys)) {
        w->ok = false;
        return -1;
    }
    size_t at = slot_of(a, name);
    if (a->table[at])
        return a->table[at] - 1;
    char *copy = vcol__copy_string(name);
    if (!copy || a->n_keys == INT32_MAX) {
        free(copy);
        w->ok = false;
        return -1;
    }
    a->keys[a->n_keys] = (key){.name = copy, .id = id, .offsets = offsets, .there = -1, .first_version = -1};
    a->table[at] = (int32_t)++a->n_keys;
    return a->n_keys - 1;
}

static void use(walk *w, int64_t k)
{
    if (k >= 0 && !holds(&w->a->steps[w->step].uses, k))
        w->ok = w->ok && add(&w->a->steps[w->step].uses, k);
}

/* The offsets of a column of the data set: one for all of a collection. */
static void use_offsets(walk *w, int64_t id)
{
    const vcol_schema_column *s = w->options.dataset->columns[id].schema;
    char name[512];
    int64_t first = s->collection ? vcol__names_collection(w->options.dataset, s->collection) : -1;
    snprintf(name, sizeof name, "@%.500s", first >= 0 ? s->collection : s->path);
    use(w, key_of(w, name, first >= 0 ? first : id, true));
}

static void use_column(walk *w, int64_t id)
{
    const vcol_schema_column *s = w->options.dataset->columns[id].schema;
    bool list = false, own = false; /* a string's offsets are in its own blocks */
    for (int32_t l = 0; l < s->levels && !list; l++)
        if (s->level[l].kind == VCOL_LEVEL_LIST) {
            list = true;
            own = s->level[l].ref.group == s->values.group;
        }
    use(w, key_of(w, s->path, id, false));
    if (list && !own)
        use_offsets(w, id);
}

/* What is put, by a name or pattern. How many there are. */
static int64_t use_made(walk *w, const char *text)
{
    int64_t n = 0;
    for (int64_t i = 0; i < w->route->n_steps; i++)
        for (int64_t k = 0; k < w->route->steps[i].makes.n && w->ok; k++) {
            const char *name = w->route->steps[i].makes.list[k].text;
            if (strcmp(name, text) == 0 || fnmatch(text, name, 0) == 0) {
                use(w, key_of(w, name, -1, false));
                n++;
            }
        }
    return n;
}

static void use_key(int64_t key, void *opaque)
{
    if (key < 0)
        use_offsets(opaque, ~key);
    else
        use_column(opaque, key);
}

static void use_item(walk *w, const vcol__plan_item *item)
{
    const vcol_dataset *d = w->options.dataset;
    const char *name = vcol__plan_name(item->text);
    int64_t n = d ? vcol__route_keys(d, item, use_key, w) : 0;
    if (!item->exact && (n == 0 || name == item->text))
        n += use_made(w, name);
    if (n == 0)
        use(w, key_of(w, name, -1, false));
}

static void add_event(walk *w, int64_t k, bool uses, bool makes)
{
    vcol_plan_analysis *a = w->a;
    if (!vcol__list_grow(&a->events, a->n_events, &a->events_capacity, sizeof *a->events)) {
        w->ok = false;
        return;
    }
    a->events[a->n_events++] = (vcol__event){k, w->step, uses, makes};
}

/* Fills steps, keys and events from the plan. */
static void resolve(walk *w)
{
    vcol_plan_analysis *a = w->a;
    a->steps = calloc((size_t)w->route->n_steps + 1, sizeof *a->steps);
    w->ok = a->steps != NULL;
    for (w->step = 0; w->step < w->route->n_steps && w->ok; w->step++) {
        const vcol__route_step *from = &w->route->steps[w->step];
        stage *s = &a->steps[a->n_steps++];
        s->name = vcol__copy_string(from->name);
        s->known = from->known;
        s->fold = from->fold;
        w->ok = s->name != NULL;
        for (int64_t i = 0; i < from->uses.n && w->ok; i++)
            use_item(w, &from->uses.list[i]);
        for (int64_t i = 0; i < from->makes.n && w->ok; i++) {
            int64_t k = key_of(w, from->makes.list[i].text, -1, false);
            if (w->ok && !holds(&s->makes, k))
                w->ok = add(&s->makes, k);
        }
        for (int64_t i = 0; i < s->uses.n && w->ok; i++)
            add_event(w, s->uses.list[i], true, holds(&s->makes, s->uses.list[i]));
        for (int64_t i = 0; i < s->makes.n && w->ok; i++)
            if (!holds(&s->uses, s->makes.list[i]))
                add_event(w, s->makes.list[i], false, true);
    }
    if (w->ok)
        vcol__events_sort(a->events, a->n_events);
    for (int64_t i = a->n_events; w->ok && i-- > 0;) {
        a->keys[a->events[i].key].first_event = i;
        a->keys[a->events[i].key].n_events++;
    }
}

/* ---- sizes ----------------------------------------------------------------------------------------------- */

/* Bytes of a chunk's share of what the whole data set has. */
static uint64_t share(const walk *w, uint64_t bytes)
{
    const vcol_dataset *d = w->options.dataset;
    if (w->options.entries <= 0 || w->options.entries >= d->entries)
        return bytes;
    return (uint64_t)((double)bytes * ((double)w->options.entries / (double)d->entries));
}

static int64_t chunk_entries(const walk *w)
{
    const vcol_dataset *d = w->options.dataset;
    return w->options.entries <= 0 || w->options.entries >= d->entries ? d->entries : w->options.entries;
}

/* Bytes in the files of a column, or of what its offsets are made of. */
static uint64_t stored_bytes(const vcol_dataset *d, int64_t id, bool offsets)
{
    if (!offsets)
        return d->columns[id].stored;
    const vcol_schema *schema = d->files[0].schema;
    const vcol_schema_column *s = d->columns[id].schema;
    int32_t counts = -1;
    for (int32_t l = 0; l < s->levels && counts < 0; l++)
        if (s->level[l].kind == VCOL_LEVEL_LIST)
            counts = schema->groups[s->level[l].ref.group].depends;
    for (int64_t i = 0; i < d->n_columns && counts >= 0; i++)
        if (d->columns[i].schema->levels == 0 && d->columns[i].schema->values.group == counts)
            return d->columns[i].stored;
    return 0;
}

static vcol_status size_of(walk *w, int64_t k, int64_t maker, version *v, vcol_error *err)
{
    const key *x = &w->a->keys[k];
    bool sized = false;
    *v = (version){.key = k, .maker = maker};
    vcol__lock_take(vcol__plan_lock(w->plan));
    for (int64_t i = 0; i < w->plan->n_sizes && !sized; i++)
        if (strcmp(w->plan->sizes[i].name, x->name) == 0) {
            v->bytes = w->plan->sizes[i].bytes;
            sized = true;
        }
    vcol__lock_drop(vcol__plan_lock(w->plan));
    if (x->id >= 0 && maker == OUTSIDE)
        v->stored = share(w, stored_bytes(w->options.dataset, x->id, x->offsets));
    if (sized)
        return VCOL_OK;
    if (x->id >= 0 && maker == OUTSIDE) {
        v->bytes = x->offsets ? ((uint64_t)chunk_entries(w) + 1) * sizeof(int64_t)
                              : share(w, w->options.dataset->columns[x->id].unpacked);
        return VCOL_OK;
    }
    if (w->options.size) {
        vcol_status status = w->options.size(x->name, maker, &v->bytes, w->options.opaque, err);
        if (status != VCOL_OK && err && !err->status)
            vcol_error_format(err, status, "the size of '%.200s' is not known (%s)", x->name, vcol_status_name(status));
        return status;
    }
    v->unknown = true;
    w->a->unknown++;
    return VCOL_OK;
}

/* The version of a key that a step makes; asked for its size once. */
static vcol_status version_of(walk *w, int64_t k, int64_t maker, int64_t *out, vcol_error *err)
{
    vcol_plan_analysis *a = w->a;
    version v;
    for (int64_t i = a->keys[k].first_version; i >= 0; i = a->versions[i].next)
        if (a->versions[i].maker == maker) {
            *out = i;
            return VCOL_OK;
        }
    if (!vcol__list_grow(&a->versions, a->n_versions, &a->versions_capacity, sizeof *a->versions))
        return vcol_error_format(err, VCOL_NOMEM, "no memory for an analysis");
    vcol_status status = size_of(w, k, maker, &v, err);
    if (status == VCOL_OK) {
        *out = a->n_versions;
        v.next = a->keys[k].first_version;
        a->keys[k].first_version = a->n_versions;
        a->versions[a->n_versions++] = v;
    }
    return status;
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

static void come(walk *w, int64_t k, int64_t v)
{
    w->a->keys[k].there = v;
    w->a->live += w->a->versions[v].bytes;
}

static void note(walk *w, int64_t step, vcol_plan_set what, int64_t v)
{
    set *s = &w->a->steps[step].sets[what];
    if (!holds(s, v))
        w->ok = w->ok && add(s, v);
}

static void reached(vcol_plan_analysis *a, stage *s)
{
    s->during = a->live > s->during ? a->live : s->during;
    a->peak = a->live > a->peak ? a->live : a->peak;
}

/* One pass of a step; `round` if another round of its folds comes. */
static vcol_status pass(walk *w, int64_t i, const vcol__plan_fold *round, vcol_error *err)
{
    vcol_plan_analysis *a = w->a;
    stage *s = &a->steps[i];
    bool first = s->passes++ == 0;
    vcol_status status = VCOL_OK;
    for (int64_t u = 0; u < s->uses.n && status == VCOL_OK; u++) {
        int64_t k = s->uses.list[u], v = a->keys[k].there;
        if (v < 0) {
            status = version_of(w, k, OUTSIDE, &v, err);
            if (status != VCOL_OK)
                return status;
            come(w, k, v);
            note(w, i, VCOL_PLAN_READ, v);
        } else if (first) {
            note(w, i, VCOL_PLAN_FOUND, v);
        }
    }
    vcol_plan_set what = round ? VCOL_PLAN_AGAIN : VCOL_PLAN_RELEASED;
    reached(a, s);
    for (int64_t u = 0; u < s->makes.n && status == VCOL_OK; u++) {
        int64_t k = s->makes.list[u], v, before = a->keys[k].there;
        status = version_of(w, k, i, &v, err);
        if (status != VCOL_OK)
            return status;
        come(w, k, v);
        reached(a, s);
        note(w, i, VCOL_PLAN_MADE, v);
        if (before >= 0) { /* the old one goes when the new one is there */
            a->live -= a->versions[before].bytes;
            if (before != v)
                note(w, i, what, before);
        }
    }
    for (int part = 0; part < 2; part++) {
        const set *of = part ? &s->makes : &s->uses;
        for (int64_t u = 0; u < of->n; u++) {
            key *x = &a->keys[of->list[u]];
            if (x->there < 0 || vcol__event_next(a->events + x->first_event, x->n_events, i, round) >= 0)
                continue;
            note(w, i, what, x->there);
            a->live -= a->versions[x->there].bytes;
            x->there = -1;
        }
    }
    if (!round)
        s->after = a->live;
    return w->ok ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for an analysis");
}

/* A round has ended and another one comes: what is there and used in it before it is made. */
static void pin_over(walk *w, const vcol__plan_fold *f)
{
    vcol_plan_analysis *a = w->a;
    for (int64_t k = 0; k < a->n_keys; k++) {
        const key *x = &a->keys[k];
        int64_t next = x->there < 0 ? -1 : vcol__event_next(a->events + x->first_event, x->n_events, f->last, f);
        if (next >= 0 && next <= f->last - f->first)
            note(w, f->last, VCOL_PLAN_PINNED, x->there);
    }
}

static vcol_status follow(walk *w, vcol_error *err)
{
    vcol_plan_analysis *a = w->a;
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < a->n_steps && status == VCOL_OK;) {
        const vcol__plan_fold f = a->steps[i].fold;
        int64_t rounds = f.folds < ROUNDS ? f.folds : ROUNDS;
        for (int64_t r = 0; r < rounds && status == VCOL_OK; r++) {
            const vcol__plan_fold *again = r + 1 < rounds ? &f : NULL;
            for (i = f.first; i <= f.last && status == VCOL_OK; i++)
                status = pass(w, i, again, err);
            if (again && status == VCOL_OK)
                pin_over(w, &f);
        }
    }
    return status;
}

vcol_status vcol_plan_analyze(const vcol_plan *plan, const vcol_plan_options *options, vcol_plan_analysis **out,
                              vcol_error *err)
{
    walk w = {.plan = plan};
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (options)
        memcpy(&w.options, options, options->struct_size < sizeof w.options ? options->struct_size : sizeof w.options);
    if (!plan || !out || w.options.entries < 0)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_analyze: a plan and a place are needed, and no entries below 0");
    w.route = vcol__route_copy(plan);
    w.a = calloc(1, sizeof *w.a);
    if (w.route && w.a)
        resolve(&w);
    vcol_status status = w.ok ? follow(&w, err) : vcol_error_format(err, VCOL_NOMEM, "no memory for an analysis");
    vcol__route_release(w.route);
    if (status == VCOL_OK)
        *out = w.a;
    else
        vcol_plan_analysis_close(w.a);
    return status;
}

/* ---- what is asked of it ------------------------------------------------------------------------------------- */

int64_t vcol_plan_analysis_steps(const vcol_plan_analysis *a)
{
    return a->n_steps;
}

uint64_t vcol_plan_analysis_peak(const vcol_plan_analysis *a, int64_t *unknown)
{
    if (unknown)
        *unknown = a->unknown;
    return a->peak;
}

vcol_status vcol_plan_describe(const vcol_plan_analysis *a, int64_t step, vcol_plan_step *out, size_t size, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!a || !out || step < 0 || step >= a->n_steps)
        return vcol_error_format(err, VCOL_RANGE, "vcol_plan_describe: no step %lld", (long long)step);
    const stage *s = &a->steps[step];
    vcol_plan_step info = {
        .name = s->name,
        .folds = s->fold.folds,
        .fold_first = s->fold.first,
        .fold_last = s->fold.last,
        .known = s->known,
        .during = s->during,
        .after = s->after,
    };
    for (int k = 0; k < VCOL_PLAN_SETS; k++) {
        info.n[k] = s->sets[k].n;
        for (int64_t i = 0; i < s->sets[k].n; i++) {
            const version *v = &a->versions[s->sets[k].list[i]];
            info.bytes[k] += v->bytes;
            if (k == VCOL_PLAN_READ)
                info.stored += v->stored;
        }
    }
    memset(out, 0, size);
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
    return VCOL_OK;
}

vcol_status vcol_plan_describe_column(const vcol_plan_analysis *a, int64_t step, vcol_plan_set what, int64_t i,
                                      vcol_plan_column *out, size_t size, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!a || !out || step < 0 || step >= a->n_steps || (int)what < 0 || what >= VCOL_PLAN_SETS || i < 0 ||
        i >= a->steps[step].sets[what].n)
        return vcol_error_format(err, VCOL_RANGE, "vcol_plan_describe_column: no such column of step %lld", (long long)step);
    const version *v = &a->versions[a->steps[step].sets[what].list[i]];
    const key *x = &a->keys[v->key];
    vcol_plan_column info = {
        .name = x->name,
        .step = v->maker,
        .id = v->maker == OUTSIDE ? x->id : -1,
        .bytes = v->bytes,
        .stored = v->stored,
        .offsets = x->offsets,
        .unknown = v->unknown,
    };
    memset(out, 0, size);
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
    return VCOL_OK;
}
