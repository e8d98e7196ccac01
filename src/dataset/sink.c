/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataset/sink.h"

#include <stdlib.h>
#include <string.h>

vcol_status vcol_sink_write(vcol_sink *sink, const void *data, size_t size, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!sink || (!data && size))
        return vcol_error_set(err, VCOL_MISUSE, "vcol_sink_write: a sink and bytes are needed");
    if (size > SIZE_MAX / 4 || sink->size > SIZE_MAX / 4)
        return vcol_error_set(err, VCOL_NOMEM, "a state is too large");
    if (sink->size + size > sink->capacity) {
        size_t capacity = sink->capacity ? 2 * sink->capacity : 256;
        capacity = capacity < sink->size + size ? sink->size + size : capacity;
        unsigned char *more = realloc(sink->data, capacity);
        if (!more)
            return vcol_error_set(err, VCOL_NOMEM, "no memory for a state's bytes");
        sink->data = more;
        sink->capacity = capacity;
    }
    if (size)
        memcpy(sink->data + sink->size, data, size);
    sink->size += size;
    return VCOL_OK;
}

vcol_status vcol_sink_open(vcol_sink **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!out)
        return vcol_error_set(err, VCOL_MISUSE, "vcol_sink_open: no place for the sink");
    *out = calloc(1, sizeof **out);
    return *out ? VCOL_OK : vcol_error_set(err, VCOL_NOMEM, "no memory for a sink");
}

const void *vcol_sink_data(const vcol_sink *sink, size_t *size)
{
    *size = sink->size;
    return sink->data ? (const void *)sink->data : "";
}

void vcol_sink_close(vcol_sink *sink)
{
    if (sink)
        free(sink->data);
    free(sink);
}
