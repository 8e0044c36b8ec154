// Heads of labels: a linear layer behind the last norm that classifies a sequence or its tokens, in
// the place of the one that predicts the next token. transformers calls such models
// ...ForSequenceClassification and ...ForTokenClassification.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/config/arch.h"

namespace hone {

// "LlamaForSequenceClassification"; kind is not kLanguageModel.
std::string LabelArchitecture(const ArchSpec& arch, HeadKind kind);
// What a model of that architecture ends in, by the end of its name.
HeadKind HeadKindOf(std::string_view architecture);

// Of a config.json whose architecture has a head of labels: that head, with the labels of
// "id2label", or without one as many as "num_labels" says, named LABEL_0 and so on. Errors name the
// member.
absl::Status ReadLabelHead(const nlohmann::ordered_json& json, HeadKind kind, ModelConfig& config);

// The config of the same network with a head of labels, its json too.
ModelConfig WithLabelHead(const ArchSpec& arch, const ModelConfig& config, HeadKind kind,
                          const std::vector<std::string>& labels, bool multi_label);

// "LABEL_0", ...: transformers' names where nobody has named them.
std::vector<std::string> NumberedLabels(int64_t count);

// Members of config.json and of an adapter's labels.json: {"0": "no", "1": "yes"}, and
// transformers' word for how many can be right.
nlohmann::ordered_json LabelsJson(const std::vector<std::string>& labels);
std::string_view ProblemType(const ModelConfig& config);
// The inverse of LabelsJson: the ids are 0 and so on, each once, in any order; the names differ.
// Errors name `where`.
absl::StatusOr<std::vector<std::string>> LabelsFromJson(const nlohmann::ordered_json& json,
                                                        std::string_view where);

}  // namespace hone
