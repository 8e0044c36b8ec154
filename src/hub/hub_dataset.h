// Data sets from the Hugging Face Hub into the cache folder.
//
// They lie in CACHE/datasets/ORG--REPO, or ORG--REPO--SUBSET, with the folders that they have in
// the repository, and with manifest.json as models have it (hub.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hub/hub.h"
#include "hub/hub_cache.h"

namespace hone {

// The files of a data set that hone reads, out of its description (GET
// /api/datasets/REPO?blobs=true); an error of kind kData says which subsets there are. `subset`: a
// configuration that its card declares, else a folder or the first word of file names. Empty: the
// only configuration, or the card's default, or every file. Where the files have several formats,
// the one of most files counts, as in the Python library. Hidden files and those that describe the
// data set are left out.
absl::StatusOr<RepoListing> ParseDataset(std::string_view description, const std::string& repo,
                                         const std::string& subset);

// The paths of a complete copy in the cache; nullopt when there is none.
std::optional<std::vector<std::string>> FindDataset(const std::string& repo,
                                                    const std::string& subset,
                                                    const HubOptions& options);

// Downloads the files that FindDataset does not find and returns their paths. Sizes and hashes are
// checked, and a broken download goes on where it stopped. Errors of kind kData say the cure: a
// token, the licence to accept, a name, the network.
absl::StatusOr<std::vector<std::string>> PullDataset(const std::string& repo,
                                                     const std::string& subset,
                                                     const HubOptions& options,
                                                     const ProgressCallback& progress);

}  // namespace hone
