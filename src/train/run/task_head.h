// The head that a run's task needs.
#pragma once

#include "data/options.h"
#include "model/files/model_files.h"
#include "train/options/options.h"

namespace hone {

// What rows to read for the task, with the names of the labels where the model or the adapter to
// start from classifies already: those stay. Such an adapter's head is then in `files`. An error of
// kind kUsage where the model or the adapter is for another task.
absl::StatusOr<LabelOptions> OpenTaskHead(const FinetuneOptions& options, ModelFiles& files);

// Once the labels are known, before the model is loaded: the head of a task that classifies.
void GiveTaskHead(const FinetuneOptions& options, const std::vector<std::string>& labels,
                  ModelFiles& files);

}  // namespace hone
