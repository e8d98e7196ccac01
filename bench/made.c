/* SPDX-License-Identifier: BSD-3-Clause */
/* made.h */
#include "made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static made_file *opened; /* one at a time: what the reader opens */

void made_table(made_file *t, const int64_t *bytes, int items, int wide)
{
    int n = wide ? items : 1;
    memset(t, 0, sizeof *t);
    t->wide = wide;
    t->n = items;
    for (int i = 0; i < items; i++) {
        t->clusters[i + 1] = t->clusters[i] + bytes[i];
        if (wide && t->size < (size_t)bytes[i])
            t->size = (size_t)bytes[i];
    }
    if (!wide)
        t->size = (size_t)t->clusters[items];
    int64_t entries = wide ? 1 : t->clusters[items];
    for (int i = 0; i < n; i++) {
        snprintf(t->names[i], sizeof t->names[i], "c%d", i);
        t->leaves[i] = (vcol_leaf){.role = VCOL_LEAF_VALUES, .type = VCOL_U8, .multiple = wide ? bytes[i] : 1};
        t->groups[i] = (vcol_group){.kind = VCOL_GROUP_BLOCKS, .depends = -1, .n_leaves = 1, .leaves = &t->leaves[i],
                                    .entries = entries, .stored = t->size, .unpacked = t->size, .name = t->names[i]};
        t->columns[i] = (vcol_schema_column){.name = t->names[i], .path = t->names[i], .type_name = "uint8", .shape = "uint8",
                                             .type = VCOL_U8, .values = {i, 0}, .entries = entries, .blocks = wide ? 1 : items};
        if (wide) {
            t->columns[i].levels = 1;
            t->columns[i].level[0].kind = VCOL_LEVEL_FIXED;
            t->columns[i].level[0].size = bytes[i];
        }
    }
    t->schema = (vcol_schema){.entries = entries, .n_columns = n, .columns = t->columns, .n_groups = n, .groups = t->groups};
    if (!wide) {
        t->schema.n_clusters = items;
        t->schema.clusters = t->clusters;
    }
}

static int table_probe(const void *head, size_t n)
{
    return n >= 4 && memcmp(head, "evic", 4) == 0;
}

static vcol_status table_open(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **file, vcol_error *err)
{
    (void)source, (void)allocator, (void)worker, (void)err;
    *file = opened;
    return VCOL_OK;
}

static void table_close(void *file)
{
    (void)file;
}

static int64_t table_objects(void *file)
{
    (void)file;
    return 1;
}

static vcol_status table_info(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info, vcol_error *err)
{
    const made_file *t = file;
    (void)i, (void)worker, (void)err;
    *info = (vcol_object_info){.name = "", .class_name = "table", .title = "", .entries = t->schema.entries,
                               .columns = t->schema.n_columns, .is_table = 1};
    return VCOL_OK;
}

static vcol_status table_object(void *file, const char *name, vcol_worker *worker, void **object, vcol_error *err)
{
    (void)name, (void)worker, (void)err;
    *object = file;
    return VCOL_OK;
}

static const vcol_schema *table_schema(void *object)
{
    return &((const made_file *)object)->schema;
}

static vcol_status table_plan(void *object, int32_t group, int64_t first, int64_t n, const vcol_deps *deps, vcol_block_sink *sink,
                              vcol_error *err)
{
    const made_file *t = object;
    (void)deps;
    if (t->wide) {
        uint64_t bytes = (uint64_t)t->leaves[group].multiple;
        return vcol_block_push(sink, &(vcol_block){.stored = bytes, .unpacked = bytes, .memory = t->bytes, .entries = 1, .needs = -1,
                                                   .flags = VCOL_BLOCK_INSPECTED | VCOL_BLOCK_AS_IS, .tag = (uint64_t)group}, err);
    }
    vcol_status status = VCOL_OK;
    for (int i = 0; i < t->n && status == VCOL_OK; i++) {
        int64_t begin = t->clusters[i], rows = t->clusters[i + 1] - begin;
        if (begin < first + n && begin + rows > first)
            status = vcol_block_push(sink, &(vcol_block){.offset = (uint64_t)begin, .stored = (uint64_t)rows, .unpacked = (uint64_t)rows,
                                                         .first_entry = begin, .entries = rows, .needs = -1, .flags = VCOL_BLOCK_INSPECTED}, err);
    }
    return status;
}

static vcol_status table_unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want, vcol_worker *worker,
                                vcol_error *err)
{
    (void)object, (void)block, (void)worker, (void)err;
    memcpy(dst, stored, want);
    return VCOL_OK;
}

static vcol_status table_decode(void *object, int32_t group, const vcol_block *block, const void *plain, int whole, const void *state,
                                const vcol_deps *deps, const vcol_part *parts, int32_t n_parts, vcol_worker *worker, vcol_error *err)
{
    const made_file *t = object;
    (void)block, (void)whole, (void)state, (void)deps, (void)n_parts, (void)worker, (void)err;
    size_t each = (size_t)t->leaves[group].multiple;
    memcpy(parts[0].dst, (const char *)plain + (size_t)parts[0].skip * each, (size_t)parts[0].count * each);
    return VCOL_OK;
}

static const vcol_reader table_reader = {
    .abi = VCOL_READER_ABI, .name = "evict", .probe = table_probe, .open = table_open, .close = table_close, .n_objects = table_objects,
    .object_info = table_info, .open_object = table_object, .schema = table_schema, .close_object = table_close, .plan = table_plan,
    .unpack = table_unpack, .decode = table_decode,
};

vcol_status made_manager(vcol_manager **m, uint64_t stored_limit, vcol_error *err)
{
    vcol_manager_options o;
    vcol_manager_options_init(&o, sizeof o);
    o.flags = VCOL_MANAGER_NO_BACKGROUND;
    o.stored_limit = stored_limit;
    return vcol_manager_open(&o, m, err);
}

vcol_status made_open(made_opening *o, made_file *t, uint64_t stored_limit, vcol_error *err)
{
    vcol_dataset_options options;
    const vcol_reader *readers[] = {&table_reader};
    t->bytes = calloc(t->size, 1);
    if (!t->bytes)
        return vcol_error_set(err, VCOL_NOMEM, "no memory");
    memcpy(t->bytes, "evic", 4);
    opened = t;
    vcol_status status = made_manager(&o->m, stored_limit, err);
    if (status == VCOL_OK)
        status = vcol_source_open_memory(t->bytes, t->size, "made up", &o->source, err);
    vcol_dataset_options_init(&options, sizeof options);
    options.sources = &o->source;
    options.readers = readers;
    options.n_readers = 1;
    options.flags = VCOL_DATASET_KEEP_STORED;
    return status == VCOL_OK ? vcol_dataset_open(o->m, &(const char *){"made up"}, 1, &options, &o->d, err) : status;
}

void made_close(made_opening *o, made_file *t)
{
    vcol_dataset_close(o->d);
    vcol_source_release(o->source);
    vcol_manager_close(o->m);
    free(t->bytes);
}
