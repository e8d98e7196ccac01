/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans: vcol/plan.h. A list of steps with the names that each uses and makes, under one lock, changed by the program
 * and by what chunks see. Whoever follows a plan has a route (route.c): a copy for one data set, taken anew
 * when `version` has grown.
 */
#include "dataset/plan.h"

#include <stdlib.h>
#include <string.h>

bool vcol__plan_add_item(vcol__plan_items *items, const char *text, size_t length, bool exact, bool learned)
{
    if (!vcol__list_grow(&items->list, items->n, &items->capacity, sizeof *items->list))
        return false;
    char *copy = malloc(length + 1);
    if (!copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    items->list[items->n++] = (vcol__plan_item){copy, exact, learned};
    return true;
}

void vcol__plan_free_items(vcol__plan_items *items)
{
    for (int64_t i = 0; i < items->n; i++)
        free(items->list[i].text);
    free(items->list);
}

static void free_stage(vcol__plan_stage *s)
{
    free(s->name);
    vcol__plan_free_items(&s->uses);
    vcol__plan_free_items(&s->makes);
}

static void changed_locked(vcol_plan *p)
{
    /* release: who sees the new version takes the lock before it looks at the rest */
    atomic_fetch_add_explicit(&p->version, 1, memory_order_release);
}

/* ---- handles ---------------------------------------------------------------------------------- */

vcol_status vcol_plan_create(vcol_plan **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_create: a place is needed");
    vcol_plan *p = calloc(1, sizeof *p);
    if (!p)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a plan");
    atomic_init(&p->refs, 1);
    atomic_init(&p->version, 1);
    atomic_init(&p->open, true);
    vcol__lock_init(&p->lock, LEVEL_PLAN);
    *out = p;
    return VCOL_OK;
}

void vcol_plan_acquire(vcol_plan *p)
{
    if (p)
        atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed); /* who calls has one */
}

void vcol_plan_release(vcol_plan *p)
{
    /* acq_rel: what others did with it comes before it is freed */
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int64_t i = 0; i < p->n_steps; i++)
        free_stage(&p->steps[i]);
    for (int64_t i = 0; i < p->n_sizes; i++)
        free(p->sizes[i].name);
    free(p->steps);
    free(p->folds);
    free(p->sizes);
    vcol__lock_destroy(&p->lock);
    free(p);
}

/* ---- steps ------------------------------------------------------------------------------------- */

static int64_t find_locked(const vcol_plan *p, const char *name)
{
    for (int64_t i = 0; i < p->n_steps; i++)
        if (strcmp(p->steps[i].name, name) == 0)
            return i;
    return -1;
}

/* Takes the stage's strings on success. */
static vcol_status append_locked(vcol_plan *p, const vcol__plan_stage *stage, int64_t *step, vcol_error *err)
{
    if (find_locked(p, stage->name) >= 0)
        return vcol_error_format(err, VCOL_MISUSE, "a plan has a step '%.200s' already", stage->name);
    if (!vcol__list_grow(&p->steps, p->n_steps, &p->steps_capacity, sizeof *p->steps))
        return vcol_error_format(err, VCOL_NOMEM, "no memory for step '%.200s'", stage->name);
    if (step)
        *step = p->n_steps;
    p->steps[p->n_steps++] = *stage;
    changed_locked(p);
    return VCOL_OK;
}

static vcol_status append(vcol_plan *p, vcol__plan_stage *stage, bool ok, int64_t *step, vcol_error *err)
{
    vcol_status status;
    if (ok && stage->name) {
        vcol__lock_take(&p->lock);
        status = append_locked(p, stage, step, err);
        if (status == VCOL_OK)
            atomic_store(&p->open, false); /* the program says which steps there are */
        vcol__lock_drop(&p->lock);
    } else {
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a step");
    }
    if (status != VCOL_OK)
        free_stage(stage);
    return status;
}

static bool add_list(vcol__plan_items *items, const char *columns)
{
    bool ok = true;
    size_t length;
    for (const char *rest = columns, *token; ok && (token = vcol__names_next(&rest, &length));)
        ok = vcol__plan_add_item(items, token, length, false, false);
    return ok;
}

vcol_status vcol_plan_add_step(vcol_plan *p, const char *name, const char *columns, int64_t *step, vcol_error *err)
{
    if (step)
        *step = -1;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !name || !*name)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_add_step: a plan and a name are needed");
    vcol__plan_stage stage = {.name = vcol__copy_string(name), .known = columns != NULL, .learned = columns == NULL};
    bool ok = add_list(&stage.uses, columns ? columns : "");
    return append(p, &stage, ok, step, err);
}

vcol_status vcol_plan_add_operation(vcol_plan *p, const char *name, const char *const *inputs, int64_t n_inputs,
                                    const char *const *outputs, int64_t n_outputs, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !name || !*name || n_inputs < 0 || n_outputs < 0 || (n_inputs && !inputs) || (n_outputs && !outputs))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_add_operation: a plan, a name and lists are needed");
    for (int64_t i = 0; i < n_inputs + n_outputs; i++) {
        const char *text = i < n_inputs ? inputs[i] : outputs[i - n_inputs];
        if (!text || !*text)
            return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_add_operation: '%.200s' has %s %lld without a name", name,
                                     i < n_inputs ? "input" : "output", (long long)(i < n_inputs ? i : i - n_inputs));
    }
    vcol__plan_stage stage = {.name = vcol__copy_string(name), .known = true};
    bool ok = true;
    for (int64_t i = 0; i < n_inputs && ok; i++)
        ok = vcol__plan_add_item(&stage.uses, inputs[i], strlen(inputs[i]), true, false);
    for (int64_t i = 0; i < n_outputs && ok; i++)
        ok = vcol__plan_add_item(&stage.makes, outputs[i], strlen(outputs[i]), true, false);
    return append(p, &stage, ok, NULL, err);
}

vcol_status vcol__plan_add_stage(vcol_plan *p, const char *name, vcol__plan_stage **out, vcol_error *err)
{
    vcol__plan_stage stage = {.name = vcol__copy_string(name), .known = true};
    vcol_status status = append(p, &stage, true, NULL, err);
    if (status == VCOL_OK)
        *out = &p->steps[p->n_steps - 1];
    return status;
}

vcol_status vcol_plan_set_folds(vcol_plan *p, int64_t first, int64_t last, int64_t folds, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || folds < 1)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_set_folds: a plan, and at least one round, are needed");
    vcol_status status = VCOL_OK;
    int64_t at = -1;
    vcol__lock_take(&p->lock);
    if (first < 0 || last < first || last >= p->n_steps)
        status = vcol_error_format(err, VCOL_RANGE, "vcol_plan_set_folds: steps [%lld, %lld] of %lld", (long long)first,
                                   (long long)last, (long long)p->n_steps);
    for (int64_t i = 0; i < p->n_folds && status == VCOL_OK; i++) {
        const vcol__plan_fold *f = &p->folds[i];
        if (f->first == first && f->last == last)
            at = i;
        else if (f->first <= last && first <= f->last)
            status = vcol_error_format(err, VCOL_MISUSE, "vcol_plan_set_folds: steps [%lld, %lld] and [%lld, %lld] overlap",
                                       (long long)first, (long long)last, (long long)f->first, (long long)f->last);
    }
    if (status == VCOL_OK && at < 0) {
        if (vcol__list_grow(&p->folds, p->n_folds, &p->folds_capacity, sizeof *p->folds))
            at = p->n_folds++;
        else
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for folds");
    }
    if (status == VCOL_OK) {
        p->folds[at] = (vcol__plan_fold){first, last, folds};
        changed_locked(p);
    }
    vcol__lock_drop(&p->lock);
    return status;
}

/* False: no memory. */
static bool set_size(vcol_plan *p, const char *name, uint64_t bytes, bool learned)
{
    bool ok = true;
    char *copy = NULL;
    vcol__lock_take(&p->lock);
    int64_t at = 0;
    while (at < p->n_sizes && strcmp(p->sizes[at].name, name) != 0)
        at++;
    if (at < p->n_sizes) {
        vcol__plan_size *s = &p->sizes[at];
        if (!learned || (s->learned && bytes > s->bytes))
            s->bytes = bytes;
        s->learned = s->learned && learned;
    } else {
        copy = vcol__copy_string(name);
        ok = copy && vcol__list_grow(&p->sizes, p->n_sizes, &p->sizes_capacity, sizeof *p->sizes);
        if (ok)
            p->sizes[p->n_sizes++] = (vcol__plan_size){copy, bytes, learned};
        else
            free(copy);
    }
    vcol__lock_drop(&p->lock);
    return ok;
}

void vcol__plan_saw(vcol_plan *p, const char *name, uint64_t bytes)
{
    (void)set_size(p, name, bytes, true); /* without memory it stays unknown */
}

vcol_status vcol_plan_set_size(vcol_plan *p, const char *name, uint64_t bytes, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !name || !*name)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_set_size: a plan and a name are needed");
    return set_size(p, name, bytes, false) ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for a size");
}

int64_t vcol_plan_steps(const vcol_plan *p)
{
    vcol__lock_take(vcol__plan_lock(p));
    int64_t n = p->n_steps;
    vcol__lock_drop(vcol__plan_lock(p));
    return n;
}

vcol_status vcol_plan_step_name(const vcol_plan *p, int64_t step, char *out, size_t size, vcol_error *err)
{
    if (out && size)
        out[0] = 0;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !out || !size)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_step_name: a plan and a place are needed");
    vcol_status status = VCOL_OK;
    vcol__lock_take(vcol__plan_lock(p));
    if (step < 0 || step >= p->n_steps) {
        status = vcol_error_format(err, VCOL_RANGE, "vcol_plan_step_name: no step %lld", (long long)step);
    } else {
        size_t n = strlen(p->steps[step].name);
        n = n < size ? n : size - 1;
        memcpy(out, p->steps[step].name, n);
        out[n] = 0;
    }
    vcol__lock_drop(vcol__plan_lock(p));
    return status;
}

void vcol_plan_get_stats(const vcol_plan *p, vcol_plan_stats *out, size_t size)
{
    vcol_plan_stats s = {
        .chunks = atomic_load(&p->chunks),
        .passes = atomic_load(&p->passes),
        .learned = atomic_load(&p->n_learned),
        .released = atomic_load(&p->released),
        .early = atomic_load(&p->early),
    };
    memset(out, 0, size);
    memcpy(out, &s, size < sizeof s ? size : sizeof s);
}

/* ---- learning ------------------------------------------------------------------------------------ */

vcol_status vcol__plan_step_of(vcol_plan *p, const char *name, int64_t *step, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    vcol__lock_take(&p->lock);
    *step = find_locked(p, name);
    vcol__lock_drop(&p->lock);
    if (*step >= 0)
        return VCOL_OK;
    vcol__plan_stage stage = {.name = vcol__copy_string(name), .learned = true};
    if (!stage.name)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for step '%.200s'", name);
    vcol__lock_take(&p->lock);
    *step = find_locked(p, name); /* another chunk may have been faster */
    if (*step < 0)
        status = append_locked(p, &stage, step, err);
    else
        free(stage.name);
    vcol__lock_drop(&p->lock);
    if (status != VCOL_OK)
        free(stage.name);
    return status;
}

static bool has(const vcol__plan_items *items, const char *name)
{
    for (int64_t i = 0; i < items->n; i++)
        if (strcmp(items->list[i].text, name) == 0)
            return true;
    return false;
}

void vcol__plan_learn(vcol_plan *p, int64_t step, const char *name, bool makes, bool own)
{
    vcol__lock_take(&p->lock);
    if (step >= 0 && step < p->n_steps) {
        vcol__plan_stage *s = &p->steps[step];
        vcol__plan_items *items = makes ? &s->makes : &s->uses;
        if (!has(items, name) && vcol__plan_add_item(items, name, strlen(name), true, true)) {
            s->learned = s->learned || (own && !makes);
            changed_locked(p);
            if (!makes)
                atomic_fetch_add_explicit(&p->n_learned, 1, memory_order_relaxed); /* a count */
        }
    }
    vcol__lock_drop(&p->lock);
}

void vcol__plan_passed(vcol_plan *p, int64_t step)
{
    vcol__lock_take(&p->lock);
    if (step >= 0 && step < p->n_steps && !p->steps[step].known) {
        p->steps[step].known = true;
        changed_locked(p);
    }
    vcol__lock_drop(&p->lock);
}

/* A step back from `last` to `first`: these belong to one fold, with those that overlap. */
static void join_fold_locked(vcol_plan *p, int64_t first, int64_t last)
{
    for (int64_t i = 0; i < p->n_folds;) {
        if (p->folds[i].first <= last && first <= p->folds[i].last) {
            first = p->folds[i].first < first ? p->folds[i].first : first;
            last = p->folds[i].last > last ? p->folds[i].last : last;
            p->folds[i] = p->folds[--p->n_folds];
            i = 0;
        } else {
            i++;
        }
    }
    if (vcol__list_grow(&p->folds, p->n_folds, &p->folds_capacity, sizeof *p->folds))
        p->folds[p->n_folds++] = (vcol__plan_fold){first, last, 1};
}

void vcol__plan_closed(vcol_plan *p, const int64_t *sequence, int64_t n)
{
    atomic_fetch_add_explicit(&p->chunks, 1, memory_order_relaxed); /* a count */
    vcol__lock_take(&p->lock);
    if (atomic_load(&p->open) && n > 0) {
        for (int64_t i = 1; i < n; i++)
            if (sequence[i] <= sequence[i - 1])
                join_fold_locked(p, sequence[i], sequence[i - 1]);
        for (int64_t f = 0; f < p->n_folds; f++) /* as often as the step that is passed most often */
            for (int64_t s = p->folds[f].first; s <= p->folds[f].last; s++) {
                int64_t passes = 0;
                for (int64_t i = 0; i < n; i++)
                    passes += sequence[i] == s;
                if (passes > p->folds[f].folds)
                    p->folds[f].folds = passes;
            }
        atomic_store(&p->open, false);
        changed_locked(p);
    }
    vcol__lock_drop(&p->lock);
}
