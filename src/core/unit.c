/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of a reader's groups: the stages from blocks to values.
 *
 *   plan ──▶ (expand) ──▶ fetch ──▶ inspect ──▶ unpack ──▶ decode            sizes known from metadata
 *   plan ──▶ (expand) ──▶ fetch ──▶ inspect ──▶ unpack ──▶ measure ──▶ decode  MEASURED
 *
 * The thread that owns the load plans, reserves, allocates and measures; the stages of single blocks
 * (everything from fetch to decode, stage.c) are claimed one by one, by the owner and by threads that wait
 * for the load and help (hand.c). Where sizes are known, a block goes from fetch to decode at once; where
 * they are measured, or doubtful, all blocks are unpacked before the leaves are allocated.
 */
#include "core/work.h"

#include "core/tier.h"

#include <stdio.h>
#include <string.h>

/* Puts the file before a message that comes from below. */
static vcol_status located(const vcol__unit *u, vcol_status status, vcol_error *err)
{
    if (err && err->status) {
        char text[sizeof err->message];
        memcpy(text, err->message, sizeof text);
        snprintf(err->message, sizeof err->message, "%.120s: %.380s", u->file->where, text);
    }
    return status;
}

static void unprepare(vcol_buffer *b, vcol__load *load)
{
    vcol__lock_take(&b->stripe->lock); /* whoever would help looks at it under this lock */
    vcol__work *w = load->work;
    load->work = NULL;
    vcol__lock_drop(&b->stripe->lock);
    if (w)
        vcol__work_free((vcol__unit *)b, w);
}

bool vcol__unit_keeps(const vcol__unit *u, const vcol__block *b)
{
    const vcol_block *d = &b->asked;
    if (!u->pass)
        return false;
    if (d->flags & VCOL_BLOCK_SHARED)
        return true;
    if (d->entries < 0)
        return false;
    return vcol__unit_reach(u, d) > u->row0 + u->rows ||
           (d->first_entry < u->row0 && atomic_load(&u->pass->position) < u->base.first);
}

/* ---- a load ----------------------------------------------------------------------------------- */

static vcol_status take_leaves(vcol__hand *h, const vcol__layout *layout, vcol_error *err)
{
    vcol__unit *u = h->u;
    vcol_status status = VCOL_OK;
    for (int32_t l = 0; l < u->group->n_leaves && status == VCOL_OK; l++) {
        status = vcol__hand_take(h, layout->size[l], &u->base.leaf[l], err);
        if (status != VCOL_OK)
            break;
        u->base.count[l] = layout->count[l];
        if (u->group->leaves[l].role == VCOL_LEAF_OFFSETS)
            *(int64_t *)u->base.leaf[l].data = 0;
        else if (u->group->leaves[l].role == VCOL_LEAF_VALIDITY)
            memset(u->base.leaf[l].data, 0, layout->size[l]);
    }
    return status;
}

/*
 * What is needed beside the leaves: scratch or kept blocks, and memory for a read, unless the input is `there`: has memory
 * already, or the caller reserves it all.
 */
static uint64_t working_bytes(const vcol__unit *u, vcol__work *w, bool hold, bool there)
{
    uint64_t largest = 0, kept = 0;
    int64_t first = there ? -1 : vcol__work_unread(w);
    for (int64_t i = 0; i < w->n; i++) {
        const vcol__block *b = w->blocks[i];
        uint64_t bytes = b->asked.flags & VCOL_BLOCK_AS_IS ? 0 : vcol__memory_capacity(b->asked.unpacked);
        if (vcol__block_present(w->blocks[i]))
            continue;
        if (hold || vcol__unit_keeps(u, b))
            kept += vcol__work_reserves(w, i) ? bytes : 0;
        else if (bytes > largest)
            largest = bytes;
    }
    return largest + kept + (first >= 0 ? vcol__work_window(u, w, first) : 0);
}

/* Dictionaries first. */
static vcol_status hold_prepared(vcol__hand *h, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < h->work->n && status == VCOL_OK; i++)
        if (h->work->blocks[i]->asked.flags & VCOL_BLOCK_PREPARE)
            status = vcol__stage_hold(h, i, err);
    return status;
}

/* Reserves what the grant lacks of `want`, and gets a worker. */
static vcol_status begin(vcol__hand *h, uint64_t want, vcol_error *err)
{
    uint64_t held = h->grant->held;
    vcol_status status = VCOL_OK;
    if (want > held)
        status = vcol__load_reserve(h->load, want - held, h->load->prepared, err);
    else /* it was a guess; now the size is known */
        vcol__load_give_back(h->load, want);
    return status == VCOL_OK ? vcol__hand_open(h, err) : status;
}

/* Unpacks all blocks, before the leaves are allocated. */
static vcol_status hold_all(vcol__hand *h, uint64_t want, vcol_error *err)
{
    vcol_status status = begin(h, want, err);
    if (status == VCOL_OK)
        status = hold_prepared(h, err);
    if (status == VCOL_OK)
        status = vcol__hand_run(h, vcol__stage_hold, err);
    return status;
}

static vcol_status decode_all(vcol__hand *h, const vcol__layout *layout, vcol_error *err)
{
    vcol__load_give_back(h->load, layout->bytes); /* blocks are unpacked; what they might have needed more was a guess */
    vcol_status status = take_leaves(h, layout, err);
    if (status == VCOL_OK)
        status = vcol__hand_run(h, vcol__stage_decode, err);
    return status;
}

static vcol_status load_doubtful(vcol__hand *h, const vcol__layout *layout, vcol_error *err)
{
    vcol_status status = hold_all(h, working_bytes(h->u, h->work, true, false), err);
    if (status == VCOL_OK)
        status = vcol__place_check(h->u, h->work, err);
    if (status == VCOL_OK)
        status = decode_all(h, layout, err);
    return status;
}

static vcol_status load_direct(vcol__hand *h, vcol_error *err)
{
    vcol__unit *u = h->u;
    int64_t total[VCOL_MAX_LEVELS + 1] = {u->rows};
    vcol__layout layout;
    if (vcol__unit_has_deps(u))
        total[1] = h->work->deps.offsets[u->base.entries] - h->work->deps.offsets[0];
    vcol_status status = vcol__place_known(h, err);
    if (status == VCOL_OK)
        status = vcol__place_layout(u, total, &layout, err);
    if (status == VCOL_OK && vcol__unit_has_deps(u) && !vcol__place_plausible(h->work, &layout))
        return load_doubtful(h, &layout, err);
    if (status == VCOL_OK)
        status = begin(h, layout.bytes + working_bytes(u, h->work, false, false), err);
    if (status == VCOL_OK)
        status = take_leaves(h, &layout, err);
    if (status == VCOL_OK)
        status = hold_prepared(h, err);
    if (status == VCOL_OK)
        status = vcol__hand_run(h, vcol__stage_direct, err);
    if (status == VCOL_OK && (u->group->flags & (VCOL_GROUP_ENDS | VCOL_GROUP_PICKS)))
        status = vcol__ends_finish(u, h->work, err);
    return status;
}

static vcol_status load_measured(vcol__hand *h, vcol_error *err)
{
    int64_t total[VCOL_MAX_LEVELS + 1];
    vcol__layout layout;
    vcol_status status = hold_all(h, working_bytes(h->u, h->work, true, false) * 2, err);
    if (status == VCOL_OK)
        status = vcol__place_measured(h, total, err);
    if (status == VCOL_OK)
        status = vcol__place_layout(h->u, total, &layout, err);
    if (status == VCOL_OK)
        status = decode_all(h, &layout, err);
    return status;
}

/* Queues the input, for which the load's grant has room. */
static vcol_status enqueue_input(vcol__load *load, bool along, vcol_error *err)
{
    vcol__work *w = load->work;
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++)
        if (!w->blocks[i]->asked.memory && w->blocks[i]->asked.stored)
            status = vcol__fetch_enqueue(w->blocks[i], along, &load->grant, err);
    return status;
}

static void set_work(vcol_buffer *b, vcol__load *load, vcol__work *w)
{
    vcol__lock_take(&b->stripe->lock);
    load->work = w;
    vcol__lock_drop(&b->stripe->lock);
}

/* Makes load->work, if prepare has not made it yet; deps may be NULL. */
static vcol_status plan(vcol_buffer *b, vcol__load *load, const vcol_deps *deps, vcol_error *err)
{
    vcol__work *w = NULL, *guess = load->work;
    if (guess && !guess->guess)
        return VCOL_OK;
    vcol_status status = vcol__work_plan((vcol__unit *)b, deps, &w, err);
    set_work(b, load, w);
    if (guess) /* its blocks have been kept until the plan has them */
        vcol__work_free((vcol__unit *)b, guess);
    return status;
}

/* What can be said before dep is there: a plan, or of items a guess of it. */
static vcol_status plan_ahead(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    vcol__work *w = NULL;
    if (!(((vcol__unit *)b)->group->flags & VCOL_GROUP_ITEMS))
        return plan(b, load, NULL, err);
    vcol_status status = vcol__work_expect((vcol__unit *)b, &w, err);
    set_work(b, load, w);
    return status;
}

/* Which rows the entries have: those that dep counts, once it is there. */
static vcol_status find_rows(vcol__unit *u, vcol_error *err)
{
    int64_t multiple = vcol__group_multiple(u->group), items = u->dep->count[0] - 1;
    int64_t total = ((const int64_t *)u->dep->leaf[0].data)[items];
    if (__builtin_mul_overflow(u->dep->item0, multiple, &u->row0) || __builtin_mul_overflow(total, multiple, &u->rows) ||
        u->rows > INT64_MAX - u->row0)
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %lld items are more than there can be", u->group->name,
                                 (long long)total);
    return VCOL_OK;
}

/*
 * The offsets are needed first, and they have input of their own: if ours is no more than one read it is read with theirs, in one
 * batch. Where that cannot be, it comes when the offsets are there.
 */
static void read_with_offsets(vcol_buffer *b, vcol__load *load)
{
    vcol__unit *u = (vcol__unit *)b;
    vcol_manager *m = b->manager;
    if (load->work || (u->group->flags & VCOL_GROUP_MEASURED) ||
        (atomic_load(&u->dep->word) & VCOL__STATE_MASK) == VCOL__RESIDENT || plan_ahead(b, load, NULL) != VCOL_OK)
        return;
    uint64_t bytes = vcol__work_input(load->work);
    if (bytes == 0 || bytes > u->file->read_size ||
        vcol__account_reserve(m, &load->grant, bytes, VCOL__PREFETCH, true, NULL) != VCOL_OK)
        return;
    enqueue_input(load, true, NULL);
    vcol__lock_take(&b->stripe->lock);
    load->prepared = true; /* it has begun: what it needs more goes before new ones */
    vcol__lock_drop(&b->stripe->lock);
}

/* How long the lists in the items are said to be; source has a value for each of these items. */
static vcol_status take_counts(const vcol__unit *u, vcol_deps *deps, vcol_error *err)
{
    int64_t items = deps->offsets[u->base.entries] - deps->offsets[0];
    if (u->source->count[0] < items)
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %s has %lld values, one for each of %lld items is needed", u->group->name,
                                 u->source->name, (long long)u->source->count[0], (long long)items);
    deps->counts = u->source->leaf[0].data;
    return VCOL_OK;
}

/* Whether a failure may lie in the bytes that were read; else they are as good as before. */
static bool of_the_bytes(vcol_status status)
{
    return status != VCOL_OK && status != VCOL_IO && status != VCOL_CANCELLED && status != VCOL_LIMIT && status != VCOL_NOMEM &&
           status != VCOL_CYCLE;
}

static vcol_status load_blocks(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    vcol__unit *u = (vcol__unit *)b;
    vcol__hand h = {.u = u, .load = load, .grant = &load->grant};
    vcol_status status = VCOL_OK;
    vcol_deps deps = {0};
    bool pinned = false;
    vcol_error why = {0};
    if (u->dep) {
        read_with_offsets(b, load);
        status = vcol__buffer_pin(u->dep, err); /* its message has the file already */
        if (status != VCOL_OK)
            return status;
        pinned = true;
        if (u->group->flags & VCOL_GROUP_ITEMS)
            status = find_rows(u, &why);
        else
            deps = (vcol_deps){.offsets = u->dep->leaf[0].data, .first = b->first, .count = b->entries};
    }
    if (u->source) { /* COUNTED, so that dep is pinned */
        status = vcol__buffer_pin(u->source, err);
        if (status != VCOL_OK) {
            vcol__buffer_unpin(u->dep);
            return status;
        }
        status = take_counts(u, &deps, &why);
    }
    if (status == VCOL_OK)
        status = plan(b, load, deps.offsets ? &deps : NULL, &why);
    if (status == VCOL_OK) {
        h.work = load->work;
        h.work->deps = deps;
        status = vcol__work_expand(&h, &why);
    }
    if (status == VCOL_OK)
        status = vcol__work_tables(&h, &why);
    if (status == VCOL_OK)
        status = u->group->flags & VCOL_GROUP_MEASURED ? load_measured(&h, &why) : load_direct(&h, &why);
    vcol__hand_close(&h);
    if (u->source)
        vcol__buffer_unpin(u->source);
    if (pinned)
        vcol__buffer_unpin(u->dep);
    if (of_the_bytes(status) && load->work)
        for (int64_t i = 0; i < load->work->n; i++)
            vcol__tier_forget(load->work->blocks[i]); /* no error is kept: the next try reads anew */
    if (status != VCOL_OK) {
        if (status != VCOL_LIMIT && status != VCOL_CYCLE)
            located(u, status, &why);
        if (err && !err->status)
            *err = why;
    }
    return status;
}

/* Plans, reserves and queues the input of a load that is QUEUED. */
static vcol_status prepare(vcol_buffer *b, vcol__load *load, vcol_error *err)
{
    vcol__unit *u = (vcol__unit *)b;
    vcol_manager *m = b->manager;
    vcol_status status = plan_ahead(b, load, err);
    if (status != VCOL_OK)
        return status;
    vcol__work *w = load->work;
    uint64_t stored = vcol__work_input(w), result = 0;
    if (u->group->entries > 0)
        result = (uint64_t)((double)u->group->unpacked * ((double)b->entries / (double)u->group->entries));
    bool input = stored <= (uint64_t)m->queue.lookahead; /* else its windows are read as it is decoded */
    uint64_t scratch_bytes = working_bytes(u, w, u->group->flags & VCOL_GROUP_MEASURED, input);
    uint64_t want = result + scratch_bytes + (input ? stored : 0);
    status = vcol__account_reserve(m, &load->grant, want, VCOL__PREFETCH, false, err);
    if (status == VCOL_OK && input)
        status = enqueue_input(load, false, err);
    if (status != VCOL_OK) {
        unprepare(b, load);
        vcol__account_give_back(m, &load->grant, 0);
        atomic_store(&m->account.prefetch_short, true); /* not again before something comes back */
        return VCOL_CANCELLED;
    }
    load->reads = input && stored > 0;
    vcol__queue_charge(load, (int64_t)(result + (input ? stored : 0)));
    return VCOL_OK;
}

static bool has_arrived(const vcol__load *load)
{
    return load->work && vcol__work_arrived(load->work);
}

/* Read by who unpacks it, it is in that processor's cache, and no other thread is needed. */
static bool is_near(const vcol_buffer *b)
{
    const vcol__binding *file = ((const vcol__unit *)b)->file;
    return file->local && vcol__speed_near(&file->speed);
}

/* ---- a unit ----------------------------------------------------------------------------------- */

static void destroy(vcol_buffer *b)
{
    vcol__unit *u = (vcol__unit *)b;
    vcol_manager *m = b->manager;
    vcol_buffer_release(u->dep);
    vcol_buffer_release(u->source);
    vcol__uses_unref(u->uses);
    vcol__memory_delete(m, u, sizeof *u);
}

/* The offsets of a source are there before it is. */
static const vcol_buffer *made_of(const vcol_buffer *b)
{
    const vcol__unit *u = (const vcol__unit *)b;
    return u->source ? u->source : u->dep;
}

static const vcol__buffer_ops unit_ops = {
    .load = load_blocks, .prepare = prepare, .arrived = has_arrived, .needs = made_of, .near = is_near,
    .unprepare = unprepare, .help = vcol__hand_help, .destroy = destroy};

static const vcol__buffer_ops counts_ops = {.load = vcol__counts_load, .needs = made_of, .destroy = destroy};
static const vcol__buffer_ops computed_ops = {.load = vcol__computed_load, .needs = made_of, .destroy = destroy};

static const vcol__buffer_ops *ops_of(const vcol_group *g)
{
    return g->kind == VCOL_GROUP_BLOCKS ? &unit_ops : g->kind == VCOL_GROUP_COUNTS ? &counts_ops : &computed_ops;
}

vcol_status vcol__unit_create(vcol__binding *file, vcol__pass *pass, int32_t group, int64_t first, int64_t count,
                              vcol_buffer *dep, vcol_buffer *source, vcol_buffer **out, vcol_error *err)
{
    vcol_manager *m = file->manager;
    const vcol_group *g = &file->schema->groups[group];
    int64_t multiple = vcol__group_multiple(g);
    vcol__unit *u;
    *out = NULL;
    if (dep && (dep->first != first || dep->entries < count))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %s ends at entry %lld, before what it counts: %s",
                                 file->where, dep->name, (long long)(dep->first + dep->entries), g->name);
    if (source && (g->flags & VCOL_GROUP_COUNTED) && (source->first != first || source->entries < count))
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %s ends at entry %lld, before the lists whose lengths it says: %s",
                                 file->where, source->name, (long long)(source->first + source->entries), g->name);
    u = vcol__memory_new(m, sizeof *u);
    if (!u)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %s", g->name);
    if (!(g->flags & VCOL_GROUP_ITEMS) &&
        (__builtin_mul_overflow(first, multiple, &u->row0) || __builtin_mul_overflow(count, multiple, &u->rows) ||
         u->rows > INT64_MAX - u->row0)) {
        vcol__memory_delete(m, u, sizeof *u);
        return vcol_error_format(err, VCOL_CORRUPT, "%s: %s: %lld values an entry are more than there can be",
                                 file->where, g->name, (long long)multiple);
    }
    u->file = file;
    u->pass = pass;
    u->group = g;
    u->dep = dep;
    u->source = source;
    if (dep)
        vcol_buffer_acquire(dep);
    if (source)
        vcol_buffer_acquire(source);
    vcol__buffer_init(&u->base, m, ops_of(g), g->name);
    u->base.evictable.users = &file->in_flight; /* its name is the schema's */
    u->base.group = group;
    u->base.first = first;
    u->base.entries = count;
    u->uses = vcol__uses_ref(file->uses);
    u->base.use = vcol__uses_of(file->uses, group);
    *out = &u->base;
    return VCOL_OK;
}

bool vcol__unit_has_rows(const vcol_group *g, int64_t *rows)
{
    int64_t multiple = vcol__group_multiple(g);
    if (g->flags & VCOL_GROUP_ITEMS) {
        *rows = g->rows;
        return true;
    }
    return (multiple > 1 || (g->flags & (VCOL_GROUP_ENDS | VCOL_GROUP_PICKS))) &&
           !__builtin_mul_overflow(g->entries, multiple, rows);
}

vcol_status vcol__unit_create_rows(vcol__binding *file, int32_t group, int64_t first, int64_t count, vcol_buffer **out,
                                   vcol_error *err)
{
    vcol_status status = vcol__unit_create(file, NULL, group, 0, 0, NULL, NULL, out, err);
    if (status == VCOL_OK) {
        vcol__unit *u = (vcol__unit *)*out;
        u->row0 = first;
        u->rows = count;
        u->by_rows = true;
    }
    return status;
}

void vcol__unit_verify(vcol_buffer *b)
{
    ((vcol__unit *)b)->verify = true;
}

vcol_status vcol__unit_ranges(vcol__binding *file, int32_t group, int64_t first, int64_t count,
                              int64_t (**out)[2], int64_t *n, vcol_error *err)
{
    vcol_manager *m = file->manager;
    vcol_buffer *b;
    vcol__work *w = NULL;
    *out = NULL;
    *n = 0;
    int64_t rows;
    vcol_status status = vcol__unit_has_rows(&file->schema->groups[group], &rows)
                             ? vcol__unit_create_rows(file, group, first, count, &b, err)
                             : vcol__unit_create(file, NULL, group, first, count, NULL, NULL, &b, err);
    if (status != VCOL_OK)
        return status;
    status = vcol__work_plan((vcol__unit *)b, NULL, &w, err);
    if (status != VCOL_OK)
        located((vcol__unit *)b, status, err);
    if (status == VCOL_OK && w->n > 0) {
        *out = vcol__memory_new(m, (size_t)w->n * sizeof **out);
        if (!*out)
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for %lld blocks", (long long)w->n);
    }
    for (int64_t i = 0; status == VCOL_OK && i < w->n; i++) {
        (*out)[i][0] = w->blocks[i]->asked.first_entry;
        (*out)[i][1] = w->blocks[i]->asked.entries;
        *n = w->n;
    }
    if (w)
        vcol__work_free((vcol__unit *)b, w);
    vcol_buffer_release(b);
    return status;
}
