/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans, steps and what is put into chunks, over the sample file in memory: TESTS.md E2.2 (the end of a step) and E6. What is
 * loaded, prefetched and dropped is read from the access log, what is kept from the account.
 */
#include "sample.h"

#include "core/memory.h"

#include <sys/wait.h>
#include <unistd.h>

#define ROWS 8000
#define LOG  20000

/* threads as of sample_open */
static sample *fresh_files(int threads, vcol_manager_options o, int files)
{
    o.access_log = LOG;
    return sample_open(threads, o, files, NULL, VCOL_OK, NULL);
}

static sample *fresh_with(int threads, vcol_manager_options o)
{
    return fresh_files(threads, o, 1);
}

static sample *fresh(int threads)
{
    return fresh_with(threads, t_options());
}

static vcol_chunk *chunk_of(sample *w, vcol_plan *plan)
{
    vcol_chunk *c;
    vcol_error err = {0};
    ck_assert_msg(vcol_chunk_open(w->d, 0, ROWS, &c, &err) == VCOL_OK, "%s", err.message);
    if (plan)
        ck_assert_msg(vcol_chunk_set_plan(c, plan, &err) == VCOL_OK, "%s", err.message);
    return c;
}

static vcol_plan *plan_of(const char *const steps[][2], int n)
{
    vcol_plan *p;
    ck_assert_int_eq(vcol_plan_create(&p, NULL), VCOL_OK);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(vcol_plan_add_step(p, steps[i][0], steps[i][1], NULL, NULL), VCOL_OK);
    return p;
}

static vcol_plan_stats plan_stats(const vcol_plan *p)
{
    vcol_plan_stats s;
    vcol_plan_get_stats(p, &s, sizeof s);
    return s;
}

static void step(vcol_chunk *c, const char *name)
{
    vcol_error err = {0};
    ck_assert_msg(vcol_chunk_step(c, name, &err) == VCOL_OK, "%s", err.message);
}

/* Asks for a column of float or, where it is one, of uint32. */
static const void *ask(vcol_chunk *c, const char *name)
{
    vcol_error err = {0};
    const void *values = name[0] == 'n' ? (const void *)vcol_chunk_u32(c, name, &err) : (const void *)vcol_chunk_f32(c, name, &err);
    ck_assert_msg(values != NULL, "%s", err.message);
    return values;
}

/* How often a buffer whose name has that in it saw an event. */
static int seen(const sample *w, vcol_log_event event, const char *name)
{
    static vcol_log_entry log[LOG];
    int64_t n = vcol_manager_log(w->m, 0, log, LOG);
    int found = 0;
    for (int64_t i = 0; i < n; i++)
        found += log[i].event == (int32_t)event && strstr(log[i].name, name) != NULL;
    return found;
}

static uint64_t live(const sample *w)
{
    return t_stats(w->m).live;
}

/* Bytes that are charged for so many float32. */
static uint64_t floats(int64_t n)
{
    return vcol__memory_capacity((size_t)n * sizeof(float));
}

static vcol_put put_of(const char *name, vcol_type type, const void *data, int64_t count)
{
    vcol_put p;
    vcol_put_init(&p, sizeof p);
    p.name = name;
    p.type = type;
    p.data = data;
    p.count = count;
    return p;
}

/* ---- steps and their leases ----------------------------------------------------------------------------- */

START_TEST(e6_4_a_column_is_released_after_its_last_step_and_offsets_while_nobody_needs_them)
{
    static const char *const steps[][2] = {{"one", "MET_pt Jet_pt"}, {"two", "Jet_pt Jet_eta"}, {"three", "Jet_eta"}, {"four", "run"}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 4);
    vcol_chunk *c = chunk_of(w, p);
    step(c, "one");
    ask(c, "MET_pt");
    ask(c, "Jet_pt");
    const int64_t *offsets = vcol_chunk_offsets(c, "Jet", NULL);
    int64_t jets = offsets[ROWS];
    uint64_t shared = live(w) - floats(ROWS) - floats(jets); /* offsets and what they were made of */
    step(c, "two");
    ck_assert_uint_eq(live(w), floats(jets) + shared); /* without MET_pt */
    ask(c, "Jet_pt");
    ask(c, "Jet_eta");
    ck_assert_uint_eq(live(w), 2 * floats(jets) + shared);
    step(c, "three");
    ck_assert_uint_eq(live(w), floats(jets) + shared); /* without Jet_pt; the offsets are Jet_eta's too */
    ask(c, "Jet_eta");
    step(c, "four");
    ck_assert_uint_eq(live(w), 0);
    vcol_chunk_step_end(c);
    ck_assert_int_eq(plan_stats(p).released, 3);
    ck_assert_int_eq(plan_stats(p).early, 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, i ? "Jet_eta" : "Jet_pt"), 1);
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* Also in a file that is not the first: by the plan (0), and by clear (1). */
START_TEST(e6_4_columns_of_later_files_are_released_too)
{
    static const char *const steps[][2] = {{"one", "MET_pt Jet_pt nJet"}, {"two", "Jet_eta"}, {"three", "run"}};
    sample *w = fresh_files(0, t_options(), 2);
    vcol_plan *p = plan_of(steps, 3);
    vcol_chunk *c;
    ck_assert_int_eq(vcol_chunk_open(w->d, ROWS, ROWS, &c, NULL), VCOL_OK);
    if (!_i)
        ck_assert_int_eq(vcol_chunk_set_plan(c, p, NULL), VCOL_OK);
    step(c, "one");
    ask(c, "MET_pt");
    ask(c, "nJet");
    ask(c, "Jet_pt");
    int64_t jets = vcol_chunk_offsets(c, "Jet", NULL)[ROWS];
    uint64_t offsets = vcol__memory_capacity((ROWS + 1) * sizeof(int64_t));
    step(c, "two");
    ask(c, "Jet_eta");
    if (_i)
        ck_assert_int_eq(vcol_chunk_clear(c, "MET_pt Jet_pt"), 2);
    ck_assert_uint_eq(live(w), floats(jets) + offsets + (_i ? floats(ROWS) : 0)); /* nJet was not cleared */
    step(c, "three");
    if (_i)
        ck_assert_int_eq(vcol_chunk_clear(c, "Jet_eta nJet"), 2);
    ck_assert_uint_eq(live(w), 0);
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* Without a plan a step ends its leases and nothing else; what was asked for outside of steps stays in place. */
START_TEST(e6_4_a_step_ends_its_own_leases_only)
{
    sample *w = fresh(0);
    vcol_chunk *c = chunk_of(w, NULL);
    const float *outside = ask(c, "MET_phi");
    float value = outside[7];
    step(c, "one");
    ask(c, "MET_pt");
    ask(c, "MET_phi"); /* has its lease already */
    vcol_manager_evict(w->m); /* blocks */
    ck_assert_uint_eq(live(w), 2 * floats(ROWS));
    vcol_chunk_step_end(c);
    ck_assert_uint_eq(live(w), 2 * floats(ROWS));
    vcol_manager_evict(w->m);
    ck_assert_uint_eq(live(w), floats(ROWS));
    ck_assert(outside[7] == value);
    step(c, "two");
    vcol_chunk_step_end(c);
    vcol_chunk_step_end(c);
    vcol_chunk_close(c);
    sample_close(w);
}
END_TEST

/* The plan would release it: the column, and the offsets that were asked for by the collection's name or a column's. */
START_TEST(e6_4_what_was_asked_for_outside_of_steps_is_not_released)
{
    static const char *const steps[][2] = {{"one", "MET_pt Jet_pt @Jet @Muon_pt"}, {"two", "run"}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 2);
    vcol_chunk *c = chunk_of(w, p);
    const float *outside = ask(c, "MET_pt");
    const int64_t *jets = vcol_chunk_offsets(c, "Jet", NULL), *muons = vcol_chunk_offsets(c, "Muon_pt", NULL);
    float value = outside[7];
    int64_t n = jets[ROWS], n_muons = muons[ROWS];
    step(c, "one");
    ask(c, "MET_pt");
    ask(c, "Jet_pt");
    ck_assert_ptr_eq(vcol_chunk_offsets(c, "Jet", NULL), jets);
    step(c, "two");
    vcol_manager_evict(w->m);
    ck_assert_uint_eq(live(w), floats(ROWS) + 2 * vcol__memory_capacity((ROWS + 1) * sizeof(int64_t)));
    ck_assert(outside[7] == value && jets[ROWS] == n && muons[ROWS] == n_muons);
    ck_assert_int_eq(plan_stats(p).released, 1); /* Jet_pt */
    vcol_chunk_clear(c, NULL);
    vcol_manager_evict(w->m);
    ck_assert_uint_le(live(w), 2 * vcol__memory_capacity((ROWS + 1) * sizeof(int64_t)));
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* Offsets alone, for a step that needs nothing else, and for what was put with a column's. */
START_TEST(e6_4_offsets_stay_for_steps_and_puts_that_need_nothing_else)
{
    static const char *const steps[][2] = {{"one", "Jet_pt"}, {"two", "run"}, {"three", "@Jet"}, {"four", ""}};
    static const char *const both[][2] = {{"one", "Jet_pt Jet_eta"}, {"two", "run"}};
    sample *w = fresh(0);
    vcol_plan *p = _i == 2 ? plan_of(both, 2) : plan_of(steps, _i ? 2 : 4);
    vcol_chunk *c = chunk_of(w, p);
    uint64_t offsets = vcol__memory_capacity((ROWS + 1) * sizeof(int64_t));
    step(c, "one");
    ask(c, "Jet_pt");
    if (_i == 2) { /* cleared, while another of this step is still to be asked for */
        uint64_t before = t_stats(w->m).generations;
        ck_assert_int_eq(vcol_chunk_clear(c, "Jet_pt"), 1);
        ask(c, "Jet_eta");
        ck_assert_uint_eq(t_stats(w->m).generations, before + 1);
        ck_assert_ptr_nonnull(vcol_chunk_offsets(c, "Jet", NULL)); /* seen: for step "one", too */
    }
    if (_i == 1) {
        int64_t n = vcol_chunk_offsets(c, "Jet", NULL)[ROWS];
        uint8_t *x = calloc((size_t)n, 1);
        vcol_put put = put_of("tag", VCOL_U8, x, n);
        put.like = "Jet_pt";
        ck_assert_int_eq(vcol_chunk_put(c, &put, NULL), VCOL_OK);
        free(x);
    }
    step(c, "two");
    uint64_t made = t_stats(w->m).generations, kept = live(w);
    ck_assert(_i == 2 ? kept == 0 : kept >= offsets);
    if (_i < 2)
        ck_assert_ptr_nonnull(vcol_chunk_offsets(c, _i == 1 ? "tag" : "Jet_eta", NULL));
    ck_assert_uint_eq(t_stats(w->m).generations, made);
    if (_i == 1) {
        ck_assert_int_eq(vcol_chunk_clear(c, "tag"), 1);
    } else if (_i == 0) {
        step(c, "three");
        ck_assert_uint_eq(live(w), kept);
        step(c, "four");
    }
    ck_assert_uint_lt(live(w), offsets);
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* ---- E2.2 --------------------------------------------------------------------------------------------- */

/* What a pointer is of, and whether a plan keeps the column (2) or releases it (1), or there is none (0): _i. */
START_TEST(e2_2_a_getters_pointer_is_poisoned_after_its_step)
{
    static const char *const releases[][2] = {{"one", "MET_pt @Jet"}, {"two", "run"}};
    static const char *const keeps[][2] = {{"one", "MET_pt @Jet"}, {"two", "MET_pt @Jet"}};
    int how = _i % 3, what = _i / 3;
    sample *w = fresh(0);
    vcol_plan *p = how ? plan_of(how == 1 ? releases : keeps, 2) : NULL;
    vcol_chunk *c = chunk_of(w, p);
    step(c, "one");
    volatile const float *values = ask(c, "MET_pt");
    volatile const int64_t *offsets = vcol_chunk_offsets(c, "Jet", NULL);
    ck_assert(offsets && values[1] > 0 && offsets[1] >= 0);
#ifdef T_ASAN /* only it can tell */
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        if (vcol_chunk_step(c, "two", NULL) != VCOL_OK)
            _exit(43);
        _exit((what ? offsets[1] : (int64_t)values[1]) ? 42 : 42); /* not reached */
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 42 && WEXITSTATUS(status) != 43),
                  "the child lived on with %d", status);
#else
    (void)what;
#endif
    float value = values[1];
    step(c, "two");
    ck_assert(((const float *)ask(c, "MET_pt"))[1] == value); /* asked for again it is there again */
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

START_TEST(e2_2_a_pin_outlives_its_step_and_its_release)
{
    static const char *const steps[][2] = {{"one", "Jet_pt"}, {"two", "run"}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 2);
    vcol_chunk *c = chunk_of(w, p);
    vcol_view v;
    int64_t id;
    ck_assert_int_eq(vcol_dataset_find(w->d, "Jet_pt", &id, NULL), VCOL_OK);
    step(c, "one");
    const float *leased = ask(c, "Jet_pt");
    float value = leased[100];
    ck_assert_int_eq(vcol_chunk_pin(c, id, &v, NULL), VCOL_OK);
    step(c, "two");
    ck_assert_int_eq(plan_stats(p).released, 1);
    ck_assert(((const float *)v.values)[100] == value);
    ck_assert_int_eq(v.level[0].offsets[ROWS], v.count);
    ck_assert_uint_gt(live(w), floats(v.count));
    ck_assert_int_eq(seen(w, VCOL_LOG_DROP, "Jet_pt"), 0);
    vcol_view_unpin(&v);
    ck_assert_int_eq(seen(w, VCOL_LOG_DROP, "Jet_pt"), 1);
    ck_assert_uint_eq(live(w), 0);
    vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* ---- learning ---------------------------------------------------------------------------------------- */

static char *text_of(const vcol_plan *p)
{
    static char text[4096];
    char path[] = "/tmp/vcol_plan_XXXXXX";
    FILE *in = fdopen(mkstemp(path), "r");
    ck_assert_int_eq(vcol_plan_save(p, path, NULL), VCOL_OK);
    fclose(in);
    in = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    remove(path);
    return text;
}

static vcol_loop *loop_of(sample *w, vcol_plan *p, int64_t entries, int ahead)
{
    vcol_loop_options o;
    vcol_loop *l;
    vcol_loop_options_init(&o, sizeof o);
    o.entries = entries;
    o.plan = p;
    o.ahead = ahead;
    ck_assert_int_eq(vcol_loop_open(w->d, &o, &l, NULL), VCOL_OK);
    return l;
}

START_TEST(e6_4_a_plan_is_learned_from_the_first_chunk)
{
    enum { ENTRIES = 2000 };
    sample *w = fresh(_i);
    vcol_plan *p = plan_of(NULL, 0);
    vcol_chunk *c;
    vcol_loop *l = loop_of(w, p, ENTRIES, 1);
    for (int k = 0; vcol_loop_next(l, &c, NULL) == VCOL_OK; k++) {
        int64_t before = plan_stats(p).released;
        step(c, "select");
        ask(c, "MET_pt");
        ask(c, "Jet_pt");
        step(c, "pairs");
        ck_assert_int_eq(plan_stats(p).released - before, k ? 1 : 0); /* MET_pt */
        ck_assert_ptr_nonnull(vcol_chunk_offsets(c, "Jet", NULL));
        ask(c, "Jet_pt");
        ask(c, "Jet_eta");
        if (k >= 2)
            ask(c, "Muon_pt"); /* late */
        step(c, "fill");
        ask(c, "MET_phi");
        vcol_chunk_step_end(c);
        ck_assert_int_eq(plan_stats(p).released - before, k == 0 ? 0 : 4 + (k >= 2));
        if (k == 0)
            ck_assert_str_eq(text_of(p), "vcol plan 1\nstep select learned\nuses \"MET_pt\" \"Jet_pt\"\n"
                                         "step pairs learned\nuses \"@Jet\" \"Jet_pt\" \"Jet_eta\"\n"
                                         "step fill learned\nuses \"MET_phi\"\n");
    }
    vcol_loop_close(l);
    ck_assert_int_eq(plan_stats(p).chunks, 4);
    ck_assert_int_eq(plan_stats(p).passes, 12);
    ck_assert_int_eq(plan_stats(p).learned, 7);
    ck_assert_int_eq(plan_stats(p).early, 0);
    ck_assert_ptr_nonnull(strstr(text_of(p), "uses \"@Jet\" \"Jet_pt\" \"Jet_eta\" \"Muon_pt\"\n"));
    ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, "Jet_pt"), 4); /* each once a chunk */
    ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, "MET_pt"), 4);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* Declared (0) or learned from a first chunk (1). */
START_TEST(e6_4_what_folds_use_stays_until_the_last_one)
{
    enum { FOLDS = 3 };
    static const char *const steps[][2] = {{"load", "MET_pt"}, {"fit", "Jet_pt MET_pt"}, {"test", "Jet_eta"}, {"end", "Jet_pt"}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, _i ? 0 : 4);
    if (!_i)
        ck_assert_int_eq(vcol_plan_set_folds(p, 1, 2, FOLDS, NULL), VCOL_OK);
    for (int k = 0; k <= _i; k++) {
        vcol_chunk *c = chunk_of(w, p);
        bool knows = k == _i;
        int64_t before = plan_stats(p).released;
        step(c, "load");
        ask(c, "MET_pt");
        for (int f = 0; f < FOLDS; f++) {
            bool last = f + 1 == FOLDS;
            step(c, "fit");
            ask(c, "Jet_pt");
            ask(c, "MET_pt");
            step(c, "test");
            ck_assert_int_eq(plan_stats(p).released - before, knows && last ? 1 : 0); /* MET_pt, after the last fit */
            ask(c, "Jet_eta");
        }
        step(c, "end");
        ck_assert_int_eq(plan_stats(p).released - before, knows ? 2 : 0);
        ask(c, "Jet_pt");
        vcol_chunk_step_end(c);
        ck_assert_int_eq(plan_stats(p).released - before, knows ? 3 : 0);
        if (knows)
            ck_assert_uint_eq(live(w), 0);
        vcol_chunk_close(c);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, i == 0 ? "Jet_pt" : i == 1 ? "Jet_eta" : "MET_pt"), k + 1);
    }
    ck_assert_ptr_nonnull(strstr(text_of(p), "folds 1 2 3\n"));
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* ---- wrong plans -------------------------------------------------------------------------------------- */

static const char *const columns[] = {"MET_pt", "MET_phi", "Jet_pt", "Jet_eta", "Jet_phi", "Muon_pt", "Muon_eta", "nJet", "nMuon",
                                      "Electron_pt"};
enum { COLUMNS = sizeof columns / sizeof *columns };

typedef struct whole {
    const char *values[COLUMNS];
    const int64_t *offsets[COLUMNS]; /* NULL: flat */
} whole;

/* All values, from a chunk that stays open. */
static vcol_chunk *read_whole(sample *w, whole *t)
{
    vcol_chunk *c = chunk_of(w, NULL);
    for (int i = 0; i < COLUMNS; i++) {
        bool list = columns[i][0] != 'n' && strncmp(columns[i], "MET", 3) != 0;
        t->values[i] = ask(c, columns[i]);
        t->offsets[i] = list ? vcol_chunk_offsets(c, columns[i], NULL) : NULL;
    }
    return c;
}

static void compare(vcol_chunk *c, const whole *t, int i)
{
    int64_t first = vcol_chunk_first(c), n = vcol_chunk_entries(c), from = first, to = first + n;
    const char *values = ask(c, columns[i]);
    if (t->offsets[i]) {
        const int64_t *offsets = vcol_chunk_offsets(c, columns[i], NULL);
        from = t->offsets[i][first];
        to = t->offsets[i][first + n];
        t_require(offsets != NULL);
        for (int64_t k = 0; k <= n; k++)
            t_require(offsets[k] == t->offsets[i][first + k] - from);
    }
    t_require(memcmp(values, t->values[i] + 4 * from, (size_t)(4 * (to - from))) == 0);
}

/* Plans and programs that have nothing to do with each other. */
START_TEST(e6_5_a_wrong_plan_costs_time_and_never_a_value)
{
    enum { SEEDS = 12 };
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    int64_t early = 0, learned = 0, released = 0;
    for (int seed = _i * SEEDS; seed < (_i + 1) * SEEDS; seed++) {
        t_random r = {(uint64_t)seed * 7919 + 5};
        vcol_manager_options o = t_options();
        o.limit = seed % 3 == 2 ? (uint64_t)2 << 20 : 0;
        sample *w = fresh_with(seed % 2 ? 2 : 0, o), *truth = fresh(0);
        whole t;
        vcol_chunk *kept = read_whole(truth, &t), *c;
        vcol_plan *p = plan_of(NULL, 0);
        int64_t steps = t_below(&r, 6);
        for (int64_t i = 0; i < steps; i++) {
            char list[256] = "";
            for (int64_t k = t_below(&r, 5); k > 0; k--)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s ", t_below(&r, 5) ? "" : "@",
                         columns[t_below(&r, COLUMNS)]);
            ck_assert_int_eq(vcol_plan_add_step(p, names[i], t_below(&r, 4) ? list : NULL, NULL, NULL), VCOL_OK);
        }
        if (steps > 1 && t_below(&r, 2))
            ck_assert_int_eq(vcol_plan_set_folds(p, t_below(&r, steps - 1), steps - 1, 1 + t_below(&r, 3), NULL), VCOL_OK);
        vcol_loop *l = loop_of(w, p, 500 + t_below(&r, 4000), seed % 2);
        while (vcol_loop_next(l, &c, NULL) == VCOL_OK)
            for (int64_t i = 2 + t_below(&r, 8); i > 0; i--) {
                if (t_below(&r, 6) == 0)
                    vcol_chunk_step_end(c);
                else
                    step(c, names[t_below(&r, 6)]);
                for (int64_t k = t_below(&r, 4); k > 0; k--)
                    compare(c, &t, (int)t_below(&r, COLUMNS));
                if (t_below(&r, 5) == 0)
                    vcol_chunk_clear(c, columns[t_below(&r, COLUMNS)]);
            }
        vcol_loop_close(l);
        early += plan_stats(p).early;
        learned += plan_stats(p).learned;
        released += plan_stats(p).released;
        vcol_plan_release(p);
        sample_close(w);
        vcol_chunk_close(kept);
        sample_close(truth);
    }
    ck_assert_int_gt(early, 0);
    ck_assert_int_gt(learned, early);
    ck_assert_int_gt(released, early);
}
END_TEST

START_TEST(e6_5_what_was_released_too_early_is_loaded_again_and_learned)
{
    static const char *const steps[][2] = {{"one", "MET_pt"}, {"two", "MET_phi"}, {"three", ""}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 3);
    for (int k = 1; k <= 3; k++) {
        vcol_chunk *c = chunk_of(w, p);
        step(c, "one");
        ask(c, "MET_pt");
        step(c, "two");
        ask(c, "MET_phi");
        ask(c, "MET_pt"); /* not listed */
        ask(c, "MET_pt");
        step(c, "three");
        ck_assert_uint_eq(live(w), 0);
        ck_assert_int_eq(plan_stats(p).early, 1);
        ck_assert_int_eq(plan_stats(p).learned, 1);
        ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, "MET_pt"), k + 1); /* in the first chunk twice */
        vcol_chunk_close(c);
    }
    ck_assert_ptr_nonnull(strstr(text_of(p), "step two\nuses MET_phi +\"MET_pt\"\n"));
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* ---- prefetch ------------------------------------------------------------------------------------------- */

/* The names of what was queued for the chunk that begins at `first`, in order; the last word of each. */
static const char *queued(const sample *w, vcol_log_event event, int64_t first)
{
    static vcol_log_entry log[LOG];
    static char text[1024];
    int64_t n = vcol_manager_log(w->m, 0, log, LOG);
    text[0] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < COLUMNS && log[i].event == (int32_t)event && log[i].first == first; k++) {
            const char *at = strstr(log[i].name, columns[k]);
            if (at && (at[strlen(columns[k])] == 0 || at[strlen(columns[k])] == '\'') && (at == log[i].name || at[-1] != 'n') &&
                log[i].group >= 0)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "", columns[k]);
        }
    return text;
}

/* With a lookahead of about one column: what is used first comes first, and the next chunk's while this one's last step runs. */
START_TEST(e6_4_prefetch_goes_by_first_use_and_on_into_the_next_chunk)
{
    enum { ENTRIES = 2000 };
    static const char *const steps[][2] = {{"one", "MET_phi"}, {"two", "MET_pt MET_phi"}, {"three", "nMuon MET_phi"}};
    vcol_manager_options o = t_options();
    o.lookahead = floats(ENTRIES) + 1; /* what lies ahead is below it when the next is begun */
    sample *w = fresh_with(SAMPLE_STEPPED, o);
    vcol_plan *p = plan_of(steps, 3);
    vcol_loop *l = loop_of(w, p, ENTRIES, 1);
    vcol_chunk *c;
    for (int64_t first = 0; vcol_loop_next(l, &c, NULL) == VCOL_OK; first += ENTRIES) {
        ck_assert_str_eq(queued(w, VCOL_LOG_PREFETCH, first), "MET_phi MET_pt nMuon");
        if (first + ENTRIES < ROWS)
            ck_assert_str_eq(queued(w, VCOL_LOG_PREFETCH, first + ENTRIES), "MET_phi MET_pt nMuon");
        t_run(&w->e);
        ck_assert_str_eq(queued(w, VCOL_LOG_LOAD, first + ENTRIES), "");
        step(c, "one");
        ask(c, "MET_phi");
        t_run(&w->e);
        ck_assert_str_eq(queued(w, VCOL_LOG_LOAD, first + ENTRIES), "");
        step(c, "two");
        ask(c, "MET_pt");
        t_run(&w->e);
        step(c, "three");
        ask(c, "nMuon");
        ask(c, "MET_phi");
        t_run(&w->e);
        ck_assert_str_eq(queued(w, VCOL_LOG_LOAD, first), "MET_phi MET_pt nMuon"); /* each once, in this order */
        if (first + ENTRIES < ROWS) /* before this one's last step has ended */
            ck_assert_int_eq(strncmp(queued(w, VCOL_LOG_LOAD, first + ENTRIES), "MET_phi", 7), 0);
        vcol_chunk_step_end(c);
    }
    vcol_loop_close(l);
    ck_assert_uint_ge(t_stats(w->m).prefetched, 12);
    ck_assert_int_eq(plan_stats(p).early, 0);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* A column that was learned late for an early step is fetched early in the chunks that are opened later. */
START_TEST(e6_4_what_is_learned_late_is_fetched_in_its_place)
{
    enum { ENTRIES = 1000 };
    sample *w = fresh(SAMPLE_STEPPED);
    vcol_plan *p = plan_of(NULL, 0);
    vcol_chunk *c;
    vcol_loop *l = loop_of(w, p, ENTRIES, 1);
    for (int64_t first = 0; vcol_loop_next(l, &c, NULL) == VCOL_OK; first += ENTRIES) {
        step(c, "one");
        ask(c, "MET_pt");
        if (first > ENTRIES)
            ask(c, "nMuon");
        step(c, "two");
        ask(c, "MET_phi");
    }
    vcol_loop_close(l);
    ck_assert_str_eq(queued(w, VCOL_LOG_PREFETCH, 2 * ENTRIES), "MET_pt MET_phi");
    ck_assert_str_eq(queued(w, VCOL_LOG_PREFETCH, 3 * ENTRIES), "MET_pt MET_phi nMuon"); /* it was open already */
    ck_assert_str_eq(queued(w, VCOL_LOG_PREFETCH, 4 * ENTRIES), "MET_pt nMuon MET_phi");
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* In a chunk that was opened by hand a step fetches its own columns and the next one's, and again what was evicted. */
START_TEST(e6_4_a_step_fetches_for_itself_and_the_next)
{
    static const char *const steps[][2] = {{"one", "MET_pt"}, {"two", "MET_phi @Jet"}, {"three", "nMuon"}, {"four", "MET_pt"}};
    sample *w = fresh(SAMPLE_STEPPED);
    vcol_plan *p = plan_of(steps, 4);
    vcol_chunk *c = chunk_of(w, p);
    t_run(&w->e);
    ck_assert_uint_eq(t_stats(w->m).prefetched, 0);
    step(c, "one");
    t_run(&w->e);
    for (int i = 0; i < 3; i++) /* nJet: what the offsets are made of */
        ck_assert_int_ge(seen(w, VCOL_LOG_LOAD, i == 0 ? "MET_pt" : i == 1 ? "MET_phi" : "nJet"), 1);
    ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, "nMuon"), 0);
    uint64_t made = t_stats(w->m).generations;
    ask(c, "MET_pt");
    step(c, "two");
    t_run(&w->e);
    ask(c, "MET_phi");
    ck_assert_ptr_nonnull(vcol_chunk_offsets(c, "Jet", NULL));
    ck_assert_uint_eq(t_stats(w->m).generations, made + 1); /* nMuon */
    vcol_chunk_step_end(c);
    vcol_manager_evict(w->m);
    step(c, "three");
    t_run(&w->e);
    ck_assert_int_eq(seen(w, VCOL_LOG_LOAD, "MET_pt"), 2);
    made = t_stats(w->m).generations;
    ask(c, "nMuon");
    step(c, "four");
    ask(c, "MET_pt");
    ck_assert_uint_eq(t_stats(w->m).generations, made);
    vcol_chunk_close(c);
    ck_assert_int_eq(plan_stats(p).early, 0);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* What is evicted in a chunk of a loop, or of one that was opened by hand, is what the plan uses last, not what was used last. */
START_TEST(e6_4_what_a_plan_uses_last_is_evicted_first)
{
    static const char *const steps[][2] = {{"a", "MET_pt"}, {"b", "MET_phi"}, {"c", "nMuon"}, {"d", "MET_pt"}, {"e", "MET_phi"}, {"f", "nMuon"}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 6);
    vcol_loop *loop = NULL;
    vcol_chunk *c;
    if (_i) {
        vcol_loop_options lo;
        vcol_loop_options_init(&lo, sizeof lo);
        lo.entries = ROWS;
        lo.plan = p;
        ck_assert_int_eq(vcol_loop_open(w->d, &lo, &loop, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_loop_next(loop, &c, NULL), VCOL_OK);
    } else {
        c = chunk_of(w, p);
    }
    static const char *const names[] = {"MET_pt", "MET_phi", "nMuon"};
    for (int i = 0; i < 3; i++) {
        step(c, steps[i][0]);
        ask(c, names[i]);
    }
    vcol_chunk_step_end(c);
    vcol_manager_trim(w->m);
    while (live(w) > 3 * floats(ROWS)) /* blocks */
        vcol_manager_set_limit(w->m, t_stats(w->m).fixed + live(w) - 1);
    step(c, "d");
    ask(c, "MET_pt");
    static const char *const gone[] = {"nMuon", "MET_phi"};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(seen(w, VCOL_LOG_DROP, gone[i]), 0);
        while (seen(w, VCOL_LOG_DROP, gone[i]) == 0) /* what a worker still had may have gone instead */
            vcol_manager_set_limit(w->m, t_stats(w->m).fixed + live(w) - 1);
        ck_assert_int_eq(seen(w, VCOL_LOG_DROP, gone[i]), 1);
    }
    ck_assert_int_eq(seen(w, VCOL_LOG_DROP, "MET_pt"), 0);
    vcol_manager_set_limit(w->m, 0);
    if (loop)
        vcol_loop_close(loop);
    else
        vcol_chunk_close(c);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* ---- many threads ---------------------------------------------------------------------------------------- */

typedef struct sharer {
    sample *w;
    vcol_plan *p;
    const whole *t;
    _Atomic int begun;
} sharer;

static void share(void *arg, t_random *r)
{
    static const char *const names[] = {"a", "b", "c"};
    sharer *s = arg;
    (void)r;
    vcol_loop_options o;
    vcol_loop *l;
    vcol_chunk *c;
    vcol_loop_options_init(&o, sizeof o);
    o.entries = 1000 + 500 * atomic_fetch_add(&s->begun, 1);
    o.plan = s->p;
    t_require(vcol_loop_open(s->w->d, &o, &l, NULL) == VCOL_OK);
    while (vcol_loop_next(l, &c, NULL) == VCOL_OK)
        for (int i = 0; i < 3; i++) {
            t_require(vcol_chunk_step(c, names[i], NULL) == VCOL_OK);
            for (int k = 0; k < 4; k++)
                compare(c, s->t, (3 * i + k) % COLUMNS);
        }
    vcol_loop_close(l);
}

/* All learn the same plan at once. */
START_TEST(e6_4_threads_share_a_plan_and_learn_it_together)
{
    sample *w = fresh(2);
    whole t;
    vcol_chunk *kept = read_whole(w, &t);
    vcol_plan *p = plan_of(NULL, 0);
    sharer s = {w, p, &t, 0};
    t_crowd crowd;
    t_crowd_start(&crowd, 4, 0, share, &s);
    t_crowd_join(&crowd);
    ck_assert_int_eq(vcol_plan_steps(p), 3);
    ck_assert_int_eq(plan_stats(p).learned, 12 + 8); /* columns; offsets of those that are lists, by their own names */
    ck_assert_int_eq(plan_stats(p).chunks, 8 + 6 + 4 + 4);
    ck_assert_int_eq(plan_stats(p).early, 0);
    vcol_plan_release(p);
    vcol_chunk_close(kept);
    sample_close(w);
}
END_TEST

/* ---- what is put ------------------------------------------------------------------------------------------ */

static float *numbers(int64_t n, int seed)
{
    float *x = malloc(((size_t)n + 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(seed * 100000 + i);
    return x;
}

static void put_floats(vcol_chunk *c, const char *name, int64_t n, int seed, const char *like, int consumers)
{
    float *x = numbers(n, seed);
    vcol_put p = put_of(name, VCOL_F32, x, n);
    vcol_error err = {0};
    p.like = like;
    p.consumers = consumers;
    ck_assert_msg(vcol_chunk_put(c, &p, &err) == VCOL_OK, "%s", err.message);
    memset(x, 0, (size_t)n * sizeof *x); /* it was copied */
    free(x);
}

static bool holds(vcol_chunk *c, const char *name, int64_t n, int seed)
{
    float *x = numbers(n, seed);
    const float *have = vcol_chunk_f32(c, name, NULL);
    bool same = have && memcmp(have, x, (size_t)n * sizeof *x) == 0;
    free(x);
    return same;
}

static void gone(vcol_chunk *c, const char *name)
{
    vcol_error err = {0};
    ck_assert_ptr_null(vcol_chunk_f32(c, name, &err));
    ck_assert_int_eq(err.status, VCOL_NOT_FOUND);
    ck_assert_msg(strstr(err.message, name), "%s", err.message);
}

START_TEST(e6_7_what_is_put_is_read_back_like_any_column)
{
    sample *w = fresh(0);
    vcol_chunk *c = chunk_of(w, NULL);
    int64_t *own = malloc((ROWS + 1) * sizeof *own);
    for (int64_t i = 0; i <= ROWS; i++)
        own[i] = i / 2;
    int64_t jets = vcol_chunk_offsets(c, "Jet", NULL)[ROWS];
    put_floats(c, "weight", ROWS, 1, NULL, 0);
    put_floats(c, "sel_pt", jets, 2, "Jet_pt", 0);
    float *x = numbers(ROWS / 2, 3);
    vcol_put p = put_of("sel_half", VCOL_F32, x, ROWS / 2);
    p.offsets = own;
    ck_assert_int_eq(vcol_chunk_put(c, &p, NULL), VCOL_OK);
    put_floats(c, "sel_more", ROWS / 2, 4, "sel_half", 0);
    ck_assert(holds(c, "weight", ROWS, 1) && holds(c, "sel_pt", jets, 2) && holds(c, "sel_half", ROWS / 2, 3));
    ck_assert_int_eq(memcmp(vcol_chunk_offsets(c, "sel_half", NULL), own, (ROWS + 1) * sizeof *own), 0);
    ck_assert_int_eq(memcmp(vcol_chunk_offsets(c, "sel_pt", NULL), vcol_chunk_offsets(c, "Jet", NULL), (ROWS + 1) * sizeof *own), 0);
    vcol_error err = {0};
    ck_assert_ptr_null(vcol_chunk_f64(c, "weight", &err));
    ck_assert_int_eq(err.status, VCOL_TYPE);
    vcol_prefetch *scope; /* in lists */
    ck_assert_int_eq(vcol_prefetch_begin(c, "MET_pt sel_* weight", NULL, &scope, NULL), VCOL_OK);
    vcol_prefetch_end(scope);
    ck_assert_int_eq(vcol_prefetch_begin(c, "MET_pt nothing", NULL, &scope, NULL), VCOL_NOT_FOUND);
    /* Offsets that were put with one stay while another has them. */
    ck_assert_int_eq(vcol_chunk_clear(c, "sel_half"), 1);
    gone(c, "sel_half");
    ck_assert_int_eq(memcmp(vcol_chunk_offsets(c, "sel_more", NULL), own, (ROWS + 1) * sizeof *own), 0);
    ck_assert(holds(c, "sel_more", ROWS / 2, 4));
    ck_assert_int_eq(vcol_chunk_clear(c, "sel_*"), 2);
    gone(c, "sel_more");
    gone(c, "sel_pt");
    ck_assert_int_eq(vcol_chunk_clear(c, "sel_*"), 0);
    ck_assert(holds(c, "weight", ROWS, 1));
    vcol_chunk_clear_except(c, "weight");
    vcol_manager_evict(w->m);
    ck_assert_uint_eq(live(w), floats(ROWS)); /* it is not evicted, leased or not */
    ck_assert_int_eq(vcol_chunk_clear(c, NULL), 1);
    ck_assert_uint_eq(live(w), 0);
    p.name = "none"; /* no values at all */
    p.count = 0;
    p.data = NULL;
    memset(own, 0, (ROWS + 1) * sizeof *own);
    ck_assert_int_eq(vcol_chunk_put(c, &p, NULL), VCOL_OK);
    ck_assert_ptr_nonnull(vcol_chunk_f32(c, "none", NULL));
    vcol_chunk_close(c);
    free(own);
    free(x);
    sample_close(w);
}
END_TEST

START_TEST(e6_7_what_is_put_goes_after_its_last_consumer)
{
    static const char *const steps[][2] = {{"one", ""}, {"two", "sel_*"}, {"three", "sel_pt"}, {"four", ""}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 4);
    vcol_chunk *c = chunk_of(w, _i ? p : NULL);
    step(c, "one");
    put_floats(c, "sel_pt", ROWS, 1, NULL, _i ? 0 : 2); /* as the plan says, or as it says itself */
    put_floats(c, "sel_eta", ROWS, 2, NULL, _i ? 0 : 1);
    put_floats(c, "mine", ROWS, 3, NULL, 0); /* nobody says when */
    step(c, "two");
    ck_assert_uint_eq(live(w), 3 * floats(ROWS));
    ck_assert(holds(c, "sel_pt", ROWS, 1) && holds(c, "sel_eta", ROWS, 2) && holds(c, "sel_eta", ROWS, 2));
    step(c, "three");
    ck_assert_uint_eq(live(w), 2 * floats(ROWS));
    gone(c, "sel_eta");
    ck_assert(holds(c, "sel_pt", ROWS, 1));
    step(c, "four");
    ck_assert_uint_eq(live(w), floats(ROWS));
    gone(c, "sel_pt");
    ck_assert(holds(c, "mine", ROWS, 3));
    vcol_chunk_close(c);
    ck_assert_int_eq(plan_stats(p).released, _i ? 2 : 0);
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* A learned plan does not know who reads a value in the chunk that reads it for the first time. */
START_TEST(e6_7_what_is_put_is_not_lost_by_a_plan_that_was_learned)
{
    sample *w = fresh(0);
    vcol_plan *p = plan_of(NULL, 0);
    for (int k = 0; k < 3; k++) {
        vcol_chunk *c = chunk_of(w, p);
        step(c, "one");
        put_floats(c, "sel", ROWS, 5 + k, NULL, 0);
        step(c, "two");
        ck_assert(holds(c, "sel", ROWS, 5 + k));
        step(c, "three");
        vcol_manager_evict(w->m);
        if (k == 2)
            ck_assert(holds(c, "sel", ROWS, 5 + k));
        vcol_chunk_close(c);
        ck_assert_uint_eq(live(w), 0);
    }
    ck_assert_ptr_nonnull(strstr(text_of(p), "step one learned\nmakes \"sel\"\nstep two learned\nuses \"sel\"\nstep three learned\nuses \"sel\"\nsize sel 32000\n"));
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* What is declared is relied on where columns of the file are seen beside it (0), not where another put is (1). */
START_TEST(e6_7_lists_are_relied_on_for_what_is_put_until_one_was_wrong)
{
    static const char *const steps[][2] = {{"one", "MET_pt"}, {"two", "sel_pt"}, {"three", ""}, {"four", ""}};
    sample *w = fresh(0);
    vcol_plan *p = plan_of(steps, 4);
    for (int k = 0; k < 3; k++) {
        vcol_chunk *c = chunk_of(w, p);
        step(c, "one");
        put_floats(c, "sel_pt", ROWS, 1, NULL, 0);
        put_floats(c, "other", ROWS, 2, NULL, 0);
        step(c, "two");
        ck_assert(holds(c, "sel_pt", ROWS, 1));
        step(c, "three");
        ask(c, "MET_phi"); /* not listed */
        bool relied = !_i || k == 0;
        ck_assert_uint_eq(live(w), (relied ? 2 : 3) * floats(ROWS));
        if (_i && k < 2)
            ck_assert(holds(c, "other", ROWS, 2)); /* nor that */
        step(c, "four");
        if (relied)
            gone(c, "sel_pt");
        else
            ck_assert(holds(c, "sel_pt", ROWS, 1));
        vcol_chunk_step_end(c);
        ck_assert(holds(c, "other", ROWS, 2));
        vcol_chunk_close(c);
    }
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

START_TEST(e6_7_misuse_of_put_is_answered_and_keeps_nothing)
{
    sample *w = fresh(0);
    vcol_chunk *c = chunk_of(w, NULL);
    static float x[ROWS];
    static int64_t own[ROWS + 1];
    vcol_error err = {.status = VCOL_IO};
    vcol_put good = put_of("x", VCOL_F32, x, ROWS), p;
    ck_assert_int_eq(vcol_chunk_put(c, &good, &err), VCOL_IO);
    ck_assert_int_eq(vcol_chunk_put(NULL, &good, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_chunk_put(c, NULL, NULL), VCOL_MISUSE);
    static const struct {
        int what;
        vcol_status status;
    } cases[] = {{0, VCOL_MISUSE}, {1, VCOL_MISUSE}, {2, VCOL_MISUSE}, {3, VCOL_MISUSE}, {4, VCOL_RANGE}, {5, VCOL_RANGE},
                 {6, VCOL_RANGE},  {7, VCOL_MISUSE}, {8, VCOL_NOT_FOUND}, {9, VCOL_TYPE}, {10, VCOL_RANGE}, {11, VCOL_MISUSE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p = good;
        memset(own, 0, sizeof own);
        own[ROWS] = ROWS;
        switch (cases[i].what) {
        case 0: p.name = ""; break;
        case 1: p.type = VCOL_TYPE_NONE; break;
        case 2: p.data = NULL; break;
        case 3: p.name = "MET_pt"; break;
        case 4: p.count = ROWS - 1; break;
        case 5: p.offsets = own; own[0] = 1; break;
        case 6: p.offsets = own; own[7] = 5; own[8] = 4; break;
        case 7: p.offsets = own; p.like = "Jet_pt"; break;
        case 8: p.like = "nothing"; break;
        case 9: p.like = "MET_pt"; break;
        case 10: p.like = "Jet_pt"; break;
        default: p.consumers = -1; break;
        }
        vcol_error_reset(&err);
        ck_assert_msg(vcol_chunk_put(c, &p, &err) == cases[i].status, "%d: %s", cases[i].what, err.message);
    }
    vcol_chunk_clear(c, NULL);
    vcol_manager_evict(w->m);
    ck_assert_uint_eq(live(w), 0);
    ck_assert_int_eq(vcol_chunk_put(c, &good, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_chunk_step(c, NULL, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_chunk_step(c, "", NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_chunk_set_plan(c, NULL, NULL), VCOL_MISUSE);
    step(c, "one");
    vcol_plan *plan = plan_of(NULL, 0);
    ck_assert_int_eq(vcol_chunk_set_plan(c, plan, NULL), VCOL_MISUSE); /* too late */
    vcol_plan_release(plan);
    vcol_chunk_step_end(NULL);
    vcol_chunk_close(c);
    sample_close(w);
}
END_TEST

/* ---- E6.2 --------------------------------------------------------------------------------------------- */

enum { MOST_OPS = 10, OUTER = 4, MADE = 6 };

static const vcol_type widths[] = {VCOL_U8, VCOL_I16, VCOL_F32, VCOL_F64, VCOL_BOOL, VCOL_I64};

static vcol_status generate(vcol_fill *fill, void *opaque, vcol_error *err)
{
    _Atomic int *calls = opaque;
    (void)err;
    memset(vcol_fill_data(fill), 'x', (size_t)vcol_fill_count(fill) * sizeof(int64_t));
    atomic_fetch_add(calls, 1);
    return VCOL_OK;
}

static const void *get(vcol_chunk *c, const char *name)
{
    switch (name[0] == 'e' ? VCOL_I64 : widths[name[1] - '0']) {
    case VCOL_U8: return vcol_chunk_u8(c, name, NULL);
    case VCOL_I16: return vcol_chunk_i16(c, name, NULL);
    case VCOL_F32: return vcol_chunk_f32(c, name, NULL);
    case VCOL_F64: return vcol_chunk_f64(c, name, NULL);
    case VCOL_BOOL: return vcol_chunk_bool(c, name, NULL);
    default: return vcol_chunk_i64(c, name, NULL);
    }
}

/* Runs random graphs with real values, and looks at the account after every operation of every round. */
START_TEST(e6_2_the_accounts_peak_is_the_analysis_and_nothing_is_alive_after_the_run)
{
    enum { SEEDS = 20 };
    static char data[ROWS * sizeof(int64_t)];
    int64_t rounds = 0;
    for (int seed = _i * SEEDS; seed < (_i + 1) * SEEDS; seed++) {
        t_random r = {(uint64_t)seed * 104729 + 11};
        sample *w = fresh(0);
        vcol_plan *p = plan_of(NULL, 0);
        int n = 1 + (int)t_below(&r, MOST_OPS), n_in[MOST_OPS], n_out[MOST_OPS];
        char names[OUTER + MADE][16], in[MOST_OPS][3][16], out[MOST_OPS][2][16], made[MADE] = {0};
        _Atomic int calls[OUTER] = {0};
        bool used[OUTER] = {false};
        for (int k = 0; k < OUTER + MADE; k++) {
            vcol_type type = k < OUTER ? VCOL_I64 : widths[k - OUTER];
            snprintf(names[k], sizeof names[k], "%c%d", k < OUTER ? 'e' : 'm', k < OUTER ? k : k - OUTER);
            ck_assert_int_eq(vcol_plan_set_size(p, names[k], vcol__memory_capacity(ROWS * vcol_type_width(type)), NULL), VCOL_OK);
        }
        for (int i = 0; i < n; i++) {
            const char *in_names[3], *out_names[2];
            n_in[i] = (int)t_below(&r, 4);
            n_out[i] = (int)t_below(&r, 3);
            for (int k = 0; k < n_in[i]; k++) {
                int key = (int)t_below(&r, OUTER + MADE);
                if (key >= OUTER && !made[key - OUTER])
                    key %= OUTER;
                if (key < OUTER)
                    used[key] = true;
                strcpy(in[i][k], names[key]);
                in_names[k] = in[i][k];
            }
            for (int k = 0; k < n_out[i]; k++) {
                int key = (int)t_below(&r, MADE);
                if (k && strcmp(out[i][0], names[OUTER + key]) == 0)
                    key = (key + 1) % MADE;
                made[key] = 1;
                strcpy(out[i][k], names[OUTER + key]);
                out_names[k] = out[i][k];
            }
            char name[16];
            snprintf(name, sizeof name, "op%d", i);
            ck_assert_int_eq(vcol_plan_add_operation(p, name, in_names, n_in[i], out_names, n_out[i], NULL), VCOL_OK);
        }
        int first = (int)t_below(&r, n), last = first + (int)t_below(&r, n - first), folds = 1 + (int)t_below(&r, 4);
        ck_assert_int_eq(vcol_plan_set_folds(p, first, last, folds, NULL), VCOL_OK);
        vcol_plan_analysis *x;
        ck_assert_int_eq(vcol_plan_analyze(p, NULL, &x, NULL), VCOL_OK);
        vcol_chunk *c = chunk_of(w, p);
        for (int k = 0; k < OUTER; k++) {
            vcol_buffer_options o;
            vcol_buffer_options_init(&o, sizeof o);
            o.type = VCOL_I64;
            o.count = ROWS;
            o.generator = (vcol_generator){.generate = generate, .opaque = (void *)&calls[k]};
            ck_assert_int_eq(vcol_chunk_define(c, names[k], NULL, &o, NULL), VCOL_OK);
        }
        uint64_t most = 0;
        char content[MADE] = {0};
        for (int i = 0, round = 0; i < n; i++) {
            vcol_plan_step s;
            char name[16];
            snprintf(name, sizeof name, "op%d", i);
            step(c, name);
            for (int k = 0; k < n_in[i]; k++) {
                const char *values = get(c, in[i][k]);
                ck_assert_ptr_nonnull(values);
                ck_assert_int_eq(values[ROWS / 2], in[i][k][0] == 'e' ? 'x' : content[in[i][k][1] - '0']);
            }
            most = live(w) > most ? live(w) : most;
            for (int k = 0; k < n_out[i]; k++) {
                int key = out[i][k][1] - '0';
                content[key] = (char)(widths[key] == VCOL_BOOL ? 1 : 1 + (i * 5 + round + k) % 100);
                memset(data, content[key], sizeof data);
                vcol_put put = put_of(out[i][k], widths[key], data, ROWS);
                ck_assert_int_eq(vcol_chunk_put(c, &put, NULL), VCOL_OK);
            }
            most = live(w) > most ? live(w) : most;
            vcol_chunk_step_end(c);
            bool ends = i != last || round + 1 == folds;
            ck_assert_int_eq(vcol_plan_describe(x, i, &s, sizeof s, NULL), VCOL_OK);
            if (i < first || i > last || round + 1 == folds)
                ck_assert_msg(live(w) == s.after, "graph %d, after step %d: %llu of %llu", seed, i, (unsigned long long)live(w),
                              (unsigned long long)s.after);
            if (i == last && !ends) {
                ck_assert_uint_ge(live(w), s.bytes[VCOL_PLAN_PINNED]);
                i = first - 1;
                round++;
                rounds++;
            }
        }
        ck_assert_uint_eq(t_stats(w->m).peak_live, vcol_plan_analysis_peak(x, NULL));
        ck_assert_uint_le(most, t_stats(w->m).peak_live);
        ck_assert_uint_eq(live(w), 0); /* before the chunk is closed */
        for (int k = 0; k < OUTER; k++)
            ck_assert_int_eq(atomic_load(&calls[k]), used[k]); /* once, however many folds */
        vcol_chunk_close(c);
        vcol_plan_analysis_close(x);
        vcol_plan_release(p);
        sample_close(w);
    }
    ck_assert_int_gt(rounds, SEEDS / 2);
}
END_TEST

/* ---- E6.3 --------------------------------------------------------------------------------------------- */

START_TEST(e6_3_what_is_put_anew_keeps_the_account_exact)
{
    sample *w = fresh(0);
    vcol_chunk *c = chunk_of(w, NULL);
    vcol_view v;
    int64_t id = vcol_dataset_columns(w->d);
    for (int k = 0; k < 5; k++) {
        put_floats(c, "x", ROWS, k, NULL, 0);
        ck_assert(holds(c, "x", ROWS, k));
        ck_assert_uint_eq(live(w), floats(ROWS));
    }
    ck_assert_int_eq(vcol_chunk_pin(c, id + 4, &v, NULL), VCOL_OK); /* the fifth */
    put_floats(c, "x", ROWS, 9, NULL, 0);
    ck_assert_uint_eq(live(w), 2 * floats(ROWS));
    ck_assert(((const float *)v.values)[1] == 400001.0f);
    ck_assert(holds(c, "x", ROWS, 9));
    vcol_view_unpin(&v);
    ck_assert_uint_eq(live(w), floats(ROWS));
    ck_assert_int_eq(vcol_chunk_clear(c, "x"), 1); /* the last one only: the others have gone */
    ck_assert_uint_eq(live(w), 0);
    put_floats(c, "x", ROWS, 7, NULL, 0); /* and again */
    ck_assert(holds(c, "x", ROWS, 7));
    vcol_chunk_close(c);
    ck_assert_uint_eq(live(w), 0);
    sample_close(w);
}
END_TEST

static vcol_status generate_failing(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)fill, (void)opaque;
    return vcol_error_set(err, VCOL_CALLBACK, "not today");
}

/* An operation fails in its middle, by a generator or for want of memory: its inputs are unpinned, and a next chunk is as before. */
START_TEST(e6_3_an_error_in_the_middle_of_an_operation_unpins_everything)
{
    static const char *const in[] = {"MET_pt", "Jet_pt", "bad"}, *const out[] = {"sum"};
    vcol_manager_options o = t_options();
    o.limit = _i ? (uint64_t)400 << 10 : 0;
    o.flags = VCOL_MANAGER_LIMIT_HARD;
    sample *w = fresh_with(0, o);
    vcol_plan *p = plan_of(NULL, 0);
    ck_assert_int_eq(vcol_plan_add_operation(p, "op", in, 3, out, 1, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_plan_add_operation(p, "next", out, 1, NULL, 0, NULL), VCOL_OK);
    for (int k = 0; k < 2; k++) {
        vcol_chunk *c;
        vcol_error err = {0};
        vcol_buffer_options b;
        ck_assert_int_eq(vcol_chunk_open(w->d, 0, 2000, &c, &err), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_set_plan(c, p, &err), VCOL_OK);
        vcol_buffer_options_init(&b, sizeof b);
        b.type = VCOL_F32;
        b.count = 2000;
        b.generator = (vcol_generator){.generate = generate_failing};
        ck_assert_int_eq(vcol_chunk_define(c, "bad", NULL, &b, &err), VCOL_OK);
        ck_assert_int_eq(vcol_chunk_step(c, "op", &err), VCOL_OK);
        ask(c, "MET_pt");
        ask(c, "Jet_pt");
        if (_i) {
            float *x = numbers(200000, 1);
            int64_t *own = calloc(2001, sizeof *own);
            vcol_put put = put_of("sum", VCOL_F32, x, 200000);
            own[2000] = 200000;
            put.offsets = own;
            ck_assert_int_eq(vcol_chunk_put(c, &put, &err), VCOL_LIMIT);
            free(x);
            free(own);
        } else {
            ck_assert_ptr_null(vcol_chunk_f32(c, "bad", &err));
            ck_assert_str_eq(err.message, "not today");
        }
        ck_assert_uint_eq(t_stats(w->m).promised, 0);
        if (k)
            vcol_chunk_step_end(c);
        vcol_manager_evict(w->m);
        ck_assert(k ? live(w) == 0 : live(w) > 0); /* the leases of the step */
        vcol_chunk_close(c);
        vcol_manager_evict(w->m);
        ck_assert_uint_eq(live(w), 0);
    }
    vcol_plan_release(p);
    sample_close(w);
}
END_TEST

/* The n-th allocation of the manager's fails, for each n: a put is there or it is not, and the chunk works on. */
START_TEST(e6_3_every_allocation_of_a_put_fails_once)
{
    int fails = 0;
    for (int64_t n = 1; n < 12; n++) {
        sample *w = fresh(0);
        vcol_chunk *c = chunk_of(w, NULL);
        float *x = numbers(ROWS, 6);
        int64_t *own = calloc(ROWS + 1, sizeof *own);
        vcol_put p = put_of("x", VCOL_F32, x, ROWS);
        vcol_error err = {0};
        own[ROWS] = ROWS;
        p.offsets = own;
        vcol_manager_trim(w->m); /* what is recycled is not allocated */
        w->allocator.fail_call = atomic_load(&w->allocator.calls) + n;
        vcol_status status = vcol_chunk_put(c, &p, &err);
        ck_assert(status == VCOL_OK || status == VCOL_NOMEM);
        fails += status != VCOL_OK;
        if (status != VCOL_OK)
            ck_assert_uint_eq(live(w), 0);
        w->allocator.fail_call = 0;
        ck_assert_int_eq(vcol_chunk_put(c, &p, NULL), VCOL_OK);
        ck_assert(holds(c, "x", ROWS, 6));
        vcol_chunk_close(c);
        free(x);
        free(own);
        sample_close(w);
    }
    ck_assert_int_eq(fails, 6);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e2_2_a_getters_pointer_is_poisoned_after_its_step, 6},
        {e2_2_a_pin_outlives_its_step_and_its_release, 0},
        {e6_2_the_accounts_peak_is_the_analysis_and_nothing_is_alive_after_the_run, 5},
        {e6_3_what_is_put_anew_keeps_the_account_exact, 0},
        {e6_3_an_error_in_the_middle_of_an_operation_unpins_everything, 2},
        {e6_3_every_allocation_of_a_put_fails_once, 0},
        {e6_4_a_column_is_released_after_its_last_step_and_offsets_while_nobody_needs_them, 0},
        {e6_4_columns_of_later_files_are_released_too, 2},
        {e6_4_a_step_ends_its_own_leases_only, 0},
        {e6_4_what_was_asked_for_outside_of_steps_is_not_released, 0},
        {e6_4_offsets_stay_for_steps_and_puts_that_need_nothing_else, 3},
        {e6_4_what_is_learned_late_is_fetched_in_its_place, 0},
        {e6_4_a_plan_is_learned_from_the_first_chunk, 2},
        {e6_4_what_folds_use_stays_until_the_last_one, 2},
        {e6_4_prefetch_goes_by_first_use_and_on_into_the_next_chunk, 0},
        {e6_4_what_a_plan_uses_last_is_evicted_first, 2},
        {e6_4_a_step_fetches_for_itself_and_the_next, 0},
        {e6_4_threads_share_a_plan_and_learn_it_together, 0},
        {e6_5_what_was_released_too_early_is_loaded_again_and_learned, 0},
        {e6_5_a_wrong_plan_costs_time_and_never_a_value, 5},
        {e6_7_what_is_put_is_read_back_like_any_column, 0},
        {e6_7_what_is_put_goes_after_its_last_consumer, 2},
        {e6_7_what_is_put_is_not_lost_by_a_plan_that_was_learned, 0},
        {e6_7_lists_are_relied_on_for_what_is_put_until_one_was_wrong, 2},
        {e6_7_misuse_of_put_is_answered_and_keeps_nothing, 0},
    };
    return t_main("plan", tests, sizeof tests / sizeof *tests);
}
