// Uploads in parts: https://platform.openai.com/docs/api-reference/uploads.
#include <memory>
#include <utility>

#include "server/api/api.h"
#include "server/api/form.h"
#include "server/api/objects.h"
#include "server/api/routes.h"

namespace hone::server {
namespace {

using platform::Platform;

constexpr char kUploadSchemas[] = R"json({
  "Upload": {
    "type": "object",
    "required": ["id", "object", "bytes", "created_at", "expires_at", "filename", "purpose", "status"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "upload"},
      "bytes": {"type": "integer"},
      "created_at": {"type": "integer"},
      "expires_at": {"type": "integer"},
      "filename": {"type": "string"},
      "purpose": {"type": "string"},
      "status": {"type": "string", "enum": ["pending", "completed", "cancelled", "expired"]},
      "file": {"anyOf": [{"$ref": "#/components/schemas/OpenAIFile"}, {"type": "null"}]}
    }
  },
  "CreateUploadRequest": {
    "type": "object",
    "required": ["filename", "purpose", "bytes", "mime_type"],
    "additionalProperties": false,
    "properties": {
      "filename": {"type": "string", "minLength": 1, "maxLength": 255},
      "purpose": {"type": "string", "enum": ["assistants", "batch", "fine-tune", "vision"]},
      "bytes": {"type": "integer", "minimum": 1, "maximum": 8589934592},
      "mime_type": {"type": "string", "minLength": 1, "maxLength": 255},
      "expires_after": {
        "type": ["object", "null"],
        "required": ["anchor", "seconds"],
        "additionalProperties": false,
        "properties": {
          "anchor": {"type": "string", "enum": ["created_at"]},
          "seconds": {"type": "integer", "minimum": 3600, "maximum": 2592000}
        }
      }
    }
  },
  "AddUploadPartRequest": {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "format": "binary"}}
  },
  "UploadPart": {
    "type": "object",
    "required": ["id", "object", "created_at", "upload_id"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "upload.part"},
      "created_at": {"type": "integer"},
      "upload_id": {"type": "string"}
    }
  },
  "CompleteUploadRequest": {
    "type": "object",
    "required": ["part_ids"],
    "additionalProperties": false,
    "properties": {
      "part_ids": {
        "type": "array",
        "minItems": 1,
        "maxItems": 10000,
        "items": {"type": "string", "minLength": 1, "maxLength": 256}
      },
      "md5": {"type": ["string", "null"], "maxLength": 32}
    }
  }
})json";

class PartForm : public Form {
  public:
    PartForm(std::string boundary, std::unique_ptr<platform::PartWriter> writer)
        : Form(std::move(boundary), "data", {}), writer_(std::move(writer)) {}

  protected:
    absl::Status OnContent(std::string_view bytes) override { return writer_->Append(bytes); }
    absl::StatusOr<HttpResponse> OnComplete() override {
        HONE_ASSIGN_OR_RETURN(const platform::UploadPart part, writer_->Finish());
        return JsonResponse(ToJson(part));
    }

  private:
    std::unique_ptr<platform::PartWriter> writer_;
};

HttpResponse CreateUpload(Platform& platform, const Call& call) {
    platform::NewUpload upload;
    upload.file.filename = call.body["filename"];
    upload.file.purpose = call.body["purpose"];
    upload.bytes = call.body["bytes"].get<int64_t>();
    upload.mime_type = call.body["mime_type"];
    const auto expiry = call.body.find("expires_after");
    if (expiry != call.body.end() && expiry->is_object())
        upload.file.expires_after_seconds = (*expiry)["seconds"].get<int64_t>();
    HONE_ASSIGN_OR_ANSWER(const platform::Upload made,
                          platform.uploads().Create(call.caller, upload));
    return JsonResponse(ToJson(made));
}

absl::StatusOr<std::unique_ptr<BodySink>> ReceivePart(Platform& platform, const Call& call) {
    HONE_ASSIGN_OR_RETURN(std::string boundary, FormBoundary(call.request));
    HONE_ASSIGN_OR_RETURN(auto writer, platform.uploads().BeginPart(call.caller, call.path[0]));
    return std::make_unique<PartForm>(std::move(boundary), std::move(writer));
}

HttpResponse CompleteUpload(Platform& platform, const Call& call) {
    const auto parts = call.body["part_ids"].get<std::vector<std::string>>();
    const auto md5 = call.body.find("md5");
    const bool checked = md5 != call.body.end() && md5->is_string();
    HONE_ASSIGN_OR_ANSWER(
        const platform::Upload upload,
        platform.uploads().Complete(call.caller, call.path[0], parts,
                                    checked ? md5->get<std::string>() : std::string()));
    return JsonResponse(ToJson(upload));
}

}  // namespace

void AddUploadRoutes(Api& api, Platform& platform) {
    api.schemas().Add(kUploadSchemas);
    Router& router = api.router();
    router.Add({.method = "POST",
                .pattern = "/v1/uploads",
                .operation = "createUpload",
                .summary = "begins an upload in parts",
                .access = Access::kMember,
                .body = BodyKind::kJson,
                .request_schema = "CreateUploadRequest",
                .response_schema = "Upload",
                .handle = [&](const Call& call) { return CreateUpload(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/v1/uploads/{upload_id}/parts",
                .operation = "addUploadPart",
                .summary = "adds a part, at the same time as others and in any order",
                .access = Access::kMember,
                .body = BodyKind::kForm,
                .body_limit = static_cast<size_t>(platform.options().limits.part_bytes) + kFormRoom,
                .request_schema = "AddUploadPartRequest",
                .response_schema = "UploadPart",
                .receive = [&](const Call& call) { return ReceivePart(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/v1/uploads/{upload_id}/complete",
                .operation = "completeUpload",
                .summary = "makes a file of the parts, in the order given",
                .access = Access::kMember,
                .body = BodyKind::kJson,
                .request_schema = "CompleteUploadRequest",
                .response_schema = "Upload",
                .handle = [&](const Call& call) { return CompleteUpload(platform, call); }});
    router.Add({.method = "POST",
                .pattern = "/v1/uploads/{upload_id}/cancel",
                .operation = "cancelUpload",
                .summary = "gives an upload up",
                .access = Access::kMember,
                .response_schema = "Upload",
                .handle = [&](const Call& call) {
                    HONE_ASSIGN_OR_ANSWER(const platform::Upload upload,
                                          platform.uploads().Cancel(call.caller, call.path[0]));
                    return JsonResponse(ToJson(upload));
                }});
}

}  // namespace hone::server
