/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery: the directories of a file that was not closed, made again from its records.
 *
 * FORMAT root/chain of records  from fBEGIN on, one behind the other: a positive word is a record's length, a
 *     negative one that of a gap (what was deleted), 0 ends it. A record belongs to the directory whose place
 *     its fSeekPdir is, the root directory's being fBEGIN. Key lists and the list of gaps are records of the
 *     directory's own class; baskets bear their branch's name, their tree as title, and their number as
 *     cycle. source: root-project/root io/io/src/TFile.cxx (TFile::Recover, MakeFree), TDirectoryFile.cxx
 *     (Init, WriteKeys), tree/tree/src/TBasket.cxx (WriteBuffer)
 *
 * ROOT lists the root directory only, and only classes that it knows; here subdirectories are made again too.
 * Where it stops (a zero, what is no key, a record that ends behind the file) this stops too, and says so:
 * bytes behind that place may be of records that were deleted.
 */
#include "recover.h"

#include <stdlib.h>

enum { WINDOW = 2048, FIRST_TABLE = 64, CLASS_NAME = 100, FIELDS = 64, MAX_BASES = 8 };
enum { FRAME_BIT = 0x40000000, IS_REFERENCED = 0x10 };
#define PDIR_MASK ((1ull << 48) - 1) /* of a large key's fSeekPdir; above are bits of a process id */

/* A record that is no basket. */
typedef struct found {
    root_key key;
    uint64_t parent;
} found;

typedef struct scan {
    root_file *file;
    recovery *r;
    uint8_t *window; /* `held` bytes from `from` on */
    uint64_t from;
    size_t held, room;
    text own, name; /* of the file's own records: their class; the file's name */
    int64_t baskets;
    uint64_t at;
    const char *stopped; /* why it ended before the file did */
} scan;

static vcol_status nomem(vcol_error *err)
{
    return vcol_error_format(err, VCOL_NOMEM, "no memory for the file's records");
}

/* n bytes at `at`, which lie inside the file and, for n above WINDOW, fit a key; until the next call. */
static vcol_status bytes_at(scan *s, uint64_t at, size_t n, const uint8_t **out, vcol_error *err)
{
    uint64_t left = s->file->size - at;
    size_t want = n > WINDOW ? n : WINDOW;
    vcol_status status;
    if (at < s->from || at - s->from > s->held || n > s->held - (size_t)(at - s->from)) {
        if (want > left)
            want = (size_t)left;
        status = vcol__file_read(s->file, at, s->window, want, err);
        if (status)
            return status;
        s->from = at;
        s->held = want;
    }
    *out = s->window + (at - s->from);
    return VCOL_OK;
}

static int keep(arena *memory, text *t)
{
    const char *copy = vcol__arena_text(memory, *t);
    if (!copy)
        return -1;
    *t = (text){copy, t->n ? (uint32_t)strlen(copy) : 0}; /* cut at a NUL, as names of entries are */
    return 0;
}

/* A list that doubles in the file's memory. */
static void *grown(root_file *file, void *old, int64_t n, int64_t *capacity, size_t size)
{
    int64_t more = *capacity ? *capacity * 2 : 8;
    void *p;
    if (n < *capacity)
        return old;
    p = vcol__arena_new(&file->memory, (uint64_t)more, size);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, old, (size_t)n * size);
    *capacity = more;
    return p;
}

/* ---- baskets, by their names ----------------------------------------------------------------------- */

static uint64_t hash(const strand *of, text name)
{
    return vcol_hash_xxh64(name.s, name.n) + (of ? ((uint64_t)of->index + 1) * 0x9e3779b97f4a7c15u : 0);
}

static strand *look_up(const recovery *r, const strand *of, text name)
{
    strand *s = r->size ? r->table[hash(of, name) & (uint64_t)(r->size - 1)] : NULL;
    while (s && (s->of != of || !text_same(s->name, name)))
        s = s->chain;
    return s;
}

const strand *vcol__recover_strand(const recovery *r, text tree, const text *branch)
{
    const strand *of = look_up(r, NULL, tree);
    return branch && of ? look_up(r, of, *branch) : of;
}

static int rehash(root_file *file, recovery *r)
{
    int64_t size = r->size ? r->size * 2 : FIRST_TABLE;
    strand **table = vcol__arena_new(&file->memory, (uint64_t)size, sizeof(strand *));
    if (!table)
        return -1;
    for (strand *s = r->first; s; s = s->next) {
        strand **slot = &table[hash(s->of, s->name) & (uint64_t)(size - 1)];
        s->chain = *slot;
        *slot = s;
    }
    r->table = table;
    r->size = size;
    return 0;
}

/* The strand of that name, made if need be; NULL: no memory. */
static strand *strand_of(root_file *file, strand *of, text name)
{
    recovery *r = file->recovery;
    strand *s = look_up(r, of, name), **slot;
    if (s)
        return s;
    if (r->n_strands >= r->size && rehash(file, r))
        return NULL;
    s = vcol__arena_new(&file->memory, 1, sizeof *s);
    if (!s || keep(&file->memory, &name))
        return NULL;
    s->of = of;
    s->name = name;
    s->index = r->n_strands++;
    slot = &r->table[hash(of, name) & (uint64_t)(r->size - 1)];
    s->chain = *slot;
    *slot = s;
    if (r->last)
        r->last->next = s;
    else
        r->first = s;
    r->last = s;
    if (of)
        of->branches++;
    return s;
}

/* What stands before a NUL: names are compared as they are kept. */
static text before_nul(text t)
{
    const char *nul = t.n ? memchr(t.s, 0, t.n) : NULL;
    return nul ? (text){t.s, (uint32_t)(nul - t.s)} : t;
}

/* A basket's record, whose key is at p; its head that does not fit: it is left out. */
static vcol_status add_basket(scan *s, const uint8_t *p, const root_key *key, vcol_error *err)
{
    cursor c = cursor_make(p + key->parsed, key->keylen - key->parsed);
    strand *tree, *branch;
    stray basket = {s->at, key->nbytes, 0, be16(p + 16)}, *list;
    cursor_take(&c, 6);
    if (cursor_i32(&c) < 0)
        cursor_u8(&c);
    basket.entries = cursor_i32(&c);
    cursor_take(&c, 5);
    if (c.bad || basket.entries < 0)
        return VCOL_OK;
    tree = strand_of(s->file, NULL, before_nul(key->title));
    branch = tree ? strand_of(s->file, tree, before_nul(key->name)) : NULL;
    list = branch ? grown(s->file, branch->baskets, branch->n, &branch->capacity, sizeof *list) : NULL;
    if (!list)
        return nomem(err);
    branch->baskets = list;
    list[branch->n++] = basket;
    tree->all++;
    tree->bytes += key->nbytes;
    s->baskets++;
    return VCOL_OK;
}

/* ---- other records -------------------------------------------------------------------------------------- */

/*
 * Whether a record of a directory's class is a directory: its fSeekDir is its own place. Else it is a directory's
 * list of keys.
 */
static vcol_status is_directory(scan *s, const root_key *key, int *yes, vcol_error *err)
{
    uint32_t left = key->nbytes - key->keylen;
    size_t n = left < FIELDS ? left : FIELDS;
    const uint8_t *p;
    cursor c;
    int large;
    vcol_status status = bytes_at(s, s->at + key->keylen, n, &p, err);
    *yes = 0;
    if (status)
        return status;
    c = cursor_make(p, n);
    large = cursor_i16(&c) > 1000;
    cursor_take(&c, 16);
    *yes = (large ? cursor_u64(&c) : cursor_u32(&c)) == s->at && !c.bad;
    return VCOL_OK;
}

static vcol_status add_found(scan *s, const root_key *key, uint64_t parent, vcol_error *err)
{
    recovery *r = s->r;
    found *list = grown(s->file, r->found, r->n_found, &r->capacity, sizeof *list);
    found *f;
    if (!list)
        return nomem(err);
    r->found = list;
    f = &list[r->n_found];
    *f = (found){*key, parent};
    f->key.seek = s->at;
    if (keep(&s->file->memory, &f->key.class_name) || keep(&s->file->memory, &f->key.name) ||
        keep(&s->file->memory, &f->key.title))
        return nomem(err);
    r->n_found++;
    return VCOL_OK;
}

/* The record at s->at, which begins with a positive word; it may end the walk. */
static vcol_status record(scan *s, uint32_t nbytes, vcol_error *err)
{
    root_file *file = s->file;
    uint64_t left = file->size - s->at, parent;
    const uint8_t *p;
    const char *why = NULL;
    vcol_status status;
    size_t keylen;
    root_key key;
    cursor c;
    int yes = 1;
    if (nbytes > left || left < KEY_MIN) {
        s->stopped = "a record that ends behind the file's end";
        return VCOL_OK;
    }
    s->stopped = "what is there is no key";
    if (nbytes < KEY_MIN)
        return VCOL_OK;
    status = bytes_at(s, s->at, KEY_MIN, &p, err);
    if (status)
        return status;
    keylen = be16(p + 14);
    if (keylen < KEY_MIN || keylen > INT16_MAX || keylen > nbytes)
        return VCOL_OK;
    status = bytes_at(s, s->at, keylen, &p, err);
    if (status)
        return status;
    c = cursor_make(p, keylen);
    if (vcol__key_parse(&c, &key, &why) || !key.class_name.n || key.class_name.n > CLASS_NAME)
        return VCOL_OK;
    if (text_is(key.class_name, "RBlob")) { /* of its key only the length means anything */
        s->stopped = NULL;
        return VCOL_OK;
    }
    if (key.seek != s->at && (key.seek || text_is(key.class_name, "TBasket"))) /* some writers leave their own keys' at 0 */
        return VCOL_OK;
    s->stopped = NULL;
    parent = key.version > 1000 ? be64(p + 26) & PDIR_MASK : be32(p + 22);
    if (text_is(key.class_name, "TBasket"))
        return add_basket(s, p, &key, err);
    if (s->at == file->begin) {
        s->own = key.class_name;
        s->name = key.name;
        return keep(&file->memory, &s->own) || keep(&file->memory, &s->name) ? nomem(err) : VCOL_OK;
    }
    if (text_same(key.class_name, s->own) || text_is(key.class_name, "TFile") || text_same(key.name, s->name))
        return VCOL_OK; /* its own list of keys, or of gaps; its class may have changed */
    if (text_is(key.name, "StreamerInfo") && text_is(key.class_name, "TList")) {
        file->seek_info = s->at;
        file->nbytes_info = nbytes;
        return VCOL_OK;
    }
    status = add_found(s, &key, parent, err);
    if (!status && vcol__class_is_directory(key.class_name)) {
        status = is_directory(s, &key, &yes, err);
        s->r->n_found -= !yes;
    }
    return status;
}

static vcol_status walk_records(scan *s, vcol_error *err)
{
    root_file *file = s->file;
    vcol_status status = VCOL_OK;
    for (s->at = file->begin; file->size - s->at >= 4 && !status && !s->stopped;) {
        const uint8_t *p;
        int64_t word;
        status = bytes_at(s, s->at, 4, &p, err);
        if (status)
            return status;
        word = (int32_t)be32(p);
        if (word == 0) {
            s->stopped = "zeros";
        } else if (word > 0) {
            status = record(s, (uint32_t)word, err);
        } else if ((uint64_t)-word > file->size - s->at) {
            s->stopped = "a gap that ends behind the file's end";
        }
        if (!s->stopped)
            s->at += (uint64_t)(word < 0 ? -word : word);
    }
    return status;
}

vcol_status vcol__recover_walk(root_file *file, vcol_error *err)
{
    scan s = {.file = file, .own = {"", 0}, .name = {"", 0}, .room = INT16_MAX + 1};
    vcol_status status;
    file->recovery = s.r = vcol__arena_new(&file->memory, 1, sizeof *s.r);
    s.window = s.r ? vcol__root_alloc(&file->memory.allocator, s.room) : NULL;
    if (!s.window)
        return nomem(err);
    status = walk_records(&s, err);
    vcol__root_free(&file->memory.allocator, s.window, s.room);
    if (status)
        return status;
    s.r->note = vcol__arena_printf(&file->memory, "%lld object%s and %lld basket%s found in its %llu bytes%s%s",
                                   (long long)s.r->n_found, s.r->n_found == 1 ? "" : "s", (long long)s.baskets,
                                   s.baskets == 1 ? "" : "s", (unsigned long long)file->size,
                                   s.stopped ? ", up to " : "", s.stopped ? s.stopped : "");
    if (s.r->note && s.stopped)
        s.r->note = vcol__arena_printf(&file->memory, "%s at byte %llu", s.r->note, (unsigned long long)s.at);
    return s.r->note ? VCOL_OK : nomem(err);
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static int by_parent(const void *a, const void *b)
{
    const found *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return x->key.seek < y->key.seek ? -1 : x->key.seek > y->key.seek;
}

/* The first record whose parent is not before `parent`. */
static int64_t first_of(const recovery *r, uint64_t parent)
{
    int64_t lo = 0, hi = r->n_found;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (r->found[mid].parent < parent)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/*
 * The records of one directory, and of those in it. Each has one parent and lies in the file once: none is met twice.
 * Images stand last first, so that of one name and cycle the last one hides the others.
 */
static vcol_status list_directory(root_file *file, uint64_t seek, const char *path, int depth, vcol_error *err)
{
    recovery *r = file->recovery;
    int64_t from = first_of(r, seek), n = first_of(r, seek + 1) - from;
    size_t bytes = ((size_t)n + 1) * sizeof(root_image);
    root_image *images = vcol__root_alloc(&file->memory.allocator, bytes);
    vcol_status status = images ? VCOL_OK : nomem(err);
    for (int64_t i = 0; i < n && images; i++)
        images[i] = (root_image){r->found[from + n - 1 - i].key, 0};
    if (!status && vcol__images_hide(file, images, n))
        status = nomem(err);
    for (int64_t i = n - 1; i >= 0 && !status; i--) {
        const root_image *im = &images[i];
        int64_t index;
        const char *below;
        if (im->hidden == 2)
            continue;
        index = vcol__entry_add(file, im, path);
        if (index < 0) {
            status = nomem(err);
        } else if (vcol__class_is_directory(im->key.class_name) && !im->hidden) {
            if (depth >= MAX_DIRECTORY_DEPTH) {
                file->entries[index].note = "directories are nested too deep";
                continue;
            }
            below = vcol__arena_printf(&file->memory, "%s/", file->entries[index].name);
            status = below ? list_directory(file, im->key.seek, below, depth + 1, err) : nomem(err);
        }
    }
    if (images)
        vcol__root_free(&file->memory.allocator, images, bytes);
    return status;
}

/*
 * The name that a tree's baskets bear: the tree's own, which its key need not have. Of a record that cannot be read: the
 * key's. Frames (of bases) come first, then TObject, then the name.
 */
static vcol_status tree_name(root_file *file, const object_entry *e, vcol_worker *worker, arena *memory, text *out,
                             vcol_error *err)
{
    const char *slash = strrchr(e->name, '/');
    vcol_error inner = {0};
    root_record record;
    cursor c;
    vcol_status status = vcol__record_read(file, e->seek, e->nbytes, e->name, worker, memory, &record, &inner);
    *out = text_from(slash ? slash + 1 : e->name);
    if (status == VCOL_NOMEM || status == VCOL_IO)
        return vcol_error_set(err, status, inner.message);
    if (status)
        return VCOL_OK;
    c = cursor_make(record.data + record.key.keylen, record.size - record.key.keylen);
    for (int i = 0; i < MAX_BASES && cursor_left(&c) >= 6 && be32(c.p) & FRAME_BIT; i++)
        cursor_take(&c, 6);
    cursor_take(&c, 6);
    if (cursor_u32(&c) & IS_REFERENCED)
        cursor_u16(&c);
    if (!c.bad) {
        text name = cursor_text(&c);
        *out = c.bad ? *out : before_nul(name);
    }
    return VCOL_OK;
}

/* Counts the trees of each name. */
static vcol_status count_trees(root_file *file, vcol_worker *worker, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int64_t i = 0; i < file->n_entries && !status; i++) {
        const object_entry *e = &file->entries[i];
        arena memory;
        text name;
        strand *s;
        if (!e->is_table || e->is_ntuple)
            continue;
        vcol__arena_init(&memory, &file->memory.allocator);
        status = tree_name(file, e, worker, &memory, &name, err);
        s = status ? NULL : look_up(file->recovery, NULL, name);
        if (s) {
            s->records++;
            s->trees += e->listed;
        }
        vcol__arena_free(&memory);
    }
    return status;
}

/* Trees of which there are baskets, but no record: their description was never written, or is behind the end. */
static vcol_status list_unwritten(root_file *file, vcol_error *err)
{
    recovery *r = file->recovery;
    for (strand *s = r->first; s; s = s->next) {
        root_image image = {.key = {.class_name = {"TTree", 5}, .name = s->name, .title = {"", 0}}};
        const char *note;
        int64_t index;
        if (s->of || s->records || !s->name.n)
            continue;
        note = vcol__arena_printf(&file->memory,
                                  "there is no record of it, only %lld baskets of %lld branches (%llu bytes)",
                                  (long long)s->all, (long long)s->branches, (unsigned long long)s->bytes);
        index = note ? vcol__entry_add(file, &image, "") : -1;
        if (index < 0)
            return nomem(err);
        file->entries[index].note = note;
        file->entries[index].is_table = 0;
    }
    return VCOL_OK;
}

vcol_status vcol__recover_list(root_file *file, vcol_worker *worker, vcol_error *err)
{
    recovery *r = file->recovery;
    vcol_status status;
    if (r->n_found)
        qsort(r->found, (size_t)r->n_found, sizeof *r->found, by_parent);
    status = list_directory(file, file->begin, "", 0, err);
    if (!status)
        status = count_trees(file, worker, err);
    if (!status)
        status = list_unwritten(file, err);
    if (status)
        return status;
    return vcol__entries_list(file) ? nomem(err) : VCOL_OK;
}
