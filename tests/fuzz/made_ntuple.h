/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small RNTuple made in memory, with a field of each kind that the reader tells apart and a column of each encoding:
 * for the fuzz targets and the tests. Layouts as in readers/root/ntuple*.c (FORMAT comments there).
 */
#ifndef FUZZ_MADE_NTUPLE_H
#define FUZZ_MADE_NTUPLE_H

#include "made.h"

/* Clusters [0, 3) and [3, 7), in page lists of their own, the second first. */
enum { NTUPLE_ENTRIES = 7, NTUPLE_CLUSTER = 3 };

/* What of it is given instead of made. */
typedef enum ntuple_part {
    NTUPLE_NONE,
    NTUPLE_MADE_HEADER, /* payload of the envelope */
    NTUPLE_MADE_FOOTER,
    NTUPLE_MADE_LIST, /* of the second cluster */
    NTUPLE_MADE_PAGES, /* plain bytes of all pages, one behind the other; zeros where they end */
} ntuple_part;

/* A file with the ntuple "nt", and the part as given. Envelopes get their checksums. *part_out, if any: the part as it was
 * made, appended. key: longest key, 0 for the usual; longer envelopes are then in several chunks. */
void made_ntuple(made_file *f, ntuple_part part, const uint8_t *data, size_t size, uint64_t key, made *part_out);

/* A page of n elements: raw[i] is the value's bits (integers sign-extended; ends of lists; item << 8 | alternative;
 * the bits of a float for Real32Trunc, the packed integer for Real32Quant). The naive reference of the decoders. */
void made_page(made *m, unsigned type, unsigned bits, const uint64_t *raw, size_t n);

#endif
