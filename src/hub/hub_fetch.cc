#include "hub/hub_fetch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/files/file.h"
#include "base/files/hash.h"
#include "base/log.h"
#include "base/text/text.h"
#include "base/watch.h"
#include "hub/hub_http.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxListingBytes = size_t{16} << 20;

HttpOptions HttpOptionsOf(const HubOptions& options) {
    return {options.token, options.connect_timeout_s, options.stall_timeout_s};
}

// What went wrong with `what` of a repository, and what to do about it.
absl::Status HttpError(const HubOptions& options, const HubPlace& place, const std::string& what,
                       const HttpResponse& response) {
    std::string page = fmt::format("{}/{}", options.endpoint, place.path);
    switch (response.code) {
        case 0:
            return ModelError(
                "cannot reach {} for {}: {}; check the network (or HF_ENDPOINT), or give {} "
                "instead",
                options.endpoint, what, response.problem, place.instead);
        case 401:
            return ModelError(
                "{}: not allowed (401): there is no such repository, or it is private or behind a "
                "licence; "
                "check the name, accept the licence at {} and set HF_TOKEN{}",
                what, page, options.token.empty() ? "" : " (the present token is not accepted)");
        case 403:
            return ModelError(
                "{}: forbidden (403): accept the licence at {}, and set HF_TOKEN to a token that "
                "may read "
                "it",
                what, page);
        case 404:
            return ModelError("{}: not found (404): check the name at {}", what, page);
        case 429:
            return ModelError("{}: too many requests (429): wait a while, or set HF_TOKEN", what);
        default:
            return ModelError("{}: HTTP status {}{}{}; try again later", what, response.code,
                              response.problem.empty() ? "" : ", ", response.problem);
    }
}

bool IsTransient(const HttpResponse& response) {
    return response.code == 0 || response.code == 200 || response.code == 206 ||
           response.code == 408 || response.code == 416 || response.code == 429 ||
           response.code >= 500;
}

// Waits before another attempt, unless whoever watches wants the end.
absl::Status WaitToRetry(int64_t ms) {
    constexpr int64_t kSliceMs = 50;
    for (; ms > 0; ms -= kSliceMs) {
        HONE_RETURN_IF_ERROR(ReportProgress(-1));
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(ms, kSliceMs)));
    }
    return absl::OkStatus();
}

// Counts bytes of all files, and how fast they come over the last seconds; asks whoever watches
// (base/watch.h) whether to go on.
class Meter {
  public:
    Meter(const ProgressCallback& callback, const std::vector<HubFile>& files)
        : callback_(callback) {
        progress_.file_count = static_cast<int64_t>(files.size());
        for (const auto& file : files) progress_.total_bytes += file.size;
    }

    void StartFile(const std::string& name) {
        progress_.file = name;
        ++progress_.file_index;
        history_.clear();
    }
    // `bytes` of this file are there. An error of kind kInterrupted where the watcher wants the
    // end.
    absl::Status Update(int64_t bytes, bool at_once) {
        double now = NowSeconds();
        if (!at_once && !history_.empty() && now - history_.back().first < 0.2)
            return absl::OkStatus();
        progress_.bytes = done_ + bytes;
        history_.emplace_back(now, progress_.bytes);
        while (history_.size() > 2 && now - history_.front().first > 5) history_.pop_front();
        double seconds = now - history_.front().first;
        int64_t got = progress_.bytes - history_.front().second;
        if (seconds > 0 && got >= 0)
            progress_.bytes_per_second = static_cast<double>(got) / seconds;
        int64_t left = progress_.total_bytes - progress_.bytes;
        progress_.seconds_left = progress_.bytes_per_second > 0
                                     ? static_cast<double>(left) / progress_.bytes_per_second
                                     : -1;
        if (callback_) callback_(progress_);
        const double total = static_cast<double>(progress_.total_bytes);
        return ReportProgress(total > 0 ? static_cast<double>(progress_.bytes) / total : -1,
                              progress_.bytes);
    }
    absl::Status FinishFile(int64_t bytes) {
        HONE_RETURN_IF_ERROR(Update(bytes, true));
        done_ += bytes;
        return absl::OkStatus();
    }

  private:
    const ProgressCallback& callback_;
    PullProgress progress_;
    int64_t done_ = 0;
    std::deque<std::pair<double, int64_t>> history_;
};

// For a URL: what is no letter, digit or one of -._~/ as %XX.
std::string EscapePath(std::string_view path) {
    std::string escaped;
    for (unsigned char c : path) {
        bool plain = (c < 128 && std::isalnum(c)) || std::string_view("-._~/").find(c) != path.npos;
        escaped += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
    }
    return escaped;
}

// Fetches into `part` until it has the announced size; each attempt goes on where the last one
// stopped.
absl::Status FetchPart(const HubPlace& place, const std::string& revision, const HubFile& file,
                       const std::string& part, const HubOptions& options, Meter& meter) {
    std::string url = fmt::format("{}/{}/resolve/{}/{}", options.endpoint, place.path, revision,
                                  EscapePath(file.name));
    std::string what = fmt::format("{} of {}", file.name, place.repo);
    HttpResponse response;
    absl::Status watched;
    const auto on_bytes = [&](int64_t bytes) {
        watched = meter.Update(bytes, false);
        return watched.ok();
    };
    for (int attempt = 0; attempt < options.attempts; ++attempt) {
        int64_t before = std::max<int64_t>(SizeOf(part), 0);
        if (before == file.size) return absl::OkStatus();
        if (before > file.size || response.code == 416) fs::remove(part);
        HONE_ASSIGN_OR_RETURN(response,
                              HttpDownload(url, HttpOptionsOf(options), part, file.size, on_bytes));
        HONE_RETURN_IF_ERROR(watched);
        int64_t after = SizeOf(part);
        if (after == file.size && response.problem.empty()) return absl::OkStatus();
        if (!IsTransient(response)) return HttpError(options, place, what, response);
        if (after > before) attempt = -1;  // it moves: only attempts that bring nothing count
        spdlog::debug("{}: {} of {} bytes ({} {}); going on", what, after, file.size, response.code,
                      response.problem);
        HONE_RETURN_IF_ERROR(
            WaitToRetry(int64_t{options.retry_delay_ms} << std::clamp(attempt, 0, 6)));
    }
    if (response.code == 200 || response.code == 206)
        return ModelError(
            "{}: the download stops at {} of {} bytes {}; run the command again to go on from "
            "there",
            what, SizeOf(part), file.size, response.problem);
    return HttpError(options, place, what, response);
}

absl::Status FetchFile(const HubPlace& place, const std::string& revision,
                       const std::string& folder, const HubFile& file, const HubOptions& options,
                       Meter& meter) {
    meter.StartFile(file.name);
    std::string target = folder + "/" + file.name;
    HONE_RETURN_IF_ERROR(MakeDirectories(fs::path(target).parent_path().string()));
    if (SizeOf(target) == file.size && CheckHash(target, file).ok()) {
        return meter.FinishFile(file.size);
    }
    const std::string& hash = !file.sha256.empty() ? file.sha256 : file.git_blob;
    std::string part =
        fmt::format("{}.{}.part", target, (hash.empty() ? revision : hash).substr(0, 12));
    HONE_RETURN_IF_ERROR(FetchPart(place, revision, file, part, options, meter));
    std::error_code error;
    if (absl::Status status = CheckHash(part, file); !status.ok()) {
        fs::remove(part, error);
        return status;
    }
    fs::rename(part, target, error);
    if (error) return OtherError("cannot rename {} to {}: {}", part, target, error.message());
    return meter.FinishFile(file.size);
}

absl::Status CheckSpace(const HubPlace& place, const std::string& folder,
                        const std::vector<HubFile>& files) {
    int64_t needed = 0;
    for (const auto& file : files) needed += file.size;
    std::error_code error;
    auto space = fs::space(folder, error);
    if (error || static_cast<uint64_t>(needed) <= space.available) return absl::OkStatus();
    return OtherError(
        "{} takes {}, but {} has only {} free; free some space, or set HONE_CACHE to "
        "another folder",
        place.repo, FormatBytes(static_cast<uint64_t>(needed)), folder,
        FormatBytes(space.available));
}

}  // namespace

int64_t SizeOf(const std::string& path) {
    std::error_code error;
    auto size = fs::file_size(path, error);
    return error ? -1 : static_cast<int64_t>(size);
}

absl::Status CheckHash(const std::string& path, const HubFile& file) {
    HONE_ASSIGN_OR_RETURN(auto mapped, MappedFile::Open(path));
    std::string hash =
        file.sha256.empty() ? GitBlobHash(mapped->text()) : Sha256Hex(mapped->text());
    const std::string& expected = file.sha256.empty() ? file.git_blob : file.sha256;
    if (expected.empty() || hash == expected) return absl::OkStatus();
    return ModelError(
        "{} was fetched, but its hash is {}, not {}: it was damaged on the way and has been "
        "removed; try "
        "again",
        file.name, hash, expected);
}

HubPlace ModelPlace(const std::string& repo) {
    return {repo, "models", repo, "a folder or a .gguf file"};
}

HubPlace DatasetPlace(const std::string& repo) {
    return {repo, "datasets", "datasets/" + repo, "a file or a folder"};
}

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder) {
    std::string path = folder + ".lock";
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return OtherError("cannot create {}: {} (set HONE_CACHE to a folder that can be written)",
                          path, std::strerror(errno));
    FolderLock lock(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        spdlog::info("waiting for another process that fetches into {}", folder);
        while (flock(fd, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR))
            HONE_RETURN_IF_ERROR(WaitToRetry(100));
    }
    return lock;
}

FolderLock::~FolderLock() {
    if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::string> FetchDescription(const HubPlace& place, const HubOptions& options) {
    std::string url =
        fmt::format("{}/api/{}/{}?blobs=true", options.endpoint, place.api, place.repo);
    HttpResponse response;
    for (int attempt = 0;; ++attempt) {
        response = HttpGet(url, HttpOptionsOf(options), kMaxListingBytes);
        HONE_RETURN_IF_ERROR(ReportProgress(-1));
        // Where nothing answers at all, another source may be tried sooner than this one again.
        bool again = response.code != 0 && response.code != 200 && IsTransient(response);
        if (!again || attempt + 1 >= options.attempts) break;
        HONE_RETURN_IF_ERROR(WaitToRetry(int64_t{options.retry_delay_ms} << std::min(attempt, 6)));
    }
    if (response.code != 200 || !response.problem.empty())
        return HttpError(options, place, place.repo, response);
    return std::move(response.body);
}

absl::Status FillFolder(const HubPlace& place, const RepoListing& listing,
                        const std::string& source, const std::string& folder,
                        const HubOptions& options, const ProgressCallback& progress) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    HONE_ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Take(folder));
    if (IsComplete(folder) && SourceOf(folder) == source)
        return absl::OkStatus();  // another process was faster
    HONE_RETURN_IF_ERROR(CheckSpace(place, folder, listing.files));
    Meter meter(progress, listing.files);
    for (const auto& file : listing.files)
        HONE_RETURN_IF_ERROR(FetchFile(place, listing.revision, folder, file, options, meter));
    return WriteManifest(folder, source, listing.revision, listing.files);
}

}  // namespace hone
