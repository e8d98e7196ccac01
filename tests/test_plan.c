/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plans, steps and what is put into chunks, over the sample file in memory: TESTS.md E2.2 (the end of a step) and E6. What is
 * loaded, prefetched and dropped is read from the access log, what is kept from the account.
 */
#include "helpers.h"

#include "core/memory.h"

#include <sys/wait.h>
#include <unistd.h>

#define ROWS 8000
#define LOG  20000

typedef struct world {
    t_allocator allocator;
    t_executor e;
    t_source source;
    vcol_source *opened;
    vcol_manager *m;
    vcol_dataset *d;
} world;

static unsigned char *bytes;
static size_t size;

static void load_sample(void)
{
    FILE *in = fopen(VCOL_SAMPLE, "rb");
    ck_assert_ptr_nonnull(in);
    ck_assert_int_eq(fseek(in, 0, SEEK_END), 0);
    size = (size_t)ftell(in);
    rewind(in);
    bytes = malloc(size);
    ck_assert_uint_eq(fread(bytes, 1, size, in), size);
    fclose(in);
}

enum { STEPPED = -1 };

/* threads 0 = no background work; STEPPED = an executor that is stepped */
static world *fresh_with(int threads, vcol_manager_options o)
{
    const char *path = "sample";
    vcol_dataset_options d;
    world *w = calloc(1, sizeof *w);
    if (!bytes)
        load_sample();
    t_executor_init(&w->e);
    o.allocator = t_allocator_of(&w->allocator);
    o.flags |= threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    o.threads = threads > 0 ? threads : 0;
    o.access_log = LOG;
    if (threads == STEPPED)
        o.executor = t_executor_of(&w->e);
    w->m = t_manager(&o);
    w->opened = t_source_open(&w->source, bytes, size, path);
    vcol_dataset_options_init(&d, sizeof d);
    d.sources = &w->opened;
    ck_assert_int_eq(vcol_dataset_open(w->m, &path, 1, &d, &w->d, NULL), VCOL_OK);
    return w;
}

static world *fresh(int threads)
{
    return fresh_with(threads, t_options());
}

static void done(world *w)
{
    t_run(&w->e);
    t_until(t_stats(w->m).live + t_stats(w->m).promised == 0);
    vcol_dataset_close(w->d);
    vcol_source_release(w->opened);
    vcol_manager_close(w->m);
    t_run(&w->e);
    ck_assert_int_eq(atomic_load(&w->allocator.live), 0);
    free(w);
}

static vcol_chunk *chunk_of(world *w, vcol_plan *plan)
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
static int seen(const world *w, vcol_log_event event, const char *name)
{
    static vcol_log_entry log[LOG];
    int64_t n = vcol_manager_log(w->m, 0, log, LOG);
    int found = 0;
    for (int64_t i = 0; i < n; i++)
        found += log[i].event == (int32_t)event && strstr(log[i].name, name) != NULL;
    return found;
}

static uint64_t live(const world *w)
{
    return t_stats(w->m).live;
}

/* Bytes that are charged for so many float32. */
static uint64_t floats(int64_t n)
{
    return vcol__memory_capacity((size_t)n * sizeof(float));
}

/* ---- steps and their leases ----------------------------------------------------------------------------- */

START_TEST(e6_4_a_column_is_released_after_its_last_step_and_offsets_while_nobody_needs_them)
{
    static const char *const steps[][2] = {{"one", "MET_pt Jet_pt"}, {"two", "Jet_pt Jet_eta"}, {"three", "Jet_eta"}, {"four", "run"}};
    world *w = fresh(0);
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
    done(w);
}
END_TEST

/* Without a plan a step ends its leases and nothing else; what was asked for outside of steps stays in place. */
START_TEST(e6_4_a_step_ends_its_own_leases_only)
{
    world *w = fresh(0);
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
    done(w);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e6_4_a_column_is_released_after_its_last_step_and_offsets_while_nobody_needs_them, 0},
        {e6_4_a_step_ends_its_own_leases_only, 0},
    };
    return t_main("plan", tests, sizeof tests / sizeof *tests);
}
