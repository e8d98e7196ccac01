/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the entries of a branch hold that are no plain numbers: a tree of nodes (node.c), from the class
 * descriptions and the names of types; and for each column in it the steps that find its values (program.c, run.c).
 *
 * Invariant: both live in the table's memory and are const after open.
 */
#ifndef VCOL_ROOT_NODE_H
#define VCOL_ROOT_NODE_H

#include "table.h"

typedef enum node_kind {
    NODE_NUMBER,  /* form.width bytes */
    NODE_BITS,    /* TObject::fBits: u32, and a u16 where bit 4 is set; n = 1: of a TRef */
    NODE_PROCESS, /* of a TRef: u16; nothing, and then 0, where its bits say that it is by UUID */
    NODE_UUID,    /* of a TRef: nothing; a counted string where they say so */
    NODE_STRING,  /* a counted string */
    NODE_CHARS,   /* i32 n, n bytes */
    NODE_LIST,    /* i32 n, n items */
    NODE_REST,    /* items up to the entry's end: members of a split collection */
    NODE_FIXED,   /* n items, no head */
    NODE_COUNTED, /* u8 flag, as many items as an earlier member of the record, or of its bases, says (`counter`) */
    NODE_LOOP,    /* as many items as that says, no flag */
    NODE_RECORD,  /* members in a row */
    NODE_SLOT,    /* a pointer: nothing, or an object of the class that its item is of, or of one of `cases` */
    NODE_CLONES,  /* TClonesArray: items of one class, whose name it holds */
    NODE_ARRAY,   /* TObjArray: pointers to items; those to nothing are left out */
    NODE_TOBJECT, /* i16 version, u32 id, bits as above; no column */
    NODE_OPAQUE,  /* nothing known but its byte count; no column */
    NODE_UNKNOWN, /* not even that: nothing behind it can be read either */
} node_kind;

typedef struct node {
    node_kind kind;
    int framed;      /* u32 byte count and i16 version before it */
    int skip;        /* bytes of a head before it that say nothing */
    int named;       /* a counted class name and a NUL before it */
    int base;        /* RECORD: of a base class, whose members are the class's own where items are stored member by member */
    int bare;        /* COUNTED: no flag before it */
    int sealed;      /* RECORD: streams itself, so that its members are never stored apart */
    int foreign;     /* framed: its class has no version: where that is 0 a checksum follows */
    int whole;       /* RECORD: its members are all that there is */
    int counts;      /* an array is counted by it; RECORD, of a base: by one of its members */
    int settled;     /* CLONES, ARRAY: the class of its items was looked for */
    int undescribed; /* OPAQUE: its class is not described in the file, so that no object of it was written */
    text name;       /* of a member; empty: it adds nothing to the path */
    text type_name;
    const char *note; /* OPAQUE, UNKNOWN, SLOT: why there is no column */
    value_form form;  /* NUMBER */
    int64_t n;             /* FIXED: items; STRING: 1 = a std::string; ARRAY: 1 = a TList */
    const struct node *counter; /* COUNTED, LOOP: the member that says how many */
    const struct node *equal, *square; /* COUNTED: NULL; or of a symmetric matrix: the counter is its number of rows, these of
                                          columns and elements; the items are the triangle above and with the diagonal */
    const root_class *cls; /* RECORD: whose checksum may follow a version 0 */
    int64_t least;         /* RECORD: bytes that its members take at least */
    const root_info *info; /* RECORD of a class: the description it was made of */
    struct node **members; /* RECORD: n_members; LIST, REST, FIXED, COUNTED, LOOP, SLOT, CLONES, ARRAY: one, the item */
    int32_t n_members;
    struct node **cases;   /* SLOT: records of classes that have the item's class among their bases */
    int32_t n_cases;
} node;

/* The node of a branch's entries; NULL: no memory. */
node *vcol__node_of_branch(const walk *w, arena *memory, const model_branch *branch, const root_element *element);
/* Whether a branch's entries are its leaves in a row, numbers and arrays of them that a leaf of this branch counts; and their node;
 * NULL: no memory. */
int vcol__leaves_vary(const walk *w, const model_branch *branch);
node *vcol__node_of_leaves(const walk *w, arena *memory, const model_branch *branch);
/* The bytes of each entry, whatever they say; NULL: no memory. */
node *vcol__node_of_bytes(arena *memory);
/* Gives a CLONES or ARRAY, whose items' class only its entries tell, items of a class; name.n = 0: of none that is known. 0, or -1:
 * no memory. */
int vcol__node_settle(const walk *w, arena *memory, node *n, text name);

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct op op;

/* A column of a node. */
typedef struct program {
    text type_name;      /* of the leaf that it is, if the branch is no object */
    const char *suffix;  /* behind the branch's path */
    const char *note;    /* why it cannot be read, or NULL */
    vcol_type type;
    int32_t levels;
    struct {
        vcol_level_kind kind;
        int32_t depth; /* LIST: whose items its offsets count: leaf `leaf` */
        int32_t leaf;
        int64_t size;  /* FIXED */
    } level[VCOL_MAX_LEVELS];
    int32_t depth;                    /* of the values: lists, and fixed arrays above lists */
    int32_t n_leaves;                 /* offsets of the lists, outermost first, then the values */
    int32_t leaf_of[VCOL_MAX_LEVELS]; /* by depth: its offsets' leaf, or -1 */
    int64_t multiple;
    value_form form;
    const op *ops; /* what finds the values in an entry */
    int32_t n_ops;
    const op *whole; /* what passes an entry */
    int32_t n_whole;
    int bytes;       /* it is the bytes of the entries as they are */
    node *unsettled; /* what its steps lead to, if that is a CLONES or ARRAY of items whose class is not known yet; it has a note */
} program;

/* The columns of a node, in order. n = -1: no memory. */
program *vcol__program_make(arena *memory, const node *top, int64_t *n);

/* The same, and where one of them cannot be read, or there is none because the class has no members: that, and the bytes of the
 * entries as they are (`branch.raw`), for those who know what they mean. */
const program *vcol__program_with_bytes(arena *memory, const program *programs, int64_t *n);
/* The same with the class of the items of ROOT's own collections, for which baskets are read (peek.c); programs as they were if
 * there are none. */
program *vcol__program_settled(const walk *w, arena *memory, const root_branch *b, const node *top, program *programs, int64_t *n);

/* ---- running them (run.c) ------------------------------------------------------------------------ */

/* Counters of a class; of a branch's leaves, around which there is nothing whose counters would have to be put by (op.local is a byte). */
enum { MAX_KEPT = 8, MAX_LEAVES_KEPT = 250 };

typedef struct run {
    const program *program;
    const uint8_t *p, *end;
    const char *why; /* what did not fit */
    int unsupported; /* it may well be right */
    int by_uuid;     /* the TRef at hand */
    const uint8_t *column[MAX_KEPT]; /* those of all items of a collection that is stored member by member */
    int64_t items, item;             /* of that collection: how many, which one */
    const root_info *same[2]; /* two descriptions that were found to be the same */
    const uint8_t *entry;  /* where it begins */
    int64_t position;      /* what references call that place; 0: not known */
    int64_t credit;        /* bytes that references may still lead to */
    text seen;             /* by PEEK: the class of a collection's items */
    int64_t sum[VCOL_MAX_LEVELS]; /* items so far, by depth */
    int64_t *ends[VCOL_MAX_LEVELS];   /* where their ends go, or NULL */
    int64_t room[VCOL_MAX_LEVELS];
    uint8_t *values; /* NULL: only count */
    int64_t values_room;
    int64_t n_values; /* items of the innermost depth so far (times multiple: values) */
    int64_t keep[MAX_LEAVES_KEPT]; /* counters of the class at hand: each is set before it is looked at */
} run;

/* Runs steps over [p, end); 0, or -1 with `why`. p is behind what was looked at. */
int vcol__run_ops(run *r, const op *ops, int32_t n);
/* Runs the program over an entry. */
int vcol__run_entry(run *r);

typedef enum op_code {
    OP_SKIP,          /* n bytes */
    OP_SKIP_BITS,     /* n TObject bits */
    OP_SKIP_TOBJECT,  /* n */
    OP_SKIP_STRINGS,  /* n */
    OP_SKIP_CHARS,    /* n */
    OP_SKIP_FRAMES,   /* n */
    OP_SKIP_SLOTS,    /* n: up to here a run of one kind is one step */
    OP_SKIP_COUNTED,  /* u8, keep[local] × n bytes */
    OP_SKIP_LIST,     /* i32 count, count × n bytes */
    OP_SKIP_EACH,     /* i32 count, body so often */
    OP_SKIP_TIMES,    /* body n times */
    OP_SKIP_TO_END,   /* of what encloses it */
    OP_END,           /* here the entry ends */
    OP_BY_UUID,       /* looks at a TRef's bits: by_uuid */
    OP_SKIP_PROCESS,  /* u16 unless by_uuid */
    OP_SKIP_UUID,     /* a counted string if by_uuid */
    OP_KEEP,          /* a number of n bytes to keep[local] */
    OP_LOOK,          /* the same, and it is still to come */
    OP_FRAME,         /* byte count and version, at least n bytes: body, then to the frame's end; what body keeps is for it only, unless `lends` */
    OP_SCOPE,         /* body; what it keeps is for it only */
    OP_AHEAD,         /* body, for what it keeps: then back to where it began */
    OP_TRIANGLE,      /* of keep[local] rows, as many columns (keep[n & 255]) and elements for both (keep[n >> 8]): the elements of
                         the triangle to keep[local] */
    OP_LIST,          /* i32 count, body so often, one depth down */
    OP_LIST_VALUES,   /* i32 count, count × n values */
    OP_MEMBERS,       /* i32 count; each of body so often, but what is to be done once; one depth down */
    OP_REST,          /* body up to the end, one depth down */
    OP_REST_VALUES,   /* n values each up to the end */
    OP_COUNTED,       /* u8, body keep[local] times, one depth down */
    OP_COUNTED_VALUES,
    OP_FIXED,         /* body n times, one depth down: a list follows */
    OP_LOOP,          /* body keep[local] times, one depth down */
    OP_SKIP_LOOP,     /* body keep[local] times */
    OP_COLUMN,        /* a number of n bytes for each item of the collection: to be loaded */
    OP_LOAD,          /* this item's number from column[local] to keep[local] */
    OP_EACH_ITEM,     /* body for each item of the collection */
    OP_SKIP_MEMBERS,  /* i32 count; body as for MEMBERS */
    OP_SIZE,          /* i32 count, which is a value; body so often */
    OP_SIZE_MEMBERS,  /* i32 count, which is a value; body as for MEMBERS */
    OP_SLOT,          /* a pointer; a case's body if it is to an object, one depth down */
    OP_SLOT_SIZE,     /* a pointer: 0 or 1 is a value */
    OP_CLONES,        /* a TClonesArray's head; body for each object, or members as for MEMBERS; one depth down */
    OP_ARRAY,         /* a TObjArray's or (n = 1) TList's head; a case's body for each pointer to an object; one depth down */
    OP_PEEK,          /* the head of any of the three: `seen` is the class of its first item; fails where there is one */
    OP_ARRAY_SIZE,    /* the head of any of the three: how many is a value */
    OP_TIMES,         /* body n times, same depth */
    OP_VALUES,        /* n values */
    OP_BITS,          /* one value of TObject bits */
    OP_PROCESS,       /* one value, a u16 unless by_uuid */
    OP_UUID,          /* a counted string if by_uuid, one depth down */
    OP_STRING,        /* a counted string, one depth down */
    OP_CHARS,         /* i32 n, n bytes, one depth down */
} op_code;

/* Kinds of ROOT's own collections, an ARRAY's or CLONES' n. */
enum { ARRAY_OBJECTS, ARRAY_LIST, ARRAY_CLONES };

/* What to do with an object by its class. */
typedef struct op_case {
    text name;
    const op *body;
    int32_t n_body;
} op_case;

struct op {
    uint8_t code, depth, local, width;
    uint8_t is_signed, once, bare, foreign, lends;
    uint8_t exact; /* FRAME: its body ends where it does */
    int64_t n;
    const root_class *cls; /* FRAME */
    const root_info *info; /* FRAME of an object: as what it is read */
    const node *items;     /* FRAME: likewise what it holds where that is stored member by member, or NULL */
    const op *body;
    int32_t n_body;
    const op *members; /* FRAME around a list: what is done where its items are stored member by member */
    int32_t n_members;
    const op_case *cases; /* SLOT, ARRAY; CLONES: one */
    int32_t n_cases;
};

#endif
