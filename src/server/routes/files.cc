// Files: https://platform.openai.com/docs/api-reference/files.
#include <map>
#include <memory>
#include <utility>

#include "base/text/text_value.h"
#include "server/api/api.h"
#include "server/api/form.h"
#include "server/api/objects.h"
#include "server/api/paging.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;

constexpr char kFileSchemas[] = R"json({
  "OpenAIFile": {
    "type": "object",
    "required": ["id", "object", "bytes", "created_at", "filename", "purpose", "status"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "file"},
      "bytes": {"type": "integer"},
      "created_at": {"type": "integer"},
      "expires_at": {"type": ["integer", "null"]},
      "filename": {"type": "string"},
      "purpose": {"type": "string"},
      "status": {"type": "string", "enum": ["uploaded", "processed", "error"]},
      "status_details": {"type": ["string", "null"]}
    }
  },
  "CreateFileRequest": {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {
      "file": {"type": "string", "format": "binary"},
      "purpose": {
        "type": "string",
        "enum": ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
      },
      "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
      "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000}
    }
  },
  "ListFilesResponse": {
    "type": "object",
    "required": ["object", "data", "first_id", "last_id", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/OpenAIFile"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  },
  "DeletedObject": {
    "type": "object",
    "required": ["id", "object", "deleted"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string"},
      "deleted": {"type": "boolean"}
    }
  },
  "FileReport": {
    "description": "every line of a training file that cannot be used, and why",
    "type": "object",
    "required": ["object", "file_id", "format", "examples", "bad_lines", "data"],
    "properties": {
      "object": {"type": "string", "const": "file.report"},
      "file_id": {"type": "string"},
      "format": {"type": ["string", "null"]},
      "examples": {"type": "integer"},
      "bad_lines": {"type": "integer"},
      "data": {"type": "array", "items": {
        "type": "object",
        "required": ["line", "example", "reason"],
        "properties": {
          "line": {"type": "integer"},
          "example": {"type": "integer"},
          "reason": {"type": "string"}
        }
      }}
    }
  }
})json";

constexpr PageRules kFilePages{.limit = 10'000, .most = 10'000, .ordered = true};

// A blob, read from where the last piece ended.
class BlobSource : public BodySource {
  public:
    explicit BlobSource(std::unique_ptr<platform::OpenBlob> blob) : blob_(std::move(blob)) {}

    uint64_t size() const override { return static_cast<uint64_t>(blob_->bytes()); }
    absl::Status Read(size_t limit, std::string& bytes) override {
        HONE_ASSIGN_OR_RETURN(bytes, blob_->Read(offset_, limit));
        offset_ += static_cast<int64_t>(bytes.size());
        return absl::OkStatus();
    }

  private:
    std::unique_ptr<platform::OpenBlob> blob_;
    int64_t offset_ = 0;
};

// The form that makes a file: its content goes to the platform as it comes, the fields are kept.
class FileForm : public Form {
  public:
    FileForm(std::string boundary, std::unique_ptr<platform::FileWriter> writer)
        : Form(std::move(boundary), "file",
               {"purpose", "expires_after[anchor]", "expires_after[seconds]"}),
          writer_(std::move(writer)) {}

  protected:
    absl::Status OnContent(std::string_view bytes) override { return writer_->Append(bytes); }

    absl::StatusOr<HttpResponse> OnComplete() override {
        platform::NewFile file{.filename = filename(), .purpose = Field("purpose")};
        if (file.purpose.empty())
            return platform::Refuse(
                {platform::RefusalKind::kInvalid, "purpose", "missing_required_parameter"},
                "Missing required parameter: 'purpose'.");
        HONE_RETURN_IF_ERROR(ReadExpiry(file));
        HONE_ASSIGN_OR_RETURN(const platform::File made, writer_->Finish(file));
        return JsonResponse(ToJson(made));
    }

  private:
    absl::Status ReadExpiry(platform::NewFile& file) const {
        const std::string anchor = Field("expires_after[anchor]");
        const std::string seconds = Field("expires_after[seconds]");
        if (anchor.empty() && seconds.empty()) return absl::OkStatus();
        if (anchor != "created_at")
            return platform::InvalidField("expires_after[anchor]",
                                          "Invalid 'expires_after[anchor]': expected created_at.");
        if (!ReadInteger(seconds, file.expires_after_seconds).empty() ||
            file.expires_after_seconds == 0)
            return platform::InvalidField(
                "expires_after[seconds]",
                "Invalid 'expires_after[seconds]': expected a whole number of seconds.");
        return absl::OkStatus();
    }

    std::unique_ptr<platform::FileWriter> writer_;
};

HttpResponse ListFiles(Platform& platform, const Call& call) {
    platform::PageRequest page;
    if (auto wrong = ReadPage(call.request, kFilePages, page)) return *std::move(wrong);
    const std::string* purpose = call.request.Query("purpose");
    HONE_ASSIGN_OR_ANSWER(const platform::Page<platform::File> files,
                          platform.files().List(call.caller, purpose ? *purpose : "", page));
    return JsonResponse(ListJson(files.data, files.has_more,
                                 [](const platform::File& file) { return ToJson(file); }));
}

HttpResponse SendContent(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(auto blob, platform.files().Open(call.caller, call.path[0]));
    HttpResponse response;
    response.headers.Add("Content-Type", "application/octet-stream");
    response.source = std::make_shared<BlobSource>(std::move(blob));
    return response;
}

HttpResponse SendReport(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_ANSWER(const platform::TrainingFileReport report,
                          platform.files().Report(call.caller, call.path[0]));
    nlohmann::ordered_json bad = nlohmann::ordered_json::array();
    for (const platform::BadLine& line : report.bad)
        bad.push_back({{"line", line.line}, {"example", line.example}, {"reason", line.reason}});
    nlohmann::ordered_json format;
    if (report.format != platform::TrainingFormat::kUnknown)
        format = TrainingFormatName(report.format);
    return JsonResponse({{"object", "file.report"},
                         {"file_id", call.path[0]},
                         {"format", std::move(format)},
                         {"examples", report.examples},
                         {"bad_lines", report.bad_lines},
                         {"data", std::move(bad)}});
}

absl::StatusOr<std::unique_ptr<BodySink>> ReceiveFile(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_RETURN(std::string boundary, FormBoundary(call.request));
    HONE_ASSIGN_OR_RETURN(auto writer, platform.files().Begin(call.caller));
    return std::make_unique<FileForm>(std::move(boundary), std::move(writer));
}

}  // namespace

void AddFileRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kFileSchemas);
    Router& router = api.router();
    std::vector<QueryParameter> listing = PageParameters(kFilePages);
    listing.push_back({"purpose", R"({"type": "string"})", "only files of this purpose"});
    router.Add({.method = "POST",
                .pattern = "/v1/files",
                .operation = "createFile",
                .summary = "uploads a file",
                .access = Access::kMember,
                .body = BodyKind::kForm,
                .body_limit = static_cast<size_t>(platform.options().limits.file_bytes) + kFormRoom,
                .request_schema = "CreateFileRequest",
                .response_schema = "OpenAIFile",
                .receive = [&](const Call& call) { return ReceiveFile(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/v1/files",
                .operation = "listFiles",
                .summary = "lists the project's files",
                .query = std::move(listing),
                .response_schema = "ListFilesResponse",
                .handle = [&](const Call& call) { return ListFiles(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/v1/files/{file_id}",
                .operation = "retrieveFile",
                .summary = "one file",
                .response_schema = "OpenAIFile",
                .handle = [&](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const platform::File file,
                                          platform.files().Get(call.caller, call.path[0]));
                    return JsonResponse(ToJson(file));
                }});
    router.Add({.method = "DELETE",
                .pattern = "/v1/files/{file_id}",
                .operation = "deleteFile",
                .summary = "deletes a file",
                .access = Access::kMember,
                .response_schema = "DeletedObject",
                .handle = [&](const Call& call) {
                    return DeletedResponse(platform.files().Delete(call.caller, call.path[0]),
                                           call.path[0], "file");
                }});
    router.Add({.method = "GET",
                .pattern = "/v1/files/{file_id}/content",
                .operation = "downloadFile",
                .summary = "the bytes of a file",
                .response_type = "application/octet-stream",
                .handle = [&](const Call& call) { return SendContent(platform, call); }});
    router.Add({.method = "GET",
                .pattern = "/api/files/{file_id}/report",
                .operation = "reportFile",
                .summary = "what is wrong with a training file, line by line",
                .response_schema = "FileReport",
                .handle = [&](const Call& call) { return SendReport(platform, call); }});
}

}  // namespace hone::server
