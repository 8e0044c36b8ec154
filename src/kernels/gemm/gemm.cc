#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/tile.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// Rows of A that a task works through with one panel of B: they stay in the second-level cache
// beside the panel. A multiple of any tile's.
constexpr int64_t kRowsPerTask = 192;

template <typename T>
int64_t NumTasks(const GemmArgs<T>& args) {
    return CeilDivide(args.m, kRowsPerTask) * static_cast<int64_t>(args.b->panels().size());
}

// One panel times a chunk of the rows.
template <typename T>
void RunTask(const TileFunctions<T>& path, const GemmArgs<T>& args, int64_t task) {
    const auto& panels = args.b->panels();
    const int64_t num_panels = static_cast<int64_t>(panels.size());
    const size_t index = static_cast<size_t>(task % num_panels);
    const Panel& panel = panels[index];
    const int64_t step = path.rows(panel.stored),
                  chunk_rows = RunOfTiles(args.m, kRowsPerTask, step);
    const int64_t begin = task / num_panels * chunk_rows,
                  end = std::min(args.m, begin + chunk_rows);
    TileArgs<T> tile;
    tile.width = panel.width;
    tile.stored = panel.stored;
    tile.a_stride = args.a_stride;
    tile.k = args.b->k();
    tile.b = args.b_data ? args.b_data + panel.offset : args.b->panel_data(panel);
    tile.bias = args.bias ? args.bias + panel.column : nullptr;
    tile.c_stride = args.c_stride;
    tile.output = args.output;
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

template void Gemm(const Context&, const GemmArgs<float>&);
template void Gemm(const Context&, const GemmArgs<bf16>&);
template void Gemm(const Context&, std::span<const GemmArgs<float>>);
template void Gemm(const Context&, std::span<const GemmArgs<bf16>>);

}  // namespace hone
