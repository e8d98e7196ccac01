/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/source.h: what the runtime needs of a source beyond vcol/source.h: to start a read without waiting
 * for it, where the source can; and pieces that the sources share.
 */
#ifndef VCOL_IO_SOURCE_H
#define VCOL_IO_SOURCE_H

#include <vcol/source.h>

/* Whether the source is asynchronous: then vcol__source_submit may be called, else vcol_source_read waits. */
int vcol__source_submits(const vcol_source *source);

/*
 * Starts reading; `done` is called exactly once, on any thread, if and only if this returns OK. The ranges
 * and their data stay the caller's until then. n is at most limits.ranges (where that is not 0).
 * Errors: RANGE beyond the end, MISUSE if the source blocks, else the source's.
 */
vcol_status vcol__source_submit(vcol_source *source, const vcol_range *ranges, int32_t n,
                                vcol_source_done done, void *arg, vcol_error *err);

/*
 * One source of n others (referenced), far apart from each other: bases[k] is where the k-th begins, from 0 on, in order. No
 * read may reach over a border, which no merged one does. It reads by waiting, whatever they do.
 */
vcol_status vcol__source_join(vcol_source *const *parts, int32_t n, uint64_t *bases, vcol_source **out, vcol_error *err);

/* Sets an error of status IO with os_errno, "<what>: <the system's text>". Returns VCOL_IO. */
vcol_status vcol__io_error(vcol_error *err, int os_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
