#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Cuts ROOT files into inputs of the fuzz targets: further seeds for long runs, not kept in the project.

    extract.py FOLDER FILE...       FOLDER/file, FOLDER/streamer, FOLDER/tree, FOLDER/basket, FOLDER/codec
"""
import hashlib
import lzma
import os
import struct
import sys
import zlib

MAX_FILE, MAX_RECORD, MAX_BASKET = 16 << 10, 16 << 10, 4 << 10
COUNTS = {}
CODECS = {b"ZL": 1, b"CS": 2, b"XZ": 3, b"L4": 4, b"ZS": 5}


def keep(folder, target, data, most):
    """One input of a target, up to `most` of them."""
    if COUNTS.get(target, 0) >= most:
        return
    COUNTS[target] = COUNTS.get(target, 0) + 1
    path = os.path.join(folder, target)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, hashlib.sha1(data).hexdigest()[:16]), "wb") as out:
        out.write(data)


def records(data):
    """(offset, bytes, objlen, keylen, class) of the chain of records."""
    begin = struct.unpack(">i", data[8:12])[0]
    at = begin
    while at + 26 < len(data):
        size = struct.unpack(">i", data[at:at + 4])[0]
        if size == 0:
            return
        if size > 26 and at + size <= len(data):
            version, objlen, _, keylen = struct.unpack(">hiIh", data[at + 4:at + 16])
            name = at + (34 if version > 1000 else 26)
            length = data[name]
            yield at, size, objlen, keylen, bytes(data[name + 1:name + 1 + length])
        at += abs(size)


def blocks(packed):
    while len(packed) >= 9 and packed[:2] in CODECS:
        size = int.from_bytes(packed[3:6], "little")
        yield CODECS[packed[:2]], packed[9:9 + size], int.from_bytes(packed[6:9], "little")
        packed = packed[9 + size:]


def unpacked(packed, size):
    if size <= len(packed):
        return packed[:size]
    out = b""
    for codec, data, _ in blocks(packed):
        if codec == 1:
            out += zlib.decompress(data)
        elif codec == 3:
            out += lzma.decompress(data)
        else:
            return None
    return out if len(out) == size else None


def column(entries, content):
    """A column of the targets' tree whose entries could be these."""
    for i, stride in ((0, 4), (2, 6), (3, 12), (6, 3), (10, 1)):
        if content == entries * stride:
            return [i]
    return [1, 7, 8, 9]


def cut(folder, path):
    with open(path, "rb") as source:
        data = source.read()
    if data[:4] != b"root":
        return
    if len(data) <= MAX_FILE:
        keep(folder, "file", b"\0" + data, 60)
    info = struct.unpack(">i", data[37:41])[0]
    for at, size, objlen, keylen, name in records(data):
        record = data[at:at + size]
        packed = record[keylen:]
        if objlen > len(packed):
            for codec, block, declared in blocks(packed):
                if codec == 4:
                    block = block[8:]
                if len(block) <= MAX_BASKET and declared < 65536:
                    keep(folder, "codec", struct.pack(">BHH", codec, declared, declared // 2) + block, 150)
        if name == b"TBasket" and size <= MAX_BASKET:
            head = record[keylen - 19:keylen]
            entries, last = struct.unpack(">ii", head[10:18])
            if entries < 256:
                for i in column(entries, last - keylen):
                    keep(folder, "basket", bytes((i, 1, entries)) + record, 200)
        elif at == info or name in (b"TTree", b"TNtuple"):
            payload = unpacked(packed, objlen)
            if payload and len(payload) <= MAX_RECORD:
                keep(folder, "streamer" if at == info else "tree", payload, 60)


def main():
    for path in sys.argv[2:]:
        try:
            cut(sys.argv[1], path)
        except (struct.error, zlib.error, lzma.LZMAError, IndexError):
            pass  # broken files are among the data


main()
