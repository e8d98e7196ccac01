/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory account.
 *
 *   live      memory that exists: buffers, blocks, stored bytes, scratch
 *   promised  reserved by started materializations, not yet backed
 *   cached    on the free lists
 *   fixed     metadata, codec contexts
 *
 * Invariant, under account.lock: live + promised + cached + fixed <= limit, but for what was granted over the
 * limit (counted in `overcommits`, its extent in `overcommit_bytes`).
 *
 * Pages (memory.c) are lent: memory on the free lists that a promise will be backed by is counted once, as promised. So the
 * field `cached` is all that is on the lists, and the part `cached` of the sum is what it exceeds `promised` by. Else at
 * the limit each reservation would send recycled memory to the system, and be backed by pages that are touched for the first time.
 * What exists stays below the sum: a region that needs fresh pages gets them only after as many have left the lists as would
 * be too many (vcol__account_excess); there are enough of them, because the promise was granted.
 *
 * Rules
 *   1. reserve takes from the room there is. If there is none it frees recycled memory (where that is not lent), then evicts,
 *      then takes back what was prefetched into the queue, without holding the lock.
 *   2. A prefetch that finds no room then gives up at once.
 *   3. Everybody else waits in line: borrowers (started, need more) before newcomers, each by age, which counts from
 *      the first reservation. Only the head of the line is served, so that nobody starves.
 *   4. When nothing is runnable (every thread that materializes is itself blocked and no read is in flight) no
 *      memory will come back by itself: the oldest of the line is granted what it needs over the limit; with
 *      VCOL_MANAGER_LIMIT_HARD it gets an error instead.
 *      Not so while memory is on its way (`moving`): a buffer that is being dropped, a wish taken from the queue. A look finds
 *      it no more, and it is not back yet.
 *   5. Pins of the program's are not waited for by themselves, only as long as something is runnable; an unpin
 *      wakes the line (kick), because the buffer may be evicted now.
 *
 * Waiting without a lost wake-up: a waiter raises `waiting` before it looks for something to evict; unpin lowers the
 * pins before it reads `waiting` (both sequentially consistent), so that one of the two sees the other. Whatever may be
 * found by another look is told by `given_back` under the lock, in the same region as what made the waiter think that nothing
 * will come (`runnable`, `moving`): who has looked before that does not go over the limit, and looks again. (tests/model/limit.pml)
 */
#include "core/account.h"

#include "core/fault.h"
#include "core/manager.h"

#include <string.h>

enum { FIX_TRIES = 8 };

struct vcol__waiter {
    struct vcol__waiter *next;
    uint64_t bytes, ticket;
    vcol__urgency urgency;
};

void vcol__account_init(vcol__account *account, uint64_t limit, bool lends)
{
    memset(account, 0, sizeof *account);
    account->lends = lends;
    vcol__lock_init(&account->lock, LEVEL_ACCOUNT);
    pthread_cond_init(&account->changed, NULL);
    account->limit = limit ? limit : UINT64_MAX;
}

void vcol__account_destroy(vcol__account *account)
{
    pthread_cond_destroy(&account->changed);
    vcol__lock_destroy(&account->lock);
}

/* Lent memory is counted once. */
static uint64_t recyclable(const vcol__account *a, uint64_t promised, uint64_t cached)
{
    return !a->lends ? promised + cached : promised > cached ? promised : cached;
}

static uint64_t sum_locked(const vcol__account *a)
{
    return a->live + a->leaving + a->fixed + recyclable(a, a->promised, a->cached);
}

uint64_t vcol__account_sum(const vcol__account *a)
{
    return sum_locked(a);
}

uint64_t vcol__account_cached(const vcol__account *a)
{
    return recyclable(a, a->promised, a->cached) - a->promised + a->leaving;
}

static void peaks_locked(vcol__account *a)
{
    uint64_t sum = sum_locked(a);
    if (sum > a->peak)
        a->peak = sum;
    if (a->live > a->peak_live)
        a->peak_live = a->live;
    if (VCOL__TRACING(a))
        vcol__trace_account(a->trace, a);
}

/* The sum has become larger than the limit, by a grant or by what cannot ask. */
static void over_locked(vcol__account *a)
{
    uint64_t sum = sum_locked(a), over = sum > a->limit ? sum - a->limit : 0;
    a->overcommits++;
    if (over > a->overcommit_bytes)
        a->overcommit_bytes = over;
}

/* By how much the sum is above the limit when so many bytes more are promised. */
static uint64_t missing_locked(const vcol__account *a, uint64_t bytes)
{
    uint64_t rest = a->live + a->leaving + a->fixed, promised = a->promised + bytes < bytes ? UINT64_MAX / 4 : a->promised + bytes;
    uint64_t want = recyclable(a, promised, a->cached);
    want = rest + want < want ? UINT64_MAX : rest + want;
    return want > a->limit ? want - a->limit : 0;
}

static bool fits_locked(const vcol__account *a, uint64_t bytes)
{
    return missing_locked(a, bytes) == 0;
}

static void event_locked(vcol__account *a)
{
    a->given_back++;
    if (VCOL__TRACING(a))
        vcol__trace_account(a->trace, a);
    if (a->line)
        pthread_cond_broadcast(&a->changed);
}

static void grant_locked(vcol__account *a, vcol__grant *grant, uint64_t bytes)
{
    grant->held += bytes;
    a->promised += bytes;
    peaks_locked(a);
}

/* Borrowers first, then by age. */
static void line_up_locked(vcol__account *a, struct vcol__waiter *w)
{
    struct vcol__waiter **at = &a->line;
    while (*at && ((*at)->urgency > w->urgency || ((*at)->urgency == w->urgency && (*at)->ticket < w->ticket)))
        at = &(*at)->next;
    w->next = *at;
    *at = w;
    atomic_fetch_add(&a->waiting, 1);
}

static void leave_line_locked(vcol__account *a, struct vcol__waiter *w)
{
    struct vcol__waiter **at = &a->line;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    atomic_fetch_sub(&a->waiting, 1);
    if (a->line)
        pthread_cond_broadcast(&a->changed); /* the next in line may fit as well */
}

static const struct vcol__waiter *oldest_locked(const vcol__account *a)
{
    const struct vcol__waiter *oldest = a->line;
    for (const struct vcol__waiter *w = a->line; w; w = w->next)
        if (w->ticket < oldest->ticket)
            oldest = w;
    return oldest;
}

static vcol_status limit_error(vcol_manager *m, uint64_t bytes, uint64_t limit, vcol_error *err)
{
    char pinned[256];
    vcol__evict_pinned_names(m, pinned, sizeof pinned);
    return vcol_error_format(err, VCOL_LIMIT, "%llu bytes needed do not fit the memory limit of %llu; pinned: %s",
                             (unsigned long long)bytes, (unsigned long long)limit, pinned);
}

vcol_status vcol__account_reserve(vcol_manager *m, vcol__grant *grant, uint64_t bytes, vcol__urgency urgency,
                                  bool runnable, vcol_error *err)
{
    vcol__account *a = &m->account;
    if (bytes == 0)
        return VCOL_OK;
    vcol__lock_take(&a->lock);
    if (!grant->ticket)
        grant->ticket = ++a->next_ticket;
    if (!a->line && fits_locked(a, bytes)) { /* the usual case */
        grant_locked(a, grant, bytes);
        vcol__lock_drop(&a->lock);
        return VCOL_OK;
    }
    vcol_status status = VCOL_OK;
    struct vcol__waiter w = {.bytes = bytes, .urgency = urgency, .ticket = grant->ticket};
    if (urgency == VCOL__PREFETCH) {
        bool fits = false;
        if (!a->line) {
            uint64_t missing = missing_locked(a, bytes);
            vcol__lock_drop(&a->lock);
            vcol__evict_make_room(m, missing, VCOL__PREFETCH);
            vcol__lock_take(&a->lock);
            fits = !a->line && fits_locked(a, bytes);
        }
        if (fits) {
            grant_locked(a, grant, bytes);
        } else {
            atomic_store(&a->prefetch_short, true);
            status = vcol_error_set(err, VCOL_CANCELLED, "no memory for a prefetch");
        }
        vcol__lock_drop(&a->lock);
        return status;
    }
    line_up_locked(a, &w);
    vcol__wait record = {.bytes = bytes, .held = grant->held, .what = urgency == VCOL__BORROW ? "a borrower" : "a newcomer"};
    bool blocked = false;
    for (;;) {
        if (a->line == &w && fits_locked(a, bytes)) {
            grant_locked(a, grant, bytes);
            break;
        }
        uint64_t seen = a->given_back, missing = missing_locked(a, bytes);
        if (a->line == &w && missing > 0) {
            vcol__lock_drop(&a->lock);
            uint64_t freed = vcol__evict_make_room(m, missing, urgency);
            vcol__lock_take(&a->lock);
            if (freed > 0)
                continue;
        }
        if (!blocked) {
            blocked = true;
            vcol__wait_begin(m, &record);
            a->memory_waits++;
            if (runnable)
                a->runnable--;
            pthread_cond_broadcast(&a->changed); /* another may now be the oldest of those who cannot go on */
        }
        if (a->given_back != seen)
            continue;
        /* seq_cst: raised before what moves was taken, thus before our look missed it */
        bool runs = a->runnable != 0 && !VCOL__FAULT(RUNNABLE), moves = atomic_load(&a->moving) != 0 && !VCOL__FAULT(MOVING);
        if (!runs && !moves && oldest_locked(a) == &w) {
            if (m->flags & VCOL_MANAGER_LIMIT_HARD) {
                uint64_t limit = a->limit;
                vcol__lock_drop(&a->lock);
                status = limit_error(m, bytes, limit, err);
                vcol__lock_take(&a->lock);
                break;
            }
            grant_locked(a, grant, bytes);
            over_locked(a);
            break;
        }
        vcol__lock_wait(&a->changed, &a->lock);
    }
    if (blocked)
        vcol__wait_end(m, &record);
    if (blocked && runnable)
        a->runnable++;
    leave_line_locked(a, &w);
    vcol__lock_drop(&a->lock);
    return status;
}

uint64_t vcol__account_limit(vcol_manager *m)
{
    vcol__lock_take(&m->account.lock);
    uint64_t limit = m->account.limit;
    vcol__lock_drop(&m->account.lock);
    return limit;
}

void vcol__account_resume(vcol_manager *m)
{
    if (atomic_load_explicit(&m->account.prefetch_short, memory_order_relaxed) &&
        atomic_exchange(&m->account.prefetch_short, false))
        vcol__queue_resume(m);
}

void vcol__account_give_back(vcol_manager *m, vcol__grant *grant, uint64_t keep)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    bool any = grant->held > keep;
    if (any) {
        assert(a->promised >= grant->held - keep);
        a->promised -= grant->held - keep;
        grant->held = keep;
        event_locked(a);
    }
    vcol__lock_drop(&a->lock);
    if (any)
        vcol__account_resume(m);
}

/* How much of `bytes` the grant has promised. */
static uint64_t promised_of(const vcol__grant *grant, uint64_t bytes)
{
    return !grant ? 0 : grant->held < bytes ? grant->held : bytes;
}

uint64_t vcol__account_over(const vcol__account *a, const vcol__grant *grant, uint64_t bytes, int64_t cached)
{
    uint64_t rest = a->live + a->leaving + a->fixed + bytes;
    uint64_t sum = rest + recyclable(a, a->promised - promised_of(grant, bytes), a->cached + (uint64_t)cached);
    return sum > a->limit ? sum - a->limit : 0;
}

uint64_t vcol__account_excess(const vcol__account *a, const vcol__grant *grant, uint64_t bytes, int64_t cached)
{
    uint64_t over = vcol__account_over(a, grant, bytes, cached), promised = a->promised - promised_of(grant, bytes);
    uint64_t all = a->cached + (uint64_t)cached, free = all > promised ? all - promised : 0;
    return over < free ? over : free;
}

void vcol__account_backed(vcol__account *a, vcol__grant *grant, uint64_t bytes, int64_t cached)
{
    uint64_t promised = promised_of(grant, bytes);
    if (promised) {
        grant->held -= promised;
        a->promised -= promised;
    }
    a->live += bytes;
    a->cached += (uint64_t)cached;
    if (cached < 0)
        event_locked(a);
    peaks_locked(a);
    if (promised < bytes && (int64_t)bytes + cached > 0 && sum_locked(a) > a->limit)
        over_locked(a);
}

void vcol__account_back(vcol_manager *m, vcol__grant *grant, uint64_t bytes, bool from_cached)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    vcol__account_backed(a, grant, bytes, from_cached ? -(int64_t)bytes : 0);
    vcol__lock_drop(&a->lock);
}

void vcol__account_told(vcol__account *a)
{
    event_locked(a);
}

void vcol__account_free(vcol_manager *m, uint64_t bytes, bool to_cached)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    assert(a->live >= bytes);
    a->live -= bytes;
    if (to_cached)
        a->cached += bytes;
    event_locked(a);
    vcol__lock_drop(&a->lock);
    vcol__account_resume(m);
}

bool vcol__account_keep(vcol__account *a, uint64_t bytes)
{
    bool fits = !a->line && atomic_load(&a->waiting) == 0 && vcol__account_over(a, NULL, 0, (int64_t)bytes) == 0;
    if (fits) {
        a->cached += bytes;
        peaks_locked(a);
    }
    return fits;
}

bool vcol__account_cache(vcol_manager *m, uint64_t bytes)
{
    vcol__lock_take(&m->account.lock);
    bool fits = vcol__account_keep(&m->account, bytes);
    vcol__lock_drop(&m->account.lock);
    return fits;
}

void vcol__account_uncache(vcol_manager *m, uint64_t bytes)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    assert(a->cached >= bytes);
    a->cached -= bytes;
    event_locked(a);
    vcol__lock_drop(&a->lock);
}

void vcol__account_fix(vcol_manager *m, int64_t bytes)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    uint64_t missing = bytes > 0 ? vcol__account_over(a, NULL, (uint64_t)bytes, 0) : 0;
    /* It is there already and cannot wait: others make room for it, as far as they can; who takes that meanwhile made room, too. */
    for (int tries = 0; missing && tries < FIX_TRIES; tries++) {
        vcol__lock_drop(&a->lock);
        uint64_t freed = vcol__account_shrink(m, missing);
        vcol__lock_take(&a->lock);
        missing = freed ? vcol__account_over(a, NULL, (uint64_t)bytes, 0) : 0;
    }
    a->fixed += (uint64_t)bytes;
    peaks_locked(a);
    if (bytes < 0)
        event_locked(a);
    else if (bytes > 0 && sum_locked(a) > a->limit)
        over_locked(a);
    vcol__lock_drop(&a->lock);
}

uint64_t vcol__account_shrink(vcol_manager *m, uint64_t bytes)
{
    uint64_t freed = vcol__memory_trim(m, bytes), evicted = freed < bytes ? vcol__evict_make_room(m, bytes - freed, VCOL__DEMAND) : 0;
    if (m->account.lends && evicted) /* it is on the lists */
        vcol__memory_trim(m, bytes - freed);
    return freed + evicted;
}

void vcol__account_runnable(vcol_manager *m, int by)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    a->runnable += by;
    assert(a->runnable >= 0);
    if (by < 0 && !VCOL__FAULT(ENDED))
        event_locked(a); /* what it made may go now */
    else if (by < 0)
        pthread_cond_broadcast(&a->changed);
    vcol__lock_drop(&a->lock);
}

void vcol__account_settled(vcol__account *a)
{
    if (atomic_load(&a->waiting) == 0) { /* who comes now raises it before he looks, and finds what has settled */
        atomic_fetch_sub(&a->moving, 1);
        if (atomic_load(&a->waiting) == 0)
            return;
        vcol__lock_take(&a->lock);
    } else {
        vcol__lock_take(&a->lock);
        atomic_fetch_sub(&a->moving, 1);
    }
    event_locked(a);
    vcol__lock_drop(&a->lock);
}

void vcol__account_unmoved(vcol__account *a)
{
    vcol__lock_take(&a->lock);
    atomic_fetch_sub(&a->moving, 1);
    if (a->line)
        pthread_cond_broadcast(&a->changed); /* who waits for nothing to move may go on */
    vcol__lock_drop(&a->lock);
}

void vcol__account_kick(vcol_manager *m)
{
    vcol__account *a = &m->account;
    vcol__lock_take(&a->lock);
    event_locked(a);
    vcol__lock_drop(&a->lock);
}
