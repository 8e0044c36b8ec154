#include "cli/terminal/loading.h"

#include <filesystem>

#include "base/watch.h"
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

absl::StatusOr<OpenedModel> FetchAndOpen(ChosenModel chosen) {
    HONE_RETURN_IF_ERROR(FetchModel(chosen.name));
    return OpenChosen(std::move(chosen));
}

absl::StatusOr<LoadedModel> Load(OpenedModel opened, const LoadOptions& options,
                                 const Context& context) {
    LiveLine line(stderr);
    WorkLine work(line, NowSeconds);
    const ScopedWatcher watcher([&, name = opened.chosen.name](double share, int64_t) {
        work.Show({.what = "reading the model", .detail = name, .share = share});
        return true;
    });
    return LoadOpened(std::move(opened), options, context);
}

absl::StatusOr<LoadedModel> FetchAndLoad(ChosenModel chosen, const LoadOptions& options,
                                         const Context& context) {
    HONE_ASSIGN_OR_RETURN(OpenedModel opened, FetchAndOpen(std::move(chosen)));
    HONE_RETURN_IF_ERROR(CheckGenerates(opened));
    return Load(std::move(opened), options, context);
}

}  // namespace hone
