// A job: what `hone worker` runs, as a file. docs/events.md describes it.
#pragma once

#include <string>
#include <string_view>

#include "train/options/options.h"

namespace hone {

// {"version": 1, "kind": "finetune", "options": {...}}: the options are those of
// OUTPUT/config.json. Other members, another version or kind, and options that finetune has not are
// errors of kind kUsage; `what` names the text in them. The options' values are not checked
// (ValidateOptions).
absl::StatusOr<FinetuneOptions> ParseJob(std::string_view text, std::string_view what);
// The inverse, for whoever writes the file.
std::string JobText(const FinetuneOptions& options);

// ParseJob of a file, of at most a megabyte.
absl::StatusOr<FinetuneOptions> ReadJob(const std::string& path);

}  // namespace hone
