// The gradients of weights. A task takes some rows of C and some of its panels of 64 columns: its
// rows of A^T, packed once, stay in the second-level cache beside one panel of B at a time, and a
// tile of C is touched once per kGradTokens tokens.
#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/tile.h"
#include "kernels/packing/packing.h"

namespace hone {
namespace {

// Together about half a megabyte in bf16.
constexpr int64_t kGradTokens = 1024;
constexpr int64_t kGradRows = 96;
// Panels that share a task's packed rows of A^T. Few rows are soon packed, and take one panel each
// time: the gradients of adapters must make enough tasks too.
constexpr int64_t kGradPanels = 5, kFewRows = 32;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Rows of A^T are this many elements apart: whole cache lines, and no power of two, which would
// map all rows of a tile to the same few sets of the cache.
int64_t TransposedStride(int64_t tokens) { return (std::min(tokens, kGradTokens) + 63) / 32 * 32; }

// C's tile transposed: column i of `sums` is added to row i of c.
void AddTransposed(const float* sums, int rows, int width, float* c, int64_t c_stride) {
    for (int i = 0; i < width; ++i)
        for (int r = 0; r < rows; ++r) c[i * c_stride + r] += sums[r * kPanelColumns + i];
}

// Where a task works, in its thread's scratch.
template <typename T>
struct GradScratch {
    T* a;         // [kGradRows, TransposedStride]
    T* panel;     // [kGradTokens, 64] as packed
    float* sums;  // [kMaxTileRows, 64]
    GradScratch(const Context& context, int thread, int64_t stride) {
        const size_t a_bytes = static_cast<size_t>(kGradRows * stride) * sizeof(T);
        const size_t panel_bytes = kGradTokens * kPanelColumns * sizeof(T);
        const size_t sums_bytes = kMaxTileRows * kPanelColumns * sizeof(float);
        char* at = static_cast<char*>(context.Scratch(thread, a_bytes + panel_bytes + sums_bytes));
        a = reinterpret_cast<T*>(at);
        panel = reinterpret_cast<T*>(at + a_bytes);
        sums = reinterpret_cast<float*>(at + a_bytes + panel_bytes);
    }
};

// Adds one block of packed tokens to rows [row, row + rows) of a panel of C.
template <typename T>
void AddPanel(const TileFunctions<T>& path, const GradGemmArgs<T>& args, TileArgs<T> tile,
              const GradScratch<T>& scratch, int64_t row, int64_t rows, int64_t column) {
    const int step = path.rows(tile.stored);
    for (int64_t r = 0; r < rows; r += step) {
        tile.rows = static_cast<int>(std::min<int64_t>(step, rows - r));
        tile.a = scratch.a + r * tile.a_stride;
        if (!args.transposed) {
            tile.output = GemmOutput::kAddF32;
            tile.c = args.c + (row + r) * args.c_stride + column;
            tile.c_stride = args.c_stride;
            path.run(tile);
            continue;
        }
        tile.output = GemmOutput::kStoreF32;
        tile.c = scratch.sums;
        tile.c_stride = kPanelColumns;
        path.run(tile);
        AddTransposed(scratch.sums, tile.rows, tile.width,
                      args.c + column * args.c_stride + row + r, args.c_stride);
    }
}

}  // namespace

template <typename T>
void GradGemm(const Context& context, const GradGemmArgs<T>& args) {
    if (args.tokens == 0) return;
    const TileFunctions<T>& path = GemmKernels<T>().Choose({});
    const PackFunctions<T>& pack = PackKernels<T>().Choose({});
    const int64_t stride = TransposedStride(args.tokens);
    const int64_t chunks = CeilDivide(args.m, kGradRows);
    const int64_t panels = CeilDivide(args.n, kPanelColumns),
                  groups = args.m <= kFewRows ? panels : CeilDivide(panels, kGradPanels);
    context.ParallelFor(chunks * groups, [&](int64_t task, int thread) {
        const GradScratch<T> scratch(context, thread, stride);
        const int64_t row = task / groups * kGradRows, rows = std::min(kGradRows, args.m - row);
        const int64_t group = task % groups, first_panel = group * panels / groups,
                      end_panel = (group + 1) * panels / groups;
        TileArgs<T> tile;
        tile.a_stride = stride;
        tile.b = scratch.panel;
        tile.scale = args.scale;
        for (int64_t first = 0; first < args.tokens; first += kGradTokens) {
            const int64_t tokens = std::min(kGradTokens, args.tokens - first);
            tile.k = sizeof(T) == 2 ? (tokens + 1) / 2 * 2 : tokens;
            pack.transposed(args.a + first * args.a_stride + row, args.a_stride, tokens, rows,
                            scratch.a, stride);
            for (int64_t panel = first_panel; panel < end_panel; ++panel) {
                const int64_t column = panel * kPanelColumns;
                tile.width = static_cast<int>(std::min<int64_t>(kPanelColumns, args.n - column));
                tile.stored = (tile.width + 15) / 16 * 16;
                pack.rows(args.b + first * args.b_stride + column, args.b_stride, tokens,
                          tile.width, tile.stored, scratch.panel);
                AddPanel(path, args, tile, scratch, row, rows, column);
            }
        }
    });
}

template void GradGemm(const Context&, const GradGemmArgs<float>&);
template void GradGemm(const Context&, const GradGemmArgs<bf16>&);

}  // namespace hone
