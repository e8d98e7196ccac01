/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeing what the runtime does (E11, our numbers): the trace and its file, statistics of columns, progress; and what a run over a few
 * entries tells of an analysis (TESTS.md E8.4), by the queries of the ADL benchmark.
 */
#include "helpers.h"

#include "core/manager.h"
#include "job.h"

#include <jansson.h>
#include <unistd.h>

/* ---- a clock that the test moves --------------------------------------------------------------- */

static _Atomic int64_t fake_time;

static int64_t fake_clock(void *opaque)
{
    (void)opaque;
    return atomic_load(&fake_time);
}

/* Every look at it takes a nanosecond. */
static int64_t ticking_clock(void *opaque)
{
    (void)opaque;
    return atomic_fetch_add(&fake_time, 1);
}

static vcol_manager *traced(int64_t events, int64_t (*clock)(void *opaque), int threads, t_allocator *allocator)
{
    vcol_manager_options o = t_options();
    o.trace = events;
    o.threads = threads;
    o.flags = threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    if (allocator)
        o.allocator = t_allocator_of(allocator);
    vcol_manager *m = t_manager(&o);
    atomic_store(&fake_time, 1000000);
    if (clock)
        vcol__clock_set(m, clock, NULL);
    return m;
}

/* ---- a file that was written ------------------------------------------------------------------- */

static const json_t *events_of(const json_t *root)
{
    const json_t *events = json_object_get(root, "traceEvents");
    ck_assert(json_is_array(events));
    return events;
}

static const char *text(const json_t *event, const char *key)
{
    const char *value = json_string_value(json_object_get(event, key));
    return value ? value : "";
}

static int64_t ns(const json_t *event, const char *key)
{
    return (int64_t)(json_number_value(json_object_get(event, key)) * 1000 + 0.5);
}

static int64_t arg(const json_t *event, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(event, "args"), key));
}

static int64_t told(const json_t *root, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(root, "otherData"), key));
}

static int64_t count(const json_t *root, const char *category, const char *phase)
{
    const json_t *events = events_of(root);
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        n += strcmp(text(e, "cat"), category) == 0 && strcmp(text(e, "ph"), phase) == 0;
    }
    return n;
}

static int64_t sum(const json_t *root, const char *category, const char *key)
{
    const json_t *events = events_of(root);
    int64_t total = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (strcmp(text(e, "cat"), category) == 0 && strcmp(text(e, "ph"), "X") == 0)
            total += arg(e, key);
    }
    return total;
}

/* The one event of that name. */
static const json_t *named(const json_t *root, const char *name)
{
    const json_t *events = events_of(root), *found = NULL;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (strcmp(text(e, "name"), name) == 0) {
            ck_assert_msg(!found, "%s comes twice", name);
            found = e;
        }
    }
    ck_assert_msg(found != NULL, "no %s", name);
    return found;
}

/* The spans of each row, in the file's order, lie inside or behind each other, and each row has a name. */
static void check_nesting(const json_t *root)
{
    const json_t *events = events_of(root);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *row = json_array_get(events, i);
        if (strcmp(text(row, "name"), "thread_name") != 0)
            continue;
        int64_t id = json_integer_value(json_object_get(row, "tid")), ends[64];
        int depth = 0;
        for (size_t k = 0; k < json_array_size(events); k++) {
            const json_t *e = json_array_get(events, k);
            if (strcmp(text(e, "ph"), "X") != 0 || json_integer_value(json_object_get(e, "tid")) != id)
                continue;
            int64_t start = ns(e, "ts"), end = start + ns(e, "dur");
            ck_assert_int_ge(start, 0);
            ck_assert_int_ge(end, start);
            while (depth > 0 && ends[depth - 1] <= start && ends[depth - 1] < end)
                depth--;
            ck_assert_msg(depth == 0 || end <= ends[depth - 1], "%s reaches out", text(e, "name"));
            ck_assert_int_lt(depth, 64);
            ends[depth++] = end;
        }
    }
}

/* Its rows nest, whatever was done. */
static json_t *written(const vcol_manager *m)
{
    char path[] = "trace-XXXXXX";
    vcol_error err = {0};
    json_error_t why;
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert_msg(vcol_manager_trace_write(m, path, &err) == VCOL_OK, "%s", err.message);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(root != NULL, "line %d: %s", why.line, why.text);
    unlink(path);
    check_nesting(root);
    return root;
}

/* ---- a run over the sample --------------------------------------------------------------------- */

static vcol_dataset *sample(vcol_manager *m)
{
    const char *path = VCOL_SAMPLE;
    vcol_dataset *d;
    vcol_error err = {0};
    ck_assert_msg(vcol_dataset_open(m, &path, 1, NULL, &d, &err) == VCOL_OK, "%s", err.message);
    return d;
}

static void sample_end(vcol_manager *m, vcol_dataset *d)
{
    vcol_dataset_close(d);
    vcol_manager_close(m);
}

typedef struct watched {
    int64_t calls;
    vcol_progress last;
} watched;

static void watch(const vcol_progress *progress, void *opaque)
{
    watched *w = opaque;
    ck_assert_int_gt(progress->entries, w->last.entries);
    ck_assert_uint_ge(progress->bytes, w->last.bytes);
    ck_assert_uint_ge(progress->bytes_total, w->last.bytes_total);
    w->calls++;
    w->last = *progress;
}

/* All of the named columns in each chunk, and the loop's end. */
static void pass(vcol_dataset *d, int64_t entries, const char *declared, const char *used, watched *w)
{
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *chunk;
    vcol_error err = {0};
    int64_t ids[64], n;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = entries;
    lo.columns = declared;
    lo.progress = w ? watch : NULL;
    lo.progress_opaque = w;
    ck_assert_int_eq(vcol_dataset_match(d, used, ids, 64, &n, &err), VCOL_OK);
    ck_assert_int_eq(vcol_loop_open(d, &lo, &loop, &err), VCOL_OK);
    while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK)
        for (int64_t i = 0; i < n; i++) {
            vcol_view view;
            ck_assert_msg(vcol_chunk_get(chunk, ids[i], &view, &err) == VCOL_OK, "%s", err.message);
        }
    vcol_loop_close(loop);
}

/* A scope's end joins its loads; a read or a task that nobody wants any more may be about to end. */
static void settle(const vcol_manager *m)
{
    t_until(t_stats(m).live + t_stats(m).promised == 0);
}

START_TEST(e11_1_a_trace_has_all_that_was_done_and_nests)
{
    static const struct {
        int threads;
        uint64_t limit;
    } settings[] = {{0, 0}, {1, 0}, {4, 0}, {3, 1 << 20}};
    vcol_manager_options o = t_options();
    o.trace = 100000;
    o.threads = settings[_i].threads;
    o.flags = o.threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    vcol_manager *m = t_manager(&o);
    if (settings[_i].limit)
        vcol_manager_set_limit(m, m->account.fixed + settings[_i].limit);
    vcol_dataset *d = sample(m);
    pass(d, 700, NULL, "Jet_* Muon_pt MET_pt", NULL);
    settle(m);
    vcol_stats s = t_stats(m);
    json_t *root = written(m);
    ck_assert_int_eq(told(root, "dropped"), 0);
    ck_assert_int_eq(count(root, "unpack", "X"), (int64_t)s.blocks_unpacked);
    ck_assert_int_eq(sum(root, "unpack", "bytes"), (int64_t)s.bytes_unpacked);
    ck_assert_int_eq(sum(root, "unpack", "again"), (int64_t)s.blocks_redecoded);
    ck_assert_int_eq(sum(root, "read", "bytes"), (int64_t)s.bytes_read);
    ck_assert_int_le(sum(root, "read", "wanted"), (int64_t)s.bytes_read);
    int64_t loads = count(root, "load", "X") - (int64_t)(s.generations + s.failures);
    ck_assert_int_ge(loads, 0); /* those that were stopped after they had begun */
    ck_assert_int_le(loads, (int64_t)s.cancelled);
    ck_assert_int_eq(count(root, "compute", "X"), (vcol_dataset_entries(d) + 699) / 700);
    ck_assert_int_ge(count(root, "decode", "X"), (int64_t)s.blocks_unpacked);
    ck_assert_int_gt(count(root, "plan", "X"), 0);
    /* every read of a source, by itself or as a mark */
    const json_t *events = events_of(root);
    int64_t reads = 0, memory_waits = 0, waits = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        reads += strcmp(text(e, "cat"), "read") == 0 && arg(e, "file") > 0;
        const char *what = text(json_object_get(e, "args"), "for");
        memory_waits += strcmp(what, "memory") == 0;
        waits += *what != 0;
        ck_assert_int_eq(*what != 0, strcmp(text(e, "cat"), "wait") == 0);
    }
    ck_assert_int_eq(reads, (int64_t)s.reads);
    ck_assert_int_eq(memory_waits, (int64_t)s.memory_waits);
    if (!o.threads)
        ck_assert_int_eq(waits, 0);
    json_decref(root);
    sample_end(m, d);
}
END_TEST

/* ---- exact times -------------------------------------------------------------------------------- */

typedef struct timed {
    vcol_manager *m;
    int64_t before, after; /* ns that pass in the generator, around the read of the other */
    vcol_buffer *reads;
} timed;

static vcol_status generate_timed(vcol_fill *fill, void *opaque, vcol_error *err)
{
    timed *t = opaque;
    vcol_span span;
    atomic_fetch_add(&fake_time, t->before);
    if (t->reads) {
        vcol_status status = vcol_buffer_pin(t->reads, &span, err);
        if (status != VCOL_OK)
            return status;
        vcol_buffer_unpin(t->reads);
    }
    atomic_fetch_add(&fake_time, t->after);
    memset(vcol_fill_data(fill), 0, (size_t)vcol_fill_count(fill) * 8);
    return VCOL_OK;
}

START_TEST(e11_2_spans_have_the_times_that_passed_in_them)
{
    vcol_manager *m = traced(100, fake_clock, 0, NULL);
    timed inner = {m, 5000, 250, NULL}, outer = {m, 20000, 3000, NULL};
    vcol_buffer *b = t_buffer_of(m, 10, (vcol_generator){.generate = generate_timed, .opaque = &inner}, "inner");
    outer.reads = b;
    vcol_buffer *a = t_buffer_of(m, 10, (vcol_generator){.generate = generate_timed, .opaque = &outer}, "outer");
    vcol_span span;
    atomic_fetch_add(&fake_time, 100);
    vcol_trace_begin(m, "step");
    atomic_fetch_add(&fake_time, 10);
    ck_assert_int_eq(vcol_buffer_pin(a, &span, NULL), VCOL_OK);
    atomic_fetch_add(&fake_time, 7);
    vcol_trace_end(m);
    vcol_buffer_unpin(a);
    json_t *root = written(m);
    static const struct {
        const char *name, *category;
        int64_t start, duration;
    } want[] = {{"step", "compute", 100, 28267},
                {"load outer", "load", 110, 28250},
                {"generate outer", "generate", 110, 28250},
                {"load inner", "load", 20110, 5250},
                {"generate inner", "generate", 20110, 5250}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const json_t *e = named(root, want[i].name);
        ck_assert_str_eq(text(e, "cat"), want[i].category);
        ck_assert_int_eq(ns(e, "ts"), want[i].start);
        ck_assert_int_eq(ns(e, "dur"), want[i].duration);
    }
    json_decref(root);
    t_release((vcol_buffer *[]){a, b}, 2);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e11_2_a_wait_for_another_threads_load_lasts_until_it_ends)
{
    vcol_manager *m = traced(100, fake_clock, 0, NULL);
    t_gate gate;
    t_gate_init(&gate);
    t_gen gen = {.seed = 1, .count = 10, .gate = &gate};
    vcol_buffer *b = t_buffer(m, &gen, "slow");
    t_reader first = {.buffer = b, .gen = &gen}, second = {.buffer = b, .gen = &gen};
    t_reader_start(&first);
    t_gate_await(&gate, 1);
    t_reader_start(&second);
    free(t_waits(m, 1)); /* the second is on the list of those who wait, with its time */
    atomic_fetch_add(&fake_time, 4321);
    t_gate_open(&gate);
    t_reader_join(&first);
    t_reader_join(&second);
    json_t *root = written(m);
    const json_t *e = named(root, "wait for slow");
    ck_assert_int_eq(ns(e, "dur"), 4321);
    ck_assert_str_eq(text(json_object_get(e, "args"), "for"), "load");
    json_decref(root);
    t_release(&b, 1);
    t_gate_destroy(&gate);
    vcol_manager_close(m);
}
END_TEST

/* ---- the account -------------------------------------------------------------------------------- */

static int64_t part(const json_t *event, int i)
{
    static const char *const parts[] = {"live", "promised", "cached", "fixed"};
    return arg(event, parts[i]);
}

START_TEST(e11_3_the_counter_is_the_account)
{
    vcol_manager_options o = t_options();
    o.trace = 10000;
    o.threads = 2;
    o.limit = (uint64_t)8 << 20;
    vcol_manager *m = t_manager(&o);
    vcol_dataset *d = sample(m);
    int64_t slack = (int64_t)(o.limit / 256) * 4, most = 0, samples = 0, last_time = 0;
    pass(d, 1000, NULL, "Jet_*", NULL);
    settle(m);
    json_t *root = written(m);
    vcol_stats s = t_stats(m);
    const json_t *events = events_of(root), *last = NULL;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (strcmp(text(e, "name"), "memory limit") == 0)
            ck_assert_int_eq(arg(e, "limit"), (int64_t)o.limit);
        if (strcmp(text(e, "name"), "memory") != 0)
            continue;
        int64_t all = 0, changed = 0;
        for (int k = 0; k < 4; k++) {
            all += part(e, k);
            changed += last && llabs((long long)(part(e, k) - part(last, k))) > slack / 4;
            changed += last && part(e, k) == 0 && part(last, k) != 0;
        }
        if (last && i + 2 < json_array_size(events)) /* but for what was written at the end */
            ck_assert_msg(changed > 0 || samples < 2, "sample %lld is as the one before", (long long)samples);
        ck_assert_int_ge(ns(e, "ts"), last_time);
        last_time = ns(e, "ts");
        most = all > most ? all : most;
        last = e;
        samples++;
    }
    ck_assert_int_gt(samples, 4);
    ck_assert_int_le(most, (int64_t)s.peak);
    ck_assert_int_ge(most, (int64_t)s.peak - slack);
    ck_assert_int_eq(part(last, 0), (int64_t)s.live);
    ck_assert_int_eq(part(last, 1), (int64_t)s.promised);
    ck_assert_int_eq(part(last, 2), (int64_t)s.cached);
    ck_assert_int_eq(part(last, 3), (int64_t)s.fixed);
    ck_assert_int_eq(told(root, "peak"), (int64_t)s.peak);
    json_decref(root);
    sample_end(m, d);
}
END_TEST

/* ---- what it costs ------------------------------------------------------------------------------ */

START_TEST(e11_4_without_a_trace_nothing_is_kept_and_nothing_allocated)
{
    t_allocator allocator = {0};
    vcol_error err = {0};
    vcol_manager *m = traced(0, NULL, 0, &allocator);
    ck_assert_ptr_null(m->trace);
    int64_t calls = atomic_load(&allocator.calls), live = atomic_load(&allocator.live);
    uint64_t fixed = t_stats(m).fixed;
    for (int i = 0; i < 100; i++) {
        vcol_trace_begin(m, "span");
        vcol_trace_end(m);
    }
    vcol_trace_begin(NULL, "span");
    vcol_trace_end(NULL);
    ck_assert_int_eq(atomic_load(&allocator.calls), calls);
    ck_assert_int_eq(atomic_load(&allocator.live), live);
    ck_assert_uint_eq(t_stats(m).fixed, fixed);
    ck_assert_int_eq(vcol_manager_trace_write(m, "nothing.json", &err), VCOL_MISUSE);
    ck_assert_int_ne(access("nothing.json", F_OK), 0);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&allocator.live), 0);
}
END_TEST

START_TEST(e11_4_a_trace_takes_what_it_is_charged_with_at_once)
{
    t_allocator allocator = {0}, none = {0};
    vcol_manager *m = traced(0, NULL, 0, &none);
    int64_t without = atomic_load(&none.live);
    vcol_manager_close(m);
    m = traced(1000, NULL, 0, &allocator);
    int64_t takes = atomic_load(&allocator.live) - without, calls = atomic_load(&allocator.calls);
    ck_assert_int_eq((int64_t)t_stats(m).fixed, takes);
    ck_assert_int_ge(takes, 112 * 1000);
    for (int i = 0; i < 2000; i++) { /* beyond its end, too */
        vcol_trace_begin(m, "a span");
        vcol_trace_end(m);
    }
    ck_assert_int_eq(atomic_load(&allocator.calls), calls);
    json_t *root = written(m);
    ck_assert_int_eq(count(root, "compute", "X") + told(root, "dropped"), 2000);
    ck_assert_int_lt(count(root, "compute", "X"), 1001);
    ck_assert_int_gt(count(root, "compute", "X"), 990); /* samples of the account are there as well */
    ck_assert(strstr(text(json_object_get(named(root, "process_labels"), "args"), "labels"), "not in this trace") != NULL);
    json_decref(root);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&allocator.live), 0);
    for (int64_t call = 1; call <= calls; call++) { /* every allocation of opening fails once */
        t_allocator failing = {.fail_call = call};
        vcol_manager_options o = t_options();
        vcol_error err = {0};
        o.trace = 1000;
        o.flags = VCOL_MANAGER_NO_BACKGROUND;
        o.allocator = t_allocator_of(&failing);
        ck_assert_int_eq(vcol_manager_open(&o, &m, &err), VCOL_NOMEM);
        ck_assert_ptr_null(m);
        ck_assert_int_eq(atomic_load(&failing.live), 0);
    }
}
END_TEST

START_TEST(e11_4_a_trace_that_cannot_be_is_an_error)
{
    vcol_manager_options o = t_options();
    vcol_manager *m;
    vcol_error err = {0};
    o.trace = -1;
    ck_assert_int_eq(vcol_manager_open(&o, &m, &err), VCOL_MISUSE);
    m = traced(10, NULL, 0, NULL);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_manager_trace_write(m, "no/such/folder/trace.json", &err), VCOL_IO);
    ck_assert_int_ne(err.os_errno, 0);
    ck_assert_int_eq(vcol_manager_trace_write(m, "fine.json", &err), VCOL_IO); /* inherited */
    vcol_error_reset(&err);
    if (access("/dev/full", W_OK) == 0)
        ck_assert_int_eq(vcol_manager_trace_write(m, "/dev/full", &err), VCOL_IO);
    vcol_manager_close(m);
}
END_TEST

/* ---- the program's spans ------------------------------------------------------------------------ */

START_TEST(e11_5_spans_of_the_program_nest_whatever_it_does)
{
    vcol_manager *m = traced(1000, ticking_clock, 0, NULL);
    vcol_trace_end(m); /* none is open */
    for (int i = 0; i < 40; i++)
        vcol_trace_begin(m, "deep"); /* of 40, 32 are kept */
    for (int i = 0; i < 45; i++)
        vcol_trace_end(m);
    vcol_trace_begin(m, "open at the end");
    json_t *root = written(m);
    ck_assert_int_eq(count(root, "compute", "X"), 32);
    ck_assert_int_eq(told(root, "dropped"), 8);
    json_decref(root);
    vcol_manager_close(m);
}
END_TEST

START_TEST(e11_5_a_span_across_chunks_is_cut_at_the_chunk)
{
    vcol_manager *m = traced(1000, ticking_clock, 0, NULL);
    vcol_dataset *d = sample(m);
    vcol_loop *loop;
    vcol_chunk *chunk;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_loop_open(d, NULL, &loop, &err), VCOL_OK);
    ck_assert_int_eq(vcol_loop_next(loop, &chunk, &err), VCOL_OK);
    vcol_trace_begin(m, "too long");
    vcol_loop_close(loop);
    vcol_trace_end(m);
    json_t *root = written(m);
    const json_t *c = named(root, "compute"), *e = named(root, "too long");
    ck_assert_int_eq(ns(e, "ts") + ns(e, "dur"), ns(c, "ts") + ns(c, "dur"));
    json_decref(root);
    sample_end(m, d);
}
END_TEST

START_TEST(e11_5_steps_are_spans)
{
    vcol_manager *m = traced(1000, fake_clock, 0, NULL);
    vcol_dataset *d = sample(m);
    vcol_chunk *chunk;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(d, 0, 100, &chunk, &err), VCOL_OK);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"select", "fill", "last"};
        ck_assert_int_eq(vcol_chunk_step(chunk, names[i], &err), VCOL_OK);
        atomic_fetch_add(&fake_time, 1000 << i);
    }
    vcol_chunk_close(chunk);
    vcol_chunk_step_end(NULL);
    json_t *root = written(m);
    ck_assert_int_eq(count(root, "compute", "X"), 3);
    ck_assert_int_eq(ns(named(root, "select"), "ts"), 0);
    ck_assert_int_eq(ns(named(root, "select"), "dur"), 1000);
    ck_assert_int_eq(ns(named(root, "fill"), "ts"), 1000);
    ck_assert_int_eq(ns(named(root, "fill"), "dur"), 2000);
    ck_assert_int_eq(ns(named(root, "last"), "dur"), 4000); /* ends with the chunk */
    json_decref(root);
    sample_end(m, d);
}
END_TEST

START_TEST(e11_5_any_name_is_text)
{
    static const char *const names[] = {"\"quoted\\\"", "line\nend\ttab\x01\x7f", "caf\xc3\xa9 \xe2\x9c\x93 \xf0\x9f\x8d\x8e", "\xff\xfe broken \xc3",
                                        "\xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80",
                                        "123456789 123456789 123456789 123456789 12345\xe2\x9c\x93 cut in a character", "", NULL};
    vcol_manager *m = traced(100, ticking_clock, 0, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        vcol_trace_begin(m, names[i]);
        vcol_trace_end(m);
    }
    json_t *root = written(m);
    ck_assert_int_eq(count(root, "compute", "X"), (int64_t)(sizeof names / sizeof *names));
    named(root, names[0]);
    named(root, names[1]);
    named(root, names[2]);
    named(root, "\xef\xbf\xbd\xef\xbf\xbd broken \xef\xbf\xbd");
    named(root, "123456789 123456789 123456789 123456789 12345\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(root);
    vcol_manager_close(m);
}
END_TEST

static void record(void *m, t_random *r)
{
    (void)r;
    for (int i = 0; i < 1000; i++) {
        vcol_trace_begin(m, "outer");
        vcol_trace_begin(m, "inner");
        vcol_trace_end(m);
        vcol_trace_end(m);
    }
}

START_TEST(e11_5_threads_record_while_the_file_is_written)
{
    t_crowd crowd;
    vcol_manager *m = traced(12000, NULL, 0, NULL);
    t_crowd_start(&crowd, 8, 0, record, m);
    json_t *root = written(m);
    json_decref(root);
    t_crowd_join(&crowd);
    root = written(m);
    int64_t samples = 0;
    const json_t *events = events_of(root);
    for (size_t i = 0; i < json_array_size(events); i++)
        samples += strcmp(text(json_array_get(events, i), "name"), "memory") == 0;
    samples--; /* the one of writing is none of the kept */
    ck_assert_int_eq(count(root, "compute", "X") + samples, 12000);
    ck_assert_int_eq(told(root, "dropped"), 16000 - (12000 - samples));
    json_decref(root);
    vcol_manager_close(m);
}
END_TEST

/* ---- columns ------------------------------------------------------------------------------------ */

static vcol_column_stats stats_of(const vcol_dataset *d, const char *name)
{
    vcol_column_stats s;
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(d, name, &id, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_column_stats(d, id, &s, sizeof s, NULL), VCOL_OK);
    return s;
}

START_TEST(e11_6_a_columns_numbers_are_what_was_done_for_it)
{
    vcol_manager *m = traced(0, ticking_clock, 0, NULL);
    vcol_dataset *d = sample(m);
    vcol_chunk *chunk;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(d, 0, 1000, &chunk, &err), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_f32(chunk, "MET_pt", &err));
    vcol_column_stats s = stats_of(d, "MET_pt");
    vcol_stats all = t_stats(m);
    ck_assert_uint_eq(s.touched, 1);
    ck_assert_uint_eq(s.hits, 0);
    ck_assert_uint_eq(s.loads, 1);
    ck_assert_uint_eq(s.bytes_read, all.bytes_asked);
    ck_assert_uint_eq(s.blocks_unpacked, all.blocks_unpacked);
    ck_assert_uint_eq(s.bytes_unpacked, all.bytes_unpacked);
    ck_assert_uint_ge(s.peak_bytes, 4000);
    ck_assert_uint_gt(s.load_ns, 0);
    ck_assert_uint_eq(s.wait_ns, 0);
    ck_assert_ptr_nonnull(vcol_chunk_f32(chunk, "MET_pt", &err)); /* there already, and leased */
    ck_assert_uint_eq(stats_of(d, "MET_pt").touched, 1);
    ck_assert_int_eq(vcol_chunk_clear(chunk, "MET_pt"), 1);
    ck_assert_ptr_nonnull(vcol_chunk_f32(chunk, "MET_pt", &err));
    s = stats_of(d, "MET_pt");
    ck_assert_uint_eq(s.touched, 2);
    ck_assert_uint_eq(s.loads, 2);
    ck_assert_uint_eq(s.evictions, 0);
    vcol_chunk_close(chunk);
    /* evicted, and found there */
    vcol_view view;
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(d, "MET_phi", &id, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_open(d, 0, 1000, &chunk, &err), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_pin(chunk, id, &view, &err), VCOL_OK);
    vcol_view_unpin(&view);
    ck_assert_int_eq(vcol_chunk_pin(chunk, id, &view, &err), VCOL_OK);
    vcol_view_unpin(&view);
    ck_assert_uint_eq(stats_of(d, "MET_phi").hits, 1);
    vcol_manager_evict(m);
    ck_assert_uint_eq(stats_of(d, "MET_phi").evictions, 1);
    ck_assert_uint_eq(stats_of(d, "MET_phi").failures, 0);
    vcol_chunk_close(chunk);
    /* untouched columns have none, and what is not there is said */
    s = stats_of(d, "Jet_pt");
    vcol_column_stats zero = {0};
    ck_assert_int_eq(memcmp(&s, &zero, sizeof s), 0);
    ck_assert_int_eq(vcol_dataset_column_stats(d, vcol_dataset_columns(d), &s, sizeof s, &err), VCOL_RANGE);
    sample_end(m, d);
}
END_TEST

typedef struct asker {
    vcol_chunk *chunk;
    pthread_t thread;
    const float *values;
} asker;

static void *ask(void *opaque)
{
    asker *a = opaque;
    a->values = vcol_chunk_f32(a->chunk, "MET_pt", NULL);
    return NULL;
}

START_TEST(e11_6_times_of_loads_and_waits_are_those_that_passed)
{
    vcol_manager *m = traced(100, fake_clock, 0, NULL);
    size_t size;
    void *bytes = t_file(VCOL_FILE, &size);
    t_gate gate;
    t_gate_init(&gate);
    static t_source from;
    memset(&from, 0, sizeof from);
    vcol_source *source = t_source_open(&from, bytes, size, "gated");
    vcol_dataset_options o;
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &source;
    const char *path = "gated:Events";
    vcol_dataset *d;
    vcol_error err = {0};
    ck_assert_msg(vcol_dataset_open(m, &path, 1, &o, &d, &err) == VCOL_OK, "%s", err.message);
    from.gate = &gate;
    asker a = {0}, b = {0};
    ck_assert_int_eq(vcol_chunk_open(d, 0, 100, &a.chunk, &err), VCOL_OK);
    b.chunk = a.chunk;
    ck_assert_int_eq(pthread_create(&a.thread, NULL, ask, &a), 0);
    t_gate_await(&gate, 1); /* it is inside its read */
    ck_assert_int_eq(pthread_create(&b.thread, NULL, ask, &b), 0);
    free(t_waits(m, 1));
    atomic_fetch_add(&fake_time, 4321);
    t_gate_open(&gate);
    pthread_join(a.thread, NULL);
    pthread_join(b.thread, NULL);
    ck_assert_ptr_nonnull(a.values);
    ck_assert_ptr_eq(a.values, b.values);
    vcol_column_stats s = stats_of(d, "MET_pt");
    ck_assert_uint_eq(s.load_ns, 4321);
    ck_assert_uint_eq(s.wait_ns, 4321);
    ck_assert_uint_eq(s.touched, 1);
    json_t *root = written(m);
    ck_assert_int_eq(ns(named(root, "read gated"), "dur"), 4321);
    ck_assert_int_eq(ns(named(root, "wait for branch 'MET_pt'"), "dur"), 4321);
    ck_assert_int_eq(ns(named(root, "unpack branch 'MET_pt'"), "dur"), 0);
    json_decref(root);
    vcol_chunk_close(a.chunk);
    vcol_dataset_close(d);
    vcol_source_release(source);
    vcol_manager_close(m);
    t_gate_destroy(&gate);
    free(bytes);
}
END_TEST

START_TEST(e11_6_shared_offsets_count_for_each_column_that_has_them)
{
    vcol_manager *m = traced(0, NULL, 0, NULL);
    vcol_dataset *d = sample(m);
    pass(d, 100000, NULL, "Jet_pt Jet_eta", NULL);
    vcol_stats all = t_stats(m);
    vcol_column_stats pt = stats_of(d, "Jet_pt"), eta = stats_of(d, "Jet_eta"), n = stats_of(d, "nJet");
    ck_assert_uint_eq(all.generations, 4); /* counts, offsets, two contents */
    ck_assert_uint_eq(pt.loads, 3);
    ck_assert_uint_eq(eta.loads, 3);
    ck_assert_uint_eq(n.loads, 1);
    ck_assert_uint_eq(n.touched, 0);
    ck_assert_uint_eq(pt.bytes_read + eta.bytes_read - n.bytes_read, all.bytes_asked);
    ck_assert_uint_eq(pt.blocks_unpacked + eta.blocks_unpacked - n.blocks_unpacked, all.blocks_unpacked);
    sample_end(m, d);
}
END_TEST

START_TEST(e11_6_what_is_read_and_never_used_is_told)
{
    vcol_manager *m = traced(0, NULL, 2, NULL);
    vcol_dataset *d = sample(m);
    vcol_fetched f;
    vcol_chunk *chunk;
    vcol_prefetch *scope;
    vcol_error err = {0};
    ck_assert_int_eq(vcol_chunk_open(d, 0, 4000, &chunk, &err), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_begin(chunk, "MET_pt MET_phi Muon_pt", NULL, &scope, &err), VCOL_OK);
    ck_assert_int_eq(vcol_prefetch_wait(scope, &err), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_f32(chunk, "MET_pt", &err));
    vcol_prefetch_end(scope);
    vcol_chunk_close(chunk);
    ck_assert_int_eq(vcol_dataset_fetched(d, &f, sizeof f, &err), VCOL_OK);
    ck_assert_int_eq(f.columns, 4); /* nMuon, for the offsets */
    ck_assert_int_eq(f.columns_unused, 2);
    ck_assert_uint_eq(f.bytes, t_stats(m).bytes_asked);
    ck_assert_uint_eq(f.bytes_unused,
                      stats_of(d, "MET_phi").bytes_read + stats_of(d, "Muon_pt").bytes_read - stats_of(d, "nMuon").bytes_read);
    sample_end(m, d);
}
END_TEST

/* ---- progress ----------------------------------------------------------------------------------- */

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-12;
}

START_TEST(e11_7_rates_and_what_remains)
{
    vcol_progress p;
    vcol_progress_begin(&p, 1000, 8000, 10);
    ck_assert(near(p.remaining, -1) && p.rate == 0);
    vcol_progress_update(&p, 0, 0, 10); /* no time has passed */
    ck_assert(near(p.remaining, -1));
    for (int i = 1; i <= 5; i++) { /* a steady pace is the rate, from the first report on */
        vcol_progress_update(&p, 100 * i, 800 * (uint64_t)i, 10 + 2 * i);
        ck_assert(near(p.rate, 50) && near(p.bytes_rate, 400));
        ck_assert(near(p.seconds, 2 * i) && near(p.remaining, (1000 - 100 * i) / 50.0));
    }
    vcol_progress_update(&p, 500, 4000, 25); /* five seconds of nothing weigh 1 - 1/e of what there is */
    double weight = (1 - exp(-2)) * exp(-1), rate = 50 * weight / (weight + 1 - exp(-1));
    ck_assert(near(p.rate, rate) && near(p.remaining, 500 / rate));
    vcol_progress before = p;
    vcol_progress_update(&p, 500, 4000, 25); /* the clock stands still */
    vcol_progress_update(&p, 400, 4000, 26); /* entries go back */
    ck_assert(near(p.rate, before.rate));
    ck_assert_int_eq(p.entries, 400);
    vcol_progress_update(&p, 1000, 8000, 35);
    ck_assert(near(p.remaining, 0));
    ck_assert(near(p.seconds, 25));
    vcol_progress_begin(&p, 10, 0, 0);
    vcol_progress_update(&p, 0, 0, 1); /* nothing in a second: no rate, and nobody knows */
    ck_assert(near(p.rate, 0) && near(p.remaining, -1));
}
END_TEST

START_TEST(e11_7_a_loop_reports_each_chunk_and_its_end)
{
    vcol_manager *m = traced(0, ticking_clock, _i ? 2 : 0, NULL);
    vcol_dataset *d = sample(m);
    watched w = {0};
    int64_t entries = vcol_dataset_entries(d);
    pass(d, 900, _i ? "MET_pt" : NULL, "MET_pt", &w);
    ck_assert_int_eq(w.calls, (entries + 899) / 900);
    ck_assert_int_eq(w.last.entries, entries);
    ck_assert_int_eq(w.last.entries_total, entries);
    ck_assert_uint_eq(w.last.bytes, t_stats(m).bytes_read);
    vcol_column_info info;
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(d, "MET_pt", &id, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_column(d, id, &info, sizeof info, NULL), VCOL_OK);
    ck_assert_uint_eq(w.last.bytes_total, info.stored);
    ck_assert(near(w.last.remaining, 0));
    ck_assert(w.last.rate > 0);
    sample_end(m, d);
}
END_TEST

/* ---- E8.4: what a few entries tell ---------------------------------------------------------------- */

#define NAMES 256

/* A set of buffers' names. */
typedef struct names {
    int n;
    char name[NAMES][64];
} names;

static void add_name(names *set, const char *name)
{
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->name[i], name) == 0)
            return;
    ck_assert_int_lt(set->n, NAMES);
    snprintf(set->name[set->n++], sizeof set->name[0], "%s", name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool same_names(names *a, names *b)
{
    qsort(a->name, (size_t)a->n, sizeof a->name[0], compare_names);
    qsort(b->name, (size_t)b->n, sizeof b->name[0], compare_names);
    return a->n == b->n && memcmp(a->name, b->name, (size_t)a->n * sizeof a->name[0]) == 0;
}

/* What the access log says was asked for, by a program or by what it asked for. */
static void log_names(const vcol_manager *m, names *out)
{
    static vcol_log_entry log[4096];
    uint64_t from = 0;
    int64_t n;
    memset(out, 0, sizeof *out);
    while ((n = vcol_manager_log(m, from, log, 4096)) > 0) {
        for (int64_t i = 0; i < n; i++)
            if (log[i].event == VCOL_LOG_ASK)
                add_name(out, log[i].name);
        from = log[n - 1].sequence + 1;
    }
}

/* What a trace says was loaded. */
static void trace_names(const json_t *root, names *out)
{
    const json_t *events = events_of(root);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (strcmp(text(e, "cat"), "load") == 0)
            add_name(out, text(e, "name") + strlen("load "));
    }
}

typedef struct learned {
    names asked, loaded;
    int64_t touched[NAMES], n;
    vcol_fetched fetched;
} learned;

/* A query over the first `entries` (0: all); `columns` are declared, NULL: nothing is read ahead. */
static void run_query(const adl_query *query, int64_t entries, const char *columns, learned *out)
{
    vcol_manager_options o = t_options();
    vcol_loop_options lo;
    vcol_loop *loop;
    vcol_chunk *chunk;
    vcol_error err = {0};
    static adl_histogram histograms[ADL_MAX_HISTOGRAMS];
    o.trace = 20000;
    o.access_log = 20000;
    o.threads = 2;
    o.flags = columns ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    vcol_manager *m = t_manager(&o);
    vcol_dataset *d = sample(m);
    for (int h = 0; h < ADL_MAX_HISTOGRAMS; h++)
        histograms[h] = (adl_histogram){.from = 0, .to = 1};
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = 1000;
    lo.count = entries;
    lo.columns = columns;
    ck_assert_int_eq(vcol_loop_open(d, &lo, &loop, &err), VCOL_OK);
    while (vcol_loop_next(loop, &chunk, &err) == VCOL_OK)
        query->run(chunk, histograms, &err);
    ck_assert_msg(!err.status, "%s", err.message);
    vcol_loop_close(loop);
    settle(m);
    ck_assert_int_eq(vcol_dataset_touched(d, out->touched, NAMES, &out->n, &err), VCOL_OK);
    ck_assert_int_eq(vcol_dataset_fetched(d, &out->fetched, sizeof out->fetched, &err), VCOL_OK);
    log_names(m, &out->asked);
    json_t *root = written(m);
    ck_assert_int_eq(told(root, "dropped"), 0);
    trace_names(root, &out->loaded);
    json_decref(root);
    sample_end(m, d);
}

START_TEST(e8_4_a_few_entries_tell_what_the_whole_run_asks_for)
{
    static learned few, whole, declared;
    const adl_query *query = adl_queries[_i];
    run_query(query, 200, NULL, &few);
    run_query(query, 0, NULL, &whole);
    ck_assert_int_gt(few.n, 0);
    ck_assert_int_gt(few.loaded.n, 0);
    ck_assert(same_names(&few.loaded, &whole.asked)); /* the trace on k entries, the access log of the real run */
    ck_assert(same_names(&few.asked, &whole.asked));
    ck_assert_int_eq(few.n, whole.n);
    ck_assert_int_eq(memcmp(few.touched, whole.touched, (size_t)few.n * sizeof few.touched[0]), 0);
    ck_assert_uint_eq(whole.fetched.bytes_unused, 0); /* without prefetch nothing is read for nothing */
    ck_assert_int_eq(whole.fetched.columns_unused, 0);
    /* Declared, what was learned is read ahead and used up; a column more is seen. */
    char list[4096] = "";
    vcol_manager *m = traced(0, NULL, 0, NULL);
    vcol_dataset *d = sample(m);
    for (int64_t i = 0; i < few.n; i++) {
        vcol_column_info info;
        ck_assert_int_eq(vcol_dataset_column(d, few.touched[i], &info, sizeof info, NULL), VCOL_OK);
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", info.path);
    }
    sample_end(m, d);
    run_query(query, 0, list, &declared);
    ck_assert_int_eq(declared.fetched.columns_unused, 0);
    ck_assert_uint_eq(declared.fetched.bytes_unused, 0);
    ck_assert(same_names(&declared.loaded, &whole.loaded));
}
END_TEST

START_TEST(e8_4_touched_columns_come_in_order_of_first_use)
{
    static const char *const order[] = {"MET_phi", "nJet", "Muon_pt", "MET_pt"};
    vcol_manager *m = traced(0, NULL, 0, NULL);
    vcol_dataset *d = sample(m);
    vcol_chunk *chunk;
    vcol_error err = {0};
    int64_t ids[8], n = -1;
    ck_assert_int_eq(vcol_dataset_touched(d, ids, 8, &n, &err), VCOL_OK);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(vcol_chunk_open(d, 0, 100, &chunk, &err), VCOL_OK);
    vcol_chunk_f32(chunk, "MET_phi", &err);
    vcol_chunk_offsets(chunk, "Jet", &err); /* only how many there are */
    vcol_chunk_f32(chunk, "Muon_pt", &err);
    vcol_chunk_f32(chunk, "MET_pt", &err);
    vcol_chunk_f32(chunk, "MET_phi", &err);
    vcol_chunk_close(chunk);
    ck_assert_int_eq(err.status, 0);
    ck_assert_int_eq(vcol_dataset_touched(d, ids, 8, &n, &err), VCOL_OK);
    ck_assert_int_eq(n, 4);
    for (int i = 0; i < 4; i++) {
        vcol_column_info info;
        ck_assert_int_eq(vcol_dataset_column(d, ids[i], &info, sizeof info, NULL), VCOL_OK);
        ck_assert_str_eq(info.path, order[i]);
    }
    ck_assert_int_eq(vcol_dataset_touched(d, ids, 2, &n, &err), VCOL_OK); /* the first ones, and how many there are */
    ck_assert_int_eq(n, 4);
    ck_assert_int_eq(vcol_dataset_touched(d, NULL, 0, &n, &err), VCOL_OK);
    ck_assert_int_eq(n, 4);
    sample_end(m, d);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e11_1_a_trace_has_all_that_was_done_and_nests, 4},
        {e11_2_spans_have_the_times_that_passed_in_them, 0},
        {e11_2_a_wait_for_another_threads_load_lasts_until_it_ends, 0},
        {e11_3_the_counter_is_the_account, 0},
        {e11_4_without_a_trace_nothing_is_kept_and_nothing_allocated, 0},
        {e11_4_a_trace_takes_what_it_is_charged_with_at_once, 0},
        {e11_4_a_trace_that_cannot_be_is_an_error, 0},
        {e11_5_spans_of_the_program_nest_whatever_it_does, 0},
        {e11_5_a_span_across_chunks_is_cut_at_the_chunk, 0},
        {e11_5_steps_are_spans, 0},
        {e11_5_any_name_is_text, 0},
        {e11_5_threads_record_while_the_file_is_written, 0},
        {e11_6_a_columns_numbers_are_what_was_done_for_it, 0},
        {e11_6_times_of_loads_and_waits_are_those_that_passed, 0},
        {e11_6_shared_offsets_count_for_each_column_that_has_them, 0},
        {e11_6_what_is_read_and_never_used_is_told, 0},
        {e11_7_rates_and_what_remains, 0},
        {e11_7_a_loop_reports_each_chunk_and_its_end, 2},
        {e8_4_a_few_entries_tell_what_the_whole_run_asks_for, 8},
        {e8_4_touched_columns_come_in_order_of_first_use, 0},
    };
    return t_main("trace", tests, sizeof tests / sizeof *tests);
}
