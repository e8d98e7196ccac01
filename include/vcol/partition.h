/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/partition.h: how the entries of a data set are cut into chunks. Loops and runs cut by themselves, by the
 * same rules; a partition by itself is for those who hand ranges out, to other processes or machines.
 *
 * A chunk never crosses a file. The same options on the same files give the same chunks, whatever the
 * manager's limit or threads.
 */
#ifndef VCOL_PARTITION_H
#define VCOL_PARTITION_H

#include <vcol/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vcol_chunking {
    VCOL_CHUNK_BY_ENTRIES = 0,  /* `entries` each; chunks end at files' ends */
    VCOL_CHUNK_BY_CLUSTERS = 1, /* the file's own clusters */
    VCOL_CHUNK_BY_FILE = 2,     /* a file at a time */
    VCOL_CHUNK_INTO_PARTS = 3,  /* `parts` of about equal numbers of entries, cut at files' ends too, so at most parts + files - 1 */
    VCOL_CHUNK_BY_GROUPS = 4,   /* whole groups of equal values of the columns `keys` */
    VCOL_CHUNK_GIVEN = 5        /* by a callback: vcol_run only */
} vcol_chunking;

/*
 * Groups. Entries that follow each other and are equal in all `keys` (flat columns of numbers; floats by their
 * bits) are a group, which is never split; a chunk has as many as fit `entries`, or one that is larger. With
 * `parts` it ends instead at the first group's end at or behind its part's. The keys are read while chunks are
 * handed out. That the input is clustered is checked: a group that comes again later is an error (CORRUPT)
 * that names its keys and entry, for which 32 bytes a group are kept; of input that is sorted, by the flag,
 * only that it rises is checked, and nothing is kept. A group that goes on in the next file is an error
 * (UNSUPPORTED). The first and the last entry to visit are taken as they are.
 */

/* Flags of chunking. */
#define VCOL_CHUNK_ALIGN_CLUSTERS 1u /* INTO_PARTS: parts end where clusters do, the nearest; fewer where there are fewer */
#define VCOL_CHUNK_SORTED         2u /* BY_GROUPS: keys never fall, the first the most significant */

typedef struct vcol_partition vcol_partition;

typedef struct vcol_partition_options {
    size_t struct_size;
    uint32_t flags;   /* VCOL_CHUNK_ALIGN_…, SORTED */
    int32_t chunking; /* vcol_chunking */
    int64_t entries;  /* entries a chunk; 0 = 100,000 */
    int64_t parts;    /* INTO_PARTS, BY_GROUPS; 0 = not so */
    int64_t first;    /* first entry of the data set */
    int64_t count;    /* entries; 0 = to the end */
    const char *keys; /* BY_GROUPS: a list of columns */
} vcol_partition_options;

VCOL_API void vcol_partition_options_init(vcol_partition_options *options, size_t size);
/* Errors: MISUSE, RANGE, NOT_FOUND (a key), TYPE (a key that is not flat), NOMEM. */
VCOL_API vcol_status vcol_partition_open(vcol_dataset *dataset, const vcol_partition_options *options,
                                         vcol_partition **out, vcol_error *err);
/*
 * The next chunk's entries [*first, *first + *count). END, which does not set err, after the last. BY_GROUPS reads,
 * and may give what reading gives, CORRUPT and UNSUPPORTED (see above). One thread at a time.
 */
VCOL_API vcol_status vcol_partition_next(vcol_partition *partition, int64_t *first, int64_t *count,
                                         vcol_error *err);
/* NULL is fine. */
VCOL_API void vcol_partition_close(vcol_partition *partition);

#ifdef __cplusplus
}
#endif
#endif
