// Lists in pieces: what is asked for, and what comes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hone::platform {

// The order is that of creation. It does not depend on the clock.
struct PageRequest {
    std::string after;   // the id of the last item of the page before; empty: from the start. One
                         // that does not exist gives an empty page.
    int64_t limit = 20;  // 0 gives an empty page; each list has its own largest value
    bool newest_first = true;
};

template <typename T>
struct Page {
    std::vector<T> data;
    bool has_more = false;
};

}  // namespace hone::platform
