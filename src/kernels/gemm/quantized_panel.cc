#include "kernels/gemm/quantized_panel.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// One column of one group: rows [begin, end).
void QuantizeInt8(int64_t begin, int64_t end, int64_t stored, int64_t column, const float* values,
                  const QuantizedPanel& panel) {
    float largest = 0;
    for (int64_t row = begin; row < end; ++row)
        largest = std::max(largest, std::abs(values[row * stored + column]));
    const f16 scale = ToF16(largest / 127);
    panel.scales[begin / kQuantGroup * stored + column] = scale;
    const float inverse = ToFloat(scale) > 0 ? 1 / ToFloat(scale) : 0;
    for (int64_t row = begin; row < end; ++row) {
        const float code = std::nearbyint(values[row * stored + column] * inverse);
        panel.codes[(row / 2 * stored + column) * 2 + row % 2] =
            static_cast<uint8_t>(static_cast<int8_t>(std::clamp(code, -127.0f, 127.0f)));
    }
}

void QuantizeInt4(int64_t begin, int64_t end, int64_t stored, int64_t column, const float* values,
                  const QuantizedPanel& panel) {
    float low = values[begin * stored + column], high = low;
    for (int64_t row = begin; row < end; ++row) {
        low = std::min(low, values[row * stored + column]);
        high = std::max(high, values[row * stored + column]);
    }
    const f16 scale = ToF16((high - low) / 15), minimum = ToF16(low);
    panel.scales[begin / kQuantGroup * stored + column] = scale;
    panel.minima[begin / kQuantGroup * stored + column] = minimum;
    const float inverse = ToFloat(scale) > 0 ? 1 / ToFloat(scale) : 0;
    for (int64_t row = begin; row < end; ++row) {
        const float code =
            std::nearbyint((values[row * stored + column] - ToFloat(minimum)) * inverse);
        const auto bits = static_cast<uint8_t>(std::clamp(code, 0.0f, 15.0f));
        uint8_t& pair = panel.codes[row / 2 * stored + column];
        pair = row % 2 == 0 ? bits : static_cast<uint8_t>(pair | bits << 4);
    }
}

template <typename T>
void Reference(WeightStorage storage, int64_t k, int64_t stored, const QuantizedPanel& panel,
               T* out) {
    for (int64_t row = 0; row < k; ++row) {
        for (int64_t column = 0; column < stored; ++column) {
            const int64_t group = row / kQuantGroup * stored + column,
                          pair = row / 2 * stored + column;
            float value = ToFloat(panel.scales[group]);
            if (storage == WeightStorage::kInt8) {
                value *= static_cast<float>(static_cast<int8_t>(panel.codes[pair * 2 + row % 2]));
            } else {
                const int code = panel.codes[pair] >> (row % 2 * 4) & 15;
                value = std::fma(value, static_cast<float>(code), ToFloat(panel.minima[group]));
            }
            out[sizeof(T) == 2 ? pair * 2 + row % 2 : row * stored + column] = FromFloat<T>(value);
        }
    }
}

}  // namespace

void QuantizePanel(WeightStorage storage, int64_t k, int64_t stored, const float* values,
                   const QuantizedPanel& panel) {
    for (int64_t begin = 0; begin < k; begin += kQuantGroup)
        for (int64_t column = 0; column < stored; ++column)
            (storage == WeightStorage::kInt8 ? QuantizeInt8 : QuantizeInt4)(
                begin, std::min(k, begin + kQuantGroup), stored, column, values, panel);
}

template <typename T>
const KernelList<AnyProblem, DequantizeFunctions<T>>& DequantizeKernels() {
    static const KernelList<AnyProblem, DequantizeFunctions<T>> kernels(
        "dequantize", {{"highway", NeedsSimd<AnyProblem>, HighwayDequantize<T>()},
                       {"reference", NeverDeclines<AnyProblem>, {Reference<T>}}});
    return kernels;
}

template const KernelList<AnyProblem, DequantizeFunctions<float>>& DequantizeKernels();
template const KernelList<AnyProblem, DequantizeFunctions<bf16>>& DequantizeKernels();

}  // namespace hone
