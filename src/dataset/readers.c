/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of the built-in readers. */
#include "dataset/dataset.h"

const vcol_reader *(*const vcol__builtin_readers[])(void) = {
    vcol_reader_root,
    NULL,
};
