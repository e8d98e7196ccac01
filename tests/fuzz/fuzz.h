/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput and fuzz_seed; with clang's
 * libFuzzer it is a fuzzer, with driver.c a test that replays seeds and corpus. A broken rule ends the
 * process.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "made.h"

#include <vcol/reader.h>
#include <vcol/vcol.h>

enum { FUZZ_LIMIT = 16 << 20 }; /* the managers' memory limit */

/* `rule` must hold, whatever the bytes. */
#define FUZZ_RULE(rule)                                                                                      \
    do {                                                                                                     \
        if (!(rule))                                                                                         \
            fuzz_broken(#rule, __FILE__, __LINE__);                                                          \
    } while (0)
_Noreturn void fuzz_broken(const char *rule, const char *file, int line);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Appends the i-th seed to out; 0 = there is none. */
int fuzz_seed(int i, made *out);

/* A manager without threads, with FUZZ_LIMIT, which is hard: what unpacks to more is an error. */
vcol_manager *fuzz_manager(void);
/*
 * Opens the bytes as a file and lists its objects (one input in eight: twice, which must give the same); then
 * reads the first entries of each table that opens, whole and in two parts, which must agree, and verifies its branches
 * that no column is read from, and at last the file's other records.
 */
void fuzz_file(const uint8_t *data, size_t size);
/* The same of a file that was not closed (VCOL_DATASET_RECOVER). */
void fuzz_recovered(const uint8_t *data, size_t size);
/* An outcome and its message belong together. */
void fuzz_status(vcol_status status, const vcol_error *err);

#endif
