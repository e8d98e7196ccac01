/* SPDX-License-Identifier: BSD-3-Clause */
/* The limit: TESTS.md E4 over files, what is reserved when, who waits behind whom, limits that move, and where `auto` comes from. */
#include "core/limit.h"
#include "core/load.h"
#include "core/manager.h"
#include "dataset/chunk.h"
#include "helpers.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define KB(n) ((int64_t)(n) * 1024)
#define MB(n) ((int64_t)(n) * 1024 * 1024)

/* int64 values whose buffer is charged with exactly so many bytes. */
static int64_t values_of(int64_t bytes)
{
    ck_assert_uint_eq(vcol__memory_capacity((size_t)bytes), (size_t)bytes);
    return bytes / 8;
}

/* ---- a file of the project's, through a source of the test's ------------------------------------------ */

typedef struct sample {
    void *data;
    size_t size;
    t_source source;
    t_executor executor;
    t_allocator allocator;
    vcol_manager *m;
    vcol_dataset *d;
    int64_t fixed;   /* of the account, when it was open */
    int64_t columns; /* of the allocator, then: metadata in large pieces */
} sample;

static void sample_open(sample *s, uint64_t limit, bool stepped)
{
    static const char *const path = VCOL_SAMPLE;
    char file[1024];
    vcol_error err = {0};
    memset(s, 0, sizeof *s);
    snprintf(file, sizeof file, "%s", path);
    *strrchr(file, ':') = 0;
    s->data = t_file(file, &s->size);
    t_executor_init(&s->executor);
    vcol_manager_options o = t_options();
    o.limit = limit;
    o.threads = 2;
    o.cached_limit = 1; /* what is given back is freed */
    o.access_log = 1000;
    o.allocator = t_allocator_of(&s->allocator);
    if (stepped)
        o.executor = t_executor_of(&s->executor);
    s->m = t_manager(&o);
    vcol_source *source = t_source_open(&s->source, s->data, s->size, "sample");
    vcol_dataset_options options;
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &source;
    ck_assert_msg(vcol_dataset_open(s->m, &path, 1, &options, &s->d, &err) == VCOL_OK, "%s", err.message);
    vcol_source_release(source);
    vcol_manager_trim(s->m);
    s->fixed = (int64_t)t_stats(s->m).fixed;
    s->columns = atomic_load(&s->allocator.columns);
}

static void sample_close(sample *s)
{
    vcol_dataset_close(s->d);
    vcol_manager_close(s->m);
    t_run(&s->executor);
    ck_assert_int_eq(atomic_load(&s->allocator.live), 0);
    free(s->data);
}

typedef struct getter {
    vcol_chunk *chunk;
    const char *column;
    pthread_t thread;
    vcol_status status;
} getter;

static void *get_in_thread(void *g_void)
{
    getter *g = g_void;
    vcol_error err = {0};
    int64_t id;
    vcol_view view;
    g->status = vcol_dataset_find(vcol_chunk_dataset(g->chunk), g->column, &id, &err);
    if (g->status == VCOL_OK)
        g->status = vcol_chunk_get(g->chunk, id, &view, &err);
    return NULL;
}

/* ---- E4.1 ------------------------------------------------------------------------------------------------- */

START_TEST(e4_1_all_that_a_load_needs_is_reserved_before_the_first_byte_is_read)
{
    static const char *const columns[] = {"MET_pt", "nJet"};
    sample s;
    t_gate gate;
    vcol_error err = {0};
    sample_open(&s, 0, false);
    t_gate_init(&gate);
    s.source.gate = &gate;
    getter g = {.column = columns[_i]};
    ck_assert_int_eq(vcol_chunk_open(s.d, 0, 4000, &g.chunk, &err), VCOL_OK);
    ck_assert_int_eq(pthread_create(&g.thread, NULL, get_in_thread, &g), 0);
    t_gate_await(&gate, 1);
    vcol_stats at = t_stats(s.m);
    t_gate_open(&gate);
    pthread_join(g.thread, NULL);
    ck_assert_int_eq(g.status, VCOL_OK);
    vcol_stats end = t_stats(s.m);
    uint64_t before = at.live + at.promised, result = end.live;
    ck_assert_uint_ge(before, result + end.bytes_asked);
    /* nothing was reserved after that; contexts are not of the load's */
    ck_assert_uint_le(end.peak - end.fixed, before);
    ck_assert_uint_eq(end.promised, 0);
    vcol_chunk_close(g.chunk);
    ck_assert_uint_eq(t_stats(s.m).live, 0);
    sample_close(&s);
    t_gate_destroy(&gate);
}
END_TEST

/* Each byte once: stored, the largest block to unpack to, the result; no read of its own beside what is reserved already. */
START_TEST(e4_1_a_prefetch_promises_what_it_will_use_once)
{
    sample s;
    vcol_error err = {0};
    vcol_chunk *c;
    vcol_prefetch *scope;
    int64_t n_ids, ids[64];
    sample_open(&s, 0, true);
    ck_assert_int_eq(vcol_dataset_match(s.d, "*", ids, 64, &n_ids, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(s.d, 0, vcol_dataset_entries(s.d), &c, &err), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin(c, "*", NULL, &scope, &err), VCOL_OK);
    while (t_step_kind(&s.executor, VCOL_TASK_IO))
        ; /* all is planned, and read */
    vcol_stats at = t_stats(s.m);
    ck_assert_uint_gt(at.promised, 0);
    t_run(&s.executor);
    vcol_stats end = t_stats(s.m);
    ck_assert_uint_eq(end.promised, 0);
    ck_assert_uint_eq(end.prefetched, (uint64_t)(at.live > 0 ? end.generations : 0));
    /* capacities are at most a quarter more than sizes, and a result is guessed by its file's average */
    uint64_t most = end.live + end.live / 4 + (end.bytes_asked + end.bytes_unpacked) * 5 / 4;
    ck_assert_uint_le(at.live + at.promised, most);
    ck_assert_uint_le(end.peak - end.fixed, most);
    vcol_prefetch_end(scope);
    vcol_chunk_close(c);
    sample_close(&s);
}
END_TEST

/* While a file's reads come from the system's memory whoever unpacks reads, and nothing is read ahead; else an I/O task does. */
START_TEST(e3_4_what_is_near_is_read_by_who_unpacks_it)
{
    sample s;
    vcol_error err = {0};
    vcol_chunk *c;
    vcol_prefetch *scope;
    sample_open(&s, 0, true);
    vcol__binding *file = &s.d->files[0].binding;
    file->local = _i != 0;
    for (int i = 0; i < 16; i++)
        vcol__speed_add(&file->speed, i < 13 ? VCOL__NEAR_NS : 30000000, 1); /* as many as it takes */
    ck_assert(vcol__speed_near(&file->speed));
    if (_i == 2)
        vcol__speed_add(&file->speed, 30000000, 1);
    bool near = _i == 1;
    ck_assert_int_eq(vcol_chunk_open(s.d, 0, vcol_dataset_entries(s.d), &c, &err), VCOL_OK);
    uint64_t before = t_stats(s.m).bytes_read;
    ck_assert_int_eq(vcol_prefetch_begin(c, "MET_pt", NULL, &scope, &err), VCOL_OK);
    ck_assert_int_eq(t_step_kind(&s.executor, VCOL_TASK_IO), !near);
    ck_assert_int_eq(t_stats(s.m).bytes_read > before, !near);
    while (t_step_kind(&s.executor, VCOL_TASK_IO))
        ck_assert(!near);
    while (t_step_kind(&s.executor, VCOL_TASK_CPU))
        ;
    ck_assert_uint_gt(t_stats(s.m).bytes_read, before);
    ck_assert_uint_eq(t_stats(s.m).prefetched, 1);
    vcol_prefetch_end(scope);
    vcol_chunk_close(c);
    sample_close(&s);
}
END_TEST

/* Offsets of a counter have no input of their own: they are made when the counter is there, not at once by a read of a worker. */
START_TEST(e3_4_offsets_are_made_in_their_turn)
{
    sample s;
    vcol_error err = {0};
    vcol_chunk *c[3];
    vcol_prefetch *scope[3];
    sample_open(&s, 0, true);
    int64_t calls = atomic_load(&s.source.calls);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(vcol_chunk_open(s.d, i * 500, 500, &c[i], &err), VCOL_OK);
        ck_assert_int_eq(vcol_prefetch_begin(c[i], "Jet_pt", NULL, &scope[i], &err), VCOL_OK);
    }
    ck_assert(!t_step_kind(&s.executor, VCOL_TASK_CPU));
    ck_assert_int_eq(atomic_load(&s.source.calls), calls);
    while (t_step_kind(&s.executor, VCOL_TASK_IO))
        ;
    calls = atomic_load(&s.source.calls);
    while (t_step_kind(&s.executor, VCOL_TASK_CPU))
        ;
    ck_assert_int_eq(atomic_load(&s.source.calls), calls);
    ck_assert_uint_eq(t_stats(s.m).prefetched, 9); /* counter, offsets, values of each */
    for (int i = 0; i < 3; i++) {
        vcol_prefetch_end(scope[i]);
        vcol_chunk_close(c[i]);
    }
    sample_close(&s);
}
END_TEST

/* What a loop had fetched ahead and lost is fetched again before what comes behind it. */
START_TEST(e3_4_what_had_to_go_before_its_turn_is_queued_again_in_its_place)
{
    enum { LOGGED = 1000 };
    sample s;
    vcol_error err = {0};
    vcol_loop *l;
    vcol_chunk *c;
    vcol_loop_options lo;
    vcol_view view;
    static vcol_log_entry log[LOGGED];
    sample_open(&s, 0, true);
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 500;
    lo.columns = "nJet MET_pt";
    lo.ahead = 2;
    ck_assert_int_eq(vcol_loop_open(s.d, &lo, &l, &err), VCOL_OK);
    ck_assert_int_eq(vcol_loop_next(l, &c, &err), VCOL_OK);
    t_run(&s.executor);
    vcol_stats before = t_stats(s.m);
    ck_assert_uint_eq(before.prefetched, 3 * 2);
    vcol_manager_evict(s.m);
    ck_assert_uint_eq(t_stats(s.m).live, 0);
    int64_t logged = vcol_manager_log(s.m, 0, log, LOGGED);
    ck_assert_int_eq(vcol_loop_next(l, &c, &err), VCOL_OK); /* chunk 1; 2 is queued again, 3 is new */
    t_run(&s.executor);
    ck_assert_uint_eq(t_stats(s.m).prefetched, before.prefetched + 3 * 2);
    int64_t n = vcol_manager_log(s.m, 0, log, LOGGED), last = 0;
    ck_assert_int_lt(n, LOGGED);
    for (int64_t i = logged; i < n; i++)
        if (log[i].event == VCOL_LOG_LOAD) {
            ck_assert_int_ge(log[i].first, last);
            last = log[i].first;
        }
    ck_assert_int_eq(last, 1500);
    int64_t made = (int64_t)t_stats(s.m).generations, id;
    ck_assert_int_eq(vcol_dataset_find(s.d, "MET_pt", &id, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c, id, &view, &err), VCOL_OK);
    ck_assert_int_eq((int64_t)t_stats(s.m).generations, made);
    vcol_loop_close(l);
    sample_close(&s);
}
END_TEST

/* A counter and its offsets, which a prefetched column was made of, are still to be used: no prefetch of later ones drives them out. */
START_TEST(e4_3_a_prefetch_keeps_what_another_was_made_of)
{
    sample s;
    vcol_error err = {0};
    vcol_chunk *c[2];
    vcol_prefetch *scope[2];
    vcol_view view;
    int64_t id;
    sample_open(&s, 0, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(vcol_chunk_open(s.d, i * 1000, 1000, &c[i], &err), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin(c[0], "Jet_pt", NULL, &scope[0], &err), VCOL_OK);
    t_run(&s.executor);
    vcol_stats at = t_stats(s.m);
    ck_assert_uint_eq(at.prefetched, 3);
    vcol_manager_set_limit(s.m, at.live + at.promised + at.cached + at.fixed);
    ck_assert_int_eq(vcol_prefetch_begin(c[1], "Jet_pt", NULL, &scope[1], &err), VCOL_OK);
    t_run(&s.executor);
    ck_assert_uint_eq(t_stats(s.m).evictions, 0);
    ck_assert_uint_eq(t_stats(s.m).prefetched, 3);
    ck_assert_int_eq(vcol_dataset_find(s.d, "nJet", &id, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c[0], id, &view, &err), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_find(s.d, "Jet_pt", &id, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_get(c[0], id, &view, &err), VCOL_OK);
    ck_assert_uint_eq(t_stats(s.m).generations, at.generations);
    for (int32_t g = 0; g < c[0]->table->schema->n_groups; g++) { /* and when they have been used, others' prefetch may */
        const vcol_buffer *unit = atomic_load(&c[0]->units[g]);
        ck_assert(!unit || !atomic_load(&unit->evictable.ahead));
    }
    vcol_prefetch_end(scope[0]);
    vcol_chunk_close(c[0]);
    vcol_prefetch_end(scope[1]);
    vcol_chunk_close(c[1]);
    sample_close(&s);
}
END_TEST

/* ---- E4.3 ------------------------------------------------------------------------------------------------- */

typedef struct ordered {
    int64_t first, bytes; /* reserves `first` bytes, passes `started`, and reserves the rest; first 0: all at once */
    t_gate *started;
    t_gate *gate; /* passed with its memory, or NULL */
    bool fails;   /* in the end: its memory comes back while it counts as running, and is never pinned */
    _Atomic int64_t order;
    _Atomic int calls;
} ordered;

static vcol_status fill_in_order(vcol_fill *fill, void *opaque, vcol_error *err)
{
    ordered *o = opaque;
    void *data;
    atomic_fetch_add(&o->calls, 1);
    if (o->first) {
        vcol_status begun = vcol_fill_reserve(fill, values_of(o->first), &data, err);
        if (begun != VCOL_OK)
            return begun;
        t_gate_pass(o->started);
    }
    vcol_status status = vcol_fill_reserve(fill, values_of(o->bytes), &data, err);
    if (status != VCOL_OK)
        return status;
    atomic_store(&o->order, atomic_fetch_add(&t_order, 1) + 1);
    memset(data, 0, (size_t)o->bytes);
    if (o->gate)
        t_gate_pass(o->gate);
    return o->fails ? VCOL_IO : VCOL_OK;
}

static vcol_buffer *ordered_open(vcol_manager *m, ordered *o, const char *name)
{
    return t_buffer_of(m, -1, (vcol_generator){.generate = fill_in_order, .opaque = o}, name);
}

typedef struct pinner {
    vcol_buffer *b;
    pthread_t thread;
} pinner;

static void *pin_in_thread(void *p_void)
{
    pinner *p = p_void;
    vcol_span span;
    if (vcol_buffer_pin(p->b, &span, NULL) != VCOL_OK)
        return NULL;
    vcol_buffer_unpin(p->b);
    vcol_buffer_clear(p->b);
    return NULL;
}

static void pin_start(pinner *p, vcol_buffer *b)
{
    *p = (pinner){.b = b};
    ck_assert_int_eq(pthread_create(&p->thread, NULL, pin_in_thread, p), 0);
}

/* A large one is not passed by small ones for which there would be room: however many come. */
START_TEST(e4_3_a_large_newcomer_is_not_starved_by_small_ones)
{
    enum { SMALL = 8 };
    vcol_manager_options o = t_options();
    t_gate held;
    o.limit = (uint64_t)KB(96);
    vcol_manager *m = t_manager(&o);
    t_gate_init(&held);
    ordered first = {.bytes = KB(64), .gate = &held, .fails = true}, large = {.bytes = KB(96), .fails = true}, small[SMALL];
    vcol_buffer *b[SMALL + 2] = {ordered_open(m, &first, "first"), ordered_open(m, &large, "large")};
    pinner p[SMALL + 2];
    pin_start(&p[0], b[0]);
    t_gate_await(&held, 1);
    pin_start(&p[1], b[1]);
    t_until(t_stats(m).memory_waits == 1);
    for (int i = 0; i < SMALL; i++) {
        small[i] = (ordered){.bytes = KB(4)};
        b[i + 2] = ordered_open(m, &small[i], "small");
        pin_start(&p[i + 2], b[i + 2]);
        t_until(t_stats(m).memory_waits == (uint64_t)i + 2);
    }
    t_gate_open(&held);
    for (int i = 0; i < SMALL + 2; i++)
        pthread_join(p[i].thread, NULL);
    for (int i = 0; i < SMALL; i++)
        ck_assert_int_gt(atomic_load(&small[i].order), atomic_load(&large.order));
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.overcommits, 0);
    ck_assert_uint_le(s.peak, s.limit);
    t_release(b, SMALL + 2);
    vcol_manager_close(m);
    t_gate_destroy(&held);
}
END_TEST

/* A prefetch that runs and is short of memory gives up; one that a demand has joined waits, and is not begun again. */
START_TEST(e4_3_a_prefetch_that_cannot_borrow_gives_up_or_inherits_the_demand)
{
    vcol_manager_options o = t_options();
    t_gate held, started;
    bool joined = _i == 1;
    o.limit = (uint64_t)KB(64);
    o.threads = 2;
    vcol_manager *m = t_manager(&o);
    t_gate_init(&held);
    t_gate_init(&started);
    ordered holder = {.bytes = KB(40), .gate = &held, .fails = true};
    ordered late = {.first = KB(8), .bytes = KB(20), .started = &started};
    vcol_buffer *a = ordered_open(m, &holder, "holder"), *b = ordered_open(m, &late, "late");
    pinner p, r;
    vcol_prefetch *scope;
    pin_start(&p, a);
    t_gate_await(&held, 1); /* it runs, so that others may wait for its memory */
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b, 1, NULL, &scope, NULL), VCOL_OK);
    t_gate_await(&started, 1); /* in the middle: the rest comes behind the gate */
    if (joined) {
        pin_start(&r, b);
        t_until(t_stats(m).waits == 1);
        t_gate_open(&started);
        t_until(t_stats(m).memory_waits == 1);
        t_gate_open(&held);
        pthread_join(r.thread, NULL);
        ck_assert_int_eq(atomic_load(&late.calls), 1);
    } else {
        t_gate_open(&started);
        t_until(t_stats(m).cancelled == 1);
        ck_assert_uint_eq(t_stats(m).memory_waits, 0);
        ck_assert_uint_eq(t_stats(m).promised, 0);
        t_gate_open(&held);
    }
    vcol_prefetch_end(scope);
    pthread_join(p.thread, NULL);
    pin_start(&r, b); /* cleared by the first who had it */
    pthread_join(r.thread, NULL);
    ck_assert_int_eq(atomic_load(&late.calls), 2);
    ck_assert_uint_eq(t_stats(m).overcommits, 0);
    ck_assert_uint_le(t_stats(m).peak, o.limit);
    vcol_buffer_release(a);
    vcol_buffer_release(b);
    vcol_manager_close(m);
    t_gate_destroy(&held);
    t_gate_destroy(&started);
}
END_TEST

/* ---- E4.5 ------------------------------------------------------------------------------------------------- */

/* The scope ends after k tasks, whatever they were: planned, reserved, read, run. */
START_TEST(e4_5_what_is_taken_back_in_any_state_is_given_back_once)
{
    int64_t tasks = 1;
    for (int64_t k = 0; k <= tasks; k++) {
        sample s;
        vcol_error err = {0};
        vcol_chunk *c;
        vcol_prefetch *scope;
        sample_open(&s, _i ? (uint64_t)MB(1) : 0, true);
        ck_assert_int_eq(vcol_chunk_open(s.d, 0, 4000, &c, &err), VCOL_OK);
        ck_assert_int_eq(vcol_prefetch_begin(c, "*", NULL, &scope, &err), VCOL_OK);
        int64_t ran = 0;
        while (ran < k && t_step(&s.executor))
            ran++;
        if (ran == k)
            tasks = k + 1;
        vcol_prefetch_end(scope);
        vcol_stats at = t_stats(s.m);
        ck_assert_uint_eq(at.promised, 0);
        ck_assert_uint_eq(at.overcommits, 0);
        vcol_manager_evict(s.m);
        at = t_stats(s.m);
        ck_assert_uint_eq(at.live, 0);
        ck_assert_uint_eq(at.cached, 0);
        ck_assert_int_eq(atomic_load(&s.allocator.columns), s.columns);
        t_run(&s.executor); /* tasks find nothing */
        ck_assert_uint_eq(t_stats(s.m).live, 0);
        vcol_chunk_close(c);
        sample_close(&s);
    }
    ck_assert_int_gt(tasks, 5);
}
END_TEST

/* ---- E4.6 ------------------------------------------------------------------------------------------------- */

START_TEST(e4_6_what_was_chosen_from_the_limit_moves_with_it)
{
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)KB(1024);
    if (_i)
        o.cached_limit = (uint64_t)KB(200);
    vcol_manager *m = t_manager(&o);
    t_gen g[8];
    vcol_buffer *b[8];
    for (int i = 0; i < 8; i++) {
        g[i] = (t_gen){.seed = i, .count = values_of(KB(32))};
        b[i] = t_buffer(m, &g[i], "b");
        t_read(b[i], &g[i]);
    }
    for (int i = 0; i < 8; i++)
        vcol_buffer_clear(b[i]);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(_i ? 200 : 256));
    vcol_manager_set_limit(m, (uint64_t)KB(256));
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(_i ? 200 : 256));
    vcol_manager_set_limit(m, (uint64_t)KB(128));
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(128));
    t_read(b[0], &g[0]);
    vcol_buffer_clear(b[0]);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(128)); /* it makes way, and comes back */
    vcol_manager_set_limit(m, 0);
    for (int i = 0; i < 8; i++)
        t_read(b[i], &g[i]);
    t_release(b, 8);
    ck_assert_uint_eq(t_stats(m).cached, (uint64_t)KB(_i ? 200 : 256));
    ck_assert_uint_eq(t_stats(m).limit, 0);
    vcol_manager_close(m);
}
END_TEST

/* Threads read a file's columns while another moves the limit: the values stay what they are, and the account balances. */
typedef struct mover {
    sample *s;
    uint64_t seed;
    _Atomic bool *stop;
    pthread_t thread;
} mover;

static uint64_t digest(const vcol_view *v)
{
    return vcol_hash_xxh64(v->values, (size_t)v->count * vcol_type_width(v->type));
}

static uint64_t expected[64][4];

static void *read_in_thread(void *p_void)
{
    mover *p = p_void;
    t_random r = {p->seed};
    for (int i = 0; i < T_REPEAT(60); i++) {
        vcol_error err = {0};
        vcol_chunk *c;
        vcol_prefetch *scope = NULL;
        int64_t part = t_below(&r, 4);
        t_require(vcol_chunk_open(p->s->d, 2000 * part, 2000, &c, &err) == VCOL_OK);
        if (t_below(&r, 2))
            t_require(vcol_prefetch_begin(c, "*", NULL, &scope, &err) == VCOL_OK);
        for (int k = 0; k < 5; k++) {
            vcol_view view;
            int64_t id = t_below(&r, vcol_dataset_columns(p->s->d));
            t_require(vcol_chunk_get(c, id, &view, &err) == VCOL_OK);
            t_require(digest(&view) == expected[id][part]);
        }
        vcol_prefetch_end(scope);
        vcol_chunk_close(c);
    }
    return NULL;
}

static void *move_in_thread(void *p_void)
{
    mover *p = p_void;
    t_random r = {p->seed};
    while (!atomic_load(p->stop)) {
        vcol_manager_set_limit(p->s->m, (uint64_t)(p->s->fixed + KB(64) + t_below(&r, MB(2))));
        if (t_below(&r, 8) == 0)
            vcol_manager_trim(p->s->m);
        t_yield();
    }
    return NULL;
}

START_TEST(e4_6_a_limit_that_moves_under_load_changes_no_value)
{
    enum { THREADS = 4 };
    sample s;
    mover p[THREADS + 1];
    _Atomic bool stop = false;
    sample_open(&s, 0, false);
    ck_assert_int_le(vcol_dataset_columns(s.d), 64);
    for (int part = 0; part < 4; part++) {
        vcol_chunk *c;
        ck_assert_int_eq(vcol_chunk_open(s.d, 2000 * part, 2000, &c, NULL), VCOL_OK);
        for (int64_t id = 0; id < vcol_dataset_columns(s.d); id++) {
            vcol_view view;
            ck_assert_int_eq(vcol_chunk_get(c, id, &view, NULL), VCOL_OK);
            expected[id][part] = digest(&view);
        }
        vcol_chunk_close(c);
    }
    for (int i = 0; i <= THREADS; i++) {
        p[i] = (mover){.s = &s, .seed = (uint64_t)(_i * 100 + i), .stop = &stop};
        ck_assert_int_eq(pthread_create(&p[i].thread, NULL, i < THREADS ? read_in_thread : move_in_thread, &p[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(p[i].thread, NULL);
    atomic_store(&stop, true);
    pthread_join(p[THREADS].thread, NULL);
    vcol_manager_evict(s.m);
    vcol_stats end = t_stats(s.m);
    ck_assert_uint_eq(end.live, 0);
    ck_assert_uint_eq(end.promised, 0);
    ck_assert_uint_eq(end.cached, 0);
    ck_assert_int_eq(atomic_load(&s.allocator.columns), s.columns);
    sample_close(&s);
}
END_TEST

/* ---- resident memory -------------------------------------------------------------------------------------- */

static int64_t resident(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%ld %ld", &all, &pages) == 2);
    fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

START_TEST(e4_6_a_trim_brings_resident_memory_down)
{
#if defined(T_ASAN) || defined(T_TSAN)
    return; /* their allocators keep what is freed */
#endif
    enum { N = 64 };
    static const int64_t sizes[] = {KB(1), KB(12), KB(40), KB(64), KB(320), KB(1024), KB(4096)};
    vcol_manager_options o = t_options();
    o.cached_limit = (uint64_t)MB(64);
    vcol_manager *m = t_manager(&o);
    t_gen g[N];
    vcol_buffer *b[N];
    int64_t before = resident(), bytes = 0;
    for (int i = 0; i < N; i++) {
        g[i] = (t_gen){.seed = i, .count = sizes[i % 7] / 8};
        b[i] = t_buffer(m, &g[i], "b");
        t_read(b[i], &g[i]);
        bytes += sizes[i % 7];
    }
    ck_assert_int_ge(resident() - before, bytes);
    for (int i = 0; i < N; i++)
        vcol_buffer_clear(b[i]);
    /* what was cleared is beyond the lists' bound, or on them */
    ck_assert_uint_le(t_stats(m).cached, (uint64_t)MB(64));
    ck_assert_int_le(resident() - before, (int64_t)t_stats(m).cached + MB(1));
    ck_assert_uint_gt(vcol_manager_trim(m), 0);
    ck_assert_uint_eq(t_stats(m).cached, 0);
    ck_assert_int_le(resident() - before, MB(1));
    t_release(b, N);
    vcol_manager_close(m);
}
END_TEST

/* ---- auto --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint64_t want; /* MiB; 0 = not known */
    const char *files[16]; /* path, content, path, content … */
} machines[] = {
    {"nothing", 0, {NULL}},
    {"machine", 8, {"proc/meminfo", "MemFree: 1 kB\nMemTotal:        8192 kB\n"}},
    {"v2", 5, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "0::/job\n", "proc/self/mountinfo",
               "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
               "sys/fs/cgroup/job/memory.max", "5242880\n"}},
    {"v2, none", 16, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "0::/job\n", "proc/self/mountinfo",
               "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/job/memory.max", "max\n"}},
    {"v2, nested: a parent's is smaller", 3, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "0::/a/b/c\n",
               "proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/a/b/c/memory.max",
               "max\n", "sys/fs/cgroup/a/b/memory.max", "9437184\n", "sys/fs/cgroup/a/memory.max", "3145728\n"}},
    {"v2, high is smaller", 4, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "0::/job\n", "proc/self/mountinfo",
               "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/job/memory.max", "6291456\n",
               "sys/fs/cgroup/job/memory.high", "4194304\n"}},
    {"v2, in a container: its own group is the root that it sees", 6, {"proc/meminfo", "MemTotal: 16384 kB\n",
               "proc/self/cgroup", "0::/\n", "proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
               "sys/fs/cgroup/memory.max", "6291456\n"}},
    {"v2, in a container: the host's path, a part of it mounted", 7, {"proc/meminfo", "MemTotal: 16384 kB\n",
               "proc/self/cgroup", "0::/docker/1234/inner\n", "proc/self/mountinfo",
               "30 23 0:26 /docker/1234 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "sys/fs/cgroup/memory.max", "10485760\n",
               "sys/fs/cgroup/inner/memory.max", "7340032\n"}},
    {"v1", 5, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "11:cpu,cpuacct:/x\n9:memory:/job\n1:name=systemd:/\n",
               "proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n35 31 0:32 / /sys/fs/cgroup/memory rw "
               "shared:1 - cgroup cgroup rw,memory\n36 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
               "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "5242880\n"}},
    {"v1, nested and without a limit of its own", 2, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup",
               "9:hugetlb,memory:/a/b\n", "proc/self/mountinfo", "35 31 0:32 / /cg/memory rw - cgroup none rw,hugetlb,memory\n",
               "cg/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n", "cg/memory/a/memory.limit_in_bytes", "2097152\n"}},
    {"v1, the host's path", 4, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "4:memory:/docker/77\n",
               "proc/self/mountinfo", "35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
               "sys/fs/cgroup/memory/memory.limit_in_bytes", "4194304\n"}},
    {"both", 3, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "4:memory:/one\n0::/two\n", "proc/self/mountinfo",
               "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
               "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
               "sys/fs/cgroup/memory/one/memory.limit_in_bytes", "3145728\n", "sys/fs/cgroup/unified/two/memory.max", "max\n"}},
    {"the machine is smaller", 1, {"proc/meminfo", "MemTotal: 1024 kB\n", "proc/self/cgroup", "0::/job\n", "proc/self/mountinfo",
               "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/job/memory.max", "5242880\n"}},
    {"odd bytes", 16, {"proc/meminfo", "MemTotal: 16384 kB\n", "proc/self/cgroup", "nonsense\n:\n0:\n0::\n0::rel\n", "proc/self/mountinfo",
               "1 2\n - \n- cgroup2\n30 23 0:26 / /sys/fs/cgroup rw - cgroup2\n30 23 0:26 / /x rw - cgroup2 c rw\n",
               "sys/fs/cgroup/memory.max", "-5\n"}},
};

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

START_TEST(e4_6_auto_is_the_least_of_the_control_groups_and_the_machine)
{
    char root[] = "limit-XXXXXX", path[1024], command[1200];
    ck_assert_ptr_nonnull(mkdtemp(root));
    for (int i = 0; i < 16 && machines[_i].files[i]; i += 2) {
        snprintf(path, sizeof path, "%s/%s", root, machines[_i].files[i]);
        make_parents(path);
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fputs(machines[_i].files[i + 1], f);
        fclose(f);
    }
    uint64_t there = vcol__limit_there(root), limit = vcol__limit_auto(root);
    snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
    ck_assert_msg(there == machines[_i].want << 20, "%s: %llu", machines[_i].name, (unsigned long long)there);
    ck_assert_uint_eq(limit, (machines[_i].want << 20) / 8 * 7);
}
END_TEST

START_TEST(e4_6_auto_is_a_limit_that_can_be_read)
{
    vcol_manager_options o = t_options();
    o.limit = VCOL_LIMIT_AUTO;
    vcol_manager *m = t_manager(&o);
    ck_assert_uint_eq(t_stats(m).limit, vcol__limit_auto(""));
    ck_assert_uint_gt(t_stats(m).limit, (uint64_t)MB(16));
    vcol_manager_set_limit(m, (uint64_t)MB(1));
    ck_assert_uint_eq(t_stats(m).limit, (uint64_t)MB(1));
    vcol_manager_set_limit(m, VCOL_LIMIT_AUTO);
    ck_assert_uint_eq(t_stats(m).limit, vcol__limit_auto(""));
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e4_1_all_that_a_load_needs_is_reserved_before_the_first_byte_is_read, 2},
        {e4_1_a_prefetch_promises_what_it_will_use_once, 0},
        {e3_4_what_is_near_is_read_by_who_unpacks_it, 3},
        {e4_3_a_large_newcomer_is_not_starved_by_small_ones, 0},
        {e4_3_a_prefetch_that_cannot_borrow_gives_up_or_inherits_the_demand, 2},
        {e4_5_what_is_taken_back_in_any_state_is_given_back_once, 2},
        {e3_4_offsets_are_made_in_their_turn, 1},
        {e3_4_what_had_to_go_before_its_turn_is_queued_again_in_its_place, 1},
        {e4_3_a_prefetch_keeps_what_another_was_made_of, 1},
        {e4_6_what_was_chosen_from_the_limit_moves_with_it, 2},
        {e4_6_a_limit_that_moves_under_load_changes_no_value, 4},
        {e4_6_a_trim_brings_resident_memory_down, 0},
        {e4_6_auto_is_the_least_of_the_control_groups_and_the_machine, sizeof machines / sizeof *machines},
        {e4_6_auto_is_a_limit_that_can_be_read, 0},
    };
    return t_main("memory", tests, sizeof tests / sizeof *tests);
}
