#include "adapt/adapter_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "base/hash.h"
#include "fmt/ranges.h"
#include "model/files/weights.h"

namespace hone {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kBaseLayer = ".base_layer.weight";

// splitmix64 (Steele, Lea, Flood 2014): the state after `index` steps from `key`, mixed. A number
// of its own for every index, so any part can be made on its own.
uint64_t CounterBits(uint64_t key, uint64_t index) {
    uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// Without PEFT's prefix and the names of its wrappers.
std::string PlainName(std::string_view stored) {
    if (stored.starts_with(kPrefix)) stored.remove_prefix(kPrefix.size());
    std::string name(stored);
    for (std::string_view wrapper : {".modules_to_save", ".default"})
        if (size_t at = name.find(fmt::format("{}.", wrapper)); at != std::string::npos)
            name.erase(at, wrapper.size());
    return name;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

// [out, in] of the head that a frozen copy must have: out from its lora_B, in from its lora_A.
bool FitsDelta(const ParameterSet& parameters, const std::string& module,
               const std::vector<int64_t>& shape) {
    const ParameterSlice* a = parameters.Find(module + ".lora_A.weight");
    const ParameterSlice* b = parameters.Find(module + ".lora_B.weight");
    return a && b && shape == std::vector<int64_t>{b->shape[0], a->shape[1]};
}

// The file's tensor for each slice, in the slices' order.
absl::StatusOr<std::vector<const StoredTensor*>> MatchSlices(const WeightFile& file,
                                                             const std::string& path,
                                                             const ParameterSet& parameters) {
    constexpr std::string_view kCure =
        "the adapter was made for another base model or another configuration: use the base that "
        "its "
        "adapter_config.json names";
    std::map<std::string, const StoredTensor*> stored;
    for (const StoredTensor& tensor : file.tensors()) {
        std::string name = PlainName(tensor.name);
        if (name.ends_with(kBaseLayer) && !parameters.Find(name)) {
            const std::string module = name.substr(0, name.size() - kBaseLayer.size());
            if (FitsDelta(parameters, module, tensor.shape)) continue;
            return ModelError("{}: {} has shape {}, which this model's {} has not; {}", path,
                              tensor.name, ShapeText(tensor.shape), module, kCure);
        }
        if (!parameters.Find(name))
            return ModelError("{}: {} has no place in this model; {}", path, tensor.name, kCure);
        if (!stored.emplace(std::move(name), &tensor).second)
            return ModelError("{}: {} is there twice under two names", path, tensor.name);
    }
    std::vector<const StoredTensor*> matched;
    for (const ParameterSlice& slice : parameters.slices()) {
        auto found = stored.find(slice.name);
        if (found == stored.end())
            return ModelError("{}: {}{} is missing; {}", path, kPrefix, slice.name, kCure);
        if (found->second->shape != slice.shape)
            return ModelError("{}: {} has shape {}, this model needs {}; {}", path,
                              found->second->name, ShapeText(found->second->shape),
                              ShapeText(slice.shape), kCure);
        matched.push_back(found->second);
    }
    return matched;
}

// An adapter's file, and of each slice of the parameters the tensor in it.
struct AdapterFile {
    std::shared_ptr<WeightFile> file;
    std::vector<const StoredTensor*> tensors;

    // visit(tensor, slice, numbers) for each, of which one lies in memory at a time.
    absl::Status ForEach(
        const ParameterSet& parameters,
        const std::function<absl::Status(const StoredTensor&, const ParameterSlice&,
                                         std::span<const float>)>& visit) const {
        for (size_t i = 0; i < tensors.size(); ++i) {
            HONE_ASSIGN_OR_RETURN(auto numbers, ReadTensor(*tensors[i]));
            HONE_RETURN_IF_ERROR(visit(*tensors[i], parameters.slices()[i], numbers));
            file->DropPages();
        }
        return absl::OkStatus();
    }
};

absl::StatusOr<AdapterFile> OpenAdapterFile(const std::string& path,
                                            const ParameterSet& parameters) {
    HONE_ASSIGN_OR_RETURN(auto file, OpenSafetensors(path));
    HONE_ASSIGN_OR_RETURN(auto matched, MatchSlices(*file, path, parameters));
    return AdapterFile{std::move(file), std::move(matched)};
}

}  // namespace

void InitializeLowRank(ParameterSet& parameters, uint64_t seed) {
    for (const ParameterSlice& slice : parameters.slices()) {
        std::span<float> values = parameters.values().subspan(slice.offset, slice.count);
        if (slice.name.ends_with(".lora_B.weight")) std::fill(values.begin(), values.end(), 0.0f);
        if (!slice.name.ends_with(".lora_A.weight")) continue;
        const double bound = 1.0 / std::sqrt(static_cast<double>(slice.shape.back()));
        const uint64_t key = StableHash(slice.name, seed);
        for (int64_t i = 0; i < slice.count; ++i) {
            // 24 bits, centred: never exactly the bound.
            const double unit = (static_cast<double>(CounterBits(key, i) >> 40) + 0.5) * 0x1p-24;
            values[i] = static_cast<float>((2 * unit - 1) * bound);
        }
    }
}

absl::Status WriteAdapterWeights(ParameterSet& parameters, const std::string& path) {
    std::vector<TensorToWrite> tensors;
    for (const ParameterSlice& slice : parameters.slices()) {
        std::span<const float> values = parameters.values().subspan(slice.offset, slice.count);
        const std::span bytes(reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes());
        tensors.push_back(
            {fmt::format("{}{}", kPrefix, slice.name), slice.shape, DType::kF32, bytes});
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

absl::Status ReadAdapterWeights(const std::string& path, ParameterSet& parameters) {
    HONE_ASSIGN_OR_RETURN(const AdapterFile file, OpenAdapterFile(path, parameters));
    // All is read before anything changes.
    HONE_RETURN_IF_ERROR(file.ForEach(
        parameters, [&](const StoredTensor& tensor, const ParameterSlice&, auto numbers) {
            for (float number : numbers)
                if (!std::isfinite(number))
                    return ModelError("{}: {} holds a NaN or infinity; the adapter is broken", path,
                                      tensor.name);
            return absl::OkStatus();
        }));
    return file.ForEach(
        parameters, [&](const StoredTensor&, const ParameterSlice& slice, auto numbers) {
            std::copy(numbers.begin(), numbers.end(), parameters.values().begin() + slice.offset);
            return absl::OkStatus();
        });
}

absl::StatusOr<bool> HoldsAdapterWeights(const std::string& path, ParameterSet& parameters) {
    HONE_ASSIGN_OR_RETURN(const AdapterFile file, OpenAdapterFile(path, parameters));
    bool same = true;
    HONE_RETURN_IF_ERROR(file.ForEach(
        parameters, [&](const StoredTensor&, const ParameterSlice& slice, auto numbers) {
            same = same && std::memcmp(numbers.data(), parameters.values().data() + slice.offset,
                                       numbers.size_bytes()) == 0;
            return absl::OkStatus();
        }));
    return same;
}

}  // namespace hone
