#include "kernels/embedding/embedding.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding/embedding_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace embedding {
using namespace simd;  // NOLINT: the helpers of this instruction set

template <typename T>
void Row(int64_t C, const T* from, float* to) {
    const int64_t N = Lanes();
    for (int64_t c = 0; c < C; c += N) {
        const int64_t n = HWY_MIN(N, C - c);
        StoreN(LoadN(from + c, n), to + c, n);
    }
}

void Scatter(int64_t M, int64_t C, int64_t columns, const int32_t* tokens, const float* dx,
             float* dtable) {
    const int64_t N = Lanes();
    for (int64_t r = 0; r < M; ++r) {
        const float* from = dx + r * C;
        float* to = dtable + tokens[r] * C;
        for (int64_t c = 0; c < columns; c += N) {
            const int64_t n = HWY_MIN(N, columns - c);
            StoreN(hn::Add(LoadN(to + c, n), LoadN(from + c, n)), to + c, n);
        }
    }
}

}  // namespace embedding

EmbeddingFunctions<float> EmbeddingTableF32() {
    return {embedding::Row<float>, embedding::Scatter};
}
EmbeddingFunctions<bf16> EmbeddingTableBF16() { return {embedding::Row<bf16>, embedding::Scatter}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(EmbeddingTableF32);
HWY_EXPORT(EmbeddingTableBF16);

template <>
EmbeddingFunctions<float> EmbeddingHighway() {
    return HWY_DYNAMIC_DISPATCH(EmbeddingTableF32)();
}
template <>
EmbeddingFunctions<bf16> EmbeddingHighway() {
    return HWY_DYNAMIC_DISPATCH(EmbeddingTableBF16)();
}

}  // namespace hone
#endif
