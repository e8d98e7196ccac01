/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits for what.
 *
 * A thread that is about to block for another thread's work links a record of it, and unlinks it when it goes on. What is
 * there at once is not recorded: a read that hits, a load that has ended, a block that is unpacked. What the records name is
 * held by the threads that wait, so that whoever has the lock may read it.
 *
 * Not recorded: threads of the pool that have no work; waits for a medium inside a source; and waits for a step of another
 * thread's that cannot block itself (freeing, planning).
 */
#define _GNU_SOURCE
#include "core/wait.h"

#include "core/load.h"

#include <sched.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

int64_t vcol__wait_thread(void)
{
    static _Thread_local int64_t number;
    if (!number) {
#ifdef __linux__
        number = syscall(SYS_gettid);
#else
        static _Atomic int64_t numbers;
        number = atomic_fetch_add(&numbers, 1) + 1;
#endif
    }
    return number;
}

void vcol__waits_init(vcol__waits *waits)
{
    vcol__lock_init(&waits->lock, LEVEL_WAITS);
    waits->first = waits->last = NULL;
}

void vcol__waits_destroy(vcol__waits *waits)
{
    assert(!waits->first);
    vcol__lock_destroy(&waits->lock);
}

void vcol__wait_begin(vcol_manager *m, vcol__wait *wait)
{
    vcol__waits *w = &m->waits;
    wait->making = vcol__load_current(m);
    wait->thread = vcol__wait_thread();
    wait->start = vcol__clock(m);
    wait->next = NULL;
    vcol__lock_take(&w->lock);
    wait->previous = w->last;
    *(w->last ? &w->last->next : &w->first) = wait;
    w->last = wait;
    vcol__lock_drop(&w->lock);
}

void vcol__wait_end(vcol_manager *m, vcol__wait *wait)
{
    vcol__waits *w = &m->waits;
    vcol__lock_take(&w->lock);
    *(wait->previous ? &wait->previous->next : &w->first) = wait->next;
    *(wait->next ? &wait->next->previous : &w->last) = wait->previous;
    vcol__lock_drop(&w->lock);
    if (wait->load)
        VCOL__USED(wait->load->buffer->use, wait_ns, vcol__clock(m) - wait->start);
    if (!VCOL__TRACING(m))
        return;
    if (wait->load)
        VCOL__TRACE_END(m, VCOL__TRACE_WAIT_LOAD, wait->start, wait->load->buffer->name, 0);
    else if (wait->block)
        VCOL__TRACE_END(m, VCOL__TRACE_WAIT_BLOCK, wait->start, vcol__block_name(wait->block), 0);
    else if (wait->bytes)
        VCOL__TRACE_END(m, VCOL__TRACE_WAIT_MEMORY, wait->start, NULL, .bytes = wait->bytes);
    else
        VCOL__TRACE_END(m, wait->kind ? (vcol__trace_kind)wait->kind : VCOL__TRACE_WAIT_OTHER, wait->start, NULL, 0);
}

static void print_one(const vcol__wait *w, FILE *out)
{
    int64_t thread;
    fprintf(out, "thread %lld", (long long)w->thread);
    if (w->making)
        fprintf(out, ", making %s,", w->making->buffer->name);
    if (w->load) {
        thread = atomic_load(&w->load->thread);
        fprintf(out, " waits for %s", w->load->buffer->name);
        if (atomic_load(&w->load->prefetch_result))
            fprintf(out, ", which has ended");
        else if (thread)
            fprintf(out, ", which thread %lld makes", (long long)thread);
        else
            fprintf(out, ", which no thread makes yet");
    } else if (w->block) {
        fprintf(out, " waits for the block at byte %llu of %s, which thread %lld unpacks",
                (unsigned long long)w->block->asked.offset, w->block->file->where,
                (long long)atomic_load(&w->block->unpacker));
    } else if (w->bytes) {
        fprintf(out, " waits for %llu bytes of memory, as %s, and holds %llu", (unsigned long long)w->bytes, w->what,
                (unsigned long long)w->held);
    } else {
        fprintf(out, " waits for %s", w->what);
    }
    fprintf(out, "\n");
}

static void print_memory(vcol_manager *m, FILE *out)
{
    vcol__account *a = &m->account;
    char pinned[256];
    if (vcol__lock_try(&a->lock)) {
        fprintf(out, "memory: %llu live, %llu promised, %llu cached, %llu fixed", (unsigned long long)a->live,
                (unsigned long long)a->promised, (unsigned long long)vcol__account_cached(a), (unsigned long long)a->fixed);
        if (a->limit != UINT64_MAX)
            fprintf(out, " of %llu", (unsigned long long)a->limit);
        fprintf(out, "; %lld runnable", (long long)a->runnable);
        vcol__lock_try_drop(&a->lock);
    } else {
        fprintf(out, "memory: its lock is held");
    }
    if (vcol__evict_try_pinned_names(m, pinned, sizeof pinned))
        fprintf(out, "; pinned: %s\n", pinned);
    else
        fprintf(out, "; pinned: the lock is held\n");
}

bool vcol__load_print_waits(vcol_manager *m, FILE *out)
{
    vcol__waits *w = &m->waits;
    bool any = false;
    if (vcol__lock_try(&w->lock)) {
        for (const vcol__wait *i = w->first; i; i = i->next) {
            print_one(i, out);
            any = true;
        }
        vcol__lock_try_drop(&w->lock);
        if (!any)
            fprintf(out, "no thread waits\n");
    } else {
        fprintf(out, "the lock of those who wait is held\n");
    }
    print_memory(m, out);
    return any;
}
