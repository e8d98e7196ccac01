/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Class descriptions: what the file's streamer information (or the built-in table) says about the members of
 * a class, compiled into steps that object.c takes.
 *
 * Invariant: const after vcol__classes_compile.
 */
#ifndef VCOL_ROOT_STREAMER_H
#define VCOL_ROOT_STREAMER_H

#include "file.h"

/* What an object is to us. */
typedef enum root_kind {
    KIND_UNKNOWN = 0, /* not looked at yet */
    KIND_OTHER,
    KIND_TREE,
    KIND_BRANCH,
    KIND_LEAF,
    KIND_BASKET,
    KIND_ARRAY, /* TObjArray */
    KIND_LIST,  /* TList */
    KIND_NAMED, /* TNamed, a base of the others */
    KIND_INDEX, /* TTreeIndex */
    KIND_FRIEND, /* TFriendElement */
} root_kind;

/* FORMAT root/streamer element types. source: root-project/root core/meta/inc/TVirtualStreamerInfo.h
 * (EReadWrite) */
enum {
    TYPE_BASE = 0,
    TYPE_I8 = 1,
    TYPE_I16 = 2,
    TYPE_I32 = 3,
    TYPE_LONG = 4,
    TYPE_F32 = 5,
    TYPE_COUNTER = 6,
    TYPE_CHARS = 7,
    TYPE_F64 = 8,
    TYPE_DOUBLE32 = 9,
    TYPE_LEGACY_CHAR = 10,
    TYPE_U8 = 11,
    TYPE_U16 = 12,
    TYPE_U32 = 13,
    TYPE_ULONG = 14,
    TYPE_BITS = 15,
    TYPE_I64 = 16,
    TYPE_U64 = 17,
    TYPE_BOOL = 18,
    TYPE_FLOAT16 = 19,
    TYPE_ARRAY = 20,   /* + a number's type: fixed array */
    TYPE_COUNTED = 40, /* + a number's type: array with a counter */
    TYPE_OBJECT = 61,
    TYPE_ANY = 62,
    TYPE_OBJECT_INLINE = 63,
    TYPE_OBJECT_POINTER = 64,
    TYPE_TSTRING = 65,
    TYPE_TOBJECT = 66,
    TYPE_TNAMED = 67,
    TYPE_ANY_INLINE = 68,
    TYPE_ANY_POINTER = 69,
    TYPE_STL = 300,
    TYPE_STL_STRING = 365,
    TYPE_STREAMER = 500,
    TYPE_STREAM_LOOP = 501,
};

typedef struct root_element {
    text name, title, type_name;
    text counter; /* of a counted array */
    int32_t type; /* TYPE_… */
    int32_t length;
    int32_t dims;
    int32_t dim[5];
    int32_t content; /* of a container, by TStreamerSTL: the type of a number, also of an enumeration; else 0, 61, 62 … */
} root_element;

/* Steps of object.c. */
typedef enum root_code {
    STEP_SKIP,    /* n bytes */
    STEP_NUMBER,  /* `type` → target field, local */
    STEP_COUNTED, /* u8 flag, locals[local] numbers of `width` */
    STEP_STRING,
    STEP_CHARS, /* i32 length, bytes */
    STEP_SLOT,  /* n pointers */
    STEP_CLASS, /* n framed objects of class `cls` */
    STEP_BASE,  /* a framed base, which fills the same target */
    STEP_ARRAY, /* TObjArray */
    STEP_LIST,  /* TList */
    STEP_TOBJECT,
    STEP_TARRAY, /* i32 n, n numbers of `width` */
    STEP_FRAME,  /* skip by byte count */
    STEP_REST,   /* skip by byte count; faults in what follows only end it */
    STEP_STOP,   /* what follows cannot be or need not be read: to the end of the frame */
} root_code;

typedef struct root_step {
    uint8_t code, type, width;
    uint8_t kind;   /* the root_kind of targets that have the field; KIND_UNKNOWN = no field */
    int16_t local;  /* STEP_NUMBER: where to keep it, or -1; STEP_COUNTED: where the count is */
    uint16_t field; /* bytes from the target's start */
    uint32_t n;
    uint8_t fills;  /* the root_code that may fill the field */
    struct root_class *cls;
} root_step;

typedef struct root_info {
    struct root_info *next; /* another version of the same class */
    int32_t version;
    uint32_t checksum;
    int builtin;
    int32_t n_elements, n_steps;
    root_element *elements;
    root_step *steps;
} root_info;

typedef struct root_class {
    text name;
    root_kind kind;
    root_info *infos;
    const root_info *newest; /* the file's, else the newest built in; or NULL */
    struct root_class *chain; /* of the hash table */
} root_class;

enum { CLASS_TABLE = 256, MAX_LOCALS = 8 };

typedef struct root_classes {
    root_class *table[CLASS_TABLE];
    int64_t n;
} root_classes;

/* The built-in descriptions. */
vcol_status vcol__classes_open(root_file *file, vcol_error *err);
/* Adds those of a StreamerInfo record. */
vcol_status vcol__classes_read(root_file *file, const root_record *record, vcol_error *err);
vcol_status vcol__classes_compile(root_file *file, vcol_error *err);

root_class *vcol__class_find(const root_classes *classes, text name);
/* The class of that name, made if need be; NULL: no memory. */
root_class *vcol__class_intern(root_file *file, text name);
/* The description for a version (for version 0: a checksum), or NULL. */
const root_info *vcol__class_info(const root_class *cls, int32_t version, uint32_t checksum);

#endif
