// Time that only goes forward, in milliseconds and seconds.
#pragma once

#include <chrono>

namespace hone {

inline double NowSeconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace hone
