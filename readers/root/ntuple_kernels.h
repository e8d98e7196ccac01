/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loops over the elements of a page. Most are plain C that compilers vectorise, built for the processor that runs it;
 * elements [skip, skip + count) are taken, `n` is how many the page has. src need not be aligned; dst is.
 *
 * FORMAT root/RNTuple encodings: split: byte b of element i at b * n + i; zigzag: v >> 1 ^ -(v & 1); delta: the difference to
 * the element before, within the page; packed: element i in bits [i * bits, (i + 1) * bits), least significant first.
 * source: root-project/root tree/ntuple/src/RColumnElement.hxx (CastSplitUnpack, CastZigzagSplitUnpack,
 *     CastDeltaSplitUnpack, UnpackBits)
 */
#ifndef VCOL_ROOT_NTUPLE_KERNELS_H
#define VCOL_ROOT_NTUPLE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

void vcol__unsplit16(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint16_t *dst);
void vcol__unsplit32(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint32_t *dst);
void vcol__unsplit64(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint64_t *dst);
/* What these three are: the plain loops, or those for what the processor has. (ntuple_unsplit.c) */
typedef struct unsplit_loops {
    void (*u16)(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint16_t *dst);
    void (*u32)(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint32_t *dst);
    void (*u64)(const uint8_t *src, int64_t n, int64_t skip, int64_t count, uint64_t *dst);
} unsplit_loops;
extern const unsplit_loops vcol__unsplit_plain;
const unsplit_loops *vcol__unsplit_chosen(void);

void vcol__unzigzag16(uint16_t *v, int64_t n);
void vcol__unzigzag32(uint32_t *v, int64_t n);
void vcol__unzigzag64(uint64_t *v, int64_t n);
/* Running sums from `start` on, in place; returns the last. */
uint64_t vcol__undelta64(uint64_t *v, int64_t n, uint64_t start);
/* Sums of elements [from, to) of split differences. */
uint64_t vcol__split_sum32(const uint8_t *src, int64_t n, int64_t from, int64_t to);
uint64_t vcol__split_sum64(const uint8_t *src, int64_t n, int64_t from, int64_t to);
/* A byte, 0 or 1, a bit. */
void vcol__expand_bits(const uint8_t *src, int64_t skip, int64_t count, uint8_t *dst);
/* Packed elements of 1 to 32 bits; src has `size` bytes. */
void vcol__unpack32(const uint8_t *src, size_t size, unsigned bits, int64_t skip, int64_t count, uint32_t *dst);
/* IEEE half precision to single; NaNs keep their bits. */
void vcol__widen_half(const uint16_t *src, int64_t n, float *dst);

#endif
