// A multipart form with one file and some short fields, as the API's uploads are.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/api/answer.h"
#include "server/http/service.h"
#include "server/message/multipart.h"

namespace hone::server {

// What a form may hold beside its file: fields, heads and boundaries.
inline constexpr size_t kFormRoom = 64 << 10;
inline constexpr size_t kMaxFormField = 1024;

// The boundary of the request's form; a refusal where its Content-Type has none.
absl::StatusOr<std::string> FormBoundary(const HttpRequest& request);

// Fields that are not known, a file under another name and a form without its file are refused. The
// file's bytes go to OnContent as they come.
class Form : public BodySink, private MultipartSink {
  public:
    bool Take(std::string_view bytes) final;
    HttpResponse Finish() final;

  protected:
    Form(std::string boundary, std::string file_name, std::vector<std::string> fields);

    virtual absl::Status OnContent(std::string_view bytes) = 0;
    // The whole form has come.
    virtual absl::StatusOr<HttpResponse> OnComplete() = 0;

    // "" where the form has not this field.
    std::string Field(const std::string& name) const;
    // As the client calls the file.
    const std::string& filename() const { return filename_; }

  private:
    absl::Status OnPart(const MultipartPart& part) final;
    absl::Status OnData(std::string_view bytes) final;
    absl::Status OnPartEnd() final { return absl::OkStatus(); }

    const std::string file_name_;
    const std::vector<std::string> known_;
    MultipartParser parser_;
    std::string filename_, part_;
    bool has_file_ = false;
    std::map<std::string, std::string> fields_;
    absl::Status status_;  // the first error
};

}  // namespace hone::server
