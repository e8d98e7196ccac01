/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vcol/dataset.h: one or many event files with one schema, and the columns they have.
 *
 * Opening reads metadata only. A column is a chain of levels above one array of values: none for a flat
 * column, a list (offsets) for `Jet_pt[nJet]` or `vector<float>`, a fixed dimension for `x[3]`, an
 * option (validity bits) where values may be missing, an alternative of a union; a string is a list of VCOL_CHAR. Columns that
 * belong to one collection share their offsets.
 *
 * Names: a list of columns is one string of names separated by spaces or commas. Each is a column's
 * path, a shell pattern (`Jet_*`), or a collection's name (`Jet`: all its columns). Of several columns
 * with one name the name means the first; the others go by id. What fits nothing is looked for once more with
 * dots and underscores taken as the same: `Jet_pt` is found where the file says `Jet.pt`, and the other way round.
 *
 * Threads: everything but open and close may be called from any thread.
 */
#ifndef VCOL_DATASET_H
#define VCOL_DATASET_H

#include <vcol/manager.h>
#include <vcol/source.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vcol_file vcol_file;
typedef struct vcol_dataset vcol_dataset;
struct vcol_reader;

/* What a file holds. Strings are borrowed from the file's or data set's handle. */
typedef struct vcol_object_info {
    const char *name;       /* path inside the file: "Events", "dir/tree"; "" where formats have one table */
    const char *class_name; /* "TTree", "TH1F" */
    const char *title;
    int64_t entries;        /* -1 where the object is no table or could not be read */
    int64_t columns;        /* -1 likewise */
    uint64_t stored;        /* bytes in the file: of a table's data, or of the object's record */
    uint64_t unpacked;
    int32_t is_table;       /* 1 if it can be opened as a data set */
    int32_t cycle;          /* ROOT's cycle; 0 elsewhere */
    const char *note;       /* why it cannot be opened, or what is missing of it; or NULL */
} vcol_object_info;

/*
 * Opens a file to list its objects. path may be local; or give `source` (acquired) and any path for
 * messages. `reader` NULL = found from the first bytes.
 * Errors: NOT_FOUND, IO, UNSUPPORTED (no reader knows the format), CORRUPT, NOMEM, LIMIT (metadata that takes
 * more than the memory limit and 48 MB).
 */
VCOL_API vcol_status vcol_file_open(vcol_manager *manager, const char *path, vcol_source *source,
                                    const struct vcol_reader *reader, vcol_file **out, vcol_error *err);
/*
 * The same for a file that was not closed, or was cut short: its objects are found by going over its records, not by the
 * list of them, which such a file lacks. Of ROOT files: from the first record on, as far as record follows on record
 * (vcol_file_note says how far that was); each object by its last record. A tree is as its last record says, and has the
 * baskets that were written later where they are surely its own, else a note. Trees of which there are only baskets are listed
 * with a note, and cannot be read. Errors: as above; UNSUPPORTED also where the format cannot be recovered.
 */
VCOL_API vcol_status vcol_file_recover(vcol_manager *manager, const char *path, vcol_source *source,
                                       const struct vcol_reader *reader, vcol_file **out, vcol_error *err);
VCOL_API void vcol_file_close(vcol_file *file);
/* What is to be said about the whole file (what was recovered of it), or NULL; borrowed. */
VCOL_API const char *vcol_file_note(const vcol_file *file);
VCOL_API int64_t vcol_file_objects(const vcol_file *file);
/* Errors: RANGE. An object whose metadata cannot be read has a note instead. */
VCOL_API vcol_status vcol_file_object(vcol_file *file, int64_t i, vcol_object_info *out, vcol_error *err);
/* The format's name, "root"; static. */
VCOL_API const char *vcol_file_format(const vcol_file *file);

/*
 * Reads what lies in the file outside its tables (histograms and other objects, older cycles, directories, the
 * description of classes), compares each record's key with the directory's, unpacks it whole and checks every
 * checksum. Calls report (may be NULL) once a fault; goes on after it. *records counts what was read, *faults
 * what was wrong (each may be NULL). Errors: only what keeps it from going on.
 */
VCOL_API vcol_status vcol_file_verify(vcol_file *file, void (*report)(const vcol_error *fault, void *opaque),
                                      void *opaque, int64_t *records, int64_t *faults, vcol_error *err);

/* Flags of vcol_dataset_options. */
#define VCOL_DATASET_MISSING_NULL 1u /* a column that a later file lacks is null there, not an error */
#define VCOL_DATASET_SHORT_NULL 2u   /* entries after a column's own end are null, not an error */
#define VCOL_DATASET_LONGEST 4u      /* a table that says that it has fewer entries than its columns is as long as those */
#define VCOL_DATASET_KEEP_STORED 8u  /* its blocks are kept as they are stored when they were unpacked, however fast its sources
                                        are (vcol/manager.h) */
#define VCOL_DATASET_DROP_STORED 16u /* they are not, however slow. Neither: by what a source says, or its reads take */
#define VCOL_DATASET_RECOVER 32u     /* its files were not closed: as by vcol_file_recover */

#define VCOL_DATASET_FRIENDS 64u     /* the friends that its tables name (ROOT's AddFriend) are opened, too */
#define VCOL_DATASET_UNMATCHED_NULL 128u /* entries that a friend's index does not find are null in its columns, not an error */

/*
 * A friend: a table whose entry i has further columns of the data set's entry i, which are `name.column`. Its files are opened with
 * the data set's, one each, and must have as many entries, all but the last. A friend that ends before the data set
 * does is as a column that does: an error, or null by VCOL_DATASET_SHORT_NULL; one that is longer is read as far as the data set goes.
 *
 * A friend with a stored index (ROOT's TTreeIndex) of columns that the data set has, too, belongs to the entries of the same
 * numbers, in whatever order its own are: of several the first. The index is read when the data set is opened. A column has as
 * many entries as the data set; where the index finds none it is an error (NOT_FOUND), or with VCOL_DATASET_UNMATCHED_NULL null:
 * then each of the friend's columns is optional. An index of other columns means nothing, and entry i belongs to entry i; so it
 * does by VCOL_FRIEND_BY_ENTRY, whatever index there is. Columns are UNSUPPORTED where the index is of expressions, or the data
 * set's column of that name is no integer. Each file of the data set is looked for in its own friend.
 *
 * Friends of friends are not opened. Files of a friend are read by waiting, whatever their sources can do.
 */
typedef struct vcol_friend {
    const char *name;
    const char *const *paths; /* as for vcol_dataset_open: n_paths, or globs, of as many files as the data set has */
    int64_t n_paths;
    vcol_source *const *sources; /* one a path, acquired; or NULL: local files */
    uint32_t flags;              /* VCOL_FRIEND_… */
    int32_t reserved;
    const char *major, *minor; /* or NULL. Columns of one integer an entry that both have: as by a stored index of these. Of the
                                  friend's they are read when the data set is opened. minor alone may be NULL */
} vcol_friend;
#define VCOL_FRIEND_BY_ENTRY 1u /* entry i belongs to entry i, whatever index it has */

typedef struct vcol_dataset_options {
    size_t struct_size;
    uint32_t flags; /* VCOL_DATASET_… */
    int32_t reserved;
    vcol_source *const *sources;               /* one a path, acquired; or NULL: local files */
    const struct vcol_reader *const *readers;  /* tried before the built-in ones; or NULL */
    int64_t n_readers;
    const vcol_friend *friends; /* n_friends; of one name, the first one's, before those that the tables name */
    int64_t n_friends;
} vcol_dataset_options;

VCOL_API void vcol_dataset_options_init(vcol_dataset_options *options, size_t size);

/*
 * Opens `n` paths as one data set. A path is "file", "file:object" or a glob of files ("run*.root:Events";
 * sorted by name); the object's name may have colons in it. Without an object the file's only table is meant, or `Events` if there is one.
 * Errors: MISUSE, NOT_FOUND (file or object), IO, CORRUPT, UNSUPPORTED, TYPE (files do not agree; a friend's numbers of entries),
 * NOMEM, LIMIT.
 */
VCOL_API vcol_status vcol_dataset_open(vcol_manager *manager, const char *const *paths, int64_t n,
                                       const vcol_dataset_options *options, vcol_dataset **out,
                                       vcol_error *err);
/* Closes it; chunks and loops on it must be closed before. */
VCOL_API void vcol_dataset_close(vcol_dataset *dataset);

/* Entries of all files. */
VCOL_API int64_t vcol_dataset_entries(const vcol_dataset *dataset);

typedef struct vcol_file_info {
    const char *path;   /* borrowed */
    const char *object; /* borrowed */
    int64_t first;      /* its first entry in the data set */
    int64_t entries;    /* that its table says it has */
    int64_t clusters;   /* number of clusters, or 0 if the file tells none */
    uint64_t size;      /* bytes of the file */
    const char *kind;   /* of its table: "ttree", "rntuple"; "table" where the format has but one; static */
} vcol_file_info;
VCOL_API int64_t vcol_dataset_files(const vcol_dataset *dataset);
VCOL_API vcol_status vcol_dataset_file(const vcol_dataset *dataset, int64_t i, vcol_file_info *out,
                                       vcol_error *err);

/* A friend that the first file's table names itself; texts are borrowed. */
typedef struct vcol_friend_info {
    const char *name;   /* its columns are name.column, when it is opened (VCOL_DATASET_FRIENDS) */
    const char *path;   /* of its file, as the file says it; "": the same */
    const char *object; /* its name there */
} vcol_friend_info;
VCOL_API int64_t vcol_dataset_friends(const vcol_dataset *dataset);
/* Fills the first `size` bytes of *out. Errors: RANGE. */
VCOL_API vcol_status vcol_dataset_friend(const vcol_dataset *dataset, int64_t i, vcol_friend_info *out, size_t size,
                                         vcol_error *err);
/* What the stored index of the first file's table is of (vcol_index_open); borrowed. Errors: NOT_FOUND: it has none. */
VCOL_API vcol_status vcol_dataset_index(const vcol_dataset *dataset, const char **major, const char **minor, vcol_error *err);

typedef enum vcol_level_kind {
    VCOL_LEVEL_LIST = 1,    /* offsets: int64, one more than lists, the first 0 */
    VCOL_LEVEL_FIXED = 2,   /* `size` items each */
    VCOL_LEVEL_OPTIONAL = 3, /* validity: one bit an item, least significant first, 1 = there */
    VCOL_LEVEL_UNION = 4     /* one alternative, number `size`, of several: tags say which one each item is (int8; 0: none);
                                offsets, one more than items, are those of lists that hold the item if it is this one */
} vcol_level_kind;
#define VCOL_MAX_LEVELS 8

typedef struct vcol_column_info {
    int64_t id;             /* 0 … columns − 1, in the file's order */
    const char *name;       /* the path's last part */
    const char *path;       /* what to ask for */
    const char *type_name;  /* the type as the file tells it */
    const char *shape;      /* "float32", "var * 3 * int32", "var * string", … */
    const char *collection; /* the collection it belongs to, or NULL */
    const char *note;       /* why it cannot be read, or NULL */
    vcol_status status;     /* OK or UNSUPPORTED, CORRUPT: what a getter would answer */
    vcol_type type;
    int32_t levels;
    struct {
        vcol_level_kind kind;
        int32_t reserved;
        int64_t size; /* of FIXED; of UNION: the alternative */
    } level[VCOL_MAX_LEVELS];
    int64_t entries;   /* entries it has itself; usually the data set's */
    uint64_t stored;   /* bytes in the files */
    uint64_t unpacked; /* bytes after decompression */
    int64_t blocks;    /* baskets or pages in the first file */
    int64_t group;     /* columns with the same number share all their blocks; -1 = it has none */
} vcol_column_info;

VCOL_API int64_t vcol_dataset_columns(const vcol_dataset *dataset);
/* Fills the first `size` bytes of *out. Errors: RANGE. */
VCOL_API vcol_status vcol_dataset_column(const vcol_dataset *dataset, int64_t id, vcol_column_info *out,
                                         size_t size, vcol_error *err);
/* The id of the column of that path. Errors: NOT_FOUND, with near names in the message. */
VCOL_API vcol_status vcol_dataset_find(const vcol_dataset *dataset, const char *path, int64_t *id,
                                       vcol_error *err);
/*
 * Resolves a list of columns; NULL or "" means none, "*" all that can be read. Each id comes once, in the
 * order given, those of a pattern in the file's order. *n is how many there are; at most `capacity` are
 * written. Errors: NOT_FOUND (a name or pattern that fits nothing).
 */
VCOL_API vcol_status vcol_dataset_match(const vcol_dataset *dataset, const char *columns, int64_t *ids,
                                        int64_t capacity, int64_t *n, vcol_error *err);

/*
 * What was done with a column since the data set was opened. Its arrays may be shared (offsets of a collection, leaves of
 * a branch, counts): they count for each column that has them, so that the sums over columns are more than the manager's.
 * Exact when nothing is in flight. New members are added at the end only.
 */
typedef struct vcol_column_stats {
    uint64_t touched; /* chunks in which the program asked for it; again after a clear */
    uint64_t hits;    /* first pins and leases that found it resident */
    /* of its arrays */
    uint64_t loads;     /* materializations */
    uint64_t failures;
    uint64_t load_ns;   /* what these took, from begin to end, with what they waited for; of all threads, nanoseconds */
    uint64_t wait_ns;   /* what threads waited for another's, nanoseconds */
    uint64_t blocks_read;
    uint64_t bytes_read; /* of these blocks, as stored */
    uint64_t blocks_unpacked;
    uint64_t bytes_unpacked;
    uint64_t blocks_redecoded; /* of those unpacked, again in one pass */
    uint64_t evictions;
    uint64_t prefetched;      /* loads done by prefetch */
    uint64_t prefetch_unused; /* of those, dropped before anybody used them */
    uint64_t peak_bytes;      /* of memory at a time, in one file */
} vcol_column_stats;
/* Fills the first `size` bytes of *out. Errors: RANGE. */
VCOL_API vcol_status vcol_dataset_column_stats(const vcol_dataset *dataset, int64_t id, vcol_column_stats *out,
                                               size_t size, vcol_error *err);

/*
 * The columns that the program has asked for since the data set was opened, in order of their first use: what an analysis
 * needs, learned from a run over a few entries. Where only the offsets of a collection were asked for, the column that
 * counts its items. *n is how many there are; at most `capacity` are written.
 */
VCOL_API vcol_status vcol_dataset_touched(const vcol_dataset *dataset, int64_t *ids, int64_t capacity, int64_t *n,
                                          vcol_error *err);

/* What was read and never used: prefetched, and dropped before anybody asked. What a load needs itself is used. */
typedef struct vcol_fetched {
    int64_t columns;        /* whose values were materialized */
    int64_t columns_unused; /* of those, never used */
    uint64_t bytes;         /* of blocks read, as stored */
    uint64_t bytes_unused;  /* of those, the share of loads that were never used */
} vcol_fetched;
/* Fills the first `size` bytes of *out. Exact when all chunks are closed and nothing is in flight. */
VCOL_API vcol_status vcol_dataset_fetched(const vcol_dataset *dataset, vcol_fetched *out, size_t size, vcol_error *err);

/*
 * Reads all blocks of the given columns, unpacks them whole, checks every checksum and decodes them. columns NULL:
 * of the whole table, also the blocks that no column can be read from yet, which are not decoded; "": only those. Calls report (may be NULL) once a fault; goes on after it. *blocks counts what was
 * read, *faults what was wrong. Errors: only what keeps it from going on.
 */
VCOL_API vcol_status vcol_dataset_verify(vcol_dataset *dataset, const char *columns,
                                         void (*report)(const vcol_error *fault, void *opaque),
                                         void *opaque, int64_t *blocks, int64_t *faults, vcol_error *err);

#ifdef __cplusplus
}
#endif
#endif
