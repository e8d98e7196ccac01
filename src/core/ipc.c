/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arrow IPC metadata, written by hand: three tables of a fixed shape need no library.
 *
 * FORMAT arrow/ipc: an encapsulated message is 0xFFFFFFFF, an int32 of the metadata's bytes (with padding to 8), the metadata
 * (a flatbuffer Message), the body; the stream ends with 0xFFFFFFFF 0x00000000.
 * source: apache/arrow docs/source/format/Columnar.rst, "Encapsulated message format", "IPC Streaming Format",
 * "Compression"; format/Message.fbs, format/Schema.fbs (the numbers of fields and of unions' members).
 *
 * A flatbuffer table is here its vtable (uint16: bytes of the vtable, bytes of the table, each field's place in the table or 0)
 * followed by the table (int32: distance back to the vtable, then the fields). Other tables, vectors and strings
 * are uint32 distances forward. Everything is aligned to its size, from the metadata's first byte on.
 */
#include "core/ipc.h"

#include <stdbool.h>
#include <string.h>

/* FORMAT lz4/frame: magic; FLG 0x60: version 1, blocks independent; BD 0x50: blocks of 256 KiB; the header's checksum.
 * source: lz4/lz4 doc/lz4_Frame_format.md, "General Structure of LZ4 Frame format" */
const uint8_t vcol__lz4_head[VCOL__LZ4_HEAD] = {0x04, 0x22, 0x4d, 0x18, 0x60, 0x50, 0xfb};

enum { METADATA_V5 = 4, HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 };
enum { TYPE_INT = 2, TYPE_FLOATING_POINT = 3 };

typedef struct writer {
    uint8_t *out;
    uint32_t n;
} writer;

static void put(writer *w, uint32_t at, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        w->out[at + i] = (uint8_t)(value >> (8 * i));
}

static uint32_t add(writer *w, uint64_t value, uint32_t bytes)
{
    uint32_t at = w->n;
    put(w, at, value, bytes);
    w->n += bytes;
    return at;
}

static void align(writer *w, uint32_t to, uint32_t off)
{
    while ((w->n + off) % to)
        add(w, 0, 1);
}

#define MOST_FIELDS 7

/* A field that a table has: its number and bytes. */
typedef struct field {
    uint8_t number, width;
} field;

/* Adds a table of `of` fields, of which it has these n, all zero. The widest come first, so that none needs padding. */
static void add_table(writer *w, uint32_t of, const field *has, uint32_t n, uint32_t place[MOST_FIELDS])
{
    uint32_t vtable_bytes = 4 + 2 * of, inside = 4, at;
    align(w, 8, vtable_bytes + 4); /* what follows the table's first 4 bytes is aligned to 8 */
    at = w->n + vtable_bytes;
    memset(place, 0, MOST_FIELDS * sizeof *place);
    for (uint32_t i = 0; i < n; i++) {
        place[has[i].number] = at + inside;
        inside += has[i].width;
    }
    add(w, vtable_bytes, 2);
    add(w, inside, 2);
    for (uint32_t i = 0; i < of; i++)
        add(w, place[i] ? place[i] - at : 0, 2);
    add(w, vtable_bytes, 4);
    while (w->n < at + inside)
        add(w, 0, 1);
}

/* The same, and what is at `from` points to it. */
static void add_table_at(writer *w, uint32_t from, uint32_t of, const field *has, uint32_t n, uint32_t place[MOST_FIELDS])
{
    add_table(w, of, has, n, place);
    uint32_t first = 0; /* the first field lies 4 bytes behind the table's beginning */
    for (uint32_t i = 0; i < of; i++)
        if (place[i] && (!first || place[i] < first))
            first = place[i];
    put(w, from, first - 4 - from, 4);
}

/* What is at `from` points to the vector or string that is added next. */
static void point_here(writer *w, uint32_t from)
{
    align(w, 4, 0);
    put(w, from, w->n - from, 4);
}

static void add_string(writer *w, uint32_t from, const char *text, size_t n)
{
    point_here(w, from);
    add(w, n, 4);
    for (size_t i = 0; i < n; i++)
        add(w, (uint8_t)text[i], 1);
    add(w, 0, 1);
}

/* A vector of n distances; returns where the first is. */
static uint32_t add_vector(writer *w, uint32_t from, uint32_t n)
{
    point_here(w, from);
    add(w, n, 4);
    uint32_t first = w->n;
    for (uint32_t i = 0; i < n; i++)
        add(w, 0, 4);
    return first;
}

/* Begins a message at out; returns where the distance to its header is to be put. Message: version, header's kind, header, bodyLength. */
static uint32_t begin_message(writer *w, uint8_t *out, uint32_t kind, uint64_t body)
{
    static const field has[] = {{3, 8}, {2, 4}, {0, 2}, {1, 1}};
    uint32_t place[MOST_FIELDS];
    *w = (writer){out + 8, 0};
    uint32_t root = add(w, 0, 4);
    add_table_at(w, root, 4, has, 4, place);
    put(w, place[0], METADATA_V5, 2);
    put(w, place[1], kind, 1);
    put(w, place[3], body, 8);
    return place[2];
}

static size_t end_message(writer *w, uint8_t *out)
{
    align(w, 8, 0);
    writer prefix = {out, 0};
    add(&prefix, 0xffffffffu, 4);
    add(&prefix, w->n, 4);
    return 8 + (size_t)w->n;
}

static bool is_real(vcol_type type)
{
    return type == VCOL_F32 || type == VCOL_F64;
}

static void add_type(writer *w, uint32_t from, vcol_type type)
{
    static const field real[] = {{0, 2}}, integer[] = {{0, 4}, {1, 1}}; /* precision; bitWidth, is_signed */
    uint32_t place[MOST_FIELDS];
    if (is_real(type)) {
        add_table_at(w, from, 1, real, 1, place);
        put(w, place[0], type == VCOL_F32 ? 1 : 2, 2); /* SINGLE, DOUBLE */
    } else {
        bool sign = type == VCOL_BOOL || type == VCOL_I8 || type == VCOL_I16 || type == VCOL_I32 || type == VCOL_I64;
        add_table_at(w, from, 2, integer, 2, place);
        put(w, place[0], vcol_type_width(type) * 8, 4);
        put(w, place[1], sign, 1);
    }
}

/* One byte a bool is Arrow's extension bool8: int8 with a name in the field's metadata. */
static void add_bool8(writer *w, uint32_t from)
{
    static const field has[] = {{0, 4}, {1, 4}}; /* key, value */
    static const char *const text[2][2] = {{"ARROW:extension:name", "arrow.bool8"}, {"ARROW:extension:metadata", ""}};
    uint32_t first = add_vector(w, from, 2), place[MOST_FIELDS];
    for (uint32_t i = 0; i < 2; i++) {
        add_table_at(w, first + 4 * i, 2, has, 2, place);
        for (uint32_t k = 0; k < 2; k++)
            add_string(w, place[k], text[i][k], strlen(text[i][k]));
    }
}

/* Schema: endianness (0: little), fields. Field: name, nullable, type's kind, type, dictionary, children, metadata. */
static size_t schema(uint8_t *out, const char *name, vcol_type type)
{
    static const field schema_has[] = {{1, 4}, {0, 2}};
    static const field field_has[] = {{0, 4}, {3, 4}, {5, 4}, {6, 4}, {1, 1}, {2, 1}};
    static const field field_plain[] = {{0, 4}, {3, 4}, {5, 4}, {1, 1}, {2, 1}};
    writer w;
    uint32_t place[MOST_FIELDS], header = begin_message(&w, out, HEADER_SCHEMA, 0);
    char clean[VCOL__IPC_NAME];
    size_t n = strnlen(name, VCOL__IPC_NAME);
    for (size_t i = 0; i < n; i++) /* strings are UTF-8; a cut or odd one might not be */
        clean[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '_';
    add_table_at(&w, header, 2, schema_has, 2, place);
    uint32_t element = add_vector(&w, place[1], 1);
    bool extended = type == VCOL_BOOL;
    add_table_at(&w, element, 7, extended ? field_has : field_plain, extended ? 6 : 5, place);
    put(&w, place[2], is_real(type) ? TYPE_FLOATING_POINT : TYPE_INT, 1);
    add_string(&w, place[0], clean, n);
    add_type(&w, place[3], type);
    add_vector(&w, place[5], 0);
    if (extended)
        add_bool8(&w, place[6]);
    return end_message(&w, out);
}

/* RecordBatch: length, nodes (length, nulls), buffers (offset, bytes: validity, values), compression (codec 0: LZ4_FRAME). */
static size_t record_batch(uint8_t *out, int64_t count, uint64_t packed, uint64_t body)
{
    static const field has[] = {{0, 8}, {1, 4}, {2, 4}, {3, 4}}, compression[] = {{0, 1}, {1, 1}};
    writer w;
    uint32_t place[MOST_FIELDS], inner[MOST_FIELDS], header = begin_message(&w, out, HEADER_RECORD_BATCH, body);
    add_table_at(&w, header, 4, has, 4, place);
    put(&w, place[0], (uint64_t)count, 8);
    uint64_t nodes[] = {(uint64_t)count, 0}, buffers[] = {0, 0, 0, packed};
    for (uint32_t k = 1; k <= 2; k++) { /* vectors of structs: their elements, not their lengths, are aligned to 8 */
        align(&w, 8, 4);
        point_here(&w, place[k]);
        add(&w, k, 4);
        for (uint32_t i = 0; i < 2 * k; i++)
            add(&w, k == 1 ? nodes[i] : buffers[i], 8);
    }
    add_table_at(&w, place[3], 2, compression, 2, inner);
    return end_message(&w, out);
}

size_t vcol__ipc_head(uint8_t out[VCOL__IPC_HEAD], const char *name, vcol_type type, int64_t count, uint64_t packed, uint64_t body)
{
    size_t n = schema(out, name, type);
    return n + record_batch(out + n, count, packed, body);
}

void vcol__ipc_tail(uint8_t out[VCOL__IPC_TAIL])
{
    memset(out, 0xff, 4);
    memset(out + 4, 0, 4);
}
