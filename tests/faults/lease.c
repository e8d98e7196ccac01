/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getters of a chunk against clear in another thread: who gets a column while its lease is ended gets it all
 * the same; the model's FAULT_LEASE. There is no place to hold a getter between finding a lease and using it,
 * so this one runs free, for a number of rounds.
 */
#include <vcol/vcol.h>

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define ROUNDS 400

static atomic_bool stop;

static void *clear(void *chunk)
{
    while (!atomic_load(&stop))
        vcol_chunk_clear(chunk, NULL);
    return NULL;
}

START_TEST(getter_gives_what_another_thread_clears)
{
    vcol_manager *m;
    vcol_dataset *d;
    vcol_chunk *c;
    vcol_error err = {0};
    vcol_manager_options o;
    pthread_t thread;
    int64_t id;
    vcol_manager_options_init(&o, sizeof o);
    o.flags = VCOL_MANAGER_NO_BACKGROUND;
    vcol_manager_open(&o, &m, &err);
    vcol_dataset_open(m, (const char *[]){VCOL_SAMPLE}, 1, NULL, &d, &err);
    vcol_dataset_find(d, "Jet_pt", &id, &err);
    vcol_chunk_open(d, 0, 50, &c, &err);
    ck_assert_msg(err.status == VCOL_OK, "%s", err.message);
    atomic_store(&stop, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, clear, c), 0);
    for (int i = 0; i < ROUNDS; i++) {
        vcol_view view;
        for (int again = 0; again < 20; again++) { /* the first takes the lease, the others find it */
            ck_assert_msg(vcol_chunk_get(c, id, &view, &err) == VCOL_OK, "%s", err.message);
            ck_assert_ptr_nonnull(view.values);
            ck_assert_ptr_nonnull(view.level[0].offsets);
            ck_assert_msg(vcol_chunk_f32(c, "MET_pt", &err) != NULL, "%s", err.message);
            ck_assert_msg(vcol_chunk_offsets(c, "Jet", &err) != NULL, "%s", err.message);
        }
        ck_assert_msg(vcol_chunk_pin(c, id, &view, &err) == VCOL_OK, "%s", err.message);
        ck_assert_int_eq(view.level[0].offsets[0], 0);
        ck_assert_int_eq(view.level[0].offsets[50], view.count);
        vcol_view_unpin(&view);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    vcol_chunk_close(c);
    vcol_stats s;
    vcol_manager_stats(m, &s, sizeof s);
    ck_assert_uint_eq(s.promised, 0);
    vcol_dataset_close(d);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lease");
    TCase *tc = tcase_create("lease");
    tcase_set_timeout(tc, 110);
    tcase_add_test(tc, getter_gives_what_another_thread_clears);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
