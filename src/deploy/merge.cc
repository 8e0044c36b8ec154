#include "deploy/merge.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "adapt/bottleneck.h"
#include "adapt/brought_weights.h"
#include "adapt/lora.h"
#include "adapt/targets.h"
#include "adapt/virtual_tokens.h"
#include "base/files/file.h"
#include "base/machine/machine_limits.h"
#include "base/random.h"
#include "base/text/text.h"
#include "base/text/text_value.h"
#include "base/watch.h"
#include "chat/chat_files.h"
#include "chat/model_folder.h"
#include "model/config/arch.h"
#include "model/files/pooling.h"
#include "model/model.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kVector = ".ia3_l";
constexpr char kHeadModule[] = "lm_head";

// Logits of a model whose weights are rounded to the type move by about a rounding error of it, or
// a few; a delta that is missing or in the wrong place moves them by far more.
double Tolerance(DType dtype) {
    return dtype == DType::kF32 ? 1e-4 : dtype == DType::kF16 ? 1e-2 : 5e-2;
}

float Rounded(DType dtype, float value) {
    if (dtype == DType::kF16) return ToFloat(ToF16(value));
    return dtype == DType::kBF16 ? ToFloat(ToBF16(value)) : value;
}

// The type of most of the base's numbers; of a quantised base bfloat16.
DType BaseType(const ModelFiles& base) {
    std::map<DType, int64_t> elements;
    for (const ModelTensor& tensor : base.tensors) {
        const StorageType type = tensor.stored->type;
        elements[type == StorageType::kF32   ? DType::kF32
                 : type == StorageType::kF16 ? DType::kF16
                                             : DType::kBF16] += tensor.elements();
    }
    return std::max_element(elements.begin(), elements.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
}

// Scales the numbers so that their Euclidean norm is `length`; zeros stay.
void SetLength(float length, std::span<float> numbers) {
    double squares = 0;
    for (float number : numbers) squares += double{number} * number;
    const double factor = length / std::sqrt(std::max(squares, double{FLT_MIN}));
    for (float& number : numbers) number = static_cast<float>(factor * number);
}

// Computes the merged tensors, one at a time.
class Merged {
  public:
    // `adapted` is the base with the adapter as its parameters. The references outlive this.
    Merged(const ModelFiles& base, Model& adapted, const LoraConfig& config, const Context& context)
        : base_(base), parameters_(adapted.parameters()), config_(config), context_(context) {}

    // Whether the adapter changes the module: by a delta, or as a whole.
    bool Changes(std::string_view module) const {
        return parameters_.Find(fmt::format("{}.lora_A.weight", module)) ||
               parameters_.Find(fmt::format("{}.lora_embedding_A", module)) ||
               parameters_.Find(fmt::format("{}{}", module, kVector)) ||
               parameters_.Find(fmt::format("{}{}", module, kWeight));
    }

    // The numbers, until the next call.
    absl::StatusOr<std::span<const float>> Of(const ModelTensor& tensor) {
        HONE_RETURN_IF_ERROR(ReportProgress(-1));
        if (const ParameterSlice* whole = parameters_.Find(tensor.hf_name))
            return std::span<const float>(Values(*whole));
        const ModelTensor* stored = FindModelTensor(base_, tensor.name);
        if (stored == nullptr) stored = Embedding();  // the head of a tied model
        numbers_.resize(static_cast<size_t>(tensor.elements()));
        HONE_RETURN_IF_ERROR(ReadModelRows(base_, *stored, 0, stored->rows(), numbers_.data()));
        HONE_RETURN_IF_ERROR(AddDelta(tensor));
        HONE_RETURN_IF_ERROR(AddEmbeddingDelta(tensor));
        ApplyVector(tensor);
        return std::span<const float>(numbers_);
    }

  private:
    std::span<const float> Values(const ParameterSlice& slice) const {
        return parameters_.values().subspan(static_cast<size_t>(slice.offset),
                                            static_cast<size_t>(slice.count));
    }

    const ModelTensor* Embedding() const {
        for (const ModelTensor& tensor : base_.tensors)
            if (tensor.row->role == TensorRole::kEmbedding) return &tensor;
        HONE_CHECK(false, "a model without an embedding");
        return nullptr;
    }

    // numbers_ += scale * B A; of DoRA, each row then gets the length that was trained.
    absl::Status AddDelta(const ModelTensor& tensor) {
        std::string_view module = tensor.hf_name;
        if (!module.ends_with(kWeight)) return absl::OkStatus();
        module.remove_suffix(kWeight.size());
        const ParameterSlice* a = parameters_.Find(fmt::format("{}.lora_A.weight", module));
        const ParameterSlice* b = parameters_.Find(fmt::format("{}.lora_B.weight", module));
        if (a == nullptr || b == nullptr) return absl::OkStatus();
        HONE_ASSIGN_OR_RETURN(const LowRankOptions options,
                              LowRankFor(config_, std::string(module)));
        const std::span<const float> down = Values(*a), up = Values(*b);
        const ParameterSlice* magnitude =
            parameters_.Find(fmt::format("{}.lora_magnitude_vector", module));
        const int64_t rows = tensor.rows(), columns = tensor.columns(), rank = a->shape[0];
        context_.ParallelFor(rows, [&](int64_t row, int) {
            float* out = numbers_.data() + row * columns;
            for (int64_t r = 0; r < rank; ++r) {
                const float factor = options.scale * up[row * rank + r];
                const float* in = down.data() + r * columns;
                for (int64_t i = 0; i < columns; ++i) out[i] += factor * in[i];
            }
            if (magnitude != nullptr) SetLength(Values(*magnitude)[row], {out, out + columns});
        });
        return absl::OkStatus();
    }

    // numbers_ [tokens, C] += scale * (B A)^T of a table of embeddings.
    absl::Status AddEmbeddingDelta(const ModelTensor& tensor) {
        std::string_view module = tensor.hf_name;
        module = module.substr(0, module.rfind('.'));
        const ParameterSlice* a = parameters_.Find(fmt::format("{}.lora_embedding_A", module));
        const ParameterSlice* b = parameters_.Find(fmt::format("{}.lora_embedding_B", module));
        if (a == nullptr || b == nullptr) return absl::OkStatus();
        HONE_ASSIGN_OR_RETURN(const LowRankOptions options,
                              LowRankFor(config_, std::string(module)));
        const std::span<const float> down = Values(*a), up = Values(*b);
        const int64_t rows = tensor.rows(), columns = tensor.columns(), rank = a->shape[0];
        context_.ParallelFor(rows, [&](int64_t row, int) {
            float* out = numbers_.data() + row * columns;
            for (int64_t c = 0; c < columns; ++c)
                for (int64_t r = 0; r < rank; ++r)
                    out[c] += options.scale * up[c * rank + r] * down[r * rows + row];
        });
        return absl::OkStatus();
    }

    // numbers_ times IA3's learned vector: each row of a weight and its bias, or each column.
    void ApplyVector(const ModelTensor& tensor) {
        const std::string_view name = tensor.hf_name, module = name.substr(0, name.rfind('.'));
        const ParameterSlice* vector = parameters_.Find(fmt::format("{}{}", module, kVector));
        if (vector == nullptr) return;
        const std::span<const float> factors = Values(*vector);
        const bool of_outputs = vector->shape.back() == 1, bias = !name.ends_with(kWeight);
        if (bias && !of_outputs) return;
        const int64_t columns = bias ? 1 : tensor.columns();
        for (size_t i = 0; i < numbers_.size(); ++i)
            numbers_[i] *= factors[of_outputs ? i / static_cast<size_t>(columns)
                                              : i % static_cast<size_t>(columns)];
    }

    const ModelFiles& base_;
    ParameterSet& parameters_;
    const LoraConfig& config_;
    const Context& context_;
    std::vector<float> numbers_;
};

// The base's files with the tensors that the merged model has: its head apart from the embedding
// where the adapter changes one of a tied two.
ModelFiles MergedFiles(const ModelFiles& base, const Merged& merged) {
    ModelFiles files = base;
    const bool head = merged.Changes(kHeadModule);
    bool embedding = false;
    for (const ModelTensor& tensor : base.tensors)
        if (tensor.row->role == TensorRole::kEmbedding)
            embedding = merged.Changes(
                std::string_view(tensor.hf_name).substr(0, tensor.hf_name.size() - kWeight.size()));
    if (!files.config.tie_word_embeddings || (!head && !embedding)) return files;
    files.config.tie_word_embeddings = false;
    files.config.json["tie_word_embeddings"] = false;
    files.tensors = ExpandTable(*files.arch, files.config);
    return files;
}

// Tokens to compare logits with: two documents, the same for every model of that vocabulary.
Batch ProbeTokens(const ModelConfig& config) {
    Batch batch;
    const int64_t length = std::min<int64_t>(32, config.max_position_embeddings);
    for (uint64_t document = 0; document < 2; ++document) {
        Example example;
        for (int64_t i = 0; i < length; ++i)
            example.tokens.push_back(
                static_cast<int32_t>(RandomAt(document, static_cast<uint64_t>(i)) %
                                     static_cast<uint64_t>(config.vocab_size)));
        example.weights.assign(example.tokens.size(), 1.0f);
        batch.Append(example);
    }
    return batch;
}

absl::StatusOr<std::vector<float>> LogitsOf(Model& model, const Context& context) {
    const Batch batch = ProbeTokens(model.config());
    std::vector<float> logits(static_cast<size_t>(batch.size() * model.config().outputs()));
    HONE_RETURN_IF_ERROR(model.Logits(context, batch, logits.data()));
    return logits;
}

// The root mean square of the difference, as a share of that of `expected`.
double Difference(const std::vector<float>& found, const std::vector<float>& expected) {
    double miss = 0, whole = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        miss += std::pow(double{found[i]} - double{expected[i]}, 2);
        whole += double{expected[i]} * double{expected[i]};
    }
    return std::sqrt(miss / std::max(whole, 1e-300));
}

// Every number of the folder against what was to be written.
absl::Status CheckNumbers(const ModelFiles& written, Merged& merged, DType dtype) {
    std::vector<float> found;
    for (const ModelTensor& tensor : written.tensors) {
        HONE_ASSIGN_OR_RETURN(const std::span<const float> expected, merged.Of(tensor));
        found.resize(expected.size());
        HONE_RETURN_IF_ERROR(ReadModelRows(written, tensor, 0, tensor.rows(), found.data()));
        for (size_t i = 0; i < found.size(); ++i)
            if (found[i] != Rounded(dtype, expected[i]))
                return ModelError("{} does not read back as it was written; look at the disk",
                                  tensor.hf_name);
        written.weights->DropPages();
    }
    return absl::OkStatus();
}

absl::Status CheckOutput(const std::string& folder) {
    std::error_code error;
    if (folder.empty()) return UsageError("--output_path is empty");
    if (!fs::exists(folder, error)) return absl::OkStatus();
    if (fs::is_directory(folder, error) && fs::is_empty(folder, error)) return absl::OkStatus();
    return UsageError("{} is there already: give another --output_path, or remove it", folder);
}

absl::Status CheckMergeable(const std::string& adapter) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(adapter));
    if (IsBottleneck(config))
        return UsageError(
            "{}: a bottleneck adapter has an activation between its layers, which no weight of the "
            "base can hold: it cannot be merged; use it with --adapter_path",
            adapter);
    if (!HasVirtualTokens(config)) return absl::OkStatus();
    return UsageError(
        "{}: an adapter of {} puts tokens ahead of every text, which no weight of the base can "
        "hold: it cannot be merged; use it with --adapter_path",
        adapter, VirtualTokensName(config));
}

// Both models are held in f32, one after the other.
absl::Status CheckMemory(const ModelFiles& base) {
    int64_t elements = 0;
    for (const ModelTensor& tensor : base.tensors) elements += tensor.elements();
    const auto bytes = static_cast<size_t>(elements) * sizeof(float);
    if (bytes <= AvailableBytes()) return absl::OkStatus();
    return MemoryError("merging takes {} for the model in float32, {} are free: free some memory",
                       FormatBytes(bytes), FormatBytes(AvailableBytes()));
}

// A folder that is removed unless it is kept.
class FreshFolder {
  public:
    explicit FreshFolder(const std::string& final_path)
        : final_path_(final_path), path_(final_path + ".unfinished") {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    ~FreshFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }
    absl::Status Keep() const {
        std::error_code ignored;
        fs::remove(final_path_, ignored);  // an empty folder
        return RenameFolder(path_, final_path_);
    }

  private:
    std::string final_path_, path_;
};

constexpr LoadOptions kExact = {.compute = ComputeType::kF32};

}  // namespace

absl::StatusOr<MergeReport> MergeAdapter(ModelFiles& base, const MergeOptions& options,
                                         const Context& context) {
    HONE_RETURN_IF_ERROR(CheckOutput(options.output));
    HONE_RETURN_IF_ERROR(CheckMergeable(options.adapter));
    HONE_RETURN_IF_ERROR(CheckMemory(base));
    MergeReport report;
    report.dtype = BaseType(base);
    report.tolerance = Tolerance(report.dtype);
    HONE_RETURN_IF_ERROR(UseBroughtWeights(options.adapter, base));
    HONE_ASSIGN_OR_RETURN(auto adapted, Model::Load(base, kExact, context));
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, LoadAdapter(*adapted, options.adapter, context));
    for (const ParameterSlice& slice : adapted->parameters().slices()) {
        const bool vector = slice.name.ends_with(kVector);
        report.layers += vector || slice.name.ends_with(".lora_A.weight") ||
                         slice.name.ends_with(".lora_embedding_A");
        report.modules += !vector && slice.name.find(".lora_") == std::string::npos;
    }
    HONE_ASSIGN_OR_RETURN(const std::vector<float> expected, LogitsOf(*adapted, context));

    const FreshFolder fresh(options.output);
    Merged merged(base, *adapted, config, context);
    const ModelFiles files = MergedFiles(base, merged);
    HONE_RETURN_IF_ERROR(WriteModelFolder(
        files, report.dtype, [&](const ModelTensor& tensor) { return merged.Of(tensor); },
        fresh.path(), options.shard_bytes));

    if (HasPooling(options.adapter)) {
        HONE_ASSIGN_OR_RETURN(const Pooling pooling, ReadPooling(base, options.adapter));
        HONE_RETURN_IF_ERROR(WritePooling(pooling, base.config.hidden_size, fresh.path()));
    }

    HONE_ASSIGN_OR_RETURN(const auto written, OpenModel(fresh.path()));
    HONE_RETURN_IF_ERROR(OpenChat(*written).status());
    HONE_RETURN_IF_ERROR(CheckNumbers(*written, merged, report.dtype));
    adapted.reset();
    HONE_ASSIGN_OR_RETURN(const auto model, Model::Load(*written, kExact, context));
    HONE_ASSIGN_OR_RETURN(const std::vector<float> found, LogitsOf(*model, context));
    report.difference = Difference(found, expected);
    // Also refuses NaN.
    if (!(report.difference <= report.tolerance))
        return ModelError(
            "the merged model does not answer as base and adapter do: its logits differ by {:.2g} "
            "of theirs, more than the {:.2g} that rounding to {} explains; nothing was written",
            report.difference, report.tolerance, DTypeName(report.dtype));
    for (const ModelTensor& tensor : written->tensors)
        report.bytes += tensor.elements() * DTypeBytes(report.dtype);
    for (const auto& entry : fs::directory_iterator(fresh.path()))
        report.files += entry.path().extension() == ".safetensors";
    HONE_RETURN_IF_ERROR(fresh.Keep());
    return report;
}

absl::StatusOr<int64_t> ParseShardSize(const std::string& text) {
    const std::string word = absl::AsciiStrToUpper(absl::StripAsciiWhitespace(text));
    constexpr std::pair<std::string_view, int64_t> kUnits[] = {{"GIB", int64_t{1} << 30},
                                                               {"MIB", int64_t{1} << 20},
                                                               {"KIB", int64_t{1} << 10},
                                                               {"GB", 1'000'000'000},
                                                               {"MB", 1'000'000},
                                                               {"KB", 1'000},
                                                               {"", 1}};
    for (const auto& [unit, bytes] : kUnits) {
        if (!word.ends_with(unit)) continue;
        double number = 0;
        const bool read = ReadNumber(std::string(absl::StripTrailingAsciiWhitespace(
                                         word.substr(0, word.size() - unit.size()))),
                                     number)
                              .empty() &&
                          number > 0;
        if (!read || number * static_cast<double>(bytes) < 1 ||
            number * static_cast<double>(bytes) > 1e15)
            break;
        return static_cast<int64_t>(number * static_cast<double>(bytes));
    }
    return UsageError("--shard_size takes a size such as 5GB, 500MB or 2GiB, not \"{}\"", text);
}

}  // namespace hone
