/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of a buffer's life that a seeded fault breaks (src/core/fault.h), one test for each fault, and
 * those that the model in tests/model found broken. Threads are led by semaphores and by counters of the
 * library; nothing sleeps. The link wraps pthread_cond_wait, so that a test knows when a thread is asleep.
 *
 * Faults hang, too: the program ends after VCOL_WATCHDOG seconds (100) in one test.
 */
#include <vcol/vcol.h>

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT 1000
#define SUM   ((uint64_t)COUNT * (COUNT - 1) / 2)

/* ---- threads asleep ------------------------------------------------------------------------------- */

static atomic_int
    sleeps; /* calls of pthread_cond_wait; counted with the mutex held, which is given up by the wait */

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    atomic_fetch_add(&sleeps, 1);
    return __real_pthread_cond_wait(condition, mutex);
}

#define until(condition)                                                                                     \
    do {                                                                                                     \
        while (!(condition))                                                                                 \
            sched_yield();                                                                                   \
    } while (0)

/* ---- a generator that waits to be let go ------------------------------------------------------------ */

typedef struct source {
    atomic_int calls, seen; /* begun; arrived where it waits */
    int gated;              /* the first so many calls wait for `go` half-way */
    bool stops;             /* the first call waits until it is told to stop, then for `go`, and stops */
    vcol_buffer *input;     /* read by every call; a gated one does that first; may be NULL */
    sem_t go;
} source;

static vcol_status generate(vcol_fill *fill, void *opaque, vcol_error *err)
{
    source *s = opaque;
    uint32_t *data = vcol_fill_data(fill);
    int call = atomic_fetch_add(&s->calls, 1);
    vcol_status status = VCOL_OK;
    for (uint32_t i = 0; i < COUNT / 2; i++)
        data[i] = i;
    if (s->stops && call == 0) {
        until(vcol_fill_cancelled(fill));
        status = VCOL_CANCELLED;
    } else if (s->input) {
        vcol_span span;
        status = vcol_buffer_pin(s->input, &span, err);
        if (status == VCOL_OK)
            vcol_buffer_unpin(s->input);
    }
    if (call < s->gated) {
        atomic_fetch_add(&s->seen, 1);
        sem_wait(&s->go);
    }
    for (uint32_t i = COUNT / 2; i < COUNT; i++)
        data[i] = i;
    return status;
}

static vcol_manager *m;

/* Instead of Check's, which kills the whole process group where it has not forked. */
static void watchdog(int signal)
{
    static const char text[] = "life.c: hung until the watchdog\n";
    (void)signal;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    _exit(ignored < 0 ? 2 : 3);
}

static void open_manager(int32_t threads)
{
    vcol_manager_options o;
    vcol_manager_options_init(&o, sizeof o);
    o.flags = threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    o.threads = threads;
    ck_assert_int_eq(vcol_manager_open(&o, &m, NULL), VCOL_OK);
    atomic_store(&sleeps, 0);
    const char *limit = getenv("VCOL_WATCHDOG");
    signal(SIGALRM, watchdog);
    alarm(limit ? (unsigned)atoi(limit) : 100);
}

static vcol_buffer *create(source *s, int gated)
{
    vcol_buffer *b = NULL;
    vcol_buffer_options o;
    vcol_buffer_options_init(&o, sizeof o);
    s->gated = gated;
    sem_init(&s->go, 0, 0);
    o.type = VCOL_U32;
    o.count = COUNT;
    o.generator.generate = generate;
    o.generator.opaque = s;
    ck_assert_int_eq(vcol_buffer_create(m, &o, &b, NULL), VCOL_OK);
    return b;
}

static vcol_stats stats(void)
{
    vcol_stats s;
    vcol_manager_stats(m, &s, sizeof s);
    return s;
}

static void close_manager(vcol_buffer *b, vcol_buffer *other)
{
    vcol_buffer_release(b);
    vcol_buffer_release(other);
    vcol_manager_close(m);
    alarm(0);
}

/* ---- a thread that pins, and one that ends a scope ---------------------------------------------------- */

typedef struct asker {
    pthread_t thread;
    vcol_buffer *buffer;
    vcol_prefetch *scope;
    vcol_span span;
    vcol_error err;
    vcol_status status;
} asker;

static void *pin_in_thread(void *asker_void)
{
    asker *a = asker_void;
    a->status = vcol_buffer_pin(a->buffer, &a->span, &a->err);
    return NULL;
}

static void *end_in_thread(void *asker_void)
{
    vcol_prefetch_end(((asker *)asker_void)->scope);
    return NULL;
}

static void ask(asker *a, vcol_buffer *b)
{
    *a = (asker){.buffer = b};
    ck_assert_int_eq(pthread_create(&a->thread, NULL, pin_in_thread, a), 0);
}

static void end(asker *a, vcol_prefetch *scope)
{
    *a = (asker){.scope = scope};
    ck_assert_int_eq(pthread_create(&a->thread, NULL, end_in_thread, a), 0);
}

static vcol_prefetch *begin(vcol_buffer *b)
{
    vcol_prefetch *scope = NULL;
    ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b, 1, NULL, &scope, NULL), VCOL_OK);
    return scope;
}

static void good(const vcol_span *span)
{
    uint64_t sum = 0;
    ck_assert_ptr_nonnull(span->data);
    ck_assert_int_eq(span->count, COUNT);
    for (int64_t i = 0; i < span->count; i++)
        sum += ((const uint32_t *)span->data)[i];
    ck_assert_uint_eq(sum, SUM);
}

/* The thread's pin, which is the caller's now. */
static void answered(asker *a)
{
    ck_assert_int_eq(pthread_join(a->thread, NULL), 0);
    ck_assert_msg(a->status == VCOL_OK, "pin: %s", a->err.message);
    good(&a->span);
}

static vcol_span pin(vcol_buffer *b)
{
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(b, &span, NULL), VCOL_OK);
    good(&span);
    return span;
}

/* ---- one test for each fault ------------------------------------------------------------------------- */

START_TEST(evictor_spares_what_is_pinned)
{
    source s = {0};
    open_manager(0);
    vcol_buffer *b = create(&s, 0);
    vcol_span span = pin(b);
    uint64_t live = stats().live;
    vcol_manager_evict(m);
    ck_assert_uint_eq(stats().evictions, 0);
    ck_assert_uint_eq(stats().live, live);
    good(&span);
    vcol_buffer_unpin(b);
    vcol_manager_evict(m);
    ck_assert_uint_eq(stats().evictions, 1);
    ck_assert_uint_eq(vcol_buffer_bytes(b), 0);
    close_manager(b, NULL);
}
END_TEST

START_TEST(clear_leaves_a_load_its_memory)
{
    source s = {0};
    asker a;
    open_manager(0);
    vcol_buffer *b = create(&s, 1);
    uint64_t before = stats().live;
    ask(&a, b);
    until(atomic_load(&s.seen) == 1);
    uint64_t loading = stats().live;
    ck_assert_uint_gt(loading, before);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    ck_assert_uint_eq(stats().live, loading);
    sem_post(&s.go);
    answered(&a);              /* who waited gets it */
    vcol_span joined = pin(b); /* who comes while it is pinned joins */
    ck_assert_ptr_eq(joined.data, a.span.data);
    vcol_buffer_unpin(b);
    good(&a.span);
    vcol_buffer_unpin(b);
    ck_assert_uint_eq(vcol_buffer_bytes(b), 0); /* never kept */
    ck_assert_uint_eq(stats().live, before);
    pin(b);
    vcol_buffer_unpin(b);
    ck_assert_int_eq(atomic_load(&s.calls), 2);
    ck_assert_uint_gt(vcol_buffer_bytes(b), 0); /* this one nobody cleared */
    close_manager(b, NULL);
}
END_TEST

START_TEST(one_thread_loads)
{
    source s = {0};
    asker first, second;
    open_manager(0);
    vcol_buffer *b = create(&s, 2);
    ask(&first, b);
    until(atomic_load(&s.seen) == 1);
    uint64_t live = stats().live;
    ask(&second, b);
    until(stats().waits == 1 || atomic_load(&s.calls) == 2);
    ck_assert_int_eq(atomic_load(&s.calls), 1);
    sem_post(&s.go);
    answered(&first);
    answered(&second);
    ck_assert_ptr_eq(first.span.data, second.span.data);
    ck_assert_int_eq(atomic_load(&s.calls), 1);
    ck_assert_uint_eq(stats().live, live);
    vcol_buffer_unpin(b);
    vcol_buffer_unpin(b);
    close_manager(b, NULL);
}
END_TEST

START_TEST(all_who_wait_are_woken)
{
    source s = {0};
    asker loader, waiter[3];
    open_manager(0);
    vcol_buffer *b = create(&s, 1);
    ask(&loader, b);
    until(atomic_load(&s.seen) == 1);
    for (int i = 0; i < 3; i++)
        ask(&waiter[i], b);
    until(atomic_load(&sleeps) == 3);
    sem_post(&s.go);
    answered(&loader);
    for (int i = 0; i < 3; i++)
        answered(&waiter[i]);
    for (int i = 0; i < 4; i++)
        vcol_buffer_unpin(b);
    ck_assert_int_eq(atomic_load(&s.calls), 1);
    close_manager(b, NULL);
}
END_TEST

START_TEST(last_unpin_does_the_deferred_clear)
{
    source s = {0};
    open_manager(0);
    vcol_buffer *b = create(&s, 0);
    uint64_t before = stats().live;
    vcol_span span = pin(b);
    pin(b);
    ck_assert_int_eq(vcol_buffer_clear(b), 1);
    vcol_buffer_unpin(b);
    good(&span);
    ck_assert_uint_gt(vcol_buffer_bytes(b), 0);
    vcol_buffer_unpin(b);
    ck_assert_uint_eq(vcol_buffer_bytes(b), 0);
    ck_assert_uint_eq(stats().live, before);
    ck_assert_uint_eq(stats().clears, 1);
    close_manager(b, NULL);
}
END_TEST

/* ---- what the model found ---------------------------------------------------------------------------- */

/* A scope ends, the load sees it; another scope begins, a consumer comes: for him it was never cancelled. */
START_TEST(load_that_stopped_is_no_error_for_who_came_late)
{
    source s = {.stops = true};
    asker ender, late;
    open_manager(1);
    vcol_buffer *b = create(&s, 1);
    vcol_prefetch *first = begin(b);
    until(atomic_load(&s.calls) == 1);
    end(&ender, first);
    until(atomic_load(&s.seen) == 1); /* has been told, and is about to say so */
    vcol_prefetch *second = begin(b);
    ask(&late, b);
    until(stats().waits == 1);
    sem_post(&s.go);
    answered(&late);
    ck_assert_int_eq(atomic_load(&s.calls), 2);
    vcol_buffer_unpin(b);
    pthread_join(ender.thread, NULL);
    vcol_prefetch_end(second);
    close_manager(b, NULL);
}
END_TEST

/* The same one further up: a prefetched buffer reads one whose prefetch is stopped, and a consumer comes
 * then. */
START_TEST(load_that_failed_by_a_stopped_one_is_no_error_either)
{
    source inner = {.stops = true}, outer = {0};
    asker ender, late;
    open_manager(2);
    vcol_buffer *b = create(&inner, 1), *a = create(&outer, 1);
    outer.input = b;
    vcol_prefetch *of_b = begin(b);
    until(atomic_load(&inner.calls) == 1);
    vcol_prefetch *of_a = begin(a);
    until(stats().waits == 1); /* for b */
    end(&ender, of_b);
    sem_post(&inner.go);
    until(atomic_load(&outer.seen) == 1); /* was told that b is cancelled, and is about to say so */
    ask(&late, a);
    until(stats().waits == 2);
    sem_post(&outer.go);
    answered(&late);
    ck_assert_int_eq(atomic_load(&outer.calls), 2);
    vcol_buffer_unpin(a);
    pthread_join(ender.thread, NULL);
    vcol_prefetch_end(of_a);
    close_manager(a, b);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 110);
    tcase_add_test(tc, test);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("life");
    add(suite, "evict", evictor_spares_what_is_pinned);
    add(suite, "clear", clear_leaves_a_load_its_memory);
    add(suite, "loader", one_thread_loads);
    add(suite, "waiter", all_who_wait_are_woken);
    add(suite, "unpin", last_unpin_does_the_deferred_clear);
    add(suite, "stopped", load_that_stopped_is_no_error_for_who_came_late);
    add(suite, "stopped_input", load_that_failed_by_a_stopped_one_is_no_error_either);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    int run = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
