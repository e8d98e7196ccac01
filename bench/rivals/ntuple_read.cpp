// SPDX-License-Identifier: BSD-3-Clause
//
// All fields of an RNTuple by ROOT's RNTupleReader::LoadEntry: the rival of `vcol bench read` on it.
//
//     ntuple_read --read all FILE     every field that the ntuple Events shows: collections, and the projected fields
//                                     that are their members again, as LoadEntry does by itself
//     ntuple_read --read once FILE    projected fields left out: every value once
//     ntuple_read --sums all|once FILE   the same, and adds up all values: `path<TAB>count<TAB>nan<TAB>sum`
//     ntuple_read --read start FILE   the model and one entry: what ROOT costs before it does anything
//
// Read as LoadEntry reads, into the default entry of the model; one thread.

#include <ROOT/RFieldBase.hxx>
#include <ROOT/RNTupleDescriptor.hxx>
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleReader.hxx>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace
{

struct Sum {
    int64_t count = 0, nan = 0;
    long double sum = 0; // of what is a number

    template <typename T>
    void add(const void *value)
    {
        const auto number = static_cast<long double>(*static_cast<const T *>(value));
        count++;
        if (std::isnan(number))
            nan++;
        else
            sum += number;
    }
};

using Sums = std::map<const ROOT::RFieldBase *, Sum>;

// Adds a value up, or what it is made of.
void add(const ROOT::RFieldBase::RValue &value, Sums &sums)
{
    const ROOT::RFieldBase &field = value.GetField();
    const void *data = value.GetPtr<void>().get();
    const std::string &type = field.GetTypeName();
    if (type == "float")
        sums[&field].add<float>(data);
    else if (type == "double")
        sums[&field].add<double>(data);
    else if (type == "bool")
        sums[&field].add<bool>(data);
    else if (type == "std::int32_t")
        sums[&field].add<int32_t>(data);
    else if (type == "std::uint32_t" || type == "ROOT::RNTupleCardinality<std::uint32_t>")
        sums[&field].add<uint32_t>(data);
    else if (type == "std::int64_t")
        sums[&field].add<int64_t>(data);
    else if (type == "std::uint64_t" || type == "ROOT::RNTupleCardinality<std::uint64_t>")
        sums[&field].add<uint64_t>(data);
    else if (type == "std::uint8_t")
        sums[&field].add<uint8_t>(data);
    else if (type == "std::int16_t")
        sums[&field].add<int16_t>(data);
    else if (type == "std::uint16_t")
        sums[&field].add<uint16_t>(data);
    else {
        const auto parts = field.SplitValue(value);
        if (parts.empty() && field.GetConstSubfields().empty())
            throw std::runtime_error("no sum of a " + type);
        for (const auto &part : parts)
            add(part, sums);
    }
}

// As in the file, without the items of collections, which have no name: `_collection0._0.Jet_pt`.
std::string path(const ROOT::RFieldBase &field)
{
    std::string name = field.GetQualifiedFieldName();
    for (size_t at; (at = name.find("._0")) != std::string::npos;)
        name.erase(at, 3);
    return name;
}

std::unique_ptr<ROOT::RNTupleReader> open_reader(const char *file, bool once)
{
    auto reader = ROOT::RNTupleReader::Open("Events", file);
    if (!once)
        return reader;
    const auto &descriptor = reader->GetDescriptor();
    auto model = ROOT::RNTupleModel::Create();
    for (const auto &field : descriptor.GetTopLevelFields()) {
        if (!field.IsProjectedField())
            model->AddField(field.CreateField(descriptor));
    }
    return ROOT::RNTupleReader::Open(std::move(model), "Events", file);
}

void run(const char *file, const std::string &how, bool adding)
{
    auto reader = open_reader(file, how == "once");
    Sums sums;
    const auto &entry = reader->GetModel().GetDefaultEntry();
    const ROOT::NTupleSize_t n = how == "start" && reader->GetNEntries() > 1 ? 1 : reader->GetNEntries();
    for (ROOT::NTupleSize_t i = 0; i < n; i++) {
        reader->LoadEntry(i);
        if (adding) {
            for (const auto &value : entry)
                add(value, sums);
        }
    }
    if (adding) {
        std::map<std::string, Sum> by_path;
        for (const auto &[field, sum] : sums)
            by_path[path(*field)] = sum;
        for (const auto &[name, sum] : by_path)
            std::printf("%s\t%lld\t%lld\t%.17Lg\n", name.c_str(), static_cast<long long>(sum.count),
                        static_cast<long long>(sum.nan), sum.sum);
    }
}

} // namespace

int main(int argc, char **argv)
{
    const bool adding = argc == 4 && std::strcmp(argv[1], "--sums") == 0;
    if (!adding && !(argc == 4 && std::strcmp(argv[1], "--read") == 0)) {
        std::fprintf(stderr, "usage: ntuple_read --read all|once|start FILE | --sums all|once FILE\n");
        return 2;
    }
    try {
        run(argv[3], argv[2], adding);
    } catch (const std::exception &problem) {
        std::fprintf(stderr, "ntuple_read: %s\n", problem.what());
        return 1;
    }
    return 0;
}
