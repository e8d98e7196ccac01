/* SPDX-License-Identifier: BSD-3-Clause */
/* Sources: local files, memory, the emulated device, sources of the user's, blocking and asynchronous. */
#include "io/device.h"
#include "io/source.h"

#include <vcol/reader.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 100000

static unsigned char content[SIZE];
static char folder[64], path[96];

static void make_file(void)
{
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (unsigned char)(i * 131 + (i >> 8));
    strcpy(folder, "/tmp/vcol-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(content, 1, SIZE, f), SIZE);
    ck_assert_int_eq(fclose(f), 0);
}

static void remove_file(void)
{
    unlink(path);
    rmdir(folder);
}

/* ---- a source of the test's own ---- */

#define PENDING 16

struct mock {
    vcol_source_limits limits;
    vcol_status limits_status;
    int fail_call; /* the n-th read or submit fails, from 1; 0 = none */
    vcol_status fail_status;
    const char *fail_message;
    int refuse_call; /* the n-th submit is refused */
    /* seen */
    _Atomic int calls, ranges_most, flight, flight_most, closed;
    /* accepted submits, answered by the answering thread in reverse order */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        vcol_source_done done;
        void *arg;
        vcol_status status;
    } pending[PENDING];
    int n_pending, expected, answered, stop;
};

static void keep_most(_Atomic int *most, int now)
{
    int seen = atomic_load(most);
    while (now > seen && !atomic_compare_exchange_weak(most, &seen, now))
        ;
}

static vcol_status mock_limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    struct mock *m = self;
    *out = m->limits;
    return vcol_error_set(err, m->limits_status, "no limits today");
}

static void fill(const vcol_range *ranges, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (ranges[i].size)
            memcpy(ranges[i].data, content + ranges[i].offset, ranges[i].size);
}

static vcol_status mock_read(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    struct mock *m = self;
    keep_most(&m->ranges_most, n);
    keep_most(&m->flight_most, atomic_fetch_add(&m->flight, 1) + 1);
    int call = atomic_fetch_add(&m->calls, 1) + 1;
    fill(ranges, n);
    atomic_fetch_sub(&m->flight, 1);
    if (call != m->fail_call)
        return VCOL_OK;
    return m->fail_message ? vcol_error_set(err, m->fail_status, m->fail_message) : m->fail_status;
}

static vcol_status mock_submit(void *self, const vcol_range *ranges, int32_t n, vcol_source_done done,
                               void *arg, vcol_error *err)
{
    struct mock *m = self;
    int call = atomic_fetch_add(&m->calls, 1) + 1;
    if (call == m->refuse_call)
        return vcol_error_set(err, VCOL_IO, "refused");
    keep_most(&m->ranges_most, n);
    keep_most(&m->flight_most, atomic_fetch_add(&m->flight, 1) + 1);
    fill(ranges, n);
    pthread_mutex_lock(&m->lock);
    m->pending[m->n_pending].done = done;
    m->pending[m->n_pending].arg = arg;
    m->pending[m->n_pending].status = call == m->fail_call ? m->fail_status : VCOL_OK;
    m->n_pending++;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return VCOL_OK;
}

/* Answers only when as many as can be are in flight, the newest first. */
static void *answer(void *arg)
{
    struct mock *m = arg;
    pthread_mutex_lock(&m->lock);
    while (!m->stop) {
        int rest = m->expected - m->answered, most = m->limits.requests < rest ? m->limits.requests : rest;
        if (!m->n_pending || m->n_pending < most) {
            pthread_cond_wait(&m->changed, &m->lock);
            continue;
        }
        while (m->n_pending) {
            int i = --m->n_pending;
            vcol_source_done done = m->pending[i].done;
            void *done_arg = m->pending[i].arg;
            vcol_status status = m->pending[i].status;
            m->answered++;
            pthread_mutex_unlock(&m->lock);
            atomic_fetch_sub(&m->flight, 1);
            done(status, status ? EIO : 0, status ? "the answer is no" : NULL, done_arg);
            pthread_mutex_lock(&m->lock);
        }
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void mock_identity(void *self, char *out, size_t size)
{
    (void)self;
    memset(out, 'x', size); /* forgets the end */
}

static void mock_close(void *self)
{
    atomic_fetch_add(&((struct mock *)self)->closed, 1);
}

static const vcol_source_ops blocking = {.struct_size = sizeof blocking,
                                         .limits = mock_limits,
                                         .read = mock_read,
                                         .identity = mock_identity,
                                         .close = mock_close};
static const vcol_source_ops asynchronous = {
    .struct_size = sizeof asynchronous, .limits = mock_limits, .submit = mock_submit, .close = mock_close};

#define MOCK                                                                                                 \
    {                                                                                                        \
        .limits = {.size = SIZE}, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER     \
    }

static vcol_source *open_mock(const vcol_source_ops *ops, struct mock *m)
{
    vcol_error err = {0};
    vcol_source *source;
    ck_assert_msg(vcol_source_create(ops, m, "mock", &source, &err) == VCOL_OK, "%s", err.message);
    return source;
}

/* ---- files and memory ---- */

static vcol_source *open_kind(int kind)
{
    static struct mock mock = MOCK;
    vcol_error err = {0};
    vcol_device_options options = {.struct_size = sizeof options, .requests = 2};
    vcol_source *source = NULL, *inner = NULL;
    switch (kind) {
    case 0:
        vcol_source_open_file(path, &source, &err);
        break;
    case 1:
        vcol_source_open_memory(content, SIZE, "content", &source, &err);
        break;
    case 2:
        vcol_source_open_file(path, &inner, &err);
        vcol_source_open_device(inner, &options, &source, &err);
        break;
    default:
        source = open_mock(&blocking, &mock);
    }
    ck_assert_msg(!err.status, "%s", err.message);
    return source;
}

START_TEST(reads_ranges_of_every_kind)
{
    static const struct {
        uint64_t offset;
        size_t size;
    } want[] = {{0, 1}, {SIZE - 1, 1}, {0, SIZE}, {SIZE, 0}, {4095, 4097}, {0, 0}, {77777, 13}};
    enum { N = sizeof want / sizeof *want };
    vcol_error err = {0};
    vcol_source *source = open_kind(_i);
    vcol_range ranges[N];
    ck_assert_uint_eq(vcol_source_get_limits(source)->size, SIZE);
    for (int i = 0; i < N; i++) {
        ranges[i] = (vcol_range){.offset = want[i].offset, .size = want[i].size};
        ranges[i].data = want[i].size ? malloc(want[i].size) : NULL;
    }
    ck_assert_msg(vcol_source_read(source, ranges, N, &err) == VCOL_OK, "%s", err.message);
    ck_assert_int_eq(vcol_source_read(source, NULL, 0, &err), VCOL_OK);
    for (int i = 0; i < N; i++) {
        if (want[i].size)
            ck_assert_mem_eq(ranges[i].data, content + want[i].offset, want[i].size);
        free(ranges[i].data);
    }
    vcol_source_release(source);
}
END_TEST

START_TEST(refuses_what_lies_beyond_the_end)
{
    static const struct {
        uint64_t offset;
        size_t size;
    } beyond[] = {{SIZE, 1},       {SIZE + 1, 0}, {SIZE - 1, 2},
                  {UINT64_MAX, 1}, {1, SIZE_MAX}, {UINT64_MAX, SIZE_MAX}};
    char data[2];
    vcol_source *source = open_kind(_i);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        vcol_error err = {0};
        vcol_range range = {.offset = beyond[i].offset, .size = beyond[i].size, .data = data};
        ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_RANGE);
        ck_assert_ptr_nonnull(strstr(err.message, "beyond the end at byte 100000"));
    }
    ck_assert_int_eq(vcol_source_read(source, NULL, -1, NULL), VCOL_MISUSE);
    vcol_source_release(source);
}
END_TEST

struct reader {
    vcol_source *source;
    uint64_t seed;
    int bad;
};

static void *read_much(void *arg)
{
    struct reader *r = arg;
    unsigned char data[3][512];
    for (int k = 0; k < 300; k++) {
        vcol_range ranges[3];
        for (int i = 0; i < 3; i++) {
            r->seed = r->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            ranges[i].size = (size_t)(r->seed >> 33) % 513;
            ranges[i].offset = (r->seed >> 20) % (SIZE - 512);
            ranges[i].data = data[i];
        }
        r->bad += vcol_source_read(r->source, ranges, 3, NULL) != VCOL_OK;
        for (int i = 0; i < 3; i++)
            r->bad += memcmp(data[i], content + ranges[i].offset, ranges[i].size) != 0;
    }
    vcol_source_release(r->source);
    return NULL;
}

START_TEST(reads_from_many_threads_at_once)
{
    enum { THREADS = 8 };
    vcol_source *source = open_kind(_i);
    pthread_t threads[THREADS];
    struct reader readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.source = source, .seed = (uint64_t)i + 1};
        vcol_source_acquire(source);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_much, &readers[i]), 0);
    }
    vcol_source_release(source); /* the last thread closes it */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(readers[i].bad, 0);
    }
}
END_TEST

START_TEST(names_the_byte_at_which_a_cut_file_ends)
{
    vcol_error err = {0};
    vcol_source *source;
    char *data = malloc(SIZE);
    vcol_range range = {.offset = 50000, .size = SIZE - 50000, .data = data};
    ck_assert_int_eq(vcol_source_open_file(path, &source, &err), VCOL_OK);
    ck_assert_int_eq(truncate(path, 81234), 0);
    ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "file ends at byte 81234 of 100000: it was cut short since it was opened");
    ck_assert_int_eq(err.os_errno, 0);
    /* The error is inherited; a fresh one reads what is still there. */
    range.size = 1;
    ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_IO);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_OK);
    ck_assert_int_eq((unsigned char)data[0], content[50000]);
    vcol_source_release(source);
    free(data);
}
END_TEST

START_TEST(says_clearly_what_is_not_a_file)
{
    vcol_source *source = (vcol_source *)folder;
    char other[128], message[256];
    vcol_error err = {0};

    snprintf(other, sizeof other, "%s/none", folder);
    ck_assert_int_eq(vcol_source_open_file(other, &source, &err), VCOL_NOT_FOUND);
    ck_assert_ptr_null(source);
    ck_assert_int_eq(err.os_errno, ENOENT);
    ck_assert_int_eq(err.status, VCOL_NOT_FOUND);
    snprintf(message, sizeof message, "%s: No such file or directory", other);
    ck_assert_str_eq(err.message, message);
    /* inherited */
    ck_assert_int_eq(vcol_source_open_file(path, &source, &err), VCOL_NOT_FOUND);
    ck_assert_ptr_null(source);

    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_source_open_file(folder, &source, &err), VCOL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "is a directory"));
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_source_open_file("/dev/null", &source, &err), VCOL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "/dev/null: is not a regular file"));
    vcol_error_reset(&err);
    ck_assert_int_eq(mkfifo(other, 0600), 0); /* nobody writes: an open that waits would hang */
    ck_assert_int_eq(vcol_source_open_file(other, &source, &err), VCOL_UNSUPPORTED);
    unlink(other);
    vcol_error_reset(&err);
    ck_assert_int_eq(vcol_source_open_file(NULL, &source, &err), VCOL_MISUSE);
    ck_assert_int_eq(vcol_source_open_file("", &source, NULL), VCOL_NOT_FOUND);
    ck_assert_ptr_null(source);
}
END_TEST

START_TEST(reads_an_empty_file_and_empty_memory)
{
    vcol_error err = {0};
    vcol_source *source;
    vcol_range range = {.offset = 0, .size = 0, .data = NULL};
    ck_assert_int_eq(truncate(path, 0), 0);
    for (int kind = 0; kind < 2; kind++) {
        if (kind)
            vcol_source_open_memory(NULL, 0, NULL, &source, &err);
        else
            vcol_source_open_file(path, &source, &err);
        ck_assert_msg(!err.status, "%s", err.message);
        ck_assert_uint_eq(vcol_source_get_limits(source)->size, 0);
        ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_OK);
        vcol_source_release(source);
    }
    ck_assert_int_eq(vcol_source_open_memory(NULL, 1, NULL, &source, &err), VCOL_MISUSE);
}
END_TEST

START_TEST(identity_changes_with_the_content)
{
    char a[256], b[256], small[8];
    vcol_source *source;
    unsigned char bytes[4] = {1, 2, 3, 4};
    ck_assert_int_eq(vcol_source_open_file(path, &source, NULL), VCOL_OK);
    ck_assert_str_eq(vcol_source_name(source), path);
    vcol_source_identity(source, a, sizeof a);
    vcol_source_identity(source, small, sizeof small);
    ck_assert_uint_eq(strlen(small), sizeof small - 1);
    vcol_source_identity(source, NULL, 0);
    vcol_source_release(source);
    ck_assert_int_eq(truncate(path, SIZE - 1), 0);
    ck_assert_int_eq(vcol_source_open_file(path, &source, NULL), VCOL_OK);
    vcol_source_identity(source, b, sizeof b);
    vcol_source_release(source);
    ck_assert_str_ne(a, b);

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(vcol_source_open_memory(bytes, 4, "bytes", &source, NULL), VCOL_OK);
        vcol_source_identity(source, i ? b : a, sizeof a);
        vcol_source_release(source);
        bytes[2]++;
    }
    ck_assert_str_ne(a, b);
}
END_TEST

/* ---- sources of the user's ---- */

START_TEST(create_checks_the_table)
{
    struct mock m = MOCK;
    vcol_source *source;
    vcol_error err = {0};
    struct {
        vcol_source_ops ops;
        void *newer;
    } future = {blocking, NULL};
    vcol_source_ops ops = blocking;

    ops.read = NULL;
    ck_assert_int_eq(vcol_source_create(&ops, &m, "x", &source, NULL), VCOL_MISUSE);
    ops = blocking;
    ops.submit = mock_submit;
    ck_assert_int_eq(vcol_source_create(&ops, &m, "x", &source, NULL), VCOL_MISUSE);
    ops = blocking;
    ops.limits = NULL;
    ck_assert_int_eq(vcol_source_create(&ops, &m, "x", &source, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_source_create(NULL, &m, "x", &source, NULL), VCOL_MISUSE);
    ops = blocking;
    ops.struct_size = 0;
    ck_assert_int_eq(vcol_source_create(&ops, &m, "x", &source, NULL), VCOL_MISUSE);

    future.ops.struct_size = sizeof future;
    ck_assert_int_eq(vcol_source_create(&future.ops, &m, "x", &source, NULL), VCOL_OK);
    vcol_source_release(source);
    future.newer = &m;
    ck_assert_int_eq(vcol_source_create(&future.ops, &m, "x", &source, NULL), VCOL_UNSUPPORTED);

    /* An older caller's table ends early: the functions behind are not looked at. */
    ops = blocking;
    ops.struct_size = offsetof(vcol_source_ops, identity);
    ck_assert_int_eq(vcol_source_create(&ops, &m, NULL, &source, NULL), VCOL_OK);
    ck_assert_str_eq(vcol_source_name(source), "");
    vcol_source_release(source);
    ck_assert_int_eq(atomic_load(&m.closed), 1);

    m.limits_status = VCOL_IO;
    ck_assert_int_eq(vcol_source_create(&blocking, &m, "x", &source, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "no limits today");
    ck_assert_ptr_null(source);
    ck_assert_int_eq(atomic_load(&m.closed), 1); /* self stays the caller's */
}
END_TEST

START_TEST(is_closed_once_by_the_last_release)
{
    struct mock m = MOCK;
    char text[16];
    vcol_source *source = open_mock(&blocking, &m);
    vcol_source_acquire(source);
    vcol_source_acquire(source);
    vcol_source_release(source);
    vcol_source_release(source);
    ck_assert_int_eq(atomic_load(&m.closed), 0);
    vcol_source_identity(source, text, sizeof text);
    ck_assert_uint_eq(strlen(text), sizeof text - 1);
    vcol_source_release(source);
    ck_assert_int_eq(atomic_load(&m.closed), 1);
    vcol_source_release(NULL);
    vcol_source_acquire(NULL);
}
END_TEST

static void ranges_of(vcol_range *ranges, int n, unsigned char *data)
{
    for (int i = 0; i < n; i++)
        ranges[i] = (vcol_range){.offset = (uint64_t)i * 1000, .size = 100, .data = data + i * 100};
}

START_TEST(gives_a_source_no_more_ranges_than_it_takes)
{
    struct mock m = MOCK;
    unsigned char data[1000];
    vcol_range ranges[10];
    vcol_error err = {0};
    m.limits.ranges = 3;
    vcol_source *source = open_mock(&blocking, &m);
    ranges_of(ranges, 10, data);
    ck_assert_int_eq(vcol_source_read(source, ranges, 10, &err), VCOL_OK);
    ck_assert_int_eq(atomic_load(&m.calls), 4);
    ck_assert_int_eq(atomic_load(&m.ranges_most), 3);
    for (int i = 0; i < 10; i++)
        ck_assert_mem_eq(data + i * 100, content + i * 1000, 100);

    m.fail_call = 6; /* the second from here: the third is not tried */
    m.fail_status = VCOL_IO;
    m.fail_message = "broken";
    ck_assert_int_eq(vcol_source_read(source, ranges, 10, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "broken");
    ck_assert_int_eq(atomic_load(&m.calls), 6);
    vcol_error_reset(&err);
    m.fail_call = 7;
    m.fail_message = NULL;
    ck_assert_int_eq(vcol_source_read(source, ranges, 10, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "the source failed without saying why");
    vcol_source_release(source);
}
END_TEST

static void start(struct mock *m, pthread_t *thread, int expected)
{
    m->expected = expected;
    m->answered = 0;
    m->stop = 0;
    ck_assert_int_eq(pthread_create(thread, NULL, answer, m), 0);
}

static void stop(struct mock *m, pthread_t thread)
{
    pthread_mutex_lock(&m->lock);
    m->stop = 1;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(thread, NULL);
}

START_TEST(waits_for_an_asynchronous_source)
{
    struct mock m = MOCK;
    pthread_t thread;
    unsigned char data[1100];
    vcol_range ranges[11];
    vcol_error err = {0};
    m.limits.ranges = 2;
    m.limits.requests = 3;
    vcol_source *source = open_mock(&asynchronous, &m);
    ck_assert_int_eq(vcol__source_submits(source), 1);
    ranges_of(ranges, 11, data);
    start(&m, &thread, 6);
    ck_assert_int_eq(vcol_source_read(source, ranges, 11, &err), VCOL_OK);
    stop(&m, thread);
    ck_assert_int_eq(atomic_load(&m.calls), 6);
    ck_assert_int_eq(atomic_load(&m.ranges_most), 2);
    ck_assert_int_eq(atomic_load(&m.flight_most), 3);
    for (int i = 0; i < 11; i++)
        ck_assert_mem_eq(data + i * 100, content + i * 1000, 100);
    vcol_source_release(source);
}
END_TEST

/* The n-th of six requests is answered with a failure (i < 6), or refused: no more come, all are waited for.
 */
START_TEST(an_asynchronous_failure_ends_the_read)
{
    struct mock m = MOCK;
    pthread_t thread;
    unsigned char data[600];
    vcol_range ranges[6];
    vcol_error err = {0};
    int refused = _i >= 6, call = _i % 6 + 1;
    m.limits.ranges = 1;
    m.limits.requests = 1;
    m.fail_status = VCOL_CORRUPT;
    *(refused ? &m.refuse_call : &m.fail_call) = call;
    vcol_source *source = open_mock(&asynchronous, &m);
    ranges_of(ranges, 6, data);
    start(&m, &thread, 6);
    ck_assert_int_eq(vcol_source_read(source, ranges, 6, &err), refused ? VCOL_IO : VCOL_CORRUPT);
    ck_assert_str_eq(err.message, refused ? "refused" : "the answer is no");
    ck_assert_int_eq(err.os_errno, refused ? 0 : EIO);
    stop(&m, thread);
    ck_assert_int_eq(atomic_load(&m.calls), call);
    ck_assert_int_eq(atomic_load(&m.flight), 0);
    vcol_source_release(source);
}
END_TEST

static void count_done(vcol_status status, int os_errno, const char *message, void *arg)
{
    (void)os_errno;
    (void)message;
    *(int *)arg += status == VCOL_OK ? 1 : 100;
}

START_TEST(submits_only_where_the_source_can)
{
    struct mock m = MOCK;
    unsigned char data[100];
    int done = 0;
    vcol_range range = {.offset = 5, .size = 100, .data = data},
               beyond = {.offset = SIZE, .size = 1, .data = data};
    vcol_source *source = open_mock(&blocking, &m);
    ck_assert_int_eq(vcol__source_submits(source), 0);
    ck_assert_int_eq(vcol__source_submit(source, &range, 1, count_done, &done, NULL), VCOL_MISUSE);
    vcol_source_release(source);

    source = open_mock(&asynchronous, &m);
    ck_assert_int_eq(vcol__source_submit(source, &beyond, 1, count_done, &done, NULL), VCOL_RANGE);
    ck_assert_int_eq(atomic_load(&m.calls), 0);
    ck_assert_int_eq(vcol__source_submit(source, &range, 1, count_done, &done, NULL), VCOL_OK);
    ck_assert_int_eq(done, 0);
    m.pending[0].done(VCOL_OK, 0, NULL, m.pending[0].arg);
    ck_assert_int_eq(done, 1);
    ck_assert_mem_eq(data, content + 5, 100);
    vcol_source_release(source);
}
END_TEST

/* ---- the emulated device ---- */

START_TEST(link_overlaps_latencies_and_shares_bandwidth)
{
    /* 1000 ns latency, a byte a ns */
    vcol__link link = {.latency = 1000, .bytes_per_second = UINT64_C(1000000000)};
    ck_assert_uint_eq(vcol__link_book(&link, 0, 500), 1500);
    ck_assert_uint_eq(vcol__link_book(&link, 0, 500), 2000);    /* latencies overlap, transfers follow */
    ck_assert_uint_eq(vcol__link_book(&link, 100, 0), 2000);    /* in order */
    ck_assert_uint_eq(vcol__link_book(&link, 5000, 500), 6500); /* idle since: its own latency only */
    ck_assert_uint_eq(vcol__link_book(&link, 5400, 100), 6600); /* the link was free at 6500 */
    ck_assert_uint_eq(vcol__link_book(&link, 5600, 100), 6700); /* at the same moment */

    vcol__link endless = {.latency = 1000};
    ck_assert_uint_eq(vcol__link_book(&endless, 0, UINT64_MAX), 1000);
    ck_assert_uint_eq(vcol__link_book(&endless, 1, UINT64_MAX), 1001);
    vcol__link slow = {.bytes_per_second = 1000};
    ck_assert_uint_eq(vcol__link_book(&slow, 0, 2000), UINT64_C(2000000000));
}
END_TEST

START_TEST(device_keeps_to_its_requests)
{
    enum { THREADS = 6 };
    static struct mock m = MOCK;
    vcol_device_options options = {
        .struct_size = sizeof options, .latency_ns = 1000, .bytes_per_second = 1000000000, .requests = 2};
    vcol_source *source, *inner = open_mock(&blocking, &m);
    pthread_t threads[THREADS];
    struct reader readers[THREADS];
    vcol_error err = {0};
    ck_assert_int_eq(vcol_source_open_device(inner, &options, &source, &err), VCOL_OK);
    ck_assert_int_eq(vcol_source_get_limits(source)->requests, 2);
    
    ck_assert_uint_eq(vcol_source_get_limits(source)->gap, 1000);
    ck_assert_str_eq(vcol_source_name(source), "mock");
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.source = source, .seed = (uint64_t)i + 1};
        vcol_source_acquire(source);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_much, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(readers[i].bad, 0);
    }
    ck_assert_int_le(atomic_load(&m.flight_most), 2);
    ck_assert_int_eq(atomic_load(&m.calls), THREADS * 300 * 3);
    vcol_source_release(source);
    ck_assert_int_eq(atomic_load(&m.closed), 1);
}
END_TEST

START_TEST(device_checks_its_options)
{
    struct mock m = MOCK;
    vcol_source *source, *inner = open_mock(&blocking, &m);
    vcol_device_options options = {.struct_size = sizeof options, .requests = -1};
    struct {
        vcol_device_options options;
        int64_t newer;
    } future = {{.struct_size = sizeof future}, 1};
    unsigned char byte;
    vcol_range range = {.offset = 0, .size = 1, .data = &byte};
    vcol_error err = {0};
    ck_assert_int_eq(vcol_source_open_device(inner, &options, &source, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_source_open_device(inner, NULL, &source, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_source_open_device(NULL, &options, &source, NULL), VCOL_MISUSE);
    ck_assert_int_eq(vcol_source_open_device(inner, &future.options, &source, NULL), VCOL_UNSUPPORTED);
    ck_assert_int_eq(atomic_load(&m.closed), 0); /* inner stays the caller's */

    options.requests = 0;
    ck_assert_int_eq(vcol_source_open_device(inner, &options, &source, NULL), VCOL_OK);
    m.fail_call = 1;
    m.fail_status = VCOL_IO;
    m.fail_message = "inner says no";
    ck_assert_int_eq(vcol_source_read(source, &range, 1, &err), VCOL_IO);
    ck_assert_str_eq(err.message, "inner says no");
    vcol_source_release(source);
}
END_TEST

Suite *source_suite(void);
Suite *source_suite(void)
{
    Suite *s = suite_create("source");
    TCase *tc = tcase_create("files");
    tcase_add_checked_fixture(tc, make_file, remove_file);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, reads_ranges_of_every_kind, 0, 4);
    tcase_add_loop_test(tc, refuses_what_lies_beyond_the_end, 0, 4);
    tcase_add_loop_test(tc, reads_from_many_threads_at_once, 0, 4);
    tcase_add_test(tc, names_the_byte_at_which_a_cut_file_ends);
    tcase_add_test(tc, says_clearly_what_is_not_a_file);
    tcase_add_test(tc, reads_an_empty_file_and_empty_memory);
    tcase_add_test(tc, identity_changes_with_the_content);
    suite_add_tcase(s, tc);

    tc = tcase_create("users");
    tcase_add_checked_fixture(tc, make_file, remove_file);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, create_checks_the_table);
    tcase_add_test(tc, is_closed_once_by_the_last_release);
    tcase_add_test(tc, gives_a_source_no_more_ranges_than_it_takes);
    tcase_add_test(tc, waits_for_an_asynchronous_source);
    tcase_add_loop_test(tc, an_asynchronous_failure_ends_the_read, 0, 12);
    tcase_add_test(tc, submits_only_where_the_source_can);
    suite_add_tcase(s, tc);

    tc = tcase_create("device");
    tcase_add_checked_fixture(tc, make_file, remove_file);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, link_overlaps_latencies_and_shares_bandwidth);
    tcase_add_test(tc, device_keeps_to_its_requests);
    tcase_add_test(tc, device_checks_its_options);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(source_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
