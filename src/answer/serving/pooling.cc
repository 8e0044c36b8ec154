#include "answer/serving/pooling.h"

#include <cmath>
#include <filesystem>

#include "base/json_file.h"
#include "model/weights/gguf.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<Pooling> PoolingOfFolder(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(const Json config, ReadJsonObject(path));
    std::vector<std::string> modes;
    for (const auto& [key, value] : config.items())
        if (key.starts_with("pooling_mode_") && value.is_boolean() && value.get<bool>())
            modes.push_back(key.substr(13));
    if (modes == std::vector<std::string>{"mean_tokens"}) return Pooling::kMean;
    if (modes == std::vector<std::string>{"cls_token"}) return Pooling::kFirst;
    if (modes == std::vector<std::string>{"lasttoken"}) return Pooling::kLast;
    return ModelError(
        "{}: embeddings are pooled by mean_tokens, cls_token or lasttoken, one of them", path);
}

absl::StatusOr<Pooling> PoolingOfGguf(const Json& metadata) {
    const std::string key = metadata.value("general.architecture", "") + ".pooling_type";
    const auto type = metadata.find(key);
    if (type == metadata.end() || *type == 0 || *type == 1) return Pooling::kMean;
    if (*type == 2) return Pooling::kFirst;
    if (*type == 3) return Pooling::kLast;
    return ModelError("{} {}: embeddings are pooled by 1 (mean), 2 (first token) or 3 (last)", key,
                      type->dump());
}

void Normalise(std::vector<float>& embedding) {
    double sum = 0;
    for (const float value : embedding) sum += static_cast<double>(value) * value;
    const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
    for (float& value : embedding) value = static_cast<float>(value * scale);
}

}  // namespace

absl::StatusOr<Pooling> ReadPooling(const ModelFiles& files) {
    if (files.gguf) return PoolingOfGguf(static_cast<const GgufFile&>(*files.weights).metadata());
    const std::string path = files.path + "/1_Pooling/config.json";
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return Pooling::kMean;
    return PoolingOfFolder(path);
}

std::vector<float> Pool(Pooling pooling, const float* hidden, int64_t tokens, int64_t C) {
    std::vector<float> embedding(static_cast<size_t>(C));
    if (pooling == Pooling::kMean) {
        std::vector<double> sums(static_cast<size_t>(C));
        for (int64_t t = 0; t < tokens; ++t)
            for (int64_t c = 0; c < C; ++c) sums[c] += hidden[t * C + c];
        for (int64_t c = 0; c < C; ++c)
            embedding[c] = static_cast<float>(sums[c] / static_cast<double>(tokens));
    } else {
        const int64_t token = pooling == Pooling::kLast ? tokens - 1 : 0;
        std::copy_n(hidden + token * C, C, embedding.begin());
    }
    Normalise(embedding);
    return embedding;
}

void Shorten(std::vector<float>& embedding, size_t dimensions) {
    embedding.resize(dimensions);
    Normalise(embedding);
}

}  // namespace hone
