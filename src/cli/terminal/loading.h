// Models and data sets fetched and loaded, with a line of progress.
#pragma once

#include <string>
#include <vector>

#include "answer/loaded_model.h"
#include "base/status.h"

namespace hone {

// Fetches the model into the cache where it is not there yet.
absl::Status FetchModel(const std::string& model_name_or_path);

// The same for data sets of the Hub.
absl::StatusOr<std::vector<std::string>> FetchDataset(const std::string& repo,
                                                      const std::string& subset);

// FetchModel, then OpenChosen or LoadChosen.
absl::StatusOr<OpenedModel> FetchAndOpen(ChosenModel chosen);
// LoadOpened.
absl::StatusOr<LoadedModel> Load(OpenedModel opened, const LoadOptions& options,
                                 const Context& context);
// Of a model that answers (CheckGenerates).
absl::StatusOr<LoadedModel> FetchAndLoad(ChosenModel chosen, const LoadOptions& options,
                                         const Context& context);

}  // namespace hone
