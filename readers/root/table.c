/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a tree: its record is read, walked, made a schema, and forgotten; it is read again for its index. */
#include "table.h"

/* What the tree's index is of, and its friends. -1: no memory. */
static int describe(root_table *table, walk *w, const model_tree *tree)
{
    const model_index *x = vcol__walk_index(w, tree);
    vcol_schema *schema = &table->schema;
    vcol_stored_friend *friends;
    int64_t n = 0;
    if (x) {
        schema->index_major = vcol__arena_text(&table->memory, x->bad ? (text){"?", 1} : x->major);
        schema->index_minor = vcol__arena_text(&table->memory, x->bad ? (text){"?", 1} : x->minor);
        if (!schema->index_major || !schema->index_minor)
            return -1;
    }
    for (int64_t i = 0; i < w->n_objects; i++)
        n += w->objects[i].kind == KIND_FRIEND;
    schema->friends = friends = vcol__arena_new(&table->memory, (uint64_t)n, sizeof *friends);
    if (!friends)
        return -1;
    for (int64_t i = 0; i < w->n_objects; i++) {
        const model_friend *f = w->objects[i].target;
        vcol_stored_friend *out = &friends[schema->n_friends];
        if (w->objects[i].kind != KIND_FRIEND)
            continue;
        out->name = vcol__arena_text(&table->memory, f->named.name);
        out->path = vcol__arena_text(&table->memory, f->named.title);
        out->object = vcol__arena_text(&table->memory, f->tree_name.n ? f->tree_name : f->named.name);
        if (!out->name || !out->path || !out->object)
            return -1;
        schema->n_friends++;
    }
    return 0;
}

vcol_status vcol__table_open(root_file *file, const object_entry *entry, vcol_worker *worker,
                             root_table **out, vcol_error *err)
{
    arena memory, temporary;
    root_table *table = NULL;
    root_record record = {0};
    vcol_error inner = {0};
    model_tree tree;
    walk w = {0};
    root_class *cls;
    vcol_status status;
    *out = NULL;
    vcol__arena_init(&memory, &file->memory.allocator);
    vcol__arena_init(&temporary, &file->memory.allocator);
    /* the record and what is walked of it in one chunk, what stays in another: what trees of hundreds of
     * branches take */
    vcol__arena_reserve(&temporary, vcol__record_need(file, entry->nbytes, entry->objlen) + entry->objlen);
    status = vcol__record_read(file, entry->seek, entry->nbytes, "its record", worker, &temporary, &record,
                               &inner);
    if (status) {
        vcol_error_format(err, status, "tree '%s': %s", entry->name, inner.message);
        goto done;
    }
    vcol__arena_reserve(&memory, record.size + record.size / 2);
    table = vcol__arena_new(&memory, 1, sizeof *table);
    if (!table) {
        vcol__arena_free(&memory);
        status = vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory to open it", entry->name);
        goto done;
    }
    table->file = file;
    table->memory = memory;
    table->name = entry->name;
    table->seek = entry->seek;
    table->nbytes = entry->nbytes;
    table->objlen = entry->objlen;
    cls = vcol__class_find(file->classes, record.key.class_name);
    if (!cls || cls->kind != KIND_TREE) {
        status = vcol_error_format(err, VCOL_CORRUPT, "tree '%s' at byte %llu: its record is of class '%.*s'",
                                   entry->name, (unsigned long long)entry->seek,
                                   (int)(record.key.class_name.n < 40 ? record.key.class_name.n : 40),
                                   record.key.class_name.s);
        goto done;
    }
    w.file = file;
    w.worker = worker;
    w.memory = &temporary;
    status = vcol__walk_tree(&w, &record, cls, &tree);
    if (status) {
        vcol_error_format(err, status, "tree '%s' at byte %llu: %s%s%s%s", entry->name,
                          (unsigned long long)entry->seek, w.why, file->info_note ? " (" : "",
                          file->info_note ? file->info_note : "", file->info_note ? ")" : "");
        goto done;
    }
    if (describe(table, &w, &tree)) {
        status = vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory to open it", entry->name);
        goto done;
    }
    if (file->recovery && vcol__adopt(table, &w, entry, &tree)) {
        status = vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory to open it", entry->name);
        goto done;
    }
    status = vcol__schema_make(table, &w, &tree, err);
    table->schema.metadata = file->memory.bytes + table->memory.bytes;
done:
    vcol__arena_free(&temporary);
    if (status)
        vcol__table_close(table);
    else
        *out = table;
    return status;
}

void vcol__table_close(root_table *table)
{
    arena memory;
    if (!table)
        return;
    memory = table->memory;
    vcol__arena_free(&memory);
}

/* n numbers of the file; 24 bytes of them a key, so that a record of MAX_RECORD has no more than can be counted. */
static int64_t *numbers(arena *memory, const uint8_t *from, int64_t n)
{
    int64_t *to = vcol__arena_take(memory, 8 * (uint64_t)n + 8);
    for (int64_t i = 0; to && i < n; i++)
        to[i] = (int64_t)be64(from + 8 * i);
    return to;
}

static int64_t *short_numbers(arena *memory, const uint8_t *from, int64_t n)
{
    int64_t *to = vcol__arena_take(memory, 8 * (uint64_t)n + 8);
    for (int64_t i = 0; to && i < n; i++)
        to[i] = (int32_t)be32(from + 4 * i);
    return to;
}

/*
 * Sums of ROOT 3 to their numbers. A double keeps nine digits of the minor below a major of 2^22; above, several minors are one sum.
 * Majors and minors below 0, and minors of 1e9 and more, are others in the sum, for ROOT as well.
 */
static vcol_status split_sums(const root_table *table, const model_index *x, int64_t *majors, int64_t *minors, vcol_error *err)
{
    for (int64_t i = 0; i < x->n; i++) {
        uint64_t bits = be64(x->sums + 8 * i);
        double sum;
        memcpy(&sum, &bits, sizeof sum);
        if (!(sum >= 0 && sum < 1 << 22))
            return vcol_error_format(err, VCOL_UNSUPPORTED, "tree '%s' at byte %llu: its index has %g, in which a major and a minor "
                                     "cannot be told apart", table->name, (unsigned long long)table->seek, sum);
        majors[i] = (int64_t)sum;
        minors[i] = (int64_t)((sum - (double)majors[i]) * 1e9 + 0.5);
        if (minors[i] == 1000000000) { /* rounded */
            majors[i]++;
            minors[i] = 0;
        }
    }
    return VCOL_OK;
}

static vcol_status give_index(root_table *table, const model_index *x, arena *memory, vcol_index_take take, void *opaque,
                              vcol_error *err)
{
    vcol_stored_index out = {.n = x->n};
    int64_t *majors, *minors, *entries;
    if (x->bad)
        return vcol_error_format(err, VCOL_CORRUPT, "tree '%s' at byte %llu: its index does not fit its bytes", table->name,
                                 (unsigned long long)table->seek);
    out.major = vcol__arena_text(memory, x->major);
    out.minor = vcol__arena_text(memory, x->minor);
    out.majors = majors = numbers(memory, x->sums ? x->sums : x->majors, x->n);
    out.minors = minors = numbers(memory, x->sums ? x->sums : x->minors ? x->minors : x->majors, x->n);
    out.entries = entries = x->sums ? short_numbers(memory, x->entries, x->n) : numbers(memory, x->entries, x->n);
    if (!out.major || !out.minor || !majors || !minors || !entries)
        return vcol_error_format(err, VCOL_NOMEM, "tree '%s': no memory for its index", table->name);
    if (x->sums && split_sums(table, x, majors, minors, err) != VCOL_OK)
        return (vcol_status)err->status;
    for (int64_t i = 0; i < x->n && !x->minors && !x->sums; i++) {
        majors[i] >>= 31;
        minors[i] &= INT32_MAX;
    }
    for (int64_t i = 0; i < x->n; i++)
        if (out.entries[i] < 0 || out.entries[i] >= table->schema.entries)
            return vcol_error_format(err, VCOL_CORRUPT, "tree '%s' at byte %llu: its index names entry %lld of %lld", table->name,
                                     (unsigned long long)table->seek, (long long)out.entries[i],
                                     (long long)table->schema.entries);
    return take(&out, opaque, err);
}

vcol_status vcol__table_index(root_table *table, vcol_worker *worker, vcol_index_take take, void *opaque, vcol_error *err)
{
    root_file *file = table->file;
    arena memory;
    root_record record = {0};
    vcol_error inner = {0};
    walk w = {.file = file, .memory = &memory};
    model_tree tree;
    const model_index *x;
    vcol_status status;
    if (!table->schema.index_major)
        return VCOL_OK;
    vcol__arena_init(&memory, &file->memory.allocator);
    vcol__arena_reserve(&memory, vcol__record_need(file, table->nbytes, table->objlen) + table->objlen);
    status = vcol__record_read(file, table->seek, table->nbytes, "its record", worker, &memory, &record, &inner);
    if (!status) {
        root_class *cls = vcol__class_find(file->classes, record.key.class_name);
        status = cls && cls->kind == KIND_TREE ? vcol__walk_tree(&w, &record, cls, &tree) : VCOL_CORRUPT;
        if (status)
            vcol_error_format(&inner, status, "%s", w.why[0] ? w.why : "another record is there now");
    }
    x = status ? NULL : vcol__walk_index(&w, &tree);
    if (status)
        vcol_error_format(err, status, "tree '%s': %s", table->name, inner.message);
    else if (x)
        status = give_index(table, x, &memory, take, opaque, err);
    vcol__arena_free(&memory);
    return status;
}
