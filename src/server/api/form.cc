#include "server/api/form.h"

#include <algorithm>

#include "platform/api/refusal.h"

namespace hone::server {
namespace {

// An error of the parser as a refusal; those of the platform stay what they are.
absl::Status AsRefusal(const absl::Status& status) {
    if (status.ok() || KindOf(status) != ErrorKind::kData) return status;
    return platform::Refuse({platform::RefusalKind::kInvalid, "", "invalid_form"},
                            std::string(status.message()));
}

}  // namespace

absl::StatusOr<std::string> FormBoundary(const HttpRequest& request) {
    auto boundary = MultipartBoundary(request.headers.Get("content-type"));
    if (!boundary.ok()) return AsRefusal(boundary.status());
    return boundary;
}

Form::Form(std::string boundary, std::string file_name, std::vector<std::string> fields)
    : file_name_(std::move(file_name)),
      known_(std::move(fields)),
      parser_(std::move(boundary), MultipartLimits{}, *this) {}

bool Form::Take(std::string_view bytes) {
    if (status_.ok()) status_ = parser_.Feed(bytes);
    return status_.ok();
}

HttpResponse Form::Finish() {
    if (status_.ok()) status_ = parser_.Finish();
    if (!status_.ok()) return ErrorResponse(AsRefusal(status_));
    if (!has_file_)
        return ErrorResponse(
            ApiError{.message = fmt::format("Missing required parameter: '{}'.", file_name_),
                     .param = file_name_,
                     .code = "missing_required_parameter"});
    auto response = OnComplete();
    return response.ok() ? *std::move(response) : ErrorResponse(response.status());
}

std::string Form::Field(const std::string& name) const {
    const auto field = fields_.find(name);
    return field == fields_.end() ? "" : field->second;
}

absl::Status Form::OnPart(const MultipartPart& part) {
    part_ = part.name;
    if (part.name == file_name_) {
        has_file_ = true;
        filename_ = part.filename;
        return absl::OkStatus();
    }
    if (std::find(known_.begin(), known_.end(), part.name) == known_.end())
        return platform::Refuse({platform::RefusalKind::kInvalid, part.name, "unknown_parameter"},
                                fmt::format("Unknown parameter: '{:.100}'.", part.name));
    fields_[part.name];
    return absl::OkStatus();
}

absl::Status Form::OnData(std::string_view bytes) {
    if (part_ == file_name_) return OnContent(bytes);
    std::string& field = fields_[part_];
    if (field.size() + bytes.size() > kMaxFormField)
        return platform::InvalidField(part_, "Invalid '{}': expected at most {} bytes.", part_,
                                      kMaxFormField);
    field.append(bytes);
    return absl::OkStatus();
}

}  // namespace hone::server
