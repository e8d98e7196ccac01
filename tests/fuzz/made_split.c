/* SPDX-License-Identifier: BSD-3-Clause */
/* A tree with a split collection: see made_split.h. */
#include "made_split.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[MADE_SPLIT_BRANCHES] = {"hits", "hits.fN", "hits.fADC", "hits.fT"};
static const char *const leaves[MADE_SPLIT_BRANCHES] = {"hits_", "hits.fN", "hits.fADC[fN]", "hits.fT[fN]"};

int made_split_value(int64_t i, int k)
{
    return (int)((i * 37 + k * 11 + 5) % 10000);
}

/* ---- baskets -------------------------------------------------------------------------------------- */

static void item(made *m, int branch, const made_hit *hit, int64_t i)
{
    int32_t n = hit->said < 0 ? 0 : hit->said;
    if (branch == MADE_SPLIT_N)
        made_u32(m, (uint32_t)hit->said);
    if (branch == MADE_SPLIT_ADC) {
        made_u8(m, hit->flag);
        for (int k = 0; k < hit->values; k++)
            made_f32(m, (float)made_split_value(i, k));
    }
    if (branch == MADE_SPLIT_T) {
        made_u8(m, hit->said != 0);
        for (int k = 0; k < n; k++)
            made_u16(m, (unsigned)made_split_value(i, k));
    }
}

enum { BASKET_HEAD = 19 };

/* A record of entries [first, first + n), of which the items begin with number `at`; returns the number behind the last. */
static int64_t basket(made *m, const made_split *s, int branch, int64_t first, int64_t n, int64_t at)
{
    size_t keylen = made_key_size("TBasket", names[branch]) + BASKET_HEAD, seek = m->n, last;
    int tail = branch != MADE_SPLIT_HITS && !(s->no_offsets && branch == MADE_SPLIT_ADC);
    made payload = {0}, offsets = {0};
    made_u32(&offsets, (uint32_t)n + 1);
    for (int64_t e = first; e < first + n; e++) {
        made_u32(&offsets, (uint32_t)(keylen + payload.n));
        if (branch == MADE_SPLIT_HITS)
            made_u32(&payload, (uint32_t)s->items[e]);
        for (int32_t k = 0; k < s->items[e]; k++, at++)
            item(&payload, branch, &s->hits[at], at);
    }
    made_u32(&offsets, 0);
    last = keylen + payload.n;
    if (tail)
        made_bytes(&payload, offsets.data, offsets.n);
    made_u32(m, (uint32_t)(keylen + payload.n));
    made_u16(m, 4);
    made_u32(m, (uint32_t)payload.n);
    made_u32(m, 0);
    made_u16(m, (unsigned)keylen);
    made_u16(m, 1);
    made_u32(m, (uint32_t)seek);
    made_u32(m, 100);
    made_text(m, "TBasket");
    made_text(m, names[branch]);
    made_text(m, "");
    made_u16(m, 3);
    made_u32(m, 32000);
    made_u32(m, tail ? 1000 : 4);
    made_u32(m, (uint32_t)n);
    made_u32(m, (uint32_t)last);
    made_u8(m, 0);
    made_bytes(m, payload.data, payload.n);
    made_free(&payload);
    made_free(&offsets);
    return at;
}

/* ---- the tree --------------------------------------------------------------------------------------- */

typedef struct placed {
    int64_t n, first[MADE_SPLIT_BASKETS + 1];
    made_basket at[MADE_SPLIT_BASKETS];
} placed;

static placed put_baskets(made_file *f, const made_split *s, int branch)
{
    placed p = {0};
    int64_t each = s->baskets[branch] ? s->baskets[branch] : 3, item_at = 0, end = s->ends[branch] ? s->ends[branch] : s->entries;
    for (int64_t e = 0; e < end; e += each, p.n++) {
        if (p.n == MADE_SPLIT_BASKETS)
            abort();
        p.at[p.n].seek = f->bytes.n;
        item_at = basket(&f->bytes, s, branch, e, end - e < each ? end - e : each, item_at);
        p.at[p.n].size = (uint32_t)(f->bytes.n - p.at[p.n].seek);
        p.first[p.n + 1] = end - e < each ? end : e + each;
    }
    return p;
}

static void io_features(made *m)
{
    size_t frame = made_frame(m, 0);
    made_u32(m, 0x1aa12f10);
    made_u8(m, 0);
    made_end(m, frame);
}

static void leaf(made *m, int branch)
{
    size_t object = made_object(m, "TLeafElement"), outer = made_frame(m, 1), inner = made_frame(m, 2);
    made_named(m, leaves[branch], leaves[branch]);
    made_u32(m, 1);
    made_fill(m, 0, 4 + 4 + 1 + 1 + 4);
    made_end(m, inner);
    made_fill(m, 0, 8);
    made_end(m, outer);
    made_end(m, object);
}

/* With its children, if it is the collection's. `base`: what references count from; `at`: where the branches are. */
static void put_branch(made *m, const made_split *s, int which, const placed *places, size_t base, uint32_t *at)
{
    static const uint32_t types[MADE_SPLIT_BRANCHES] = {0, 6, 45, 42};
    const placed *p = &places[which];
    int master = which == MADE_SPLIT_HITS;
    size_t object, outer, frame, list;
    at[which] = (uint32_t)(base + m->n + 2);
    object = made_object(m, "TBranchElement");
    outer = made_frame(m, 10);
    frame = made_frame(m, 13);
    made_named(m, names[which], leaves[which]);
    list = made_frame(m, 2);
    made_u32(m, 0);
    made_end(m, list);
    made_u32(m, 0);
    made_u32(m, 32000);
    made_u32(m, master ? 0 : 1000);
    made_u32(m, (uint32_t)p->n);
    made_u64(m, (uint64_t)p->first[p->n]);
    io_features(m);
    made_u32(m, 0);
    made_u32(m, MADE_SPLIT_BASKETS + 1);
    made_u32(m, 0);
    made_u64(m, (uint64_t)p->first[p->n]);
    made_u64(m, 0);
    made_u64(m, 400);
    made_u64(m, 400);
    list = made_list_begin(m, master ? MADE_SPLIT_BRANCHES - 1 : 0);
    for (int i = 1; i < MADE_SPLIT_BRANCHES && master; i++)
        put_branch(m, s, i, places, base, at);
    made_end(m, list);
    list = made_list_begin(m, 1);
    leaf(m, which);
    made_end(m, list);
    made_end(m, made_list_begin(m, 0)); /* baskets inside the tree */
    made_u8(m, 1);
    for (int i = 0; i <= MADE_SPLIT_BASKETS; i++)
        made_u32(m, i < p->n ? p->at[i].size : 0);
    made_u8(m, 1);
    for (int i = 0; i <= MADE_SPLIT_BASKETS; i++)
        made_u64(m, i <= p->n ? (uint64_t)p->first[i] : 0);
    made_u8(m, 1);
    for (int i = 0; i <= MADE_SPLIT_BASKETS; i++)
        made_u64(m, i < p->n ? p->at[i].seek : 0);
    made_text(m, "");
    made_end(m, frame);
    made_text(m, master && !s->clones ? "vector<Hit>" : master ? "TClonesArray" : "Hit");
    made_text(m, "");
    made_text(m, master ? "Hit" : "");
    made_u32(m, 0);
    made_u16(m, 1);
    made_u32(m, master ? UINT32_MAX : (uint32_t)which - 1); /* fID */
    made_u32(m, (s->clones ? 3 : 4) + (master ? 0u : s->clones ? 28u : 37u));
    made_u32(m, master ? UINT32_MAX : types[which]);
    made_u32(m, 0);
    made_u32(m, master ? 0 : at[MADE_SPLIT_HITS]);
    made_u32(m, which > MADE_SPLIT_N && !(which == MADE_SPLIT_ADC && s->unsaid) ? at[MADE_SPLIT_N] : 0);
    made_end(m, outer);
    made_end(m, object);
}

made_file made_split_file(const made_split *s)
{
    made_file f;
    made m = {0};
    placed places[MADE_SPLIT_BRANCHES];
    uint32_t at[MADE_SPLIT_BRANCHES] = {0};
    size_t frame, list;
    made_file_begin(&f, 0);
    for (int i = 0; i < MADE_SPLIT_BRANCHES; i++)
        places[i] = put_baskets(&f, s, i);
    frame = made_tree_begin(&m, s->entries);
    list = made_list_begin(&m, 1);
    put_branch(&m, s, MADE_SPLIT_HITS, places, made_key_size("TTree", "Events"), at);
    made_end(&m, list);
    made_end(&m, made_list_begin(&m, 0));
    made_fill(&m, 0, 8 + 4 * 8);
    made_end(&m, frame);
    made_file_record(&f, "TTree", "Events", m.data, m.n, 1);
    made_free(&m);
    made_file_finish(&f);
    return f;
}
