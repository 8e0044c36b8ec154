// The cache folder's layout, and the Hub's description of a repository: what hub.cc fetches and
// where it puts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files/json_file.h"
#include "base/status.h"
#include "hub/hub.h"

namespace hone {

// No file of a repository is larger.
inline constexpr int64_t kMaxFileBytes = int64_t{1} << 40;

struct HubFile {
    std::string name;      // a model's has no folders
    int64_t size = 0;      // -1: the Hub does not say
    std::string sha256;    // of large files; empty for small ones
    std::string git_blob;  // of small ones: git's hash of the blob
};

struct RepoListing {
    std::string revision;  // the commit
    std::vector<HubFile> files;
};

// The answer of GET /api/models/REPO?blobs=true or of its like for data sets: an object with the
// array "siblings".
absl::StatusOr<nlohmann::json> ParseDescription(std::string_view body, const std::string& repo);
// The commit and all files of a description, their names not looked at.
absl::StatusOr<RepoListing> ListFiles(const nlohmann::json& description, const std::string& repo);
// An error where the Hub left out the size of a file that is to be fetched.
absl::Status CheckSizesKnown(const RepoListing& listing, const std::string& repo);

// What hone needs of a model's description. An error when the repository has no config, tokenizer
// or safetensors.
absl::StatusOr<RepoListing> ParseListing(std::string_view body, const std::string& repo);

// SHA-1 over "blob SIZE\0" and the bytes, as git names a file.
std::string GitBlobHash(std::string_view bytes);

// ORG--REPO for org/repo.
std::string FolderName(std::string repo);
// CACHE/models/ORG--REPO, or CACHE/models/NAME.
std::string CacheFolder(const std::string& repo_or_name, const HubOptions& options);

// manifest.json: {"source", "revision", "files": [{"name", "size", "sha256" or "git_blob"}]}.
// Written last.
absl::Status WriteManifest(const std::string& folder, const std::string& source,
                           const std::string& revision, const std::vector<HubFile>& files);
// The paths of the manifest's files; nullopt when there is no manifest, or a file that it lists
// does not have the size that it says.
std::optional<std::vector<std::string>> FilesOf(const std::string& folder);
// Whether there is a manifest, and every file that it lists has the size that it says.
bool IsComplete(const std::string& folder);
// The manifest's "source"; empty when there is none.
std::string SourceOf(const std::string& folder);

}  // namespace hone
