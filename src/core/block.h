/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks in the runtime: the table of those in use, their stored bytes, their unpacked bytes. See block.c. */
#ifndef VCOL_CORE_BLOCK_H
#define VCOL_CORE_BLOCK_H

#include "core/evict.h"
#include "core/memory.h"
#include "io/speed.h"

#include <vcol/reader.h>

/* Whether stored bytes of a file's blocks are kept when they have been unpacked (tier.c). */
typedef enum vcol__keep { VCOL__KEEP_NEVER, VCOL__KEEP_IF_SLOW, VCOL__KEEP_ALWAYS } vcol__keep;

/* An open table of a file: what the core needs to know of it. Owned by the data set. */
typedef struct vcol__binding {
    vcol_manager *manager;
    const vcol_reader *reader;
    void *object;
    const vcol_schema *schema;
    vcol_source *source;
    const char *where; /* "a.root": the start of messages */
    struct vcol__uses *uses; /* referenced: by group, what was done */
    uint32_t number;         /* the manager's, from 1: names it in a trace */
    uint64_t gap, read_size, size;
    _Atomic uint64_t bytes_read; /* gaps included */
    vcol__keep keep;
    bool local;        /* reads may come from the system's memory: `speed` tells */
    bool serial;       /* the source reads one range after the other */
    vcol__speed speed; /* of its reads */
    _Atomic int64_t in_flight; /* reads under way, and items of it held by threads that evict; the owner waits for 0 before it
                                  closes the object */
} vcol__binding;

typedef enum vcol__stored_state { VCOL__STORED_NONE, VCOL__STORED_QUEUED, VCOL__STORED_FLYING, VCOL__STORED_HERE } vcol__stored_state;
typedef enum vcol__plain_state { VCOL__PLAIN_NONE, VCOL__PLAIN_BUSY, VCOL__PLAIN_HERE } vcol__plain_state;

typedef struct vcol__block {
    vcol_block asked; /* as planned: identity, rows, estimates; const */
    vcol_block d;     /* the same, completed by inspect; belongs to who has BUSY, const while HERE */
    vcol__binding *file;
    int32_t group;   /* the one that planned it first */
    vcol__evictable evictable; /* listed while its unpacked bytes are kept */
    vcol__evictable kept;      /* listed while the tier has its stored bytes */
    _Atomic int64_t refs;      /* loads, the pass that carries it, a read, the tier */
    _Atomic int64_t pins;      /* loads that read its unpacked bytes now */
    /* registry lock */
    struct vcol__block *chain; /* hash table, or the stack of unused ones */
    struct vcol__block *queue_next, *queue_previous; /* blocks to be read */
    vcol__stored_state stored_state;
    vcol__plain_state plain_state;
    bool along;            /* QUEUED: the next demand of the file takes it */
    bool in_tier;          /* it keeps the stored bytes, which are HERE */
    uint64_t kept_pass;    /* in the tier: the number of the loop that used it last; 0 = none */
    struct vcol__block *kept_next, *kept_previous; /* in the tier: used after it, before it */
    _Atomic bool busy;        /* plain_state is BUSY; also read without the lock, as a hint */
    _Atomic int64_t unpacker; /* the thread that has or had BUSY; also read without the lock */
    int64_t waiting;       /* loads that wait for BUSY to end */
    bool inspected;
    bool unpacked_before;
    _Atomic uint64_t mark; /* how far it was decoded, at most: rows << 32 | items in these; only grows */
    _Atomic int64_t until; /* the entry behind the last that may need it; only falls */
    void *carrier; /* the pass that carries it */
    const void *keeper; /* the work whose load has reserved memory to keep it unpacked */
    /* belong to who made the state what it is, const while HERE */
    vcol__region stored, plain;
    const void *stored_bytes, *plain_bytes;
    bool partial; /* only the content's bytes were unpacked */
    struct vcol__block *parent; /* whose stored bytes hold this one's; referenced */
    void *state;                /* of prepare */
    size_t state_bytes;
} vcol__block;

typedef struct vcol__blocks {
    vcol__lock lock;
    pthread_cond_t changed; /* a block left FLYING or BUSY */
    vcol__block **table;    /* registry lock */
    size_t buckets, used;
    vcol__block *spare;
    int64_t n_spare;
    vcol__block *queue_head, *queue_tail; /* to be read, in order of wish */
    uint64_t queue_bytes;
} vcol__blocks;

vcol_status vcol__blocks_init(vcol__blocks *blocks, vcol_error *err);
void vcol__blocks_destroy(vcol_manager *m);

/* The group that planned it first, for people. */
const char *vcol__block_name(const vcol__block *block);

/* The block of that description: found or made; referenced. */
vcol_status vcol__block_open(vcol__binding *file, int32_t group, const vcol_block *d, vcol__block *parent, vcol__block **out,
                             vcol_error *err);
void vcol__block_ref(vcol__block *block);
void vcol__block_unref(vcol__block *block);

/*
 * Gives a block that is not there memory of the grant and puts it into the queue of those to be read. along: it is read with the
 * next demand of its file, wherever it lies: the same thread needs both. (fetch.c)
 */
vcol_status vcol__fetch_enqueue(vcol__block *block, bool along, vcol__grant *grant, vcol_error *err);
/* Nobody references the block any more. Under the registry lock. */
void vcol__fetch_dequeue_locked(vcol__block *block);
/*
 * Reads what is first in the queue, up to one large read; false if there is nothing. `some` is told when some of it is there and
 * the rest is still to be read (a source that reads in turn).
 */
bool vcol__fetch_some(vcol_manager *m, void (*some)(void *opaque), void *opaque);
/*
 * Makes blocks[first]'s stored bytes present: waits if it is being read, else reads it and those after it (up to the
 * read size) and what is queued within the gap. `grant` has room for them.
 */
vcol_status vcol__fetch_now(vcol__block *const *blocks, int64_t first, int64_t n, vcol__grant *grant, bool runnable,
                            vcol_error *err);
/* Whether the unpacked bytes are there (now): nothing need be read or unpacked for it. */
bool vcol__block_present(vcol__block *block);
/* Whether it need not be read (now): the unpacked bytes are there, or the tier has the stored ones. */
bool vcol__block_at_hand(vcol__block *block);
/* A look at the state, ordered after what made it so: HERE means that the stored bytes can be read by who has BUSY. */
vcol__stored_state vcol__block_stored_state(vcol__block *block);
/* Frees a block's stored bytes, the tier's too, if they are there and nobody unpacks it now. */
void vcol__block_drop_stored(vcol__block *block);

/*
 * The unpacked bytes. vcol__block_claim waits until nobody else unpacks it, and returns PLAIN_HERE, pinned, or
 * PLAIN_BUSY: the caller must unpack and then call vcol__block_settle.
 */
vcol__plain_state vcol__block_claim(vcol__block *block, bool runnable);
/* keep: block->plain or plain_bytes were set and stay (pinned once); else nothing is kept. */
void vcol__block_settle(vcol__block *block, bool keep);
/* Whether somebody else has a use for it: it should be kept. Under BUSY. */
bool vcol__block_shared(vcol__block *block);
void vcol__block_unpin(vcol__block *block);

#endif
