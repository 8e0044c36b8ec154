#include "platform/admin/admin.h"

#include <filesystem>

#include "base/files/file.h"
#include "base/files/hash.h"
#include "platform/store/database.h"

namespace hone::platform {
namespace {

namespace fs = std::filesystem;

constexpr char kModelFiles[][32] = {"adapter_config.json", "adapter_model.safetensors"};

struct ContentRow {
    std::string sha256;
    int64_t bytes = 0;
};
auto ColumnsOf(ContentRow& row) { return std::tie(row.sha256, row.bytes); }

struct ModelRow {
    std::string id, folder;
};
auto ColumnsOf(ModelRow& row) { return std::tie(row.id, row.folder); }

struct CountRow {
    std::string name;
    int64_t stored_bytes = 0, stored_files = 0, bytes = 0, files = 0;
};
auto ColumnsOf(CountRow& row) {
    return std::tie(row.name, row.stored_bytes, row.stored_files, row.bytes, row.files);
}

// What the database names.
struct Contents {
    std::vector<ContentRow> blobs;
    std::vector<ModelRow> models;
    std::vector<CountRow> counts;
    std::vector<std::string> damage;  // of the database itself
};

absl::StatusOr<Contents> ReadContents(Database& database) {
    return database.Read([&](Sql& sql) -> absl::StatusOr<Contents> {
        Contents contents;
        contents.blobs = sql.All<ContentRow>(
            "select sha256, bytes from files union select sha256, bytes from upload_parts");
        contents.models = sql.All<ModelRow>("select id, folder from models");
        contents.counts = sql.All<CountRow>(
            "select name, stored_bytes, stored_files, "
            "(select coalesce(sum(bytes), 0) from files where project = projects.id) + "
            "(select coalesce(sum(p.bytes), 0) from upload_parts as p join uploads as u on u.id = "
            "p.upload_id where u.project = projects.id), "
            "(select count(*) from files where project = projects.id) from projects");
        if (!database.is_sqlite()) return contents;
        for (TextRow& row : sql.All<TextRow>("pragma integrity_check"))
            if (row.value != "ok") contents.damage.push_back(std::move(row.value));
        return contents;
    });
}

// Copies into folders that it makes. A file that is not there is no error: false.
absl::StatusOr<bool> Copy(const std::string& from, const std::string& to) {
    std::error_code error;
    HONE_RETURN_IF_ERROR(MakeDirectories(fs::path(to).parent_path()));
    fs::copy_file(from, to, error);
    if (error == std::errc::no_such_file_or_directory) return false;
    if (error) return OtherError("cannot copy {} to {}: {}", from, to, error.message());
    return true;
}

}  // namespace

absl::StatusOr<DataReport> Admin::BackUp(const std::string& to) {
    std::error_code error;
    if (fs::exists(to, error))
        return UsageError("{} is there already: name a folder that is not", to);
    HONE_RETURN_IF_ERROR(MakeDirectories(to));
    fs::permissions(to, fs::perms::owner_all, error);
    HONE_RETURN_IF_ERROR(services_.database.CopyTo(to + "/hone.db"));
    HONE_ASSIGN_OR_RETURN(auto copy, Database::Open("sqlite://" + to + "/hone.db"));
    HONE_ASSIGN_OR_RETURN(const Contents contents, ReadContents(*copy));
    DataReport report;
    for (const ContentRow& row : contents.blobs) {
        HONE_ASSIGN_OR_RETURN(const bool there,
                              Copy(blobs_.PathOf(row.sha256), Blobs::PathIn(to, row.sha256)));
        if (!there)
            report.problems.push_back(
                fmt::format("The content {} was deleted meanwhile.", row.sha256));
        report.bytes += row.bytes;
        ++report.files;
    }
    for (const ModelRow& row : contents.models) {
        bool whole = true;
        for (const char* name : kModelFiles) {
            HONE_ASSIGN_OR_RETURN(const bool there,
                                  Copy(fmt::format("{}/{}", models_.FolderPath(row.folder), name),
                                       fmt::format("{}/models/{}/{}", to, row.folder, name)));
            whole = whole && there;
        }
        if (!whole)
            report.problems.push_back(fmt::format("The model {} was deleted meanwhile.", row.id));
        ++report.models;
    }
    return report;
}

absl::Status Admin::Restore(const std::string& from, const std::string& data_dir) {
    std::error_code error;
    if (!fs::exists(from + "/hone.db", error))
        return UsageError("{} is no backup: it holds no hone.db", from);
    if (fs::exists(data_dir, error) && !fs::is_empty(data_dir, error))
        return UsageError("{} holds something already: name a folder that is empty or not there",
                          data_dir);
    HONE_RETURN_IF_ERROR(MakeDirectories(data_dir));
    fs::copy(from, data_dir, fs::copy_options::recursive, error);
    if (error) return OtherError("cannot copy {} to {}: {}", from, data_dir, error.message());
    return absl::OkStatus();
}

absl::StatusOr<DataReport> Admin::Check() {
    HONE_ASSIGN_OR_RETURN(const Contents contents, ReadContents(services_.database));
    DataReport report;
    for (const std::string& damage : contents.damage)
        report.problems.push_back(fmt::format("The database is damaged: {}.", damage));
    for (const ContentRow& row : contents.blobs) {
        ++report.files;
        report.bytes += row.bytes;
        const auto sha256 = Sha256File(blobs_.PathOf(row.sha256));
        if (!sha256.ok())
            report.problems.push_back(fmt::format("The content {} cannot be read: {}.", row.sha256,
                                                  std::string(sha256.status().message())));
        else if (*sha256 != row.sha256)
            report.problems.push_back(fmt::format("The content {} was changed.", row.sha256));
    }
    for (const ModelRow& row : contents.models) {
        ++report.models;
        for (const char* name : kModelFiles) {
            std::error_code error;
            const std::string path = fmt::format("{}/{}", models_.FolderPath(row.folder), name);
            if (!fs::is_regular_file(path, error))
                report.problems.push_back(fmt::format("The model {} lacks {}.", row.id, path));
        }
    }
    for (const CountRow& row : contents.counts)
        if (row.stored_bytes != row.bytes || row.stored_files != row.files)
            report.problems.push_back(
                fmt::format("The project {} counts {} bytes in {} files, but has {} in {}.",
                            row.name, row.stored_bytes, row.stored_files, row.bytes, row.files));
    return report;
}

}  // namespace hone::platform
