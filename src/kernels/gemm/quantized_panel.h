// A packed panel in codes of 8 or 4 bits, in groups of 32 along K per column.
#pragma once

#include <cstdint>

#include "kernels/dispatch.h"
#include "kernels/gemm/gemm.h"

namespace hone {

inline constexpr int64_t kQuantGroup = 32;
constexpr int64_t QuantGroups(int64_t k) { return (k + kQuantGroup - 1) / kQuantGroup; }

// Codes lie in pairs along K, as bf16 panels do: K is even.
//   int8: i8 [K / 2][stored][2]
//   int4: u8 [K / 2][stored], the even row's code in the low four bits
struct QuantizedPanel {
    uint8_t* codes = nullptr;
    f16* scales = nullptr;  // [groups][stored]
    f16* minima = nullptr;  // [groups][stored], int4 only
};

// values f32 [K, stored], row-major -> the panel's codes, scales and minima (=).
void QuantizePanel(WeightStorage storage, int64_t k, int64_t stored, const float* values,
                   const QuantizedPanel& panel);

// Back to T in the layout of a packed panel: out [K * stored] (=).
template <typename T>
struct DequantizeFunctions {
    void (*panel)(WeightStorage storage, int64_t k, int64_t stored, const QuantizedPanel& panel,
                  T* out);
};
template <typename T>
const KernelList<AnyProblem, DequantizeFunctions<T>>& DequantizeKernels();

// The path of quantized_panel_highway.cc.
template <typename T>
DequantizeFunctions<T> HighwayDequantize();

}  // namespace hone
