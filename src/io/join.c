/* SPDX-License-Identifier: BSD-3-Clause */
/* A source of several others, each at a base of its own, with room between that is larger than any gap that is read over. */
#include "io/source.h"

#include <vcol/reader.h>

#include <stdlib.h>
#include <string.h>

#define ROOM ((uint64_t)1 << 44)
#define MOST ((uint64_t)1 << 62)

struct join {
    int32_t n;
    struct {
        vcol_source *source; /* referenced */
        uint64_t base;
    } part[];
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a; /* 0: no opinion */
}

static vcol_status limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    const struct join *j = self;
    uint32_t all = VCOL_SOURCE_FAST | VCOL_SOURCE_SERIAL, any = 0;
    (void)err;
    *out = (vcol_source_limits){0};
    for (int32_t i = 0; i < j->n; i++) {
        const vcol_source_limits *l = vcol_source_get_limits(j->part[i].source);
        out->size = j->part[i].base + l->size;
        out->requests = (int32_t)smaller((uint64_t)out->requests, (uint64_t)l->requests);
        out->gap = smaller(out->gap, l->gap);
        out->read_size = smaller(out->read_size, l->read_size);
        all &= l->flags;
        any |= l->flags & VCOL_SOURCE_SLOW;
    }
    out->flags = any ? any | (all & VCOL_SOURCE_SERIAL) : all;
    return VCOL_OK;
}

static int32_t part_of(const struct join *j, uint64_t offset)
{
    int32_t k = j->n - 1;
    while (k > 0 && j->part[k].base > offset)
        k--;
    return k;
}

/* Ranges that follow on each other in one part are read in one call. */
static vcol_status read_ranges(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    const struct join *j = self;
    vcol_range *own = malloc((size_t)n * sizeof *own + 1);
    vcol_status status = own ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "no memory to read");
    for (int32_t i = 0, end; i < n && status == VCOL_OK; i = end) {
        int32_t k = part_of(j, ranges[i].offset);
        vcol_error why = {0};
        for (end = i; end < n && part_of(j, ranges[end].offset) == k; end++) {
            own[end] = ranges[end];
            own[end].offset -= j->part[k].base;
        }
        status = vcol_source_read(j->part[k].source, own + i, end - i, &why);
        if (status != VCOL_OK && err && !err->status) {
            vcol_error_format(err, status, "%s%s%s", k ? vcol_source_name(j->part[k].source) : "", k ? ": " : "", why.message);
            err->os_errno = why.os_errno;
        }
    }
    free(own);
    return status;
}

/* All parts' together; nothing where one has none. */
static void identity(void *self, char *out, size_t size)
{
    const struct join *j = self;
    size_t used = 0;
    for (int32_t i = 0; i < j->n; i++) {
        char *to = out + used + (i > 0);
        if (used + 2 >= size)
            break;
        vcol_source_identity(j->part[i].source, to, size - used - (i > 0));
        if (!*to) {
            *out = 0;
            return;
        }
        if (i)
            out[used] = '+';
        used += strlen(out + used);
    }
}

static void close_join(void *self)
{
    struct join *j = self;
    for (int32_t i = 0; i < j->n; i++)
        vcol_source_release(j->part[i].source);
    free(j);
}

vcol_status vcol__source_join(vcol_source *const *parts, int32_t n, uint64_t *bases, vcol_source **out, vcol_error *err)
{
    static const vcol_source_ops ops = {
        .struct_size = sizeof ops,
        .limits = limits,
        .read = read_ranges,
        .identity = identity,
        .close = close_join,
    };
    struct join *j = malloc(sizeof *j + (size_t)n * sizeof *j->part);
    vcol_status status = j ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "no memory for a source");
    uint64_t base = 0;
    *out = NULL;
    for (int32_t i = 0; i < n && status == VCOL_OK; i++) {
        uint64_t size = vcol_source_get_limits(parts[i])->size;
        if (size > MOST || base > MOST - size)
            status = vcol_error_set(err, VCOL_RANGE, "the files are too large to be read together");
        j->part[i].source = parts[i];
        j->part[i].base = bases[i] = base;
        base = (base + size + ROOM) & ~(ROOM - 1);
    }
    if (status == VCOL_OK) {
        j->n = n;
        status = vcol_source_create(&ops, j, vcol_source_name(parts[0]), out, err);
    }
    if (status != VCOL_OK) {
        free(j);
        return status;
    }
    for (int32_t i = 0; i < n; i++)
        vcol_source_acquire(parts[i]);
    return VCOL_OK;
}
