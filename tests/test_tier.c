/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tier of stored blocks, TESTS.md E9: what is kept of a slow source after it was unpacked, what leaves it, and that
 * the account has it. One column `v` of int64 whose blocks have ROWS_EACH rows and stored bytes of several sizes; two
 * passes over mock readers' files are in test_reader_*_mock.c.
 */
#include "mock.h"

#include "core/manager.h"
#include "dataset/dataset.h"

#include <unistd.h>

#define BLOCKS    24
#define ROWS_EACH 10
#define ROWS      (BLOCKS * ROWS_EACH)
#define WIDTH     ((size_t)ROWS_EACH * 8)

static struct {
    mock_bytes bytes;
    uint64_t offset[BLOCKS], stored[BLOCKS];
} file;

static _Atomic int64_t unpacks[BLOCKS], decodes;
static t_gate *unpacking;          /* passed by each unpack; or NULL */
static _Atomic bool broken;        /* decoding fails */

static int64_t value_of(int64_t row)
{
    return row * 7919 + 1;
}

static void make_file(void)
{
    if (file.bytes.size)
        return;
    mock_put(&file.bytes, "TIER", 4);
    for (int b = 0; b < BLOCKS; b++) {
        static const size_t padding[] = {0, 700, 3000, 9000, 2000};
        file.stored[b] = WIDTH + padding[b % 5];
        file.offset[b] = file.bytes.size;
        for (int64_t i = 0; i < ROWS_EACH; i++) {
            int64_t v = value_of(b * ROWS_EACH + i) ^ 0x5555;
            mock_put(&file.bytes, &v, 8);
        }
        mock_put(&file.bytes, NULL, padding[b % 5] + 40000); /* further apart than the gap */
    }
}

/* ---- the reader ------------------------------------------------------------------------------------- */

static const vcol_leaf leaf = {VCOL_LEAF_VALUES, VCOL_I64, 0, 0, 1};
static const vcol_group group = {VCOL_GROUP_BLOCKS, 0, -1, 1, &leaf, ROWS, ROWS * 8, ROWS * 8, "branch 'v'", 0, 0, 0, 0};
static const vcol_schema_column column = {"v", "v", "int64", "int64", NULL, NULL, VCOL_OK, VCOL_I64, 0, {{0}}, {0, 0}, ROWS,
                                          0, 0, 0};
static const vcol_schema schema = {.entries = ROWS, .n_columns = 1, .columns = &column, .n_groups = 1, .groups = &group};

static vcol_status plan(void *object, int32_t g, int64_t first, int64_t count, const vcol_deps *deps, vcol_block_sink *sink,
                        vcol_error *err)
{
    (void)object, (void)g, (void)deps;
    vcol_status status = VCOL_OK;
    for (int64_t b = first / ROWS_EACH; b * ROWS_EACH < first + count && status == VCOL_OK; b++) {
        vcol_block d = {.offset = file.offset[b], .stored = file.stored[b], .unpacked = WIDTH, .first_entry = b * ROWS_EACH,
                        .entries = ROWS_EACH, .flags = VCOL_BLOCK_INSPECTED, .needs = -1, .tag = (uint64_t)b};
        status = vcol_block_push(sink, &d, err);
    }
    return status;
}

static vcol_status unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want,
                          vcol_worker *worker, vcol_error *err)
{
    (void)object, (void)worker, (void)err;
    atomic_fetch_add(&unpacks[block->tag], 1);
    if (unpacking)
        t_gate_pass(unpacking);
    for (size_t i = 0; i < want / 8; i++)
        ((int64_t *)dst)[i] = ((const int64_t *)stored)[i] ^ 0x5555;
    return VCOL_OK;
}

static vcol_status decode(void *object, int32_t g, const vcol_block *block, const void *plain, int whole, const void *state,
                          const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker, vcol_error *err)
{
    (void)object, (void)g, (void)block, (void)whole, (void)state, (void)deps, (void)worker;
    t_require(n_parts == 1);
    atomic_fetch_add(&decodes, 1);
    memcpy(parts->dst, (const char *)plain + parts->skip * 8, (size_t)parts->count * 8);
    return atomic_load(&broken) ? vcol_error_set(err, VCOL_CORRUPT, "these bytes are broken") : VCOL_OK;
}

static const vcol_reader reader = {MOCK_READER, .plan = plan, .unpack = unpack, .decode = decode};

/* ---- opening, and reading one block ----------------------------------------------------------------- */

static const char *const names[] = {"v"};

static const mock_world *world(void)
{
    static mock_world w;
    make_file();
    for (int b = 0; b < BLOCKS; b++)
        atomic_store(&unpacks[b], 0);
    atomic_store(&decodes, 0);
    atomic_store(&broken, false);
    unpacking = NULL;
    w = (mock_world){&reader, &schema, file.bytes.data, file.bytes.size, ROWS, BLOCKS, names, 1, NULL};
    return &w;
}

typedef struct opened {
    t_allocator allocator;
    t_source source;
    vcol_source *handle;
    vcol_manager *m;
    vcol_dataset *d;
} opened;

typedef struct wish {
    uint32_t source_flags, dataset_flags; /* VCOL_SOURCE_…, VCOL_DATASET_… */
    int threads;
    uint64_t limit, stored_limit;
    bool exact; /* the account is held against the allocator at every call: tests of one thread */
} wish;

/* In a world that was begun. */
static vcol_status open_more(opened *o, vcol_manager *m, const wish *x, vcol_error *err)
{
    const char *path = "mock";
    const vcol_reader *readers = &reader;
    vcol_dataset_options options;
    o->m = m;
    o->source.limits.flags = x->source_flags;
    o->handle = t_source_open(&o->source, file.bytes.data, file.bytes.size, "mock");
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &o->handle;
    options.readers = &readers;
    options.n_readers = 1;
    options.flags = x->dataset_flags;
    return vcol_dataset_open(m, &path, 1, &options, &o->d, err);
}

static vcol_status open_on(opened *o, vcol_manager *m, const wish *x, vcol_error *err)
{
    mock_open none;
    /* the mock's `open` asks for the world that was begun last */
    mock_setting s = {0};
    t_source unused = {0};
    ck_assert_int_eq(mock_begin(world(), &s, &unused, NULL, &none, NULL), VCOL_OK);
    mock_end(&none);
    return open_more(o, m, x, err);
}

static opened *begin(const wish *x)
{
    opened *o = calloc(1, sizeof *o);
    vcol_manager_options mo = t_options();
    ck_assert_ptr_nonnull(o);
    mo.threads = x->threads;
    mo.flags = x->threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    mo.limit = x->limit;
    mo.stored_limit = x->stored_limit;
    mo.allocator = t_allocator_of(&o->allocator);
    vcol_manager *m = t_manager(&mo);
    ck_assert_int_eq(open_on(o, m, x, NULL), VCOL_OK);
    if (x->exact)
        o->allocator.exact = m;
    return o;
}

static void close_set(opened *o)
{
    vcol_dataset_close(o->d);
    vcol_source_release(o->handle);
}

static void end(opened *o)
{
    close_set(o);
    o->allocator.exact = NULL;
    vcol_stats st = t_stats(o->m);
    ck_assert_uint_eq(st.live, 0);
    ck_assert_uint_eq(st.stored_kept, 0);
    vcol_manager_close(o->m);
    ck_assert_int_eq(atomic_load(&o->allocator.live), 0);
    ck_assert_int_eq(atomic_load(&o->source.closed), 1);
    free(o);
}

/* Opens a chunk of `n` blocks, reads and checks it; the chunk, or NULL if that was an error. */
static vcol_chunk *open_blocks(opened *o, int64_t b, int64_t n, vcol_status expected)
{
    vcol_chunk *c;
    vcol_error err = {0};
    t_require(vcol_chunk_open(o->d, b * ROWS_EACH, n * ROWS_EACH, &c, NULL) == VCOL_OK);
    const int64_t *v = vcol_chunk_i64(c, "v", &err);
    t_require(err.status == expected);
    if (expected != VCOL_OK) {
        vcol_chunk_close(c);
        return NULL;
    }
    for (int64_t i = 0; i < n * ROWS_EACH; i++)
        t_require(v[i] == value_of(b * ROWS_EACH + i));
    return c;
}

static void read_block(opened *o, int64_t b)
{
    vcol_chunk_close(open_blocks(o, b, 1, VCOL_OK));
}

/* ---- E9.1: one decode a hit ---------------------------------------------------------------------------- */

enum { READERS = 8 };

static void read_same_block(void *o, t_random *r)
{
    (void)r;
    read_block(o, 3);
}

/* So many threads want block 3, each in a chunk of its own, while it is being unpacked. */
static void read_together(opened *o)
{
    t_gate gate;
    t_crowd readers;
    t_gate_init(&gate);
    unpacking = &gate;
    t_crowd_start(&readers, READERS, 0, read_same_block, o);
    t_gate_await(&gate, 1);
    free(t_waits(o->m, READERS - 1));
    t_gate_open(&gate);
    t_crowd_join(&readers);
    unpacking = NULL;
    t_gate_destroy(&gate);
}

START_TEST(e9_1_a_hit_is_unpacked_once_for_all_who_want_it)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .threads = _i});
    read_block(o, 3);
    ck_assert_int_eq(atomic_load(&unpacks[3]), 1);
    vcol_stats before = t_stats(o->m);
    ck_assert_uint_eq(before.stored_kept, vcol__memory_capacity(file.stored[3]));
    ck_assert_uint_eq(before.live, before.stored_kept);
    int64_t calls = atomic_load(&o->source.calls);
    read_together(o);
    ck_assert_int_eq(atomic_load(&unpacks[3]), 2);
    ck_assert_int_eq(atomic_load(&decodes), 1 + READERS); /* each has its own buffer */
    ck_assert_int_eq(atomic_load(&o->source.calls), calls);
    vcol_stats st = t_stats(o->m);
    ck_assert_uint_eq(st.stored_hits, 1);
    ck_assert_uint_eq(st.stored_saved, file.stored[3]);
    ck_assert_uint_eq(st.live, before.live); /* the unpacked bytes, which all of them had, are gone */
    ck_assert_uint_eq(st.blocks_redecoded, 0);
    end(o);
}
END_TEST

START_TEST(e9_1_what_is_refused_still_reaches_all_who_wait)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = file.stored[3] / 2 + 1, .threads = _i});
    int64_t calls = atomic_load(&o->source.calls);
    read_together(o);
    ck_assert_int_eq(atomic_load(&unpacks[3]), 1);
    ck_assert_int_eq(atomic_load(&decodes), READERS);
    ck_assert_int_eq(atomic_load(&o->source.calls) - calls, 1);
    ck_assert_uint_eq(t_stats(o->m).live, 0); /* and nothing else was driven out for it */
    ck_assert_uint_eq(t_stats(o->m).stored_drops, 0);
    read_block(o, 3);
    ck_assert_int_eq(atomic_load(&o->source.calls) - calls, 2);
    ck_assert_uint_eq(t_stats(o->m).stored_hits, 0);
    end(o);
}
END_TEST

START_TEST(e9_1_bytes_that_are_broken_are_read_again)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW});
    int64_t calls = atomic_load(&o->source.calls);
    atomic_store(&broken, true); /* found at the first use: nothing is kept */
    open_blocks(o, 2, 3, VCOL_CORRUPT);
    ck_assert_uint_eq(t_stats(o->m).live, 0);
    atomic_store(&broken, false);
    vcol_chunk_close(open_blocks(o, 2, 3, VCOL_OK));
    ck_assert_int_eq(atomic_load(&o->source.calls) - calls, 2);
    ck_assert_uint_eq(t_stats(o->m).stored_hits, 0);
    atomic_store(&broken, true); /* found at a hit: what was kept goes */
    open_blocks(o, 2, 3, VCOL_CORRUPT);
    ck_assert_uint_gt(t_stats(o->m).stored_hits, 0);
    ck_assert_uint_eq(t_stats(o->m).stored_kept, 0);
    ck_assert_uint_eq(t_stats(o->m).live, 0);
    atomic_store(&broken, false);
    vcol_chunk_close(open_blocks(o, 2, 3, VCOL_OK));
    ck_assert_int_eq(atomic_load(&o->source.calls) - calls, 3);
    end(o);
}
END_TEST

/* ---- E9.2: by last use, by bytes ------------------------------------------------------------------------ */

START_TEST(e9_2_what_was_used_longest_ago_leaves_until_the_bytes_fit)
{
    static const uint64_t bounds[] = {1, 3000, 8000, 20000, 45000, 1 << 20};
    uint64_t bound = bounds[_i];
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = bound, .exact = true});
    t_random r = {(uint64_t)_i + 1};
    int64_t order[BLOCKS], n = 0; /* the oldest first */
    uint64_t bytes = 0, hits = 0, drops = 0;
    for (int step = 0; step < 2000; step++) {
        int64_t b = t_below(&r, BLOCKS), at = 0;
        int64_t calls = atomic_load(&o->source.calls), unpacked = atomic_load(&unpacks[b]);
        uint64_t capacity = vcol__memory_capacity(file.stored[b]);
        while (at < n && order[at] != b)
            at++;
        bool hit = at < n;
        read_block(o, b);
        ck_assert_int_eq(atomic_load(&unpacks[b]), unpacked + 1);
        ck_assert_int_eq(atomic_load(&o->source.calls) - calls, !hit);
        if (hit) {
            hits++;
            n--;
            memmove(order + at, order + at + 1, (size_t)(n - at) * sizeof *order);
            order[n++] = b;
        } else if (capacity <= bound) {
            int64_t gone = 0;
            for (; bytes + capacity > bound; gone++, drops++)
                bytes -= vcol__memory_capacity(file.stored[order[gone]]);
            n -= gone;
            memmove(order, order + gone, (size_t)n * sizeof *order);
            order[n++] = b;
            bytes += capacity;
        }
        vcol_stats st = t_stats(o->m);
        ck_assert_uint_eq(st.stored_kept, bytes);
        ck_assert_uint_eq(st.live, bytes);
        ck_assert_uint_eq(st.stored_hits, hits);
        ck_assert_uint_eq(st.stored_drops, drops);
    }
    ck_assert(_i == 0 ? hits == 0 : hits > 0);
    ck_assert(_i == 5 ? drops == 0 : _i == 0 || drops > 0);
    end(o);
}
END_TEST

/* One loop over all blocks, a chunk each. */
static void loop_over(opened *o, int64_t entries)
{
    vcol_loop_options lo;
    vcol_loop *l;
    vcol_chunk *c;
    vcol_error err = {0};
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = entries;
    ck_assert_int_eq(vcol_loop_open(o->d, &lo, &l, NULL), VCOL_OK);
    while (vcol_loop_next(l, &c, &err) == VCOL_OK) {
        const int64_t *v = vcol_chunk_i64(c, "v", &err);
        for (int64_t i = 0; i < vcol_chunk_entries(c); i++)
            t_require(v && v[i] == value_of(vcol_chunk_first(c) + i));
    }
    ck_assert_int_eq(err.status, VCOL_OK);
    vcol_loop_close(l);
}

/*
 * By last use a loop larger than the bound would find nothing. What is kept of the first is found in each of the next, and
 * it is as much as the bound has, but for a block.
 */
START_TEST(e9_2_a_loop_larger_than_the_bound_finds_what_it_kept)
{
    static const uint64_t bounds[] = {20000, 40000, 60000};
    uint64_t largest = vcol__memory_capacity(file.stored[3]), kept = 0, drops = 0;
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = bounds[_i], .exact = true});
    for (int b = 0; b < BLOCKS; b += 2)
        read_block(o, b); /* what was there before, by no loop, is no hindrance */
    for (int pass = 0; pass < 4; pass++) {
        vcol_stats before = t_stats(o->m);
        loop_over(o, pass % 2 ? 7 : ROWS_EACH);
        vcol_stats st = t_stats(o->m);
        ck_assert_uint_gt(st.stored_kept, bounds[_i] - largest);
        ck_assert_uint_le(st.stored_kept, bounds[_i]);
        if (pass > 0) {
            ck_assert_uint_eq(st.stored_saved - before.stored_saved, kept);
            ck_assert_uint_eq(st.stored_drops, drops);
        }
        kept = 0;
        for (vcol__block *b = o->m->tier.oldest; b; b = b->kept_next)
            kept += b->asked.stored;
        drops = st.stored_drops;
    }
    end(o);
}
END_TEST

/* The same where it is the limit that does not hold them. */
START_TEST(e9_2_a_loop_larger_than_the_limit_finds_what_was_left)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = UINT64_MAX, .exact = true});
    uint64_t all = 0, hits = 0;
    for (int b = 0; b < BLOCKS; b++)
        all += vcol__memory_capacity(file.stored[b]);
    read_block(o, 3);
    vcol_manager_evict(o->m);
    vcol_manager_set_limit(o->m, t_stats(o->m).fixed + all / 4 * 3);
    for (int pass = 0; pass < 12; pass++) {
        uint64_t before = t_stats(o->m).stored_hits;
        loop_over(o, ROWS_EACH);
        hits += pass ? t_stats(o->m).stored_hits - before : 0;
        ck_assert_uint_eq(t_stats(o->m).overcommits, 0);
    }
    /* A chunk with its window takes up to a third of the limit; at least a third of the blocks are found. */
    ck_assert_msg(hits >= 11 * BLOCKS / 3, "%d hits of %d", (int)hits, 11 * BLOCKS);
    end(o);
}
END_TEST

/* Makes room for one byte more than there is: one has to go. */
static void evict_one(vcol_manager *m)
{
    vcol_manager_trim(m);
    vcol_stats st = t_stats(m);
    vcol_manager_set_limit(m, st.live + st.fixed - 1);
    vcol_manager_set_limit(m, 0);
    ck_assert_uint_eq(t_stats(m).evictions, st.evictions + 1);
}

/* A buffer that is there, without a pin or a lease, and its block's stored bytes: these go first. */
START_TEST(e9_2_stored_bytes_go_before_buffers_that_were_used_with_them)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW});
    vcol__speed_add(&o->d->files[0].binding.speed, 0, UINT64_C(1) << 50); /* its reads cost nothing, whatever they take here */
    for (int b = 0; b < 6; b++) {
        vcol_chunk *c;
        vcol_view v;
        ck_assert_int_eq(vcol_chunk_open(o->d, b * ROWS_EACH, ROWS_EACH, &c, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_pin(c, 0, &v, NULL), VCOL_OK);
        vcol_view_unpin(&v);
        uint64_t both = t_stats(o->m).live, kept = vcol__memory_capacity(file.stored[b]);
        ck_assert_uint_eq(t_stats(o->m).stored_kept, kept);
        evict_one(o->m);
        ck_assert_uint_eq(t_stats(o->m).stored_drops, (uint64_t)b + 1);
        ck_assert_uint_eq(t_stats(o->m).live, both - kept);
        evict_one(o->m);
        ck_assert_uint_eq(t_stats(o->m).stored_drops, (uint64_t)b + 1);
        ck_assert_uint_eq(t_stats(o->m).live, 0);
        vcol_chunk_close(c);
    }
    end(o);
}
END_TEST

/* But where reading was dear, what was made of them goes first, and is made again without a read. */
START_TEST(e9_2_stored_bytes_that_are_dear_to_read_go_after_what_was_made_of_them)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW});
    vcol_chunk *c;
    vcol_view v;
    vcol__speed_add(&o->d->files[0].binding.speed, UINT64_C(1000000000000), 1); /* told by the test, not by a clock */
    ck_assert_int_eq(vcol_chunk_open(o->d, 3 * ROWS_EACH, ROWS_EACH, &c, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_pin(c, 0, &v, NULL), VCOL_OK);
    vcol_view_unpin(&v);
    int64_t calls = atomic_load(&o->source.calls);
    evict_one(o->m);
    ck_assert_uint_eq(t_stats(o->m).stored_drops, 0);
    ck_assert_uint_eq(t_stats(o->m).live, vcol__memory_capacity(file.stored[3]));
    ck_assert_int_eq(vcol_chunk_pin(c, 0, &v, NULL), VCOL_OK);
    ck_assert_int_eq(((const int64_t *)v.values)[0], value_of(3 * ROWS_EACH));
    vcol_view_unpin(&v);
    ck_assert_uint_eq(t_stats(o->m).stored_hits, 1);
    ck_assert_int_eq(atomic_load(&o->source.calls), calls);
    vcol_chunk_close(c);
    end(o);
}
END_TEST

/* What is being unpacked does not go, whatever room is needed; then it does. */
START_TEST(e9_2_bytes_that_are_being_unpacked_stay)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = vcol__memory_capacity(file.stored[3])});
    t_gate gate;
    t_crowd other;
    read_block(o, 3);
    t_gate_init(&gate);
    unpacking = &gate;
    t_crowd_start(&other, 1, 0, read_same_block, o);
    t_gate_await(&gate, 1);
    uint64_t live = t_stats(o->m).live;
    vcol_manager_evict(o->m);
    ck_assert_uint_eq(t_stats(o->m).live, live);
    ck_assert_uint_eq(t_stats(o->m).stored_kept, vcol__memory_capacity(file.stored[3]));
    unpacking = NULL; /* another block finds no room: it is read, and not kept */
    read_block(o, 0);
    ck_assert_uint_eq(t_stats(o->m).stored_kept, vcol__memory_capacity(file.stored[3]));
    ck_assert_uint_eq(t_stats(o->m).stored_drops, 0);
    t_gate_open(&gate);
    t_crowd_join(&other);
    t_gate_destroy(&gate);
    ck_assert_uint_eq(t_stats(o->m).stored_hits, 1);
    ck_assert_uint_eq(vcol_manager_evict(o->m) > 0, 1);
    ck_assert_uint_eq(t_stats(o->m).stored_kept, 0);
    ck_assert_uint_eq(t_stats(o->m).live, 0);
    ck_assert_uint_eq(t_stats(o->m).stored_drops, 1);
    end(o);
}
END_TEST

/* ---- E4.1 with the tier ------------------------------------------------------------------------------------ */

/* Random chunks, clears, evictions, limits: the account is the allocator's at every call, and what is left is what is kept. */
START_TEST(e4_1_the_account_has_what_is_kept)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = _i % 2 ? 20000 : 0, .exact = true});
    t_random r = {(uint64_t)_i + 1};
    for (int step = 0; step < T_REPEAT(1000); step++) {
        int64_t first = t_below(&r, BLOCKS), n = 1 + t_below(&r, BLOCKS - first);
        vcol_chunk *c = open_blocks(o, first, n, VCOL_OK);
        if (t_below(&r, 3) == 0)
            vcol_chunk_clear(c, NULL);
        vcol_chunk_close(c);
        vcol_stats st = t_stats(o->m);
        ck_assert_uint_eq(st.live, st.stored_kept);
        ck_assert_uint_eq(st.promised, 0);
        ck_assert_uint_le(st.stored_hits, st.blocks_unpacked);
        ck_assert_uint_eq(st.stored_hits + st.reads, st.blocks_unpacked); /* blocks lie apart: a read each */
        if (t_below(&r, 20) == 0) {
            vcol_manager_evict(o->m);
            ck_assert_uint_eq(t_stats(o->m).live, 0);
        }
        if (t_below(&r, 10) == 0)
            vcol_manager_set_limit(o->m, t_below(&r, 2) ? st.fixed + 50000 + (uint64_t)t_below(&r, 100000) : 0);
    }
    ck_assert_uint_gt(t_stats(o->m).stored_hits, 0);
    end(o);
}
END_TEST

/* Under a limit that what is kept would fill, every chunk still has its room, and nothing goes over. */
START_TEST(e4_1_what_is_kept_gives_way_to_what_is_needed)
{
    uint64_t all = 0;
    world();
    for (int b = 0; b < BLOCKS; b++)
        all += vcol__memory_capacity(file.stored[b]);
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .stored_limit = UINT64_MAX, .exact = true});
    read_block(o, 3); /* the thread's contexts are there */
    uint64_t limit = t_stats(o->m).fixed + all / 4 * 3; /* what one chunk needs is less, with the gap between its blocks */
    vcol_manager_set_limit(o->m, limit);
    for (int pass = 0; pass < 3; pass++)
        for (int64_t b = 0; b < BLOCKS; b += 2) {
            vcol_chunk_close(open_blocks(o, b, 2, VCOL_OK));
            vcol_stats st = t_stats(o->m);
            ck_assert_uint_le(st.live + st.promised + st.cached + st.fixed, limit);
        }
    vcol_stats st = t_stats(o->m);
    ck_assert_uint_le(st.peak, limit);
    ck_assert_uint_eq(st.overcommits, 0);
    ck_assert_uint_gt(st.stored_drops, 0);
    ck_assert_uint_gt(st.stored_kept, 0);
    end(o);
}
END_TEST

/* ---- which sources --------------------------------------------------------------------------------------- */

START_TEST(e9_3_only_slow_sources_are_kept_unless_asked)
{
    static const struct {
        uint32_t source, dataset;
        bool kept;
    } cases[] = {{VCOL_SOURCE_FAST, 0, false},
                 {VCOL_SOURCE_SLOW, 0, true},
                 {VCOL_SOURCE_FAST, VCOL_DATASET_KEEP_STORED, true},
                 {VCOL_SOURCE_SLOW, VCOL_DATASET_DROP_STORED, false}};
    opened *o = begin(&(wish){.source_flags = cases[_i].source, .dataset_flags = cases[_i].dataset});
    int64_t calls = atomic_load(&o->source.calls);
    read_block(o, 3);
    ck_assert_int_eq(t_stats(o->m).stored_kept > 0, cases[_i].kept);
    ck_assert_uint_eq(t_stats(o->m).live, t_stats(o->m).stored_kept);
    read_block(o, 3);
    ck_assert_int_eq(atomic_load(&o->source.calls) - calls, cases[_i].kept ? 1 : 2);
    ck_assert_uint_eq(t_stats(o->m).stored_hits, cases[_i].kept);
    end(o);
}
END_TEST

START_TEST(e9_3_both_at_once_is_misuse)
{
    opened *o = begin(&(wish){0}), *other = calloc(1, sizeof *other);
    vcol_error err = {0};
    ck_assert_int_eq(open_on(other, o->m, &(wish){.dataset_flags = VCOL_DATASET_KEEP_STORED | VCOL_DATASET_DROP_STORED}, &err),
                     VCOL_MISUSE);
    ck_assert_ptr_null(other->d);
    ck_assert_str_ne(err.message, "");
    vcol_source_release(other->handle);
    free(other);
    end(o);
}
END_TEST

/* A source that says nothing is measured: by what reads took, which is said here by the test instead of a clock. */
START_TEST(e9_3_what_reads_take_tells_slow_from_fast)
{
    static const struct {
        uint64_t ns, bytes;
        bool slow;
    } cases[] = {
        {0, 0, false},
        {999999, 1, false},             /* no wait at all: a small read of what is in memory */
        {1000000, 100, true},           /* a seek */
        {30000000, 1 << 20, true},      /* a round trip and a megabyte */
        {8000000, 1000000, true},       /* 125 MB/s */
        {7999999, 1000000, false},      /* above */
        {300000000, 1 << 30, false},    /* long, for it is much */
        {UINT64_MAX, UINT64_MAX, false} /* no overflow */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(vcol__speed_is_slow(cases[i].ns, cases[i].bytes) == cases[i].slow, "case %d", (int)i);
    vcol__speed speed = {0};
    for (int i = 0; i < 1000; i++) /* three of four is what it takes; two of three are not enough */
        vcol__speed_add(&speed, i % 3 ? 30000000 : 10, 1000);
    ck_assert(!vcol__speed_slow(&speed));
    ck_assert_uint_eq(atomic_load(&speed.bytes), 1000000);
    for (int i = 0; i < 16; i++) {
        ck_assert(!vcol__speed_slow(&speed));
        vcol__speed_add(&speed, i < 4 ? 10 : 30000000, 1000);
    }
    ck_assert(vcol__speed_slow(&speed));
    for (int i = 0; i < 100; i++) /* and stays */
        vcol__speed_add(&speed, 10, 1000);
    ck_assert(vcol__speed_slow(&speed));
}
END_TEST

START_TEST(e9_3_a_source_that_was_found_to_be_slow_is_kept_from_then_on)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_FAST});
    vcol__binding *binding = &o->d->files[0].binding;
    ck_assert_int_eq(binding->keep, VCOL__KEEP_NEVER);
    binding->keep = VCOL__KEEP_IF_SLOW; /* as of a source without an opinion, whose clock is the test's */
    for (int b = 0; b < 10; b++)
        read_block(o, b); /* measured, and in any case too few */
    ck_assert_uint_eq(atomic_load(&binding->speed.bytes), t_stats(o->m).bytes_read);
    ck_assert_uint_eq(t_stats(o->m).live, 0);
    for (int i = 0; i < 16; i++)
        vcol__speed_add(&binding->speed, 30000000, 1000);
    read_block(o, 3);
    ck_assert_uint_gt(t_stats(o->m).stored_kept, 0);
    int64_t calls = atomic_load(&o->source.calls);
    read_block(o, 3);
    ck_assert_int_eq(atomic_load(&o->source.calls), calls);
    end(o);
}
END_TEST

START_TEST(e9_3_sources_say_what_they_are)
{
    static const struct {
        uint64_t latency, bandwidth;
        uint32_t flags;
    } cases[] = {{0, 0, VCOL_SOURCE_FAST},
                 {10000000, 0, VCOL_SOURCE_SLOW},
                 {10000000, 1000000000, VCOL_SOURCE_SLOW},
                 {0, 100000000, VCOL_SOURCE_SLOW},
                 {100000, 3000000000, VCOL_SOURCE_FAST}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vcol_device_options options = {
            .struct_size = sizeof options, .latency_ns = cases[i].latency, .bytes_per_second = cases[i].bandwidth};
        vcol_source *memory, *device;
        ck_assert_int_eq(vcol_source_open_memory("bytes", 5, "bytes", &memory, NULL), VCOL_OK);
        ck_assert_uint_eq(vcol_source_get_limits(memory)->flags, VCOL_SOURCE_FAST | VCOL_SOURCE_SERIAL);
        ck_assert_int_eq(vcol_source_open_device(memory, &options, &device, NULL), VCOL_OK);
        ck_assert_msg(vcol_source_get_limits(device)->flags == (cases[i].flags | VCOL_SOURCE_SERIAL), "case %d", (int)i);
        vcol_source_release(device);
    }
    vcol_source *local; /* a file may lie on a disk or in memory, here or elsewhere */
    char path[] = "/tmp/vcol-tier-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(vcol_source_open_file(path, &local, NULL), VCOL_OK);
    ck_assert_uint_eq(vcol_source_get_limits(local)->flags, VCOL_SOURCE_LOCAL | VCOL_SOURCE_SERIAL);
    vcol_source_release(local);
    close(fd);
    unlink(path);
}
END_TEST

/* ---- closing --------------------------------------------------------------------------------------------- */

START_TEST(e9_4_a_data_set_that_is_closed_takes_its_own_with_it)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW}), *other = calloc(1, sizeof *other);
    ck_assert_ptr_nonnull(other);
    ck_assert_int_eq(open_on(other, o->m, &(wish){.source_flags = VCOL_SOURCE_SLOW}, NULL), VCOL_OK);
    vcol_chunk_close(open_blocks(o, 0, BLOCKS, VCOL_OK));
    uint64_t first = t_stats(o->m).stored_kept;
    vcol_chunk_close(open_blocks(other, 0, BLOCKS, VCOL_OK)); /* the same bytes, but another source */
    ck_assert_uint_eq(t_stats(o->m).stored_kept, 2 * first);
    close_set(other);
    ck_assert_uint_eq(t_stats(o->m).stored_kept, first);
    ck_assert_uint_eq(t_stats(o->m).live, first);
    ck_assert_uint_eq(t_stats(o->m).stored_drops, 0);
    int64_t calls = atomic_load(&o->source.calls);
    vcol_chunk_close(open_blocks(o, 0, BLOCKS, VCOL_OK));
    ck_assert_int_eq(atomic_load(&o->source.calls), calls);
    end(o);
    ck_assert_int_eq(atomic_load(&other->source.closed), 1);
    free(other);
}
END_TEST

/* ---- threads ---------------------------------------------------------------------------------------------- */

typedef struct used {
    opened *o;
    uint64_t fixed;
} used;

static void use(void *u_void, t_random *r)
{
    const used *u = u_void;
    for (int i = 0; i < T_REPEAT(400); i++) {
        int64_t first = t_below(r, BLOCKS), n = 1 + t_below(r, BLOCKS - first < 4 ? BLOCKS - first : 4);
        vcol_chunk_close(open_blocks(u->o, first, n, VCOL_OK));
        if (t_below(r, 30) == 0)
            vcol_manager_evict(u->o->m);
        if (t_below(r, 30) == 0)
            vcol_manager_set_limit(u->o->m, t_below(r, 2) ? u->fixed + 40000 + (uint64_t)t_below(r, 100000) : 0);
    }
}

/* A data set is used by some threads while others make room, and another data set is opened and closed meanwhile. */
START_TEST(e9_4_threads_at_the_bound_and_at_the_limit)
{
    opened *o = begin(&(wish){.source_flags = VCOL_SOURCE_SLOW, .threads = _i % 2 * 2, .stored_limit = _i < 2 ? 20000 : 0});
    t_crowd users;
    t_crowd_start(&users, 4, _i, use, &(used){o, t_stats(o->m).fixed + (4 << 20)}); /* with the threads' contexts */
    for (int i = 0; i < T_REPEAT(50); i++) {
        opened *other = calloc(1, sizeof *other);
        ck_assert_int_eq(open_more(other, o->m, &(wish){.source_flags = VCOL_SOURCE_SLOW}, NULL), VCOL_OK);
        vcol_chunk_close(open_blocks(other, 0, 5, VCOL_OK));
        vcol_chunk_close(open_blocks(other, 2, 5, VCOL_OK));
        close_set(other);
        free(other);
    }
    t_crowd_join(&users);
    vcol_stats st = t_stats(o->m);
    ck_assert_uint_eq(st.live, st.stored_kept);
    ck_assert_uint_eq(st.promised, 0);
    ck_assert_uint_gt(st.stored_hits, 0);
    ck_assert_uint_le(st.stored_hits, st.blocks_unpacked);
    end(o);
}
END_TEST

int main(void)
{
    make_file();
    const t_test tests[] = {
        {e9_1_a_hit_is_unpacked_once_for_all_who_want_it, 2},
        {e9_1_what_is_refused_still_reaches_all_who_wait, 2},
        {e9_1_bytes_that_are_broken_are_read_again, 0},
        {e9_2_what_was_used_longest_ago_leaves_until_the_bytes_fit, 6},
        {e9_2_a_loop_larger_than_the_bound_finds_what_it_kept, 3},
        {e9_2_a_loop_larger_than_the_limit_finds_what_was_left, 0},
        {e9_2_stored_bytes_go_before_buffers_that_were_used_with_them, 0},
        {e9_2_stored_bytes_that_are_dear_to_read_go_after_what_was_made_of_them, 0},
        {e9_2_bytes_that_are_being_unpacked_stay, 0},
        {e4_1_the_account_has_what_is_kept, 6},
        {e4_1_what_is_kept_gives_way_to_what_is_needed, 0},
        {e9_3_only_slow_sources_are_kept_unless_asked, 4},
        {e9_3_both_at_once_is_misuse, 0},
        {e9_3_what_reads_take_tells_slow_from_fast, 0},
        {e9_3_a_source_that_was_found_to_be_slow_is_kept_from_then_on, 0},
        {e9_3_sources_say_what_they_are, 0},
        {e9_4_a_data_set_that_is_closed_takes_its_own_with_it, 0},
        {e9_4_threads_at_the_bound_and_at_the_limit, 4},
    };
    return t_main("tier", tests, sizeof tests / sizeof *tests);
}
