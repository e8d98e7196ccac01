/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Spilling: one file without a name in the directory that the program chose, made when the first buffer is spilled, so
 * that the system frees it however the process ends. Each spilled buffer is a stretch of it (an extent): a whole Arrow IPC
 * stream of one record batch with one column, LZ4 packed (ipc.c). Extents are 4 KiB aligned; one that is given
 * back is punched out of the file, so that it takes no disk, and used again.
 *
 * Memory: packing needs a hand, which is allocated when the manager is opened and charged to `fixed`: spilling
 * happens when memory is short. Reading back reserves the result and a window, like any load. Values are handed to the
 * system in the sizes of LZ4 blocks.
 *
 * Failures. A disk that is full or fails is no failure of the program's: nothing is kept of what was written, and a number of
 * looks, which doubles each time, pass before the next attempt. What is read back is held against a hash that stayed in memory.
 *
 * No lock is held while the disk works: an extent that is written, read or punched belongs to the buffer that has it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/spill.h"

#include "codec/pack.h"
#include "core/ipc.h"
#include "core/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((uint64_t)4096)
#define FIRST_REST 16
#define MOST_REST 4096
/* Reading back, before anything was measured: bytes per ns, and what each read costs at least. */
#define GUESS_NS_PER_BYTE 1.0
#define NS_EACH 100e3

/* ---- the system ----------------------------------------------------------------------------- */

static int file_open(const char *dir, void *opaque)
{
    (void)opaque;
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char path[PATH_MAX]; /* a file system that cannot: it has a name for a moment */
    int n = snprintf(path, sizeof path, "%s/vcol-spill-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static ssize_t file_write(int fd, const void *data, size_t n, off_t offset, void *opaque)
{
    struct rlimit most;
    (void)opaque;
    /* Beyond this the system would send a signal that ends the process. */
    if (getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur != RLIM_INFINITY &&
        (uint64_t)offset + n > (uint64_t)most.rlim_cur) {
        errno = EFBIG;
        return -1;
    }
    return pwrite(fd, data, n, offset);
}

static ssize_t file_read(int fd, void *data, size_t n, off_t offset, void *opaque)
{
    (void)opaque;
    return pread(fd, data, n, offset);
}

static int file_punch(int fd, off_t offset, off_t n, void *opaque)
{
    (void)opaque;
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, n);
}

static void file_close(int fd, void *opaque)
{
    (void)opaque;
    close(fd);
}

static const vcol__spill_io system_io = {file_open, file_write, file_read, file_punch, file_close, NULL};

/* ---- opening, closing ------------------------------------------------------------------------- */

/* A hand: what LZ4 needs, then a block with its length. */
static size_t packed_at(void)
{
    return (vcol__lz4_pack_bytes() + 63) & ~(size_t)63;
}

void vcol__spill_init(vcol__spill *s)
{
    vcol__lock_init(&s->lock, LEVEL_SPILL);
    pthread_cond_init(&s->changed, NULL);
    s->fd = -1;
    s->io = system_io;
    s->pause = FIRST_REST;
}

vcol_status vcol__spill_open(vcol_manager *m, const char *dir, uint64_t limit, vcol_error *err)
{
    vcol__spill *s = &m->spill;
    s->limit = limit ? limit : UINT64_MAX;
    s->hand_bytes = packed_at() + VCOL__LZ4_BLOCK + 64;
    s->dir = vcol__memory_new(m, strlen(dir) + 1);
    if (!s->dir)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a directory's name");
    memcpy(s->dir, dir, strlen(dir) + 1);
    /* As many as threads evict at a time, within reason: they take their share of the limit. */
    int hands = m->threads < 1 ? 1 : m->threads > VCOL__SPILL_HANDS ? VCOL__SPILL_HANDS : m->threads;
    while (hands > 1 && s->hand_bytes * (uint64_t)hands > m->account.limit / 64)
        hands--;
    for (; s->n_hands < hands; s->n_hands++) {
        void *hand = vcol__memory_new(m, s->hand_bytes);
        if (!hand)
            return vcol_error_format(err, VCOL_NOMEM, "no memory to spill with");
        s->hands[s->n_free++] = hand;
    }
    vcol__account_fix(m, (int64_t)(s->hand_bytes * (uint64_t)s->n_hands));
    return VCOL_OK;
}

void vcol__spill_destroy(vcol_manager *m)
{
    vcol__spill *s = &m->spill;
    assert(!s->used); /* every buffer gave its extent back */
    for (vcol__extent *e = s->first, *next; e; e = next) {
        next = e->next;
        vcol__memory_delete(m, e, sizeof *e);
    }
    while (s->n_free > 0)
        vcol__memory_delete(m, s->hands[--s->n_free], s->hand_bytes);
    if (s->fd >= 0)
        s->io.close(s->fd, s->io.opaque);
    if (s->dir)
        vcol__memory_delete(m, s->dir, strlen(s->dir) + 1);
    pthread_cond_destroy(&s->changed);
    vcol__lock_destroy(&s->lock);
}

bool vcol__spill_able(vcol_manager *m)
{
    vcol__spill *s = &m->spill;
    /* relaxed: a number of looks, roughly */
    return s->dir && (atomic_load_explicit(&s->rest, memory_order_relaxed) <= 0 ||
                      atomic_fetch_sub_explicit(&s->rest, 1, memory_order_relaxed) <= 1);
}

bool vcol__spill_worth(vcol_manager *m, double seconds, uint64_t bytes)
{
    vcol__spill *s = &m->spill;
    if (!s->dir || seconds <= 0)
        return false;
    vcol__lock_take(&s->lock);
    double each = s->read_bytes ? (double)s->read_ns / (double)s->read_bytes : GUESS_NS_PER_BYTE;
    vcol__lock_drop(&s->lock);
    return seconds * 1e9 > NS_EACH + each * (double)bytes;
}

/* ---- extents: spill.lock is held ---------------------------------------------------------------- */

static void insert_behind(vcol__spill *s, vcol__extent *e, vcol__extent *where)
{
    e->previous = where;
    e->next = where ? where->next : s->first;
    *(where ? &where->next : &s->first) = e;
    *(e->next ? &e->next->previous : &s->last) = e;
}

static void take_out(vcol__spill *s, vcol__extent *e)
{
    *(e->previous ? &e->previous->next : &s->first) = e->next;
    *(e->next ? &e->next->previous : &s->last) = e->previous;
}

/* The first free stretch that is large enough, or the file's end; uses up *fresh unless a free one fits exactly. */
static vcol__extent *take_extent(vcol__spill *s, uint64_t size, vcol__extent **fresh)
{
    vcol__extent *e = s->first;
    if (s->used + size > s->limit)
        return NULL;
    while (e && (e->used || e->size < size))
        e = e->next;
    if (!e) {
        e = *fresh;
        *fresh = NULL;
        e->offset = s->end;
        s->end += size;
        insert_behind(s, e, s->last);
    } else if (e->size > size) {
        vcol__extent *rest = *fresh;
        *fresh = NULL;
        rest->offset = e->offset + size;
        rest->size = e->size - size;
        rest->used = false;
        insert_behind(s, rest, e);
    }
    e->size = size;
    e->used = true;
    s->used += size;
    return e;
}

/* A used extent turns out smaller. */
static void shrink(vcol__spill *s, vcol__extent *e, uint64_t size, vcol__extent **spare)
{
    uint64_t over = e->size - size;
    if (!over)
        return;
    e->size = size;
    s->used -= over;
    if (!e->next) {
        s->end -= over;
    } else if (!e->next->used) {
        e->next->offset -= over;
        e->next->size += over;
    } else {
        vcol__extent *rest = *spare;
        *spare = NULL;
        rest->offset = e->offset + size;
        rest->size = over;
        rest->used = false;
        insert_behind(s, rest, e);
    }
}

/* Free again, and one with the free ones beside it; a chain by `next` of those that are gone. */
static vcol__extent *give_extent(vcol__spill *s, vcol__extent *e)
{
    vcol__extent *gone = NULL, *beside = e->next;
    s->used -= e->size;
    e->used = false;
    if (beside && !beside->used) {
        e->size += beside->size;
        take_out(s, beside);
        beside->next = gone;
        gone = beside;
    }
    beside = e->previous;
    if (beside && !beside->used) {
        beside->size += e->size;
        take_out(s, e);
        e->next = gone;
        gone = e;
        e = beside;
    }
    if (!e->next) {
        s->end = e->offset;
        take_out(s, e);
        e->next = gone;
        gone = e;
    }
    return gone;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static bool write_all(vcol__spill *s, const void *data, size_t n, uint64_t offset)
{
    const char *p = data;
    vcol__lock_none_held();
    while (n > 0) {
        ssize_t k = s->io.write(s->fd, p, n, (off_t)offset, s->io.opaque);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return true;
}

/* Packs and writes the frame; *at is where it begins, then where it ends. */
static bool write_frame(vcol__spill *s, char *hand, const void *data, uint64_t bytes, uint64_t *at)
{
    char *out = hand + packed_at();
    const char *p = data;
    size_t n = 8;
    memcpy(out, &bytes, 8); /* little-endian, as all the memory of ours is */
    memcpy(out + n, vcol__lz4_head, VCOL__LZ4_HEAD);
    n += VCOL__LZ4_HEAD;
    for (uint64_t done = 0; done < bytes;) {
        if (!write_all(s, out, n, *at))
            return false;
        *at += n;
        size_t block = bytes - done < VCOL__LZ4_BLOCK ? (size_t)(bytes - done) : VCOL__LZ4_BLOCK;
        size_t packed = block > 1 ? vcol__lz4_pack(hand, p + done, block, out + 4, block - 1) : 0;
        uint32_t head = packed ? (uint32_t)packed : (uint32_t)block | VCOL__LZ4_PLAIN;
        if (!packed)
            memcpy(out + 4, p + done, block);
        memcpy(out, &head, 4);
        n = 4 + (packed ? packed : block);
        done += block;
    }
    if (!write_all(s, out, n, *at))
        return false;
    *at += n;
    uint8_t end[4] = {0};
    if (!write_all(s, end, sizeof end, *at))
        return false;
    *at += sizeof end;
    return true;
}

/* The whole stream, into an extent that is large enough; *used is its bytes. */
static bool write_stream(vcol__spill *s, char *hand, const vcol__extent *e, const char *name, vcol_type type,
                         const void *data, uint64_t *used)
{
    uint8_t head[VCOL__IPC_HEAD], tail[8 + VCOL__IPC_TAIL] = {0};
    size_t n = vcol__ipc_head(head, name, type, e->count, 0, 0);
    uint64_t body = e->offset + n, at = body;
    if (!write_frame(s, hand, data, e->bytes, &at))
        return false;
    uint64_t packed = at - body, padded = (packed + 7) & ~(uint64_t)7;
    size_t pad = (size_t)(padded - packed);
    vcol__ipc_tail(tail + pad);
    vcol__ipc_head(head, name, type, e->count, packed, padded);
    *used = n + padded + VCOL__IPC_TAIL;
    return write_all(s, tail, pad + VCOL__IPC_TAIL, at) && write_all(s, head, n, e->offset);
}

/* Opens the file if need be; whether it is there. */
static bool have_file(vcol_manager *m)
{
    vcol__spill *s = &m->spill;
    vcol__wait wait = {.what = "the file for spilled buffers, which another thread makes"};
    vcol__lock_take(&s->lock);
    bool blocked = s->opening;
    if (blocked)
        vcol__wait_begin(m, &wait);
    while (s->opening)
        vcol__lock_wait(&s->changed, &s->lock);
    if (blocked)
        vcol__wait_end(m, &wait);
    bool open = s->fd < 0;
    s->opening = open;
    vcol__lock_drop(&s->lock);
    if (!open)
        return true;
    vcol__lock_none_held();
    int fd = s->io.open(s->dir, s->io.opaque);
    vcol__lock_take(&s->lock);
    s->fd = fd;
    s->opening = false;
    pthread_cond_broadcast(&s->changed);
    vcol__lock_drop(&s->lock);
    return fd >= 0;
}

static char *take_hand(vcol_manager *m)
{
    vcol__spill *s = &m->spill;
    vcol__wait wait = {.what = "memory to spill with"};
    vcol__lock_take(&s->lock);
    bool blocked = s->n_free == 0;
    if (blocked)
        vcol__wait_begin(m, &wait);
    while (s->n_free == 0)
        vcol__lock_wait(&s->changed, &s->lock);
    if (blocked)
        vcol__wait_end(m, &wait);
    char *hand = s->hands[--s->n_free];
    vcol__lock_drop(&s->lock);
    return hand;
}

static void give_hand(vcol__spill *s, char *hand)
{
    vcol__lock_take(&s->lock);
    s->hands[s->n_free++] = hand;
    pthread_cond_broadcast(&s->changed);
    vcol__lock_drop(&s->lock);
}

/* The next attempts are not made. */
static void rest(vcol__spill *s)
{
    vcol__lock_take(&s->lock);
    atomic_store_explicit(&s->rest, s->pause, memory_order_relaxed);
    s->pause = s->pause < MOST_REST ? 2 * s->pause : MOST_REST;
    vcol__lock_drop(&s->lock);
}

bool vcol__spill_write(vcol_manager *m, const char *name, vcol_type type, int64_t count, const void *data, vcol__extent **out)
{
    vcol__spill *s = &m->spill;
    uint64_t bytes = (uint64_t)count * vcol_type_width(type);
    /* The most that it can take: blocks that do not pack stay as they are. */
    uint64_t most = VCOL__IPC_HEAD + 8 + VCOL__LZ4_HEAD + bytes + 4 * (bytes / VCOL__LZ4_BLOCK + 2) + 8 + VCOL__IPC_TAIL, used = 0;
    vcol__extent *e = NULL, *fresh = NULL, *spare = NULL;
    bool ok = false;
    *out = NULL;
    if (!s->dir)
        return false;
    most = (most + PAGE - 1) & ~(PAGE - 1);
    if (!have_file(m)) {
        rest(s);
        goto done;
    }
    fresh = vcol__memory_new(m, sizeof *fresh);
    spare = vcol__memory_new(m, sizeof *spare);
    if (!fresh || !spare)
        goto done;
    vcol__lock_take(&s->lock);
    e = take_extent(s, most, &fresh);
    vcol__lock_drop(&s->lock);
    if (!e)
        goto done;
    e->bytes = bytes;
    e->count = count;
    e->hash = vcol_hash_xxh64(data, bytes);
    e->body = e->offset + vcol__ipc_head((uint8_t[VCOL__IPC_HEAD]){0}, name, type, count, 0, 0);
    char *hand = take_hand(m);
    ok = write_stream(s, hand, e, name, type, data, &used);
    give_hand(s, hand);
    if (ok) {
        vcol__lock_take(&s->lock);
        shrink(s, e, (used + PAGE - 1) & ~(PAGE - 1), &spare);
        s->pause = FIRST_REST;
        vcol__lock_drop(&s->lock);
        VCOL__COUNT(m, spilled, 1);
        VCOL__COUNT(m, bytes_spilled, bytes);
        *out = e;
    } else {
        vcol__spill_free(m, e);
        rest(s);
    }
done:
    vcol__memory_delete(m, fresh, sizeof *fresh);
    vcol__memory_delete(m, spare, sizeof *spare);
    if (!ok)
        VCOL__COUNT(m, spill_failures, 1);
    return ok;
}

void vcol__spill_free(vcol_manager *m, vcol__extent *e)
{
    vcol__spill *s = &m->spill;
    if (!e)
        return;
    vcol__lock_none_held();
    s->io.punch(s->fd, (off_t)e->offset, (off_t)e->size, s->io.opaque); /* where it cannot, the disk is used again */
    vcol__lock_take(&s->lock);
    vcol__extent *gone = give_extent(s, e);
    vcol__lock_drop(&s->lock);
    while (gone) {
        vcol__extent *next = gone->next;
        vcol__memory_delete(m, gone, sizeof *gone);
        gone = next;
    }
}

/* ---- reading back -------------------------------------------------------------------------------- */

/* What was read and not used yet: [used, have) of the window; `at` is where the file goes on. */
typedef struct reading {
    char *window;
    size_t used, have, capacity;
    uint64_t at, end;
} reading;

/* Sees to it that n bytes are in the window. Errors by errno; 0: the file ends. */
static bool need(vcol__spill *s, reading *r, size_t n)
{
    if (r->have - r->used >= n)
        return true;
    memmove(r->window, r->window + r->used, r->have - r->used);
    r->have -= r->used;
    r->used = 0;
    vcol__lock_none_held();
    while (r->have < n) {
        size_t room = r->capacity - r->have, left = (size_t)(r->end - r->at);
        errno = 0;
        ssize_t k = s->io.read(s->fd, r->window + r->have, room < left ? room : left, (off_t)r->at, s->io.opaque);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        r->have += (size_t)k;
        r->at += (uint64_t)k;
    }
    return true;
}

/* Errors: IO; CORRUPT without a message. */
static vcol_status read_frame(vcol__spill *s, reading *r, char *to, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        uint32_t head;
        size_t block = bytes - done < VCOL__LZ4_BLOCK ? (size_t)(bytes - done) : VCOL__LZ4_BLOCK;
        if (!need(s, r, sizeof head))
            return VCOL_IO;
        memcpy(&head, r->window + r->used, sizeof head);
        size_t n = head & ~VCOL__LZ4_PLAIN;
        bool plain = (head & VCOL__LZ4_PLAIN) != 0;
        if (n > block || (plain && n != block))
            return VCOL_CORRUPT;
        if (!need(s, r, sizeof head + n))
            return VCOL_IO;
        const char *from = r->window + r->used + sizeof head;
        if (plain)
            memcpy(to + done, from, block);
        else if (vcol__lz4_unpack(from, n, to + done, block))
            return VCOL_CORRUPT;
        r->used += sizeof head + n;
        done += block;
    }
    return VCOL_OK;
}

vcol_status vcol__spill_read(vcol_buffer *b, struct vcol__load *load, vcol_error *err)
{
    vcol_manager *m = b->manager;
    vcol__spill *s = &m->spill;
    const vcol__extent *e = b->extent;
    vcol__region window = {0};
    size_t capacity = VCOL__LZ4_BLOCK + 64;
    struct timespec begin, end;
    vcol_status status = vcol__load_reserve(load, vcol__memory_capacity(e->bytes) + vcol__memory_capacity(capacity), false, err);
    if (status == VCOL_OK)
        status = vcol__memory_take(m, &load->grant, e->bytes, &b->leaf[0], err);
    if (status == VCOL_OK)
        status = vcol__memory_take(m, &load->grant, capacity, &window, err);
    if (status != VCOL_OK)
        goto done;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    reading r = {.window = window.data, .capacity = capacity, .at = e->body + 8 + VCOL__LZ4_HEAD, .end = e->offset + e->size};
    status = read_frame(s, &r, b->leaf[0].data, e->bytes);
    if (status == VCOL_IO) {
        int why = errno;
        vcol_error_format(err, VCOL_IO, "%s: its values were spilled and cannot be read back: %s", b->name,
                          why ? strerror(why) : "the file ends");
        if (err)
            err->os_errno = why;
    } else if (status != VCOL_OK || vcol_hash_xxh64(b->leaf[0].data, e->bytes) != e->hash) {
        status = vcol_error_format(err, VCOL_CORRUPT, "%s: its values were spilled, and what is read back is not what was written",
                                   b->name);
    } else {
        clock_gettime(CLOCK_MONOTONIC, &end);
        vcol__lock_take(&s->lock);
        s->read_bytes += e->bytes;
        s->read_ns += (uint64_t)((end.tv_sec - begin.tv_sec) * 1000000000 + (end.tv_nsec - begin.tv_nsec));
        vcol__lock_drop(&s->lock);
        b->count[0] = e->count;
        VCOL__COUNT(m, spill_reads, 1);
    }
done:
    vcol__memory_give(m, &window);
    if (status != VCOL_OK)
        vcol__memory_give(m, &b->leaf[0]);
    return status;
}
