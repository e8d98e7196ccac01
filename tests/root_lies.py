#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ROOT files that lie, and what a reader has to say about each.

    root_lies.py PROGRAM [ARGUMENT…]      writes each file, runs PROGRAM ARGUMENT… FILE, looks for the message
    root_lies.py --verify VCOL            what `VCOL verify` has to say: of each file, and of what is not decoded
    root_lies.py --write FOLDER           only writes the files (seeds for fuzzing)

A small file with one tree of twelve entries is made from scratch, without a StreamerInfo record, each of its
fields marked by name; a lie is another value in some of them. The tree: `n` (i32), `x[n]` (f32, counted), `y` (f64,
its last basket inside the tree's record), `s` (C string), `v` (vector<float>), `z` (i32[16], zlib), `q`
(i32[16], lz4), `p` (i32[16], xz). Baskets hold five, five and two entries. For --verify also a branch `w` of a class
that is not decoded (zlib, lz4, xz), and an object `h` (zlib).

PROGRAM must print what it finds wrong and end with status 0 or 1 (a crash or a sanitizer's exit is a failure).
"""
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import zlib

BASKETS = [(0, 5), (5, 10), (10, 12)]
COUNTS = [2, 0, 1, 3, 1, 0, 2, 2, 1, 0, 4, 1]
MASK = (1 << 64) - 1


def xxh64(data):
    """xxHash64 with seed 0."""
    p1, p2, p3, p4, p5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                          0x27D4EB2F165667C5)

    def rotate(x, r):
        return (x << r | x >> (64 - r)) & MASK

    def step(acc, lane):
        return rotate((acc + lane * p2) & MASK, 31) * p1 & MASK

    n, i = len(data), 0
    if n >= 32:
        acc = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
        while i + 32 <= n:
            for k in range(4):
                acc[k] = step(acc[k], struct.unpack_from("<Q", data, i + 8 * k)[0])
            i += 32
        h = sum(rotate(a, r) for a, r in zip(acc, (1, 7, 12, 18))) & MASK
        for a in acc:
            h = ((h ^ step(0, a)) * p1 + p4) & MASK
    else:
        h = p5
    h = (h + n) & MASK
    while i + 8 <= n:
        h = (rotate(h ^ step(0, struct.unpack_from("<Q", data, i)[0]), 27) * p1 + p4) & MASK
        i += 8
    if i + 4 <= n:
        h = (rotate(h ^ struct.unpack_from("<I", data, i)[0] * p1 & MASK, 23) * p2 + p3) & MASK
        i += 4
    for b in data[i:]:
        h = rotate(h ^ b * p5 & MASK, 11) * p1 & MASK
    h = (h ^ h >> 33) * p2 & MASK
    h = (h ^ h >> 29) * p3 & MASK
    return h ^ h >> 32


class File:
    """Bytes with named places."""

    def __init__(self, options=()):
        self.data = bytearray()
        self.marks = {}  # name: (place, struct format)
        self.options = set(options)
        self.large = "large" in self.options
        self.tree_name = "Trk::T" if "colons" in self.options else "T"
        self.shift = 5 << 30 if self.large else 0  # what lies behind the root directory begins that much later
        self.head = 0
        self.build()

    def put(self, form, value, name=None):
        if name:
            self.marks[name] = (len(self.data), form)
        self.data += struct.pack(">" + form, value)

    def raw(self, data, name=None):
        if name:
            self.marks[name] = (len(self.data), f"{len(data)}s")
        self.data += data

    def place(self):
        """Where the next byte will be in the file."""
        return len(self.data) + (self.shift if self.head else 0)

    def save(self, path):
        with open(path, "wb") as out:
            out.write(self.data[:self.head])
            out.seek(self.head + self.shift)
            out.write(self.data[self.head:])

    def set(self, name, value):
        place, form = self.marks[name]
        if callable(value):
            value = value(struct.unpack_from(">" + form, self.data, place)[0])
        struct.pack_into(">" + form, self.data, place, value)

    def string(self, s, name=None):
        self.put("B", len(s), name)
        self.data += s.encode()

    # ---- framing

    def open_frame(self, version, name=None):
        """Byte count and version; returns what close_frame needs."""
        at = len(self.data)
        self.put("I", 0, name and name + ".bytes")
        self.put("h", version, name and name + ".version")
        return at

    def close_frame(self, at):
        struct.pack_into(">I", self.data, at, 0x40000000 | len(self.data) - at - 4)

    def tobject(self):
        self.put("h", 1)
        self.put("I", 0)
        self.put("I", 0x03000000)

    def named(self, name, title):
        at = self.open_frame(1)
        self.tobject()
        self.string(name)
        self.string(title)
        self.close_frame(at)

    def open_slot(self, cls, name=None):
        """A pointer to a new object of class cls."""
        at = len(self.data)
        self.put("I", 0, name and name + ".slot")
        self.put("I", 0xFFFFFFFF, name and name + ".tag")
        self.raw(cls.encode() + b"\0", name and name + ".class")
        return at

    def reference(self, at):
        self.put("I", at - self.record + 2)

    def objarray(self, items, name=None):
        at = self.open_frame(3)
        self.tobject()
        self.string("")
        self.put("i", len(items), name and name + ".size")
        self.put("i", 0)
        for item in items:
            item()
        self.close_frame(at)

    # ---- records

    def key(self, cls, name, title, mark, cycle=1, large=True, extra=0):
        """A key; returns what close_record needs."""
        at, place = len(self.data), self.place()
        large = large or self.large
        self.put("i", 0, mark + ".nbytes")
        self.put("h", 1004 if large else 4, mark + ".keyversion")
        self.put("i", 0, mark + ".objlen")
        self.put("I", 0)
        self.put("h", 0, mark + ".keylen")
        self.put("h", cycle)
        self.put("q" if large else "i", place, mark + ".seek")
        self.put("q" if large else "i", 100)
        self.string(cls, mark + ".classname")
        self.marks[mark + ".classtext"] = (len(self.data) - len(cls), f"{len(cls)}s")
        self.string(name)
        self.string(title)
        self.set(mark + ".keylen", len(self.data) - at + extra)
        return at, mark

    def close_record(self, record, objlen=None):
        at, mark = record
        place = self.marks[mark + ".keylen"][0]
        keylen = struct.unpack_from(">h", self.data, place)[0]
        self.set(mark + ".nbytes", len(self.data) - at)
        self.set(mark + ".objlen", len(self.data) - at - keylen if objlen is None else objlen)

    def basket_head(self, mark, entries, last, entry_size=1000, io_bits=None, flag=0):
        self.put("h", 3)
        self.put("i", 32000)
        self.put("i", entry_size if io_bits is None else -entry_size, mark + ".nevbufsize")
        if io_bits is not None:
            self.put("B", io_bits, mark + ".iobits")
        self.put("i", entries, mark + ".nevbuf")
        self.put("i", last, mark + ".last")
        self.put("B", flag, mark + ".flag")

    def basket(self, branch, i, entries, tail, pack=None):
        """A basket's record; entries: bytes of each."""
        mark = f"{branch}.{i}"
        place = self.place()
        record = self.key("TBasket", branch, self.tree_name, mark, i, extra=19)
        keylen = len(self.data) - record[0] + 19
        self.basket_head(mark, len(entries), keylen + sum(map(len, entries)))
        plain, at = b"", keylen
        offsets = []
        for k, e in enumerate(entries):
            offsets.append(at)
            if not pack:
                self.raw(e, f"{mark}.entry{k}")
            plain += e
            at += len(e)
        if pack:
            self.packed(mark, pack, plain)
        if tail:
            self.put("i", len(entries) + 1, mark + ".tail")
            for k, o in enumerate(offsets):
                self.put("i", o, f"{mark}.offset{k}")
            self.put("i", 0)
        self.close_record(record, len(plain) if pack else None)
        self.baskets.setdefault(branch, []).append((place, len(self.data) - record[0]))

    def packed(self, mark, codec, plain):
        if codec == "zlib":
            magic, stream = b"ZL\x08", zlib.compress(plain)
        elif codec == "xz":
            magic, stream = b"XZ\x00", lzma.compress(plain, check=lzma.CHECK_CRC32)
        else:  # lz4: four bytes, a match of them with themselves, and the last five
            more = len(plain) - 9 - 4 - 15
            body = b"\x4f" + plain[:4] + b"\4\0" + bytes([255] * (more // 255) + [more % 255]) + b"\x50" + plain[-5:]
            magic, stream = b"L4\x01", struct.pack(">Q", xxh64(body)) + body
        self.raw(magic, mark + ".magic")
        self.raw(len(stream).to_bytes(3, "little"), mark + ".packed")
        self.raw(len(plain).to_bytes(3, "little"), mark + ".unpacked")
        self.raw(stream, mark + ".stream")

    # ---- the tree

    def leaf(self, cls, name, title, size, counter=None, minimum=("i", "i"), length=1):
        at = self.open_slot(cls)
        frame, inner = self.open_frame(1), self.open_frame(2)
        self.named(name, title)
        self.put("i", length, f"{name}.fLen")
        self.put("i", size)
        self.put("i", 0)
        self.put("B", 0)
        self.put("B", 0)
        if counter:
            self.reference(counter)
        else:
            self.put("I", 0)
        self.close_frame(inner)
        for form in minimum:
            self.put(form, 0)
        self.close_frame(frame)
        self.close_frame(at)
        return at

    def branch_base(self, name, title, leaf, embedded=None):
        """A TBranch (version 13), framed."""
        seeks = self.baskets[name]
        write = len(seeks)
        slots = max(write + 1, 10)
        at = self.open_frame(13, f"{name}.TBranch")
        self.named(name, title)
        frame = self.open_frame(2)
        self.put("h", 0)
        self.put("h", 1001)
        self.close_frame(frame)
        for value, mark in ((101, None), (32000, None), (1000, None), (write, "fWriteBasket")):
            self.put("i", value, mark and f"{name}.{mark}")
        self.put("q", 12, f"{name}.fEntryNumber")
        frame = self.open_frame(0)
        self.put("I", 0x1AA12F10)
        self.put("B", 0)
        self.close_frame(frame)
        self.put("i", 0)
        self.put("i", slots, f"{name}.fMaxBaskets")
        self.put("i", 0)
        self.put("q", 12)
        self.put("q", 0, f"{name}.fFirstEntry")
        self.put("q", 1000)
        self.put("q", 500)
        self.objarray([], f"{name}.fBranches")
        self.objarray([leaf] if leaf else [], f"{name}.fLeaves")
        self.objarray([lambda: self.put("I", 0)] * write + ([embedded] if embedded else []), f"{name}.fBaskets")
        self.put("B", 1)
        for i in range(slots):
            self.put("i", seeks[i][1] if i < write else 0, f"{name}.fBasketBytes[{i}]")
        self.put("B", 1)
        starts = [b[0] for b in BASKETS[:write + (embedded is not None)]] + [12]
        for i in range(slots):
            self.put("q", starts[i] if i < len(starts) else 0, f"{name}.fBasketEntry[{i}]")
        self.put("B", 1)
        for i in range(slots):
            self.put("q", seeks[i][0] if i < write else 0, f"{name}.fBasketSeek[{i}]")
        self.string("other.root" if f"{name}.other" in self.options else "")
        self.close_frame(at)

    def branch(self, cls, name, title, make_leaf, embedded=None):
        slot = self.open_slot("TBranch", name)

        def leaf():
            self.leaves[name] = make_leaf()

        self.branch_base(name, title, leaf, embedded)
        self.close_frame(slot)

    def vector_branch(self, name, cls="vector<float>"):
        slot = self.open_slot("TBranchElement", name)
        frame = self.open_frame(10)

        def leaf():
            at = self.open_slot("TLeafElement")
            outer, inner = self.open_frame(1), self.open_frame(2)
            self.named(name, name)
            for form, value in (("i", 1), ("i", 0), ("i", 0), ("B", 0), ("B", 0), ("I", 0)):
                self.put(form, value)
            self.close_frame(inner)
            self.put("i", -1)
            self.put("i", -1)
            self.close_frame(outer)
            self.close_frame(at)
            self.leaves[name] = at

        self.branch_base(name, name, leaf)
        self.string(cls)
        self.string("")
        self.string("")
        for form, value in (("I", 0), ("h", 6), ("i", -1), ("i", 0), ("i", -1), ("i", 0), ("I", 0), ("I", 0)):
            self.put(form, value)
        self.close_frame(frame)
        self.close_frame(slot)

    def embedded_basket(self):
        """The last two entries of y."""
        slot = self.open_slot("TBasket")
        record = self.key("TBasket", "y", self.tree_name, "y.in", 2, extra=19)
        keylen = len(self.data) - record[0] + 19
        self.basket_head("y.in", 2, keylen + 16, 8, flag=12)
        self.raw(b"\0" * keylen)
        for i in range(10, 12):
            self.put("d", i / 2)
        self.close_frame(slot)

    def tree(self):
        self.tree_record = self.place()
        record = self.key("TTree", self.tree_name, "a tree", "tree", large=False)
        self.record = record[0]
        at = self.open_frame(20, "tree.TTree")
        self.named(self.tree_name, "a tree")
        for n, version in ((3, 2), (2, 2), (4, 2)):
            frame = self.open_frame(version)
            for form in ("hhh", "hh", "hhf")[(3, 2, 4).index(n)]:
                self.put(form, 0)
            self.close_frame(frame)
        self.put("q", 12, "tree.fEntries")
        for value in (1000, 500, 0, 0):
            self.put("q", value)
        self.put("d", 1.0)
        for value in (0, 25, 0, 1000):
            self.put("i", value)
        self.put("i", 1, "tree.fNClusterRange")
        for value in (1000, 1000, 0, 0):
            self.put("q", value)
        self.put("q", 5, "tree.fAutoFlush")
        self.put("q", 0)
        self.put("B", 1)
        self.put("q", 9, "tree.fClusterRangeEnd")
        self.put("B", 1)
        self.put("q", 5, "tree.fClusterSize")
        frame = self.open_frame(0)
        self.put("I", 0x1AA12F10)
        self.put("B", 0)
        self.close_frame(frame)
        ii, ff, dd = ("i", "i"), ("f", "f"), ("d", "d")
        self.leaves = {}
        self.objarray([
            lambda: self.branch("TBranch", "n", "n/I", lambda: self.leaf("TLeafI", "n", "n", 4, minimum=ii)),
            lambda: self.branch("TBranch", "x", "x[n]/F",
                                lambda: self.leaf("TLeafF", "x", "x[n]", 4, minimum=ff,
                                                  counter=self.leaves["y" if "float counter" in self.options and
                                                                      "y" in self.leaves else "n"])),
            lambda: self.branch("TBranch", "y", "y/D", lambda: self.leaf("TLeafD", "y", "y", 8, minimum=dd),
                                self.embedded_basket),
            lambda: self.branch("TBranch", "s", "s/C", lambda: self.leaf("TLeafC", "s", "s", 1, minimum=ii)),
            lambda: self.vector_branch("v"),
            lambda: self.branch("TBranch", "z", "z[16]/I", lambda: self.leaf("TLeafI", "z", "z[16]", 4, minimum=ii, length=16)),
            lambda: self.branch("TBranch", "q", "q[16]/I", lambda: self.leaf("TLeafI", "q", "q[16]", 4, minimum=ii, length=16)),
            lambda: self.branch("TBranch", "p", "p[16]/I", lambda: self.leaf("TLeafI", "p", "p[16]", 4, minimum=ii, length=16)),
        ] + ([lambda: self.vector_branch("w", "Track")] if "opaque" in self.options else []) +
            ([lambda: self.nested(150)] if "deep" in self.options else []), "tree.fBranches")
        self.objarray([lambda at=at: self.reference(at) for at in self.leaves.values()])
        for _ in range(7):  # fAliases, two empty arrays, fTreeIndex, fFriends, fUserInfo, fBranchRef
            self.put("i", 0)
        self.close_frame(at)
        self.close_record(record)

    def nested(self, depth):
        """Lists in lists."""
        slot = self.open_slot("TObjArray")
        self.objarray([lambda: self.nested(depth - 1)] if depth else [])
        self.close_frame(slot)

    def build(self):
        self.raw(b"root", "magic")
        wide = "Q" if self.large else "I"
        self.put("i", 63200 + (1000000 if self.large else 0), "fVersion")
        self.put("i", 100, "fBEGIN")
        self.put(wide, 0, "fEND")
        self.put(wide, 0)
        self.put("i", 0)
        self.put("i", 0)
        self.put("i", 0, "fNbytesName")
        self.put("B", 4)
        self.put("i", 101)
        self.put(wide, 0, "fSeekInfo")
        self.put("i", 0, "fNbytesInfo")
        self.raw(b"\0" * (100 - len(self.data)))
        record = self.key("TFile", "lies.root", "", "top", large=False)
        self.string("lies.root")
        self.string("")
        self.set("fNbytesName", len(self.data) - 100)
        self.put("h", 1005 if self.large else 5)
        self.put("I", 0)
        self.put("I", 0)
        self.put("i", 0, "fNbytesKeys")
        self.put("i", len(self.data) - 100)
        self.put(wide, 100)
        self.put(wide, 0)
        self.put(wide, 0, "fSeekKeys")
        self.raw(b"\0" * 18)
        self.close_record(record)
        self.head = len(self.data)

        self.baskets = {}
        value = 0
        for i, (lo, hi) in enumerate(BASKETS):
            counts = COUNTS[lo:hi]
            self.basket("n", i, [struct.pack(">i", c) for c in counts], False)
            floats = [b"".join(struct.pack(">f", value + k) for k in range(c)) for c in counts]
            value += sum(counts)
            self.basket("x", i, floats, True)
            if i < 2:
                self.basket("y", i, [struct.pack(">d", k / 2) for k in range(lo, hi)], False)
            words = [b"" if c == 0 else bytes([c]) + b"abcd"[:c] for c in counts]
            self.basket("s", i, words, True)
            self.basket("v", i, [struct.pack(">IhI", 0x40000000 | 6 + len(f), 6, len(f) // 4) + f for f in floats], True)
            for name, pack in (("z", "zlib"), ("q", "lz4"), ("p", "xz")):
                self.basket(name, i, [struct.pack(">i", 7 + lo) * 16 for _ in range(lo, hi)], False, pack)
            if "opaque" in self.options:
                self.basket("w", i, [struct.pack(">i", 7 + lo) * 16 for _ in range(lo, hi)], False, ("zlib", "lz4", "xz")[i])
        self.tree()
        images = [("tree", "TTree", self.tree_name, "a tree", self.tree_record)]
        if "opaque" in self.options:
            images.append(("h", "TH1F", "h", "a histogram", self.place()))
            record = self.key("TH1F", "h", "a histogram", "h", large=False)
            self.packed("h", "zlib", struct.pack(">i", 7) * 100)
            self.close_record(record, 400)
        seek, start = self.place(), len(self.data)
        record = self.key("TFile", "lies.root", "", "keys", large=False)
        if "self" in self.options:
            images.append(("loop", "TDirectory", "loop", "", None))
        self.put("i", len(images), "nkeys")
        for mark, cls, name, title, at in images:
            image, _ = self.key(cls, name, title, mark + "image", large=False)
            self.set(mark + "image.seek", at if at is not None else 100)
            for field in ("nbytes", "objlen", "keylen"):
                if at is not None:
                    place, form = self.marks[f"{mark}.{field}"]
                    self.set(f"{mark}image.{field}", struct.unpack_from(">" + form, self.data, place)[0])
            if at is None:  # a directory whose fields are the root directory's own
                place = self.marks["fNbytesKeys"][0] - 10
                self.set(mark + "image.keylen", place - 100)
                self.set(mark + "image.nbytes", place)
        self.close_record(record)
        self.set("fSeekKeys", seek)
        self.set("fNbytesKeys", len(self.data) - start)
        self.set("fEND", self.place())


def entry_bytes(form, *values):
    return lambda old: struct.pack(">" + form, *values) + old[struct.calcsize(">" + form):]


BIG = 0x7FFFFFFF
FINE = None  # nothing to complain about

# name, options, {field: value}, what the message must hold (a text, several, a tuple of such for one of them, or FINE)
LIES = [
    ("honest", [], {}, FINE),
    ("honest-above-4-gigabytes", ["large"], {}, FINE),  # a sparse file
    ("tree-with-colons", ["colons"], {}, FINE),
    ("large-basket-seek", ["large"], {"x.fBasketSeek[1]": 1 << 60}, ["branch 'x', basket 1 at byte 1152921504606846976"]),
    # the header
    ("begin-beyond", [], {"fBEGIN": 1 << 30}, "file header: the first record at byte 1073741824"),
    ("version-below-zero", [], {"fVersion": -938200}, FINE),  # of a writer that is not ROOT
    ("end-beyond", [], {"fEND": 1 << 31}, FINE),
    ("name-beyond", [], {"fNbytesName": 1 << 30}, "directory '' at byte"),
    ("info-beyond", [], {"fSeekInfo": 1 << 30, "fNbytesInfo": 1000}, FINE),
    ("info-is-a-basket", [], {"fSeekInfo": 400, "fNbytesInfo": 200}, FINE),
    # directories
    ("keys-beyond", [], {"fSeekKeys": BIG}, ["directory '' at byte", "not in the file's"]),
    ("keys-bytes", [], {"fNbytesKeys": BIG}, ["directory '' at byte", "not in the file's"]),
    ("keys-negative", [], {"fNbytesKeys": -1}, ["directory '' at byte", "not in the file's"]),
    ("keys-count", [], {"nkeys": BIG}, ["key list at byte", "2147483647 keys cannot be in"]),
    ("keys-count-negative", [], {"nkeys": -1}, ["key list at byte", "-1 keys cannot be in"]),
    ("keys-count-2", [], {"nkeys": 2}, ["key list at byte", "key"]),
    ("keys-keylen", [], {"keys.keylen": 2}, ["key list at byte", "shorter than a key can be"]),
    ("key-keylen", [], {"treeimage.keylen": 10000}, ["key list at byte", "key 0 of 1", "longer than its record"]),
    ("directory-in-itself", ["self"], {}, FINE),
    # the tree's record
    ("tree-beyond", [], {"treeimage.seek": BIG}, ["tree 'T'", "at byte 2147483647"]),
    ("tree-is-a-basket", [], {"treeimage.seek": lambda old: 100}, ["tree 'T'", "at byte 100"]),
    ("tree-nbytes", [], {"treeimage.nbytes": BIG}, ["tree 'T'", "are not inside the file's"]),
    ("tree-objlen", [], {"tree.objlen": BIG}, ["tree 'T'", "at byte"]),
    ("tree-objlen-more", [], {"tree.objlen": lambda old: old + 1}, ["tree 'T'", "do not add up"]),
    ("tree-objlen-less", [], {"tree.objlen": 200}, ["tree 'T'", "does not fit its bytes"]),
    ("tree-keylen", [], {"tree.keylen": 20}, ["tree 'T'", "at byte", "shorter than a key can be"]),
    ("tree-bytecount", [], {"tree.TTree.bytes": 0x7FFFFFFF}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("tree-version", [], {"tree.TTree.version": 99}, ["tree 'T' at byte", "TTree of version 99"]),
    ("branch-version", [], {"x.TBranch.version": 99}, ["tree 'T' at byte", "TBranch of version 99"]),
    ("branch-slot", [], {"x.slot": 0x7FFFFFFF}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("branches-size", [], {"tree.fBranches.size": BIG}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("branches-size-negative", [], {"tree.fBranches.size": -1}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("class-reference", [], {"x.tag": 0x80001234}, FINE),
    ("deep", ["deep"], {}, ["tree 'T' at byte", "nested more than 100 deep"]),
    ("ranges", [], {"tree.fNClusterRange": BIG}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("range-end", [], {"tree.fClusterRangeEnd": -7, "tree.fClusterSize": 0}, FINE),
    ("cluster-size", [], {"tree.fClusterSize": 1, "tree.fAutoFlush": 1}, FINE),
    ("entries", [], {"tree.fEntries": 1 << 60}, FINE),
    # branches
    ("max-baskets", [], {"x.fMaxBaskets": BIG}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("max-baskets-negative", [], {"x.fMaxBaskets": -1}, ["tree 'T' at byte", "does not fit its bytes"]),
    ("write-basket", [], {"x.fWriteBasket": 1000}, ["tree 'T' at byte", "branch 'x'", "1000 baskets", "10"]),
    ("write-basket-negative", [], {"x.fWriteBasket": -1}, ["tree 'T' at byte", "branch 'x'", "negative"]),
    ("entry-number-negative", [], {"x.fEntryNumber": -1}, ["tree 'T' at byte", "branch 'x'", "negative"]),
    ("entry-number-more", [], {"y.fEntryNumber": 13}, ["tree 'T'", "branch 'y'", "inside the tree at byte"]),
    ("counter-ends-early", [], {"n.fEntryNumber": 10, "n.fWriteBasket": 2},
     (["tree 'T' at byte", "branch 'n': its baskets hold the entries 0 to 10, not"], ["counter 'n' ends at entry 10,"])),
    ("basket-missing", [], {"x.fWriteBasket": 2, "x.fBasketSeek[2]": 0},
     ["tree 'T' at byte", "branch 'x'", "entries 0 to 10, not"]),
    ("basket-order", [], {"x.fBasketEntry[1]": 11}, ["tree 'T' at byte", "branch 'x'", "basket 2", "not in order"]),
    ("basket-entry-negative", [], {"x.fBasketEntry[0]": -1}, ["tree 'T' at byte", "branch 'x'", "not in order"]),
    ("basket-entry-huge", [], {"x.fBasketEntry[2]": 1 << 40, "x.fEntryNumber": 1 << 41},
     ["tree 'T' at byte", "branch 'x'", "more entries than a basket can have"]),
    ("basket-seek-0", [], {"x.fBasketSeek[1]": 0}, ["tree 'T'", "branch 'x', basket 1 at byte 0", "never written"]),
    ("basket-seek-beyond", [], {"x.fBasketSeek[1]": BIG}, ["branch 'x', basket 1 at byte 2147483647", "behind the file's"]),
    ("basket-seek-negative", [], {"x.fBasketSeek[1]": -5}, ["tree 'T'", "branch 'x', basket 1 at byte"]),
    ("basket-seek-elsewhere", [], {"x.fBasketSeek[1]": 100}, ["branch 'x', basket 1 at byte 100"]),
    ("basket-bytes-huge", [], {"x.fBasketBytes[1]": BIG}, ["branch 'x', basket 1 at byte", "behind the file's"]),
    ("basket-bytes-negative", [], {"x.fBasketBytes[1]": -1}, ["branch 'x', basket 1 at byte", "too few"]),
    ("basket-bytes-few", [], {"x.fBasketBytes[1]": 30}, ["branch 'x', basket 1 at byte", "too few"]),
    ("basket-bytes-less", [], {"x.fBasketBytes[1]": lambda old: old - 1}, ["branch 'x', basket 1 at byte", "its key says"]),
    ("first-entry", [], {"x.fFirstEntry": 3}, "begin after the tree's first entry"),
    ("other-file", ["x.other"], {}, "in another file"),
    ("leaf-length", [], {"z.fLen": BIG}, "larger than a basket can be"),
    ("leaf-length-2", [], {"z.fLen": 2}, ["branch 'z', basket 0 at byte", "320 bytes of content where 5 entries of 8"]),
    ("leaf-length-unknown", [], {"z.fLen": -1}, "length is not known"),
    # baskets' keys
    ("nbytes", [], {"x.1.nbytes": lambda old: old + 4}, ["branch 'x', basket 1 at byte", "its key says"]),
    ("nbytes-negative", [], {"x.1.nbytes": -4}, ["branch 'x', basket 1 at byte", "no bytes"]),
    ("objlen-huge", [], {"x.1.objlen": BIG}, ["branch 'x', basket 1 at byte", "cannot unpack to 2147483647"]),
    ("objlen-more", [], {"x.1.objlen": lambda old: old + 1}, ["branch 'x', basket 1 at byte", "compression block"]),
    ("objlen-less", [], {"x.1.objlen": 3}, ["branch 'x', basket 1 at byte", "its content ends at"]),
    ("objlen-negative", [], {"x.1.objlen": -1}, ["branch 'x', basket 1 at byte", "negative unpacked size"]),
    ("keylen-25", [], {"x.1.keylen": 25}, ["branch 'x', basket 1 at byte", "shorter than a key can be"]),
    ("keylen-negative", [], {"x.1.keylen": -30}, ["branch 'x', basket 1 at byte", "shorter than a key can be"]),
    ("keylen-beyond", [], {"x.1.keylen": 32000}, ["branch 'x', basket 1 at byte", "longer than its record"]),
    ("keylen-30", [], {"x.1.keylen": 30}, ["branch 'x', basket 1 at byte", "head does not fit its key"]),
    ("seek", [], {"x.1.seek": 12345}, ["branch 'x', basket 1 at byte", "says that it is at byte 12345"]),
    ("small-key", [], {"x.1.keyversion": 4}, ["branch 'x', basket 1 at byte"]),
    ("class", [], {"x.1.classtext": b"TCasket"}, ["branch 'x', basket 1 at byte", "class 'TCasket'"]),
    ("class-length", [], {"x.1.classname": 6}, ["branch 'x', basket 1 at byte", "does not fit"]),
    ("class-beyond", [], {"x.1.classname": 254}, ["branch 'x', basket 1 at byte"]),
    ("class-i32", [], {"x.1.classname": 255}, ["branch 'x', basket 1 at byte", "does not fit"]),
    # baskets' heads
    ("nevbuf", [], {"x.1.nevbuf": 6}, ["branch 'x', basket 1 at byte", "it says 6 entries, its branch 5"]),
    ("nevbuf-negative", [], {"n.1.nevbuf": -1}, ["branch 'n', basket 1 at byte", "it says -1 entries"]),
    ("nevbufsize-0", [], {"x.1.nevbufsize": 0, "n.1.nevbufsize": 1}, FINE),
    ("last-small", [], {"x.1.last": 1}, ["branch 'x', basket 1 at byte", "its content ends at 1,"]),
    ("last-negative", [], {"x.1.last": -1}, ["branch 'x', basket 1 at byte", "its content ends at -1"]),
    ("last-huge", [], {"x.1.last": BIG}, ["branch 'x', basket 1 at byte", "its content ends at 2147483647"]),
    ("last-less", [], {"x.1.last": lambda old: old - 4}, ["branch 'x', basket 1 at byte", "the counts say 5 items"]),
    ("last-more", [], {"n.1.last": lambda old: old + 4}, ["branch 'n', basket 1 at byte", "its content ends at"]),
    # tails
    ("tail-count", [], {"s.1.tail": 3}, ["branch 's', basket 1 at byte", "3 offsets for 5 entries"]),
    ("tail-count-negative", [], {"v.1.tail": -1}, FINE),
    ("tail-order", [], {"s.1.offset1": 90}, ["branch 's', basket 1 at byte", "entry"]),
    ("tail-beyond", [], {"s.1.offset2": 5000}, ["branch 's', basket 1 at byte", "outside"]),
    ("tail-before", [], {"v.1.offset2": 4}, ["branch 'v', basket 1 at byte", "outside"]),
    ("tail-unused", [], {"x.1.offset2": 5000}, FINE),
    # counts and contents
    ("count", [], {"n.1.entry0": entry_bytes("i", 1)}, ["branch 'x', basket 1 at byte", "the counts say"]),
    ("count-huge", [], {"n.1.entry0": entry_bytes("i", BIG)}, "n"),
    ("count-negative", [], {"n.1.entry0": entry_bytes("i", -1)}, "'n'"),
    ("vector-count", [], {"v.1.entry1": entry_bytes("I", 0x7FFFFFFF)}, ["branch 'v', basket 1 at byte", "entry 1"]),
    ("vector-no-count", [], {"v.1.entry1": entry_bytes("I", 14)}, ["branch 'v', basket 1 at byte", "entry 1"]),
    ("vector-n", [], {"v.1.entry1": entry_bytes("IhI", 0x40000000 | 14, 6, 3)}, ["branch 'v', basket 1 at byte", "entry 1"]),
    ("vector-n-negative", [], {"v.1.entry1": entry_bytes("Ihi", 0x40000000 | 14, 6, -2)},
     ["branch 'v', basket 1 at byte", "entry 1"]),
    ("string-length", [], {"s.1.entry1": entry_bytes("B", 200)}, ["branch 's', basket 1 at byte", "entry 1"]),
    ("string-length-i32", [], {"s.1.entry1": entry_bytes("B", 255)}, ["branch 's', basket 1 at byte", "entry 1"]),
    ("string-shorter", [], {"s.1.entry1": entry_bytes("B", 1)}, ["branch 's', basket 1 at byte", "entry 1"]),
    # the basket inside the tree
    ("inside-nevbuf", [], {"y.in.nevbuf": 3}, ["branch 'y', basket 2 inside the tree at byte"]),
    ("inside-nevbuf-negative", [], {"y.in.nevbuf": -3}, ["branch 'y', basket 2 inside the tree at byte"]),
    ("inside-last", [], {"y.in.last": BIG}, ["branch 'y', basket 2 inside the tree at byte"]),
    ("inside-last-small", [], {"y.in.last": 3}, ["branch 'y', basket 2 inside the tree at byte"]),
    ("inside-keylen", [], {"y.in.keylen": 32000}, ["branch 'y', basket 2 inside the tree at byte"]),
    ("inside-offsets", [], {"y.in.flag": 11}, ["branch 'y', basket 2 inside the tree at byte"]),
    # compression blocks
    ("block-magic", [], {"z.1.magic": b"ZZ\x08"}, ["branch 'z', basket 1 at byte", "no compression block begins with"]),
    ("block-packed", [], {"z.1.packed": b"\xff\xff\xff"}, ["branch 'z', basket 1 at byte", "16777215 bytes where"]),
    ("block-packed-0", [], {"z.1.packed": b"\0\0\0"}, ["branch 'z', basket 1 at byte"]),
    ("block-unpacked", [], {"z.1.unpacked": b"\xff\xff\xff"}, ["branch 'z', basket 1 at byte", "unpacks to 16777215"]),
    ("block-unpacked-0", [], {"z.1.unpacked": b"\0\0\0"}, ["branch 'z', basket 1 at byte", "unpacks to 0"]),
    ("block-unpacked-less", [], {"z.1.unpacked": b"\x08\0\0"}, ["branch 'z', basket 1 at byte"]),
    ("zlib-stream", [], {"z.1.stream": lambda old: old[:4] + bytes([old[4] ^ 255]) + old[5:]}, ["branch 'z', basket 1 at byte"]),
    ("zlib-checksum", [], {"z.1.stream": lambda old: old[:-1] + bytes([old[-1] ^ 1])}, ["branch 'z', basket 1 at byte"]),
    ("lz4-checksum", [], {"q.1.stream": lambda old: bytes([old[0] ^ 1]) + old[1:]},
     ["branch 'q', basket 1 at byte", "checksum of an lz4 block is wrong"]),
    ("lz4-data", [], {"q.1.stream": lambda old: old[:-1] + bytes([old[-1] ^ 1])},
     ["branch 'q', basket 1 at byte", "checksum of an lz4 block is wrong"]),
    ("lz4-short", [], {"q.1.packed": b"\x04\0\0"}, ["branch 'q', basket 1 at byte", "without its checksum"]),
    ("xz-stream", [], {"p.1.stream": lambda old: old[:30] + bytes([old[30] ^ 255]) + old[31:]}, ["branch 'p', basket 1 at byte"]),
    ("xz-magic", [], {"p.1.stream": lambda old: b"\0" + old[1:]}, ["branch 'p', basket 1 at byte"]),
]

# The same for `vcol verify`, which also unpacks what is not decoded.


def flipped(i):
    """That byte of a stream is another."""
    return lambda old: old[:i] + bytes([old[i] ^ 1]) + (old[i + 1:] if i + 1 else b"")


OPAQUE = [
    ("opaque", [], {}, FINE),
    ("opaque-zlib", [], {"w.0.stream": flipped(-6)}, ["tree 'T', branch 'w', basket 0 at byte"]),
    ("opaque-zlib-checksum", [], {"w.0.stream": flipped(-1)}, ["tree 'T', branch 'w', basket 0 at byte"]),
    ("opaque-lz4", [], {"w.1.stream": flipped(12)}, ["branch 'w', basket 1 at byte", "checksum of an lz4 block is wrong"]),
    ("opaque-lz4-checksum", [], {"w.1.stream": flipped(0)}, ["branch 'w', basket 1 at byte", "checksum of an lz4"]),
    ("opaque-xz", [], {"w.2.stream": flipped(40)}, ["branch 'w', basket 2 at byte"]),
    ("opaque-objlen-more", [], {"w.1.objlen": lambda old: old + 100}, ["branch 'w', basket 1 at byte", "end after 320 of 420 bytes"]),
    ("opaque-objlen-less", [], {"w.1.objlen": 3}, ["branch 'w', basket 1 at byte", "its content ends at"]),
    ("opaque-keylen", [], {"w.1.keylen": 25}, ["branch 'w', basket 1 at byte", "shorter than a key can be"]),
    ("opaque-class", [], {"w.1.classtext": b"TCasket"}, ["branch 'w', basket 1 at byte", "class 'TCasket'"]),
    ("opaque-seek", [], {"w.1.seek": 12345}, ["branch 'w', basket 1 at byte", "says that it is at byte 12345"]),
    ("opaque-nbytes", [], {"w.1.nbytes": lambda old: old + 4}, ["branch 'w', basket 1 at byte", "its key says"]),
    ("opaque-nevbuf", [], {"w.1.nevbuf": 6}, ["branch 'w', basket 1 at byte", "it says 6 entries, its branch 5"]),
    ("opaque-basket-seek", [], {"w.fBasketSeek[1]": BIG}, ["branch 'w', basket 1 at byte 2147483647", "behind the file's"]),
    ("opaque-basket-elsewhere", [], {"w.fBasketSeek[1]": 100}, ["branch 'w', basket 1 at byte 100"]),
    ("opaque-write-basket", [], {"w.fWriteBasket": 1000}, ["tree 'T' at byte", "branch 'w'", "1000 baskets"]),
    ("opaque-two-baskets", [], {"w.fBasketSeek[0]": BIG, "w.2.stream": flipped(40)}, ["branch 'w', basket 0 at byte 2147483647"]),
    ("opaque-two-baskets-too", [], {"w.fBasketSeek[0]": BIG, "w.2.stream": flipped(40)}, ["branch 'w', basket 2 at byte"]),
    ("two-baskets", [], {"z.fBasketSeek[0]": 0, "z.fBasketSeek[1]": BIG}, ["branch 'z', basket 1 at byte 2147483647"]),
    ("missing-entries", [], {"z.fEntryNumber": 1 << 40, "z.2.magic": b"ZZ\x08"},
     ["branch 'z', basket 2 at byte", "no compression block"]),
    ("object-stream", [], {"h.stream": flipped(-6)}, ["object 'h;1' (TH1F) at byte"]),
    ("object-checksum", [], {"h.stream": flipped(-1)}, ["object 'h;1' (TH1F) at byte"]),
    ("object-objlen", [], {"h.objlen": 401}, ["object 'h;1' (TH1F) at byte", "401 bytes unpacked"]),
    ("object-objlen-both", [], {"h.objlen": 401, "himage.objlen": 401}, ["object 'h;1' (TH1F) at byte", "do not add up to 401"]),
    ("object-seek", [], {"h.seek": 12345}, ["object 'h;1' (TH1F) at byte", "says that it is at byte 12345"]),
    ("object-class", [], {"h.classtext": b"TH1D"}, ["object 'h;1' (TH1F) at byte", "'h' of class 'TH1D'"]),
    ("object-beyond", [], {"himage.seek": BIG}, ["object 'h;1' (TH1F) at byte 2147483647", "behind the file's"]),
    ("object-and-tree", [], {"tree.TTree.version": 99, "h.stream": flipped(-1)}, ["object 'h;1' (TH1F) at byte"]),
    ("tree-and-object", [], {"tree.TTree.version": 99, "h.stream": flipped(-1)}, ["tree 'T' at byte", "TTree of version 99"]),
    ("no-information", [], {"fSeekInfo": 1 << 30, "fNbytesInfo": 1000}, ["streamer information at byte 1073741824", "behind"]),
]


def write(folder, lie):
    name, options, changes, _ = lie
    f = File(options + (["opaque"] if lie in OPAQUE else []))
    for field, value in changes.items():
        f.set(field, value)
    path = os.path.join(folder, name + ".root")
    f.save(path)
    return path


def check(program, path, want):
    run = subprocess.run(program + [path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    text = run.stdout.decode(errors="replace")
    if run.returncode not in (0, 1):
        return f"ended with {run.returncode}: {text[-2000:]}"
    errors = [line for line in text.splitlines() if os.path.basename(path) in line and "\tok\t" not in line
              and not line.endswith(", 0 faults")]
    if want is FINE:
        return f"complains: {errors[0]}" if errors else None
    ways = want if isinstance(want, tuple) else (want,)
    for parts in ([w] if isinstance(w, str) else w for w in ways):
        if any(all(p in line for p in parts) for line in errors):
            return None
    return f"no message with {want} in {errors}"


def digest(vcol, path):
    """The table's entries, and the rest of each row from the number of values on."""
    text = subprocess.run([vcol, "digest", "--chunk", "5", path], stdout=subprocess.PIPE, timeout=60).stdout.decode()
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {row[8] for row in rows}, [row[3:8] + row[9:] for row in rows]


def check_short_table(vcol, folder):
    """A table that says that it has fewer entries than its branches have: the digest is of what the branches have."""
    honest = digest(vcol, write(folder, ("honest", [], {}, FINE)))
    short = digest(vcol, write(folder, ("short", [], {"tree.fEntries": 3}, FINE)))
    if honest[0] != {"12"} or short != ({"3"}, honest[1]):
        return f"{short} where {honest} is right, but for 3 entries"
    return None


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--write":
        os.makedirs(sys.argv[2], exist_ok=True)
        for lie in LIES:
            if "large" not in lie[1]:
                write(sys.argv[2], lie)
        return 0
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    bad, lies, program = 0, LIES, sys.argv[1:]
    if program[0] == "--verify":
        program = [program[1], "verify"] + program[2:]
        lies = OPAQUE + [lie for lie in LIES if isinstance(lie[3], list)]
    with tempfile.TemporaryDirectory() as folder:
        for lie in lies:
            fault = check(program, write(folder, lie), lie[3])
            if fault:
                bad += 1
                print(f"{lie[0]}: {fault[:2000]}")
        fault = check_short_table(sys.argv[2], folder) if lies is not LIES else None
        if fault:
            bad += 1
            print(f"short: {fault[:2000]}")
    print(f"{len(lies)} files, {bad} not as they should be")
    return 1 if bad else 0


sys.exit(main())
