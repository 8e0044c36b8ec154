// Any data comes out of a reader of the stream as it went in, as one event.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "server/message/sse.h"

namespace {

// The data of the one event in `stream`, as the standard reads it.
std::string ReadEvent(std::string_view stream) {
    HONE_CHECK(stream.ends_with("\n\n") && stream.find('\r') == std::string_view::npos);
    std::string data;
    bool first = true;
    while (stream != "\n") {
        const size_t end = stream.find('\n');
        HONE_CHECK(stream.starts_with("data: ") && end != std::string_view::npos);
        if (!first) data.push_back('\n');
        data.append(stream.substr(6, end - 6));
        stream.remove_prefix(end + 1);
        first = false;
    }
    return data;
}

// Line breaks of all kinds are one kind.
std::string WithLineFeeds(std::string_view text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
        plain.push_back(text[i] == '\r' ? '\n' : text[i]);
    }
    return plain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    HONE_CHECK(ReadEvent(hone::server::SseMessage(text)) == WithLineFeeds(text));
    return 0;
}
