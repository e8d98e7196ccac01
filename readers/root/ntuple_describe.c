/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the header and the footer describe: fields, columns, where the page lists are.
 *
 * FORMAT root/RNTuple schema description: four lists of record frames
 *     fields   u32 field version, u32 type version, u32 parent (itself: top), u16 role, u16 flags, strings name, type, alias,
 *              description, [u64 array size], [u32 source field], [u32 type checksum]; the field's number is its place
 *     columns  u16 type, u16 bits, u32 field, u16 flags, u16 representation, [i64 first element], [f64 min, f64 max]
 *     aliases  u32 column, u32 field
 *     types    what streamers need (not read)
 * The header has one, the footer's extension goes on with its numbers. Later frames of the footer: cluster groups (u64 first
 * entry, u64 entries, u32 clusters, u64 size and locator of the page list), from 1.0.1 on linked attribute sets.
 * source: root-project/root tree/ntuple/doc/BinaryFormatSpecification.md (Header Envelope, Footer Envelope),
 *     src/RNTupleSerialize.cxx (DeserializeHeader, DeserializeFooter, DeserializeSchemaDescription)
 */
#include "ntuple.h"

static vcol_status nomem(vcol_error *err)
{
    return vcol_error_format(err, VCOL_NOMEM, "has no memory for its fields");
}

/* Room for n items more in an array of the arena. */
static void *room(root_ntuple *nt, void *items, size_t size, uint32_t have, uint32_t n, uint32_t *capacity)
{
    uint64_t want = (uint64_t)have + n;
    if (want <= *capacity)
        return items;
    if (want > INT32_MAX)
        return NULL;
    void *more = vcol__arena_new(&nt->memory, want, size);
    if (more && have)
        memcpy(more, items, have * size);
    if (more)
        *capacity = (uint32_t)want;
    return more;
}

/* A lasting copy: strings of envelopes go with these. */
static text keep(root_ntuple *nt, text t)
{
    char *s = vcol__arena_text(&nt->memory, t);
    return s ? (text){s, (uint32_t)strlen(s)} : (text){"", 0};
}

static vcol_status read_fields(root_ntuple *nt, cursor list, uint32_t n, vcol_error *err)
{
    nt_field *fields = room(nt, nt->fields, sizeof *fields, nt->n_fields, n, &nt->fields_capacity);
    if (n && !fields)
        return nomem(err);
    nt->fields = fields;
    for (uint32_t i = 0; i < n; i++) {
        cursor c = le_frame(&list, 0, NULL);
        nt_field *f = &fields[nt->n_fields];
        *f = (nt_field){.source = NT_NONE, .first_child = NT_NONE, .last_child = NT_NONE, .next = NT_NONE};
        le_u32(&c);
        le_u32(&c);
        f->parent = le_u32(&c);
        f->role = le_u16(&c);
        f->flags = le_u16(&c);
        f->name = keep(nt, le_text(&c));
        f->type = keep(nt, le_text(&c));
        le_text(&c);
        le_text(&c);
        f->array = f->flags & NT_FIELD_REPETITIVE ? le_u64(&c) : 0;
        f->source = f->flags & NT_FIELD_PROJECTED ? le_u32(&c) : NT_NONE;
        if (list.bad || c.bad)
            return vcol_error_format(err, VCOL_CORRUPT, "has a field, number %u, that does not fit its frame",
                                     nt->n_fields);
        if (f->parent > nt->n_fields || f->name.n == 0)
            return vcol_error_format(err, VCOL_CORRUPT, "has a field, number %u '%.60s', below one that is not before it",
                                     nt->n_fields, f->name.s);
        if (f->parent == nt->n_fields)
            f->parent = NT_NONE;
        if ((f->flags & NT_FIELD_REPETITIVE) && (f->array == 0 || f->array > (uint64_t)NT_MOST))
            return vcol_error_format(err, VCOL_CORRUPT, "has a field '%.60s' of arrays of %llu items", f->name.s,
                                     (unsigned long long)f->array);
        nt->n_fields++;
    }
    return VCOL_OK;
}

static vcol_status read_columns(root_ntuple *nt, cursor list, uint32_t n, vcol_error *err)
{
    nt_column *columns = room(nt, nt->columns, sizeof *columns, nt->n_columns, n, &nt->columns_capacity);
    if (n && !columns)
        return nomem(err);
    nt->columns = columns;
    for (uint32_t i = 0; i < n; i++) {
        cursor c = le_frame(&list, 0, NULL);
        nt_column *x = &columns[nt->n_columns];
        *x = (nt_column){.series = NT_NONE, .next = NT_NONE};
        x->type = le_u16(&c);
        x->bits = le_u16(&c);
        x->field = le_u32(&c);
        x->flags = le_u16(&c);
        x->representation = le_u16(&c);
        if (x->flags & NT_COLUMN_DEFERRED)
            x->first = (int64_t)le_u64(&c);
        if (x->flags & NT_COLUMN_RANGE) {
            x->min = le_f64(&c);
            x->max = le_f64(&c);
        }
        if (list.bad || c.bad)
            return vcol_error_format(err, VCOL_CORRUPT, "has a column, number %u, that does not fit its frame",
                                     nt->n_columns);
        nt->n_columns++;
    }
    return VCOL_OK;
}

/* Aliases tell what a projected field's source tells too; they are read for fields without one. */
static vcol_status read_aliases(root_ntuple *nt, cursor list, uint32_t n, vcol_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        cursor c = le_frame(&list, 0, NULL);
        uint32_t column = le_u32(&c), field = le_u32(&c);
        if (list.bad || c.bad || field >= nt->n_fields || column >= nt->n_columns)
            return vcol_error_format(err, VCOL_CORRUPT, "has an alias of column %u for field %u, of which there are %u and %u",
                                     column, field, nt->n_columns, nt->n_fields);
        if (nt->fields[field].source == NT_NONE)
            nt->fields[field].source = nt->columns[column].field;
    }
    return VCOL_OK;
}

static vcol_status read_schema(root_ntuple *nt, cursor *c, vcol_error *err)
{
    uint32_t n = 0;
    cursor list = le_frame(c, 1, &n);
    uint64_t least = cursor_left(&list) / 8; /* a record frame is 8 bytes at least */
    vcol_status status = c->bad || n > least ? vcol_error_format(err, VCOL_CORRUPT, "has no list of fields") : VCOL_OK;
    if (!status)
        status = read_fields(nt, list, n, err);
    if (status)
        return status;
    list = le_frame(c, 1, &n);
    if (c->bad || n > cursor_left(&list) / 8)
        return vcol_error_format(err, VCOL_CORRUPT, "has no list of columns");
    status = read_columns(nt, list, n, err);
    if (status)
        return status;
    list = le_frame(c, 1, &n);
    if (c->bad)
        return vcol_error_format(err, VCOL_CORRUPT, "has no list of aliases");
    status = read_aliases(nt, list, n, err);
    le_frame(c, 1, &n);
    return !status && c->bad ? vcol_error_format(err, VCOL_CORRUPT, "has no list of types") : status;
}

static vcol_status features(cursor *c, vcol_error *err)
{
    uint64_t unknown = vcol__features_read(c);
    if (c->bad)
        return vcol_error_format(err, VCOL_CORRUPT, "ends within its features");
    return unknown ? vcol_error_format(err, VCOL_UNSUPPORTED, "asks for features that are not known here (%#llx)",
                                       (unsigned long long)unknown)
                   : VCOL_OK;
}

vcol_status vcol__describe_header(root_ntuple *nt, cursor c, vcol_error *err)
{
    vcol_status status = features(&c, err);
    if (status)
        return status;
    le_text(&c);
    le_text(&c);
    le_text(&c);
    return read_schema(nt, &c, err);
}

vcol_status vcol__describe_footer(root_ntuple *nt, cursor c, arena *temporary, nt_link **links, uint32_t *n_links,
                                  vcol_error *err)
{
    vcol_status status = features(&c, err);
    uint32_t n = 0;
    *links = NULL;
    *n_links = 0;
    if (status)
        return status;
    if (le_u64(&c) != nt->header_checksum)
        return vcol_error_format(err, VCOL_CORRUPT, "belongs to another header");
    cursor schema = le_frame(&c, 0, NULL);
    if (c.bad)
        return vcol_error_format(err, VCOL_CORRUPT, "has no extension of the schema");
    if (cursor_left(&schema))
        status = read_schema(nt, &schema, err);
    if (status)
        return status;
    cursor list = le_frame(&c, 1, &n);
    if (c.bad || n > cursor_left(&list) / 8)
        return vcol_error_format(err, VCOL_CORRUPT, "has no list of cluster groups");
    *links = vcol__arena_new(temporary, n, sizeof **links);
    if (!*links)
        return nomem(err);
    for (uint32_t i = 0; i < n; i++) {
        cursor group = le_frame(&list, 0, NULL);
        nt_link *link = &(*links)[i];
        le_u64(&group);
        le_u64(&group);
        link->clusters = le_u32(&group);
        link->size = le_u64(&group);
        link->at = vcol__locator_read(&group);
        if (list.bad || group.bad)
            return vcol_error_format(err, VCOL_CORRUPT, "has a cluster group, number %u, that does not fit its frame", i);
    }
    *n_links = n;
    if (cursor_left(&c)) {
        le_frame(&c, 1, &nt->attribute_sets);
        if (c.bad)
            return vcol_error_format(err, VCOL_CORRUPT, "has a list of attribute sets that does not fit");
    }
    return VCOL_OK;
}

/* ---- what follows ------------------------------------------------------------------------------ */

static void link_children(root_ntuple *nt)
{
    nt->first_field = nt->last_field = NT_NONE;
    for (uint32_t i = 0; i < nt->n_fields; i++) {
        nt_field *f = &nt->fields[i];
        nt_field *p = f->parent == NT_NONE ? NULL : &nt->fields[f->parent];
        uint32_t *first = p ? &p->first_child : &nt->first_field, *last = p ? &p->last_child : &nt->last_field;
        int64_t above = p ? p->repetitions : 1, array = f->flags & NT_FIELD_REPETITIVE ? (int64_t)f->array : 1;
        *(*last == NT_NONE ? first : &nt->fields[*last].next) = i;
        *last = i;
        /* what a collection or variant holds is not a fixed number an entry: 0 */
        if (p && (p->role == NT_COLLECTION || p->role == NT_VARIANT))
            above = 0;
        if (__builtin_mul_overflow(above, array, &f->repetitions) || f->repetitions > NT_MOST)
            f->repetitions = NT_MOST;
    }
}

/*
 * A series for each place in a representation. The columns of a field are listed representation by representation, or
 * those of the footer later.
 */
vcol_status vcol__describe_finish(root_ntuple *nt, vcol_error *err)
{
    link_children(nt);
    nt->series = vcol__arena_new(&nt->memory, nt->n_columns, sizeof *nt->series);
    uint16_t *present = vcol__arena_new(&nt->memory, nt->n_fields, 2 * sizeof *present); /* representation, columns of it so far */
    if (!nt->series || !present)
        return nomem(err);
    for (uint32_t i = 0; i < nt->n_columns; i++) {
        nt_column *x = &nt->columns[i];
        if (x->field >= nt->n_fields)
            return vcol_error_format(err, VCOL_CORRUPT, "has a column, number %u, of field %u, of which there are %u", i,
                                     x->field, nt->n_fields);
        nt_field *f = &nt->fields[x->field];
        uint16_t *now = present + 2 * x->field;
        if (f->n_series == 0 || now[0] != x->representation) {
            now[0] = x->representation;
            now[1] = 0;
        }
        uint32_t position = now[1]++;
        if (position >= NT_MAX_SERIES || (x->representation > 0 && position >= f->n_series))
            continue; /* more than any field has: of no use */
        if (position == f->n_series) {
            nt_series *s = &nt->series[nt->n_series];
            *s = (nt_series){.field = x->field, .position = position, .any_column = i, .ends_group = -1, .values_group = -1};
            f->series[f->n_series++] = nt->n_series++;
        }
        x->series = f->series[position];
        if (nt->series[x->series].any_column != i) {
            x->next = nt->columns[nt->series[x->series].any_column].next;
            nt->columns[nt->series[x->series].any_column].next = i;
        }
    }
    return VCOL_OK;
}
