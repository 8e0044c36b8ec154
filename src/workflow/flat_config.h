// Options by their names, without the sections of a workflow: what `hone finetune --config` reads.
#pragma once

#include <string>

#include "base/status.h"
#include "train/options/given.h"
#include "workflow/document.h"

namespace hone {

// A file with options as its keys, or the config.json that a run wrote. Keys of other tools are
// answered as their flags are. Options that the file does not give are called by their flags.
absl::StatusOr<GivenOptions> ReadFlatConfig(const std::string& path);
absl::StatusOr<GivenOptions> ReadFlatConfig(const Document& document);

}  // namespace hone
