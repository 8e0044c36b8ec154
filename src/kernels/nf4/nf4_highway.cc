// A block's sixteen possible values are computed once, as tables of their bytes; each number is
// then a look-up of its bytes. The same on every instruction set with a byte shuffle.
#include "kernels/nf4/nf4.h"
#include "kernels/simd/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/nf4/nf4_highway.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "kernels/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hone {
namespace HWY_NAMESPACE {
namespace nf4 {
using namespace simd;  // NOLINT: the helpers of this instruction set

#if HWY_TARGET == \
    HWY_SCALAR  // where the list declines this path, and there are no bytes to shuffle

template <typename T>
void Values(int64_t blocks, const uint8_t* codes, const float* absmax, const float* table, T* out) {
    Nf4Kernels<T>().reference().values(blocks, codes, absmax, table, out);
}

#else

using D8 = hn::FixedTag<uint8_t, 16>;
using V8 = hn::Vec<D8>;
using D16Fixed = hn::FixedTag<uint16_t, 8>;

HWY_INLINE V8 Bytes(const void* from) { return hn::LoadU(D8(), static_cast<const uint8_t*>(from)); }
HWY_INLINE void PutBytes(V8 bytes, void* to) { hn::StoreU(bytes, D8(), static_cast<uint8_t*>(to)); }
HWY_INLINE V8 Even(V8 a, V8 b) { return hn::ConcatEven(D8(), b, a); }
HWY_INLINE V8 Odd(V8 a, V8 b) { return hn::ConcatOdd(D8(), b, a); }
HWY_INLINE V8 LookUp(V8 table, V8 codes) { return hn::TableLookupBytes(table, codes); }
HWY_INLINE V8 LowNibbles(V8 bytes) { return hn::And(bytes, hn::Set(D8(), 15)); }
HWY_INLINE V8 HighNibbles(V8 bytes) {
    const D16Fixed d;
    return LowNibbles(hn::BitCast(D8(), hn::ShiftRight<4>(hn::BitCast(d, bytes))));
}

// out[i] = the value of codes[i]; `low` and `high` hold the bytes of all values.
HWY_INLINE void Sixteen(V8 low, V8 high, V8 codes, bf16* out) {
    const V8 l = LookUp(low, codes), h = LookUp(high, codes);
    PutBytes(hn::InterleaveLower(D8(), l, h), out);
    PutBytes(hn::InterleaveUpper(D8(), l, h), out + 8);
}

// The same with four bytes a value.
HWY_INLINE void Sixteen(V8 b0, V8 b1, V8 b2, V8 b3, V8 codes, float* out) {
    const D16Fixed d;
    const V8 c0 = LookUp(b0, codes), c1 = LookUp(b1, codes), c2 = LookUp(b2, codes),
             c3 = LookUp(b3, codes);
    const auto low = hn::BitCast(d, hn::InterleaveLower(D8(), c0, c1)),
               high = hn::BitCast(d, hn::InterleaveLower(D8(), c2, c3)),
               low2 = hn::BitCast(d, hn::InterleaveUpper(D8(), c0, c1)),
               high2 = hn::BitCast(d, hn::InterleaveUpper(D8(), c2, c3));
    PutBytes(hn::BitCast(D8(), hn::InterleaveLower(d, low, high)), out);
    PutBytes(hn::BitCast(D8(), hn::InterleaveUpper(d, low, high)), out + 4);
    PutBytes(hn::BitCast(D8(), hn::InterleaveLower(d, low2, high2)), out + 8);
    PutBytes(hn::BitCast(D8(), hn::InterleaveUpper(d, low2, high2)), out + 12);
}

// One block: `values` are what its sixteen codes stand for.
HWY_INLINE void Block(const bf16* values, const uint8_t* codes, bf16* out) {
    const V8 first = Bytes(values), second = Bytes(values + 8);
    const V8 low = Even(first, second), high = Odd(first, second);
    for (int half = 0; half < 2; ++half) {
        const V8 pairs = Bytes(codes + half * 16);
        Sixteen(low, high, LowNibbles(pairs), out + half * 32);
        Sixteen(low, high, HighNibbles(pairs), out + half * 32 + 16);
    }
}

HWY_INLINE void Block(const float* values, const uint8_t* codes, float* out) {
    const V8 first = Bytes(values), second = Bytes(values + 4), third = Bytes(values + 8),
             fourth = Bytes(values + 12);
    const V8 even = Even(first, second), even2 = Even(third, fourth), odd = Odd(first, second),
             odd2 = Odd(third, fourth);
    const V8 b0 = Even(even, even2), b1 = Even(odd, odd2), b2 = Odd(even, even2),
             b3 = Odd(odd, odd2);
    for (int half = 0; half < 2; ++half) {
        const V8 pairs = Bytes(codes + half * 16);
        Sixteen(b0, b1, b2, b3, LowNibbles(pairs), out + half * 32);
        Sixteen(b0, b1, b2, b3, HighNibbles(pairs), out + half * 32 + 16);
    }
}

template <typename T>
void Values(int64_t blocks, const uint8_t* codes, const float* absmax, const float* table, T* out) {
    const int64_t N = HWY_MIN(Lanes(), 16);
    for (int64_t block = 0; block < blocks; ++block) {
        T values[16];
        for (int64_t i = 0; i < 16; i += N)
            StoreN(hn::Mul(LoadN(table + i, N), Set(absmax[block])), values + i, N);
        Block(values, codes + block * kNf4BlockBytes, out + block * kNf4Block);
    }
}

#endif

}  // namespace nf4

Nf4Functions<float> Nf4TableF32() { return {nf4::Values<float>}; }
Nf4Functions<bf16> Nf4TableBF16() { return {nf4::Values<bf16>}; }

}  // namespace HWY_NAMESPACE
}  // namespace hone
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hone {

HWY_EXPORT(Nf4TableF32);
HWY_EXPORT(Nf4TableBF16);

template <>
Nf4Functions<float> Nf4Highway() {
    return HWY_DYNAMIC_DISPATCH(Nf4TableF32)();
}
template <>
Nf4Functions<bf16> Nf4Highway() {
    return HWY_DYNAMIC_DISPATCH(Nf4TableBF16)();
}

}  // namespace hone
#endif
