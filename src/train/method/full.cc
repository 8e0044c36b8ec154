#include "train/method/full.h"

#include "base/files/hash.h"
#include "chat/chat_files.h"
#include "chat/model_folder.h"
#include "train/loop/checkpoint.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kMasters[] = "/master_weights.safetensors";

float RoundedTo(DType dtype, float value) {
    if (dtype == DType::kF16) return ToFloat(ToF16(value));
    return dtype == DType::kBF16 ? ToFloat(ToBF16(value)) : value;
}

}  // namespace

std::span<const OptionDefault> FullMethod::defaults() const {
    // Olive's are those of an adapter; this rate is transformers' own.
    static const OptionDefault defaults[] = {
        {.option = "output_path", .value = "finetuned-model"},
        {.option = "learning_rate", .value = 5e-5, .note = "a learning rate of 5e-05"},
    };
    return defaults;
}

DType FullMethod::ResultType(const FinetuneOptions& options) const {
    if (options.torch_dtype == "float32") return DType::kF32;
    return options.torch_dtype == "float16" ? DType::kF16 : DType::kBF16;
}

absl::StatusOr<std::unique_ptr<EngineLearner>> FullMethod::MakeLearner(
    const FinetuneOptions& options, const ModelFiles& files, Model& model,
    const Context& context) const {
    model.MakeAllTrainable();
    HONE_RETURN_IF_ERROR(model.FinishParameters(context));
    return std::make_unique<FullLearner>(model, files, ResultType(options), name(), context);
}

absl::Status FullLearner::Save(const std::string& folder) {
    return WriteValues(folder + kMasters, model_.parameters());
}

absl::Status FullLearner::Restore(const std::string& folder) {
    HONE_RETURN_IF_ERROR(ReadValues(folder + kMasters, model_.parameters()));
    model_.ParametersChanged(context_);
    return absl::OkStatus();
}

std::string FullLearner::Summary() const {
    const size_t trained = model_.parameters().slices().size(), all = files_.tensors.size();
    return trained == all ? fmt::format("{}, {} tensors", method_, trained)
                          : fmt::format("{}, {} of {} tensors", method_, trained, all);
}

Json FullLearner::Configuration() const {
    Json json = {{"method", method_}};
    std::string names;
    for (const ParameterSlice& slice : model_.parameters().slices()) names += slice.name + "\n";
    if (model_.parameters().slices().size() != files_.tensors.size())
        json["trained_tensors"] = Sha256Hex(names);
    return json;
}

absl::StatusOr<std::span<const float>> FullLearner::Values(const ModelTensor& tensor) {
    ParameterSet& parameters = model_.parameters();
    if (const ParameterSlice* slice = parameters.Find(tensor.hf_name))
        return std::span<const float>(parameters.values().subspan(
            static_cast<size_t>(slice->offset), static_cast<size_t>(slice->count)));
    frozen_.resize(static_cast<size_t>(tensor.elements()));
    const ModelTensor* own = FindModelTensor(files_, tensor.name);
    HONE_RETURN_IF_ERROR(ReadModelRows(files_, *own, 0, own->rows(), frozen_.data()));
    return std::span<const float>(frozen_);
}

absl::Status FullLearner::Deliver(const std::string& folder) {
    return WriteModelFolder(
        files_, dtype_, [this](const ModelTensor& tensor) { return Values(tensor); }, folder);
}

absl::Status FullLearner::CheckDelivered(const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(auto written, OpenModel(folder));
    HONE_RETURN_IF_ERROR(OpenChat(*written).status());
    std::vector<float> numbers;
    for (const ModelTensor& tensor : written->tensors) {
        HONE_ASSIGN_OR_RETURN(const std::span<const float> values, Values(tensor));
        numbers.resize(values.size());
        HONE_RETURN_IF_ERROR(ReadModelRows(*written, tensor, 0, tensor.rows(), numbers.data()));
        for (size_t i = 0; i < numbers.size(); ++i)
            if (numbers[i] != RoundedTo(dtype_, values[i])) return NotReadBack(folder);
        written->weights->DropPages();
    }
    return absl::OkStatus();
}

}  // namespace hone
