/* SPDX-License-Identifier: BSD-3-Clause */
/* measure.h */
#define _GNU_SOURCE
#include "measure.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static cpu_set_t allowed;
static int allowed_known;

double measure_cpu(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec);
}

double measure_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int measure_pin(void)
{
    cpu_set_t one;
    int last = -1;
    if (!allowed_known) {
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            return -1;
        allowed_known = 1;
    }
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed))
            last = i;
    CPU_ZERO(&one);
    if (last >= 0)
        CPU_SET(last, &one);
    return last >= 0 && sched_setaffinity(0, sizeof one, &one) == 0 ? last : -1;
}

void measure_unpin(void)
{
    if (allowed_known)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double measure_median(const double *values, int n)
{
    double sorted[MEASURE_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

int measure_run(measure_series *series, int n, int rounds)
{
    for (int round = -1; round < rounds; round++) { /* the first warms up */
        for (int i = 0; i < n; i++) {
            double seconds = series[i].run(series[i].opaque);
            if (seconds < 0)
                return -1;
            if (round >= 0)
                series[i].seconds[round] = seconds;
        }
    }
    for (int i = 0; i < n; i++)
        series[i].median = measure_median(series[i].seconds, rounds);
    return 0;
}

typedef struct second {
    double (*run)(void *opaque);
    void *opaque;
    double seconds;
} second;

static void *run_second(void *opaque)
{
    second *s = opaque;
    s->seconds = s->run(s->opaque);
    return NULL;
}

double measure_twice(double (*run)(void *opaque), void *opaque)
{
    second other = {run, opaque, -1};
    pthread_t thread;
    double start = measure_wall();
    if (pthread_create(&thread, NULL, run_second, &other) != 0)
        return -1;
    double own = run(opaque);
    pthread_join(thread, NULL);
    return own < 0 || other.seconds < 0 ? -1 : measure_wall() - start;
}

static void print_number(const char *name, double value)
{
    if (value > 0)
        printf("\"%s\":%g,", name, value);
    else
        printf("\"%s\":null,", name);
}

int measure_print(const measure_case *c, const measure_series *const *series, int n, int rounds)
{
    double ratio = measure_median(c->ratios, rounds);
    int kept = c->bound <= 0 || (c->above ? ratio >= c->bound : ratio <= c->bound);
    printf("{\"bench\":\"%s\",\"case\":\"%s\",\"compared\":\"%s\",\"ratio\":%.4f,", c->bench, c->name, c->compared, ratio);
    print_number("bound", c->bound);
    print_number("aim", c->aim);
    printf("\"better\":\"%s\",\"kept\":%s,", c->above ? "higher" : "lower",
           c->bound <= 0 ? "null" : kept ? "true" : "false");
    if (c->unit)
        printf("\"unit\":\"%s\",", c->unit);
    if (c->note)
        printf("\"note\":\"%s\",", c->note);
    printf("\"seconds\":{");
    for (int i = 0; i < n; i++) {
        printf("%s\"%s\":[", i ? "," : "", series[i]->name);
        for (int k = 0; k < rounds; k++)
            printf("%s%.6f", k ? "," : "", series[i]->seconds[k]);
        printf("]");
    }
    printf("}}\n");
    fflush(stdout);
    return kept;
}

int measure_ratio(const char *bench, const char *name, const char *compared, const measure_series *a,
                  const measure_series *b, const measure_series *c, double bound, double aim, int rounds)
{
    measure_case result = {.bench = bench, .name = name, .compared = compared, .bound = bound, .aim = aim};
    const measure_series *all[3] = {a, b, c};
    for (int i = 0; i < rounds; i++)
        result.ratios[i] = a->seconds[i] / (b->seconds[i] + (c ? c->seconds[i] : 0));
    return measure_print(&result, all, c ? 3 : 2, rounds);
}
