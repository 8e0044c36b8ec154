// --task: what the model is for, and which options that leaves.
#pragma once

#include "data/options.h"
#include "train/options/given.h"
#include "train/options/options.h"
#include "train/options/table.h"

namespace hone {

// An error of kind kUsage where the option belongs to other tasks alone.
absl::Status CheckTaskTakes(const OptionRow& option, const FinetuneOptions& options,
                            const OptionNames& names);

// What the task cannot be combined with.
absl::Status CheckTask(const FinetuneOptions& options, const OptionNames& names);

// The labels that the rows of the task have, without their names.
LabelOptions LabelsOf(const FinetuneOptions& options);

}  // namespace hone
