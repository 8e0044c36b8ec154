#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/gemm/quantized_gemm.h"
#include "kernels/gemm/tile.h"
#include "tensor/partition.h"

namespace hone {
namespace {

// Rows of A that a task works through, where an implementation has no number of its own: they stay
// in the second-level cache beside a panel. A multiple of any tile's.
constexpr int64_t kRowsPerTask = 192;
// A task has several panels only where each thread still gets so many tasks.
constexpr int64_t kTasksPerThread = 6;

template <typename T>
int64_t RowsPerTask(const TileFunctions<T>& path) {
    return path.block_rows > 0 ? path.block_rows : kRowsPerTask;
}

// The tasks of one product: chunks of rows, each with groups of panels. No sum depends on it.
struct Cut {
    int64_t chunks = 0, groups = 0;
    int64_t tasks() const { return chunks * groups; }
};

template <typename T>
Cut CutProduct(const Context& context, const TileFunctions<T>& path, const GemmArgs<T>& args) {
    const auto panels = static_cast<int64_t>(args.b->panels().size());
    const int64_t chunks = CeilDivide(args.m, RowsPerTask(path));
    const int64_t beside = std::clamp<int64_t>(
        chunks * panels / (kTasksPerThread * context.num_threads()), 1, path.beside);
    return {chunks, CeilDivide(panels, beside)};
}

// A group of panels times a chunk of the rows.
template <typename T>
void RunTask(const TileFunctions<T>& path, const GemmArgs<T>& args, const Cut& cut, int64_t task) {
    const auto& panels = args.b->panels();
    const auto num_panels = static_cast<int64_t>(panels.size());
    const auto first_of = [&](int64_t group) { return group * num_panels / cut.groups; };
    const auto data = [&](const Panel& panel) {
        return args.b_data ? args.b_data + panel.offset : args.b->panel_data(panel);
    };
    const int64_t group = task % cut.groups, first = first_of(group),
                  count = first_of(group + 1) - first, next = first_of((group + 1) % cut.groups);
    const int stored = panels[first].stored;
    const int64_t step = path.MostRows(stored),
                  chunk_rows = RunOfTiles(args.m, RowsPerTask(path), path.rows(stored));
    const int64_t begin = task / cut.groups * chunk_rows,
                  end = std::min(args.m, begin + chunk_rows);
    TileArgs<T> tiles[kMaxTilesBeside];
    for (int64_t i = 0; i < count; ++i) {
        const Panel& panel = panels[first + i];
        TileArgs<T>& tile = tiles[i];
        tile.width = panel.width;
        tile.stored = panel.stored;
        tile.a_stride = args.a_stride;
        tile.k = args.b->k();
        tile.b = data(panel);
        if (next + i < num_panels) tile.next_b = data(panels[next + i]);
        tile.bias = args.bias ? args.bias + panel.column : nullptr;
        tile.c_stride = args.c_stride;
        tile.output = args.output;
    }
    const size_t c_element = args.output == GemmOutput::kStore ? sizeof(T) : sizeof(float);
    for (int64_t row = begin; row < end; row += tiles[0].rows) {
        for (int64_t i = 0; i < count; ++i) {
            TileArgs<T>& tile = tiles[i];
            const auto index = static_cast<size_t>(first + i);
            tile.rows =
                static_cast<int>(SetExtension(args, index, row, std::min(step, end - row), tile));
            tile.a = args.a + row * args.a_stride;
            tile.c = static_cast<char*>(args.c) +
                     (row * args.c_stride + panels[index].column) * c_element;
        }
        path.run({tiles, static_cast<size_t>(count)});
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
    GemmWith(context, GemmKernels<T>().Choose({}), products);
}

template <typename T>
void GemmWith(const Context& context, const TileFunctions<T>& path,
              std::span<const GemmArgs<T>> products) {
    std::vector<Cut> cuts;
    int64_t tasks = 0;
    for (const GemmArgs<T>& args : products) {
        HONE_CHECK(args.b->storage() == WeightStorage::kNative);
        HONE_CHECK(args.extension.empty() || args.extension.size() == args.b->panels().size());
        cuts.push_back(CutProduct(context, path, args));
        tasks += cuts.back().tasks();
    }
    context.ParallelFor(tasks, [&](int64_t task, int) {
        size_t i = 0;
        for (; task >= cuts[i].tasks(); ++i) task -= cuts[i].tasks();
        RunTask(path, products[i], cuts[i], task);
    });
}

template void Gemm(const Context&, const GemmArgs<float>&);
template void Gemm(const Context&, const GemmArgs<bf16>&);
template void Gemm(const Context&, std::span<const GemmArgs<float>>);
template void Gemm(const Context&, std::span<const GemmArgs<bf16>>);
template void GemmWith(const Context&, const TileFunctions<float>&,
                       std::span<const GemmArgs<float>>);
template void GemmWith(const Context&, const TileFunctions<bf16>&, std::span<const GemmArgs<bf16>>);

}  // namespace hone
