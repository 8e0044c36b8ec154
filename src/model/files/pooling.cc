#include "model/files/pooling.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/text/json_text.h"
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

double Length(const float* values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
    return std::sqrt(sum);
}

void Scale(std::vector<float>& embedding, double length) {
    const double scale = length > 0 ? 1 / length : 0;
    for (float& value : embedding) value = static_cast<float>(value * scale);
}

std::string PoolingPath(const std::string& folder) { return folder + "/1_Pooling/config.json"; }

}  // namespace

absl::StatusOr<Pooling> ReadPooling(const ModelFiles& files) {
    if (files.gguf) return PoolingOfGguf(static_cast<const GgufFile&>(*files.weights).metadata());
    return HasPooling(files.path) ? PoolingOfFolder(PoolingPath(files.path)) : Pooling::kMean;
}

double PoolUnscaled(Pooling pooling, const float* hidden, int64_t tokens, int64_t C, float* text) {
    if (pooling == Pooling::kMean) {
        std::vector<double> sums(static_cast<size_t>(C));
        for (int64_t t = 0; t < tokens; ++t)
            for (int64_t c = 0; c < C; ++c) sums[c] += hidden[t * C + c];
        for (int64_t c = 0; c < C; ++c)
            text[c] = static_cast<float>(sums[c] / static_cast<double>(tokens));
    } else {
        const int64_t token = pooling == Pooling::kLast ? tokens - 1 : 0;
        std::copy_n(hidden + token * C, C, text);
    }
    return Length(text, C);
}

std::vector<float> Pool(Pooling pooling, const float* hidden, int64_t tokens, int64_t C) {
    std::vector<float> embedding(static_cast<size_t>(C));
    Scale(embedding, PoolUnscaled(pooling, hidden, tokens, C, embedding.data()));
    return embedding;
}

// d(v / |v|): the part of the slopes that lies along the embedding changes its length alone.
void PoolGradient(Pooling pooling, const float* embedding, double length, const float* slopes,
                  int64_t tokens, int64_t C, float* hidden_slopes) {
    std::fill_n(hidden_slopes, tokens * C, 0.0f);
    if (length == 0) return;
    double along = 0;
    for (int64_t c = 0; c < C; ++c) along += static_cast<double>(slopes[c]) * embedding[c];
    const int64_t first = pooling == Pooling::kLast ? tokens - 1 : 0;
    const int64_t count = pooling == Pooling::kMean ? tokens : 1;
    const double scale = 1 / (length * static_cast<double>(count));
    for (int64_t t = first; t < first + count; ++t)
        for (int64_t c = 0; c < C; ++c)
            hidden_slopes[t * C + c] =
                static_cast<float>((slopes[c] - along * embedding[c]) * scale);
}

absl::Status WritePooling(Pooling pooling, int64_t dimensions, const std::string& folder) {
    const auto module = [](int number, const char* path, const char* type) {
        return Json{{"idx", number},
                    {"name", std::to_string(number)},
                    {"path", path},
                    {"type", std::string("sentence_transformers.models.") + type}};
    };
    const Json modules = {module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"),
                          module(2, "2_Normalize", "Normalize")};
    const Json config = {{"word_embedding_dimension", dimensions},
                         {"pooling_mode_cls_token", pooling == Pooling::kFirst},
                         {"pooling_mode_mean_tokens", pooling == Pooling::kMean},
                         {"pooling_mode_lasttoken", pooling == Pooling::kLast}};
    HONE_RETURN_IF_ERROR(MakeDirectories(folder + "/1_Pooling"));
    HONE_RETURN_IF_ERROR(WriteFileAtomic(folder + "/modules.json", JsonText(modules)));
    return WriteFileAtomic(PoolingPath(folder), JsonText(config));
}

bool HasPooling(const std::string& folder) {
    std::error_code error;
    return std::filesystem::exists(PoolingPath(folder), error);
}

absl::StatusOr<Pooling> ReadPooling(const ModelFiles& files, const std::string& adapter) {
    if (!adapter.empty() && HasPooling(adapter)) return PoolingOfFolder(PoolingPath(adapter));
    return ReadPooling(files);
}

void Shorten(std::vector<float>& embedding, size_t dimensions) {
    embedding.resize(dimensions);
    Scale(embedding, Length(embedding.data(), static_cast<int64_t>(dimensions)));
}

}  // namespace hone
