/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c: the command line of vcol-ttbar. */
#include "options.h"

#include <string.h>

const char ttbar_usage[] =
    "usage: vcol-ttbar [options] FILE[:TREE]...\n"
    "\n"
    "Top quark pairs: two regions, their observables, and eleven variations, as CSV.\n"
    "\n"
    "options:\n"
    "  --mode MODE               access: columns come when asked for, and go when used\n"
    "                            preload: all are read first\n"
    "                            prefetch: a scope around each function, and the next chunk ahead (default)\n"
    "                            plan: steps; what was used last goes, what they make is put into the chunk\n"
    "  --chunk N|clusters|all    entries a chunk (k, M: thousands, millions), the file's clusters,\n"
    "                            or the whole file (100k)\n"
    "  --threads T               worker threads of prefetch and plan, which read ahead; 0 = as many as\n"
    "                            processors (0)\n"
    "  --jobs N                  chunks computed on at a time; 0 = chosen (1)\n"
    "  --memory-limit BYTES      limit of memory for columns (K, M, G: powers of 1,024), none, or auto (none)\n"
    "  --lookahead BYTES         read ahead at most, of what is not used yet (512M, or a third of the limit;\n"
    "                            plan without limit: 32M a job)\n"
    "  --plot FILE.svg           draw the histograms\n"
    "  --times                   print what each step's reading and computing took, on stderr\n"
    "  --help                    print this\n";

/* Digits, and one of the suffixes, the n-th of which multiplies by base^n; at most `most`. 0, or -1. */
static int number(const char *text, const char *suffixes, uint64_t base, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > most || value > (most - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    for (const char *s = suffixes, *found = *text ? strchr(suffixes, *text) : NULL; *text; s++) {
        if (!found || text[1] || value > most / base)
            return -1;
        value *= base;
        if (s == found)
            break;
    }
    *out = value;
    return 0;
}

static int number_int32(const char *text, int32_t *out)
{
    uint64_t value;
    if (number(text, "", 1, INT32_MAX, &value))
        return -1;
    *out = (int32_t)value;
    return 0;
}

/* "250k": thousands, millions. */
static int number_entries(const char *text, int64_t *out)
{
    uint64_t value;
    if (number(text, "kM", 1000, INT64_MAX, &value) || value == 0)
        return -1;
    *out = (int64_t)value;
    return 0;
}

/* "64M": powers of 1,024. */
static int number_bytes(const char *text, uint64_t *out)
{
    return number(text, "KMG", 1024, UINT64_MAX, out);
}

static int parse_mode(options *o, const char *value)
{
    static const char *const modes[] = {"access", "preload", "prefetch", "plan"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(value, modes[i]) == 0) {
            o->mode = (ttbar_mode)i;
            return 0;
        }
    return -1;
}

static int parse_value(options *o, const char *name, const char *value)
{
    if (strcmp(name, "--mode") == 0)
        return parse_mode(o, value);
    if (strcmp(name, "--threads") == 0)
        return number_int32(value, &o->threads);
    if (strcmp(name, "--jobs") == 0)
        return number_int32(value, &o->jobs);
    if (strcmp(name, "--plot") == 0) {
        o->plot = value;
        return *value ? 0 : -1;
    }
    if (strcmp(name, "--lookahead") == 0)
        return number_bytes(value, &o->lookahead);
    if (strcmp(name, "--memory-limit") == 0) {
        o->limit = strcmp(value, "auto") == 0 ? VCOL_LIMIT_AUTO : 0;
        return o->limit || strcmp(value, "none") == 0 ? 0 : number_bytes(value, &o->limit);
    }
    o->chunk = 0;
    o->chunking = strcmp(value, "clusters") == 0 ? VCOL_CHUNK_BY_CLUSTERS
                  : strcmp(value, "all") == 0    ? VCOL_CHUNK_BY_FILE
                                                 : VCOL_CHUNK_BY_ENTRIES;
    return o->chunking == VCOL_CHUNK_BY_ENTRIES && number_entries(value, &o->chunk) ? -1 : 0;
}

int ttbar_parse(options *o, int argc, char **argv)
{
    static const char *const names[] = {"--mode", "--chunk", "--threads", "--jobs", "--memory-limit", "--lookahead",
                                        "--plot"};
    *o = (options){.paths = (const char **)argv, .mode = MODE_PREFETCH, .jobs = 1};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i], *name = NULL, *value = NULL;
        if (argument[0] != '-') {
            o->paths[o->n_paths++] = argument;
            continue;
        }
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            o->help = 1;
            return 0;
        }
        if (strcmp(argument, "--times") == 0) {
            o->times = 1;
            continue;
        }
        for (size_t k = 0; k < sizeof names / sizeof *names && !name; k++) {
            size_t n = strlen(names[k]);
            if (strncmp(argument, names[k], n) != 0 || (argument[n] && argument[n] != '='))
                continue;
            name = names[k];
            value = argument[n] ? argument + n + 1 : i + 1 < argc ? argv[++i] : NULL;
        }
        if (!name) {
            fprintf(stderr, "vcol-ttbar: unknown option '%s'; see --help\n", argument);
            return -1;
        }
        if (!value || parse_value(o, name, value)) {
            fprintf(stderr, "vcol-ttbar: bad value '%s' for %s; see --help\n", value ? value : "", name);
            return -1;
        }
    }
    if (o->n_paths == 0)
        fputs(ttbar_usage, stderr);
    return o->n_paths ? 0 : -1;
}
