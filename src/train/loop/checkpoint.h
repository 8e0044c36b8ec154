// Checkpoints: OUT/checkpoints/step-N, whole or not there.
//
// A checkpoint is written into a folder with a temporary name, file by file and synced;
// manifest.json, with the size and SHA-256 of every other file, comes last; then the folder takes
// its name. So a folder called step-N without a manifest that fits was damaged later, and is
// refused.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/linear/parameters.h"
#include "nlohmann/json.hpp"
#include "train/optim/optimizer.h"

namespace hone {

struct CheckpointEntry {
    int64_t step = 0;
    std::string folder;
};

// The folders ROOT/step-N, newest first; not verified. A root that does not exist has none.
std::vector<CheckpointEntry> ListCheckpoints(const std::string& root);

// Makes ROOT/step-N of what `write_files` puts into the folder that it is given. On any error
// nothing of it remains, and an older ROOT/step-N stays as it was; otherwise that one is replaced.
// Errors are of kind kTraining.
absl::StatusOr<std::string> WriteCheckpoint(
    const std::string& root, int64_t step,
    const std::function<absl::Status(const std::string& folder)>& write_files);

// Seconds that WriteCheckpoint will take for so many bytes, from a file of a 16th of them or 32 MB
// that is written, hashed and removed in the nearest folder above `root` that exists; 0 if none can
// be written.
double TimeSaving(const std::string& root, size_t bytes);

// Whether the folder has a manifest.json at all.
bool IsCheckpointFolder(const std::string& folder);

// Compares every file with the manifest. The error (kind kTraining) says which file is missing or
// differs.
absl::Status VerifyCheckpoint(const std::string& folder);

// A text of the configuration that a checkpoint was made with, not verified; empty: it has none.
std::string StoredText(const std::string& folder, const std::string& key);

// Removes what an interrupted WriteCheckpoint left.
void RemoveUnfinishedCheckpoints(const std::string& root);

// Keeps the newest `limit` checkpoints, counting that of `best_step` (0: none) among them: it is
// never removed, nor is the newest. limit 0: keeps all.
absl::Status PruneCheckpoints(const std::string& root, int64_t limit, int64_t best_step);

// What an optimiser keeps, as safetensors.
absl::Status WriteStates(const std::string& path, const std::vector<OptimizerState>& states);
// The states' bytes (=). Names, shapes and types must be theirs.
absl::Status ReadStates(const std::string& path, const std::vector<OptimizerState>& states);

// parameters.values() as safetensors, f32, each slice under its name; and = from there.
absl::Status WriteValues(const std::string& path, ParameterSet& parameters);
absl::Status ReadValues(const std::string& path, ParameterSet& parameters);

// What differs between two flat or nested objects, as "key: A there, B here" per difference; empty:
// nothing.
std::vector<std::string> Differences(const nlohmann::ordered_json& there,
                                     const nlohmann::ordered_json& here);

}  // namespace hone
