#include "kernels/dropout/dropout.h"

#include <algorithm>
#include <functional>
#include <type_traits>

#include "base/random.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// One round: an invertible mix of 32 bits, the constants of a known low-bias hash.
uint32_t Mix(uint32_t x) {
    x ^= x >> 16;
    x *= 0x21f0aaadu;
    x ^= x >> 15;
    x *= 0x735a2d97u;
    x ^= x >> 15;
    return x;
}

uint32_t Bits(uint32_t index, uint32_t first_key, uint32_t second_key) {
    return Mix(Mix(index ^ first_key) + second_key);
}

// With the keys of the elements whose index has the same high half as `index`.
DropoutRange RangeFrom(uint64_t seed, uint64_t index) {
    const uint64_t bits = RandomAt(seed, index >> 32);
    return {.index = static_cast<uint32_t>(index),
            .first_key = static_cast<uint32_t>(bits),
            .second_key = static_cast<uint32_t>(bits >> 32)};
}

// Element i of the range, from x.
template <typename T>
float Dropped(const DropoutRange& range, int64_t i, T x) {
    const uint32_t index = range.index + static_cast<uint32_t>(i);
    return Bits(index, range.first_key, range.second_key) >= range.threshold
               ? ToFloat(x) * range.scale
               : 0.0f;
}

template <typename T>
void Drop(const DropoutRange& range, const T* x, T* y) {
    for (int64_t i = 0; i < range.n; ++i) y[i] = FromFloat<T>(Dropped(range, i, x[i]));
}

template <typename T, typename Y>
void Add(const DropoutRange& range, const T* x, const float* base, Y* y) {
    for (int64_t i = 0; i < range.n; ++i) y[i] = FromFloat<Y>(base[i] + Dropped(range, i, x[i]));
}

// body(range, its first element) for elements that share the high half of their index.
void ForRanges(const Context& context, int64_t n, float p, uint64_t seed, uint64_t first_index,
               const std::function<void(const DropoutRange&, int64_t)>& body) {
    HONE_CHECK(p >= 0 && p < 1, "dropout of {}", p);
    ForElements(context, n, [&](int64_t first, int64_t count) {
        for (int64_t done = 0; done < count;) {
            DropoutRange range = RangeFrom(seed, first_index + static_cast<uint64_t>(first + done));
            const int64_t left = (int64_t{1} << 32) - range.index;
            range.n = std::min(left, count - done);
            range.threshold = static_cast<uint32_t>(static_cast<double>(p) * 0x1p32);
            range.scale = 1 / (1 - p);
            body(range, first + done);
            done += range.n;
        }
    });
}

}  // namespace

uint32_t DropoutBits(uint64_t seed, uint64_t index) {
    const DropoutRange range = RangeFrom(seed, index);
    return Bits(range.index, range.first_key, range.second_key);
}

template <typename T>
const KernelList<AnyProblem, DropoutFunctions<T>>& DropoutKernels() {
    static const KernelList<AnyProblem, DropoutFunctions<T>> list(
        "dropout", {{"highway", NeedsSimd<AnyProblem>, DropoutHighway<T>()},
                    {"reference", NeverDeclines<AnyProblem>, {Drop<T>, Add<T, T>, Add<T, float>}}});
    return list;
}

template <typename T>
void Dropout(const Context& context, int64_t M, int64_t C, float p, uint64_t seed,
             int64_t first_row, const T* x, T* y) {
    const auto& functions = DropoutKernels<T>().Choose({});
    ForRanges(
        context, M * C, p, seed, static_cast<uint64_t>(first_row * C),
        [&](const DropoutRange& range, int64_t at) { functions.drop(range, x + at, y + at); });
}

template <typename T, typename Y>
void AddDropout(const Context& context, int64_t M, int64_t C, float p, uint64_t seed,
                int64_t first_row, const T* x, const float* base, Y* y) {
    const auto& functions = DropoutKernels<T>().Choose({});
    ForRanges(context, M * C, p, seed, static_cast<uint64_t>(first_row * C),
              [&](const DropoutRange& range, int64_t at) {
                  if constexpr (std::is_same_v<Y, T>)
                      functions.add(range, x + at, base + at, y + at);
                  else
                      functions.add_f32(range, x + at, base + at, y + at);
              });
}

#define HONE_INSTANTIATE(T)                                                                        \
    template const KernelList<AnyProblem, DropoutFunctions<T>>& DropoutKernels<T>();               \
    template void Dropout<T>(const Context&, int64_t, int64_t, float, uint64_t, int64_t, const T*, \
                             T*);                                                                  \
    template void AddDropout(const Context&, int64_t, int64_t, float, uint64_t, int64_t, const T*, \
                             const float*, T*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE
template void AddDropout(const Context&, int64_t, int64_t, float, uint64_t, int64_t, const bf16*,
                         const float*, float*);

}  // namespace hone
