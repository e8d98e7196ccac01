/* SPDX-License-Identifier: BSD-3-Clause */
/* Status codes, the error object and value types: vcol/base.h, and vcol_error_format of vcol/reader.h. */
#include <vcol/reader.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *vcol_version(void)
{
    return "0.1.0";
}

const char *vcol_status_name(vcol_status status)
{
    static const char *const names[] = {
        "VCOL_OK",          "VCOL_NOT_FOUND", "VCOL_END",   "VCOL_CANCELLED", "VCOL_LIMIT",
        "VCOL_IO",          "VCOL_CORRUPT",   "VCOL_UNSUPPORTED", "VCOL_NOMEM", "VCOL_MISUSE",
        "VCOL_RANGE",       "VCOL_TYPE",      "VCOL_CYCLE", "VCOL_CALLBACK",
    };
    int i = -(int)status;
    return i >= 0 && i < (int)(sizeof names / sizeof *names) ? names[i] : "VCOL_?";
}

void vcol_error_reset(vcol_error *err)
{
    if (err) {
        err->status = VCOL_OK;
        err->os_errno = 0;
        err->message[0] = 0;
    }
}

/* A message is one line for people: names and texts out of files may hold anything. */
static void tidy(char *message)
{
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

vcol_status vcol_error_set(vcol_error *err, vcol_status status, const char *message)
{
    if (err && err->status == VCOL_OK && status != VCOL_OK) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "%s", message ? message : vcol_status_name(status));
        tidy(err->message);
    }
    return status;
}

vcol_status vcol_error_format(vcol_error *err, vcol_status status, const char *format, ...)
{
    if (err && err->status == VCOL_OK && status != VCOL_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        tidy(err->message);
        err->status = status;
    }
    return status;
}

static const struct {
    const char *name;
    size_t width;
} types[VCOL_TYPE_COUNT] = {
    {"none", 0},  {"bool", 1},   {"int8", 1},  {"uint8", 1},  {"int16", 2},   {"uint16", 2},  {"int32", 4},
    {"uint32", 4}, {"int64", 8}, {"uint64", 8}, {"float32", 4}, {"float64", 8}, {"string", 1},
    {"empty record", 0}, {"unknown", 0},
};

size_t vcol_type_width(vcol_type type)
{
    return (unsigned)type < VCOL_TYPE_COUNT ? types[type].width : 0;
}

const char *vcol_type_name(vcol_type type)
{
    return (unsigned)type < VCOL_TYPE_COUNT ? types[type].name : "?";
}
