// Rows to codes and quantized tiles for any SIMD, up to 8 columns a vector.
#include <algorithm>
#include <cfloat>
#include <cstring>
#include <limits>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/quantized_gemm_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace quantized {
namespace hn = hwy::HWY_NAMESPACE;

// A group of 32 is whole vectors of either.
using D = hn::CappedTag<float, 8>;
using DI = hn::RebindToSigned<D>;
using VF = hn::Vec<D>;
using VI = hn::Vec<DI>;

// ---- rows to codes

HWY_INLINE VF LoadValues(const float* x) { return hn::LoadU(D(), x); }
HWY_INLINE VF LoadValues(const bf16* x) {
    const hn::Rebind<uint16_t, D> d16;
    return hn::BitCast(
        D(), hn::ShiftLeft<16>(hn::PromoteTo(
                 hn::RebindToUnsigned<D>(), hn::LoadU(d16, reinterpret_cast<const uint16_t*>(x)))));
}

// x [32].
template <typename T>
HWY_INLINE void QuantizeGroup(const T* x, int8_t* codes, float* scale, float* sum) {
    const D d;
    const DI di;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    // As integers, magnitudes have the same order, and what is not finite is above all others.
    VI largest = hn::Zero(di);
    for (int64_t i = 0; i < kQuantGroup; i += lanes)
        largest = hn::Max(largest, hn::BitCast(di, hn::Abs(LoadValues(x + i))));
    const int32_t bits = hn::GetLane(hn::MaxOfLanes(di, largest));
    constexpr int32_t kInfinity = 0x7f800000;
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof magnitude);
    *scale = bits < kInfinity ? magnitude / 127 : std::numeric_limits<float>::quiet_NaN();
    if (!(*scale >= FLT_MIN)) {
        std::memset(codes, 0, kQuantGroup);
        *sum = 0;
        return;
    }
    const VF inverse = hn::Set(d, 1 / *scale);
    VI total = hn::Zero(di);
    for (int64_t i = 0; i < kQuantGroup; i += lanes) {
        const VI code = hn::NearestInt(hn::Mul(LoadValues(x + i), inverse));
        total = hn::Add(total, code);
        const hn::Rebind<int8_t, D> d8;
        hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
    }
    *sum = static_cast<float>(hn::GetLane(hn::SumOfLanes(di, total)));
}

template <typename T>
void QuantizeRow(int64_t k, const T* x, int8_t* codes, float* scales, float* sums) {
    int64_t begin = 0;
    for (; begin + kQuantGroup <= k; begin += kQuantGroup)
        QuantizeGroup(x + begin, codes + begin, scales++, sums++);
    if (begin == k) return;
    T rest[kQuantGroup] = {};
    std::memcpy(rest, x + begin, static_cast<size_t>(k - begin) * sizeof(T));
    QuantizeGroup(rest, codes + begin, scales, sums);
}

// ---- tiles

#if HWY_TARGET == HWY_SCALAR  // where the list declines this path, and a lane has no halves

void Run(const QuantizedTileArgs& t) { ReferenceQuantizedTile().run(t); }

#else

using D16 = hn::Repartition<int16_t, DI>;
using V16 = hn::Vec<D16>;

// Four rows of K of a vector of columns times four codes of A: bytes 0 and 2 of each column, then 1
// and 3, as pairs of 16 bits, whose products are added in 32.
HWY_INLINE void Add(V16 bytes, int32_t four, VI& sum, VI& carry) {
    const D16 d16;
    const V16 codes = hn::BitCast(d16, hn::Set(DI(), four));
    const hn::RebindToUnsigned<D16> du16;
    const V16 even = hn::And(bytes, hn::Set(d16, 255));
    const V16 odd = hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(du16, bytes)));
    sum = hn::ReorderWidenMulAccumulate(DI(), even, hn::ShiftRight<8>(hn::ShiftLeft<8>(codes)), sum,
                                        carry);
    sum = hn::ReorderWidenMulAccumulate(DI(), odd, hn::ShiftRight<8>(codes), sum, carry);
}

HWY_INLINE int32_t Four(const int8_t* codes) {
    int32_t four;
    std::memcpy(&four, codes, 4);
    return four;
}

HWY_INLINE VF LoadHalf(const uint8_t* from) {
    return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<hwy::float16_t, D>(),
                                        reinterpret_cast<const hwy::float16_t*>(from)));
}

// One vector of columns of R rows.
template <WeightStorage S, int R>
HWY_INLINE void Columns(const QuantizedTileArgs& t, int64_t column) {
    const D d;
    const D16 d16;
    constexpr int64_t kRowsOfK = QuantRowsOfK(S);
    VF acc[R];
    for (int r = 0; r < R; ++r) acc[r] = hn::LoadU(d, t.c + r * kPanelColumns + column);
    for (int64_t g = 0; g < QuantGroups(t.k); ++g) {
        const uint8_t* group = t.panel + g * t.stored * QuantGroupBytes(S);
        const int64_t steps = CeilDivide(std::min(kQuantGroup, t.k - g * kQuantGroup), kRowsOfK);
        const int8_t* a = t.codes + g * kQuantGroup;
        VI sum[R], carry[R];
        for (int r = 0; r < R; ++r) sum[r] = carry[r] = hn::Zero(DI());
        for (int64_t i = 0; i < steps; ++i) {
            const V16 bytes = hn::LoadU(
                d16, reinterpret_cast<const int16_t*>(group + t.stored * QuantHeadBytes(S) +
                                                      (i * t.stored + column) * 4));
            for (int r = 0; r < R; ++r) {
                const int8_t* codes = a + r * t.groups * kQuantGroup + i * kRowsOfK;
                if constexpr (S == WeightStorage::kInt4) {
                    const V16 low = hn::Set(d16, 0x0f0f);
                    Add(hn::And(bytes, low), Four(codes), sum[r], carry[r]);
                    Add(hn::And(hn::ShiftRight<4>(bytes), low), Four(codes + 4), sum[r], carry[r]);
                } else {
                    Add(bytes, Four(codes), sum[r], carry[r]);
                }
            }
        }
        const VF scale = LoadHalf(group + column * 2);
        for (int r = 0; r < R; ++r) {
            const VF whole = hn::ConvertTo(d, hn::RearrangeToOddPlusEven(sum[r], carry[r]));
            const VF codes = hn::Set(d, t.sums[r * t.groups + g]);
            VF part;
            if constexpr (S == WeightStorage::kInt4) {
                const VF minimum = LoadHalf(group + (t.stored + column) * 2);
                part = hn::MulAdd(scale, whole, hn::Mul(minimum, codes));
            } else {
                part = hn::Mul(scale, hn::NegMulAdd(hn::Set(d, 128.0f), codes, whole));
            }
            acc[r] = hn::MulAdd(hn::Set(d, t.scales[r * t.groups + g]), part, acc[r]);
        }
    }
    for (int r = 0; r < R; ++r) hn::StoreU(acc[r], d, t.c + r * kPanelColumns + column);
}

// Rows whose sums and carries fit the registers together.
constexpr int kRows = 4;

template <WeightStorage S>
HWY_INLINE void ByRows(QuantizedTileArgs t) {
    for (int left = t.rows; left > 0; left -= kRows) {
        for (int64_t column = 0; column < t.stored;
             column += static_cast<int64_t>(hn::Lanes(D()))) {
            switch (left) {
                case 1:
                    Columns<S, 1>(t, column);
                    break;
                case 2:
                    Columns<S, 2>(t, column);
                    break;
                case 3:
                    Columns<S, 3>(t, column);
                    break;
                default:
                    Columns<S, kRows>(t, column);
                    break;
            }
        }
        t.codes += kRows * t.groups * kQuantGroup;
        t.scales += kRows * t.groups;
        t.sums += kRows * t.groups;
        t.c += kRows * kPanelColumns;
    }
}

void Run(const QuantizedTileArgs& t) {
    t.storage == WeightStorage::kInt4 ? ByRows<WeightStorage::kInt4>(t)
                                      : ByRows<WeightStorage::kInt8>(t);
}

#endif

}  // namespace quantized

QuantizedTileFunctions QuantizedTileTable() { return {quantized::Run}; }
QuantizeRowFunctions<float> QuantizeRowTableF32() { return {quantized::QuantizeRow<float>}; }
QuantizeRowFunctions<bf16> QuantizeRowTableBF16() { return {quantized::QuantizeRow<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(QuantizedTileTable);
HWY_EXPORT(QuantizeRowTableF32);
HWY_EXPORT(QuantizeRowTableBF16);

QuantizedTileFunctions HighwayQuantizedTile() { return HWY_DYNAMIC_DISPATCH(QuantizedTileTable)(); }
template <>
QuantizeRowFunctions<float> HighwayQuantizeRow() {
    return HWY_DYNAMIC_DISPATCH(QuantizeRowTableF32)();
}
template <>
QuantizeRowFunctions<bf16> HighwayQuantizeRow() {
    return HWY_DYNAMIC_DISPATCH(QuantizeRowTableBF16)();
}

}  // namespace hone
#endif
