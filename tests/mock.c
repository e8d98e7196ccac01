/* SPDX-License-Identifier: BSD-3-Clause */
/* mock.h */
#include "mock.h"

/* ---- the part of a reader that all mocks have alike ---------------------------------------------------- */

static const mock_world *begun; /* a test begins one at a time; what is open has its schema by then */

int mock_probe(const void *head, size_t n)
{
    return n >= 4 && memcmp(head, begun->bytes, 4) == 0;
}

vcol_status mock_open_file(vcol_source *source, const vcol_allocator *allocator, vcol_worker *worker, void **out,
                           vcol_error *err)
{
    (void)source, (void)allocator, (void)worker, (void)err;
    *out = (void *)(uintptr_t)begun->schema;
    return VCOL_OK;
}

void mock_close_file(void *file)
{
    (void)file;
}

int64_t mock_n_objects(void *file)
{
    (void)file;
    return 1;
}

vcol_status mock_object_info(void *file, int64_t i, vcol_worker *worker, vcol_object_info *info, vcol_error *err)
{
    const vcol_schema *schema = file;
    (void)i, (void)worker, (void)err;
    *info = (vcol_object_info){"", "mock", "", schema->entries, schema->n_columns, 0, 0, 1, 0, NULL};
    return VCOL_OK;
}

vcol_status mock_open_object(void *file, const char *name, vcol_worker *worker, void **object, vcol_error *err)
{
    (void)name, (void)worker, (void)err;
    *object = file;
    return VCOL_OK;
}

const vcol_schema *mock_schema(void *object)
{
    return object;
}

/* ---- running -------------------------------------------------------------------------------------------- */

vcol_status mock_begin(const mock_world *w, const mock_setting *s, t_source *source, t_allocator *allocator, mock_open *out,
                       vcol_error *err)
{
    vcol_manager_options mo = t_options();
    vcol_dataset_options o;
    const char *path = "mock";
    begun = w;
    memset(out, 0, sizeof *out);
    mo.flags = s->flags | (s->threads ? 0 : VCOL_MANAGER_NO_BACKGROUND);
    mo.threads = s->threads;
    mo.limit = s->limit;
    mo.read_gap = s->gap;
    mo.read_size = s->read_size;
    mo.access_log = s->log;
    if (allocator)
        mo.allocator = t_allocator_of(allocator);
    vcol_status status = vcol_manager_open(&mo, &out->m, err);
    if (status != VCOL_OK)
        return status;
    out->source = t_source_open(source, w->bytes, w->size, "mock");
    vcol_dataset_options_init(&o, sizeof o);
    o.sources = &out->source;
    o.readers = &w->reader;
    o.n_readers = 1;
    status = vcol_dataset_open(out->m, &path, 1, &o, &out->d, err);
    if (status != VCOL_OK)
        mock_end(out);
    return status;
}

void mock_end(mock_open *o)
{
    vcol_dataset_close(o->d);
    vcol_source_release(o->source);
    vcol_manager_close(o->m);
    memset(o, 0, sizeof *o);
}

static void one_pass(const mock_world *w, const mock_setting *s, const mock_open *o, t_random *random, mock_result *r)
{
    vcol_loop_options lo;
    vcol_loop *loop = NULL;
    vcol_chunk *chunk;
    vcol_loop_options_init(&lo, sizeof lo);
    lo.entries = s->chunk ? s->chunk : w->rows;
    lo.flags = s->prefetch ? 0 : VCOL_LOOP_NO_PREFETCH;
    vcol_status status = vcol_loop_open(o->d, &lo, &loop, r->err.status ? NULL : &r->err);
    if (status != VCOL_OK && r->status == VCOL_OK)
        r->status = status;
    while (status == VCOL_OK && (status = vcol_loop_next(loop, &chunk, r->err.status ? NULL : &r->err)) == VCOL_OK) {
        for (int k = 0; k < w->n_names; k++) {
            vcol_view view;
            vcol_error why = {0};
            int64_t id;
            int c = s->seed ? (int)t_below(random, w->n_names) : k;
            if (s->skip >> c & 1)
                continue;
            t_require(vcol_dataset_find(o->d, w->names[c], &id, NULL) == VCOL_OK);
            status = vcol_chunk_get(chunk, id, &view, &why);
            if (status == VCOL_OK) {
                t_require(view.entries == vcol_chunk_entries(chunk));
                w->check(&view, c, vcol_chunk_first(chunk));
            } else {
                t_require(why.status == status && why.message[0]);
                if (!r->failures++) {
                    r->status = status;
                    r->err = why;
                }
            }
            if (s->seed && t_below(random, 3) == 0)
                vcol_chunk_clear(chunk, w->names[t_below(random, w->n_names)]);
        }
        status = VCOL_OK;
    }
    if (status != VCOL_END && r->status == VCOL_OK)
        r->status = status;
    r->chunks = loop ? vcol_loop_chunks(loop) : 0;
    vcol_loop_close(loop);
}

mock_result mock_pass(const mock_world *w, const mock_setting *s, t_source *source, t_allocator *allocator)
{
    mock_result r = {0};
    mock_open o;
    t_random random = {s->seed};
    if (s->keep)
        source->limits.flags = VCOL_SOURCE_SLOW;
    r.status = mock_begin(w, s, source, allocator, &o, &r.err);
    if (r.status != VCOL_OK)
        return r;
    ck_assert_int_eq(vcol_dataset_entries(o.d), w->rows);
    for (int pass = 0; pass < (s->passes ? s->passes : 1); pass++) {
        uint64_t reads = t_stats(o.m).reads, hits = t_stats(o.m).stored_hits;
        one_pass(w, s, &o, &random, &r);
        /* A read or a plan that nobody wants any more may be about to end. */
        t_until(t_stats(o.m).live + t_stats(o.m).promised == t_stats(o.m).stored_kept);
        vcol_manager_stats(o.m, &r.stats, sizeof r.stats);
        r.reads = r.stats.reads - reads;
        r.hits = r.stats.stored_hits - hits;
    }
    mock_end(&o);
    return r;
}

mock_setting mock_setting_of(int i, uint64_t tiny)
{
    static const int64_t chunks[] = {1, 3, 7, 0};
    static const int threads[] = {0, 1, 4};
    return (mock_setting){.chunk = chunks[i % 4], .threads = threads[i / 4 % 3], .limit = i / 12 % 2 ? tiny : 0,
                          .prefetch = i / 24 % 2};
}

size_t mock_put(mock_bytes *b, const void *data, size_t n)
{
    size_t at = b->size;
    while (b->size + n > b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 4096;
        b->data = realloc(b->data, b->capacity);
        t_require(b->data);
    }
    if (data)
        memcpy(b->data + at, data, n);
    else
        memset(b->data + at, 0, n);
    b->size += n;
    return at;
}

void mock_put32(mock_bytes *b, uint32_t v)
{
    unsigned char p[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
    mock_put(b, p, 4);
}

uint32_t mock_get32(const void *p_void)
{
    const unsigned char *p = p_void;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
