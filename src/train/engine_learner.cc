#include "train/engine_learner.h"

#include <algorithm>

#include "adapt/adapter_config.h"
#include "adapt/adapter_weights.h"
#include "base/hash.h"
#include "chat/chat_files.h"
#include "chat/model_folder.h"
#include "hub/catalogue.h"
#include "train/loop/checkpoint.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kMasters[] = "/master_weights.safetensors";

absl::Status NotReadBack(const std::string& folder) {
    return TrainingError("{} does not read back as it was written; look at the disk", folder);
}

float RoundedTo(DType dtype, float value) {
    if (dtype == DType::kF16) return ToFloat(ToF16(value));
    return dtype == DType::kBF16 ? ToFloat(ToBF16(value)) : value;
}

bool Int8(const Model& model) { return model.storage() == WeightStorage::kInt8Channels; }

absl::StatusOr<LoraConfig> AddAdapter(const FinetuneOptions& options, Model& model,
                                      const Context& context) {
    if (!options.adapter_path.empty()) return LoadAdapter(model, options.adapter_path, context);
    // What does not fit the model here is what the flags asked for.
    HONE_RETURN_IF_ERROR(
        WithKind(ApplyLora(model, options.lora, options.seed, context), ErrorKind::kUsage));
    return options.lora;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineLearner>> EngineLearner::Create(const FinetuneOptions& options,
                                                                     const ModelFiles& files,
                                                                     Model& model,
                                                                     const Context& context) {
    if (options.method == "full") {
        model.MakeAllTrainable();
        HONE_RETURN_IF_ERROR(model.FinishParameters(context));
        const DType dtype = options.torch_dtype == "float32"   ? DType::kF32
                            : options.torch_dtype == "float16" ? DType::kF16
                                                               : DType::kBF16;
        return std::make_unique<FullLearner>(model, files, dtype, context);
    }
    HONE_ASSIGN_OR_RETURN(LoraConfig config, AddAdapter(options, model, context));
    config.base_model_name_or_path = PublicName(options.model_name_or_path);
    return std::make_unique<LoraLearner>(model, std::move(config), context);
}

absl::Status LoraLearner::Save(const std::string& folder) {
    return SaveAdapter(model_, config_, folder);
}

absl::Status LoraLearner::Restore(const std::string& folder) {
    return LoadAdapterWeights(model_, folder, context_);
}

std::string LoraLearner::Summary() const {
    const auto& slices = model_.parameters().slices();
    const auto layers = std::count_if(
        slices.begin(), slices.end(),
        [](const ParameterSlice& slice) { return slice.name.ends_with(".lora_A.weight"); });
    const double bits = model_.nf4_bits_per_weight();
    return fmt::format("{}lora r={} alpha={} on {} layers{}", bits > 0 ? "q" : "", config_.r,
                       config_.lora_alpha, layers,
                       bits > 0       ? fmt::format(", base in NF4, {:.2f} bits a weight", bits)
                       : Int8(model_) ? ", products with the base in 8-bit integers"
                                      : "");
}

Json LoraLearner::Configuration() const {
    std::span<const float> values = model_.parameters().values();
    Json json = {{"adapter_at_the_start",
                  Sha256Hex({reinterpret_cast<const char*>(values.data()), values.size_bytes()})},
                 {"lora", Json::parse(AdapterConfigText(config_))}};
    json["lora"].erase("base_model_name_or_path");
    const double bits = model_.nf4_bits_per_weight();
    if (bits > 0) json["base_weights"] = fmt::format("nf4, {:.2f} bits", bits);
    if (Int8(model_)) json["base_weights"] = "int8, a scale an output channel";
    return json;
}

absl::Status LoraLearner::CheckDelivered(const std::string& folder) {
    HONE_RETURN_IF_ERROR(ReadAdapterConfig(folder).status());
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    HONE_ASSIGN_OR_RETURN(const bool same, HoldsAdapterWeights(path, model_.parameters(),
                                                                 &model_.files()));
    return same ? absl::OkStatus() : NotReadBack(folder);
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
    return fmt::format("full, {} tensors", model_.parameters().slices().size());
}

Json FullLearner::Configuration() const { return {{"method", "full"}}; }

std::span<const float> FullLearner::Values(const ModelTensor& tensor) const {
    ParameterSet& parameters = model_.parameters();
    const ParameterSlice* slice = parameters.Find(tensor.hf_name);
    HONE_CHECK(slice != nullptr, "{} is not trained", tensor.hf_name);
    return parameters.values().subspan(slice->offset, slice->count);
}

absl::Status FullLearner::Deliver(const std::string& folder) {
    return WriteModelFolder(
        files_, dtype_, [this](const ModelTensor& tensor) { return Values(tensor); }, folder);
}

absl::Status FullLearner::CheckDelivered(const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(auto written, OpenModel(folder));
    HONE_RETURN_IF_ERROR(OpenChat(*written).status());
    for (const ModelTensor& tensor : written->tensors) {
        const std::span<const float> values = Values(tensor);
        HONE_ASSIGN_OR_RETURN(auto numbers, ReadTensor(*tensor.stored));
        for (size_t i = 0; i < numbers.size(); ++i)
            if (numbers[i] != RoundedTo(dtype_, values[i])) return NotReadBack(folder);
        written->weights->DropPages();
    }
    return absl::OkStatus();
}

}  // namespace hone
