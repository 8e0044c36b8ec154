// The inner product that gemm is made of: one tile of C, held in registers from the first k to the
// store.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dispatch/dispatch.h"
#include "kernels/gemm/gemm.h"
#include "tensor/dtype.h"

namespace hone {

// The most rows of one tile, in any implementation.
inline constexpr int kMaxTileRows = 12;
// The most rows and tiles side by side of one call, in any implementation.
inline constexpr int kMaxBlockRows = 264;
inline constexpr int kMaxTilesBeside = 4;

// C [rows, width] (=, +=) scale * (A [rows, k] B + H [rows, h_k] H_B) + bias.
template <typename T>
struct TileArgs {
    int rows = 0;
    int width = 0;   // columns of C that exist
    int stored = 0;  // columns of B as packed: 16, 32, 48 or 64
    const T* a = nullptr;
    int64_t a_stride = 0;
    // If not 0, `a` is A^T instead, packed as a panel of so many columns (gemm.h), of which the
    // product uses `rows`, the first of them at `a`. There is no extension then.
    int a_stored = 0;
    int64_t k = 0;
    const T* b = nullptr;
    // B of the call that probably comes next, to be prefetched; or nullptr.
    const T* next_b = nullptr;
    const T* h = nullptr;
    int64_t h_stride = 0;
    int64_t h_k = 0;
    const T* h_b = nullptr;
    float scale = 1;
    const float* bias = nullptr;
    void* c = nullptr;
    int64_t c_stride = 0;
    GemmOutput output = GemmOutput::kStore;
};

template <typename T>
struct TileFunctions {
    // Tiles that lie side by side: the same rows of A, with the same k, times other panels.
    void (*run)(std::span<const TileArgs<T>> tiles);
    // How many rows fill the registers at that width; at most kMaxTileRows.
    int (*rows)(int stored);
    // For an implementation that first turns A and B into what its inner loop reads best, how many
    // rows (a multiple of those above) and how many tiles side by side may share that work in one
    // call; at most kMaxBlockRows and kMaxTilesBeside. 0 and 1: nothing is to be shared.
    int block_rows = 0;
    int beside = 1;

    // The most rows of one call.
    int MostRows(int stored) const { return block_rows > 0 ? block_rows : rows(stored); }
    void Run(const TileArgs<T>& tile) const { run({&tile, 1}); }
};

// Gemm of native weights with the implementation `path`.
template <typename T>
void GemmWith(const Context& context, const TileFunctions<T>& path,
              std::span<const GemmArgs<T>> products);

// Sets the tile's extension to that of row `row` and panel `panel`. Returns how many of the `count`
// rows from `row` on have the same extension.
template <typename T>
int64_t SetExtension(const GemmArgs<T>& args, size_t panel, int64_t row, int64_t count,
                     TileArgs<T>& tile);

// For an implementation that has its sums in memory, [rows, width] in rows of kPanelColumns floats:
// C (= or +=, as tile.output says) the sums.
template <typename T>
void StoreTile(const TileArgs<T>& tile, const float* sums);

// Best first; explained as op "gemm".
template <typename T>
const KernelList<AnyProblem, TileFunctions<T>>& GemmKernels();

// Each implementation is a file of its own.
template <typename T>
TileFunctions<T> Avx512Tile();  // only where the build is for x86-64
template <typename T>
TileFunctions<T> HighwayTile();
template <typename T>
TileFunctions<T> ReferenceTile();

}  // namespace hone
