#include "adapt/adapter_head.h"

#include <algorithm>
#include <filesystem>

#include "adapt/adapter_weights.h"
#include "base/files/file.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "base/text/json_text.h"
#include "model/config/config_reader.h"
#include "model/config/label_head.h"
#include "model/files/give_label_head.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMulti = "multi_label_classification";

std::string LabelsPath(const std::string& folder) {
    return (std::filesystem::path(folder) / "labels.json").string();
}

HeadKind HeadOf(const LoraConfig& config) {
    if (config.task_type == TaskTypeOf(HeadKind::kSequence)) return HeadKind::kSequence;
    return config.task_type == TaskTypeOf(HeadKind::kToken) ? HeadKind::kToken
                                                            : HeadKind::kLanguageModel;
}

// Rows of the head in the adapter's file.
absl::StatusOr<int64_t> HeadRows(const std::string& folder) {
    HONE_ASSIGN_OR_RETURN(const std::string path, AdapterWeightsPath(folder));
    HONE_ASSIGN_OR_RETURN(const auto weights, OpenWeights(path));
    for (const StoredTensor& tensor : weights->tensors()) {
        const std::string name = PlainTensorName(tensor.name);
        if (name != "score.weight" && name != "classifier.weight") continue;
        if (tensor.shape.size() != 2 || tensor.shape[0] < 1 ||
            tensor.shape[0] > static_cast<int64_t>(kMaxLabels))
            return ModelError("{}: {} must have 1 to {} rows, one for each label", path,
                              tensor.name, kMaxLabels);
        return tensor.shape[0];
    }
    return ModelError(
        "{}: it has no head (score.weight), though its task type is one that classifies", path);
}

}  // namespace

std::string_view TaskTypeOf(HeadKind head) {
    switch (head) {
        case HeadKind::kSequence:
            return "SEQ_CLS";
        case HeadKind::kToken:
            return "TOKEN_CLS";
        case HeadKind::kLanguageModel:
            break;
    }
    return "CAUSAL_LM";
}

bool MakesEmbeddings(const LoraConfig& config) {
    return config.task_type.compare(kFeatureExtraction) == 0;
}

LoraConfig WithHead(const ModelFiles& files, LoraConfig config) {
    const bool embeds = MakesEmbeddings(config);
    config.task_type = TaskTypeOf(files.config.head);
    if (files.config.head == HeadKind::kLanguageModel) {
        if (embeds) config.task_type = kFeatureExtraction;
        return config;
    }
    const std::string module = LabelHeadModule(files);
    auto& saved = config.modules_to_save;
    if (std::find(saved.begin(), saved.end(), module) == saved.end()) saved.push_back(module);
    return config;
}

absl::Status UseAdapterHead(const std::string& folder, ModelFiles& files) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(folder));
    const HeadKind head = HeadOf(config);
    if (head == HeadKind::kLanguageModel) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(const int64_t rows, HeadRows(folder));
    std::vector<std::string> labels = NumberedLabels(rows);
    bool multi = false;
    std::error_code error;
    if (const std::string path = LabelsPath(folder); std::filesystem::exists(path, error)) {
        HONE_ASSIGN_OR_RETURN(const Json json, ReadJsonObject(path));
        HONE_ASSIGN_OR_RETURN(labels, LabelsFromJson(json.value("id2label", Json()), path));
        ConfigReader reader(json, path);
        multi = reader.Text("problem_type", "") == kMulti;
        HONE_RETURN_IF_ERROR(reader.status());
        if (static_cast<int64_t>(labels.size()) != rows)
            return ModelError("{} names {} labels, and the adapter's head has {} rows", path,
                              labels.size(), rows);
    }
    GiveLabelHead(files, head, labels, head == HeadKind::kSequence && multi, 0);
    return absl::OkStatus();
}

absl::StatusOr<LoraConfig> FittingHead(const ModelFiles& files, const LoraConfig& config) {
    const HeadKind head = files.config.head;
    if (HeadOf(config) != head)
        return ModelError("the adapter's task_type is {}, and the model ends in a head for {}",
                          config.task_type, TaskTypeOf(head));
    LoraConfig fitting = WithHead(files, config);
    if (head == HeadKind::kLanguageModel) return fitting;
    const std::string module = LabelHeadModule(files);
    std::erase_if(fitting.modules_to_save, [&](const std::string& name) {
        return name != module && (name == "classifier" || name == "score");
    });
    return fitting;
}

absl::Status WriteAdapterLabels(const ModelConfig& config, const std::string& folder) {
    if (config.head == HeadKind::kLanguageModel) return absl::OkStatus();
    Json json = {{"id2label", LabelsJson(config.labels)}};
    if (config.head == HeadKind::kSequence) json["problem_type"] = ProblemType(config);
    return WriteFileAtomic(LabelsPath(folder), JsonText(json));
}

}  // namespace hone
