#include "model/files/model_tensors.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <unordered_set>

#include "base/log.h"
#include "model/config/tensor_table.h"
#include "model/files/model_files.h"
#include "model/files/tensor_layout.h"
#include "tensor/partition.h"

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
    if (row.role == TensorRole::kLinearBias || row.role == TensorRole::kHeadBias)
        tensor.shape.resize(1);
    return tensor;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Tensors that other programs write and that say nothing new: frequencies that follow from the
// config, and a second copy of a tied head; and what the family has no use for.
bool IsHarmless(const ArchSpec& arch, std::string_view name, bool tied) {
    if (name.ends_with("rotary_emb.inv_freq") || name.starts_with("rope_freqs.") ||
        name.starts_with("rope_factors_") ||
        (tied && (name == "lm_head.weight" || name == "output.weight")))
        return true;
    return std::any_of(arch.unused_tensors.begin(), arch.unused_tensors.end(),
                       [&](std::string_view part) { return name.find(part) != name.npos; });
}

std::string Problem(const ModelTensor& tensor, const std::string& name, bool gguf) {
    const std::vector<int64_t> wanted = StoredShape(tensor.layout(gguf), tensor.shape);
    if (!tensor.stored)
        return fmt::format("the tensor \"{}\" is missing (config: shape {})", name,
                           ShapeText(wanted));
    if (tensor.stored->shape != wanted)
        return fmt::format("the tensor \"{}\" has the shape {}, but the config calls for {}", name,
                           ShapeText(tensor.stored->shape), ShapeText(wanted));
    return std::string(CheckReadable(*tensor.stored).message());
}

std::string NameOf(const ArchSpec& arch, TensorRole role, bool gguf) {
    for (const TensorRow& row : arch.tensors)
        if (row.role == role) return gguf ? row.gguf_name : row.hf_name;
    return "";
}

// The file's tensor under the table's name, or under another that the family goes by.
const StoredTensor* FindStored(const ArchSpec& arch, const WeightFile& weights,
                               const std::string& name, bool gguf) {
    const StoredTensor* stored = weights.Find(name);
    if (stored != nullptr || gguf) return stored;
    for (const auto& [usual, other] : arch.other_prefixes) {
        if (!std::string_view(name).starts_with(usual)) continue;
        stored = weights.Find(fmt::format("{}{}", other, name.substr(usual.size())));
        if (stored != nullptr) return stored;
    }
    return nullptr;
}

// Where in the tensor the first number lies that is not finite, and which; empty: nowhere.
absl::StatusOr<std::string> FindNotFinite(const ModelFiles& files, const ModelTensor& tensor,
                                          const Context& context) {
    constexpr int64_t kRowsAtOnce = 64;
    const int64_t columns = tensor.columns(), tasks = CeilDivide(tensor.rows(), kRowsAtOnce);
    std::vector<std::string> found(static_cast<size_t>(tasks));
    std::mutex mutex;
    absl::Status failed;
    context.ParallelFor(tasks, [&](int64_t task, int) {
        const int64_t begin = task * kRowsAtOnce,
                      end = std::min(tensor.rows(), begin + kRowsAtOnce);
        std::vector<float> numbers(static_cast<size_t>((end - begin) * columns));
        if (absl::Status read = ReadModelRows(files, tensor, begin, end, numbers.data());
            !read.ok()) {
            std::lock_guard lock(mutex);
            failed.Update(read);
            return;
        }
        const auto bad = std::find_if(numbers.begin(), numbers.end(),
                                      [](float number) { return !std::isfinite(number); });
        if (bad == numbers.end()) return;
        const int64_t at = bad - numbers.begin();
        found[static_cast<size_t>(task)] =
            fmt::format("{} in row {}, column {}", std::isnan(*bad) ? "a NaN" : "an infinity",
                        begin + at / columns, at % columns);
    });
    HONE_RETURN_IF_ERROR(failed);
    for (std::string& where : found)
        if (!where.empty()) return std::move(where);
    return std::string();
}

}  // namespace

std::string ExpandName(std::string_view pattern, int64_t layer) {
    size_t at = pattern.find("{}");
    if (at == pattern.npos) return std::string(pattern);
    return fmt::format("{}{}{}", pattern.substr(0, at), layer, pattern.substr(at + 2));
}

std::vector<ModelTensor> ExpandTable(const ArchSpec& arch, const ModelConfig& config) {
    std::vector<ModelTensor> tensors;
    const std::vector<const TensorRow*> rows = RowsOf(arch, config);
    for (size_t i = 0; i < rows.size();) {
        size_t end = i;
        while (end < rows.size() && InLayers(*rows[end])) ++end;
        if (end == i) {
            tensors.push_back(Expand(*rows[i++], -1, config));
            continue;
        }
        for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer)
            for (size_t row = i; row < end; ++row)
                tensors.push_back(Expand(*rows[row], layer, config));
        i = end;
    }
    return tensors;
}

absl::StatusOr<bool> SameNumbers(const StoredTensor& a, const StoredTensor& b) {
    constexpr int64_t kRowsAtOnce = 64;
    HONE_RETURN_IF_ERROR(CheckReadable(a));
    HONE_RETURN_IF_ERROR(CheckReadable(b));
    if (a.shape != b.shape) return false;
    if (a.type == b.type && a.strides.empty() && b.strides.empty())
        return std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
    const int64_t columns = a.shape.empty() ? 1 : std::max<int64_t>(1, a.shape.back());
    const int64_t rows = a.elements() / columns;
    std::vector<float> of_a(static_cast<size_t>(std::min(rows, kRowsAtOnce) * columns)), of_b(of_a);
    for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
        const int64_t end = std::min(rows, row + kRowsAtOnce);
        HONE_RETURN_IF_ERROR(ReadRows(a, row, end, of_a.data()));
        HONE_RETURN_IF_ERROR(ReadRows(b, row, end, of_b.data()));
        if (!std::equal(of_a.begin(), of_a.begin() + (end - row) * columns, of_b.begin()))
            return false;
    }
    return true;
}

absl::StatusOr<std::vector<ModelTensor>> MatchTensors(const ArchSpec& arch, ModelConfig& config,
                                                      const WeightFile& weights, bool gguf) {
    constexpr size_t kMaxShown = 8;
    const auto find = [&](const std::string& name) {
        return FindStored(arch, weights, name, gguf);
    };
    const StoredTensor* head = find(NameOf(arch, TensorRole::kHead, gguf));
    const StoredTensor* embedding = find(NameOf(arch, TensorRole::kEmbedding, gguf));
    if (config.tie_word_embeddings && head && embedding) {
        // What cannot be read is said below, as of a tensor that counts.
        const absl::StatusOr<bool> same = SameNumbers(*head, *embedding);
        config.tie_word_embeddings = same.ok() && *same;
        config.json["tie_word_embeddings"] = config.tie_word_embeddings;
    }
    std::vector<ModelTensor> tensors = ExpandTable(arch, config);
    std::unordered_set<std::string_view> claimed;
    std::vector<std::string> problems;
    for (auto& tensor : tensors) {
        const std::string& name = gguf ? tensor.gguf_name : tensor.hf_name;
        tensor.stored = find(name);
        if (!tensor.stored && tensor.row->role == TensorRole::kEmbedding &&
            config.tie_word_embeddings)
            tensor.stored = head;
        if (std::string problem = Problem(tensor, name, gguf); !problem.empty())
            problems.push_back(std::move(problem));
        if (tensor.stored != nullptr) claimed.insert(tensor.stored->name);
    }
    for (const auto& stored : weights.tensors()) {
        if (claimed.contains(stored.name)) continue;
        if (IsHarmless(arch, stored.name, config.tie_word_embeddings))
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

std::string ModuleName(const ModelFiles& files, std::string_view tensor) {
    const ModelTensor* found = FindModelTensor(files, tensor);
    HONE_CHECK(found != nullptr, "the graph names {}, which is not in the table", tensor);
    std::string name = found->hf_name;
    constexpr std::string_view kWeight = ".weight";
    if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
    return name;
}

absl::Status CheckFinite(const ModelFiles& files, const Context& context) {
    for (const ModelTensor& tensor : files.tensors) {
        HONE_ASSIGN_OR_RETURN(const std::string where, FindNotFinite(files, tensor, context));
        if (!where.empty())
            return ModelError(
                "{}: the model's weights are damaged: {} has {}; fetch or convert the model again",
                files.path, tensor.hf_name, where);
    }
    return absl::OkStatus();
}

absl::Status ReadModelRows(const ModelFiles& files, const ModelTensor& tensor, int64_t begin,
                           int64_t end, float* out) {
    HONE_CHECK(tensor.stored, "{} was not found in the weights", tensor.name);
    return ReadPlainRows(*tensor.stored, tensor.layout(files.gguf), files.config.head_dim, begin,
                         end, out);
}

}  // namespace hone
