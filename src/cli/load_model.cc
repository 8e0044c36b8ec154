#include "cli/load_model.h"

#include <filesystem>

#include "adapt/base_adapter.h"
#include "adapt/brought_weights.h"
#include "adapt/lora.h"
#include "base/watch.h"
#include "cli/flags/finetune_flags.h"
#include "cli/terminal/live_line.h"
#include "cli/terminal/progress.h"
#include "hub/catalogue.h"
#include "hub/hub_dataset.h"

namespace hone {
namespace {

// What `pull` returns; it is handed what shows its progress.
template <typename Pull>
auto WithLiveLine(const std::string& name, const HubOptions& hub, const Pull& pull) {
    LiveLine line(stderr);
    line.Say(fmt::format("fetching {} into {}", name, hub.cache));
    auto pulled = pull([&](const PullProgress& progress) { line.Show(PullLine(progress)); });
    line.Clear();
    return pulled;
}

}  // namespace

absl::Status FetchModel(const std::string& model_name_or_path) {
    std::error_code error;
    if (std::filesystem::exists(model_name_or_path, error)) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_ASSIGN_OR_RETURN(std::string path, LocateModel(model_name_or_path, hub));
    if (!path.empty()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(hub.RequireCache());
    return WithLiveLine(model_name_or_path, hub,
                        [&](const ProgressCallback& progress) {
                            return PullModel(model_name_or_path, hub, progress);
                        })
        .status();
}

absl::StatusOr<std::vector<std::string>> FetchDataset(const std::string& repo,
                                                      const std::string& subset) {
    HONE_ASSIGN_OR_RETURN(HubOptions hub, HubOptions::FromEnvironment());
    HONE_RETURN_IF_ERROR(hub.RequireCache());
    if (auto found = FindDataset(repo, subset, hub)) return *std::move(found);
    return WithLiveLine(repo, hub, [&](const ProgressCallback& progress) {
        return PullDataset(repo, subset, hub, progress);
    });
}

absl::StatusOr<std::shared_ptr<const ConversationEncoder>> MakeEncoder(const ModelFiles& files) {
    HONE_ASSIGN_OR_RETURN(
        std::shared_ptr<const ConversationEncoder> encoder,
        ConversationEncoder::Create(files.tokenizer,
                                    files.has_chat_template ? files.chat_template : nullptr,
                                    files.config.eos_token_ids, files.config.vocab_size));
    return encoder;
}

absl::StatusOr<LoadedModel> OpenOnly(const ModelFlags& flags) {
    LoadedModel loaded;
    std::vector<std::string> notes;
    if (flags.trust_remote_code) {
        notes.push_back("--trust_remote_code: hone never runs code that comes with a model");
    }
    HONE_ASSIGN_OR_RETURN(loaded.adapter, FindAdapterFolder(flags.adapter_path));
    HONE_ASSIGN_OR_RETURN(loaded.name,
                          ChooseModel(flags.model_name_or_path, loaded.adapter, notes));
    for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", note);
    HONE_RETURN_IF_ERROR(FetchModel(loaded.name));
    HONE_ASSIGN_OR_RETURN(loaded.files, OpenModel(loaded.name));
    HONE_ASSIGN_OR_RETURN(loaded.encoder, MakeEncoder(*loaded.files));
    return loaded;
}

absl::StatusOr<LoadedModel> LoadModel(const ModelFlags& flags, const LoadOptions& options,
                                      const Context& context) {
    HONE_ASSIGN_OR_RETURN(LoadedModel loaded, OpenOnly(flags));
    if (!loaded.adapter.empty())
        HONE_RETURN_IF_ERROR(UseBroughtWeights(loaded.adapter, *loaded.files));
    LiveLine line(stderr);
    WorkLine work(line, NowSeconds);
    const ScopedWatcher watcher([&](double share, int64_t) {
        work.Show({.what = "reading the model", .detail = loaded.name, .share = share});
        return true;
    });
    HONE_ASSIGN_OR_RETURN(loaded.model, Model::Load(*loaded.files, options, context));
    if (!loaded.adapter.empty()) {
        HONE_RETURN_IF_ERROR(LoadAdapter(*loaded.model, loaded.adapter, context).status());
    }
    return loaded;
}

absl::StatusOr<NamedFolder> ReadNamedFolder(const std::string& word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
        return UsageError("--adapter \"{}\" is not of the form NAME=FOLDER", word);
    return NamedFolder{word.substr(0, equals), word.substr(equals + 1)};
}

absl::Status AddAdapters(const std::vector<std::string>& named, const LoadedModel& loaded,
                         Generator& generator) {
    for (const std::string& word : named) {
        HONE_ASSIGN_OR_RETURN(const NamedFolder beside, ReadNamedFolder(word));
        HONE_ASSIGN_OR_RETURN(const std::string folder, FindAdapterFolder(beside.folder));
        HONE_ASSIGN_OR_RETURN(auto adapter, OpenAdapter(*loaded.model, folder));
        HONE_RETURN_IF_ERROR(generator.AddAdapter(beside.name, std::move(adapter)));
    }
    return absl::OkStatus();
}

}  // namespace hone
