/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source of a local file: pread until all bytes are there. The size is the one at opening; a file that
 * others cut short later gives an error that names the byte at which it ends.
 */
#include "io/source.h"

#include <vcol/reader.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large enough that a call costs nothing beside its copy, small enough that the bytes are still in the
 * second-level cache when they are unpacked, and that several fit a small memory limit. */
#define READ_SIZE (UINT64_C(1) << 20)
/* Copying so much from the page cache, where the system's read-ahead has put it, costs about as much as
 * one more read with all that surrounds it. */
#define GAP      (UINT64_C(16) << 10)
#define REQUESTS 4

struct file {
    int fd;
    struct stat stat; /* at opening */
    char path[];
};

static vcol_status limits(void *self, vcol_source_limits *out, vcol_error *err)
{
    struct file *f = self;
    (void)err;
    out->size = (uint64_t)f->stat.st_size;
    out->requests = REQUESTS;
    out->gap = GAP;
    out->read_size = READ_SIZE;
    out->flags = VCOL_SOURCE_LOCAL | VCOL_SOURCE_SERIAL;
    return VCOL_OK;
}

static vcol_status read_range(struct file *f, const vcol_range *range, vcol_error *err)
{
    size_t done = 0;
    while (done < range->size) {
        unsigned long long at = range->offset + done;
        ssize_t got = pread(f->fd, (char *)range->data + done, range->size - done, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vcol__io_error(err, errno, "read of %zu bytes at byte %llu", range->size - done, at);
        if (got == 0)
            return vcol__io_error(err, 0,
                                  "file ends at byte %llu of %llu: it was cut short since it was opened", at,
                                  (unsigned long long)f->stat.st_size);
        done += (size_t)got;
    }
    return VCOL_OK;
}

static vcol_status read_ranges(void *self, const vcol_range *ranges, int32_t n, vcol_error *err)
{
    vcol_status status = VCOL_OK;
    for (int32_t i = 0; i < n && !status; i++)
        status = read_range(self, &ranges[i], err);
    return status;
}

static void identity(void *self, char *out, size_t size)
{
    struct file *f = self;
    snprintf(out, size, "file %llx:%llx %lld %lld.%09ld %s", (unsigned long long)f->stat.st_dev,
             (unsigned long long)f->stat.st_ino, (long long)f->stat.st_size,
             (long long)f->stat.st_mtim.tv_sec, f->stat.st_mtim.tv_nsec, f->path);
}

static void close_file(void *self)
{
    struct file *f = self;
    close(f->fd);
    free(f);
}

static const vcol_source_ops ops = {
    .struct_size = sizeof ops,
    .limits = limits,
    .read = read_ranges,
    .identity = identity,
    .close = close_file,
};

vcol_status vcol_source_open_file(const char *path, vcol_source **out, vcol_error *err)
{
    struct file *f = NULL;
    vcol_status status = err ? (vcol_status)err->status : VCOL_OK;
    *out = NULL;
    if (status)
        return status;
    if (!path)
        return vcol_error_set(err, VCOL_MISUSE, "a file needs a path");
    f = malloc(sizeof *f + strlen(path) + 1);
    if (!f)
        return vcol_error_format(err, VCOL_NOMEM, "%s: no memory for a source", path);
    strcpy(f->path, path);
    /* Without O_NONBLOCK, opening a pipe would wait for its writer; regular files do not care. */
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &f->stat) < 0) {
        int code = errno;
        status = vcol__io_error(err, code, "%s", path);
        if (code == ENOENT || code == ENOTDIR) {
            status = VCOL_NOT_FOUND;
            if (err)
                err->status = VCOL_NOT_FOUND;
        }
    } else if (S_ISDIR(f->stat.st_mode)) {
        status = vcol_error_format(err, VCOL_UNSUPPORTED, "%s: is a directory, not a file", path);
    } else if (!S_ISREG(f->stat.st_mode)) {
        status = vcol_error_format(err, VCOL_UNSUPPORTED, "%s: is not a regular file", path);
    } else {
        status = vcol_source_create(&ops, f, path, out, err);
    }
    if (status) {
        if (f->fd >= 0)
            close(f->fd);
        free(f);
    }
    return status;
}
