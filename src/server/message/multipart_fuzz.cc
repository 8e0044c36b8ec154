// Forms of any bytes: the pieces in which they come change nothing, and no part is given that has
// no end.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "server/message/multipart.h"

namespace {

class Recorder : public hone::server::MultipartSink {
  public:
    std::string seen;

    absl::Status OnPart(const hone::server::MultipartPart& part) override {
        HONE_CHECK(!part.name.empty());
        seen += part.name + "(" + part.filename + ")";
        return absl::OkStatus();
    }
    absl::Status OnData(std::string_view bytes) override {
        seen += bytes;
        return absl::OkStatus();
    }
    absl::Status OnPartEnd() override {
        seen += ";";
        return absl::OkStatus();
    }
};

bool Parse(std::string_view body, size_t piece, std::string& seen) {
    Recorder recorder;
    hone::server::MultipartParser parser("b", {}, recorder);
    bool good = true;
    for (size_t i = 0; i < body.size() && good; i += piece)
        good = parser.Feed(body.substr(i, piece)).ok();
    good = good && parser.Finish().ok();
    seen = recorder.seen;
    return good;
}

}  // namespace

// The first byte is the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    (void)hone::server::MultipartBoundary(body);
    std::string whole, pieces;
    const bool good = Parse(body, body.size() + 1, whole);
    HONE_CHECK(Parse(body, size_t{1} + data[0], pieces) == good);
    HONE_CHECK(!good || whole == pieces);
    return 0;
}
