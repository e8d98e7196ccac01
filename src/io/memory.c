/* SPDX-License-Identifier: BSD-3-Clause */
/* The source of bytes in memory, which stay the caller's. */
#include <vcol/reader.h>
#include <vcol/source.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    const char *data;
    size_t size;
};

static vcol_status limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    (void)err;
    out->size = ((struct memory *)self)->size;
    out->flags = VCOL_SOURCE_FAST | VCOL_SOURCE_SERIAL;
    return VCOL_OK;
}

static vcol_status read_ranges(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    struct memory *m = self;
    (void)err;
    for (int32_t i = 0; i < n; i++)
        if (ranges[i].size)
            memcpy(ranges[i].data, m->data + ranges[i].offset, ranges[i].size);
    return VCOL_OK;
}

/* Of the content, as nothing else tells whether it changed: one pass over all bytes. */
static void identity(void *self, char *out, size_t size)
{
    struct memory *m = self;
    snprintf(out, size, "memory %zu %016llx", m->size, (unsigned long long)vcol_hash_xxh64(m->data, m->size));
}

static const vcol_source_ops ops = {
    .struct_size = sizeof ops,
    .limits = limits,
    .read = read_ranges,
    .identity = identity,
    .close = free,
};

vcol_status vcol_source_open_memory(const void *data, size_t size, const char *name, vcol_source **out,
                                    vcol_error *err)
{
    vcol_status status = err ? (vcol_status)err->status : VCOL_OK;
    *out = NULL;
    if (status)
        return status;
    if (!data && size)
        return vcol_error_set(err, VCOL_MISUSE, "a source in memory needs its bytes");
    struct memory *m = malloc(sizeof *m);
    if (!m)
        return vcol_error_set(err, VCOL_NOMEM, "no memory for a source");
    m->data = data ? data : "";
    m->size = size;
    status = vcol_source_create(&ops, m, name, out, err);
    if (status)
        free(m);
    return status;
}
