// Fetching a repository's files from the Hub into a folder of the cache: what models and data sets
// share.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/status.h"
#include "hub/hub.h"
#include "hub/hub_cache.h"

namespace hone {

// Where a repository lies on the Hub.
struct HubPlace {
    std::string repo;     // org/name
    std::string api;      // it is described at ENDPOINT/api/API/REPO
    std::string path;     // its page is ENDPOINT/PATH, a file ENDPOINT/PATH/resolve/REVISION/NAME
    std::string instead;  // for messages: what to give where the Hub cannot be reached
};
HubPlace ModelPlace(const std::string& repo);
HubPlace DatasetPlace(const std::string& repo);

// Held while a folder of the cache is written (FOLDER.lock): a second process waits for the first
// and then finds its work.
class FolderLock {
  public:
    static absl::StatusOr<FolderLock> Take(const std::string& folder);
    FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FolderLock& operator=(FolderLock&&) = delete;
    ~FolderLock();

  private:
    explicit FolderLock(int fd) : fd_(fd) {}
    int fd_;
};

// The Hub's description of the repository, as JSON text with the sizes and hashes of its files.
// Errors of kind kModel say the cure: a token, the licence to accept, a name, the network.
absl::StatusOr<std::string> FetchDescription(const HubPlace& place, const HubOptions& options);

// Fetches listing.files into `folder` and writes its manifest with `source` last; does nothing
// where that stands already. Goes on where an earlier download stopped, checks sizes and hashes. A
// name may have folders, which the caller has found safe. Errors as FetchDescription's.
absl::Status FillFolder(const HubPlace& place, const RepoListing& listing,
                        const std::string& source, const std::string& folder,
                        const HubOptions& options, const ProgressCallback& progress);

// The file's size in bytes; -1 where there is none.
int64_t SizeOf(const std::string& path);
// Whether the file at `path` has the hash of `file`; an error of kind kModel says that it does not.
absl::Status CheckHash(const std::string& path, const HubFile& file);

}  // namespace hone
