// Server-sent events (the HTML standard, section 9.2), one at a time.
#pragma once

#include <string>
#include <string_view>

namespace hone::server {

// Data that has line breaks comes out as as many `data:` lines, so no data can end the event or
// begin another. `event` and `id` may be empty, and hold no line breaks.
std::string SseMessage(std::string_view data, std::string_view event = "",
                       std::string_view id = "");

// A comment, which clients skip: a sign of life.
inline constexpr char kSseSignOfLife[] = ": alive\n\n";

}  // namespace hone::server
