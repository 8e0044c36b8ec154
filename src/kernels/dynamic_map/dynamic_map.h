// The dynamic 8-bit type (Dettmers et al. 2022, arXiv:2110.02861): 256 numbers from seven decades,
// each decade twice as finely divided as the one below. Scaled by the largest magnitude of a block,
// they hold the states of optimisers and the scales of 4-bit weights.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hone {

class DynamicMap {
  public:
    // From -0.993 to 1, and the same codes from 0 to 1, twice as fine.
    static const DynamicMap& Signed();
    static const DynamicMap& Unsigned();

    // Ascending; 0 and 1 are among them.
    std::span<const float, 256> numbers() const { return numbers_; }
    // The code of the nearest number, the lower of two that are equally near. A table says where to
    // begin, so that it takes one or two comparisons.
    uint8_t Nearest(float value) const {
        uint32_t bits;
        __builtin_memcpy(&bits, &value, sizeof bits);
        const uint32_t magnitude = bits & 0x7fffffffu, cell = magnitude >> kCellShift;
        const auto& first = first_[bits >> 31];
        uint8_t code = first[cell < kCells ? cell : kCells - 1];
        while (value > limits_[code]) ++code;
        return code;
    }

  private:
    explicit DynamicMap(bool is_signed);
    // A cell: the floats that have the same upper bits, up to 1.
    static constexpr uint32_t kCellShift = 15, kCells = (0x3f800000u >> kCellShift) + 1;

    std::array<float, 256> numbers_;
    std::array<float, 256> limits_;  // the highest value that each code is for
    // Of the positive and the negative cells: the code of the lowest value.
    std::array<std::vector<uint8_t>, 2> first_;
};

}  // namespace hone
