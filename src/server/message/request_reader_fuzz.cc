// Requests of any bytes: the pieces in which they come change nothing, and what is read obeys the
// rules that CheckHead keeps.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "server/message/request_reader.h"

namespace {

using hone::server::HttpLimits;
using hone::server::RequestReader;

struct Outcome {
    bool good = false;
    size_t used = 0;
    std::string body;
};

Outcome Read(std::string_view bytes, size_t piece) {
    RequestReader reader(HttpLimits{.head_bytes = 512, .fields = 8, .query_parts = 4});
    Outcome outcome;
    size_t used = 0, seen = 0;
    bool complete = false;
    while (!complete) {
        if (seen == bytes.size()) return outcome;
        seen = std::min(bytes.size(), seen + piece);
        if (reader.ReadHead(bytes.substr(0, seen), used, complete)) return outcome;
    }
    HONE_CHECK(!reader.request().method.empty() && !reader.request().path.empty());
    outcome.used = used;
    while (!reader.done()) {
        const size_t before = outcome.body.size();
        if (reader.ReadBody(bytes.substr(outcome.used, seen - outcome.used), piece, used,
                            outcome.body))
            return outcome;
        HONE_CHECK(outcome.body.size() - before <= piece);
        outcome.used += used;
        if (used > 0) continue;
        if (seen == bytes.size()) return outcome;
        seen = std::min(bytes.size(), seen + piece);
    }
    outcome.good = true;
    return outcome;
}

}  // namespace

// The first byte is the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Outcome whole = Read(bytes, bytes.size() + 1);
    const Outcome pieces = Read(bytes, size_t{1} + data[0]);
    HONE_CHECK(whole.good == pieces.good);
    HONE_CHECK(!whole.good || (whole.body == pieces.body && whole.used == pieces.used));
    return 0;
}
