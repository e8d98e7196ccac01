/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Friends: entry i of a table has the columns of entry i of other tables, too; or, of those with an index, of the entry that has
 * the same numbers (match.c).
 *
 * To the runtime a file with friends is one object of one reader, made here: its schema is the table's own and those of the
 * friends behind it, with the numbers of groups moved; its source is made of theirs (vcol__source_join), each with a base that is
 * added to where its blocks lie. Each call of the runtime goes to the reader of the group's part, or, where there is no group,
 * of the block's place. So chunks, prefetch, limits and statistics know nothing of friends.
 *
 *     groups   0 … own          own … own + n1     …       columns   0 … own     "F.x", "F.y" …
 *     bytes    0 … size         base 1 …           …
 *
 * All is const after open.
 */
#include "dataset/friend.h"

#include "core/work.h"
#include "dataset/index.h"
#include "dataset/match.h"
#include "io/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct part {
    const vcol_reader *reader;
    void *object;
    const vcol_schema *schema;
    vcol__infile *file; /* NULL: the table's own */
    const char *name;   /* of the friend: its own text */
    uint64_t base;
    int32_t first_group;
    int64_t first_column;
    const char *note; /* why its columns cannot be read, or NULL; static */
    int64_t found; /* entries of the table for which its index tells theirs; -1: entry i belongs to entry i */
} part;

typedef struct joined {
    int32_t n;
    part *parts;          /* n; the table's own first */
    vcol__infile *files;  /* n - 1: they stay where they are */
    vcol_schema schema;
    vcol_schema_column *columns;
    vcol_group *groups;
    char **texts;
    int64_t n_texts, text_capacity;
    uint64_t bytes;
} joined;

/* What takes the place of the reader's file. */
typedef struct joined_file {
    const vcol_reader *reader;
    void *file;
} joined_file;

/* ---- the reader's functions ------------------------------------------------------------------------------ */

static const part *part_of(const joined *j, int32_t group)
{
    int32_t k = j->n - 1;
    while (k > 0 && j->parts[k].first_group > group)
        k--;
    return &j->parts[k];
}

static const part *part_at(const joined *j, uint64_t offset)
{
    int32_t k = j->n - 1;
    while (k > 0 && j->parts[k].base > offset)
        k--;
    return &j->parts[k];
}

/* A friend's failure, told with its name and file. */
static vcol_status told(const part *p, vcol_status status, const vcol_error *why, vcol_error *err)
{
    if (status != VCOL_OK && !p->file)
        return vcol_error_set(err, status, why->message);
    return status != VCOL_OK ? vcol_error_format(err, status, "friend '%.60s' (%.120s): %.300s", p->name, p->file->path, why->message)
                             : VCOL_OK;
}

/* As its own reader has said it. */
static vcol_block own_block(const part *p, const vcol_block *b)
{
    vcol_block own = *b;
    if (!b->memory)
        own.offset -= p->base;
    return own;
}

static const vcol_schema *schema(void *object)
{
    return &((joined *)object)->schema;
}

static vcol_status plan(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps, vcol_block_sink *sink,
                        vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_error why = {0};
    vcol__sink_shift(sink, p->base);
    vcol_status status = p->reader->plan(p->object, group - p->first_group, first, count, deps, sink, &why);
    vcol__sink_shift(sink, 0);
    return told(p, status, &why, err);
}

static vcol_status expect(void *object, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink, vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_error why = {0};
    if (!p->reader->expect)
        return VCOL_OK;
    vcol__sink_shift(sink, p->base);
    vcol_status status = p->reader->expect(p->object, group - p->first_group, first, count, sink, &why);
    vcol__sink_shift(sink, 0);
    return told(p, status, &why, err);
}

static vcol_status inspect(void *object, int32_t group, vcol_block *block, const void *stored, vcol_block_sink *sink,
                           vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_block own = own_block(p, block);
    vcol_error why = {0};
    uint64_t offset = block->offset;
    if (!p->reader->inspect)
        return VCOL_OK;
    vcol__sink_shift(sink, p->base);
    vcol_status status = p->reader->inspect(p->object, group - p->first_group, &own, stored, sink, &why);
    vcol__sink_shift(sink, 0);
    *block = own;
    block->offset = offset;
    return told(p, status, &why, err);
}

static vcol_status unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want, vcol_worker *worker,
                          vcol_error *err)
{
    const part *p = part_at(object, block->offset);
    vcol_block own = own_block(p, block);
    vcol_error why = {0};
    if (block->memory) /* whose it is cannot be told; no reader has packed blocks in its metadata */
        return vcol_error_format(err, VCOL_UNSUPPORTED, "a packed block inside the metadata of a table with friends");
    vcol_status status = p->reader->unpack(p->object, &own, stored, dst, want, worker, &why);
    return told(p, status, &why, err);
}

/* What prepare made, and whose it is. */
typedef struct prepared {
    const part *part;
    void *state;
} prepared;

static const void *own_state(const void *state)
{
    return state ? ((const prepared *)state)->state : NULL;
}

static vcol_status prepare(void *object, int32_t group, const vcol_block *block, const void *plain,
                           const vcol_allocator *allocator, void **state, size_t *bytes, vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_block own = own_block(p, block);
    prepared *x = malloc(sizeof *x);
    vcol_error why = {0};
    if (!x)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to prepare a block");
    *x = (prepared){p, NULL};
    vcol_status status = p->reader->prepare(p->object, group - p->first_group, &own, plain, allocator, &x->state, bytes, &why);
    if (status != VCOL_OK)
        free(x);
    else
        *state = x;
    return told(p, status, &why, err);
}

static void unprepare(void *object, void *state, const vcol_allocator *allocator)
{
    prepared *x = state;
    (void)object;
    if (x && x->part->reader->unprepare)
        x->part->reader->unprepare(x->part->object, x->state, allocator);
    free(x);
}

static vcol_status measure(void *object, int32_t group, const vcol_block *block, const void *plain, const void *state,
                           const vcol_deps *deps, int64_t skip, int64_t count, int64_t *rows, int64_t *items, vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_block own = own_block(p, block);
    vcol_error why = {0};
    vcol_status status = p->reader->measure(p->object, group - p->first_group, &own, plain, own_state(state), deps, skip, count,
                                            rows, items, &why);
    return told(p, status, &why, err);
}

static vcol_status decode(void *object, int32_t group, const vcol_block *block, const void *plain, int whole, const void *state,
                          const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker, vcol_error *err)
{
    const part *p = part_of(object, group);
    vcol_block own = own_block(p, block);
    vcol_error why = {0};
    vcol_status status = p->reader->decode(p->object, group - p->first_group, &own, plain, whole, own_state(state), deps, parts,
                                           n_parts, worker, &why);
    return told(p, status, &why, err);
}

static vcol_status own_index(void *object, vcol_worker *worker, vcol_index_take take, void *opaque, vcol_error *err)
{
    const part *p = &((joined *)object)->parts[0];
    return p->reader->index ? p->reader->index(p->object, worker, take, opaque, err) : VCOL_OK;
}

/* All but the table's own object, which `keep` leaves open. */
static void free_joined(vcol_manager *m, joined *j, bool keep)
{
    if (!j)
        return;
    if (!keep)
        j->parts[0].reader->close_object(j->parts[0].object);
    for (int32_t k = 0; k + 1 < j->n && j->files; k++)
        vcol__infile_close(m, &j->files[k]);
    for (int64_t i = 0; i < j->n_texts; i++)
        free(j->texts[i]);
    free(j->texts);
    free(j->columns);
    free(j->groups);
    free(j->files);
    free(j->parts);
    free(j);
}

static void close_object(void *object)
{
    joined *j = object;
    free_joined(j->files[0].binding.manager, j, false);
}

static void close_file(void *file)
{
    joined_file *f = file;
    f->reader->close(f->file);
    free(f);
}

static const vcol_reader joined_reader = {
    .abi = VCOL_READER_ABI,
    .name = "friends",
    .close = close_file,
    .schema = schema,
    .close_object = close_object,
    .plan = plan,
    .inspect = inspect,
    .unpack = unpack,
    .prepare = prepare,
    .unprepare = unprepare,
    .measure = measure,
    .decode = decode,
    .expect = expect,
    .index = own_index,
};

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* A text that lives as long as the object; NULL: no memory. */
static char *keep_text(joined *j, char *text)
{
    if (!text || !vcol__list_grow(&j->texts, j->n_texts, &j->text_capacity, sizeof *j->texts)) {
        free(text);
        return NULL;
    }
    j->texts[j->n_texts++] = text;
    j->bytes += strlen(text) + 1;
    return text;
}

static char *text_of(joined *j, const char *before, const char *name, const char *between, const char *after)
{
    size_t n = strlen(before) + strlen(name) + strlen(between) + strlen(after) + 1;
    char *text = malloc(n);
    if (text)
        snprintf(text, n, "%s%s%s%s", before, name, between, after);
    return keep_text(j, text);
}

/* A flat column of integers, or NULL; *note says why it is none, or NULL if there is no such column at all. */
static const vcol_schema_column *number_of(const vcol_schema *s, const char *path, const char **note)
{
    *note = NULL;
    for (int64_t i = 0; i < s->n_columns; i++) {
        const vcol_schema_column *c = &s->columns[i];
        if (strcmp(c->path, path) != 0)
            continue;
        bool takes = c->status == VCOL_OK && c->levels == 0 && vcol__index_takes(c->type);
        *note = takes ? NULL : "it has an index, of which a column of the table's is not one integer an entry that can be read";
        return takes ? c : NULL;
    }
    return NULL;
}

/* More than a column's name: what it is of some entry is not known. */
static bool is_expression(const char *text)
{
    return strpbrk(text, "+-*/%()[]<>=!&|^?:,$ ") || (*text >= '0' && *text <= '9' && strcmp(text, "0") != 0);
}

/*
 * How a friend's entries belong to the table's: by its index, if it has one and the table has the columns that this is of; else
 * entry i to entry i, as ROOT has it (match.c). *out then says which numbers; p->note that it cannot be told.
 */
static bool has_index_for(const vcol_schema *main, const char *major, const char *minor, part *p, vcol__match *out)
{
    const char *names[2] = {major, minor};
    if (!major || !*major) /* it has none, or one that does not tell of what it is */
        return false;
    out->have = main->entries;
    for (int k = 0; k < 2; k++) {
        const vcol_schema_column *c;
        out->number[k].values.group = -1;
        if (k == 1 && strcmp(names[k], "0") == 0)
            continue;
        if (is_expression(names[k])) {
            p->note = "it has an index of expressions, not of columns; VCOL_FRIEND_BY_ENTRY reads it entry by entry";
            return false;
        }
        c = number_of(main, names[k], &p->note);
        if (!c)
            return false;
        out->number[k] = (vcol__number){c->values, c->type};
        out->have = c->entries < out->have ? c->entries : out->have;
    }
    return true;
}

/* A file that a table names: as it stands, else beside the table's own file. NULL: no memory. */
static char *find_path(const char *path, const char *beside)
{
    const char *slash = strrchr(beside, '/');
    char *text = NULL;
    if (!slash || *path == '/' || access(path, F_OK) == 0)
        return vcol__copy_string(path);
    size_t n = (size_t)(slash - beside) + 1 + strlen(path) + 1;
    text = malloc(n);
    if (!text)
        return NULL;
    snprintf(text, n, "%.*s/%s", (int)(slash - beside), beside, path);
    if (access(text, F_OK) == 0)
        return text;
    free(text);
    return vcol__copy_string(path);
}

static vcol_status open_friend(vcol_manager *m, const vcol__opening *what, const struct vcol__friend_file *f, vcol__infile *t,
                               vcol_error *err)
{
    const vcol__opening own = {f->path, f->source, what->readers, what->n_readers, what->recover, NULL, 0, false};
    vcol_error why = {0};
    vcol_status status = vcol__infile_open_file(m, &own, t, &why);
    if (status == VCOL_OK) {
        vcol_worker *worker = vcol__worker_take(m, &why);
        status = worker ? t->reader->open_object(t->file, f->object, worker, &t->object, &why) : VCOL_NOMEM;
        if (worker)
            vcol__worker_give(m, worker);
        if (status != VCOL_OK) {
            char text[sizeof why.message];
            t->object = NULL;
            memcpy(text, why.message, sizeof text);
            vcol_error_reset(&why);
            vcol_error_format(&why, status, "%.120s: %.380s", t->where, text);
            vcol__infile_close(m, t);
        }
    }
    return status == VCOL_OK ? VCOL_OK : vcol_error_format(err, status, "friend '%.60s': %.400s", f->name, why.message);
}

/* Columns and groups of a part, behind those of the parts before. */
static vcol_status add_part(joined *j, part *p, vcol_error *err)
{
    const vcol_schema *s = p->schema;
    vcol_schema *all = &j->schema;
    p->first_group = (int32_t)all->n_groups;
    p->first_column = all->n_columns;
    for (int64_t g = 0; g < s->n_groups; g++) {
        vcol_group *to = &j->groups[all->n_groups++];
        *to = s->groups[g];
        if (!p->file)
            continue;
        if (to->depends >= 0)
            to->depends += p->first_group;
        to->rows_of += p->first_group;
        to->source += p->first_group;
        to->name = text_of(j, "friend '", p->name, "', ", s->groups[g].name ? s->groups[g].name : "");
        if (!to->name)
            goto nomem;
    }
    for (int64_t i = 0; i < s->n_columns; i++) {
        vcol_schema_column *to = &j->columns[all->n_columns++];
        const char *slash;
        *to = s->columns[i];
        if (!p->file)
            continue;
        to->path = text_of(j, "", p->name, ".", s->columns[i].path);
        if (!to->path || (to->collection && !(to->collection = text_of(j, "", p->name, ".", to->collection))))
            goto nomem;
        slash = strrchr(to->path, '/');
        to->name = slash && slash[1] ? slash + 1 : to->path;
        if (p->note && to->status == VCOL_OK) {
            to->status = VCOL_UNSUPPORTED;
            to->note = p->note;
        }
        for (int32_t l = 0; l < to->levels; l++)
            to->level[l].ref.group += p->first_group;
        to->values.group += p->first_group;
        if (p->found >= 0)
            to->entries = p->found;
    }
    all->metadata += s->metadata;
    return VCOL_OK;
nomem:
    return vcol_error_format(err, VCOL_NOMEM, "no memory for the columns of friend '%.80s'", p->name);
}

static vcol_status join_schemas(joined *j, vcol_error *err)
{
    int64_t n_groups = 0, n_columns = 0;
    const vcol_schema *own = j->parts[0].schema;
    vcol_status status = VCOL_OK;
    for (int32_t k = 0; k < j->n; k++) {
        n_groups += j->parts[k].schema->n_groups;
        n_columns += j->parts[k].schema->n_columns;
    }
    if (n_groups > INT32_MAX)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "too many columns");
    j->groups = calloc((size_t)n_groups + 1, sizeof *j->groups);
    j->columns = calloc((size_t)n_columns + 1, sizeof *j->columns);
    if (!j->groups || !j->columns)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for the columns of friends");
    j->schema = *own;
    j->schema.n_groups = j->schema.n_columns = 0;
    j->schema.metadata = 0;
    j->schema.groups = j->groups;
    j->schema.columns = j->columns;
    for (int32_t k = 0; k < j->n && status == VCOL_OK; k++)
        status = add_part(j, &j->parts[k], err);
    j->schema.metadata += j->bytes + (uint64_t)n_groups * sizeof *j->groups + (uint64_t)n_columns * sizeof *j->columns;
    return status;
}

static vcol_status join_sources(joined *j, vcol__infile *t, vcol_source **out, vcol_error *err)
{
    vcol_source **sources = malloc((size_t)j->n * sizeof *sources);
    uint64_t *bases = malloc((size_t)j->n * sizeof *bases);
    vcol_status status = sources && bases ? VCOL_OK : vcol_error_format(err, VCOL_NOMEM, "no memory for the files of friends");
    for (int32_t k = 0; k < j->n && status == VCOL_OK; k++)
        sources[k] = k ? j->files[k - 1].source : t->source;
    if (status == VCOL_OK)
        status = vcol__source_join(sources, j->n, bases, out, err);
    for (int32_t k = 0; k < j->n && status == VCOL_OK; k++)
        j->parts[k].base = bases[k];
    free(sources);
    free(bases);
    return status;
}

/* The friends that the program names, then those that the table does, but for names that are taken. NULL: no memory. */
static struct vcol__friend_file *gather(const vcol__opening *what, const vcol__infile *t, const vcol_schema *s, int64_t *n)
{
    int64_t stored = what->stored_friends ? s->n_friends : 0;
    struct vcol__friend_file *list = calloc((size_t)(what->n_friends + stored) + 1, sizeof *list);
    *n = what->n_friends;
    if (list && *n)
        memcpy(list, what->friends, (size_t)*n * sizeof *list);
    for (int64_t i = 0; list && i < stored; i++) {
        const vcol_stored_friend *f = &s->friends[i];
        bool taken = false;
        for (int64_t k = 0; k < *n; k++)
            taken = taken || strcmp(list[k].name, f->name) == 0;
        if (!taken)
            list[(*n)++] = (struct vcol__friend_file){.name = f->name, .path = *f->path ? f->path : t->path, .object = f->object,
                                                      .source = *f->path ? NULL : t->source};
    }
    return list;
}

/* Makes an index of a friend's columns: as a data set of its own, for the moment. */
static vcol_status make_index(vcol_manager *m, const vcol__opening *what, const struct vcol__friend_file *f, const part *p,
                              vcol_index **out, vcol_error *err)
{
    size_t n = strlen(f->object ? f->object : "") + sizeof "friend:";
    char *path = malloc(n);
    vcol_dataset_options o;
    vcol_dataset *d = NULL;
    if (!path)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for a path");
    snprintf(path, n, "friend%s%s", f->object ? ":" : "", f->object ? f->object : "");
    vcol_dataset_options_init(&o, sizeof o);
    o.flags = what->recover ? VCOL_DATASET_RECOVER : 0;
    o.sources = &p->file->source;
    o.readers = what->readers;
    o.n_readers = what->n_readers;
    vcol_status status = vcol_dataset_open(m, &(const char *){path}, 1, &o, &d, err);
    if (status == VCOL_OK)
        status = vcol_index_open(d, f->major, f->minor, out, err);
    vcol_dataset_close(d);
    free(path);
    return status;
}

/* A friend whose entries are found by an index, its own or one of columns, is added to those that are. */
static vcol_status add_match(vcol_manager *m, const vcol__opening *what, const struct vcol__friend_file *f, const vcol_schema *main,
                             part *p, vcol__match *matches, int32_t *n, vcol_error *err)
{
    const char *major = f->major ? f->major : p->schema->index_major, *minor = f->major ? f->minor : p->schema->index_minor;
    vcol__match x = {.name = p->name, .where = p->file->where, .n_groups = (int32_t)p->schema->n_groups};
    vcol_error why = {0};
    vcol_status status;
    if (f->by_entry)
        return VCOL_OK;
    if (!has_index_for(main, major, minor ? minor : "0", p, &x))
        return f->major ? vcol_error_format(err, VCOL_TYPE, "friend '%.60s': the table has no columns '%.80s'%s%.80s%s of one integer "
                                            "an entry", p->name, major, minor ? " and '" : "", minor ? minor : "", minor ? "'" : "")
                        : VCOL_OK;
    status = f->major ? make_index(m, what, f, p, &x.index, &why) : vcol__index_of_file(m, p->file, &x.index, &why);
    if (status != VCOL_OK)
        return told(p, status, &why, err);
    x.entries = p->schema->entries;
    p->found = x.have;
    matches[*n] = x;
    vcol__pass_init(&matches[(*n)++].pass, m);
    return VCOL_OK;
}

vcol_status vcol__friends_join(vcol_manager *m, const vcol__opening *what, vcol__infile *t, vcol_error *err)
{
    const vcol_schema *s = t->reader->schema(t->object);
    int64_t n = 0, opened = 0;
    int32_t n_matches = 0;
    struct vcol__friend_file *list = gather(what, t, s, &n);
    joined *j = n ? calloc(1, sizeof *j) : NULL;
    joined_file *file = malloc(sizeof *file);
    vcol__match *matches = n ? calloc((size_t)n, sizeof *matches) : NULL;
    vcol_source *source = NULL;
    vcol_status status = VCOL_OK;
    if (n == 0 && list)
        goto done; /* it has none */
    if (j) {
        j->parts = calloc((size_t)n + 1, sizeof *j->parts);
        j->files = calloc((size_t)n + 1, sizeof *j->files);
    }
    if (!list || !j || !file || !matches || !j->parts || !j->files || n > INT16_MAX) {
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for %lld friends", (long long)n);
        goto done;
    }
    j->n = 1;
    j->parts[0] = (part){.reader = t->reader, .object = t->object, .schema = s, .found = -1};
    for (; opened < n && status == VCOL_OK; opened++) {
        vcol__infile *f = &j->files[opened];
        part *p = &j->parts[opened + 1];
        struct vcol__friend_file own = list[opened];
        char *path = opened < what->n_friends || own.source ? vcol__copy_string(own.path) : find_path(own.path, t->path);
        own.path = path;
        status = path ? open_friend(m, what, &own, f, err) : vcol_error_format(err, VCOL_NOMEM, "no memory for a path");
        free(path);
        if (status != VCOL_OK)
            break;
        f->binding.manager = m;
        j->n++;
        *p = (part){.reader = f->reader, .object = f->object, .schema = f->reader->schema(f->object), .file = f, .found = -1};
        p->name = text_of(j, "", own.name, "", "");
        if (!p->name)
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for a name");
        else
            status = add_match(m, what, &own, s, p, matches, &n_matches, err);
    }
    if (status == VCOL_OK)
        status = join_schemas(j, err);
    for (int32_t k = 0, i = 1; status == VCOL_OK && i < j->n; i++)
        if (j->parts[i].found >= 0)
            matches[k++].first_group = j->parts[i].first_group;
    if (status == VCOL_OK)
        status = join_sources(j, t, &source, err);
    if (status == VCOL_OK) {
        *file = (joined_file){t->reader, t->file};
        t->file = file;
        t->reader = &joined_reader;
        t->object = j;
        vcol_source_release(t->source);
        t->source = source;
        t->matches = matches;
        t->n_matches = n_matches;
        matches = NULL;
        file = NULL;
        j = NULL;
    }
done:
    for (int32_t k = 0; k < n_matches && matches; k++) {
        vcol__pass_destroy(&matches[k].pass);
        vcol_index_close(matches[k].index);
    }
    free(matches);
    if (j)
        free_joined(m, j, true);
    free(file);
    free(list);
    return status;
}
