/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program expects to use: vcol/expect.h. The time of a use is its place in the order, from 1 on. For each use the next
 * one of the same buffer is found beforehand, from the back; a buffer knows where it stands.
 */
#include "core/expect.h"

#include "core/buffer.h"

typedef struct vcol__expected {
    vcol_expect *of;
    vcol_buffer *buffer; /* referenced */
    int64_t next;        /* place of its next use, or -1; expect lock */
} vcol__expected;

struct vcol_expect {
    vcol_manager *manager;
    int64_t n_buffers, n;
    vcol__expected *each;
    int64_t *after; /* by place: the place of the same buffer's next use, or -1 */
};

static uint64_t time_of(int64_t place)
{
    return place < 0 ? VCOL__NEXT_NEVER : (uint64_t)place + 1;
}

void vcol__expect_used(vcol_buffer *b)
{
    vcol_manager *m = b->manager;
    vcol__lock_take(&m->expect);
    vcol__expected *x = atomic_load_explicit(&b->expected, memory_order_relaxed); /* set under the lock */
    if (x) {
        if (x->next >= 0)
            vcol__evict_now(m, time_of(x->next));
        x->next = x->next < 0 ? -1 : x->of->after[x->next];
        vcol__evict_hint(m, &b->evictable, time_of(x->next));
    }
    vcol__lock_drop(&m->expect);
}

static void forget(vcol_expect *e)
{
    vcol_manager *m = e->manager;
    for (int64_t i = 0; i < e->n_buffers; i++) {
        vcol_buffer *b = e->each[i].buffer;
        if (!b)
            continue;
        vcol__lock_take(&m->expect);
        if (atomic_load_explicit(&b->expected, memory_order_relaxed) == &e->each[i]) {
            atomic_store_explicit(&b->expected, NULL, memory_order_relaxed);
            vcol__evict_hint(m, &b->evictable, VCOL__NEXT_UNKNOWN);
        }
        vcol__lock_drop(&m->expect);
        vcol_buffer_release(b);
    }
}

void vcol_expect_end(vcol_expect *e)
{
    if (!e)
        return;
    vcol_manager *m = e->manager;
    if (e->each)
        forget(e);
    vcol__memory_delete(m, e->each, (size_t)(e->n_buffers + 1) * sizeof *e->each);
    vcol__memory_delete(m, e->after, (size_t)(e->n + 1) * sizeof *e->after);
    vcol__memory_delete(m, e, sizeof *e);
    vcol__manager_release(m);
}

/* Takes the buffers, each once. False: one of them is expected already, or another manager's. */
static bool take(vcol_expect *e, vcol_buffer *const *buffers)
{
    vcol_manager *m = e->manager;
    for (int64_t i = 0; i < e->n_buffers; i++) {
        vcol_buffer *b = buffers[i] ? vcol__buffer_target(buffers[i]) : NULL;
        bool ok = b && b->manager == m;
        if (!ok)
            return false;
        vcol__lock_take(&m->expect);
        ok = !atomic_load_explicit(&b->expected, memory_order_relaxed);
        if (ok) {
            vcol_buffer_acquire(b);
            e->each[i].of = e;
            e->each[i].buffer = b;
            atomic_store_explicit(&b->expected, &e->each[i], memory_order_relaxed);
            vcol__evict_hint(m, &b->evictable, time_of(e->each[i].next));
        }
        vcol__lock_drop(&m->expect);
        if (!ok)
            return false;
    }
    return true;
}

vcol_status vcol_expect_begin(vcol_manager *m, vcol_buffer *const *buffers, int64_t n_buffers, const int64_t *order, int64_t n,
                              vcol_expect **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !out || n_buffers < 0 || n < 0 || (n_buffers && !buffers) || (n && !order))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_expect_begin: buffers and their order are needed");
    for (int64_t i = 0; i < n; i++)
        if (order[i] < 0 || order[i] >= n_buffers)
            return vcol_error_format(err, VCOL_MISUSE, "vcol_expect_begin: use %lld is of buffer %lld of %lld", (long long)i,
                                     (long long)order[i], (long long)n_buffers);
    vcol_expect *e = vcol__memory_new(m, sizeof *e);
    if (!e)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld uses", (long long)n);
    vcol__manager_acquire(m);
    e->manager = m;
    e->n_buffers = n_buffers;
    e->n = n;
    e->each = vcol__memory_new(m, (size_t)(n_buffers + 1) * sizeof *e->each);
    e->after = vcol__memory_new(m, (size_t)(n + 1) * sizeof *e->after);
    vcol_status status = VCOL_OK;
    if (!e->each || !e->after) {
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for %lld uses", (long long)n);
    } else {
        for (int64_t i = 0; i < n_buffers; i++)
            e->each[i].next = -1;
        for (int64_t i = n; i-- > 0;) {
            e->after[i] = e->each[order[i]].next;
            e->each[order[i]].next = i;
        }
        if (!take(e, buffers))
            status = vcol_error_format(err, VCOL_MISUSE, "vcol_expect_begin: a buffer is another manager's, or is expected already");
    }
    if (status == VCOL_OK)
        *out = e;
    else
        vcol_expect_end(e);
    return status;
}
