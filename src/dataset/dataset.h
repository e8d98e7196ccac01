/* SPDX-License-Identifier: BSD-3-Clause */
/* A data set inside the library: its files, its columns, and how names are resolved. */
#ifndef VCOL_DATASET_DATASET_H
#define VCOL_DATASET_DATASET_H

#include "core/unit.h"

#include <vcol/dataset.h>
#include <vcol/reader.h>

/* What a file's metadata may take: the reader's allocator refuses more. */
typedef struct vcol__ration {
    vcol_allocator from;
    uint64_t most;
    _Atomic uint64_t taken;
    _Atomic int refused;
} vcol__ration;

/* Which columns of the data set read from which of a file's groups: columns[first[g] … first[g + 1]). */
typedef struct vcol__users {
    int64_t *first, *columns;
} vcol__users;

/* An open file with its table. Stays where it is while it is open. */
typedef struct vcol__infile {
    char *path;           /* as given, without the object */
    char *where;          /* for messages */
    char *object_name;
    vcol_source *source;  /* referenced */
    const vcol_reader *reader;
    void *file, *object;  /* the reader's */
    const vcol_schema *schema;
    vcol__binding binding;
    vcol__pass pass;
    bool pass_open;
    uint64_t fixed;       /* charged for metadata */
    int64_t first, entries;
    uint64_t size;        /* bytes of the file */
    int64_t own_columns;  /* of its schema's: behind them are those of friends */
    int64_t *map;         /* the data set's column -> this schema's, or -1; NULL: the same */
    vcol__users *users;   /* the first file's, where the groups are the same */
    vcol__ration ration;
    struct vcol__match *matches; /* friends whose entries are found by their index: match.h */
    int32_t n_matches;
} vcol__infile;

/* A column as the data set has it. */
typedef struct vcol__column_def {
    const vcol_schema_column *schema; /* the first file's */
    bool nullable;                    /* an option level is put around it: some file lacks it, or it is short */
    char *shape;                      /* of a nullable one; else the schema's */
    int64_t entries;
    uint64_t stored, unpacked;
    int64_t blocks;
    /* atomic, relaxed: numbers for statistics */
    _Atomic uint64_t touches, hits;
    _Atomic int64_t first_touch; /* 1, 2 …: its place among those touched; 0: it is not */
} vcol__column_def;

struct vcol_dataset {
    vcol_manager *manager;
    uint32_t flags;
    int64_t n_files, entries, n_columns;
    vcol__infile *files;
    vcol__column_def *columns;
    int32_t *index;  /* hash table of paths -> column + 1, 0 = empty */
    int32_t *folded; /* likewise, of paths with dots taken as underscores */
    size_t index_size;
    _Atomic int64_t n_touched; /* columns with a place in the order of touching */
};

/* Copies for the life of a handle; NULL without memory. */
char *vcol__copy_string(const char *text);
/* Room for one more of `each` bytes at the end of a growing list; `list` is where its pointer is. False: no memory. */
bool vcol__list_grow(void *list, int64_t n, int64_t *capacity, size_t each);

/* What to open, and how. */
typedef struct vcol__opening {
    const char *path;
    vcol_source *source; /* or NULL: a local file */
    const vcol_reader *const *readers;
    int64_t n_readers;
    bool recover;
    const struct vcol__friend_file *friends; /* friend.h; of this file */
    int64_t n_friends;
    bool stored_friends; /* and those that its table names */
} vcol__opening;

/* Opens a file and its object (NULL = the only one) with the first reader that knows it. Errors name the file. */
vcol_status vcol__infile_open(vcol_manager *m, const vcol__opening *what, const char *object, vcol__infile *out, vcol_error *err);
void vcol__infile_close(vcol_manager *m, vcol__infile *table);
/* Only the file, for listing. */
vcol_status vcol__infile_open_file(vcol_manager *m, const vcol__opening *what, vcol__infile *out, vcol_error *err);

/* Opens, in a file that is open, what lies outside its tables (reader.open_rest), as if it were a table. */
vcol_status vcol__infile_open_rest(vcol_manager *m, vcol__infile *file, vcol_error *err);

struct vcol_file {
    vcol_manager *manager;
    vcol__infile table; /* without a table; perhaps with the rest */
    char **notes;       /* why objects could not be read, by their number; NULL before the first */
};

/* The built-in readers, NULL-terminated. */
extern const vcol_reader *(*const vcol__builtin_readers[])(void);

/* A loop over the data set begins: what it uses from now on is used in one direction; and ends: nothing is carried any more. */
void vcol__dataset_begin_pass(vcol_dataset *d);
void vcol__dataset_end_pass(vcol_dataset *d);

/*
 * The groups of a column's arrays in a file, and what these are made of that no column need name, each once; with `counts` also
 * the counts of collections. How many, at most VCOL__COLUMN_GROUPS: what lies deeper is left out; 0: the file lacks the column,
 * or it cannot be read. (dataset.c)
 */
#define VCOL__COLUMN_GROUPS 96
int vcol__dataset_groups(const vcol_dataset *d, const vcol__infile *file, int64_t id, bool counts, int32_t *out);

/* names.c */
vcol_status vcol__names_build(vcol_dataset *d, vcol_error *err);
int64_t vcol__names_find(const vcol_dataset *d, const char *path, size_t length);
/* The same; failing that, with dots and underscores taken as the same. */
int64_t vcol__names_resolve(const vcol_dataset *d, const char *path, size_t length);
/* The first readable column of a collection; -1 if there is no such collection. */
int64_t vcol__names_collection(const vcol_dataset *d, const char *name);
/* Calls `add` for each column that one name, collection or pattern means; how many. */
int64_t vcol__names_match_one(const vcol_dataset *d, const char *token, size_t length, void (*add)(int64_t id, void *opaque),
                              void *opaque);
/* Whether one name of a list is this name, or a pattern that it fits: for columns that are not the data set's. */
bool vcol__names_fit(const char *token, size_t length, const char *name);
/* NOT_FOUND, with near names. */
vcol_status vcol__names_unknown(const vcol_dataset *d, const char *token, size_t length, vcol_error *err);
/* The next token of a list, `*length` bytes; *list moves behind it. NULL: there is none. */
const char *vcol__names_next(const char **list, size_t *length);
/* Calls `add` for each column of a list, each once a token; NOT_FOUND for a token that fits nothing. */
vcol_status vcol__names_match(const vcol_dataset *d, const char *columns, void (*add)(int64_t id, void *opaque),
                              void *opaque, bool missing_is_error, vcol_error *err);

/* stats.c: the program has asked for a column; for nothing but the offsets of one. */
void vcol__dataset_touch(vcol_dataset *d, int64_t id);
void vcol__dataset_touch_offsets(vcol_dataset *d, int64_t id);

/* The file that holds entry `first`; -1 if none. */
int64_t vcol__dataset_file_of(const vcol_dataset *d, int64_t first);

#endif
