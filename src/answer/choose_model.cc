#include "answer/choose_model.h"

#include <filesystem>

#include "adapt/lora.h"
#include "hub/catalogue.h"
#include "train/loop/checkpoint.h"

namespace hone {
namespace {

bool IsFile(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

// The model that the adapter of that folder says it belongs to.
absl::StatusOr<std::string> BaseOf(const std::string& adapter) {
    HONE_ASSIGN_OR_RETURN(const LoraConfig config, ReadAdapterConfig(adapter));
    if (config.base_model_name_or_path.empty())
        return UsageError("{} does not say which model it belongs to: give --model_name_or_path",
                          adapter);
    return CatalogueName(config.base_model_name_or_path);
}

}  // namespace

absl::StatusOr<ChosenModel> ChooseModel(const std::string& model, const std::string& adapter) {
    ChosenModel chosen;
    HONE_ASSIGN_OR_RETURN(chosen.adapter, FindAdapterFolder(adapter));
    chosen.name = model;
    chosen.form = FindTrainedForm(chosen.adapter, model, chosen.warnings);
    if (!model.empty()) return chosen;
    if (chosen.adapter.empty()) {
        chosen.name = kDefaultModel;
        chosen.notes.push_back(fmt::format("no --model_name_or_path: using {}", chosen.name));
        return chosen;
    }
    HONE_ASSIGN_OR_RETURN(chosen.name, BaseOf(chosen.adapter));
    chosen.notes.push_back(fmt::format(
        "no --model_name_or_path: using {}, which the adapter was made for", chosen.name));
    return chosen;
}

absl::StatusOr<std::string> FindAdapterFolder(const std::string& path) {
    if (path.empty()) return path;
    const std::filesystem::path folder(path);
    // Whatever lies there under that name: if it is no file, reading it says what it is.
    std::error_code error;
    for (const std::filesystem::path& place : {folder, folder / "adapter"})
        if (std::filesystem::exists(place / "adapter_config.json", error)) return place.string();
    if (IsFile(folder / "model" / "config.json"))
        return ModelError(
            "{} is a run that trained every weight: its result is a model, {}, for "
            "--model_name_or_path",
            path, (folder / "model").string());
    for (const CheckpointEntry& checkpoint : ListCheckpoints((folder / "checkpoints").string()))
        if (IsFile(std::filesystem::path(checkpoint.folder) / "adapter_config.json"))
            return ModelError("{} has no adapter yet, its run is not finished: {} can be used",
                              path, checkpoint.folder);
    return ModelError(
        "{} is no adapter: neither it nor its folder adapter holds adapter_config.json", path);
}

}  // namespace hone
