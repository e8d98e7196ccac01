/* SPDX-License-Identifier: BSD-3-Clause */
/* codec/pack.h: packing, for what the library writes for itself: LZ4 blocks. */
#ifndef VCOL_CODEC_PACK_H
#define VCOL_CODEC_PACK_H

#include <stddef.h>

/* Bytes of memory that packing needs, aligned to 8. */
size_t vcol__lz4_pack_bytes(void);
/* Packs n bytes into at most `room`; returns how many, or 0: they do not fit. */
size_t vcol__lz4_pack(void *memory, const void *from, size_t n, void *to, size_t room);
/* Unpacks; 0, or -1: the block is damaged or does not give exactly n bytes. */
int vcol__lz4_unpack(const void *from, size_t packed, void *to, size_t n);

#endif
