/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arrow IPC: the bytes around one array of values that is written as a stream of one record batch with one column.
 *
 *   schema message | record batch message | body | end of stream
 *
 * The body is the values, packed (BodyCompression LZ4_FRAME): an int64 of their unpacked bytes, then an LZ4 frame. See ipc.c.
 */
#ifndef VCOL_CORE_IPC_H
#define VCOL_CORE_IPC_H

#include <vcol/base.h>

#include <stdint.h>

#define VCOL__IPC_HEAD 1024 /* bytes at most before the body */
#define VCOL__IPC_TAIL 8    /* bytes after it */
#define VCOL__IPC_NAME 64   /* bytes of a name that are kept */

/*
 * Writes what stands before a body of `body` bytes (a multiple of 8) whose one buffer is `packed` bytes: `count` values of
 * `type`, none of them null. Returns its length, a multiple of 8 that depends on type and name alone.
 */
size_t vcol__ipc_head(uint8_t out[VCOL__IPC_HEAD], const char *name, vcol_type type, int64_t count, uint64_t packed, uint64_t body);
/* What stands after it. */
void vcol__ipc_tail(uint8_t out[VCOL__IPC_TAIL]);

/*
 * The frame: blocks of at most VCOL__LZ4_BLOCK bytes that do not need each other, no checksums (who keeps the file has one).
 * Its header is always the same; a block is its length (the top bit: it is not packed), then its bytes; a length of 0 ends it.
 */
#define VCOL__LZ4_BLOCK ((size_t)256 << 10)
#define VCOL__LZ4_HEAD 7
#define VCOL__LZ4_PLAIN 0x80000000u
extern const uint8_t vcol__lz4_head[VCOL__LZ4_HEAD];

#endif
