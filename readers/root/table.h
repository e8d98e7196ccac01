/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An open tree: what plan, inspect, unpack, measure and decode work from. Const after open.
 */
#ifndef VCOL_ROOT_TABLE_H
#define VCOL_ROOT_TABLE_H

#include "object.h"

/* ---- values (value.c) ------------------------------------------------------------------------ */

typedef enum value_kind {
    VALUE_COPY1, /* 8-bit integers */
    VALUE_BOOL,  /* != 0 */
    VALUE_SWAP2,
    VALUE_SWAP4,
    VALUE_SWAP8,
    VALUE_F32_F64,   /* Double32_t as a float */
    VALUE_RANGE_F32, /* u32 / factor + min */
    VALUE_RANGE_F64,
    VALUE_BITS_F32, /* u8 exponent, u16 mantissa */
    VALUE_BITS_F64,
} value_kind;

/* How one value lies in the file, and what it becomes. */
typedef struct value_form {
    value_kind kind;
    uint32_t width; /* bytes in the file */
    uint32_t bits;  /* VALUE_BITS_… */
    vcol_type type;
    double min, factor;
} value_form;

/* Converts n values. */
void vcol__value_convert(const value_form *form, const uint8_t *src, void *dst, int64_t n);
/* The form of a Double32_t or Float16_t with that title (which may hold a range). */
value_form vcol__value_real(vcol_type type, text title);

/* ---- baskets (basket.c) ---------------------------------------------------------------------- */

typedef struct embedded {
    const uint8_t *plain; /* content, then (tail != 0) a tail as in records */
    uint64_t size, content;
    uint32_t keylen; /* what its offsets count from */
    uint64_t serial; /* its number in the tree */
    int tail;
    int bad;
} embedded;

typedef struct root_branch {
    const char *path;
    int64_t n_baskets;
    const int64_t *first; /* n_baskets + 1 entries; those behind the last have no basket */
    const uint64_t *seek;
    const uint32_t *bytes;
    const embedded *const *inside; /* per basket, or NULL where none is inside the tree's record */
    int64_t entries;               /* fEntryNumber */
    uint64_t stored, unpacked;
    double ratio;      /* unpacked : stored, an estimate */
    int shared;        /* several groups read from it */
    const char *fault; /* why it cannot be read (CORRUPT), or NULL */
} root_branch;

/* ---- groups ---------------------------------------------------------------------------------- */

typedef enum binding_kind {
    BIND_COUNTS, /* computed by the runtime */
    BIND_FIXED,  /* entries of `stride` bytes */
    BIND_ITEMS,  /* as many items of `stride` bytes as another group counts */
    BIND_LISTS,  /* as many lists as another group counts: u8 flag, and if it is set as many values of `stride` bytes as a third
                    group says of the item */
    BIND_VECTOR, /* byte count, version, i32 n, n values */
    BIND_STRING, /* a counted string */
    BIND_CHARS,  /* a counted string, or nothing for an empty one */
    BIND_OBJECT, /* whatever its program says */
    BIND_RAW,    /* not decoded: a branch that no column can be read from, to be verified */
    BIND_RECORD, /* not decoded: a record that belongs to no table, to be verified */
} binding_kind;

typedef struct piece {
    value_form form;
    int64_t count;   /* values of it in an entry or item */
    uint32_t offset; /* in the stride */
} piece;

typedef struct binding {
    binding_kind kind;
    uint32_t stride;
    const root_branch *branch;
    const piece *pieces; /* a leaf of VALUES each; BIND_VECTOR: one */
    const struct program *program; /* BIND_OBJECT */
} binding;

/* What every open object begins with. */
typedef enum object_kind { OBJECT_TREE, OBJECT_NTUPLE } object_kind;
typedef struct root_object {
    object_kind kind;
} root_object;

typedef struct root_table {
    root_object object; /* OBJECT_TREE */
    root_file *file;
    arena memory;
    const char *name;
    uint64_t seek; /* of its record */
    uint32_t nbytes, objlen;
    vcol_schema schema;
    const binding *bindings; /* one a group */
    const struct rest_record *records; /* one a group, where this is no tree but the rest of a file (rest.c); or NULL */
    int64_t n_baskets;
    uint64_t n_inside; /* baskets inside the tree's record */
    uint64_t stored, unpacked;
    const char *note; /* what recovery did with it, static; or NULL */
} root_table;

/* The table of a walked tree (schema.c). */
vcol_status vcol__schema_make(root_table *table, walk *w, const model_tree *tree, vcol_error *err);
/* Baskets of a branch (branch.c). NULL: no memory. */
root_branch *vcol__branch_make(root_table *table, const walk *w, const model_branch *model, const char *path);
/*
 * Of a file that is being recovered: gives the tree's branches the baskets that its record does not know, where they are
 * surely theirs, and the tree the entries that all of them have then (adopt.c). -1: no memory.
 */
int vcol__adopt(root_table *table, const walk *w, const object_entry *entry, model_tree *tree);
/* Entry numbers where clusters begin (cluster.c). */
vcol_status vcol__cluster_find(root_table *table, const model_tree *tree, root_branch *const *branches,
                               int64_t n_branches, vcol_error *err);

vcol_status vcol__table_open(root_file *file, const object_entry *entry, vcol_worker *worker,
                             root_table **out, vcol_error *err);
void vcol__table_close(root_table *table);

/* Of vcol_reader.index. */
vcol_status vcol__table_index(root_table *table, vcol_worker *worker, vcol_index_take take, void *opaque, vcol_error *err);

/* Records that belong to no table, as a table without columns: a group of one row each (rest.c). */
vcol_status vcol__rest_open(root_file *file, root_table **out, vcol_error *err);
vcol_status vcol__rest_plan(const root_table *table, int32_t group, vcol_block_sink *sink, vcol_error *err);
vcol_status vcol__rest_inspect(const root_table *table, vcol_block *block, const void *stored, vcol_error *err);
vcol_status vcol__rest_unpack(const root_table *table, const vcol_block *block, const void *stored, void *dst,
                              size_t want, vcol_worker *worker, vcol_error *err);

vcol_status vcol__basket_plan(void *object, int32_t group, int64_t first, int64_t count,
                              const vcol_deps *deps, vcol_block_sink *sink, vcol_error *err);
vcol_status vcol__basket_inspect(void *object, int32_t group, vcol_block *block, const void *stored,
                                 vcol_block_sink *sink, vcol_error *err);
vcol_status vcol__basket_unpack(void *object, const vcol_block *block, const void *stored, void *dst,
                                size_t want, vcol_worker *worker, vcol_error *err);
vcol_status vcol__basket_measure(void *object, int32_t group, const vcol_block *block, const void *plain,
                                 const void *state, const vcol_deps *deps, int64_t skip, int64_t count,
                                 int64_t *rows, int64_t *items, vcol_error *err);
vcol_status vcol__basket_decode(void *object, int32_t group, const vcol_block *block, const void *plain,
                                int whole, const void *state, const vcol_deps *deps, const vcol_part *parts,
                                int32_t n_parts, vcol_worker *worker, vcol_error *err);

typedef struct basket_head {
    root_key key;
    int32_t entries, last;
    int32_t entry_size;
    int flag, io_bits;
} basket_head;

/* A basket's head, in its key; 0, or -1 with *why. */
int vcol__basket_head(const uint8_t *stored, size_t n, basket_head *h, const char **why);

/* What inspect found, packed into a block's tag2. */
typedef enum tail_kind {
    TAIL_NONE,
    TAIL_OFFSETS,
    TAIL_SIZES, /* entry sizes, to be summed up from fKeylen */
} tail_kind;

typedef struct basket_tag {
    uint32_t content; /* bytes of values */
    uint32_t keylen;  /* what offsets count from */
    tail_kind tail;
} basket_tag;

static inline uint64_t basket_tag_pack(basket_tag t)
{
    return (uint64_t)t.content << 32 | (uint64_t)t.keylen << 8 | (uint64_t)t.tail;
}

static inline basket_tag basket_tag_unpack(uint64_t tag)
{
    return (basket_tag){(uint32_t)(tag >> 32), (uint32_t)(tag >> 8) & 0xffffff, (tail_kind)(tag & 0xff)};
}

/* An error about a basket, prefixed as all are. */
vcol_status vcol__basket_error(const root_table *table, const root_branch *branch, const vcol_block *block,
                               vcol_error *err, vcol_status status, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
