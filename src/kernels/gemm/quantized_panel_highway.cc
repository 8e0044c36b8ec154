// Codes to bf16 or float for any SIMD, 16 columns (or fewer lanes) of a pair of rows at a time.
#include "kernels/gemm/quantized_panel.h"
#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/quantized_panel_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace quantized {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using DU = hn::RebindToUnsigned<D>;
using DI = hn::RebindToSigned<D>;
using VF = hn::Vec<D>;

HWY_INLINE VF LoadF16(const f16* from) {
    return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<hwy::float16_t, D>(),
                                        reinterpret_cast<const hwy::float16_t*>(from)));
}

// A pair of rows, `lanes` columns: even and odd row's values.
HWY_INLINE void Store(VF even, VF odd, int64_t pair, int64_t stored, int64_t column, bf16* out) {
    const DU du;
    // Round to nearest even on the bits; weights are finite.
    const auto round = [&](VF value) {
        const auto bits = hn::BitCast(du, value);
        const auto lowest = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
        return hn::Add(bits, hn::Add(lowest, hn::Set(du, 0x7fff)));
    };
    const auto both =
        hn::Or(hn::ShiftRight<16>(round(even)), hn::And(round(odd), hn::Set(du, 0xffff0000u)));
    hn::StoreU(both, du, reinterpret_cast<uint32_t*>(out) + pair * stored + column);
}
HWY_INLINE void Store(VF even, VF odd, int64_t pair, int64_t stored, int64_t column, float* out) {
    hn::StoreU(even, D(), out + 2 * pair * stored + column);
    hn::StoreU(odd, D(), out + (2 * pair + 1) * stored + column);
}

template <typename T>
HWY_INLINE void Int4(int64_t pairs, int64_t stored, const QuantizedPanel& panel, int64_t column,
                     T* out) {
    const hn::Rebind<uint8_t, D> d8;
    const DI di;
    VF scale = hn::Zero(D()), minimum = scale;
    for (int64_t pair = 0; pair < pairs; ++pair) {
        if (pair % (kQuantGroup / 2) == 0) {
            const int64_t group = pair / (kQuantGroup / 2) * stored + column;
            scale = LoadF16(panel.scales + group);
            minimum = LoadF16(panel.minima + group);
        }
        const auto codes = hn::PromoteTo(di, hn::LoadU(d8, panel.codes + pair * stored + column));
        const VF even = hn::ConvertTo(D(), hn::And(codes, hn::Set(di, 15)));
        const VF odd = hn::ConvertTo(D(), hn::ShiftRight<4>(codes));
        Store(hn::MulAdd(even, scale, minimum), hn::MulAdd(odd, scale, minimum), pair, stored,
              column, out);
    }
}

template <typename T>
HWY_INLINE void Int8(int64_t pairs, int64_t stored, const QuantizedPanel& panel, int64_t column,
                     T* out) {
    const hn::Rebind<int16_t, D> d16;
    const DI di;
    VF scale = hn::Zero(D());
    for (int64_t pair = 0; pair < pairs; ++pair) {
        if (pair % (kQuantGroup / 2) == 0)
            scale = LoadF16(panel.scales + pair / (kQuantGroup / 2) * stored + column);
        // One int16 holds both rows' codes of a column: the even row's is its low byte.
        const auto codes = hn::PromoteTo(
            di,
            hn::LoadU(d16, reinterpret_cast<const int16_t*>(panel.codes) + pair * stored + column));
        const VF even = hn::ConvertTo(D(), hn::ShiftRight<24>(hn::ShiftLeft<24>(codes)));
        const VF odd = hn::ConvertTo(D(), hn::ShiftRight<8>(codes));
        Store(hn::Mul(even, scale), hn::Mul(odd, scale), pair, stored, column, out);
    }
}

template <typename T>
void Panel(WeightStorage storage, int64_t k, int64_t stored, const QuantizedPanel& panel, T* out) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
    for (int64_t column = 0; column < stored; column += lanes) {
        if (storage == WeightStorage::kInt4) {
            Int4(k / 2, stored, panel, column, out);
        } else {
            Int8(k / 2, stored, panel, column, out);
        }
    }
}

}  // namespace quantized

DequantizeFunctions<float> DequantizeTableF32() { return {quantized::Panel<float>}; }
DequantizeFunctions<bf16> DequantizeTableBF16() { return {quantized::Panel<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(DequantizeTableF32);
HWY_EXPORT(DequantizeTableBF16);

template <>
DequantizeFunctions<float> HighwayDequantize() {
    return HWY_DYNAMIC_DISPATCH(DequantizeTableF32)();
}
template <>
DequantizeFunctions<bf16> HighwayDequantize() {
    return HWY_DYNAMIC_DISPATCH(DequantizeTableBF16)();
}

}  // namespace hone
#endif
