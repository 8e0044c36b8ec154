#include "kernels/dropout/dropout.h"

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

uint32_t Bits(uint32_t index, DropoutKeys keys) {
    return Mix(Mix(index ^ keys.first) + keys.second);
}

// The keys of the elements whose index has this high half.
DropoutKeys KeysOf(uint64_t seed, uint32_t high) {
    const uint64_t bits = RandomAt(seed, high);
    return {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)};
}

template <typename T>
void Range(int64_t n, uint32_t index, DropoutKeys keys, uint32_t threshold, float scale, const T* x,
           T* y) {
    for (int64_t i = 0; i < n; ++i) {
        const bool kept = Bits(index + static_cast<uint32_t>(i), keys) >= threshold;
        y[i] = FromFloat<T>(kept ? ToFloat(x[i]) * scale : 0.0f);
    }
}

}  // namespace

uint32_t DropoutBits(uint64_t seed, uint64_t index) {
    return Bits(static_cast<uint32_t>(index), KeysOf(seed, static_cast<uint32_t>(index >> 32)));
}

template <typename T>
const KernelList<AnyProblem, DropoutFunctions<T>>& DropoutKernels() {
    static const KernelList<AnyProblem, DropoutFunctions<T>> list(
        "dropout", {{"highway", NeedsSimd<AnyProblem>, DropoutHighway<T>()},
                    {"reference", NeverDeclines<AnyProblem>, {Range<T>}}});
    return list;
}

template <typename T>
void Dropout(const Context& context, int64_t M, int64_t C, float p, uint64_t seed,
             int64_t first_row, const T* x, T* y) {
    HONE_CHECK(p >= 0 && p < 1, "dropout of {}", p);
    const auto& functions = DropoutKernels<T>().Choose({});
    const uint32_t threshold = static_cast<uint32_t>(static_cast<double>(p) * 0x1p32);
    const float scale = 1 / (1 - p);
    ForElements(context, M * C, [&](int64_t first, int64_t count) {
        uint64_t index = static_cast<uint64_t>(first_row * C + first);
        while (count > 0) {  // cut where the high half of the index changes
            const uint64_t left = (uint64_t{1} << 32) - (index & 0xffffffffu);
            const int64_t n =
                static_cast<int64_t>(std::min<uint64_t>(left, static_cast<uint64_t>(count)));
            functions.range(n, static_cast<uint32_t>(index),
                            KeysOf(seed, static_cast<uint32_t>(index >> 32)), threshold, scale,
                            x + first, y + first);
            first += n;
            count -= n;
            index += static_cast<uint64_t>(n);
        }
    });
}

#define HONE_INSTANTIATE(T)                                                                        \
    template const KernelList<AnyProblem, DropoutFunctions<T>>& DropoutKernels<T>();               \
    template void Dropout<T>(const Context&, int64_t, int64_t, float, uint64_t, int64_t, const T*, \
                             T*);
HONE_INSTANTIATE(float)
HONE_INSTANTIATE(bf16)
#undef HONE_INSTANTIATE

}  // namespace hone
