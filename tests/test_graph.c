/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What follows from a plan that is given as a graph: TESTS.md E6, held against an oracle that looks through the whole
 * sequence of operations, round after round, at every step of it.
 */
#include "helpers.h"

enum { MOST_OPS = 12, MOST_KEYS = 10, MOST_SEQUENCE = MOST_OPS * 6, NOBODY = -2, OUTSIDE = -1 };

typedef struct op {
    int n_in, n_out;
    int in[4], out[3];
    int first, last, folds; /* the round that it is part of */
} op;

typedef struct graph {
    int n_ops, n_keys, n_sequence;
    op ops[MOST_OPS];
    int sequence[MOST_SEQUENCE];
    int round[MOST_SEQUENCE];
    uint64_t seed;
} graph;

static const char *key_name(int k)
{
    static const char *const names[MOST_KEYS] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"};
    return names[k];
}

/* ---- graphs ----------------------------------------------------------------------------------------- */

static bool among(const int *list, int n, int k)
{
    for (int i = 0; i < n; i++)
        if (list[i] == k)
            return true;
    return false;
}

static void unroll(graph *g)
{
    g->n_sequence = 0;
    for (int i = 0; i < g->n_ops;) {
        op o = g->ops[i];
        for (int r = 0; r < o.folds; r++)
            for (int j = o.first; j <= o.last; j++) {
                g->round[g->n_sequence] = r;
                g->sequence[g->n_sequence++] = j;
            }
        i = o.last + 1;
    }
}

static graph random_graph(uint64_t seed)
{
    t_random r = {seed * 2654435761u + 1};
    graph g = {.seed = seed};
    g.n_ops = 1 + (int)t_below(&r, MOST_OPS);
    g.n_keys = 1 + (int)t_below(&r, MOST_KEYS);
    for (int i = 0; i < g.n_ops; i++) {
        op *o = &g.ops[i];
        o->n_in = (int)t_below(&r, 4);
        o->n_out = (int)t_below(&r, 3);
        for (int k = 0; k < o->n_in; k++)
            o->in[k] = (int)t_below(&r, g.n_keys); /* the same twice, too */
        for (int k = 0; k < o->n_out; k++)
            o->out[k] = (int)t_below(&r, g.n_keys);
        o->first = o->last = i;
        o->folds = 1;
    }
    for (int at = (int)t_below(&r, 4); at < g.n_ops;) { /* some rounds that do not overlap */
        int last = at + (int)t_below(&r, 4), folds = 1 + (int)t_below(&r, 5);
        last = last < g.n_ops ? last : g.n_ops - 1;
        for (int i = at; i <= last; i++)
            g.ops[i].first = at, g.ops[i].last = last, g.ops[i].folds = folds;
        at = last + 1 + (int)t_below(&r, 5);
    }
    unroll(&g);
    return g;
}

static uint64_t size_of_key(uint64_t seed, int k, int64_t maker)
{
    t_random r = {seed + (uint64_t)k * 977 + (uint64_t)(maker + 1) * 131071};
    t_next(&r);
    return (uint64_t)t_below(&r, 1000);
}

static vcol_plan *plan_of(const graph *g)
{
    vcol_plan *p;
    ck_assert_int_eq(vcol_plan_create(&p, NULL), VCOL_OK);
    for (int i = 0; i < g->n_ops; i++) {
        const op *o = &g->ops[i];
        const char *in[4], *out[3];
        char name[16];
        snprintf(name, sizeof name, "op%d", i);
        for (int k = 0; k < o->n_in; k++)
            in[k] = key_name(o->in[k]);
        for (int k = 0; k < o->n_out; k++)
            out[k] = key_name(o->out[k]);
        ck_assert_int_eq(vcol_plan_add_operation(p, name, in, o->n_in, out, o->n_out, NULL), VCOL_OK);
    }
    for (int i = 0; i < g->n_ops; i = g->ops[i].last + 1)
        if (g->ops[i].folds > 1 || g->ops[i].last > i)
            ck_assert_int_eq(vcol_plan_set_folds(p, g->ops[i].first, g->ops[i].last, g->ops[i].folds, NULL), VCOL_OK);
    return p;
}

/* ---- the oracle --------------------------------------------------------------------------------------- */

typedef struct truth {
    /* by step, set, key, maker + 1 */
    bool sets[MOST_OPS][VCOL_PLAN_SETS][MOST_KEYS][MOST_OPS + 1];
    uint64_t during[MOST_OPS], after[MOST_OPS], peak;
    int reads[MOST_KEYS]; /* from outside */
    int left;             /* columns that are there after the last step */
} truth;

/* Whether somebody reads a key, as it is now, at one of the positions [from, to). */
static bool read_later(const graph *g, int k, int from, int to)
{
    for (int u = from; u < to; u++) {
        const op *o = &g->ops[g->sequence[u]];
        if (among(o->in, o->n_in, k))
            return true;
        if (among(o->out, o->n_out, k))
            return false;
    }
    return false;
}

static truth *look(const graph *g)
{
    truth *t = calloc(1, sizeof *t);
    int there[MOST_KEYS];
    uint64_t live = 0;
    for (int k = 0; k < MOST_KEYS; k++)
        there[k] = NOBODY;
    for (int at = 0; at < g->n_sequence; at++) {
        int step = g->sequence[at];
        const op *o = &g->ops[step];
        bool last = g->round[at] + 1 == o->folds;
        vcol_plan_set goes = last ? VCOL_PLAN_RELEASED : VCOL_PLAN_AGAIN;
        bool made[MOST_KEYS] = {false};
        for (int i = 0; i < o->n_in; i++) {
            int k = o->in[i];
            if (there[k] == NOBODY) {
                there[k] = OUTSIDE;
                live += size_of_key(g->seed, k, OUTSIDE);
                t->sets[step][VCOL_PLAN_READ][k][0] = true;
                t->reads[k]++;
            } else if (g->round[at] == 0 && !t->sets[step][VCOL_PLAN_READ][k][there[k] + 1]) {
                t->sets[step][VCOL_PLAN_FOUND][k][there[k] + 1] = true;
            }
        }
        uint64_t most = live;
        for (int i = 0; i < o->n_out; i++) {
            int k = o->out[i];
            if (made[k])
                continue;
            made[k] = true;
            t->sets[step][VCOL_PLAN_MADE][k][step + 1] = true;
            live += size_of_key(g->seed, k, step);
            most = live > most ? live : most;
            if (there[k] != NOBODY) {
                live -= size_of_key(g->seed, k, there[k]);
                if (there[k] != step)
                    t->sets[step][goes][k][there[k] + 1] = true;
            }
            there[k] = step;
        }
        t->during[step] = most > t->during[step] ? most : t->during[step];
        t->peak = most > t->peak ? most : t->peak;
        for (int k = 0; k < g->n_keys; k++)
            if (there[k] != NOBODY && !read_later(g, k, at + 1, g->n_sequence)) {
                t->sets[step][goes][k][there[k] + 1] = true;
                live -= size_of_key(g->seed, k, there[k]);
                there[k] = NOBODY;
            }
        if (last)
            t->after[step] = live;
        if (!last && step == o->last) { /* the end of a round; the rest of the rounds lies before `end` */
            int end = at + 1 + (o->folds - 1 - g->round[at]) * (o->last - o->first + 1);
            for (int k = 0; k < g->n_keys; k++)
                if (there[k] != NOBODY && read_later(g, k, at + 1, end))
                    t->sets[step][VCOL_PLAN_PINNED][k][there[k] + 1] = true;
        }
    }
    for (int k = 0; k < MOST_KEYS; k++)
        t->left += there[k] != NOBODY;
    return t;
}

/* ---- E6.1 --------------------------------------------------------------------------------------------- */

typedef struct asked {
    uint64_t seed;
    int calls, fail_call;
} asked;

static vcol_status size_callback(const char *name, int64_t step, uint64_t *size, void *opaque, vcol_error *err)
{
    asked *a = opaque;
    if (++a->calls == a->fail_call)
        return vcol_error_set(err, VCOL_CALLBACK, "no size today");
    *size = size_of_key(a->seed, name[1] - '0', step);
    return VCOL_OK;
}

static vcol_plan_analysis *analyse(const vcol_plan *p, asked *a)
{
    vcol_plan_options o;
    vcol_plan_analysis *out;
    vcol_plan_options_init(&o, sizeof o);
    o.size = a ? size_callback : NULL;
    o.opaque = a;
    ck_assert_int_eq(vcol_plan_analyze(p, &o, &out, NULL), VCOL_OK);
    return out;
}

START_TEST(e6_1_what_is_released_read_and_held_equals_the_oracle_on_random_graphs)
{
    enum { EACH = 100 };
    int64_t sets = 0, rounds = 0;
    for (uint64_t seed = (uint64_t)_i * EACH; seed < (uint64_t)(_i + 1) * EACH; seed++) {
        graph g = random_graph(seed);
        truth *t = look(&g);
        vcol_plan *p = plan_of(&g);
        asked a = {.seed = seed};
        vcol_plan_analysis *x = analyse(p, &a);
        ck_assert_int_eq(vcol_plan_analysis_steps(x), g.n_ops);
        for (int i = 0; i < g.n_ops; i++) {
            vcol_plan_step s;
            vcol_plan_column c;
            ck_assert_int_eq(vcol_plan_describe(x, i, &s, sizeof s, NULL), VCOL_OK);
            ck_assert_msg(s.during == t->during[i] && s.after == t->after[i], "graph %d, step %d: %llu, %llu; %llu, %llu",
                          (int)seed, i, (unsigned long long)s.during, (unsigned long long)s.after,
                          (unsigned long long)t->during[i], (unsigned long long)t->after[i]);
            ck_assert(s.folds == g.ops[i].folds && s.fold_first == g.ops[i].first && s.fold_last == g.ops[i].last);
            rounds += s.folds > 1;
            for (int k = 0; k < VCOL_PLAN_SETS; k++) {
                int64_t n = 0;
                for (int j = 0; j < MOST_KEYS; j++)
                    for (int m = 0; m <= MOST_OPS; m++)
                        n += t->sets[i][k][j][m];
                ck_assert_msg(n == s.n[k], "graph %d, step %d, set %d: %d of %d", (int)seed, i, k, (int)s.n[k], (int)n);
                for (int64_t j = 0; j < s.n[k]; j++) {
                    ck_assert_int_eq(vcol_plan_describe_column(x, i, (vcol_plan_set)k, j, &c, sizeof c, NULL), VCOL_OK);
                    ck_assert_msg(t->sets[i][k][c.name[1] - '0'][c.step + 1], "graph %d, step %d, set %d: %s of %d",
                                  (int)seed, i, k, c.name, (int)c.step);
                }
                sets += n;
            }
        }
        ck_assert_uint_eq(vcol_plan_analysis_peak(x, NULL), t->peak);
        ck_assert_int_eq(t->left, 0);
        for (int k = 0; k < g.n_keys; k++)
            ck_assert_int_le(t->reads[k], 1); /* however many folds */
        vcol_plan_analysis_close(x);
        vcol_plan_release(p);
        free(t);
    }
    ck_assert_int_gt(sets, 10 * EACH);
    ck_assert_int_gt(rounds, EACH);
}
END_TEST

/* Names of a set, with blanks between. */
static const char *set_of(const vcol_plan_analysis *x, int64_t step, vcol_plan_set what)
{
    static char text[256];
    vcol_plan_column c;
    text[0] = 0;
    for (int64_t i = 0; vcol_plan_describe_column(x, step, what, i, &c, sizeof c, NULL) == VCOL_OK; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", c.name);
    return text;
}

START_TEST(e6_1_the_shapes_of_the_list)
{
    static const struct {
        const char *name, *text;
        const char *released[5];
    } cases[] = {
        {"diamond", "step a\nuses x\nmakes p\nstep b\nuses p\nmakes q\nstep c\nuses p\nmakes r\nstep d\nuses q r\nmakes z\n",
         {"x", "", "p", "q r z"}},
        {"fan-out", "step a\nmakes p\nstep b\nuses p\nstep c\nuses p\nstep d\nuses p\n", {"", "", "", "p"}},
        {"same operand twice", "step a\nmakes p\nstep b\nuses p p\nmakes q\nstep c\nuses q q p\n", {"", "", "q p"}},
        {"dead output", "step a\nmakes p q\nstep b\nuses q\n", {"p", "q"}},
        {"single node", "step a\nuses x\nmakes y\n", {"x y"}},
        {"nothing", "step a\n", {""}},
        {"made anew", "step a\nmakes p\nstep b\nmakes p\nstep c\nuses p\nmakes p\nstep d\nuses p\n", {"p", "", "p", "p"}},
        {"made anew from outside", "step a\nuses p\nmakes p\nstep b\nuses p\n", {"p", "p"}},
        {"folds", "step a\nmakes p\nstep b\nuses p x\nmakes t\nstep c\nuses t\nmakes u\nstep d\nuses u\nfolds 1 2 5\n",
         {"", "p x", "t", "u"}},
    };
    char path[] = "/tmp/vcol_graph_XXXXXX";
    int file = mkstemp(path);
    FILE *out = fdopen(file, "w");
    vcol_plan *p;
    ck_assert_ptr_nonnull(out);
    fprintf(out, "vcol plan 1\n%s", cases[_i].text);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(vcol_plan_load(path, &p, NULL), VCOL_OK);
    remove(path);
    vcol_plan_analysis *x = analyse(p, NULL);
    for (int64_t i = 0; i < vcol_plan_analysis_steps(x); i++)
        ck_assert_msg(strcmp(set_of(x, i, VCOL_PLAN_RELEASED), cases[_i].released[i]) == 0, "%s, step %d: %s", cases[_i].name,
                      (int)i, set_of(x, i, VCOL_PLAN_RELEASED));
    if (strcmp(cases[_i].name, "folds") == 0) {
        ck_assert_str_eq(set_of(x, 2, VCOL_PLAN_PINNED), "p x");
        ck_assert_str_eq(set_of(x, 2, VCOL_PLAN_AGAIN), "t u");
        ck_assert_str_eq(set_of(x, 1, VCOL_PLAN_READ), "x");
    }
    vcol_plan_analysis_close(x);
    vcol_plan_release(p);
}
END_TEST

/* ---- E6.3 --------------------------------------------------------------------------------------------- */

START_TEST(e6_3_a_size_that_is_not_known_is_asked_for_once)
{
    graph g = random_graph(77);
    vcol_plan *p = plan_of(&g);
    asked a = {.seed = g.seed};
    int64_t unknown;
    vcol_plan_analysis *x = analyse(p, NULL); /* nobody to ask */
    ck_assert_uint_eq(vcol_plan_analysis_peak(x, &unknown), 0);
    ck_assert_int_gt(unknown, 3);
    vcol_plan_analysis_close(x);
    x = analyse(p, &a);
    ck_assert_int_eq(a.calls, unknown);
    ck_assert_uint_gt(vcol_plan_analysis_peak(x, &unknown), 0);
    ck_assert_int_eq(unknown, 0);
    vcol_plan_analysis_close(x);
    int all = a.calls;
    for (int n = 1; n <= all; n++) { /* a failure is an error, with its message */
        asked b = {.seed = g.seed, .fail_call = n};
        vcol_plan_options o;
        vcol_error err = {0};
        vcol_plan_options_init(&o, sizeof o);
        o.size = size_callback;
        o.opaque = &b;
        ck_assert_int_eq(vcol_plan_analyze(p, &o, &x, &err), VCOL_CALLBACK);
        ck_assert_ptr_null(x);
        ck_assert_str_eq(err.message, "no size today");
    }
    for (int k = 0; k < g.n_keys; k++) /* what the plan says is not asked for */
        ck_assert_int_eq(vcol_plan_set_size(p, key_name(k), 7, NULL), VCOL_OK);
    asked c = {.seed = g.seed};
    x = analyse(p, &c);
    ck_assert_int_eq(c.calls, 0);
    ck_assert_uint_eq(vcol_plan_analysis_peak(x, NULL) % 7, 0);
    vcol_plan_analysis_close(x);
    vcol_plan_release(p);
}
END_TEST

/* ---- the text ------------------------------------------------------------------------------------------ */

static char *temporary(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/vcol_plan_XXXXXX");
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    fclose(fdopen(file, "w"));
    return path;
}

START_TEST(e6_6_what_is_saved_and_loaded_is_the_same_plan)
{
    char *path = temporary();
    for (uint64_t seed = 0; seed < 50; seed++) {
        graph g = random_graph(seed);
        vcol_plan *p = plan_of(&g), *q;
        asked a = {.seed = seed};
        truth *t = look(&g);
        ck_assert_int_eq(vcol_plan_add_step(p, "patterns", "Jet_* MET_pt,@Jet", NULL, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_plan_add_step(p, "odd \"name\"\n", NULL, NULL, NULL), VCOL_OK);
        const char *odd[] = {"a b", "\x01\\", "k0"};
        ck_assert_int_eq(vcol_plan_add_operation(p, "step", odd, 2, odd + 2, 1, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_plan_set_size(p, "a b", UINT64_MAX, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_plan_save(p, path, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_plan_load(path, &q, NULL), VCOL_OK);
        ck_assert_int_eq(vcol_plan_steps(q), g.n_ops + 3);
        char name[64];
        ck_assert_int_eq(vcol_plan_step_name(q, g.n_ops + 1, name, sizeof name, NULL), VCOL_OK);
        ck_assert_str_eq(name, "odd \"name\"\n");
        vcol_plan_analysis *x = analyse(q, &a);
        for (int i = 0; i < g.n_ops; i++) {
            vcol_plan_step s;
            ck_assert_int_eq(vcol_plan_describe(x, i, &s, sizeof s, NULL), VCOL_OK);
            ck_assert(s.during == t->during[i] && s.known);
        }
        ck_assert_str_eq(set_of(x, g.n_ops, VCOL_PLAN_READ), "Jet_* MET_pt Jet");
        ck_assert_str_eq(set_of(x, g.n_ops + 2, VCOL_PLAN_READ), "a b \x01\\");
        vcol_plan_analysis_close(x);
        vcol_plan_release(p);
        vcol_plan_release(q);
        free(t);
    }
    remove(path);
}
END_TEST

START_TEST(e6_6_a_text_that_is_no_plan_is_an_error_that_says_where)
{
    static const struct {
        const char *text;
        vcol_status status;
        const char *says;
    } cases[] = {
        {"", VCOL_CORRUPT, "not a plan"},
        {"vcol plan", VCOL_CORRUPT, "not a plan"},
        {"vcol plan 2\n", VCOL_UNSUPPORTED, "version 2"},
        {"vcol plan x\n", VCOL_CORRUPT, "line 1"},
        {"vcol plan 1 1\n", VCOL_CORRUPT, "line 1"},
        {"vcol plan 1\nstep\n", VCOL_CORRUPT, "line 2"},
        {"vcol plan 1\nstep a\nstep a\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a b\n", VCOL_CORRUPT, "line 2"},
        {"vcol plan 1\nuses a\n", VCOL_CORRUPT, "line 2"},
        {"vcol plan 1\nstep a\nuses \"b\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nuses \"b\\q\"\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nuses \"b\\x00\"\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nuses \"b\"c\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nuses \"\"\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nfolds 0 0\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nfolds 0 0 0\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nfolds 0 1 2\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nfolds 0 0 2 2\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nfolds 0 0 99999999999999999999\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nstep a\nsize x 1e3\n", VCOL_CORRUPT, "line 3"},
        {"vcol plan 1\nsteps a\n", VCOL_CORRUPT, "line 2"},
    };
    char *path = temporary();
    vcol_error err = {0};
    vcol_plan *p;
    FILE *out = fopen(path, "w");
    fputs(cases[_i].text, out);
    fclose(out);
    ck_assert_msg(vcol_plan_load(path, &p, &err) == cases[_i].status, "%s", err.message);
    ck_assert_ptr_null(p);
    ck_assert_msg(strstr(err.message, cases[_i].says) && strstr(err.message, path), "%s", err.message);
    remove(path);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_plan_load(path, &p, &err), VCOL_NOT_FOUND);
    ck_assert_int_ne(err.os_errno, 0);
}
END_TEST

START_TEST(e6_6_misuse_of_a_plan_is_answered)
{
    static const char *const names[] = {"x", NULL, ""};
    vcol_plan *p;
    int64_t step;
    vcol_error set = {.status = VCOL_IO};
    ck_assert_int_eq(vcol_plan_create(NULL, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_create(&p, &set), VCOL_IO);
    ck_assert_int_eq(vcol_plan_create(&p, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_plan_add_step(p, "", "x", NULL, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_add_step(p, "a", "x", &step, NULL), VCOL_OK);
    ck_assert_int_eq(step, 0);
    ck_assert_int_eq(vcol_plan_add_step(p, "a", "y", &step, NULL), VCOL_MISUSE);
    ck_assert_int_eq(step, -1);
    ck_assert_int_eq(vcol_plan_add_operation(p, "b", names, 2, NULL, 0, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_add_operation(p, "b", names, 1, names + 2, 1, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_add_operation(p, "b", NULL, 1, NULL, 0, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_add_operation(p, "b", names, 1, NULL, 0, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_plan_set_folds(p, 0, 2, 2, NULL), VCOL_RANGE);
    ck_assert_int_eq(vcol_plan_set_folds(p, 1, 0, 2, NULL), VCOL_RANGE);
    ck_assert_int_eq(vcol_plan_set_folds(p, 0, 1, 0, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_set_folds(p, 0, 1, 2, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_plan_set_folds(p, 1, 1, 2, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_set_folds(p, 0, 1, 3, NULL), VCOL_OK);
    ck_assert_int_eq(vcol_plan_set_size(p, NULL, 1, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_plan_steps(p), 2);
    ck_assert_int_eq(vcol_plan_save(p, "/nowhere/at/all", NULL), VCOL_IO);
    vcol_plan_release(p);
    vcol_plan_release(NULL);
    vcol_plan_analysis_close(NULL);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e6_1_what_is_released_read_and_held_equals_the_oracle_on_random_graphs, 10},
        {e6_1_the_shapes_of_the_list, 9},
        {e6_3_a_size_that_is_not_known_is_asked_for_once, 0},
        {e6_6_what_is_saved_and_loaded_is_the_same_plan, 0},
        {e6_6_a_text_that_is_no_plan_is_an_error_that_says_where, 21},
        {e6_6_misuse_of_a_plan_is_answered, 0},
    };
    return t_main("graph", tests, sizeof tests / sizeof *tests);
}
