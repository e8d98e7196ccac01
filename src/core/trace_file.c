/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a trace: vcol/trace.h. The format is Chrome's trace event format ("Trace Event Format", its object form): complete
 * events (X) in rows of threads, metadata (M) that names these, counters (C). Times are microseconds.
 *
 * Viewers want the spans of a row to nest. The runtime's do; what a program's spans do not is cut at the end of the one around.
 */
#define _GNU_SOURCE
#include "core/manager.h"
#include "core/trace.h"

#include <vcol/trace.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_NESTED 256

/* How a kind is shown: its category, what stands before the name, and for waits, what for. */
static const struct shown {
    const char *category, *before, *wait;
} shown[] = {
    [VCOL__TRACE_READ] = {"read", "read ", NULL},
    [VCOL__TRACE_RANGE] = {"read", "range", NULL},
    [VCOL__TRACE_PLAN] = {"plan", "plan ", NULL},
    [VCOL__TRACE_UNPACK] = {"unpack", "unpack ", NULL},
    [VCOL__TRACE_DECODE] = {"decode", "decode ", NULL},
    [VCOL__TRACE_GENERATE] = {"generate", "generate ", NULL},
    [VCOL__TRACE_LOAD] = {"load", "load ", NULL},
    [VCOL__TRACE_WAIT_LOAD] = {"wait", "wait for ", "load"},
    [VCOL__TRACE_WAIT_BLOCK] = {"wait", "wait for a block of ", "block"},
    [VCOL__TRACE_WAIT_BYTES] = {"wait", "wait for bytes", "bytes"},
    [VCOL__TRACE_WAIT_HELPER] = {"wait", "wait for a helper", "helper"},
    [VCOL__TRACE_WAIT_MEMORY] = {"wait", "wait for memory", "memory"},
    [VCOL__TRACE_WAIT_COMPUTE] = {"wait", "wait for compute", "compute"},
    [VCOL__TRACE_WAIT_OTHER] = {"wait", "wait", "other"},
    [VCOL__TRACE_COMPUTE] = {"compute", "", NULL},
    [VCOL__TRACE_PROGRAM] = {"compute", "", NULL},
};

typedef struct file {
    FILE *out;
    const vcol__trace *trace;
    long process;
    bool any; /* an event was written */
} file;

/* ---- JSON ------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at s; 0 if it is none. */
static int sequence(const unsigned char *s)
{
    uint32_t point;
    int n = *s < 0x80 ? 1 : (*s & 0xe0) == 0xc0 ? 2 : (*s & 0xf0) == 0xe0 ? 3 : (*s & 0xf8) == 0xf0 ? 4 : 0;
    if (n <= 1)
        return n;
    point = *s & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3fu);
    }
    if (point < (n == 2 ? 0x80u : n == 3 ? 0x800u : 0x10000u) || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    return n;
}

/* Text inside quotes; what is not UTF-8 (a name may be cut in a character) becomes U+FFFD. */
static void text(FILE *out, const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    while (*c) {
        int n = sequence(c);
        if (n == 0) {
            fputs("\\ufffd", out);
            n = 1;
        } else if (n == 1 && (*c < 0x20 || *c == 0x7f)) {
            fprintf(out, "\\u%04x", *c);
        } else if (n == 1 && (*c == '"' || *c == '\\')) {
            fprintf(out, "\\%c", *c);
        } else {
            fwrite(c, 1, (size_t)n, out);
        }
        c += n;
    }
}

/* ns as microseconds */
static void micros(FILE *out, int64_t ns)
{
    fprintf(out, "%" PRId64 ".%03" PRId64, ns / 1000, ns % 1000);
}

static void begin_event(file *f, const char *phase, int64_t thread)
{
    fprintf(f->out, "%s\n{\"ph\":\"%s\",\"pid\":%ld,\"tid\":%" PRId64, f->any ? "," : "", phase, f->process, thread);
    f->any = true;
}

/* ---- events ----------------------------------------------------------------------------------- */

static void write_about(file *f, const vcol__trace_record *r, int kind)
{
    const vcol__trace_about *a = &r->about;
    FILE *out = f->out;
    fputs(",\"args\":{", out);
    if (shown[kind].wait) {
        fprintf(out, "\"for\":\"%s\"", shown[kind].wait);
        if (a->bytes)
            fprintf(out, ",\"bytes\":%" PRIu64, a->bytes);
    } else if (kind == VCOL__TRACE_READ || kind == VCOL__TRACE_RANGE) {
        if (a->file)
            fprintf(out, "\"file\":%" PRIu32 ",\"offset\":%" PRIu64 ",", a->file, a->offset);
        fprintf(out, "\"bytes\":%" PRIu64 ",\"wanted\":%" PRIu64, a->bytes, a->wanted);
    } else if (kind == VCOL__TRACE_UNPACK) {
        fprintf(out, "\"bytes\":%" PRIu64, a->bytes);
        if (a->file)
            fprintf(out, ",\"file\":%" PRIu32 ",\"offset\":%" PRIu64, a->file, a->offset);
        if (a->again)
            fputs(",\"again\":1", out);
    } else if (kind == VCOL__TRACE_LOAD || kind == VCOL__TRACE_COMPUTE) {
        fprintf(out, "\"first\":%" PRId64, a->first);
        if (a->bytes)
            fprintf(out, ",\"bytes\":%" PRIu64, a->bytes);
    }
    fputs("}}", out);
}

static void write_span(file *f, const vcol__trace_record *r, int kind, int64_t end)
{
    begin_event(f, "X", atomic_load_explicit(&f->trace->threads[r->thread].id, memory_order_relaxed));
    fputs(",\"ts\":", f->out);
    micros(f->out, r->start - f->trace->origin);
    fputs(",\"dur\":", f->out);
    micros(f->out, end - r->start);
    fprintf(f->out, ",\"cat\":\"%s\",\"name\":\"%s", shown[kind].category, shown[kind].before);
    text(f->out, r->name);
    fputs("\"", f->out);
    write_about(f, r, kind);
}

static void write_range(file *f, const vcol__trace_record *r)
{
    begin_event(f, "i", atomic_load_explicit(&f->trace->threads[r->thread].id, memory_order_relaxed));
    fputs(",\"s\":\"t\",\"ts\":", f->out);
    micros(f->out, r->start - f->trace->origin);
    fputs(",\"cat\":\"read\",\"name\":\"range\"", f->out);
    write_about(f, r, VCOL__TRACE_RANGE);
}

static void write_account(file *f, int64_t time, const uint64_t *account, const uint64_t *before)
{
    begin_event(f, "C", 0);
    fputs(",\"ts\":", f->out);
    micros(f->out, time - f->trace->origin);
    fprintf(f->out,
            ",\"name\":\"memory\",\"args\":{\"live\":%" PRIu64 ",\"promised\":%" PRIu64 ",\"cached\":%" PRIu64
            ",\"fixed\":%" PRIu64 "}}",
            account[0], account[1], account[2], account[3]);
    if (account[4] == UINT64_MAX || (before && before[4] == account[4]))
        return;
    begin_event(f, "C", 0);
    fputs(",\"ts\":", f->out);
    micros(f->out, time - f->trace->origin);
    fprintf(f->out, ",\"name\":\"memory limit\",\"args\":{\"limit\":%" PRIu64 "}}", account[4]);
}

static int kind_of(const vcol__trace_record *r)
{
    /* acquire: pairs with the release of the thread that made it */
    return atomic_load_explicit(&r->kind, memory_order_acquire);
}

/* Rows one after the other, the account before them; in a row by time, what is around first. */
static int by_time(const void *a_void, const void *b_void, void *records_void)
{
    const vcol__trace_record *records = records_void;
    uint32_t i = *(const uint32_t *)a_void, k = *(const uint32_t *)b_void;
    const vcol__trace_record *a = &records[i], *b = &records[k];
    int row_a = kind_of(a) == VCOL__TRACE_ACCOUNT ? -1 : a->thread, row_b = kind_of(b) == VCOL__TRACE_ACCOUNT ? -1 : b->thread;
    if (row_a != row_b)
        return row_a < row_b ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (row_a >= 0 && a->end != b->end)
        return a->end > b->end ? -1 : 1;
    if (row_a >= 0) /* the inner one ended, and so was recorded, first */
        return i > k ? -1 : i < k;
    return i < k ? -1 : i > k;
}

static void write_spans(file *f, const uint32_t *order, int64_t n)
{
    int64_t ends[MOST_NESTED];
    int depth = 0, row = -1;
    const uint64_t *before = NULL;
    for (int64_t i = 0; i < n; i++) {
        const vcol__trace_record *r = &f->trace->records[order[i]];
        int kind = kind_of(r);
        if (kind == VCOL__TRACE_ACCOUNT) {
            write_account(f, r->start, r->account, before);
            before = r->account;
            continue;
        }
        if (kind == VCOL__TRACE_RANGE) {
            write_range(f, r);
            continue;
        }
        if (r->thread != row)
            depth = 0;
        row = r->thread;
        while (depth > 0 && ends[depth - 1] <= r->start && ends[depth - 1] < r->end)
            depth--;
        int64_t end = depth > 0 && r->end > ends[depth - 1] ? ends[depth - 1] : r->end;
        if (depth < MOST_NESTED)
            ends[depth++] = end;
        write_span(f, r, kind, end);
    }
}

static void write_threads(file *f)
{
    begin_event(f, "M", 0);
    fputs(",\"name\":\"process_name\",\"args\":{\"name\":\"vcol\"}}", f->out);
    int64_t dropped = atomic_load_explicit(&f->trace->dropped, memory_order_relaxed);
    if (dropped) {
        begin_event(f, "M", 0);
        fprintf(f->out, ",\"name\":\"process_labels\",\"args\":{\"labels\":\"%" PRId64 " later events are not in this trace\"}}",
                dropped);
    }
    for (int i = 0; i < VCOL__TRACE_THREADS; i++) {
        const vcol__trace_thread *t = &f->trace->threads[i];
        /* acquire: pairs with the release of the thread's first record */
        if (!atomic_load_explicit(&t->named, memory_order_acquire))
            continue;
        int64_t id = atomic_load_explicit(&t->id, memory_order_relaxed);
        begin_event(f, "M", id);
        fputs(",\"name\":\"thread_name\",\"args\":{\"name\":\"", f->out);
        text(f->out, t->name);
        fputs("\"}}", f->out);
        begin_event(f, "M", id); /* the program's threads above the library's */
        fprintf(f->out, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%d}}", strncmp(t->name, "vcol-", 5) == 0);
    }
}

static void write_head(file *f, const vcol_stats *s)
{
    fprintf(f->out,
            "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"writer\":\"vcol %s\",\"dropped\":%" PRId64 ",\"limit\":%" PRIu64
            ",\"peak\":%" PRIu64 ",\"overcommits\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"bytes_asked\":%" PRIu64
            ",\"bytes_read\":%" PRIu64 ",\"blocks_unpacked\":%" PRIu64 ",\"blocks_redecoded\":%" PRIu64
            ",\"memory_waits\":%" PRIu64 ",\"evictions\":%" PRIu64 ",\"prefetched\":%" PRIu64 ",\"prefetch_unused\":%" PRIu64
            "},\n\"traceEvents\":[",
            vcol_version(), atomic_load_explicit(&f->trace->dropped, memory_order_relaxed), s->limit, s->peak, s->overcommits,
            s->reads, s->bytes_asked, s->bytes_read, s->blocks_unpacked, s->blocks_redecoded, s->memory_waits, s->evictions,
            s->prefetched, s->prefetch_unused);
}

vcol_status vcol_manager_trace_write(const vcol_manager *m, const char *path, vcol_error *err)
{
    if (err && err->status)
        return (vcol_status)err->status;
    if (!m || !path || !m->trace)
        return vcol_error_format(err, VCOL_MISUSE, "vcol_manager_trace_write: a path, and a manager that keeps a trace");
    const vcol__trace *t = m->trace;
    vcol_stats stats;
    vcol_status status = VCOL_OK;
    int64_t claimed = atomic_load_explicit(&t->next, memory_order_relaxed), n = 0;
    claimed = claimed < t->capacity ? claimed : t->capacity;
    uint32_t *order = malloc(((size_t)claimed + 1) * sizeof *order);
    if (!order)
        return vcol_error_format(err, VCOL_NOMEM, "no memory to write a trace");
    for (int64_t i = 0; i < claimed; i++)
        if (kind_of(&t->records[i]) != VCOL__TRACE_NONE)
            order[n++] = (uint32_t)i;
    qsort_r(order, (size_t)n, sizeof *order, by_time, t->records);
    file f = {.out = fopen(path, "we"), .trace = t, .process = (long)getpid()};
    bool ok = f.out != NULL;
    if (ok) {
        vcol_manager_stats(m, &stats, sizeof stats);
        write_head(&f, &stats);
        write_threads(&f);
        write_spans(&f, order, n);
        /* what has not changed enough to be sampled */
        uint64_t now[5] = {stats.live, stats.promised, stats.cached, stats.fixed, stats.limit ? stats.limit : UINT64_MAX};
        write_account(&f, vcol__clock(m), now, NULL);
        fputs("\n]}\n", f.out);
        ok = !ferror(f.out);
        ok = fclose(f.out) == 0 && ok;
    }
    if (!ok) {
        int number = errno;
        status = vcol_error_format(err, VCOL_IO, "%s: cannot be written (%s)", path, strerror(number));
        if (err && err->status == VCOL_IO)
            err->os_errno = number;
    }
    free(order);
    return status;
}
