// Files that clients upload: content-addressed, streamed, never whole in memory.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/files/blobs.h"
#include "platform/files/training_file.h"
#include "platform/store/services.h"

namespace hone::platform {

struct NewFile {
    std::string filename;  // 1 to 255 bytes; it is kept for people, and is never a path
    std::string purpose;   // fine-tune, assistants, batch, vision, user_data or evals
    int64_t expires_after_seconds = 0;  // 3600 to 2,592,000; 0: never (batch: 30 days)
};

class Files;

// A file on its way in. Not thread-safe; goes away with all that it holds unless it is finished.
class FileWriter {
  public:
    // A refusal where the file grows past Limits::file_bytes or the project past its quota.
    absl::Status Append(std::string_view bytes);
    // The file is there, and lasts through a power cut, once this returns. What it is comes last
    // because clients send these fields before or after the content. A training file (purpose
    // fine-tune) is named *.jsonl and is read: see File::status.
    absl::StatusOr<File> Finish(const NewFile& file);
    int64_t bytes() const { return blob_->bytes(); }

  private:
    friend class Files;
    FileWriter(Files& files, Caller caller, std::unique_ptr<BlobWriter> blob, int64_t free_bytes)
        : files_(files), caller_(std::move(caller)), blob_(std::move(blob)), free_(free_bytes) {}
    Files& files_;
    Caller caller_;
    std::unique_ptr<BlobWriter> blob_;
    int64_t free_;  // bytes that the project may still take
};

class Files {
  public:
    // Needs the role member, as Delete does.
    absl::StatusOr<std::unique_ptr<FileWriter>> Begin(const Caller& caller);
    absl::StatusOr<File> Get(const Caller& caller, const std::string& id);
    // `purpose` empty: all. Limit 0 to 10,000.
    absl::StatusOr<Page<File>> List(const Caller& caller, const std::string& purpose,
                                    const PageRequest& page);
    // A file that a job needs that is not over is refused (kConflict).
    absl::Status Delete(const Caller& caller, const std::string& id);
    // The content, for any number of readers. It stays readable after a Delete.
    absl::StatusOr<std::unique_ptr<OpenBlob>> Open(const Caller& caller, const std::string& id);
    // Every line of a training file that cannot be used, with the reason: of any file, whatever
    // its purpose. Reads the whole file.
    absl::StatusOr<TrainingFileReport> Report(const Caller& caller, const std::string& id);

    // The rest is for the other rooms of the platform.
    //
    // Makes a file of a blob in the transaction of `sql`: checks fields and quota. `report` is that
    // of a training file.
    absl::StatusOr<File> Insert(Sql& sql, const Caller& caller, const NewFile& file,
                                const StoredBlob& blob, const TrainingFileReport* report);
    // Whether the fields may be so; what Insert checks first.
    static absl::Status Check(const NewFile& file);
    // The report, where the purpose is fine-tune.
    absl::StatusOr<std::optional<TrainingFileReport>> Read(const NewFile& file,
                                                           const StoredBlob& blob);
    // Bytes that the project may still store.
    absl::StatusOr<int64_t> FreeBytes(Sql& sql, const std::string& project);
    // Deletes files whose time is over, and what interrupted uploads left. Called now and then.
    absl::Status Sweep();
    // The path of a file's content, for a worker.
    absl::StatusOr<std::string> PathOf(const Caller& caller, const std::string& id);

    Files(Services& services, Blobs& blobs) : services_(services), blobs_(blobs) {}

  private:
    friend class FileWriter;
    Services& services_;
    Blobs& blobs_;
};

}  // namespace hone::platform
