#include "train/output/adapter_folders.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/files/json_file.h"
#include "train/output/output_folder.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr int kMostDepth = 3;
constexpr int64_t kMostFolders = 100'000;

bool HoldsAdapterConfig(const fs::path& folder) {
    std::error_code error;
    return fs::is_regular_file(folder / "adapter_config.json", error);
}

// Whether a run of hone's wrote into the folder, and has an adapter.
bool IsRunWithAdapter(const fs::path& folder) {
    std::error_code error;
    return HoldsAdapterConfig(folder / "adapter") && fs::exists(folder / "run.json", error);
}

AdapterListing Describe(const fs::path& adapter) {
    AdapterListing listing;
    const fs::path run = adapter.parent_path();
    const bool of_run = adapter.filename() == "adapter" && IsRunWithAdapter(run);
    listing.path = (of_run ? run : adapter).lexically_normal().string();
    if (of_run) {
        const auto json = ReadJsonObject((run / "run.json").string());
        if (json.ok() && json->contains("task_name") && json->at("task_name").is_string())
            listing.task_name = json->at("task_name").get<std::string>();
    }
    auto config = ReadAdapterConfig(adapter.string());
    auto weights = AdapterWeightsPath(adapter.string());
    const absl::Status status = config.ok() ? weights.status() : config.status();
    listing.problem = std::string(status.message());
    if (config.ok()) listing.config = *std::move(config);
    std::error_code error;
    if (weights.ok()) listing.bytes = static_cast<int64_t>(fs::file_size(*weights, error));
    return listing;
}

// What hone and PEFT put beside an adapter's weights.
bool IsOfAdapter(const fs::path& name) {
    static constexpr std::string_view kNames[] = {
        "adapter_config.json", "adapter_model.safetensors",
        "adapter_model.bin",   "labels.json",
        "modules.json",        "1_Pooling",
        "README.md",           ".gitattributes",
        "training_args.bin",   kTrainedFormFile};
    return std::find(std::begin(kNames), std::end(kNames), name.string()) != std::end(kNames);
}

bool IsOfRun(const fs::path& name) {
    static constexpr std::string_view kNames[] = {"adapter",       "model",    "checkpoints",
                                                  "metrics.jsonl", "logs",     "run.json",
                                                  "config.json",   "loss.svg", "README.md"};
    return std::find(std::begin(kNames), std::end(kNames), name.string()) != std::end(kNames);
}

// The bytes of a folder in which every name is known; an error names one that is not.
absl::StatusOr<int64_t> BytesToRemove(const fs::path& folder, bool (*known)(const fs::path&)) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
        if (!known(entry.path().filename()))
            return UsageError(
                "{} holds {}, which is no part of an adapter: move it away, or remove the folder "
                "yourself",
                folder.string(), entry.path().filename().string());
    int64_t bytes = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, error))
        if (entry.is_regular_file(error)) bytes += static_cast<int64_t>(entry.file_size(error));
    if (error) return OtherError("{} cannot be read: {}", folder.string(), error.message());
    return bytes;
}

}  // namespace

absl::StatusOr<std::vector<AdapterListing>> ListAdapters(const std::string& root) {
    std::error_code error;
    if (!fs::is_directory(root, error)) return UsageError("{} is no folder", root);
    std::vector<AdapterListing> adapters;
    if (HoldsAdapterConfig(root)) adapters.push_back(Describe(root));
    const auto options = fs::directory_options::skip_permission_denied;
    int64_t folders = 0;
    for (fs::recursive_directory_iterator entry(root, options, error), end; !error && entry != end;
         entry.increment(error)) {
        if (!entry->is_directory(error)) continue;
        if (++folders > kMostFolders)
            return UsageError("{} has more than {} folders: name one with fewer", root,
                              kMostFolders);
        const std::string name = entry->path().filename().string();
        if (name.starts_with('.') || name == "checkpoints") {
            entry.disable_recursion_pending();
            continue;
        }
        if (entry.depth() + 1 >= kMostDepth) entry.disable_recursion_pending();
        if (!HoldsAdapterConfig(entry->path())) continue;
        adapters.push_back(Describe(entry->path()));
        entry.disable_recursion_pending();
    }
    if (error) return OtherError("{} cannot be read: {}", root, error.message());
    std::sort(adapters.begin(), adapters.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return adapters;
}

absl::StatusOr<int64_t> RemoveAdapter(const std::string& path) {
    fs::path folder = fs::path(path).lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();  // a slash at the end
    std::error_code error;
    if (fs::is_symlink(folder, error))
        return UsageError("{} is a link: name the folder itself", path);
    const fs::path parent = folder.parent_path();
    if (folder.filename() == "adapter" && IsRunWithAdapter(parent))
        return UsageError("{} is of the run {}: name that, and all of it is removed", path,
                          parent.string());
    const bool of_run = IsRunWithAdapter(folder);
    if (!of_run && !HoldsAdapterConfig(folder))
        return UsageError(
            "{} is no adapter: neither it nor its folder adapter holds "
            "adapter_config.json",
            path);
    std::unique_ptr<OutputFolder> claimed;  // no run is at work there
    if (of_run) {
        HONE_ASSIGN_OR_RETURN(claimed, OutputFolder::Claim(folder.string()));
    }
    HONE_ASSIGN_OR_RETURN(const int64_t bytes,
                          BytesToRemove(folder, of_run ? IsOfRun : IsOfAdapter));
    fs::remove_all(folder, error);
    if (error)
        return OtherError("{} cannot be removed whole: {}", folder.string(), error.message());
    return bytes;
}

}  // namespace hone
