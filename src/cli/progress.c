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
        progress->start = cli_clock_wall();
}

void cli_progress_update(cli_progress *progress, int64_t done, int64_t total)
{
    double now;
    if (!progress->enabled)
        return;
    now = cli_clock_wall();
    if (now - progress->start < FIRST_AFTER || now - progress->shown < AGAIN_AFTER)
        return;
    progress->shown = now;
    progress->visible = 1;
    fprintf(stderr, "\r\033[K%s: %3.0f %%", progress->label,
            total > 0 ? 100.0 * (double)done / (double)total : 0.0);
    fflush(stderr);
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->visible = 0;
}
