/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data sets under stress: opened over a source that may fail, read by chunks, loops and runs with scopes, pins, leases, clears,
 * steps, defined and put columns, left early, and every value compared with the file's.
 */
#include "thrash.h"

#define COLUMNS 64

/* The whole file, held by a manager without a limit. */
static struct {
    void *bytes;
    size_t size;
    vcol_manager *m;
    vcol_dataset *d;
    vcol_chunk *all;
    int64_t entries;
    int n;
    int64_t id[COLUMNS]; /* flat columns, and lists of flat values */
    vcol_view view[COLUMNS];
} file;

void data_open(void)
{
    vcol_error err = {0};
    vcol_manager_options o = t_options();
    file.bytes = t_file(VCOL_SAMPLE, &file.size);
    file.m = t_manager(&o);
    t_require(vcol_dataset_open(file.m, (const char *[]){VCOL_SAMPLE}, 1, NULL, &file.d, &err) == VCOL_OK);
    file.entries = vcol_dataset_entries(file.d);
    t_require(vcol_chunk_open(file.d, 0, file.entries, &file.all, &err) == VCOL_OK);
    for (int64_t id = 0; id < vcol_dataset_columns(file.d) && file.n < COLUMNS; id++) {
        vcol_view *v = &file.view[file.n];
        t_require(vcol_chunk_get(file.all, id, v, &err) == VCOL_OK);
        if (vcol_type_width(v->type) && (v->levels == 0 || (v->levels == 1 && v->level[0].kind == VCOL_LEVEL_LIST)))
            file.id[file.n++] = id;
    }
    t_require(file.n > 4);
}

void data_close(void)
{
    vcol_chunk_close(file.all);
    vcol_dataset_close(file.d);
    vcol_manager_close(file.m);
    free(file.bytes);
}

/* A view of the file's c-th column, entries [first, first + count). */
static void check(const vcol_view *v, int c, int64_t first, int64_t count)
{
    const vcol_view *all = &file.view[c];
    size_t width = vcol_type_width(all->type);
    int64_t begin = first, end = first + count;
    t_require(v->type == all->type && v->levels == all->levels && v->values);
    if (all->levels == 1) {
        const int64_t *have = v->level[0].offsets, *want = all->level[0].offsets;
        for (int64_t i = 0; i <= count; i++)
            t_require(have[i] == want[first + i] - want[first]);
        begin = want[first];
        end = want[first + count];
    }
    t_require(v->count == end - begin);
    t_require(memcmp(v->values, (const char *)all->values + (size_t)begin * width, (size_t)(end - begin) * width) == 0);
}

/* Names of some columns, one list. */
static const char *some(t_random *r)
{
    static const char *const lists[] = {"Jet_pt", "Jet_* MET_pt", "Jet_pt Jet_eta MET_pt", "*", "Muon_*", "MET_pt"};
    return lists[t_below(r, (int64_t)(sizeof lists / sizeof *lists))];
}

static void get(world *w, t_random *r, vcol_chunk *chunk)
{
    int c = (int)t_below(r, file.n);
    int64_t first = vcol_chunk_first(chunk), count = vcol_chunk_entries(chunk);
    vcol_view v;
    if (t_below(r, 3)) {
        if (fine(w, vcol_chunk_get(chunk, file.id[c], &v, NULL)))
            check(&v, c, first, count);
        return;
    }
    if (!fine(w, vcol_chunk_pin(chunk, file.id[c], &v, NULL)))
        return;
    if (t_below(r, 2)) /* deferred by the pin */
        vcol_chunk_clear_id(chunk, file.id[c]);
    if (t_below(r, 4) == 0)
        t_yield();
    check(&v, c, first, count);
    vcol_view_unpin(&v);
}

/* An intermediate result: entry numbers, in a step that reads it back. */
static void put(world *w, t_random *r, vcol_chunk *chunk)
{
    int64_t n = vcol_chunk_entries(chunk), first = vcol_chunk_first(chunk);
    int64_t *numbers = malloc((size_t)n * sizeof *numbers);
    vcol_put p;
    t_require(numbers);
    for (int64_t i = 0; i < n; i++)
        numbers[i] = first + i;
    vcol_put_init(&p, sizeof p);
    p.name = "numbers";
    p.data = numbers;
    p.count = n;
    p.type = VCOL_I64;
    p.consumers = 1;
    bool there = fine(w, vcol_chunk_step(chunk, "make", NULL)) && fine(w, vcol_chunk_put(chunk, &p, NULL));
    free(numbers);
    get(w, r, chunk);
    if (there && fine(w, vcol_chunk_step(chunk, "use", NULL))) {
        vcol_error err = {0};
        const int64_t *back = vcol_chunk_i64(chunk, "numbers", &err);
        if (fine(w, (vcol_status)err.status))
            for (int64_t i = 0; i < n; i++)
                t_require(back[i] == first + i);
    }
    vcol_chunk_step_end(chunk);
}

static vcol_status define_values(vcol_fill *fill, void *opaque, vcol_error *err)
{
    void *data;
    vcol_status status = vcol_fill_reserve(fill, vcol_fill_count(fill), &data, err);
    for (int64_t i = 0; status == VCOL_OK && i < vcol_fill_count(fill); i++)
        ((int64_t *)data)[i] = (int64_t)(intptr_t)opaque + 3 * i;
    return status;
}

static void define(world *w, vcol_chunk *chunk)
{
    vcol_buffer_options o;
    vcol_error err = {0};
    int64_t first = vcol_chunk_first(chunk), n = vcol_chunk_entries(chunk);
    vcol_buffer_options_init(&o, sizeof o);
    o.type = VCOL_I64;
    o.count = n;
    o.generator.generate = define_values;
    o.generator.opaque = (void *)(intptr_t)first;
    if (!fine(w, vcol_chunk_define(chunk, "defined", NULL, &o, NULL)))
        return;
    const int64_t *values = vcol_chunk_i64(chunk, "defined", &err);
    if (fine(w, (vcol_status)err.status))
        for (int64_t i = 0; i < n; i++)
            t_require(values[i] == first + 3 * i);
}

/* What an analysis does with a chunk, in any order. The scope that it may leave open is ended after the chunk's close. */
static vcol_prefetch *use(world *w, t_random *r, vcol_chunk *chunk)
{
    vcol_prefetch *scope = NULL;
    bool leave = t_below(r, 4) == 0;
    atomic_fetch_add(&w->chunks, 1);
    if (t_below(r, 2)) {
        vcol_prefetch_options o;
        vcol_prefetch_options_init(&o, sizeof o);
        o.concurrency = (int32_t)t_below(r, 3);
        o.lookahead = t_below(r, 2) ? 0 : 20000;
        if (!fine(w, vcol_prefetch_begin(chunk, some(r), &o, &scope, NULL)))
            scope = NULL;
    }
    for (int64_t n = leave ? 0 : t_below(r, 6); n > 0; n--) {
        get(w, r, chunk);
        if (t_below(r, 4) == 0)
            vcol_chunk_clear(chunk, t_below(r, 2) ? NULL : some(r));
    }
    if (t_below(r, 8) == 0)
        put(w, r, chunk);
    if (t_below(r, 8) == 0)
        define(w, chunk);
    if (scope && t_below(r, 4) == 0)
        fine(w, vcol_prefetch_wait(scope, NULL));
    if (t_below(r, 4)) {
        vcol_prefetch_end(scope);
        scope = NULL;
    }
    return scope;
}

static void chunks(world *w, t_random *r, vcol_dataset *d)
{
    for (int64_t n = 1 + t_below(r, 3); n > 0; n--) {
        vcol_chunk *chunk = NULL;
        int64_t first = t_below(r, file.entries), count = 1 + t_below(r, file.entries - first);
        if (fine(w, vcol_chunk_open(d, first, count, &chunk, NULL))) {
            vcol_prefetch *scope = use(w, r, chunk);
            vcol_chunk_close(chunk);
            vcol_prefetch_end(scope);
        }
    }
}

static void loop(world *w, t_random *r, vcol_dataset *d)
{
    vcol_loop_options o;
    vcol_loop *l = NULL;
    vcol_chunk *chunk;
    vcol_plan *plan = NULL;
    vcol_prefetch *open = NULL;
    int64_t left = 1 + t_below(r, 12), next;
    vcol_status status = VCOL_OK;
    vcol_loop_options_init(&o, sizeof o);
    o.entries = 200 + t_below(r, 3000);
    o.first = next = t_below(r, file.entries);
    o.columns = t_below(r, 2) ? NULL : some(r);
    o.ahead = (int32_t)t_below(r, 4);
    o.flags = t_below(r, 4) ? 0 : VCOL_LOOP_NO_PREFETCH;
    if (t_below(r, 3) == 0 && fine(w, vcol_plan_create(&plan, NULL)))
        o.plan = plan;
    if (fine(w, vcol_loop_open(d, &o, &l, NULL))) {
        while (left-- > 0 && (status = vcol_loop_next(l, &chunk, NULL)) == VCOL_OK) {
            t_require(vcol_chunk_first(chunk) == next);
            next += vcol_chunk_entries(chunk);
            if (o.plan && fine(w, vcol_chunk_step(chunk, "one", NULL)))
                get(w, r, chunk);
            if (o.plan && fine(w, vcol_chunk_step(chunk, "two", NULL)))
                get(w, r, chunk);
            if (o.plan)
                vcol_chunk_step_end(chunk);
            vcol_prefetch *scope = use(w, r, chunk);
            if (t_below(r, 2)) { /* else after its chunk is closed by the next */
                vcol_prefetch_end(scope);
                scope = NULL;
            }
            vcol_prefetch_end(open);
            open = scope;
        }
        if (status == VCOL_END)
            t_require(next == file.entries);
        else
            fine(w, status);
        vcol_loop_close(l); /* early, mostly */
        vcol_prefetch_end(open);
    }
    vcol_plan_release(plan);
}

/* ---- runs: the state is the number of entries, the total must be all of them ----------------------- */

typedef struct job {
    uint64_t seed;
    int64_t stop_at, fail_at; /* merge, chunk; -1 = never */
    _Atomic int64_t open, computed, merged;
} job;

static vcol_status job_open(void **state, void *opaque, vcol_error *err)
{
    *state = calloc(1, sizeof(int64_t));
    atomic_fetch_add(&((job *)opaque)->open, 1);
    (void)err;
    return VCOL_OK;
}

static void job_close(void *state, void *opaque)
{
    atomic_fetch_sub(&((job *)opaque)->open, 1);
    free(state);
}

static vcol_status job_chunk(vcol_chunk *chunk, void *state, void *opaque, vcol_error *err)
{
    job *j = opaque;
    t_random r = {j->seed ^ (uint64_t)vcol_chunk_first(chunk)};
    int64_t first = vcol_chunk_first(chunk), n = vcol_chunk_entries(chunk);
    if (atomic_fetch_add(&j->computed, 1) == j->fail_at)
        return vcol_error_set(err, VCOL_RANGE, "as it was told");
    for (int64_t k = t_below(&r, 4); k >= 0; k--) {
        int c = (int)t_below(&r, file.n);
        vcol_view v;
        vcol_status status = vcol_chunk_get(chunk, file.id[c], &v, err);
        if (status != VCOL_OK)
            return status;
        check(&v, c, first, n);
    }
    *(int64_t *)state += n;
    return VCOL_OK;
}

static vcol_status job_merge(void *total, void *state, void *opaque, vcol_error *err)
{
    job *j = opaque;
    *(int64_t *)total += *(int64_t *)state;
    (void)err;
    return atomic_fetch_add(&j->merged, 1) == j->stop_at ? VCOL_END : VCOL_OK;
}

static void run(world *w, t_random *r, vcol_dataset *d)
{
    vcol_run_options o;
    vcol_job call;
    vcol_run_stats s;
    vcol_error err = {0};
    int64_t total = 0;
    job j = {.seed = t_next(r), .stop_at = t_below(r, 3) ? -1 : t_below(r, 4), .fail_at = t_below(r, 4) ? -1 : t_below(r, 4)};
    vcol_run_options_init(&o, sizeof o);
    vcol_job_init(&call, sizeof call);
    call.open = job_open;
    call.chunk = job_chunk;
    call.merge = job_merge;
    call.close = job_close;
    call.opaque = &j;
    o.jobs = 1 + (int32_t)t_below(r, 3);
    o.depth = (int32_t)t_below(r, 5);
    o.entries = 300 + t_below(r, 3000);
    o.columns = t_below(r, 2) ? NULL : some(r);
    o.flags = (t_below(r, 3) ? 0 : VCOL_RUN_NO_PREFETCH) | (t_below(r, 2) ? VCOL_RUN_UNORDERED : 0);
    vcol_status status = vcol_run(d, &o, &call, &total, &s, &err);
    atomic_fetch_add(&w->runs, 1);
    t_require(atomic_load(&j.open) == 0);
    if (status == VCOL_RANGE)
        t_require(j.fail_at >= 0);
    else if (status == VCOL_END)
        t_require(j.stop_at >= 0 && total > 0);
    else if (fine(w, status) && j.stop_at < 0)
        t_require(total == file.entries && s.entries == file.entries);
}

void data_one(world *w, t_random *r)
{
    t_source *source = calloc(1, sizeof *source);
    vcol_dataset_options o;
    vcol_dataset *d = NULL;
    t_require(source);
    if (w->faulty && t_below(r, 2))
        source->fail_call = 1 + t_below(r, 30);
    if (w->faulty && t_below(r, 4) == 0) {
        source->bad_offset = (uint64_t)t_below(r, (int64_t)file.size);
        source->bad_bytes = 1;
    }
    vcol_source *s = t_source_open(source, file.bytes, file.size, "sample.root");
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &s;
    if (fine(w, vcol_dataset_open(w->m, (const char *[]){"sample.root"}, 1, &o, &d, NULL))) {
        switch (t_below(r, 4)) {
        case 0:
            loop(w, r, d);
            break;
        case 1:
            run(w, r, d);
            break;
        default:
            chunks(w, r, d);
        }
        vcol_dataset_close(d);
    }
    vcol_source_release(s);
    t_require(atomic_load(&source->closed) == 1);
    free(source);
}
