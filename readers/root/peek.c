/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Of which class the items of ROOT's own collections are: the description of a class does not say, only its objects do. The first
 * baskets of such a branch are read when the tree is opened, until one has an item; they are forgotten again.
 *
 * FORMAT root/TClonesArray: see run.c; the class of a TObjArray's or TList's items stands with the first.
 */
#include "node.h"

enum { MOST_BASKETS = 8, MOST_BYTES = 1 << 24, MOST_ROUNDS = 4 };

/* The content of a basket, and where its entries begin. */
typedef struct content {
    const uint8_t *plain;
    uint64_t size;    /* of the content */
    const uint8_t *tail; /* numbers, or NULL: only the first entry's beginning is known */
    uint32_t keylen;
    int64_t rows;
} content;

/* 0: it cannot be looked at. */
static int read_basket(const walk *w, const root_branch *b, int64_t i, arena *memory, content *out)
{
    root_record record = {0};
    vcol_error err = {0};
    basket_head h = {0};
    const char *why;
    uint64_t left;
    *out = (content){0};
    out->rows = b->first[i + 1] - b->first[i];
    if (b->inside && b->inside[i]) {
        const embedded *e = b->inside[i];
        if (e->bad || !e->plain)
            return 0;
        *out = (content){e->plain, e->content, e->tail ? e->plain + e->content + 4 : NULL, e->keylen, out->rows};
        return 1;
    }
    if (b->bytes[i] > MOST_BYTES || !b->seek[i] ||
        vcol__record_read(w->file, b->seek[i], b->bytes[i], "a basket", w->worker, memory, &record, &err))
        return 0;
    if (vcol__basket_head(record.data, record.size, &h, &why) || h.last < (int64_t)h.key.keylen ||
        (uint64_t)h.last > record.size || h.entries != out->rows)
        return 0;
    out->keylen = h.key.keylen;
    out->plain = record.data + h.key.keylen;
    out->size = (uint64_t)h.last - h.key.keylen;
    left = record.size - (uint64_t)h.last;
    if (!h.io_bits && left >= 4 + 4 * (uint64_t)h.entries)
        out->tail = out->plain + out->size + 4;
    return 1;
}

/* Whether an item's class was seen. */
static int look(const content *c, const program *p, text *name)
{
    for (int64_t row = 0; row < (c->tail ? c->rows : 1); row++) {
        int64_t at = c->tail ? (int64_t)be32(c->tail + 4 * row) - c->keylen : 0, end = (int64_t)c->size;
        run r = {.program = p};
        if (c->tail && row + 1 < c->rows)
            end = (int64_t)be32(c->tail + 4 * (row + 1)) - c->keylen;
        if (at < 0 || at > end || end > (int64_t)c->size)
            return 0;
        r.p = c->plain + at;
        r.end = c->plain + end;
        r.position = at + c->keylen;
        vcol__run_entry(&r);
        if (r.seen.n) {
            *name = r.seen;
            return 1;
        }
    }
    return 0;
}

static int settle(const walk *w, arena *memory, const root_branch *b, program *p)
{
    text name = {"", 0};
    arena baskets;
    int status, found = 0;
    vcol__arena_init(&baskets, &memory->allocator);
    for (int64_t i = 0, seen = 0; i < b->n_baskets && seen < MOST_BASKETS && !b->fault && !found; i++) {
        content c;
        if (b->first[i + 1] == b->first[i])
            continue;
        seen++;
        found = read_basket(w, b, i, &baskets, &c) && look(&c, p, &name);
    }
    status = vcol__node_settle(w, memory, p->unsettled, name);
    vcol__arena_free(&baskets);
    return status;
}

program *vcol__program_settled(const walk *w, arena *memory, const root_branch *b, const node *top, program *programs, int64_t *n)
{
    int again = 1;
    for (int round = 0; again && *n > 0; round++) {
        again = 0;
        for (int64_t i = 0; i < *n; i++) {
            program *p = &programs[i];
            if (!p->unsettled || p->unsettled->settled)
                continue;
            again = 1;
            if (round < MOST_ROUNDS ? settle(w, memory, b, p) : vcol__node_settle(w, memory, p->unsettled, (text){"", 0})) {
                *n = -1;
                return programs;
            }
        }
        if (again)
            programs = vcol__program_make(memory, top, n);
    }
    return programs;
}
