// Packing of bf16 for any SIMD: a pair along K is two elements in the halves of 32 bits.
#include <algorithm>
#include <cstring>

#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/packing/packing_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/packing/packing.h"
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace packing {
namespace hn = hwy::HWY_NAMESPACE;

// The first n elements, each in the low half of 32 bits.
HWY_INLINE simd::VU LowHalves(const bf16* from, int64_t n) {
    return hn::ShiftRight<16>(hn::BitCast(simd::DU(), simd::LoadN(from, n)));
}
HWY_INLINE simd::VU LowHalves(const float* from, int64_t n) {
    return simd::RoundToBF16(simd::LoadN(from, n));
}

template <typename From>
void Rows(const From* src, int64_t stride, int64_t count, int width, int stored, bf16* out) {
    const simd::DU du;
    const int64_t lanes = simd::Lanes();
    for (int64_t row = 0; row < count; row += 2, src += 2 * stride, out += 2 * stored) {
        for (int64_t column = 0; column < stored; column += lanes) {
            const int64_t n = std::clamp<int64_t>(width - column, 0, lanes);
            simd::VU pairs = LowHalves(src + column, n);
            if (row + 1 < count)
                pairs = hn::Or(pairs, hn::ShiftLeft<16>(LowHalves(src + stride + column, n)));
            hn::StoreU(pairs, du, reinterpret_cast<uint32_t*>(out) + column);
        }
    }
}

// Two rows and two columns are 64 bits of either panel: of those, the middle two elements trade
// places.
void PanelTransposed(const bf16* panel, int stored, int64_t columns, int width, int out_stored,
                     bf16* out) {
    for (int64_t row = 0; row < out_stored; row += 2) {
        for (int64_t column = 0; column < columns; column += 2) {
            uint64_t four = 0;
            if (row < width) std::memcpy(&four, panel + row * stored + column * 2, sizeof four);
            if (column + 1 == columns) four &= 0xffffffff;
            four =
                (four & 0xffff00000000ffff) | (four & 0xffff0000) << 16 | (four >> 16 & 0xffff0000);
            std::memcpy(static_cast<void*>(out + column * out_stored + row * 2), &four,
                        sizeof four);
        }
    }
}

}  // namespace packing

PackFunctions<bf16> PackTable(PackFunctions<bf16> rest) {
    rest.rows = packing::Rows<bf16>;
    rest.rows_f32 = packing::Rows<float>;
    rest.panel_transposed = packing::PanelTransposed;
    return rest;
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(PackTable);

PackFunctions<bf16> HighwayPacking(PackFunctions<bf16> rest) {
    return HWY_DYNAMIC_DISPATCH(PackTable)(rest);
}

}  // namespace hone
#endif
