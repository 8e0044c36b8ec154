// A model made ready for use: fetched, opened, loaded, with its adapter.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/flags/common_flags.h"
#include "data/format/tokenize.h"
#include "infer/generator.h"
#include "model/model.h"

namespace hone {

// Fetches the model into the cache, with a line of progress, where it is not there yet.
absl::Status FetchModel(const std::string& model_name_or_path);

// The same for data sets of the Hub.
absl::StatusOr<std::vector<std::string>> FetchDataset(const std::string& repo,
                                                      const std::string& subset);

struct LoadedModel {
    std::string name;     // what the user typed, or what was chosen
    std::string adapter;  // folder; empty: none
    std::unique_ptr<ModelFiles> files;
    std::unique_ptr<Model> model;  // null after OpenOnly
    std::shared_ptr<const ConversationEncoder> encoder;
};

// The encoder of messages and texts that training uses too.
absl::StatusOr<std::shared_ptr<const ConversationEncoder>> MakeEncoder(const ModelFiles& files);

// The model and adapter of the flags, as ChooseModel decides; what was decided is said on standard
// error. OpenOnly leaves the weights on the disk.
absl::StatusOr<LoadedModel> OpenOnly(const ModelFlags& flags);
absl::StatusOr<LoadedModel> LoadModel(const ModelFlags& flags, const LoadOptions& options,
                                      const Context& context);

// A "NAME=FOLDER" word.
struct NamedFolder {
    std::string name, folder;
};
absl::StatusOr<NamedFolder> ReadNamedFolder(const std::string& word);

// "NAME=FOLDER" words: each adapter beside the base of `loaded`, added to the generator under its
// name. FOLDER may be that of a run.
absl::Status AddAdapters(const std::vector<std::string>& named, const LoadedModel& loaded,
                         Generator& generator);

}  // namespace hone
