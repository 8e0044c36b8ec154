#include "adapt/combine.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "adapt/adapter_config.h"
#include "adapt/adapter_weights.h"
#include "adapt/small_matrices.h"
#include "adapt/targets.h"
#include "base/files/file.h"
#include "base/limits.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDownEnding = ".lora_A.weight", kUpEnding = ".lora_B.weight";

// The delta of one layer: scale * B A.
struct LayerDelta {
    int64_t rank = 0, in = 0, out = 0;
    double scale = 1;
    std::vector<float> a, b;  // [rank, in], [out, rank]
};

struct PartAdapter {
    std::string folder;
    double weight = 1;
    LoraConfig config;
    int64_t rank = 0;  // the largest of its layers
    std::map<std::string, LayerDelta> layers;
};

// A layer's delta as it is written: its scale is 1.
struct Factors {
    std::vector<float> a, b;
};

absl::Status CheckIsPlainLora(const std::string& folder, const LoraConfig& config) {
    const auto refuse = [&](std::string_view what) {
        return UsageError("{} {}, and only plain LoRA can be combined", folder, what);
    };
    if (config.peft_type != "LORA") return refuse("is of peft_type " + config.peft_type);
    if (config.use_dora) return refuse("is of DoRA (use_dora)");
    if (config.init_lora_weights == "loftq")
        return refuse("makes up for what NF4 takes from its base (LoftQ)");
    if (config.init_lora_weights == "pissa")
        return refuse("goes with a base that the start took a part from (init_lora_weights pissa)");
    if (!config.modules_to_save.empty())
        return refuse(fmt::format("brings weights of its own (modules_to_save {})",
                                  config.modules_to_save.front()));
    return absl::OkStatus();
}

// One of the two factors of a layer.
absl::Status TakeTensor(const StoredTensor& tensor, const std::string& path, std::string_view name,
                        PartAdapter& adapter) {
    const bool down = name.ends_with(kDownEnding);
    if ((!down && !name.ends_with(kUpEnding)) || tensor.shape.size() != 2)
        return UsageError("{}: {} is no part of a plain LoRA, and no other can be combined", path,
                          tensor.name);
    name.remove_suffix(down ? kDownEnding.size() : kUpEnding.size());
    LayerDelta& layer = adapter.layers[std::string(name)];
    HONE_ASSIGN_OR_RETURN((down ? layer.a : layer.b), ReadTensor(tensor));
    const bool finite =
        std::all_of((down ? layer.a : layer.b).begin(), (down ? layer.a : layer.b).end(),
                    [](float value) { return std::isfinite(value); });
    if (!finite)
        return ModelError("{}: {} holds a NaN or infinity; the adapter is broken", path,
                          tensor.name);
    (down ? layer.in : layer.out) = tensor.shape[down ? 1 : 0];
    const int64_t rank = tensor.shape[down ? 0 : 1];
    if (layer.rank != 0 && layer.rank != rank)
        return ModelError(
            "{}: lora_A and lora_B of {} have the ranks {} and {}; the adapter is "
            "broken",
            path, name, layer.rank, rank);
    layer.rank = rank;
    return absl::OkStatus();
}

absl::StatusOr<PartAdapter> ReadPart(const std::string& folder, double weight) {
    PartAdapter adapter{.folder = folder, .weight = weight};
    HONE_ASSIGN_OR_RETURN(adapter.config, ReadAdapterConfig(folder));
    HONE_RETURN_IF_ERROR(CheckIsPlainLora(folder, adapter.config));
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    HONE_ASSIGN_OR_RETURN(const auto file, OpenWeights(path));
    for (const StoredTensor& tensor : file->tensors())
        HONE_RETURN_IF_ERROR(TakeTensor(tensor, path, PlainTensorName(tensor.name), adapter));
    for (auto& [name, layer] : adapter.layers) {
        if (layer.a.empty() || layer.b.empty())
            return ModelError("{}: {} has a lora_{} alone; the adapter is broken", path, name,
                              layer.a.empty() ? "B" : "A");
        HONE_ASSIGN_OR_RETURN(const LowRankOptions options, LowRankFor(adapter.config, name));
        if (options.rank != layer.rank)
            return ModelError(
                "{}: {} has the rank {}, and adapter_config.json says {}; the two files are not of "
                "one adapter",
                path, name, layer.rank, options.rank);
        layer.scale = options.scale;
        adapter.rank = std::max(adapter.rank, layer.rank);
    }
    HONE_RETURN_IF_ERROR(file->CheckUnchanged());
    if (adapter.layers.empty()) return ModelError("{}: no layer in it", path);
    return adapter;
}

absl::Status CheckBelongTogether(const PartAdapter& first, const PartAdapter& other) {
    const LoraConfig &a = first.config, &b = other.config;
    if (a.base_model_name_or_path != b.base_model_name_or_path)
        return UsageError("{} is for {}, and {} for {}: adapters of one base can be combined",
                          first.folder, a.base_model_name_or_path, other.folder,
                          b.base_model_name_or_path);
    if (a.task_type != b.task_type)
        return UsageError("{} is for {}, and {} for {}: adapters of one task type can be combined",
                          first.folder, a.task_type, other.folder, b.task_type);
    for (const auto& [name, layer] : other.layers) {
        const auto found = first.layers.find(name);
        if (found == first.layers.end()) continue;
        if (found->second.in != layer.in || found->second.out != layer.out)
            return UsageError(
                "{} of {} is [{}, {}], and that of {} [{}, {}]: they are of different bases", name,
                first.folder, found->second.out, found->second.in, other.folder, layer.out,
                layer.in);
    }
    return absl::OkStatus();
}

// The parts that have the layer.
using Parts = std::vector<std::pair<const LayerDelta*, double>>;  // and their weights

// [rank, in] and [out, rank] of zeros.
Factors ZeroFactors(const LayerDelta& layer, int64_t rank) {
    return {std::vector<float>(static_cast<size_t>(rank * layer.in)),
            std::vector<float>(static_cast<size_t>(layer.out * rank))};
}

// What is left of `rank` behind the parts' ranks stays zero.
Factors Concatenate(const Parts& parts, int64_t rank) {
    Factors factors = ZeroFactors(*parts.front().first, rank);
    int64_t first = 0;
    for (const auto& [layer, weight] : parts) {
        for (size_t i = 0; i < layer->a.size(); ++i)
            factors.a[static_cast<size_t>(first * layer->in) + i] =
                static_cast<float>(layer->a[i] * weight * layer->scale);
        for (int64_t o = 0; o < layer->out; ++o)
            std::copy_n(&layer->b[o * layer->rank], layer->rank, &factors.b[o * rank + first]);
        first += layer->rank;
    }
    return factors;
}

Factors AddFactors(const Parts& parts, int64_t rank) {
    Factors factors = ZeroFactors(*parts.front().first, rank);
    for (const auto& [layer, weight] : parts) {
        const double all = weight * layer->scale, root = std::sqrt(std::abs(all));
        for (size_t i = 0; i < layer->a.size(); ++i)
            factors.a[i] += static_cast<float>((all < 0 ? -root : root) * layer->a[i]);
        for (size_t i = 0; i < layer->b.size(); ++i)
            factors.b[i] += static_cast<float>(root * layer->b[i]);
    }
    return factors;
}

// Orthonormal rows Q [count, n] (=) that span `rows` [count, n], and L [count, count] with rows =
// L Q.
void FactorRows(int64_t count, int64_t n, const std::vector<double>& rows, std::vector<double>& q,
                std::vector<double>& l) {
    q = rows;
    Orthonormalize(count, n, q.data());
    l.assign(static_cast<size_t>(count * count), 0.0);
    for (int64_t i = 0; i < count; ++i)
        for (int64_t j = 0; j < count; ++j)
            l[i * count + j] = std::inner_product(&rows[i * n], &rows[i * n] + n, &q[j * n], 0.0);
}

// The singular values and vectors of a sum of deltas, whose own rank R is small: B^T = L_b Q_b and
// A = L_a Q_a, so B A = Q_b^T (L_b^T L_a) Q_a, and only the matrix [R, R] between is to be
// decomposed. As PEFT has it, A gets the right vectors, and B the left ones times the values.
Factors Truncate(const Parts& parts, int64_t rank) {
    const LayerDelta& any = *parts.front().first;
    int64_t R = 0;
    for (const auto& [layer, weight] : parts) R += layer->rank;
    const Factors sum = Concatenate(parts, R);
    std::vector<double> a(sum.a.begin(), sum.a.end()), b(sum.b.size()), qa, qb, la, lb;
    for (int64_t o = 0; o < any.out; ++o)
        for (int64_t r = 0; r < R; ++r) b[r * any.out + o] = sum.b[o * R + r];
    FactorRows(R, any.in, a, qa, la);
    FactorRows(R, any.out, b, qb, lb);
    std::vector<double> between(static_cast<size_t>(R * R)), square(between), vectors;
    for (int64_t i = 0; i < R; ++i)
        for (int64_t j = 0; j < R; ++j)
            for (int64_t r = 0; r < R; ++r) between[i * R + j] += lb[r * R + i] * la[r * R + j];
    for (int64_t i = 0; i < R; ++i)
        for (int64_t j = 0; j < R; ++j)
            square[i * R + j] =
                std::inner_product(&between[i * R], &between[i * R] + R, &between[j * R], 0.0);
    Diagonalize(R, square, vectors);
    const std::vector<int64_t> order = LargestFirst(R, square);
    Factors factors = ZeroFactors(any, rank);
    const double largest = square[order[0] * R + order[0]];
    for (int64_t k = 0; k < std::min(rank, R); ++k) {
        const int64_t e = order[k];
        const double squared = square[e * R + e];
        if (squared <= 1e-14 * largest) break;  // rounding
        const double value = std::sqrt(squared);
        for (int64_t j = 0; j < R; ++j) {
            double right = 0;
            for (int64_t i = 0; i < R; ++i) right += vectors[e * R + i] * between[i * R + j];
            for (int64_t i = 0; i < any.in; ++i)
                factors.a[k * any.in + i] += static_cast<float>(right / value * qa[j * any.in + i]);
            for (int64_t o = 0; o < any.out; ++o)
                factors.b[o * rank + k] +=
                    static_cast<float>(value * vectors[e * R + j] * qb[j * any.out + o]);
        }
    }
    return factors;
}

// The rank of the combined adapter, where the parts can be combined so.
absl::StatusOr<int64_t> CombinedRank(const CombineOptions& options,
                                     const std::vector<PartAdapter>& parts) {
    int64_t most = 0, sum = 0;
    for (const PartAdapter& part : parts) {
        most = std::max(most, part.rank);
        sum += part.rank;
    }
    if (options.combination == "cat") return sum;
    if (options.combination == "svd") return options.svd_rank > 0 ? options.svd_rank : most;
    for (const PartAdapter& part : parts)
        for (const auto& [name, layer] : part.layers)
            if (layer.rank != parts.front().rank)
                return UsageError(
                    "linear adds up adapters of one rank, and {} has {} in {}, {} {}: use cat or "
                    "svd",
                    part.folder, layer.rank, name, parts.front().folder, parts.front().rank);
    return most;
}

// The configuration of the first, with what the combination makes of it: scale 1 and no patterns.
// Where all name their layers in the same way, so does the result; else it names each.
LoraConfig CombinedConfig(const std::vector<PartAdapter>& parts, int64_t rank,
                          const ParameterSet& parameters) {
    LoraConfig config = parts.front().config;
    const auto selection = [](const LoraConfig& c) {
        return std::tie(c.target_modules, c.target_is_regex, c.exclude_modules, c.exclude_is_regex,
                        c.layers_to_transform, c.layers_pattern);
    };
    const bool alike = std::all_of(parts.begin(), parts.end(), [&](const PartAdapter& part) {
        return selection(part.config) == selection(config);
    });
    if (!alike) {
        config.target_modules.clear();
        config.target_is_regex = config.exclude_is_regex = false;
        config.exclude_modules.clear();
        config.layers_to_transform.clear();
        config.layers_pattern.clear();
        for (const ParameterSlice& slice : parameters.slices())
            if (slice.name.ends_with(kDownEnding))
                config.target_modules.push_back(
                    slice.name.substr(0, slice.name.size() - kDownEnding.size()));
    }
    config.r = rank;
    config.lora_alpha = static_cast<double>(rank);
    config.use_rslora = false;
    config.rank_pattern.clear();
    config.alpha_pattern.clear();
    config.init_lora_weights = "true";
    return config;
}

absl::Status WriteCombined(ParameterSet& parameters, const LoraConfig& config,
                           const std::string& folder) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    const std::string weights = folder + "/adapter_model.safetensors";
    HONE_RETURN_IF_ERROR(WriteAdapterWeights(parameters, weights));
    HONE_RETURN_IF_ERROR(
        WriteFileAtomic(folder + "/adapter_config.json", AdapterConfigText(config)));
    HONE_ASSIGN_OR_RETURN(const bool same, HoldsAdapterWeights(weights, parameters));
    if (!same)
        return OtherError("{} does not read back as it was written; look at the disk", folder);
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CombinedAdapter> CombineAdapters(const CombineOptions& options,
                                                const std::string& folder) {
    HONE_CHECK(options.folders.size() >= 2 && options.weights.size() == options.folders.size());
    std::error_code error;
    const bool there = fs::exists(folder, error);
    if (there && !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
        return UsageError("{} is there and not empty: give a new or an empty folder", folder);
    std::vector<PartAdapter> parts;
    for (size_t i = 0; i < options.folders.size(); ++i) {
        HONE_ASSIGN_OR_RETURN(PartAdapter part, ReadPart(options.folders[i], options.weights[i]));
        for (const PartAdapter& other : parts)
            HONE_RETURN_IF_ERROR(CheckBelongTogether(other, part));
        parts.push_back(std::move(part));
    }
    HONE_ASSIGN_OR_RETURN(const int64_t rank, CombinedRank(options, parts));
    if (rank > kMaxLoraRank)
        return UsageError("the combined rank would be {}, and {} is the most: use svd, with a rank",
                          rank, kMaxLoraRank);

    std::map<std::string, Parts> layers;
    for (const PartAdapter& part : parts)
        for (const auto& [name, layer] : part.layers) layers[name].push_back({&layer, part.weight});
    ParameterSet parameters;
    for (const auto& [name, of_layer] : layers) {
        const LayerDelta& any = *of_layer.front().first;
        parameters.Add(fmt::format("{}{}", name, kDownEnding), {rank, any.in}, true);
        parameters.Add(fmt::format("{}{}", name, kUpEnding), {any.out, rank}, true);
    }
    parameters.Allocate();
    auto to = parameters.values().begin();
    for (const auto& [name, of_layer] : layers) {
        const Factors factors = options.combination == "cat"   ? Concatenate(of_layer, rank)
                                : options.combination == "svd" ? Truncate(of_layer, rank)
                                                               : AddFactors(of_layer, rank);
        for (const auto* values : {&factors.a, &factors.b})
            to = std::copy(values->begin(), values->end(), to);
    }
    const absl::Status written =
        WriteCombined(parameters, CombinedConfig(parts, rank, parameters), folder);
    if (!written.ok()) {
        for (const char* name : {"/adapter_model.safetensors", "/adapter_config.json"})
            fs::remove(folder + name, error);
        if (!there) fs::remove(folder, error);
        return written;
    }
    return CombinedAdapter{static_cast<int64_t>(layers.size()), rank};
}

}  // namespace hone
