/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks and loops over the sample file, in memory, through a source that counts: TESTS.md E2.2 (getters), E3.5 (chunks in
 * scopes), E8.1 and E8.3 (batches, late columns, columns that a file lacks).
 */
#include "sample.h"

#include <sys/wait.h>
#include <unistd.h>

#define ROWS 8000

/* ---- a reader: ROOT's, but the second object that is opened lacks its last column ---------------------- */

static struct {
    int opened;
    void *second;
    vcol_schema schema;
} lacking;

static vcol_status open_object(void *file, const char *name, vcol_worker *worker, void **object, vcol_error *err)
{
    vcol_status status = vcol_reader_root()->open_object(file, name, worker, object, err);
    if (status == VCOL_OK && ++lacking.opened == 2) {
        lacking.second = *object;
        lacking.schema = *vcol_reader_root()->schema(*object);
        lacking.schema.n_columns--;
    }
    return status;
}

static const vcol_schema *schema_of(void *object)
{
    return object == lacking.second ? &lacking.schema : vcol_reader_root()->schema(object);
}

/* ---- opening ------------------------------------------------------------------------------------------ */

/* threads as of sample_open */
static sample *fresh(int threads, int files, uint32_t flags, vcol_status want, vcol_error *err)
{
    vcol_manager_options o = t_options();
    vcol_dataset_options d;
    static vcol_reader reader;
    const vcol_reader *readers = &reader;
    reader = *vcol_reader_root();
    reader.open_object = open_object;
    reader.schema = schema_of;
    memset(&lacking, 0, sizeof lacking);
    o.read_gap = o.read_size = (uint64_t)1 << 20; /* what is asked for at once is one read */
    o.access_log = 10000;
    vcol_dataset_options_init(&d, sizeof d);
    d.flags = flags;
    d.readers = &readers;
    d.n_readers = 1;
    return sample_open(threads, o, files, &d, want, err);
}

static vcol_chunk *chunk_of(sample *w, int64_t first, int64_t count)
{
    vcol_chunk *c;
    vcol_error err = {0};
    ck_assert_msg(vcol_chunk_open(w->d, first, count, &c, &err) == VCOL_OK, "%s", err.message);
    return c;
}

static int64_t id_of(const sample *w, const char *name)
{
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(w->d, name, &id, NULL), VCOL_OK);
    return id;
}

/* ---- E2.2 --------------------------------------------------------------------------------------------- */

/* A lease ends by clear, by the chunk's close, or by the loop's next: _i % 3. Values, then offsets are read after that. */
START_TEST(e2_2_a_getters_pointer_is_poisoned_after_clear_and_the_chunks_end)
{
    enum { CLEAR, CLOSE, NEXT };
    int how = _i % 3, status = 0;
    sample *w = fresh(0, 1, 0, VCOL_OK, NULL);
    vcol_loop_options o;
    vcol_loop *loop = NULL;
    vcol_chunk *c, *next;
    vcol_loop_options_init(&o, sizeof o);
    o.entries = 1000;
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &loop, NULL), VCOL_OK);
    if (how == NEXT)
        ck_assert_int_eq(vcol_loop_next(loop, &c, NULL), VCOL_OK);
    else
        c = chunk_of(w, 0, 1000);
    volatile const float *values = vcol_chunk_f32(c, "MET_pt", NULL);
    volatile const int64_t *offsets = vcol_chunk_offsets(c, "Jet", NULL);
    ck_assert(values && offsets);
    ck_assert(values[1] > 0 && offsets[1] >= 0);
#ifdef T_ASAN /* only it can tell */
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        if (how == CLEAR)
            vcol_chunk_clear(c, NULL);
        else if (how == CLOSE)
            vcol_chunk_close(c);
        else if (vcol_loop_next(loop, &next, NULL) != VCOL_OK)
            _exit(43);
        _exit((_i < 3 ? (int64_t)values[1] : offsets[1]) ? 42 : 42); /* not reached */
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 42 && WEXITSTATUS(status) != 43),
                  "the child lived on with %d", status);
#else
    (void)next, (void)status;
#endif
    if (how != NEXT)
        vcol_chunk_close(c);
    vcol_loop_close(loop);
    sample_close(w);
}
END_TEST

/* A view's pin defers clear, and outlives the chunk. */
START_TEST(e2_2_clear_of_a_pinned_view_waits_for_its_unpin)
{
    sample *w = fresh(0, 1, 0, VCOL_OK, NULL);
    vcol_chunk *c = chunk_of(w, 0, ROWS); /* all: no block is kept for a chunk behind */
    vcol_view v, again;
    uint64_t empty = t_stats(w->m).live;
    ck_assert_int_eq(vcol_chunk_pin(c, id_of(w, "Jet_pt"), &v, NULL), VCOL_OK);
    int64_t items = v.level[0].offsets[ROWS];
    float *copy = malloc((size_t)items * sizeof *copy);
    memcpy(copy, v.values, (size_t)items * sizeof *copy);
    if (_i == 0)
        vcol_chunk_clear(c, NULL);
    else
        vcol_chunk_close(c);
    ck_assert_uint_gt(t_stats(w->m).live, empty);
    ck_assert_int_eq(v.level[0].offsets[ROWS], items);
    ck_assert_int_eq(memcmp(v.values, copy, (size_t)items * sizeof *copy), 0);
    vcol_view_unpin(&v);
    ck_assert_uint_eq(t_stats(w->m).live, empty);
    if (_i == 0) {
        ck_assert_int_eq(vcol_chunk_get(c, id_of(w, "Jet_pt"), &again, NULL), VCOL_OK);
        ck_assert_int_eq(memcmp(again.values, copy, (size_t)items * sizeof *copy), 0);
        vcol_chunk_close(c);
    }
    free(copy);
    sample_close(w);
}
END_TEST

/* ---- E3.5 --------------------------------------------------------------------------------------------- */

/* Closing a chunk ends its scopes after k steps of their work; their own ends come later, and do nothing. */
START_TEST(e3_5_a_chunk_may_be_closed_inside_its_scopes)
{
    sample *w = fresh(SAMPLE_STEPPED, 1, 0, VCOL_OK, NULL);
    vcol_chunk *c = chunk_of(w, 0, ROWS);
    vcol_prefetch *one, *two;
    vcol_prefetch_stats a, b;
    ck_assert_int_eq(vcol_prefetch_begin(c, "MET_pt Jet_pt", NULL, &one, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin(c, "Jet_pt run", NULL, &two, NULL), VCOL_OK);
    for (int i = 0; i < _i; i++)
        t_step(&w->e);
    vcol_chunk_close(c);
    ck_assert_uint_eq(t_stats(w->m).live + t_stats(w->m).promised, 0);
    uint64_t made = t_stats(w->m).generations;
    t_run(&w->e); /* finds nothing */
    ck_assert_uint_eq(t_stats(w->m).generations, made);
    vcol_prefetch_get_stats(one, &a, sizeof a);
    vcol_prefetch_get_stats(two, &b, sizeof b);
    ck_assert_int_eq((int64_t)made + a.taken_back + b.taken_back, a.issued + b.issued); /* each once */
    ck_assert_int_eq(vcol_prefetch_wait(one, NULL), VCOL_OK);
    vcol_prefetch_end(one);
    vcol_prefetch_end(two);
    sample_close(w);
}
END_TEST

/* ---- E8.1 --------------------------------------------------------------------------------------------- */

/* A prefetch of a jagged column's baskets and of those of what counts it is one read where reads may be large. */
START_TEST(e8_1_offsets_and_content_are_asked_for_in_one_batch)
{
    sample *w = fresh(SAMPLE_STEPPED, 1, 0, VCOL_OK, NULL);
    vcol_chunk *c = chunk_of(w, 0, ROWS);
    vcol_view v;
    vcol_prefetch *scope;
    ck_assert_int_eq(vcol_prefetch_begin(c, "Jet_pt", NULL, &scope, NULL), VCOL_OK);
    while (t_step_kind(&w->e, VCOL_TASK_IO))
        ;
    ck_assert_int_eq(vcol_chunk_get(c, id_of(w, "Jet_pt"), &v, NULL), VCOL_OK);
    ck_assert_uint_eq(t_stats(w->m).reads, 1);
    ck_assert_ptr_nonnull(vcol_chunk_offsets(c, "Jet", NULL));
    ck_assert_ptr_nonnull(vcol_chunk_u32(c, "nJet", NULL));
    ck_assert_uint_eq(t_stats(w->m).reads, 1);
    vcol_prefetch_end(scope);
    vcol_chunk_close(c);
    sample_close(w);
}
END_TEST

/* ---- E8.3 --------------------------------------------------------------------------------------------- */

static bool prefetched(const sample *w, const char *name, int64_t first)
{
    static vcol_log_entry log[10000];
    int64_t n = vcol_manager_log(w->m, 0, log, 10000);
    for (int64_t i = 0; i < n; i++)
        if (log[i].event == VCOL_LOG_PREFETCH && log[i].first == first && strstr(log[i].name, name))
            return true;
    return false;
}

/* Learned when the loop's window has `ahead` chunks already: fetched ahead for these and for all that are opened later. */
START_TEST(e8_3_a_column_touched_late_is_fetched_ahead_for_the_chunks_to_come)
{
    enum { ENTRIES = 500, LATE = 4, AHEAD = 2 };
    sample *w = fresh(2, 1, 0, VCOL_OK, NULL);
    vcol_loop_options o;
    vcol_loop *loop;
    vcol_chunk *c;
    vcol_chunk *whole = chunk_of(w, 0, ROWS);
    const float *jets = vcol_chunk_f32(whole, "Jet_pt", NULL);
    const int64_t *starts = vcol_chunk_offsets(whole, "Jet", NULL);
    ck_assert(jets && starts);
    vcol_loop_options_init(&o, sizeof o);
    o.entries = ENTRIES;
    o.columns = "MET_pt";
    o.ahead = AHEAD;
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &loop, NULL), VCOL_OK);
    for (int64_t k = 0; vcol_loop_next(loop, &c, NULL) == VCOL_OK; k++) {
        int64_t first = k * ENTRIES;
        ck_assert_ptr_nonnull(vcol_chunk_f32(c, "MET_pt", NULL));
        ck_assert_int_eq(prefetched(w, "Jet_pt", first), k > LATE);
        if (k < LATE)
            continue;
        const float *pt = vcol_chunk_f32(c, "Jet_pt", NULL);
        ck_assert_ptr_nonnull(pt);
        ck_assert_int_eq(memcmp(pt, jets + starts[first],
                                (size_t)(starts[first + vcol_chunk_entries(c)] - starts[first]) * sizeof *pt), 0);
    }
    ck_assert_int_eq(vcol_loop_chunks(loop), ROWS / ENTRIES);
    ck_assert_uint_eq(t_stats(w->m).blocks_redecoded, 0);
    vcol_loop_close(loop);
    vcol_chunk_close(whole);
    sample_close(w);
}
END_TEST

/* The second of two files lacks a column: null there by option, else the data set does not open. */
START_TEST(e8_3_a_column_that_a_file_lacks_is_null_or_an_error)
{
    vcol_error err = {0};
    const char *name = "Jet_btag";
    sample *w = fresh(_i, 2, 0, VCOL_TYPE, &err);
    ck_assert_msg(strstr(err.message, name) && strstr(err.message, "two"), "%s", err.message);
    sample_close(w);
    w = fresh(_i, 2, VCOL_DATASET_MISSING_NULL, VCOL_OK, NULL);
    ck_assert_int_eq(vcol_dataset_entries(w->d), 2 * ROWS);
    for (int f = 0; f < 2; f++) {
        vcol_chunk *c = chunk_of(w, f * ROWS, ROWS);
        vcol_view v;
        ck_assert_int_eq(vcol_chunk_get(c, id_of(w, name), &v, NULL), VCOL_OK);
        ck_assert_ptr_nonnull(v.values);
        ck_assert_int_eq(v.entries, ROWS);
        ck_assert_int_eq(v.level[0].kind, VCOL_LEVEL_OPTIONAL);
        ck_assert_int_eq(v.level[1].kind, VCOL_LEVEL_LIST);
        for (int64_t i = 0; i < ROWS; i++) {
            bool there = !v.level[0].validity || v.level[0].validity[i / 8] >> i % 8 & 1;
            ck_assert_int_eq(there, f == 0);
            ck_assert(f == 0 || v.level[1].offsets[i + 1] == 0);
        }
        ck_assert_int_eq(v.count == 0, f);
        ck_assert_int_eq(vcol_chunk_get(c, id_of(w, "Jet_pt"), &v, NULL), VCOL_OK);
        ck_assert_int_gt(v.count, ROWS);
        vcol_chunk_close(c);
    }
    sample_close(w);
}
END_TEST

/* ---- E8.1: closed while another thread evicts -------------------------------------------------------- */

/* An allocator whose frees of column memory stop at a gate, in one thread. */
static t_gate evicting;
static _Thread_local bool gated;

static void *plain_alloc(size_t n, size_t align, void *opaque)
{
    void *p = NULL;
    (void)opaque;
    return posix_memalign(&p, align < sizeof p ? sizeof p : align, n ? n : 1) ? NULL : p;
}

static void gated_free(void *p, size_t n, size_t align, void *opaque)
{
    (void)n;
    (void)opaque;
    if (gated && align == 64)
        t_gate_pass(&evicting);
    free(p);
}

static void *evict_gated(void *m)
{
    gated = true;
    vcol_manager_evict(m);
    return NULL;
}

static void *close_dataset(void *d)
{
    vcol_dataset_close(d);
    return NULL;
}

/* The evictor holds what the pass has carried; the file must stay until it has let go. */
START_TEST(e8_1_a_data_set_stays_until_who_evicts_its_blocks_is_done)
{
    vcol_manager_options o = t_options();
    vcol_dataset *d = NULL;
    vcol_chunk *c = NULL;
    vcol_error err = {0};
    pthread_t evictor, closer;
    t_gate_init(&evicting);
    o.flags = VCOL_MANAGER_NO_BACKGROUND;
    o.cached_limit = 1; /* what is evicted is freed */
    o.allocator = (vcol_allocator){plain_alloc, gated_free, NULL};
    vcol_manager *m = t_manager(&o);
    ck_assert_int_eq(vcol_dataset_open(m, (const char *[]){VCOL_SAMPLE}, 1, NULL, &d, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(d, 0, 10, &c, &err), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "MET_pt", &err));
    vcol_chunk_close(c); /* its basket goes on, and is kept */
    ck_assert_uint_gt(t_stats(m).live, 0);
    ck_assert_int_eq(pthread_create(&evictor, NULL, evict_gated, m), 0);
    t_gate_await(&evicting, 1);
    ck_assert_int_eq(pthread_create(&closer, NULL, close_dataset, d), 0);
    free(t_waits(m, 1));
    t_gate_open(&evicting);
    pthread_join(evictor, NULL);
    pthread_join(closer, NULL);
    ck_assert_uint_eq(t_stats(m).live, 0);
    vcol_manager_close(m);
}
END_TEST

/* Entries 1 and 2 of data/objects.jsonl: vv [[[1],[1]],[[2,2]]] and [[[2,2]],[[],[]],[[4]]], names [["a","b"],["aa","b"]] and … */
START_TEST(lists_of_lists_and_of_strings_are_got_by_the_number_of_the_list)
{
    vcol_manager_options o = t_options();
    vcol_dataset *d = NULL;
    vcol_chunk *c = NULL;
    vcol_error err = {0};
    vcol_manager *m = t_manager(&o);
    ck_assert_int_eq(vcol_dataset_open(m, (const char *[]){VCOL_OBJECTS}, 1, NULL, &d, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(d, 1, 2, &c, &err), VCOL_OK);
    const int64_t subs[] = {0, 2, 5}, lists[] = {0, 2, 3, 4, 6, 7}, items[] = {0, 1, 2, 4, 6, 6, 6, 7};
    const int32_t values[] = {1, 1, 2, 2, 2, 2, 4};
    ck_assert_mem_eq(vcol_chunk_offsets_of(c, "whole.subs.vv", 0, &err), subs, sizeof subs);
    ck_assert_mem_eq(vcol_chunk_offsets(c, "whole.subs.vv", &err), subs, sizeof subs);
    ck_assert_mem_eq(vcol_chunk_offsets_of(c, "whole.subs.vv", 1, &err), lists, sizeof lists);
    ck_assert_mem_eq(vcol_chunk_offsets_of(c, "whole.subs.vv", 2, &err), items, sizeof items);
    ck_assert_mem_eq(vcol_chunk_i32(c, "whole.subs.vv", &err), values, sizeof values);
    ck_assert_ptr_null(vcol_chunk_offsets_of(c, "whole.subs.vv", 3, &err));
    ck_assert_int_eq(err.status, VCOL_TYPE);
    vcol_error_reset(&err);
    const int64_t chars[] = {0, 1, 2, 4, 5, 7, 8, 8, 9, 10, 11}; /* two names a list */
    ck_assert_mem_eq(vcol_chunk_offsets_of(c, "whole.subs.names", 1, &err), chars, sizeof chars);
    ck_assert_mem_eq(vcol_chunk_chars(c, "whole.subs.names", &err), "abaabaabbab", 11);
    ck_assert_ptr_null(vcol_chunk_offsets_of(c, "whole.subs.names", -1, &err));
    ck_assert_int_eq(err.status, VCOL_MISUSE);
    vcol_chunk_close(c);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {lists_of_lists_and_of_strings_are_got_by_the_number_of_the_list, 0},
        {e2_2_a_getters_pointer_is_poisoned_after_clear_and_the_chunks_end, 6},
        {e2_2_clear_of_a_pinned_view_waits_for_its_unpin, 2},
        {e3_5_a_chunk_may_be_closed_inside_its_scopes, 8},
        {e8_1_offsets_and_content_are_asked_for_in_one_batch, 0},
        {e8_1_a_data_set_stays_until_who_evicts_its_blocks_is_done, 0},
        {e8_3_a_column_touched_late_is_fetched_ahead_for_the_chunks_to_come, 0},
        {e8_3_a_column_that_a_file_lacks_is_null_or_an_error, 2},
    };
    return t_main("chunk", tests, sizeof tests / sizeof *tests);
}
