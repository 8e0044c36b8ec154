#include "adapt/brought_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "adapt/adapter_weights.h"
#include "adapt/targets.h"
#include "fmt/ranges.h"
#include "model/config/arch.h"
#include "model/files/model_tensors.h"
#include "model/files/tensor_layout.h"

namespace hone {
namespace {

constexpr int64_t kRowsAtOnce = 64;

// "lm_head.weight" of "base_model.model.lm_head.base_layer.weight".
std::string BaseTensorName(std::string_view stored) {
    constexpr std::string_view kWrapper = ".base_layer";
    std::string name = PlainTensorName(stored);
    if (size_t at = name.find(fmt::format("{}.", kWrapper)); at != name.npos)
        name.erase(at, kWrapper.size());
    return name;
}

// The base's tensor that the stored one is, or nullptr; a tied base has one for embedding and head.
const ModelTensor* FindBase(const ModelFiles& files, const StoredTensor& stored) {
    const std::string name = BaseTensorName(stored.name);
    bool is_head = false;
    for (const TensorRow& row : files.arch->tensors)
        is_head = is_head || (row.role == TensorRole::kHead && row.hf_name == name);
    const bool tied_head = is_head && files.config.tie_word_embeddings;
    for (const ModelTensor& tensor : files.tensors)
        if (tied_head ? tensor.row->role == TensorRole::kEmbedding : tensor.hf_name == name)
            return &tensor;
    return nullptr;
}

absl::Status CheckShape(const ModelTensor& base, const StoredTensor& stored,
                        const std::string& path) {
    const std::vector<int64_t> wanted = StoredShape(base.row->hf, base.shape);
    if (stored.shape == wanted) return absl::OkStatus();
    const bool more_tokens =
        stored.shape.size() == 2 && base.shape.size() == 2 && stored.shape[1] == base.shape[1] &&
        (base.row->role == TensorRole::kEmbedding || base.row->role == TensorRole::kHead);
    if (more_tokens)
        return ModelError(
            "{}: {} has {} rows, this base's vocabulary {}: the adapter was trained on a base to "
            "which tokens were added. Add them to the base first (transformers: "
            "model.resize_token_embeddings({}), then save_pretrained, with the adapter's "
            "tokenizer)",
            path, stored.name, stored.shape[0], base.shape[0], stored.shape[0]);
    return ModelError(
        "{}: {} has the shape [{}], this model's {} [{}]; the adapter was made for another base "
        "model: use the one that its adapter_config.json names",
        path, stored.name, fmt::join(stored.shape, ", "), base.hf_name, fmt::join(wanted, ", "));
}

// visit(the base's numbers, the stored ones) of some rows at a time, until it returns false.
template <typename Visit>
absl::Status VisitRows(const ModelFiles& files, const ModelTensor& base, const StoredTensor& stored,
                       const Visit& visit) {
    const int64_t rows = base.rows(), columns = base.columns();
    std::vector<float> of_base(static_cast<size_t>(std::min(rows, kRowsAtOnce) * columns)),
        of_stored(of_base);
    for (int64_t row = 0; row < rows; row += kRowsAtOnce) {
        const int64_t end = std::min(rows, row + kRowsAtOnce);
        HONE_RETURN_IF_ERROR(ReadModelRows(files, base, row, end, of_base.data()));
        HONE_RETURN_IF_ERROR(
            ReadPlainRows(stored, base.row->hf, files.config.head_dim, row, end, of_stored.data()));
        const auto count = static_cast<size_t>((end - row) * columns);
        if (!visit(std::span(of_base).first(count), std::span(of_stored).first(count))) break;
    }
    return absl::OkStatus();
}

absl::StatusOr<bool> SameAsBase(const ModelFiles& files, const ModelTensor& base,
                                const StoredTensor& stored, const std::string& path) {
    bool same = true, finite = true;
    HONE_RETURN_IF_ERROR(VisitRows(files, base, stored, [&](auto of_base, auto of_stored) {
        same = same && std::equal(of_base.begin(), of_base.end(), of_stored.begin());
        finite = finite && std::all_of(of_stored.begin(), of_stored.end(),
                                       [](float number) { return std::isfinite(number); });
        return finite;
    }));
    if (!finite)
        return ModelError("{}: {} holds a NaN or infinity; the adapter is broken", path,
                          stored.name);
    return same;
}

}  // namespace

absl::Status UseBroughtWeights(const std::string& folder, ModelFiles& files) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(folder));
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    HONE_ASSIGN_OR_RETURN(const auto weights, OpenWeights(path));
    struct Brought {
        const ModelTensor* base;
        const StoredTensor* stored;
        bool same;
    };
    std::vector<Brought> brought;
    for (const StoredTensor& stored : weights->tensors()) {
        const ModelTensor* base = FindBase(files, stored);
        // What modules_to_save names is trained, and loaded as that.
        const std::string name = BaseTensorName(stored.name);
        if (base == nullptr || InsideSavedModule(name, config.modules_to_save)) continue;
        HONE_RETURN_IF_ERROR(CheckShape(*base, stored, path));
        HONE_ASSIGN_OR_RETURN(const bool same, SameAsBase(files, *base, stored, path));
        for (const Brought& other : brought) {
            if (other.base != base) continue;
            HONE_ASSIGN_OR_RETURN(const bool equal, SameNumbers(*other.stored, stored));
            if (!equal)
                return ModelError(
                    "{}: {} and {} differ, but this base has one tensor for both (tied embedding "
                    "and head)",
                    path, other.stored->name, stored.name);
        }
        brought.push_back({base, &stored, same});
    }
    for (const Brought& one : brought) {
        if (one.same) continue;
        auto copy = std::make_shared<BroughtTensor>(*one.stored);
        ModelTensor& tensor = files.tensors[static_cast<size_t>(one.base - files.tensors.data())];
        tensor.stored = &copy->tensor;
        tensor.brought = true;
        files.brought.push_back(std::move(copy));
    }
    return WithKind(weights->CheckUnchanged(), ErrorKind::kModel);
}

absl::StatusOr<bool> IsCopyOfBase(const ModelFiles& files, const StoredTensor& stored,
                                  const std::string& path) {
    const ModelTensor* base = FindBase(files, stored);
    if (base == nullptr) return false;
    HONE_RETURN_IF_ERROR(CheckShape(*base, stored, path));
    HONE_ASSIGN_OR_RETURN(const bool same, SameAsBase(files, *base, stored, path));
    if (same) return true;
    return ModelError(
        "{}: {} is not this base's: the adapter brings its own, which cannot stand beside the "
        "base's. Use it alone, with --adapter_path",
        path, stored.name);
}

}  // namespace hone
