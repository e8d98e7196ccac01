/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trace, as `vcol trace summary` reads it. Input: the file. It is refused with a message, or its sums are within what
 * its rows and its time can be.
 */
#include "cli/trace.h"

#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trace_data d;
    trace_sum s;
    vcol_error err = {0};
    if (size == 0) /* fmemopen may refuse that */
        return 0;
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "rb");
    FUZZ_RULE(in);
    vcol_status status = trace_read_from(in, "trace", &d, &err);
    fclose(in);
    FUZZ_RULE(status == (vcol_status)err.status && (status == VCOL_OK || err.message[0]));
    if (status == VCOL_OK && trace_sum_up(&d, &s, &err) == VCOL_OK) {
        int64_t spent = 0, waited = 0;
        for (int i = 0; i < TRACE_WHATS; i++)
            spent += s.spent[i];
        for (int i = 0; i < TRACE_FORS; i++)
            waited += s.waited[i];
        FUZZ_RULE(s.time >= 0 && s.idle >= 0 && s.computing <= s.time && waited == s.spent[TRACE_WAIT]);
        FUZZ_RULE(spent <= s.time * (d.n_threads ? d.n_threads : 1));
        FUZZ_RULE(s.work_overlapped >= 0 && s.work_overlapped <= s.work);
        FUZZ_RULE(s.blocks + s.repeats == d.n_blocks && s.blocks_repeated <= s.blocks);
    }
    trace_free(&d);
    return 0;
}

int fuzz_seed(int i, made *out)
{
    static const char *const texts[] = {
        "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"dropped\":3,\"limit\":1000,\"peak\":900},\n\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"main\"}},\n"
        "{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":0.000,\"dur\":100.250,\"cat\":\"compute\",\"name\":\"compute\",\"args\":{}},\n"
        "{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":40,\"dur\":20,\"cat\":\"wait\",\"args\":{\"for\":\"load\"}},\n"
        "{\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":60,\"dur\":10,\"cat\":\"read\",\"args\":{\"file\":1,\"offset\":4,\"bytes\":9,"
        "\"wanted\":8}},\n"
        "{\"ph\":\"i\",\"pid\":1,\"tid\":2,\"s\":\"t\",\"ts\":60,\"cat\":\"read\",\"name\":\"range\",\"args\":{\"file\":1,\"offset\":2,"
        "\"bytes\":9}},\n"
        "{\"ph\":\"X\",\"pid\":1,\"tid\":2,\"ts\":70,\"dur\":9,\"cat\":\"unpack\",\"args\":{\"file\":1,\"offset\":4,\"again\":1}},\n"
        "{\"ph\":\"C\",\"pid\":1,\"tid\":0,\"ts\":1,\"name\":\"memory\",\"args\":{\"live\":5}}\n]}\n",
        "[{\"ph\":\"X\",\"tid\":1,\"ts\":0,\"dur\":10,\"cat\":\"load\"},{\"ph\":\"X\",\"tid\":1,\"ts\":5,\"dur\":10,\"cat\":\"decode\"}]",
        "{\"a\":[1,{}],\"b\":1.5e3,\"c\":true,\"traceEvents\":[],\"d\":\"\\ud83c\\udf4e\"}",
        "[{\"ph\":\"X\",\"tid\":1,\"ts\":-1e15,\"dur\":1},{\"ph\":\"X\",\"tid\":2,\"ts\":1e15,\"dur\":1e15}]",
    };
    if (i >= (int)(sizeof texts / sizeof *texts))
        return 0;
    made_bytes(out, texts[i], strlen(texts[i]));
    return 1;
}
