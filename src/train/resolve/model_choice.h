// Which model and which adapter somebody means who names one, the other or neither.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hone {

// `model` itself, or the base that the adapter names, or the default model; in the last two cases a
// sentence is added to notes. `option` is what the caller's user would say the model with.
absl::StatusOr<std::string> ChooseModel(const std::string& model, const std::string& adapter_folder,
                                        std::vector<std::string>& notes,
                                        std::string_view option = "--model_name_or_path");

// The folder that holds adapter_config.json: `path` or `path`/adapter; empty stays empty. The
// error, of kind kModel, says what lies there instead.
absl::StatusOr<std::string> FindAdapterFolder(const std::string& path);

}  // namespace hone
