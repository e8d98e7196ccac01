/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory: what does it cost to live inside a limit, and does it hold?
 *
 * Question:   how much longer does the same work take with a limit of two chunks than without one; does the account, and the
 *             memory that the system counts, stay inside it?
 * Workload:   a chunk loop over FILE with prefetch, all columns (or --columns), each asked for and summed, all of a chunk's
 *             columns held until its end; chunks are the file's clusters, or --chunk entries. A limit of two chunks is twice what
 *             the largest chunk holds (its columns, and the blocks that reach into the next), and what was there before the first
 *             one (metadata). Each run is a process of its own, so that none begins with the memory of another. With --jobs N
 *             as a vcol_run of N compute threads, with a limit of N + 1 chunks.
 * Metric:     wall seconds, limit / no limit in the same round, median; the account's peak / the limit, the largest of all rounds;
 *             growth of resident memory (VmHWM at the end less VmRSS before the manager is opened) / the limit, the same. glibc's
 *             allocator, codec contexts and all.
 * Regression: time above 1.10 (aim 1.03); peak above 1, or a grant over the limit; growth above 1.15 (aim 1.05).
 */
#define _GNU_SOURCE
#include "measure.h"

#include <vcol/vcol.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct memory_bench {
    const char *path, *columns;
    int64_t chunk; /* entries; 0: the file's clusters, so that no block reaches into the next */
    int32_t threads, jobs;
    uint64_t limit;
} memory_bench;

/* What a run tells. */
typedef struct outcome {
    double seconds, sum;
    uint64_t peak, peak_live, limit, overcommits, growth, redecoded, largest, carried, before, reads, bytes_read, waits;
    int64_t chunks;
    int ok;
} outcome;

/* One way to run, and what came of its runs. */
typedef struct way {
    memory_bench *bench;
    uint64_t limit;
    int look; /* find out how large a chunk is */
    outcome last;
    double peak[MEASURE_ROUNDS], growth[MEASURE_ROUNDS]; /* / limit */
    int runs;
    uint64_t overcommits;
} way;

/* kB of a line of /proc/self/status, in bytes. */
static uint64_t status_bytes(const char *name)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), " %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}

/* Integers are added as such, so that the order of chunks does not matter for what is compared. */
static double sum_of(const vcol_view *v)
{
    size_t bytes = (size_t)v->count * vcol_type_width(v->type) / 8;
    const uint64_t *words = v->values;
    uint64_t sum = 0;
    if ((uintptr_t)words % 8)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        sum += words[i] ^ sum >> 7;
    return (double)(sum % 1000003);
}

static vcol_status use(vcol_dataset *d, const memory_bench *b, vcol_chunk *c, double *sum, vcol_error *err)
{
    int64_t n = 0, *ids = NULL;
    vcol_status status = vcol_dataset_match(d, b->columns, NULL, 0, &n, err);
    if (status == VCOL_OK) {
        ids = malloc((size_t)n * sizeof *ids + 1);
        status = ids ? vcol_dataset_match(d, b->columns, ids, n, &n, err) : VCOL_NOMEM;
    }
    for (int64_t i = 0; i < n && status == VCOL_OK; i++) {
        vcol_view view;
        status = vcol_chunk_get(c, ids[i], &view, err);
        if (status == VCOL_UNSUPPORTED && err)
            vcol_error_reset(err), status = VCOL_OK;
        else if (status == VCOL_OK)
            *sum += sum_of(&view);
    }
    free(ids);
    return status;
}

typedef struct running {
    memory_bench *bench;
    vcol_dataset *dataset;
} running;

static vcol_status run_open(void **state, void *opaque, vcol_error *err)
{
    (void)opaque;
    *state = calloc(1, sizeof(double));
    return *state ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "no memory");
}

static vcol_status run_chunk(vcol_chunk *c, void *state, void *opaque, vcol_error *err)
{
    running *r = opaque;
    return use(r->dataset, r->bench, c, state, err);
}

static vcol_status run_merge(void *total, void *state, void *opaque, vcol_error *err)
{
    (void)opaque, (void)err;
    *(double *)total += *(double *)state;
    return VCOL_OK;
}

static void run_close(void *state, void *opaque)
{
    (void)opaque;
    free(state);
}

static vcol_status work(vcol_manager *m, vcol_dataset *d, way *w, outcome *o, vcol_error *err)
{
    memory_bench *b = w->bench;
    vcol_status status;
    if (b->jobs > 1 && !w->look) {
        vcol_run_options ro;
        vcol_job j;
        vcol_run_stats stats;
        running r = {b, d};
        vcol_run_options_init(&ro, sizeof ro);
        vcol_job_init(&j, sizeof j);
        j = (vcol_job){.struct_size = sizeof j, .open = run_open, .chunk = run_chunk, .merge = run_merge, .close = run_close, .opaque = &r};
        ro.jobs = b->jobs;
        ro.entries = b->chunk;
        ro.chunking = b->chunk ? VCOL_CHUNK_BY_ENTRIES : VCOL_CHUNK_BY_CLUSTERS;
        ro.columns = b->columns;
        status = vcol_run(d, &ro, &j, &o->sum, &stats, err);
        o->chunks = stats.chunks;
        return status;
    }
    vcol_loop_options lo;
    vcol_loop *l;
    vcol_chunk *c;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = b->chunk;
    lo.chunking = b->chunk ? VCOL_CHUNK_BY_ENTRIES : VCOL_CHUNK_BY_CLUSTERS;
    lo.columns = b->columns;
    lo.flags = w->look ? VCOL_LOOP_NO_PREFETCH : 0;
    status = vcol_loop_open(d, &lo, &l, err);
    while (status == VCOL_OK && (status = vcol_loop_next(l, &c, err)) == VCOL_OK) {
        double sum = 0; /* of the chunk first, as a run does */
        status = use(d, b, c, &sum, err);
        o->sum += sum;
        o->chunks++;
        if (w->look) {
            vcol_stats s;
            vcol_manager_stats(m, &s, sizeof s);
            uint64_t live = s.live - s.stored_kept; /* those are there only while nothing else wants the memory */
            vcol_chunk_clear(c, "*");
            vcol_manager_stats(m, &s, sizeof s);
            if (live > o->largest) {
                o->largest = live;
                o->carried = s.live - s.stored_kept;
            }
        }
    }
    vcol_loop_close(l);
    return status == VCOL_END ? VCOL_OK : status;
}

static outcome run_here(way *w)
{
    memory_bench *b = w->bench;
    outcome o = {0};
    vcol_error err = {0};
    vcol_manager *m = NULL;
    vcol_dataset *d = NULL;
    vcol_manager_options mo;
    vcol_stats s;
    uint64_t before = status_bytes("VmRSS:");
    vcol_manager_options_init(&mo, sizeof mo);
    mo.limit = w->limit;
    mo.threads = b->threads;
    mo.flags = w->look ? VCOL_MANAGER_NO_BACKGROUND : 0;
    double start = measure_wall();
    vcol_status status = vcol_manager_open(&mo, &m, &err);
    if (status == VCOL_OK)
        status = vcol_dataset_open(m, &b->path, 1, NULL, &d, &err);
    if (status == VCOL_OK) {
        vcol_manager_stats(m, &s, sizeof s);
        o.before = s.fixed;
        status = work(m, d, w, &o, &err);
    }
    o.seconds = measure_wall() - start;
    if (m) {
        vcol_manager_stats(m, &s, sizeof s);
        o.peak = s.peak;
        o.peak_live = s.peak_live;
        o.limit = s.limit;
        o.overcommits = s.overcommits;
        o.redecoded = s.blocks_redecoded;
        o.reads = s.reads;
        o.bytes_read = s.bytes_read;
        o.waits = s.memory_waits;
    }
    uint64_t most = status_bytes("VmHWM:");
    o.growth = most > before ? most - before : 0;
    vcol_dataset_close(d);
    vcol_manager_close(m);
    if (status != VCOL_OK)
        fprintf(stderr, "memory: %s\n", err.message);
    o.ok = status == VCOL_OK;
    return o;
}

/* In a process of its own. */
static double run_apart(void *opaque)
{
    way *w = opaque;
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        outcome o = run_here(w);
        _exit(write(ends[1], &o, sizeof o) == (ssize_t)sizeof o ? 0 : 1);
    }
    close(ends[1]);
    ssize_t n = child > 0 ? read(ends[0], &w->last, sizeof w->last) : -1;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (n != (ssize_t)sizeof w->last || !w->last.ok)
        return -1;
    if (w->limit && w->runs < MEASURE_ROUNDS) {
        w->peak[w->runs] = (double)w->last.peak / (double)w->limit;
        w->growth[w->runs++] = (double)w->last.growth / (double)w->limit;
        w->overcommits += w->last.overcommits;
    }
    return w->last.seconds;
}

static double largest(const double *values, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

int main(int argc, char **argv)
{
    memory_bench b = {.columns = "*", .jobs = 1};
    int rounds = 7, check = 0, bad = 0;
    double chunks = 0;
    for (int i = 1; i < argc; i++) {
        int more = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && more)
            rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--columns") == 0 && more)
            b.columns = argv[++i];
        else if (strcmp(argv[i], "--chunk") == 0 && more)
            b.chunk = atoll(argv[++i]);
        else if (strcmp(argv[i], "--chunks") == 0 && more)
            chunks = atof(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && more)
            b.threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--jobs") == 0 && more)
            b.jobs = atoi(argv[++i]);
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else if (argv[i][0] != '-' && !b.path)
            b.path = argv[i];
        else
            bad = 1;
    }
    if (bad || !b.path || rounds < 1 || rounds >= MEASURE_ROUNDS || b.chunk < 0 || b.jobs < 1) {
        fprintf(stderr, "usage: memory [--rounds N] [--columns LIST] [--chunk N] [--chunks N] [--threads N] [--jobs N] [--check] "
                        "FILE.root\n");
        return 2;
    }
    if (chunks <= 0)
        chunks = b.jobs + 1;
    way look = {.bench = &b, .look = 1}, free_way = {.bench = &b}, limited = {.bench = &b};
    if (run_apart(&look) < 0)
        return 1;
    limited.limit = (uint64_t)(chunks * (double)look.last.largest) + look.last.before;
    measure_series s[] = {{.name = "limit", .run = run_apart, .opaque = &limited},
                          {.name = "no limit", .run = run_apart, .opaque = &free_way}};
    if (measure_run(s, 2, rounds) != 0)
        return 1;
    if (limited.last.sum != free_way.last.sum || limited.last.sum != look.last.sum) {
        fprintf(stderr, "memory: not the same values: %.17g with a limit, %.17g without\n", limited.last.sum, free_way.last.sum);
        return 1;
    }
    fprintf(stderr,
            "memory: %" PRId64 " chunks, %.1f MB at most (%.1f MB of it blocks that reach beyond); limit %.1f MB. Without: peak %.1f MB (%.1f live), growth %.1f. With: "
            "peak %.1f (%.1f live), growth %.1f, %" PRIu64 " blocks unpacked again, %.1f MB read (%.1f), %" PRIu64 " waits for memory, %" PRIu64
            " overcommits\n",
            look.last.chunks, (double)look.last.largest / 1e6, (double)look.last.carried / 1e6, (double)limited.limit / 1e6, (double)free_way.last.peak / 1e6, (double)free_way.last.peak_live / 1e6,
            (double)free_way.last.growth / 1e6, (double)limited.last.peak / 1e6, (double)limited.last.peak_live / 1e6, (double)limited.last.growth / 1e6,
            limited.last.redecoded, (double)limited.last.bytes_read / 1e6, (double)free_way.last.bytes_read / 1e6, limited.last.waits,
            limited.overcommits);
    const measure_series *list[] = {&s[0], &s[1]};
    char note[64];
    snprintf(note, sizeof note, "limit of %g chunks, %" PRIu64 " bytes", chunks, limited.limit);
    measure_case time = {.bench = "memory", .name = "time", .compared = "limit / no limit, wall time", .note = note, .bound = 1.10, .aim = 1.03};
    measure_case peak = {.bench = "memory", .name = "account", .compared = "peak of the account / limit, the largest of all runs", .note = note,
                         .bound = limited.overcommits ? 1e-9 : 1.0};
    measure_case growth = {.bench = "memory", .name = "resident memory", .compared = "growth / limit, the largest of all runs", .note = note,
                           .bound = 1.15, .aim = 1.05};
    for (int i = 0; i < rounds; i++) {
        time.ratios[i] = s[0].seconds[i] / s[1].seconds[i];
        peak.ratios[i] = largest(limited.peak, limited.runs);
        growth.ratios[i] = largest(limited.growth, limited.runs);
    }
    int kept = measure_print(&time, list, 2, rounds) & measure_print(&peak, list, 2, rounds) & measure_print(&growth, list, 2, rounds);
    return check && !kept;
}
