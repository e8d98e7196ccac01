/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/buffer.h: a virtual buffer: a one-dimensional typed array that exists in memory only while it
 * is materialized. At most one instance of it exists at a time, and it is generated once however many
 * threads ask.
 *
 * Life: VIRTUAL until somebody pins it (or prefetches it), QUEUED, LOADING, then RESIDENT until it is
 * cleared or, when memory is short and nobody pins it, evicted.
 *
 * Threads: every function may be called from any thread at the same time.
 *
 * clear
 *   - of a pinned buffer is remembered and happens at the last unpin;
 *   - of a virtual one does nothing;
 *   - of one that is loading: those who wait for it get it, those who come while it is still loading or
 *     pinned join, and after the last unpin it is gone.
 * A failure goes, code and message, to all that were waiting; the next access tries again.
 */
#ifndef VCOL_BUFFER_H
#define VCOL_BUFFER_H

#include <vcol/manager.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_buffer vcol_buffer;
typedef struct vcol_fill vcol_fill; /* an instance while its generator fills it */

/* A pinned buffer's values. */
typedef struct vcol_span {
    const void *data; /* count values, contiguous; never NULL after success, even when count is 0 */
    int64_t count;    /* values */
    vcol_type type;
} vcol_span;

/*
 * A user's generator. All callbacks run on the thread that materializes (the one that asks, or a
 * worker), with no lock held; they may pin other buffers, declared as inputs or not, of the same
 * manager. `size` and `destroy` may be NULL.
 */
typedef struct vcol_generator {
    /* Says how many values there will be, without making them. Called once, its answer is kept. */
    vcol_status (*size)(int64_t *count, void *opaque, vcol_error *err);
    /* Fills the buffer through vcol_fill_*. A status other than OK fails the load. */
    vcol_status (*generate)(vcol_fill *fill, void *opaque, vcol_error *err);
    /* Frees opaque; called once, when the last handle is released. */
    void (*destroy)(void *opaque);
    void *opaque;
    double cost; /* seconds to generate, roughly; 0 = unknown */
} vcol_generator;

typedef struct vcol_buffer_options {
    size_t struct_size;
    vcol_type type;
    int32_t reserved;
    int64_t count;                /* values; -1 = known only to size, or only once generated */
    vcol_generator generator;     /* copied; taken on success only */
    vcol_buffer *const *inputs;   /* declared inputs, pinned before generate is called; may be NULL */
    int64_t n_inputs;
    const char *name;             /* for messages; copied; NULL = "buffer" */
} vcol_buffer_options;

VCOL_API void vcol_buffer_options_init(vcol_buffer_options *options, size_t size);

/* Creates a virtual buffer; nothing is called. Errors: MISUSE, NOMEM. */
VCOL_API vcol_status vcol_buffer_create(vcol_manager *manager, const vcol_buffer_options *options,
                                        vcol_buffer **out, vcol_error *err);
/* One more, one fewer handle. release(NULL) is fine. The last release drops the memory. */
VCOL_API void vcol_buffer_acquire(vcol_buffer *buffer);
VCOL_API void vcol_buffer_release(vcol_buffer *buffer);

/*
 * Makes the buffer resident and keeps it so until vcol_buffer_unpin.
 * Blocks on generation, and on memory until others drop theirs.
 * Errors: what the generator said, CYCLE, LIMIT, NOMEM, CANCELLED (manager closed), TYPE or RANGE (the
 * generator gave something else than it had declared).
 */
VCOL_API vcol_status vcol_buffer_pin(vcol_buffer *buffer, vcol_span *out, vcol_error *err);
/* Ends one pin; never blocks, cannot fail. */
VCOL_API void vcol_buffer_unpin(vcol_buffer *buffer);
/* Drops the instance (see above). Returns 1 if memory goes now or at the last unpin, else 0. */
VCOL_API int vcol_buffer_clear(vcol_buffer *buffer);

/*
 * Number of values. Calls `size` once if that is known only there; generates only when there is no
 * other way to know.
 */
VCOL_API vcol_status vcol_buffer_count(vcol_buffer *buffer, int64_t *count, vcol_error *err);

/* Bytes of memory its instance has now; 0 unless it is resident. Borrowed truth: may change at once. */
VCOL_API uint64_t vcol_buffer_bytes(const vcol_buffer *buffer);

/*
 * A window on another buffer: values [first, first + count), or all of them under another type of the
 * same width. A buffer of its own for pin, unpin and release; it keeps its parent's bytes in place
 * while pinned, has no memory of its own, and clearing it clears nothing but its lease of the parent.
 * Nothing is generated before it is pinned. Errors: RANGE (where the parent's count is known already,
 * else at pin), TYPE (widths differ), NOMEM. The whole range gives the parent itself, acquired.
 */
VCOL_API vcol_status vcol_buffer_slice(vcol_buffer *parent, int64_t first, int64_t count,
                                       vcol_buffer **out, vcol_error *err);
VCOL_API vcol_status vcol_buffer_view_as(vcol_buffer *parent, vcol_type type, vcol_buffer **out,
                                         vcol_error *err);

/* Inside generate: */

/* Values wanted; -1 while unknown. */
VCOL_API int64_t vcol_fill_count(const vcol_fill *fill);
/* Where they go; NULL before vcol_fill_reserve if the count was unknown. */
VCOL_API void *vcol_fill_data(vcol_fill *fill);
/*
 * Gives the count where it comes late, and the memory for it; may be called again with a larger count
 * (what was written stays). Errors: RANGE (another count than declared), LIMIT, NOMEM, CANCELLED.
 */
VCOL_API vcol_status vcol_fill_reserve(vcol_fill *fill, int64_t count, void **data, vcol_error *err);
/*
 * Says how many values were written, and of which type; the default is all, of the buffer's type.
 * A difference to what was declared fails the load.
 */
VCOL_API void vcol_fill_done(vcol_fill *fill, int64_t count, vcol_type type);
/* The i-th declared input, pinned. */
VCOL_API vcol_span vcol_fill_input(const vcol_fill *fill, int64_t i);
/* Nonzero when nobody wants the result any more: return VCOL_CANCELLED soon. */
VCOL_API int vcol_fill_cancelled(const vcol_fill *fill);

#ifdef __cplusplus
}
#endif
#endif
