// Files that clients upload: content-addressed, streamed, never whole in memory.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/page.h"
#include "platform/api/records.h"
#include "platform/bases/bases.h"
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
    FileWriter(Files& files, Caller caller, std::unique_ptr<BlobWriter> blob, int64_t limit,
               int64_t free)
        : files_(files),
          caller_(std::move(caller)),
          blob_(std::move(blob)),
          limit_(limit),
          free_(free) {}
    Files& files_;
    Caller caller_;
    std::unique_ptr<BlobWriter> blob_;
    int64_t limit_;  // bytes that a file may have
    int64_t free_;   // bytes that the project may still take
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

    // The rest is for the other parts of the platform.
    //
    // Makes a file of what the writer holds. `role` is not looked at.
    absl::StatusOr<File> Store(const Caller& caller, const NewFile& file, BlobWriter& writer);
    // The same inside a transaction, of a blob that Blobs::Publish made; `report` is that of a
    // training file.
    absl::StatusOr<File> Insert(Sql& sql, const Caller& caller, const NewFile& file,
                                const StoredBlob& blob,
                                const std::optional<TrainingFileReport>& report);
    // Whether the fields may be so: what a client can get wrong.
    static absl::Status Check(const NewFile& file);
    // The report on what the writer holds, where the purpose is fine-tune.
    absl::StatusOr<std::optional<TrainingFileReport>> Examine(const NewFile& file,
                                                              const BlobWriter& writer);
    // Bytes that the project may still store.
    int64_t FreeBytes(Sql& sql, const std::string& project) const;
    // The path of a file's content.
    absl::StatusOr<std::string> PathOf(const std::string& project, const std::string& id);
    // Deletes files whose time is over. Called now and then.
    absl::Status Sweep();
    // Removes blobs that belong to nothing, as a kill between two steps leaves them. Takes as long
    // as there are blobs.
    absl::Status RemoveOrphans();
    // Removes a blob that neither a file nor an upload's part uses.
    absl::Status Release(const std::string& sha256);

    Files(Services& services, Blobs& blobs, const Bases& bases)
        : services_(services), blobs_(blobs), bases_(bases) {}

  private:
    friend class FileWriter;
    absl::StatusOr<TrainingFileReport> Read(const std::string& path);
    // Of all bases, as they are now.
    std::shared_ptr<const SpecialTokens> Tokens();

    Services& services_;
    Blobs& blobs_;
    const Bases& bases_;
    std::mutex mutex_;             // of what follows
    int64_t tokens_version_ = -1;  // of the bases whose tokens they are
    std::shared_ptr<const SpecialTokens> tokens_;
};

}  // namespace hone::platform
