// SPDX-License-Identifier: BSD-3-Clause
//
// The eight queries of the ADL benchmark in ROOT's RDataFrame: the rival of vcol-adl.
//
//     adl_rdf --query N|all|start FILE
//
// Prints `query,histogram,bin,count` (bins that are not empty) on stdout; `start` reads a single
// event and prints no bins: what ROOT costs before it does anything. As fast as RDataFrame
// gets while still written the usual way: every lambda and action names its types, so nothing is
// compiled at run time; columns that only selected events need are read for those alone; one
// thread. Four-momenta are computed once an object, not once a combination.
//
// Of equal candidates the first in loop order wins (muons before electrons, lower index first).

#include <ROOT/RDataFrame.hxx>
#include <ROOT/RVec.hxx>
#include <TH1D.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

namespace
{

using Floats = ROOT::RVec<float>;
using Ints = ROOT::RVec<int>;
using Histogram = ROOT::RDF::RResultPtr<TH1D>;

struct Momentum {
    double px, py, pz, e;
};

Momentum momentum(double pt, double eta, double phi, double mass)
{
    const double px = pt * std::cos(phi), py = pt * std::sin(phi), pz = pt * std::sinh(eta);
    return {px, py, pz, std::sqrt(px * px + py * py + pz * pz + mass * mass)};
}

Momentum operator+(const Momentum &a, const Momentum &b)
{
    return {a.px + b.px, a.py + b.py, a.pz + b.pz, a.e + b.e};
}

double mass(const Momentum &p)
{
    const double m2 = p.e * p.e - p.px * p.px - p.py * p.py - p.pz * p.pz;
    return m2 > 0 ? std::sqrt(m2) : 0;
}

double delta_phi(double a, double b)
{
    double d = a - b;
    if (d > M_PI)
        d -= 2 * M_PI;
    else if (d < -M_PI)
        d += 2 * M_PI;
    return d;
}

bool near(double eta, double phi, const Floats &pts, const Floats &etas, const Floats &phis)
{
    for (size_t i = 0; i < pts.size(); i++) {
        if (pts[i] <= 10)
            continue;
        const double deta = eta - etas[i], dphi = delta_phi(phi, phis[i]);
        if (deta * deta + dphi * dphi < 0.4 * 0.4)
            return true;
    }
    return false;
}

struct Trijet {
    double pt, btag;
};

Trijet best_trijet(const Floats &pt, const Floats &eta, const Floats &phi, const Floats &m,
                   const Floats &btag)
{
    const size_t n = pt.size();
    ROOT::RVec<Momentum> jets;
    jets.reserve(n);
    for (size_t i = 0; i < n; i++)
        jets.push_back(momentum(pt[i], eta[i], phi[i], m[i]));
    double closest = HUGE_VAL;
    Trijet best{};
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            const Momentum ij = jets[i] + jets[j];
            for (size_t k = j + 1; k < n; k++) {
                const Momentum sum = ij + jets[k];
                const double distance = std::abs(mass(sum) - 172.5);
                if (distance < closest) {
                    closest = distance;
                    best = {std::sqrt(sum.px * sum.px + sum.py * sum.py),
                            std::max({btag[i], btag[j], btag[k]})};
                }
            }
        }
    }
    return best;
}

// The transverse mass of query 8; negative when the event has no pair or too few leptons.
double transverse_mass(const Floats &mpt, const Floats &meta, const Floats &mphi, const Floats &mmass,
                       const Ints &mcharge, const Floats &ept, const Floats &eeta, const Floats &ephi,
                       const Floats &emass, const Ints &echarge, float met, float metphi)
{
    struct Lepton {
        Momentum p;
        double pt, phi;
        int charge;
        bool muon;
    };
    ROOT::RVec<Lepton> leptons;
    leptons.reserve(mpt.size() + ept.size());
    for (size_t i = 0; i < mpt.size(); i++)
        leptons.push_back({momentum(mpt[i], meta[i], mphi[i], mmass[i]), mpt[i], mphi[i], mcharge[i], true});
    for (size_t i = 0; i < ept.size(); i++)
        leptons.push_back({momentum(ept[i], eeta[i], ephi[i], emass[i]), ept[i], ephi[i], echarge[i], false});

    const size_t n = leptons.size();
    size_t first = n, second = n;
    double closest = HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            if (leptons[i].muon != leptons[j].muon || leptons[i].charge == leptons[j].charge)
                continue;
            const double distance = std::abs(mass(leptons[i].p + leptons[j].p) - 91.2);
            if (distance < closest) {
                closest = distance;
                first = i;
                second = j;
            }
        }
    }
    if (first == n)
        return -1;
    size_t lead = n;
    for (size_t i = 0; i < n; i++) {
        if (i != first && i != second && (lead == n || leptons[i].pt > leptons[lead].pt))
            lead = i;
    }
    const double pt = leptons[lead].pt, dphi = delta_phi(metphi, leptons[lead].phi);
    return std::sqrt(2.0 * met * pt * (1.0 - std::cos(dphi)));
}

std::vector<Histogram> book(ROOT::RDataFrame &events, int query)
{
    const ROOT::RDF::TH1DModel met{"", "", 100, 0, 200}, jets{"", "", 100, 15, 60};
    switch (query) {
    case 0:
        return {events.Range(1).Histo1D<float>(met, "MET_pt")};
    case 1:
        return {events.Histo1D<float>(met, "MET_pt")};
    case 2:
        return {events.Histo1D<Floats>(jets, "Jet_pt")};
    case 3:
        return {events
                    .Define("central",
                            [](const Floats &pt, const Floats &eta) {
                                Floats out;
                                out.reserve(pt.size());
                                for (size_t i = 0; i < pt.size(); i++) {
                                    if (std::abs(eta[i]) < 1)
                                        out.push_back(pt[i]);
                                }
                                return out;
                            },
                            {"Jet_pt", "Jet_eta"})
                    .Histo1D<Floats>(jets, "central")};
    case 4:
        return {events
                    .Filter(
                        [](const Floats &pt) {
                            return std::count_if(pt.begin(), pt.end(), [](float x) { return x > 40; }) >= 2;
                        },
                        {"Jet_pt"})
                    .Histo1D<float>(met, "MET_pt")};
    case 5:
        return {events.Filter([](unsigned n) { return n >= 2; }, {"nMuon"})
                    .Filter(
                        [](const Floats &pt, const Floats &eta, const Floats &phi, const Floats &m,
                           const Ints &charge) {
                            ROOT::RVec<Momentum> muons;
                            muons.reserve(pt.size());
                            for (size_t i = 0; i < pt.size(); i++)
                                muons.push_back(momentum(pt[i], eta[i], phi[i], m[i]));
                            for (size_t i = 0; i < pt.size(); i++) {
                                for (size_t j = i + 1; j < pt.size(); j++) {
                                    if (charge[i] == charge[j])
                                        continue;
                                    const double pair = mass(muons[i] + muons[j]);
                                    if (pair > 60 && pair < 120)
                                        return true;
                                }
                            }
                            return false;
                        },
                        {"Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge"})
                    .Histo1D<float>(met, "MET_pt")};
    case 6: {
        auto best =
            events.Filter([](unsigned n) { return n >= 3; }, {"nJet"})
                .Define("trijet", best_trijet, {"Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_btag"})
                .Define("trijet_pt", [](const Trijet &t) { return t.pt; }, {"trijet"})
                .Define("trijet_btag", [](const Trijet &t) { return t.btag; }, {"trijet"});
        return {best.Histo1D<double>({"", "", 100, 15, 40}, "trijet_pt"),
                best.Histo1D<double>({"", "", 100, 0, 1}, "trijet_btag")};
    }
    case 7:
        return {events
                    .Filter(
                        [](const Floats &pt) {
                            return std::any_of(pt.begin(), pt.end(), [](float x) { return x > 30; });
                        },
                        {"Jet_pt"})
                    .Define("clean_sum",
                            [](const Floats &pt, const Floats &eta, const Floats &phi, const Floats &mpt,
                               const Floats &meta, const Floats &mphi, const Floats &ept, const Floats &eeta,
                               const Floats &ephi) {
                                double sum = 0;
                                for (size_t i = 0; i < pt.size(); i++) {
                                    if (pt[i] > 30 && !near(eta[i], phi[i], mpt, meta, mphi) &&
                                        !near(eta[i], phi[i], ept, eeta, ephi))
                                        sum += pt[i];
                                }
                                return sum;
                            },
                            {"Jet_pt", "Jet_eta", "Jet_phi", "Muon_pt", "Muon_eta", "Muon_phi", "Electron_pt",
                             "Electron_eta", "Electron_phi"})
                    .Filter([](double sum) { return sum > 0; }, {"clean_sum"})
                    .Histo1D<double>({"", "", 100, 15, 200}, "clean_sum")};
    case 8:
        return {events
                    .Filter([](unsigned muons, unsigned electrons) { return muons + electrons >= 3; },
                            {"nMuon", "nElectron"})
                    .Define("mt", transverse_mass,
                            {"Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge", "Electron_pt",
                             "Electron_eta", "Electron_phi", "Electron_mass", "Electron_charge", "MET_pt",
                             "MET_phi"})
                    .Filter([](double mt) { return mt >= 0; }, {"mt"})
                    .Histo1D<double>({"", "", 100, 15, 250}, "mt")};
    }
    return {};
}

void run(const char *path, int query)
{
    ROOT::RDataFrame events("Events", path);
    auto histograms = book(events, query);
    for (size_t h = 0; h < histograms.size(); h++) {
        for (int bin = 0; bin <= histograms[h]->GetNbinsX() + 1; bin++) {
            const double count = histograms[h]->GetBinContent(bin);
            if (count != 0 && query != 0)
                std::printf("%d,%zu,%d,%.0f\n", query, h + 1, bin, count);
        }
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4 || std::strcmp(argv[1], "--query") != 0) {
        std::fprintf(stderr, "usage: adl_rdf --query N|all|start FILE\n");
        return 2;
    }
    const bool all = std::strcmp(argv[2], "all") == 0;
    const bool start = std::strcmp(argv[2], "start") == 0;
    const int query = std::atoi(argv[2]);
    if (!all && !start && (query < 1 || query > 8)) {
        std::fprintf(stderr, "adl_rdf: queries are 1 to 8\n");
        return 2;
    }
    try {
        std::puts("query,histogram,bin,count");
        for (int q = all ? 1 : query; q <= (all ? 8 : query); q++)
            run(argv[3], q);
    } catch (const std::exception &problem) {
        std::fprintf(stderr, "adl_rdf: %s\n", problem.what());
        return 1;
    }
    return 0;
}
