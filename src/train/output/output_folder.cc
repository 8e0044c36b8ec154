#include "train/output/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "base/files/json_file.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArtifacts[] = {"adapter", "model"};

// What artifact(name) is called while it is written, and while the new one takes its place.
std::string NewName(const std::string& path, const std::string& name) {
    return path + "/." + name + "-new";
}
std::string OldName(const std::string& path, const std::string& name) {
    return path + "/." + name + "-old";
}

// By these a run is known: hone writes them first, with its version in them.
constexpr const char* kMarks[] = {"run.json", "config.json"};

bool HoldsRun(const std::string& path) {
    for (const std::string name : kMarks) {
        std::error_code error;
        const std::string mark = path + "/" + name;
        if (!fs::is_regular_file(mark, error)) continue;
        auto json = ReadJsonObject(mark);
        if (json.ok() && json->contains("hone_version")) return true;
    }
    return false;
}

// What a kill in the middle of writing a mark leaves.
bool IsBrokenOff(const fs::path& file) {
    for (const std::string name : kMarks)
        if (file.filename().string().starts_with(name + ".tmp-")) return true;
    return false;
}

// Nothing, or what a run leaves that is killed in its first moment.
bool HoldsNothing(const std::string& path, std::error_code& error) {
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error))
        if (!IsBrokenOff(entry.path())) return false;
    return true;
}

// After a kill in the middle of Replace, or of writing a mark.
void Repair(const std::string& path) {
    std::error_code ignored;
    std::vector<fs::path> broken_off;
    for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored))
        if (IsBrokenOff(entry.path())) broken_off.push_back(entry.path());
    for (const fs::path& file : broken_off) fs::remove(file, ignored);
    for (const char* name : kArtifacts) {
        const std::string old = OldName(path, name), artifact = path + "/" + name;
        std::error_code error;
        fs::remove_all(NewName(path, name), error);
        if (fs::exists(old, error) && !fs::exists(artifact, error))
            fs::rename(old, artifact, error);
        fs::remove_all(old, error);
    }
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFolder>> OutputFolder::Claim(const std::string& argument) {
    std::string path = argument;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    const bool made = !fs::exists(status);
    if (!made && !fs::is_directory(status))
        return UsageError("--output_path {} is a file; give a folder", path);
    if (fs::is_directory(status)) {
        const bool empty = HoldsNothing(path, error);
        if (error) return UsageError("--output_path {} cannot be read: {}", path, error.message());
        if (!empty && !HoldsRun(path))
            return UsageError(
                "--output_path {} holds something else than a run of hone; give a new or an empty "
                "folder",
                path);
    } else {
        HONE_RETURN_IF_ERROR(
            WithKind(Annotate(MakeDirectories(path), "--output_path"), ErrorKind::kUsage));
    }
    const int lock = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return UsageError("--output_path {} cannot be opened: {}", path,
                          std::generic_category().message(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(lock);
        return UsageError(
            "another run of hone is at work in {}; wait for it, or give another --output_path",
            path);
    }
    std::unique_ptr<OutputFolder> folder(new OutputFolder(path, lock, made));
    Repair(path);
    return folder;
}

OutputFolder::~OutputFolder() {
    if (made_) rmdir(path_.c_str());  // refused when something is in it
    close(lock_);
}

absl::Status OutputFolder::Replace(
    const std::string& name,
    const std::function<absl::Status(const std::string& folder)>& write) const {
    const std::string fresh = NewName(path_, name), old = OldName(path_, name);
    const std::string standing = artifact(name);
    std::error_code error;
    fs::remove_all(fresh, error);
    absl::Status status = MakeDirectories(fresh);
    if (status.ok()) status = write(fresh);
    if (status.ok()) status = SyncDirectory(fresh);
    const bool replaces = fs::exists(standing, error);
    if (status.ok() && replaces) status = RenameFolder(standing, old);
    if (status.ok()) {
        status = RenameFolder(fresh, standing);
        if (!status.ok() && replaces && !fs::exists(standing, error))
            fs::rename(old, standing, error);
    }
    fs::remove_all(status.ok() ? old : fresh, error);
    if (KindOf(status) == ErrorKind::kInterrupted) return status;
    return WithKind(status, ErrorKind::kTraining);
}

}  // namespace hone
