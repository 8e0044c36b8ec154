// Tiles for AVX-512, and for its bf16 dot products (Zen 4, Cooper Lake, Sapphire Rapids and later).
#include "kernels/gemm/avx512_tile-inl.h"
#include "kernels/gemm/tile.h"

#if defined(__x86_64__)

HONE_BEGIN_AVX512
namespace hone::avx512 {
namespace {

// kPacked: A^T is packed (TileArgs::a_stored), and nothing extends the product.
template <typename T, bool kPacked>
struct Tile {
    template <int R, int V>
    static void Run(const TileArgs<T>& t) {
        __m512 acc[R][V];
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] = _mm512_setzero_ps();
        PrefetchTile<R, V>(t);
        if constexpr (kPacked) {
            using Left = PackedRows<T>;
            Accumulate<R, V>(acc, Left{t.a, t.a_stored * Rows<T>::kPair}, t.b, t.k);
        } else {
            Accumulate<R, V>(acc, Rows<T>{t.a, t.a_stride}, t.b, t.k);
        }
        FinishTile<R, V>(acc, t);
    }
};

template <typename T>
void Run(std::span<const TileArgs<T>> tiles) {
    for (const TileArgs<T>& t : tiles)
        t.a_stored > 0 ? RunTile<Tile<T, true>>(t, t.rows, t.stored)
                       : RunTile<Tile<T, false>>(t, t.rows, t.stored);
}

}  // namespace
}  // namespace hone::avx512
HONE_END_AVX512

namespace hone {

// Called on every CPU.
template <typename T>
TileFunctions<T> Avx512Tile() {
    return {avx512::Run<T>, [](int stored) { return avx512::kTileRows[stored / 16]; }};
}
template TileFunctions<float> Avx512Tile();
template TileFunctions<bf16> Avx512Tile();

}  // namespace hone

#endif  // __x86_64__
