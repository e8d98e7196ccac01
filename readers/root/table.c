/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a tree: its record is read, walked, made a schema, and forgotten. */
#include "table.h"

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
