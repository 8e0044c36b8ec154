// Several adapters in one run: --task_data.
#pragma once

#include <vector>

#include "base/status.h"
#include "train/options/given.h"
#include "train/options/options.h"

namespace hone {

// The options of one run for each task of task_data, in their order: its rows, its name, and
// OUTPUT/NAME. Without task_data the options themselves.
std::vector<FinetuneOptions> TasksOf(const FinetuneOptions& options);

// An error of kind kUsage where a name is no name of a folder, or comes twice, or a task has no
// rows.
absl::Status CheckTasks(const FinetuneOptions& options, const OptionNames& names);

}  // namespace hone
