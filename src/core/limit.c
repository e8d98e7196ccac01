/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory there is for this process: /proc/meminfo (MemTotal), and the control groups.
 *
 * FORMAT /proc/self/cgroup: a line a hierarchy, "number:controllers:path"; version 2 is the one of number 0 without
 * controllers. /proc/self/mountinfo: "id parent major:minor root mountpoint options … - type source options"; root is the group
 * that is seen at the mount point. A group's limit: memory.max and memory.high (2; "max" = none), memory.limit_in_bytes (1; none
 * is a number larger than any machine). A group is held by the limits of all groups above it, too; those that are not mounted
 * here (in a container, those above its own) cannot be seen.
 * source: man 7 cgroups, man 5 proc; linux Documentation/admin-guide/cgroup-v2.rst "Memory", cgroup-v1/memory.rst.
 */
#include "core/limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_below(const char *root, const char *path)
{
    char whole[2 * PATH_MAX];
    int n = snprintf(whole, sizeof whole, "%s%s", root, path);
    return n > 0 && (size_t)n < sizeof whole ? fopen(whole, "re") : NULL;
}

/* *least becomes the number in the file, if there is one that is smaller. */
static void take_number(const char *root, const char *group, const char *file, uint64_t *least)
{
    char path[2 * PATH_MAX], text[64], *end;
    int n = snprintf(path, sizeof path, "%s/%s", group, file);
    FILE *f = n > 0 && (size_t)n < sizeof path ? open_below(root, path) : NULL;
    if (!f)
        return;
    if (fgets(text, sizeof text, f) && text[0] >= '0' && text[0] <= '9') {
        unsigned long long value = strtoull(text, &end, 10);
        if (end != text && value < *least)
            *least = value;
    }
    fclose(f);
}

/* The group at mount point + path, and those above it up to the mount point. */
static void take_groups(const char *root, const char *mount, const char *path, bool second, uint64_t *least)
{
    char group[2 * PATH_MAX];
    int n = snprintf(group, sizeof group, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    size_t above = strlen(mount);
    if (n < 0 || (size_t)n >= sizeof group)
        return;
    for (;;) {
        if (second) {
            take_number(root, group, "memory.max", least);
            take_number(root, group, "memory.high", least);
        } else {
            take_number(root, group, "memory.limit_in_bytes", least);
        }
        char *slash = strrchr(group + above, '/');
        if (!slash)
            break;
        *slash = 0;
    }
}

/* The process's path in the hierarchy that has the memory controller; false: there is none. */
static bool own_path(const char *root, bool second, char path[PATH_MAX])
{
    char line[PATH_MAX + 256];
    bool found = false;
    FILE *f = open_below(root, "/proc/self/cgroup");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *at = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!at)
            continue;
        *at++ = 0;
        controllers++;
        bool match = second ? !*controllers : false;
        for (char *rest = NULL, *c = strtok_r(controllers, ",", &rest); c && !second; c = strtok_r(NULL, ",", &rest))
            match = match || strcmp(c, "memory") == 0;
        if (match && strlen(at) < PATH_MAX && at[0] == '/') {
            strcpy(path, at);
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
        if ((at == list || at[-1] == ',') && (at[n] == 0 || at[n] == ',' || at[n] == '\n'))
            return true;
    return false;
}

static void take_mounts(const char *root, uint64_t *least)
{
    char line[4 * PATH_MAX], seen[PATH_MAX], mount[PATH_MAX], type[64], options[PATH_MAX], path[PATH_MAX];
    FILE *f = open_below(root, "/proc/self/mountinfo");
    while (f && fgets(line, sizeof line, f)) {
        char *tail = strstr(line, " - ");
        if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", seen, mount) != 2 ||
            sscanf(tail + 3, "%63s %*s %4095s", type, options) != 2)
            continue;
        bool second = strcmp(type, "cgroup2") == 0;
        if ((!second && (strcmp(type, "cgroup") != 0 || !has_word(options, "memory"))) || !own_path(root, second, path))
            continue;
        /* The path counts from the hierarchy's root; what is mounted is the part at `seen` of it. */
        size_t n = strcmp(seen, "/") == 0 ? 0 : strlen(seen);
        bool below = strncmp(path, seen, n) == 0 && (path[n] == '/' || path[n] == 0);
        take_groups(root, mount, below && path[n] ? path + n : "/", second, least);
    }
    if (f)
        fclose(f);
}

uint64_t vcol__limit_there(const char *root)
{
    uint64_t least = UINT64_MAX;
    char line[256];
    unsigned long long kib;
    FILE *f = open_below(root, "/proc/meminfo");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemTotal: %llu kB", &kib) == 1 && kib < UINT64_MAX / 1024)
            least = (uint64_t)kib * 1024;
    if (f)
        fclose(f);
    take_mounts(root, &least);
    return least == UINT64_MAX ? 0 : least;
}

uint64_t vcol__limit_auto(const char *root)
{
    uint64_t there = vcol__limit_there(root);
    return there - there / 8;
}
