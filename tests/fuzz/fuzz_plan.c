/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of a plan. What is accepted prints as a text that reads and prints the same again, its analysis keeps
 * its books, and its sets are in bounds; what is not has a message.
 */
#include "dataset/plan.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static vcol_status size_of(const char *name, int64_t step, uint64_t *bytes, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    *bytes = strlen(name) + (uint64_t)(step + 1);
    return VCOL_OK;
}

static void analyze(const vcol_plan *plan)
{
    vcol_plan_options o;
    vcol_plan_analysis *a;
    vcol_plan_step s;
    vcol_plan_column c;
    vcol_plan_options_init(&o, sizeof o);
    o.size = size_of;
    FUZZ_RULE(vcol_plan_analyze(plan, &o, &a, NULL) == VCOL_OK);
    FUZZ_RULE(vcol_plan_analysis_steps(a) == vcol_plan_steps(plan));
    for (int64_t i = 0; i < vcol_plan_analysis_steps(a); i++) {
        FUZZ_RULE(vcol_plan_describe(a, i, &s, sizeof s, NULL) == VCOL_OK);
        FUZZ_RULE(s.fold_first <= i && i <= s.fold_last && s.folds >= 1);
        for (int k = 0; k < VCOL_PLAN_SETS; k++)
            for (int64_t j = 0; j < s.n[k]; j++) {
                FUZZ_RULE(vcol_plan_describe_column(a, i, (vcol_plan_set)k, j, &c, sizeof c, NULL) == VCOL_OK);
                FUZZ_RULE(c.name[0] && c.step < vcol_plan_steps(plan));
            }
    }
    vcol_plan_analysis_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vcol_error err = {0};
    vcol_plan *plan, *again;
    size_t n, n_again;
    vcol_status status = vcol__plan_parse((const char *)data, size, "fuzz", &plan, &err);
    fuzz_status(status, &err);
    FUZZ_RULE((status == VCOL_OK) == (plan != NULL));
    if (!plan)
        return 0;
    char *text = vcol__plan_print(plan, &n), *text_again;
    FUZZ_RULE(text && vcol__plan_parse(text, n, "fuzz", &again, NULL) == VCOL_OK);
    text_again = vcol__plan_print(again, &n_again);
    FUZZ_RULE(text_again && n == n_again && memcmp(text, text_again, n) == 0);
    if (size < 4096) /* liveness of random graphs is quick; of ten thousand steps with a thousand names each it is not */
        analyze(again);
    free(text);
    free(text_again);
    vcol_plan_release(plan);
    vcol_plan_release(again);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    static const char *const texts[] = {
        "vcol plan 1\n",
        "vcol plan 1\n# a remark\nstep select\nuses Jet_pt, Jet_eta \"a column\" @Jet sel_* +\"seen\"\nmakes \"sel_pt\"\n"
        "step \"fill it\" learned\nuses \"sel_pt\" ~\"odd\\x01\\\"\\\\\\n\"\nstep last unknown\n",
        "vcol plan 1\nstep a\nuses x\nmakes x y\nstep b\nuses y x\nmakes t\nstep c\nuses t\nmakes y\nstep d\nuses y\n"
        "folds 1 2 18\nfolds 3 3 2\nsize x 18446744073709551615\nsize \"y y\" 12\n",
        "vcol plan 2\n",
        "vcol plan 1\nuses before\n",
        "vcol plan 1\nstep a\nstep a\n",
        "vcol plan 1\r\nstep a\r\nuses b\r\n",
    };
    if (i >= (int)(sizeof texts / sizeof *texts))
        return 0;
    made_bytes(out, texts[i], strlen(texts[i]));
    return 1;
}
