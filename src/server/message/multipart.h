// multipart/form-data (RFC 7578), read as it comes: the parts' bytes are handed on in pieces and
// never held whole.
//
// Strict on purpose, since a body that two programs read differently is a way past both: no text
// before the first part or after the last, no part twice, no multipart in a part, no transfer
// encoding.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hone::server {

struct MultipartPart {
    std::string name;          // of the form's field
    std::string filename;      // as the client calls it; never a path of ours
    std::string content_type;  // "" where the part has none
    bool is_file = false;      // it has a filename
};

// Takes what the parser finds. An error ends the parse.
class MultipartSink {
  public:
    virtual ~MultipartSink() = default;
    virtual absl::Status OnPart(const MultipartPart& part) = 0;
    virtual absl::Status OnData(std::string_view bytes) = 0;
    virtual absl::Status OnPartEnd() = 0;
};

struct MultipartLimits {
    size_t parts = 16;
    size_t head_bytes = 4 << 10;  // the fields of one part
    size_t name_bytes = 512;      // a field's name, a filename
};

// The boundary out of a Content-Type. An error if it is no multipart/form-data or has no usable
// boundary (1 to 70 of RFC 2046's characters).
absl::StatusOr<std::string> MultipartBoundary(std::string_view content_type);

class MultipartParser {
  public:
    MultipartParser(std::string boundary, MultipartLimits limits, MultipartSink& sink);
    // The next bytes of the body. After an error nothing more may be fed.
    absl::Status Feed(std::string_view bytes);
    // The body ends here. An error if the last boundary has not come.
    absl::Status Finish();

  private:
    enum class State { kStart, kAfterBoundary, kHead, kData, kEnd };
    absl::StatusOr<bool> Step();
    absl::StatusOr<bool> Start();
    absl::StatusOr<bool> AfterBoundary();
    absl::StatusOr<bool> Head();
    absl::StatusOr<bool> Data();
    absl::StatusOr<bool> End();
    absl::Status BeginPart(std::string_view head);

    const std::string delimiter_;  // CRLF, two dashes, the boundary
    const MultipartLimits limits_;
    MultipartSink& sink_;
    State state_ = State::kStart;
    std::string pending_;  // what no state could use yet: at most a head or a delimiter, and a feed
    size_t used_ = 0;      // of `pending_`
    std::set<std::string> names_;
};

}  // namespace hone::server
