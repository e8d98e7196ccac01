/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plan as text: vcol_plan_save and vcol_plan_load. A line is a keyword and words, separated by blanks or commas; a line that
 * begins with # is a remark.
 *
 *     "a b"     exactly this name; \" \\ \n \t and \xHH stand for bytes
 *     Jet_*     a name, collection or pattern
 *     ~"a\x01"  the same, where it needs quotes
 *     +"a b"    exactly this name, which was seen in a chunk and is not declared; in a step that is learned all are
 */
#include "dataset/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)1 << 20)
enum { MOST_LINES = 10000, MOST_WORD = 4096 }; /* lines of steps, folds and sizes each: looking for doubles stays quick */

/* ---- writing --------------------------------------------------------------------------------------- */

typedef struct text {
    char *data;
    size_t size, capacity;
    bool failed;
} text;

static void put(text *t, const char *data, size_t n)
{
    if (t->failed)
        return;
    if (t->size + n + 1 > t->capacity) {
        size_t capacity = 2 * (t->size + n + 1);
        char *more = realloc(t->data, capacity);
        if (!more) {
            t->failed = true;
            return;
        }
        t->data = more;
        t->capacity = capacity;
    }
    memcpy(t->data + t->size, data, n);
    t->size += n;
    t->data[t->size] = 0;
}

static void puts_text(text *t, const char *s)
{
    put(t, s, strlen(s));
}

static void put_quoted(text *t, const char *s)
{
    puts_text(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char escaped[8];
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c == '\n' || c == '\t')
            snprintf(escaped, sizeof escaped, "\\%c", c == '\n' ? 'n' : 't');
        else if (c < ' ' || c == 127)
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        puts_text(t, escaped);
    }
    puts_text(t, "\"");
}

/* Whether a word can stand without quotes. */
static bool plain(const char *s)
{
    if (!*s || *s == '"' || *s == '~' || *s == '+' || *s == '#')
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == ',' || *s == 127)
            return false;
    return true;
}

static void put_name(text *t, const char *s)
{
    puts_text(t, " ");
    if (plain(s))
        puts_text(t, s);
    else
        put_quoted(t, s);
}

static void put_items(text *t, const char *keyword, const vcol__plan_items *items, bool learned)
{
    if (items->n)
        puts_text(t, keyword);
    for (int64_t i = 0; i < items->n; i++) {
        const vcol__plan_item *item = &items->list[i];
        puts_text(t, " ");
        if (!item->exact && plain(item->text)) {
            puts_text(t, item->text);
        } else {
            puts_text(t, !item->exact ? "~" : item->learned && !learned ? "+" : "");
            put_quoted(t, item->text);
        }
    }
    if (items->n)
        puts_text(t, "\n");
}

char *vcol__plan_print(const vcol_plan *p, size_t *size)
{
    text t = {0};
    char line[128];
    puts_text(&t, "vcol plan 1\n");
    vcol__lock_take(vcol__plan_lock(p));
    for (int64_t i = 0; i < p->n_steps; i++) {
        const vcol__plan_stage *s = &p->steps[i];
        puts_text(&t, "step");
        put_name(&t, s->name);
        puts_text(&t, s->learned ? " learned" : "");
        puts_text(&t, s->known ? "\n" : " unknown\n");
        put_items(&t, "uses", &s->uses, s->learned);
        put_items(&t, "makes", &s->makes, s->learned);
    }
    for (int64_t i = 0; i < p->n_folds; i++) {
        snprintf(line, sizeof line, "folds %" PRId64 " %" PRId64 " %" PRId64 "\n", p->folds[i].first, p->folds[i].last,
                 p->folds[i].folds);
        puts_text(&t, line);
    }
    for (int64_t i = 0; i < p->n_sizes; i++) {
        puts_text(&t, "size");
        put_name(&t, p->sizes[i].name);
        snprintf(line, sizeof line, " %" PRIu64 "\n", p->sizes[i].bytes);
        puts_text(&t, line);
    }
    vcol__lock_drop(vcol__plan_lock(p));
    if (t.failed) {
        free(t.data);
        return NULL;
    }
    *size = t.size;
    return t.data;
}

vcol_status vcol_plan_save(const vcol_plan *p, const char *path, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!p || !path)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_save: a plan and a path are needed");
    size_t size, n = strlen(path) + sizeof ".part";
    char *data = vcol__plan_print(p, &size), *part = malloc(n);
    vcol_status status = VCOL_OK;
    FILE *out = NULL;
    if (!data || !part) {
        status = vcol_error_format(err, VCOL_NOMEM, "%.200s: no memory for a plan", path);
        goto done;
    }
    snprintf(part, n, "%s.part", path);
    out = fopen(part, "w");
    bool ok = out && fwrite(data, 1, size, out) == size;
    ok = (!out || fclose(out) == 0) && ok;
    if (!ok || rename(part, path)) {
        int number = errno;
        if (out)
            remove(part);
        status = vcol_error_format(err, VCOL_IO, "%.200s: cannot be written: %s", path, strerror(number));
        if (err && err->status == VCOL_IO)
            err->os_errno = number;
    }
done:
    free(data);
    free(part);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

typedef struct reading {
    const char *where, *at, *end; /* the rest of the line */
    int64_t line;
    vcol_plan *plan;
    vcol__plan_stage *step; /* the last one, or NULL */
    char word[MOST_WORD + 1];
    size_t length;
    bool exact, seen;
} reading;

static vcol_status bad(const reading *r, const char *what, vcol_error *err)
{
    return vcol_error_format(err, VCOL_CORRUPT, "%.200s: line %lld: %s", r->where, (long long)r->line, what);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape stands for, after its backslash; -1: none. */
static int escape(reading *r)
{
    char c = r->at < r->end ? *r->at++ : 0;
    if (c == '"' || c == '\\')
        return c;
    if (c == 'n' || c == 't')
        return c == 'n' ? '\n' : '\t';
    if (c != 'x' || r->end - r->at < 2)
        return -1;
    int high = hex(r->at[0]), low = hex(r->at[1]);
    r->at += 2;
    return high < 0 || low < 0 || (high == 0 && low == 0) ? -1 : high * 16 + low;
}

static vcol_status quoted(reading *r, vcol_error *err)
{
    r->at++;
    for (;;) {
        int c = r->at < r->end ? (unsigned char)*r->at++ : -1;
        if (c == '"')
            return r->length ? VCOL_OK : bad(r, "an empty name", err);
        if (c == '\\')
            c = escape(r);
        if (c < 0)
            return bad(r, "a quote that does not end, or a wrong escape", err);
        if (r->length == MOST_WORD)
            return bad(r, "a word of more than 4096 bytes", err);
        r->word[r->length++] = (char)c;
    }
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

/* The next word of the line; END if there is none. */
static vcol_status word(reading *r, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    while (r->at < r->end && blank(*r->at))
        r->at++;
    r->length = 0;
    if (r->at == r->end)
        return VCOL_END;
    bool marked = r->at + 1 < r->end && r->at[1] == '"', pattern = marked && *r->at == '~';
    r->seen = marked && *r->at == '+';
    r->at += pattern || r->seen;
    r->exact = *r->at == '"' && !pattern;
    if (*r->at == '"') {
        status = quoted(r, err);
        if (status == VCOL_OK && r->at < r->end && !blank(*r->at))
            status = bad(r, "a name that goes on behind its quotes", err);
    } else {
        for (; r->at < r->end && !blank(*r->at) && status == VCOL_OK; r->at++) {
            if (r->length == MOST_WORD)
                status = bad(r, "a word of more than 4096 bytes", err);
            else
                r->word[r->length++] = *r->at;
        }
    }
    r->word[r->length] = 0;
    return status;
}

/* The next word, which there must be. */
static vcol_status need(reading *r, const char *what, vcol_error *err)
{
    vcol_status status = word(r, err);
    return status == VCOL_END ? bad(r, what, err) : status;
}

static vcol_status number(reading *r, uint64_t most, uint64_t *out, vcol_error *err)
{
    vcol_status status = need(r, "a number is missing", err);
    *out = 0;
    for (size_t i = 0; i < r->length && status == VCOL_OK; i++) {
        unsigned digit = (unsigned)(r->word[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(*out, (uint64_t)10, out) || __builtin_add_overflow(*out, digit, out) ||
            *out > most)
            status = bad(r, "not a number, or too large a one", err);
    }
    return status;
}

static vcol_status read_step(reading *r, vcol_error *err)
{
    vcol_status status = need(r, "a step without a name", err);
    if (status == VCOL_OK && r->plan->n_steps == MOST_LINES)
        status = vcol_error_format(err, VCOL_UNSUPPORTED, "%.200s: more than %d steps", r->where, MOST_LINES);
    if (status == VCOL_OK) {
        vcol_error why = {0};
        status = vcol__plan_add_stage(r->plan, r->word, &r->step, &why);
        if (status == VCOL_MISUSE)
            status = bad(r, "a step of that name is there already", err);
        else if (status != VCOL_OK && err)
            *err = why;
    }
    while (status == VCOL_OK && (status = word(r, err)) == VCOL_OK) {
        if (strcmp(r->word, "learned") == 0)
            r->step->learned = true;
        else if (strcmp(r->word, "unknown") == 0)
            r->step->known = false;
        else
            status = bad(r, "a step is followed by 'learned', 'unknown' or nothing", err);
    }
    return status == VCOL_END ? VCOL_OK : status;
}

static vcol_status read_items(reading *r, bool makes, vcol_error *err)
{
    vcol_status status = r->step ? VCOL_OK : bad(r, "names before the first step", err);
    while (status == VCOL_OK && (status = word(r, err)) == VCOL_OK)
        if (!vcol__plan_add_item(makes ? &r->step->makes : &r->step->uses, r->word, r->length, makes || r->exact,
                                 r->seen || r->step->learned))
            status = vcol_error_format(err, VCOL_NOMEM, "%.200s: no memory for a plan", r->where);
    return status == VCOL_END ? VCOL_OK : status;
}

static vcol_status read_folds(reading *r, vcol_error *err)
{
    uint64_t n[3];
    vcol_status status = VCOL_OK;
    for (int i = 0; i < 3 && status == VCOL_OK; i++)
        status = number(r, INT64_MAX, &n[i], err);
    if (status == VCOL_OK) {
        vcol_error why = {0};
        status = vcol_plan_set_folds(r->plan, (int64_t)n[0], (int64_t)n[1], (int64_t)n[2], &why);
        if (status == VCOL_RANGE || status == VCOL_MISUSE)
            status = bad(r, "folds of steps that there are not yet, that have folds already, or no rounds", err);
        else if (status != VCOL_OK && err)
            *err = why;
    }
    return status;
}

static vcol_status read_size(reading *r, vcol_error *err)
{
    char name[MOST_WORD + 1];
    uint64_t bytes;
    vcol_status status = need(r, "a size without a name", err);
    memcpy(name, r->word, r->length + 1);
    if (status == VCOL_OK)
        status = number(r, UINT64_MAX, &bytes, err);
    if (status == VCOL_OK && r->plan->n_sizes == MOST_LINES)
        status = vcol_error_format(err, VCOL_UNSUPPORTED, "%.200s: more than %d sizes", r->where, MOST_LINES);
    return status == VCOL_OK ? vcol_plan_set_size(r->plan, name, bytes, err) : status;
}

static vcol_status read_line(reading *r, vcol_error *err)
{
    vcol_status status = word(r, err);
    if (status == VCOL_END || (status == VCOL_OK && r->word[0] == '#' && !r->exact))
        return VCOL_OK;
    if (status != VCOL_OK)
        return status;
    if (strcmp(r->word, "step") == 0)
        status = read_step(r, err);
    else if (strcmp(r->word, "uses") == 0 || strcmp(r->word, "makes") == 0)
        status = read_items(r, r->word[0] == 'm', err);
    else if (strcmp(r->word, "folds") == 0)
        status = read_folds(r, err);
    else if (strcmp(r->word, "size") == 0)
        status = read_size(r, err);
    else
        return bad(r, "begins with none of step, uses, makes, folds, size", err);
    if (status == VCOL_OK && word(r, err) != VCOL_END)
        status = bad(r, "goes on behind its end", err);
    return status;
}

vcol_status vcol__plan_parse(const char *data, size_t size, const char *where, vcol_plan **out, vcol_error *err)
{
    static const char head[] = "vcol plan ";
    const char *end = data + size, *at = data;
    vcol_status status;
    *out = NULL;
    if (size < sizeof head || memcmp(data, head, sizeof head - 1) != 0)
        return vcol_error_format(err, VCOL_CORRUPT, "%.200s: not a plan: the first line is not 'vcol plan 1'", where);
    if (memchr(data, 0, size))
        return vcol_error_format(err, VCOL_CORRUPT, "%.200s: not a plan: it holds a zero byte", where);
    reading *r = calloc(1, sizeof *r);
    if (!r)
        return vcol_error_format(err, VCOL_NOMEM, "%.200s: no memory for a plan", where);
    r->where = where;
    status = vcol_plan_create(&r->plan, err);
    for (; at < end && status == VCOL_OK; at = r->end < end ? r->end + 1 : end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        r->at = at;
        r->end = newline ? newline : end;
        r->line++;
        if (r->line > 1) {
            status = read_line(r, err);
            continue;
        }
        uint64_t version;
        r->at += sizeof head - 1;
        status = number(r, UINT64_MAX, &version, err);
        if (status == VCOL_OK && version != 1)
            status = vcol_error_format(err, VCOL_UNSUPPORTED, "%.200s: a plan of version %llu; this library reads 1", where,
                                       (unsigned long long)version);
        if (status == VCOL_OK && word(r, err) != VCOL_END)
            status = bad(r, "goes on behind its end", err);
    }
    if (status == VCOL_OK)
        *out = r->plan;
    else
        vcol_plan_release(r->plan);
    free(r);
    return status;
}

vcol_status vcol_plan_load(const char *path, vcol_plan **out, vcol_error *err)
{
    if (out)
        *out = NULL;
    if (err && err->status)
        return (vcol_status)err->status;
    if (!path || !out)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_plan_load: a path and a place are needed");
    vcol_status status = VCOL_OK;
    FILE *in = fopen(path, "r");
    char *data = malloc(MOST_BYTES + 1);
    size_t n = in && data ? fread(data, 1, MOST_BYTES + 1, in) : 0;
    if (!in || (data && ferror(in))) {
        int number = errno;
        status = vcol_error_format(err, number == ENOENT ? VCOL_NOT_FOUND : VCOL_IO, "%.200s: %s", path, strerror(number));
        if (err)
            err->os_errno = number;
    } else if (!data) {
        status = vcol_error_format(err, VCOL_NOMEM, "%.200s: no memory for a plan", path);
    } else if (n > MOST_BYTES) {
        status = vcol_error_format(err, VCOL_UNSUPPORTED, "%.200s: a plan of more than %zu bytes", path, MOST_BYTES);
    } else {
        status = vcol__plan_parse(data, n, path, out, err);
    }
    if (in)
        fclose(in);
    free(data);
    return status;
}
