#include "kernels/gemm/quantized_panel.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Where the parts of a panel's group begin.
template <typename Byte, typename Half>
struct Group {
    Half* scales;
    Half* minima;  // int4 only
    Byte* codes;
    Group(WeightStorage storage, int64_t stored, Byte* panel, int64_t index) {
        Byte* group = panel + index * stored * QuantGroupBytes(storage);
        scales = reinterpret_cast<Half*>(group);
        minima = scales + stored;
        codes = reinterpret_cast<Byte*>(storage == WeightStorage::kInt4 ? minima + stored : minima);
    }
};

// The byte of a group's row, and how far its bits are shifted in it.
struct Place {
    int64_t byte;
    int shift;
    Place(WeightStorage storage, int64_t row, int64_t column, int64_t stored) {
        const int64_t rows = QuantRowsOfK(storage);
        byte = (row / rows * stored + column) * 4 + row % 4;
        shift = row % rows >= 4 ? 4 : 0;
    }
};

using WritableGroup = Group<uint8_t, f16>;

// Of a group's rows those that have codes.
int64_t CodedRows(WeightStorage storage, int64_t rows) {
    return CeilDivide(rows, QuantRowsOfK(storage)) * QuantRowsOfK(storage);
}

// One column: rows [0, rows) of `values`, one every `stored` floats.
void QuantizeInt8(int64_t rows, int64_t stored, int64_t column, const float* values,
                  const WritableGroup& group) {
    float largest = 0, zero = 0;
    for (int64_t row = 0; row < rows; ++row) {
        largest = std::max(largest, std::abs(values[row * stored]));
        zero += values[row * stored] * 0;  // NaN if one is not finite
    }
    const f16 scale = ToF16(largest / 127 + zero);
    group.scales[column] = scale;
    const float inverse = ToFloat(scale) > 0 ? 1 / ToFloat(scale) : 0;
    for (int64_t row = 0; row < CodedRows(WeightStorage::kInt8, rows); ++row) {
        const float code =
            row < rows && inverse > 0 ? std::nearbyint(values[row * stored] * inverse) : 0;
        group.codes[Place(WeightStorage::kInt8, row, column, stored).byte] =
            static_cast<uint8_t>(128 + static_cast<int>(std::clamp(code, -127.0f, 127.0f)));
    }
}

void QuantizeInt4(int64_t rows, int64_t stored, int64_t column, const float* values,
                  const WritableGroup& group) {
    float low = values[0], high = low, zero = 0;
    for (int64_t row = 0; row < rows; ++row) {
        low = std::min(low, values[row * stored]);
        high = std::max(high, values[row * stored]);
        zero += values[row * stored] * 0;  // NaN if one is not finite
    }
    const f16 scale = ToF16((high - low) / 15 + zero), minimum = ToF16(low);
    group.scales[column] = scale;
    group.minima[column] = minimum;
    const float inverse = ToFloat(scale) > 0 ? 1 / ToFloat(scale) : 0;
    for (int64_t row = 0; row < CodedRows(WeightStorage::kInt4, rows); ++row) {
        const float code = row < rows && inverse > 0
                               ? std::nearbyint((values[row * stored] - ToFloat(minimum)) * inverse)
                               : 0;
        const auto bits = static_cast<uint8_t>(std::clamp(code, 0.0f, 15.0f));
        const Place place(WeightStorage::kInt4, row, column, stored);
        uint8_t& both = group.codes[place.byte];
        both = place.shift == 0 ? bits : static_cast<uint8_t>(both | bits << 4);
    }
}

}  // namespace

void QuantizePanel(WeightStorage storage, int64_t k, int64_t stored, const float* values,
                   uint8_t* panel) {
    for (int64_t index = 0; index < QuantGroups(k); ++index) {
        const WritableGroup group(storage, stored, panel, index);
        const int64_t begin = index * kQuantGroup, rows = std::min(kQuantGroup, k - begin);
        for (int64_t column = 0; column < stored; ++column)
            (storage == WeightStorage::kInt8 ? QuantizeInt8 : QuantizeInt4)(
                rows, stored, column, values + begin * stored + column, group);
    }
}

void DequantizePanel(WeightStorage storage, int64_t k, int64_t stored, const uint8_t* panel,
                     float* out) {
    for (int64_t row = 0; row < k; ++row) {
        const Group<const uint8_t, const f16> group(storage, stored, panel, row / kQuantGroup);
        for (int64_t column = 0; column < stored; ++column) {
            const Place place(storage, row % kQuantGroup, column, stored);
            const int byte = group.codes[place.byte];
            const float scale = ToFloat(group.scales[column]);
            out[row * stored + column] =
                storage == WeightStorage::kInt8
                    ? scale * static_cast<float>(byte - 128)
                    : std::fma(scale, static_cast<float>(byte >> place.shift & 15),
                               ToFloat(group.minima[column]));
        }
    }
}

}  // namespace hone
