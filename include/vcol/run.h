/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/run.h: a job over all chunks of a data set, on several compute threads.
 *
 *     static vcol_status open(void **state, void *opaque, vcol_error *err);       an empty histogram
 *     static vcol_status fill(vcol_chunk *, void *state, void *opaque, vcol_error *err);
 *     static vcol_status add(void *total, void *state, void *opaque, vcol_error *err);
 *     static void drop(void *state, void *opaque);
 *
 *     vcol_job job;          vcol_job_init(&job, sizeof job);
 *     job.open = open;       job.chunk = fill;       job.merge = add;       job.close = drop;
 *     vcol_run_options o;    vcol_run_options_init(&o, sizeof o);
 *     o.jobs = 4;            o.columns = "Jet_pt MET_pt";
 *     vcol_run(dataset, &o, &job, &total, NULL, &err);
 *
 * Each chunk gets a result of its own (a state), made by one thread; the states are merged into the total one
 * at a time, in the order of the chunks: for a given partition the total is the same, to the bit, with any
 * number of threads, any limit, with and without prefetch.
 *
 * Order of calls, for each chunk: begin, open, chunk, (save), end, merge, close; or, where one of them fails, failed,
 * and close if there was a state. After the last merge, once: finish. No lock is held in any of them. `begin` to
 * `end` of a chunk are called on one compute thread; merge is never called twice at a time; finish on the
 * caller's thread. The caller's thread is the first of the compute threads; the others are named vcol-job-1, …
 *
 * Bounded: at most `depth` chunks are queued (opened ahead, prefetched), computed on and waiting for their
 * turn, together. Under a memory limit one chunk runs until it is known what a chunk needs; then as many as
 * fit. A thread that computes counts as one whose memory comes back: others that are short of memory wait for it
 * rather than go over the limit. So a chunk function must not wait for that of another chunk (for a lock
 * that the other may hold while it asks for columns).
 *
 * The end. What fails first, in the order of the chunks, fails the run: chunks before it are still merged, so
 * that the error does not depend on the number of threads; those behind it are stopped (their getters give
 * CANCELLED, see vcol_chunk_stopped) and dropped. (UNORDERED: everything stops at once.) A merge that
 * returns END has merged its state and wants no more: vcol_run returns END and sets no error. After either,
 * finish is not called; no thread, no chunk and no state is left; the total is as merge left it.
 */
#ifndef VCOL_RUN_H
#define VCOL_RUN_H

#include <vcol/chunk.h>
#include <vcol/partition.h>
#include <vcol/plan.h>
#include <vcol/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where save writes to. */
typedef struct vcol_sink vcol_sink;
/* Appends bytes. Errors: NOMEM. */
VCOL_API vcol_status vcol_sink_write(vcol_sink *sink, const void *data, size_t size, vcol_error *err);
/* A sink of the program's own, to call save with: for states that go to other processes. One thread at a time. Errors: NOMEM. */
VCOL_API vcol_status vcol_sink_open(vcol_sink **out, vcol_error *err);
/* What was written so far: borrowed until the next write. Never NULL. */
VCOL_API const void *vcol_sink_data(const vcol_sink *sink, size_t *size);
/* NULL is fine. */
VCOL_API void vcol_sink_close(vcol_sink *sink);

/* A chunk of a run, and how the run stands, for the hooks. */
typedef struct vcol_run_chunk {
    int64_t index;         /* 0, 1, 2 …: the chunk's number */
    int64_t first, count;  /* its entries */
    int32_t thread;        /* the compute thread's number, 0 … jobs − 1 */
    int32_t cached;        /* end: 1 if the state is from the results cache; chunk was not called then */
    int64_t queued, running, waiting; /* chunks of the run at this moment: opened ahead, computed on (this one too), for their turn */
    int64_t merged;        /* chunks merged so far */
} vcol_run_chunk;

/*
 * What is done. Fill with vcol_job_init first. Any of them but chunk may be NULL. open NULL: the state is NULL.
 * An error's message is passed on as it is.
 */
typedef struct vcol_job {
    size_t struct_size;
    /* An empty result for one chunk. */
    vcol_status (*open)(void **state, void *opaque, vcol_error *err);
    /* Computes it. The chunk is the run's, and closed afterwards. */
    vcol_status (*chunk)(vcol_chunk *chunk, void *state, void *opaque, vcol_error *err);
    /* Adds a state to the total; END: and wants no more. */
    vcol_status (*merge)(void *total, void *state, void *opaque, vcol_error *err);
    /* Frees a state, once for each that open or load made. */
    void (*close)(void *state, void *opaque);
    /* A state as bytes, and back: for the results cache and other processes. A state that went this way merges to the same total. */
    vcol_status (*save)(const void *state, vcol_sink *sink, void *opaque, vcol_error *err);
    vcol_status (*load)(void **state, const void *data, size_t size, void *opaque, vcol_error *err);
    /* Hooks around each chunk: one begin, then one end or failed. begin may fail the run. */
    vcol_status (*begin)(const vcol_run_chunk *info, void *opaque, vcol_error *err);
    void (*end)(const vcol_run_chunk *info, void *opaque);
    void (*failed)(const vcol_run_chunk *info, const vcol_error *why, void *opaque);
    /* After all chunks are merged; never after a failure or an early end. */
    vcol_status (*finish)(void *total, void *opaque, vcol_error *err);
    void *opaque;
} vcol_job;

VCOL_API void vcol_job_init(vcol_job *job, size_t size);

#define VCOL_RUN_NO_PREFETCH 1u /* nothing is read before it is asked for */
#define VCOL_RUN_UNORDERED   2u /* states are merged as they come: a slow chunk delays nobody */

typedef struct vcol_run_options {
    size_t struct_size;
    uint32_t flags;        /* VCOL_RUN_… */
    int32_t jobs;          /* compute threads, at most 256; 0 = chosen: from the processors, the share of their time that goes
                              into the job itself rather than into reading and unpacking, and the memory limit. init: 1 */
    int32_t depth;         /* chunks queued, in flight and waiting for their turn at most, to 1024; 0 = chosen */
    int32_t chunking;      /* vcol_chunking */
    uint32_t chunk_flags;  /* VCOL_CHUNK_… */
    int32_t reserved;
    int64_t entries, parts; /* see vcol/partition.h */
    int64_t first, count;   /* entries of the data set to visit; count 0 = to the end */
    const char *keys;       /* BY_GROUPS */
    const char *columns;    /* declared columns; NULL = learned from the first chunk only */
    vcol_plan *plan;        /* that chunks follow, acquired; or NULL */
    /*
     * GIVEN: the next range, in one file; END after the last. Called by one thread at a time. NOT_FOUND: none yet; only when
     * `wait` is 0, as when the run wants to look ahead; with 1 a thread has nothing else to do. Must return when the
     * run has stopped for another reason.
     */
    vcol_status (*next)(int64_t *first, int64_t *count, int wait, void *opaque, vcol_error *err);
    void *next_opaque;
    /*
     * Results cache: a directory (made if need be; its parent must exist) of states, by input file (its identity:
     * vcol_source_identity), entries, columns and `version`; needs save and load. What is found is merged instead of
     * computed. Change `version` when the code or its options change: it is the only thing that can tell.
     * Declare `columns`, or change `version` with them. Entries that are damaged, or that load refuses, are computed
     * anew; what cannot be written is not kept; neither is an error. Several processes may share a directory. Nothing
     * removes old entries: delete files, or the directory, at any time.
     */
    const char *cache_dir, *version;
    vcol_progress_fn progress; /* called when a chunk is merged, by one thread at a time; NULL: not. GIVEN: of the whole data set */
    void *progress_opaque;
} vcol_run_options;

VCOL_API void vcol_run_options_init(vcol_run_options *options, size_t size);

/* New members at the end only. */
typedef struct vcol_run_stats {
    int64_t chunks, entries;       /* merged */
    int64_t computed;              /* chunks whose function was called */
    int64_t from_cache, to_cache;  /* states found and kept */
    int64_t cache_damaged;         /* entries that were there and could not be used */
    int32_t jobs, depth, ahead;    /* in use at the end: as asked, or as chosen */
    int32_t most_running;          /* chunks computed on at a time */
    int32_t most_in_flight;        /* chunks queued, computed on and waiting together; <= depth */
    int32_t reserved;
    uint64_t working_set;          /* bytes that a chunk was seen to need at most; 0: none was computed */
    int64_t held_back;             /* times that a free thread waited because a further chunk did not fit the limit */
} vcol_run_stats;

/*
 * Runs a job over a data set (see above). `total` is handed to merge and finish. stats may be NULL; it is filled after a
 * failure too. Errors: MISUSE, RANGE, NOT_FOUND, TYPE (options), NOMEM, IO (cache_dir), and what the job and reading
 * give. Returns END if merge did.
 */
VCOL_API vcol_status vcol_run(vcol_dataset *dataset, const vcol_run_options *options, const vcol_job *job,
                              void *total, vcol_run_stats *stats, vcol_error *err);
/* Nonzero once nobody wants the result of this chunk any more: the job's function may return at once. Any chunk, any thread. */
VCOL_API int vcol_chunk_stopped(const vcol_chunk *chunk);

#ifdef __cplusplus
}
#endif
#endif
