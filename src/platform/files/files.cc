#include "platform/files/files.h"

#include "absl/strings/match.h"
#include "platform/api/checks.h"
#include "platform/api/refusal.h"
#include "platform/store/database.h"
#include "platform/store/ids.h"
#include "platform/store/listing.h"

namespace hone::platform {
namespace {

constexpr int64_t kBatchFileSeconds = 30 * 86'400;
constexpr int64_t kSweepAtOnce = 1000;
constexpr char kColumns[] =
    "id, bytes, created_at, expires_at, filename, purpose, status, status_details, sha256";

absl::Status NoSuchFile(const std::string& id) {
    return Refuse({RefusalKind::kNotFound, "id", ""},
                  fmt::format("No such File object: {}", ShownId(id)));
}

}  // namespace

std::tuple<std::string&, int64_t&, int64_t&, int64_t&, std::string&, std::string&, std::string&,
           std::string&, std::string&>
ColumnsOf(File& file) {
    return std::tie(file.id, file.bytes, file.created_at, file.expires_at, file.filename,
                    file.purpose, file.status, file.status_details, file.sha256);
}

namespace {

absl::StatusOr<File> FindFile(Sql& sql, const std::string& project, const std::string& id,
                              int64_t now) {
    File file;
    if (!sql.First(fmt::format("select {} from files where id = :id and project = :project and "
                               "(expires_at = 0 or expires_at > :now)",
                               kColumns),
                   ColumnsOf(file), id, project, now))
        return NoSuchFile(id);
    return file;
}

void RemoveRow(Sql& sql, const std::string& project, const File& file) {
    sql.Run("delete from files where id = :id", file.id);
    sql.Run(
        "update projects set stored_bytes = stored_bytes - :bytes, stored_files = stored_files - 1 "
        "where id = :project",
        file.bytes, project);
}

}  // namespace

absl::Status FileWriter::Append(std::string_view bytes) {
    const int64_t size = blob_->bytes() + static_cast<int64_t>(bytes.size());
    if (size > limit_)
        return Refuse(
            {RefusalKind::kInvalid, "file", "file_too_large"},
            fmt::format("The file is larger than {} bytes, the most that one may have.", limit_));
    if (size > free_)
        return Refuse({RefusalKind::kLimit, "file", "insufficient_quota"},
                      "The project's files would take more room than they may: delete some.");
    return blob_->Append(bytes);
}

absl::StatusOr<File> FileWriter::Finish(const NewFile& file) {
    return files_.Store(caller_, file, *blob_);
}

absl::StatusOr<std::unique_ptr<FileWriter>> Files::Begin(const Caller& caller) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    HONE_ASSIGN_OR_RETURN(const int64_t free,
                          services_.database.Read([&](Sql& sql) -> absl::StatusOr<int64_t> {
                              return FreeBytes(sql, caller.project);
                          }));
    HONE_ASSIGN_OR_RETURN(auto blob, blobs_.Create());
    return std::unique_ptr<FileWriter>(
        new FileWriter(*this, caller, std::move(blob), services_.options.limits.file_bytes, free));
}

int64_t Files::FreeBytes(Sql& sql, const std::string& project) const {
    int64_t stored = 0;
    sql.First("select stored_bytes from projects where id = :id", std::tie(stored), project);
    return services_.options.limits.project_bytes - stored;
}

absl::Status Files::Check(const NewFile& file) {
    HONE_RETURN_IF_ERROR(CheckText("filename", file.filename, 1, 255));
    HONE_RETURN_IF_ERROR(
        CheckOneOf("purpose", file.purpose,
                   {"fine-tune", "assistants", "batch", "vision", "user_data", "evals"}));
    if (file.purpose == "fine-tune" && !absl::EndsWithIgnoreCase(file.filename, ".jsonl"))
        return InvalidField("file",
                            "A file for fine-tuning must be named *.jsonl, and '{}' is not.",
                            file.filename);
    if (file.expires_after_seconds == 0) return absl::OkStatus();
    return CheckRange("expires_after[seconds]", file.expires_after_seconds, 3600, 2'592'000);
}

absl::StatusOr<std::optional<TrainingFileReport>> Files::Examine(const NewFile& file,
                                                                 const BlobWriter& writer) {
    if (file.purpose != "fine-tune") return std::nullopt;
    return Read(writer.path());
}

absl::StatusOr<TrainingFileReport> Files::Read(const std::string& path) {
    return ReadTrainingFile(path, *Tokens());
}

std::shared_ptr<const SpecialTokens> Files::Tokens() {
    const int64_t version = bases_.version();
    const std::lock_guard lock(mutex_);
    if (tokens_version_ != version) {
        tokens_ = std::make_shared<const SpecialTokens>(SpecialTokensOf(bases_.All()));
        tokens_version_ = version;
    }
    return tokens_;
}

absl::StatusOr<File> Files::Store(const Caller& caller, const NewFile& file, BlobWriter& writer) {
    HONE_RETURN_IF_ERROR(Check(file));
    HONE_ASSIGN_OR_RETURN(const auto report, Examine(file, writer));
    absl::StatusOr<File> stored = absl::UnknownError("");
    HONE_RETURN_IF_ERROR(blobs_.Publish(writer, [&](const StoredBlob& blob) {
        stored = services_.database.Write([&](Sql& sql) -> absl::StatusOr<File> {
            return Insert(sql, caller, file, blob, report);
        });
        return stored.status();
    }));
    return stored;
}

absl::StatusOr<File> Files::Insert(Sql& sql, const Caller& caller, const NewFile& asked,
                                   const StoredBlob& blob,
                                   const std::optional<TrainingFileReport>& report) {
    int64_t files = 0;
    sql.First("select stored_files from projects where id = :id", std::tie(files), caller.project);
    if (files >= services_.options.limits.files || blob.bytes > FreeBytes(sql, caller.project))
        return Refuse({RefusalKind::kLimit, "file", "insufficient_quota"},
                      "The project's files would take more room than they may: delete some.");
    File file;
    file.id = NewId("file-");
    file.bytes = blob.bytes;
    file.created_at = services_.Now();
    const int64_t seconds = asked.expires_after_seconds > 0 ? asked.expires_after_seconds
                            : asked.purpose == "batch"      ? kBatchFileSeconds
                                                            : 0;
    file.expires_at = seconds > 0 ? file.created_at + seconds : 0;
    file.filename = asked.filename;
    file.purpose = asked.purpose;
    file.status = report && report->bad_lines > 0 ? "error" : "processed";
    if (report) file.status_details = report->ToText();
    file.sha256 = blob.sha256;
    sql.Run(fmt::format("insert into files ({}, project) values (:id, :bytes, :created_at, "
                        ":expires_at, :filename, :purpose, :status, :details, :sha256, :project)",
                        kColumns),
            file.id, file.bytes, file.created_at, file.expires_at, file.filename, file.purpose,
            file.status, file.status_details, file.sha256, caller.project);
    sql.Run(
        "update projects set stored_bytes = stored_bytes + :bytes, stored_files = stored_files + 1 "
        "where id = :project",
        file.bytes, caller.project);
    NoteAudit(sql, file.created_at, caller, "file.create", file.id);
    return file;
}

absl::StatusOr<File> Files::Get(const Caller& caller, const std::string& id) {
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<File> {
        return FindFile(sql, caller.project, id, services_.Now());
    });
}

absl::StatusOr<Page<File>> Files::List(const Caller& caller, const std::string& purpose,
                                       const PageRequest& page) {
    HONE_RETURN_IF_ERROR(CheckPage(page, 10'000));
    const int64_t now = services_.Now();
    return services_.database.Read([&](Sql& sql) -> absl::StatusOr<Page<File>> {
        constexpr char kLiving[] = "project = :project and (expires_at = 0 or expires_at > :now)";
        if (purpose.empty())
            return ListRows<File>(sql, {kColumns, "files"}, kLiving, page, caller.project, now);
        return ListRows<File>(sql, {kColumns, "files"},
                              fmt::format("{} and purpose = :purpose", kLiving), page,
                              caller.project, now, purpose);
    });
}

absl::Status Files::Delete(const Caller& caller, const std::string& id) {
    HONE_RETURN_IF_ERROR(RequireRole(caller, Role::kMember));
    HONE_ASSIGN_OR_RETURN(
        const std::string sha256,
        services_.database.Write([&](Sql& sql) -> absl::StatusOr<std::string> {
            const int64_t now = services_.Now();
            HONE_ASSIGN_OR_RETURN(const File file, FindFile(sql, caller.project, id, now));
            std::string job;
            if (sql.First(fmt::format("select id from jobs where (training_file = :training or "
                                      "validation_file = :validation) and status in {} limit 1",
                                      LivingJobStatuses()),
                          std::tie(job), id, id))
                return Refuse({RefusalKind::kConflict, "file_id", "file_in_use"},
                              fmt::format("The job {} needs this file: cancel it first.", job));
            RemoveRow(sql, caller.project, file);
            NoteAudit(sql, now, caller, "file.delete", id);
            return file.sha256;
        }));
    return Release(sha256);
}

absl::StatusOr<std::unique_ptr<OpenBlob>> Files::Open(const Caller& caller, const std::string& id) {
    HONE_ASSIGN_OR_RETURN(const File file, Get(caller, id));
    return blobs_.OpenForReading(file.sha256);
}

absl::StatusOr<std::string> Files::PathOf(const std::string& project, const std::string& id) {
    HONE_ASSIGN_OR_RETURN(const File file, Get(Operator(project), id));
    return blobs_.PathOf(file.sha256);
}

absl::StatusOr<TrainingFileReport> Files::Report(const Caller& caller, const std::string& id) {
    HONE_ASSIGN_OR_RETURN(const std::string path, PathOf(caller.project, id));
    return Read(path);
}

absl::Status Files::Release(const std::string& sha256) {
    return blobs_.RemoveIfUnused(sha256, [&] {
        return services_.database.Read([&](Sql& sql) -> absl::StatusOr<bool> {
            int64_t files = 0, parts = 0;
            sql.First("select count(*) from files where sha256 = :sha256", std::tie(files), sha256);
            sql.First("select count(*) from upload_parts where sha256 = :sha256", std::tie(parts),
                      sha256);
            return files + parts > 0;
        });
    });
}

absl::Status Files::Sweep() {
    std::vector<std::string> released;
    HONE_RETURN_IF_ERROR(services_.database.Write([&](Sql& sql) -> absl::Status {
        const int64_t now = services_.Now();
        const auto expired = sql.All<TextRow>(
            "select id from files where expires_at > 0 and expires_at <= :now and not exists "
            "(select 1 from jobs where (training_file = files.id or validation_file = files.id) "
            "and status in ('validating_files', 'queued', 'running', 'paused')) limit :most",
            now, kSweepAtOnce);
        for (const TextRow& row : expired) {
            File file;
            std::string project;
            sql.First("select id, bytes, sha256, project from files where id = :id",
                      std::tie(file.id, file.bytes, file.sha256, project), row.value);
            RemoveRow(sql, project, file);
            released.push_back(file.sha256);
        }
        return absl::OkStatus();
    }));
    for (const std::string& sha256 : released) HONE_RETURN_IF_ERROR(Release(sha256));
    return absl::OkStatus();
}

absl::Status Files::RemoveOrphans() {
    for (const std::string& sha256 : blobs_.List()) HONE_RETURN_IF_ERROR(Release(sha256));
    return absl::OkStatus();
}

}  // namespace hone::platform
