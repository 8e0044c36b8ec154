#include "kernels/rope/rope.h"

#include <cmath>
#include <numbers>

#include "tensor/partition.h"

namespace hone {
namespace {

float InverseFrequency(const RopeTable& table, int64_t i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(table.D);
    const float inverse =
        1.0f / static_cast<float>(std::pow(table.theta, static_cast<double>(exponent)));
    if (table.scaling == RopeTable::Scaling::kNone) return inverse;
    const float scaled = inverse / static_cast<float>(table.factor);
    if (table.scaling == RopeTable::Scaling::kLinear) return scaled;
    const double wave = 2 * std::numbers::pi / inverse,
                 context = static_cast<double>(table.original_max_positions);
    if (wave > context / table.low_freq_factor) return scaled;
    if (wave < context / table.high_freq_factor) return inverse;
    const double smooth =
        (context / wave - table.low_freq_factor) / (table.high_freq_factor - table.low_freq_factor);
    return static_cast<float>((1 - smooth) * inverse / table.factor + smooth * inverse);
}

template <typename T>
void Row(int64_t n, int64_t D, T* x, const float* cosine, const float* sine, float direction) {
    const int64_t half = D / 2;
    for (int64_t h = 0; h < n; ++h, x += D) {
        for (int64_t i = 0; i < half; ++i) {
            const float a = ToFloat(x[i]), b = ToFloat(x[i + half]), s = direction * sine[i];
            x[i] = FromFloat<T>(a * cosine[i] - b * s);
            x[i + half] = FromFloat<T>(b * cosine[i] + a * s);
        }
    }
}

template <typename T>
void Rotate(const Context& context, int64_t M, int64_t n, int64_t D, T* x, int64_t row_stride,
            const int32_t* positions, const float* cosine, const float* sine, float direction) {
    HONE_CHECK(D % 2 == 0 && row_stride >= n * D);
    const auto& functions = RopeKernels<T>().Choose({});
    ForRows(context, M, n * D, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.row(n, D, x + r * row_stride, cosine + positions[r] * (D / 2),
                          sine + positions[r] * (D / 2), direction);
    });
}

}  // namespace

void BuildRopeTable(const RopeTable& table, float* cosine, float* sine) {
    HONE_CHECK(table.D % 2 == 0 && table.factor > 0);
    const int64_t half = table.D / 2;
    for (int64_t i = 0; i < half; ++i) {
        const float frequency = InverseFrequency(table, i);
        for (int64_t position = 0; position < table.max_positions; ++position) {
            const float angle = static_cast<float>(position) * frequency;
            cosine[position * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
            sine[position * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
        }
    }
}

template <typename T>
const KernelList<AnyProblem, RopeFunctions<T>>& RopeKernels() {
    static const KernelList<AnyProblem, RopeFunctions<T>> list(
        "rope", {{"highway", NeedsSimd<AnyProblem>, RopeHighway<T>()},
                 {"reference", NeverDeclines<AnyProblem>, {Row<T>}}});
    return list;
}

template <typename T>
void RopeForward(const Context& context, int64_t M, int64_t n, int64_t D, T* x, int64_t row_stride,
                 const int32_t* positions, const float* cosine, const float* sine) {
    Rotate(context, M, n, D, x, row_stride, positions, cosine, sine, 1.0f);
}

template <typename T>
void RopeInverse(const Context& context, int64_t M, int64_t n, int64_t D, T* x, int64_t row_stride,
                 const int32_t* positions, const float* cosine, const float* sine) {
    Rotate(context, M, n, D, x, row_stride, positions, cosine, sine, -1.0f);
}

#define HONE_INSTANTIATE(T)                                                              \
    template const KernelList<AnyProblem, RopeFunctions<T>>& RopeKernels<T>();           \
    template void RopeForward<T>(const Context&, int64_t, int64_t, int64_t, T*, int64_t, \
                                 const int32_t*, const float*, const float*);            \
    template void RopeInverse<T>(const Context&, int64_t, int64_t, int64_t, T*, int64_t, \
                                 const int32_t*, const float*, const float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
