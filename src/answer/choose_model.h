// Which model is meant: what a user names, found, and what the run that made it says of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "answer/trained_form.h"
#include "base/status.h"

namespace hone {

struct ChosenModel {
    std::string name;     // as it was named, or what was chosen
    std::string adapter;  // the folder of the adapter; empty: none
    // How the run that made the adapter, or without one the model, put its rows; none: not known.
    std::optional<TrainedForm> form;
    std::vector<std::string> notes;     // what was chosen for the user, as whole sentences
    std::vector<std::string> warnings;  // likewise, what may be wrong

    // `model` and `adapter` as ChooseModel and FindAdapterFolder of train/resolve/model_choice.h take them.
    // Nothing is fetched.
    static absl::StatusOr<ChosenModel> Choose(const std::string& model, const std::string& adapter);
};

}  // namespace hone
