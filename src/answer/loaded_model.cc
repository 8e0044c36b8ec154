#include "answer/loaded_model.h"

#include "adapt/brought_weights.h"
#include "adapt/lora.h"
#include "hub/catalogue.h"

namespace hone {

absl::StatusOr<OpenedModel> OpenChosen(ChosenModel chosen) {
    OpenedModel opened;
    opened.chosen = std::move(chosen);
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(opened.chosen.name));
    HONE_ASSIGN_OR_RETURN(opened.files, OpenModel(path));
    HONE_ASSIGN_OR_RETURN(opened.chat, OpenChat(*opened.files));
    HONE_ASSIGN_OR_RETURN(opened.encoder, opened.chat->MakeEncoder());
    return opened;
}

absl::StatusOr<LoadedModel> LoadOpened(OpenedModel opened, const LoadOptions& options,
                                       const Context& context) {
    LoadedModel loaded;
    static_cast<OpenedModel&>(loaded) = std::move(opened);
    const std::string& adapter = loaded.chosen.adapter;
    if (!adapter.empty()) HONE_RETURN_IF_ERROR(UseBroughtWeights(adapter, *loaded.files));
    HONE_ASSIGN_OR_RETURN(loaded.model, Model::Load(*loaded.files, options, context));
    if (!adapter.empty())
        HONE_RETURN_IF_ERROR(LoadAdapter(*loaded.model, adapter, context).status());
    return loaded;
}

absl::StatusOr<LoadedModel> LoadChosen(ChosenModel chosen, const LoadOptions& options,
                                       const Context& context) {
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, OpenChosen(std::move(chosen)));
    return LoadOpened(std::move(opened), options, context);
}

}  // namespace hone
