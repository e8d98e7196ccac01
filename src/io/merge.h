/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/merge.h: from many wanted byte ranges to few large reads. A pure function: no heap, no I/O, and the
 * same answer for the same ranges in whatever order they come (but for ties, which `tag` orders).
 *
 *   wanted     [--a--]  [-b-]            [c]   [---d---]
 *   gap         2 bytes                 7        2
 *   reads      [----- 0 -----]          [------ 1 -----]
 *
 * Promises
 *   - every wanted range lies whole inside one read: spans[i].at bytes from its start;
 *   - bytes that nobody wanted are read only between two wanted ranges at most `gap` apart, so a read
 *     starts and ends with wanted bytes;
 *   - a read is longer than `max_read` only if a single wanted range is; then nothing is added to it but
 *     ranges inside it;
 *   - the reads are in order of their offset, and overlap only where ranges that overlap did not fit
 *     into one read (max_read is then kept, and the common bytes are read twice);
 *   - a range of no bytes causes no read and joins none: its `read` is -1.
 */
#ifndef VCOL_IO_MERGE_H
#define VCOL_IO_MERGE_H

#include <vcol/base.h>

/* A wanted range. */
typedef struct vcol__span {
    uint64_t offset; /* bytes from the source's start */
    uint64_t size;   /* bytes */
    int64_t tag;     /* the caller's own, such as an index; untouched. Orders equal ranges */
    int64_t read;    /* out: the read that it lies in, or -1 for no bytes */
    uint64_t at;     /* out: bytes from that read's start */
} vcol__span;

/* A read, and whom it serves: spans[first] … spans[first + n - 1], as sorted. */
typedef struct vcol__read {
    uint64_t offset; /* bytes from the source's start */
    uint64_t size;   /* bytes */
    uint64_t wanted; /* bytes of these that some span covers; size - wanted are read in vain */
    int64_t first;   /* index into the sorted spans */
    int64_t n;       /* spans, at least 1 */
} vcol__read;

/*
 * Sorts the spans in place (those of no bytes first, then by offset, longer ones first, then by tag) and
 * fills reads[0 … *n_reads). `reads` has room for n. max_read 0 = no maximum.
 * Errors: RANGE where offset + size overflows; nothing is written then but the order of the spans.
 */
vcol_status vcol__merge(vcol__span *spans, int64_t n, uint64_t gap, uint64_t max_read, vcol__read *reads,
                        int64_t *n_reads);

#endif
