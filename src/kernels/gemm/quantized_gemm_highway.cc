// Rows to codes and quantized tiles for any SIMD, up to 8 columns a vector.
#include <algorithm>
#include <cfloat>
#include <cstring>
#include <limits>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/quantized_panel.h"
#include "kernels/gemm/quantized_prefetch.h"
#include "kernels/simd/simd_targets.h"

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

// Four rows of K of a vector of columns times four codes of A, as two sums of two products in 16
// bits, which they fit where the rows' codes have 4 bits.
HWY_INLINE V16 PairSums(V16 bytes, int32_t four) {
    const V16 codes = hn::BitCast(D16(), hn::Set(DI(), four));
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
    return V16{_mm256_maddubs_epi16(bytes.raw, codes.raw)};
#else
    const hn::RebindToUnsigned<D16> du16;
    const V16 odd = hn::BitCast(D16(), hn::ShiftRight<8>(hn::BitCast(du16, bytes)));
    return hn::Add(
        hn::Mul(hn::And(bytes, hn::Set(D16(), 255)), hn::ShiftRight<8>(hn::ShiftLeft<8>(codes))),
        hn::Mul(odd, hn::ShiftRight<8>(codes)));
#endif
}

// sum + carry (+=): four rows of K of a vector of columns, less 128, times four codes of A.
HWY_INLINE void AddProducts(V16 bytes, int32_t four, VI& sum, VI& carry) {
    const D16 d16;
    const V16 codes = hn::BitCast(d16, hn::Set(DI(), four));
    const V16 values = hn::Xor(bytes, hn::Set(d16, static_cast<int16_t>(0x8080)));
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
    // Two products of at most 127 x 127 fit 16 bits: a weight's code is 1 at least. The instruction
    // wants its first factor without a sign, so that is given to the other.
    const V16 pairs{
        _mm256_maddubs_epi16(_mm256_abs_epi8(codes.raw), _mm256_sign_epi8(values.raw, codes.raw))};
    sum = hn::ReorderWidenMulAccumulate(DI(), pairs, hn::Set(d16, 1), sum, carry);
#else
    // Bytes 0 and 2 of each column, then 1 and 3.
    const auto even = [](V16 both) { return hn::ShiftRight<8>(hn::ShiftLeft<8>(both)); };
    sum = hn::ReorderWidenMulAccumulate(DI(), even(values), even(codes), sum, carry);
    sum = hn::ReorderWidenMulAccumulate(DI(), hn::ShiftRight<8>(values), hn::ShiftRight<8>(codes),
                                        sum, carry);
#endif
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

// whole (=): the products of a group's codes (of 8 bits: less 128), for a vector of columns and R
// rows of A.
template <WeightStorage S, int R>
HWY_INLINE void MultiplyGroup(const uint8_t* codes, int64_t stored, const int8_t* a,
                              int64_t a_stride, int64_t steps, VF (&whole)[R]) {
    const D16 d16;
    VI sum[R], carry[R];
    for (int r = 0; r < R; ++r) sum[r] = carry[r] = hn::Zero(DI());
    if constexpr (S == WeightStorage::kInt4) {
        // Of 32 products of at most 15 x 127, 16 meet in a lane: they fit 16 bits.
        const V16 low = hn::Set(d16, 0x0f0f);
        V16 pairs[R];
        for (int r = 0; r < R; ++r) pairs[r] = hn::Zero(d16);
        for (int64_t i = 0; i < steps; ++i, codes += stored * 4, a += 8) {
            const V16 bytes = hn::LoadU(d16, reinterpret_cast<const int16_t*>(codes));
            const V16 first = hn::And(bytes, low), second = hn::And(hn::ShiftRight<4>(bytes), low);
            for (int r = 0; r < R; ++r) {
                const int8_t* row = a + r * a_stride;
                pairs[r] = hn::Add(
                    pairs[r], hn::Add(PairSums(first, Four(row)), PairSums(second, Four(row + 4))));
            }
        }
        for (int r = 0; r < R; ++r)
            sum[r] =
                hn::ReorderWidenMulAccumulate(DI(), pairs[r], hn::Set(d16, 1), sum[r], carry[r]);
    } else {
        for (int64_t i = 0; i < steps; ++i, codes += stored * 4, a += 4) {
            const V16 bytes = hn::LoadU(d16, reinterpret_cast<const int16_t*>(codes));
            for (int r = 0; r < R; ++r)
                AddProducts(bytes, Four(a + r * a_stride), sum[r], carry[r]);
        }
    }
    for (int r = 0; r < R; ++r)
        whole[r] = hn::ConvertTo(D(), hn::RearrangeToOddPlusEven(sum[r], carry[r]));
}

// Columns of a group between two calls of TilePrefetch::Next: all stored widths are a multiple.
constexpr int64_t kPrefetchColumns = 16;

// t.c (+=) R rows of A, of which `first` is the first, times one group of K. The groups come one
// after the other, as they lie: what is read of memory is one stream.
template <WeightStorage S, int R>
HWY_INLINE void Group(const QuantizedTileArgs& t, int first, int64_t g, TilePrefetch& prefetch) {
    const D d;
    const uint8_t* group = t.panel + g * t.stored * QuantGroupBytes(S);
    const uint8_t* codes = group + t.stored * QuantHeadBytes(S);
    const int64_t steps = CeilDivide(std::min(kQuantGroup, t.k - g * kQuantGroup), QuantRowsOfK(S));
    const int64_t row_codes = t.groups * kQuantGroup;
    const float* scales = t.scales + first * t.groups + g;
    const float* sums = t.sums + first * t.groups + g;
    for (int64_t column = 0; column < t.stored; column += static_cast<int64_t>(hn::Lanes(d))) {
        if (first == 0 && column % kPrefetchColumns == 0) prefetch.Next();
        VF whole[R];
        MultiplyGroup<S, R>(codes + column * 4, t.stored,
                            t.codes + first * row_codes + g * kQuantGroup, row_codes, steps, whole);
        const VF scale = LoadHalf(group + column * 2);
        for (int r = 0; r < R; ++r) {
            VF part;
            if constexpr (S == WeightStorage::kInt4) {
                const VF minimum = LoadHalf(group + (t.stored + column) * 2);
                const VF code_sum = hn::Set(d, sums[r * t.groups]);
                part = hn::MulAdd(scale, whole[r], hn::Mul(minimum, code_sum));
            } else {
                part = hn::Mul(scale, whole[r]);
            }
            float* c = t.c + (first + r) * kPanelColumns + column;
            hn::StoreU(hn::MulAdd(hn::Set(d, scales[r * t.groups]), part, hn::LoadU(d, c)), d, c);
        }
    }
}

// Rows whose sums and carries fit the registers together.
constexpr int kRows = 4;

template <WeightStorage S>
HWY_INLINE void ByGroups(const QuantizedTileArgs& t) {
    TilePrefetch prefetch(t, t.stored * QuantGroupBytes(S),
                          static_cast<int>(t.stored / kPrefetchColumns));
    for (int64_t g = 0; g < QuantGroups(t.k); ++g) {
        int first = 0;
        for (; first + kRows <= t.rows; first += kRows) Group<S, kRows>(t, first, g, prefetch);
        switch (t.rows - first) {
            case 1:
                Group<S, 1>(t, first, g, prefetch);
                break;
            case 2:
                Group<S, 2>(t, first, g, prefetch);
                break;
            case 3:
                Group<S, 3>(t, first, g, prefetch);
                break;
        }
    }
}

void Run(const QuantizedTileArgs& t) {
    t.storage == WeightStorage::kInt4 ? ByGroups<WeightStorage::kInt4>(t)
                                      : ByGroups<WeightStorage::kInt8>(t);
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
