#include "model/files/model_writer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "base/files/file.h"
#include "base/text/json_text.h"
#include "model/files/tensor_layout.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string Join(const std::string& folder, std::string_view name) {
    return (fs::path(folder) / name).string();
}

std::string TorchName(DType dtype) {
    return dtype == DType::kF32 ? "float32" : dtype == DType::kF16 ? "float16" : "bfloat16";
}

// The base's config with the type that the weights now have: under the key that it uses, or under
// the one that every transformers reads.
Json Config(const ModelFiles& files, DType dtype) {
    Json config = files.config.json;
    bool said = false;
    for (const char* key : {"dtype", "torch_dtype"})
        if (config.contains(key)) config[key] = TorchName(dtype), said = true;
    if (!said) config["torch_dtype"] = TorchName(dtype);
    return config;
}

// The values, checked where the type has no room for all numbers.
absl::StatusOr<std::span<const float>> Fitting(const ModelTensor& tensor, DType dtype,
                                               const TensorValues& values) {
    constexpr float kLargestF16 = 65504;
    HONE_ASSIGN_OR_RETURN(const std::span<const float> numbers, values(tensor));
    const bool fits = dtype != DType::kF16 ||
                      std::all_of(numbers.begin(), numbers.end(),
                                  [](float value) { return std::abs(value) <= kLargestF16; });
    if (!fits)
        return ModelError(
            "{} holds a number that float16 has no room for: use --torch_dtype bfloat16",
            tensor.hf_name);
    return numbers;
}

// The tensors of each file.
std::vector<std::vector<TensorToWrite>> Shards(std::vector<TensorToWrite> tensors,
                                               const std::map<std::string, int64_t>& bytes,
                                               int64_t shard_bytes) {
    std::vector<std::vector<TensorToWrite>> shards;
    int64_t room = 0;
    for (TensorToWrite& tensor : tensors) {
        const int64_t size = bytes.at(tensor.name);
        if (shards.empty() || size > room) {
            shards.emplace_back();
            room = shard_bytes;
        }
        room -= size;
        shards.back().push_back(std::move(tensor));
    }
    return shards;
}

absl::Status WriteWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                          const std::string& folder, int64_t shard_bytes) {
    std::vector<TensorToWrite> tensors;
    std::map<std::string, int64_t> bytes;
    int64_t total = 0;
    std::vector<float> turned;  // of a tensor that a file holds in another layout
    for (const ModelTensor& tensor : files.tensors) {
        tensors.push_back({.name = tensor.hf_name,
                           .shape = StoredShape(tensor.row->hf, tensor.shape),
                           .dtype = dtype});
        tensors.back().make = [&, &tensor = tensor]() -> absl::StatusOr<std::span<const float>> {
            HONE_ASSIGN_OR_RETURN(const auto numbers, Fitting(tensor, dtype, values));
            if (tensor.row->hf == TensorLayout::kPlain) return numbers;
            turned = ToStored(tensor.row->hf, tensor.shape, files.config.head_dim, numbers);
            return std::span<const float>(turned);
        };
        total += bytes[tensor.hf_name] = tensor.elements() * DTypeBytes(dtype);
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    const auto shards = Shards(std::move(tensors), bytes, shard_bytes);
    Json map = Json::object();
    for (size_t i = 0; i < shards.size(); ++i) {
        const std::string name =
            shards.size() == 1
                ? "model.safetensors"
                : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
        HONE_RETURN_IF_ERROR(WriteSafetensors(Join(folder, name), shards[i], {{"format", "pt"}}));
        for (const TensorToWrite& tensor : shards[i]) map[tensor.name] = name;
    }
    if (shards.size() == 1) return absl::OkStatus();
    const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
    return WriteFileAtomic(Join(folder, "model.safetensors.index.json"), JsonText(index));
}

}  // namespace

absl::Status WriteConfigAndWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                                   const std::string& folder, int64_t shard_bytes) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    HONE_RETURN_IF_ERROR(
        WriteFileAtomic(Join(folder, "config.json"), JsonText(Config(files, dtype))));
    return WriteWeights(files, dtype, values, folder, shard_bytes);
}

}  // namespace hone
