/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h: a ROOT file as the sequence of its records, found without the library: what the pure cost of unpacking is
 * measured on. The files are trusted: this is no reader.
 */
#ifndef BENCH_RECORDS_H
#define BENCH_RECORDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct record {
    uint64_t offset;         /* of the key */
    const uint8_t *payload;  /* in memory */
    size_t stored;           /* bytes of the payload */
    size_t unpacked;
    int basket;              /* of class TBasket, or a compression block or plain page of an RNTuple */
    int page;                /* the latter: a checksum of 8 bytes is behind it */
    int cycle;
    char class_name[32], name[64];
} record;

typedef struct records {
    uint8_t *bytes; /* the whole file */
    size_t size;
    record *list;
    int64_t n;
    uint64_t info; /* offset of the streamer information */
    size_t largest; /* unpacked */
    char codec[8];  /* "zlib", "lz4", …; of the first basket that is compressed */
} records;

/* Contexts of the libraries that unpack. */
typedef struct unpacker {
    void *deflate, *zstd, *lzma;
    uint8_t *buffer; /* the one that is reused */
    size_t size;     /* its bytes */
} unpacker;

/* Reads the whole file. 0, or -1 with a message on stderr. */
int records_open(const char *path, records *out);
void records_close(records *records);
/* The record at that place. 0, or -1. */
int records_at(const records *records, uint64_t offset, record *out);
/* The record of that class and name with the highest cycle, by the top directory's list. 0, or -1. */
int records_find(const records *records, const char *class_name, const char *name, record *out);

/* The metadata of the RNTuple of that name: its header, its footer, its page lists. How many, at most `most`; -1: there is none. */
int records_ntuple(const records *records, const char *name, record *parts, int most);

int unpacker_open(unpacker *u, size_t largest);
void unpacker_close(unpacker *u);
/* Unpacks one payload into the buffer by plain calls of the libraries; copies what is stored as it is. 0, or -1. */
int unpacker_run(unpacker *u, const uint8_t *payload, size_t stored, size_t unpacked);

#endif
