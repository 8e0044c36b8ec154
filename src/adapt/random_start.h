// Random numbers that parameters start from. Each depends only on a key and its place.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/random.h"

namespace hone {

// Normal, with a deviation of one (Box and Muller's way).
inline double NormalAt(uint64_t key, int64_t i) {
    const auto unit = [&](int64_t at) {  // in (0, 1)
        return (static_cast<double>(RandomAt(key, static_cast<uint64_t>(at)) >> 11) + 0.5) *
               0x1p-53;
    };
    return std::sqrt(-2 * std::log(unit(2 * i))) * std::cos(2 * std::numbers::pi * unit(2 * i + 1));
}

// Even, in (-1, 1).
inline double EvenAt(uint64_t key, int64_t i) {
    // 24 bits, centred: never exactly the bound.
    return 2 * (static_cast<double>(RandomAt(key, static_cast<uint64_t>(i)) >> 40) + 0.5) *
               0x1p-24 -
           1;
}

}  // namespace hone
