// The head of labels of an adapter that classifies (PEFT's task types SEQ_CLS and TOKEN_CLS): its
// weights are in the adapter's file, its labels in labels.json beside it, which PEFT has no place
// for:
//   {"id2label": {"0": "no", "1": "yes"}, "problem_type": "single_label_classification"}
#pragma once

#include <string>
#include <string_view>

#include "adapt/lora.h"
#include "base/status.h"
#include "model/files/model_files.h"

namespace hone {

// PEFT's word: "SEQ_CLS".
std::string_view TaskTypeOf(HeadKind head);

// Whether the adapter was made for embeddings: task type kFeatureExtraction.
bool MakesEmbeddings(const LoraConfig& config);

// The configuration of a new adapter for those files: its task type, and a head of labels among
// modules_to_save.
LoraConfig WithHead(const ModelFiles& files, LoraConfig config);

// Before Model::Load: where the adapter of that folder classifies, `files` get its head (see
// GiveLabelHead), whose weights LoadAdapter then reads. Without labels.json the labels are LABEL_0
// and so on, as many as the adapter's head has rows.
absl::Status UseAdapterHead(const std::string& folder, ModelFiles& files);

// The configuration without names of heads that the family has not: PEFT writes both "classifier"
// and "score". An error of kind kModel where the adapter is for another head than that of the
// files.
absl::StatusOr<LoraConfig> FittingHead(const ModelFiles& files, const LoraConfig& config);

// labels.json, where the config has labels.
absl::Status WriteAdapterLabels(const ModelConfig& config, const std::string& folder);

}  // namespace hone
