/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walking a record of streamed objects by the compiled descriptions.
 *
 * FORMAT root/objects  frame: u32 0x40000000 | bytes that follow, i16 version (0: u32 checksum follows);
 * without the bit the version comes at once. pointer: u32; 0 = null; with 0x40000000 (and not all ones) a
 * byte count, then the tag, else itself the tag. tag: all ones = a new class, its name follows; 0x80000000 =
 * a class seen before; else an object seen before. Positions count from the key's first byte; a class is
 * known by its tag's position + 2, an object by the position of its first word + 2. Position 1 is the
 * record's own object. source: root-project/root io/io/src/TBufferFile.cxx (ReadVersion, ReadObjectAny,
 * ReadClass)
 *
 * Invariants: the cursor's end never lies behind the frame being read; w->objects and w->tags are sorted by
 * position (reading only goes forward); nesting is bounded by MAX_DEPTH.
 */
#include "object.h"

#include <stdio.h>

enum { FRAME_BIT = 0x40000000, MAP_OFFSET = 2, TOP_OBJECT = 1, IS_REFERENCED = 0x10 };
#define CLASS_BIT 0x80000000u
#define NEW_CLASS 0xffffffffu

/* Of members that a description leaves out: texts are never NULL. */
static const text no_text = {"", 0};

static uint32_t read_slot(walk *w, cursor *c);
static void run_class(walk *w, cursor *c, root_class *cls, void *target, root_kind kind);

static void fail(walk *w, vcol_status status, const char *format, const char *s, uint32_t n, long long v)
{
    if (!w->status) {
        w->status = status;
        snprintf(w->why, sizeof w->why, format, (int)(n > 80 ? 80 : n), s, v);
    }
}

static uint32_t position(const walk *w, const uint8_t *p)
{
    return (uint32_t)(p - w->base);
}

/* ---- what references mean --------------------------------------------------------------------- */

static void *grown(walk *w, void *old, int64_t n, int64_t *capacity, size_t size)
{
    /* a branch and its leaf take more bytes than this, so that most lists need not grow */
    int64_t more =
        *capacity ? *capacity * 2 : 64 + (size == sizeof(walk_object) ? (int64_t)(w->size / 256) : 0);
    void *p;
    if (n < *capacity)
        return old;
    p = vcol__arena_new(w->memory, (uint64_t)more, size);
    if (!p) {
        fail(w, VCOL_NOMEM, "%.*sno memory for %lld objects", "", 0, more);
        return NULL;
    }
    if (n)
        memcpy(p, old, (size_t)n * size);
    *capacity = more;
    return p;
}

static uint32_t add_object(walk *w, uint32_t at, root_kind kind, void *target)
{
    walk_object *list = grown(w, w->objects, w->n_objects, &w->capacity, sizeof *list);
    if (!list)
        return 0;
    w->objects = list;
    list[w->n_objects++] = (walk_object){at, (uint32_t)kind, target};
    return (uint32_t)w->n_objects;
}

static void add_tag(walk *w, uint32_t at, root_class *cls)
{
    walk_tag *list = grown(w, w->tags, w->n_tags, &w->tag_capacity, sizeof *list);
    if (!list)
        return;
    w->tags = list;
    list[w->n_tags++] = (walk_tag){at, cls};
}

/* Index of the item whose position, its first member, is `at`; -1 if there is none. Items are sorted. */
static int64_t find_position(const void *items, size_t size, int64_t n, uint32_t at)
{
    int64_t lo = 0, hi = n;
    uint32_t position = 0;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        memcpy(&position, (const char *)items + (size_t)mid * size, sizeof position);
        if (position < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < n)
        memcpy(&position, (const char *)items + (size_t)lo * size, sizeof position);
    return lo < n && position == at ? lo : -1;
}

static uint32_t find_object(const walk *w, uint32_t at)
{
    int64_t i = find_position(w->objects, sizeof *w->objects, w->n_objects, at);
    return i >= 0 ? (uint32_t)i + 1 : UNRESOLVED;
}

static const walk_tag *find_tag(const walk *w, uint32_t at)
{
    int64_t i = find_position(w->tags, sizeof *w->tags, w->n_tags, at);
    return i >= 0 ? &w->tags[i] : NULL;
}

void *vcol__walk_target(const walk *w, uint32_t ref, root_kind kind)
{
    if (!ref || ref > w->n_objects || w->objects[ref - 1].kind != (uint32_t)kind)
        return NULL;
    return w->objects[ref - 1].target;
}

/* ---- frames ---------------------------------------------------------------------------------- */

typedef struct frame {
    const uint8_t *end;   /* NULL: no byte count */
    const uint8_t *outer; /* the cursor's end before */
    int32_t version;
} frame;

static frame open_frame(cursor *c)
{
    frame f = {NULL, c->end, 0};
    if (cursor_left(c) >= 4 && be32(c->p) & FRAME_BIT) {
        uint32_t n = cursor_u32(c) & ~(uint32_t)FRAME_BIT;
        if (n > cursor_left(c)) {
            c->bad = 1;
        } else {
            f.end = c->p + n;
            c->end = f.end;
        }
    }
    f.version = cursor_i16(c) & ~0x4000;
    return f;
}

static void close_frame(cursor *c, frame f)
{
    if (f.end)
        c->p = f.end;
    c->end = f.outer;
}

static void skip_frame(cursor *c)
{
    frame f = open_frame(c);
    if (!f.end)
        c->bad = 1;
    close_frame(c, f);
}

static void tobject(cursor *c)
{
    const uint8_t *p = cursor_take(c, 10);
    if (p && be32(p + 6) & IS_REFERENCED)
        cursor_u16(c);
}

static void named(cursor *c, model_named *target)
{
    frame f = open_frame(c);
    tobject(c);
    if (target) {
        target->name = cursor_text(c);
        target->title = cursor_text(c);
    }
    if (!f.end && !target) {
        cursor_text(c);
        cursor_text(c);
    }
    close_frame(c, f);
}

/* ---- collections ------------------------------------------------------------------------------ */

static void array(walk *w, cursor *c, model_list *list)
{
    frame f = open_frame(c);
    int32_t n;
    if (f.version > 2)
        tobject(c);
    if (f.version > 1)
        cursor_text(c);
    n = cursor_i32(c);
    cursor_i32(c);
    if (n < 0 || (uint32_t)n > cursor_left(c) / 4)
        c->bad = 1;
    if (!c->bad) {
        uint32_t *refs = NULL; /* of lists of nothing but nulls, none is made */
        for (int32_t i = 0; i < n && !c->bad && !w->status; i++) {
            uint32_t ref = read_slot(w, c);
            if (ref && !refs && list) {
                refs = vcol__arena_new(w->memory, (uint64_t)n, sizeof *refs);
                if (!refs)
                    fail(w, VCOL_NOMEM, "%.*sno memory for %lld references", "", 0, n);
            }
            if (refs)
                refs[i] = ref;
        }
        if (refs && !c->bad && !w->status)
            *list = (model_list){refs, n};
    }
    close_frame(c, f);
}

static void list(walk *w, cursor *c)
{
    frame f = open_frame(c);
    int32_t n;
    if (f.version > 3) {
        tobject(c);
        cursor_text(c);
    }
    n = cursor_i32(c);
    for (int32_t i = 0; i < n && !c->bad && !w->status; i++) {
        read_slot(w, c);
        cursor_text(c);
    }
    close_frame(c, f);
}

/* ---- members --------------------------------------------------------------------------------- */

static int64_t from_double(double v)
{
    return v > 9e18 ? INT64_MAX : v < -9e18 ? INT64_MIN : v == v ? (int64_t)v : 0;
}

static int64_t number(cursor *c, const root_step *step)
{
    const uint8_t *p = cursor_take(c, step->width);
    union {
        uint64_t u;
        double d;
    } u64;
    union {
        uint32_t u;
        float f;
    } u32;
    if (!p)
        return 0;
    switch (step->type) {
    case TYPE_I8:
    case TYPE_LEGACY_CHAR:
        return (int8_t)*p;
    case TYPE_U8:
    case TYPE_BOOL:
        return *p;
    case TYPE_I16:
        return (int16_t)be16(p);
    case TYPE_U16:
        return be16(p);
    case TYPE_I32:
    case TYPE_COUNTER:
        return (int32_t)be32(p);
    case TYPE_U32:
    case TYPE_BITS:
        return be32(p);
    case TYPE_F32:
        u32.u = be32(p);
        return from_double((double)u32.f);
    case TYPE_F64:
        u64.u = be64(p);
        return from_double(u64.d);
    default:
        return (int64_t)be64(p);
    }
}

/* FORMAT root/counted array: u8 flag (0 = absent), then the numbers. The flag 2 of an old fBasketSeek means
 * 64 bits. source: root-project/root io/io/src/TStreamerInfoReadBuffer.cxx (kOffsetP) */
static void counted(cursor *c, const root_step *step, int64_t n, model_array *out)
{
    uint8_t flag = cursor_u8(c);
    int64_t width = step->width == 4 && flag == 2 ? 8 : step->width;
    const uint8_t *p;
    if (!flag)
        return;
    if (n < 0 || n > MAX_RECORD) {
        c->bad = 1;
        return;
    }
    p = cursor_take(c, (uint64_t)(n * width));
    if (p && out)
        *out = (model_array){p, n, width};
}

static void tarray(cursor *c, unsigned width, model_array *out)
{
    int32_t n = cursor_i32(c);
    const uint8_t *p = NULL;
    if (n < 0)
        c->bad = 1;
    else
        p = cursor_take(c, (uint64_t)n * width);
    if (p && out)
        *out = (model_array){p, n, width};
}

/* The field of a step, if this target has it. */
static void *field(const root_step *step, void *target, root_kind kind)
{
    return target && step->kind != KIND_UNKNOWN && step->kind == (uint8_t)kind ? (char *)target + step->field
                                                                               : NULL;
}

/*
 * Of a tree, what its columns do not need: a fault in it makes it end, and is forgotten. Whether it was one.
 */
static int forgive(walk *w, cursor *c)
{
    int fault = c->bad || (w->status && w->status != VCOL_NOMEM);
    if (fault) {
        c->bad = 0;
        w->status = VCOL_OK;
    }
    return fault;
}

static void run_steps(walk *w, cursor *c, const root_info *info, void *target, root_kind kind)
{
    int64_t locals[MAX_LOCALS] = {0};
    int rest = 0;
    for (int32_t i = 0; i < info->n_steps && !c->bad && !w->status; i++) {
        const root_step *step = &info->steps[i];
        void *to = field(step, target, kind);
        int64_t v;
        switch ((root_code)step->code) {
        case STEP_SKIP:
            cursor_take(c, step->n);
            break;
        case STEP_NUMBER:
            v = number(c, step);
            if (step->local >= 0)
                locals[step->local] = v;
            if (to)
                *(int64_t *)to = v;
            break;
        case STEP_COUNTED:
            counted(c, step, locals[step->local], to);
            break;
        case STEP_STRING:
            for (uint32_t k = 0; k < step->n && !c->bad; k++) {
                text t = cursor_text(c);
                if (to)
                    *(text *)to = t;
            }
            break;
        case STEP_CHARS:
            v = cursor_i32(c);
            cursor_take(c, v < 0 ? UINT64_MAX : (uint64_t)v);
            break;
        case STEP_SLOT:
            for (uint32_t k = 0; k < step->n && !c->bad && !w->status; k++) {
                uint32_t ref = read_slot(w, c);
                if (to)
                    *(uint32_t *)to = ref;
            }
            break;
        case STEP_CLASS:
            for (uint32_t k = 0; k < step->n && !c->bad && !w->status; k++)
                run_class(w, c, step->cls, NULL, KIND_OTHER);
            break;
        case STEP_BASE:
            run_class(w, c, step->cls, target, kind);
            break;
        case STEP_ARRAY:
            array(w, c, to);
            break;
        case STEP_LIST:
            list(w, c);
            break;
        case STEP_TOBJECT:
            for (uint32_t k = 0; k < step->n && !c->bad; k++)
                tobject(c);
            break;
        case STEP_TARRAY:
            for (uint32_t k = 0; k < step->n && !c->bad; k++)
                tarray(c, step->width, to);
            break;
        case STEP_FRAME:
            skip_frame(c);
            break;
        case STEP_REST:
            if (cursor_left(c) < 4 || !(be32(c->p) & FRAME_BIT))
                return;
            rest = 1;
            skip_frame(c);
            break;
        case STEP_STOP:
            return;
        }
        if (rest && forgive(w, c))
            return;
    }
}

/* A framed object or base of class cls. */
static void run_class(walk *w, cursor *c, root_class *cls, void *target, root_kind kind)
{
    const root_info *info;
    uint32_t checksum = 0;
    frame f;
    if (cls->kind == KIND_NAMED) {
        named(c, target);
        return;
    }
    if (cls->kind == KIND_ARRAY) {
        array(w, c, NULL);
        return;
    }
    if (cls->kind == KIND_LIST) {
        list(w, c);
        return;
    }
    if (w->depth >= MAX_DEPTH) {
        fail(w, VCOL_CORRUPT, "%.*s: objects are nested more than %lld deep", cls->name.s, cls->name.n,
             MAX_DEPTH);
        return;
    }
    w->depth++;
    f = open_frame(c);
    if (f.version <= 0 && f.end && f.end - c->p >= 4)
        checksum = cursor_u32(c);
    info = vcol__class_info(cls, f.version, checksum);
    if (!info && target)
        fail(w, VCOL_UNSUPPORTED,
             "class %.*s of version %lld is described neither by the file nor by the reader", cls->name.s,
             cls->name.n, f.version);
    else if (info)
        run_steps(w, c, info, target, kind);
    else if (!f.end)
        c->bad = 1;
    if (c->bad && f.end && !target && f.end <= f.outer)
        c->bad = 0; /* an object that is not ours: its byte count leads on */
    close_frame(c, f);
    w->depth--;
}

/* ---- embedded baskets ------------------------------------------------------------------------- */

/*
 * FORMAT root/TBasket embedded: a whole key, i16 version, i32 fBufferSize, i32 fNevBufSize (negative: u8
 * fIOBits follows), i32 fNevBuf, i32 fLast, u8 flag; unless flag % 10 == 2 or flag >= 80 or flag == 0: i32
 * count and offsets (where fNevBuf > 0); flag > 40: displacements likewise; flag == 1 or > 10: fLast bytes,
 * of which the first fKeylen mean nothing. source: root-project/root tree/tree/src/TBasket.cxx
 * (TBasket::Streamer); data/root/uproot-issue-60.root
 */
static void basket(cursor *c, model_basket *b)
{
    const char *why;
    root_key key;
    int16_t version;
    int generated, flag;
    b->bad = 1;
    if (vcol__key_parse(c, &key, &why) && c->bad)
        return;
    version = cursor_i16(c);
    cursor_i32(c);
    b->entry_size = cursor_i32(c);
    if (b->entry_size < 0) {
        b->entry_size = b->entry_size == INT32_MIN ? 0 : -b->entry_size;
        b->io_bits = cursor_u8(c);
    }
    b->entries = cursor_i32(c);
    b->last = cursor_i32(c);
    b->flag = flag = cursor_u8(c);
    b->keylen = (int32_t)key.keylen;
    generated = flag >= 80;
    if (generated)
        flag -= 80;
    if (!generated && flag && flag % 10 != 2) {
        if (b->entries) {
            int32_t n = cursor_i32(c);
            b->n_offsets = n;
            b->offsets = n < 0 ? NULL : cursor_take(c, (uint64_t)n * 4);
            if (!b->offsets)
                return;
        }
        if (flag > 40) {
            int32_t n = cursor_i32(c);
            if (n < 0 || !cursor_take(c, (uint64_t)n * 4))
                return;
        }
    }
    if (flag == 1 || flag > 10) {
        int32_t n = version > 1 ? b->last : cursor_i32(c);
        b->raw = n < 0 || n < b->last ? NULL : cursor_take(c, (uint64_t)n);
        if (!b->raw)
            return;
    }
    b->bad = c->bad || b->keylen <= 0 || b->last < 0 || b->entries < 0;
}

/* ---- indices --------------------------------------------------------------------------------------- */

/*
 * FORMAT root/TTreeIndex: TVirtualIndex, TString fMajorName, fMinorName, i64 fN, i64 fIndexValues[fN], fIndexValuesMinor[fN] (from
 * version 2 on; before, both are in one: major << 31 | minor), fIndex[fN]; ordered by major, then minor. source:
 * root-project/root tree/treeplayer/src/TTreeIndex.cxx (TTreeIndex::Streamer, ConvertOldToNew)
 */
static void tree_index(cursor *c, model_index *x)
{
    frame f = open_frame(c);
    skip_frame(c);
    x->major = cursor_text(c);
    x->minor = cursor_text(c);
    x->n = cursor_i64(c);
    if (x->n < 0 || (uint64_t)x->n > cursor_left(c) / 8)
        c->bad = 1;
    if (!c->bad) {
        x->majors = cursor_take(c, 8 * (uint64_t)x->n);
        x->minors = f.version > 1 ? cursor_take(c, 8 * (uint64_t)x->n) : NULL;
        x->entries = cursor_take(c, 8 * (uint64_t)x->n);
    }
    x->bad = c->bad;
    close_frame(c, f);
}

const model_index *vcol__walk_index(walk *w, const model_tree *tree)
{
    const model_array *sums = &tree->index_values, *entries = &tree->index_entries;
    for (int64_t i = 0; i < w->n_objects; i++)
        if (w->objects[i].kind == KIND_INDEX)
            return w->objects[i].target;
    if (sums->n == 0 && entries->n == 0)
        return NULL;
    w->old = (model_index){.major = no_text, .minor = no_text, .n = sums->n, .sums = sums->data, .entries = entries->data};
    w->old.bad = sums->n != entries->n || sums->width != 8 || entries->width != 4;
    return &w->old;
}

/* ---- pointers -------------------------------------------------------------------------------- */

static void *new_target(walk *w, root_class *cls, root_kind kind)
{
    size_t size = kind == KIND_BRANCH ? sizeof(model_branch)
                  : kind == KIND_LEAF  ? sizeof(model_leaf)
                  : kind == KIND_INDEX ? sizeof(model_index)
                  : kind == KIND_FRIEND ? sizeof(model_friend)
                                       : sizeof(model_basket);
    void *target = vcol__arena_new(w->memory, 1, size);
    if (!target) {
        fail(w, VCOL_NOMEM, "%.*sno memory for an object of %lld bytes", "", 0, (long long)size);
        return NULL;
    }
    if (kind == KIND_BRANCH || kind == KIND_LEAF || kind == KIND_FRIEND)
        *(model_named *)target = (model_named){no_text, no_text, cls};
    if (kind == KIND_BRANCH) {
        ((model_branch *)target)->file_name = no_text;
        ((model_branch *)target)->class_name = no_text;
    }
    if (kind == KIND_FRIEND)
        ((model_friend *)target)->tree_name = no_text;
    return target;
}

/* The object of a pointer, at c; its first word was at `start`, its bytes end at `end` (or NULL). */
static uint32_t read_object(walk *w, cursor *c, root_class *cls, const uint8_t *start, const uint8_t *end)
{
    const uint8_t *outer = c->end;
    root_kind kind = cls ? cls->kind : KIND_OTHER;
    void *target = NULL;
    uint32_t ref;
    if (w->depth >= MAX_DEPTH) {
        fail(w, VCOL_CORRUPT, "%.*sobjects are nested more than %lld deep", "", 0, MAX_DEPTH);
        return 0;
    }
    if (kind == KIND_BRANCH || kind == KIND_LEAF || kind == KIND_BASKET || kind == KIND_INDEX || kind == KIND_FRIEND) {
        target = new_target(w, cls, kind);
        if (!target)
            return 0;
    }
    ref = add_object(w, position(w, start) + MAP_OFFSET, kind, target);
    if (!ref)
        return 0;
    if (end)
        c->end = end;
    w->depth++;
    if (kind == KIND_BASKET)
        basket(c, target);
    else if (kind == KIND_INDEX)
        tree_index(c, target);
    else if (cls)
        run_class(w, c, cls, target, kind);
    else if (!end)
        c->bad = 1;
    w->depth--;
    if (c->bad && end && (!target || kind == KIND_BASKET || kind == KIND_INDEX)) /* not ours, or marked */
        c->bad = 0;
    if (c->bad && target)
        fail(w, VCOL_CORRUPT, "a %.*s at position %lld does not fit its bytes", cls->name.s, cls->name.n,
             position(w, start));
    if (end)
        c->p = end;
    c->end = outer;
    return ref;
}

static uint32_t read_slot(walk *w, cursor *c)
{
    const uint8_t *start = c->p, *tag = start, *end = NULL;
    root_class *cls = NULL;
    uint32_t word = cursor_u32(c);
    if (word & FRAME_BIT && word != NEW_CLASS && !(word & CLASS_BIT)) {
        uint32_t n = word & ~(uint32_t)FRAME_BIT;
        if (n > cursor_left(c) || n < 4) {
            c->bad = 1;
            return 0;
        }
        end = c->p + n;
        tag = c->p;
        word = cursor_u32(c);
    }
    if (word == 0 || !(word & CLASS_BIT)) { /* null, or an object seen before */
        if (end)
            c->p = end;
        return word == 0 ? 0 : word == TOP_OBJECT ? UNRESOLVED : find_object(w, word);
    }
    if (word == NEW_CLASS) {
        const uint8_t *nul = memchr(c->p, 0, cursor_left(c));
        if (!nul) {
            c->bad = 1;
            return 0;
        }
        cls = vcol__class_find(w->file->classes, (text){(const char *)c->p, (uint32_t)(nul - c->p)});
        c->p = nul + 1;
        if (end && c->p > end) {
            c->bad = 1;
            return 0;
        }
        add_tag(w, position(w, tag) + MAP_OFFSET, cls);
    } else {
        const walk_tag *seen = find_tag(w, word & ~CLASS_BIT);
        if (seen)
            cls = seen->cls;
        else if (!end)
            c->bad = 1;
    }
    return c->bad ? 0 : read_object(w, c, cls, start, end);
}

vcol_status vcol__walk_tree(walk *w, const root_record *record, root_class *cls, model_tree *out)
{
    cursor c = cursor_make(record->data + record->key.keylen, record->size - record->key.keylen);
    w->base = record->data;
    w->size = record->size;
    *out = (model_tree){.named = {no_text, no_text, cls}};
    run_class(w, &c, cls, out, KIND_TREE);
    if (c.bad)
        fail(w, VCOL_CORRUPT, "%.*sits description does not fit its bytes (position %lld)", "", 0,
             position(w, c.p));
    return w->status;
}
