/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/source.h: bytes at ranges. A data set opens local files by itself; give a source of your own
 * (memory, an emulated device, a network) through vcol_dataset_options.
 *
 * A source either blocks (`read`) or is asynchronous (`submit`); the runtime calls whichever is there,
 * from any thread, several at a time up to limits.requests.
 */
#ifndef VCOL_SOURCE_H
#define VCOL_SOURCE_H

#include <vcol/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_source vcol_source;

/* One range to read, and where to put it. */
typedef struct vcol_range {
    uint64_t offset; /* bytes from the source's start */
    size_t size;     /* bytes */
    void *data;      /* size bytes */
} vcol_range;

/* What a source says of its speed; at most one. Neither: the runtime finds out by what reads take. */
#define VCOL_SOURCE_FAST 1u /* reading bytes again costs less than unpacking them */
#define VCOL_SOURCE_SLOW 2u /* it costs more: blocks are kept as they are stored, where there is room (vcol/manager.h) */
/* Besides: a file of this machine. While its reads come from the system's memory who unpacks reads, too, so that the bytes are near. */
#define VCOL_SOURCE_LOCAL 4u
/*
 * It reads the ranges of a call one after the other, so that nothing is gained by many in one call: the runtime asks for each
 * stretch of adjacent ranges by itself, and goes on with its bytes before it asks for the next.
 */
#define VCOL_SOURCE_SERIAL 8u

/* What a source bears and likes. Zero = no opinion. */
typedef struct vcol_source_limits {
    uint64_t size;     /* bytes in all */
    int32_t requests;  /* reads in flight at most */
    int32_t ranges;    /* ranges in one call at most */
    uint64_t gap;      /* bytes that it is cheaper to read than to skip */
    uint64_t read_size; /* bytes of one read at most */
    uint32_t flags;     /* VCOL_SOURCE_… */
    int32_t reserved;   /* 0 */
} vcol_source_limits;

/* Called exactly once for every accepted submit, on any thread. */
typedef void (*vcol_source_done)(vcol_status status, int os_errno, const char *message, void *arg);

typedef struct vcol_source_ops {
    size_t struct_size;
    /* Fills limits; called once. */
    vcol_status (*limits)(void *self, vcol_source_limits *out, vcol_error *err);
    /* Reads all ranges whole, or fails (IO; RANGE beyond the end). Blocks. NULL if there is submit. */
    vcol_status (*read)(void *self, const vcol_range *ranges, int32_t n, vcol_error *err);
    /* Starts reading; calls done(arg) once when all ranges are there or one failed. NULL if there is read. */
    vcol_status (*submit)(void *self, const vcol_range *ranges, int32_t n, vcol_source_done done,
                          void *arg, vcol_error *err);
    /*
     * A text that changes when the content does (path, size, mtime …), for caches; NUL-terminated, at
     * most `size` bytes. May be NULL.
     */
    void (*identity)(void *self, char *out, size_t size);
    /* Frees self. Nothing is in flight then. */
    void (*close)(void *self);
} vcol_source_ops;

/* Wraps ops and self (taken on success). `name` is for messages; copied. */
VCOL_API vcol_status vcol_source_create(const vcol_source_ops *ops, void *self, const char *name,
                                        vcol_source **out, vcol_error *err);

/* A local file, read with pread; not mapped, so that a file cut short by others is an error, not a signal. */
VCOL_API vcol_status vcol_source_open_file(const char *path, vcol_source **out, vcol_error *err);

/* Bytes in memory, borrowed until the source is closed. */
VCOL_API vcol_status vcol_source_open_memory(const void *data, size_t size, const char *name,
                                             vcol_source **out, vcol_error *err);

/*
 * A device made of another source (taken on success): every read (adjacent ranges are one) takes `latency_ns` plus its bytes at
 * `bytes_per_second` (0 = no limit) of a link that all reads share; `requests` reads overlap their
 * latencies. For tests and benchmarks of overlap. The time passes in the reading thread, blocked. Such a source is SLOW if one
 * read of 256 KiB takes it 1 ms and more, at 125 MB/s and less, else as fast as the other source is.
 */
typedef struct vcol_device_options {
    size_t struct_size;
    uint64_t latency_ns;
    uint64_t bytes_per_second;
    int32_t requests;
    int32_t reserved;
} vcol_device_options;
VCOL_API vcol_status vcol_source_open_device(vcol_source *inner, const vcol_device_options *options,
                                             vcol_source **out, vcol_error *err);

VCOL_API const char *vcol_source_name(const vcol_source *source);
/* Borrowed; as long as the source lives. */
VCOL_API const vcol_source_limits *vcol_source_get_limits(const vcol_source *source);
/* Reads n ranges and waits, whichever way the source works. */
VCOL_API vcol_status vcol_source_read(vcol_source *source, const vcol_range *ranges, int32_t n,
                                      vcol_error *err);
VCOL_API void vcol_source_identity(vcol_source *source, char *out, size_t size);

VCOL_API void vcol_source_acquire(vcol_source *source);
VCOL_API void vcol_source_release(vcol_source *source);

#ifdef __cplusplus
}
#endif
#endif
