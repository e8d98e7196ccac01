/* SPDX-License-Identifier: BSD-3-Clause */
/* What `vcol trace summary` reads and adds up (E11.8, our number): made-up traces with known sums, and damaged ones. */
#include "helpers.h"

#include "trace.h"

#include <unistd.h>

static char path[] = "trace-sum-XXXXXX";

static void write_file(const char *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    t_require(out);
    t_require(fwrite(bytes, 1, n, out) == n);
    t_require(fclose(out) == 0);
}

static vcol_status read_text(const char *bytes, size_t n, trace_data *data, trace_sum *sum, vcol_error *err)
{
    memset(err, 0, sizeof *err);
    write_file(bytes, n);
    vcol_status status = trace_read(path, data, err);
    return status == VCOL_OK ? trace_sum_up(data, sum, err) : status;
}

/* Thread 1 computes for 100 us; inside it waits 20 for a load and reads 10. Thread 2 unpacks for 50 (20 of these while 1 waits or
 * reads), and decodes for 30 after the end. A read of 10 bytes twice, one of 30 that overlaps it. */
static const char made[] =
    "{\"otherData\":{\"dropped\":3,\"limit\":1000,\"peak\":900,\"overcommits\":2,\"more\":[1,{}]},\"x\":1.5e3,\"y\":true,\n"
    "\"traceEvents\":[\n"
    "{\"ph\":\"M\",\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"main\"}},\n"
    "{\"ph\":\"X\",\"tid\":1,\"ts\":0,\"dur\":100,\"cat\":\"compute\",\"name\":\"c\"},\n"
    "{\"ph\":\"X\",\"tid\":1,\"ts\":40,\"dur\":20,\"cat\":\"wait\",\"args\":{\"for\":\"load\"}},\n"
    "{\"ph\":\"X\",\"tid\":1,\"ts\":60.0,\"dur\":10,\"cat\":\"read\",\"args\":{\"file\":1,\"offset\":100,\"bytes\":10,\"wanted\":10}},\n"
    "{\"ph\":\"X\",\"tid\":2,\"ts\":30,\"dur\":50.5,\"cat\":\"unpack\",\"args\":{\"file\":1,\"offset\":100,\"bytes\":64}},\n"
    "{\"ph\":\"X\",\"tid\":2,\"ts\":100,\"dur\":30,\"cat\":\"decode\"},\n"
    "{\"ph\":\"X\",\"tid\":2,\"ts\":130,\"dur\":0,\"cat\":\"unpack\",\"args\":{\"file\":1,\"offset\":100,\"bytes\":64,\"again\":1}},\n"
    "{\"ph\":\"X\",\"tid\":2,\"ts\":130,\"dur\":0,\"cat\":\"unpack\",\"args\":{\"file\":2,\"offset\":100,\"bytes\":64}},\n"
    "{\"ph\":\"X\",\"tid\":2,\"ts\":130,\"dur\":10,\"cat\":\"read\",\"args\":{\"bytes\":40,\"wanted\":25}},\n"
    "{\"ph\":\"i\",\"tid\":2,\"ts\":130,\"name\":\"range\",\"cat\":\"read\",\"args\":{\"file\":1,\"offset\":100,\"bytes\":10}},\n"
    "{\"ph\":\"i\",\"tid\":2,\"ts\":130,\"name\":\"range\",\"cat\":\"read\",\"args\":{\"file\":1,\"offset\":105,\"bytes\":30}},\n"
    "{\"ph\":\"C\",\"ts\":1,\"name\":\"memory\",\"args\":{\"live\":5}},\n"
    "{\"ph\":\"b\",\"id\":5}\n"
    "]}\n";

START_TEST(e11_8_sums_are_what_the_trace_has)
{
    trace_data d;
    trace_sum s;
    vcol_error err;
    ck_assert_msg(read_text(made, strlen(made), &d, &s, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(s.time, 140000);
    ck_assert_int_eq(s.spent[TRACE_COMPUTE], 70000);
    ck_assert_int_eq(s.spent[TRACE_WAIT], 20000);
    ck_assert_int_eq(s.waited[TRACE_FOR_LOAD], 20000);
    ck_assert_int_eq(s.spent[TRACE_READ], 20000);
    ck_assert_int_eq(s.spent[TRACE_UNPACK], 50500);
    ck_assert_int_eq(s.spent[TRACE_DECODE], 30000);
    ck_assert_int_eq(s.computing, 70000);
    ck_assert_int_eq(s.work, 100500);
    ck_assert_int_eq(s.work_overlapped, 20500); /* 30 to 40 and 70 to 80.5 */
    ck_assert_int_eq(s.idle, 2 * 140000 - 70000 - 20000 - 20000 - 50500 - 30000);
    ck_assert_int_eq(d.calls, 2);
    ck_assert_uint_eq(d.bytes_read, 50);
    ck_assert_uint_eq(d.bytes_wanted, 35);
    ck_assert_uint_eq(s.bytes_twice, 10 + 5);
    ck_assert_int_eq(s.blocks, 2);
    ck_assert_int_eq(s.blocks_repeated, 1);
    ck_assert_int_eq(s.repeats, 1);
    ck_assert_int_eq(s.again, 1);
    ck_assert_uint_eq(d.dropped, 3);
    ck_assert_uint_eq(d.limit, 1000);
    ck_assert_uint_eq(d.peak, 900);
    ck_assert_uint_eq(d.overcommits, 2);
    ck_assert_int_eq(d.n_threads, 2);
    ck_assert_str_eq(d.threads[0].name, "main");
    trace_free(&d);
}
END_TEST

START_TEST(e11_8_spans_that_do_not_nest_are_cut)
{
    static const char text[] = "[{\"ph\":\"X\",\"tid\":7,\"ts\":0,\"dur\":10,\"cat\":\"load\"},"
                               "{\"ph\":\"X\",\"tid\":7,\"ts\":5,\"dur\":10,\"cat\":\"unpack\"},"
                               "{\"ph\":\"X\",\"tid\":7,\"ts\":12,\"dur\":1,\"cat\":\"new kind\"},"
                               "{\"ph\":\"X\",\"tid\":7,\"ts\":20,\"dur\":5,\"cat\":\"wait\",\"args\":{\"for\":\"a new thing\"}}]";
    trace_data d;
    trace_sum s;
    vcol_error err;
    ck_assert_msg(read_text(text, strlen(text), &d, &s, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(s.spent[TRACE_LOAD], 5000);
    ck_assert_int_eq(s.spent[TRACE_UNPACK], 5000);
    ck_assert_int_eq(s.spent[TRACE_OTHER], 1000);
    ck_assert_int_eq(s.waited[TRACE_FOR_OTHER], 5000);
    ck_assert_int_eq(s.idle, 25000 - 16000);
    trace_free(&d);
}
END_TEST

START_TEST(e11_8_each_beginning_of_a_trace_is_an_error)
{
    size_t whole = strlen(made) - 1; /* without the line's end */
    for (size_t n = 0; n < whole; n++) {
        trace_data d;
        trace_sum s;
        vcol_error err;
        ck_assert_msg(read_text(made, n, &d, &s, &err) == VCOL_CORRUPT, "%zu bytes", n);
        ck_assert(err.message[0] != 0);
        trace_free(&d);
    }
}
END_TEST

START_TEST(e11_8_damaged_bytes_do_no_harm)
{
    static const char bytes[] = "{}[]\",:0123456789.-eE\\ntf\xff\x00 ";
    t_random r = {(uint64_t)_i + 1};
    char text[sizeof made];
    int64_t good = 0, bad = 0;
    for (int k = 0; k < T_REPEAT(500); k++) {
        trace_data d;
        trace_sum s;
        vcol_error err;
        memcpy(text, made, sizeof made);
        for (int64_t n = t_below(&r, 4); n >= 0; n--)
            text[t_below(&r, sizeof made - 1)] = bytes[t_below(&r, sizeof bytes - 1)];
        vcol_status status = read_text(text, sizeof made - 1, &d, &s, &err);
        ck_assert_int_eq(status, (vcol_status)err.status);
        if (status == VCOL_OK) {
            int64_t spent = 0;
            for (int w = 0; w < TRACE_WHATS; w++)
                spent += s.spent[w];
            ck_assert_int_ge(s.idle, 0);
            ck_assert_int_ge(spent, 0);
            ck_assert_int_le(s.work_overlapped, s.work);
            good++;
        } else {
            ck_assert_int_eq(status, VCOL_CORRUPT);
            bad++;
        }
        trace_free(&d);
    }
    ck_assert_int_gt(good, 0);
    ck_assert_int_gt(bad, 0);
}
END_TEST

START_TEST(e11_8_numbers_beyond_all_measure_are_an_error)
{
    static const char *const texts[] = {
        "[{\"ph\":\"X\",\"tid\":1,\"ts\":1e300,\"dur\":1}]",
        "[{\"ph\":\"X\",\"tid\":1,\"ts\":0,\"dur\":-1}]",
        "[{\"ph\":\"X\",\"tid\":1,\"ts\":\"0\",\"dur\":1}]",
        ("[{\"ph\":\"X\",\"tid\":1,\"ts\":-1.9e15,\"dur\":1},{\"ph\":\"X\",\"tid\":2,\"ts\":1.9e15,\"dur\":1},{\"ph\":\"X\",\"tid\":3,"
        "\"ts\":0,\"dur\":1}]"),
        "[1]",
        "[{}] []",
        "{}",
        "{\"traceEvents\":{}}",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        trace_data d;
        trace_sum s;
        vcol_error err;
        ck_assert_msg(read_text(texts[i], strlen(texts[i]), &d, &s, &err) == VCOL_CORRUPT, "%s", texts[i]);
        trace_free(&d);
    }
    static const char far[] = "[{\"ph\":\"X\",\"tid\":1,\"ts\":0,\"dur\":1,\"cat\":\"read\",\"args\":{\"file\":1,"
                              "\"offset\":9000000000000000000,\"bytes\":9223372036854775807}}]";
    trace_data d;
    trace_sum s;
    vcol_error err;
    ck_assert_int_eq(read_text(far, strlen(far), &d, &s, &err), VCOL_OK);
    ck_assert_uint_eq(s.bytes_twice, 0);
    trace_free(&d);
    ck_assert_int_eq(trace_read("no such file", &d, memset(&err, 0, sizeof err)), VCOL_NOT_FOUND);
    trace_free(&d);
}
END_TEST

/* A trace of the library's own: its rows' times add up. */
START_TEST(e11_8_a_written_trace_adds_up)
{
    vcol_manager_options o = t_options();
    trace_data d;
    trace_sum s;
    vcol_error err = {0};
    o.trace = 1000;
    o.flags = VCOL_MANAGER_NO_BACKGROUND;
    vcol_manager *m = t_manager(&o);
    t_gen gen[4];
    vcol_trace_begin(m, "all");
    for (int i = 0; i < 4; i++) {
        gen[i] = (t_gen){.seed = i, .count = 1000};
        vcol_buffer *b = t_buffer(m, &gen[i], "b");
        t_read(b, &gen[i]);
        t_release(&b, 1);
    }
    vcol_trace_end(m);
    ck_assert_int_eq(vcol_manager_trace_write(m, path, &err), VCOL_OK);
    ck_assert_msg(trace_read(path, &d, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(trace_sum_up(&d, &s, &err), VCOL_OK);
    ck_assert_int_eq(d.n_spans, 9);
    ck_assert_int_eq(s.idle, 0);
    ck_assert_int_eq(s.spent[TRACE_COMPUTE] + s.spent[TRACE_GENERATE] + s.spent[TRACE_LOAD], s.time);
    ck_assert_int_eq(s.work, s.spent[TRACE_GENERATE]);
    trace_free(&d);
    vcol_manager_close(m);
}
END_TEST

int main(void)
{
    const t_test tests[] = {
        {e11_8_sums_are_what_the_trace_has, 0},
        {e11_8_spans_that_do_not_nest_are_cut, 0},
        {e11_8_each_beginning_of_a_trace_is_an_error, 0},
        {e11_8_damaged_bytes_do_no_harm, 4},
        {e11_8_numbers_beyond_all_measure_are_an_error, 0},
        {e11_8_a_written_trace_adds_up, 0},
    };
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    int status = t_main("trace_sum", tests, sizeof tests / sizeof *tests);
    unlink(path);
    return status;
}
