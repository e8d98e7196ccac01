/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is read of a tree's record: trees, branches, leaves, embedded baskets, as plain structures that point
 * into the record's bytes.
 */
#ifndef VCOL_ROOT_OBJECT_H
#define VCOL_ROOT_OBJECT_H

#include "streamer.h"

/* References to objects: 0 = null, UNRESOLVED, else 1 + index into walk.objects. */
#define UNRESOLVED UINT32_MAX

typedef struct model_list {
    uint32_t *refs;
    int64_t n;
} model_list;

typedef struct model_array {
    const uint8_t *data; /* big-endian numbers of `width` bytes */
    int64_t n;
    int64_t width;
} model_array;

/* The head of all targets: TNamed's members. */
typedef struct model_named {
    text name, title;
    const root_class *cls;
} model_named;

typedef struct model_leaf {
    model_named named;
    int64_t len, len_type, is_unsigned;
    uint32_t counter; /* reference */
    /* schema.c */
    struct model_branch *branch;
    int64_t position;                 /* among its branch's leaves */
    int32_t flat_group, counts_group; /* of its values as counts, of the offsets made of them; or -1 */
    const char *collection;
    int counts; /* another leaf's items */
} model_leaf;

typedef struct model_branch {
    model_named named;
    int64_t write_basket, entry_number, first_entry, tot_bytes, zip_bytes;
    model_list branches, leaves, baskets;
    model_array basket_bytes, basket_entry, basket_seek;
    text file_name;
    /* TBranchElement */
    text class_name;
    int64_t class_checksum, class_version, id, type, streamer_type;
    uint32_t branch_count, branch_lengths; /* references: of the items of its collection, of what is in each item */
    struct visit *visit; /* schema.c */
    /* adopt.c: baskets that the record does not know follow on the first `kept`, with entry `start` */
    const struct stray **adopted;
    int64_t n_adopted, kept, start;
} model_branch;

typedef struct model_tree {
    model_named named;
    int64_t entries, tot_bytes, zip_bytes, auto_flush, n_ranges;
    model_array range_end, range_size;
    model_array index_values, index_entries; /* before TTreeIndex: f64, i32; see model_index */
    model_list branches;
} model_tree;

/* A basket that lies inside the tree's record. */
typedef struct model_basket {
    int32_t keylen, entries, last;
    int32_t flag, io_bits, entry_size;
    const uint8_t *offsets; /* n_offsets big-endian numbers */
    int64_t n_offsets;
    const uint8_t *raw; /* `last` bytes, or NULL */
    int bad;
} model_basket;

/*
 * A tree's TTreeIndex; or what there was before.
 *
 * FORMAT root/TTree fIndexValues, fIndex (ROOT 3): n × f64: major + minor * 1e-9, sorted; n × i32: their entries. What the numbers
 * are of is not told. source: root-project/root tree/src/TTree.cxx 1.116 (BuildIndex)
 */
typedef struct model_index {
    text major, minor;   /* expressions: mostly names of branches; empty: not told */
    int64_t n;
    const uint8_t *majors, *minors, *entries; /* n big-endian i64 each; minors NULL: both are in `majors` (version 1) */
    const uint8_t *sums; /* or NULL: n big-endian f64 in place of both; entries are i32 */
    int bad;
} model_index;

/* FORMAT root/TFriendElement: TNamed (the friend's name, the file's), TString fTreeName. source: root-project/root
 * tree/tree/src/TFriendElement.cxx */
typedef struct model_friend {
    model_named named;
    text tree_name;
} model_friend;

typedef struct walk_object {
    uint32_t position; /* what references to it say */
    uint32_t kind;     /* root_kind */
    void *target;
} walk_object;

typedef struct walk_tag {
    uint32_t position;
    root_class *cls;
} walk_tag;

typedef struct walk {
    root_file *file;
    vcol_worker *worker; /* to read baskets with, or NULL */
    arena *memory;
    const uint8_t *base; /* the record's key */
    size_t size;
    walk_object *objects;
    int64_t n_objects, capacity;
    walk_tag *tags;
    int64_t n_tags, tag_capacity;
    int depth;
    vcol_status status; /* the first thing that went wrong */
    char why[200];
    model_index old; /* what vcol__walk_index makes of a tree without TTreeIndex */
} walk;

enum { MAX_DEPTH = 100 };

/*
 * Walks a record that holds a tree. On failure `why` says what, status is CORRUPT, UNSUPPORTED or NOMEM.
 * The model lives in `memory` and in the record.
 */
vcol_status vcol__walk_tree(walk *w, const root_record *record, root_class *cls, model_tree *out);
/* The index of the tree that was walked; NULL: it has none. */
const model_index *vcol__walk_index(walk *w, const model_tree *tree);
/* Of a reference: the target if it is of that kind, or NULL. */
void *vcol__walk_target(const walk *w, uint32_t ref, root_kind kind);

#endif
