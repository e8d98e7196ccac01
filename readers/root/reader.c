/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader of ROOT files with TTrees and RNTuples.
 *
 * Supported: files small and large, directories, cycles; TTree, TNtuple, TNtupleD, TChain and subclasses, by
 * the file's streamer information or the built-in descriptions (builtin.h); leaves of all plain types,
 * several in a branch, fixed arrays, arrays counted by another branch, C strings, std::string, vectors of
 * numbers; members of split classes; objects that are not split, nested containers, maps, pointers, as columns of their
 * members; baskets inside the tree's record. Listed as UNSUPPORTED, with the reason as a note: everything else that is a leaf
 * (docs/root-coverage.md). RNTuples: ntuple.h.
 *
 *     file       | header | record | record | …       file.c
 *     record     | key | payload, perhaps compressed   key.c, unzip.c
 *     directory    keys of records                     directory.c
 *     StreamerInfo descriptions of classes             streamer.c, compile.c, builtin.h
 *     objects      what entries hold that is no leaf   node.c, own.c, peek.c; pass.c, program.c; run.c,
 * run_objects.c
 *     TTree        branches, leaves, basket tables     object.c, branch.c, leaf.c, schema.c, cluster.c,
 * table.c TBasket      values of some entries              basket.c (plan, inspect, unpack), decode.c,
 * value.c
 *     RNTuple      anchor, header, footer, pages       ntuple*.c
 *     all others   only verified                       rest.c
 *     not closed   what a walk over the records finds  recover.c, adopt.c
 *
 * Known deviations of writers, all read: key images 4 bytes short (directory.c); tails on branches of fixed
 * size (g4tools, basket.c); baskets in slots below fWriteBasket that repeat a record (branch.c); bool bytes
 * other than 0 and 1 (value.c).
 */
#include "ntuple.h"
#include "recover.h"

#include <limits.h>

static int probe(const void *head, size_t n)
{
    return n >= 4 && !memcmp(head, "root", 4);
}

static vcol_status open_file(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker,
                             void **file, vcol_error *err)
{
    root_file *f;
    vcol_status status = vcol__file_open(source, allocator, worker, 0, &f, err);
    *file = f;
    return status;
}

static vcol_status recover_file(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker,
                                void **file, vcol_error *err)
{
    root_file *f;
    vcol_status status = vcol__file_open(source, allocator, worker, 1, &f, err);
    *file = f;
    return status;
}

static const char *file_note(void *file)
{
    const root_file *f = file;
    return f->recovery ? f->recovery->note : NULL;
}

static void close_file(void *file)
{
    vcol__file_close(file);
}

static int64_t n_objects(void *file)
{
    return ((root_file *)file)->n_listed;
}

static vcol_status object_info(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info,
                               vcol_error *err)
{
    root_file *f = file;
    const object_entry *e;
    root_table *table;
    root_ntuple *nt;
    vcol_status status;
    if (i < 0 || i >= f->n_listed)
        return vcol_error_format(err, VCOL_RANGE, "object %lld of %lld", (long long)i,
                                 (long long)f->n_listed);
    e = &f->entries[f->listed[i]];
    *info = (vcol_object_info){
        .name = e->name,
        .class_name = e->class_name,
        .title = e->title,
        .entries = -1,
        .columns = -1,
        .stored = e->nbytes,
        .unpacked = e->objlen,
        .is_table = e->is_table,
        .cycle = e->cycle,
        .note = e->note,
    };
    if (!e->is_table)
        return VCOL_OK;
    if (e->is_ntuple) {
        status = vcol__ntuple_open(f, e, worker, &nt, err);
        if (status)
            return status;
        info->entries = nt->schema.entries;
        info->columns = nt->schema.n_columns;
        info->stored = nt->stored;
        info->unpacked = nt->unpacked;
        if (nt->attribute_sets)
            info->note = "its linked attribute sets are not read";
        vcol__ntuple_close(nt);
        return VCOL_OK;
    }
    status = vcol__table_open(f, e, worker, &table, err);
    if (status)
        return status;
    info->entries = table->schema.entries;
    info->columns = table->schema.n_columns;
    info->stored = table->stored;
    info->unpacked = table->unpacked;
    info->note = table->note;
    vcol__table_close(table);
    return VCOL_OK;
}

/* "name" or "name;cycle". */
static int named(const object_entry *e, const char *name, size_t n, long cycle)
{
    return strlen(e->name) == n && !memcmp(e->name, name, n) && (cycle < 0 ? e->listed : e->cycle == cycle);
}

static vcol_status find_by_name(const root_file *f, const char *name, const object_entry **out,
                                vcol_error *err)
{
    const char *semicolon;
    size_t n;
    while (*name == '/')
        name++;
    n = strlen(name);
    for (int64_t i = 0; i < f->n_entries && !*out; i++)
        if (named(&f->entries[i], name, n, -1))
            *out = &f->entries[i];
    semicolon = strrchr(name, ';');
    if (!*out && semicolon && semicolon[1] >= '0' && semicolon[1] <= '9') {
        long cycle = 0;
        for (const char *p = semicolon + 1; *p >= '0' && *p <= '9' && cycle < 100000; p++)
            cycle = cycle * 10 + (*p - '0');
        for (int64_t i = 0; i < f->n_entries && !*out; i++)
            if (named(&f->entries[i], name, (size_t)(semicolon - name), cycle))
                *out = &f->entries[i];
    }
    if (!*out)
        return vcol_error_format(err, VCOL_NOT_FOUND, "no object '%s' among its %lld", name,
                                 (long long)f->n_listed);
    return VCOL_OK;
}

/* The only table, or "Events". */
static vcol_status find_default(const root_file *f, const object_entry **out, vcol_error *err)
{
    const object_entry *table = NULL, *note = NULL;
    int64_t n = 0;
    for (int64_t i = 0; i < f->n_listed; i++) {
        const object_entry *e = &f->entries[f->listed[i]];
        if (e->is_table) {
            table = e;
            n++;
            if (!strcmp(e->name, "Events"))
                *out = e;
        } else if (e->note) {
            note = e;
        }
    }
    if (n == 1)
        *out = table;
    if (*out)
        return VCOL_OK;
    if (n)
        return vcol_error_format(err, VCOL_NOT_FOUND,
                                 "it holds %lld trees, none called 'Events': name one, such as '%s'",
                                 (long long)n, table->name);
    if (note)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "no tree in it; '%s': %s", note->name, note->note);
    return vcol_error_format(err, VCOL_NOT_FOUND, "no tree in it");
}

static vcol_status open_object(void *file, const char *name, vcol_worker *worker, void **object,
                               vcol_error *err)
{
    root_file *f = file;
    const object_entry *e = NULL;
    root_table *table = NULL;
    root_ntuple *nt = NULL;
    vcol_status status = name ? find_by_name(f, name, &e, err) : find_default(f, &e, err);
    *object = NULL;
    if (status)
        return status;
    if (!e->is_table)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "'%s' is a %s, not a table%s%s", e->name,
                                 e->class_name, e->note ? ": " : "", e->note ? e->note : "");
    if (e->is_ntuple) {
        status = vcol__ntuple_open(f, e, worker, &nt, err);
        *object = nt;
        return status;
    }
    status = vcol__table_open(f, e, worker, &table, err);
    *object = table;
    return status;
}

static vcol_status open_rest(void *file, vcol_worker *worker, void **object, vcol_error *err)
{
    root_table *table = NULL;
    vcol_status status = vcol__rest_open(file, &table, err);
    (void)worker;
    *object = table;
    return status;
}

static root_ntuple *ntuple_of(void *object)
{
    return ((root_object *)object)->kind == OBJECT_NTUPLE ? object : NULL;
}

static const vcol_schema *schema(void *object)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? &nt->schema : &((root_table *)object)->schema;
}

static void close_object(void *object)
{
    if (!object)
        return;
    if (ntuple_of(object))
        vcol__ntuple_close(object);
    else
        vcol__table_close(object);
}

static vcol_status plan(void *object, int32_t group, int64_t first, int64_t count, const vcol_deps *deps,
                        vcol_block_sink *sink, vcol_error *err)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? vcol__page_plan(nt, group, first, count, sink, err)
              : vcol__basket_plan(object, group, first, count, deps, sink, err);
}

static vcol_status expect(void *object, int32_t group, int64_t first, int64_t count, vcol_block_sink *sink, vcol_error *err)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? vcol__page_expect(nt, group, first, count, sink, err) : VCOL_OK;
}

static vcol_status inspect(void *object, int32_t group, vcol_block *block, const void *stored, vcol_block_sink *sink,
                           vcol_error *err)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? vcol__page_inspect(nt, block, stored, err) : vcol__basket_inspect(object, group, block, stored, sink, err);
}

static vcol_status unpack(void *object, const vcol_block *block, const void *stored, void *dst, size_t want,
                          vcol_worker *worker, vcol_error *err)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? vcol__page_unpack(nt, block, stored, dst, want, worker, err)
              : vcol__basket_unpack(object, block, stored, dst, want, worker, err);
}

static vcol_status measure(void *object, int32_t group, const vcol_block *block, const void *plain, const void *state,
                           const vcol_deps *deps, int64_t skip, int64_t count, int64_t *rows, int64_t *items, vcol_error *err)
{
    if (ntuple_of(object))
        return vcol_error_format(err, VCOL_MISUSE, "ntuple '%s': it has no group to be measured", ntuple_of(object)->name);
    return vcol__basket_measure(object, group, block, plain, state, deps, skip, count, rows, items, err);
}

static vcol_status decode(void *object, int32_t group, const vcol_block *block, const void *plain, int whole,
                          const void *state, const vcol_deps *deps, const vcol_part *parts, int32_t n_parts,
                          vcol_worker *worker, vcol_error *err)
{
    root_ntuple *nt = ntuple_of(object);
    return nt ? vcol__page_decode(nt, group, block, plain, parts, n_parts, err)
              : vcol__basket_decode(object, group, block, plain, whole, state, deps, parts, n_parts, worker, err);
}

static vcol_status stored_index(void *object, vcol_worker *worker, vcol_index_take take, void *opaque, vcol_error *err)
{
    return ntuple_of(object) ? VCOL_OK : vcol__table_index(object, worker, take, opaque, err);
}

const vcol_reader *vcol_reader_root(void)
{
    static const vcol_reader reader = {
        .abi = VCOL_READER_ABI,
        .name = "root",
        .probe = probe,
        .open = open_file,
        .close = close_file,
        .n_objects = n_objects,
        .object_info = object_info,
        .open_object = open_object,
        .schema = schema,
        .close_object = close_object,
        .plan = plan,
        .inspect = inspect,
        .unpack = unpack,
        .measure = measure,
        .decode = decode,
        .open_rest = open_rest,
        .expect = expect,
        .recover = recover_file,
        .note = file_note,
        .index = stored_index,
    };
    return &reader;
}
