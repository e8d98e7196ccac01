/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The container: header, keys, records, compression blocks, directories. Everything here is set in open and
 * const after, but for object_entry.note.
 */
#ifndef VCOL_ROOT_FILE_H
#define VCOL_ROOT_FILE_H

#include "arena.h"

/* ---- keys (key.c) ---------------------------------------------------------------------------- */

enum {
    KEY_MIN = 26,         /* bytes of a small key before its strings */
    BASKET_HEAD = 19,     /* bytes of a basket's own head, without fIOBits */
    MAX_RECORD = 1 << 28, /* bytes unpacked that metadata may have */
    MAX_DIRECTORY_DEPTH = 64,
    LARGE_FILE = 1000000, /* versions of files with 64-bit places are so much higher */
};

typedef struct root_key {
    uint32_t nbytes; /* of the whole record */
    uint32_t objlen; /* of the payload, unpacked */
    uint32_t keylen; /* where the payload begins */
    int32_t version;
    int32_t cycle;
    uint64_t seek; /* where the record says that it is */
    text class_name, name, title;
    size_t parsed; /* bytes that the key's fields took */
} root_key;

/*
 * Parses a key at c. 0, or -1 with *why; keylen and the strings are set even then, unless c is bad. The
 * strings point into c's bytes.
 */
int vcol__key_parse(cursor *c, root_key *key, const char **why);

/* ---- compression blocks (unzip.c) -------------------------------------------------------------- */

/*
 * Unpacks n stored bytes of compression blocks into `size` bytes, of which the first `want` are needed.
 * Errors fit behind "basket 17: ".
 */
vcol_status vcol__unzip(vcol_worker *worker, const uint8_t *src, size_t n, uint8_t *dst, size_t size,
                        size_t want, vcol_error *err);

/* Whether the blocks of a compressed payload add up to its size: to ask before memory is taken for it. */
int vcol__unzip_adds_up(const uint8_t *src, size_t n, size_t size);

/* ---- files (file.c) ------------------------------------------------------------------------------ */

typedef struct object_entry {
    const char *name; /* path inside the file */
    const char *class_name;
    const char *title;
    uint64_t seek;
    uint32_t nbytes, objlen;
    int32_t cycle;
    int listed; /* the highest cycle of its name */
    int is_table;
    int is_ntuple; /* an RNTuple's anchor */
    const char *note; /* const after open */
} object_entry;

struct root_classes;
struct recovery;

typedef struct root_file {
    vcol_source *source;
    arena memory;
    uint64_t size; /* bytes of the source */
    uint64_t begin, end;
    uint64_t seek_info;
    uint32_t nbytes_info, nbytes_name;
    int32_t version;
    int large;
    object_entry *entries; /* in the file's order, all cycles */
    int64_t n_entries, capacity;
    int64_t *listed; /* indices of those that are listed */
    int64_t n_listed;
    struct root_classes *classes;
    const char *info_note; /* why the streamer information could not be read, or NULL */
    struct recovery *recovery; /* what a walk over the records found, where that was asked for; or NULL (recover.c) */
} root_file;

/* A record in memory: `data` begins with its key, the payload follows at `keylen`, unpacked. */
typedef struct root_record {
    uint8_t *data;
    size_t size;
    root_key key; /* its strings point into data */
} root_record;

/* Reads and unpacks the record at `seek` of `nbytes` bytes into `memory`. `what` names it in messages. */
vcol_status vcol__record_read(root_file *file, uint64_t seek, uint32_t nbytes, const char *what,
                              vcol_worker *worker, arena *memory, root_record *out, vcol_error *err);
/* Bytes of memory that this takes, by what a key says; 0 if it cannot be so. */
uint64_t vcol__record_need(const root_file *file, uint32_t nbytes, uint32_t objlen);

/* Bytes of the source, which must lie inside it. */
vcol_status vcol__file_read(root_file *file, uint64_t offset, void *data, size_t n, vcol_error *err);

/* recover: by a walk over the records instead of the directories (recover.h). */
vcol_status vcol__file_open(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, int recover,
                            root_file **out, vcol_error *err);
void vcol__file_close(root_file *file);

/* ---- directories (directory.c) ---------------------------------------------------------------------- */

/* A key of a directory. */
typedef struct root_image {
    root_key key;
    int hidden; /* 1: a higher cycle of the same name exists; 2: another of the same name and cycle stands before it */
} root_image;

/* Fills entries from the root directory down. */
vcol_status vcol__directory_walk(root_file *file, vcol_error *err);
/* Of one directory's images: which are hidden. -1: no memory. */
int vcol__images_hide(root_file *file, root_image *images, int64_t n);
/* An entry for a key of the directory whose path, with a slash behind it, is `path`; its number, or -1: no memory. */
int64_t vcol__entry_add(root_file *file, const root_image *image, const char *path);
/* Fills `listed`, when all entries are there. -1: no memory. */
int vcol__entries_list(root_file *file);
/* Whether a class is that of directories. */
int vcol__class_is_directory(text cls);

#endif
