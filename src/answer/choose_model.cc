#include "answer/choose_model.h"

#include "train/resolve/model_choice.h"

namespace hone {

absl::StatusOr<ChosenModel> ChosenModel::Choose(const std::string& model,
                                                const std::string& adapter) {
    ChosenModel chosen;
    HONE_ASSIGN_OR_RETURN(chosen.adapter, FindAdapterFolder(adapter));
    HONE_ASSIGN_OR_RETURN(chosen.name, ChooseModel(model, chosen.adapter, chosen.notes));
    chosen.form = FindTrainedForm(chosen.adapter, model, chosen.warnings);
    return chosen;
}

}  // namespace hone
