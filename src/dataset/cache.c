/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The results cache: one file a chunk's state, named after the hash of its key.
 *
 *   bytes   what
 *   8       "vcolres1"
 *   8, 8    bytes of the key, of the state; little-endian
 *   …       the key, whole: two keys of one hash are told apart
 *   …       the state
 *   16      XXH3 (128 bits) of all before
 *
 * The key: the file's identity, its table, rows, columns with their types, what the data set makes of them, and the user's version.
 * A file is written under a name of its own and renamed: who reads sees a whole one or none, whatever other processes
 * do and whenever one of them ends. Whatever is not exactly as above is as good as not there.
 */
#define _GNU_SOURCE
#include "dataset/cache.h"

#include "codec/codec.h"
#include "dataset/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC    "vcolres1"
#define HEAD     24
#define TAIL     16
#define IDENTITY 8192 /* bytes of one at most */

static void put64(unsigned char *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get64(const unsigned char *in)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)in[i] << (8 * i);
    return v;
}

/* A piece of a key, with its length, so that no two lists of pieces give the same bytes. */
static vcol_status add(vcol_sink *s, const void *data, size_t n)
{
    unsigned char length[8];
    put64(length, n);
    vcol_status status = vcol_sink_write(s, length, sizeof length, NULL);
    return status == VCOL_OK ? vcol_sink_write(s, data, n, NULL) : status;
}

static vcol_status add_number(vcol_sink *s, int64_t v)
{
    unsigned char bytes[8];
    put64(bytes, (uint64_t)v);
    return vcol_sink_write(s, bytes, sizeof bytes, NULL);
}

static vcol_status add_column(vcol_sink *s, const vcol__column_def *c)
{
    vcol_status status = add(s, c->schema->path, strlen(c->schema->path));
    const char *shape = c->shape ? c->shape : c->schema->shape;
    if (status == VCOL_OK)
        status = add(s, shape ? shape : "", shape ? strlen(shape) : 0);
    if (status == VCOL_OK)
        status = add_number(s, c->schema->type);
    return status == VCOL_OK ? add_number(s, c->nullable) : status;
}

vcol_status vcol__cache_open(vcol__cache *c, vcol_dataset *d, const char *dir, const char *version, const int64_t *ids, int64_t n,
                             vcol_error *err)
{
    static const char library[] = "vcol results 1"; /* another number when what readers give changes */
    vcol_sink s = {0};
    struct stat st;
    memset(c, 0, sizeof *c);
    c->dataset = d;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        int why = errno;
        vcol_status status = vcol_error_format(err, VCOL_IO, "%.300s: cannot be made: %s", dir, strerror(why));
        if (err)
            err->os_errno = why;
        return status;
    }
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return vcol_error_format(err, VCOL_IO, "%.300s: is no directory", dir);
    bool all = n < 0;
    n = all ? d->n_columns : n;
    vcol_status status = add(&s, library, sizeof library);
    if (status == VCOL_OK)
        status = add(&s, version ? version : "", version ? strlen(version) : 0);
    if (status == VCOL_OK)
        status = add_number(&s, d->flags);
    if (status == VCOL_OK)
        status = add_number(&s, all ? -1 : n);
    for (int64_t i = 0; i < n && status == VCOL_OK; i++)
        status = add_column(&s, &d->columns[all ? i : ids[i]]);
    c->dir = vcol__copy_string(dir);
    c->common = s.data;
    c->common_size = s.size;
    c->identities = calloc((size_t)d->n_files + 1, sizeof *c->identities);
    char *identity = malloc(IDENTITY);
    if (status != VCOL_OK || !c->dir || !c->identities || !identity)
        status = vcol_error_format(err, VCOL_NOMEM, "no memory for a results cache");
    for (int64_t f = 0; f < d->n_files && status == VCOL_OK; f++) {
        vcol_source_identity(d->files[f].source, identity, IDENTITY);
        if (identity[0] && strlen(identity) < IDENTITY - 1 && !(c->identities[f] = vcol__copy_string(identity)))
            status = vcol_error_format(err, VCOL_NOMEM, "no memory for a results cache");
    }
    free(identity);
    if (status != VCOL_OK)
        vcol__cache_close(c);
    return status;
}

void vcol__cache_close(vcol__cache *c)
{
    for (int64_t f = 0; c->identities && f < c->dataset->n_files; f++)
        free(c->identities[f]);
    free(c->identities);
    free(c->common);
    free(c->dir);
    memset(c, 0, sizeof *c);
}

void vcol__cache_key_of(const vcol__cache *c, int64_t first, int64_t count, vcol__cache_key *out)
{
    vcol_sink s = {0};
    memset(out, 0, sizeof *out);
    int64_t f = c->dir ? vcol__dataset_file_of(c->dataset, first) : -1;
    if (f < 0 || !c->identities[f])
        return;
    const vcol__infile *t = &c->dataset->files[f];
    vcol_status status = vcol_sink_write(&s, c->common, c->common_size, NULL);
    if (status == VCOL_OK)
        status = add(&s, c->identities[f], strlen(c->identities[f]));
    if (status == VCOL_OK)
        status = add(&s, t->object_name ? t->object_name : "", t->object_name ? strlen(t->object_name) : 0);
    if (status == VCOL_OK)
        status = add_number(&s, first - t->first);
    if (status == VCOL_OK)
        status = add_number(&s, count);
    if (status != VCOL_OK) { /* no memory: not kept */
        free(s.data);
        return;
    }
    uint64_t low, high;
    vcol__hash_128(s.data, s.size, &low, &high);
    snprintf(out->name, sizeof out->name, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
    out->bytes = s.data;
    out->size = s.size;
}

void vcol__cache_key_free(vcol__cache_key *key)
{
    free(key->bytes);
    key->bytes = NULL;
}

static char *path_of(const vcol__cache *c, const vcol__cache_key *key)
{
    char *path;
    return asprintf(&path, "%s/%s", c->dir, key->name) < 0 ? NULL : path;
}

bool vcol__cache_has(const vcol__cache *c, const vcol__cache_key *key)
{
    char *path = key->bytes ? path_of(c, key) : NULL;
    bool has = path && access(path, R_OK) == 0;
    free(path);
    return has;
}

/* The whole file, or NULL. */
static unsigned char *read_file(int fd, size_t size)
{
    unsigned char *data = malloc(size ? size : 1);
    size_t at = 0;
    while (data && at < size) {
        ssize_t n = read(fd, data + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(data);
            return NULL;
        }
        at += (size_t)n;
    }
    return data;
}

/* Whether it is an entry, whole; then where its state is. */
static bool is_whole(const unsigned char *file, size_t size, const unsigned char **state, size_t *state_size)
{
    uint64_t low, high;
    if (size < HEAD + TAIL || memcmp(file, MAGIC, 8) != 0)
        return false;
    uint64_t keys = get64(file + 8), bytes = get64(file + 16), rest = size - HEAD - TAIL;
    if (keys > rest || bytes != rest - keys)
        return false;
    vcol__hash_128(file, size - TAIL, &low, &high);
    if (get64(file + size - TAIL) != low || get64(file + size - 8) != high)
        return false;
    *state = file + HEAD + keys;
    *state_size = (size_t)bytes;
    return true;
}

bool vcol__cache_read(const vcol__cache *c, const vcol__cache_key *key, void **memory, const void **data, size_t *size,
                      bool *damaged)
{
    unsigned char *file = NULL;
    const unsigned char *state;
    struct stat st;
    bool found = false;
    *damaged = false;
    char *path = key->bytes ? path_of(c, key) : NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0)
        file = read_file(fd, (size_t)st.st_size);
    close(fd);
    if (file && is_whole(file, (size_t)st.st_size, &state, size))
        found = get64(file + 8) == key->size && memcmp(file + HEAD, key->bytes, key->size) == 0; /* else another's */
    else
        *damaged = true;
    if (found) {
        *memory = file;
        *data = state;
    } else {
        free(file);
    }
    return found;
}

static bool write_all(int fd, const unsigned char *data, size_t n)
{
    while (n > 0) {
        ssize_t did = write(fd, data, n);
        if (did < 0 && errno == EINTR)
            continue;
        if (did <= 0)
            return false;
        data += did;
        n -= (size_t)did;
    }
    return true;
}

bool vcol__cache_write(const vcol__cache *c, const vcol__cache_key *key, const void *data, size_t size)
{
    unsigned char head[HEAD], tail[TAIL];
    uint64_t low, high;
    vcol_sink s = {0};
    char *temporary = NULL, *path = key->bytes ? path_of(c, key) : NULL;
    bool kept = false;
    memcpy(head, MAGIC, 8);
    put64(head + 8, key->size);
    put64(head + 16, size);
    if (!path || vcol_sink_write(&s, head, HEAD, NULL) != VCOL_OK || vcol_sink_write(&s, key->bytes, key->size, NULL) != VCOL_OK ||
        vcol_sink_write(&s, data, size, NULL) != VCOL_OK)
        goto done;
    vcol__hash_128(s.data, s.size, &low, &high);
    put64(tail, low);
    put64(tail + 8, high);
    if (vcol_sink_write(&s, tail, TAIL, NULL) != VCOL_OK)
        goto done;
    /* A thread writes one at a time; another machine that has the same numbers finds the name taken. */
    if (asprintf(&temporary, "%s/.%s.%ld.%lld.tmp", c->dir, key->name, (long)getpid(), (long long)vcol__wait_thread()) < 0) {
        temporary = NULL;
        goto done;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
        kept = write_all(fd, s.data, s.size);
        kept = close(fd) == 0 && kept;
        kept = kept && rename(temporary, path) == 0;
        if (!kept)
            unlink(temporary);
    }
done:
    free(temporary);
    free(path);
    free(s.data);
    return kept;
}
