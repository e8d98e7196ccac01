/* SPDX-License-Identifier: BSD-3-Clause */
/* The results cache of runs: states of chunks in a directory. See cache.c. */
#ifndef VCOL_DATASET_CACHE_H
#define VCOL_DATASET_CACHE_H

#include "dataset/dataset.h"

typedef struct vcol__cache {
    /* const after open */
    vcol_dataset *dataset;
    char *dir;             /* NULL: there is no cache */
    unsigned char *common; /* what the keys of all chunks have */
    size_t common_size;
    char **identities;     /* by file; NULL: it has none, nothing of it is kept */
} vcol__cache;

typedef struct vcol__cache_key {
    unsigned char *bytes; /* freed by vcol__cache_key_free; NULL: this chunk is not kept */
    size_t size;
    char name[33];        /* of the entry's file */
} vcol__cache_key;

/* `ids`: the declared columns; n < 0: none were declared, all count. Errors: IO (the directory), NOMEM. On failure nothing is
 * to be closed. */
vcol_status vcol__cache_open(vcol__cache *cache, vcol_dataset *d, const char *dir, const char *version, const int64_t *ids,
                             int64_t n, vcol_error *err);
void vcol__cache_close(vcol__cache *cache);

void vcol__cache_key_of(const vcol__cache *cache, int64_t first, int64_t count, vcol__cache_key *out);
void vcol__cache_key_free(vcol__cache_key *key);
/* Whether there is an entry: a look only. */
bool vcol__cache_has(const vcol__cache *cache, const vcol__cache_key *key);
/* The state's bytes, inside of *memory, which is freed by free(). False: none that can be used; *damaged if there was one. */
bool vcol__cache_read(const vcol__cache *cache, const vcol__cache_key *key, void **memory, const void **data, size_t *size,
                      bool *damaged);
/* Keeps a state, whole or not at all. */
bool vcol__cache_write(const vcol__cache *cache, const vcol__cache_key *key, const void *data, size_t size);

#endif
