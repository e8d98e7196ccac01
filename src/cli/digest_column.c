/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest_column.c: hashes and sums of a column, view after view.
 *
 * Below an option level only the items that are there count. Where one is missing, a mask with a byte an
 * item follows the levels down; without nulls there is none, and arrays are hashed as they are.
 */
#include "digest_column.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 2048 /* offsets hashed at a time */

vcol_status cli_digest_column_open(digest_column *column, const vcol_column_info *info, vcol_error *err)
{
    int64_t zero = 0;
    memset(column, 0, sizeof *column);
    column->content = XXH64_createState();
    if (!column->content)
        goto nomem;
    XXH64_reset(column->content, 0);
    for (int32_t l = 0; l < info->levels; l++) {
        if (info->level[l].kind == VCOL_LEVEL_FIXED)
            continue;
        column->level[l].hash = XXH64_createState();
        if (!column->level[l].hash)
            goto nomem;
        XXH64_reset(column->level[l].hash, 0);
        if (info->level[l].kind == VCOL_LEVEL_LIST)
            XXH64_update(column->level[l].hash, &zero, sizeof zero);
    }
    return VCOL_OK;
nomem:
    cli_digest_column_close(column);
    return vcol_error_set(err, VCOL_NOMEM, "out of memory");
}

void cli_digest_column_close(digest_column *column)
{
    XXH64_freeState(column->content);
    for (int32_t l = 0; l < VCOL_MAX_LEVELS; l++)
        XXH64_freeState(column->level[l].hash);
    memset(column, 0, sizeof *column);
}

/* ---- levels -------------------------------------------------------------------------------------- */

/* Hashes the ends of n lists; those that the mask leaves out are no lists at all. */
static void add_offsets(digest_level *level, const int64_t *offsets, int64_t n, const uint8_t *mask)
{
    int64_t batch[BATCH], base = level->base;
    size_t used = 0;
    if (!mask && base == 0) {
        XXH64_update(level->hash, offsets + 1, (size_t)n * sizeof *offsets);
        level->base = offsets[n];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (mask && !mask[i])
            continue;
        base += offsets[i + 1] - offsets[i];
        batch[used++] = base;
        if (used == BATCH) {
            XXH64_update(level->hash, batch, sizeof batch);
            used = 0;
        }
    }
    XXH64_update(level->hash, batch, used * sizeof *batch);
    level->base = base;
}

/* Hashes a byte an item and gives the mask of those that are there; NULL if all are. */
static int add_validity(digest_level *level, const uint8_t *bits, int64_t n, const uint8_t *mask,
                        uint8_t **out)
{
    static const uint8_t ones[64] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint8_t *there = NULL;
    *out = NULL;
    if (!bits && !mask) {
        for (int64_t i = 0; i < n; i += (int64_t)sizeof ones)
            XXH64_update(level->hash, ones,
                         (size_t)(n - i < (int64_t)sizeof ones ? n - i : (int64_t)sizeof ones));
        return 0;
    }
    there = malloc((size_t)n + 1);
    if (!there)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        uint8_t is = bits ? bits[i >> 3] >> (i & 7) & 1 : 1;
        there[i] = is;
        if (mask && !mask[i]) {
            there[i] = 0;
            continue;
        }
        level->nulls += !is;
        XXH64_update(level->hash, &is, 1);
    }
    *out = there;
    return 0;
}

/* Hashes the tags of the items that are there. */
static void add_tags(digest_level *level, const int8_t *tags, int64_t n, const uint8_t *mask)
{
    if (!mask)
        XXH64_update(level->hash, tags, (size_t)n);
    for (int64_t i = 0; mask && i < n; i++)
        if (mask[i])
            XXH64_update(level->hash, &tags[i], 1);
}

/* The mask of the items inside n lists. */
static uint8_t *items_of_lists(const uint8_t *mask, const int64_t *offsets, int64_t n)
{
    uint8_t *inner = malloc((size_t)offsets[n] + 1);
    for (int64_t i = 0; inner && i < n; i++)
        memset(inner + offsets[i], mask[i], (size_t)(offsets[i + 1] - offsets[i]));
    return inner;
}

static uint8_t *items_of_arrays(const uint8_t *mask, int64_t n, int64_t size)
{
    uint8_t *inner = malloc((size_t)n * (size_t)size + 1);
    for (int64_t i = 0; inner && i < n; i++)
        memset(inner + i * size, mask[i], (size_t)size);
    return inner;
}

/* ---- values -------------------------------------------------------------------------------------- */

#define ADD_INTEGERS(type_)                                                                                  \
    static void add_##type_(digest_column *column, const void *values, int64_t n)                            \
    {                                                                                                        \
        const type_ *v = values;                                                                             \
        type_ least = v[0], most = v[0];                                                                     \
        __int128 sum = 0;                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            sum += v[i];                                                                                     \
            least = v[i] < least ? v[i] : least;                                                             \
            most = v[i] > most ? v[i] : most;                                                                \
        }                                                                                                    \
        if (!column->n_ordered || least < column->int_min)                                                   \
            column->int_min = least;                                                                         \
        if (!column->n_ordered || most > column->int_max)                                                    \
            column->int_max = most;                                                                          \
        column->int_sum += sum;                                                                              \
        column->n_ordered += n;                                                                              \
    }

ADD_INTEGERS(int8_t)
ADD_INTEGERS(uint8_t)
ADD_INTEGERS(int16_t)
ADD_INTEGERS(uint16_t)
ADD_INTEGERS(int32_t)
ADD_INTEGERS(uint32_t)
ADD_INTEGERS(int64_t)
ADD_INTEGERS(uint64_t)

/* NaNs compare false and fall through. */
#define ADD_REALS(type_)                                                                                     \
    static void order_##type_(digest_column *column, const type_ *v, int64_t n)                              \
    {                                                                                                        \
        type_ least = (type_)INFINITY, most = -(type_)INFINITY;                                              \
        int64_t nans = 0;                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            nans += v[i] != v[i];                                                                            \
            least = v[i] < least ? v[i] : least;                                                             \
            most = v[i] > most ? v[i] : most;                                                                \
        }                                                                                                    \
        if (nans == n)                                                                                       \
            return;                                                                                          \
        if (!column->n_ordered || (double)least < column->min)                                               \
            column->min = (double)least;                                                                     \
        if (!column->n_ordered || (double)most > column->max)                                                \
            column->max = (double)most;                                                                      \
        column->n_ordered += n - nans;                                                                       \
    }

ADD_REALS(float)
ADD_REALS(double)

static void add_values(digest_column *column, vcol_type type, const void *values, int64_t n)
{
    if (n == 0)
        return;
    XXH64_update(column->content, values, (size_t)n * vcol_type_width(type));
    column->n_values += n;
    switch (type) {
    case VCOL_I8:
        add_int8_t(column, values, n);
        break;
    case VCOL_BOOL:
    case VCOL_CHAR:
    case VCOL_U8:
        add_uint8_t(column, values, n);
        break;
    case VCOL_I16:
        add_int16_t(column, values, n);
        break;
    case VCOL_U16:
        add_uint16_t(column, values, n);
        break;
    case VCOL_I32:
        add_int32_t(column, values, n);
        break;
    case VCOL_U32:
        add_uint32_t(column, values, n);
        break;
    case VCOL_I64:
        add_int64_t(column, values, n);
        break;
    case VCOL_U64:
        add_uint64_t(column, values, n);
        break;
    case VCOL_F32:
        order_float(column, values, n);
        cli_sum_add_floats(&column->sum, values, n);
        break;
    case VCOL_F64:
        order_double(column, values, n);
        cli_sum_add_doubles(&column->sum, values, n);
        break;
    case VCOL_EMPTY:
    case VCOL_UNKNOWN:
    case VCOL_TYPE_NONE:
    case VCOL_TYPE_COUNT:
        break;
    }
}

vcol_status cli_digest_column_add(digest_column *column, const vcol_view *view, vcol_error *err)
{
    uint8_t *mask = NULL, *next;
    int64_t n = view->entries;
    size_t width = vcol_type_width(view->type);
    for (int32_t l = 0; l < view->levels; l++) {
        int64_t size = view->level[l].size;
        const int64_t *offsets = view->level[l].offsets;
        next = NULL;
        switch (view->level[l].kind) {
        case VCOL_LEVEL_LIST:
            add_offsets(&column->level[l], offsets, n, mask);
            if (mask && !(next = items_of_lists(mask, offsets, n)))
                goto nomem;
            n = offsets[n];
            break;
        case VCOL_LEVEL_FIXED:
            if (mask && !(next = items_of_arrays(mask, n, size)))
                goto nomem;
            n *= size;
            break;
        case VCOL_LEVEL_UNION:
            add_tags(&column->level[l], view->level[l].tags, n, mask);
            if (mask && !(next = items_of_lists(mask, offsets, n)))
                goto nomem;
            n = offsets[n];
            break;
        case VCOL_LEVEL_OPTIONAL:
            if (add_validity(&column->level[l], view->level[l].validity, n, mask, &next))
                goto nomem;
            break;
        }
        free(mask);
        mask = next;
    }
    if (!mask)
        add_values(column, view->type, view->values, n);
    for (int64_t i = 0, from; mask && i < n;) {
        for (; i < n && !mask[i]; i++)
            ;
        for (from = i; i < n && mask[i]; i++)
            ;
        add_values(column, view->type, (const char *)view->values + (size_t)from * width, i - from);
    }
    free(mask);
    return VCOL_OK;
nomem:
    free(mask);
    return vcol_error_set(err, VCOL_NOMEM, "out of memory");
}

/* ---- text ---------------------------------------------------------------------------------------- */

static void print_integer(cli_text *text, __int128 value)
{
    char digits[48], *at = digits + sizeof digits;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--at = '-';
    cli_text_add(text, at, (size_t)(digits + sizeof digits - at));
}

static void print_levels(const digest_column *column, const vcol_column_info *info, cli_text *text)
{
    const char *separator = "";
    for (int32_t l = 0; l < info->levels; l++) {
        if (info->level[l].kind == VCOL_LEVEL_OPTIONAL && !column->level[l].nulls)
            continue;
        cli_text_puts(text, separator);
        separator = ",";
        if (info->level[l].kind == VCOL_LEVEL_FIXED)
            cli_text_format(text, "[%" PRId64 "]", info->level[l].size);
        else
            cli_text_format(text, "%s%016" PRIx64, info->level[l].kind == VCOL_LEVEL_OPTIONAL ? "opt:"
                            : info->level[l].kind == VCOL_LEVEL_UNION  ? "union:"
                                                                       : "",
                            (uint64_t)XXH64_digest(column->level[l].hash));
    }
    if (!*separator)
        cli_text_puts(text, "-");
}

void cli_digest_column_print(const digest_column *column, const vcol_column_info *info, cli_text *text)
{
    int real = info->type == VCOL_F32 || info->type == VCOL_F64;
    cli_text_format(text, "%" PRId64 "\t%s\t", column->n_values, vcol_type_name(info->type));
    if (vcol_type_width(info->type))
        cli_text_format(text, "%016" PRIx64 "\t", (uint64_t)XXH64_digest(column->content));
    else
        cli_text_puts(text, "-\t"); /* there are no bytes */
    print_levels(column, info, text);
    if (!column->n_ordered) {
        cli_text_puts(text, "\t-\t-\t-");
    } else if (real) {
        cli_text_puts(text, "\t");
        cli_text_double(text, cli_sum_value(&column->sum));
        cli_text_puts(text, "\t");
        cli_text_double(text, column->min);
        cli_text_puts(text, "\t");
        cli_text_double(text, column->max);
    } else {
        cli_text_puts(text, "\t");
        cli_text_double(text, (double)column->int_sum);
        cli_text_puts(text, "\t");
        print_integer(text, column->int_min);
        cli_text_puts(text, "\t");
        print_integer(text, column->int_max);
    }
    cli_text_format(text, "\t%" PRId64, column->sum.nan);
}
