/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * print.c: texts that grow, and values as JSON, CSV and for people. Nothing here knows a file.
 *
 * Invariant: a text that could not grow holds what it held, `failed` is set, and the flush says so.
 */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void cli_text_free(cli_text *text)
{
    free(text->data);
    *text = (cli_text){0};
}

/* Makes room for `size` bytes more and a NUL. */
static int grow(cli_text *text, size_t size)
{
    size_t wanted, capacity;
    char *data;
    if (text->failed)
        return -1;
    if (__builtin_add_overflow(text->size, size, &wanted) || wanted > SIZE_MAX / 2 - 1) {
        text->failed = 1;
        return -1;
    }
    if (wanted + 1 <= text->capacity)
        return 0;
    capacity = text->capacity ? text->capacity : 256;
    while (capacity < wanted + 1)
        capacity *= 2;
    data = realloc(text->data, capacity);
    if (!data) {
        text->failed = 1;
        return -1;
    }
    text->data = data;
    text->capacity = capacity;
    return 0;
}

void cli_text_add(cli_text *text, const char *data, size_t size)
{
    if (grow(text, size))
        return;
    if (size)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void cli_text_puts(cli_text *text, const char *string)
{
    cli_text_add(text, string, strlen(string));
}

void cli_text_format(cli_text *text, const char *format, ...)
{
    va_list args;
    int n;
    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || grow(text, (size_t)n))
        return;
    va_start(args, format);
    vsnprintf(text->data + text->size, (size_t)n + 1, format, args);
    va_end(args);
    text->size += (size_t)n;
}

void cli_text_plain(cli_text *text, const char *string)
{
    size_t from = text->size;
    cli_text_puts(text, string);
    for (size_t i = from; i < text->size; i++)
        if ((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7f)
            text->data[i] = '?';
}

void cli_line_print(FILE *out, const char *before, const char *string)
{
    fputs(before, out);
    for (; *string; string++)
        putc((unsigned char)*string < 0x20 || *string == 0x7f ? '?' : *string, out);
    putc('\n', out);
}

/* Bytes of the UTF-8 sequence at s, 0 if it is none (overlong and surrogates are none). */
static size_t utf8(const unsigned char *s, size_t left)
{
    size_t n;
    uint32_t code, least;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2, code = s[0] & 0x1fu, least = 0x80;
    else if ((s[0] & 0xf0) == 0xe0)
        n = 3, code = s[0] & 0x0fu, least = 0x800;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4, code = s[0] & 0x07u, least = 0x10000;
    else
        return 0;
    if (left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    return code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : n;
}

void cli_text_json(cli_text *text, const char *string, size_t size)
{
    const unsigned char *s = (const unsigned char *)string;
    cli_text_add(text, "\"", 1);
    for (size_t i = 0; i < size;) {
        size_t n = utf8(s + i, size - i);
        if (n == 0) {
            cli_text_puts(text, "\xef\xbf\xbd");
            n = 1;
        } else if (s[i] == '"' || s[i] == '\\') {
            cli_text_format(text, "\\%c", s[i]);
        } else if (s[i] == '\n') {
            cli_text_puts(text, "\\n");
        } else if (s[i] == '\t') {
            cli_text_puts(text, "\\t");
        } else if (s[i] == '\r') {
            cli_text_puts(text, "\\r");
        } else if (s[i] < 0x20 || s[i] == 0x7f) {
            cli_text_format(text, "\\u%04x", s[i]);
        } else {
            cli_text_add(text, string + i, n);
        }
        i += n;
    }
    cli_text_add(text, "\"", 1);
}

void cli_text_json_string(cli_text *text, const char *string)
{
    if (string)
        cli_text_json(text, string, strlen(string));
    else
        cli_text_puts(text, "null");
}

void cli_text_csv(cli_text *text, const char *data, size_t size)
{
    int quote = size == 0; /* an empty string is not a missing value */
    for (size_t i = 0; i < size && !quote; i++)
        quote = data[i] == ',' || data[i] == '"' || data[i] == '\n' || data[i] == '\r';
    if (!quote) {
        cli_text_add(text, data, size);
        return;
    }
    cli_text_add(text, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '"')
            cli_text_add(text, "\"", 1);
        cli_text_add(text, data + i, 1);
    }
    cli_text_add(text, "\"", 1);
}

static void not_finite(cli_text *text, double value)
{
    cli_text_puts(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

/* %g drops trailing zeros, so the first precision that reads back right gives the shortest digits. */
void cli_text_float(cli_text *text, float value)
{
    char digits[32];
    if (!isfinite(value)) {
        not_finite(text, (double)value);
        return;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    cli_text_puts(text, digits);
}

void cli_text_double(cli_text *text, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        not_finite(text, value);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    cli_text_puts(text, digits);
}

int cli_text_flush(cli_text *text, FILE *out)
{
    int failed = text->failed;
    if (failed)
        errno = ENOMEM;
    else if (text->size && fwrite(text->data, 1, text->size, out) != text->size)
        failed = 1;
    text->size = 0;
    text->failed = 0;
    return failed ? -1 : 0;
}

int cli_output_close(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CLI_DONE;
    fprintf(stderr, "vcol: standard output: %s\n", strerror(errno));
    return CLI_FAILED;
}

/* ---- values -------------------------------------------------------------------------------------- */

static void scalar(cli_text *text, const vcol_view *view, int64_t i, cli_style style)
{
    const void *v = view->values;
    double real;
    switch (view->type) {
    case VCOL_BOOL:
        cli_text_puts(text, ((const uint8_t *)v)[i] ? "true" : "false");
        return;
    case VCOL_I8:
        cli_text_format(text, "%d", ((const int8_t *)v)[i]);
        return;
    case VCOL_U8:
        cli_text_format(text, "%u", ((const uint8_t *)v)[i]);
        return;
    case VCOL_I16:
        cli_text_format(text, "%d", ((const int16_t *)v)[i]);
        return;
    case VCOL_U16:
        cli_text_format(text, "%u", ((const uint16_t *)v)[i]);
        return;
    case VCOL_I32:
        cli_text_format(text, "%" PRId32, ((const int32_t *)v)[i]);
        return;
    case VCOL_U32:
        cli_text_format(text, "%" PRIu32, ((const uint32_t *)v)[i]);
        return;
    case VCOL_I64:
        cli_text_format(text, "%" PRId64, ((const int64_t *)v)[i]);
        return;
    case VCOL_U64:
        cli_text_format(text, "%" PRIu64, ((const uint64_t *)v)[i]);
        return;
    case VCOL_CHAR:
        cli_text_format(text, "%u", ((const uint8_t *)v)[i]);
        return;
    case VCOL_F32:
    case VCOL_F64:
        real = view->type == VCOL_F32 ? (double)((const float *)v)[i] : ((const double *)v)[i];
        if (style == CLI_STYLE_JSON && !isfinite(real))
            cli_text_puts(text, "null");
        else if (view->type == VCOL_F32)
            cli_text_float(text, (float)real);
        else
            cli_text_double(text, real);
        return;
    case VCOL_EMPTY:
        cli_text_puts(text, "{}");
        return;
    case VCOL_UNKNOWN:
    case VCOL_TYPE_NONE:
    case VCOL_TYPE_COUNT:
        break;
    }
    cli_text_puts(text, "null");
}

/* Item i below `level`: of entries for level 0. Lists inside a CSV cell are JSON (`style` says how). */
static void item(cli_text *text, const vcol_view *view, int32_t level, int64_t i, cli_style style)
{
    int64_t from, to;
    if (level == view->levels) {
        scalar(text, view, i, style);
        return;
    }
    if (view->level[level].kind == VCOL_LEVEL_OPTIONAL) {
        const uint8_t *validity = view->level[level].validity;
        if (validity && !(validity[i >> 3] >> (i & 7) & 1))
            cli_text_puts(text, "null");
        else
            item(text, view, level + 1, i, style);
        return;
    }
    if (view->level[level].kind == VCOL_LEVEL_UNION) {
        from = view->level[level].offsets[i];
        if (view->level[level].offsets[i + 1] > from)
            item(text, view, level + 1, from, style);
        else
            cli_text_puts(text, "null");
        return;
    }
    if (view->level[level].kind == VCOL_LEVEL_FIXED) {
        from = i * view->level[level].size;
        to = from + view->level[level].size;
    } else {
        from = view->level[level].offsets[i];
        to = view->level[level].offsets[i + 1];
    }
    if (view->type == VCOL_CHAR && level + 1 == view->levels) {
        cli_text_json(text, (const char *)view->values + from, (size_t)(to - from));
        return;
    }
    cli_text_add(text, "[", 1);
    for (int64_t k = from; k < to; k++) {
        if (k > from)
            cli_text_puts(text, style == CLI_STYLE_TABLE ? ", " : ",");
        item(text, view, level + 1, k, style);
    }
    cli_text_add(text, "]", 1);
}

/* A cell: null is nothing, a string is itself, a list is a JSON array. */
static void cell(cli_text *text, const vcol_view *view, int64_t i)
{
    cli_text inner = {0};
    int32_t level = 0;
    for (; level < view->levels && view->level[level].kind == VCOL_LEVEL_OPTIONAL; level++) {
        const uint8_t *validity = view->level[level].validity;
        if (validity && !(validity[i >> 3] >> (i & 7) & 1))
            return;
    }
    if (level == view->levels) {
        scalar(text, view, i, CLI_STYLE_CSV);
        return;
    }
    if (view->type == VCOL_CHAR && level + 1 == view->levels && view->level[level].kind == VCOL_LEVEL_LIST) {
        const int64_t *offsets = view->level[level].offsets;
        cli_text_csv(text, (const char *)view->values + offsets[i], (size_t)(offsets[i + 1] - offsets[i]));
        return;
    }
    item(&inner, view, level, i, CLI_STYLE_JSON);
    text->failed |= inner.failed;
    if (!inner.failed)
        cli_text_csv(text, inner.data, inner.size);
    cli_text_free(&inner);
}

void cli_text_entry(cli_text *text, const vcol_view *view, int64_t i, cli_style style)
{
    if (style == CLI_STYLE_CSV)
        cell(text, view, i);
    else
        item(text, view, 0, i, style);
}

size_t cli_text_width(const char *data, size_t size)
{
    size_t width = 0;
    for (size_t i = 0; i < size; i++)
        width += ((unsigned char)data[i] & 0xc0) != 0x80;
    return width;
}

void cli_text_bytes(cli_text *text, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    cli_text_format(text, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
