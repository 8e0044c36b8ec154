#include "model/files/model_writer.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <filesystem>

#include "base/file.h"
#include "base/json_text.h"
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

absl::Status WriteWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                          const std::string& path) {
    constexpr float kLargestF16 = 65504;
    std::vector<TensorToWrite> tensors;
    std::deque<std::vector<float>> turned;  // those that a file holds in another layout
    for (const ModelTensor& tensor : files.tensors) {
        const std::span<const float> numbers = values(tensor);
        HONE_CHECK(static_cast<int64_t>(numbers.size()) == tensor.elements(), "{} values for {}",
                   numbers.size(), tensor.hf_name);
        const bool fits = dtype != DType::kF16 ||
                          std::all_of(numbers.begin(), numbers.end(),
                                      [](float value) { return std::abs(value) <= kLargestF16; });
        if (!fits)
            return ModelError(
                "{} holds a number that float16 has no room for: use --torch_dtype bfloat16",
                tensor.hf_name);
        const TensorLayout layout = tensor.row->hf;
        if (layout != TensorLayout::kPlain)
            turned.push_back(ToStored(layout, tensor.shape, files.config.head_dim, numbers));
        tensors.push_back({tensor.hf_name,
                           StoredShape(layout, tensor.shape),
                           dtype,
                           {},
                           layout == TensorLayout::kPlain ? numbers : turned.back()});
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

}  // namespace

absl::Status WriteConfigAndWeights(const ModelFiles& files, DType dtype, const TensorValues& values,
                                   const std::string& folder) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    HONE_RETURN_IF_ERROR(
        WriteFileAtomic(Join(folder, "config.json"), JsonText(Config(files, dtype))));
    return WriteWeights(files, dtype, values, Join(folder, "model.safetensors"));
}

}  // namespace hone
