// Adapters as they lie in folders: which there are, and taking one away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapt/lora.h"
#include "base/status.h"

namespace hone {

// In the folder of an adapter that no run of hone's made, how those that did put their rows
// (answer/trained_form.h).
inline constexpr std::string_view kTrainedFormFile = "trained_form.json";

struct AdapterListing {
    std::string path;       // for --adapter_path: the folder of the run, or else the adapter's own
    std::string task_name;  // of the run; empty: none, or no run of hone's made it
    LoraConfig config;
    int64_t bytes = 0;    // of its weights
    std::string problem;  // why it cannot be used; empty: it can
};

// The adapters in `root` and up to three folders below, by their paths; folders of checkpoints and
// those whose names begin with a dot are left out. An error of kind kUsage where there is no such
// folder, or it is too large to look through.
absl::StatusOr<std::vector<AdapterListing>> ListAdapters(const std::string& root);

// Removes an adapter: the folder of the run that made it, with all that hone wrote there, or the
// folder that PEFT's files lie in. Returns the bytes that it took. An error of kind kUsage, and
// nothing is removed, where it holds anything else, a run is at work there, or it is no adapter.
absl::StatusOr<int64_t> RemoveAdapter(const std::string& path);

}  // namespace hone
