/* SPDX-License-Identifier: BSD-3-Clause */
/* sample.h */
#include "sample.h"

sample *sample_open(int threads, vcol_manager_options o, int files, const vcol_dataset_options *d, vcol_status want,
                    vcol_error *err)
{
    static const char *const paths[SAMPLE_FILES] = {"one", "two"};
    static void *bytes;
    static size_t size;
    vcol_dataset_options options;
    sample *s = calloc(1, sizeof *s);
    if (!bytes)
        bytes = t_file(VCOL_SAMPLE, &size);
    t_executor_init(&s->e);
    o.allocator = t_allocator_of(&s->allocator);
    o.flags |= threads ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    o.threads = threads > 0 ? threads : 0;
    if (threads == SAMPLE_STEPPED)
        o.executor = t_executor_of(&s->e);
    s->m = t_manager(&o);
    for (int i = 0; i < files; i++)
        s->opened[i] = t_source_open(&s->source[i], bytes, size, paths[i]);
    vcol_dataset_options_init(&options, sizeof options);
    if (d)
        options = *d;
    options.sources = s->opened;
    ck_assert_int_eq(vcol_dataset_open(s->m, paths, files, &options, &s->d, err), want);
    return s;
}

void sample_close(sample *s)
{
    t_run(&s->e);
    t_until(t_stats(s->m).live + t_stats(s->m).promised == 0);
    vcol_dataset_close(s->d);
    for (int i = 0; i < SAMPLE_FILES; i++)
        vcol_source_release(s->opened[i]);
    vcol_manager_close(s->m);
    t_run(&s->e);
    ck_assert_int_eq(atomic_load(&s->allocator.live), 0);
    free(s);
}
