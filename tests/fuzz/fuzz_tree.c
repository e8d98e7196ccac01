/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trees: TTree, TBranch, TLeaf, baskets inside the tree. Input: the payload of a tree's record, in a file
 * without streamer information; the sample's baskets stand where its own tree has them. The same record again in a file
 * that was not closed, where each of the sample's baskets stands twice, the second as the one that was written later.
 */
#include "fuzz.h"

#include <string.h>

/* A file with the sample's baskets, and where they are; or with two of each, under their tree's name. */
static void baskets_of(made_file *f, made_basket *baskets, int twice)
{
    made_file_begin(f, 0);
    made_basket_title = twice ? "Events" : "";
    for (int i = 0; i < MADE_BRANCHES; i++) {
        baskets[i].seek = f->bytes.n;
        made_basket_record(&f->bytes, i, f->bytes.n, MADE_PLAIN);
        baskets[i].size = (uint32_t)(f->bytes.n - baskets[i].seek);
    }
    for (int i = 0; i < MADE_BRANCHES && twice; i++)
        made_basket_record(&f->bytes, i, f->bytes.n, MADE_PLAIN);
    made_basket_title = "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    made_basket baskets[MADE_BRANCHES];
    made_file f;
    baskets_of(&f, baskets, 0);
    made_file_record(&f, "TTree", "Events", data, size, 1);
    made_file_finish(&f);
    fuzz_file(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    baskets_of(&f, baskets, 1);
    made_file_record(&f, "TTree", "Events", data, size, 1);
    made_file_finish(&f);
    fuzz_recovered(f.bytes.data, f.bytes.n);
    made_file_free(&f);
    return 0;
}

/* The first branch, which counts the items of the second, says that it has no entries. */
static void shorten(made *m)
{
    static const uint8_t name[] = {7, 'T', 'B', 'r', 'a', 'n', 'c', 'h', 0};
    for (size_t at = 0; at + 200 < m->n; at++)
        if (!memcmp(m->data + at, name + 1, sizeof name - 1)) {
            /* behind: frame, TNamed, TAttFill, four numbers */
            at += sizeof name - 1 + 6 + 6 + 10 + 4 + 10 + 16;
            made_set32(m, at + 4, 0);
            return;
        }
}

/* The branch of strings has entries of a class that nobody knows: its baskets are not decoded, but verified. */
static void estrange(made *m)
{
    static const char known[] = "\6string";
    for (size_t at = 0; at + sizeof known < m->n; at++)
        if (!memcmp(m->data + at, known, sizeof known - 1))
            memcpy(m->data + at + 1, "strang", 6);
}

/* The second count, of a basket inside the tree: more items than there are, so that the first part of them is refused. */
static void overcount(made *m)
{
    static const uint8_t counts[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1};
    for (size_t at = 0; at + sizeof counts <= m->n; at++)
        if (!memcmp(m->data + at, counts, sizeof counts)) {
            made_set32(m, at + 4, 9);
            return;
        }
}

#define ENDLESS (INT64_MAX - 1) /* entries: what is doubled on the way there overflows */

int fuzz_seed(int i, made *out)
{
    made_basket baskets[MADE_BRANCHES] = {0};
    made_file f = {0};
    if (i >= 12)
        return 0;
    if (i == 0 || (i >= 4 && i <= 6) || i == 8 || i == 11)
        baskets_of(&f, baskets, i == 8 || i == 11);
    if (i == 5 || i == 6) /* where its basket is said to be is none */
        baskets[MADE_STRING].seek++;
    if (i == 9 || i == 10) {
        static const int64_t majors[] = {0, 0, 1}, minors[] = {0, 3, 1}, entries[] = {0, 3, 1};
        made rest = {0};
        if (i == 9)
            made_tree_index(&rest, 2, "n", "ab.a", majors, minors, entries, 3);
        else
            made_tree_friend(&rest, "again", "", "Events");
        made_tree_with(out, baskets, MADE_ENTRIES, &rest);
        made_free(&rest);
        return 1;
    }
    made_tree(out, baskets, i == 2 ? 1 << 20 : i == 6 ? ENDLESS : i == 11 ? -251 : MADE_ENTRIES);
    if (i == 3)
        shorten(out);
    if (i >= 4 && i <= 6)
        estrange(out);
    if (i == 7)
        overcount(out);
    made_file_free(&f);
    return 1;
}
