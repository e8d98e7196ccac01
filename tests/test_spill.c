/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Spilling: TESTS.md E9.1 and E9.2, and the states around it. The disk is the test's own where it has to fail, to be short or to
 * wait; else a directory that must be empty all the time.
 *
 * test_spill --streams DIR writes one stream a type and size there, for spill_arrow.py.
 */
#include "core/load.h"
#include "core/put.h"
#include "helpers.h"

#include "core/ipc.h"

#include <dirent.h>
#include <errno.h>
#include <lz4frame.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define KB(n) ((int64_t)(n) * 1024)

/* ---- a disk ------------------------------------------------------------------------------------------ */

typedef struct disk {
    pthread_mutex_t lock;
    char *data; /* lock */
    size_t size;
    int64_t fail_write, fail_read; /* the n-th fails, from 1; -1 = all; 0 = none */
    int why;                       /* errno of what fails */
    bool no_file, no_punch, whole_only;
    size_t most; /* bytes at a time; 0 = all */
    t_gate *gate; /* passed by each write */
    _Atomic int64_t writes, reads, punched, opened, closed;
} disk;

static bool fails(int64_t which, int64_t call)
{
    return which == -1 || which == call;
}

static int disk_open(const char *dir, void *opaque)
{
    disk *d = opaque;
    t_require(dir != NULL);
    atomic_fetch_add(&d->opened, 1);
    if (d->no_file) {
        errno = EACCES;
        return -1;
    }
    return 1000;
}

static ssize_t disk_write(int fd, const void *data, size_t n, off_t offset, void *opaque)
{
    disk *d = opaque;
    t_require(fd == 1000);
    if (d->gate)
        t_gate_pass(d->gate);
    if (fails(d->fail_write, atomic_fetch_add(&d->writes, 1) + 1)) {
        errno = d->why ? d->why : ENOSPC;
        return -1;
    }
    if (d->most && n > d->most)
        n = d->most;
    pthread_mutex_lock(&d->lock);
    if (d->size < (size_t)offset + n) {
        d->data = realloc(d->data, (size_t)offset + n);
        t_require(d->data != NULL);
        memset(d->data + d->size, 0, (size_t)offset + n - d->size);
        d->size = (size_t)offset + n;
    }
    memcpy(d->data + offset, data, n);
    pthread_mutex_unlock(&d->lock);
    return (ssize_t)n;
}

static ssize_t disk_read(int fd, void *data, size_t n, off_t offset, void *opaque)
{
    disk *d = opaque;
    t_require(fd == 1000);
    if (fails(d->fail_read, atomic_fetch_add(&d->reads, 1) + 1)) {
        errno = d->why ? d->why : EIO;
        return -1;
    }
    if (d->most && n > d->most)
        n = d->most;
    pthread_mutex_lock(&d->lock);
    size_t left = (size_t)offset < d->size ? d->size - (size_t)offset : 0;
    n = n < left ? n : left;
    memcpy(data, d->data + offset, n);
    pthread_mutex_unlock(&d->lock);
    return (ssize_t)n;
}

static int disk_punch(int fd, off_t offset, off_t n, void *opaque)
{
    disk *d = opaque;
    t_require(fd == 1000);
    if (d->no_punch) {
        errno = EOPNOTSUPP;
        return -1;
    }
    pthread_mutex_lock(&d->lock);
    if ((size_t)offset < d->size)
        memset(d->data + offset, 0xee, (size_t)n < d->size - (size_t)offset ? (size_t)n : d->size - (size_t)offset);
    pthread_mutex_unlock(&d->lock);
    atomic_fetch_add(&d->punched, n);
    return 0;
}

static void disk_close(int fd, void *opaque)
{
    disk *d = opaque;
    t_require(fd == 1000);
    atomic_fetch_add(&d->closed, 1);
}

static void disk_init(disk *d)
{
    memset(d, 0, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
}

static void disk_destroy(disk *d)
{
    ck_assert_int_eq(atomic_load(&d->closed), atomic_load(&d->opened) && !d->no_file ? 1 : 0);
    free(d->data);
    pthread_mutex_destroy(&d->lock);
}

/* ---- managers, values --------------------------------------------------------------------------------- */

static vcol_manager *spilling(disk *d, uint64_t limit, const char *dir, t_allocator *a)
{
    vcol_manager_options o = t_options();
    o.threads = 2;
    o.limit = limit;
    o.spill_dir = dir ? dir : "/nowhere";
    if (a)
        o.allocator = t_allocator_of(a);
    vcol_manager *m = t_manager(&o);
    if (d)
        m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, d};
    return m;
}

static char *empty_directory(void)
{
    char name[] = "spill-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(name));
    return strdup(name);
}

static int files_in(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void remove_directory(char *dir)
{
    ck_assert_int_eq(files_in(dir), 0);
    ck_assert_int_eq(rmdir(dir), 0);
    free(dir);
}

typedef enum content { ZEROES, SLOW, RANDOM } content;

static void make(content what, uint64_t seed, void *out, size_t n)
{
    unsigned char *p = out;
    t_random r = {seed};
    memset(out, 0, n);
    for (size_t i = 0; i < n && what == SLOW; i++)
        p[i] = (unsigned char)(i / 64 + seed);
    for (size_t i = 0; i < n && what == RANDOM; i += 8) {
        uint64_t word = t_next(&r);
        memcpy(p + i, &word, n - i < 8 ? n - i : 8);
    }
}

/* A generator of any type. */
typedef struct maker {
    vcol_type type;
    content what;
    int64_t count;
    uint64_t seed;
    _Atomic int calls;
} maker;

static vcol_status generate(vcol_fill *fill, void *opaque, vcol_error *err)
{
    maker *k = opaque;
    (void)err;
    atomic_fetch_add(&k->calls, 1);
    make(k->what, k->seed, vcol_fill_data(fill), (size_t)k->count * vcol_type_width(k->type));
    return VCOL_OK;
}

static vcol_buffer *made_by(vcol_manager *m, maker *k, double cost)
{
    vcol_buffer_options o;
    vcol_buffer *b;
    vcol_buffer_options_init(&o, sizeof o);
    o.type = k->type;
    o.count = k->count;
    o.generator = (vcol_generator){.generate = generate, .opaque = k, .cost = cost};
    o.name = "derived";
    t_require(vcol_buffer_create(m, &o, &b, NULL) == VCOL_OK);
    return b;
}

static vcol_status look(vcol_buffer *b, const maker *k, vcol_error *err)
{
    size_t n = (size_t)k->count * vcol_type_width(k->type);
    char *want = malloc(n + 1);
    make(k->what, k->seed, want, n);
    vcol_status status = vcol__buffer_pin(b, err);
    if (status == VCOL_OK) {
        t_require(b->count[0] == k->count);
        t_require(memcmp(b->leaf[0].data, want, n) == 0);
        vcol__buffer_unpin(b);
    }
    free(want);
    return status;
}

static void check(vcol_buffer *b, const maker *k)
{
    vcol_error err = {0};
    vcol_status status = look(b, k, &err);
    if (status != VCOL_OK)
        fprintf(stderr, "%s\n", err.message);
    t_require(status == VCOL_OK);
}

static vcol_buffer *put_of(vcol_manager *m, const maker *k)
{
    vcol_error err = {0};
    vcol_buffer *b;
    size_t n = (size_t)k->count * vcol_type_width(k->type);
    void *values = malloc(n + 1);
    make(k->what, k->seed, values, n);
    t_require(vcol__put_create(m, "given", k->type, k->count, values, &b, &err) == VCOL_OK);
    free(values);
    return b;
}

/* ---- E9.1 --------------------------------------------------------------------------------------------- */

static const int64_t sizes[] = {0, 16, 17, KB(4) - 1, KB(256) - 1, KB(256), KB(256) + 1, KB(800) + 3};
enum { SIZES = sizeof sizes / sizeof *sizes, CONTENTS = 3, TYPES = VCOL_CHAR /* those that have bytes */ };

START_TEST(e9_1_every_type_and_size_comes_back_as_it_was)
{
    vcol_type type = (vcol_type)(_i % (TYPES) + 1);
    disk d;
    for (int i = 0; i < SIZES * CONTENTS; i++) {
        disk_init(&d);
        d.most = i % 2 ? 1000 : 0; /* short reads and writes */
        t_allocator a = {0};
        vcol_manager *m = spilling(&d, 0, NULL, &a);
        maker k = {.type = type, .what = (content)(i % CONTENTS), .count = sizes[i / CONTENTS], .seed = (uint64_t)i};
        k.count = (k.count + (int64_t)vcol_type_width(type) - 1) / (int64_t)vcol_type_width(type); /* they are bytes */
        t_watch("a type and size, spilled and read back");
        int64_t before = atomic_load(&a.columns);
        vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9);
        check(put, &k);
        check(derived, &k);
        for (int round = 0; round < 3; round++) {
            ck_assert_uint_gt(vcol_manager_evict(m), 0);
            vcol_stats s = t_stats(m);
            ck_assert_uint_eq(s.live, 0);
            ck_assert_int_eq(atomic_load(&a.columns), before);
            ck_assert_uint_eq(s.spilled, 2); /* what was read back is not written again */
            ck_assert_uint_eq(s.spill_reads, 2 * (uint64_t)round);
            ck_assert_uint_eq(vcol_buffer_bytes(derived), 0);
            check(put, &k);
            check(derived, &k);
        }
        ck_assert_int_eq(atomic_load(&k.calls), 1);
        vcol_stats s = t_stats(m);
        ck_assert_uint_eq(s.spill_failures, 0);
        ck_assert_uint_eq(s.generations, 1 + 2 * 3);
        ck_assert_uint_gt(s.spill_bytes, 0);
        vcol_buffer_release(put);
        vcol_buffer_release(derived);
        ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
        vcol_manager_close(m);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        disk_destroy(&d);
    }
}
END_TEST

/* The frame by the reference implementation, at where the extent says. */
START_TEST(e9_1_the_body_is_a_frame_that_liblz4_reads)
{
    static const content whats[] = {ZEROES, SLOW, RANDOM};
    disk d;
    disk_init(&d);
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    maker k = {.type = VCOL_I32, .what = whats[_i % 3], .count = _i / 3 ? KB(300) : 5, .seed = 7};
    size_t n = (size_t)k.count * 4, done = 0, from = 0;
    vcol_buffer *b = put_of(m, &k);
    vcol_manager_evict(m);
    const vcol__extent *e = b->extent;
    ck_assert_ptr_nonnull(e);
    char *want = malloc(n), *got = malloc(n + 1);
    make(k.what, k.seed, want, n);
    const char *body = d.data + e->body;
    int64_t said;
    memcpy(&said, body, 8);
    ck_assert_int_eq(said, (int64_t)n);
    LZ4F_dctx *context;
    ck_assert(!LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)));
    size_t hint = 1, stored = (size_t)(e->offset + e->size - e->body) - 8;
    while (hint) {
        size_t out = n + 1 - done, in = stored - from;
        hint = LZ4F_decompress(context, got + done, &out, body + 8 + from, &in, NULL);
        ck_assert_msg(!LZ4F_isError(hint), "%s", LZ4F_getErrorName(hint));
        done += out;
        from += in;
    }
    LZ4F_freeDecompressionContext(context);
    ck_assert_uint_eq(done, n);
    ck_assert_mem_eq(got, want, n);
    free(want);
    free(got);
    vcol_buffer_release(b);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_1_what_is_cheap_to_make_is_dropped)
{
    disk d;
    disk_init(&d);
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    m->spill.read_bytes = 1000; /* one ns a byte, measured */
    m->spill.read_ns = 1000;
    maker cheap = {.type = VCOL_F64, .count = 1000, .what = SLOW}, unknown = cheap, costly = cheap;
    vcol_buffer *b[3] = {made_by(m, &cheap, 100e-6), made_by(m, &unknown, 0), made_by(m, &costly, 120e-6)};
    check(b[0], &cheap);
    check(b[1], &unknown);
    check(b[2], &costly); /* 100 us each, and 8192 bytes */
    vcol_manager_evict(m);
    check(b[0], &cheap);
    check(b[1], &unknown);
    check(b[2], &costly);
    ck_assert_int_eq(atomic_load(&cheap.calls), 2);
    ck_assert_int_eq(atomic_load(&unknown.calls), 2);
    ck_assert_int_eq(atomic_load(&costly.calls), 1);
    ck_assert_uint_eq(t_stats(m).spilled, 1);
    t_release(b, 3);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_1_a_clear_takes_what_is_spilled)
{
    disk d;
    disk_init(&d);
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    maker k = {.type = VCOL_U16, .count = KB(10), .what = RANDOM, .seed = 3};
    vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9);
    vcol_error err = {0};
    check(derived, &k);
    vcol_manager_evict(m);
    ck_assert_uint_gt(t_stats(m).spill_bytes, 0);
    ck_assert(vcol__buffer_in_use(derived));
    ck_assert_int_eq(vcol_buffer_clear(derived), 1);
    ck_assert_int_eq(vcol_buffer_clear(derived), 0);
    ck_assert(!vcol__buffer_in_use(derived));
    ck_assert_int_eq(vcol__buffer_clear(put), 1);
    ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
    ck_assert_int_ge(atomic_load(&d.punched), 2 * KB(20));
    check(derived, &k);
    ck_assert_int_eq(atomic_load(&k.calls), 2);
    ck_assert_int_eq(vcol__buffer_pin(put, &err), VCOL_NOT_FOUND);
    /* pinned after it was read back: deferred to the unpin, then both are gone */
    vcol_manager_evict(m);
    vcol_span span;
    ck_assert_int_eq(vcol_buffer_pin(derived, &span, NULL), VCOL_OK);
    ck_assert_uint_gt(t_stats(m).spill_bytes, 0);
    ck_assert_int_eq(vcol_buffer_clear(derived), 1);
    vcol_buffer_unpin(derived);
    ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
    ck_assert_uint_eq(t_stats(m).live, 0);
    vcol_buffer_release(put);
    vcol_buffer_release(derived);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_1_a_prefetch_reads_back)
{
    disk d;
    t_executor e;
    disk_init(&d);
    t_executor_init(&e);
    vcol_manager_options o = t_options();
    o.spill_dir = "/nowhere";
    o.executor = t_executor_of(&e);
    vcol_manager *m = t_manager(&o);
    m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, &d};
    maker k = {.type = VCOL_I64, .count = 1000, .what = SLOW};
    vcol_buffer *b = made_by(m, &k, 1e9);
    vcol_prefetch *scope;
    check(b, &k);
    for (int taken_back = 0; taken_back < 2; taken_back++) {
        vcol_manager_evict(m);
        ck_assert_int_eq(vcol_prefetch_begin_buffers(m, &b, 1, NULL, &scope, NULL), VCOL_OK);
        if (!taken_back)
            t_run(&e);
        ck_assert_int_eq(vcol_buffer_bytes(b) > 0, !taken_back);
        vcol_prefetch_end(scope);
        check(b, &k);
    }
    ck_assert_int_eq(atomic_load(&k.calls), 1);
    ck_assert_uint_eq(t_stats(m).spill_reads, 2);
    ck_assert_uint_eq(t_stats(m).prefetched, 1);
    vcol_buffer_release(b);
    t_run(&e);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

/* ---- under a limit ------------------------------------------------------------------------------------ */

START_TEST(e9_2_values_ten_times_the_limit_stay_below_it_and_come_back)
{
    enum { N = 40 };
    char *dir = empty_directory();
    t_allocator a = {0};
    vcol_manager *m = spilling(NULL, (uint64_t)KB(4096), dir, &a);
    maker k[N];
    vcol_buffer *b[N];
    for (int i = 0; i < N; i++) {
        k[i] = (maker){.type = VCOL_F32, .count = KB(256), .what = (content)(i % 3), .seed = (uint64_t)i};
        b[i] = put_of(m, &k[i]);
    }
    for (int i = 0; i < 3 * N; i++)
        check(b[i * 7 % N], &k[i * 7 % N]);
    vcol_stats s = t_stats(m);
    ck_assert_uint_le(s.peak, s.limit);
    ck_assert_uint_eq(s.overcommits, 0);
    ck_assert_int_le(atomic_load(&a.most_columns), KB(4096));
    ck_assert_uint_eq(s.spilled, N);
    ck_assert_uint_gt(s.spill_reads, N);
    ck_assert_int_eq(files_in(dir), 0);
    t_release(b, N);
    ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    remove_directory(dir);
}
END_TEST

START_TEST(e9_2_without_a_directory_what_was_put_in_stays)
{
    vcol_manager_options o = t_options();
    o.limit = (uint64_t)KB(64);
    o.flags = VCOL_MANAGER_LIMIT_HARD;
    vcol_manager *m = t_manager(&o);
    maker k = {.type = VCOL_I64, .count = KB(4), .what = RANDOM}, derived = {.type = VCOL_I64, .count = KB(5)};
    vcol_buffer *b = put_of(m, &k), *d = made_by(m, &derived, 1e9);
    vcol_error err = {0};
    ck_assert_uint_eq(vcol_manager_evict(m), 0);
    ck_assert_int_eq(look(d, &derived, &err), VCOL_LIMIT);
    ck_assert_msg(strstr(err.message, "pinned: given"), "%s", err.message);
    check(b, &k);
    vcol_buffer_release(b);
    check(d, &derived);
    ck_assert_uint_gt(vcol_manager_evict(m), 0);
    check(d, &derived);
    ck_assert_int_eq(atomic_load(&derived.calls), 2);
    ck_assert_uint_eq(t_stats(m).spill_failures, 0);
    vcol_buffer_release(d);
    vcol_manager_close(m);
}
END_TEST

/* ---- E9.2: disks that fail ------------------------------------------------------------------------------ */

START_TEST(e9_2_every_write_fails_once)
{
    int64_t n = 0;
    for (int64_t call = 1; call <= n || call == 1; call++) {
        disk d;
        disk_init(&d);
        d.fail_write = call == 1 ? 0 : call - 1; /* the first round counts them */
        d.why = call % 2 ? ENOSPC : EIO;
        t_allocator a = {0};
        vcol_manager *m = spilling(&d, 0, NULL, &a);
        maker k = {.type = VCOL_I16, .what = RANDOM, .count = KB(300), .seed = 5}, other = {.type = VCOL_I8, .count = 17};
        vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9), *small = put_of(m, &other);
        check(derived, &k);
        for (int round = 0; round < 100; round++)
            vcol_manager_evict(m); /* until the rest is over */
        if (call == 1)
            n = atomic_load(&d.writes) + 1;
        vcol_stats s = t_stats(m);
        ck_assert_uint_eq(s.live, 0); /* all puts went in the end */
        ck_assert_int_eq(s.spill_failures > 0, call > 1);
        check(put, &k);
        check(derived, &k);
        check(small, &other);
        ck_assert_int_le(atomic_load(&k.calls), 2);
        vcol_buffer_release(put);
        vcol_buffer_release(derived);
        vcol_buffer_release(small);
        ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
        vcol_manager_close(m);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        disk_destroy(&d);
    }
    ck_assert_int_gt(n, 10);
}
END_TEST

START_TEST(e9_2_a_full_disk_drops_what_can_be_made_and_keeps_what_was_put_in)
{
    disk d;
    disk_init(&d);
    d.no_file = _i == 1;
    d.fail_write = _i == 1 ? 0 : -1;
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    maker k = {.type = VCOL_I32, .what = SLOW, .count = KB(10)};
    vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9);
    for (int i = 1; i <= 100; i++) {
        check(derived, &k);
        ck_assert_int_eq(atomic_load(&k.calls), i);
        vcol_manager_evict(m);
        ck_assert_uint_eq(t_stats(m).live, (uint64_t)KB(40));
        check(put, &k);
    }
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.spilled, 0);
    ck_assert_uint_ge(s.spill_failures, 100);
    ck_assert_uint_eq(s.spill_bytes, 0);
    /* it is not tried each time */
    ck_assert_int_lt(_i == 1 ? atomic_load(&d.opened) : atomic_load(&d.writes), 20);
    vcol_buffer_release(put);
    vcol_buffer_release(derived);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_2_what_cannot_be_read_back_is_made_anew_or_an_error)
{
    disk d;
    disk_init(&d);
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    maker k = {.type = VCOL_F64, .what = SLOW, .count = KB(100)};
    vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9);
    vcol_error err = {0};
    check(derived, &k);
    vcol_manager_evict(m);
    uint64_t each = put->extent->size;
    if (_i == 0) {
        d.fail_read = -1;
    } else if (_i == 1) { /* values that change: found by the hash */
        pthread_mutex_lock(&d.lock);
        d.data[put->extent->body + 8 + VCOL__LZ4_HEAD + 4 + 30] ^= 0x10;
        d.data[derived->extent->body + 8 + VCOL__LZ4_HEAD + 4 + 30] ^= 0x10;
        pthread_mutex_unlock(&d.lock);
    } else { /* and lengths */
        memset(d.data + put->extent->body + 8 + VCOL__LZ4_HEAD, 0x7f, 4);
        memset(d.data + derived->extent->body + 8 + VCOL__LZ4_HEAD, 0x7f, 4);
    }
    check(derived, &k);
    ck_assert_int_eq(atomic_load(&k.calls), 2);
    ck_assert_ptr_null(derived->extent);
    for (int i = 0; i < 2; i++) {
        vcol_error_reset(&err);
        ck_assert_int_eq(look(put, &k, &err), _i == 0 ? VCOL_IO : VCOL_CORRUPT);
        ck_assert_msg(strstr(err.message, "given"), "%s", err.message);
        ck_assert_int_eq(err.os_errno, _i == 0 ? EIO : 0);
    }
    ck_assert_uint_eq(t_stats(m).live, vcol_buffer_bytes(derived));
    ck_assert_uint_eq(t_stats(m).promised, 0);
    ck_assert_uint_eq(t_stats(m).spill_bytes, each); /* the put's is kept: a disk may come back */
    if (_i == 0) {
        d.fail_read = 0;
        check(put, &k);
    }
    vcol_buffer_release(put);
    vcol_buffer_release(derived);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_2_no_more_is_spilled_than_its_limit_and_the_file_is_used_again)
{
    enum { N = 8 };
    disk d;
    disk_init(&d);
    d.no_punch = _i == 1;
    vcol_manager_options o = t_options();
    o.spill_dir = "/nowhere";
    o.spill_limit = (uint64_t)KB(3 * 68 + 10);
    vcol_manager *m = t_manager(&o);
    m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, &d};
    maker k[N];
    vcol_buffer *b[N];
    t_random r = {(uint64_t)_i};
    for (int i = 0; i < N; i++) {
        k[i] = (maker){.type = VCOL_U8, .what = RANDOM, .count = KB(64), .seed = (uint64_t)i};
        b[i] = put_of(m, &k[i]);
    }
    for (int i = 0; i < 200; i++) {
        int64_t j = t_below(&r, N);
        check(b[j], &k[j]);
        vcol_manager_evict(m);
        ck_assert_uint_le(t_stats(m).spill_bytes, o.spill_limit);
        if (i % 3 == 0) {
            vcol_buffer_release(b[j]);
            k[j].count = 1 + t_below(&r, KB(64));
            b[j] = put_of(m, &k[j]);
        }
    }
    ck_assert_uint_gt(t_stats(m).spilled, 3);
    ck_assert_uint_gt(t_stats(m).spill_failures, 0);
    ck_assert_uint_le(d.size, (size_t)KB(6 * 72)); /* stretches between others are used again */
    for (int i = 0; i < N; i++)
        check(b[i], &k[i]);
    t_release(b, N);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

/* The file may take no more, and what is there has to stay: who needs memory is not kept looking, but granted more. */
START_TEST(e9_2_who_needs_memory_goes_on_where_the_file_is_full)
{
    disk d;
    disk_init(&d);
    vcol_manager_options o = t_options();
    o.spill_dir = "/nowhere";
    o.spill_limit = (uint64_t)KB(8);
    vcol_manager *m = t_manager(&o);
    m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, &d};
    maker k = {.type = VCOL_I32, .what = RANDOM, .count = KB(16)}, derived = {.type = VCOL_I32, .what = SLOW, .count = KB(16)};
    vcol_buffer *put = put_of(m, &k), *other = made_by(m, &derived, 0);
    vcol_manager_set_limit(m, t_stats(m).fixed + (uint64_t)KB(100));
    for (int i = 1; i <= 20; i++) {
        check(other, &derived);
        vcol_buffer_clear(other);
        ck_assert_uint_eq(t_stats(m).overcommits, (uint64_t)i);
    }
    check(put, &k);
    ck_assert_uint_eq(t_stats(m).spilled, 0);
    ck_assert_uint_gt(t_stats(m).spill_failures, 0);
    vcol_buffer_release(put);
    vcol_buffer_release(other);
    vcol_manager_close(m);
    disk_destroy(&d);
}
END_TEST

START_TEST(e9_2_every_allocation_fails_once)
{
    for (int64_t call = 1;; call++) {
        disk d;
        disk_init(&d);
        t_allocator a = {.fail_call = call};
        vcol_manager_options o = t_options();
        o.spill_dir = "/nowhere";
        o.allocator = t_allocator_of(&a);
        vcol_manager *m = NULL;
        vcol_error err = {0};
        vcol_buffer *b = NULL;
        char values[5000] = {0};
        if (vcol_manager_open(&o, &m, &err) == VCOL_OK) {
            m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, &d};
            if (vcol__put_create(m, "given", VCOL_CHAR, sizeof values, values, &b, &err) == VCOL_OK) {
                vcol_manager_evict(m); /* fails: it stays */
                for (int i = 0; i < 64 && vcol_buffer_bytes(b); i++)
                    vcol_manager_evict(m);
                if (vcol__buffer_pin(b, &err) == VCOL_OK)
                    vcol__buffer_unpin(b);
                vcol_buffer_release(b);
            }
            (vcol_manager_close)(m);
        }
        ck_assert(err.status == VCOL_OK || err.status == VCOL_NOMEM);
        ck_assert_int_eq(atomic_load(&a.live), 0);
        disk_destroy(&d);
        if (atomic_load(&a.calls) < call)
            break;
    }
}
END_TEST

/* In a child: `what` and how it ends. */
static void in_child(const char *dir, int what)
{
    vcol_manager_options o = t_options();
    if (what == 2) { /* a write beyond it would be a signal */
        struct rlimit most = {(rlim_t)KB(20), (rlim_t)KB(20)};
        setrlimit(RLIMIT_FSIZE, &most);
    }
    o.spill_dir = what == 3 ? "/dev/null/x" : dir;
    vcol_manager *m;
    if (vcol_manager_open(&o, &m, NULL) != VCOL_OK)
        _exit(2);
    maker k = {.type = VCOL_I64, .what = RANDOM, .count = KB(10)};
    vcol_buffer *put = put_of(m, &k), *derived = made_by(m, &k, 1e9);
    check(derived, &k);
    vcol_manager_evict(m);
    bool spilled = vcol_buffer_bytes(put) == 0;
    if (spilled != (what < 2))
        _exit(3);
    check(put, &k);
    check(derived, &k);
    if (atomic_load(&k.calls) != (what < 2 ? 1 : 2))
        _exit(4);
    if (what == 1)
        raise(SIGKILL);
    vcol_buffer_release(put);
    vcol_buffer_release(derived);
    (vcol_manager_close)(m);
    _exit(0);
}

START_TEST(e9_2_nothing_is_left_behind)
{
    char *dir = empty_directory();
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        in_child(dir, _i);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (_i == 1)
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    remove_directory(dir);
}
END_TEST

/* ---- while it is written -------------------------------------------------------------------------------- */

static void *evict_in_thread(void *m)
{
    vcol_manager_evict(m);
    return NULL;
}

typedef struct other {
    vcol_buffer *b;
    const maker *k;
    int cleared;
} other;

static void *clear_in_thread(void *o)
{
    ((other *)o)->cleared = vcol_buffer_clear(((other *)o)->b);
    return NULL;
}

static void *check_in_thread(void *o)
{
    check(((other *)o)->b, ((other *)o)->k);
    return NULL;
}

START_TEST(e9_2_clear_and_pin_of_what_is_being_written_wait_for_it)
{
    disk d;
    t_gate gate;
    disk_init(&d);
    t_gate_init(&gate);
    d.gate = &gate;
    d.fail_write = _i >= 2 ? 2 : 0; /* then it is dropped */
    vcol_manager *m = spilling(&d, 0, NULL, NULL);
    maker k = {.type = VCOL_I64, .what = SLOW, .count = KB(2)};
    vcol_buffer *b = made_by(m, &k, 1e9);
    other o = {b, &k, -1};
    pthread_t evictor, second;
    check(b, &k);
    ck_assert_int_eq(pthread_create(&evictor, NULL, evict_in_thread, m), 0);
    t_gate_await(&gate, 1);
    ck_assert_int_eq(pthread_create(&second, NULL, _i % 2 ? clear_in_thread : check_in_thread, &o), 0);
    if (_i % 2)
        free(t_waits(m, 1)); /* it waits */
    t_gate_open(&gate);
    pthread_join(evictor, NULL);
    pthread_join(second, NULL);
    if (_i % 2)
        ck_assert_int_eq(o.cleared, _i == 1);
    ck_assert_int_eq(atomic_load(&k.calls), _i == 2 ? 2 : 1);
    if (_i % 2)
        ck_assert_uint_eq(t_stats(m).spill_bytes, 0);
    check(b, &k);
    vcol_buffer_release(b);
    vcol_manager_close(m);
    t_gate_destroy(&gate);
    disk_destroy(&d);
}
END_TEST

/* ---- many threads --------------------------------------------------------------------------------------- */

enum { PARTY = 12 };

typedef struct party {
    vcol_manager *m;
    vcol_buffer **b;
    maker *k;
} party;

static void take_part(void *opaque, t_random *r)
{
    const party *p = opaque;
    for (int i = 0; i < T_REPEAT(400); i++) {
        int64_t j = t_below(r, PARTY), what = t_below(r, 16);
        if (what == 0 && j >= PARTY / 2)
            vcol_buffer_clear(p->b[j]);
        else if (what == 1)
            vcol_manager_evict(p->m);
        else if (what == 2)
            vcol_manager_set_limit(p->m, (uint64_t)KB(700 + t_below(r, 1000)));
        else
            check(p->b[j], &p->k[j]);
    }
}

START_TEST(e9_2_threads_at_the_limit_get_their_values)
{
    enum { THREADS = 4 };
    disk d;
    t_allocator a = {0};
    disk_init(&d);
    d.fail_write = _i % 3 == 1 ? 20 : 0;
    vcol_manager *m = spilling(&d, (uint64_t)KB(900), NULL, &a);
    maker k[PARTY];
    vcol_buffer *b[PARTY];
    t_crowd crowd;
    for (int i = 0; i < PARTY; i++) {
        k[i] = (maker){.type = VCOL_U32, .what = (content)(i % 3), .count = KB(8 + 4 * (i % 4)), .seed = (uint64_t)i};
        b[i] = i < PARTY / 2 ? put_of(m, &k[i]) : made_by(m, &k[i], 1e9);
    }
    t_crowd_start(&crowd, THREADS, _i, take_part, &(party){.m = m, .b = b, .k = k});
    t_crowd_join(&crowd);
    ck_assert_uint_gt(t_stats(m).spill_reads, 0);
    t_release(b, PARTY);
    vcol_stats s = t_stats(m);
    ck_assert_uint_eq(s.live, 0);
    ck_assert_uint_eq(s.promised, 0);
    ck_assert_uint_eq(s.spill_bytes, 0);
    vcol_manager_close(m);
    ck_assert_int_eq(atomic_load(&a.live), 0);
    disk_destroy(&d);
}
END_TEST

/* ---- streams for Arrow's own reader -------------------------------------------------------------------- */

static int write_streams(const char *dir)
{
    for (int type = 1; type <= TYPES; type++) {
        for (int i = 0; i < SIZES * CONTENTS; i++) {
            disk d;
            char path[512], values[512];
            maker k = {.type = (vcol_type)type, .what = (content)(i % CONTENTS), .count = sizes[i / CONTENTS], .seed = 11};
            disk_init(&d);
            vcol_manager_options o; /* without Check, which wants a test around what it checks */
            vcol_manager *m;
            vcol_manager_options_init(&o, sizeof o);
            o.spill_dir = "/nowhere";
            t_require(vcol_manager_open(&o, &m, NULL) == VCOL_OK);
            m->spill.io = (vcol__spill_io){disk_open, disk_write, disk_read, disk_punch, disk_close, &d};
            vcol_buffer *b = put_of(m, &k);
            vcol_manager_evict(m);
            snprintf(path, sizeof path, "%s/%s-%d.arrows", dir, vcol_type_name(k.type), i);
            snprintf(values, sizeof values, "%s/%s-%d.values", dir, vcol_type_name(k.type), i);
            FILE *f = fopen(path, "wb"), *g = fopen(values, "wb");
            t_require(f && g);
            t_require(fwrite(d.data + b->extent->offset, 1, d.size - b->extent->offset, f) == d.size - b->extent->offset);
            check(b, &k);
            t_require(vcol__buffer_pin(b, NULL) == VCOL_OK);
            size_t n = (size_t)k.count * vcol_type_width(k.type);
            t_require(fwrite(b->leaf[0].data, 1, n, g) == n);
            vcol__buffer_unpin(b);
            fclose(f);
            fclose(g);
            vcol_buffer_release(b);
            (vcol_manager_close)(m);
            free(d.data);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const t_test tests[] = {
        {e9_1_every_type_and_size_comes_back_as_it_was, TYPES},
        {e9_1_the_body_is_a_frame_that_liblz4_reads, 6},
        {e9_1_what_is_cheap_to_make_is_dropped, 0},
        {e9_1_a_clear_takes_what_is_spilled, 0},
        {e9_1_a_prefetch_reads_back, 0},
        {e9_2_values_ten_times_the_limit_stay_below_it_and_come_back, 0},
        {e9_2_without_a_directory_what_was_put_in_stays, 0},
        {e9_2_every_write_fails_once, 0},
        {e9_2_a_full_disk_drops_what_can_be_made_and_keeps_what_was_put_in, 2},
        {e9_2_what_cannot_be_read_back_is_made_anew_or_an_error, 3},
        {e9_2_no_more_is_spilled_than_its_limit_and_the_file_is_used_again, 2},
        {e9_2_who_needs_memory_goes_on_where_the_file_is_full, 0},
        {e9_2_every_allocation_fails_once, 0},
        {e9_2_nothing_is_left_behind, 4},
        {e9_2_clear_and_pin_of_what_is_being_written_wait_for_it, 4},
        {e9_2_threads_at_the_limit_get_their_values, 6},
    };
    if (argc == 3 && strcmp(argv[1], "--streams") == 0)
        return write_streams(argv[2]);
    return t_main("spill", tests, sizeof tests / sizeof *tests);
}
