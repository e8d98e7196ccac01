/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer's life.
 *
 *            demand, or a scope         a worker, or the thread that asks
 *   VIRTUAL ───────────────▶ QUEUED ───────────────────────▶ LOADING ◀──┐
 *     ▲  ▲ ▲                    │ scope ended                 │    │      │ read back: as VIRTUAL to LOADING,
 *     │  │ └────────────────────┘                        done │    │      │ over QUEUED too
 *     │  │ clear                                              ▼    │      │
 *     │  │   ┌────────────── EVICTING ◀─────────────── RESIDENT    │ failed or stopped
 *     │  └───┤   clear, evict    │   ▲ evict          ▲            │      │
 *     │      │                   │   └────────────────┘ could not be spilled, and may not be dropped
 *     │      └── clear ── SPILLED ◀ spilled                        │      │
 *     │                      └─────────────────────────────────────┼──────┘
 *     └────────────────────────────────────────────────────────────┘
 *
 * Everything is in one 64-bit word: pins, state, DOOMED, SPILLED, version. Whoever wants the values adds a pin first,
 * whatever the state; so those who wait are counted as pins too, and nothing that they wait for can go away
 * between its publication and their waking up.
 *
 * SPILLED (the state) is VIRTUAL with the flag SPILLED: the extent has the values, and a load reads them back. The flag
 * stays while it is QUEUED, LOADING and RESIDENT: values do not change, so that the next eviction need not write them
 * again. clear takes flag and extent.
 *
 *   transition             by                                   with
 *   * pin + 1              vcol__buffer_pin                     fetch_add; RESIDENT before: a hit, done
 *   VIRTUAL  -> QUEUED     vcol__queue_add                      stripe lock
 *   QUEUED   -> VIRTUAL    vcol__queue_remove (scope end, clear, revoke)  stripe lock
 *   VIRTUAL, QUEUED -> LOADING  vcol__buffer_pin_slow, vcol__queue_work  stripe lock; creates or takes over the load
 *   LOADING  -> RESIDENT   publish (load.c)                     stripe lock; release: leaf[], count[]; pairs with pin's acquire
 *   LOADING  -> VIRTUAL    publish after a failure              stripe lock; waiters take result from the load
 *   RESIDENT, pins 0 -> EVICTING   drop: by the evictor, by clear, by the last unpin of a DOOMED one
 *                                                               compare and swap: only the winner may free
 *   EVICTING -> VIRTUAL, SPILLED   drop                         stripe lock; pins that came meanwhile stay, and wait for
 *                                                               this in pin_slow
 *   EVICTING -> RESIDENT   drop, by the evictor: it is kept     stripe lock; the same instance
 *   SPILLED  -> EVICTING -> VIRTUAL   vcol__buffer_clear        stripe lock, both ways
 *   SPILLED  -> VIRTUAL    vcol__buffer_forget_extent           only while LOADING: it could not be read back
 *   DOOMED set             vcol__buffer_clear of a pinned or loading one   compare and swap
 *
 * What a state lets one trust: RESIDENT with a pin of one's own: leaf[], count[] are const. EVICTING: they and the extent
 * belong to the thread that made it so. LOADING: they belong to the load's threads. VIRTUAL: the extent is const.
 */
#include "core/buffer.h"

#include "core/expect.h"
#include "core/fault.h"
#include "core/load.h"
#include "core/meter.h"
#include "core/poison.h"

#include <string.h>

static uint64_t state_of(uint64_t word)
{
    return word & VCOL__STATE_MASK;
}

/* ---- what the evictor sees ---------------------------------------------------------------- */

static vcol_buffer *buffer_of(vcol__evictable *item)
{
    return (vcol_buffer *)((char *)item - offsetof(vcol_buffer, evictable));
}

static bool evict_hold(vcol__evictable *item)
{
    return vcol__evict_ref(&buffer_of(item)->refs);
}

static void evict_unhold(vcol__evictable *item)
{
    vcol_buffer_release(buffer_of(item));
}

static bool evict_pinned(vcol__evictable *item)
{
    uint64_t word = atomic_load_explicit(&buffer_of(item)->word, memory_order_relaxed);
    if (state_of(word) != VCOL__RESIDENT || ((word & VCOL__PIN_MASK) != 0 && !VCOL__FAULT(EVICT)))
        return true;
    vcol_buffer *b = buffer_of(item);
    return b->ops->keeps && !(word & VCOL__SPILLED) && !vcol__spill_able(b->manager);
}

static const char *evict_name(vcol__evictable *item)
{
    return buffer_of(item)->name;
}

/* Ends being ahead of use: by use or not. False if it was not. */
static bool no_longer_ahead(vcol_buffer *b, bool used)
{
    int64_t ahead = atomic_exchange(&b->ahead, 0);
    if (!ahead)
        return false;
    struct vcol__share *share = atomic_exchange(&b->share, NULL);
    atomic_store_explicit(&b->evictable.ahead, false, memory_order_relaxed);
    if (share && used)
        atomic_fetch_add(&share->used, 1);
    vcol__queue_ahead(b->manager, share, -ahead);
    vcol__share_unref(b->manager, share);
    return true;
}

#ifdef VCOL__ASAN
/*
 * The last pin poisons before it goes, under the lock that every pin takes to lift that: so whoever comes in between finds the
 * values open, and nobody touches the poison of memory that is freed meanwhile.
 */
void vcol__buffer_enter(vcol_buffer *b)
{
    vcol__lock_take(&b->stripe->lock);
    for (int i = 0; i < VCOL__MAX_LEAVES; i++)
        if (b->leaf[i].data)
            vcol__unpoison(b->leaf[i].data, b->leaf[i].capacity);
    vcol__lock_drop(&b->stripe->lock);
}

uint64_t vcol__buffer_leave(vcol_buffer *b)
{
    vcol__lock_take(&b->stripe->lock);
    uint64_t word = atomic_load(&b->word);
    if (state_of(word) == VCOL__RESIDENT && (word & VCOL__PIN_MASK) == 1)
        for (int i = 0; i < VCOL__MAX_LEAVES; i++)
            if (b->leaf[i].data)
                vcol__poison(b->leaf[i].data, b->leaf[i].capacity);
    word = atomic_fetch_sub(&b->word, VCOL__PIN_ONE);
    vcol__lock_drop(&b->stripe->lock);
    return word;
}
#endif

typedef enum drop_why { DROP_EVICTED, DROP_CLEARED, DROP_DOOMED } drop_why;

/* EVICTING -> another state, without DOOMED. Pins that came meanwhile stay. */
static void leave_evicting(vcol_buffer *b, uint64_t state, uint64_t version)
{
    vcol__lock_take(&b->stripe->lock);
    uint64_t word = atomic_load(&b->word), spilled = b->extent ? VCOL__SPILLED : 0;
    /* release: whoever pins it next sees what the extent is, or that the leaves are as they were */
    while (!atomic_compare_exchange_weak(
        &b->word, &word, ((word & ~(VCOL__STATE_MASK | VCOL__DOOMED | VCOL__SPILLED)) | state | spilled) + version))
        ;
    pthread_cond_broadcast(&b->stripe->changed);
    vcol__lock_drop(&b->stripe->lock);
}

/* The values of an EVICTING buffer go to the file, if that is how it parts. False: it stays. */
static bool part(vcol_buffer *b)
{
    vcol_type type = VCOL_TYPE_NONE;
    vcol__parting parting = b->ops->parting ? b->ops->parting(b, &type) : VCOL__PART_DROP;
    if (parting == VCOL__PART_DROP || b->extent)
        return true;
    if (!vcol__spill_able(b->manager)) {
        VCOL__COUNT(b->manager, spill_failures, 1);
        return parting != VCOL__PART_KEEP;
    }
    vcol__unpoison(b->leaf[0].data, b->leaf[0].capacity);
    return vcol__spill_write(b->manager, b->name, type, b->count[0], b->leaf[0].data, &b->extent) ||
           parting != VCOL__PART_KEEP;
}

/* RESIDENT and unpinned -> VIRTUAL or SPILLED, freeing the instance; its bytes. 0 if it was not (any more), or has to stay. */
static uint64_t drop(vcol_buffer *b, drop_why why)
{
    vcol_manager *m = b->manager;
    uint64_t word = atomic_load(&b->word);
    if (state_of(word) != VCOL__RESIDENT || (why == DROP_DOOMED && !(word & VCOL__DOOMED)))
        return 0; /* the usual case, at no cost */
    vcol__account_moving(&m->account);
    do {
        if (state_of(word) != VCOL__RESIDENT || ((word & VCOL__PIN_MASK) != 0 && !VCOL__FAULT(EVICT)) ||
            (why == DROP_DOOMED && !(word & VCOL__DOOMED))) {
            vcol__account_settled(&m->account);
            return 0;
        }
        /* acquire: what others did with the values while they had them pinned comes before the free */
    } while (!atomic_compare_exchange_weak(&b->word, &word,
                                           (word & ~(VCOL__STATE_MASK | VCOL__DOOMED)) | VCOL__EVICTING));
    if (why == DROP_EVICTED && !(word & VCOL__DOOMED) && !part(b)) {
        leave_evicting(b, VCOL__RESIDENT, 0);
        vcol__account_unmoved(&m->account); /* nothing came back: no event, or who looks for memory would look again for ever */
        return 0; /* listed as before */
    }
    if (why != DROP_EVICTED || (word & VCOL__DOOMED)) {
        vcol__spill_free(m, b->extent);
        b->extent = NULL;
    }
    vcol__evict_unlist(m, &b->evictable);
    uint64_t bytes = atomic_load_explicit(&b->bytes, memory_order_relaxed);
    atomic_store_explicit(&b->bytes, 0, memory_order_relaxed);
    if (b->meter)
        vcol__meter_add(b->meter, -(int64_t)bytes);
    vcol__log_add(m, VCOL_LOG_DROP, b->name, b->group, b->first, b->entries, 0, bytes);
    vcol__use_dropped(b->use, bytes);
    if (no_longer_ahead(b, false)) {
        VCOL__COUNT(m, prefetch_unused, 1);
        VCOL__USED(b->use, prefetch_unused, 1);
    }
    for (int i = 0; i < VCOL__MAX_LEAVES; i++) {
        if (b->leaf[i].data)
            vcol__unpoison(b->leaf[i].data, b->leaf[i].capacity);
        vcol__memory_give(m, &b->leaf[i]);
    }
    memset(b->count, 0, sizeof b->count);
    atomic_store_explicit(&b->evicted, why == DROP_EVICTED && !(word & VCOL__DOOMED), memory_order_relaxed);
    leave_evicting(b, VCOL__VIRTUAL, VCOL__VERSION_ONE);
    vcol__account_settled(&m->account);
    return bytes;
}

/* SPILLED -> VIRTUAL, giving the extent back. False if it was not (any more). */
static bool drop_spilled(vcol_buffer *b)
{
    vcol__lock_take(&b->stripe->lock);
    uint64_t word = atomic_load(&b->word);
    /* Pins are of those who are about to load it: they will find it VIRTUAL. */
    bool mine = state_of(word) == VCOL__VIRTUAL && (word & VCOL__SPILLED);
    if (mine)
        atomic_fetch_add(&b->word, VCOL__EVICTING - VCOL__VIRTUAL);
    vcol__lock_drop(&b->stripe->lock);
    if (mine) {
        vcol__spill_free(b->manager, b->extent);
        b->extent = NULL;
        leave_evicting(b, VCOL__VIRTUAL, VCOL__VERSION_ONE);
    }
    return mine;
}

void vcol__buffer_forget_extent(vcol_buffer *b)
{
    vcol__spill_free(b->manager, b->extent);
    b->extent = NULL;
    atomic_fetch_and(&b->word, ~VCOL__SPILLED);
}

static uint64_t evict_drop(vcol__evictable *item)
{
    vcol_buffer *b = buffer_of(item);
    uint64_t bytes = drop(b, DROP_EVICTED);
    if (bytes)
        VCOL__USED(b->use, evictions, 1);
    return bytes;
}

static const vcol__evict_ops evict_ops = {evict_hold, evict_pinned, evict_drop, evict_unhold, evict_name};

void vcol__buffer_init(vcol_buffer *b, vcol_manager *m, const vcol__buffer_ops *ops, const char *name)
{
    atomic_init(&b->word, VCOL__VIRTUAL);
    atomic_init(&b->refs, 1);
    b->evictable.ops = &evict_ops;
    b->manager = m;
    b->ops = ops;
    b->stripe = &m->stripe[((uintptr_t)b >> 6) % VCOL__STRIPES];
    b->name = name;
    b->group = -1;
    vcol__manager_acquire(m);
}

/* ---- pin, unpin, clear ---------------------------------------------------------------------- */

void vcol__buffer_used(vcol_buffer *b)
{
    const vcol__load *current = vcol__load_current(b->manager);
    /* By a load that is ahead of its own use: the program's is still to come, and no prefetch of what comes later is worth it. */
    bool early = current && current->by_prefetch && !atomic_load(&current->demanded);
    bool used = no_longer_ahead(b, true);
    if (used || !early)
        atomic_store_explicit(&b->evictable.ahead, early, memory_order_relaxed);
    if (atomic_load_explicit(&b->expected, memory_order_relaxed))
        vcol__expect_used(b);
}

/*
 * Joins the load of this buffer, takes a queued one over, or makes a new one; NULL when it is resident, or after a
 * failure, which *status tells. A new load comes back with *mine set and the buffer LOADING.
 */
static vcol__load *join(vcol_buffer *b, bool demand, bool *mine, vcol_status *status, vcol_error *err)
{
    vcol__load *load = NULL, *fresh = NULL;
    *mine = false;
    *status = VCOL_OK;
    vcol__lock_take(&b->stripe->lock);
    while (!load) {
        uint64_t state = state_of(atomic_load_explicit(&b->word, memory_order_acquire));
        if (state == VCOL__RESIDENT) {
            break;
        } else if (state == VCOL__LOADING) {
            load = b->load;
            *mine = VCOL__FAULT(LOADER);
        } else if (state == VCOL__EVICTING || (state == VCOL__QUEUED && b->load->busy)) {
            vcol__lock_wait(&b->stripe->changed, &b->stripe->lock); /* short: freeing, or planning */
        } else if (state == VCOL__QUEUED) {
            load = b->load; /* planned perhaps, its input under way: taken over as it is */
            *mine = true;
            vcol__load_taken_locked(load);
            atomic_fetch_add(&b->word, VCOL__LOADING - VCOL__QUEUED);
        } else if (fresh) {
            load = b->load = fresh;
            fresh = NULL;
            *mine = true;
            atomic_fetch_add(&b->word, VCOL__LOADING - VCOL__VIRTUAL);
            vcol__load_ref(load); /* the one of b->load, dropped by publish */
            break;                       /* the other is the caller's */
        } else {
            vcol__lock_drop(&b->stripe->lock);
            fresh = vcol__load_new(b);
            if (!fresh) {
                *status = vcol_error_format(err, VCOL_NOMEM, "no memory to load %s", b->name);
                return NULL;
            }
            vcol__lock_take(&b->stripe->lock);
            continue;
        }
        if (load)
            vcol__load_ref(load);
    }
    if (load && demand)
        atomic_store(&load->demanded, true);
    vcol__lock_drop(&b->stripe->lock);
    if (fresh)
        vcol__load_unref(fresh); /* another was faster */
    return load;
}

vcol_status vcol__buffer_pin_slow(vcol_buffer *b, vcol_error *err)
{
    vcol_manager *m = b->manager;
    vcol_status status;
    bool mine, again;
    vcol__lock_none_held();
    vcol__log_add(m, VCOL_LOG_ASK, b->name, b->group, b->first, b->entries, 0, 0);
    do {
        vcol__load *current = vcol__load_current(m);
        bool demand = !current || atomic_load(&current->demanded);
        vcol__load *load = join(b, demand, &mine, &status, err);
        again = false;
        if (load) {
            vcol_error why = {0};
            if (mine)
                vcol__queue_forget(m, load);
            status = mine ? vcol__load_run(load, false, &why) : vcol__load_wait(load, &why);
            /* A prefetch that was stopped says nothing to those who really want the values: they do it themselves. */
            bool stopped = status == VCOL_CANCELLED && atomic_load(&load->stopped) && !atomic_load(&m->closing);
            again = stopped && (!current || atomic_load(&current->demanded));
            if (stopped && !again) /* and whoever joins the one above before that is told */
                atomic_store(&current->stopped, true);
            if (status != VCOL_OK && !again && err && !err->status)
                *err = why;
            vcol__load_unref(load);
        }
    } while (again);
    if (status == VCOL_OK) {
        atomic_store_explicit(&b->evictable.stamp, vcol__tick(m), memory_order_relaxed);
        vcol__buffer_used(b);
        vcol__buffer_enter(b);
    } else {
        vcol__buffer_unpin(b);
    }
    return status;
}

void vcol__buffer_unpin_slow(vcol_buffer *b)
{
    vcol_manager *m = b->manager;
    if (!VCOL__FAULT(UNPIN) && drop(b, DROP_DOOMED))
        VCOL__COUNT(m, clears, 1);
    if (atomic_load(&m->account.waiting) != 0 && !VCOL__FAULT(KICK))
        vcol__account_kick(m);
}

/* Waits until an eviction has ended: short, or as long as a disk takes. */
static void await_eviction(vcol_buffer *b)
{
    vcol__wait wait = {.what = "an eviction that another thread does"};
    vcol__lock_take(&b->stripe->lock);
    vcol__wait_begin(b->manager, &wait);
    while (state_of(atomic_load(&b->word)) == VCOL__EVICTING)
        vcol__lock_wait(&b->stripe->changed, &b->stripe->lock);
    vcol__wait_end(b->manager, &wait);
    vcol__lock_drop(&b->stripe->lock);
}

int vcol__buffer_clear(vcol_buffer *b)
{
    int queued = 0;
    for (;;) {
        uint64_t word = atomic_load(&b->word), state = state_of(word);
        if (state == VCOL__VIRTUAL && (word & VCOL__SPILLED)) {
            if (drop_spilled(b)) {
                VCOL__COUNT(b->manager, clears, 1);
                return 1;
            }
        } else if (state == VCOL__EVICTING && b->ops->parting) {
            await_eviction(b); /* it may not be gone then */
        } else if (state == VCOL__VIRTUAL || state == VCOL__EVICTING) {
            return queued;
        } else if (state == VCOL__QUEUED) {
            if (vcol__queue_remove(b, NULL))
                queued = 1;
            if (queued && !(word & VCOL__SPILLED))
                return 1;
        } else if (state == VCOL__RESIDENT && (word & VCOL__PIN_MASK) == 0) {
            if (drop(b, DROP_CLEARED)) {
                VCOL__COUNT(b->manager, clears, 1);
                return 1;
            }
        } else if (word & VCOL__DOOMED) {
            return 1;
        } else if (VCOL__FAULT(CLEAR) && state == VCOL__LOADING) {
            vcol__memory_give(b->manager, &b->leaf[0]);
            return 1;
        } else if (atomic_compare_exchange_weak(&b->word, &word, word | VCOL__DOOMED)) {
            return 1; /* the last unpin drops it, or the loader if nobody waits for it */
        }
    }
}

bool vcol__buffer_in_use(const vcol_buffer *b)
{
    return (atomic_load_explicit(&b->word, memory_order_relaxed) & (VCOL__STATE_MASK | VCOL__SPILLED)) != VCOL__VIRTUAL;
}

/* ---- handles ---------------------------------------------------------------------------------- */

void vcol_buffer_acquire(vcol_buffer *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void vcol_buffer_release(vcol_buffer *b)
{
    if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    /* Nobody can pin or queue it now, and the evictor does not hold what has no references. */
    vcol_manager *m = b->manager;
    drop(b, DROP_CLEARED);
    drop_spilled(b);
    vcol__evict_unlist(m, &b->evictable);
    vcol__meter *meter = b->meter;
    b->ops->destroy(b);
    vcol__meter_release(meter);
    vcol__manager_release(m);
}
