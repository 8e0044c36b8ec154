// Which model is meant: what a user names, found, and what the run that made it says of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "answer/trained_form.h"
#include "base/status.h"

namespace hone {

// Where neither a model nor an adapter is named.
inline constexpr char kDefaultModel[] = "smollm2-135m-instruct";

struct ChosenModel {
    std::string name;     // as it was named, or what was chosen
    std::string adapter;  // the folder of the adapter; empty: none
    // How the run that made the adapter, or without one the model, put its rows; none: not known.
    std::optional<TrainedForm> form;
    std::vector<std::string> notes;     // what was chosen for the user, as whole sentences
    std::vector<std::string> warnings;  // likewise, what may be wrong
};

// `model`: a catalogue name, org/repo, a folder or a .gguf file; empty: what the adapter was made
// for, else kDefaultModel. `adapter`: as FindAdapterFolder takes it. Nothing is fetched.
absl::StatusOr<ChosenModel> ChooseModel(const std::string& model, const std::string& adapter);

// The folder that holds adapter_config.json: `path` or `path`/adapter, of a run's folder. Empty
// stays empty. An error of kind kModel says what lies there instead.
absl::StatusOr<std::string> FindAdapterFolder(const std::string& path);

}  // namespace hone
