/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading blocks' stored bytes. Prefetched blocks queue; an I/O task takes from the head of the queue as much as one
 * large read holds and merges what lies close together, of all columns. A demand reads its own blocks, those after it in
 * its load, and what is queued within the gap. Every block has memory of its own, so that a merged read is freed block by
 * block. A merged read that fails is read again block by block, so that one bad block harms no other. Of a source that reads in
 * turn each merged read is a call of its own; its blocks are HERE, and may be taken, unpacked and freed by others, before the batch
 * goes on: a batch touches no block again whose status is OK.
 */
#include "core/block.h"
#include "core/manager.h"
#include "core/use.h"
#include "core/wait.h"
#include "io/merge.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BLOCKS 256 /* in one batch */
#define MOST_LOOK 512    /* queued blocks looked at by a demand */

typedef struct batch {
    vcol__binding *file;
    int64_t n;
    vcol__block *blocks[MOST_BLOCKS];
    struct vcol__span spans[MOST_BLOCKS];
    struct vcol__read reads[MOST_BLOCKS];
    vcol_range ranges[2 * MOST_BLOCKS];
    vcol_status status[MOST_BLOCKS];
    vcol_error why; /* of the first block that failed */
    vcol__block *failed;
    void (*some)(void *opaque); /* or NULL: see vcol__fetch_some */
    void *opaque;
} batch;

static void unqueue_locked(vcol__blocks *r, vcol__block *b)
{
    if (b->stored_state != VCOL__STORED_QUEUED)
        return;
    *(b->queue_previous ? &b->queue_previous->queue_next : &r->queue_head) = b->queue_next;
    *(b->queue_next ? &b->queue_next->queue_previous : &r->queue_tail) = b->queue_previous;
    b->queue_next = b->queue_previous = NULL;
    r->queue_bytes -= b->asked.stored;
}

static void take_locked(vcol__blocks *r, batch *t, vcol__block *b)
{
    unqueue_locked(r, b);
    b->stored_state = VCOL__STORED_FLYING;
    vcol__block_ref(b);
    t->blocks[t->n++] = b;
}

vcol_status vcol__fetch_enqueue(vcol__block *b, bool along, vcol__grant *grant, vcol_error *err)
{
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    vcol__region memory = {0};
    vcol__lock_take(&r->lock);
    bool needed = b->stored_state == VCOL__STORED_NONE && b->plain_state != VCOL__PLAIN_HERE;
    vcol__lock_drop(&r->lock);
    if (!needed)
        return VCOL_OK;
    vcol_status status = vcol__memory_take(m, grant, b->asked.stored, &memory, err);
    if (status != VCOL_OK)
        return status;
    vcol__lock_take(&r->lock);
    if (b->stored_state == VCOL__STORED_NONE) {
        b->stored = memory;
        memset(&memory, 0, sizeof memory);
        b->stored_state = VCOL__STORED_QUEUED;
        b->along = along;
        b->queue_next = NULL;
        b->queue_previous = r->queue_tail;
        *(r->queue_tail ? &r->queue_tail->queue_next : &r->queue_head) = b;
        r->queue_tail = b;
        r->queue_bytes += b->asked.stored;
    }
    vcol__lock_drop(&r->lock);
    vcol__memory_give(m, &memory);
    return VCOL_OK;
}

void vcol__fetch_dequeue_locked(vcol__block *b)
{
    unqueue_locked(&b->file->manager->blocks, b);
    if (b->stored_state == VCOL__STORED_QUEUED)
        b->stored_state = VCOL__STORED_NONE;
}

static int by_index_offset(const void *a, const void *b)
{
    const struct vcol__span *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Reads, and notes what that took. */
static vcol_status read_ranges(vcol__binding *file, const vcol_range *ranges, int32_t n, uint64_t bytes, vcol_error *err)
{
    uint64_t begin = vcol__clock_ns();
    vcol_status status = vcol_source_read(file->source, ranges, n, err);
    if (status == VCOL_OK)
        vcol__speed_add(&file->speed, vcol__clock_ns() - begin, bytes);
    return status;
}

/* Reads one block by itself. */
static bool read_one(batch *t, int64_t i)
{
    vcol__block *b = t->blocks[i];
    vcol_manager *m = t->file->manager;
    vcol_range range = {b->asked.offset, (size_t)b->asked.stored, b->stored.data};
    vcol_error why = {0};
    VCOL__COUNT(m, reads, 1);
    VCOL__COUNT(m, bytes_read, b->asked.stored);
    vcol__log_add(m, VCOL_LOG_READ, t->file->where, b->group, 0, 0, b->asked.offset, b->asked.stored);
    atomic_fetch_add_explicit(&t->file->bytes_read, b->asked.stored, memory_order_relaxed);
    int64_t start = VCOL__TRACE_BEGIN(m);
    t->status[i] = read_ranges(t->file, &range, 1, b->asked.stored, &why);
    VCOL__TRACE_END(m, VCOL__TRACE_READ, start, t->file->where, .file = t->file->number, .offset = b->asked.offset,
                    .bytes = b->asked.stored, .wanted = b->asked.stored);
    if (t->status[i] != VCOL_OK && !t->failed) {
        t->failed = b;
        t->why = why;
    }
    return t->status[i] == VCOL_OK;
}

/* Adds the ranges of a merged read. False: two of its blocks share bytes, so that each must be read by itself. */
static bool add_ranges(batch *t, const struct vcol__read *read, void *gap_memory, int32_t *n)
{
    uint64_t at = read->offset;
    int32_t more = *n;
    for (int64_t s = read->first; s < read->first + read->n; s++) {
        const struct vcol__span *span = &t->spans[s];
        if (span->offset < at)
            return false;
        if (span->offset > at)
            t->ranges[more++] = (vcol_range){at, (size_t)(span->offset - at), gap_memory};
        t->ranges[more++] = (vcol_range){span->offset, (size_t)span->size, t->blocks[span->tag]->stored.data};
        at = span->offset + span->size;
    }
    *n = more;
    return true;
}

/* One span for a call, and where it has several reads, a mark for each. */
static void trace_batch(const batch *t, int64_t first, int64_t end, int64_t start)
{
    vcol_manager *m = t->file->manager;
    uint64_t bytes = 0, wanted = 0;
    int64_t n = 0;
    for (int64_t pass = 0; pass < 2; pass++) {
        for (int64_t read = first; read < end; read++) {
            const struct vcol__read *r = &t->reads[read];
            uint64_t own = 0;
            for (int64_t s = r->first; s < r->first + r->n; s++)
                own += t->spans[s].size;
            if (r->n == 0)
                continue;
            bytes += pass ? 0 : r->size;
            wanted += pass ? 0 : own;
            n += !pass;
            if (pass)
                VCOL__TRACE_END(m, n == 1 ? VCOL__TRACE_READ : VCOL__TRACE_RANGE, start, t->file->where, .file = t->file->number,
                                .offset = r->offset, .bytes = r->size, .wanted = own);
        }
    }
    if (n > 1)
        VCOL__TRACE_END(m, VCOL__TRACE_READ, start, t->file->where, .bytes = bytes, .wanted = wanted);
}

/* The stored bytes of a block are there. blocks.lock is held. */
static void here_locked(const batch *t, int64_t i)
{
    vcol__block *b = t->blocks[i];
    b->stored_bytes = b->stored.data;
    b->stored_state = VCOL__STORED_HERE;
    vcol__use *use = vcol__uses_look(t->file->uses, b->group);
    VCOL__USED(use, blocks_read, 1);
    VCOL__USED(use, bytes_read, b->asked.stored);
}

static void publish_one(const batch *t, int64_t i)
{
    vcol__blocks *r = &t->file->manager->blocks;
    vcol__lock_take(&r->lock);
    here_locked(t, i);
    pthread_cond_broadcast(&r->changed);
    vcol__lock_drop(&r->lock);
}

/* The blocks of a merged read are there, while others of the batch are still to be read: who waits for them goes on. */
static void publish(batch *t, const struct vcol__read *read)
{
    vcol__blocks *r = &t->file->manager->blocks;
    vcol__lock_take(&r->lock);
    for (int64_t s = read->first; s < read->first + read->n; s++) {
        here_locked(t, t->spans[s].tag);
        t->status[t->spans[s].tag] = VCOL_OK;
    }
    pthread_cond_broadcast(&r->changed);
    vcol__lock_drop(&r->lock);
}

/* Counts a merged read, and adds its ranges; it has none if it must be read block by block. */
static void prepare_read(batch *t, struct vcol__read *r, void *gap_memory, int32_t *n, uint64_t *bytes)
{
    vcol_manager *m = t->file->manager;
    if (!add_ranges(t, r, gap_memory, n)) {
        r->n = 0;
        return;
    }
    VCOL__COUNT(m, reads, 1);
    VCOL__COUNT(m, bytes_read, r->size);
    atomic_fetch_add_explicit(&t->file->bytes_read, r->size, memory_order_relaxed);
    *bytes += r->size;
    vcol__log_add(m, VCOL_LOG_READ, t->file->where, r->n == 1 ? t->blocks[t->spans[r->first].tag]->group : -1, 0, 0, r->offset,
                  r->size);
}

/*
 * Reads what is taken: all blocks have memory. Sets status[], and blocks that were read are there. All reads are asked for at
 * once, so that a source that bears several has them in flight together; of one that reads them one after the other each is
 * asked for by itself, and is there before the next begins.
 */
static void read_batch(batch *t, void *gap_memory, uint64_t gap)
{
    vcol_manager *m = t->file->manager;
    int64_t n_reads = 0;
    vcol__lock_none_held();
    for (int64_t i = 0; i < t->n; i++) {
        t->spans[i] = (struct vcol__span){.offset = t->blocks[i]->asked.offset, .size = t->blocks[i]->asked.stored, .read = -1,
                                          .tag = i};
        t->status[i] = VCOL_CANCELLED;
    }
    if (t->n > 1) {
        qsort(t->spans, (size_t)t->n, sizeof *t->spans, by_index_offset);
        if (vcol__merge(t->spans, t->n, gap, t->file->read_size, t->reads, &n_reads) != VCOL_OK)
            n_reads = 0;
    }
    for (int64_t first = 0, end; first < n_reads; first = end) {
        vcol_error why = {0};
        int32_t n = 0;
        uint64_t bytes = 0;
        for (end = first; end < n_reads && (end == first || !t->file->serial); end++)
            prepare_read(t, &t->reads[end], gap_memory, &n, &bytes);
        if (n == 0)
            continue;
        int64_t start = VCOL__TRACE_BEGIN(m);
        bool ok = read_ranges(t->file, t->ranges, n, bytes, &why) == VCOL_OK;
        if (VCOL__TRACING(m))
            trace_batch(t, first, end, start);
        for (int64_t read = first; read < end && ok; read++)
            publish(t, &t->reads[read]);
        if (t->some && end < n_reads)
            t->some(t->opaque);
    }
    for (int64_t i = 0; i < t->n; i++)
        if (t->status[i] != VCOL_OK && read_one(t, i))
            publish_one(t, i);
}

/* Those that failed have no bytes; the batch lets all go. */
static void finish_batch(batch *t)
{
    vcol__blocks *r = &t->file->manager->blocks;
    vcol__region failed[16];
    int64_t i = 0;
    while (t->failed && i < t->n) {
        int n_failed = 0;
        vcol__lock_take(&r->lock);
        for (; i < t->n && n_failed < 16; i++) {
            vcol__block *b = t->blocks[i];
            if (t->status[i] != VCOL_OK) {
                failed[n_failed++] = b->stored;
                memset(&b->stored, 0, sizeof b->stored);
                b->stored_state = VCOL__STORED_NONE;
            }
        }
        pthread_cond_broadcast(&r->changed);
        vcol__lock_drop(&r->lock);
        while (n_failed > 0)
            vcol__memory_give(t->file->manager, &failed[--n_failed]);
    }
    for (i = 0; i < t->n; i++)
        vcol__block_unref(t->blocks[i]);
}

bool vcol__fetch_some(vcol_manager *m, void (*some)(void *opaque), void *opaque)
{
    vcol__blocks *r = &m->blocks;
    batch *t = malloc(sizeof *t);
    vcol__grant grant = {0};
    vcol__region gap_memory = {0};
    uint64_t bytes = 0, gap;
    if (!t)
        return false;
    t->n = 0;
    t->failed = NULL;
    t->some = some;
    t->opaque = opaque;
    vcol__lock_take(&r->lock);
    vcol__block *next = r->queue_head;
    t->file = next ? next->file : NULL;
    while (next && t->n < MOST_BLOCKS && next->file == t->file && (t->n == 0 || bytes + next->asked.stored <= t->file->read_size)) {
        vcol__block *b = next;
        next = b->queue_next;
        bytes += b->asked.stored;
        take_locked(r, t, b);
    }
    if (t->file)
        atomic_fetch_add(&t->file->in_flight, 1);
    vcol__lock_drop(&r->lock);
    if (t->n > 0) {
        vcol__account_runnable(m, 1);
        gap = t->file->gap;
        if (gap && t->n > 1 && vcol__account_reserve(m, &grant, vcol__memory_capacity(gap), VCOL__PREFETCH, false, NULL) == VCOL_OK &&
            vcol__memory_take(m, &grant, gap, &gap_memory, NULL) != VCOL_OK)
            vcol__account_give_back(m, &grant, 0);
        read_batch(t, gap_memory.data, gap_memory.data ? gap : 0);
        vcol__memory_give(m, &gap_memory);
        finish_batch(t);
        vcol__account_runnable(m, -1);
        vcol__lock_take(&r->lock);
        atomic_fetch_sub(&t->file->in_flight, 1);
        pthread_cond_broadcast(&r->changed);
        vcol__lock_drop(&r->lock);
    }
    bool any = t->n > 0;
    free(t);
    return any;
}

/* Takes queued blocks that a demand needs too, or that lie within the gap of one of the first `own` spans, which are sorted. */
static void take_neighbours_locked(vcol__blocks *r, batch *t, const struct vcol__span *spans, int64_t own)
{
    vcol__block *next = r->queue_head;
    uint64_t gap = t->file->gap;
    for (int look = 0; next && look < MOST_LOOK && t->n < MOST_BLOCKS; look++) {
        vcol__block *b = next;
        next = b->queue_next;
        if (b->file != t->file)
            continue;
        if (b->along) {
            take_locked(r, t, b);
            continue;
        }
        int64_t low = 0, high = own; /* the first span that ends after b begins */
        while (low < high) {
            int64_t mid = (low + high) / 2;
            if (spans[mid].offset + spans[mid].size + gap < b->asked.offset)
                low = mid + 1;
            else
                high = mid;
        }
        if (low < own && spans[low].offset <= b->asked.offset + b->asked.stored + gap)
            take_locked(r, t, b);
    }
}

vcol_status vcol__fetch_now(vcol__block *const *blocks, int64_t first, int64_t n, vcol__grant *grant, bool runnable,
                            vcol_error *err)
{
    vcol__block *b = blocks[first];
    vcol_manager *m = b->file->manager;
    vcol__blocks *r = &m->blocks;
    vcol_status status = VCOL_OK;
    vcol__region gap_memory = {0};
    bool blocked = false;
    batch *t = NULL;
    vcol__lock_take(&r->lock);
    if (b->stored_state == VCOL__STORED_FLYING) {
        vcol__wait w = {.what = "bytes that another thread reads", .kind = VCOL__TRACE_WAIT_BYTES};
        blocked = runnable;
        if (blocked)
            vcol__account_runnable(m, -1);
        vcol__wait_begin(m, &w);
        while (b->stored_state == VCOL__STORED_FLYING)
            vcol__lock_wait(&r->changed, &r->lock);
        vcol__wait_end(m, &w);
    }
    bool here = b->stored_state == VCOL__STORED_HERE;
    vcol__lock_drop(&r->lock);
    if (blocked)
        vcol__account_runnable(m, 1);
    if (here)
        return VCOL_OK;
    t = malloc(sizeof *t);
    if (!t)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to read a block");
    t->file = b->file;
    t->n = 0;
    t->failed = NULL;
    t->some = NULL;
    /* Memory for those that have none, before they are taken: what another thread has given them meanwhile stays. */
    uint64_t bytes = 0;
    int64_t last = first;
    for (; last < n && last - first < MOST_BLOCKS / 2 && (last == first || bytes + blocks[last]->asked.stored <= t->file->read_size); last++) {
        bytes += blocks[last]->asked.stored;
        status = vcol__fetch_enqueue(blocks[last], false, grant, err);
        if (status != VCOL_OK)
            break;
    }
    if (status != VCOL_OK) {
        free(t);
        return status;
    }
    vcol__lock_take(&r->lock);
    for (int64_t i = first; i < last; i++)
        if (blocks[i]->stored_state == VCOL__STORED_QUEUED) {
            t->spans[t->n] = (struct vcol__span){.offset = blocks[i]->asked.offset, .size = blocks[i]->asked.stored};
            take_locked(r, t, blocks[i]);
        }
    int64_t own = t->n;
    if (own > 0 && r->queue_head) {
        qsort(t->spans, (size_t)own, sizeof *t->spans, by_index_offset);
        take_neighbours_locked(r, t, t->spans, own);
    }
    if (own > 0)
        atomic_fetch_add(&t->file->in_flight, 1);
    vcol__lock_drop(&r->lock);
    if (own > 0) {
        uint64_t gap = t->n > 1 ? t->file->gap : 0;
        size_t room = vcol__memory_capacity(gap);
        /* Neighbours may have made one block many: then the gap's memory is not in the grant. */
        if (gap && grant->held < room &&
            vcol__account_reserve(m, grant, room - grant->held, VCOL__PREFETCH, false, NULL) != VCOL_OK)
            gap = 0;
        if (gap && vcol__memory_take(m, grant, gap, &gap_memory, NULL) != VCOL_OK)
            gap = 0;
        read_batch(t, gap_memory.data, gap);
        vcol__memory_give(m, &gap_memory);
        for (int64_t i = 0; i < t->n; i++)
            if (t->blocks[i] == b)
                status = t->status[i];
        if (status != VCOL_OK) {
            vcol_error why = {0};
            if (t->failed != b) {
                vcol_range range = {b->asked.offset, (size_t)b->asked.stored, b->stored.data};
                status = vcol_source_read(t->file->source, &range, 1, &why);
                for (int64_t i = 0; i < t->n; i++)
                    if (t->blocks[i] == b && (t->status[i] = status) == VCOL_OK)
                        publish_one(t, i);
            } else {
                why = t->why;
            }
            if (status != VCOL_OK && err && !err->status)
                *err = why;
        }
        finish_batch(t);
        vcol__lock_take(&r->lock);
        atomic_fetch_sub(&t->file->in_flight, 1);
        pthread_cond_broadcast(&r->changed);
        vcol__lock_drop(&r->lock);
    }
    free(t);
    /* If another thread's read had taken it meanwhile, wait for that one. */
    return status != VCOL_OK ? status : vcol__fetch_now(blocks, first, n, grant, runnable, err);
}
