#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make data/own.root: trees of ROOT's classes that stream themselves.

Symmetric, full and sparse matrices and vectors, of doubles and floats: as members of a class between others, as items of vectors, in fixed
arrays, behind pointers (to nothing, to a class derived from one), as a base class, and as branches of their own; references to an object
and, by UUID, to the file; items without members that another member counts. The tree `whole` has objects in one branch each, `split`
the same with branches for members; `none` has no entries. Vectors of a class derived from a matrix are stored member by member, which
vcol does not read.

    pip install root              # ROOT from PyPI writes the file
    make_own.py own.root > own.jsonl

The values are the same each time, but for the file's UUID; the file's bytes are not. What is printed is what every column of `whole`, then
of `split`, has to be, by the rules that the objects are filled by here once more in Python, not by reading the file.
"""
import json
import os
import sys
import tempfile

EVENTS = 9

CODE = r'''
#include <vector>
#include "TFile.h"
#include "TMatrixD.h"
#include "TMatrixDSparse.h"
#include "TMatrixDSym.h"
#include "TMatrixF.h"
#include "TMatrixFSym.h"
#include "TNamed.h"
#include "TRef.h"
#include "TTree.h"
#include "TVectorD.h"
#include "TVectorF.h"

template <class M> M symmetric(int n, double first)
{
    M m(n);
    for (int i = 0; i < n; i++)
        for (int k = i; k < n; k++)
            m(i, k) = m(k, i) = first + 10 * i + k;
    return m;
}

template <class M> M full(int rows, int columns, double first)
{
    M m(rows, columns);
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++)
            m(i, k) = first + 10 * i + k;
    return m;
}

template <class V> V column(int n, double first)
{
    V v(n);
    for (int i = 0; i < n; i++)
        v(i) = first + i;
    return v;
}

inline TMatrixDSparse sparse(int i)
{
    TMatrixD m(2, 3);
    m(i % 2, i % 3) = i + 1;
    if (i % 2)
        m(1, 2) = 50 + i;
    return TMatrixDSparse(m);
}

class Shifted : public TMatrixDSym {
public:
    Int_t shift = 0;
    Int_t *by = nullptr; //[shift]
    Shifted() {}
    Shifted(int i) : TMatrixDSym(symmetric<TMatrixDSym>(2, i)), shift(i % 3), by(new Int_t[3]{i, i + 1, i + 2}) {}
    Shifted(const Shifted &o) : TMatrixDSym(o), shift(o.shift), by(new Int_t[3]{o.by[0], o.by[1], o.by[2]}) {}
    ClassDef(Shifted, 2)
};

class Bare {
public:
    virtual ~Bare() {}
    ClassDef(Bare, 1)
};

class Track {
public:
    Int_t n = 0;
    Bare *bare = nullptr; //[n]
    TMatrixDSym covariance;
    TVectorD state;
    TMatrixFSym weight;
    TMatrixF projection;
    Float_t *hits = nullptr; //[n]
    TVectorF errors;
    Int_t last = 0;
    Track() {}
    Track(int i)
        : n(i % 3), bare(new Bare[3]), covariance(symmetric<TMatrixDSym>(i % 4 + 1, i)), state(column<TVectorD>(i % 4 + 1, i)),
          weight(symmetric<TMatrixFSym>(i % 2 + 1, 0.25 * i)), projection(full<TMatrixF>(i % 2 + 1, i % 3 + 1, i)),
          hits(new Float_t[3]{i + 0.5f, i + 1.5f, i + 2.5f}), errors(column<TVectorF>(i % 5 + 1, 0.5)), last(-i)
    {
    }
    Track(const Track &o)
        : n(o.n), bare(new Bare[3]), covariance(o.covariance), state(o.state), weight(o.weight), projection(o.projection),
          hits(new Float_t[3]{o.hits[0], o.hits[1], o.hits[2]}), errors(o.errors), last(o.last)
    {
    }
    virtual ~Track() {}
    ClassDef(Track, 3)
};

TObject *referred(int i)
{
    static TNamed object("object", "");
    return i % 3 == 0 ? nullptr : i % 3 == 1 ? static_cast<TObject *>(&object) : gDirectory->GetFile();
}

class Fit {
public:
    TRef first;
    std::vector<TRef> references;
    std::vector<Track> tracks;
    std::vector<TMatrixDSym> symmetrics;
    std::vector<TMatrixD> matrices;
    std::vector<TVectorD> vectors;
    std::vector<Shifted> shifted;
    TMatrixDSym pair[2];
    TMatrixDSym *pointer = nullptr;
    Int_t last = 0;
    Fit() {}
    Fit(int i) : first(referred(i)), last(i)
    {
        for (int k = 0; k < i % 5; k++)
            references.emplace_back(referred(i + k));
        for (int k = 0; k < i % 4; k++) {
            tracks.emplace_back(i + k);
            symmetrics.push_back(symmetric<TMatrixDSym>(k + 1, i));
            matrices.push_back(full<TMatrixD>(k + 1, 2, i));
            vectors.push_back(column<TVectorD>(2 * k + 1, i));
            shifted.emplace_back(i + k);
        }
        for (int k = 0; k < 2; k++) {
            pair[k].ResizeTo(k + 1, k + 1);
            pair[k] = symmetric<TMatrixDSym>(k + 1, 2 * i);
        }
        pointer = i % 3 == 0 ? nullptr : i % 3 == 1 ? new TMatrixDSym(symmetric<TMatrixDSym>(2, 7 * i)) : new Shifted(i);
    }
    virtual ~Fit() {}
    ClassDef(Fit, 1)
};

#ifdef __CLING__
#pragma link C++ class Bare + ;
#pragma link C++ class Shifted + ;
#pragma link C++ class Track + ;
#pragma link C++ class Fit + ;
#pragma link C++ class std::vector < Track> + ;
#pragma link C++ class std::vector < Shifted> + ;
#pragma link C++ class std::vector < TRef> + ;
#pragma link C++ class std::vector < TMatrixDSym> + ;
#pragma link C++ class std::vector < TMatrixD> + ;
#pragma link C++ class std::vector < TVectorD> + ;
#endif

std::string make(const char *name, int events)
{
    TFile file(name, "recreate", "", 109);
    for (const char *title : {"whole", "split", "none"}) {
        int split = *title == 's' ? 99 : 0;
        TTree tree(title, "");
        Fit *fit = new Fit;
        TMatrixDSym *s = new TMatrixDSym;
        TMatrixFSym *f = new TMatrixFSym;
        TMatrixD *m = new TMatrixD;
        TVectorF *v = new TVectorF;
        TMatrixDSparse *p = new TMatrixDSparse;
        Shifted *d = new Shifted;
        TRef *r = new TRef;
        tree.Branch("fit", &fit, 4000, split);
        tree.Branch("symmetric", &s, 4000, split);
        tree.Branch("floats", &f, 4000, split);
        tree.Branch("matrix", &m, 4000, split);
        tree.Branch("vector", &v, 4000, split);
        tree.Branch("sparse", &p, 4000, split);
        tree.Branch("shifted", &d, 4000, split);
        tree.Branch("reference", &r, 4000, split);
        for (int i = 0; i < events && *title != 'n'; i++) {
            fit = new Fit(i);
            s = new TMatrixDSym(symmetric<TMatrixDSym>(i % 6 + 1, i));
            f = new TMatrixFSym(symmetric<TMatrixFSym>(i % 3 + 1, 0.5 * i));
            m = new TMatrixD(full<TMatrixD>(i % 3 + 1, i % 2 + 1, -i));
            v = new TVectorF(column<TVectorF>(i % 4 + 1, 0.25 * i));
            p = new TMatrixDSparse(sparse(i));
            d = new Shifted(i);
            r = new TRef(referred(i + 1));
            tree.Fill();
        }
        tree.Write();
    }
    return file.GetUUID().AsString();
}
'''

TOLERANCE = {8: "2.220446049250313e-16", 4: "1.1920929e-07"} # DBL_EPSILON, FLT_EPSILON


def head(rows, columns, width, elements, index=0):
    # ROOT leaves the fNrowIndex of symmetric ones as it happens to be in memory
    return {"fNrows": rows, "fNcols": columns, "fRowLwb": 0, "fColLwb": 0, "fNelems": elements} | (
        {} if index is None else {"fNrowIndex": index}) | {"fTol": TOLERANCE[width]}


def symmetric(n, first, width=8):
    return head(n, n, width, n * n, None) | {"fElements": [first + 10 * i + k for i in range(n) for k in range(i, n)]}


def full(rows, columns, first, width=8):
    return head(rows, columns, width, rows * columns) | {"fElements": [first + 10 * i + k for i in range(rows) for k in range(columns)]}


def vector(n, first):
    return {"fNrows": n, "fRowLwb": 0, "fElements": [first + i for i in range(n)]}


def sparse(i):
    at = {(i % 2, i % 3): i + 1} | ({(1, 2): 50 + i} if i % 2 else {})
    cells = sorted(at)
    return head(2, 3, 8, len(cells), 3) | {
        "fRowIndex": [sum(row < r for row, _ in cells) for r in range(3)],
        "fColIndex": [column for _, column in cells],
        "fElements": [at[cell] for cell in cells],
    }


def shifted(i):
    return symmetric(2, i) | {"shift": i % 3, "by": [i + k for k in range(i % 3)]}


def reference(i, uuid):
    return {"fUniqueID": int(i % 3 == 1), "fBits": 32 * (i % 3 == 2), "pidf": 0, "uuid": uuid if i % 3 == 2 else ""}


def track(i):
    return {
        "n": i % 3,
        "bare": [{}] * (i % 3),
        "covariance": symmetric(i % 4 + 1, i),
        "state": vector(i % 4 + 1, i),
        "weight": symmetric(i % 2 + 1, 0.25 * i, 4),
        "projection": full(i % 2 + 1, i % 3 + 1, i, 4),
        "hits": [i + 0.5 + k for k in range(i % 3)],
        "errors": vector(i % 5 + 1, 0.5),
        "last": -i,
    }


def each(items, like):
    """The members of a list of objects; `like`: one, for lists of none."""
    return {k: each([x[k] for x in items], v) if isinstance(v, dict) else [x[k] for x in items] for k, v in like.items()}


def fit(i, uuid):
    n = range(i % 4)
    pointers = [[], [symmetric(2, 7 * i)], [symmetric(2, i)]][i % 3]
    return {
        "first": reference(i, uuid),
        "references": each([reference(i + k, uuid) for k in range(i % 5)], reference(0, "")),
        "tracks": each([track(i + k) for k in n], track(0)),
        "symmetrics": each([symmetric(k + 1, i) for k in n], symmetric(1, 0)),
        "matrices": each([full(k + 1, 2, i) for k in n], full(1, 1, 0)),
        "vectors": each([vector(2 * k + 1, i) for k in n], vector(1, 0)),
        "pair": each([symmetric(k + 1, 2 * i) for k in range(2)], symmetric(1, 0)),
        "pointer": each(pointers, symmetric(1, 0)),
        "last": i,
    }


def row(i, uuid):
    return {
        "fit": fit(i, uuid),
        "symmetric": symmetric(i % 6 + 1, i),
        "floats": symmetric(i % 3 + 1, 0.5 * i, 4),
        "matrix": full(i % 3 + 1, i % 2 + 1, -i),
        "vector": vector(i % 4 + 1, 0.25 * i),
        "sparse": sparse(i),
        "shifted": shifted(i),
        "reference": reference(i + 1, uuid),
    }


def flat(prefix, value, out, split):
    """As ROOT names branches: members of what it splits are branches of their own."""
    for name, item in value.items():
        if split and prefix == "fit":
            path = f"{prefix}/{name}" + ("[2]" if name == "pair" else "")
        elif split and prefix == "fit/tracks":
            path = f"fit/tracks/tracks.{name}"
        elif split and prefix == "shifted":
            path = f"shifted/{name}" if name in ("shift", "by") else f"shifted/TMatrixTSym<double>.{name}"
        else:
            path = f"{prefix}.{name}" if prefix else name
        if isinstance(item, dict):
            flat(path, item, out, split)
        elif not (split and path == "fit/tracks/tracks.bare"):
            out[path] = item


def text(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ",".join(text(item) for item in value) + "]"
    return value if value in TOLERANCE.values() else json.dumps(value)


def main():
    import ROOT # pylint: disable=import-outside-toplevel
    name = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/own.C", "w", encoding="utf-8") as f:
            f.write(CODE)
        ROOT.gSystem.Load("libMatrix")
        ROOT.gROOT.ProcessLine(f".L {work}/own.C+")
        uuid = str(ROOT.make(name, EVENTS))
    for split in (False, True):
        for i in range(EVENTS):
            out = {}
            flat("", row(i, uuid), out, split)
            print("{" + ",".join(f'"{path}":{text(value)}' for path, value in out.items()) + "}")


if __name__ == "__main__":
    main()
