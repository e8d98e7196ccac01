/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Baskets that were written after the tree's record was, by a job that did not come to its end: they bear the names
 * of their branch and tree, and their number (recover.c). They are read as the branch's own only where nothing else
 * they could be is left:
 *
 *   - one tree of that name is listed in the file, and it is this one;
 *   - in no branch is there a basket of that name, besides those that the record knows, with a number that the record
 *     knows too, or two with one number: those would be another tree's;
 *   - there are none of branches that it does not have;
 *   - some branch has baskets that the record knows and the walk found: or nothing ties the names to this tree.
 *
 * Of a branch those are taken that follow on what its record knows, without a hole. The one with the number of a basket
 * inside the record takes that one's place: it is the same, filled further. Branches of one name take none.
 *
 * FORMAT root/TBasket fCycle: the number of the basket in its branch, cut to 16 bits. source: root-project/root
 * tree/tree/src/TBasket.cxx (TBasket::WriteBuffer)
 */
#include "recover.h"

#include <stdlib.h>

enum { NUMBERS = 1 << 16 };
#define LEFT_OUT "without the baskets that its record does not know: "

typedef struct adopting {
    root_table *table;
    const walk *w;
    const recovery *r;
    text tree;
    uint32_t *claims; /* of each strand: branches that have its name */
    uint8_t *known;   /* of a strand's baskets: 1 = in the branch's record */
    int64_t capacity;
    int64_t adopted, anchors;
    const char *refused; /* why nothing is taken; static */
    int nomem;
} adopting;

static int64_t number(const model_array *a, int64_t i)
{
    if (i < 0 || i >= a->n)
        return 0;
    return a->width == 8 ? (int64_t)be64(a->data + 8 * i) : (int64_t)(int32_t)be32(a->data + 4 * i);
}

static int64_t find(const strand *s, uint64_t seek)
{
    int64_t lo = 0, hi = s->n;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (s->baskets[mid].seek < seek)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && s->baskets[lo].seek == seek ? lo : -1;
}

/* Baskets that the record of a branch has a place for: the last may be one that is not full yet. */
static int64_t placed(const model_branch *m)
{
    int64_t n = m->write_basket;
    if (n < 0 || n > m->basket_seek.n || n > m->basket_entry.n || n > m->basket_bytes.n)
        return -1;
    return n < m->basket_seek.n && n < m->basket_entry.n && number(&m->basket_seek, n) > 0 &&
                   number(&m->basket_entry, n) < m->entry_number
               ? n + 1
               : n;
}

static int by_number(const void *a, const void *b)
{
    const stray *x = *(const stray *const *)a, *y = *(const stray *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Those of a strand that the record does not know, in the order of their numbers from `next` on; how many. */
static int64_t sort_unknown(adopting *a, const strand *s, int64_t next, const stray **out)
{
    int64_t n = 0, turn = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (!a->known[i])
            out[n++] = &s->baskets[i];
    if (!n)
        return 0;
    qsort(out, (size_t)n, sizeof(const stray *), by_number);
    while (turn < n && out[turn]->number < (uint32_t)(next % NUMBERS))
        turn++;
    if (turn < n && turn) { /* numbers went over their border: those from `next` on come first */
        const stray **copy = vcol__arena_new(a->w->memory, (uint64_t)turn, sizeof(const stray *));
        if (!copy) {
            a->nomem = 1;
            return 0;
        }
        memcpy(copy, out, (size_t)turn * sizeof(const stray *));
        memmove(out, out + turn, (size_t)(n - turn) * sizeof(const stray *));
        memcpy(out + (n - turn), copy, (size_t)turn * sizeof(const stray *));
    }
    return n;
}

static uint32_t ahead(const stray *basket, int64_t next)
{
    return (basket->number - (uint32_t)(next % NUMBERS)) % NUMBERS;
}

/* What of a strand follows on a branch. */
static void adopt_branch(adopting *a, const strand *s, model_branch *m)
{
    int64_t n = placed(m), start, end, unknown, taken = 0;
    const stray **list;
    if (n < 0)
        return;
    memset(a->known, 0, (size_t)s->n);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = number(&m->basket_seek, i) > 0 ? find(s, (uint64_t)number(&m->basket_seek, i)) : -1;
        if (at >= 0) {
            a->known[at] = 1;
            a->anchors++;
        }
    }
    list = vcol__arena_new(a->w->memory, (uint64_t)s->n, sizeof(const stray *));
    if (!list) {
        a->nomem = 1;
        return;
    }
    unknown = sort_unknown(a, s, n, list);
    for (int64_t i = 0; i < unknown; i++) {
        if (ahead(list[i], n) >= NUMBERS / 2)
            a->refused = LEFT_OUT "some have numbers of baskets that it knows elsewhere";
        else if (i && list[i]->number == list[i - 1]->number)
            a->refused = LEFT_OUT "several have one number";
    }
    if (a->refused || !unknown)
        return;
    start = n > m->write_basket || m->basket_entry.n <= n ? m->entry_number : number(&m->basket_entry, n);
    if (start < 0 || start > m->entry_number)
        return; /* its table of baskets lies, which the branch says itself */
    end = start;
    while (taken < unknown && ahead(list[taken], n) == taken && list[taken]->entries <= INT64_MAX - end)
        end += list[taken++]->entries;
    if (end <= m->entry_number)
        return; /* fewer than the record has in the basket inside it */
    m->adopted = list;
    m->n_adopted = taken;
    m->kept = n;
    m->start = start;
    a->adopted += taken;
}

/* Each branch with the strand of its name, if that is nobody else's. */
static void each_branch(adopting *a, void (*call)(adopting *a, const strand *s, model_branch *m))
{
    for (int64_t i = 0; i < a->w->n_objects && !a->nomem && !a->refused; i++) {
        model_branch *m = a->w->objects[i].kind == KIND_BRANCH ? a->w->objects[i].target : NULL;
        const strand *s = m ? vcol__recover_strand(a->r, a->tree, &m->named.name) : NULL;
        if (s && (call != adopt_branch || a->claims[s->index] == 1))
            call(a, s, m);
    }
}

static void claim(adopting *a, const strand *s, model_branch *m)
{
    (void)m;
    a->claims[s->index]++;
    if (s->n > a->capacity)
        a->capacity = s->n;
}

/* Where the branches that the tree's record says are whole end now. */
static int64_t common_end(const walk *w, const model_tree *tree)
{
    int64_t least = INT64_MAX;
    for (int64_t i = 0; i < w->n_objects; i++) {
        const model_branch *m = w->objects[i].kind == KIND_BRANCH ? w->objects[i].target : NULL;
        int64_t end;
        if (!m || m->entry_number < tree->entries || (!m->write_basket && !m->baskets.n && !m->n_adopted))
            continue; /* holds only others, or was behind before */
        end = m->n_adopted ? m->start : m->entry_number;
        for (int64_t k = 0; k < m->n_adopted; k++)
            end += m->adopted[k]->entries;
        if (end < least)
            least = end;
    }
    return least == INT64_MAX || least < tree->entries ? tree->entries : least;
}

static void forget(const walk *w)
{
    for (int64_t i = 0; i < w->n_objects; i++)
        if (w->objects[i].kind == KIND_BRANCH)
            ((model_branch *)w->objects[i].target)->n_adopted = 0;
}

int vcol__adopt(root_table *table, const walk *w, const object_entry *entry, model_tree *tree)
{
    adopting a = {.table = table, .w = w, .r = table->file->recovery, .tree = tree->named.name};
    const strand *all = vcol__recover_strand(a.r, a.tree, NULL);
    if (!all || !entry->listed)
        return 0;
    if (all->trees != 1) {
        table->note = "several trees have its name: whose baskets are whose is known by their records only";
        return 0;
    }
    a.claims = vcol__arena_new(w->memory, (uint64_t)a.r->n_strands, sizeof *a.claims);
    if (!a.claims)
        return -1;
    each_branch(&a, claim);
    a.known = vcol__arena_new(w->memory, (uint64_t)a.capacity, 1);
    if (!a.known)
        return -1;
    each_branch(&a, adopt_branch);
    if (a.nomem)
        return -1;
    for (const strand *s = a.r->first; s && a.adopted && !a.refused; s = s->next)
        if (s->of == all && !a.claims[s->index])
            a.refused = LEFT_OUT "some are of branches that it does not have";
    if (!a.refused && a.adopted && !a.anchors)
        a.refused = LEFT_OUT "no basket ties them to it";
    if (a.refused) {
        forget(w);
        table->note = a.refused;
    } else if (a.adopted) {
        tree->entries = common_end(w, tree);
        table->note = "with baskets that its record does not know";
    }
    return 0;
}
