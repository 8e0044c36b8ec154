// Tiles for AVX-512, and for its bf16 dot products (Zen 4, Cooper Lake, Sapphire Rapids and later).
#include "kernels/gemm/tile.h"

#if defined(__x86_64__)

#include "kernels/avx512_tile-inl.h"

namespace hone {
namespace {

template <typename T>
struct Tile {
    template <int R, int V>
    static void Run(const TileArgs<T>& t) {
        __m512 acc[R][V];
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] = _mm512_setzero_ps();
        avx512::PrefetchTile<R, V>(t);
        avx512::Accumulate<R, V>(acc, t.a, t.a_stride, t.b, t.k);
        avx512::FinishTile<R, V>(acc, t);
    }
};

}  // namespace

template <typename T>
TileFunctions<T> Avx512Tile() {
    return {[](const TileArgs<T>& t) { avx512::RunTile<Tile<T>>(t, t.rows, t.stored); },
            [](int stored) { return avx512::kTileRows[stored / 16]; }};
}
template TileFunctions<float> Avx512Tile();
template TileFunctions<bf16> Avx512Tile();

}  // namespace hone

#endif
