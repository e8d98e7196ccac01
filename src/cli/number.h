/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * number.h: numbers as the command line has them: decimal digits, and a suffix where one belongs. For
 * programs of this project that are not the command, too; so it is a header without a source of its own.
 *
 * All return 0, or -1 for what is no such number or beyond the type's range; *out is then left alone.
 */
#ifndef VCOL_CLI_NUMBER_H
#define VCOL_CLI_NUMBER_H

#include <stdint.h>
#include <string.h>

/* The n-th of the suffixes multiplies by base^n. */
static inline int number_parse(const char *text, const char *suffixes, uint64_t base, uint64_t limit,
                               uint64_t *out)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (digit > limit || value > (limit - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    if (*text) {
        const char *found = strchr(suffixes, *text);
        if (!found || text[1])
            return -1;
        for (const char *s = suffixes; s <= found; s++) {
            if (value > limit / base)
                return -1;
            value *= base;
        }
    }
    *out = value;
    return 0;
}

/* "250k": thousands, millions. */
static inline int number_entries(const char *text, int64_t *out)
{
    uint64_t value;
    if (number_parse(text, "kM", 1000, INT64_MAX, &value))
        return -1;
    *out = (int64_t)value;
    return 0;
}

/* A limit of memory: "64M" (powers of 1,024), "none", "auto"; 0 and UINT64_MAX are the library's numbers for the last two. */
static inline int number_limit(const char *text, uint64_t *out)
{
    if (strcmp(text, "auto") == 0)
        *out = UINT64_MAX; /* VCOL_LIMIT_AUTO */
    else if (strcmp(text, "none") == 0)
        *out = 0;
    else
        return number_parse(text, "KMG", 1024, UINT64_MAX - 1, out);
    return 0;
}

static inline int number_int32(const char *text, int32_t *out)
{
    uint64_t value;
    if (number_parse(text, "", 1, INT32_MAX, &value))
        return -1;
    *out = (int32_t)value;
    return 0;
}

#endif
