/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict: what is still there when it is used again?
 *
 * Question:   of all uses of columns that do not fit the memory limit, how many find them there: against the best that can be
 *             done by who knows all uses beforehand, where the order of use is known to vcol, too; against the least recently used
 *             one's order where it is not?
 * Workload:   100 items and room for 30 % of their bytes. Uses: one pass; two passes; a loop of 15 passes; 1500 at random, the
 *             first items more often. Items: of one size (64 KiB); of sizes between 8 and 256 KiB, as costly as they are large, or
 *             all as costly as each other, or of costs per byte between 1 and 1000 ns. Known by what the program expects
 *             (vcol_expect: buffers), by a plan's steps (columns of a chunk, of a loop or opened by hand), or by the direction
 *             of a loop (stored blocks that are kept, a chunk each); by nothing: buffers, and blocks by random access. One thread, no
 *             prefetch. Nothing depends on time, so that each run gives the same numbers; but for the columns' costs, which are
 *             measured: they are all below what counts, unless the thread is interrupted.
 * Metric:     what hits save / what the optimum's do, or the least recently used one's; median over the seeds, and the least.
 *             Hits are uses less `generations` of vcol_stats, or `stored_hits`. They save what it costs to bring the items back: where all are as costly
 *             as each other, that is the number of hits; where they are as costly as they are large, their bytes. The optimum: for
 *             one size Belady's, for several a bound from above, what could be saved if parts of items could be kept (offline.h;
 *             it is not reached in general). Nothing saved where nothing can be is a ratio of 1.
 * Regression: below 0.9 of the optimum, below the least recently used one's.
 */
#include "made.h"
#include "measure.h"
#include "offline.h"

#include <vcol/vcol.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#define ITEMS 100
#define USES 1500
#define SEEDS MEASURE_ROUNDS /* at most */
#define KIB ((uint64_t)1024)

static int seeds = 7, percent = 30, failures;

typedef enum pattern { ONE_PASS, TWO_PASSES, LOOP, SKEW, PATTERNS } pattern;
typedef enum kind { EQUAL, SIZES, SIZES_ONE_COST, COSTS, KINDS } kind;
static const char *const pattern_name[PATTERNS] = {"one pass", "two passes", "loop", "random with skew"};
static const char *const kind_name[KINDS] = {"one size", "sizes drawn", "sizes drawn, one cost", "sizes and costs drawn"};

/* What is used, in which order, and what a run of it gave. */
typedef struct workload {
    pattern pattern;
    kind kind;
    int64_t passes, n; /* passes: of the patterns that have them */
    int64_t order[USES];
    int64_t bytes[ITEMS];   /* values of one byte */
    double cost[ITEMS];     /* of bringing it back: seconds */
    uint64_t memory[ITEMS]; /* what vcol takes for it */
    uint64_t room;
    offline_score found;
} workload;

/* One way of using it. Returns 0, or -1 after a failure that it has told. */
typedef struct way {
    const char *name;
    int (*run)(workload *w, int how);
    int how, known, passes_by;
} way;

static int failed(const vcol_error *err)
{
    fprintf(stderr, "evict: %s\n", err->message);
    return -1;
}

static uint64_t draw(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ull;
}

/* Between `least` and `most`, each factor as likely as any other. */
static double draw_between(uint64_t *state, double least, double most)
{
    return least * pow(most / least, (double)(draw(state) >> 11) / 9007199254740992.0);
}

static void draw_workload(workload *w, pattern p, kind k, int seed)
{
    uint64_t state = 0x9e3779b97f4a7c15ull * (uint64_t)(seed + 1);
    memset(w, 0, sizeof *w);
    w->pattern = p;
    w->kind = k;
    for (int i = 0; i < ITEMS; i++) {
        w->bytes[i] = k == EQUAL ? 64 * (int64_t)KIB - 64 : (int64_t)draw_between(&state, 8.0 * KIB, 256.0 * KIB);
        w->cost[i] = k == SIZES_ONE_COST ? 1e-2 : (double)w->bytes[i] * 1e-9 * (k == COSTS ? draw_between(&state, 1, 1000) : 1);
    }
    w->passes = p == ONE_PASS ? 1 : p == TWO_PASSES ? 2 : USES / ITEMS;
    w->n = w->passes * ITEMS;
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t a = draw(&state) % ITEMS, b = draw(&state) % ITEMS;
        w->order[i] = p == SKEW ? (int64_t)(a * b / ITEMS) : i % ITEMS;
    }
}

static vcol_stats stats_of(const vcol_manager *m)
{
    vcol_stats s;
    vcol_manager_stats(m, &s, sizeof s);
    return s;
}

/* The limit is set when the items' memory is known: room for a part of it, beside what is there. */
static void set_room(workload *w, vcol_manager *m)
{
    uint64_t all = 0, largest = 0;
    for (int i = 0; i < ITEMS; i++) {
        all += w->memory[i];
        largest = w->memory[i] > largest ? w->memory[i] : largest;
    }
    w->room = all * (uint64_t)percent / 100;
    w->room = w->room < largest ? largest : w->room;
    if (m)
        vcol_manager_set_limit(m, stats_of(m).fixed + w->room);
}

/* Use i was made, and found it there or not. */
static void count(workload *w, int64_t i, int hit)
{
    w->found.hits += hit;
    w->found.worth += hit ? w->cost[w->order[i]] : 0;
}

/* ---- buffers, expected or not --------------------------------------------------------------------------- */

static vcol_status generate(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    memset(vcol_fill_data(fill), 1, (size_t)vcol_fill_count(fill));
    return VCOL_OK;
}

static vcol_status make_buffers(vcol_manager *m, workload *w, vcol_buffer **buffers, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int i = 0; i < ITEMS && status == VCOL_OK; i++) {
        vcol_buffer_options o;
        vcol_span span;
        vcol_buffer_options_init(&o, sizeof o);
        o.type = VCOL_U8;
        o.count = w->bytes[i];
        o.generator.generate = generate;
        o.generator.cost = w->cost[i];
        status = vcol_buffer_create(m, &o, &buffers[i], err);
        if (status == VCOL_OK && (status = vcol_buffer_pin(buffers[i], &span, err)) == VCOL_OK) {
            w->memory[i] = vcol_buffer_bytes(buffers[i]);
            vcol_buffer_unpin(buffers[i]);
            vcol_buffer_clear(buffers[i]);
        }
    }
    return status;
}

static int use_buffers(workload *w, int expected)
{
    vcol_error err = {0};
    vcol_manager *m = NULL;
    vcol_buffer *buffers[ITEMS] = {0};
    vcol_expect *expect = NULL;
    vcol_status status = made_manager(&m, 0, &err);
    if (status == VCOL_OK)
        status = make_buffers(m, w, buffers, &err);
    if (status == VCOL_OK) {
        vcol_manager_trim(m);
        set_room(w, m);
        if (expected)
            status = vcol_expect_begin(m, buffers, ITEMS, w->order, w->n, &expect, &err);
    }
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++) {
        uint64_t before = stats_of(m).generations;
        vcol_span span;
        status = vcol_buffer_pin(buffers[w->order[i]], &span, &err);
        if (status == VCOL_OK)
            vcol_buffer_unpin(buffers[w->order[i]]);
        count(w, i, stats_of(m).generations == before);
    }
    if (status == VCOL_OK && stats_of(m).overcommits)
        status = vcol_error_set(&err, VCOL_LIMIT, "a grant over the limit");
    vcol_expect_end(expect);
    for (int i = 0; i < ITEMS; i++)
        vcol_buffer_release(buffers[i]);
    vcol_manager_close(m);
    return status == VCOL_OK ? 0 : failed(&err);
}

/* ---- columns of a chunk, by a plan ----------------------------------------------------------------------- */

/* A step for each use; of passes, a step for each item, in as many folds. */
static vcol_status make_plan(const workload *w, vcol_plan **plan, vcol_error *err)
{
    int64_t steps = w->pattern == SKEW ? w->n : ITEMS;
    vcol_status status = vcol_plan_create(plan, err);
    for (int64_t i = 0; i < steps && status == VCOL_OK; i++) {
        char name[16], column[8];
        snprintf(name, sizeof name, "s%d", (int)i);
        snprintf(column, sizeof column, "c%d", (int)w->order[i]);
        status = vcol_plan_add_step(*plan, name, column, NULL, err);
    }
    return status == VCOL_OK && steps < w->n ? vcol_plan_set_folds(*plan, 0, steps - 1, w->n / steps, err) : status;
}

static vcol_status use_steps(vcol_chunk *c, const made_opening *o, workload *w, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++) {
        char name[16];
        vcol_view view;
        uint64_t before = stats_of(o->m).generations;
        snprintf(name, sizeof name, "s%d", (int)(w->pattern == SKEW ? i : i % ITEMS));
        status = vcol_chunk_step(c, name, err);
        if (status == VCOL_OK)
            status = vcol_chunk_get(c, w->order[i], &view, err);
        count(w, i, stats_of(o->m).generations == before);
    }
    return status;
}

static int use_planned(workload *w, int looped)
{
    vcol_error err = {0};
    made_file t;
    made_opening o = {0};
    vcol_plan *plan = NULL;
    vcol_loop *loop = NULL;
    vcol_chunk *c = NULL;
    vcol_loop_options lo;
    made_table(&t, w->bytes, ITEMS, 1);
    vcol_status status = made_open(&o, &t, 0, &err);
    if (status == VCOL_OK)
        status = make_plan(w, &plan, &err);
    vcol_loop_options_init(&lo, sizeof lo);
    lo.flags = VCOL_LOOP_NO_PREFETCH;
    lo.columns = "";
    lo.plan = plan;
    if (status == VCOL_OK)
        status = vcol_chunk_open(o.d, 0, 1, &c, &err);
    for (int i = 0; i < ITEMS && status == VCOL_OK; i++) { /* how much each takes */
        uint64_t before = stats_of(o.m).live;
        vcol_view view;
        status = vcol_chunk_get(c, i, &view, &err);
        w->memory[i] = stats_of(o.m).live - before;
    }
    vcol_chunk_close(c);
    c = NULL;
    vcol_manager_evict(o.m);
    set_room(w, o.m);
    if (status == VCOL_OK && looped) {
        status = vcol_loop_open(o.d, &lo, &loop, &err);
        if (status == VCOL_OK)
            status = vcol_loop_next(loop, &c, &err);
    } else if (status == VCOL_OK) {
        status = vcol_chunk_open(o.d, 0, 1, &c, &err);
        if (status == VCOL_OK)
            status = vcol_chunk_set_plan(c, plan, &err);
    }
    if (status == VCOL_OK)
        status = use_steps(c, &o, w, &err);
    if (!loop)
        vcol_chunk_close(c);
    vcol_loop_close(loop);
    if (status == VCOL_OK && stats_of(o.m).overcommits)
        status = vcol_error_set(&err, VCOL_LIMIT, "a grant over the limit");
    vcol_plan_release(plan);
    made_close(&o, &t);
    return status == VCOL_OK ? 0 : failed(&err);
}

/* ---- stored blocks, by the direction of a loop, or at random ------------------------------------------------ */

static vcol_status use_chunk(vcol_chunk *c, const made_opening *o, workload *w, int64_t i, vcol_error *err)
{
    vcol_view view;
    uint64_t before = stats_of(o->m).stored_hits;
    vcol_status status = vcol_chunk_get(c, 0, &view, err);
    count(w, i, stats_of(o->m).stored_hits != before);
    return status;
}

static vcol_status use_loops(const made_opening *o, workload *w, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    vcol_chunk *c;
    for (int64_t pass = 0; pass < w->passes && status == VCOL_OK; pass++) {
        vcol_loop_options lo;
        vcol_loop *loop = NULL;
        vcol_loop_options_init(&lo, sizeof lo);
        lo.flags = VCOL_LOOP_NO_PREFETCH;
        lo.chunking = VCOL_CHUNK_BY_CLUSTERS;
        status = vcol_loop_open(o->d, &lo, &loop, err);
        for (int64_t i = 0; status == VCOL_OK && (status = vcol_loop_next(loop, &c, err)) == VCOL_OK; i++)
            status = use_chunk(c, o, w, pass * ITEMS + i, err);
        vcol_loop_close(loop);
        status = status == VCOL_END ? VCOL_OK : status;
    }
    return status;
}

static vcol_status use_at_random(const made_opening *o, const made_file *t, workload *w, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < w->n && status == VCOL_OK; i++) {
        vcol_chunk *c = NULL;
        int64_t first = t->clusters[w->order[i]];
        status = vcol_chunk_open(o->d, first, t->clusters[w->order[i] + 1] - first, &c, err);
        if (status == VCOL_OK)
            status = use_chunk(c, o, w, i, err);
        vcol_chunk_close(c);
    }
    return status;
}

/* How much each block takes where it is kept. */
static vcol_status weigh(workload *w, vcol_error *err)
{
    made_file t;
    made_opening o = {0};
    made_table(&t, w->bytes, ITEMS, 0);
    vcol_status status = made_open(&o, &t, 0, err);
    for (int i = 0; i < ITEMS && status == VCOL_OK; i++) {
        vcol_chunk *c = NULL;
        vcol_view view;
        uint64_t before = stats_of(o.m).stored_kept;
        status = vcol_chunk_open(o.d, t.clusters[i], t.clusters[i + 1] - t.clusters[i], &c, err);
        if (status == VCOL_OK)
            status = vcol_chunk_get(c, 0, &view, err);
        vcol_chunk_close(c);
        w->memory[i] = stats_of(o.m).stored_kept - before;
    }
    made_close(&o, &t);
    return status;
}

static int use_blocks(workload *w, int looped)
{
    vcol_error err = {0};
    made_file t;
    made_opening o = {0};
    vcol_status status = weigh(w, &err);
    set_room(w, NULL);
    made_table(&t, w->bytes, ITEMS, 0);
    if (status == VCOL_OK)
        status = made_open(&o, &t, w->room, &err);
    if (status == VCOL_OK)
        status = looped ? use_loops(&o, w, &err) : use_at_random(&o, &t, w, &err);
    made_close(&o, &t);
    return status == VCOL_OK ? 0 : failed(&err);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static void print_list(const char *name, const double *values, int more)
{
    printf("\"%s\":[", name);
    for (int s = 0; s < seeds; s++)
        printf("%s%.9g", s ? "," : "", values[s]);
    printf("]%s", more ? "," : "");
}

/* One line: a way of using a pattern and kind, over all seeds. */
static int bench_case(const way *x, pattern p, kind k)
{
    double uses[SEEDS], hits[SEEDS], found[SEEDS], best[SEEDS], lru[SEEDS], latest[SEEDS], ratios[SEEDS], least = INFINITY;
    for (int s = 0; s < seeds; s++) {
        static workload w;
        double worth[ITEMS], most = 0;
        draw_workload(&w, p, k, s);
        if (x->run(&w, x->how) != 0)
            return -1;
        for (int i = 0; i < ITEMS; i++)
            most = w.cost[i] > most ? w.cost[i] : most;
        for (int i = 0; i < ITEMS; i++)
            worth[i] = w.cost[i] / most;
        offline_trace t = {ITEMS, w.n, w.order, w.memory, worth, w.room, x->passes_by};
        offline_score recent = offline_lru(&t), last = offline_latest(&t);
        best[s] = offline_bound(&t);
        if (best[s] < 0 || last.worth > best[s] + 1e-6 || (k == EQUAL && !x->passes_by && last.worth < best[s] - 1e-6)) {
            fprintf(stderr, "evict: the optimum is %g, or %g\n", best[s], last.worth);
            return -1;
        }
        uses[s] = (double)w.n;
        lru[s] = recent.worth;
        latest[s] = last.worth;
        found[s] = w.found.worth / most;
        hits[s] = (double)w.found.hits;
        double against = x->known ? best[s] : lru[s], ratio = against > 1e-9 ? found[s] / against : 1;
        ratios[s] = ratio;
        least = ratio < least ? ratio : least;
    }
    double bound = x->known ? 0.9 : 1, ratio = measure_median(ratios, seeds);
    int kept = ratio >= bound - 1e-9;
    failures += !kept;
    printf("{\"bench\":\"evict\",\"case\":\"%s, %s, %s\",\"compared\":\"%s / %s\",\"ratio\":%.4f,\"bound\":%g,\"aim\":%s,"
           "\"better\":\"higher\",\"kept\":%s,\"least\":%.4f,\"counts\":{",
           x->name, pattern_name[p], kind_name[k], k == EQUAL || k == SIZES_ONE_COST ? "hits" : k == SIZES ? "bytes of hits" : "cost of hits",
           x->known ? k == EQUAL ? "the optimum's" : "a bound of the optimum's" : "the least recently used one's", ratio, bound,
           x->known ? "1" : "null", kept ? "true" : "false", least);
    print_list("uses", uses, 1);
    print_list("hits", hits, 1);
    print_list("saved", found, 1);
    print_list("optimum", best, 1);
    print_list("least recently used", lru, 1);
    print_list("latest use", latest, 0);
    printf("}}\n");
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const way ways[] = {
        {"buffers, expected", use_buffers, 1, 1, 0},
        {"buffers, nothing known", use_buffers, 0, 0, 0},
        {"columns, planned, of a loop", use_planned, 1, 1, 0},
        {"columns, planned, of a chunk", use_planned, 0, 1, 0},
        {"stored blocks, looped over", use_blocks, 1, 1, 1},
        {"stored blocks, nothing known", use_blocks, 0, 0, 1},
    };
    int check = 0, bad = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--room") == 0 && i + 1 < argc)
            percent = atoi(argv[++i]);
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else
            bad = 1;
    }
    if (bad || seeds < 1 || seeds > SEEDS || percent < 1 || percent > 100) {
        fprintf(stderr, "usage: evict [--seeds N] [--room PERCENT] [--check]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (int p = 0; p < PATTERNS; p++)
            for (int k = 0; k < KINDS; k++) {
                const way *x = &ways[i];
                if (x->run != use_buffers && k >= SIZES_ONE_COST)
                    continue; /* what reading costs is measured: it is as good as the same for each byte */
                if (x->run == use_blocks && (p == SKEW) == x->known)
                    continue; /* a loop is known, and what is used at random is not */
                if (bench_case(x, (pattern)p, (kind)k) != 0)
                    return 1;
            }
    return check && failures;
}
