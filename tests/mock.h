/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a mock reader's file through data set, loop and chunks, under many settings: test_reader_*_mock.c. */
#ifndef VCOL_TESTS_MOCK_H
#define VCOL_TESTS_MOCK_H

#include "helpers.h"

/* A made-up file and what is in it. */
typedef struct mock_world {
    const vcol_reader *reader;
    const vcol_schema *schema;
    const unsigned char *bytes; /* the first four tell its format */
    size_t size;
    int64_t rows, blocks; /* blocks: to be unpacked in a whole pass over all columns */
    const char *const *names;
    int n_names;
    /* Compares a view of rows [first, first + entries) with the arrays the file was made of; aborts if they differ. */
    void (*check)(const vcol_view *view, int column, int64_t first);
} mock_world;

/*
 * A mock reader's table begins with this: a file has one object, which is the schema of the world that was begun last, and
 * that schema is what the reader's functions get as `object`.
 */
#define MOCK_READER                                                                                                    \
    .abi = VCOL_READER_ABI, .name = "mock", .probe = mock_probe, .open = mock_open_file, .close = mock_close_file,     \
    .n_objects = mock_n_objects, .object_info = mock_object_info, .open_object = mock_open_object, .schema = mock_schema, \
    .close_object = mock_close_file
int mock_probe(const void *head, size_t n);
vcol_status mock_open_file(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **out,
                           vcol_error *err);
void mock_close_file(void *file);
int64_t mock_n_objects(void *file);
vcol_status mock_object_info(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info, vcol_error *err);
vcol_status mock_open_object(void *file, const char *name, vcol_worker *worker, void **object, vcol_error *err);
const vcol_schema *mock_schema(void *object);

typedef struct mock_setting {
    int64_t chunk; /* entries; 0 = all */
    int threads;   /* 0 = no background work */
    uint64_t limit;
    bool prefetch;
    uint32_t flags; /* VCOL_MANAGER_… */
    uint64_t seed;  /* of the order in which columns are asked for; 0 = the file's */
    uint64_t gap, read_size;
    int64_t log;
    unsigned skip; /* bit c: without column c */
    int passes;    /* over the one data set; 0 = one */
    bool keep;     /* the source is slow: blocks are kept as they are stored */
} mock_setting;

typedef struct mock_result {
    vcol_status status; /* of the first that failed */
    vcol_error err;
    int64_t failures, chunks;
    vcol_stats stats; /* after the last loop is closed */
    uint64_t reads, hits; /* reads, and hits of kept blocks, of the last pass */
} mock_result;

/* One pass, or several. source and allocator may have faults; what is given is checked in any case. A column that fails is passed over. */
mock_result mock_pass(const mock_world *w, const mock_setting *s, t_source *source, t_allocator *allocator);

/* The settings of TESTS.md: chunks {1, 3, 7, all} × threads {0, 1, 4} × limits {tiny, none} × prefetch {off, on}. */
#define MOCK_SETTINGS 48
mock_setting mock_setting_of(int i, uint64_t tiny);

/* Opens source, manager, data set by hand; s->log entries are logged. */
typedef struct mock_open {
    vcol_manager *m;
    vcol_source *source;
    vcol_dataset *d;
} mock_open;
vcol_status mock_begin(const mock_world *w, const mock_setting *s, t_source *source, t_allocator *allocator, mock_open *out,
                       vcol_error *err);
void mock_end(mock_open *o);

/* A growing file. */
typedef struct mock_bytes {
    unsigned char *data;
    size_t size, capacity;
} mock_bytes;
/* Appends n bytes (NULL: zeroes); returns where they begin. */
size_t mock_put(mock_bytes *b, const void *data, size_t n);
void mock_put32(mock_bytes *b, uint32_t v);
uint32_t mock_get32(const void *p);

#endif
