/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the runtime's tests share: gates, generators that tell what was done to them, an executor that is stepped by the
 * test, an allocator that counts and fails, a source that fails and waits, seeded numbers, a watchdog.
 *
 * No test sleeps. A test waits for another thread by a gate, or by a counter of the runtime that has to reach a number
 * (t_until); what never comes ends in the watchdog, which prints the case and who waits for whom, and aborts.
 */
#ifndef VCOL_TESTS_HELPERS_H
#define VCOL_TESTS_HELPERS_H

#include <vcol/vcol.h>
#include <vcol/reader.h>

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define T_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define T_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define T_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define T_TSAN 1
#endif
#endif

/* Repetitions that are shortened where a sanitizer makes each of them slow. */
#if defined(T_TSAN) || defined(T_ASAN)
#define T_REPEAT(n) ((n) / 5 + 1)
#else
#define T_REPEAT(n) (n)
#endif

/* ---- a suite's main ------------------------------------------------------------------------------ */

/* Adds every test of the table to one case, watched. */
typedef struct t_test {
    const TTest *test;
    int loops; /* 0 = once; else _i runs from 0 to loops - 1 */
} t_test;
int t_main(const char *suite, const t_test *tests, size_t n);

/* Begins the time after which the program ends, and says `what` was waited for. Every test has begun it with its name.
 * Any thread. */
void t_watch(const char *what);

/* An assertion for threads other than the test's own: Check's jump out of their stacks. */
#define t_require(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            t_fail(__FILE__, __LINE__, #condition);                                                                    \
    } while (0)
_Noreturn void t_fail(const char *file, int line, const char *condition);

/* ---- numbers --------------------------------------------------------------------------------------- */

typedef struct t_random {
    uint64_t state;
} t_random;
uint64_t t_next(t_random *r);
/* 0 … n - 1 */
int64_t t_below(t_random *r, int64_t n);

/* ---- gates ----------------------------------------------------------------------------------------- */

/* Threads that pass a gate are counted and wait until it is open. */
typedef struct t_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int arrived;  /* lock */
    int tickets;  /* lock: so many more may pass */
    int opens_at; /* lock: so many arrivals open it; 0 = none do */
    bool open;    /* lock */
} t_gate;
void t_gate_init(t_gate *gate);
void t_gate_destroy(t_gate *gate);
void t_gate_pass(t_gate *gate);
/* Waits until n threads have come in all. */
void t_gate_await(t_gate *gate, int n);
void t_gate_open(t_gate *gate);
/* It opens once n threads have arrived: they meet at it. */
void t_gate_open_at(t_gate *gate, int n);
/* Lets n threads pass, and no more. */
void t_gate_let(t_gate *gate, int n);
int t_gate_arrived(t_gate *gate);

/* ---- managers -------------------------------------------------------------------------------------- */

vcol_manager_options t_options(void);
/* The watchdog prints who waits for whom in each of them, as long as it is open. */
vcol_manager *t_manager(const vcol_manager_options *options);
/* Tests close by this one. */
void t_manager_close(vcol_manager *m);
#define vcol_manager_close(m) t_manager_close(m)

/* ---- waiting for the runtime ----------------------------------------------------------------------- */

vcol_stats t_stats(const vcol_manager *m);
/* Who waits for whom, as the watchdog prints it, once so many threads wait; freed by free(). */
char *t_waits(vcol_manager *m, int n);
/* Gives way until the expression is true. */
#define t_until(expression)                                                                                            \
    while (!(expression))                                                                                              \
    t_yield()
void t_yield(void);
/* Threads of this process. */
int t_threads(void);

/* ---- generators ------------------------------------------------------------------------------------ */

#define T_READS 4

/* A buffer of int64 whose i-th value is seed * 1000003 + i, and what its generator does on the way. */
typedef struct t_gen {
    int64_t seed, count;
    vcol_type type;           /* VCOL_TYPE_NONE = I64 */
    bool late;                /* count known only once generated */
    bool with_size;           /* count known to `size` only */
    int fail_call;            /* the n-th call fails, from 1; 0 = none; -1 = all */
    vcol_status fail_status;  /* 0 = IO */
    const char *fail_message; /* NULL = no message of its own */
    t_gate *gate;             /* passed in the middle */
    vcol_buffer *reads[T_READS]; /* read, undeclared, on the way */
    int64_t tell_count;       /* told to fill_done instead of what is right; 0 = not */
    vcol_type tell_type;
    int64_t grow;             /* late: reserved in steps of so many values */
    struct t_gen *meter;      /* whose `inside` and `most_inside` count this one too */
    double cost;              /* seconds; 0 = 1e-7 */
    bool heed;                /* gives up when it is told that nobody wants it any more */
    /* seen */
    _Atomic int calls, sizes, destroyed, inside, most_inside;
    _Atomic int64_t order; /* t_order's number at the last call; from 1 */
} t_gen;

/* The order in which generators were called, of all managers. */
extern _Atomic int64_t t_order;

vcol_buffer *t_buffer(vcol_manager *m, t_gen *gen, const char *name);
vcol_buffer *t_buffer_with(vcol_manager *m, t_gen *gen, const char *name, vcol_buffer *const *inputs, int64_t n);
/* An int64 buffer of a generator of the test's own. count -1 = not known before. */
vcol_buffer *t_buffer_of(vcol_manager *m, int64_t count, vcol_generator generator, const char *name);
/* Lets go of n buffers. */
void t_release(vcol_buffer *const *buffers, int n);
/* Pins, compares all values, unpins. */
void t_read(vcol_buffer *b, const t_gen *gen);
void t_check(const vcol_span *span, const t_gen *gen);
int64_t t_value(const t_gen *gen, int64_t i);

/* A thread that pins a buffer, checks or fails, and unpins at a gate (NULL: at once). */
typedef struct t_reader {
    vcol_buffer *buffer;
    const t_gen *gen;
    t_gate *before, *pinned; /* passed before the pin, and while it is pinned */
    pthread_t thread;
    vcol_status status;
    vcol_error err;
    const void *data;
    _Atomic int64_t id; /* of the thread, as the printed waits name it; 0: not begun */
} t_reader;
void t_reader_start(t_reader *r);
void t_reader_join(t_reader *r);

/* ---- threads that do the same at once --------------------------------------------------------------- */

#define T_CROWD 8

typedef struct t_crowd {
    void (*run)(void *arg, t_random *r); /* of each thread, by numbers of its own */
    void *arg;
    int n;
    struct t_member {
        struct t_crowd *crowd;
        t_random random;
        pthread_t thread;
    } members[T_CROWD];
} t_crowd;
/* Starts n of them. Other seeds give other numbers, to each of them. */
void t_crowd_start(t_crowd *c, int n, int seed, void (*run)(void *arg, t_random *r), void *arg);
void t_crowd_join(t_crowd *c);

/* ---- an executor that the test steps --------------------------------------------------------------- */

typedef struct t_executor {
    pthread_mutex_t lock;
    struct t_task *head, **tail; /* lock */
    int64_t submitted;           /* lock */
    bool refuse;                 /* submit fails */
} t_executor;
void t_executor_init(t_executor *e);
vcol_executor t_executor_of(t_executor *e);
/* Runs the oldest task; false if there is none. */
bool t_step(t_executor *e);
/* The same of one kind. */
bool t_step_kind(t_executor *e, vcol_task_kind kind);
/* Runs tasks until none is left; how many. */
int64_t t_run(t_executor *e);
int64_t t_waiting(t_executor *e);

/* ---- an allocator ---------------------------------------------------------------------------------- */

typedef struct t_allocator {
    _Atomic int64_t live;    /* bytes, all */
    _Atomic int64_t columns; /* of those, aligned as column memory is */
    _Atomic int64_t most_columns;
    _Atomic int64_t calls;
    int64_t fail_call; /* the n-th allocation fails, from 1; 0 = none */
    int64_t fail_from; /* all from the n-th on fail; 0 = none */
    const vcol_manager *exact; /* its account is compared at every call: tests of one thread */
} t_allocator;
vcol_allocator t_allocator_of(t_allocator *a);

/* ---- a source --------------------------------------------------------------------------------------- */

/* All bytes of a file; freed by free(). */
void *t_file(const char *path, size_t *size);

#define T_LOGGED 4096

typedef struct t_source {
    const void *data;
    size_t size;
    vcol_source_limits limits;
    int64_t fail_call;              /* the n-th read fails, from 1; 0 = none */
    uint64_t bad_offset, bad_bytes; /* reads that touch these bytes fail */
    t_gate *gate;                   /* passed by each read */
    _Atomic int64_t calls, bytes;
    _Atomic int closed;
    pthread_mutex_t lock;
    int64_t n_logged; /* lock */
    struct {
        uint64_t offset, bytes;
    } logged[T_LOGGED]; /* lock: extent of each read; adjacent ranges of a call are one */
} t_source;
/* The source borrows s. */
vcol_source *t_source_open(t_source *s, const void *data, size_t size, const char *name);

#endif
