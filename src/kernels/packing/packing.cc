#include "kernels/packing/packing.h"

#include <algorithm>

namespace hone {
namespace {

// Elements along K that lie side by side in a panel.
template <typename T>
constexpr int64_t kPair = sizeof(T) == 2 ? 2 : 1;

template <typename T, typename From>
void Rows(const From* src, int64_t stride, int64_t count, int width, int stored, T* out) {
    for (int64_t first = 0; first < count; first += kPair<T>) {
        T* to = out + first * stored;
        for (int64_t i = 0; i < kPair<T>; ++i) {
            const int64_t exist = first + i < count ? width : 0;
            const From* from = src + (first + i) * stride;
            for (int64_t column = 0; column < exist; ++column)
                to[column * kPair<T> + i] = FromFloat<T>(ToFloat(from[column]));
            for (int64_t column = exist; column < stored; ++column) to[column * kPair<T> + i] = T{};
        }
    }
}

template <typename T>
void Columns(const float* src, int64_t k, int64_t count, int stored, T* out) {
    for (int64_t column = 0; column < count; ++column) {
        const float* from = src + column * k;
        T* to = out + column * kPair<T>;
        for (int64_t row = 0; row < k; ++row)
            to[row / kPair<T> * stored * kPair<T> + row % kPair<T>] = FromFloat<T>(from[row]);
        if (k % kPair<T> != 0) to[k / kPair<T> * stored * kPair<T> + 1] = T{};
    }
}

template <typename T>
void PanelTransposed(const T* panel, int stored, int64_t columns, int width, int out_stored,
                     T* out) {
    const int64_t pairs = (columns + kPair<T> - 1) / kPair<T>;
    for (int64_t column = 0; column < pairs * kPair<T>; ++column)
        for (int64_t row = 0; row < out_stored; ++row)
            out[PackedIndex<T>(column, row, out_stored)] =
                column < columns && row < width ? panel[PackedIndex<T>(row, column, stored)] : T{};
}

template <typename T>
constexpr PackFunctions<T> kReference = {Rows<T, T>, Rows<T, float>, Columns<T>,
                                         PanelTransposed<T>};

}  // namespace

template <>
const KernelList<AnyProblem, PackFunctions<float>>& PackKernels() {
    static const KernelList<AnyProblem, PackFunctions<float>> kernels("packing", {
#if defined(__x86_64__)
        {"avx512_bf16", [](const AnyProblem&) { return LacksAvx512Bf16(); },
         Avx512Packing<float>()},
#endif
            {"reference", NeverDeclines<AnyProblem>, kReference<float>},
    });
    return kernels;
}

template <>
const KernelList<AnyProblem, PackFunctions<bf16>>& PackKernels() {
    static const KernelList<AnyProblem, PackFunctions<bf16>> kernels("packing", {
#if defined(__x86_64__)
        {"avx512_bf16", [](const AnyProblem&) { return LacksAvx512Bf16(); }, Avx512Packing<bf16>()},
#endif
            {"highway", NeedsSimd<AnyProblem>, HighwayPacking(kReference<bf16>)},
            {"reference", NeverDeclines<AnyProblem>, kReference<bf16>},
    });
    return kernels;
}

}  // namespace hone
