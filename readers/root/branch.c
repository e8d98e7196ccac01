/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A branch's baskets: from the arrays of the streamed branch to a table that plan searches.
 *
 * FORMAT root/TBranch baskets  basket i < fWriteBasket: fBasketBytes[i] bytes at fBasketSeek[i], entries
 *     [fBasketEntry[i], fBasketEntry[i + 1]). The last may lie inside the tree's record instead, in slot
 *     fBaskets[fWriteBasket], up to fEntryNumber; in a tree kept in memory all do. Slots and elements above
 *     fWriteBasket mean nothing; fMaxBaskets is an array's length, not a number of baskets.
 * source: root-project/root tree/tree/src/TBranch.cxx (TBranch::Streamer, GetBasket);
 *     data/root/uproot-issue-60.root, uproot-issue79.root
 */
#include "recover.h"

#include <stdarg.h>
#include <stdio.h>

static int64_t element(const model_array *a, int64_t i)
{
    if (i < 0 || i >= a->n)
        return 0;
    return a->width == 8 ? (int64_t)be64(a->data + 8 * i) : (int64_t)(int32_t)be32(a->data + 4 * i);
}

/* As it would lie in a record: content, then count and offsets. */
static embedded *copy_basket(arena *memory, const model_basket *b, int64_t entries)
{
    embedded *e = vcol__arena_new(memory, 1, sizeof *e);
    uint64_t tail;
    uint8_t *plain;
    if (!e)
        return NULL;
    e->bad = b->bad || b->keylen < 0 || b->keylen > 0xffffff || b->entries != entries || (b->entries && !b->raw) || (b->raw && b->last < b->keylen);
    if (e->bad || !b->raw)
        return e;
    e->content = (uint64_t)(b->last - b->keylen);
    e->tail = b->offsets && b->n_offsets >= b->entries && b->entries > 0;
    tail = e->tail ? 4 + 4 * ((uint64_t)b->entries + 1) : 0;
    plain = vcol__arena_new(memory, e->content + tail, 1);
    if (!plain)
        return NULL;
    memcpy(plain, b->raw + b->keylen, e->content);
    if (e->tail) {
        uint32_t n = __builtin_bswap32((uint32_t)b->entries + 1);
        memcpy(plain + e->content, &n, 4);
        for (int32_t i = 0; i < b->entries; i++) {
            uint32_t offset = __builtin_bswap32(be32(b->offsets + 4 * (int64_t)i));
            memcpy(plain + e->content + 4 + 4 * (uint64_t)i, &offset, 4);
        }
    }
    e->keylen = (uint32_t)b->keylen & 0xffffff;
    e->plain = plain;
    e->size = e->content + tail;
    return e;
}

static const model_basket *slot(const walk *w, const model_branch *model, int64_t i)
{
    return i < model->baskets.n ? vcol__walk_target(w, model->baskets.refs[i], KIND_BASKET) : NULL;
}

/* What is wrong with a branch, in full; an empty text where there is no memory for it. */
static const char *fault(root_table *table, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static const char *fault(root_table *table, const char *path, const char *format, ...)
{
    char what[160];
    const char *s;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    s = vcol__arena_printf(&table->memory, "tree '%.120s' at byte %llu, branch '%.120s': %s", table->name,
                           (unsigned long long)table->seek, path, what);
    return s ? s : "";
}

/* How many baskets there are; b->fault says what lies. */
static int64_t count(root_table *table, const walk *w, const model_branch *model, root_branch *b)
{
    int64_t n = model->write_basket, entries = model->entry_number;
    const model_basket *last;
    if (n < 0 || entries < 0) {
        b->fault = fault(table, b->path, "its numbers of baskets, %lld, or entries, %lld, are negative",
                         (long long)n, (long long)entries);
        return 0;
    }
    if (n > 0 && (n > model->basket_entry.n || n > model->basket_seek.n || n > model->basket_bytes.n)) {
        b->fault =
            fault(table, b->path, "it says that it has %lld baskets, its arrays hold %lld", (long long)n,
                  (long long)(model->basket_seek.n < model->basket_bytes.n ? model->basket_seek.n
                                                                           : model->basket_bytes.n));
        return 0;
    }
    last = slot(w, model, n);
    if (last && (last->bad || last->entries > 0 || element(&model->basket_entry, n) < entries))
        return n + 1;
    if (n < model->basket_seek.n && n < model->basket_bytes.n && n < model->basket_entry.n &&
        element(&model->basket_seek, n) > 0 && element(&model->basket_entry, n) < entries)
        return n + 1;
    return n;
}

static const char *check_order(root_table *table, const root_branch *b)
{
    const int64_t *first = b->first;
    for (int64_t i = 0; i <= b->n_baskets; i++) {
        if (first[i] < 0 || first[i] > b->entries || (i && first[i] < first[i - 1]))
            return fault(table, b->path,
                         "the first entry of basket %lld, %lld, is not in order (it has %lld entries)",
                         (long long)i, (long long)first[i], (long long)b->entries);
        if (i && first[i] - first[i - 1] > INT32_MAX)
            return fault(table, b->path, "basket %lld has %lld entries, more entries than a basket can have",
                         (long long)i - 1, (long long)(first[i] - first[i - 1]));
    }
    return NULL;
}

root_branch *vcol__branch_make(root_table *table, const walk *w, const model_branch *model, const char *path)
{
    arena *memory = &table->memory;
    root_branch *b = vcol__arena_new(memory, 1, sizeof *b);
    embedded **inside = NULL;
    int64_t n, known, *first;
    uint64_t *seek;
    uint32_t *bytes;
    if (!b)
        return NULL;
    b->path = path;
    n = count(table, w, model, b);
    known = n;
    if (model->n_adopted && !b->fault) {
        known = model->kept;
        n = known + model->n_adopted;
    }
    first = vcol__arena_new(memory, 1, ((size_t)n + 1) * (sizeof *first + sizeof *seek + sizeof *bytes));
    if (!first)
        return NULL;
    seek = (uint64_t *)(first + n + 1);
    bytes = (uint32_t *)(seek + n);
    b->n_baskets = n;
    b->first = first;
    b->seek = seek;
    b->bytes = bytes;
    b->entries = model->entry_number < 0 ? 0 : model->entry_number;
    for (int64_t i = 0; i < known; i++)
        first[i] = element(&model->basket_entry, i);
    first[n] =
        n > model->write_basket || n >= model->basket_entry.n ? b->entries : element(&model->basket_entry, n);
    if (n > known) {
        first[known] = model->start;
        for (int64_t i = known; i < n; i++)
            first[i + 1] = first[i] + model->adopted[i - known]->entries;
        b->entries = first[n];
    }
    if (!n && !b->fault)
        first[0] = 0;
    if (!b->fault)
        b->fault = check_order(table, b);
    for (int64_t i = known; i < n && !b->fault; i++) {
        seek[i] = model->adopted[i - known]->seek;
        bytes[i] = model->adopted[i - known]->nbytes;
        b->stored += bytes[i];
    }
    for (int64_t i = 0; i < known && !b->fault; i++) {
        int64_t at = element(&model->basket_seek, i), size = element(&model->basket_bytes, i);
        const model_basket *basket = at > 0 && size > 0 ? NULL : slot(w, model, i);
        if (basket) {
            if (!inside)
                inside = vcol__arena_new(memory, (uint64_t)n, sizeof *inside);
            if (!inside || !(inside[i] = copy_basket(memory, basket, first[i + 1] - first[i])))
                return NULL;
            inside[i]->serial = table->n_inside++;
            b->unpacked += inside[i]->size;
            b->stored += inside[i]->size;
        } else {
            seek[i] = at < 0 ? 0 : (uint64_t)at;
            bytes[i] = size < 0 ? 0 : (uint32_t)size;
            b->stored += bytes[i];
        }
    }
    b->inside = (const embedded *const *)inside;
    b->ratio = model->zip_bytes > 0 && model->tot_bytes > model->zip_bytes
                   ? (double)model->tot_bytes / (double)model->zip_bytes
                   : 1;
    if (b->ratio > 1024)
        b->ratio = 1024;
    if (model->tot_bytes > 0 && (double)model->tot_bytes <= (double)b->stored * 1024)
        b->unpacked = (uint64_t)model->tot_bytes;
    for (int64_t i = known; i < n && !b->fault; i++)
        b->unpacked += (uint64_t)(b->ratio * (double)bytes[i]);
    if (b->unpacked < b->stored)
        b->unpacked = b->stored;
    table->n_baskets += n;
    table->stored += b->stored;
    table->unpacked += b->unpacked;
    return b;
}
