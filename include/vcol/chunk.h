/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/chunk.h: the columns of a data set over entries [first, first + count). Opening one reads
 * nothing and costs nothing per column that is not touched.
 *
 * A *getter* gives a pointer and takes a lease, one a column and chunk: the column stays in place until
 * it is cleared, the step in which the lease was taken ends (vcol/plan.h), or the chunk is closed; the pointer is
 * invalid after that. A *pin* outlives a lease and
 * defers `clear`; it must be ended with vcol_view_unpin, before or after the chunk's close.
 *
 * Threads: any number may use one chunk; close must be the last call.
 */
#ifndef VCOL_CHUNK_H
#define VCOL_CHUNK_H

#include <vcol/buffer.h>
#include <vcol/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_chunk vcol_chunk;

/*
 * Opens entries [first, first + count) of a data set. The range must lie in one file.
 * Errors: RANGE, NOMEM.
 */
VCOL_API vcol_status vcol_chunk_open(vcol_dataset *dataset, int64_t first, int64_t count, vcol_chunk **out,
                                     vcol_error *err);
/* Ends the chunk's scopes and leases and drops its columns. NULL is fine. */
VCOL_API void vcol_chunk_close(vcol_chunk *chunk);

VCOL_API int64_t vcol_chunk_first(const vcol_chunk *chunk);
VCOL_API int64_t vcol_chunk_entries(const vcol_chunk *chunk);
VCOL_API vcol_dataset *vcol_chunk_dataset(const vcol_chunk *chunk);

/* A column's arrays, whatever its shape. */
typedef struct vcol_view {
    const void *values; /* count values of `type`, never NULL after success */
    int64_t count;
    int64_t entries;    /* the chunk's */
    vcol_type type;
    int32_t levels;     /* outermost first */
    struct {
        vcol_level_kind kind;
        int32_t reserved;
        int64_t count;           /* lists, or items */
        int64_t size;            /* FIXED; UNION: the alternative */
        const int64_t *offsets;  /* LIST, UNION: count + 1 */
        const uint8_t *validity; /* OPTIONAL: bits; NULL = all are there */
        const int8_t *tags;      /* UNION: count */
    } level[VCOL_MAX_LEVELS];
    void *pin; /* internal */
} vcol_view;

/* Generic getter, by id: takes a lease. Errors: RANGE, UNSUPPORTED, what loading gives. */
VCOL_API vcol_status vcol_chunk_get(vcol_chunk *chunk, int64_t id, vcol_view *out, vcol_error *err);
/* The same with a pin instead of a lease. */
VCOL_API vcol_status vcol_chunk_pin(vcol_chunk *chunk, int64_t id, vcol_view *out, vcol_error *err);
/* Ends a view's pin, from any thread, never blocking; resets the view. NULL or an empty view is fine. */
VCOL_API void vcol_view_unpin(vcol_view *view);

/*
 * Typed getters, by name; all take a lease. They give the innermost values, vcol_chunk_entries of them
 * for a flat column, else as many as the last offset (times fixed dimensions) says. NULL only after
 * failure. Errors: NOT_FOUND, TYPE (the message names both types), what loading gives.
 */
VCOL_API const uint8_t *vcol_chunk_bool(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const int8_t *vcol_chunk_i8(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const uint8_t *vcol_chunk_u8(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const int16_t *vcol_chunk_i16(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const uint16_t *vcol_chunk_u16(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const int32_t *vcol_chunk_i32(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const uint32_t *vcol_chunk_u32(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const int64_t *vcol_chunk_i64(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const uint64_t *vcol_chunk_u64(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const float *vcol_chunk_f32(vcol_chunk *chunk, const char *name, vcol_error *err);
VCOL_API const double *vcol_chunk_f64(vcol_chunk *chunk, const char *name, vcol_error *err);
/* The bytes of a string column, all entries back to back; vcol_chunk_offsets says where each begins. */
VCOL_API const char *vcol_chunk_chars(vcol_chunk *chunk, const char *name, vcol_error *err);
/* The outermost offsets of a column or of a collection: entries + 1 values, the first 0. */
VCOL_API const int64_t *vcol_chunk_offsets(vcol_chunk *chunk, const char *name, vcol_error *err);
/*
 * The offsets of a column's list number `list` (0: the outermost), for lists of lists and lists of strings, whose bytes are the
 * innermost list. List i has the items [offsets[i], offsets[i + 1]): lists of number list + 1, or values. Options are not counted, nor
 * fixed dimensions: below one of n, item i has the lists [n · i, n · i + n). Errors: TYPE: there are fewer lists.
 *
 *     const int64_t *track = vcol_chunk_offsets_of(c, "Track_hits", 0, &err), *hit = vcol_chunk_offsets_of(c, "Track_hits", 1, &err);
 *     const float *e = vcol_chunk_f32(c, "Track_hits", &err);
 *     for (int64_t t = track[entry]; t < track[entry + 1]; t++)
 *         for (int64_t h = hit[t]; h < hit[t + 1]; h++)
 *             sum += e[h];
 */
VCOL_API const int64_t *vcol_chunk_offsets_of(vcol_chunk *chunk, const char *name, int32_t list, vcol_error *err);

/*
 * Drops the named columns (NULL: all) at once, pinned ones at their last unpin; ends their leases.
 * Offsets shared by a collection stay while another column of it has a lease, is pinned or loading, or
 * is resident. Returns how many columns were dropped or marked; names that fit nothing count 0.
 * Names and patterns mean defined columns and what was put (vcol/plan.h) too; what was put is gone for good then.
 */
VCOL_API int64_t vcol_chunk_clear(vcol_chunk *chunk, const char *columns);
VCOL_API int64_t vcol_chunk_clear_except(vcol_chunk *chunk, const char *columns);
VCOL_API int64_t vcol_chunk_clear_id(vcol_chunk *chunk, int64_t id);

/*
 * Adds a column of the user's to this chunk: `options` as for vcol_buffer_create (count: values). It is
 * asked for by name like any other, dropped by clear, and gone with the chunk. `like` NULL: flat (count
 * must be the chunk's entries, or −1); else the name of a list column, of the file or not, whose outermost offsets it has.
 * Errors: MISUSE (the name exists), NOT_FOUND, NOMEM.
 */
VCOL_API vcol_status vcol_chunk_define(vcol_chunk *chunk, const char *name, const char *like,
                                       const vcol_buffer_options *options, vcol_error *err);

#ifdef __cplusplus
}
#endif
#endif
