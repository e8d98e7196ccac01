/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A job over the ranks of a communicator: vcol/mpi.h. On every rank a run computes in threads of its own (rank.c); the calling
 * thread is the only one that calls MPI.
 *
 * Messages: a head, and for RESULT the state's bytes behind it, in pieces.
 *
 *   0 -> r   START    epoch
 *   r -> 0   HELLO    epoch, what its data set is, its threads; or FAILED
 *   0 -> r   WORK     a range
 *   r -> 0   RESULT   a range, a state or an error
 *   r -> 0   BEAT     once a second, when there is nothing else to say
 *   r -> 0   FAILED   the rank computes no more, and why
 *   0 -> r   END      how it ended
 *   r -> 0   BYE      the last: nothing of this run is under way any more
 *
 * The epoch is the run's number on rank 0: what comes late from a rank that was given up in an earlier run is read and dropped.
 *
 * No rank waits in a send or for a message: a rank that has stopped would hold up all others. MPI has no wait that a local event ends as well; so messages are looked for in steps of POLL microseconds, in
 * which a result made here ends the wait. Those steps are why an idle rank takes no core.
 */
#define _GNU_SOURCE
#include "rank.h"

#include <vcol/mpi.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAG_HEAD  30250
#define TAG_BYTES(epoch) (30251 + (int)((epoch) % 1024)) /* what is left of an earlier run is not taken for this one's */
#define POLL      200 /* microseconds */
#define BEAT      1.0 /* seconds */
#define PIECE     ((size_t)1 << 30)
#define STRETCH   8 /* chunks at most that a rank is given in a row */
#define MOST_LOST_WAIT 5.0 /* seconds for a BYE at the end, at least */

enum kind { START = 1, HELLO, WORK, RESULT, BEAT_, FAILED, END, BYE };

/* Sent without `why` where there is none. */
typedef struct head {
    int32_t kind, threads;
    int64_t epoch;
    int64_t index, first, count;  /* WORK, RESULT; HELLO: 0, entries, columns */
    uint64_t size;                /* RESULT: bytes of the state */
    vcol_error why;               /* RESULT, FAILED, END: status 0 is none */
} head;

void vcol_mpi_options_init(vcol_mpi_options *options, size_t size)
{
    memset(options, 0, size);
    options->struct_size = size;
}

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vcol_status mpi_failed(int code, const char *what, vcol_error *err)
{
    char text[MPI_MAX_ERROR_STRING + 1] = "", message[400];
    int n = 0;
    MPI_Error_string(code, text, &n);
    snprintf(message, sizeof message, "mpi: %s: %.300s", what, text);
    return vcol_error_set(err, VCOL_IO, message);
}

/* The number of columns, and what they are: data sets that differ in it are not the same. */
static int64_t fingerprint(const vcol_dataset *d)
{
    uint64_t hash = 1469598103934665603u;
    for (int64_t i = 0; i < vcol_dataset_columns(d); i++) {
        vcol_column_info info;
        if (vcol_dataset_column(d, i, &info, sizeof info, NULL) != VCOL_OK)
            continue;
        for (const char *c = info.path; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        hash = (hash ^ (uint64_t)info.type) * 1099511628211u;
    }
    return (int64_t)(hash >> 1);
}

static int head_size(const head *h)
{
    return (int)(h->why.status ? sizeof *h : offsetof(head, why));
}

/* ---- every rank but 0 ---------------------------------------------------------------------------------------- */

typedef struct sending {
    vcol__mpi_result *result; /* being sent, or NULL */
    head head;
    MPI_Request requests[2];
    size_t at; /* of the state's bytes, begun to be sent */
    bool active;
} sending;

static int send_bytes(MPI_Comm comm, sending *s)
{
    size_t size;
    const char *data = vcol_sink_data(s->result->sink, &size);
    size_t n = size - s->at < PIECE ? size - s->at : PIECE;
    int code = MPI_Isend(data + s->at, (int)n, MPI_BYTE, 0, TAG_BYTES(s->head.epoch), comm, &s->requests[1]);
    s->at += n;
    return code;
}

static int send_head(MPI_Comm comm, sending *s)
{
    s->requests[1] = MPI_REQUEST_NULL;
    s->active = true;
    return MPI_Isend(&s->head, head_size(&s->head), MPI_BYTE, 0, TAG_HEAD, comm, &s->requests[0]);
}

/* Begins to send a result, which is taken. */
static int send_result(MPI_Comm comm, sending *s, int64_t epoch, vcol__mpi_result *result)
{
    size_t size = 0;
    if (!result->why.status)
        vcol_sink_data(result->sink, &size);
    s->result = result;
    s->head = (head){.kind = RESULT, .epoch = epoch, .index = result->range.index, .first = result->range.first,
                     .count = result->range.count, .size = size, .why = result->why};
    s->at = 0;
    int code = send_head(comm, s);
    return code == MPI_SUCCESS && size ? send_bytes(comm, s) : code;
}

/* Goes on with it; inactive once it is out. */
static int send_on(MPI_Comm comm, sending *s)
{
    int done = 0, code = MPI_Testall(2, s->requests, &done, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS || !done)
        return code;
    if (s->result && s->at < s->head.size)
        return send_bytes(comm, s);
    vcol__mpi_result_free(s->result);
    s->result = NULL;
    s->active = false;
    return code;
}

static vcol_status follow(MPI_Comm comm, vcol_dataset *d, const vcol_run_options *options, const vcol_job *job,
                          const vcol_error *missing, vcol_mpi_stats *stats, vcol_error *err)
{
    vcol__mpi_rank rank;
    bool running = false, said = false, ending = false, bye = false;
    sending s = {0};
    vcol_error how = {0};
    int64_t epoch = 0;
    double spoke = clock_now();
    int code = MPI_SUCCESS;
    while (!(bye && !s.active)) {
        int there = 0;
        code = MPI_Iprobe(0, TAG_HEAD, comm, &there, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            break;
        if (there) {
            head h = {0};
            code = MPI_Recv(&h, (int)sizeof h, MPI_BYTE, 0, TAG_HEAD, comm, MPI_STATUS_IGNORE);
            if (code != MPI_SUCCESS)
                break;
            if (h.kind == START) {
                epoch = h.epoch;
                s.head = (head){.kind = HELLO, .epoch = epoch, .threads = options->jobs > 0 ? options->jobs : 2};
                if (d && vcol__mpi_rank_start(&rank, d, options, job, &s.head.why) == VCOL_OK) {
                    running = true;
                    s.head.first = vcol_dataset_entries(d);
                    s.head.count = fingerprint(d);
                } else {
                    s.head.kind = FAILED;
                    if (!d)
                        s.head.why = *missing;
                    said = true;
                }
                code = send_head(comm, &s); /* nothing else is under way yet */
                spoke = clock_now();
            } else if (h.kind == WORK && running && !ending) {
                vcol__mpi_range range = {h.index, h.first, h.count};
                if (vcol__mpi_rank_give(&rank, &range, NULL) != VCOL_OK) { /* handed back */
                    vcol__mpi_result *none = calloc(1, sizeof *none);
                    if (none) {
                        none->range = range;
                        vcol_error_set(&none->why, VCOL_NOMEM, "no memory for a range");
                        while (s.active && code == MPI_SUCCESS)
                            code = send_on(comm, &s);
                        if (code == MPI_SUCCESS)
                            code = send_result(comm, &s, epoch, none);
                    }
                }
            } else if (h.kind == END) {
                ending = true;
                how = h.why;
                if (running) {
                    vcol__mpi_rank_end(&rank);
                    stats->chunks = rank.computed;
                    running = false;
                }
            }
            if (code != MPI_SUCCESS)
                break;
            continue;
        }
        if (s.active) {
            code = send_on(comm, &s);
            if (code != MPI_SUCCESS)
                break;
        }
        if (ending && !s.active && !bye) {
            s.head = (head){.kind = BYE, .epoch = epoch};
            code = send_head(comm, &s);
            bye = true;
            continue;
        }
        bool over = false;
        vcol_error failed = {0};
        vcol__mpi_result *result = NULL;
        if (running && !s.active)
            result = vcol__mpi_rank_take(&rank, POLL, &over, &failed);
        else
            nanosleep(&(struct timespec){0, (s.active ? 20 : POLL) * 1000}, NULL);
        if (result) {
            code = send_result(comm, &s, epoch, result);
            spoke = clock_now();
        } else if (running && over && !said && !s.active) {
            said = true;
            s.head = (head){.kind = FAILED, .epoch = epoch, .why = failed};
            code = send_head(comm, &s);
        } else if (epoch && !ending && !s.active && clock_now() - spoke > BEAT) {
            s.head = (head){.kind = BEAT_, .epoch = epoch};
            code = send_head(comm, &s);
            spoke = clock_now();
        }
        if (code != MPI_SUCCESS)
            break;
    }
    if (running)
        vcol__mpi_rank_end(&rank);
    vcol__mpi_result_free(s.result);
    if (code != MPI_SUCCESS)
        return mpi_failed(code, "rank 0 does not answer", err);
    if (how.status && how.status != VCOL_END && err)
        *err = how;
    return (vcol_status)how.status;
}

/* ---- rank 0 ---------------------------------------------------------------------------------------------------- */

enum chunk_state { NONE, READY, OUT, HERE }; /* to be handed out (again), with a rank, its state is here */

typedef struct chunk {
    enum chunk_state state;
    vcol__mpi_range range;
    int32_t tries, rank, last; /* rank: that has it; last: that failed on it, or -1 */
    char *bytes;               /* HERE */
    size_t size;
    vcol_error why;            /* of the last failure */
} chunk;

typedef struct peer {
    bool lost, greeted, bye;
    int32_t threads, out; /* chunks it has */
    double heard;
} peer;

/* A head under way to a rank. */
typedef struct telling {
    struct telling *next;
    MPI_Request request;
    head head;
} telling;

typedef struct lead {
    MPI_Comm comm;
    int n;                /* ranks */
    peer *peers;
    chunk *chunks;        /* a ring by index: [next_merge, next_index) */
    int64_t depth, next_index, next_merge, until;
    int64_t end; /* of the entries */
    bool ended, early;
    vcol_partition *partition;
    const vcol_job *job;
    void *total;
    int64_t epoch, entries, columns;
    int32_t tries;
    double timeout;
    telling *tellings;
    vcol_error error;     /* of chunk `until`, or of the whole */
    vcol__mpi_rank own;
    bool own_running;
    vcol_mpi_stats *stats;
} lead;

static chunk *chunk_of(lead *l, int64_t index)
{
    return &l->chunks[index % l->depth];
}

static void fail(lead *l, int64_t index, const vcol_error *why)
{
    if (index < l->until) {
        l->until = index;
        l->error = *why;
    }
}

/* A chunk came to nothing with that rank. */
static void failed_chunk(lead *l, chunk *c, const vcol_error *why)
{
    c->state = READY;
    c->last = c->rank;
    c->why = *why;
    if (++c->tries >= l->tries)
        fail(l, c->range.index, why);
    else
        l->stats->retries++;
}

static void give_up(lead *l, int rank, const vcol_error *why)
{
    peer *p = &l->peers[rank];
    vcol_error lost = {0};
    char text[480];
    if (p->lost)
        return;
    p->lost = true;
    snprintf(text, sizeof text, "rank %d was given up: %.400s", rank, why->message);
    vcol_error_set(&lost, why->status ? (vcol_status)why->status : VCOL_IO, text);
    if (!l->stats->ranks_lost++)
        snprintf(l->stats->lost, sizeof l->stats->lost, "%.255s", text);
    for (int64_t i = l->next_merge; i < l->next_index; i++) {
        chunk *c = chunk_of(l, i);
        if (c->state == OUT && c->rank == rank)
            failed_chunk(l, c, &lost);
    }
    p->out = 0;
    for (int r = 0; r < l->n; r++)
        if (!l->peers[r].lost)
            return;
    fail(l, l->next_merge, &lost);
}

/* Frees what has been sent. `all`: gives up the rest too, which is to ranks that do not receive. */
static void sweep(lead *l, bool all)
{
    for (telling **at = &l->tellings, *t; (t = *at);) {
        int done = 0;
        MPI_Test(&t->request, &done, MPI_STATUS_IGNORE);
        if (!done && !all) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        if (done)
            free(t);
        else
            MPI_Request_free(&t->request); /* its memory stays: MPI may read it at any later time */
    }
}

/* A head to a rank. */
static void tell(lead *l, int rank, const head *h)
{
    telling *t = malloc(sizeof *t);
    vcol_error why = {0};
    if (!t) {
        vcol_error_set(&why, VCOL_NOMEM, "no memory to tell it something");
    } else {
        t->head = *h;
        t->next = l->tellings;
        int code = MPI_Isend(&t->head, head_size(h), MPI_BYTE, rank, TAG_HEAD, l->comm, &t->request);
        if (code == MPI_SUCCESS) {
            l->tellings = t;
            return;
        }
        free(t);
        mpi_failed(code, "it cannot be reached", &why);
    }
    give_up(l, rank, &why);
}

static void got_result(lead *l, int rank, const vcol__mpi_range *range, const vcol_error *why, char *bytes, size_t size)
{
    chunk *c = range->index >= l->next_merge && range->index < l->next_index ? chunk_of(l, range->index) : NULL;
    if (!c || c->state != OUT || c->rank != rank || l->peers[rank].lost) {
        free(bytes); /* of a rank that was given up */
        return;
    }
    l->peers[rank].out--;
    if (why->status) {
        failed_chunk(l, c, why);
        free(bytes);
    } else {
        c->state = HERE;
        c->bytes = bytes;
        c->size = size;
    }
}

/* Receives a piece, from a rank that may stop in the middle of it: then the memory is MPI's, and false. */
static bool receive_piece(lead *l, int rank, int64_t epoch, char *to, size_t n, vcol_error *why)
{
    MPI_Request request;
    double end = clock_now() + l->timeout;
    int done = 0, code = MPI_Irecv(to, (int)n, MPI_BYTE, rank, TAG_BYTES(epoch), l->comm, &request);
    while (code == MPI_SUCCESS && !done) {
        code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS || done)
            break;
        if (clock_now() > end) {
            MPI_Cancel(&request);
            MPI_Request_free(&request);
            vcol_error_set(why, VCOL_IO, "it stopped in the middle of a message");
            return false;
        }
        nanosleep(&(struct timespec){0, 20 * 1000}, NULL);
    }
    if (code != MPI_SUCCESS)
        mpi_failed(code, "its state could not be received", why);
    return code == MPI_SUCCESS;
}

/* Receives the bytes behind a RESULT; NULL without memory, or after a failure: then they are dropped. */
static char *receive_bytes(lead *l, int rank, int64_t epoch, uint64_t size, vcol_error *why)
{
    char *bytes = malloc(size ? size : 1), *scratch = bytes ? NULL : malloc(PIECE < size ? PIECE : size);
    if (!bytes)
        vcol_error_set(why, VCOL_NOMEM, "no memory for a state on rank 0");
    for (uint64_t at = 0; at < size;) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if ((!bytes && !scratch) || !receive_piece(l, rank, epoch, bytes ? bytes + at : scratch, n, why)) {
            give_up(l, rank, why);
            return NULL; /* what there is of memory may still be written to */
        }
        at += n;
    }
    free(scratch);
    return bytes;
}

static void got_head(lead *l, int rank, const head *h)
{
    peer *p = &l->peers[rank];
    vcol_error why = h->why;
    char *bytes = NULL;
    if (h->kind == RESULT && h->size)
        bytes = receive_bytes(l, rank, h->epoch, h->size, &why);
    if (h->epoch != l->epoch) {
        free(bytes);
        return;
    }
    p->heard = clock_now();
    if (h->kind == RESULT) {
        got_result(l, rank, &(vcol__mpi_range){h->index, h->first, h->count}, &why, bytes, (size_t)h->size);
    } else if (h->kind == HELLO) {
        p->greeted = true;
        p->threads = h->threads;
        if (h->first != l->entries || h->count != l->columns) {
            vcol_error_set(&why, VCOL_TYPE, "its data set is not the same as that of rank 0");
            give_up(l, rank, &why);
        }
    } else if (h->kind == FAILED) {
        if (!why.status)
            vcol_error_set(&why, VCOL_CANCELLED, "its run has ended");
        give_up(l, rank, &why);
    } else if (h->kind == BYE) {
        p->bye = true;
    }
}

/* All messages that are there. */
static vcol_status listen(lead *l, vcol_error *err)
{
    for (;;) {
        int there = 0;
        MPI_Status status;
        head h = {0};
        int code = MPI_Iprobe(MPI_ANY_SOURCE, TAG_HEAD, l->comm, &there, &status);
        if (code == MPI_SUCCESS && there) {
            code = MPI_Recv(&h, (int)sizeof h, MPI_BYTE, status.MPI_SOURCE, TAG_HEAD, l->comm, MPI_STATUS_IGNORE);
            if (code == MPI_SUCCESS)
                got_head(l, status.MPI_SOURCE, &h);
        }
        if (code != MPI_SUCCESS)
            return mpi_failed(code, "messages cannot be received", err);
        if (!there)
            return VCOL_OK;
    }
}

/* A chunk for a rank: one that is to be tried again, elsewhere if there is another rank, else a new one. */
static chunk *pick(lead *l, int rank)
{
    int alive = 0;
    for (int r = 0; r < l->n; r++)
        alive += !l->peers[r].lost && (l->peers[r].greeted || r == 0);
    for (int64_t i = l->next_merge; i < l->next_index && i < l->until; i++) {
        chunk *c = chunk_of(l, i);
        if (c->state == READY && (c->last != rank || alive == 1))
            return c;
    }
    if (l->ended || l->next_index >= l->until || l->next_index - l->next_merge >= l->depth)
        return NULL;
    chunk *c = chunk_of(l, l->next_index);
    vcol_error why = {0};
    *c = (chunk){.state = READY, .last = -1};
    vcol_status status = vcol_partition_next(l->partition, &c->range.first, &c->range.count, &why);
    if (status != VCOL_OK) {
        c->state = NONE;
        l->ended = status == VCOL_END;
        if (status != VCOL_END)
            fail(l, l->next_index, &why);
        return NULL;
    }
    c->range.index = l->next_index++;
    return c;
}

static void hand_one(lead *l, int r, chunk *c)
{
    vcol_error why = {0};
    c->state = OUT;
    c->rank = r;
    l->peers[r].out++;
    if (r > 0)
        tell(l, r, &(head){.kind = WORK, .epoch = l->epoch, .index = c->range.index, .first = c->range.first, .count = c->range.count});
    else if (vcol__mpi_rank_give(&l->own, &c->range, &why) != VCOL_OK)
        got_result(l, 0, &c->range, &why, NULL, 0);
}

/*
 * Hands out. A rank that has no more than its threads compute on, and one to look ahead for, gets a stretch of chunks that
 * follow each other: blocks reach over chunks' borders, and are unpacked by each rank that needs a part of them. Stretches
 * become shorter towards the end, so that all ranks end at about the same time.
 */
static void hand_out(lead *l)
{
    for (bool any = true; any;) {
        any = false;
        for (int r = 0; r < l->n; r++) {
            peer *p = &l->peers[r];
            if (p->lost || !p->greeted || p->out > p->threads + 1)
                continue;
            int64_t stretch = 1;
            for (int64_t k = 0; k < stretch && !p->lost; k++) {
                chunk *c = pick(l, r);
                if (!c)
                    break;
                if (k == 0 && c->range.count > 0)
                    stretch = (l->end - c->range.first) / c->range.count / (2 * l->n);
                stretch = stretch > STRETCH ? STRETCH : stretch;
                hand_one(l, r, c);
                any = true;
            }
        }
    }
}

/* Merges what is here and whose turn it is. */
static void merge_all(lead *l)
{
    while (l->next_merge < l->next_index && l->next_merge < l->until && chunk_of(l, l->next_merge)->state == HERE) {
        chunk *c = chunk_of(l, l->next_merge);
        vcol_error why = {0};
        void *state = NULL;
        vcol_status status = l->job->load(&state, c->bytes, c->size, l->job->opaque, &why);
        free(c->bytes);
        c->bytes = NULL;
        c->state = NONE;
        if (status == VCOL_OK) {
            if (l->job->merge)
                status = l->job->merge(l->total, state, l->job->opaque, &why);
            if (l->job->close)
                l->job->close(state, l->job->opaque);
        }
        if (status != VCOL_OK && status != VCOL_END) {
            if (!why.status)
                vcol_error_set(&why, status, "the job's merge failed");
            fail(l, l->next_merge, &why);
            return;
        }
        l->stats->chunks++;
        l->stats->entries += c->range.count;
        l->next_merge++;
        if (status == VCOL_END) {
            l->early = true;
            l->until = l->next_merge;
            l->error.status = 0; /* of a chunk behind */
        }
    }
}

static void watch_ranks(lead *l, double stall)
{
    for (int r = 1; r < l->n; r++) {
        peer *p = &l->peers[r];
        vcol_error why = {0};
        p->heard += stall; /* nobody listened meanwhile */
        if (p->lost || clock_now() - p->heard <= l->timeout)
            continue;
        vcol_error_set(&why, VCOL_IO, "it has not been heard of");
        give_up(l, r, &why);
    }
}

/* Results of this rank's own run; waits a little for one. */
static void take_own(lead *l)
{
    bool over = false;
    vcol_error failed = {0};
    if (!l->own_running || l->peers[0].lost) {
        nanosleep(&(struct timespec){0, POLL * 1000}, NULL);
        return;
    }
    vcol__mpi_result *r = vcol__mpi_rank_take(&l->own, POLL, &over, &failed);
    for (int64_t wait = 0; r; r = vcol__mpi_rank_take(&l->own, wait, &over, &failed)) {
        size_t size = 0;
        char *bytes = NULL;
        if (!r->why.status) {
            const void *data = vcol_sink_data(r->sink, &size);
            bytes = malloc(size ? size : 1);
            if (bytes)
                memcpy(bytes, data, size);
            else
                vcol_error_set(&r->why, VCOL_NOMEM, "no memory for a state");
        }
        got_result(l, 0, &r->range, &r->why, bytes, size);
        vcol__mpi_result_free(r);
    }
    if (over) {
        if (!failed.status)
            vcol_error_set(&failed, VCOL_CANCELLED, "its run has ended");
        give_up(l, 0, &failed);
    }
}

/* Tells all ranks how it ended, and waits until nothing of theirs is under way. */
static void say_goodbye(lead *l, const vcol_error *how)
{
    double end = clock_now() + (l->timeout > MOST_LOST_WAIT ? l->timeout : MOST_LOST_WAIT), last = clock_now();
    bool all = false;
    if (l->own_running) {
        l->own_running = false;
        vcol__mpi_rank_end(&l->own);
    }
    for (int r = 1; r < l->n; r++)
        tell(l, r, &(head){.kind = END, .epoch = l->epoch, .why = *how}); /* also those that were given up: they may live */
    while (!all && clock_now() < end && listen(l, NULL) == VCOL_OK) {
        all = true;
        for (int r = 1; r < l->n; r++)
            all = all && (l->peers[r].bye || (l->peers[r].lost && clock_now() > last + 1));
        sweep(l, false);
        if (!all)
            nanosleep(&(struct timespec){0, POLL * 1000}, NULL);
    }
}

static vcol_status run_all(lead *l, vcol_error *err)
{
    double last = clock_now();
    for (int r = 0; r < l->n; r++)
        l->peers[r].heard = last;
    for (int r = 1; r < l->n; r++)
        tell(l, r, &(head){.kind = START, .epoch = l->epoch});
    while (l->next_merge < l->until && !(l->ended && l->next_merge == l->next_index)) {
        vcol_status status = listen(l, err);
        if (status != VCOL_OK)
            return status;
        double now = clock_now(), stall = now - last > BEAT ? now - last : 0;
        last = now;
        sweep(l, false);
        watch_ranks(l, stall);
        merge_all(l);
        hand_out(l);
        take_own(l);
    }
    return VCOL_OK;
}

static vcol_status lead_all(MPI_Comm comm, int n, vcol_dataset *d, const vcol_run_options *options, const vcol_mpi_options *mpi,
                            const vcol_job *job, void *total, const vcol_error *missing, vcol_mpi_stats *stats,
                            vcol_error *err)
{
    vcol_partition_options po;
    vcol_error why = {0};
    lead l = {.comm = comm, .n = n, .until = INT64_MAX, .job = job, .total = total, .stats = stats};
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    l.epoch = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; /* later than those before; never 0 */
    l.tries = mpi->tries ? mpi->tries : 3;
    l.timeout = mpi->timeout_ms ? 1e-3 * mpi->timeout_ms : 60;
    int32_t threads = options->jobs > 0 ? options->jobs : 2;
    l.depth = mpi->depth ? mpi->depth : (int64_t)n * (2 * threads + 2 + 2 * STRETCH);
    stats->ranks = n;
    l.peers = calloc((size_t)n, sizeof *l.peers);
    l.chunks = calloc((size_t)l.depth, sizeof *l.chunks);
    vcol_status status = VCOL_OK;
    if (!d) {
        why = *missing;
        status = (vcol_status)why.status;
    }
    if (!l.peers || !l.chunks)
        status = vcol_error_set(&why, VCOL_NOMEM, "no memory for a run over ranks");
    vcol_partition_options_init(&po, sizeof po);
    po.flags = options->chunk_flags;
    po.chunking = options->chunking;
    po.entries = options->entries;
    po.parts = options->parts;
    po.first = options->first;
    po.count = options->count;
    po.keys = options->keys;
    if (status == VCOL_OK)
        status = vcol_partition_open(d, &po, &l.partition, &why);
    if (status == VCOL_OK) {
        l.entries = vcol_dataset_entries(d);
        l.end = options->count ? options->first + options->count : l.entries;
        l.columns = fingerprint(d);
        status = vcol__mpi_rank_start(&l.own, d, options, job, &why);
        l.own_running = status == VCOL_OK;
    }
    if (l.peers) {
        l.peers[0] = (peer){.greeted = true, .threads = threads};
        if (status == VCOL_OK)
            status = run_all(&l, &why);
        else
            for (int r = 1; r < n; r++)
                tell(&l, r, &(head){.kind = START, .epoch = l.epoch});
        if (status == VCOL_OK && l.error.status) {
            status = (vcol_status)l.error.status;
            why = l.error;
        }
        if (status == VCOL_OK && l.early)
            status = VCOL_END;
        if (status == VCOL_OK && job->finish) {
            status = job->finish(total, job->opaque, &why);
            if (status != VCOL_OK && !why.status)
                vcol_error_set(&why, status, "the job's finish failed");
        }
        vcol_error how = why;
        how.status = status;
        say_goodbye(&l, &how);
        sweep(&l, true);
    }
    for (int64_t i = 0; l.chunks && i < l.depth; i++)
        free(l.chunks[i].bytes);
    vcol_partition_close(l.partition);
    free(l.chunks);
    free(l.peers);
    if (status != VCOL_OK && status != VCOL_END && err)
        *err = why;
    return status;
}

vcol_status vcol_mpi_run(MPI_Comm comm, vcol_dataset *d, const vcol_run_options *options, const vcol_mpi_options *mpi,
                         const vcol_job *job, void *total, vcol_mpi_stats *stats, vcol_error *err)
{
    vcol_mpi_options m = {0};
    vcol_mpi_stats none;
    vcol_run_options o;
    vcol_job j = {0};
    vcol_error missing = {0}, ignored = {0};
    int rank, n, level = MPI_THREAD_SINGLE;
    err = err ? err : &ignored;
    stats = stats ? stats : &none;
    memset(stats, 0, sizeof *stats);
    if (d && err->status)
        return (vcol_status)err->status;
    vcol_run_options_init(&o, sizeof o);
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (mpi)
        memcpy(&m, mpi, mpi->struct_size < sizeof m ? mpi->struct_size : sizeof m);
    if (job && job->struct_size >= offsetof(vcol_job, merge))
        memcpy(&j, job, job->struct_size < sizeof j ? job->struct_size : sizeof j);
    MPI_Query_thread(&level);
    if (!j.chunk || !j.save || !j.load || m.tries < 0 || m.timeout_ms < 0 || m.depth < 0 || o.chunking == VCOL_CHUNK_GIVEN || o.next)
        return vcol_error_set(err, VCOL_MISUSE, "vcol_mpi_run: a job with chunk, save and load is needed, and chunks are cut by rank 0");
    if (level < MPI_THREAD_FUNNELED)
        return vcol_error_set(err, VCOL_MISUSE, "vcol_mpi_run: call MPI_Init_thread with MPI_THREAD_FUNNELED or more");
    MPI_Errhandler before;
    int code = MPI_Comm_rank(comm, &rank);
    if (code == MPI_SUCCESS)
        code = MPI_Comm_size(comm, &n);
    if (code == MPI_SUCCESS)
        code = MPI_Comm_get_errhandler(comm, &before);
    if (code != MPI_SUCCESS)
        return mpi_failed(code, "the communicator cannot be used", err);
    if (!d) {
        missing = *err;
        if (!missing.status)
            vcol_error_set(&missing, VCOL_MISUSE, "it has no data set");
        vcol_error_reset(err);
    }
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    vcol_status status;
    if (rank > 0)
        status = follow(comm, d, &o, &j, &missing, stats, err);
    else
        status = lead_all(comm, n, d, &o, &m, &j, total, &missing, stats, err);
    MPI_Comm_set_errhandler(comm, before);
    MPI_Errhandler_free(&before);
    return status;
}
