// Rows to codes and the product of codes as quantized_gemm.h says them; every other path is tested
// against these.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"

namespace hone {
namespace {

template <typename T>
void QuantizeRow(int64_t k, const T* x, int8_t* codes, float* scales, float* sums) {
    for (int64_t group = 0; group < QuantGroups(k); ++group) {
        float values[kQuantGroup] = {}, largest = 0, zero = 0;
        for (int64_t i = 0; i < std::min(kQuantGroup, k - group * kQuantGroup); ++i) {
            values[i] = ToFloat(x[group * kQuantGroup + i]);
            largest = std::max(largest, std::abs(values[i]));
            zero += values[i] * 0;  // NaN if one is not finite
        }
        scales[group] = largest / 127 + zero;
        const float inverse = scales[group] >= FLT_MIN ? 1 / scales[group] : 0;
        int sum = 0;
        for (int64_t i = 0; i < kQuantGroup; ++i) {
            const int code =
                inverse > 0 ? static_cast<int>(std::nearbyint(values[i] * inverse)) : 0;
            codes[group * kQuantGroup + i] = static_cast<int8_t>(code);
            sum += code;
        }
        sums[group] = static_cast<float>(sum);
    }
}

void Run(const QuantizedTileArgs& t) {
    std::vector<float> b(static_cast<size_t>(t.k * t.stored));
    DequantizePanel(t.storage, t.k, t.stored, t.panel, b.data());
    for (int row = 0; row < t.rows; ++row) {
        for (int column = 0; column < t.stored; ++column) {
            float& sum = t.c[row * kPanelColumns + column];
            const int8_t* codes = t.codes + row * t.groups * kQuantGroup;
            for (int64_t group = 0; group < QuantGroups(t.k); ++group) {
                float part = 0;
                for (int64_t i = group * kQuantGroup; i < std::min(t.k, (group + 1) * kQuantGroup);
                     ++i)
                    part += static_cast<float>(codes[i]) * b[i * t.stored + column];
                sum += t.scales[row * t.groups + group] * part;
            }
        }
    }
}

}  // namespace

QuantizedTileFunctions ReferenceQuantizedTile() { return {Run}; }
template <typename T>
QuantizeRowFunctions<T> ReferenceQuantizeRow() {
    return {QuantizeRow<T>};
}
template QuantizeRowFunctions<float> ReferenceQuantizeRow();
template QuantizeRowFunctions<bf16> ReferenceQuantizeRow();

}  // namespace hone
