// SPDX-License-Identifier: BSD-3-Clause
//
// Trees of classes and of nested vectors, written and read by ROOT: the rival of `vcol bench read` on them.
//
//     objects --make FILE N            two trees of N entries, zlib: Split (an Event of event.hpp, all of it split) and
//                                      Nested (std::vector<std::vector<float>>, and vectors of float and int beside it)
//     objects --read leaves TREE FILE  every leaf by a TTreeReaderArray or TTreeReaderValue of its own
//     objects --read whole TREE FILE   the whole objects: TTreeReaderValue of Event and of the vectors
//     objects --sums leaves|whole TREE FILE   the same, and adds up all values: `column<TAB>count<TAB>nan<TAB>sum`
//     objects --read start TREE FILE   one entry, leaves: what ROOT costs before it does anything
//
// As fast as TTreeReader gets: the dictionary is compiled, types are named, one thread. A branch is read when the
// first value of an entry is asked for, as a whole; `--read` asks for no more of a list than its size.
// The same N gives the same values everywhere.
#include "event.hpp"

#include <TFile.h>
#include <TTree.h>
#include <TTreeReader.h>
#include <TTreeReaderArray.h>
#include <TTreeReaderValue.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace
{

// ---- making

// xorshift64*: the same numbers with every compiler and library.
struct Random {
    uint64_t state = 0x9E3779B97F4A7C15u;

    uint64_t bits()
    {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545F4914F6CDD1Du;
    }

    int below(int n) { return static_cast<int>((bits() >> 33) % static_cast<uint64_t>(n)); }

    // Of so many mantissa bits, as detectors' values are: else nothing would compress.
    float real(float from, float to)
    {
        return from + (to - from) * static_cast<float>(bits() >> 52) / 4096.0f;
    }

    // A long tail: 0 to n, small numbers most often.
    int count(int n) { return below(1 + below(n + 1)); }
};

void fill(Random &random, int64_t i, Event &event)
{
    event.run = 1 + static_cast<int>(i / 250000);
    event.lumi = static_cast<unsigned>(i / 1000);
    event.number = static_cast<unsigned long long>(i);
    event.weight = random.real(0, 2);
    event.vertex.at = {random.real(-1, 1), random.real(-1, 1), random.real(-30, 30)};
    for (float &c : event.vertex.covariance)
        c = random.real(-1, 1);
    event.vertex.chi2 = random.real(0, 10);
    event.vertex.ndof = random.below(60);
    event.tracks.resize(static_cast<size_t>(random.count(14)));
    for (Track &t : event.tracks) {
        t.pt = random.real(0.5f, 80);
        t.eta = random.real(-2.5f, 2.5f);
        t.phi = random.real(-3.14159f, 3.14159f);
        t.d0 = random.real(-2, 2);
        t.z0 = random.real(-30, 30);
        t.chi2 = random.real(0, 5);
        t.charge = random.below(2) * 2 - 1;
        t.hits = static_cast<unsigned short>(5 + random.below(15));
        t.good = random.below(4) != 0;
    }
    event.jets.resize(static_cast<size_t>(random.count(8)));
    for (Jet &j : event.jets) {
        j.pt = random.real(15, 300);
        j.eta = random.real(-5, 5);
        j.phi = random.real(-3.14159f, 3.14159f);
        j.mass = random.real(0, 40);
        j.btag = random.real(0, 1);
        j.constituents = random.below(50);
    }
    event.hits.Clear();
    for (int k = 0, n = random.count(6); k < n; k++) {
        auto *hit = static_cast<Hit *>(event.hits.ConstructedAt(k));
        hit->energy = random.real(0, 50);
        hit->time = random.real(-5, 5);
        hit->cell = random.below(20000);
    }
}

int make(const char *path, int64_t n)
{
    std::unique_ptr<TFile> file(TFile::Open(path, "RECREATE"));
    if (!file || file->IsZombie())
        return 1;
    file->SetCompressionSettings(101);
    Random random;
    Hit::Class()->IgnoreTObjectStreamer(); // as files of classes are written: no fBits, no fUniqueID
    {
        TTree tree("Split", "a class, split");
        Event event, *address = &event;
        tree.Branch("event.", "Event", &address, 32000, 99); // the dot: names begin with it
        for (int64_t i = 0; i < n; i++) {
            fill(random, i, event);
            tree.Fill();
        }
        tree.Write("", TObject::kOverwrite);
    }
    {
        TTree tree("Nested", "vectors of vectors");
        std::vector<std::vector<float>> clusters;
        std::vector<float> energy;
        std::vector<int> cell;
        tree.Branch("clusters", &clusters);
        tree.Branch("energy", &energy);
        tree.Branch("cell", &cell);
        for (int64_t i = 0; i < n; i++) {
            clusters.resize(static_cast<size_t>(random.count(8)));
            energy.clear();
            cell.clear();
            for (std::vector<float> &cluster : clusters) {
                cluster.resize(static_cast<size_t>(random.count(10)));
                for (float &e : cluster)
                    e = random.real(0, 10);
                energy.push_back(random.real(0, 100));
                cell.push_back(random.below(20000));
            }
            tree.Fill();
        }
        tree.Write("", TObject::kOverwrite);
    }
    file->Close();
    return 0;
}

// ---- reading

// One leaf or object: reads its branch for the entry, and adds its values up.
struct Column {
    virtual ~Column() = default;
    virtual const void *read() = 0;
    virtual void add() = 0;
};

struct Sum {
    int64_t count = 0, nan = 0;
    long double sum = 0; // of what is a number

    template <typename T>
    void add(T value)
    {
        const auto number = static_cast<long double>(value);
        count++;
        if (std::isnan(number))
            nan++;
        else
            sum += number;
    }
};

using Sums = std::map<std::string, Sum>;

template <typename T>
struct Scalar : Column {
    TTreeReaderValue<T> value;
    Sum &sum;

    Scalar(TTreeReader &reader, const char *name, Sums &sums) : value(reader, name), sum(sums[name]) {}
    const void *read() override { return value.Get(); }
    void add() override { sum.add(*value); }
};

template <typename T>
struct Array : Column {
    TTreeReaderArray<T> values;
    Sum &sum;

    Array(TTreeReader &reader, const char *name, Sums &sums) : values(reader, name), sum(sums[name]) {}
    const void *read() override { return values.GetSize() ? &values.At(0) : nullptr; }
    void add() override
    {
        for (const T &v : values)
            sum.add(v);
    }
};

struct Nested : Column {
    TTreeReaderValue<std::vector<std::vector<float>>> value;
    Sum &sum;

    Nested(TTreeReader &reader, const char *name, Sums &sums) : value(reader, name), sum(sums[name]) {}
    const void *read() override { return value.Get(); }
    void add() override
    {
        for (const std::vector<float> &list : *value) {
            for (float v : list)
                sum.add(v);
        }
    }
};

template <typename T>
struct Vector : Column {
    TTreeReaderValue<std::vector<T>> value;
    Sum &sum;

    Vector(TTreeReader &reader, const char *name, Sums &sums) : value(reader, name), sum(sums[name]) {}
    const void *read() override { return value.Get(); }
    void add() override
    {
        for (const T &v : *value)
            sum.add(v);
    }
};

struct Whole : Column {
    TTreeReaderValue<Event> value;
    Sums &sums;

    Whole(TTreeReader &reader, const char *name, Sums &all) : value(reader, name), sums(all) {}
    const void *read() override { return value.Get(); }
    void add() override
    {
        const Event &e = *value;
        sums["event.Header.run"].add(e.run);
        sums["event.Header.lumi"].add(e.lumi);
        sums["event.Header.number"].add(e.number);
        sums["event.vertex.at.x"].add(e.vertex.at.x);
        sums["event.vertex.at.y"].add(e.vertex.at.y);
        sums["event.vertex.at.z"].add(e.vertex.at.z);
        for (float c : e.vertex.covariance)
            sums["event.vertex.covariance[6]"].add(c);
        sums["event.vertex.chi2"].add(e.vertex.chi2);
        sums["event.vertex.ndof"].add(e.vertex.ndof);
        sums["event.weight"].add(e.weight);
        for (const Track &t : e.tracks) {
            sums["event.tracks.pt"].add(t.pt);
            sums["event.tracks.eta"].add(t.eta);
            sums["event.tracks.phi"].add(t.phi);
            sums["event.tracks.d0"].add(t.d0);
            sums["event.tracks.z0"].add(t.z0);
            sums["event.tracks.chi2"].add(t.chi2);
            sums["event.tracks.charge"].add(t.charge);
            sums["event.tracks.hits"].add(t.hits);
            sums["event.tracks.good"].add(t.good);
        }
        for (const Jet &j : e.jets) {
            sums["event.jets.pt"].add(j.pt);
            sums["event.jets.eta"].add(j.eta);
            sums["event.jets.phi"].add(j.phi);
            sums["event.jets.mass"].add(j.mass);
            sums["event.jets.btag"].add(j.btag);
            sums["event.jets.constituents"].add(j.constituents);
        }
        for (int k = 0; k < e.hits.GetEntriesFast(); k++) {
            const auto *hit = static_cast<const Hit *>(e.hits.UncheckedAt(k));
            sums["event.hits.energy"].add(hit->energy);
            sums["event.hits.time"].add(hit->time);
            sums["event.hits.cell"].add(hit->cell);
        }
    }
};

using Columns = std::vector<std::unique_ptr<Column>>;

template <typename T>
void push(Columns &columns, TTreeReader &reader, std::initializer_list<const char *> names, Sums &sums)
{
    for (const char *name : names)
        columns.push_back(std::make_unique<T>(reader, name, sums));
}

Columns open_columns(TTreeReader &reader, const std::string &tree, bool whole, Sums &sums)
{
    Columns columns;
    if (tree == "Nested") {
        push<Nested>(columns, reader, {"clusters"}, sums);
        if (whole) {
            push<Vector<float>>(columns, reader, {"energy"}, sums);
            push<Vector<int>>(columns, reader, {"cell"}, sums);
        } else {
            push<Array<float>>(columns, reader, {"energy"}, sums);
            push<Array<int>>(columns, reader, {"cell"}, sums);
        }
        return columns;
    }
    if (whole) {
        push<Whole>(columns, reader, {"event."}, sums);
        return columns;
    }
    push<Scalar<int>>(columns, reader, {"event.Header.run", "event.vertex.ndof"}, sums);
    push<Scalar<unsigned>>(columns, reader, {"event.Header.lumi"}, sums);
    push<Scalar<unsigned long long>>(columns, reader, {"event.Header.number"}, sums);
    push<Scalar<float>>(columns, reader,
                        {"event.vertex.at.x", "event.vertex.at.y", "event.vertex.at.z", "event.vertex.chi2", "event.weight"},
                        sums);
    push<Array<float>>(columns, reader,
                       {"event.vertex.covariance[6]", "event.tracks.pt", "event.tracks.eta", "event.tracks.phi",
                        "event.tracks.d0", "event.tracks.z0", "event.tracks.chi2", "event.jets.pt", "event.jets.eta",
                        "event.jets.phi", "event.jets.mass", "event.hits.energy", "event.hits.time"},
                       sums);
    push<Array<double>>(columns, reader, {"event.jets.btag"}, sums);
    push<Array<int>>(columns, reader, {"event.tracks.charge", "event.jets.constituents", "event.hits.cell"}, sums);
    push<Array<unsigned short>>(columns, reader, {"event.tracks.hits"}, sums);
    push<Array<bool>>(columns, reader, {"event.tracks.good"}, sums);
    return columns;
}

int read(const char *path, const char *tree, const std::string &how, bool adding)
{
    std::unique_ptr<TFile> file(TFile::Open(path));
    if (!file || file->IsZombie())
        return 1;
    Sums sums;
    TTreeReader reader(tree, file.get());
    {
        const Columns columns = open_columns(reader, tree, how == "whole", sums);
        if (how == "start")
            reader.SetEntriesRange(0, 1);
        while (reader.Next()) {
            for (const auto &column : columns) {
                const void *read = column->read();
                __asm__ volatile("" : : "r"(read) : "memory");
                if (adding)
                    column->add();
            }
        }
    }
    if (reader.GetEntryStatus() != TTreeReader::kEntryBeyondEnd)
        return 1;
    std::fprintf(stderr, "%lld bytes of the tree read\n", static_cast<long long>(file->GetBytesRead()));
    for (const auto &[name, sum] : sums) {
        if (adding && sum.count)
            std::printf("%s\t%lld\t%lld\t%.17Lg\n", name.c_str(), static_cast<long long>(sum.count),
                        static_cast<long long>(sum.nan), sum.sum);
    }
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 4 && std::strcmp(argv[1], "--make") == 0)
        return make(argv[2], std::atoll(argv[3]));
    const bool adding = argc == 5 && std::strcmp(argv[1], "--sums") == 0;
    if (!adding && !(argc == 5 && std::strcmp(argv[1], "--read") == 0)) {
        std::fprintf(stderr, "usage: objects --make FILE N | --read leaves|whole|start TREE FILE | "
                             "--sums leaves|whole TREE FILE\n");
        return 2;
    }
    return read(argv[4], argv[3], argv[2], adding);
}
