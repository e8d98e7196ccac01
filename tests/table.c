/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h: the files, a source for them, and a reader of them. */
#include "table.h"

#define HEAD 64

enum { T_RUN, T_EVENT, T_X, T_SMALL, T_COLUMNS };
static const size_t width_of[T_COLUMNS] = {8, 8, 8, 1};

/* ---- source ------------------------------------------------------------------------------------------- */

static vcol_status source_limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    (void)err;
    *out = (vcol_source_limits){.size = ((table_file *)self)->size, .requests = 4, .flags = VCOL_SOURCE_FAST};
    return VCOL_OK;
}

static vcol_status source_read(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    table_file *f = self;
    for (int32_t i = 0; i < n; i++) {
        uint64_t end = ranges[i].offset + ranges[i].size;
        t_require(end <= f->size);
        atomic_fetch_add(&f->reads, 1);
        if (f->bad_offset && ranges[i].offset <= f->bad_offset && f->bad_offset < end)
            return vcol_error_set(err, VCOL_IO, "the medium is broken");
        memcpy(ranges[i].data, f->bytes + ranges[i].offset, ranges[i].size);
    }
    return VCOL_OK;
}

static void source_identity(void *self, char *out, size_t size)
{
    snprintf(out, size, "%s", ((table_file *)self)->identity);
}

static const vcol_source_ops source_ops = {
    .struct_size = sizeof source_ops, .limits = source_limits, .read = source_read, .identity = source_identity};

/* ---- reader ------------------------------------------------------------------------------------------- */

typedef struct object {
    vcol_schema schema;
    vcol_schema_column columns[T_COLUMNS];
    vcol_group groups[T_COLUMNS];
    vcol_leaf leaves[T_COLUMNS];
    int64_t clusters[TABLE_CLUSTERS + 1];
    int64_t block, start[T_COLUMNS];
} object;

static int probe(const void *head, size_t n)
{
    return n >= 4 && memcmp(head, "TABL", 4) == 0;
}

static vcol_status open_file(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **out,
                             vcol_error *err)
{
    static const char *const names[] = {"run", "event", "x", "small"};
    static const char *const shapes[] = {"int64", "int64", "float64", "int8"};
    static const vcol_type types[] = {VCOL_I64, VCOL_I64, VCOL_F64, VCOL_I8};
    int64_t head[3 + TABLE_CLUSTERS + 1], at = HEAD + (int64_t)sizeof head;
    vcol_range range = {HEAD, sizeof head, head};
    object *o = calloc(1, sizeof *o);
    (void)allocator, (void)worker;
    if (vcol_source_read(source, &range, 1, err) != VCOL_OK) {
        free(o);
        return VCOL_IO;
    }
    o->schema = (vcol_schema){.entries = head[0], .n_columns = T_COLUMNS, .columns = o->columns, .n_groups = T_COLUMNS,
                              .groups = o->groups, .n_clusters = head[2], .clusters = o->clusters};
    memcpy(o->clusters, head + 3, sizeof o->clusters);
    o->block = head[1];
    for (int c = 0; c < T_COLUMNS; c++) {
        o->start[c] = at;
        at += head[0] * (int64_t)width_of[c];
        o->leaves[c] = (vcol_leaf){VCOL_LEAF_VALUES, types[c], 0, 0, 1};
        o->groups[c] = (vcol_group){VCOL_GROUP_BLOCKS, 0, -1, 1, &o->leaves[c], head[0], 0, 0, names[c], 0, 0, 0, 0};
        o->columns[c] = (vcol_schema_column){.name = names[c], .path = names[c], .type_name = shapes[c], .shape = shapes[c],
                                             .type = types[c], .values = {c, 0}, .entries = head[0],
                                             .blocks = (head[0] + head[1] - 1) / head[1]};
    }
    *out = o;
    return VCOL_OK;
}

static void close_file(void *file)
{
    free(file);
}

static int64_t n_objects(void *file)
{
    (void)file;
    return 1;
}

static vcol_status object_info(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info, vcol_error *err)
{
    const object *o = file;
    (void)i, (void)worker, (void)err;
    *info = (vcol_object_info){"", "table", "", o->schema.entries, T_COLUMNS, 0, 0, 1, 0, NULL};
    return VCOL_OK;
}

static vcol_status open_object(void *file, const char *name, vcol_worker *worker, void **out, vcol_error *err)
{
    (void)name, (void)worker, (void)err;
    *out = file;
    return VCOL_OK;
}

static const vcol_schema *schema(void *o)
{
    return &((object *)o)->schema;
}

static void close_object(void *o)
{
    (void)o;
}

static vcol_status plan(void *self, int32_t group, int64_t first, int64_t count, const vcol_deps *deps, vcol_block_sink *sink,
                        vcol_error *err)
{
    const object *o = self;
    int64_t width = (int64_t)width_of[group];
    (void)deps;
    for (int64_t at = first - first % o->block; at < first + count; at += o->block) {
        int64_t n = o->schema.entries - at < o->block ? o->schema.entries - at : o->block;
        vcol_block b = {.offset = (uint64_t)(o->start[group] + at * width), .stored = (uint64_t)(n * width),
                        .unpacked = (uint64_t)(n * width), .first_entry = at, .entries = n, .needs = -1,
                        .flags = VCOL_BLOCK_INSPECTED};
        vcol_status status = vcol_block_push(sink, &b, err);
        if (status != VCOL_OK)
            return status;
    }
    return VCOL_OK;
}

static vcol_status unpack(void *self, const vcol_block *block, const void *stored, void *dst, size_t want, vcol_worker *worker,
                          vcol_error *err)
{
    (void)self, (void)block, (void)worker, (void)err;
    memcpy(dst, stored, want);
    return VCOL_OK;
}

static vcol_status decode(void *self, int32_t group, const vcol_block *block, const void *plain, int whole, const void *state,
                          const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker, vcol_error *err)
{
    (void)self, (void)block, (void)whole, (void)state, (void)deps, (void)worker, (void)err;
    t_require(n_parts == 1);
    memcpy(parts->dst, (const char *)plain + (size_t)parts->skip * width_of[group], (size_t)parts->count * width_of[group]);
    return VCOL_OK;
}

static const vcol_reader reader = {
    .abi = VCOL_READER_ABI, .name = "table", .probe = probe, .open = open_file, .close = close_file, .n_objects = n_objects,
    .object_info = object_info, .open_object = open_object, .schema = schema, .close_object = close_object, .plan = plan,
    .unpack = unpack, .decode = decode};

/* ---- worlds ------------------------------------------------------------------------------------------- */

table_world *table_new(int n_files, int64_t rows, int64_t group, uint64_t seed)
{
    table_world *w = calloc(1, sizeof *w);
    t_random r = {seed};
    int64_t run = 0, left = 0;
    t_require(n_files <= TABLE_FILES && rows <= TABLE_ROWS);
    w->n_files = n_files;
    for (int i = 0; i < n_files; i++) {
        table_file *f = &w->files[i];
        f->rows = rows;
        f->block = 100;
        snprintf(f->identity, sizeof f->identity, "table %d of %llu", i, (unsigned long long)seed);
        left = 0; /* no group goes on in the next file */
        for (int64_t k = 0; k < rows; k++) {
            if (left-- == 0) {
                run += 1 + t_below(&r, 5);
                left = t_below(&r, group);
            }
            f->run[k] = run;
            f->event[k] = (int64_t)t_next(&r);
            f->x[k] = (double)t_below(&r, 1000000007) / 3;
        }
    }
    return w;
}

static void make_bytes(table_file *f)
{
    int64_t head[3 + TABLE_CLUSTERS + 1] = {f->rows, f->block ? f->block : 100, f->n_clusters};
    memcpy(head + 3, f->clusters, sizeof f->clusters);
    size_t rows = (size_t)f->rows, at = HEAD;
    free(f->bytes);
    f->size = HEAD + sizeof head + rows * 25;
    f->bytes = calloc(f->size, 1);
    memcpy(f->bytes, "TABL", 4);
    memcpy(f->bytes + at, head, sizeof head);
    at += sizeof head;
    memcpy(f->bytes + at, f->run, 8 * rows);
    memcpy(f->bytes + at + 8 * rows, f->event, 8 * rows);
    memcpy(f->bytes + at + 16 * rows, f->x, 8 * rows);
    for (size_t k = 0; k < rows; k++)
        f->bytes[at + 24 * rows + k] = (unsigned char)(f->run[k] % 100);
}

void table_open(table_world *w, int threads, uint64_t limit, uint32_t flags)
{
    static const char *const paths[TABLE_FILES] = {"one", "two", "three", "four"};
    vcol_manager_options mo = t_options();
    vcol_dataset_options o;
    const vcol_reader *readers = &reader;
    vcol_error err = {0};
    mo.flags = flags | (threads ? 0 : VCOL_MANAGER_NO_BACKGROUND);
    mo.threads = threads;
    mo.limit = limit;
    mo.allocator = t_allocator_of(&w->allocator);
    w->m = t_manager(&mo);
    vcol_dataset_options_init(&o, sizeof o);
    for (int i = 0; i < w->n_files; i++) {
        make_bytes(&w->files[i]);
        ck_assert_int_eq(vcol_source_create(&source_ops, &w->files[i], paths[i], &w->sources[i], NULL), VCOL_OK);
    }
    o.sources = w->sources;
    o.readers = &readers;
    o.n_readers = 1;
    ck_assert_msg(vcol_dataset_open(w->m, paths, w->n_files, &o, &w->d, &err) == VCOL_OK, "%s", err.message);
}

void table_close(table_world *w)
{
    t_until(t_stats(w->m).live + t_stats(w->m).promised == 0);
    vcol_dataset_close(w->d);
    for (int i = 0; i < w->n_files; i++) {
        vcol_source_release(w->sources[i]);
        free(w->files[i].bytes);
        w->files[i].bytes = NULL;
    }
    vcol_manager_close(w->m);
    ck_assert_int_eq(atomic_load(&w->allocator.live), 0);
}

void table_free(table_world *w)
{
    free(w);
}

void table_end(table_world *w)
{
    table_close(w);
    table_free(w);
}

const table_file *table_row(const table_world *w, int64_t row, int64_t *in_file)
{
    int i = 0;
    while (row >= w->files[i].rows)
        row -= w->files[i++].rows;
    *in_file = row;
    return &w->files[i];
}

int64_t table_rows(const table_world *w)
{
    int64_t rows = 0;
    for (int i = 0; i < w->n_files; i++)
        rows += w->files[i].rows;
    return rows;
}
