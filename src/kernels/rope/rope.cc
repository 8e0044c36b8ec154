#include "kernels/rope/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/partition.h"

namespace hone {
namespace {

using Kind = RopeScaling::Kind;

float Llama3Frequency(const RopeScaling& scaling, float inverse) {
    const float scaled = inverse / static_cast<float>(scaling.factor);
    const double wave = 2 * std::numbers::pi / inverse,
                 context = static_cast<double>(scaling.original_max_position_embeddings);
    if (wave > context / scaling.low_freq_factor) return scaled;
    if (wave < context / scaling.high_freq_factor) return inverse;
    const double smooth = (context / wave - scaling.low_freq_factor) /
                          (scaling.high_freq_factor - scaling.low_freq_factor);
    return static_cast<float>((1 - smooth) * inverse / scaling.factor + smooth * inverse);
}

float YarnFrequency(const RopeTable& table, int64_t i, float inverse) {
    const RopeScaling& scaling = table.scaling;
    // The dimension whose wave fits `turns` times into the original positions.
    const auto dimension = [&](double turns) {
        const auto positions = static_cast<double>(scaling.original_max_position_embeddings);
        return static_cast<double>(table.D) * std::log(positions / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(table.theta));
    };
    double low = dimension(scaling.beta_fast), high = dimension(scaling.beta_slow);
    if (scaling.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(table.D - 1));
    if (low == high) high += 0.001;
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    return static_cast<float>(inverse / scaling.factor * ramp + inverse * (1 - ramp));
}

float InverseFrequency(const RopeTable& table, int64_t i) {
    const RopeScaling& scaling = table.scaling;
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(table.D);
    const double power = std::pow(table.theta, static_cast<double>(exponent));
    const float inverse = 1.0f / static_cast<float>(power);
    switch (scaling.kind) {
        case Kind::kNone:
        case Kind::kDynamic:
            return inverse;
        case Kind::kLinear:
            return inverse / static_cast<float>(scaling.factor);
        case Kind::kLlama3:
            return Llama3Frequency(scaling, inverse);
        case Kind::kYarn:
            return YarnFrequency(table, i, inverse);
        case Kind::kLongRope: {
            const auto& divisors =
                table.long_sequences ? scaling.long_divisors : scaling.short_divisors;
            return 1.0f / static_cast<float>(divisors[static_cast<size_t>(i)] *
                                             static_cast<double>(static_cast<float>(power)));
        }
    }
    return inverse;
}

template <typename T>
void Row(const RopeHeads& heads, T* x, const float* cosine, const float* sine, float direction) {
    const int64_t half = heads.rotated / 2;
    for (int64_t h = 0; h < heads.n; ++h, x += heads.D) {
        for (int64_t i = 0; i < half; ++i) {
            const float a = ToFloat(x[i]), b = ToFloat(x[i + half]), s = direction * sine[i];
            x[i] = FromFloat<T>(a * cosine[i] - b * s);
            x[i + half] = FromFloat<T>(b * cosine[i] + a * s);
        }
    }
}

template <typename T>
void Rotate(const Context& context, int64_t M, const RopeHeads& heads, T* x, int64_t row_stride,
            const int32_t* positions, const float* cosine, const float* sine, float direction) {
    HONE_CHECK(heads.rotated % 2 == 0 && heads.rotated <= heads.D &&
               row_stride >= heads.n * heads.D);
    const auto& functions = RopeKernels<T>().Choose({});
    const int64_t half = heads.rotated / 2;
    ForRows(context, M, heads.n * heads.D, [&](int64_t first, int64_t count) {
        for (int64_t r = first; r < first + count; ++r)
            functions.row(heads, x + r * row_stride, cosine + positions[r] * half,
                          sine + positions[r] * half, direction);
    });
}

}  // namespace

void BuildRopeTable(const RopeTable& table, float* cosine, float* sine) {
    HONE_CHECK(table.D % 2 == 0 && table.scaling.factor > 0);
    const int64_t half = table.D / 2;
    const double scale = table.scaling.attention_factor;
    for (int64_t i = 0; i < half; ++i) {
        const float frequency = InverseFrequency(table, i);
        for (int64_t position = 0; position < table.max_positions; ++position) {
            const double angle = static_cast<float>(position) * frequency;
            cosine[position * half + i] = static_cast<float>(scale * std::cos(angle));
            sine[position * half + i] = static_cast<float>(scale * std::sin(angle));
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
void RopeForward(const Context& context, int64_t M, const RopeHeads& heads, T* x,
                 int64_t row_stride, const int32_t* positions, const float* cosine,
                 const float* sine) {
    Rotate(context, M, heads, x, row_stride, positions, cosine, sine, 1.0f);
}

template <typename T>
void RopeInverse(const Context& context, int64_t M, const RopeHeads& heads, T* x,
                 int64_t row_stride, const int32_t* positions, const float* cosine,
                 const float* sine) {
    Rotate(context, M, heads, x, row_stride, positions, cosine, sine, -1.0f);
}

#define HONE_INSTANTIATE(T)                                                              \
    template const KernelList<AnyProblem, RopeFunctions<T>>& RopeKernels<T>();           \
    template void RopeForward<T>(const Context&, int64_t, const RopeHeads&, T*, int64_t, \
                                 const int32_t*, const float*, const float*);            \
    template void RopeInverse<T>(const Context&, int64_t, const RopeHeads&, T*, int64_t, \
                                 const int32_t*, const float*, const float*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
