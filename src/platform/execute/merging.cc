#include "platform/execute/merging.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/files/file.h"
#include "platform/api/refusal.h"
#include "platform/execute/child.h"
#include "platform/store/ids.h"

namespace hone::platform {
namespace {

constexpr double kMostSeconds = 1800;
constexpr size_t kFolderName = 24;
constexpr size_t kLogBytes = size_t{1} << 20;

// The exit status of the child, or why it has none.
absl::Status Await(pid_t pid) {
    const double until = NowSeconds() + kMostSeconds;
    for (;;) {
        int status = 0;
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
        if (ended == pid && WIFSIGNALED(status))
            return OtherError("it was killed by signal {}", WTERMSIG(status));
        if (ended == pid) return OtherError("it ended with exit code {}", WEXITSTATUS(status));
        if (NowSeconds() > until) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return OtherError("it took longer than {:.0f} s", kMostSeconds);
}

}  // namespace

MergedModel::~MergedModel() {
    std::error_code error;
    std::filesystem::remove_all(parent_, error);
}

absl::StatusOr<std::unique_ptr<MergedModel>> Merging::Merge(const ModelPlace& place) {
    const std::unique_lock lock(running_, std::try_to_lock);
    if (!lock.owns_lock())
        return Refuse({RefusalKind::kUnavailable, "", "busy"},
                      "Another model is being merged: ask again later.");
    const std::string parent = Root() + "/" + RandomName(kFolderName), log = parent + "/merge.log";
    HONE_RETURN_IF_ERROR(MakeDirectories(parent));
    auto merged = std::make_unique<MergedModel>(parent);
    const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log_fd < 0 || input < 0) return OtherError("cannot write {}", log);
    ChildOptions child;
    child.arguments = {services_.options.worker_program.empty()
                           ? std::filesystem::read_symlink("/proc/self/exe").string()
                           : services_.options.worker_program,
                       "merge",
                       "--model_name_or_path",
                       place.base_path,
                       "--adapter_path",
                       place.adapter_path,
                       "--output_path",
                       merged->folder(),
                       "--threads",
                       fmt::format("{}", services_.options.worker_threads)};
    child.environment = ChildEnvironment();
    child.input = input;
    child.output = log_fd;
    child.log = log_fd;
    child.memory_limit_bytes = services_.options.memory_limit_bytes;
    const auto pid = StartChild(child);
    close(log_fd);
    close(input);
    HONE_RETURN_IF_ERROR(pid.status());
    const absl::Status ended = Await(*pid);
    if (ended.ok()) return merged;
    const auto words = ReadFile(log, kLogBytes);
    return OtherError("the process that merges {}: {}: {}", place.id, std::string(ended.message()),
                      words.ok() ? *words : "");
}

void Merging::RemoveLeftovers() {
    std::error_code error;
    std::filesystem::remove_all(Root(), error);
}

}  // namespace hone::platform
