#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make data/objects.root: a tree of objects that are not split, of all the ways in which classes hold others.

The same events whole in one branch and split into members: TClonesArray stored object by object and member by member, TObjArray, TList,
pointers (to nothing, to a derived class, twice to the same object), vectors of pointers and of derived classes with containers,
arrays of objects and of pointers that a member counts, TRef, TRefArray; and such objects as branches of their own; a class with a
streamer of its own, of which the file tells nothing.

    pip install root              # ROOT from PyPI writes the file
    make_objects.py objects.root > objects.jsonl

The values are the same each time; the file's bytes are not. What is printed is what every column has to be, by the rules that the
events are filled by here once more in Python, not by reading the file; the references' numbers are ROOT's own.
"""
import json
import os
import sys
import tempfile

EVENTS = 12

CODE = r'''
#include <string>
#include <vector>
#include "TClonesArray.h"
#include "TFile.h"
#include "TList.h"
#include "TObjArray.h"
#include "TProcessID.h"
#include "TRef.h"
#include "TRefArray.h"
#include "TTree.h"

class Hit : public TObject {
public:
    Int_t id = 0;
    Float_t e = 0;
    std::vector<short> adc;
    TString tag;
    Hit() {}
    Hit(int i) : id(i), e(i / 2.f), adc(i % 4, short(i)), tag(Form("h%d", i)) {}
    ClassDefOverride(Hit, 1)
};

class Deep : public Hit {
public:
    Int_t extra = 0;
    Deep() {}
    Deep(int i) : Hit(i), extra(-i) {}
    ClassDefOverride(Deep, 2)
};

class Plain {
public:
    Double_t x = 0;
    Int_t n = 0;
    Short_t *v = nullptr; //[n]
    std::string s;
    std::vector<std::vector<int>> vv;
    Plain() {}
    Plain(int i) { Fill(i); }
    void Fill(int i)
    {
        x = i * 1.5;
        n = i % 3;
        v = new Short_t[3]{short(10 * i), short(10 * i + 1), short(10 * i + 2)};
        s = std::string(i % 5, 'p');
        vv.assign(i % 2 + 1, std::vector<int>(i % 3, i));
    }
    virtual ~Plain() {}
    ClassDef(Plain, 1)
};

class Sub : public Plain {
public:
    Int_t after = 0;
    std::string names[2];
    Sub() {}
    Sub(int i) : Plain(i), after(100 + i) { names[0] = std::string(i % 3, 'a'); names[1] = "b"; }
    ClassDef(Sub, 3)
};

class Secret {
public:
    Int_t hidden = 0; //!
    virtual ~Secret() {}
    ClassDef(Secret, 4)
};

class Event {
public:
    Int_t number = 0;
    TClonesArray *bypassed; //->
    TClonesArray each;
    TObjArray array;
    TList list;
    TClonesArray *none = nullptr;
    Hit *one = nullptr;
    Hit *fixed[3] = {};
    std::vector<Hit *> many;
    std::vector<Sub> subs;
    Int_t nc = 0;
    Plain *counted = nullptr; //[nc]
    Plain **pointers = nullptr; //[nc]
    TRef ref;
    TRefArray refs;
    Int_t last = 0;
    Event() : bypassed(new TClonesArray("Hit")), each("Hit") { each.BypassStreamer(kFALSE); }
    void Fill(int i);
    virtual ~Event() {}
    ClassDef(Event, 1)
};

#ifdef __CLING__
#pragma link C++ class Hit+;
#pragma link C++ class Deep+;
#pragma link C++ class Plain+;
#pragma link C++ class Sub+;
#pragma link C++ class Secret-;
#pragma link C++ class Event+;
#endif

void Secret::Streamer(TBuffer &b)
{
    if (b.IsReading())
        b >> hidden;
    else
        b << hidden;
}

void Event::Fill(int i)
{
    number = i;
    last = -i;
    bypassed->Clear("C");
    each.Clear("C");
    array.Clear();
    list.Clear();
    for (int k = 0; k < i % 4; k++) {
        new ((*bypassed)[k]) Hit(10 * i + k);
        new (each[k]) Hit(1000 + i + k);
        array.Add(new Hit(2000 + i + k));
        list.Add(new Hit(3000 + i + k), k ? "option" : "");
    }
    if (i % 4 == 3)
        array.AddAt(nullptr, 1);
    one = i % 3 == 0 ? nullptr : i % 3 == 1 ? new Hit(i) : new Deep(i);
    fixed[0] = fixed[1] = one;
    fixed[2] = i % 2 ? new Hit(40 + i) : nullptr;
    many.clear();
    for (int k = 0; k < i % 3; k++)
        many.push_back(k == 1 ? one : new Hit(500 + i));
    subs.clear();
    for (int k = 0; k < (i + 1) % 4; k++)
        subs.emplace_back(i + k);
    nc = i % 3;
    counted = nc ? new Plain[nc] : nullptr;
    pointers = nc ? new Plain *[nc] : nullptr;
    for (int k = 0; k < nc; k++) {
        counted[k].Fill(i + 7 * k);
        pointers[k] = k ? nullptr : i % 2 ? new Sub(i) : new Plain(i);
    }
    ref = one;
    refs.Clear();
    if (one)
        refs.Add(one);
    if (array.GetLast() >= 0)
        refs.Add(array.First());
}

/* Fills the tree; what the references are, by ROOT, as text. */
std::string make(const char *name, int n)
{
    std::string told;
    TFile f(name, "RECREATE");
    f.SetCompressionSettings(109);
    TTree t("t", "objects");
    auto event = new Event;
    Hit *hit = nullptr;
    auto clones = new TClonesArray("Deep");
    auto objects = new TObjArray;
    auto refs = new TRefArray;
    auto object = new TObject;
    auto hits = new std::vector<Hit *>;
    auto secret = new Secret;
    t.Branch("whole", &event, 32000, 0);
    t.Branch("split.", &event, 32000, 99);
    t.Branch("hit", &hit, 32000, 0);
    t.Branch("clones", &clones, 32000, 0);
    t.Branch("objects", &objects, 32000, 0);
    t.Branch("refs", &refs, 32000, 0);
    t.Branch("object", &object, 32000, 0);
    t.Branch("hits", &hits, 32000, 0);
    t.Branch("secret", &secret, 32000, 0);
    t.SetAutoFlush(5);
    for (int i = 0; i < n; i++) {
        int before = TProcessID::GetObjectCount();
        event->Fill(i);
        hit = new Hit(i);
        clones->Clear("C");
        objects->Clear();
        hits->clear();
        refs->Clear();
        for (int k = 0; k < i % 3; k++) {
            new ((*clones)[k]) Deep(i + k);
            objects->Add(new Deep(i * k));
        }
        for (int k = 0; k < i % 4; k++)
            hits->push_back(k ? new Deep(i + k) : nullptr);
        if (event->one)
            refs->Add(event->one);
        object->SetUniqueID(i);
        secret->hidden = 7 * i;
        t.Fill();
        told += Form("%u %d", event->ref.GetUniqueID() & 0xffffff, event->refs.GetLast() + 1);
        for (int k = 0; k <= event->refs.GetLast(); k++)
            told += Form(" %u", event->refs.GetUID(k));
        told += "\n";
        TProcessID::SetObjectCount(before);
    }
    t.Write();
    f.Close();
    return told;
}
'''


def hit(i):
    return {"id": i, "e": i / 2, "adc": [i] * (i % 4), "tag": f"h{i}"}


def plain(i):
    n = i % 3
    return {"x": i * 1.5, "n": n, "v": [10 * i + k for k in range(n)], "s": "p" * (i % 5), "vv": [[i] * n] * (i % 2 + 1)}


def sub(i):
    return plain(i) | {"after": 100 + i, "names": ["a" * (i % 3), "b"]}


def maybe(item):
    return [item] if item else []


def each(items, *names):
    """The members of a list of objects."""
    return {name: [each_one(item, name) for item in items] for name in names}


def each_one(item, name):
    return [each_one(x, name) for x in item] if isinstance(item, list) else item[name]


HIT = ("id", "e", "adc", "tag")
PLAIN = ("x", "n", "v", "s", "vv")


def event(i, told):
    count = i % 4
    array = [hit(2000 + i + k) for k in range(count)]
    if count == 3:
        del array[1]
    one = hit(i) if i % 3 else None
    subs = [sub(i + k) for k in range((i + 1) % 4)]
    ref, n, *uids = (int(word) for word in told.split())
    return {
        "number": i,
        "bypassed": each([hit(10 * i + k) for k in range(count)], *HIT),
        "each": each([hit(1000 + i + k) for k in range(count)], *HIT),
        "array": each(array, *HIT),
        "list": each([hit(3000 + i + k) for k in range(count)], *HIT),
        "none": {"size": []},
        "one": each(maybe(one), *HIT),
        "fixed": each([maybe(one), maybe(one), maybe(hit(40 + i) if i % 2 else None)], *HIT),
        "many": each([maybe(one) if k == 1 else [hit(500 + i)] for k in range(i % 3)], *HIT),
        "subs": each(subs, *PLAIN, "after", "names"),
        "nc": i % 3,
        "counted": each([plain(i + 7 * k) for k in range(i % 3)], *PLAIN),
        "pointers": each([[] if k else [plain(i)] for k in range(i % 3)], *PLAIN),
        "ref": {"fUniqueID": ref},
        "refs": {"fName": "", "fSize": n, "fLowerBound": 0, "fUIDs": uids},
        "last": -i,
    }


def flat(prefix, value, out):
    for name, item in value.items():
        path = f"{prefix}.{name}" if name else prefix
        if isinstance(item, dict):
            flat(path, item, out)
        else:
            out[path] = item


def row(i, told):
    out = {}
    flat("whole", event(i, told), out)
    for name, value in event(i, told).items(): # and as ROOT splits them
        if name in ("bypassed", "each", "subs"):
            for member, item in value.items():
                out[f"split./split.{name}/split.{name}.{member}" + ("[2]" if member == "names" else "")] = item
        else:
            flat("split./split", {name + ("[3]" if name == "fixed" else ""): value}, out)
    flat("hit", hit(i), out)
    deep = [hit(i + k) | {"extra": -i - k} for k in range(i % 3)]
    flat("clones", each(deep, *HIT, "extra"), out)
    deep = [hit(i * k) | {"extra": -i * k} for k in range(i % 3)]
    flat("objects", each(deep, *HIT, "extra"), out)
    flat("object", {"fUniqueID": i}, out)
    flat("hits", each([maybe(hit(i + k) if k else None) for k in range(i % 4)], *HIT), out)
    out["secret.raw"] = list((7 * i).to_bytes(4, "big"))
    return out


def text(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ",".join(text(item) for item in value) + "]"
    return json.dumps(value)


def main():
    import ROOT # pylint: disable=import-outside-toplevel
    name = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/objects.C", "w", encoding="utf-8") as f:
            f.write(CODE)
        ROOT.gROOT.ProcessLine(f".L {work}/objects.C+")
        told = str(ROOT.make(name, EVENTS)).splitlines()
    for i in range(EVENTS):
        print("{" + ",".join(f'"{path}":{text(value)}' for path, value in row(i, told[i]).items()) + "}")


if __name__ == "__main__":
    main()
