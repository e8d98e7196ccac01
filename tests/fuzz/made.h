/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small ROOT files made in memory, for the fuzz targets: valid ones as seeds, and valid surroundings of the
 * bytes that are fuzzed. Layouts are those that the reader knows by itself (TTree 20, TBranch 13, TLeaf 2),
 * so that no streamer information is needed. Running out of memory aborts.
 */
#ifndef FUZZ_MADE_H
#define FUZZ_MADE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
typedef struct made {
    uint8_t *data;
    size_t n, capacity;
} made;

void made_free(made *m);
void made_bytes(made *m, const void *data, size_t n);
void made_fill(made *m, int byte, size_t n);
void made_u8(made *m, unsigned v);
void made_u16(made *m, unsigned v);
void made_u32(made *m, uint32_t v);
void made_u64(made *m, uint64_t v);
void made_f32(made *m, float v);
/* One byte of length and the bytes. */
void made_text(made *m, const char *s);
/* Overwrites 4 bytes. */
void made_set32(made *m, size_t at, uint32_t v);

/* A frame: byte count (filled by made_end) and version. */
size_t made_frame(made *m, unsigned version);
void made_end(made *m, size_t frame);
/* A pointer to a new object: byte count (filled by made_end), the tag of a new class. */
size_t made_object(made *m, const char *class_name);
void made_named(made *m, const char *name, const char *title);

/* ---- files ------------------------------------------------------------------------------------ */

enum { MADE_KEYS = 8 };

typedef struct made_file {
    made bytes;
    int large;              /* header and directory with 64-bit places */
    size_t keys[MADE_KEYS]; /* where the records of the root directory begin */
    int n_keys;
    size_t directory; /* of its fields */
    size_t info, info_size;
} made_file;

/* Header and root directory. */
void made_file_begin(made_file *f, int large);
/* A record; `listed` = the root directory has its key. Returns where it begins. */
size_t made_file_record(made_file *f, const char *class_name, const char *name, const void *payload, size_t n,
                        int listed);
/* A listed record whose payload lies in a compression block. For less than 192 bytes. */
size_t made_file_packed(made_file *f, const char *class_name, const char *name, const void *payload, size_t n);
/* What is put into that block: with 64 zeros behind it, packed. */
void made_pack(made *payload);
/* A record that is the streamer information. */
void made_file_info(made_file *f, const void *payload, size_t n);
/* Key list, and the places in the header. */
void made_file_finish(made_file *f);
void made_file_free(made_file *f);

/* Bytes of the key of a record that made_file_record writes, before its payload. */
size_t made_key_size(const char *class_name, const char *name);

/* ---- a tree ------------------------------------------------------------------------------------- */

/* The branches of the sample, one of each kind that the reader tells apart. */
enum {
    MADE_COUNT,  /* n/I */
    MADE_ITEMS,  /* x[n]/F */
    MADE_FIXED,  /* f[3]/S */
    MADE_LEAVES, /* a/I:b/D */
    MADE_RANGE,  /* d/d[0,10,16] */
    MADE_BITS,   /* h/f */
    MADE_CHARS,  /* s/C */
    MADE_STRING, /* std::string */
    MADE_VECTOR, /* vector<float> */
    MADE_BOOLS,  /* o/O */
    MADE_ROWS,   /* k/I:y[k]/F:z[2]/S:w[k][2]/D */
    MADE_BRANCHES
};
enum { MADE_ENTRIES = 5 };
/* The title of baskets that are made: their tree's name in files that ROOT writes. "" if not set. */
extern const char *made_basket_title;
/* The class of MADE_VECTOR in the tree: "vector<float>" if not set. */
extern const char *made_vector_class;

/* Where a branch's one basket lies. */
typedef struct made_basket {
    uint64_t seek;
    uint32_t size;
} made_basket;

/* What a basket record looks like. */
typedef enum made_how {
    MADE_PLAIN,
    MADE_SIZES,     /* its tail has entry sizes instead of offsets (fIOBits 1) */
    MADE_GENERATED, /* it has no tail, since the counts tell (fIOBits 1, flag 80) */
    MADE_PACKED,    /* in a compression block */
    MADE_HOWS
} made_how;

/* A basket record of a branch, MADE_ENTRIES entries, to lie at `seek`. */
void made_basket_record(made *m, int branch, uint64_t seek, made_how how);
/* The same of entries that are given. moved: where each of them was in another basket, from the beginning of its key; NULL:
 * they were in none. */
void made_basket_moved(made *m, int branch, uint64_t seek, const made *entries, const uint32_t *moved);
/* The same bytes as they lie inside a tree. */
void made_basket_inside(made *m, int branch);
/*
 * The payload of the record of the tree "Events". Branches whose baskets have size 0 have them inside the
 * tree, whatever the place that is said of them. `entries` of the tree and its branches.
 */
void made_tree(made *m, const made_basket *baskets, int64_t entries);
/* The same with what stands behind its list of leaves; n 0: nothing but nulls. */
void made_tree_with(made *m, const made_basket *baskets, int64_t entries, const made *rest);
/* A file with such a tree, whose baskets are inside it. */
made_file made_with(const made *rest);
/* That rest: a stored index (TTreeIndex) of n entries; version 1 has both numbers in one. */
void made_tree_index(made *m, unsigned version, const char *major, const char *minor, const int64_t *majors,
                     const int64_t *minors, const int64_t *entries, int n);
/* Likewise: one of before (fIndexValues, fIndex): sums of both numbers. */
void made_tree_sums(made *m, const double *sums, const int64_t *entries, int n);
/* Likewise: a friend (TFriendElement). */
void made_tree_friend(made *m, const char *name, const char *path, const char *tree);
/* A tree up to its list of branches, which is to follow, and then that of leaves; to be ended by made_end. */
size_t made_tree_begin(made *m, int64_t entries);
/* A list of n pointers, which are to follow; to be ended by made_end. */
size_t made_list_begin(made *m, int n);
/* A whole file with the sample; `inside`: baskets inside the tree. */
void made_sample(made_file *f, int large, int inside);
/* The payload of a StreamerInfo record that describes TLeafI, and a class of its own. */
void made_info(made *m);
/* One that describes members of TTree as what they are not: all but the first two. */
void made_info_lies(made *m);
/* One with arrays of texts and containers, and a class of two versions. */
void made_info_arrays(made *m);
/* Of classes with arrays that their bases' members count, and of matrices. */
void made_info_counted(made *m);

#endif
