#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <cstring>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/tile.h"

namespace hone {
namespace {

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel.
constexpr int64_t kRowsPerTask = 192;
// Tokens packed at a time for a weight gradient: a panel of them fits the first-level cache.
constexpr int64_t kGradTokens = 256;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <typename T>
constexpr int64_t EvenFor(int64_t k) {
    return sizeof(T) == 2 ? (k + 1) / 2 * 2 : k;
}

// Writes columns [column, column + width) of src's rows [0, tokens) as a panel of `stored` columns,
// zeros after both.
void PackPanel(const float* src, int64_t stride, int64_t tokens, int width, int stored,
               float* out) {
    for (int64_t t = 0; t < tokens; ++t) {
        std::memcpy(out + t * stored, src + t * stride, sizeof(float) * width);
        std::fill(out + t * stored + width, out + (t + 1) * stored, 0.0f);
    }
}
void PackPanel(const bf16* src, int64_t stride, int64_t tokens, int width, int stored, bf16* out) {
    uint32_t* pairs = reinterpret_cast<uint32_t*>(out);
    for (int64_t t = 0; t < tokens; t += 2) {
        const bf16* first = src + t * stride;
        const bf16* second = first + stride;
        uint32_t* to = pairs + t / 2 * stored;
        if (t + 1 < tokens) {
            for (int i = 0; i < width; ++i)
                to[i] = first[i].bits | static_cast<uint32_t>(second[i].bits) << 16;
        } else {
            for (int i = 0; i < width; ++i) to[i] = first[i].bits;
        }
        for (int i = width; i < stored; ++i) to[i] = 0;
    }
}

// Rows [0, count) of A^T: out[i][t] = src[t][i], `out_stride` elements per row, zero after `tokens`
// up to an even number.
template <typename T>
void PackTransposed(const T* src, int64_t stride, int64_t tokens, int64_t count, T* out,
                    int64_t out_stride) {
    for (int64_t t = 0; t < tokens; ++t)
        for (int64_t i = 0; i < count; ++i) out[i * out_stride + t] = src[t * stride + i];
    if (EvenFor<T>(tokens) != tokens)
        for (int64_t i = 0; i < count; ++i) out[i * out_stride + tokens] = T{};
}

template <typename T>
int64_t NumTasks(const GemmArgs<T>& args) {
    return CeilDivide(args.m, kRowsPerTask) * static_cast<int64_t>(args.b->panels().size());
}

// One panel times a chunk of the rows.
template <typename T>
void RunTask(const TileFunctions<T>& path, const GemmArgs<T>& args, int64_t task) {
    const auto& panels = args.b->panels();
    const int64_t num_panels = static_cast<int64_t>(panels.size());
    const int64_t chunk_rows = CeilDivide(args.m, CeilDivide(args.m, kRowsPerTask));
    const size_t index = static_cast<size_t>(task % num_panels);
    const Panel& panel = panels[index];
    const int64_t begin = task / num_panels * chunk_rows,
                  end = std::min(args.m, begin + chunk_rows);
    TileArgs<T> tile;
    tile.width = panel.width;
    tile.stored = panel.stored;
    tile.a_stride = args.a_stride;
    tile.k = args.b->k();
    tile.b = args.b->panel_data(panel);
    tile.bias = args.bias ? args.bias + panel.column : nullptr;
    tile.c_stride = args.c_stride;
    tile.output = args.output;
    const int64_t step = path.rows(panel.stored);
    const size_t c_element = args.output == GemmOutput::kStore ? sizeof(T) : sizeof(float);
    for (int64_t row = begin; row < end; row += tile.rows) {
        tile.rows =
            static_cast<int>(SetExtension(args, index, row, std::min(step, end - row), tile));
        tile.a = args.a + row * args.a_stride;
        tile.c = static_cast<char*>(args.c) + (row * args.c_stride + panel.column) * c_element;
        path.run(tile);
    }
}

}  // namespace

template <typename T>
void Gemm(const Context& context, const GemmArgs<T>& args) {
    if (args.b->storage() != WeightStorage::kNative) return QuantizedGemm(context, args);
    Gemm(context, std::span(&args, 1));
}

template <typename T>
void Gemm(const Context& context, std::span<const GemmArgs<T>> products) {
    int64_t tasks = 0;
    for (const GemmArgs<T>& args : products) {
        HONE_CHECK(args.b->storage() == WeightStorage::kNative);
        HONE_CHECK(args.extension.empty() || args.extension.size() == args.b->panels().size());
        tasks += NumTasks(args);
    }
    const TileFunctions<T>& path = GemmKernels<T>().Choose({});
    context.ParallelFor(tasks, [&](int64_t task, int) {
        const GemmArgs<T>* args = products.data();
        for (; task >= NumTasks(*args); ++args) task -= NumTasks(*args);
        RunTask(path, *args, task);
    });
}

template <typename T>
void GradGemm(const Context& context, const GradGemmArgs<T>& args) {
    if (args.tokens == 0) return;
    const TileFunctions<T>& path = GemmKernels<T>().Choose({});
    const int64_t blocks = CeilDivide(args.tokens, kGradTokens);
    const int64_t transposed_stride = EvenFor<T>(args.tokens);
    // Thread 0's scratch holds A^T for all; behind it, as in the other threads' own, the panel and
    // the tile.
    const size_t a_bytes =
        (static_cast<size_t>(args.m * transposed_stride) * sizeof(T) + 63) / 64 * 64;
    const size_t panel_bytes = kGradTokens * kPanelColumns * sizeof(T);
    const size_t tile_bytes = kMaxTileRows * kPanelColumns * sizeof(float);
    char* base = static_cast<char*>(context.Scratch(0, a_bytes + panel_bytes + tile_bytes));
    T* a = reinterpret_cast<T*>(base);
    constexpr int64_t kColumnsPerPack = 32;
    context.ParallelFor(CeilDivide(args.m, kColumnsPerPack), [&](int64_t task, int) {
        const int64_t begin = task * kColumnsPerPack;
        PackTransposed(args.a + begin, args.a_stride, args.tokens,
                       std::min(kColumnsPerPack, args.m - begin), a + begin * transposed_stride,
                       transposed_stride);
    });
    context.ParallelFor(CeilDivide(args.n, kPanelColumns), [&](int64_t task, int thread) {
        char* scratch = thread == 0
                            ? base + a_bytes
                            : static_cast<char*>(context.Scratch(thread, panel_bytes + tile_bytes));
        T* panel = reinterpret_cast<T*>(scratch);
        float* sums = reinterpret_cast<float*>(scratch + panel_bytes);
        const int64_t column = task * kPanelColumns;
        TileArgs<T> tile;
        tile.width = static_cast<int>(std::min<int64_t>(kPanelColumns, args.n - column));
        tile.stored = (tile.width + 15) / 16 * 16;
        tile.a_stride = transposed_stride;
        tile.b = panel;
        tile.scale = args.scale;
        const int step = path.rows(tile.stored);
        for (int64_t block = 0; block < blocks; ++block) {
            const int64_t first = block * kGradTokens,
                          tokens = std::min(kGradTokens, args.tokens - first);
            PackPanel(args.b + first * args.b_stride + column, args.b_stride, tokens, tile.width,
                      tile.stored, panel);
            tile.k = EvenFor<T>(tokens);
            for (int64_t row = 0; row < args.m; row += step) {
                tile.rows = static_cast<int>(std::min<int64_t>(step, args.m - row));
                tile.a = a + row * transposed_stride + first;
                if (!args.transposed) {
                    tile.output = GemmOutput::kAddF32;
                    tile.c = args.c + row * args.c_stride + column;
                    tile.c_stride = args.c_stride;
                    path.run(tile);
                    continue;
                }
                tile.output = GemmOutput::kStoreF32;
                tile.c = sums;
                tile.c_stride = kPanelColumns;
                path.run(tile);
                for (int i = 0; i < tile.width; ++i) {
                    float* c = args.c + (column + i) * args.c_stride + row;
                    for (int r = 0; r < tile.rows; ++r) c[r] += sums[r * kPanelColumns + i];
                }
            }
        }
    });
}

template void Gemm(const Context&, const GemmArgs<float>&);
template void Gemm(const Context&, const GemmArgs<bf16>&);
template void Gemm(const Context&, std::span<const GemmArgs<float>>);
template void Gemm(const Context&, std::span<const GemmArgs<bf16>>);
template void GradGemm(const Context&, const GradGemmArgs<float>&);
template void GradGemm(const Context&, const GradGemmArgs<bf16>&);

}  // namespace hone
