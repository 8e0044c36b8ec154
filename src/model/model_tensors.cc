#include "model/model_tensors.h"

#include <unordered_set>

#include "base/log.h"
#include "model/files/model_files.h"

namespace hone {
namespace {

bool InLayers(const TensorRow& row) { return row.name.find("{}") != row.name.npos; }

ModelTensor Expand(const TensorRow& row, int64_t layer, const ModelConfig& config) {
    ModelTensor tensor;
    tensor.row = &row;
    tensor.layer = layer;
    tensor.name = ExpandName(row.name, layer);
    tensor.hf_name = ExpandName(row.hf_name, layer);
    tensor.gguf_name = ExpandName(row.gguf_name, layer);
    tensor.shape = row.shape(config);
    return tensor;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Tensors that other programs write and that say nothing new: frequencies that follow from the
// config, and a second copy of a tied head.
bool IsHarmless(std::string_view name, bool tied) {
    return name.ends_with("rotary_emb.inv_freq") || name == "rope_freqs.weight" ||
           (tied && (name == "lm_head.weight" || name == "output.weight"));
}

std::string Problem(const ModelTensor& tensor, const std::string& name) {
    if (!tensor.stored)
        return fmt::format("the tensor \"{}\" is missing (config: shape {})", name,
                           ShapeText(tensor.shape));
    if (tensor.stored->shape != tensor.shape)
        return fmt::format("the tensor \"{}\" has the shape {}, but the config calls for {}", name,
                           ShapeText(tensor.stored->shape), ShapeText(tensor.shape));
    return std::string(CheckReadable(*tensor.stored).message());
}

}  // namespace

std::string ExpandName(std::string_view pattern, int64_t layer) {
    size_t at = pattern.find("{}");
    if (at == pattern.npos) return std::string(pattern);
    return fmt::format("{}{}{}", pattern.substr(0, at), layer, pattern.substr(at + 2));
}

std::vector<ModelTensor> ExpandTable(const ArchSpec& arch, const ModelConfig& config) {
    std::vector<ModelTensor> tensors;
    const auto& rows = arch.tensors;
    auto add = [&](const TensorRow& row, int64_t layer) {
        if (!row.present || row.present(config)) tensors.push_back(Expand(row, layer, config));
    };
    for (size_t i = 0; i < rows.size();) {
        size_t end = i;
        while (end < rows.size() && InLayers(rows[end])) ++end;
        if (end == i) {
            add(rows[i++], -1);
            continue;
        }
        for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
            for (size_t row = i; row < end; ++row) add(rows[row], layer);
        i = end;
    }
    return tensors;
}

absl::StatusOr<std::vector<ModelTensor>> MatchTensors(const ArchSpec& arch,
                                                      const ModelConfig& config,
                                                      const WeightFile& weights, bool gguf) {
    constexpr size_t kMaxShown = 8;
    std::vector<ModelTensor> tensors = ExpandTable(arch, config);
    std::unordered_set<std::string_view> claimed;
    std::vector<std::string> problems;
    for (auto& tensor : tensors) {
        const std::string& name = gguf ? tensor.gguf_name : tensor.hf_name;
        tensor.stored = weights.Find(name);
        if (std::string problem = Problem(tensor, name); !problem.empty())
            problems.push_back(std::move(problem));
        claimed.insert(name);
    }
    for (const auto& stored : weights.tensors()) {
        if (claimed.contains(stored.name)) continue;
        if (IsHarmless(stored.name, config.tie_word_embeddings))
            spdlog::debug("ignoring the tensor {}", stored.name);
        else
            problems.push_back(
                fmt::format("the tensor \"{}\" has no place in this model's config", stored.name));
    }
    if (problems.empty()) return tensors;
    std::string more;
    if (problems.size() > kMaxShown) {
        more = fmt::format("; and {} more", problems.size() - kMaxShown);
        problems.resize(kMaxShown);
    }
    return ModelError("the weights do not fit the config: {}{}", fmt::join(problems, "; "), more);
}

const ModelTensor* FindModelTensor(const ModelFiles& files, std::string_view name) {
    for (const auto& tensor : files.tensors)
        if (tensor.name == name) return &tensor;
    return nullptr;
}

int64_t GgufPermutedRow(int64_t row, int64_t head_dim) {
    int64_t head = row / head_dim, half = row % head_dim / (head_dim / 2),
            pair = row % (head_dim / 2);
    return head * head_dim + pair * 2 + half;
}

absl::Status ReadModelRows(const ModelFiles& files, const ModelTensor& tensor, int64_t begin,
                           int64_t end, float* out) {
    HONE_CHECK(tensor.stored, "{} was not found in the weights", tensor.name);
    if (!files.gguf || !tensor.row->gguf_permuted) return ReadRows(*tensor.stored, begin, end, out);
    int64_t head_dim = files.config.head_dim;
    if (tensor.shape.size() == 1) {  // a bias is one row, whose elements are permuted
        if (begin == end) return absl::OkStatus();
        HONE_ASSIGN_OR_RETURN(auto values, ReadTensor(*tensor.stored));
        for (size_t i = 0; i < values.size(); ++i)
            out[i] =
                values[static_cast<size_t>(GgufPermutedRow(static_cast<int64_t>(i), head_dim))];
        return absl::OkStatus();
    }
    for (int64_t row = begin; row < end; ++row) {
        int64_t stored_row = GgufPermutedRow(row, head_dim);
        HONE_RETURN_IF_ERROR(ReadRows(*tensor.stored, stored_row, stored_row + 1,
                                      out + (row - begin) * tensor.columns()));
    }
    return absl::OkStatus();
}

}  // namespace hone
