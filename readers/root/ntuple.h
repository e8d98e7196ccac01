/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNTuple: an open one, as what plan, inspect, unpack and decode work from; const after open.
 *
 * FORMAT root/RNTuple  an anchor (an object in a directory) says where the header and the footer are; the header has
 * fields and columns, the footer more of them and where the page lists are; these have clusters and, per cluster and
 * column, pages. A field can have several representations of its columns, of which one has pages in each cluster.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md
 *
 * Here a *column* is one of the file's, a *series* is what the field sees: a field's first or second column whatever its
 * representation, with the pages of all clusters, whose elements are numbered through. Elements are the rows of groups.
 */
#ifndef VCOL_ROOT_NTUPLE_H
#define VCOL_ROOT_NTUPLE_H

#include "table.h"
#include "ntuple_bytes.h"

enum {
    NT_MAX_SERIES = 2,         /* columns of a field in one representation: index and characters, or bytes */
    NT_MAX_FIELD_DEPTH = 64,
    NT_MAX_METADATA = 1 << 30, /* unpacked bytes of an envelope */
    NT_MAX_RATIO = 1 << 16,
};
#define NT_NONE UINT32_MAX
/* Rows, entries, elements: no more than this is believed. */
#define NT_MOST ((int64_t)1 << 48)

typedef enum nt_role { NT_PLAIN, NT_COLLECTION, NT_RECORD, NT_VARIANT, NT_STREAMER } nt_role;

enum { NT_FIELD_REPETITIVE = 1, NT_FIELD_PROJECTED = 2, NT_FIELD_CHECKSUM = 4, NT_COLUMN_DEFERRED = 1, NT_COLUMN_RANGE = 2 };

/* FORMAT root/RNTuple column types, of the same document (Column Description). */
typedef enum nt_type {
    NT_BIT = 0x00, NT_BYTE = 0x01, NT_CHAR = 0x02, NT_INT8 = 0x03, NT_UINT8 = 0x04, NT_INT16 = 0x05, NT_UINT16 = 0x06,
    NT_INT32 = 0x07, NT_UINT32 = 0x08, NT_INT64 = 0x09, NT_UINT64 = 0x0a, NT_REAL16 = 0x0b, NT_REAL32 = 0x0c,
    NT_REAL64 = 0x0d, NT_INDEX32 = 0x0e, NT_INDEX64 = 0x0f, NT_SWITCH = 0x10, NT_SPLIT_INT16 = 0x11,
    NT_SPLIT_UINT16 = 0x12, NT_SPLIT_INT32 = 0x13, NT_SPLIT_UINT32 = 0x14, NT_SPLIT_INT64 = 0x15, NT_SPLIT_UINT64 = 0x16,
    NT_SPLIT_REAL16 = 0x17, NT_SPLIT_REAL32 = 0x18, NT_SPLIT_REAL64 = 0x19, NT_SPLIT_INDEX32 = 0x1a,
    NT_SPLIT_INDEX64 = 0x1b, NT_REAL32_TRUNC = 0x1c, NT_REAL32_QUANT = 0x1d,
    NT_TYPES = 0x1e,
} nt_type;

typedef struct nt_field {
    uint32_t parent; /* NT_NONE at the top */
    uint16_t role, flags;
    text name, type;
    uint64_t array; /* REPETITIVE */
    uint32_t source; /* PROJECTED, or NT_NONE */
    uint32_t first_child, last_child, next; /* or NT_NONE */
    uint32_t series[NT_MAX_SERIES]; /* of its own, or NT_NONE */
    uint32_t n_series;
    int64_t repetitions; /* elements of it per entry, where no collection lies above; else 0 */
    const char *own_name; /* its last part in the path, where that is not its name (ntuple_names.c) */
} nt_field;

typedef struct nt_column {
    uint16_t type, bits;
    uint16_t flags, representation;
    uint32_t field, series; /* NT_NONE: of no use */
    uint32_t next;          /* the next of its series, or NT_NONE */
    int64_t first;          /* DEFERRED: its first element; negative: suppressed there as well */
    double min, max;        /* RANGE */
} nt_column;

typedef struct nt_page {
    uint64_t offset;
    int64_t first; /* number of its first element in the series */
    int64_t elements;
    uint32_t stored;
    uint32_t column;
    uint8_t checksum; /* 8 bytes of XXH3 follow */
    uint8_t zero;     /* has no bytes: all zeros */
    uint8_t begins, closes; /* the cluster's */
} nt_page;

typedef struct nt_series {
    uint32_t field, position;
    uint32_t any_column;       /* the first of its first representation */
    uint64_t first_page;       /* in the object's pages */
    uint64_t n_pages;
    const uint32_t *cluster;   /* the first page of each cluster, counted from first_page, and n_pages */
    int64_t rows;
    uint64_t stored, unpacked;
    int32_t ends_group, values_group; /* made of it already, or -1 */
    int used;                  /* a group reads it */
} nt_series;

/* What a group of the schema is read from. */
typedef enum nt_kind { NT_COMPUTED, NT_VALUES, NT_ENDS, NT_PICKS, NT_RAW } nt_kind;

typedef struct nt_group {
    nt_kind kind;
    uint32_t series;
    vcol_type type;        /* VALUES */
    int32_t alternative;   /* PICKS */
    uint32_t counted;      /* ENDS, PICKS: a series whose elements are the items, or NT_NONE */
    int64_t per_item;      /* elements of it an item */
} nt_group;

/* A cluster, and where its columns' pages are described. */
typedef struct nt_cluster {
    int64_t first, entries;
    cursor columns;
    uint32_t n_columns;
} nt_cluster;

typedef struct root_ntuple {
    root_object object;
    root_file *file;
    arena memory;
    const char *name;
    uint64_t max_key;
    uint64_t header_checksum;
    uint32_t attribute_sets; /* linked; not read */
    nt_field *fields;
    uint32_t n_fields, fields_capacity, first_field, last_field;
    nt_column *columns;
    uint32_t n_columns, columns_capacity;
    uint32_t *aliased; /* per field: the column that an alias names, or NT_NONE; NULL without any */
    nt_series *series;
    uint32_t n_series;
    nt_page *pages;
    uint64_t n_pages;
    int64_t n_clusters;
    const int64_t *clusters; /* entries where they begin, and the end */
    vcol_schema schema;
    nt_group *groups;
    uint64_t stored, unpacked;
} root_ntuple;

/* ---- ntuple_anchor.c ---- */

typedef struct nt_anchor {
    uint16_t epoch, major, minor, patch;
    uint64_t seek_header, stored_header, size_header, seek_footer, stored_footer, size_footer, max_key;
} nt_anchor;

/* Parses an anchor's payload. Errors fit behind "its anchor ". */
vcol_status vcol__anchor_parse(const uint8_t *data, size_t n, nt_anchor *out, vcol_error *err);

/* ---- ntuple_envelope.c ---- */

typedef enum nt_envelope { NT_HEADER = 1, NT_FOOTER = 2, NT_PAGE_LIST = 3 } nt_envelope;

/* Where stored bytes lie. */
typedef struct nt_locator {
    uint64_t offset, size;
    int unknown; /* of a kind that is in no file */
} nt_locator;

nt_locator vcol__locator_read(cursor *c);
/* Checks an envelope's head and checksum; *inside is what is between. Errors fit behind "its header ". */
vcol_status vcol__envelope_open(const uint8_t *data, size_t n, nt_envelope kind, cursor *inside, uint64_t *checksum,
                                vcol_error *err);
/* Reads, unpacks and opens an envelope; its bytes are the memory's. */
vcol_status vcol__envelope_read(root_ntuple *nt, nt_locator at, uint64_t size, nt_envelope kind, arena *memory,
                                vcol_worker *worker, cursor *inside, uint64_t *checksum, vcol_error *err);
/* Feature flags: 0, or the unknown ones. */
uint64_t vcol__features_read(cursor *c);

/* ---- ntuple_describe.c ---- */

typedef struct nt_link { /* to a page list */
    uint64_t size;
    nt_locator at;
    uint32_t clusters;
} nt_link;

vcol_status vcol__describe_header(root_ntuple *nt, cursor c, vcol_error *err);
/* *links: from `temporary`. */
vcol_status vcol__describe_footer(root_ntuple *nt, cursor c, arena *temporary, nt_link **links, uint32_t *n_links,
                                  vcol_error *err);
/* What follows from fields and columns together: children, series. */
vcol_status vcol__describe_finish(root_ntuple *nt, vcol_error *err);

/* ---- ntuple_pages.c ---- */

/* Adds the clusters of a page list to clusters[*n …] (room for `most`). */
vcol_status vcol__pages_clusters(cursor c, uint64_t header_checksum, nt_cluster *clusters, int64_t *n, int64_t most,
                                 vcol_error *err);
/* Sorts the clusters, and makes pages and series of them. */
vcol_status vcol__pages_make(root_ntuple *nt, nt_cluster *clusters, int64_t n, vcol_error *err);
/* The number of the first element of a cluster; of cluster n_clusters: how many there are. */
int64_t vcol__pages_row(const root_ntuple *nt, const nt_series *s, int64_t cluster);
uint64_t vcol__page_unpacked(const root_ntuple *nt, const nt_page *page);

/* ---- ntuple_names.c, ntuple_schema.c ---- */

vcol_status vcol__names_make(root_ntuple *nt, vcol_error *err);
/* Whether a field is no part of paths. */
int vcol__field_hidden(const root_ntuple *nt, uint32_t field);
vcol_status vcol__fields_schema(root_ntuple *nt, vcol_error *err);

/* ---- ntuple_plan.c, ntuple_decode.c ---- */

vcol_status vcol__page_plan(const root_ntuple *nt, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink,
                            vcol_error *err);
vcol_status vcol__page_expect(const root_ntuple *nt, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink,
                              vcol_error *err);
vcol_status vcol__page_inspect(const root_ntuple *nt, vcol_block *block, const void *stored, vcol_error *err);
vcol_status vcol__page_unpack(const root_ntuple *nt, const vcol_block *block, const void *stored, void *dst, size_t want,
                              vcol_worker *worker, vcol_error *err);
vcol_status vcol__page_decode(const root_ntuple *nt, int32_t group, const vcol_block *block, const void *plain,
                              const vcol_part *parts, int32_t n_parts, vcol_error *err);
/* The number of the first item of the cluster of a page, by its number in the object; -1: nobody has them for rows. */
int64_t vcol__page_origin(const root_ntuple *nt, const nt_group *g, uint64_t page);
/* An error about a page, which begins with where it is. */
vcol_status vcol__page_error(const root_ntuple *nt, const nt_page *page, vcol_error *err, vcol_status status,
                             const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Bits of an element of that type on storage; least > most: any number between is possible. 0: no such type. */
void vcol__type_bits(unsigned type, unsigned *least, unsigned *most);
/* What its elements are in memory. Of an index: VCOL_I64; of a switch: VCOL_TYPE_NONE. */
vcol_type vcol__type_natural(unsigned type);

/* ---- ntuple_open.c ---- */

vcol_status vcol__ntuple_open(root_file *file, const object_entry *entry, vcol_worker *worker, root_ntuple **out,
                              vcol_error *err);
void vcol__ntuple_close(root_ntuple *nt);

#endif
