/* SPDX-License-Identifier: BSD-3-Clause */
/* The runtime's tests' harness: helpers.h. */
#define _GNU_SOURCE
#include "helpers.h"

#include "core/wait.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#define WATCH_SECONDS 240 /* a test takes a few; under a sanitizer, on a machine that others load, a minute was not enough */

/* ---- the watchdog and main ---------------------------------------------------------------------- */

static const char *_Atomic watched = "start";

/* The open managers. */
static vcol_manager *_Atomic managers[64];
enum { MANAGERS = sizeof managers / sizeof *managers };

static void print_waits(void)
{
    for (int i = 0; i < MANAGERS; i++)
        if (managers[i])
            vcol__load_print_waits(managers[i], stderr);
}

/* What is not safe in a handler comes last: if it hangs, the next signal ends the process. */
static void bark(int number)
{
    static const char head[] = "\nwatchdog: nothing came for too long of: ";
    (void)number;
    const char *what = watched;
    ssize_t n = write(2, head, sizeof head - 1);
    n = write(2, what, strlen(what));
    n = write(2, "\n", 1);
    (void)n;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(5);
    print_waits();
    abort();
}

void t_watch(const char *what)
{
    struct sigaction action = {.sa_handler = bark};
    watched = what;
    sigaction(SIGALRM, &action, NULL);
    const char *seconds = getenv("VCOL_WATCHDOG"); /* of tests that are meant to hang */
    alarm(seconds ? (unsigned)atoi(seconds) : WATCH_SECONDS);
}

_Noreturn void t_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s: not so: %s\n", file, line, watched, condition);
    abort();
}

/* The cases run in the order of the table; Check does not say which it is about to run. */
static const t_test *next_case;

static void advance(void)
{
    watched = next_case++->test->name;
}

static void watch_case(void)
{
    t_watch(watched);
}

int t_main(const char *suite_name, const t_test *tests, size_t n)
{
    Suite *suite = suite_create(suite_name);
    next_case = tests;
    for (size_t i = 0; i < n; i++) {
        TCase *c = tcase_create(tests[i].test->name);
        tcase_set_timeout(c, 0); /* the watchdog's business */
        tcase_add_unchecked_fixture(c, advance, NULL);
        tcase_add_checked_fixture(c, watch_case, NULL);
        if (tests[i].loops)
            tcase_add_loop_test(c, tests[i].test, 0, tests[i].loops);
        else
            tcase_add_test(c, tests[i].test);
        suite_add_tcase(suite, c);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- numbers (splitmix64) ------------------------------------------------------------------------ */

uint64_t t_next(t_random *r)
{
    uint64_t x = r->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

int64_t t_below(t_random *r, int64_t n)
{
    return (int64_t)(t_next(r) % (uint64_t)n);
}

/* ---- gates ----------------------------------------------------------------------------------------- */

void t_gate_init(t_gate *gate)
{
    memset(gate, 0, sizeof *gate);
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void t_gate_destroy(t_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

void t_gate_pass(t_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    if (++gate->arrived == gate->opens_at)
        gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open && gate->tickets == 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    if (!gate->open)
        gate->tickets--;
    pthread_mutex_unlock(&gate->lock);
}

void t_gate_await(t_gate *gate, int n)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->arrived < n)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void t_gate_open(t_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void t_gate_open_at(t_gate *gate, int n)
{
    pthread_mutex_lock(&gate->lock);
    gate->opens_at = n;
    pthread_mutex_unlock(&gate->lock);
}

void t_gate_let(t_gate *gate, int n)
{
    pthread_mutex_lock(&gate->lock);
    gate->tickets += n;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

int t_gate_arrived(t_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    int arrived = gate->arrived;
    pthread_mutex_unlock(&gate->lock);
    return arrived;
}

/* ---- managers -------------------------------------------------------------------------------------- */

vcol_manager_options t_options(void)
{
    vcol_manager_options o;
    vcol_manager_options_init(&o, sizeof o);
    return o;
}

vcol_manager *t_manager(const vcol_manager_options *options)
{
    vcol_manager *m;
    vcol_error err = {0};
    if (vcol_manager_open(options, &m, &err) != VCOL_OK)
        t_fail(__FILE__, __LINE__, err.message);
    for (int i = 0; i < MANAGERS; i++) {
        vcol_manager *none = NULL;
        if (atomic_compare_exchange_strong(&managers[i], &none, m))
            break;
    }
    return m;
}

void t_manager_close(vcol_manager *m)
{
    (vcol_manager_close)(m); /* listed meanwhile: that may hang, too */
    for (int i = 0; i < MANAGERS && m; i++) {
        vcol_manager *it = m;
        if (atomic_compare_exchange_strong(&managers[i], &it, NULL))
            break;
    }
}

/* ---- waiting for the runtime ----------------------------------------------------------------------- */

vcol_stats t_stats(const vcol_manager *m)
{
    vcol_stats s;
    vcol_manager_stats(m, &s, sizeof s);
    return s;
}

char *t_waits(vcol_manager *m, int n)
{
    for (;;) {
        char *text = NULL;
        size_t size;
        int lines = 0;
        FILE *out = open_memstream(&text, &size);
        t_require(out);
        vcol__load_print_waits(m, out);
        fclose(out);
        for (const char *at = text; strncmp(at, "thread ", 7) == 0; at = strchr(at, '\n') + 1)
            lines++;
        if (lines == n)
            return text;
        free(text);
        t_yield();
    }
}

void t_yield(void)
{
    sched_yield();
}

int t_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    t_require(d);
    while (readdir(d))
        n++;
    closedir(d);
#ifdef T_TSAN
    n -= n > 3; /* the sanitizer's own, which comes with the first thread */
#endif
    return n - 2; /* without . and .. */
}

/* ---- generators ------------------------------------------------------------------------------------ */

_Atomic int64_t t_order;

static vcol_type type_of(const t_gen *gen)
{
    return gen->type ? gen->type : VCOL_I64;
}

int64_t t_value(const t_gen *gen, int64_t i)
{
    return gen->seed * 1000003 + i;
}

/* Any type that is eight bytes or fewer wide gets the low bytes. */
static void put(const t_gen *gen, void *data, int64_t from, int64_t to)
{
    size_t width = vcol_type_width(type_of(gen));
    for (int64_t i = from; i < to; i++) {
        int64_t v = t_value(gen, i);
        memcpy((char *)data + (size_t)i * width, &v, width);
    }
}

void t_check(const vcol_span *span, const t_gen *gen)
{
    size_t width = vcol_type_width(type_of(gen));
    t_require(span->data);
    t_require(span->count == gen->count);
    for (int64_t i = 0; i < span->count; i++) {
        int64_t v = t_value(gen, i);
        t_require(memcmp((const char *)span->data + (size_t)i * width, &v, width) == 0);
    }
}

static vcol_status gen_size(int64_t *count, void *opaque, vcol_error *err)
{
    t_gen *gen = opaque;
    (void)err;
    atomic_fetch_add(&gen->sizes, 1);
    *count = gen->count;
    return VCOL_OK;
}

static vcol_status gen_body(t_gen *gen, vcol_fill *fill, int call, vcol_error *err)
{
    void *data = vcol_fill_data(fill);
    vcol_status status = VCOL_OK;
    if (gen->late) {
        t_require(!data);
        t_require(vcol_fill_count(fill) == -1);
        int64_t done = 0;
        int64_t step = gen->grow ? gen->grow : gen->count;
        do {
            int64_t to = done + step < gen->count ? done + step : gen->count;
            status = vcol_fill_reserve(fill, to, &data, err);
            if (status != VCOL_OK)
                return status;
            put(gen, data, done, to);
            done = to;
        } while (done < gen->count);
    } else {
        t_require(data);
        t_require(vcol_fill_count(fill) == gen->count);
        put(gen, data, 0, gen->count / 2);
    }
    if (gen->gate)
        t_gate_pass(gen->gate);
    if (gen->heed && vcol_fill_cancelled(fill))
        return VCOL_CANCELLED;
    for (int i = 0; i < T_READS && gen->reads[i]; i++) {
        vcol_span span;
        status = vcol_buffer_pin(gen->reads[i], &span, err);
        if (status != VCOL_OK)
            return status;
        vcol_buffer_unpin(gen->reads[i]);
    }
    if (!gen->late)
        put(gen, data, gen->count / 2, gen->count);
    if (gen->fail_call == call || gen->fail_call < 0) {
        status = gen->fail_status ? gen->fail_status : VCOL_IO;
        return gen->fail_message ? vcol_error_set(err, status, gen->fail_message) : status;
    }
    if (gen->tell_count || gen->tell_type)
        vcol_fill_done(fill, gen->tell_count ? gen->tell_count : gen->count,
                       gen->tell_type ? gen->tell_type : type_of(gen));
    return VCOL_OK;
}

static vcol_status gen_generate(vcol_fill *fill, void *opaque, vcol_error *err)
{
    t_gen *gen = opaque;
    int call = atomic_fetch_add(&gen->calls, 1) + 1;
    t_gen *meters[] = {gen, gen->meter};
    for (int i = 0; i < 2 && meters[i]; i++) {
        int inside = atomic_fetch_add(&meters[i]->inside, 1) + 1, most = atomic_load(&meters[i]->most_inside);
        while (inside > most && !atomic_compare_exchange_weak(&meters[i]->most_inside, &most, inside))
            ;
    }
    atomic_store(&gen->order, atomic_fetch_add(&t_order, 1) + 1);
    vcol_status status = gen_body(gen, fill, call, err);
    for (int i = 0; i < 2 && meters[i]; i++)
        atomic_fetch_sub(&meters[i]->inside, 1);
    return status;
}

static void gen_destroy(void *opaque)
{
    atomic_fetch_add(&((t_gen *)opaque)->destroyed, 1);
}

vcol_buffer *t_buffer_with(vcol_manager *m, t_gen *gen, const char *name, vcol_buffer *const *inputs, int64_t n)
{
    vcol_buffer_options o;
    vcol_buffer *b;
    vcol_error err = {0};
    vcol_buffer_options_init(&o, sizeof o);
    o.type = type_of(gen);
    o.count = gen->late || gen->with_size ? -1 : gen->count;
    o.generator = (vcol_generator){gen->with_size ? gen_size : NULL, gen_generate, gen_destroy, gen,
                                   gen->cost > 0 ? gen->cost : 1e-7}; /* said, so that no order depends on the clock */
    o.inputs = inputs;
    o.n_inputs = n;
    o.name = name;
    if (vcol_buffer_create(m, &o, &b, &err) != VCOL_OK)
        t_fail(__FILE__, __LINE__, err.message);
    return b;
}

vcol_buffer *t_buffer(vcol_manager *m, t_gen *gen, const char *name)
{
    return t_buffer_with(m, gen, name, NULL, 0);
}

vcol_buffer *t_buffer_of(vcol_manager *m, int64_t count, vcol_generator generator, const char *name)
{
    vcol_buffer_options o;
    vcol_buffer *b;
    vcol_buffer_options_init(&o, sizeof o);
    o.type = VCOL_I64;
    o.count = count;
    o.generator = generator;
    o.name = name;
    t_require(vcol_buffer_create(m, &o, &b, NULL) == VCOL_OK);
    return b;
}

void t_release(vcol_buffer *const *buffers, int n)
{
    for (int i = 0; i < n; i++)
        vcol_buffer_release(buffers[i]);
}

void t_read(vcol_buffer *b, const t_gen *gen)
{
    vcol_span span;
    vcol_error err = {0};
    vcol_status status = vcol_buffer_pin(b, &span, &err);
    if (status != VCOL_OK)
        t_fail(__FILE__, __LINE__, err.message);
    t_check(&span, gen);
    vcol_buffer_unpin(b);
}

static void *read_in_thread(void *r_void)
{
    t_reader *r = r_void;
    vcol_span span;
    atomic_store(&r->id, vcol__wait_thread());
    if (r->before)
        t_gate_pass(r->before);
    r->status = vcol_buffer_pin(r->buffer, &span, &r->err);
    r->data = span.data;
    if (r->status == VCOL_OK && r->gen)
        t_check(&span, r->gen);
    if (r->pinned)
        t_gate_pass(r->pinned);
    if (r->status == VCOL_OK)
        vcol_buffer_unpin(r->buffer);
    return NULL;
}

void t_reader_start(t_reader *r)
{
    t_require(pthread_create(&r->thread, NULL, read_in_thread, r) == 0);
}

void t_reader_join(t_reader *r)
{
    t_require(pthread_join(r->thread, NULL) == 0);
}

/* ---- threads that do the same at once --------------------------------------------------------------- */

static void *run_member(void *member_void)
{
    struct t_member *member = member_void;
    member->crowd->run(member->crowd->arg, &member->random);
    return NULL;
}

void t_crowd_start(t_crowd *c, int n, int seed, void (*run)(void *arg, t_random *r), void *arg)
{
    t_require(n <= T_CROWD);
    *c = (t_crowd){.run = run, .arg = arg, .n = n};
    for (int i = 0; i < n; i++) {
        c->members[i].crowd = c;
        c->members[i].random.state = (uint64_t)(seed * n + i + 1);
        t_require(pthread_create(&c->members[i].thread, NULL, run_member, &c->members[i]) == 0);
    }
}

void t_crowd_join(t_crowd *c)
{
    for (int i = 0; i < c->n; i++)
        t_require(pthread_join(c->members[i].thread, NULL) == 0);
}

/* ---- an executor that the test steps --------------------------------------------------------------- */

struct t_task {
    struct t_task *next;
    vcol_task_kind kind;
    void (*run)(void *arg);
    void *arg;
};

static vcol_status submit(vcol_task_kind kind, void (*run)(void *arg), void *arg, void *opaque)
{
    t_executor *e = opaque;
    pthread_mutex_lock(&e->lock);
    bool refuse = e->refuse;
    if (!refuse) {
        struct t_task *task = malloc(sizeof *task);
        *task = (struct t_task){NULL, kind, run, arg};
        *e->tail = task;
        e->tail = &task->next;
        e->submitted++;
    }
    pthread_mutex_unlock(&e->lock);
    return refuse ? VCOL_NOMEM : VCOL_OK;
}

void t_executor_init(t_executor *e)
{
    memset(e, 0, sizeof *e);
    pthread_mutex_init(&e->lock, NULL);
    e->tail = &e->head;
}

vcol_executor t_executor_of(t_executor *e)
{
    return (vcol_executor){submit, e};
}

static bool step(t_executor *e, int kind)
{
    pthread_mutex_lock(&e->lock);
    struct t_task **at = &e->head;
    while (*at && kind >= 0 && (int)(*at)->kind != kind)
        at = &(*at)->next;
    struct t_task *task = *at;
    if (task) {
        *at = task->next;
        if (!task->next)
            e->tail = at;
    }
    pthread_mutex_unlock(&e->lock);
    if (!task)
        return false;
    task->run(task->arg);
    free(task);
    return true;
}

bool t_step(t_executor *e)
{
    return step(e, -1);
}

bool t_step_kind(t_executor *e, vcol_task_kind kind)
{
    return step(e, (int)kind);
}

int64_t t_run(t_executor *e)
{
    int64_t n = 0;
    while (t_step(e))
        n++;
    return n;
}

int64_t t_waiting(t_executor *e)
{
    int64_t n = 0;
    pthread_mutex_lock(&e->lock);
    for (struct t_task *task = e->head; task; task = task->next)
        n++;
    pthread_mutex_unlock(&e->lock);
    return n;
}

/* ---- an allocator ---------------------------------------------------------------------------------- */

static void *count_alloc(size_t size, size_t align, void *opaque)
{
    t_allocator *a = opaque;
    int64_t call = atomic_fetch_add(&a->calls, 1) + 1;
    void *p;
    if (call == a->fail_call || (a->fail_from && call >= a->fail_from))
        return NULL;
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1))
        return NULL;
    atomic_fetch_add(&a->live, (int64_t)size);
    if (align == 64 && a->exact) { /* promised before it is there, live after */
        vcol_stats s = t_stats(a->exact);
        t_require((int64_t)(s.live + s.cached) == atomic_load(&a->columns));
        t_require(s.promised >= size);
    }
    if (align == 64) {
        int64_t now = atomic_fetch_add(&a->columns, (int64_t)size) + (int64_t)size;
        int64_t most = atomic_load(&a->most_columns);
        while (now > most && !atomic_compare_exchange_weak(&a->most_columns, &most, now))
            ;
    }
    return p;
}

static void count_free(void *p, size_t size, size_t align, void *opaque)
{
    t_allocator *a = opaque;
    if (align == 64 && a->exact) { /* credited after it is gone */
        vcol_stats s = t_stats(a->exact);
        t_require((int64_t)(s.live + s.cached) == atomic_load(&a->columns));
    }
    atomic_fetch_sub(&a->live, (int64_t)size);
    if (align == 64)
        atomic_fetch_sub(&a->columns, (int64_t)size);
    free(p);
}

vcol_allocator t_allocator_of(t_allocator *a)
{
    return (vcol_allocator){count_alloc, count_free, a};
}

/* ---- a source --------------------------------------------------------------------------------------- */

void *t_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    t_require(in && fseek(in, 0, SEEK_END) == 0);
    *size = (size_t)ftell(in);
    rewind(in);
    void *bytes = malloc(*size);
    t_require(bytes && fread(bytes, 1, *size, in) == *size);
    fclose(in);
    return bytes;
}

static vcol_status source_limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    t_source *s = self;
    (void)err;
    *out = s->limits;
    out->size = s->size;
    if (!out->flags)
        out->flags = VCOL_SOURCE_FAST; /* not found out by what reads take: no test depends on a clock */
    return VCOL_OK;
}

static vcol_status source_read(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    t_source *s = self;
    int64_t call = atomic_fetch_add(&s->calls, 1) + 1;
    if (s->gate)
        t_gate_pass(s->gate);
    for (int32_t i = 0; i < n; i++) {
        uint64_t end = ranges[i].offset + ranges[i].size;
        if (end > s->size)
            return vcol_error_set(err, VCOL_RANGE, "beyond the end");
        if (s->bad_bytes && ranges[i].offset < s->bad_offset + s->bad_bytes && end > s->bad_offset)
            return vcol_error_set(err, VCOL_IO, "bad bytes on the medium");
    }
    if (call == s->fail_call)
        return vcol_error_set(err, VCOL_IO, "the medium failed");
    for (int32_t i = 0; i < n; i++)
        memcpy(ranges[i].data, (const char *)s->data + ranges[i].offset, ranges[i].size);
    pthread_mutex_lock(&s->lock);
    for (int32_t i = 0; i < n; i++) {
        bool goes_on = i > 0 && ranges[i].offset == ranges[i - 1].offset + ranges[i - 1].size;
        atomic_fetch_add(&s->bytes, (int64_t)ranges[i].size);
        if (goes_on && s->n_logged > 0 && s->n_logged < T_LOGGED) {
            s->logged[s->n_logged - 1].bytes += ranges[i].size;
        } else if (s->n_logged < T_LOGGED) {
            s->logged[s->n_logged].offset = ranges[i].offset;
            s->logged[s->n_logged++].bytes = ranges[i].size;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return VCOL_OK;
}

static void source_close(void *self)
{
    atomic_fetch_add(&((t_source *)self)->closed, 1);
}

vcol_source *t_source_open(t_source *s, const void *data, size_t size, const char *name)
{
    static const vcol_source_ops ops = {
        .struct_size = sizeof ops, .limits = source_limits, .read = source_read, .close = source_close};
    vcol_source *out;
    vcol_error err = {0};
    s->data = data;
    s->size = size;
    pthread_mutex_init(&s->lock, NULL);
    if (vcol_source_create(&ops, s, name, &out, &err) != VCOL_OK)
        t_fail(__FILE__, __LINE__, err.message);
    return out;
}
