// The head of an answer as bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/message/message.h"

namespace hone::server {

struct HeadFacts {
    std::string request_id;
    bool keep_alive = false;
    std::optional<uint64_t> length;  // of the body; unset: it comes in chunks
    bool http_1_0 = false;           // whose clients know no chunks: the body ends with the stream
};

// Up to and with the empty line. A line break in a field's value would let a client forge fields:
// it is a bug, and ends the program.
std::string ResponseHead(const HttpResponse& response, const HeadFacts& facts);

}  // namespace hone::server
