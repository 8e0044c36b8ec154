// An event's line from anywhere: it parses or is refused, and what parsed reads back as it is.
#include <cstdint>
#include <string_view>

#include "train/events/event.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto event = hone::ParseEvent({reinterpret_cast<const char*>(data), size});
    if (!event.ok()) return 0;
    const std::string line = hone::EventLine(*event);
    auto again = hone::ParseEvent(line);
    HONE_CHECK(again.ok() && hone::EventLine(*again) == line, "{}", line);
    return 0;
}
