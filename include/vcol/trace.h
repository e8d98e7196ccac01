/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/trace.h: where the time goes. A manager that was opened with vcol_manager_options.trace records what its threads
 * read, unpack, decode, generate and wait for, what the program computes in between, and the memory account.
 * vcol_manager_trace_write writes that as a file which https://ui.perfetto.dev and chrome://tracing show, a row a thread,
 * and which `vcol trace summary` adds up.
 *
 * A span is recorded when it ends. The first `trace` spans and samples are kept; what comes after them is counted and
 * not kept, and the file says how many that were. A manager that was opened without it does nothing here, and pays one
 * predictable branch where it would record.
 *
 *   category  what the span is
 *   read      one call of a source; args: file (a number), offset, bytes, and wanted: bytes without the gaps. Where one
 *             call has several reads, file and offset are told by a mark `range` for each
 *   plan      which blocks a load needs
 *   unpack    one block is decompressed; args: file, offset, bytes (unpacked), again (1: this pass had it before)
 *   decode    one block's values are written to their place
 *   generate  a callback of the program's fills a buffer
 *   load      a whole materialization, around the others; args: first, bytes
 *   wait      blocked; args: for: "load" (another thread makes it), "block" (another unpacks it), "bytes" (another reads
 *             them), "helper", "memory", "compute" or "other"
 *   compute   between a chunk's coming from vcol_loop_next and the next call of it, by the same thread; the steps of a
 *             chunk, by their names, that end on the thread that began them; and the program's own spans
 *
 * The counter `memory` has the account's four parts, each change of more than 1/256 of the limit (without limit: of the
 * peak), and their values at the time of writing; `memory limit` the limit.
 */
#ifndef VCOL_TRACE_H
#define VCOL_TRACE_H

#include <vcol/manager.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Begin and end a span of the program's own on the calling thread; `name` is copied, cut after 47 bytes. Spans nest:
 * end ends the innermost that this thread has begun, and does nothing if there is none. More than 32 open ones of a
 * thread are not recorded. Category: compute. Any thread, no lock, no allocation. A NULL manager is fine.
 */
VCOL_API void vcol_trace_begin(vcol_manager *manager, const char *name);
VCOL_API void vcol_trace_end(vcol_manager *manager);

/*
 * Writes what was recorded so far to `path` as JSON, an event a line. Spans that have not ended are not in it. Any
 * thread, at any time.
 * Errors: MISUSE (the manager keeps no trace), IO, NOMEM.
 */
VCOL_API vcol_status vcol_manager_trace_write(const vcol_manager *manager, const char *path, vcol_error *err);

#ifdef __cplusplus
}
#endif
#endif
