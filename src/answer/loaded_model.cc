#include "answer/loaded_model.h"

#include "adapt/adapter_head.h"
#include "adapt/brought_weights.h"
#include "adapt/lora.h"
#include "hub/catalogue.h"

namespace hone {

absl::StatusOr<OpenedModel> OpenChosen(ChosenModel chosen) {
    OpenedModel opened;
    opened.chosen = std::move(chosen);
    HONE_ASSIGN_OR_RETURN(const std::string path, LocateOrPullModel(opened.chosen.name));
    HONE_ASSIGN_OR_RETURN(opened.files, OpenModel(path));
    if (!opened.chosen.adapter.empty())
        HONE_RETURN_IF_ERROR(UseAdapterHead(opened.chosen.adapter, *opened.files));
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

absl::Status CheckGenerates(const OpenedModel& opened) {
    const std::string& adapter = opened.chosen.adapter;
    if (!adapter.empty()) {
        HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(adapter));
        if (MakesEmbeddings(config))
            return UsageError(
                "{} makes embeddings and writes no answers: use `hone embed`, or `hone evaluate` "
                "for rows of two texts and a label",
                adapter);
    }
    if (opened.files->config.head == HeadKind::kLanguageModel) return absl::OkStatus();
    return UsageError(
        "{} classifies {} ({}) and writes no answers: use `hone classify`, or `hone evaluate` for "
        "rows with labels",
        adapter.empty() ? opened.chosen.name : adapter,
        opened.files->config.head == HeadKind::kSequence ? "texts" : "the words of texts",
        opened.files->config.architecture);
}

absl::StatusOr<LoadedModel> LoadChosen(ChosenModel chosen, const LoadOptions& options,
                                       const Context& context) {
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, OpenChosen(std::move(chosen)));
    HONE_RETURN_IF_ERROR(CheckGenerates(opened));
    return LoadOpened(std::move(opened), options, context);
}

}  // namespace hone
