/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzz target without a fuzzer: over its seeds, and over the files and folders that are named.
 *
 *     fuzz_NAME [FILE|FOLDER...]
 *     fuzz_NAME --seeds FOLDER      writes the seeds into it
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int runs;

/* On memory of exactly that size, so that a sanitizer sees what is read behind it. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *exact = calloc(n ? n : 1, 1);
    FUZZ_RULE(exact);
    if (n)
        memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    runs++;
}

static int run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    made bytes = {0};
    uint8_t part[4096];
    size_t n;
    if (!in) {
        perror(path);
        return 1;
    }
    while ((n = fread(part, 1, sizeof part, in)) > 0)
        made_bytes(&bytes, part, n);
    fclose(in);
    run(bytes.data, bytes.n);
    made_free(&bytes);
    return 0;
}

static int run_path(const char *path)
{
    struct dirent **list;
    struct stat info;
    int n, failed = 0;
    if (stat(path, &info) || !S_ISDIR(info.st_mode))
        return run_file(path);
    n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            failed |= run_path(name);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return failed || n < 0;
}

static int write_seeds(const char *folder)
{
    for (int i = 0;; i++) {
        made bytes = {0};
        char path[4096];
        FILE *out;
        if (!fuzz_seed(i, &bytes))
            return 0;
        snprintf(path, sizeof path, "%s/seed-%02d", folder, i);
        out = fopen(path, "wb");
        if (!out || fwrite(bytes.data, 1, bytes.n, out) != bytes.n || fclose(out)) {
            perror(path);
            return 1;
        }
        made_free(&bytes);
    }
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc == 3 && !strcmp(argv[1], "--seeds"))
        return write_seeds(argv[2]);
    run(NULL, 0);
    for (int i = 0;; i++) {
        made bytes = {0};
        int more = fuzz_seed(i, &bytes);
        if (more)
            run(bytes.data, bytes.n);
        made_free(&bytes);
        if (!more)
            break;
    }
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i]);
    printf("%d inputs\n", runs);
    return failed;
}
