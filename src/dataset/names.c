/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of columns: exact paths by a hash table, patterns and collections by a scan, near misses for messages. What fits
 * nothing is tried once more with dots and underscores taken as the same, so that `Jet_pt` finds what a file calls
 * `Jet.pt` and the other way round; a name that fits as it stands always comes first.
 */
#include "dataset/dataset.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folded(char c)
{
    return c == '.' ? '_' : c;
}

static uint64_t hash(const char *text, size_t n, bool fold)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)(fold ? folded(text[i]) : text[i])) * 1099511628211ull;
    return h ^ h >> 32;
}

static bool same(const char *have, const char *path, size_t length, bool fold)
{
    for (size_t i = 0; i < length; i++)
        if (!have[i] || (fold ? folded(have[i]) != folded(path[i]) : have[i] != path[i]))
            return false;
    return have[length] == 0;
}

static int64_t look_up(const vcol_dataset *d, const int32_t *index, const char *path, size_t length, bool fold)
{
    size_t at = hash(path, length, fold) & (d->index_size - 1);
    while (index[at]) {
        if (same(d->columns[index[at] - 1].schema->path, path, length, fold))
            return index[at] - 1;
        at = (at + 1) & (d->index_size - 1);
    }
    return -1;
}

static int32_t *make_index(const vcol_dataset *d, bool fold)
{
    int32_t *index = calloc(d->index_size, sizeof *index);
    for (int64_t id = 0; index && id < d->n_columns; id++) {
        const char *path = d->columns[id].schema->path;
        size_t n = strlen(path), at = hash(path, n, fold) & (d->index_size - 1);
        while (index[at] && !same(d->columns[index[at] - 1].schema->path, path, n, fold))
            at = (at + 1) & (d->index_size - 1);
        if (!index[at]) /* the first of one name is what the name means */
            index[at] = (int32_t)id + 1;
    }
    return index;
}

vcol_status vcol__names_build(vcol_dataset *d, vcol_error *err)
{
    size_t size = 16;
    while (size < 2 * (size_t)d->n_columns)
        size *= 2;
    d->index_size = size;
    d->index = make_index(d, false);
    d->folded = make_index(d, true);
    return d->index && d->folded ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for %lld names", (long long)d->n_columns);
}

int64_t vcol__names_find(const vcol_dataset *d, const char *path, size_t length)
{
    return look_up(d, d->index, path, length, false);
}

int64_t vcol__names_resolve(const vcol_dataset *d, const char *path, size_t length)
{
    int64_t id = look_up(d, d->index, path, length, false);
    return id >= 0 ? id : look_up(d, d->folded, path, length, true);
}

/* Whether a path fits a pattern but for dots and underscores. */
static bool fits_folded(const char *pattern, const char *path)
{
    char text[512];
    size_t n = strlen(path);
    if (n >= sizeof text)
        return false;
    for (size_t i = 0; i <= n; i++)
        text[i] = folded(path[i]);
    return fnmatch(pattern, text, 0) == 0;
}

/* Edits between two names, counted up to `most`. */
static int distance(const char *a, const char *b, int most)
{
    int row[65], n = (int)strlen(b);
    if (n > 64 || strlen(a) > 64)
        return most + 1;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int above = row[0], best = row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = above + (a[i - 1] != b[j - 1]);
            above = row[j];
            int other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < other ? change : other;
            if (row[j] < best)
                best = row[j];
        }
        if (best > most)
            return most + 1;
    }
    return row[n];
}

vcol_status vcol__names_unknown(const vcol_dataset *d, const char *token, size_t length, vcol_error *err)
{
    char name[128], near[160] = "";
    size_t used = 0;
    snprintf(name, sizeof name, "%.*s", (int)(length < 120 ? length : 120), token);
    for (int most = 1; most <= 3 && !used; most++)
        for (int64_t id = 0; id < d->n_columns && used < 100; id++) {
            const char *path = d->columns[id].schema->path;
            if (distance(name, path, most) <= most)
                used += (size_t)snprintf(near + used, sizeof near - used, "%s%.40s", used ? ", " : "; did you mean ", path);
        }
    return vcol_error_format(err, VCOL_NOT_FOUND, "%.120s: no column '%.80s'%s", d->files[0].where, name, near);
}

vcol_status vcol_dataset_find(const vcol_dataset *d, const char *path, int64_t *id, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !path || !id)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_find: a data set, a path and a place are needed");
    *id = vcol__names_resolve(d, path, strlen(path));
    return *id >= 0 ? VCOL_OK : vcol__names_unknown(d, path, strlen(path), err);
}

static bool readable(const vcol_dataset *d, int64_t id)
{
    return d->columns[id].schema->status == VCOL_OK;
}

int64_t vcol__names_collection(const vcol_dataset *d, const char *name)
{
    for (int64_t id = 0; id < d->n_columns; id++) {
        const vcol_schema_column *s = d->columns[id].schema;
        if (s->status == VCOL_OK && s->collection && strcmp(s->collection, name) == 0)
            return id;
    }
    return -1;
}

bool vcol__names_fit(const char *token, size_t length, const char *name)
{
    char pattern[512];
    if (length == strlen(name) && memcmp(token, name, length) == 0)
        return true;
    if (length >= sizeof pattern)
        return false;
    memcpy(pattern, token, length);
    pattern[length] = 0;
    return fnmatch(pattern, name, 0) == 0;
}

int64_t vcol__names_match_one(const vcol_dataset *d, const char *token, size_t length, void (*add)(int64_t id, void *opaque),
                              void *opaque)
{
    char pattern[512];
    int64_t id = vcol__names_find(d, token, length), n = 0;
    if (id >= 0) {
        add(id, opaque);
        return 1;
    }
    if (length >= sizeof pattern)
        return 0;
    memcpy(pattern, token, length);
    pattern[length] = 0;
    bool glob = strpbrk(pattern, "*?[") != NULL;
    for (id = 0; id < d->n_columns; id++) {
        const vcol_schema_column *c = d->columns[id].schema;
        bool fits = glob ? fnmatch(pattern, c->path, 0) == 0 && readable(d, id)
                         : c->collection && strcmp(c->collection, pattern) == 0;
        if (fits) {
            add(id, opaque);
            n++;
        }
    }
    if (n > 0)
        return n;
    if (!glob && (id = vcol__names_resolve(d, token, length)) >= 0) {
        add(id, opaque);
        return 1;
    }
    for (char *c = pattern; glob && *c; c++)
        *c = folded(*c);
    for (id = 0; glob && id < d->n_columns; id++) {
        if (readable(d, id) && fits_folded(pattern, d->columns[id].schema->path)) {
            add(id, opaque);
            n++;
        }
    }
    return n;
}

const char *vcol__names_next(const char **list, size_t *length)
{
    static const char between[] = " ,\t\n";
    const char *token = *list + strspn(*list, between);
    *length = strcspn(token, between);
    *list = token + *length;
    return *length ? token : NULL;
}

vcol_status vcol__names_match(const vcol_dataset *d, const char *columns, void (*add)(int64_t id, void *opaque),
                              void *opaque, bool missing_is_error, vcol_error *err)
{
    size_t length;
    for (const char *rest = columns ? columns : "", *token; (token = vcol__names_next(&rest, &length));)
        if (vcol__names_match_one(d, token, length, add, opaque) == 0 && missing_is_error)
            return vcol__names_unknown(d, token, length, err);
    return VCOL_OK;
}

struct collect {
    int64_t *ids, capacity, n;
    unsigned char *seen;
};

static void collect(int64_t id, void *opaque)
{
    struct collect *c = opaque;
    if (c->seen[id])
        return;
    c->seen[id] = 1;
    if (c->n < c->capacity)
        c->ids[c->n] = id;
    c->n++;
}

vcol_status vcol_dataset_match(const vcol_dataset *d, const char *columns, int64_t *ids, int64_t capacity, int64_t *n,
                               vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!d || !n || (capacity > 0 && !ids))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_match: a data set and places are needed");
    struct collect c = {ids, capacity, 0, calloc((size_t)d->n_columns + 1, 1)};
    *n = 0;
    if (!c.seen)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld names", (long long)d->n_columns);
    vcol_status status = vcol__names_match(d, columns, collect, &c, true, err);
    free(c.seen);
    if (status == VCOL_OK)
        *n = c.n;
    return status;
}
