/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening one file: its source, the reader that knows it, its table. And vcol_file_*: listing what is inside. */
#include "dataset/friend.h"

#include <stdlib.h>
#include <string.h>

char *vcol__copy_string(const char *text)
{
    return strdup(text ? text : "");
}

bool vcol__list_grow(void *list, int64_t n, int64_t *capacity, size_t each)
{
    void *data;
    if (n < *capacity)
        return true;
    int64_t more = *capacity ? 2 * *capacity : 8;
    memcpy(&data, list, sizeof data); /* a pointer of any type */
    data = realloc(data, (size_t)more * each);
    if (!data)
        return false;
    memcpy(list, &data, sizeof data);
    *capacity = more;
    return true;
}

/* The file's name before a message that comes from a reader. */
static vcol_status located(const char *where, vcol_status status, vcol_error *err)
{
    if (err && err->status) {
        char text[sizeof err->message];
        memcpy(text, err->message, sizeof text);
        err->status = VCOL_OK;
        vcol_error_format(err, status, "%.120s: %.380s", where, text);
    }
    return status;
}

/*
 * Metadata is not evicted, and a small file can describe gigabytes of it. It may take as much as the limit, and SLACK,
 * so that small limits do not keep large files from being opened.
 */
#define SLACK ((uint64_t)48 << 20)

static void *ration_alloc(size_t size, size_t align, void *opaque)
{
    vcol__ration *r = opaque;
    void *p = NULL;
    if (atomic_fetch_add(&r->taken, size) + size <= r->most)
        p = r->from.alloc(size, align, r->from.opaque);
    else
        atomic_store(&r->refused, 1);
    if (!p)
        atomic_fetch_sub(&r->taken, size);
    return p;
}

static void ration_free(void *memory, size_t size, size_t align, void *opaque)
{
    vcol__ration *r = opaque;
    r->from.free(memory, size, align, r->from.opaque);
    atomic_fetch_sub(&r->taken, size);
}

static vcol_allocator ration_open(vcol_manager *m, vcol__infile *t)
{
    uint64_t limit = vcol__account_limit(m);
    t->ration.from = vcol__memory_recycler(m);
    t->ration.most = limit > UINT64_MAX - SLACK ? UINT64_MAX : limit + SLACK;
    return (vcol_allocator){ration_alloc, ration_free, &t->ration};
}

/* A reader's failure, told with the file's name, and as what it is where the ration was at its end. */
static vcol_status told(vcol__infile *t, vcol_status status, vcol_error *why)
{
    if (status == VCOL_NOMEM && atomic_exchange(&t->ration.refused, 0)) {
        char text[sizeof why->message];
        memcpy(text, why->message, sizeof text);
        vcol_error_reset(why);
        status = vcol_error_format(why, VCOL_LIMIT, "%.300s: its metadata takes more than the memory limit and %d MB", text,
                                   (int)(SLACK >> 20));
    }
    return located(t->where, status, why);
}

static vcol_status find_reader(vcol__infile *t, const vcol_reader *const *readers, int64_t n_readers, vcol_error *err)
{
    unsigned char head[64];
    const vcol_source_limits *limits = vcol_source_get_limits(t->source);
    size_t n = limits->size < sizeof head ? (size_t)limits->size : sizeof head;
    if (n == 0)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "%s: the file is empty", t->where);
    vcol_range range = {0, n, head};
    vcol_error why = {0};
    if (vcol_source_read(t->source, &range, 1, &why) != VCOL_OK) {
        vcol_status status = (vcol_status)why.status;
        vcol_error_format(err, status, "%s: %.300s", t->where, why.message);
        return status;
    }
    for (int64_t i = 0; i < n_readers && !t->reader; i++)
        if (readers[i]->abi == VCOL_READER_ABI && readers[i]->probe(head, n))
            t->reader = readers[i];
    for (int i = 0; vcol__builtin_readers[i] && !t->reader; i++)
        if (vcol__builtin_readers[i]()->probe(head, n))
            t->reader = vcol__builtin_readers[i]();
    if (!t->reader)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "%s: not a file of a format that is known here (ROOT)", t->where);
    return VCOL_OK;
}

/* The reader opens the file, or recovers it. */
static vcol_status open_with(vcol_manager *m, vcol__infile *t, bool recover, vcol_worker *worker, vcol_error *err)
{
    vcol_allocator allocator = ration_open(m, t);
    if (!recover)
        return t->reader->open(t->source, &allocator, worker, &t->file, err);
    if (!t->reader->recover)
        return vcol_error_format(err, VCOL_UNSUPPORTED, "files of this format (%s) cannot be recovered", t->reader->name);
    return t->reader->recover(t->source, &allocator, worker, &t->file, err);
}

vcol_status vcol__infile_open_file(vcol_manager *m, const vcol__opening *what, vcol__infile *t, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    vcol_worker *worker = NULL;
    memset(t, 0, sizeof *t);
    t->path = vcol__copy_string(what->path);
    t->where = vcol__copy_string(what->path);
    if (!t->path || !t->where)
        status = vcol_error_format(err, VCOL_NOMEM, "no memory to open a file");
    if (status == VCOL_OK && what->source) {
        vcol_source_acquire(what->source);
        t->source = what->source;
    } else if (status == VCOL_OK) {
        status = vcol_source_open_file(what->path, &t->source, err);
    }
    if (status == VCOL_OK)
        status = find_reader(t, what->readers, what->n_readers, err);
    if (status == VCOL_OK) {
        worker = vcol__worker_take(m, err);
        status = worker ? VCOL_OK : VCOL_NOMEM;
    }
    if (status == VCOL_OK) {
        vcol_error why = {0};
        status = open_with(m, t, what->recover, worker, &why);
        if (status != VCOL_OK) {
            t->file = NULL;
            status = told(t, status, &why);
            if (err && !err->status)
                *err = why;
        }
    }
    if (worker)
        vcol__worker_give(m, worker);
    if (status != VCOL_OK)
        vcol__infile_close(m, t);
    return status;
}

static void bind(vcol_manager *m, vcol__infile *t)
{
    const vcol_source_limits *limits = vcol_source_get_limits(t->source);
    vcol__binding *b = &t->binding;
    uint64_t limit = vcol__account_limit(m); /* a hint: it may change later */
    b->manager = m;
    b->reader = t->reader;
    b->object = t->object;
    b->schema = t->schema;
    b->source = t->source;
    b->where = t->where;
    b->number = atomic_fetch_add_explicit(&m->files, 1, memory_order_relaxed) + 1;
    b->uses = vcol__uses_new(m, t->schema->n_groups);
    b->size = limits->size;
    b->gap = m->read_gap ? m->read_gap : limits->gap ? limits->gap : (uint64_t)32 << 10;
    b->read_size = m->read_size ? m->read_size : limits->read_size ? limits->read_size : (uint64_t)4 << 20;
    if (limit != UINT64_MAX && b->read_size > limit / 16)
        b->read_size = limit / 16 > 4096 ? limit / 16 : 4096;
    b->keep = limits->flags & VCOL_SOURCE_SLOW   ? VCOL__KEEP_ALWAYS
              : limits->flags & VCOL_SOURCE_FAST ? VCOL__KEEP_NEVER
                                                 : VCOL__KEEP_IF_SLOW;
    b->local = limits->flags & VCOL_SOURCE_LOCAL;
    b->serial = limits->flags & VCOL_SOURCE_SERIAL;
    if (b->gap > b->read_size / 2)
        b->gap = b->read_size / 2;
}

/* An object was opened: it is charged for and bound to the runtime. */
static void opened(vcol_manager *m, vcol__infile *t)
{
    t->schema = t->reader->schema(t->object);
    t->entries = t->schema->entries;
    t->fixed = t->schema->metadata;
    vcol__account_fix(m, (int64_t)t->fixed);
    bind(m, t);
    vcol__pass_init(&t->pass, m);
    t->pass_open = true;
}

vcol_status vcol__infile_open(vcol_manager *m, const vcol__opening *what, const char *object, vcol__infile *t,
                              vcol_error *err)
{
    vcol_error why = {0};
    vcol_status status = vcol__infile_open_file(m, what, t, err);
    if (status != VCOL_OK)
        return status;
    vcol_worker *worker = vcol__worker_take(m, &why);
    status = worker ? t->reader->open_object(t->file, object, worker, &t->object, &why) : VCOL_NOMEM;
    if (worker)
        vcol__worker_give(m, worker);
    if (status == VCOL_OK) {
        t->size = vcol_source_get_limits(t->source)->size;
        t->own_columns = t->reader->schema(t->object)->n_columns;
        if (what->n_friends || what->stored_friends)
            status = vcol__friends_join(m, what, t, &why);
    } else {
        t->object = NULL;
    }
    if (status == VCOL_OK) {
        opened(m, t);
        t->object_name = vcol__copy_string(object);
        if (!t->object_name)
            status = vcol_error_format(&why, VCOL_NOMEM, "no memory to open a table");
    }
    if (status != VCOL_OK) {
        status = told(t, status, &why);
        if (err && !err->status)
            *err = why;
        vcol__infile_close(m, t);
    }
    return status;
}

vcol_status vcol__infile_open_rest(vcol_manager *m, vcol__infile *t, vcol_error *err)
{
    vcol_error why = {0};
    vcol_worker *worker = vcol__worker_take(m, &why);
    vcol_status status = worker ? t->reader->open_rest(t->file, worker, &t->object, &why) : VCOL_NOMEM;
    if (worker)
        vcol__worker_give(m, worker);
    if (status == VCOL_OK) {
        opened(m, t);
    } else {
        t->object = NULL;
        status = told(t, status, &why);
        if (err && !err->status)
            *err = why;
    }
    return status;
}

/* Reads under way and threads that evict hold blocks, and so the reader's object, in use. */
static void wait_unused(vcol_manager *m, vcol__infile *t)
{
    vcol__wait wait = {.what = "those who read or evict blocks of a file"};
    bool listed = false;
    vcol__lock_take(&m->blocks.lock);
    while (atomic_load(&t->binding.in_flight) != 0) {
        if (!listed)
            vcol__wait_begin(m, &wait);
        listed = true;
        vcol__lock_wait(&m->blocks.changed, &m->blocks.lock);
    }
    vcol__lock_drop(&m->blocks.lock);
    if (listed)
        vcol__wait_end(m, &wait);
}

void vcol__infile_close(vcol_manager *m, vcol__infile *t)
{
    if (t->pass_open) {
        wait_unused(m, t);
        vcol__pass_destroy(&t->pass);
        vcol__tier_drop_file(&t->binding);
        wait_unused(m, t); /* somebody may just be evicting what the pass or the tier had */
    }
    if (t->object)
        t->reader->close_object(t->object);
    if (t->file)
        t->reader->close(t->file);
    vcol__account_fix(m, -(int64_t)t->fixed);
    vcol__uses_unref(t->binding.uses);
    vcol_source_release(t->source);
    free(t->path);
    free(t->where);
    free(t->object_name);
    free(t->map);
    memset(t, 0, sizeof *t);
}

/* ---- vcol_file ----------------------------------------------------------------------------------- */

static vcol_status open_file(vcol_manager *m, const vcol__opening *what, vcol_file **out, vcol_error *err)
{
    vcol_file *f = calloc(1, sizeof *f);
    if (!f)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to open %s", what->path);
    vcol_status status = vcol__infile_open_file(m, what, &f->table, err);
    if (status != VCOL_OK) {
        free(f);
        return status;
    }
    f->manager = m;
    *out = f;
    return VCOL_OK;
}

static vcol_status open_or_recover(const char *who, vcol_manager *m, const vcol__opening *what, vcol_file **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !what->path || !out)
        return vcol_error_format(err, VCOL_MISUSE, "%s: a manager and a path are needed", who);
    return open_file(m, what, out, err);
}

vcol_status vcol_file_open(vcol_manager *m, const char *path, vcol_source *source, const vcol_reader *reader,
                           vcol_file **out, vcol_error *err)
{
    return open_or_recover("vcol_file_open", m, &(vcol__opening){path, source, &reader, reader ? 1 : 0, false, NULL, 0, false}, out,
                           err);
}

vcol_status vcol_file_recover(vcol_manager *m, const char *path, vcol_source *source, const vcol_reader *reader,
                              vcol_file **out, vcol_error *err)
{
    return open_or_recover("vcol_file_recover", m, &(vcol__opening){path, source, &reader, reader ? 1 : 0, true, NULL, 0, false},
                           out, err);
}

void vcol_file_close(vcol_file *f)
{
    if (f) {
        for (int64_t i = 0; f->notes && i < vcol_file_objects(f); i++)
            free(f->notes[i]);
        free(f->notes);
        vcol__infile_close(f->manager, &f->table);
        free(f);
    }
}

int64_t vcol_file_objects(const vcol_file *f)
{
    return f ? f->table.reader->n_objects(f->table.file) : 0;
}

/* Keeps why an object could not be read for as long as the file is open; NULL without memory. */
static const char *keep_note(vcol_file *f, int64_t i, const char *message)
{
    if (!f->notes)
        f->notes = calloc((size_t)vcol_file_objects(f), sizeof *f->notes);
    if (f->notes && !f->notes[i])
        f->notes[i] = vcol__copy_string(message);
    return f->notes ? f->notes[i] : NULL;
}

vcol_status vcol_file_object(vcol_file *f, int64_t i, vcol_object_info *out, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!f || !out || i < 0 || i >= vcol_file_objects(f))
        return vcol_error_format(err, VCOL_RANGE, "vcol_file_object: no object %lld", (long long)i);
    vcol_error why = {0};
    vcol_worker *worker = vcol__worker_take(f->manager, err);
    if (!worker)
        return VCOL_NOMEM;
    memset(out, 0, sizeof *out);
    vcol_status status = f->table.reader->object_info(f->table.file, i, worker, out, &why);
    vcol__worker_give(f->manager, worker);
    if (status == VCOL_CORRUPT || status == VCOL_UNSUPPORTED) { /* a table that is there, but cannot be opened */
        out->note = out->name ? keep_note(f, i, why.message) : NULL;
        if (out->note)
            return VCOL_OK;
    }
    if (status != VCOL_OK) {
        status = told(&f->table, status, &why);
        if (err)
            *err = why;
    }
    return status;
}

const char *vcol_file_format(const vcol_file *f)
{
    return f->table.reader->name;
}

const char *vcol_file_note(const vcol_file *f)
{
    return f && f->table.reader->note ? f->table.reader->note(f->table.file) : NULL;
}
