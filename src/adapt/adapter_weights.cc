#include "adapt/adapter_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "adapt/bottleneck.h"
#include "adapt/brought_weights.h"
#include "adapt/random_start.h"
#include "adapt/virtual_tokens.h"
#include "base/files/hash.h"
#include "fmt/ranges.h"
#include "model/files/model_files.h"
#include "model/files/tensor_layout.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
// Where nothing is wrapped but the head: beside virtual tokens.
constexpr std::string_view kPrefixOfHead = "base_model.";

// A tensor of one kind of adapter, and the key of adapter_config.json that says so.
struct KindOfTensor {
    std::string_view ending, what, key;
};
constexpr KindOfTensor kKinds[] = {
    {".lora_magnitude_vector", "DoRA", "use_dora"},
    {".ia3_l", "IA3", "peft_type"},
    {".lora_embedding_A", "a LoRA on the embedding", "target_modules"},
    {".lora_embedding_B", "a LoRA on the embedding", "target_modules"},
    {kPromptEmbeddings, "prompt or prefix tuning", "peft_type"}};

// What tensors of PEFT's other features are called, and what to say of them.
struct OtherFeature {
    std::string_view part;  // of the tensor's name
    std::string_view what;
};
constexpr OtherFeature kOtherFeatures[] = {
    {"trainable_tokens_", "training single tokens (trainable_token_indices)"},
    {".token_adapter", "training single tokens (trainable_token_indices)"},
    {".lora_A.bias", "a bias in the adapter's layers (lora_bias)"},
    {".lora_B.bias", "a bias in the adapter's layers (lora_bias)"},
    {".lora_E", "AdaLoRA"},
    {".ranknum", "AdaLoRA"},
    {".vera_", "VeRA"},
    {".hada_", "LoHa"},
    {".lokr_", "LoKr"},
    {".oft_", "OFT"},
    {".boft_", "BOFT"},
};

std::string ShapeText(const std::vector<int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string_view OtherFeatureOf(std::string_view name) {
    for (const OtherFeature& feature : kOtherFeatures)
        if (name.find(feature.part) != name.npos) return feature.what;
    return name.ends_with(".bias") ? "training biases (bias)" : "";
}

// How PEFT holds a slice in a file: as the base holds the module's own weight, where the slice is
// one (GPT-2's are transposed).
TensorLayout LayoutOf(const ModelFiles* base, const ParameterSlice& slice) {
    if (base != nullptr)
        for (const ModelTensor& tensor : base->tensors)
            if (tensor.hf_name == slice.name) return tensor.row->hf;
    return TensorLayout::kPlain;
}

// What stands before the names of a model's layers where it has a head, and not where it has none:
// "model." or "transformer.".
std::string BackbonePrefix(const ModelFiles& base) {
    for (const ModelTensor& tensor : base.tensors)
        if (tensor.row->role == TensorRole::kEmbedding)
            return tensor.hf_name.substr(0, tensor.hf_name.find('.') + 1);
    return "";
}

// PEFT's name of a slice in the file.
std::string StoredName(const ParameterSet& parameters, std::string_view name) {
    if (name == kPromptEmbeddings) return std::string(name);
    if (std::string stored = StoredBottleneckName(name); !stored.empty()) return stored;
    return fmt::format("{}{}", parameters.Find(kPromptEmbeddings) ? kPrefixOfHead : kPrefix, name);
}

bool HasKind(const ParameterSet& parameters, const KindOfTensor& kind) {
    return std::any_of(
        parameters.slices().begin(), parameters.slices().end(),
        [&](const ParameterSlice& slice) { return slice.name.ends_with(kind.ending); });
}

// The file's tensor for each slice, in the slices' order.
absl::StatusOr<std::vector<const StoredTensor*>> MatchSlices(const WeightFile& file,
                                                             const std::string& path,
                                                             const ParameterSet& parameters,
                                                             const ModelFiles* base) {
    constexpr std::string_view kCure =
        "the adapter was made for another base model or another configuration: use the base that "
        "its "
        "adapter_config.json names";
    std::map<std::string, const StoredTensor*> stored;
    for (const StoredTensor& tensor : file.tensors()) {
        std::string name = PlainTensorName(tensor.name);
        if (base != nullptr && !parameters.Find(name))
            if (std::string whole = BackbonePrefix(*base) + name; parameters.Find(whole))
                name = std::move(whole);
        if (!parameters.Find(name)) {
            bool copy = false;
            if (base != nullptr) {
                HONE_ASSIGN_OR_RETURN(copy, IsCopyOfBase(*base, tensor, path));
            }
            if (copy) continue;
            for (const KindOfTensor& kind : kKinds)
                if (name.ends_with(kind.ending) && !HasKind(parameters, kind))
                    return ModelError(
                        "{}: {} is a part of {}, which adapter_config.json does not mention ({}): "
                        "the two files are not of one adapter",
                        path, tensor.name, kind.what, kind.key);
            if (std::string_view feature = OtherFeatureOf(name); !feature.empty())
                return ModelError("{}: {}: {} is not supported", path, tensor.name, feature);
            return ModelError("{}: {} has no place in this model; {}", path, tensor.name, kCure);
        }
        if (!stored.emplace(std::move(name), &tensor).second)
            return ModelError("{}: {} is there twice under two names", path, tensor.name);
    }
    std::vector<const StoredTensor*> matched;
    for (const ParameterSlice& slice : parameters.slices()) {
        auto found = stored.find(slice.name);
        if (found == stored.end())
            return ModelError("{}: {} is missing; {}", path, StoredName(parameters, slice.name),
                              kCure);
        const std::vector<int64_t> wanted = StoredShape(LayoutOf(base, slice), slice.shape);
        if (found->second->shape != wanted)
            return ModelError("{}: {} has shape {}, this model needs {}; {}", path,
                              found->second->name, ShapeText(found->second->shape),
                              ShapeText(wanted), kCure);
        matched.push_back(found->second);
    }
    return matched;
}

// An adapter's file, and of each slice of the parameters the tensor in it.
struct AdapterFile {
    std::shared_ptr<WeightFile> file;
    std::vector<const StoredTensor*> tensors;
    const ModelFiles* base;

    // visit(tensor, slice, its numbers) for each, of which one lies in memory at a time.
    absl::Status ForEach(
        const ParameterSet& parameters,
        const std::function<absl::Status(const StoredTensor&, const ParameterSlice&,
                                         std::span<const float>)>& visit) const {
        for (size_t i = 0; i < tensors.size(); ++i) {
            HONE_ASSIGN_OR_RETURN(auto numbers, ReadTensor(*tensors[i]));
            const ParameterSlice& slice = parameters.slices()[i];
            if (const TensorLayout layout = LayoutOf(base, slice); layout != TensorLayout::kPlain)
                numbers = FromStored(layout, slice.shape, base->config.head_dim, numbers);
            HONE_RETURN_IF_ERROR(visit(*tensors[i], slice, numbers));
            file->DropPages();
        }
        return absl::OkStatus();
    }
};

absl::StatusOr<AdapterFile> OpenAdapterFile(const std::string& path, const ParameterSet& parameters,
                                            const ModelFiles* base) {
    HONE_ASSIGN_OR_RETURN(auto file, OpenWeights(path));
    HONE_ASSIGN_OR_RETURN(auto matched, MatchSlices(*file, path, parameters, base));
    return AdapterFile{std::move(file), std::move(matched), base};
}

}  // namespace

std::string PlainTensorName(std::string_view stored) {
    for (std::string_view prefix : {kPrefix, kPrefixOfHead}) {
        if (!stored.starts_with(prefix)) continue;
        stored.remove_prefix(prefix.size());
        break;
    }
    if (std::string plain = PlainBottleneckName(stored); !plain.empty()) return plain;
    std::string name(stored);
    for (std::string_view wrapper : {".modules_to_save", ".default"})
        if (size_t at = name.find(fmt::format("{}.", wrapper)); at != std::string::npos)
            name.erase(at, wrapper.size());
    return name;
}

void InitializeLowRank(ParameterSet& parameters, uint64_t seed) {
    for (const ParameterSlice& slice : parameters.slices()) {
        std::span<float> values = parameters.values().subspan(slice.offset, slice.count);
        const uint64_t key = StableHash(slice.name, seed);
        if (slice.name.ends_with(".lora_B.weight") || slice.name.ends_with(".lora_embedding_A"))
            std::fill(values.begin(), values.end(), 0.0f);
        if (slice.name.ends_with(".lora_embedding_B"))
            for (int64_t i = 0; i < slice.count; ++i)
                values[i] = static_cast<float>(NormalAt(key, i));
        if (!slice.name.ends_with(".lora_A.weight")) continue;
        const double bound = 1.0 / std::sqrt(static_cast<double>(slice.shape.back()));
        for (int64_t i = 0; i < slice.count; ++i)
            values[i] = static_cast<float>(EvenAt(key, i) * bound);
    }
}

absl::Status WriteAdapterWeights(ParameterSet& parameters, const std::string& path,
                                 const ModelFiles* base, bool of_backbone) {
    const std::string left_out = of_backbone ? BackbonePrefix(*base) : "";
    std::vector<TensorToWrite> tensors;
    std::deque<std::vector<float>> turned;  // those that a file holds in another layout
    for (const ParameterSlice& slice : parameters.slices()) {
        std::span<const float> values = parameters.values().subspan(slice.offset, slice.count);
        const TensorLayout layout = LayoutOf(base, slice);
        if (layout != TensorLayout::kPlain) {
            turned.push_back(ToStored(layout, slice.shape, base->config.head_dim, values));
            values = turned.back();
        }
        const std::span bytes(reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes());
        std::string_view name = slice.name;
        if (name.starts_with(left_out)) name.remove_prefix(left_out.size());
        tensors.push_back(
            {StoredName(parameters, name), StoredShape(layout, slice.shape), DType::kF32, bytes});
    }
    if (base != nullptr)
        for (const auto& brought : base->brought)
            tensors.push_back({brought->tensor.name, brought->tensor.shape,
                               brought->tensor.type == StorageType::kF32   ? DType::kF32
                               : brought->tensor.type == StorageType::kF16 ? DType::kF16
                                                                           : DType::kBF16,
                               brought->tensor.bytes});
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

absl::Status ReadAdapterWeights(const std::string& path, ParameterSet& parameters,
                                const ModelFiles* base) {
    HONE_ASSIGN_OR_RETURN(const AdapterFile file, OpenAdapterFile(path, parameters, base));
    // All is read before anything changes.
    HONE_RETURN_IF_ERROR(file.ForEach(
        parameters, [&](const StoredTensor& tensor, const ParameterSlice&, auto numbers) {
            for (float number : numbers)
                if (!std::isfinite(number))
                    return ModelError("{}: {} holds a NaN or infinity; the adapter is broken", path,
                                      tensor.name);
            return absl::OkStatus();
        }));
    HONE_RETURN_IF_ERROR(file.ForEach(
        parameters, [&](const StoredTensor&, const ParameterSlice& slice, auto numbers) {
            std::copy(numbers.begin(), numbers.end(), parameters.values().begin() + slice.offset);
            return absl::OkStatus();
        }));
    return file.file->CheckUnchanged();
}

absl::StatusOr<bool> HoldsAdapterWeights(const std::string& path, ParameterSet& parameters,
                                         const ModelFiles* base) {
    HONE_ASSIGN_OR_RETURN(const AdapterFile file, OpenAdapterFile(path, parameters, base));
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
