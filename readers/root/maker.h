/* SPDX-License-Identifier: BSD-3-Clause */
/* What the making of nodes shares: from types and descriptions (node.c), and of ROOT's own classes and pointers (own.c). */
#ifndef VCOL_ROOT_MAKER_H
#define VCOL_ROOT_MAKER_H

#include "node.h"

enum { MAX_NESTING = 24, MAX_NODES = 1 << 14 };

typedef struct maker {
    const walk *w;
    arena *memory;
    const root_class *open[MAX_NESTING]; /* classes whose members are being made */
    const root_info *top; /* by which description a branch's objects were written, or NULL */
    text top_name;
    int depth;
    int n; /* nodes made: classes that hold each other twice make twice as many with each */
    int looks; /* descriptions looked at for bases */
    int pointers; /* that are being followed */
    int nomem;
} maker;

/* A node; where there is no memory one that is written to, but never looked at. */
node *vcol__maker_node(maker *m, node_kind kind);
node *vcol__maker_unread(maker *m, node_kind kind, const char *note);
node *vcol__maker_with(maker *m, node_kind kind, node *item);
/* A copy that lasts. */
text vcol__maker_text(maker *m, text t);

/* A type's name without blanks, "std::" and "const" around it; without the stars behind it. */
text vcol__type_trim(text t);
text vcol__type_pointee(text t);

/* A type by its name, as an item of a container: without a frame, unless it is a class. */
node *vcol__maker_type(maker *m, text type);
/* A class with its frame, or what it streams itself as. */
node *vcol__maker_class(maker *m, text name);
/* The member of that name of a record or of its bases, or NULL. */
node *vcol__maker_member(const node *record, text name);
/* A pointer to a class. */
node *vcol__maker_pointer(maker *m, text to);

/* Members that ROOT's own classes have without a description. */
node *vcol__maker_named(node *n, const char *name);
node *vcol__maker_plain(maker *m, const char *type, const char *name);
/* TArray…, a list of numbers; NULL: it is another class. */
node *vcol__maker_array(maker *m, text name);
/* TObject with its members as columns: where it is all that there is. */
node *vcol__maker_tobject(maker *m);
node *vcol__maker_reference(maker *m);
node *vcol__maker_references(maker *m);
/* TMatrixTSym<…>; NULL: it is another class. */
node *vcol__maker_symmetric(maker *m, text name);
/* One of ROOT's own collections: of items whose class is not known yet. */
node *vcol__maker_collected(maker *m, node_kind kind, int64_t which, text name);

#endif
