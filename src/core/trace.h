/* SPDX-License-Identifier: BSD-3-Clause */
/* The trace of a manager: records of spans and of the account, kept without a lock. See trace.c. */
#ifndef VCOL_CORE_TRACE_H
#define VCOL_CORE_TRACE_H

#include <vcol/manager.h>

#include <stdatomic.h>
#include <stdbool.h>

#define VCOL__TRACE_NAME 48    /* bytes of a name that are kept, its end included */
#define VCOL__TRACE_THREADS 256 /* threads with a row */
#define VCOL__TRACE_DEPTH 32   /* open spans of the program's, a thread */

typedef enum vcol__trace_kind {
    VCOL__TRACE_NONE, /* not published */
    VCOL__TRACE_READ,
    VCOL__TRACE_RANGE, /* a mark in a READ that has several */
    VCOL__TRACE_PLAN,
    VCOL__TRACE_UNPACK,
    VCOL__TRACE_DECODE,
    VCOL__TRACE_GENERATE,
    VCOL__TRACE_LOAD,
    VCOL__TRACE_WAIT_LOAD,
    VCOL__TRACE_WAIT_BLOCK,
    VCOL__TRACE_WAIT_BYTES,
    VCOL__TRACE_WAIT_HELPER,
    VCOL__TRACE_WAIT_MEMORY,
    VCOL__TRACE_WAIT_COMPUTE,
    VCOL__TRACE_WAIT_OTHER,
    VCOL__TRACE_COMPUTE,
    VCOL__TRACE_PROGRAM,
    VCOL__TRACE_ACCOUNT
} vcol__trace_kind;

/* What a span tells beside its time; zero where it has nothing to tell. */
typedef struct vcol__trace_about {
    uint64_t offset, bytes, wanted;
    int64_t first;
    uint32_t file; /* vcol__binding.number; from 1 */
    uint32_t again;
} vcol__trace_about;

typedef struct vcol__trace_record {
    int64_t start, end; /* ns of the manager's clock */
    union {
        vcol__trace_about about;
        uint64_t account[5]; /* live, promised, cached, fixed, limit */
    };
    /* atomic: stored last, with release, by the thread that claimed the record; pairs with the acquire of who writes the file */
    _Atomic uint16_t kind;
    uint16_t thread; /* a row */
    char name[VCOL__TRACE_NAME];
} vcol__trace_record;

/* A thread's row; claimed by the thread when it records first, and never given back. */
typedef struct vcol__trace_thread {
    _Atomic int64_t id; /* the system's number; 0: free */
    _Atomic bool named; /* release, after name; pairs with the acquire of who writes the file */
    char name[16];
    /* the thread's own */
    int32_t depth;                   /* open spans */
    int64_t open[VCOL__TRACE_DEPTH]; /* their records; -1: not kept */
} vcol__trace_thread;

typedef struct vcol__trace {
    /* const */
    int64_t capacity;
    size_t bytes; /* all that the trace takes */
    vcol_manager *manager;
    vcol__trace_record *records;
    vcol__trace_thread *threads;
    int64_t origin; /* ns: the file's time 0 */
    /* account lock */
    uint64_t last[5];
    /* atomic, relaxed: a number to be given out, and a count */
    _Atomic int64_t next, dropped;
} vcol__trace;

/* Makes the manager's trace; its memory is charged to `fixed`. */
vcol_status vcol__trace_open(vcol_manager *m, int64_t events, vcol_error *err);
void vcol__trace_close(vcol_manager *m);

/* ns; the system's monotonic clock, or the one that a test has put in its place. */
int64_t vcol__clock(const vcol_manager *m);
/* Replaces the clock, before anything is done with the manager. */
void vcol__clock_set(vcol_manager *m, int64_t (*clock)(void *opaque), void *opaque);

/* Records a span of the calling thread that began at `start` and ends now. Under any lock. about may be NULL. */
void vcol__trace_span(vcol__trace *trace, vcol__trace_kind kind, int64_t start, const char *name,
                      const vcol__trace_about *about);
struct vcol__account;
/* Under the account's lock: records its parts if they have changed enough. */
void vcol__trace_account(vcol__trace *trace, const struct vcol__account *account);
/* The row of a thread, -1 if there are too many threads. */
int32_t vcol__trace_thread_of(vcol__trace *trace);

/*
 * Around what is recorded: VCOL__TRACE_BEGIN gives the time, or 0 without a trace. `about` is evaluated with a trace only.
 * The pointer is const after open: without a trace the branch is always predicted.
 */
#define VCOL__TRACING(m) (__builtin_expect((m)->trace != NULL, 0))
#define VCOL__TRACE_BEGIN(m) (VCOL__TRACING(m) ? vcol__clock(m) : 0)
#define VCOL__TRACE_END(m, kind, start, name, ...)                                                             \
    do {                                                                                                       \
        if (VCOL__TRACING(m))                                                                                  \
            vcol__trace_span((m)->trace, (kind), (start), (name), &(vcol__trace_about){__VA_ARGS__});          \
    } while (0)

#endif
