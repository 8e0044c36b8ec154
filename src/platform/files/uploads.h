// Big files in parts, which come in any order and at the same time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/api/caller.h"
#include "platform/api/records.h"
#include "platform/files/files.h"

namespace hone::platform {

struct NewUpload {
    NewFile file;
    int64_t bytes = 0;  // of the whole, up to Limits::upload_bytes
    std::string mime_type;
};

class Uploads;

// One part on its way in; as FileWriter.
class PartWriter {
  public:
    // A refusal where the part grows past Limits::part_bytes or the whole that was declared.
    absl::Status Append(std::string_view bytes);
    absl::StatusOr<UploadPart> Finish();

  private:
    friend class Uploads;
    PartWriter(Uploads& uploads, Caller caller, std::string upload_id,
               std::unique_ptr<BlobWriter> blob, int64_t limit, int64_t free)
        : uploads_(uploads),
          caller_(std::move(caller)),
          upload_id_(std::move(upload_id)),
          blob_(std::move(blob)),
          limit_(limit),
          free_(free) {}
    Uploads& uploads_;
    Caller caller_;
    std::string upload_id_;
    std::unique_ptr<BlobWriter> blob_;
    int64_t limit_;  // bytes that the part may have
    int64_t free_;   // bytes that the project may still take
};

// Every method needs the role member.
class Uploads {
  public:
    absl::StatusOr<Upload> Create(const Caller& caller, const NewUpload& upload);
    absl::StatusOr<std::unique_ptr<PartWriter>> BeginPart(const Caller& caller,
                                                          const std::string& upload_id);
    // Makes the file of these parts in this order. The sum of their bytes is what was declared,
    // and `md5` (hex; empty: not checked) is that of the whole; otherwise a refusal, and the upload
    // stays pending.
    absl::StatusOr<Upload> Complete(const Caller& caller, const std::string& upload_id,
                                    const std::vector<std::string>& part_ids,
                                    const std::string& md5);
    absl::StatusOr<Upload> Cancel(const Caller& caller, const std::string& upload_id);

    // Ends uploads whose hour is over and drops their parts. Called now and then.
    absl::Status Sweep();

    Uploads(Services& services, Blobs& blobs, Files& files)
        : services_(services), blobs_(blobs), files_(files) {}

  private:
    friend class PartWriter;
    absl::StatusOr<UploadPart> StorePart(const Caller& caller, const std::string& upload_id,
                                         BlobWriter& writer);
    // The upload as the caller sees it now, with its file.
    absl::StatusOr<Upload> Get(const Caller& caller, const std::string& upload_id);
    // In a transaction: ends a pending upload and forgets its parts, whose content is added to
    // `released`.
    static void End(Sql& sql, const std::string& project, const std::string& upload_id,
                    const std::string& status, std::vector<std::string>& released);
    absl::Status Release(const std::vector<std::string>& contents);
    Services& services_;
    Blobs& blobs_;
    Files& files_;
};

}  // namespace hone::platform
