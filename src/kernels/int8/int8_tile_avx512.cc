// Tiles for AVX512-VNNI and BF16 (Zen 4, Cooper Lake, Sapphire Rapids and later): one instruction
// multiplies four bytes of a row with four codes of each of 16 columns and adds them, at the rate
// at which that of bf16 does two.
#include "kernels/gemm/avx512_tile-inl.h"
#include "kernels/int8/int8_kernels.h"

#if defined(__x86_64__)

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

// In assembly: with the intrinsic GCC 12 keeps the sums of a tile in memory, which is half as fast.
inline __attribute__((always_inline)) void AddProducts(__m512i& sum, __m512i bytes, __m512i codes) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(codes));
}

template <int R, int V>
inline __attribute__((always_inline)) void AccumulateCodes(__m512i (&sums)[R][V],
                                                           const uint8_t* bytes, int64_t stride,
                                                           const int8_t* codes, int64_t k) {
    for (int64_t quad = 0; quad < k / 4; ++quad) {
        __m512i column[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) column[v] = _mm512_loadu_si512(codes + (quad * V + v) * 64);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            int32_t four;
            std::memcpy(&four, bytes + r * stride + quad * 4, 4);
            const __m512i row = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) AddProducts(sums[r][v], row, column[v]);
        }
    }
}

template <typename T>
struct Tile {
    template <int R, int V>
    static void Run(const Int8TileArgs<T>& t) {
        __m512i sums[R][V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            const __m512i start =
                _mm512_maskz_loadu_epi32(TileMask(t.tile.width, v), t.starts + v * 16);
#pragma GCC unroll 12
            for (int r = 0; r < R; ++r) sums[r][v] = start;
        }
        PrefetchTile<R, V>(t.tile);
        AccumulateCodes<R, V>(sums, t.bytes, t.bytes_stride, t.codes, t.k);
        __m512 acc[R][V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            const __mmask16 mask = TileMask(t.tile.width, v);
            const __m512 scale =
                t.scales ? _mm512_maskz_loadu_ps(mask, t.scales + v * 16) : _mm512_set1_ps(1);
#pragma GCC unroll 12
            for (int r = 0; r < R; ++r)
                // The mask of ones: GCC 12 warns of an uninitialized register in the form without.
                acc[r][v] = _mm512_mul_ps(
                    _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(0xffff, sums[r][v]), scale),
                    _mm512_set1_ps(t.row_scales[r]));
        }
        FinishTile<R, V>(acc, t.tile);
    }
};

template <typename T>
void Run(const Int8TileArgs<T>& t) {
    RunTile<Tile<T>>(t, t.tile.rows, t.tile.stored);
}

}  // namespace
}  // namespace hone::avx512
HONE_END_AVX512

namespace hone {

// Called on every CPU.
template <typename T>
Int8TileFunctions<T> Avx512Int8Tile() {
    return {avx512::Run<T>, [](int stored) { return avx512::kTileRows[stored / 16]; }};
}
template Int8TileFunctions<float> Avx512Int8Tile();
template Int8TileFunctions<bf16> Avx512Int8Tile();

}  // namespace hone

#endif  // __x86_64__
