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
    NODE_BITS,    /* TObject::fBits: u32, and a u16 where bit 4 is set */
    NODE_STRING,  /* a counted string */
    NODE_CHARS,   /* i32 n, n bytes */
    NODE_LIST,    /* i32 n, n items */
    NODE_REST,    /* items up to the entry's end: members of a split collection */
    NODE_FIXED,   /* n items, no head */
    NODE_COUNTED, /* u8 flag, as many items as an earlier member of the record says (its index is n) */
    NODE_RECORD,  /* members in a row */
    NODE_TOBJECT, /* i16 version, u32 id, bits as above; no column */
    NODE_SLOT,    /* a pointer to an object; no column */
    NODE_OPAQUE,  /* nothing known but its byte count; no column */
    NODE_UNKNOWN, /* not even that: nothing behind it can be read either */
} node_kind;

typedef struct node {
    node_kind kind;
    int framed;      /* u32 byte count and i16 version before it */
    int skip;        /* bytes of a head before it that say nothing */
    int named;       /* a counted class name and a NUL before it */
    text name;       /* of a member; empty: it adds nothing to the path */
    text type_name;
    const char *note; /* OPAQUE, UNKNOWN, SLOT: why there is no column */
    value_form form;  /* NUMBER */
    int64_t n;             /* FIXED: items; COUNTED: see there; STRING: 1 = a std::string */
    const root_class *cls; /* RECORD: whose checksum may follow a version 0 */
    struct node **members; /* RECORD: n_members; LIST, REST, FIXED, COUNTED: one, the item */
    int32_t n_members;
} node;

/* The node of a branch's entries; NULL: no memory. */
node *vcol__node_of_branch(const walk *w, arena *memory, const model_branch *branch, const root_element *element);

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct op op;

/* A column of a node. */
typedef struct program {
    text type_name;
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
} program;

/* The columns of a node, in order. n = -1: no memory. */
program *vcol__program_make(arena *memory, const node *top, int64_t *n);

/* ---- running them (run.c) ------------------------------------------------------------------------ */

typedef struct run {
    const program *program;
    const uint8_t *p, *end;
    const char *why; /* what did not fit */
    int64_t keep[4];
    int64_t sum[VCOL_MAX_LEVELS]; /* items so far, by depth */
    int64_t *ends[VCOL_MAX_LEVELS];   /* where their ends go, or NULL */
    int64_t room[VCOL_MAX_LEVELS];
    uint8_t *values; /* NULL: only count */
    int64_t values_room;
    int64_t n_values; /* items of the innermost depth so far (times multiple: values) */
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
    OP_KEEP,          /* a number of n bytes to keep[local] */
    OP_FRAME,         /* byte count and version, then body, then to the frame's end */
    OP_LIST,          /* i32 count, body so often, one depth down */
    OP_LIST_VALUES,   /* i32 count, count × n values */
    OP_MEMBERS,       /* i32 count; each of body so often, but what is to be done once; one depth down */
    OP_REST,          /* body up to the end, one depth down */
    OP_REST_VALUES,   /* n values each up to the end */
    OP_COUNTED,       /* u8, body keep[local] times, one depth down */
    OP_COUNTED_VALUES,
    OP_FIXED,         /* body n times, one depth down: a list follows */
    OP_TIMES,         /* body n times, same depth */
    OP_VALUES,        /* n values */
    OP_BITS,          /* one value of TObject bits */
    OP_STRING,        /* a counted string, one depth down */
    OP_CHARS,         /* i32 n, n bytes, one depth down */
} op_code;

struct op {
    uint8_t code, depth, local, width;
    uint8_t is_signed, once;
    int64_t n;
    const root_class *cls; /* FRAME */
    const op *body;
    int32_t n_body;
    const op *members; /* FRAME around a list: what is done where its items are stored member by member */
    int32_t n_members;
};

#endif
