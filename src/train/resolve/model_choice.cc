#include "train/resolve/model_choice.h"

#include <filesystem>

#include "adapt/lora.h"
#include "base/files/file.h"
#include "hub/catalogue.h"
#include "train/loop/checkpoint.h"

namespace hone {
namespace {

constexpr char kDefaultModel[] = "smollm2-135m-instruct";

}  // namespace

absl::StatusOr<std::string> ChooseModel(const std::string& model, const std::string& adapter_folder,
                                        std::vector<std::string>& notes, std::string_view option) {
    if (!model.empty()) return model;
    if (adapter_folder.empty()) {
        notes.push_back(fmt::format("no {}: using {}", option, kDefaultModel));
        return kDefaultModel;
    }
    HONE_ASSIGN_OR_RETURN(LoraConfig config, ReadAdapterConfig(adapter_folder));
    if (config.base_model_name_or_path.empty()) {
        return UsageError("{} does not say which model it belongs to: give {}", adapter_folder,
                          option);
    }
    const std::string base = CatalogueName(config.base_model_name_or_path);
    notes.push_back(fmt::format("no {}: using {}, which the adapter was made for", option, base));
    return base;
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
