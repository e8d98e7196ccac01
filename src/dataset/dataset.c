/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening many files as one: vcol/dataset.h. The schema is the first file's; others are mapped onto it by path. */
#include "dataset/friend.h"
#include "dataset/match.h"

#include "array/derive.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void vcol_dataset_options_init(vcol_dataset_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

/* A growing list of what is to be opened. */
typedef struct wish {
    char *path, *object;
    vcol_source *source;
} wish;

typedef struct wishes {
    wish *list;
    int64_t n, capacity;
} wishes;

static void free_wishes(wishes *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        free(w->list[i].path);
        free(w->list[i].object);
    }
    free(w->list);
}

static vcol_status add_wish(wishes *w, const char *path, const char *object, vcol_source *source, vcol_error *err)
{
    if (!vcol__list_grow(&w->list, w->n, &w->capacity, sizeof *w->list))
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld files", (long long)w->n + 1);
    wish *x = &w->list[w->n];
    x->path = vcol__copy_string(path);
    x->object = object && *object ? vcol__copy_string(object) : NULL;
    x->source = source;
    w->n++;
    return x->path && (!object || !*object || x->object) ? VCOL_OK
                                                          : vcol_error_format(err, VCOL_NOMEM, "no memory for a path");
}

/* The colon before an object, in whose name there may be more: the last behind a file, or (globs, files in memory) the last that is
 * no half of a "::". */
static char *find_colon(char *path, bool in_memory)
{
    char *last = NULL;
    for (char *at = path + strlen(path); at > path; at--) {
        struct stat info;
        if (*at != ':')
            continue;
        *at = 0;
        bool is_file = !in_memory && stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
        *at = ':';
        if (is_file)
            return at;
        if (!last && at[1] != ':' && at[-1] != ':')
            last = at;
    }
    return last;
}

/* "file", "file:object", or a glob of either form. */
static vcol_status add_path(wishes *w, const char *given, vcol_source *source, vcol_error *err)
{
    char *path = vcol__copy_string(given);
    vcol_status status;
    if (!path)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a path");
    char *colon = source || access(path, F_OK) != 0 ? find_colon(path, source != NULL) : NULL;
    const char *object = NULL;
    if (colon) {
        *colon = 0;
        object = colon + 1;
    }
    glob_t found = {0};
    if (!source && strpbrk(path, "*?[") && access(path, F_OK) != 0) {
        int result = glob(path, 0, NULL, &found);
        status = result == GLOB_NOMATCH ? vcol_error_format(err, VCOL_NOT_FOUND, "%s: no file fits", path)
                 : result               ? vcol_error_format(err, VCOL_IO, "%s: cannot be searched", path)
                                        : VCOL_OK;
        for (size_t i = 0; i < found.gl_pathc && status == VCOL_OK; i++)
            status = add_wish(w, found.gl_pathv[i], object, NULL, err);
        globfree(&found);
    } else {
        status = add_wish(w, path, object, source, err);
    }
    free(path);
    return status;
}

/* Whether a later file's column can stand for the first one's. */
static bool agrees(const vcol_schema_column *a, const vcol_schema_column *b)
{
    if (a->levels != b->levels || (a->type != b->type && !vcol__widens(b->type, a->type)))
        return false;
    for (int32_t i = 0; i < a->levels; i++)
        if (a->level[i].kind != b->level[i].kind ||
            ((a->level[i].kind == VCOL_LEVEL_FIXED || a->level[i].kind == VCOL_LEVEL_UNION) && a->level[i].size != b->level[i].size))
            return false;
    return true;
}

static bool same_columns(const vcol_schema *a, const vcol_schema *b)
{
    if (a->n_columns != b->n_columns)
        return false;
    for (int64_t i = 0; i < a->n_columns; i++)
        if (strcmp(a->columns[i].path, b->columns[i].path) != 0)
            return false;
    return true;
}

/* Finds each column of the data set in a later file. The nth of a name is the nth there. */
static vcol_status map_file(vcol_dataset *d, vcol__infile *t, vcol_error *err)
{
    const vcol_schema *s = t->schema;
    bool same = same_columns(d->files[0].schema, s);
    t->map = malloc(((size_t)d->n_columns + 1) * sizeof *t->map);
    bool *taken = calloc((size_t)s->n_columns + 1, 1);
    vcol_status status = t->map && taken ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for %s", t->where);
    for (int64_t id = 0; id < d->n_columns && status == VCOL_OK; id++) {
        const vcol_schema_column *want = d->columns[id].schema;
        int64_t at = same ? id : -1;
        for (int64_t j = 0; j < s->n_columns && at < 0; j++)
            if (!taken[j] && strcmp(s->columns[j].path, want->path) == 0)
                at = j;
        t->map[id] = at;
        if (at >= 0)
            taken[at] = true;
        if (want->status != VCOL_OK)
            continue;
        if (at < 0) {
            if (!(d->flags & VCOL_DATASET_MISSING_NULL))
                status = vcol_error_format(err, VCOL_TYPE, "%s: no column '%s', which %s has", t->where, want->path,
                                           d->files[0].where);
            d->columns[id].nullable = true;
        } else if (s->columns[at].status != VCOL_OK || !agrees(want, &s->columns[at])) {
            status = vcol_error_format(err, VCOL_TYPE, "%s: column '%s' is %s, in %s it is %s", t->where, want->path,
                                       s->columns[at].shape, d->files[0].where, want->shape);
        }
    }
    free(taken);
    return status;
}

static vcol_status describe(vcol_dataset *d, vcol_error *err)
{
    for (int64_t id = 0; id < d->n_columns; id++) {
        vcol__column_def *c = &d->columns[id];
        c->entries = c->stored = c->unpacked = 0;
        c->blocks = c->schema->blocks;
        bool is_short = false, is_found = false;
        for (int64_t f = 0; f < d->n_files; f++) {
            const vcol__infile *t = &d->files[f];
            int64_t at = t->map ? t->map[id] : id;
            if (at < 0)
                continue;
            const vcol_schema_column *s = &t->schema->columns[at];
            c->entries += s->entries;
            c->stored += s->stored;
            c->unpacked += s->unpacked;
            is_short = is_short || s->entries < t->entries;
            is_found = is_found || vcol__match_of(t, s);
        }
        if (is_short && (d->flags & VCOL_DATASET_SHORT_NULL) && c->schema->status == VCOL_OK)
            c->nullable = true;
        if (is_found && (d->flags & VCOL_DATASET_UNMATCHED_NULL))
            c->nullable = true;
        if (c->nullable) {
            size_t n = strlen(c->schema->shape) + 2;
            c->shape = malloc(n);
            if (!c->shape || c->schema->levels + 1 > VCOL_MAX_LEVELS)
                return vcol_error_format(err, VCOL_NOMEM, "no room for a null level around '%s'", c->schema->path);
            snprintf(c->shape, n, "?%s", c->schema->shape);
        }
    }
    return VCOL_OK;
}

static int add_group(int32_t group, int32_t *out, int n)
{
    for (int i = 0; i < n; i++)
        if (out[i] == group)
            return n;
    if (n < VCOL__COLUMN_GROUPS)
        out[n++] = group;
    return n;
}

int vcol__dataset_groups(const vcol_dataset *d, const vcol__infile *t, int64_t id, bool counts, int32_t *out)
{
    int64_t at = t->map ? t->map[id] : id;
    int n = 0;
    if (at < 0 || d->columns[id].schema->status != VCOL_OK)
        return 0;
    const vcol_schema *s = t->schema;
    const vcol_schema_column *c = &s->columns[at];
    for (int32_t l = 0; l < c->levels; l++)
        if (c->level[l].kind != VCOL_LEVEL_FIXED)
            n = add_group(c->level[l].ref.group, out, n);
    n = add_group(c->values.group, out, n);
    for (int i = 0; i < n; i++) {
        const vcol_group *g = &s->groups[out[i]];
        bool hidden = (g->flags & VCOL_GROUP_ITEMS) || g->kind > VCOL_GROUP_COUNTS;
        if (vcol__group_source(g) >= 0)
            n = add_group(vcol__group_source(g), out, n);
        if ((hidden || counts) && vcol__group_dep(g) >= 0)
            n = add_group(vcol__group_dep(g), out, n);
    }
    return n;
}

static void free_users(vcol__users *u)
{
    if (u) {
        free(u->first);
        free(u->columns);
    }
    free(u);
}

/* Whether the columns of a file read from the same groups as the first file's. */
static bool same_groups(const vcol_dataset *d, const vcol__infile *t)
{
    const vcol__infile *first = &d->files[0];
    int32_t x[VCOL__COLUMN_GROUPS], y[VCOL__COLUMN_GROUPS];
    if (t->schema->n_groups != first->schema->n_groups)
        return false;
    for (int64_t id = 0; id < d->n_columns; id++) {
        int n = vcol__dataset_groups(d, first, id, false, x);
        if (vcol__dataset_groups(d, t, id, false, y) != n || (n && memcmp(x, y, (size_t)n * sizeof *x)))
            return false;
    }
    return true;
}

/* Which columns read from which group of a file. */
static vcol_status count_users(vcol_dataset *d, vcol__infile *t, vcol_error *err)
{
    int64_t n_groups = t->schema->n_groups;
    int32_t groups[VCOL__COLUMN_GROUPS];
    if (t != d->files && same_groups(d, t)) {
        t->users = d->files[0].users;
        return VCOL_OK;
    }
    vcol__users *u = t->users = calloc(1, sizeof *u);
    if (u)
        u->first = calloc((size_t)n_groups + 2, sizeof *u->first);
    if (!u || !u->first)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld groups", (long long)n_groups);
    for (int64_t id = 0; id < d->n_columns; id++) {
        int n = vcol__dataset_groups(d, t, id, false, groups);
        for (int i = 0; i < n; i++)
            u->first[groups[i] + 1]++;
    }
    for (int64_t g = 0; g < n_groups; g++)
        u->first[g + 1] += u->first[g];
    u->columns = malloc(((size_t)u->first[n_groups] + 1) * sizeof *u->columns);
    if (!u->columns)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld groups", (long long)n_groups);
    for (int64_t id = 0; id < d->n_columns; id++) {
        int n = vcol__dataset_groups(d, t, id, false, groups);
        for (int i = 0; i < n; i++)
            u->columns[u->first[groups[i]]++] = id;
    }
    for (int64_t g = n_groups; g > 0; g--)
        u->first[g] = u->first[g - 1];
    u->first[0] = 0;
    return VCOL_OK;
}

/* ---- friends ------------------------------------------------------------------------------------------ */

/* A friend's files as wishes, one for each of the data set's. */
static vcol_status add_friend(const vcol_friend *f, int64_t n_files, wishes *w, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    if ((f->minor && !f->major) || (f->major && (f->flags & VCOL_FRIEND_BY_ENTRY)))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_open: a friend needs a major with a minor, and neither by entry");
    if (!f->name || !*f->name || !f->paths || f->n_paths < 1)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_open: a friend needs a name and paths");
    for (int64_t i = 0; i < f->n_paths && status == VCOL_OK; i++)
        status = add_path(w, f->paths[i], f->sources ? f->sources[i] : NULL, err);
    if (status == VCOL_OK && w->n != n_files)
        status = vcol_error_format(err, VCOL_TYPE, "friend '%.80s' has %lld files, the data set %lld", f->name, (long long)w->n,
                                   (long long)n_files);
    return status;
}

/* Of all friends; *texts owns what the list points to. */
static vcol_status list_friends(const vcol_dataset_options *o, int64_t n_files, vcol__friend_list *out, wishes *texts,
                                vcol_error *err)
{
    vcol_status status = VCOL_OK;
    out->n = o->n_friends;
    out->files = calloc((size_t)(out->n * n_files) + 1, sizeof *out->files);
    if (!out->files)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for %lld friends", (long long)out->n);
    for (int64_t k = 0; k < out->n && status == VCOL_OK; k++) {
        const vcol_friend *f = &o->friends[k];
        status = add_friend(f, n_files, &texts[k], err);
        for (int64_t i = 0; i < n_files && status == VCOL_OK; i++) {
            const wish *x = &texts[k].list[i];
            out->files[i * out->n + k] =
                (struct vcol__friend_file){.name = f->name, .path = x->path, .object = x->object, .source = x->source,
                                           .by_entry = f->flags & VCOL_FRIEND_BY_ENTRY, .major = f->major, .minor = f->minor};
        }
    }
    return status;
}

/* Friends of all files but the last must have as many entries as these: else the entries behind them would not be the same. */
static vcol_status check_friends(const vcol__infile *t, vcol_error *err)
{
    for (int64_t i = t->own_columns; i < t->schema->n_columns; i++) {
        const vcol_schema_column *c = &t->schema->columns[i];
        if (c->status == VCOL_OK && c->entries != t->schema->entries)
            return vcol_error_format(err, VCOL_TYPE, "%.200s: column '%.80s' has %lld entries, the table %lld, and more files follow",
                                     t->where, c->path, (long long)c->entries, (long long)t->schema->entries);
    }
    return VCOL_OK;
}

void vcol__dataset_begin_pass(vcol_dataset *d)
{
    uint64_t number = atomic_fetch_add_explicit(&d->manager->tier.passes, 1, memory_order_relaxed) + 1;
    for (int64_t f = 0; f < d->n_files; f++) {
        vcol__pass_begin(&d->files[f].pass, number);
        for (int32_t k = 0; k < d->files[f].n_matches; k++)
            vcol__pass_begin(&d->files[f].matches[k].pass, number);
    }
}

void vcol__dataset_end_pass(vcol_dataset *d)
{
    for (int64_t f = 0; f < d->n_files; f++) {
        vcol__pass_reset(&d->files[f].pass);
        for (int32_t k = 0; k < d->files[f].n_matches; k++)
            vcol__pass_reset(&d->files[f].matches[k].pass);
    }
}

vcol_status vcol_dataset_open(vcol_manager *m, const char *const *paths, int64_t n, const vcol_dataset_options *options,
                              vcol_dataset **out, vcol_error *err)
{
    vcol_dataset_options o = {0};
    wishes w = {0}, *friend_texts = NULL;
    vcol__friend_list friends = {0};
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !out || !paths || n < 1)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_open: a manager and at least one path are needed");
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if ((o.flags & VCOL_DATASET_KEEP_STORED) && (o.flags & VCOL_DATASET_DROP_STORED))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_open: stored blocks are either kept or dropped");
    if (o.n_friends < 0 || (o.n_friends && !o.friends))
        return vcol_error_format(err, VCOL_MISUSE, "vcol_dataset_open: where are its friends?");
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < n && status == VCOL_OK; i++)
        status = add_path(&w, paths[i], o.sources ? o.sources[i] : NULL, err);
    if (status == VCOL_OK && o.n_friends > 0) {
        friend_texts = calloc((size_t)o.n_friends, sizeof *friend_texts);
        status = friend_texts ? list_friends(&o, w.n, &friends, friend_texts, err)
                              : vcol_error_format(err, VCOL_NOMEM, "no memory for %lld friends", (long long)o.n_friends);
    }
    vcol_dataset *d = status == VCOL_OK ? calloc(1, sizeof *d) : NULL;
    if (status == VCOL_OK && d)
        d->files = calloc((size_t)w.n, sizeof *d->files);
    if (status == VCOL_OK && (!d || !d->files))
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a data set");
    if (d) {
        d->manager = m;
        d->flags = o.flags;
    }
    for (int64_t i = 0; i < w.n && status == VCOL_OK; i++) {
        vcol__infile *t = &d->files[i];
        const vcol__opening what = {
            w.list[i].path,
            w.list[i].source,
            o.readers,
            o.n_readers,
            o.flags & VCOL_DATASET_RECOVER,
            friends.n ? &friends.files[i * friends.n] : NULL,
            friends.n,
            o.flags & VCOL_DATASET_FRIENDS,
        };
        status = vcol__infile_open(m, &what, w.list[i].object, t, err);
        if (status != VCOL_OK)
            break;
        d->n_files++;
        t->first = t->pass.origin = d->entries;
        for (int32_t k = 0; k < t->n_matches; k++)
            t->matches[k].pass.origin = d->entries;
        if (o.flags & (VCOL_DATASET_KEEP_STORED | VCOL_DATASET_DROP_STORED))
            t->binding.keep = o.flags & VCOL_DATASET_KEEP_STORED ? VCOL__KEEP_ALWAYS : VCOL__KEEP_NEVER;
        for (int64_t k = 0; k < t->own_columns && (o.flags & VCOL_DATASET_LONGEST); k++) {
            const vcol_schema_column *c = &t->schema->columns[k];
            if (c->status == VCOL_OK && c->entries > t->entries)
                t->entries = c->entries;
        }
        if (i + 1 < w.n)
            status = check_friends(t, err);
        if (status == VCOL_OK && __builtin_add_overflow(d->entries, t->entries, &d->entries))
            status = vcol_error_format(err, VCOL_CORRUPT, "%s: %lld entries", t->where, (long long)t->entries);
        if (status == VCOL_OK && i == 0) {
            d->n_columns = t->schema->n_columns;
            d->columns = calloc((size_t)d->n_columns + 1, sizeof *d->columns);
            if (!d->columns)
                status = vcol_error_format(err, VCOL_NOMEM, "no memory for %lld columns", (long long)d->n_columns);
            for (int64_t id = 0; id < d->n_columns && status == VCOL_OK; id++)
                d->columns[id].schema = &t->schema->columns[id];
        } else if (status == VCOL_OK) {
            status = map_file(d, t, err);
        }
    }
    free_wishes(&w);
    for (int64_t k = 0; k < o.n_friends && friend_texts; k++)
        free_wishes(&friend_texts[k]);
    free(friend_texts);
    free(friends.files);
    if (status == VCOL_OK)
        status = describe(d, err);
    if (status == VCOL_OK)
        status = vcol__names_build(d, err);
    for (int64_t i = 0; status == VCOL_OK && i < d->n_files; i++)
        status = count_users(d, &d->files[i], err);
    if (status != VCOL_OK)
        vcol_dataset_close(d);
    else
        *out = d;
    return status;
}

void vcol_dataset_close(vcol_dataset *d)
{
    if (!d)
        return;
    for (int64_t i = 0; i < d->n_files; i++) {
        if (i == 0 || d->files[i].users != d->files[0].users)
            free_users(d->files[i].users);
    }
    for (int64_t i = 0; i < d->n_files; i++)
        vcol__infile_close(d->manager, &d->files[i]);
    for (int64_t id = 0; id < d->n_columns && d->columns; id++)
        free(d->columns[id].shape);
    free(d->files);
    free(d->columns);
    free(d->index);
    free(d->folded);
    free(d);
}

int64_t vcol_dataset_entries(const vcol_dataset *d)
{
    return d->entries;
}

int64_t vcol_dataset_files(const vcol_dataset *d)
{
    return d->n_files;
}

vcol_status vcol_dataset_file(const vcol_dataset *d, int64_t i, vcol_file_info *out, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (i < 0 || i >= d->n_files || !out)
        return vcol_error_format(err, VCOL_RANGE, "vcol_dataset_file: no file %lld", (long long)i);
    const vcol__infile *t = &d->files[i];
    *out = (vcol_file_info){t->path, t->object_name, t->first, t->schema->entries, t->schema->n_clusters, t->size,
                            t->schema->kind ? t->schema->kind : "table"};
    return VCOL_OK;
}

int64_t vcol_dataset_friends(const vcol_dataset *d)
{
    return d->files[0].schema->n_friends;
}

vcol_status vcol_dataset_friend(const vcol_dataset *d, int64_t i, vcol_friend_info *out, size_t size, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (i < 0 || i >= d->files[0].schema->n_friends || !out)
        return vcol_error_format(err, VCOL_RANGE, "vcol_dataset_friend: no friend %lld", (long long)i);
    const vcol_stored_friend *f = &d->files[0].schema->friends[i];
    const vcol_friend_info info = {f->name, f->path, f->object};
    memset(out, 0, size);
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
    return VCOL_OK;
}

vcol_status vcol_dataset_index(const vcol_dataset *d, const char **major, const char **minor, vcol_error *err)
{
    const vcol_schema *s = d->files[0].schema;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!s->index_major)
        return vcol_error_format(err, VCOL_NOT_FOUND, "%.200s: no index is stored with the table", d->files[0].where);
    *major = s->index_major;
    *minor = s->index_minor;
    return VCOL_OK;
}

int64_t vcol__dataset_file_of(const vcol_dataset *d, int64_t first)
{
    int64_t low = 0, high = d->n_files - 1;
    if (first < 0 || first > d->entries)
        return -1;
    while (low < high) { /* the last file that begins at or before it: empty ones lie before */
        int64_t mid = (low + high + 1) / 2;
        if (d->files[mid].first <= first)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

int64_t vcol_dataset_columns(const vcol_dataset *d)
{
    return d->n_columns;
}

/*
 * The first of the groups that are read from the same blocks. A branch with many leaves has several groups, one after
 * the other, which tell the same of their blocks.
 */
static int32_t block_group(const vcol_dataset *d, int32_t group)
{
    const vcol_group *groups = d->files[0].schema->groups;
    for (; group > 0; group--) {
        const vcol_group *a = &groups[group - 1], *b = &groups[group];
        if (a->kind != b->kind || a->stored != b->stored || a->unpacked != b->unpacked || a->entries != b->entries ||
            strcmp(a->name ? a->name : "", b->name ? b->name : "") != 0)
            break;
    }
    return group;
}

vcol_status vcol_dataset_column(const vcol_dataset *d, int64_t id, vcol_column_info *out, size_t size, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (id < 0 || id >= d->n_columns || !out)
        return vcol_error_format(err, VCOL_RANGE, "vcol_dataset_column: no column %lld", (long long)id);
    const vcol__column_def *c = &d->columns[id];
    const vcol_schema_column *s = c->schema;
    vcol_column_info info = {
        .id = id,
        .name = s->name,
        .path = s->path,
        .type_name = s->type_name,
        .shape = c->shape ? c->shape : s->shape,
        .collection = s->collection,
        .note = s->note,
        .status = s->status,
        .type = s->type,
        .levels = s->levels + (c->nullable ? 1 : 0),
        .entries = c->entries,
        .stored = c->stored,
        .unpacked = c->unpacked,
        .blocks = c->blocks,
        .group = s->status == VCOL_OK ? block_group(d, s->values.group) : -1,
    };
    int32_t at = 0;
    if (c->nullable)
        info.level[at++].kind = VCOL_LEVEL_OPTIONAL;
    for (int32_t l = 0; l < s->levels; l++, at++) {
        info.level[at].kind = s->level[l].kind;
        info.level[at].size = s->level[l].size;
    }
    memset(out, 0, size);
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
    return VCOL_OK;
}
