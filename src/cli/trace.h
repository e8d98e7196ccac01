/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.h: a trace file that was read (trace_read.c), and what it adds up to (trace_sum.c). */
#ifndef VCOL_CLI_TRACE_H
#define VCOL_CLI_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include <vcol/base.h>

typedef enum trace_what {
    TRACE_COMPUTE,
    TRACE_GENERATE,
    TRACE_READ,
    TRACE_UNPACK,
    TRACE_DECODE,
    TRACE_LOAD,
    TRACE_PLAN,
    TRACE_WAIT,
    TRACE_OTHER, /* a category that this version does not know */
    TRACE_WHATS
} trace_what;
extern const char *const trace_what_names[TRACE_WHATS];

/* What is waited for. */
typedef enum trace_for { TRACE_FOR_BYTES, TRACE_FOR_LOAD, TRACE_FOR_BLOCK, TRACE_FOR_HELPER, TRACE_FOR_MEMORY, TRACE_FOR_COMPUTE,
                         TRACE_FOR_OTHER, TRACE_FORS } trace_for;
extern const char *const trace_for_names[TRACE_FORS];

typedef struct trace_span {
    int64_t start, end; /* ns; end >= start */
    int64_t thread;     /* an index into threads */
    int what, wait;     /* trace_what, trace_for */
    int again;          /* unpacked once more in one pass */
} trace_span;

/* A stretch of a file: of a read, or of a block that was unpacked. */
typedef struct trace_range {
    int64_t file;
    uint64_t offset, bytes;
} trace_range;

typedef struct trace_thread {
    int64_t id;
    char name[32];
    int64_t spent[TRACE_WHATS]; /* ns, without what was spent in spans inside; set by trace_sum */
} trace_thread;

typedef struct trace_data {
    trace_span *spans;
    int64_t n_spans, spans_capacity;
    trace_thread *threads;
    int64_t n_threads, threads_capacity;
    trace_range *reads, *blocks;
    int64_t n_reads, reads_capacity, n_blocks, blocks_capacity;
    int64_t calls;                 /* of sources */
    uint64_t bytes_read, bytes_wanted;
    uint64_t dropped, limit, peak, overcommits; /* as the file says; 0 where it says nothing */
} trace_data;

/* Reads a file. *out is to be freed after a failure too. Errors: IO, CORRUPT (no trace, or not whole), NOMEM. */
vcol_status trace_read(const char *path, trace_data *out, vcol_error *err);
/* The same from an open file; path is for messages. */
vcol_status trace_read_from(FILE *in, const char *path, trace_data *out, vcol_error *err);
void trace_free(trace_data *data);

/* Times are ns, of all threads together where nothing else is said. */
typedef struct trace_sum {
    int64_t time;                /* from the first span's begin to the last one's end */
    int64_t spent[TRACE_WHATS];
    int64_t waited[TRACE_FORS];
    int64_t idle;                /* no span at all */
    int64_t computing;           /* at least one thread computed: at most `time` */
    int64_t work, work_overlapped; /* reading, unpacking, decoding, generating; of that, while something computed */
    uint64_t bytes_twice;        /* read more than once */
    int64_t blocks, blocks_repeated, repeats, again; /* different ones; of these more than once; surplus; in one pass */
} trace_sum;

/* Adds up; sorts what data has, and sets the threads' times. Errors: NOMEM, CORRUPT. */
vcol_status trace_sum_up(trace_data *data, trace_sum *out, vcol_error *err);

#endif
