/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual buffer inside the core: its word, its instance, and the kinds of it. The life is drawn in buffer.c. */
#ifndef VCOL_CORE_BUFFER_H
#define VCOL_CORE_BUFFER_H

#include "core/manager.h"
#include "core/poison.h"
#include "core/use.h"

#include <vcol/buffer.h>

/* The word: pins in the low half, then state, DOOMED, SPILLED, and a version that grows with every instance. */
#define VCOL__PIN_ONE 1ull
#define VCOL__PIN_MASK 0xffffffffull
#define VCOL__STATE_SHIFT 32
#define VCOL__STATE_MASK (7ull << VCOL__STATE_SHIFT)
#define VCOL__VIRTUAL (0ull << VCOL__STATE_SHIFT)
#define VCOL__QUEUED (1ull << VCOL__STATE_SHIFT)
#define VCOL__LOADING (2ull << VCOL__STATE_SHIFT)
#define VCOL__RESIDENT (3ull << VCOL__STATE_SHIFT)
#define VCOL__EVICTING (4ull << VCOL__STATE_SHIFT)
#define VCOL__DOOMED (1ull << 35)
#define VCOL__SPILLED (1ull << 36)
#define VCOL__VERSION_ONE (1ull << 40)

/* Arrays of one instance; a group's leaves. */
#define VCOL__MAX_LEAVES 8

struct vcol__load;
struct vcol__scope_item;
struct vcol__meter;
struct vcol__expected;

/* What becomes of an instance that is evicted. */
typedef enum vcol__parting {
    VCOL__PART_DROP,  /* dropped; made again when it is asked for */
    VCOL__PART_SPILL, /* spilled, or dropped where that is not possible */
    VCOL__PART_KEEP   /* spilled, or kept where that is not possible */
} vcol__parting;

/* What differs between user's buffers and the ones of a reader's groups. No lock is held in any of them. */
typedef struct vcol__buffer_ops {
    /* Materializes: fills buffer->leaf[] and ->count[]; on failure leaves them empty. */
    vcol_status (*load)(vcol_buffer *buffer, struct vcol__load *load, vcol_error *err);
    /* Plans and starts the input ahead of load; NULL where there is none to start. CANCELLED: no memory now. */
    vcol_status (*prepare)(vcol_buffer *buffer, struct vcol__load *load, vcol_error *err);
    /* Whether all input that prepare has started is there. Under the stripe lock, QUEUED and not busy. */
    bool (*arrived)(const struct vcol__load *load);
    /* Its input costs no more than a copy: it is read when it is run, not ahead. NULL: it is not so. */
    bool (*near)(const vcol_buffer *buffer);
    /* The buffer that has to be there before it is made; what has no prepare waits for that one's input. May be NULL, or give NULL. */
    const vcol_buffer *(*needs)(const vcol_buffer *buffer);
    /* Takes back what prepare did. */
    void (*unprepare)(vcol_buffer *buffer, struct vcol__load *load);
    /* Does a part of a load that another thread owns; false if there is nothing to do. May be NULL. */
    bool (*help)(vcol_buffer *buffer, struct vcol__load *load);
    /* Its parting, and the type of leaf 0, which is what is spilled. NULL: DROP, always. */
    vcol__parting (*parting)(vcol_buffer *buffer, vcol_type *type);
    void (*destroy)(vcol_buffer *buffer);
    bool keeps; /* its parting is always KEEP */
} vcol__buffer_ops;

struct vcol_buffer {
    _Atomic uint64_t word;
    _Atomic int64_t refs;
    vcol__evictable evictable;
    vcol_manager *manager;       /* const after create */
    const vcol__buffer_ops *ops; /* likewise */
    vcol__stripe *stripe;        /* likewise */
    const char *name;            /* likewise; borrowed or owned by the kind */
    int32_t group;               /* a reader's group, or -1: for the log */
    int64_t first, entries;      /* rows, likewise */
    vcol__use *use;              /* likewise; NULL: nothing is counted */
    double cost;                 /* seconds to make it, as the program says; 0 = measured. Likewise */
    _Atomic bool evicted;        /* how the last instance went; relaxed: looked at after the word that says it is gone */
    struct vcol__meter *meter;   /* that it counts for, referenced, or NULL; set before its first load */
    /* stripe lock */
    struct vcol__load *load;     /* while QUEUED or LOADING */
    /* the instance: written by the loader before it publishes RESIDENT, const until EVICTING */
    vcol__region leaf[VCOL__MAX_LEAVES];
    int64_t count[VCOL__MAX_LEAVES]; /* values, offsets or bits in it */
    int64_t item0;               /* the number in the object of the first item that offsets count, where they tell it */
    vcol__extent *extent;        /* where it is spilled, or NULL; stays when it is read back. Likewise, and const while VIRTUAL */
    _Atomic uint64_t bytes;      /* capacity of all leaves; 0 unless resident */
    _Atomic int64_t ahead;       /* bytes charged to the lookahead until first use; 1: its scope has ended */
    _Atomic(struct vcol__expected *) expected; /* what the program has said of its uses to come, or NULL (expect.c) */
    _Atomic(struct vcol__share *) share; /* of the scope that brought it, referenced, while `ahead` is not 0 */
};

void vcol__buffer_init(vcol_buffer *buffer, vcol_manager *m, const vcol__buffer_ops *ops, const char *name);

/* Slow half of pin; the pin is already in the word. On failure the pin is gone. */
vcol_status vcol__buffer_pin_slow(vcol_buffer *buffer, vcol_error *err);
void vcol__buffer_unpin_slow(vcol_buffer *buffer);
/* A use of a buffer that was brought ahead of it, or of which more is expected. */
void vcol__buffer_used(vcol_buffer *buffer);

/*
 * Under the address sanitizer a resident buffer is poisoned while nobody pins it, though it stays where it is: so a pointer
 * that outlived its lease is found at once, and not only after its memory has gone.
 */
#ifdef VCOL__ASAN
void vcol__buffer_enter(vcol_buffer *buffer);
uint64_t vcol__buffer_leave(vcol_buffer *buffer);
#else
static inline void vcol__buffer_enter(vcol_buffer *buffer)
{
    (void)buffer;
}
/* Takes a pin from the word; the word before. */
static inline uint64_t vcol__buffer_leave(vcol_buffer *buffer)
{
    /* release: what the program did with the values comes before whoever frees them (the evictor's acquire);
       seq_cst: before the look at `waiting`, see account.c */
    return atomic_fetch_sub(&buffer->word, VCOL__PIN_ONE);
}
#endif

static inline vcol_status vcol__buffer_pin(vcol_buffer *buffer, vcol_error *err)
{
    /* acquire: pairs with the release of publish, so that leaf[] and count[] are visible */
    uint64_t word = atomic_fetch_add_explicit(&buffer->word, VCOL__PIN_ONE, memory_order_acquire);
    if ((word & VCOL__STATE_MASK) == VCOL__RESIDENT) {
        atomic_store_explicit(&buffer->evictable.stamp, vcol__tick(buffer->manager), memory_order_relaxed);
        if (atomic_load_explicit(&buffer->ahead, memory_order_relaxed) ||
            atomic_load_explicit(&buffer->evictable.ahead, memory_order_relaxed) ||
            atomic_load_explicit(&buffer->expected, memory_order_relaxed)) /* looked at again under a lock */
            vcol__buffer_used(buffer);
        vcol__buffer_enter(buffer);
        return VCOL_OK;
    }
    return vcol__buffer_pin_slow(buffer, err);
}

static inline void vcol__buffer_unpin(vcol_buffer *buffer)
{
    uint64_t word = vcol__buffer_leave(buffer);
    if ((word & VCOL__PIN_MASK) == 1 &&
        ((word & VCOL__DOOMED) || atomic_load(&buffer->manager->account.waiting) != 0))
        vcol__buffer_unpin_slow(buffer);
}

/* Inside a load: the extent is of no use. */
void vcol__buffer_forget_extent(vcol_buffer *buffer);
/* Returns 1 if an instance, in memory or spilled, goes now or at the last unpin. */
int vcol__buffer_clear(vcol_buffer *buffer);
/* The buffer that has the memory: a window's parent, else itself. (generate.c) */
vcol_buffer *vcol__buffer_target(vcol_buffer *buffer);
/* Pinned, loading, queued, resident or spilled: not merely virtual. A look only. */
bool vcol__buffer_in_use(const vcol_buffer *buffer);

#endif
