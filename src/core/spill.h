/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of derived and put buffers that left memory for a file. See spill.c.
 *
 * Threads: any, at the same time. None of these functions is called with a lock held, but vcol__spill_able.
 */
#ifndef VCOL_CORE_SPILL_H
#define VCOL_CORE_SPILL_H

#include "core/memory.h"
#include "core/sync.h"

#include <vcol/base.h>

#include <sys/types.h>

struct vcol_buffer;
struct vcol__load;

/* The system's calls, for tests. Each gives -1 and sets errno when it fails. */
typedef struct vcol__spill_io {
    int (*open)(const char *dir, void *opaque); /* a new file that has no name (any more) */
    ssize_t (*write)(int fd, const void *data, size_t n, off_t offset, void *opaque);
    ssize_t (*read)(int fd, void *data, size_t n, off_t offset, void *opaque);
    int (*punch)(int fd, off_t offset, off_t n, void *opaque); /* these bytes need no disk any more */
    void (*close)(int fd, void *opaque);
    void *opaque;
} vcol__spill_io;

/* A stretch of the file: what one buffer has written, or free. */
typedef struct vcol__extent {
    struct vcol__extent *next, *previous; /* by offset, all; spill.lock */
    uint64_t offset, size;                /* spill.lock */
    bool used;                            /* spill.lock */
    /* of a used one, const: */
    uint64_t body;  /* where its LZ4 frame begins */
    uint64_t bytes; /* of the values */
    uint64_t hash;  /* xxh64 of the values */
    int64_t count;
} vcol__extent;

#define VCOL__SPILL_HANDS 4

typedef struct vcol__spill {
    /* set at open, const after */
    char *dir; /* NULL: nothing is spilled */
    uint64_t limit;
    int n_hands;
    uint64_t hand_bytes; /* of one */
    vcol__spill_io io;
    /* spill.lock */
    vcol__lock lock;
    pthread_cond_t changed; /* a hand is free, or the file is open */
    int fd;                 /* -1: none yet */
    bool opening;
    vcol__extent *first, *last;
    uint64_t end, used;
    void *hands[VCOL__SPILL_HANDS]; /* free ones: memory to pack in */
    int n_free;
    int64_t pause; /* what the next failure sets `rest` to */
    uint64_t read_bytes, read_ns;
    /* atomic; a stale value is harmless: an attempt more or less is made */
    _Atomic int64_t rest; /* so many looks pass before the next attempt, after a failure */
} vcol__spill;

void vcol__spill_init(vcol__spill *spill);
/* Gets ready to spill to a directory. limit: bytes; 0 = none. Errors: NOMEM; what was made is freed by destroy. */
vcol_status vcol__spill_open(vcol_manager *m, const char *dir, uint64_t limit, vcol_error *err);
void vcol__spill_destroy(vcol_manager *m);

/* Whether an attempt makes sense now; counts as a look. Any lock may be held. */
bool vcol__spill_able(vcol_manager *m);
/* Whether making the values anew is costlier than reading them back. */
bool vcol__spill_worth(vcol_manager *m, double seconds, uint64_t bytes);
/*
 * Writes values. False, with nothing kept: no directory, no room, a disk that fails; counted as `spill_failures`, if there is a
 * directory.
 */
bool vcol__spill_write(vcol_manager *m, const char *name, vcol_type type, int64_t count, const void *data, vcol__extent **out);
/*
 * Reads the values of buffer->extent into leaf 0, inside its load. Errors: IO, CORRUPT (the file did not keep them), and what
 * reserving memory gives.
 */
vcol_status vcol__spill_read(struct vcol_buffer *buffer, struct vcol__load *load, vcol_error *err);
/* Gives its part of the file back; NULL is fine. */
void vcol__spill_free(vcol_manager *m, vcol__extent *extent);

#endif
