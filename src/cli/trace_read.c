/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace_read.c: reads a trace (vcol/trace.h). The events are parsed one at a time, by jansson, so that a file of any length
 * takes memory for its spans only; the frame around them ({"traceEvents":[…]}, or only the list) is taken apart here.
 *
 * The file may be of another program or damaged: what is missing in an event is 0, an event that is no span, counter or
 * name is passed over, and numbers out of range are an error.
 */
#include "trace.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS 2e9 /* either side of 0 */
#define MOST_THREADS 4096

const char *const trace_what_names[TRACE_WHATS] = {"compute", "generate", "read", "unpack", "decode", "load", "plan", "wait", "other"};
const char *const trace_for_names[TRACE_FORS] = {"bytes", "load", "block", "helper", "memory", "compute", "other"};

typedef struct input {
    FILE *in;
    const char *path;
    int64_t events; /* read so far */
    trace_data *out;
    vcol_error *err;
} input;

static int fail(input *i, vcol_status status, const char *what)
{
    vcol_error why = {.status = status};
    snprintf(why.message, sizeof why.message, "%.300s: event %lld: %.120s", i->path, (long long)i->events, what);
    if (!i->err->status)
        *i->err = why;
    return -1;
}

/* Room for one more; a new place, zeroed, or NULL. */
static void *grown(void *list_void, int64_t *n, int64_t *capacity, size_t size)
{
    void **list = list_void;
    if (*n == *capacity) {
        int64_t more = *capacity ? 2 * *capacity : 256;
        void *memory = realloc(*list, (size_t)more * size);
        if (!memory)
            return NULL;
        *list = memory;
        *capacity = more;
    }
    return memset((char *)*list + (size_t)(*n)++ * size, 0, size);
}

/* ---- events ----------------------------------------------------------------------------------- */

static uint64_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_real(value)) {
        double x = json_real_value(value);
        return x > 0 && x < 9e18 ? (uint64_t)x : 0;
    }
    return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

static const char *string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Microseconds as ns; false if there is no such number. */
static int time_of(const json_t *event, const char *key, int64_t *ns)
{
    const json_t *value = json_object_get(event, key);
    double us = json_number_value(value);
    *ns = 0;
    if (!json_is_number(value) || !(fabs(us) < MOST_SECONDS * 1e6))
        return 0;
    *ns = (int64_t)llround(us * 1e3);
    return 1;
}

static int find(const char *text, const char *const *names, int n, int otherwise)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return otherwise;
}

/* The thread of an event; -1: no memory. There are few. */
static int64_t thread_of(input *i, const json_t *event)
{
    trace_data *d = i->out;
    int64_t id = json_integer_value(json_object_get(event, "tid"));
    for (int64_t t = d->n_threads - 1; t >= 0; t--)
        if (d->threads[t].id == id)
            return t;
    if (d->n_threads == MOST_THREADS)
        return fail(i, VCOL_CORRUPT, "more threads than a trace has");
    trace_thread *t = grown(&d->threads, &d->n_threads, &d->threads_capacity, sizeof *t);
    if (!t)
        return fail(i, VCOL_NOMEM, "out of memory");
    t->id = id;
    return d->n_threads - 1;
}

static int add_range(input *i, const json_t *args, int block)
{
    trace_data *d = i->out;
    if (!number(args, "file"))
        return 0;
    trace_range *r = block ? grown(&d->blocks, &d->n_blocks, &d->blocks_capacity, sizeof *r)
                           : grown(&d->reads, &d->n_reads, &d->reads_capacity, sizeof *r);
    if (!r)
        return fail(i, VCOL_NOMEM, "out of memory");
    r->file = (int64_t)number(args, "file");
    r->offset = number(args, "offset");
    r->bytes = number(args, "bytes");
    return 0;
}

static int add_span(input *i, const json_t *event, const json_t *args)
{
    trace_data *d = i->out;
    int64_t start, duration, thread = thread_of(i, event);
    if (thread < 0)
        return -1;
    if (!time_of(event, "ts", &start) || !time_of(event, "dur", &duration) || duration < 0)
        return fail(i, VCOL_CORRUPT, "a span without a time");
    trace_span *s = grown(&d->spans, &d->n_spans, &d->spans_capacity, sizeof *s);
    if (!s)
        return fail(i, VCOL_NOMEM, "out of memory");
    s->start = start;
    s->end = start + duration;
    s->thread = thread;
    s->what = find(string(event, "cat"), trace_what_names, TRACE_WHATS, TRACE_OTHER);
    s->wait = find(string(args, "for"), trace_for_names, TRACE_FORS, TRACE_FOR_OTHER);
    if (s->what == TRACE_READ) {
        d->calls++;
        d->bytes_read += number(args, "bytes");
        d->bytes_wanted += number(args, "wanted");
        return add_range(i, args, 0);
    }
    if (s->what == TRACE_UNPACK) {
        s->again = number(args, "again") != 0;
        return add_range(i, args, 1);
    }
    return 0;
}

static int add_event(input *i, const json_t *event)
{
    const char *phase = string(event, "ph");
    const json_t *args = json_object_get(event, "args");
    if (!json_is_object(event))
        return fail(i, VCOL_CORRUPT, "no event");
    if (strcmp(phase, "X") == 0)
        return add_span(i, event, args);
    if (strcmp(phase, "i") == 0 && strcmp(string(event, "name"), "range") == 0)
        return add_range(i, args, 0);
    if (strcmp(phase, "M") == 0 && strcmp(string(event, "name"), "thread_name") == 0) {
        int64_t thread = thread_of(i, event);
        if (thread < 0)
            return -1;
        snprintf(i->out->threads[thread].name, sizeof i->out->threads[thread].name, "%s", string(args, "name"));
    }
    return 0;
}

/* ---- the frame -------------------------------------------------------------------------------- */

/* The next character that is no space, not taken. */
static int peek(input *i)
{
    int c;
    do {
        c = getc(i->in);
    } while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    if (c != EOF)
        ungetc(c, i->in);
    return c;
}

static int take(input *i, int wanted)
{
    if (peek(i) != wanted)
        return fail(i, VCOL_CORRUPT, ferror(i->in) ? "cannot be read" : "this is no trace, or not the whole of one");
    getc(i->in);
    return 0;
}

/* An object, a list or a string; NULL after saying why. */
static json_t *value(input *i)
{
    json_error_t why;
    peek(i); /* spaces */
    json_t *parsed = json_loadf(i->in, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
    if (!parsed)
        fail(i, json_error_code(&why) == json_error_out_of_memory ? VCOL_NOMEM : VCOL_CORRUPT, why.text);
    return parsed;
}

/* [event, event, …] */
static int events(input *i)
{
    if (take(i, '['))
        return -1;
    if (peek(i) == ']') {
        getc(i->in);
        return 0;
    }
    for (;;) {
        i->events++;
        if (peek(i) != '{')
            return take(i, '{');
        json_t *event = value(i);
        int failed = !event || add_event(i, event);
        json_decref(event);
        if (failed)
            return -1;
        if (peek(i) != ',')
            return take(i, ']');
        getc(i->in);
    }
}

/* Passes over a number or a word. */
static void skip_word(input *i)
{
    int c = peek(i);
    while (c != EOF && c != ',' && c != '}' && c != ']') {
        getc(i->in);
        c = peek(i);
    }
}

static int other_data(input *i)
{
    json_t *o = value(i);
    if (!o)
        return -1;
    i->out->dropped = number(o, "dropped");
    i->out->limit = number(o, "limit");
    i->out->peak = number(o, "peak");
    i->out->overcommits = number(o, "overcommits");
    json_decref(o);
    return 0;
}

static int member(input *i, int *found)
{
    if (peek(i) != '"')
        return take(i, '"');
    json_t *key = value(i);
    int failed = !key || take(i, ':'), c = peek(i);
    if (!failed && strcmp(json_string_value(key), "traceEvents") == 0) {
        *found = 1;
        failed = events(i);
    } else if (!failed && c == '{' && strcmp(json_string_value(key), "otherData") == 0) {
        failed = other_data(i);
    } else if (!failed && (c == '{' || c == '[' || c == '"')) {
        json_t *other = value(i);
        failed = !other;
        json_decref(other);
    } else if (!failed) {
        skip_word(i);
    }
    json_decref(key);
    return failed ? -1 : 0;
}

static int frame(input *i)
{
    int found = 0;
    if (peek(i) == '[')
        return events(i);
    if (take(i, '{'))
        return -1;
    while (!member(i, &found)) {
        if (peek(i) == ',') {
            getc(i->in);
            continue;
        }
        if (take(i, '}'))
            return -1;
        return found ? 0 : fail(i, VCOL_CORRUPT, "this is no trace: it has no traceEvents");
    }
    return -1;
}

vcol_status trace_read_from(FILE *in, const char *path, trace_data *out, vcol_error *err)
{
    input i = {.in = in, .path = path, .out = out, .err = err};
    *out = (trace_data){0};
    if (!frame(&i) && peek(&i) != EOF)
        fail(&i, VCOL_CORRUPT, "something stands behind the trace");
    return (vcol_status)err->status;
}

vcol_status trace_read(const char *path, trace_data *out, vcol_error *err)
{
    FILE *in = fopen(path, "re");
    *out = (trace_data){0};
    if (!in) {
        err->status = errno == ENOENT ? VCOL_NOT_FOUND : VCOL_IO;
        err->os_errno = errno;
        snprintf(err->message, sizeof err->message, "%.300s: %s", path, strerror(errno));
        return (vcol_status)err->status;
    }
    trace_read_from(in, path, out, err);
    fclose(in);
    return (vcol_status)err->status;
}

void trace_free(trace_data *d)
{
    free(d->spans);
    free(d->threads);
    free(d->reads);
    free(d->blocks);
    *d = (trace_data){0};
}
