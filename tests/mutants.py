#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Broken ROOT files, made from whole ones by a seed: each must end in a value or a clean error.

    mutants.py VCOL FOLDER N [--seed S]         N mutants of FOLDER/*.root through `digest`, `verify`, `digest --recover`
    mutants.py VCOL FOLDER I --one OUT [...]    writes the mutant I to OUT, and says what was done

Kinds, in turns by the seed: flipped bytes; the file cut at a record's border; a length field of the container set to
0, 1, -1 or 2^31 - 1; bytes flipped or lengths set inside the unpacked records of trees and streamer information,
which are then packed again (zlib) behind the file's end; likewise inside the header, footer or a page list of an
RNTuple, which are put there as they are, with checksums that are right (where libzstd, liblz4 and libxxhash are found).
How many there were of each is told at the end; --tally tells it without running anything. Each run has --memory-limit 64M,
and must end within ten seconds of processor time (and two minutes in all), by exit status 0 or 1 (then with a message), with
at most 64 MB of resident memory above that limit (beyond what the command has by itself; not measured where a sanitizer is
built in).
"""
import argparse
import ctypes
import ctypes.util
import glob
import lzma
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

LIMIT, SLACK, SECONDS, PATIENCE, WORKERS = 64 << 20, 64 << 20, 10, 120, 2
SMALL, LARGE = 96 << 10, 4 << 20
LIES = (0, 1, -1, 2**31 - 1)
FOUND = 99  # exit status of a sanitizer's report


class Record:
    """A record of the chain: where it is, its key's fields."""

    def __init__(self, data, at):
        self.at = at
        self.size = struct.unpack(">i", data[at:at + 4])[0]
        if self.size <= 26 or at + self.size > len(data):
            return
        self.version, self.objlen, _, self.keylen = struct.unpack(">hiIh", data[at + 4:at + 16])
        self.wide = 8 if self.version > 1000 else 4
        strings = at + 18 + 2 * self.wide
        self.name = bytes(data[strings + 1:strings + 1 + data[strings]])
        self.strings = strings
        self.payload = at + self.keylen

    def packed(self):
        return self.objlen > self.size - self.keylen


def chain(data):
    """The records, in order; gaps are left out."""
    out = []
    at = struct.unpack(">i", data[8:12])[0]
    while 0 < at and at + 26 < len(data):
        record = Record(data, at)
        if record.size == 0:
            break
        if record.size > 26 and at + record.size <= len(data) and record.keylen >= 26:
            out.append(record)
        at += abs(record.size)
    return out


class File:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as source:
            self.data = source.read()
        self.whole = self.data[:4] == b"root" and len(self.data) > 64
        self.large = self.whole and struct.unpack(">i", self.data[4:8])[0] >= 1000000
        self.records = chain(self.data) if self.whole else []


def fields(file):
    """Length fields of the container: (offset, width, what)."""
    data, out = file.data, []
    wide = 8 if file.large else 4
    at = 8
    for name, width in (("fBEGIN", 4), ("fEND", wide), ("fSeekFree", wide), ("fNbytesFree", 4), ("nfree", 4),
                        ("fNbytesName", 4)):
        out.append((at, width, "header " + name))
        at += width
    at += 5
    out += [(at, wide, "header fSeekInfo"), (at + wide, 4, "header fNbytesInfo")]
    for r in file.records:
        what = "record at %d " % r.at
        out += [(r.at, 4, what + "fNbytes"), (r.at + 6, 4, what + "fObjlen"), (r.at + 14, 2, what + "fKeylen"),
                (r.at + 18, r.wide, what + "fSeekKey"), (r.strings, 1, what + "class name")]
        if r.name == b"TBasket":
            head = r.payload - 19
            out += [(head + 2, 4, what + "fBufferSize"), (head + 6, 4, what + "fNevBufSize"),
                    (head + 10, 4, what + "fNevBuf"), (head + 14, 4, what + "fLast")]
        if r.packed():
            block = r.payload
            while block + 9 <= r.at + r.size:
                out += [(block + 3, 3, what + "block's packed size"), (block + 6, 3, what + "block's unpacked size")]
                block += 9 + int.from_bytes(data[block + 3:block + 6], "little")
        elif r.at + r.size < len(data) and r.objlen >= 4:
            out.append((r.payload, 4, what + "first word"))
    first = file.records[0] if file.records else None
    if first:
        name = struct.unpack(">i", data[28 + 12 * file.large - 4 * file.large:][:4])[0]
        at = first.at + name
        if at + 30 < len(data):
            out += [(at + 10, 4, "directory fNbytesKeys"), (at + 14, 4, "directory fNbytesName"),
                    (at + 26, 4, "directory fSeekKeys")]
    for r in file.records:  # key lists: their class is the directory's
        if r is not first and not r.packed() and r.name in (b"TFile", b"TDirectory", b"TDirectoryFile"):
            image = r.payload + 4
            for i in range(8):
                if image + 26 <= r.at + r.size:
                    what = "key list at %d, key %d " % (r.at, i)
                    out += [(image, 4, what + "fNbytes"), (image + 6, 4, what + "fObjlen"),
                            (image + 14, 2, what + "fKeylen"), (image + 18, 4, what + "fSeekKey")]
                    image += struct.unpack(">h", data[image + 14:image + 16])[0]
    return [f for f in out if f[0] >= 0 and f[0] + f[1] <= len(data)]


def lie(data, at, width, value):
    if width == 3:
        value = {2**31 - 1: 0x7fffff}.get(value, value)
        data[at:at + 3] = (value & 0xffffff).to_bytes(3, "little")
    else:
        value = min(value, 2**(8 * width - 1) - 1)
        data[at:at + width] = (value & (2**(8 * width) - 1)).to_bytes(width, "big")


def flip(data, rng, low, high, n):
    places = []
    for _ in range(n):
        at = rng.randrange(low, high)
        data[at] ^= rng.choice((1 << rng.randrange(8), rng.randrange(1, 256)))
        places.append(at)
    return places


def library(name):
    path = ctypes.util.find_library(name)
    return ctypes.CDLL(path) if path else None


ZSTD, LZ4, XXHASH = library("zstd"), library("lz4"), library("xxhash")
if XXHASH:
    XXHASH.XXH3_64bits.restype = ctypes.c_uint64
    XXHASH.XXH3_64bits.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
if ZSTD:
    ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
    ZSTD.ZSTD_decompress.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
if LZ4:
    LZ4.LZ4_decompress_safe.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)


def unpack_block(kind, block, size):
    """The plain bytes of a compression block, or None where the library is not there or does not take them."""
    out = ctypes.create_string_buffer(size)
    if kind == b"ZL":
        return zlib.decompress(block)
    if kind == b"XZ":
        return lzma.decompress(block)
    if kind == b"ZS" and ZSTD and ZSTD.ZSTD_decompress(out, size, block, len(block)) == size:
        return out.raw
    if kind == b"L4" and LZ4 and LZ4.LZ4_decompress_safe(block[8:], out, len(block) - 8, size) == size:
        return out.raw
    return None


def unpack(packed, size):
    """The plain bytes of compression blocks, `size` in all, or None."""
    out = b""
    while len(packed) >= 9 and len(out) < size:
        n, m = int.from_bytes(packed[3:6], "little"), int.from_bytes(packed[6:9], "little")
        block = unpack_block(packed[:2], packed[9:9 + n], m)
        if block is None:
            return None
        out += block
        packed = packed[9 + n:]
    return bytearray(out) if len(out) == size else None


def unpacked(file, record):
    packed = bytes(file.data[record.payload:record.at + record.size])
    return unpack(packed, record.objlen) if record.packed() else bytearray(packed[:record.objlen])


def lie_of_length(payload, rng):
    """A small number, a byte count or a text's length becomes a lie; says what, or None."""
    if rng.random() < 0.2:  # a text: its length, and as many characters
        at = [i for i in range(len(payload) - 1)
              if 0 < payload[i] < 32 and payload[i + 1:i + 1 + payload[i]].isalnum()]
        if at:
            at = rng.choice(at)
            payload[at] = rng.choice((0, 1, 255, 254, payload[at] + 1, payload[at] - 1))
            return "text of %d at %d" % (payload[at], at)
    at = [i for i in range(len(payload) - 4)
          if payload[i] in (0, 0x40) and payload[i + 1] == 0 and payload[i + 2] < 16]
    if not at:
        return None
    at = rng.choice(at)
    old = int.from_bytes(payload[at + 1:at + 4], "big")
    value = rng.choice(LIES + (old + 1, old - 1, 2 * old, 255))
    lie(payload, at, 4, value | 0x40000000 if payload[at] == 0x40 and value >= 0 else value)
    return "%d at %d" % (value, at)


def inner(file, rng):
    """A tree's or the streamer information's record with lies inside, behind the file's end."""
    wide = 8 if file.large else 4
    info_at = 33 + 4 + 2 * (wide - 4)
    info = int.from_bytes(file.data[info_at:info_at + wide], "big")
    some = [r for r in file.records if r.name in (b"TTree", b"TNtuple", b"TNtupleD") or r.at == info]
    if not some:
        return None
    record = rng.choice(some)
    kind = "streamer information" if record.at == info else "tree"
    payload = unpacked(file, record)
    if not payload or len(payload) >= 0xffffff:
        return None
    if rng.random() < 0.3:
        what = "flipped at %s" % flip(payload, rng, 0, len(payload), rng.choice((1, 1, 2, 4, 8)))
        kind += ", flipped inside"
    else:
        what = lie_of_length(payload, rng)
        kind += ", a length inside"
        if not what:
            return None
    key = bytearray(file.data[record.at:record.payload])
    body = zlib.compress(bytes(payload), 1)
    if len(body) + 9 < len(payload) and len(body) < 0xffffff:
        body = b"ZL\x08" + len(body).to_bytes(3, "little") + len(payload).to_bytes(3, "little") + body
    else:
        body = bytes(payload)
    size, end = len(key) + len(body), len(file.data)
    if record.wide == 4 and end >= 2**31:
        return None
    key[0:4] = size.to_bytes(4, "big")
    key[18:18 + record.wide] = end.to_bytes(record.wide, "big")
    data = bytearray(file.data)
    old, at = file.data[record.at:record.payload], 0
    while True:  # the images of its key in key lists
        at = data.find(old, at)
        if at < 0:
            break
        if at != record.at:
            data[at:at + len(key)] = key
        at += len(old)
    if record.at == info:
        data[info_at:info_at + wide] = end.to_bytes(wide, "big")
        data[info_at + wide:info_at + wide + 4] = size.to_bytes(4, "big")
    data[12:12 + wide] = (end + size).to_bytes(wide, "big")
    return data + key + body, "%s: %s" % (record.name.decode("latin-1"), what), kind


def little(data, at, width):
    return int.from_bytes(data[at:at + width], "little")


def envelope(data, seek, stored, size):
    """The unpacked bytes of an envelope, or None."""
    packed = bytes(data[seek:seek + stored])
    return bytearray(packed) if stored == size else unpack(packed, size)


def seal(data):
    """Puts an envelope's checksum right."""
    data[-8:] = XXHASH.XXH3_64bits(bytes(data[:-8]), len(data) - 8).to_bytes(8, "little")


def links(footer):
    """Where the footer says how long and where the page lists are: at a length, a size and an offset."""
    at = 24 + little(footer, 24, 8)  # behind the features, the header's checksum and the schema's extension
    n = little(footer, at + 8, 4)
    at += 12
    for _ in range(n):
        yield at + 28
        at += little(footer, at, 8)


def lie_inside(data, rng):
    """Flips bytes of an envelope, or makes a small number a lie; says what, or None."""
    low, high = 8, len(data) - 8
    if rng.random() < 0.3:
        return "flipped at %s" % flip(data, rng, low, high, rng.choice((1, 1, 2, 4)))
    at = [i for i in range(low, high - 4) if data[i + 1] < 16 and data[i + 2] == 0 and data[i + 3] == 0]
    if not at:
        return None
    at, value = rng.choice(at), rng.choice(LIES + (little(data, rng.choice(at), 4) + 1, 255))
    data[at:at + 4] = (value & 0xffffffff).to_bytes(4, "little")
    return "%d at %d" % (value, at)


def inner_ntuple(file, rng):
    """An RNTuple whose header, footer or page list has lies inside, behind the file's end."""
    some = [r for r in file.records if r.name == b"ROOT::RNTuple"]
    if not some or not XXHASH:
        return None
    at = rng.choice(some).payload
    data, places = bytearray(file.data), struct.unpack(">7Q", file.data[at + 14:at + 70])
    header, footer = envelope(data, *places[:3]), envelope(data, *places[3:6])
    if not header or not footer:
        return None
    lists = [(i, envelope(data, little(footer, i + 12, 8), little(footer, i + 8, 4), little(footer, i, 8)))
             for i in links(footer)]
    if any(x is None for _, x in lists):
        return None
    which = rng.choice(("header", "footer", "list", "list") if lists else ("header", "footer"))
    what = None
    if which != "footer":  # the footer's places are put right first, or would be lies about themselves
        what = lie_inside(header if which == "header" else rng.choice(lists)[1], rng)
    seal(header)
    end = len(data)
    data += header
    places = (end, len(header), len(header)) + places[3:]
    for i, body in lists:
        body[8:16] = header[-8:]
        seal(body)
        footer[i:i + 20] = (len(body).to_bytes(8, "little") + len(body).to_bytes(4, "little") +
                            len(data).to_bytes(8, "little"))
        data += body
    footer[16:24] = header[-8:]
    if which == "footer":
        what = lie_inside(footer, rng)
    if not what:
        return None
    seal(footer)
    places = places[:3] + (len(data), len(footer), len(footer)) + places[6:]
    data += footer
    data[at + 14:at + 70] = struct.pack(">7Q", *places)
    data[at + 70:at + 78] = XXHASH.XXH3_64bits(bytes(data[at + 6:at + 70]), 64).to_bytes(8, "big")
    wide = 8 if file.large else 4
    data[12:12 + wide] = len(data).to_bytes(wide, "big")
    kind = "RNTuple's %s, %s inside" % (which, "flipped" if what.startswith("flipped") else "a length")
    return data, "RNTuple's %s: %s" % (which, what), kind


class Maker:
    def __init__(self, folder, seed, share):
        self.seed = seed
        self.share = share  # of mutants of RNTuples, besides those that come of themselves
        files = [File(p) for p in sorted(glob.glob(os.path.join(folder, "*.root"))) if os.path.getsize(p) <= LARGE]
        self.files = [f for f in files if f.whole]
        self.small = [f for f in self.files if len(f.data) <= SMALL]
        self.ntuples = [f for f in self.small if any(r.name == b"ROOT::RNTuple" for r in f.records)]
        self.borders = [(f, r.at + r.size) for f in self.small for r in f.records if r.at + r.size < len(f.data)]
        self.borders += [(f, f.records[0].at) for f in self.small if f.records]

    def make(self, i):
        """The bytes of mutant i, of which file, what was done, and which kind that is."""
        rng = random.Random("%s/%d" % (self.seed, i))
        file = rng.choice(self.files if rng.random() < 0.04 else self.small)
        kind = rng.choice(("flip", "cut", "length", "inner", "inner", "inner"))
        if self.ntuples and rng.random() < self.share:
            file = rng.choice(self.ntuples)
            kind = rng.choice(("flip", "inner", "inner", "inner", "inner"))
        data = bytearray(file.data)
        if kind == "cut":
            file, border = rng.choice(self.borders)
            return bytearray(file.data[:border]), file, "cut at %d" % border, "cut"
        if kind == "inner":
            made = inner_ntuple(file, rng) or inner(file, rng)
            if made:
                return made[0], file, made[1], made[2]
            kind = "length"
        if kind == "length":
            at, width, what = rng.choice(fields(file))
            value = rng.choice(LIES)
            lie(data, at, width, value)
            return data, file, "%s = %d" % (what, value), "a length of the container"
        records = [r for r in file.records if r.name != b"TBasket"]
        low, high = 0, len(data)
        if records and rng.random() < 0.6:
            record = rng.choice(records)
            low, high = record.at, record.at + record.size
        places = flip(data, rng, low, high, rng.choice((1, 1, 1, 2, 4, 8)))
        return data, file, "flipped at %s" % places, "flipped"


def sanitized(program):
    with open(program, "rb") as source:
        code = source.read()
    return b"__asan_init" in code or b"__tsan_init" in code


def run(command, folder):
    """(exit status or None, processor seconds, maximal resident bytes, text); None: it was killed after PATIENCE."""
    environment = dict(os.environ)
    environment["ASAN_OPTIONS"] = "exitcode=%d:allocator_may_return_null=1" % FOUND
    environment["UBSAN_OPTIONS"] = "exitcode=%d" % FOUND
    environment["LSAN_OPTIONS"] = "exitcode=%d" % FOUND
    with tempfile.TemporaryFile(dir=folder) as text:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=text, stderr=text, env=environment)
        killed = threading.Timer(PATIENCE, child.kill)
        killed.start()
        _, status, usage = os.wait4(child.pid, 0)
        waited = time.monotonic() - start
        killed.cancel()
        child.returncode = 0  # it was waited for
        text.seek(0)
        output = text.read(1 << 20).decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(status)
    if waited >= PATIENCE and code == -9:
        code = None
    return code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output


class Sum:
    def __init__(self, base):
        self.base = base  # bytes that the command has without a file
        self.lock = threading.Lock()
        self.values = self.errors = self.faults = 0
        self.memory = self.seconds = 0
        self.kinds = {}

    def print_kinds(self):
        for kind in sorted(self.kinds):
            print("%6d %s" % (self.kinds[kind], kind))


def judge(result, total, measured):
    """What is wrong with a run, or None."""
    code, seconds, memory, text = result
    grown = max(memory - total.base, 0)
    with total.lock:
        total.memory = max(total.memory, grown)
        total.seconds = max(total.seconds, seconds)
        if code == 0:
            total.values += 1
        elif code == 1:
            total.errors += 1
    if code is None:
        return "not done after %d seconds" % PATIENCE
    if seconds > SECONDS:
        return "%.1f seconds of processor time" % seconds
    if code < 0:
        return "signal %d" % -code
    if code > 1:
        return "exit status %d" % code
    if code == 1 and not text.strip():
        return "exit status 1 without a message"
    if "Sanitizer" in text or "runtime error:" in text:
        return "a sanitizer's report"
    if measured and grown > LIMIT + SLACK:
        return "%d MB of memory" % (grown >> 20)
    return None


def work(options, maker, numbers, folder, total, measured):
    while True:
        with total.lock:
            i = next(numbers, None)
        if i is None:
            return
        data, file, what, kind = maker.make(i)
        with total.lock:
            total.kinds[kind] = total.kinds.get(kind, 0) + 1
        path = os.path.join(folder, "mutant-%d.root" % i)
        with open(path, "wb") as out:
            out.write(data)
        for command in ("digest", "verify", "digest --recover"):
            result = run([options.vcol, *command.split(), "--memory-limit", "64M", "--threads", "2", path], folder)
            fault = judge(result, total, measured)
            if fault:
                with total.lock:
                    total.faults += 1
                    print("mutant %d of %s (%s): %s: %s" % (i, os.path.basename(file.path), what, command, fault))
                    print("    " + "\n    ".join(result[3].splitlines()[-30:]), flush=True)
        os.unlink(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vcol")
    parser.add_argument("folder")
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--one")
    parser.add_argument("--tally", action="store_true", help="only count the kinds")
    parser.add_argument("--ntuples", type=float, default=0.2, help="share of RNTuples besides")
    options = parser.parse_args()
    maker = Maker(options.folder, options.seed, options.ntuples)
    if options.one:
        data, file, what, _ = maker.make(options.n)
        with open(options.one, "wb") as out:
            out.write(data)
        print("%s: %s" % (os.path.basename(file.path), what))
        return 0
    if options.tally:
        total = Sum(0)
        for i in range(options.first, options.first + options.n):
            kind = maker.make(i)[3]
            total.kinds[kind] = total.kinds.get(kind, 0) + 1
        total.print_kinds()
        return 0
    measured = not sanitized(options.vcol)
    print("seed %s, %d mutants of %d files" % (options.seed, options.n, len(maker.files)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        total = Sum(run([options.vcol, "--version"], folder)[2])
        numbers = iter(range(options.first, options.first + options.n))
        threads = [threading.Thread(target=work, args=(options, maker, numbers, folder, total, measured))
                   for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    total.print_kinds()
    print("%d runs with a value, %d with an error, %d faults; at most %.1f s%s" % (
        total.values, total.errors, total.faults, total.seconds,
        ", %d MB resident" % (total.memory >> 20) if measured else ""))
    return 1 if total.faults else 0


if __name__ == "__main__":
    sys.exit(main())
