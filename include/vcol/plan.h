/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/plan.h: what an analysis uses when. A chunk is worked on in *steps*: named stretches of the program,
 * begun by vcol_chunk_step. A *plan* holds, per step, the columns that it uses: declared by the program, or
 * learned from the first chunk.
 *
 *     vcol_plan_create(&plan, &err);                        empty: learned from the first chunk
 *     options.plan = plan;                                  of a loop, or of a run
 *     while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK) {
 *         vcol_chunk_step(chunk, "select", &err);           ... getters, vcol_chunk_put ...
 *         vcol_chunk_step(chunk, "fill", &err);             ends "select"
 *     }
 *
 * What a step means, with a plan or without: a lease that a getter took in it ends with it, and so its
 * pointer. Explicit pins outlive it. What getters take outside of any step stays until clear or close.
 *
 * What a plan adds
 *   - columns are prefetched in the order in which they are first used, at most `lookahead` bytes ahead of
 *     their use, and on into the next chunk while the last steps of this one compute;
 *   - a column is released after the last step that uses it, as by vcol_chunk_clear: shared offsets stay
 *     while another column or step needs them, pinned memory until its last unpin;
 *   - steps that are passed several times a chunk (folds: vcol_plan_set_folds) keep what they use until
 *     the last time;
 *   - what is evicted for want of memory is what is used last.
 *
 * A wrong plan costs time, never a value: a column that is touched and not listed is loaded on demand and
 * added to its step; one that was released too early is generated again. Only what the program itself put
 * into the chunk (vcol_chunk_put) cannot be made again. A plan releases it for good only if the program's own lists
 * name it and no step to come is learned; else it is the first to be spilled, and stays with the chunk.
 *
 * Threads: every function may be called from any thread; one plan may be shared by any number of loops, runs
 * and chunks at once, over different data sets too. The steps of one chunk are begun by one thread at a time,
 * while no other thread uses a pointer of that chunk's getters.
 */
#ifndef VCOL_PLAN_H
#define VCOL_PLAN_H

#include <vcol/chunk.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_plan vcol_plan;

/* ---- making one ------------------------------------------------------------------------------ */

/*
 * An empty plan. Nothing is released while a step to come has never been passed and was not declared. Without steps, they are learned from the first chunk that is closed after a step of it: their names,
 * order, columns and folds; nothing is released before that. Errors: MISUSE, NOMEM.
 */
VCOL_API vcol_status vcol_plan_create(vcol_plan **out, vcol_error *err);
/* One more, one fewer handle; loops and chunks hold theirs. release(NULL) is fine. */
VCOL_API void vcol_plan_acquire(vcol_plan *plan);
VCOL_API void vcol_plan_release(vcol_plan *plan);

/*
 * Adds a step behind those there are; they are passed in this order.
 * @param columns  what it uses, in the order of use: a list of names as for vcol_dataset_match, of columns of the
 *                 file, defined ones and ones that were put; "@Jet" means only the offsets of a collection or
 *                 list column. NULL = learned from the first chunk. "" = none
 * @param step     gets its number, from 0; may be NULL
 * Errors: MISUSE (the name is empty or taken), NOMEM. A name that fits nothing is no error: it may be put later.
 */
VCOL_API vcol_status vcol_plan_add_step(vcol_plan *plan, const char *name, const char *columns, int64_t *step,
                                        vcol_error *err);
/*
 * Steps [first, last] are passed `folds` times in each chunk, one round after the other: what was there before and is
 * used in a later round stays. folds 1 = once. Errors: RANGE (no such steps), MISUSE (folds < 1, or a step
 * is in another fold's range already), NOMEM.
 */
VCOL_API vcol_status vcol_plan_set_folds(vcol_plan *plan, int64_t first, int64_t last, int64_t folds,
                                         vcol_error *err);
/*
 * The same as a graph: an operation is a step that reads `inputs` and makes `outputs` (by vcol_chunk_put), each
 * the exact name of one column ("@…" as above). Operations are added in the order in which they are run. An input that no
 * operation before it makes comes from outside: from the file, or defined. An output that exists
 * already is made anew, and the old one is gone when nobody before reads it any more. Errors: as add_step.
 */
VCOL_API vcol_status vcol_plan_add_operation(vcol_plan *plan, const char *name, const char *const *inputs,
                                             int64_t n_inputs, const char *const *outputs, int64_t n_outputs,
                                             vcol_error *err);
/*
 * Says how many bytes a column of that name has, for vcol_plan_analyze. Of what is put the most that was seen is kept
 * without that. Errors: MISUSE, NOMEM.
 */
VCOL_API vcol_status vcol_plan_set_size(vcol_plan *plan, const char *name, uint64_t bytes, vcol_error *err);

/* Number of steps known by now, and the name of one (copied, cut to fit; RANGE where there is none). */
VCOL_API int64_t vcol_plan_steps(const vcol_plan *plan);
VCOL_API vcol_status vcol_plan_step_name(const vcol_plan *plan, int64_t step, char *out, size_t size,
                                         vcol_error *err);

/* What was seen of it since it was created or loaded, by all chunks. New members at the end only. */
typedef struct vcol_plan_stats {
    int64_t chunks;   /* closed after at least one step */
    int64_t passes;   /* steps begun */
    int64_t learned;  /* columns added to a step because they were touched in it */
    int64_t released; /* columns released after their last step */
    int64_t early;    /* of those, touched again in the same chunk: loaded or generated twice */
} vcol_plan_stats;
VCOL_API void vcol_plan_get_stats(const vcol_plan *plan, vcol_plan_stats *out, size_t size);

/* ---- a small text file ------------------------------------------------------------------------- */

/*
 * Writes what the plan holds now, whole or not at all; it can be read and edited:
 *     vcol plan 1
 *     step select
 *     uses Jet_pt Jet_eta "a column"      in quotes: exactly that column; else a name, collection or pattern
 *     makes "sel_pt"
 *     step fill learned                   a step whose columns are not known yet is `unknown`
 *     uses +"MET_pt"                      seen in a chunk, beside what was declared
 *     folds 0 1 5                         first, last, rounds
 *     size "sel_pt" 800000                bytes
 * Errors: IO, NOMEM.
 */
VCOL_API vcol_status vcol_plan_save(const vcol_plan *plan, const char *path, vcol_error *err);
/* Errors: IO, NOT_FOUND, CORRUPT (the message has the line), UNSUPPORTED (another version), NOMEM. */
VCOL_API vcol_status vcol_plan_load(const char *path, vcol_plan **out, vcol_error *err);

/* ---- what follows from it ---------------------------------------------------------------------- */

typedef struct vcol_plan_analysis vcol_plan_analysis;

typedef struct vcol_plan_options {
    size_t struct_size;
    uint32_t flags;
    int32_t reserved;
    /*
     * Bytes of a column that is not sized otherwise, asked once a column and maker; `step` is the operation that
     * makes it, -1: from outside. NULL = 0 bytes, counted as unknown. A failure fails the analysis.
     */
    vcol_status (*size)(const char *name, int64_t step, uint64_t *bytes, void *opaque, vcol_error *err);
    void *opaque;
    const vcol_dataset *dataset; /* resolves names and patterns, and sizes columns from the metadata; or NULL */
    int64_t entries;             /* of a chunk of it; 0 = the whole data set */
} vcol_plan_options;
VCOL_API void vcol_plan_options_init(vcol_plan_options *options, size_t size);

/*
 * Follows the plan through one chunk, without data: what each step finds, loads, makes and leaves, which set it releases, what
 * the folds hold, and the peak, in bytes of values (memory is given in sizes up to a quarter larger). A step that is still to be
 * learned is taken to use what is listed by now. Errors: what `size` gives, MISUSE, NOMEM.
 */
VCOL_API vcol_status vcol_plan_analyze(const vcol_plan *plan, const vcol_plan_options *options,
                                       vcol_plan_analysis **out, vcol_error *err);
VCOL_API void vcol_plan_analysis_close(vcol_plan_analysis *analysis);

/* A column in an analysis. */
typedef struct vcol_plan_column {
    const char *name; /* borrowed from the analysis */
    int64_t step;     /* that made it; -1: from outside */
    int64_t id;       /* the data set's; -1: none of it */
    uint64_t bytes;   /* in memory */
    uint64_t stored;  /* in the file, 0 where it is not from there */
    int32_t offsets;  /* 1: only the offsets of it */
    int32_t unknown;  /* 1: nothing tells its size */
} vcol_plan_column;

/* Which set of a step. In the order in which the plan names them. */
typedef enum vcol_plan_set {
    VCOL_PLAN_READ = 0,     /* from outside, first used here: loaded */
    VCOL_PLAN_FOUND = 1,    /* used here, there before */
    VCOL_PLAN_MADE = 2,     /* its outputs */
    VCOL_PLAN_RELEASED = 3, /* gone after its last pass */
    VCOL_PLAN_AGAIN = 4,    /* gone after its passes that another round of the folds follows */
    VCOL_PLAN_PINNED = 5,   /* of the last step of a round: there when it ends and used in the next: held over the folds */
    VCOL_PLAN_SETS = 6
} vcol_plan_set;

typedef struct vcol_plan_step {
    const char *name; /* borrowed from the analysis */
    int64_t folds;    /* times it is passed in a chunk */
    int64_t fold_first, fold_last; /* steps of its round; itself where folds is 1 */
    int32_t known;    /* 0: its columns are still to be learned */
    int32_t reserved;
    uint64_t during;  /* bytes while it runs, the most of all passes: what is kept, read and made */
    uint64_t after;   /* bytes when its last pass has ended and its set is released */
    int64_t n[VCOL_PLAN_SETS];     /* columns in each set */
    uint64_t bytes[VCOL_PLAN_SETS]; /* of each set */
    uint64_t stored;  /* bytes in the file of what it reads */
} vcol_plan_step;

VCOL_API int64_t vcol_plan_analysis_steps(const vcol_plan_analysis *analysis);
/* The most bytes at any moment of the chunk; *unknown (may be NULL): columns whose size nothing tells. */
VCOL_API uint64_t vcol_plan_analysis_peak(const vcol_plan_analysis *analysis, int64_t *unknown);
/* Errors: RANGE. */
VCOL_API vcol_status vcol_plan_describe(const vcol_plan_analysis *analysis, int64_t step, vcol_plan_step *out,
                                        size_t size, vcol_error *err);
/* Column i of a step's set. Errors: RANGE. */
VCOL_API vcol_status vcol_plan_describe_column(const vcol_plan_analysis *analysis, int64_t step,
                                               vcol_plan_set set, int64_t i, vcol_plan_column *out, size_t size,
                                               vcol_error *err);

/* ---- in a chunk -------------------------------------------------------------------------------- */

/*
 * Begins a step and ends the one before: its leases end (under the address sanitizer their memory is
 * poisoned), and what the chunk's plan says is used last there is released. A name that the plan does not have is
 * added to it. Without a plan only the leases end. Errors: MISUSE (no name), NOMEM (nothing has changed then).
 */
VCOL_API vcol_status vcol_chunk_step(vcol_chunk *chunk, const char *name, vcol_error *err);
/* Ends the step, if there is one; closing the chunk does it too. NULL is fine. */
VCOL_API void vcol_chunk_step_end(vcol_chunk *chunk);
/* Lets a chunk that was opened by hand follow a plan (acquired), before its first step. Errors: MISUSE, NOMEM. */
VCOL_API vcol_status vcol_chunk_set_plan(vcol_chunk *chunk, vcol_plan *plan, vcol_error *err);

/* Values that a program puts into a chunk; fill with vcol_put_init first. */
typedef struct vcol_put {
    size_t struct_size;
    const char *name; /* copied; of no column of the file and no defined one */
    const void *data; /* count values of `type`, copied; may be NULL when count is 0 */
    int64_t count;    /* values */
    vcol_type type;
    int32_t consumers;      /* steps that read it: gone at the end of so many in which it was touched; 0 = the plan, clear
                               or the chunk's end say */
    const int64_t *offsets; /* a list an entry: entries + 1 values, the first 0, not falling, the last `count`; copied */
    const char *like;       /* or: a list column of the chunk (of the file, or put) whose outermost offsets it has */
} vcol_put;
VCOL_API void vcol_put_init(vcol_put *put, size_t size);

/*
 * Puts an intermediate result into the chunk, to be asked for by name like any other column, in lists and patterns too. It is
 * never dropped to make room: where the manager has a directory to spill to it goes there and comes back when it
 * is asked for. It goes after its last consumer, by clear, or with the chunk; who asks later is answered NOT_FOUND.
 * One that was put before under that name is replaced: its leases end; pinned views keep theirs.
 *
 * With neither offsets nor like it is flat: count is the chunk's entries. Memory is waited for as for any load.
 * Errors: MISUSE (the name belongs to a column that was not put; both offsets and like), RANGE (count or offsets
 * do not fit), NOT_FOUND and TYPE (like), LIMIT, NOMEM.
 */
VCOL_API vcol_status vcol_chunk_put(vcol_chunk *chunk, const vcol_put *put, vcol_error *err);

#ifdef __cplusplus
}
#endif
#endif
