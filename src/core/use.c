/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is counted by group, from which the statistics of columns are put together (dataset/stats.c). A file has thousands
 * of groups and a program touches a few: a table of pointers, and counts for those of which a buffer was made.
 */
#include "core/use.h"

#include "core/manager.h"

vcol__uses *vcol__uses_new(vcol_manager *m, int64_t groups)
{
    vcol__uses *u = vcol__memory_new(m, sizeof *u + (size_t)groups * sizeof u->group[0]);
    if (u) {
        u->manager = m;
        u->n = groups;
        atomic_init(&u->refs, 1);
    }
    return u;
}

vcol__uses *vcol__uses_ref(vcol__uses *u)
{
    if (u)
        atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

void vcol__uses_unref(vcol__uses *u)
{
    /* acquire and release: whoever frees has seen the others' counting end */
    if (!u || atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int64_t g = 0; g < u->n; g++)
        vcol__memory_delete(u->manager, atomic_load_explicit(&u->group[g], memory_order_relaxed), sizeof(vcol__use));
    vcol__memory_delete(u->manager, u, sizeof *u + (size_t)u->n * sizeof u->group[0]);
}

vcol__use *vcol__uses_look(const vcol__uses *u, int64_t group)
{
    if (!u || group < 0 || group >= u->n)
        return NULL;
    /* acquire: pairs with the exchange of vcol__uses_of, so that the zeroes are seen */
    return atomic_load_explicit(&u->group[group], memory_order_acquire);
}

vcol__use *vcol__uses_of(vcol__uses *u, int64_t group)
{
    vcol__use *use = vcol__uses_look(u, group), *none = NULL;
    if (use || !u || group < 0 || group >= u->n)
        return use;
    use = vcol__memory_new(u->manager, sizeof *use);
    if (use && !atomic_compare_exchange_strong(&u->group[group], &none, use)) {
        vcol__memory_delete(u->manager, use, sizeof *use);
        use = none;
    }
    return use;
}

void vcol__use_loaded(vcol__use *use, uint64_t bytes, bool by_prefetch)
{
    if (!use)
        return;
    VCOL__USED(use, loads, 1);
    if (by_prefetch)
        VCOL__USED(use, prefetched, 1);
    uint64_t now = atomic_fetch_add_explicit(&use->bytes, bytes, memory_order_relaxed) + bytes;
    uint64_t peak = atomic_load_explicit(&use->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&use->peak, &peak, now, memory_order_relaxed, memory_order_relaxed))
        ;
}

void vcol__use_dropped(vcol__use *use, uint64_t bytes)
{
    if (use)
        atomic_fetch_sub_explicit(&use->bytes, bytes, memory_order_relaxed);
}
