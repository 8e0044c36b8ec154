#include "platform/files/uploads.h"

#include <openssl/evp.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr int64_t kUploadsAtOnce = 100;
constexpr size_t kPiece = size_t{1} << 20;  // bytes that are copied at a time

struct UploadRow {
    Upload upload;
    int64_t file_expires_after = 0;
    std::string file_id;
};
auto ColumnsOf(UploadRow& row) {
    Upload& upload = row.upload;
    return std::tie(upload.id, upload.created_at, upload.expires_at, upload.filename,
                    upload.purpose, upload.mime_type, upload.bytes, upload.status,
                    row.file_expires_after, row.file_id);
}
constexpr char kUploadColumns[] =
    "id, created_at, expires_at, filename, purpose, mime_type, bytes, status, file_expires_after, "
    "file_id";

struct PartRow {
    std::string id;
    int64_t bytes = 0;
    std::string sha256;
};
auto ColumnsOf(PartRow& row) { return std::tie(row.id, row.bytes, row.sha256); }

absl::StatusOr<UploadRow> FindUpload(Sql& sql, const std::string& project, const std::string& id,
                                     int64_t now) {
    UploadRow row;
    if (!sql.First(fmt::format("select {} from uploads where id = :id and project = :project",
                               kUploadColumns),
                   ColumnsOf(row), id, project))
        return Refuse({RefusalKind::kNotFound, "upload_id", ""},
                      fmt::format("No such Upload object: {}", ShownId(id)));
    if (row.upload.status == "pending" && row.upload.expires_at <= now)
        row.upload.status = "expired";  // as the next sweep will write
    return row;
}

absl::StatusOr<UploadRow> FindPending(Sql& sql, const std::string& project, const std::string& id,
                                      int64_t now) {
    HONE_ASSIGN_OR_RETURN(UploadRow row, FindUpload(sql, project, id, now));
    if (row.upload.status == "pending") return row;
    return Refuse({RefusalKind::kConflict, "upload_id", "upload_not_pending"},
                  fmt::format("The upload {} is {}, and this needs one that is pending.", id,
                              row.upload.status));
}

class Md5 {
  public:
    Md5() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_md5(), nullptr); }
    ~Md5() { EVP_MD_CTX_free(context_); }
    Md5(const Md5&) = delete;
    Md5& operator=(const Md5&) = delete;
    void Update(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
    std::string Hex() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(context_, digest, &size);
        return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
    }

  private:
    EVP_MD_CTX* context_;
};

// Appends the parts to the writer; returns the MD5 of them all.
absl::StatusOr<std::string> Join(const Blobs& blobs, const std::vector<PartRow>& parts,
                                 BlobWriter& writer) {
    Md5 md5;
    for (const PartRow& part : parts) {
        HONE_ASSIGN_OR_RETURN(const auto blob, blobs.OpenForReading(part.sha256));
        for (int64_t at = 0; at < blob->bytes();) {
            HONE_ASSIGN_OR_RETURN(const std::string piece, blob->Read(at, kPiece));
            if (piece.empty()) break;
            md5.Update(piece);
            HONE_RETURN_IF_ERROR(writer.Append(piece));
            at += static_cast<int64_t>(piece.size());
        }
    }
    return md5.Hex();
}

// The parts of these ids, in this order, which must make up the upload's bytes.
absl::StatusOr<std::vector<PartRow>> FindParts(Sql& sql, const Upload& upload,
                                               const std::vector<std::string>& ids) {
    std::vector<PartRow> parts;
    std::set<std::string> seen;
    int64_t sum = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
        if (!seen.insert(ids[i]).second)
            return InvalidField(fmt::format("part_ids[{}]", i), "The part {} comes twice.",
                                ShownId(ids[i]));
        PartRow part;
        if (!sql.First("select id, bytes, sha256 from upload_parts where id = :id and "
                       "upload_id = :upload",
                       ColumnsOf(part), ids[i], upload.id))
            return Refuse({RefusalKind::kInvalid, fmt::format("part_ids[{}]", i), ""},
                          fmt::format("The upload has no part {}.", ShownId(ids[i])));
        sum += part.bytes;
        parts.push_back(std::move(part));
    }
    if (sum != upload.bytes)
        return InvalidField("part_ids",
                            "The parts have {} bytes in all, but the upload declared {}.", sum,
                            upload.bytes);
    return parts;
}

}  // namespace

absl::Status PartWriter::Append(std::string_view bytes) {
    const int64_t size = blob_->bytes() + static_cast<int64_t>(bytes.size());
    if (size > limit_)
        return Refuse({RefusalKind::kInvalid, "data", "part_too_large"},
                      fmt::format("The part is larger than {} bytes, the most that this one may "
                                  "have.",
                                  limit_));
    if (size > free_)
        return Refuse({RefusalKind::kLimit, "data", "insufficient_quota"},
                      "The project's files would take more room than they may: delete some.");
    return blob_->Append(bytes);
}

absl::StatusOr<UploadPart> PartWriter::Finish() {
    return uploads_.StorePart(caller_, upload_id_, *blob_);
}

absl::StatusOr<Upload> Uploads::Create(const Caller& caller, const NewUpload& asked) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    HONE_RETURN_IF_ERROR(Files::Check(asked.file));
    HONE_RETURN_IF_ERROR(CheckText("mime_type", asked.mime_type, 1, 255));
    const Limits& limits = services_.options.limits;
    HONE_RETURN_IF_ERROR(CheckRange("bytes", asked.bytes, 1, limits.upload_bytes));
    return services_.database.Write([&](Sql& sql) -> absl::StatusOr<Upload> {
        int64_t pending = 0;
        sql.First("select count(*) from uploads where project = :project and status = 'pending'",
                  std::tie(pending), caller.project);
        if (pending >= limits.pending_uploads)
            return Refuse({RefusalKind::kLimit, "", "too_many_uploads"},
                          fmt::format("This project has {} pending uploads: complete or cancel "
                                      "some.",
                                      pending));
        if (asked.bytes > files_.FreeBytes(sql, caller.project))
            return Refuse({RefusalKind::kLimit, "bytes", "insufficient_quota"},
                          "The project's files would take more room than they may: delete some.");
        Upload upload;
        upload.id = NewId("upload_");
        upload.created_at = services_.Now();
        upload.expires_at = upload.created_at + limits.upload_seconds;
        upload.filename = asked.file.filename;
        upload.purpose = asked.file.purpose;
        upload.mime_type = asked.mime_type;
        upload.bytes = asked.bytes;
        upload.status = "pending";
        sql.Run(fmt::format("insert into uploads ({}, project) values (:id, :created_at, "
                            ":expires_at, :filename, :purpose, :mime_type, :bytes, :status, "
                            ":after, '', :project)",
                            kUploadColumns),
                upload.id, upload.created_at, upload.expires_at, upload.filename, upload.purpose,
                upload.mime_type, upload.bytes, upload.status, asked.file.expires_after_seconds,
                caller.project);
        NoteAudit(sql, upload.created_at, caller, "upload.create", upload.id);
        return upload;
    });
}

absl::StatusOr<std::unique_ptr<PartWriter>> Uploads::BeginPart(const Caller& caller,
                                                               const std::string& upload_id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    int64_t limit = services_.options.limits.part_bytes, free = 0;
    HONE_RETURN_IF_ERROR(services_.database.Read([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(const UploadRow row,
                              FindPending(sql, caller.project, upload_id, services_.Now()));
        limit = std::min(limit, row.upload.bytes);
        free = files_.FreeBytes(sql, caller.project);
        return absl::OkStatus();
    }));
    HONE_ASSIGN_OR_RETURN(auto blob, blobs_.Create());
    return std::unique_ptr<PartWriter>(
        new PartWriter(*this, caller, upload_id, std::move(blob), limit, free));
}

absl::StatusOr<UploadPart> Uploads::StorePart(const Caller& caller, const std::string& upload_id,
                                              BlobWriter& writer) {
    UploadPart part{NewId("part_"), upload_id, services_.Now()};
    HONE_RETURN_IF_ERROR(blobs_.Publish(writer, [&](const StoredBlob& blob) {
        return services_.database.Write([&](Sql& sql) -> absl::Status {
            HONE_RETURN_IF_ERROR(
                FindPending(sql, caller.project, upload_id, services_.Now()).status());
            int64_t parts = 0;
            sql.First("select count(*) from upload_parts where upload_id = :id", std::tie(parts),
                      upload_id);
            if (parts >= services_.options.limits.upload_parts ||
                blob.bytes > files_.FreeBytes(sql, caller.project))
                return Refuse({RefusalKind::kLimit, "data", "insufficient_quota"},
                              "The upload has too many parts, or the project too many bytes.");
            sql.Run(
                "insert into upload_parts (id, upload_id, created_at, bytes, sha256) values (:id, "
                ":upload, :created_at, :bytes, :sha256)",
                part.id, upload_id, part.created_at, blob.bytes, blob.sha256);
            sql.Run("update projects set stored_bytes = stored_bytes + :bytes where id = :project",
                    blob.bytes, caller.project);
            return absl::OkStatus();
        });
    }));
    return part;
}

void Uploads::End(Sql& sql, const std::string& project, const std::string& upload_id,
                  const std::string& status, std::vector<std::string>& released) {
    int64_t bytes = 0;
    for (PartRow& part : sql.All<PartRow>(
             "select id, bytes, sha256 from upload_parts where upload_id = :id", upload_id)) {
        bytes += part.bytes;
        released.push_back(std::move(part.sha256));
    }
    sql.Run("delete from upload_parts where upload_id = :id", upload_id);
    sql.Run("update projects set stored_bytes = stored_bytes - :bytes where id = :project", bytes,
            project);
    sql.Run("update uploads set status = :status where id = :id", status, upload_id);
}

absl::Status Uploads::Release(const std::vector<std::string>& contents) {
    for (const std::string& sha256 : contents) HONE_RETURN_IF_ERROR(files_.Release(sha256));
    return absl::OkStatus();
}

absl::StatusOr<Upload> Uploads::Complete(const Caller& caller, const std::string& upload_id,
                                         const std::vector<std::string>& part_ids,
                                         const std::string& md5) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    UploadRow row;
    std::vector<PartRow> parts;
    HONE_RETURN_IF_ERROR(services_.database.Read([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(row, FindPending(sql, caller.project, upload_id, services_.Now()));
        HONE_ASSIGN_OR_RETURN(parts, FindParts(sql, row.upload, part_ids));
        return absl::OkStatus();
    }));
    HONE_ASSIGN_OR_RETURN(const auto writer, blobs_.Create());
    HONE_ASSIGN_OR_RETURN(const std::string actual_md5, Join(blobs_, parts, *writer));
    if (!md5.empty() && absl::AsciiStrToLower(md5) != actual_md5)
        return InvalidField("md5", "The MD5 of the parts is {}, not {}.", actual_md5, ShownId(md5));
    const NewFile file{row.upload.filename, row.upload.purpose, row.file_expires_after};
    HONE_ASSIGN_OR_RETURN(const auto report, files_.Examine(file, *writer));
    std::vector<std::string> released;
    HONE_RETURN_IF_ERROR(blobs_.Publish(*writer, [&](const StoredBlob& blob) {
        return services_.database.Write([&](Sql& sql) -> absl::Status {
            HONE_RETURN_IF_ERROR(
                FindPending(sql, caller.project, upload_id, services_.Now()).status());
            End(sql, caller.project, upload_id, "completed", released);
            HONE_ASSIGN_OR_RETURN(const File made, files_.Insert(sql, caller, file, blob, report));
            sql.Run("update uploads set file_id = :file where id = :id", made.id, upload_id);
            NoteAudit(sql, made.created_at, caller, "upload.complete", upload_id);
            return absl::OkStatus();
        });
    }));
    HONE_RETURN_IF_ERROR(Release(released));
    return Get(caller, upload_id);
}

absl::StatusOr<Upload> Uploads::Cancel(const Caller& caller, const std::string& upload_id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    std::vector<std::string> released;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        const int64_t now = services_.Now();
        HONE_RETURN_IF_ERROR(FindPending(sql, caller.project, upload_id, now).status());
        End(sql, caller.project, upload_id, "cancelled", released);
        NoteAudit(sql, now, caller, "upload.cancel", upload_id);
        return absl::OkStatus();
    }));
    HONE_RETURN_IF_ERROR(Release(released));
    return Get(caller, upload_id);
}

absl::StatusOr<Upload> Uploads::Get(const Caller& caller, const std::string& upload_id) {
    UploadRow row;
    HONE_RETURN_IF_ERROR(services_.database.Read([&](Sql& sql) -> absl::Status {
        HONE_ASSIGN_OR_RETURN(row, FindUpload(sql, caller.project, upload_id, services_.Now()));
        return absl::OkStatus();
    }));
    if (row.file_id.empty()) return row.upload;
    auto file = files_.Get(caller, row.file_id);
    if (file.ok()) row.upload.file = *std::move(file);
    return row.upload;
}

absl::Status Uploads::Sweep() {
    std::vector<std::string> released;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        for (const TextRow& row :
             sql.All<TextRow>("select id from uploads where status = 'pending' and "
                              "expires_at <= :now limit :most",
                              services_.Now(), kUploadsAtOnce)) {
            std::string project;
            sql.First("select project from uploads where id = :id", std::tie(project), row.value);
            End(sql, project, row.value, "expired", released);
        }
        return absl::OkStatus();
    }));
    return Release(released);
}

}  // namespace hone::platform
