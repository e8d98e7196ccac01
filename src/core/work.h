/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside a buffer of a reader's group (a unit): what its files share.
 *
 *   unit.c    a unit's life; what a load reserves and in which order its stages run
 *   work.c    the work of a load: its blocks, planned and expanded
 *   place.c   where each block's rows and items go
 *   stage.c   what is done to one block: fetch, inspect, unpack, prepare, decode
 *   hand.c    who does it: the owner and those who help, their memory, the claiming of blocks
 *   ends.c    ENDS and PICKS groups: what blocks said of lists, to offsets
 *   counts.c  other kinds of units: counts to offsets
 *   computed.c  lengths, validity, spread values, values without bytes
 */
#ifndef VCOL_CORE_WORK_H
#define VCOL_CORE_WORK_H

#include "core/load.h"
#include "core/unit.h"

typedef struct vcol__unit {
    vcol_buffer base;
    vcol__binding *file;
    vcol__pass *pass;
    const vcol_group *group;
    vcol_buffer *dep, *source;
    int64_t row0, rows; /* its rows in the group's own numbers. ITEMS: set by who loads, when dep is there, or by its creator */
    bool by_rows;       /* made for rows, not for entries: dep is NULL */
    vcol__uses *uses; /* referenced: has base.use */
    bool verify; /* unpack whole blocks, whatever is needed of them */
    bool again;  /* counts of rows that a pass has been at, or will be: what is unpacked for them is so once more */
} vcol__unit;

typedef struct vcol__work vcol__work;

/* What one thread has at hand for the blocks of a load. */
typedef struct vcol__hand {
    vcol__unit *u;
    vcol__load *load;
    vcol__work *work;
    vcol__grant *grant;
    bool helper;
    vcol_worker *worker;
    vcol__region scratch;
} vcol__hand;

/* What is done to block i of the work. */
typedef vcol_status (*vcol__stage)(vcol__hand *h, int64_t i, vcol_error *err);

/* Where a block's rows lie: file rows [lo, hi) are wanted; items before it, by depth (depth 0: rows). */
typedef struct vcol__place {
    bool left; /* a helper had no memory for it: the owner does it */
    int64_t row, rows, lo, hi;
    int64_t items[VCOL_MAX_LEVELS + 1];
    int64_t before[VCOL_MAX_LEVELS + 1];
} vcol__place;

/* The leaves of a unit: bytes and elements (or bits) of each, and the memory that all take. */
typedef struct vcol__layout {
    size_t size[VCOL__MAX_LEAVES];
    int64_t count[VCOL__MAX_LEAVES];
    uint64_t bytes;
} vcol__layout;

struct vcol__work {
    vcol__block **blocks;
    int32_t *needs; /* of each block: the one that must be prepared first, or -1; an index into this plan */
    int64_t n, capacity;
    bool *held; /* unpacked bytes pinned by this load */
    bool guess; /* what entries will likely need: to be planned again when their items are known */
    vcol__place *places;
    vcol_deps deps;
    /* the current stage; stripe lock */
    vcol__stage run;
    bool open;
    int64_t inside; /* helpers at work */
    int64_t error_block;
    vcol_error error;
    /* atomic */
    _Atomic int64_t next;
    _Atomic bool failed;
};

/* ---- unit.c ---- */

/* Whether a block's unpacked bytes have a use beyond this load. */
bool vcol__unit_keeps(const vcol__unit *u, const vcol__block *block);
/* Whether decode is given the offsets of dep. */
static inline bool vcol__unit_has_deps(const vcol__unit *u)
{
    return u->dep && !(u->group->flags & VCOL_GROUP_ITEMS);
}
/* The row behind the last that needs the block: the row behind its own needs it too where its list begins in it. */
static inline int64_t vcol__unit_reach(const vcol__unit *u, const vcol_block *d)
{
    return d->first_entry + d->entries + ((u->group->flags & VCOL_GROUP_ENDS) && !(d->flags & VCOL_BLOCK_CLOSES) ? 1 : 0);
}

/* ---- work.c ---- */

/* plan, and what follows from the metadata; deps may be NULL. */
vcol_status vcol__work_plan(vcol__unit *u, const vcol_deps *deps, vcol__work **out, vcol_error *err);
/* A guess of what it will be, for an ITEMS group whose rows are not known. */
vcol_status vcol__work_expect(vcol__unit *u, vcol__work **out, vcol_error *err);
/* Replaces blocks that hold others by those. Serial: the head of a chain is needed to find the next. */
vcol_status vcol__work_expand(vcol__hand *h, vcol_error *err);
/* Makes places and held, once the blocks stay what they are. */
vcol_status vcol__work_tables(vcol__hand *h, vcol_error *err);
void vcol__work_free(vcol__unit *u, vcol__work *work);
/* Stored bytes that one read for block i would bring: reserved before they are read. */
uint64_t vcol__work_window(const vcol__unit *u, const vcol__work *work, int64_t i);
/*
 * Whether this work's load is the one that reserves memory to keep block i unpacked: loads of several chunks may have planned
 * it, and one of them will keep it. If another turns out to be first, it borrows. Until the work is freed.
 */
bool vcol__work_reserves(vcol__work *work, int64_t i);
/* The first block whose bytes are neither there nor on their way; -1: none. */
int64_t vcol__work_unread(const vcol__work *work);
/* Whether no bytes of any of its blocks are still to come. */
bool vcol__work_arrived(const vcol__work *work);
/* Memory for the bytes of all blocks that are neither there nor on their way. */
uint64_t vcol__work_input(const vcol__work *work);
/* What prepare made of the block that block i needs. */
const void *vcol__work_needed(const vcol__work *work, int64_t i);
/* What is known of rows [lo, hi) beside their blocks: of a group that depends. */
vcol_deps vcol__work_deps(const vcol__unit *u, const vcol__work *w, int64_t lo, int64_t hi);

/* ---- place.c ---- */

/* Places from metadata: blocks tile the rows. */
vcol_status vcol__place_known(vcol__hand *h, vcol_error *err);
/* Places from the unpacked bytes, and the number of items by depth. */
vcol_status vcol__place_measured(vcol__hand *h, int64_t *total, vcol_error *err);
/* The layout, from the number of items by depth. */
vcol_status vcol__place_layout(const vcol__unit *u, const int64_t *total, vcol__layout *out, vcol_error *err);
/* Whether so large leaves can come of blocks as large as they are said to be. */
bool vcol__place_plausible(const vcol__work *work, const vcol__layout *layout);
/* Whether the blocks, unpacked, can hold the items that the offsets count. */
vcol_status vcol__place_check(const vcol__unit *u, const vcol__work *work, vcol_error *err);

/* ---- stage.c ---- */

/* fetch … decode in one go, for a block whose place is known. */
vcol_status vcol__stage_direct(vcol__hand *h, int64_t i, vcol_error *err);
/* fetch, inspect, unpack, prepare: the unpacked bytes stay pinned for the stages after. */
vcol_status vcol__stage_hold(vcol__hand *h, int64_t i, vcol_error *err);
/* decode of a block that is held; ends that. */
vcol_status vcol__stage_decode(vcol__hand *h, int64_t i, vcol_error *err);

/* ---- hand.c ---- */

/* Gets a worker: needed before a block is unpacked. A hand that was not opened can be closed. */
vcol_status vcol__hand_open(vcol__hand *h, vcol_error *err);
void vcol__hand_close(vcol__hand *h);
/* Sees to it that the grant holds `bytes`. A helper does not wait. */
vcol_status vcol__hand_ensure(vcol__hand *h, uint64_t bytes, vcol_error *err);
/* Memory from the grant, which is enlarged as needed. */
vcol_status vcol__hand_take(vcol__hand *h, size_t size, vcol__region *out, vcol_error *err);
/* The thread's scratch, at least that large. */
vcol_status vcol__hand_scratch(vcol__hand *h, size_t size, vcol_error *err);
/* Runs a stage over all blocks, with those who help; the owner's. */
vcol_status vcol__hand_run(vcol__hand *h, vcol__stage run, vcol_error *err);
/* Does blocks of the stage that is open; false if there are none or there is no memory. An operation of
 * buffers. */
bool vcol__hand_help(vcol_buffer *b, vcol__load *load);

/* ---- work.c ---- */

/* Blocks that are pushed from now on lie so many bytes behind where they say; for readers made of others. NULL is fine. */
void vcol__sink_shift(vcol_block_sink *sink, uint64_t bytes);

/* ---- ends.c ---- */

/* Makes offsets of what decode wrote into leaf 0 of an ENDS or PICKS group, and sets item0. */
vcol_status vcol__ends_finish(vcol__unit *u, const vcol__work *work, vcol_error *err);

/* ---- counts.c ---- */

/* An operation of buffers. */
vcol_status vcol__counts_load(vcol_buffer *b, vcol__load *load, vcol_error *err);

/* ---- computed.c ---- */

/* Likewise: LENGTHS, VALIDITY, SPREAD, NOTHING. */
vcol_status vcol__computed_load(vcol_buffer *b, vcol__load *load, vcol_error *err);

#endif
