/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names: which fields are parts of paths, and under which name.
 *
 * Fields that only make structure are no parts: what a collection, an array, an alternative, an enumeration or an atomic
 * holds, and base classes (":_0"). Members "_0" of pairs and tuples are "0". Members of several base classes that
 * would have the same path get the class in front, "Base::x", the outermost that tells them apart first.
 */
#include "ntuple.h"

#include <stdlib.h>

static int is_numbered(text t, const char *prefix)
{
    size_t n = strlen(prefix);
    if (t.n <= n || memcmp(t.s, prefix, n))
        return 0;
    for (size_t i = n; i < t.n; i++)
        if (t.s[i] < '0' || t.s[i] > '9')
            return 0;
    return 1;
}

int vcol__field_hidden(const root_ntuple *nt, uint32_t field)
{
    const nt_field *f = &nt->fields[field], *p = f->parent == NT_NONE ? NULL : &nt->fields[f->parent];
    if (!p)
        return 0;
    if (p->role == NT_VARIANT || (p->flags & NT_FIELD_REPETITIVE))
        return 1;
    if (p->role == NT_COLLECTION)
        return p->first_child == p->last_child;
    return p->role == NT_RECORD ? is_numbered(f->name, ":_") : p->role == NT_PLAIN && text_is(f->name, "_0");
}

/* A field, and the one that its name is below. */
typedef struct named {
    const root_ntuple *nt;
    uint32_t field, above;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    text s = x->nt->fields[x->field].name, t = y->nt->fields[y->field].name;
    int order;
    if (x->above != y->above)
        return x->above < y->above ? -1 : 1;
    order = memcmp(s.s, t.s, s.n < t.n ? s.n : t.n);
    if (order || s.n != t.n)
        return order ? order : s.n < t.n ? -1 : 1;
    return x->field < y->field ? -1 : x->field > y->field;
}

/* The `depth`th ancestor of a field below `above`, the outermost first; NT_NONE: it has fewer. */
static uint32_t ancestor(const named *x, uint32_t depth)
{
    uint32_t chain[NT_MAX_FIELD_DEPTH], n = 0;
    for (uint32_t f = x->nt->fields[x->field].parent; f != x->above && f != NT_NONE && n < NT_MAX_FIELD_DEPTH;
         f = x->nt->fields[f].parent)
        chain[n++] = f;
    return depth < n ? chain[n - 1 - depth] : NT_NONE;
}

/* How many of the outermost ancestors all have in common. */
static uint32_t common(const named *x, uint32_t n)
{
    uint32_t depth = 0;
    for (;; depth++) {
        uint32_t first = ancestor(x, depth);
        for (uint32_t i = 1; i < n; i++)
            if (ancestor(&x[i], depth) != first)
                return depth;
        if (first == NT_NONE)
            return depth;
    }
}

static char *prefixed(root_ntuple *nt, const named *x, uint32_t from, uint32_t prefixes)
{
    char *name = vcol__arena_text(&nt->memory, nt->fields[x->field].name);
    for (uint32_t i = prefixes; i-- > 0 && name;) {
        uint32_t a = ancestor(x, from + i);
        if (a != NT_NONE)
            name = vcol__arena_printf(&nt->memory, "%.*s::%s", (int)(nt->fields[a].type.n < 200 ? nt->fields[a].type.n : 200),
                                      nt->fields[a].type.s, name);
    }
    return name;
}

/* Gives names to n fields that have one name and one place. More than MANY are no classes: they keep it. */
enum { MANY = 64 };

static int tell_apart(root_ntuple *nt, const named *x, uint32_t n)
{
    uint32_t prefixes[MANY] = {0}, from = common(x, n);
    int again = n <= MANY;
    for (uint32_t round = 0; again && round < NT_MAX_FIELD_DEPTH; round++) {
        uint8_t same[MANY] = {0};
        again = 0;
        for (uint32_t i = 0; i < n; i++) {
            const char *mine = nt->fields[x[i].field].own_name = prefixed(nt, &x[i], from, prefixes[i]);
            if (!mine)
                return -1;
            for (uint32_t k = 0; k < i; k++)
                if (!strcmp(mine, nt->fields[x[k].field].own_name))
                    same[i] = same[k] = 1;
        }
        for (uint32_t i = 0; i < n; i++) {
            again |= same[i];
            prefixes[i] += same[i];
        }
    }
    return 0;
}

vcol_status vcol__names_make(root_ntuple *nt, vcol_error *err)
{
    uint32_t n = 0, bases = 0, failed = 0;
    named *list;
    for (uint32_t i = 0; i < nt->n_fields; i++) {
        nt_field *f = &nt->fields[i];
        const nt_field *p = f->parent == NT_NONE ? NULL : &nt->fields[f->parent];
        if (p && p->role == NT_RECORD && is_numbered(f->name, "_"))
            f->own_name = vcol__arena_text(&nt->memory, (text){f->name.s + 1, f->name.n - 1});
        bases += p && p->role == NT_RECORD && is_numbered(f->name, ":_");
    }
    if (!bases)
        return VCOL_OK;
    list = vcol__root_alloc(&nt->file->memory.allocator, nt->n_fields * sizeof *list);
    if (!list)
        return vcol_error_format(err, VCOL_NOMEM, "has no memory for its names");
    for (uint32_t i = 0; i < nt->n_fields; i++) {
        if (vcol__field_hidden(nt, i))
            continue;
        uint32_t above = nt->fields[i].parent;
        while (above != NT_NONE && vcol__field_hidden(nt, above) && nt->fields[nt->fields[above].parent].role == NT_RECORD)
            above = nt->fields[above].parent;
        list[n++] = (named){nt, i, above};
    }
    qsort(list, n, sizeof *list, by_name);
    for (uint32_t i = 0, end; i < n && !failed; i = end) {
        for (end = i + 1; end < n && list[end].above == list[i].above &&
                          text_same(nt->fields[list[end].field].name, nt->fields[list[i].field].name);
             end++)
            ;
        if (end - i > 1 && list[i].above != NT_NONE)
            failed = tell_apart(nt, &list[i], end - i) != 0;
    }
    vcol__root_free(&nt->file->memory.allocator, list, nt->n_fields * sizeof *list);
    return failed ? vcol_error_format(err, VCOL_NOMEM, "has no memory for its names") : VCOL_OK;
}
