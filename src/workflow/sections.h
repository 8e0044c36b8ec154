// The sections of an Olive workflow that say what to train and on what, each read into options.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "workflow/section_reader.h"

namespace hone {

// Why no section takes a script.
inline constexpr std::string_view kNoCode =
    "hone runs no code that comes with a model or a configuration";

// `model` or `input_model`: Olive's HfModel (or PyTorchModel) with its config, or without one.
absl::Status ReadModelSection(const NodeEntry& entry, const std::string& path,
                              SectionReader& reader);

// One entry of `data_configs`, as training rows or as evaluation rows; those of the evaluation come
// after those of the training. `path` is what the entry is called.
enum class RowsFor { kTraining, kEvaluation };
absl::Status ReadDataSection(const Node& data, const std::string& path, RowsFor purpose,
                             SectionReader& reader);

// `training_args` of a pass, `training_config`: the names of transformers.TrainingArguments, and
// every option of hone.
absl::Status ReadTrainingArguments(const NodeEntry& entry, const std::string& path,
                                   SectionReader& reader);

}  // namespace hone
