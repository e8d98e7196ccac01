/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that grow: vcol_sink of vcol/run.h. */
#ifndef VCOL_DATASET_SINK_H
#define VCOL_DATASET_SINK_H

#include <vcol/run.h>

struct vcol_sink {
    unsigned char *data; /* freed by free() */
    size_t size, capacity;
};

#endif
