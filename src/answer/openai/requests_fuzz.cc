// Any JSON as the body of a request, and any text as an answer with calls in it.
#include <cstdint>
#include <string_view>

#include "answer/openai/api_error.h"
#include "answer/openai/requests.h"
#include "answer/openai/tool_calls.h"
#include "base/files/json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto body = hone::ParseJson<nlohmann::ordered_json>(text, "body");
    if (body.ok()) {
        for (const absl::Status& status :
             {hone::ReadChatRequest(*body).status(), hone::ReadCompletionRequest(*body).status(),
              hone::ReadEmbeddingRequest(*body).status()})
            HONE_CHECK(status.ok() || hone::DescribeFailure(status).status == 400);
    }
    // In one piece and byte by byte: the same calls and the same text.
    hone::ToolCallReader whole({"f", "g"}), bytes({"f", "g"});
    std::string all = whole.Push(text), each;
    all += whole.Finish();
    for (char byte : text) each += bytes.Push({&byte, 1});
    each += bytes.Finish();
    HONE_CHECK(whole.calls().size() == bytes.calls().size());
    HONE_CHECK(!whole.calls().empty() || (all == text && each == text));
    return 0;
}
