/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.c: one line on the terminal for what takes longer than a second, and the clocks. Nothing is
 * written unless stderr is a terminal; the line is wiped before anything else is printed.
 */
#include "cli.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER 1.0 /* seconds */
#define AGAIN_AFTER 0.2

double cli_clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double cli_clock_cpu(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec);
}

void cli_progress_begin(cli_progress *progress, const cli_options *options, const char *label)
{
    *progress = (cli_progress){.label = label};
    progress->enabled = !options->quiet && isatty(STDERR_FILENO);
    if (progress->enabled)
        vcol_progress_begin(&progress->done, 0, 0, cli_clock_wall());
}

/* "1:02:03", "2:03" */
static void print_clock(double seconds)
{
    long s = seconds < 3e8 ? (long)(seconds + 0.5) : 300000000;
    if (s >= 3600)
        fprintf(stderr, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        fprintf(stderr, "%ld:%02ld", s / 60, s % 60);
}

void cli_progress_report(const vcol_progress *done, void *progress_void)
{
    cli_progress *progress = progress_void;
    if (!progress->enabled || done->seconds < FIRST_AFTER || done->seconds - progress->shown < AGAIN_AFTER)
        return;
    progress->shown = done->seconds;
    progress->visible = 1;
    fprintf(stderr, "\r\033[K%s: %3.0f %%", progress->label,
            done->entries_total > 0 ? 100.0 * (double)done->entries / (double)done->entries_total : 0.0);
    if (done->bytes_rate > 0)
        fprintf(stderr, ", %.1f MB/s", done->bytes_rate / 1e6);
    if (done->remaining >= 0) {
        fprintf(stderr, ", ");
        print_clock(done->remaining);
        fprintf(stderr, " to go");
    }
    fflush(stderr);
}

void cli_progress_update(cli_progress *progress, int64_t done, int64_t total)
{
    if (!progress->enabled)
        return;
    progress->done.entries_total = total;
    vcol_progress_update(&progress->done, done, 0, cli_clock_wall());
    cli_progress_report(&progress->done, progress);
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->visible = 0;
}
