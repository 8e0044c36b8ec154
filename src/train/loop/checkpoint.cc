#include "train/loop/checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/files/file.h"
#include "base/files/hash.h"
#include "base/files/json_file.h"
#include "base/limits.h"
#include "model/weights/weights.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kTemporaryPrefix = ".unfinished-step-";
constexpr std::string_view kReplacedPrefix = ".replaced-step-";
constexpr char kManifest[] = "manifest.json";
constexpr int kFormat = 1;

std::string Join(const std::string& folder, std::string_view name) {
    return (fs::path(folder) / name).string();
}

// The files of a folder but the manifest, sorted.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (std::string name = entry->path().filename(); name != kManifest)
            names.push_back(std::move(name));
    if (error) return TrainingError("cannot list {}: {}", folder, error.message());
    std::sort(names.begin(), names.end());
    return names;
}

absl::Status WriteManifest(const std::string& folder, int64_t step) {
    HONE_ASSIGN_OR_RETURN(auto names, FilesIn(folder));
    Json files = Json::object();
    for (const std::string& name : names) {
        const std::string path = Join(folder, name);
        std::error_code error;
        const auto bytes = fs::file_size(path, error);
        if (error) return TrainingError("cannot read the size of {}: {}", path, error.message());
        HONE_ASSIGN_OR_RETURN(auto hash, Sha256File(path));
        files[name] = {{"bytes", bytes}, {"sha256", hash}};
    }
    Json manifest = {{"format", kFormat}, {"step", step}, {"files", files}};
    HONE_RETURN_IF_ERROR(WriteFileAtomic(Join(folder, kManifest), manifest.dump(2) + "\n"));
    return SyncDirectory(folder);
}

// The folder takes its name; one that has it already makes room, and goes when the new one stands.
absl::Status Publish(const std::string& temporary, const std::string& folder,
                     const std::string& replaced) {
    std::error_code error;
    const bool exists = fs::exists(folder, error);
    if (exists) HONE_RETURN_IF_ERROR(RenameFolder(folder, replaced));
    absl::Status renamed = RenameFolder(temporary, folder);
    if (!renamed.ok()) {
        if (exists && !fs::exists(folder, error)) fs::rename(replaced, folder, error);
        return renamed;
    }
    fs::remove_all(replaced, error);
    return absl::OkStatus();
}

}  // namespace

std::vector<CheckpointEntry> ListCheckpoints(const std::string& root) {
    std::vector<CheckpointEntry> entries;
    std::error_code error;
    for (fs::directory_iterator entry(root, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename();
        if (!name.starts_with(kStepPrefix)) continue;
        CheckpointEntry found{.folder = entry->path().string()};
        const char* first = name.data() + kStepPrefix.size();
        const char* last = name.data() + name.size();
        auto parsed = std::from_chars(first, last, found.step);
        if (parsed.ec == std::errc() && parsed.ptr == last && found.step >= 0)
            entries.push_back(std::move(found));
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.step > b.step; });
    return entries;
}

absl::StatusOr<std::string> WriteCheckpoint(
    const std::string& root, int64_t step,
    const std::function<absl::Status(const std::string& folder)>& write_files) {
    const std::string folder = Join(root, fmt::format("{}{}", kStepPrefix, step));
    const std::string temporary =
        Join(root, fmt::format("{}{}-{}", kTemporaryPrefix, step, getpid()));
    const std::string replaced = Join(root, fmt::format("{}{}", kReplacedPrefix, step));
    std::error_code error;
    fs::remove_all(temporary, error);
    absl::Status status = MakeDirectories(temporary);
    if (status.ok()) status = write_files(temporary);
    if (status.ok()) status = WriteManifest(temporary, step);
    if (status.ok()) status = Publish(temporary, folder, replaced);
    if (!status.ok()) {
        fs::remove_all(temporary, error);
        return WithKind(
            Annotate(status, fmt::format("the checkpoint of step {} is not written", step)),
            ErrorKind::kTraining);
    }
    return folder;
}

double TimeSaving(const std::string& root, size_t bytes) {
    constexpr size_t kMostSampled = size_t{32} << 20;
    const size_t sampled = std::min(kMostSampled, bytes / 16);  // a small part of what it measures
    std::error_code error;
    fs::path folder = fs::absolute(root, error);
    while (!fs::is_directory(folder, error) && folder.has_relative_path())
        folder = folder.parent_path();
    const std::string path = folder / fmt::format(".hone-saving-{}", getpid()),
                      sample(sampled, '\0');
    const double begin = NowSeconds();
    const bool written = WriteFileAtomic(path, sample).ok() && Sha256File(path).ok();
    const double seconds = NowSeconds() - begin;
    fs::remove(path, error);
    return written && !sample.empty()
               ? seconds * static_cast<double>(bytes) / static_cast<double>(sample.size())
               : 0;
}

bool IsCheckpointFolder(const std::string& folder) {
    std::error_code error;
    return fs::is_regular_file(Join(folder, kManifest), error);
}

absl::Status VerifyCheckpoint(const std::string& folder) {
    const std::string path = Join(folder, kManifest);
    auto broken = [&](std::string_view why) {
        return TrainingError("the checkpoint {} is broken: {}", folder, why);
    };
    auto manifest = ReadJsonObject(path);
    if (!manifest.ok()) return broken(std::string(manifest.status().message()));
    const Json files = manifest->value("files", Json());
    const Json format = manifest->value("format", Json());
    if (!files.is_object() || !format.is_number_integer())
        return broken("its manifest.json is not a manifest");
    if (format.get<int64_t>() != kFormat)
        return broken(fmt::format("it has format {}, this hone reads format {}",
                                  format.get<int64_t>(), kFormat));
    for (const auto& [name, entry] : files.items()) {
        if (!entry.is_object() || !entry.contains("bytes") ||
            !entry["bytes"].is_number_unsigned() || !entry.contains("sha256") ||
            !entry["sha256"].is_string() || name.find('/') != std::string::npos)
            return broken(fmt::format("its manifest.json has a wrong entry '{}'", name));
        const std::string file = Join(folder, name);
        std::error_code error;
        const auto bytes = fs::file_size(file, error);
        if (error) return broken(fmt::format("{} is missing", name));
        if (bytes != entry["bytes"].get<uint64_t>())
            return broken(fmt::format("{} has {} bytes instead of {}", name, bytes,
                                      entry["bytes"].get<uint64_t>()));
        HONE_ASSIGN_OR_RETURN(auto hash, Sha256File(file));
        if (hash != entry["sha256"].get<std::string>())
            return broken(fmt::format("{} was changed", name));
    }
    return absl::OkStatus();
}

std::string StoredText(const std::string& folder, const std::string& key) {
    auto state = ReadJsonObject(folder + "/trainer_state.json", size_t{1} << 30);
    if (!state.ok()) return "";
    const auto configuration = state->find("configuration");
    if (configuration == state->end() || !configuration->is_object()) return "";
    const auto value = configuration->find(key);
    return value != configuration->end() && value->is_string() ? value->get<std::string>() : "";
}

void RemoveUnfinishedCheckpoints(const std::string& root) {
    std::vector<fs::path> leftovers;
    std::error_code error;
    for (fs::directory_iterator entry(root, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename();
        if (name.starts_with(kTemporaryPrefix)) leftovers.push_back(entry->path());
        if (!name.starts_with(kReplacedPrefix)) continue;
        // Killed between the two renames: the old one is the only one.
        const fs::path original = entry->path().parent_path() /
                                  (std::string(kStepPrefix) + name.substr(kReplacedPrefix.size()));
        std::error_code ignored;
        if (fs::exists(original, ignored))
            leftovers.push_back(entry->path());
        else
            fs::rename(entry->path(), original, ignored);
    }
    for (const fs::path& path : leftovers) fs::remove_all(path, error);
}

absl::Status PruneCheckpoints(const std::string& root, int64_t limit, int64_t best_step) {
    if (limit <= 0) return absl::OkStatus();
    const auto entries = ListCheckpoints(root);  // newest first
    std::set<int64_t> kept;
    for (const CheckpointEntry& entry : entries)
        if (entry.step == entries.front().step || (best_step > 0 && entry.step == best_step))
            kept.insert(entry.step);
    for (const CheckpointEntry& entry : entries)
        if (static_cast<int64_t>(kept.size()) < limit) kept.insert(entry.step);
    for (const CheckpointEntry& entry : entries) {
        if (kept.count(entry.step) > 0) continue;
        std::error_code error;
        fs::remove_all(entry.folder, error);
        if (error)
            return TrainingError("cannot remove the old checkpoint {}: {}", entry.folder,
                                 error.message());
    }
    return absl::OkStatus();
}

absl::Status WriteStates(const std::string& path, const std::vector<OptimizerState>& states) {
    std::vector<TensorToWrite> tensors;
    for (const OptimizerState& state : states)
        tensors.push_back(
            {.name = state.name, .shape = state.shape, .dtype = state.dtype, .bytes = state.bytes});
    return WriteSafetensors(path, tensors, {});
}

absl::Status ReadStates(const std::string& path, const std::vector<OptimizerState>& states) {
    HONE_ASSIGN_OR_RETURN(auto file, OpenSafetensors(path));
    if (file->tensors().size() != states.size())
        return TrainingError("{}: {} tensors instead of {}", path, file->tensors().size(),
                             states.size());
    for (const OptimizerState& state : states) {
        const StoredTensor* tensor = file->Find(state.name);
        if (!tensor || tensor->shape != state.shape ||
            tensor->type_name != DTypeName(state.dtype) ||
            tensor->bytes.size() != state.bytes.size())
            return TrainingError("{}: {} is missing or has another shape or type", path,
                                 state.name);
        std::copy(tensor->bytes.begin(), tensor->bytes.end(), state.bytes.begin());
    }
    return WithKind(file->CheckUnchanged(), ErrorKind::kTraining);
}

namespace {

// The values as states, which do not change while they are written.
std::vector<OptimizerState> ValueStates(ParameterSet& parameters) {
    std::vector<OptimizerState> states;
    AddFlatStates("", parameters, parameters.values().data(), states);
    return states;
}

}  // namespace

absl::Status WriteValues(const std::string& path, ParameterSet& parameters) {
    return WriteStates(path, ValueStates(parameters));
}

absl::Status ReadValues(const std::string& path, ParameterSet& parameters) {
    return ReadStates(path, ValueStates(parameters));
}

std::vector<std::string> Differences(const Json& there, const Json& here) {
    std::vector<std::string> differences;
    auto text = [](const Json& object, const std::string& key) {
        return object.contains(key)
                   ? object[key].dump(-1, ' ', false, Json::error_handler_t::replace)
                   : "nothing";
    };
    std::set<std::string> seen;
    for (const Json* object : {&there, &here})
        for (const auto& [key, value] : object->items()) {
            if (!seen.insert(key).second) continue;
            const bool both = there.contains(key) && here.contains(key);
            if (both && there[key] == here[key]) continue;
            if (both && there[key].is_object() && here[key].is_object()) {
                for (const std::string& inner : Differences(there[key], here[key]))
                    differences.push_back(key + "." + inner);
                continue;
            }
            differences.push_back(
                fmt::format("{}: {} there, {} here", key, text(there, key), text(here, key)));
        }
    return differences;
}

}  // namespace hone
