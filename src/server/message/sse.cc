#include "server/message/sse.h"

#include <algorithm>

#include "base/status.h"

namespace hone::server {
namespace {

void AppendField(std::string_view name, std::string_view value, std::string& text) {
    HONE_CHECK(value.find_first_of("\r\n") == std::string_view::npos);
    text.append(name).append(": ").append(value).push_back('\n');
}

}  // namespace

std::string SseMessage(std::string_view data, std::string_view event, std::string_view id) {
    std::string text;
    text.reserve(data.size() + 64);
    if (!event.empty()) AppendField("event", event, text);
    if (!id.empty()) AppendField("id", id, text);
    // CR, LF and CRLF all end a line of a stream.
    for (;;) {
        const size_t end = std::min(data.find_first_of("\r\n"), data.size());
        AppendField("data", data.substr(0, end), text);
        if (end == data.size()) break;
        data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    text.push_back('\n');
    return text;
}

}  // namespace hone::server
