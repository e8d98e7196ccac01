/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The StreamerInfo record: a TList of TStreamerInfo, each with a TObjArray of TStreamerElement. Their own
 * layouts are known beforehand and not taken from the file.
 *
 * FORMAT root/StreamerInfo  TList: frame, TObject, name, i32 n, n × (slot, option string)
 *     TStreamerInfo: frame, TNamed (the class described), u32 checksum, i32 class version, slot → TObjArray
 *     TStreamerXxx: frame, [TStreamerElement: frame, TNamed, i32 fType, fSize, fArrayLength, fArrayDim,
 *     fMaxIndex[5], string fTypeName], tail by subclass (counter name of pointers, content of containers)
 * source: root-project/root io/io/src/TStreamerInfo.cxx, core/meta/src/TStreamerElement.cxx (Streamer
 * functions)
 */
#include "streamer.h"

#include <stdio.h>

enum { MAX_TAGS = 64, FRAME_BIT = 0x40000000, MAP_OFFSET = 2, NEW_CLASS = 0xffffffff };
#define CLASS_BIT 0x80000000u

typedef struct parse {
    root_file *file;
    const uint8_t *base;
    struct {
        uint32_t position;
        text name;
    } tags[MAX_TAGS];
    int n_tags;
    cursor c;
} parse;

typedef struct frame {
    const uint8_t *end; /* NULL: no byte count */
    int16_t version;
} frame;

static frame open_frame(cursor *c)
{
    frame f = {NULL, 0};
    if (cursor_left(c) >= 4 && be32(c->p) & FRAME_BIT) {
        uint32_t n = cursor_u32(c) & ~(uint32_t)FRAME_BIT;
        if (n > cursor_left(c))
            c->bad = 1;
        else
            f.end = c->p + n;
    }
    f.version = cursor_i16(c);
    return f;
}

/* To the frame's end. */
static void close_frame(cursor *c, frame f)
{
    if (f.end && f.end >= c->p)
        c->p = f.end;
    else if (f.end)
        c->bad = 1;
}

static void tobject(cursor *c)
{
    uint32_t bits;
    cursor_u16(c);
    cursor_u32(c);
    bits = cursor_u32(c);
    if (bits & 0x10)
        cursor_u16(c);
}

static void named(cursor *c, text *name, text *title)
{
    frame f = open_frame(c);
    tobject(c);
    *name = cursor_text(c);
    *title = cursor_text(c);
    close_frame(c, f);
}

/* The head of a pointer: the class of the object that follows, or nothing ("" and end). */
static text slot(parse *p, const uint8_t **end)
{
    cursor *c = &p->c;
    text none = {"", 0}, name = none;
    uint32_t word = cursor_u32(c), at = (uint32_t)(c->p - p->base) - 4;
    *end = NULL;
    if (word & FRAME_BIT && word != NEW_CLASS && !(word & CLASS_BIT)) {
        uint32_t n = word & ~(uint32_t)FRAME_BIT;
        if (n > cursor_left(c)) {
            c->bad = 1;
            return none;
        }
        *end = c->p + n;
        at = (uint32_t)(c->p - p->base);
        word = cursor_u32(c);
    }
    if (word == NEW_CLASS) {
        const uint8_t *s = c->p, *nul = memchr(s, 0, cursor_left(c));
        if (!nul) {
            c->bad = 1;
            return none;
        }
        name = (text){(const char *)s, (uint32_t)(nul - s)};
        c->p = nul + 1;
        if (p->n_tags < MAX_TAGS) {
            p->tags[p->n_tags].position = at + MAP_OFFSET;
            p->tags[p->n_tags++].name = name;
        }
    } else if (word & CLASS_BIT) {
        for (int i = 0; i < p->n_tags; i++)
            if (p->tags[i].position == (word & ~CLASS_BIT))
                name = p->tags[i].name;
    }
    return name;
}

static void element(parse *p, text cls, root_element *e)
{
    cursor *c = &p->c;
    frame outer = open_frame(c), inner;
    if (text_is(cls, "TStreamerSTLstring")) /* a TStreamerSTL, which is the element */
        open_frame(c);
    inner = open_frame(c);
    named(c, &e->name, &e->title);
    e->type = cursor_i32(c);
    cursor_i32(c);
    e->length = cursor_i32(c);
    e->dims = cursor_i32(c);
    if (inner.version == 1) {
        int32_t n = cursor_i32(c);
        for (int32_t i = 0; i < n && !c->bad; i++) {
            int32_t d = cursor_i32(c);
            if (i < 5)
                e->dim[i] = d;
        }
    } else {
        for (int i = 0; i < 5; i++)
            e->dim[i] = cursor_i32(c);
    }
    e->type_name = cursor_text(c);
    close_frame(c, inner);
    if (text_is(cls, "TStreamerBasicPointer") || text_is(cls, "TStreamerLoop")) {
        cursor_i32(c);
        e->counter = cursor_text(c);
    } else if (text_is(cls, "TStreamerSTL") && outer.end && outer.end - c->p >= 8) {
        cursor_i32(c);
        e->content = cursor_i32(c);
    }
    close_frame(c, outer);
}

/* Copies what lives in the record. */
static int keep(root_file *file, text *t)
{
    char *s = vcol__arena_text(&file->memory, *t);
    t->s = s;
    return s ? 0 : -1;
}

static vcol_status elements(parse *p, root_info *info)
{
    cursor *c = &p->c;
    frame f = open_frame(c);
    int32_t n;
    tobject(c);
    cursor_text(c);
    n = cursor_i32(c);
    cursor_i32(c);
    if (c->bad || n < 0 || (uint32_t)n > cursor_left(c) / 4)
        return VCOL_CORRUPT;
    info->elements = vcol__arena_new(&p->file->memory, (uint64_t)n, sizeof *info->elements);
    if (!info->elements)
        return VCOL_NOMEM;
    for (int32_t i = 0; i < n && !c->bad; i++) {
        const uint8_t *end;
        text cls = slot(p, &end);
        root_element *e = &info->elements[info->n_elements];
        if (cls.n) {
            element(p, cls, e);
            if (keep(p->file, &e->name) || keep(p->file, &e->title) || keep(p->file, &e->type_name) ||
                keep(p->file, &e->counter))
                return VCOL_NOMEM;
            info->n_elements++;
        }
        if (end)
            c->p = end > c->p ? end : c->p;
    }
    close_frame(c, f);
    return c->bad ? VCOL_CORRUPT : VCOL_OK;
}

static vcol_status add(root_file *file, text name, const root_info *info)
{
    root_class *cls = vcol__class_intern(file, name);
    root_info *copy = vcol__arena_new(&file->memory, 1, sizeof *copy);
    if (!cls || !copy)
        return VCOL_NOMEM;
    for (const root_info *other = cls->infos; other; other = other->next)
        if (other->builtin > 1 && other->version == info->version)
            return VCOL_OK;
    *copy = *info;
    copy->next = cls->infos;
    cls->infos = copy;
    return VCOL_OK;
}

static vcol_status one_info(parse *p)
{
    cursor *c = &p->c;
    root_info info = {0};
    text name, title, cls;
    const uint8_t *end;
    vcol_status status = VCOL_OK;
    frame f = open_frame(c);
    named(c, &name, &title);
    info.checksum = cursor_u32(c);
    info.version = cursor_i32(c);
    cls = slot(p, &end);
    if (text_is(cls, "TObjArray"))
        status = elements(p, &info);
    if (end && end >= c->p)
        c->p = end;
    close_frame(c, f);
    if (c->bad)
        return VCOL_CORRUPT;
    return status ? status : add(p->file, name, &info);
}

vcol_status vcol__classes_read(root_file *file, const root_record *record, vcol_error *err)
{
    parse p = {.file = file, .base = record->data};
    cursor *c = &p.c;
    vcol_status status = VCOL_OK;
    int32_t n;
    frame f;
    *c = cursor_make(record->data + record->key.keylen, record->size - record->key.keylen);
    f = open_frame(c);
    tobject(c);
    cursor_text(c);
    n = cursor_i32(c);
    for (int32_t i = 0; i < n && !c->bad && !status; i++) {
        const uint8_t *end;
        text cls = slot(&p, &end);
        if (text_is(cls, "TStreamerInfo"))
            status = one_info(&p);
        if (end && end >= c->p)
            c->p = end;
        else if (cls.n && !end)
            c->bad = 1;
        cursor_text(c);
    }
    close_frame(c, f);
    if (status == VCOL_NOMEM)
        return vcol_error_format(err, VCOL_NOMEM, "no memory for the streamer information");
    if (status || c->bad)
        return vcol_error_format(
            err, VCOL_CORRUPT, "streamer information at byte %llu: broken after byte %zu of %zu",
            (unsigned long long)file->seek_info, (size_t)(c->p - record->data), record->size);
    return VCOL_OK;
}

/* ---- lookup ---------------------------------------------------------------------------------- */

static uint32_t hash(text t)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < t.n; i++)
        h = (h ^ (uint8_t)t.s[i]) * 16777619u;
    return (h ^ h >> 15) % CLASS_TABLE;
}

root_class *vcol__class_find(const root_classes *classes, text name)
{
    for (root_class *cls = classes->table[hash(name)]; cls; cls = cls->chain)
        if (text_same(cls->name, name))
            return cls;
    return NULL;
}

root_class *vcol__class_intern(root_file *file, text name)
{
    root_class *cls = vcol__class_find(file->classes, name);
    uint32_t at;
    char *s;
    if (cls)
        return cls;
    cls = vcol__arena_new(&file->memory, 1, sizeof *cls);
    s = vcol__arena_text(&file->memory, name);
    if (!cls || !s)
        return NULL;
    cls->name = (text){s, name.n};
    at = hash(name);
    cls->chain = file->classes->table[at];
    file->classes->table[at] = cls;
    file->classes->n++;
    return cls;
}

const root_info *vcol__class_info(const root_class *cls, int32_t version, uint32_t checksum)
{
    for (const root_info *info = cls->infos; info; info = info->next)
        if (version ? info->version == version : info->checksum == checksum)
            return info;
    return NULL;
}
