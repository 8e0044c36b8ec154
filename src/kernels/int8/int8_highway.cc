// Rows to codes, transposition and tiles for any SIMD.
#include <cstring>

#include "kernels/int8/int8_kernels.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/int8/int8_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace int8 {
using namespace simd;  // NOLINT: the helpers of this instruction set

using DI = hn::RebindToSigned<DF>;
using VI = hn::Vec<DI>;

// ---- rows to codes

// The first n <= Lanes() numbers of a run; the others are zero.
template <typename T>
HWY_INLINE VF Numbers(const T* x, const float* factor, int64_t n) {
    const VF values = LoadN(x, n);
    return factor ? hn::Mul(values, LoadN(factor, n)) : values;
}
HWY_INLINE const float* At(const float* factor, int64_t i) { return factor ? factor + i : nullptr; }

template <typename T>
uint32_t Largest(int64_t n, const T* x, const float* factor) {
    const DI di;
    const int64_t N = Lanes();
    VI largest = hn::Zero(di);
    for (int64_t i = 0; i < n; i += N)
        largest = hn::Max(
            largest, hn::BitCast(di, hn::Abs(Numbers(x + i, At(factor, i), HWY_MIN(N, n - i)))));
    return static_cast<uint32_t>(hn::GetLane(hn::MaxOfLanes(di, largest)));
}

template <typename T>
void Codes(int64_t n, const T* x, const float* factor, float inverse, uint8_t* codes) {
    const DI di;
    const hn::Rebind<uint8_t, DI> d8;
    const int64_t N = Lanes();
    for (int64_t i = 0; i < n; i += N) {
        const int64_t count = HWY_MIN(N, n - i);
        const VF numbers = Numbers(x + i, At(factor, i), count);
        const VI whole = hn::NearestInt(hn::Mul(numbers, Set(inverse)));
        const auto bytes = hn::DemoteTo(d8, hn::Add(whole, hn::Set(di, kInt8Zero)));
        if (HWY_LIKELY(count == N)) {
            hn::StoreU(bytes, d8, codes + i);
            continue;
        }
        uint8_t some[hn::MaxLanes(DF())];
        hn::StoreU(bytes, d8, some);
        std::memcpy(codes + i, some, static_cast<size_t>(count));
    }
}

#if HWY_TARGET == HWY_SCALAR  // where the lists decline these, and a vector has no parts

void Blocks(int64_t rows, int64_t columns, const int8_t* from, int64_t from_stride, int8_t* to,
            int64_t to_stride) {
    ReferenceInt8Transpose().blocks(rows, columns, from, from_stride, to, to_stride);
}
template <typename T>
void Run(const Int8TileArgs<T>& t) {
    ReferenceInt8Tile<T>().run(t);
}

#else

// ---- transposition

void Blocks(int64_t rows, int64_t columns, const int8_t* from, int64_t from_stride, int8_t* to,
            int64_t to_stride) {
    const hn::FixedTag<int8_t, 16> d;
    HWY_ALIGN static constexpr int8_t kOrder[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                    2, 6, 10, 14, 3, 7, 11, 15};
    const auto order = hn::Load(d, kOrder);
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
            hn::StoreU(
                hn::TableLookupBytes(hn::LoadU(d, from + row * from_stride + column * 16), order),
                d, to + column * to_stride + row * 16);
}

// ---- tiles

using D16 = hn::Repartition<int16_t, DI>;
using V16 = hn::Vec<D16>;

// A vector of columns' codes, as numbers of 16 bits: those of rows 0 and 2 of K, and of 1 and 3.
struct Halves {
    V16 even, odd;
};
HWY_INLINE Halves Split(V16 codes) {
    return {hn::ShiftRight<8>(hn::ShiftLeft<8>(codes)), hn::ShiftRight<8>(codes)};
}

// Pairs of products are added in 32 bits.
HWY_INLINE void Add(Halves codes, const uint8_t* bytes, VI& sum, VI& carry) {
    int32_t four;
    std::memcpy(&four, bytes, 4);
    const V16 row = hn::BitCast(D16(), hn::Set(DI(), four));
    const hn::RebindToUnsigned<D16> du16;
    const V16 even = hn::And(row, hn::Set(D16(), 255));
    const V16 odd = hn::BitCast(D16(), hn::ShiftRight<8>(hn::BitCast(du16, row)));
    sum = hn::ReorderWidenMulAccumulate(DI(), codes.even, even, sum, carry);
    sum = hn::ReorderWidenMulAccumulate(DI(), codes.odd, odd, sum, carry);
}

// One vector of columns of R rows, into sums [R, kPanelColumns].
template <int R, typename T>
HWY_INLINE void Columns(const Int8TileArgs<T>& t, int64_t column, float* sums) {
    VI sum[R], carry[R];
    for (int r = 0; r < R; ++r) sum[r] = carry[r] = hn::Zero(DI());
    for (int64_t quad = 0; quad < t.k / 4; ++quad) {
        const Halves codes =
            Split(hn::LoadU(D16(), reinterpret_cast<const int16_t*>(
                                       t.codes + (quad * t.tile.stored + column) * 4)));
        for (int r = 0; r < R; ++r)
            Add(codes, t.bytes + r * t.bytes_stride + quad * 4, sum[r], carry[r]);
    }
    const int64_t count = HWY_MIN(Lanes(), t.tile.width - column);
    const VF scale = t.scales ? LoadN(t.scales + column, count) : Set(1);
    int32_t starts[hn::MaxLanes(DF())] = {};
    std::memcpy(starts, t.starts + column, static_cast<size_t>(count) * sizeof(int32_t));
    for (int r = 0; r < R; ++r) {
        const VI all =
            hn::Add(hn::RearrangeToOddPlusEven(sum[r], carry[r]), hn::LoadU(DI(), starts));
        Store(hn::Mul(hn::Mul(hn::ConvertTo(DF(), all), scale), Set(t.row_scales[r])),
              sums + r * kPanelColumns + column);
    }
}

// Rows whose sums and carries fit the registers together.
constexpr int kRows = 4;

template <typename T>
void Run(const Int8TileArgs<T>& t) {
    float sums[kRows * kPanelColumns];
    for (int64_t column = 0; column < t.tile.width; column += Lanes()) {
        switch (t.tile.rows) {
            case 1:
                Columns<1>(t, column, sums);
                break;
            case 2:
                Columns<2>(t, column, sums);
                break;
            case 3:
                Columns<3>(t, column, sums);
                break;
            default:
                Columns<kRows>(t, column, sums);
                break;
        }
    }
    FinishInt8Tile(t, GemmKernels<T>().Choose({}), sums);
}

#endif

}  // namespace int8

Int8TransposeFunctions Int8TransposeTable() { return {int8::Blocks}; }
Int8RowFunctions<float> Int8RowTableF32() { return {int8::Largest<float>, int8::Codes<float>}; }
Int8RowFunctions<bf16> Int8RowTableBF16() { return {int8::Largest<bf16>, int8::Codes<bf16>}; }
Int8TileFunctions<float> Int8TileTableF32() {
    return {int8::Run<float>, [](int) { return 4; }};
}
Int8TileFunctions<bf16> Int8TileTableBF16() {
    return {int8::Run<bf16>, [](int) { return 4; }};
}

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(Int8TransposeTable);
HWY_EXPORT(Int8RowTableF32);
HWY_EXPORT(Int8RowTableBF16);
HWY_EXPORT(Int8TileTableF32);
HWY_EXPORT(Int8TileTableBF16);

Int8TransposeFunctions HighwayInt8Transpose() { return HWY_DYNAMIC_DISPATCH(Int8TransposeTable)(); }
template <>
Int8RowFunctions<float> HighwayInt8Rows() {
    return HWY_DYNAMIC_DISPATCH(Int8RowTableF32)();
}
template <>
Int8RowFunctions<bf16> HighwayInt8Rows() {
    return HWY_DYNAMIC_DISPATCH(Int8RowTableBF16)();
}
template <>
Int8TileFunctions<float> HighwayInt8Tile() {
    return HWY_DYNAMIC_DISPATCH(Int8TileTableF32)();
}
template <>
Int8TileFunctions<bf16> HighwayInt8Tile() {
    return HWY_DYNAMIC_DISPATCH(Int8TileTableBF16)();
}

}  // namespace hone
#endif
