/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/manager.h: the manager owns the memory limit, the worker threads and every byte of column
 * memory. A process may have several; they do not know of each other.
 *
 * Threads: every function here may be called from any thread. A manager must be closed after
 * everything opened on it (data sets, buffers, scopes) was closed or released.
 *
 * Memory: at every instant
 *     live + promised + cached + fixed <= limit
 * except for what was granted over the limit, which is counted (`overcommits`):
 *     live      bytes of materialized buffers, blocks, stored bytes in flight and scratch
 *     promised  reserved by work that was started, not yet backed by memory
 *     cached    recycled memory on the manager's free lists, but for what is lent: with the system's allocator promises are
 *               backed by it first, and what they will be backed by is counted as promised alone
 *     fixed     metadata and codec contexts
 *
 * Where a source is slow (it says so, or its reads were found to be; or the data set was told to: VCOL_DATASET_KEEP_STORED)
 * blocks are kept as they are stored when they have been unpacked. They are part of live, leave before buffers that were used
 * no later, and together take at most `stored_limit` bytes; clearing what was made of them does not free them, the data set's
 * close and vcol_manager_evict do. What needs such a block again unpacks it without reading it.
 *
 * Spilling: when memory is short, columns of files are dropped and read again. With a `spill_dir`, buffers of a generator that
 * costs more (vcol_generator.cost) than reading them back, and values that the program put in (vcol_chunk_put), are written to a
 * file in that directory instead: an Arrow IPC stream each, LZ4 packed, in one file without a name, which is gone when the
 * process ends, however it ends. A full or failing disk is no error: what can be generated is dropped, what was put in stays in
 * memory. Only values that were put in and can no longer be read back are an error (IO, CORRUPT) when they are asked for.
 */
#ifndef VCOL_MANAGER_H
#define VCOL_MANAGER_H

#include <vcol/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_manager vcol_manager;

/* What a task needs of the thread that runs it. */
typedef enum vcol_task_kind {
    VCOL_TASK_CPU = 0, /* decodes, generates */
    VCOL_TASK_IO = 1   /* plans and reads: may block in the system */
} vcol_task_kind;

/*
 * An executor of the caller's, instead of the manager's own threads. `submit` hands over one task:
 * run(arg) must be called exactly once, on any thread, at any later time, even after the manager was
 * closed (it then does nothing). It must not run inside submit. If submit fails, run is never called
 * and the work waits for a demand. No lock is held during submit.
 */
typedef struct vcol_executor {
    vcol_status (*submit)(vcol_task_kind kind, void (*run)(void *arg), void *arg, void *opaque);
    void *opaque;
} vcol_executor;

/* Flags of vcol_manager_options. */
#define VCOL_MANAGER_LIMIT_HARD 1u    /* an error (VCOL_LIMIT) instead of a grant over the limit */
#define VCOL_MANAGER_NO_BACKGROUND 2u /* no threads at all: prefetch does nothing */
#define VCOL_MANAGER_VERIFY 4u        /* unpack blocks whole and check every checksum */

/* Options; fill with vcol_manager_options_init first. Zero means the default everywhere. */
typedef struct vcol_manager_options {
    size_t struct_size;       /* bytes, set by init */
    uint32_t flags;           /* VCOL_MANAGER_… */
    int32_t threads;          /* worker threads; 0 = as many as the processors this process may use; < 0 MISUSE */
    int32_t io_threads;       /* threads for sources whose reads block; 0 = chosen */
    int32_t reserved;         /* 0 */
    uint64_t limit;           /* bytes; 0 = no limit; or VCOL_LIMIT_AUTO */
    uint64_t cached_limit;    /* bytes of `cached` at most; 0 = chosen: the limit, 256 MiB at most (it makes way) */
    uint64_t read_gap;        /* bytes at most between two ranges that are read as one; 0 = chosen by the source */
    uint64_t read_size;       /* bytes at most of one merged read; 0 = chosen by the source */
    uint64_t lookahead;       /* bytes at most materialized ahead of use; 0 = chosen from the limit */
    int64_t access_log;       /* entries kept of the ordered access log; 0 = no log */
    vcol_allocator allocator; /* all zero = the system's */
    vcol_executor executor;   /* submit NULL = threads of the manager's own */
    int64_t trace;            /* events kept of the trace (vcol/trace.h), 112 bytes each, charged to `fixed`; 0 = no trace */
    uint64_t stored_limit;    /* bytes at most of stored blocks that are kept (see above); 0 = chosen: half the limit, or 256 MiB */
    /*
     * A directory for values that leave memory and are costlier to make anew than to read back (see Spilling above); copied.
     * NULL = nothing is spilled.
     */
    const char *spill_dir;
    uint64_t spill_limit;     /* bytes at most in that directory; 0 = as much as there is */
} vcol_manager_options;

/*
 * As a limit: what the control group of this process may use (version 1 or 2, and the groups it is in), or the machine's memory,
 * whichever is smaller, less an eighth for the program itself. Found out once, when the manager is opened or the limit is set;
 * vcol_stats.limit tells what it was. Where nothing can be found out there is no limit.
 */
#define VCOL_LIMIT_AUTO UINT64_MAX

VCOL_API void vcol_manager_options_init(vcol_manager_options *options, size_t size);

/*
 * Opens a manager. Starts no thread before there is background work.
 * Errors: MISUSE (an option out of range), NOMEM.
 */
VCOL_API vcol_status vcol_manager_open(const vcol_manager_options *options, vcol_manager **out,
                                       vcol_error *err);

/*
 * Closes a manager: queued work is taken back, running work is waited for, threads end, all memory is
 * freed. NULL is fine. Handles of buffers that are still held keep the manager's memory alive until
 * their release, but nothing can be materialized any more (VCOL_CANCELLED).
 */
VCOL_API void vcol_manager_close(vcol_manager *manager);

/*
 * Frees all recycled memory, so that it leaves the process (with the system's allocator: also what that keeps for itself, where it is
 * glibc's); returns how many bytes of the account.
 */
VCOL_API uint64_t vcol_manager_trim(vcol_manager *manager);

/* Drops all buffers and blocks that are neither pinned nor leased nor being loaded, and trims. Returns bytes. */
VCOL_API uint64_t vcol_manager_evict(vcol_manager *manager);

/*
 * Changes the limit, while work is running too; 0 = none, or VCOL_LIMIT_AUTO. Evicts and trims down to it as far as it can; while
 * more is in use than the limit allows, nothing is prefetched, and what is asked for waits for what is running, then goes over the
 * limit, counted. What was chosen from the limit (the free lists' bound, the lookahead) is chosen anew.
 */
VCOL_API void vcol_manager_set_limit(vcol_manager *manager, uint64_t limit);

/* The number of worker threads in use or to be started; 0 with VCOL_MANAGER_NO_BACKGROUND. */
VCOL_API int32_t vcol_manager_threads(const vcol_manager *manager);

/*
 * Counters since the manager was opened. Exact when nothing is in flight.
 * New members are added at the end only.
 */
typedef struct vcol_stats {
    /* the account, bytes now */
    uint64_t limit, live, promised, cached, fixed;
    /* the account's peaks, bytes: of the sum, of live alone */
    uint64_t peak, peak_live;
    uint64_t overcommits;      /* grants over the limit */
    uint64_t overcommit_bytes; /* the most by which the sum was above the limit */
    /* buffers */
    uint64_t generations; /* loads that ended with a resident buffer */
    uint64_t failures;    /* loads that failed */
    uint64_t cancelled;   /* loads that were stopped or taken back after they were started */
    uint64_t hits;        /* first pins and leases that found the buffer resident */
    uint64_t waits;       /* pins that had to wait for a load in another thread */
    uint64_t helps;       /* loads or blocks of another thread's load that a waiting thread did */
    uint64_t clears;      /* buffers dropped by clear, step end or chunk close */
    uint64_t evictions;   /* buffers and blocks dropped to make room */
    uint64_t prefetched;  /* loads done by prefetch */
    uint64_t prefetch_unused; /* of those, dropped before anybody used them */
    /* input */
    uint64_t reads;            /* reads issued to sources */
    uint64_t bytes_asked;      /* stored bytes of the blocks that were wanted */
    uint64_t bytes_read;       /* bytes read, gaps included */
    uint64_t blocks_unpacked;  /* unpack operations */
    uint64_t bytes_unpacked;   /* bytes they produced */
    uint64_t blocks_redecoded; /* of those, again in the same pass because the block had been evicted */
    uint64_t memory_waits;     /* loads that had to wait for memory */
    /* stored blocks that are kept */
    uint64_t stored_kept;  /* their memory, bytes now; part of live */
    uint64_t stored_hits;  /* blocks that were unpacked from there instead of being read again */
    uint64_t stored_saved; /* stored bytes of those */
    uint64_t stored_drops; /* blocks that left: evicted, or for the bound */
    /* spilling */
    uint64_t spilled;        /* buffers written to the file */
    uint64_t bytes_spilled;  /* their values, bytes in memory */
    uint64_t spill_reads;    /* buffers read back */
    uint64_t spill_failures; /* buffers that were to be written and could not: dropped, or kept in memory if they were put in */
    uint64_t spill_bytes;    /* bytes of the file in use now */
} vcol_stats;

/* Fills the first `size` bytes of `*out`; give sizeof *out. */
VCOL_API void vcol_manager_stats(const vcol_manager *manager, vcol_stats *out, size_t size);

/* What an entry of the access log tells. */
typedef enum vcol_log_event {
    VCOL_LOG_ASK = 1,      /* a getter or pin asked for a buffer */
    VCOL_LOG_PREFETCH = 2, /* a buffer was queued by a prefetch */
    VCOL_LOG_PLAN = 3,     /* its blocks were planned; bytes = stored bytes */
    VCOL_LOG_READ = 4,     /* one read of a source: offset, bytes */
    VCOL_LOG_LOAD = 5,     /* it became resident; bytes = its memory */
    VCOL_LOG_FAIL = 6,
    VCOL_LOG_DROP = 7 /* its memory was freed */
} vcol_log_event;

typedef struct vcol_log_entry {
    uint64_t sequence; /* 0, 1, 2 …: the order in which the manager saw them */
    int32_t event;     /* vcol_log_event */
    int32_t group;     /* the reader's group, or -1 */
    int64_t first, count; /* entries, where the buffer belongs to a chunk */
    uint64_t offset, bytes;
    char name[64]; /* buffer or column, cut; a source's name for READ */
} vcol_log_entry;

/*
 * Copies log entries with sequence >= from, at most n, oldest first; returns how many. Entries older
 * than the last `access_log` ones are gone.
 */
VCOL_API int64_t vcol_manager_log(const vcol_manager *manager, uint64_t from, vcol_log_entry *out,
                                  int64_t n);

#ifdef __cplusplus
}
#endif
#endif
