#include "kernels/dynamic_map/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/status.h"

namespace hone {
namespace {

// `count` equidistant numbers from 0.1 to 1, counted from the nearer end as torch.linspace does.
std::vector<float> FromTenthToOne(int count) {
    const float step = (1.0f - 0.1f) / static_cast<float>(count - 1);
    std::vector<float> numbers;
    for (int i = 0; i < count; ++i)
        numbers.push_back(i < count / 2 ? std::fma(step, static_cast<float>(i), 0.1f)
                                        : std::fma(-step, static_cast<float>(count - 1 - i), 1.0f));
    return numbers;
}

uint8_t NearestOf(std::span<const float, 256> map, float value) {
    const size_t above =
        static_cast<size_t>(std::lower_bound(map.begin(), map.end(), value) - map.begin());
    if (above == 0) return 0;
    if (above == map.size()) return 255;
    return static_cast<uint8_t>(map[above] - value < value - map[above - 1] ? above : above - 1);
}

}  // namespace

DynamicMap::DynamicMap(bool is_signed) {
    std::vector<float> numbers = {0, 1};
    for (int i = 0; i < 7; ++i) {
        const std::vector<float> bounds = FromTenthToOne((is_signed ? 1 << i : 2 << i) + 1);
        const float decade = static_cast<float>(std::pow(10.0, i - 6));
        for (size_t j = 0; j + 1 < bounds.size(); ++j) {
            const float number = decade * ((bounds[j] + bounds[j + 1]) / 2);
            numbers.push_back(number);
            if (is_signed) numbers.push_back(-number);
        }
    }
    HONE_CHECK(numbers.size() == numbers_.size());
    std::sort(numbers.begin(), numbers.end());
    std::copy(numbers.begin(), numbers.end(), numbers_.begin());

    // Rounding moves a limit from the middle by a few steps of f32 at most.
    for (size_t code = 0; code + 1 < numbers_.size(); ++code) {
        float limit = (numbers_[code] + numbers_[code + 1]) / 2;
        while (NearestOf(numbers_, limit) > code) limit = std::nextafter(limit, -2.0f);
        for (float next = limit; NearestOf(numbers_, next) <= code;
             next = std::nextafter(next, 2.0f))
            limit = next;
        limits_[code] = limit;
    }
    limits_.back() = std::numeric_limits<float>::infinity();

    for (const bool negative : {false, true}) {
        auto& first = first_[negative ? 1 : 0];
        first.resize(kCells);
        for (uint32_t cell = 0; cell < kCells; ++cell) {
            // The lowest value of a negative cell has the largest magnitude.
            const uint32_t bits = cell << kCellShift;
            const uint32_t lowest = negative ? 0x80000000u | bits | ((1u << kCellShift) - 1) : bits;
            float value;
            __builtin_memcpy(&value, &lowest, sizeof value);
            first[cell] = NearestOf(numbers_, value);
        }
    }
}

const DynamicMap& DynamicMap::Signed() {
    static const DynamicMap map(true);
    return map;
}

const DynamicMap& DynamicMap::Unsigned() {
    static const DynamicMap map(false);
    return map;
}

}  // namespace hone
