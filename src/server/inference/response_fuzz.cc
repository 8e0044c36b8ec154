// Any JSON as a request for a response: what is refused is the client's fault, and what is not
// becomes messages.
#include <cstdint>
#include <string_view>

#include "answer/openai/api_error.h"
#include "base/files/json_file.h"
#include "server/inference/response_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto body = hone::ParseJson<nlohmann::ordered_json>(text, "body");
    if (!body.ok()) return 0;
    const auto request = hone::server::ReadResponseRequest(*body);
    if (!request.ok()) {
        HONE_CHECK(hone::DescribeFailure(request.status()).status == 400);
        return 0;
    }
    for (const auto& message : hone::server::ChatMessages(request->instructions, request->items))
        HONE_CHECK(message.contains("role") && message.contains("content"));
    return 0;
}
