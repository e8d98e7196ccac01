/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hands: the threads that work on one load's blocks.
 *
 * The owner of a load runs its stages one after the other (vcol__hand_run); the blocks of a stage are claimed
 * one by one, by the owner and by threads that wait for the load and help (vcol__hand_help). The owner ends a
 * stage when no helper is inside it any more. A helper reserves by itself and never waits for memory: a block
 * that it has no room for is left to the owner. The error of the first block, by its place in the work, is
 * the stage's.
 */
#include "core/work.h"

vcol_status vcol__hand_ensure(vcol__hand *h, uint64_t bytes, vcol_error *err)
{
    uint64_t held = h->grant->held; /* ours alone: only this thread takes from it */
    if (held >= bytes)
        return VCOL_OK;
    if (h->helper)
        return vcol__account_reserve(h->u->base.manager, h->grant, bytes - held, VCOL__PREFETCH, true, err);
    return vcol__load_reserve(h->load, bytes - held, true, err);
}

vcol_status vcol__hand_take(vcol__hand *h, size_t size, vcol__region *out, vcol_error *err)
{
    vcol_status status = vcol__hand_ensure(h, vcol__memory_capacity(size), err);
    return status == VCOL_OK ? vcol__memory_take(h->u->base.manager, h->grant, size, out, err) : status;
}

vcol_status vcol__hand_scratch(vcol__hand *h, size_t size, vcol_error *err)
{
    if (h->scratch.data && h->scratch.capacity >= size)
        return VCOL_OK;
    vcol__memory_give(h->u->base.manager, &h->scratch);
    return vcol__hand_take(h, size, &h->scratch, err);
}

vcol_status vcol__hand_open(vcol__hand *h, vcol_error *err)
{
    h->worker = vcol__worker_take(h->u->base.manager, err);
    return h->worker ? VCOL_OK : VCOL_NOMEM;
}

void vcol__hand_close(vcol__hand *h)
{
    vcol_manager *m = h->u->base.manager;
    vcol__memory_give(m, &h->scratch);
    if (h->worker)
        vcol__worker_give(m, h->worker);
}

static void remember_error(vcol__hand *h, int64_t i, const vcol_error *why)
{
    vcol__work *w = h->work;
    vcol__lock_take(&h->u->base.stripe->lock);
    if (!atomic_load(&w->failed) || i < w->error_block) {
        w->error = *why;
        w->error_block = i;
        atomic_store(&w->failed, true);
    }
    vcol__lock_drop(&h->u->base.stripe->lock);
}

static void run_block(vcol__hand *h, int64_t i, vcol__stage run)
{
    vcol_error why = {0};
    vcol_status status;
    bool stopped = vcol__load_stopped(h->load);
    if (stopped)
        status = vcol_error_format(&why, VCOL_CANCELLED, "%s was stopped", h->u->group->name);
    else
        status = run(h, i, &why);
    if (status == VCOL_CANCELLED && h->helper && !stopped) {
        h->work->places[i].left = true; /* larger than it was said to be: a helper does not wait for memory */
    } else if (status != VCOL_OK) {
        if (!why.status)
            vcol_error_format(&why, status, "%s: %s", h->u->group->name, vcol_status_name(status));
        remember_error(h, i, &why);
    }
}

static void claim_blocks(vcol__hand *h, vcol__stage run)
{
    vcol__work *w = h->work;
    for (;;) {
        int64_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->n || atomic_load(&w->failed))
            break;
        run_block(h, i, run);
    }
}

vcol_status vcol__hand_run(vcol__hand *h, vcol__stage run, vcol_error *err)
{
    vcol__work *w = h->work;
    vcol_buffer *b = &h->u->base;
    vcol__stripe *s = b->stripe;
    bool share = w->n > 1;
    atomic_store(&w->next, 0);
    if (share) {
        vcol__lock_take(&s->lock);
        w->run = run;
        w->open = true;
        if (atomic_load_explicit(&b->word, memory_order_relaxed) & VCOL__PIN_MASK)
            pthread_cond_broadcast(&s->changed); /* those who wait may help */
        vcol__lock_drop(&s->lock);
    }
    claim_blocks(h, run);
    if (share) {
        bool blocked = false;
        vcol__lock_take(&s->lock);
        w->open = false;
        if (w->inside > 0) {
            vcol__account_runnable(b->manager, -1);
            blocked = true;
        }
        vcol__wait wait = {.what = "those who help it", .kind = VCOL__TRACE_WAIT_HELPER};
        if (blocked)
            vcol__wait_begin(b->manager, &wait);
        while (w->inside > 0)
            vcol__lock_wait(&s->changed, &s->lock);
        if (blocked)
            vcol__wait_end(b->manager, &wait);
        vcol__lock_drop(&s->lock);
        if (blocked)
            vcol__account_runnable(b->manager, 1);
        for (int64_t i = 0; i < w->n && !atomic_load(&w->failed); i++) {
            if (w->places[i].left) {
                w->places[i].left = false;
                run_block(h, i, run);
            }
        }
    }
    if (atomic_load(&w->failed)) {
        if (err && !err->status)
            *err = w->error;
        return (vcol_status)w->error.status;
    }
    return VCOL_OK;
}

bool vcol__hand_help(vcol_buffer *b, vcol__load *load)
{
    vcol__stripe *s = b->stripe;
    vcol__unit *u = (vcol__unit *)b;
    vcol__work *w = NULL;
    vcol__stage run = NULL;
    vcol__lock_take(&s->lock);
    if (!load->done && load->work && load->work->open && atomic_load(&load->work->next) < load->work->n) {
        w = load->work;
        run = w->run;
        w->inside++;
    }
    vcol__lock_drop(&s->lock);
    if (!w)
        return false;
    vcol__grant grant = {0};
    vcol__hand h = {.u = u, .load = load, .work = w, .grant = &grant, .helper = true};
    vcol_manager *m = b->manager;
    vcol__account_moving(&m->account); /* what it reserves is nobody else's, and it is not runnable yet */
    /* A helper has room for what it will need before it claims a block, or leaves the block to the owner. */
    uint64_t most = 0;
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t need = vcol__memory_capacity(w->blocks[i]->asked.stored) +
                        2 * vcol__memory_capacity(w->blocks[i]->asked.unpacked);
        most = need > most ? need : most;
    }
    bool helped = !(run == vcol__stage_direct || run == vcol__stage_hold) ||
                  vcol__account_reserve(m, &grant, most, VCOL__PREFETCH, true, NULL) == VCOL_OK;
    if (helped && vcol__hand_open(&h, NULL) == VCOL_OK) {
        bool counted =
            vcol__load_counted(m); /* then it is runnable already, and stays so until it waits */
        if (!counted)
            vcol__account_runnable(m, 1);
        vcol__account_settled(&m->account); /* it may come to wait for another thread's block */
        claim_blocks(&h, run);
        vcol__account_moving(&m->account);
        if (!counted)
            vcol__account_runnable(m, -1);
    }
    vcol__hand_close(&h);
    vcol__account_give_back(m, &grant, 0);
    vcol__account_settled(&m->account);
    vcol__lock_take(&s->lock);
    if (--w->inside == 0)
        pthread_cond_broadcast(&s->changed);
    vcol__lock_drop(&s->lock);
    return helped;
}
