/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h: the command line of vcol-ttbar. */
#ifndef TTBAR_OPTIONS_H
#define TTBAR_OPTIONS_H

#include "ttbar.h"

typedef struct options {
    const char **paths;
    int n_paths, times, help;
    ttbar_mode mode;
    vcol_chunking chunking;
    int64_t chunk;
    int32_t threads, jobs;
    uint64_t limit, lookahead;
    const char *plot;
} options;

extern const char ttbar_usage[];

/* Returns 0, or -1 after saying on stderr what is wrong. Paths are moved to the front of argv. */
int ttbar_parse(options *o, int argc, char **argv);

#endif
