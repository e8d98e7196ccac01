// SPDX-License-Identifier: BSD-3-Clause
//
// The class of the tree that objects.cpp writes and reads, as an experiment's own event. Split by ROOT, every
// member is a branch: those of the base class, of members' members, of the elements of vectors and of a TClonesArray.
#ifndef VCOL_RIVALS_EVENT_HPP
#define VCOL_RIVALS_EVENT_HPP

#include <Rtypes.h>
#include <TClonesArray.h>
#include <TObject.h>

#include <vector>

struct Header {
    int run = 0;
    unsigned int lumi = 0;
    unsigned long long number = 0;
};

struct Point {
    float x = 0, y = 0, z = 0;
};

struct Vertex {
    Point at;
    float covariance[6] = {};
    float chi2 = 0;
    int ndof = 0;
};

struct Track {
    float pt = 0, eta = 0, phi = 0;
    float d0 = 0, z0 = 0;
    float chi2 = 0;
    int charge = 0;
    unsigned short hits = 0;
    bool good = false;
};

struct Jet {
    float pt = 0, eta = 0, phi = 0, mass = 0;
    double btag = 0;
    int constituents = 0;
};

struct Hit : TObject {
    float energy = 0, time = 0;
    int cell = 0;
    ClassDefOverride(Hit, 1)
};

struct Event : Header {
    Vertex vertex;
    float weight = 0;
    std::vector<Track> tracks;
    std::vector<Jet> jets;
    TClonesArray hits{"Hit"};
};

#endif
