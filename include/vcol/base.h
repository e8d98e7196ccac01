/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/base.h: what every other header needs: visibility, status codes, the error object,
 * value types and the allocator hook.
 *
 * Conventions of the whole interface
 *   - Counts and positions of entries, items and values are int64_t; sizes in memory are size_t
 *     bytes; offsets and sizes in files are uint64_t bytes.
 *   - A function that can fail returns a vcol_status and takes a vcol_error last. The error may be
 *     NULL. An error that is already set is *inherited*: the call does nothing and returns that
 *     status, so a sequence of calls needs one check at its end.
 *   - Functions that end something (close, release, unpin, clear, end) return void or a count, accept
 *     NULL, and always work, whatever the error holds.
 *   - The library never prints, exits or aborts, and reads no environment variable.
 */
#ifndef VCOL_BASE_H
#define VCOL_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VCOL_API __attribute__((visibility("default")))
#define VCOL_MUST_CHECK __attribute__((warn_unused_result))
#else
#define VCOL_API
#define VCOL_MUST_CHECK
#endif

#define VCOL_VERSION_MAJOR 0
#define VCOL_VERSION_MINOR 1
#define VCOL_VERSION_PATCH 0

/* The library's version, "major.minor.patch"; static storage. */
VCOL_API const char *vcol_version(void);

/* Outcomes. 0 is success; the numbers are pinned and never reused. */
typedef enum vcol_status {
    VCOL_OK = 0,
    /* expected outcomes */
    VCOL_NOT_FOUND = -1, /* no such file, object, column */
    VCOL_END = -2,       /* nothing more to give: the end of a loop */
    VCOL_CANCELLED = -3, /* the work was taken back before it was done */
    VCOL_LIMIT = -4,     /* does not fit the memory limit (VCOL_MANAGER_LIMIT_HARD) */
    /* failures */
    VCOL_IO = -5,          /* the system could not read; os_errno says why where it is known */
    VCOL_CORRUPT = -6,     /* the bytes contradict the format or themselves */
    VCOL_UNSUPPORTED = -7, /* valid, but not something this version reads */
    VCOL_NOMEM = -8,       /* the allocator returned NULL */
    VCOL_MISUSE = -9,      /* the call breaks the contract of its function */
    VCOL_RANGE = -10,      /* entries or bytes outside what there is */
    VCOL_TYPE = -11,       /* another type was asked for than the column has */
    VCOL_CYCLE = -12,      /* a buffer needs itself, in one thread or across several */
    VCOL_CALLBACK = -13    /* a user's callback failed without saying more */
} vcol_status;

/* The name of a status, "VCOL_CORRUPT"; static storage, never NULL. */
VCOL_API const char *vcol_status_name(vcol_status status);

/*
 * Details of a failure, in storage of the caller's. Start with `vcol_error err = {0};`. The message
 * is one line, lower case, NUL-terminated, and begins with the file and object it is about. Filling
 * it never allocates.
 */
typedef struct vcol_error {
    int32_t status;   /* a vcol_status; 0 while nothing has failed */
    int32_t os_errno; /* errno of the failing system call, else 0 */
    char message[504];
} vcol_error;

/* Makes the error usable again. NULL is fine. */
VCOL_API void vcol_error_reset(vcol_error *err);

/*
 * Fills an error for callbacks written outside the library (generators, readers, sources): sets the
 * status and copies the message, cut to fit. Does nothing when err is NULL or already set.
 * Returns `status`.
 */
VCOL_API vcol_status vcol_error_set(vcol_error *err, vcol_status status, const char *message);

/* Types of values. The numbers are pinned. Values are native-endian in memory. */
typedef enum vcol_type {
    VCOL_TYPE_NONE = 0, /* no values: an unsupported column */
    VCOL_BOOL = 1,      /* one byte, 0 or 1 */
    VCOL_I8 = 2,
    VCOL_U8 = 3,
    VCOL_I16 = 4,
    VCOL_U16 = 5,
    VCOL_I32 = 6,
    VCOL_U32 = 7,
    VCOL_I64 = 8,
    VCOL_U64 = 9,
    VCOL_F32 = 10,
    VCOL_F64 = 11,
    VCOL_CHAR = 12, /* bytes of a string, one byte each, under one list level */
    VCOL_EMPTY = 13,   /* no bytes: items of a record without members, of which only the number is known */
    VCOL_UNKNOWN = 14, /* no bytes: items of no type, such as those of a union's empty state */
    VCOL_TYPE_COUNT = 15
} vcol_type;

/* Bytes of one value; 0 for those without bytes or a number that is no type. */
VCOL_API size_t vcol_type_width(vcol_type type);
/* "float32", "bool", …; "string" for VCOL_CHAR, "empty record", "unknown", "none", or "?"; static storage. */
VCOL_API const char *vcol_type_name(vcol_type type);

/*
 * Allocator hook, for all memory of a manager: columns, blocks, scratch and bookkeeping. `size` and
 * `align` (a power of two) are given on both calls. Called from any thread, no lock held that a
 * callback could need. alloc returns NULL when it cannot. All zero = the system's.
 */
typedef struct vcol_allocator {
    void *(*alloc)(size_t size, size_t align, void *opaque);
    void (*free)(void *memory, size_t size, size_t align, void *opaque);
    void *opaque;
} vcol_allocator;

#ifdef __cplusplus
}
#endif
#endif
