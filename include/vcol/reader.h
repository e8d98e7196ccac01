/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/reader.h: for those who write a reader of a format. Not part of the stable interface:
 * VCOL_READER_ABI changes when it does.
 *
 * A reader turns metadata into a schema, a range of entries into blocks, and a block's bytes into
 * values. It does no input of its own for column data, starts no threads, keeps no column memory. The
 * runtime moves blocks through stages and calls the reader between them:
 *
 *     plan ──▶ fetch ──▶ inspect ──▶ unpack ──▶ (prepare) ──▶ (measure) ──▶ decode
 *     reader   runtime   reader      reader,    reader        reader        reader, into the buffers
 *                                    through the codecs
 *
 * Metadata is read in open and open_object and const after that; all other functions may run on any
 * number of threads at once, and do no I/O, take no lock, keep no state outside their arguments.
 *
 * How columns are described. What is materialized together is a *group*: the blocks that plan names for
 * it fill its *leaves* (arrays). A column is a chain of levels above an array of values; each array is a
 * leaf of some group, so columns share offsets by naming the same leaf. Examples:
 *     MET_pt/F               group {values per row}
 *     nJet/I                 group {values per row}
 *     Jet_pt[nJet]/F         group C: kind COUNTS of nJet's group {offsets}; group {values per item,
 *                            depends C}; all columns of the collection name C for their offsets
 *     vector<float>          group {offsets per row, values per item 1}, MEASURED
 *     Hit.fADC[fN]/F, Hit.fN of a split list of hits
 *                            group C as above; group N {values per item, depends C}; group {offsets per item 1, values per
 *                            item 2, depends C}, MEASURED and COUNTED by `source` N
 *     Parquet optional list  group {offsets per row, validity per item 1, values per item 2}, MEASURED
 *     RNTuple vector<float>  group E: ENDS {offsets per row}; group {values per row}, ITEMS, rows_of E
 *     RNTuple optional<int>  group E as above; group V: ITEMS, rows_of E {values}; group VALIDITY of E;
 *                            group SPREAD of V over E
 *
 * Rows. A group's rows are entries, unless it is one of ITEMS: then they are the items that another group's offsets
 * count, numbered through the whole object (0 is the first item of its first row). So lists nest to any depth, each
 * level with blocks of its own; what rows of it a chunk needs is known when the level above is there, and its
 * blocks tell their rows in the metadata, so that sizes are exact before a byte is read. Offsets of such lists come
 * from an ENDS group, whose blocks hold where each list ends, counted from some row on where counting begins anew
 * (a cluster, a record batch): a *run*.
 */
#ifndef VCOL_READER_H
#define VCOL_READER_H

#include <vcol/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VCOL_READER_ABI 5

/* ---- codecs, and what a thread has at hand -------------------------------------------------- */

typedef struct vcol_worker vcol_worker; /* codec contexts and scratch of one thread */

typedef enum vcol_codec {
    VCOL_CODEC_NONE = 0,
    VCOL_CODEC_ZLIB = 1,    /* 2-byte header, deflate, Adler-32 */
    VCOL_CODEC_DEFLATE = 2, /* raw */
    VCOL_CODEC_XZ = 3,      /* .xz container */
    VCOL_CODEC_LZ4 = 4,     /* block format, no frame */
    VCOL_CODEC_ZSTD = 5,    /* one frame */
    VCOL_CODEC_COUNT = 6
} vcol_codec;

/*
 * Unpacks `n` bytes into exactly `size` bytes at dst. Where want < size, only the first `want` bytes are
 * needed: codecs that can stop early do (their checks then cover what was decoded); what lies behind is
 * undefined. *err says why in words that fit behind "basket 17: ". Errors: CORRUPT (another size, a bad
 * checksum, broken stream), UNSUPPORTED (codec not built in), NOMEM.
 */
VCOL_API vcol_status vcol_codec_unpack(vcol_worker *worker, vcol_codec codec, const void *src, size_t n,
                                       void *dst, size_t size, size_t want, vcol_error *err);
/* xxHash64 with seed 0. */
VCOL_API uint64_t vcol_hash_xxh64(const void *data, size_t n);
/* XXH3, 64 bits, without a seed. */
VCOL_API uint64_t vcol_hash_xxh3(const void *data, size_t n);

/* A worker for use outside the runtime (tests, tools). */
VCOL_API vcol_status vcol_worker_open(const vcol_allocator *allocator, vcol_worker **out, vcol_error *err);
VCOL_API void vcol_worker_close(vcol_worker *worker);
/* Bytes that the worker's contexts hold. */
VCOL_API size_t vcol_worker_bytes(const vcol_worker *worker);

/* Sets an error with a printf-style message; for readers in C. Returns status. Inherits like all others. */
VCOL_API vcol_status vcol_error_format(vcol_error *err, vcol_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- schema ---------------------------------------------------------------------------------- */

typedef enum vcol_leaf_role {
    VCOL_LEAF_VALUES = 0,
    VCOL_LEAF_OFFSETS = 1, /* int64, lists + 1 */
    VCOL_LEAF_VALIDITY = 2 /* bits */
} vcol_leaf_role;

typedef struct vcol_leaf {
    int32_t role;    /* vcol_leaf_role */
    vcol_type type;  /* of VALUES */
    int32_t domain;  /* 0: one per row (entry); k > 0: one per item of depth k (see measure); with
                        `depends`, domain 1 is the items that the dependency's offsets count */
    int32_t reserved;
    int64_t multiple; /* values per row or item: the product of fixed dimensions, at least 1; 1 for OFFSETS */
} vcol_leaf;

typedef enum vcol_group_kind {
    VCOL_GROUP_BLOCKS = 0, /* from blocks */
    /* computed by the runtime from the buffer of the group `depends`, whose rows it has: */
    VCOL_GROUP_COUNTS = 1,   /* offsets, from integral values that count */
    VCOL_GROUP_LENGTHS = 2,  /* int64 values: how long the lists are whose offsets leaf 0 of `depends` is */
    VCOL_GROUP_VALIDITY = 3, /* bits: which of those lists, of at most one item each, has one */
    VCOL_GROUP_SPREAD = 4,   /* the leaves of `source`, an ITEMS group of `depends` or SPREAD over one, with a place for
                                each list that has no item too: zero values, empty lists, no bit */
    VCOL_GROUP_NOTHING = 5   /* values that take no bytes (VCOL_EMPTY, VCOL_UNKNOWN): has no blocks */
} vcol_group_kind;

#define VCOL_GROUP_MEASURED 1u /* items are known only from the bytes: measure is called */
#define VCOL_GROUP_ITEMS 2u    /* rows are the items that leaf 0 of `rows_of` counts, not entries; not with `depends` */
#define VCOL_GROUP_ENDS 4u     /* leaf 0 is OFFSETS, and decode writes for each row where its list ends, counted through the
                                  object (see vcol_block, origin); the runtime makes offsets of it */
#define VCOL_GROUP_PICKS 8u    /* leaf 0 is OFFSETS, and decode writes for each row the number of its one item, counted
                                  through the object, or -1: it has none; numbers grow by one (an alternative of a union;
                                  leaf 1 are its tags) */
#define VCOL_GROUP_COUNTED 16u /* BLOCKS and MEASURED, with `depends` and `source`, blocks of known rows: leaf 0 is OFFSETS of
                                  domain 1, lists in the items that `depends` counts; what is said of the lengths of these lists,
                                  leaf 0 of `source`, a value an item, is given to measure and decode; no block FROM_START */

typedef struct vcol_group {
    int32_t kind;    /* vcol_group_kind */
    uint32_t flags;  /* VCOL_GROUP_… */
    int32_t depends; /* BLOCKS: the group whose leaf 0 are the offsets of this one's items, or -1;
                        COUNTS: the group whose leaf 0 are the counts */
    int32_t n_leaves; /* 0: no column is read from its blocks; they are only verified (decode then has no parts) */
    const vcol_leaf *leaves;
    int64_t entries; /* entries that it has; beyond them reading is RANGE or null by option */
    uint64_t stored, unpacked; /* bytes of all its blocks: for estimates */
    const char *name; /* for messages: "branch 'Jet_pt'"; borrowed from the object */
    int32_t rows_of;  /* ITEMS: the group whose leaf 0 counts them (ENDS or PICKS) */
    int32_t source;   /* SPREAD, COUNTED */
    int64_t multiple; /* rows per entry, or per item of rows_of (fixed arrays whose items stand in blocks one by one); 0 = 1 */
    int64_t rows;     /* ITEMS: how many there are in all, by the metadata */
} vcol_group;

typedef struct vcol_leaf_ref {
    int32_t group, leaf;
} vcol_leaf_ref;

typedef struct vcol_schema_column {
    const char *name, *path, *type_name, *shape; /* as vcol_column_info */
    const char *collection;                      /* or NULL */
    const char *note;                            /* or NULL */
    vcol_status status;                          /* OK, or why it cannot be read */
    vcol_type type;
    int32_t levels;
    struct {
        vcol_level_kind kind;
        vcol_leaf_ref ref; /* LIST: its offsets, OPTIONAL: its validity, UNION: the offsets of its items, the leaf behind
                              which are the tags */
        int64_t size;      /* FIXED; UNION: which alternative this column is */
    } level[VCOL_MAX_LEVELS];
    vcol_leaf_ref values;
    int64_t entries;
    uint64_t stored, unpacked;
    int64_t blocks;
} vcol_schema_column;

/* A table beside this one, whose entry i belongs to entry i; or, if it has an index, that of the same numbers. */
typedef struct vcol_stored_friend {
    const char *name;   /* for its columns */
    const char *path;   /* of its file, as it was given when this one was written; "": the same file */
    const char *object; /* its name there */
} vcol_stored_friend;

/* Owned by the object; const while it is open. */
typedef struct vcol_schema {
    int64_t entries;
    int64_t n_columns;
    const vcol_schema_column *columns;
    int64_t n_groups;
    const vcol_group *groups;
    int64_t n_clusters;      /* 0 = unknown */
    const int64_t *clusters; /* n_clusters + 1 entry numbers, the first 0, the last `entries` */
    uint64_t metadata;       /* bytes of memory that file and object hold */
    const char *index_major, *index_minor; /* what the stored index is of, or NULL: there is none */
    int64_t n_friends;
    const vcol_stored_friend *friends;
    const char *kind; /* what the format calls such a table, in a word of lower case: "ttree"; NULL = "table". Static */
} vcol_schema;

/* ---- blocks ---------------------------------------------------------------------------------- */

#define VCOL_BLOCK_SHARED 1u     /* other groups read values from it too */
#define VCOL_BLOCK_EXPANDS 2u    /* inspect replaces it by the blocks inside it */
#define VCOL_BLOCK_PREPARE 4u    /* has no rows: others need what prepare makes of it (a dictionary) */
#define VCOL_BLOCK_FROM_START 8u /* decode of a part needs the dependency's offsets from the block's first row */
#define VCOL_BLOCK_INSPECTED 16u /* sizes are exact: inspect need not be called */
#define VCOL_BLOCK_AS_IS 32u     /* the stored bytes are the plain bytes: unpack is not called; `skip_stored`
                                    bytes of head are left out */
#define VCOL_BLOCK_BEGINS 128u /* ENDS: a run begins with its first row */
#define VCOL_BLOCK_CLOSES 256u /* ENDS: a run ends with its last row: the next row needs nothing of this block */
#define VCOL_BLOCK_RESUMES 64u   /* decode of a part needs nothing behind `content`; with FROM_START, no offsets from the
                                    block's first row either where the part's `base` is known */

/*
 * The unit that is read and unpacked. Its identity is (source, offset, stored, first row, tag): the same bytes may
 * stand for several. A row is one of the group's: an entry of the object, or an item (ITEMS).
 */
typedef struct vcol_block {
    uint64_t offset;      /* bytes from the source's start */
    uint64_t stored;      /* bytes there; 0 = no bytes are read */
    uint64_t unpacked;    /* bytes after unpacking; an estimate until inspected */
    uint64_t content;     /* bytes of those that are needed when all its rows are wanted; 0 = all */
    uint64_t skip_stored; /* AS_IS */
    const void *memory;   /* the stored bytes, where the metadata held them (nothing is fetched); const while
                             the object is open; or NULL */
    int64_t first_entry;  /* its first row; ignored where rows are unknown */
    int64_t entries;      /* its rows; -1 = unknown until measured (rows then follow the block before) */
    uint32_t flags;       /* VCOL_BLOCK_… */
    int32_t needs;        /* the block that must be prepared first, as an index into this plan's blocks (for those
                             that replace one: among those); -1 = none */
    uint64_t tag;         /* the reader's own */
    uint64_t tag2;        /* likewise; set in plan or inspect */
    int64_t origin;       /* ENDS: the number of the first item of its run, which decode adds; -1: not known (0 is added), and no
                             group has these items for rows */
    int64_t until;        /* the entry behind the last that may need it, by the metadata; 0 = behind its last row */
} vcol_block;

typedef struct vcol_block_sink vcol_block_sink;
/* Adds a block. Errors: NOMEM, and MISUSE for sizes that overflow. */
VCOL_API vcol_status vcol_block_push(vcol_block_sink *sink, const vcol_block *block, vcol_error *err);

/* Offsets that a group depends on: of rows [first, first + count], offsets[0] is the one of row `first`. */
typedef struct vcol_deps {
    const int64_t *offsets; /* count + 1; only differences mean something */
    int64_t first, count;
    const void *counts; /* COUNTED: the values of leaf 0 of `source`; those of the items of row first + i are
                           counts[offsets[i]] … counts[offsets[i + 1] - 1]. Else NULL */
} vcol_deps;

/* What of a block goes where, for one leaf. */
typedef struct vcol_part {
    int32_t leaf;
    int32_t bit;    /* VALIDITY: the first bit to write in *dst */
    int64_t skip;   /* first row wanted, counted from the block's first */
    int64_t count;  /* rows */
    int64_t items;  /* items of the leaf's domain among these rows (= count for domain 0): exactly as many
                       times `multiple` values are to be written */
    int64_t base;   /* OFFSETS: items before this part: to be added. ENDS: items of the run before row `skip`, if another
                       part told, else -1. VALUES of a group that depends: items of the block before row `skip`, or -1 =
                       not known */
    void *dst;      /* VALUES: items * multiple values. OFFSETS: `items` (lists) *end* offsets, the first list's
                       end first: the runtime writes the leading 0. VALIDITY: `items` bits */
    size_t size;    /* bytes at dst that may be written */
} vcol_part;

/* ---- indices ----------------------------------------------------------------------------------- */

/* Which entry has which pair of numbers, as it lies in the file. */
typedef struct vcol_stored_index {
    const char *major, *minor;        /* the columns, or expressions of columns, that they are of */
    int64_t n;                        /* pairs */
    const int64_t *majors, *minors;   /* n each, in any order */
    const int64_t *entries;           /* n entries of the object */
} vcol_stored_index;
typedef vcol_status (*vcol_index_take)(const vcol_stored_index *index, void *opaque, vcol_error *err);

/* ---- the table of a reader ------------------------------------------------------------------- */

typedef struct vcol_reader {
    uint32_t abi;        /* VCOL_READER_ABI */
    const char *name;    /* "root" */
    /* Whether the first n (up to 64) bytes of a source are of this format. */
    int (*probe)(const void *head, size_t n);
    /* Reads what is needed to list objects. `source` is borrowed until close. Errors name the file's part only;
       the runtime prefixes the file's name. */
    vcol_status (*open)(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **file,
                        vcol_error *err);
    void (*close)(void *file);
    /* Objects in the file's order; strings borrowed until close. info->entries and columns may be -1. */
    int64_t (*n_objects)(void *file);
    vcol_status (*object_info)(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info, vcol_error *err);
    /* Opens a table by name (NULL: the only one, or "Events"). `file` outlives it. */
    vcol_status (*open_object)(void *file, const char *name, vcol_worker *worker, void **object, vcol_error *err);
    const vcol_schema *(*schema)(void *object);
    void (*close_object)(void *object);
    /*
     * Names the blocks of a group's rows [first, first + count), in row order. deps NULL: a superset that
     * is safe to fetch now; set: exact. From metadata only. ENDS: where no run begins with row `first`, also the block of
     * the row before. MEASURED blocks and blocks whose rows are unknown cannot be of ITEMS.
     */
    vcol_status (*plan)(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps,
                        vcol_block_sink *sink, vcol_error *err);
    /*
     * Completes a block from its stored bytes (sizes, content, flags), or pushes the blocks that replace it
     * (EXPANDS), whose bytes lie inside its own. Not called for INSPECTED ones. May be NULL.
     */
    vcol_status (*inspect)(void *object, int32_t group, vcol_block *block, const void *stored,
                           vcol_block_sink *sink, vcol_error *err);
    /* Unpacks to dst (block->unpacked bytes); only the first `want` are needed. Verifies checksums. */
    vcol_status (*unpack)(void *object, const vcol_block *block, const void *stored, void *dst, size_t want,
                          vcol_worker *worker, vcol_error *err);
    /* Makes what dependents need of a PREPARE block. *bytes: memory of the state. NULL where unused. */
    vcol_status (*prepare)(void *object, int32_t group, const vcol_block *block, const void *plain,
                           const vcol_allocator *allocator, void **state, size_t *bytes, vcol_error *err);
    void (*unprepare)(void *object, void *state, const vcol_allocator *allocator);
    /*
     * Counts. skip = 0, count = -1: *rows = all rows of the block, items[k - 1] = items of depth k in it.
     * Else items among rows [skip, skip + count). `items` has VCOL_MAX_LEVELS elements. deps: COUNTED: covers these rows;
     * items[0] must be what it counts. Else NULL.
     */
    vcol_status (*measure)(void *object, int32_t group, const vcol_block *block, const void *plain,
                           const void *state, const vcol_deps *deps, int64_t skip, int64_t count, int64_t *rows,
                           int64_t *items, vcol_error *err);
    /*
     * Writes parts. `plain` has block->unpacked bytes, of which only the first block->content are valid when
     * `whole` (all rows wanted) or RESUMES. `deps` covers the parts' rows (from the block's first row on with FROM_START).
     * Must check everything it takes from plain; CORRUPT if the values are not exactly as many as wanted.
     */
    vcol_status (*decode)(void *object, int32_t group, const vcol_block *block, const void *plain, int whole,
                          const void *state, const vcol_deps *deps, const vcol_part *parts, int32_t n_parts,
                          vcol_worker *worker, vcol_error *err);
    /*
     * Opens what is stored in the file outside its tables as an object without columns, whose groups have no leaves:
     * to be verified. May be NULL: then there is no such thing.
     */
    vcol_status (*open_rest)(void *file, vcol_worker *worker, void **object, vcol_error *err);
    /*
     * Names the blocks of an ITEMS group that entries [first, first + count) will likely need: a guess from metadata, so
     * that they can be read before it is known which items these entries have. May be NULL.
     */
    vcol_status (*expect)(void *object, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink,
                          vcol_error *err);
    /*
     * Like open, of a file that was not closed: finds the objects by what is in the file, not by its list of them. May be
     * NULL: this format has no such thing.
     */
    vcol_status (*recover)(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **file,
                           vcol_error *err);
    /* What is to be said about an open file as a whole, or NULL; borrowed until close. May be NULL. */
    const char *(*note)(void *file);
    /* Reads the object's index and gives it to take, whose status it returns; all is borrowed until then. Does not call it
       where there is none. May be NULL. */
    vcol_status (*index)(void *object, vcol_worker *worker, vcol_index_take take, void *opaque, vcol_error *err);
} vcol_reader;

/* The built-in readers. */
VCOL_API const vcol_reader *vcol_reader_root(void);

#ifdef __cplusplus
}
#endif
#endif
