/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * open: what does opening a data set cost beyond reading and unpacking its metadata?
 *
 * Question:   microseconds a branch or field for opening, beside reading and unpacking the tree's record and the streamer
 *             information, or the ntuple's header, footer and page lists.
 * Workload:   FILE, hot in the page cache: vcol_dataset_open and close of its table, many times; beside it open, the
 *             reads, the unpackings by plain calls of the codec's library, close.
 * Metric:     (vcol - baseline) / branches in microseconds of user + system CPU, one core, median of seven rounds.
 *             Stated beside it: bytes read, and what the open data set holds in memory.
 * Regression: above 3 us a branch on nano_dy.root, nano_tt_v15.root, nano_dy_rntuple.root or a file of split classes, or 10 % more
 *             than the last release.
 */
#include "measure.h"
#include "records.h"

#include <vcol/vcol.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PARTS = 64 };

typedef struct open_bench {
    const char *path;
    char name[1024]; /* path:table */
    vcol_manager *manager;
    int64_t branches;
    int times;
    int n_parts;
    record parts[MOST_PARTS]; /* the tree's record, the streamer information; or an ntuple's envelopes */
    uint64_t before, held; /* bytes of metadata in memory: without the data set, of it */
    records records;
    unpacker unpacker;
    uint8_t *stored;
} open_bench;

static uint64_t held(vcol_manager *m)
{
    vcol_stats s = {0};
    vcol_manager_stats(m, &s, sizeof s);
    return s.fixed;
}

static double opened(void *opaque)
{
    open_bench *b = opaque;
    const char *name = b->name;
    vcol_error err = {0};
    double start = measure_cpu();
    for (int i = 0; i < b->times && !err.status; i++) {
        vcol_dataset *d;
        vcol_dataset_open(b->manager, &name, 1, NULL, &d, &err);
        b->branches = err.status ? 0 : vcol_dataset_columns(d);
        if (!err.status && b->held == 0)
            b->held = held(b->manager) - b->before;
        vcol_dataset_close(d);
    }
    double seconds = measure_cpu() - start;
    if (err.status)
        fprintf(stderr, "open: %s\n", err.message);
    return err.status ? -1 : seconds;
}

static int read_part(open_bench *b, int fd, const record *r)
{
    off_t at = (off_t)(r->payload - b->records.bytes);
    if (pread(fd, b->stored, r->stored, at) != (ssize_t)r->stored)
        return -1;
    return unpacker_run(&b->unpacker, b->stored, r->stored, r->unpacked);
}

static double baseline(void *opaque)
{
    open_bench *b = opaque;
    int bad = 0;
    double start = measure_cpu();
    for (int i = 0; i < b->times && !bad; i++) {
        int fd = open(b->path, O_RDONLY | O_CLOEXEC);
        bad = fd < 0;
        for (int k = 0; k < b->n_parts && !bad; k++)
            bad = read_part(b, fd, &b->parts[k]) != 0;
        if (fd >= 0)
            close(fd);
    }
    return bad ? -1 : measure_cpu() - start;
}

static int bench(const char *path, const char *table, int rounds)
{
    open_bench b = {.path = path, .times = 20};
    vcol_error err = {0};
    vcol_manager_options mo;
    size_t largest = 0, stored = 0;
    int status = -1;
    if (records_open(path, &b.records) != 0)
        return -1;
    snprintf(b.name, sizeof b.name, "%s:%s", path, table);
    b.n_parts = records_ntuple(&b.records, table, b.parts, MOST_PARTS);
    if (b.n_parts < 0 && records_find(&b.records, "TTree", table, &b.parts[0]) == 0 &&
        records_at(&b.records, b.records.info, &b.parts[1]) == 0)
        b.n_parts = 2;
    if (b.n_parts < 0) {
        fprintf(stderr, "open: %s: no tree or ntuple '%s' in its top directory\n", path, table);
        goto done;
    }
    uint64_t read = 0, unpacked = 0;
    for (int i = 0; i < b.n_parts; i++) {
        read += b.parts[i].stored;
        unpacked += b.parts[i].unpacked;
        largest = b.parts[i].unpacked > largest ? b.parts[i].unpacked : largest;
        stored = b.parts[i].stored > stored ? b.parts[i].stored : stored;
    }
    b.stored = malloc(stored);
    vcol_manager_options_init(&mo, sizeof mo);
    mo.flags = VCOL_MANAGER_NO_BACKGROUND;
    if (!b.stored || unpacker_open(&b.unpacker, largest) != 0 || vcol_manager_open(&mo, &b.manager, &err) != VCOL_OK)
        goto done;
    b.before = held(b.manager);
    measure_series s[] = {{.name = "vcol", .run = opened, .opaque = &b},
                          {.name = "reading and unpacking the metadata", .run = baseline, .opaque = &b}};
    if (measure_run(s, 2, rounds) != 0)
        goto done;
    const char *slash = strrchr(path, '/');
    const measure_series *both[] = {&s[0], &s[1]};
    measure_case c = {.bench = "open", .name = slash ? slash + 1 : path, .unit = "us", .bound = 3,
                      .compared = "(vcol - reading and unpacking the metadata) / branches"};
    for (int i = 0; i < rounds; i++)
        c.ratios[i] = (s[0].seconds[i] - s[1].seconds[i]) / b.times / (double)b.branches * 1e6;
    fprintf(stderr, "open: %s: %" PRId64 " columns, vcol %.2f ms, metadata %.2f ms (%" PRIu64 " bytes read, %" PRIu64
            " unpacked); open it holds %" PRIu64 " bytes\n", path, b.branches, s[0].median / b.times * 1e3,
            s[1].median / b.times * 1e3, read, unpacked, b.held);
    status = !measure_print(&c, both, 2, rounds);
done:
    vcol_manager_close(b.manager);
    unpacker_close(&b.unpacker);
    records_close(&b.records);
    free(b.stored);
    return status;
}

int main(int argc, char **argv)
{
    int check = 0, rounds = 7, over = 0, files = 0;
    const char *table = "Events";
    measure_pin();
    for (int i = 1; i < argc; i++) {
        int more = i + 1 < argc, status = 0;
        if (strcmp(argv[i], "--rounds") == 0 && more)
            rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--table") == 0 && more)
            table = argv[++i];
        else if (strcmp(argv[i], "--check") == 0)
            check = 1;
        else if (argv[i][0] != '-' && rounds > 0 && rounds <= MEASURE_ROUNDS && ++files)
            status = bench(argv[i], table, rounds);
        else
            files = -argc;
        if (status < 0)
            return 1;
        over += status;
    }
    if (files <= 0) {
        fprintf(stderr, "usage: open [--rounds N] [--table NAME] [--check] FILE.root...\n");
        return 2;
    }
    return check && over ? 1 : 0;
}
