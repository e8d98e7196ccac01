/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * limits: what does the runtime cost beyond what cannot be avoided?
 *
 * Question:   how far from pure decompression is materializing all columns of a file; what does a pin cost, what the
 *             scheduling of a buffer?
 * Workload:   FILE (trees or an RNTuple), hot in the page cache: all columns, chunk after chunk, collection after collection, each cleared
 *             after it was asked for; one thread, no prefetch. Beside it the same baskets or pages, from memory, into one
 *             buffer that is reused, by plain calls of the codec's library: a page that columns share for each of them, and
 *             what is stored as it is copied, as ROOT does both. Both sides come to the same bytes. For an RNTuple one
 *             plain loop that also reads each page from the file, takes its checksum, and copies what it unpacked to its
 *             place, in which vcol has its values: what no reader is without. A copy of as many bytes; for lz4 a byte
 *             swap of as many values of the same widths, on a warm buffer. With --small the file
 *             is taken as one of many small baskets. Without a file: buffers of generators that do nothing.
 * Memory:     each round opens a manager, whose memory is zeroed by the system when it is first used. With --keep one
 *             manager goes through all rounds: its memory is there from the round that warms up on, as the one buffer of
 *             the plain calls is.
 * Metric:     user + system CPU seconds, one core, ratio within each round, median of seven.
 * Regression: a ratio above its bound: zlib 1.15, zstd 1.20, lz4 1.4; small baskets 3 us each; a pin 3 atomic pairs; a
 *             scheduled buffer 3 us. Or 5 % more than the last release on the same machine.
 */
#include "measure.h"
#include "records.h"

#include <vcol/reader.h>
#include <vcol/vcol.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SWAP_BYTES ((size_t)64 << 10)
#define MANY 100000
#define SMALL_CHUNK 100000 /* entries: many small baskets each */

static int rounds = 7, failures;
static int keep; /* one manager for all rounds */
static int64_t chunk_entries; /* 0: the file's clusters, as readers of whole files go: no block reaches into another chunk */

static double fail(const vcol_error *err)
{
    fprintf(stderr, "limits: %s\n", err->message);
    return -1;
}

static void count(int kept)
{
    failures += !kept;
}

/* ---- a file ---------------------------------------------------------------------------------------- */

typedef struct file_bench {
    const char *path;
    records records;
    unpacker unpacker;
    int64_t values[9]; /* of each width, 1 to 8 bytes: from the first pass */
    int64_t baskets;
    uint64_t bytes;    /* unpacked */
    void *from, *to;   /* SWAP_BYTES each */
    uint8_t *big, *big_copy;
    size_t big_size;
    int fd;
    uint8_t *page; /* for the largest */
    int64_t pages;
    uint64_t blocks;       /* that vcol unpacked in the last round */
    vcol_manager *manager; /* --keep: of the rounds before */
} file_bench;

static double pure(void *opaque)
{
    file_bench *b = opaque;
    double start = measure_cpu();
    for (int64_t i = 0; i < b->records.n; i++) {
        const record *r = &b->records.list[i];
        if (r->basket && unpacker_run(&b->unpacker, r->payload, r->stored, r->unpacked) != 0) {
            fprintf(stderr, "limits: the basket at byte %" PRIu64 " does not unpack\n", r->offset);
            return -1;
        }
    }
    return measure_cpu() - start;
}

/* Read, checksum, decompression, and a copy to where the values would be. */
static double plain_loop(void *opaque)
{
    file_bench *b = opaque;
    uint64_t sums = 0;
    size_t at = 0;
    double start = measure_cpu();
    for (int64_t i = 0; i < b->records.n; i++) {
        const record *r = &b->records.list[i];
        size_t size = r->stored + sizeof(uint64_t);
        if (!r->page)
            continue;
        if (pread(b->fd, b->page, size, r->payload - b->records.bytes) != (ssize_t)size ||
            unpacker_run(&b->unpacker, b->page, r->stored, r->unpacked) != 0) {
            fprintf(stderr, "limits: the page at byte %td cannot be had\n", r->payload - b->records.bytes);
            return -1;
        }
        sums ^= vcol_hash_xxh3(b->page, r->stored);
        at = at + r->unpacked > b->big_size ? 0 : at;
        memcpy(b->big + at, b->unpacker.buffer, r->unpacked);
        at += r->unpacked;
    }
    __asm__ volatile("" ::"r"(sums) : "memory");
    return measure_cpu() - start;
}

static double copy(void *opaque)
{
    file_bench *b = opaque;
    double start = measure_cpu();
    for (uint64_t done = 0; done < b->bytes; done += b->big_size) {
        size_t n = b->bytes - done < b->big_size ? (size_t)(b->bytes - done) : b->big_size;
        memcpy(b->big_copy, b->big, n);
        __asm__ volatile("" ::: "memory");
    }
    return measure_cpu() - start;
}

static void swap2(const uint16_t *restrict from, uint16_t *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = __builtin_bswap16(from[i]);
}

static void swap4(const uint32_t *restrict from, uint32_t *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = __builtin_bswap32(from[i]);
}

static void swap8(const uint64_t *restrict from, uint64_t *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = __builtin_bswap64(from[i]);
}

static double byte_swap(void *opaque)
{
    file_bench *b = opaque;
    double start = measure_cpu();
    for (size_t width = 1; width <= 8; width *= 2) {
        for (int64_t left = b->values[width]; left > 0;) {
            size_t n = SWAP_BYTES / width;
            if ((int64_t)n > left)
                n = (size_t)left;
            if (width == 1)
                memcpy(b->to, b->from, n);
            else if (width == 2)
                swap2(b->from, b->to, n);
            else if (width == 4)
                swap4(b->from, b->to, n);
            else
                swap8(b->from, b->to, n);
            __asm__ volatile("" ::: "memory");
            left -= (int64_t)n;
        }
    }
    return measure_cpu() - start;
}

typedef struct ordered {
    int64_t id;
    int64_t collection; /* the columns of one number are cleared together */
} ordered;

/* Columns in the file's order, those of a collection together with what counts it. */
static ordered *order(vcol_dataset *d, int64_t *n)
{
    int64_t all = vcol_dataset_columns(d), used = 0, number = 0;
    ordered *list = malloc(((size_t)all + 1) * sizeof *list);
    vcol_column_info a, b;
    char *taken = calloc((size_t)all + 1, 1);
    for (int64_t i = 0; list && taken && i < all; i++) {
        if (taken[i] || vcol_dataset_column(d, i, &a, sizeof a, NULL) != VCOL_OK || a.status != VCOL_OK)
            continue;
        const char *collection = a.collection ? a.collection : a.name[0] == 'n' ? a.name + 1 : a.name;
        for (int64_t k = i; k < all; k++) {
            if (taken[k] || vcol_dataset_column(d, k, &b, sizeof b, NULL) != VCOL_OK || b.status != VCOL_OK)
                continue;
            if (k == i || (b.collection && strcmp(b.collection, collection) == 0) ||
                (!b.collection && b.name[0] == 'n' && strcmp(b.name + 1, collection) == 0)) {
                list[used++] = (ordered){k, number};
                taken[k] = 1;
            }
        }
        number++;
    }
    free(taken);
    *n = used;
    return list;
}

static double materialize(void *opaque)
{
    file_bench *b = opaque;
    vcol_error err = {0};
    vcol_manager *m = b->manager;
    vcol_dataset *d = NULL;
    vcol_loop *l = NULL;
    vcol_chunk *c;
    vcol_manager_options mo;
    vcol_loop_options lo;
    vcol_stats before = {0}, after = {0};
    ordered *list = NULL;
    int64_t n = 0;
    double seconds = -1;
    memset(b->values, 0, sizeof b->values);
    vcol_manager_options_init(&mo, sizeof mo);
    mo.flags = VCOL_MANAGER_NO_BACKGROUND;
    mo.threads = 1;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.flags = VCOL_LOOP_NO_PREFETCH;
    lo.entries = chunk_entries;
    lo.chunking = chunk_entries ? VCOL_CHUNK_BY_ENTRIES : VCOL_CHUNK_BY_CLUSTERS;
    if (!m)
        vcol_manager_open(&mo, &m, &err);
    vcol_dataset_open(m, &b->path, 1, NULL, &d, &err);
    if (!err.status && !(list = order(d, &n)))
        vcol_error_set(&err, VCOL_NOMEM, "no memory for the columns");
    if (m)
        vcol_manager_stats(m, &before, sizeof before);
    double start = measure_cpu();
    vcol_loop_open(d, &lo, &l, &err);
    while (vcol_loop_next(l, &c, &err) == VCOL_OK) {
        for (int64_t i = 0; i < n && !err.status;) {
            int64_t from = i;
            for (; i < n && list[i].collection == list[from].collection; i++) {
                vcol_view view;
                if (vcol_chunk_get(c, list[i].id, &view, &err) == VCOL_OK)
                    b->values[vcol_type_width(view.type)] += view.count;
            }
            for (int64_t k = from; k < i; k++)
                vcol_chunk_clear_id(c, list[k].id);
        }
    }
    vcol_loop_close(l);
    if (!err.status)
        seconds = measure_cpu() - start;
    if (m)
        vcol_manager_stats(m, &after, sizeof after);
    b->blocks = after.blocks_unpacked - before.blocks_unpacked;
    vcol_dataset_close(d);
    b->manager = keep ? m : NULL;
    if (!keep)
        vcol_manager_close(m);
    free(list);
    return err.status ? fail(&err) : seconds;
}

static int file_open(file_bench *b, const char *path)
{
    memset(b, 0, sizeof *b);
    b->path = path;
    b->fd = open(path, O_RDONLY);
    if (b->fd < 0 || records_open(path, &b->records) != 0)
        return -1;
    for (int64_t i = 0; i < b->records.n; i++) {
        if (b->records.list[i].basket) {
            b->baskets++;
            b->pages += b->records.list[i].page;
            b->bytes += b->records.list[i].unpacked;
        }
    }
    b->big_size = (size_t)16 << 20;
    b->from = calloc(1, SWAP_BYTES);
    b->to = calloc(1, SWAP_BYTES);
    b->big = malloc(b->big_size);
    b->big_copy = malloc(b->big_size);
    b->page = calloc(1, b->records.largest + 64);
    if (!b->page || b->records.largest > b->big_size || !b->from || !b->to || !b->big || !b->big_copy ||
        unpacker_open(&b->unpacker, b->records.largest) != 0)
        return -1;
    memset(b->big, 1, b->big_size);
    memset(b->big_copy, 1, b->big_size);
    return 0;
}

static void file_close(file_bench *b)
{
    vcol_manager_close(b->manager);
    records_close(&b->records);
    unpacker_close(&b->unpacker);
    free(b->from);
    free(b->to);
    free(b->big);
    free(b->big_copy);
    free(b->page);
    if (b->fd >= 0)
        close(b->fd);
}

/* The codec's bound and aim. */
static void bounds(const char *codec, double *bound, double *aim)
{
    *bound = strcmp(codec, "zlib") == 0 ? 1.15 : strcmp(codec, "zstd") == 0 ? 1.20 : strcmp(codec, "lz4") == 0 ? 1.4 : 0;
    *aim = strcmp(codec, "zlib") == 0 ? 1.05 : strcmp(codec, "zstd") == 0 ? 1.0 : strcmp(codec, "lz4") == 0 ? 1.2 : 0;
}

static int bench_file(const char *path, int small)
{
    file_bench b;
    int status = -1;
    if (file_open(&b, path) != 0)
        goto done;
    measure_series s[] = {{.name = "vcol", .run = materialize, .opaque = &b},
                          {.name = "pure decompression", .run = pure, .opaque = &b},
                          {.name = "byte swap", .run = byte_swap, .opaque = &b},
                          {.name = "copy", .run = copy, .opaque = &b},
                          {.name = "plain loop", .run = plain_loop, .opaque = &b}};
    const char *codec = b.records.codec;
    int lz4 = strcmp(codec, "lz4") == 0;
    char name[64];
    if (measure_run(s, small ? 2 : b.pages ? 5 : 4, rounds) != 0)
        goto done;
    status = 0;
    if ((int64_t)b.blocks != b.baskets)
        fprintf(stderr, "limits: note: vcol unpacked %" PRIu64 " baskets of %" PRId64 "\n", b.blocks, b.baskets);
    fprintf(stderr, "limits: %s: %s, %" PRId64 " baskets, %.1f MB unpacked; vcol %.3f s, decompression %.3f s", path, codec,
            b.baskets, (double)b.bytes / 1e6, s[0].median, s[1].median);
    fprintf(stderr, small ? "\n" : ", byte swap %.3f s, copy %.3f s\n", s[2].median, s[3].median);
    if (small) {
        const measure_series *both[] = {&s[0], &s[1]};
        measure_case c = {.bench = "limits", .compared = "(vcol - pure decompression) / baskets", .unit = "us", .bound = 3};
        snprintf(name, sizeof name, "small baskets %s", codec);
        c.name = name;
        for (int i = 0; i < rounds; i++)
            c.ratios[i] = (s[0].seconds[i] - s[1].seconds[i]) / (double)b.baskets * 1e6;
        count(measure_print(&c, both, 2, rounds));
        goto done;
    }
    double bound, aim;
    bounds(codec, &bound, &aim);
    snprintf(name, sizeof name, "materialize %s", codec);
    if (lz4) {
        count(measure_ratio("limits", name, "vcol / (pure decompression + byte swap)", &s[0], &s[1], &s[2], bound, aim, rounds));
        measure_ratio("limits", name, "vcol / pure decompression", &s[0], &s[1], NULL, 0, 0, rounds);
    } else {
        count(measure_ratio("limits", name, "vcol / pure decompression", &s[0], &s[1], NULL, bound, aim, rounds));
    }
    measure_ratio("limits", name, "vcol / memory copy of the unpacked bytes", &s[0], &s[3], NULL, 0, 0, rounds);
    if (b.pages) {
        measure_ratio("limits", name, "vcol / one loop of read, checksum, decompression, copy", &s[0], &s[4], NULL, 0, 0, rounds);
        measure_ratio("limits", name, "that loop / pure decompression", &s[4], &s[1], NULL, 0, 0, rounds);
    }
done:
    file_close(&b);
    return status;
}

/* ---- buffers ------------------------------------------------------------------------------------------ */

#define PINS 5000000

static double atomic_pairs(void *opaque)
{
    _Atomic uint64_t *word = opaque;
    double start = measure_cpu();
    for (int i = 0; i < PINS; i++) {
        atomic_fetch_add(word, 1);
        atomic_fetch_sub(word, 1);
    }
    return measure_cpu() - start;
}

static double pins(void *opaque)
{
    vcol_buffer *b = opaque;
    vcol_span span;
    vcol_error err = {0};
    double start = measure_cpu();
    for (int i = 0; i < PINS; i++) {
        if (vcol_buffer_pin(b, &span, &err) != VCOL_OK)
            return fail(&err);
        vcol_buffer_unpin(b);
    }
    return measure_cpu() - start;
}

static vcol_status nothing(vcol_fill *fill, void *opaque, vcol_error *err)
{
    (void)fill;
    (void)opaque;
    (void)err;
    return VCOL_OK;
}

typedef struct empties {
    vcol_manager *manager;
    vcol_buffer **list; /* MANY */
} empties;

static int empties_open(empties *e)
{
    vcol_error err = {0};
    vcol_manager_options mo;
    vcol_buffer_options bo;
    vcol_manager_options_init(&mo, sizeof mo);
    mo.threads = 1;
    vcol_buffer_options_init(&bo, sizeof bo);
    bo.type = VCOL_F32;
    bo.count = 0;
    bo.generator.generate = nothing;
    e->list = calloc(MANY, sizeof *e->list);
    vcol_manager_open(&mo, &e->manager, &err);
    for (int i = 0; i < MANY && e->list && !err.status; i++)
        vcol_buffer_create(e->manager, &bo, &e->list[i], &err);
    return err.status || !e->list ? (int)fail(&err) : 0;
}

static void empties_close(empties *e)
{
    for (int i = 0; e->list && i < MANY; i++)
        vcol_buffer_release(e->list[i]);
    free(e->list);
    vcol_manager_close(e->manager);
}

static void clear_all(empties *e)
{
    for (int i = 0; i < MANY; i++)
        vcol_buffer_clear(e->list[i]);
}

/* Each buffer in a scope of its own. */
static double schedule_one(void *opaque)
{
    empties *e = opaque;
    vcol_error err = {0};
    double start = measure_cpu();
    for (int i = 0; i < MANY; i++) {
        vcol_prefetch *scope;
        vcol_prefetch_begin_buffers(e->manager, &e->list[i], 1, NULL, &scope, &err);
        vcol_prefetch_wait(scope, &err);
        vcol_prefetch_end(scope);
    }
    double seconds = measure_cpu() - start;
    clear_all(e);
    return err.status ? fail(&err) : seconds;
}

static double schedule_many(void *opaque)
{
    empties *e = opaque;
    vcol_error err = {0};
    vcol_prefetch *scope;
    double start = measure_cpu();
    vcol_prefetch_begin_buffers(e->manager, e->list, MANY, NULL, &scope, &err);
    vcol_prefetch_wait(scope, &err);
    vcol_prefetch_end(scope);
    double seconds = measure_cpu() - start;
    clear_all(e);
    return err.status ? fail(&err) : seconds;
}

/* Asked for without a prefetch. */
static double pin_many(void *opaque)
{
    empties *e = opaque;
    vcol_error err = {0};
    vcol_span span;
    double start = measure_cpu();
    for (int i = 0; i < MANY && !err.status; i++) {
        if (vcol_buffer_pin(e->list[i], &span, &err) == VCOL_OK)
            vcol_buffer_unpin(e->list[i]);
    }
    double seconds = measure_cpu() - start;
    clear_all(e);
    return err.status ? fail(&err) : seconds;
}

static void print_each(const char *name, const measure_series *s)
{
    measure_case c = {.bench = "limits", .name = name, .compared = "one empty buffer", .unit = "us", .bound = 3, .aim = 1};
    for (int i = 0; i < rounds; i++)
        c.ratios[i] = s->seconds[i] / MANY * 1e6;
    count(measure_print(&c, &s, 1, rounds));
}

static int bench_buffers(void)
{
    _Atomic uint64_t word = 0;
    empties e = {0};
    vcol_error err = {0};
    vcol_span span;
    int status = -1;
    if (empties_open(&e) != 0 || vcol_buffer_pin(e.list[0], &span, &err) != VCOL_OK)
        goto done;
    measure_series p[] = {{.name = "pin and unpin", .run = pins, .opaque = e.list[0]},
                          {.name = "two atomic additions", .run = atomic_pairs, .opaque = &word}};
    measure_series s[] = {{.name = "a scope of one", .run = schedule_one, .opaque = &e},
                          {.name = "a scope of many", .run = schedule_many, .opaque = &e},
                          {.name = "pins", .run = pin_many, .opaque = &e}};
    status = measure_run(p, 2, rounds);
    vcol_buffer_unpin(e.list[0]);
    vcol_buffer_clear(e.list[0]);
    if (status == 0)
        count(measure_ratio("limits", "pin + unpin of a resident buffer", "a pair of atomic additions", &p[0], &p[1], NULL, 3,
                            1.5, rounds));
    if (status == 0 && (status = measure_run(s, 3, rounds)) == 0) {
        print_each("schedule one buffer", &s[0]);
        print_each("schedule 100000 buffers", &s[1]);
        print_each("pin 100000 virtual buffers", &s[2]);
    }
done:
    empties_close(&e);
    return status;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "usage: limits [--rounds N] [--chunk N|clusters] [--check] [--keep] [--buffers]\n"
                    "              [FILE.root | --small FILE.root]...\n"
                    "  all columns of each FILE against the decompression of its baskets; --small: a file of small\n"
                    "  baskets; --buffers (also without a FILE): pins and empty buffers; --check: exit 1 above a bound;\n"
                    "  --keep: one manager for all rounds of a file\n");
    return 2;
}

int main(int argc, char **argv)
{
    int check = 0, files = 0, buffers = 0, status = 0;
    measure_pin();
    for (int i = 1; i < argc && status == 0; i++) {
        int more = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && more) {
            rounds = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--chunk") == 0 && more) {
            chunk_entries = strcmp(argv[++i], "clusters") == 0 ? 0 : atoll(argv[i]);
        } else if (strcmp(argv[i], "--check") == 0) {
            check = 1;
        } else if (strcmp(argv[i], "--keep") == 0) {
            keep = 1;
        } else if (strcmp(argv[i], "--buffers") == 0) {
            buffers = 1;
        } else if (strcmp(argv[i], "--small") == 0 && more) {
            int64_t asked = chunk_entries;
            chunk_entries = asked ? asked : SMALL_CHUNK;
            status = bench_file(argv[++i], 1);
            chunk_entries = asked;
            files++;
        } else if (argv[i][0] != '-') {
            status = bench_file(argv[i], 0);
            files++;
        } else {
            return usage();
        }
        if (rounds < 1 || rounds > MEASURE_ROUNDS || chunk_entries < 0)
            return usage();
    }
    if (status == 0 && (buffers || !files))
        status = bench_buffers();
    return status != 0 ? 1 : check && failures ? 1 : 0;
}
