/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Baskets: which ones hold a range of entries, what their keys say, and their bytes.
 *
 * FORMAT root/TBasket record  key, then inside fKeylen: i16 version, i32 fBufferSize, i32 fNevBufSize
 * (negative: u8 fIOBits follows), i32 fNevBuf, i32 fLast, u8 flag payload, unpacked: content = fLast -
 * fKeylen bytes | tail: i32 n + 1, n + 1 × i32 from the key's start, the last one meaningless | perhaps
 * displacements, as long again fIOBits & 1: with flag 80 there is no tail, the offsets follow from the
 * counter; else the tail has sizes. source: root-project/root tree/tree/src/TBasket.cxx (Streamer,
 * ReadBasketBuffers, WriteBuffer)
 */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>

enum { GENERATE_OFFSETS = 1, FLAG_GENERATED = 80, MAX_RATIO = 1 << 16 };

/* A block inside the tree's record has no place of its own: bit 63, the tree's place, and its number there.
 */
#define INSIDE_BIT  (1ull << 63)
#define SERIAL_BITS 23 /* more than fit into MAX_RECORD */
#define SEEK_MASK   ((1ull << 40) - 1)

vcol_status vcol__basket_error(const root_table *table, const root_branch *branch, const vcol_block *block,
                               vcol_error *err, vcol_status status, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (block->memory)
        return vcol_error_format(
            err, status, "tree '%.120s', branch '%.120s', basket %llu inside the tree at byte %llu: %s",
            table->name, branch->path, (unsigned long long)block->tag, (unsigned long long)table->seek, what);
    return vcol_error_format(err, status, "tree '%.120s', branch '%.120s', basket %llu at byte %llu: %s",
                             table->name, branch->path, (unsigned long long)block->tag,
                             (unsigned long long)block->offset, what);
}

/* ---- plan ------------------------------------------------------------------------------------ */

/* The first basket that ends behind `entry`. */
static int64_t search(const root_branch *b, int64_t entry)
{
    int64_t lo = 0, hi = b->n_baskets;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (b->first[mid + 1] <= entry)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Vectors and strings are found through the tail: all bytes are wanted. */
static uint64_t content_wanted(const binding *bind, uint64_t content)
{
    return bind->kind == BIND_FIXED || bind->kind == BIND_ITEMS ? content : 0;
}

/* How a part of a basket is placed: items, by the counts of the entries before it or from where the part before ended. */
static uint32_t placed_by(const binding *bind)
{
    return bind->kind == BIND_ITEMS ? VCOL_BLOCK_FROM_START | VCOL_BLOCK_RESUMES : 0;
}

static vcol_status inside(const root_table *table, const binding *bind, int64_t i, vcol_block *block,
                          vcol_error *err)
{
    const root_branch *b = bind->branch;
    const embedded *e = b->inside[i];
    block->offset = INSIDE_BIT | (table->seek & SEEK_MASK) << SERIAL_BITS | e->serial;
    block->memory = e->plain;
    if (e->bad || !e->plain)
        return vcol_error_format(
            err, VCOL_CORRUPT, "tree '%s', branch '%s', basket %lld inside the tree at byte %llu: %s",
            table->name, b->path, (long long)i, (unsigned long long)table->seek,
            e->bad ? "it does not fit its bytes or its number of entries" : "it has no bytes");
    block->stored = block->unpacked = e->size;
    block->content = content_wanted(bind, e->content);
    block->flags = VCOL_BLOCK_AS_IS | VCOL_BLOCK_INSPECTED | placed_by(bind);
    block->tag2 = basket_tag_pack((basket_tag){(uint32_t)e->content, e->keylen, e->tail ? TAIL_OFFSETS : TAIL_NONE});
    return VCOL_OK;
}

static vcol_status in_file(const root_table *table, const binding *bind, int64_t i, vcol_block *block,
                           vcol_error *err)
{
    const root_branch *b = bind->branch;
    uint64_t size = table->file->size, estimate;
    block->offset = b->seek[i];
    block->stored = b->bytes[i];
    if (!block->offset)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "it was never written");
    if (block->stored < KEY_MIN + BASKET_HEAD)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "its %llu bytes are too few for a basket",
                                  (unsigned long long)block->stored);
    if (block->offset > size || block->stored > size - block->offset)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "its %llu bytes end behind the file's %llu",
                                  (unsigned long long)block->stored, (unsigned long long)size);
    estimate = (uint64_t)((double)block->stored * b->ratio);
    if (bind->kind == BIND_FIXED) {
        estimate = (uint64_t)block->entries * bind->stride;
        if (estimate / MAX_RATIO > block->stored)
            return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                      "%lld entries cannot be in its %llu bytes", (long long)block->entries,
                                      (unsigned long long)block->stored);
    }
    block->unpacked = estimate < INT32_MAX ? estimate : INT32_MAX;
    return VCOL_OK;
}

vcol_status vcol__basket_plan(void *object, int32_t group, int64_t first, int64_t count,
                              const vcol_deps *deps, vcol_block_sink *sink, vcol_error *err)
{
    const root_table *table = object;
    const binding *bind;
    const root_branch *b;
    int64_t end;
    (void)deps;
    if (group < 0 || group >= table->schema.n_groups || first < 0 || count < 0 ||
        __builtin_add_overflow(first, count, &end))
        return vcol_error_format(err, VCOL_MISUSE, "tree '%s': no such group or entries", table->name);
    bind = &table->bindings[group];
    b = bind->branch;
    if (bind->kind == BIND_RECORD)
        return vcol__rest_plan(table, group, sink, err);
    if (b && b->fault)
        return vcol_error_format(err, VCOL_CORRUPT, "%s", b->fault);
    if (bind->kind == BIND_COUNTS)
        return vcol_error_format(err, VCOL_MISUSE, "tree '%s': a group of counts has no blocks", table->name);
    if (end > b->first[b->n_baskets] || (count && first < b->first[0] && bind->kind != BIND_RAW))
        return vcol_error_format(
            err, end > b->entries ? VCOL_RANGE : VCOL_CORRUPT,
            "tree '%.120s' at byte %llu, branch '%.120s': its baskets hold the entries %lld to %lld, "
            "not %lld to %lld",
            table->name, (unsigned long long)table->seek, b->path, (long long)b->first[0],
            (long long)b->first[b->n_baskets], (long long)first, (long long)end);
    for (int64_t i = count ? search(b, first) : b->n_baskets; i < b->n_baskets && b->first[i] < end; i++) {
        vcol_block block = {
            .first_entry = b->first[i], .entries = b->first[i + 1] - b->first[i], .needs = -1};
        vcol_status status;
        if (!block.entries)
            continue;
        block.tag = (uint64_t)i;
        status = b->inside && b->inside[i] ? inside(table, bind, i, &block, err)
                                           : in_file(table, bind, i, &block, err);
        if (status)
            return status;
        if (b->shared)
            block.flags |= VCOL_BLOCK_SHARED;
        status = vcol_block_push(sink, &block, err);
        if (status)
            return status;
    }
    return VCOL_OK;
}

/* ---- inspect --------------------------------------------------------------------------------- */

int vcol__basket_head(const uint8_t *stored, size_t n, basket_head *h, const char **why)
{
    cursor c = cursor_make(stored, n);
    int32_t last;
    h->io_bits = 0;
    if (vcol__key_parse(&c, &h->key, why))
        return -1;
    cursor_i16(&c);
    cursor_i32(&c);
    h->entry_size = cursor_i32(&c);
    if (h->entry_size < 0)
        h->io_bits = cursor_u8(&c);
    h->entries = cursor_i32(&c);
    last = cursor_i32(&c);
    h->flag = cursor_u8(&c);
    h->last = last;
    if (c.bad || (size_t)(c.p - stored) > h->key.keylen) {
        *why = "the basket's head does not fit its key";
        return -1;
    }
    return 0;
}

vcol_status vcol__basket_inspect(void *object, int32_t group, vcol_block *block, const void *stored,
                                 vcol_block_sink *sink, vcol_error *err)
{
    const root_table *table = object;
    const binding *bind = &table->bindings[group];
    const root_branch *b = bind->branch;
    basket_tag tag = {0, 0, TAIL_NONE};
    const char *why = NULL;
    basket_head h = {0};
    uint64_t left;
    (void)sink;
    if (bind->kind == BIND_RECORD)
        return vcol__rest_inspect(table, block, stored, err);
    if (vcol__basket_head(stored, block->stored, &h, &why))
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "%s", why);
    if (h.key.nbytes != block->stored)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "its key says %u bytes, its branch %llu", h.key.nbytes,
                                  (unsigned long long)block->stored);
    if (!text_is(h.key.class_name, "TBasket"))
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "a record of class '%.*s' is there",
                                  (int)(h.key.class_name.n < 40 ? h.key.class_name.n : 40),
                                  h.key.class_name.s);
    if (h.key.seek != block->offset)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "its key says that it is at byte %llu",
                                  (unsigned long long)h.key.seek);
    if (h.entries != block->entries)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "it says %d entries, its branch %lld",
                                  h.entries, (long long)block->entries);
    if (h.last < (int64_t)h.key.keylen || (uint64_t)h.last - h.key.keylen > h.key.objlen)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "its content ends at %d, outside its key's %u and payload's %u bytes",
                                  h.last, h.key.keylen, h.key.objlen);
    if (h.io_bits & ~GENERATE_OFFSETS && bind->kind != BIND_RAW)
        return vcol__basket_error(table, b, block, err, VCOL_UNSUPPORTED, "it has the unknown features %#x",
                                  h.io_bits);
    tag.content = (uint32_t)h.last - h.key.keylen;
    tag.keylen = h.key.keylen;
    left = h.key.objlen - tag.content;
    if (left && h.flag != FLAG_GENERATED) {
        if (left < 4 + 4 * (uint64_t)h.entries)
            return vcol__basket_error(
                table, b, block, err, VCOL_CORRUPT,
                "%llu bytes behind its content are too few for the offsets of %d entries",
                (unsigned long long)left, h.entries);
        tag.tail = h.io_bits & GENERATE_OFFSETS ? TAIL_SIZES : TAIL_OFFSETS;
    }
    left = block->stored - h.key.keylen;
    block->unpacked = h.key.objlen;
    block->tag2 = basket_tag_pack(tag);
    block->content = content_wanted(bind, tag.content);
    block->flags |= placed_by(bind);
    if (h.key.objlen <= left) {
        block->flags |= VCOL_BLOCK_AS_IS;
        block->skip_stored = h.key.keylen;
    } else if (h.key.objlen / MAX_RATIO > left) {
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT, "%llu bytes cannot unpack to %u",
                                  (unsigned long long)left, h.key.objlen);
    } else if (bind->kind == BIND_RAW &&
               !vcol__unzip_adds_up((const uint8_t *)stored + h.key.keylen, left, h.key.objlen)) {
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "its compression blocks do not add up to %u bytes", h.key.objlen);
    }
    if (bind->kind == BIND_FIXED && (uint64_t)h.entries * bind->stride != tag.content)
        return vcol__basket_error(table, b, block, err, VCOL_CORRUPT,
                                  "%u bytes of content where %d entries of %u bytes are", tag.content,
                                  h.entries, bind->stride);
    return VCOL_OK;
}

/* ---- unpack ---------------------------------------------------------------------------------- */

/* Any branch will do for its name: a block does not say which group it came from. */
static const root_branch *branch_at(const root_table *table, const vcol_block *block)
{
    for (int64_t g = 0; g < table->schema.n_groups; g++) {
        const root_branch *b = table->bindings[g].branch;
        if (b && block->tag < (uint64_t)b->n_baskets && b->seek[block->tag] == block->offset)
            return b;
    }
    return NULL;
}

vcol_status vcol__basket_unpack(void *object, const vcol_block *block, const void *stored, void *dst,
                                size_t want, vcol_worker *worker, vcol_error *err)
{
    static const root_branch unknown = {.path = "?"};
    const root_table *table = object;
    basket_tag tag = basket_tag_unpack(block->tag2);
    const root_branch *b;
    vcol_error inner = {0};
    vcol_status status;
    if (table->records)
        return vcol__rest_unpack(table, block, stored, dst, want, worker, err);
    status = vcol__unzip(worker, (const uint8_t *)stored + tag.keylen, block->stored - tag.keylen,
                                     dst, block->unpacked, want, &inner);
    if (!status)
        return VCOL_OK;
    b = branch_at(table, block);
    return vcol__basket_error(table, b ? b : &unknown, block, err, status, "%s", inner.message);
}
