/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every way out of a block with VCOL_PREFETCH_SCOPE, in what C and C++ have in common: test_scope.c, test_scope_cxx.cc.
 * The manager's executor keeps what it is given, so that a scope's loads are all taken back at its end, and counted.
 */
#ifndef VCOL_TESTS_SCOPE_WAYS_H
#define VCOL_TESTS_SCOPE_WAYS_H

#include <vcol/scope.h>
#include <vcol/vcol.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define WAYS_COLUMNS "run MET_pt Jet_pt"
#define WAYS_TASKS   1000

typedef struct ways {
    vcol_manager *manager;
    vcol_dataset *dataset;
    vcol_chunk *chunk;
    uint64_t each;  /* loads of a scope */
    uint64_t ended; /* scopes that have ended */
    struct {
        void (*run)(void *arg);
        void *arg;
    } tasks[WAYS_TASKS];
    int n;
} ways;

static vcol_status ways_submit(vcol_task_kind kind, void (*run)(void *arg), void *arg, void *opaque)
{
    ways *w = (ways *)opaque;
    (void)kind;
    ck_assert_int_lt(w->n, WAYS_TASKS);
    w->tasks[w->n].run = run;
    w->tasks[w->n++].arg = arg;
    return VCOL_OK;
}

static uint64_t ways_taken_back(const ways *w)
{
    vcol_stats s;
    vcol_manager_stats(w->manager, &s, sizeof s);
    return s.cancelled;
}

static ways *ways_open(void)
{
    ways *w = (ways *)calloc(1, sizeof *w);
    vcol_manager_options o;
    vcol_prefetch *scope;
    vcol_prefetch_stats s;
    vcol_error err;
    const char *path = VCOL_SAMPLE;
    memset(&err, 0, sizeof err);
    vcol_manager_options_init(&o, sizeof o);
    o.executor.submit = ways_submit;
    o.executor.opaque = w;
    vcol_manager_open(&o, &w->manager, &err);
    vcol_dataset_open(w->manager, &path, 1, NULL, &w->dataset, &err);
    vcol_chunk_open(w->dataset, 0, 100, &w->chunk, &err);
    vcol_prefetch_begin(w->chunk, WAYS_COLUMNS, NULL, &scope, &err);
    ck_assert_msg(err.status == VCOL_OK, "%s", err.message);
    vcol_prefetch_get_stats(scope, &s, sizeof s);
    ck_assert_int_ge(s.issued, 3);
    w->each = (uint64_t)s.issued;
    vcol_prefetch_end(scope);
    w->ended = 1;
    ck_assert_uint_eq(ways_taken_back(w), w->each);
    return w;
}

static void ways_close(ways *w)
{
    vcol_stats s;
    for (int i = 0; i < w->n; i++)
        w->tasks[i].run(w->tasks[i].arg);
    vcol_manager_stats(w->manager, &s, sizeof s);
    ck_assert_uint_eq(s.generations, 0);
    vcol_chunk_close(w->chunk);
    vcol_dataset_close(w->dataset);
    vcol_manager_close(w->manager);
    free(w);
}

/* In a scope: no other one has ended. */
static void ways_inside(const ways *w)
{
    ck_assert_uint_eq(ways_taken_back(w), w->ended * w->each);
}

/* So many have ended since. */
static void ways_outside(ways *w, uint64_t scopes)
{
    w->ended += scopes;
    ck_assert_uint_eq(ways_taken_back(w), w->ended * w->each);
}

static int ways_return(const ways *w, int early)
{
    VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
    ways_inside(w);
    if (early)
        return 1;
    ways_inside(w);
    return 0;
}

START_TEST(scope_ends_at_the_end_of_its_block)
{
    ways *w = ways_open();
    {
        VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
        ways_inside(w);
    }
    ways_outside(w, 1);
    ways_close(w);
}
END_TEST

START_TEST(scope_ends_with_return)
{
    ways *w = ways_open();
    ck_assert_int_eq(ways_return(w, 1), 1);
    ways_outside(w, 1);
    ck_assert_int_eq(ways_return(w, 0), 0);
    ways_outside(w, 1);
    ways_close(w);
}
END_TEST

START_TEST(scope_ends_with_break_and_continue)
{
    ways *w = ways_open();
    for (int i = 0; i < 5; i++) {
        if (i > 0)
            ways_outside(w, 1);
        VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
        ways_inside(w);
        if (i < 2)
            continue;
        if (i == 3)
            break;
        ways_inside(w);
    }
    ways_outside(w, 1);
    switch (_i) {
    default: {
        VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
        ways_inside(w);
        break;
    }
    }
    ways_outside(w, 1);
    ways_close(w);
}
END_TEST

START_TEST(scope_ends_with_goto)
{
    ways *w = ways_open();
    int rounds = 0;
again: {
    VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
    ways_inside(w);
    if (rounds++ == 1)
        goto out;
}
    ways_outside(w, 1);
    goto again;
out:
    ways_outside(w, 1);
    ck_assert_int_eq(rounds, 2);
    ways_close(w);
}
END_TEST

/* What an outer one wants stays wanted; two may stand in one block. */
START_TEST(scopes_nest)
{
    ways *w = ways_open();
    {
        VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
        {
            VCOL_PREFETCH_SCOPE(w->chunk, WAYS_COLUMNS);
            VCOL_PREFETCH_SCOPE(w->chunk, "run");
            ways_inside(w);
        }
        ways_inside(w);
    }
    ways_outside(w, 1);
    ways_close(w);
}
END_TEST

/* A begin that fails gives a scope that does nothing; the block runs as if it were not there. */
START_TEST(scope_that_cannot_begin_is_inert)
{
    ways *w = ways_open();
    int ran = 0, before = w->n;
    {
        VCOL_PREFETCH_SCOPE(w->chunk, "no_such_column");
        VCOL_PREFETCH_SCOPE(NULL, WAYS_COLUMNS);
        ran = 1;
    }
    ck_assert_int_eq(ran, 1);
    ck_assert_int_eq(w->n, before);
    ways_outside(w, 0);
    ways_close(w);
}
END_TEST

static TCase *ways_case(Suite *suite)
{
    TCase *tc = tcase_create("ways out");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, scope_ends_at_the_end_of_its_block);
    tcase_add_test(tc, scope_ends_with_return);
    tcase_add_test(tc, scope_ends_with_break_and_continue);
    tcase_add_test(tc, scope_ends_with_goto);
    tcase_add_test(tc, scopes_nest);
    tcase_add_test(tc, scope_that_cannot_begin_is_inert);
    suite_add_tcase(suite, tc);
    return tc;
}

static int ways_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
