/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * overlap: do reading, decoding and computing go on at the same time?
 *
 * Question:   how close is a chunk loop with prefetch to the longest of its three parts?
 * Workload:   100 chunks of FILE, some columns, behind an emulated device whose bandwidth makes reading take as long
 *             as decoding; computing is arithmetic on the values, repeated until it takes as long too. One worker.
 *             Without a limit, and with one of three chunks: three times what a chunk takes (its columns and the blocks
 *             that reach into the next, at most, and its stored bytes, on average), and the metadata.
 *             A hundred chunks are a hundred steps of reading only if no block is longer than a chunk: FILE should have
 *             a hundred clusters. With 19, the first chunk waits for a 19th of all bytes, while nothing can be computed.
 * Metric:     wall seconds. ideal / measured, ideal = max(IO, compute, (compute + decode) / factor), where factor is
 *             how much faster two threads compute than one after the other, and all are measured in the same round.
 *             And on one core: with prefetch / without, from the file itself (nothing to hide, only costs), in user +
 *             system CPU and in wall seconds.
 * Regression: ideal / measured below 0.90 (aim 0.95); prefetch on one core above 1.03.
 */
#include "measure.h"

#include <vcol/vcol.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS 100
#define MOST_COLUMNS 256

typedef struct overlap_bench {
    const char *path, *columns;
    int64_t ids[MOST_COLUMNS], n;
    int64_t entries, chunk;
    int32_t ahead; /* chunks prefetched */
    uint64_t bytes;          /* asked of the source in a pass */
    double bandwidth;        /* of the device; 0: none */
    int64_t work;            /* steps of arithmetic a chunk */
    int64_t values;          /* in a pass */
    uint64_t largest, fixed; /* bytes: what a chunk holds at most, metadata */
    double sink;
} overlap_bench;

/* What a pass does. */
typedef struct pass {
    overlap_bench *bench;
    int device, prefetch, read, compute, cpu, look; /* look: find out how large a chunk is */
    uint64_t limit; /* bytes; 0: none */
} pass;

static volatile double nowhere;

/* Arithmetic that no compiler leaves out or makes another of for the n that it knows, on values where there are some. */
static __attribute__((noinline)) double compute(int64_t steps, const float *values, int64_t n)
{
    double x = 1, sum = 0;
    for (int64_t i = 0; i < steps; i++) {
        x = x * 0.999999 + (n ? (double)values[i % n] * 1e-30 : 1e-30);
        sum += x;
    }
    return sum;
}

static vcol_status open_source(const pass *p, vcol_source **out, vcol_error *err)
{
    vcol_source *file;
    vcol_device_options o = {.struct_size = sizeof o, .bytes_per_second = (uint64_t)p->bench->bandwidth, .latency_ns = 50000,
                             .requests = 4};
    *out = NULL;
    if (vcol_source_open_file(p->bench->path, &file, err) != VCOL_OK)
        return VCOL_IO;
    if (!p->device) {
        *out = file;
        return VCOL_OK;
    }
    vcol_status status = vcol_source_open_device(file, &o, out, err);
    if (status != VCOL_OK)
        vcol_source_release(file);
    return status;
}

static double run_pass(void *opaque)
{
    const pass *p = opaque;
    overlap_bench *b = p->bench;
    vcol_error err = {0};
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_source *source = NULL;
    vcol_loop *l = NULL;
    vcol_chunk *c;
    vcol_manager_options mo;
    vcol_dataset_options o;
    vcol_loop_options lo;
    vcol_stats stats = {0};
    double seconds = 0;
    vcol_manager_options_init(&mo, sizeof mo);
    mo.threads = 1;
    mo.io_threads = 0;
    mo.limit = p->limit;
    mo.flags = p->prefetch ? 0 : VCOL_MANAGER_NO_BACKGROUND;
    vcol_dataset_options_init(&o, sizeof o);
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = b->chunk;
    lo.count = b->chunk * CHUNKS < b->entries ? b->chunk * CHUNKS : 0;
    lo.columns = b->columns;
    lo.ahead = b->ahead;
    lo.flags = p->prefetch ? 0 : VCOL_LOOP_NO_PREFETCH;
    vcol_manager_open(&mo, &m, &err);
    open_source(p, &source, &err);
    o.sources = &source;
    vcol_dataset_open(m, &b->path, 1, &o, &d, &err);
    double start = p->cpu ? measure_cpu() : measure_wall();
    if (!err.status)
        vcol_loop_open(d, &lo, &l, &err);
    b->values = 0;
    while (vcol_loop_next(l, &c, &err) == VCOL_OK) {
        const float *values = NULL;
        int64_t n = 0;
        for (int64_t i = 0; i < b->n && p->read && !err.status; i++) {
            vcol_view view;
            if (vcol_chunk_get(c, b->ids[i], &view, &err) == VCOL_OK && view.type == VCOL_F32) {
                values = view.values;
                n = view.count;
            }
            b->values += view.count;
        }
        if (p->compute && !err.status)
            b->sink += compute(b->work, values, n);
        if (p->look) {
            vcol_manager_stats(m, &stats, sizeof stats);
            b->largest = stats.live > b->largest ? stats.live : b->largest;
            b->fixed = stats.fixed;
        }
    }
    vcol_loop_close(l);
    seconds = (p->cpu ? measure_cpu() : measure_wall()) - start;
    if (m)
        vcol_manager_stats(m, &stats, sizeof stats);
    b->bytes = stats.bytes_read;
    vcol_dataset_close(d);
    vcol_source_release(source);
    vcol_manager_close(m);
    nowhere = b->sink;
    if (err.status)
        fprintf(stderr, "overlap: %s\n", err.message);
    return err.status ? -1 : seconds;
}

/* The device alone: as many bytes as a pass reads, in large reads. */
static double run_device(void *opaque)
{
    const pass *p = opaque;
    vcol_source *source;
    vcol_error err = {0};
    size_t size = (size_t)1 << 20;
    void *data = malloc(size);
    if (!data || open_source(p, &source, &err) != VCOL_OK) {
        free(data);
        return -1;
    }
    uint64_t end = vcol_source_get_limits(source)->size;
    double start = measure_wall();
    for (uint64_t at = 0; at < p->bench->bytes && at < end && !err.status; at += size) {
        vcol_range range = {at, size, data};
        if (range.size > end - at)
            range.size = (size_t)(end - at);
        if (range.size > p->bench->bytes - at)
            range.size = (size_t)(p->bench->bytes - at);
        vcol_source_read(source, &range, 1, &err);
    }
    double seconds = measure_wall() - start;
    vcol_source_release(source);
    free(data);
    return err.status ? -1 : seconds;
}

static double run_compute(void *opaque)
{
    const pass *p = opaque;
    static const float zeros[65536];
    const float *volatile values = zeros; /* so that it is not computed once for all chunks */
    int64_t chunk = p->bench->chunk, n = chunk < 65536 ? chunk : 65536; /* as many as a chunk of the last column has */
    double start = measure_wall();
    for (int i = 0; i < CHUNKS; i++)
        nowhere = compute(p->bench->work, values, n);
    return measure_wall() - start;
}

static double run_two(void *opaque)
{
    return measure_twice(run_compute, opaque);
}

/* Ids of the columns, entries a chunk. */
static int look(overlap_bench *b)
{
    vcol_error err = {0};
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_manager_open(NULL, &m, &err);
    vcol_dataset_open(m, &b->path, 1, NULL, &d, &err);
    vcol_dataset_match(d, b->columns, b->ids, MOST_COLUMNS, &b->n, &err);
    if (!err.status) {
        b->entries = vcol_dataset_entries(d);
        b->chunk = b->entries / CHUNKS > 0 ? b->entries / CHUNKS : 1;
        if (b->n > MOST_COLUMNS)
            b->n = MOST_COLUMNS;
    } else {
        fprintf(stderr, "overlap: %s\n", err.message);
    }
    vcol_dataset_close(d);
    vcol_manager_close(m);
    return err.status ? -1 : 0;
}

/* Makes the three parts about equal. */
static int calibrate(overlap_bench *b)
{
    pass decode = {.bench = b, .read = 1, .cpu = 1}, look = {.bench = b, .read = 1, .look = 1};
    b->work = 1000000; /* steps: enough to stand out */
    double seconds = run_pass(&look) < 0 ? -1 : run_pass(&decode), compute_seconds = run_compute(&decode);
    if (seconds < 0 || compute_seconds <= 0)
        return -1;
    b->work = (int64_t)((double)b->work * seconds / compute_seconds) + 1;
    b->bandwidth = (double)b->bytes / seconds;
    fprintf(stderr, "overlap: %" PRId64 " columns, %d chunks of %" PRId64 ": decoding %.3f s, device %.1f MB/s\n", b->n,
            CHUNKS, b->chunk, seconds, b->bandwidth / 1e6);
    return 0;
}

static int bench_overlap(overlap_bench *b, uint64_t limit, int rounds)
{
    pass all = {.bench = b, .device = 1, .prefetch = 1, .read = 1, .compute = 1, .limit = limit}, device = {.bench = b, .device = 1},
         decode = {.bench = b, .read = 1}, work = {.bench = b, .compute = 1};
    measure_series s[] = {{.name = "measured", .run = run_pass, .opaque = &all},
                          {.name = "reading", .run = run_device, .opaque = &device},
                          {.name = "decoding", .run = run_pass, .opaque = &decode},
                          {.name = "computing", .run = run_compute, .opaque = &work},
                          {.name = "computing twice on two threads", .run = run_two, .opaque = &work}};
    if (measure_run(s, 5, rounds) != 0)
        return -1;
    char note[80];
    snprintf(note, sizeof note, "limit of %" PRIu64 " bytes", limit);
    const char *name = limit ? "reading, decoding, computing, a limit of three chunks" : "reading, decoding, computing";
    measure_case c = {.bench = "overlap", .name = name, .note = limit ? note : NULL, .bound = 0.90, .aim = 0.95, .above = 1,
                      .compared = "max(reading, computing, (computing + decoding) / factor) / measured, wall time"};
    const measure_series *list[] = {&s[0], &s[1], &s[2], &s[3], &s[4]};
    double factors[MEASURE_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        double factor = 2 * s[3].seconds[i] / s[4].seconds[i], ideal = s[1].seconds[i];
        double cores = (s[3].seconds[i] + s[2].seconds[i]) / factor;
        ideal = s[3].seconds[i] > ideal ? s[3].seconds[i] : ideal;
        ideal = cores > ideal ? cores : ideal;
        factors[i] = factor;
        c.ratios[i] = ideal / s[0].seconds[i];
    }
    fprintf(stderr, "overlap: measured %.3f s; reading %.3f, decoding %.3f, computing %.3f, parallel factor %.2f\n",
            s[0].median, s[1].median, s[2].median, s[3].median, measure_median(factors, rounds));
    return measure_print(&c, list, 5, rounds) ? 0 : 1;
}

static int bench_one_core(overlap_bench *b, int cpu, int rounds)
{
    pass with = {.bench = b, .prefetch = 1, .read = 1, .compute = 1, .cpu = cpu}, without = with;
    without.prefetch = 0;
    measure_series s[] = {{.name = "prefetch", .run = run_pass, .opaque = &with},
                          {.name = "no prefetch", .run = run_pass, .opaque = &without}};
    measure_pin();
    int status = measure_run(s, 2, rounds);
    measure_unpin();
    if (status != 0)
        return -1;
    return measure_ratio("overlap", cpu ? "one core, CPU time" : "one core, wall time", "prefetch / no prefetch", &s[0], &s[1],
                         NULL, 1.03, 0, rounds)
               ? 0
               : 1;
}

int main(int argc, char **argv)
{
    overlap_bench b = {.columns = "nJet Jet_pt Jet_eta Jet_phi Jet_mass nMuon Muon_pt Muon_eta Muon_phi MET_pt"};
    b.ahead = 0; /* chosen */
    int rounds = 7, check = 0, bad = 0, status = 0;
    for (int i = 1; i < argc; i++) {
        int more = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && more)
            rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--columns") == 0 && more)
            b.columns = argv[++i];
        else if (strcmp(argv[i], "--ahead") == 0 && more)
            b.ahead = atoi(argv[++i]);
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else if (argv[i][0] != '-' && !b.path)
            b.path = argv[i];
        else
            bad = 1;
    }
    if (bad || !b.path || rounds < 1 || rounds > MEASURE_ROUNDS) {
        fprintf(stderr, "usage: overlap [--rounds N] [--columns LIST] [--ahead N] [--check] FILE.root\n");
        return 2;
    }
    if (look(&b) != 0 || calibrate(&b) != 0)
        return 1;
    for (int k = 0; k < 4 && status >= 0; k++) {
        uint64_t limit = k ? 3 * (b.largest + b.bytes / CHUNKS) + b.fixed : 0;
        int one = k < 2 ? bench_overlap(&b, limit, rounds) : bench_one_core(&b, k == 2, rounds);
        status = one < 0 ? -1 : status + one;
    }
    return status < 0 || (check && status > 0);
}
